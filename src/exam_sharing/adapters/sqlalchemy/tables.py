"""The tables: exams, sharing, notices, the audit trail, and a directory of users and groups.

Nothing is deleted but notices. A host calls `define_tables` with its own `MetaData`, so that its
migrations see the tables. Nothing here depends on the host's naming convention for constraints.

Texts are compared code point by code point: PostgreSQL does so by its collation "C", and SQLite
always does. Names and addresses are found by their folded form. PostgreSQL indexes no long texts,
so only the start of a folded text is indexed, and a match of the start is checked again.

Many texts are one parameter, so that a statement does not depend on their number. PostgreSQL plans
a prepared statement again at each execution if the values promise a better plan, and planning a
check takes longer than the check. A sub-select hides the number of values, so PostgreSQL soon keeps
one plan.
"""

import json
from abc import abstractmethod
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final, TypeAlias, TypeVar

import attrs
import sqlalchemy as sa
from sqlalchemy import Column, MetaData, Table
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType, TypeDecorator, TypeEngine
from typing_extensions import override

from exam_sharing.errors import InvalidArgument
from exam_sharing.names import LONGEST_WORD
from exam_sharing.validation import instant, of_kind, require_instance, require_kind

SCHEMA: Final = 1
"""The number of this shape of the tables; it goes up whenever a host has to migrate."""

INDEXED: Final = LONGEST_WORD
"""How many code points of a folded text are indexed: with a key, less than PostgreSQL's limit."""

_Condition: TypeAlias = sa.ColumnElement[bool]

ValueT = TypeVar("ValueT")
TablesT = TypeVar("TablesT", bound="Tables | DirectoryTables")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_ID: Final = 255
_KEY: Final = _ID + len("u:")
# PostgreSQL cuts names with more bytes than this, and then does not find them by the full name.
_MOST: Final = 63
_RESERVED: Final = "sqlite_"
# A driver may take a percent sign for the mark of a parameter.
_UNFIT: Final = frozenset("%\"'`\\")


class Bound(TypeDecorator[ValueT]):
    """A column type whose parameters one plain function converts: a check does so twice."""

    @abstractmethod
    def bound_for(self, dialect: Dialect) -> Callable[[Any], Any]:
        """Return the function for the values of a dialect; it leaves `None` as it is."""

    @override
    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return self.bound_for(dialect)(value)


class Instant(Bound[datetime]):
    """The column type of every time: aware and in UTC in Python, stored to the microsecond.

    PostgreSQL stores a `timestamp` that is always in UTC, whatever the time zone of the session;
    SQLite stores whole microseconds since 1970. Both order times as instants. Migrations import
    this type by its path.
    """

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = sa.BigInteger
    cache_ok: bool | None = True

    @override
    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TIMESTAMP(timezone=False))
        return dialect.type_descriptor(sa.BigInteger())

    @override
    def bind_expression(self, bindvalue: sa.BindParameter[datetime]) -> "_Moment":
        return _Moment(bindvalue)

    @override
    def bound_for(self, dialect: Dialect) -> Callable[[Any], Any]:
        return _timestamp if dialect.name == "postgresql" else _microseconds

    @override
    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if isinstance(value, datetime):
            return value.replace(tzinfo=UTC)
        microseconds: int = value
        return _EPOCH + timedelta(microseconds=microseconds)


def _timestamp(value: datetime | None) -> datetime | None:
    return None if value is None else instant("time", value).replace(tzinfo=None)


def _microseconds(value: datetime | None) -> int | None:
    return None if value is None else (instant("time", value) - _EPOCH) // _MICROSECOND


class _MomentAsText(TypeDecorator[datetime]):
    """A time as text."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = sa.String
    cache_ok: bool | None = True

    @override
    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        at = _timestamp(value)
        return None if at is None else at.isoformat()


class _Moment(FunctionElement[Any]):
    """A time that is a parameter.

    asyncpg would send the first and the last time as `-infinity` and `infinity`. Other drivers
    cannot read these, so over asyncpg the database converts a text.
    """

    inherit_cache: bool | None = True


@compiles(_Moment)
def _parameter(element: _Moment, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    (given,) = element.clauses
    if compiler.dialect.driver == "asyncpg":
        text = sa.type_coerce(given, _MomentAsText())
        return compiler.process(sa.cast(text, TIMESTAMP(timezone=False)), **options)
    return compiler.process(given, **options)


class ByDialect(FunctionElement[Any]):
    """An expression in two forms: the one for PostgreSQL, then the one for SQLite."""

    inherit_cache: bool | None = True
    # Not `Boolean`: SQLAlchemy would compare it with 1 on SQLite, which then uses no index.
    type: TypeEngine[Any] = NullType()


@compiles(ByDialect)
def _form(element: ByDialect, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    postgresql, sqlite = element.clauses
    return compiler.process(sqlite if compiler.dialect.name == "sqlite" else postgresql, **options)


def one_of(column: sa.ColumnElement[str], name: str) -> sa.ColumnElement[bool]:
    """Return the condition that a column is one of the texts in the parameter of that name."""
    return ByDialect(column == sa.any_(text_array(name)), column.in_(sa.select(text_rows(name))))


def listed(name: str) -> sa.TableValuedAlias:
    """Return the texts in the parameter of that name as rows, each with a `value`."""
    both = ByDialect(sa.func.unnest(text_array(name)), sa.func.json_each(_texts(name)))
    # PostgreSQL calls the column of a function by the alias of the function.
    return both.table_valued("value", name="value")


def text_array(name: str) -> sa.ColumnElement[Any]:
    """Return the texts in the parameter of that name as an array of PostgreSQL."""
    texts = sa.func.string_to_array(_texts(name), sa.literal_column(r"E'\n'"))
    return sa.cast(sa.select(texts).scalar_subquery(), ARRAY(sa.Text()))


def text_rows(name: str) -> sa.ColumnElement[Any]:
    """Return the texts in the parameter of that name as a column of SQLite's `json_each`."""
    return sa.func.json_each(_texts(name)).table_valued("value").c.value


def _texts(name: str) -> sa.BindParameter[Any]:
    return sa.bindparam(name, type_=_TextList())


class _TextList(Bound[Sequence[str]]):
    """Many texts as one parameter: lines for PostgreSQL, and JSON for SQLite.

    Lines cost drivers and PostgreSQL next to nothing; identifiers hold no line ends.
    """

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = sa.Text
    cache_ok: bool | None = True

    @override
    def bound_for(self, dialect: Dialect) -> Callable[[Any], Any]:
        return _lines if dialect.name == "postgresql" else _json


def _lines(texts: Sequence[str] | None) -> str | None:
    if texts is None:
        return None
    lines = "\n".join(texts)
    if lines.count("\n") >= max(1, len(texts)):
        raise ValueError("each of the texts must be one line")
    return lines


def _json(texts: Sequence[str] | None) -> str | None:
    return None if texts is None else json.dumps(texts)


@attrs.frozen(kw_only=True)
class DirectoryTables:
    """The tables of a directory."""

    metadata: MetaData
    principals: Table  #: users and groups, each with its folded name if it can be chosen
    memberships: Table  #: the direct members of groups, known or not
    search_keys: Table  #: whole names, and starts of addresses and words, of active principals
    removed: Table  #: the keys of removed users and groups, which are never used again
    changes: Table  #: every change of a user or group, its name beside its document
    change_keys: Table  #: the keys of the principals that each change was inside of
    past_members: Table  #: who was a member of a group, from one change until another
    schema: Table | None  #: as in `Tables`; `None` for a directory alone

    def all(self) -> tuple[Table, ...]:
        """Return every table, in an order in which they can be created."""
        now = self.principals, self.memberships, self.search_keys, self.removed
        return *now, self.changes, self.change_keys, self.past_members


@attrs.frozen(kw_only=True)
class Tables:
    """Every table of the package."""

    metadata: MetaData
    exams: Table  #: the host's exams
    batches: Table  #: the upload batches of exams
    versions: Table  #: for each exam, the number of acts that changed its sharing
    grants: Table  #: each with its ending beside it
    removed: Table  #: whom the owner of an exam removed and has not readmitted
    shares: Table  #: the acts that made grants, with their attestations
    receipts: Table  #: the answers to request ids
    notices: Table  #: those that wait, and those that were given up, without their messages
    events: Table  #: the audit trail
    seals: Table  #: each with the leaves of the records that it covers
    accesses: Table  #: who looked, a row for each user, exam, permission, purpose and window
    subjects: Table  #: whom and what each event is about, by which it is found
    schema: Table  #: one row, with the number of the shape of all tables
    directory: DirectoryTables  #: empty where the host has a directory of its own

    def all(self) -> tuple[Table, ...]:
        """Return every table, in an order in which they can be created."""
        own = (getattr(self, field.name) for field in attrs.fields(Tables))
        return *(each for each in own if isinstance(each, Table)), *self.directory.all()


def define_tables(
    metadata: MetaData, *, prefix: str = "exam_sharing_", schema: str | None = None
) -> Tables:
    """Define every table in a host's `MetaData`.

    The prefix begins the name of each table: letters, digits and underscores. The schema is by
    default that of the metadata.

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
    """Return the given tables, or for `None` those of `define_tables`."""
    return _default_tables() if tables is None else of_kind("tables", tables, Tables)


@cache
def _default_tables() -> Tables:
    # One object for all, since statements are compiled once per object, and hosts join often.
    return define_tables(MetaData())


@attrs.frozen
class _Names:
    """Where tables are defined, and how they and their indexes are called."""

    metadata: MetaData = attrs.field(factory=MetaData)
    prefix: str = ""
    schema: str | None = None

    def table(self, name: str, *columns: Column[Any], **options: Any) -> Table:  # noqa: ANN401
        full_name = f"{self.prefix}{name}"
        return Table(full_name, self.metadata, *columns, schema=self.schema, **options)

    def index(
        self, name: str, *columns: Column[Any], where: _Condition | None = None, using: str = ""
    ) -> None:
        options: Any = {"sqlite_where": where, "postgresql_where": where, "postgresql_using": using}
        sa.Index(f"ix_{self.prefix}{name}", *columns, **options)


def _checked(
    define: Callable[[_Names], TablesT], metadata: MetaData, prefix: str, schema: str | None
) -> TablesT:
    require_instance("metadata", metadata, MetaData)
    require_kind("prefix", prefix, str)
    require_kind("schema", schema, str, type(None))
    room = _MOST - _longest_name(define)
    if not all(each.isalnum() or each == "_" for each in prefix):
        raise InvalidArgument("prefix", "must consist of letters, digits and underscores")
    if prefix.lower().startswith(_RESERVED):
        raise InvalidArgument("prefix", f"must not begin with {_RESERVED}, which SQLite reserves")
    if len(prefix.encode()) > room:
        raise InvalidArgument(
            "prefix", f"must have at most {room} bytes, or PostgreSQL cuts the names"
        )
    name = metadata.schema if schema is None else schema
    if name is not None and not (name and name.isprintable() and _UNFIT.isdisjoint(name)):
        raise InvalidArgument(
            "schema", "must be printable, without percent signs, quotation marks and backslashes"
        )
    if name is not None and len(name.encode()) > _MOST:
        raise InvalidArgument("schema", f"must have at most {_MOST} bytes, the limit of PostgreSQL")
    return define(_Names(metadata, prefix, schema))


@cache
def _longest_name(define: Callable[[_Names], TablesT]) -> int:
    """Return how many bytes the longest name of a table or of an index has without a prefix."""
    tables = define(_Names()).all()
    names = [name for table in tables for name in (table.name, *(i.name for i in table.indexes))]
    return max(len(str(name).encode()) for name in names)


def _define(names: _Names) -> Tables:
    table, index = names.table, names.index
    exams = table(
        "exams",
        _key("id"),
        *_ids("owner", "batch"),
        Column("uploaded_at", Instant(), nullable=False),
        Column("subject", sa.Text()),
    )
    index("exams_of_owner", exams.c.owner, exams.c.uploaded_at, exams.c.id)
    index("exams_of_batch", exams.c.batch)
    # A page looks up the owner of each of its rows: by hash, the cost does not depend on the number
    # of exams. SQLite has no such index, and makes an ordinary one.
    index("exams_by_id", exams.c.id, using="hash")

    versions = table(
        "versions",
        _key("exam"),
        Column("version", sa.BigInteger(), nullable=False),
        Column("withdrawn", sa.Boolean(), nullable=False),
    )
    # Few exams are ever withdrawn, so this index is nearly empty.
    index("versions_withdrawn", versions.c.exam, where=versions.c.withdrawn == sa.true())

    grants = table(
        "grants",
        # The exam is in the key so that a host can partition the table by it. The id comes first:
        # grants are found by it, and the planner could use an index by exam for a check.
        _key("id"),
        _key("exam"),
        *_ids("grantor"),
        Column("recipient", _text(_KEY), nullable=False, comment="u: a user, g: a group"),
        Column("permission", sa.SmallInteger(), nullable=False, comment="1 view, 2 download"),
        Column("until", Instant(), comment="null for good"),
        Column("version", sa.BigInteger(), nullable=False),
        Column("basis", sa.Text(), comment="the grants that it rested on; null for the owner's"),
        *_ids("share"),
        Column("made_at", Instant(), nullable=False),
        Column("lines", sa.Text(), comment="those it belongs to, where it replaced a grant"),
        Column("uploaded_at", Instant(), nullable=False, comment="the exam's: lists sort by it"),
        Column(
            "closed_version", sa.BigInteger(), comment="set when it ends or its exam is withdrawn"
        ),
        Column("ended_how", _text(32), comment="null until it ends"),
        Column("ended_by", _text(_ID)),
        Column("ended_as", _text(32)),
        Column("ended_at", Instant()),
        Column("replaced_by", sa.Text()),
    )
    standing = grants.c.closed_version.is_(None)
    # Acts and checks read standing grants only, so that ended grants do not slow them down.
    index("grants_of_exam", grants.c.exam, grants.c.recipient, where=standing)
    # No index of all grants may begin with the exam: the planner could use it for a check.
    index("grants_past", grants.c.exam, where=grants.c.closed_version.is_not(None))
    index("grants_by_grantor", grants.c.grantor, grants.c.exam)
    newest = grants.c.recipient, grants.c.uploaded_at, grants.c.exam
    index("grants_to_recipient", *newest, where=standing)
    index("grants_expiring", grants.c.until, where=standing & grants.c.until.is_not(None))

    notices = table(
        "notices",
        _number(),
        Column("id", _text(_ID), nullable=False, unique=True),
        *_ids("share", "reader", "actor"),
        Column("exams", sa.Text(), nullable=False),
        Column("message", sa.Text(), comment="erased when the notice is given up"),
        Column("attempts", sa.Integer(), nullable=False),
        Column("due", Instant(), comment="when a relay may claim it; null once it is given up"),
        Column("claimed_by", _text(64), comment="the claim that holds it until it is due"),
        Column("given_up_at", Instant()),
        Column("problem", sa.Text(), comment="of the last failure: a code or the name of a type"),
        # Operators page by number, and SQLite would otherwise reuse the number of a sent notice.
        sqlite_autoincrement=True,
    )
    accesses = table(
        "accesses",
        # A digest of what makes a row, so that reports of several processes add up.
        _key("id", 40),
        *_ids("reader", "exam"),
        Column("permission", sa.SmallInteger(), nullable=False, comment="1 view, 2 download"),
        Column("purpose", _text(64), comment="a code of the host's"),
        Column("origin", _text(_ID), comment="of the first that was recorded"),
        Column("window_began", Instant(), nullable=False),
        Column("first_at", Instant(), nullable=False),
        # No index has what changes most often.
        Column("last_at", Instant(), nullable=False),
        Column("times", sa.BigInteger(), nullable=False),
    )
    index("accesses_to_exam", accesses.c.exam, accesses.c.first_at, accesses.c.id)
    index("accesses_by_reader", accesses.c.reader, accesses.c.first_at, accesses.c.id)
    subjects = table(
        "subjects",
        _key("subject", _KEY),
        Column("at", Instant(), primary_key=True),
        Column("number", sa.BigInteger(), primary_key=True, autoincrement=False),
        Column("version", sa.BigInteger(), comment="of an exam, if the event made one"),
        Column("owner_before", _text(_ID), comment="set where an exam changed hands"),
        Column("owner_after", _text(_ID)),
        # Nearly the whole row is its key: without row ids, SQLite stores it once.
        sqlite_with_rowid=False,
    )
    is_version = subjects.c.version.is_not(None)
    index("subjects_version", subjects.c.subject, subjects.c.version, where=is_version)
    is_handover = subjects.c.owner_before.is_not(None)
    index("subjects_owner", subjects.c.subject, where=is_handover)
    index("notices_of_share", notices.c.share)
    index("notices_in_turn", notices.c.due, notices.c.attempts, notices.c.number)
    schema = table("schema", Column("number", sa.Integer(), primary_key=True, autoincrement=False))
    return Tables(
        metadata=names.metadata,
        exams=exams,
        batches=table(
            "batches",
            _key("id"),
            *_ids("uploader"),
            Column("source", sa.Text()),
            Column("received_at", Instant(), nullable=False),
            Column("sealed", sa.Boolean(), nullable=False),
        ),
        versions=versions,
        grants=grants,
        removed=table("removed", _key("exam"), _key("recipient", _KEY)),
        shares=table(
            "shares",
            _key("id"),
            Column("at", Instant(), nullable=False),
            *_ids("actor"),
            Column("performed_by", _text(_ID)),
            *_ids("exam"),
            Column("exams", sa.Text(), nullable=False),
            Column("recipients", sa.Text(), nullable=False),
            Column("permission", sa.SmallInteger(), nullable=False),
            Column("scope", _text(32), nullable=False),
            Column("until", Instant()),
            *_ids("attested_by"),
            Column("attested_at", Instant(), nullable=False),
            Column("wording", sa.Text(), nullable=False),
        ),
        receipts=table(
            "receipts",
            _key("actor"),
            _key("request_id"),
            Column("fingerprint", _text(80), nullable=False),
            Column("receipt", sa.Text(), nullable=False),
        ),
        notices=notices,
        events=table(
            "events",
            _number(),
            Column("at", Instant(), nullable=False),
            Column("kind", _text(64), nullable=False),
            Column("event", sa.Text(), nullable=False),
            *_leaf(),
            Column("written", sa.LargeBinary(), comment="SHA-256 of the rows that it names"),
        ),
        seals=table(
            "seals",
            Column("number", sa.BigInteger(), primary_key=True, autoincrement=False),
            Column("seal", sa.Text(), nullable=False, comment="as it is exported"),
            Column("entries", sa.LargeBinary(), nullable=False, comment="numbers and leaves"),
        ),
        accesses=accesses,
        subjects=subjects,
        schema=schema,
        directory=_define_directory(names, schema),
    )


def _define_directory(names: _Names, schema: Table | None = None) -> DirectoryTables:
    table, index = names.table, names.index
    principals = table(
        "principals",
        _long_key("key"),
        Column("name", _long_text(), nullable=False),
        Column("email", _long_text()),
        Column("active", sa.Boolean(), nullable=False),
        Column("sharing_in_plan", sa.Boolean(), nullable=False),
        Column("notices", sa.Boolean(), nullable=False),
        # The folded name in two parts; the first is null for those who cannot be chosen.
        Column("name_start", _long_text()),
        Column("name_rest", _long_text(), nullable=False),
        # The folded address: the search keys change when it or the name changes.
        Column("address", _long_text()),
    )
    index("principals_by_name", principals.c.name_start, principals.c.key)
    memberships = table("memberships", _long_key("group_key"), _long_key("member_key"))
    index("memberships_of", memberships.c.member_key, memberships.c.group_key)
    keys = table(
        "search_keys",
        Column("kind", sa.SmallInteger(), primary_key=True, autoincrement=False),
        _long_key("start"),
        _long_key("name_start"),
        _long_key("key"),
        # The whole row is its key: without row ids, SQLite stores it once instead of twice.
        sqlite_with_rowid=False,
    )
    index("search_keys_of", keys.c.key)
    changes = table(
        "changes",
        _number(),
        Column("at", Instant(), nullable=False),
        Column("kind", _text(64), nullable=False),
        Column("document", _long_text(), nullable=False),
        *_leaf(),
        # The document has no name, so that a name can be erased without changing the document.
        Column("name", _long_text()),
        Column("principal", _long_text()),
        Column("active", sa.Boolean(), comment="null for one who was removed"),
    )
    index("changes_of", changes.c.principal, changes.c.at, changes.c.number)
    change_keys = table(
        "change_keys",
        _long_key("key"),
        Column("at", Instant(), primary_key=True),
        Column("number", sa.BigInteger(), primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
    past_members = table(
        "past_members",
        _long_key("group_key"),
        _long_key("member_key"),
        Column("began", sa.BigInteger(), primary_key=True, autoincrement=False),
        Column("began_at", Instant(), nullable=False),
        Column("ended", sa.BigInteger(), comment="null for a member of today"),
        Column("ended_at", Instant()),
    )
    is_member = past_members.c.ended.is_(None)
    index("past_members_now", past_members.c.group_key, where=is_member)
    index("past_members_of", past_members.c.member_key, past_members.c.group_key)
    return DirectoryTables(
        metadata=names.metadata,
        changes=changes,
        change_keys=change_keys,
        past_members=past_members,
        principals=principals,
        memberships=memberships,
        search_keys=keys,
        removed=table("removed_principals", _long_key("key")),
        schema=schema,
    )


def _text(length: int) -> TypeEngine[str]:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def _long_text() -> TypeEngine[str]:
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _key(name: str, length: int = _ID) -> Column[str]:
    return Column(name, _text(length), primary_key=True)


def _long_key(name: str) -> Column[str]:
    return Column(name, _long_text(), primary_key=True)


def _ids(*names: str) -> list[Column[str]]:
    return [Column(name, _text(_ID), nullable=False) for name in names]


def _leaf() -> list[Column[bytes]]:
    """Return the columns by which seals cover the records of a table."""
    content = "SHA-256 of the content and the salt"
    return [
        Column("salt", sa.LargeBinary(), nullable=False),
        Column("leaf", sa.LargeBinary(), nullable=False, comment=content),
    ]


def _number() -> Column[int]:
    # Not an `Identity`: SQLite has none, and migrations would find a difference for ever.
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return Column("number", kind, primary_key=True, autoincrement=True)
