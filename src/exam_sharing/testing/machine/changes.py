"""What has changed since everything was compared, and so whose answers may be others now."""

from collections.abc import Mapping

import attrs

from exam_sharing.identifiers import ExamId, PrincipalId, UserId
from exam_sharing.testing import model
from exam_sharing.testing.machine.hospital import Hospital

__all__ = ["Changes", "Watch"]


@attrs.frozen(kw_only=True)
class Changes:
    """Of which answers something has changed that they are made of.

    Attributes:
        rewritten: the exams of which the store or the model keeps something else.
        exams: those, and the ones on which somebody made a grant who has changed: what everybody
            is told of them.
        users: what they are told of every exam.
        choosable: whom anybody may choose as a recipient.
    """

    rewritten: frozenset[ExamId]
    exams: frozenset[ExamId]
    users: frozenset[UserId]
    choosable: bool


@attrs.define
class Watch:
    """Sees what changes in a hospital.

    Everything that the package makes of facts is made of these: what the store keeps of the exam
    and of those that came with it, who asks, who made the grants, whom the directory offers, the
    settings, and the time. Who sees whom stays as it is.
    """

    hospital: Hospital
    _around: object = attrs.field(default=None, init=False)
    _said: tuple[object, ...] = attrs.field(default=(), init=False)
    _people: Mapping[UserId, object] = attrs.field(factory=dict, init=False)
    _choosable: frozenset[PrincipalId] = attrs.field(default=frozenset(), init=False)

    def changes(self) -> Changes:
        """Return what has changed since this was asked last."""
        around = self.hospital.now, self.hospital.world.settings
        everybody = frozenset(self.hospital.users)
        passed, self._around = around != self._around, around
        rewritten = self.hospital.kept.changed()
        choosable, changed = self._choosable, self._changed_people()
        return Changes(
            rewritten=rewritten,
            exams=rewritten | self._shared_by(changed),
            users=everybody if passed else changed,
            choosable=choosable != self._choosable,
        )

    def _changed_people(self) -> frozenset[UserId]:
        world, before = self.hospital.world, self._people
        said = dict(world.users), dict(world.groups)
        if said == self._said:
            return frozenset()
        people = {user: self._person(user) for user in world.users}
        active = (user for user, account in world.users.items() if account.active)
        self._said, self._people = said, people
        self._choosable = frozenset((*world.groups, *active))
        return frozenset(user for user in people if people[user] != before.get(user))

    def _person(self, user: UserId) -> object:
        """Return what the directory knows of a user, and who is in the groups that they are in."""
        world = self.hospital.world
        groups = {
            group: members
            for group, members in world.groups.items()
            if user in model.behind(world, group)
        }
        return world.users[user], groups

    def _shared_by(self, users: frozenset[UserId]) -> frozenset[ExamId]:
        if not users:
            return frozenset()
        grants = self.hospital.world.grants.values()
        return frozenset(grant.exam for grant in grants if grant.grantor in users)
