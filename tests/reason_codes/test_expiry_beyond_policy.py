"""`EXPIRY_BEYOND_POLICY`: a time beyond the policy's longest duration."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_sharing import Reason, ReasonCode
from world import ANNA, BEN, CT, DAY, START, World, share_request

pytestmark = pytest.mark.every_store


@pytest.mark.reason_code(ReasonCode.EXPIRY_BEYOND_POLICY)
@given(longest=st.none() | st.integers(1, 5), asked=st.none() | st.integers(1, 5))
def test_a_share_is_refused_exactly_beyond_the_longest_duration(longest, asked):
    """Hold the rule of SPEC 2.

    "a time was asked for that is beyond the policy's longest duration."
    """
    world = World(max_duration=None if longest is None else longest * DAY)
    until = None if asked is None else START + asked * DAY

    reasons = world.reasons(share_request(ANNA, CT, BEN, until=until))

    if asked is not None and longest is not None and asked > longest:
        latest = START + longest * DAY
        assert reasons == (Reason(code=ReasonCode.EXPIRY_BEYOND_POLICY, until=latest),)
    else:
        assert reasons == ()


def test_a_duration_beyond_the_calendar_is_no_limit():
    world = World(max_duration=timedelta.max)
    latest = datetime(9999, 12, 31, tzinfo=UTC)

    assert world.reasons(share_request(ANNA, CT, BEN, until=latest)) == ()
