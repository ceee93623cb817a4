"""Every directory describes whatever population it is given: random ones, against plain sets."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Final

import attrs
from hypothesis import strategies as st

from exam_sharing.identifiers import GroupId, PrincipalId, UserId
from exam_sharing.ports import Directory
from exam_sharing.principals import Group, User
from exam_sharing.testing.laws.directory_bench import (
    ACTOR,
    NOBODY,
    DirectoryCheck,
    DirectoryTrial,
)
from exam_sharing.testing.laws.law import insist, same, search
from exam_sharing.testing.laws.population import Population

__all__ = ["POPULATION_LAWS", "require_described"]


_IDS: Final = st.sampled_from("1234")
_USER_IDS: Final = st.builds(UserId, _IDS)
_GROUP_IDS: Final = st.builds(GroupId, _IDS)
_NAMES: Final = st.text(st.sampled_from("aA\u00e1b '-."), max_size=6)
_EVERY_USER: Final = tuple(map(UserId, "12345"))
_EVERY_GROUP: Final = tuple(map(GroupId, "12345"))
_TYPED: Final = ("a", "A", "b", "aa", "a b", "b a", "a@b.example", "b.", "'a", "-")


@attrs.frozen
class _AllBut:
    """Whom every actor may see; a value, so that two populations can be compared."""

    hidden: frozenset[PrincipalId]

    def __call__(self, _actor: UserId, principal: PrincipalId) -> bool:
        return principal not in self.hidden


@st.composite
def _populations(draw: st.DrawFn, *, hiding: bool) -> Population:
    users = draw(
        st.lists(
            st.builds(
                User,
                id=_USER_IDS,
                name=_NAMES,
                email=st.none() | st.builds("{}@b.example".format, st.sampled_from(["a", "b.a"])),
                active=st.sampled_from([True, True, False]),
            ),
            unique_by=lambda user: user.id,
        )
    )
    groups = draw(
        st.lists(st.builds(Group, id=_GROUP_IDS, name=_NAMES), unique_by=lambda group: group.id)
    )
    # A group holds only those that come before it, so that there is no cycle.
    held = [
        attrs.evolve(
            group,
            members=draw(
                st.frozensets(st.sampled_from((*_EVERY_USER, *(g.id for g in groups[:place]))))
            ),
        )
        for place, group in enumerate(groups)
    ]
    some_users = st.frozensets(_USER_IDS)
    hidden = draw(st.frozensets(_USER_IDS | _GROUP_IDS)) if hiding else frozenset()
    closed = draw(st.frozensets(_GROUP_IDS)) if hiding else frozenset()
    return Population(
        users=tuple(users),
        groups=tuple(held),
        without_plan=draw(some_users),
        without_notices=draw(some_users),
        visible=_AllBut(hidden),
        members_visible=_AllBut(closed),
    )


def any_population_is_described_as_it_is(trial: DirectoryTrial) -> None:
    """Whoever is in the directory, every answer is what following each membership gives."""

    def check(population: Population) -> None:
        with trial.of(population) as directory:
            require_described(directory, population, _EVERY_USER, _EVERY_GROUP, _TYPED)

    search(_populations(hiding=trial.visibility), trial.examples, check, _told)


def _told(population: Population) -> Iterator[str]:
    for user in population.users:
        lacks = [
            words
            for words, so in (
                (", inactive", not user.active),
                (", without sharing in the plan", user.id in population.without_plan),
                (", without notices", user.id in population.without_notices),
                (", unseen", not population.visible(ACTOR, user.id)),
            )
            if so
        ]
        yield f"{user.id!r} is named {user.name!r}, mail {user.email!r}{''.join(lacks)}."
    for group in population.groups:
        shown = population.members_visible(ACTOR, group.id)
        unseen = "" if population.visible(ACTOR, group.id) else ", unseen"
        holds = f"{'holds' if shown else 'holds, in secret,'} {sorted(group.members, key=str)}"
        yield f"{group.id!r} is named {group.name!r}{unseen}, and {holds}."


def require_described(
    directory: Directory,
    population: Population,
    users: Iterable[UserId],
    groups: Iterable[GroupId],
    typed: Iterable[str],
) -> None:
    """Break the law unless every answer about these is what following each membership gives."""
    users, groups = tuple(users), tuple(groups)
    everybody: tuple[PrincipalId, ...] = (*users, *groups)
    members = {group.id: group.members for group in population.groups}
    for user in users:
        principals = population.principals_of(user)
        held = {each.key for each in principals} if population.is_there(user) else set()
        same(f"the principals of {user!r}", directory.principals_of(user), held)
        for end in everybody:
            path = directory.path(user, end)
            if end in principals:
                _require_shortest(path, members, user, end)
            else:
                same(f"the path from {user!r} to {end!r}", path, ())
    profiles = {user: population.profile(user) for user in users}
    same("the profiles", dict(directory.profiles(users)), profiles)
    behind = {each: population.behind(each) for each in everybody}
    same("who is behind", dict(directory.people_behind(everybody)), behind)
    choices = population.choices(ACTOR)
    seen = frozenset(each for each, _, _ in choices)
    same("who is seen", directory.seen_by(ACTOR, everybody), seen & frozenset(everybody))
    members_seen = {group: population.members_seen(ACTOR, group) for group in groups}
    same("members", dict(directory.members_seen_by(ACTOR, groups)), members_seen)
    same("the names", dict(directory.names(everybody)), _names(population, everybody))
    listed = tuple((each, name) for each, name, _ in choices)
    same("the list", directory.listed(ACTOR, None, 99, NOBODY), listed)
    for text in typed:
        for whole in (False, True):
            suggested = tuple(population.suggested(ACTOR, text, whole=whole))
            came = directory.suggest(ACTOR, text, 99, NOBODY, whole=whole)
            same(f"suggested by {text!r}{', whole' if whole else ''}", came, suggested)


def _names(population: Population, asked: Iterable[PrincipalId]) -> dict[PrincipalId, str]:
    known: dict[PrincipalId, str] = {user.id: user.name for user in population.users}
    known |= {group.id: group.name for group in population.groups}
    return {each: known[each] for each in asked if each in known}


def _require_shortest(
    path: tuple[PrincipalId, ...],
    members: Mapping[GroupId, frozenset[PrincipalId]],
    user: UserId,
    end: PrincipalId,
) -> None:
    same("where the path begins and ends", (path[:1], path[-1:]), ((user,), (end,)))
    for held, holder in pairwise(path):
        insist(
            isinstance(holder, GroupId) and held in members[holder],
            f"the path from {user!r} to {end!r} has a step that is none: {held!r}, {holder!r}",
        )
    same("how long the path is", len(path), _shortest(members, user, end))


def _shortest(
    members: Mapping[GroupId, frozenset[PrincipalId]], user: UserId, end: PrincipalId
) -> int:
    length, reached = 1, {user}
    ring: set[PrincipalId] = set(reached)
    while end not in ring:
        ring = {group for group, held in members.items() if held & ring}
        length += 1
    return length


POPULATION_LAWS: Final[tuple[DirectoryCheck, ...]] = (any_population_is_described_as_it_is,)
