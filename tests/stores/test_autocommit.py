"""An act is done as a whole or not at all, whatever was said of the engine; else it is refused."""

import psycopg
import pytest
import sqlalchemy
from sqlalchemy.orm import Session

from exam_sharing import InvalidValue, StoreFailed
from exam_sharing.adapters.sqlalchemy import (
    SqlDirectory,
    SqlStore,
    create_all,
    joined,
    open_sharing,
    over_driver_connection,
    set_up_sqlite,
    sweep_expired,
)
from world import ANNA, BEN, CT, World


def by_create_engine(url):
    return sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT")


def by_execution_options(url):
    return sqlalchemy.create_engine(url, execution_options={"isolation_level": "AUTOCOMMIT"})


def by_options_of_the_engine(url):
    return sqlalchemy.create_engine(url).execution_options(isolation_level="AUTOCOMMIT")


def by_the_drivers_arguments(url):
    return sqlalchemy.create_engine(url, connect_args={"autocommit": True})


def by_an_event(name):
    def engine_of(url):
        engine = sqlalchemy.create_engine(url)

        def set_autocommit(driver_connection, *_):
            driver_connection.autocommit = True

        sqlalchemy.event.listen(engine, name, set_autocommit)
        return engine

    return engine_of


AUTOCOMMIT = {
    "create_engine": by_create_engine,
    "execution_options": by_execution_options,
    "options_of_the_engine": by_options_of_the_engine,
    "arguments_of_the_driver": by_the_drivers_arguments,
    "event_connect": by_an_event("connect"),
    "event_checkout": by_an_event("checkout"),
}
OPENINGS = {
    "open_sharing": lambda engine, tables: open_sharing(engine, tables=tables),
    "over": lambda engine, tables: SqlStore.over(engine, tables=tables),
    "SqlDirectory": lambda engine, tables: SqlDirectory(engine, tables.directory),
    "sweep_expired": lambda engine, tables: sweep_expired(engine, tables=tables),
    "create_all": create_all,
}


@pytest.fixture(scope="module")
def tables_there(postgresql):
    return create_all(postgresql)


@pytest.mark.parametrize("engine_of", AUTOCOMMIT.values(), ids=AUTOCOMMIT)
@pytest.mark.parametrize("opening", OPENINGS.values(), ids=OPENINGS)
def test_an_engine_of_postgresql_in_autocommit_mode_is_refused(
    postgresql_url, tables_there, engine_of, opening
):
    engine = engine_of(postgresql_url)
    with pytest.raises(InvalidValue, match="AUTOCOMMIT") as refused:
        opening(engine, tables_there)
    assert refused.value.field == "engine"
    engine.dispose()


def test_an_engine_over_the_same_pool_in_another_mode_is_accepted(
    postgresql_url, tables_there, open_store_on
):
    engine = by_create_engine(postgresql_url)
    other = engine.execution_options(isolation_level="READ COMMITTED")
    assert_shares_are_whole(other, tables_there, open_store_on)
    engine.dispose()


def assert_shares_are_whole(engine, tables, open_store_on):
    """Let a share fail at its last table, and see that nothing of it is kept."""
    world = World(store=open_store_on(engine, tables)())
    events = tables.events.name
    with engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE {events} RENAME TO hidden")
    try:
        with pytest.raises(StoreFailed):
            world.share(ANNA, CT, BEN, message="hello")
        assert world.grants(CT) == ()
        assert world.store.outbox.waiting() == ()
    finally:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"ALTER TABLE hidden RENAME TO {events}")
    world.share(ANNA, CT, BEN)
    assert len(world.grants(CT)) == 1


def test_an_engine_that_begins_no_transaction_later_writes_nothing(
    postgresql_url, tables_there, open_store_on
):
    engine = sqlalchemy.create_engine(postgresql_url)
    world = World(store=open_store_on(engine, tables_there)())

    @sqlalchemy.event.listens_for(engine, "begin")
    def set_autocommit(connection):
        connection.connection.dbapi_connection.autocommit = True

    with pytest.raises(StoreFailed, match="begins no transaction"):
        world.share(ANNA, CT, BEN)
    assert world.grants(CT) == ()
    engine.dispose()


@pytest.mark.parametrize("engine_of", AUTOCOMMIT.values(), ids=AUTOCOMMIT)
@pytest.mark.parametrize("kind", ["connection", "session"])
def test_there_is_no_transaction_to_join_in_autocommit_mode(
    postgresql_url, tables_there, engine_of, kind
):
    engine = engine_of(postgresql_url)
    transaction = engine.connect() if kind == "connection" else Session(engine)
    with transaction, transaction.begin(), pytest.raises(InvalidValue, match="must have begun"):
        joined(transaction, directory=World().directory, tables=tables_there)
    engine.dispose()


def test_a_host_that_begins_by_a_statement_is_in_a_transaction(postgresql, tables_there):
    address = postgresql.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as connection:
        with pytest.raises(InvalidValue, match="must be in a transaction"):
            over_driver_connection(connection, postgresql)
        connection.execute("BEGIN")
        lent = over_driver_connection(connection, postgresql)
        joined(lent, directory=World().directory, tables=tables_there)
        connection.execute("ROLLBACK")


def sqlite_at(path, **options):
    engine = sqlalchemy.create_engine(f"sqlite:///{path}", **options)
    set_up_sqlite(engine)
    return engine


TRANSACTIONAL = {
    "isolation_level": {"isolation_level": "AUTOCOMMIT"},
    "execution_options": {"execution_options": {"isolation_level": "AUTOCOMMIT"}},
    "serializable": {"isolation_level": "SERIALIZABLE"},
}


@pytest.mark.parametrize("options", TRANSACTIONAL.values(), ids=TRANSACTIONAL)
def test_acts_in_sqlite_are_whole_whatever_the_isolation_level(tmp_path, open_store_on, options):
    engine = sqlite_at(tmp_path / "own.db", **options)
    assert_shares_are_whole(engine, create_all(engine), open_store_on)
    engine.dispose()


def without_rollback(path):
    return sqlite_at(path, skip_autocommit_rollback=True)


def without_a_journal(path):
    engine = sqlite_at(path)
    sqlalchemy.event.listen(
        engine, "connect", lambda each, _: each.execute("PRAGMA journal_mode = OFF").close()
    )
    return engine


def beginning_nothing(path):
    engine = sqlalchemy.create_engine(f"sqlite:///{path}", isolation_level="AUTOCOMMIT")
    sqlalchemy.event.listen(engine, "begin", lambda connection: None)
    return engine


TEARING = {
    "skip_autocommit_rollback": (without_rollback, "must roll transactions back"),
    "journal_mode_off": (without_a_journal, "must roll transactions back"),
    "autocommit": (beginning_nothing, "must begin transactions itself"),
}


@pytest.mark.parametrize(("engine_of", "problem"), TEARING.values(), ids=TEARING)
@pytest.mark.parametrize("opening", OPENINGS.values(), ids=OPENINGS)
def test_an_engine_of_sqlite_whose_acts_could_tear_is_refused(
    tmp_path, engine_of, problem, opening
):
    sound = sqlite_at(tmp_path / "own.db")
    tables = create_all(sound)
    sound.dispose()
    engine = engine_of(tmp_path / "own.db")
    with pytest.raises(InvalidValue, match=problem):
        opening(engine, tables)
    engine.dispose()


def test_there_is_no_transaction_to_join_where_sqlite_has_begun_none(tmp_path):
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'own.db'}")
    with engine.begin() as connection, pytest.raises(InvalidValue, match="must have begun"):
        joined(connection, directory=World().directory)
    engine.dispose()
