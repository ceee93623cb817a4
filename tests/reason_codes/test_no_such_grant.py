"""`NO_SUCH_GRANT`: there is no grant to end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_sharing import (
    AccessListScope,
    GrantId,
    NarrowRequest,
    Permission,
    Reason,
    ReasonCode,
    Reshares,
    RevokeRequest,
    UnshareRequest,
)
from world import (
    ANNA,
    BEN,
    CARLA,
    CLINIC,
    CT,
    DAN,
    DAY,
    EVA,
    MR,
    NOBODY,
    NURSES,
    START,
    World,
    refusal,
)

pytestmark = pytest.mark.every_store


def no_such(*groups):
    return (Reason(code=ReasonCode.NO_SUCH_GRANT, principals=groups),)


@pytest.mark.reason_code(ReasonCode.NO_SUCH_GRANT)
@given(
    granted=st.sets(st.sampled_from([BEN, CARLA, DAN, NURSES, CLINIC])),
    named=st.sampled_from([BEN, CARLA, DAN, EVA, NURSES, CLINIC, NOBODY]),
)
def test_unsharing_is_refused_with_the_groups_exactly_when_there_is_none_to_end(granted, named):
    """Hold the rule of SPEC 3.

    "Where there is none to end: `NO_SUCH_GRANT`, with the groups through which the
    principal has access, if the actor may see the access list."
    """
    world = World()
    if granted:
        world.share(ANNA, CT, *granted)

    reasons = world.reasons(UnshareRequest(actor=ANNA, exam=CT, recipient=named))

    through = {DAN: {NURSES, CLINIC}, EVA: {NURSES, CLINIC}, CARLA: {CLINIC}, NURSES: {CLINIC}}
    groups = sorted(granted & through.get(named, set()))
    assert reasons == (() if named in granted else no_such(*groups))


@pytest.mark.reason_code(ReasonCode.NO_SUCH_GRANT)
@given(
    permission=st.sampled_from(Permission),
    days=st.none() | st.integers(1, 3),
    bound=st.tuples(st.none() | st.sampled_from(Permission), st.none() | st.integers(1, 3)).filter(
        lambda bound: bound != (None, None)
    ),
)
def test_narrowing_is_refused_exactly_when_nothing_is_beyond_the_bound(permission, days, bound):
    """Hold the rule of SPEC 3.

    "nothing beyond it is `NO_SUCH_GRANT`. Narrowing never raises."
    """
    world = World()
    until = None if days is None else START + days * DAY
    world.share(ANNA, CT, BEN, permission=permission, until=until)
    most, most_days = bound
    request = NarrowRequest(
        actor=ANNA,
        exam=CT,
        recipient=BEN,
        permission=most,
        until=None if most_days is None else START + most_days * DAY,
    )

    reasons = world.reasons(request)

    beyond = (most is not None and permission > most) or (
        most_days is not None and (days is None or days > most_days)
    )
    assert reasons == (() if beyond else no_such())


@pytest.mark.parametrize("reshares", Reshares)
def test_ending_one_grant_has_one_answer_for_whatever_is_not_the_actors_to_see(reshares):
    world = World(access_list=AccessListScope.OWN_GRANTS)
    world.share(ANNA, MR, EVA)
    world.share(EVA, MR, DAN)
    world.share(ANNA, CT, BEN, CARLA)
    world.share(CARLA, CT, DAN)
    unknown = GrantId("unknown")
    on_unseen_exam = world.grant_to(EVA, MR).id
    not_to_be_seen = world.grant_to(CARLA).id

    for grant in (unknown, on_unseen_exam, not_to_be_seen):
        assert refusal(
            world.sharing.revoke, RevokeRequest(actor=BEN, grant=grant, reshares=reshares)
        ) == (Reason(code=ReasonCode.NO_SUCH_GRANT, grants=(grant,)),)


def test_a_grant_that_ended_is_not_there_to_end():
    world = World()
    world.share(ANNA, CT, BEN)
    grant = world.grant_to(BEN).id
    world.unshare(ANNA, CT, BEN)

    assert refusal(world.unshare, ANNA, CT, BEN) == no_such()
    assert refusal(world.sharing.revoke, RevokeRequest(actor=ANNA, grant=grant)) == (
        Reason(code=ReasonCode.NO_SUCH_GRANT, grants=(grant,)),
    )
