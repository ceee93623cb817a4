"""Several relays, some of them slow and one dead, send each notice at least once.

No two relays send the same notice at a time, and no notice is stuck when a relay dies.
Specification: `#delivery`.
"""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from multiprocessing import get_context

import pytest
import sqlalchemy

from exam_sharing import NoticeId, ShareId, UserId
from exam_sharing.adapters.sqlalchemy import create_all, open_sharing, sqlite_engine
from exam_sharing.events import ListedNotice
from exam_sharing.memory import MemoryNotifier
from exam_sharing.policy.retries import AT_ONCE, GivenUp, TryAgain
from exam_sharing.relay import watch
from world import ANNA, BEN, CARLA, CT, DAN, DAY, EVA, START, FailingNotifier, World, share_request

LAPSE = timedelta(minutes=5)
PATIENCE = 30


@pytest.fixture
def world(new_store):
    """A portal whose own notifier is broken, so that notices wait for relays."""
    return World(store=new_store(), notifier=FailingNotifier())


def relay_of(world, engine, notifier, clock=None):
    """Return what a process of its own would open to send notices."""
    return open_sharing(
        engine, directory=world.directory, notifier=notifier, clock=clock or world.clock
    )


def crowd(world, count):
    """Let the notices of one share wait, and return their readers."""
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


@pytest.mark.parametrize(
    ("due", "claimed", "next_attempt", "claimed_until"),
    [(AT_ONCE, False, None, None), (START, False, START, None), (START, True, None, START)],
)
def test_a_listed_notice_has_a_next_attempt_or_a_claim(due, claimed, next_attempt, claimed_until):
    listed = ListedNotice(
        number=1,
        id=NoticeId("n"),
        share=ShareId("s"),
        to=BEN,
        attempts=0,
        due=due,
        claimed=claimed,
        given_up_at=None,
        problem=None,
    )
    assert (listed.next_attempt, listed.claimed_until) == (next_attempt, claimed_until)


def test_relays_side_by_side_send_each_notice_once(engine, world):
    readers = crowd(world, 100)
    notifier = Watchful()
    relays = [relay_of(world, engine, notifier) for _ in range(4)]
    with ThreadPoolExecutor(len(relays)) as pool:
        sent = list(pool.map(lambda relay: relay.admin.deliver_notices(), relays))
    assert sum(sent) == len(readers)
    assert Counter(notice.to for notice in notifier.sent) == Counter(readers)
    assert notifier.together == []
    assert world.store.outbox.waiting() == ()


def test_each_share_beside_running_relays_sends_one_notice(engine, world):
    own = engine
    if engine.dialect.name == "postgresql":
        own = engine.execution_options(isolation_level="SERIALIZABLE")
    notifier, stop, failed = Watchful(), threading.Event(), []
    readers = [UserId(f"reader{number}") for number in range(30)]
    for reader in readers:
        world.person(reader)
    portal = open_sharing(own, directory=world.directory, clock=world.clock)

    def relay():
        watch(
            relay_of(world, own, notifier),
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


class Blocking(MemoryNotifier):
    """Takes as long to send as the test wants, and may fail then."""

    def __init__(self, error=None):
        super().__init__()
        self.error, self.begun, self.go_on = error, threading.Event(), threading.Event()

    def send(self, notice):
        self.begun.set()
        assert self.go_on.wait(PATIENCE)
        super().send(notice)
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize("error", [None, OSError()], ids=["sends", "fails"])
def test_a_late_relay_does_not_settle_the_claim_of_another(engine, world, error):
    world.share(ANNA, CT, BEN)
    slow, fast = Blocking(error), Blocking(OSError())
    threads = [
        threading.Thread(target=relay_of(world, engine, slow, lambda: START).admin.deliver_notices),
        threading.Thread(
            target=relay_of(world, engine, fast, lambda: START + LAPSE).admin.deliver_notices
        ),
    ]
    for thread, notifier in zip(threads, (slow, fast), strict=True):
        thread.start()
        assert notifier.begun.wait(PATIENCE)
    (claimed,) = world.sharing.admin.list_notices().items

    slow.go_on.set()
    threads[0].join()

    assert world.sharing.admin.list_notices().items == (claimed,)
    assert claimed.claimed_until == START + 2 * LAPSE
    fast.go_on.set()
    threads[1].join()
    (failed,) = world.sharing.admin.list_notices().items
    assert (failed.attempts, failed.due, failed.claimed) == (2, AT_ONCE, False)


def test_a_slow_relay_does_not_send_notices_that_another_claimed(engine, world):
    readers = crowd(world, 3)
    times = iter([])

    class Slow(MemoryNotifier):
        def send(self, notice):
            super().send(notice)
            # In the time that this takes, the claim lapses and another relay sends the rest.
            assert (
                relay_of(world, engine, other, lambda: START + LAPSE).admin.deliver_notices() == 3
            )

    slow, other = Slow(), MemoryNotifier()
    relay = relay_of(world, engine, slow, lambda: next(times, START + LAPSE))
    times = iter([START, START])
    assert relay.admin.deliver_notices() == 1
    assert [notice.to for notice in slow.sent] == [readers[0]]
    assert {notice.to for notice in other.sent} == set(readers)


def hang_while_sending(url, pipe):
    """Run a relay in a process of its own that never comes to the end of its first notice."""
    address = sqlalchemy.make_url(url)
    sqlite = address.get_backend_name() == "sqlite"
    engine = sqlite_engine(address.database) if sqlite else sqlalchemy.create_engine(address)

    class Hanging:
        def send(self, notice):
            pipe.send(str(notice.to))
            time.sleep(PATIENCE)

    people = World().directory
    open_sharing(
        engine, directory=people, notifier=Hanging(), clock=lambda: START
    ).admin.deliver_notices()


def test_claims_of_a_killed_relay_lapse_and_are_sent_by_another(engine, world):
    for reader in (BEN, CARLA, DAN, EVA):
        world.share(ANNA, CT, reader, message="Please look at the left lung.")
    url = engine.url.render_as_string(hide_password=False)
    here, there = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=hang_while_sending, args=(url, there))
    process.start()
    assert here.poll(PATIENCE)
    assert here.recv() == str(BEN)
    process.kill()
    process.join()

    notifier = MemoryNotifier()
    relay = relay_of(world, engine, notifier)
    world.wait(LAPSE - timedelta(seconds=1))
    assert relay.admin.deliver_notices() == 0
    assert {each.claimed for each in relay.admin.list_notices().items} == {True}

    world.wait(timedelta(seconds=1))
    assert relay.admin.deliver_notices() == 4
    assert {notice.to for notice in notifier.sent} == {BEN, CARLA, DAN, EVA}
    assert {notice.message for notice in notifier.sent} == {"Please look at the left lung."}
    assert relay.admin.list_notices().items == ()


def test_notices_that_fail_at_first_all_arrive(engine, world):
    readers = crowd(world, 30)

    class Moody(MemoryNotifier):
        """Fails at every try of a notice but the fourth."""

        def __init__(self):
            super().__init__()
            self.tries = Counter()

        def send(self, notice):
            self.tries[notice.id] += 1
            if self.tries[notice.id] % 4:
                raise OSError
            super().send(notice)

    notifier = Moody()
    relay = relay_of(world, engine, notifier)
    for _ in range(4):
        relay.admin.deliver_notices()
        world.wait(timedelta(minutes=5))
    assert Counter(notice.to for notice in notifier.sent) == Counter(readers)
    assert relay.admin.list_notices().items == ()


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


def test_a_claim_is_one_statement_that_reads_only_due_notices(engine, crowded):
    statements = []

    def remember(_connection, _cursor, statement, parameters, *_others):
        if statement.startswith(("UPDATE", "SELECT", "WITH", "INSERT", "DELETE")):
            statements.append((statement, parameters))

    sqlalchemy.event.listen(engine, "before_cursor_execute", remember)
    claims = crowded.claim(START, START + LAPSE, 50, None)
    sqlalchemy.event.remove(engine, "before_cursor_execute", remember)

    assert len({claim.notice.to for claim in claims} - {BEN, CARLA}) == 50
    ((statement, parameters),) = statements
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
