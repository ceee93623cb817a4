"""SPEC 3: unsharing, ending one grant, and what becomes of re-shares."""

import pytest

from exam_sharing import (
    AccessListScope,
    EndedAs,
    GrantId,
    GroupId,
    HowEnded,
    Outcome,
    Reason,
    ReasonCode,
    Reshares,
    RevokeRequest,
    UserId,
)
from exam_sharing.events import GrantsEnded
from world import (
    ANNA,
    BEN,
    CARLA,
    CLINIC,
    CT,
    DAN,
    DAY,
    DOWNLOAD,
    EVA,
    MR,
    NO_EXAM,
    NURSES,
    START,
    VIEW,
    World,
    codes,
    refusal,
)

pytestmark = pytest.mark.every_store

FAYE = UserId("faye")


def chain(*people, **more):
    """Return a world in which each of some people passed the exam on to the next."""
    world = World(**more)
    world.person(FAYE)
    for giver, taker in zip((ANNA, *people), people, strict=False):
        world.share(giver, CT, taker)
    return world


def holders(world, exam=CT):
    return {user for user in (BEN, CARLA, DAN, EVA, FAYE) if world.can_view(user, exam)}


def endings(world, exam=CT):
    """Return how each grant on the exam ended, by grantor and recipient."""
    past = world.store.read((exam,), ended=True)[exam].ended
    return {(each.grant.grantor, each.grant.recipient): each.ending for each in past}


# Who may.


def test_a_grantor_ends_the_grants_that_they_made():
    world = chain(BEN, CARLA)

    receipt = world.unshare(BEN, CT, CARLA)

    assert [grant.recipient for grant in receipt.ended] == [CARLA]
    assert holders(world) == {BEN}


def test_a_grantor_ends_their_own_grants_only():
    world = World()
    world.share(ANNA, CT, BEN, CARLA, DAN)
    world.share(BEN, CT, EVA)
    world.share(CARLA, CT, EVA)

    receipt = world.unshare(BEN, CT, EVA)

    assert [grant.grantor for grant in receipt.ended] == [BEN]
    assert world.can_view(EVA, CT)


def test_a_grantor_ends_their_grants_even_after_losing_access():
    world = chain(BEN, CARLA)
    world.unshare(ANNA, CT, BEN)

    world.unshare(BEN, CT, CARLA)

    assert holders(world) == set()


def test_a_grantor_ends_their_grants_even_after_losing_their_plan():
    world = chain(BEN, CARLA)
    world.person(BEN, sharing_in_plan=False)

    world.unshare(BEN, CT, CARLA)

    assert not world.can_view(CARLA, CT)


def test_a_former_owner_ends_the_grants_that_they_made():
    world = chain(BEN)
    world.transfer(CT, CARLA)

    world.unshare(ANNA, CT, BEN)

    assert not world.can_view(BEN, CT)


def test_a_former_owner_may_not_end_what_others_gave():
    world = chain(BEN, DAN)
    world.transfer(CT, CARLA)

    assert codes(refusal(world.unshare, ANNA, CT, DAN)) == [ReasonCode.NO_SUCH_GRANT]


def test_the_owner_ends_any_grant_whoever_made_it():
    world = World()
    world.share(ANNA, CT, BEN, CARLA)
    world.share(BEN, CT, DAN)
    world.share(CARLA, CT, DAN)

    receipt = world.unshare(ANNA, CT, DAN)

    assert {grant.grantor for grant in receipt.ended} == {BEN, CARLA}
    assert not world.can_view(DAN, CT)


def test_the_new_owner_ends_what_the_former_owner_gave():
    world = chain(BEN)
    world.transfer(CT, CARLA)

    world.unshare(CARLA, CT, BEN)

    assert not world.can_view(BEN, CT)


def test_a_user_gives_up_every_grant_made_to_themselves():
    world = World()
    world.share(ANNA, CT, BEN, CARLA)
    world.share(CARLA, CT, BEN)

    receipt = world.unshare(BEN, CT, BEN)

    assert {grant.grantor for grant in receipt.ended} == {ANNA, CARLA}
    assert not world.can_view(BEN, CT)


def test_giving_up_does_not_end_what_a_group_was_given():
    world = World()
    world.share(ANNA, CT, DAN, NURSES)

    receipt = world.unshare(DAN, CT, DAN)

    assert [grant.recipient for grant in receipt.ended] == [DAN]
    assert world.can_view(DAN, CT)


def test_a_member_may_not_end_a_grant_to_their_group_for_its_others():
    world = World()
    world.share(ANNA, CT, NURSES)

    assert codes(refusal(world.unshare, DAN, CT, NURSES)) == [ReasonCode.NOT_GRANTOR_OR_OWNER]
    assert world.can_view(EVA, CT)


def test_without_access_and_without_a_grant_of_ones_own_the_exam_is_not_found():
    world = chain(BEN)

    for exam in (CT, NO_EXAM):
        assert codes(refusal(world.unshare, CARLA, exam, BEN)) == [ReasonCode.EXAM_NOT_FOUND]


def test_without_access_a_grantor_sees_their_own_grants_and_nothing_else():
    world = chain(BEN, CARLA)
    world.share(ANNA, CT, DAN)
    world.unshare(ANNA, CT, BEN)

    assert codes(refusal(world.unshare, BEN, CT, DAN)) == [ReasonCode.NO_SUCH_GRANT]
    assert codes(refusal(world.unshare, BEN, CT, BEN)) == [ReasonCode.NO_SUCH_GRANT]
    assert codes(refusal(world.narrow, BEN, CT, DAN, permission=VIEW)) == [ReasonCode.NO_SUCH_GRANT]
    assert world.unshare(BEN, CT, CARLA).ended


def test_a_grant_of_ones_own_that_ended_still_counts_as_having_shared():
    world = chain(BEN, CARLA)
    world.unshare(BEN, CT, CARLA)
    world.unshare(ANNA, CT, BEN)

    assert codes(refusal(world.unshare, BEN, CT, CARLA)) == [ReasonCode.NO_SUCH_GRANT]


# What it does.


def test_unsharing_takes_effect_at_once():
    world = chain(BEN)
    viewer = world.sharing.viewer(BEN)

    world.unshare(ANNA, CT, BEN)

    assert not viewer.can(VIEW, CT)
    assert world.sharing.shared_with(BEN).items == ()
    assert world.sharing.tabs(BEN, CT) == frozenset()


def test_unsharing_one_exam_leaves_the_others():
    world = chain(BEN)
    world.share(ANNA, MR, BEN)

    world.unshare(ANNA, CT, BEN)

    assert world.can_view(BEN, MR)


def test_afterwards_the_same_share_can_be_made_again():
    world = chain(BEN)
    world.unshare(ANNA, CT, BEN)

    (outcome,) = world.share(ANNA, CT, BEN).outcomes

    assert outcome.outcome is Outcome.GRANTED
    assert world.can_view(BEN, CT)


def test_how_it_ended_is_recorded_beside_the_grant_and_nothing_is_deleted():
    world = chain(BEN)
    grant = world.grant_to(BEN)
    world.wait(DAY)
    world.unshare(ANNA, CT, BEN)

    (past,) = world.store.read((CT,), ended=True)[CT].ended

    assert past.grant == grant
    assert (past.ending.grant, past.ending.how) == (grant.id, HowEnded.UNSHARED)
    assert (past.ending.by, past.ending.acting_as) == (ANNA, EndedAs.OWNER)
    assert (past.ending.at, past.ending.version) == (START + DAY, 2)
    assert past.ending.replaced_by == ()


@pytest.mark.parametrize(
    ("actor", "acting_as"),
    [(ANNA, EndedAs.OWNER), (BEN, EndedAs.GRANTOR), (CARLA, EndedAs.RECIPIENT)],
    ids=["owner", "grantor", "recipient"],
)
def test_in_which_capacity_it_was_ended_is_recorded(actor, acting_as):
    world = chain(BEN, CARLA)

    world.unshare(actor, CT, CARLA)

    ending = endings(world)[BEN, CARLA]
    assert (ending.by, ending.acting_as) == (actor, acting_as)


def test_an_end_of_grants_is_audited():
    world = chain(BEN)
    receipt = world.unshare(ANNA, CT, BEN, performed_by="secretary")

    event = world.store.events()[-1]

    assert isinstance(event, GrantsEnded)
    assert [each.grant.id for each in event.ended] == [each.id for each in receipt.ended]
    assert event.versions == {CT: 2}
    assert event.request.performed_by == UserId("secretary")


def test_a_refused_end_of_grants_changes_nothing_and_is_audited():
    world = chain(BEN, CARLA)
    before = world.state()

    reasons = refusal(world.unshare, CARLA, CT, BEN)

    assert world.state() == before
    assert world.store.events()[-1].reasons == reasons


def test_unsharing_tells_nobody():
    world = chain(BEN)
    world.told()

    world.unshare(ANNA, CT, BEN)

    assert world.sharing.admin.deliver_notices() == 0
    assert world.told() == {}


def test_the_receipt_says_when_it_was_done():
    world = World()
    world.share(ANNA, CT, BEN)
    world.wait(DAY)

    assert world.unshare(ANNA, CT, BEN).at == START + DAY


def test_the_receipt_says_who_still_has_access_by_another_path():
    world = World()
    world.share(ANNA, CT, DAN, NURSES)

    receipt = world.unshare(ANNA, CT, DAN)

    assert receipt.still_have_access == (DAN,)


def test_the_receipt_of_unsharing_a_group_names_the_members_who_still_have_access():
    world = World()
    world.share(ANNA, CT, DAN, NURSES)

    receipt = world.unshare(ANNA, CT, NURSES)

    assert receipt.still_have_access == (DAN,)


def test_members_are_named_only_where_the_actor_may_see_them():
    world = World(members_visible=lambda actor, group: False)
    world.share(ANNA, CT, DAN, NURSES)

    assert world.unshare(ANNA, CT, NURSES).still_have_access == ()


def test_a_path_through_a_group_that_the_actor_may_not_look_into_is_not_told():
    world = World(members_visible=lambda actor, group: False)
    world.share(ANNA, CT, DAN, NURSES)

    assert world.unshare(ANNA, CT, DAN).still_have_access == ()
    assert world.can_view(DAN, CT)


def test_nobody_still_has_access_where_there_was_one_way_only():
    assert chain(BEN).unshare(ANNA, CT, BEN).still_have_access == ()


# One grant.


def test_one_of_several_grants_is_ended_by_its_id():
    world = World()
    world.share(ANNA, CT, BEN, CARLA)
    world.share(CARLA, CT, BEN)
    of_anna, of_carla = (g for g in world.grants(CT) if g.recipient == BEN)

    receipt = world.sharing.revoke(RevokeRequest(actor=ANNA, grant=of_anna.id))

    assert [each.id for each in receipt.ended] == [of_anna.id]
    assert of_carla in world.grants(CT)
    assert receipt.still_have_access == (BEN,)


def test_a_grantor_ends_one_of_their_grants_by_its_id_after_losing_access():
    world = chain(BEN, CARLA)
    grant = world.grant_to(CARLA).id
    world.unshare(ANNA, CT, BEN)

    assert world.sharing.revoke(RevokeRequest(actor=BEN, grant=grant)).ended
    assert not world.can_view(CARLA, CT)


def test_a_recipient_gives_up_one_grant_by_its_id():
    world = chain(BEN)

    world.sharing.revoke(RevokeRequest(actor=BEN, grant=world.grant_to(BEN).id))

    assert not world.can_view(BEN, CT)
    assert endings(world)[ANNA, BEN].acting_as is EndedAs.RECIPIENT


def test_one_grant_is_ended_with_a_cascade():
    world = chain(BEN, CARLA)

    receipt = world.sharing.revoke(
        RevokeRequest(actor=ANNA, grant=world.grant_to(BEN).id, reshares=Reshares.CASCADE)
    )

    assert len(receipt.ended) == 2
    assert holders(world) == set()


def test_an_unknown_grant_is_one_answer():
    reasons = refusal(World().sharing.revoke, RevokeRequest(actor=ANNA, grant=GrantId("unknown")))

    assert codes(reasons) == [ReasonCode.NO_SUCH_GRANT]
    assert reasons[0].grants == (GrantId("unknown"),)


# What becomes of re-shares: keep.


def test_by_default_each_grant_stands_until_somebody_unshares_it():
    world = chain(BEN, CARLA, DAN)

    receipt = world.unshare(ANNA, CT, BEN)

    assert holders(world) == {CARLA, DAN}
    assert [grant.recipient for grant in receipt.ended] == [BEN]


def test_the_receipt_says_what_was_left_standing_that_was_passed_on():
    world = chain(BEN, CARLA, DAN)

    receipt = world.unshare(ANNA, CT, BEN)

    assert [grant.recipient for grant in receipt.left_standing] == [CARLA]


def test_what_was_passed_on_by_another_grant_is_not_said_to_be_left():
    world = World()
    world.share(ANNA, CT, BEN, CARLA)
    world.share(BEN, CT, DAN)

    assert world.unshare(ANNA, CT, CARLA).left_standing == ()


def test_what_others_passed_on_whose_grants_ended_with_it_is_not_said_to_be_left():
    world = chain(BEN, CARLA, DAN)
    world.share(ANNA, CT, CARLA)

    receipt = world.unshare(ANNA, CT, BEN, reshares=Reshares.CASCADE)

    assert [grant.recipient for grant in receipt.ended] == [BEN, CARLA]
    assert receipt.left_standing == ()
    assert holders(world) == {CARLA, DAN}


def test_what_was_passed_on_before_a_narrowing_is_left_standing_too():
    world = World()
    world.share(ANNA, CT, BEN, permission=DOWNLOAD)
    world.share(BEN, CT, CARLA)
    world.narrow(ANNA, CT, BEN, permission=VIEW)

    receipt = world.unshare(ANNA, CT, BEN)

    assert [grant.recipient for grant in receipt.left_standing] == [CARLA]


def test_what_rested_on_two_grants_is_left_standing_by_either_though_one_was_narrowed():
    world = World()
    world.share(ANNA, CT, BEN)
    of_anna = world.grant_to(BEN)
    world.share(ANNA, CT, CARLA, permission=DOWNLOAD)
    world.share(CARLA, CT, BEN, permission=DOWNLOAD)
    world.share(BEN, CT, DAN)
    world.narrow(CARLA, CT, BEN, permission=VIEW)

    receipt = world.sharing.revoke(RevokeRequest(actor=ANNA, grant=of_anna.id))

    assert [each.id for each in receipt.left_standing] == [world.grant_to(DAN).id]


def test_under_a_limited_access_list_a_recipient_is_not_told_what_others_passed_on():
    world = World(access_list=AccessListScope.OWN_GRANTS)
    world.share(ANNA, CT, BEN)
    world.share(BEN, CT, NURSES)
    world.share(DAN, CT, CARLA)

    receipt = world.unshare(BEN, CT, NURSES)

    assert receipt.left_standing == ()
    assert world.can_view(CARLA, CT)


# What becomes of re-shares: cascade.


def test_a_cascade_ends_what_has_lost_its_support():
    world = chain(BEN, CARLA, DAN)

    receipt = world.unshare(ANNA, CT, BEN, reshares=Reshares.CASCADE)

    assert holders(world) == set()
    assert [grant.recipient for grant in receipt.ended] == [BEN, CARLA, DAN]
    assert receipt.left_standing == ()


def test_what_a_cascade_ends_is_recorded_as_cascaded_by_the_same_actor():
    world = chain(BEN, CARLA)

    world.unshare(ANNA, CT, BEN, reshares=Reshares.CASCADE)

    assert {pair: ending.how for pair, ending in endings(world).items()} == {
        (ANNA, BEN): HowEnded.UNSHARED,
        (BEN, CARLA): HowEnded.CASCADED,
    }
    assert {ending.by for ending in endings(world).values()} == {ANNA}
    assert {ending.version for ending in endings(world).values()} == {3}


def test_a_reshare_stands_as_long_as_its_grantor_has_another_way_to_hold_it():
    world = World()
    world.share(ANNA, CT, BEN, CARLA)
    world.share(CARLA, CT, BEN)
    world.share(BEN, CT, DAN)

    world.unshare(CARLA, CT, BEN, reshares=Reshares.CASCADE)
    world.sharing.revoke(
        RevokeRequest(actor=ANNA, grant=world.grant_to(CARLA).id, reshares=Reshares.CASCADE)
    )

    assert holders(world) == {BEN, DAN}


def test_order_does_not_matter_a_later_way_supports_an_earlier_reshare():
    world = chain(BEN, DAN)
    world.share(ANNA, CT, CARLA)
    world.share(CARLA, CT, BEN)
    of_anna = next(g for g in world.grants(CT) if (g.grantor, g.recipient) == (ANNA, BEN))

    world.sharing.revoke(RevokeRequest(actor=ANNA, grant=of_anna.id, reshares=Reshares.CASCADE))

    assert holders(world) == {BEN, CARLA, DAN}


def test_a_way_through_a_group_supports_a_reshare():
    world = World()
    ward = GroupId("ward")
    world.group(ward, BEN)
    world.share(ANNA, CT, BEN, ward)
    world.share(BEN, CT, DAN)

    world.unshare(ANNA, CT, BEN, reshares=Reshares.CASCADE)

    assert holders(world) == {BEN, DAN}


def test_a_circle_supports_nothing():
    world = chain(BEN, CARLA)
    world.share(CARLA, CT, BEN)

    world.sharing.revoke(
        RevokeRequest(
            actor=ANNA,
            grant=next(g.id for g in world.grants(CT) if g.grantor == ANNA),
            reshares=Reshares.CASCADE,
        )
    )

    assert holders(world) == set()


def test_a_grant_to_ones_own_group_does_not_support_ones_reshare():
    world = World()
    world.share(ANNA, CT, DAN)
    world.share(DAN, CT, NURSES)
    world.share(DAN, CT, BEN)

    world.unshare(ANNA, CT, DAN, reshares=Reshares.CASCADE)

    assert holders(world) == set()


def test_what_a_former_owner_gave_is_supported_by_its_basis():
    world = chain(BEN, CARLA)
    world.transfer(CT, DAN)
    world.share(DAN, CT, EVA)

    world.unshare(DAN, CT, EVA, reshares=Reshares.CASCADE)

    assert holders(world) >= {BEN, CARLA}


def test_an_inactive_grantor_supports_what_they_passed_on():
    world = chain(BEN, CARLA, DAN)
    world.person(BEN, active=False)
    world.share(ANNA, CT, EVA)

    world.unshare(ANNA, CT, EVA, reshares=Reshares.CASCADE)

    assert holders(world) == {CARLA, DAN}


def test_a_way_of_an_inactive_grantor_through_a_group_supports_what_they_passed_on():
    world = World()
    world.share(ANNA, CT, DAN, NURSES)
    world.share(DAN, CT, BEN)
    world.person(DAN, active=False)

    receipt = world.unshare(ANNA, CT, DAN, reshares=Reshares.CASCADE)

    assert [grant.recipient for grant in receipt.ended] == [DAN]
    assert holders(world) == {BEN, EVA}


def test_a_cascade_leaves_alone_what_lost_its_support_by_an_earlier_keep():
    world = chain(BEN, CARLA)
    world.share(ANNA, CT, DAN)
    world.share(DAN, CT, EVA)
    world.unshare(ANNA, CT, BEN)

    world.unshare(ANNA, CT, DAN, reshares=Reshares.CASCADE)

    assert holders(world) == {CARLA}


def test_a_cascade_reaches_what_rests_on_the_named_grant_even_without_support_before():
    world = chain(BEN, CARLA, DAN)
    world.unshare(ANNA, CT, BEN)

    world.unshare(ANNA, CT, CARLA, reshares=Reshares.CASCADE)

    assert holders(world) == set()


def test_a_cascade_reaches_what_rests_on_any_of_the_grants_that_it_ends():
    world = World()
    world.share(ANNA, CT, BEN)
    world.share(BEN, CT, DAN)
    world.share(DAN, CT, EVA)
    world.unshare(ANNA, CT, DAN)
    world.share(ANNA, CT, CARLA)
    world.share(CARLA, CT, BEN)
    world.share(BEN, CT, NURSES)

    world.unshare(ANNA, CT, BEN, reshares=Reshares.CASCADE)

    assert holders(world) == {CARLA}


def test_a_cascade_ends_what_a_later_way_supported_beside_what_nothing_supported():
    world = World()
    world.share(ANNA, CT, BEN, permission=DOWNLOAD)
    world.share(BEN, CT, CARLA, permission=DOWNLOAD)
    world.share(BEN, CT, DAN)
    world.unshare(ANNA, CT, BEN)
    world.share(ANNA, CT, BEN)

    world.unshare(ANNA, CT, BEN, reshares=Reshares.CASCADE)

    assert holders(world) == {CARLA}


def test_a_cascade_follows_every_branch_that_a_later_way_supported():
    world = chain()
    world.share(ANNA, CT, BEN)
    world.share(BEN, CT, CARLA, DAN)
    world.share(CARLA, CT, EVA)
    world.share(DAN, CT, FAYE)
    world.unshare(ANNA, CT, BEN)
    world.share(ANNA, CT, BEN)

    world.unshare(ANNA, CT, BEN, reshares=Reshares.CASCADE)

    assert holders(world) == set()


def test_what_nothing_supports_supports_nothing_in_a_cascade_that_does_not_reach_it():
    world = World()
    world.share(ANNA, CT, DAN)
    world.share(DAN, CT, BEN)
    world.unshare(ANNA, CT, DAN)
    world.share(ANNA, CT, BEN)
    world.share(BEN, CT, CARLA)
    of_anna = next(g for g in world.grants(CT) if (g.grantor, g.recipient) == (ANNA, BEN))

    world.sharing.revoke(RevokeRequest(actor=ANNA, grant=of_anna.id, reshares=Reshares.CASCADE))

    assert holders(world) == {BEN}


def test_a_cascade_leaves_what_another_way_supports_whoever_else_has_passed_on():
    world = World()
    world.share(ANNA, CT, DAN, NURSES, CARLA)
    world.share(DAN, CT, BEN)
    world.share(CARLA, CT, EVA)

    world.unshare(ANNA, CT, DAN, reshares=Reshares.CASCADE)

    assert {grant.recipient for grant in world.grants(CT)} == {NURSES, CARLA, BEN, EVA}


def test_a_reshare_keeps_for_as_long_as_it_is_still_supported():
    world = World()
    world.share(ANNA, CT, BEN, CLINIC)
    world.share(CARLA, CT, BEN, until=START + DAY)
    world.share(BEN, CT, EVA)
    of_anna = next(g for g in world.grants(CT) if (g.grantor, g.recipient) == (ANNA, BEN))

    receipt = world.sharing.revoke(
        RevokeRequest(actor=ANNA, grant=of_anna.id, reshares=Reshares.CASCADE)
    )

    (left,) = receipt.replacements
    assert (left.grantor, left.recipient) == (BEN, EVA)
    assert (left.permission, left.until) == (VIEW, START + DAY)
    assert endings(world)[BEN, EVA].how is HowEnded.NARROWED
    assert endings(world)[BEN, EVA].replaced_by == (left.id,)


def test_a_reshare_is_kept_in_one_grant_for_each_permission_still_supported():
    world = World()
    world.share(ANNA, CT, BEN, permission=DOWNLOAD)
    world.share(ANNA, CT, CARLA, permission=DOWNLOAD)
    world.share(CARLA, CT, BEN, until=START + 2 * DAY)
    world.share(CARLA, CT, BEN, permission=DOWNLOAD, until=START + DAY)
    world.share(BEN, CT, DAN, permission=DOWNLOAD)
    of_anna = next(g for g in world.grants(CT) if (g.grantor, g.recipient) == (ANNA, BEN))
    before = world.grant_to(DAN)

    receipt = world.sharing.revoke(
        RevokeRequest(actor=ANNA, grant=of_anna.id, reshares=Reshares.CASCADE)
    )

    kept = [each for each in world.grants(CT) if each.recipient == DAN]
    assert {(left.permission, left.until) for left in receipt.replacements} == {
        (DOWNLOAD, START + DAY),
        (VIEW, START + 2 * DAY),
    }
    assert {each.id for each in receipt.replacements} == {each.id for each in kept}
    assert {(each.version, each.basis) for each in kept} == {(before.version, before.basis)}


def test_the_policy_says_what_becomes_of_reshares_where_nothing_is_asked_for():
    world = chain(BEN, CARLA, reshares=Reshares.CASCADE)

    world.unshare(ANNA, CT, BEN)

    assert holders(world) == set()


def test_what_is_asked_for_wins_over_the_policy():
    world = chain(BEN, CARLA, reshares=Reshares.CASCADE)

    world.unshare(ANNA, CT, BEN, reshares=Reshares.KEEP)

    assert holders(world) == {CARLA}


def test_someone_without_access_ends_others_grants_with_their_own_and_is_told_of_their_own_only():
    world = chain(BEN, CARLA, DAN)
    world.unshare(ANNA, CT, BEN)

    receipt = world.unshare(BEN, CT, CARLA, reshares=Reshares.CASCADE)

    assert [grant.recipient for grant in receipt.ended] == [CARLA]
    assert holders(world) == set()


def test_a_cascade_in_one_exam_leaves_the_others():
    world = chain(BEN, CARLA)
    world.share(ANNA, MR, BEN)
    world.share(BEN, MR, CARLA)

    world.unshare(ANNA, CT, BEN, reshares=Reshares.CASCADE)

    assert holders(world, MR) == {BEN, CARLA}


# What becomes of re-shares: restrict.


def test_someone_without_access_is_told_of_no_reshares_even_of_their_own():
    world = World()
    for actor, recipient in ((ANNA, CARLA), (CARLA, BEN), (BEN, CARLA), (CARLA, DAN)):
        world.share(actor, CT, recipient)
    world.unshare(ANNA, CT, CARLA)

    reasons = refusal(world.unshare, CARLA, CT, BEN, reshares=Reshares.RESTRICT)

    assert reasons == (Reason(code=ReasonCode.HAS_RESHARES),)


def test_restricted_unsharing_where_there_is_no_grant_is_refused_for_that_alone():
    world = World()

    reasons = refusal(world.unshare, ANNA, CT, BEN, reshares=Reshares.RESTRICT)

    assert codes(reasons) == [ReasonCode.NO_SUCH_GRANT]


def test_restricted_unsharing_goes_through_where_nothing_rests_on_it():
    world = chain(BEN)

    world.unshare(ANNA, CT, BEN, reshares=Reshares.RESTRICT)

    assert holders(world) == set()


def test_restricted_unsharing_changes_nothing_where_something_rests_on_it():
    world = chain(BEN, CARLA)
    before = world.state()

    assert codes(refusal(world.unshare, ANNA, CT, BEN, reshares=Reshares.RESTRICT)) == [
        ReasonCode.HAS_RESHARES
    ]
    assert world.state() == before


def test_of_a_group_that_the_directory_is_silent_about_nobody_is_named(monkeypatch):
    world = World()
    world.group(NURSES, DAN)
    world.share(ANNA, CT, BEN, NURSES)
    monkeypatch.setattr(type(world.directory), "members_seen_by", lambda *_: {})

    assert refusal(world.unshare, ANNA, CT, DAN) == (Reason(code=ReasonCode.NO_SUCH_GRANT),)
    world.unshare(ANNA, CT, NURSES)
    assert holders(world) == {BEN}
