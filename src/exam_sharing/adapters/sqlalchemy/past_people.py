"""The history of a directory in a database is read: who was in what, and which changes mattered.

Membership is kept as spells, each from one change until another, so that the groups of any moment
are read like those of today: by one recursive statement over an index, and never by the number of
changes elsewhere. `recording_people` writes what is read here.
"""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import attrs
import sqlalchemy as sa
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.engine import Connection
from typing_extensions import override

from exam_sharing import ports
from exam_sharing.adapters.sqlalchemy import documents as stored
from exam_sharing.adapters.sqlalchemy.database import Transactions, require_shape
from exam_sharing.adapters.sqlalchemy.engines import in_our_words, or_conflict
from exam_sharing.adapters.sqlalchemy.recording_people import lock_changes, put_replacement
from exam_sharing.adapters.sqlalchemy.tables import (
    ByDialect,
    DirectoryTables,
    Instant,
    listed,
)
from exam_sharing.adapters.sqlalchemy.trail import within
from exam_sharing.errors import InvalidArgument
from exam_sharing.history import (
    Happening,
    NameReplaced,
    Stretch,
)
from exam_sharing.identifiers import GroupId, PrincipalId, UserId, principal_of
from exam_sharing.policy.past import Moment, PeopleThen, Span
from exam_sharing.seals import microseconds
from exam_sharing.validation import require_kind, tuple_of

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

    @override
    def replace_name(self, replaced: NameReplaced) -> int:
        require_kind("replaced", replaced, NameReplaced)
        number = self._replace(self._kept(), replaced)
        if isinstance(number, str):
            raise InvalidArgument("principal", number)
        return number

    @or_conflict
    def _replace(self, tables: DirectoryTables, replaced: NameReplaced) -> int | str:
        principal = replaced.principal
        with self._transactions.writing_inside() as connection:
            require_shape(connection, tables.schema)
            lock_changes(connection, [principal.key])
            return put_replacement(
                connection, tables, replaced, self._name_now(connection, principal)
            )

    @abstractmethod
    def _name_now(self, connection: Connection, principal: PrincipalId) -> str | None:
        """Return the name that a principal has in the directory; `None` if it is not there."""


def _users(keys: Iterable[str]) -> frozenset[UserId]:
    return frozenset(UserId(key[2:]) for key in keys if key.startswith("u:"))


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
    near = members.member_key == walk.c.group_key
    if down:
        # Only groups have members: nothing is looked up for users.
        near = sa.and_(walk.c.member_key.like("g:%"), members.group_key == walk.c.member_key)
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
    of_user = sa.case((walk.member_key.like("u:%"), active))
    return select(walk.group_key, walk.member_key, of_user.label("active"))


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
