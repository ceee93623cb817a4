"""Statements that read, sent by psycopg itself over a connection of SQLAlchemy's pool.

`Connection` of SQLAlchemy makes a check three times as long as psycopg alone. Reads of ours need
only the pool: they are text with values, and each is a transaction by itself. SQLAlchemy executes
them all the same where the host could tell the difference: where something listens to statements
or transactions, or logs them, or where names are translated.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from logging import INFO
from operator import attrgetter
from typing import Any, Final, TypeAlias

from sqlalchemy import Engine

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


OneRow: TypeAlias = Callable[[str], Sequence[Any]]
"""Executes a statement without values, and returns its first row."""


def _nothing(_: OneRow) -> None:
    """Do nothing."""


class DirectReader:
    """Executes statements over the pool of an engine for PostgreSQL, if nothing is against it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._driven = engine.dialect.driver == "psycopg" and not engine.dialect.is_async

    def is_usable(self) -> bool:
        """Return whether the host cannot tell the difference."""
        engine = self._engine
        return (
            self._driven
            and not any(_FIRED(engine.dispatch))
            and not any(_FIRED_BY_DIALECT(engine.dialect.dispatch))
            and not engine.get_execution_options().get("schema_translate_map")
            and not engine.logger.isEnabledFor(INFO)
        )

    def rows(
        self,
        text: str,
        values: Any,  # noqa: ANN401
        before: Callable[[OneRow], object] = _nothing,
        within: Callable[[Any], AbstractContextManager[None]] = nullcontext,
    ) -> Sequence[Sequence[Any]] | None:
        """Return the rows of the driver, or `None` if it fails.

        A read that failed can be repeated, by whatever tells the failure in its own words. `before`
        is called just before with what returns the first row of another statement; it may raise
        `StoreFailed`, and then nothing is read. `within` opens the context of both statements, for
        the connection of the driver.
        """
        failures: Any = self._engine.dialect.loaded_dbapi.Error
        try:
            lent = self._engine.raw_connection()
        except failures:
            return None
        found: Sequence[Sequence[Any]] = ()
        refused: StoreFailed | None = None
        try:
            driver: Any = lent.driver_connection
            driver.autocommit = True
            with within(driver):
                try:
                    before(lambda asked: driver.execute(asked).fetchone())
                except StoreFailed as error:
                    refused = error
                else:
                    found = driver.execute(text, values).fetchall()
            driver.autocommit = False
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
