"""Cursors: where a page ended, as one opaque string that fits into an address."""

import base64
import binascii
import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Final, TypeVar

from exam_sharing.accesses import Access
from exam_sharing.errors import ExamSharingError, InvalidInput
from exam_sharing.events import ListedNotice
from exam_sharing.identifiers import ExamId
from exam_sharing.policy.views import Page, VisibleExam
from exam_sharing.validation import exact_text, instant, require_instance

ItemT = TypeVar("ItemT")

MAX_PAGE: Final = 1_000
MAX_CURSOR_LENGTH: Final = 8_000


def cursor_after(first: str, second: str) -> str:
    """Return the cursor of the place behind an entry with this sort key."""
    # Written as they are, the longest name and id stay well below the length that is accepted.
    text = json.dumps([first, second], separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).decode()


def position(cursor: str | None) -> tuple[str, str] | None:
    """Return the sort key that a cursor was made from; `None` for the beginning."""
    if cursor is None:
        return None
    text = exact_text("after", cursor)
    if len(text) > MAX_CURSOR_LENGTH:
        raise _no_cursor()
    try:
        parts = json.loads(base64.b64decode(text, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise _no_cursor() from None
    match parts:
        case [str(first), str(second)]:
            return first, second
        case _:
            raise _no_cursor()


def _no_cursor() -> InvalidInput:
    return InvalidInput("after", "is not a cursor that a page gave")


def exam_cursor_after(item: VisibleExam) -> str:
    """Return the cursor of the place behind an exam."""
    return cursor_after(item.uploaded_at.isoformat(), str(item.exam))


def exam_position(cursor: str | None) -> tuple[datetime, str] | None:
    """Return the time of upload and the id that a cursor of a list of exams was made from."""
    parts = position(cursor)
    if parts is None:
        return None
    try:
        return instant("after", datetime.fromisoformat(parts[0])), str(ExamId(parts[1]))
    except (ExamSharingError, ValueError):
        raise _no_cursor() from None


def notice_cursor_after(item: ListedNotice) -> str:
    """Return the cursor of the place behind a notice."""
    return cursor_after("notice", str(item.number))


def notice_position(cursor: str | None) -> int | None:
    """Return the number that a cursor of a list of notices was made from."""
    parts = position(cursor)
    if parts is None:
        return None
    kind, digits = parts
    if kind != "notice" or not re.fullmatch(r"[0-9]{1,18}", digits):
        raise _no_cursor()
    return int(digits)


def history_cursor_after(at: datetime, kind: int, number: int) -> str:
    """Return the cursor of the place behind an entry of the history, of one of two kinds."""
    return cursor_after(at.isoformat(), f"history {kind} {number}")


def history_position(cursor: str | None) -> tuple[datetime, int, int] | None:
    """Return the time, the kind and the number that a cursor of a history was made from."""
    parts = position(cursor)
    if parts is None:
        return None
    found = re.fullmatch(r"history ([01]) ([0-9]{1,18})", parts[1])
    if found is None:
        raise _no_cursor()
    return _time(parts[0]), int(found[1]), int(found[2])


def access_cursor_after(item: Access) -> str:
    """Return the cursor of the place behind an access."""
    first, row = item.place
    return cursor_after(first.isoformat(), f"access {row}")


def access_position(cursor: str | None) -> tuple[datetime, str] | None:
    """Return the time and the id of the row that a cursor of accesses was made from."""
    parts = position(cursor)
    if parts is None:
        return None
    found = re.fullmatch(r"access ([0-9a-f]{40})", parts[1])
    if found is None:
        raise _no_cursor()
    return _time(parts[0]), found[1]


def _time(text: str) -> datetime:
    try:
        return instant("after", datetime.fromisoformat(text))
    except (ExamSharingError, ValueError):
        raise _no_cursor() from None


def page_limit(limit: int) -> int:
    """Return the number of items of a page; raise an error of ours if it cannot be one."""
    require_instance("limit", limit, int)
    if type(limit) is not int or not 1 <= limit <= MAX_PAGE:
        raise InvalidInput("limit", f"must be a whole number from 1 to {MAX_PAGE}")
    return limit


def page_of(
    found: tuple[ItemT, ...], limit: int, cursor_after: Callable[[ItemT], str]
) -> Page[ItemT]:
    """Return a page of at most `limit` items; one item more shows that there is a next page."""
    if len(found) <= limit:
        return Page(items=found)
    return Page(items=found[:limit], next=cursor_after(found[limit - 1]))
