"""Sharing inside a transaction that the host has open.

Nothing here begins, commits or rolls back that transaction, retries, or sends. What an act writes
stands behind a savepoint, so that an act which fails leaves nothing, and the host may go on.

Versions are locked, in the order of their ids, before facts are read; an act therefore loses a race
only where the host's transaction sees an older moment, or waits in a circle with another.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache

from sqlalchemy import MetaData
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from typing_extensions import override

from exam_sharing.adapters.sqlalchemy.database import (
    Database,
    OwnTransactions,
    Transactions,
    require_dialect,
)
from exam_sharing.adapters.sqlalchemy.driver_connections import is_begun, own_engine
from exam_sharing.adapters.sqlalchemy.failures import in_our_words, is_lost_race
from exam_sharing.adapters.sqlalchemy.grants import SqlGrants, locked_versions
from exam_sharing.adapters.sqlalchemy.outbox import HeldBackOutbox, SqlOutbox
from exam_sharing.adapters.sqlalchemy.store import SqlStore
from exam_sharing.adapters.sqlalchemy.tables import Tables, define_tables
from exam_sharing.adapters.sqlalchemy.trail import SqlTrail
from exam_sharing.errors import Conflict, InvalidValue, StoreFailed
from exam_sharing.events import Event
from exam_sharing.identifiers import ExamId
from exam_sharing.policy.facts import ExamGrants
from exam_sharing.ports import Changes
from exam_sharing.validation import require_kind

__all__ = ["JoinedStore", "joined_store"]


class _HostTransaction(Transactions):
    """A connection in the middle of the host's transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    @override
    def postgresql(self) -> bool:
        return self._connection.dialect.name == "postgresql"

    @override
    def reading(self) -> AbstractContextManager[Connection]:
        return nullcontext(self._still_open())

    @override
    @contextmanager
    def writing(self) -> Iterator[Connection]:
        with self._still_open().begin_nested():
            yield self._connection

    @override
    def writing_once(self) -> AbstractContextManager[Connection]:
        return self.writing()

    def _still_open(self) -> Connection:
        # Else a statement would begin a transaction of our own, which nobody would end.
        if not is_begun(self._connection):
            raise StoreFailed("the host's transaction has ended; join the next one")
        return self._connection


class JoinedStore(SqlStore):
    """A store whose transaction is the host's."""

    def __init__(self, connection: Connection, tables: Tables) -> None:
        """Join the transaction."""
        database = Database(_HostTransaction(connection), tables)
        super().__init__(database)
        self.outbox: SqlOutbox = HeldBackOutbox(database)
        # SQLite has one writer at a time, and that is the host: what it rolls back is all there is.
        self._beside: SqlStore = self
        if database.postgresql:
            self._beside = SqlStore(Database(OwnTransactions(own_engine(connection)), tables))

    @override
    def read(self, exams: tuple[ExamId, ...], *, ended: bool) -> Mapping[ExamId, ExamGrants]:
        return _or_conflict(lambda: self._locked_and_read(exams, ended=ended))

    def _locked_and_read(
        self, exams: tuple[ExamId, ...], *, ended: bool
    ) -> Mapping[ExamId, ExamGrants]:
        with self._database.reading() as connection:
            locked_versions(connection, self._database, {exam.value for exam in exams})
        return self._database.ask(self._grant_questions.read(exams, ended=ended))

    @override
    def commit(self, changes: Changes) -> bool:
        if not SqlGrants.commit(self, changes):
            raise Conflict(1)
        return True

    @override
    def record(self, event: Event) -> None:
        SqlTrail.record(self._beside, event)


@in_our_words
def _or_conflict(read: Callable[[], Mapping[ExamId, ExamGrants]]) -> Mapping[ExamId, ExamGrants]:
    try:
        return read()
    except SQLAlchemyError as error:
        if not is_lost_race(error):
            raise
    raise Conflict(1)


def joined_store(transaction: Connection | Session, *, tables: Tables | None = None) -> JoinedStore:
    """Return a store inside the transaction of a connection or a session.

    Raises:
        InvalidValue: there is no transaction, or it is one for another database.
        WrongKind: it is neither a connection nor a session.
    """
    require_kind("transaction", transaction, Connection, Session)
    connection = _connection_of(transaction)
    require_dialect(connection.engine)
    if not is_begun(connection):
        raise InvalidValue("transaction", "must have begun; begin it before you join it")
    return JoinedStore(connection, _default_tables() if tables is None else tables)


@cache
def _default_tables() -> Tables:
    # Statements over the same tables are compiled once, and a host joins on many of its requests.
    return define_tables(MetaData())


@in_our_words
def _connection_of(transaction: Connection | Session) -> Connection:
    return transaction.connection() if isinstance(transaction, Session) else transaction
