"""Sharing of exams that a host keeps itself, and the ports over this store or over `SqlStore`.

The host answers questions about its exams in Python, wherever it keeps them; our tables of exams
and batches may be missing. The store reads grants by one statement. It then asks the host whether
an exam is there, and who owns it. Lists merge the shared exams with those that the host reports as
the user's own.

INVARIANT: an exam that the host does not find is not there for anybody, whatever its grants.
"""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import Any, Final, Protocol, TypeAlias

import attrs
from sqlalchemy import ColumnElement, func, null, select
from sqlalchemy.sql import FromClause
from typing_extensions import override

from exam_sharing import ports
from exam_sharing.adapters.sqlalchemy.database import Database
from exam_sharing.adapters.sqlalchemy.engines import in_our_words
from exam_sharing.adapters.sqlalchemy.grants import SqlGrants
from exam_sharing.adapters.sqlalchemy.reading import Cursor, Exams, Keys, Listed, asked_by, texts
from exam_sharing.adapters.sqlalchemy.store import SqlReader, SqlStore
from exam_sharing.adapters.sqlalchemy.table_exams import TableExams
from exam_sharing.adapters.sqlalchemy.tables import listed
from exam_sharing.conformance import require_conforming
from exam_sharing.errors import InvalidArgument, StoreFailed
from exam_sharing.events import ShareNotice
from exam_sharing.exams import Exam, UploadBatch
from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, GrantId, UserId
from exam_sharing.policy.facts import Involvement
from exam_sharing.policy.past import ExamPast, Moment
from exam_sharing.policy.views import VisibleExam
from exam_sharing.validation import checks_arguments, require_instance

_LONGEST_STEP: Final = 1_000
_ALL: Final = Permission.DOWNLOAD


class HostExams(ports.ExamReader, Protocol):
    """The exams of a host that keeps them itself, as they are now.

    The time of upload of an exam never changes, since lists keep a copy of it. The id of an exam is
    never used for another: an exam that is deleted for good is withdrawn, or swept by
    `sweep_deleted`. The host reports a change of owner by `owner_changed`.
    """

    def owned_by(
        self, user: UserId, after: tuple[datetime, str] | None, limit: int
    ) -> tuple[Exam, ...]:
        """Return the first exams that the user owns, newest upload first, then by id downward.

        `find` finds these exams too. Fewer than the limit mean that there are no more. The list
        begins with the exam that follows `after`: a time of upload, in UTC, and an id. Ids are
        ordered code point by code point.
        """


class _KeptByHost(SqlGrants, ports.ExamReader, ports.ExamWriter):
    """Sharing of exams that a host keeps itself."""

    @override
    def add(self, batch: UploadBatch, exams: tuple[Exam, ...]) -> None:
        raise InvalidArgument("exams", "are kept by the host itself: record the upload there")

    @override
    def _time_of_upload(self, exam: ColumnElement[str]) -> ColumnElement[datetime | None]:
        """Return the time that earlier grants have, so that all grants on an exam sort alike."""
        grants = self._tables.grants
        # One grant of each exam is enough.
        one = select(grants.c.uploaded_at).where(grants.c.exam == exam).limit(1)
        standing = one.where(grants.c.closed_version.is_(None)).scalar_subquery()
        ended = one.where(grants.c.closed_version.is_not(None)).scalar_subquery()
        return func.coalesce(standing, ended, self._time_at_host(exam))

    def _time_at_host(self, exam: ColumnElement[str]) -> ColumnElement[Any]:
        return super()._time_of_upload(exam)

    def _found(self, exams: AbstractSet[ExamId]) -> tuple[Exam, ...]:
        if not exams:
            return ()
        found = self.find(tuple(sorted(exams)))
        return tuple(exam for exam in found if exam.id in exams)


class SqlTableStore(_KeptByHost, SqlReader):
    """The ports that store sharing, for a host whose exams are in a table of the same database."""

    def __init__(self, database: Database, exams: TableExams) -> None:
        """Keep the database and the host's columns."""
        self._host = exams
        super().__init__(database)

    @override
    def _exam_rows(self) -> FromClause:
        return self._host.rows


@checks_arguments
class SqlSharingStore(_KeptByHost, ports.AccessReader):
    """The ports that store sharing, for a host that keeps its exams anywhere."""

    def __init__(self, database: Database, exams: HostExams) -> None:
        """Keep the database and the host's exams."""
        super().__init__(database)
        require_conforming("exams", exams, HostExams)
        self._host = exams

    @override
    def _time_at_host(self, exam: ColumnElement[str]) -> ColumnElement[Any]:
        return null()

    @override
    def _uploaded_before(self, exams: AbstractSet[ExamId]) -> Mapping[str, datetime]:
        """Return the times of exams without earlier grants; the host is asked outside of locks."""
        if not exams:
            return {}
        named = listed("exams")
        copies = select(named.c.value, self._time_of_upload(named.c.value).label("at"))
        rows = self._transactions.rows(copies, exams=texts(exams))
        copied = {row.value: row.at for row in rows if row.at is not None}
        unknown = {exam for exam in exams if exam.value not in copied}
        return copied | {exam.id.value: exam.uploaded_at for exam in self._found(unknown)}

    @override
    def find(self, exams: tuple[ExamId, ...]) -> tuple[Exam, ...]:
        return _exams(self._host.find(exams))

    @override
    def batch_of(self, exam: ExamId) -> tuple[Exam, ...]:
        return _exams(self._host.batch_of(exam))

    @override
    def past(self, exam: ExamId, moment: Moment) -> ExamPast:
        past = super().past(exam, moment)
        return attrs.evolve(past, exam=next(iter(self._found({exam})), None))

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
        asked = asked_by(user, principals, now)
        question = self._questions.involved_by_grants(named)
        found = self._transactions.ask(question, asked | {"named": named.value})
        if found is None:
            # The number of calls to the host must not reveal whether the grant exists, or whether
            # the exam was withdrawn.
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
        self, user: UserId, principals: Keys, permission: Permission, exams: Exams, now: datetime
    ) -> frozenset[ExamId]:
        named = frozenset(exams)
        if not (principals and named):
            return frozenset()
        asked = asked_by(user, principals, now, permission)
        asked["exams"] = texts(named)
        given, withdrawn = self._transactions.ask(self._questions.given, asked)
        # The host is asked about withdrawn exams too, so that they look like unknown exams.
        there = [exam for exam in self._found(named) if exam.id not in withdrawn]
        return frozenset(e.id for e in there if e.id in given or e.owner == user)

    @override
    @in_our_words
    def visible(
        self, user: UserId, principals: Keys, after: Cursor, limit: int, now: datetime, *, own: bool
    ) -> tuple[VisibleExam, ...]:
        if not principals:
            return ()
        asked = asked_by(user, principals, now)
        lists = [self._of_others(user, asked, after, limit)]
        if own:
            lists.append(self._own(user, after, limit))
        return tuple(islice(merge(*lists, key=_place_of, reverse=True), limit))

    def _of_others(
        self, user: UserId, asked: Mapping[str, Any], after: Cursor, step: int
    ) -> Iterator[VisibleExam]:
        """Yield the shared exams that are there, without those that the user owns."""
        while True:
            question, of_page = self._questions.page(Listed.GRANTED, asked, after, step)
            page = self._transactions.ask(question, of_page)
            there = self._found({each.exam for each in page})
            of_others = {exam.id for exam in there if exam.owner != user}
            yield from (each for each in page if each.exam in of_others)
            if len(page) < step:
                return
            after, step = _place_of(page[-1]), _longer(step)

    def _own(self, user: UserId, after: Cursor, step: int) -> Iterator[VisibleExam]:
        """Yield the exams that the user owns, without those that were withdrawn."""
        while True:
            page = tuple(
                VisibleExam(exam=each.id, permission=_ALL, uploaded_at=each.uploaded_at)
                for each in _exams(self._host.owned_by(user, after, step))
            )
            named = texts(each.exam for each in page)
            gone = self._transactions.ask(self._questions.withdrawn, {"exams": named})
            yield from (each for each in page if each.exam not in gone)
            if len(page) < step:
                return
            after, step = _place_of(page[-1]), _longer(step)


class NoNotifier(ports.Notifier):
    """Sends nothing, so that notices wait for a relay with a notifier."""

    @override
    def send(self, notice: ShareNotice) -> None:
        raise StoreFailed("no notifier was given, so notices wait")


Store: TypeAlias = SqlStore | SqlTableStore | SqlSharingStore


def store_over(database: Database, exams: HostExams | TableExams | None) -> Store:
    """Return a store of a database, and of the host's exams if the host keeps them."""
    if exams is None:
        return SqlStore(database)
    if isinstance(exams, TableExams):
        return SqlTableStore(database, exams)
    return SqlSharingStore(database, exams)


def sql_ports(
    store: Store,
    *,
    directory: ports.Directory,
    notifier: ports.Notifier | None = None,
    host_facts: ports.HostFacts | None = None,
) -> ports.Ports:
    """Return every port, over one store.

    Without a notifier, notices wait, and no delivery attempt is counted.
    """
    require_instance("store", store, SqlStore, SqlTableStore, SqlSharingStore)
    return ports.Ports(
        exams=store,
        uploads=store,
        grants=store,
        writer=store,
        access=store,
        outbox=store.outbox.held_back() if notifier is None else store.outbox,
        directory=directory,
        notifier=NoNotifier() if notifier is None else notifier,
        audit=store,
        host_facts=ports.NoHostFacts() if host_facts is None else host_facts,
        history=store,
        accesses=store.accesses,
    )


def _exams(answer: Iterable[Exam]) -> tuple[Exam, ...]:
    """Return the host's exams; subclasses of `Exam` are rejected, as they could fake an owner."""
    exams = tuple(answer)
    if any(type(exam) is not Exam for exam in exams):
        raise StoreFailed("the host's exams returned something other than exams")
    return exams


def _longer(step: int) -> int:
    """Return a longer step, so that many missing exams take few statements."""
    return max(step, min(2 * step, _LONGEST_STEP))


def _place_of(listed: VisibleExam) -> tuple[datetime, str]:
    return listed.uploaded_at, listed.exam.value
