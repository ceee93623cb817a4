"""What hosts give for an engine, a transaction or tables, and what to give instead."""

from functools import cache
from typing import Final

from sqlalchemy import URL, Engine, MetaData
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from sqlalchemy.util.concurrency import in_greenlet

from exam_sharing.adapters.sqlalchemy.tables import Tables, define_tables
from exam_sharing.errors import InvalidArgument
from exam_sharing.validation import of_kind, require_instance

__all__ = ["given_tables", "require_connection", "require_engine", "require_transaction"]

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
