"""A portal that opens while its standby is away: the primary answers until the standby is proven.

> What cannot be checked when sharing is opened is checked before the first read of the standby.
"""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import pytest
import sqlalchemy as sa

import exam_sharing as es
from clinic_on_a_pair import CT, give, take
from databases import pooled
from exam_sharing.adapters.sqlalchemy import create_all, define_tables, open_sharing, standby_guard
from exam_sharing.errors import InvalidArgument, StoreFailed
from exam_sharing.testing.worlds import BEN

VIEW = es.Permission.VIEW
LOGGED = "checks on a standby: "
SILENT = f"{LOGGED}the standby does not answer"
MISSING = "the tables are not there; create them with create_all or a migration"
BACK = f"{LOGGED}it answers again"


class Address:
    """An engine for a server that can be away, or be replaced by another one.

    Attributes:
        url: where it connects now; `None` while nothing answers.
        reads: how many checks were read there.
        attempts: how often the engine has tried to connect.
        delay: how many seconds this takes.
    """

    def __init__(self, clinic, **options):
        self.url, self.reads, self.attempts, self.delay = None, 0, 0, 0
        # Each connection is a new one, as to a server that was replaced.
        options = {"poolclass": sa.NullPool} | options
        self.engine = clinic.at(clinic.standby.url, **options)
        sa.event.listen(self.engine, "do_connect", self._connected)
        sa.event.listen(self.engine, "before_cursor_execute", self._count)

    def _connected(self, dialect, record, arguments, options):
        self.attempts += 1
        time.sleep(self.delay)
        if self.url is None:
            raise dialect.loaded_dbapi.OperationalError
        there = dialect.create_connect_args(sa.make_url(self.url))[1]
        return dialect.connect(**(options | there))

    def _count(self, connection, cursor, statement, *_):
        self.reads += "exam_sharing_grants" in statement


def wait_for(message, caplog, sharing):
    """Ask until something is logged; every answer on the way is right."""
    deadline = time.monotonic() + 20
    while message not in caplog.messages:
        assert sharing.can(BEN, VIEW, CT)
        assert time.monotonic() < deadline, caplog.messages
        time.sleep(0.05)


def test_a_standby_that_is_down_is_used_once_it_is_back(pair, clinic, caplog):
    pair.primary.configure(wal_sender_timeout="2s")
    give(clinic.open(reading=None))
    pair.standby.control("stop", "-m", "immediate")
    try:
        address = Address(clinic)
        address.url = clinic.standby.url
        sharing = clinic.open(reading=address.engine)
        for _ in range(3):
            assert sharing.can(BEN, VIEW, CT)
        assert caplog.messages == [SILENT]
    finally:
        pair.standby.control("start")
    wait_for(BACK, caplog, sharing)
    address.reads = 0
    for _ in range(10):
        take(sharing)
        assert not sharing.can(BEN, VIEW, CT)
        give(sharing)
        assert sharing.can(BEN, VIEW, CT)
    assert address.reads == 20


def test_tokens_are_understood_while_the_standby_is_away(clinic):
    sharing = clinic.open(reading=Address(clinic).engine)
    receipt = give(sharing)
    assert sharing.viewer(BEN, receipt.token).can(VIEW, CT)
    with pytest.raises(es.InvalidInput, match="another cluster"):
        sharing.viewer(BEN, f"7{receipt.token}")


@contextmanager
def the_primary(clinic, _):
    yield clinic.patient.url


@contextmanager
def of_another_cluster(_, request):
    yield request.getfixturevalue("postgresql_server")


@contextmanager
def of_another_database(clinic, _):
    yield clinic.standby.url.set(database="postgres")


@contextmanager
def of_another_schema(clinic, _):
    yield clinic.standby.url.update_query_dict({"options": "-c search_path=pg_catalog"})


@contextmanager
def behind_a_pooler(clinic, _):
    address = clinic.standby.url.render_as_string(hide_password=False)
    with pooled(address, "transaction", sessions=2) as pooler:
        yield pooler


@contextmanager
def without_being_waited_for(clinic, request):
    request.getfixturevalue("pair").wait_for("")
    yield clinic.standby.url


WRONG = [
    (the_primary, "this server is not in recovery"),
    (of_another_cluster, "of the same cluster"),
    (of_another_database, "of the same database"),
    (of_another_schema, "the same schemas"),
    (behind_a_pooler, "without a pooler"),
    (without_being_waited_for, "may be stale"),
]


@pytest.fixture
def impatient(monkeypatch):
    """The primary is asked often whether the standby may answer."""
    monkeypatch.setattr(standby_guard, "_RENEWED", 0.05)


@pytest.mark.usefixtures("impatient", "pair")
@pytest.mark.parametrize(("wrong", "problem"), WRONG)
def test_a_wrong_standby_that_is_there_later_is_never_read_and_is_logged_once(
    clinic, request, caplog, wrong, problem
):
    address = Address(clinic)
    sharing = clinic.open(reading=address.engine)
    give(sharing)
    with wrong(clinic, request) as address.url:
        with pytest.raises(InvalidArgument, match=problem):
            clinic.open(reading=address.engine)
        for _ in range(10):
            assert sharing.can(BEN, VIEW, CT)
            time.sleep(0.06)
        assert address.reads == 0
    first, second = caplog.messages
    assert first == SILENT
    assert problem in second


@pytest.mark.usefixtures("impatient")
def test_a_wrong_standby_that_is_replaced_by_the_right_one_is_read(clinic, caplog):
    clinic.settle()
    caplog.clear()
    address = Address(clinic)
    sharing = clinic.open(reading=address.engine)
    give(sharing)
    address.url = clinic.patient.url
    wait_for(f"{LOGGED}must be of a standby, and this server is not in recovery", caplog, sharing)
    address.url = clinic.standby.url
    wait_for(BACK, caplog, sharing)
    assert sharing.can(BEN, VIEW, CT)
    assert address.reads >= 1
    take(sharing)
    assert not sharing.can(BEN, VIEW, CT)


def renumber(clinic, by):
    table = clinic.tables.schema
    with clinic.engine.begin() as connection:
        connection.execute(table.update().values(number=table.c.number + by))


@pytest.mark.usefixtures("impatient")
def test_a_standby_without_the_tables_is_never_read(pair, clinic, caplog):
    pair.standby.configure(recovery_min_apply_delay="60s")
    pair.wait_for("")
    late = create_all(clinic.patient, define_tables(sa.MetaData(), prefix="late_"))
    address = Address(clinic)
    options = {"reading": address.engine, "tables": late, "stale_seconds_accepted": 60}
    sharing = open_sharing(clinic.patient, **options)
    address.url = clinic.standby.url
    for _ in range(10):
        assert not sharing.can(BEN, VIEW, CT)
        time.sleep(0.06)
    late.metadata.drop_all(clinic.patient)
    assert address.reads == 0
    assert caplog.messages == [SILENT, f"{LOGGED}the standby: {MISSING}"]


def test_a_standby_that_the_primary_has_lost_is_used_once_it_is_found(pair, clinic, caplog):
    pair.primary.configure(wal_sender_timeout="2s")
    give(clinic.open(reading=None))
    address = Address(clinic)
    address.url = clinic.standby.url
    with clinic.standby.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        found = connection.scalar(sa.text("SHOW primary_conninfo"))
        connect_to(pair.standby, connection, "")
        receives = sa.text("SELECT count(*) FROM pg_stat_wal_receiver")
        while connection.scalar(receives):
            time.sleep(0.01)
        sharing = clinic.open(reading=address.engine)
        assert sharing.can(BEN, VIEW, CT)
        assert caplog.messages == [f"{LOGGED}receives nothing from the primary"]
        connect_to(pair.standby, connection, found)
    wait_for(BACK, caplog, sharing)
    address.reads = 0
    assert sharing.can(BEN, VIEW, CT)
    assert address.reads == 1


def test_of_several_addresses_one_may_be_that_of_a_standby_that_is_not_awaited(
    pair, clinic, caplog
):
    pair.primary.configure(wal_sender_timeout="2s")
    clinic.settle()
    caplog.clear()
    give(clinic.open(reading=None))
    host = clinic.standby.url.query["host"]
    several = clinic.at(clinic.standby.url.set(query={"host": [f"{host}:5432", f"{host}:5432"]}))
    pair.wait_for("FIRST 1 (other)")
    with pytest.raises(InvalidArgument, match="must name standby"):
        clinic.open(reading=clinic.standby)
    sharing = clinic.open(reading=several)
    assert sharing.can(BEN, VIEW, CT)
    assert "synchronous_standby_names must name standby" in caplog.messages[0]
    for passed in ("", "ANY 1 (other, third)", "*"):
        pair.wait_for(passed)
        with pytest.raises(InvalidArgument, match="must name standby"):
            clinic.open(reading=several)
    pair.wait_for("FIRST 1 (standby)")
    wait_for(BACK, caplog, sharing)


@contextmanager
def held_back(pair, clinic):
    """The standby comes back, and does not receive what it missed."""
    with clinic.patient.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        pair.standby.configure(wal_receiver_timeout="30s")
        pair.standby.control("stop", "-m", "immediate")
        pair.wait_for("")
        for _ in range(4):
            much = "SELECT pg_logical_emit_message(false, 'x', repeat('x', 50000000))"
            connection.exec_driver_sql(much)
        sender = sa.text("SELECT pid FROM pg_stat_replication WHERE state = 'catchup'")
        with ThreadPoolExecutor(1) as pool:
            starting = pool.submit(pair.standby.control, "start")
            deadline = time.monotonic() + 20
            while (pid := connection.scalar(sender)) is None:
                assert time.monotonic() < deadline
            os.kill(pid, signal.SIGSTOP)
            starting.result()
        try:
            yield
        finally:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def test_a_standby_that_has_not_received_what_it_missed_is_used_later(pair, clinic, caplog):
    pair.primary.configure(wal_sender_timeout="2s")
    give(clinic.open(reading=None))
    with held_back(pair, clinic):
        sharing = clinic.open(reading=clinic.at(clinic.standby.url))
        assert sharing.can(BEN, VIEW, CT)
        assert caplog.messages == [f"{LOGGED}has not yet received what it missed"]
    pair.restore()
    pair.primary.configure(wal_sender_timeout="2s")
    wait_for(BACK, caplog, sharing)


@pytest.mark.usefixtures("impatient")
def test_a_standby_that_was_promoted_is_left_for_another_one_at_the_next_question(clinic, caplog):
    clinic.settle()
    caplog.clear()
    address = Address(clinic, poolclass=sa.QueuePool)
    address.url = clinic.standby.url
    sharing = clinic.open(reading=address.engine)
    give(sharing)
    assert sharing.can(BEN, VIEW, CT)
    # The pool now has a connection to what is the primary.
    address.url = clinic.patient.url
    address.engine.dispose()
    address.engine.connect().close()
    address.url = clinic.standby.url
    wait_for(f"{LOGGED}must be of a standby, and this server is not in recovery", caplog, sharing)
    wait_for(BACK, caplog, sharing)
    take(sharing)
    assert not sharing.can(BEN, VIEW, CT)


@pytest.mark.usefixtures("impatient")
def test_a_standby_whose_machine_is_off_seldom_delays_a_check(clinic):
    address = Address(clinic)
    address.delay = 0.2
    sharing = clinic.open(reading=address.engine)
    give(sharing)
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        assert sharing.can(BEN, VIEW, CT)
    assert address.attempts == 1


def connect_to(standby, connection, conninfo):
    quoted = conninfo.replace("'", "''")
    connection.exec_driver_sql(f"ALTER SYSTEM SET primary_conninfo = '{quoted}'")
    standby.control("reload")


def test_what_is_wrong_without_a_server_is_refused_while_the_standby_is_away(clinic, sqlite):
    with pytest.raises(InvalidArgument, match="standby of PostgreSQL"):
        clinic.open(reading=sqlite)
    with pytest.raises(StoreFailed, match=MISSING.partition(";")[0]):
        open_sharing(
            clinic.engine,
            reading=Address(clinic).engine,
            tables=define_tables(sa.MetaData(), prefix="no_"),
        )
