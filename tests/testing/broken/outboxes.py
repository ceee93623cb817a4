"""Stores whose outbox has one realistic bug each, to show that the laws find it.

An entry is a class and a sentence, its docstring, in the tuple at the end.
"""

import time
from itertools import count

import attrs

from exam_sharing.memory import MemoryStore
from exam_sharing.memory.outbox import MemoryOutbox
from exam_sharing.policy.retries import AT_ONCE, Done, GivenUp, TryAgain


class _KeepsNotices(MemoryStore):
    outbox_type = MemoryOutbox

    def __init__(self):
        super().__init__()
        self.outbox = self.outbox_type()


class SendsAgain(_KeepsNotices):
    """A notice that was sent is kept, with its message, and sent again."""

    class outbox_type(MemoryOutbox):  # noqa: N801  stands for an attribute
        def settle(self, claim, settlement):
            again = TryAgain(at=AT_ONCE, problem="x") if settlement is Done.SENT else settlement
            super().settle(claim, again)


class KeepsMessages(_KeepsNotices):
    """The message of a notice that was given up is kept."""

    class outbox_type(MemoryOutbox):  # noqa: N801  stands for an attribute
        def settle(self, claim, settlement):
            super().settle(claim, settlement)
            kept = self._kept.get(claim.notice.id)
            if isinstance(settlement, GivenUp) and kept is not None:
                self._kept[claim.notice.id] = attrs.evolve(kept, notice=claim.notice)


class ClaimsForNoTime(_KeepsNotices):
    """A claim does not keep the notice from the next one who asks."""

    class outbox_type(MemoryOutbox):  # noqa: N801  stands for an attribute
        def claim(self, now, until, limit, share):
            return super().claim(now, now, limit, share)


class LooksThenClaims(_KeepsNotices):
    """What is due is looked up first and claimed then, and two may find the same."""

    class outbox_type(MemoryOutbox):  # noqa: N801  stands for an attribute
        def claim(self, now, until, limit, share):
            before = dict(self._kept)
            time.sleep(0.001)
            with self._lock:
                self._kept |= {key: kept for key, kept in before.items() if key in self._kept}
                return super().claim(now, until, limit, share)


class TrustsLateRelays(_KeepsNotices):
    """Whoever settles a notice is believed, though somebody else has claimed it since."""

    class outbox_type(MemoryOutbox):  # noqa: N801  stands for an attribute
        def settle(self, claim, settlement):
            kept = self._kept.get(claim.notice.id)
            token = claim.token if kept is None else kept.claimed_by
            super().settle(attrs.evolve(claim, token=token), settlement)


class TriesAtOnce(_KeepsNotices):
    """A notice that failed is tried again at once, whatever the schedule says."""

    class outbox_type(MemoryOutbox):  # noqa: N801  stands for an attribute
        def settle(self, claim, settlement):
            at_once = isinstance(settlement, TryAgain)
            super().settle(claim, attrs.evolve(settlement, at=AT_ONCE) if at_once else settlement)


class SendsNewestFirst(_KeepsNotices):
    """Notices are claimed newest first, and old ones wait for ever."""

    class outbox_type(MemoryOutbox):  # noqa: N801  stands for an attribute
        def claim(self, now, until, limit, share):
            return super().claim(now, until, limit, share)[::-1]


class TruncatesClaims(_KeepsNotices):
    """The column for when a claim lapses keeps whole seconds."""

    class outbox_type(MemoryOutbox):  # noqa: N801  stands for an attribute
        def claim(self, now, until, limit, share):
            return super().claim(now, until.replace(microsecond=0), limit, share)


class NumbersAnew(_KeepsNotices):
    """A notice gets the number behind the last that is kept, and so one that was told before."""

    class outbox_type(MemoryOutbox):  # noqa: N801  stands for an attribute
        def put(self, notices):
            last = max((kept.number for kept in self._kept.values()), default=0)
            self._numbers = count(last + 1)
            super().put(notices)


BROKEN_OUTBOXES = (
    SendsAgain,
    KeepsMessages,
    ClaimsForNoTime,
    LooksThenClaims,
    TrustsLateRelays,
    TriesAtOnce,
    SendsNewestFirst,
    TruncatesClaims,
    NumbersAnew,
)
