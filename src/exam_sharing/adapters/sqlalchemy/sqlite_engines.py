"""Engines for SQLite whose transactions are what they say, and that wait where Python can stop it.

Python's driver begins transactions when it sees fit, and SQLAlchemy leaves it to it. Here the
driver is told not to, and every transaction begins where SQLAlchemy says so: at once with the right
to write, so that two that write come one after the other and neither fails half-way; one that only
reads keeps nobody from writing.

SQLite waits for a lock inside a call of C, which no signal ends. Here the driver does not wait, and
a statement that finds the file locked is executed again until the patience of the engine is over.
"""

import time
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from sqlite3 import Connection as DriverConnection
from sqlite3 import Cursor, OperationalError
from typing import Any, Final

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine import Connection, ExecutionContext
from sqlalchemy.pool import ConnectionPoolEntry

from exam_sharing.adapters.sqlalchemy.failures import in_our_words, is_locked
from exam_sharing.adapters.sqlalchemy.kinds import require_engine
from exam_sharing.errors import InvalidArgument
from exam_sharing.validation import require_instance

__all__ = ["READS", "check_transactions", "set_up_sqlite", "sqlite_engine"]

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

    def keep_a_log(driver_connection: DriverConnection, record: ConnectionPoolEntry) -> None:
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


def _set_up(driver_connection: DriverConnection, record: ConnectionPoolEntry) -> None:
    driver_connection.isolation_level = None  # SQLAlchemy begins transactions.
    milliseconds = driver_connection.execute("PRAGMA busy_timeout").fetchone()[0]
    record.info[_WAITS] = milliseconds / 1000
    driver_connection.execute("PRAGMA busy_timeout = 0").close()
    # What is deleted is overwritten: a personal message must not stay in free pages.
    _set(driver_connection, record, "secure_delete = ON")


def _set(driver_connection: DriverConnection, record: ConnectionPoolEntry, pragma: str) -> None:
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
    file, journal, begins, ends = _tried(engine)
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
def _tried(engine: Engine) -> tuple[str, str, bool, bool]:
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
