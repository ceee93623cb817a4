"""What our directories share: users and groups that can be added and removed, visibility, paths.

The functions work on what a directory has read already, whichever directory that is.
"""

from abc import abstractmethod
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping
from functools import cache
from typing import Final, TypeAlias, TypeVar, overload

import attrs

from exam_sharing.errors import AlreadyExists, InvalidArgument
from exam_sharing.identifiers import GroupId, PrincipalId, PrincipalKey, UserId, principal_of
from exam_sharing.ports import Directory
from exam_sharing.principals import Group, User
from exam_sharing.validation import is_a, require_kind

__all__ = [
    "MAX_PAGE",
    "Account",
    "KeptDirectory",
    "Known",
    "chosen",
    "everybody",
    "members_seen",
    "path_between",
    "require_not_removed",
    "walk",
]

_NodeT = TypeVar("_NodeT")


MAX_PAGE: Final = 1_000
"""How many users and groups come at once where nothing else is asked for."""


@attrs.frozen(kw_only=True)
class Account:
    """A user, and what the directory says of them beside."""

    user: User
    sharing_in_plan: bool = attrs.field(default=True, validator=is_a(bool))
    notices: bool = attrs.field(default=True, validator=is_a(bool))


Known: TypeAlias = Account | Group


def require_not_removed(known: Known, removed: Container[PrincipalKey]) -> None:
    """Raise `AlreadyExists` where the id of a user or a group was removed."""
    principal = known.user if isinstance(known, Account) else known
    if principal.id.key in removed:
        raise AlreadyExists(type(principal).__name__.lower(), principal.id.value)


class KeptDirectory(Directory):
    """A directory that can be changed, wherever it is kept."""

    @overload
    def add(
        self, principal: User, /, *, sharing_in_plan: bool = True, notices: bool = True
    ) -> None: ...
    @overload
    def add(self, principal: Group, /) -> None: ...
    def add(self, principal: User | Group, /, **settings: bool) -> None:
        """Make a user or a group known, or say anew all that is known of them.

        Args:
            principal: the user or group; the same id again replaces, settings included.
            settings: of a user only. `sharing_in_plan`: their service plan includes sharing;
                `notices`: they want notices of shares. Both are so where nothing is said.

        Raises:
            AlreadyExists: the id was removed; an id is never used again.
            MembershipCycle: the group would come to hold itself, directly or through others;
                nothing has changed.
            InvalidValue: settings were given for a group.
            WrongKind: it is neither a user nor a group, or a setting is not a `bool`.
        """
        require_kind("principal", principal, User, Group)
        if isinstance(principal, User):
            self._put(Account(user=principal, **settings))
            return
        if settings:
            raise InvalidArgument(", ".join(settings), "can be said of a user, not of a group")
        self._put(principal)

    def remove(self, principal: PrincipalId) -> None:
        """Forget a user or a group for good: its id is never used again.

        A user who may come back is not removed, but made inactive. Groups that hold what is removed
        keep its id.

        Raises:
            InvalidValue: the directory does not know it.
            WrongKind: it is neither a `UserId` nor a `GroupId`.
        """
        require_kind("principal", principal, UserId, GroupId)
        if not self._forget(principal.key):
            kind = type(principal).__name__
            raise InvalidArgument(kind, f"{principal.value!r} is not in the directory")

    @abstractmethod
    def known(self, after: PrincipalId | None = None, limit: int = MAX_PAGE) -> tuple[Known, ...]:
        """Return the first users and groups of all that are kept, inactive ones too, by their keys.

        For the host's operators: whether anybody may see them is not asked.

        Args:
            after: behind whom to begin; by default at the beginning.
            limit: how many at most.
        """

    @abstractmethod
    def _put(self, known: Known) -> None:
        """Keep this in place of what is known under its id.

        Raises:
            AlreadyExists: what was known under its id was forgotten.
            MembershipCycle: a group would come to hold itself.
        """

    @abstractmethod
    def _forget(self, key: PrincipalKey) -> bool:
        """Forget what is known under the key, and say whether anything was."""


def everybody(_actor: UserId, _principal: PrincipalId) -> bool:
    """Say yes: the actor may see the principal."""
    return True


def walk(start: Iterable[_NodeT], onward: Callable[[_NodeT], Iterable[_NodeT]]) -> Iterator[_NodeT]:
    """Yield where one begins and all that is reached from there, each once."""
    passed = set(start)
    waiting = list(passed)
    while waiting:
        reached = waiting.pop()
        yield reached
        for following in onward(reached):
            if following not in passed:
                passed.add(following)
                waiting.append(following)


def path_between(
    user: UserId,
    principal: PrincipalId,
    groups_of: Callable[[PrincipalKey], Iterable[PrincipalKey]],
) -> tuple[PrincipalId, ...]:
    """Return a shortest chain of memberships from the user to the principal; empty for none.

    Args:
        user: the first of the chain.
        principal: the last of it.
        groups_of: the groups of which a principal is a direct member.
    """
    start, end = user.key, principal.key
    came_from = {start: start}
    ring = [start]
    while end not in came_from and ring:
        ring = [
            group
            for member in ring
            for group in sorted(groups_of(member))
            if came_from.setdefault(group, member) == member
        ]
    if end not in came_from:
        return ()
    chain = [end]
    while chain[-1] != start:
        chain.append(came_from[chain[-1]])
    return tuple(principal_of(key) for key in reversed(chain))


def members_seen(
    groups: Iterable[GroupId],
    members: Mapping[PrincipalId, Collection[PrincipalId]],
    there: Collection[PrincipalId],
    *,
    visible: Callable[[PrincipalId], bool],
    members_visible: Callable[[GroupId], bool],
) -> Mapping[GroupId, frozenset[PrincipalId]]:
    """Return, for each group, the members that an actor may know of, to any depth.

    Args:
        groups: which groups.
        members: the direct members of these and of all groups in them.
        there: those of all these that exist and are active.
        visible: whether the actor may see a principal; asked once of each, when it matters.
        members_visible: the same of the members of a group.
    """

    @cache
    def onward(group: PrincipalId) -> Collection[PrincipalId]:
        if not isinstance(group, GroupId) or group not in there or group not in members:
            return ()
        return members[group] if members_visible(group) is True else ()

    @cache
    def seen(principal: PrincipalId) -> bool:
        return principal in there and visible(principal) is True

    return {group: frozenset(filter(seen, walk(onward(group), onward))) for group in groups}


def chosen(
    candidates: Iterable[tuple[PrincipalId, str]],
    limit: int,
    leave_out: frozenset[PrincipalId],
    visible: Callable[[PrincipalId], bool],
) -> tuple[tuple[PrincipalId, str], ...]:
    """Return the first of the candidates that may be seen, each once.

    No more candidates are taken than needed, and each that is not left out is asked about once.
    """
    found: list[tuple[PrincipalId, str]] = []
    passed = set(leave_out)
    waiting = iter(candidates)
    while len(found) < limit and (candidate := next(waiting, None)) is not None:
        principal, _ = candidate
        if principal not in passed:
            passed.add(principal)
            if visible(principal) is True:
                found.append(candidate)
    return tuple(found)
