"""The search by name in a database: whom a typed text suggests, and the list by name.

Each batch of a search is one statement, with branches. A branch reads an index in the order of the
answer, and stops at the limit. Only texts longer than `SHORT` are sorted after they are matched. Of
several words, the longest selects the rows.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import attrs
import sqlalchemy as sa
from sqlalchemy import Row, delete, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.sql import FromClause

from exam_sharing.adapters.sqlalchemy.database import TRANSLATED
from exam_sharing.adapters.sqlalchemy.tables import INDEXED, DirectoryTables, one_of
from exam_sharing.names import SHORT, Findable, Fit, KeyKind, Typed

_Condition: TypeAlias = sa.ColumnElement[bool]
_Branch: TypeAlias = tuple[Fit, FromClause, list[_Condition]]

# NUL and lone surrogates: no database stores them.
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_BEHIND_SURROGATES: Final = "\ue000"
# How many words the database searches for: the longest ones.
_TOGETHER: Final = 4
# How many candidates are read in addition to the number wanted, and the most in one batch.
_SPARE: Final = 10
_LARGEST_BATCH: Final = 1000


class NamePlace(NamedTuple):
    """The place after which a batch begins: a rank, a folded name in two parts, and a key."""

    rank: int
    start: str
    rest: str
    key: str

    def __repr__(self) -> str:
        """Return a text without the name."""
        return f"NamePlace({self.key!r})"

    @classmethod
    def of(cls, row: Row[Any]) -> "NamePlace":
        """Return the place of a row of a batch."""
        return cls(row.rank, row.start, row.rest, row.key)

    @classmethod
    def named(cls, name: str, key: str) -> "NamePlace":
        """Return the place of any folded name and key, whatever characters they have."""
        place = _just_behind(name)
        return cls(0, place[:INDEXED], place[INDEXED:], _just_behind(key) if place == name else "")


Ask: TypeAlias = Callable[[sa.Executable], Sequence[Row[Any]]]
Batch: TypeAlias = Callable[[NamePlace | None, int], sa.Executable]
"""Makes the statement of the batch after a place, with at most so many rows."""


def candidates(
    batch: Batch,
    after: NamePlace | None,
    size: int,
    ask: Callable[[sa.Executable], Sequence[Row[Any]]],
) -> Iterator[Row[Any]]:
    """Yield candidates in order; each batch is read whole before its first is yielded."""
    size = min(size + _SPARE, _LARGEST_BATCH)
    full = True
    while full:
        rows = ask(batch(after, size))
        yield from rows
        full = len(rows) == size
        after = NamePlace.of(rows[-1]) if full else None
        size = min(4 * size, _LARGEST_BATCH)


def storable(typed: Typed) -> bool:
    """Return whether a database could store a text that fits."""
    return _UNSTORABLE.search(typed.text) is None


class Shown(NamedTuple):
    """The condition under which a principal is shown, with the name and the address."""

    condition: _Condition
    name: sa.ColumnElement[Any]
    email: sa.ColumnElement[Any]


@attrs.frozen
class NameSearch:
    """The statements that find principals by name.

    Attributes:
        only: the condition on a row with the key of a principal, and the name and address that are
            shown of it; by default those that are stored.
    """

    tables: DirectoryTables
    only: Callable[[sa.ColumnElement[str]], "Shown"] | None = None
    _shown: dict[FromClause, "Shown"] = attrs.field(init=False, factory=dict)

    def listed(self, after: NamePlace | None, limit: int) -> sa.Select[Any]:
        """Return the statement for the principals after a place, by name, then by key."""
        names = self.tables.principals
        return self._branch(0, after, limit, names, names.c.name_start.is_not(None))

    def suggested(
        self, typed: Typed, after: NamePlace | None, limit: int, *, whole: bool
    ) -> sa.CompoundSelect[Any]:
        """Return the statement for the principals that a typed text may fit, best first.

        Some come twice. Texts longer than `INDEXED`, and words beyond `_TOGETHER`, are left for
        `_fits` to check.
        """
        principals, text = self.tables.principals, typed.text
        branches = [self._whole(KeyKind.WHOLE, typed.whole)]
        if "@" in text:
            branches.append(self._whole(KeyKind.ADDRESS, text))
        if not whole:
            name_start, head = principals.c.name_start, text[:INDEXED]
            cut = len(text) > INDEXED
            begins = [name_start == head] if cut else _begins(name_start, head)
            branches.append((Fit.START, principals, begins))
            branches.append((Fit.START, self._found, self._begins(KeyKind.ADDRESS, text)))
            if typed.words:
                longest, *others = typed.words[:_TOGETHER]
                together = [*self._begins(KeyKind.WORD, longest), *map(self._also_begins, others)]
                branches.append((Fit.WORDS, self._found, together))
        first = 0 if after is None else after.rank
        parts = [
            self._branch(rank, after if rank == first else None, limit, source, *conditions)
            for rank, source, conditions in branches
            if rank >= first
        ]
        candidates = sa.union_all(*(select(part.subquery()) for part in parts))
        return candidates.order_by("rank", "start", "rest", "key").limit(limit)

    @property
    def _found(self) -> FromClause:
        principals, keys = self.tables.principals, self.tables.search_keys
        return keys.join(principals, principals.c.key == keys.c.key)

    def _whole(self, kind: KeyKind, text: str) -> _Branch:
        keys = self.tables.search_keys
        is_key = [keys.c.kind == int(kind), keys.c.start == text[:INDEXED]]
        return Fit.WHOLE, self._found, is_key

    def _begins(self, kind: KeyKind, text: str) -> list[_Condition]:
        keys = self.tables.search_keys
        if len(text) <= SHORT or len(text) >= INDEXED:
            return [keys.c.kind == int(kind), keys.c.start == text[:INDEXED]]
        return [keys.c.kind == int(kind), *_begins(keys.c.start, text)]

    def _also_begins(self, word: str) -> _Condition:
        keys, other = self.tables.search_keys, self.tables.search_keys.alias()
        return sa.exists().where(
            other.c.kind == int(KeyKind.WORD),
            other.c.start == word[:SHORT],
            other.c.name_start == keys.c.name_start,
            other.c.key == keys.c.key,
        )

    def _shown_of(self, table: sa.Table) -> Shown:
        if table not in self._shown:
            stored = self.tables.principals.c
            as_stored = Shown(sa.true(), stored.name, stored.email)
            self._shown[table] = as_stored if self.only is None else self.only(table.c.key)
        return self._shown[table]

    def _branch(
        self,
        rank: int,
        after: NamePlace | None,
        limit: int,
        source: FromClause,
        *conditions: _Condition,
    ) -> sa.Select[Any]:
        """Return the first rows of one rank after a place, in the order of the answer."""
        principals, keys = self.tables.principals, self.tables.search_keys
        # The index that finds the rows must be the one that orders them.
        table = principals if source is principals else keys
        start, rest, key = table.c.name_start, principals.c.name_rest, table.c.key
        shown = self._shown_of(table)
        first = select(
            sa.literal_column(str(int(rank))).label("rank"),
            key.label("key"),
            shown.name.label("name"),
            shown.email.label("email"),
            start.label("start"),
            rest.label("rest"),
        ).select_from(source)
        conditions = (*conditions, shown.condition)
        if after is not None:
            behind = sa.tuple_(start, rest, key) > sa.tuple_(after.start, after.rest, after.key)
            conditions = (*conditions, start >= after.start, behind)
        return first.where(*conditions).order_by(start, rest, key).limit(limit)


def fits(typed: Typed, row: Row[Any]) -> bool:
    """Return whether a text fits a row at least as well as the rank of the row."""
    fit = typed.fit(Findable.of(row.name, row.email))
    return fit is not None and fit <= row.rank


def _just_behind(text: str) -> str:
    """Return the text, or if it cannot be stored, a storable text at its place in the order.

    In the second case, the stored texts after `text` are the result and the texts after it.
    """
    unfit = _UNSTORABLE.search(text)
    if unfit is None:
        return text
    return text[: unfit.start()] + ("\x01" if unfit[0] == "\x00" else _BEHIND_SURROGATES)


def _begins(column: sa.ColumnElement[str], text: str) -> list[_Condition]:
    """Return the conditions that a column begins with a text, as a range of an index."""
    conditions: list[_Condition] = [column >= text]
    stripped = text.rstrip(chr(sys.maxunicode))
    if stripped:
        following = chr(ord(stripped[-1]) + 1)
        conditions.append(column < stripped[:-1] + _just_behind(following))
    return conditions


def columns_of(found: Findable) -> dict[str, Any]:
    """Return the columns by which a name and an address are found."""
    return {
        "name_start": found.name[:INDEXED],
        "name_rest": found.name[INDEXED:],
        "address": found.address,
    }


def insert_search_keys(
    connection: Connection, tables: DirectoryTables, found: Mapping[str, Findable]
) -> None:
    """Insert the search keys of principals, of which none are there."""
    # In the order of the table, in which a database inserts them faster.
    rows = sorted(
        {
            (int(kind), text[:INDEXED], each.name[:INDEXED], key)
            for key, each in found.items()
            for kind, text in each.search_keys(INDEXED)
        }
    )
    if not rows:
        return
    names = [column.key for column in tables.search_keys.c]
    by_name = (dict(zip(names, row, strict=True)) for row in rows)
    if connection.get_execution_options().get(TRANSLATED):
        # SQLAlchemy alone can put translated names into the text.
        connection.execute(insert(tables.search_keys), list(by_name))
        return
    # A principal has about twenty of them. What SQLAlchemy does for each row would take as long as
    # all the rest of a bulk load.
    compiled: Any = insert(tables.search_keys).compile(dialect=connection.dialect)
    connection.exec_driver_sql(compiled.string, rows if compiled.positional else list(by_name))


def put_principals(
    connection: Connection, tables: DirectoryTables, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert or replace rows of principals."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    put = dialect.insert(tables.principals)
    changed = {name: put.excluded[name] for name in rows[0] if name != "key"}
    statement = put.on_conflict_do_update(index_elements=["key"], set_=changed)
    connection.execute(statement, list(rows))


def put_names(
    connection: Connection,
    tables: DirectoryTables,
    keys: Iterable[str],
    found: Mapping[str, tuple[str, str | None]],
) -> None:
    """Replace what finds some principals, by the name and the address of each that there is.

    The row of a principal is locked before its search keys are replaced, and all lock in one order.
    """
    asked = sorted(set(keys) | found.keys())
    findable = {key: Findable.of(*found[key]) for key in asked if key in found}
    plain = {"active": True, "sharing_in_plan": True, "notices": True}
    rows: list[dict[str, Any]] = [
        {"key": key, "name": found[key][0], "email": found[key][1], **plain, **columns_of(text)}
        for key, text in findable.items()
    ]
    if rows:
        put_principals(connection, tables, rows)
    gone = [key for key in asked if key not in findable]
    for column, those in ((tables.principals.c.key, gone), (tables.search_keys.c.key, asked)):
        if those:
            connection.execute(delete(column.table).where(one_of(column, "keys")), {"keys": those})
    insert_search_keys(connection, tables, findable)
