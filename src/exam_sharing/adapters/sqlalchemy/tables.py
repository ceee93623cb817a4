"""The tables: exams, sharing, notices, the audit trail, and a directory of users and groups.

Nothing is deleted but notices. A host calls `define_tables` with its own `MetaData`, so that its
migrations see the tables. Nothing here depends on the host's naming convention for constraints.

Texts are compared code point by code point: PostgreSQL does so by its collation "C", and SQLite
always does. Names and addresses are found by their folded form. PostgreSQL indexes no long texts,
so only the start of a folded text is indexed, and a match of the start is checked again.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final, TypeVar

import attrs
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
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
from exam_sharing.validation import instant, of_kind, require_instance, require_kind

__all__ = [
    "INDEXED",
    "SCHEMA",
    "DirectoryTables",
    "Instant",
    "Tables",
    "define_directory_tables",
    "define_tables",
    "given_tables",
]

SCHEMA: Final = 1
"""The number of this shape of the tables; it goes up whenever a host has to migrate."""

INDEXED: Final = LONGEST_WORD
"""How many code points of a folded text are indexed: with a key, less than PostgreSQL's limit."""

TablesT = TypeVar("TablesT", bound="Tables | DirectoryTables")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

_ID: Final = 255
_KEY: Final = _ID + len("u:")

_MOST: Final = 63
"""PostgreSQL cuts longer names, counted in bytes, and then looks for others than it made."""

_RESERVED: Final = "sqlite_"

_UNFIT: Final = frozenset("%\"'`\\")
"""A driver may take a percent sign for the mark of a parameter."""


class Instant(TypeDecorator[datetime]):
    """The column type of every time: aware and in UTC outside, exact to the microsecond inside.

    PostgreSQL stores a `timestamp` that is always in UTC, whatever the time zone of the session;
    SQLite stores whole microseconds since 1970. Both order times as instants. Migrations import
    this type by its path.
    """

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


@attrs.frozen(kw_only=True)
class DirectoryTables:
    """The tables of a directory.

    Attributes:
        metadata: where they are defined.
        principals: users and groups, each with its folded name if it can be chosen.
        memberships: the direct members of groups, known or not.
        search_keys: whole names, and the starts of addresses and of words of names, for those who
            can be chosen.
        removed: the keys of removed users and groups, which are never used again.
    """

    metadata: MetaData
    principals: Table
    memberships: Table
    search_keys: Table
    removed: Table

    def all(self) -> tuple[Table, ...]:
        """Return every table, in an order in which they can be created."""
        return self.principals, self.memberships, self.search_keys, self.removed


@attrs.frozen(kw_only=True)
class Tables:
    """Every table of the package.

    Attributes:
        metadata: where they are defined.
        exams: the host's exams.
        batches: the upload batches of exams.
        versions: for each exam, the number of acts that changed its sharing.
        grants: each with its ending beside it.
        removed: whom the owner of an exam removed and has not readmitted.
        shares: the acts that made grants, with their attestations.
        receipts: the answers to request ids.
        notices: those that wait, and those that were given up, without their messages; a notice
            that was sent or dropped is deleted.
        events: the audit trail.
        schema: one row, with the number of the shape of all tables.
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
        """Return every table, in an order in which they can be created."""
        own = (getattr(self, field.name) for field in attrs.fields(Tables))
        return *(each for each in own if isinstance(each, Table)), *self.directory.all()


def define_tables(
    metadata: MetaData, *, prefix: str = "exam_sharing_", schema: str | None = None
) -> Tables:
    """Define every table in a host's `MetaData`.

    Args:
        metadata: where to define them.
        prefix: the start of the name of each table: letters, digits and underscores.
        schema: the database schema; by default that of the metadata.

    Raises:
        InvalidValue: a name with the prefix, or the schema, is unfit for PostgreSQL or SQLite.
    """
    return _checked(_define, metadata, prefix, schema)


def define_directory_tables(
    metadata: MetaData, *, prefix: str = "exam_sharing_", schema: str | None = None
) -> DirectoryTables:
    """Define the tables of a directory alone; arguments and errors as for `define_tables`."""
    return _checked(_define_directory, metadata, prefix, schema)


def given_tables(tables: object) -> Tables:
    """Return tables of ours as they were given, or those of `define_tables` for `None`.

    Raises:
        WrongKind: they are not ours.
    """
    return _default_tables() if tables is None else of_kind("tables", tables, Tables)


@cache
def _default_tables() -> Tables:
    # Statements over the same tables are compiled once, and a host joins on many of its requests.
    return define_tables(MetaData())


def _checked(
    define: Callable[[MetaData, str, str | None], TablesT],
    metadata: MetaData,
    prefix: str,
    schema: str | None,
) -> TablesT:
    require_instance("metadata", metadata, MetaData)
    _require_prefix(prefix, room=_MOST - _longest_name(define))
    require_kind("schema", schema, str, type(None))
    _require_schema(metadata.schema if schema is None else schema)
    return define(metadata, prefix, schema)


@cache
def _longest_name(define: Callable[[MetaData, str, str | None], TablesT]) -> int:
    """Return how many bytes the longest name of a table or of an index has without a prefix."""
    tables = define(MetaData(), "", None).all()
    names = [name for table in tables for name in (table.name, *(i.name for i in table.indexes))]
    return max(_size(str(name)) for name in names)


def _require_prefix(prefix: str, *, room: int) -> None:
    require_kind("prefix", prefix, str)
    if not all(each.isalnum() or each == "_" for each in prefix):
        raise InvalidArgument("prefix", "must consist of letters, digits and underscores")
    if prefix.lower().startswith(_RESERVED):
        raise InvalidArgument("prefix", f"must not begin with {_RESERVED}, which SQLite reserves")
    if _size(prefix) > room:
        raise InvalidArgument(
            "prefix", f"must have at most {room} bytes, or PostgreSQL cuts the names"
        )


def _require_schema(name: str | None) -> None:
    if name is None:
        return
    if not name or not name.isprintable() or not _UNFIT.isdisjoint(name):
        raise InvalidArgument(
            "schema", "must be printable, without percent signs, quotation marks and backslashes"
        )
    if _size(name) > _MOST:
        raise InvalidArgument("schema", f"must have at most {_MOST} bytes, the limit of PostgreSQL")


def _size(name: str) -> int:
    return len(name.encode())


def _define(metadata: MetaData, prefix: str, schema: str | None) -> Tables:
    def table(name: str, *columns: Column[Any], **options: Any) -> Table:  # noqa: ANN401
        return Table(f"{prefix}{name}", metadata, *columns, schema=schema, **options)

    def index(
        name: str,
        *columns: Column[Any],
        where: ColumnElement[bool] | None = None,
        **options: Any,  # noqa: ANN401  as SQLAlchemy's
    ) -> None:
        Index(f"ix_{prefix}{name}", *columns, sqlite_where=where, postgresql_where=where, **options)

    exams = table(
        "exams",
        Column("id", _text(_ID), primary_key=True),
        Column("owner", _text(_ID), nullable=False),
        Column("batch", _text(_ID), nullable=False),
        Column("uploaded_at", Instant(), nullable=False),
        Column("subject", Text()),
    )
    index("exams_of_owner", exams.c.owner, exams.c.uploaded_at, exams.c.id)
    index("exams_of_batch", exams.c.batch)
    # A page looks up the owner of each of its rows: by hash, the cost does not depend on the number
    # of exams. SQLite has no such index, and makes an ordinary one.
    index("exams_by_id", exams.c.id, postgresql_using="hash")

    versions = table(
        "versions",
        Column("exam", _text(_ID), primary_key=True),
        Column("version", BigInteger(), nullable=False),
        Column("withdrawn", Boolean(), nullable=False),
    )
    # Few exams are ever withdrawn, so this index is nearly empty.
    index("versions_withdrawn", versions.c.exam, where=versions.c.withdrawn == true())

    grants = table("grants", *_grant_columns())
    standing = grants.c.closed_version.is_(None)
    # Acts and checks read standing grants, whatever the number of grants in the past.
    index("grants_of_exam", grants.c.exam, grants.c.recipient, where=standing)
    # No other index begins with the exam alone: the planner could take it for a check.
    index("grants_past", grants.c.exam, where=grants.c.closed_version.is_not(None))
    index("grants_by_grantor", grants.c.grantor, grants.c.exam)
    index(
        "grants_to_recipient",
        grants.c.recipient,
        grants.c.uploaded_at,
        grants.c.exam,
        where=standing,
    )
    index("grants_expiring", grants.c.until, where=standing & grants.c.until.is_not(None))

    # Operators turn pages by number, and SQLite would otherwise reuse that of a sent notice.
    notices = table("notices", *_notice_columns(), sqlite_autoincrement=True)
    index("notices_of_share", notices.c.share)
    index("notices_in_turn", notices.c.due, notices.c.attempts, notices.c.number)
    return Tables(
        metadata=metadata,
        exams=exams,
        batches=table(
            "batches",
            Column("id", _text(_ID), primary_key=True),
            Column("uploader", _text(_ID), nullable=False),
            Column("source", Text()),
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
        directory=_define_directory(metadata, prefix, schema),
    )


def _text(length: int) -> TypeEngine[str]:
    return String(length).with_variant(String(length, collation="C"), "postgresql")


def _long_text() -> TypeEngine[str]:
    return Text().with_variant(Text(collation="C"), "postgresql")


def _number() -> Column[int]:
    # Not an `Identity`: SQLite has none, and migrations would find a difference for ever.
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
        Column("lines", Text(), comment="those it belongs to, where it replaced a grant"),
        Column("uploaded_at", Instant(), nullable=False, comment="the exam's: lists sort by it"),
        Column("closed_version", BigInteger(), comment="set when it ends or its exam is withdrawn"),
        Column("ended_how", _text(32), comment="null until it ends"),
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
        Column("due", Instant(), comment="when a relay may claim it; null once it is given up"),
        Column("claimed_by", _text(64), comment="the claim that holds it until it is due"),
        Column("given_up_at", Instant()),
        Column("problem", Text(), comment="of the last failure: a code or the name of a type"),
    )


def _define_directory(metadata: MetaData, prefix: str, schema: str | None) -> DirectoryTables:
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
        # The folded name in two parts; the first is null for those who cannot be chosen.
        Column("name_start", _long_text()),
        Column("name_rest", _long_text(), nullable=False),
        # The folded address: the search keys change when it or the name changes.
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
        # The whole row is its key: without row ids, SQLite stores it once instead of twice.
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
