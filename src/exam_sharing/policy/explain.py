"""Explaining to the host's operators why a user holds a permission on an exam, or why not.

Nothing is held back here: explanations name grants and groups that the user may know nothing of.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import TypeAlias

from exam_sharing.grants import Grant, Permission
from exam_sharing.identifiers import ExamId, PrincipalId
from exam_sharing.policy.access import grants_reaching
from exam_sharing.policy.decisions import (
    Denied,
    Ground,
    NearMiss,
    Permitted,
    Reason,
    ReasonCode,
    WhyNot,
)
from exam_sharing.policy.facts import ExamFacts, Profile

__all__ = ["PathTo", "explain_no", "explain_yes"]

PathTo: TypeAlias = Callable[[PrincipalId], tuple[PrincipalId, ...]]
"""From the user through groups to a principal that they are in."""


def explain_yes(
    profile: Profile, permission: Permission, exam: ExamFacts, path_to: PathTo, now: datetime
) -> Permitted | None:
    """Return every ground on which the user holds the permission, or `None` if they do not."""
    if not profile.active:
        return None
    grounds = tuple(
        Ground(grant=grant, path=path_to(grant.recipient))
        for grant in grants_reaching(profile.user, profile.principals, exam.sharing.grants)
        if grant.permission >= permission and not grant.expired(now)
    )
    as_owner = exam.exam.owner == profile.user
    return Permitted(as_owner=as_owner, grounds=grounds) if as_owner or grounds else None


def explain_no(
    profile: Profile, exam_id: ExamId, exam: ExamFacts | None, path_to: PathTo, now: datetime
) -> Denied:
    """Return why the user does not hold a permission, with what comes nearest.

    Args:
        profile: the user.
        exam_id: the exam that was asked about.
        exam: the exam with its ended grants; `None` when there is no such exam.
        path_to: from the user to a principal that they are in.
        now: aware, in UTC.
    """
    if exam is None:
        return Denied((Reason(code=ReasonCode.EXAM_NOT_FOUND, exams=(exam_id,)),))
    near = tuple(_near_misses(profile, exam, path_to, now))
    views = any(miss.why_not is WhyNot.ONLY_VIEW for miss in near)
    code = ReasonCode.DOWNLOAD_NOT_HELD if views else ReasonCode.EXAM_NOT_FOUND
    return Denied((Reason(code=code, exams=(exam_id,)),), near)


def _near_misses(
    profile: Profile, exam: ExamFacts, path_to: PathTo, now: datetime
) -> Iterator[NearMiss]:
    if not profile.active and exam.exam.owner == profile.user:
        yield NearMiss(why_not=WhyNot.USER_NOT_ACTIVE)
    for grant in _made_to(profile, exam.sharing.grants):
        yield NearMiss(
            why_not=_why_not(profile, grant, now), grant=grant, path=path_to(grant.recipient)
        )
    for grant in _made_to(profile, (past.grant for past in exam.sharing.ended)):
        yield NearMiss(why_not=WhyNot.ENDED, grant=grant, path=path_to(grant.recipient))


def _made_to(profile: Profile, grants: Iterable[Grant]) -> Iterator[Grant]:
    return (grant for grant in grants if grant.recipient.key in profile.principals)


def _why_not(profile: Profile, grant: Grant, now: datetime) -> WhyNot:
    if grant.expired(now):
        return WhyNot.EXPIRED
    if grant.grantor == profile.user:
        return WhyNot.OWN_GRANT
    if not profile.active:
        return WhyNot.USER_NOT_ACTIVE
    return WhyNot.ONLY_VIEW
