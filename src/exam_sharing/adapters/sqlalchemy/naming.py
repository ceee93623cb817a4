"""What hosts may call our tables: names that every database and every driver takes as they are.

PostgreSQL cuts longer names, and then looks for others than it made. A driver may take a percent
sign for the mark of a parameter.
"""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import MetaData, Table

from exam_sharing.errors import InvalidArgument
from exam_sharing.validation import require_kind

__all__ = ["longest_name", "require_prefix", "require_schema"]

_MOST: Final = 63
"""How many bytes of a name PostgreSQL keeps."""

_RESERVED: Final = "sqlite_"
_UNFIT: Final = frozenset("%\"'`\\")


def longest_name(tables: Iterable[Table]) -> int:
    """Return how many bytes the longest name of a table or of an index has."""
    names = [[table.name, *(str(index.name) for index in table.indexes)] for table in tables]
    return max(_size(name) for group in names for name in group)


def require_prefix(prefix: str, longest: int) -> None:
    """Raise unless names with the prefix can be used, the longest of which has so many bytes more.

    Raises:
        InvalidValue: it holds something other than letters, digits and underscores, or is reserved
            or too long.
        WrongKind: it is no text.
    """
    require_kind("prefix", prefix, str)
    if not all(each.isalnum() or each == "_" for each in prefix):
        raise InvalidArgument("prefix", "must consist of letters, digits and underscores")
    if prefix.lower().startswith(_RESERVED):
        raise InvalidArgument("prefix", f"must not begin with {_RESERVED}, which SQLite reserves")
    if _size(prefix) + longest > _MOST:
        raise InvalidArgument(
            "prefix", f"must have at most {_MOST - longest} bytes, or PostgreSQL cuts the names"
        )


def require_schema(metadata: MetaData, schema: str | None) -> None:
    """Raise unless a database schema of this name, or else that of the metadata, can be used.

    Raises:
        InvalidValue: it is empty or too long, or holds a percent sign, a quotation mark, a
            backslash or a character that cannot be printed.
        WrongKind: it is no text.
    """
    require_kind("schema", schema, str, type(None))
    name = metadata.schema if schema is None else schema
    if name is None:
        return
    if not name or not name.isprintable() or not _UNFIT.isdisjoint(name):
        raise InvalidArgument(
            "schema", "must be printable, without percent signs, quotation marks and backslashes"
        )
    if _size(name) > _MOST:
        raise InvalidArgument("schema", f"must have at most {_MOST} bytes, as PostgreSQL has it")


def _size(name: str) -> int:
    return len(name.encode())
