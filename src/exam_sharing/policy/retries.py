"""Retries of notices that were not sent, and of acts that lost a race to write.

The delay after a failed attempt doubles up to the longest delay. A notice is given up after the
last attempt of the schedule, and after a permanent failure; then only an operator can requeue it.
A notice is also given up if two attempts may have sent it: its reader gets two copies at most.
"""

from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Final, TypeAlias

import attrs

from exam_sharing.errors import MAYBE_SENT, InvalidArgument
from exam_sharing.grants import FOREVER
from exam_sharing.validation import duration, instant, is_positive_time, is_whole_from

AT_ONCE: Final = datetime.min.replace(tzinfo=UTC)
"""The due time of a notice that need not wait. It is earlier than any real time."""

MAX_WAIT: Final = timedelta(days=366)

LOCK_TIMEOUT: Final = 5.0
"""Seconds that an act waits for the lock on its exams. After that it goes on without the lock."""

_FIRST_DELAY: Final = 0.002
_LONGEST_DELAY: Final = 0.5
_DOUBLINGS: Final = 8


class Done(Enum):
    """Nothing is left to do for a notice."""

    SENT = "SENT"
    """The notifier has taken it."""
    DROPPED = "DROPPED"
    """It is no longer true, or no longer wanted."""


@attrs.frozen(kw_only=True)
class TryAgain:
    """An attempt to send a notice failed, and another may succeed.

    Attributes:
        at: the earliest time of the next attempt; `AT_ONCE` for the next delivery.
        problem: a code of the notifier, or the name of the type of an error.
    """

    at: datetime
    problem: str


@attrs.frozen(kw_only=True)
class GivenUp:
    """Sending a notice failed for good, with a problem as in `TryAgain`."""

    at: datetime
    problem: str


Settlement: TypeAlias = Done | TryAgain | GivenUp
"""The outcome of an attempt to send a notice."""


def _first_wait(value: timedelta) -> timedelta:
    return duration("first_wait", value)


def _longest_wait(value: timedelta) -> timedelta:
    return duration("longest_wait", value)


def _check_longest(
    instance: "Retries", attribute: "attrs.Attribute[timedelta]", value: timedelta
) -> None:
    if not instance.first_wait <= value <= MAX_WAIT:
        raise InvalidArgument(attribute.name, f"must be from first_wait to {MAX_WAIT.days} days")


@attrs.frozen(kw_only=True)
class Retries:
    """When a notice that failed is tried again, and when it is given up.

    By default twice at the next delivery, then after 1, 2, 4 … minutes, then every hour, and no
    more after nearly five days, which is about as long as mail servers try.

    Attributes:
        at_once: how many failures are retried without a wait; most failures are brief.
        first_wait: the first delay; each further one is twice as long.
        longest_wait: the longest delay.
        limit: the number of attempts; after the last one a notice is given up. `None` for no
            limit.
    """

    at_once: int = attrs.field(default=2, validator=is_whole_from(0))
    first_wait: timedelta = attrs.field(
        default=timedelta(minutes=1), converter=_first_wait, validator=is_positive_time
    )
    longest_wait: timedelta = attrs.field(
        default=timedelta(hours=1), converter=_longest_wait, validator=_check_longest
    )
    limit: int | None = attrs.field(default=120, validator=is_whole_from(1, optional=True))

    def after(
        self, failures: int, problem: str, now: datetime, *, before: str | None = None
    ) -> TryAgain | GivenUp:
        """Return the settlement of a notice whose attempt has just failed.

        `failures` counts all failed attempts, this one too. `before` is the earlier ones' problem.
        """
        now = instant("now", now)
        twice = problem == before == MAYBE_SENT
        # No later problem replaces MAYBE_SENT, so at most two attempts may have sent the notice.
        problem = MAYBE_SENT if before == MAYBE_SENT else problem
        if twice or (self.limit is not None and failures >= self.limit):
            return GivenUp(at=now, problem=problem)
        if failures <= self.at_once:
            return TryAgain(at=AT_ONCE, problem=problem)
        wait = self._wait(failures - self.at_once - 1)
        return TryAgain(at=now + min(wait, FOREVER - now), problem=problem)

    def _wait(self, doublings: int) -> timedelta:
        # More doublings would exceed the longest wait anyway, and might overflow a `timedelta`.
        enough = (self.longest_wait // self.first_wait).bit_length()
        return min(self.longest_wait, self.first_wait * (1 << min(doublings, enough)))


def longest_delay(lost: int) -> float:
    """Return the longest delay, in seconds, before an act is decided again after `lost` lost races.

    A store waits for a random part of it, so that the same acts do not race again.
    """
    doubled: int = 2 ** min(lost - 1, _DOUBLINGS)
    return min(_LONGEST_DELAY, _FIRST_DELAY * doubled)
