"""Notices in memory: an outbox, and a notifier that keeps what it sends."""

import heapq
from collections.abc import Iterable
from datetime import datetime
from itertools import count, islice
from threading import RLock
from typing import assert_never

import attrs
from typing_extensions import override

from exam_sharing.events import Claim, ListedNotice, ShareNotice, WaitingNotice
from exam_sharing.identifiers import NoticeId, ShareId
from exam_sharing.policy.retries import AT_ONCE, Done, GivenUp, Settlement, TryAgain
from exam_sharing.ports import Notifier, Outbox
from exam_sharing.validation import checks_arguments


@attrs.frozen(kw_only=True)
class _Kept:
    number: int
    notice: WaitingNotice
    due: datetime | None = AT_ONCE
    claimed_by: str | None = None
    given_up_at: datetime | None = None

    @property
    def turn(self) -> tuple[int, int]:
        return self.notice.attempts, self.number

    def is_due(self, now: datetime) -> bool:
        return self.due is not None and self.due <= now

    def failed(self, problem: str) -> "_Kept":
        failed = attrs.evolve(self.notice, attempts=self.notice.attempts + 1, problem=problem)
        return attrs.evolve(self, notice=failed, claimed_by=None)

    def given_up(self, at: datetime) -> "_Kept":
        silent = attrs.evolve(self.notice, message=None)
        return attrs.evolve(self, notice=silent, due=None, given_up_at=at)

    def requeued(self) -> "_Kept":
        as_new = attrs.evolve(self.notice, attempts=0, problem=None)
        return _Kept(number=self.number, notice=as_new)

    def listed(self) -> ListedNotice:
        return ListedNotice(
            number=self.number,
            id=self.notice.id,
            share=self.notice.share,
            to=self.notice.to,
            attempts=self.notice.attempts,
            due=self.due,
            claimed=self.claimed_by is not None,
            given_up_at=self.given_up_at,
            problem=self.notice.problem,
        )


@checks_arguments
class MemoryOutbox(Outbox):
    """Notices in order of arrival, each forgotten once it was sent or dropped."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._numbers = count(1)
        self._tokens = count(1)
        self._kept: dict[NoticeId, _Kept] = {}
        self._of_share: dict[ShareId, set[NoticeId]] = {}

    def put(self, notices: Iterable[WaitingNotice]) -> None:
        """Add waiting notices."""
        with self._lock:
            for notice in notices:
                self._kept[notice.id] = _Kept(number=next(self._numbers), notice=notice)
                self._of_share.setdefault(notice.share, set()).add(notice.id)

    def holds_any(self, notices: Iterable[WaitingNotice]) -> bool:
        """Return whether one of the ids is taken, or comes twice."""
        ids = [notice.id for notice in notices]
        with self._lock:
            return len(set(ids)) < len(ids) or any(each in self._kept for each in ids)

    def waiting(self) -> tuple[WaitingNotice, ...]:
        """Return the waiting notices, oldest first, claimed or not."""
        with self._lock:
            return tuple(each.notice for each in self._kept.values() if each.given_up_at is None)

    @override
    def claim(
        self, now: datetime, until: datetime, limit: int, share: ShareId | None
    ) -> tuple[Claim, ...]:
        with self._lock:
            ids = self._kept if share is None else self._of_share.get(share, ())
            due = [each for each in map(self._kept.__getitem__, ids) if each.is_due(now)]
            chosen = heapq.nsmallest(limit, due, key=lambda each: (each.due, *each.turn))
            chosen.sort(key=lambda each: each.turn)
            token = str(next(self._tokens))
            for each in chosen:
                self._kept[each.notice.id] = attrs.evolve(each, due=until, claimed_by=token)
            return tuple(Claim(notice=each.notice, token=token, until=until) for each in chosen)

    @override
    def settle(self, claim: Claim, settlement: Settlement) -> None:
        with self._lock:
            kept = self._kept.get(claim.notice.id)
            if kept is None or kept.claimed_by != claim.token:
                return
            match settlement:
                case Done():
                    self._drop(kept.notice)
                case TryAgain(at=at, problem=problem):
                    self._kept[claim.notice.id] = attrs.evolve(kept.failed(problem), due=at)
                case GivenUp(at=at, problem=problem):
                    self._kept[claim.notice.id] = kept.failed(problem).given_up(at)
                case other:
                    assert_never(other)

    def _drop(self, notice: WaitingNotice) -> None:
        del self._kept[notice.id]
        of_share = self._of_share[notice.share]
        of_share.remove(notice.id)
        if not of_share:
            del self._of_share[notice.share]

    @override
    def listed(
        self, after: int | None, limit: int, *, given_up: bool | None
    ) -> tuple[ListedNotice, ...]:
        with self._lock:
            found = (
                each.listed()
                for each in self._kept.values()
                if each.number > (after or 0) and given_up in {None, each.given_up_at is not None}
            )
            return tuple(islice(found, limit))

    @override
    def requeue(self, notices: tuple[NoticeId, ...] | None) -> int:
        with self._lock:
            named = self._kept if notices is None else self._kept.keys() & set(notices)
            given_up = [each for each in named if self._kept[each].given_up_at is not None]
            for each in given_up:
                self._kept[each] = self._kept[each].requeued()
            return len(given_up)


class MemoryNotifier(Notifier):
    """Keeps every notice with its message, for tests and for programs that show it themselves.

    `sent` has the notices in the order of sending; the program may empty it.
    """

    def __init__(self) -> None:
        self.sent: list[ShareNotice] = []

    @override
    def send(self, notice: ShareNotice) -> None:
        self.sent.append(notice)
