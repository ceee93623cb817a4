"""Users and groups in a database: who is in what, who may see whom, and whom a text suggests.

Each answer is read by one statement, at one moment. Only suggestions and lists need more, if the
first batch has too few principals that the actor may see. The host's rules of visibility are called
while no connection is held, so that they may ask the directory back.

Changes of groups follow each other, whoever makes them, so that no two of them form a cycle. On
PostgreSQL a change locks the table of memberships against other writers; on SQLite a transaction
that writes locks the whole file.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Any, Final, TypeAlias, assert_never

from sqlalchemy import Engine, Executable, Row, delete, insert, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from typing_extensions import override

from exam_sharing.adapters.sqlalchemy.database import OwnTransactions
from exam_sharing.adapters.sqlalchemy.directory_queries import (
    AT_MOST,
    KEYS,
    MembershipWalks,
    NamePlace,
    NameSearch,
    can_be_stored,
    fits,
    is_user,
)
from exam_sharing.adapters.sqlalchemy.engines import checked_engine
from exam_sharing.adapters.sqlalchemy.failures import in_our_words, or_conflict
from exam_sharing.adapters.sqlalchemy.questions import one_of
from exam_sharing.adapters.sqlalchemy.tables import INDEXED, DirectoryTables
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
    require_not_removed,
)
from exam_sharing.errors import MembershipCycle
from exam_sharing.identifiers import GroupId, PrincipalId, PrincipalKey, UserId, principal_of
from exam_sharing.names import Findable, Typed
from exam_sharing.policy.facts import Profile
from exam_sharing.principals import Group, User
from exam_sharing.validation import checks_arguments, require_kind, tuple_of

__all__ = ["SqlDirectory"]

_Rows: TypeAlias = "Sequence[Row[Any]]"
_Batch: TypeAlias = Callable[[NamePlace | None, int], Executable]

_SPARE: Final = 10
_LARGEST_BATCH: Final = 1000
"""How many candidates are read beyond those that are wanted, and how many at once at most."""

_FIRST_STEPS: Final = 64
"""How far the search for a cycle goes in one direction before it turns to the other."""


_NAMES: Final = ("name_start", "name_rest", "address")


@checks_arguments
class SqlDirectory(KeptDirectory):
    """A directory in the tables of a database, for hosts that keep none of their own.

    Threads and processes may read and change it at the same time.

    Args:
        engine: for PostgreSQL, or for SQLite as `sqlite_engine` or `set_up_sqlite` make one.
        tables: as `define_directory_tables` made them; they are in the database.
        visible: whether an actor may see a user or a group at all, themselves included.
        members_visible: whether an actor may see the members of a group.

    Both rules are called each time. Anything but `True` is no; what they raise is raised.

    Raises:
        InvalidValue: the engine is for another database, or its transactions are not real ones.
        StoreFailed: the database does not answer; every method raises it too.
    """

    def __init__(
        self,
        engine: Engine,
        tables: DirectoryTables,
        *,
        visible: IsVisible = everybody,
        members_visible: AreMembersVisible = everybody,
    ) -> None:
        super().__init__(visible=visible, members_visible=members_visible)
        require_kind("tables", tables, DirectoryTables)
        self._transactions = OwnTransactions(checked_engine(engine))
        self._tables = tables
        self._search = NameSearch(tables=tables)
        walks = MembershipWalks(tables=tables)
        self._principals_of = walks.principals_of()
        self._profiles = walks.profiles()
        self._people = walks.people()
        self._members = walks.members()
        self._above = walks.above()
        self._first_above = walks.first_above()
        self._first_below = walks.first_below()
        self._known = select(tables.principals).where(one_of(tables.principals.c.key, KEYS))

    @in_our_words
    def user(self, user: UserId) -> User | None:
        """Return the user as they were added last, or `None`."""
        row = self._find(user.key).get(user.key)
        if row is None or not row.key.startswith("u:"):
            return None
        return User(id=user, name=row.name, email=row.email, active=row.active)

    @in_our_words
    def group(self, group: GroupId) -> Group | None:
        """Return the group as it was added last, or `None`."""
        principals, memberships = self._tables.principals, self._tables.memberships
        rows = self._ask(
            select(principals.c.name, memberships.c.member_key)
            .outerjoin(memberships, memberships.c.group_key == principals.c.key)
            .where(principals.c.key == group.key, ~is_user(principals.c.key))
        )
        return Group(id=group, name=rows[0].name, members=_members_in(rows)) if rows else None

    @override
    @in_our_words
    def known(self, after: PrincipalId | None = None, limit: int = MAX_PAGE) -> tuple[Known, ...]:
        principals, memberships = self._tables.principals, self._tables.memberships
        page = (
            select(principals)
            .where(principals.c.key > ("" if after is None else after.key))
            .order_by(principals.c.key)
            .limit(limit)
            .subquery()
        )
        rows = self._ask(
            select(page, memberships.c.member_key)
            .outerjoin(memberships, memberships.c.group_key == page.c.key)
            .order_by(page.c.key)
        )
        return tuple(_known_in(list(each)) for _, each in groupby(rows, key=lambda row: row.key))

    @override
    @in_our_words
    def principals_of(self, user: UserId) -> frozenset[PrincipalKey]:
        require_kind("user", user, UserId)
        with self._transactions.reading() as connection:
            return frozenset(connection.scalars(self._principals_of, {KEYS: user.key}))

    @override
    @in_our_words
    def profiles(self, users: Iterable[UserId]) -> Mapping[UserId, Profile]:
        users = tuple_of("users", users, UserId)
        found: dict[PrincipalKey, list[Row[Any]]] = {}
        for row in self._ask(self._profiles, [user.key for user in users]):
            found.setdefault(row.key, []).append(row)
        return {user: _profile(user, found.get(user.key, ())) for user in users}

    @override
    @in_our_words
    def people_behind(
        self, principals: Iterable[PrincipalId]
    ) -> Mapping[PrincipalId, frozenset[UserId]]:
        principals = tuple_of("principals", principals, UserId, GroupId)
        found: dict[PrincipalKey, set[UserId]] = {each.key: set() for each in principals}
        for row in self._ask(self._people, list(found)):
            found[row.began].add(UserId(row.reached[2:]))
        return {each: frozenset(found[each.key]) for each in principals}

    @override
    def _active(self, principals: Sequence[PrincipalId]) -> Iterable[PrincipalId]:
        found = self._find(*(each.key for each in principals))
        return [each for each in principals if each.key in found and found[each.key].active]

    @override
    def names(self, principals: Iterable[PrincipalId]) -> Mapping[PrincipalId, str]:
        principals = tuple_of("principals", principals, UserId, GroupId)
        found = self._find(*(each.key for each in principals))
        return {each: found[each.key].name for each in principals if each.key in found}

    @override
    @in_our_words
    def path(self, user: UserId, principal: PrincipalId) -> tuple[PrincipalId, ...]:
        groups: dict[PrincipalKey, list[PrincipalKey]] = {}
        for row in self._ask(self._above, user.key):
            groups.setdefault(row.member_key, []).append(row.group_key)
        return path_between(user, principal, lambda key: groups.get(key, ()))

    @override
    def _suggested(self, typed: Typed, size: int, *, whole: bool) -> Iterator[Named]:
        if not can_be_stored(typed.text):
            return iter(())
        rows = self._candidates(partial(self._search.suggested, typed, whole=whole), None, size)
        return _named(filter(partial(fits, typed), rows))

    @override
    def _listed(self, behind: tuple[str, str] | None, size: int) -> Iterator[Named]:
        place = None if behind is None else NamePlace.named(*behind)
        return _named(self._candidates(self._search.listed, place, size))

    def _candidates(self, batch: _Batch, after: NamePlace | None, size: int) -> Iterator[Row[Any]]:
        """Yield candidates in order; each batch is read whole before its first is yielded."""
        size = min(size + _SPARE, _LARGEST_BATCH)
        full = True
        while full:
            rows = self._ask(batch(after, size))
            yield from rows
            full = len(rows) == size
            after = NamePlace.of(rows[-1]) if full else None
            size = min(4 * size, _LARGEST_BATCH)

    @in_our_words
    def _ask(self, statement: Executable, keys: Sequence[str] | None = None) -> _Rows:
        with self._transactions.reading() as connection:
            return connection.execute(statement, None if keys is None else {KEYS: keys}).all()

    def _find(self, *keys: PrincipalKey) -> Mapping[PrincipalKey, "Row[Any]"]:
        return {row.key: row for row in self._ask(self._known, keys)}

    @override
    @in_our_words
    def _members_below(
        self, groups: Sequence[GroupId]
    ) -> tuple[Mapping[PrincipalId, Collection[PrincipalId]], Collection[PrincipalId]]:
        members: dict[PrincipalId, list[PrincipalId]] = {}
        # A group that has members is known, and a known group is always active.
        there: set[PrincipalId] = set()
        for row in self._ask(self._members, [group.key for group in groups]):
            group, member = principal_of(row.group_key), principal_of(row.member_key)
            members.setdefault(group, []).append(member)
            there.add(group)
            if row.there:
                there.add(member)
        return members, there

    @override
    @or_conflict
    def _put(self, known: Known) -> None:
        with self._transactions.writing() as connection:
            match known:
                case Group() as principal:
                    self._lock_memberships(connection)
                    email, active, in_plan, notices = None, True, True, True
                case Account(user=principal, sharing_in_plan=in_plan, notices=notices):
                    email, active = principal.email, principal.active
                case other:
                    assert_never(other)
            found = Findable.of(principal.name, email)
            start, rest = found.name[:INDEXED], found.name[INDEXED:]
            names = dict(zip(_NAMES, (start if active else None, rest, found.address), strict=True))
            key = principal.id.key
            before = self._names_of(connection, key)
            row = {
                "key": key,
                "name": principal.name,
                "email": email,
                "active": active,
                "sharing_in_plan": in_plan,
                "notices": notices,
                **names,
            }
            self._replace(connection, row)
            # Checked only now: who removes it at the same time holds its row until then.
            removed = self._tables.removed.c.key
            gone = connection.scalars(select(removed).where(removed == key)).all()
            require_not_removed(known, gone)
            if before != tuple(names.values()):
                self._replace_search_keys(connection, key, found, start if active else None)
            if isinstance(known, Group):
                self._require_no_cycle(connection, known)
                self._replace_members(connection, known)

    def _names_of(self, connection: Connection, key: PrincipalKey) -> tuple[Any, ...] | None:
        principals = self._tables.principals
        names = select(*(principals.c[name] for name in _NAMES)).where(principals.c.key == key)
        row = connection.execute(names.with_for_update()).one_or_none()
        return None if row is None else tuple(row)

    def _replace(self, connection: Connection, row: Mapping[str, Any]) -> None:
        principals = self._tables.principals
        dialect = postgresql if self._transactions.postgresql else sqlite
        put = dialect.insert(principals)
        changed = {each.key: put.excluded[each.key] for each in principals.c if each.key != "key"}
        connection.execute(put.on_conflict_do_update(index_elements=["key"], set_=changed), row)

    def _replace_search_keys(
        self, connection: Connection, key: PrincipalKey, found: Findable, start: str | None
    ) -> None:
        table = self._tables.search_keys
        connection.execute(delete(table).where(table.c.key == key))
        if start is None:
            return
        keys = {(kind, text[:INDEXED]) for kind, text in found.search_keys(INDEXED)}
        own = {"key": key, "name_start": start}
        rows = [{**own, "kind": int(kind), "start": text} for kind, text in keys]
        connection.execute(insert(table), rows)

    def _replace_members(self, connection: Connection, group: Group) -> None:
        key, memberships = group.id.key, self._tables.memberships
        of_group = memberships.c.group_key == key
        before = set(connection.scalars(select(memberships.c.member_key).where(of_group)))
        members: set[str] = {member.key for member in group.members}
        if gone := before - members:
            drop = delete(memberships).where(of_group, one_of(memberships.c.member_key, KEYS))
            connection.execute(drop, {KEYS: list(gone)})
        if come := members - before:
            rows = [{"group_key": key, "member_key": member} for member in come]
            connection.execute(insert(memberships), rows)

    @override
    @or_conflict
    def _forget(self, key: PrincipalKey) -> bool:
        """Delete a user or a group, and keep its key; where it is a member, it stays one."""
        tables = self._tables
        with self._transactions.writing() as connection:
            if isinstance(principal_of(key), GroupId):
                self._lock_memberships(connection)  # Before its row, as `_put` does.
            principal = delete(tables.principals).where(tables.principals.c.key == key)
            known = connection.execute(principal).rowcount > 0
            if known:
                connection.execute(insert(tables.removed), {"key": key})
            for column in (tables.search_keys.c.key, tables.memberships.c.group_key):
                connection.execute(delete(column.table).where(column == key))
            return known

    def _lock_memberships(self, connection: Connection) -> None:
        if self._transactions.postgresql:
            table = connection.dialect.identifier_preparer.format_table(self._tables.memberships)
            connection.execute(text(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"))

    def _require_no_cycle(self, connection: Connection, group: Group) -> None:
        """Search down from the new members and up from the group, until either search ends.

        Each goes further and further in turn, so that the shorter of the two decides the cost.
        """
        key = group.id.key
        members = {member.key for member in group.members if isinstance(member, GroupId)}
        if not members:
            return
        if key in members:
            raise MembershipCycle(group.id.value)
        ways: tuple[tuple[Any, list[PrincipalKey], set[PrincipalKey]], ...] = (
            (self._first_above, [key], members),
            (self._first_below, list(members), {key}),
        )
        steps = _FIRST_STEPS
        while True:
            for statement, start, sought in ways:
                reached = connection.scalars(statement, {KEYS: start, AT_MOST: steps}).all()
                if not sought.isdisjoint(reached):
                    raise MembershipCycle(group.id.value)
                if len(reached) < steps:
                    return
            steps *= 4


def _named(rows: Iterable[Row[Any]]) -> Iterator[Named]:
    return ((principal_of(row.key), row.name) for row in rows)


def _members_in(rows: _Rows) -> frozenset[PrincipalId]:
    return frozenset(principal_of(row.member_key) for row in rows if row.member_key is not None)


def _known_in(rows: _Rows) -> Known:
    """Return a user, or a group with its members, one row each."""
    first = rows[0]
    principal = principal_of(first.key)
    if isinstance(principal, UserId):
        user = User(id=principal, name=first.name, email=first.email, active=first.active)
        return Account(user=user, sharing_in_plan=first.sharing_in_plan, notices=first.notices)
    return Group(id=principal, name=first.name, members=_members_in(rows))


def _profile(user: UserId, rows: _Rows) -> Profile:
    if not rows:
        return Profile.unknown(user)
    return Profile(
        user=user,
        active=rows[0].active,
        principals=frozenset(row.reached for row in rows),
        sharing_in_plan=rows[0].sharing_in_plan,
        wants_notices=rows[0].notices,
        address=rows[0].email,
    )
