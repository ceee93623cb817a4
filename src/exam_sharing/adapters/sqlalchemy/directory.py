"""Users and groups in a database: memberships, visibility, and the search by name.

Each answer is read by one statement, at one moment. Only suggestions and lists need more, if the
first batch has too few principals that the actor may see. The host's rules of visibility are called
while no connection is held, so that they may ask the directory back.

Changes of groups are made one after another: two at once could form a cycle together. On
PostgreSQL a change locks the table of memberships against other writers; on SQLite a transaction
that writes locks the whole file.

A walk is one recursive statement, which goes up from members to groups, or down from groups to
members, and passes each principal once.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from typing import Any, Final, TypeAlias

import sqlalchemy as sa
from sqlalchemy import Row, delete, insert, select
from sqlalchemy.engine import Connection, Engine
from typing_extensions import override

from exam_sharing import directories
from exam_sharing.adapters.sqlalchemy.database import OwnTransactions
from exam_sharing.adapters.sqlalchemy.engines import checked_engine, in_our_words, or_conflict
from exam_sharing.adapters.sqlalchemy.name_search import (
    NamePlace,
    NameSearch,
    candidates,
    columns_of,
    fits,
    insert_search_keys,
    put_principals,
    storable,
)
from exam_sharing.adapters.sqlalchemy.past_people import SqlPeopleHistory
from exam_sharing.adapters.sqlalchemy.reading import Question
from exam_sharing.adapters.sqlalchemy.recording_people import put_changes
from exam_sharing.adapters.sqlalchemy.tables import DirectoryTables, one_of
from exam_sharing.directories import (
    MAX_PAGE,
    Account,
    Active,
    KeptDirectory,
    Known,
    Members,
    Named,
)
from exam_sharing.errors import MembershipCycle
from exam_sharing.identifiers import GroupId, PrincipalId, PrincipalKey, UserId, principal_of
from exam_sharing.names import Findable, Typed
from exam_sharing.policy.facts import People, PeopleBehind, Profile
from exam_sharing.ports import PeopleReader
from exam_sharing.principals import Group, User
from exam_sharing.validation import checks_arguments, require_kind, tuple_of

_Rows: TypeAlias = Sequence[Row[Any]]
_Condition: TypeAlias = sa.ColumnElement[bool]

# The parameter of every walk: one key for `principals_of` and `above`, else several.
_KEYS: Final = "keys"
# The parameter that limits the number of rows of a walk.
_AT_MOST: Final = "at_most"
# How many principals the search for a cycle reads in one direction before it tries the other.
_FIRST_STEPS: Final = 64


@checks_arguments
class SqlDirectory(KeptDirectory, PeopleReader, SqlPeopleHistory):
    """A directory in the tables of a database, for hosts that keep none of their own.

    Threads and processes may read and change it at the same time. `visible` is whether an actor may
    see a user or a group at all; `members_visible`, whether they may see the members of a group.
    Both are called each time. Any result but `True` means no. Their exceptions are passed on.
    `clock` gives the time of each change for the history; by default it is the machine's.

    Raises:
        InvalidValue: the engine is for another database, or cannot begin or roll back transactions.
        StoreFailed: the database does not answer; every method raises it too.
    """

    def __init__(
        self,
        engine: Engine,
        tables: DirectoryTables,
        *,
        visible: directories.IsVisible = directories.everybody,
        members_visible: directories.AreMembersVisible = directories.everybody,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(visible=visible, members_visible=members_visible, clock=clock)
        require_kind("tables", tables, DirectoryTables)
        self._transactions = OwnTransactions(checked_engine(engine), tables.schema)
        self._tables = self._history = tables
        self._search = NameSearch(tables)
        self._walks = _Walks(tables)
        self._began: datetime | None = None

    @override
    @in_our_words
    def remembers(self, at: datetime) -> bool:
        """Return whether somebody had been added by a time; before, others kept the users."""
        if self._began is None:
            changes = self._tables.changes.c
            first = select(changes.at).order_by(changes.number).limit(1)
            self._began = next((row.at for row in self._transactions.rows(first)), None)
        return self._began is not None and self._began <= at

    @property
    def gives_way(self) -> bool:
        """Whether it is over an asynchronous engine, so that it does not block an event loop."""
        return self._transactions.asynchronous

    def user(self, user: UserId) -> User | None:
        """Return the user as they were added last, or `None`."""
        found = self._entries(self._tables.principals.c.key == user.key)
        return next((each.user for each in found if isinstance(each, Account)), None)

    def group(self, group: GroupId) -> Group | None:
        """Return the group as it was added last, or `None`."""
        found = self._entries(self._tables.principals.c.key == group.key)
        return next((each for each in found if isinstance(each, Group)), None)

    @override
    def known(self, after: PrincipalId | None = None, limit: int = MAX_PAGE) -> tuple[Known, ...]:
        behind = self._tables.principals.c.key > ("" if after is None else after.key)
        return self._entries(behind, limit)

    @in_our_words
    def _entries(self, among: _Condition, limit: int = 1) -> tuple[Known, ...]:
        """Return the first users and groups, by key, with the members of groups."""
        principals, memberships = self._tables.principals, self._tables.memberships
        page = select(principals).where(among).order_by(principals.c.key).limit(limit).subquery()
        rows = self._ask(
            select(page, memberships.c.member_key)
            .outerjoin(memberships, memberships.c.group_key == page.c.key)
            .order_by(page.c.key)
        )
        return tuple(_known_in(list(each)) for _, each in groupby(rows, key=lambda row: row.key))

    @override
    def principals_of(self, user: UserId) -> frozenset[PrincipalKey]:
        require_kind("user", user, UserId)
        return self._transactions.ask(self._walks.principals_of, {_KEYS: user.key})

    @override
    @in_our_words
    def profiles(self, users: Iterable[UserId]) -> Mapping[UserId, Profile]:
        users = tuple_of("users", users, UserId)
        found: dict[PrincipalKey, list[Row[Any]]] = {}
        for row in self._ask(self._walks.profiles, [user.key for user in users]):
            found.setdefault(row.key, []).append(row)
        return {user: _profile(user, found.get(user.key, ())) for user in users}

    @override
    @in_our_words
    def people_behind(self, principals: Iterable[PrincipalId]) -> PeopleBehind:
        principals = tuple_of("principals", principals, UserId, GroupId)
        found: dict[PrincipalKey, set[UserId]] = {each.key: set() for each in principals}
        for row in self._ask(self._walks.people, list(found)):
            found[row.began].add(UserId(row.reached[2:]))
        return {each: frozenset(found[each.key]) for each in principals}

    @override
    def _active(self, principals: Sequence[PrincipalId]) -> Iterable[PrincipalId]:
        return [each for each, row in self._found(principals) if row.active]

    @override
    def names(self, principals: Iterable[PrincipalId]) -> Mapping[PrincipalId, str]:
        return {each: row.name for each, row in self._found(principals)}

    def _found(self, principals: Iterable[PrincipalId]) -> list[tuple[PrincipalId, Row[Any]]]:
        principals = tuple_of("principals", principals, UserId, GroupId)
        rows = {row.key: row for row in self._ask(self._walks.known, [p.key for p in principals])}
        return [(each, rows[each.key]) for each in principals if each.key in rows]

    @override
    @in_our_words
    def _members_below(self, groups: Sequence[GroupId]) -> tuple[Members, Active]:
        return _members_in(self._ask(self._walks.members, [group.key for group in groups]))

    @override
    def people_seen(
        self, actor: UserId, principals: Iterable[PrincipalId]
    ) -> tuple[People, Mapping[PrincipalId, str]]:
        principals = tuple_of("principals", principals, UserId, GroupId)
        return self._seen_with_people(actor, *self._with_people(principals))

    @in_our_words
    def _with_people(
        self, principals: Iterable[PrincipalId]
    ) -> tuple[Mapping[PrincipalId, str], Members, Active]:
        rows = self._ask(self._walks.with_people, [each.key for each in principals])
        named = [row for row in rows if row.member_key is None and row.there]
        members, there = _members_in([row for row in rows if row.member_key is not None])
        names = {principal_of(row.group_key): row.name for row in named}
        return names, members, {*there, *names}

    @override
    @in_our_words
    def path(self, user: UserId, principal: PrincipalId) -> tuple[PrincipalId, ...]:
        groups: dict[PrincipalKey, list[PrincipalKey]] = {}
        for row in self._ask(self._walks.above, user.key):
            groups.setdefault(row.member_key, []).append(row.group_key)
        return directories.path_between(user, principal, lambda key: groups.get(key, ()))

    @override
    def _suggested(self, typed: Typed, size: int, *, whole: bool) -> Iterator[Named]:
        if not storable(typed):
            return iter(())
        batch = partial(self._search.suggested, typed, whole=whole)
        return _named(filter(partial(fits, typed), candidates(batch, None, size, self._ask)))

    @override
    def _listed(self, behind: tuple[str, str] | None, size: int) -> Iterator[Named]:
        place = None if behind is None else NamePlace.named(*behind)
        return _named(candidates(self._search.listed, place, size, self._ask))

    @in_our_words
    def _ask(self, statement: sa.Executable, keys: Sequence[str] | None = None) -> _Rows:
        with self._transactions.reading() as connection:
            return connection.execute(statement, None if keys is None else {_KEYS: keys}).all()

    @override
    @or_conflict
    def _put(self, known: Known, at: datetime) -> None:
        row, found = _row_of(known)
        key, names = row["key"], tuple(row[name] for name in _NAMES)
        with self._transactions.writing() as connection:
            if isinstance(known, Group):
                self._lock_memberships(connection)
            columns = [self._tables.principals.c[name] for name in _NAMES]
            of_key = self._tables.principals.c.key == key
            before = connection.execute(select(*columns).where(of_key).with_for_update()).first()
            put_principals(connection, self._tables, [row])
            # Checked only now: a removal at the same time locks the row until it is recorded.
            removed = self._tables.removed.c.key
            gone = connection.scalars(select(removed).where(removed == key)).all()
            directories.require_not_removed(known, gone)
            if before is None or tuple(before) != names:
                self._replace_search_keys(connection, row, found)
            if isinstance(known, Group):
                self._require_no_cycle(connection, known)
                self._replace_members(connection, known)
            state = {principal_of(key): directories.recorded(known)}
            put_changes(connection, self._tables, state, at)

    def _replace_search_keys(
        self, connection: Connection, row: Mapping[str, Any], found: Findable
    ) -> None:
        table = self._tables.search_keys
        connection.execute(delete(table).where(table.c.key == row["key"]))
        if row["name_start"] is not None:
            insert_search_keys(connection, self._tables, {row["key"]: found})

    def _replace_members(self, connection: Connection, group: Group) -> None:
        key, memberships = group.id.key, self._tables.memberships
        of_group = memberships.c.group_key == key
        before = set(connection.scalars(select(memberships.c.member_key).where(of_group)))
        members: set[str] = {member.key for member in group.members}
        if gone := before - members:
            drop = delete(memberships).where(of_group, one_of(memberships.c.member_key, _KEYS))
            connection.execute(drop, {_KEYS: list(gone)})
        if come := members - before:
            rows = [{"group_key": key, "member_key": member} for member in come]
            connection.execute(insert(memberships), rows)

    @override
    @or_conflict
    def _forget(self, principal: PrincipalId, at: datetime) -> bool:
        """Delete a user or a group; its key, and its memberships in groups, are kept."""
        tables, key = self._tables, principal.key
        with self._transactions.writing() as connection:
            if isinstance(principal, GroupId):
                self._lock_memberships(connection)  # Before the row, as in `_put`.
            row = delete(tables.principals).where(tables.principals.c.key == key)
            known = connection.execute(row).rowcount > 0
            if known:
                connection.execute(insert(tables.removed), {"key": key})
            for column in (tables.search_keys.c.key, tables.memberships.c.group_key):
                connection.execute(delete(column.table).where(column == key))
            put_changes(connection, tables, {principal: None}, at)
            return known

    @override
    def _name_now(self, connection: Connection, principal: PrincipalId) -> str | None:
        principals = self._tables.principals.c
        name: str | None = connection.scalar(
            select(principals.name).where(principals.key == principal.key)
        )
        return name

    def _lock_memberships(self, connection: Connection) -> None:
        if self._transactions.postgresql:
            table = connection.dialect.identifier_preparer.format_table(self._tables.memberships)
            connection.execute(sa.text(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"))

    def _require_no_cycle(self, connection: Connection, group: Group) -> None:
        """Search down from the new members and up from the group, until either search ends.

        Both take more and more steps by turns, so that the shorter search decides the cost.
        """
        key = group.id.key
        members = {member.key for member in group.members if isinstance(member, GroupId)}
        if not members:
            return
        if key in members:
            raise MembershipCycle(group.id.value)
        ways: tuple[tuple[Any, list[PrincipalKey], set[PrincipalKey]], ...] = (
            (self._walks.first_above, [key], members),
            (self._walks.first_below, list(members), {key}),
        )
        steps = _FIRST_STEPS
        while True:
            for statement, start, sought in ways:
                reached = connection.scalars(statement, {_KEYS: start, _AT_MOST: steps}).all()
                if not sought.isdisjoint(reached):
                    raise MembershipCycle(group.id.value)
                if len(reached) < steps:
                    return
            steps *= 4


_NAMES: Final = ("name_start", "name_rest", "address")


def _row_of(known: Known) -> tuple[dict[str, Any], Findable]:
    """Return the row of a user or of a group, and the texts by which a search finds it."""
    account = known if isinstance(known, Account) else None
    principal = known.user if isinstance(known, Account) else known
    found = Findable.of(principal.name, account.user.email if account else None)
    active = account is None or account.user.active
    return {
        "key": principal.id.key,
        "name": principal.name,
        "email": account.user.email if account else None,
        "active": active,
        "sharing_in_plan": account is None or account.sharing_in_plan,
        "notices": account is None or account.notices,
        **columns_of(found),
        **({} if active else {"name_start": None}),
    }, found


def _named(rows: Iterable[Row[Any]]) -> Iterator[Named]:
    return ((principal_of(row.key), row.name) for row in rows)


def _members_in(rows: Iterable[Row[Any]]) -> tuple[Members, Active]:
    members: dict[PrincipalId, list[PrincipalId]] = {}
    # A group that has members is known, and a known group is always active.
    there: set[PrincipalId] = set()
    for row in rows:
        group, member = principal_of(row.group_key), principal_of(row.member_key)
        members.setdefault(group, []).append(member)
        there.add(group)
        if row.there:
            there.add(member)
    return members, there


def _known_in(rows: _Rows) -> Known:
    """Return the user or the group that the rows describe; a group has one row per member."""
    first = rows[0]
    principal = principal_of(first.key)
    if isinstance(principal, UserId):
        user = User(id=principal, name=first.name, email=first.email, active=first.active)
        return Account(user=user, sharing_in_plan=first.sharing_in_plan, notices=first.notices)
    members = frozenset(principal_of(row.member_key) for row in rows if row.member_key is not None)
    return Group(id=principal, name=first.name, members=members)


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


class _Walks:
    """The statements for known principals, and those that follow memberships."""

    def __init__(self, tables: DirectoryTables) -> None:
        self._principals, self._memberships = tables.principals, tables.memberships
        principals, memberships = tables.principals.c, tables.memberships.c
        named = one_of(principals.key, _KEYS)
        reached = principals.key.label("reached")
        both = select(principals.key.label("began"), reached).where(named)
        inner = ~_is_user(memberships.member_key)
        at_most: sa.BindParameter[int] = sa.bindparam(_AT_MOST, type_=sa.Integer())

        self.known = select(tables.principals).where(named)

        # The keys of an active user and of all their groups.
        is_active = principals.key == sa.bindparam(_KEYS), principals.active.is_(True)
        of_one_user = select(self._up(select(reached).where(*is_active)).c.reached)
        self.principals_of = Question(of_one_user, _reached_in)

        # Known users, a row for each of their principals.
        up = self._up(both)
        settings = principals.active, principals.sharing_in_plan, principals.notices
        self.profiles = select(principals.key, up.c.reached, *settings, principals.email).join(
            up, up.c.began == principals.key
        )

        # The active users that principals reach.
        down = self._down(both)
        active_users = _is_user(down.c.reached), self._active(down.c.reached).is_(True)
        self.people = select(down.c.began, down.c.reached).where(*active_users)

        # The members of groups and of all groups inside them. `there` is whether the member is
        # active: null for an unknown member.
        groups = self._down(select(reached).where(named), inner)
        there = self._active(memberships.member_key).label("there")
        self.members = select(memberships.group_key, memberships.member_key, there).join(
            groups, groups.c.reached == memberships.group_key
        )

        # Known principals, with names, and the members of the groups among them.
        nothing = sa.cast(sa.null(), principals.key.type).label("member_key")
        known = select(
            principals.key.label("group_key"), nothing, principals.active.label("there")
        ).where(named)
        unnamed = sa.cast(sa.null(), principals.name.type).label("name")
        self.with_people = sa.union_all(
            known.add_columns(principals.name), self.members.add_columns(unnamed)
        )

        # Every membership on the ways up from a principal.
        of_one = memberships.member_key == sa.bindparam(_KEYS)
        above = self._up(select(memberships.member_key.label("reached")).where(of_one))
        self.above = select(memberships.member_key, memberships.group_key).join(
            above, above.c.reached == memberships.member_key
        )

        # Some of the groups that principals are in, and some of the groups in groups.
        in_them = one_of(memberships.member_key, _KEYS)
        first_above = self._up(select(memberships.group_key.label("reached")).where(in_them))
        self.first_above = select(first_above.c.reached).limit(at_most)
        of_them = one_of(memberships.group_key, _KEYS), inner
        members = select(memberships.member_key.label("reached")).where(*of_them)
        self.first_below = select(self._down(members, inner).c.reached).limit(at_most)

    def _active(self, key: sa.ColumnElement[str]) -> sa.ScalarSelect[Any]:
        # Not a join: PostgreSQL expects too many rows of a walk, and would read all principals.
        principals = self._principals.c
        return select(principals.active).where(principals.key == key).scalar_subquery()

    def _up(self, start: sa.Select[Any]) -> sa.CTE:
        memberships = self._memberships.c
        return self._walk(start, memberships.member_key, memberships.group_key)

    def _down(self, start: sa.Select[Any], *only: _Condition) -> sa.CTE:
        memberships = self._memberships.c
        return self._walk(start, memberships.group_key, memberships.member_key, *only)

    def _walk(
        self, start: sa.Select[Any], near: sa.Column[Any], far: sa.Column[Any], *only: _Condition
    ) -> sa.CTE:
        walk = start.cte("walk", recursive=True)
        carried = [column for column in walk.c if column.key != "reached"]
        onward = select(*carried, far).select_from(self._memberships)
        return walk.union(onward.join(walk, walk.c.reached == near).where(*only))


def _reached_in(rows: Iterable[Any]) -> frozenset[PrincipalKey]:
    return frozenset(row.reached for row in rows)


def _is_user(key: sa.ColumnElement[str]) -> _Condition:
    return sa.func.substr(key, 1, 2) == "u:"
