"""Stores that lose what was there, with one realistic bug each, to show that the laws find it.

An entry is a class and a sentence, its docstring, in the tuple at the end.
"""

import attrs

from exam_sharing.memory import MemoryStore


class KeepsReceiptsOfSharesAlone(MemoryStore):
    """A receipt is a column of its share, and acts that are no share have none."""

    def commit(self, changes):
        kept = None if changes.share is None else changes.receipt
        return super().commit(attrs.evolve(changes, receipt=kept))


class OverwritesReceipts(MemoryStore):
    """The receipt of an ending is written over what its request id had before."""

    def commit(self, changes):
        if changes.share is not None or changes.receipt is None:
            return super().commit(changes)
        written = super().commit(attrs.evolve(changes, receipt=None))
        if written:
            self._receipts[changes.receipt.actor, changes.receipt.request_id] = changes.receipt
        return written


class CutsBatches(MemoryStore):
    """A batch is read with a limit that nobody thought would be reached."""

    def batch_of(self, exam):
        return super().batch_of(exam)[:1_000]


class EndsOverEndings(MemoryStore):
    """Withdrawing an exam writes its endings in place of those that were there."""

    def commit(self, changes):
        written = super().commit(changes)
        if written and changes.withdrawn is not None:
            self._ended[changes.withdrawn] = changes.ended
        return written


class OrdersEventsByClock(MemoryStore):
    """Events are told in the order of their times, and not in that of what happened."""

    def events(self):
        return tuple(sorted(super().events(), key=lambda event: event.at))


class LosesItsPlace(MemoryStore):
    """A page begins behind an exam, and the list begins anew where that is gone."""

    def visible(self, user, principals, after, limit, now, *, own):
        every = super().visible(user, principals, None, 10_000, now, own=own)
        places = [(each.uploaded_at, each.exam.value) for each in every]
        first = places.index(after) + 1 if after in places else 0
        return every[first : first + limit]


FORGETFUL_STORES = (
    KeepsReceiptsOfSharesAlone,
    OverwritesReceipts,
    CutsBatches,
    EndsOverEndings,
    OrdersEventsByClock,
    LosesItsPlace,
)
