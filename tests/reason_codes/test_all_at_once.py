"""SPEC 2: a refusal carries all the codes that apply, with parameters, and changes nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_sharing import ExamId, HostRule, Reason, ReasonCode, Scope
from exam_sharing.events import ActRefused
from world import (
    ANNA,
    BEN,
    CARLA,
    CD,
    CT,
    DAY,
    DOWNLOAD,
    MR,
    NOBODY,
    NURSES,
    START,
    VIEW,
    XRAY,
    World,
    codes,
    share_request,
)

pytestmark = pytest.mark.every_store

OTHER = ExamId("other")


def closed_to_ben(request, facts, host):
    return request.actor == BEN


def strict_world():
    """Return a world in which Ben can do nearly everything wrong at once."""
    world = World(
        max_recipients=2,
        max_exams=1,
        max_people=1,
        max_duration=2 * DAY,
        message_limit=5,
        batches_across_subjects=False,
        only_owner_readmits=True,
        host_rules=[HostRule(code="CLOSED", statement="Ben may not.", refuses=closed_to_ben)],
        attestation_wording="new",
    )
    world.upload(CD, ANNA, OTHER, subject="another subject")
    for exam, permission in ((CT, DOWNLOAD), (MR, VIEW), (OTHER, DOWNLOAD)):
        world.share(ANNA, exam, BEN, permission=permission, until=START + DAY)
    world.share(ANNA, CT, CARLA)
    world.unshare(ANNA, CT, CARLA)
    return world


EVERYTHING_WRONG = share_request(
    BEN,
    CT,
    BEN,
    ANNA,
    CARLA,
    NOBODY,
    permission=DOWNLOAD,
    scope=Scope.BATCH,
    until=START + 3 * DAY,
    wording="old",
    message="too long",
    expect=[CT],
)
EVERY_REASON = (
    Reason(code=ReasonCode.ATTESTATION_MISSING),
    Reason(code=ReasonCode.RECIPIENT_NOT_FOUND, principals=(NOBODY,)),
    Reason(code=ReasonCode.RECIPIENT_IS_SELF, principals=(BEN,)),
    Reason(code=ReasonCode.RECIPIENT_IS_OWNER, principals=(ANNA,)),
    Reason(code=ReasonCode.DOWNLOAD_NOT_HELD, exams=(MR,)),
    Reason(code=ReasonCode.EXPIRY_BEYOND_OWN, exams=(CT, OTHER), until=START + DAY),
    Reason(code=ReasonCode.EXPIRY_BEYOND_POLICY, until=START + 2 * DAY),
    Reason(code=ReasonCode.MESSAGE_NOT_ALLOWED, limit=5),
    Reason(code=ReasonCode.TOO_MANY, limited="recipients", limit=2),
    Reason(code=ReasonCode.TOO_MANY, limited="exams", limit=1),
    Reason(code=ReasonCode.TOO_MANY, limited="people", limit=1),
    Reason(code=ReasonCode.CHANGED_SINCE_SHOWN),
    Reason(code=ReasonCode.BATCH_SPANS_SUBJECTS),
    Reason(code=ReasonCode.REMOVED_BY_OWNER, principals=(CARLA,)),
    Reason(code=ReasonCode.HOST_RULE, host_code="CLOSED"),
)


def test_a_refusal_carries_every_code_that_applies_in_the_order_of_the_table():
    assert strict_world().reasons(EVERYTHING_WRONG) == EVERY_REASON


def test_a_refused_share_changes_nothing():
    world = strict_world()
    before = world.state()

    world.reasons(EVERYTHING_WRONG)

    assert world.state() == before


def test_a_refused_share_is_still_audited_without_its_message():
    world = strict_world()

    world.reasons(EVERYTHING_WRONG)

    event = world.store.events()[-1]
    assert isinstance(event, ActRefused)
    assert (event.at, event.reasons) == (START, EVERY_REASON)
    assert (event.request.actor, event.request.message) == (BEN, None)


def test_without_the_plan_every_code_but_those_about_recipients_and_people_is_left():
    world = strict_world()
    world.person(BEN, sharing_in_plan=False)
    about_recipients = {
        ReasonCode.RECIPIENT_NOT_FOUND,
        ReasonCode.RECIPIENT_IS_SELF,
        ReasonCode.RECIPIENT_IS_OWNER,
        ReasonCode.REMOVED_BY_OWNER,
        ReasonCode.HOST_RULE,
    }

    assert world.reasons(EVERYTHING_WRONG) == (
        Reason(code=ReasonCode.SHARING_NOT_IN_PLAN),
        *(
            reason
            for reason in EVERY_REASON
            if reason.code not in about_recipients and reason.limited != "people"
        ),
    )


@given(
    attested=st.booleans(),
    recipients=st.lists(st.sampled_from([ANNA, CARLA, NOBODY, NURSES]), max_size=3),
    days=st.none() | st.integers(-2, 2),
    message=st.sampled_from([None, "fine", "\0"]),
    expect=st.sampled_from([None, frozenset({CT, MR, XRAY}), frozenset({MR})]),
)
def test_every_reason_is_told_whatever_the_others(attested, recipients, days, message, expect):
    world = World()
    until = None if days is None else START + days * DAY
    request = share_request(
        ANNA,
        CT,
        *recipients,
        scope=Scope.BATCH,
        attested=attested,
        until=until,
        message=message,
        expect=expect,
    )

    wrong = {
        ReasonCode.ATTESTATION_MISSING: not attested,
        ReasonCode.NO_RECIPIENTS: not recipients,
        ReasonCode.RECIPIENT_NOT_FOUND: NOBODY in recipients,
        ReasonCode.RECIPIENT_IS_SELF: ANNA in recipients,
        ReasonCode.RECIPIENT_IS_OWNER: ANNA in recipients,
        ReasonCode.EXPIRY_IN_PAST: days is not None and days <= 0,
        ReasonCode.MESSAGE_NOT_ALLOWED: message == "\0",
        ReasonCode.CHANGED_SINCE_SHOWN: expect == {MR},
    }
    assert codes(world.reasons(request)) == [code for code, is_so in wrong.items() if is_so]
