"""Reading back what a law wrote into a store."""

from collections.abc import Iterable
from datetime import datetime

from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, PrincipalId, PrincipalKey, UserId
from exam_sharing.policy.facts import ExamGrants
from exam_sharing.policy.views import VisibleExam
from exam_sharing.testing.laws.law import insist
from exam_sharing.testing.moments import START
from exam_sharing.testing.opening import StorePorts

__all__ = ["Reading"]


class Reading:
    """An opened store, with shorthands for what laws ask most.

    Attributes:
        ports: the store.
    """

    def __init__(self, ports: StorePorts) -> None:
        self.ports = ports

    def versions(self, exams: Iterable[ExamId]) -> dict[ExamId, int]:
        """Return the version of each exam, in the order of their ids."""
        ids = tuple(sorted(exams))
        kept = self.ports.grants.read(ids, ended=False)
        return {exam: kept[exam].version for exam in ids}

    def read(self, exam: ExamId) -> ExamGrants:
        """Return everything that is kept of one exam's sharing."""
        return self.ports.grants.read((exam,), ended=True)[exam]

    def pages(
        self,
        user: UserId,
        principals: Iterable[PrincipalKey],
        limit: int,
        *,
        now: datetime = START,
        own: bool = True,
    ) -> list[VisibleExam]:
        """Return what a list says, turning pages of a size until one is empty."""
        keys = frozenset(principals)
        listed: list[VisibleExam] = []
        after: tuple[datetime, str] | None = None
        while page := self.ports.access.visible(user, keys, after, limit, now, own=own):
            insist(len(page) <= limit, f"a page of at most {limit} held {len(page)} exams")
            before = len(listed)
            listed += page
            insist(
                len({each.exam for each in listed}) == len(listed),
                f"an exam was listed twice, in pages of {limit}: {page!r} after {before} exams",
            )
            after = page[-1].uploaded_at, page[-1].exam.value
        return listed

    def holds(
        self,
        user: UserId,
        permission: Permission,
        exam: ExamId,
        now: datetime = START,
        *,
        groups: Iterable[PrincipalId] = (),
    ) -> bool:
        """Ask whether a user, who is in these groups, holds the permission."""
        keys = frozenset({user.key, *(group.key for group in groups)})
        return self.ports.access.holds(user, keys, permission, exam, now)
