"""Sharing over an `AsyncEngine`, by psycopg and by asyncpg.

`EXAM_SHARING_ALL_LAWS=1 python -m pytest tests/stores/test_async_engines.py` checks every law of
stores over both drivers; other runs check those that depend on the driver or on races.
"""

import asyncio
import os
import threading
import time
from contextlib import contextmanager

import pytest
import sqlalchemy

import exam_sharing as es
from exam_sharing.adapters.sqlalchemy import SqlStore, create_all
from exam_sharing.memory import MemoryDirectory, MemoryStore
from exam_sharing.testing.laws import races, store_laws
from loops import InGreenlets, Loop
from where_kept import delete_rows
from world import ANNA, BEN, CARLA, CD, CT, MR, START

pytest.importorskip("greenlet", reason="no greenlet: install sqlalchemy[asyncio]")

from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.util import await_only, greenlet_spawn

from exam_sharing.adapters.sqlalchemy.asynchronous import (
    open_async_sharing,
    run_sync,
)

DRIVERS = ("psycopg", "asyncpg")
HELD = 1.0
"""Seconds for which a test holds a lock."""


@pytest.fixture(scope="module")
def loop():
    running = Loop()
    yield running
    running.close()


@pytest.fixture(scope="module", params=DRIVERS)
def engine(request, loop, postgresql_url):
    pytest.importorskip(request.param, reason=f"no {request.param}")
    url = sqlalchemy.make_url(postgresql_url).set(drivername=f"postgresql+{request.param}")
    engine = create_async_engine(url)
    yield engine
    loop.run(engine.dispose())


@pytest.fixture(scope="module")
def tables(postgresql):
    return create_all(postgresql)


@pytest.fixture
def open_store(engine, loop, tables, postgresql):
    def empty():
        delete_rows(postgresql, tables)
        store = loop.run(run_sync(engine, SqlStore.over, tables=tables))
        return InGreenlets(loop, greenlet_spawn, store)

    return empty


def laws_of(open_store):
    laws = store_laws(
        open_store,
        transfer=lambda store, exam, owner, at: store.transfer(exam, owner, at=at),
        events=lambda store: store.events(),
        share_record=lambda store, share: store.share_record(share),
        examples=4,
    )
    return {law.name: law for law in laws}


ALL_LAWS = laws_of(MemoryStore)
LONG = {"many-exams-are-read-at-one-moment", "acts-in-opposite-orders-do-not-deadlock"}
OF_THE_DRIVER = {
    "a-page-can-begin-behind-an-exam-that-is-gone",
    "endings-are-read-back-unchanged",
    "lists-are-newest-first-at-every-page-size",
    "receipts-are-read-back-unchanged",
    "upload-times-keep-their-microseconds",
}
OF_RACES = {check.__name__.replace("_", "-") for check, _ in races.law._checks}
CHECKED = {
    "psycopg": ALL_LAWS.keys() & OF_THE_DRIVER,
    "asyncpg": ALL_LAWS.keys() & (OF_THE_DRIVER | OF_RACES) - LONG,
}
if os.environ.get("EXAM_SHARING_ALL_LAWS"):
    CHECKED = dict.fromkeys(DRIVERS, ALL_LAWS)


@pytest.mark.parametrize(
    ("engine", "name"),
    [(driver, name) for driver in DRIVERS for name in sorted(CHECKED[driver])],
    indirect=["engine"],
)
def test_a_store_in_greenlets_keeps_the_laws(name, open_store):
    laws_of(open_store)[name].check()


def people():
    directory = MemoryDirectory()
    for user in (ANNA, BEN, CARLA):
        directory.add(es.User(id=user, name=str(user), email=f"{user}@example.org"))
    return directory


def share(exam=CT, to=BEN, **more):
    return es.ShareRequest(actor=ANNA, exam=exam, recipients=(to,), attested=True, **more)


@pytest.fixture
def opened(loop, engine, tables, postgresql):
    """Return an `AsyncSharing` with the CD of Anna, and more of its arguments."""

    def over(**more):
        delete_rows(postgresql, tables)
        ports = {"directory": people(), "clock": lambda: START, "tables": tables} | more
        sharing = loop.run(open_async_sharing(engine, **ports))
        batch = es.UploadBatch(id=CD, uploader=ANNA, received_at=START)
        exams = [es.Exam(id=each, owner=ANNA, batch=CD, uploaded_at=START) for each in (CT, MR)]
        loop.run(sharing.add_upload(batch, exams))
        return sharing

    return over


@contextmanager
def version_locked(postgresql, tables, exam):
    versions = tables.versions
    with postgresql.begin() as connection:
        locked = sqlalchemy.select(versions).where(versions.c.exam == exam.value)
        connection.execute(locked.with_for_update()).one()
        yield


async def beside(act):
    """Await something, and return its answer and the longest time that the loop stood still."""
    longest, done = 0.0, asyncio.ensure_future(act)
    while not done.done():
        before = time.monotonic()
        await asyncio.sleep(0.001)
        longest = max(longest, time.monotonic() - before - 0.001)
    return done.result(), longest


def require_moving(loop, waiting, *, attempts=3):
    """Fail if the loop stands still for as long as a lock is held, rather than for moments.

    A busy machine delays every loop, so the bound depends on a loop that only sleeps.
    """
    for left in reversed(range(attempts)):
        _, usual = loop.run(beside(asyncio.sleep(HELD / 4)))
        longest = waiting()
        if longest < min(HELD / 2, max(0.05, 5 * usual)):
            return
        assert left, f"the loop stood still for {longest:.3f} s, a sleeping one for {usual:.3f} s"


def test_the_loop_goes_on_while_acts_wait_for_a_locked_row(loop, opened, postgresql, tables):
    sharing = opened()

    def while_locked():
        with version_locked(postgresql, tables, CT):
            timer = threading.Timer(HELD, released.set)
            timer.start()
            acting = asyncio.run_coroutine_threadsafe(beside(acts()), loop.loop)
            assert released.wait(30)
            assert not acting.done()
        shared, longest = acting.result(30)
        assert {each.outcomes[0].recipient for each in shared} == {BEN, CARLA}
        return longest

    async def acts():
        return await asyncio.gather(*(sharing.share(share(to=to)) for to in (BEN, CARLA) * 3))

    released = threading.Event()
    require_moving(loop, while_locked)


def test_the_loop_goes_on_while_acts_wait_for_their_turn_and_step_aside(loop, opened, engine):
    opened()
    turns = []

    def in_turn(store):
        with store.locked((CT,)):
            turns.append("begins")
            await_only(asyncio.sleep(HELD / 8))
            turns.append("ends")

    async def acts(store):
        turn = (greenlet_spawn(in_turn, store) for _ in range(4))
        aside = (greenlet_spawn(store.step_aside, 9) for _ in range(4))
        return await asyncio.gather(*turn, *aside)

    store = loop.run(run_sync(engine, SqlStore.over))
    require_moving(loop, lambda: loop.run(beside(acts(store)))[1])
    assert turns == ["begins", "ends"] * (len(turns) // 2)
