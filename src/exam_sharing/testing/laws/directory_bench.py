"""What the laws of directories are checked on: how one is opened, and a small clinic."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any, Final, TypeAlias

import attrs

from exam_sharing.identifiers import GroupId, PrincipalId, UserId
from exam_sharing.ports import Directory
from exam_sharing.principals import Group, User
from exam_sharing.testing.laws.law import how_many_examples, is_capability
from exam_sharing.testing.laws.population import Population
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
    "a_group",
    "a_user",
    "asked_of",
    "users_named",
]


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
