"""Accesses in the database. A report is one statement, which adds to the rows that are there.

Like the record of a refusal, a report decides nothing: it waits for no standby, and is written
beside a host's transaction where the database can do so.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

import attrs
import sqlalchemy as sa
from sqlalchemy import Table, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from typing_extensions import override

from exam_sharing.accesses import Access, AccessQuery, together
from exam_sharing.adapters.sqlalchemy.database import Database
from exam_sharing.adapters.sqlalchemy.documents import ACCESSES
from exam_sharing.adapters.sqlalchemy.engines import in_our_words
from exam_sharing.adapters.sqlalchemy.reading import texts
from exam_sharing.adapters.sqlalchemy.tables import ByDialect, listed, one_of
from exam_sharing.adapters.sqlalchemy.trail import put_event
from exam_sharing.events import AccessesPurged
from exam_sharing.grants import NEVER
from exam_sharing.policy.settings import LONGEST_WINDOW
from exam_sharing.ports import AccessLog
from exam_sharing.validation import checks_arguments, require_kind

# Rows in one statement: databases limit the number of its parameters.
_MOST: Final = 500


@checks_arguments
class SqlAccesses(AccessLog):
    """The accesses of one database; safe for threads and processes."""

    def __init__(self, database: Database) -> None:
        """Keep the database."""
        require_kind("database", database, Database)
        self._transactions, self._tables = database.transactions, database.tables

    @override
    @in_our_words
    def put(self, accesses: tuple[Access, ...]) -> bool:
        transactions = self._transactions
        # In one order, so that two reports never wait for each other.
        rows = [_row_of(each) for each in sorted(_added_up(accesses), key=lambda each: each.id)]
        add = _adding(self._tables.accesses, postgresql_=transactions.postgresql)
        if len(rows) > _MOST:
            with transactions.writing() as connection:
                for start in range(0, len(rows), _MOST):
                    connection.execute(add.values(rows[start : start + _MOST]))
        elif rows:
            with transactions.recording() as connection:
                if len(rows) == 1:
                    connection.execute(add, rows[0])
                else:
                    connection.execute(add.values(rows))
        return transactions.records_last

    @override
    @in_our_words
    def find(self, wanted: AccessQuery) -> tuple[Access, ...]:
        accesses, asked = self._tables.accesses, dict[str, object]()
        found = select(accesses).where(*_within(wanted, accesses))
        by, named = accesses.c.exam, texts(wanted.exams or ())
        if wanted.exams is None:
            by, named = accesses.c.reader, texts(wanted.users or ())
        elif wanted.users is not None:
            found = found.where(one_of(accesses.c.reader, "readers"))
            asked["readers"] = texts(wanted.users)
        if len(named) == 1:
            newest = _newest(found.where(by == named[0]), accesses.c, wanted.limit)
        elif self._transactions.postgresql:
            # The newest of each, by the index, and of these the newest.
            each = listed("named")
            top = _newest(found.where(by == each.c.value), accesses.c, wanted.limit).lateral("top")
            of_all = select(*top.c).select_from(each.join(top, sa.true()))
            newest, asked["named"] = _newest(of_all, top.c, wanted.limit), named
        else:
            of_all = found.where(one_of(by, "named"))
            newest, asked["named"] = _newest(of_all, accesses.c, wanted.limit), named
        return ACCESSES.values_of(self._transactions.rows(newest, **asked))

    @override
    @in_our_words
    def purge(self, purged: AccessesPurged) -> int:
        accesses = self._tables.accesses
        over = delete(accesses).where(accesses.c.last_at < purged.request.before)
        with self._transactions.writing() as connection:
            rows = connection.execute(over).rowcount
            if rows:
                put_event(connection, self._tables, attrs.evolve(purged, rows=rows))
        return rows


def _added_up(accesses: Iterable[Access]) -> tuple[Access, ...]:
    """Return one access for each row, with what the reports for it add up to."""
    rows: dict[str, Access] = {}
    for each in accesses:
        row = each.id
        rows[row] = together(rows[row], each) if row in rows else each
    return tuple(rows.values())


def _row_of(access: Access) -> dict[str, Any]:
    return {"id": access.id, **ACCESSES.row_of(access)}


@lru_cache(maxsize=64)
def _adding(table: Table, *, postgresql_: bool) -> postgresql.Insert | sqlite.Insert:
    """Return the insert that adds to a row where it is there."""
    insert = postgresql.insert(table) if postgresql_ else sqlite.insert(table)
    kept, new = table.c, insert.excluded
    earliest = ByDialect(
        sa.func.least(kept.first_at, new.first_at), sa.func.min(kept.first_at, new.first_at)
    )
    latest = ByDialect(
        sa.func.greatest(kept.last_at, new.last_at), sa.func.max(kept.last_at, new.last_at)
    )
    return insert.on_conflict_do_update(
        index_elements=[kept.id],
        set_={"first_at": earliest, "last_at": latest, "times": kept.times + new.times},
    )


def _newest(found: sa.Select[Any], columns: Any, limit: int) -> sa.Select[Any]:  # noqa: ANN401
    return found.order_by(columns.first_at.desc(), columns.id.desc()).limit(limit)


def _within(wanted: AccessQuery, accesses: Table) -> list[sa.ColumnElement[bool]]:
    """Return the conditions of times, and of the place behind which the page begins."""
    columns, found = accesses.c, list[sa.ColumnElement[bool]]()
    if wanted.since is not None:
        # No row is longer than the longest window, so the index bounds the search.
        begun = wanted.since - min(LONGEST_WINDOW, wanted.since - NEVER)
        found += [columns.first_at >= begun, columns.last_at >= wanted.since]
    if wanted.before is not None:
        found.append(columns.first_at < wanted.before)
    if wanted.after is not None:
        first, row = wanted.after
        same = sa.and_(columns.first_at == first, columns.id < row)
        found += [columns.first_at <= first, sa.or_(columns.first_at < first, same)]
    return found
