"""The sealer: it closes the records that are new into a seal.

A record's number is given before its transaction ends, so a record may be committed after one with
a higher number. A seal must not cover numbers that may still come.

**PostgreSQL.** An insert locks the table in the mode `ROW EXCLUSIVE` before it takes a number, and
holds this lock until its transaction has ended. So the sealer reads the highest number, then which
transactions hold such a lock on the table, and waits until these have ended. Every record up to
that number is then there, or never will be. No act waits for the sealer. This needs a sequence that
hands out its numbers one by one, as ours does.

**SQLite.** There is one writer at a time, and while the sealer writes, it is the sealer.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Engine, func, insert, literal_column, select, text
from sqlalchemy.engine import Connection

from exam_sharing.adapters.sqlalchemy.database import Database, own_database
from exam_sharing.adapters.sqlalchemy.engines import in_our_words, pause
from exam_sharing.adapters.sqlalchemy.logs import Log, logs_of
from exam_sharing.adapters.sqlalchemy.tables import Tables
from exam_sharing.errors import InvalidArgument, InvalidInput, StoreBusy, StoreFailed
from exam_sharing.seals import Seal, SealedLog, packed
from exam_sharing.validation import instant, require_kind

# The number of the lock under which one process seals at a time.
_SEALING: Final = 0x6578616D5F7365
# Seconds between two looks at what still runs.
_GLANCE: Final = 0.01
_MOST: Final = 10_000
_PATIENCE: Final = 10.0
_WRITERS: Final = text(
    "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND granted "
    "AND mode = 'RowExclusiveLock' AND relation = :table "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def seal(
    engine: Engine,
    *,
    tables: Tables | None = None,
    now: datetime | None = None,
    patience: float = _PATIENCE,
) -> Seal | None:
    """Close all new records into seals, and return the last seal, if there is any.

    Where nothing is new, nothing is written. One seal covers at most 10,000 records of a log. Any
    number of processes may seal. `now` is aware, and by default the machine's time. Acts do not
    wait; the sealer waits at most `patience` seconds for the transactions that were writing records
    when it began.

    Keep the seal, as `Seal.as_json()` returns it, where nobody who can write the database can
    write. Specification: `#nothing-was-edited`.

    Raises:
        StoreBusy: such a transaction has not ended; nothing more was sealed, try again.
        StoreFailed: the database does not answer, or its tables are missing, older or newer.
    """
    at = instant("now", datetime.now(UTC) if now is None else now)
    require_kind("patience", patience, int, float)
    if not patience >= 0:
        raise InvalidArgument("patience", "must be a number of seconds from 0")
    database = own_database(engine, tables)
    while _sealed_more(database, at, patience):
        pass
    with database.transactions.reading() as connection:
        return last_seal(connection, database.tables)


@in_our_words
def last_seal(connection: Connection, tables: Tables) -> Seal | None:
    """Return the last seal in the database, if any."""
    seals = tables.seals
    newest = select(seals.c.seal).order_by(seals.c.number.desc()).limit(1)
    kept: str | None = connection.scalar(newest)
    with suppress(InvalidInput):
        return None if kept is None else Seal.from_json(kept)
    raise StoreFailed("the last seal was edited; verify the records before you seal more")


@in_our_words
def _sealed_more(database: Database, at: datetime, patience: float) -> bool:
    """Write one seal, and return whether there may be more to seal."""
    transactions, tables = database.transactions, database.tables
    with transactions.writing() as connection:
        if transactions.postgresql:
            connection.execute(select(func.pg_advisory_xact_lock(_SEALING)))
        last, logs = last_seal(connection, tables), logs_of(tables)
        settled = [_settled(connection, log, patience) for log in logs]
        new = [
            _new(connection, log, last, through) for log, through in zip(logs, settled, strict=True)
        ]
        if not any(entries for _, entries in new):
            return False
        made = Seal.after(last, at, [sealed for sealed, _ in new])
        row = {
            "number": made.number,
            "seal": made.as_json(),
            "entries": b"".join(entries for _, entries in new),
        }
        connection.execute(insert(tables.seals), row)
        return any(
            sealed.through < through for (sealed, _), through in zip(new, settled, strict=True)
        )


def _settled(connection: Connection, log: Log, patience: float) -> int:
    """Return the highest number of a log, once no lower number can come any more."""
    number = log.table.c.number
    if connection.dialect.name != "postgresql":
        return connection.scalar(select(func.max(number))) or 0
    newest = select(number, literal_column("tableoid")).order_by(number.desc()).limit(1)
    row = connection.execute(newest).first()
    if row is None:
        return 0
    highest, table = row
    _wait_for_writers(connection, table, patience)
    return int(highest)


def _wait_for_writers(connection: Connection, table: int, patience: float) -> None:
    """Wait until the transactions that may have taken numbers of a table have ended."""
    deadline = time.monotonic() + patience

    def writing() -> set[str]:
        return set(connection.scalars(_WRITERS, {"table": table}))

    left = writing()
    while left:
        if time.monotonic() > deadline:
            raise StoreBusy(
                "a transaction that writes records has not ended, and nothing more was sealed; "
                "try again, or find it in pg_stat_activity"
            )
        pause(_GLANCE)
        left &= writing()


def _new(
    connection: Connection, log: Log, last: Seal | None, settled: int
) -> tuple[SealedLog, bytes]:
    """Return what the next seal holds of a log, and the packed entries."""
    table, before = log.table, 0 if last is None else last.through(log.name)
    rows: Sequence[Any] = connection.execute(
        select(table.c.number, table.c.leaf)
        .where(table.c.number > before, table.c.number <= settled)
        .order_by(table.c.number)
        .limit(_MOST)
    ).all()
    through = rows[-1].number if len(rows) == _MOST else max(settled, before)
    entries = packed(map(tuple, rows))
    return SealedLog.over(log.name, through, entries), entries
