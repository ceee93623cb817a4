"""What merely waits for somebody else is not made to fail by how strictly the host isolates."""

import threading
import time

import pytest
import sqlalchemy

from exam_sharing import BatchId, Conflict, Exam, ExamId, Group, GroupId, UploadBatch, User, UserId
from exam_sharing.adapters.sqlalchemy import SqlDirectory, SqlStore, create_all, owner_changed
from world import ANNA, BEN, CARLA, CD, CT, START, World

BLOCKED = 0.3
"""For how many seconds a call is looked at until it is said to wait."""


@pytest.fixture(params=["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def isolated(request, postgresql):
    """An engine that isolates as the host wants it."""
    return postgresql.execution_options(isolation_level=request.param)


@pytest.fixture
def tables(postgresql):
    return create_all(postgresql)


@pytest.fixture
def world(postgresql, tables, open_store_on):
    return World(store=open_store_on(postgresql, tables)())


@pytest.fixture
def after(postgresql):
    """A function that does something while somebody else writes, who then commits."""

    def do(call, *statements):
        raised = []

        def work():
            try:
                call()
            except Exception as error:  # noqa: BLE001  it is looked at by the test
                raised.append(error)

        thread = threading.Thread(target=work)
        with postgresql.connect() as connection, connection.begin():
            for statement in statements:
                connection.execute(statement)
            thread.start()
            time.sleep(BLOCKED)
        thread.join(30)
        return raised

    return do


def counted(tables):
    versions = tables.versions
    of_ct = versions.update().where(versions.c.exam == "ct")
    return of_ct.values(version=versions.c.version + 1)


def test_an_exam_changes_hands_while_it_is_being_shared(isolated, tables, world, after):
    store = SqlStore.over(isolated, tables=tables)
    assert after(lambda: store.transfer(CT, BEN, at=START), counted(tables)) == []
    assert world.can_view(BEN, CT)
    assert world.store.read((CT,), ended=False)[CT].version == 2


def test_an_act_that_waits_is_decided_again(isolated, tables, world, after):
    inside = World(store=SqlStore.over(isolated, tables=tables))
    assert after(lambda: inside.share(ANNA, CT, CARLA), counted(tables)) == []
    assert world.can_view(CARLA, CT)


def test_a_batch_that_is_being_sealed_is_waited_for(isolated, tables, world, after):
    store = SqlStore.over(isolated, tables=tables)
    batch = UploadBatch(id=BatchId("late"), uploader=ANNA, received_at=START)
    store.add(batch, ())
    batches = tables.batches
    touched = batches.update().where(batches.c.id == "late").values(sealed=False)
    late = Exam(id=ExamId("late"), owner=ANNA, batch=batch.id, uploaded_at=START)
    assert after(lambda: store.add(batch, (late,)), touched) == []
    assert world.can_view(ANNA, late.id)


def test_a_user_who_is_being_changed_is_waited_for(isolated, tables, after):
    people = SqlDirectory(isolated, tables.directory)
    level = isolated.get_execution_options()["isolation_level"]
    user, ward = UserId(f"user under {level}"), GroupId(f"ward under {level}")
    people.add(User(id=user, name="Ben"))
    people.add(Group(id=ward, name="Ward", members=frozenset({user})))
    principals = tables.directory.principals
    touched = principals.update().values(active=True)
    assert after(lambda: people.add(User(id=user, name="Benjamin")), touched) == []
    assert after(lambda: people.add(Group(id=ward, name="W")), touched) == []
    assert after(lambda: people.remove(user), touched) == []
    assert people.user(user) is None


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_a_host_that_sees_an_older_owner_gets_a_conflict(postgresql, tables, world, level):
    earlier = postgresql.execution_options(isolation_level=level)
    with earlier.connect() as connection, connection.begin():
        connection.execute(sqlalchemy.select(tables.versions))
        world.share(ANNA, CT, BEN)
        with pytest.raises(Conflict) as caught:
            owner_changed(connection, exam=CT, before=ANNA, after=BEN, at=START, tables=tables)
    assert caught.value.attempts == 1
    assert world.store.batch(CD) is not None
