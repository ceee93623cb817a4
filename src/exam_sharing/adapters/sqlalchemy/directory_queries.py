"""The statements of the directory: who is in what, to any depth, and whom a text suggests.

A walk begins at the keys in the parameter `KEYS` and goes up from members to groups, or down from
groups to members. It is one recursive statement, and passes each principal once.

A search is read a batch at a time. Every batch is one statement, which begins after the last row of
the batch before. A statement consists of branches, each of which reads an index in the order of the
answer and stops; only texts longer than `SHORT` are matched first and sorted then. Of several words
the longest leads the search.
"""

import sys
from typing import Any, Final, NamedTuple, TypeAlias

import attrs
from sqlalchemy import (
    CTE,
    BindParameter,
    Column,
    ColumnElement,
    Integer,
    Row,
    ScalarSelect,
    Select,
    Table,
    bindparam,
    exists,
    func,
    literal_column,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.sql.selectable import CompoundSelect, FromClause

from exam_sharing.adapters.sqlalchemy.questions import one_of
from exam_sharing.adapters.sqlalchemy.tables import INDEXED, DirectoryTables
from exam_sharing.names import SHORT, Findable, Fit, KeyKind, Typed

__all__ = [
    "AT_MOST",
    "KEYS",
    "MembershipWalks",
    "NamePlace",
    "NameSearch",
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
