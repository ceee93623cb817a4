"""The laws of stores find small bugs: what is lost, folded, cut, rounded or sorted otherwise.

`broken.stores` has more.
"""

import re
import unicodedata
from contextlib import contextmanager
from datetime import timedelta, timezone
from time import monotonic, sleep
from typing import get_type_hints

import attrs
import pytest

from exam_sharing import (
    OWNER,
    BatchSealed,
    Conflict,
    ExamId,
    NoticeId,
    ShareId,
    StoreFailed,
    UserId,
)
from exam_sharing.events import Claim
from exam_sharing.memory import MemoryStore
from exam_sharing.memory.outbox import MemoryOutbox
from exam_sharing.memory.ready import ReadyExam
from exam_sharing.policy.retries import AT_ONCE
from exam_sharing.testing import StorePorts
from exam_sharing.testing.edges import START
from exam_sharing.testing.laws import LawBroken, store_laws


class DiskIsFullError(Exception):
    """What a store raises that is made to fail."""


class FailsFirst(MemoryStore):
    """Each exam of an upload is a step that can fail before the first write. It keeps the laws."""

    fails_at = None

    def add(self, batch, exams):
        for place, _ in enumerate(exams, start=1):
            self.reach(place)
        super().add(batch, exams)

    def reach(self, step):
        if step == self.fails_at:
            raise StoreFailed("a step failed") from DiskIsFullError()


class Hides(FailsFirst):
    """Its host can remove exams. It keeps the laws."""

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


def hides_but_not_in(method):
    """Return a store that ignores in one method that the host removed an exam."""
    return type("HidesElsewhere", (Hides,), {method: getattr(MemoryStore, method)})


class ShortensPages(Hides):
    """A removed exam leaves a gap in its page."""

    def visible(self, user, principals, after, limit, now, *, own):
        found = MemoryStore.visible(self, user, principals, after, limit, now, own=own)
        return tuple(each for each in found if each.exam not in self.hidden)


class HidesForGood(Hides):
    """A removed exam never comes back."""

    def hide(self, exam, gone):
        self.hidden.add(exam)


class UploadsHalf(FailsFirst):
    """An upload that fails keeps the exams before the failure."""

    def add(self, batch, exams):
        for place, exam in enumerate(exams, start=1):
            self.reach(place)
            MemoryStore.add(self, attrs.evolve(batch, sealed=False), (exam,))
        MemoryStore.add(self, batch, ())


class SealsBeforeItWrites(FailsFirst):
    """A batch is sealed in its own transaction, before its exams are written."""

    def add(self, batch, exams):
        self._require_addable(batch, exams)
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
    """Owners are compared in the first chunk of exams alone."""

    def holding(self, user, principals, permission, exams, now):
        asked = [*exams]
        held = super().holding(user, principals, permission, asked, now)
        later = {each.id for each in self.find(tuple(asked[1_000:])) if each.owner == user}
        return held - later


class IgnoresEmptyUploads(MemoryStore):
    """An upload without exams is ignored."""

    def add(self, batch, exams):
        if exams:
            super().add(batch, exams)


class OpensBatches(MemoryStore):
    """An upload without exams overwrites the batch."""

    def add(self, batch, exams):
        if exams:
            super().add(batch, exams)
        else:
            self._batches[batch.id] = batch


class ForgetsWithdrawnIds(MemoryStore):
    """The id of a withdrawn exam is free again."""

    def add(self, batch, exams):
        for exam in exams:
            if self.read((exam.id,), ended=False)[exam.id].withdrawn:
                del self.ready_exams[exam.id.value]
        super().add(batch, exams)


class CountsIds(MemoryStore):
    """The length of what is asked for is needed, so that an iterator is an error."""

    def find_grants(self, ids):
        return super().find_grants(ids if len(ids) else ())


class FindsGrantsOfAllExams(MemoryStore):
    """The grants of a share are found by their recipient alone."""

    def grants_of_share(self, share, exams, recipients):
        return super().grants_of_share(share, map(ExamId, self.ready_exams), recipients)


def removes(removed):
    """Return a store with another answer of `removed`."""
    return type("Removes", (MemoryStore,), {"removed": removed})


def everybody(self, exams, recipients):
    return {exam: frozenset(self._removed.get(exam, ())) for exam in exams}


def known_exams(self, exams, recipients):
    return {
        exam: removed
        for exam, removed in MemoryStore.removed(self, exams, recipients).items()
        if exam.value in self.ready_exams
    }


def users_as_groups(self, exams, recipients):
    found = MemoryStore.removed(self, exams, recipients)
    alike = {exam: {each.value for each in removed} for exam, removed in found.items()}
    return {
        exam: frozenset(each for each in recipients if each.value in alike[exam]) for exam in exams
    }


def exam_by_exam(self, exams, recipients):
    found = {}
    for exam in exams:
        found |= MemoryStore.removed(self, (exam,), recipients)
        sleep(0.0005)
    return found


class ReadmitsByNarrowing(MemoryStore):
    """The replacement of a narrowed grant readmits its recipient."""

    def commit(self, changes):
        written = super().commit(changes)
        for grant in changes.made if written else ():
            if grant.basis is OWNER:
                self._removed.get(grant.exam, set()).discard(grant.recipient)
        return written


class InvolvesForGood(MemoryStore):
    """Whoever once got a grant is involved until it is ended, also when it has expired."""

    def involved(self, user, principals, named, now):
        return super().involved(user, principals, named, min(now, START))


class LocksForGood(MemoryStore):
    """An error inside `locked` leaves the exams locked."""

    @contextmanager
    def locked(self, exams):
        if not self._turn.acquire(timeout=0.05):
            raise Conflict(1)
        yield self
        self._turn.release()


def takes_ids_in_a_race(of):
    """Return a store that looks for a taken id before its transaction begins."""

    class TakesIdsInARace(MemoryStore):
        def commit(self, changes):
            self._require_new_ids(changes)
            sleep(0.001)
            with self._lock:
                of(self, changes)
                return super().commit(changes)

    return TakesIdsInARace


def forget_share(store, changes):
    store._shares.pop(changes.share and changes.share.id, None)


def forget_notices(store, changes):
    for notice in changes.notices:
        store.outbox._kept.pop(notice.id, None)


def in_tokyo(at):
    return at and at.astimezone(timezone(timedelta(hours=9)))


class ListsInTokyo(MemoryStore):
    """Lists have times of the database's zone."""

    def visible(self, *asked, own):
        found = super().visible(*asked, own=own)
        return tuple(map(with_field("uploaded_at", in_tokyo), found))


class TakesOneIdTwice(MemoryStore):
    """The ids of one act are not compared with each other."""

    def _require_new_ids(self, changes):
        super()._require_new_ids(attrs.evolve(changes, made=changes.made[:1]))


class OverwritesGrants(MemoryStore):
    """A grant takes the place of an earlier one with its id."""

    def _require_new_ids(self, changes):
        super()._require_new_ids(attrs.evolve(changes, made=()))


class LosesReplacements(MemoryStore):
    """Replacements are not found by their id."""

    def commit(self, changes):
        written = super().commit(changes)
        for past in changes.ended if written else ():
            for grant in past.ending.replaced_by:
                self._grants.pop(grant.value, None)
        return written


class ReadsThePresent(MemoryStore):
    """Only the last page of ended grants is read."""

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


def transfers(afterwards):
    """Return a store that changes an exam after its change of owner."""

    class Transfers(MemoryStore):
        def transfer(self, exam, owner, *, at):
            before = self.ready_exams[exam.value].sharing
            super().transfer(exam, owner, at=at)
            ready = self.ready_exams[exam.value]
            self.ready_exams[exam.value] = ReadyExam.of(
                *afterwards(ready.exam, ready.sharing, before), at
            )

    return Transfers


class TransfersUntold(MemoryStore):
    """A change of owner has no event."""

    def transfer(self, exam, owner, *, at):
        super().transfer(exam, owner, at=at)
        self._trail.events.pop()


def milliseconds(at):
    return at.replace(microsecond=at.microsecond // 1_000 * 1_000)


def in_one_form(text):
    return unicodedata.normalize("NFC", text)


def each(change):
    """Return what changes each of several values."""
    return lambda values: tuple(map(change, values))


def writes(**fields):
    """Return a store that writes some fields of changes as they are changed here."""

    class Writes(MemoryStore):
        def commit(self, changes):
            cut = {name: change(getattr(changes, name)) for name, change in fields.items()}
            return super().commit(attrs.evolve(changes, **cut))

    return Writes


def with_field(name, change):
    """Return what changes one field of a value."""
    return lambda value: attrs.evolve(value, **{name: change(getattr(value, name))})


def keeps_receipts_under(key):
    """Return a store that keeps receipts under what a function makes of actor and request id."""

    class KeepsReceiptsUnder(MemoryStore):
        def commit(self, changes):
            kept = changes.receipt
            if kept is None:
                return super().commit(changes)
            actor, request_id = key(kept.actor, kept.request_id)
            under = attrs.evolve(kept, actor=actor, request_id=request_id)
            return super().commit(attrs.evolve(changes, receipt=under))

        def receipt(self, actor, request_id):
            found = super().receipt(*key(actor, request_id))
            return found and attrs.evolve(found, actor=actor, request_id=request_id)

    return KeepsReceiptsUnder


def uploads(**fields):
    """Return a store that keeps some fields of exams as they are changed here."""

    class Uploads(MemoryStore):
        def add(self, batch, exams):
            cut = [
                attrs.evolve(exam, **{name: change(getattr(exam, name))})
                for exam in exams
                for name, change in fields.items()
            ]
            super().add(batch, tuple(cut))

    return Uploads


class SealsOnce(MemoryStore):
    def add(self, batch, exams):
        known = self._batches.get(batch.id)
        if known is not None and known.sealed:
            raise BatchSealed(str(batch.id))
        super().add(batch, exams)


def of_ending(name, change):
    return writes(ended=each(with_field("ending", with_field(name, change))))


class KnowsWhatWasUploaded(MemoryStore):
    def commit(self, changes):
        found = self.find(tuple(changes.versions))
        return len(found) == len(changes.versions) and super().commit(changes)


class IgnoresUnknown(MemoryStore):
    def commit(self, changes):
        found = {exam.id for exam in self.find(tuple(changes.versions))}
        known = {exam: read for exam, read in changes.versions.items() if exam in found}
        return super().commit(attrs.evolve(changes, versions=known))


class Outbox(MemoryOutbox):
    """An outbox that chooses in an order of its own, and returns claims in another."""

    def chooses(self, kept):
        return (kept.due, *kept.turn)

    def returns(self, kept):
        return kept.turn

    def claim(self, now, until, limit, share):
        ids = self._kept if share is None else self._of_share.get(share, ())
        due = [kept for kept in map(self._kept.__getitem__, ids) if kept.is_due(now)]
        chosen = sorted(sorted(due, key=self.chooses)[:limit], key=self.returns)
        token = str(next(self._tokens))
        for each in chosen:
            self._kept[each.notice.id] = attrs.evolve(each, due=until, claimed_by=token)
        return tuple(Claim(notice=each.notice, token=token, until=until) for each in chosen)


def with_outbox(**methods):
    """Return a store whose outbox has other methods."""
    outbox = type("Changed", (Outbox,), methods)

    class WithOutbox(MemoryStore):
        def __init__(self):
            super().__init__()
            self.outbox = outbox()

    return WithOutbox


def hurries(self, now, until, limit, share):
    """Claim, for one share, also notices that are not due."""
    for each in self._of_share.get(share, ()):
        kept = self._kept[each]
        if kept.claimed_by is None and kept.given_up_at is None:
            self._kept[each] = attrs.evolve(kept, due=AT_ONCE)
    return Outbox.claim(self, now, until, limit, share)


def of_notices(**fields):
    ((name, change),) = fields.items()
    return writes(notices=each(with_field(name, change)))


def listed_in_tokyo(self, after, limit, *, given_up):
    found = MemoryOutbox.listed(self, after, limit, given_up=given_up)
    return tuple(attrs.evolve(each, due=in_tokyo(each.due)) for each in found)


def takes_twins(self, notices):
    return any(notice.id in self._kept for notice in notices)


def frees_given_up_ids(self, notices):
    waiting = {key for key, kept in self._kept.items() if kept.given_up_at is None}
    return any(notice.id in waiting for notice in notices)


def settles_given_up(self, claim, settlement):
    """Settle a claim again whose notice was given up."""
    kept = self._kept.get(claim.notice.id)
    if kept is not None and kept.given_up_at is not None:
        self._kept[claim.notice.id] = attrs.evolve(kept, claimed_by=claim.token)
    MemoryOutbox.settle(self, claim, settlement)


def requeues_as_failed(self, notices):
    """Requeue notices that are due after new ones."""
    before = {key for key, kept in self._kept.items() if kept.due is None}
    found = MemoryOutbox.requeue(self, notices)
    for key in before:
        if self._kept[key].due == AT_ONCE:
            self._kept[key] = attrs.evolve(self._kept[key], due=START)
    return found


def claims_again_when(again):
    """Return `claim` of an outbox that keeps some second claims from nobody."""

    def claim(self, now, until, limit, share):
        before = {key for key, kept in self._kept.items() if kept.claimed_by is not None}
        claims = MemoryOutbox.claim(self, now, until, limit, share)
        for each in claims:
            if each.notice.id in before and again(share):
                kept = self._kept[each.notice.id]
                self._kept[each.notice.id] = attrs.evolve(kept, due=now)
        return claims

    return claim


GONE = "an-exam-that-the-host-removed-is-gone"
NEW_OWNER = "a-change-of-owner-is-recorded-also-of-an-unshared-exam"
UPLOAD = "an-upload-that-fails-at-any-step-records-nothing"
BATCH = "a-batch-of-thousands-is-read-whole"
SEALED = "a-sealed-batch-takes-no-more-exams"
RECEIPTS = "request-ids-and-their-actors-are-compared-by-code-point"
FOUND = "exams-are-read-back-unchanged"
GRANTS = "grants-are-read-back-unchanged"
ENDINGS = "endings-are-read-back-unchanged"
HISTORY = "a-long-history-is-read-whole"
VERSION_0 = "an-unshared-or-unknown-exam-has-version-0"
CLAIMED = "due-notices-are-claimed-oldest-first"
FEWEST_FAILURES = "notices-that-failed-less-come-first"
NEW_FIRST = "new-notices-are-claimed-before-failed-ones"
LONGEST_DUE = "the-longest-due-notices-are-claimed"
TIME_DUE = "time-due-outweighs-failures"
LAPSES = "a-claim-lapses-to-the-microsecond"
REFUSED = "a-refused-upload-records-nothing"
REMOVED = "recipients-removed-by-the-owner-are-known"
TAKEN = "an-id-that-is-taken-fails-and-writes-nothing"
REPEATED = "an-id-that-is-repeated-in-one-act-fails"
REQUEUED = "a-given-up-notice-loses-its-message-and-can-be-requeued"
AN_ID = "one-concurrent-act-uses-an-id"
TRANSLATED = "errors-of-a-library-are-translated"
NOTICE_IDS = "ids-in-notices-are-compared-by-code-point"

FOLDS = [str.casefold, str.lower, in_one_form, lambda text: text[:254]]
SUBJECT_FOLDS = [
    *(str.lower, str.strip, in_one_form, lambda text: text[:64]),
    lambda text: text.encode("ascii", "replace").decode(),
]

BUGS = [
    (TakesOneIdTwice, REPEATED),
    (with_outbox(holds_any=takes_twins), REPEATED),
    (with_outbox(holds_any=frees_given_up_ids), TAKEN),
    (OverwritesGrants, TAKEN),
    (ForgetsWithdrawnIds, REFUSED),
    (CountsIds, "grants-are-found-by-id-also-when-ended"),
    (FindsGrantsOfAllExams, "standing-grants-of-a-share-are-found"),
    *((removes(other), REMOVED) for other in (everybody, known_exams, users_as_groups)),
    (ReadmitsByNarrowing, REMOVED),
    (removes(exam_by_exam), "many-exams-are-read-at-one-moment"),
    (InvolvesForGood, "users-with-access-and-past-grantors-are-involved"),
    (LocksForGood, "a-lock-is-released-without-a-commit"),
    (takes_ids_in_a_race(forget_share), AN_ID),
    (takes_ids_in_a_race(forget_notices), AN_ID),
    (ListsInTokyo, "lists-are-ordered-to-the-microsecond"),
    (with_outbox(listed=listed_in_tokyo), "notices-are-listed-with-their-state"),
    (with_outbox(settle=settles_given_up), REQUEUED),
    (with_outbox(requeue=requeues_as_failed), REQUEUED),
    (with_outbox(claim=claims_again_when(lambda share: share)), LAPSES),
    (with_outbox(claim=claims_again_when(lambda share: not share)), LAPSES),
    (LosesReplacements, "grants-are-found-by-id-also-when-ended"),
    (ReadsThePresent, HISTORY),
    (ForgetsOldReceipts, HISTORY),
    (hides_but_not_in("holds"), GONE),
    (ShortensPages, GONE),
    (hides_but_not_in("involved"), GONE),
    (HidesForGood, GONE),
    (TransfersUntold, NEW_OWNER),
    # The version of an unshared exam does not move; the subject is lost.
    (transfers(lambda exam, now, before: (exam, now if before.version else before)), NEW_OWNER),
    (transfers(lambda exam, now, _before: (attrs.evolve(exam, subject=None), now)), NEW_OWNER),
    (with_outbox(claim=hurries), "a-claim-for-one-share-takes-only-due-notices"),
    (UploadsHalf, UPLOAD),
    (SealsBeforeItWrites, UPLOAD),
    (FindsSome, BATCH),
    (ForgetsOwnersOfMany, BATCH),
    (IgnoresEmptyUploads, SEALED),
    (OpensBatches, SEALED),
    (SealsOnce, SEALED),
    *((keeps_receipts_under(lambda actor, id_, f=f: (actor, f(id_))), RECEIPTS) for f in FOLDS),
    *(
        (keeps_receipts_under(lambda actor, id_, f=f: (UserId(f(actor.value)), id_)), RECEIPTS)
        for f in FOLDS
    ),
    *((uploads(subject=lambda text, f=f: text and f(text)), FOUND) for f in SUBJECT_FOLDS),
    (uploads(owner=lambda owner: UserId(owner.value.lower())), FOUND),
    (writes(made=each(with_field("made_at", milliseconds))), GRANTS),
    (writes(made=each(with_field("made_at", lambda at: at.replace(year=2030)))), GRANTS),
    (of_ending("at", milliseconds), ENDINGS),
    (of_ending("replaced_by", lambda ids: tuple(sorted(ids))), ENDINGS),
    (of_ending("replaced_by", lambda ids: ids[:1]), ENDINGS),
    (of_ending("by", lambda user: user and UserId(user.value.lower())), ENDINGS),
    (of_ending("by", lambda user: user or UserId("host")), ENDINGS),
    (with_outbox(holds_any=lambda *_: False), TAKEN),
    (KnowsWhatWasUploaded, VERSION_0),
    (IgnoresUnknown, VERSION_0),
    (with_outbox(chooses=lambda self, kept: kept.number), LONGEST_DUE),
    (with_outbox(chooses=lambda self, kept: (kept.due, kept.number)), NEW_FIRST),
    (with_outbox(chooses=lambda self, kept: (kept.turn[0], kept.due)), TIME_DUE),
    (with_outbox(returns=lambda self, kept: (kept.due, *kept.turn)), LONGEST_DUE),
    (with_outbox(returns=lambda self, kept: kept.number), FEWEST_FAILURES),
    (with_outbox(returns=lambda self, kept: kept.notice.id), CLAIMED),
    (of_notices(exam_ids=lambda ids: tuple(sorted(ids))), CLAIMED),
    (of_notices(exam_ids=lambda ids: ids[:1]), CLAIMED),
    (of_notices(actor=lambda _: UserId("anna")), CLAIMED),
    (of_notices(actor=lambda user: UserId(user.value.lower())), NOTICE_IDS),
    (of_notices(to=lambda user: UserId(in_one_form(user.value))), NOTICE_IDS),
    (of_notices(id=lambda name: NoticeId(name.value.casefold())), NOTICE_IDS),
    (of_notices(share=lambda name: ShareId(name.value[:254])), NOTICE_IDS),
    (of_notices(message=lambda text: text and text.strip()), "messages-are-kept-word-for-word"),
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
    assert not re.search("DiskIsFullError|AttributeError", raised.value.problem)


METHODS = [
    method
    for name, port in get_type_hints(StorePorts).items()
    if name not in {"store", "history", "accesses"}
    for method in vars(port)
    if method[0] != "_" and method not in {"step_aside", "locked"}
]


def fails_raw_in(method):
    """Return a store that raises an error of its library in one method."""

    class FailsRaw(FailsFirst):
        def __init__(self):
            super().__init__()
            port = self.outbox if hasattr(self.outbox, method) else self
            answer = getattr(port, method)

            def fails(*asked, **how):
                if self.fails_at == 1:
                    raise DiskIsFullError
                return answer(*asked, **how)

            setattr(port, method, fails)

    return FailsRaw


@pytest.mark.parametrize("method", METHODS)
def test_an_untranslated_error_in_any_method_breaks_the_law(method):
    with pytest.raises(LawBroken, match="raised DiskIsFullError"):
        law_named(TRANSLATED, fails_raw_in(method)).check()


@pytest.mark.parametrize("name", [GONE, UPLOAD, SEALED, TRANSLATED])
def test_a_store_of_a_host_without_the_bugs_keeps_the_law(name):
    law_named(name, Hides).check()


@pytest.mark.parametrize("name", [CLAIMED, FEWEST_FAILURES, LONGEST_DUE, TIME_DUE])
def test_an_outbox_without_the_bugs_keeps_the_law(name):
    law_named(name, with_outbox()).check()


def ignores_after(self, after, limit, *, given_up):
    return MemoryOutbox.listed(self, None, limit, given_up=given_up)


def begins_at_after(self, after, limit, *, given_up):
    return MemoryOutbox.listed(self, after and after - 1, limit, given_up=given_up)


@pytest.mark.parametrize("listed", [ignores_after, begins_at_after])
def test_a_repeated_page_is_reported_at_once(listed):
    law = law_named("notices-are-listed-with-their-state", with_outbox(listed=listed))
    with pytest.raises(LawBroken, match="a notice was listed twice, in pages of 1"):
        law.check()


def test_missing_notices_are_reported():
    law = law_named("a-notice-that-is-done-is-deleted", with_outbox(claim=lambda *_: ()))
    with pytest.raises(LawBroken) as raised:
        law.check()
    assert raised.value.problem == "0 notices were due, expected 3"


class ReadsLess(MemoryStore):
    def read(self, exams, *, ended):
        found = super().read(exams, ended=ended)
        return {exam: kept for exam, kept in found.items() if kept.version}


def test_a_left_out_exam_is_reported():
    law = law_named("a-moved-version-is-a-conflict-and-writes-nothing", ReadsLess)
    with pytest.raises(LawBroken, match="`read` left out"):
        law.check()


class ReturnsNothing(MemoryStore):
    def commit(self, changes):
        super().commit(changes)


def test_a_commit_that_returns_nothing_is_reported_at_once():
    law = law_named("concurrent-acts-are-all-written", ReturnsNothing)
    begun = monotonic()
    with pytest.raises(LawBroken, match="commit returned None, neither True nor False"):
        law.check()
    assert monotonic() - begun < 10
