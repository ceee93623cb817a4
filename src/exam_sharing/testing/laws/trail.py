"""What a store promises of the audit trail: `AuditTrail`, and the events of commits."""

from collections.abc import Callable, Iterable
from typing import Final

from exam_sharing.events import ActRefused, Event
from exam_sharing.grants import HowEnded
from exam_sharing.identifiers import ExamId
from exam_sharing.policy.decisions import Reason, ReasonCode
from exam_sharing.policy.requests import ShareRequest
from exam_sharing.testing.laws.bench import ACTED, BEN, CARLA, Bench, StoreTrial, benched
from exam_sharing.testing.laws.law import same

__all__ = ["EVENT_LAWS", "TRAIL_LAWS"]


def _refusal(exam: str) -> ActRefused:
    request = ShareRequest(actor=BEN, exam=ExamId(exam), recipients=(CARLA,))
    reasons = (Reason(code=ReasonCode.EXAM_NOT_FOUND),)
    return ActRefused(at=ACTED, request=request, reasons=reasons)


@benched
def refusals_can_be_recorded_at_any_time(bench: Bench) -> None:
    """A refused act is audited, and changes nothing: SPEC 2."""
    (exam,) = bench.upload("exam")
    bench.share(bench.grant(exam, BEN))
    before = dict(bench.everything())
    for name in ("exam", "unknown", "exam"):
        bench.ports.audit.record(_refusal(name))
    after = dict(bench.everything())
    for seen in (before, after):
        seen.pop("events", None)
    same("what is there after refusals", after, before)


def _events(bench: Bench) -> Iterable[Event]:
    return () if bench.trial.events is None else bench.trial.events(bench.ports.store)


@benched
def everything_that_happened_is_told_once_in_order(bench: Bench) -> None:
    """Nothing is forgotten: each act has its event, and so has each refusal: SPEC 9.7."""
    exam, other = bench.upload("exam", "other")
    share = bench.sharing(bench.grant(exam, BEN), bench.grant(other, CARLA))
    (grant, _) = bench.write(share)
    ending = bench.ending(grant, how=HowEnded.UNSHARED)
    refusal = _refusal("exam")
    bench.ports.audit.record(refusal)
    bench.write(ending)
    bench.ports.audit.record(refusal)
    expected = (share.event, refusal, ending.event, refusal)
    same("the events", tuple(_events(bench)), expected)


@benched
def what_was_not_written_has_no_event(bench: Bench) -> None:
    """An act that lost its race never happened, and the trail does not tell of it."""
    (exam,) = bench.upload("exam")
    late = bench.sharing(bench.grant(exam, BEN))
    first = bench.sharing(bench.grant(exam, CARLA))
    bench.write(first)
    same("an act that read what has moved", bench.commit(late), False)
    same("the events", tuple(_events(bench)), (first.event,))


TRAIL_LAWS: Final[tuple[Callable[[StoreTrial], None], ...]] = (
    refusals_can_be_recorded_at_any_time,
)

EVENT_LAWS: Final[tuple[Callable[[StoreTrial], None], ...]] = (
    everything_that_happened_is_told_once_in_order,
    what_was_not_written_has_no_event,
)
"""For stores whose audit trail can be read."""
