"""What a store promises of what arrives: it is there whole, and a sealed batch stays sealed."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Final

import attrs

from exam_sharing.errors import BatchSealed
from exam_sharing.exams import Exam, UploadBatch
from exam_sharing.identifiers import BatchId, ExamId
from exam_sharing.testing.laws.bench import ANNA, VIEW, Bench, StoreTrial, benched
from exam_sharing.testing.laws.law import insist, same
from exam_sharing.testing.moments import START, TICK

__all__ = ["ARRIVAL_LAWS", "FAILED_UPLOAD_LAWS", "SEALING_LAWS"]

_CD: Final = UploadBatch(id=BatchId("cd"), uploader=ANNA, source="a CD", received_at=START)
_SEALED: Final = attrs.evolve(_CD, sealed=True)

_MOST_STEPS: Final = 100
"""So many steps no upload of these laws has; a failure at a later one was never met."""


def _exams(*names: str) -> tuple[Exam, ...]:
    return tuple(
        Exam(id=ExamId(name), owner=ANNA, batch=_CD.id, uploaded_at=START) for name in names
    )


@benched
def a_batch_of_thousands_is_whole(bench: Bench) -> None:
    """`find`, `batch_of` and `holding` answer for all exams of a batch, however many."""
    exams = bench.upload(*(f"e{number:04}" for number in range(1_500)), step=TICK)
    newest_first = tuple(reversed(exams))
    batch = bench.ports.exams.batch_of(exams[7])
    same("the batch", tuple(exam.id for exam in batch), newest_first)
    found = frozenset(exam.id for exam in bench.ports.exams.find(exams))
    same("those that were found", found, frozenset(exams))
    held = bench.ports.access.holding(ANNA, frozenset({ANNA.key}), VIEW, exams, START)
    same("those that their owner holds", held, frozenset(exams))


@benched
def a_batch_is_sealed_without_exams_and_stays_sealed(bench: Bench) -> None:
    """An upload of no exams can seal a batch, and none can open it again: SPEC 1."""
    there, later = _exams("there", "later")
    bench.add(_CD, there)
    bench.add(_SEALED)
    _takes_no_more(bench, later)
    bench.add(_SEALED)
    with suppress(BatchSealed):
        bench.add(_CD)
    _takes_no_more(bench, later)
    same("the batch", bench.ports.exams.batch_of(there.id), (there,))


def _takes_no_more(bench: Bench, exam: Exam) -> None:
    for batch in (_CD, _SEALED):
        try:
            bench.add(batch, exam)
        except BatchSealed:
            continue
        insist(holds=False, problem="BatchSealed was not raised")


def a_failure_at_any_step_records_no_part_of_an_upload(trial: StoreTrial) -> None:
    """`add` records an upload as a whole or not at all, at whichever step recording fails."""
    for step in range(1, _MOST_STEPS):
        with trial.bench() as bench:
            if _recorded_before(step, bench):
                insist(step > 1, "no step failed: `fail_at` must make the store fail at its step")
                return
    insist(holds=False, problem=f"it still failed at step {_MOST_STEPS}")


def _recorded_before(step: int, bench: Bench) -> bool:
    """Let recording fail at the step, and return whether it was over before that."""
    there, *others = exams = _exams("there", "one", "two", "three")
    bench.add(_CD, there)
    bench.look_for_exams(others)
    before = bench.everything()
    try:
        with _failing_at(step, bench):
            bench.add(_SEALED, *others)
    except Exception:  # noqa: BLE001  whatever the failure is, nothing may be recorded
        same(f"what is there after a failure at step {step}", bench.everything(), before)
        try:
            bench.add(_SEALED, *others)
        except BatchSealed:
            insist(holds=False, problem=f"a failure at step {step} left the batch sealed")
        recorded = False
    else:
        recorded = True
    kept = frozenset(bench.ports.exams.batch_of(there.id))
    same("the batch, once recorded", kept, frozenset(exams))
    _takes_no_more(bench, *_exams("later"))
    return recorded


def _failing_at(step: int, bench: Bench) -> AbstractContextManager[object]:
    fail_at = bench.trial.fail_at
    return nullcontext() if fail_at is None else fail_at(bench.ports.store, step)


ARRIVAL_LAWS: Final[tuple[Callable[[StoreTrial], None], ...]] = (a_batch_of_thousands_is_whole,)

SEALING_LAWS: Final[tuple[Callable[[StoreTrial], None], ...]] = (
    a_batch_is_sealed_without_exams_and_stays_sealed,
)
"""For stores that take uploads by the port `ExamWriter`."""

FAILED_UPLOAD_LAWS: Final[tuple[Callable[[StoreTrial], None], ...]] = (
    a_failure_at_any_step_records_no_part_of_an_upload,
)
"""For those of them that can be made to fail at a step."""
