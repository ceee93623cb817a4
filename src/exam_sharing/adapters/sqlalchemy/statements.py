"""The questions of the store as text and parameters, for hosts that execute them themselves.

They are the statements that the store executes, with the same reading of their rows.
"""

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar, get_args

import attrs
from sqlalchemy import Select
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Dialect

from exam_sharing.adapters.sqlalchemy.access_questions import AccessQuestions
from exam_sharing.adapters.sqlalchemy.questions import Question, Selecting
from exam_sharing.adapters.sqlalchemy.sharing_questions import ExamQuestions, GrantQuestions
from exam_sharing.adapters.sqlalchemy.tables import Tables
from exam_sharing.errors import InvalidValue
from exam_sharing.exams import Exam
from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, PrincipalKey, UserId
from exam_sharing.policy.facts import ExamGrants
from exam_sharing.policy.views import VisibleExam
from exam_sharing.validation import require_kind

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


class Statements:
    """The questions of the store, and a host's own, for one kind of database and of driver.

    Their arguments and answers are those of the ports of the same names. Nothing is executed.

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
        if dialect not in _DIALECTS:
            raise InvalidValue("dialect", 'must be "postgresql" or "sqlite"')
        if paramstyle not in _PARAMSTYLES:
            raise InvalidValue("paramstyle", "must be one of PEP 249, or numeric_dollar")
        postgresql = dialect == "postgresql"
        self._driver = _DIALECTS[dialect](paramstyle=paramstyle)
        self._access = AccessQuestions(tables, postgresql=postgresql)
        self._exams = ExamQuestions(tables, postgresql=postgresql)
        self._grants = GrantQuestions(tables, postgresql=postgresql)
        self._compiled: dict[Selecting, _Compiled] = {}

    def holds(
        self,
        user: UserId,
        principals: frozenset[PrincipalKey],
        permission: Permission,
        exam: ExamId,
        now: datetime,
    ) -> Statement[bool]:
        """Return a check, as `AccessReader.holds`."""
        return self._put(self._access.holds(user, principals, permission, exam, now))

    def holding(
        self,
        user: UserId,
        principals: frozenset[PrincipalKey],
        permission: Permission,
        exams: Iterable[ExamId],
        now: datetime,
    ) -> Statement[frozenset[ExamId]]:
        """Return a check of many exams, as `AccessReader.holding`."""
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
        require_kind("select", select, Select)
        question = Question[tuple[Any, ...]](select, {}, tuple)
        return _Compiled(select, self._driver).put(question)

    def _put(self, question: Question[AnswerT]) -> Statement[AnswerT]:
        compiled = self._compiled.get(question.statement)
        if compiled is None:
            compiled = _Compiled(question.statement, self._driver)
            self._compiled[question.statement] = compiled
        return compiled.put(question)


class _Compiled:
    """A statement as text for a driver, and what its values are on either side of it."""

    def __init__(self, statement: Selecting, driver: Dialect) -> None:
        self._text: Any = statement.compile(dialect=driver)
        self._to_driver = {
            name: parameter.type.dialect_impl(driver).bind_processor(driver)
            for name, parameter in self._text.binds.items()
        }
        columns = statement.selected_columns
        self._from_driver = [
            column.type.dialect_impl(driver).result_processor(driver, None) for column in columns
        ]
        self._row = _named_row(columns.keys())

    def put(self, question: Question[AnswerT]) -> Statement[AnswerT]:
        """Return a question with this statement, ready for the driver."""
        state = self._text.construct_expanded_state(question.parameters, escape_names=False)
        processes = self._to_driver | state.processors
        values = {
            name: _processed(processes.get(name), value) for name, value in state.parameters.items()
        }
        by_place = state.positiontup
        return Statement(
            text=state.statement,
            parameters=values if by_place is None else tuple(values[name] for name in by_place),
            answer=lambda rows: question.answer(map(self._named, rows)),
        )

    def _named(self, row: Sequence[Any]) -> Any:  # noqa: ANN401  a named tuple of its own kind
        return self._row._make(map(_processed, self._from_driver, row))


def _named_row(columns: Iterable[str]) -> Any:  # noqa: ANN401  a kind of its own
    return namedtuple("Row", columns, rename=True)  # noqa: PYI024  not known before


def _processed(process: Callable[[Any], Any] | None, value: Any) -> Any:  # noqa: ANN401  anything
    return value if process is None else process(value)
