"""Who is in what, to any depth: each question one recursive statement.

A walk begins at the keys in the parameter `KEYS`, goes from members to groups (up) or from groups
to members (down), and passes everything once, however many ways there are.
"""

from typing import Any, Final

import attrs
from sqlalchemy import (
    CTE,
    BindParameter,
    Column,
    ColumnElement,
    Integer,
    ScalarSelect,
    Select,
    Table,
    bindparam,
    func,
    select,
)

from exam_sharing.adapters.sqlalchemy.directory_tables import DirectoryTables
from exam_sharing.adapters.sqlalchemy.lists import one_of

__all__ = ["AT_MOST", "KEYS", "MembershipWalks", "is_user"]

KEYS: Final = "keys"
"""The parameter of every statement: one key for `principals_of` and `above`, else several."""

AT_MOST: Final = "at_most"
"""The parameter of those statements of which only the first rows may be wanted."""


@attrs.frozen(kw_only=True)
class MembershipWalks:
    """The statements that follow memberships.

    Attributes:
        tables: of the directory.
        postgresql: whether they are for PostgreSQL; they are for SQLite otherwise.
    """

    tables: DirectoryTables
    postgresql: bool

    def principals_of(self) -> "Select[Any]":
        """Return the statement for the keys of an active user and of all that hold them."""
        principals = self.tables.principals
        start = select(principals.c.key.label("reached")).where(
            principals.c.key == bindparam(KEYS), principals.c.active.is_(True)
        )
        return select(self._up(start).c.reached)

    def profiles(self) -> "Select[Any]":
        """Return the statement for known users, a row for each principal that holds them."""
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

        Each says whether its member is active; it says nothing of one that is not known.
        """
        principals, memberships = self.tables.principals, self.tables.memberships
        start = select(principals.c.key.label("reached")).where(self._one_of(principals.c.key))
        walk = self._down(start, ~is_user(memberships.c.member_key))
        return select(
            memberships.c.group_key,
            memberships.c.member_key,
            self._active(memberships.c.member_key).label("there"),
        ).join(walk, walk.c.reached == memberships.c.group_key)

    def above(self) -> "Select[Any]":
        """Return the statement for every membership by which somebody is in anything."""
        memberships = self.tables.memberships
        start = select(memberships.c.member_key.label("reached"))
        walk = self._up(start.where(memberships.c.member_key == bindparam(KEYS)))
        return select(memberships.c.member_key, memberships.c.group_key).join(
            walk, walk.c.reached == memberships.c.member_key
        )

    def first_above(self) -> "Select[Any]":
        """Return the statement for some of the groups that hold principals."""
        memberships = self.tables.memberships
        start = select(memberships.c.group_key.label("reached"))
        walk = self._up(start.where(self._one_of(memberships.c.member_key)))
        return select(walk.c.reached).limit(_at_most())

    def first_below(self) -> "Select[Any]":
        """Return the statement for some of the groups that groups hold."""
        memberships = self.tables.memberships
        inner = ~is_user(memberships.c.member_key)
        start = select(memberships.c.member_key.label("reached"))
        walk = self._down(start.where(self._one_of(memberships.c.group_key), inner), inner)
        return select(walk.c.reached).limit(_at_most())

    def _known(self) -> "Select[Any]":
        key = self.tables.principals.c.key
        return select(key.label("began"), key.label("reached")).where(self._one_of(key))

    def _active(self, key: ColumnElement[str]) -> "ScalarSelect[Any]":
        # Not a join: guessing too many rows of a walk, PostgreSQL would read all principals for it.
        principals = self.tables.principals
        return select(principals.c.active).where(principals.c.key == key).scalar_subquery()

    def _one_of(self, column: "Column[Any]") -> ColumnElement[bool]:
        return one_of(column, KEYS, postgresql=self.postgresql)

    def _up(self, start: "Select[Any]") -> CTE:
        memberships = self.tables.memberships
        return _walk(start, memberships, memberships.c.member_key, memberships.c.group_key)

    def _down(self, start: "Select[Any]", *only: ColumnElement[bool]) -> CTE:
        memberships = self.tables.memberships
        return _walk(start, memberships, memberships.c.group_key, memberships.c.member_key, *only)


def is_user(key: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that a key is a user's."""
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
