"""Sweeps: grants and exams that are over are recorded as ended, in small steps.

The indexes of standing grants cannot know the time. So expired grants stay in them, and pages read
more than they show. `sweep_expired` takes them out.

INVARIANT: `sweep_expired` changes no answer. It is not an act: it moves no version, writes no
event and waits for no lock, and the ending that it records is what `until` already says.

`sweep_deleted` withdraws the exams that the host has deleted for good. Each withdrawal is an act.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import uuid4

from sqlalchemy import Engine, exists, select, update
from typing_extensions import override

from exam_sharing.adapters.sqlalchemy.database import Database, check_schema, own_database
from exam_sharing.adapters.sqlalchemy.engines import checked_engine, in_our_words
from exam_sharing.adapters.sqlalchemy.host import HostExams, SqlSharingStore
from exam_sharing.adapters.sqlalchemy.questions import one_of
from exam_sharing.adapters.sqlalchemy.store import sql_ports
from exam_sharing.adapters.sqlalchemy.tables import Tables, given_tables
from exam_sharing.errors import Conflict, InvalidArgument
from exam_sharing.exams import Exam
from exam_sharing.grants import NEVER, EndedAs, HowEnded
from exam_sharing.identifiers import ExamId, UserId
from exam_sharing.memory import MemoryDirectory
from exam_sharing.policy.settings import Policy
from exam_sharing.sharing import Sharing
from exam_sharing.validation import duration, instant, require_callable, set_of

__all__ = ["sweep_deleted", "sweep_expired"]

_MARGIN: Final = timedelta(days=1)


def sweep_expired(
    engine: Engine,
    *,
    tables: Tables | None = None,
    now: datetime | None = None,
    margin: timedelta = _MARGIN,
    limit: int = 1000,
) -> int:
    """Record the ending of grants that expired longer ago than a margin; return their number.

    One call is one short transaction. Call it until it returns 0; several processes may do so at
    once. It disturbs no act and changes no answer.

    Args:
        engine: of the database.
        tables: by default those of `define_tables`.
        now: aware; by default the machine's time.
        margin: longer than the largest difference between the clocks of all machines. To a machine
            whose clock is further behind, a grant would seem to have ended before its time.
        limit: the most grants to end; those that expired first come first.

    Raises:
        InvalidValue: the margin is negative, the limit not positive, or the engine unusable.
        StoreFailed: the database does not answer, or its tables are missing, older or newer.
    """
    margin = duration("margin", margin)
    if margin < timedelta(0):
        raise InvalidArgument("margin", "must not be negative")
    _require_limit(limit)
    until = instant("now", datetime.now(UTC) if now is None else now)
    before = until - min(margin, until - NEVER)
    known = given_tables(tables)
    own = checked_engine(engine)
    check_schema(own, known)
    return _swept(own, known, before, limit)


def _require_limit(limit: object) -> None:
    if type(limit) is not int or limit < 1:
        raise InvalidArgument("limit", "must be a whole number from 1")


@in_our_words
def _swept(engine: Engine, tables: Tables, before: datetime, limit: int) -> int:
    grants, versions = tables.grants, tables.versions
    expired = (
        select(grants.c.id)
        .where(grants.c.closed_version.is_(None), grants.c.until <= before)
        .order_by(grants.c.until)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    # The version of the next act on the exam, the first that will not find them.
    next_version = select(versions.c.version + 1).where(versions.c.exam == grants.c.exam)
    end = (
        update(grants)
        .where(one_of(grants.c.id, "ids"))
        .values(
            closed_version=next_version.scalar_subquery(),
            ended_how=HowEnded.EXPIRED.value,
            ended_as=EndedAs.HOST.value,
            ended_at=grants.c.until,
            replaced_by="[]",
        )
    )
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            # A serializable transaction, which a host may use for everything, would make acts fail.
            connection.execution_options(isolation_level="READ COMMITTED")
        with connection.begin():
            ids = connection.scalars(expired).all()
            if ids:
                connection.execute(end, {"ids": ids})
    return len(ids)


def sweep_deleted(
    engine: Engine,
    *,
    deleted: Callable[[tuple[ExamId, ...]], Iterable[ExamId]],
    performed_by: UserId | str,
    why: str,
    tables: Tables | None = None,
    now: datetime | None = None,
    limit: int = 1000,
) -> int:
    """Withdraw the shared exams that the host has deleted for good; return their number.

    One call asks the host about every exam with grants that have not ended, and withdraws each
    deleted exam in a short transaction of its own. An exam that is only hidden for a while must not
    be reported as deleted: once withdrawn, it is never found again. Several processes may sweep at
    once. An exam that other acts keep changing is left to the next sweep.

    Args:
        engine: of the database.
        deleted: takes some exams, and returns those of them that are deleted for good.
        performed_by: who is recorded as having withdrawn them.
        why: the reason, for the audit trail.
        tables: by default those of `define_tables`.
        now: aware; by default the machine's time.
        limit: the most exams to ask the host about at once.

    Raises:
        InvalidValue: the limit is not positive, `deleted` cannot be called, or the engine or a text
            cannot be used.
        WrongKind: an argument, or what `deleted` returned, is of another type.
        StoreFailed: the database does not answer, or its tables are missing, older or newer.
    """
    require_callable("deleted", deleted)
    _require_limit(limit)
    at = None if now is None else instant("now", now)
    database = own_database(engine, tables)
    sharing = Sharing(
        policy=Policy(),
        ports=sql_ports(SqlSharingStore(database, _NoExams()), directory=MemoryDirectory()),
        clock=lambda: datetime.now(UTC) if at is None else at,
        new_id=lambda: str(uuid4()),
        sends_at_once=False,
    )
    swept = 0
    for shared in _shared_exams(database, limit):
        gone = set_of("deleted", deleted(shared), ExamId)
        for exam in shared:
            if exam in gone:
                with contextlib.suppress(Conflict):
                    sharing.admin.withdraw(exam, performed_by=performed_by, why=why)
                    swept += 1
    return swept


def _shared_exams(database: Database, limit: int) -> Iterator[tuple[ExamId, ...]]:
    """Yield the exams with grants that have not ended, some at a time, by id."""
    after = ""
    while page := _shared_behind(database, after, limit):
        yield page
        after = page[-1].value


@in_our_words
def _shared_behind(database: Database, after: str, limit: int) -> tuple[ExamId, ...]:
    grants, versions = database.tables.grants, database.tables.versions
    unended = (grants.c.exam == versions.c.exam) & grants.c.closed_version.is_(None)
    statement = (
        select(versions.c.exam)
        .where(versions.c.exam > after, exists().where(unended))
        .order_by(versions.c.exam)
        .limit(limit)
    )
    with database.transactions.reading() as connection:
        return tuple(map(ExamId, connection.scalars(statement)))


class _NoExams(HostExams):
    """Has no exams: a withdrawal does not ask whether the exam is there."""

    @override
    def find(self, exams: tuple[ExamId, ...]) -> tuple[Exam, ...]:
        return ()

    @override
    def batch_of(self, exam: ExamId) -> tuple[Exam, ...]:
        return ()

    @override
    def owned_by(
        self, user: UserId, after: tuple[datetime, str] | None, limit: int
    ) -> tuple[Exam, ...]:
        return ()
