"""A directory over the tables of a portal with flat teams.

`ACCOUNTS` and `TEAMS` stand for queries. Everybody may see everybody.
`python portal_directory.py` prints what "oko" suggests.
"""

from collections.abc import Iterable, Mapping

import attrs
from typing_extensions import override

from exam_sharing import GroupId, PrincipalId, UserId
from exam_sharing.identifiers import PrincipalKey
from exam_sharing.names import Findable, Fit, Typed, folded
from exam_sharing.policy.facts import Profile
from exam_sharing.ports import Directory


@attrs.frozen
class Account:
    """A row of the portal's accounts."""

    name: str
    plan: str
    active: bool = True
    mail: bool = True


@attrs.frozen
class Team:
    """A row of the portal's teams."""

    name: str
    members: tuple[str, ...]


ACCOUNTS = {
    "anna": Account("Anna Lindqvist", "enterprise"),
    "ben": Account("Ben Okoye", "basic"),
    "carla": Account("Carla Reyes", "enterprise", active=False),
}
TEAMS = {"ward": Team("Ward", ("ben", "carla"))}


class PortalDirectory(Directory):
    """Users and teams of the portal."""

    @override
    def principals_of(self, user: UserId) -> frozenset[PrincipalKey]:
        """Return the keys of an active user and their teams."""
        return _keys(user) if _active(user) else frozenset()

    @override
    def profiles(self, users: Iterable[UserId]) -> dict[UserId, Profile]:
        """Return what decisions need of each user."""
        return {user: _profile(user) for user in users}

    @override
    def people_behind(
        self, principals: Iterable[PrincipalId]
    ) -> dict[PrincipalId, frozenset[UserId]]:
        """Return the active users that each principal reaches."""
        return {each: frozenset(filter(_active, _members(each))) for each in principals}

    @override
    def seen_by(self, actor: UserId, principals: Iterable[PrincipalId]) -> frozenset[PrincipalId]:
        """Return those that exist and are active."""
        return frozenset(filter(_active, principals))

    @override
    def members_seen_by(
        self, actor: UserId, groups: Iterable[GroupId]
    ) -> Mapping[GroupId, frozenset[PrincipalId]]:
        """Return all members of each team."""
        return {each: frozenset(filter(_active, _members(each))) for each in groups}

    @override
    def names(self, principals: Iterable[PrincipalId]) -> dict[PrincipalId, str]:
        """Return the names of those that exist."""
        rows = {each: _row(each) for each in principals}
        return {each: row.name for each, row in rows.items() if row is not None}

    @override
    def path(self, user: UserId, principal: PrincipalId) -> tuple[PrincipalId, ...]:
        """Return how the user belongs to the principal."""
        if user == principal:
            return (user,)
        return (user, principal) if user in _members(principal) else ()

    @override
    def suggest(
        self,
        actor: UserId,
        text: str,
        limit: int,
        leave_out: frozenset[PrincipalId],
        *,
        whole: bool = False,
    ) -> tuple[tuple[PrincipalId, str], ...]:
        """Return the best fits. A real portal compares only the rows that an index finds."""
        typed, found = Typed.of(text), []
        for each, name in _all():
            fit = typed and typed.fit(Findable.of(name, _address(each)))
            if fit is not None and each not in leave_out and (fit is Fit.WHOLE or not whole):
                found.append((fit, folded(name), each.key, each, name))
        return tuple((each, name) for *_, each, name in sorted(found)[:limit])

    @override
    def listed(
        self,
        actor: UserId,
        after: tuple[str, str] | None,
        limit: int,
        leave_out: frozenset[PrincipalId],
    ) -> tuple[tuple[PrincipalId, str], ...]:
        """Return a page by name."""
        behind = ("", "") if after is None else (folded(after[0]), after[1])
        rows = sorted(
            (folded(name), each.key, each, name) for each, name in _all() if each not in leave_out
        )
        return tuple((each, name) for *place, each, name in rows if tuple(place) > behind)[:limit]


def _row(each: PrincipalId) -> Account | Team | None:
    return ACCOUNTS.get(str(each)) if isinstance(each, UserId) else TEAMS.get(str(each))


def _active(each: PrincipalId) -> bool:
    row = _row(each)
    return row.active if isinstance(row, Account) else row is not None


def _members(each: PrincipalId) -> set[UserId]:
    if isinstance(each, UserId):
        return {each}
    team = TEAMS.get(str(each))
    return set(map(UserId, team.members)) if team else set()


def _keys(user: UserId) -> frozenset[PrincipalKey]:
    teams = (name for name, team in TEAMS.items() if str(user) in team.members)
    return frozenset({user.key, *(GroupId(name).key for name in teams)})


def _profile(user: UserId) -> Profile:
    row = ACCOUNTS.get(str(user))
    if row is None:
        return Profile.unknown(user)
    return Profile(
        user=user,
        active=row.active,
        # Not empty for an inactive user: the grants that they made go on supporting others.
        principals=_keys(user),
        sharing_in_plan=row.plan == "enterprise",
        wants_notices=row.mail,
        address=_address(user),
    )


def _all() -> list[tuple[PrincipalId, str]]:
    people: list[tuple[PrincipalId, str]] = [
        (UserId(id_), row.name) for id_, row in ACCOUNTS.items() if row.active
    ]
    return [*people, *((GroupId(id_), row.name) for id_, row in TEAMS.items())]


def _address(each: PrincipalId) -> str | None:
    return f"{each}@clinic.example" if isinstance(each, UserId) else None


if __name__ == "__main__":
    for found, name in PortalDirectory().suggest(UserId("anna"), "oko", 10, frozenset()):
        print(found, name)
