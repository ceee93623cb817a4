"""The history of a directory in a database is written: every change of a user or group.

A change is written in the transaction that makes it, with the spells of membership that it begins
and ends. `past_people` reads them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, assert_never

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
from exam_sharing.history import (
    DirectoryChange,
    GroupChanged,
    HistoryBegan,
    PrincipalRemoved,
    Recorded,
    UserChanged,
    change_between,
)
from exam_sharing.identifiers import PrincipalId, principal_of

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
