"""What happened: acts, refusals, and changes of users and groups, for operators.

Changes of users and groups hold no patient data. The name of a user or group is a field of its
own, so that a store can keep it apart. Times are aware, in UTC. Specification: `#history`.
"""

from collections.abc import Iterator
from datetime import datetime
from enum import Enum
from typing import Final, TypeAlias, assert_never

import attrs

from exam_sharing.events import (
    AccessesPurged,
    ActRefused,
    Event,
    ExamShared,
    ExamTransferred,
    GrantsEnded,
)
from exam_sharing.identifiers import ExamId, GrantId, GroupId, PrincipalId, UserId
from exam_sharing.policy.requests import (
    Asked,
    HostEnding,
    NarrowRequest,
    RevokeRequest,
    ShareRequest,
    UnshareRequest,
    Withdrawal,
    operator,
    why_text,
)
from exam_sharing.principals import principal_name
from exam_sharing.validation import PrivateText, is_a


@attrs.frozen(kw_only=True)
class UserChanged:
    """A user was added, or is now active, in the plan or named otherwise than before."""

    at: datetime
    user: UserId
    active: bool
    sharing_in_plan: bool
    name: str = attrs.field(default="", repr=False)


@attrs.frozen(kw_only=True)
class GroupChanged:
    """A group was added or renamed, or its direct members changed."""

    at: datetime
    group: GroupId
    joined: tuple[PrincipalId, ...] = ()
    left: tuple[PrincipalId, ...] = ()
    name: str = attrs.field(default="", repr=False)


@attrs.frozen(kw_only=True)
class PrincipalRemoved:
    """A user or a group was removed; `left` are the direct members that a group had."""

    at: datetime
    principal: PrincipalId
    left: tuple[PrincipalId, ...] = ()


@attrs.frozen(kw_only=True)
class NameReplaced:
    """Every name that the history kept of a user or group was replaced by `name`."""

    at: datetime
    principal: PrincipalId = attrs.field(validator=is_a(UserId, GroupId))
    performed_by: UserId = attrs.field(converter=operator)
    why: PrivateText = attrs.field(converter=why_text)
    name: str = attrs.field(default="", converter=principal_name, repr=False)


@attrs.frozen(kw_only=True)
class HistoryBegan:
    """From then on, a directory was told of every change in the portal's own tables."""

    at: datetime


DirectoryChange: TypeAlias = UserChanged | GroupChanged | PrincipalRemoved | NameReplaced
"""What a directory records of a user or a group."""


@attrs.frozen(kw_only=True)
class Happening:
    """One entry of the history.

    Attributes:
        number: its place among the acts, or among the changes of the directory.
        what: an act, a refusal, or a change of a user or group; requests are without messages.
    """

    number: int
    what: Event | DirectoryChange

    @property
    def at(self) -> datetime:
        """When it happened; for people to read, never to order acts by."""
        return self.what.at


Place: TypeAlias = tuple[datetime, int]
"""The time and the number of an entry, by which a history is sorted."""


@attrs.frozen(kw_only=True)
class Stretch:
    """Which part of a history is wanted: the newest entries first, at most `limit`.

    Attributes:
        since: no entry before this time.
        before: no entry at this time or later.
        after: only entries that come behind this one, so older ones.
    """

    since: datetime | None = None
    before: datetime | None = None
    after: Place | None = None
    limit: int

    def holds(self, at: datetime, number: int) -> bool:
        """Return whether an entry with this time and number is in it, whatever the limit."""
        return (
            (self.since is None or self.since <= at)
            and (self.before is None or at < self.before)
            and (self.after is None or (at, number) < self.after)
        )


@attrs.frozen(kw_only=True)
class Recorded:
    """What a history keeps of a user or a group; a group is always active and in the plan."""

    name: str = attrs.field(repr=False)
    active: bool = True
    sharing_in_plan: bool = True
    members: frozenset[PrincipalId] = frozenset()


def change_between(
    principal: PrincipalId, before: Recorded | None, after: Recorded | None, at: datetime
) -> DirectoryChange | None:
    """Return the change of a user or group between two states; `None` if there is none."""
    if before == after:
        return None
    had = before.members if before is not None else frozenset[PrincipalId]()
    has = after.members if after is not None else frozenset[PrincipalId]()
    left = _in_order(had - has)
    if after is None:
        return PrincipalRemoved(at=at, principal=principal, left=left)
    if isinstance(principal, GroupId):
        joined = _in_order(has - had)
        return GroupChanged(at=at, group=principal, joined=joined, left=left, name=after.name)
    return UserChanged(
        at=at,
        user=principal,
        active=after.active,
        sharing_in_plan=after.sharing_in_plan,
        name=after.name,
    )


def _in_order(principals: frozenset[PrincipalId]) -> tuple[PrincipalId, ...]:
    return tuple(sorted(principals, key=lambda each: each.key))


class Everything(Enum):
    """What an event is about that is about no single exam or person."""

    ACCESSES = "a:"


Subject: TypeAlias = PrincipalId | ExamId | GrantId | Everything
"""What an act is about: a person or group, an exam, or a grant that a refused request named."""

_LETTERS: Final = {ExamId: "e", GrantId: "r"}


def subject_key(subject: Subject) -> str:
    """Return the text by which the entries about something are found."""
    if isinstance(subject, UserId | GroupId):
        return subject.key
    if isinstance(subject, Everything):
        return subject.value
    return f"{_LETTERS[type(subject)]}:{subject.value}"


def subjects_of(event: Event) -> frozenset[Subject]:
    """Return every exam and everybody whom an event names."""
    match event:
        case ExamShared():
            return frozenset((*_asked(event.request), *event.share.exams, *event.versions))
        case GrantsEnded():
            ended = (each.grant for each in event.ended)
            people = (who for grant in ended for who in (grant.grantor, grant.recipient))
            # Whoever names a grant that ended is found by its exam.
            asked = (each for each in _asked(event.request) if not isinstance(each, GrantId))
            return frozenset((*asked, *event.versions, *people))
        case ExamTransferred():
            return frozenset((event.exam, event.before, event.after))
        case ActRefused():
            return frozenset(_asked(event.request))
        case AccessesPurged():
            return frozenset((Everything.ACCESSES, event.request.performed_by))
        case other:
            assert_never(other)


def _asked(request: Asked) -> Iterator[Subject]:
    match request:
        case ShareRequest():
            yield from (request.actor, request.exam, *request.recipients)
        case UnshareRequest() | NarrowRequest():
            yield from (request.actor, request.exam, request.recipient)
        case RevokeRequest():
            yield from (request.actor, request.grant)
        case HostEnding():
            yield request.recipient
        case Withdrawal():
            pass
        case other:
            assert_never(other)
    if isinstance(request, HostEnding | Withdrawal) and request.exam is not None:
        yield request.exam
    if request.performed_by is not None:
        yield request.performed_by
