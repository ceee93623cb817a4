"""Instants in a database: aware and in UTC outside, exact to the microsecond inside.

PostgreSQL keeps a `timestamp` that is always in UTC, whatever the time zone of the session; SQLite
keeps whole microseconds since 1970. In both, order and equality are those of the instants.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import BigInteger
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine
from typing_extensions import override

from exam_sharing.validation import instant

__all__ = ["Instant"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Instant(TypeDecorator[datetime]):
    """The column type of every time; migrations name it by this path, so it stays here."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = BigInteger
    cache_ok: bool | None = True

    @override
    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TIMESTAMP(timezone=False))
        return dialect.type_descriptor(BigInteger())

    @override
    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | int | None:
        if value is None:
            return None
        at = instant("time", value)
        if dialect.name == "postgresql":
            return at.replace(tzinfo=None)
        return (at - _EPOCH) // _MICROSECOND

    @override
    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if isinstance(value, datetime):
            return value.replace(tzinfo=UTC)
        microseconds: int = value
        return _EPOCH + timedelta(microseconds=microseconds)
