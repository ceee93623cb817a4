"""`ATTESTATION_MISSING`: the actor did not confirm the current wording."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_sharing import Reason, ReasonCode
from world import ANNA, BEN, CT, START, World, share_request

pytestmark = pytest.mark.every_store

WORDING = "I may share this."


@pytest.mark.reason_code(ReasonCode.ATTESTATION_MISSING)
@given(
    attested=st.booleans(),
    wording=st.sampled_from([None, WORDING, WORDING.lower(), ""])
    | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=3),
)
def test_a_share_is_refused_exactly_without_the_current_wording_confirmed(attested, wording):
    """Hold the rule of SPEC 2.

    "the actor did not confirm that sharing abides by HIPAA, or confirmed a wording that
    is no longer the current one."
    """
    world = World(attestation_wording=WORDING)

    reasons = world.reasons(share_request(ANNA, CT, BEN, attested=attested, wording=wording))

    confirmed = attested and wording in (None, WORDING)
    assert reasons == (() if confirmed else (Reason(code=ReasonCode.ATTESTATION_MISSING),))


def test_who_confirmed_when_and_which_wording_are_recorded():
    world = World(attestation_wording=WORDING)
    receipt = world.share(ANNA, CT, BEN, wording=WORDING)

    attestation = world.store.share_record(receipt.share).attestation

    assert (attestation.by, attestation.at, attestation.wording) == (ANNA, START, WORDING)


def test_the_current_wording_is_recorded_where_the_request_does_not_say():
    world = World(attestation_wording=WORDING)
    receipt = world.share(ANNA, CT, BEN)

    assert world.store.share_record(receipt.share).attestation.wording == WORDING
