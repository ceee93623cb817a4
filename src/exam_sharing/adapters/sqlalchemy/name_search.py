"""Which principals a text suggests, and all of them by name, read a batch at a time.

Every batch is one statement, which begins behind the last row of the one before. It is made of
branches, each of which reads an index in the order of the answer and stops; only texts longer than
the word starts that are kept in full are matched first and sorted then.
"""

import sys
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import attrs
from sqlalchemy import ColumnElement, Row, Select, func, literal_column, select, tuple_, union_all
from sqlalchemy.sql.selectable import CompoundSelect, FromClause

from exam_sharing.adapters.sqlalchemy.directory_tables import (
    ADDRESS,
    INDEXED,
    LATER_WORD,
    SHORT,
    DirectoryTables,
)

__all__ = ["NamePlace", "NameSearch", "can_be_stored", "just_behind"]

_SURROGATES: Final = (0xD800, 0xE000)

_LONGEST_FOLDED: Final = 10_000
"""No folded name is this long: a name has 500 code points, each of which makes at most 18."""


class NamePlace(NamedTuple):
    """Behind which row a batch begins: a folded name in two parts, and a key; ranks come first."""

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
        """Return the place behind any folded name and key, whatever they hold."""
        storable = can_be_stored(name)
        name = just_behind(name)[:_LONGEST_FOLDED]
        return cls(0, name[:INDEXED], name[INDEXED:], just_behind(key) if storable else "")


@attrs.frozen(kw_only=True)
class NameSearch:
    """The statements that find principals by name."""

    tables: DirectoryTables

    def listed(self, after: NamePlace | None, limit: int) -> "Select[Any]":
        """Return the statement for those behind a place, by name, then by key."""
        names = self.tables.principals
        return self._branch(0, after, limit, names, names.c.name_start.is_not(None))

    def suggested(self, text: str, after: NamePlace | None, limit: int) -> "CompoundSelect[Any]":
        """Return the statement for those whom a folded text suggests, best first; some twice.

        First those whose name or address it is, then those whose name or address begins with it,
        then those of whose name a later word begins with it.
        """
        principals, starts = self.tables.principals, self.tables.word_starts
        found = starts.join(principals, principals.c.key == starts.c.key)
        head, tail = text[:INDEXED], text[INDEXED:]
        name_start, name_rest = principals.c.name_start, principals.c.name_rest
        if tail:
            name_begins = [name_start == head, func.substr(name_rest, 1, len(tail)) == tail]
        else:
            name_begins = _begins(name_start, head)
        branches: list[tuple[int, FromClause, Sequence[ColumnElement[bool]]]] = [
            (0, principals, (name_start == head, name_rest == tail)),
            (1, principals, name_begins),
            (1, found, self._starts_so(ADDRESS, head, principals.c.address, tail)),
            (2, found, self._starts_so(LATER_WORD, head, name_start + name_rest, tail)),
        ]
        if "@" in text:
            whole = (starts.c.kind == ADDRESS, starts.c.start == head)
            branches.append((0, found, (*whole, principals.c.address == text)))
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

    def _starts_so(
        self, kind: int, head: str, whole: ColumnElement[Any], tail: str
    ) -> list[ColumnElement[bool]]:
        starts = self.tables.word_starts
        conditions = [starts.c.kind == kind]
        if tail:
            follows = func.substr(whole, starts.c.at + 1, len(tail))
            return [*conditions, starts.c.start == head, follows == tail]
        if len(head) <= SHORT or len(head) == INDEXED:
            return [*conditions, starts.c.start == head]
        return [*conditions, *_begins(starts.c.start, head)]

    def _branch(
        self,
        rank: int,
        after: NamePlace | None,
        limit: int,
        source: FromClause,
        *conditions: ColumnElement[bool],
    ) -> "Select[Any]":
        """Return the first rows of one rank behind a place, in the order of the answer."""
        principals, starts = self.tables.principals, self.tables.word_starts
        # The index that finds the rows is the one to read them in order from.
        table = principals if source is principals else starts
        start, rest, key = table.c.name_start, principals.c.name_rest, table.c.key
        chosen = select(
            literal_column(str(rank)).label("rank"),
            key.label("key"),
            principals.c.name.label("name"),
            start.label("start"),
            rest.label("rest"),
        ).select_from(source)
        if after is not None:
            behind = tuple_(start, rest, key) > tuple_(after.start, after.rest, after.key)
            conditions = (*conditions, start >= after.start, behind)
        return chosen.where(*conditions).order_by(start, rest, key).limit(limit)


def can_be_stored(text: str) -> bool:
    """Say whether a stored text can hold all of this: no NUL and no lone surrogate."""
    return all(map(_can_be_stored, text))


def just_behind(text: str) -> str:
    """Return the text, or if it cannot be stored, where in the order it would be.

    Every stored text is behind the one exactly if it is behind, or is, the other.
    """
    for place, character in enumerate(text):
        if not _can_be_stored(character):
            return text[:place] + ("\x01" if character == "\x00" else chr(_SURROGATES[1]))
    return text


def _can_be_stored(character: str) -> bool:
    return character != "\x00" and not _SURROGATES[0] <= ord(character) < _SURROGATES[1]


def _begins(column: ColumnElement[str], text: str) -> list[ColumnElement[bool]]:
    """Return the conditions that a text begins so, as a range of an index."""
    conditions: list[ColumnElement[bool]] = [column >= text]
    stripped = text.rstrip(chr(sys.maxunicode))
    if stripped:
        following = ord(stripped[-1]) + 1
        if following == _SURROGATES[0]:
            following = _SURROGATES[1]
        conditions.append(column < stripped[:-1] + chr(following))
    return conditions
