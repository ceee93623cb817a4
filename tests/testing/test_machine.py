"""The machine: whole stories beside the model, over every store, and the story of a broken one."""

from contextlib import contextmanager
from datetime import timedelta

import attrs
import pytest
from broken.engines import hides_refusals
from hypothesis import Phase, settings

from exam_sharing import (
    AccessListScope,
    Admin,
    Denied,
    ExamId,
    Permission,
    Policy,
    ShownGrant,
    StoreFailed,
    UserId,
    acts,
)
from exam_sharing.acts import changing
from exam_sharing.adapters.sqlalchemy import sweep_expired
from exam_sharing.errors import CallerError
from exam_sharing.events import ExamShared
from exam_sharing.memory import MemoryDirectory, MemoryOutbox, MemoryStore, open_sharing
from exam_sharing.policy import views
from exam_sharing.policy.plans import Preview
from exam_sharing.policy.settings import HostRule
from exam_sharing.testing import RulesBroken, StoreNotUsable, run_sharing_machine
from exam_sharing.testing.machine.changes import Watch

stories = settings(max_examples=40, stateful_step_count=30)
few = settings(max_examples=5, stateful_step_count=20)
patient = settings(max_examples=1_000, stateful_step_count=12, derandomize=True, database=None)
"""For broken stores: the same search each time, and long enough."""
hasty = settings(patient, phases=[Phase.generate])
"""The same, content with the first story that there is."""


def transfer(store, exam, owner, at):
    store.transfer(exam, owner, at=at)


def test_every_answer_in_memory_is_the_one_of_the_model():
    run_sharing_machine(MemoryStore, transfer=transfer, settings=stories)


def test_every_answer_from_a_database_is_the_one_of_the_model(new_store, engine, tables):
    def sweep(store, now):
        sweep_expired(engine, tables=tables, now=now, margin=timedelta(0))

    run_sharing_machine(new_store, transfer=transfer, sweep=sweep, settings=few)


def test_what_is_not_asked_again_is_still_answered_as_the_model_does(monkeypatch):
    seen_to_change = Watch.changes

    def everything(watch):
        return attrs.evolve(
            seen_to_change(watch),
            exams=frozenset(watch.hospital.exams),
            users=frozenset(watch.hospital.users),
            choosable=True,
        )

    monkeypatch.setattr(Watch, "changes", everything)
    run_sharing_machine(MemoryStore, transfer=transfer, settings=settings(few, max_examples=20))


def story_of(store, *, told=patient, **capabilities):
    """Return how the machine tells what is wrong with a store."""
    with pytest.raises(RulesBroken) as caught:
        run_sharing_machine(store, settings=told, **capabilities)
    assert "Falsifying" not in str(caught.value)
    return caught.value


class LetsViewersDownload(MemoryStore):
    def holds(self, user, principals, permission, exam, now):
        return super().holds(user, principals, Permission.VIEW, exam, now)


def test_a_broken_store_is_told_as_a_story():
    assert str(story_of(LetsViewersDownload)).splitlines() == [
        "the rules of sharing are broken",
        "",
        "12:00  Alice and Bob use the portal.",
        "12:00  Of the CD there arrives CT owned by Alice.",
        "12:00  Alice shares CT with Bob: VIEW.",
        "",
        "12:00  What may Bob do?",
        "  expected: DOWNLOAD CT: no",
        "  came:     DOWNLOAD CT: yes",
    ]


class NeverExpires(MemoryStore):
    """Looks at the time when a grant was made."""

    def holds(self, user, principals, permission, exam, now):
        grants = self.read((exam,), ended=False)[exam].grants
        then = min([now, *(grant.made_at for grant in grants)])
        return super().holds(user, principals, permission, exam, then)


def test_time_is_part_of_the_story():
    broken = story_of(NeverExpires)
    assert broken.story[-1].endswith("Time has passed.")
    assert "VIEW CT: no" in broken.expected
    assert "VIEW CT: yes" in broken.came


class ForgetsEndings(MemoryStore):
    """Says that it wrote an end, and does not."""

    def commit(self, changes):
        return True if changes.ended else super().commit(changes)


def test_what_is_kept_is_compared_as_well_as_what_is_answered():
    broken = story_of(ForgetsEndings)
    assert "What is kept of " in broken.question
    assert broken.came.endswith("ended: nothing")


def ends_what_stands(store, now):
    sharing = open_sharing(store=store, clock=lambda: now)
    sharing.admin.end_by_host(recipient=UserId("Bob"), performed_by="a sweep", why="expired")


def cannot_sweep(store, now):
    raise StoreFailed("the table is locked")


def test_a_sweep_that_ends_what_stands_is_told():
    broken = story_of(MemoryStore, told=hasty, sweep=ends_what_stands)
    assert broken.story[-1].endswith("What has expired is recorded as ended.")
    assert "What is kept of" in broken.question


def test_a_sweep_that_fails_is_told():
    broken = story_of(MemoryStore, told=hasty, sweep=cannot_sweep)
    assert broken.question.endswith("Can it be recorded?")
    assert broken.came == "an error: StoreFailed"


class SendsTwice(MemoryStore):
    def __init__(self):
        super().__init__()
        self.outbox = KeepsWhatWasSent()


class KeepsWhatWasSent(MemoryOutbox):
    def settle(self, claim, settlement):
        """Let the claim lapse, and the notice wait again."""


def test_notices_are_part_of_the_story():
    broken = story_of(SendsTwice, told=hasty)
    assert broken.question.endswith("Which notices are sent?")
    assert "Notices are sent" in broken.story[-1]


class FailsAtShares(MemoryStore):
    failed = False

    def commit(self, changes):
        if changes.share is not None and changes.receipt is None:
            self.failed = True
            raise StoreFailed("the disk is full")
        return super().commit(changes)


def test_an_error_is_an_answer_and_stays_the_cause():
    broken = story_of(FailsAtShares)
    assert broken.came == "an error: StoreFailed"
    assert isinstance(broken.__cause__, StoreFailed)


class TellsTheLongWay(MemoryDirectory):
    def path(self, user, principal):
        way = super().path(user, principal)
        return way if len(way) < 2 else (*way[:-1], way[-2], way[-1])


class SuggestsTheActor(MemoryDirectory):
    def suggest(self, actor, text, limit, leave_out, *, whole=False):
        return super().suggest(actor, text, limit, leave_out - {actor}, whole=whole)


class ListsTheOwner(MemoryDirectory):
    def listed(self, actor, after, limit, leave_out):
        return super().listed(actor, after, limit, leave_out & {actor})


@pytest.mark.parametrize(
    ("directory", "question"),
    [
        (TellsTheLongWay, "Why may"),
        (SuggestsTheActor, "suggest to"),
        (ListsTheOwner, "With whom may"),
    ],
)
def test_ways_and_choices_are_compared(monkeypatch, directory, question):
    monkeypatch.setattr("exam_sharing.testing.machine.hospital.MemoryDirectory", directory)
    assert question in story_of(MemoryStore, told=hasty).question


def test_what_a_preview_says_is_compared(monkeypatch):
    monkeypatch.setattr(
        "exam_sharing.acts.changing.Preview", lambda **told: Preview(**told | {"gains": ()})
    )
    broken = story_of(MemoryStore, told=hasty)
    assert "What would this do: " in broken.question
    assert " shares " in broken.question
    assert broken.came == "gains: nothing"


def test_a_store_that_is_not_isolated_is_told_apart_from_a_broken_one():
    store = MemoryStore()
    with pytest.raises(StoreNotUsable):
        run_sharing_machine(lambda: store)


@contextmanager
def opens_what_is_gone_once_it_failed():
    store = FailsAtShares()
    try:
        yield store
    finally:
        if store.failed:
            raise StoreFailed("the disk is gone")


def test_a_store_that_fails_and_cannot_be_closed_is_told_as_a_story():
    assert story_of(opens_what_is_gone_once_it_failed).came == "an error: StoreFailed"


def in_records(share=lambda share: share, event=lambda event: event):
    """Return how acts are carried through that write other records than they should."""

    def altered(changes):
        recorded = changes.share and share(changes.share)
        told = attrs.evolve(changes.event, share=recorded) if recorded else changes.event
        return attrs.evolve(changes, share=recorded, event=event(told))

    def carried(ports, request, attempt, now):
        def attempted():
            decided = attempt()
            if isinstance(decided, Denied) or decided[0] is None:
                return decided
            changes, receipt = decided
            return altered(changes), receipt

        return carry_through(ports, request, attempted, now)

    carry_through = changing.carry_through
    return carried


def another_wording(share):
    attestation = attrs.evolve(share.attestation, wording="I abide by nothing.")
    return attrs.evolve(share, attestation=attestation)


def on_nobodys_behalf(share):
    return attrs.evolve(share, performed_by=None)


def with_its_message(event):
    if not isinstance(event, ExamShared):
        return event
    return attrs.evolve(event, request=attrs.evolve(event.request, message="Dear Bob"))


def at_another_time(event):
    return attrs.evolve(event, at=event.at - timedelta(minutes=1))


@pytest.mark.parametrize(
    ("recorded", "what"),
    [
        (in_records(share=another_wording), "attested"),
        (in_records(share=on_nobodys_behalf), "of the share: performed by"),
        (in_records(event=with_its_message), "asked: message"),
        (in_records(event=at_another_time), "at: "),
    ],
)
def test_what_is_recorded_of_an_act_is_compared(monkeypatch, recorded, what):
    monkeypatch.setattr(changing, "carry_through", recorded)
    broken = story_of(MemoryStore, told=hasty)
    assert broken.question.endswith("What is recorded of that?")
    assert what in broken.expected + broken.came


def test_that_a_refusal_is_recorded_is_compared(monkeypatch):
    monkeypatch.setattr(MemoryStore, "record", lambda store, event: None)
    run_sharing_machine(MemoryStore, settings=few)
    with hides_refusals():
        broken = story_of(MemoryStore, told=hasty)
    assert broken.question.endswith("What is recorded of that?")
    assert broken.came == "records: 0"


@pytest.mark.parametrize("act", ["show_tabs", "show_share_form", "show_access_list"])
def test_views_of_what_is_not_there_are_compared(monkeypatch, act):
    shown = getattr(acts, act)

    def fails_where_there_is_none(ports, *asked):
        exam = next(each for each in asked if isinstance(each, ExamId))
        if not ports.exams.find((exam,)):
            raise StoreFailed(f"there is no {exam}")
        return shown(ports, *asked)

    monkeypatch.setattr(acts, act, fails_where_there_is_none)
    assert story_of(MemoryStore, told=hasty).came == "an error: StoreFailed"


def test_who_can_see_an_exam_is_compared(monkeypatch):
    monkeypatch.setattr(Admin, "who_can", lambda sharing, permission, exam: ())
    broken = story_of(MemoryStore, told=hasty)
    assert "Who can VIEW" in broken.question


def test_what_a_shown_grant_rests_on_is_compared(monkeypatch):
    monkeypatch.setattr(views, "shown", lambda grant, _: ShownGrant.of(grant, grant.basis))
    limited = Policy(access_list=AccessListScope.OWN_GRANTS)
    assert "access list" in story_of(MemoryStore, told=hasty, policy=limited).question


NO_STUDENTS = HostRule(
    code="NO_STUDENTS", statement="Students share nothing.", refuses=lambda *_: False
)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"settings": 10}, "settings must be settings or NoneType, not int"),
        ({"transfer": 5}, "transfer must be callable"),
        ({"policy": {}}, "policy must be Policy or NoneType, not dict"),
        (
            {"policy": Policy(host_rules=[NO_STUDENTS])},
            "policy must have no rules of the host: the model knows none",
        ),
    ],
)
def test_options_that_cannot_be_used_are_told_apart_from_a_broken_store(options, told):
    with pytest.raises(CallerError) as caught:
        run_sharing_machine(MemoryStore, **options)
    assert str(caught.value) == told
