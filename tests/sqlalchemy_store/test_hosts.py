"""What a host brings: engines, names of its own, transactions of its own."""

import threading
import time

import pytest
import sqlalchemy
from sqlalchemy.orm import Session
from sqlalchemy.schema import CreateTable

from exam_sharing import Conflict, ReasonCode, Refused, StoreFailed, UnshareRequest, User, UserId
from exam_sharing.adapters.sqlalchemy import (
    SqlStore,
    create_all,
    define_tables,
    joined,
    open_sharing,
    set_up_sqlite,
)
from exam_sharing.errors import InvalidValue
from exam_sharing.events import ActRefused
from world import ANNA, BEN, CARLA, CT, DAN, DAY, MR, START, VIEW, World, codes, share_request


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
    with pytest.raises(StoreFailed, match="the id of a grant is taken"):
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
    assert sharing.deliver_notices() == 0
    (waiting,) = world.store.outbox.waiting()
    assert waiting.attempts == 1
    assert world.sharing.deliver_notices() == 1
    assert world.told()[BEN].message == "hello"
    assert world.store.outbox.waiting() == ()


def test_relays_side_by_side_send_each_notice_once(engine, tables, world):
    sharing = open_sharing(engine, directory=world.directory, clock=world.clock, tables=tables)
    for number in range(20):
        reader = UserId(f"reader{number}")
        world.person(reader)
        sharing.share(share_request(ANNA, CT, reader))
    relays = [
        threading.Thread(target=world.sharing.deliver_notices, name=f"relay {number}")
        for number in range(4)
    ]
    for relay in relays:
        relay.start()
    for relay in relays:
        relay.join()
    assert len(world.told()) == 20


@pytest.fixture
def on_postgresql(postgresql, open_store_on):
    """A portal where hosts can write side by side, as they cannot in SQLite."""
    tables = create_all(postgresql)
    return World(store=open_store_on(postgresql, tables)()), tables


@pytest.fixture
def in_host(engine, tables, world):
    """A function that joins a transaction."""

    def join(transaction):
        return joined(transaction, directory=world.directory, tables=tables, clock=world.clock)

    return join


@pytest.fixture
def noted(engine):
    """What is begun, committed and rolled back."""
    events = []
    listeners = [
        (name, lambda *_, name=name: events.append(name))
        for name in ("begin", "commit", "rollback")
    ]
    for name, listener in listeners:
        sqlalchemy.event.listen(engine, name, listener)
    yield events
    for name, listener in listeners:
        sqlalchemy.event.remove(engine, name, listener)


def test_the_hosts_transaction_is_the_hosts_alone(engine, in_host, noted):
    with engine.connect() as connection, connection.begin():
        noted.clear()
        sharing = in_host(connection)
        sharing.share(share_request(ANNA, CT, BEN, message="hello"))
        sharing.unshare(UnshareRequest(actor=ANNA, exam=CT, recipient=BEN))
        sharing.visible_to(BEN)
        assert sharing.deliver_notices() == 0
        assert noted == []
        assert connection.in_transaction()


def test_notices_of_an_act_inside_leave_once_the_host_has_committed(engine, in_host, world):
    with engine.begin() as connection:
        in_host(connection).share(share_request(ANNA, CT, BEN))
    assert world.sharing.deliver_notices() == 1


def test_a_refusal_inside_is_recorded_whatever_the_host_does_where_that_can_be(
    engine, in_host, world
):
    with engine.connect() as connection, connection.begin() as transaction:
        with pytest.raises(Refused) as refused:
            in_host(connection).share(share_request(BEN, CT, DAN))
        assert codes(refused.value.reasons) == [ReasonCode.EXAM_NOT_FOUND]
        transaction.rollback()
    kept = [event for event in world.store.events() if isinstance(event, ActRefused)]
    assert len(kept) == (1 if engine.dialect.name == "postgresql" else 0)


def test_an_act_inside_that_fails_leaves_nothing_and_the_host_goes_on(engine, tables, world):
    world.share(ANNA, CT, BEN)
    with engine.connect() as connection, connection.begin() as transaction:
        same_id = joined(
            connection, directory=world.directory, tables=tables, new_id=lambda: "act1"
        )
        with pytest.raises(StoreFailed, match="is taken"):
            same_id.share(share_request(ANNA, MR, DAN, message="hello"))
        other = joined(connection, directory=world.directory, tables=tables)
        other.share(share_request(ANNA, MR, CARLA))
        transaction.commit()
    assert world.can_view(CARLA, MR)
    assert not world.can_view(DAN, MR)
    assert [notice.to for notice in world.store.outbox.waiting()] == [CARLA]


def test_who_is_outside_waits_for_the_host_and_then_decides_on_what_it_left(
    postgresql, on_postgresql
):
    world, tables = on_postgresql
    done = []
    with postgresql.connect() as connection, connection.begin() as transaction:
        inside = joined(connection, directory=world.directory, tables=tables, clock=world.clock)
        inside.share(share_request(ANNA, CT, BEN))
        outside = threading.Thread(
            target=lambda: done.append(world.share(ANNA, CT, DAN, until=START + DAY))
        )
        outside.start()
        time.sleep(0.2)
        assert done == []
        transaction.commit()
        outside.join(30)
    assert len(done) == 1
    assert sorted(grant.version for grant in world.grants(CT)) == [1, 2]


def test_a_host_that_sees_an_older_moment_gets_a_conflict_after_one_attempt(
    postgresql, on_postgresql
):
    world, tables = on_postgresql
    earlier = postgresql.execution_options(isolation_level="REPEATABLE READ")
    with earlier.connect() as connection, connection.begin():
        connection.execute(tables.exams.select())
        world.share(ANNA, CT, BEN)
        sharing = joined(connection, directory=world.directory, tables=tables)
        with pytest.raises(Conflict) as caught:
            sharing.share(share_request(ANNA, CT, DAN))
    assert caught.value.attempts == 1


def test_a_circle_of_hosts_is_broken_by_a_conflict(postgresql, on_postgresql):
    world, tables = on_postgresql
    both_hold_one = threading.Barrier(2)
    ends = []

    def act(first, second):
        with postgresql.connect() as connection, connection.begin() as transaction:
            sharing = joined(connection, directory=world.directory, tables=tables)
            sharing.share(share_request(ANNA, first, BEN))
            both_hold_one.wait()
            try:
                sharing.share(share_request(ANNA, second, BEN))
            except Conflict:
                ends.append("conflict")
                transaction.rollback()
            else:
                ends.append("done")

    hosts = [threading.Thread(target=act, args=each) for each in ((CT, MR), (MR, CT))]
    for host in hosts:
        host.start()
    for host in hosts:
        host.join(30)
    assert sorted(ends) == ["conflict", "done"]
    assert world.can_view(BEN, CT)
    assert world.can_view(BEN, MR)


def test_a_session_is_joined_in_its_own_transaction(engine, in_host, world):
    with Session(engine) as session, session.begin():
        in_host(session).share(share_request(ANNA, CT, BEN))
        assert in_host(session).can(BEN, VIEW, CT)
    assert world.can_view(BEN, CT)


def test_users_and_groups_are_kept_in_the_same_database_where_the_host_keeps_none(
    engine, tables, world
):
    sharing = open_sharing(engine, clock=world.clock, tables=tables)
    for user in (ANNA, BEN):
        sharing.directory.add(User(id=user, name=str(user)))
    sharing.share(share_request(ANNA, CT, BEN))
    assert open_sharing(engine, clock=world.clock, tables=tables).can(BEN, VIEW, CT)
    assert not sharing.can(CARLA, VIEW, CT)
    with engine.begin() as connection:
        inside = joined(connection, directory=sharing.directory, tables=tables, clock=world.clock)
        inside.unshare(UnshareRequest(actor=ANNA, exam=CT, recipient=BEN))
    assert not sharing.can(BEN, VIEW, CT)
