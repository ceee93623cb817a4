"""Many texts as one parameter, so that a statement is the same however many are asked about."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Text, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine
from typing_extensions import override

__all__ = ["TextList", "list_named", "one_of"]


class TextList(TypeDecorator[Sequence[str]]):
    """The type of such a parameter: an array for PostgreSQL, JSON for SQLite."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = Text
    cache_ok: bool | None = True

    @override
    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(ARRAY(Text()))
        return dialect.type_descriptor(Text())

    @override
    def process_bind_param(
        self, value: Sequence[str] | None, dialect: Dialect
    ) -> list[str] | str | None:
        if value is None:
            return None
        return list(value) if dialect.name == "postgresql" else json.dumps(list(value))


def list_named(name: str) -> BindParameter[Sequence[str]]:
    """Return the parameter of that name."""
    return bindparam(name, type_=TextList())


def one_of(column: ColumnElement[str], name: str, *, postgresql: bool) -> ColumnElement[bool]:
    """Return the condition that a column is one of the texts in the parameter of that name."""
    if postgresql:
        return column == any_(list_named(name))
    rows = func.json_each(list_named(name)).table_valued("value")
    return column.in_(select(rows.c.value))
