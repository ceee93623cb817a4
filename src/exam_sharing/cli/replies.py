"""What the commands over a database answer, before anybody prints it; as `chapters`' facts are."""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import TypeAlias

import attrs

from exam_sharing import (
    ExamId,
    Holder,
    NoticeId,
    Page,
    Permission,
    Reason,
    ShareId,
    UserId,
    VisibleExam,
)
from exam_sharing.cli.tour.facts import Ended, Explained, Listed, Previewed, Shared, Uploaded
from exam_sharing.directories import Account, Known
from exam_sharing.principals import Group

__all__ = [
    "ExamsShown",
    "HoldersShown",
    "NoticeShown",
    "NoticeState",
    "NoticesRelayed",
    "NoticesRequeued",
    "NoticesShown",
    "PeopleShown",
    "PrincipalKept",
    "Refusal",
    "Reply",
    "TablesReady",
]


@attrs.frozen(kw_only=True)
class TablesReady:
    """The tables are in the database.

    Attributes:
        place: where the database is.
        created: they were not there before.
        shape: the number of their shape.
    """

    place: str
    created: bool
    shape: int


@attrs.frozen(kw_only=True)
class PrincipalKept:
    """A user or a group is in the directory.

    Attributes:
        kept: all that is known of them.
        replaced: they were there before, and this was said anew.
    """

    kept: Known
    replaced: bool


@attrs.frozen(kw_only=True)
class PeopleShown:
    """All who are in the directory, by their ids."""

    users: tuple[Account, ...]
    groups: tuple[Group, ...]


@attrs.frozen(kw_only=True)
class HoldersShown:
    """Everybody who holds a permission on an exam."""

    exam: ExamId
    permission: Permission
    holders: tuple[Holder, ...]


@attrs.frozen(kw_only=True)
class ExamsShown:
    """A page of the exams that a user can see.

    Attributes:
        user: who can.
        own: whether the exams that they own are among them.
        page: the exams, newest upload first.
    """

    user: UserId
    own: bool
    page: Page[VisibleExam]


class NoticeState(Enum):
    """Where a notice stands; one that was sent is no longer there."""

    WAITING = "WAITING"
    SENDING = "SENDING"
    GIVEN_UP = "GIVEN_UP"


@attrs.frozen(kw_only=True)
class NoticeShown:
    """A notice as an operator sees it, without what it says.

    Attributes:
        id: which notice.
        share: the share that it tells of.
        to: whom to tell.
        state: where it stands.
        attempts: how many times sending it was tried, and failed.
        next_attempt: not before when it is tried again; `None` for the next relay, or for never.
        given_up_at: when it was given up.
        problem: why the last try failed.
    """

    id: NoticeId
    share: ShareId
    to: UserId
    state: NoticeState
    attempts: int
    next_attempt: datetime | None
    given_up_at: datetime | None
    problem: str | None


@attrs.frozen(kw_only=True)
class NoticesShown:
    """A page of notices in the order in which they came."""

    notices: tuple[NoticeShown, ...]
    next: str | None


@attrs.frozen(kw_only=True)
class NoticesRequeued:
    """Notices that were given up wait again.

    Attributes:
        requeued: how many.
        named: how many were asked for; `None` for all.
    """

    requeued: int
    named: int | None


@attrs.frozen(kw_only=True)
class NoticesRelayed:
    """What is due was sent.

    Attributes:
        sent: how many notices.
        failing: how many failed so far and wait for another try, by problem.
        given_up: how many were given up, now or before, by problem.
    """

    sent: int
    failing: Mapping[str, int]
    given_up: Mapping[str, int]


@attrs.frozen(kw_only=True)
class Refusal:
    """What was asked for is refused, and nothing was done."""

    reasons: tuple[Reason, ...]


Reply: TypeAlias = (
    TablesReady
    | PrincipalKept
    | PeopleShown
    | Uploaded
    | Previewed
    | Shared
    | Ended
    | Listed
    | HoldersShown
    | ExamsShown
    | Explained
    | NoticesShown
    | NoticesRequeued
    | NoticesRelayed
)
"""What a command over a database can answer."""
