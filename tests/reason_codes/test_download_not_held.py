"""`DOWNLOAD_NOT_HELD`: download was asked for and is not held on every exam covered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_sharing import Permission, Reason, ReasonCode, Scope
from world import (
    ANNA,
    BEN,
    CARLA,
    CT,
    DOWNLOAD,
    MR,
    VIEW,
    XRAY,
    World,
    share_request,
)

pytestmark = pytest.mark.every_store


@pytest.mark.reason_code(ReasonCode.DOWNLOAD_NOT_HELD)
@given(
    held=st.fixed_dictionaries(
        {CT: st.sampled_from(Permission)},
        optional={MR: st.sampled_from(Permission), XRAY: st.sampled_from(Permission)},
    ),
    permission=st.sampled_from(Permission),
    scope=st.sampled_from(Scope),
)
def test_a_share_is_refused_exactly_for_the_exams_on_which_download_is_not_held(
    held, permission, scope
):
    """Hold the rule of SPEC 2.

    "download was asked for, and the actor does not hold it on every exam covered."
    """
    world = World()
    for exam, given_permission in held.items():
        world.share(ANNA, exam, BEN, permission=given_permission)

    reasons = world.reasons(share_request(BEN, CT, CARLA, permission=permission, scope=scope))

    covered = [CT, MR, XRAY] if scope is Scope.BATCH else [CT]
    lacking = tuple(exam for exam in covered if held.get(exam) == VIEW and permission == DOWNLOAD)
    expected = Reason(code=ReasonCode.DOWNLOAD_NOT_HELD, exams=lacking)
    assert reasons == ((expected,) if lacking else ())
