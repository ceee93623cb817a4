"""How an act is carried through: decided, written, and decided again when it lost a race."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Final, TypeAlias, TypeVar

import attrs

from exam_sharing.acts.questions import Act, Commit, FindReceipt, InTurn, Record, StepAside, ask
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

RACES: Final = 3
"""How many races an act loses before it asks to decide where nobody else is faster."""

WAITED: Final = 10
"""How many attempts it costs to have waited for that in vain."""

ReceiptT = TypeVar("ReceiptT", bound=Receipt)

Attempt: TypeAlias = Callable[[], Act[tuple[Changes | None, ReceiptT] | Denied]]
"""One deciding of an act from fresh facts: what to write, if anything, and to return; or a no."""


def carry_through(request: Asked, attempt: Attempt[ReceiptT], now: datetime) -> Act[ReceiptT]:
    """Decide and write, again from fresh facts for as long as others change the same exams.

    An act that lost a few races locks the versions of the exams that it has just read, and decides
    once more inside that lock. Only whoever was permitted gets so far: a stranger locks nothing.

    Raises:
        Refused: the act is not permitted; the refusal has been recorded.
        Conflict: every attempt lost.
    """
    lost = 0
    while lost < ATTEMPTS:
        lost += 1
        outcome = yield from _raced(attempt)
        if isinstance(outcome, _Lost) and lost >= RACES:
            turn = InTurn(outcome.exams, partial(_raced, attempt, outcome.exams))
            try:
                outcome = (yield from ask(turn)) or outcome
            except Conflict:
                lost += WAITED
        if isinstance(outcome, Denied):
            kept = without_message(request)
            yield from ask(Record(ActRefused(at=now, request=kept, reasons=outcome.reasons)))
            raise Refused(outcome.reasons)
        if not isinstance(outcome, _Lost):
            return outcome
        yield from ask(StepAside(lost))
    raise Conflict(ATTEMPTS)


@attrs.frozen
class _Lost:
    """A race that was lost.

    Attributes:
        exams: those whose versions were read, in the order of their ids.
    """

    exams: tuple[ExamId, ...]


def _raced(
    attempt: Attempt[ReceiptT], locked: tuple[ExamId, ...] | None = None
) -> Act[ReceiptT | Denied | _Lost]:
    """Decide once, and write what was decided unless somebody else was faster.

    Args:
        attempt: the deciding.
        locked: the exams that nobody else can change, inside the lock. A batch that has grown since
            reads more than these: it is decided again, and locked as a whole.
    """
    decided = yield from attempt()
    if isinstance(decided, Denied):
        return decided
    changes, receipt = decided
    if changes is None:
        return receipt
    exams = tuple(sorted(changes.versions))
    if locked is not None and not set(locked).issuperset(exams):
        return _Lost(exams)
    return receipt if (yield from ask(Commit(changes))) else _Lost(exams)


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
