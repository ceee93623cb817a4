"""Users and groups in a host's own tables, of which the host names the columns.

The host gives columns, attributes of mapped classes, or SQL expressions, and this directory makes
the statements: one for each question. Nothing is kept between two questions, so an answer always
fits what the tables hold at that moment. Inside of a transaction, it sees the rows that the
transaction has written.

A walk follows the memberships of groups in groups by one recursive statement, and passes each
group once, so that a cycle in the host's tables does no harm.

INVARIANT: a group that the host's table of groups does not have is in no answer, whatever
memberships there are. So it gives its members nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeAlias

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import Session
from typing_extensions import override

from exam_sharing import directories
from exam_sharing.adapters.sqlalchemy.columns import names_a_value, stored_in
from exam_sharing.adapters.sqlalchemy.database import Transactions, require_shape
from exam_sharing.adapters.sqlalchemy.engines import in_our_words, require_connected
from exam_sharing.adapters.sqlalchemy.joined import transactions_of
from exam_sharing.adapters.sqlalchemy.memberships import (
    Asked,
    GroupColumns,
    MemberColumns,
    Questions,
    UserColumns,
)
from exam_sharing.adapters.sqlalchemy.name_search import (
    Batch,
    NamePlace,
    NameSearch,
    candidates,
    fits,
    put_names,
    storable,
)
from exam_sharing.adapters.sqlalchemy.past_people import SqlPeopleHistory
from exam_sharing.adapters.sqlalchemy.recording_people import (
    begin_history,
    groups_holding,
    lock_changes,
    put_changes,
    standing,
)
from exam_sharing.adapters.sqlalchemy.tables import DirectoryTables
from exam_sharing.directories import Named
from exam_sharing.errors import InvalidArgument, InvalidInput
from exam_sharing.history import Recorded
from exam_sharing.identifiers import GroupId, PrincipalId, PrincipalKey, UserId, principal_of
from exam_sharing.names import Typed, folded
from exam_sharing.policy.facts import MembersSeen, People, PeopleBehind, Profile
from exam_sharing.ports import PeopleReader, Principals
from exam_sharing.validation import (
    checks_arguments,
    checks_itself,
    instant,
    require_kind,
    tuple_of,
)

_Rows: TypeAlias = Sequence[Any]

# How many principals are indexed at once.
_CHUNK: Final = 5_000


@checks_arguments
class TableDirectory(PeopleReader, SqlPeopleHistory):
    """A directory over the host's own tables, of which it only reads the given columns.

    Over an engine it reads what is committed, and inside of `joined` what the transaction sees.
    Over a connection or a session it reads in their transaction; a session is flushed first.

    Without `visible`, everybody sees everybody. Without `search`, suggestions and lists read the
    names of all whom the actor may see, which is fast for some thousand people.

    Args:
        database: of PostgreSQL or SQLite, with the host's tables.
        users: the columns of users.
        groups: the columns of groups; without them there are no groups.
        users_in_groups: which users are in which groups.
        groups_in_groups: which groups are in which groups, if groups are nested.
        search: our tables for finding names among many, such as `define_tables(…).directory`. Keep
            them by `update_search` and `rebuild_search`. They find a principal; the host's tables
            decide whether it is shown, and under which name.
        history: our tables for the history of users and groups, such as those of the search. Keep
            them by `record_changes` and `record_everybody`. Without them, and before the first
            `record_everybody`, answers about the past are not certain.

    Raises:
        InvalidArgument: columns that belong together are of two tables or of two types, or an id is
            neither text nor a whole number nor a UUID; the database is as for `open_sharing`.
        StoreFailed: the database does not answer; every method raises it too.
        WrongKind: an argument is of another type.
    """

    def __init__(
        self,
        database: Engine | Connection | Session | Transactions,
        *,
        users: UserColumns,
        groups: GroupColumns | None = None,
        users_in_groups: MemberColumns | None = None,
        groups_in_groups: MemberColumns | None = None,
        search: DirectoryTables | None = None,
        history: DirectoryTables | None = None,
    ) -> None:
        require_kind("search", search, DirectoryTables, type(None))
        require_kind("history", history, DirectoryTables, type(None))
        self._questions = Questions(
            users=users,
            groups=groups,
            users_in_groups=users_in_groups,
            groups_in_groups=groups_in_groups,
        )
        self._search = None if search is None else NameSearch(search, self._questions.shown)
        self._transactions = transactions_of(database)
        self._history = history

    @checks_itself
    def over(self, database: Engine | Connection | Session | Transactions) -> "TableDirectory":
        """Return the same directory over another database, such as the session of a request."""
        other = copy(self)
        vars(other)["_transactions"] = transactions_of(database)
        return other

    @property
    def gives_way(self) -> bool:
        """Whether it is over an asynchronous engine, so that it does not block an event loop."""
        return self._transactions.asynchronous

    @override
    def principals_of(self, user: UserId) -> frozenset[PrincipalKey]:
        require_kind("user", user, UserId)
        return _keys_in(self._ask(self._questions.principals_of, [user]))

    @override
    def profiles(self, users: Iterable[UserId]) -> Mapping[UserId, Profile]:
        users = tuple_of("users", users, UserId)
        found: dict[PrincipalKey, list[Any]] = {}
        for row in self._ask(self._questions.profiles, users):
            found.setdefault(row.key, []).append(row)
        return {user: _profile(user, found.get(user.key, ())) for user in users}

    @override
    def people_behind(self, principals: Iterable[PrincipalId]) -> PeopleBehind:
        principals = tuple_of("principals", principals, UserId, GroupId)
        return _people_behind(principals, self._ask(self._questions.people_behind, principals))

    @override
    def seen_by(self, actor: UserId, principals: Iterable[PrincipalId]) -> Principals:
        principals = tuple_of("principals", principals, UserId, GroupId)
        seen = {row.key for row in self._ask(self._questions.seen_by, principals, actor)}
        return frozenset(each for each in principals if each.key in seen)

    @override
    def members_seen_by(self, actor: UserId, groups: Iterable[GroupId]) -> MembersSeen:
        groups = tuple_of("groups", groups, GroupId)
        return _members_seen(groups, self._ask(self._questions.members_seen_by, groups, actor))

    @override
    def people_seen(
        self, actor: UserId, principals: Iterable[PrincipalId]
    ) -> tuple[People, Mapping[PrincipalId, str]]:
        principals = tuple_of("principals", principals, UserId, GroupId)
        parts: dict[str, list[Any]] = {"seen": [], "behind": [], "member": []}
        for row in self._ask(self._questions.people_seen, principals, actor):
            parts[row.part].append(row)
        named = {row.key: row.name for row in parts["seen"]}
        names = {each: named[each.key] for each in principals if each.key in named}
        groups = [each for each in names if isinstance(each, GroupId)]
        people = People(
            behind=_people_behind(names, parts["behind"]),
            seen=frozenset(names),
            members_seen=_members_seen(groups, parts["member"]),
        )
        return people, names

    @override
    def names(self, principals: Iterable[PrincipalId]) -> Mapping[PrincipalId, str]:
        principals = tuple_of("principals", principals, UserId, GroupId)
        names = {row.key: row.name for row in self._ask(self._questions.names, principals)}
        return {each: names[each.key] for each in principals if each.key in names}

    @override
    def path(self, user: UserId, principal: PrincipalId) -> tuple[PrincipalId, ...]:
        groups: dict[str, list[PrincipalKey]] = {}
        for row in self._ask(self._questions.above, [user]):
            groups.setdefault(row.member, []).append(row.key)
        return directories.path_between(user, principal, lambda key: groups.get(key, ()))

    @override
    def suggest(
        self, actor: UserId, text: str, limit: int, leave_out: Principals, *, whole: bool = False
    ) -> tuple[Named, ...]:
        typed = Typed.of(text)
        if typed is None or not storable(typed):
            return ()
        if self._search is None:
            choices = self._choices(actor, leave_out)
            return directories.best_fits(typed, choices, whole=whole)[:limit]
        batch = partial(self._search.suggested, typed, whole=whole)
        rows = self._candidates(batch, None, limit + len(leave_out), actor)
        fitting = _named(filter(partial(fits, typed), rows))
        return directories.first_of(fitting, limit, leave_out, _everybody_found)

    @override
    def listed(
        self, actor: UserId, after: tuple[str, str] | None, limit: int, leave_out: Principals
    ) -> tuple[Named, ...]:
        behind = None if after is None else (folded(after[0]), after[1])
        if self._search is None:
            choices = self._choices(actor, leave_out)
            places = ((folded(name), each.key, (each, name)) for each, name, _ in choices)
            in_order = sorted(place for place in places if place[:2] > (behind or ("", "")))
            return tuple(named for *_, named in in_order[:limit])
        place = None if behind is None else NamePlace.named(*behind)
        rows = self._candidates(self._search.listed, place, limit + len(leave_out), actor)
        return directories.first_of(_named(rows), limit, leave_out, _everybody_found)

    def _candidates(
        self, batch: Batch, after: NamePlace | None, size: int, actor: UserId
    ) -> Iterator[Row[Any]]:
        asked = self._asked((), actor)

        @in_our_words
        def ask(statement: sa.Executable) -> Sequence[Row[Any]]:
            with self._transactions.reading() as connection:
                return connection.execute(statement, asked).all()

        return candidates(batch, after, size, ask)

    @checks_itself
    def update_search(self, transaction: Connection | Session, *principals: PrincipalId) -> None:
        """Update what finds some users and groups, in the transaction that has changed them.

        Call it after each change of a name, an address, `active` or `where`, and of what is new or
        gone.

        Raises:
            InvalidArgument: there is no transaction, or the directory has no tables for its search.
            StoreFailed: the database does not answer.
        """
        named = tuple_of("principals", principals, UserId, GroupId)
        tables, inside = self._search_in(transaction)
        rows = inside.ask(self._questions.named, self._asked(named))
        _put_names(inside, tables, [each.key for each in named], _names_in(rows))

    @checks_itself
    def rebuild_search(self, transaction: Connection | Session) -> None:
        """Update what finds all users and groups, as after a bulk load; errors as before."""
        tables, inside = self._search_in(transaction)
        rows = inside.ask(self._questions.everybody, self._asked(()))
        _put_names(inside, tables, None, _names_in(rows))

    @checks_itself
    def record_changes(
        self, transaction: Connection | Session, *principals: PrincipalId, at: datetime
    ) -> None:
        """Record how some users and groups are now, in the transaction that has changed them.

        Name each user whose name, `active`, `sharing_in_plan` or `where` has changed, each group
        whose name, `where` or direct members have changed, and who is new or gone; the groups of
        one who is gone are looked at too. What has not changed is not recorded. `at` is aware. On
        PostgreSQL, others who record the same principals wait until the transaction ends.

        Raises:
            InvalidArgument: there is no transaction, the time is naive, or the directory has no
                tables for its history.
            StoreFailed: the database does not answer.
        """
        named = tuple_of("principals", principals, UserId, GroupId)
        self._record(self._kept(), self._inside(transaction), named, instant("at", at))

    @checks_itself
    def record_everybody(self, transaction: Connection | Session, *, at: datetime) -> None:
        """Record how all users and groups are now; errors as before.

        The first call begins the history. Call it again after changes that were not recorded, such
        as a bulk load. If it is interrupted, its transaction leaves nothing, and no history begins.
        On PostgreSQL, all others who record wait until the transaction ends. A first call takes
        about half a millisecond of processor time for each user.
        """
        self._record(self._kept(), self._inside(transaction), None, instant("at", at))

    @in_our_words
    def _record(
        self,
        tables: DirectoryTables,
        inside: Transactions,
        named: Sequence[PrincipalId] | None,
        at: datetime,
    ) -> None:
        """Record how some principals are, or everybody for `None`."""
        questions, asked = self._questions, self._asked(named or ())
        with inside.reading() as connection:
            require_shape(connection, tables.schema)
            lock_changes(connection, None if named is None else [p.key for p in named])
            known = standing(connection, tables) if named is None else named
            states: dict[PrincipalId, Recorded | None] = dict.fromkeys(known)
            asks = questions.states, questions.members
            if named is None:
                asks = questions.every_state, questions.every_member
            rows, memberships = (inside.ask(question, asked) for question in asks)
            states |= _states(rows, memberships)
            in_order = sorted(states, key=lambda each: each.key)
            for start in range(0, len(in_order), _CHUNK):
                chunk = {each: states[each] for each in in_order[start : start + _CHUNK]}
                put_changes(connection, tables, chunk, at)
            if named is None:
                begin_history(connection, tables, at)
                return
            gone = [each for each in named if states[each] is None]
            # Their memberships may have gone with them, as by a foreign key.
            left = set(groups_holding(connection, tables, gone)).difference(named) if gone else ()
        if left:
            self._record(tables, inside, [*left], at)

    @override
    def _name_now(self, connection: Connection, principal: PrincipalId) -> str | None:
        question, asked = self._questions.names, self._asked([principal])
        rows = question.answer(connection.execute(question.statement, asked))
        return next((row.name for row in rows), None)

    def _inside(self, transaction: Connection | Session) -> Transactions:
        require_connected("transaction", transaction, Connection, Session)
        if isinstance(transaction, Session):
            # Also one that does not flush by itself: what it holds must not go unrecorded.
            in_our_words(transaction.flush)()
        return transactions_of(transaction)

    def _search_in(self, transaction: Connection | Session) -> tuple[DirectoryTables, Transactions]:
        if self._search is None:
            raise InvalidArgument("search", "must be given to the directory: `tables.directory`")
        return self._search.tables, self._inside(transaction)

    def _choices(
        self, actor: UserId, leave_out: Principals
    ) -> Iterator[tuple[PrincipalId, str, str | None]]:
        for row in self._ask(self._questions.choices, (), actor):
            each = _principal(row.key)
            if each is not None and each not in leave_out:
                yield each, row.name, row.email

    @in_our_words
    def _ask(
        self, question: Asked, principals: Iterable[PrincipalId], actor: UserId | None = None
    ) -> _Rows:
        return self._transactions.ask(question, self._asked(principals, actor))

    def _asked(
        self, principals: Iterable[PrincipalId], actor: UserId | None = None
    ) -> dict[str, Any]:
        """Return the parameters of a question; principals that no row could have are left out."""
        dialect = self._transactions.dialect
        users, groups = (stored_in(each, dialect) for each in self._questions.ids)
        asked: dict[str, Any] = {"users": [], "groups": [], "actor": None}
        for each in principals:
            name, stored = ("users", users) if isinstance(each, UserId) else ("groups", groups)
            if names_a_value(stored, each.value):
                asked[name].append(each.value)
        if actor is not None and names_a_value(users, actor.value):
            asked["actor"] = actor.value
        return asked


@in_our_words
def _put_names(
    inside: Transactions,
    tables: DirectoryTables,
    keys: Sequence[str] | None,
    found: Mapping[str, tuple[str, str | None]],
) -> None:
    """Replace what finds the principals of some keys, or of all for `None`."""
    with inside.reading() as connection:
        require_shape(connection, tables.schema)
        if keys is None:
            for table in (tables.search_keys, tables.principals):
                connection.execute(table.delete())
        asked = sorted(found if keys is None else keys)
        for start in range(0, len(asked), _CHUNK):
            chunk = asked[start : start + _CHUNK]
            named = {key: found[key] for key in chunk if key in found}
            put_names(connection, tables, chunk, named)


def _states(rows: _Rows, memberships: _Rows) -> dict[PrincipalId, Recorded]:
    """Return the states of users and groups; ids that are no identifiers of ours are left out."""
    held: dict[str, set[PrincipalId]] = {}
    for row in memberships:
        member = _principal(row.member)
        if member is not None:
            held.setdefault(row.key, set()).add(member)
    found = ((_principal(row.key), row) for row in rows)
    return {
        each: Recorded(
            name=row.name,
            active=bool(row.active),
            sharing_in_plan=bool(row.sharing_in_plan),
            members=frozenset(held.get(row.key, ())),
        )
        for each, row in found
        if each is not None
    }


def _everybody_found(_principal: PrincipalId) -> bool:
    """Leave visibility to the statement."""
    return True


def _named(rows: Iterable[Row[Any]]) -> Iterator[Named]:
    found = ((_principal(row.key), row.name) for row in rows)
    return ((each, name) for each, name in found if each is not None)


def _names_in(rows: _Rows) -> dict[str, tuple[str, str | None]]:
    return {row.key: (row.name, row.email) for row in rows if _principal(row.key) is not None}


def _people_behind(principals: Iterable[PrincipalId], rows: _Rows) -> PeopleBehind:
    found: dict[PrincipalId, set[UserId]] = {each: set() for each in principals}
    for row in rows:
        began, reached = _principal(row.began), _principal(row.key)
        if isinstance(reached, UserId) and began in found:
            found[began].add(reached)
    return {each: frozenset(users) for each, users in found.items()}


def _members_seen(groups: Iterable[GroupId], rows: _Rows) -> MembersSeen:
    members: dict[str, list[str]] = {}
    seen: set[str] = set()
    for row in rows:
        members.setdefault(row.began, []).append(row.key)
        if row.seen:
            seen.add(row.key)

    def inside(group: GroupId) -> Iterator[PrincipalId]:
        below = directories.walk(members.get(group.key, ()), lambda key: members.get(key, ()))
        found = map(_principal, seen.intersection(below))
        return (each for each in found if each is not None)

    return {group: frozenset(inside(group)) for group in groups}


def _principal(key: str) -> PrincipalId | None:
    """Return the principal of a key; `None` if the host's id is no identifier of ours."""
    try:
        return principal_of(key)
    except InvalidInput:
        return None


def _keys_in(rows: _Rows) -> frozenset[PrincipalKey]:
    """Return the keys of a user and their groups, of rows with one group each."""
    keys = {key for row in rows for key in (row.key, row.reached) if key is not None}
    principals = (_principal(key) for key in keys)
    return frozenset(each.key for each in principals if each is not None)


def _profile(user: UserId, rows: _Rows) -> Profile:
    if not rows:
        return Profile.unknown(user)
    settings = rows[0]
    return Profile(
        user=user,
        active=bool(settings.active),
        principals=_keys_in(rows),
        sharing_in_plan=bool(settings.sharing_in_plan),
        wants_notices=bool(settings.notices),
        address=settings.email or None,
    )
