"""The laws notice bugs that are as small as can be: one field folded, cut, rounded or sorted."""

import unicodedata
from time import monotonic

import attrs
import pytest

from exam_sharing import BatchSealed, NoticeId, Permission, ShareId, UserId
from exam_sharing.events import Claim
from exam_sharing.memory import MemoryStore
from exam_sharing.memory.outbox import MemoryOutbox
from exam_sharing.testing.laws import LawBroken, store_laws


def law_named(name, open_store):
    return next(law for law in store_laws(open_store) if law.name == name)


def breaks(open_store, name):
    """Say whether a store breaks the law of that name, and the one in memory does not."""
    law_named(name, MemoryStore).check()
    try:
        law_named(name, open_store).check()
    except LawBroken:
        return True
    return False


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


@pytest.mark.parametrize("fold", [str.casefold, str.lower, in_one_form, lambda text: text[:254]])
def test_request_ids_and_actors_that_meet_are_noticed(fold):
    law = "request-ids-and-their-actors-are-compared-by-code-point"
    ids = keeps_receipts_under(lambda actor, request_id: (actor, fold(request_id)))
    actors = keeps_receipts_under(lambda actor, request_id: (UserId(fold(actor.value)), request_id))
    assert breaks(ids, law)
    assert breaks(actors, law)


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


FOUND = "exams-are-read-back-unchanged"


@pytest.mark.parametrize(
    "fold",
    [
        str.lower,
        str.strip,
        in_one_form,
        lambda text: text[:64],
        lambda text: text.encode("ascii", "replace").decode(),
    ],
)
def test_a_subject_that_is_kept_as_another_is_noticed(fold):
    assert breaks(uploads(subject=lambda text: text and fold(text)), FOUND)


def test_an_owner_who_is_kept_as_another_is_noticed():
    assert breaks(uploads(owner=lambda owner: UserId(owner.value.lower())), FOUND)


class OpensBatchesAgain(MemoryStore):
    def add(self, batch, exams):
        if not exams and not batch.sealed and batch.id in self._batches:
            self._batches[batch.id] = batch
        else:
            super().add(batch, exams)


class SealsOnce(MemoryStore):
    def add(self, batch, exams):
        known = self._batches.get(batch.id)
        if known is not None and known.sealed:
            raise BatchSealed(str(batch.id))
        super().add(batch, exams)


class BatchesByIdUpward(MemoryStore):
    def batch_of(self, exam):
        upward = sorted(super().batch_of(exam), key=lambda each: each.id)
        return tuple(sorted(upward, key=lambda each: each.uploaded_at, reverse=True))


@pytest.mark.parametrize(
    ("open_store", "law"),
    [
        (OpensBatchesAgain, "a-sealed-batch-takes-no-more-exams"),
        (SealsOnce, "a-sealed-batch-takes-no-more-exams"),
        (BatchesByIdUpward, "a-batch-is-read-whole-and-newest-first"),
    ],
)
def test_a_batch_that_opens_again_or_comes_in_another_order_is_noticed(open_store, law):
    assert breaks(open_store, law)


GRANTS = "grants-are-read-back-unchanged"
ENDINGS = "endings-are-read-back-unchanged"


def of_ending(name, change):
    return writes(ended=each(with_field("ending", with_field(name, change))))


@pytest.mark.parametrize(
    ("open_store", "law"),
    [
        (writes(made=each(with_field("made_at", milliseconds))), GRANTS),
        (writes(made=each(with_field("made_at", lambda at: at.replace(year=2030)))), GRANTS),
        (of_ending("at", milliseconds), ENDINGS),
        (of_ending("at", milliseconds), "ended-grants-are-kept-with-their-endings"),
        (of_ending("replaced_by", lambda ids: tuple(sorted(ids))), ENDINGS),
        (of_ending("replaced_by", lambda ids: ids[:1]), ENDINGS),
        (of_ending("by", lambda user: user and UserId(user.value.lower())), ENDINGS),
        (of_ending("by", lambda user: user or UserId("host")), ENDINGS),
    ],
)
def test_a_grant_or_an_ending_of_which_one_field_is_another_is_noticed(open_store, law):
    assert breaks(open_store, law)


class TakesNoticesTwice(MemoryStore):
    def __init__(self):
        super().__init__()
        self.outbox = type("Overwrites", (MemoryOutbox,), {"holds_any": lambda *_: False})()


class KnowsWhatWasUploaded(MemoryStore):
    def commit(self, changes):
        found = self.find(tuple(changes.versions))
        return len(found) == len(changes.versions) and super().commit(changes)


class IgnoresUnknown(MemoryStore):
    def commit(self, changes):
        found = {exam.id for exam in self.find(tuple(changes.versions))}
        known = {exam: read for exam, read in changes.versions.items() if exam in found}
        return super().commit(attrs.evolve(changes, versions=known))


@pytest.mark.parametrize(
    ("open_store", "law"),
    [
        (TakesNoticesTwice, "an-id-that-is-taken-fails-and-writes-nothing"),
        (KnowsWhatWasUploaded, "an-unshared-or-unknown-exam-has-version-0"),
        (IgnoresUnknown, "an-unshared-or-unknown-exam-has-version-0"),
    ],
)
def test_a_commit_that_takes_another_thing_for_a_conflict_or_for_none_is_noticed(open_store, law):
    assert breaks(open_store, law)


class Outbox(MemoryOutbox):
    """An outbox that chooses in an order of its own, and returns claims in another."""

    def chooses(self, kept):
        return (kept.due, *kept.turn)

    def returns(self, kept):
        return kept.turn

    def claim(self, now, until, limit, share):
        due = [each for each in self._candidates(share) if each.is_due(now)]
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


TURNS = {
    "by number alone": with_outbox(chooses=lambda self, kept: kept.number),
    "by due, then number": with_outbox(chooses=lambda self, kept: (kept.due, kept.number)),
    "by attempts first": with_outbox(chooses=lambda self, kept: (kept.turn[0], kept.due)),
    "returned as chosen": with_outbox(returns=lambda self, kept: (kept.due, *kept.turn)),
    "returned by number": with_outbox(returns=lambda self, kept: kept.number),
    "returned by id": with_outbox(returns=lambda self, kept: kept.notice.id),
}


@pytest.mark.parametrize("turn", TURNS)
def test_another_turn_among_notices_is_noticed(turn):
    laws = (
        "notices-that-failed-less-come-first",
        "new-notices-are-claimed-before-failed-ones",
        "the-longest-due-notices-are-claimed",
        "time-due-outweighs-failures",
        "due-notices-are-claimed-oldest-first",
    )
    assert any(breaks(TURNS[turn], law) for law in laws)
    assert not any(breaks(with_outbox(), law) for law in laws)


WRITTEN = "due-notices-are-claimed-oldest-first"
IDS = "ids-in-notices-are-compared-by-code-point"


def of_notices(**fields):
    ((name, change),) = fields.items()
    return writes(notices=each(with_field(name, change)))


@pytest.mark.parametrize(
    ("open_store", "law"),
    [
        (of_notices(exams=lambda ids: tuple(sorted(ids))), WRITTEN),
        (of_notices(exams=lambda ids: ids[:1]), WRITTEN),
        (of_notices(until=lambda at: at and milliseconds(at)), WRITTEN),
        (of_notices(permission=lambda _: Permission.VIEW), WRITTEN),
        (of_notices(actor=lambda _: UserId("anna")), WRITTEN),
        (of_notices(actor=lambda user: UserId(user.value.lower())), IDS),
        (of_notices(to=lambda user: UserId(in_one_form(user.value))), IDS),
        (of_notices(id=lambda name: NoticeId(name.value.casefold())), IDS),
        (of_notices(share=lambda name: ShareId(name.value[:254])), IDS),
        (of_notices(message=lambda text: text and text.strip()), "messages-are-kept-word-for-word"),
    ],
)
def test_a_notice_of_which_one_field_is_another_is_noticed(open_store, law):
    assert breaks(open_store, law)


def ignores_after(self, after, limit, *, given_up):
    return MemoryOutbox.listed(self, None, limit, given_up=given_up)


def begins_at_after(self, after, limit, *, given_up):
    return MemoryOutbox.listed(self, after and after - 1, limit, given_up=given_up)


@pytest.mark.parametrize("listed", [ignores_after, begins_at_after])
def test_a_page_that_comes_again_is_told_instead_of_turned_for_ever(listed):
    law = law_named("notices-are-listed-with-their-state", with_outbox(listed=listed))
    with pytest.raises(LawBroken, match="a notice was listed twice, in pages of 1"):
        law.check()


class NothingIsDue(MemoryOutbox):
    def claim(self, now, until, limit, share):
        return ()


def test_what_is_missing_is_told_in_words():
    law = law_named("a-notice-that-is-done-is-deleted", with_outbox(claim=NothingIsDue.claim))
    with pytest.raises(LawBroken) as raised:
        law.check()
    assert raised.value.problem == "0 notices were due, expected 3"


class ReadsLess(MemoryStore):
    def read(self, exams, *, ended):
        found = super().read(exams, ended=ended)
        return {exam: kept for exam, kept in found.items() if kept.version}


def test_an_exam_that_was_left_out_is_told_in_words():
    law = law_named("a-moved-version-is-a-conflict-and-writes-nothing", ReadsLess)
    with pytest.raises(LawBroken, match="`read` left out"):
        law.check()


class ReturnsNothing(MemoryStore):
    def commit(self, changes):
        super().commit(changes)


def test_a_commit_that_returns_nothing_is_told_at_once():
    law = law_named("concurrent-acts-are-all-written", ReturnsNothing)
    begun = monotonic()
    with pytest.raises(LawBroken, match="commit returned None, neither True nor False"):
        law.check()
    assert monotonic() - begun < 10
