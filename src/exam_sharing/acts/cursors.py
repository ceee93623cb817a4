"""Cursors: where a page ended, as one opaque string that fits into an address."""

import base64
import binascii
import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Final, TypeVar

from exam_sharing.errors import ExamSharingError, InvalidInput
from exam_sharing.events import ListedNotice
from exam_sharing.identifiers import ExamId
from exam_sharing.policy.views import Page, VisibleExam
from exam_sharing.validation import exact_text, instant, require_instance

__all__ = [
    "cursor_after",
    "exam_cursor_after",
    "exam_position",
    "notice_cursor_after",
    "notice_position",
    "page_limit",
    "page_of",
    "position",
]

ItemT = TypeVar("ItemT")

MAX_PAGE: Final = 1_000
MAX_CURSOR_LENGTH: Final = 8_000
_PARTS: Final = 2
_NOTICE: Final = "notice"
_MAX_DIGITS: Final = 18


def cursor_after(first: str, second: str) -> str:
    """Return the cursor of the place behind an entry with this sort key."""
    # Written as they are, the longest name and id stay well below the length that is accepted.
    text = json.dumps([first, second], separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).decode()


def position(cursor: str | None) -> tuple[str, str] | None:
    """Return the sort key that a cursor was made from; `None` for the beginning.

    Raises:
        WrongKind: it is no `str`.
        InvalidValue: it is no cursor of ours.
    """
    if cursor is None:
        return None
    text = exact_text("after", cursor)
    problem = InvalidInput("after", "is not a cursor that a page gave")
    if len(text) > MAX_CURSOR_LENGTH:
        raise problem
    try:
        parts = json.loads(base64.b64decode(text, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise problem from None
    if not isinstance(parts, list) or len(parts) != _PARTS:
        raise problem
    first, second = parts
    if not isinstance(first, str) or not isinstance(second, str):
        raise problem
    return first, second


def exam_cursor_after(item: VisibleExam) -> str:
    """Return the cursor of the place behind an exam."""
    return cursor_after(item.uploaded_at.isoformat(), str(item.exam))


def exam_position(cursor: str | None) -> tuple[datetime, str] | None:
    """Return the time of upload and the id that a cursor was made from.

    Raises:
        WrongKind: it is no `str`.
        InvalidValue: it is no cursor of a list of exams.
    """
    parts = position(cursor)
    if parts is None:
        return None
    try:
        return instant("after", datetime.fromisoformat(parts[0])), str(ExamId(parts[1]))
    except (ExamSharingError, ValueError):
        raise InvalidInput("after", "is not a cursor that a page gave") from None


def notice_cursor_after(item: ListedNotice) -> str:
    """Return the cursor of the place behind a notice."""
    return cursor_after(_NOTICE, str(item.number))


def notice_position(cursor: str | None) -> int | None:
    """Return the number of the notice that a cursor was made from.

    Raises:
        WrongKind: it is no `str`.
        InvalidValue: it is no cursor of a list of notices.
    """
    parts = position(cursor)
    if parts is None:
        return None
    kind, digits = parts
    if kind != _NOTICE or not re.fullmatch(rf"[0-9]{{1,{_MAX_DIGITS}}}", digits):
        raise InvalidInput("after", "is not a cursor that a page gave")
    return int(digits)


def page_limit(limit: int) -> int:
    """Return the number of items of a page if it can be one.

    Raises:
        WrongKind: it is no `int`.
        InvalidValue: it is less than 1 or more than 1,000.
    """
    require_instance("limit", limit, int)
    if type(limit) is not int or not 1 <= limit <= MAX_PAGE:
        raise InvalidInput("limit", f"must be a whole number from 1 to {MAX_PAGE}")
    return limit


def page_of(found: tuple[ItemT, ...], limit: int, cursor_of: Callable[[ItemT], str]) -> Page[ItemT]:
    """Return a page of at most `limit` items; one item more shows that there is a next page."""
    if len(found) <= limit:
        return Page(items=found)
    return Page(items=found[:limit], next=cursor_of(found[limit - 1]))
