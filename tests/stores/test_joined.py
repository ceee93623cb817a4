"""Sharing inside the host's own transaction: it commits with the host's rows, or not at all."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
import sqlalchemy
from sqlalchemy.orm import Session

import exam_sharing as es
from exam_sharing.adapters.sqlalchemy import SqlDirectory, joined, sqlite_engine
from exam_sharing.events import ActRefused
from exam_sharing.testing.worlds import ANNA, BEN, CARLA, CT, DAN, EVA, MR, NURSES
from world import DAY, START, VIEW, codes, share_request


@pytest.fixture(params=["connection", "session"])
def transaction(request, engine):
    """What the host has open, once it has begun."""
    if request.param == "connection":
        with engine.connect() as connection, connection.begin():
            yield connection
    else:
        with Session(engine) as session, session.begin():
            yield session


def test_a_share_counts_once_the_host_commits(world, transaction, tables):
    sharing = joined(transaction, directory=world.directory, tables=tables)
    sharing.share(share_request(ANNA, CT, BEN))
    assert sharing.can(BEN, VIEW, CT)
    transaction.commit()
    assert world.can_view(BEN, CT)
    assert world.sharing.admin.deliver_notices() == 1


def test_a_rollback_of_the_host_takes_a_share_back(world, transaction, tables):
    sharing = joined(transaction, directory=world.directory, tables=tables)
    sharing.share(share_request(ANNA, CT, BEN, message="hello"))
    transaction.rollback()
    assert not world.sharing.can(BEN, VIEW, CT)
    assert world.store.outbox.waiting() == ()
    assert world.store.events() == ()


def test_a_refusal_leaves_the_host_its_transaction(world, transaction, tables):
    sharing = joined(transaction, directory=world.directory, tables=tables)
    with pytest.raises(es.Refused):
        sharing.share(share_request(BEN, CT, DAN))
    sharing.share(share_request(ANNA, CT, BEN))
    transaction.commit()
    assert world.sharing.can(BEN, VIEW, CT)


@pytest.fixture
def in_host(engine, tables, world):
    def join(transaction):
        return joined(transaction, tables=tables, **world.people)

    return join


@pytest.fixture
def noted(engine):
    """What is begun, committed and rolled back."""
    events = []
    with ExitStack() as removing:
        for name in ("begin", "commit", "rollback"):

            def note(*_, name=name):
                events.append(name)

            sqlalchemy.event.listen(engine, name, note)
            removing.callback(sqlalchemy.event.remove, engine, name, note)
        yield events


def test_only_the_host_begins_commits_and_rolls_back(engine, in_host, noted):
    with engine.connect() as connection, connection.begin():
        noted.clear()
        sharing = in_host(connection)
        sharing.share(share_request(ANNA, CT, BEN, message="hello"))
        sharing.unshare(es.UnshareRequest(actor=ANNA, exam=CT, recipient=BEN))
        sharing.visible_to(BEN)
        assert sharing.admin.deliver_notices() == 0
        assert noted == []
        assert connection.in_transaction()


def test_a_refusal_survives_a_rollback_of_the_host_on_postgresql(engine, in_host, world):
    with engine.connect() as connection, connection.begin() as transaction:
        with pytest.raises(es.Refused) as refused:
            in_host(connection).share(share_request(BEN, CT, DAN))
        assert codes(refused.value.reasons) == [es.ReasonCode.EXAM_NOT_FOUND]
        transaction.rollback()
    kept = [event for event in world.store.events() if isinstance(event, ActRefused)]
    assert len(kept) == (1 if engine.dialect.name == "postgresql" else 0)


def test_an_access_is_written_each_time_and_survives_a_rollback_on_postgresql(
    engine, in_host, world
):
    for ends in ("rollback", "commit"):
        with engine.connect() as connection, connection.begin() as transaction:
            sharing = in_host(connection)
            for _ in range(2):
                sharing.record_access(BEN, CT, VIEW)
            getattr(transaction, ends)()
    found = world.sharing.admin.accesses(exams=[CT]).items
    assert [each.count for each in found] == [4 if engine.dialect.name == "postgresql" else 2]


def test_a_failed_act_writes_nothing_and_the_host_goes_on(engine, tables, world):
    world.share(ANNA, CT, BEN)
    with engine.connect() as connection, connection.begin() as transaction:
        same_id = joined(
            connection, directory=world.directory, tables=tables, new_id=lambda: "act1"
        )
        with pytest.raises(es.StoreFailed, match="is taken"):
            same_id.share(share_request(ANNA, MR, DAN, message="hello"))
        other = joined(connection, directory=world.directory, tables=tables)
        other.share(share_request(ANNA, MR, CARLA))
        transaction.commit()
    assert world.can_view(CARLA, MR)
    assert not world.can_view(DAN, MR)
    assert [notice.to for notice in world.store.outbox.waiting()] == [CARLA]


@pytest.fixture
def one_connection(engine):
    """An engine for the same database that makes one connection and no more."""
    makes = sqlite_engine if engine.dialect.name == "sqlite" else sqlalchemy.create_engine
    where = engine.url.database if engine.dialect.name == "sqlite" else engine.url
    small = makes(where, pool_size=1, max_overflow=0, pool_timeout=0.2)
    yield small
    small.dispose()


@pytest.fixture
def own_people(one_connection, tables, asking_back):
    """Users in the same database, by the engine with one connection."""
    people = asking_back(one_connection, tables)
    for user in (ANNA, BEN, CARLA, DAN, EVA):
        people.add(es.User(id=user, name=str(user)))
    people.add(es.Group(id=NURSES, name="nurses", members=frozenset({DAN, EVA})))
    return people


def test_no_question_inside_needs_a_second_connection(world, one_connection, own_people, tables):
    with one_connection.connect() as connection, connection.begin():
        inside = joined(connection, directory=own_people, tables=tables, clock=world.clock)
        inside.share(share_request(ANNA, CT, BEN, NURSES, scope=es.Scope.BATCH))
        assert inside.can(DAN, VIEW, MR)
        assert {each.principal for each in inside.access_list(ANNA, CT).entries} == {BEN, NURSES}
        assert [each.principal for each in inside.suggest(ANNA, CT, "car")] == [CARLA]
        assert len(inside.recipients(ANNA, CT).items) == 5
        assert inside.admin.explain(DAN, VIEW, CT)
        assert len(inside.admin.who_can(VIEW, CT)) == 4
        inside.unshare(es.UnshareRequest(actor=ANNA, exam=CT, recipient=NURSES))
        with pytest.raises(es.Refused):
            inside.share(share_request(DAN, CT, BEN))
    assert world.can_view(BEN, CT)
    assert not world.can_view(DAN, CT)
    assert any(isinstance(event, ActRefused) for event in world.store.events())


@pytest.mark.parametrize("actor", [ANNA, BEN], ids=["permitted", "refused"])
def test_more_hosts_than_connections_all_finish(postgresql, pg_world, pg_tables, actor):
    world, tables = pg_world, pg_tables
    people = SqlDirectory(postgresql, tables.directory)
    users = [es.UserId(f"u{number}") for number in range(24)]
    for user in (ANNA, BEN, *users):
        people.add(es.User(id=user, name=str(user)))

    def host(user):
        with postgresql.connect() as connection, connection.begin():
            inside = joined(connection, directory=people, tables=tables, clock=world.clock)
            try:
                inside.share(share_request(actor, CT, user))
            except es.Refused:
                return "refused"
            return "done"

    with ThreadPoolExecutor(len(users)) as pool:
        ends = list(pool.map(host, users))
    assert set(ends) == {"done" if actor == ANNA else "refused"}
    assert len(world.store.events()) == len(users)


def test_a_directory_inside_reads_the_hosts_uncommitted_rows(one_connection, own_people, tables):
    """And nothing once the host's transaction has ended."""
    with one_connection.connect() as connection, connection.begin() as transaction:
        inside = joined(connection, directory=own_people, tables=tables)
        principals = tables.directory.principals
        away = principals.update().where(principals.c.key == BEN.key).values(active=False)
        connection.execute(away)
        assert inside.viewer(BEN).principals == frozenset()
        transaction.rollback()
        with pytest.raises(es.StoreFailed, match="has ended"):
            inside.viewer(BEN)
    assert own_people.principals_of(BEN) == {BEN.key}


def test_an_act_outside_waits_for_the_host_and_sees_its_commit(postgresql, pg_world, pg_tables):
    world, tables = pg_world, pg_tables
    done = []
    with postgresql.connect() as connection, connection.begin() as transaction:
        inside = joined(connection, tables=tables, **world.people)
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
    postgresql, pg_world, pg_tables
):
    world, tables = pg_world, pg_tables
    earlier = postgresql.execution_options(isolation_level="REPEATABLE READ")
    with earlier.connect() as connection, connection.begin():
        connection.execute(tables.exams.select())
        world.share(ANNA, CT, BEN)
        sharing = joined(connection, directory=world.directory, tables=tables)
        with pytest.raises(es.Conflict) as caught:
            sharing.share(share_request(ANNA, CT, DAN))
    assert caught.value.attempts == 1


def test_a_circle_of_hosts_is_broken_by_a_conflict(postgresql, pg_world, pg_tables):
    world, tables = pg_world, pg_tables
    both_hold_one = threading.Barrier(2)
    ends = []

    def act(first, second):
        with postgresql.connect() as connection, connection.begin() as transaction:
            sharing = joined(connection, directory=world.directory, tables=tables)
            sharing.share(share_request(ANNA, first, BEN))
            both_hold_one.wait()
            try:
                sharing.share(share_request(ANNA, second, BEN))
            except es.Conflict:
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
