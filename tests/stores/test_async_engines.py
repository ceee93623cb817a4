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
from every_store import laws_by_name
from exam_sharing.adapters.sqlalchemy import (
    SqlDirectory,
    SqlStore,
    TableDirectory,
    UserColumns,
    create_all,
    open_sharing,
)
from exam_sharing.adapters.sqlalchemy.database import held_connection
from exam_sharing.memory import MemoryDirectory, MemoryNotifier, MemoryStore
from exam_sharing.testing.edges import FIRST, LAST
from exam_sharing.testing.laws import races
from loops import InGreenlets, Loop, methods_of, with_coroutines
from where_kept import delete_rows
from world import ANNA, BEN, CARLA, CD, CT, MR, START, VIEW

pytest.importorskip("greenlet", reason="no greenlet: install sqlalchemy[asyncio]")

from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.util import await_only, greenlet_spawn

from exam_sharing.adapters.sqlalchemy.asynchronous import (
    joined_async,
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


ALL_LAWS = laws_by_name(MemoryStore, examples=4)
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
    laws_by_name(open_store, examples=4)[name].check()


def people():
    directory = MemoryDirectory()
    for user in (ANNA, BEN, CARLA):
        directory.add(es.User(id=user, name=str(user), email=f"{user}@example.org"))
    return directory


def share(exam=CT, to=BEN, **more):
    fields = {"attested": True} | more
    return es.ShareRequest(actor=ANNA, exam=exam, recipients=(to,), **fields)


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


def test_every_driver_reads_the_first_and_the_last_time(loop, opened, postgresql, tables):
    def uploaded(sharing):
        return {each.exam.value: each.uploaded_at for each in sharing.visible_to(ANNA).items}

    sharing, times = opened(), {"first": FIRST, "last": LAST}
    batch = es.UploadBatch(id=es.BatchId("other"), uploader=ANNA, received_at=START)
    exams = [
        es.Exam(id=es.ExamId(name), owner=ANNA, batch=batch.id, uploaded_at=at)
        for name, at in times.items()
    ]
    loop.run(sharing.add_upload(batch, exams))
    others = open_sharing(postgresql, directory=people(), tables=tables, clock=lambda: START)

    written = {"ct": START, "mr": START} | times
    assert uploaded(others) == written
    assert loop.run(sharing.run(uploaded)) == written


def test_every_driver_lists_a_notice_that_is_tried_again_at_once(loop, opened, postgresql, tables):
    class Unreachable:
        def send(self, notice):
            raise ConnectionError

    sharing = opened(notifier=Unreachable())
    loop.run(sharing.share(share()))
    loop.run(sharing.admin.deliver_notices())

    others = open_sharing(postgresql, directory=people(), tables=tables, clock=lambda: START)
    assert [each.to for each in others.admin.list_notices().items] == [BEN]


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


def test_acts_in_a_session_end_with_its_transaction(loop, opened, engine, tables):
    sharing = opened()
    within = {"directory": people(), "clock": lambda: START, "tables": tables}

    async def rolled_back():
        async with AsyncSession(engine) as session:
            inside = await joined_async(session, **within)
            await inside.share(share())
            assert await inside.can(BEN, VIEW, CT)
            assert not await sharing.can(BEN, VIEW, CT)
            await session.rollback()
            with pytest.raises(es.StoreFailed, match="the host's transaction has ended"):
                await inside.can(BEN, VIEW, CT)
        assert not await sharing.can(BEN, VIEW, CT)

    async def committed():
        async with engine.begin() as connection:
            inside = await joined_async(connection, **within)
            await inside.share(share())
            with pytest.raises(es.Refused):
                await inside.share(share(MR, attested=False))
        assert await sharing.can(BEN, VIEW, CT)

    loop.run(rolled_back())
    loop.run(committed())


def test_what_is_no_open_asynchronous_transaction_is_reported(loop, engine, postgresql):
    async def join_too_early():
        async with engine.connect() as connection:
            await joined_async(connection, directory=people())

    with pytest.raises(es.InvalidValue, match="transaction must have begun"):
        loop.run(join_too_early())
    for wrong in (engine, postgresql, None):
        with pytest.raises(es.WrongKind, match="transaction must be AsyncConnection"):
            loop.run(joined_async(wrong, directory=people()))
    with pytest.raises(es.InvalidValue, match="open it with `open_async_sharing`"):
        open_sharing(engine)


def blocking(port, seen):
    """Return a port whose methods block for a moment, and note their threads."""

    def slow(method):
        def answer(*args, **kwargs):
            seen.add(threading.current_thread())
            time.sleep(0.001)
            return method(*args, **kwargs)

        return staticmethod(answer)

    return type("Slow", (), {name: slow(each) for name, each in methods_of(port).items()})()


def giving_way(port, seen):
    """Return such a port that says that it does not block."""
    made = blocking(port, seen)
    type(made).gives_way = True
    return made


class Facts:
    def about(self, request, exams):
        return None


NEVER = es.HostRule(code="NEVER", statement="Never refused.", refuses=lambda *_: False)


@pytest.mark.parametrize(
    "made", [blocking, giving_way, with_coroutines], ids=lambda made: made.__name__
)
def test_ports_that_block_run_in_threads_and_coroutines_on_the_loop(loop, opened, made):
    seen, arrived = {"directory": set(), "notifier": set(), "host_facts": set()}, MemoryNotifier()
    given = {"directory": people(), "notifier": arrived, "host_facts": Facts()}
    ports = {name: made(port, seen[name]) for name, port in given.items()}
    sharing = opened(policy=es.Policy(host_rules=[NEVER]), **ports)

    async def relay_until_sent():
        sent = asyncio.Event()
        relay = asyncio.ensure_future(sharing.relay(delivered=lambda _: sent.set()))
        await asyncio.wait_for(sent.wait(), 30)
        relay.cancel()
        await asyncio.gather(relay, return_exceptions=True)
        assert relay.cancelled()
        assert not (await sharing.admin.list_notices()).items

    loop.run(sharing.share(share()))
    loop.run(relay_until_sent())
    assert [notice.to for notice in arrived.sent] == [BEN]
    for threads in seen.values():
        on_loop = {each is loop.thread for each in threads}
        assert on_loop == {made is not blocking}


def test_a_relay_that_is_cancelled_first_sends_what_it_has_claimed(loop, opened):
    begun, sent = threading.Event(), []

    class Slow:
        def send(self, notice):
            begun.set()
            time.sleep(0.1)
            sent.append(notice.to)

    sharing = opened(notifier=Slow())

    async def cancel_while_it_sends():
        relay = asyncio.ensure_future(sharing.relay())
        await asyncio.to_thread(begun.wait, 30)
        relay.cancel()
        await asyncio.gather(relay, return_exceptions=True)
        assert not (await sharing.admin.list_notices()).items

    loop.run(sharing.share(share(to=BEN)))
    loop.run(sharing.share(share(to=CARLA)))
    loop.run(cancel_while_it_sends())
    assert sent == [BEN, CARLA]


def test_a_directory_in_the_database_is_read_in_greenlets(loop, opened, engine, tables):
    sharing = opened(directory=None)

    def add_people(_, directory):
        for user in (ANNA, BEN):
            directory.add(es.User(id=user, name=str(user)))

    async def share_among_them():
        directory = await run_sync(engine, SqlDirectory, tables.directory)
        await run_sync(engine, add_people, directory)
        await sharing.share(share())
        own = await open_async_sharing(engine, directory=directory, clock=lambda: START)
        assert await own.can(BEN, VIEW, CT)
        async with engine.begin() as connection:
            inside = await joined_async(connection, directory=directory, clock=lambda: START)
            assert await inside.can(BEN, VIEW, CT)

    loop.run(share_among_them())


def test_a_directory_of_the_hosts_tables_reads_in_greenlets_what_its_transaction_sees(
    loop, opened, engine, postgresql
):
    accounts = sqlalchemy.Table(
        "accounts",
        sqlalchemy.MetaData(),
        sqlalchemy.Column("id", sqlalchemy.Integer, primary_key=True),
        sqlalchemy.Column("name", sqlalchemy.Text),
    )
    accounts.drop(postgresql, checkfirst=True)
    accounts.create(postgresql)
    users = UserColumns(id=accounts.c.id, name=accounts.c.name)
    one, two = es.UserId("1"), es.UserId("2")

    async def share_among_them():
        directory = await run_sync(engine, TableDirectory, users=users)
        sharing = await open_async_sharing(engine, directory=directory, clock=lambda: START)
        async with engine.begin() as connection:
            rows = [{"id": 1, "name": "One"}, {"id": 2, "name": "Two"}]
            await connection.execute(accounts.insert(), rows)
            inside = await joined_async(connection, directory=directory, clock=lambda: START)
            assert await inside.names(one, [two]) == {two: "Two"}
            assert await sharing.names(one, [two]) == {}
        assert await sharing.names(one, [two]) == {two: "Two"}

    opened()
    loop.run(share_among_them())


def test_a_host_may_answer_for_its_exams_by_coroutines(loop, engine, tables, postgresql):
    class Exams:
        async def find(self, exams):
            await asyncio.sleep(0)
            return tuple(self.exam for each in exams if each == CT)

        async def batch_of(self, exam):
            return await self.find((exam,))

        def owned_by(self, user, after, limit):
            return (self.exam,) if user == ANNA and after is None else ()

        exam = es.Exam(id=CT, owner=ANNA, batch=CD, uploaded_at=START)

    async def main():
        sharing = await open_async_sharing(
            engine, directory=people(), exams=Exams(), clock=lambda: START, tables=tables
        )
        await sharing.share(share())
        assert await sharing.can(BEN, VIEW, CT)
        assert [each.exam for each in (await sharing.visible_to(ANNA)).items] == [CT]

    delete_rows(postgresql, tables)
    loop.run(main())


def test_the_connection_of_a_turn_belongs_to_its_task_alone(loop, opened, engine):
    opened()

    def in_turn(store):
        with store.locked((CT,)):
            other = asyncio.ensure_future(greenlet_spawn(held_connection, engine.sync_engine))
            return held_connection(engine.sync_engine), await_only(other)

    store = loop.run(run_sync(engine, SqlStore.over))
    own, of_other = loop.run(greenlet_spawn(in_turn, store))
    assert own is not None
    assert of_other is None


def test_an_act_that_is_cancelled_is_rolled_back(loop, opened, engine, postgresql, tables):
    sharing = opened()
    with version_locked(postgresql, tables, CT):
        acting = asyncio.run_coroutine_threadsafe(sharing.share(share()), loop.loop)
        until(lambda: waiting_for_locks(postgresql))
        acting.cancel()
        until(lambda: not engine.pool.checkedout())
    assert not loop.run(sharing.can(BEN, VIEW, CT))
    loop.run(sharing.share(share()))
    assert loop.run(sharing.can(BEN, VIEW, CT))


def until(is_so):
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def waiting_for_locks(postgresql):
    with postgresql.connect() as connection:
        count = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        return connection.exec_driver_sql(count).scalar_one()


def test_a_synchronous_engine_is_called_in_threads(sqlite):
    async def main():
        tables = await run_sync(sqlite, create_all)
        sharing = await open_async_sharing(
            sqlite, directory=with_coroutines(people(), set()), tables=tables, clock=lambda: START
        )
        batch = es.UploadBatch(id=CD, uploader=ANNA, received_at=START)
        exams = [es.Exam(id=CT, owner=ANNA, batch=CD, uploaded_at=START)]
        await sharing.add_upload(batch, exams)
        await asyncio.gather(*(sharing.share(share(to=to)) for to in (BEN, CARLA) * 4))
        assert await sharing.can(BEN, VIEW, CT)

    asyncio.run(main())
