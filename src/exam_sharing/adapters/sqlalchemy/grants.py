"""Grants in a database: how acts read and commit, receipts, notices and the audit trail.

A commit locks the versions of every exam that the act has read, in the order of their ids, and then
compares them with what the act has read. So the second of two acts on one exam always sees the
first. All lock in one order, so no two acts wait for each other. After lost races, an act takes a
turn: it locks the versions before it reads, and holds the locks until it has written.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import datetime
from random import random
from typing import Any, TypeVar

import attrs
from sqlalchemy import (
    ColumnElement,
    Row,
    Table,
    bindparam,
    delete,
    exists,
    insert,
    null,
    select,
    update,
)
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnectionInTime
from sqlalchemy.sql import FromClause
from typing_extensions import override

from exam_sharing import ports
from exam_sharing.adapters.sqlalchemy import documents as stored
from exam_sharing.adapters.sqlalchemy import engines, reading
from exam_sharing.adapters.sqlalchemy.accesses import SqlAccesses
from exam_sharing.adapters.sqlalchemy.database import (
    Database,
    insert_unless_there,
    is_inserted,
)
from exam_sharing.adapters.sqlalchemy.engines import in_our_words, or_conflict
from exam_sharing.adapters.sqlalchemy.outbox import SqlOutbox
from exam_sharing.adapters.sqlalchemy.reading import Asked, Question
from exam_sharing.adapters.sqlalchemy.tables import one_of
from exam_sharing.adapters.sqlalchemy.trail import SqlTrail, put_event
from exam_sharing.errors import Conflict, StoreFailed
from exam_sharing.grants import OWNER, EndedAs, Grant, HowEnded
from exam_sharing.identifiers import (
    ExamId,
    GrantId,
    PrincipalId,
    PrincipalKey,
    ShareId,
    UserId,
    principal_of,
)
from exam_sharing.policy.facts import ExamGrants
from exam_sharing.policy.plans import Share
from exam_sharing.policy.retries import AT_ONCE, longest_delay
from exam_sharing.validation import checks_arguments

AnswerT = TypeVar("AnswerT")


@checks_arguments
class _BacksOff(ports.GrantWriter):
    @override
    def step_aside(self, lost: int) -> None:
        engines.pause(longest_delay(lost) * random())  # noqa: S311  guards no secret


@checks_arguments
class SqlGrants(SqlTrail, _BacksOff, ports.GrantReader):
    """The sharing that is kept in one database: grants, receipts, notices and the audit trail."""

    def __init__(self, database: Database) -> None:
        """Keep the database."""
        super().__init__(database)
        self._questions = reading.questions_of(
            database.tables, self._exam_rows(), postgresql=database.transactions.postgresql
        )
        self.outbox: SqlOutbox = SqlOutbox(database)
        self.accesses: SqlAccesses = SqlAccesses(database)

    def _exam_rows(self) -> FromClause:
        """Return the rows of the exams that there are."""
        return self._tables.exams

    @override
    def read(self, exams: tuple[ExamId, ...], *, ended: bool) -> Mapping[ExamId, ExamGrants]:
        question = self._questions.read(exams, ended=ended)
        named = reading.texts(exams)
        if self._transactions.joined:
            return self._ask_locked(named, question, {"exams": named})
        return self._transactions.ask(question, {"exams": named})

    @or_conflict
    def _ask_locked(
        self, locked: Iterable[str], question: Question[AnswerT], asked: Asked
    ) -> AnswerT:
        """Lock versions before the read: in a host's transaction, an act is decided only once."""
        with self._transactions.reading() as connection:
            self._lock(connection, locked)
        return self._transactions.ask(question, asked)

    @override
    @in_our_words
    def find_grants(self, ids: Iterable[GrantId]) -> tuple[Grant, ...]:
        grants = self._tables.grants
        named = select(grants).where(one_of(grants.c.id, "ids"))
        rows = self._transactions.rows(named, ids=reading.texts(ids))
        return stored.GRANTS.values_of(rows)

    @override
    @in_our_words
    def grants_of_share(
        self, share: ShareId, exams: Iterable[ExamId], recipients: Iterable[PrincipalKey]
    ) -> tuple[Grant, ...]:
        grants = self._tables.grants
        standing = select(grants).where(
            one_of(grants.c.exam, "exams"),
            one_of(grants.c.recipient, "recipients"),
            grants.c.share == share.value,
            grants.c.closed_version.is_(None),
        )
        asked = {"exams": reading.texts(exams), "recipients": sorted(recipients)}
        return stored.GRANTS.values_of(self._transactions.rows(standing, **asked))

    @override
    @in_our_words
    def removed(
        self, exams: tuple[ExamId, ...], recipients: tuple[PrincipalId, ...]
    ) -> Mapping[ExamId, frozenset[PrincipalId]]:
        table = self._tables.removed
        named = one_of(table.c.exam, "exams"), one_of(table.c.recipient, "recipients")
        keys = sorted({each.key for each in recipients})
        found: dict[str, set[PrincipalId]] = {exam.value: set() for exam in exams}
        for row in self._transactions.rows(
            select(table).where(*named), exams=reading.texts(exams), recipients=keys
        ):
            found[row.exam].add(principal_of(PrincipalKey(row.recipient)))
        return {exam: frozenset(found[exam.value]) for exam in exams}

    @override
    @in_our_words
    def exams_granted_to(self, recipient: PrincipalId) -> tuple[ExamId, ...]:
        grants = self._tables.grants.c
        standing = grants.recipient == recipient.key, grants.closed_version.is_(None)
        exams = select(grants.exam).where(*standing).distinct().order_by(grants.exam)
        return tuple(ExamId(row.exam) for row in self._transactions.rows(exams))

    @override
    @in_our_words
    def receipt(self, actor: UserId, request_id: str) -> ports.StoredReceipt | None:
        receipts = self._tables.receipts
        is_it = receipts.c.actor == actor.value, receipts.c.request_id == request_id
        for row in self._transactions.rows(select(receipts).where(*is_it)):
            receipt = stored.receipt_of(row.receipt, self._records_named_in([row.receipt]))
            # After a crash, the primary shows commits for which nobody waits any more.
            unconfirmed = not self._transactions.is_confirmed()
            return ports.StoredReceipt(
                actor=actor,
                request_id=request_id,
                fingerprint=row.fingerprint,
                receipt=attrs.evolve(receipt, unconfirmed=unconfirmed),
            )
        return None

    @in_our_words
    def share_record(self, share: ShareId) -> Share | None:
        """Return the record of a share, with its attestation, if there is one of that id."""
        rows = self._named(self._tables.shares, {share.value})
        return stored.share_of(rows[0]) if rows else None

    @override
    @contextmanager
    def locked(self, exams: tuple[ExamId, ...]) -> Iterator[ports.GrantWriter | None]:
        with ExitStack() as turn:
            connection = self._in_turn(turn, exams)
            if connection is None:
                yield None
                return
            try:
                yield _WriterInTurn(lambda changes: self._commit(changes, self._ending(connection)))
            except engines.LostRace:
                raise Conflict(1) from None

    @in_our_words
    def _in_turn(self, turn: ExitStack, exams: tuple[ExamId, ...]) -> Connection | None:
        """Lock the versions of exams, and return the connection of the turn, if there is one."""
        try:
            connection = turn.enter_context(self._transactions.in_turn(exams))
            if connection is not None:
                self._locked_heads(connection, [exam.value for exam in exams])
        except SQLAlchemyError as error:
            if not (isinstance(error, NoConnectionInTime) or engines.is_lost_race(error)):
                raise
        else:
            return connection
        raise Conflict(1)

    @contextmanager
    def _ending(self, connection: Connection) -> Iterator[Connection]:
        yield connection
        self._transactions.commit(connection)

    @override
    def commit(self, changes: ports.Changes) -> bool:
        written = self._commit(changes, self._transactions.racing(changes.versions.keys()))
        if self._transactions.joined and not written:
            raise Conflict(1)
        return written

    @in_our_words
    def _commit(self, changes: ports.Changes, writing: AbstractContextManager[Connection]) -> bool:
        uploaded = self._uploaded_before({grant.exam for grant in changes.made})
        try:
            with writing as connection:
                self._write(connection, changes, uploaded)
        except _Moved:
            return False
        except SQLAlchemyError as error:
            if engines.is_lost_race(error):
                return False
            raise
        return True

    def _write(
        self, connection: Connection, changes: ports.Changes, uploaded: Mapping[str, datetime]
    ) -> None:
        tables = self._tables
        heads = self._heads_unmoved(connection, changes)
        kept = changes.receipt
        if kept is not None:
            row = {
                "actor": kept.actor.value,
                "request_id": kept.request_id,
                "fingerprint": kept.fingerprint,
                "receipt": stored.text_of(kept.receipt),
            }
            if not is_inserted(connection, tables.receipts, row):
                raise _Moved
        if changes.made:
            times = {each: head.uploaded_at for each, head in heads.items()} | dict(uploaded)
            rows = [
                stored.GRANTS.row_of(grant) | {"uploaded_at": times[grant.exam.value]}
                for grant in changes.made
            ]
            if any(row["uploaded_at"] is None for row in rows):  # It has gone since it was read.
                raise _Moved
            _insert_new(connection, tables.grants, rows, "grant")
        self._close(connection, changes)
        self._note_removals(connection, changes, {e for e in heads if heads[e].has_removals})
        if changes.share is not None:
            row = stored.row_of_share(changes.share)
            _insert_new(connection, tables.shares, [row], "share")
        if changes.notices:
            rows = [stored.NOTICES.row_of(each) | {"due": AT_ONCE} for each in changes.notices]
            _insert_new(connection, tables.notices, rows, "notice")
        put_event(connection, tables, changes.event)

    def _heads_unmoved(
        self, connection: Connection, changes: ports.Changes
    ) -> Mapping[str, Row[Any]]:
        """Lock the versions of exams, count those that move, and return what else is needed."""
        versions, removed = self._tables.versions, self._tables.removed
        expected = {exam.value: version for exam, version in changes.versions.items()}
        # Every removal raises the version. So where the version is as expected, there was none
        # since, and this answer is of the present, even if the statement waited for the lock.
        removals = exists().where(removed.c.exam == versions.c.exam).label("has_removals")
        # Our table of exams may be missing, where the host keeps the exams.
        uploaded_at = self._time_of_upload(versions.c.exam) if changes.made else null()
        others = uploaded_at.label("uploaded_at"), removals
        heads = self._locked_heads(connection, expected, *others)
        if {exam: head.version for exam, head in heads.items()} != expected:
            raise _Moved
        moved = sorted(exam.value for exam in changes.moved)
        if moved:
            count = update(versions).where(one_of(versions.c.exam, "exams"))
            counted = count.values(version=versions.c.version + 1)
            connection.execute(counted, {"exams": moved})
        return heads

    def _locked_heads(
        self, connection: Connection, exams: Collection[str], *others: ColumnElement[Any]
    ) -> Mapping[str, Row[Any]]:
        """Lock the versions of exams until the transaction ends, and return their rows."""
        found = self._lock(connection, exams, *others)
        unshared = sorted(exam for exam in exams if exam not in found)
        if unshared:
            # The host keeps its own exams, and these were never shared.
            rows = [*map(unshared_row, unshared)]
            connection.execute(insert_unless_there(connection, self._tables.versions), rows)
            found = self._lock(connection, exams, *others)
        return found

    def _lock(
        self, connection: Connection, exams: Iterable[str], *others: ColumnElement[Any]
    ) -> Mapping[str, Row[Any]]:
        """Lock the existing versions of exams, in the order of their ids, and return their rows."""
        versions = self._tables.versions
        in_order = (
            select(versions.c.exam, versions.c.version, *others)
            .where(one_of(versions.c.exam, "exams"))
            .order_by(versions.c.exam)
            .with_for_update()
        )
        found = connection.execute(in_order, {"exams": sorted(exams)})
        return {row.exam: row for row in found}

    def _time_of_upload(self, exam: ColumnElement[str]) -> ColumnElement[datetime | None]:
        """Return when an exam was uploaded, which never changes; null where it has gone."""
        exams = self._questions.exams
        return select(exams.c.uploaded_at).where(exams.c.id == exam).scalar_subquery()

    def _uploaded_before(
        self,
        exams: AbstractSet[ExamId],  # noqa: ARG002  all times are read while writing
    ) -> Mapping[str, datetime]:
        """Return the times of upload of exams that must be read before the transaction begins."""
        return {}

    def _close(self, connection: Connection, changes: ports.Changes) -> None:
        """Record endings; close expired grants as well where the exam is withdrawn."""
        grants, versions = self._tables.grants, self._tables.versions
        if changes.ended:
            endings: Sequence[Any] = [*map(stored.row_of_ending, changes.ended)]
            # In a table that is partitioned by exam, this reads one partition.
            is_it = grants.c.id == bindparam("which"), grants.c.exam == bindparam("of")
            connection.execute(update(grants).where(*is_it), endings)
        exam = changes.withdrawn
        if exam is None:
            return
        withdraw = update(versions).where(versions.c.exam == exam.value)
        connection.execute(withdraw.values(withdrawn=True))
        close = update(grants).where(grants.c.exam == exam.value, grants.c.closed_version.is_(None))
        connection.execute(close.values(closed_version=changes.versions[exam] + 1))

    def _note_removals(
        self, connection: Connection, changes: ports.Changes, removals: AbstractSet[str]
    ) -> None:
        """Record whom owners have removed, so that no act needs to read ended grants.

        `removals` are the exams from which somebody was removed before.
        """
        removed = self._tables.removed
        by_owner = HowEnded.UNSHARED, EndedAs.OWNER
        ended = [(past.grant, past.ending) for past in changes.ended]
        gone = {_pair(grant) for grant, how in ended if (how.how, how.acting_as) == by_owner}
        if gone:
            rows = [{"exam": exam, "recipient": recipient} for exam, recipient in sorted(gone)]
            connection.execute(insert_unless_there(connection, removed), rows)
        given = {_pair(grant) for grant in changes.made if grant.basis is OWNER}
        given = {pair for pair in given if pair[0] in removals}
        if changes.share is None or not given:
            return
        on_exams = select(removed).where(one_of(removed.c.exam, "exams"))
        asked = {"exams": sorted({exam for exam, _ in given})}
        for exam, recipient in connection.execute(on_exams, asked).all():
            if (exam, recipient) in given:
                readmit = delete(removed).where(removed.c.exam == exam)
                connection.execute(readmit.where(removed.c.recipient == recipient))


def _pair(grant: Grant) -> tuple[str, str]:
    return grant.exam.value, grant.recipient.key


class _WriterInTurn(_BacksOff):
    """Writes over the connection that holds the locks, and releases them."""

    def __init__(self, commit: Callable[[ports.Changes], bool]) -> None:
        self._commit = commit

    @override
    def commit(self, changes: ports.Changes) -> bool:
        return self._commit(changes)


class _Moved(Exception):
    """A fact of the act's decision has changed: the transaction must be rolled back."""


def _insert_new(connection: Connection, table: Table, rows: Sequence[Any], kind: str) -> None:
    # The key of grants alone would allow one id on two exams.
    if len({row["id"] for row in rows}) == len(rows):
        with suppress(IntegrityError):
            connection.execute(insert(table), rows)
            return
    # Raised outside of the handler, so that the caught error is not its context.
    raise StoreFailed(f"the id of a {kind} is taken; new_id must return a new id each time")


def unshared_row(exam: str) -> dict[str, Any]:
    """Return the row of the version of an exam that was never shared."""
    return {"exam": exam, "version": 0, "withdrawn": False}
