"""`TOO_MANY`: more recipients, exams or people than the policy's limits."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_sharing import GroupId, Reason, ReasonCode, Scope, UserId
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


def told_behind(closed):
    """Return whom the groups are known to reach: the nurses are in the clinic, beside Carla."""
    nurses = set() if NURSES in closed else REACH[NURSES]
    return {NURSES: nurses, CLINIC: set() if CLINIC in closed else {CARLA} | nurses}


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
    closed=st.sets(st.sampled_from([NURSES, CLINIC])),
)
def test_a_share_is_refused_exactly_beyond_the_limits(
    recipients, seen, scope, max_recipients, max_exams, max_people, closed
):
    """Hold the rule of SPEC 2.

    "more recipients, more exams (those that the actor can see) or more people reached
    than the policy's limits; the number of people is not told. People whom the actor may see are
    counted once, the actor apart; members of a recipient group whom the actor may not see are
    held against the limit for that group alone and not added to the rest."
    """
    world = World(
        max_recipients=max_recipients,
        max_exams=max_exams,
        max_people=max_people,
        members_visible=lambda _, group: group not in closed,
    )
    for exam in (CT, *seen):
        world.share(ANNA, exam, BEN)

    reasons = world.reasons(share_request(BEN, CT, *recipients, scope=scope))

    told = told_behind(closed)
    known = set().union(*(told.get(each, {each}) for each in recipients))
    unknown = [len(REACH[each] - told[each]) for each in recipients if each in REACH]
    counts = {
        "recipients": (len(recipients), max_recipients),
        "exams": (1 + len(seen) if scope is Scope.BATCH else 1, max_exams),
        "people": (max(len(known), *unknown, 0), max_people),
    }
    assert reasons == tuple(
        too_many(limited, limit)
        for limited, (count, limit) in counts.items()
        if limit is not None and count > limit
    )


def test_inactive_members_are_not_reached():
    world = World(max_people=1)
    world.person(EVA, active=False)

    assert world.reasons(share_request(ANNA, CT, NURSES)) == ()


def test_the_number_of_people_is_not_told():
    world = World(max_people=1)

    assert world.reasons(share_request(ANNA, CT, NURSES)) == (too_many("people", 1),)
    assert world.reasons(share_request(ANNA, CT, CLINIC)) == (too_many("people", 1),)


def test_the_limit_does_not_tell_who_is_in_a_group_of_unseen_members():
    """Beside as many others as the limit has room for, one more would tell a stranger of a member.

    Each preview names the group and others, one of whom may be in the group.
    """
    team = [UserId(f"person{number:02}") for number in range(65)]
    ward = GroupId("ward")
    world = World(max_people=30, members_visible=lambda _, group: group != ward)
    for person in team:
        world.person(person)
    world.group(ward, *team[20:33])

    answers = {
        world.sharing.preview(share_request(ANNA, CT, ward, *others)).reasons
        for first in range(len(team))
        for others in [[*team[first:], *team[:first]][:18]]
    }

    assert answers == {()}


def test_the_limit_does_not_tell_whom_two_groups_of_unseen_members_share():
    closed = [GroupId(f"ward{number}") for number in range(3)]
    world = World(max_people=3, members_visible=lambda _, group: group not in closed)
    for group, members in zip(closed, [(DAN, EVA), (EVA, DAN), (BEN, CARLA)], strict=True):
        world.group(group, *members)

    answers = {
        world.sharing.preview(share_request(ANNA, CT, *pair)).reasons
        for pair in combinations(closed, 2)
    }

    assert answers == {()}


def test_people_are_counted_among_those_who_are_found_only():
    world = World(max_people=1, visible=lambda _, principal: principal != CLINIC)

    reasons = world.reasons(share_request(ANNA, CT, CLINIC, NOBODY))

    assert codes(reasons) == [ReasonCode.RECIPIENT_NOT_FOUND]
