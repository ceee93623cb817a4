"""Grants, shares and notices, as operators see them.

The tables are those of `exam_sharing.adapters.sqlalchemy`: Django reads them here and changes
nothing. Columns with personal messages are left out, so that no query of Django's shows them.
"""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from django.db import models
from typing_extensions import override

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_PERMISSIONS: Final = ((1, "view"), (2, "download"))


if TYPE_CHECKING:
    _Field: TypeAlias = models.Field[Any, Any]  # It is generic in stubs alone.
else:
    _Field = models.Field


class Instant(_Field):
    """A time of ours: in PostgreSQL in UTC without an offset, in SQLite microseconds since 1970."""

    @override
    def db_type(self, connection: Any) -> str:
        return "timestamp" if connection.vendor == "postgresql" else "bigint"

    def from_db_value(
        self, value: Any, _expression: object, _connection: object
    ) -> datetime | None:
        """Return the time of a row, aware and in UTC."""
        if value is None:
            return None
        if isinstance(value, datetime):
            return value.replace(tzinfo=UTC)
        microseconds: int = value
        return _EPOCH + microseconds * _MICROSECOND

    @override
    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if not isinstance(value, datetime):
            return value
        at = value.astimezone(UTC)
        if connection.vendor == "postgresql":
            return at.replace(tzinfo=None)
        return (at - _EPOCH) // _MICROSECOND


def _id(verbose_name: str | None = None, **options: Any) -> Any:
    return models.CharField(verbose_name, max_length=257, **options)


class Grant(models.Model):
    """What somebody has been given."""

    id: Any = _id(primary_key=True)
    exam: Any = _id()
    grantor: Any = _id()
    recipient: Any = _id(help_text="u: a user, g: a group")
    permission: Any = models.SmallIntegerField(choices=_PERMISSIONS)
    until: Any = Instant(null=True)
    share: Any = _id()
    made_at: Any = Instant()
    ended_how: Any = _id(null=True)
    ended_by: Any = _id(null=True)
    ended_as: Any = _id(null=True)
    ended_at: Any = Instant(null=True)

    class Meta:
        """In a table of ours."""

        managed: bool = False
        db_table: str = "exam_sharing_grants"

    @override
    def __str__(self) -> str:
        return f"grant {self.id}"


class Share(models.Model):
    """An act that made grants, with its attestation."""

    id: Any = _id(primary_key=True)
    at: Any = Instant()
    actor: Any = _id()
    performed_by: Any = _id(null=True)
    exam: Any = _id()
    permission: Any = models.SmallIntegerField(choices=_PERMISSIONS)
    scope: Any = _id()
    until: Any = Instant(null=True)
    attested_by: Any = _id()
    attested_at: Any = Instant()

    class Meta:
        """In a table of ours."""

        managed: bool = False
        db_table: str = "exam_sharing_shares"

    @override
    def __str__(self) -> str:
        return f"share {self.id}"


class Notice(models.Model):
    """A notice that waits or was given up, without its message."""

    number: Any = models.BigAutoField(primary_key=True)
    id: Any = _id()
    share: Any = _id()
    reader: Any = _id()
    actor: Any = _id()
    attempts: Any = models.IntegerField()
    due: Any = Instant(null=True)
    given_up_at: Any = Instant(null=True)
    problem: Any = _id(null=True)

    class Meta:
        """In a table of ours."""

        managed: bool = False
        db_table: str = "exam_sharing_notices"

    @override
    def __str__(self) -> str:
        return f"notice {self.id}"
