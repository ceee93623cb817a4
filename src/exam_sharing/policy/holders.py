"""Who holds a permission on an exam, and by what: for the host's operators.

Nothing is held back here: everybody is named, and every grant that helps them.
"""

from collections.abc import Mapping
from datetime import datetime

import attrs

from exam_sharing.exams import Exam
from exam_sharing.grants import Grant, Permission
from exam_sharing.identifiers import PrincipalId, UserId
from exam_sharing.policy.access import standing
from exam_sharing.policy.facts import ExamGrants

__all__ = ["Holder", "grants_of", "holders"]


@attrs.frozen(kw_only=True)
class Holder:
    """A user who holds a permission on an exam.

    Attributes:
        user: who holds it.
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

    Args:
        exam: the exam.
        grants: those that give the permission.
        behind: for the owner and for each recipient, the active users that they reach.
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
