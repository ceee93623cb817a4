"""How the tables of a directory change: within one transaction that its caller owns.

Changes to groups come one after the other, whoever makes them, so that no two of them make a cycle
together: on PostgreSQL the table of memberships is locked against other writers; on SQLite the
transaction has locked everything when it began.
"""

from typing import Any, Final, assert_never

from sqlalchemy import BindParameter, bindparam, delete, insert, select, text
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Connection

from exam_sharing.adapters.sqlalchemy.directory_tables import INDEXED, DirectoryTables
from exam_sharing.adapters.sqlalchemy.lists import one_of
from exam_sharing.adapters.sqlalchemy.membership_walks import AT_MOST, KEYS, MembershipWalks
from exam_sharing.directories import Account, Known, require_not_removed
from exam_sharing.errors import MembershipCycle
from exam_sharing.identifiers import GroupId, PrincipalKey, principal_of
from exam_sharing.names import Findable
from exam_sharing.principals import Group

__all__ = ["DirectoryChanges"]

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
