"""Users and groups in a database: who is in what, who may see whom, and whom a text suggests.

Each answer is read by one statement, at one moment. Only suggestions and lists need more, if the
first batch has too few principals that the actor may see. The host's rules of visibility are called
while no connection is held, so that they may ask the directory back.

Changes of groups follow each other, whoever makes them, so that no two of them form a cycle. On
PostgreSQL a change locks the table of memberships against other writers; on SQLite a transaction
that writes locks the whole file.
"""

import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Any, Final, NamedTuple, TypeAlias, assert_never

import attrs
from sqlalchemy import (
    CTE,
    BindParameter,
    Column,
    ColumnElement,
    Engine,
    Executable,
    Integer,
    Row,
    ScalarSelect,
    Select,
    Table,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal_column,
    select,
    text,
    tuple_,
    union_all,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.sql.selectable import CompoundSelect, FromClause
from typing_extensions import override

from exam_sharing.adapters.sqlalchemy.database import OwnTransactions
from exam_sharing.adapters.sqlalchemy.engines import checked_engine, in_our_words, or_conflict
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
from exam_sharing.names import SHORT, Findable, Fit, KeyKind, Typed
from exam_sharing.policy.facts import Profile
from exam_sharing.principals import Group, User
from exam_sharing.validation import checks_arguments, require_kind, tuple_of

__all__ = [
    "AT_MOST",
    "KEYS",
    "MembershipWalks",
    "NamePlace",
    "NameSearch",
    "SqlDirectory",
    "can_be_stored",
    "fits",
    "is_user",
    "just_behind",
]

KEYS: Final = "keys"
"""The parameter of every walk: one key for `principals_of` and `above`, else several."""

AT_MOST: Final = "at_most"
"""The parameter of those walks of which only the first rows may be wanted."""

_SURROGATES: Final = (0xD800, 0xE000)

_TOGETHER: Final = 4
"""How many words, the longest, the database looks for."""

_Branch: TypeAlias = tuple[Fit, FromClause, list[ColumnElement[bool]]]


@attrs.frozen(kw_only=True)
class MembershipWalks:
    """The statements that follow memberships."""

    tables: DirectoryTables

    def principals_of(self) -> "Select[Any]":
        """Return the statement for the keys of an active user and of all their groups."""
        principals = self.tables.principals
        start = select(principals.c.key.label("reached")).where(
            principals.c.key == bindparam(KEYS), principals.c.active.is_(True)
        )
        return select(self._up(start).c.reached)

    def profiles(self) -> "Select[Any]":
        """Return the statement for known users, a row for each of their principals."""
        principals = self.tables.principals
        walk = self._up(self._known())
        return select(
            principals.c.key,
            walk.c.reached,
            principals.c.active,
            principals.c.sharing_in_plan,
            principals.c.notices,
            principals.c.email,
        ).join(walk, walk.c.began == principals.c.key)

    def people(self) -> "Select[Any]":
        """Return the statement for the active users that principals reach."""
        walk = self._down(self._known())
        return select(walk.c.began, walk.c.reached).where(
            is_user(walk.c.reached), self._active(walk.c.reached).is_(True)
        )

    def members(self) -> "Select[Any]":
        """Return the statement for the memberships in groups and in all groups in them.

        Each reports whether its member is active: null for an unknown member.
        """
        principals, memberships = self.tables.principals, self.tables.memberships
        start = select(principals.c.key.label("reached")).where(one_of(principals.c.key, KEYS))
        walk = self._down(start, ~is_user(memberships.c.member_key))
        return select(
            memberships.c.group_key,
            memberships.c.member_key,
            self._active(memberships.c.member_key).label("there"),
        ).join(walk, walk.c.reached == memberships.c.group_key)

    def above(self) -> "Select[Any]":
        """Return the statement for every membership by which a principal is in anything."""
        memberships = self.tables.memberships
        start = select(memberships.c.member_key.label("reached"))
        walk = self._up(start.where(memberships.c.member_key == bindparam(KEYS)))
        return select(memberships.c.member_key, memberships.c.group_key).join(
            walk, walk.c.reached == memberships.c.member_key
        )

    def first_above(self) -> "Select[Any]":
        """Return the statement for some of the groups that principals are in."""
        memberships = self.tables.memberships
        start = select(memberships.c.group_key.label("reached"))
        walk = self._up(start.where(one_of(memberships.c.member_key, KEYS)))
        return select(walk.c.reached).limit(_at_most())

    def first_below(self) -> "Select[Any]":
        """Return the statement for some of the groups in groups."""
        memberships = self.tables.memberships
        inner = ~is_user(memberships.c.member_key)
        start = select(memberships.c.member_key.label("reached"))
        walk = self._down(start.where(one_of(memberships.c.group_key, KEYS), inner), inner)
        return select(walk.c.reached).limit(_at_most())

    def _known(self) -> "Select[Any]":
        key = self.tables.principals.c.key
        return select(key.label("began"), key.label("reached")).where(one_of(key, KEYS))

    def _active(self, key: ColumnElement[str]) -> "ScalarSelect[Any]":
        # Not a join: PostgreSQL overestimates a walk, and would read all principals for it.
        principals = self.tables.principals
        return select(principals.c.active).where(principals.c.key == key).scalar_subquery()

    def _up(self, start: "Select[Any]") -> CTE:
        memberships = self.tables.memberships
        return _walk(start, memberships, memberships.c.member_key, memberships.c.group_key)

    def _down(self, start: "Select[Any]", *only: ColumnElement[bool]) -> CTE:
        memberships = self.tables.memberships
        return _walk(start, memberships, memberships.c.group_key, memberships.c.member_key, *only)


def is_user(key: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that a key is that of a user."""
    return func.substr(key, 1, 2) == "u:"


def _walk(
    start: "Select[Any]",
    memberships: Table,
    near: "Column[Any]",
    far: "Column[Any]",
    *only: ColumnElement[bool],
) -> CTE:
    walk = start.cte("walk", recursive=True)
    carried = [column for column in walk.c if column.key != "reached"]
    onward = select(*carried, far).select_from(memberships).join(walk, walk.c.reached == near)
    return walk.union(onward.where(*only))


def _at_most() -> BindParameter[int]:
    return bindparam(AT_MOST, type_=Integer())


class NamePlace(NamedTuple):
    """The place after which a batch begins: a rank, a folded name in two parts, and a key."""

    rank: int
    start: str
    rest: str
    key: str

    def __repr__(self) -> str:
        """Return a text without the name."""
        return f"NamePlace({self.key!r})"

    @classmethod
    def of(cls, row: "Row[Any]") -> "NamePlace":
        """Return the place of a row of a batch."""
        return cls(row.rank, row.start, row.rest, row.key)

    @classmethod
    def named(cls, name: str, key: str) -> "NamePlace":
        """Return the place of any folded name and key, whatever characters they have."""
        storable = can_be_stored(name)
        name = just_behind(name)
        return cls(0, name[:INDEXED], name[INDEXED:], just_behind(key) if storable else "")


@attrs.frozen(kw_only=True)
class NameSearch:
    """The statements that find principals by name."""

    tables: DirectoryTables

    def listed(self, after: NamePlace | None, limit: int) -> "Select[Any]":
        """Return the statement for the principals after a place, by name, then by key."""
        names = self.tables.principals
        return self._branch(0, after, limit, names, names.c.name_start.is_not(None))

    def suggested(
        self, typed: Typed, after: NamePlace | None, limit: int, *, whole: bool
    ) -> "CompoundSelect[Any]":
        """Return the statement for the principals that a typed text may fit, best first.

        Some come twice. Texts longer than `INDEXED`, and words beyond `_TOGETHER`, are left for
        `fits` to check.
        """
        principals, text = self.tables.principals, typed.text
        branches = [self._whole(KeyKind.WHOLE, typed.whole)]
        if "@" in text:
            branches.append(self._whole(KeyKind.ADDRESS, text))
        if not whole:
            name_start, head = principals.c.name_start, text[:INDEXED]
            cut = len(text) > INDEXED
            begins = [name_start == head] if cut else _begins(name_start, head)
            branches.append((Fit.START, principals, begins))
            branches.append((Fit.START, self._found, self._begins(KeyKind.ADDRESS, text)))
            if typed.words:
                longest, *others = typed.words[:_TOGETHER]
                together = [*self._begins(KeyKind.WORD, longest), *map(self._also_begins, others)]
                branches.append((Fit.WORDS, self._found, together))
        first = 0 if after is None else after.rank
        parts = [
            select(
                self._branch(
                    rank, after if rank == first else None, limit, source, *conditions
                ).subquery()
            )
            for rank, source, conditions in branches
            if rank >= first
        ]
        return union_all(*parts).order_by("rank", "start", "rest", "key").limit(limit)

    @property
    def _found(self) -> FromClause:
        principals, keys = self.tables.principals, self.tables.search_keys
        return keys.join(principals, principals.c.key == keys.c.key)

    def _whole(self, kind: KeyKind, text: str) -> _Branch:
        keys = self.tables.search_keys
        is_key = [keys.c.kind == int(kind), keys.c.start == text[:INDEXED]]
        return Fit.WHOLE, self._found, is_key

    def _begins(self, kind: KeyKind, text: str) -> list[ColumnElement[bool]]:
        keys = self.tables.search_keys
        if len(text) <= SHORT or len(text) >= INDEXED:
            return [keys.c.kind == int(kind), keys.c.start == text[:INDEXED]]
        return [keys.c.kind == int(kind), *_begins(keys.c.start, text)]

    def _also_begins(self, word: str) -> ColumnElement[bool]:
        keys, other = self.tables.search_keys, self.tables.search_keys.alias()
        return exists().where(
            other.c.kind == int(KeyKind.WORD),
            other.c.start == word[:SHORT],
            other.c.name_start == keys.c.name_start,
            other.c.key == keys.c.key,
        )

    def _branch(
        self,
        rank: int,
        after: NamePlace | None,
        limit: int,
        source: FromClause,
        *conditions: ColumnElement[bool],
    ) -> "Select[Any]":
        """Return the first rows of one rank after a place, in the order of the answer."""
        principals, keys = self.tables.principals, self.tables.search_keys
        # The index that finds the rows must be the one that orders them.
        table = principals if source is principals else keys
        start, rest, key = table.c.name_start, principals.c.name_rest, table.c.key
        chosen = select(
            literal_column(str(int(rank))).label("rank"),
            key.label("key"),
            principals.c.name.label("name"),
            principals.c.email.label("email"),
            start.label("start"),
            rest.label("rest"),
        ).select_from(source)
        if after is not None:
            behind = tuple_(start, rest, key) > tuple_(after.start, after.rest, after.key)
            conditions = (*conditions, start >= after.start, behind)
        return chosen.where(*conditions).order_by(start, rest, key).limit(limit)


def fits(typed: Typed, row: "Row[Any]") -> bool:
    """Return whether a text fits a row as well as the rank of its branch claims."""
    fit = typed.fit(Findable.of(row.name, row.email))
    return fit is not None and fit <= row.rank


def can_be_stored(text: str) -> bool:
    """Return whether a database can store the text: no NUL and no lone surrogate."""
    return all(map(_can_be_stored, text))


def just_behind(text: str) -> str:
    """Return the text, or if it cannot be stored, a storable text at its place in the order.

    A stored text is after the one exactly if it is the other, or after the other.
    """
    for place, character in enumerate(text):
        if not _can_be_stored(character):
            return text[:place] + ("\x01" if character == "\x00" else chr(_SURROGATES[1]))
    return text


def _can_be_stored(character: str) -> bool:
    return character != "\x00" and not _SURROGATES[0] <= ord(character) < _SURROGATES[1]


def _begins(column: ColumnElement[str], text: str) -> list[ColumnElement[bool]]:
    """Return the conditions that a column begins with a text, as a range of an index."""
    conditions: list[ColumnElement[bool]] = [column >= text]
    stripped = text.rstrip(chr(sys.maxunicode))
    if stripped:
        following = ord(stripped[-1]) + 1
        if following == _SURROGATES[0]:
            following = _SURROGATES[1]
        conditions.append(column < stripped[:-1] + chr(following))
    return conditions


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
