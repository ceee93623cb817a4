"""`EXAM_NOT_FOUND`: there is no such exam, or the actor has no access to it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_sharing import (
    GroupId,
    HostRule,
    Reason,
    ReasonCode,
    Scope,
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
    NO_EXAM,
    NOBODY,
    NURSES,
    START,
    World,
    codes,
    share_request,
)

pytestmark = pytest.mark.every_store

PEOPLE = [ANNA, BEN, CARLA, DAN, EVA, NOBODY]
REACH = {NURSES: {DAN, EVA}, CLINIC: {CARLA, DAN, EVA}}


def not_found(exam):
    return (Reason(code=ReasonCode.EXAM_NOT_FOUND, exams=(exam,)),)


@pytest.mark.reason_code(ReasonCode.EXAM_NOT_FOUND)
@given(
    granted=st.sets(st.sampled_from([BEN, CARLA, DAN, NURSES, CLINIC])),
    inactive=st.sets(st.sampled_from([ANNA, BEN, CARLA, DAN])),
    actor=st.sampled_from(PEOPLE),
    exam=st.sampled_from([CT, MR, NO_EXAM]),
    scope=st.sampled_from(Scope),
)
def test_a_share_is_refused_with_this_alone_exactly_without_access(
    granted, inactive, actor, exam, scope
):
    """Hold the rule of SPEC 2.

    "there is no such exam, or the actor has no access to it. The two are one answer
    [...], and no other code is then reported."
    """
    world = World()
    if granted:
        world.share(ANNA, CT, *granted)
    for user in inactive:
        world.person(user, active=False)

    reached = set().union(*(REACH.get(each, {each}) for each in granted))
    holders = ({ANNA} | (reached if exam == CT else set())) - inactive
    has_access = exam != NO_EXAM and actor in holders
    reasons = world.reasons(share_request(actor, exam, NOBODY, attested=False, scope=scope))

    if has_access:
        assert ReasonCode.EXAM_NOT_FOUND not in codes(reasons)
    else:
        assert reasons == not_found(exam)


def test_it_stands_alone_when_everything_else_is_wrong_too():
    world = World(
        max_recipients=1,
        message_limit=1,
        batches_across_subjects=False,
        host_rules=[HostRule(code="NO", statement="No.", refuses=lambda *_: True)],
    )
    world.person(BEN, sharing_in_plan=False)
    request = share_request(
        BEN,
        CT,
        BEN,
        ANNA,
        NOBODY,
        permission=DOWNLOAD,
        scope=Scope.BATCH,
        until=START - DAY,
        attested=False,
        message="\0\0",
        expect=frozenset(),
    )

    assert world.reasons(request) == not_found(CT)


def test_a_user_has_no_access_by_a_grant_to_a_group_of_the_same_string():
    world = World()
    namesake = GroupId(str(BEN))
    world.group(namesake, CARLA)
    world.share(ANNA, CT, namesake)

    assert world.reasons(share_request(BEN, CT, DAN)) == not_found(CT)
