"""Exams prepared for checks and lists: who holds them, and their order of upload.

A check costs two look-ups and one test of two sets for a common member, and builds no object. The
sets have keys, so that a check touches one string of a user; the owner is among the holders, and
expired grants are left out. They are valid from `since` until just before `until`; for a time
outside of that span the exam is prepared again. Where no grant `expires`, they are always valid.
"""

from bisect import bisect_left
from collections.abc import Hashable, Iterable, Iterator
from datetime import datetime
from typing import Any, Final, TypeAlias, TypeVar

import attrs

from exam_sharing.exams import Exam
from exam_sharing.grants import FOREVER, NEVER, Grant, Permission
from exam_sharing.identifiers import GroupId, Keys, PrincipalKey, UserId
from exam_sharing.policy.access import grants_reaching
from exam_sharing.policy.facts import ExamGrants
from exam_sharing.policy.views import VisibleExam

StrT = TypeVar("StrT", bound=str)
KeyT = TypeVar("KeyT", bound=Hashable)

Place: TypeAlias = tuple[datetime, str]
"""Where an exam is in a list: its time of upload, then its id."""

_VIEW: Final = Permission.VIEW
"""Looking up a member of an enum takes longer than comparing with it."""

_EMPTY: Final[frozenset[Any]] = frozenset()


@attrs.define(eq=False, weakref_slot=False)
class ReadyExam:
    """One exam with its sharing and its holders at a time; never changed.

    How a list shows it, and the grants by recipient, are computed by the first query for them; two
    threads that do so at once compute equal values.
    """

    exam: Exam
    sharing: ExamGrants
    owner: PrincipalKey | None
    view: frozenset[PrincipalKey]
    download: frozenset[PrincipalKey]
    group_grantors: frozenset[PrincipalKey]
    expires: bool
    since: datetime
    until: datetime
    _made_to: dict[PrincipalKey, list[Grant]] | None = None
    _shown_for_view: VisibleExam | None = None
    _shown_for_download: VisibleExam | None = None

    @classmethod
    def of(cls, exam: Exam, sharing: ExamGrants, now: datetime) -> "ReadyExam":
        """Return the exam with its grants, without ended ones; the sets are valid at `now`."""
        grants = () if sharing.withdrawn else sharing.grants
        owners = () if sharing.withdrawn else (exam.owner.key,)
        stands = [grant for grant in grants if not grant.expired(now)]
        viewing = [grant.recipient.key for grant in stands]
        downloading = [g.recipient.key for g in stands if g.permission >= Permission.DOWNLOAD]
        to_groups = [grant for grant in stands if isinstance(grant.recipient, GroupId)]
        return cls(
            exam=exam,
            sharing=sharing,
            owner=next(iter(owners), None),
            view=_set_of((*owners, *viewing)),
            download=_set_of((*owners, *downloading)),
            group_grantors=_set_of({grant.grantor.key for grant in to_groups}.difference(owners)),
            expires=any(grant.until is not None for grant in sharing.grants),
            since=max((g.horizon for g in sharing.grants if g.expired(now)), default=NEVER),
            until=min((grant.horizon for grant in stands), default=FOREVER),
        )

    def shown(self, permission: Permission) -> VisibleExam:
        """Return the exam as a list shows it to a holder of the permission."""
        shown = self._shown_for_view if permission is _VIEW else self._shown_for_download
        if shown is None:
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

    def permission_of(self, user: UserId, principals: Keys, now: datetime) -> Permission | None:
        """Return the highest permission by grants, if any; the sets must be valid at `now`."""
        if user.key in self.group_grantors:
            for each in (Permission.DOWNLOAD, Permission.VIEW):
                if self.given_by_others(user, principals, each, now):
                    return each
            return None
        if not self.download.isdisjoint(principals):
            return Permission.DOWNLOAD
        return None if self.view.isdisjoint(principals) else Permission.VIEW

    def given_by_others(
        self, user: UserId, principals: Keys, permission: Permission, now: datetime
    ) -> bool:
        """Return whether grants of others than the user give them the permission at the time."""
        for grant in grants_reaching(user, principals, self.sharing.grants):
            if grant.permission >= permission and not grant.expired(now):
                return True
        return False


def _set_of(values: Iterable[StrT]) -> frozenset[StrT]:
    """Return the values as a set; always the same one for none, since most are empty."""
    return frozenset(values) or _EMPTY


def remove_place(lists: dict[KeyT, list[Place]], key: KeyT, place: Place) -> None:
    """Remove an exam from the list of a key, which has it."""
    places = lists[key]
    del places[bisect_left(places, place)]
    if not places:
        del lists[key]


def newest_first(lists: Iterable[list[Place]], after: Place | None, step: int) -> Iterator[Place]:
    """Yield the places in several lists, each once, newest first.

    Each list is sorted, oldest first; `after` is the place behind which to begin. Of each list,
    `step` places are read at a time: the newest `step` of all are among the newest `step` of each.
    """
    full = [places for places in lists if places]
    while full:
        near: list[Place] = []
        for places in full:
            end = len(places) if after is None else bisect_left(places, after)
            near += places[max(0, end - step) : end]
        if len(full) > 1:
            near.sort()
        newest = near[-step:]
        last = None
        for place in reversed(newest):
            if place != last:
                yield place
            last = place
        if len(near) < step:
            return  # Every list is at its end.
        after = newest[0]
