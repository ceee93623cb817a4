"""The model against stories whose ends are known: where the rules are hard.

The decision cases cover the other rules: the engine passes them, and the machine compares the
engine with the model.
"""

from datetime import UTC, datetime, timedelta

from exam_sharing import ExamId, GroupId, Permission, Policy, UserId
from exam_sharing.exams import Exam
from exam_sharing.identifiers import BatchId
from exam_sharing.policy.requests import (
    NarrowRequest,
    Reshares,
    Scope,
    ShareRequest,
    UnshareRequest,
)
from exam_sharing.testing import model
from exam_sharing.testing.model.acts import perform
from exam_sharing.testing.model.views import shortest_ways
from exam_sharing.testing.model.world import ShareReceipt, World

VIEW, DOWNLOAD = Permission
OLGA, BOB, CAROL, DAVE = map(UserId, ("olga", "bob", "carol", "dave"))
TEAM, CLINIC = map(GroupId, ("team", "clinic"))
E1, E2, E3 = map(ExamId, ("E1", "E2", "E3"))
NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CASCADE, RESTRICT = Reshares.CASCADE, Reshares.RESTRICT


def hospital():
    """Return a world in which Olga owns a CD of three exams."""
    world = World(now=NOON, policy=Policy())
    for user in (OLGA, BOB, CAROL, DAVE):
        world.add_user(user)
    for each in (E1, E2, E3):
        world.add_exams(Exam(id=each, owner=OLGA, batch=BatchId("CD"), uploaded_at=NOON - DAY))
    return world


def share(world, actor, *recipients, **more):
    asked = ShareRequest(actor=actor, exam=E1, recipients=recipients, attested=True, **more)
    assert isinstance(perform(world, asked), ShareReceipt)


def unshare(world, actor, recipient, **more):
    perform(world, UnshareRequest(actor=actor, exam=E1, recipient=recipient, **more))


def test_a_cascade_makes_no_view_that_the_download_outlasts():
    world = hospital()
    share(world, OLGA, BOB, permission=DOWNLOAD)
    share(world, BOB, CAROL, permission=DOWNLOAD)
    bound = {"until": NOON + DAY, "reshares": CASCADE}
    done = perform(world, NarrowRequest(actor=OLGA, exam=E1, recipient=BOB, **bound))
    assert done.all_ended == {1: "NARROWED", 2: "NARROWED"}
    new = [world.grants[each] for group in done.all_replacements.values() for each in group]
    assert {(each.recipient, each.permission, each.until, each.version) for each in new} == {
        (BOB, DOWNLOAD, NOON + DAY, 1),
        (CAROL, DOWNLOAD, NOON + DAY, 2),
    }
    assert world.versions[E1] == 3


def test_a_grant_also_rests_on_grants_that_ended_before():
    world = hospital()
    for actor, recipient in ((OLGA, BOB), (BOB, CAROL), (CAROL, DAVE)):
        share(world, actor, recipient)
    unshare(world, BOB, CAROL)
    assert world.holds(DAVE, VIEW, E1)
    unshare(world, OLGA, BOB, reshares=CASCADE)
    assert not world.holds(DAVE, VIEW, E1)


def test_the_host_ends_grants_everywhere_and_on_deleted_exams():
    world = hospital()
    share(world, OLGA, BOB, scope=Scope.BATCH)
    share(world, BOB, CAROL)
    world.hide(E3, hidden=True)
    (reason,) = model.acts.end_by_host(world, BOB, None, RESTRICT).reasons
    assert reason.code == "HAS_RESHARES"
    done = model.acts.end_by_host(world, BOB, None, CASCADE)
    assert sorted(done.all_ended.values()) == ["BY_HOST"] * 3 + ["CASCADED"]
    assert model.views.visible_to(world, BOB) == model.views.visible_to(world, CAROL) == []


def test_of_several_ways_the_shortest_count():
    world, other = hospital(), GroupId("other")
    world.add_group(TEAM, {BOB})
    world.add_group(other, {BOB})
    world.add_group(CLINIC, {TEAM, other})
    assert shortest_ways(world, BOB, CLINIC) == {(BOB, TEAM, CLINIC), (BOB, other, CLINIC)}
    world.add_group(CLINIC, {TEAM, other, BOB})
    assert shortest_ways(world, BOB, CLINIC) == {(BOB, CLINIC)}
    assert shortest_ways(world, CAROL, CLINIC) == frozenset()
