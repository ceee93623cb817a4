"""The laws of `sqlite3_store`: how to open the store, and what it can do beyond its ports.

Run `exam-sharing check-store sqlite3_checks:LAWS` in the folder of both files.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs

from exam_sharing import ExamId, ShareId, UserId
from exam_sharing.events import Event, ExamTransferred
from exam_sharing.policy.plans import Share
from exam_sharing.testing.laws import store_laws
from sqlite3_store import SqliteStore


@contextmanager
def open_store() -> Iterator[SqliteStore]:
    """Open an empty store in a temporary file."""
    with TemporaryDirectory() as folder:
        yield SqliteStore(f"{folder}/sharing.db")


def transfer(store: SqliteStore, exam: ExamId, owner: UserId, at: datetime) -> None:
    """Give an exam to another owner, which counts as a version."""
    with store._transaction("IMMEDIATE") as run:
        ((before,),) = run("SELECT whole FROM exams WHERE id = :id", id=exam).fetchall()
        run(
            "UPDATE exams SET owner = :owner, whole = :whole WHERE id = :id",
            id=exam,
            owner=owner,
            whole=attrs.evolve(before, owner=owner),
        )
        ((version,),) = run(
            "INSERT INTO versions VALUES (:exam, 1, FALSE)"
            " ON CONFLICT DO UPDATE SET version = version + 1 RETURNING version",
            exam=exam,
        ).fetchall()
        event = ExamTransferred(
            at=at, exam=exam, before=before.owner, after=owner, versions={exam: version}
        )
        run("INSERT INTO events (whole) VALUES (:event)", event=event)


def events(store: SqliteStore) -> list[Event]:
    """Return the audit trail."""
    return [event for (event,) in store._ask("SELECT whole FROM events ORDER BY id")]


def share_record(store: SqliteStore, share: ShareId) -> Share | None:
    """Return the record of a share, with its attestation."""
    rows = store._ask("SELECT whole FROM shares WHERE id = :id", id=share)
    return rows[0][0] if rows else None


def keeps_text(store: SqliteStore, text: str) -> bool:
    """Return whether the text is anywhere in the file or in the files beside it."""
    folder = Path(store._path).parent
    return any(text.encode() in each.read_bytes() for each in folder.iterdir())


@contextmanager
def fail_at(store: SqliteStore, step: int) -> Iterator[None]:
    """Make the statement of that number fail."""
    transaction, asked = store._transaction, 0

    @contextmanager
    def failing(kind: str) -> Iterator[Callable[..., Any]]:
        with transaction(kind) as run:

            def counted(statement: str, **values: object) -> sqlite3.Cursor:
                nonlocal asked
                asked += 1
                if asked == step:
                    raise sqlite3.OperationalError
                return run(statement, **values)

            yield counted

    store._transaction = failing
    try:
        yield
    finally:
        del store._transaction


LAWS = store_laws(
    open_store,
    transfer=transfer,
    events=events,
    share_record=share_record,
    fail_at=fail_at,
    keeps_text=keeps_text,
)
