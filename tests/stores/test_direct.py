"""A read over psycopg goes past SQLAlchemy's `Connection`, unless the host could tell."""

import logging
import os
import sys
from collections import Counter

import psycopg
import pytest
import sqlalchemy
from sqlalchemy import event

import exam_sharing as es
from databases import engine_of_tokyo
from exam_sharing.adapters.sqlalchemy import (
    SqlDirectory,
    SqlStore,
    create_all,
    define_tables,
    open_sharing,
)
from exam_sharing.adapters.sqlalchemy.direct import DirectReader
from world import ANNA, BEN, CARLA, CT, START, VIEW, World


@pytest.fixture
def engine(postgresql_url):
    engine = engine_of_tokyo(postgresql_url, pool_size=1, max_overflow=0, pool_timeout=1)
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine):
    create_all(engine)
    store = SqlStore.over(engine)
    if not store.find((CT,)):
        World(store=store).share(ANNA, CT, BEN)
    return store


@pytest.fixture
def direct(monkeypatch):
    """Count the reads that went past SQLAlchemy."""
    reads = Counter()
    rows = DirectReader.rows

    def counted(reader, *statement):
        found = rows(reader, *statement)
        reads["failed" if found is None else "answered"] += 1
        return found

    monkeypatch.setattr(DirectReader, "rows", counted)
    return reads


@pytest.fixture
def sharing(store, engine):
    """Sharing that looks groups up in the same database."""
    directory = SqlDirectory(engine, define_tables(sqlalchemy.MetaData()).directory)
    directory.add(es.User(id=BEN, name="Ben"))
    return open_sharing(engine, directory=directory, clock=lambda: START)


def holds(store, user=BEN):
    return store.holds(user, frozenset({user.key}), VIEW, CT, START)


def test_a_check_goes_past_sqlalchemy_and_leaves_the_connection_as_it_was(store, engine, direct):
    assert holds(store)
    assert direct == {"answered": 1}
    with engine.connect() as connection:
        assert connection.connection.driver_connection.autocommit is False
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1


def test_groups_are_looked_up_past_sqlalchemy_too(sharing, direct):
    assert sharing.can(BEN, VIEW, CT)
    assert direct == {"answered": 2}


@pytest.mark.skipif(sys.platform != "linux", reason="libpq traces on Linux alone")
def test_a_check_is_one_round_trip_and_looking_groups_up_another(sharing, engine, tmp_path):
    viewer = sharing.viewer(BEN)
    for ask, trips in (
        (lambda: viewer.can(VIEW, CT), 1),
        (lambda: sharing.can(BEN, VIEW, CT), 2),
    ):
        for _ in range(9):  # The sixth is prepared.
            assert ask()
        with engine.connect() as connection:
            libpq = connection.connection.driver_connection.pgconn
        traced = os.open(tmp_path / "trace", os.O_CREAT | os.O_TRUNC | os.O_RDWR)
        libpq.trace(traced)
        assert ask()
        libpq.untrace()
        os.close(traced)
        assert (tmp_path / "trace").read_text().count("ReadyForQuery") == trips


def test_rows_that_a_host_has_chosen_for_its_connections_change_no_answer(store, engine):
    def choose(driver, *_):
        driver.row_factory = psycopg.rows.dict_row

    event.listen(engine, "checkout", choose)
    assert holds(store)
    assert not holds(store, CARLA)


def test_a_session_may_change_its_encoding_between_two_checks(store, engine):
    juergen = es.UserId("jürgen")
    world = World(store=store, first_act=100)
    world.person(juergen)
    world.share(ANNA, CT, juergen)
    for encoding in ("UTF8", "LATIN1", "UTF8"):
        with engine.begin() as connection:
            connection.exec_driver_sql(f"SET client_encoding TO {encoding}")
        assert holds(store, juergen)


def test_a_connection_keeps_few_cursors_and_few_rows(store, engine):
    reader = DirectReader(engine)

    def kept():
        with engine.connect() as connection:
            return connection.connection.info["exam_sharing_cursors"]

    reader.rows("SELECT generate_series(1, 1000)", None)
    assert not any("generate_series" in text for text, *_ in kept())
    for number in range(100):
        assert reader.rows(f"SELECT {number}", None) == [(number,)]
    assert 10 < len(kept()) < 50


def test_an_older_psycopg_without_raw_cursors_is_read_over_sqlalchemy(
    store, engine, direct, monkeypatch
):
    monkeypatch.delattr(psycopg, "RawCursor")
    assert holds(SqlStore.over(engine))
    assert not direct


@pytest.mark.parametrize("name", ["begin", "before_cursor_execute", "engine_connect"])
def test_who_listens_to_an_engine_sees_every_check(store, engine, direct, name):
    seen = []

    def listen(*args):
        seen.append(args)

    event.listen(engine, name, listen)
    assert holds(store)
    assert seen
    assert not direct
    event.remove(engine, name, listen)
    assert holds(store)
    assert direct == {"answered": 1}


def test_who_logs_statements_sees_every_check(store, direct, caplog):
    with caplog.at_level(logging.INFO, "sqlalchemy.engine"):
        assert holds(store)
    assert not direct
    assert any("EXISTS" in each.getMessage() for each in caplog.records)


def test_a_check_that_a_lost_connection_fails_is_made_over_another(store, engine, direct):
    with engine.connect() as connection:
        number = connection.connection.driver_connection.info.backend_pid
    beside = sqlalchemy.create_engine(engine.url)
    with beside.begin() as connection:
        connection.execute(sqlalchemy.text("SELECT pg_terminate_backend(:n)"), {"n": number})
    beside.dispose()
    assert holds(store)
    assert direct == {"failed": 1}


def test_a_database_that_fails_is_told_in_our_words(store, engine, direct):
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE exam_sharing_grants RENAME TO gone")
    try:
        with pytest.raises(es.StoreFailed, match="the database failed: ProgrammingError, 42P01"):
            holds(store)
    finally:
        with engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE gone RENAME TO exam_sharing_grants")
    assert direct == {"failed": 1}
    assert holds(store)


def test_an_interrupted_check_gives_its_connection_back(store, direct, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(psycopg.Cursor, "execute", interrupt)
    with pytest.raises(KeyboardInterrupt):
        holds(store)
    monkeypatch.undo()
    assert holds(store)
