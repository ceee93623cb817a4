"""The SQL writer: how an act is committed, and uploads for hosts that keep no exams of their own.

A commit locks the versions of every exam that the act has read, in the order of their ids, and then
compares them with what the act has read. So the second of two acts on one exam always sees the
first. All lock in one order, so no two acts wait for each other. An act in its turn locks the
versions before it reads, and holds the locks until it has written.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import datetime
from functools import partial
from random import random
from time import sleep
from typing import Any

import attrs
from sqlalchemy import Table, bindparam, delete, insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnectionInTime
from typing_extensions import override

from exam_sharing.adapters.sqlalchemy.database import insert_unless_there, is_inserted
from exam_sharing.adapters.sqlalchemy.documents import (
    batch_of_row,
    row_of_batch,
    row_of_ending,
    row_of_exam,
    row_of_grant,
    row_of_notice,
    row_of_share,
    text_of,
)
from exam_sharing.adapters.sqlalchemy.engines import (
    LostRace,
    in_our_words,
    is_lost_race,
    or_conflict,
)
from exam_sharing.adapters.sqlalchemy.questions import one_of
from exam_sharing.adapters.sqlalchemy.reading import SqlAccessReader, SqlGrantReader
from exam_sharing.adapters.sqlalchemy.tables import Tables
from exam_sharing.adapters.sqlalchemy.trail import put_event
from exam_sharing.errors import AlreadyExists, BatchSealed, Conflict, StoreFailed, WrongBatch
from exam_sharing.events import ExamTransferred
from exam_sharing.exams import Exam, UploadBatch
from exam_sharing.grants import OWNER, EndedAs, Ending, Grant, HowEnded
from exam_sharing.identifiers import BatchId, ExamId, UserId
from exam_sharing.policy.retries import longest_delay
from exam_sharing.ports import Changes, ExamWriter, GrantWriter, StoredReceipt
from exam_sharing.validation import checks_arguments, instant

__all__ = ["SqlExams", "SqlGrants", "locked_versions", "put_transfer"]


@checks_arguments
class _BacksOff(GrantWriter):
    @override
    def step_aside(self, lost: int) -> None:
        sleep(longest_delay(lost) * random())  # noqa: S311  guards no secret


@checks_arguments
class SqlGrants(SqlGrantReader, _BacksOff):
    """The grants of one database, and how acts change them."""

    @override
    @contextmanager
    def locked(self, exams: tuple[ExamId, ...]) -> Iterator[GrantWriter | None]:
        with ExitStack() as turn:
            connection = self._in_turn(turn, exams)
            if connection is None:
                yield None
                return
            try:
                yield _WriterInTurn(partial(self._commit, writing=partial(_ending, connection)))
            except LostRace:
                raise Conflict(1) from None

    @in_our_words
    def _in_turn(self, turn: ExitStack, exams: tuple[ExamId, ...]) -> Connection | None:
        """Lock the versions of exams, over a connection that the act then reads and writes over."""
        try:
            connection = turn.enter_context(self._transactions.in_turn(exams))
            if connection is not None:
                self._versions_of(connection, [exam.value for exam in exams])
        except SQLAlchemyError as error:
            if not (isinstance(error, NoConnectionInTime) or is_lost_race(error)):
                raise
        else:
            return connection
        raise Conflict(1)

    @override
    def commit(self, changes: Changes) -> bool:
        return self._commit(changes, partial(self._transactions.racing, changes.versions.keys()))

    @in_our_words
    def _commit(
        self, changes: Changes, writing: Callable[[], AbstractContextManager[Connection]]
    ) -> bool:
        exams = {grant.exam for grant in changes.made}
        uploaded = self._times_of_upload(exams)
        if not exams <= uploaded.keys():  # One has gone since it was read.
            return False
        try:
            with writing() as connection:
                self._write(connection, changes, uploaded)
        except _Moved:
            return False
        except _Taken as error:
            taken = error
        except SQLAlchemyError as error:
            if is_lost_race(error):
                return False
            raise
        else:
            return True
        raise StoreFailed(
            f"the id of a {taken.kind} is taken; new_id must return a new id each time"
        )

    def _write(
        self, connection: Connection, changes: Changes, uploaded: Mapping[ExamId, datetime]
    ) -> None:
        tables = self._tables
        self._require_unmoved(connection, changes)
        self._put_receipt(connection, changes.receipt)
        if changes.made:
            rows = [row_of_grant(grant, uploaded[grant.exam]) for grant in changes.made]
            _insert_new(connection, tables.grants, rows, "grant")
        self._close(connection, changes)
        self._note_removals(connection, changes)
        if changes.share is not None:
            _insert_new(connection, tables.shares, [row_of_share(changes.share)], "share")
        if changes.notices:
            rows = [*map(row_of_notice, changes.notices)]
            _insert_new(connection, tables.notices, rows, "notice")
        put_event(connection, tables, changes.event)

    def _require_unmoved(self, connection: Connection, changes: Changes) -> None:
        versions = self._tables.versions
        expected = {exam.value: version for exam, version in changes.versions.items()}
        if self._versions_of(connection, expected) != expected:
            raise _Moved
        moved = sorted(exam.value for exam in changes.moved)
        if moved:
            count = update(versions).where(one_of(versions.c.exam, "exams"))
            counted = count.values(version=versions.c.version + 1)
            connection.execute(counted, {"exams": moved})

    def _versions_of(self, connection: Connection, exams: Collection[str]) -> dict[str, int]:
        """Lock the versions of exams until the transaction ends, and return them."""
        versions = self._tables.versions
        found = locked_versions(connection, self._tables, exams)
        unshared = sorted(exam for exam in exams if exam not in found)
        if unshared:
            # The host keeps its own exams, and these were never shared.
            rows = [{"exam": exam, "version": 0, "withdrawn": False} for exam in unshared]
            connection.execute(insert_unless_there(connection, versions), rows)
            found = locked_versions(connection, self._tables, exams)
        return found

    def _put_receipt(self, connection: Connection, kept: StoredReceipt | None) -> None:
        if kept is None:
            return
        row = {
            "actor": kept.actor.value,
            "request_id": kept.request_id,
            "fingerprint": kept.fingerprint,
            "receipt": text_of(kept.receipt),
        }
        if not is_inserted(connection, self._tables.receipts, row):
            raise _Moved

    def _times_of_upload(self, exams: AbstractSet[ExamId]) -> Mapping[ExamId, datetime]:
        """Return when exams were uploaded, which never changes."""
        if not exams:
            return {}
        table = self._tables.exams
        statement = select(table.c.id, table.c.uploaded_at).where(one_of(table.c.id, "exams"))
        asked = {"exams": sorted(exam.value for exam in exams)}
        with self._transactions.reading() as connection:
            return {ExamId(exam): at for exam, at in connection.execute(statement, asked)}

    def _close(self, connection: Connection, changes: Changes) -> None:
        """Record endings; close expired grants as well where the exam is withdrawn."""
        grants, versions = self._tables.grants, self._tables.versions
        if changes.ended:
            endings: Sequence[Any] = [row_of_ending(past.ending) for past in changes.ended]
            connection.execute(update(grants).where(grants.c.id == bindparam("which")), endings)
        exam = changes.withdrawn
        if exam is None:
            return
        withdraw = update(versions).where(versions.c.exam == exam.value)
        connection.execute(withdraw.values(withdrawn=True))
        close = update(grants).where(grants.c.exam == exam.value, grants.c.closed_version.is_(None))
        connection.execute(close.values(closed_version=changes.versions[exam] + 1))

    def _note_removals(self, connection: Connection, changes: Changes) -> None:
        """Keep whom owners have removed, so that no act needs to read the past of an exam."""
        removed = self._tables.removed
        gone = {_pair(past.grant) for past in changes.ended if _is_removal(past.ending)}
        if gone:
            rows = [{"exam": exam, "recipient": recipient} for exam, recipient in sorted(gone)]
            connection.execute(insert_unless_there(connection, removed), rows)
        given = {_pair(grant) for grant in changes.made if grant.basis is OWNER}
        if changes.share is None or not given:
            return
        on_exams = select(removed.c.exam, removed.c.recipient).where(
            one_of(removed.c.exam, "exams")
        )
        asked = {"exams": sorted({exam for exam, _ in given})}
        for exam, recipient in connection.execute(on_exams, asked).all():
            if (exam, recipient) in given:
                readmit = delete(removed).where(removed.c.exam == exam)
                connection.execute(readmit.where(removed.c.recipient == recipient))


def _pair(grant: Grant) -> tuple[str, str]:
    return grant.exam.value, grant.recipient.key


def _is_removal(ending: Ending) -> bool:
    return ending.how is HowEnded.UNSHARED and ending.acting_as is EndedAs.OWNER


def locked_versions(connection: Connection, tables: Tables, exams: Iterable[str]) -> dict[str, int]:
    """Lock the versions of exams until the transaction ends, and return them.

    They are locked in the order of their ids. An exam that was never shared may have none.
    """
    versions = tables.versions
    statement = (
        select(versions.c.exam, versions.c.version)
        .where(one_of(versions.c.exam, "exams"))
        .order_by(versions.c.exam)
        .with_for_update()
    )
    found = connection.execute(statement, {"exams": sorted(exams)})
    return {row.exam: row.version for row in found}


@contextmanager
def _ending(connection: Connection) -> Iterator[Connection]:
    yield connection
    connection.commit()


class _WriterInTurn(_BacksOff):
    """Writes over the connection that holds the locks, and releases them."""

    def __init__(self, commit: Callable[[Changes], bool]) -> None:
        self._commit = commit

    @override
    def commit(self, changes: Changes) -> bool:
        return self._commit(changes)


class _Moved(Exception):
    """A fact of the act's decision has changed: the transaction must be rolled back."""


class _Taken(Exception):
    """An id was there already.

    Args:
        kind: what has the id.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


def _insert_new(connection: Connection, table: Table, rows: Sequence[Any], kind: str) -> None:
    try:
        connection.execute(insert(table), rows)
    except IntegrityError:
        raise _Taken(kind) from None


@checks_arguments
class SqlExams(SqlAccessReader, ExamWriter):
    """The exams and upload batches of one database, for hosts that keep none of their own."""

    @in_our_words
    def batch(self, batch: BatchId) -> UploadBatch | None:
        """Return an upload batch, if there is one of that id."""
        batches = self._tables.batches
        with self._transactions.reading() as connection:
            is_it = batches.c.id == batch.value
            row = connection.execute(select(batches).where(is_it)).one_or_none()
            return None if row is None else batch_of_row(row)

    @override
    @or_conflict
    def add(self, batch: UploadBatch, exams: tuple[Exam, ...]) -> None:
        try:
            with self._transactions.writing() as connection:
                self._put_batch(connection, batch, exams)
                self._require_new(connection, exams)
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
        if is_inserted(connection, batches, row_of_batch(batch)):
            return
        is_it = batches.c.id == batch.id.value
        locked = select(batches).where(is_it).with_for_update()
        known = batch_of_row(connection.execute(locked).one())
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
        if not exams:
            return
        in_order = sorted(exams, key=lambda exam: exam.id)
        rows: Sequence[Any] = [row_of_exam(exam) for exam in in_order]
        connection.execute(insert(self._tables.exams), rows)
        versions = [{"exam": row["id"], "version": 0, "withdrawn": False} for row in rows]
        connection.execute(insert_unless_there(connection, self._tables.versions), versions)

    @or_conflict
    def transfer(self, exam: ExamId, owner: UserId, *, at: datetime) -> None:
        """Give an exam to another owner; grants on it do not change.

        Args:
            exam: which exam.
            owner: the new owner.
            at: when, aware; for the audit trail.

        Raises:
            Conflict: other acts changed or locked the same exams; nothing was done, try again.
            StoreFailed: there is no such exam, or it was withdrawn.
        """
        when, exams = instant("at", at), self._tables.exams
        is_it = exams.c.id == exam.value
        with self._transactions.writing() as connection:
            # The lock on the version comes before that on the exam.
            version = _counted(connection, self._tables, exam)
            before = connection.execute(select(exams.c.owner).where(is_it)).scalar_one()
            connection.execute(update(exams).where(is_it).values(owner=owner.value))
            transferred = ExamTransferred(
                at=when, exam=exam, before=UserId(before), after=owner, versions={exam: version}
            )
            put_event(connection, self._tables, transferred)


def put_transfer(
    connection: Connection,
    tables: Tables,
    *,
    exam: ExamId,
    before: UserId,
    after: UserId,
    at: datetime,
) -> None:
    """Count a change of owner of a host's exam as a version, and write its event.

    Raises:
        StoreFailed: the exam was withdrawn.
    """
    unshared = {"exam": exam.value, "version": 0, "withdrawn": False}
    connection.execute(insert_unless_there(connection, tables.versions), unshared)
    version = _counted(connection, tables, exam)
    transferred = ExamTransferred(
        at=at, exam=exam, before=before, after=after, versions={exam: version}
    )
    put_event(connection, tables, transferred)


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
