"""An exam kept ready for the hot path: who holds it, as plain strings in frozensets.

A check then costs two look-ups and one test of two sets for a common member, and builds no object.
Expired grants are left out of the sets, which are right from `since` until just before `until`;
outside of that span the exam is made ready again for the time that is asked about. Where no grant
`expires`, the sets are right at all times, and times need not be compared.
"""

from bisect import bisect_left, insort
from collections.abc import Hashable, Iterable, Iterator
from datetime import datetime
from typing import Any, Final, Generic, TypeAlias, TypeVar

from exam_sharing.exams import Exam
from exam_sharing.grants import FOREVER, NEVER, Grant, Permission
from exam_sharing.identifiers import GroupId, PrincipalKey, UserId
from exam_sharing.policy.access import grants_reaching
from exam_sharing.policy.facts import ExamGrants
from exam_sharing.policy.views import VisibleExam

__all__ = ["Place", "ReadyExam", "Shelves", "newest_first"]

StrT = TypeVar("StrT", bound=str)
KeyT = TypeVar("KeyT", bound=Hashable)

Place: TypeAlias = tuple[datetime, str]
"""Where an exam stands on a shelf: its time of upload, then its id."""

_VIEW: Final = Permission.VIEW
"""Looking a member of an enum up takes longer than comparing with it."""

_EMPTY: Final[frozenset[Any]] = frozenset()


class ReadyExam:
    """One exam with its sharing, and with who holds it at a time; never changed once made.

    How a list shows it, and which grants are made to whom, is worked out when it is first asked;
    two threads that do so at once make equal values.
    """

    __slots__ = (
        "_made_to",
        "_shown_for_download",
        "_shown_for_view",
        "download",
        "exam",
        "expires",
        "group_grantors",
        "owner",
        "sharing",
        "since",
        "until",
        "view",
    )

    exam: Exam
    sharing: ExamGrants
    owner: str
    view: frozenset[PrincipalKey]
    download: frozenset[PrincipalKey]
    group_grantors: frozenset[str]
    expires: bool
    since: datetime
    until: datetime

    def __init__(self, exam: Exam, sharing: ExamGrants, now: datetime) -> None:
        """Make the sets for a time.

        Args:
            exam: the exam.
            sharing: its version and its grants, without ended ones.
            now: aware; the sets are right for this time.
        """
        grants = () if sharing.withdrawn else sharing.grants
        stands = [grant for grant in grants if not grant.expired(now)]
        keyed = [(grant.recipient.key, grant) for grant in stands]
        self._made_to: dict[PrincipalKey, list[Grant]] | None = None
        self._shown_for_view: VisibleExam | None = None
        self._shown_for_download: VisibleExam | None = None
        self.exam = exam
        self.sharing = sharing
        self.owner = "" if sharing.withdrawn else exam.owner.value
        self.view = _set_of(key for key, _ in keyed)
        self.download = _set_of(key for key, g in keyed if g.permission >= Permission.DOWNLOAD)
        self.group_grantors = _set_of(
            grant.grantor.value for grant in stands if isinstance(grant.recipient, GroupId)
        )
        self.expires = any(grant.until is not None for grant in sharing.grants)
        self.since = max((g.horizon for g in sharing.grants if g.expired(now)), default=NEVER)
        self.until = min((grant.horizon for grant in stands), default=FOREVER)

    def shown(self, permission: Permission) -> VisibleExam:
        """Return the exam as it is listed for somebody who holds no more than the permission."""
        shown = self._shown_for_view if permission is _VIEW else self._shown_for_download
        return self._show(permission) if shown is None else shown

    def _show(self, permission: Permission) -> VisibleExam:
        exam = self.exam
        shown = VisibleExam(exam=exam.id, permission=permission, uploaded_at=exam.uploaded_at)
        if permission is _VIEW:
            self._shown_for_view = shown
        else:
            self._shown_for_download = shown
        return shown

    def made_to(self, recipients: Iterable[PrincipalKey]) -> list[Grant]:
        """Return the grants to some principals, expired ones included."""
        found = self._made_to
        if found is None:
            found = {}
            for grant in () if self.sharing.withdrawn else self.sharing.grants:
                found.setdefault(grant.recipient.key, []).append(grant)
            self._made_to = found
        return [grant for key in recipients for grant in found.get(key, ())]

    def permission_of(
        self, user: UserId, principals: frozenset[PrincipalKey], now: datetime
    ) -> Permission | None:
        """Return the highest permission that grants give the user, or `None`.

        `now` must lie in the span that the sets are right for.
        """
        if user.value in self.group_grantors:
            return self._by_others(user, principals, now)
        if not self.download.isdisjoint(principals):
            return Permission.DOWNLOAD
        return None if self.view.isdisjoint(principals) else Permission.VIEW

    def _by_others(
        self, user: UserId, principals: frozenset[PrincipalKey], now: datetime
    ) -> Permission | None:
        """Leave out what the user gave to groups that they are in."""
        reaching = grants_reaching(user, principals, self.sharing.grants)
        return max((g.permission for g in reaching if not g.expired(now)), default=None)


def _set_of(values: Iterable[StrT]) -> frozenset[StrT]:
    """Return the values as a set; the same one for all that are empty, since most are."""
    return frozenset(values) or _EMPTY


class Shelves(Generic[KeyT]):
    """Sorted places under keys. Not safe for threads by itself."""

    def __init__(self) -> None:
        """Begin with nothing on any shelf."""
        self._shelves: dict[KeyT, list[Place]] = {}

    def put(self, key: KeyT, place: Place) -> None:
        """Put an exam on a shelf that it is not on."""
        insort(self._shelves.setdefault(key, []), place)

    def take(self, key: KeyT, place: Place) -> None:
        """Take an exam from a shelf that it is on."""
        shelf = self._shelves[key]
        del shelf[bisect_left(shelf, place)]
        if not shelf:
            del self._shelves[key]

    def on(self, key: KeyT) -> list[Place]:
        """Return what is on a shelf, oldest first; not to be changed."""
        return self._shelves.get(key, [])


def newest_first(shelves: Iterable[list[Place]], after: Place | None, step: int) -> Iterator[Place]:
    """Yield the places on several shelves, each once, newest first.

    Args:
        shelves: each sorted, oldest first.
        after: the place behind which to begin.
        step: how many places are looked at together; the newest of that many of each shelf hold
            the newest of that many of all.
    """
    full = [shelf for shelf in shelves if shelf]
    while full:
        near: list[Place] = []
        for shelf in full:
            end = len(shelf) if after is None else bisect_left(shelf, after)
            near += shelf[max(0, end - step) : end]
        if len(full) > 1:
            near.sort()
        newest = near[-step:]
        last = None
        for place in reversed(newest):
            if place != last:
                yield place
            last = place
        if len(near) < step:
            return  # No shelf had as many as were looked for: they are all at their ends.
        after = newest[0]
