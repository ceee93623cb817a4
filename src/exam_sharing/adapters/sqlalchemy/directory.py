"""Users and groups in a database: who is in what, who may see whom, and whom a text suggests.

Each answer is read by one statement, and so is what was so at one moment; only suggestions and
lists take more, where the first batch holds too few whom the actor may see. What the host says of
visibility is asked of it while no connection is held, so it may ask the directory back.

Changes to groups come one after the other, whoever makes them, so that no two of them make a cycle
together: on PostgreSQL the table of memberships is locked against other writers; on SQLite the
transaction has locked everything when it began.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Any, Final, TypeAlias, assert_never

from sqlalchemy import (
    BindParameter,
    Engine,
    Executable,
    Row,
    bindparam,
    delete,
    insert,
    select,
    text,
)
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.dialects import sqlite
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
    KeptDirectory,
    Known,
    chosen,
    everybody,
    members_seen,
    path_between,
    require_not_removed,
)
from exam_sharing.errors import MembershipCycle
from exam_sharing.identifiers import GroupId, PrincipalId, PrincipalKey, UserId, principal_of
from exam_sharing.names import Findable, Typed, folded
from exam_sharing.policy.facts import Profile
from exam_sharing.principals import Group, User
from exam_sharing.validation import checks_arguments, require_callable, require_kind, tuple_of

__all__ = ["DirectoryChanges", "SqlDirectory"]

_FIRST_STEPS: Final = 64
"""How far a cycle is looked for in one direction before it is looked for in the other."""

_KEY: Final = "of"
"""The parameter for the key of the principal that changes."""

_NAMES: Final = ("name_start", "name_rest", "address")


class DirectoryChanges:
    """The statements that change a directory.

    Args:
        tables: of the directory.
        postgresql: whether they are for PostgreSQL; they are for SQLite otherwise.
    """

    def __init__(self, tables: DirectoryTables, *, postgresql: bool) -> None:
        principals, memberships = tables.principals, tables.memberships
        keys = tables.search_keys
        self._postgresql = postgresql
        self._memberships = memberships
        walks = MembershipWalks(tables=tables, postgresql=postgresql)
        self._first_below = walks.first_below()
        self._first_above = walks.first_above()
        put = (pg if postgresql else sqlite).insert(principals)
        self._put = put.on_conflict_do_update(
            index_elements=["key"],
            set_={each.key: put.excluded[each.key] for each in principals.c if each.key != "key"},
        )
        of: BindParameter[str] = bindparam(_KEY)
        self._names = (
            select(*(principals.c[name] for name in _NAMES))
            .where(principals.c.key == of)
            .with_for_update()
        )
        self._members = select(memberships.c.member_key).where(memberships.c.group_key == of)
        removed = tables.removed
        self._removed = select(removed.c.key).where(removed.c.key == of)
        self._add_removed = insert(removed)
        self._forget = delete(principals).where(principals.c.key == of)
        self._forget_search = delete(keys).where(keys.c.key == of)
        self._forget_members = delete(memberships).where(memberships.c.group_key == of)
        self._drop_members = self._forget_members.where(
            one_of(memberships.c.member_key, KEYS, postgresql=postgresql)
        )
        self._add_search = insert(keys)
        self._add_members = insert(memberships)

    def put(self, connection: Connection, known: Known) -> None:
        """Write all that is known of a user or a group.

        Raises:
            AlreadyExists: the id was removed; the transaction must not be kept.
            MembershipCycle: the group would come to hold itself; nothing is written.
        """
        match known:
            case Group() as principal:
                self._lock(connection)
                self._require_no_cycle(connection, principal)
                email, active, in_plan, notices = None, True, True, True
            case Account(user=principal, sharing_in_plan=in_plan, notices=notices):
                email, active = principal.email, principal.active
            case other:
                assert_never(other)
        key = principal.id.key
        found = Findable.of(principal.name, email)
        start, rest = found.name[:INDEXED], found.name[INDEXED:]
        names = (start if active else None, rest, found.address)
        before = connection.execute(self._names, {_KEY: key}).one_or_none()
        row = {
            "key": key,
            "name": principal.name,
            "email": email,
            "active": active,
            "sharing_in_plan": in_plan,
            "notices": notices,
            **dict(zip(_NAMES, names, strict=True)),
        }
        connection.execute(self._put, row)
        # Asked only now: whoever removes it at the same time holds its row until it is recorded.
        require_not_removed(known, connection.scalars(self._removed, {_KEY: key}).all())
        if before is None or tuple(before) != names:
            connection.execute(self._forget_search, {_KEY: key})
            if active:
                own = {"key": key, "name_start": start}
                keys = {(kind, text[:INDEXED]) for kind, text in found.search_keys(INDEXED)}
                rows = [{**own, "kind": int(kind), "start": text} for kind, text in keys]
                connection.execute(self._add_search, rows)
        if isinstance(known, Group):
            self._replace_members(connection, known)

    def forget(self, connection: Connection, key: PrincipalKey) -> bool:
        """Delete what is known of a user or a group; where it is a member, it stays one.

        Its key is kept, so that nobody comes under it again.

        Returns:
            Whether anything was known.
        """
        if isinstance(principal_of(key), GroupId):
            self._lock(connection)  # Before its row, as whoever puts a group does.
        known = connection.execute(self._forget, {_KEY: key}).rowcount > 0
        if known:
            connection.execute(self._add_removed, {"key": key})
        connection.execute(self._forget_search, {_KEY: key})
        connection.execute(self._forget_members, {_KEY: key})
        return known

    def _replace_members(self, connection: Connection, group: Group) -> None:
        key = group.id.key
        before = set(connection.scalars(self._members, {_KEY: key}))
        members: set[str] = {member.key for member in group.members}
        if gone := before - members:
            connection.execute(self._drop_members, {_KEY: key, KEYS: list(gone)})
        if come := members - before:
            rows = [{"group_key": key, "member_key": member} for member in come]
            connection.execute(self._add_members, rows)

    def _lock(self, connection: Connection) -> None:
        if self._postgresql:
            name = connection.dialect.identifier_preparer.format_table(self._memberships)
            connection.execute(text(f"LOCK TABLE {name} IN SHARE ROW EXCLUSIVE MODE"))

    def _require_no_cycle(self, connection: Connection, group: Group) -> None:
        """Look from the new members down and from the group up, until either way has an end.

        Each is looked at further and further, so that the shorter of the two decides what it costs.
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


_Rows: TypeAlias = "Sequence[Row[Any]]"

_SPARE: Final = 10
_LARGEST_BATCH: Final = 1000
"""How many candidates are read beyond those that are wanted, and how many at once at most."""


@checks_arguments
class SqlDirectory(KeptDirectory):
    """A directory in the tables of a database, for hosts that keep none of their own.

    Adding and asking are safe from any number of threads and processes.

    Args:
        engine: for PostgreSQL, or for SQLite as `sqlite_engine` or `set_up_sqlite` make one.
        tables: as `define_directory_tables` made them; they are in the database.
        visible: whether an actor may see a user or a group at all, themselves included.
        members_visible: whether an actor may see who is in a group.

    Both are asked anew each time. Anything but `True` is no; what they raise is raised.

    Raises:
        InvalidValue: the engine is for another database, or its transactions are none.
        StoreFailed: the database does not answer; so does every method.
    """

    def __init__(
        self,
        engine: Engine,
        tables: DirectoryTables,
        *,
        visible: Callable[[UserId, PrincipalId], bool] = everybody,
        members_visible: Callable[[UserId, GroupId], bool] = everybody,
    ) -> None:
        require_kind("tables", tables, DirectoryTables)
        require_callable("visible", visible)
        require_callable("members_visible", members_visible)
        self._transactions = OwnTransactions(checked_engine(engine))
        postgresql = self._transactions.postgresql
        self._tables = tables
        self._changes = DirectoryChanges(tables, postgresql=postgresql)
        self._visible = visible
        self._members_visible = members_visible
        self._search = NameSearch(tables=tables)
        walks = MembershipWalks(tables=tables, postgresql=postgresql)
        self._principals_of = walks.principals_of()
        self._profiles = walks.profiles()
        self._people = walks.people()
        self._members = walks.members()
        self._above = walks.above()
        self._known = select(tables.principals).where(
            one_of(tables.principals.c.key, KEYS, postgresql=postgresql)
        )

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
        if not rows:
            return None
        members = {principal_of(row.member_key) for row in rows if row.member_key is not None}
        return Group(id=group, name=rows[0].name, members=frozenset(members))

    @override
    @in_our_words
    def known(self, after: PrincipalId | None = None, limit: int = MAX_PAGE) -> tuple[Known, ...]:
        principals, memberships = self._tables.principals, self._tables.memberships
        behind = "" if after is None else after.key
        page = (
            select(principals)
            .where(principals.c.key > behind)
            .order_by(principals.c.key)
            .limit(limit)
            .subquery()
        )
        rows = self._ask(
            select(page, memberships.c.member_key)
            .outerjoin(memberships, memberships.c.group_key == page.c.key)
            .order_by(page.c.key)
        )
        return tuple(_known(list(each)) for _, each in groupby(rows, key=lambda row: row.key))

    @override
    def principals_of(self, user: UserId) -> frozenset[PrincipalKey]:
        require_kind("user", user, UserId)
        return self._reached_by(user.key)

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
    def seen_by(self, actor: UserId, principals: Iterable[PrincipalId]) -> frozenset[PrincipalId]:
        principals = tuple_of("principals", principals, UserId, GroupId)
        found = self._find(*(each.key for each in principals))
        there = [each for each in principals if each.key in found and found[each.key].active]
        return frozenset(each for each in there if self._visible(actor, each) is True)

    @override
    def members_seen_by(
        self, actor: UserId, groups: Iterable[GroupId]
    ) -> Mapping[GroupId, frozenset[PrincipalId]]:
        groups = tuple_of("groups", groups, GroupId)
        members, there = self._members_below(groups)
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
        if typed is None or not can_be_stored(typed.text):
            return ()
        statement = partial(self._search.suggested, typed, whole=whole)
        return self._chosen(actor, statement, None, limit, leave_out, partial(fits, typed))

    @override
    def listed(
        self,
        actor: UserId,
        after: tuple[str, str] | None,
        limit: int,
        leave_out: frozenset[PrincipalId],
    ) -> tuple[tuple[PrincipalId, str], ...]:
        place = None if after is None else NamePlace.named(folded(after[0]), after[1])
        return self._chosen(actor, self._search.listed, place, limit, leave_out, _any_row)

    def _chosen(
        self,
        actor: UserId,
        statement: Callable[[NamePlace | None, int], Executable],
        after: NamePlace | None,
        limit: int,
        leave_out: frozenset[PrincipalId],
        fits: Callable[[Row[Any]], bool],
    ) -> tuple[tuple[PrincipalId, str], ...]:
        if limit < 1:
            return ()
        size = min(limit + len(leave_out) + _SPARE, _LARGEST_BATCH)
        rows = filter(fits, self._candidates(statement, after, size))
        candidates = ((principal_of(row.key), row.name) for row in rows)
        return chosen(candidates, limit, leave_out, partial(self._visible, actor))

    def _candidates(
        self,
        statement: Callable[[NamePlace | None, int], Executable],
        after: NamePlace | None,
        size: int,
    ) -> Iterator[Row[Any]]:
        """Yield candidates in order, each batch read whole before its first is yielded."""
        full = True
        while full:
            rows = self._ask(statement(after, size))
            yield from rows
            full = len(rows) == size
            after = NamePlace.of(rows[-1]) if full else None
            size = min(4 * size, _LARGEST_BATCH)

    @in_our_words
    def _ask(self, statement: Executable, keys: Sequence[str] | None = None) -> _Rows:
        with self._transactions.reading() as connection:
            return connection.execute(statement, None if keys is None else {KEYS: keys}).all()

    @in_our_words
    def _reached_by(self, key: PrincipalKey) -> frozenset[PrincipalKey]:
        with self._transactions.reading() as connection:
            return frozenset(connection.scalars(self._principals_of, {KEYS: key}))

    @in_our_words
    def _find(self, *keys: PrincipalKey) -> Mapping[PrincipalKey, "Row[Any]"]:
        return {row.key: row for row in self._ask(self._known, keys)}

    @in_our_words
    def _members_below(
        self, groups: Iterable[GroupId]
    ) -> tuple[Mapping[PrincipalId, Collection[PrincipalId]], Collection[PrincipalId]]:
        """Return who is in these groups and in groups in them, and those of all who are active."""
        members: dict[PrincipalId, list[PrincipalId]] = {}
        # A group that has members is known, and has no time when it is not active.
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
            self._changes.put(connection, known)

    @override
    @or_conflict
    def _forget(self, key: PrincipalKey) -> bool:
        with self._transactions.writing() as connection:
            return self._changes.forget(connection, key)


def _any_row(_row: Row[Any]) -> bool:
    return True


def _known(rows: _Rows) -> Known:
    """Return a user, or a group with its members, one row each."""
    first = rows[0]
    principal = principal_of(first.key)
    if isinstance(principal, UserId):
        user = User(id=principal, name=first.name, email=first.email, active=first.active)
        return Account(user=user, sharing_in_plan=first.sharing_in_plan, notices=first.notices)
    members = {principal_of(row.member_key) for row in rows if row.member_key is not None}
    return Group(id=principal, name=first.name, members=frozenset(members))


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
