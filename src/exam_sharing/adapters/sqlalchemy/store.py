"""The stores over SQLAlchemy: exams and access beside the grants, and uploads."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import attrs
from sqlalchemy import Engine, insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql import FromClause
from typing_extensions import override

from exam_sharing import ports
from exam_sharing.adapters.sqlalchemy import documents as stored
from exam_sharing.adapters.sqlalchemy import reading
from exam_sharing.adapters.sqlalchemy.database import (
    Transactions,
    insert_unless_there,
    is_inserted,
    own_database,
)
from exam_sharing.adapters.sqlalchemy.engines import in_our_words, or_conflict
from exam_sharing.adapters.sqlalchemy.grants import SqlGrants, unshared_row
from exam_sharing.adapters.sqlalchemy.reading import Cursor, Exams, Keys, Listed
from exam_sharing.adapters.sqlalchemy.tables import Tables, one_of
from exam_sharing.adapters.sqlalchemy.trail import put_event
from exam_sharing.errors import AlreadyExists, BatchSealed, StoreFailed, WrongBatch
from exam_sharing.events import ExamTransferred
from exam_sharing.exams import Exam, UploadBatch
from exam_sharing.grants import Permission
from exam_sharing.identifiers import BatchId, ExamId, GrantId, UserId
from exam_sharing.policy.facts import ExamFacts, Involvement
from exam_sharing.policy.views import VisibleExam
from exam_sharing.validation import checks_arguments, checks_itself, instant, misfit


@checks_arguments
class SqlReader(SqlGrants, ports.ExamReader, ports.FactReader):
    """The ports that read exams and access: one statement for each question."""

    @override
    def _exams_beside(self) -> FromClause:
        return self._exam_rows()

    @override
    def find(self, exams: tuple[ExamId, ...]) -> tuple[Exam, ...]:
        return self._transactions.ask(self._questions.find, {"exams": reading.texts(exams)})

    @override
    def batch_of(self, exam: ExamId) -> tuple[Exam, ...]:
        return self._transactions.ask(self._questions.batch_of, {"exam": exam.value})

    @override
    def involved(
        self, user: UserId, principals: Keys, named: ExamId | GrantId, now: datetime
    ) -> Involvement | None:
        asked = reading.asked_by(user, principals, now)
        return self._transactions.ask(
            self._questions.involved(named), asked | {"named": named.value}
        )

    @override
    @checks_itself
    def holds(
        self, user: UserId, principals: Keys, permission: Permission, exam: ExamId, now: datetime
    ) -> bool:
        try:
            if not principals:
                return False
            asked = reading.asked_by(user, principals, now, permission)
            asked["exam"] = exam.value
            return self._transactions.ask(self._questions.holds, asked)
        except Exception as error:  # noqa: BLE001  distinguished below
            wrong = misfit(self.holds, user, principals, permission, exam, now) or error
        raise wrong

    @override
    def permission_held(
        self, user: UserId, principals: Keys, exam: ExamId, now: datetime
    ) -> Permission | None:
        if not principals:
            return None
        asked = reading.asked_by(user, principals, now)
        return self._transactions.ask(self._questions.held, asked | {"exam": exam.value})

    @override
    def facts_seen(
        self, user: UserId, principals: Keys, exam: ExamId, now: datetime, *, batch: bool
    ) -> tuple[ExamFacts, ...]:
        if not principals:
            return ()
        asked = reading.asked_by(user, principals, now) | {"exam": exam.value}
        question = self._questions.facts_seen(batch=batch)
        found = self._transactions.ask(question, asked)
        if not (found and self._transactions.joined):
            return found
        # Only now is it known what to lock. What arrived in between is not locked, and left out.
        known = {each.id for each in found}
        again = self._ask_locked(reading.texts(known), question, asked)
        return tuple(each for each in again if each.id in known)

    @override
    def facts_involved(
        self, user: UserId, principals: Keys, named: ExamId | GrantId, now: datetime, *, own: bool
    ) -> tuple[Involvement, ExamFacts] | None:
        asked = reading.asked_by(user, principals, now) | {"named": named.value, "every": not own}
        question = self._questions.facts_involved(named)
        found = self._transactions.ask(question, asked)
        if found is None or not self._transactions.joined:
            return found
        return self._ask_locked([found[1].id.value], question, asked)

    @override
    def holding(
        self, user: UserId, principals: Keys, permission: Permission, exams: Exams, now: datetime
    ) -> frozenset[ExamId]:
        named = reading.texts(exams)
        if not (principals and named):
            return frozenset()
        asked = reading.asked_by(user, principals, now, permission)
        return self._transactions.ask(self._questions.holding, asked | {"exams": named})

    @override
    def visible(
        self, user: UserId, principals: Keys, after: Cursor, limit: int, now: datetime, *, own: bool
    ) -> tuple[VisibleExam, ...]:
        if not principals:
            return ()
        what = Listed.VISIBLE if own else Listed.SHARED_WITH
        asked = reading.asked_by(user, principals, now)
        page, asked = self._questions.page(what, asked, after, limit)
        return self._transactions.ask(page, asked)


@checks_arguments
class SqlStore(SqlReader, ports.ExamWriter):
    """The ports that store sharing and exams, over SQLAlchemy; safe for threads and processes.

    For hosts that keep no exams and upload batches of their own.
    """

    @classmethod
    def over(cls, engine: Engine, *, tables: Tables | None = None) -> "SqlStore":
        """Return a store with its own transactions; the default tables are of `define_tables`."""
        return cls(own_database(engine, tables))

    @in_our_words
    def batch(self, batch: BatchId) -> UploadBatch | None:
        """Return an upload batch, if there is one of that id."""
        batches = self._tables.batches
        rows = self._transactions.rows(select(batches).where(batches.c.id == batch.value))
        return stored.BATCHES.value_of(rows[0]) if rows else None

    @override
    @or_conflict
    def add(self, batch: UploadBatch, exams: tuple[Exam, ...]) -> None:
        try:
            with self._transactions.writing() as connection:
                self._put_batch(connection, batch, exams)
                self._require_new(connection, exams)
                if exams:
                    self._put_exams(connection, exams)
        except IntegrityError:
            # Somebody else added one of them at the same time.
            with self._transactions.reading() as connection:
                self._require_new(connection, exams)
            raise

    def _put_batch(
        self, connection: Connection, batch: UploadBatch, exams: tuple[Exam, ...]
    ) -> None:
        batches = self._tables.batches
        if is_inserted(connection, batches, stored.BATCHES.row_of(batch)):
            return
        is_it = batches.c.id == batch.id.value
        locked = select(batches).where(is_it).with_for_update()
        known = stored.BATCHES.value_of(connection.execute(locked).one())
        if attrs.evolve(known, sealed=batch.sealed) != batch:
            raise WrongBatch(str(batch.id), "already exists with other details")
        if known.sealed and (exams or not batch.sealed):
            raise BatchSealed(str(batch.id))
        if known.sealed != batch.sealed:
            connection.execute(update(batches).where(is_it).values(sealed=batch.sealed))

    def _require_new(self, connection: Connection, exams: tuple[Exam, ...]) -> None:
        table = self._tables.exams
        asked = {"exams": sorted(exam.id.value for exam in exams)}
        known = select(table.c.id).where(one_of(table.c.id, "exams"))
        there = frozenset(connection.scalars(known, asked))
        for exam in exams:
            if exam.id.value in there:
                raise AlreadyExists("exam", str(exam.id))

    def _put_exams(self, connection: Connection, exams: tuple[Exam, ...]) -> None:
        in_order = sorted(exams, key=lambda exam: exam.id)
        rows: Sequence[Any] = [stored.EXAMS.row_of(exam) for exam in in_order]
        connection.execute(insert(self._tables.exams), rows)
        versions = [unshared_row(row["id"]) for row in rows]
        connection.execute(insert_unless_there(connection, self._tables.versions), versions)

    @or_conflict
    def transfer(self, exam: ExamId, owner: UserId, *, at: datetime) -> None:
        """Give an exam to another owner, at an aware time; grants on it do not change.

        Raises:
            Conflict: other acts changed or locked the same exams; nothing was done, try again.
            StoreFailed: there is no such exam, or it was withdrawn.
        """
        when, exams = instant("at", at), self._tables.exams
        is_it = exams.c.id == exam.value
        with self._transactions.writing() as connection:
            # The lock on the version comes before that on the exam.
            versions = {exam: _counted(connection, self._tables, exam)}
            before = connection.execute(select(exams.c.owner).where(is_it)).scalar_one()
            connection.execute(update(exams).where(is_it).values(owner=owner.value))
            transferred = ExamTransferred(
                at=when, exam=exam, before=UserId(before), after=owner, versions=versions
            )
            put_event(connection, self._tables, transferred)


@or_conflict
def put_transfer(
    transactions: Transactions,
    tables: Tables,
    *,
    exam: ExamId,
    before: UserId,
    after: UserId,
    at: datetime,
) -> None:
    """Raise the version of a host's exam for a change of owner, and write the event."""
    with transactions.writing() as connection:
        connection.execute(
            insert_unless_there(connection, tables.versions), unshared_row(exam.value)
        )
        versions = {exam: _counted(connection, tables, exam)}
        moved = ExamTransferred(at=at, exam=exam, before=before, after=after, versions=versions)
        put_event(connection, tables, moved)


def _counted(connection: Connection, tables: Tables, exam: ExamId) -> int:
    """Add one to the version of an exam, and return the new version."""
    versions = tables.versions
    version: int | None = connection.scalar(
        update(versions)
        .where(versions.c.exam == exam.value, ~versions.c.withdrawn)
        .values(version=versions.c.version + 1)
        .returning(versions.c.version)
    )
    if version is None:
        raise StoreFailed(f"exam {str(exam)!r} does not exist or was withdrawn")
    return version
