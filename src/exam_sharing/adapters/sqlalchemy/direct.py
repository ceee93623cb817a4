"""Statements that read, sent by psycopg itself over a connection of SQLAlchemy's pool.

`Connection` of SQLAlchemy makes a check three times as long as psycopg alone. Reads of ours need
only the pool: they are text with values, and each is a transaction by itself. SQLAlchemy executes
them all the same where the host could tell the difference: where something listens to statements
or transactions, or logs them, or where names are translated; and with a
psycopg before 3.2, which has no `RawCursor`.

A pooled connection keeps a cursor for each text, which spares psycopg a quarter of its work for a
check. One read at a time has a cursor, also where a pool lends a connection twice.
"""

from collections.abc import Callable, MutableMapping, Sequence
from contextlib import AbstractContextManager
from logging import INFO
from operator import attrgetter
from typing import Any, Final, TypeAlias

from sqlalchemy import Engine
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.engine import Dialect

from exam_sharing.errors import StoreFailed

# The events of an engine and of its dialect that a read fires.
_FIRED: Final = attrgetter(
    "before_execute",
    "after_execute",
    "before_cursor_execute",
    "after_cursor_execute",
    "engine_connect",
    "set_connection_execution_options",
    "begin",
    "rollback",
)
_FIRED_BY_DIALECT: Final = attrgetter("do_execute", "handle_error")
_EVER: Final = "_has_events"
# The key under which a pooled connection keeps its cursors that are not in use, by their text and
# the settings of the session that a cursor reads only once.
_CURSORS: Final = "exam_sharing_cursors"
_READ_ONCE: Final = (b"client_encoding", b"DateStyle")
_MOST_CURSORS: Final = 32
# A cursor holds the rows that it has read last, so after more of them it is not kept.
_MOST_ROWS: Final = 100

_POSTGRESQL: Final[Callable[..., Dialect]] = PGDialect_psycopg

_Cursors: TypeAlias = MutableMapping[tuple[Any, ...], Any]

OneRow: TypeAlias = Callable[[str], Sequence[Any]]
"""Executes a statement without values, and returns its first row."""

Guard: TypeAlias = Callable[[Any, OneRow], AbstractContextManager[None]]
"""Opens the context of a read, for a connection of the driver and what asks there before it."""


class DirectReader:
    """Executes statements over the pool of an engine for PostgreSQL, if nothing is against it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._psycopg: Any = engine.dialect.loaded_dbapi
        self._driven = (
            engine.dialect.driver == "psycopg"
            and not engine.dialect.is_async
            and hasattr(self._psycopg, "RawCursor")
        )
        # The engine is our own, whose options nobody changes.
        self._translated = bool(engine.get_execution_options().get("schema_translate_map"))
        # psycopg then sends a text as it is, and need not bring names into an order for each read.
        self.dialect: Dialect = (
            _POSTGRESQL(paramstyle="numeric_dollar") if self._driven else engine.dialect
        )

    def is_usable(self) -> bool:
        """Return whether the host cannot tell the difference."""
        engine = self._engine
        # SQLAlchemy notes whether anybody has ever listened; asking each event costs far more.
        return (
            self._driven
            and not (getattr(engine, _EVER, True) and any(_FIRED(engine.dispatch)))
            and not (
                getattr(engine.dialect, _EVER, True)
                and any(_FIRED_BY_DIALECT(engine.dialect.dispatch))
            )
            and not self._translated
            and not engine.logger.isEnabledFor(INFO)
        )

    def rows(
        self,
        text: str,
        values: Any,  # noqa: ANN401
        guard: Guard | None = None,
    ) -> Sequence[Sequence[Any]] | None:
        """Return the rows of the driver, or `None` if it fails.

        A read that failed can be repeated, by whatever tells the failure in its own words. If the
        guard raises `StoreFailed`, nothing is read.
        """
        failures = self._psycopg.Error
        try:
            lent = self._engine.pool.connect()
        except failures:
            return None
        found: Sequence[Sequence[Any]] = ()
        refused: StoreFailed | None = None
        try:
            driver: Any = lent.dbapi_connection
            kept: _Cursors = lent.info.setdefault(_CURSORS, {})
            driver.set_autocommit(True)
            if guard is None:
                found = self._read(driver, kept, text, values)
            else:
                try:
                    with guard(driver, lambda asked: self._read(driver, kept, asked)[0]):
                        found = self._read(driver, kept, text, values)
                except StoreFailed as error:
                    refused = error
            driver.set_autocommit(False)
        except BaseException as error:
            # It may be in the middle of a statement, or keep the mode.
            lent.invalidate()
            if isinstance(error, failures):
                return None
            raise
        lent.close()
        if refused is not None:
            raise refused
        return found

    def _read(
        self,
        driver: Any,  # noqa: ANN401
        kept: _Cursors,
        text: str,
        values: Any = None,  # noqa: ANN401
    ) -> Sequence[Sequence[Any]]:
        key = text, *map(driver.pgconn.parameter_status, _READ_ONCE)
        cursor = kept.pop(key, None)
        if cursor is None:
            # The rows are tuples, whatever rows the host has chosen for the connection.
            cursor = self._psycopg.RawCursor(driver, row_factory=self._psycopg.rows.tuple_row)
        found: Sequence[Sequence[Any]] = cursor.execute(text, values).fetchall()
        if len(found) <= _MOST_ROWS and len(kept) < _MOST_CURSORS:
            kept[key] = cursor
        return found
