"""`NO_SUCH_GRANT`: there is no grant to end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_sharing import (
    AccessListScope,
    GrantId,
    GroupId,
    NarrowRequest,
    Permission,
    Reason,
    ReasonCode,
    Reshares,
    RevokeRequest,
    UnshareRequest,
    UserId,
)
from world import (
    ANNA,
    BEN,
    CARLA,
    CLINIC,
    CT,
    DAN,
    DAY,
    DOWNLOAD,
    EVA,
    MR,
    NOBODY,
    NURSES,
    START,
    VIEW,
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


def test_a_grant_that_expired_is_not_there_to_end():
    world = World()
    world.share(ANNA, CT, BEN, until=START + DAY)
    world.wait(DAY)

    assert refusal(world.unshare, ANNA, CT, BEN) == no_such()


def test_the_owner_has_no_grant_to_end():
    assert refusal(World().unshare, ANNA, CT, ANNA) == no_such()


def test_the_groups_are_told_to_anybody_who_may_see_the_access_list():
    world = World()
    world.share(ANNA, CT, BEN, NURSES)

    assert refusal(world.unshare, BEN, CT, DAN) == no_such(NURSES)


def test_no_group_is_told_to_whom_the_access_list_is_limited():
    world = World(access_list=AccessListScope.OWN_GRANTS)
    world.share(ANNA, CT, BEN, NURSES)

    assert refusal(world.unshare, BEN, CT, DAN) == no_such()


def test_no_group_is_told_to_whom_may_not_see_who_is_in_it():
    world = World(members_visible=lambda actor, group: group != NURSES)
    world.share(ANNA, CT, NURSES)

    assert refusal(world.unshare, ANNA, CT, DAN) == no_such()


def test_a_former_grantor_without_access_is_told_of_their_own_grants_only():
    world = World()
    world.share(ANNA, CT, BEN, DAN, NURSES)
    world.share(BEN, CT, CARLA)
    world.unshare(ANNA, CT, BEN)

    assert refusal(world.unshare, BEN, CT, DAN) == no_such()
    assert refusal(world.unshare, BEN, CT, EVA) == no_such()
    assert len(world.unshare(BEN, CT, CARLA).ended) == 1


def test_a_user_and_a_group_of_the_same_string_are_two_to_unshare():
    world = World()
    namesake = GroupId(str(BEN))
    world.group(namesake, CARLA)
    world.share(ANNA, CT, namesake)

    assert refusal(world.unshare, ANNA, CT, UserId(str(BEN))) == no_such()


def test_narrowing_a_view_to_a_view_is_nothing():
    world = World()
    world.share(ANNA, CT, BEN)

    assert refusal(world.narrow, ANNA, CT, BEN, permission=VIEW) == no_such()
    assert refusal(world.narrow, ANNA, CT, BEN, permission=DOWNLOAD) == no_such()


def test_no_group_is_told_to_whom_has_no_access_even_if_they_shared_with_it():
    world = World()
    world.share(ANNA, CT, BEN)
    world.share(BEN, CT, NURSES)
    world.unshare(ANNA, CT, BEN)

    assert refusal(world.unshare, BEN, CT, DAN) == no_such()
