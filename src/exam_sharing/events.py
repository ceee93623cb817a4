"""Events for the audit trail, and notices for people who gained something.

No event holds a personal message. A notice may hold one, and no `repr` shows it.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TypeAlias

import attrs

from exam_sharing.exams import Exam
from exam_sharing.grants import EndedGrant, Grant, Holding, Permission, until_of
from exam_sharing.identifiers import ExamId, NoticeId, ShareId, UserId
from exam_sharing.policy.access import grants_reaching, grouped
from exam_sharing.policy.decisions import Reason
from exam_sharing.policy.facts import Profile
from exam_sharing.policy.plans import Share
from exam_sharing.policy.requests import (
    AccessPurge,
    Asked,
    EndingRequest,
    HostEnding,
    ShareRequest,
    Withdrawal,
)
from exam_sharing.policy.retries import AT_ONCE
from exam_sharing.validation import PrivateText, private_text


def _message(value: str | None) -> PrivateText | None:
    return private_text("message", value)


@attrs.frozen(kw_only=True)
class ExamShared:
    """A share was made; the request is without its message.

    `versions` holds, for each exam whose sharing changed, the count with this act.
    """

    at: datetime
    request: ShareRequest
    share: Share
    versions: Mapping[ExamId, int]
    made: tuple[Grant, ...]


@attrs.frozen(kw_only=True)
class GrantsEnded:
    """Grants were unshared, narrowed or ended one by one, by a person or by the host.

    Attributes:
        request: a `Withdrawal` also means that the exam is no longer found.
        versions: of each exam whose sharing changed, the count with this act.
        made: the narrowed grants that replaced some of those that ended.
    """

    at: datetime
    request: EndingRequest | HostEnding | Withdrawal
    versions: Mapping[ExamId, int]
    ended: tuple[EndedGrant, ...]
    made: tuple[Grant, ...]


@attrs.frozen(kw_only=True)
class ExamTransferred:
    """An exam changed hands; the grants on it stayed as they were.

    `before` and `after` are its owners. `versions` holds its count with this change.
    """

    at: datetime
    exam: ExamId
    before: UserId
    after: UserId
    versions: Mapping[ExamId, int]


@attrs.frozen(kw_only=True)
class ActRefused:
    """An act was refused, and changed nothing; the request is without its message."""

    at: datetime
    request: Asked
    reasons: tuple[Reason, ...]


@attrs.frozen(kw_only=True)
class AccessesPurged:
    """Accesses were deleted; `rows` is the number of their rows."""

    at: datetime
    request: AccessPurge
    rows: int


Event: TypeAlias = ExamShared | GrantsEnded | ExamTransferred | ActRefused | AccessesPurged
"""Everything that an audit trail keeps. `at` is the time of the act, aware, in UTC."""


@attrs.frozen(kw_only=True)
class ShareNotice:
    """A notice of a share to one user; the notifier decides how it looks.

    Attributes:
        id: stays the same when a notice is sent again, so that a receiver can drop a repeat.
        address: where mail reaches the reader, if anywhere.
        exams: the number of exams on which they gained something that they still hold.
        permission: the highest permission on all of those.
        until: the earliest end of that permission, aware, in UTC; `None` for good.
        message: plain text, never markup; may hold patient data.
    """

    id: NoticeId
    to: UserId
    address: str | None = attrs.field(repr=False)
    actor: UserId
    exams: int
    permission: Permission
    until: datetime | None
    message: PrivateText | None = attrs.field(converter=_message)


@attrs.frozen(kw_only=True)
class WaitingNotice:
    """A notice that waits to be sent.

    Attributes:
        exam_ids: the exams on which the reader gained.
        attempts: how many attempts to send it failed.
        problem: why the last one failed, or `MAYBE_SENT` if any of them may have sent it.
    """

    id: NoticeId
    share: ShareId
    to: UserId
    actor: UserId
    exam_ids: tuple[ExamId, ...]
    message: PrivateText | None = attrs.field(converter=_message)
    attempts: int = 0
    problem: str | None = None


@attrs.frozen(kw_only=True)
class Claim:
    """A notice that one relay keeps from all others until it lapses, while it sends it.

    `token` is different for every claim, also of one notice.
    """

    notice: WaitingNotice
    token: str
    until: datetime


@attrs.frozen(kw_only=True)
class ListedNotice:
    """A notice as an operator sees it, without its message.

    Attributes:
        number: the place in the order in which notices came; it is never that of another notice.
        attempts: how many attempts to send it failed.
        due: when a relay can claim it next, aware, in UTC; `None` once it is given up.
        claimed: whether a relay has it; if so, its claim lapses when the notice is due.
        given_up_at: when it was given up, aware, in UTC; `None` for one that waits.
        problem: why the last attempt failed: a code of the notifier, or the name of the type of an
            error; `None` before any.
    """

    number: int
    id: NoticeId
    share: ShareId
    to: UserId
    attempts: int
    due: datetime | None
    claimed: bool
    given_up_at: datetime | None
    problem: str | None

    @property
    def next_attempt(self) -> datetime | None:
        """The earliest time of the next attempt; `None` for the next delivery, or for never."""
        return None if self.claimed or self.due == AT_ONCE else self.due

    @property
    def claimed_until(self) -> datetime | None:
        """When the claim of the relay that has it lapses; `None` where none has."""
        return self.due if self.claimed else None


def notice_now(
    waiting: WaitingNotice,
    reader: Profile,
    exams: Iterable[Exam],
    grants: Iterable[Grant],
    now: datetime,
) -> ShareNotice | None:
    """Return the notice as far as it is still true, or `None` when it is to be dropped.

    `exams` are those of the notice that are there. `grants` are those of its share that have not
    been ended, to the reader and their groups. Specification: `#what-a-notice-reports`.
    """
    if not reader.wants_notices:
        return None
    reaching = grants_reaching(reader.user, reader.acting, grants)
    given = grouped(reaching, lambda grant: grant.exam)
    holdings = (
        Holding.all_of(grant.holding for grant in given.get(exam.id, ()))
        for exam in exams
        if exam.owner != reader.user
    )
    held = [holding for holding in holdings if holding.holds(Permission.VIEW, now)]
    if not held:
        return None
    downloads = all(holding.holds(Permission.DOWNLOAD, now) for holding in held)
    permission = Permission.DOWNLOAD if downloads else Permission.VIEW
    return ShareNotice(
        id=waiting.id,
        to=waiting.to,
        address=reader.address,
        actor=waiting.actor,
        exams=len(held),
        permission=permission,
        until=until_of(min(holding.until(permission) for holding in held)),
        message=waiting.message,
    )
