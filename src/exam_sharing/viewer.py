"""One user with their groups looked up once, for all that a page of a portal asks."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import final

import attrs

from exam_sharing.acts.cursors import exam_cursor_after, exam_position, page_limit, page_of
from exam_sharing.admin import require_question
from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, PrincipalKey, UserId
from exam_sharing.policy.views import Page, VisibleExam
from exam_sharing.ports import Ports
from exam_sharing.validation import is_a, require_kind, tuple_of

__all__ = ["Viewer"]


@final
@attrs.frozen(kw_only=True)
class Viewer:
    """A user with their groups looked up once, for one request of the host.

    Attributes:
        user: who looks.
        principals: the user and every group that they were in when this was made; empty for a user
            who was unknown or inactive.
    """

    user: UserId = attrs.field(validator=is_a(UserId))
    principals: frozenset[PrincipalKey] = attrs.field(validator=is_a(frozenset))
    _ports: Ports = attrs.field(alias="_ports", repr=False, eq=False)
    _now: Callable[[], datetime] = attrs.field(alias="_now", repr=False, eq=False)

    def can(self, permission: Permission, exam: ExamId) -> bool:
        """Say whether the user holds the permission on the exam.

        Raises:
            WrongKind: an argument is of another type.
        """
        if type(permission) is not Permission or type(exam) is not ExamId:
            require_question(self.user, permission, exam)
        access = self._ports.access
        return access.holds(self.user, self.principals, permission, exam, self._now()) is True

    def can_many(self, permission: Permission, exams: Iterable[ExamId]) -> frozenset[ExamId]:
        """Return those of the exams on which the user holds the permission, at one moment.

        Raises:
            WrongKind: an argument is of another type.
        """
        require_kind("permission", permission, Permission)
        asked = tuple_of("exams", exams, ExamId)
        return self._ports.access.holding(
            self.user, self.principals, permission, asked, self._now()
        )

    def shared_with(self, after: str | None = None, limit: int = 50) -> Page[VisibleExam]:
        """Return a page of the exams of others that the user can see, newest upload first.

        Raises:
            InvalidValue: the cursor or the limit cannot be used.
        """
        return self._page(after, limit, own=False)

    def visible_to(self, after: str | None = None, limit: int = 50) -> Page[VisibleExam]:
        """Return a page of all exams that the user can see, newest upload first.

        Raises:
            InvalidValue: the cursor or the limit cannot be used.
        """
        return self._page(after, limit, own=True)

    def _page(self, after: str | None, limit: int, *, own: bool) -> Page[VisibleExam]:
        behind, most = exam_position(after), page_limit(limit)
        found = self._ports.access.visible(
            self.user, self.principals, behind, most + 1, self._now(), own=own
        )
        return page_of(found, most, exam_cursor_after)
