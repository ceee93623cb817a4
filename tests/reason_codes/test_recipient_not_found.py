"""`RECIPIENT_NOT_FOUND`: a recipient does not exist, is inactive, or may not be seen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_sharing import GroupId, Reason, ReasonCode
from world import ANNA, BEN, CARLA, CLINIC, CT, DAN, EVA, NOBODY, NURSES, World, share_request

pytestmark = pytest.mark.every_store

NO_GROUP = GroupId("no-group")
EVERYONE = [BEN, CARLA, DAN, EVA, NURSES, CLINIC, NOBODY, NO_GROUP]


@pytest.mark.reason_code(ReasonCode.RECIPIENT_NOT_FOUND)
@given(
    recipients=st.lists(st.sampled_from(EVERYONE), min_size=1, unique=True),
    inactive=st.sets(st.sampled_from([BEN, CARLA, DAN])),
    hidden=st.sets(st.sampled_from(EVERYONE)),
)
def test_a_share_is_refused_exactly_for_those_who_cannot_be_found(recipients, inactive, hidden):
    """Hold the rule of SPEC 2.

    "a recipient does not exist, is inactive, or is not one that the actor may see in the
    directory. The three are one answer".
    """
    world = World(visible=lambda _, principal: principal not in hidden)
    for user in inactive:
        world.person(user, active=False)

    reasons = world.reasons(share_request(ANNA, CT, *recipients))

    missing = inactive | hidden | {NOBODY, NO_GROUP}
    told = tuple(each for each in recipients if each in missing)
    expected = Reason(code=ReasonCode.RECIPIENT_NOT_FOUND, principals=told)
    assert reasons == ((expected,) if told else ())


def test_it_wins_over_naming_oneself_and_over_naming_the_owner():
    world = World(visible=lambda _, principal: principal not in {ANNA, BEN})
    world.share(ANNA, CT, CARLA)
    world.share(CARLA, CT, NURSES)

    reasons = world.reasons(share_request(DAN, CT, ANNA))

    assert reasons == (Reason(code=ReasonCode.RECIPIENT_NOT_FOUND, principals=(ANNA,)),)


def test_a_member_hidden_in_the_directory_is_reached_through_a_group_that_is_seen():
    world = World(visible=lambda _, principal: principal != DAN)

    world.share(ANNA, CT, NURSES)

    assert world.can_view(DAN, CT)
