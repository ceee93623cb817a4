"""Many texts as one parameter, so that a statement is the same however many are asked about.

PostgreSQL plans a prepared statement anew each time where it expects to gain by looking at the
values, and planning a check takes longer than the check. Here it has nothing to gain: behind a
sub-select it does not see how many values there are, and so it soon keeps one plan for all.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
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

__all__ = ["TextList", "listed", "one_of"]

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
