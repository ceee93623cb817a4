"""Who holds what, which grants a person may see, and what a change of grants means for people."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

import attrs

from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, GroupId, PrincipalId, UserId
from exam_sharing.policy.settings import AccessListScope
from exam_sharing.testing.model.support import Bound
from exam_sharing.testing.model.world import (
    FOREVER,
    NEVER,
    Basis,
    Grant,
    World,
    behind,
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
    """Return whether a user holds a permission on an exam."""
    return held_until(world, user, permission, exam) > world.now


def has_access(world: World, user: UserId, exam: ExamId) -> bool:
    """Every permission includes `VIEW`, so access is holding that."""
    return holds(world, user, Permission.VIEW, exam)


def may_share(world: World, user: UserId, exam: ExamId) -> bool:
    """Sharing takes access and the plan."""
    return has_access(world, user, exam) and world.users[user].sharing_in_plan


def shown_basis(world: World, grant: Grant, sees: Callable[[Grant], bool]) -> Basis:
    """Return what a viewer is shown of a basis: those of its grants that stand and are seen."""
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
    access: bool
    sees: Callable[[Grant], bool]

    def members(self, world: World, group: GroupId) -> frozenset[PrincipalId]:
        """Return the members of a group that the actor may see."""
        if self.actor is None:
            return behind(world, group)
        return shown_behind(world, self.actor, group)

    def reached_by(self, world: World, principal: PrincipalId) -> frozenset[PrincipalId]:
        """Return the principal and, of a group, the active members that the actor may see."""
        if isinstance(principal, UserId):
            return frozenset({principal})
        known = self.members(world, principal)
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
            if grant.grantor != principal and self._is_for(world, grant, principal)
        )
        return given_until(theirs, permission)

    def _is_for(self, world: World, grant: Grant, principal: PrincipalId) -> bool:
        return grant.recipient == principal or (
            isinstance(principal, UserId)
            and isinstance(grant.recipient, GroupId)
            and principal in self.members(world, grant.recipient)
        )


def knowledge(world: World, actor: UserId | None, exam: ExamId) -> Knowledge:
    """Return what somebody knows of an exam, as things are now."""
    if actor is None:
        return Knowledge(actor=None, exam=exam, access=True, sees=lambda _grant: True)
    return Knowledge(
        actor=actor,
        exam=exam,
        access=has_access(world, actor, exam),
        sees=sight(world, actor, exam),
    )


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

    Args:
        world: the people.
        knows: what is known of the exam; unknown grants and people are left out.
        before: the grants that stand before.
        ended: those of them that end.
        made: the new grants.
        bound: the bound of a narrowing. A principal keeps a permission only beyond it.
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
