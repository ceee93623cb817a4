"""`HAS_RESHARES`: a cascade would end or narrow more, and the act was told not to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_sharing import (
    GroupId,
    NarrowRequest,
    Reason,
    ReasonCode,
    Reshares,
    RevokeRequest,
    UnshareRequest,
    UserId,
)
from world import ANNA, BEN, CARLA, CT, DAN, DAY, DOWNLOAD, EVA, START, VIEW, World, refusal

pytestmark = pytest.mark.every_store


def has_reshares(*grants):
    return (Reason(code=ReasonCode.HAS_RESHARES, grants=tuple(each.id for each in grants)),)


@pytest.mark.reason_code(ReasonCode.HAS_RESHARES)
@given(
    passed_on=st.lists(st.sampled_from([CARLA, DAN, EVA]), unique=True),
    further=st.booleans(),
    other_way=st.booleans(),
    reshares=st.sampled_from(Reshares),
)
def test_unsharing_is_refused_exactly_when_told_not_to_end_more_and_more_would_end(
    passed_on, further, other_way, reshares
):
    """Hold the rule of SPEC 3.

    "`RESTRICT`: refused with `HAS_RESHARES` if a cascade would end or narrow anything
    more."
    """
    world = World()
    ward = _group_of_ben(world)
    world.share(ANNA, CT, BEN)
    if other_way:
        world.share(ANNA, CT, ward)
    for user in passed_on:
        world.share(BEN, CT, user)
    if further and passed_on:
        _share_on(world, passed_on[0])
    more = [each for each in world.grants(CT) if each.grantor != ANNA]

    reasons = world.reasons(UnshareRequest(actor=ANNA, exam=CT, recipient=BEN, reshares=reshares))

    refused = reshares is Reshares.RESTRICT and bool(more) and not other_way
    assert reasons == (has_reshares(*more) if refused else ())


def _group_of_ben(world):
    ward = GroupId("ward")
    world.group(ward, BEN)
    return ward


def _share_on(world, user):
    friend = UserId("friend")
    world.person(friend)
    world.share(user, CT, friend)


def test_narrowing_is_refused_when_a_reshare_reaches_beyond_the_bound():
    world = World()
    world.share(ANNA, CT, BEN, permission=DOWNLOAD)
    world.share(BEN, CT, CARLA, permission=DOWNLOAD)
    world.share(BEN, CT, DAN)

    reasons = refusal(world.narrow, ANNA, CT, BEN, permission=VIEW, reshares=Reshares.RESTRICT)

    assert reasons == has_reshares(world.grant_to(CARLA))


def test_narrowing_goes_through_when_every_reshare_keeps_within_the_bound():
    world = World()
    world.share(ANNA, CT, BEN, permission=DOWNLOAD)
    world.share(BEN, CT, CARLA, until=START + DAY)
    request = NarrowRequest(
        actor=ANNA, exam=CT, recipient=BEN, permission=VIEW, reshares=Reshares.RESTRICT
    )

    assert world.reasons(request) == ()


def test_ending_one_grant_is_refused_in_the_same_way():
    world = World()
    world.share(ANNA, CT, BEN)
    world.share(BEN, CT, CARLA)

    reasons = refusal(
        world.sharing.revoke,
        RevokeRequest(actor=ANNA, grant=world.grant_to(BEN).id, reshares=Reshares.RESTRICT),
    )

    assert reasons == has_reshares(world.grant_to(CARLA))


def test_the_policy_says_what_becomes_of_reshares_where_the_request_does_not():
    world = World(reshares=Reshares.RESTRICT)
    world.share(ANNA, CT, BEN)
    world.share(BEN, CT, CARLA)

    assert refusal(world.unshare, ANNA, CT, BEN) == has_reshares(world.grant_to(CARLA))
    assert len(world.unshare(ANNA, CT, BEN, reshares=Reshares.KEEP).ended) == 1


def test_someone_without_access_is_told_no_parameters():
    world = World()
    world.share(ANNA, CT, BEN)
    world.share(BEN, CT, CARLA)
    world.share(CARLA, CT, DAN)
    world.unshare(ANNA, CT, BEN)

    reasons = refusal(world.unshare, BEN, CT, CARLA, reshares=Reshares.RESTRICT)

    assert reasons == has_reshares()


def test_the_host_is_restricted_in_the_same_way():
    world = World()
    world.share(ANNA, CT, BEN)
    world.share(BEN, CT, CARLA)

    reasons = refusal(
        world.sharing.admin.end_by_host,
        recipient=BEN,
        reshares=Reshares.RESTRICT,
        performed_by="admin",
        why="left",
    )

    assert reasons == has_reshares(world.grant_to(CARLA))
