"""The history of a directory in a database: every change of a user or group, and who was in what.

A change is written in the transaction that makes it. Membership is kept as spells, each from one
change until another, so that the groups of any moment are read like those of today: by one
recursive statement over an index, and never by the number of changes elsewhere.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, assert_never

import attrs
import sqlalchemy as sa
from sqlalchemy import insert, select, update
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.engine import Connection
from typing_extensions import override

from exam_sharing import ports
from exam_sharing.adapters.sqlalchemy import documents as stored
from exam_sharing.adapters.sqlalchemy.database import Transactions
from exam_sharing.adapters.sqlalchemy.engines import in_our_words
from exam_sharing.adapters.sqlalchemy.logs import CHANGES, record_row
from exam_sharing.adapters.sqlalchemy.tables import (
    ByDialect,
    DirectoryTables,
    Instant,
    listed,
    one_of,
)
from exam_sharing.adapters.sqlalchemy.trail import within
from exam_sharing.errors import InvalidArgument
from exam_sharing.history import (
    DirectoryChange,
    GroupChanged,
    Happening,
    HistoryBegan,
    PrincipalRemoved,
    Recorded,
    Stretch,
    UserChanged,
    change_between,
)
from exam_sharing.identifiers import GroupId, PrincipalId, UserId, principal_of
from exam_sharing.policy.past import Moment, PeopleThen, Span
from exam_sharing.seals import microseconds
from exam_sharing.validation import tuple_of

_KEYS: Final = "keys"
_WIDTH: Final = 26
"""How many characters a time has in a span."""


class SqlPeopleHistory(ports.PeopleHistory):
    """What a directory in a database was, from what it recorded."""

    _transactions: Transactions
    _history: DirectoryTables | None

    def _kept(self) -> DirectoryTables:
        if self._history is None:
            raise InvalidArgument("history", "must be given to the directory: `tables.directory`")
        return self._history

    @override
    @in_our_words
    def remembers(self, at: datetime) -> bool:
        """Return whether its history has begun by a time."""
        if self._history is None:
            return False
        changes = self._history.changes.c
        began = select(changes.number).where(changes.principal.is_(None), changes.at <= at)
        return bool(self._transactions.rows(began.limit(1)))

    @override
    @in_our_words
    def members_then(self, principals: Iterable[PrincipalId], moment: Moment) -> PeopleThen:
        named = [each.key for each in tuple_of("principals", principals, UserId, GroupId)]
        below = _below(self._kept(), **self._how(moment))
        return self._people(below, named, moment)

    @override
    @in_our_words
    def groups_then(self, user: UserId, moment: Moment) -> PeopleThen:
        above = _above(self._kept(), **self._how(moment))
        return self._people(above, [user.key], moment)

    def _how(self, moment: Moment) -> dict[str, bool]:
        by_number = moment.change is not None
        return {"by_number": by_number, "postgresql": self._transactions.postgresql}

    def _people(self, statement: sa.Executable, keys: Sequence[str], moment: Moment) -> PeopleThen:
        asked = {_KEYS: keys, "at": moment.at, "number": moment.change}
        with self._transactions.reading() as connection:
            rows = connection.execute(statement, asked).all()
        members = [row for row in rows if row.group_key != row.member_key]
        known = {row.member_key for row in rows if row.active is not None}
        active = {row.member_key for row in rows if row.active}
        return PeopleThen(
            memberships=tuple(
                (GroupId(row.group_key[2:]), principal_of(row.member_key)) for row in members
            ),
            known=_users(known),
            active=_users(active),
        )

    @override
    @in_our_words
    def changes(
        self, spans: Iterable[Span] | None, user: UserId | None, wanted: Stretch
    ) -> tuple[Happening, ...]:
        tables, asked = self._kept(), dict[str, Any]()
        changes = tables.changes.c
        if spans is None:
            found: sa.Select[Any] | sa.CompoundSelect[Any] = _of_user(tables, user)
        else:
            in_postgresql = self._transactions.postgresql
            named = tuple_of("spans", spans, Span)
            asked["spans"] = [_line(each, postgresql=in_postgresql) for each in named]
            found = _in_spans(tables, user)
        each = found.subquery().c
        top = (
            select(each.at, each.number)
            .distinct()
            .where(*within(wanted, each))
            .order_by(each.at.desc(), each.number.desc())
            .limit(wanted.limit)
            .subquery()
        )
        statement = (
            select(changes.number, changes.document, changes.name)
            .select_from(top.join(tables.changes, changes.number == top.c.number))
            .order_by(top.c.at.desc(), top.c.number.desc())
        )
        rows = self._transactions.rows(statement, **asked)
        return tuple(
            Happening(number=row.number, what=stored.change_of(row.document, row.name))
            for row in rows
        )

    @override
    @in_our_words
    def last_change(self) -> int:
        (row,) = self._transactions.rows(select(sa.func.max(self._kept().changes.c.number)))
        return row[0] or 0


def _users(keys: Iterable[str]) -> frozenset[UserId]:
    return frozenset(UserId(key[2:]) for key in keys if key.startswith("u:"))


def put_changes(
    connection: Connection,
    tables: DirectoryTables,
    states: Mapping[PrincipalId, Recorded | None],
    at: datetime,
) -> None:
    """Record how users and groups are from now on, as far as that has changed.

    `None` is for one who is gone. The times of one principal never go back, whatever the clock.
    """
    principals = sorted(states, key=lambda each: each.key)
    keys = [each.key for each in principals]
    lock_changes(connection, keys)
    known = _recorded(connection, tables, keys)
    changed: list[tuple[PrincipalId, DirectoryChange]] = []
    for each in principals:
        before, since = known.get(each.key, (None, at))
        change = change_between(each, before, states[each], max(at, since))
        if change is not None:
            changed.append((each, change))
    if not changed:
        return
    numbered = insert(tables.changes).returning(
        tables.changes.c.number, sort_by_parameter_order=True
    )
    rows = [_row_of(principal, change) for principal, change in changed]
    numbers = connection.execute(numbered, rows).scalars().all()
    changed_keys = [each.key for each, _ in changed]
    above = _groups_above(connection, tables, changed_keys)
    for (principal, change), number in zip(changed, numbers, strict=True):
        _put_members(connection, tables, principal.key, change, number)
    if len(changed) > 1:
        # One change may put another one into a group, or take it out of one.
        for key, groups in _groups_above(connection, tables, changed_keys).items():
            above[key] |= groups
    connection.execute(
        insert(tables.change_keys),
        [
            {"key": key, "at": change.at, "number": number}
            for (principal, change), number in zip(changed, numbers, strict=True)
            for key in sorted(above[principal.key])
        ],
    )


def begin_history(connection: Connection, tables: DirectoryTables, at: datetime) -> None:
    """Record that a directory was told of every change from a time on; a second call does nothing.

    Whatever is there by then must be recorded before, in the same transaction.
    """
    changes = tables.changes
    there = select(changes.c.number).where(changes.c.principal.is_(None)).limit(1)
    if connection.execute(there).first() is None:
        # A clock that goes back must not let it begin before what was recorded.
        last: datetime | None = connection.scalar(select(sa.func.max(changes.c.at)))
        row = _record_of(HistoryBegan(at=at if last is None else max(at, last)))
        connection.execute(insert(changes), row)


def _record_of(change: DirectoryChange | HistoryBegan) -> dict[str, Any]:
    return record_row(CHANGES, change.at, type(change).__name__, stored.text_of(change))


def _row_of(principal: PrincipalId, change: DirectoryChange) -> dict[str, Any]:
    active = None if isinstance(change, PrincipalRemoved) else True
    return {
        **_record_of(change),
        "name": None if isinstance(change, PrincipalRemoved) else change.name,
        "principal": principal.key,
        "active": change.active if isinstance(change, UserChanged) else active,
    }


def _put_members(
    connection: Connection,
    tables: DirectoryTables,
    group: str,
    change: DirectoryChange,
    number: int,
) -> None:
    if isinstance(change, UserChanged):
        return
    members = tables.past_members
    if change.left:
        is_of = members.c.group_key == group, members.c.ended.is_(None)
        left = update(members).where(*is_of, one_of(members.c.member_key, _KEYS))
        end = left.values(ended=number, ended_at=change.at)
        connection.execute(end, {_KEYS: [each.key for each in change.left]})
    if isinstance(change, GroupChanged) and change.joined:
        row = {"group_key": group, "began": number, "began_at": change.at}
        joined = [row | {"member_key": each.key} for each in change.joined]
        connection.execute(insert(members), joined)


_MOST_LOCKS: Final = 50
_EVERYBODY: Final = 0x6578616D_70617374
"""Locks everybody: shared by those who record a few. A lock of a table needs more privileges."""


def lock_changes(connection: Connection, keys: Sequence[str] | None) -> None:
    """Let others who record these wait, or all for `None`, so that each sees what it changes."""
    if connection.dialect.name != "postgresql":
        return  # SQLite has one writer at a time.
    everybody = sa.literal(_EVERYBODY, sa.BigInteger())
    if keys is None or len(keys) > _MOST_LOCKS:
        connection.execute(select(sa.func.pg_advisory_xact_lock(everybody)))
        return
    in_order = select(listed(_KEYS).c.value).order_by("value").subquery().c
    number = sa.func.hashtextextended(sa.literal("exam_sharing ").concat(in_order.value), 0)
    beside = sa.func.pg_advisory_xact_lock_shared(everybody)
    connection.execute(select(beside, sa.func.pg_advisory_xact_lock(number)), {_KEYS: keys})


def _recorded(
    connection: Connection, tables: DirectoryTables, keys: Sequence[str]
) -> dict[str, tuple[Recorded | None, datetime]]:
    """Return the last recorded states of principals that have one, and since when."""
    changes, members = tables.changes.c, tables.past_members.c
    last = select(sa.func.max(changes.number)).where(one_of(changes.principal, _KEYS))
    newest = select(tables.changes).where(changes.number.in_(last.group_by(changes.principal)))
    is_member = one_of(members.group_key, _KEYS), members.ended.is_(None)
    held: dict[str, set[PrincipalId]] = {}
    if any(key.startswith("g:") for key in keys):
        now = select(members.group_key, members.member_key).where(*is_member)
        for row in connection.execute(now, {_KEYS: keys}):
            held.setdefault(row.group_key, set()).add(principal_of(row.member_key))
    found: dict[str, tuple[Recorded | None, datetime]] = {}
    for row in connection.execute(newest, {_KEYS: keys}):
        state: Recorded | None = None
        match stored.change_of(row.document, row.name):
            case UserChanged(active=active, sharing_in_plan=in_plan):
                state = Recorded(name=row.name, active=active, sharing_in_plan=in_plan)
            case GroupChanged():
                members_now = frozenset(held.get(row.principal, ()))
                state = Recorded(name=row.name, members=members_now)
            case PrincipalRemoved():
                pass
            case other:
                assert_never(other)
        found[row.principal] = state, row.at
    return found


def standing(connection: Connection, tables: DirectoryTables) -> list[PrincipalId]:
    """Return everybody who was recorded and not removed since."""
    changes = tables.changes.c
    last = select(sa.func.max(changes.number)).group_by(changes.principal)
    removed = changes.kind == PrincipalRemoved.__name__
    known = select(changes.principal).where(
        changes.number.in_(last), changes.principal.is_not(None), ~removed
    )
    return [principal_of(key) for key in connection.scalars(known)]


def _groups_above(
    connection: Connection, tables: DirectoryTables, keys: Sequence[str]
) -> dict[str, set[str]]:
    """Return each of some keys with the keys of the groups that it is in now, to any depth."""
    members = tables.past_members.c
    begin = select(members.member_key.label("began"), members.group_key.label("reached")).where(
        one_of(members.member_key, _KEYS), members.ended.is_(None)
    )
    walk = begin.cte("walk", recursive=True)
    onward = select(walk.c.began, members.group_key).join(
        tables.past_members, members.member_key == walk.c.reached
    )
    walk = walk.union(onward.where(members.ended.is_(None)))
    above = {key: {key} for key in keys}
    for row in connection.execute(select(walk.c.began, walk.c.reached), {_KEYS: keys}):
        above[row.began].add(row.reached)
    return above


def _lasts(tables: DirectoryTables, *, by_number: bool) -> sa.ColumnElement[bool]:
    members = tables.past_members.c
    asked = _asked(by_number=by_number)
    began, ended = (
        (members.began, members.ended) if by_number else (members.began_at, members.ended_at)
    )
    return sa.and_(began <= asked, sa.or_(ended.is_(None), ended > asked))


def _asked(*, by_number: bool) -> sa.BindParameter[Any]:
    if by_number:
        return sa.bindparam("number", type_=sa.BigInteger())
    return sa.bindparam("at", type_=Instant())


def _named_keys() -> sa.ColumnElement[str]:
    value = listed(_KEYS).c.value
    # Both terms of a recursion need the same collation.
    return ByDialect(sa.collate(value, "C"), value)


def _walk(tables: DirectoryTables, *, down: bool, by_number: bool, postgresql: bool) -> sa.CTE:
    """Walk along memberships; a row of a principal and itself stands for where a walk begins.

    The memberships are the rows of the walk itself: PostgreSQL expects too many rows of a walk, and
    would read all memberships to join them.
    """
    members = tables.past_members.c
    key = _named_keys()
    start = select(key.label("group_key"), key.label("member_key"))
    walk = start.cte("walk", recursive=True)
    near = (
        members.group_key == walk.c.member_key if down else members.member_key == walk.c.group_key
    )
    columns, lasts = (members.group_key, members.member_key), _lasts(tables, by_number=by_number)
    if not postgresql:
        onward = select(*columns).select_from(walk.join(tables.past_members, near))
        return walk.union(onward.where(lasts))
    # The offset keeps PostgreSQL from reading all memberships for a hash.
    found = select(*columns).where(near, lasts).offset(sa.literal_column("0"))
    of_row = found.correlate(walk).lateral("found")
    return walk.union(select(*of_row.c).select_from(walk.join(of_row, sa.true())))


@lru_cache(maxsize=64)
def _below(tables: DirectoryTables, *, by_number: bool, postgresql: bool) -> sa.Select[Any]:
    """Return the statement for the memberships below principals, and for these themselves."""
    walk = _walk(tables, down=True, by_number=by_number, postgresql=postgresql).c
    active = _was_active(tables, walk.member_key, by_number=by_number)
    return select(walk.group_key, walk.member_key, active.label("active"))


@lru_cache(maxsize=64)
def _above(tables: DirectoryTables, *, by_number: bool, postgresql: bool) -> sa.Select[Any]:
    """Return the statement for the memberships above a user, and for the user."""
    walk = _walk(tables, down=False, by_number=by_number, postgresql=postgresql).c
    active = _was_active(tables, walk.member_key, by_number=by_number)
    of_user = sa.case((walk.group_key == walk.member_key, active))
    return select(walk.group_key, walk.member_key, of_user.label("active"))


def _was_active(
    tables: DirectoryTables, key: sa.ColumnElement[str], *, by_number: bool
) -> sa.ScalarSelect[Any]:
    changes = tables.changes.c
    asked = _asked(by_number=by_number)
    has_begun = (changes.number if by_number else changes.at) <= asked
    # Not a join: PostgreSQL expects too many rows of a walk, and would read all changes.
    last = (
        select(changes.active)
        .where(changes.principal == key, has_begun)
        .order_by(changes.at.desc(), changes.number.desc())
        .limit(1)
    )
    return last.scalar_subquery()


def _of_user(tables: DirectoryTables, user: UserId | None) -> sa.CompoundSelect[Any]:
    """Return the places of the changes of a user, and of groups that the user joined or left."""
    keys, members = tables.change_keys.c, tables.past_members.c
    key = "" if user is None else user.key
    is_member = members.member_key == key
    return sa.union_all(
        select(keys.at, keys.number).where(keys.key == key),
        select(members.began_at, members.began).where(is_member),
        select(members.ended_at, members.ended).where(is_member, members.ended.is_not(None)),
    )


def _in_spans(tables: DirectoryTables, user: UserId | None) -> sa.Select[Any]:
    """Return the places of changes inside of the principals of spans, each in a span of it."""
    keys, span = tables.change_keys.c, _span()
    inside = sa.and_(keys.key == span.key, keys.at >= span.since, keys.at < span.before)
    found = select(keys.at, keys.number).join(span.rows, inside)
    if user is None:
        return found
    return found.where(keys.number.in_(select(_of_user(tables, user).subquery().c.number)))


def _line(span: Span, *, postgresql: bool) -> str:
    """Return a span as one line: two times of one width, and the key of the principal."""
    if postgresql:
        times = [
            each.replace(tzinfo=None).isoformat(timespec="microseconds")
            for each in (span.since, span.before)
        ]
    else:
        times = [f"{microseconds(each):0{_WIDTH}d}" for each in (span.since, span.before)]
    return f"{times[0]}{times[1]}{span.principal.key}"


@attrs.frozen
class _Spans:
    rows: sa.TableValuedAlias
    since: sa.ColumnElement[Any]
    before: sa.ColumnElement[Any]
    key: sa.ColumnElement[Any]


def _span() -> _Spans:
    rows = listed("spans")
    value = rows.c.value

    def time(start: int) -> sa.ColumnElement[Any]:
        text = sa.func.substr(value, start, _WIDTH)
        return ByDialect(sa.cast(text, TIMESTAMP(timezone=False)), sa.cast(text, sa.BigInteger()))

    return _Spans(rows, time(1), time(_WIDTH + 1), sa.func.substr(value, 2 * _WIDTH + 1))
