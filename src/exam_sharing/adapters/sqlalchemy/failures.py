"""What goes wrong in a database, in our words.

The errors of SQLAlchemy and of drivers carry statements and parameters, and so may carry a personal
message. Nothing of that gets out: not in a text, not as a cause, not as a context.
"""

from collections.abc import Callable
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from exam_sharing.errors import StoreFailed

__all__ = ["in_our_words", "is_lost_race"]

ParamsT = ParamSpec("ParamsT")
ResultT = TypeVar("ResultT")

_LOST_RACES: Final = frozenset({"40001", "40P01"})
"""PostgreSQL's serialization failure and deadlock."""

_BUSY: Final = frozenset({5, 6})
"""SQLite's BUSY and LOCKED; its extended codes add to these in the higher bits."""


def in_our_words(ask: Callable[ParamsT, ResultT]) -> Callable[ParamsT, ResultT]:
    """Make a function raise `StoreFailed` wherever the database, or a row of it, fails."""

    @wraps(ask)
    def asked(*args: ParamsT.args, **kwargs: ParamsT.kwargs) -> ResultT:
        try:
            return ask(*args, **kwargs)
        except (SQLAlchemyError, ValueError, LookupError) as error:
            failed = StoreFailed(_said_of(error))
        # Out here the error is no longer the context of ours.
        raise failed

    return asked


def is_lost_race(error: SQLAlchemyError) -> bool:
    """Say whether somebody else was in the way, so that the same act may succeed later."""
    if not isinstance(error, DBAPIError):
        return False
    code = getattr(error.orig, "sqlite_errorcode", None)
    return _sqlstate(error) in _LOST_RACES or (code is not None and code & 0xFF in _BUSY)


def _sqlstate(error: DBAPIError) -> str | None:
    state: str | None = getattr(error.orig, "sqlstate", None)
    return state


def _said_of(error: Exception) -> str:
    if not isinstance(error, SQLAlchemyError):
        return f"the database gave or was given something unreadable: {type(error).__name__}"
    words = [type(error).__name__]
    if isinstance(error, DBAPIError):
        code = _sqlstate(error) or getattr(error.orig, "sqlite_errorname", None)
        words += [str(code)] if code else []
    return f"the database failed: {', '.join(words)}"
