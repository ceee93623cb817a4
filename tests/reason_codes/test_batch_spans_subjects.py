"""`BATCH_SPANS_SUBJECTS`: exams of several subjects in one act, where the policy forbids it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_sharing import BatchId, ExamId, Reason, ReasonCode, Scope
from world import ANNA, BEN, World, share_request

pytestmark = pytest.mark.every_store

DISC = BatchId("disc")
FIRST = ExamId("exam0")
SPANS = (Reason(code=ReasonCode.BATCH_SPANS_SUBJECTS),)


def world_with(subjects, **settings):
    world = World(**settings)
    for number, subject in enumerate(subjects):
        world.upload(DISC, ANNA, ExamId(f"exam{number}"), subject=subject)
    return world


@pytest.mark.reason_code(ReasonCode.BATCH_SPANS_SUBJECTS)
@given(
    subjects=st.lists(st.sampled_from([None, "p", "q", "exam exam0"]), min_size=1, max_size=3),
    allowed=st.booleans(),
    scope=st.sampled_from(Scope),
)
def test_a_share_is_refused_exactly_when_it_spans_subjects_and_the_policy_forbids_it(
    subjects, allowed, scope
):
    """Hold the rule of SPEC 2.

    "the policy forbids sharing exams of several subjects in one act, and this would."
    """
    world = world_with(subjects, batches_across_subjects=allowed)

    reasons = world.reasons(share_request(ANNA, FIRST, BEN, scope=scope))

    covered = subjects if scope is Scope.BATCH else subjects[:1]
    apart = len({each for each in covered if each is not None}) + covered.count(None)
    assert reasons == (SPANS if apart > 1 and not allowed else ())
