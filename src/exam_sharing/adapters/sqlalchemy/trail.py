"""The audit trail: what happened, and what was refused, for good."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Row, Table, insert, select
from sqlalchemy.engine import Connection
from typing_extensions import override

from exam_sharing.adapters.sqlalchemy.database import Database, Transactions
from exam_sharing.adapters.sqlalchemy.documents import (
    Records,
    ended_grant_of_row,
    event_of,
    grant_of_row,
    named_in,
    share_of_row,
    text_of,
)
from exam_sharing.adapters.sqlalchemy.engines import in_our_words
from exam_sharing.adapters.sqlalchemy.questions import one_of
from exam_sharing.adapters.sqlalchemy.tables import Tables
from exam_sharing.events import Event
from exam_sharing.ports import AuditTrail
from exam_sharing.validation import checks_arguments

__all__ = ["SqlTrail", "put_event", "records_named_in"]


@checks_arguments
class SqlTrail(AuditTrail):
    """The audit trail of one database."""

    def __init__(self, database: Database) -> None:
        self._transactions, self._tables = database.transactions, database.tables

    @override
    @in_our_words
    def record(self, event: Event) -> None:
        with self._transactions.writing_once() as connection:
            put_event(connection, self._tables, event)

    @in_our_words
    def events(self) -> tuple[Event, ...]:
        """Return every event, in the order in which they were written."""
        events = self._tables.events
        with self._transactions.reading() as connection:
            texts = tuple(connection.scalars(select(events.c.event).order_by(events.c.number)))
        # Grants and shares never change, so they may be read later than the events.
        records = records_named_in(self._transactions, self._tables, texts)
        return tuple(event_of(text, records) for text in texts)


def put_event(connection: Connection, tables: Tables, event: Event) -> None:
    """Write an event in the transaction of a connection."""
    row = {"at": event.at, "kind": type(event).__name__, "event": text_of(event)}
    connection.execute(insert(tables.events), row)


def records_named_in(transactions: Transactions, tables: Tables, texts: Iterable[str]) -> Records:
    """Return the grants and the shares that some documents name."""
    grant_ids: set[str] = set()
    share_ids: set[str] = set()
    for text in texts:
        grants_named, shares_named = named_in(text)
        grant_ids |= grants_named
        share_ids |= shares_named
    with transactions.reading() as connection:
        grants = _rows(connection, tables.grants, grant_ids)
        shares = _rows(connection, tables.shares, share_ids)
    return Records(
        grants={row.id: grant_of_row(row) for row in grants},
        ended={row.id: ended_grant_of_row(row) for row in grants if row.ended_how is not None},
        shares={row.id: share_of_row(row) for row in shares},
    )


def _rows(connection: Connection, table: Table, ids: set[str]) -> Sequence[Row[Any]]:
    if not ids:
        return ()
    named = select(table).where(one_of(table.c.id, "ids"))
    return connection.execute(named, {"ids": sorted(ids)}).all()
