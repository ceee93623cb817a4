"""Why somebody holds a permission, or what comes nearest: to people who may know everything."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, TypeAlias

import attrs

from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, PrincipalId, UserId
from exam_sharing.testing.model.access import entitling, holds, is_active, is_found, owns
from exam_sharing.testing.model.records import Grant, Refused
from exam_sharing.testing.model.world import World, principals_of, worked_out_once

WhyNot: TypeAlias = Literal["USER_NOT_ACTIVE", "ONLY_VIEW", "EXPIRED", "ENDED", "OWN_GRANT"]


@attrs.frozen(kw_only=True)
class Explained:
    """An answer with what it rests on.

    Attributes:
        holds: the answer.
        as_owner: it is so for the owner.
        grants: every standing grant that gives the permission.
        nearest: where the answer is no, what grants made to the user or their groups lack.
        ownership_lost: where the answer is no, the user owns the exam but is not active.
    """

    holds: bool
    as_owner: bool = False
    grants: frozenset[int] = frozenset()
    nearest: Mapping[int, WhyNot] = attrs.field(factory=dict)
    ownership_lost: bool = False


def explain(
    world: World, user: UserId, permission: Permission, exam: ExamId, now: datetime
) -> Explained:
    """Say whether a user holds a permission, and why."""
    if holds(world, user, permission, exam, now):
        giving = entitling(world, user, exam, now)
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
            grant.id: _why_not(world, user, grant, now)
            for grant in world.grants.values()
            if grant.exam == exam and grant.recipient in principals
        },
        ownership_lost=world.exams[exam].owner == user,
    )


def who_can(
    world: World, permission: Permission, exam: ExamId, now: datetime
) -> Mapping[UserId, Explained] | Refused:
    """Return every user who holds a permission, and by what: to people who may know everything."""
    if not is_found(world, exam):
        return Refused({"EXAM_NOT_FOUND": frozenset()})
    asked = {user: explain(world, user, permission, exam, now) for user in world.users}
    return {user: why for user, why in asked.items() if why.holds}


def _why_not(world: World, user: UserId, grant: Grant, now: datetime) -> WhyNot:
    """A grant that is over is told as that first, whatever else it lacks."""
    if grant.id in world.endings:
        return "ENDED"
    if now >= grant.horizon:
        return "EXPIRED"
    if grant.grantor == user:
        return "OWN_GRANT"
    return "ONLY_VIEW" if is_active(world, user) else "USER_NOT_ACTIVE"


@worked_out_once
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
