"""`EXPIRY_BEYOND_OWN`: a time beyond the actor's own hold on that permission."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_sharing import Permission, Reason, ReasonCode, Scope
from world import (
    ANNA,
    BEN,
    CARLA,
    CT,
    DAY,
    DOWNLOAD,
    MR,
    START,
    XRAY,
    World,
    codes,
    share_request,
)

pytestmark = pytest.mark.every_store

DAYS = st.integers(1, 5)


@pytest.mark.reason_code(ReasonCode.EXPIRY_BEYOND_OWN)
@given(
    held=st.fixed_dictionaries(
        {CT: st.none() | DAYS}, optional={MR: st.none() | DAYS, XRAY: st.none() | DAYS}
    ),
    permission=st.sampled_from(Permission),
    asked=DAYS,
    scope=st.sampled_from(Scope),
)
def test_a_share_is_refused_exactly_for_the_exams_that_the_actor_holds_for_less(
    held, permission, asked, scope
):
    """Hold the rule of SPEC 2.

    "a time was asked for that is later than the actor's own hold on that permission, on
    some exam covered."
    """
    world = World()
    for exam, days in held.items():
        until = None if days is None else START + days * DAY
        world.share(ANNA, exam, BEN, until=until, permission=DOWNLOAD)

    reasons = world.reasons(
        share_request(BEN, CT, CARLA, until=START + asked * DAY, permission=permission, scope=scope)
    )

    covered = [exam for exam in (CT, MR, XRAY) if exam in held]
    short = {
        exam: held[exam]
        for exam in (covered if scope is Scope.BATCH else [CT])
        if held[exam] is not None and held[exam] < asked
    }
    if short:
        assert reasons == (
            Reason(
                code=ReasonCode.EXPIRY_BEYOND_OWN,
                exams=tuple(short),
                until=START + min(short.values()) * DAY,
            ),
        )
    else:
        assert reasons == ()


def test_a_permission_that_is_not_held_at_all_is_another_reason():
    world = World()
    world.share(ANNA, CT, BEN, until=START + DAY)

    request = share_request(BEN, CT, CARLA, permission=DOWNLOAD, until=START + 2 * DAY)

    assert codes(world.reasons(request)) == [ReasonCode.DOWNLOAD_NOT_HELD]
