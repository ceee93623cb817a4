"""A primary that is killed under writers, and its standby that takes over.

> Nothing acknowledged is lost or undone, no notice is lost.

The engines name both servers. Whatever fails is asked again, with the same request id, until the
standby answers as the primary. By hand, `EXAM_SHARING_FAILOVERS=20` does it 20 times, each time
with new servers.
"""

import os
import time
from contextlib import contextmanager, nullcontext

import pytest
import sqlalchemy as sa
from lives import PATIENCE, Witness
from load import Load

import exam_sharing as es
from clinic_on_a_pair import CT, give, take
from exam_sharing.adapters.sqlalchemy import (
    SqlDirectory,
    create_all,
    open_sharing,
    standby_guard,
)
from exam_sharing.testing.servers import new_server
from exam_sharing.testing.worlds import ANNA, BEN, CARLA
from test_serial_order import EXAMS, OWNER

FAILOVERS = int(os.environ.get("EXAM_SHARING_FAILOVERS", "1"))
VIEW = es.Permission.VIEW
HOURS = 3600
"""Of accepted staleness."""


def engine_at_any_of(servers, **options):
    """Return an engine that connects to the first server that suits."""
    first, *others = (sa.make_url(each.url) for each in servers)
    hosts = (first.query["host"], *(each.query["host"] for each in others))
    url = first.update_query_dict({"host": hosts})
    return sa.create_engine(url, connect_args={"connect_timeout": 2} | options)


def wait_until(happened):
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("_failover", range(FAILOVERS))
def test_what_was_acknowledged_survives_a_primary_that_is_killed(
    mortal_pair, tmp_path, caplog, _failover
):
    # It may answer so long after it has connected.
    mortal_pair.primary.configure(wal_sender_timeout="2s")
    servers = (mortal_pair.primary, mortal_pair.standby)
    engine = engine_at_any_of(servers, target_session_attrs="read-write")
    standby = engine_at_any_of(servers, target_session_attrs="prefer-standby")
    with standby.connect() as connection:
        assert connection.scalar(sa.text("SELECT pg_is_in_recovery()"))
    tables = create_all(engine)
    witness = Witness(engine, tables, tmp_path)
    directory = witness.kept.directory
    reader = open_sharing(engine, reading=standby, tables=tables, directory=directory)
    load = Load(witness, reader)
    with load.at_work():
        load.wait_for_more_answers()
        wait_until(lambda: "checks on a standby: it answers again" in caplog.messages)
        mortal_pair.primary.control("-m", "immediate", "stop")
        mortal_pair.standby.control("promote")
    assert load.failed["act"] >= 1
    # The promoted server is the primary of one engine, and no standby for the other.
    wait_until(lambda: reader.can(OWNER, VIEW, EXAMS[0]) and "recovery" in caplog.messages[-1])
    load.assert_nothing_is_lost(witness)
    with engine.connect() as connection:
        log = connection.scalar(sa.text("SELECT pg_walfile_name(pg_current_wal_lsn())"))
    assert log.startswith("00000002"), "the standby is no primary of its own"
    engine.dispose()
    standby.dispose()


@contextmanager
def cut_off(server, engine):
    """A standby receives nothing."""

    def connect_to(conninfo):
        quoted = conninfo.replace("'", "''")
        connection.exec_driver_sql(f"ALTER SYSTEM SET primary_conninfo = '{quoted}'")
        server.control("reload")

    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        found = connection.scalar(sa.text("SHOW primary_conninfo"))
        connect_to("")
        receives = sa.text("SELECT count(*) FROM pg_stat_wal_receiver")
        wait_until(lambda: not connection.scalar(receives))
        yield
        connect_to(found)


class Promoted:
    """A portal over a standby that was promoted while its primary and the other standby go on.

    No commit waited for it. It lacks Ben's access, and has ended Carla's.
    """

    def __init__(self, server, clinic):
        self.server, self._tables = server, clinic.tables
        self._database = clinic.patient.url.database
        self.engine = sa.create_engine(self.address_at(server))
        self._directory = SqlDirectory(self.engine, clinic.tables.directory)
        old = clinic.open(reading=None)
        clinic.fill()
        give(old, CARLA)
        sharing = self.open()
        wait_until(lambda: sharing.can(CARLA, VIEW, CT))
        with cut_off(server, self.engine):
            assert not give(old).unconfirmed
            server.control("promote")
        server.configure(synchronous_standby_names="")
        take(sharing, CARLA)

    def address_at(self, server):
        return sa.make_url(server.url).set(database=self._database)

    def open(self, **options):
        return open_sharing(self.engine, tables=self._tables, directory=self._directory, **options)


@pytest.fixture(scope="module")
def promoted(shared_clinic, shared_second):
    promoted = Promoted(shared_second, shared_clinic)
    yield promoted
    promoted.engine.dispose()


@pytest.mark.usefixtures("last_second")
def test_a_standby_for_which_no_commit_waits_lacks_what_was_acknowledged(promoted):
    sharing = promoted.open()
    assert sharing.can(ANNA, VIEW, CT)
    assert not sharing.can(BEN, VIEW, CT)


def go_on(clinic):
    """Let the old primary give Carla access, and write more than the promoted server."""
    give(clinic.open(reading=None), CARLA)
    much = "SELECT pg_logical_emit_message(false, 'x', repeat('x', 20000000))"
    with clinic.patient.begin() as connection:
        connection.exec_driver_sql(much)


@pytest.mark.usefixtures("last_second")
@pytest.mark.parametrize("receives", [True, False])
def test_a_standby_of_the_old_primary_is_not_read_whatever_staleness_is_accepted(
    pair, clinic, promoted, caplog, receives
):
    go_on(clinic)
    with nullcontext() if receives else cut_off(pair.standby, clinic.standby):
        stale = promoted.open(reading=clinic.standby, stale_seconds_accepted=HOURS)

        def names_the_timelines():
            assert not stale.can(CARLA, VIEW, CT)
            # On a busy machine, the standby may not have answered in time before.
            return caplog.messages[-1:] == [f"checks on a standby: {problem}"]

        problem = "is of timeline 1 of the log, and the primary of timeline 2"
        wait_until(names_the_timelines)


class Address:
    """An engine whose connections, each a new one, lead to a server that can change."""

    def __init__(self, clinic, promoted, server):
        self.server, self.reads = server, 0
        self.engine = clinic.at(promoted.address_at(server), poolclass=sa.NullPool)

        @sa.event.listens_for(self.engine, "do_connect")
        def connected(dialect, _record, _arguments, options):
            there = sa.make_url(self.server.url).query["host"]
            return dialect.connect(**options | {"host": there})

        @sa.event.listens_for(self.engine, "before_cursor_execute")
        def note(_connection, _cursor, statement, *_):
            self.reads += "exam_sharing_grants" in statement


@pytest.fixture(scope="module")
def third(shared_pair, promoted):
    """A standby of the promoted server."""
    with new_server(shared_pair._programs, "third", copy_of=promoted.server) as server:
        yield server


@pytest.mark.usefixtures("last_second")
def test_with_accepted_staleness_each_read_is_of_the_timeline_of_the_primary(
    pair, clinic, promoted, third, monkeypatch
):
    go_on(clinic)
    # The primary is asked once.
    monkeypatch.setattr(standby_guard, "_RENEWED", HOURS)
    address = Address(clinic, promoted, third)
    stale = promoted.open(reading=address.engine, stale_seconds_accepted=4 * HOURS)
    for server in (third, pair.standby):
        address.server = server
        assert not stale.can(CARLA, VIEW, CT)
        assert address.reads == 1


@pytest.mark.usefixtures("last_second")
def test_with_accepted_staleness_a_standby_of_the_new_primary_is_read_after_a_failover(
    pair, clinic, promoted, third, caplog, monkeypatch
):
    monkeypatch.setattr(standby_guard, "_RENEWED", 0.05)
    go_on(clinic)
    primary, standby = (Address(clinic, promoted, each) for each in (pair.primary, pair.standby))
    stale = open_sharing(
        primary.engine,
        reading=standby.engine,
        tables=clinic.tables,
        directory=SqlDirectory(primary.engine, clinic.tables.directory),
        stale_seconds_accepted=HOURS,
    )
    wait_until(lambda: stale.can(CARLA, VIEW, CT) and standby.reads)
    primary.server = promoted.server
    time.sleep(0.1)
    standby.reads = 0
    assert not stale.can(CARLA, VIEW, CT)
    assert not standby.reads
    standby.server = third
    wait_until(lambda: not stale.can(CARLA, VIEW, CT) and standby.reads)
    assert caplog.messages[-1] == "checks on a standby: it answers again"
