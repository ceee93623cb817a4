"""Laws of what stores keep for good, of whole uploads and of turns: each finds its bug."""

from contextlib import contextmanager

import attrs
import pytest
from broken.lasting import (
    CutsBatches,
    EndsOverEndings,
    KeepsReceiptsOfSharesAlone,
    LosesItsPlace,
    OrdersEventsByClock,
    OverwritesReceipts,
)
from broken.outboxes import NumbersAnew, TruncatesClaims

from exam_sharing.memory import MemoryStore
from exam_sharing.memory.outbox import MemoryOutbox
from exam_sharing.memory.ready import ReadyExam
from exam_sharing.policy.retries import AT_ONCE
from exam_sharing.testing.laws import LawBroken, store_laws


class DiskIsFullError(Exception):
    """What a store raises that is made to fail."""


class FailsFirst(MemoryStore):
    """Each exam of an upload is a step that can fail, and all of them come before the first write.

    It keeps the laws.
    """

    fails_at = None

    def add(self, batch, exams):
        for place, _ in enumerate(exams, start=1):
            self.reach(place)
        super().add(batch, exams)

    def reach(self, step):
        if step == self.fails_at:
            raise DiskIsFullError


class Hides(FailsFirst):
    """Its host may have an exam no longer. It keeps the laws."""

    def __init__(self):
        super().__init__()
        self.hidden = set()

    def hide(self, exam, gone):
        (self.hidden.add if gone else self.hidden.discard)(exam)

    def find(self, exams):
        return super().find(tuple(exam for exam in exams if exam not in self.hidden))

    def batch_of(self, exam):
        return tuple(each for each in super().batch_of(exam) if each.id not in self.hidden)

    def holds(self, user, principals, permission, exam, now):
        return exam not in self.hidden and super().holds(user, principals, permission, exam, now)

    def involved(self, user, principals, named, now):
        found = super().involved(user, principals, named, now)
        return None if found is None or found.exam in self.hidden else found

    def visible(self, user, principals, after, limit, now, *, own):
        most = limit + len(self.hidden)
        found = super().visible(user, principals, after, most, now, own=own)
        return tuple(each for each in found if each.exam not in self.hidden)[:limit]


class HidesFromListsAlone(Hides):
    """A check says yes to whom a grant reaches, as if the exam were there."""

    def holds(self, user, principals, permission, exam, now):
        return MemoryStore.holds(self, user, principals, permission, exam, now)


class ShortensPages(Hides):
    """What is gone is taken out of a page, and nothing put in its place."""

    def visible(self, user, principals, after, limit, now, *, own):
        found = MemoryStore.visible(self, user, principals, after, limit, now, own=own)
        return tuple(each for each in found if each.exam not in self.hidden)


class InvolvesGrantors(Hides):
    """Whoever granted something is involved with the exam, whether or not it is there."""

    def involved(self, user, principals, named, now):
        return MemoryStore.involved(self, user, principals, named, now)


class HidesForGood(Hides):
    """An exam that was gone once does not come back."""

    def hide(self, exam, gone):
        self.hidden.add(exam)


class UploadsHalf(FailsFirst):
    """What was written of an upload before it failed stays."""

    def add(self, batch, exams):
        for place, exam in enumerate(exams, start=1):
            self.reach(place)
            MemoryStore.add(self, attrs.evolve(batch, sealed=False), (exam,))
        MemoryStore.add(self, batch, ())


class SealsBeforeItWrites(FailsFirst):
    """A batch is sealed in a transaction of its own, and its exams cannot come again."""

    def add(self, batch, exams):
        self._require_room(batch, exams)
        self._batches[batch.id] = batch
        for place, _ in enumerate(exams, start=1):
            self.reach(place)
        self._batches[batch.id] = attrs.evolve(batch, sealed=False)
        MemoryStore.add(self, batch, exams)


@contextmanager
def failing_at(store, step):
    store.fails_at = step
    try:
        yield
    finally:
        store.fails_at = None


class FindsSome(MemoryStore):
    """More exams than fit into one statement are not found."""

    def find(self, exams):
        return super().find(exams[:999])


class ForgetsOwnersOfMany(MemoryStore):
    """Many are asked about in chunks, and the owner is compared in the first of them."""

    def holding(self, user, principals, permission, exams, now):
        asked = [*exams]
        held = super().holding(user, principals, permission, asked, now)
        later = {each.id for each in self.find(tuple(asked[1_000:])) if each.owner == user}
        return held - later


class IgnoresEmptyUploads(MemoryStore):
    """An upload without exams is nothing to write."""

    def add(self, batch, exams):
        if exams:
            super().add(batch, exams)


class OpensBatches(MemoryStore):
    """An upload without exams writes the batch as it says it is."""

    def add(self, batch, exams):
        if exams:
            super().add(batch, exams)
        else:
            self._batches[batch.id] = batch


class TakesOneIdTwice(MemoryStore):
    """Ids are compared with those of other acts, and not with each other."""

    def _require_new_ids(self, changes):
        super()._require_new_ids(attrs.evolve(changes, made=changes.made[:1]))


class LosesReplacements(MemoryStore):
    """Grants are found by the act that made them, and a replacement keeps the share of the old."""

    def commit(self, changes):
        written = super().commit(changes)
        for past in changes.ended if written else ():
            for grant in past.ending.replaced_by:
                self._grants.pop(grant.value, None)
        return written


class ReadsThePresent(MemoryStore):
    """Of ended grants the last page is read."""

    def read(self, exams, *, ended):
        kept = super().read(exams, ended=ended)
        return {exam: attrs.evolve(each, ended=each.ended[-50:]) for exam, each in kept.items()}


class ForgetsOldReceipts(MemoryStore):
    """Receipts are in a cache of a fixed size."""

    def commit(self, changes):
        written = super().commit(changes)
        while len(self._receipts) > 50:
            del self._receipts[next(iter(self._receipts))]
        return written


class TransfersUncounted(MemoryStore):
    """A change of owner updates the version, and an exam that was never shared has none."""

    def transfer(self, exam, owner, *, at):
        before = self._ready[exam.value].sharing
        super().transfer(exam, owner, at=at)
        if before.version == 0:
            self._ready[exam.value] = ReadyExam(self._ready[exam.value].exam, before, at)


class TransfersUntold(MemoryStore):
    """A change of owner is not told to the audit trail."""

    def transfer(self, exam, owner, *, at):
        super().transfer(exam, owner, at=at)
        self._events.pop()


class TransfersWithoutSubject(MemoryStore):
    """A change of owner writes the exam anew, and forgets its subject."""

    def transfer(self, exam, owner, *, at):
        super().transfer(exam, owner, at=at)
        ready = self._ready[exam.value]
        without = attrs.evolve(ready.exam, subject=None)
        self._ready[exam.value] = ReadyExam(without, ready.sharing, at)


class HurriesShares(MemoryStore):
    """What is claimed for one share is claimed whether or not its time has come."""

    class Hurrying(MemoryOutbox):
        def claim(self, now, until, limit, share):
            for each in self._of_share.get(share, ()):
                kept = self._kept[each]
                if kept.claimed_by is None and kept.given_up_at is None:
                    self._kept[each] = attrs.evolve(kept, due=AT_ONCE)
            return super().claim(now, until, limit, share)

    def __init__(self):
        super().__init__()
        self.outbox = self.Hurrying()


GONE = "an-exam-that-the-host-removed-is-gone"

BUGS = [
    (KeepsReceiptsOfSharesAlone, "receipts-of-endings-are-kept"),
    (OverwritesReceipts, "an-ending-cannot-reuse-a-request-id"),
    (TakesOneIdTwice, "an-id-that-is-repeated-in-one-act-fails"),
    (LosesReplacements, "grants-are-found-by-id-also-when-ended"),
    (ReadsThePresent, "a-long-history-is-read-whole"),
    (HidesFromListsAlone, GONE),
    (ShortensPages, GONE),
    (InvolvesGrantors, GONE),
    (HidesForGood, GONE),
    (ForgetsOldReceipts, "a-long-history-is-read-whole"),
    (EndsOverEndings, "a-withdrawal-keeps-earlier-endings"),
    (LosesItsPlace, "a-page-can-begin-behind-an-exam-that-is-gone"),
    (OrdersEventsByClock, "events-are-in-the-order-of-commits"),
    (TransfersUncounted, "a-change-of-owner-is-recorded-also-of-an-unshared-exam"),
    (TransfersUntold, "a-change-of-owner-is-recorded-also-of-an-unshared-exam"),
    (TransfersWithoutSubject, "a-change-of-owner-is-recorded-also-of-an-unshared-exam"),
    (TruncatesClaims, "a-claim-lapses-to-the-microsecond"),
    (HurriesShares, "a-claim-for-one-share-takes-only-due-notices"),
    (NumbersAnew, "numbers-of-notices-are-never-reused"),
    (IgnoresEmptyUploads, "a-sealed-batch-takes-no-more-exams"),
    (OpensBatches, "a-sealed-batch-takes-no-more-exams"),
    (UploadsHalf, "an-upload-that-fails-at-any-step-records-nothing"),
    (SealsBeforeItWrites, "an-upload-that-fails-at-any-step-records-nothing"),
    (CutsBatches, "a-batch-of-thousands-is-read-whole"),
    (FindsSome, "a-batch-of-thousands-is-read-whole"),
    (ForgetsOwnersOfMany, "a-batch-of-thousands-is-read-whole"),
]


def law_named(name, open_store):
    laws = store_laws(
        open_store,
        transfer=lambda store, exam, owner, at: store.transfer(exam, owner, at=at),
        events=lambda store: store.events(),
        fail_at=failing_at,
        hide=lambda store, exam, gone: store.hide(exam, gone),
    )
    return next(law for law in laws if law.name == name)


@pytest.mark.parametrize(("store", "name"), BUGS)
def test_a_store_with_the_bug_breaks_the_law(store, name):
    with pytest.raises(LawBroken) as raised:
        law_named(name, store).check()
    assert "DiskIsFullError" not in raised.value.problem


@pytest.mark.parametrize("name", {name: None for _, name in BUGS})
def test_a_store_without_it_keeps_the_law(name):
    law_named(name, Hides).check()


def test_a_store_that_never_fails_in_an_upload_is_told():
    law = law_named("an-upload-that-fails-at-any-step-records-nothing", MemoryStore)
    with pytest.raises(LawBroken, match="no step failed"):
        law.check()
