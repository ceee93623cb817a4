"""Errors of the database as errors of ours.

The errors of SQLAlchemy and of drivers hold statements and parameters, and so may hold a personal
message. None of that gets out: not in a text, not as a cause, not as a context.
"""

import sqlite3
from collections.abc import Callable
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from exam_sharing.errors import Conflict, StoreBusy, StoreFailed

__all__ = ["LostRace", "in_our_words", "is_locked", "is_lost_race", "or_conflict"]

ParamsT = ParamSpec("ParamsT")
ResultT = TypeVar("ResultT")

_LOCK_NOT_AVAILABLE: Final = "55P03"
"""PostgreSQL's, where somebody limits the wait for a lock."""

_LOST_RACES: Final = frozenset({"25P03", "40001", "40P01", _LOCK_NOT_AVAILABLE})
"""PostgreSQL's, also for a transaction that was idle for too long, for a serialization failure, and
for a deadlock."""

_OLDER_MOMENT: Final = sqlite3.SQLITE_BUSY_SNAPSHOT
"""SQLite's for a transaction that has read rows that another has changed since."""

_LOCKED: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
"""SQLite's for a file that is in use; its extended codes add to these in higher bits."""

_UNREADABLE: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""Raised by reading a row that we did not write, or that has bytes for text."""


class LostRace(StoreFailed):
    """Somebody else was in the way; the same may succeed later."""


def in_our_words(ask: Callable[ParamsT, ResultT]) -> Callable[ParamsT, ResultT]:
    """Make a function raise `StoreFailed` where the database, or a row of it, fails.

    It raises `StoreBusy` where somebody else has kept the database locked.
    """

    @wraps(ask)
    def asked(*args: ParamsT.args, **kwargs: ParamsT.kwargs) -> ResultT:
        try:
            return ask(*args, **kwargs)
        except (SQLAlchemyError, *_UNREADABLE) as error:
            failed = _failure(error)
        # Outside of the handler, the error is not the context of ours.
        raise failed

    return asked


def or_conflict(ask: Callable[ParamsT, ResultT]) -> Callable[ParamsT, ResultT]:
    """Do the same as `in_our_words`, and raise `Conflict` where somebody else was in the way."""
    in_words = in_our_words(ask)

    @wraps(ask)
    def asked(*args: ParamsT.args, **kwargs: ParamsT.kwargs) -> ResultT:
        try:
            return in_words(*args, **kwargs)
        except LostRace:
            pass
        raise Conflict(1)

    return asked


def is_lost_race(error: SQLAlchemyError) -> bool:
    """Return whether somebody else was faster, so that the same act may succeed at once."""
    if not isinstance(error, DBAPIError):
        return False
    return _sqlstate(error) in _LOST_RACES or _sqlite_code(error.orig) == _OLDER_MOMENT


def is_locked(error: BaseException | None) -> bool:
    """Return whether SQLite's driver failed because another connection uses the file."""
    code = _sqlite_code(error)
    return code is not None and code & 0xFF in _LOCKED and code != _OLDER_MOMENT


def _sqlstate(error: DBAPIError) -> str | None:
    state: str | None = getattr(error.orig, "sqlstate", None)
    return state


def _sqlite_code(error: BaseException | None) -> int | None:
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return code


def _failure(error: Exception) -> StoreFailed:
    if not isinstance(error, SQLAlchemyError):
        return StoreFailed(
            f"the database returned or was given something unreadable: {type(error).__name__}"
        )
    words = [type(error).__name__]
    if isinstance(error, DBAPIError):
        if is_locked(error.orig) or _sqlstate(error) == _LOCK_NOT_AVAILABLE:
            return StoreBusy(
                "somebody else has kept the database locked for too long, and nothing was done; "
                "try again, or find the process that holds the lock"
            )
        code = _sqlstate(error) or getattr(error.orig, "sqlite_errorname", None)
        words += [str(code)] if code else []
    kind = LostRace if is_lost_race(error) else StoreFailed
    return kind(f"the database failed: {', '.join(words)}")
