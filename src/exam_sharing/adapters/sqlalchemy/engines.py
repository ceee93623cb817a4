"""The host's engine as this package uses it: checked when it is given, silent about its rows."""

import logging
from typing import Any, Final

from sqlalchemy import Engine
from sqlalchemy.engine import Connection

from exam_sharing.adapters.sqlalchemy.failures import in_our_words
from exam_sharing.adapters.sqlalchemy.kinds import require_engine
from exam_sharing.adapters.sqlalchemy.poolers import may_mix_statements, remedy
from exam_sharing.adapters.sqlalchemy.sqlite_engines import READS, check_transactions
from exam_sharing.errors import InvalidArgument, StoreFailed

__all__ = ["READS", "checked_engine", "is_autocommit", "quiet_engine", "require_dialect"]

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
