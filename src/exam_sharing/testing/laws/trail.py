"""The laws of the audit trail and of the records of shares: `AuditTrail`."""

from typing import Final

import attrs

from exam_sharing.events import ActRefused, Event, ExamShared, ExamTransferred
from exam_sharing.exams import Exam, UploadBatch
from exam_sharing.grants import Permission
from exam_sharing.identifiers import BatchId, ExamId, GroupId, ShareId, UserId
from exam_sharing.policy.decisions import Reason, ReasonCode
from exam_sharing.policy.plans import Attestation, Share
from exam_sharing.policy.requests import Scope, ShareRequest
from exam_sharing.ports import Changes
from exam_sharing.testing.laws.bench import ACTED, ANNA, BEN, CARLA, Bench, laws_of_port
from exam_sharing.testing.laws.law import same
from exam_sharing.testing.moments import DAY, EDGES, START, TICK
from exam_sharing.testing.texts import HOSTILE

__all__ = ["law"]

law: Final = laws_of_port()


def _refusal(exam: str) -> ActRefused:
    request = ShareRequest(actor=BEN, exam=ExamId(exam), recipients=(CARLA,))
    reasons = (Reason(code=ReasonCode.EXAM_NOT_FOUND),)
    return ActRefused(at=ACTED, request=request, reasons=reasons)


@law
def recording_a_refusal_changes_nothing_else(bench: Bench) -> None:
    """A refused act is recorded in the audit trail, and changes nothing else.

    Specification: `#refusals`.
    """
    (exam,) = bench.upload("exam")
    bench.share(bench.grant(exam, BEN))
    before = dict(bench.everything())
    for name in ("exam", "unknown", "exam"):
        bench.ports.audit.record(_refusal(name))
    after = dict(bench.everything())
    for seen in (before, after):
        seen.pop("events", None)
    same("the store after refusals", after, before)


@law.needing("events")
def every_act_and_refusal_is_recorded_once_and_in_order(bench: Bench) -> None:
    """Nothing is forgotten: each act has one event, and each refusal has one.

    Specification: `#nothing-is-forgotten`.
    """
    exam, other = bench.upload("exam", "other")
    share = bench.sharing(bench.grant(exam, BEN), bench.grant(other, CARLA))
    (grant, _) = bench.write(share)
    ending = bench.ending(grant)
    refusal = _refusal("exam")
    bench.ports.audit.record(refusal)
    bench.write(ending)
    bench.ports.audit.record(refusal)
    same("the events", bench.events(), (share.event, refusal, ending.event, refusal))


@law.needing("events")
def a_conflict_leaves_no_event(bench: Bench) -> None:
    """An act whose commit was a conflict never happened, and the trail does not record it."""
    (exam,) = bench.upload("exam")
    late = bench.sharing(bench.grant(exam, BEN))
    first = bench.sharing(bench.grant(exam, CARLA))
    bench.write(first)
    same("a commit after a conflict", bench.commit(late), False)
    same("the events", bench.events(), (first.event,))


@law.needing("events")
def events_are_in_the_order_of_commits(bench: Bench) -> None:
    """Events come in the order of their commits, also when the clock goes back."""
    (exam,) = bench.upload("exam")
    expected: list[Event] = []
    for number, at in enumerate((START + DAY, START, START - DAY, START)):
        act = bench.sharing(bench.grant(exam, UserId(f"user {number}")))
        act = attrs.evolve(act, event=attrs.evolve(act.event, at=at))
        bench.write(act)
        expected.append(act.event)
    same("the events", bench.events(), tuple(expected))


@law.needing("transfer", "events")
def a_change_of_owner_is_recorded_also_of_an_unshared_exam(bench: Bench) -> None:
    """A change of owner adds one to the version and has an event, shared or not."""
    cd = UploadBatch(id=BatchId("cd"), uploader=ANNA, received_at=START)
    exam = Exam(id=ExamId("exam"), owner=ANNA, batch=cd.id, uploaded_at=START, subject="P-1")
    bench.add(cd, exam)
    stale = bench.sharing(bench.grant(exam.id, CARLA))
    bench.transfer(exam.id, BEN, START + DAY)
    versions = {exam.id: 1}
    same("the version", bench.versions(versions), versions)
    same("the exam", tuple(bench.ports.exams.find((exam.id,))), (attrs.evolve(exam, owner=BEN),))
    event = ExamTransferred(at=START + DAY, exam=exam.id, before=ANNA, after=BEN, versions=versions)
    same("the events", bench.events(), (event,))
    bench.conflicts("a share that read the former owner", stale)


_WORDINGS: Final = (
    "I confirm that HIPAA permits this sharing.",
    "  Two lines,\n\tand space around them. ",
    "J'en r\u00e9ponds: \u6f22\u5b57 \U0001f9b4 e\u0301",
    "'; -- \\ % ${HOME} {{ 7*7 }}",
    "x" * 5_000,
    "",
)


@law.needing("share_record")
def records_of_shares_are_read_back_unchanged(bench: Bench) -> None:
    """The record of a share keeps the request, and who attested, when and in which wording.

    Specification: `#share`.
    """
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
    # An act without new grants has a record, too, and no ending deletes a record.
    idle = attrs.evolve(written[0], id=ShareId("idle"))
    changes = bench.sharing(bench.grant(idle.exam, BEN), share="idle")
    bench.write(_with_record(attrs.evolve(changes, made=()), idle))
    for exam in exams:
        bench.write(bench.withdrawal(exam, *bench.read(exam).grants))
    for record in (*written, idle):
        kept, name = bench.share_record(record.id), f"share {str(record.id)!a}"
        same(f"the attestation of {name}", kept and kept.attestation, record.attestation)
        same(f"the record of {name}", kept, record)


def _record(number: int, text: str, exams: tuple[ExamId, ...]) -> Share:
    """Return the record of a share that differs from the others in as much as possible."""
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
    """Return the changes of a share with this record."""
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


@law.needing("share_record")
def a_conflict_leaves_no_record_of_a_share(bench: Bench) -> None:
    """A share whose commit was a conflict has no record, and neither has an unknown share."""
    (exam,) = bench.upload("exam")
    late = bench.sharing(bench.grant(exam, BEN), share="late")
    bench.share(bench.grant(exam, CARLA))
    same("a commit after a conflict", bench.commit(late), False)
    same("its record", bench.share_record(ShareId("late")), None)
    again = bench.sharing(bench.grant(exam, BEN), share="late")
    bench.write(again)
    same("its record, once it was written", bench.share_record(ShareId("late")), again.share)
    same("the record of an unknown share", bench.share_record(ShareId("unknown")), None)
