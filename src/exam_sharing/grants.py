"""Permissions and grants: what was given, by whom, to whom, for how long, and how it ended.

A grant is a fact that never changes; its ending is a second fact beside it. Nothing is deleted.

Times here are *horizons*: the moment from which something is no longer held, with `FOREVER` for
good and `NEVER` for not at all. So what somebody holds is compared, joined and cut with `max` and
`min` alone. At the public edge, `until=None` means for good.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import Enum, IntEnum
from typing import Any, Final, Literal, TypeAlias

import attrs

from exam_sharing.errors import InvalidArgument
from exam_sharing.identifiers import ExamId, GrantId, GroupId, PrincipalId, ShareId, UserId
from exam_sharing.validation import (
    instant,
    is_a,
    optional_instant,
    require_instance,
    set_of,
    tuple_of,
)

__all__ = [
    "FOREVER",
    "NEVER",
    "NOTHING",
    "OWNER",
    "Basis",
    "EndedAs",
    "EndedGrant",
    "Ending",
    "Grant",
    "Holding",
    "HowEnded",
    "Owner",
    "Permission",
    "ShownGrant",
    "until_of",
]

FOREVER: Final = datetime.max.replace(tzinfo=UTC)
NEVER: Final = datetime.min.replace(tzinfo=UTC)


class Permission(IntEnum):
    """What may be done with an exam; holding one includes holding those below it."""

    VIEW = 1
    DOWNLOAD = 2


class Owner(Enum):
    """The one value of `OWNER`: the grantor owned the exam when the grant was made."""

    OWNER = "OWNER"

    def __repr__(self) -> str:
        """Return the public name."""
        return "OWNER"


OWNER: Final = Owner.OWNER

Basis: TypeAlias = Literal[Owner.OWNER] | frozenset[GrantId]
"""What entitled the grantor when the grant was made: `OWNER`, or the grants that it rested on."""


def until_of(horizon: datetime) -> datetime | None:
    """Return a horizon as the public edge writes it: `None` for good."""
    return None if horizon == FOREVER else horizon


def _until(value: datetime | None) -> datetime | None:
    return optional_instant("until", value)


def _made_at(value: datetime) -> datetime:
    return instant("made_at", value)


def _ended_at(value: datetime) -> datetime:
    return instant("at", value)


def _basis(value: Basis) -> Basis:
    return OWNER if value is OWNER else set_of("basis", value, GrantId)


def _lines(value: Iterable[GrantId]) -> tuple[GrantId, ...]:
    return tuple_of("lines", value, GrantId) if value else ()


def _check_basis(_instance: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    if value is not OWNER and not value:
        raise InvalidArgument(attribute.name, "must be OWNER or the ids of the grants it rests on")


def _replaced_by(value: Iterable[GrantId]) -> tuple[GrantId, ...]:
    return tuple_of("replaced_by", value, GrantId)


def _check_version(_instance: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    require_instance(attribute.name, value, int)
    if type(value) is not int or value < 1:
        raise InvalidArgument(attribute.name, "must be a whole number from 1")


@attrs.frozen(kw_only=True, weakref_slot=False)
class Holding:
    """Until when each permission is held, as horizons: `view` is never earlier than `download`."""

    view: datetime
    download: datetime

    @classmethod
    def of(cls, permission: Permission, horizon: datetime) -> "Holding":
        """Return what holding one permission until a horizon amounts to."""
        return cls(view=horizon, download=horizon if permission >= Permission.DOWNLOAD else NEVER)

    def until(self, permission: Permission) -> datetime:
        """Return the horizon of one permission."""
        return self.download if permission >= Permission.DOWNLOAD else self.view

    def holds(self, permission: Permission, now: datetime) -> bool:
        """Say whether the permission is held at the time."""
        return self.until(permission) > now

    def covers(self, other: "Holding") -> bool:
        """Say whether this gives everything that the other gives, for as long."""
        return self.view >= other.view and self.download >= other.download

    def __or__(self, other: "Holding") -> "Holding":
        """Return what both together give."""
        return Holding(view=max(self.view, other.view), download=max(self.download, other.download))

    def __and__(self, other: "Holding") -> "Holding":
        """Return what both give."""
        return Holding(view=min(self.view, other.view), download=min(self.download, other.download))

    @staticmethod
    def all_of(holdings: Iterable["Holding"]) -> "Holding":
        """Return what all of them together give; `NOTHING` for none."""
        view = download = NEVER
        for holding in holdings:
            view, download = max(view, holding.view), max(download, holding.download)
        return Holding(view=view, download=download)


NOTHING: Final = Holding(view=NEVER, download=NEVER)


@attrs.frozen(kw_only=True, weakref_slot=False)
class Grant:
    """A fact that never changes: who gave whom which permission on which exam, until when.

    Attributes:
        id: which grant it is.
        exam: the exam that it is on.
        grantor: who made it.
        recipient: whom it was made to.
        permission: what it gives, with everything below.
        until: aware, kept in UTC: from then on it gives nothing. `None` for good.
        version: the exam's count of sharing acts when it was made; orders grants, as clocks do not.
        basis: what entitled the grantor then.
        share: the act that made it.
        made_at: aware, kept in UTC; for people to read, never to order by.
        lines: empty unless it replaced a grant that was narrowed: then the first grants of the
            lines that it belongs to, outermost first. A narrowed grant and what replaced it are one
            line; where two grants replaced one, each also begins a line of its own.
    """

    id: GrantId = attrs.field(validator=is_a(GrantId))
    exam: ExamId = attrs.field(validator=is_a(ExamId))
    grantor: UserId = attrs.field(validator=is_a(UserId))
    recipient: PrincipalId = attrs.field(validator=is_a(UserId, GroupId))
    permission: Permission = attrs.field(validator=is_a(Permission))
    until: datetime | None = attrs.field(default=None, converter=_until)
    version: int = attrs.field(validator=_check_version)
    basis: Basis = attrs.field(converter=_basis, validator=_check_basis)
    share: ShareId = attrs.field(validator=is_a(ShareId))
    made_at: datetime = attrs.field(converter=_made_at)
    lines: tuple[GrantId, ...] = attrs.field(default=(), converter=_lines)

    @property
    def in_lines(self) -> tuple[GrantId, ...]:
        """The lines that it belongs to, by their first grants, outermost first; never empty."""
        return self.lines or (self.id,)

    @property
    def line(self) -> GrantId:
        """The innermost of its lines, by the first grant of it."""
        return self.lines[-1] if self.lines else self.id

    @property
    def horizon(self) -> datetime:
        """The moment from which it gives nothing; `FOREVER` for good."""
        return FOREVER if self.until is None else self.until

    @property
    def holding(self) -> Holding:
        """What it gives while it has not been ended."""
        return Holding.of(self.permission, self.horizon)

    def expired(self, now: datetime) -> bool:
        """Say whether its time is over."""
        return self.until is not None and now >= self.until


@attrs.frozen(kw_only=True, weakref_slot=False)
class ShownGrant:
    """A grant as it is shown to one person: it says nothing of grants that they are not shown.

    It has no version, which counts the acts of others.

    Attributes:
        id: which grant it is.
        exam: the exam that it is on.
        grantor: who made it.
        recipient: whom it was made to.
        permission: what it gives, with everything below.
        until: aware, in UTC: from then on it gives nothing. `None` for good.
        basis: `OWNER` where the grantor owned the exam then. Otherwise those of the grants that it
            rests on which stand and are shown to the person; empty where none is shown.
        share: the act that made it; a grant that replaces a narrowed one keeps that of the first.
        made_at: aware, in UTC.
    """

    id: GrantId
    exam: ExamId
    grantor: UserId
    recipient: PrincipalId
    permission: Permission
    until: datetime | None
    basis: Basis
    share: ShareId
    made_at: datetime

    @classmethod
    def of(cls, grant: Grant, basis: Basis) -> "ShownGrant":
        """Return the grant with as much of its basis as is shown."""
        return cls(
            id=grant.id,
            exam=grant.exam,
            grantor=grant.grantor,
            recipient=grant.recipient,
            permission=grant.permission,
            until=grant.until,
            basis=basis,
            share=grant.share,
            made_at=grant.made_at,
        )


class HowEnded(Enum):
    """How a grant ended; most that expire are never recorded as `EXPIRED`."""

    UNSHARED = "UNSHARED"
    NARROWED = "NARROWED"
    CASCADED = "CASCADED"
    WITHDRAWN = "WITHDRAWN"
    BY_HOST = "BY_HOST"
    EXPIRED = "EXPIRED"


class EndedAs(Enum):
    """In which capacity a grant was ended."""

    OWNER = "OWNER"
    GRANTOR = "GRANTOR"
    RECIPIENT = "RECIPIENT"
    HOST = "HOST"


@attrs.frozen(kw_only=True, weakref_slot=False)
class Ending:
    """The end of a grant, recorded beside it.

    That a grant expired needs no record. Where a sweep made one, nobody ended it, for the host, at
    its own time, and the version is that of the next act on the exam.

    Attributes:
        grant: which grant ended.
        how: in which way.
        by: who did it, or `None` where the host named nobody.
        acting_as: in which capacity.
        at: aware, kept in UTC; for people to read, never to order by.
        version: the exam's count of sharing acts with this one.
        replaced_by: the narrowed grants that took its place.
    """

    grant: GrantId = attrs.field(validator=is_a(GrantId))
    how: HowEnded = attrs.field(validator=is_a(HowEnded))
    by: UserId | None = attrs.field(validator=is_a(UserId, type(None)))
    acting_as: EndedAs = attrs.field(validator=is_a(EndedAs))
    at: datetime = attrs.field(converter=_ended_at)
    version: int = attrs.field(validator=_check_version)
    replaced_by: tuple[GrantId, ...] = attrs.field(default=(), converter=_replaced_by)


@attrs.frozen(kw_only=True, weakref_slot=False)
class EndedGrant:
    """A grant together with its ending."""

    grant: Grant
    ending: Ending
