"""What is asked of the database, as values: a statement, its parameters, how its rows are read.

The store executes them; a host on another driver has them as text from `Statements`. SQLAlchemy
would make the text and the parameters of a statement anew each time it executes one. Of a check
that takes as long as PostgreSQL takes to answer it, so here it is done once.

Many texts are one parameter, so that a statement is the same however many are asked about.
PostgreSQL plans a prepared statement anew each time where it expects to gain by looking at the
values, and planning a check takes longer than the check. Here it has nothing to gain: behind a
sub-select it does not see how many values there are, and so it soon keeps one plan for all.
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
from sqlalchemy.types import TypeDecorator, TypeEngine
from typing_extensions import override

__all__ = ["Question", "Rendered", "Selecting", "TextList", "listed", "one_of", "rendered"]

AnswerT = TypeVar("AnswerT")

Selecting: TypeAlias = Select[Any] | CompoundSelect[Any]


@attrs.frozen
class Question(Generic[AnswerT]):
    """One statement that asks something.

    Attributes:
        statement: the same one each time, whatever the parameters.
        parameters: by name, as values of Python.
        answer: makes the answer of the rows, each with its columns as attributes, in their order.
    """

    statement: Selecting
    parameters: Mapping[str, Any] = attrs.field(repr=False)
    answer: Callable[[Iterable[Any]], AnswerT] = attrs.field(repr=False, eq=False)


_LINE_END: Final = "\n"


class TextList(TypeDecorator[Sequence[str]]):
    """The type of such a parameter: lines for PostgreSQL, and JSON for SQLite.

    Lines cost drivers and PostgreSQL next to nothing; identifiers hold no line ends.

    Raises:
        ValueError: a text for PostgreSQL holds one, and would be taken for two.
    """

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = Text
    cache_ok: bool | None = True

    @override
    def process_bind_param(self, value: Sequence[str] | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        return _lines(value) if dialect.name == "postgresql" else json.dumps(value)


def _lines(texts: Sequence[str]) -> str:
    lines = _LINE_END.join(texts)
    if lines.count(_LINE_END) >= max(1, len(texts)):
        raise ValueError("a text among several must be one line")
    return lines


def listed(name: str, *, postgresql: bool) -> TableValuedAlias:
    """Return the texts in the parameter of that name as rows, each with a `value`."""
    texts = bindparam(name, type_=TextList())
    if postgresql:
        return func.unnest(_array(texts)).table_valued("value").render_derived()
    return func.json_each(texts).table_valued("value")


def one_of(column: ColumnElement[str], name: str, *, postgresql: bool) -> ColumnElement[bool]:
    """Return the condition that a column is one of the texts in the parameter of that name."""
    if postgresql:
        return column == any_(_array(bindparam(name, type_=TextList())))
    return column.in_(select(listed(name, postgresql=False).c.value))


def _array(texts: ColumnElement[Any]) -> ColumnElement[Any]:
    hidden = select(func.string_to_array(texts, literal_column(r"E'\n'"))).scalar_subquery()
    return cast(hidden, ARRAY(Text()))


_Process: TypeAlias = Callable[[Any], Any]


class Rendered:
    """A statement as text for a driver, and what its values are on either side of it.

    Attributes:
        text: the SQL.
    """

    def __init__(self, statement: Selecting, driver: Dialect) -> None:
        """Render the statement."""
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
        self._row = _named_row(columns.keys())

    def values(self, asked: Mapping[str, Any]) -> tuple[Any, ...] | dict[str, Any]:
        """Return the parameters as the driver takes them: by place or by name."""
        values = dict(self._fixed)
        for name, process in self._to_driver.items():
            values[name] = _processed(process, asked[name])
        return values if self._places is None else tuple(map(values.__getitem__, self._places))

    def rows(self, rows: Iterable[Sequence[Any]]) -> Iterator[Any]:
        """Return rows of the driver with values of Python, and the columns as attributes."""
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


def _named_row(columns: Iterable[str]) -> Any:  # noqa: ANN401  a kind of its own
    return namedtuple("Row", columns, rename=True)  # noqa: PYI024  not known before


def _processed(process: _Process | None, value: Any) -> Any:  # noqa: ANN401  anything
    return value if process is None else process(value)
