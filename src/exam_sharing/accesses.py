"""Who looked: accesses that the host reports, as values. Specification: `#who-looked`.

One row counts the accesses of a user to an exam with one permission and purpose in one window of
time. Windows are aligned to 1970, so that all processes agree on them. Times are aware, in UTC.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

import attrs

from exam_sharing.errors import InvalidInput
from exam_sharing.grants import FOREVER, NEVER, Permission
from exam_sharing.identifiers import ExamId, UserId
from exam_sharing.validation import exact_text, identifier_text, require_kind

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PURPOSE: Final = re.compile("[A-Za-z0-9_.:-]{1,64}")

Place: TypeAlias = tuple[datetime, str]
"""The first time and the id of a row, by which rows are sorted."""


@attrs.frozen(kw_only=True)
class Access:
    """One user's accesses to an exam in one window of time.

    Attributes:
        permission: what was served: to view, or to download.
        purpose: a code of the host's, such as `"TREATMENT"`.
        origin: which application or address, in the host's words; of the first that was recorded.
        window: when the window began.
        first: when the first of them happened; rows are sorted by it.
        last: when the last of them happened.
        count: the number of accesses.
    """

    user: UserId
    exam: ExamId
    permission: Permission
    purpose: str | None = None
    origin: str | None = attrs.field(default=None, repr=False)
    window: datetime
    first: datetime
    last: datetime
    count: int = 1

    @property
    def id(self) -> str:
        """The digest of what makes a row, by which it differs from all others."""
        own = self.user.value, self.exam.value, self.permission.name, self.purpose
        text = json.dumps([*own, self.window.isoformat()])
        return hashlib.sha256(text.encode()).hexdigest()[:40]

    @property
    def place(self) -> Place:
        """The time and the id by which it is sorted."""
        return self.first, self.id


@attrs.frozen(kw_only=True)
class ShownAccess:
    """One user's accesses to an exam, as its owner is shown them.

    Attributes:
        name: as the directory names the user.
    """

    user: UserId
    name: str = attrs.field(repr=False)
    permission: Permission
    purpose: str | None
    first: datetime
    last: datetime
    count: int


@attrs.frozen(kw_only=True)
class Disclosure:
    """Accesses of one user to an exam for one purpose, repeated ones as one.

    Attributes:
        permission: the highest that was served.
        first: when the first of them happened.
        last: when the last of them happened.
        count: the number of accesses.
    """

    user: UserId
    exam: ExamId
    purpose: str | None
    permission: Permission
    first: datetime
    last: datetime
    count: int


@attrs.frozen(kw_only=True)
class AccessQuery:
    """Which accesses are wanted: the newest first, at most `limit`.

    Attributes:
        exams: to any of these; `None` for all.
        users: by any of these; `None` for all.
        since: none that was over before this time.
        before: none that began at this time or later.
        after: only those that come behind this place, so older ones.
    """

    exams: frozenset[ExamId] | None = None
    users: frozenset[UserId] | None = None
    since: datetime | None = None
    before: datetime | None = None
    after: Place | None = None
    limit: int

    def is_about(self, access: Access) -> bool:
        """Return whether an access is to one of the exams and by one of the users."""
        of_exam = self.exams is None or access.exam in self.exams
        return of_exam and (self.users is None or access.user in self.users)

    def holds(self, access: Access) -> bool:
        """Return whether an access is wanted, whatever the limit."""
        return (
            self.is_about(access)
            and (self.since is None or self.since <= access.last)
            and (self.before is None or access.first < self.before)
            and (self.after is None or access.place < self.after)
        )


def window_around(at: datetime, length: timedelta) -> tuple[datetime, datetime]:
    """Return when the window around a time begins and ends."""
    passed = (at - _EPOCH) % length
    return at - min(passed, at - NEVER), at + min(length - passed, FOREVER - at)


def together(earlier: Access, later: Access) -> Access:
    """Return what two reports for one row add up to; `later` was recorded later."""
    return attrs.evolve(
        earlier,
        first=min(earlier.first, later.first),
        last=max(earlier.last, later.last),
        count=earlier.count + later.count,
    )


def purpose_code(value: object) -> str | None:
    """Return the code of a purpose; raise an error of ours if it cannot be one."""
    if value is None:
        return None
    code = exact_text("purpose", value)
    if not _PURPOSE.fullmatch(code):
        problem = (
            "must be a code: 1 to 64 ASCII letters, digits, underscores, dots, colons, hyphens"
        )
        raise InvalidInput("purpose", problem)
    return code


def origin_text(value: object) -> str | None:
    """Return the name of an application or address; raise an error of ours if it cannot be one."""
    return None if value is None else identifier_text("origin", value)


def disclosures_among(
    accesses: Iterable[Access], counts: Callable[[Access], bool]
) -> tuple[Disclosure, ...]:
    """Return the accesses that count as disclosures, by first time; repeated ones as one."""
    found: dict[tuple[UserId, ExamId, str | None], Disclosure] = {}
    for each in accesses:
        answer = counts(each)
        # A wrong answer must not hide a disclosure from the patient.
        require_kind("the answer of counts", answer, bool)
        if not answer:
            continue
        key = each.user, each.exam, each.purpose
        before = found.get(key)
        found[key] = Disclosure(
            user=each.user,
            exam=each.exam,
            purpose=each.purpose,
            permission=max(each.permission, before.permission) if before else each.permission,
            first=min(each.first, before.first) if before else each.first,
            last=max(each.last, before.last) if before else each.last,
            count=each.count + (before.count if before else 0),
        )
    return tuple(sorted(found.values(), key=lambda d: (d.first, d.user, d.exam, d.purpose or "")))
