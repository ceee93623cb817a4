"""What a host brings: engines, names of its own, transactions of its own."""

import pytest
import sqlalchemy
from sqlalchemy.schema import CreateTable

from exam_sharing import StoreFailed, UnshareRequest, User
from exam_sharing.adapters.sqlalchemy import (
    SqlDirectory,
    SqlStore,
    create_all,
    define_tables,
    joined,
    open_sharing,
    set_up_sqlite,
)
from exam_sharing.errors import InvalidValue
from world import ANNA, BEN, CARLA, CT, DAN, DAY, VIEW, World, share_request


@pytest.fixture
def world(new_store):
    return World(store=new_store())


def test_tables_live_among_the_hosts_under_its_prefix_and_its_names(engine):
    names = {
        "ix": "idx_%(table_name)s_%(column_0_N_name)s",
        "pk": "key_%(table_name)s",
        "uq": "one_%(table_name)s_%(column_0_N_name)s",
    }
    metadata = sqlalchemy.MetaData(naming_convention=names)
    tables = define_tables(metadata, prefix="portal_")
    assert {table.name for table in tables.all()} == set(metadata.tables)
    assert all(name.startswith("portal_") for name in metadata.tables)
    assert create_all(engine, tables) is tables
    create_all(engine, tables)
    world = World(store=SqlStore.over(engine, tables=tables))
    world.share(ANNA, CT, BEN)
    assert world.can_view(BEN, CT)
    with pytest.raises(StoreFailed, match="is taken"):
        open_sharing(
            engine,
            directory=world.directory,
            clock=world.clock,
            new_id=lambda: "act1",
            tables=tables,
        ).share(share_request(ANNA, CT, DAN))
    metadata.drop_all(engine)
    with pytest.raises(StoreFailed, match="create them with create_all or a migration"):
        open_sharing(engine, tables=tables)


def test_tables_can_be_put_into_a_schema(postgresql):
    tables = define_tables(sqlalchemy.MetaData(), schema="sharing")
    with postgresql.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA sharing")
    create_all(postgresql, tables)
    world = World(store=SqlStore.over(postgresql, tables=tables))
    world.share(ANNA, CT, BEN)
    assert world.can_view(BEN, CT)


def test_every_text_that_is_compared_is_compared_by_code_point_on_postgresql(tables, postgresql):
    made = [str(CreateTable(table).compile(postgresql)) for table in tables.all()]
    assert not [
        line
        for ddl in made
        for line in ddl.splitlines()
        if "VARCHAR(" in line and '"C"' not in line
    ]


@pytest.mark.parametrize("shape", [0, 2])
def test_tables_of_another_shape_are_named_by_their_shape(sqlite, shape):
    tables = define_tables(sqlalchemy.MetaData(), prefix=f"shape_{shape}_")
    create_all(sqlite, tables)
    with sqlite.begin() as connection:
        connection.execute(tables.schema.update().values(number=shape))
    for ask in (open_sharing, create_all):
        with pytest.raises(
            StoreFailed, match=f"of shape {shape}, {'older' if shape == 0 else 'newer'}"
        ):
            ask(sqlite, tables=tables)


def test_an_engine_for_another_database_is_refused():
    engine = sqlalchemy.create_mock_engine("mysql+pymysql://", lambda *_: None)
    with pytest.raises(InvalidValue, match="PostgreSQL or SQLite"):
        open_sharing(engine)


def test_an_engine_of_the_hosts_own_can_be_set_up(tmp_path):
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'own.db'}")
    set_up_sqlite(engine)
    tables = create_all(engine)
    world = World(store=SqlStore.over(engine, tables=tables))
    world.share(ANNA, CT, BEN)
    assert world.can_view(BEN, CT)
    engine.dispose()


def test_notices_wait_for_a_relay_and_without_a_notifier_for_ever(engine, tables, world):
    sharing = open_sharing(engine, directory=world.directory, clock=world.clock, tables=tables)
    sharing.share(share_request(ANNA, CT, BEN, message="hello"))
    for _ in range(sharing.policy.retries.limit + 1):
        world.wait(DAY)
        assert sharing.admin.deliver_notices() == 0
    (waiting,) = world.store.outbox.waiting()
    assert waiting.attempts == 0
    assert world.sharing.admin.deliver_notices() == 1
    assert world.told()[BEN].message == "hello"
    assert world.store.outbox.waiting() == ()


def test_users_and_groups_are_kept_in_the_same_database_where_the_host_keeps_none(
    engine, tables, world
):
    sharing = open_sharing(engine, clock=world.clock, tables=tables)
    directory = SqlDirectory(engine, tables.directory)
    for user in (ANNA, BEN):
        directory.add(User(id=user, name=str(user)))
    sharing.share(share_request(ANNA, CT, BEN))
    assert open_sharing(engine, clock=world.clock, tables=tables).can(BEN, VIEW, CT)
    assert not sharing.can(CARLA, VIEW, CT)
    with engine.begin() as connection:
        inside = joined(connection, directory=directory, tables=tables, clock=world.clock)
        inside.unshare(UnshareRequest(actor=ANNA, exam=CT, recipient=BEN))
    assert not sharing.can(BEN, VIEW, CT)
