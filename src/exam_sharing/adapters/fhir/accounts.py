"""What an entry of the history or an access says, by exam, as resources show it: ids and codes."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TypeAlias, assert_never

import attrs

from exam_sharing.accesses import Access, Disclosure
from exam_sharing.adapters.fhir.codes import KINDS, Kind
from exam_sharing.events import (
    AccessesPurged,
    ActRefused,
    Event,
    ExamShared,
    ExamTransferred,
    GrantsEnded,
)
from exam_sharing.grants import EndedGrant, Grant
from exam_sharing.history import (
    DirectoryChange,
    Everything,
    GroupChanged,
    NameReplaced,
    PrincipalRemoved,
    Subject,
    UserChanged,
)
from exam_sharing.identifiers import ExamId, PrincipalId, UserId
from exam_sharing.policy.requests import (
    Asked,
    HostEnding,
    NarrowRequest,
    RevokeRequest,
    ShareRequest,
    UnshareRequest,
    Withdrawal,
)

Details: TypeAlias = dict[str, str]
Concerned: TypeAlias = tuple[PrincipalId, Details]


@attrs.frozen(kw_only=True)
class Part:
    """What an entry says of one subject, and whom that concerns."""

    subject: Subject
    details: Details = attrs.field(factory=dict)
    concerned: tuple[Concerned, ...] = ()


@attrs.frozen(kw_only=True)
class Account:
    """What an entry says.

    Attributes:
        actor: who acted; `None` where the history names nobody.
        performed_by: who did it on the actor's behalf.
        refused: the codes of the reasons; empty for what was done.
        period: the times of the first and the last of several accesses.
        purpose: the code of the purpose of accesses.
        origin: from which application or address an exam was accessed.
        parts: one for each exam concerned; one in all if none is.
    """

    at: datetime
    kind: Kind
    actor: UserId | None = None
    performed_by: UserId | None = None
    refused: tuple[str, ...] = ()
    period: tuple[datetime, datetime] | None = None
    purpose: str | None = None
    origin: str | None = None
    parts: tuple[Part, ...]


def account_of(what: Event | DirectoryChange) -> Account:
    """Return the account of an entry."""
    match what:
        case ExamShared():
            exams = {*what.share.exams, *what.versions}
            return _act(what, _parts(what.request, exams, what.versions, what.made))
        case GrantsEnded():
            exams = set(what.versions)
            return _act(what, _parts(what.request, exams, what.versions, what.made, what.ended))
        case ActRefused():
            refused = tuple(dict.fromkeys(each.code.value for each in what.reasons))
            return attrs.evolve(_act(what, _parts(what.request)), refused=refused)
        case ExamTransferred():
            owners = ((what.before, {"owner": "before"}), (what.after, {"owner": "after"}))
            details = _version(what.versions, what.exam)
            part = Part(subject=what.exam, details=details, concerned=owners)
        case UserChanged():
            states = {"active": what.active, "sharing-in-plan": what.sharing_in_plan}
            details = {name: "yes" if holds else "no" for name, holds in states.items()}
            part = Part(subject=what.user, details=details)
        case GroupChanged():
            members = (*_members("joined", what.joined), *_members("left", what.left))
            part = Part(subject=what.group, concerned=members)
        case PrincipalRemoved():
            part = Part(subject=what.principal, concerned=tuple(_members("left", what.left)))
        case NameReplaced():
            part, actor = Part(subject=what.principal), what.performed_by
            return Account(at=what.at, kind=KINDS[NameReplaced], actor=actor, parts=(part,))
        case AccessesPurged():
            request = what.request
            details = {"rows": str(what.rows), "before": instant(request.before)}
            part = Part(subject=Everything.ACCESSES, details=details)
            kind, actor = KINDS[type(request)], request.performed_by
            return Account(at=what.at, kind=kind, actor=actor, parts=(part,))
        case other:
            assert_never(other)
    return Account(at=what.at, kind=KINDS[type(what)], parts=(part,))


def account_of_access(access: Access | Disclosure) -> Account:
    """Return the account of accesses of a user to an exam."""
    details = {"permission": access.permission.name, "count": str(access.count)}
    return Account(
        at=access.last,
        kind=KINDS[type(access)],
        actor=access.user,
        period=(access.first, access.last),
        purpose=access.purpose,
        origin=access.origin if isinstance(access, Access) else None,
        parts=(Part(subject=access.exam, details=details),),
    )


def instant(at: datetime) -> str:
    """Return a time in UTC as FHIR writes it."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _act(what: ExamShared | GrantsEnded | ActRefused, parts: tuple[Part, ...]) -> Account:
    request = what.request
    match request:
        case HostEnding() | Withdrawal():
            actor = request.performed_by
        case _:
            actor = request.actor
    return Account(
        at=what.at,
        kind=KINDS[type(request)],
        actor=actor,
        performed_by=request.performed_by,
        parts=parts,
    )


def _parts(
    request: Asked,
    exams: Iterable[ExamId] = (),
    versions: Mapping[ExamId, int] | None = None,
    made: Iterable[Grant] = (),
    ended: Iterable[EndedGrant] = (),
) -> tuple[Part, ...]:
    """Return a part for each exam, or one of what the request names."""
    changes: dict[ExamId, list[Concerned]] = {exam: [] for exam in exams}
    for grant in made:
        changes.setdefault(grant.exam, []).append((grant.recipient, _details(grant, "grant-made")))
    for each in ended:
        details = {**_details(each.grant, "grant-ended"), "how": each.ending.how.value}
        changes.setdefault(each.grant.exam, []).append((each.grant.recipient, details))
    subject, recipients = _named(request)
    if not changes:
        return (Part(subject=subject, concerned=tuple(_bare(recipients))),)
    parts = []
    for exam, concerned in sorted(changes.items()):
        affected = {who for who, _ in concerned}
        others = _bare(each for each in recipients if each not in affected)
        details = _version(versions or {}, exam)
        parts.append(Part(subject=exam, details=details, concerned=(*concerned, *others)))
    return tuple(parts)


def _named(request: Asked) -> tuple[Subject, tuple[PrincipalId, ...]]:
    """Return the subject that a request names, and the recipients."""
    match request:
        case ShareRequest():
            return request.exam, request.recipients
        case UnshareRequest() | NarrowRequest():
            return request.exam, (request.recipient,)
        case HostEnding():
            exam, who = request.exam, request.recipient
            return (who, ()) if exam is None else (exam, (who,))
        case RevokeRequest():
            return request.grant, ()
        case Withdrawal():
            return request.exam, ()
        case other:
            assert_never(other)


def _details(grant: Grant, id_as: str) -> Details:
    details = {id_as: grant.id.value, "permission": grant.permission.name}
    return details if grant.until is None else {**details, "until": instant(grant.until)}


def _bare(principals: Iterable[PrincipalId]) -> Iterator[Concerned]:
    return ((each, {}) for each in principals)


def _version(versions: Mapping[ExamId, int], exam: ExamId) -> Details:
    return {"version": str(versions[exam])} if exam in versions else {}


def _members(how: str, principals: Iterable[PrincipalId]) -> Iterator[Concerned]:
    return ((each, {"member": how}) for each in principals)
