"""Receipts and events as JSON documents.

Text, numbers, truth values and null stand for themselves, and a list for a tuple. Everything else
is an object whose one key is the kind: `{"UserId": "anna"}`, `{"at": "2030-01-01T…"}`,
`{"UnshareReceipt": {…}}`. The table `_KINDS` has every kind, and nothing else is ever built.

Grants and shares have rows of their own and never change, so a document only names them.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from enum import Enum
from typing import Any, Final, TypeAlias

import attrs
from sqlalchemy import Row

from exam_sharing.errors import StoreFailed
from exam_sharing.events import (
    ActRefused,
    Event,
    ExamShared,
    ExamTransferred,
    GrantsEnded,
    ListedNotice,
    WaitingNotice,
)
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
    ShownGrant,
)
from exam_sharing.identifiers import (
    BatchId,
    ExamId,
    GrantId,
    GroupId,
    NoticeId,
    PrincipalKey,
    ShareId,
    UserId,
    principal_of,
)
from exam_sharing.policy.decisions import Reason, ReasonCode
from exam_sharing.policy.plans import (
    Attestation,
    Outcome,
    Share,
    ShareOutcome,
    ShareReceipt,
    UnshareReceipt,
    UntilLimit,
)
from exam_sharing.policy.requests import (
    HostEnding,
    NarrowRequest,
    Reshares,
    RevokeRequest,
    Scope,
    ShareRequest,
    UnshareRequest,
    Withdrawal,
)
from exam_sharing.policy.retries import AT_ONCE
from exam_sharing.ports import Receipt
from exam_sharing.validation import PrivateText

__all__ = [
    "Records",
    "batch_of_row",
    "ended_grant_of_row",
    "event_of",
    "exam_of_row",
    "grant_of_row",
    "listed_notice_of_row",
    "named_in",
    "notice_of_row",
    "receipt_of",
    "row_of_batch",
    "row_of_ending",
    "row_of_exam",
    "row_of_grant",
    "row_of_notice",
    "row_of_share",
    "share_of_row",
    "text_of",
]

Json: TypeAlias = "bool | int | str | list[Json] | dict[str, Json] | None"

_IDENTIFIERS: Final = (ExamId, GrantId, GroupId, ShareId, UserId)
_ENUMS: Final[tuple[type[Enum], ...]] = (
    Outcome,
    Permission,
    ReasonCode,
    Reshares,
    Scope,
    UntilLimit,
)
_VALUES: Final[tuple[type[attrs.AttrsInstance], ...]] = (
    ActRefused,
    ExamShared,
    ExamTransferred,
    GrantsEnded,
    HostEnding,
    NarrowRequest,
    Reason,
    RevokeRequest,
    ShareOutcome,
    ShareReceipt,
    ShareRequest,
    UnshareReceipt,
    UnshareRequest,
    Withdrawal,
)
_SHOWN: Final = "shown"
_GRANT: Final = "grant"
_ENDED: Final = "ended"
_SHARE: Final = "share"
_NAMED: Final = frozenset({_GRANT, _ENDED, _SHARE})


@attrs.frozen(kw_only=True)
class Records:
    """The rows that documents name.

    Attributes:
        grants: by id.
        ended: those of them that have ended, by id.
        shares: by id.
    """

    grants: Mapping[str, Grant] = attrs.field(factory=dict)
    ended: Mapping[str, EndedGrant] = attrs.field(factory=dict)
    shares: Mapping[str, Share] = attrs.field(factory=dict)


def text_of(value: Event | Receipt) -> str:
    """Return the document of a receipt or an event; it is ASCII, whatever the value holds."""
    return json.dumps(_plain(value), separators=(",", ":"))


def event_of(text: str, records: Records) -> Event:
    """Return the event of a document."""
    event = _value(json.loads(text), records)
    if not isinstance(event, Event):
        raise _unknown()
    return event


def receipt_of(text: str, records: Records) -> Receipt:
    """Return the receipt of a document."""
    receipt = _value(json.loads(text), records)
    if not isinstance(receipt, Receipt):
        raise _unknown()
    return receipt


def named_in(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the ids of the grants and of the shares that a document names."""
    names: dict[str, set[str]] = {_GRANT: set(), _ENDED: set(), _SHARE: set()}
    for kind, name in _names(json.loads(text)):
        names[kind].add(name)
    return frozenset(names[_GRANT] | names[_ENDED]), frozenset(names[_SHARE])


def _names(plain: Json) -> Iterator[tuple[str, str]]:
    if isinstance(plain, list):
        for each in plain:
            yield from _names(each)
    elif isinstance(plain, dict):
        for kind, content in plain.items():
            if kind in _NAMED and isinstance(content, str):
                yield kind, content
            else:
                yield from _names(content)


@attrs.frozen
class _Kind:
    """A kind of value: its key in documents, its type, and how it is written and read."""

    key: str
    type: type
    write: Callable[[Any], Json]
    read: Callable[[Any, Records], object]


def _plain(value: object) -> Json:
    kind = _BY_TYPE.get(type(value))
    if kind is not None:
        return {kind.key: kind.write(value)}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, str):
        return str(value)
    if value is None or isinstance(value, int):
        return value
    raise _unknown()


def _value(plain: Json, records: Records) -> object:
    if isinstance(plain, list):
        return tuple([_value(each, records) for each in plain])
    if not isinstance(plain, dict):
        return plain
    ((key, content),) = plain.items()
    kind = _BY_KEY.get(key)
    if kind is None:
        raise _unknown()
    try:
        return kind.read(content, records)
    except TypeError:
        # The content is not that of such a value.
        raise _unknown() from None


def _identifier(kind: type) -> _Kind:
    return _Kind(kind.__name__, kind, str, lambda content, _: kind(content))


def _member(kind: type[Enum]) -> _Kind:
    return _Kind(kind.__name__, kind, lambda each: str(each.name), lambda name, _: kind[name])


def _fields(kind: type[attrs.AttrsInstance]) -> _Kind:
    # The names in a receipt are looked up whenever it is returned, and not kept.
    names = [field.name for field in attrs.fields(kind) if field.name != "names"]
    return _Kind(
        kind.__name__,
        kind,
        lambda value: {name: _plain(getattr(value, name)) for name in names},
        lambda content, records: kind(
            **{name: _value(each, records) for name, each in content.items()}
        ),
    )


def _set_of(content: list[Json], records: Records) -> object:
    return frozenset(_value(each, records) for each in content)


def _map_of(content: list[list[Json]], records: Records) -> object:
    return {_value(key, records): _value(each, records) for key, each in content}


def _written_shown(shown: ShownGrant) -> Json:
    # Only the shown part of the basis; the grant itself has whether it is the owner's.
    basis = () if shown.basis is OWNER else sorted(shown.basis)
    return {_GRANT: str(shown.id), "basis": [str(each) for each in basis]}


def _shown_of(content: Any, records: Records) -> ShownGrant:  # noqa: ANN401  JSON
    grant = records.grants[content[_GRANT]]
    basis = OWNER if grant.basis is OWNER else frozenset(map(GrantId, content["basis"]))
    return ShownGrant.of(grant, basis)


_KINDS: Final = (
    _Kind("at", datetime, datetime.isoformat, lambda text, _: datetime.fromisoformat(text)),
    _Kind("set", frozenset, lambda items: [_plain(each) for each in sorted(items)], _set_of),
    _Kind("map", dict, lambda items: [[*map(_plain, pair)] for pair in items.items()], _map_of),
    _Kind(_GRANT, Grant, lambda grant: str(grant.id), lambda id_, records: records.grants[id_]),
    _Kind(_ENDED, EndedGrant, lambda past: str(past.grant.id), lambda id_, r: r.ended[id_]),
    _Kind(_SHARE, Share, lambda share: str(share.id), lambda id_, records: records.shares[id_]),
    _Kind(_SHOWN, ShownGrant, _written_shown, _shown_of),
    *map(_identifier, _IDENTIFIERS),
    *map(_member, _ENUMS),
    *map(_fields, _VALUES),
)
_BY_TYPE: Final = {kind.type: kind for kind in _KINDS}
_BY_KEY: Final = {kind.key: kind for kind in _KINDS}


def _unknown() -> StoreFailed:
    return StoreFailed("a document has a kind of value that this version does not know")


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
