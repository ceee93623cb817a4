"""The tables of a directory: users, groups, who is in what, and where their names are found.

A host calls `define_directory_tables` with its own `MetaData`, so that its migrations see them.

Names and addresses are found by their folded form. An index of PostgreSQL takes no long texts, so
what is indexed is the start of a folded text. What is found by it alone is looked at again.
Texts are compared code point by code point: PostgreSQL is told so by its collation "C", and SQLite
compares no other way.
"""

from functools import cache
from typing import Any, Final

import attrs
from sqlalchemy import Boolean, Column, Index, MetaData, SmallInteger, Table, Text
from sqlalchemy.types import TypeEngine

from exam_sharing.adapters.sqlalchemy.naming import (
    longest_name,
    require_prefix,
    require_schema,
)
from exam_sharing.names import LONGEST_WORD
from exam_sharing.validation import require_instance

__all__ = [
    "INDEXED",
    "DirectoryTables",
    "define_directory_tables",
]

INDEXED: Final = LONGEST_WORD
"""How many code points of a folded text are indexed: with a key, less than PostgreSQL's limit."""


@attrs.frozen(kw_only=True)
class DirectoryTables:
    """The tables of a directory.

    Attributes:
        metadata: what they were defined in.
        principals: users and groups, each with its folded name where it can be chosen.
        memberships: the direct members of groups, known or not.
        search_keys: whole names, and how addresses and words of names begin, for those who can be
            chosen.
        removed: the keys of users and groups that were removed, which are never used again.
    """

    metadata: MetaData
    principals: Table
    memberships: Table
    search_keys: Table
    removed: Table

    def all(self) -> tuple[Table, ...]:
        """Return every table, in the order in which they can be created."""
        return self.principals, self.memberships, self.search_keys, self.removed


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
    require_instance("metadata", metadata, MetaData)
    require_prefix(prefix, _longest())
    require_schema(metadata, schema)
    return _defined(metadata, prefix, schema)


@cache
def _longest() -> int:
    return longest_name(_defined(MetaData(), "", None).all())


def _defined(metadata: MetaData, prefix: str, schema: str | None) -> DirectoryTables:
    def table(name: str, *columns: Column[Any], rowid: bool = True) -> Table:
        full_name = f"{prefix}{name}"
        return Table(full_name, metadata, *columns, schema=schema, sqlite_with_rowid=rowid)

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
        # The folded address, which says with the name whether the search keys change.
        Column("address", _text()),
    )
    Index(f"ix_{prefix}principals_by_name", principals.c.name_start, principals.c.key)
    memberships = table(
        "memberships",
        Column("group_key", _text(), primary_key=True),
        Column("member_key", _text(), primary_key=True),
    )
    Index(f"ix_{prefix}memberships_of", memberships.c.member_key, memberships.c.group_key)
    keys = table(
        "search_keys",
        Column("kind", SmallInteger(), primary_key=True, autoincrement=False),
        Column("start", _text(), primary_key=True),
        Column("name_start", _text(), primary_key=True),
        Column("key", _text(), primary_key=True),
        # The whole row is its key: SQLite keeps it once instead of twice.
        rowid=False,
    )
    Index(f"ix_{prefix}search_keys_of", keys.c.key)
    return DirectoryTables(
        metadata=metadata,
        principals=principals,
        memberships=memberships,
        search_keys=keys,
        removed=table("removed_principals", Column("key", _text(), primary_key=True)),
    )


def _text() -> TypeEngine[str]:
    return Text().with_variant(Text(collation="C"), "postgresql")
