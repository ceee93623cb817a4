"""Who holds a permission on an exam, why, and why not: for the host's operators.

Nothing is held back here: the answers name grants and groups that a user may know nothing of.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TypeAlias

import attrs

from exam_sharing.exams import Exam
from exam_sharing.grants import Grant, HowEnded, Permission
from exam_sharing.identifiers import ExamId, Keys, PrincipalId, UserId
from exam_sharing.policy.access import grants_reaching, in_order, standing
from exam_sharing.policy.decisions import Denied, NearMiss, Reason, ReasonCode, WhyNot
from exam_sharing.policy.facts import ExamFacts, ExamGrants, Profile

Paths: TypeAlias = Mapping[PrincipalId, tuple[PrincipalId, ...]]
"""From the user through groups to each principal that they are in."""


def grants_giving(
    user: UserId, principals: Keys, permission: Permission, sharing: ExamGrants, now: datetime
) -> list[Grant]:
    """Return every standing grant that gives the user the permission, oldest first."""
    if sharing.withdrawn:
        return []
    giving = [
        grant
        for grant in grants_reaching(user, principals, sharing.grants)
        if grant.permission >= permission and not grant.expired(now)
    ]
    return in_order(giving) if len(giving) > 1 else giving


def explain_no(
    profile: Profile, exam_id: ExamId, exam: ExamFacts | None, paths: Paths, now: datetime
) -> Denied:
    """Return why the user does not hold a permission, with the near misses.

    `exam` has its ended grants, and is `None` when there is no such exam.
    """
    if exam is None:
        return Denied((Reason(code=ReasonCode.EXAM_NOT_FOUND, exams=(exam_id,)),))
    near = tuple(_near_misses(profile, exam, paths, now))
    views = any(miss.why_not is WhyNot.ONLY_VIEW for miss in near)
    code = ReasonCode.DOWNLOAD_NOT_HELD if views else ReasonCode.EXAM_NOT_FOUND
    return Denied((Reason(code=code, exams=(exam_id,)),), near)


def _near_misses(
    profile: Profile, exam: ExamFacts, paths: Paths, now: datetime
) -> Iterator[NearMiss]:
    if not profile.active and exam.exam.owner == profile.user:
        yield NearMiss(why_not=WhyNot.USER_NOT_ACTIVE)
    how = {past.grant.id: past.ending.how for past in exam.sharing.ended}
    ended = (past.grant for past in exam.sharing.ended)
    for grant in (*in_order(exam.sharing.grants), *in_order(ended)):
        if grant.recipient.key in profile.principals:
            why_not = _why_not(profile, grant, how.get(grant.id), now)
            yield NearMiss(why_not=why_not, grant=grant, path=paths[grant.recipient])


def _why_not(profile: Profile, grant: Grant, how: HowEnded | None, now: datetime) -> WhyNot:
    if how is not None:
        return WhyNot.EXPIRED if how is HowEnded.EXPIRED else WhyNot.ENDED
    if grant.expired(now):
        return WhyNot.EXPIRED
    if grant.grantor == profile.user:
        return WhyNot.OWN_GRANT
    if not profile.active:
        return WhyNot.USER_NOT_ACTIVE
    return WhyNot.ONLY_VIEW


@attrs.frozen(kw_only=True)
class Holder:
    """A user who holds a permission on an exam.

    Attributes:
        as_owner: they are the active owner.
        grants: every standing grant that gives it to them, made to them or to a group that they
            are in, in the order in which they were made.
    """

    user: UserId
    as_owner: bool = False
    grants: tuple[Grant, ...] = ()


def grants_of(permission: Permission, sharing: ExamGrants, now: datetime) -> tuple[Grant, ...]:
    """Return the standing grants that give the permission, in the order in which they were made."""
    return tuple(each for each in standing(sharing.grants, now) if each.permission >= permission)


def holders(
    exam: Exam, grants: tuple[Grant, ...], behind: Mapping[PrincipalId, frozenset[UserId]]
) -> tuple[Holder, ...]:
    """Return every user who holds a permission, in the order of their ids.

    `grants` are those that give it, and `behind` has the users behind their recipients and the
    owner.
    """
    owner = exam.owner if behind[exam.owner] else None
    helped: dict[UserId, list[Grant]] = {} if owner is None else {owner: []}
    for grant in grants:
        # A grant gives nothing to its own grantor.
        for user in behind[grant.recipient] - {grant.grantor}:
            helped.setdefault(user, []).append(grant)
    return tuple(
        Holder(user=user, as_owner=user == owner, grants=tuple(helped[user]))
        for user in sorted(helped)
    )
