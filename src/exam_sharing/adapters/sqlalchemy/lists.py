"""Many texts as one parameter, so that a statement is the same however many are asked about.

PostgreSQL plans a prepared statement anew each time where it expects to gain by looking at the
values, and planning a check takes longer than the check. Here it has nothing to gain: behind a
sub-select it does not see how many values there are, and so it soon keeps one plan for all.
"""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, TableValuedAlias, Text, any_, bindparam, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY, JSON
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine
from typing_extensions import override

__all__ = ["TextList", "listed", "one_of"]


class TextList(TypeDecorator[Sequence[str]]):
    """The type of such a parameter: JSON, which drivers write faster than an array."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = Text
    cache_ok: bool | None = True

    @override
    def process_bind_param(self, value: Sequence[str] | None, dialect: Dialect) -> str | None:
        return None if value is None else json.dumps(value)


def listed(name: str, *, postgresql: bool) -> TableValuedAlias:
    """Return the texts in the parameter of that name as rows, each with a `value`."""
    texts = bindparam(name, type_=TextList())
    if postgresql:
        return func.json_array_elements_text(cast(texts, JSON())).table_valued("value")
    return func.json_each(texts).table_valued("value")


def one_of(column: ColumnElement[str], name: str, *, postgresql: bool) -> ColumnElement[bool]:
    """Return the condition that a column is one of the texts in the parameter of that name."""
    texts = select(listed(name, postgresql=postgresql).c.value)
    if postgresql:
        return column == any_(func.array(texts.scalar_subquery(), type_=ARRAY(Text())))
    return column.in_(texts)
