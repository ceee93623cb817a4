"""What every directory promises of users and groups: `Directory`."""

from collections.abc import Callable
from typing import Any

import attrs

from exam_sharing.identifiers import GroupId, PrincipalId, UserId
from exam_sharing.testing.laws.any_population import POPULATION_LAWS
from exam_sharing.testing.laws.choosing import CHOOSING_LAWS, suggested
from exam_sharing.testing.laws.directory_bench import (
    ACTOR,
    ANN,
    BOB,
    CLINIC,
    CT,
    EMPTY,
    NOBODY,
    OFF,
    RADIOLOGY,
    DirectoryTrial,
    OpenDirectory,
    a_group,
)
from exam_sharing.testing.laws.law import Law, laws_of, same
from exam_sharing.testing.laws.memberships import MEMBERSHIP_LAWS
from exam_sharing.testing.laws.population import Population

__all__ = ["directory_laws"]


def what_an_actor_may_not_see_is_not_there(trial: DirectoryTrial) -> None:
    """What one may not see does not exist: not among suggestions, lists, members: SPEC 8."""
    hidden: frozenset[PrincipalId] = frozenset({BOB, CT})

    def visible(actor: UserId, principal: PrincipalId) -> bool:
        return actor != ACTOR or principal not in hidden

    def members_visible(actor: UserId, group: GroupId) -> bool:
        return actor != ACTOR or group != EMPTY

    population = attrs.evolve(
        CLINIC,
        groups=(*CLINIC.groups[:2], a_group("empty", ANN)),
        visible=visible,
        members_visible=members_visible,
    )
    with trial.of(population) as directory:
        asked = (ANN, BOB, CT, RADIOLOGY, OFF)
        same("seen", directory.seen_by(ACTOR, asked), frozenset({ANN, RADIOLOGY}))
        same("seen by another", directory.seen_by(ANN, asked), frozenset(asked[:4]))
        groups = (RADIOLOGY, CT, EMPTY)
        members = directory.members_seen_by(ACTOR, groups)
        expected: dict[GroupId, frozenset[PrincipalId]] = {
            RADIOLOGY: frozenset({ANN}),
            CT: frozenset({ANN}),
            EMPTY: frozenset(),
        }
        same("members", dict(members), expected)
        names = ["Name of ann", "Name of empty", "Name of radiology"]
        listed = directory.listed(ACTOR, None, 9, NOBODY)
        same("listed", [name for _, name in listed], names)
        same("suggested", suggested(directory, "name of"), names)
        for name in ("Name of bob", "Name of ct"):
            same(f"suggested by {name}", suggested(directory, name), [])
        # Visibility hides from lists; what somebody holds does not depend on who may see it.
        same("a hidden one's groups", directory.principals_of(BOB), {"u:bob", "g:radiology"})


def changes_count_from_the_next_question_on(trial: DirectoryTrial) -> None:
    """Access counts every group that a user is in, now: who left is out at once: SPEC 1."""
    change = trial.change
    if change is None:
        return
    users, groups = CLINIC.users, CLINIC.groups
    left = attrs.evolve(CLINIC, groups=(a_group("ct"), *groups[1:]))
    inactive = attrs.evolve(CLINIC, users=(attrs.evolve(users[0], active=False), *users[1:]))
    renamed = attrs.evolve(CLINIC, users=(attrs.evolve(users[0], name="Zara"), *users[1:]))
    gone = attrs.evolve(CLINIC, users=users[1:])
    with trial.of(CLINIC) as directory:
        for population in (left, CLINIC, inactive, CLINIC, renamed, gone, CLINIC):
            change(directory, population)
            keys = {each.key for each in population.principals_of(ANN)}
            held = keys if population.is_there(ANN) else set()
            same("the principals", directory.principals_of(ANN), held)
            same("the profile", directory.profiles((ANN,))[ANN], population.profile(ANN))
            behind = directory.people_behind((RADIOLOGY,))[RADIOLOGY]
            same("who is behind", behind, population.behind(RADIOLOGY))
            listed = tuple((each, name) for each, name, _ in population.choices(ACTOR))
            same("the list", directory.listed(ACTOR, None, 9, NOBODY), listed)
            suggested = tuple(population.suggested(ACTOR, "zara"))
            same("suggested", directory.suggest(ACTOR, "zara", 9, NOBODY), suggested)


def directory_laws(
    open_directory: OpenDirectory,
    *,
    visibility: bool = True,
    change: Callable[[Any, Population], None] | None = None,
    examples: int = 25,
) -> tuple[Law, ...]:
    """Return the laws of a directory, each to be checked by itself.

    Args:
        open_directory: gives a directory of a population, and of nobody else, or a context manager
            around one; the one before is no longer used then.
        visibility: whether the directory abides by the rules of the population on who may see whom.
            Where everybody sees everybody, say that it does not.
        change: makes an opened directory one of another population.
        examples: how many populations a law looks at that looks for examples.

    Raises:
        InvalidValue: `open_directory` or `change` cannot be called, or `examples` is less than 1.
        WrongKind: `visibility` is no truth value, or `examples` no number.
    """
    trial = DirectoryTrial(
        open_directory=open_directory, visibility=visibility, change=change, examples=examples
    )
    always = (*MEMBERSHIP_LAWS, *CHOOSING_LAWS, *POPULATION_LAWS)
    seeing = (what_an_actor_may_not_see_is_not_there,) if visibility else ()
    changing = (changes_count_from_the_next_question_on,) if change is not None else ()
    return laws_of(trial, (*always, *seeing, *changing))
