"""Querysets of Django as parts of statements of SQLAlchemy.

A host names its columns as paths of Django's ORM, or as expressions: Django makes the `SELECT`, and
our statements read from it as from a table. What decides who may see whom is a queryset too, made
from the id of the actor, for which the statement's own parameter stands.

A queryset is compiled once. So a time must be a function of the database, such as `Now()`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import sqlalchemy as sa
from django.contrib.auth import get_user_model
from django.db import models
from sqlalchemy import ColumnElement
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType, TypeEngine

_PLACE: Final = re.compile("%(%|s)")
_OURS: Final = "exam_sharing_"
"""Begins the names of columns, so that none is that of a field."""

_TYPES: Final[tuple[tuple[Any, TypeEngine[Any]], ...]] = (
    (models.BooleanField, sa.Boolean()),
    (models.IntegerField, sa.BigInteger()),
    (models.UUIDField, sa.Uuid()),
    (models.DateTimeField, sa.DateTime(timezone=True)),
    (models.CharField, sa.Text()),
    (models.TextField, sa.Text()),
)


def columns_of(
    queryset: "models.QuerySet[Any]", name: str, columns: Mapping[str, Any], using: str
) -> dict[str, ColumnElement[Any]]:
    """Return columns of a queryset, all of one subquery with this name.

    A column is a path, as `"owner"` or `"profile__plan"`, an expression, a condition or a `bool`.
    """
    labelled = {f"{_OURS}{key}": _expression(each) for key, each in columns.items()}
    found = queryset.order_by().values(**labelled)
    types = {label: found.query.annotation_select[label].output_field for label in labelled}
    text: list[str] = []
    values: list[sa.BindParameter[Any]] = []
    for piece, value in _pieces(found, using):
        text.append(piece.replace(":", r"\:"))
        if value is not _END:
            values.append(sa.bindparam(f"{_OURS}{len(values)}", value, NullType(), unique=True))
            text.append(f":{_OURS}{len(values) - 1}")
    select = sa.text("".join(text)).bindparams(*values)
    typed = [sa.column(label, type_of(field)) for label, field in types.items()]
    rows = select.columns(*typed).subquery(name)
    return {key: rows.c[f"{_OURS}{key}"] for key in columns}


def model_behind(queryset: "models.QuerySet[Any]", path: Any) -> Any:
    """Return the model whose rows a path refers to by their primary keys; `None` if it is no key.

    Raises:
        ValueError: it refers to rows by something else than their primary keys.
    """
    if isinstance(path, models.F):
        path = getattr(path, "name", None)
    if not isinstance(path, str):
        return None
    found: Any = queryset.values(**{_OURS: models.F(path)}).query.annotation_select[_OURS]
    field: Any = getattr(found, "target", None)
    if not isinstance(field, models.ForeignKey):
        return field.model if getattr(field, "primary_key", False) else None
    if not field.target_field.primary_key:
        raise ValueError(f"{path!r} refers to rows by something else than their primary keys")
    return field.related_model


def is_among(
    queryset: "models.QuerySet[Any]",
    column: ColumnElement[Any],
    actor: ColumnElement[Any],
    using: str,
) -> ColumnElement[bool]:
    """Return the condition that a column is the id of one of a queryset, made from an `Actor`."""
    parts: list[ColumnElement[Any]] = [sa.literal_column("(")]
    for piece, value in _pieces(queryset.order_by().values("pk"), using):
        parts.append(sa.literal_column(piece))
        if value is _ACTOR:
            parts.append(actor)
        elif value is not _END:
            parts.append(sa.bindparam(None, value, NullType(), unique=True))
    found: ColumnElement[bool] = column.op("IN", is_comparison=True)(
        _InARow(*parts, sa.literal_column(")"))
    )
    return found


def type_of(field: Any) -> TypeEngine[Any]:
    """Return the type of a field, or `NullType` where it is neither an id, a truth nor a time."""
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    return next((kind for of, kind in _TYPES if isinstance(field, of)), NullType())


_ACTOR: Final = object()
_END: Final = object()


class Actor(models.Expression):
    """Stands for the id of the actor in a queryset."""

    def __init__(self) -> None:
        super().__init__(output_field=get_user_model()._meta.pk)

    def as_sql(self, _compiler: object, _connection: object) -> Any:
        """Return the place of a parameter, and a mark in the place of its value."""
        return "%s", [_ACTOR]


class _InARow(FunctionElement[Any]):
    """Parts of a statement, one after another."""

    inherit_cache: bool | None = True
    type: TypeEngine[Any] = NullType()


@compiles(_InARow)
def _written(element: _InARow, compiler: SQLCompiler, **options: Any) -> str:
    return "".join(compiler.process(each, **options) for each in element.clauses)


def _pieces(queryset: "models.QuerySet[Any]", using: str) -> Iterator[tuple[str, object]]:
    """Yield the text of a queryset's `SELECT` in pieces, each with the value that follows it."""
    compiler = queryset.query.get_compiler(using, elide_empty=False)
    text, values = compiler.as_sql()
    left = iter(values)
    piece = ""
    for place, part in enumerate(_PLACE.split(text)):
        if place % 2 == 0:
            piece += part
        elif part == "%":
            piece += "%"
        else:
            yield piece, next(left)
            piece = ""
    yield piece, _END


def _expression(given: Any) -> Any:
    if isinstance(given, str):
        return models.F(given)
    return models.Value(given) if isinstance(given, bool) else given
