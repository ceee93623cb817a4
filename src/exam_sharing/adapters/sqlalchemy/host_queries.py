"""What a user may see, as part of a host's own statements: with its filters, in its order.

Each is made for one user at one moment, and says what a check says at that moment. None of them is
executed here. Who asks is told by two arguments, as everywhere: `principals`, since groups count,
and `user`, since a grant that the user made counts for nothing and what they own counts for all.
"""

from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any, Final

import attrs
from sqlalchemy import (
    ColumnElement,
    Select,
    SmallInteger,
    SQLColumnExpression,
    String,
    and_,
    case,
    false,
    func,
    literal,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import FromClause
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from exam_sharing.adapters.sqlalchemy.giving import counts, owned
from exam_sharing.adapters.sqlalchemy.tables import Tables
from exam_sharing.adapters.sqlalchemy.times import Instant
from exam_sharing.errors import InvalidArgument
from exam_sharing.grants import Permission
from exam_sharing.identifiers import PrincipalKey, UserId
from exam_sharing.validation import instant, is_a, of_kind, require_instance

__all__ = ["may", "permission_held", "visible_exams"]

_NOTHING: Final = 0
_EVERYTHING: Final = int(max(Permission))


def visible_exams(
    *,
    user: UserId,
    principals: AbstractSet[PrincipalKey],
    permission: Permission,
    now: datetime,
    tables: Tables,
) -> Select[tuple[str, int, datetime]]:
    """Return a select of every exam on which the user holds the permission, one row each.

    Its columns are `exam`, the id; `permission`, the highest that is held, as the value of a
    `Permission`; and `uploaded_at`. All exams must be in our tables. It has no order.

    Args:
        user: who asks.
        principals: the keys of the user and of every group that they are in, as
            `Directory.principals_of` and `Viewer.principals` give them; without any, nothing is
            held.
        permission: what is to be held at least.
        now: the time of asking, aware.
        tables: those of the database that the statement is for.

    Raises:
        WrongKind: an argument is of another type.
        InvalidValue: the time is naive, or the principals are not those of the user.
    """
    asker = _Asker(user=user, principals=principals, now=now, tables=tables)
    grants, exams = tables.grants, tables.exams
    there = select(exams.c.id).where(exams.c.id == grants.c.exam).scalar_subquery()
    given = select(grants.c.exam, grants.c.permission, grants.c.uploaded_at).where(
        asker.reached_by(grants),
        grants.c.permission >= _value_of(permission),
        there.is_not(None),
    )
    everything = literal(_EVERYTHING, SmallInteger())
    own = select(exams.c.id, everything, exams.c.uploaded_at).where(
        asker.owns(exams.c.id, exams.c.owner)
    )
    held = union_all(given, own).subquery("held")
    return select(
        held.c.exam,
        func.max(held.c.permission).label("permission"),
        func.max(held.c.uploaded_at).label("uploaded_at"),
    ).group_by(held.c.exam)


def may(
    exam_column: SQLColumnExpression[Any],
    owner_column: SQLColumnExpression[Any],
    *,
    user: UserId,
    principals: AbstractSet[PrincipalKey],
    permission: Permission,
    now: datetime,
    tables: Tables,
) -> ColumnElement[bool]:
    """Return the condition that the user holds the permission on the exam of a host's row.

    The database looks up what the user holds, and then the rows: it costs as much as the user
    holds, however many rows there are.

    Args:
        exam_column: the id of the exam, as text; of a table or an alias of the host's.
        owner_column: the id of its owner, as text; of the same one.
        user: as for `visible_exams`.
        principals: as for `visible_exams`.
        permission: what is to be held at least.
        now: the time of asking, aware.
        tables: those of the database that the statement is for.

    Raises:
        WrongKind: an argument is of another type.
        InvalidValue: the time is naive, the principals are not those of the user, or the columns
            are not of one table.
    """
    asker = _Asker(user=user, principals=principals, now=now, tables=tables)
    grants = tables.grants
    given = select(_InCollation(grants.c.exam, _collation_of(exam_column))).where(
        asker.reached_by(grants), grants.c.permission >= _value_of(permission)
    )
    own = select(exam_column).where(asker.owns(exam_column, owner_column))
    # Of two tables, it would pair every exam of one with what is the user's own in the other.
    if len(select(exam_column, owner_column).get_final_froms()) != 1:
        raise InvalidArgument("owner_column", "must be of the same table as the column of the exam")
    return _Exactly(exam_column).in_(union_all(given.correlate(None), own.correlate(None)))


def permission_held(
    exam_column: SQLColumnExpression[Any],
    owner_column: SQLColumnExpression[Any],
    *,
    user: UserId,
    principals: AbstractSet[PrincipalKey],
    now: datetime,
    tables: Tables,
) -> ColumnElement[int]:
    """Return the highest permission that the user holds on the exam of a host's row; 0 for none.

    It is the value of a `Permission`, to be shown, or to be compared in a condition. The database
    looks it up for each row that it comes by: it costs as much as there are rows to look at,
    however many exams the user holds.

    Args:
        exam_column: the id of the exam, as text.
        owner_column: the id of its owner, as text.
        user: as for `visible_exams`.
        principals: as for `visible_exams`.
        now: the time of asking, aware.
        tables: those of the database that the statement is for.

    Raises:
        WrongKind: an argument is of another type.
        InvalidValue: the time is naive, or the principals are not those of the user.
    """
    asker = _Asker(user=user, principals=principals, now=now, tables=tables)
    grants = tables.grants.alias()
    given = (
        select(func.max(grants.c.permission))
        .where(grants.c.exam == _InCollation(exam_column, _OURS), asker.reached_by(grants))
        .correlate_except(grants)
        .scalar_subquery()
    )
    owns = asker.owns(exam_column, owner_column)
    return case((owns, _EVERYTHING), else_=func.coalesce(given, _NOTHING))


def _aware(value: datetime) -> datetime:
    return instant("now", value)


def _require_theirs(asker: "_Asker", _attribute: object, value: object) -> None:
    require_instance("principals", value, AbstractSet)
    if asker.principals and asker.user.key not in asker.principals:
        raise InvalidArgument("principals", "must be those of the user, who is one of them")


@attrs.frozen(kw_only=True)
class _Asker:
    """Who asks, and when, as part of a statement."""

    user: UserId = attrs.field(validator=is_a(UserId))
    principals: AbstractSet[PrincipalKey] = attrs.field(validator=_require_theirs)
    now: datetime = attrs.field(converter=_aware)
    tables: Tables = attrs.field(validator=is_a(Tables))

    def reached_by(self, grants: FromClause) -> ColumnElement[bool]:
        """Return the condition that a grant gives the user something."""
        named = grants.c.recipient.in_(sorted(self.principals))
        now = literal(self.now, Instant())
        return and_(named, counts(grants, user=literal(self.user.value), now=now))

    def owns(
        self, exam: SQLColumnExpression[Any], owner: SQLColumnExpression[Any]
    ) -> ColumnElement[bool]:
        """Return the condition that an exam is the user's own."""
        if not self.principals:
            return false()
        versions, user = self.tables.versions, literal(self.user.value)
        return owned(_InCollation(exam, _OURS), _Exactly(owner), versions, user=user)


def _value_of(permission: Permission) -> int:
    return int(of_kind("permission", permission, Permission))


class _Exactly(FunctionElement[str]):
    """A column of the host's, compared code point by code point whatever SQLite was told."""

    inherit_cache = True
    type = String()


@compiles(_Exactly)
def _as_it_is(element: _Exactly, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    return compiler.process(element.clauses, **options)


@compiles(_Exactly, "sqlite")
def _in_binary(element: _Exactly, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    return f"{compiler.process(element.clauses, **options)} COLLATE BINARY"


class _InCollation(FunctionElement[str]):
    """A column in PostgreSQL's collation of the one that it is compared with.

    An index of the other one can be used then, and two that differ are no error.
    """

    inherit_cache = True
    type = String()


@compiles(_InCollation)
def _as_kept(element: _InCollation, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    kept, _ = element.clauses
    return compiler.process(kept, **options)


@compiles(_InCollation, "postgresql")
def _collated(element: _InCollation, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    kept, collation = element.clauses
    return f"{compiler.process(kept, **options)} COLLATE {compiler.process(collation, **options)}"


_OURS: Final[ColumnElement[Any]] = literal_column('"C"')
_POSTGRESQL: Final[Dialect] = PGDialect()  # type: ignore[no-untyped-call]  # SQLAlchemy has no types here


def _collation_of(column: Any) -> ColumnElement[Any]:  # noqa: ANN401  or a mapped attribute
    """Return the name of a column's collation in PostgreSQL, as far as its type tells."""
    told = getattr(column.type.dialect_impl(_POSTGRESQL), "collation", None)
    return literal_column(_POSTGRESQL.identifier_preparer.quote_identifier(told or "default"))
