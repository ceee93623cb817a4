"""Sharing inside a transaction that the host has open.

Nothing here begins, commits or rolls back that transaction, retries, or sends. What an act writes
stands behind a savepoint, so that an act which fails leaves nothing, and the host may go on.

Versions are locked, in the order of their ids, before facts are read; an act therefore loses a race
only where the host's transaction sees an older moment, or waits in a circle with another.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime

from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from typing_extensions import override

from exam_sharing.adapters.sqlalchemy.database import (
    Database,
    OwnTransactions,
    Transactions,
    insert_unless_there,
)
from exam_sharing.adapters.sqlalchemy.driver_connections import is_begun, own_engine
from exam_sharing.adapters.sqlalchemy.engines import quiet_engine, require_dialect
from exam_sharing.adapters.sqlalchemy.failures import in_our_words, is_lost_race
from exam_sharing.adapters.sqlalchemy.grants import SqlGrants, locked_versions
from exam_sharing.adapters.sqlalchemy.host_exams import HostExams, SqlSharingStore
from exam_sharing.adapters.sqlalchemy.kinds import given_tables, require_transaction
from exam_sharing.adapters.sqlalchemy.outbox import HeldBackOutbox, SqlOutbox
from exam_sharing.adapters.sqlalchemy.poolers import may_mix_statements, remedy
from exam_sharing.adapters.sqlalchemy.store import SqlStore
from exam_sharing.adapters.sqlalchemy.tables import Tables
from exam_sharing.adapters.sqlalchemy.trail import SqlTrail, put_event
from exam_sharing.adapters.sqlalchemy.transfers import count_transfer
from exam_sharing.errors import Conflict, InvalidArgument, StoreFailed
from exam_sharing.events import Event, ExamTransferred
from exam_sharing.identifiers import ExamId, UserId
from exam_sharing.policy.facts import ExamGrants
from exam_sharing.ports import Changes
from exam_sharing.validation import instant, require_kind

__all__ = ["JoinedSharingStore", "JoinedStore", "joined_store", "owner_changed"]


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


class _Joining(SqlGrants, SqlTrail):
    """What a store does otherwise when its transaction is the host's."""

    _refusals: SqlTrail

    def _join(self, connection: Connection) -> None:
        self.outbox: SqlOutbox = HeldBackOutbox(self._database)
        # SQLite has one writer at a time, and that is the host: what it rolls back is all there is.
        beside = self._database
        if beside.postgresql:
            beside = Database(OwnTransactions(quiet_engine(own_engine(connection))), beside.tables)
        self._refusals = SqlTrail(beside)

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
        self._refusals.record(event)


class JoinedStore(_Joining, SqlStore):
    """A store whose transaction is the host's."""

    def __init__(self, connection: Connection, tables: Tables) -> None:
        """Join the transaction."""
        SqlStore.__init__(self, Database(_HostTransaction(connection), tables))
        self._join(connection)


class JoinedSharingStore(_Joining, SqlSharingStore):
    """A store whose transaction is the host's, as its exams are."""

    def __init__(self, connection: Connection, tables: Tables, exams: HostExams) -> None:
        """Join the transaction."""
        SqlSharingStore.__init__(self, Database(_HostTransaction(connection), tables), exams)
        self._join(connection)


@in_our_words
def _or_conflict(read: Callable[[], Mapping[ExamId, ExamGrants]]) -> Mapping[ExamId, ExamGrants]:
    try:
        return read()
    except SQLAlchemyError as error:
        if not is_lost_race(error):
            raise
    raise Conflict(1)


def joined_store(
    transaction: Connection | Session,
    *,
    tables: Tables | None = None,
    exams: HostExams | None = None,
) -> JoinedStore | JoinedSharingStore:
    """Return a store inside the transaction of a connection or a session.

    Raises:
        InvalidValue: there is no transaction, or it is one for another database.
        WrongKind: it is neither a connection nor a session.
    """
    connection = _joinable(transaction)
    known = given_tables(tables)
    if exams is None:
        return JoinedStore(connection, known)
    return JoinedSharingStore(connection, known, exams)


def owner_changed(
    transaction: Connection | Session,
    *,
    exam: ExamId,
    before: UserId,
    after: UserId,
    at: datetime,
    tables: Tables | None = None,
) -> None:
    """Tell that a host's exam has another owner now, in the transaction that changes it.

    It counts as a version, so that acts which read the former owner are decided again, and is an
    event in the audit trail. Grants stay as they are.

    Args:
        transaction: as for `joined`.
        exam: which exam.
        before: who owned it.
        after: who owns it now.
        at: when, aware.
        tables: by default those of `define_tables`.

    Raises:
        InvalidValue: there is no transaction, or the time is naive.
        StoreFailed: the exam was withdrawn, or the database failed.
        WrongKind: an argument is of another type.
    """
    require_kind("exam", exam, ExamId)
    require_kind("before", before, UserId)
    require_kind("after", after, UserId)
    when = instant("at", at)
    known = given_tables(tables)
    database = Database(_HostTransaction(_joinable(transaction)), known)
    _put_transfer(database, exam, before, after, when)


@in_our_words
def _put_transfer(
    database: Database, exam: ExamId, before: UserId, after: UserId, at: datetime
) -> None:
    versions = database.tables.versions
    unshared = {"exam": exam.value, "version": 0, "withdrawn": False}
    with database.writing() as connection:
        connection.execute(insert_unless_there(database, versions), unshared)
        version = count_transfer(connection, database.tables, exam)
        event = ExamTransferred(
            at=at, exam=exam, before=before, after=after, versions={exam: version}
        )
        put_event(connection, database.tables, event)


def _joinable(transaction: Connection | Session) -> Connection:
    require_transaction(transaction)
    connection = _connection_of(transaction)
    require_dialect(connection.engine)
    if not is_begun(connection):
        raise InvalidArgument("transaction", "must have begun; begin it before you join it")
    if may_mix_statements(connection):
        raise InvalidArgument("transaction", remedy(connection.dialect.driver))
    return connection


@in_our_words
def _connection_of(transaction: Connection | Session) -> Connection:
    return transaction.connection() if isinstance(transaction, Session) else transaction
