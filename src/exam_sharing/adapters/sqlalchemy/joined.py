"""Sharing inside a transaction that the host has open, by SQLAlchemy or by the driver itself.

Nothing here begins, commits or rolls back that transaction, retries, or sends. An act writes behind
a savepoint, so that an act that fails writes nothing and the host may go on.

Versions are locked, in the order of their ids, before facts are read. An act therefore loses a race
only if the host's transaction sees an older moment, or waits in a circle with another.

A host on another framework, such as Django, holds a connection of the driver in the middle of a
transaction. Our statements run over it. Calls that would commit it, roll it back, reset it or close
it do nothing, and no event of an engine is fired for it.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from typing import Any, Final, Protocol, cast
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, NullPool, Pool
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session
from typing_extensions import override

from exam_sharing.adapters.sqlalchemy.database import Database, Transactions, holding
from exam_sharing.adapters.sqlalchemy.engines import (
    in_our_words,
    is_begun,
    or_conflict,
    quiet_engine,
    require_dialect,
    require_transaction,
    require_unmixed_statements,
)
from exam_sharing.adapters.sqlalchemy.host import HostExams, SqlSharingStore
from exam_sharing.adapters.sqlalchemy.outbox import HeldBackOutbox, SqlOutbox
from exam_sharing.adapters.sqlalchemy.store import SqlStore
from exam_sharing.adapters.sqlalchemy.tables import Tables, given_tables
from exam_sharing.adapters.sqlalchemy.trail import SqlTrail, put_event
from exam_sharing.adapters.sqlalchemy.writing import SqlGrants, locked_versions, put_transfer
from exam_sharing.conformance import require_conforming
from exam_sharing.errors import Conflict, InvalidArgument, StoreFailed
from exam_sharing.events import Event
from exam_sharing.identifiers import ExamId, UserId
from exam_sharing.policy.facts import ExamGrants
from exam_sharing.ports import AuditTrail, Changes, Directory
from exam_sharing.validation import instant, require_instance, require_kind

__all__ = [
    "DriverConnection",
    "JoinedSharingStore",
    "JoinedStore",
    "directory_inside",
    "joined_store",
    "over_driver_connection",
    "owner_changed",
]

_DRIVERS: Final = ("psycopg", "pysqlite")


class DriverConnection(Protocol):
    """A connection of psycopg 3 or of Python's sqlite3."""

    def cursor(self) -> Any:  # noqa: ANN401  each driver has a kind of its own
        """Return a new cursor."""


def over_driver_connection(driver_connection: DriverConnection, engine: Engine) -> Connection:
    """Return a connection for `joined` over a driver's connection that is in a transaction.

    It can be used during that transaction, which it neither ends nor closes.

    Args:
        driver_connection: of psycopg 3 or sqlite3; in Django `connection.connection`, inside of
            `atomic()`.
        engine: for the same database, by the same driver; it records refusals where they have a
            transaction of their own.

    Raises:
        InvalidValue: there is no transaction, or the engine is for something else.
        WrongKind: it is no connection of the engine's driver.
    """
    require_dialect(engine)
    if engine.dialect.driver not in _DRIVERS:
        raise InvalidArgument("engine", "must use the driver psycopg 3, or sqlite3")
    driver: Any = engine.dialect.loaded_dbapi
    require_instance("driver_connection", driver_connection, driver.Connection)
    lent = _Lent(driver_connection, engine)
    pool = NullPool(lambda: lent, reset_on_return=None, dialect=engine.dialect)
    connection = Connection(_engine_without_events(engine), pool.connect())
    connection.begin()
    if not is_begun(connection):
        raise InvalidArgument(
            "driver_connection", "must be in a transaction; in Django, call it inside of atomic()"
        )
    require_unmixed_statements("driver_connection", connection)
    return connection


class _Lent:
    """A connection of the driver that stays the host's.

    Args:
        connection: the driver's.
        beside: an engine with connections of its own to the same database.
    """

    def __init__(self, connection: DriverConnection, beside: Engine) -> None:
        self.lent = connection
        self.beside = beside

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever the driver's has
        return getattr(self.lent, name)

    def _leave_to_the_host(self) -> None:
        """Do nothing."""

    commit = rollback = close = _leave_to_the_host


_WITHOUT_EVENTS: Final[WeakKeyDictionary[Engine, Engine]] = WeakKeyDictionary()
"""One for each engine, since an engine caches the statements that it has compiled."""


def _engine_without_events(engine: Engine) -> Engine:
    """Return an engine that fires no event for a lent connection, and begins nothing."""
    found = _WITHOUT_EVENTS.get(engine)
    if found is None:
        pool: Pool = NullPool(_no_connection, dialect=engine.dialect)
        found = quiet_engine(Engine(pool, engine.dialect, engine.url))
        _WITHOUT_EVENTS[engine] = found
    return found


def _no_connection() -> Any:  # noqa: ANN401  as every creator of a pool
    raise InvalidArgument("engine", "has no connections but those that are lent")


def _own_engine(connection: Connection) -> Engine:
    """Return the engine that makes connections of our own beside this one."""
    driver_connection: Any = connection.connection.dbapi_connection
    if isinstance(driver_connection, _Lent):
        return driver_connection.beside
    return connection.engine


class _HostTransaction(Transactions):
    """A connection in the middle of the host's transaction."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection.dialect)
        self._connection = connection

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

    @override
    def racing(self, exams: Collection[ExamId]) -> AbstractContextManager[Connection]:
        return self.writing()

    @override
    def in_turn(self, exams: Collection[ExamId]) -> AbstractContextManager[Connection | None]:
        return nullcontext()

    def _still_open(self) -> Connection:
        # Otherwise a statement would begin a transaction of our own, which nobody would end.
        if not is_begun(self._connection):
            raise StoreFailed("the host's transaction has ended; join the next one")
        return self._connection


class _TrailBeside(AuditTrail):
    """Records refusals in transactions of their own, beside those of hosts.

    Each gets a new connection outside of the pool. Hosts that each hold a connection of the pool
    and wait for a second one would wait for each other.
    """

    def __init__(self, engine: Engine, tables: Tables) -> None:
        self._engine = engine
        self._tables = tables

    @override
    @in_our_words
    def record(self, event: Event) -> None:
        host = self._engine
        beside = quiet_engine(
            Engine(
                host.pool.recreate(),
                host.dialect,
                host.url,
                execution_options=host.get_execution_options(),
                hide_parameters=True,
            )
        )
        try:
            with beside.begin() as connection:
                put_event(connection, self._tables, event)
        finally:
            beside.dispose()


class _Joining(SqlGrants, SqlTrail):
    """What a store does differently in a transaction of the host."""

    def _join(self, connection: Connection, database: Database) -> None:
        self.outbox: SqlOutbox = HeldBackOutbox(database)
        # SQLite has one writer at a time, and that is the host: a rollback of the host's takes the
        # refusal with it.
        self._refusals: AuditTrail = SqlTrail(database)
        if database.transactions.postgresql:
            self._refusals = _TrailBeside(_own_engine(connection), database.tables)

    @override
    @or_conflict
    def read(self, exams: tuple[ExamId, ...], *, ended: bool) -> Mapping[ExamId, ExamGrants]:
        with self._transactions.reading() as connection:
            locked_versions(connection, self._tables, {exam.value for exam in exams})
        return self._transactions.ask(self._questions.read(exams, ended=ended))

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
        database = Database(_HostTransaction(connection), tables)
        SqlStore.__init__(self, database)
        self._join(connection, database)


class JoinedSharingStore(_Joining, SqlSharingStore):
    """A store whose transaction is the host's, and whose exams are the host's too."""

    def __init__(self, connection: Connection, tables: Tables, exams: HostExams) -> None:
        """Join the transaction."""
        database = Database(_HostTransaction(connection), tables)
        SqlSharingStore.__init__(self, database, exams)
        self._join(connection, database)


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


class _AskedInside:
    """A directory that is asked while this thread holds the host's connection.

    Whatever it reads by the same engine, it reads over that connection.
    """

    def __init__(self, directory: Directory, connection: Connection) -> None:
        self._directory = directory
        self._host = _HostTransaction(connection)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever the directory has
        method = getattr(self._directory, name)

        def ask(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  as the method
            with (
                self._host.reading() as connection,
                holding(connection, _own_engine(connection)),
            ):
                return method(*args, **kwargs)

        return ask


def directory_inside(transaction: Connection | Session, directory: Directory) -> Directory:
    """Return a directory that needs no connection beside that of the transaction.

    A directory that reads another database, or not by our engine, reads as before.

    Raises:
        InvalidValue: it does not implement the port.
    """
    require_conforming("directory", directory, Directory)
    return cast("Directory", _AskedInside(directory, _connection_of(transaction)))


def owner_changed(
    transaction: Connection | Session,
    *,
    exam: ExamId,
    before: UserId,
    after: UserId,
    at: datetime,
    tables: Tables | None = None,
) -> None:
    """Report that a host's exam has another owner, in the transaction that changes the owner.

    The change counts as a version, so that acts that read the former owner are decided again, and
    is an event in the audit trail. Grants stay as they are.

    Args:
        transaction: as for `joined`.
        exam: which exam.
        before: the former owner.
        after: the new owner.
        at: when, aware.
        tables: by default those of `define_tables`.

    Raises:
        Conflict: the transaction sees an older moment, and an act was faster; begin it again.
        InvalidValue: there is no transaction, or the time is naive.
        StoreFailed: the exam was withdrawn, or the database failed.
        WrongKind: an argument is of another type.
    """
    require_kind("exam", exam, ExamId)
    require_kind("before", before, UserId)
    require_kind("after", after, UserId)
    when = instant("at", at)
    known = given_tables(tables)
    _transfer(_HostTransaction(_joinable(transaction)), known, exam, before, after, when)


@or_conflict
def _transfer(
    host: Transactions, tables: Tables, exam: ExamId, before: UserId, after: UserId, at: datetime
) -> None:
    with host.writing() as connection:
        put_transfer(connection, tables, exam=exam, before=before, after=after, at=at)


def _joinable(transaction: Connection | Session) -> Connection:
    require_transaction(transaction)
    connection = _connection_of(transaction)
    require_dialect(connection.engine)
    if not is_begun(connection):
        raise InvalidArgument("transaction", "must have begun; begin it before you join it")
    require_unmixed_statements("transaction", connection)
    return connection


@in_our_words
def _connection_of(transaction: Connection | Session) -> Connection:
    return transaction.connection() if isinstance(transaction, Session) else transaction
