"""The tables of a directory: users, groups, who is in what, and where their names are found.

A host calls `define_directory_tables` with its own `MetaData`, so that its migrations see them.

Names and addresses are found by their folded form. An index of PostgreSQL takes no long texts, so
what is indexed is the start of a folded text; the rest, nearly always empty, stands beside it.
Texts are compared code point by code point: PostgreSQL is told so by its collation "C", and SQLite
compares no other way.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, Final, TypedDict

import attrs
from sqlalchemy import Boolean, Column, Index, Integer, MetaData, SmallInteger, Table, Text
from sqlalchemy.types import TypeEngine

from exam_sharing.adapters.sqlalchemy.naming import (
    longest_name,
    require_prefix,
    require_schema,
)
from exam_sharing.names import later_words

__all__ = [
    "ADDRESS",
    "INDEXED",
    "LATER_WORD",
    "SHORT",
    "DirectoryTables",
    "WordStart",
    "define_directory_tables",
    "word_starts",
]

INDEXED: Final = 100
"""How many code points of a folded text are indexed: with a key, less than PostgreSQL's limit."""

SHORT: Final = 6
"""Up to this length, each start of a word is kept, so that short texts are answered in order."""

ADDRESS: Final = 1
LATER_WORD: Final = 2


class WordStart(TypedDict):
    """A row of the table of word starts, without whose it is."""

    kind: int
    start: str
    at: int


@attrs.frozen(kw_only=True)
class DirectoryTables:
    """The tables of a directory.

    Attributes:
        metadata: what they were defined in.
        principals: users and groups, each with its folded name where it can be chosen.
        memberships: the direct members of groups, known or not.
        word_starts: how addresses and later words of names begin, for those who can be chosen.
        removed: the keys of users and groups that were removed, which are never used again.
    """

    metadata: MetaData
    principals: Table
    memberships: Table
    word_starts: Table
    removed: Table

    def all(self) -> tuple[Table, ...]:
        """Return every table, in the order in which they can be created."""
        return self.principals, self.memberships, self.word_starts, self.removed


def define_directory_tables(
    metadata: MetaData, *, prefix: str = "exam_sharing_", schema: str | None = None
) -> DirectoryTables:
    """Define the tables of a directory in a host's `MetaData`.

    Args:
        metadata: where to define them.
        prefix: what the name of each table begins with: letters, digits and underscores.
        schema: the database schema; by default the one of the metadata.

    Raises:
        InvalidValue: a name with the prefix, or the schema, is unfit for PostgreSQL or SQLite.
    """
    require_prefix(prefix, _longest())
    require_schema(schema)
    return _defined(metadata, prefix, schema)


@cache
def _longest() -> int:
    return longest_name(_defined(MetaData(), "", None).all())


def _defined(metadata: MetaData, prefix: str, schema: str | None) -> DirectoryTables:
    def table(name: str, *columns: Column[Any]) -> Table:
        return Table(f"{prefix}{name}", metadata, *columns, schema=schema)

    principals = table(
        "principals",
        Column("key", _text(), primary_key=True),
        Column("name", _text(), nullable=False),
        Column("email", _text()),
        Column("active", Boolean(), nullable=False),
        Column("sharing_in_plan", Boolean(), nullable=False),
        Column("notices", Boolean(), nullable=False),
        # The folded name in two parts, the first null for those who cannot be chosen.
        Column("name_start", _text()),
        Column("name_rest", _text(), nullable=False),
        Column("address", _text()),
    )
    Index(f"ix_{prefix}principals_by_name", principals.c.name_start, principals.c.key)
    memberships = table(
        "memberships",
        Column("group_key", _text(), primary_key=True),
        Column("member_key", _text(), primary_key=True),
    )
    Index(f"ix_{prefix}memberships_of", memberships.c.member_key, memberships.c.group_key)
    starts = table(
        "word_starts",
        Column("kind", SmallInteger(), primary_key=True, autoincrement=False),
        Column("start", _text(), primary_key=True),
        Column("name_start", _text(), primary_key=True),
        Column("key", _text(), primary_key=True),
        Column("at", Integer(), primary_key=True, autoincrement=False),
    )
    Index(f"ix_{prefix}word_starts_of", starts.c.key)
    return DirectoryTables(
        metadata=metadata,
        principals=principals,
        memberships=memberships,
        word_starts=starts,
        removed=table("removed_principals", Column("key", _text(), primary_key=True)),
    )


def word_starts(name: str, address: str | None) -> Iterator[WordStart]:
    """Yield how the address and the later words of a name begin, all of them folded.

    Where a start is as long as can be indexed, `at` says where in the name what follows it begins;
    it is 0 otherwise.
    """
    texts = [(LATER_WORD, word, len(name) - len(word)) for word in later_words(name)]
    if address is not None:
        texts.append((ADDRESS, address, 0))
    passed = set()
    for kind, text, place in texts:
        for length in (*range(1, SHORT + 1), INDEXED):
            start = text[:length]
            at = place + INDEXED if len(start) == INDEXED else 0
            if (kind, start, at) not in passed:
                passed.add((kind, start, at))
                yield WordStart(kind=kind, start=start, at=at)


def _text() -> TypeEngine[str]:
    return Text().with_variant(Text(collation="C"), "postgresql")
