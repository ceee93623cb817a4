"""What every directory promises of users and groups: `Directory`."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs

from exam_sharing.identifiers import GroupId, PrincipalId, UserId
from exam_sharing.testing.laws.any_population import POPULATION_LAWS, require_described
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
    DirectoryCheck,
    DirectoryTrial,
    OpenDirectory,
    a_group,
    a_user,
    users_named,
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


def answers_are_full_whatever_is_unseen(trial: DirectoryTrial) -> None:
    """A limit counts those that the actor may see, and the best match may be unseen."""
    best, third = UserId("u0"), UserId("u2")
    population = Population(
        users=users_named("Anna", "Anna B", "Anna C", "Anna D", "Anna E"),
        visible=lambda actor, each: actor != ACTOR or each not in {best, third},
    )
    seen = ["Anna B", "Anna D", "Anna E"]
    without_next: frozenset[PrincipalId] = frozenset({UserId("u1")})
    with trial.of(population) as directory:
        for leave_out, left in ((NOBODY, seen), (without_next, seen[1:])):
            for limit in (1, 2, 3):
                what = f"at most {limit}, without {sorted(map(str, leave_out))}"
                came = directory.suggest(ACTOR, "anna", limit, leave_out)
                same(f"suggested, {what}", [name for _, name in came], left[:limit])
                listed = directory.listed(ACTOR, None, limit, leave_out)
                same(f"listed, {what}", [name for _, name in listed], left[:limit])


def nobody_looks_through_a_closed_group(trial: DirectoryTrial) -> None:
    """`members_seen_by` looks no further than groups of which the actor may see the members."""
    inner, middle, outer, other = (GroupId(name) for name in ("inner", "middle", "outer", "other"))
    population = Population(
        users=(a_user("ann"), a_user("bob")),
        groups=(
            a_group("inner", ANN),
            a_group("middle", inner),
            a_group("outer", middle, BOB),
            a_group("other", inner, middle),
        ),
        members_visible=lambda actor, group: actor != ACTOR or group != middle,
    )
    expected: dict[GroupId, frozenset[PrincipalId]] = {
        inner: frozenset({ANN}),
        middle: frozenset(),
        outer: frozenset({BOB, middle}),
        # What is behind the closed group is known by another way.
        other: frozenset({ANN, inner, middle}),
    }
    with trial.of(population) as directory:
        for groups in (tuple(expected), *((group,) for group in expected)):
            came = dict(directory.members_seen_by(ACTOR, groups))
            same(f"members of {groups}", came, {group: expected[group] for group in groups})
        open_to_all = directory.members_seen_by(BOB, (outer,))[outer]
        same("members for another", open_to_all, frozenset({ANN, BOB, inner, middle}))


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
        for population in (left, CLINIC, inactive, CLINIC, renamed, gone):
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


def _changes() -> Iterator[Population]:
    """Yield populations, each of which differs from the clinic in one thing."""
    (ann, *other_users), (ct, radiology, empty, namesake) = CLINIC.users, CLINIC.groups
    for changed in (
        attrs.evolve(ann, active=False),
        attrs.evolve(ann, name="Zara"),
        attrs.evolve(ann, email=None),
    ):
        yield attrs.evolve(CLINIC, users=(changed, *other_users))
    only_ann = frozenset({ANN})
    yield attrs.evolve(CLINIC, without_plan=only_ann)
    yield attrs.evolve(CLINIC, without_notices=only_ann)
    for groups in (
        (attrs.evolve(ct, members=frozenset({BOB})), radiology, empty, namesake),
        (ct, radiology, attrs.evolve(empty, members=frozenset({RADIOLOGY})), namesake),
        (ct, attrs.evolve(radiology, members=frozenset({BOB})), empty, namesake),
        (ct, attrs.evolve(radiology, name="Zara"), empty, namesake),
    ):
        yield attrs.evolve(CLINIC, groups=groups)


def _removals() -> Iterator[Population]:
    """Yield populations, each of which lacks somebody of the clinic: nobody comes back."""
    (_, *other_users), (ct, radiology, empty, namesake) = CLINIC.users, CLINIC.groups
    yield attrs.evolve(CLINIC, users=tuple(other_users))
    for groups in ((ct, empty, namesake), (radiology, empty, namesake)):
        yield attrs.evolve(CLINIC, groups=groups)


def every_change_counts_in_every_answer(trial: DirectoryTrial) -> None:
    """Whatever changes of a user or a group, each answer is the one of what is so now."""
    change = trial.change
    if change is None:
        return
    users = (ANN, BOB, OFF, UserId("unknown"))
    groups = (CT, RADIOLOGY, EMPTY, GroupId("ann"))
    typed = ("zara", "name of", "ann@b.example")
    with trial.of(CLINIC) as directory:
        for changed in _changes():
            for population in (changed, CLINIC):
                change(directory, population)
                require_described(directory, population, users, groups, typed)
    for population in _removals():
        with trial.of(CLINIC) as directory:
            require_described(directory, CLINIC, users, groups, typed)
            change(directory, population)
            require_described(directory, population, users, groups, typed)


_SEEING_LAWS: Final[tuple[DirectoryCheck, ...]] = (
    what_an_actor_may_not_see_is_not_there,
    answers_are_full_whatever_is_unseen,
    nobody_looks_through_a_closed_group,
)

_CHANGE_LAWS: Final[tuple[DirectoryCheck, ...]] = (
    changes_count_from_the_next_question_on,
    every_change_counts_in_every_answer,
)


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
        change: makes an opened directory one of another population, which brings nobody back who
            was gone. Let it change what differs and nothing else: adding everybody anew may empty
            every cache of a directory, and then no law sees that one of them is kept too long.
        examples: how many populations a law looks at that looks for examples.

    Raises:
        InvalidValue: `open_directory` or `change` cannot be called, or `examples` is less than 1.
        WrongKind: `visibility` is no truth value, or `examples` no number.
    """
    trial = DirectoryTrial(
        open_directory=open_directory, visibility=visibility, change=change, examples=examples
    )
    always = (*MEMBERSHIP_LAWS, *CHOOSING_LAWS, *POPULATION_LAWS)
    return laws_of(
        trial,
        (
            *always,
            *(_SEEING_LAWS if visibility else ()),
            *(_CHANGE_LAWS if change is not None else ()),
        ),
    )
