"""Who is in a directory under test, and what it must answer."""

from collections.abc import Callable, Iterable
from functools import cached_property
from operator import itemgetter
from typing import cast

import attrs

from exam_sharing.conformance import answers_at_once
from exam_sharing.directories import KeptDirectory, everybody
from exam_sharing.identifiers import GroupId, PrincipalId, UserId
from exam_sharing.names import Findable, Fit, Typed, folded
from exam_sharing.policy.facts import Profile
from exam_sharing.ports import SEEN_AT_ONCE, Directory, PeopleReader
from exam_sharing.principals import Group, User
from exam_sharing.testing import model
from exam_sharing.testing.edges import START
from exam_sharing.testing.laws.law import insist, same

ACTOR = UserId("actor")
"""Who asks the directory."""


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
            in_plan, notices = user.id not in self.without_plan, user.id not in self.without_notices
            directory.add(user, sharing_in_plan=in_plan, notices=notices)

    @property
    def there(self) -> frozenset[PrincipalId]:
        """The groups and the active users."""
        active = (user.id for user in self.users if user.active)
        return frozenset((*active, *(group.id for group in self.groups)))

    @cached_property
    def world(self) -> model.world.World:
        """The world of the model with these users and groups."""
        world = model.world.World(
            now=START, visible=self.visible, members_visible=self.members_visible
        )
        for user in self.users:
            world.add_user(user.id, model.world.Account(active=user.active))
        for group in self.groups:
            world.add_group(group.id, group.members)
        return world

    def behind(self, principal: PrincipalId) -> frozenset[UserId]:
        """Return the active users that a principal reaches."""
        users = (user.id for user in self.users if user.active)
        return frozenset(user for user in users if principal in self.world.principals_of(user))

    def profile(self, user: UserId) -> Profile:
        for found in self.users:
            if found.id == user:
                return Profile(
                    user=user,
                    active=found.active,
                    principals=frozenset(each.key for each in self.world.principals_of(user)),
                    sharing_in_plan=user not in self.without_plan,
                    wants_notices=user not in self.without_notices,
                    address=found.email,
                )
        return Profile.unknown(user)

    def names(self, asked: Iterable[PrincipalId]) -> dict[PrincipalId, str]:
        """Return the names of the known principals, also of inactive ones."""
        known: dict[PrincipalId, str] = {user.id: user.name for user in self.users}
        known |= {group.id: group.name for group in self.groups}
        return {each: known[each] for each in asked if each in known}

    def members_seen(self, actor: UserId, group: GroupId) -> frozenset[PrincipalId]:
        """Return the members that an actor may know, through groups whose members they may see."""
        return self.world.shown_behind(actor, group) & self.there

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
        """Return all suggestions for a text, best first (specification: `#suggestions`)."""
        typed, worst = Typed.of(text), Fit.WHOLE if whole else Fit.WORDS
        ranked: list[tuple[Fit, PrincipalId, str]] = []
        for principal, name, address in self.choices(actor):
            fit = None if typed is None else typed.fit(Findable.of(name, address))
            if fit is not None and fit <= worst:
                ranked.append((fit, principal, name))
        return [(principal, name) for _, principal, name in sorted(ranked, key=itemgetter(0))]


def require_described(
    directory: Directory,
    population: Population,
    users: Iterable[UserId],
    groups: Iterable[GroupId],
    typed: Iterable[str],
) -> None:
    """Break the law unless every answer about these follows from the population."""
    users, groups = tuple(users), tuple(groups)
    principals: tuple[PrincipalId, ...] = (*users, *groups)
    for user in users:
        _require_memberships(directory, population, user, principals)
    profiles = {user: population.profile(user) for user in users}
    same("the profiles", dict(directory.profiles(users)), profiles)
    behind = {each: population.behind(each) for each in principals}
    same("who is behind", dict(directory.people_behind(principals)), behind)
    same("the names", dict(directory.names(principals)), population.names(principals))
    choices = population.choices(ACTOR)
    seen = {each for each, _, _ in choices}.intersection(principals)
    same("who is seen", directory.seen_by(ACTOR, principals), seen)
    members = {group: population.members_seen(ACTOR, group) for group in groups}
    same("members", dict(directory.members_seen_by(ACTOR, groups)), members)
    if answers_at_once(directory, PeopleReader, SEEN_AT_ONCE):
        people, names = cast("PeopleReader", directory).people_seen(ACTOR, principals)
        same("seen at once", people.seen, seen)
        same("behind those seen", dict(people.behind), {each: behind[each] for each in seen})
        of_seen = {group: members[group] for group in groups if group in seen}
        same("members of those seen", dict(people.members_seen), of_seen)
        same("names of those seen", dict(names), population.names(seen))
    listed = tuple((each, name) for each, name, _ in choices)
    same("the list", directory.listed(ACTOR, None, 99, frozenset()), listed)
    for text in typed:
        for whole in (False, True):
            suggested = tuple(population.suggested(ACTOR, text, whole=whole))
            found = directory.suggest(ACTOR, text, 99, frozenset(), whole=whole)
            same(f"suggested by {text!r}{', whole' if whole else ''}", found, suggested)


def _require_memberships(
    directory: Directory, population: Population, user: UserId, ends: Iterable[PrincipalId]
) -> None:
    world = population.world
    held = {each.key for each in world.principals_of(user)} if user in population.there else set()
    same(f"the principals of {user!r}", directory.principals_of(user), held)
    for end in ends:
        path, shortest = directory.path(user, end), model.views.shortest_ways(world, user, end)
        wrong = f"the path from {user!r} to {end!r} is no shortest chain of memberships: {path!r}"
        insist(path in shortest if shortest else path == (), wrong)
