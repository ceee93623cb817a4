"""The history of a directory in a database is written: every change of a user or group.

A change is written in the transaction that makes it, with the spells of membership that it begins
and ends. `past_people` reads them.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, assert_never

import attrs
import sqlalchemy as sa
from sqlalchemy import insert, select, update
from sqlalchemy.engine import Connection

from exam_sharing.adapters.sqlalchemy import documents as stored
from exam_sharing.adapters.sqlalchemy.logs import CHANGES, record_row
from exam_sharing.adapters.sqlalchemy.tables import (
    DirectoryTables,
    listed,
    one_of,
)
from exam_sharing.directories import problem_of_replacing
from exam_sharing.history import (
    DirectoryChange,
    GroupChanged,
    HistoryBegan,
    NameReplaced,
    PrincipalRemoved,
    Recorded,
    UserChanged,
    change_between,
)
from exam_sharing.identifiers import GroupId, PrincipalId, principal_of

_KEYS: Final = "keys"


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
    if changed:
        _put(connection, tables, changed)


def _put(
    connection: Connection,
    tables: DirectoryTables,
    changed: Sequence[tuple[PrincipalId, DirectoryChange]],
    **columns: object,
) -> None:
    """Write changes, with the spells of membership that they begin and end."""
    numbered = insert(tables.changes).returning(
        tables.changes.c.number, sort_by_parameter_order=True
    )
    rows = [_row_of(principal, change) | columns for principal, change in changed]
    numbers = connection.execute(numbered, rows).scalars().all()
    _put_keys(connection, tables, numbers)
    for (principal, change), number in zip(changed, numbers, strict=True):
        _put_members(connection, tables, principal.key, change, number)
    if len(numbers) > 1:
        # One of them may have put another one into a group.
        _put_keys(connection, tables, numbers, more=True)


def put_replacement(
    connection: Connection, tables: DirectoryTables, replaced: NameReplaced, name_now: str | None
) -> int | str:
    """Replace the names of a principal as `PeopleHistory.replace_name` does.

    Where this is not possible, a text says why.
    """
    changes, key = tables.changes, replaced.principal.key
    of_principal = changes.c.principal == key
    newest = changes.c.at.desc(), changes.c.number.desc()
    last = connection.execute(
        select(changes.c.at, changes.c.active).where(of_principal).order_by(*newest).limit(1)
    ).first()
    problem = problem_of_replacing(replaced, name_now, was_recorded=last is not None)
    if last is None or problem is not None:
        return problem or ""
    other = update(changes).where(of_principal, changes.c.name != replaced.name)
    number = connection.execute(other.values(name=replaced.name)).rowcount
    if number > 0:
        change = attrs.evolve(replaced, at=max(replaced.at, last.at))
        # As before: it says nothing of whether the principal is active.
        _put(connection, tables, [(replaced.principal, change)], active=last.active)
    return number


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
    active = None if isinstance(change, PrincipalRemoved | NameReplaced) else True
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
    if isinstance(change, UserChanged | NameReplaced):
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
    asked = listed(_KEYS)
    # Found by index, however many changes of a principal there are.
    last = (
        select(changes.number)
        .where(changes.principal == asked.c.value, changes.kind != NameReplaced.__name__)
        .order_by(changes.at.desc(), changes.number.desc())
        .limit(1)
        .correlate(asked)
        .scalar_subquery()
    )
    newest = select(tables.changes).where(changes.number.in_(select(last).select_from(asked)))
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
            case PrincipalRemoved() | NameReplaced():
                pass
            case other:
                assert_never(other)
        found[row.principal] = state, row.at
    return found


def standing(connection: Connection, tables: DirectoryTables) -> list[PrincipalId]:
    """Return everybody who was recorded and not removed since."""
    changes = tables.changes.c
    changed = changes.kind != NameReplaced.__name__
    last = select(sa.func.max(changes.number)).where(changed).group_by(changes.principal)
    removed = changes.kind == PrincipalRemoved.__name__
    known = select(changes.principal).where(
        changes.number.in_(last), changes.principal.is_not(None), ~removed
    )
    return [principal_of(key) for key in connection.scalars(known)]


def groups_holding(
    connection: Connection, tables: DirectoryTables, principals: Iterable[PrincipalId]
) -> list[GroupId]:
    """Return the groups of which some principals are direct members, as far as was recorded."""
    members, keys = tables.past_members.c, [each.key for each in principals]
    held = one_of(members.member_key, _KEYS), members.ended.is_(None)
    found = connection.scalars(select(members.group_key).where(*held).distinct(), {_KEYS: keys})
    return [GroupId(key[2:]) for key in found]


def _put_keys(
    connection: Connection, tables: DirectoryTables, numbers: Sequence[int], *, more: bool = False
) -> None:
    """Let changes be found by their principals and by all groups around these now; or by `more`."""
    connection.execute(_keys_around(tables, more=more), {_KEYS: [str(each) for each in numbers]})


@lru_cache(maxsize=64)
def _keys_around(tables: DirectoryTables, *, more: bool) -> sa.Insert:
    """Return the statement that adds the keys of changes: the database walks to the groups."""
    changes, members, keys = tables.changes.c, tables.past_members.c, tables.change_keys.c
    numbers = select(sa.cast(listed(_KEYS).c.value, sa.BigInteger()))
    begin = select(changes.principal.label("key"), changes.at, changes.number)
    walk = begin.where(changes.number.in_(numbers)).cte("walk", recursive=True)
    around = sa.and_(members.member_key == walk.c.key, members.ended.is_(None))
    onward = select(members.group_key, walk.c.at, walk.c.number)
    walk = walk.union(onward.select_from(walk.join(tables.past_members, around)))
    found = select(walk.c.key, walk.c.at, walk.c.number)
    if more:
        same = keys.key == walk.c.key, keys.at == walk.c.at, keys.number == walk.c.number
        found = found.where(~sa.exists().where(*same))
    return insert(tables.change_keys).from_select(["key", "at", "number"], found)
