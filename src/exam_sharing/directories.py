"""What our directories share: adding and removing principals, visibility, and paths."""

from abc import abstractmethod
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Final, TypeAlias, TypeVar, overload

import attrs
from typing_extensions import override

from exam_sharing.errors import AlreadyExists, InvalidArgument
from exam_sharing.history import NameReplaced, Recorded
from exam_sharing.identifiers import GroupId, PrincipalId, PrincipalKey, UserId, principal_of
from exam_sharing.names import Findable, Fit, Typed, folded
from exam_sharing.policy.facts import MembersSeen, People
from exam_sharing.ports import Directory, Principals
from exam_sharing.principals import Group, User
from exam_sharing.validation import (
    checks_arguments,
    checks_itself,
    clock_time,
    is_a,
    require_callable,
    require_kind,
    tuple_of,
)

_NodeT = TypeVar("_NodeT")

MAX_PAGE: Final = 1_000
"""The default number of principals in a page of `KeptDirectory.known`."""


@attrs.frozen(kw_only=True)
class Account:
    """A user, whether their service plan includes sharing, and whether they want notices."""

    user: User
    sharing_in_plan: bool = attrs.field(default=True, validator=is_a(bool))
    notices: bool = attrs.field(default=True, validator=is_a(bool))


Known: TypeAlias = Account | Group
Named: TypeAlias = tuple[PrincipalId, str]
Members: TypeAlias = Mapping[PrincipalId, Collection[PrincipalId]]
"""The direct members of groups, active or not."""
Active: TypeAlias = Collection[PrincipalId]
"""Those principals that exist and are active."""
IsVisible: TypeAlias = Callable[[UserId, PrincipalId], bool]
"""Whether an actor may see a user or a group at all, themselves included."""
AreMembersVisible: TypeAlias = Callable[[UserId, GroupId], bool]
"""Whether an actor may see the members of a group."""


def recorded(known: Known | None) -> Recorded | None:
    """Return what the history keeps of a user or group; `None` for `None`."""
    if known is None:
        return None
    if isinstance(known, Group):
        return Recorded(name=known.name, members=known.members)
    user = known.user
    return Recorded(name=user.name, active=user.active, sharing_in_plan=known.sharing_in_plan)


def problem_of_replacing(
    replaced: NameReplaced, name_now: str | None, *, was_recorded: bool
) -> str | None:
    """Return why the names that a history keeps of a principal may not be replaced, if so.

    `name_now` is the name in the directory; `None` if it does not know the principal.
    """
    if name_now is not None and name_now != replaced.name:
        return "has another name in the directory; remove it, or rename it there, before"
    return None if was_recorded else "is not in the history of the directory"


def require_not_removed(known: Known, removed: Container[PrincipalKey]) -> None:
    """Raise `AlreadyExists` if the id of a user or a group was removed before."""
    principal = known.user if isinstance(known, Account) else known
    if principal.id.key in removed:
        raise AlreadyExists(type(principal).__name__.lower(), principal.id.value)


@checks_arguments
class KeptDirectory(Directory):
    """A directory that keeps users and groups itself, so that they can be added and removed.

    The rules of visibility are called while no lock and no connection is held, so they may query
    the directory. Anything but `True` is no; their exceptions are raised.
    """

    def __init__(
        self,
        *,
        visible: IsVisible,
        members_visible: AreMembersVisible,
        clock: Callable[[], datetime],
    ) -> None:
        require_callable("visible", visible)
        require_callable("members_visible", members_visible)
        require_callable("clock", clock)
        self._clock = clock
        self._visible = visible
        self._members_visible = members_visible

    @overload
    def add(
        self, principal: User, /, *, sharing_in_plan: bool = True, notices: bool = True
    ) -> None: ...
    @overload
    def add(self, principal: Group, /) -> None: ...
    @checks_itself
    def add(self, principal: User | Group, /, **settings: bool) -> None:
        """Add a user or a group, or replace all that is known under its id, settings included.

        Settings are of a user only, and true by default: `sharing_in_plan`, whether their service
        plan includes sharing, and `notices`, whether they want notices of shares.

        Raises:
            AlreadyExists: the id was removed; an id is never used again.
            MembershipCycle: the group would contain itself, directly or through others.
            InvalidValue: settings were given for a group.
            WrongKind: it is neither a user nor a group, or a setting is not a `bool`.
        """
        require_kind("principal", principal, User, Group)
        if isinstance(principal, User):
            self._put(Account(user=principal, **settings), clock_time(self._clock()))
            return
        if settings:
            raise InvalidArgument(", ".join(settings), "can be set for a user, not for a group")
        self._put(principal, clock_time(self._clock()))

    def remove(self, principal: PrincipalId) -> None:
        """Remove a user or a group for good: its id is never used again.

        Make a user who may come back inactive instead. Groups keep the id of a removed member.

        Raises:
            InvalidValue: the directory does not know it.
            WrongKind: it is neither a `UserId` nor a `GroupId`.
        """
        require_kind("principal", principal, UserId, GroupId)
        if not self._forget(principal, clock_time(self._clock())):
            kind = type(principal).__name__
            raise InvalidArgument(kind, f"{principal.value!r} is not in the directory")

    @abstractmethod
    def known(self, after: PrincipalId | None = None, limit: int = MAX_PAGE) -> tuple[Known, ...]:
        """Return a page of all users and groups, inactive ones too, in the order of their keys.

        For the host's operators: visibility is not applied. The page begins behind `after`.
        """

    @override
    def seen_by(self, actor: UserId, principals: Iterable[PrincipalId]) -> Principals:
        there = self._active(tuple_of("principals", principals, UserId, GroupId))
        return frozenset(each for each in there if self._visible(actor, each) is True)

    @override
    def members_seen_by(self, actor: UserId, groups: Iterable[GroupId]) -> MembersSeen:
        groups = tuple_of("groups", groups, GroupId)
        return self._members_seen(actor, groups, *self._members_below(groups))

    def _members_seen(
        self, actor: UserId, groups: Iterable[GroupId], members: Members, there: Active
    ) -> MembersSeen:
        @cache
        def onward(group: PrincipalId) -> Collection[PrincipalId]:
            if not isinstance(group, GroupId) or group not in there or group not in members:
                return ()
            return members[group] if self._members_visible(actor, group) is True else ()

        @cache
        def seen(principal: PrincipalId) -> bool:
            return principal in there and self._visible(actor, principal) is True

        return {group: frozenset(filter(seen, walk(onward(group), onward))) for group in groups}

    def _seen_with_people(
        self, actor: UserId, named: Mapping[PrincipalId, str], members: Members, there: Active
    ) -> tuple[People, Mapping[PrincipalId, str]]:
        """Return what a `PeopleReader` returns, of those that exist and are active, with names.

        `members` are those of the groups among them and of all groups inside, and `there` the
        active ones of all.
        """
        seen = frozenset(each for each in named if self._visible(actor, each) is True)

        def onward(principal: PrincipalId) -> Collection[PrincipalId]:
            return members.get(principal, ()) if principal in there else ()

        behind = {
            each: frozenset(
                user for user in walk([each], onward) if isinstance(user, UserId) and user in there
            )
            for each in seen
        }
        groups = [each for each in seen if isinstance(each, GroupId)]
        members_seen = self._members_seen(actor, groups, members, there)
        people = People(behind=behind, seen=seen, members_seen=members_seen)
        return people, {each: named[each] for each in seen}

    @override
    def suggest(
        self, actor: UserId, text: str, limit: int, leave_out: Principals, *, whole: bool = False
    ) -> tuple[Named, ...]:
        typed = Typed.of(text)
        if typed is None:
            return ()
        candidates = self._suggested(typed, limit + len(leave_out), whole=whole)
        return self._first_seen(actor, candidates, limit, leave_out)

    @override
    def listed(
        self, actor: UserId, after: tuple[str, str] | None, limit: int, leave_out: Principals
    ) -> tuple[Named, ...]:
        behind = None if after is None else (folded(after[0]), after[1])
        candidates = self._listed(behind, limit + len(leave_out))
        return self._first_seen(actor, candidates, limit, leave_out)

    def _first_seen(
        self, actor: UserId, candidates: Iterator[Named], limit: int, leave_out: Principals
    ) -> tuple[Named, ...]:
        """Return the first visible candidates, each once; read no more of them than needed."""
        return first_of(
            candidates, limit, leave_out, lambda each: self._visible(actor, each) is True
        )

    @abstractmethod
    def _put(self, known: Known, at: datetime) -> None:
        """Store this under its id, and record the change; raise as `add` does."""

    @abstractmethod
    def _forget(self, principal: PrincipalId, at: datetime) -> bool:
        """Remove a user or group, record it, and return whether there was one."""

    @abstractmethod
    def _active(self, principals: Sequence[PrincipalId]) -> Iterable[PrincipalId]:
        """Return those that exist and are active."""

    @abstractmethod
    def _members_below(self, groups: Sequence[GroupId]) -> tuple[Members, Active]:
        """Return the members of these groups and of groups in them, and the active ones of all."""

    @abstractmethod
    def _suggested(self, typed: Typed, size: int, *, whole: bool) -> Iterator[Named]:
        """Return what the text suggests, best first; about `size` of it will be read."""

    @abstractmethod
    def _listed(self, behind: tuple[str, str] | None, size: int) -> Iterator[Named]:
        """Return the active ones behind a folded name and a key; about `size` will be read."""


def everybody(_actor: UserId, _principal: PrincipalId) -> bool:
    """Let every actor see every principal."""
    return True


def first_of(
    candidates: Iterator[Named],
    limit: int,
    leave_out: Principals,
    seen: Callable[[PrincipalId], bool],
) -> tuple[Named, ...]:
    """Return the first candidates that are seen, each once; read no more of them than needed."""
    found: list[Named] = []
    passed = set(leave_out)
    while len(found) < limit and (candidate := next(candidates, None)) is not None:
        principal, _ = candidate
        if principal not in passed:
            passed.add(principal)
            if seen(principal):
                found.append(candidate)
    return tuple(found)


def best_fits(
    typed: Typed, among: Iterable[tuple[PrincipalId, str, str | None]], *, whole: bool
) -> tuple[Named, ...]:
    """Return those whose name or address a typed text fits, best first, of all in any order."""
    worst = Fit.WHOLE if whole else Fit.WORDS
    fitting: list[tuple[Fit, str, PrincipalKey, Named]] = []
    for principal, name, address in among:
        found = Findable.of(name, address)
        fit = typed.fit(found)
        if fit is not None and fit <= worst:
            fitting.append((fit, found.name, principal.key, (principal, name)))
    return tuple(named for *_, named in sorted(fitting))


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

    `groups_of` returns the groups of which a principal is a direct member.
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
