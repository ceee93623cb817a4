"""Who is in a directory under test, what it must answer, and how laws open it."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from operator import itemgetter
from typing import Any, TypeAlias

import attrs

from exam_sharing.directories import KeptDirectory, everybody
from exam_sharing.identifiers import GroupId, PrincipalId, UserId
from exam_sharing.names import Findable, Fit, Typed, folded
from exam_sharing.policy.facts import Profile
from exam_sharing.ports import Directory
from exam_sharing.principals import Group, User
from exam_sharing.testing.laws.law import how_many_examples, is_capability
from exam_sharing.testing.opening import entered
from exam_sharing.validation import is_a, is_callable

__all__ = ["DirectoryTrial", "OpenDirectory", "Population"]


@attrs.frozen(kw_only=True)
class Population:
    """The users and groups of a directory, and who may see whom.

    Attributes:
        users: all users, also inactive ones.
        groups: all groups; a member may be unknown.
        without_plan: the users whose service plan does not include sharing.
        without_notices: the users who want no notices of shares.
        visible: whether an actor may see a principal.
        members_visible: whether an actor may see the members of a group.
    """

    users: tuple[User, ...] = ()
    groups: tuple[Group, ...] = ()
    without_plan: frozenset[UserId] = frozenset()
    without_notices: frozenset[UserId] = frozenset()
    visible: Callable[[UserId, PrincipalId], bool] = everybody
    members_visible: Callable[[UserId, GroupId], bool] = everybody

    def fill(self, directory: KeptDirectory) -> None:
        """Add everybody to a directory with a method `add`."""
        for group in self.groups:
            directory.add(group)
        for user in self.users:
            directory.add(
                user,
                sharing_in_plan=user.id not in self.without_plan,
                notices=user.id not in self.without_notices,
            )

    def user(self, user: PrincipalId) -> User | None:
        """Return the user with an id; `None` for an unknown one."""
        return next((each for each in self.users if each.id == user), None)

    def is_there(self, principal: PrincipalId) -> bool:
        """Return whether a group exists, or a user exists and is active."""
        if isinstance(principal, GroupId):
            return any(group.id == principal for group in self.groups)
        found = self.user(principal)
        return found is not None and found.active

    def principals_of(self, user: UserId) -> frozenset[PrincipalId]:
        """Return a user, active or not, and every group that they are in, to any depth."""
        found: set[PrincipalId] = {user}
        while new := {g.id for g in self.groups if not g.members.isdisjoint(found)} - found:
            found |= new
        return frozenset(found)

    def behind(self, principal: PrincipalId) -> frozenset[UserId]:
        """Return the active users that a principal reaches."""
        return frozenset(
            each.id
            for each in self.users
            if each.active and principal in self.principals_of(each.id)
        )

    def profile(self, user: UserId) -> Profile:
        """Return the profile of a user."""
        found = self.user(user)
        if found is None:
            return Profile.unknown(user)
        return Profile(
            user=user,
            active=found.active,
            principals=frozenset(each.key for each in self.principals_of(user)),
            sharing_in_plan=user not in self.without_plan,
            wants_notices=user not in self.without_notices,
            address=found.email,
        )

    def members_seen(self, actor: UserId, group: GroupId) -> frozenset[PrincipalId]:
        """Return the members that an actor may know, through groups whose members they may see."""
        open_groups = (each for each in self.groups if self.members_visible(actor, each.id))
        members: dict[PrincipalId, frozenset[PrincipalId]] = {g.id: g.members for g in open_groups}
        found = set(members.get(group, ()))
        while new := {each for held in found for each in members.get(held, ())} - found:
            found |= new
        return frozenset(p for p in found if self.is_there(p) and self.visible(actor, p))

    def choices(
        self, actor: UserId, leave_out: Iterable[PrincipalId] = ()
    ) -> list[tuple[PrincipalId, str, str | None]]:
        """Return whom an actor can choose, with name and address, by name and then by key."""
        there: list[tuple[PrincipalId, str, str | None]] = [
            *((user.id, user.name, user.email) for user in self.users if user.active),
            *((group.id, group.name, None) for group in self.groups),
        ]
        out = frozenset(leave_out)
        seen = [each for each in there if each[0] not in out and self.visible(actor, each[0])]
        return sorted(seen, key=lambda each: (folded(each[1]), each[0].key))

    def suggested(
        self, actor: UserId, text: str, *, whole: bool = False
    ) -> list[tuple[PrincipalId, str]]:
        """Return all suggestions for a text, best first.

        Specification: `#suggestions`.
        """
        typed = Typed.of(text)
        worst = Fit.WHOLE if whole else Fit.WORDS
        ranked = [
            (fit, principal, name)
            for principal, name, address in self.choices(actor)
            if typed is not None
            and (fit := typed.fit(Findable.of(name, address))) is not None
            and fit <= worst
        ]
        ranked.sort(key=itemgetter(0))
        return [(principal, name) for _, principal, name in ranked]


OpenDirectory: TypeAlias = Callable[[Population], Directory | AbstractContextManager[Directory]]
"""Returns a directory of a population, or a context manager around one."""


@attrs.frozen(kw_only=True)
class DirectoryTrial:
    """How to open a directory, and its capabilities: the arguments of `directory_laws`."""

    open_directory: OpenDirectory = attrs.field(validator=is_callable)
    visibility: bool = attrs.field(validator=is_a(bool))
    change: Callable[[Any, Population], None] | None = attrs.field(
        default=None, validator=is_capability
    )
    examples: int = how_many_examples()

    def of(self, population: Population) -> AbstractContextManager[Directory]:
        """Open a directory of a population, and close it at the end."""
        return entered(self.open_directory(population))
