"""Databases that fail, cannot be written, or are locked: an error of ours, and never a yes."""

import gc
import os
import signal
import sqlite3
import threading
import time
from contextlib import ExitStack

import pytest
import sqlalchemy
from failing import failing
from sqlalchemy.exc import OperationalError

import exam_sharing as es
from databases import created_database, engine_at
from exam_sharing.adapters import sqlalchemy as sql
from exam_sharing.cli.database import opened
from exam_sharing.errors import InvalidValue
from exam_sharing.testing.worlds import perform
from world import ANNA, BEN, CARLA, CT, DAN, NO_EXAM, NURSES, VIEW, World, codes, share_request


def plain(path):
    return sqlalchemy.create_engine(f"sqlite:///{path}")


def read_only(path):
    return sql.sqlite_engine(f"file:{path}?mode=ro", connect_args={"uri": True})


@pytest.mark.parametrize(
    ("engine_of", "error", "problem"),
    [
        (lambda path: sql.sqlite_engine(path.with_name("empty.db")), es.StoreFailed, "not there"),
        (lambda path: sql.sqlite_engine(path / "no folder.db"), es.StoreFailed, "unable|failed"),
        (plain, InvalidValue, "sqlite_engine"),
        (read_only, es.StoreFailed, "failed"),
        (lambda _: sql.sqlite_engine(":memory:"), InvalidValue, "must be for a file"),
    ],
    ids=["no tables", "no database", "a plain engine", "read-only", "in memory"],
)
def test_an_unusable_database_is_rejected_on_opening(tmp_path, engine_of, error, problem):
    sql.create_all(sql.sqlite_engine(tmp_path / "sharing.db"))
    with pytest.raises(error, match=problem):
        sql.open_sharing(engine_of(tmp_path / "sharing.db"))


DISK_FULL = OperationalError("a statement", {}, Exception("disk is full"))


def test_a_share_is_rolled_back_whichever_statement_fails(engine, tables, new_store):
    def share(world):
        sharing = sql.open_sharing(engine, tables=tables, **world.people)
        return sharing.share(
            share_request(ANNA, CT, BEN, message="Please look.", request_id="once")
        )

    healthy = World(store=new_store())
    with failing(engine, DISK_FULL, at=-1, apart=()) as statements:
        share(healthy)
    assert len(statements) > 5
    for number in range(len(statements)):
        world = World(store=new_store())
        before = world.state(), world.store.events()
        failure = failing(engine, DISK_FULL, at=number, apart=())
        with failure, pytest.raises(es.ExamSharingError) as caught:
            share(world)
        assert "Please look" not in str(caught.value)
        assert (world.state(), world.store.events()) == before
        assert [each.outcome for each in share(world).outcomes] == [es.Outcome.GRANTED]


def test_a_check_on_a_failing_database_is_an_error_and_never_a_yes(engine, new_store):
    world = World(store=new_store())
    world.sharing.share(share_request(ANNA, CT, BEN))
    with failing(engine, DISK_FULL, at=None), pytest.raises(es.StoreFailed):
        world.sharing.can(BEN, VIEW, CT)
    assert world.sharing.can(BEN, VIEW, CT)


def only_reading(engine):
    """Return an engine for the same database that lets nobody write, as a stand-by does."""
    if engine.dialect.name == "postgresql":
        options = {"options": "-c default_transaction_read_only=on"}
        return sqlalchemy.create_engine(engine.url, connect_args=options)
    reader = engine_at(engine.url)
    sqlalchemy.event.listen(
        reader, "connect", lambda driver, _: driver.execute("PRAGMA query_only = ON").close()
    )
    return reader


def test_a_read_only_database_answers_checks_and_rejects_shares(engine, tables, new_store):
    world = World(store=new_store())
    world.sharing.share(share_request(ANNA, CT, BEN))
    before = world.store.events()
    reader = only_reading(engine)
    sharing = sql.open_sharing(reader, tables=tables, **world.people)
    assert sharing.can(BEN, VIEW, CT)
    assert not sharing.can(CARLA, VIEW, CT)
    with pytest.raises(es.StoreFailed):
        sharing.share(share_request(ANNA, CT, CARLA))
    with pytest.raises(es.Refused):
        sharing.share(share_request(CARLA, CT, BEN))
    assert not sharing.can(CARLA, VIEW, CT)
    assert world.store.events() == before
    reader.dispose()


def test_a_share_that_does_not_fit_the_file_is_rolled_back(tmp_path):
    engine = sql.sqlite_engine(tmp_path / "sharing.db")
    sql.create_all(engine)
    world = World(store=sql.SqlStore.over(engine))
    engine.dispose()
    sqlalchemy.event.listen(
        engine, "connect", lambda driver, _: driver.execute("PRAGMA max_page_count = 1").close()
    )
    long = share_request(ANNA, CT, BEN, message="Please look. " * 150)
    kept = [(world.state(), ())]

    def fill():
        for _ in range(1_000):
            world.sharing.share(long)
            kept.append((world.state(), world.store.events()))

    with pytest.raises(es.StoreFailed, match="SQLITE_FULL"):
        fill()
    assert (world.state(), world.store.events()) == kept[-1]
    assert world.can_view(BEN, CT) is (len(kept) > 1)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_database_without_a_text_encoding_is_rejected_with_the_remedy(postgresql_server):
    with created_database(postgresql_server, "SQL_ASCII") as url:
        engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
        tables = sql.define_tables(sqlalchemy.MetaData())
        for attempt in (
            lambda: sql.create_all(engine),
            lambda: sql.open_sharing(engine),
            lambda: sql.SqlStore.over(engine),
            lambda: sql.SqlDirectory(engine, tables.directory),
            lambda: sql.sweep_expired(engine),
        ):
            with pytest.raises(es.StoreFailed, match="with the encoding UTF8"):
                attempt()
        # SQLAlchemy leaves a connection open whose first questions failed; its end belongs here.
        gc.collect()


@pytest.fixture
def shared_world(pg_world):
    pg_world.share(ANNA, CT, BEN)
    return pg_world


@pytest.fixture
def standby(postgresql):
    reader = only_reading(postgresql)
    yield reader
    reader.dispose()


REFUSED = {
    "a share by a stranger": share_request(DAN, CT, BEN, message="dear Miller"),
    "a share of nothing": share_request(ANNA, NO_EXAM, BEN, scope=es.Scope.BATCH),
    "an unshare by a stranger": es.UnshareRequest(actor=DAN, exam=CT, recipient=BEN),
    "an unshare of nothing": es.UnshareRequest(
        actor=ANNA, exam=CT, recipient=DAN, reshares=es.Reshares.CASCADE
    ),
}


def logged(caplog):
    lines = [line for line in caplog.records if line.name == "exam_sharing"]
    assert all(line.exc_info is None for line in lines)
    caplog.clear()
    return [line.getMessage() for line in lines]


NOT_RECORDED = "a refusal could not be recorded: StoreFailed"


@pytest.mark.parametrize("inside", [False, True])
def test_a_refusal_that_cannot_be_recorded_is_raised_and_logged(
    standby, pg_tables, shared_world, caplog, inside
):
    # Inside, an act of somebody who sees the exam locks it, which a stand-by does not let anybody.
    asked = [each for name, each in REFUSED.items() if "stranger" in name or not inside]
    expected = [shared_world.reasons(each) for each in asked]
    recorded = len(shared_world.store.events())
    people = {"tables": pg_tables, "directory": shared_world.directory}
    with standby.connect() as connection, connection.begin():
        if inside:
            sharing = sql.joined(connection, **people)
        else:
            sharing = sql.open_sharing(standby, **people)
        for each, reasons in zip(asked, expected, strict=True):
            with pytest.raises(es.Refused) as refused:
                perform(sharing, each)
            assert codes(refused.value.reasons) == codes(reasons)
            assert logged(caplog) == [NOT_RECORDED]
    assert len(shared_world.store.events()) == recorded


def test_the_host_is_refused_too(standby, pg_tables, shared_world, caplog):
    sharing = sql.open_sharing(standby, tables=pg_tables, directory=shared_world.directory)
    by = {"performed_by": "ops", "why": "gone"}
    with pytest.raises(es.Refused) as refused:
        sharing.admin.withdraw(NO_EXAM, **by)
    assert codes(refused.value.reasons) == [es.ReasonCode.EXAM_NOT_FOUND]
    with pytest.raises(es.Refused):
        sharing.admin.end_by_host(recipient=BEN, exam=NO_EXAM, **by)
    assert logged(caplog) == [NOT_RECORDED] * 2


def test_a_permitted_act_that_cannot_be_written_fails(standby, pg_tables, shared_world):
    sharing = sql.open_sharing(standby, tables=pg_tables, directory=shared_world.directory)
    with pytest.raises(es.StoreFailed):
        sharing.share(share_request(ANNA, CT, DAN))
    assert sharing.can(BEN, VIEW, CT)
    assert not sharing.can(DAN, VIEW, CT)


LONG, SHORT = 20, 0.2
"""Seconds that a call may wait: more than any test takes, and as few as a test likes to wait."""


@pytest.fixture
def path(tmp_path):
    """A file with a world in which Ben may view an exam."""
    engine = sql.sqlite_engine(tmp_path / "sharing.db")
    world = World(store=sql.SqlStore.over(engine, tables=sql.create_all(engine)))
    world.share(ANNA, CT, BEN)
    engine.dispose()
    return tmp_path / "sharing.db"


@pytest.fixture
def locked(path):
    """Another connection that writes for as long as a test takes, or until it is rolled back."""
    holder = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    yield holder
    holder.close()


@pytest.fixture
def engine_waiting(path):
    """Return an engine for the file that waits for some seconds."""
    with ExitStack() as disposing:

        def new(seconds):
            engine = sql.sqlite_engine(path, connect_args={"timeout": seconds})
            disposing.callback(engine.dispose)
            return engine

        yield new


def sharing_over(engine):
    world = World()
    return sql.open_sharing(engine, **world.people)


def test_readers_do_not_wait_for_a_writer(path, locked, engine_waiting):
    began = time.monotonic()
    engine = engine_waiting(LONG)
    sharing = sharing_over(engine)
    assert sharing.can(BEN, VIEW, CT)
    assert not sharing.can(CARLA, VIEW, CT)
    assert sharing.visible_to(BEN).items
    assert sql.SqlDirectory(engine, sql.create_all(engine).directory).user(BEN) is None
    with opened(str(path)) as portal:
        assert portal.sharing.can(ANNA, VIEW, CT) is False  # Nobody is in its own directory.
    assert time.monotonic() - began < LONG / 2


WRITING = {
    "share": lambda engine: sharing_over(engine).share(share_request(ANNA, CT, CARLA)),
    "deliver": lambda engine: sql.SqlStore.over(engine).outbox.requeue(None),
    "add": lambda engine: sql.SqlDirectory(engine, sql.create_all(engine).directory).add(
        es.User(id=BEN, name="Ben")
    ),
    "sweep": sql.sweep_expired,
}


@pytest.mark.parametrize("write", WRITING.values(), ids=WRITING)
def test_a_writer_waits_once_and_reports_the_lock(locked, engine_waiting, write):
    engine = engine_waiting(SHORT)
    began = time.monotonic()
    with pytest.raises(es.StoreBusy, match="locked"):
        write(engine)
    assert SHORT <= time.monotonic() - began < 20 * SHORT
    locked.execute("ROLLBACK")
    write(engine)


def test_a_writer_goes_on_once_the_lock_is_released(locked, engine_waiting):
    sharing = sharing_over(engine_waiting(LONG))
    threading.Timer(SHORT, locked.rollback).start()
    began = time.monotonic()
    sharing.share(share_request(ANNA, CT, CARLA))
    assert time.monotonic() - began < LONG / 2
    assert sharing.can(CARLA, VIEW, CT)


def test_an_interrupt_ends_the_wait_and_writes_nothing(locked, engine_waiting):
    sharing = sharing_over(engine_waiting(LONG))
    threading.Timer(SHORT, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        sharing.share(share_request(ANNA, CT, CARLA))
    assert time.monotonic() - began < LONG / 2
    locked.execute("ROLLBACK")
    assert not sharing.can(CARLA, VIEW, CT)
    sharing.share(share_request(ANNA, CT, CARLA))


def test_a_locked_file_is_reported_inside_the_hosts_transaction_too(path, locked):
    engine = sqlalchemy.create_engine(f"sqlite:///{path}", connect_args={"timeout": 0})
    sqlalchemy.event.listen(engine, "begin", lambda each: each.exec_driver_sql("BEGIN"))
    with engine.connect() as connection, connection.begin():
        world = World()
        inside = sql.joined(connection, **world.people)
        with pytest.raises(es.StoreBusy):
            inside.share(share_request(ANNA, CT, CARLA))
    engine.dispose()


def test_without_a_write_ahead_log_a_commit_waits_for_readers(tmp_path):
    path = tmp_path / "own.db"
    engine = sqlalchemy.create_engine(f"sqlite:///{path}", connect_args={"timeout": SHORT})
    sql.set_up_sqlite(engine)
    world = World(store=sql.SqlStore.over(engine, tables=sql.create_all(engine)))
    reader = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM exam_sharing_exams").fetchone()
    with pytest.raises(es.StoreBusy):
        world.share(ANNA, CT, BEN)
    assert not world.can_view(BEN, CT)
    threading.Timer(SHORT / 2, lambda: reader.execute("COMMIT")).start()
    world.share(ANNA, CT, BEN)
    assert world.can_view(BEN, CT)
    reader.close()
    engine.dispose()


def test_a_lock_timeout_of_postgresql_is_reported_as_busy(postgresql):
    tables = sql.create_all(postgresql).directory
    hurried = sqlalchemy.create_engine(
        postgresql.url, connect_args={"options": "-c lock_timeout=100ms"}
    )
    people = sql.SqlDirectory(hurried, tables)
    with postgresql.begin() as connection:
        connection.exec_driver_sql(f"LOCK TABLE {tables.memberships.name}")
        with pytest.raises(es.StoreBusy):
            people.add(es.Group(id=NURSES, name="Nurses", members={BEN}))
    people.add(es.Group(id=NURSES, name="Nurses", members={BEN}))
    hurried.dispose()
