"""Columns of a host that hold identifiers: text, whole numbers or UUIDs.

Identifiers of the package are texts. Each value of a column has exactly one text, and only this
text names it: `017` and `17` are not one user, and neither are two spellings of one UUID. A number
that is too large for the column names nothing.

A column is compared as it is, by its own index, with a text that the database converts. Where two
columns of any types meet, the host's is converted to text, and needs an index on `as_text`.
"""

from enum import Enum, auto
from functools import reduce
from typing import Any, Final, TypeAlias
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from exam_sharing.adapters.sqlalchemy.tables import ByDialect, text_array, text_rows
from exam_sharing.errors import InvalidArgument, WrongKind

Given: TypeAlias = sa.SQLColumnExpression[Any]
"""A column, an attribute of a mapped class, or an SQL expression."""

_POSTGRESQL: Final[Dialect] = postgresql.dialect()  # type: ignore[no-untyped-call]
_SQLITE: Final[Dialect] = sqlite.dialect()
# The collation of our columns in PostgreSQL.
_OURS: Final = "C"
_LARGEST: Final = 2**63
# The lengths of the groups of digits in the text of a UUID.
_GROUPS: Final = (8, 4, 4, 4, 12)


class Stored(Enum):
    """How a column stores its identifiers."""

    TEXT = auto()
    NUMBER = auto()
    UUID = auto()
    HEX = auto()  # a UUID as 32 digits


def element_of(field: str, given: object) -> ColumnElement[Any]:
    """Return a column, an attribute of a mapped class, or an expression as an SQL expression.

    Raises:
        WrongKind: it is none of these.
    """
    make = getattr(given, "__clause_element__", None)
    element = given if make is None else make()
    if not isinstance(element, ColumnElement):
        raise WrongKind(field, "a column or an SQL expression", type(given).__name__)
    return element


def id_of(field: str, given: object) -> ColumnElement[Any]:
    """Return the expression of a column that holds identifiers.

    Raises:
        InvalidArgument: the values of the column are no texts, whole numbers or UUIDs.
        WrongKind: it is no SQL expression.
    """
    element = element_of(field, given)
    if any(stored_in(element, dialect) is None for dialect in (_POSTGRESQL, _SQLITE)):
        problem = f"is of type {element.type!r}; it must hold text, whole numbers or UUIDs"
        raise InvalidArgument(field, f"{problem}, or be cast to one of these")
    return element


def stored_in(column: ColumnElement[Any], dialect: Dialect) -> Stored | None:
    """Return how a column stores identifiers in a database; `None` if it holds something else."""
    kind: TypeEngine[Any] = column.type.dialect_impl(dialect)
    while isinstance(kind, TypeDecorator):
        kind = kind.impl_instance
    if isinstance(kind, sa.Uuid):
        return Stored.UUID if kind.native_uuid and dialect.supports_native_uuid else Stored.HEX
    if isinstance(kind, sa.Integer):
        return Stored.NUMBER
    return Stored.TEXT if isinstance(kind, sa.String) and not isinstance(kind, sa.Enum) else None


def stored_alike(one: ColumnElement[Any], other: ColumnElement[Any]) -> bool:
    """Return whether two columns store identifiers in the same way, so that they can be equal."""
    return all(stored_in(one, each) is stored_in(other, each) for each in (_POSTGRESQL, _SQLITE))


def names_a_value(stored: Stored | None, text: str) -> bool:
    """Return whether a text is that of a value that a column of this kind could hold."""
    match stored:
        case Stored.NUMBER:
            return _is_number(text)
        case Stored.UUID | Stored.HEX:
            return _is_uuid(text)
        case _:
            return True


def _is_number(text: str) -> bool:
    try:
        number = int(text)
    except ValueError:
        return False
    return text == str(number) and -_LARGEST <= number < _LARGEST


def _is_uuid(text: str) -> bool:
    try:
        return text == str(UUID(text))
    except ValueError:
        return False


def as_text(column: ColumnElement[Any]) -> ColumnElement[str]:
    """Return a column as the texts of its identifiers, compared code point by code point.

    An index on this expression finds them; where the column is text of the collation of our
    columns, its own index does.
    """
    forms = ByDialect(_postgresql_text(column), _sqlite_text(column))
    return sa.type_coerce(forms, sa.String())


def _postgresql_text(column: ColumnElement[Any]) -> ColumnElement[Any]:
    stored = stored_in(column, _POSTGRESQL)
    if stored is Stored.TEXT:
        kind: Any = column.type.dialect_impl(_POSTGRESQL)
        collation = getattr(getattr(kind, "impl_instance", kind), "collation", None)
        return column if collation == _OURS else sa.collate(column, _OURS)
    text = _with_hyphens(column) if stored is Stored.HEX else sa.cast(column, sa.Text())
    return sa.collate(text, _OURS)


def _sqlite_text(column: ColumnElement[Any]) -> ColumnElement[Any]:
    match stored_in(column, _SQLITE):
        case Stored.TEXT:
            return sa.collate(column, "BINARY")
        case Stored.HEX:
            return _with_hyphens(column)
        case _:
            return sa.cast(column, sa.Text())


def _with_hyphens(column: ColumnElement[Any]) -> ColumnElement[Any]:
    digits, start = sa.type_coerce(column, sa.Text()), 1
    groups: list[ColumnElement[str]] = []
    for length in _GROUPS:
        # In the text of the statement: an index on an expression has no parameters.
        place: list[ColumnElement[int]] = [sa.literal_column(str(n)) for n in (start, length)]
        groups.append(sa.func.substr(digits, *place, type_=sa.Text()))
        start += length
    return reduce(lambda text, group: text.concat(sa.literal_column("'-'")).concat(group), groups)


def exact(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return a column that is compared by value, whatever its collation in SQLite."""
    if stored_in(column, _SQLITE) is not Stored.TEXT:
        return column
    return sa.type_coerce(ByDialect(column, sa.collate(column, "BINARY")), column.type)


def from_text(column: ColumnElement[Any], text: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the value of a column that a text names; the text must name one, or be null."""
    in_postgresql, in_sqlite = stored_in(column, _POSTGRESQL), stored_in(column, _SQLITE)
    return ByDialect(_converted(text, in_postgresql), _converted(text, in_sqlite))


def is_one_of(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Return the condition that a column is one of those that the texts in a parameter name.

    Each text must name a value of the column.
    """
    in_postgresql, in_sqlite = stored_in(column, _POSTGRESQL), stored_in(column, _SQLITE)
    texts: ColumnElement[Any] = text_array(name)
    if in_postgresql is Stored.NUMBER:
        texts = sa.cast(texts, ARRAY(sa.BigInteger()))
    elif in_postgresql is Stored.UUID:
        texts = sa.cast(texts, ARRAY(sa.Uuid()))
    elif in_postgresql is Stored.HEX:
        texts = sa.cast(sa.func.replace(sa.cast(texts, sa.Text()), "-", ""), ARRAY(sa.Text()))
    values = sa.select(_converted(text_rows(name), in_sqlite))
    compared = exact(column)
    return ByDialect(compared == sa.any_(texts), compared.in_(values))


def _converted(text: ColumnElement[Any], stored: Stored | None) -> ColumnElement[Any]:
    match stored:
        case Stored.NUMBER:
            return sa.cast(text, sa.BigInteger())
        case Stored.UUID:
            return sa.cast(text, sa.Uuid())
        case Stored.HEX:
            return sa.func.replace(text, "-", "")
        case _:
            return text
