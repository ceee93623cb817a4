"""`NO_RECIPIENTS`: the list of recipients is empty."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_sharing import Reason, ReasonCode
from world import ANNA, BEN, CT, NOBODY, NURSES, World, codes, share_request

pytestmark = pytest.mark.every_store


@pytest.mark.reason_code(ReasonCode.NO_RECIPIENTS)
@given(recipients=st.lists(st.sampled_from([ANNA, BEN, NOBODY, NURSES]), max_size=3))
def test_a_share_is_refused_exactly_when_nobody_is_named(recipients):
    """Hold the rule of SPEC 2.

    "the list of recipients is empty."
    """
    reasons = World().reasons(share_request(ANNA, CT, *recipients))

    assert (ReasonCode.NO_RECIPIENTS in codes(reasons)) == (not recipients)


def test_it_says_nothing_more():
    assert World().reasons(share_request(ANNA, CT)) == (Reason(code=ReasonCode.NO_RECIPIENTS),)
