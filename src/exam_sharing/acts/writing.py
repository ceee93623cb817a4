"""How an act is carried through: decided, written, and decided again when it lost a race."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, TypeAlias, TypeVar

import attrs

from exam_sharing.acts.questions import Act, Commit, FindReceipt, Record, StepAside, ask
from exam_sharing.errors import Conflict, RequestIdReused
from exam_sharing.events import ActRefused
from exam_sharing.identifiers import ExamId
from exam_sharing.policy.decisions import Denied, Refused
from exam_sharing.policy.plans import Plan
from exam_sharing.policy.requests import Asked, Request, fingerprint, without_message
from exam_sharing.ports import Changes, Receipt, StoredReceipt

__all__ = [
    "ATTEMPTS",
    "Attempt",
    "answered_before",
    "carry_through",
    "receipt_to_keep",
    "versions_after",
]

ATTEMPTS: Final = 50
"""How many times an act is decided before it gives up with `Conflict`."""

ReceiptT = TypeVar("ReceiptT", bound=Receipt)

Attempt: TypeAlias = Callable[[], Act[tuple[Changes | None, ReceiptT] | Denied]]
"""One deciding of an act from fresh facts: what to write, if anything, and to return; or a no."""


def carry_through(request: Asked, attempt: Attempt[ReceiptT], now: datetime) -> Act[ReceiptT]:
    """Decide and write, again from fresh facts for as long as others change the same exams.

    Raises:
        Refused: the act is not permitted; the refusal has been recorded.
        Conflict: every attempt lost.
    """
    for lost in range(1, ATTEMPTS + 1):
        decided = yield from attempt()
        if isinstance(decided, Denied):
            kept = without_message(request)
            yield from ask(Record(ActRefused(at=now, request=kept, reasons=decided.reasons)))
            raise Refused(decided.reasons)
        changes, receipt = decided
        if changes is None or (yield from ask(Commit(changes))):
            return receipt
        yield from ask(StepAside(lost))
    raise Conflict(ATTEMPTS)


def answered_before(request: Request, kind: type[ReceiptT]) -> Act[ReceiptT | None]:
    """Ask for the receipt that the request id was answered with, marked as repeated.

    `None` where there is no request id, or nothing was answered to it.

    Raises:
        RequestIdReused: the id was used for another request.
    """
    if request.request_id is None:
        return None
    stored = yield from ask(FindReceipt(request.actor, request.request_id))
    if stored is None:
        return None
    if stored.fingerprint != fingerprint(request) or not isinstance(stored.receipt, kind):
        raise RequestIdReused(request.request_id)
    return attrs.evolve(stored.receipt, repeated=True)


def receipt_to_keep(request: Request, receipt: Receipt) -> StoredReceipt | None:
    """Return what to keep under the request's id, if it has one."""
    if request.request_id is None:
        return None
    return StoredReceipt(
        actor=request.actor,
        request_id=request.request_id,
        fingerprint=fingerprint(request),
        receipt=receipt,
    )


def versions_after(plan: Plan) -> Mapping[ExamId, int]:
    """Return the new version of each exam whose sharing the plan changes."""
    moved = {grant.exam for grant in (*plan.made, *(each.grant for each in plan.ended))}
    return {exam: version + 1 for exam, version in plan.versions.items() if exam in moved}
