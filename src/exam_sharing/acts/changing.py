"""The acts that change sharing: share, unshare, narrow, end one grant, and the host's own."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from exam_sharing.acts.gathering import (
    ending_facts,
    grantors_of,
    lineage_of,
    people_affected,
    share_facts,
)
from exam_sharing.acts.questions import Act, ExamsGrantedTo, FindExams, ReadGrants, ask
from exam_sharing.acts.writing import (
    answered_before,
    carry_through,
    receipt_to_keep,
    versions_after,
)
from exam_sharing.events import ExamShared, GrantsEnded, WaitingNotice
from exam_sharing.grants import Grant, ShownGrant
from exam_sharing.identifiers import ExamId, NoticeId, id_within
from exam_sharing.policy.decisions import Denied, Reason, ReasonCode
from exam_sharing.policy.disclosure import unshare_receipt
from exam_sharing.policy.ending import decide_ending, decide_ending_by_host, plan_withdrawal
from exam_sharing.policy.ending_rules import EndingRequest
from exam_sharing.policy.facts import ExamGrants
from exam_sharing.policy.plans import EndingPlan, SharePlan, ShareReceipt, UnshareReceipt
from exam_sharing.policy.requests import HostEnding, ShareRequest, Withdrawal, without_message
from exam_sharing.policy.settings import Policy
from exam_sharing.policy.share import decide_share
from exam_sharing.ports import Changes

__all__ = ["end_by_host", "end_grants", "share", "withdraw"]


def share(policy: Policy, request: ShareRequest, now: datetime, act: str) -> Act[ShareReceipt]:
    """Share exams: SPEC section 2.

    Args:
        policy: the deployment's settings.
        request: what is asked for.
        now: aware, in UTC.
        act: a new id for this act.

    Raises:
        Refused: a rule says no.
        RequestIdReused: the request id was used for another request.
        Conflict: other acts kept changing the same exams.
    """

    def attempt() -> Act[tuple[Changes | None, ShareReceipt] | Denied]:
        earlier = yield from answered_before(request, ShareReceipt)
        if earlier is not None:
            return None, earlier
        facts = yield from share_facts(policy, request, now)
        decision = decide_share(policy, request, facts, now, act)
        if isinstance(decision, Denied):
            return decision
        receipt = ShareReceipt(share=decision.share.id, at=now, outcomes=decision.outcomes)
        return _share_changes(request, decision, receipt), receipt

    return carry_through(request, attempt, now)


def _share_changes(request: ShareRequest, plan: SharePlan, receipt: ShareReceipt) -> Changes:
    event = ExamShared(
        at=plan.share.at,
        request=without_message(request),
        share=plan.share,
        versions=versions_after(plan),
        made=plan.made,
    )
    notices = tuple(
        WaitingNotice(
            id=NoticeId(id_within(plan.share.id.value, due.to)),
            share=plan.share.id,
            to=due.to,
            actor=request.actor,
            exams=due.exams,
            permission=due.permission,
            until=due.until,
            message=request.message,
        )
        for due in plan.notices
    )
    return Changes(
        versions=plan.versions,
        made=plan.made,
        share=plan.share,
        receipt=receipt_to_keep(request, receipt),
        notices=notices,
        event=event,
    )


def end_grants(
    policy: Policy, request: EndingRequest, now: datetime, act: str
) -> Act[UnshareReceipt]:
    """Unshare, narrow, or end one grant: SPEC section 3.

    Args:
        policy: the deployment's settings.
        request: what is asked for.
        now: aware, in UTC.
        act: a new id for this act.

    Raises:
        Refused: a rule says no.
        RequestIdReused: the request id was used for another request.
        Conflict: other acts kept changing the same exam.
    """

    def attempt() -> Act[tuple[Changes | None, UnshareReceipt] | Denied]:
        earlier = yield from answered_before(request, UnshareReceipt)
        if earlier is not None:
            return None, earlier
        facts = yield from ending_facts(policy, request, now)
        decision = decide_ending(policy, request, facts, now, act)
        if isinstance(decision, Denied):
            return decision
        people = yield from people_affected(request.actor, decision, facts.exams)
        receipt = unshare_receipt(policy, facts, decision, people, now)
        changes = Changes(
            versions=decision.versions,
            made=decision.made,
            ended=decision.ended,
            receipt=receipt_to_keep(request, receipt),
            event=_grants_ended(request, decision, now),
        )
        return changes, receipt

    return carry_through(request, attempt, now)


def end_by_host(
    policy: Policy, request: HostEnding, now: datetime, act: str
) -> Act[UnshareReceipt]:
    """End a principal's grants for the host, on one exam or everywhere: SPEC section 3.

    Args:
        policy: the deployment's settings.
        request: what the host asks for.
        now: aware, in UTC.
        act: a new id for this act.

    Returns:
        What ended and what was left, with nothing held back; empty where there was no grant.

    Raises:
        Refused: there is no such exam and no sharing of one is kept, or re-shares restrict it.
        Conflict: other acts kept changing the same exams.
    """

    def attempt() -> Act[tuple[Changes | None, UnshareReceipt] | Denied]:
        if request.exam is None:
            exams = yield from ask(ExamsGrantedTo(request.recipient))
        else:
            exams = (request.exam,)
        sharing = yield from ask(ReadGrants(exams))
        if request.exam is not None and not (yield from _is_known(request.exam, sharing)):
            return _not_found(request.exam)
        grants = tuple(grant for each in sharing.values() for grant in each.grants)
        reshares = request.reshares or policy.reshares
        lineage = yield from lineage_of(grants, reshares)
        profiles = yield from grantors_of(grants, reshares)
        memberships = {user: profile.principals for user, profile in profiles.items()}
        plan = decide_ending_by_host(policy, request, sharing, lineage, memberships, now, act)
        return plan if isinstance(plan, Denied) else _by_host(request, plan, now)

    return carry_through(request, attempt, now)


def withdraw(request: Withdrawal, now: datetime) -> Act[UnshareReceipt]:
    """Withdraw an exam for the host: all its grants end, and it is no longer found.

    Args:
        request: what the host asks for.
        now: aware, in UTC.

    Returns:
        The grants that ended; an empty receipt, with nothing written, where the exam was withdrawn
        before.

    Raises:
        Refused: there is no such exam, and no sharing of one is kept.
        Conflict: other acts kept changing it.
    """

    def attempt() -> Act[tuple[Changes | None, UnshareReceipt] | Denied]:
        sharing = yield from ask(ReadGrants((request.exam,)))
        kept = sharing[request.exam]
        if kept.withdrawn:
            return None, UnshareReceipt(at=now)
        if not (yield from _is_known(request.exam, sharing)):
            return _not_found(request.exam)
        return _by_host(request, plan_withdrawal(request, kept, now), now)

    return carry_through(request, attempt, now)


def _is_known(exam: ExamId, sharing: Mapping[ExamId, ExamGrants]) -> Act[bool]:
    """Ask whether the exam is there, unless sharing of it is kept: then the host may end it."""
    return sharing[exam].version > 0 or bool((yield from ask(FindExams((exam,)))))


def _not_found(exam: ExamId) -> Denied:
    return Denied((Reason(code=ReasonCode.EXAM_NOT_FOUND, exams=(exam,)),))


def _by_host(
    request: HostEnding | Withdrawal, plan: EndingPlan, now: datetime
) -> tuple[Changes, UnshareReceipt]:
    changes = Changes(
        versions=plan.versions,
        made=plan.made,
        ended=plan.ended,
        withdrawn=request.exam if isinstance(request, Withdrawal) else None,
        event=_grants_ended(request, plan, now),
    )

    def whole(grants: Iterable[Grant]) -> tuple[ShownGrant, ...]:
        return tuple(ShownGrant.of(grant, grant.basis) for grant in grants)

    receipt = UnshareReceipt(
        at=now,
        ended=whole(each.grant for each in plan.ended),
        replacements=whole(plan.made),
        left_standing=whole(plan.left_standing),
    )
    return changes, receipt


def _grants_ended(
    request: EndingRequest | HostEnding | Withdrawal, plan: EndingPlan, now: datetime
) -> GrantsEnded:
    versions = dict(versions_after(plan))
    if isinstance(request, Withdrawal):
        versions = {exam: version + 1 for exam, version in plan.versions.items()}
    return GrantsEnded(at=now, request=request, versions=versions, ended=plan.ended, made=plan.made)
