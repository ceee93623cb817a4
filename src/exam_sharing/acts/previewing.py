"""Previews: what an act would do, from the same facts and the same plan as the act itself."""

from datetime import datetime
from typing import Final

import attrs

from exam_sharing.acts.gathering import ending_facts, people_affected, share_facts
from exam_sharing.acts.questions import Act
from exam_sharing.acts.writing import answered_before
from exam_sharing.policy.decisions import Denied, Reason, ReasonCode
from exam_sharing.policy.disclosure import consequences
from exam_sharing.policy.ending import decide_ending
from exam_sharing.policy.ending_rules import EndingRequest
from exam_sharing.policy.facts import ExamFacts, Profile
from exam_sharing.policy.plans import Plan, Preview, ShareReceipt, UnshareReceipt
from exam_sharing.policy.requests import Request, ShareRequest
from exam_sharing.policy.settings import Policy
from exam_sharing.policy.share import decide_share

__all__ = ["preview"]

_WOULD_BE: Final = "would-be"
"""Stands where an act has its id; nothing of a preview shows the ids of grants."""


def preview(policy: Policy, request: Request, now: datetime) -> Act[Preview]:
    """Say what a request would do, as far as its actor may know: SPEC section 4.

    A rule that says no is no error here: it is among the reasons.

    Args:
        policy: the deployment's settings.
        request: what would be asked for.
        now: aware, in UTC.

    Raises:
        RequestIdReused: the request id was used for another request.
    """
    if isinstance(request, ShareRequest):
        return _preview_share(policy, request, now)
    return _preview_ending(policy, request, now)


def _preview_share(policy: Policy, request: ShareRequest, now: datetime) -> Act[Preview]:
    if (yield from answered_before(request, ShareReceipt)) is not None:
        return Preview(repeated=True)
    facts = yield from share_facts(policy, request, now)
    decision = decide_share(policy, request, facts, now, _WOULD_BE)
    reasons: tuple[Reason, ...] = ()
    if isinstance(decision, Denied):
        reasons = decision.reasons
        attested = attrs.evolve(request, attested=True, wording=None)
        if decision.codes == {ReasonCode.ATTESTATION_MISSING}:
            decision = decide_share(policy, attested, facts, now, _WOULD_BE)
    if isinstance(decision, Denied):
        return Preview(reasons=reasons)
    return (yield from _effects(policy, facts.actor, facts.exams, decision, reasons, now))


def _preview_ending(policy: Policy, request: EndingRequest, now: datetime) -> Act[Preview]:
    if (yield from answered_before(request, UnshareReceipt)) is not None:
        return Preview(repeated=True)
    facts = yield from ending_facts(policy, request, now)
    decision = decide_ending(policy, request, facts, now, _WOULD_BE)
    if isinstance(decision, Denied):
        return Preview(reasons=decision.reasons)
    return (yield from _effects(policy, facts.actor, facts.exams, decision, (), now))


def _effects(
    policy: Policy,
    actor: Profile,
    exams: tuple[ExamFacts, ...],
    plan: Plan,
    reasons: tuple[Reason, ...],
    now: datetime,
) -> Act[Preview]:
    people = yield from people_affected(actor.user, plan, exams)
    told = consequences(policy, actor, exams, plan, people, now)
    return Preview(reasons=reasons, gains=told.gains, losses=told.losses, keeps=told.keeps)
