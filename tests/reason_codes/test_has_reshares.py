"""`HAS_RESHARES`: a cascade would end or narrow more, and the act was told not to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_sharing import (
    GroupId,
    Reason,
    ReasonCode,
    Reshares,
    UnshareRequest,
    UserId,
)
from world import ANNA, BEN, CARLA, CT, DAN, EVA, World

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
