"""The start of every story, and times that stores get wrong.

These are the first and the last times, microseconds, and hours that occur twice in a zone.
"""

from datetime import UTC, datetime, timedelta, timezone
from typing import Final

__all__ = ["DAY", "EDGES", "FIRST", "LAST", "START", "TICK"]

START: Final = datetime(2030, 1, 1, 12, tzinfo=UTC)
"""The time at which every world, story and law starts."""

DAY: Final = timedelta(days=1)
TICK: Final = timedelta(microseconds=1)
"""The shortest duration."""

FIRST: Final = datetime.min.replace(tzinfo=UTC)
LAST: Final = datetime.max.replace(tzinfo=UTC)
"""The last time; it does not exist in every zone."""

EDGES: Final = (
    datetime(1, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2026, 3, 29, 1, 0, tzinfo=UTC),
    # Half past two occurs twice in the night in which Central European clocks are set back.
    datetime(2026, 10, 25, 2, 30, tzinfo=timezone(timedelta(hours=2))).astimezone(UTC),
    datetime(2026, 10, 25, 2, 30, tzinfo=timezone(timedelta(hours=1))).astimezone(UTC),
    datetime(2026, 10, 25, 1, 30, 0, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 1, 30, 0, 2, tzinfo=UTC),
    datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_998, tzinfo=UTC),
)
"""Ascending, and all between the first and the last time."""
