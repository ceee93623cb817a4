"""How an act is written, and exams and upload batches for hosts that keep none of their own.

Whoever writes locks the versions of every exam that it has read, in the order of their ids, and
only then looks whether one has moved. So of two acts on one exam, the second always sees the first;
and since all lock in one order, none waits in a circle. An act in its turn locks them before it
reads, and keeps them locked until it is written.
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

from exam_sharing.adapters.sqlalchemy.database import Database, insert_unless_there, is_inserted
from exam_sharing.adapters.sqlalchemy.documents import receipt_of, text_of
from exam_sharing.adapters.sqlalchemy.failures import (
    LostRace,
    in_our_words,
    is_lost_race,
    or_conflict,
)
from exam_sharing.adapters.sqlalchemy.questions import one_of
from exam_sharing.adapters.sqlalchemy.reading import exam_questions, grant_questions
from exam_sharing.adapters.sqlalchemy.rows import (
    batch_of_row,
    row_of_batch,
    row_of_ending,
    row_of_exam,
    row_of_grant,
    row_of_notice,
    row_of_share,
    share_of_row,
)
from exam_sharing.adapters.sqlalchemy.tables import Tables
from exam_sharing.adapters.sqlalchemy.trail import put_event, records_named_in
from exam_sharing.errors import AlreadyExists, BatchSealed, Conflict, StoreFailed, WrongBatch
from exam_sharing.events import ExamTransferred
from exam_sharing.exams import Exam, UploadBatch
from exam_sharing.grants import OWNER, EndedAs, Ending, Grant, HowEnded
from exam_sharing.identifiers import (
    BatchId,
    ExamId,
    GrantId,
    PrincipalId,
    PrincipalKey,
    ShareId,
    UserId,
)
from exam_sharing.policy.facts import ExamGrants
from exam_sharing.policy.plans import Share
from exam_sharing.policy.retries import longest_delay
from exam_sharing.ports import (
    Changes,
    ExamReader,
    ExamWriter,
    GrantReader,
    GrantWriter,
    StoredReceipt,
)
from exam_sharing.validation import checks_arguments, instant

__all__ = ["SqlExams", "SqlGrants", "count_transfer", "locked_versions"]


def count_transfer(connection: Connection, tables: Tables, exam: ExamId) -> int:
    """Add one to the version of an exam, and return the new one.

    Raises:
        StoreFailed: there is no such version, or the exam was withdrawn.
    """
    versions = tables.versions
    version: int | None = connection.scalar(
        update(versions)
        .where(versions.c.exam == exam.value, ~versions.c.withdrawn)
        .values(version=versions.c.version + 1)
        .returning(versions.c.version)
    )
    if version is None:
        raise StoreFailed(f"there is no exam {str(exam)!r} to transfer")
    return version


@checks_arguments
class SqlGrants(GrantReader, GrantWriter):
    """The grants of one database."""

    def __init__(self, database: Database) -> None:
        """Prepare the statements."""
        self._database = database
        tables = database.tables
        grants, versions = tables.grants, tables.versions
        self._grant_questions = grant_questions(tables, postgresql=database.postgresql)
        self._granted_to = (
            select(grants.c.exam)
            .where(grants.c.recipient == bindparam("recipient"), grants.c.closed_version.is_(None))
            .distinct()
            .order_by(grants.c.exam)
        )
        self._receipt = select(tables.receipts).where(
            tables.receipts.c.actor == bindparam("actor"),
            tables.receipts.c.request_id == bindparam("request_id"),
        )
        moved = one_of(versions.c.exam, "exams", postgresql=database.postgresql)
        self._count_up = update(versions).where(moved).values(version=versions.c.version + 1)
        removed = tables.removed
        among = one_of(removed.c.exam, "exams", postgresql=database.postgresql)
        self._removed_from = select(removed.c.exam, removed.c.recipient).where(among)
        self._end = update(grants).where(grants.c.id == bindparam("which"))

    @override
    @in_our_words
    def read(self, exams: tuple[ExamId, ...], *, ended: bool) -> Mapping[ExamId, ExamGrants]:
        return self._database.ask(self._grant_questions.read(exams, ended=ended))

    @override
    @in_our_words
    def find_grants(self, ids: Iterable[GrantId]) -> tuple[Grant, ...]:
        return self._database.ask(self._grant_questions.find_grants(ids))

    @override
    @in_our_words
    def grants_of_share(
        self, share: ShareId, exams: Iterable[ExamId], recipients: Iterable[PrincipalKey]
    ) -> tuple[Grant, ...]:
        return self._database.ask(self._grant_questions.grants_of_share(share, exams, recipients))

    @override
    @in_our_words
    def removed(
        self, exams: tuple[ExamId, ...], recipients: tuple[PrincipalId, ...]
    ) -> Mapping[ExamId, frozenset[PrincipalId]]:
        return self._database.ask(self._grant_questions.removed(exams, recipients))

    @override
    @in_our_words
    def exams_granted_to(self, recipient: PrincipalId) -> tuple[ExamId, ...]:
        with self._database.reading() as connection:
            found = connection.scalars(self._granted_to, {"recipient": recipient.key})
            return tuple(map(ExamId, found))

    @override
    @in_our_words
    def receipt(self, actor: UserId, request_id: str) -> StoredReceipt | None:
        asked = {"actor": actor.value, "request_id": request_id}
        with self._database.reading() as connection:
            row = connection.execute(self._receipt, asked).one_or_none()
        if row is None:
            return None
        return StoredReceipt(
            actor=actor,
            request_id=request_id,
            fingerprint=row.fingerprint,
            receipt=receipt_of(row.receipt, records_named_in(self._database, [row.receipt])),
        )

    @in_our_words
    def share_record(self, share: ShareId) -> Share | None:
        """Return the record of a share, with its attestation, if there is one of that id."""
        shares = self._database.tables.shares
        with self._database.reading() as connection:
            row = connection.execute(select(shares).where(shares.c.id == share.value)).one_or_none()
            return None if row is None else share_of_row(row)

    @override
    def step_aside(self, lost: int) -> None:
        sleep(longest_delay(lost) * random())  # noqa: S311  guards no secret

    @override
    @contextmanager
    def locked(self, exams: tuple[ExamId, ...]) -> Iterator[GrantWriter | None]:
        with ExitStack() as turn:
            connection = self._in_turn(turn, exams)
            if connection is None:
                yield None
                return
            written = partial(self._commit, writing=partial(_ending, connection))
            try:
                yield _WriterInTurn(written)
            except LostRace:
                raise Conflict(1) from None

    @in_our_words
    def _in_turn(self, turn: ExitStack, exams: tuple[ExamId, ...]) -> Connection | None:
        """Lock the versions of exams, over a connection that reads and writes until then."""
        try:
            connection = turn.enter_context(self._database.transactions.in_turn(exams))
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
        return self._commit(changes, partial(self._database.racing, changes.versions.keys()))

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
        raise StoreFailed(f"the id of a {taken.kind} is taken; new_id must give a new id each time")

    def _write(
        self, connection: Connection, changes: Changes, uploaded: Mapping[ExamId, datetime]
    ) -> None:
        self._require_unmoved(connection, changes)
        self._keep_receipt(connection, changes.receipt)
        self._make(connection, changes.made, uploaded)
        self._close(connection, changes)
        self._note_removals(connection, changes)
        tables = self._database.tables
        if changes.share is not None:
            _insert_new(connection, tables.shares, [row_of_share(changes.share)], "share")
        if changes.notices:
            rows = [*map(row_of_notice, changes.notices)]
            _insert_new(connection, tables.notices, rows, "notice")
        put_event(connection, tables, changes.event)

    def _require_unmoved(self, connection: Connection, changes: Changes) -> None:
        expected = {exam.value: version for exam, version in changes.versions.items()}
        if self._versions_of(connection, expected) != expected:
            raise _Moved
        moved = {"exams": sorted(exam.value for exam in changes.moved)}
        if moved["exams"]:
            connection.execute(self._count_up, moved)

    def _versions_of(self, connection: Connection, exams: Collection[str]) -> dict[str, int]:
        """Lock the versions of exams until the transaction ends, and return them."""
        found = locked_versions(connection, self._database, exams)
        unshared = sorted(exam for exam in exams if exam not in found)
        if unshared:
            # The host keeps its own exams, and these were never shared.
            rows = [{"exam": exam, "version": 0, "withdrawn": False} for exam in unshared]
            put = insert_unless_there(self._database, self._database.tables.versions)
            connection.execute(put, rows)
            found = locked_versions(connection, self._database, exams)
        return found

    def _keep_receipt(self, connection: Connection, kept: StoredReceipt | None) -> None:
        if kept is None:
            return
        row = {
            "actor": kept.actor.value,
            "request_id": kept.request_id,
            "fingerprint": kept.fingerprint,
            "receipt": text_of(kept.receipt),
        }
        if not is_inserted(connection, self._database, self._database.tables.receipts, row):
            raise _Moved

    def _make(
        self,
        connection: Connection,
        made: tuple[Grant, ...],
        uploaded: Mapping[ExamId, datetime],
    ) -> None:
        if made:
            rows = [row_of_grant(grant, uploaded[grant.exam]) for grant in made]
            _insert_new(connection, self._database.tables.grants, rows, "grant")

    def _times_of_upload(self, exams: AbstractSet[ExamId]) -> Mapping[ExamId, datetime]:
        """Return when exams were uploaded, which never changes."""
        if not exams:
            return {}
        table = self._database.tables.exams
        among = one_of(table.c.id, "exams", postgresql=self._database.postgresql)
        statement = select(table.c.id, table.c.uploaded_at).where(among)
        asked = {"exams": sorted(exam.value for exam in exams)}
        with self._database.reading() as connection:
            return {ExamId(exam): at for exam, at in connection.execute(statement, asked)}

    def _close(self, connection: Connection, changes: Changes) -> None:
        """Record endings; where the exam is withdrawn, close what has merely expired as well."""
        if changes.ended:
            endings: Sequence[Any] = [row_of_ending(past.ending) for past in changes.ended]
            connection.execute(self._end, endings)
        if changes.withdrawn is None:
            return
        tables, exam = self._database.tables, changes.withdrawn
        versions, grants = tables.versions, tables.grants
        connection.execute(
            update(versions).where(versions.c.exam == exam.value).values(withdrawn=True)
        )
        connection.execute(
            update(grants)
            .where(grants.c.exam == exam.value, grants.c.closed_version.is_(None))
            .values(closed_version=changes.versions[exam] + 1)
        )

    def _note_removals(self, connection: Connection, changes: Changes) -> None:
        """Keep whom owners have removed, so that nobody reads the past of an exam for it."""
        removed = self._database.tables.removed
        gone = {_pair(past.grant) for past in changes.ended if _is_removal(past.ending)}
        if gone:
            rows = [{"exam": exam, "recipient": recipient} for exam, recipient in sorted(gone)]
            connection.execute(insert_unless_there(self._database, removed), rows)
        given = {_pair(grant) for grant in changes.made if grant.basis is OWNER}
        if changes.share is None or not given:
            return
        asked = {"exams": sorted({exam for exam, _ in given})}
        for exam, recipient in connection.execute(self._removed_from, asked).all():
            if (exam, recipient) in given:
                readmit = delete(removed).where(removed.c.exam == exam)
                connection.execute(readmit.where(removed.c.recipient == recipient))


def _pair(grant: Grant) -> tuple[str, str]:
    return grant.exam.value, grant.recipient.key


def _is_removal(ending: Ending) -> bool:
    return ending.how is HowEnded.UNSHARED and ending.acting_as is EndedAs.OWNER


def locked_versions(
    connection: Connection, database: Database, exams: Iterable[str]
) -> dict[str, int]:
    """Lock the versions of exams until the transaction ends, and return them.

    They are locked in the order of their ids. An exam that was never shared may have none.
    """
    versions = database.tables.versions
    statement = (
        select(versions.c.exam, versions.c.version)
        .where(one_of(versions.c.exam, "exams", postgresql=database.postgresql))
        .order_by(versions.c.exam)
        .with_for_update()
    )
    return {
        row.exam: row.version for row in connection.execute(statement, {"exams": sorted(exams)})
    }


@contextmanager
def _ending(connection: Connection) -> Iterator[Connection]:
    """Write at the end of a transaction."""
    yield connection
    connection.commit()


class _WriterInTurn(GrantWriter):
    """Writes over the connection that holds the locks, and releases them thereby."""

    def __init__(self, written: Callable[[Changes], bool]) -> None:
        self._written = written

    @override
    def commit(self, changes: Changes) -> bool:
        return self._written(changes)

    @override
    def step_aside(self, lost: int) -> None:
        sleep(longest_delay(lost) * random())  # noqa: S311  guards no secret


class _Moved(Exception):
    """Something that the act was decided on has changed: the transaction must not be kept."""


class _Taken(Exception):
    """An id was there already.

    Args:
        kind: of what the id was.
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
