"""What a store promises of exams and uploads: `ExamReader` and `ExamWriter`."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import timedelta
from typing import Final

import attrs

from exam_sharing.errors import AlreadyExists, BatchSealed, ExamSharingError, WrongBatch
from exam_sharing.exams import Exam, UploadBatch
from exam_sharing.grants import HowEnded
from exam_sharing.identifiers import BatchId, ExamId, UserId
from exam_sharing.testing.laws.bench import ANNA, BEN, VIEW, Bench, StoreTrial, benched
from exam_sharing.testing.laws.law import insist, same
from exam_sharing.testing.moments import DAY, EDGES, FIRST, LAST, START, TICK
from exam_sharing.testing.texts import HOSTILE, IN_ORDER

__all__ = [
    "ARRIVAL_LAWS",
    "EXAM_LAWS",
    "FAILED_UPLOAD_LAWS",
    "HIDING_LAWS",
    "SEALING_LAWS",
    "UPLOAD_LAWS",
]

_CD: Final = UploadBatch(id=BatchId("cd"), uploader=ANNA, source="a CD", received_at=START)


def _exam(name: str, *, batch: str = "cd", days: int = 0, subject: str | None = None) -> Exam:
    return Exam(
        id=ExamId(name),
        owner=ANNA,
        batch=BatchId(batch),
        uploaded_at=START + days * DAY,
        subject=subject,
    )


@benched
def exams_are_found_as_they_came(bench: Bench) -> None:
    """`find` returns those of the exams that there are; an unknown one is left out."""
    first, second = _exam("first", subject="the subject"), _exam("second", days=1)
    bench.add(_CD, first, second)
    find = bench.ports.exams.find
    same("no exam was asked for", tuple(find(())), ())
    asked = (first.id, ExamId("unknown"), second.id)
    found = find(asked)
    same("find", frozenset(found), frozenset({first, second}))
    same("how many were found", len(found), 2)
    same(
        "the subject",
        [e.subject for e in find((first.id, second.id)) if e == first],
        [first.subject],
    )
    same("only an unknown exam", tuple(find((ExamId("unknown"),))), ())
    same("one exam, asked for twice", frozenset(find((first.id, first.id))), frozenset({first}))
    described = [
        attrs.evolve(_exam(f"e{number}", batch="described", subject=text), owner=UserId(text))
        for number, text in enumerate(HOSTILE)
    ]
    described.append(_exam("spaced", batch="described", subject=" with  space "))
    bench.add(attrs.evolve(_CD, id=BatchId("described")), *described)
    came = {exam.id: exam for exam in find(tuple(exam.id for exam in described))}
    for exam in described:
        name = (
            f"what came of {exam.id!r}, of owner {exam.owner!a} and subject {str(exam.subject)!a}"
        )
        same(name, came.get(exam.id), exam)


@benched
def a_batch_is_whole_and_newest_first(bench: Bench) -> None:
    """`batch_of` returns the exam's whole batch, newest upload first, then by id downward."""
    old, new, middle = _exam("old"), _exam("new", days=9), _exam("middle", days=4)
    bench.add(_CD, old, new, middle)
    bench.add(attrs.evolve(_CD, id=BatchId("other")), _exam("elsewhere", batch="other", days=5))
    for exam in (old, new, middle):
        same(f"the batch of {exam.id!r}", bench.ports.exams.batch_of(exam.id), (new, middle, old))
    at_once = [_exam(text, batch="at once") for text in HOSTILE]
    bench.add(attrs.evolve(_CD, id=BatchId("at once")), *at_once)
    downward = tuple(ExamId(text) for text in reversed(IN_ORDER))
    came = tuple(exam.id for exam in bench.ports.exams.batch_of(at_once[0].id))
    same("a batch that was uploaded at one time", came, downward)
    same("the batch of an unknown exam", bench.ports.exams.batch_of(ExamId("unknown")), ())


@benched
def an_upload_may_go_on(bench: Bench) -> None:
    """A batch may grow while the upload runs: SPEC 1."""
    first, second = _exam("first"), _exam("second", days=1)
    bench.add(_CD)
    bench.add(_CD, first)
    bench.add(attrs.evolve(_CD, sealed=True), second)
    same("the batch", bench.ports.exams.batch_of(first.id), (second, first))


@benched
def times_of_upload_keep_their_microseconds(bench: Bench) -> None:
    """Times are aware and in UTC, to the microsecond, from the first year to the last."""
    exams = [
        attrs.evolve(_exam(f"e{number}"), uploaded_at=at)
        for number, at in enumerate((FIRST, *EDGES, LAST))
    ]
    bench.add(_CD, *exams)
    for exam in exams:
        same(
            f"the exam uploaded at {exam.uploaded_at}", bench.ports.exams.find((exam.id,)), (exam,)
        )
    newest_first = tuple(reversed(exams))
    same("the batch, newest first", bench.ports.exams.batch_of(exams[0].id), newest_first)


@benched
def ids_of_exams_are_compared_code_point_by_code_point(bench: Bench) -> None:
    """Ids are opaque strings, compared code point by code point: SPEC 1."""
    exams = [_exam(text, batch=text) for text in HOSTILE]
    for exam in exams:
        bench.add(attrs.evolve(_CD, id=exam.batch), exam)
    for exam in exams:
        same(f"find {exam.id!a}", bench.ports.exams.find((exam.id,)), (exam,))
        same(f"the batch of {exam.id!a}", bench.ports.exams.batch_of(exam.id), (exam,))
    found = bench.ports.exams.find(tuple(exam.id for exam in exams))
    same("find all of them", frozenset(found), frozenset(exams))


@benched
def an_upload_is_recorded_whole_or_not_at_all(bench: Bench) -> None:
    """`add` records an upload as a whole or not at all; an exam whose id is taken is an error."""
    there = _exam("there")
    bench.add(_CD, there)
    other = attrs.evolve(_CD, id=BatchId("other"))
    for batch, exams in (
        (_CD, (_exam("new"), _exam("new too"), there)),
        (other, (_exam("new", batch="other"), _exam("there", batch="other"))),
    ):
        _refused(bench, AlreadyExists, batch, *exams)
        found = bench.ports.exams.find((there.id, ExamId("new"), ExamId("new too")))
        same("the exams after an upload that was refused", found, (there,))
        same("the batch", bench.ports.exams.batch_of(there.id), (there,))


@benched
def a_sealed_batch_takes_no_more_exams(bench: Bench) -> None:
    """A batch that is sealed takes no more exams: SPEC 1."""
    first, sealed = _exam("first"), attrs.evolve(_CD, sealed=True)
    bench.add(sealed, first)
    for batch in (sealed, _CD):
        _refused(bench, BatchSealed, batch, _exam("later", days=1))
        same("the batch", bench.ports.exams.batch_of(first.id), (first,))
    # Sealing it once more is fine, and nothing opens it again.
    bench.add(sealed)
    _refused(bench, BatchSealed, _CD)
    _refused(bench, BatchSealed, sealed, _exam("later", days=1))
    same("the batch, in the end", bench.ports.exams.batch_of(first.id), (first,))


@benched
def a_batch_is_always_the_same(bench: Bench) -> None:
    """A batch that comes again with other details is an error, and nothing is recorded."""
    first = _exam("first")
    bench.add(_CD, first)
    for other in (
        attrs.evolve(_CD, source="another CD"),
        attrs.evolve(_CD, source="a cd"),
        attrs.evolve(_CD, uploader=BEN),
        attrs.evolve(_CD, received_at=START + TICK),
    ):
        _refused(bench, WrongBatch, other, _exam("second", days=1))
        same("the batch", bench.ports.exams.batch_of(first.id), (first,))


@benched
def an_exam_that_the_host_has_no_longer_is_not_there(bench: Bench) -> None:
    """No check or list says yes to it, whatever grants are kept, and pages stay full: SPEC 3.

    When it is back, its grants count again, but for those that were ended meanwhile.
    """
    exams = bench.upload(*(f"e{number}" for number in range(7)), step=timedelta(minutes=1))
    grants = bench.share(*(bench.grant(exam, BEN) for exam in exams))
    _require_there(bench, exams, exams)
    gone = exams[1:5]
    _hide(bench, gone, hidden=True)
    _require_there(bench, exams, (exams[0], *exams[5:]))
    ended = grants[2]
    same("the grants on one of them", bench.read(ended.exam).grants, (ended,))
    bench.write(bench.ending(ended, how=HowEnded.BY_HOST))
    bench.write(bench.ending(grants[3], withdrawn=exams[3], how=HowEnded.WITHDRAWN))
    _hide(bench, gone, hidden=False)
    _require_there(bench, exams, (*exams[:3], *exams[4:]), unshared=ended.exam)


def _hide(bench: Bench, exams: tuple[ExamId, ...], *, hidden: bool) -> None:
    hide = bench.trial.hide
    if hide is not None:
        for exam in exams:
            hide(bench.ports.store, exam, hidden)


def _require_there(
    bench: Bench,
    exams: tuple[ExamId, ...],
    there: tuple[ExamId, ...],
    *,
    unshared: ExamId | None = None,
) -> None:
    given = tuple(exam for exam in there if exam != unshared)
    for user, expected in ((ANNA, there), (BEN, given)):
        keys = frozenset({user.key})
        checked = tuple(exam for exam in exams if bench.holds(user, VIEW, exam))
        same(f"checks of {user!r}", checked, expected)
        involved = bench.ports.access.involved
        told = {exam for exam in exams if involved(user, keys, exam, START) is not None}
        # Whoever granted something is involved with an exam that is there.
        same(f"with what {user!r} is involved", told, set(expected))
        held = bench.ports.access.holding(user, keys, VIEW, exams, START)
        same(f"many checks at once of {user!r}", held, frozenset(expected))
        for limit in (1, 2, len(exams)):
            listed = [each.exam for each in bench.pages(user, keys, limit)]
            same(f"the list of {user!r} in pages of {limit}", listed, list(reversed(expected)))
            shared = [each.exam for each in bench.pages(user, keys, limit, own=False)]
            others = [] if user == ANNA else list(reversed(expected))
            same(f"the list of what is others' for {user!r}", shared, others)


def _refused(bench: Bench, error: type[ExamSharingError], batch: UploadBatch, *exams: Exam) -> None:
    try:
        bench.add(batch, *exams)
    except error:
        return
    except ExamSharingError as other:
        problem = f"raised {type(other).__name__}, not {error.__name__}"
        insist(holds=False, problem=problem, cause=other)
    insist(holds=False, problem=f"{error.__name__} was not raised")


EXAM_LAWS: Final[tuple[Callable[[StoreTrial], None], ...]] = (
    exams_are_found_as_they_came,
    a_batch_is_whole_and_newest_first,
    an_upload_may_go_on,
    times_of_upload_keep_their_microseconds,
    ids_of_exams_are_compared_code_point_by_code_point,
)


UPLOAD_LAWS: Final[tuple[Callable[[StoreTrial], None], ...]] = (
    an_upload_is_recorded_whole_or_not_at_all,
    a_sealed_batch_takes_no_more_exams,
    a_batch_is_always_the_same,
)
"""For stores that take uploads by the port `ExamWriter`."""


HIDING_LAWS: Final[tuple[Callable[[StoreTrial], None], ...]] = (
    an_exam_that_the_host_has_no_longer_is_not_there,
)
"""For stores over exams that a host may have no longer."""


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
