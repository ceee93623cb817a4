"""Sharing of exams that a host keeps itself, in tables of its own or anywhere else.

The host answers for its exams in Python; our tables of exams and batches need not even be there.
What grants give is one statement, as ever. Whether an exam is there, and who owns it, is then asked
of the host; lists are merged of what was shared and what the host says is the user's own.

INVARIANT: an exam that the host does not find is not there for anybody, whatever grants are kept.
"""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import Final, Protocol, TypeAlias

import attrs
from sqlalchemy import func, select
from typing_extensions import override

from exam_sharing.adapters.sqlalchemy.database import Database
from exam_sharing.adapters.sqlalchemy.failures import in_our_words
from exam_sharing.adapters.sqlalchemy.outbox import SqlOutbox
from exam_sharing.adapters.sqlalchemy.questions import listed
from exam_sharing.adapters.sqlalchemy.reading import access_questions
from exam_sharing.adapters.sqlalchemy.trail import SqlTrail
from exam_sharing.adapters.sqlalchemy.writing import SqlGrants
from exam_sharing.conformance import require_conforming
from exam_sharing.errors import InvalidArgument, StoreFailed
from exam_sharing.exams import Exam, UploadBatch
from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, GrantId, PrincipalKey, UserId
from exam_sharing.policy.facts import Involvement
from exam_sharing.policy.views import VisibleExam
from exam_sharing.ports import AccessReader, ExamReader, ExamWriter
from exam_sharing.validation import checks_arguments, require_kind

__all__ = ["HostExams", "SqlSharingStore"]

_LONGEST_STEP: Final = 1_000

_Place: TypeAlias = tuple[datetime, str]
"""Where an exam stands in a list: its time of upload, then its id."""


class HostExams(ExamReader, Protocol):
    """The exams of a host that keeps them itself, as they are now.

    The time of upload of an exam never changes: lists keep a copy of it. The id of one never comes
    back for another: what is deleted for good is withdrawn, or swept by `sweep_deleted`. A change
    of owner is told by `owner_changed`.
    """

    def owned_by(
        self, user: UserId, after: tuple[datetime, str] | None, limit: int
    ) -> tuple[Exam, ...]:
        """Return the first exams that the user owns, newest upload first, then by id downward.

        These are exams that `find` finds.

        Args:
            user: who owns them.
            after: the time of upload, in UTC, and the id behind which to begin. Ids are ordered
                code point by code point.
            limit: how many at most; fewer say that there are no more.
        """


@checks_arguments
class SqlSharingStore(SqlGrants, SqlTrail, ExamReader, ExamWriter, AccessReader):
    """Every port that keeps something of sharing, for a host that keeps its exams itself.

    Attributes:
        outbox: the notices that wait.
    """

    def __init__(self, database: Database, exams: HostExams) -> None:
        """Prepare every part."""
        require_kind("database", database, Database)
        require_conforming("exams", exams, HostExams)
        SqlGrants.__init__(self, database)
        SqlTrail.__init__(self, database)
        self._access_questions = access_questions(database.tables, postgresql=database.postgresql)
        self._host = exams
        self.outbox: SqlOutbox = SqlOutbox(database)

    @override
    def find(self, exams: tuple[ExamId, ...]) -> tuple[Exam, ...]:
        return _exams(self._host.find(exams))

    @override
    def batch_of(self, exam: ExamId) -> tuple[Exam, ...]:
        return _exams(self._host.batch_of(exam))

    @override
    def add(self, batch: UploadBatch, exams: tuple[Exam, ...]) -> None:
        raise InvalidArgument("exams", "are kept by the host itself: record the upload there")

    @override
    def _times_of_upload(self, exams: AbstractSet[ExamId]) -> Mapping[ExamId, datetime]:
        """Return the copies that were made, so that all grants of an exam sort alike."""
        if not exams:
            return {}
        grants = self._database.tables.grants
        named = listed("exams", postgresql=self._database.postgresql)
        # One grant tells, however many there ever were.
        one = select(grants.c.uploaded_at).where(grants.c.exam == named.c.value).limit(1)
        standing = one.where(grants.c.closed_version.is_(None)).scalar_subquery()
        ended = one.where(grants.c.closed_version.is_not(None)).scalar_subquery()
        copies = select(named.c.value, func.coalesce(standing, ended))
        asked = {"exams": sorted(exam.value for exam in exams)}
        with self._database.reading() as connection:
            read = connection.execute(copies, asked).all()
        copied = {ExamId(exam): at for exam, at in read if at is not None}
        return copied | {exam.id: exam.uploaded_at for exam in self._found(exams - copied.keys())}

    def _found(self, exams: AbstractSet[ExamId]) -> tuple[Exam, ...]:
        if not exams:
            return ()
        found = _exams(self._host.find(tuple(sorted(exams))))
        return tuple(exam for exam in found if exam.id in exams)

    @override
    def holds(
        self,
        user: UserId,
        principals: frozenset[PrincipalKey],
        permission: Permission,
        exam: ExamId,
        now: datetime,
    ) -> bool:
        return exam in self.holding(user, principals, permission, (exam,), now)

    @override
    @in_our_words
    def involved(
        self,
        user: UserId,
        principals: frozenset[PrincipalKey],
        named: ExamId | GrantId,
        now: datetime,
    ) -> Involvement | None:
        if not principals:
            return None
        found = self._database.ask(self._access_questions.involving(user, principals, named, now))
        if found is None:
            # Who asks must not learn from the number of questions that there is no such grant, or
            # that the exam was withdrawn.
            self._found({ExamId(named.value)})
            return None
        involvement, sees = found
        for exam in self._found({involvement.exam}):
            is_owner = exam.owner == user
            if involvement.granted or sees or is_owner:
                return attrs.evolve(involvement, own=involvement.own or is_owner)
        return None

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
        asked = frozenset(exams)
        if not (principals and asked):
            return frozenset()
        question = self._access_questions.given(user, principals, permission, asked, now)
        given = self._database.ask(question)
        # Also about those that were withdrawn: nobody may tell them from those never there.
        there = [exam for exam in self._found(asked) if exam.id not in given.withdrawn]
        return frozenset(e.id for e in there if e.id in given.exams or e.owner == user)

    @override
    @in_our_words
    def visible(
        self,
        user: UserId,
        principals: frozenset[PrincipalKey],
        after: _Place | None,
        limit: int,
        now: datetime,
        *,
        own: bool,
    ) -> tuple[VisibleExam, ...]:
        if not principals:
            return ()
        lists = [self._of_others(user, principals, after, limit, now)]
        if own:
            lists.append(self._own(user, after, limit))
        return tuple(islice(merge(*lists, key=_place_of, reverse=True), limit))

    def _of_others(
        self,
        user: UserId,
        principals: frozenset[PrincipalKey],
        after: _Place | None,
        step: int,
        now: datetime,
    ) -> Iterator[VisibleExam]:
        """Yield what was shared and is there, some at a time, without what is the user's own."""
        while True:
            question = self._access_questions.granted(user, principals, after, step, now)
            page = self._database.ask(question)
            there = self._found({each.exam for each in page})
            of_others = {exam.id for exam in there if exam.owner != user}
            yield from (each for each in page if each.exam in of_others)
            if len(page) < step:
                return
            after, step = _place_of(page[-1]), _longer(step)

    def _own(self, user: UserId, after: _Place | None, step: int) -> Iterator[VisibleExam]:
        """Yield what is the user's own, some at a time, without what was withdrawn."""
        while True:
            page = tuple(map(_as_owned, _exams(self._host.owned_by(user, after, step))))
            gone = self._database.ask(self._access_questions.withdrawn(each.exam for each in page))
            yield from (each for each in page if each.exam not in gone)
            if len(page) < step:
                return
            after, step = _place_of(page[-1]), _longer(step)


def _exams(answer: Iterable[Exam]) -> tuple[Exam, ...]:
    """Return exams of the host, each an `Exam` itself: a subclass could name any owner."""
    exams = tuple(answer)
    if any(type(exam) is not Exam for exam in exams):
        raise StoreFailed("the host's exams gave something else than exams")
    return exams


def _longer(step: int) -> int:
    """Return how many to look at next, so that many that are gone take few statements."""
    return max(step, min(2 * step, _LONGEST_STEP))


def _as_owned(exam: Exam) -> VisibleExam:
    return VisibleExam(exam=exam.id, permission=Permission.DOWNLOAD, uploaded_at=exam.uploaded_at)


def _place_of(listed: VisibleExam) -> _Place:
    return listed.uploaded_at, listed.exam.value
