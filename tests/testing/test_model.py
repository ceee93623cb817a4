"""The model against stories whose ends are known: where the rules are hard.

The decision cases cover the other rules: the engine passes them, and the machine compares the
engine with the model.
"""

from datetime import UTC, datetime, timedelta

import attrs
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
from exam_sharing.policy.settings import AccessListScope, Policy
from exam_sharing.testing import model
from exam_sharing.testing.model import FOREVER, NEVER, Account, Effect, Shared, World

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
    done = model.perform(world, request(actor, *recipients, **more))
    assert isinstance(done, Shared), done
    return sorted(done.made)


def unshare(world, actor, recipient, *, reshares=None):
    asked = UnshareRequest(actor=actor, exam=E1, recipient=recipient, reshares=reshares)
    return model.perform(world, asked)


def narrow(world, actor, recipient, **bound):
    return model.perform(world, NarrowRequest(actor=actor, exam=E1, recipient=recipient, **bound))


def can(world, *users, permission=VIEW):
    """Return those of the users who hold the permission on the first exam."""
    return [user for user in users if model.holds(world, user, permission, E1)]


def test_a_refusal_reports_all_reasons_and_changes_nothing():
    world = hospital(max_duration=DAY, message_limit=3)
    before = world.copy()
    nobody = UserId("nobody")
    asked = request(OLGA, OLGA, nobody, until=NOON + 2 * DAY, message="long", attested=False)
    assert model.perform(world, asked).reasons == {
        "ATTESTATION_MISSING": frozenset(),
        "RECIPIENT_NOT_FOUND": {nobody},
        "RECIPIENT_IS_SELF": {OLGA},
        "RECIPIENT_IS_OWNER": {OLGA},
        "EXPIRY_BEYOND_POLICY": frozenset(),
        "MESSAGE_NOT_ALLOWED": frozenset(),
    }
    assert world == before


def test_groups_in_groups_reach_everyone_once_and_have_no_cycles():
    world = hospital()
    world.add_group(TEAM, {BOB, CAROL})
    world.add_group(CLINIC, {TEAM, BOB, DAVE})
    assert set(model.perform(world, request(OLGA, CLINIC, TEAM)).notices) == {BOB, CAROL, DAVE}
    world.add_group(TEAM, {ERIN})
    assert can(world, CAROL, ERIN) == [ERIN]
    with pytest.raises(ValueError, match="team"):
        world.add_group(TEAM, {CLINIC})


def test_a_grant_to_the_grantors_own_group_gives_the_grantor_nothing():
    world = hospital()
    world.add_group(TEAM, {BOB, CAROL})
    share(world, OLGA, BOB)
    share(world, BOB, TEAM)
    unshare(world, OLGA, BOB)
    assert can(world, BOB, CAROL) == [CAROL]


def test_a_cascade_ends_a_circle_of_re_shares():
    world = hospital()
    for actor, recipient in ((OLGA, BOB), (BOB, CAROL), (CAROL, DAVE), (DAVE, CAROL)):
        share(world, actor, recipient)
    cascaded = dict.fromkeys((2, 3, 4), "CASCADED")
    assert unshare(world, OLGA, BOB, reshares=CASCADE).all_ended == {1: "UNSHARED", **cascaded}
    assert not can(world, BOB, CAROL, DAVE)


def test_a_re_share_stands_while_its_grantor_has_another_way():
    world = hospital()
    world.add_group(TEAM, {BOB})
    share(world, OLGA, BOB)
    share(world, BOB, CAROL)
    share(world, OLGA, TEAM)
    done = unshare(world, OLGA, BOB, reshares=CASCADE)
    assert len(done.all_ended) == 1
    assert can(world, BOB, CAROL) == [BOB, CAROL]
    assert done.still_have_access == {BOB}


def test_a_cascade_leaves_the_supported_parts_of_a_re_share():
    world, soon = hospital(), NOON + DAY
    (first,) = share(world, OLGA, BOB, permission=DOWNLOAD)
    (second,) = share(world, BOB, CAROL, permission=DOWNLOAD)
    share(world, OLGA, ERIN)
    share(world, ERIN, BOB)
    share(world, OLGA, ERIN, permission=DOWNLOAD, until=soon)
    share(world, ERIN, BOB, permission=DOWNLOAD)
    asked = RevokeRequest(actor=OLGA, grant=GrantId(str(first)), reshares=CASCADE)
    done = model.perform(world, asked)
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


def test_a_grant_that_rests_on_a_narrowed_one_rests_on_its_replacement():
    world = hospital()
    share(world, OLGA, BOB, permission=DOWNLOAD)
    (kept,) = share(world, BOB, CAROL, permission=DOWNLOAD)
    narrow(world, OLGA, BOB, permission=VIEW)
    assert can(world, CAROL, permission=DOWNLOAD)
    assert unshare(world, OLGA, BOB, reshares=CASCADE).all_ended[kept] == "CASCADED"


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


def test_restrict_refuses_if_a_cascade_would_do_more():
    world = hospital(reshares=RESTRICT)
    share(world, OLGA, BOB)
    (passed_on,) = share(world, BOB, CAROL)
    assert unshare(world, OLGA, BOB).reasons == {"HAS_RESHARES": {passed_on}}
    entries = model.access_list(world, OLGA, E1).entries
    assert (entries[BOB].can_unshare, entries[CAROL].can_unshare) == (False, True)
    for recipient in (CAROL, BOB):
        assert unshare(world, OLGA, recipient).all_ended


def test_an_actor_without_access_is_shown_their_own_grants_only():
    world = hospital()
    share(world, OLGA, BOB)
    (own,) = share(world, BOB, CAROL)
    (other,) = share(world, CAROL, DAVE)
    unshare(world, OLGA, BOB)
    assert unshare(world, BOB, DAVE).reasons == {"NO_SUCH_GRANT": frozenset()}
    assert unshare(world, BOB, CAROL, reshares=RESTRICT).reasons == {"HAS_RESHARES": frozenset()}
    done = unshare(world, BOB, CAROL, reshares=CASCADE)
    assert done.all_ended == {own: "UNSHARED", other: "CASCADED"}
    assert done.ended == {own}
    assert unshare(world, ERIN, CAROL).reasons == {"EXAM_NOT_FOUND": frozenset()}


def test_a_transfer_leaves_the_former_owners_grants():
    world = hospital()
    share(world, OLGA, BOB)
    world.transfer(E1, DAVE)
    share(world, BOB, CAROL)
    assert can(world, OLGA, DAVE, BOB) == [DAVE, BOB]
    done = unshare(world, OLGA, BOB, reshares=CASCADE)
    assert (done.ended, set(done.all_ended)) == ({1}, {1, 2})


def test_the_host_ends_grants_everywhere_and_on_deleted_exams():
    world = hospital()
    share(world, OLGA, BOB, scope=Scope.BATCH)
    share(world, BOB, CAROL)
    world.hide(E3, hidden=True)
    assert model.end_by_host(world, BOB, None, RESTRICT).reasons.keys() == {"HAS_RESHARES"}
    done = model.end_by_host(world, BOB, None, CASCADE)
    assert sorted(done.all_ended.values()) == ["BY_HOST"] * 3 + ["CASCADED"]
    assert model.visible_to(world, BOB) == model.visible_to(world, CAROL) == []


def test_a_request_id_stands_for_one_request():
    world = hospital()
    asked = request(OLGA, BOB, request_id="r1")
    first = model.perform(world, asked)
    unshare(world, OLGA, BOB)
    assert model.perform(world, asked) == attrs.evolve(first, repeated=True)
    assert model.preview(world, asked) == model.Preview(repeated=True)
    assert not can(world, BOB)
    with pytest.raises(model.RequestIdReused):
        model.perform(world, request(OLGA, CAROL, request_id="r1"))


def test_a_notice_reaches_those_who_gained_still_hold_and_want_it():
    world = hospital()
    world.add_group(TEAM, {OLGA, BOB, CAROL, DAVE})
    share(world, OLGA, BOB)
    world.add_user(CAROL, Account(notices=False))
    done = model.perform(world, request(OLGA, TEAM, until=NOON + DAY))
    assert {to: notice.until for to, notice in done.notices.items()} == {DAVE: NOON + DAY}
    unshare(world, OLGA, TEAM)
    assert [notice.to for notice in model.deliver_notices(world)] == [BOB]


def test_a_preview_changes_nothing_and_lists_gains_losses_and_keeps():
    world = hospital()
    world.add_group(TEAM, {BOB, CAROL})
    share(world, OLGA, TEAM, permission=DOWNLOAD)
    before = world.copy()
    seen = model.preview(world, request(OLGA, DAVE, attested=False))
    assert seen.refused.reasons.keys() == {"ATTESTATION_MISSING"}
    assert seen.gains == {(DAVE, E1, VIEW): Effect(NEVER, FOREVER)}
    assert world == before
    share(world, OLGA, BOB)
    seen = model.preview(world, UnshareRequest(actor=OLGA, exam=E1, recipient=TEAM))
    lost = [(TEAM, VIEW), (TEAM, DOWNLOAD), (BOB, DOWNLOAD), (CAROL, VIEW), (CAROL, DOWNLOAD)]
    assert seen.losses == {(one, E1, held): Effect(FOREVER, NEVER) for one, held in lost}
    assert seen.keeps == {(BOB, E1, VIEW): Effect(FOREVER, FOREVER)}


def test_a_preview_of_narrowing_lists_as_kept_what_is_held_beyond_the_bound():
    world = hospital()
    share(world, OLGA, BOB, CAROL, permission=DOWNLOAD)
    share(world, CAROL, BOB, permission=DOWNLOAD)
    asked = NarrowRequest(actor=CAROL, exam=E1, recipient=BOB, permission=VIEW)
    seen = model.preview(world, asked)
    assert (seen.gains, seen.losses) == ({}, {})
    assert seen.keeps == {(BOB, E1, DOWNLOAD): Effect(FOREVER, FOREVER)}


def test_a_preview_shows_what_its_actor_may_know():
    world = hospital(access_list=AccessListScope.OWN_GRANTS)
    world.add_group(TEAM, {CAROL, DAVE})
    world.members_visible = lambda actor, _group: actor == OLGA
    share(world, OLGA, BOB, CAROL)
    gain = Effect(NEVER, FOREVER)
    assert model.preview(world, request(BOB, TEAM)).gains == {(TEAM, E1, VIEW): gain}
    gains = {(TEAM, E1, VIEW): gain, (DAVE, E1, VIEW): gain}
    assert model.preview(world, request(OLGA, TEAM)).gains == gains
    assert model.preview(world, request(BOB, CAROL)).gains == {(CAROL, E1, VIEW): gain}


def test_of_several_ways_the_shortest_count():
    world, other = hospital(), GroupId("other")
    world.add_group(TEAM, {BOB})
    world.add_group(other, {BOB})
    world.add_group(CLINIC, {TEAM, other})
    assert model.shortest_ways(world, BOB, CLINIC) == {(BOB, TEAM, CLINIC), (BOB, other, CLINIC)}
    world.add_group(CLINIC, {TEAM, other, BOB})
    assert model.shortest_ways(world, BOB, CLINIC) == {(BOB, CLINIC)}
    assert model.shortest_ways(world, CAROL, CLINIC) == frozenset()
