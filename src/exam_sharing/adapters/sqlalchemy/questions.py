"""Questions to the database as values: a statement, its parameters, and how to read its rows.

The store executes them; a host on another driver takes them as text from `Statements`. SQLAlchemy
would render a statement each time that it executes it, which costs as much as a check itself. So
each statement is rendered once.

Many texts travel as one parameter, so that a statement does not depend on their number. PostgreSQL
plans a prepared statement again and again while it hopes to gain by looking at the values, and
planning a check takes longer than the check. A sub-select hides the number of values, so PostgreSQL
soon keeps one plan.
"""

import json
from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Generic, TypeAlias, TypeVar
from weakref import WeakKeyDictionary

import attrs
from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    TableValuedAlias,
    Text,
    any_,
    bindparam,
    cast,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType, TypeDecorator, TypeEngine
from typing_extensions import override

__all__ = ["Question", "Selecting", "listed", "one_of", "rendered"]

AnswerT = TypeVar("AnswerT")

Selecting: TypeAlias = Select[Any] | CompoundSelect[Any]


@attrs.frozen
class Question(Generic[AnswerT]):
    """One statement that reads.

    Attributes:
        statement: the same one each time, whatever the parameters.
        parameters: Python values by name.
        answer: makes the answer from the rows; each row has its columns as attributes, in order.
    """

    statement: Selecting
    parameters: Mapping[str, Any] = attrs.field(repr=False)
    answer: Callable[[Iterable[Any]], AnswerT] = attrs.field(repr=False, eq=False)


def one_of(column: ColumnElement[str], name: str) -> ColumnElement[bool]:
    """Return the condition that a column is one of the texts in the parameter of that name."""
    return _OneOf(column, bindparam(name, type_=_TextList()))


def listed(name: str) -> TableValuedAlias:
    """Return the texts in the parameter of that name as rows, each with a `value`."""
    # PostgreSQL calls the column of a function by the alias of the function.
    return _Listed(bindparam(name, type_=_TextList())).table_valued("value", name="value")


class _TextList(TypeDecorator[Sequence[str]]):
    """Many texts as one parameter: lines for PostgreSQL, and JSON for SQLite.

    Lines cost drivers and PostgreSQL next to nothing; identifiers hold no line ends.

    Raises:
        ValueError: a text for PostgreSQL holds a line end, and would be taken for two.
    """

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = Text
    cache_ok: bool | None = True

    @override
    def process_bind_param(self, value: Sequence[str] | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        if dialect.name != "postgresql":
            return json.dumps(value)
        lines = "\n".join(value)
        if lines.count("\n") >= max(1, len(value)):
            raise ValueError("a text among several must be one line")
        return lines


class _OneOf(FunctionElement[Any]):
    inherit_cache = True
    # Not `Boolean`: SQLAlchemy would compare it with 1 on SQLite, which then uses no index.
    type = NullType()


class _Listed(FunctionElement[str]):
    inherit_cache = True
    type = Text()


@compiles(_OneOf, "postgresql")
def _is_any(element: _OneOf, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    column, texts = element.clauses
    return compiler.process(column == any_(_array(texts)), **options)


@compiles(_OneOf, "sqlite")
def _is_in(element: _OneOf, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    column, texts = element.clauses
    values = select(func.json_each(texts).table_valued("value").c.value)
    return compiler.process(column.in_(values), **options)


@compiles(_Listed, "postgresql")
def _unnested(element: _Listed, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    (texts,) = element.clauses
    return compiler.process(func.unnest(_array(texts)), **options)


@compiles(_Listed, "sqlite")
def _each(element: _Listed, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    return compiler.process(func.json_each(*element.clauses), **options)


def _array(texts: ColumnElement[Any]) -> ColumnElement[Any]:
    hidden = select(func.string_to_array(texts, literal_column(r"E'\n'"))).scalar_subquery()
    return cast(hidden, ARRAY(Text()))


_Process: TypeAlias = Callable[[Any], Any]


class Rendered:
    """A statement as text for a driver, and how values are converted on either side of it.

    Attributes:
        text: the SQL.
    """

    def __init__(self, statement: Selecting, driver: Dialect) -> None:
        compiled: Any = statement.compile(dialect=driver)
        asked = [name for name, parameter in compiled.binds.items() if parameter.required]
        state = compiled.construct_expanded_state(dict.fromkeys(asked), escape_names=False)
        processes = state.processors | {
            name: parameter.type.dialect_impl(driver).bind_processor(driver)
            for name, parameter in compiled.binds.items()
        }
        self.text: str = state.statement
        self._places: Sequence[str] | None = state.positiontup
        self._to_driver: Mapping[str, _Process | None] = {name: processes[name] for name in asked}
        self._fixed = {
            name: _processed(processes.get(name), value)
            for name, value in state.parameters.items()
            if name not in asked
        }
        columns = statement.selected_columns
        self._from_driver = [
            column.type.dialect_impl(driver).result_processor(driver, None) for column in columns
        ]
        # The columns are not known before.
        self._row: Any = namedtuple("Row", columns.keys(), rename=True)  # type: ignore[misc]  # noqa: PYI024

    def values(self, asked: Mapping[str, Any]) -> tuple[Any, ...] | dict[str, Any]:
        """Return the parameters as the driver takes them: by place or by name."""
        values = dict(self._fixed)
        for name, process in self._to_driver.items():
            values[name] = _processed(process, asked[name])
        return values if self._places is None else tuple(map(values.__getitem__, self._places))

    def rows(self, rows: Iterable[Sequence[Any]]) -> Iterator[Any]:
        """Return rows of the driver with Python values, and the columns as attributes."""
        return (self._row._make(map(_processed, self._from_driver, row)) for row in rows)


_RENDERED: Final[WeakKeyDictionary[Selecting, dict[tuple[str, str], Rendered]]] = (
    WeakKeyDictionary()
)


def rendered(statement: Selecting, driver: Dialect) -> Rendered:
    """Return a statement as text for a driver; the same statement is rendered once."""
    for_drivers = _RENDERED.setdefault(statement, {})
    key = driver.name, driver.paramstyle
    if key not in for_drivers:
        for_drivers[key] = Rendered(statement, driver)
    return for_drivers[key]


def _processed(process: _Process | None, value: Any) -> Any:  # noqa: ANN401  anything
    return value if process is None else process(value)
