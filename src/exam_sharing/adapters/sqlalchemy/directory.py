"""Users and groups in a database: who is in what, who may see whom, and whom a text suggests.

Each answer is read by one statement, and so is what was so at one moment; only suggestions and
lists take more, where the first batch holds too few whom the actor may see. What the host says of
visibility is asked of it while no connection is held, so it may ask the directory back.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Any, Final, TypeAlias

from sqlalchemy import Engine, Executable, Row, select
from typing_extensions import override

from exam_sharing.adapters.sqlalchemy.database import OwnTransactions
from exam_sharing.adapters.sqlalchemy.directory_changes import DirectoryChanges
from exam_sharing.adapters.sqlalchemy.directory_tables import DirectoryTables
from exam_sharing.adapters.sqlalchemy.engines import checked_engine
from exam_sharing.adapters.sqlalchemy.failures import in_our_words, or_conflict
from exam_sharing.adapters.sqlalchemy.lists import one_of
from exam_sharing.adapters.sqlalchemy.membership_walks import KEYS, MembershipWalks, is_user
from exam_sharing.adapters.sqlalchemy.name_search import (
    NamePlace,
    NameSearch,
    can_be_stored,
    fits,
)
from exam_sharing.directories import (
    MAX_PAGE,
    Account,
    KeptDirectory,
    Known,
    chosen,
    everybody,
    members_seen,
    path_between,
)
from exam_sharing.identifiers import GroupId, PrincipalId, PrincipalKey, UserId, principal_of
from exam_sharing.names import Typed, folded
from exam_sharing.policy.facts import Profile
from exam_sharing.principals import Group, User
from exam_sharing.validation import checks_arguments, require_callable, require_kind, tuple_of

__all__ = ["SqlDirectory"]

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
