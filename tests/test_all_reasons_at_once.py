"""A refusal carries every code that applies. Specification: `#refusals`."""

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
    NO_EXAM,
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


def rule(code, refuses):
    return HostRule(code=code, statement="The host says no.", refuses=refuses)


def no(code):
    return Reason(code=ReasonCode.HOST_RULE, host_code=code)


@pytest.mark.reason_code(ReasonCode.HOST_RULE)
@given(answers=st.lists(st.sampled_from([True, False, None, 0, 1, "", "no"]), max_size=3))
def test_a_share_is_refused_with_the_code_of_each_host_rule(answers):
    """Specification: `#host_rule`."""
    rules = [rule(f"R{n}", lambda *_, a=answer: a) for n, answer in enumerate(answers)]
    world = World(host_rules=rules)

    reasons = world.reasons(share_request(ANNA, CT, BEN))

    assert reasons == tuple(no(f"R{n}") for n, answer in enumerate(answers) if answer is not False)


def test_host_facts_are_queried_for_the_covered_exams_alone_and_given_to_the_rules():
    class Embargoes:
        def about(self, request, exams):
            asked.append(set(exams))
            return {"embargoed": exams}

    def embargoed(request, facts, host):
        seen.append((request.recipients, facts.actor.user))
        return request.exam in host["embargoed"]

    asked, seen = [], []
    world = World(host_rules=[rule("EMBARGO", embargoed)], host_facts=Embargoes())
    world.transfer(XRAY, CARLA)

    for exam in (CT, NO_EXAM):
        assert codes(world.reasons(share_request(BEN, exam, CARLA))) == [ReasonCode.EXAM_NOT_FOUND]
    assert asked == []
    assert world.reasons(share_request(ANNA, CT, BEN, scope=Scope.BATCH)) == (no("EMBARGO"),)
    assert (asked, seen) == ([{CT, MR}], [((BEN,), ANNA)])


def test_a_rule_that_fails_is_never_a_yes():
    def broken(request, facts, host):
        raise ZeroDivisionError

    world = World(host_rules=[rule("BROKEN", broken)])
    before = world.state()

    with pytest.raises(ZeroDivisionError):
        world.share(ANNA, CT, BEN)
    assert world.state() == before


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


def test_a_refusal_carries_every_code_in_the_order_of_the_table_and_is_audited_without_message():
    world = strict_world()

    assert world.reasons(EVERYTHING_WRONG) == EVERY_REASON

    event = world.store.events()[-1]
    assert isinstance(event, ActRefused)
    assert (event.at, event.reasons) == (START, EVERY_REASON)
    assert (event.request.actor, event.request.message) == (BEN, None)


def test_without_the_plan_no_reason_depends_on_recipients():
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
def test_every_reason_is_reported_beside_the_others(attested, recipients, days, message, expect):
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
