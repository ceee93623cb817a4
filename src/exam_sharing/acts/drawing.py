"""The chain of sharing of an exam, with what an act would end: for a person, and for operators."""

from datetime import datetime

import attrs

from exam_sharing.acts import gathering
from exam_sharing.acts.changing import WOULD_BE, earlier_receipt
from exam_sharing.graph import SharingGraph, principals_in
from exam_sharing.identifiers import ExamId, UserId
from exam_sharing.policy import views
from exam_sharing.policy.chain import Due, chain_seen, whole_chain
from exam_sharing.policy.decisions import Denied, Reason, ReasonCode, Refused, not_found
from exam_sharing.policy.ending import decide_ending
from exam_sharing.policy.plans import UnshareReceipt
from exam_sharing.policy.requests import EndingRequest, Reshares, RevokeRequest
from exam_sharing.policy.settings import Policy
from exam_sharing.ports import Ports


def graph_seen(
    ports: Ports,
    policy: Policy,
    user: UserId,
    exam: ExamId,
    preview: EndingRequest | None,
    now: datetime,
) -> SharingGraph:
    """Return the chain of sharing of the exam, as far as the user may see it.

    Raises:
        Refused: there is no such exam, the user has no access to it, or the act would be refused.
    """
    scene = gathering.scene_of(ports, policy, user, exam, now)
    facts = scene.facts.exam
    if facts is None or not scene.has_access:
        raise Refused((not_found(exam),))
    lineage, _ = gathering.support_of(ports, facts.sharing.grants, Reshares.KEEP)
    due = _due(ports, policy, exam, preview, now)
    names = gathering.names_of(ports, views.principals_on(scene, facts))
    return chain_seen(scene, facts, lineage, due, names)


def whole_graph(
    ports: Ports, policy: Policy, exam: ExamId, preview: EndingRequest | None, now: datetime
) -> SharingGraph:
    """Return the whole chain of sharing of the exam, for operators.

    Raises:
        Refused: there is no such exam and no sharing of one is kept, or the act would be refused.
    """
    sharing = ports.grants.read((exam,), ended=True)[exam]
    found = gathering.exams_from(ports.exams.find((exam,)))
    if not found and not sharing.version:
        raise Refused((not_found(exam),))
    due = _due(ports, policy, exam, preview, now)
    graph = whole_chain(exam, next(iter(found), None), sharing, due, now)
    return attrs.evolve(graph, names=gathering.names_of(ports, principals_in(graph)))


def _due(
    ports: Ports, policy: Policy, exam: ExamId, request: EndingRequest | None, now: datetime
) -> Due:
    """Return what the request would end on the exam; nothing if it repeats an earlier one."""
    if request is None or earlier_receipt(ports, request, UnshareReceipt) is not None:
        return {}
    facts = gathering.ending_facts(ports, policy, request, now)
    decision = decide_ending(policy, request, facts, now, WOULD_BE)
    if isinstance(decision, Denied):
        raise Refused(decision.reasons)
    if isinstance(request, RevokeRequest) and exam not in decision.versions:
        raise Refused((Reason(code=ReasonCode.NO_SUCH_GRANT, grants=(request.grant,)),))
    return {each.grant.id: each.ending.how for each in decision.ended}
