"""`RECIPIENT_IS_OWNER`: a recipient owns the exam that the share names."""

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from exam_sharing import ExamId, GroupId, Outcome, Reason, ReasonCode, Scope
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


def test_a_group_that_the_owner_is_in_is_fine():
    world = World()
    everyone = GroupId("everyone")
    world.group(everyone, ANNA, CARLA)

    world.share(ANNA, CT, everyone)

    assert world.can_view(CARLA, CT)


def test_the_owner_of_another_exam_of_the_batch_is_left_out_for_that_exam_only():
    world = World()
    world.sharing.add_upload(world.store.batch(CD), [_owned_by_ben(world)])
    world.share(ANNA, CT, CARLA)
    world.share(BEN, BENS, CARLA)

    receipt = world.share(CARLA, CT, BEN, scope=Scope.BATCH)

    assert {each.exam: each.outcome for each in receipt.outcomes} == {
        CT: Outcome.GRANTED,
        BENS: Outcome.OWNS_IT,
    }
