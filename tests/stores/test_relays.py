"""Several relays beside acts send each notice once. Specification: `#delivery`."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy

from benchmarks.sql_plans import noted
from exam_sharing import UserId
from exam_sharing.adapters.sqlalchemy import create_all, open_sharing
from exam_sharing.memory import MemoryNotifier
from exam_sharing.policy.retries import GivenUp, TryAgain
from exam_sharing.relay import watch
from world import ANNA, BEN, CARLA, CT, DAY, START, FailingNotifier, World, share_request

LAPSE = timedelta(minutes=5)
PATIENCE = 30


@pytest.fixture
def world(new_store):
    """A portal whose own notifier is broken, so that notices wait for relays."""
    return World(store=new_store(), notifier=FailingNotifier())


def crowd(world, count):
    readers = [UserId(f"reader{number}") for number in range(count)]
    for reader in readers:
        world.person(reader)
    world.share(ANNA, CT, *readers, message="Please look at the left lung.")
    return readers


class Watchful(MemoryNotifier):
    """Shared by relays; remembers which notices were being sent twice at a time."""

    def __init__(self):
        super().__init__()
        self.lock, self.sending, self.together = threading.Lock(), set(), []

    def send(self, notice):
        with self.lock:
            if notice.id in self.sending:
                self.together.append(notice.id)
            self.sending.add(notice.id)
        time.sleep(0.001)
        with self.lock:
            self.sending.remove(notice.id)
            super().send(notice)


def test_each_share_beside_running_relays_sends_one_notice(engine, world):
    own = engine
    if engine.dialect.name == "postgresql":
        own = engine.execution_options(isolation_level="SERIALIZABLE")
    notifier, stop, failed = Watchful(), threading.Event(), []
    readers = [UserId(f"reader{number}") for number in range(30)]
    for reader in readers:
        world.person(reader)
    portal = open_sharing(own, **world.people)

    def relay():
        watch(
            open_sharing(own, notifier=notifier, **world.people),
            stop=stop,
            pause=timedelta(milliseconds=5),
            failed=failed.append,
        )

    def share(reader):
        portal.share(share_request(ANNA, CT, reader))

    relays = [threading.Thread(target=relay) for _ in range(2)]
    for each in relays:
        each.start()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(share, readers))
    deadline = time.monotonic() + PATIENCE
    while world.store.outbox.waiting() and time.monotonic() < deadline:
        time.sleep(0.01)
    stop.set()
    for each in relays:
        each.join()
    assert failed == []
    assert Counter(notice.to for notice in notifier.sent) == Counter(readers)
    assert notifier.together == []


def test_a_claim_skips_locked_notices(postgresql, open_store_on):
    tables = create_all(postgresql)
    world = World(store=open_store_on(postgresql, tables)(), notifier=FailingNotifier())
    world.share(ANNA, CT, BEN)
    world.share(ANNA, CT, CARLA)
    bens = tables.notices.c.reader == str(BEN)
    with postgresql.connect() as other, other.begin(), ThreadPoolExecutor(1) as pool:
        other.execute(sqlalchemy.select(tables.notices).where(bens).with_for_update())
        asked = pool.submit(world.store.outbox.claim, START, START + LAPSE, 9, None)
        try:
            claims = asked.result(PATIENCE)
        finally:
            other.rollback()
    assert [claim.notice.to for claim in claims] == [CARLA]


@pytest.fixture
def crowded(engine, tables, world):
    """An outbox in which 60 notices are due, and of 131,072 others half back off."""
    world.share(ANNA, CT, BEN, CARLA)
    backs_off, is_given_up = world.store.outbox.claim(START, START + LAPSE, 2, None)
    world.store.outbox.settle(backs_off, TryAgain(at=START + DAY, problem="OSError"))
    world.store.outbox.settle(is_given_up, GivenUp(at=START, problem="OSError"))
    notices = tables.notices
    names = [column.name for column in notices.c if column.name not in {"number", "id"}]
    others = [notices.c[name] for name in names]
    with engine.begin() as connection:
        for doubling in range(16):
            copies = sqlalchemy.select(notices.c.id + f"-{doubling}", *others)
            connection.execute(notices.insert().from_select(["id", *names], copies))
    crowd(world, 60)
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            # What autovacuum does in time, so that the plan does not depend on when it came.
            connection.exec_driver_sql("ANALYZE")
    return world.store.outbox


def test_a_claim_reads_the_shape_and_is_one_statement_that_reads_only_due_notices(engine, crowded):
    with noted(engine) as statements:
        claims = crowded.claim(START, START + LAPSE, 50, None)
    assert len({claim.notice.to for claim in claims} - {BEN, CARLA}) == 50
    changing = [each for each in statements if not each.text.startswith(("COMMIT", "PRAGMA"))]
    shape, claim = changing
    assert shape.text.startswith("SELECT exam_sharing_schema.number")
    statement, parameters = claim.text, claim.parameters
    with engine.connect() as connection, connection.begin() as transaction:
        if engine.dialect.name == "sqlite":
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            steps = [row.detail for row in plan]
            assert not [step for step in steps if step.startswith("SCAN") or "B-TREE" in step]
            assert any("notices_in_turn (due<?)" in step for step in steps)
        else:
            explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}"
            ((plan,),) = connection.exec_driver_sql(explain, parameters)
            read = plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"]
            # The ten that are left; the table alone has some thousand blocks.
            assert read < 200
            assert "Seq Scan" not in str(plan)
        transaction.rollback()
