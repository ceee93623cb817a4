"""Notices that wait in memory."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from threading import RLock
from typing import Final

import attrs
from typing_extensions import override

from exam_sharing.events import WaitingNotice
from exam_sharing.identifiers import NoticeId, ShareId
from exam_sharing.ports import Outbox

__all__ = ["MemoryOutbox"]

CLAIM_LASTS: Final = timedelta(minutes=5)
"""After this long a claim that was never settled lapses, and the notice is sent again."""


class MemoryOutbox(Outbox):
    """Notices in the order in which they came, each forgotten once it was sent or dropped."""

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = RLock()
        self._waiting: dict[NoticeId, WaitingNotice] = {}
        self._of_share: dict[ShareId, list[NoticeId]] = {}
        self._claimed_until: dict[NoticeId, datetime] = {}

    def put(self, notices: Iterable[WaitingNotice]) -> None:
        """Let notices wait."""
        with self._lock:
            for notice in notices:
                self._waiting[notice.id] = notice
                self._of_share.setdefault(notice.share, []).append(notice.id)

    def waiting(self) -> tuple[WaitingNotice, ...]:
        """Return what waits, oldest first, claimed or not."""
        with self._lock:
            return tuple(self._waiting.values())

    @override
    def claim(self, now: datetime, limit: int, share: ShareId | None) -> tuple[WaitingNotice, ...]:
        with self._lock:
            claimed: list[WaitingNotice] = []
            for notice in self._candidates(share):
                if len(claimed) == limit:
                    break
                taken_until = self._claimed_until.get(notice.id)
                if taken_until is None or taken_until <= now:
                    self._claimed_until[notice.id] = now + CLAIM_LASTS
                    claimed.append(notice)
            return tuple(claimed)

    def _candidates(self, share: ShareId | None) -> Iterator[WaitingNotice]:
        if share is None:
            # What failed comes last, so that it holds up nobody.
            yield from sorted(self._waiting.values(), key=lambda notice: notice.attempts)
        else:
            yield from (self._waiting[each] for each in self._of_share.get(share, ()))

    @override
    def settle(self, notice: NoticeId, *, done: bool) -> None:
        with self._lock:
            self._claimed_until.pop(notice, None)
            waiting = self._waiting.get(notice)
            if waiting is None:
                return
            if not done:
                self._waiting[notice] = attrs.evolve(waiting, attempts=waiting.attempts + 1)
                return
            del self._waiting[notice]
            self._of_share[waiting.share].remove(notice)
            if not self._of_share[waiting.share]:
                del self._of_share[waiting.share]
