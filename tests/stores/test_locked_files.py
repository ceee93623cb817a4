"""A database that another process keeps locked: readers wait for nobody, writers once."""

import os
import signal
import sqlite3
import threading
import time

import pytest
import sqlalchemy

from exam_sharing import Group, StoreBusy, User
from exam_sharing.adapters.sqlalchemy import (
    SqlDirectory,
    SqlStore,
    create_all,
    joined,
    open_sharing,
    set_up_sqlite,
    sqlite_engine,
    sweep_expired,
)
from exam_sharing.cli.database import opened
from world import ANNA, BEN, CARLA, CT, NURSES, VIEW, World, share_request

LONG, SHORT = 20, 0.2
"""Seconds that a call may wait: more than any test takes, and as few as a test likes to wait."""


@pytest.fixture
def path(tmp_path):
    """A file with a world in which Ben may view an exam."""
    engine = sqlite_engine(tmp_path / "sharing.db")
    world = World(store=SqlStore.over(engine, tables=create_all(engine)))
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
    engines = []

    def new(seconds):
        engine = sqlite_engine(path, connect_args={"timeout": seconds})
        engines.append(engine)
        return engine

    yield new
    for engine in engines:
        engine.dispose()


def sharing_over(engine):
    world = World()
    return open_sharing(engine, directory=world.directory, clock=world.clock)


def test_who_opens_and_reads_waits_for_nobody(path, locked, engine_waiting):
    began = time.monotonic()
    engine = engine_waiting(LONG)
    sharing = sharing_over(engine)
    assert sharing.can(BEN, VIEW, CT)
    assert not sharing.can(CARLA, VIEW, CT)
    assert sharing.visible_to(BEN).items
    assert SqlDirectory(engine, create_all(engine).directory).user(BEN) is None
    with opened(str(path)) as portal:
        assert portal.sharing.can(ANNA, VIEW, CT) is False  # Nobody is in its own directory.
    assert time.monotonic() - began < LONG / 2


WRITING = {
    "share": lambda engine: sharing_over(engine).share(share_request(ANNA, CT, CARLA)),
    "deliver": lambda engine: SqlStore.over(engine).outbox.requeue(None),
    "add": lambda engine: SqlDirectory(engine, create_all(engine).directory).add(
        User(id=BEN, name="Ben")
    ),
    "sweep": sweep_expired,
}


@pytest.mark.parametrize("write", WRITING.values(), ids=WRITING)
def test_who_writes_waits_once_and_is_told_that_the_file_is_locked(locked, engine_waiting, write):
    engine = engine_waiting(SHORT)
    began = time.monotonic()
    with pytest.raises(StoreBusy, match="locked"):
        write(engine)
    assert SHORT <= time.monotonic() - began < 20 * SHORT
    locked.execute("ROLLBACK")
    write(engine)


def test_who_writes_goes_on_as_soon_as_the_lock_is_gone(locked, engine_waiting):
    sharing = sharing_over(engine_waiting(LONG))
    threading.Timer(SHORT, locked.rollback).start()
    began = time.monotonic()
    sharing.share(share_request(ANNA, CT, CARLA))
    assert time.monotonic() - began < LONG / 2
    assert sharing.can(CARLA, VIEW, CT)


def test_an_interrupt_ends_the_wait_at_once_and_nothing_is_done(locked, engine_waiting):
    sharing = sharing_over(engine_waiting(LONG))
    threading.Timer(SHORT, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        sharing.share(share_request(ANNA, CT, CARLA))
    assert time.monotonic() - began < LONG / 2
    locked.execute("ROLLBACK")
    assert not sharing.can(CARLA, VIEW, CT)
    sharing.share(share_request(ANNA, CT, CARLA))


def test_inside_of_the_hosts_transaction_a_locked_file_is_told_as_well(path, locked):
    engine = sqlalchemy.create_engine(f"sqlite:///{path}", connect_args={"timeout": 0})
    sqlalchemy.event.listen(engine, "begin", lambda each: each.exec_driver_sql("BEGIN"))
    with engine.connect() as connection, connection.begin():
        world = World()
        inside = joined(connection, directory=world.directory, clock=world.clock)
        with pytest.raises(StoreBusy):
            inside.share(share_request(ANNA, CT, CARLA))
    engine.dispose()


def test_without_a_log_a_commit_waits_for_those_who_read(tmp_path):
    path = tmp_path / "own.db"
    engine = sqlalchemy.create_engine(f"sqlite:///{path}", connect_args={"timeout": SHORT})
    set_up_sqlite(engine)
    world = World(store=SqlStore.over(engine, tables=create_all(engine)))
    reader = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM exam_sharing_exams").fetchone()
    with pytest.raises(StoreBusy):
        world.share(ANNA, CT, BEN)
    assert not world.can_view(BEN, CT)
    threading.Timer(SHORT / 2, lambda: reader.execute("COMMIT")).start()
    world.share(ANNA, CT, BEN)
    assert world.can_view(BEN, CT)
    reader.close()
    engine.dispose()


def test_postgresql_with_a_limit_for_locks_is_told_as_busy(postgresql):
    tables = create_all(postgresql).directory
    hurried = sqlalchemy.create_engine(
        postgresql.url, connect_args={"options": "-c lock_timeout=100ms"}
    )
    people = SqlDirectory(hurried, tables)
    with postgresql.begin() as connection:
        connection.exec_driver_sql(f"LOCK TABLE {tables.memberships.name}")
        with pytest.raises(StoreBusy):
            people.add(Group(id=NURSES, name="Nurses", members={BEN}))
    people.add(Group(id=NURSES, name="Nurses", members={BEN}))
    hurried.dispose()
