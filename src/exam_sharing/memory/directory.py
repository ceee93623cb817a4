"""Users and groups in memory: who is in what, who may see whom, and whom a text suggests.

Any number of threads may ask and change at once; each answer is what was so at one moment. What the
host says of visibility is asked of it while no lock is held, so it may ask the directory back.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from threading import Lock
from typing import Final

import attrs
from typing_extensions import override

from exam_sharing.directories import (
    MAX_PAGE,
    Account,
    KeptDirectory,
    Known,
    chosen,
    everybody,
    members_seen,
    path_between,
    require_not_removed,
    walk,
)
from exam_sharing.errors import MembershipCycle
from exam_sharing.identifiers import GroupId, PrincipalId, PrincipalKey, UserId
from exam_sharing.memory.names import Entry, NameIndex
from exam_sharing.names import Typed, folded
from exam_sharing.policy.facts import Profile
from exam_sharing.principals import Group, User
from exam_sharing.validation import (
    checks_arguments,
    checks_itself,
    require_callable,
    require_kind,
    tuple_of,
)

__all__ = ["MemoryDirectory"]

_NOBODY: Final[frozenset[PrincipalKey]] = frozenset()


@attrs.frozen
class _Sorted:
    """The index of the names as they were after so many changes of names."""

    index: NameIndex = attrs.field(factory=NameIndex)
    changes: int = 0


@checks_arguments
class MemoryDirectory(KeptDirectory):
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
        visible: Callable[[UserId, PrincipalId], bool] = everybody,
        members_visible: Callable[[UserId, GroupId], bool] = everybody,
    ) -> None:
        require_callable("visible", visible)
        require_callable("members_visible", members_visible)
        self._visible = visible
        self._members_visible = members_visible
        self._lock = Lock()
        self._known: dict[PrincipalKey, Known] = {}
        self._removed: set[PrincipalKey] = set()
        self._holders: dict[PrincipalKey, set[PrincipalKey]] = {}
        # INVARIANT: what is in here is so, or was so until a change that has not yet returned. It
        # is written under the lock only, together with what it is drawn from. It knows active users
        # alone, so that asking for strangers does not fill it.
        # INVARIANT: always the same dict, since every check looks here first.
        self.kept_principals: Final[dict[PrincipalKey, frozenset[PrincipalKey]]] = {}
        # Names are sorted when somebody asks. Until then, `_renamed` keeps what the index still has
        # under each key, and `_name_changes` counts; the lock guards both. Sorting takes a while,
        # so it has a lock of its own, which is never waited for while the other is held.
        self._sorting = Lock()
        self._sorted = _Sorted()
        self._renamed: dict[PrincipalKey, Known | None] = {}
        self._name_changes = 0

    def user(self, user: UserId) -> User | None:
        """Return the user as they were added last, or `None`."""
        require_kind("user", user, UserId, GroupId)
        account = self._account(user)
        return None if account is None else account.user

    def group(self, group: GroupId) -> Group | None:
        """Return the group as it was added last, or `None`."""
        require_kind("group", group, GroupId, UserId)
        known = self._known.get(group.key)
        return known if isinstance(known, Group) else None

    @override
    def known(self, after: PrincipalId | None = None, limit: int = MAX_PAGE) -> tuple[Known, ...]:
        behind = "" if after is None else after.key
        with self._lock:
            keys = sorted(key for key in self._known if key > behind)
            return tuple(self._known[key] for key in keys[:limit])

    @override
    @checks_itself
    def principals_of(self, user: UserId) -> frozenset[PrincipalKey]:
        # The key of a group is never found, so that a check of the kind costs the hot path nothing.
        try:
            found = self.kept_principals.get(user.key)
        except AttributeError:
            found = None
        return self._resolve(user) if found is None else found

    @override
    def profiles(self, users: Iterable[UserId]) -> Mapping[UserId, Profile]:
        users = tuple_of("users", users, UserId)
        with self._lock:
            return {user: self._profile(user) for user in users}

    @override
    def people_behind(
        self, principals: Iterable[PrincipalId]
    ) -> Mapping[PrincipalId, frozenset[UserId]]:
        principals = tuple_of("principals", principals, UserId, GroupId)
        with self._lock:
            return {principal: self._active_users_in(principal) for principal in principals}

    @override
    def seen_by(self, actor: UserId, principals: Iterable[PrincipalId]) -> frozenset[PrincipalId]:
        principals = tuple_of("principals", principals, UserId, GroupId)
        with self._lock:
            there = [each for each in principals if _found_by(self._known.get(each.key))]
        return frozenset(each for each in there if self._visible(actor, each) is True)

    @override
    def members_seen_by(
        self, actor: UserId, groups: Iterable[GroupId]
    ) -> Mapping[GroupId, frozenset[PrincipalId]]:
        groups = tuple_of("groups", groups, GroupId)
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
        principals = tuple_of("principals", principals, UserId, GroupId)
        with self._lock:
            known = [(each, self._known.get(each.key)) for each in principals]
        return {each: _described(value).name for each, value in known if value is not None}

    @override
    def path(self, user: UserId, principal: PrincipalId) -> tuple[PrincipalId, ...]:
        with self._lock:
            return path_between(user, principal, self._holders_of)

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
        typed = Typed.of(text)
        if typed is None:
            return ()
        found = self._index().suggested(typed, whole=whole)
        return self._chosen(actor, found, limit, leave_out)

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
            self.kept_principals[user.key] = found
            return found

    def _account(self, user: UserId) -> Account | None:
        known = self._known.get(user.key)
        return known if isinstance(known, Account) else None

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
            each.user.id for each in found if isinstance(each, Account) and each.user.active
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

    @override
    def _put(self, known: Known) -> None:
        with self._lock:
            require_not_removed(known, self._removed)
            if isinstance(known, Group):
                if self._would_hold_itself(known):
                    raise MembershipCycle(known.id.value)
                self._replace(known.id.key, known)
                self.kept_principals.clear()
            else:
                self._replace(known.user.id.key, known)
                self.kept_principals.pop(known.user.id.key, None)

    @override
    def _forget(self, key: PrincipalKey) -> bool:
        with self._lock:
            if key not in self._known:
                return False
            self._replace(key, None)
            self._removed.add(key)
            self.kept_principals.clear()
            return True

    def _replace(self, key: PrincipalKey, new: Known | None) -> None:
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


def _members(known: Known | None) -> frozenset[PrincipalKey]:
    if isinstance(known, Group):
        return frozenset(member.key for member in known.members)
    return frozenset()


def _described(known: Known) -> User | Group:
    return known if isinstance(known, Group) else known.user


def _found_by(known: Known | None) -> tuple[str, str | None] | None:
    """Return the name and address by which it can be chosen; `None` where it cannot be."""
    match known:
        case Account(user=user) if user.active:
            return user.name, user.email
        case Group(name=name):
            return name, None
        case _:
            return None


def _entry(known: Known | None) -> Entry | None:
    found_by = _found_by(known)
    if known is None or found_by is None:
        return None
    return Entry.of(_described(known).id, *found_by)
