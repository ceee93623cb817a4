"""The laws of exams and uploads: `ExamReader` and `ExamWriter`.

Specification: `#upload-batch`, `#ids`, `#by-the-host`.
"""

from datetime import timedelta
from functools import partial
from typing import Final

import attrs

import exam_sharing as es
from exam_sharing.testing.edges import DAY, EDGES, FIRST, HOSTILE, IN_ORDER, LAST, START, TICK
from exam_sharing.testing.laws.bench import Bench, StoreTrial, keys_of, laws_of_port
from exam_sharing.testing.laws.failures import Steps, require_atomic_steps
from exam_sharing.testing.laws.law import needed, raises, same, same_members
from exam_sharing.testing.worlds import ANNA, BEN, DOWNLOAD, VIEW

law: Final = laws_of_port()

_CD: Final = es.UploadBatch(id=es.BatchId("cd"), uploader=ANNA, source="a CD", received_at=START)
_SEALED: Final = attrs.evolve(_CD, sealed=True)


def _exam(name: str, *, batch: str = "cd", days: int = 0, subject: str | None = None) -> es.Exam:
    return es.Exam(
        id=es.ExamId(name),
        owner=ANNA,
        batch=es.BatchId(batch),
        uploaded_at=START + days * DAY,
        subject=subject,
    )


@law
def exams_are_read_back_unchanged(bench: Bench) -> None:
    """`find` returns the known exams as they were uploaded, and leaves out unknown ones."""
    first, second = _exam("first", subject="the subject"), _exam("second", days=1)
    bench.add(_CD, first, second)
    find = bench.ports.exams.find
    same("no exam", tuple(find(())), ())
    found = find((first.id, es.ExamId("unknown"), second.id))
    same_members("exams", found, (first, second))
    same("the subject", [each.subject for each in found if each == first], [first.subject])
    same("only an unknown exam", tuple(find((es.ExamId("unknown"),))), ())
    same("one exam, asked for twice", frozenset(find((first.id, first.id))), frozenset({first}))
    described = [
        attrs.evolve(_exam(f"e{number}", batch="described", subject=text), owner=es.UserId(text))
        for number, text in enumerate(HOSTILE)
    ]
    described.append(_exam("spaced", batch="described", subject=" with  space "))
    bench.add(attrs.evolve(_CD, id=es.BatchId("described")), *described)
    by_id = {exam.id: exam for exam in find(tuple(exam.id for exam in described))}
    for exam in described:
        what = f"{exam.id!r} with owner {exam.owner!a} and subject {str(exam.subject)!a}"
        same(what, by_id.get(exam.id), exam)


@law
def a_batch_is_read_whole_and_newest_first(bench: Bench) -> None:
    """`batch_of` returns the whole batch of an exam, newest upload first, then by falling id."""
    old, new, middle = _exam("old"), _exam("new", days=9), _exam("middle", days=4)
    bench.add(_CD, old, new, middle)
    bench.add(attrs.evolve(_CD, id=es.BatchId("other")), _exam("elsewhere", batch="other", days=5))
    for exam in (old, new, middle):
        same(f"the batch of {exam.id!r}", bench.ports.exams.batch_of(exam.id), (new, middle, old))
    at_once = [_exam(text, batch="at once") for text in HOSTILE]
    bench.add(attrs.evolve(_CD, id=es.BatchId("at once")), *at_once)
    falling = tuple(es.ExamId(text) for text in reversed(IN_ORDER))
    found = tuple(exam.id for exam in bench.ports.exams.batch_of(at_once[0].id))
    same("a batch with one upload time", found, falling)
    same("the batch of an unknown exam", bench.ports.exams.batch_of(es.ExamId("unknown")), ())


@law
def a_batch_may_grow_until_it_is_sealed(bench: Bench) -> None:
    """A batch may grow while the upload runs."""
    first, second = _exam("first"), _exam("second", days=1)
    bench.add(_CD)
    bench.add(_CD, first)
    bench.add(_SEALED, second)
    same("the batch", bench.ports.exams.batch_of(first.id), (second, first))


@law
def upload_times_keep_their_microseconds(bench: Bench) -> None:
    """Upload times are in UTC, to the microsecond, from the first year to the last."""
    times = enumerate((FIRST, *EDGES, LAST))
    exams = [attrs.evolve(_exam(f"e{number}"), uploaded_at=at) for number, at in times]
    bench.add(_CD, *exams)
    for exam in exams:
        found = bench.ports.exams.find((exam.id,))
        same(f"the exam uploaded at {exam.uploaded_at}", found, (exam,))
    batch = bench.ports.exams.batch_of(exams[0].id)
    same("the batch, newest first", batch, tuple(reversed(exams)))


@law
def ids_of_exams_are_compared_by_code_point(bench: Bench) -> None:
    """Ids of exams and batches are compared code point by code point."""
    exams = [_exam(text, batch=text) for text in HOSTILE]
    for exam in exams:
        bench.add(attrs.evolve(_CD, id=exam.batch), exam)
    for exam in exams:
        same(f"find {exam.id!a}", bench.ports.exams.find((exam.id,)), (exam,))
        same(f"the batch of {exam.id!a}", bench.ports.exams.batch_of(exam.id), (exam,))
    same_members("exams", bench.ports.exams.find(tuple(exam.id for exam in exams)), exams)


@law
def a_batch_of_thousands_is_read_whole(bench: Bench) -> None:
    """`find`, `batch_of` and `holding` answer for all exams of a batch, however many."""
    exams = bench.upload(*(f"e{number:04}" for number in range(1_500)), step=TICK)
    batch = bench.ports.exams.batch_of(exams[7])
    same("the batch", tuple(exam.id for exam in batch), tuple(reversed(exams)))
    same_members("exams", (exam.id for exam in bench.ports.exams.find(exams)), exams)
    held = bench.ports.access.holding(ANNA, keys_of(ANNA), VIEW, exams, START)
    same("the exams that their owner holds", held, frozenset(exams))


@law.needing("uploads_by_port")
def a_refused_upload_records_nothing(bench: Bench) -> None:
    """`add` records an upload as a whole or not at all; a taken exam id is an error."""
    there = _exam("there")
    bench.add(_CD, there)
    other = attrs.evolve(_CD, id=es.BatchId("other"))
    for batch, exams in (
        (_CD, (_exam("new"), _exam("new too"), there)),
        (other, (_exam("new", batch="other"), _exam("there", batch="other"))),
    ):
        raises(es.AlreadyExists, partial(bench.add, batch, *exams))
        found = bench.ports.exams.find((there.id, es.ExamId("new"), es.ExamId("new too")))
        same("the exams after a refused upload", found, (there,))
        same("the batch", bench.ports.exams.batch_of(there.id), (there,))
    bench.write(bench.withdrawal(there.id))
    raises(es.AlreadyExists, partial(bench.add, _CD, there))


@law.needing("uploads_by_port")
def a_sealed_batch_takes_no_more_exams(bench: Bench) -> None:
    """A sealed batch takes no more exams, and stays sealed; an empty upload can seal it, too."""
    first, there = _exam("first", batch="full"), _exam("there")
    full = attrs.evolve(_SEALED, id=first.batch)
    bench.add(full, first)
    bench.add(_CD, there)
    bench.add(_SEALED)
    for sealed, exam in ((full, first), (_SEALED, there)):
        _requires_sealed(bench, sealed)
        bench.add(sealed)
        raises(es.BatchSealed, partial(bench.add, attrs.evolve(sealed, sealed=False)))
        _requires_sealed(bench, sealed)
        same("the batch", bench.ports.exams.batch_of(exam.id), (exam,))


def _requires_sealed(bench: Bench, sealed: es.UploadBatch) -> None:
    later = _exam("later", batch=sealed.id.value)
    for batch in (sealed, attrs.evolve(sealed, sealed=False)):
        raises(es.BatchSealed, partial(bench.add, batch, later))


@law.needing("uploads_by_port")
def a_batch_keeps_its_details(bench: Bench) -> None:
    """A batch that is added again with other details is an error, and records nothing."""
    first = _exam("first")
    bench.add(_CD, first)
    for other in (
        attrs.evolve(_CD, source="another CD"),
        attrs.evolve(_CD, source="a cd"),
        attrs.evolve(_CD, uploader=BEN),
        attrs.evolve(_CD, received_at=START + TICK),
    ):
        raises(es.WrongBatch, partial(bench.add, other, _exam("second", days=1)))
        same("the batch", bench.ports.exams.batch_of(first.id), (first,))


@law.of_trial("uploads_by_port", "fail_at")
def an_upload_that_fails_at_any_step_records_nothing(trial: StoreTrial) -> None:
    """`add` records an upload as a whole or not at all, whichever step fails."""

    def prepare(bench: Bench) -> Steps:
        there, *others = exams = [_exam(name) for name in ("there", "one", "two", "three")]
        bench.add(_CD, there)
        bench.look_for_exams(others)

        def require_done(_answer: object) -> None:
            batch = frozenset(bench.ports.exams.batch_of(there.id))
            same("the batch, once recorded", batch, frozenset(exams))
            _requires_sealed(bench, _SEALED)

        return lambda: bench.add(_SEALED, *others), require_done

    require_atomic_steps(trial, prepare)


@law.needing("hide")
def an_exam_that_the_host_removed_is_gone(bench: Bench) -> None:
    """An exam that the host removed is in no check and no list, and pages stay full.

    When the host brings it back, its grants count again, except those that ended meanwhile.
    """
    exams = bench.upload(*(f"e{number}" for number in range(7)), step=timedelta(minutes=1))
    grants = bench.share(*(bench.grant(exam, BEN) for exam in exams))
    gone, unshared, withdrawn = exams[1:5], grants[2], grants[3]

    def hide(*, hidden: bool) -> None:
        for exam in gone:
            needed(bench.trial.hide)(bench.ports.store, exam, hidden)

    def require_there(owned: tuple[es.ExamId, ...], given: tuple[es.ExamId, ...]) -> None:
        held = {ANNA: dict.fromkeys(owned, DOWNLOAD), BEN: dict.fromkeys(given, VIEW)}
        for user, those in held.items():
            bench.require_held(user, (user,), those, limits=(1, 2, len(exams)))
            involved, keys = bench.ports.access.involved, keys_of(user)
            involving = {exam for exam in exams if involved(user, keys, exam, START) is not None}
            same(f"the exams with which {user!r} is involved", involving, those.keys())

    require_there(exams, exams)
    hide(hidden=True)
    require_there((exams[0], *exams[5:]), (exams[0], *exams[5:]))
    same("the grants on one of them", bench.read(unshared.exam).grants, (unshared,))
    bench.write(bench.ending(unshared, how=es.HowEnded.BY_HOST))
    bench.write(bench.withdrawal(withdrawn.exam, withdrawn))
    hide(hidden=False)
    require_there((*exams[:3], *exams[4:]), (*exams[:2], *exams[4:]))
