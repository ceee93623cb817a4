"""Who is to be in a directory while a law asks it, and what any directory then answers."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from functools import wraps
from operator import itemgetter
from typing import Any, Final, TypeAlias

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

__all__ = [
    "ACTOR",
    "ANN",
    "BOB",
    "CLINIC",
    "CT",
    "EMPTY",
    "NOBODY",
    "OFF",
    "RADIOLOGY",
    "DirectoryCheck",
    "DirectoryTrial",
    "OpenDirectory",
    "Population",
    "a_group",
    "a_user",
    "asked_of",
    "users_named",
]


@attrs.frozen(kw_only=True)
class Population:
    """The users and groups of a directory, and who may see whom.

    Attributes:
        users: all of them, inactive ones too.
        groups: all of them; a member may be unknown.
        without_plan: the users whose service plan does not include sharing.
        without_notices: the users who want no notices of shares.
        visible: whether an actor may see a principal.
        members_visible: whether an actor may see who is in a group.
    """

    users: tuple[User, ...] = ()
    groups: tuple[Group, ...] = ()
    without_plan: frozenset[UserId] = frozenset()
    without_notices: frozenset[UserId] = frozenset()
    visible: Callable[[UserId, PrincipalId], bool] = everybody
    members_visible: Callable[[UserId, GroupId], bool] = everybody

    def fill(self, directory: KeptDirectory) -> None:
        """Add everybody to a directory that can be told of them."""
        for group in self.groups:
            directory.add(group)
        for user in self.users:
            directory.add(
                user,
                sharing_in_plan=user.id not in self.without_plan,
                notices=user.id not in self.without_notices,
            )

    def user(self, user: PrincipalId) -> User | None:
        """Return a user, if there is one of that id."""
        return next((each for each in self.users if each.id == user), None)

    def is_there(self, principal: PrincipalId) -> bool:
        """Say whether a principal exists, and is active if it is a user."""
        if isinstance(principal, GroupId):
            return any(group.id == principal for group in self.groups)
        found = self.user(principal)
        return found is not None and found.active

    def principals_of(self, user: UserId) -> frozenset[PrincipalId]:
        """Return a user and every group that they are in, to any depth, active or not."""
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
        """Return what is to be said of a user."""
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
        """Return the members that an actor may know of, through groups that they may look into."""
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
        """Return all that a text suggests, best first: SPEC 5."""
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


ACTOR: Final = UserId("actor")


NOBODY: Final[frozenset[PrincipalId]] = frozenset()


OpenDirectory: TypeAlias = Callable[[Population], Directory | AbstractContextManager[Directory]]
"""Gives a directory of a population, or a context manager around one."""


@attrs.frozen(kw_only=True)
class DirectoryTrial:
    """How to have a directory; the fields are the arguments of `directory_laws`."""

    open_directory: OpenDirectory = attrs.field(validator=is_callable)
    visibility: bool = attrs.field(validator=is_a(bool))
    change: Callable[[Any, Population], None] | None = attrs.field(validator=is_capability)
    examples: int = how_many_examples()

    def of(self, population: Population) -> AbstractContextManager[Directory]:
        """Open a directory of a population, to be closed in the end."""
        return entered(self.open_directory(population))


DirectoryCheck: TypeAlias = Callable[[DirectoryTrial], None]


def asked_of(population: Population) -> Callable[[Callable[[Directory], None]], DirectoryCheck]:
    """Make a check of a directory of some population into one that opens it."""

    def asking(check: Callable[[Directory], None]) -> DirectoryCheck:
        @wraps(check)
        def of_trial(trial: DirectoryTrial) -> None:
            __tracebackhide__ = True
            with trial.of(population) as directory:
                check(directory)

        return of_trial

    return asking


def a_user(name: str, *, active: bool = True, email: str | None = None) -> User:
    """Return a user who is called after their id."""
    return User(id=UserId(name), name=f"Name of {name}", email=email, active=active)


def users_named(*names: str) -> tuple[User, ...]:
    """Return users of these names, with ids by their place."""
    return tuple(User(id=UserId(f"u{place}"), name=name) for place, name in enumerate(names))


def a_group(name: str, *members: PrincipalId) -> Group:
    """Return a group that is called after its id."""
    return Group(id=GroupId(name), name=f"Name of {name}", members=frozenset(members))


ANN, BOB, OFF = UserId("ann"), UserId("bob"), UserId("off")


CT, RADIOLOGY, EMPTY = GroupId("ct"), GroupId("radiology"), GroupId("empty")


CLINIC: Final = Population(
    users=(a_user("ann", email="ann@b.example"), a_user("bob"), a_user("off", active=False)),
    groups=(
        a_group("ct", ANN, OFF, UserId("unknown")),
        a_group("radiology", CT, BOB),
        a_group("empty"),
        a_group("ann"),
    ),
    without_plan=frozenset({BOB}),
    without_notices=frozenset({BOB}),
)
