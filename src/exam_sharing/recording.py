"""Recording of accesses: what is written at once, and what is counted in memory.

INVARIANT: the first access of a row is in the store before `record` returns. Repeats in the same
window are counted in memory and written later. So what a process that is killed can lose is how
often, and until when, somebody looked in that window; never that they looked. It holds since no
purge deletes a row of a window that is not over.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from logging import getLogger
from threading import Lock
from typing import Final, TypeAlias

import attrs

from exam_sharing.accesses import Access, AccessQuery, origin_text, purpose_code, window_around
from exam_sharing.errors import StoreFailed
from exam_sharing.grants import FOREVER, NEVER, Permission
from exam_sharing.identifiers import ExamId, UserId
from exam_sharing.ports import AccessLog
from exam_sharing.validation import clock_time

LONGEST_WAIT: Final = timedelta(minutes=1)
"""How long a repeat waits in memory, if further accesses are recorded."""

_MOST_WAITING: Final = 500
_MOST_KNOWN: Final = 10_000

_LOG: Final = getLogger("exam_sharing")

_Key: TypeAlias = tuple[str, str, Permission, str | None]
"""Of a row, whatever its window: user, exam, permission, purpose."""


@attrs.define(kw_only=True, eq=False)
class Row:
    """A row that is in the store, with the repeats that wait to be written.

    The lock of the recorder guards it.
    """

    of: Access
    ends: datetime
    first: datetime = FOREVER
    last: datetime = FOREVER
    count: int = 0
    waits_until: datetime = NEVER

    def taken(self) -> Access:
        """Return the repeats that wait, and count anew."""
        count, self.count = self.count, 0
        return attrs.evolve(self.of, first=self.first, last=self.last, count=count)


class Recorder:
    """Records the accesses of one process; safe for threads.

    The lock is never held while the store is asked.

    Attributes:
        repeated: the rows that repeats were counted in, by user, exam, permission, purpose and
            origin; `Sharing.record_access` looks there first.
        acquire: takes the lock; `with` takes twice as long.
        release: gives it back.
    """

    def __init__(self, log: AccessLog | None, window: timedelta) -> None:
        self._log = log
        self._window = window
        self._lock = Lock()
        self.acquire: Callable[[], bool] = self._lock.acquire
        self.release: Callable[[], None] = self._lock.release
        self.repeated: dict[tuple[str, str, Permission, str | None, str | None], Row] = {}
        self._rows: dict[_Key, Row] = {}
        self._waiting: list[Row] = []
        self._due = FOREVER

    @property
    def log(self) -> AccessLog:
        """Where accesses are kept.

        Raises:
            StoreFailed: nowhere.
        """
        if self._log is None:
            raise StoreFailed("the store keeps no accesses; use one of ours, or add an AccessLog")
        return self._log

    def window_begins(self, at: datetime) -> datetime:
        """Return when the window around a time begins."""
        return window_around(at, self._window)[0]

    def record(
        self,
        user: UserId,
        exam: ExamId,
        permission: Permission,
        purpose: str | None,
        origin: str | None,
        now: datetime,
    ) -> None:
        """Record one access; the first of a row is in the store when this returns."""
        begins, ends = window_around(clock_time(now), self._window)
        access = Access(
            user=user,
            exam=exam,
            permission=permission,
            purpose=purpose_code(purpose),
            origin=origin_text(origin),
            window=begins,
            first=now,
            last=now,
        )
        key = user.value, exam.value, permission, access.purpose
        if not self._is_counted(key, access):
            self._write_first(key, access, ends)
        elif self._due <= now or len(self._waiting) >= _MOST_WAITING:
            self._write_repeats(now)

    def _is_counted(self, key: _Key, access: Access) -> bool:
        """Count a repeat of a row that is known; return whether it is."""
        with self._lock:
            row = self._rows.get(key)
            if row is None or row.of.window != access.window:
                return False
            self._add(row, access)
            self._forget_some()
            self.repeated[(*key, access.origin)] = row
            return True

    def _forget_some(self) -> None:
        if max(len(self._rows), len(self.repeated)) >= _MOST_KNOWN:
            # What waits is kept; the next accesses are written as the first ones are.
            self._rows.clear()
            self.repeated.clear()

    def _add(self, row: Row, repeats: Access) -> None:
        if row.count:
            row.first, row.last = min(repeats.first, row.first), max(repeats.last, row.last)
        else:
            row.first, row.last = repeats.first, repeats.last
            if not self._waiting:
                self._due = _soon(repeats.last)
            row.waits_until = min(row.ends, self._due)
            self._waiting.append(row)
        row.count += repeats.count

    def _write_first(self, key: _Key, first: Access, ends: datetime) -> None:
        if not self._put((first,)):
            return  # A transaction may still roll it back: the next access does not rely on it.
        with self._lock:
            self._forget_some()
            self._rows[key] = Row(of=first, ends=ends)

    def _write_repeats(self, now: datetime) -> None:
        if not self.flush_if_possible():
            with self._lock:
                self._due = _soon(now)

    def flush_if_possible(self, wanted: AccessQuery | None = None) -> bool:
        """Write repeats as `flush` does; where that fails, log it, and write them later."""
        try:
            self.flush(wanted)
        except Exception as error:  # noqa: BLE001  what was counted is kept
            _LOG.error("repeated accesses could not be written: %s", type(error).__name__)
            return False
        return True

    def flush(self, wanted: AccessQuery | None = None) -> int:
        """Write the repeats that wait, and return the number of their rows.

        With a query, only repeats of its exams by its users: others must not slow it down.
        """
        with self._lock:
            rows = [row for row in self._waiting if wanted is None or wanted.is_about(row.of)]
        for start in range(0, len(rows), _MOST_WAITING):
            self._put((), rows[start : start + _MOST_WAITING])
        return len(rows)

    def _put(self, new: tuple[Access, ...], rows: Sequence[Row] | None = None) -> bool:
        """Write new rows with repeats that wait; return whether they are there for good."""
        log = self.log
        with self._lock:
            chosen = frozenset(self._waiting[:_MOST_WAITING] if rows is None else rows)
            # Another thread may have written some of them.
            waiting = [row for row in self._waiting if row in chosen]
            self._waiting = [row for row in self._waiting if row not in chosen]
            if not self._waiting:
                self._due = FOREVER
            taken = tuple([row.taken() for row in waiting])
        try:
            return log.put((*new, *taken)) is True
        except BaseException:
            with self._lock:
                for row, repeats in zip(waiting, taken, strict=True):
                    self._add(row, repeats)
            raise


def _soon(now: datetime) -> datetime:
    return now + min(LONGEST_WAIT, FOREVER - now)
