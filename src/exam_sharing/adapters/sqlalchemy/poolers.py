"""Poolers between us and PostgreSQL, as PgBouncer, and what they do to prepared statements.

A pooler may give each transaction another session of the server. A statement that a client prepared
in one session then has the name of another client's statement in the next, and that one is
executed: whoever asks gets an answer to a question of somebody else.

A pooler gives itself away: it tells clients a process of the server that is not the one that
answers. Whether it keeps sessions together, as PgBouncer does in session mode, it does not tell.
"""

from typing import Any, Final
from weakref import WeakSet

from sqlalchemy.engine import Connection

__all__ = ["may_mix_statements", "remedy"]

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
