"""The machine: stories over every store, and the story of everything that is broken."""

import re
from contextlib import contextmanager
from datetime import timedelta

import attrs
import pytest
from hypothesis import Phase, settings

import exam_sharing as es
from exam_sharing.adapters.sqlalchemy import sweep_expired
from exam_sharing.events import ExamShared
from exam_sharing.memory import MemoryDirectory, MemoryStore, open_sharing
from exam_sharing.testing import RulesBroken, StoreNotUsable, run_sharing_machine
from exam_sharing.testing.cases import portals
from exam_sharing.testing.machine import hospital
from exam_sharing.testing.machine.hospital import Recorder
from exam_sharing.testing.model.views import VisibleExam
from exam_sharing.testing.story import differing

stories = settings(max_examples=40, stateful_step_count=30)
few = settings(max_examples=5, stateful_step_count=20)
patient = settings(max_examples=1_000, stateful_step_count=12, derandomize=True, database=None)
"""For broken stores: the same search each time, and long enough."""
hasty = settings(patient, max_examples=3_000, stateful_step_count=20, phases=[Phase.generate])
"""Longer stories without shrinking."""


def transfer(store, exam, owner, at):
    store.transfer(exam, owner, at=at)


def test_every_answer_in_memory_is_the_one_of_the_model():
    run_sharing_machine(MemoryStore, transfer=transfer, settings=stories)


def test_every_answer_from_a_database_is_the_one_of_the_model(new_store, engine, tables):
    def sweep(store, now):
        sweep_expired(engine, tables=tables, now=now, margin=timedelta(0))

    run_sharing_machine(new_store, transfer=transfer, sweep=sweep, settings=few)


class Enough(BaseException):
    """Ends a run: neither the machine nor Hypothesis catches it."""


def acts_of_a_run(**options):
    """Return what is written first in a run."""
    seen = []

    def note(written):
        seen.append(written)
        if len(seen) == 30:
            raise Enough

    class Seen(MemoryStore):
        def add(self, batch, exams):
            note(exams)
            super().add(batch, exams)

        def commit(self, changes):
            note(changes.event)
            return super().commit(changes)

    with pytest.raises(Enough):
        run_sharing_machine(Seen, **options)
    return seen


def test_every_run_performs_the_same_stories_unless_settings_vary_them():
    vary = settings(settings.get_profile("explore"), database=None)
    loaded = settings.get_current_profile_name()
    settings.register_profile("vary", vary)
    settings.load_profile("vary")
    try:
        assert acts_of_a_run() == acts_of_a_run()
        assert acts_of_a_run(settings=settings()) != acts_of_a_run(settings=settings())
    finally:
        settings.load_profile(loaded)


def story_of(store=MemoryStore, *, told=hasty, **capabilities):
    """Return the error with which the machine rejects a store."""
    with pytest.raises(RulesBroken) as caught:
        run_sharing_machine(store, settings=told, **capabilities)
    assert "Falsifying" not in str(caught.value)
    assert [each.name for each in caught.traceback.filter(caught)] == ["story_of"]
    return caught.value


class LetsViewersDownload(MemoryStore):
    def holds(self, user, principals, permission, exam, now):
        return super().holds(user, principals, es.Permission.VIEW, exam, now)


def test_the_error_of_a_broken_store_is_a_story_whose_long_search_is_logged(monkeypatch, caplog):
    monkeypatch.setattr("exam_sharing.testing.progress._SHORT", 0)
    assert str(story_of(LetsViewersDownload, told=patient)).splitlines() == [
        "the rules of sharing are broken",
        "",
        "12:00  The users are Alice and Bob.",
        "12:00  Uploaded in the batch CD: CT (owner Alice).",
        "12:00  Alice shares CT with Bob for VIEW.",
        "",
        "12:00  What does `can` answer for Bob?",
        "  expected: DOWNLOAD CT: no",
        "  got:      DOWNLOAD CT: yes",
    ]
    told = r"story \d+ breaks the rules; now looking for the smallest one"
    assert [bool(re.fullmatch(told, each.getMessage())) for each in caplog.records] == [True]


class FailsAtShares(MemoryStore):
    failed = False

    def commit(self, changes):
        if changes.share is not None and changes.receipt is None:
            self.failed = True
            raise es.StoreFailed("the disk is full")
        return super().commit(changes)


def ends_standing_grants(store, now):
    sharing = open_sharing(store=store, clock=lambda: now)
    for user in hospital.USERS:
        sharing.admin.end_by_host(recipient=user, performed_by="a sweep", why="expired")


def cannot_sweep(store, now):
    raise es.StoreFailed("the table is locked")


@pytest.mark.parametrize(
    ("store", "capabilities", "last_line", "question", "got"),
    [
        (FailsAtShares, {}, "", "What does this act return?", "an error: StoreFailed"),
        (MemoryStore, {"sweep": ends_standing_grants}, "A sweep", "What is stored for", ""),
        (MemoryStore, {"sweep": cannot_sweep}, "A sweep", "Can the sweep run?", "an error"),
    ],
)
def test_broken_stores_are_found(store, capabilities, last_line, question, got):
    broken = story_of(store, **capabilities)
    assert last_line in broken.story[-1]
    assert question in broken.question
    assert got in broken.got
    assert isinstance(broken.__cause__, es.StoreFailed) is got.startswith("an error")


class SuggestsTheActor(MemoryDirectory):
    def suggest(self, actor, text, limit, leave_out, *, whole=False):
        return super().suggest(actor, text, limit, leave_out - {actor}, whole=whole)


class ListsTheOwner(MemoryDirectory):
    def listed(self, actor, after, limit, leave_out):
        return super().listed(actor, after, limit, leave_out & {actor})


def fail(answer):
    raise es.StoreFailed("the exam does not exist")


def unless_found(answer):
    return answer or fail(answer)


def without_gains(preview):
    return attrs.evolve(preview, gains=())


def without_bases(access_list):
    """Let every shown grant rest on ownership."""
    entries = [
        attrs.evolve(
            entry,
            grants=tuple(
                attrs.evolve(each, grant=attrs.evolve(each.grant, basis=es.OWNER))
                for each in entry.grants
            ),
        )
        for entry in access_list.entries
    ]
    return attrs.evolve(access_list, entries=tuple(entries))


def the_long_way(answer):
    if isinstance(answer, es.Denied):
        return answer
    ways = (attrs.evolve(each, path=(*each.path, each.path[-1])) for each in answer.grounds)
    return attrs.evolve(answer, grounds=tuple(ways))


def unless_form(form):
    return form if form.has_share_tab else fail(form)


def changing_answers(door, name, change):
    """Return where a door has its answers changed, under which name, and by what."""
    answers = getattr(door, name)
    return door, name, lambda *args, **options: change(answers(*args, **options))


@pytest.mark.parametrize(
    ("broken", "question", "got"),
    [
        (changing_answers(es.Admin, "explain", the_long_way), "explain", ""),
        ((portals, "MemoryDirectory", SuggestsTheActor), "suggest", ""),
        ((portals, "MemoryDirectory", ListsTheOwner), "recipients", ""),
        (changing_answers(es.Sharing, "preview", without_gains), "preview", "gains: nothing"),
        (changing_answers(es.Sharing, "tabs", unless_found), "tabs", "an error: StoreFailed"),
        (changing_answers(es.Sharing, "share_form", unless_form), "share_form", "an error"),
        (
            changing_answers(es.Sharing, "access_list", without_bases),
            "access_list",
            "rests on OWNER",
        ),
        (changing_answers(es.Admin, "who_can", lambda holders: ()), "who_can", "nothing"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_answer_is_compared(monkeypatch, broken, question, got):
    monkeypatch.setattr(*broken)
    story = story_of(policy=es.Policy(access_list=es.AccessListScope.OWN_GRANTS))
    assert f"`{question}`" in story.question
    assert got in story.got


def limited_by_nothing(receipt):
    outcomes = [attrs.evolve(o, limited_by=es.UntilLimit.NOTHING) for o in receipt.outcomes]
    return attrs.evolve(receipt, outcomes=tuple(outcomes))


def without_limits(preview):
    reasons = [attrs.evolve(each, limit=None, until=None) for each in preview.reasons]
    return attrs.evolve(preview, reasons=tuple(reasons))


@pytest.mark.parametrize(
    ("name", "change", "question", "got"),
    [
        ("share", limited_by_nothing, "What does this act return?", "NOTHING"),
        ("preview", without_limits, "What does `preview` return", "reasons: "),
    ],
)
def test_limits_are_compared(monkeypatch, name, change, question, got):
    monkeypatch.setattr(*changing_answers(es.Sharing, name, change))
    broken = story_of()
    assert question in broken.question
    assert got in broken.got


def test_of_answers_in_lists_and_sets_those_that_differ_are_reported():
    ct, mr, pet = (VisibleExam(es.ExamId(each), es.Permission.VIEW) for each in ("CT", "MR", "PET"))
    assert differing([ct, mr], [ct, pet]) == ([mr], [pet])
    assert differing(frozenset({ct, mr}), frozenset({ct})) == ({mr}, frozenset())
    assert differing([ct, mr], [ct]) == ([ct, mr], [ct])


def changing(share=lambda share: share, event=lambda event: event):
    """Return a change of what an act gives the store to record."""

    def change(changes):
        recorded = changes.share and share(changes.share)
        told = attrs.evolve(changes.event, share=recorded) if recorded else changes.event
        return attrs.evolve(changes, share=recorded, event=event(told))

    return change


def with_another_wording(share):
    attestation = attrs.evolve(share.attestation, wording="I abide by nothing.")
    return attrs.evolve(share, attestation=attestation)


def with_its_message(event):
    if not isinstance(event, ExamShared):
        return event
    return attrs.evolve(event, request=attrs.evolve(event.request, message="Dear Bob"))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (changing(share=with_another_wording), "attested"),
        (changing(share=lambda s: attrs.evolve(s, performed_by=None)), "share: performed by"),
        (changing(event=with_its_message), "request: message"),
        (changing(event=lambda e: attrs.evolve(e, at=e.at - timedelta(minutes=1))), "at: "),
    ],
)
def test_the_record_of_an_act_is_compared(monkeypatch, change, what):
    commit = Recorder.commit
    monkeypatch.setattr(Recorder, "commit", lambda self, changes: commit(self, change(changes)))
    broken = story_of()
    assert broken.question.endswith("What is recorded of this step?")
    assert what in broken.expected + broken.got


def test_a_refusal_is_compared_on_its_way_to_the_store_and_in_histories(monkeypatch):
    monkeypatch.setattr(MemoryStore, "record", lambda store, event: None)
    broken = story_of()
    assert "What is in the history of" in broken.question
    monkeypatch.setattr(Recorder, "record", lambda recorder, event: None)
    broken = story_of()
    assert broken.question.endswith("What is recorded of this step?")
    assert broken.got == "records: 0"


def test_a_store_that_is_not_isolated_is_not_a_broken_one():
    store = MemoryStore()
    with pytest.raises(StoreNotUsable):
        run_sharing_machine(lambda: store)


@contextmanager
def gone_after_a_failure():
    store = FailsAtShares()
    try:
        yield store
    finally:
        if store.failed:
            raise es.StoreFailed("the disk is gone")


def test_a_store_that_cannot_be_closed_after_a_failure_has_a_story_too():
    assert story_of(gone_after_a_failure).got == "an error: StoreFailed"


NO_STUDENTS = es.HostRule(
    code="NO_STUDENTS", statement="Students share nothing.", refuses=lambda *_: False
)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"settings": 10}, "settings must be settings or NoneType, not int"),
        ({"transfer": 5}, "transfer must be callable"),
        ({"policy": {}}, "policy must be Policy or NoneType, not dict"),
        ({"policy": es.Policy(host_rules=[NO_STUDENTS])}, "policy must have no rules of the host"),
    ],
)
def test_wrong_options_are_rejected(options, message):
    with pytest.raises(es.CallerError) as caught:
        run_sharing_machine(MemoryStore, **options)
    assert str(caught.value).startswith(message)
