"""`RECIPIENT_IS_SELF`: the actor names themselves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_sharing import Reason, ReasonCode
from world import ANNA, BEN, CARLA, CLINIC, CT, DAN, NURSES, World, codes, share_request

pytestmark = pytest.mark.every_store


@pytest.mark.reason_code(ReasonCode.RECIPIENT_IS_SELF)
@given(
    actor=st.sampled_from([ANNA, BEN, DAN]),
    recipients=st.lists(st.sampled_from([ANNA, BEN, CARLA, DAN, NURSES, CLINIC]), min_size=1),
)
def test_a_share_is_refused_exactly_when_the_actor_is_named(actor, recipients):
    """Hold the rule of SPEC 2.

    "the actor names themselves. A group that they are in is fine."
    """
    world = World()
    world.share(ANNA, CT, BEN, DAN)

    reasons = world.reasons(share_request(actor, CT, *recipients))

    told = [each for each in reasons if each.code is ReasonCode.RECIPIENT_IS_SELF]
    expected = Reason(code=ReasonCode.RECIPIENT_IS_SELF, principals=(actor,))
    assert told == ([expected] if actor in recipients else [])


def test_an_owner_who_names_themselves_is_told_both():
    assert codes(World().reasons(share_request(ANNA, CT, ANNA))) == [
        ReasonCode.RECIPIENT_IS_SELF,
        ReasonCode.RECIPIENT_IS_OWNER,
    ]
