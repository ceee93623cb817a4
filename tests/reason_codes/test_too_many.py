"""`TOO_MANY`: more recipients, exams or people than the policy's limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_sharing import Reason, ReasonCode, Scope
from world import (
    ANNA,
    BEN,
    CARLA,
    CLINIC,
    CT,
    DAN,
    EVA,
    MR,
    NOBODY,
    NURSES,
    XRAY,
    World,
    codes,
    share_request,
)

pytestmark = pytest.mark.every_store

REACH = {NURSES: {DAN, EVA}, CLINIC: {CARLA, DAN, EVA}}
LIMITS = st.none() | st.integers(1, 4)


def too_many(limited, limit):
    return Reason(code=ReasonCode.TOO_MANY, limited=limited, limit=limit)


@pytest.mark.reason_code(ReasonCode.TOO_MANY)
@given(
    recipients=st.lists(
        st.sampled_from([CARLA, DAN, EVA, NURSES, CLINIC]), min_size=1, unique=True
    ),
    seen=st.sets(st.sampled_from([MR, XRAY])),
    scope=st.sampled_from(Scope),
    max_recipients=LIMITS,
    max_exams=LIMITS,
    max_people=LIMITS,
)
def test_a_share_is_refused_exactly_beyond_the_limits(
    recipients, seen, scope, max_recipients, max_exams, max_people
):
    """Hold the rule of SPEC 2.

    "more recipients, more exams (those that the actor can see) or more people reached
    than the policy's limits; the number of people is not told."
    """
    world = World(max_recipients=max_recipients, max_exams=max_exams, max_people=max_people)
    for exam in (CT, *seen):
        world.share(ANNA, exam, BEN)

    reasons = world.reasons(share_request(BEN, CT, *recipients, scope=scope))

    people = set().union(*(REACH.get(each, {each}) for each in recipients))
    counts = {
        "recipients": (len(recipients), max_recipients),
        "exams": (1 + len(seen) if scope is Scope.BATCH else 1, max_exams),
        "people": (len(people), max_people),
    }
    assert reasons == tuple(
        too_many(limited, limit)
        for limited, (count, limit) in counts.items()
        if limit is not None and count > limit
    )


def test_somebody_reached_twice_is_one_person():
    world = World(max_people=2)

    assert world.reasons(share_request(ANNA, CT, DAN, NURSES)) == ()


def test_a_recipient_named_twice_is_named_once():
    world = World(max_recipients=1)

    assert world.reasons(share_request(ANNA, CT, BEN, BEN)) == ()


def test_inactive_members_are_not_reached():
    world = World(max_people=1)
    world.person(EVA, active=False)

    assert world.reasons(share_request(ANNA, CT, NURSES)) == ()


def test_exams_that_the_actor_cannot_see_do_not_count():
    world = World(max_exams=1)
    world.share(ANNA, CT, BEN)

    assert world.reasons(share_request(BEN, CT, CARLA, scope=Scope.BATCH)) == ()


def test_the_number_of_people_is_not_told():
    world = World(max_people=1)

    assert world.reasons(share_request(ANNA, CT, NURSES)) == (too_many("people", 1),)
    assert world.reasons(share_request(ANNA, CT, CLINIC)) == (too_many("people", 1),)


def test_people_are_counted_among_those_who_are_found_only():
    world = World(max_people=1, visible=lambda _, principal: principal != CLINIC)

    reasons = world.reasons(share_request(ANNA, CT, CLINIC, NOBODY))

    assert codes(reasons) == [ReasonCode.RECIPIENT_NOT_FOUND]
