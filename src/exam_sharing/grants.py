"""Permissions, grants and the endings of grants.

A grant is a fact that never changes; its ending is a second fact beside it. Nothing is deleted.

A *horizon* is the moment from which something is no longer held: `FOREVER` for no end, `NEVER` for
not at all, so that `max` and `min` join and cut what users hold. In public, `until=None` is no end.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import Enum, IntEnum
from typing import Final, Literal, TypeAlias

import attrs

from exam_sharing.errors import InvalidArgument
from exam_sharing.identifiers import ExamId, GrantId, GroupId, PrincipalId, ShareId, UserId
from exam_sharing.validation import instant, is_a, is_whole_from, optional_instant, set_of, tuple_of

FOREVER: Final = datetime.max.replace(tzinfo=UTC)
NEVER: Final = datetime.min.replace(tzinfo=UTC)


class Permission(IntEnum):
    """What a user may do with an exam; a permission includes those below it."""

    VIEW = 1
    DOWNLOAD = 2


class Owner(Enum):
    """The one value of `OWNER`: the grantor owned the exam when the grant was made."""

    OWNER = "OWNER"

    def __repr__(self) -> str:
        return self.value


OWNER: Final = Owner.OWNER

Basis: TypeAlias = Literal[Owner.OWNER] | frozenset[GrantId]
"""What entitled the grantor when the grant was made: `OWNER`, or the grants that it rests on."""


def until_of(horizon: datetime) -> datetime | None:
    """Return a horizon as the public interface writes it: `None` for no end."""
    return None if horizon == FOREVER else horizon


def _until(value: datetime | None) -> datetime | None:
    return optional_instant("until", value)


def _made_at(value: datetime) -> datetime:
    return instant("made_at", value)


def _ended_at(value: datetime) -> datetime:
    return instant("at", value)


def _basis(value: Basis) -> Basis:
    found: Basis = OWNER if value is OWNER else set_of("basis", value, GrantId)
    if not found:
        raise InvalidArgument("basis", "must be OWNER or the ids of the grants it rests on")
    return found


def _lines(value: Iterable[GrantId]) -> tuple[GrantId, ...]:
    return tuple_of("lines", value, GrantId) if value else ()


def _replaced_by(value: Iterable[GrantId]) -> tuple[GrantId, ...]:
    return tuple_of("replaced_by", value, GrantId)


@attrs.frozen(kw_only=True, weakref_slot=False)
class Holding:
    """The horizon of each permission; `view` is never earlier than `download`."""

    view: datetime
    download: datetime

    @classmethod
    def of(cls, permission: Permission, horizon: datetime) -> "Holding":
        """Return the holding of one permission until a horizon."""
        return cls(view=horizon, download=horizon if permission >= Permission.DOWNLOAD else NEVER)

    def until(self, permission: Permission) -> datetime:
        """Return the horizon of one permission."""
        return self.download if permission >= Permission.DOWNLOAD else self.view

    def holds(self, permission: Permission, now: datetime) -> bool:
        """Return whether the permission is held at the time."""
        return self.until(permission) > now

    def covers(self, other: "Holding") -> bool:
        """Return whether this gives everything that the other gives, for as long."""
        return self.view >= other.view and self.download >= other.download

    def __or__(self, other: "Holding") -> "Holding":
        """Return what the two together give."""
        return Holding(view=max(self.view, other.view), download=max(self.download, other.download))

    def __and__(self, other: "Holding") -> "Holding":
        """Return what both give."""
        return Holding(view=min(self.view, other.view), download=min(self.download, other.download))

    @staticmethod
    def all_of(holdings: Iterable["Holding"]) -> "Holding":
        """Return what all together give; `NOTHING` for none."""
        view = download = NEVER
        for holding in holdings:
            view, download = max(view, holding.view), max(download, holding.download)
        return Holding(view=view, download=download)


NOTHING: Final = Holding(view=NEVER, download=NEVER)


@attrs.frozen(kw_only=True, weakref_slot=False)
class Grant:
    """A permission on an exam, given by a grantor to a recipient, and the act that gave it.

    Attributes:
        until: aware, kept in UTC: from then on it gives nothing. `None` for no end.
        version: the exam's count of sharing acts when it was made; it orders grants.
        made_at: aware, kept in UTC; for people to read, never to order by.
        lines: the first grants of its lines, outermost first, if it replaced a narrowed grant;
            otherwise empty. A narrowed grant and its replacements form one line. If there are two
            replacements, each also begins a line of its own.
    """

    id: GrantId = attrs.field(validator=is_a(GrantId))
    exam: ExamId = attrs.field(validator=is_a(ExamId))
    grantor: UserId = attrs.field(validator=is_a(UserId))
    recipient: PrincipalId = attrs.field(validator=is_a(UserId, GroupId))
    permission: Permission = attrs.field(validator=is_a(Permission))
    until: datetime | None = attrs.field(default=None, converter=_until)
    version: int = attrs.field(validator=is_whole_from(1))
    basis: Basis = attrs.field(converter=_basis)
    share: ShareId = attrs.field(validator=is_a(ShareId))
    made_at: datetime = attrs.field(converter=_made_at)
    lines: tuple[GrantId, ...] = attrs.field(default=(), converter=_lines)

    @property
    def in_lines(self) -> tuple[GrantId, ...]:
        """The first grants of its lines, itself included, outermost first; never empty."""
        return self.lines or (self.id,)

    @property
    def line(self) -> GrantId:
        """The first grant of its innermost line."""
        return self.lines[-1] if self.lines else self.id

    @property
    def horizon(self) -> datetime:
        """The moment from which it gives nothing; `FOREVER` for no end."""
        return FOREVER if self.until is None else self.until

    @property
    def holding(self) -> Holding:
        """What it gives until it is ended."""
        return Holding.of(self.permission, self.horizon)

    def expired(self, now: datetime) -> bool:
        """Return whether its time is over."""
        return self.until is not None and now >= self.until


@attrs.frozen(kw_only=True, weakref_slot=False)
class ShownGrant:
    """A grant as one person sees it: with nothing about grants that are hidden from them.

    It has no lines, and no version, which counts the acts of others. Its `basis` is `OWNER` if the
    grantor owned the exam then, or the standing grants that it rests on, as far as the person sees
    them.
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
        """Return the grant with the visible part of its basis."""
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
    """How a grant ended; only sweeps record `EXPIRED`."""

    UNSHARED = "UNSHARED"
    NARROWED = "NARROWED"
    CASCADED = "CASCADED"
    WITHDRAWN = "WITHDRAWN"
    BY_HOST = "BY_HOST"
    EXPIRED = "EXPIRED"


class EndedAs(Enum):
    """The capacity in which somebody ended a grant."""

    OWNER = "OWNER"
    GRANTOR = "GRANTOR"
    RECIPIENT = "RECIPIENT"
    HOST = "HOST"


@attrs.frozen(kw_only=True, weakref_slot=False)
class Ending:
    """The record of the end of a grant.

    The expiry of a grant needs no record. The record of a sweep names nobody, acts as the host, and
    has the time of the expiry and the version of the next act on the exam.

    Attributes:
        by: who ended it, or `None` if the host named nobody.
        at: aware, kept in UTC; for people to read, never to order by.
        version: the exam's count of sharing acts, this one included.
    """

    grant: GrantId = attrs.field(validator=is_a(GrantId))
    how: HowEnded = attrs.field(validator=is_a(HowEnded))
    by: UserId | None = attrs.field(validator=is_a(UserId, type(None)))
    acting_as: EndedAs = attrs.field(validator=is_a(EndedAs))
    at: datetime = attrs.field(converter=_ended_at)
    version: int = attrs.field(validator=is_whole_from(1))
    replaced_by: tuple[GrantId, ...] = attrs.field(default=(), converter=_replaced_by)


@attrs.frozen(kw_only=True, weakref_slot=False)
class EndedGrant:
    """A grant with its ending."""

    grant: Grant
    ending: Ending
