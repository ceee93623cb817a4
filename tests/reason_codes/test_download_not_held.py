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
    DAN,
    DAY,
    DOWNLOAD,
    MR,
    NURSES,
    VIEW,
    XRAY,
    World,
    codes,
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


def test_it_is_never_quietly_dropped():
    world = World()
    world.share(ANNA, CT, BEN)

    world.reasons(share_request(BEN, CT, CARLA, permission=DOWNLOAD))

    assert not world.can_view(CARLA, CT)


def test_several_grants_add_up():
    world = World()
    world.share(ANNA, CT, CARLA, permission=DOWNLOAD)
    world.share(ANNA, CT, DAN)
    world.share(CARLA, CT, NURSES, permission=DOWNLOAD)

    world.share(DAN, CT, BEN, permission=DOWNLOAD)

    assert world.can_download(BEN, CT)


def test_what_another_user_holds_does_not_count():
    world = World()
    world.share(ANNA, CT, BEN)
    world.share(ANNA, CT, CARLA, permission=DOWNLOAD)

    reasons = world.reasons(share_request(BEN, CT, DAN, permission=DOWNLOAD))

    assert codes(reasons) == [ReasonCode.DOWNLOAD_NOT_HELD]


def test_what_the_actor_holds_on_another_exam_does_not_count():
    world = World()
    world.share(ANNA, CT, BEN)
    world.share(ANNA, MR, BEN, permission=DOWNLOAD)

    reasons = world.reasons(share_request(BEN, CT, DAN, permission=DOWNLOAD))

    assert reasons == (Reason(code=ReasonCode.DOWNLOAD_NOT_HELD, exams=(CT,)),)


def test_download_that_ran_out_is_not_held():
    world = World()
    world.share(ANNA, CT, BEN)
    world.share(ANNA, CT, BEN, permission=DOWNLOAD, until=world.now + DAY)
    world.wait(DAY)

    reasons = world.reasons(share_request(BEN, CT, DAN, permission=DOWNLOAD))

    assert codes(reasons) == [ReasonCode.DOWNLOAD_NOT_HELD]
