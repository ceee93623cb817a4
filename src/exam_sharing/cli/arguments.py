"""What people type for users, groups, exams and times, and what it means.

A user is typed `ID` or `user:ID`, a group `group:ID`. A time is typed as ISO 8601 writes it, or as
a duration from now. Without an offset it is by the clock of this machine, and is printed with its
offset, so that a person sees how it was taken.
"""

import re
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Final, TypeVar

from exam_sharing import BatchId, ExamId, GroupId, NoticeId, Permission, PrincipalId, UserId
from exam_sharing.errors import InvalidValue

__all__ = [
    "MOST",
    "add_database",
    "add_json",
    "add_paging",
    "batch",
    "exam",
    "group",
    "notice",
    "permission",
    "principal",
    "spelled",
    "time",
    "user",
    "whole_number",
]

ValueT = TypeVar("ValueT")

MOST: Final = 1_000
"""As many come on one page at most."""

_USER, _GROUP = "user:", "group:"


def add_json(parser: ArgumentParser, *, default: object = False) -> None:
    """Let a command take `--json`."""
    parser.add_argument(
        "--json", action="store_true", default=default, help="write one JSON document instead"
    )


def add_database(parser: ArgumentParser, *, default: object = None) -> None:
    """Let a command take `--db`."""
    parser.add_argument(
        "--db",
        metavar="URL",
        default=default,
        help="the database: a path, sqlite:///PATH, or postgresql+psycopg://HOST/NAME; "
        "by default what EXAM_SHARING_DB says, or else exam-sharing.db in this folder",
    )


def add_paging(parser: ArgumentParser) -> None:
    """Let a command take which page of a list."""
    parser.add_argument("--after", metavar="CURSOR", help="go on behind the page before")
    parser.add_argument(
        "--limit",
        metavar="N",
        type=whole_number,
        default=50,
        help="how many at most; by default 50",
    )


def _typed(read: Callable[[str], ValueT]) -> Callable[[str], ValueT]:
    """Have argparse tell what is wrong with a value; neither tells the value."""

    @wraps(read)
    def reading(text: str) -> ValueT:
        try:
            return read(text)
        except InvalidValue as error:
            raise ArgumentTypeError(str(error)) from None

    return reading


def whole_number(text: str) -> int:
    """Read a whole number."""
    try:
        return int(text)
    except ValueError:
        raise ArgumentTypeError("must be a whole number") from None


@_typed
def principal(text: str) -> PrincipalId:
    """Read a user or a group."""
    if text.startswith(_GROUP):
        return GroupId(text.removeprefix(_GROUP))
    return UserId(text.removeprefix(_USER))


def spelled(who: PrincipalId) -> str:
    """Return how a user or a group is typed: what `principal` reads."""
    if isinstance(who, GroupId):
        return f"{_GROUP}{who}"
    return f"{_USER}{who}" if str(who).startswith((_USER, _GROUP)) else str(who)


def user(text: str) -> UserId:
    """Read somebody who can act."""
    who = principal(text)
    if isinstance(who, GroupId):
        raise ArgumentTypeError("must be a user; a group cannot act")
    return who


@_typed
def group(text: str) -> GroupId:
    """Read a group, with or without its kind."""
    return GroupId(text.removeprefix(_GROUP))


@_typed
def exam(text: str) -> ExamId:
    """Read which exam."""
    return ExamId(text)


@_typed
def batch(text: str) -> BatchId:
    """Read which upload batch."""
    return BatchId(text)


@_typed
def notice(text: str) -> NoticeId:
    """Read which notice."""
    return NoticeId(text)


def permission(text: str) -> Permission:
    """Read a permission, in letters of any case."""
    try:
        return Permission[text.upper()]
    except KeyError:
        raise ArgumentTypeError("must be view or download") from None


_DURATION: Final = re.compile(r"([0-9]+)([mhdw])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DAY: Final = re.compile(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}|[0-9]{4}-?W[0-9]{2}(-?[0-9])?")


def time(text: str) -> datetime:
    """Read a time: as `2030-06-01T18:00`, with or without an offset, or as `30d` from now."""
    duration = _DURATION.fullmatch(text)
    if duration is not None:
        number, unit = duration.groups()
        if not number.strip("0"):
            raise ArgumentTypeError("must be longer than nothing, as 90m, 12h, 30d or 4w")
        try:
            return _whole_minute(datetime.now(UTC)) + timedelta(**{_UNITS[unit]: int(number)})
        except (OverflowError, ValueError):
            raise ArgumentTypeError("is too far away; leave it out for good") from None
    if _DAY.fullmatch(text):
        raise ArgumentTypeError("needs a time of day too, as 2030-06-01T18:00")
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(
            "must be a time as 2030-06-01T18:00, with or without an offset as +02:00, "
            "or a duration as 90m, 12h, 30d or 4w"
        ) from None
    try:
        return read.astimezone(UTC) if read.utcoffset() is not None else _by_this_clock(read)
    except OverflowError:
        raise ArgumentTypeError("is too far away; leave it out for good") from None


def _whole_minute(now: datetime) -> datetime:
    """Return the minute that begins next, since seconds are hard to read and to type."""
    return now.replace(second=0, microsecond=0) + timedelta(minutes=1)


def _by_this_clock(naive: datetime) -> datetime:
    try:
        before, after = (naive.replace(fold=fold).astimezone() for fold in (0, 1))
    except (OverflowError, OSError, ValueError):
        raise ArgumentTypeError("needs an offset, as +00:00") from None
    if before.utcoffset() != after.utcoffset():
        raise ArgumentTypeError(
            "comes twice or never, as clocks change then; add the offset, as +02:00"
        )
    return before
