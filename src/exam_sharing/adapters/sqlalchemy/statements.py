"""Statements for a host: those of the store as text, and conditions for the host's own.

`Statements` renders the statements that the store executes. `may`, `permission_held` and
`visible_exams` tell a host's own statement what a user may see, exactly as a check would. Each is
made for one user at one moment, from two arguments: `principals`, because groups count, and `user`,
because a grant that the user made does not count and an exam that they own does. Nothing here
executes a statement.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar, get_args

import attrs
from sqlalchemy import (
    ColumnElement,
    Select,
    SmallInteger,
    SQLColumnExpression,
    String,
    and_,
    case,
    false,
    func,
    literal,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import FromClause
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from exam_sharing.adapters.sqlalchemy.questions import Question, rendered
from exam_sharing.adapters.sqlalchemy.reading import (
    Asker,
    Cursor,
    Keys,
    counts,
    owned,
    questions_of,
)
from exam_sharing.adapters.sqlalchemy.tables import Instant, Tables
from exam_sharing.errors import InvalidArgument
from exam_sharing.exams import Exam
from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, GrantId, PrincipalKey, UserId
from exam_sharing.policy.facts import ExamGrants, Involvement
from exam_sharing.policy.views import VisibleExam
from exam_sharing.validation import (
    checks_arguments,
    instant,
    is_a,
    of_kind,
    require_instance,
    require_kind,
)

__all__ = ["Paramstyle", "Statement", "Statements", "may", "permission_held", "visible_exams"]

AnswerT = TypeVar("AnswerT")

Paramstyle: TypeAlias = Literal["qmark", "numeric", "numeric_dollar", "named", "format", "pyformat"]
"""How a driver marks parameters, in the words of PEP 249; `numeric_dollar` is `$1`."""

_PARAMSTYLES: Final = frozenset(get_args(Paramstyle))
_DIALECTS: Final[Mapping[str, Callable[..., Dialect]]] = {
    "postgresql": PGDialect_psycopg,
    "sqlite": SQLiteDialect_pysqlite,
}

_NOTHING: Final = 0
_EVERYTHING: Final = int(max(Permission))


@attrs.frozen
class Statement(Generic[AnswerT]):
    """A question, ready for a driver.

    Attributes:
        text: the SQL.
        parameters: by place or by name, as the paramstyle requires, of types that drivers accept.
        answer: makes the answer from the driver's rows: sequences of the columns, in their order,
            with the values that the driver returns.
    """

    text: str
    parameters: Sequence[Any] | Mapping[str, Any] = attrs.field(repr=False)
    answer: Callable[[Iterable[Sequence[Any]]], AnswerT] = attrs.field(repr=False, eq=False)


@checks_arguments
class Statements:
    """The questions of the store, and a host's own, for one kind of database and of driver.

    Arguments and answers are those of the ports of the same names. Nothing is executed. Over a
    pooler in transaction mode, a driver that prepares statements may return another client's
    answer: connect psycopg with `prepare_threshold=None`, and asyncpg to the server itself.

    Args:
        tables: those of the database.
        dialect: `"postgresql"` or `"sqlite"`.
        paramstyle: of the driver: `"numeric_dollar"` for asyncpg, `"pyformat"` or `"format"` for
            psycopg, `"format"` for cursors of Django, `"qmark"` or `"named"` for sqlite3.

    Raises:
        InvalidValue: the dialect or the paramstyle is unknown.
        WrongKind: the tables are not ours.
    """

    def __init__(
        self,
        tables: Tables,
        *,
        dialect: Literal["postgresql", "sqlite"],
        paramstyle: Paramstyle,
    ) -> None:
        require_kind("tables", tables, Tables)
        if dialect not in _DIALECTS:
            raise InvalidArgument("dialect", "must be postgresql or sqlite")
        if paramstyle not in _PARAMSTYLES:
            raise InvalidArgument("paramstyle", "must be one of PEP 249, or numeric_dollar")
        self._driver = _DIALECTS[dialect](paramstyle=paramstyle)
        self._questions = questions_of(tables, postgresql=dialect == "postgresql")

    def holds(
        self, user: UserId, principals: Keys, permission: Permission, exam: ExamId, now: datetime
    ) -> Statement[bool]:
        """Return a check, as `AccessReader.holds`."""
        require_kind("user", user, UserId)
        return self._put(self._questions.holds(user, principals, permission, exam, now))

    def involved(
        self, user: UserId, principals: Keys, named: ExamId | GrantId, now: datetime
    ) -> Statement[Involvement | None]:
        """Return the question of a user's involvement, as `AccessReader.involved`."""
        return self._put(self._questions.involved(Asker(user, principals, now), named))

    def holding(
        self,
        user: UserId,
        principals: Keys,
        permission: Permission,
        exams: Iterable[ExamId],
        now: datetime,
    ) -> Statement[frozenset[ExamId]]:
        """Return a check of many exams, as `AccessReader.holding`."""
        asker = Asker(user, principals, now)
        return self._put(self._questions.holding(asker, permission, exams))

    def visible(
        self, user: UserId, principals: Keys, after: Cursor, limit: int, now: datetime, *, own: bool
    ) -> Statement[tuple[VisibleExam, ...]]:
        """Return a page of what the user can see, as `AccessReader.visible`."""
        asker = Asker(user, principals, now)
        return self._put(self._questions.visible(asker, after, limit, own=own))

    def find(self, exams: tuple[ExamId, ...]) -> Statement[tuple[Exam, ...]]:
        """Return the look-up of exams, as `ExamReader.find`."""
        return self._put(self._questions.find(exams))

    def batch_of(self, exam: ExamId) -> Statement[tuple[Exam, ...]]:
        """Return the look-up of an exam's batch, as `ExamReader.batch_of`."""
        return self._put(self._questions.batch_of(exam))

    def read(
        self, exams: tuple[ExamId, ...], *, ended: bool
    ) -> Statement[Mapping[ExamId, ExamGrants]]:
        """Return the reading of versions and grants, as `GrantReader.read`."""
        return self._put(self._questions.read(exams, ended=ended))

    def of(self, select: Select[Any]) -> Statement[tuple[Any, ...]]:
        """Return a select of the host's own, such as one with `may` in it.

        The answer is its rows, as named tuples.

        Raises:
            WrongKind: it is no select of SQLAlchemy's.
        """
        require_instance("select", select, Select)
        return self._put(Question[tuple[Any, ...]](select, {}, tuple))

    def _put(self, question: Question[AnswerT]) -> Statement[AnswerT]:
        written = rendered(question.statement, self._driver)
        return Statement(
            text=written.text,
            parameters=written.values(question.parameters),
            answer=lambda rows: question.answer(written.rows(rows)),
        )


def visible_exams(
    *,
    user: UserId,
    principals: AbstractSet[PrincipalKey],
    permission: Permission,
    now: datetime,
    tables: Tables,
) -> Select[tuple[str, int, datetime]]:
    """Return a select of every exam on which the user holds the permission, one row each.

    Its columns are `exam`, the id; `permission`, the highest permission held, as the value of a
    `Permission`; and `uploaded_at`. All exams must be in our tables. The rows have no order.

    Args:
        user: who asks.
        principals: the keys of the user and of every group that they are in, as returned by
            `Directory.principals_of` and `Viewer.principals`; without any, the user holds nothing.
        permission: the least permission.
        now: the time of the question, aware.
        tables: those of the database that the statement is for.

    Raises:
        WrongKind: an argument is of another type.
        InvalidValue: the time is naive, or the principals are not those of the user.
    """
    asker = _LiteralAsker(user=user, principals=principals, now=now, tables=tables)
    grants, exams = tables.grants, tables.exams
    there = select(exams.c.id).where(exams.c.id == grants.c.exam).scalar_subquery()
    given = select(grants.c.exam, grants.c.permission, grants.c.uploaded_at).where(
        asker.reached_by(grants),
        grants.c.permission >= _value_of(permission),
        there.is_not(None),
    )
    everything = literal(_EVERYTHING, SmallInteger())
    own = select(exams.c.id, everything, exams.c.uploaded_at).where(
        asker.owns(exams.c.id, exams.c.owner)
    )
    held = union_all(given, own).subquery("held")
    return select(
        held.c.exam,
        func.max(held.c.permission).label("permission"),
        func.max(held.c.uploaded_at).label("uploaded_at"),
    ).group_by(held.c.exam)


def may(
    exam_column: SQLColumnExpression[Any],
    owner_column: SQLColumnExpression[Any],
    *,
    user: UserId,
    principals: AbstractSet[PrincipalKey],
    permission: Permission,
    now: datetime,
    tables: Tables,
) -> ColumnElement[bool]:
    """Return the condition that the user holds the permission on the exam of a host's row.

    The database first looks up what the user holds, and then the rows: the cost grows with what the
    user holds, not with the number of rows.

    The columns are the id of the exam and that of its owner, as text, of one table or alias of the
    host's. Other arguments and errors are as for `visible_exams`.
    """
    asker = _LiteralAsker(user=user, principals=principals, now=now, tables=tables)
    grants = tables.grants
    given = select(_InCollation(grants.c.exam, _collation_of(exam_column))).where(
        asker.reached_by(grants), grants.c.permission >= _value_of(permission)
    )
    own = select(exam_column).where(asker.owns(exam_column, owner_column))
    # Of two tables, it would pair every exam of one with what the user owns in the other.
    if len(select(exam_column, owner_column).get_final_froms()) != 1:
        raise InvalidArgument("owner_column", "must be of the same table as the column of the exam")
    return _Exactly(exam_column).in_(union_all(given.correlate(None), own.correlate(None)))


def permission_held(
    exam_column: SQLColumnExpression[Any],
    owner_column: SQLColumnExpression[Any],
    *,
    user: UserId,
    principals: AbstractSet[PrincipalKey],
    now: datetime,
    tables: Tables,
) -> ColumnElement[int]:
    """Return the highest permission that the user holds on the exam of a host's row; 0 for none.

    It is the value of a `Permission`, to show or to compare in a condition. The database looks it
    up for each row: the cost grows with the number of rows, not with what the user holds.

    Arguments and errors are as for `may` and `visible_exams`.
    """
    asker = _LiteralAsker(user=user, principals=principals, now=now, tables=tables)
    grants = tables.grants.alias()
    given = (
        select(func.max(grants.c.permission))
        .where(grants.c.exam == _InCollation(exam_column, _OURS), asker.reached_by(grants))
        .correlate_except(grants)
        .scalar_subquery()
    )
    owns = asker.owns(exam_column, owner_column)
    return case((owns, _EVERYTHING), else_=func.coalesce(given, _NOTHING))


def _aware(value: datetime) -> datetime:
    return instant("now", value)


def _require_theirs(asker: "_LiteralAsker", _attribute: object, value: object) -> None:
    require_instance("principals", value, AbstractSet)
    if asker.principals and asker.user.key not in asker.principals:
        raise InvalidArgument("principals", "must be those of the user, who is one of them")


@attrs.frozen(kw_only=True)
class _LiteralAsker:
    """Who asks, and when, as literal values of a statement."""

    user: UserId = attrs.field(validator=is_a(UserId))
    principals: AbstractSet[PrincipalKey] = attrs.field(validator=_require_theirs)
    now: datetime = attrs.field(converter=_aware)
    tables: Tables = attrs.field(validator=is_a(Tables))

    def reached_by(self, grants: FromClause) -> ColumnElement[bool]:
        """Return the condition that a grant gives the user something."""
        reaches = grants.c.recipient.in_(sorted(self.principals))
        now = literal(self.now, Instant())
        return and_(reaches, counts(grants, user=literal(self.user.value), now=now))

    def owns(
        self, exam: SQLColumnExpression[Any], owner: SQLColumnExpression[Any]
    ) -> ColumnElement[bool]:
        """Return the condition that the user owns an exam."""
        if not self.principals:
            return false()
        versions, user = self.tables.versions, literal(self.user.value)
        return owned(_InCollation(exam, _OURS), _Exactly(owner), versions, user=user)


def _value_of(permission: Permission) -> int:
    return int(of_kind("permission", permission, Permission))


class _Exactly(FunctionElement[str]):
    """A column of the host's, compared by code point whatever its collation in SQLite."""

    inherit_cache = True
    type = String()


@compiles(_Exactly)
def _as_it_is(element: _Exactly, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    return compiler.process(element.clauses, **options)


@compiles(_Exactly, "sqlite")
def _in_binary(element: _Exactly, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    return f"{compiler.process(element.clauses, **options)} COLLATE BINARY"


class _InCollation(FunctionElement[str]):
    """A column in PostgreSQL's collation of the column that it is compared with.

    PostgreSQL can then use an index of the other column, and two different collations are no error.
    """

    inherit_cache = True
    type = String()


@compiles(_InCollation)
def _as_kept(element: _InCollation, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    kept, _ = element.clauses
    return compiler.process(kept, **options)


@compiles(_InCollation, "postgresql")
def _collated(element: _InCollation, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    kept, collation = element.clauses
    return f"{compiler.process(kept, **options)} COLLATE {compiler.process(collation, **options)}"


_OURS: Final[ColumnElement[Any]] = literal_column('"C"')
_POSTGRESQL: Final[Dialect] = PGDialect()  # type: ignore[no-untyped-call]  # SQLAlchemy has no types here


def _collation_of(column: Any) -> ColumnElement[Any]:  # noqa: ANN401  or a mapped attribute
    """Return the name of a column's collation in PostgreSQL, as far as its type specifies it."""
    given = getattr(column.type.dialect_impl(_POSTGRESQL), "collation", None)
    return literal_column(_POSTGRESQL.identifier_preparer.quote_identifier(given or "default"))
