"""A database that cannot be used is told apart at the start, and is never a yes."""

import gc

import pytest
import sqlalchemy
from sqlalchemy.exc import OperationalError

from databases import created_database
from exam_sharing import ExamSharingError, Outcome, Refused, StoreFailed
from exam_sharing.adapters.sqlalchemy import (
    SqlDirectory,
    SqlStore,
    create_all,
    define_tables,
    open_sharing,
    set_up_sqlite,
    sqlite_engine,
    sweep_expired,
)
from exam_sharing.errors import InvalidValue
from world import ANNA, BEN, CARLA, CT, VIEW, World, share_request


def test_a_database_without_our_tables_is_refused_at_the_start(tmp_path):
    with pytest.raises(StoreFailed):
        open_sharing(sqlite_engine(tmp_path / "empty.db"))


def test_a_database_that_is_not_there_is_refused_at_the_start(tmp_path):
    with pytest.raises(StoreFailed):
        open_sharing(sqlite_engine(tmp_path / "no such folder" / "sharing.db"))


def test_an_engine_of_sqlite_whose_transactions_are_none_is_refused_at_the_start(tmp_path):
    create_all(sqlite_engine(tmp_path / "sharing.db"))
    with pytest.raises(InvalidValue, match="sqlite_engine"):
        open_sharing(sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'sharing.db'}"))


def test_a_database_in_memory_is_refused_at_the_start():
    engine = sqlite_engine(":memory:")
    with pytest.raises(InvalidValue, match="must be for a file"):
        open_sharing(engine)


def statements_of(engine, act):
    """Return the statements that an act executes."""
    seen = []

    def note(connection, cursor, statement, *others):
        seen.append(statement)

    sqlalchemy.event.listen(engine, "before_cursor_execute", note)
    try:
        act()
    finally:
        sqlalchemy.event.remove(engine, "before_cursor_execute", note)
    return seen


def test_whichever_statement_of_a_share_fails_nothing_of_it_is_kept(engine, tables, new_store):
    def share(world):
        sharing = open_sharing(engine, tables=tables, directory=world.directory, clock=world.clock)
        return sharing.share(
            share_request(ANNA, CT, BEN, message="Please look.", request_id="once")
        )

    healthy = World(store=new_store())
    statements = statements_of(engine, lambda: share(healthy))
    assert len(statements) > 5
    for number in range(len(statements)):
        world = World(store=new_store())
        before = world.store.events()
        seen = 0

        def fail(connection, cursor, statement, *others, at=number):
            nonlocal seen
            seen += 1
            if seen == at + 1:
                raise OperationalError(statement, {}, Exception("disk is full"))

        sqlalchemy.event.listen(engine, "before_cursor_execute", fail)
        try:
            with pytest.raises(ExamSharingError) as caught:
                share(world)
        finally:
            sqlalchemy.event.remove(engine, "before_cursor_execute", fail)
        assert "Please look" not in str(caught.value)
        assert world.store.events() == before
        assert not world.sharing.can(BEN, VIEW, CT)
        assert world.store.outbox.waiting() == ()
        assert [each.outcome for each in share(world).outcomes] == [Outcome.GRANTED]


def test_a_check_on_a_database_that_fails_is_an_error_of_ours_and_never_a_yes(engine, new_store):
    world = World(store=new_store())
    world.sharing.share(share_request(ANNA, CT, BEN))

    def fail(connection, cursor, statement, *others):
        raise OperationalError(statement, {}, Exception("disk is full"))

    sqlalchemy.event.listen(engine, "before_cursor_execute", fail)
    try:
        with pytest.raises(StoreFailed):
            world.sharing.can(BEN, VIEW, CT)
    finally:
        sqlalchemy.event.remove(engine, "before_cursor_execute", fail)
    assert world.sharing.can(BEN, VIEW, CT)


def let_only_read(engine):
    """Let connections of an engine only read from now on, as a stand-by or a full quota does."""
    postgresql = engine.dialect.name == "postgresql"
    said = "SET default_transaction_read_only = on" if postgresql else "PRAGMA query_only = ON"

    def close(driver_connection, *_):
        driver_connection.execute(said).close()
        if postgresql:
            driver_connection.commit()

    sqlalchemy.event.listen(engine, "checkout", close)


def test_a_database_that_may_only_be_read_answers_checks_and_takes_no_share(
    engine, tables, new_store
):
    world = World(store=new_store())
    world.sharing.share(share_request(ANNA, CT, BEN))
    before = world.store.events()
    reader = sqlalchemy.create_engine(engine.url)
    if engine.dialect.name == "sqlite":
        set_up_sqlite(reader)
    people = {"directory": world.directory, "clock": world.clock}
    sharing = open_sharing(reader, tables=tables, **people)
    let_only_read(reader)
    assert sharing.can(BEN, VIEW, CT)
    assert not sharing.can(CARLA, VIEW, CT)
    with pytest.raises(StoreFailed):
        sharing.share(share_request(ANNA, CT, CARLA))
    with pytest.raises(Refused):
        sharing.share(share_request(CARLA, CT, BEN))
    assert not sharing.can(CARLA, VIEW, CT)
    assert world.store.events() == before
    reader.dispose()


def test_a_file_of_sqlite_that_may_only_be_read_is_refused_at_the_start(tmp_path):
    create_all(sqlite_engine(tmp_path / "sharing.db"))
    address = f"file:{tmp_path / 'sharing.db'}?mode=ro"
    with pytest.raises(StoreFailed):
        open_sharing(sqlite_engine(address, connect_args={"uri": True}))


def test_a_full_file_takes_no_share_and_keeps_nothing_of_it(tmp_path):
    engine = sqlite_engine(tmp_path / "sharing.db")
    create_all(engine)
    world = World(store=SqlStore.over(engine))
    engine.dispose()
    sqlalchemy.event.listen(
        engine, "connect", lambda driver, _: driver.execute("PRAGMA max_page_count = 1").close()
    )
    before, failure = share_until_it_fails(world)
    assert "SQLITE_FULL" in str(failure)
    assert (world.state(), world.store.events()) == before
    assert world.sharing.can(BEN, VIEW, CT) is bool(before[1])
    assert not world.sharing.can(CARLA, VIEW, CT)


def share_until_it_fails(world):
    """Fill the file; return what was so before the share that did not fit, and how it failed."""
    long = share_request(ANNA, CT, BEN, message="Please look. " * 150)
    for _ in range(1_000):
        before = world.state(), world.store.events()
        try:
            world.sharing.share(long)
        except StoreFailed as failure:
            return before, failure
    return pytest.fail("the file never filled")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_database_that_keeps_bytes_and_no_text_is_refused_with_what_to_do(postgresql_server):
    with created_database(postgresql_server, "SQL_ASCII") as url:
        engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
        tables = define_tables(sqlalchemy.MetaData())
        for attempt in (
            lambda: create_all(engine),
            lambda: open_sharing(engine),
            lambda: SqlStore.over(engine),
            lambda: SqlDirectory(engine, tables.directory),
            lambda: sweep_expired(engine),
        ):
            with pytest.raises(StoreFailed, match="with the encoding UTF8"):
                attempt()
        # SQLAlchemy leaves a connection open whose first questions failed; its end belongs here.
        gc.collect()
