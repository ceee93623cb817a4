"""`EXPIRY_IN_PAST`: the time asked for is not in the future."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_sharing import NarrowRequest, Reason, ReasonCode, Reshares
from world import ANNA, BEN, CARLA, CT, START, World, codes, share_request

pytestmark = pytest.mark.every_store

AWAY = st.timedeltas(timedelta(days=-400), timedelta(days=400)) | st.sampled_from(
    [timedelta(0), timedelta(microseconds=1), timedelta(microseconds=-1)]
)
IN_PAST = Reason(code=ReasonCode.EXPIRY_IN_PAST)


@pytest.mark.reason_code(ReasonCode.EXPIRY_IN_PAST)
@given(away=AWAY)
def test_a_share_is_refused_exactly_when_its_time_is_not_in_the_future(away):
    """Hold the rule of SPEC 2.

    "the time asked for is not in the future."
    """
    reasons = World().reasons(share_request(ANNA, CT, BEN, until=START + away))

    assert reasons == (() if away > timedelta(0) else (IN_PAST,))


@pytest.mark.reason_code(ReasonCode.EXPIRY_IN_PAST)
@given(away=AWAY, reshares=st.sampled_from(Reshares))
def test_a_narrowing_is_refused_exactly_when_its_bound_is_not_in_the_future(away, reshares):
    """Hold the rule of SPEC 3.

    "A bound that lies in the past is `EXPIRY_IN_PAST`".
    """
    world = World()
    world.share(ANNA, CT, BEN)
    world.share(BEN, CT, CARLA, until=START + timedelta(minutes=1))

    request = NarrowRequest(
        actor=ANNA, exam=CT, recipient=BEN, until=START + away, reshares=reshares
    )

    assert (IN_PAST in world.reasons(request)) == (away <= timedelta(0))


def test_a_bound_in_the_past_on_nothing_is_told_with_there_being_nothing():
    request = NarrowRequest(actor=ANNA, exam=CT, recipient=BEN, until=START)

    assert codes(World().reasons(request)) == [
        ReasonCode.EXPIRY_IN_PAST,
        ReasonCode.NO_SUCH_GRANT,
    ]
