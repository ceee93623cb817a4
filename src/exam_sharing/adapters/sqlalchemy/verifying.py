"""The verifier: it compares every record with its leaf, its seal, and the rows that it wrote.

It reads one moment of the database, in the order of the numbers. First it follows the chain of
seals, then each log, and then it compares the number of grants and shares with the number that
events name. Only when something differs does it search for where the record is now.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Final, TypeAlias

from sqlalchemy import Engine, Table, and_, exists, func, or_, select, true
from sqlalchemy.engine import Connection

from exam_sharing.adapters.sqlalchemy import engines
from exam_sharing.adapters.sqlalchemy.database import check_schema
from exam_sharing.adapters.sqlalchemy.documents import row_of_expiry, rows_named_in
from exam_sharing.adapters.sqlalchemy.engines import in_our_words
from exam_sharing.adapters.sqlalchemy.logs import (
    EVENTS,
    Log,
    NamedRow,
    Written,
    digest_of,
    in_microseconds,
    logs_of,
    read_written,
)
from exam_sharing.adapters.sqlalchemy.tables import Tables, given_tables
from exam_sharing.errors import InvalidInput
from exam_sharing.grants import HowEnded
from exam_sharing.seals import (
    SEALS,
    Edit,
    Entry,
    Finding,
    Seal,
    Verification,
    divided,
    first_difference,
    leaf_of,
    unpacked,
)
from exam_sharing.validation import instant, require_kind

Names: TypeAlias = Sequence[NamedRow]

# How many rows are read at a time.
_MANY, _FEW = 2_000, 50
# So many rows are named where one of them was edited.
_CANDIDATES: Final = 3
# Errors of hashing a value of another type, which SQLite lets into any column.
_NOT_OURS: Final = (AttributeError, TypeError, ValueError)
# Below every number that a row can have.
_BEFORE_ALL: Final = -(2**63)


def verify(
    engine: Engine,
    *,
    trusted: Seal | None = None,
    tables: Tables | None = None,
    now: datetime | None = None,
) -> Verification:
    """Compare all records with their seals, and report the first that was edited, if any was.

    Nothing is written, and no act waits; all that is compared is of one moment. With `trusted`, a
    seal that was kept elsewhere, also somebody who could write every table is found out, for the
    records up to that seal. Without it, only who did not compute the hashes again. What was removed
    from the records after the last seal cannot show. `now` is aware, and by default the machine's
    time: no grant can have expired later. Specification: `#nothing-was-edited`.

    Raises:
        WrongKind: an argument is of another type.
        StoreFailed: the database does not answer, or its tables are missing, older or newer.
    """
    require_kind("trusted", trusted, Seal, type(None))
    at = instant("now", datetime.now(UTC) if now is None else now)
    known = given_tables(tables)
    own = engines.checked_engine(engine)
    check_schema(own, known)
    return _verified(own, known, trusted, at)


@in_our_words
def _verified(engine: Engine, tables: Tables, trusted: Seal | None, now: datetime) -> Verification:
    with _one_moment(engine) as connection:
        verifier = _Verifier(connection, tables, now)
        return Verification(
            first=verifier.first_edit(trusted),
            records=verifier.records,
            rows=verifier.rows,
            sealed=verifier.sealed,
            last=verifier.last,
            trusted=trusted,
        )


@contextmanager
def _one_moment(engine: Engine) -> Iterator[Connection]:
    """Open a transaction whose statements all see the same moment."""
    if engine.dialect.name == "postgresql":
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    else:
        options = {engines.READS: True}
    with engine.connect() as connection:
        connection.execution_options(**options)
        with connection.begin():
            yield connection


class _Verifier:
    """One comparison; it counts what it has compared."""

    def __init__(self, connection: Connection, tables: Tables, now: datetime) -> None:
        self.records = self.rows = self.sealed = 0
        self.last: Seal | None = None
        self._connection, self._tables, self._now = connection, tables, now
        # How many rows of each kind events name.
        self._named: Counter[str] = Counter()
        # What was done to which row of the last record that does not fit its rows.
        self._edited: tuple[Edit, str] | None = None

    def first_edit(self, trusted: Seal | None) -> Finding | None:
        """Return the first edit of a seal, of a record, or of a row that no record made."""
        found = self._edited_seal(trusted)
        for log in logs_of(self._tables):
            found = found or self._edited_record(log) or self._copied_record(log)
        return found or self._unnamed_row()

    def _edited_seal(self, trusted: Seal | None) -> Finding | None:
        expected = 1
        for number, text, entries in self._seals():
            edit = _edit_of_seal(number, expected, text, entries)
            if edit is not None:
                return Finding(log=SEALS, number=min(number, expected), edit=edit)
            seal = Seal.from_json(text)
            if not seal.follows(self.last):
                # The digest of the seal before is in this one.
                return Finding(log=SEALS, number=max(1, number - 1), edit=Edit.CHANGED)
            if trusted is not None and trusted.number == number and trusted != seal:
                return Finding(log=SEALS, number=number, edit=Edit.CHANGED)
            self.last, expected = seal, expected + 1
        if trusted is not None and trusted.number >= expected:
            return Finding(log=SEALS, number=expected, edit=Edit.REMOVED)
        return None

    def _seals(self) -> Iterator[Sequence[Any]]:
        for rows in _in_order(self._connection, self._tables.seals, ["seal", "entries"], _FEW):
            yield from rows

    def _sealed(self, log: Log) -> Iterator[Entry]:
        """Yield the entries of a log in all seals."""
        for _, text, entries in self._seals():
            for sealed, part in divided(Seal.from_json(text), entries):
                if sealed.log == log.name:
                    yield from unpacked(part)

    def _edited_record(self, log: Log) -> Finding | None:
        through = 0 if self.last is None else self.last.through(log.name)
        found = self._found(log, through)
        difference = first_difference(self._sealed(log), found, through)
        if difference is None:
            return None
        number, sealed, now = difference
        if now == b"":
            edit, row = self._edited or (Edit.CHANGED, None)
            if sealed is None and number <= through:
                edit, row = Edit.INSERTED, None
            return Finding(log=log.name, number=number, edit=edit, row=row)
        edit, moved = self._moved(log, sealed, now)
        return Finding(log=log.name, number=number, edit=edit, moved=moved)

    def _copied_record(self, log: Log) -> Finding | None:
        """Return a record that is a copy of an earlier one: no two acts have chosen one salt.

        A copy names the rows of the other once more, so that rows of no record would not be missed.
        """
        number = func.max(log.table.c.number).label("copy")
        twice = select(number).group_by(log.table.c.leaf).having(func.count() > 1)
        found: int | None = self._connection.scalar(twice.order_by(number).limit(1))
        return None if found is None else Finding(log=log.name, number=found, edit=Edit.INSERTED)

    def _found(self, log: Log, through: int) -> Iterator[Entry]:
        """Yield the number and the leaf of every record; the leaf is empty if it does not fit."""
        columns = ["at", "kind", log.document, "salt", "leaf"]
        columns += ["written"] if log.names_rows else []
        for rows in _in_order(self._connection, log.table, columns, _MANY):
            # What a record names is read only if the act that wrote the record has named it.
            fit = [_fits(log, row) for row in rows]
            named, written = self._names_in(log, rows, fit)
            for row, fits, names in zip(rows, fit, named, strict=True):
                number: int = row[0]
                self.records += 1
                self.sealed += number <= through
                self._edited = None
                yield number, self._fitting_leaf(row, names, written) if fits else b""

    def _names_in(
        self, log: Log, rows: Sequence[Sequence[Any]], fit: Sequence[bool]
    ) -> tuple[Sequence[Names], Written]:
        """Return what the document of each record names, and those of these rows that are there."""
        if not log.names_rows:
            return [()] * len(rows), {}
        named = [rows_named_in(row[3]) if fits else () for row, fits in zip(rows, fit, strict=True)]
        every = chain.from_iterable(named)
        return named, read_written(self._connection, self._tables, every)

    def _fitting_leaf(self, row: Sequence[Any], named: Names, written: Written) -> bytes:
        """Return the leaf of a record if its rows fit too, else nothing."""
        _, _, _, _, salt, leaf, *others = row
        try:
            self._edited = self._edited_row(salt, named, written, others[0]) if named else None
        except _NOT_OURS:
            return b""
        return bytes(leaf) if self._edited is None else b""

    def _edited_row(
        self, salt: bytes, named: Names, written: Written, digest: bytes | None
    ) -> tuple[Edit, str] | None:
        """Return the edit of a row that a record names, if there was one."""
        self.rows += len(named)
        for name in named:
            self._named[name[0]] += 1
            if name not in written:
                return Edit.REMOVED, _spelled(name)
        if digest_of(salt, named, written) == digest:
            return None
        return Edit.CHANGED, " or ".join(map(_spelled, named[:_CANDIDATES]))

    def _moved(self, log: Log, sealed: bytes | None, now: bytes | None) -> tuple[Edit, int | None]:
        """Return what was done at a number, and where its record has gone or comes from."""
        if sealed is not None:
            where = self._number_now(log, sealed)
            if where is not None:
                return Edit.REORDERED, where
            taken = now is None or self._number_sealed(log, now) is not None
            return (Edit.REMOVED if taken else Edit.CHANGED), None
        before = self._number_sealed(log, now)
        if before is None or self._number_now(log, now, at=before) is not None:
            return Edit.INSERTED, None
        return Edit.REORDERED, before

    def _number_now(self, log: Log, leaf: bytes | None, at: int | None = None) -> int | None:
        table = log.table
        where = select(table.c.number).where(table.c.leaf == leaf).limit(1)
        if at is not None:
            where = where.where(table.c.number == at)
        found: int | None = self._connection.scalar(where)
        return found

    def _number_sealed(self, log: Log, leaf: bytes | None) -> int | None:
        return next((number for number, each in self._sealed(log) if each == leaf), None)

    def _unnamed_row(self) -> Finding | None:
        """Return the first grant, ending or share that no event has written."""
        grants, shares = self._tables.grants, self._tables.shares
        # A sweep records the ending of an expired grant without an event.
        ended = grants.c.ended_how.is_not(None) & (grants.c.ended_how != HowEnded.EXPIRED.value)
        for kind, table, condition in (
            ("grant", grants, true()),
            ("share", shares, true()),
            ("ended", grants, ended),
        ):
            counted = select(func.count()).select_from(table).where(condition)
            if self._connection.scalar(counted) == self._named[kind]:
                continue
            named = {name for each, name in self._all_named() if each == kind}
            ids = self._connection.scalars(select(table.c.id).where(condition).order_by(table.c.id))
            unnamed = next((each for each in ids if each not in named), None)
            if unnamed is None:
                # The same id on another exam.
                twice = select(table.c.id).where(condition).group_by(table.c.id)
                twice = twice.having(func.count() > 1).order_by(table.c.id).limit(1)
                unnamed = self._connection.scalar(twice)
            if unnamed is not None:
                row = _spelled((kind, unnamed))
                return Finding(log=EVENTS, number=None, edit=Edit.INSERTED, row=row)
        return self._wrong_ending()

    def _all_named(self) -> Iterator[NamedRow]:
        for rows in _in_order(self._connection, self._tables.events, ["event"], _MANY):
            for _, document in rows:
                yield from rows_named_in(document)

    def _wrong_ending(self) -> Finding | None:
        """Return the first grant that no act has ended, and that has an ending all the same.

        It may be recorded as a sweep records expiry, at its own time, or its exam may be withdrawn.
        """
        grants, versions = self._tables.grants.c, self._tables.versions
        swept = row_of_expiry(self._tables.grants)
        unlike = [grants[name].is_distinct_from(value) for name, value in swept.items()]
        early = grants.until.is_(None), grants.until > self._now, grants.closed_version.is_(None)
        withdrawn = exists().where(versions.c.exam == grants.exam, versions.c.withdrawn)
        closed = and_(grants.closed_version.is_not(None), ~withdrawn)
        partly = [grants[name].is_not(None) for name in swept]
        by_whom = grants.ended_by.is_not(None)
        ended = or_(
            and_(grants.ended_how == HowEnded.EXPIRED.value, or_(by_whom, *unlike, *early)),
            and_(grants.ended_how.is_(None), or_(by_whom, closed, *partly)),
        )
        first = select(grants.id).where(ended).order_by(grants.id).limit(1)
        found: str | None = self._connection.scalar(first)
        if found is None:
            return None
        row = _spelled(("ended", found))
        return Finding(log=EVENTS, number=None, edit=Edit.INSERTED, row=row)


def _edit_of_seal(number: int, expected: int, text: str, entries: bytes) -> Edit | None:
    """Return what was done to the seal in a row by itself, if it shows."""
    if number != expected:
        return Edit.REMOVED if number > expected else Edit.INSERTED
    try:
        seal = Seal.from_json(text)
    except InvalidInput:
        return Edit.CHANGED
    if seal.number != number:
        return Edit.REORDERED
    try:
        parts = [*divided(seal, entries)]
        whole = sum(len(part) for _, part in parts) == len(entries)
        return None if whole and all(log.covers(part) for log, part in parts) else Edit.CHANGED
    except _NOT_OURS:
        return Edit.CHANGED


def _fits(log: Log, row: Sequence[Any]) -> bool:
    """Return whether the leaf of a record is that of its content."""
    _, at, kind, document, salt, leaf, *others = row
    written = others[0] if others else None
    try:
        # SQLite lets fractions into any column, and a leaf takes the whole part of one.
        expected = leaf_of(salt, log.name, at, kind, document, written or b"")
        return type(at) is int and bool(expected == leaf)
    except _NOT_OURS:
        return False


def _spelled(named: NamedRow) -> str:
    kind, row = named
    return f"{'ending of grant' if kind == 'ended' else kind} {row!r}"


def _in_order(
    connection: Connection, table: Table, columns: Sequence[str], step: int
) -> Iterator[Sequence[Sequence[Any]]]:
    """Yield all rows in the order of their numbers, some at a time, each after its number."""
    number, after = table.c.number, _BEFORE_ALL
    read = [in_microseconds(table.c[each]) for each in columns]
    while True:
        page = select(number, *read).where(number >= after).order_by(number).limit(step)
        rows = connection.execute(page).all()
        if rows:
            yield rows
        if len(rows) < step:
            return
        after = rows[-1][0] + 1
