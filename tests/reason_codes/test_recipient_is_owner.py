"""`RECIPIENT_IS_OWNER`: a recipient owns the exam that the share names."""

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from exam_sharing import ExamId, Reason, ReasonCode, Scope
from world import ANNA, BEN, CARLA, CD, CT, DAN, NURSES, World, share_request

pytestmark = pytest.mark.every_store

BENS = ExamId("bens")


@pytest.mark.reason_code(ReasonCode.RECIPIENT_IS_OWNER)
@given(
    exam=st.sampled_from([CT, BENS]),
    scope=st.sampled_from(Scope),
    recipients=st.lists(st.sampled_from([ANNA, BEN, DAN, NURSES]), min_size=1),
)
def test_a_share_is_refused_exactly_when_the_owner_of_the_named_exam_is_named(
    exam, scope, recipients
):
    """Hold the rule of SPEC 2.

    "a recipient owns the exam that the share names. A group that the owner is in is
    fine."
    """
    world = World()
    world.sharing.add_upload(world.store.batch(CD), [_owned_by_ben(world)])
    world.share(ANNA, CT, CARLA)
    world.share(BEN, BENS, CARLA)

    reasons = world.reasons(share_request(CARLA, exam, *recipients, scope=scope))

    owner = {CT: ANNA, BENS: BEN}[exam]
    expected = (Reason(code=ReasonCode.RECIPIENT_IS_OWNER, principals=(owner,)),)
    assert reasons == (expected if owner in recipients else ())


def _owned_by_ben(world):
    (ct,) = world.store.find((CT,))
    return evolve(ct, id=BENS, owner=BEN)
