"""Sharing inside a transaction that the host has open, by SQLAlchemy or by the driver itself.

Only the host begins, commits or rolls back the transaction. No act is retried, and no notice is
sent. An act writes behind a savepoint, so that an act that fails writes nothing and the host may
go on.

Versions are locked, in the order of their ids, before facts are read. An act therefore loses a race
only if the host's transaction reads an older snapshot, or is in a deadlock.

A host on another framework, such as Django, lends a connection of the driver. Calls that would
commit it, roll it back, reset it or close it do nothing, and no event of an engine is fired for it.
"""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import datetime
from typing import Any, Final, Protocol, cast
from weakref import WeakKeyDictionary

import attrs
from sqlalchemy import Engine, NullPool, Pool, Table
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session
from typing_extensions import override

from exam_sharing.adapters.sqlalchemy import engines
from exam_sharing.adapters.sqlalchemy.confirming import bounded
from exam_sharing.adapters.sqlalchemy.database import (
    CONFIRMED,
    Database,
    OwnTransactions,
    Transactions,
    holding,
    require_shape,
)
from exam_sharing.adapters.sqlalchemy.host import HostExams, Store, store_over
from exam_sharing.adapters.sqlalchemy.store import put_transfer
from exam_sharing.adapters.sqlalchemy.table_exams import TableExams
from exam_sharing.adapters.sqlalchemy.tables import Tables, given_tables
from exam_sharing.conformance import answers_at_once, require_conforming
from exam_sharing.errors import InvalidArgument, StoreFailed, Unconfirmed
from exam_sharing.history import Happening, NameReplaced, Stretch
from exam_sharing.identifiers import ExamId, PrincipalId, UserId
from exam_sharing.policy.past import Moment, PeopleThen, Span
from exam_sharing.ports import PEOPLE_NOW, Directory, PeopleHistory
from exam_sharing.validation import instant, require_instance, require_kind

_DRIVERS: Final = ("psycopg", "pysqlite")


class DriverConnection(Protocol):
    """A connection of psycopg 3 or of Python's sqlite3."""

    def cursor(self) -> Any:  # noqa: ANN401  each driver has a kind of its own
        """Return a new cursor."""


def over_driver_connection(driver_connection: DriverConnection, engine: Engine) -> Connection:
    """Return a connection for `joined` over a driver's connection that is in a transaction.

    Use it only during that transaction, which it never ends. The driver is psycopg 3 or sqlite3; in
    Django its connection is `connection.connection`, inside of `atomic()`. The engine is for the
    same database and driver. On PostgreSQL it records refusals in transactions of their own.
    """
    engines.require_dialect(engine)
    if engine.dialect.driver not in _DRIVERS:
        raise InvalidArgument("engine", "must use the driver psycopg 3, or sqlite3")
    driver: Any = engine.dialect.loaded_dbapi
    require_instance("driver_connection", driver_connection, driver.Connection)
    connection = lend(driver_connection, engine)
    connection.begin()
    if not engines.is_begun(connection):
        raise InvalidArgument(
            "driver_connection", "must be in a transaction; in Django, call it inside of atomic()"
        )
    engines.require_unmixed_statements("driver_connection", connection)
    return connection


def lend(driver_connection: DriverConnection, engine: Engine) -> Connection:
    """Return a connection that executes by a driver's connection, and never ends or closes it."""
    lent = _Lent(driver_connection, engine)
    pool = NullPool(lambda: lent, reset_on_return=None, dialect=engine.dialect)
    return Connection(_engine_without_events(engine), pool.connect())


@attrs.define(eq=False, slots=False)
class _Lent:
    """The host's connection of the driver, and an engine that makes further connections."""

    lent: DriverConnection
    beside: Engine

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever the driver's has
        return getattr(self.lent, name)

    def _leave_to_the_host(self) -> None:
        """Do nothing."""

    commit = rollback = close = _leave_to_the_host


# One for each engine, since an engine caches the statements that it has compiled.
_WITHOUT_EVENTS: Final[WeakKeyDictionary[Engine, Engine]] = WeakKeyDictionary()


def _engine_without_events(engine: Engine) -> Engine:
    """Return an engine that fires no event for a lent connection, and begins nothing."""
    found = _WITHOUT_EVENTS.get(engine)
    if found is None:
        pool: Pool = NullPool(_no_connection, dialect=engine.dialect)
        found = engines.quiet_engine(Engine(pool, engine.dialect, engine.url))
        _WITHOUT_EVENTS[engine] = found
    return found


def _no_connection() -> Any:  # noqa: ANN401  as every creator of a pool
    raise InvalidArgument("engine", "only has the connections that the host lends")


class _HostTransaction(Transactions):
    """A connection in the middle of the host's transaction."""

    def __init__(self, connection: Connection, schema: Table | None = None) -> None:
        super().__init__(connection.dialect, schema)
        self._connection = connection
        lent: Any = connection.connection.dbapi_connection
        # This engine makes connections outside of the host's transaction.
        self.own_engine: Engine = lent.beside if isinstance(lent, _Lent) else connection.engine

    @property
    @override
    def joined(self) -> bool:
        return True

    @property
    @override
    def records_last(self) -> bool:
        # On SQLite, they are the host's. On PostgreSQL, they outlive the host's transaction, but
        # nothing that counts on this object does.
        return False

    @override
    def reading(self) -> AbstractContextManager[Connection]:
        return nullcontext(self._still_open())

    @override
    @contextmanager
    def writing(self) -> Iterator[Connection]:
        with self._still_open().begin_nested():
            # It holds for the commit of the host, which may end what checks still know.
            self._set_up(self._connection, CONFIRMED)
            yield self._connection

    @override
    @contextmanager
    def recording(self) -> Iterator[Connection]:
        if not self.postgresql:
            # SQLite has one writer at a time, and that is the host: a rollback of the host's takes
            # the refusal with it.
            with self.writing() as connection:
                yield connection
            return
        # Outside of the pool: hosts that each hold a connection of the pool and wait for a second
        # one would wait for each other.
        beside = engines.engine_beside(self.own_engine)
        try:
            with (
                beside.connect() as connection,
                suppress(Unconfirmed),
                bounded(connection),
                connection.begin(),
            ):
                require_shape(connection, self._schema)
                yield connection
        finally:
            beside.dispose()

    def _still_open(self) -> Connection:
        # Otherwise a statement would begin a transaction of our own, which nobody would end.
        if not engines.is_begun(self._connection):
            raise StoreFailed("the host's transaction has ended; join the next one")
        return self._connection


class _HostSession(Transactions):
    """A session of the host's, whose transaction begins with its first statement."""

    def __init__(self, session: Session) -> None:
        super().__init__(session.get_bind().dialect)
        self._session = session

    @property
    @override
    def joined(self) -> bool:
        return True

    @override
    def reading(self) -> AbstractContextManager[Connection]:
        if self._session.autoflush:
            self._session.flush()
        return nullcontext(_connection_of(self._session))

    @override
    def writing(self) -> AbstractContextManager[Connection]:
        return self.reading()


def transactions_of(database: Engine | Connection | Session | Transactions) -> Transactions:
    """Return where a directory of the host's reads: outside or inside of a transaction."""
    if isinstance(database, Transactions):
        return database
    if isinstance(database, Session):
        engines.require_dialect(database.get_bind().engine)
        return _HostSession(database)
    if isinstance(database, Connection):
        return _HostTransaction(_joinable(database))
    return OwnTransactions(engines.checked_engine(database))


def joined_store(
    transaction: Connection | Session,
    *,
    tables: Tables | None = None,
    exams: HostExams | TableExams | None = None,
) -> Store:
    """Return a store inside the transaction of a connection or a session."""
    connection = _joinable(transaction)
    known = given_tables(tables)
    database = Database(_HostTransaction(connection, known.schema), known)
    return store_over(database, exams)


class _AskedInside:
    """A directory whose reads by the host's engine use the connection of the host instead."""

    def __init__(self, directory: Directory, connection: Connection) -> None:
        self._directory = directory
        self._host = _HostTransaction(connection)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever the directory has
        method = getattr(self._directory, name)

        def ask(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  as the method
            with self._host.reading() as connection, holding(connection, self._host.own_engine):
                return method(*args, **kwargs)

        return ask


class _RemembersInside(_AskedInside):
    """The same, for a directory that keeps its history."""

    def remembers(self, at: datetime) -> bool:
        return bool(self.__getattr__("remembers")(at))

    def members_then(self, principals: Iterable[PrincipalId], moment: Moment) -> PeopleThen:
        return cast("PeopleThen", self.__getattr__("members_then")(principals, moment))

    def groups_then(self, user: UserId, moment: Moment) -> PeopleThen:
        return cast("PeopleThen", self.__getattr__("groups_then")(user, moment))

    def changes(
        self, spans: Iterable[Span] | None, user: UserId | None, wanted: Stretch
    ) -> tuple[Happening, ...]:
        return cast("tuple[Happening, ...]", self.__getattr__("changes")(spans, user, wanted))

    def last_change(self) -> int:
        return int(self.__getattr__("last_change")())

    def replace_name(self, replaced: NameReplaced) -> int:
        return int(self.__getattr__("replace_name")(replaced))


def directory_inside(transaction: Connection | Session, directory: Directory) -> Directory:
    """Return a directory that reads over the connection of the transaction.

    A directory that does not read by the engine of the transaction reads as before.
    """
    require_conforming("directory", directory, Directory)
    remembers = answers_at_once(directory, PeopleHistory, PEOPLE_NOW)
    inside = _RemembersInside if remembers else _AskedInside
    return cast("Directory", inside(directory, _connection_of(transaction)))


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

    The change raises the exam's version, so that acts that read the former owner are decided again.
    The audit trail gets an event. Grants stay as they are.

    The transaction is as for `joined`; the owner changes from `before` to `after`; `at` is aware.

    Raises:
        Conflict: an act was faster, and the transaction reads an older snapshot; begin it again.
        InvalidValue: there is no transaction, or the time is naive.
        StoreFailed: the exam was withdrawn, or the database failed.
    """
    require_kind("exam", exam, ExamId)
    require_kind("before", before, UserId)
    require_kind("after", after, UserId)
    when = instant("at", at)
    known = given_tables(tables)
    host = _HostTransaction(_joinable(transaction), known.schema)
    put_transfer(host, known, exam=exam, before=before, after=after, at=when)


def _joinable(transaction: Connection | Session) -> Connection:
    engines.require_connected("transaction", transaction, Connection, Session)
    connection = _connection_of(transaction)
    engines.require_dialect(connection.engine)
    if not engines.is_begun(connection):
        raise InvalidArgument("transaction", "must have begun; begin it before you join it")
    engines.require_unmixed_statements("transaction", connection)
    return connection


@engines.in_our_words
def _connection_of(transaction: Connection | Session) -> Connection:
    return transaction.connection() if isinstance(transaction, Session) else transaction
