"""Carrying an act through: decide, write, and decide again after a lost race."""

from collections.abc import Callable
from datetime import datetime
from typing import Final, TypeAlias, TypeVar

import attrs

from exam_sharing.errors import Conflict, RequestIdReused
from exam_sharing.events import ActRefused
from exam_sharing.identifiers import ExamId
from exam_sharing.policy.decisions import Denied, Refused
from exam_sharing.policy.requests import Asked, Request, fingerprint, without_message
from exam_sharing.ports import Changes, GrantWriter, Ports, Receipt, StoredReceipt

__all__ = [
    "ATTEMPTS",
    "RACES",
    "Attempt",
    "ReceiptT",
    "carry_through",
    "earlier_receipt",
    "receipt_to_keep",
]

ATTEMPTS: Final = 50
"""How many times an act is decided before it gives up with `Conflict`."""

RACES: Final = 3
"""How many races an act loses before it locks its exams."""

WAITED: Final = 10
"""How many attempts it costs to have waited for that lock in vain."""

ReceiptT = TypeVar("ReceiptT", bound=Receipt)

Attempt: TypeAlias = Callable[[], tuple[Changes | None, ReceiptT] | Denied]
"""Decides an act once, from fresh facts: what to write, if anything, and the receipt; or a no."""


@attrs.frozen
class _Lost:
    """A lost race.

    Attributes:
        exams: those whose versions were read, in the order of their ids.
    """

    exams: tuple[ExamId, ...]


def carry_through(
    ports: Ports, request: Asked, attempt: Attempt[ReceiptT], now: datetime
) -> ReceiptT:
    """Decide and write, again from fresh facts for as long as others change the same exams.

    After a few lost races an act locks the versions of the exams that it has just read, and decides
    once more inside that lock. Only a permitted act gets so far: a stranger locks nothing.

    Raises:
        Refused: the act is not permitted; the refusal has been recorded.
        Conflict: every attempt lost.
    """
    lost = 0
    while lost < ATTEMPTS:
        lost += 1
        outcome = _raced(ports.writer, attempt)
        if isinstance(outcome, _Lost) and lost >= RACES:
            try:
                with ports.writer.locked(outcome.exams) as writer:
                    inside = None if writer is None else _raced(writer, attempt, outcome.exams)
            except Conflict:
                # Also where the end of the context raises: then nothing was written.
                lost += WAITED
            else:
                outcome = outcome if inside is None else inside
        if isinstance(outcome, Denied):
            kept = without_message(request)
            ports.audit.record(ActRefused(at=now, request=kept, reasons=outcome.reasons))
            raise Refused(outcome.reasons)
        if not isinstance(outcome, _Lost):
            return outcome
        ports.writer.step_aside(lost)
    raise Conflict(ATTEMPTS)


def _raced(
    writer: GrantWriter, attempt: Attempt[ReceiptT], locked: tuple[ExamId, ...] | None = None
) -> ReceiptT | Denied | _Lost:
    """Decide once, and write the decision unless somebody else was faster.

    Args:
        writer: of the store, or of the lock.
        attempt: decides.
        locked: the exams that nobody else can change, inside the lock. A batch that has grown since
            reads more than these: it is decided again, and locked as a whole.
    """
    decided = attempt()
    if isinstance(decided, Denied):
        return decided
    changes, receipt = decided
    if changes is None:
        return receipt
    exams = tuple(sorted(changes.versions))
    if locked is not None and not set(locked).issuperset(exams):
        return _Lost(exams)
    return receipt if writer.commit(changes) else _Lost(exams)


def earlier_receipt(ports: Ports, request: Request, kind: type[ReceiptT]) -> ReceiptT | None:
    """Query the receipt that is kept under the request id, and mark it as repeated.

    `None` where there is no request id, or no receipt under it.

    Raises:
        RequestIdReused: the id was used for another request.
    """
    if request.request_id is None:
        return None
    stored = ports.grants.receipt(request.actor, request.request_id)
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
