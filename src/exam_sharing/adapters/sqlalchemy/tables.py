"""The tables: exams, sharing, notices, the audit trail, and the directory of users and groups.

Nothing is deleted but notices. A host calls `define_tables` with its own `MetaData`, so that its
migrations see the tables; nothing here depends on how its naming convention calls a constraint.

Identifiers are compared code point by code point: PostgreSQL is told so by its collation "C", and
SQLite compares no other way. Names and addresses are found by their folded form. An index of
PostgreSQL takes no long texts, so what is indexed is the start of a folded text. What is found by
it alone is looked at again.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

import attrs
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    true,
)
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine
from typing_extensions import override

from exam_sharing.errors import InvalidArgument
from exam_sharing.names import LONGEST_WORD
from exam_sharing.validation import instant, require_instance, require_kind

__all__ = [
    "INDEXED",
    "SCHEMA",
    "DirectoryTables",
    "Instant",
    "Tables",
    "define_directory_tables",
    "define_tables",
    "longest_name",
    "require_prefix",
    "require_schema",
]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Instant(TypeDecorator[datetime]):
    """The column type of every time; migrations name it by this path, so it stays here."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = BigInteger
    cache_ok: bool | None = True

    @override
    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TIMESTAMP(timezone=False))
        return dialect.type_descriptor(BigInteger())

    @override
    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | int | None:
        if value is None:
            return None
        at = instant("time", value)
        if dialect.name == "postgresql":
            return at.replace(tzinfo=None)
        return (at - _EPOCH) // _MICROSECOND

    @override
    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if isinstance(value, datetime):
            return value.replace(tzinfo=UTC)
        microseconds: int = value
        return _EPOCH + timedelta(microseconds=microseconds)


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
    require_prefix(prefix, _longest_of_directory())
    require_schema(metadata, schema)
    return _defined_directory(metadata, prefix, schema)


@cache
def _longest_of_directory() -> int:
    return longest_name(_defined_directory(MetaData(), "", None).all())


def _defined_directory(metadata: MetaData, prefix: str, schema: str | None) -> DirectoryTables:
    def table(name: str, *columns: Column[Any], rowid: bool = True) -> Table:
        full_name = f"{prefix}{name}"
        return Table(full_name, metadata, *columns, schema=schema, sqlite_with_rowid=rowid)

    principals = table(
        "principals",
        Column("key", _long_text(), primary_key=True),
        Column("name", _long_text(), nullable=False),
        Column("email", _long_text()),
        Column("active", Boolean(), nullable=False),
        Column("sharing_in_plan", Boolean(), nullable=False),
        Column("notices", Boolean(), nullable=False),
        # The folded name in two parts, the first null for those who cannot be chosen.
        Column("name_start", _long_text()),
        Column("name_rest", _long_text(), nullable=False),
        # The folded address, which says with the name whether the search keys change.
        Column("address", _long_text()),
    )
    Index(f"ix_{prefix}principals_by_name", principals.c.name_start, principals.c.key)
    memberships = table(
        "memberships",
        Column("group_key", _long_text(), primary_key=True),
        Column("member_key", _long_text(), primary_key=True),
    )
    Index(f"ix_{prefix}memberships_of", memberships.c.member_key, memberships.c.group_key)
    keys = table(
        "search_keys",
        Column("kind", SmallInteger(), primary_key=True, autoincrement=False),
        Column("start", _long_text(), primary_key=True),
        Column("name_start", _long_text(), primary_key=True),
        Column("key", _long_text(), primary_key=True),
        # The whole row is its key: SQLite keeps it once instead of twice.
        rowid=False,
    )
    Index(f"ix_{prefix}search_keys_of", keys.c.key)
    return DirectoryTables(
        metadata=metadata,
        principals=principals,
        memberships=memberships,
        search_keys=keys,
        removed=table("removed_principals", Column("key", _long_text(), primary_key=True)),
    )


def _long_text() -> TypeEngine[str]:
    return Text().with_variant(Text(collation="C"), "postgresql")


SCHEMA: Final = 1
"""The number of this shape of the tables; it goes up whenever a host has to migrate."""

_ID: Final = 255
_KEY: Final = _ID + len("u:")


@attrs.frozen(kw_only=True)
class Tables:
    """Every table of the package.

    Attributes:
        metadata: what they were defined in.
        exams: the host's exams.
        batches: what they arrived with.
        versions: of each exam, the count of the acts that changed its sharing.
        grants: each with its ending beside it.
        removed: whom the owner of an exam removed and has not readmitted.
        shares: the acts that made grants, with their attestations.
        receipts: what was answered under a request id.
        notices: those that wait, and those that were given up, without their messages; a notice
            that was sent or dropped is deleted.
        events: the audit trail.
        schema: one row, with the number of the shape of all of these.
        directory: users and groups; empty where the host has a directory of its own.
    """

    metadata: MetaData
    exams: Table
    batches: Table
    versions: Table
    grants: Table
    removed: Table
    shares: Table
    receipts: Table
    notices: Table
    events: Table
    schema: Table
    directory: DirectoryTables

    def all(self) -> tuple[Table, ...]:
        """Return every table, in the order in which they can be created."""
        own = (getattr(self, field.name) for field in attrs.fields(Tables))
        return *(each for each in own if isinstance(each, Table)), *self.directory.all()


def define_tables(
    metadata: MetaData, *, prefix: str = "exam_sharing_", schema: str | None = None
) -> Tables:
    """Define the tables in a host's `MetaData`.

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


def _defined(metadata: MetaData, prefix: str, schema: str | None) -> Tables:
    def table(name: str, *items: Column[Any]) -> Table:
        return Table(f"{prefix}{name}", metadata, *items, schema=schema)

    grants = table("grants", *_grant_columns())
    standing = grants.c.closed_version.is_(None)
    # Acts and checks read what stands, however many grants there once were.
    Index(
        f"ix_{prefix}grants_of_exam",
        grants.c.exam,
        grants.c.recipient,
        sqlite_where=standing,
        postgresql_where=standing,
    )
    # No other index begins with the exam alone: the planner could take it for a check.
    past = grants.c.closed_version.is_not(None)
    Index(
        f"ix_{prefix}grants_past",
        grants.c.exam,
        sqlite_where=past,
        postgresql_where=past,
    )
    Index(f"ix_{prefix}grants_by_grantor", grants.c.grantor, grants.c.exam)
    Index(
        f"ix_{prefix}grants_to_recipient",
        grants.c.recipient,
        grants.c.uploaded_at,
        grants.c.exam,
        sqlite_where=standing,
        postgresql_where=standing,
    )
    expires = standing & grants.c.until.is_not(None)
    Index(
        f"ix_{prefix}grants_expiring",
        grants.c.until,
        sqlite_where=expires,
        postgresql_where=expires,
    )
    exams = table(
        "exams",
        Column("id", _text(_ID), primary_key=True),
        Column("owner", _text(_ID), nullable=False),
        Column("batch", _text(_ID), nullable=False),
        Column("uploaded_at", Instant(), nullable=False),
        Column("subject", Text()),
    )
    Index(f"ix_{prefix}exams_of_owner", exams.c.owner, exams.c.uploaded_at, exams.c.id)
    Index(f"ix_{prefix}exams_of_batch", exams.c.batch)
    # A page looks the owner of each of its rows up: by hash, that takes the same however many exams
    # there are. SQLite knows no such index, and keeps an ordinary one.
    Index(f"ix_{prefix}exams_by_id", exams.c.id, postgresql_using="hash")
    versions = table(
        "versions",
        Column("exam", _text(_ID), primary_key=True),
        Column("version", BigInteger(), nullable=False),
        Column("withdrawn", Boolean(), nullable=False),
    )
    # Few exams are ever withdrawn: whether one was is asked of an index that is nearly empty.
    Index(
        f"ix_{prefix}versions_withdrawn",
        versions.c.exam,
        sqlite_where=versions.c.withdrawn == true(),
        postgresql_where=versions.c.withdrawn == true(),
    )
    # Operators turn pages by numbers, and SQLite would otherwise give that of a sent notice again.
    notices = Table(
        f"{prefix}notices",
        metadata,
        *_notice_columns(),
        schema=schema,
        sqlite_autoincrement=True,
    )
    Index(f"ix_{prefix}notices_of_share", notices.c.share)
    Index(f"ix_{prefix}notices_in_turn", notices.c.due, notices.c.attempts, notices.c.number)
    return Tables(
        metadata=metadata,
        exams=exams,
        batches=table(
            "batches",
            Column("id", _text(_ID), primary_key=True),
            Column("uploader", _text(_ID), nullable=False),
            Column("source", Text(), nullable=False),
            Column("received_at", Instant(), nullable=False),
            Column("sealed", Boolean(), nullable=False),
        ),
        versions=versions,
        grants=grants,
        removed=table(
            "removed",
            Column("exam", _text(_ID), primary_key=True),
            Column("recipient", _text(_KEY), primary_key=True),
        ),
        shares=table("shares", *_share_columns()),
        receipts=table(
            "receipts",
            Column("actor", _text(_ID), primary_key=True),
            Column("request_id", _text(_ID), primary_key=True),
            Column("fingerprint", _text(80), nullable=False),
            Column("receipt", Text(), nullable=False),
        ),
        notices=notices,
        events=table(
            "events",
            _number(),
            Column("at", Instant(), nullable=False),
            Column("kind", _text(64), nullable=False),
            Column("event", Text(), nullable=False),
        ),
        schema=table("schema", Column("number", Integer(), primary_key=True, autoincrement=False)),
        directory=define_directory_tables(metadata, prefix=prefix, schema=schema),
    )


def _text(length: int) -> TypeEngine[str]:
    return String(length).with_variant(String(length, collation="C"), "postgresql")


def _number() -> Column[int]:
    """Return a column that counts rows up."""
    # Not an `Identity`: SQLite has none, and migrations would see a difference for ever.
    kind = BigInteger().with_variant(Integer(), "sqlite")
    return Column("number", kind, primary_key=True, autoincrement=True)


def _grant_columns() -> tuple[Column[Any], ...]:
    return (
        Column("id", _text(_ID), primary_key=True),
        Column("exam", _text(_ID), nullable=False),
        Column("grantor", _text(_ID), nullable=False),
        Column("recipient", _text(_KEY), nullable=False, comment="u: a user, g: a group"),
        Column("permission", SmallInteger(), nullable=False, comment="1 view, 2 download"),
        Column("until", Instant(), comment="null for good"),
        Column("version", BigInteger(), nullable=False),
        Column("basis", Text(), comment="the grants that it rested on; null for the owner's"),
        Column("share", _text(_ID), nullable=False),
        Column("made_at", Instant(), nullable=False),
        Column("lines", Text(), comment="of which it is a part, where it replaced a grant"),
        Column("uploaded_at", Instant(), nullable=False, comment="the exam's: lists sort by it"),
        Column("closed_version", BigInteger(), comment="set when it ended or its exam went away"),
        Column("ended_how", _text(32), comment="null until it is ended"),
        Column("ended_by", _text(_ID)),
        Column("ended_as", _text(32)),
        Column("ended_at", Instant()),
        Column("replaced_by", Text()),
    )


def _share_columns() -> tuple[Column[Any], ...]:
    return (
        Column("id", _text(_ID), primary_key=True),
        Column("at", Instant(), nullable=False),
        Column("actor", _text(_ID), nullable=False),
        Column("performed_by", _text(_ID)),
        Column("exam", _text(_ID), nullable=False),
        Column("exams", Text(), nullable=False),
        Column("recipients", Text(), nullable=False),
        Column("permission", SmallInteger(), nullable=False),
        Column("scope", _text(32), nullable=False),
        Column("until", Instant()),
        Column("attested_by", _text(_ID), nullable=False),
        Column("attested_at", Instant(), nullable=False),
        Column("wording", Text(), nullable=False),
    )


def _notice_columns() -> tuple[Column[Any], ...]:
    return (
        _number(),
        Column("id", _text(_ID), nullable=False, unique=True),
        Column("share", _text(_ID), nullable=False),
        Column("reader", _text(_ID), nullable=False),
        Column("actor", _text(_ID), nullable=False),
        Column("exams", Text(), nullable=False),
        Column("message", Text(), comment="erased when the notice is given up"),
        Column("attempts", Integer(), nullable=False),
        Column("due", Instant(), comment="when a relay may have it; null once it is given up"),
        Column("claimed_by", _text(64), comment="of which claim it is until it is due"),
        Column("given_up_at", Instant()),
        Column("problem", Text(), comment="of the last failure: a code or the name of a type"),
    )
