"""Statements for a host: the store's statements as text, and conditions for a host's statements.

`Statements` renders the statements that the store executes. `may`, `permission_held` and
`visible_exams` are parts of a host's own statement, and give the same answers as a check. Each is
made for one user at one moment. It takes `principals`, because groups count. It also takes `user`,
because exams that the user owns count, and grants that the user made do not. Nothing here executes
a statement.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar, get_args

import attrs
import sqlalchemy as sa
from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import FromClause

from exam_sharing.adapters.sqlalchemy import reading
from exam_sharing.adapters.sqlalchemy.columns import (
    as_text,
    could_hold,
    exact,
    from_text,
    id_of,
    in_collation_of,
    is_text,
)
from exam_sharing.adapters.sqlalchemy.reading import Asked, Cursor, Exams, Keys, Listed, Question
from exam_sharing.adapters.sqlalchemy.table_exams import TableExams
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

AnswerT = TypeVar("AnswerT")

Paramstyle: TypeAlias = Literal["qmark", "numeric", "numeric_dollar", "named", "format", "pyformat"]
"""How a driver marks parameters, in the words of PEP 249; `numeric_dollar` is `$1`."""

_PARAMSTYLES: Final = frozenset(get_args(Paramstyle))
_DIALECTS: Final[Mapping[str, Callable[..., Dialect]]] = {
    "postgresql": PGDialect_psycopg,
    "sqlite": SQLiteDialect_pysqlite,
}
_EVERYTHING: Final = int(max(Permission))


@attrs.frozen
class Statement(Generic[AnswerT]):
    """A question, ready for a driver.

    Attributes:
        text: the SQL.
        parameters: by place or by name, as the paramstyle requires, of types that drivers accept.
        answer: makes the answer from the driver's rows, as sequences of the columns in their order.
    """

    text: str
    parameters: Sequence[Any] | Mapping[str, Any] = attrs.field(repr=False)
    answer: Callable[[Iterable[Sequence[Any]]], AnswerT] = attrs.field(repr=False, eq=False)


@checks_arguments
class Statements:
    """The questions of the store, and a host's own, for one kind of database and of driver.

    Each method has the arguments and the answer of the port's method of that name, and executes
    nothing. Over a pooler in transaction mode, a driver that prepares statements may return another
    client's answer: connect psycopg with `prepare_threshold=None`, asyncpg to the server itself.

    The paramstyle is `"numeric_dollar"` for asyncpg, `"pyformat"` or `"format"` for psycopg,
    `"format"` for cursors of Django, and `"qmark"` or `"named"` for sqlite3.
    """

    def __init__(
        self,
        tables: Tables,
        *,
        dialect: Literal["postgresql", "sqlite"],
        paramstyle: Paramstyle,
        exams: TableExams | None = None,
    ) -> None:
        require_kind("tables", tables, Tables)
        if dialect not in _DIALECTS:
            raise InvalidArgument("dialect", "must be postgresql or sqlite")
        if paramstyle not in _PARAMSTYLES:
            raise InvalidArgument("paramstyle", "must be one of PEP 249, or numeric_dollar")
        self._driver = _DIALECTS[dialect](paramstyle=paramstyle)
        rows = _rows_of(exams, tables)
        self._questions = reading.questions_of(tables, rows, postgresql=dialect == "postgresql")

    def holds(
        self, user: UserId, principals: Keys, permission: Permission, exam: ExamId, now: datetime
    ) -> Statement[bool]:
        """Return a check, as `AccessReader.holds`."""
        asked = reading.asked_by(user, principals, now, permission)
        return self._put(self._questions.holds, asked | {"exam": exam.value})

    def involved(
        self, user: UserId, principals: Keys, named: ExamId | GrantId, now: datetime
    ) -> Statement[Involvement | None]:
        """Return the question of a user's involvement, as `AccessReader.involved`."""
        asked = reading.asked_by(user, principals, now)
        return self._put(self._questions.involved(named), asked | {"named": named.value})

    def holding(
        self, user: UserId, principals: Keys, permission: Permission, exams: Exams, now: datetime
    ) -> Statement[frozenset[ExamId]]:
        """Return a check of many exams, as `AccessReader.holding`."""
        asked = reading.asked_by(user, principals, now, permission)
        return self._put(self._questions.holding, asked | {"exams": reading.texts(exams)})

    def visible(
        self, user: UserId, principals: Keys, after: Cursor, limit: int, now: datetime, *, own: bool
    ) -> Statement[tuple[VisibleExam, ...]]:
        """Return a page of what the user can see, as `AccessReader.visible`."""
        what = Listed.VISIBLE if own else Listed.SHARED_WITH
        asked = reading.asked_by(user, principals, now)
        page, asked = self._questions.page(what, asked, after, limit)
        return self._put(page, asked)

    def find(self, exams: tuple[ExamId, ...]) -> Statement[tuple[Exam, ...]]:
        """Return the look-up of exams, as `ExamReader.find`."""
        return self._put(self._questions.find, {"exams": reading.texts(exams)})

    def batch_of(self, exam: ExamId) -> Statement[tuple[Exam, ...]]:
        """Return the look-up of an exam's batch, as `ExamReader.batch_of`."""
        return self._put(self._questions.batch_of, {"exam": exam.value})

    def read(
        self, exams: tuple[ExamId, ...], *, ended: bool
    ) -> Statement[Mapping[ExamId, ExamGrants]]:
        """Return the reading of versions and grants, as `GrantReader.read`."""
        return self._put(self._questions.read(exams, ended=ended), {"exams": reading.texts(exams)})

    def of(self, select: Select[Any]) -> Statement[tuple[Any, ...]]:
        """Return a select of the host's own, such as one with `may` in it.

        The answer is its rows, as named tuples.
        """
        require_instance("select", select, Select)
        return self._put(Question[tuple[Any, ...]](select, tuple), {})

    def _put(self, question: Question[AnswerT], asked: Asked) -> Statement[AnswerT]:
        written = reading.rendered(question.statement, self._driver)
        return Statement(
            text=written.text,
            parameters=written.values(asked),
            answer=lambda rows: question.answer(written.rows(rows)),
        )


def visible_exams(
    *,
    user: UserId,
    principals: AbstractSet[PrincipalKey],
    permission: Permission,
    now: datetime,
    tables: Tables,
    exams: TableExams | None = None,
) -> Select[tuple[str, int, datetime]]:
    """Return a select of every exam on which the user holds the permission, one row each.

    Its columns are `exam`, the id; `permission`, the highest permission held, as the value of a
    `Permission`; and `uploaded_at`. The rows have no order. Exams of a table of the host's are
    given as `exams`.

    The principals are the keys of the user and of every group that they are in, as returned by
    `Directory.principals_of` and `Viewer.principals`; without any, the user holds nothing. `now` is
    aware.

    Raises:
        InvalidValue: the time is naive, or the principals are not those of the user.
    """
    asker = _Asked(user, principals, now, tables)
    grants, rows = tables.grants, _rows_of(exams, tables)
    there = select(rows.c.id).where(rows.c.id == grants.c.exam).scalar_subquery()
    given = select(grants.c.exam, grants.c.permission, grants.c.uploaded_at).where(
        asker.reached_by(grants), grants.c.permission >= _value_of(permission), there.is_not(None)
    )
    everything = sa.literal(_EVERYTHING, sa.SmallInteger())
    own = select(rows.c.id, everything, rows.c.uploaded_at).where(
        asker.owns(rows.c.id, rows.c.owner == asker.user.value)
    )
    held = sa.union_all(given, own).subquery("held")
    return select(
        held.c.exam,
        sa.func.max(held.c.permission).label("permission"),
        sa.func.max(held.c.uploaded_at).label("uploaded_at"),
    ).group_by(held.c.exam)


def may(
    exam_column: sa.SQLColumnExpression[Any],
    owner_column: sa.SQLColumnExpression[Any],
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

    Both columns are of one table or alias of the host's: the exam's id and its owner's id, as text,
    whole numbers or UUIDs. If the exam's is not text, it needs the index on its text that
    `TableExams.define_indexes` defines. Other arguments and errors are as for `visible_exams`.
    """
    asker = _Asked(user, principals, now, tables)
    grants = tables.grants
    exam, owner = id_of("exam_column", exam_column), id_of("owner_column", owner_column)
    # A column of text is compared in its own collation, by its own index.
    compared = exact(exam) if is_text(exam) else as_text(exam)
    given = select(in_collation_of(exam, grants.c.exam)).where(
        asker.reached_by(grants), grants.c.permission >= _value_of(permission)
    )
    own = select(compared).where(asker.owns(as_text(exam), asker.named_by(owner)))
    # With two tables, `own` would pair every exam of one with the user's exams in the other.
    if len(select(exam, owner).get_final_froms()) != 1:
        raise InvalidArgument("owner_column", "must be of the same table as the column of the exam")
    return compared.in_(sa.union_all(given.correlate(None), own.correlate(None)))


def permission_held(
    exam_column: sa.SQLColumnExpression[Any],
    owner_column: sa.SQLColumnExpression[Any],
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
    asker = _Asked(user, principals, now, tables)
    exam, owner = id_of("exam_column", exam_column), id_of("owner_column", owner_column)
    grants = tables.grants.alias()
    given = (
        select(sa.func.max(grants.c.permission))
        .where(grants.c.exam == as_text(exam), asker.reached_by(grants))
        .correlate_except(grants)
        .scalar_subquery()
    )
    owns = asker.owns(as_text(exam), asker.named_by(owner))
    return sa.case((owns, _EVERYTHING), else_=sa.func.coalesce(given, 0))


def _aware(value: datetime) -> datetime:
    return instant("now", value)


@attrs.frozen
class _Asked:
    """Who asks, and when, as literal values of a statement."""

    user: UserId = attrs.field(validator=is_a(UserId))
    principals: AbstractSet[PrincipalKey]
    now: datetime = attrs.field(converter=_aware)
    tables: Tables = attrs.field(validator=is_a(Tables))

    def __attrs_post_init__(self) -> None:
        require_instance("principals", self.principals, AbstractSet)
        if self.principals and self.user.key not in self.principals:
            raise InvalidArgument("principals", "must include the key of the user")

    def reached_by(self, grants: FromClause) -> ColumnElement[bool]:
        """Return the condition that a grant reaches the user and counts."""
        reaches = grants.c.recipient.in_(sorted(self.principals))
        user, now = sa.literal(self.user.value), sa.literal(self.now, Instant())
        return sa.and_(reaches, reading.counts(grants, user=user, now=now))

    def named_by(self, owner: ColumnElement[Any]) -> ColumnElement[bool]:
        """Return the condition that a column has the id of the user."""
        if not could_hold(owner, self.user.value):
            return sa.false()
        return exact(owner) == from_text(owner, sa.literal(self.user.value))

    def owns(self, exam: ColumnElement[Any], is_owner: ColumnElement[bool]) -> ColumnElement[bool]:
        """Return the condition that the user owns an exam."""
        if not self.principals:
            return sa.false()
        return reading.owned(exam, is_owner, self.tables.versions)


def _rows_of(exams: TableExams | None, tables: Tables) -> FromClause:
    require_kind("exams", exams, TableExams, type(None))
    return tables.exams if exams is None else exams.rows


def _value_of(permission: Permission) -> int:
    return int(of_kind("permission", permission, Permission))
