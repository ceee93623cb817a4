"""The model against stories whose ends are known: where the rules are hard.

The decision cases cover the other rules: the engine passes them, and the machine compares the
engine with the model.
"""

from datetime import UTC, datetime, timedelta

import pytest

from exam_sharing.exams import Exam
from exam_sharing.grants import Permission
from exam_sharing.identifiers import BatchId, ExamId, GrantId, GroupId, UserId
from exam_sharing.policy.requests import (
    NarrowRequest,
    Reshares,
    RevokeRequest,
    Scope,
    ShareRequest,
    UnshareRequest,
)
from exam_sharing.policy.settings import Policy
from exam_sharing.testing import model
from exam_sharing.testing.model.acts import Effect, perform, preview
from exam_sharing.testing.model.views import shortest_ways
from exam_sharing.testing.model.world import FOREVER, Account, Shared, World

VIEW, DOWNLOAD = Permission
OLGA, BOB, CAROL, DAVE, ERIN = map(UserId, ("olga", "bob", "carol", "dave", "erin"))
TEAM, CLINIC = map(GroupId, ("team", "clinic"))
E1, E2, E3 = map(ExamId, ("E1", "E2", "E3"))
NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CASCADE, RESTRICT = Reshares.CASCADE, Reshares.RESTRICT
INACTIVE = Account(active=False)


def hospital(**settings):
    """Return a world in which Olga owns a CD of three exams."""
    world = World(now=NOON, policy=Policy(**settings))
    for user in (OLGA, BOB, CAROL, DAVE, ERIN):
        world.add_user(user)
    for each in (E1, E2, E3):
        world.add_exams(Exam(id=each, owner=OLGA, batch=BatchId("CD"), uploaded_at=NOON - DAY))
    return world


def request(actor, *recipients, on=E1, **more):
    return ShareRequest(actor=actor, exam=on, recipients=recipients, **({"attested": True} | more))


def share(world, actor, *recipients, **more):
    """Share, and return the ids of the new grants."""
    done = perform(world, request(actor, *recipients, **more))
    assert isinstance(done, Shared), done
    return sorted(done.made)


def unshare(world, actor, recipient, *, reshares=None):
    asked = UnshareRequest(actor=actor, exam=E1, recipient=recipient, reshares=reshares)
    return perform(world, asked)


def narrow(world, actor, recipient, **bound):
    return perform(world, NarrowRequest(actor=actor, exam=E1, recipient=recipient, **bound))


def can(world, *users, permission=VIEW):
    """Return those of the users who hold the permission on the first exam."""
    return [user for user in users if world.holds(user, permission, E1)]


def test_groups_in_groups_reach_everyone_once_and_have_no_cycles():
    world = hospital()
    world.add_group(TEAM, {BOB, CAROL})
    world.add_group(CLINIC, {TEAM, BOB, DAVE})
    assert set(perform(world, request(OLGA, CLINIC, TEAM)).notices) == {
        BOB,
        CAROL,
        DAVE,
    }
    world.add_group(TEAM, {ERIN})
    assert can(world, CAROL, ERIN) == [ERIN]
    with pytest.raises(ValueError, match="team"):
        world.add_group(TEAM, {CLINIC})


def test_a_cascade_leaves_the_supported_parts_of_a_re_share():
    world, soon = hospital(), NOON + DAY
    (first,) = share(world, OLGA, BOB, permission=DOWNLOAD)
    (second,) = share(world, BOB, CAROL, permission=DOWNLOAD)
    share(world, OLGA, ERIN)
    share(world, ERIN, BOB)
    share(world, OLGA, ERIN, permission=DOWNLOAD, until=soon)
    share(world, ERIN, BOB, permission=DOWNLOAD)
    asked = RevokeRequest(actor=OLGA, grant=GrantId(str(first)), reshares=CASCADE)
    done = perform(world, asked)
    assert done.all_ended == {first: "UNSHARED", second: "NARROWED"}
    replacements = [world.grants[each] for each in done.all_replacements[second]]
    assert {(new.permission, new.until) for new in replacements} == {(VIEW, None), (DOWNLOAD, soon)}
    assert {(new.grantor, new.version, new.basis) for new in replacements} == {
        (BOB, 2, frozenset({first}))
    }


def test_a_cascade_makes_no_view_that_the_download_outlasts():
    world = hospital()
    share(world, OLGA, BOB, permission=DOWNLOAD)
    share(world, BOB, CAROL, permission=DOWNLOAD)
    done = narrow(world, OLGA, BOB, until=NOON + DAY, reshares=CASCADE)
    assert done.all_ended == {1: "NARROWED", 2: "NARROWED"}
    new = [world.grants[each] for group in done.all_replacements.values() for each in group]
    assert {(each.recipient, each.permission, each.until, each.version) for each in new} == {
        (BOB, DOWNLOAD, NOON + DAY, 1),
        (CAROL, DOWNLOAD, NOON + DAY, 2),
    }
    assert world.versions[E1] == 3


def test_a_cascade_does_not_touch_an_unsupported_grant_that_rests_on_something_else():
    world = hospital()
    share(world, OLGA, BOB)
    share(world, BOB, CAROL)
    unshare(world, OLGA, BOB)
    share(world, OLGA, DAVE)
    unshare(world, OLGA, DAVE, reshares=CASCADE)
    assert can(world, CAROL)


def test_a_grant_also_rests_on_grants_that_ended_before():
    world = hospital()
    for actor, recipient in ((OLGA, BOB), (BOB, CAROL), (CAROL, DAVE)):
        share(world, actor, recipient)
    unshare(world, BOB, CAROL)
    assert can(world, DAVE)
    unshare(world, OLGA, BOB, reshares=CASCADE)
    assert not can(world, DAVE)


def test_the_host_ends_grants_everywhere_and_on_deleted_exams():
    world = hospital()
    share(world, OLGA, BOB, scope=Scope.BATCH)
    share(world, BOB, CAROL)
    world.hide(E3, hidden=True)
    assert model.ending.end_by_host(world, BOB, None, RESTRICT).reasons.keys() == {"HAS_RESHARES"}
    done = model.ending.end_by_host(world, BOB, None, CASCADE)
    assert sorted(done.all_ended.values()) == ["BY_HOST"] * 3 + ["CASCADED"]
    assert model.views.visible_to(world, BOB) == model.views.visible_to(world, CAROL) == []


def test_a_preview_of_narrowing_lists_as_kept_what_is_held_beyond_the_bound():
    world = hospital()
    share(world, OLGA, BOB, CAROL, permission=DOWNLOAD)
    share(world, CAROL, BOB, permission=DOWNLOAD)
    asked = NarrowRequest(actor=CAROL, exam=E1, recipient=BOB, permission=VIEW)
    seen = preview(world, asked)
    assert (seen.gains, seen.losses) == ({}, {})
    assert seen.keeps == {(BOB, E1, DOWNLOAD): Effect(FOREVER, FOREVER)}


def test_of_several_ways_the_shortest_count():
    world, other = hospital(), GroupId("other")
    world.add_group(TEAM, {BOB})
    world.add_group(other, {BOB})
    world.add_group(CLINIC, {TEAM, other})
    assert shortest_ways(world, BOB, CLINIC) == {
        (BOB, TEAM, CLINIC),
        (BOB, other, CLINIC),
    }
    world.add_group(CLINIC, {TEAM, other, BOB})
    assert shortest_ways(world, BOB, CLINIC) == {(BOB, CLINIC)}
    assert shortest_ways(world, CAROL, CLINIC) == frozenset()
