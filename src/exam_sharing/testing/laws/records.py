"""What a store promises of the records of shares: who attested what, where they can be read."""

from collections.abc import Callable
from typing import Final

import attrs

from exam_sharing.events import ExamShared
from exam_sharing.grants import HowEnded, Permission
from exam_sharing.identifiers import ExamId, GroupId, ShareId, UserId
from exam_sharing.policy.plans import Attestation, Share
from exam_sharing.policy.requests import Scope, ShareRequest
from exam_sharing.ports import Changes
from exam_sharing.testing.laws.bench import BEN, CARLA, Bench, StoreTrial, benched
from exam_sharing.testing.laws.law import same
from exam_sharing.testing.moments import EDGES, TICK
from exam_sharing.testing.texts import HOSTILE

__all__ = ["RECORD_LAWS"]

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
