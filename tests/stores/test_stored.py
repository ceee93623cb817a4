"""What is stored is pinned: rows that were written once stay readable in every later version.

The golden file holds every row of a small world in SQLite. If a change of what is written is meant,
run `PYTHONPATH=src:tests python tests/stores/test_stored.py`, and add to the reader what
old rows need.
"""

import json
from pathlib import Path

import pytest

import exam_sharing as es
from exam_sharing.accesses import AccessQuery
from exam_sharing.adapters.sqlalchemy import (
    SqlDirectory,
    SqlStore,
    create_all,
    documents,
    logs,
    verify,
)
from exam_sharing.adapters.sqlalchemy import sqlite_engine as new_engine
from exam_sharing.adapters.sqlalchemy.recording_people import begin_history
from exam_sharing.events import GrantsEnded
from exam_sharing.history import NameReplaced, PrincipalRemoved, Stretch
from exam_sharing.memory import MemoryStore
from exam_sharing.policy.past import Moment
from exam_sharing.policy.retries import GivenUp, TryAgain
from exam_sharing.seals import SALT
from exam_sharing.testing.worlds import ANNA, BEN, CARLA, CLINIC, CT, DAN, EVA, MR, NURSES, XRAY
from where_kept import stored_rows
from world import DAY, NO_EXAM, START, FailingNotifier, World

GOLDEN = Path(__file__).parent / "stored.json"
BYTES = "base16:"
REPLACED = NameReplaced(
    at=START, principal=EVA, name="closed account 17", performed_by="helpdesk", why="request 17"
)


def lived_in(store):
    """Return a world over a store in which everything has happened that is written down."""
    world = World(store=store, notifier=FailingNotifier(), reshares=es.Reshares.KEEP)
    world.upload(es.BatchId("late"), BEN, es.ExamId("late"), subject=None, sealed=True)
    world.share(
        *(ANNA, CT, BEN, CLINIC),
        permission=es.Permission.DOWNLOAD,
        scope=es.Scope.BATCH,
        until=START + 9 * DAY,
        message="Grüße",
        performed_by="clerk",
        expect=frozenset({CT, MR, XRAY}),
        request_id="share",
    )
    world.share(BEN, CT, DAN)
    world.share(ANNA, XRAY, EVA)
    world.narrow(ANNA, CT, BEN, permission=es.Permission.VIEW, request_id="narrow")
    world.unshare(ANNA, MR, BEN, reshares=es.Reshares.CASCADE, request_id="unshare")
    world.sharing.revoke(es.RevokeRequest(actor=ANNA, grant=world.grant_to(CLINIC, MR).id))
    for refused in (
        lambda: world.share(DAN, NO_EXAM, BEN),
        lambda: world.share(
            BEN, CT, EVA, permission=es.Permission.DOWNLOAD, until=START + 99 * DAY
        ),
        lambda: world.unshare(ANNA, CT, EVA, request_id="refused"),
        lambda: world.unshare(ANNA, CT, BEN, reshares=es.Reshares.RESTRICT),
    ):
        with pytest.raises(es.Refused):
            refused()
    admin = world.sharing.admin
    admin.end_by_host(recipient=NURSES, performed_by="ops", why="moved")
    admin.end_by_host(recipient=EVA, exam=XRAY, performed_by="ops", why="left")
    world.transfer(CT, CARLA)
    admin.withdraw(XRAY, performed_by="ops", why="wrong patient")
    for user, exam in ((DAN, CT), (EVA, MR)):
        world.sharing.record_access(user, exam, es.Permission.VIEW, "TREATMENT", "viewer")
        world.wait(DAY)
    admin.purge_accesses(before=START + DAY, performed_by="ops", why="retention")
    world.wait(-2 * DAY)
    outbox = world.store.outbox
    failed, given_up, *_ = outbox.claim(START, START + DAY, 9, None)
    outbox.settle(failed, TryAgain(at=START + DAY, problem="OSError"))
    outbox.settle(given_up, GivenUp(at=START, problem="NO_ADDRESS"))
    return world


def fill(path):
    """Write the world and its directory into a file, and return the rows."""
    with pytest.MonkeyPatch.context() as patch:
        # Salts are random, and with them the leaves.
        patch.setattr(logs, "new_salt", lambda: bytes(SALT))
        return filled(path)


def filled(path):
    engine = new_engine(path)
    tables = create_all(engine)
    world = lived_in(SqlStore.over(engine, tables=tables))
    people = SqlDirectory(engine, tables.directory, clock=world.clock)
    for known in world.directory.known():
        people.add(*([known.user] if hasattr(known, "user") else [known]))
    people.remove(EVA)
    people.replace_name(REPLACED)
    with engine.begin() as connection:
        begin_history(connection, tables.directory, START)
        # The tokens of claims are random.
        connection.execute(tables.notices.update().values(claimed_by=None))
    rows = {
        name: sorted(([*map(in_json, row)] for row in rows), key=repr)
        for name, rows in stored_rows(world.store).items()
    }
    engine.dispose()
    return rows


def in_json(value):
    return f"{BYTES}{value.hex()}" if isinstance(value, bytes) else value


def from_json(value):
    if isinstance(value, str) and value.startswith(BYTES):
        return bytes.fromhex(value.removeprefix(BYTES))
    return value


def test_what_is_written_has_not_changed(tmp_path):
    assert fill(tmp_path / "sharing.db") == json.loads(GOLDEN.read_text())


def test_rows_of_the_golden_file_are_read_as_they_were_written(tmp_path):
    engine = new_engine(tmp_path / "sharing.db")
    tables = create_all(engine)
    golden = json.loads(GOLDEN.read_text())
    with engine.begin() as connection:
        for table in tables.all():
            marks = ", ".join("?" * len(table.c))
            connection.execute(table.delete())
            for row in golden[table.name]:
                connection.exec_driver_sql(
                    f"INSERT INTO {table.fullname} VALUES ({marks})",  # noqa: S608
                    tuple(map(from_json, row)),
                )
    read, lived = SqlStore.over(engine, tables=tables), lived_in(MemoryStore())
    assert read.events() == lived.store.events()
    assert verify(engine, tables=tables).whole
    assert read.read((CT, MR, XRAY), ended=True).keys() == {CT, MR, XRAY}
    for exam, sharing in lived.store.read((CT, MR, XRAY), ended=True).items():
        kept = read.read((exam,), ended=True)[exam]
        assert (kept.version, kept.withdrawn) == (sharing.version, sharing.withdrawn)
        assert set(kept.grants) == set(sharing.grants)
        assert set(kept.ended) == set(sharing.ended)
    for request_id in ("share", "narrow", "unshare"):
        assert read.receipt(ANNA, request_id) == lived.store.receipt(ANNA, request_id) is not None
    assert read.outbox.waiting() == lived.store.outbox.waiting() != ()
    assert set(read.find((CT, es.ExamId("late")))) == set(lived.store.find((CT, es.ExamId("late"))))
    asked = AccessQuery(exams=frozenset({CT, MR}), limit=9)
    assert read.accesses.find(asked) == lived.store.accesses.find(asked) != ()
    people = SqlDirectory(engine, tables.directory)
    assert people.principals_of(DAN) == {each.key for each in (DAN, NURSES, CLINIC)}
    assert people.members_then((NURSES,), Moment(at=START)).active == {DAN}
    replaced, removed, *_ = people.changes(None, EVA, Stretch(limit=9))
    assert replaced.what == REPLACED
    assert removed.what == PrincipalRemoved(at=START, principal=EVA)
    assert [type(each.what) for each in read.happened(XRAY, ANNA, Stretch(limit=2))] == [
        GrantsEnded,
        GrantsEnded,
    ]
    engine.dispose()


def test_every_kind_of_document_is_pinned():
    golden = json.loads(GOLDEN.read_text())
    tables = "events", "receipts", "changes"
    texts = [str(row[3]) for table in tables for row in golden[f"exam_sharing_{table}"]]
    unused = {kind for kind in documents._BY_KEY if not any(f'{{"{kind}":' in t for t in texts)}
    assert unused == set()


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        written = fill(Path(folder) / "sharing.db")
    lines = [
        f'"{name}": [' + ",".join(f"\n{json.dumps(row)}" for row in rows) + "]"
        for name, rows in written.items()
    ]
    GOLDEN.write_text("{" + ",\n".join(lines) + "}\n")
