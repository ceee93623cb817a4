"""Exams and upload batches, for hosts that keep none of their own."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import attrs
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError
from typing_extensions import override

from exam_sharing.adapters.sqlalchemy.database import Database, insert_unless_there, is_inserted
from exam_sharing.adapters.sqlalchemy.failures import in_our_words, or_conflict
from exam_sharing.adapters.sqlalchemy.lists import one_of
from exam_sharing.adapters.sqlalchemy.rows import (
    batch_of_row,
    row_of_batch,
    row_of_exam,
)
from exam_sharing.adapters.sqlalchemy.sharing_questions import exam_questions
from exam_sharing.adapters.sqlalchemy.trail import put_event
from exam_sharing.adapters.sqlalchemy.transfers import count_transfer
from exam_sharing.errors import AlreadyExists, BatchSealed, WrongBatch
from exam_sharing.events import ExamTransferred
from exam_sharing.exams import Exam, UploadBatch
from exam_sharing.identifiers import BatchId, ExamId, UserId
from exam_sharing.ports import ExamReader, ExamWriter
from exam_sharing.validation import checks_arguments, instant

__all__ = ["SqlExams"]


@checks_arguments
class SqlExams(ExamReader, ExamWriter):
    """The exams of one database."""

    def __init__(self, database: Database) -> None:
        """Prepare the statements."""
        self._database = database
        exams, batches = database.tables.exams, database.tables.batches
        among = one_of(exams.c.id, "exams", postgresql=database.postgresql)
        self._exam_questions = exam_questions(database.tables, postgresql=database.postgresql)
        self._which = select(exams.c.id).where(among)
        self._batch = select(batches).where(batches.c.id == bindparam("batch"))

    @override
    @in_our_words
    def find(self, exams: tuple[ExamId, ...]) -> tuple[Exam, ...]:
        return self._database.ask(self._exam_questions.find(exams))

    @override
    @in_our_words
    def batch_of(self, exam: ExamId) -> tuple[Exam, ...]:
        return self._database.ask(self._exam_questions.batch_of(exam))

    @in_our_words
    def batch(self, batch: BatchId) -> UploadBatch | None:
        """Return an upload batch, if there is one of that id."""
        with self._database.reading() as connection:
            row = connection.execute(self._batch, {"batch": batch.value}).one_or_none()
            return None if row is None else batch_of_row(row)

    @override
    @or_conflict
    def add(self, batch: UploadBatch, exams: tuple[Exam, ...]) -> None:
        try:
            with self._database.writing() as connection:
                self._put_batch(connection, batch, exams)
                self._require_new(self._there(connection, exams), exams)
                self._put_exams(connection, exams)
        except IntegrityError:
            # Somebody else added one of them at the same time.
            with self._database.reading() as connection:
                self._require_new(self._there(connection, exams), exams)
            raise

    def _put_batch(
        self, connection: Connection, batch: UploadBatch, exams: tuple[Exam, ...]
    ) -> None:
        batches = self._database.tables.batches
        if is_inserted(connection, self._database, batches, row_of_batch(batch)):
            return
        locked = self._batch.with_for_update()
        known = batch_of_row(connection.execute(locked, {"batch": batch.id.value}).one())
        if attrs.evolve(known, sealed=batch.sealed) != batch:
            raise WrongBatch(str(batch.id), "is there already, with other details")
        if known.sealed and (exams or not batch.sealed):
            raise BatchSealed(str(batch.id))
        if known.sealed != batch.sealed:
            seal = update(batches).where(batches.c.id == batch.id.value)
            connection.execute(seal.values(sealed=batch.sealed))

    def _there(self, connection: Connection, exams: tuple[Exam, ...]) -> frozenset[str]:
        asked = {"exams": sorted(exam.id.value for exam in exams)}
        return frozenset(connection.scalars(self._which, asked))

    def _require_new(self, there: frozenset[str], exams: tuple[Exam, ...]) -> None:
        for exam in exams:
            if exam.id.value in there:
                raise AlreadyExists("exam", str(exam.id))

    def _put_exams(self, connection: Connection, exams: tuple[Exam, ...]) -> None:
        if not exams:
            return
        tables = self._database.tables
        rows: Sequence[Any] = [row_of_exam(exam) for exam in sorted(exams, key=_by_id)]
        connection.execute(insert(tables.exams), rows)
        versions = [{"exam": row["id"], "version": 0, "withdrawn": False} for row in rows]
        connection.execute(insert_unless_there(self._database, tables.versions), versions)

    @or_conflict
    def transfer(self, exam: ExamId, owner: UserId, *, at: datetime) -> None:
        """Give an exam to another owner; grants on it stay as they are.

        Args:
            exam: which exam.
            owner: who is to own it.
            at: when, aware; for the audit trail.

        Raises:
            Conflict: others were in the way; nothing was done, try again.
            StoreFailed: there is no such exam, or it was withdrawn.
        """
        when, tables = instant("at", at), self._database.tables
        exams = tables.exams
        is_it = exams.c.id == exam.value
        with self._database.writing() as connection:
            version = count_transfer(connection, tables, exam)
            before = connection.execute(select(exams.c.owner).where(is_it)).scalar_one()
            connection.execute(update(exams).where(is_it).values(owner=owner.value))
            event = ExamTransferred(
                at=when,
                exam=exam,
                before=UserId(before),
                after=owner,
                versions={exam: version},
            )
            put_event(connection, tables, event)


def _by_id(exam: Exam) -> ExamId:
    return exam.id
