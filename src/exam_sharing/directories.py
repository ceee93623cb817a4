"""What our directories share: adding and removing principals, visibility, and paths."""

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
"""The default number of principals in a page of `KeptDirectory.known`."""


@attrs.frozen(kw_only=True)
class Account:
    """A user with their settings.

    Attributes:
        user: who it is.
        sharing_in_plan: whether their service plan includes sharing.
        notices: whether they want notices of shares.
    """

    user: User
    sharing_in_plan: bool = attrs.field(default=True, validator=is_a(bool))
    notices: bool = attrs.field(default=True, validator=is_a(bool))


Known: TypeAlias = Account | Group


def require_not_removed(known: Known, removed: Container[PrincipalKey]) -> None:
    """Raise `AlreadyExists` if the id of a user or a group was removed before."""
    principal = known.user if isinstance(known, Account) else known
    if principal.id.key in removed:
        raise AlreadyExists(type(principal).__name__.lower(), principal.id.value)


class KeptDirectory(Directory):
    """A directory that keeps users and groups itself, so that they can be added and removed."""

    @overload
    def add(
        self, principal: User, /, *, sharing_in_plan: bool = True, notices: bool = True
    ) -> None: ...
    @overload
    def add(self, principal: Group, /) -> None: ...
    def add(self, principal: User | Group, /, **settings: bool) -> None:
        """Add a user or a group, or replace all that is known under its id, settings included.

        Args:
            principal: the user or group.
            settings: of a user only, both true by default: `sharing_in_plan`, whether their service
                plan includes sharing, and `notices`, whether they want notices of shares.

        Raises:
            AlreadyExists: the id was removed; an id is never used again.
            MembershipCycle: the group would contain itself, directly or through others; nothing
                has changed.
            InvalidValue: settings were given for a group.
            WrongKind: it is neither a user nor a group, or a setting is not a `bool`.
        """
        require_kind("principal", principal, User, Group)
        if isinstance(principal, User):
            self._put(Account(user=principal, **settings))
            return
        if settings:
            raise InvalidArgument(", ".join(settings), "can be set for a user, not for a group")
        self._put(principal)

    def remove(self, principal: PrincipalId) -> None:
        """Remove a user or a group for good: its id is never used again.

        Make a user who may come back inactive instead. Groups keep the id of a removed member.

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
        """Return a page of all users and groups, inactive ones too, in the order of their keys.

        For the host's operators: visibility is not applied.

        Args:
            after: begin behind this one; by default at the beginning.
            limit: how many at most.
        """

    @abstractmethod
    def _put(self, known: Known) -> None:
        """Store this under its id; raise as `add` does."""

    @abstractmethod
    def _forget(self, key: PrincipalKey) -> bool:
        """Remove the entry of the key, and return whether there was one."""


def everybody(_actor: UserId, _principal: PrincipalId) -> bool:
    """Let every actor see every principal."""
    return True


def walk(start: Iterable[_NodeT], onward: Callable[[_NodeT], Iterable[_NodeT]]) -> Iterator[_NodeT]:
    """Yield every reachable node once, those of the start included."""
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
    """Return, for each group, the members that an actor may know, to any depth.

    Args:
        groups: the groups.
        members: the direct members of these groups and of all groups in them.
        there: those of all these that exist and are active.
        visible: whether the actor may see a principal; called at most once for each.
        members_visible: whether the actor may see the members of a group; likewise.
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
    """Return the first visible candidates, each once.

    No more candidates are read than needed, and `visible` is called at most once for each.
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
