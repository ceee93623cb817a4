"""Users and groups in memory: who is in what, who may see whom, and whom a text suggests.

Any number of threads may ask and change at once; each answer is what was so at one moment. What the
host says of visibility is asked of it while no lock is held, so it may ask the directory back.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from threading import Lock
from typing import Final, TypeAlias, overload

import attrs
from typing_extensions import override

from exam_sharing.errors import InvalidValue, MembershipCycle
from exam_sharing.identifiers import GroupId, PrincipalId, PrincipalKey, UserId, principal_of
from exam_sharing.memory.suggestions import Entry, NameIndex
from exam_sharing.memory.visibility import chosen, members_seen, walk
from exam_sharing.names import folded
from exam_sharing.policy.facts import Profile
from exam_sharing.ports import Directory
from exam_sharing.principals import Group, User
from exam_sharing.validation import is_a, require_kind

__all__ = ["MemoryDirectory"]

_NOBODY: Final[frozenset[PrincipalKey]] = frozenset()

_LONGEST_TEXT: Final = 2000
"""No text beyond this can be in a name: they have 500 code points, in any Unicode form fourfold."""


def _everybody(_actor: UserId, _principal: PrincipalId) -> bool:
    return True


@attrs.frozen(kw_only=True)
class _Account:
    """A user, and what the directory says of them beside."""

    user: User
    sharing_in_plan: bool = attrs.field(default=True, validator=is_a(bool))
    notices: bool = attrs.field(default=True, validator=is_a(bool))


_Known: TypeAlias = _Account | Group


@attrs.frozen
class _Sorted:
    """The index of the names as they were after so many changes of names."""

    index: NameIndex = attrs.field(factory=NameIndex)
    changes: int = 0


class MemoryDirectory(Directory):
    """A directory in memory: the embedded default, and the reference for others.

    Adding and asking are safe from any number of threads.

    Args:
        visible: whether an actor may see a user or a group at all, themselves included.
        members_visible: whether an actor may see who is in a group.

    Both are asked anew each time. Anything but `True` is no; what they raise is raised.
    """

    def __init__(
        self,
        *,
        visible: Callable[[UserId, PrincipalId], bool] = _everybody,
        members_visible: Callable[[UserId, GroupId], bool] = _everybody,
    ) -> None:
        self._visible = visible
        self._members_visible = members_visible
        self._lock = Lock()
        self._known: dict[PrincipalKey, _Known] = {}
        self._holders: dict[PrincipalKey, set[PrincipalKey]] = {}
        # INVARIANT: what is in here is so, or was so until a change that has not yet returned. It
        # is written under the lock only, together with what it is drawn from. It knows active users
        # alone, so that asking for strangers does not fill it.
        self._principals: dict[str, frozenset[PrincipalKey]] = {}
        # Names are sorted when somebody asks. Until then, `_renamed` keeps what the index still has
        # under each key, and `_name_changes` counts; the lock guards both. Sorting takes a while,
        # so it has a lock of its own, which is never waited for while the other is held.
        self._sorting = Lock()
        self._sorted = _Sorted()
        self._renamed: dict[PrincipalKey, _Known | None] = {}
        self._name_changes = 0

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
            MembershipCycle: the group would come to hold itself, directly or through others;
                nothing has changed.
            InvalidValue: settings were given for a group.
            WrongKind: it is neither a user nor a group, or a setting is not a `bool`.
        """
        require_kind("principal", principal, User, Group)
        if isinstance(principal, User):
            with self._lock:
                self._put(principal.id.key, _Account(user=principal, **settings))
                self._principals.pop(principal.id.value, None)
            return
        if settings:
            raise InvalidValue(", ".join(settings), "can be said of a user, not of a group")
        with self._lock:
            if self._would_hold_itself(principal):
                raise MembershipCycle(principal.id.value)
            self._put(principal.id.key, principal)
            self._principals = {}

    def remove(self, principal: PrincipalId) -> None:
        """Forget a user or a group; groups that hold it keep its id, for when it comes again.

        Raises:
            InvalidValue: the directory does not know it.
            WrongKind: it is neither a `UserId` nor a `GroupId`.
        """
        require_kind("principal", principal, UserId, GroupId)
        with self._lock:
            if principal.key not in self._known:
                kind = type(principal).__name__
                raise InvalidValue(kind, f"{principal.value!r} is not in the directory")
            self._put(principal.key, None)
            self._principals = {}

    def user(self, user: UserId) -> User | None:
        """Return the user as they were added last, or `None`."""
        account = self._account(user)
        return None if account is None else account.user

    def group(self, group: GroupId) -> Group | None:
        """Return the group as it was added last, or `None`."""
        known = self._known.get(group.key)
        return known if isinstance(known, Group) else None

    @override
    def principals_of(self, user: UserId) -> frozenset[PrincipalKey]:
        # The hottest path of all: `user` is taken for a UserId, unchecked, when it is found.
        found = self._principals.get(user.value)
        return self._resolve(user) if found is None else found

    @override
    def profiles(self, users: Iterable[UserId]) -> Mapping[UserId, Profile]:
        users = tuple(users)
        with self._lock:
            return {user: self._profile(user) for user in users}

    @override
    def people_behind(
        self, principals: Iterable[PrincipalId]
    ) -> Mapping[PrincipalId, frozenset[UserId]]:
        principals = tuple(principals)
        with self._lock:
            return {principal: self._active_users_in(principal) for principal in principals}

    @override
    def seen_by(self, actor: UserId, principals: Iterable[PrincipalId]) -> frozenset[PrincipalId]:
        principals = tuple(principals)
        with self._lock:
            there = [each for each in principals if _found_by(self._known.get(each.key))]
        return frozenset(each for each in there if self._visible(actor, each) is True)

    @override
    def members_seen_by(
        self, actor: UserId, groups: Iterable[GroupId]
    ) -> Mapping[GroupId, frozenset[PrincipalId]]:
        groups = tuple(groups)
        with self._lock:
            reached = walk(frozenset[PrincipalId](groups), self._members_in)
            members = {each: self._members_in(each) for each in reached}
            there = {each for each in members if _found_by(self._known.get(each.key))}
        return members_seen(
            groups,
            members,
            there,
            visible=partial(self._visible, actor),
            members_visible=partial(self._members_visible, actor),
        )

    @override
    def names(self, principals: Iterable[PrincipalId]) -> Mapping[PrincipalId, str]:
        principals = tuple(principals)
        with self._lock:
            known = [(each, self._known.get(each.key)) for each in principals]
        return {each: _described(value).name for each, value in known if value is not None}

    @override
    def path(self, user: UserId, principal: PrincipalId) -> tuple[PrincipalId, ...]:
        start, end = user.key, principal.key
        came_from = {start: start}
        ring = [start]
        with self._lock:
            while end not in came_from and ring:
                ring = [
                    holder
                    for held in ring
                    for holder in sorted(self._holders.get(held, ()))
                    if came_from.setdefault(holder, held) == held
                ]
        if end not in came_from:
            return ()
        way = [end]
        while way[-1] != start:
            way.append(came_from[way[-1]])
        return tuple(principal_of(key) for key in reversed(way))

    @override
    def suggest(
        self, actor: UserId, text: str, limit: int, leave_out: frozenset[PrincipalId]
    ) -> tuple[tuple[PrincipalId, str], ...]:
        wanted = folded(text) if len(text) <= _LONGEST_TEXT else ""
        if not wanted:
            return ()
        return self._chosen(actor, self._index().suggested(wanted), limit, leave_out)

    @override
    def listed(
        self,
        actor: UserId,
        after: tuple[str, str] | None,
        limit: int,
        leave_out: frozenset[PrincipalId],
    ) -> tuple[tuple[PrincipalId, str], ...]:
        name, key = ("", "") if after is None else (folded(after[0]), after[1])
        return self._chosen(actor, self._index().behind(name, key), limit, leave_out)

    def _chosen(
        self,
        actor: UserId,
        entries: Iterator[Entry],
        limit: int,
        leave_out: frozenset[PrincipalId],
    ) -> tuple[tuple[PrincipalId, str], ...]:
        pairs = ((entry.principal, entry.shown) for entry in entries)
        return chosen(pairs, limit, leave_out, partial(self._visible, actor))

    def _index(self) -> NameIndex:
        """Return the index with every change that has returned by now."""
        ready = self._sorted
        if ready.changes == self._name_changes:
            return ready.index
        with self._sorting:
            with self._lock:
                changes = self._name_changes
                if self._sorted.changes == changes:
                    return self._sorted.index
                renamed, self._renamed = self._renamed, {}
                pairs = [(old, self._known.get(key)) for key, old in renamed.items()]
            try:
                index = self._sorted.index.changed(
                    gone=[entry for old, _ in pairs if (entry := _entry(old)) is not None],
                    come=[entry for _, new in pairs if (entry := _entry(new)) is not None],
                )
            except BaseException:
                with self._lock:
                    self._renamed |= renamed
                raise
            self._sorted = _Sorted(index, changes)
            return index

    def _resolve(self, user: UserId) -> frozenset[PrincipalKey]:
        require_kind("user", user, UserId)
        with self._lock:
            account = self._account(user)
            if account is None or not account.user.active:
                return _NOBODY
            found = self._above(user.key)
            self._principals[user.value] = found
            return found

    def _account(self, user: UserId) -> _Account | None:
        known = self._known.get(user.key)
        return known if isinstance(known, _Account) else None

    def _profile(self, user: UserId) -> Profile:
        account = self._account(user)
        if account is None:
            return Profile.unknown(user)
        return Profile(
            user=user,
            active=account.user.active,
            principals=self._above(user.key),
            sharing_in_plan=account.sharing_in_plan,
            wants_notices=account.notices,
            address=account.user.email,
        )

    def _above(self, key: PrincipalKey) -> frozenset[PrincipalKey]:
        return frozenset(walk((key,), self._holders_of))

    def _active_users_in(self, principal: PrincipalId) -> frozenset[UserId]:
        found = (self._known.get(each.key) for each in walk((principal,), self._members_in))
        return frozenset(
            each.user.id for each in found if isinstance(each, _Account) and each.user.active
        )

    def _holders_of(self, key: PrincipalKey) -> Iterable[PrincipalKey]:
        return self._holders.get(key, ())

    def _members_in(self, principal: PrincipalId) -> frozenset[PrincipalId]:
        known = self._known.get(principal.key)
        return known.members if isinstance(known, Group) else frozenset()

    def _members_of(self, key: PrincipalKey) -> Iterable[PrincipalKey]:
        return _members(self._known.get(key))

    def _would_hold_itself(self, group: Group) -> bool:
        """Look from the new members down and from the group up, until either way has an end.

        A chain of groups that grows at one end is thus not walked through for each addition.
        """
        key, members = group.id.key, _members(group)
        down = walk(members, self._members_of)
        up = walk((key,), self._holders_of)
        return any(below == key or above in members for below, above in zip(down, up, strict=False))

    def _put(self, key: PrincipalKey, new: _Known | None) -> None:
        old = self._known.get(key)
        before, after = _members(old), _members(new)
        for member in before - after:
            holders = self._holders[member]
            holders.remove(key)
            if not holders:
                del self._holders[member]
        for member in after - before:
            self._holders.setdefault(member, set()).add(key)
        if _found_by(old) != _found_by(new):
            self._renamed.setdefault(key, old)
            self._name_changes += 1
        if new is None:
            del self._known[key]
        else:
            self._known[key] = new


def _members(known: _Known | None) -> frozenset[PrincipalKey]:
    if isinstance(known, Group):
        return frozenset(member.key for member in known.members)
    return frozenset()


def _described(known: _Known) -> User | Group:
    return known if isinstance(known, Group) else known.user


def _found_by(known: _Known | None) -> tuple[str, str | None] | None:
    """Return the name and address by which it can be chosen; `None` where it cannot be."""
    match known:
        case _Account(user=user) if user.active:
            return user.name, user.email
        case Group(name=name):
            return name, None
        case _:
            return None


def _entry(known: _Known | None) -> Entry | None:
    found_by = _found_by(known)
    if known is None or found_by is None:
        return None
    return Entry.of(_described(known).id, *found_by)
