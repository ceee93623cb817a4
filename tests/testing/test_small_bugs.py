"""The laws notice bugs that are as small as can be: one field folded, cut, rounded or sorted."""

import unicodedata

import attrs
import pytest

from exam_sharing import BatchSealed, UserId
from exam_sharing.memory import MemoryStore
from exam_sharing.testing.laws import LawBroken, store_laws


def breaks(open_store, name):
    """Say whether a store breaks the law of that name, and the one in memory does not."""
    laws = {law.name: law for law in store_laws(open_store)}
    kept = {law.name: law for law in store_laws(MemoryStore)}
    kept[name].check()
    try:
        laws[name].check()
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
    law = "request-ids-and-their-actors-are-compared-code-point-by-code-point"
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


FOUND = "exams-are-found-as-they-came"


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
        (BatchesByIdUpward, "a-batch-is-whole-and-newest-first"),
    ],
)
def test_a_batch_that_opens_again_or_comes_in_another_order_is_noticed(open_store, law):
    assert breaks(open_store, law)


GRANTS = "grants-come-back-as-they-were-made"
ENDINGS = "endings-come-back-as-they-were-recorded"


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
