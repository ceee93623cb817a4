"""The connection on which a thread holds a transaction, so that reading beside needs no other.

While an act holds locks, or a host its transaction, everything of ours that reads the same database
reads over their connection. Threads that wait for those locks can then use up a pool, and the one
that they wait for still goes on.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import get_ident
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.engine import Connection

__all__ = ["held_connection", "holding", "is_same_database"]

_HELD: Final[ContextVar[tuple[Connection, Engine, int] | None]] = ContextVar("_HELD", default=None)


@contextmanager
def holding(connection: Connection, engine: Engine) -> Iterator[None]:
    """Let this thread read over a connection in a transaction, instead of over the engine."""
    token = _HELD.set((connection, engine, get_ident()))
    try:
        yield
    finally:
        _HELD.reset(token)


def held_connection(engine: Engine) -> Connection | None:
    """Return the connection over which this thread is to read what the engine would."""
    held = _HELD.get()
    if held is None:
        return None
    connection, beside, thread = held
    # A host that is asked meanwhile may begin threads and tasks with a copy of this context. They
    # have no part in the transaction, and may outlive it.
    if thread != get_ident() or connection.closed:
        return None
    return connection if is_same_database(connection, beside, engine) else None


def is_same_database(connection: Connection, beside: Engine, engine: Engine) -> bool:
    """Say whether statements of an engine find the same tables over a connection.

    Args:
        connection: the connection.
        beside: the engine that makes connections beside it.
        engine: the one that is asked about.
    """
    names = "schema_translate_map"
    translated = connection.get_execution_options().get(names)
    same_names = engine.get_execution_options().get(names) == translated
    return engine.pool is beside.pool and same_names
