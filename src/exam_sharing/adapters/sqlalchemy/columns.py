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
from sqlalchemy.sql import FromClause
from sqlalchemy.types import TypeDecorator, TypeEngine

from exam_sharing.adapters.sqlalchemy.tables import ByDialect, Instant, text_array, text_rows
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
    kind = _impl(column.type, dialect)
    if isinstance(kind, sa.Uuid):
        return Stored.UUID if kind.native_uuid and dialect.supports_native_uuid else Stored.HEX
    if isinstance(kind, sa.Integer):
        return Stored.NUMBER
    return Stored.TEXT if isinstance(kind, sa.String) and not isinstance(kind, sa.Enum) else None


def _impl(kind: TypeEngine[Any], dialect: Dialect) -> TypeEngine[Any]:
    found: TypeEngine[Any] = kind.dialect_impl(dialect)
    return _impl(found.impl_instance, dialect) if isinstance(found, TypeDecorator) else found


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


def could_hold(column: ColumnElement[Any], text: str) -> bool:
    """Return whether a text is that of a value of the column in either database."""
    stored = {stored_in(column, each) for each in (_POSTGRESQL, _SQLITE)}
    return all(names_a_value(each, text) for each in stored)


def is_text(column: ColumnElement[Any]) -> bool:
    """Return whether a column stores text in both databases."""
    return all(stored_in(column, each) is Stored.TEXT for each in (_POSTGRESQL, _SQLITE))


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
        collation = getattr(_impl(column.type, _POSTGRESQL), "collation", None)
        return column if collation == _OURS else sa.collate(column, _OURS)
    text = _with_hyphens(column) if stored is Stored.HEX else sa.cast(column, sa.Text())
    return sa.collate(text, _OURS)


def _sqlite_text(column: ColumnElement[Any]) -> ColumnElement[Any]:
    match stored_in(column, _SQLITE):
        case Stored.TEXT:
            return sa.collate(column, "BINARY")
        case Stored.HEX:
            # Without the affinity of a text, SQLite uses no index on it for a column of text.
            return sa.cast(_with_hyphens(column), sa.Text())
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


def in_collation_of(column: ColumnElement[Any], text: ColumnElement[str]) -> ColumnElement[Any]:
    """Return a text of ours with the collation that a column of text has in PostgreSQL.

    PostgreSQL can then use an index of the column, and two different collations are no error.
    """
    collation = getattr(_impl(column.type, _POSTGRESQL), "collation", None) or "default"
    return ByDialect(sa.collate(text, collation if is_text(column) else _OURS), text)


def instant_of(field: str, given: object) -> ColumnElement[Any]:
    """Return a column of times as our columns have them; a naive time is in UTC.

    Raises:
        InvalidArgument: it is no column of times.
        WrongKind: it is no SQL expression.
    """
    column = element_of(field, given)
    if isinstance(column.type, Instant):
        return column
    in_postgresql, in_sqlite = (_impl(column.type, each) for each in (_POSTGRESQL, _SQLITE))
    if not (isinstance(in_postgresql, sa.DateTime) and isinstance(in_sqlite, sa.DateTime)):
        raise InvalidArgument(field, f"is of type {column.type!r}; it must hold times")
    utc = sa.func.timezone(sa.literal_column("'UTC'"), column)
    moment = utc if in_postgresql.timezone else column
    return sa.type_coerce(ByDialect(moment, _microseconds(column)), Instant())


def _microseconds(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the microseconds since 1970 of a time that SQLite stores as text."""
    text, literal = sa.type_coerce(column, sa.Text()), sa.literal_column
    # Without the fraction, which SQLite would round.
    whole = sa.func.substr(text, literal("1"), literal("19"))
    seconds = sa.cast(sa.func.strftime(literal("'%s'"), whole), sa.BigInteger())
    digits = sa.func.substr(text, literal("21"), literal("6")).concat(literal("'00000'"))
    six = sa.cast(sa.func.substr(digits, literal("1"), literal("6")), sa.BigInteger())
    point = sa.func.substr(text, literal("20"), literal("1")) == literal("'.'")
    return seconds * literal("1000000") + sa.case((point, six), else_=literal("0"))


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


def truth_of(field: str, given: object) -> ColumnElement[bool]:
    """Return an expression as a condition of a `WHERE`, where null is not true.

    Raises:
        InvalidArgument: it is no condition.
        WrongKind: it is neither an SQL expression nor a `bool`.
    """
    if isinstance(given, bool):
        return sa.true() if given else sa.false()
    element = element_of(field, given)
    if not isinstance(element.type, sa.Boolean):
        raise InvalidArgument(field, f"is of type {element.type!r}; it must be a condition")
    return element


def table_of(field: str, *columns: object) -> FromClause:
    """Return the one table, alias or subquery of these columns; none is of a constant.

    Raises:
        InvalidArgument: they are of several tables, or of none.
    """
    given = [each for each in columns if not (each is None or isinstance(each, bool))]
    found = sa.select(*(element_of(field, each) for each in given)).get_final_froms()
    if len(found) != 1:
        problem = f"must have the columns of one table or subquery, not of {len(found)}"
        raise InvalidArgument(field, problem)
    return found[0]
