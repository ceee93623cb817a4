"""What an actor may know of an exam: what they may not see does not exist for them."""

from collections.abc import Callable, Iterable
from datetime import datetime

import attrs

from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, GroupId, PrincipalId, UserId
from exam_sharing.testing.model.access import given_until, has_access, is_active, owns, sight
from exam_sharing.testing.model.records import FOREVER, NEVER, Grant
from exam_sharing.testing.model.world import World, behind, shown_behind


@attrs.frozen(kw_only=True)
class Knowledge:
    """What an actor may know of one exam, as things were when they acted; the host knows all.

    Attributes:
        actor: `None` for the host.
        exam: of which it is known.
        access: whether they have access, and so know the owner.
        sees: which grants they may know of.
    """

    actor: UserId | None
    exam: ExamId
    access: bool
    sees: Callable[[Grant], bool]

    def behind(self, world: World, group: GroupId) -> frozenset[PrincipalId]:
        """Return who is behind a group, as far as the actor may see."""
        return (
            behind(world, group) if self.actor is None else shown_behind(world, self.actor, group)
        )

    def reached_by(self, world: World, principal: PrincipalId) -> frozenset[PrincipalId]:
        """Return the principal and, of a group, the active users known to be behind it."""
        if isinstance(principal, UserId):
            return frozenset({principal})
        known = self.behind(world, principal)
        users = {user for user in known if isinstance(user, UserId) and is_active(world, user)}
        return frozenset({principal, *users})

    def holds_until(
        self, world: World, principal: PrincipalId, permission: Permission, grants: Iterable[Grant]
    ) -> datetime:
        """Return until when a principal holds a permission, if those grants are all that stand."""
        if isinstance(principal, UserId) and not is_active(world, principal):
            return NEVER
        if isinstance(principal, UserId) and self.access and owns(world, principal, self.exam):
            return FOREVER
        return self.given_until(world, principal, permission, grants)

    def given_until(
        self, world: World, principal: PrincipalId, permission: Permission, grants: Iterable[Grant]
    ) -> datetime:
        """Return until when those of some grants that are for a principal give a permission.

        For a group these are the grants made to itself; for a user also those to groups in which
        the actor may see them.
        """
        return given_until(
            (
                grant
                for grant in grants
                if grant.grantor != principal and self._is_for(world, grant, principal)
            ),
            permission,
        )

    def _is_for(self, world: World, grant: Grant, principal: PrincipalId) -> bool:
        if grant.recipient == principal:
            return True
        return (
            isinstance(principal, UserId)
            and isinstance(grant.recipient, GroupId)
            and principal in self.behind(world, grant.recipient)
        )


def knowledge(world: World, actor: UserId | None, exam: ExamId, now: datetime) -> Knowledge:
    """Return what somebody knows of an exam, as things are now."""
    if actor is None:
        return Knowledge(actor=None, exam=exam, access=True, sees=lambda _grant: True)
    return Knowledge(
        actor=actor,
        exam=exam,
        access=has_access(world, actor, exam, now),
        sees=sight(world, actor, exam, now),
    )
