"""`NOT_GRANTOR_OR_OWNER`: the grants that the act names are not the actor's to end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_sharing import (
    AccessListScope,
    NarrowRequest,
    Permission,
    Reason,
    ReasonCode,
    UnshareRequest,
)
from world import ANNA, BEN, CARLA, CT, DAN, EVA, NURSES, VIEW, World, codes, refusal

pytestmark = pytest.mark.every_store

NOT_THEIRS = (Reason(code=ReasonCode.NOT_GRANTOR_OR_OWNER),)


@pytest.mark.reason_code(ReasonCode.NOT_GRANTOR_OR_OWNER)
@given(
    grantors=st.sets(st.sampled_from([ANNA, BEN, DAN]), min_size=1),
    recipient=st.sampled_from([EVA, NURSES]),
    actor=st.sampled_from([ANNA, BEN, CARLA, DAN, EVA]),
    narrowing=st.booleans(),
)
def test_somebody_with_access_is_refused_exactly_when_no_grant_is_theirs_to_end(
    grantors, recipient, actor, narrowing
):
    """Hold the rule of SPEC 3.

    "A grantor may end the grants that they made [...]. The owner may end any grant
    [...]. A user may give up a grant made to *themselves*. [...] Anyone else with access is
    refused with `NOT_GRANTOR_OR_OWNER`."
    """
    world = World()
    world.share(ANNA, CT, BEN, CARLA, DAN, permission=Permission.DOWNLOAD)
    for grantor in grantors:
        world.share(grantor, CT, recipient, permission=Permission.DOWNLOAD)
    request = (
        NarrowRequest(actor=actor, exam=CT, recipient=recipient, permission=VIEW)
        if narrowing
        else UnshareRequest(actor=actor, exam=CT, recipient=recipient)
    )

    reasons = world.reasons(request)

    may = actor in {ANNA, recipient} | grantors
    assert reasons == (() if may else NOT_THEIRS)


def test_where_the_actor_may_not_see_the_grants_there_are_none():
    world = World(access_list=AccessListScope.OWN_GRANTS)
    world.share(ANNA, CT, BEN, CARLA)

    assert codes(refusal(world.unshare, BEN, CT, CARLA)) == [ReasonCode.NO_SUCH_GRANT]
