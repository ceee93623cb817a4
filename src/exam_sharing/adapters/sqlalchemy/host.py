"""Sharing of exams that a host keeps itself, in its own tables or anywhere else.

The host answers questions about its exams in Python; our tables of exams and batches may be
missing. What grants give is one statement, as elsewhere. The store then asks the host whether an
exam is there, and who owns it. Lists merge the shared exams with those that the host reports as the
user's own.

INVARIANT: an exam that the host does not find is not there for anybody, whatever its grants.
"""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import Final, Protocol

import attrs
from sqlalchemy import func, select
from typing_extensions import override

from exam_sharing.adapters.sqlalchemy.database import Database
from exam_sharing.adapters.sqlalchemy.engines import in_our_words
from exam_sharing.adapters.sqlalchemy.outbox import SqlOutbox
from exam_sharing.adapters.sqlalchemy.questions import listed
from exam_sharing.adapters.sqlalchemy.reading import Asker, Cursor, Keys
from exam_sharing.adapters.sqlalchemy.trail import SqlTrail
from exam_sharing.adapters.sqlalchemy.writing import SqlGrants
from exam_sharing.conformance import require_conforming
from exam_sharing.errors import InvalidArgument, StoreFailed
from exam_sharing.exams import Exam, UploadBatch
from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, GrantId, UserId
from exam_sharing.policy.facts import Involvement
from exam_sharing.policy.views import VisibleExam
from exam_sharing.ports import AccessReader, ExamReader, ExamWriter
from exam_sharing.validation import checks_arguments, require_kind

__all__ = ["HostExams", "SqlSharingStore"]

_LONGEST_STEP: Final = 1_000


class HostExams(ExamReader, Protocol):
    """The exams of a host that keeps them itself, as they are now.

    The time of upload of an exam never changes, since lists keep a copy of it. The id of an exam is
    never used for another: an exam that is deleted for good is withdrawn, or swept by
    `sweep_deleted`. The host reports a change of owner by `owner_changed`.
    """

    def owned_by(
        self, user: UserId, after: tuple[datetime, str] | None, limit: int
    ) -> tuple[Exam, ...]:
        """Return the first exams that the user owns, newest upload first, then by id downward.

        These are exams that `find` finds.

        Args:
            user: the owner.
            after: the time of upload, in UTC, and the id of the exam before the first. Ids are
                ordered code point by code point.
            limit: the most exams to return; fewer mean that there are no more.
        """


@checks_arguments
class SqlSharingStore(SqlGrants, SqlTrail, ExamReader, ExamWriter, AccessReader):
    """Every port that keeps something of sharing, for a host that keeps its exams itself.

    Attributes:
        outbox: the notices that wait.
    """

    def __init__(self, database: Database, exams: HostExams) -> None:
        """Keep the database and the host's exams."""
        require_kind("database", database, Database)
        require_conforming("exams", exams, HostExams)
        SqlGrants.__init__(self, database)
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
        """Return the copies that grants have, so that all grants on an exam sort alike."""
        if not exams:
            return {}
        grants, named = self._tables.grants, listed("exams")
        # One grant is enough, whatever their number.
        one = select(grants.c.uploaded_at).where(grants.c.exam == named.c.value).limit(1)
        standing = one.where(grants.c.closed_version.is_(None)).scalar_subquery()
        ended = one.where(grants.c.closed_version.is_not(None)).scalar_subquery()
        copies = select(named.c.value, func.coalesce(standing, ended))
        asked = {"exams": sorted(exam.value for exam in exams)}
        with self._transactions.reading() as connection:
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
        self, user: UserId, principals: Keys, permission: Permission, exam: ExamId, now: datetime
    ) -> bool:
        return exam in self.holding(user, principals, permission, (exam,), now)

    @override
    @in_our_words
    def involved(
        self, user: UserId, principals: Keys, named: ExamId | GrantId, now: datetime
    ) -> Involvement | None:
        if not principals:
            return None
        asker = Asker(user, principals, now)
        found = self._transactions.ask(self._questions.involved_by_grants(asker, named))
        if found is None:
            # The number of questions must not reveal whether there is such a grant, or whether the
            # exam was withdrawn.
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
        principals: Keys,
        permission: Permission,
        exams: Iterable[ExamId],
        now: datetime,
    ) -> frozenset[ExamId]:
        asked = frozenset(exams)
        if not (principals and asked):
            return frozenset()
        question = self._questions.given(Asker(user, principals, now), permission, asked)
        given = self._transactions.ask(question)
        # The host is asked about withdrawn exams too: nobody may tell them from unknown ones.
        there = [exam for exam in self._found(asked) if exam.id not in given.withdrawn]
        return frozenset(e.id for e in there if e.id in given.exams or e.owner == user)

    @override
    @in_our_words
    def visible(
        self, user: UserId, principals: Keys, after: Cursor, limit: int, now: datetime, *, own: bool
    ) -> tuple[VisibleExam, ...]:
        if not principals:
            return ()
        lists = [self._of_others(Asker(user, principals, now), after, limit)]
        if own:
            lists.append(self._own(user, after, limit))
        return tuple(islice(merge(*lists, key=_place_of, reverse=True), limit))

    def _of_others(self, asker: Asker, after: Cursor, step: int) -> Iterator[VisibleExam]:
        """Yield the shared exams that are there, without those that the user owns."""
        while True:
            page = self._transactions.ask(self._questions.granted(asker, after, step))
            there = self._found({each.exam for each in page})
            of_others = {exam.id for exam in there if exam.owner != asker.user}
            yield from (each for each in page if each.exam in of_others)
            if len(page) < step:
                return
            after, step = _place_of(page[-1]), _longer(step)

    def _own(self, user: UserId, after: Cursor, step: int) -> Iterator[VisibleExam]:
        """Yield the exams that the user owns, without those that were withdrawn."""
        while True:
            page = tuple(map(_as_owned, _exams(self._host.owned_by(user, after, step))))
            withdrawn = self._questions.withdrawn(each.exam for each in page)
            gone = self._transactions.ask(withdrawn)
            yield from (each for each in page if each.exam not in gone)
            if len(page) < step:
                return
            after, step = _place_of(page[-1]), _longer(step)


def _exams(answer: Iterable[Exam]) -> tuple[Exam, ...]:
    """Return exams of the host, each an `Exam` itself: a subclass could name any owner."""
    exams = tuple(answer)
    if any(type(exam) is not Exam for exam in exams):
        raise StoreFailed("the host's exams returned something other than exams")
    return exams


def _longer(step: int) -> int:
    """Return how many exams to look at next, so that few statements pass many missing exams."""
    return max(step, min(2 * step, _LONGEST_STEP))


def _as_owned(exam: Exam) -> VisibleExam:
    return VisibleExam(exam=exam.id, permission=Permission.DOWNLOAD, uploaded_at=exam.uploaded_at)


def _place_of(listed: VisibleExam) -> tuple[datetime, str]:
    return listed.uploaded_at, listed.exam.value
