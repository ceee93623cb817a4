"""`SHARING_NOT_IN_PLAN`: the actor's service plan does not include sharing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_sharing import GroupId, Reason, ReasonCode
from world import ANNA, BEN, CARLA, CT, DAN, NOBODY, NURSES, World, codes, share_request

pytestmark = pytest.mark.every_store

ABOUT_RECIPIENTS = {
    ReasonCode.RECIPIENT_NOT_FOUND,
    ReasonCode.RECIPIENT_IS_SELF,
    ReasonCode.RECIPIENT_IS_OWNER,
    ReasonCode.REMOVED_BY_OWNER,
}


@pytest.mark.reason_code(ReasonCode.SHARING_NOT_IN_PLAN)
@given(
    in_plan=st.booleans(),
    recipients=st.lists(
        st.sampled_from([ANNA, BEN, CARLA, DAN, NOBODY, NURSES, GroupId("no-group")])
    ),
)
def test_a_share_is_refused_exactly_without_the_plan_and_then_tells_of_no_recipient(
    in_plan, recipients
):
    """Hold the rule of SPEC 2.

    "the actor's service plan does not include sharing. [...] No code about a recipient
    is reported beside it: the directory cannot be probed."
    """
    world = World(only_owner_readmits=True)
    world.share(ANNA, CT, BEN, CARLA)
    world.unshare(ANNA, CT, CARLA)
    world.person(DAN, active=False)
    world.person(BEN, sharing_in_plan=in_plan)

    reasons = world.reasons(share_request(BEN, CT, *recipients))

    assert (ReasonCode.SHARING_NOT_IN_PLAN in codes(reasons)) == (not in_plan)
    if not in_plan:
        assert ABOUT_RECIPIENTS.isdisjoint(codes(reasons))


def test_the_answer_is_the_same_whoever_is_named():
    world = World(max_people=1)
    world.share(ANNA, CT, BEN)
    world.person(BEN, sharing_in_plan=False)
    expected = (Reason(code=ReasonCode.SHARING_NOT_IN_PLAN),)

    for recipient in (ANNA, BEN, CARLA, NOBODY, NURSES, GroupId("no-group")):
        assert world.reasons(share_request(BEN, CT, recipient)) == expected


def test_what_the_actor_wrote_themselves_is_still_told_beside_it():
    world = World()
    world.share(ANNA, CT, BEN)
    world.person(BEN, sharing_in_plan=False)

    reasons = world.reasons(share_request(BEN, CT, attested=False, message="\0"))

    assert codes(reasons) == [
        ReasonCode.SHARING_NOT_IN_PLAN,
        ReasonCode.ATTESTATION_MISSING,
        ReasonCode.NO_RECIPIENTS,
        ReasonCode.MESSAGE_NOT_ALLOWED,
    ]
