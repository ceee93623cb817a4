"""Times: aware ones in many zones, and those around the moments at which something changes."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from hypothesis import strategies as st

from exam_sharing.testing.moments import START, TICK

__all__ = ["durations", "times", "times_around"]

_EARLIEST: Final = datetime(1, 1, 3)  # noqa: DTZ001  zones are drawn apart
_LATEST: Final = datetime(9999, 12, 29)  # noqa: DTZ001
"""Within a day of these, a time in another zone may be none in UTC."""

_ZONES: Final = st.just(UTC) | st.builds(
    lambda minutes: timezone(timedelta(minutes=minutes)), st.integers(-14 * 60, 14 * 60)
)


def times() -> st.SearchStrategy[datetime]:
    """Draw aware times that can be told in UTC, in any century and zone."""
    return st.datetimes(_EARLIEST, _LATEST, timezones=_ZONES)


def durations() -> st.SearchStrategy[timedelta]:
    """Draw durations longer than nothing: a tick, some minutes, days, or a year."""
    return (
        st.integers(1, 60).map(lambda n: timedelta(minutes=n))
        | st.integers(1, 366).map(lambda n: timedelta(days=n))
        | st.just(TICK)
    )


def times_around(
    *,
    moments: st.SearchStrategy[datetime] = st.just(START),
    distances: st.SearchStrategy[timedelta] | None = None,
) -> st.SearchStrategy[datetime]:
    """Draw the moments themselves, the microseconds beside them, and times further off.

    Args:
        moments: when something changes, as the times at which grants expire.
        distances: how far off; by default as `durations`.
    """
    off = st.just(timedelta(0)) | st.just(TICK) | (durations() if distances is None else distances)
    return st.builds(
        lambda moment, by, before: moment - by if before else moment + by,
        moments,
        off,
        st.booleans(),
    )
