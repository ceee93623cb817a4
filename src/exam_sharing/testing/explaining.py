"""Answers that explain themselves in assertions: why, or why not and what comes nearest."""

from collections.abc import Iterator
from typing import Final

import attrs

from exam_sharing.grants import Grant, Permission
from exam_sharing.identifiers import ExamId, GroupId, PrincipalId, UserId
from exam_sharing.policy.decisions import Denied, NearMiss, Permitted, Reason, Refused, WhyNot
from exam_sharing.policy.plans import Preview
from exam_sharing.sharing import Sharing

__all__ = ["Answer", "explained", "explanation_of"]


@attrs.frozen(repr=False)
class Answer:
    """Whether a user holds a permission on an exam, and why; it is true if the check is.

    `can` is the answer of the check, and `why` that of `Admin.explain`.
    """

    user: UserId
    permission: Permission
    exam: ExamId
    can: bool
    why: Permitted | Denied

    def __bool__(self) -> bool:
        return self.can

    def __repr__(self) -> str:
        return "; ".join(self.lines())

    def __str__(self) -> str:
        return "\n  ".join(self.lines())

    def lines(self) -> list[str]:
        """Return the answer, then its grounds or the nearest misses."""
        may = "may" if self.can else "may not"
        text = f"{self.user} {may} {self.permission.name} {self.exam}"
        if self.can != isinstance(self.why, Permitted):
            text += " (the check and the explanation disagree: the store is broken)"
        return [text, *_why(self.why)]


def explained(sharing: Sharing, user: UserId, permission: Permission, exam: ExamId) -> Answer:
    """Return whether the user holds the permission, as a value that explains itself.

    A failure of `assert explained(sharing, ben, Permission.VIEW, ct)` then shows why.
    """
    can = sharing.can(user, permission, exam)
    return Answer(user, permission, exam, can, sharing.admin.explain(user, permission, exam))


def explanation_of(value: object) -> list[str]:
    """Return the explanation of a decision; nothing for any other value."""
    match value:
        case Answer():
            return value.lines()
        case Permitted() | Denied():
            return list(_why(value))
        case Refused(reasons=reasons) | Preview(reasons=reasons):
            return [str(reason) for reason in reasons]
        case tuple() | list():
            return [str(each) for each in value if isinstance(each, Reason)]
        case _:
            return []


def _why(answer: Permitted | Denied) -> Iterator[str]:
    if isinstance(answer, Permitted):
        if answer.as_owner:
            yield "as the owner"
        for ground in answer.grounds:
            yield f"by {_told(ground.grant)}{_through(ground.path)}"
        return
    yield f"because {', '.join(sorted(code.value for code in answer.codes))}"
    yield from map(_near_miss, answer.nearest)
    if not answer.nearest:
        yield "nothing comes near"


def _near_miss(miss: NearMiss) -> str:
    if miss.grant is None:
        return "nearest: they own it, but are not active"
    return f"nearest: {_told(miss.grant)}{_through(miss.path)}, which {_LACKS[miss.why_not]}"


_LACKS: Final = {
    WhyNot.USER_NOT_ACTIVE: "counts for nothing while they are not active",
    WhyNot.ONLY_VIEW: "gives view alone",
    WhyNot.EXPIRED: "has expired",
    WhyNot.ENDED: "was ended",
    WhyNot.OWN_GRANT: "they made themselves",
}


def _told(grant: Grant) -> str:
    until = "for good"
    if grant.until is not None:
        until = f"until {grant.until.isoformat(' ').removesuffix('+00:00')}"
    to = f"the group {grant.recipient}" if isinstance(grant.recipient, GroupId) else grant.recipient
    return f"{grant.grantor}'s grant of {grant.permission.name} to {to} {until}"


def _through(path: tuple[PrincipalId, ...]) -> str:
    groups = [str(each) for each in path[1:]]
    return f" (reached through {' in '.join(groups)})" if groups else ""
