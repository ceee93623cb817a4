"""Sweeps: what expired long ago is recorded as ended, in small steps.

The indexes of standing grants cannot name the time, so grants that have merely expired stay in them
and make pages read more than they show. A sweep takes them out.

INVARIANT: a sweep changes no answer. It is no act: it moves no version, writes no event, waits for
nobody, and what it records is what `until` already said.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Engine, MetaData, select, update

from exam_sharing.adapters.sqlalchemy.database import require_dialect
from exam_sharing.adapters.sqlalchemy.failures import in_our_words
from exam_sharing.adapters.sqlalchemy.lists import one_of
from exam_sharing.adapters.sqlalchemy.sqlite_engines import check_transactions
from exam_sharing.adapters.sqlalchemy.tables import Tables, check_schema, define_tables
from exam_sharing.errors import InvalidValue
from exam_sharing.grants import EndedAs, HowEnded
from exam_sharing.validation import instant

__all__ = ["sweep_expired"]

_MARGIN: Final = timedelta(days=1)


def sweep_expired(
    engine: Engine,
    *,
    tables: Tables | None = None,
    now: datetime | None = None,
    margin: timedelta = _MARGIN,
    limit: int = 1000,
) -> int:
    """Record as ended what expired longer ago than a margin; return how many grants that were.

    One call is one short transaction. Call it until it returns 0; several processes may do so at
    once. No act is disturbed and no answer changes.

    Args:
        engine: of the database.
        tables: by default those of `define_tables`.
        now: aware; by default the machine's time.
        margin: more than the clocks of all machines may differ by: to one that is slower by more
            than that, a grant would seem to have ended before its time.
        limit: how many grants at most, those first that expired first.

    Raises:
        InvalidValue: the margin is negative, the limit not positive, or the engine unusable.
        StoreFailed: the database does not answer, or its tables are missing, older or newer.
    """
    if margin < timedelta(0):
        raise InvalidValue("margin", "must not be negative")
    if limit < 1:
        raise InvalidValue("limit", "must be at least 1")
    before = instant("now", datetime.now(UTC) if now is None else now) - margin
    known = define_tables(MetaData()) if tables is None else tables
    require_dialect(engine)
    if engine.dialect.name == "sqlite":
        check_transactions(engine)
    check_schema(engine, known)
    return _swept(engine, known, before, limit)


@in_our_words
def _swept(engine: Engine, tables: Tables, before: datetime, limit: int) -> int:
    postgresql = engine.dialect.name == "postgresql"
    grants, versions = tables.grants, tables.versions
    expired = (
        select(grants.c.id)
        .where(grants.c.closed_version.is_(None), grants.c.until <= before)
        .order_by(grants.c.until)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    # That of the next act on the exam, which is the first that will not find them.
    next_version = select(versions.c.version + 1).where(versions.c.exam == grants.c.exam)
    end = (
        update(grants)
        .where(one_of(grants.c.id, "ids", postgresql=postgresql))
        .values(
            closed_version=next_version.scalar_subquery(),
            ended_how=HowEnded.EXPIRED.value,
            ended_as=EndedAs.HOST.value,
            ended_at=grants.c.until,
            replaced_by="[]",
        )
    )
    with engine.connect() as connection:
        if postgresql:
            # Serializable, as hosts may run everything, it would make acts lose races to it.
            connection.execution_options(isolation_level="READ COMMITTED")
        with connection.begin():
            ids = connection.scalars(expired).all()
            if ids:
                connection.execute(end, {"ids": ids})
    return len(ids)
