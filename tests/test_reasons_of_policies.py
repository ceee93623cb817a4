"""The reason codes of shares that depend on the policy or the batch: when exactly each applies."""

import unicodedata
from datetime import UTC, datetime, timedelta
from itertools import combinations

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
    NO_EXAM,
    NOBODY,
    NURSES,
    START,
    XRAY,
    World,
    codes,
    share_request,
    shared_with,
)

pytestmark = pytest.mark.every_store


@pytest.mark.reason_code(es.ReasonCode.EXPIRY_BEYOND_POLICY)
@given(longest=st.none() | st.integers(1, 5), asked=st.none() | st.integers(1, 5))
def test_a_share_is_refused_exactly_beyond_the_longest_duration(longest, asked):
    """Specification: `#expiry_beyond_policy`."""
    world = World(max_duration=None if longest is None else longest * DAY)
    until = None if asked is None else START + asked * DAY

    reasons = world.reasons(share_request(ANNA, CT, BEN, until=until))

    if asked is not None and longest is not None and asked > longest:
        latest = START + longest * DAY
        assert reasons == (es.Reason(code=es.ReasonCode.EXPIRY_BEYOND_POLICY, until=latest),)
    else:
        assert reasons == ()


def test_a_duration_beyond_the_calendar_is_no_limit():
    world = World(max_duration=timedelta.max)
    latest = datetime(9999, 12, 31, tzinfo=UTC)

    assert world.reasons(share_request(ANNA, CT, BEN, until=latest)) == ()


CHARACTERS = st.sampled_from("aé\n\r\t\0\x1b\x7f\x85 ") | st.characters(exclude_categories=["Cs"])


@pytest.mark.reason_code(es.ReasonCode.MESSAGE_NOT_ALLOWED)
@given(message=st.none() | st.text(CHARACTERS, max_size=8), limit=st.integers(1, 8))
def test_a_share_is_refused_exactly_when_its_message_is_too_long_or_holds_controls(message, limit):
    """Specification: `#message_not_allowed`."""
    world = World(message_limit=limit)

    reasons = world.reasons(share_request(ANNA, CT, BEN, message=message))

    text = (message or "").replace("\r\n", "\n").replace("\r", "\n")
    controls = {c for c in text if unicodedata.category(c) == "Cc"} - {"\n", "\t"}
    refused = len(text) > limit or bool(controls)
    expected = es.Reason(code=es.ReasonCode.MESSAGE_NOT_ALLOWED, limit=limit)
    assert reasons == ((expected,) if refused else ())


@pytest.mark.parametrize(
    ("message", "refused"),
    [
        ("x" * 2_000, False),
        ("\r\n" * 2_000, False),
        ("x" * 1_000_000, True),
        ("a lone surrogate \ud800", True),
        ("\N{RIGHT-TO-LEFT MARK} שלום", False),
    ],
    ids=["limit", "line ends", "a megabyte", "surrogate", "rtl"],
)
def test_by_default_two_thousand_characters_of_plain_text_are_allowed(message, refused):
    reasons = World().reasons(share_request(ANNA, CT, BEN, message=message))

    expected = es.Reason(code=es.ReasonCode.MESSAGE_NOT_ALLOWED, limit=2_000)
    assert reasons == ((expected,) if refused else ())


def test_an_empty_message_is_none():
    world = shared_with(BEN, message="")

    assert world.told()[BEN].message is None


def test_the_message_is_looked_at_even_where_none_would_be_sent():
    world = World(sends_notices=False)

    reasons = world.reasons(share_request(ANNA, CT, BEN, message="\0"))

    assert reasons == (es.Reason(code=es.ReasonCode.MESSAGE_NOT_ALLOWED, limit=2_000),)


REACH = {NURSES: {DAN, EVA}, CLINIC: {CARLA, DAN, EVA}}

LIMITS = st.none() | st.integers(1, 4)


def told_behind(closed):
    """Return whom the groups are known to reach: the nurses are in the clinic, beside Carla."""
    nurses = set() if NURSES in closed else REACH[NURSES]
    return {NURSES: nurses, CLINIC: set() if CLINIC in closed else {CARLA} | nurses}


def too_many(limited, limit):
    return es.Reason(code=es.ReasonCode.TOO_MANY, limited=limited, limit=limit)


@pytest.mark.reason_code(es.ReasonCode.TOO_MANY)
@given(
    recipients=st.lists(
        st.sampled_from([CARLA, DAN, EVA, NURSES, CLINIC]), min_size=1, unique=True
    ),
    seen=st.sets(st.sampled_from([MR, XRAY])),
    scope=st.sampled_from(es.Scope),
    max_recipients=LIMITS,
    max_exams=LIMITS,
    max_people=LIMITS,
    closed=st.sets(st.sampled_from([NURSES, CLINIC])),
)
def test_a_share_is_refused_exactly_beyond_the_limits(
    recipients, seen, scope, max_recipients, max_exams, max_people, closed
):
    """Specification: `#too_many`."""
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
        "exams": (1 + len(seen) if scope is es.Scope.BATCH else 1, max_exams),
        "people": (max(len(known), *unknown, 0), max_people),
    }
    assert reasons == tuple(
        too_many(limited, limit)
        for limited, (count, limit) in counts.items()
        if limit is not None and count > limit
    )


def test_the_members_of_several_groups_are_counted_together():
    world = World(max_people=3)
    ward = es.GroupId("ward")
    world.group(ward, BEN, CARLA)

    reasons = world.reasons(share_request(ANNA, CT, NURSES, ward))

    assert reasons == (too_many("people", 3),)


def test_inactive_members_are_not_reached():
    world = World(max_people=1)
    world.person(EVA, active=False)

    assert world.reasons(share_request(ANNA, CT, NURSES)) == ()


def test_the_limit_does_not_disclose_unseen_members():
    """Beside as many others as the limit has room for, one more would tell a stranger of a member.

    Each preview names the group and others, one of whom may be in the group.
    """
    team = [es.UserId(f"person{number:02}") for number in range(65)]
    ward = es.GroupId("ward")
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


def test_the_limit_does_not_disclose_common_unseen_members():
    closed = [es.GroupId(f"ward{number}") for number in range(3)]
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

    assert codes(reasons) == [es.ReasonCode.RECIPIENT_NOT_FOUND]


CHANGED = (es.Reason(code=es.ReasonCode.CHANGED_SINCE_SHOWN),)


@pytest.mark.reason_code(es.ReasonCode.CHANGED_SINCE_SHOWN)
@given(
    seen=st.sets(st.sampled_from([MR, XRAY])),
    expect=st.none() | st.frozensets(st.sampled_from([CT, MR, XRAY, NO_EXAM])),
    scope=st.sampled_from(es.Scope),
)
def test_a_batch_is_refused_exactly_when_it_covers_other_exams_than_expected(seen, expect, scope):
    """Specification: `#changed_since_shown`."""
    world = World()
    for exam in (CT, *seen):
        world.share(ANNA, exam, BEN)

    reasons = world.reasons(share_request(BEN, CT, CARLA, scope=scope, expect=expect))

    as_shown = scope is es.Scope.EXAM or expect in (None, {CT, *seen})
    assert reasons == (() if as_shown else CHANGED)


DISC = es.BatchId("disc")

FIRST = es.ExamId("exam0")

SPANS = (es.Reason(code=es.ReasonCode.BATCH_SPANS_SUBJECTS),)


def world_with(subjects, **settings):
    world = World(**settings)
    for number, subject in enumerate(subjects):
        world.upload(DISC, ANNA, es.ExamId(f"exam{number}"), subject=subject)
    return world


@pytest.mark.reason_code(es.ReasonCode.BATCH_SPANS_SUBJECTS)
@given(
    subjects=st.lists(st.sampled_from([None, "p", "q", "exam exam0"]), min_size=1, max_size=3),
    allowed=st.booleans(),
    scope=st.sampled_from(es.Scope),
)
def test_a_share_is_refused_exactly_when_it_spans_subjects_and_the_policy_forbids_it(
    subjects, allowed, scope
):
    """Specification: `#batch_spans_subjects`."""
    world = world_with(subjects, batches_across_subjects=allowed)

    reasons = world.reasons(share_request(ANNA, FIRST, BEN, scope=scope))

    covered = subjects if scope is es.Scope.BATCH else subjects[:1]
    apart = len({each for each in covered if each is not None}) + covered.count(None)
    assert reasons == (SPANS if apart > 1 and not allowed else ())


REMOVED = (es.Reason(code=es.ReasonCode.REMOVED_BY_OWNER, principals=(CARLA,)),)


def world_after(acts, **settings):
    """Return a world where Ben can see the exam and this was done with Carla, if it could be."""
    world = World(**settings)
    world.share(ANNA, CT, BEN)
    for act in acts:
        act(world)
    return world


def owner_shares(world):
    world.share(ANNA, CT, CARLA, until=world.now + 9 * DAY)


def owner_unshares(world):
    if CARLA in world.entries(ANNA):
        world.unshare(ANNA, CT, CARLA)


def owner_narrows(world):
    entry = world.entries(ANNA).get(CARLA)
    if entry is not None and entry.until != START + DAY:
        world.narrow(ANNA, CT, CARLA, until=START + DAY)


def ben_shares(world):
    world.reasons(share_request(BEN, CT, CARLA))


def ben_unshares(world):
    entry = world.entries(ANNA).get(CARLA)
    if entry is not None and any(each.grant.grantor == BEN for each in entry.grants):
        world.unshare(BEN, CT, CARLA)


def carla_leaves(world):
    if CARLA in world.entries(ANNA):
        world.unshare(CARLA, CT, CARLA)


ACTS = [owner_shares, owner_unshares, owner_narrows, ben_shares, ben_unshares, carla_leaves]


def removed_after(acts):
    """Say whether the owner removed Carla last, from what each act is known to do."""
    grantors, removed = set(), False
    for act in acts:
        if act is owner_shares:
            grantors, removed = grantors | {ANNA}, False
        elif act is owner_unshares:
            grantors, removed = set(), removed or bool(grantors)
        elif act is ben_shares and not removed:
            grantors = grantors | {BEN}
        elif act is ben_unshares:
            grantors = grantors - {BEN}
        elif act is carla_leaves:
            grantors = set()
    return removed


@pytest.mark.reason_code(es.ReasonCode.REMOVED_BY_OWNER)
@given(acts=st.lists(st.sampled_from(ACTS), max_size=6), only_owner=st.booleans())
def test_others_are_refused_exactly_when_the_owner_removed_last(acts, only_owner):
    """Specification: `#removed_by_owner`."""
    world = world_after(acts, only_owner_readmits=only_owner)

    reasons = world.reasons(share_request(BEN, CT, CARLA))

    assert reasons == (REMOVED if only_owner and removed_after(acts) else ())


def test_a_readmission_outlives_a_change_of_owner():
    world = world_after([owner_shares, owner_unshares, owner_shares], only_owner_readmits=True)
    world.transfer(CT, EVA)

    assert world.reasons(share_request(BEN, CT, CARLA)) == ()


def test_it_is_about_that_principal_only():
    world = world_after([], only_owner_readmits=True)
    world.share(ANNA, CT, DAN, NURSES)
    world.unshare(ANNA, CT, NURSES)

    assert world.reasons(share_request(BEN, CT, DAN, EVA)) == ()
    assert world.reasons(share_request(BEN, CT, NURSES, CARLA)) == (
        es.Reason(code=es.ReasonCode.REMOVED_BY_OWNER, principals=(NURSES,)),
    )


def test_one_exam_of_the_batch_is_enough():
    world = World(only_owner_readmits=True)
    world.share(ANNA, CT, BEN, scope=es.Scope.BATCH)
    world.share(ANNA, MR, CARLA)
    world.unshare(ANNA, MR, CARLA)

    assert world.reasons(share_request(BEN, CT, CARLA)) == ()
    assert world.reasons(share_request(BEN, CT, DAN, CARLA, scope=es.Scope.BATCH)) == REMOVED


def test_readmitting_somebody_else_readmits_nobody():
    world = world_after([owner_shares, owner_unshares], only_owner_readmits=True)
    world.share(ANNA, CT, DAN)

    assert world.reasons(share_request(BEN, CT, CARLA)) == REMOVED
