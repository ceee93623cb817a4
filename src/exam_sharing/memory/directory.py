"""Users and groups in memory.

Any number of threads may read and change it at once; each answer is true of one moment.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from heapq import merge
from itertools import takewhile
from threading import Lock
from typing import Final, NamedTuple

import attrs
from typing_extensions import override

from exam_sharing.directories import (
    MAX_PAGE,
    Account,
    AreMembersVisible,
    IsVisible,
    KeptDirectory,
    Known,
    Named,
    everybody,
    path_between,
    recorded,
    require_not_removed,
    walk,
)
from exam_sharing.errors import MembershipCycle
from exam_sharing.history import Happening, NameReplaced, Stretch
from exam_sharing.identifiers import GroupId, Keys, PrincipalId, PrincipalKey, UserId
from exam_sharing.memory.past import PastPeople
from exam_sharing.names import SHORT, Findable, KeyKind, SearchKey, Typed
from exam_sharing.policy.facts import PeopleBehind, Profile
from exam_sharing.policy.past import Moment, PeopleThen, Span
from exam_sharing.ports import PeopleHistory
from exam_sharing.principals import Group, User
from exam_sharing.validation import checks_arguments, checks_itself, require_kind, tuple_of

_FEW: Final = 100
"""Up to this many changed entries are inserted one by one; for more, all are sorted again."""


class Entry(NamedTuple):
    """A principal that can be found; entries sort by folded name, then by key."""

    name: str
    key: PrincipalKey
    principal: PrincipalId
    shown: str
    found: Findable

    def __repr__(self) -> str:
        """Return a text without name and address."""
        return f"Entry({self.principal!r})"

    @classmethod
    def of(cls, principal: PrincipalId, name: str, email: str | None = None) -> "Entry":
        """Return the entry of a principal with this stored name and address."""
        found = Findable.of(name, email)
        return cls(found.name, principal.key, principal, name, found)


@attrs.frozen
class NameIndex:
    """Finds principals by name, by address and by word, and yields them in the needed order."""

    # INVARIANT: every list is sorted, with one entry for each key, so that no comparison goes
    # beyond the key.
    _names: Sequence[Entry] = ()
    _found_by: Mapping[SearchKey, Sequence[Entry]] = attrs.field(factory=dict)

    @classmethod
    def of(cls, entries: Collection[Entry]) -> "NameIndex":
        """Return the index of these entries."""
        names = sorted(entries)
        found_by: dict[SearchKey, list[Entry]] = {}
        for entry in names:
            for key in entry.found.search_keys():
                found_by.setdefault(key, []).append(entry)
        return cls(names, found_by)

    def changed(self, *, gone: Collection[Entry], come: Collection[Entry]) -> "NameIndex":
        """Return the index without some of its entries, and with new ones."""
        if len(gone) + len(come) > _FEW:
            out = {entry.key for entry in gone}
            return self.of([*(each for each in self._names if each.key not in out), *come])
        names, found_by = list(self._names), dict(self._found_by)
        for entry in gone:
            del names[bisect_left(names, entry)]
            for key in entry.found.search_keys():
                left = [each for each in found_by[key] if each.key != entry.key]
                found_by[key] = left
                if not left:
                    del found_by[key]
        for entry in come:
            insort(names, entry)
            for key in entry.found.search_keys():
                more = [*found_by.get(key, ())]
                insort(more, entry)
                found_by[key] = more
        return NameIndex(names, found_by)

    def behind(self, name: str, key: str) -> Iterator[Entry]:
        """Yield every entry that sorts behind a folded name and a key."""
        return self._from(bisect_right(self._names, (name, key), key=lambda each: each[:2]))

    def suggested(self, typed: Typed, *, whole: bool) -> Iterator[Entry]:
        """Yield the entries that a typed text fits, best first; some more than once.

        Where `whole` is true, by whole names and addresses only.
        """
        text = typed.text
        addresses = self._by(KeyKind.ADDRESS, text[:SHORT])
        same_address = (each for each in addresses if each.found.address == text)
        yield from merge(self._by(KeyKind.WHOLE, typed.whole), same_address if "@" in text else ())
        if whole:
            return
        names = self._from(bisect_left(self._names, (text,)))
        yield from merge(
            takewhile(lambda each: each.name.startswith(text), names),
            (each for each in addresses if (each.found.address or "").startswith(text)),
        )
        if typed.words:
            rarest = min((self._by(KeyKind.WORD, word[:SHORT]) for word in typed.words), key=len)
            yield from filter(lambda each: typed.begins_words_of(each.found), rarest)

    def _by(self, kind: KeyKind, text: str) -> Sequence[Entry]:
        return self._found_by.get((kind, text), ())

    def _from(self, start: int) -> Iterator[Entry]:
        return map(self._names.__getitem__, range(start, len(self._names)))


@checks_arguments
class MemoryDirectory(KeptDirectory, PeopleHistory):
    """A directory in memory, safe for threads: the embedded default, and the reference for others.

    The rules of visibility are called anew each time; see `KeptDirectory`. `clock` gives the time
    of each change for the history; by default it is the clock of the machine.
    """

    def __init__(
        self,
        *,
        visible: IsVisible = everybody,
        members_visible: AreMembersVisible = everybody,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(visible=visible, members_visible=members_visible, clock=clock)
        self._lock = Lock()
        self._past = PastPeople()
        self._known: dict[PrincipalKey, Known] = {}
        self._removed: set[PrincipalKey] = set()
        self._groups: dict[PrincipalKey, set[PrincipalKey]] = {}
        # INVARIANT: an entry is true, or was true before a change that has not yet returned. Only
        # active users have one, so that queries for strangers do not fill it.
        # INVARIANT: always the same dict, since every check looks here first.
        self.kept_principals: Final[dict[PrincipalKey, Keys]] = {}
        # Names are indexed by the first query for them. Until then `_renamed` keeps what the index
        # still has under each key; the lock guards it. Indexing takes long, so it has a lock of its
        # own, which is never waited for while the other one is held.
        self._indexing = Lock()
        self._index = NameIndex()
        self._renamed: dict[PrincipalKey, Known | None] = {}

    def user(self, user: UserId) -> User | None:
        """Return the user as they were added last, or `None`."""
        require_kind("user", user, UserId, GroupId)
        known = self._known.get(user.key)
        return known.user if isinstance(known, Account) else None

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
    def principals_of(self, user: UserId) -> Keys:
        # The key of a group is never found, so that a check of the kind costs the hot path nothing.
        try:
            found = self.kept_principals.get(user.key)
        except AttributeError:
            found = None
        return self._look_up(user) if found is None else found

    def _look_up(self, user: UserId) -> Keys:
        require_kind("user", user, UserId)
        with self._lock:
            account = self._known.get(user.key)
            if not (isinstance(account, Account) and account.user.active):
                return frozenset()
            found = self._above(user.key)
            self.kept_principals[user.key] = found
            return found

    @override
    def profiles(self, users: Iterable[UserId]) -> Mapping[UserId, Profile]:
        users = tuple_of("users", users, UserId)
        with self._lock:
            return {user: self._profile(user) for user in users}

    def _profile(self, user: UserId) -> Profile:
        account = self._known.get(user.key)
        if not isinstance(account, Account):
            return Profile.unknown(user)
        return Profile(
            user=user,
            active=account.user.active,
            principals=self._above(user.key),
            sharing_in_plan=account.sharing_in_plan,
            wants_notices=account.notices,
            address=account.user.email,
        )

    @override
    def people_behind(self, principals: Iterable[PrincipalId]) -> PeopleBehind:
        principals = tuple_of("principals", principals, UserId, GroupId)
        with self._lock:
            return {principal: frozenset(self._people_in(principal)) for principal in principals}

    def _people_in(self, principal: PrincipalId) -> Iterator[UserId]:
        for each in walk((principal,), self._members_in):
            known = self._known.get(each.key)
            if isinstance(known, Account) and known.user.active:
                yield known.user.id

    @override
    def _active(self, principals: Sequence[PrincipalId]) -> Iterable[PrincipalId]:
        with self._lock:
            return [each for each in principals if _found_by(self._known.get(each.key))]

    @override
    def _members_below(
        self, groups: Sequence[GroupId]
    ) -> tuple[Mapping[PrincipalId, Collection[PrincipalId]], Collection[PrincipalId]]:
        with self._lock:
            reached = walk(frozenset[PrincipalId](groups), self._members_in)
            members = {each: self._members_in(each) for each in reached}
            return members, {each for each in members if _found_by(self._known.get(each.key))}

    @override
    def names(self, principals: Iterable[PrincipalId]) -> Mapping[PrincipalId, str]:
        principals = tuple_of("principals", principals, UserId, GroupId)
        with self._lock:
            known = [(each, self._known.get(each.key)) for each in principals]
        return {each: _described(value).name for each, value in known if value is not None}

    @override
    def path(self, user: UserId, principal: PrincipalId) -> tuple[PrincipalId, ...]:
        with self._lock:
            return path_between(user, principal, self._groups_of)

    @override
    def _suggested(self, typed: Typed, size: int, *, whole: bool) -> Iterator[Named]:
        found = self._indexed().suggested(typed, whole=whole)
        return ((entry.principal, entry.shown) for entry in found)

    @override
    def _listed(self, behind: tuple[str, str] | None, size: int) -> Iterator[Named]:
        found = self._indexed().behind(*(behind or ("", "")))
        return ((entry.principal, entry.shown) for entry in found)

    def _indexed(self) -> NameIndex:
        with self._indexing:
            with self._lock:
                renamed, self._renamed = self._renamed, {}
                new = [self._known.get(key) for key in renamed]
            if not renamed:
                return self._index
            try:
                gone, come = [*_entries(renamed.values())], [*_entries(new)]
                self._index = self._index.changed(gone=gone, come=come)
            except BaseException:
                with self._lock:
                    self._renamed |= renamed
                raise
            return self._index

    @override
    def _put(self, known: Known, at: datetime) -> None:
        with self._lock:
            require_not_removed(known, self._removed)
            if isinstance(known, Group):
                if self._would_hold_itself(known):
                    raise MembershipCycle(known.id.value)
                self._replace(known.id, known, at)
                self.kept_principals.clear()
            else:
                self._replace(known.user.id, known, at)
                self.kept_principals.pop(known.user.id.key, None)

    def _would_hold_itself(self, group: Group) -> bool:
        # Down from the new members and up from the group, until either walk ends: a chain of groups
        # that grows at one end is thus not walked through for each addition.
        key, members = group.id.key, {member.key for member in group.members}
        down, up = walk(group.members, self._members_in), walk((key,), self._groups_of)
        pairs = zip(down, up, strict=False)
        return any(below.key == key or above in members for below, above in pairs)

    @override
    def _forget(self, principal: PrincipalId, at: datetime) -> bool:
        with self._lock:
            if principal.key not in self._known:
                return False
            self._replace(principal, None, at)
            self._removed.add(principal.key)
            self.kept_principals.clear()
            return True

    def _replace(self, principal: PrincipalId, new: Known | None, at: datetime) -> None:
        key = principal.key
        old = self._known.get(key)
        self._past.record(principal, recorded(old), recorded(new), at)
        before, after = _members(old), _members(new)
        for member in before - after:
            groups = self._groups[member.key]
            groups.remove(key)
            if not groups:
                del self._groups[member.key]
        for member in after - before:
            self._groups.setdefault(member.key, set()).add(key)
        if _found_by(old) != _found_by(new):
            self._renamed.setdefault(key, old)
        if new is None:
            del self._known[key]
        else:
            self._known[key] = new

    @override
    def remembers(self, at: datetime) -> bool:
        with self._lock:
            return self._past.has_begun(at)

    @override
    def members_then(self, principals: Iterable[PrincipalId], moment: Moment) -> PeopleThen:
        principals = tuple_of("principals", principals, UserId, GroupId)
        with self._lock:
            return self._past.below(principals, moment)

    @override
    def groups_then(self, user: UserId, moment: Moment) -> PeopleThen:
        with self._lock:
            return self._past.above(user, moment)

    @override
    def changes(
        self, spans: Iterable[Span] | None, user: UserId | None, wanted: Stretch
    ) -> tuple[Happening, ...]:
        named = None if spans is None else tuple_of("spans", spans, Span)
        with self._lock:
            return self._past.about(named, user, wanted)

    @override
    def last_change(self) -> int:
        with self._lock:
            return len(self._past.changes)

    @override
    def replace_name(self, replaced: NameReplaced) -> int:
        require_kind("replaced", replaced, NameReplaced)
        with self._lock:
            known = self._known.get(replaced.principal.key)
            name_now = None if known is None else _described(known).name
            return self._past.replace_name(replaced, name_now)

    def _above(self, key: PrincipalKey) -> Keys:
        return frozenset(walk((key,), self._groups_of))

    def _groups_of(self, key: PrincipalKey) -> Iterable[PrincipalKey]:
        return self._groups.get(key, ())

    def _members_in(self, principal: PrincipalId) -> frozenset[PrincipalId]:
        return _members(self._known.get(principal.key))


def _members(known: Known | None) -> frozenset[PrincipalId]:
    return known.members if isinstance(known, Group) else frozenset()


def _described(known: Known) -> User | Group:
    return known if isinstance(known, Group) else known.user


def _found_by(known: Known | None) -> tuple[str, str | None] | None:
    """Return the name and address by which it is found; `None` for what cannot be chosen."""
    match known:
        case Account(user=user) if user.active:
            return user.name, user.email
        case Group(name=name):
            return name, None
        case _:
            return None


def _entries(known: Iterable[Known | None]) -> Iterator[Entry]:
    for each in known:
        found_by = _found_by(each)
        if each is not None and found_by is not None:
            yield Entry.of(_described(each).id, *found_by)
