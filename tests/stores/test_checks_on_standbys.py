"""Checks on a standby of PostgreSQL: never a stale yes, and the primary where it could be one."""

import asyncio
import os
import signal
import socket
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

import exam_sharing as es
from clinic_on_a_pair import CT, delayed, give, opens_stores, take, with_receiver_stopped
from databases import pooled
from exam_sharing.adapters.sqlalchemy import (
    SqlDirectory,
    TableDirectory,
    UserColumns,
    define_tables,
    hanging,
    joined,
    open_sharing,
    standby_guard,
)
from exam_sharing.adapters.sqlalchemy.asynchronous import open_async_sharing
from exam_sharing.adapters.sqlalchemy.cluster_settings import Waiting
from exam_sharing.errors import InvalidArgument, InvalidInput, StoreFailed
from exam_sharing.testing.laws import LawBroken, store_laws
from exam_sharing.testing.worlds import ANNA, BEN

VIEW = es.Permission.VIEW
WARD = es.GroupId("ward")
LAWS = "a check follows every commit"


@pytest.fixture(autouse=True)
def settled(request):
    if "clinic" in request.fixturenames:
        request.getfixturevalue("clinic").settle()


def stale_answers(sharing, rounds, reader=None):
    """Return how many of the first checks after an act did not know of it."""
    reader, stale = reader or sharing, 0
    for _ in range(rounds):
        give(sharing)
        stale += not reader.can(BEN, VIEW, CT)
        take(sharing)
        stale += reader.can(BEN, VIEW, CT)
    return stale


def test_checks_and_lists_are_answered_by_the_standby_and_acts_by_the_primary(clinic):
    sharing = clinic.open()
    clinic.asked.clear()
    give(sharing)
    assert clinic.asked["standby"] == 0
    clinic.asked.clear()
    viewer = sharing.viewer(BEN)
    assert sharing.can(BEN, VIEW, CT)
    assert viewer.can_many(VIEW, [CT]) == {CT}
    assert [each.exam for each in viewer.visible_to().items] == [CT]
    assert clinic.asked["standby"] >= 8
    # It may have been asked again whether commits wait for the standby.
    assert clinic.asked["primary"] <= 1


@pytest.mark.parametrize(("watched", "rounds"), [(True, 10), (False, 25)])
def test_the_first_check_after_an_act_knows_of_it(clinic, watched, rounds):
    # Where nothing listens to statements, reads go past SQLAlchemy, as in most portals.
    standby = clinic.standby if watched else clinic.at(clinic.standby.url)
    assert stale_answers(clinic.open(reading=standby), rounds) == 0


def test_who_left_a_group_has_nothing_from_it_at_once(clinic):
    sharing = clinic.open()
    clinic.directory.add(es.Group(id=WARD, name="ward", members=frozenset([BEN])))
    give(sharing, WARD)
    for members in [frozenset(), frozenset([BEN])] * 10:
        clinic.directory.add(es.Group(id=WARD, name="ward", members=members))
        assert sharing.can(BEN, VIEW, CT) is (BEN in members)


def test_an_act_in_the_transaction_of_a_host_is_known_at_once(clinic):
    sharing = clinic.open()
    for _ in range(10):
        for act, expected in ((give, True), (take, False)):
            with clinic.engine.begin() as connection:
                act(joined(connection, directory=clinic.directory, tables=clinic.tables))
            assert sharing.can(BEN, VIEW, CT) is expected


OF_CHECKS = {
    "the-next-question-sees-a-commit",
    "a-withdrawn-exam-is-gone-for-everybody",
    "grants-of-several-grantors-add-up",
}


def laws_broken_by(clinic, sharing):
    """Return which laws are broken by acts on the primary and checks by a sharing."""
    laws = store_laws(opens_stores(clinic, sharing), threads=False)
    laws = [each for each in laws if each.name in OF_CHECKS]
    assert len(laws) == len(OF_CHECKS)
    found = set()
    for law in laws:
        try:
            law.check()
        except LawBroken:
            found.add(law.name)
    return found


@contextmanager
def overtaken(pair):
    """The standby applies commits late, and they wait for one of two, which is the other one."""
    pair.standby.configure(recovery_min_apply_delay="2s")
    pair.wait_for("ANY 1 (standby, second)")
    yield


@pytest.mark.usefixtures("second")
@pytest.mark.parametrize("fault", [delayed, overtaken])
def test_a_standby_that_lags_breaks_laws_only_where_the_host_accepts_staleness(
    pair, clinic, fault, monkeypatch
):
    monkeypatch.setattr(standby_guard, "_RENEWED", 0.3)
    monkeypatch.setattr(standby_guard, "_COUNTS", 0.6)
    guarded = clinic.open(reading=clinic.at(clinic.standby.url))
    stale = clinic.open(stale_seconds_accepted=3600)
    with fault(pair):
        time.sleep(0.8)
        with pytest.raises(InvalidArgument, match="may be stale"):
            clinic.open()
        assert laws_broken_by(clinic, stale) == OF_CHECKS
        assert laws_broken_by(clinic, guarded) == set()
        clinic.fill()
        assert stale_answers(guarded, 5) == 0


def test_an_answer_that_comes_late_does_not_count(clinic):
    sharing = clinic.open()

    @sa.event.listens_for(clinic.standby, "before_cursor_execute")
    def stopped(connection, cursor, statement, *_):
        if "exam_sharing_grants" in statement:
            time.sleep(0.4)

    give(sharing)
    clinic.asked.clear()
    assert sharing.can(BEN, VIEW, CT)
    sa.event.remove(clinic.standby, "before_cursor_execute", stopped)
    assert clinic.asked["primary"] >= 1


def test_a_token_shows_at_least_its_act_where_staleness_is_accepted(pair, clinic):
    pair.standby.configure(recovery_min_apply_delay="600ms")
    pair.wait_for("")
    stale = clinic.open(stale_seconds_accepted=60)
    receipt = give(stale)
    assert not stale.can(BEN, VIEW, CT)
    assert stale.viewer(BEN, receipt.token).can(VIEW, CT)
    time.sleep(0.7)
    clinic.asked.clear()
    assert stale.viewer(BEN, receipt.token).can(VIEW, CT)
    assert clinic.asked["standby"] >= 4


def test_accepted_staleness_has_an_end(pair, clinic):
    pair.standby.configure(recovery_min_apply_delay="5s")
    pair.wait_for("")
    stale = clinic.open(stale_seconds_accepted=0.5)
    give(stale)
    time.sleep(0.6)
    assert stale.can(BEN, VIEW, CT)


def test_tokens_that_no_act_gave_are_refused(clinic):
    sharing = clinic.open()
    token = give(sharing).token
    cluster, timeline, number = token.split(".")
    for wrong, problem in {
        "": "must be the token of a receipt",
        "garbage": "must be the token of a receipt",
        f"{cluster}.{timeline}.{int(number) + 10**9}": "has not reached",
        f"{cluster}.0000000F.{number}": "has not reached",
        f"{int(cluster) + 1}.{timeline}.{number}": "another cluster",
    }.items():
        with pytest.raises(InvalidInput, match=problem):
            sharing.viewer(BEN, wrong)
    with pytest.raises(es.WrongKind):
        sharing.viewer(BEN, 7)
    with pytest.raises(InvalidInput, match="opened with `reading`"):
        clinic.open(reading=None).viewer(BEN, token)


def test_a_host_that_mixes_servers_up_is_told(clinic, postgresql_server, sqlite):
    def problem(**options):
        with pytest.raises((InvalidArgument, StoreFailed)) as caught:
            clinic.open(**options)
        return str(caught.value)

    assert "not in recovery" in problem(reading=clinic.engine)
    with pytest.raises(InvalidArgument, match="the two are swapped"):
        open_sharing(clinic.standby, reading=clinic.engine, tables=clinic.tables)
    with pytest.raises(InvalidArgument, match="in recovery too"):
        open_sharing(clinic.standby, reading=clinic.standby, tables=clinic.tables)
    assert "same cluster" in problem(reading=clinic.at(postgresql_server))
    elsewhere = clinic.standby.url.set(database="postgres")
    assert "same database" in problem(reading=clinic.at(elsewhere))
    path = {"options": "-c search_path=pg_catalog"}
    assert "same schemas" in problem(reading=clinic.at(clinic.standby.url, connect_args=path))
    renamed = {"schema_translate_map": {None: "other"}}
    assert "same schemas" in problem(reading=clinic.standby.execution_options(**renamed))
    assert "standby of PostgreSQL" in problem(reading=sqlite)
    assert "is an address" in problem(reading="postgresql://")
    for wrong in (0, -1, float("inf"), float("nan"), True):
        assert "a number above 0" in problem(stale_seconds_accepted=wrong)
    assert "must be given" in problem(reading=None, stale_seconds_accepted=1)
    with pytest.raises(StoreFailed, match="tables are not there"):
        open_sharing(
            clinic.engine, reading=clinic.standby, tables=define_tables(sa.MetaData(), prefix="no_")
        )


def test_a_pooler_before_the_standby_is_refused(clinic):
    address = clinic.standby.url.render_as_string(hide_password=False)
    with pooled(address, "transaction", sessions=2) as pooler:
        standby = clinic.at(pooler, connect_args={"prepare_threshold": None})
        with pytest.raises(InvalidArgument, match="without a pooler"):
            clinic.open(reading=standby)
        standby.dispose()


def test_an_address_of_several_standbys_is_answered_by_the_one_that_commits_wait_for(
    second, clinic
):
    second.configure(recovery_min_apply_delay="2s")
    hosts = [clinic.standby.url.query["host"], sa.make_url(second.url).query["host"]]
    query = {"host": [f"{host}:5432" for host in hosts], "load_balance_hosts": "random"}
    either = clinic.at(clinic.standby.url.set(query=query), poolclass=sa.NullPool)
    while True:
        with suppress(InvalidArgument):
            sharing = clinic.open(reading=either)
            break
    assert stale_answers(sharing, 15) == 0


def test_a_standby_with_tables_of_another_shape_is_refused(pair, clinic):
    pair.standby.configure(recovery_min_apply_delay="600ms")
    pair.wait_for("")
    table = clinic.tables.schema
    with clinic.engine.begin() as connection:
        connection.execute(table.update().values(number=table.c.number - 1))
    time.sleep(0.7)
    with clinic.engine.begin() as connection:
        connection.execute(table.update().values(number=table.c.number + 1))
    with pytest.raises(StoreFailed, match="the standby: the tables are of shape"):
        clinic.open(stale_seconds_accepted=60)


def test_settings_under_which_a_standby_may_be_stale_are_refused(pair, clinic):
    def problem():
        with pytest.raises(InvalidArgument) as caught:
            clinic.open()
        return caught.value.problem

    for waits_for in ("", "other", "FIRST 1 (standby, other)", "ANY 1 (other, standby)", "*"):
        pair.wait_for(waits_for)
        assert "synchronous_standby_names must name standby" in problem()
    pair.wait_for("FIRST 1 (standby)")
    pair.primary.configure(wal_sender_timeout="0")
    assert "wal_sender_timeout" in problem()
    pair.primary.configure(wal_sender_timeout="4s")
    clinic.open()


def test_a_role_that_sees_no_replication_is_told_what_to_grant(clinic):
    with clinic.patient.begin() as connection:
        for each in (
            "CREATE ROLE plain LOGIN",
            "GRANT ALL ON ALL TABLES IN SCHEMA public TO plain",
            "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO plain",
        ):
            connection.exec_driver_sql(each)
    primary = clinic.at(clinic.patient.url.set(username="plain"))
    standby = clinic.at(clinic.standby.url.set(username="plain"))
    directory = SqlDirectory(primary, clinic.tables.directory)
    options = {"reading": standby, "tables": clinic.tables, "directory": directory}
    try:
        with pytest.raises(InvalidArgument, match="grant pg_read_all_stats to its role"):
            open_sharing(primary, **options)
        with clinic.patient.begin() as connection:
            connection.exec_driver_sql("GRANT pg_read_all_stats TO plain")
        sharing = open_sharing(primary, **options)
        give(sharing)
        assert sharing.can(BEN, VIEW, CT)
    finally:
        primary.dispose()
        standby.dispose()
        with clinic.patient.begin() as connection:
            connection.exec_driver_sql("DROP OWNED BY plain; DROP ROLE plain")


@pytest.mark.parametrize(
    ("default", "of_a_role", "by"),
    [("remote_apply", None, "standby"), ("on", None, "primary"), ("remote_apply", "on", "primary")],
)
def test_memberships_of_a_host_are_read_on_the_standby_only_if_its_writers_wait(
    pair, clinic, default, of_a_role, by
):
    pair.primary.configure(synchronous_commit=default)
    people = sa.table("principals_of_host", sa.column("id", sa.Text()))
    with clinic.patient.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE principals_of_host (id text PRIMARY KEY)")
        connection.execute(people.insert(), [{"id": str(ANNA)}, {"id": str(BEN)}])
        if of_a_role:
            connection.exec_driver_sql(
                f"ALTER ROLE postgres SET synchronous_commit = '{of_a_role}'"
            )
    try:
        columns = UserColumns(id=people.c.id, name=people.c.id)
        directory = TableDirectory(clinic.patient, users=columns)
        options = {"tables": clinic.tables, "reading": clinic.standby, "directory": directory}
        sharing = open_sharing(clinic.patient, **options)
        clinic.asked.clear()
        assert sharing.viewer(BEN).principals == {BEN.key}
        assert clinic.asked == {"standby": 2} if by == "standby" else clinic.asked["primary"] == 1
    finally:
        with clinic.patient.begin() as connection:
            connection.exec_driver_sql(
                "DROP TABLE principals_of_host; ALTER ROLE postgres RESET synchronous_commit"
            )


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
def test_an_event_loop_asks_the_standby_too(clinic, driver):
    pytest.importorskip(driver)

    async def checked():
        urls = (each.url.set(drivername=f"postgresql+{driver}") for each in clinic.servers)
        primary, standby = map(create_async_engine, urls)
        try:
            with pytest.raises(InvalidArgument, match="must be asynchronous as the engine is"):
                await open_async_sharing(primary, reading=clinic.standby, tables=clinic.tables)
            sharing = await open_async_sharing(primary, reading=standby, tables=clinic.tables)
            receipt = await sharing.share(
                es.ShareRequest(actor=ANNA, exam=CT, recipients=(BEN,), attested=True)
            )
            together = await asyncio.gather(*(sharing.can(BEN, VIEW, CT) for _ in range(5)))
            viewer = await sharing.viewer(BEN, receipt.token)
            return [*together, await viewer.can(VIEW, CT)]
        finally:
            await primary.dispose()
            await standby.dispose()

    assert asyncio.run(checked()) == [True] * 6


@pytest.mark.parametrize(
    ("setting", "waits"),
    [
        ("standby", True),
        ("STANDBY", True),
        ('"standby"', True),
        ("FIRST 1 (standby)", True),
        ("1 (standby)", True),
        ("first 2 (a, standby)", True),
        ("ANY 2 (standby, a)", True),
        ('ANY 2 ("a, b", standby)', True),
        ("", False),
        ("*", False),
        ("FIRST 1 (*)", False),
        ("other", False),
        ("standby, other", False),
        ("other, standby", False),
        ("FIRST 1 (standby, other)", False),
        ("ANY 1 (standby, other)", False),
        ("ANY 2 (standby, a, b)", False),
        ("FIRST 1 (standby2)", False),
    ],
)
def test_commits_wait_in_any_case_for_all_or_for_none_of_the_named_standbys(setting, waits):
    assert Waiting.of(setting).for_all("standby") is waits


# These end the connection of the standby, which then answers nothing for a while.


def test_without_its_standby_checks_are_answered_by_the_primary(pair, clinic, caplog):
    pair.primary.configure(wal_sender_timeout="2s")
    sharing = clinic.open()
    give(sharing)
    pair.standby.control("stop", "-m", "immediate")
    for _ in range(5):
        assert sharing.can(BEN, VIEW, CT)
    assert caplog.messages == ["checks on a standby: the standby does not answer"]
    pair.standby.control("start")
    # Whoever saw that it was gone could stop to wait for it only now.
    deadline = time.monotonic() + 20
    while "connected just now" not in (again := clinic.open())._reading._guard._word.problem:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    clinic.asked.clear()
    assert again.can(BEN, VIEW, CT)
    assert clinic.asked["primary"] >= 2
    while clinic.asked["standby"] != 4:
        assert time.monotonic() < deadline
        time.sleep(0.1)
        clinic.asked.clear()
        assert sharing.can(BEN, VIEW, CT)
    assert caplog.messages[-1] == "checks on a standby: it answers again"


def test_a_standby_that_cannot_be_reached_is_left_alone_past_sqlalchemy_too(clinic, caplog):
    standby = clinic.at(clinic.standby.url, poolclass=sa.NullPool)
    sharing = clinic.open(reading=standby)
    give(sharing)
    viewer = sharing.viewer(BEN)

    @sa.event.listens_for(standby, "do_connect")
    def unreachable(*_):
        raise standby.dialect.loaded_dbapi.OperationalError

    assert viewer.can(VIEW, CT)
    assert viewer.can(VIEW, CT)
    assert caplog.messages == ["checks on a standby: the standby does not answer"]


@contextmanager
def frozen(url):
    """Nothing of a server runs."""
    one = sa.create_engine(url, poolclass=sa.NullPool)
    with one.connect() as connection:
        folder = Path(connection.scalar(sa.text("SHOW data_directory")))
        pids = set(connection.scalars(sa.text("SELECT pid FROM pg_stat_activity")))
    stopped = {int((folder / "postmaster.pid").read_text().split()[0]), *pids}
    for each in stopped:
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGSTOP)
    try:
        yield
    finally:
        for each in stopped:
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGCONT)


@pytest.mark.parametrize("watched", [True, False])
def test_a_standby_that_hangs_delays_a_check_for_seconds_at_most(
    clinic, watched, caplog, monkeypatch
):
    monkeypatch.setattr(standby_guard, "_RENEWED", 0.3)
    monkeypatch.setattr(standby_guard, "_COUNTS", 0.7)
    standby = clinic.standby if watched else clinic.at(clinic.standby.url)
    sharing = clinic.open(reading=standby)
    give(sharing)
    viewer = sharing.viewer(BEN)
    assert viewer.can(VIEW, CT)
    with frozen(clinic.standby.url):
        began = time.monotonic()
        assert viewer.can(VIEW, CT)
        assert 0.5 < time.monotonic() - began < 3
        # The next ones ask the primary at once.
        began = time.monotonic()
        assert viewer.can(VIEW, CT)
        assert time.monotonic() - began < 0.5
    assert any("does not answer" in each or "failed" in each for each in caplog.messages)
    standby.dispose()


def test_a_standby_that_hangs_delays_a_check_over_asyncpg_no_longer(clinic, monkeypatch):
    pytest.importorskip("asyncpg")
    monkeypatch.setattr(standby_guard, "_COUNTS", 0.7)

    async def checked():
        urls = (each.url.set(drivername="postgresql+asyncpg") for each in clinic.servers)
        primary, standby = map(create_async_engine, urls)
        try:
            sharing = await open_async_sharing(primary, reading=standby, tables=clinic.tables)
            viewer = await sharing.viewer(BEN)
            assert await viewer.can(VIEW, CT)
            took = []
            with frozen(clinic.standby.url):
                for _ in range(2):
                    began = time.monotonic()
                    assert await viewer.can(VIEW, CT)
                    took.append(time.monotonic() - began)
            return took
        finally:
            await primary.dispose()
            await standby.dispose()

    give(clinic.open())
    first, second = asyncio.run(checked())
    assert 0.5 < first < 3
    assert second < 0.5


def refusing(engine):
    """Let the next connections of an engine be refused; no server listens there."""
    with socket.create_server(("127.0.0.1", 0)) as once:
        port = once.getsockname()[1]

    @sa.event.listens_for(engine.sync_engine, "do_connect")
    def elsewhere(_dialect, _record, _arguments, options):
        options |= {"host": "127.0.0.1", "port": port}


def test_a_standby_that_refuses_connections_is_left_alone_over_asyncpg_too(clinic, caplog):
    pytest.importorskip("asyncpg")

    async def checked():
        urls = (each.url.set(drivername="postgresql+asyncpg") for each in clinic.servers)
        primary, standby = (create_async_engine(each, poolclass=sa.NullPool) for each in urls)
        sharing = await open_async_sharing(primary, reading=standby, tables=clinic.tables)
        viewer = await sharing.viewer(BEN)
        assert await viewer.can(VIEW, CT)
        refusing(standby)
        answers = [await viewer.can(VIEW, CT), await viewer.can(VIEW, CT)]
        again = await open_async_sharing(primary, reading=standby, tables=clinic.tables)
        answers.append(await again.can(BEN, VIEW, CT))
        refusing(primary)
        with pytest.raises(StoreFailed, match="the database failed: ConnectionRefusedError"):
            await again.can(BEN, VIEW, CT)
        return answers

    give(clinic.open())
    assert asyncio.run(checked()) == [True] * 3
    assert caplog.messages == ["checks on a standby: the standby does not answer"] * 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_ends_no_read_of_the_process_that_it_came_from():
    def over(one):
        return SimpleNamespace(pgconn=SimpleNamespace(socket=one.fileno()))

    (ours, server), (of_fork, other) = socket.socketpair(), socket.socketpair()
    with hanging.ended_after(0.3, over(ours)):
        fork = os.fork()
        if not fork:
            with suppress(BaseException), hanging.ended_after(60, over(of_fork)):
                time.sleep(0.3 + 3 * hanging._TICK)
            os._exit(0)
    os.waitpid(fork, 0)
    server.sendall(b"answer")
    assert ours.recv(10) == b"answer"
    for each in (ours, server, of_fork, other):
        each.close()


def test_a_standby_that_is_cut_off_stops_answering_before_the_primary_lets_it_go(
    pair, clinic, monkeypatch
):
    for each in ("_RENEWED", "_COUNTS"):
        monkeypatch.setattr(standby_guard, each, 3600)
    guarded = clinic.open(reading=clinic.at(clinic.standby.url))
    stale = clinic.open(stale_seconds_accepted=3600)
    give(guarded)
    assert guarded.can(BEN, VIEW, CT)
    with with_receiver_stopped(clinic):
        time.sleep(2.6)
        pair.wait_for("")
        # An act of another process: this one asks the primary nothing more.
        take(clinic.open(reading=None))
        assert stale.can(BEN, VIEW, CT)
        assert not guarded.can(BEN, VIEW, CT)
