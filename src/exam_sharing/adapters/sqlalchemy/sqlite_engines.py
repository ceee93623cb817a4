"""Engines for SQLite whose transactions are what they say.

Python's driver begins transactions when it sees fit, and SQLAlchemy leaves it to it. Here the
driver is told not to, and every transaction begins where SQLAlchemy says so: at once with the right
to write, so that two that write come one after the other and neither fails half-way; one that only
reads keeps nobody from writing.
"""

from pathlib import Path
from sqlite3 import Connection as DriverConnection
from typing import Any, Final

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine import Connection

from exam_sharing.adapters.sqlalchemy.failures import in_our_words
from exam_sharing.errors import InvalidValue

__all__ = ["READS", "check_transactions", "set_up_sqlite", "sqlite_engine"]

READS: Final = "exam_sharing_reads"
"""The execution option of a connection that only reads."""

_PATIENCE: Final = 30
"""For how many seconds a transaction waits for another one to end."""


def sqlite_engine(path: str | Path, **options: Any) -> Engine:  # noqa: ANN401  as SQLAlchemy's
    """Return an engine for a file, set up as `set_up_sqlite` does, with a write-ahead log.

    Args:
        path: of the file; it is made when it is not there.
        options: more arguments for `sqlalchemy.create_engine`.
    """
    options.setdefault("connect_args", {"timeout": _PATIENCE})
    engine = create_engine(URL.create("sqlite", database=str(path)), **options)

    def keep_a_log(driver_connection: DriverConnection, _record: object) -> None:
        # Readers then see the last commit while somebody writes.
        driver_connection.execute("PRAGMA journal_mode = WAL").close()

    set_up_sqlite(engine)
    event.listen(engine, "connect", keep_a_log)
    return engine


def set_up_sqlite(engine: Engine) -> None:
    """Make the transactions of an engine for SQLite begin where they say so.

    To be called once, before the engine has connected.
    """
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)


def _set_up(driver_connection: DriverConnection, _record: object) -> None:
    driver_connection.isolation_level = None  # SQLAlchemy begins transactions.
    # What is deleted is overwritten: a personal message must not stay in free pages.
    driver_connection.execute("PRAGMA secure_delete = ON").close()


def _begin(connection: Connection) -> None:
    reads = connection.get_execution_options().get(READS, False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


@in_our_words
def _file_of(engine: Engine) -> str:
    """Return the path of the main database; empty where it is in memory."""
    with engine.connect() as connection:
        files = connection.exec_driver_sql("PRAGMA database_list").all()
    return next(str(file) for _, name, file in files if name == "main")


@in_our_words
def _begins(engine: Engine) -> bool:
    with engine.begin() as connection:
        driver_connection: Any = connection.connection.dbapi_connection
        return driver_connection.isolation_level is None and driver_connection.in_transaction


def check_transactions(engine: Engine) -> None:
    """Make sure that a transaction of the engine is one from its first statement on.

    Raises:
        InvalidValue: the driver begins transactions where it sees fit, or there is no file.
        StoreFailed: the database does not answer.
    """
    # Without a file, connections see different databases or share one transaction.
    if not _file_of(engine):
        raise InvalidValue("engine", "must be for a file of SQLite; memory has a store of its own")
    if not _begins(engine):
        raise InvalidValue(
            "engine",
            "must begin transactions itself: make it with sqlite_engine, or call set_up_sqlite "
            "before it connects",
        )
