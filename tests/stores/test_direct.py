"""A read over psycopg goes past SQLAlchemy's `Connection`, unless the host could tell."""

import logging
from collections import Counter

import pytest
import sqlalchemy
from sqlalchemy import event

import exam_sharing as es
from databases import engine_of_tokyo
from exam_sharing.adapters.sqlalchemy import SqlStore, create_all
from exam_sharing.adapters.sqlalchemy.direct import DirectReader
from world import ANNA, BEN, CT, START, VIEW, World


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


def holds(store, user=BEN):
    return store.holds(user, frozenset({user.key}), VIEW, CT, START)


def test_a_check_goes_past_sqlalchemy_and_leaves_the_connection_as_it_was(store, engine, direct):
    assert holds(store)
    assert direct == {"answered": 1}
    with engine.connect() as connection:
        assert connection.connection.driver_connection.autocommit is False
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1


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

    driver = store._transactions._engine.dialect.loaded_dbapi
    monkeypatch.setattr(driver.Connection, "execute", interrupt)
    with pytest.raises(KeyboardInterrupt):
        holds(store)
    monkeypatch.undo()
    assert holds(store)
