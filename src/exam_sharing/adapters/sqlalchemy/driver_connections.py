"""Connections of SQLAlchemy over connections of the driver that a host has open.

A host on another framework, as Django is, holds a connection of the driver in the middle of a
transaction. Our statements run over it as over any other; what would commit it, roll it back, reset
it or close it does nothing, and no event of an engine is told of it.
"""

from typing import Any, Final, Protocol
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, NullPool, Pool
from sqlalchemy.engine import Connection

from exam_sharing.adapters.sqlalchemy.engines import is_autocommit, quiet_engine, require_dialect
from exam_sharing.adapters.sqlalchemy.poolers import may_mix_statements, remedy
from exam_sharing.errors import InvalidArgument
from exam_sharing.validation import require_instance

__all__ = ["DriverConnection", "is_begun", "over_driver_connection", "own_engine"]

_DRIVERS: Final = ("psycopg", "pysqlite")

_IDLE: Final = 0
"""What libpq calls the status of a connection that is in no transaction."""


class DriverConnection(Protocol):
    """A connection of psycopg 3 or of Python's sqlite3."""

    def cursor(self) -> Any:  # noqa: ANN401  each driver has a kind of its own
        """Return a new cursor."""


def over_driver_connection(driver_connection: DriverConnection, engine: Engine) -> Connection:
    """Return a connection for `joined` over one of the driver's that is in a transaction.

    It is good for that transaction, which it neither ends nor closes.

    Args:
        driver_connection: of psycopg 3 or sqlite3; in Django `connection.connection`, inside of
            `atomic()`.
        engine: for the same database, by the same driver; refusals are recorded by it where they
            have a transaction of their own.

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
    if may_mix_statements(connection):
        raise InvalidArgument("driver_connection", remedy(connection.dialect.driver))
    return connection


def own_engine(connection: Connection) -> Engine:
    """Return the engine that makes connections of our own beside this one."""
    driver_connection: Any = connection.connection.dbapi_connection
    if isinstance(driver_connection, _Lent):
        return driver_connection.beside
    return connection.engine


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

    def commit(self) -> None:
        """Leave it to the host."""

    def rollback(self) -> None:
        """Leave it to the host."""

    def close(self) -> None:
        """Leave it to the host."""


def _no_connection() -> Any:  # noqa: ANN401  as every creator of a pool
    raise InvalidArgument("engine", "has no connections but those that are lent")


_WITHOUT_EVENTS: Final[WeakKeyDictionary[Engine, Engine]] = WeakKeyDictionary()
"""One for each engine, since an engine remembers the statements that it has compiled."""


def _engine_without_events(engine: Engine) -> Engine:
    """Return an engine by which nobody hears of a lent connection, and nobody begins anything."""
    found = _WITHOUT_EVENTS.get(engine)
    if found is None:
        pool: Pool = NullPool(_no_connection, dialect=engine.dialect)
        found = quiet_engine(Engine(pool, engine.dialect, engine.url))
        _WITHOUT_EVENTS[engine] = found
    return found
