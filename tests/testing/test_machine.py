"""The machine: whole stories beside the model, over every store, and the story of a broken one."""

from datetime import timedelta

import attrs
import pytest
from hypothesis import Phase, settings

from exam_sharing import Permission, StoreFailed, UserId
from exam_sharing.adapters.sqlalchemy import sweep_expired
from exam_sharing.memory import MemoryDirectory, MemoryOutbox, MemoryStore, open_sharing
from exam_sharing.policy.plans import Preview
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
    assert broken.question.endswith("What is kept of CT?")
    assert broken.came.endswith("ended: nothing")


def ends_what_stands(store, now):
    sharing = open_sharing(store=store, clock=lambda: now)
    sharing.end_by_host(recipient=UserId("Bob"), performed_by="a sweep", why="expired")


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
    def commit(self, changes):
        if changes.share is not None and changes.receipt is None:
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
    def suggest(self, actor, text, limit, leave_out):
        return super().suggest(actor, text, limit, leave_out - {actor})


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
        "exam_sharing.acts.previewing.Preview", lambda **told: Preview(**told | {"gains": ()})
    )
    broken = story_of(MemoryStore, told=hasty)
    assert "What would this do: Alice shares CT with Bob" in broken.question
    assert broken.came == "gains: nothing"


def test_a_store_that_is_not_isolated_is_told_apart_from_a_broken_one():
    store = MemoryStore()
    with pytest.raises(StoreNotUsable):
        run_sharing_machine(lambda: store)
