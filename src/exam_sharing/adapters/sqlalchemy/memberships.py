"""The statements of a directory over a host's own users, groups and memberships.

Every statement has the same three parameters: `users` and `groups`, the ids that the question
names, and `actor`, the id of who asks. Rows name principals by their keys.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

import attrs
import sqlalchemy as sa
from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.sql import FromClause

from exam_sharing.adapters.sqlalchemy.columns import (
    Given,
    as_text,
    element_of,
    exact,
    from_text,
    id_of,
    is_one_of,
    stored_alike,
    table_of,
    truth_of,
)
from exam_sharing.adapters.sqlalchemy.name_search import Shown
from exam_sharing.adapters.sqlalchemy.reading import Question
from exam_sharing.errors import InvalidArgument
from exam_sharing.validation import require_callable, require_kind

_Condition: TypeAlias = ColumnElement[bool]
Asked: TypeAlias = Question[tuple[Any, ...]]
Visible: TypeAlias = Callable[[ColumnElement[Any]], Given]
"""Makes the condition that an actor may see a row, from the actor's id as an SQL expression."""


def everything(_actor: ColumnElement[Any]) -> Given:
    """Let every actor see every row."""
    return sa.true()


@attrs.frozen(kw_only=True, eq=False)
class UserColumns:
    """The columns of a host's users, all of one table, alias or subquery.

    Attributes:
        id: text, a whole number or a UUID; never used again for another user.
        name: what colleagues call them.
        email: where mail reaches them.
        active: whether they may act and hold anything.
        sharing_in_plan: whether their service plan includes sharing.
        notices: whether they want notices of shares.
        where: the condition under which a row is a user at all.
        visible: makes the condition that an actor may see a user, from the actor's id.
    """

    id: Given
    name: Given
    email: Given | None = None
    active: Given | bool = True
    sharing_in_plan: Given | bool = True
    notices: Given | bool = True
    where: Given | bool = True
    visible: Visible = everything


@attrs.frozen(kw_only=True, eq=False)
class GroupColumns:
    """The columns of a host's groups, all of one table, alias or subquery.

    Attributes:
        id: text, a whole number or a UUID; never used again for another group.
        name: what the group is called.
        where: the condition under which a row is a group at all.
        visible: makes the condition that an actor may see a group, from the actor's id.
        members_visible: makes the condition that an actor may see the members of a group.
    """

    id: Given
    name: Given
    where: Given | bool = True
    visible: Visible = everything
    members_visible: Visible = everything


@attrs.frozen(kw_only=True, eq=False)
class MemberColumns:
    """The columns of a host's memberships, both of one table, alias or subquery.

    Attributes:
        member: the id of the user or group that is a member.
        group: the id of the group that they are in.
        where: the condition under which a row is a membership at all.
    """

    member: Given
    group: Given
    where: Given | bool = True


@attrs.frozen
class _Kept:
    """The users or the groups of a host, as parts of statements."""

    field: str
    kind: str
    given: UserColumns | GroupColumns
    id: ColumnElement[Any]
    table: FromClause

    @classmethod
    def of(cls, field: str, kind: str, given: UserColumns | GroupColumns) -> "_Kept":
        """Return the users or groups of these columns."""
        columns = attrs.asdict(given, recurse=False).items()
        of_rows = (each for name, each in columns if "visible" not in name)
        return cls(field, kind, given, id_of(f"{field}.id", given.id), table_of(field, *of_rows))

    @property
    def key(self) -> ColumnElement[Any]:
        """The key of a row."""
        return _key(self.kind, self.id).label("key")

    @property
    def name(self) -> ColumnElement[Any]:
        """The name of a row."""
        name = sa.cast(element_of(f"{self.field}.name", self.given.name), sa.Text())
        return sa.func.coalesce(name, sa.literal_column("''")).label("name")

    def truth(self, name: str) -> _Condition:
        """Return the condition that a setting of a row is true."""
        return truth_of(f"{self.field}.{name}", getattr(self.given, name))

    def seen(self, name: str, actor: ColumnElement[Any]) -> _Condition:
        """Return the condition that a rule of visibility lets the actor see a row."""
        field, visible = f"{self.field}.{name}", getattr(self.given, name)
        require_callable(field, visible)
        return truth_of(field, visible(actor))

    @property
    def named(self) -> _Condition:
        """The condition that the question names a row."""
        return is_one_of(self.id, self.field)

    def select(self, *columns: ColumnElement[Any]) -> Select[Any]:
        """Return a select of the rows that are there."""
        return select(*columns).select_from(self.table).where(self.truth("where"))

    def is_of(self, member: ColumnElement[Any], *conditions: _Condition) -> _Condition:
        """Return the condition that the row of an id is there and meets conditions.

        Not a join: PostgreSQL expects too many rows of a walk, and would read the whole table.
        """
        row = self.select(sa.true()).where(exact(self.id) == member, *conditions)
        return row.scalar_subquery().is_(sa.true())


class Questions:
    """Every question to a directory, over the columns that a host has given."""

    def __init__(
        self,
        *,
        users: UserColumns,
        groups: GroupColumns | None,
        users_in_groups: MemberColumns | None,
        groups_in_groups: MemberColumns | None,
    ) -> None:
        require_kind("users", users, UserColumns)
        require_kind("groups", groups, GroupColumns, type(None))
        if groups is None and (users_in_groups is not None or groups_in_groups is not None):
            raise InvalidArgument("groups", "must be given where there are memberships")
        self._users = people = _Kept.of("users", "u:", users)
        self._groups = teams = _Kept.of("groups", "g:", groups or _NO_GROUPS)
        self.ids: tuple[ColumnElement[Any], ColumnElement[Any]] = people.id, teams.id
        self._nested = groups_in_groups is not None
        self._in = _memberships("users_in_groups", users_in_groups, people, teams)
        self._inside = _memberships("groups_in_groups", groups_in_groups, teams, teams)
        actor = from_text(people.id, sa.bindparam("actor", type_=sa.String()))
        active, sees_user = people.truth("active"), people.seen("visible", actor)
        sees_group = teams.seen("visible", actor)
        email = sa.null() if users.email is None else element_of("users.email", users.email)
        address = sa.cast(email, sa.Text()).label("email")

        # Active users, a row for each of their groups; and known users, with their settings.
        self.principals_of: Asked = _question(self._with_groups().where(active))
        named = "active", "sharing_in_plan", "notices"
        settings = [_flag(people.truth(name)).label(name) for name in named]
        self.profiles: Asked = _question(self._with_groups(*settings, address))

        # The active users that principals reach, each with the key of the principal.
        themselves = people.select(people.key.label("began"), people.key)
        self.people_behind: Asked = _question(
            themselves.where(people.named, active), self._people_in_groups(active)
        )

        # Those of the principals whom the actor sees, and everybody whom the actor sees.
        seen_users = people.select(people.key).where(active, sees_user)
        seen_groups = teams.select(teams.key).where(sees_group)
        self.seen_by: Asked = _question(
            seen_users.where(people.named), seen_groups.where(teams.named)
        )
        no_address = sa.cast(sa.null(), sa.Text()).label("email")
        self.choices: Asked = _question(
            seen_users.add_columns(people.name, address),
            seen_groups.add_columns(teams.name, no_address),
        )
        self.names: Asked = _question(
            *(each.select(each.key, each.name).where(each.named) for each in (people, teams))
        )
        opens = teams.seen("members_visible", actor)
        shown = active & sees_user, sees_group, opens
        self.members_seen_by: Asked = _question(*self._members_seen_by(*shown))
        # The answers of several questions at once, each row with the part that it belongs to.
        named_users = seen_users.add_columns(people.name).where(people.named)
        named_groups = seen_groups.add_columns(teams.name).where(teams.named)
        reached = themselves.where(people.named, active), self._people_in_groups(active, "down")
        self.people_seen: Asked = _question(
            *(_part("seen", each) for each in (named_users, named_groups)),
            *(_part("behind", each) for each in reached),
            *(_part("member", each) for each in self._members_seen_by(*shown, walk="open_down")),
        )
        self.above: Asked = _question(*self._above())

        # What the history keeps: users and groups, then the direct members of groups.
        yes = sa.true().label("active"), sa.true().label("sharing_in_plan")
        flags = [_flag(people.truth(name)).label(name) for name in ("active", "sharing_in_plan")]
        every_user = people.select(people.key, people.name, *flags)
        every_group = teams.select(teams.key, teams.name, *yes)
        self.states: Asked = _question(
            every_user.where(people.named), every_group.where(teams.named)
        )
        self.every_state: Asked = _question(every_user, every_group)
        self.members: Asked = _question(*self._direct_members(named=True))
        self.every_member: Asked = _question(*self._direct_members(named=False))

        # What the search by name shows of a principal, by its key; and everybody that it can find.
        self._shown = (people, (active, sees_user), address), (teams, (sees_group,), no_address)
        everybody = people.select(people.key, people.name, address).where(active)
        every_team = teams.select(teams.key, teams.name, no_address)
        self.everybody: Asked = _question(everybody, every_team)
        self.named: Asked = _question(everybody.where(people.named), every_team.where(teams.named))

    def shown(self, key: ColumnElement[str]) -> Shown:
        """Return what is shown of the principal of a key, as the host's tables have it now."""
        is_user = sa.func.substr(key, 1, 2) == sa.literal_column("'u:'")
        value = sa.func.substr(key, 3)
        parts: list[tuple[_Condition, ColumnElement[Any], ColumnElement[Any]]] = []
        for kept, conditions, address in self._shown:
            id_ = from_text(kept.id, value)
            row = exact(kept.id) == id_
            columns = [kept.select(each).where(row) for each in (kept.name, address)]
            texts = [each.scalar_subquery() for each in columns]
            parts.append((kept.is_of(id_, *conditions), texts[0], texts[1]))
        user, group = parts
        # Only the branch of its kind converts a key, since that of the other kind could fail.
        condition, name, email = (
            sa.case((is_user, of_user), else_=of_group)
            for of_user, of_group in zip(user, group, strict=True)
        )
        return Shown(condition.is_(sa.true()), name, email)

    def _walk(
        self, start: Select[Any], near: str, far: str, *only: _Condition, name: str = "walk"
    ) -> sa.CTE:
        """Follow groups in groups, from the column `near` of a membership to its column `far`."""
        if not self._nested:
            return start.cte(name)
        walk, inside = start.cte(name, recursive=True), self._inside.c
        carried = [column for column in walk.c if column.key != "reached"]
        onward = select(*carried, exact(inside[far])).select_from(
            self._inside.join(walk, exact(inside[near]) == walk.c.reached)
        )
        return walk.union(onward.where(self._groups.is_of(exact(inside[far]), *only)))

    def _up(self) -> sa.CTE:
        """Return the known groups that the users of the question are in."""
        member, group = exact(self._in.c.member), exact(self._in.c.group)
        direct = select(member.label("began"), group.label("reached")).where(
            is_one_of(self._in.c.member, "users"), self._groups.is_of(group)
        )
        return self._walk(direct, "member", "group")

    def _with_groups(self, *settings: ColumnElement[Any]) -> Select[Any]:
        people, up = self._users, self._up()
        reached = _key("g:", up.c.reached).label("reached")
        rows = people.select(people.key, reached, *settings).where(people.named)
        return rows.select_from(people.table.outerjoin(up, exact(people.id) == up.c.began))

    def _people_in_groups(self, active: _Condition, walk: str = "walk") -> Select[Any]:
        teams, member = self._groups, exact(self._in.c.member)
        start = teams.select(teams.key.label("began"), exact(teams.id).label("reached"))
        down = self._walk(start.where(teams.named), "group", "member", name=walk)
        inside = self._in.join(down, exact(self._in.c.group) == down.c.reached)
        reached = _key("u:", self._in.c.member).label("key")
        rows = select(down.c.began, reached).select_from(inside)
        return rows.where(self._users.is_of(member, active))

    def _members_seen_by(
        self,
        sees_user: _Condition,
        sees_group: _Condition,
        opens: _Condition,
        walk: str = "walk",
    ) -> Iterator[Select[Any]]:
        """Yield the members of the groups whose members the actor may see."""
        teams = self._groups
        start = teams.select(exact(teams.id).label("reached")).where(teams.named, opens)
        down = self._walk(start, "group", "member", opens, name=walk)
        for kept, members, sees in (
            (self._users, self._in, sees_user),
            (teams, self._inside, sees_group),
        ):
            member, group = members.c.member, members.c.group
            seen = kept.is_of(exact(member), sees).label("seen")
            columns = _key("g:", group).label("began"), _key(kept.kind, member).label("key"), seen
            inside = members.join(down, exact(group) == down.c.reached)
            yield select(*columns).select_from(inside)

    def _direct_members(self, *, named: bool) -> Iterator[Select[Any]]:
        """Yield the direct memberships of known groups."""
        for kind, members in (("u:", self._in), ("g:", self._inside)):
            member, group = members.c.member, members.c.group
            rows = select(_key("g:", group).label("key"), _key(kind, member).label("member"))
            rows = rows.where(self._groups.is_of(exact(group)))
            yield rows.where(is_one_of(group, "groups")) if named else rows

    def _above(self) -> Iterator[Select[Any]]:
        """Yield every membership on the ways up from the users of the question."""
        up = self._up()
        for kind, members in (("u:", self._in), ("g:", self._inside)):
            member, group = members.c.member, members.c.group
            rows = select(_key(kind, member).label("member"), _key("g:", group).label("key"))
            rows = rows.where(self._groups.is_of(exact(group)))
            if kind == "u:":
                yield rows.where(is_one_of(member, "users"))
            else:
                yield rows.select_from(members.join(up, exact(member) == up.c.reached))


def _part(name: str, rows: Select[Any]) -> Select[Any]:
    """Return rows with the name of their part, and null for the columns that only others have."""
    those = rows.subquery()
    columns = {
        "began": sa.cast(sa.null(), sa.Text()),
        "key": sa.null(),
        "name": sa.cast(sa.null(), sa.Text()),
        "seen": sa.cast(sa.null(), sa.Boolean()),
    }
    values = (those.c.get(each, default) for each, default in columns.items())
    labelled = (value.label(each) for each, value in zip(columns, values, strict=True))
    return select(sa.literal_column(f"'{name}'").label("part"), *labelled)


def _question(*parts: Select[Any]) -> Asked:
    return Question(sa.union_all(*parts) if len(parts) > 1 else parts[0], tuple)


_NOBODY: Final = select(sa.literal("").label("id")).where(sa.false()).subquery("no_groups")
_NO_GROUPS: Final = GroupColumns(id=_NOBODY.c.id, name=_NOBODY.c.id)


def _key(kind: str, ids: ColumnElement[Any]) -> ColumnElement[Any]:
    # Not a parameter, so that the driver need not be told its type.
    return sa.literal_column(f"'{kind}'").concat(as_text(ids))


def _flag(truth: _Condition) -> ColumnElement[bool]:
    """Return a condition as a value, false where it is null."""
    return sa.func.coalesce(truth, sa.false(), type_=sa.Boolean())


def _memberships(
    field: str, given: MemberColumns | None, members: _Kept, groups: _Kept
) -> FromClause:
    """Return all memberships as a subquery, whether the groups are known or not."""
    require_kind(field, given, MemberColumns, type(None))
    if given is None:
        nobody = (sa.cast(sa.null(), each.id.type) for each in (members, groups))
        columns = zip(("member", "group"), nobody, strict=True)
        return select(*(each.label(name) for name, each in columns)).where(sa.false()).subquery()
    member, group = id_of(f"{field}.member", given.member), id_of(f"{field}.group", given.group)
    for name, column, known in (("member", member, members), ("group", group, groups)):
        if not stored_alike(column, known.id):
            problem = (
                f"is of type {column.type!r}, but the id of {known.field} is {known.id.type!r}"
            )
            raise InvalidArgument(f"{field}.{name}", problem)
    rows = select(member.label("member"), group.label("group"))
    table = table_of(field, given.member, given.group, given.where)
    return rows.select_from(table).where(truth_of(f"{field}.where", given.where)).subquery()
