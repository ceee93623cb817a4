"""The questions of the store as text and parameters, for hosts that execute them themselves.

They are the statements that the store executes, with the same reading of their rows.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar, get_args

import attrs
from sqlalchemy import Select
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Dialect

from exam_sharing.adapters.sqlalchemy.access_questions import access_questions
from exam_sharing.adapters.sqlalchemy.questions import Question
from exam_sharing.adapters.sqlalchemy.rendering import rendered
from exam_sharing.adapters.sqlalchemy.sharing_questions import exam_questions, grant_questions
from exam_sharing.adapters.sqlalchemy.tables import Tables
from exam_sharing.errors import InvalidArgument
from exam_sharing.exams import Exam
from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, GrantId, PrincipalKey, UserId
from exam_sharing.policy.facts import ExamGrants, Involvement
from exam_sharing.policy.views import VisibleExam
from exam_sharing.validation import checks_arguments, require_instance, require_kind

__all__ = ["Paramstyle", "Statement", "Statements"]

AnswerT = TypeVar("AnswerT")

Paramstyle: TypeAlias = Literal["qmark", "numeric", "numeric_dollar", "named", "format", "pyformat"]
"""How a driver wants parameters to be marked, in the words of PEP 249; `numeric_dollar` is `$1`."""

_PARAMSTYLES: Final = frozenset(get_args(Paramstyle))
_DIALECTS: Final[Mapping[str, Callable[..., Dialect]]] = {
    "postgresql": PGDialect_psycopg,
    "sqlite": SQLiteDialect_pysqlite,
}


@attrs.frozen
class Statement(Generic[AnswerT]):
    """A question, ready for a driver.

    Attributes:
        text: the SQL.
        parameters: by place or by name, as the paramstyle has it, each of a type that drivers know.
        answer: makes the answer of the rows that a driver returns: sequences of the columns, in
            their order, with their values as the driver gives them.
    """

    text: str
    parameters: Sequence[Any] | Mapping[str, Any] = attrs.field(repr=False)
    answer: Callable[[Iterable[Sequence[Any]]], AnswerT] = attrs.field(repr=False, eq=False)


@checks_arguments
class Statements:
    """The questions of the store, and a host's own, for one kind of database and of driver.

    Their arguments and answers are those of the ports of the same names. Nothing is executed. Over
    a pooler in transaction mode, a driver that prepares statements may bring the answer to another
    client's: connect psycopg with `prepare_threshold=None`, and asyncpg to the server itself.

    Args:
        tables: those of the database.
        dialect: `"postgresql"` or `"sqlite"`.
        paramstyle: of the driver: `"numeric_dollar"` for asyncpg, `"pyformat"` or `"format"` for
            psycopg, `"format"` for cursors of Django, `"qmark"` or `"named"` for sqlite3.

    Raises:
        InvalidValue: the dialect or the paramstyle is unknown.
        WrongKind: these are no tables of ours.
    """

    def __init__(self, tables: Tables, *, dialect: str, paramstyle: Paramstyle) -> None:
        """Prepare the questions."""
        require_kind("tables", tables, Tables)
        require_kind("dialect", dialect, str)
        require_kind("paramstyle", paramstyle, str)
        if dialect not in _DIALECTS:
            raise InvalidArgument("dialect", 'must be "postgresql" or "sqlite"')
        if paramstyle not in _PARAMSTYLES:
            raise InvalidArgument("paramstyle", "must be one of PEP 249, or numeric_dollar")
        postgresql = dialect == "postgresql"
        self._driver = _DIALECTS[dialect](paramstyle=paramstyle)
        self._access = access_questions(tables, postgresql=postgresql)
        self._exams = exam_questions(tables, postgresql=postgresql)
        self._grants = grant_questions(tables, postgresql=postgresql)

    def holds(
        self,
        user: UserId,
        principals: frozenset[PrincipalKey],
        permission: Permission,
        exam: ExamId,
        now: datetime,
    ) -> Statement[bool]:
        """Return a check, as `AccessReader.holds`."""
        require_kind("user", user, UserId)
        return self._put(self._access.holds(user, principals, permission, exam, now))

    def involved(
        self,
        user: UserId,
        principals: frozenset[PrincipalKey],
        named: ExamId | GrantId,
        now: datetime,
    ) -> Statement[Involvement | None]:
        """Return the question of how a user is involved, as `AccessReader.involved`."""
        require_kind("user", user, UserId)
        return self._put(self._access.involved(user, principals, named, now))

    def holding(
        self,
        user: UserId,
        principals: frozenset[PrincipalKey],
        permission: Permission,
        exams: Iterable[ExamId],
        now: datetime,
    ) -> Statement[frozenset[ExamId]]:
        """Return a check of many exams, as `AccessReader.holding`."""
        require_kind("user", user, UserId)
        return self._put(self._access.holding(user, principals, permission, exams, now))

    def visible(
        self,
        user: UserId,
        principals: frozenset[PrincipalKey],
        after: tuple[datetime, str] | None,
        limit: int,
        now: datetime,
        *,
        own: bool,
    ) -> Statement[tuple[VisibleExam, ...]]:
        """Return a page of what the user can see, as `AccessReader.visible`."""
        require_kind("user", user, UserId)
        return self._put(self._access.visible(user, principals, after, limit, now, own=own))

    def find(self, exams: tuple[ExamId, ...]) -> Statement[tuple[Exam, ...]]:
        """Return the look-up of exams, as `ExamReader.find`."""
        return self._put(self._exams.find(exams))

    def batch_of(self, exam: ExamId) -> Statement[tuple[Exam, ...]]:
        """Return the look-up of an exam's batch, as `ExamReader.batch_of`."""
        return self._put(self._exams.batch_of(exam))

    def read(
        self, exams: tuple[ExamId, ...], *, ended: bool
    ) -> Statement[Mapping[ExamId, ExamGrants]]:
        """Return the reading of versions and grants, as `GrantReader.read`."""
        return self._put(self._grants.read(exams, ended=ended))

    def of(self, select: Select[Any]) -> Statement[tuple[Any, ...]]:
        """Return a select of the host's own, as one with `may` in it.

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
