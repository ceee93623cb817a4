"""Values from rows, and rows from values. A row to insert is a mapping of its columns."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from exam_sharing.events import ListedNotice, WaitingNotice
from exam_sharing.exams import Exam, UploadBatch
from exam_sharing.grants import (
    OWNER,
    Basis,
    EndedAs,
    EndedGrant,
    Ending,
    Grant,
    HowEnded,
    Permission,
)
from exam_sharing.identifiers import (
    BatchId,
    ExamId,
    GrantId,
    NoticeId,
    PrincipalKey,
    ShareId,
    UserId,
    principal_of,
)
from exam_sharing.policy.plans import Attestation, Share
from exam_sharing.policy.requests import Scope
from exam_sharing.policy.retries import AT_ONCE
from exam_sharing.validation import PrivateText

__all__ = [
    "batch_of_row",
    "ended_grant_of_row",
    "exam_of_row",
    "grant_of_row",
    "listed_notice_of_row",
    "notice_of_row",
    "row_of_batch",
    "row_of_ending",
    "row_of_exam",
    "row_of_grant",
    "row_of_notice",
    "row_of_share",
    "share_of_row",
]

Values = Mapping[str, Any]


def row_of_exam(exam: Exam) -> Values:
    """Return the row of an exam."""
    return {
        "id": exam.id.value,
        "owner": exam.owner.value,
        "batch": exam.batch.value,
        "uploaded_at": exam.uploaded_at,
        "subject": _bare(exam.subject),
    }


def exam_of_row(row: Row[Any]) -> Exam:
    """Return the exam of a row."""
    return Exam(
        id=ExamId(row.id),
        owner=UserId(row.owner),
        batch=BatchId(row.batch),
        uploaded_at=row.uploaded_at,
        subject=row.subject,
    )


def row_of_batch(batch: UploadBatch) -> Values:
    """Return the row of an upload batch."""
    return {
        "id": batch.id.value,
        "uploader": batch.uploader.value,
        "source": batch.source,
        "received_at": batch.received_at,
        "sealed": batch.sealed,
    }


def batch_of_row(row: Row[Any]) -> UploadBatch:
    """Return the upload batch of a row."""
    return UploadBatch(
        id=BatchId(row.id),
        uploader=UserId(row.uploader),
        source=row.source,
        received_at=row.received_at,
        sealed=row.sealed,
    )


def row_of_grant(grant: Grant, uploaded_at: datetime) -> Values:
    """Return the row of a new grant on an exam that was uploaded at that time."""
    basis = None if grant.basis is OWNER else _list_of(sorted(each.value for each in grant.basis))
    return {
        "id": grant.id.value,
        "exam": grant.exam.value,
        "grantor": grant.grantor.value,
        "recipient": grant.recipient.key,
        "permission": int(grant.permission),
        "until": grant.until,
        "version": grant.version,
        "basis": basis,
        "share": grant.share.value,
        "made_at": grant.made_at,
        "lines": _list_of(each.value for each in grant.lines) if grant.lines else None,
        "uploaded_at": uploaded_at,
    }


def grant_of_row(row: Row[Any]) -> Grant:
    """Return the grant of a row, whether or not it has ended."""
    basis: Basis = OWNER
    if row.basis is not None:
        basis = frozenset(GrantId(each) for each in json.loads(row.basis))
    return Grant(
        id=GrantId(row.id),
        exam=ExamId(row.exam),
        grantor=UserId(row.grantor),
        recipient=principal_of(PrincipalKey(row.recipient)),
        permission=Permission(row.permission),
        until=row.until,
        version=row.version,
        basis=basis,
        share=ShareId(row.share),
        made_at=row.made_at,
        lines=() if row.lines is None else tuple(GrantId(each) for each in json.loads(row.lines)),
    )


def row_of_ending(ending: Ending) -> Values:
    """Return what an ending adds to the row of its grant; `which` is the id of the grant."""
    return {
        "which": ending.grant.value,
        "closed_version": ending.version,
        "ended_how": ending.how.value,
        "ended_by": None if ending.by is None else ending.by.value,
        "ended_as": ending.acting_as.value,
        "ended_at": ending.at,
        "replaced_by": _list_of(each.value for each in ending.replaced_by),
    }


def ended_grant_of_row(row: Row[Any]) -> EndedGrant:
    """Return the grant of a row, with its ending."""
    ending = Ending(
        grant=GrantId(row.id),
        how=HowEnded(row.ended_how),
        by=None if row.ended_by is None else UserId(row.ended_by),
        acting_as=EndedAs(row.ended_as),
        at=row.ended_at,
        version=row.closed_version,
        replaced_by=tuple(GrantId(each) for each in json.loads(row.replaced_by)),
    )
    return EndedGrant(grant=grant_of_row(row), ending=ending)


def row_of_share(share: Share) -> Values:
    """Return the row of a share."""
    return {
        "id": share.id.value,
        "at": share.at,
        "actor": share.actor.value,
        "performed_by": None if share.performed_by is None else share.performed_by.value,
        "exam": share.exam.value,
        "exams": _list_of(each.value for each in share.exams),
        "recipients": _list_of(each.key for each in share.recipients),
        "permission": int(share.permission),
        "scope": share.scope.value,
        "until": share.until,
        "attested_by": share.attestation.by.value,
        "attested_at": share.attestation.at,
        "wording": share.attestation.wording,
    }


def share_of_row(row: Row[Any]) -> Share:
    """Return the share of a row."""
    return Share(
        id=ShareId(row.id),
        at=row.at,
        actor=UserId(row.actor),
        performed_by=None if row.performed_by is None else UserId(row.performed_by),
        exam=ExamId(row.exam),
        exams=tuple(ExamId(each) for each in json.loads(row.exams)),
        recipients=tuple(principal_of(PrincipalKey(key)) for key in json.loads(row.recipients)),
        permission=Permission(row.permission),
        scope=Scope(row.scope),
        until=row.until,
        attestation=Attestation(
            by=UserId(row.attested_by), at=row.attested_at, wording=row.wording
        ),
    )


def row_of_notice(notice: WaitingNotice) -> Values:
    """Return the row of a new notice."""
    return {
        "id": notice.id.value,
        "share": notice.share.value,
        "reader": notice.to.value,
        "actor": notice.actor.value,
        "exams": _list_of(each.value for each in notice.exam_ids),
        "message": _bare(notice.message),
        "attempts": notice.attempts,
        "problem": notice.problem,
        "due": AT_ONCE,
    }


def notice_of_row(row: Row[Any]) -> WaitingNotice:
    """Return the notice of a row."""
    return WaitingNotice(
        id=NoticeId(row.id),
        share=ShareId(row.share),
        to=UserId(row.reader),
        actor=UserId(row.actor),
        exam_ids=tuple(ExamId(each) for each in json.loads(row.exams)),
        message=row.message,
        attempts=row.attempts,
        problem=row.problem,
    )


def listed_notice_of_row(row: Row[Any]) -> ListedNotice:
    """Return what an operator is shown of the notice of a row."""
    return ListedNotice(
        number=row.number,
        id=NoticeId(row.id),
        share=ShareId(row.share),
        to=UserId(row.reader),
        attempts=row.attempts,
        due=row.due,
        claimed=row.claimed_by is not None,
        given_up_at=row.given_up_at,
        problem=row.problem,
    )


def _list_of(texts: Iterable[str]) -> str:
    return json.dumps(list(texts), separators=(",", ":"))


def _bare(text: PrivateText | None) -> str | None:
    return None if text is None else str(text)
