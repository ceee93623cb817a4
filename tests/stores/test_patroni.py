"""The leader of a cluster under Patroni is killed, with the sample configuration of the docs.

> Nothing acknowledged is lost or undone, no notice is lost, no answer of a standby is stale.

It takes two minutes, nearly all of them waits for the times of the sample. It runs where Debian's
packages `patroni` and `etcd-server` are installed. It prints its figures: run it with `-rP`.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import count, pairwise

import pytest
import sqlalchemy as sa
from lives import Witness
from load import Load
from patroni_cluster import MISSING, PASSWORD, patroni_cluster

import exam_sharing as es
from exam_sharing.adapters.sqlalchemy import create_all, open_sharing
from exam_sharing.errors import InvalidArgument
from test_serial_order import EXAMS, OWNER, SECOND, START

pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"no {', '.join(MISSING)}: install patroni, etcd-server and openssl"
)
VIEW = es.Permission.VIEW
TAKEN = es.UserId("taken")
"""The user whose access ends again and again; nobody else gives them anything."""


@pytest.fixture
def cluster(postgresql_installation):
    with patroni_cluster(postgresql_installation) as cluster:
        yield cluster


def engine_at(cluster, session, **options):
    """Return an engine as the page on clusters has it."""
    hosts = "&".join(f"host={each.host}" for each in cluster.members)
    times = {"connect_timeout": 2, "keepalives_idle": 10, "tcp_user_timeout": 5000}
    return sa.create_engine(
        f"postgresql+psycopg://portal:{PASSWORD}@/portal?{hosts}&target_session_attrs={session}",
        connect_args=times,
        **options,
    )


def longest_gap(times):
    return max(after - before for before, after in pairwise(times))


class Watch:
    """When acts were acknowledged, when checks had answers, and when a standby gave them."""

    def __init__(self, load, standby):
        self._load = load
        self.acknowledged, self.answered, self.by_standby = [], [], []
        self.stale, self.unconfirmed = 0, 0
        sa.event.listen(standby, "after_cursor_execute", self._note)

    def _note(self, connection, cursor, statement, *_):
        if "exam_sharing_grants" in statement:
            self.by_standby.append(time.monotonic())

    def give_and_take(self):
        """Share and unshare; the first check after an acknowledged end must know of it."""
        load, whom = self._load, {"actor": OWNER, "exam": EXAMS[0]}
        for number in count():
            now = START + number * SECOND
            ids = [f"{what}{number}" for what in ("give", "take")]
            give = es.ShareRequest(**whom, recipients=(TAKEN,), attested=True, request_id=ids[0])
            take = es.UnshareRequest(**whom, recipient=TAKEN, request_id=ids[1])
            for each, request in zip(ids, (give, take), strict=True):
                receipt = load.answer_in_the_end(request, each, now)
                self.acknowledged.append(time.monotonic())
                self.unconfirmed += receipt.unconfirmed
                load.answers.append((request, receipt))
            with load.lost("check"):
                self.stale += load.reader.can(TAKEN, VIEW, EXAMS[0])
            if load.stopped.is_set():
                return

    def look(self):
        load = self._load
        while not load.stopped.is_set():
            with load.lost("check"):
                assert load.reader.can(OWNER, VIEW, EXAMS[0])
                self.answered.append(time.monotonic())
            time.sleep(0.01)

    @contextmanager
    def at_work(self):
        with ThreadPoolExecutor(2) as pool:
            running = [pool.submit(each) for each in (self.give_and_take, self.look)]
            try:
                yield
            finally:
                self._load.stopped.set()
            for each in running:
                each.result()


def create_portal(member):
    for statement in (
        f"CREATE ROLE portal LOGIN PASSWORD '{PASSWORD}'",
        "GRANT pg_read_all_stats TO portal",
        "CREATE DATABASE portal OWNER portal",
    ):
        member.value(statement)


def opened(cluster, engine, **options):
    """Open sharing once Patroni has listed the standby."""
    found = []

    def is_open():
        with suppress(InvalidArgument):
            found.append(open_sharing(engine, **options))
        return found

    cluster.wait_until(is_open)
    return found[0]


def test_a_leader_that_is_killed_takes_nothing_with_it(cluster, tmp_path):
    a, b, _ = cluster.members
    create_portal(a)
    engine = engine_at(cluster, "read-write")
    standby = engine_at(cluster, "standby", pool_recycle=60)
    tables = create_all(engine)
    witness = Witness(engine, tables, tmp_path)
    for portal in (witness.kept, witness.memory):
        portal.directory.add(es.User(id=TAKEN, name="Taken"))
    reader = opened(
        cluster, engine, reading=standby, tables=tables, directory=witness.kept.directory
    )
    load = Load(witness, reader)
    watch = Watch(load, standby)
    with watch.at_work(), load.at_work():
        cluster.wait_until(lambda: watch.by_standby)
        load.wait_for_more_answers()
        killed = time.monotonic()
        a.kill()
        cluster.wait_until(lambda: b.value("SELECT NOT pg_is_in_recovery()"))
        promoted = time.monotonic()
        cluster.wait_until(lambda: watch.acknowledged[-1] > promoted)
        cluster.wait_until(lambda: watch.by_standby[-1] > promoted)
        load.wait_for_more_answers()
        # It comes back as a standby of the one that has replaced it.
        a.start()
        follows = "SELECT status = 'streaming' FROM pg_stat_wal_receiver"
        cluster.wait_until(lambda: a.value(follows))
    assert watch.stale == 0
    assert watch.unconfirmed == 0
    assert load.failed["act"] >= 1
    load.assert_nothing_is_lost(witness)
    without_writes = longest_gap(watch.acknowledged)
    without_checks = longest_gap(watch.answered)
    again = min(each for each in watch.by_standby if each > promoted) - killed
    sys.stdout.write(
        f"{without_writes:.0f} s without writes, {without_checks:.0f} s without checks, "
        f"{again:.0f} s until a standby answered again; {len(load.answers)} acts were answered, "
        f"{len(watch.acknowledged) // 2} revocations each followed by a check, "
        f"{len(watch.by_standby)} checks read on a standby\n"
    )
    engine.dispose()
    standby.dispose()
