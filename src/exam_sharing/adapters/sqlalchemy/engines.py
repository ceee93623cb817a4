"""The host's engine: its checks, its log, and its set-up for SQLite.

**SQLite.** Python's driver begins transactions at times of its own choice. `set_up_sqlite` makes
every transaction begin where SQLAlchemy begins it. One that writes takes the write lock at once, so
that two writers follow each other and neither fails half-way. One that only reads blocks nobody. A
statement that finds the file locked is executed again until the engine's time limit: the driver
itself would wait inside a call of C, which no signal interrupts.

**Poolers.** A pooler may run each transaction in another session of the server. There, another
client may have prepared a statement of the same name: PostgreSQL then executes that statement, and
returns a wrong answer. If the server process that answers is not the process that the driver
reports, there is a pooler. A pooler in session mode is safe, but looks the same.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable
from functools import wraps
from os import PathLike
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from sqlite3 import Cursor, OperationalError
from threading import Lock
from typing import Any, Final, ParamSpec, TypeVar
from weakref import WeakSet

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine import Connection, Dialect, ExecutionContext
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util.concurrency import await_only, in_greenlet

from exam_sharing.errors import Conflict, InvalidArgument, StoreBusy, StoreFailed
from exam_sharing.validation import require_instance

ParamsT = ParamSpec("ParamsT")
ResultT = TypeVar("ResultT")

# PostgreSQL's code for a wait for a lock that reached its limit.
_LOCK_NOT_AVAILABLE: Final = "55P03"
# PostgreSQL's codes for a transaction that was idle for too long, a serialization failure, a
# deadlock, and a wait for a lock that reached its limit.
_LOST_RACES: Final = frozenset({"25P03", "40001", "40P01", _LOCK_NOT_AVAILABLE})
# SQLite's code for a transaction whose rows were changed by another after it read them.
_OLDER_MOMENT: Final = sqlite3.SQLITE_BUSY_SNAPSHOT
# SQLite's codes for a file that is in use, without the higher bits of extended codes.
_LOCKED: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
# Errors of reading a row that another program wrote, or that has bytes instead of text.
_UNREADABLE: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


FAILURES: Final = (SQLAlchemyError, OSError)
"""What a failing database raises: SQLAlchemy passes on the `OSError` of asyncpg's connections."""


class LostRace(StoreFailed):
    """Another transaction was faster or held a lock; the same call may succeed later."""


def in_our_words(ask: Callable[ParamsT, ResultT]) -> Callable[ParamsT, ResultT]:
    """Make a function raise `StoreFailed` where the database fails or a row cannot be read.

    It raises `StoreBusy` where somebody else has kept the database locked. The errors of SQLAlchemy
    and of drivers may hold a personal message, so they become neither cause nor context.
    """

    @wraps(ask)
    def asked(*args: ParamsT.args, **kwargs: ParamsT.kwargs) -> ResultT:
        try:
            return ask(*args, **kwargs)
        except (*FAILURES, *_UNREADABLE) as error:
            failed = _failure(error)
        # Raised outside of the handler, so that the caught error is not its context.
        raise failed

    return asked


def or_conflict(ask: Callable[ParamsT, ResultT]) -> Callable[ParamsT, ResultT]:
    """Do the same as `in_our_words`, and raise `Conflict` for a lost race."""
    in_words = in_our_words(ask)

    @wraps(ask)
    def asked(*args: ParamsT.args, **kwargs: ParamsT.kwargs) -> ResultT:
        try:
            return in_words(*args, **kwargs)
        except LostRace:
            pass
        raise Conflict(1)

    return asked


def is_lost_race(error: Exception) -> bool:
    """Return whether somebody else was faster, so that the same act may succeed at once."""
    if not isinstance(error, DBAPIError):
        return False
    if getattr(error.orig, "sqlite_errorcode", None) == _OLDER_MOMENT:
        return True
    return getattr(error.orig, "sqlstate", None) in _LOST_RACES


def is_locked(error: BaseException | None) -> bool:
    """Return whether SQLite's driver failed because another connection uses the file."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _LOCKED and code != _OLDER_MOMENT


def _failure(error: Exception) -> StoreFailed:
    if not isinstance(error, FAILURES):
        return StoreFailed(
            f"the database returned or was given something unreadable: {type(error).__name__}"
        )
    words = [type(error).__name__]
    if isinstance(error, DBAPIError):
        state = getattr(error.orig, "sqlstate", None)
        if is_locked(error.orig) or state == _LOCK_NOT_AVAILABLE:
            return StoreBusy(
                "somebody else has kept the database locked for too long, and nothing was done; "
                "try again, or find the process that holds the lock"
            )
        code = state or getattr(error.orig, "sqlite_errorname", None)
        words += [str(code)] if code else []
    kind = LostRace if is_lost_race(error) else StoreFailed
    return kind(f"the database failed: {', '.join(words)}")


READS: Final = "exam_sharing_reads"
"""The execution option of a connection that only reads."""

_DIALECTS: Final = ("postgresql", "sqlite")
_UNKNOWN: Final = "must be an engine of SQLAlchemy for PostgreSQL or SQLite"
_ASYNCHRONOUS: Final = "exam_sharing.adapters.sqlalchemy.asynchronous"
_OPEN_ASYNC: Final = (
    f"open it with `open_async_sharing` of {_ASYNCHRONOUS}; its `run_sync` calls everything else"
)
_JOIN_ASYNC: Final = (
    f"join it with `joined_async` of {_ASYNCHRONOUS}; for everything else, call this inside of its "
    "`run_sync`, with the argument that it passes"
)
_NAME: Final = "exam_sharing"
# How many seconds a transaction waits for another to end.
_PATIENCE: Final = 30
# The key under which a pooled connection keeps how many seconds its statements wait.
_WAITS: Final = "exam_sharing_waits"
_SHORTEST: Final = 0.001
# Seconds between two tries: few, since the lock is nearly always held only briefly.
_LONGEST: Final = 0.02
# libpq's status of a connection that is in no transaction.
_IDLE: Final = 0
# Connections of drivers without a pooler between, so that each is checked once.
_DIRECT: Final[WeakSet[Any]] = WeakSet()
_NO_HANDLER: Final = logging.NullHandler()


def require_engine(engine: object) -> None:
    """Raise `InvalidArgument` unless it is an engine of SQLAlchemy, or a mock with a dialect."""
    problem = _mistake(engine, _OPEN_ASYNC)
    if isinstance(engine, str | URL):
        problem = "is an address: give the engine that `sqlite_engine` or `create_engine` makes"
    elif isinstance(engine, Connection | Session):
        problem = f"is a {type(engine).__name__}: give its engine, or use `joined` inside of it"
    elif problem is None:
        problem = _mistake_with_driver(getattr(engine, "dialect", None))
    if problem is not None:
        raise InvalidArgument("engine", problem)


def require_dialect(engine: Engine) -> None:
    """Raise `InvalidArgument` unless the engine is for PostgreSQL or SQLite."""
    require_engine(engine)
    if engine.dialect.name not in _DIALECTS:
        raise InvalidArgument("engine", _UNKNOWN)


def require_connected(field: str, value: object, *kinds: type) -> None:
    """Raise `InvalidArgument` or `WrongKind` unless it is a connection, or a session if allowed."""
    problem = _mistake(value, _JOIN_ASYNC)
    if isinstance(value, Engine):
        problem = "is an engine: give the connection of its `begin()`"
    if problem is not None:
        raise InvalidArgument(field, problem)
    require_instance(field, value, *kinds)


def _mistake(value: object, instead: str) -> str | None:
    kind = value if isinstance(value, type) else type(value)
    # By name, since the module cannot be imported where greenlet is missing.
    if any(each.__module__.startswith("sqlalchemy.ext.asyncio") for each in kind.__mro__):
        return f"is asynchronous: {instead}"
    if isinstance(value, type):
        return f"is the class {value.__name__}: give an instance"
    if isinstance(value, sessionmaker | scoped_session):
        return f"is a {kind.__name__}: call it, and give the session that it returns"
    return None


def gives_way() -> bool:
    """Return whether this is synchronous code in a greenlet, which gives way where it waits."""
    try:
        return in_greenlet()
    except ImportError:  # No greenlet is installed.
        return False


def pause(seconds: float) -> None:
    """Wait; in a greenlet, the event loop goes on meanwhile."""
    if gives_way():
        await_only(asyncio.sleep(seconds))
    else:
        time.sleep(seconds)


def is_acquired(lock: Lock, seconds: float) -> bool:
    """Acquire a lock within some seconds; in a greenlet, the event loop goes on meanwhile."""
    if not gives_way():
        return lock.acquire(timeout=seconds)
    deadline = time.monotonic() + seconds
    # No lock of asyncio: one belongs to one loop, and threads may wait for this one too.
    while not lock.acquire(blocking=False):
        if time.monotonic() >= deadline:
            return False
        pause(_LONGEST)
    return True


def _mistake_with_driver(dialect: Dialect | None) -> str | None:
    if dialect is None:
        return _UNKNOWN
    if not dialect.is_async:
        return None
    if dialect.name == "sqlite":
        return "of SQLite must not be asynchronous: make it by `sqlite_engine`"
    return None if gives_way() else f"is asynchronous: {_OPEN_ASYNC}"


def checked_engine(engine: Engine) -> Engine:
    """Check the host's engine, and return a `quiet_engine` for the same database."""
    require_dialect(engine)
    own = quiet_engine(engine)
    find_problem = _problem_of_sqlite if own.dialect.name == "sqlite" else _problem_of_postgresql
    problem = find_problem(own)
    if problem is not None:
        raise InvalidArgument("engine", problem)
    return own


@in_our_words
def _problem_of_postgresql(engine: Engine) -> str | None:
    try:
        connected = engine.connect()
    except TypeError:
        # The driver returns bytes for text; SQLAlchemy first meets them in the server's version.
        raise StoreFailed(
            "the database returns bytes instead of text, as with the encoding SQL_ASCII; create it "
            "with the encoding UTF8"
        ) from None
    with connected as connection:
        return autocommit_problem(connection) or _mixed_statements(connection)


def autocommit_problem(connection: Connection) -> str | None:
    """Return the problem and its remedy if each statement commits itself, or `None`."""
    if not _is_autocommit(connection):
        return None
    return (
        "must not be in AUTOCOMMIT mode, in which an act could be half done: make an engine "
        "without it for this package"
    )


@in_our_words
def _problem_of_sqlite(engine: Engine) -> str | None:
    """Return the problem of an engine's transactions, or `None`; this takes no lock."""
    with engine.execution_options(**{READS: True}).connect() as connection:
        files = connection.exec_driver_sql("PRAGMA database_list").all()
        journal = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
        driver_connection: Any = connection.connection.dbapi_connection
        begins = driver_connection.in_transaction
        connection.rollback()
        ends = not driver_connection.in_transaction
    # Without a file, connections see different databases or share one transaction.
    if not any(file for _, name, file in files if name == "main"):
        return "must be for a file of SQLite; to store in memory, use MemoryStore"
    if not begins:
        return (
            "must begin transactions itself: make it with sqlite_engine, or call set_up_sqlite "
            "before it connects"
        )
    if not ends or journal == "off":
        return (
            "must roll transactions back: set neither the driver's autocommit nor "
            "skip_autocommit_rollback nor PRAGMA journal_mode = OFF"
        )
    return None


def _is_autocommit(connection: Connection) -> bool:
    return bool(getattr(connection.connection.dbapi_connection, "autocommit", False))


def is_begun(connection: Connection) -> bool:
    """Return whether statements are part of a transaction, of SQLAlchemy and of the driver."""
    if not connection.in_transaction():
        return False
    driver_connection: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        begun: bool = driver_connection.in_transaction
        return begun
    if not _is_autocommit(connection):
        return True
    # In AUTOCOMMIT mode a host may have executed BEGIN itself, as Django does.
    status = getattr(getattr(driver_connection, "info", None), "transaction_status", _IDLE)
    return bool(status != _IDLE)


def require_unmixed_statements(field: str, connection: Connection) -> None:
    """Raise `InvalidArgument` if a pooler could mix statements of the connection with others'."""
    mixing = _mixed_statements(connection)
    if mixing is not None:
        raise InvalidArgument(field, mixing)


def _mixed_statements(connection: Connection) -> str | None:
    """Return the problem and its remedy if a pooler may mix statements, or `None`."""
    driver_connection: Any = connection.connection.driver_connection
    driver_connection = getattr(driver_connection, "lent", driver_connection)
    match connection.dialect.driver:
        case "psycopg" | "psycopg_async" if driver_connection.prepare_threshold is not None:
            remedy = (
                'prepare none, with connect_args={"prepare_threshold": None} for create_engine, '
                "or prepare_threshold=None for psycopg.connect"
            )
        case "asyncpg":
            remedy = "asyncpg prepares each statement: use psycopg, with prepare_threshold=None"
        case _:
            return None
    if not is_pooled(connection):
        return None
    return (
        "reaches PostgreSQL over a pooler, which may mix prepared statements of its clients: "
        f"{remedy}"
    )


def is_pooled(connection: Connection) -> bool:
    """Return whether another server process answers than the driver has connected to."""
    driver_connection: Any = connection.connection.driver_connection
    driver_connection = getattr(driver_connection, "lent", driver_connection)
    if driver_connection in _DIRECT:
        return False
    match connection.dialect.driver:
        case "psycopg" | "psycopg_async":
            process: int = driver_connection.info.backend_pid
        case "asyncpg":
            process = driver_connection.get_server_pid()
        case _:
            return False
    if connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one() != process:
        return True
    _DIRECT.add(driver_connection)
    return False


def quiet_engine(engine: Engine) -> Engine:
    """Return an engine that shares the pool, and logs neither parameters nor rows.

    SQLAlchemy logs rows at the level DEBUG, and has no option against it. So our statements have a
    logger of their own below the logger of the host's engine. It drops all records of this level.
    """
    own = engine.execution_options()
    own.hide_parameters = True
    own.logging_name = f"{engine.logging_name}.{_NAME}" if engine.logging_name else _NAME
    own.echo = False
    logger: Any = own.logger
    logger.addFilter(_is_no_row)
    if engine.echo:
        # Otherwise SQLAlchemy adds a handler beside that of the host's engine, and lines repeat.
        logger.addHandler(_NO_HANDLER)
        own.echo = engine.echo
    return own


def engine_beside(engine: Engine) -> Engine:
    """Return a `quiet_engine` for the same database with a pool of its own, to be disposed of."""
    options = engine.get_execution_options()
    pool = engine.pool.recreate()
    return quiet_engine(Engine(pool, engine.dialect, engine.url, execution_options=options))


def _is_no_row(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG


def sqlite_engine(path: str | Path, **options: Any) -> Engine:  # noqa: ANN401  as SQLAlchemy's
    """Return an engine for a file, set up as by `set_up_sqlite`, with a write-ahead log.

    A missing file is created. Options are more arguments for `sqlalchemy.create_engine`. The
    `timeout` among its `connect_args` is the number of seconds to wait for a locked file: 30 by
    default.
    """
    require_instance("path", path, str, PathLike)
    if str(path).startswith("sqlite:"):
        raise InvalidArgument("path", "must be that of a file, without `sqlite://` before it")
    options["connect_args"] = {"timeout": _PATIENCE} | options.get("connect_args", {})
    engine = create_engine(URL.create("sqlite", database=str(path)), **options)

    def write_ahead(driver_connection: SqliteConnection, record: ConnectionPoolEntry) -> None:
        # Readers then see the last commit while somebody writes.
        _set(driver_connection, record, "journal_mode = WAL")

    set_up_sqlite(engine)
    event.listen(engine, "connect", write_ahead)
    return engine


def set_up_sqlite(engine: Engine) -> None:
    """Make the transactions of an engine for SQLite begin where SQLAlchemy begins them.

    To be called once, before the engine has connected. A statement of SQLAlchemy waits for a locked
    file for the driver's `timeout`, and an interrupt ends the wait. A raw cursor of the driver no
    longer waits.
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
    # Deleted rows are overwritten: a personal message must not remain in free pages.
    _set(driver_connection, record, "secure_delete = ON")


def _set(driver_connection: SqliteConnection, record: ConnectionPoolEntry, pragma: str) -> None:
    _patiently(lambda: driver_connection.execute(f"PRAGMA {pragma}").close(), record.info[_WAITS])


def _begin(connection: Connection) -> None:
    reads = connection.get_execution_options().get(READS, False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _commit(connection: Connection) -> None:
    # Without a write-ahead log a commit waits for readers. The driver's own commit, which comes
    # next, has nothing left to do.
    driver_connection: Any = connection.connection.dbapi_connection
    if driver_connection.in_transaction:
        connection.exec_driver_sql("COMMIT")


def _execute(cursor: Cursor, statement: str, parameters: Any, context: ExecutionContext) -> bool:  # noqa: ANN401  as the driver's
    # A lent connection was not set up, and waits as its owner configured it.
    waits: float = context.root_connection.connection.info.get(_WAITS, 0)
    _patiently(lambda: cursor.execute(statement, parameters), waits)
    return True


def _patiently(execute: Callable[[], object], seconds: float) -> None:
    """Call `execute`, again for some seconds while another connection has the file locked."""
    deadline = time.monotonic() + seconds
    wait = _SHORTEST
    while True:
        try:
            execute()
        except OperationalError as error:
            left = deadline - time.monotonic()
            if not is_locked(error) or left <= 0:
                raise
        else:
            return
        pause(min(wait, left))
        wait = min(2 * wait, _LONGEST)
