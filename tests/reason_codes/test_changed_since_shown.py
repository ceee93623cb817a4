"""`CHANGED_SINCE_SHOWN`: the share would now cover other exams than were shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_sharing import Reason, ReasonCode, Scope
from world import ANNA, BEN, CARLA, CT, MR, NO_EXAM, XRAY, World, share_request

pytestmark = pytest.mark.every_store

CHANGED = (Reason(code=ReasonCode.CHANGED_SINCE_SHOWN),)


@pytest.mark.reason_code(ReasonCode.CHANGED_SINCE_SHOWN)
@given(
    seen=st.sets(st.sampled_from([MR, XRAY])),
    expect=st.none() | st.frozensets(st.sampled_from([CT, MR, XRAY, NO_EXAM])),
    scope=st.sampled_from(Scope),
)
def test_a_batch_is_refused_exactly_when_it_covers_other_exams_than_expected(seen, expect, scope):
    """Hold the rule of SPEC 2.

    "`expect` was given and is not the set of exams that the share would now cover."
    It binds the batch alone.
    """
    world = World()
    for exam in (CT, *seen):
        world.share(ANNA, exam, BEN)

    reasons = world.reasons(share_request(BEN, CT, CARLA, scope=scope, expect=expect))

    as_shown = scope is Scope.EXAM or expect in (None, {CT, *seen})
    assert reasons == (() if as_shown else CHANGED)


def test_what_the_form_shows_is_what_is_expected():
    world = World()
    shown = world.sharing.share_form(ANNA, CT).exams

    world.share(ANNA, CT, BEN, scope=Scope.BATCH, expect=shown)

    assert all(world.can_view(BEN, exam) for exam in (CT, MR, XRAY))


def test_it_does_not_say_what_changed():
    world = World()
    world.share(ANNA, CT, BEN)

    reasons = world.reasons(
        share_request(BEN, CT, CARLA, scope=Scope.BATCH, expect=[CT, MR, NO_EXAM])
    )

    assert reasons == CHANGED
