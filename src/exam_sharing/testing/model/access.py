"""Who holds what, which grants support which, and what a change of grants means for people.

Specification: `#access`, `#re-shares`. Each set of supported grants is a smallest set: it starts
empty and grows by what the rule admits until nothing more comes. So grants that support only each
other are never admitted.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

import attrs

from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, PrincipalId, UserId
from exam_sharing.policy.settings import AccessListScope
from exam_sharing.testing.model.world import (
    FOREVER,
    NEVER,
    Basis,
    Grant,
    GrantNumber,
    World,
    behind,
    horizon_of,
    memoized,
    principals_of,
    shown_behind,
    until_of,
)


def is_active(world: World, user: UserId) -> bool:
    """An unknown or inactive user holds nothing and may not act."""
    return user in world.users and world.users[user].active


def is_found(world: World, exam: ExamId) -> bool:
    """An exam that was withdrawn, or that the host has deleted, is not found."""
    return exam in world.exams and exam not in world.withdrawn | world.hidden


def owns(world: World, user: UserId, exam: ExamId) -> bool:
    """Only an active owner owns."""
    return is_found(world, exam) and is_active(world, user) and world.exams[exam].owner == user


def stands(world: World, grant: Grant) -> bool:
    """A grant stands until it is ended or expires; at its horizon it has expired."""
    return grant.id not in world.endings and world.now < grant.horizon


@memoized
def standing(world: World, exam: ExamId) -> frozenset[Grant]:
    """Return the grants on an exam that stand."""
    return frozenset(
        grant for grant in world.grants.values() if grant.exam == exam and stands(world, grant)
    )


def reaches(world: World, grant: Grant, user: UserId) -> bool:
    """A grant is for its recipient or the users in it, never for its own grantor."""
    return user != grant.grantor and grant.recipient in principals_of(world, user)


@memoized
def entitling(world: World, user: UserId, exam: ExamId) -> frozenset[Grant]:
    """Return the standing grants to a user and to every group that holds the user."""
    return frozenset(grant for grant in standing(world, exam) if reaches(world, grant, user))


def given_until(grants: Iterable[Grant], permission: Permission) -> datetime:
    """Return until when standing grants together give a permission; `NEVER` if they do not."""
    return max((grant.horizon for grant in grants if grant.permission >= permission), default=NEVER)


def held_by(grants: Iterable[Grant], now: datetime) -> Mapping[Permission, datetime | None]:
    """Return until when standing grants together give each permission that they give."""
    horizons = {permission: given_until(grants, permission) for permission in Permission}
    return {each: until_of(horizon) for each, horizon in horizons.items() if horizon > now}


@memoized
def held_until(world: World, user: UserId, permission: Permission, exam: ExamId) -> datetime:
    """Return the horizon of a permission: `FOREVER` if without end, `NEVER` if not held.

    The active owner holds everything; any other active user holds the union of their grants.
    """
    if not is_found(world, exam) or not is_active(world, user):
        return NEVER
    if owns(world, user, exam):
        return FOREVER
    return given_until(entitling(world, user, exam), permission)


def holds(world: World, user: UserId, permission: Permission, exam: ExamId) -> bool:
    """Return whether a user holds a permission on an exam now."""
    return held_until(world, user, permission, exam) > world.now


def has_access(world: World, user: UserId, exam: ExamId) -> bool:
    """Every permission includes `VIEW`, so access is holding that."""
    return holds(world, user, Permission.VIEW, exam)


def may_share(world: World, user: UserId, exam: ExamId) -> bool:
    """Sharing takes access and the plan."""
    return has_access(world, user, exam) and world.users[user].sharing_in_plan


def shown_basis(world: World, grant: Grant, sees: Callable[[Grant], bool]) -> Basis:
    """Return those grants of a basis that stand and that a viewer sees."""
    if grant.basis == "OWNER":
        return "OWNER"
    sources = (world.grants[each] for each in grant.basis)
    return frozenset(each.id for each in sources if stands(world, each) and sees(each))


def sight(world: World, viewer: UserId, exam: ExamId) -> Callable[[Grant], bool]:
    """Return which grants on the exam a viewer may see, as things are now.

    Without access: those that the viewer made. With access: all; or, if the policy limits the list
    to `OWN_GRANTS`, all for the owner, and for others those they made and those made to them.
    """
    active, access = is_active(world, viewer), has_access(world, viewer, exam)
    unlimited = world.policy.access_list is AccessListScope.EVERYONE
    everything = owns(world, viewer, exam) or (access and unlimited)

    def sees(grant: Grant) -> bool:
        own = grant.grantor == viewer or (access and grant.recipient == viewer)
        return active and grant.exam == exam and (everything or own)

    return sees


@attrs.frozen
class Piece:
    """A part of a grant: some permission of it, for some of its time."""

    grant: Grant
    permission: Permission
    horizon: datetime

    def within(self, other: "Piece") -> bool:
        """Return whether another piece gives at least this permission for at least this long."""
        return self.permission <= other.permission and self.horizon <= other.horizon


Left = Mapping[Grant, frozenset[Piece]]
"""What an act leaves of each grant that stood before."""


@attrs.frozen
class Bound:
    """At most this permission, at most until then; `None` does not limit."""

    permission: Permission | None = None
    until: datetime | None = None

    def cut(self, grant: Grant) -> Piece:
        """Return the part of a grant within the bound."""
        permission = min(grant.permission, self.permission or grant.permission)
        return Piece(grant, permission, min(grant.horizon, horizon_of(self.until)))

    def leaves(self, permission: Permission) -> datetime:
        """Return the latest horizon that the bound leaves to a permission."""
        beyond = self.permission is not None and permission > self.permission
        return NEVER if beyond else horizon_of(self.until)

    def exceeded_by(self, grant: Grant) -> bool:
        """Return whether a grant goes beyond the bound."""
        return self.cut(grant) != whole(grant)


def whole(grant: Grant) -> Piece:
    """Return all of a grant as a piece."""
    return Piece(grant, grant.permission, grant.horizon)


def supported(world: World, pieces: frozenset[Piece]) -> frozenset[Piece]:
    """Return the smallest set that holds every supported piece.

    A piece is supported if the basis of its grant is `OWNER`, or if it is within a supported piece
    that reaches its grantor. Whether the grantor is active makes no difference.
    """
    grants = {piece.grant for piece in pieces}
    sources = {
        grant: {
            source
            for source in grants
            if source.grantor != grant.grantor
            and source.recipient in principals_of(world, grant.grantor)
        }
        for grant in grants
    }
    found: frozenset[Piece] = frozenset()
    while True:
        more = frozenset(
            piece
            for piece in pieces
            if piece.grant.basis == "OWNER"
            or any(other.grant in sources[piece.grant] and piece.within(other) for other in found)
        )
        if more == found:
            return found
        found = more


def rests_directly_on(world: World, grant: Grant) -> frozenset[GrantNumber]:
    """Return the basis of a grant, and what replaced the grants in it when they were narrowed."""
    return frozenset() if grant.basis == "OWNER" else with_replacements(world, grant.basis)


def with_replacements(world: World, grants: frozenset[GrantNumber]) -> frozenset[GrantNumber]:
    """Return some grants and whatever replaced them when they were narrowed."""
    ended = grants & world.endings.keys()
    found = grants.union(*(world.endings[each].replaced_by for each in ended))
    return grants if found == grants else with_replacements(world, found)


def rests_on(world: World, grant: Grant) -> frozenset[GrantNumber]:
    """Return all that a grant rests on, directly or through others, standing or ended."""
    found: set[GrantNumber] = set()
    waiting = set(rests_directly_on(world, grant))
    while waiting:
        source = waiting.pop()
        found.add(source)
        waiting |= rests_directly_on(world, world.grants[source]) - found
    return frozenset(found)


def touched(
    world: World, standing_before: frozenset[Grant], named: frozenset[Grant]
) -> frozenset[Grant]:
    """Return the standing grants that had support before, or that rest on a named grant."""
    ids = {grant.id for grant in named}
    stood = supported(world, frozenset(map(whole, standing_before)))
    resting = {grant for grant in standing_before if ids & rests_on(world, grant)}
    return frozenset(piece.grant for piece in stood) | resting


def left_by_keep(
    standing_before: frozenset[Grant], named: frozenset[Grant], bound: Bound | None
) -> Left:
    """Return what is left of every grant if re-shares stay: all, or what the bound leaves."""
    left = {grant: frozenset({whole(grant)}) for grant in standing_before}
    for grant in named:
        left[grant] = frozenset() if bound is None else frozenset({bound.cut(grant)})
    return left


def left_by_cascade(
    world: World, standing_before: frozenset[Grant], named: frozenset[Grant], bound: Bound | None
) -> Left:
    """Return what is left of every grant if each touched one keeps only its supported parts.

    An untouched grant stays as it is, and supports others as a whole or not at all.
    """
    kept = left_by_keep(standing_before, named, bound)
    affected = touched(world, standing_before, named)
    times = {piece.horizon for pieces in kept.values() for piece in pieces}
    candidates = {
        grant: frozenset(
            part
            for piece in pieces
            for part in (_parts(piece, times) if grant in affected else {piece})
        )
        for grant, pieces in kept.items()
    }
    still = supported(world, frozenset(part for parts in candidates.values() for part in parts))
    return {
        grant: _largest(candidates[grant] & still) if grant in affected else kept[grant]
        for grant in kept
    }


def _parts(piece: Piece, times: set[datetime]) -> frozenset[Piece]:
    """Return every part of a piece that could be supported by itself."""
    parts = (Piece(piece.grant, permission, time) for permission in Permission for time in times)
    return frozenset(part for part in parts if part.within(piece))


def _largest(parts: frozenset[Piece]) -> frozenset[Piece]:
    """Return the parts that are not within another one: at most one for each permission."""
    return frozenset(
        part for part in parts if not any(other != part and part.within(other) for other in parts)
    )


@attrs.frozen(kw_only=True)
class Knowledge:
    """What an actor may know of one exam, as it was before the act; the host knows everything.

    Attributes:
        actor: `None` for the host.
        exam: the exam.
        access: whether the actor has access, and so knows the owner.
        sees: which grants the actor may know.
    """

    actor: UserId | None
    exam: ExamId
    access: bool = True
    sees: Callable[[Grant], bool] = lambda _grant: True

    def reached_by(self, world: World, principal: PrincipalId) -> frozenset[PrincipalId]:
        """Return the principal and, of a group, the active members that the actor may see."""
        if isinstance(principal, UserId):
            return frozenset({principal})
        known = behind(world, principal)
        if self.actor is not None:
            known = shown_behind(world, self.actor, principal)
        users = {user for user in known if isinstance(user, UserId) and is_active(world, user)}
        return frozenset({principal, *users})

    def holds_until(
        self, world: World, principal: PrincipalId, permission: Permission, grants: Iterable[Grant]
    ) -> datetime:
        """Return until when a principal holds a permission if exactly those grants stand."""
        if isinstance(principal, UserId) and not is_active(world, principal):
            return NEVER
        if isinstance(principal, UserId) and self.access and owns(world, principal, self.exam):
            return FOREVER
        return self.given_until(world, principal, permission, grants)

    def given_until(
        self, world: World, principal: PrincipalId, permission: Permission, grants: Iterable[Grant]
    ) -> datetime:
        """Return until when those of the grants that are for a principal give a permission.

        For a group these are the grants to itself. For a user these are also the grants to groups
        in which the actor may see the user.
        """
        theirs = (
            grant
            for grant in grants
            if grant.grantor != principal and principal in self.reached_by(world, grant.recipient)
        )
        return given_until(theirs, permission)


def knowledge(world: World, actor: UserId | None, exam: ExamId) -> Knowledge:
    """Return what somebody knows of an exam, as things are now."""
    if actor is None:
        return Knowledge(actor=None, exam=exam)
    access, sees = has_access(world, actor, exam), sight(world, actor, exam)
    return Knowledge(actor=actor, exam=exam, access=access, sees=sees)


@attrs.frozen(kw_only=True)
class Consequence:
    """Until when a principal holds a permission before and after an act.

    `kept` is true if an ended grant gave the permission and the principal holds it all the same.
    """

    principal: PrincipalId
    exam: ExamId
    permission: Permission
    before: datetime
    after: datetime
    kept: bool


def consequences(
    world: World,
    knows: Knowledge,
    *,
    before: frozenset[Grant],
    ended: frozenset[Grant],
    made: frozenset[Grant],
    bound: Bound | None,
) -> Iterator[Consequence]:
    """Yield what changes on one exam for everybody whom the ended and the new grants reach.

    Grants and people who are not known are left out. After a narrowing, a principal keeps a
    permission only beyond the bound.
    """
    stood, gone, new = (
        frozenset(grant for grant in grants if knows.sees(grant))
        for grants in (before, ended, made)
    )
    after = stood - gone | new
    affected = {one for grant in gone | new for one in knows.reached_by(world, grant.recipient)}
    for principal in affected:
        for permission in Permission:
            then = knows.holds_until(world, principal, permission, after)
            taken = knows.given_until(world, principal, permission, gone) > world.now
            yield Consequence(
                principal=principal,
                exam=knows.exam,
                permission=permission,
                before=knows.holds_until(world, principal, permission, stood),
                after=then,
                kept=taken and then > (NEVER if bound is None else bound.leaves(permission)),
            )
