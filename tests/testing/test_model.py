"""The model, held against stories whose ends are known."""

from datetime import UTC, datetime, timedelta

import attrs
import pytest

from exam_sharing.exams import Exam
from exam_sharing.grants import Permission
from exam_sharing.identifiers import BatchId, ExamId, GrantId, GroupId, PrincipalId, UserId
from exam_sharing.policy.requests import (
    NarrowRequest,
    Reshares,
    RevokeRequest,
    Scope,
    ShareRequest,
    UnshareRequest,
)
from exam_sharing.testing import model
from exam_sharing.testing.model import FOREVER, NEVER, Ended, How, Refused, Settings, Shared, World

VIEW, DOWNLOAD = Permission.VIEW, Permission.DOWNLOAD
OLGA, BOB, CAROL, DAVE, ERIN = (UserId(name) for name in ("olga", "bob", "carol", "dave", "erin"))
TEAM, CLINIC = GroupId("team"), GroupId("clinic")
E1, E2, E3, OTHER = (ExamId(name) for name in ("E1", "E2", "E3", "other"))
NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CASCADE, RESTRICT = Reshares.CASCADE, Reshares.RESTRICT


def exam(name: ExamId, batch: str, *, owner: UserId = OLGA, age: int = 1) -> Exam:
    return Exam(id=name, owner=owner, batch=BatchId(batch), uploaded_at=NOON - age * DAY)


def hospital(settings: Settings | None = None) -> World:
    """Olga owns a CD of three exams and one exam that came alone."""
    world = World(settings=settings or Settings())
    for user in (OLGA, BOB, CAROL, DAVE, ERIN):
        world.add_user(user)
    world.add_exams(exam(E1, "CD"), exam(E2, "CD"), exam(E3, "CD"), exam(OTHER, "alone", age=2))
    return world


def asks(actor: UserId, *recipients: PrincipalId, on: ExamId = E1, **more: object) -> ShareRequest:
    return ShareRequest(actor=actor, exam=on, recipients=recipients, **({"attested": True} | more))


def shares(world: World, actor: UserId, *recipients: PrincipalId, **more: object) -> list[int]:
    """Share at noon and return the ids of what was made."""
    done = model.share(world, asks(actor, *recipients, **more), NOON)
    assert isinstance(done, Shared), done
    return sorted(done.made)


def unshares(
    world: World, actor: UserId, recipient: PrincipalId, *, reshares: Reshares | None = None
) -> Ended | Refused:
    request = UnshareRequest(actor=actor, exam=E1, recipient=recipient, reshares=reshares)
    return model.unshare(world, request, NOON)


def narrows(world: World, actor: UserId, recipient: PrincipalId, **bound: object):
    return model.narrow(
        world, NarrowRequest(actor=actor, exam=E1, recipient=recipient, **bound), NOON
    )


def can(world: World, user: UserId, permission: Permission = VIEW, *, at: datetime = NOON) -> bool:
    return model.holds(world, user, permission, E1, at)


def content(world: World, grants) -> set[tuple]:
    """Say what grants are, without their ids."""
    return {
        (g.grantor, g.recipient, g.permission, g.until, g.version)
        for g in (world.grants[grant] for grant in grants)
    }


def test_a_cd_with_two_others_is_three_exams_shared_with_one_notice():
    world = hospital()
    done = model.share(world, asks(OLGA, BOB, scope=Scope.BATCH, message="hello"), NOON)
    assert {key: how for key, (how, _) in done.outcomes.items()} == {
        (one, BOB): "GRANTED" for one in (E1, E2, E3)
    }
    (notice,) = done.notices.values()
    assert (notice.to, notice.exams, notice.permission) == (BOB, {E1, E2, E3}, VIEW)
    assert (notice.until, notice.message) == (None, "hello")
    assert model.shared_with(world, BOB, NOON) == [(E3, VIEW), (E2, VIEW), (E1, VIEW)]


def test_shared_without_download_shows_no_download_tab_and_no_download_box():
    world = hospital()
    shares(world, OLGA, BOB)
    assert model.tabs(world, BOB, E1, NOON) == {"VIEW", "SHARE"}
    assert not model.share_form(world, BOB, E1, NOON).offers_download
    refused = model.share(world, asks(BOB, CAROL, permission=DOWNLOAD), NOON)
    assert refused.reasons == {"DOWNLOAD_NOT_HELD": {E1}}


def test_what_the_actor_cannot_see_of_a_batch_is_left_out():
    world = hospital()
    shares(world, OLGA, BOB)
    shares(world, OLGA, BOB, on=E2)
    done = model.share(world, asks(BOB, CAROL, scope=Scope.BATCH), NOON)
    assert {one for one, _ in done.outcomes} == {E1, E2}


def test_all_reasons_are_told_at_once_and_nothing_changes():
    world = hospital(Settings(max_duration=DAY, message_limit=3))
    before = world.copy()
    refused = model.share(
        world,
        asks(OLGA, OLGA, UserId("nobody"), until=NOON + 2 * DAY, message="long", attested=False),
        NOON,
    )
    assert refused.reasons == {
        "ATTESTATION_MISSING": frozenset(),
        "RECIPIENT_NOT_FOUND": {UserId("nobody")},
        "RECIPIENT_IS_SELF": {OLGA},
        "RECIPIENT_IS_OWNER": {OLGA},
        "EXPIRY_BEYOND_POLICY": frozenset(),
        "MESSAGE_NOT_ALLOWED": frozenset(),
    }
    assert world == before


def test_without_the_plan_nothing_is_said_of_recipients_and_unsharing_still_works():
    world = hospital()
    shares(world, OLGA, BOB)
    world.add_user(OLGA, sharing_in_plan=False)
    refused = model.share(world, asks(OLGA, UserId("nobody")), NOON)
    assert refused.codes == {"SHARING_NOT_IN_PLAN"}
    assert isinstance(unshares(world, OLGA, BOB), Ended)
    assert not can(world, BOB)


def test_an_exam_that_is_not_there_and_one_without_access_are_one_answer():
    world = hospital()
    for on in (E1, ExamId("none")):
        assert model.share(world, asks(BOB, on=on, attested=False), NOON).reasons == {
            "EXAM_NOT_FOUND": frozenset()
        }


def test_sharing_again_says_what_it_added_and_never_narrows():
    world = hospital()
    outcomes = [
        model.share(world, asks(OLGA, BOB, **terms), NOON).outcomes[E1, BOB]
        for terms in (
            {"until": NOON + DAY},
            {"until": NOON + DAY},
            {"until": NOON + 2 * DAY},
            {"until": NOON + DAY, "permission": DOWNLOAD},
            {},
            {"until": NOON + DAY},
        )
    ]
    assert outcomes == [
        ("GRANTED", NOON + DAY),
        ("UNCHANGED", NOON + DAY),
        ("EXTENDED", NOON + 2 * DAY),
        ("WIDENED", NOON + DAY),
        ("EXTENDED", None),
        ("UNCHANGED", None),
    ]
    assert world.versions[E1] == 4
    assert model.held_until(world, BOB, VIEW, E1, NOON) == FOREVER
    assert model.held_until(world, BOB, DOWNLOAD, E1, NOON) == NOON + DAY


def test_a_share_without_a_time_lasts_as_long_as_its_grantor_holds():
    world = hospital(Settings(max_duration=5 * DAY))
    shares(world, OLGA, BOB, until=NOON + DAY)
    done = model.share(world, asks(BOB, CAROL), NOON)
    assert done.outcomes[E1, CAROL] == ("GRANTED", NOON + DAY)
    done = model.share(world, asks(OLGA, CAROL), NOON)
    assert done.outcomes[E1, CAROL] == ("GRANTED", NOON + 5 * DAY)
    late = model.share(world, asks(BOB, DAVE, until=NOON + 2 * DAY), NOON)
    assert late.reasons == {"EXPIRY_BEYOND_OWN": {E1}}


def test_a_grant_is_gone_at_its_very_time():
    world = hospital()
    shares(world, OLGA, BOB, until=NOON + DAY)
    assert can(world, BOB, at=NOON + DAY - timedelta.resolution)
    assert not can(world, BOB, at=NOON + DAY)
    assert model.visible_to(world, BOB, NOON + DAY) == []
    request = UnshareRequest(actor=OLGA, exam=E1, recipient=BOB)
    assert model.unshare(world, request, NOON + DAY).codes == {"NO_SUCH_GRANT"}
    assert model.share(world, asks(OLGA, BOB, until=NOON), NOON).codes == {"EXPIRY_IN_PAST"}


def test_groups_in_groups_reach_everyone_in_them_once():
    world = hospital()
    world.add_group(TEAM, {BOB, CAROL})
    world.add_group(CLINIC, {TEAM, BOB, DAVE})
    done = model.share(world, asks(OLGA, CLINIC, TEAM), NOON)
    assert set(done.notices) == {BOB, CAROL, DAVE}
    world.add_group(TEAM, {ERIN})
    assert (can(world, CAROL), can(world, ERIN)) == (False, True)
    with pytest.raises(ValueError, match="team"):
        world.add_group(TEAM, {CLINIC})


def test_a_user_and_a_group_of_one_name_are_two_principals():
    world = hospital()
    world.add_group(GroupId("bob"), {CAROL})
    shares(world, OLGA, GroupId("bob"))
    assert (can(world, BOB), can(world, CAROL)) == (False, True)


def test_sharing_with_ones_own_group_is_no_way_to_keep_access():
    world = hospital()
    world.add_group(TEAM, {BOB, CAROL})
    shares(world, OLGA, BOB)
    shares(world, BOB, TEAM)
    unshares(world, OLGA, BOB)
    assert (can(world, BOB), can(world, CAROL)) == (False, True)


def test_inactive_people_hold_nothing_and_their_grants_count_throughout():
    world = hospital()
    shares(world, OLGA, BOB)
    shares(world, BOB, CAROL)
    world.add_user(OLGA, active=False)
    assert (can(world, OLGA), can(world, BOB), can(world, CAROL)) == (False, True, True)
    world.add_user(BOB, active=False)
    assert (can(world, BOB), can(world, CAROL)) == (False, True)
    assert unshares(world, BOB, CAROL).codes == {"EXAM_NOT_FOUND"}
    assert model.share(world, asks(CAROL, BOB), NOON).reasons == {"RECIPIENT_NOT_FOUND": {BOB}}
    world.add_user(BOB)
    assert can(world, BOB)


def test_an_inactive_grantor_still_lends_support():
    world = hospital()
    shares(world, OLGA, BOB)
    shares(world, BOB, CAROL)
    shares(world, OLGA, DAVE)
    world.add_user(BOB, active=False)
    done = unshares(world, OLGA, DAVE, reshares=CASCADE)
    assert len(done.ended) == 1
    assert can(world, CAROL)


def test_by_default_re_shares_outlive_their_source():
    world = hospital()
    shares(world, OLGA, BOB)
    (passed_on,) = shares(world, BOB, CAROL)
    done = unshares(world, OLGA, BOB)
    assert (can(world, BOB), can(world, CAROL)) == (False, True)
    assert done.left_standing == {passed_on}
    assert done.still_have_access == set()


def test_a_cascade_takes_a_circle_of_re_shares_with_it():
    world = hospital()
    shares(world, OLGA, BOB)
    shares(world, BOB, CAROL)
    shares(world, CAROL, DAVE)
    shares(world, DAVE, CAROL)
    (start,) = [grant.id for grant in world.grants.values() if grant.recipient == BOB]
    done = unshares(world, OLGA, BOB, reshares=CASCADE)
    assert done.ended == {start: How.UNSHARED, 2: How.CASCADED, 3: How.CASCADED, 4: How.CASCADED}
    assert not any(can(world, user) for user in (BOB, CAROL, DAVE))


def test_a_re_share_stands_while_its_grantor_has_another_way():
    world = hospital()
    world.add_group(TEAM, {BOB})
    shares(world, OLGA, BOB)
    shares(world, BOB, CAROL)
    shares(world, OLGA, TEAM)
    done = unshares(world, OLGA, BOB, reshares=CASCADE)
    assert len(done.ended) == 1
    assert (can(world, BOB), can(world, CAROL)) == (True, True)
    assert done.still_have_access == {BOB}


def test_a_receipt_tells_of_nobody_from_whom_the_act_took_nothing():
    world = hospital()
    world.add_group(TEAM, {OLGA, BOB})
    shares(world, OLGA, TEAM)
    shares(world, BOB, CAROL)
    done = narrows(world, OLGA, TEAM, until=NOON + DAY, reshares=CASCADE)
    assert len(done.ended) == 2
    assert done.still_have_access == set()


def test_a_cascade_leaves_of_a_re_share_what_is_still_supported():
    world = hospital()
    (first,) = shares(world, OLGA, BOB, permission=DOWNLOAD)
    (second,) = shares(world, BOB, CAROL, permission=DOWNLOAD)
    world.add_user(ERIN)
    shares(world, OLGA, ERIN)
    shares(world, ERIN, BOB)
    soon = NOON + DAY
    shares(world, OLGA, ERIN, permission=DOWNLOAD, until=soon)
    shares(world, ERIN, BOB, permission=DOWNLOAD)
    request = RevokeRequest(actor=OLGA, grant=GrantId(str(first)), reshares=CASCADE)
    done = model.revoke(world, request, NOON)
    assert done.ended == {first: How.UNSHARED, second: How.NARROWED}
    assert content(world, done.replacements[second]) == {
        (BOB, CAROL, VIEW, None, 2),
        (BOB, CAROL, DOWNLOAD, soon, 2),
    }
    assert all(world.grants[new].basis == {first} for new in done.replacements[second])


def test_a_view_that_would_not_outlast_the_download_is_not_made():
    world = hospital()
    (first,) = shares(world, OLGA, BOB, permission=DOWNLOAD)
    (second,) = shares(world, BOB, CAROL, permission=DOWNLOAD)
    done = narrows(world, OLGA, BOB, until=NOON + DAY, reshares=CASCADE)
    assert done.ended == {first: How.NARROWED, second: How.NARROWED}
    assert content(world, done.replacements[first]) == {(OLGA, BOB, DOWNLOAD, NOON + DAY, 1)}
    assert content(world, done.replacements[second]) == {(BOB, CAROL, DOWNLOAD, NOON + DAY, 2)}
    assert world.versions[E1] == 3


def test_what_rests_on_a_narrowed_grant_rests_on_its_replacement():
    world = hospital()
    shares(world, OLGA, BOB, permission=DOWNLOAD)
    (kept,) = shares(world, BOB, CAROL, permission=DOWNLOAD)
    narrows(world, OLGA, BOB, permission=VIEW)
    assert can(world, CAROL, DOWNLOAD)
    done = unshares(world, OLGA, BOB, reshares=CASCADE)
    assert done.ended[kept] is How.CASCADED


def test_what_lost_its_support_earlier_and_rests_on_nothing_that_ends_is_not_touched():
    world = hospital()
    shares(world, OLGA, BOB)
    shares(world, BOB, CAROL)
    unshares(world, OLGA, BOB)
    shares(world, OLGA, DAVE)
    unshares(world, OLGA, DAVE, reshares=CASCADE)
    assert can(world, CAROL)


def test_lineage_runs_through_grants_that_ended_before():
    world = hospital()
    shares(world, OLGA, BOB)
    shares(world, BOB, CAROL)
    shares(world, CAROL, DAVE)
    unshares(world, BOB, CAROL)
    assert can(world, DAVE)
    unshares(world, OLGA, BOB, reshares=CASCADE)
    assert not can(world, DAVE)


def test_restrict_refuses_where_a_cascade_would_do_more():
    world = hospital(Settings(reshares=RESTRICT))
    shares(world, OLGA, BOB)
    (passed_on,) = shares(world, BOB, CAROL)
    assert unshares(world, OLGA, BOB).reasons == {"HAS_RESHARES": {passed_on}}
    entries = model.access_list(world, OLGA, E1, NOON).entries
    assert (entries[BOB].can_unshare, entries[CAROL].can_unshare) == (False, True)
    assert isinstance(unshares(world, OLGA, CAROL), Ended)
    assert isinstance(unshares(world, OLGA, BOB), Ended)


def test_one_without_access_ends_their_own_and_is_told_of_no_other():
    world = hospital()
    shares(world, OLGA, BOB)
    (own,) = shares(world, BOB, CAROL)
    (other,) = shares(world, CAROL, DAVE)
    unshares(world, OLGA, BOB)
    assert unshares(world, BOB, DAVE).reasons == {"NO_SUCH_GRANT": frozenset()}
    assert unshares(world, BOB, CAROL, reshares=RESTRICT).reasons == {"HAS_RESHARES": frozenset()}
    # Nothing supports these two any more, but the one rests on the other.
    done = unshares(world, BOB, CAROL, reshares=CASCADE)
    assert done.ended == {own: How.UNSHARED, other: How.CASCADED}
    assert done.told_ended == {own}
    assert unshares(world, BOB, CAROL).reasons == {"NO_SUCH_GRANT": frozenset()}
    assert unshares(world, ERIN, CAROL).reasons == {"EXAM_NOT_FOUND": frozenset()}


def test_who_may_end_a_grant():
    world = hospital()
    world.add_group(TEAM, {CAROL, DAVE})
    shares(world, OLGA, BOB, CAROL)
    shares(world, BOB, CAROL, TEAM)
    assert unshares(world, CAROL, BOB).codes == {"NOT_GRANTOR_OR_OWNER"}
    assert unshares(world, CAROL, TEAM).codes == {"NOT_GRANTOR_OR_OWNER"}
    assert len(unshares(world, BOB, CAROL).ended) == 1
    assert len(unshares(world, CAROL, CAROL).ended) == 1
    assert unshares(world, OLGA, CAROL).reasons == {"NO_SUCH_GRANT": {TEAM}}
    world.members_visible = lambda _actor, _group: False
    assert unshares(world, OLGA, CAROL).reasons == {"NO_SUCH_GRANT": frozenset()}


def test_own_grants_only_hides_what_others_did():
    world = hospital(Settings(access_list="OWN_GRANTS"))
    shares(world, OLGA, BOB, CAROL)
    shares(world, BOB, DAVE)
    assert set(model.access_list(world, BOB, E1, NOON).entries) == {BOB, DAVE}
    assert set(model.access_list(world, OLGA, E1, NOON).entries) == {BOB, CAROL, DAVE}
    assert unshares(world, BOB, CAROL).codes == {"NO_SUCH_GRANT"}
    hidden = RevokeRequest(actor=BOB, grant=GrantId("2"))
    missing = attrs.evolve(hidden, grant=GrantId("99"))
    assert model.revoke(world, hidden, NOON).reasons == {"NO_SUCH_GRANT": {GrantId("2")}}
    assert model.revoke(world, missing, NOON).reasons == {"NO_SUCH_GRANT": {GrantId("99")}}


def test_narrowing_refuses_what_is_no_bound():
    world = hospital()
    shares(world, OLGA, BOB)
    assert narrows(world, OLGA, BOB, until=NOON).codes == {"EXPIRY_IN_PAST"}
    assert narrows(world, OLGA, BOB, permission=DOWNLOAD).codes == {"NO_SUCH_GRANT"}
    shares(world, OLGA, CAROL)
    assert narrows(world, CAROL, BOB, permission=VIEW).codes == {"NOT_GRANTOR_OR_OWNER"}


def test_only_the_owner_readmits_whom_the_owner_removed():
    world = hospital(Settings(only_owner_readmits=True))
    shares(world, OLGA, BOB, CAROL)
    unshares(world, OLGA, CAROL)
    assert model.share(world, asks(BOB, CAROL), NOON).reasons == {"REMOVED_BY_OWNER": {CAROL}}
    shares(world, OLGA, CAROL)
    unshares(world, CAROL, CAROL)
    assert isinstance(model.share(world, asks(BOB, CAROL), NOON), Shared)


def test_an_exam_that_changes_hands_leaves_the_former_owners_grants_as_they_are():
    world = hospital()
    shares(world, OLGA, BOB)
    world.change_hands(E1, DAVE)
    shares(world, BOB, CAROL)
    assert (can(world, OLGA), can(world, DAVE, DOWNLOAD), can(world, BOB)) == (False, True, True)
    assert unshares(world, CAROL, BOB).codes == {"NOT_GRANTOR_OR_OWNER"}
    done = unshares(world, OLGA, BOB, reshares=CASCADE)
    assert done.told_ended == {1}
    assert set(done.ended) == {1, 2}


def test_a_withdrawn_exam_is_found_by_nobody():
    world = hospital()
    shares(world, OLGA, BOB)
    assert model.withdraw(world, E1, NOON).ended == {1: How.WITHDRAWN}
    assert not can(world, OLGA)
    assert unshares(world, OLGA, BOB).codes == {"EXAM_NOT_FOUND"}
    before = world.copy()
    assert model.withdraw(world, E1, NOON).ended == {}
    assert world == before


def test_a_hidden_exam_is_found_by_nobody_and_has_its_grants_again_when_it_is_back():
    world = hospital()
    shares(world, OLGA, BOB)
    world.hide(E1, hidden=True)
    assert not can(world, OLGA)
    assert not can(world, BOB)
    assert unshares(world, OLGA, BOB).codes == {"EXAM_NOT_FOUND"}
    world.hide(E1, hidden=False)
    assert can(world, OLGA)
    assert can(world, BOB)


def test_the_host_ends_what_it_likes_on_a_hidden_exam_of_which_sharing_is_kept():
    world = hospital()
    shares(world, OLGA, BOB, CAROL)
    for exam in (E1, E2):
        world.hide(exam, hidden=True)
    assert model.end_by_host(world, BOB, E1, None, NOON).ended == {1: How.BY_HOST}
    assert model.withdraw(world, E1, NOON).ended == {2: How.WITHDRAWN}
    assert model.withdraw(world, E2, NOON).codes == {"EXAM_NOT_FOUND"}


def test_the_host_ends_a_principals_grants_everywhere():
    world = hospital()
    shares(world, OLGA, BOB, scope=Scope.BATCH)
    shares(world, BOB, CAROL)
    assert model.end_by_host(world, BOB, None, RESTRICT, NOON).codes == {"HAS_RESHARES"}
    done = model.end_by_host(world, BOB, None, CASCADE, NOON)
    assert sorted(how.value for how in done.ended.values()) == ["BY_HOST"] * 3 + ["CASCADED"]
    assert model.visible_to(world, BOB, NOON) == model.visible_to(world, CAROL, NOON) == []


def test_the_same_request_again_does_nothing_and_another_is_an_error():
    world = hospital()
    request = asks(OLGA, BOB, request_id="r1")
    first = model.share(world, request, NOON)
    unshares(world, OLGA, BOB)
    assert model.share(world, request, NOON) == attrs.evolve(first, repeated=True)
    assert model.preview(world, request, NOON) == model.Preview(repeated=True)
    assert not can(world, BOB)
    with pytest.raises(model.RequestIdReused):
        model.share(world, asks(OLGA, CAROL, request_id="r1"), NOON)
    refused = asks(BOB, CAROL, request_id="r1")
    assert isinstance(model.share(world, refused, NOON), Refused)
    shares(world, OLGA, BOB)
    assert isinstance(model.share(world, refused, NOON), Shared)


def test_a_notice_goes_to_those_who_gained_and_still_hold_and_want_it():
    world = hospital()
    world.add_group(TEAM, {OLGA, BOB, CAROL, DAVE})
    shares(world, OLGA, BOB)
    world.add_user(CAROL, notices=False)
    done = model.share(world, asks(OLGA, TEAM, until=NOON + DAY), NOON)
    assert set(done.notices) == {DAVE}
    assert done.notices[DAVE].until == NOON + DAY
    unshares(world, OLGA, TEAM)
    assert [notice.to for notice in model.deliver_notices(world, NOON)] == [BOB]


def test_a_preview_changes_nothing_and_says_who_gains_loses_and_keeps():
    world = hospital()
    world.add_group(TEAM, {BOB, CAROL})
    shares(world, OLGA, TEAM, permission=DOWNLOAD)
    before = world.copy()
    seen = model.preview(world, asks(OLGA, DAVE, attested=False), NOON)
    assert seen.refused.codes == {"ATTESTATION_MISSING"}
    assert seen.gains == {(DAVE, E1, VIEW): (NEVER, FOREVER)}
    assert world == before
    shares(world, OLGA, BOB)
    seen = model.preview(world, UnshareRequest(actor=OLGA, exam=E1, recipient=TEAM), NOON)
    gone = (FOREVER, NEVER)
    assert seen.losses == {
        (TEAM, E1, VIEW): gone,
        (TEAM, E1, DOWNLOAD): gone,
        (BOB, E1, DOWNLOAD): gone,
        (CAROL, E1, VIEW): gone,
        (CAROL, E1, DOWNLOAD): gone,
    }
    assert seen.keeps == {(BOB, E1, VIEW): (FOREVER, FOREVER)}


def test_a_preview_of_narrowing_counts_as_kept_what_is_held_beyond_the_bound():
    world = hospital()
    shares(world, OLGA, BOB, CAROL, permission=DOWNLOAD)
    shares(world, CAROL, BOB, permission=DOWNLOAD)
    request = NarrowRequest(actor=CAROL, exam=E1, recipient=BOB, permission=VIEW)
    seen = model.preview(world, request, NOON)
    assert (seen.gains, seen.losses) == ({}, {})
    assert seen.keeps == {(BOB, E1, DOWNLOAD): (FOREVER, FOREVER)}


def test_a_preview_says_no_more_than_its_actor_may_know():
    world = hospital(Settings(access_list="OWN_GRANTS"))
    world.add_group(TEAM, {CAROL, DAVE})
    world.members_visible = lambda actor, _group: actor == OLGA
    shares(world, OLGA, BOB, CAROL)
    seen = model.preview(world, asks(BOB, TEAM), NOON)
    assert seen.gains == {(TEAM, E1, VIEW): (NEVER, FOREVER)}
    seen = model.preview(world, asks(OLGA, TEAM), NOON)
    assert seen.gains.keys() == {(TEAM, E1, VIEW), (DAVE, E1, VIEW)}
    world.visible = lambda _actor, principal: principal != DAVE
    assert model.preview(world, asks(OLGA, TEAM), NOON).gains.keys() == {(TEAM, E1, VIEW)}
    seen = model.preview(world, asks(BOB, CAROL), NOON)
    assert seen.gains == {(CAROL, E1, VIEW): (NEVER, FOREVER)}


def named_hospital() -> World:
    world = hospital(Settings(suggestion_limit=3))
    world.add_user(BOB, name="Bob Ål", address="al@clinic.example")
    world.add_user(CAROL, name="ALMA Carol")
    world.add_user(DAVE, name="Al")
    world.add_user(ERIN, name="Erin Smith-Albers")
    world.add_group(TEAM, {BOB}, name="Team Álava")
    return world


def test_recipients_are_listed_by_name_without_the_actor_the_owner_and_whom_nobody_finds():
    world = named_hospital()
    shares(world, OLGA, BOB, TEAM, permission=DOWNLOAD)
    choices = model.recipients(world, BOB, E1, NOON)
    assert [each.principal for each in choices] == [DAVE, CAROL, ERIN, TEAM]
    assert choices[-1].held == {VIEW: None, DOWNLOAD: None}
    world.add_user(CAROL, active=False, name="ALMA Carol")
    world.visible = lambda _actor, principal: principal != TEAM
    assert [each.principal for each in model.recipients(world, BOB, E1, NOON)] == [DAVE, ERIN]
    assert model.recipients(world, CAROL, E1, NOON) == []


def test_suggestions_are_exact_then_begin_so_then_have_a_word_that_does():
    world = named_hospital()

    def suggested(typed: str) -> list[PrincipalId]:
        return [each.principal for each in model.suggestions(world, OLGA, E1, typed, NOON)]

    assert suggested("AL") == [DAVE, CAROL, BOB]
    assert suggested("al\N{COMBINING ACUTE ACCENT}a") == [TEAM]
    assert suggested("Bob Ål") == [BOB]
    assert suggested("clinic") == []
    assert suggested("a") == []


def test_of_several_ways_the_shortest_count():
    world = hospital()
    world.add_group(TEAM, {BOB})
    other = GroupId("other")
    world.add_group(other, {BOB})
    world.add_group(CLINIC, {TEAM, other})
    assert model.shortest_ways(world, BOB, CLINIC) == {(BOB, TEAM, CLINIC), (BOB, other, CLINIC)}
    world.add_group(CLINIC, {TEAM, other, BOB})
    assert model.shortest_ways(world, BOB, CLINIC) == {(BOB, CLINIC)}
    assert model.shortest_ways(world, BOB, BOB) == {(BOB,)}
    assert model.shortest_ways(world, CAROL, CLINIC) == frozenset()
