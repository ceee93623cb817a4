"""What the users of a database can see, for every request of a portal: one statement a question."""

from collections.abc import Iterable
from datetime import datetime

from typing_extensions import override

from exam_sharing.adapters.sqlalchemy.access_questions import access_questions
from exam_sharing.adapters.sqlalchemy.database import Database
from exam_sharing.adapters.sqlalchemy.failures import in_our_words
from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, GrantId, PrincipalKey, UserId
from exam_sharing.policy.facts import Involvement
from exam_sharing.policy.views import VisibleExam
from exam_sharing.ports import AccessReader
from exam_sharing.validation import checks_arguments

__all__ = ["SqlAccess"]


@checks_arguments
class SqlAccess(AccessReader):
    """What the users of one database can see."""

    def __init__(self, database: Database) -> None:
        """Prepare the questions."""
        self._database = database
        self._access_questions = access_questions(database.tables, postgresql=database.postgresql)

    @override
    @in_our_words
    def involved(
        self,
        user: UserId,
        principals: frozenset[PrincipalKey],
        named: ExamId | GrantId,
        now: datetime,
    ) -> Involvement | None:
        question = self._access_questions.involved(user, principals, named, now)
        return self._database.ask(question)

    @override
    @in_our_words
    def holds(
        self,
        user: UserId,
        principals: frozenset[PrincipalKey],
        permission: Permission,
        exam: ExamId,
        now: datetime,
    ) -> bool:
        if not principals:
            return False
        question = self._access_questions.holds(user, principals, permission, exam, now)
        return self._database.ask(question)

    @override
    @in_our_words
    def holding(
        self,
        user: UserId,
        principals: frozenset[PrincipalKey],
        permission: Permission,
        exams: Iterable[ExamId],
        now: datetime,
    ) -> frozenset[ExamId]:
        asked = tuple(exams)
        if not (principals and asked):
            return frozenset()
        question = self._access_questions.holding(user, principals, permission, asked, now)
        return self._database.ask(question)

    @override
    @in_our_words
    def visible(
        self,
        user: UserId,
        principals: frozenset[PrincipalKey],
        after: tuple[datetime, str] | None,
        limit: int,
        now: datetime,
        *,
        own: bool,
    ) -> tuple[VisibleExam, ...]:
        if not principals:
            return ()
        question = self._access_questions.visible(user, principals, after, limit, now, own=own)
        return self._database.ask(question)
