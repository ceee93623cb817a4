"""`HOST_RULE`: a rule that the host added says no."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_sharing import HostRule, Reason, ReasonCode, Scope
from world import ANNA, BEN, CARLA, CT, MR, NO_EXAM, XRAY, World, codes, share_request

pytestmark = pytest.mark.every_store


def rule(code, refuses):
    return HostRule(code=code, statement="The host says no.", refuses=refuses)


def no(code):
    return Reason(code=ReasonCode.HOST_RULE, host_code=code)


@pytest.mark.reason_code(ReasonCode.HOST_RULE)
@given(answers=st.lists(st.sampled_from([True, False, None, 0, 1, "", "no"]), max_size=3))
def test_a_share_is_refused_with_the_code_of_each_rule_that_does_not_let_it_pass(answers):
    """Hold the rule of SPEC 2.

    "a rule that the host added says no, with the host's own code."
    """
    rules = [rule(f"R{n}", lambda *_, a=answer: a) for n, answer in enumerate(answers)]
    world = World(host_rules=rules)

    reasons = world.reasons(share_request(ANNA, CT, BEN))

    assert reasons == tuple(no(f"R{n}") for n, answer in enumerate(answers) if answer is not False)


def test_host_rules_see_the_request_the_facts_and_facts_of_the_hosts_own():
    class Embargoes:
        def about(self, request, exams):
            return {"embargoed": exams}

    seen = []

    def embargoed(request, facts, host):
        seen.append((request.recipients, facts.actor.user))
        return request.exam in host["embargoed"]

    world = World(host_rules=[rule("EMBARGO", embargoed)], host_facts=Embargoes())

    assert world.reasons(share_request(ANNA, CT, BEN)) == (no("EMBARGO"),)
    assert seen == [((BEN,), ANNA)]


def test_host_rules_can_refuse_and_never_allow():
    world = World(host_rules=[rule("FINE", lambda *_: False)])

    assert codes(world.reasons(share_request(BEN, CT, CARLA))) == [ReasonCode.EXAM_NOT_FOUND]
    assert codes(world.reasons(share_request(ANNA, CT, ANNA))) == [
        ReasonCode.RECIPIENT_IS_SELF,
        ReasonCode.RECIPIENT_IS_OWNER,
    ]


def test_host_facts_are_not_asked_about_an_exam_that_cannot_be_seen():
    class Strict:
        def about(self, request, exams):
            raise AssertionError

    world = World(host_rules=[rule("FINE", lambda *_: False)], host_facts=Strict())

    for exam in (CT, NO_EXAM):
        assert codes(world.reasons(share_request(BEN, exam, CARLA))) == [ReasonCode.EXAM_NOT_FOUND]


def test_host_facts_are_asked_about_the_exams_that_the_share_covers_and_no_others():
    class Asked:
        def about(self, request, exams):
            return exams

    def never(request, facts, host):
        seen.append(host)
        return False

    seen = []
    world = World(host_rules=[rule("FINE", never)], host_facts=Asked())
    world.transfer(XRAY, CARLA)
    world.share(ANNA, CT, BEN, scope=Scope.BATCH)

    assert [set(exams) for exams in seen] == [{CT, MR}]


def test_a_rule_that_fails_is_never_a_yes():
    def broken(request, facts, host):
        raise ZeroDivisionError

    world = World(host_rules=[rule("BROKEN", broken)])
    before = world.state()

    with pytest.raises(ZeroDivisionError):
        world.share(ANNA, CT, BEN)
    assert world.state() == before
