"""Statements as text for a driver: what the store executes, and what hosts execute themselves.

SQLAlchemy would make the text and the parameters of a statement anew each time it executes one. Of
a check that takes as long as PostgreSQL takes to answer it, so here it is done once.
"""

from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias
from weakref import WeakKeyDictionary

from sqlalchemy.engine import Dialect

from exam_sharing.adapters.sqlalchemy.questions import Selecting

__all__ = ["Rendered", "rendered"]

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
