"""The reason codes of unsharing, narrowing and the end of one grant: when exactly each applies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import exam_sharing as es
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
    VIEW,
    World,
    codes,
    refusal,
    shared_with,
)

pytestmark = pytest.mark.every_store


def no_such(*groups):
    return (es.Reason(code=es.ReasonCode.NO_SUCH_GRANT, principals=groups),)


@pytest.mark.reason_code(es.ReasonCode.NO_SUCH_GRANT)
@given(
    granted=st.sets(st.sampled_from([BEN, CARLA, DAN, NURSES, CLINIC])),
    named=st.sampled_from([BEN, CARLA, DAN, EVA, NURSES, CLINIC, NOBODY]),
)
def test_unsharing_is_refused_with_the_groups_exactly_when_there_is_none_to_end(granted, named):
    """Specification: `#no_such_grant`."""
    world = World()
    if granted:
        world.share(ANNA, CT, *granted)

    reasons = world.reasons(es.UnshareRequest(actor=ANNA, exam=CT, recipient=named))

    through = {DAN: {NURSES, CLINIC}, EVA: {NURSES, CLINIC}, CARLA: {CLINIC}, NURSES: {CLINIC}}
    groups = sorted(granted & through.get(named, set()))
    assert reasons == (() if named in granted else no_such(*groups))


@pytest.mark.reason_code(es.ReasonCode.NO_SUCH_GRANT)
@given(
    permission=st.sampled_from(es.Permission),
    days=st.none() | st.integers(1, 3),
    bound=st.tuples(
        st.none() | st.sampled_from(es.Permission), st.none() | st.integers(1, 3)
    ).filter(lambda bound: bound != (None, None)),
)
def test_narrowing_is_refused_exactly_when_nothing_is_beyond_the_bound(permission, days, bound):
    """Specification: `#no_such_grant`."""
    world = World()
    until = None if days is None else START + days * DAY
    world.share(ANNA, CT, BEN, permission=permission, until=until)
    most, most_days = bound
    request = es.NarrowRequest(
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


@pytest.mark.parametrize("reshares", es.Reshares)
def test_ending_an_unseen_grant_has_one_answer(reshares):
    world = World(access_list=es.AccessListScope.OWN_GRANTS)
    world.share(ANNA, MR, EVA)
    world.share(EVA, MR, DAN)
    world.share(ANNA, CT, BEN, CARLA)
    world.share(CARLA, CT, DAN)
    unknown = es.GrantId("unknown")
    on_unseen_exam = world.grant_to(EVA, MR).id
    not_to_be_seen = world.grant_to(CARLA).id

    for grant in (unknown, on_unseen_exam, not_to_be_seen):
        assert refusal(
            world.sharing.revoke, es.RevokeRequest(actor=BEN, grant=grant, reshares=reshares)
        ) == (es.Reason(code=es.ReasonCode.NO_SUCH_GRANT, grants=(grant,)),)


def test_a_grant_that_ended_is_not_there_to_end():
    world = shared_with(BEN)
    grant = world.grant_to(BEN).id
    world.unshare(ANNA, CT, BEN)

    assert refusal(world.unshare, ANNA, CT, BEN) == no_such()
    assert refusal(world.sharing.revoke, es.RevokeRequest(actor=ANNA, grant=grant)) == (
        es.Reason(code=es.ReasonCode.NO_SUCH_GRANT, grants=(grant,)),
    )


NOT_THEIRS = (es.Reason(code=es.ReasonCode.NOT_GRANTOR_OR_OWNER),)


@pytest.mark.reason_code(es.ReasonCode.NOT_GRANTOR_OR_OWNER)
@given(
    grantors=st.sets(st.sampled_from([ANNA, BEN, DAN]), min_size=1),
    recipient=st.sampled_from([EVA, NURSES]),
    actor=st.sampled_from([ANNA, BEN, CARLA, DAN, EVA]),
    narrowing=st.booleans(),
)
def test_somebody_with_access_is_refused_exactly_when_no_grant_is_theirs_to_end(
    grantors, recipient, actor, narrowing
):
    """Specification: `#not_grantor_or_owner`."""
    world = shared_with(BEN, CARLA, DAN, permission=es.Permission.DOWNLOAD)
    for grantor in grantors:
        world.share(grantor, CT, recipient, permission=es.Permission.DOWNLOAD)
    request = (
        es.NarrowRequest(actor=actor, exam=CT, recipient=recipient, permission=VIEW)
        if narrowing
        else es.UnshareRequest(actor=actor, exam=CT, recipient=recipient)
    )

    reasons = world.reasons(request)

    may = actor in {ANNA, recipient} | grantors
    assert reasons == (() if may else NOT_THEIRS)


def test_where_the_actor_may_not_see_the_grants_there_are_none():
    world = World(access_list=es.AccessListScope.OWN_GRANTS)
    world.share(ANNA, CT, BEN, CARLA)

    assert codes(refusal(world.unshare, BEN, CT, CARLA)) == [es.ReasonCode.NO_SUCH_GRANT]


def has_reshares(*grants):
    return (es.Reason(code=es.ReasonCode.HAS_RESHARES, grants=tuple(each.id for each in grants)),)


@pytest.mark.reason_code(es.ReasonCode.HAS_RESHARES)
@given(
    passed_on=st.lists(st.sampled_from([CARLA, DAN, EVA]), unique=True),
    further=st.booleans(),
    other_way=st.booleans(),
    reshares=st.sampled_from(es.Reshares),
)
def test_a_restricted_unshare_is_refused_exactly_when_more_would_end(
    passed_on, further, other_way, reshares
):
    """Specification: `#has_reshares`."""
    world = World()
    ward = _group_of_ben(world)
    world.share(ANNA, CT, BEN)
    if other_way:
        world.share(ANNA, CT, ward)
    for user in passed_on:
        world.share(BEN, CT, user)
    if further and passed_on:
        _share_on(world, passed_on[0])
    more = [each for each in world.grants(CT) if each.grantor != ANNA]

    reasons = world.reasons(
        es.UnshareRequest(actor=ANNA, exam=CT, recipient=BEN, reshares=reshares)
    )

    refused = reshares is es.Reshares.RESTRICT and bool(more) and not other_way
    assert reasons == (has_reshares(*more) if refused else ())


def test_a_time_in_the_past_is_the_only_reason_where_a_restricted_narrowing_has_one():
    world = World()
    world.share(ANNA, CT, BEN)
    world.share(BEN, CT, CARLA)

    narrow = es.NarrowRequest(
        actor=ANNA, exam=CT, recipient=BEN, until=START, reshares=es.Reshares.RESTRICT
    )
    assert [each.code for each in world.reasons(narrow)] == [es.ReasonCode.EXPIRY_IN_PAST]


def test_who_has_no_access_any_more_is_not_told_which_shares_keep_their_own_from_ending():
    world = World()
    world.share(ANNA, CT, BEN)
    world.share(BEN, CT, CARLA)
    world.share(CARLA, CT, DAN)
    world.unshare(ANNA, CT, BEN)

    unshare = es.UnshareRequest(actor=BEN, exam=CT, recipient=CARLA, reshares=es.Reshares.RESTRICT)
    assert world.reasons(unshare) == (es.Reason(code=es.ReasonCode.HAS_RESHARES),)


def test_who_has_no_access_any_more_is_not_told_that_a_later_share_of_their_own_would_end():
    world = World()
    ward = _group_of_ben(world)
    world.share(ANNA, CT, BEN)
    world.share(BEN, CT, CARLA)
    world.share(CARLA, CT, ward)
    world.unshare(ANNA, CT, BEN)
    world.share(BEN, CT, DAN)
    world.group(ward)

    unshare = es.UnshareRequest(actor=BEN, exam=CT, recipient=CARLA, reshares=es.Reshares.RESTRICT)
    assert world.reasons(unshare) == (es.Reason(code=es.ReasonCode.HAS_RESHARES),)


def _group_of_ben(world):
    ward = es.GroupId("ward")
    world.group(ward, BEN)
    return ward


def _share_on(world, user):
    friend = es.UserId("friend")
    world.person(friend)
    world.share(user, CT, friend)
