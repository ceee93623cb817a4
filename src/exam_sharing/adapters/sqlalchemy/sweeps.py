"""Sweeps: they end expired grants and withdraw deleted exams, in small steps.

The indexes of standing grants cannot know the time. So expired grants stay in them, and pages read
more than they show. `sweep_expired` takes them out.

INVARIANT: `sweep_expired` changes no answer. It is not an act: it moves no version, writes no
event and waits for no lock, and the ending that it records is what `until` already says.

`sweep_deleted` withdraws the exams that the host has deleted for good. Each withdrawal is an act.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Engine, exists, select, update

from exam_sharing.acts import changing
from exam_sharing.adapters.sqlalchemy import documents as stored
from exam_sharing.adapters.sqlalchemy.database import Database, own_database
from exam_sharing.adapters.sqlalchemy.engines import in_our_words
from exam_sharing.adapters.sqlalchemy.host import sql_ports
from exam_sharing.adapters.sqlalchemy.store import SqlStore
from exam_sharing.adapters.sqlalchemy.tables import Tables, one_of
from exam_sharing.errors import Conflict, InvalidArgument
from exam_sharing.grants import NEVER
from exam_sharing.identifiers import ExamId, UserId
from exam_sharing.memory import MemoryDirectory
from exam_sharing.policy.requests import Withdrawal
from exam_sharing.validation import duration, instant, require_callable, set_of

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

    One call is one short transaction, which ends at most `limit` grants, those that expired first.
    Call it until it returns 0; several processes may do so at once. It disturbs no act and changes
    no answer. `now` is aware, and by default the machine's time.

    The margin is longer than the largest difference between the clocks of all machines. To a
    machine whose clock is further behind, a grant would seem to have ended before its time.

    Raises:
        StoreFailed: the database does not answer, or its tables are missing, older or newer.
    """
    margin = duration("margin", margin)
    if margin < timedelta(0):
        raise InvalidArgument("margin", "must not be negative")
    _require_limit(limit)
    until = instant("now", datetime.now(UTC) if now is None else now)
    before = until - min(margin, until - NEVER)
    return _swept(own_database(engine, tables), before, limit)


def _require_limit(limit: object) -> None:
    if type(limit) is not int or limit < 1:
        raise InvalidArgument("limit", "must be a whole number from 1")


@in_our_words
def _swept(database: Database, before: datetime, limit: int) -> int:
    grants, versions = database.tables.grants, database.tables.versions
    expired = (
        select(grants.c.id)
        .where(grants.c.closed_version.is_(None), grants.c.until <= before)
        .order_by(grants.c.until)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    # The version of the next act on the exam: it is the first act that will not read these grants.
    next_version = select(versions.c.version + 1).where(versions.c.exam == grants.c.exam)
    end = (
        update(grants)
        .where(one_of(grants.c.id, "ids"))
        .values(closed_version=next_version.scalar_subquery(), **stored.row_of_expiry(grants))
    )
    # Not serializable, even if the host's engine is: that would make acts fail.
    with database.transactions.writing() as connection:
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

    `deleted` takes some exams, at most `limit`, and returns those of them that are deleted for
    good. The audit trail keeps who performed the withdrawals, and why.

    Raises:
        WrongKind: an argument, or what `deleted` returned, is of another type.
        StoreFailed: the database does not answer, or its tables are missing, older or newer.
    """
    require_callable("deleted", deleted)
    _require_limit(limit)
    at = None if now is None else instant("now", now)
    database = own_database(engine, tables)
    # The withdrawal of a shared exam does not read our table of exams, which may be missing.
    ports = sql_ports(SqlStore(database), directory=MemoryDirectory())
    swept, after = 0, ""
    while shared := _shared_behind(database, after, limit):
        after = shared[-1].value
        gone = set_of("deleted", deleted(shared), ExamId)
        for exam in shared:
            if exam in gone:
                request = Withdrawal(exam=exam, performed_by=performed_by, why=why)
                with suppress(Conflict):
                    changing.withdraw(ports, request, datetime.now(UTC) if at is None else at)
                    swept += 1
    return swept


@in_our_words
def _shared_behind(database: Database, after: str, limit: int) -> tuple[ExamId, ...]:
    """Return the next exams with grants that have not ended, by id, from the id `after`."""
    grants, versions = database.tables.grants, database.tables.versions
    unended = (grants.c.exam == versions.c.exam) & grants.c.closed_version.is_(None)
    statement = (
        select(versions.c.exam)
        .where(versions.c.exam > after, exists().where(unended))
        .order_by(versions.c.exam)
        .limit(limit)
    )
    return tuple(ExamId(row.exam) for row in database.transactions.rows(statement))
