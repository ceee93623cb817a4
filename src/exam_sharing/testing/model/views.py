"""What people and operators are shown, and the preview of an act.

Specification: `#what-the-portal-shows`, `#previews`, `#disclosure`.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal, TypeAlias

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
    Consequence,
    consequences,
    entitling,
    has_access,
    held_by,
    holds,
    is_active,
    is_found,
    knowledge,
    may_share,
    owns,
    shown_basis,
    sight,
    standing,
)
from exam_sharing.testing.model.ending import may_end, unshare
from exam_sharing.testing.model.sharing import covered, longest, share, subjects
from exam_sharing.testing.model.support import Bound
from exam_sharing.testing.model.world import (
    Basis,
    Ended,
    Grant,
    Receipt,
    Refused,
    World,
    first_receipt,
    memoized,
    principals_of,
    until_of,
)

Tab: TypeAlias = Literal["VIEW", "DOWNLOAD", "SHARE"]
WhyNot: TypeAlias = Literal["USER_NOT_ACTIVE", "ONLY_VIEW", "EXPIRED", "ENDED", "OWN_GRANT"]
Effects: TypeAlias = Mapping[tuple[PrincipalId, ExamId, Permission], tuple[datetime, datetime]]
"""Until when a principal holds a permission before and after an act; `NEVER` if not at all."""


def visible_to(world: World, user: UserId) -> list[tuple[ExamId, Permission]]:
    """Return what a user can see, with the permission held: newest upload first, then by id."""
    seen = [exam for exam in world.exams.values() if has_access(world, user, exam.id)]
    seen.sort(key=lambda exam: (exam.uploaded_at, exam.id.value), reverse=True)
    return [
        (exam.id, max(p for p in Permission if holds(world, user, p, exam.id))) for exam in seen
    ]


def shared_with(world: World, user: UserId) -> list[tuple[ExamId, Permission]]:
    """Return the exams of others that a user can see."""
    return [each for each in visible_to(world, user) if world.exams[each[0]].owner != user]


def tabs(world: World, user: UserId, exam: ExamId) -> frozenset[Tab]:
    """Return the tabs of an exam; none without access."""
    found: set[Tab] = set()
    if holds(world, user, Permission.VIEW, exam):
        found.add("VIEW")
    if holds(world, user, Permission.DOWNLOAD, exam):
        found.add("DOWNLOAD")
    if may_share(world, user, exam):
        found.add("SHARE")
    return frozenset(found)


@attrs.frozen(kw_only=True)
class Form:
    """The share form of somebody who may share."""

    offers_download: bool
    exams: frozenset[ExamId]
    subjects: int
    wording: str
    sends_messages: bool
    latest_until: datetime | None


def share_form(world: World, actor: UserId, exam: ExamId) -> Form | None:
    """Return the form, with the latest time for viewing; `None` if there is no Share tab."""
    if not may_share(world, actor, exam):
        return None
    exams = covered(world, actor, exam, Scope.BATCH)
    return Form(
        offers_download=holds(world, actor, Permission.DOWNLOAD, exam),
        exams=frozenset(exams),
        subjects=len(subjects(world, exams)),
        wording=world.policy.attestation_wording,
        sends_messages=world.policy.sends_notices,
        latest_until=until_of(longest(world, actor, Permission.VIEW, exam)),
    )


@attrs.frozen(kw_only=True)
class Entry:
    """One principal on an access list.

    Attributes:
        until: until when each permission is held.
        grants: the grants behind it, each with whether the viewer may unshare it.
        bases: what each of these rests on, as far as shown.
        can_unshare: whether the viewer may unshare all of it.
    """

    until: Mapping[Permission, datetime | None]
    grants: Mapping[int, bool]
    bases: Mapping[int, Basis]
    can_unshare: bool


@attrs.frozen(kw_only=True)
class AccessList:
    """The owner, and the principals with standing grants."""

    owner: UserId
    entries: Mapping[PrincipalId, Entry]


def access_list(world: World, viewer: UserId, exam: ExamId) -> AccessList | Refused:
    """Return what a viewer with access may see of the list, without unknown principals."""
    if not has_access(world, viewer, exam):
        return Refused({"EXAM_NOT_FOUND": frozenset()})
    sees = sight(world, viewer, exam)
    grants = {grant for grant in standing(world, exam) if sees(grant)}
    return AccessList(
        owner=world.exams[exam].owner,
        entries={
            principal: _entry(world, viewer, exam, principal, grants)
            for principal in {grant.recipient for grant in grants} & world.names.keys()
        },
    )


def _entry(
    world: World, viewer: UserId, exam: ExamId, principal: PrincipalId, seen: set[Grant]
) -> Entry:
    """Whether something can be unshared is decided by unsharing, with the policy's default."""
    grants = {grant for grant in seen if grant.recipient == principal}
    sees = sight(world, viewer, exam)
    whole = UnshareRequest(actor=viewer, exam=exam, recipient=principal)
    single = {
        grant.id: RevokeRequest(actor=viewer, grant=GrantId(str(grant.id))) for grant in grants
    }
    return Entry(
        until=held_by(grants, world.now),
        grants={grant: may_end(world, request) for grant, request in single.items()},
        bases={grant.id: shown_basis(world, grant, sees) for grant in grants},
        can_unshare=may_end(world, whole),
    )


@attrs.frozen(kw_only=True)
class Explained:
    """An answer of `explain`.

    Attributes:
        holds: whether the user holds the permission.
        as_owner: whether the user holds it as the owner.
        grants: every standing grant that gives the permission.
        nearest: if not held, what each grant to the user or to their groups lacks.
        ownership_lost: if not held, whether the user owns the exam but is not active.
    """

    holds: bool
    as_owner: bool = False
    grants: frozenset[int] = frozenset()
    nearest: Mapping[int, WhyNot] = attrs.field(factory=dict)
    ownership_lost: bool = False


def explain(world: World, user: UserId, permission: Permission, exam: ExamId) -> Explained:
    """Return whether a user holds a permission, and why."""
    if holds(world, user, permission, exam):
        giving = entitling(world, user, exam)
        return Explained(
            holds=True,
            as_owner=owns(world, user, exam),
            grants=frozenset(grant.id for grant in giving if grant.permission >= permission),
        )
    if not is_found(world, exam):
        return Explained(holds=False)
    principals = principals_of(world, user)
    return Explained(
        holds=False,
        nearest={
            grant.id: _why_not(world, user, grant)
            for grant in world.grants.values()
            if grant.exam == exam and grant.recipient in principals
        },
        ownership_lost=world.exams[exam].owner == user,
    )


def _why_not(world: World, user: UserId, grant: Grant) -> WhyNot:
    """Report first that a grant has ended or expired, whatever else it lacks."""
    if grant.id in world.endings:
        return "ENDED"
    if world.now >= grant.horizon:
        return "EXPIRED"
    if grant.grantor == user:
        return "OWN_GRANT"
    return "ONLY_VIEW" if is_active(world, user) else "USER_NOT_ACTIVE"


def who_can(
    world: World, permission: Permission, exam: ExamId
) -> Mapping[UserId, Explained] | Refused:
    """Return every user who holds a permission, and why."""
    if not is_found(world, exam):
        return Refused({"EXAM_NOT_FOUND": frozenset()})
    answers = {user: explain(world, user, permission, exam) for user in world.users}
    return {user: why for user, why in answers.items() if why.holds}


@memoized
def shortest_ways(
    world: World, user: UserId, principal: PrincipalId
) -> frozenset[tuple[PrincipalId, ...]]:
    """Return every shortest chain of memberships from a user to a principal, both included."""
    ways: frozenset[tuple[PrincipalId, ...]] = frozenset({(user,)})
    while ways and not any(way[-1] == principal for way in ways):
        ways = frozenset(
            (*way, group)
            for way in ways
            for group, members in world.groups.items()
            if way[-1] in members
        )
    return frozenset(way for way in ways if way[-1] == principal)


def perform(world: World, request: Request) -> Receipt | Refused:
    """Do what a request asks for."""
    return share(world, request) if isinstance(request, ShareRequest) else unshare(world, request)


@attrs.frozen(kw_only=True)
class Preview:
    """What an act would do, as far as its actor may know.

    A group is listed with what grants to itself give, and its members as far as the actor may see
    them.

    Attributes:
        refused: why it would be refused, or `None`.
        gains: who would hold what for longer.
        losses: who would hold what for less long.
        keeps: who would hold all the same what an ended grant gave them, beyond the bound.
        repeated: whether the act was done before under the same request id, and would do nothing.
    """

    refused: Refused | None = None
    gains: Effects = attrs.field(factory=dict)
    losses: Effects = attrs.field(factory=dict)
    keeps: Effects = attrs.field(factory=dict)
    repeated: bool = False


def preview(world: World, request: Request) -> Preview:
    """Return what an act would do, by doing it in a copy of the world.

    The effects stand beside the reason if only the attestation is missing. With any other reason
    there are no effects.
    """
    if first_receipt(world, request) is not None:
        return Preview(repeated=True)
    request = attrs.evolve(request, request_id=None)
    other = world.copy()
    result = perform(other, request)
    refused = result if isinstance(result, Refused) else None
    if refused and isinstance(request, ShareRequest) and refused.codes == {"ATTESTATION_MISSING"}:
        result = perform(other, attrs.evolve(request, attested=True, wording=None))
    if isinstance(result, Refused):
        return Preview(refused=refused)
    changes = _changes(world, request, other, result)
    return Preview(
        refused=refused,
        gains=_effects(each for each in changes if each.after > each.before),
        losses=_effects(each for each in changes if each.after < each.before),
        keeps=_effects(each for each in changes if each.kept),
    )


def _changes(world: World, request: Request, other: World, result: Receipt) -> list[Consequence]:
    if isinstance(result, Ended):
        ended = frozenset(world.grants[old] for old in result.ended)
        new = frozenset[int]().union(*result.replacements.values())
    else:
        ended, new = frozenset(), result.made
    made = frozenset(other.grants[each] for each in new)
    bound = Bound(request.permission, request.until) if isinstance(request, NarrowRequest) else None
    return [
        change
        for exam in {grant.exam for grant in ended | made}
        for change in consequences(
            world,
            knowledge(world, request.actor, exam),
            before=standing(world, exam),
            ended=ended,
            made=made,
            bound=bound,
        )
    ]


def _effects(changes: Iterable[Consequence]) -> Effects:
    return {
        (each.principal, each.exam, each.permission): (each.before, each.after) for each in changes
    }
