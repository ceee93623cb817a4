"""When everything here begins, and times that stores get wrong.

The latter are the ends of all times, microseconds, and hours that a zone has twice.
"""

from datetime import UTC, datetime, timedelta, timezone
from typing import Final

__all__ = ["DAY", "EDGES", "FIRST", "LAST", "START", "TICK"]

START: Final = datetime(2030, 1, 1, 12, tzinfo=UTC)
"""When every world, every story and every law begins."""

DAY: Final = timedelta(days=1)
TICK: Final = timedelta(microseconds=1)
"""Nothing is shorter."""

FIRST: Final = datetime.min.replace(tzinfo=UTC)
LAST: Final = datetime.max.replace(tzinfo=UTC)
"""There is no later time, and in some zones not even this one."""

EDGES: Final = (
    datetime(1, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2026, 3, 29, 1, 0, tzinfo=UTC),
    # Half past two in the night in which a Central European clock is put back: once and again.
    datetime(2026, 10, 25, 2, 30, tzinfo=timezone(timedelta(hours=2))).astimezone(UTC),
    datetime(2026, 10, 25, 2, 30, tzinfo=timezone(timedelta(hours=1))).astimezone(UTC),
    datetime(2026, 10, 25, 1, 30, 0, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 1, 30, 0, 2, tzinfo=UTC),
    datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_998, tzinfo=UTC),
)
"""Each later than the one before it, and all of them between the first and the last."""
