"""What the portal shows, asked of the facts, changing none; and doing whatever is asked for."""

from collections.abc import Mapping
from datetime import datetime

import attrs

from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, GrantId, PrincipalId, UserId
from exam_sharing.policy.requests import (
    NarrowRequest,
    Request,
    RevokeRequest,
    Scope,
    ShareRequest,
    UnshareRequest,
)
from exam_sharing.testing.model.access import (
    has_access,
    held_by,
    holds,
    is_found,
    may_share,
    shown_basis,
    sight,
    standing,
)
from exam_sharing.testing.model.ending import may_end, narrow, revoke, unshare
from exam_sharing.testing.model.records import Basis, Grant, Receipt, Refused, Tab, until_of
from exam_sharing.testing.model.sharing import covered, longest, share, subjects
from exam_sharing.testing.model.world import World


def visible_to(world: World, user: UserId, now: datetime) -> list[tuple[ExamId, Permission]]:
    """Return what a user can see with the permission held, newest upload first.

    Uploads of one time come by id, the last first. An exam is here exactly when a check says yes.
    """
    seen = [exam for exam in world.exams.values() if has_access(world, user, exam.id, now)]
    seen.sort(key=lambda exam: (exam.uploaded_at, exam.id.value), reverse=True)
    return [
        (exam.id, max(p for p in Permission if holds(world, user, p, exam.id, now)))
        for exam in seen
    ]


def shared_with(world: World, user: UserId, now: datetime) -> list[tuple[ExamId, Permission]]:
    """Return, of what a user can see, the exams of others."""
    return [
        (exam, permission)
        for exam, permission in visible_to(world, user, now)
        if world.exams[exam].owner != user
    ]


def tabs(world: World, user: UserId, exam: ExamId, now: datetime) -> frozenset[Tab]:
    """No `DOWNLOAD`, no download tab; no plan, no share tab; no access, no tabs."""
    found: set[Tab] = set()
    if holds(world, user, Permission.VIEW, exam, now):
        found.add("VIEW")
    if holds(world, user, Permission.DOWNLOAD, exam, now):
        found.add("DOWNLOAD")
    if may_share(world, user, exam, now):
        found.add("SHARE")
    return frozenset(found)


@attrs.frozen(kw_only=True)
class Form:
    """What the share form shows to someone who may share."""

    offers_download: bool
    exams: frozenset[ExamId]
    subjects: int
    wording: str
    sends_messages: bool
    latest_until: datetime | None


def share_form(world: World, actor: UserId, exam: ExamId, now: datetime) -> Form | None:
    """Return the form, or `None` where there is no Share tab.

    The latest time is that for viewing the named exam.
    """
    if not may_share(world, actor, exam, now):
        return None
    exams = covered(world, actor, exam, Scope.BATCH, now)
    return Form(
        offers_download=holds(world, actor, Permission.DOWNLOAD, exam, now),
        exams=frozenset(exams),
        subjects=len(subjects(world, exams)),
        wording=world.settings.attestation_wording,
        sends_messages=world.settings.sends_notices,
        latest_until=until_of(longest(world, actor, Permission.VIEW, exam, now)),
    )


@attrs.frozen(kw_only=True)
class Entry:
    """One principal on an access list: what is held until when, and the grants behind it.

    `grants` says of each whether it can be unshared, `bases` on which of those shown it rests.
    """

    until: Mapping[Permission, datetime | None]
    grants: Mapping[int, bool]
    bases: Mapping[int, Basis]
    can_unshare: bool


@attrs.frozen(kw_only=True)
class AccessList:
    """The owner under its own heading, then the principals with standing grants."""

    owner: UserId
    entries: Mapping[PrincipalId, Entry]


def access_list(world: World, viewer: UserId, exam: ExamId, now: datetime) -> AccessList | Refused:
    """Return what a viewer with access may see of the list; nobody whom the directory has not.

    *Can I unshare this* is asked of unsharing itself, with the policy's default for re-shares.
    """
    if not is_found(world, exam) or not has_access(world, viewer, exam, now):
        return Refused({"EXAM_NOT_FOUND": frozenset()})
    sees = sight(world, viewer, exam, now)
    grants = {grant for grant in standing(world, exam, now) if sees(grant)}
    return AccessList(
        owner=world.exams[exam].owner,
        entries={
            principal: _entry(world, viewer, exam, principal, grants, now)
            for principal in {grant.recipient for grant in grants} & world.names.keys()
        },
    )


def _entry(
    world: World,
    viewer: UserId,
    exam: ExamId,
    principal: PrincipalId,
    seen: set[Grant],
    now: datetime,
) -> Entry:
    grants = {grant for grant in seen if grant.recipient == principal}
    sees = sight(world, viewer, exam, now)
    whole = UnshareRequest(actor=viewer, exam=exam, recipient=principal)
    return Entry(
        until=held_by(grants, now),
        grants={
            grant.id: may_end(world, RevokeRequest(actor=viewer, grant=GrantId(str(grant.id))), now)
            for grant in grants
        },
        bases={grant.id: shown_basis(world, grant, sees, now) for grant in grants},
        can_unshare=may_end(world, whole, now),
    )


def perform(world: World, request: Request, now: datetime) -> Receipt | Refused:
    """Do whatever is asked for."""
    match request:
        case ShareRequest():
            return share(world, request, now)
        case UnshareRequest():
            return unshare(world, request, now)
        case NarrowRequest():
            return narrow(world, request, now)
        case RevokeRequest():
            return revoke(world, request, now)
