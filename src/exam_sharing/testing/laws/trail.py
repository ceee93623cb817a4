"""What a store promises of the audit trail: `AuditTrail`, and the events of commits."""

from collections.abc import Callable, Iterable
from typing import Final

import attrs

from exam_sharing.events import ActRefused, Event, ExamShared, ExamTransferred
from exam_sharing.exams import Exam, UploadBatch
from exam_sharing.grants import HowEnded, Permission
from exam_sharing.identifiers import BatchId, ExamId, GroupId, ShareId, UserId
from exam_sharing.policy.decisions import Reason, ReasonCode
from exam_sharing.policy.plans import Attestation, Share
from exam_sharing.policy.requests import Scope, ShareRequest
from exam_sharing.ports import Changes
from exam_sharing.testing.laws.bench import (
    ACTED,
    ANNA,
    BEN,
    CARLA,
    Bench,
    StoreTrial,
    benched,
)
from exam_sharing.testing.laws.law import same
from exam_sharing.testing.moments import DAY, EDGES, START, TICK
from exam_sharing.testing.texts import HOSTILE

__all__ = ["EVENT_LAWS", "LASTING_EVENT_LAWS", "RECORD_LAWS", "TOLD_TRANSFER_LAWS", "TRAIL_LAWS"]


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


_WORDINGS: Final = (
    "I confirm that HIPAA permits this sharing.",
    "  Two lines,\n\tand space around them. ",
    "J'en r\u00e9ponds: \u6f22\u5b57 \U0001f9b4 e\u0301",
    "'; -- \\ % ${HOME} {{ 7*7 }}",
    "x" * 5_000,
    "",
)


@benched
def the_record_of_a_share_is_kept_as_it_was_written(bench: Bench) -> None:
    """Who attested, when and in which wording is recorded, beside all that was asked: SPEC 2."""
    exams = bench.upload("second", "first", "third")
    written: list[Share] = []
    for number, text in enumerate(HOSTILE):
        record = _record(number, text, exams)
        made = (
            bench.grant(exam, to, record.permission, until=record.until, grantor=record.actor)
            for exam in record.exams
            for to in record.recipients
        )
        bench.write(_with_record(bench.sharing(*made, share=text), record))
        written.append(record)
    # An act that makes no grant is recorded as well, and no ending takes a record away.
    idle = attrs.evolve(written[0], id=ShareId("idle"))
    changes = bench.sharing(bench.grant(idle.exam, BEN), share="idle")
    bench.write(_with_record(attrs.evolve(changes, made=()), idle))
    for exam in exams:
        grants = bench.read(exam).grants
        bench.write(bench.ending(*grants, withdrawn=exam, how=HowEnded.WITHDRAWN))
    for record in (*written, idle):
        kept, name = bench.share_record(record.id), f"share {str(record.id)!a}"
        same(f"the attestation of {name}", kept and kept.attestation, record.attestation)
        same(f"the record of {name}", kept, record)


def _record(number: int, text: str, exams: tuple[ExamId, ...]) -> Share:
    """Return the record of a share that differs from the others in all that it can."""
    actor, covered = UserId(text), exams[: 1 + number % len(exams)]
    at = EDGES[number % len(EDGES)]
    return Share(
        id=ShareId(text),
        at=at,
        actor=actor,
        performed_by=UserId(HOSTILE[-1 - number]) if number % 2 else None,
        exam=covered[0],
        exams=covered,
        recipients=(GroupId(text), CARLA, GroupId("ward")),
        permission=list(Permission)[number % len(Permission)],
        scope=Scope.EXAM if len(covered) == 1 else Scope.BATCH,
        until=at + TICK if number % 3 else None,
        attestation=Attestation(by=actor, at=at, wording=_WORDINGS[number % len(_WORDINGS)]),
    )


def _with_record(changes: Changes, record: Share) -> Changes:
    """Return the changes of a share as they are when this is its record."""
    request = ShareRequest(
        actor=record.actor,
        exam=record.exam,
        recipients=record.recipients,
        permission=record.permission,
        scope=record.scope,
        until=record.until,
        attested=True,
        performed_by=record.performed_by,
    )
    made = tuple(attrs.evolve(grant, made_at=record.at) for grant in changes.made)
    moved = {grant.exam: grant.version for grant in made}
    event = ExamShared(at=record.at, request=request, share=record, versions=moved, made=made)
    return attrs.evolve(changes, made=made, share=record, event=event)


@benched
def a_share_that_was_not_written_has_no_record(bench: Bench) -> None:
    """A share that lost its race has no record until it is written, and an unknown one has none."""
    (exam,) = bench.upload("exam")
    late = bench.sharing(bench.grant(exam, BEN), share="late")
    bench.share(bench.grant(exam, CARLA))
    same("an act that read what has moved", bench.commit(late), False)
    same("its record", bench.share_record(ShareId("late")), None)
    again = bench.sharing(bench.grant(exam, BEN), share="late")
    bench.write(again)
    same("its record, once it was decided again", bench.share_record(ShareId("late")), again.share)
    same("the record of an unknown share", bench.share_record(ShareId("unknown")), None)


RECORD_LAWS: Final[tuple[Callable[[StoreTrial], None], ...]] = (
    the_record_of_a_share_is_kept_as_it_was_written,
    a_share_that_was_not_written_has_no_record,
)
"""For stores whose records of shares can be read."""


def _conflicts(bench: Bench, act: str, changes: Changes) -> None:
    bench.look_for(changes)
    before = bench.everything()
    same(f"what commit said of {act}", bench.commit(changes), False)
    same(f"what is there after {act}", bench.everything(), before)


@benched
def events_come_in_the_order_of_what_happened(bench: Bench) -> None:
    """Clocks order nothing: events come as they were written, though the clock goes back."""
    (exam,) = bench.upload("exam")
    expected: list[Event] = []
    for number, at in enumerate((START + DAY, START, START - DAY, START)):
        act = bench.sharing(bench.grant(exam, UserId(f"user {number}")))
        act = attrs.evolve(act, event=attrs.evolve(act.event, at=at))
        bench.write(act)
        expected.append(act.event)
    same("the events", _events(bench), tuple(expected))


@benched
def a_change_of_owner_is_told_though_nothing_was_shared(bench: Bench) -> None:
    """A change of owner counts and is told, of an exam that was never shared as of any other."""
    transfer = bench.trial.transfer
    if transfer is None:
        return
    cd = UploadBatch(id=BatchId("cd"), uploader=ANNA, received_at=START)
    exam = Exam(id=ExamId("exam"), owner=ANNA, batch=cd.id, uploaded_at=START, subject="P-1")
    bench.add(cd, exam)
    stale = bench.sharing(bench.grant(exam.id, CARLA))
    transfer(bench.ports.store, exam.id, BEN, START + DAY)
    versions = {exam.id: 1}
    same("the version", bench.versions(versions), versions)
    same("the exam", tuple(bench.ports.exams.find((exam.id,))), (attrs.evolve(exam, owner=BEN),))
    told = ExamTransferred(at=START + DAY, exam=exam.id, before=ANNA, after=BEN, versions=versions)
    same("the events", _events(bench), (told,))
    _conflicts(bench, "a share that had read the former owner", stale)


LASTING_EVENT_LAWS: Final[tuple[Callable[[StoreTrial], None], ...]] = (
    events_come_in_the_order_of_what_happened,
)
"""For stores whose audit trail can be read."""


TOLD_TRANSFER_LAWS: Final[tuple[Callable[[StoreTrial], None], ...]] = (
    a_change_of_owner_is_told_though_nothing_was_shared,
)
"""For stores in which exams change owners, and whose audit trail can be read."""
