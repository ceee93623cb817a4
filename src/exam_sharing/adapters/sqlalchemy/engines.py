"""The host's engine: checked when it is given, silent about its rows, set up for SQLite.

Python's driver begins transactions when it sees fit, and SQLAlchemy leaves it to it. Here the
driver is told not to, and every transaction begins where SQLAlchemy says so: at once with the right
to write, so that two that write come one after the other and neither fails half-way; one that only
reads keeps nobody from writing.

SQLite waits for a lock inside a call of C, which no signal ends. Here the driver does not wait, and
a statement that finds the file locked is executed again until the patience of the engine is over.

A pooler may give each transaction another session of the server. A statement that a client prepared
in one session then has the name of another client's statement in the next, and that one is
executed: whoever asks gets an answer to a question of somebody else. A pooler gives itself away: it
tells clients a process of the server that is not the one that answers. Whether it keeps sessions
together, as PgBouncer does in session mode, it does not tell.
"""

import logging
import time
from collections.abc import Callable
from functools import cache
from os import PathLike
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from sqlite3 import Cursor, OperationalError
from typing import Any, Final
from weakref import WeakSet

from sqlalchemy import URL, Engine, MetaData, create_engine, event
from sqlalchemy.engine import Connection, Dialect, ExecutionContext
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util.concurrency import in_greenlet

from exam_sharing.adapters.sqlalchemy.failures import in_our_words, is_locked
from exam_sharing.adapters.sqlalchemy.tables import Tables, define_tables
from exam_sharing.errors import InvalidArgument, StoreFailed
from exam_sharing.validation import of_kind, require_instance

__all__ = [
    "READS",
    "check_transactions",
    "checked_engine",
    "given_tables",
    "is_autocommit",
    "is_begun",
    "may_mix_statements",
    "quiet_engine",
    "remedy",
    "require_connection",
    "require_dialect",
    "require_engine",
    "require_transaction",
    "set_up_sqlite",
    "sqlite_engine",
]

_ASYNCHRONOUS: Final = "sqlalchemy.ext.asyncio"

_INSIDE: Final = "call this inside of its `run_sync`, with the one that is given there"


def require_engine(engine: object) -> None:
    """Raise `InvalidArgument` unless it is an engine of SQLAlchemy.

    A mock of an engine will do, as one that `create_mock_engine` makes: it has a dialect.
    """
    problem = _mistake(engine)
    if _is_asynchronous(engine):
        problem = "is asynchronous: give its `sync_engine`, and call this inside of `run_sync`"
    elif isinstance(engine, str | URL):
        problem = "is an address: give the engine that `sqlite_engine` or `create_engine` makes"
    elif isinstance(engine, Connection | Session):
        problem = f"is a {type(engine).__name__}: give its engine, or use `joined` inside of it"
    dialect = getattr(engine, "dialect", None)
    if problem is None and dialect is None:
        problem = "must be an engine of SQLAlchemy for PostgreSQL or SQLite"
    if problem is None and dialect is not None and dialect.is_async:
        problem = _mistake_with_driver(dialect)
    if problem is not None:
        raise InvalidArgument("engine", problem)


def require_transaction(transaction: object) -> None:
    """Raise unless it is a connection or a session of SQLAlchemy.

    Raises:
        InvalidValue: it is known what was meant.
        WrongKind: it is something else.
    """
    problem = _mistake(transaction)
    if _is_asynchronous(transaction):
        problem = f"is asynchronous: {_INSIDE}"
    elif isinstance(transaction, Engine):
        problem = "is an engine: give the connection of its `begin()`"
    if problem is not None:
        raise InvalidArgument("transaction", problem)
    require_instance("transaction", transaction, Connection, Session)


def require_connection(connection: object) -> None:
    """Raise unless it is a connection of SQLAlchemy.

    Raises:
        InvalidValue: it is known what was meant.
        WrongKind: it is something else.
    """
    if _is_asynchronous(connection):
        raise InvalidArgument("connection", f"is asynchronous: {_INSIDE}")
    require_instance("connection", connection, Connection)


def given_tables(tables: object) -> Tables:
    """Return tables of ours as they were given, or those of `define_tables` for `None`.

    Raises:
        WrongKind: they are none of ours.
    """
    return _default_tables() if tables is None else of_kind("tables", tables, Tables)


@cache
def _default_tables() -> Tables:
    # Statements over the same tables are compiled once, and a host joins on many of its requests.
    return define_tables(MetaData())


def _mistake(value: object) -> str | None:
    """Return what is wrong with a value that makes what is wanted, or `None`."""
    if isinstance(value, type):
        return f"is the class {value.__name__}: give an instance"
    if isinstance(value, sessionmaker | scoped_session):
        return f"is a {type(value).__name__}: call it, and give the session that it returns"
    return None


def _mistake_with_driver(dialect: Dialect) -> str | None:
    """Return what is wrong with an engine over an asynchronous driver, or `None`."""
    if dialect.name == "sqlite":
        return "of SQLite must not be asynchronous: make it by `sqlite_engine`, and use a thread"
    try:
        return None if in_greenlet() else "is asynchronous: call this inside of `run_sync`"
    except ImportError:  # Of greenlet, without which there is nothing to be inside of.
        return "is asynchronous: install greenlet, and call this inside of `run_sync`"


def _is_asynchronous(value: object) -> bool:
    # Told by its module, which cannot be imported where greenlet is missing.
    kinds = value.__mro__ if isinstance(value, type) else type(value).__mro__
    return any(kind.__module__.startswith(_ASYNCHRONOUS) for kind in kinds)


_DIRECT: Final[WeakSet[Any]] = WeakSet()
"""Connections of drivers that reach the server itself, so that none is asked twice."""


def may_mix_statements(connection: Connection) -> bool:
    """Say whether a pooler may execute statements of others in place of those of the connection."""
    driver_connection: Any = connection.connection.driver_connection
    driver_connection = getattr(driver_connection, "lent", driver_connection)
    if driver_connection in _DIRECT:
        return False
    match connection.dialect.driver:
        case "psycopg" | "psycopg_async":
            if driver_connection.prepare_threshold is None:
                return False
            told: int = driver_connection.info.backend_pid
        case "asyncpg":
            told = driver_connection.get_server_pid()
        case _:
            return False
    if connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one() != told:
        return True
    _DIRECT.add(driver_connection)
    return False


def remedy(driver: str) -> str:
    """Return what to do where statements may be mixed."""
    if driver == "asyncpg":
        return (
            "reaches PostgreSQL over a pooler, which may mix prepared statements of its clients, "
            "and asyncpg prepares each statement: use psycopg, with prepare_threshold=None"
        )
    return (
        "reaches PostgreSQL over a pooler, which may mix prepared statements of its clients: "
        'prepare none, with connect_args={"prepare_threshold": None} for create_engine, '
        "or prepare_threshold=None for psycopg.connect"
    )


READS: Final = "exam_sharing_reads"
"""The execution option of a connection that only reads."""

_PATIENCE: Final = 30
"""For how many seconds a transaction waits for another one to end."""

_WAITS: Final = "exam_sharing_waits"
"""Under this key, a connection of the pool knows for how many seconds its statements wait."""

_SHORTEST: Final = 0.001
_LONGEST: Final = 0.02
"""Seconds between two tries: few where the lock is held shortly, as nearly always."""


def sqlite_engine(path: str | Path, **options: Any) -> Engine:  # noqa: ANN401  as SQLAlchemy's
    """Return an engine for a file, set up as `set_up_sqlite` does, with a write-ahead log.

    Args:
        path: of the file; it is made when it is not there.
        options: more arguments for `sqlalchemy.create_engine`. The `timeout` among its
            `connect_args` is for how many seconds a locked file is waited for: 30 by default.

    Raises:
        InvalidValue: it is an address.
        WrongKind: it is no path.
    """
    require_instance("path", path, str, PathLike)
    if str(path).startswith("sqlite:"):
        raise InvalidArgument("path", "must be that of a file, without `sqlite://` before it")
    options["connect_args"] = {"timeout": _PATIENCE} | options.get("connect_args", {})
    engine = create_engine(URL.create("sqlite", database=str(path)), **options)

    def keep_a_log(driver_connection: SqliteConnection, record: ConnectionPoolEntry) -> None:
        # Readers then see the last commit while somebody writes.
        _set(driver_connection, record, "journal_mode = WAL")

    set_up_sqlite(engine)
    event.listen(engine, "connect", keep_a_log)
    return engine


def set_up_sqlite(engine: Engine) -> None:
    """Make the transactions of an engine for SQLite begin where they say so.

    To be called once, before the engine has connected. A statement of SQLAlchemy waits for a locked
    file as long as the driver's `timeout` says, and an interrupt ends the wait. A cursor of the
    driver itself no longer waits.
    """
    require_engine(engine)
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)
    event.listen(engine, "commit", _commit)
    event.listen(engine, "do_execute", _execute)


def _set_up(driver_connection: SqliteConnection, record: ConnectionPoolEntry) -> None:
    driver_connection.isolation_level = None  # SQLAlchemy begins transactions.
    milliseconds = driver_connection.execute("PRAGMA busy_timeout").fetchone()[0]
    record.info[_WAITS] = milliseconds / 1000
    driver_connection.execute("PRAGMA busy_timeout = 0").close()
    # What is deleted is overwritten: a personal message must not stay in free pages.
    _set(driver_connection, record, "secure_delete = ON")


def _set(driver_connection: SqliteConnection, record: ConnectionPoolEntry, pragma: str) -> None:
    _patiently(lambda: driver_connection.execute(f"PRAGMA {pragma}").close(), record.info[_WAITS])


def _begin(connection: Connection) -> None:
    reads = connection.get_execution_options().get(READS, False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _commit(connection: Connection) -> None:
    # Without a write-ahead log a commit waits for readers. The driver's own commit, which comes
    # next, finds nothing left to do.
    driver_connection: Any = connection.connection.dbapi_connection
    if driver_connection.in_transaction:
        connection.exec_driver_sql("COMMIT")


def _execute(cursor: Cursor, statement: str, parameters: Any, context: ExecutionContext) -> bool:  # noqa: ANN401  as the driver's
    """Execute a statement, and say that it was executed."""
    # A connection that was lent was not taken over, and waits as its owner said.
    waits: float = context.root_connection.connection.info.get(_WAITS, 0)
    _patiently(lambda: cursor.execute(statement, parameters), waits)
    return True


def _patiently(execute: Callable[[], object], seconds: float) -> None:
    """Execute something, again for some seconds while another connection has the file locked."""
    deadline = time.monotonic() + seconds
    pause = _SHORTEST
    while True:
        try:
            execute()
        except OperationalError as error:
            left = deadline - time.monotonic()
            if not is_locked(error) or left <= 0:
                raise
        else:
            return
        time.sleep(min(pause, left))
        pause = min(2 * pause, _LONGEST)


def check_transactions(engine: Engine) -> None:
    """Make sure that a transaction of the engine is one from its first statement to its last.

    Raises:
        InvalidValue: the driver begins transactions where it sees fit, or they cannot be rolled
            back, or there is no file.
        StoreFailed: the database does not answer.
    """
    file, journal, begins, ends = _tried_sqlite(engine)
    # Without a file, connections see different databases or share one transaction.
    if not file:
        raise InvalidArgument(
            "engine", "must be for a file of SQLite; memory has a store of its own"
        )
    if not begins:
        raise InvalidArgument(
            "engine",
            "must begin transactions itself: make it with sqlite_engine, or call set_up_sqlite "
            "before it connects",
        )
    if not ends or journal == "off":
        raise InvalidArgument(
            "engine",
            "must roll transactions back: leave the driver's autocommit, skip_autocommit_rollback "
            "and PRAGMA journal_mode = OFF alone",
        )


@in_our_words
def _tried_sqlite(engine: Engine) -> tuple[str, str, bool, bool]:
    """Return the path of the file, its journal, and whether a transaction begins and ends.

    The path is empty where the database is in memory. Nothing is locked.
    """
    with engine.execution_options(**{READS: True}).connect() as connection:
        files = connection.exec_driver_sql("PRAGMA database_list").all()
        journal = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
        driver_connection: Any = connection.connection.dbapi_connection
        begins = driver_connection.in_transaction
        connection.rollback()
        ends = not driver_connection.in_transaction
    return next(str(file) for _, name, file in files if name == "main"), journal, begins, ends


_DIALECTS: Final = ("postgresql", "sqlite")
_NAME: Final = "exam_sharing"
_NO_TEXT: Final = (
    "the database gives no text but bytes, as one with the encoding SQL_ASCII does; create it with "
    "the encoding UTF8"
)


def checked_engine(engine: Engine) -> Engine:
    """Return a quiet engine for the same database, once the host's was found to be of use.

    Raises:
        InvalidValue: it is for another database, its transactions are none, or a pooler could mix
            its statements with those of others.
        StoreFailed: the database does not answer.
    """
    require_dialect(engine)
    own = quiet_engine(engine)
    if own.dialect.name == "sqlite":
        check_transactions(own)
    else:
        _check_connection(own)
    return own


def require_dialect(engine: Engine) -> None:
    """Raise unless the engine is for a database that is known here.

    Raises:
        InvalidValue: it is for another one.
    """
    require_engine(engine)
    if engine.dialect.name not in _DIALECTS:
        raise InvalidArgument("engine", "must be an engine of SQLAlchemy for PostgreSQL or SQLite")


def is_autocommit(connection: Connection) -> bool:
    """Say whether the driver makes each statement a transaction of its own."""
    return bool(getattr(connection.connection.dbapi_connection, "autocommit", False))


def _check_connection(engine: Engine) -> None:
    autocommit, mixing, driver = _tried(engine)
    if autocommit:
        raise InvalidArgument(
            "engine",
            "must not be in AUTOCOMMIT mode, in which an act could be done by half: make an engine "
            "without it for this package",
        )
    if mixing:
        raise InvalidArgument("engine", remedy(driver))


@in_our_words
def _tried(engine: Engine) -> tuple[bool, bool, str]:
    try:
        connected = engine.connect()
    except TypeError:
        # The driver gives bytes for text, which SQLAlchemy meets first where it reads the version.
        raise StoreFailed(_NO_TEXT) from None
    with connected as connection:
        return (
            is_autocommit(connection),
            may_mix_statements(connection),
            connection.dialect.driver,
        )


def quiet_engine(engine: Engine) -> Engine:
    """Return an engine with the same pool, of which no log tells a parameter or what a row holds.

    SQLAlchemy logs rows at the level DEBUG, and there is no option against that. So our statements
    have a logger of their own, below that of the host's engine, which takes none of this level.
    """
    own = engine.execution_options()
    own.hide_parameters = True
    own.logging_name = f"{engine.logging_name}.{_NAME}" if engine.logging_name else _NAME
    own.echo = False
    logger: Any = own.logger
    logger.addFilter(_is_no_row)
    if engine.echo:
        # Else SQLAlchemy adds a handler beside that of the host's engine, and lines come twice.
        logger.addHandler(_NO_HANDLER)
        own.echo = engine.echo
    return own


_NO_HANDLER: Final = logging.NullHandler()


def _is_no_row(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG


_IDLE: Final = 0
"""What libpq calls the status of a connection that is in no transaction."""


def is_begun(connection: Connection) -> bool:
    """Say whether statements are part of a transaction, by SQLAlchemy and by the driver."""
    if not connection.in_transaction():
        return False
    driver_connection: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        begun: bool = driver_connection.in_transaction
        return begun
    if not is_autocommit(connection):
        return True
    # In that mode a host may have begun by a statement of its own, as Django does.
    status = getattr(getattr(driver_connection, "info", None), "transaction_status", _IDLE)
    return bool(status != _IDLE)
