"""The laws of the audit trail and of the records of shares: `AuditTrail`.

Specification: `#refusals`, `#nothing-is-forgotten`, `#share`.
"""

from typing import Final

import attrs

from exam_sharing.events import ActRefused, Event, ExamTransferred
from exam_sharing.exams import Exam, UploadBatch
from exam_sharing.grants import Permission
from exam_sharing.identifiers import BatchId, ExamId, GroupId, ShareId, UserId
from exam_sharing.policy.decisions import Reason, ReasonCode
from exam_sharing.policy.plans import Attestation, Share
from exam_sharing.policy.requests import Scope, ShareRequest
from exam_sharing.testing.edges import DAY, EDGES, HOSTILE, START, TICK
from exam_sharing.testing.laws.bench import ACTED, ANNA, BEN, CARLA, Bench, amended, laws_of_port
from exam_sharing.testing.laws.law import same

__all__ = ["law"]

law: Final = laws_of_port()


def _refusal(exam: str) -> ActRefused:
    request = ShareRequest(actor=BEN, exam=ExamId(exam), recipients=(CARLA,))
    reasons = (Reason(code=ReasonCode.EXAM_NOT_FOUND),)
    return ActRefused(at=ACTED, request=request, reasons=reasons)


@law
def recording_a_refusal_changes_nothing_else(bench: Bench) -> None:
    """A refused act is recorded in the audit trail, and changes nothing else."""
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
    """Nothing is forgotten: each act has one event, and each refusal has one."""
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
    """The record of a share keeps the request, and who attested, when and in which wording."""
    exams = bench.upload("second", "first", "third")
    written: list[Share] = []
    for number, text in enumerate(HOSTILE):
        record = _record(number, text, exams)
        made = (
            bench.grant(exam, to, record.permission, until=record.until, grantor=record.actor)
            for exam in record.exams
            for to in record.recipients
        )
        bench.write(bench.sharing(*made, record=record))
        written.append(record)
    # An act without new grants has a record, too, and no ending deletes a record.
    idle = attrs.evolve(written[0], id=ShareId("idle"))
    bench.write(amended(bench.sharing(bench.grant(idle.exam, BEN), record=idle), made=()))
    for exam in exams:
        bench.write(bench.withdrawal(exam, *bench.read(exam).grants))
    for record in (*written, idle):
        kept, name = bench.share_record(record.id), f"share {str(record.id)!a}"
        same(f"the attestation of {name}", kept and kept.attestation, record.attestation)
        same(f"the record of {name}", kept, record)
    same("the record of an unknown share", bench.share_record(ShareId("unknown")), None)


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
