"""The acts that change sharing, and their previews, from the same facts and the same plan."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final, TypeAlias, TypeVar

import attrs

from exam_sharing.acts import gathering
from exam_sharing.errors import Conflict, RequestIdReused, Unconfirmed
from exam_sharing.events import ActRefused, ExamShared, GrantsEnded, WaitingNotice
from exam_sharing.grants import Grant, ShownGrant
from exam_sharing.identifiers import ExamId, NoticeId, id_within
from exam_sharing.policy import plans, requests
from exam_sharing.policy.decisions import Denied, Reason, ReasonCode, Refused, not_found
from exam_sharing.policy.disclosure import consequences, unshare_receipt
from exam_sharing.policy.ending import decide_ending, decide_ending_by_host, plan_withdrawal
from exam_sharing.policy.facts import EndingFacts, ExamGrants, ShareFacts
from exam_sharing.policy.settings import Policy
from exam_sharing.policy.share import decide_share
from exam_sharing.ports import Changes, GrantWriter, Ports, Receipt, StoredReceipt

ATTEMPTS: Final = 50
"""How many times an act is decided before it gives up with `Conflict`."""

RACES: Final = 3
"""How many races an act loses before it locks its exams."""

WAITED: Final = 10
"""How many attempts it costs to have waited for that lock in vain."""

OutcomeT = TypeVar("OutcomeT")
ReceiptT = TypeVar("ReceiptT", bound=Receipt)

Attempt: TypeAlias = Callable[[], tuple[Changes | None, ReceiptT] | Denied]
"""Decides an act once, from fresh facts: what to write, if anything, and the receipt; or a no."""


@attrs.frozen
class _Lost:
    """A lost race for exams, in the order of their ids."""

    exams: tuple[ExamId, ...]


WOULD_BE: Final = "would-be"
"""Stands for the id of an act in a preview, which shows no ids of grants."""


def share(
    ports: Ports, policy: Policy, request: requests.ShareRequest, now: datetime, act: str
) -> plans.ShareReceipt:
    """Share exams; the ids of what this makes come from `act`. Specification: `#sharing`."""

    def attempt() -> tuple[Changes | None, plans.ShareReceipt] | Denied:
        earlier = earlier_receipt(ports, request, plans.ShareReceipt)
        if earlier is not None:
            return None, earlier
        facts = gathering.share_facts(ports, policy, request, now)
        decision = decide_share(policy, request, facts, now, act)
        if isinstance(decision, Denied):
            return decision
        receipt = plans.ShareReceipt(share=decision.share.id, at=now, outcomes=decision.outcomes)
        changes = _share_changes(request, decision, receipt)
        return changes, attrs.evolve(receipt, names=facts.names)

    return carry_through(ports, request, attempt, now)


def _share_changes(
    request: requests.ShareRequest, plan: plans.SharePlan, receipt: plans.ShareReceipt
) -> Changes:
    event = ExamShared(
        at=plan.share.at,
        request=requests.without_message(request),
        share=plan.share,
        versions=_versions_after(plan.versions, plans.moved(plan.made)),
        made=plan.made,
    )
    notices = tuple(
        WaitingNotice(
            id=NoticeId(id_within(plan.share.id.value, user)),
            share=plan.share.id,
            to=user,
            actor=request.actor,
            exam_ids=exam_ids,
            message=request.message,
        )
        for user, exam_ids in plan.notices.items()
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
    ports: Ports, policy: Policy, request: requests.EndingRequest, now: datetime, act: str
) -> plans.UnshareReceipt:
    """Unshare, narrow, or end one grant. Specification: `#unsharing-and-narrowing`."""

    def attempt() -> tuple[Changes | None, plans.UnshareReceipt] | Denied:
        earlier = earlier_receipt(ports, request, plans.UnshareReceipt)
        if earlier is not None:
            return None, earlier
        facts = gathering.ending_facts(ports, policy, request, now)
        decision = decide_ending(policy, request, facts, now, act)
        if isinstance(decision, Denied):
            return decision
        people = gathering.people_affected(ports, decision, facts)
        receipt = unshare_receipt(policy, facts, decision, people, now)
        kept = receipt_to_keep(request, receipt)
        return _ending_changes(request, decision, now, kept), receipt

    return carry_through(ports, request, attempt, now)


def end_by_host(
    ports: Ports, policy: Policy, request: requests.HostEnding, now: datetime, act: str
) -> plans.UnshareReceipt:
    """End a principal's grants for the host, on one exam or everywhere.

    The receipt holds nothing back, and is empty where there was no grant.
    """

    def attempt() -> tuple[Changes | None, plans.UnshareReceipt] | Denied:
        if request.exam is None:
            exams = ports.grants.exams_granted_to(request.recipient)
        else:
            exams = (request.exam,)
        sharing = ports.grants.read(exams, ended=False)
        if request.exam is not None and not _is_known(ports, request.exam, sharing):
            return Denied((not_found(request.exam),))
        grants = tuple(grant for each in sharing.values() for grant in each.grants)
        reshares = request.reshares or policy.reshares
        lineage, memberships = gathering.support_of(ports, grants, reshares)
        plan = decide_ending_by_host(policy, request, sharing, lineage, memberships, now, act)
        return plan if isinstance(plan, Denied) else _by_host(request, plan, now)

    return carry_through(ports, request, attempt, now)


def withdraw(ports: Ports, request: requests.Withdrawal, now: datetime) -> plans.UnshareReceipt:
    """Withdraw an exam for the host; nothing is written where it was withdrawn before."""

    def attempt() -> tuple[Changes | None, plans.UnshareReceipt] | Denied:
        sharing = ports.grants.read((request.exam,), ended=False)
        kept = sharing[request.exam]
        if kept.withdrawn:
            return None, plans.UnshareReceipt(at=now)
        if not _is_known(ports, request.exam, sharing):
            return Denied((not_found(request.exam),))
        return _by_host(request, plan_withdrawal(request, kept, now), now)

    return carry_through(ports, request, attempt, now)


def _is_known(ports: Ports, exam: ExamId, sharing: Mapping[ExamId, ExamGrants]) -> bool:
    return sharing[exam].version > 0 or bool(gathering.exams_from(ports.exams.find((exam,))))


def _by_host(
    request: requests.HostEnding | requests.Withdrawal, plan: plans.EndingPlan, now: datetime
) -> tuple[Changes, plans.UnshareReceipt]:
    def whole(grants: Iterable[Grant]) -> tuple[ShownGrant, ...]:
        return tuple(ShownGrant.of(grant, grant.basis) for grant in grants)

    receipt = plans.UnshareReceipt(
        at=now,
        ended=whole(each.grant for each in plan.ended),
        replacements=whole(plan.made),
        left_standing=whole(plan.left_standing),
    )
    return _ending_changes(request, plan, now), receipt


def _ending_changes(
    request: requests.EndingRequest | requests.HostEnding | requests.Withdrawal,
    plan: plans.EndingPlan,
    now: datetime,
    receipt: StoredReceipt | None = None,
) -> Changes:
    versions = _versions_after(plan.versions, plans.moved(plan.made, plan.ended, plan.withdrawn))
    event = GrantsEnded(
        at=now, request=request, versions=versions, ended=plan.ended, made=plan.made
    )
    return Changes(
        versions=plan.versions,
        made=plan.made,
        ended=plan.ended,
        withdrawn=plan.withdrawn,
        receipt=receipt,
        event=event,
    )


def _versions_after(
    versions: Mapping[ExamId, int], changed: frozenset[ExamId]
) -> Mapping[ExamId, int]:
    return {exam: version + 1 for exam, version in versions.items() if exam in changed}


def preview(
    ports: Ports, policy: Policy, request: requests.Request, now: datetime
) -> plans.Preview:
    """Return what a request would do, as far as its actor may know. Specification: `#previews`.

    A refusal is no error here: its reasons are in the preview.
    """
    receipt = (
        plans.ShareReceipt if isinstance(request, requests.ShareRequest) else plans.UnshareReceipt
    )
    if earlier_receipt(ports, request, receipt) is not None:
        return plans.Preview(repeated=True)
    facts: ShareFacts | EndingFacts
    decision: plans.Plan | Denied
    reasons: tuple[Reason, ...] = ()
    if isinstance(request, requests.ShareRequest):
        facts = gathering.share_facts(ports, policy, request, now)
        decision = decide_share(policy, request, facts, now, WOULD_BE)
        if isinstance(decision, Denied) and decision.codes == {ReasonCode.ATTESTATION_MISSING}:
            # Where the attestation is all that is missing, the effects stand beside it.
            reasons = decision.reasons
            attested = attrs.evolve(request, attested=True, wording=None)
            decision = decide_share(policy, attested, facts, now, WOULD_BE)
    else:
        facts = gathering.ending_facts(ports, policy, request, now)
        decision = decide_ending(policy, request, facts, now, WOULD_BE)
    if isinstance(decision, Denied):
        return plans.Preview(reasons=reasons or decision.reasons)
    people = gathering.people_affected(ports, decision, facts)
    known = consequences(policy, facts.actor, facts.exams, decision, people, now)
    effects = (*known.gains, *known.losses, *known.keeps)
    names = gathering.names_of(ports, {each.principal for each in effects})
    return attrs.evolve(known, reasons=reasons, names=names)


def carry_through(
    ports: Ports, request: requests.Asked, attempt: Attempt[ReceiptT], now: datetime
) -> ReceiptT:
    """Decide and write, again from fresh facts for as long as others change the same exams.

    After a few lost races an act locks the exams that it has just read, and decides once more
    inside that lock. Only a permitted act gets so far: a stranger locks nothing.

    Raises:
        Refused: the act is not permitted; the refusal has been recorded.
        Conflict: every attempt lost.
    """
    lost = 0
    while lost < ATTEMPTS:
        lost += 1
        outcome = _raced(ports, ports.writer, attempt)
        if isinstance(outcome, _Lost) and lost >= RACES:
            inside: ReceiptT | Denied | _Lost | None = None
            try:
                with ports.writer.locked(outcome.exams) as writer:
                    exams = outcome.exams
                    inside = None if writer is None else _raced(ports, writer, attempt, exams)
            except Conflict:
                # Also where the end of the context raises: then nothing was written.
                lost += WAITED
            except Unconfirmed:
                # The end of the context has committed.
                outcome = outcome if inside is None else _unconfirmed(inside)
            else:
                outcome = outcome if inside is None else inside
        if isinstance(outcome, Denied):
            kept = requests.without_message(request)
            ports.audit.record(ActRefused(at=now, request=kept, reasons=outcome.reasons))
            raise Refused(outcome.reasons)
        if not isinstance(outcome, _Lost):
            return outcome
        ports.writer.step_aside(lost)
    raise Conflict(ATTEMPTS)


def _raced(
    ports: Ports,
    writer: GrantWriter,
    attempt: Attempt[ReceiptT],
    locked: tuple[ExamId, ...] | None = None,
) -> ReceiptT | Denied | _Lost:
    """Decide once, and write the decision unless somebody else was faster.

    Inside a lock, nobody else can change the `locked` exams. A batch that has grown since reads
    more than these: it is decided again, and locked as a whole.
    """
    decided = attempt()
    if isinstance(decided, Denied):
        return decided
    changes, receipt = decided
    # Whoever is shown an id may know its name. Names are looked up before the commit, so that a
    # directory that fails undoes nothing, and are not kept.
    unnamed = receipt.principals - receipt.names.keys()
    names = {**receipt.names, **gathering.names_of(ports, unnamed)}
    receipt = attrs.evolve(receipt, names=names)
    if changes is None:
        return receipt
    exams = tuple(sorted(changes.versions))
    if locked is not None and not set(locked).issuperset(exams):
        return _Lost(exams)
    try:
        return receipt if writer.commit(changes) else _Lost(exams)
    except Unconfirmed:
        return _unconfirmed(receipt)


def _unconfirmed(outcome: OutcomeT) -> OutcomeT:
    """Mark a receipt: its act is done, and its actor must know the rest."""
    if isinstance(outcome, plans.ShareReceipt | plans.UnshareReceipt):
        return attrs.evolve(outcome, unconfirmed=True)
    return outcome


def earlier_receipt(
    ports: Ports, request: requests.Request, kind: type[ReceiptT]
) -> ReceiptT | None:
    """Query the receipt that is kept under the request id, if any, and mark it as repeated."""
    if request.request_id is None:
        return None
    stored = ports.grants.receipt(request.actor, request.request_id)
    if stored is None:
        return None
    if stored.fingerprint != requests.fingerprint(request) or not isinstance(stored.receipt, kind):
        raise RequestIdReused(request.request_id)
    return attrs.evolve(stored.receipt, repeated=True)


def receipt_to_keep(request: requests.Request, receipt: Receipt) -> StoredReceipt | None:
    """Return what to keep under the request's id, if it has one."""
    if request.request_id is None:
        return None
    return StoredReceipt(
        actor=request.actor,
        request_id=request.request_id,
        fingerprint=requests.fingerprint(request),
        receipt=receipt,
    )
