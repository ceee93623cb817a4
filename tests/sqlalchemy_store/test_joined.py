"""Sharing inside the host's own transaction: it commits with the host's rows, or not at all."""

import pytest
import sqlalchemy
from sqlalchemy.orm import Session

from exam_sharing import Refused
from exam_sharing.adapters.sqlalchemy import joined
from exam_sharing.errors import InvalidValue
from world import ANNA, BEN, CT, DAN, VIEW, World, share_request


@pytest.fixture
def world(new_store):
    return World(store=new_store())


@pytest.fixture(params=["connection", "session"])
def transaction(request, engine):
    """What the host has open, once it has begun."""
    if request.param == "connection":
        with engine.connect() as connection, connection.begin():
            yield connection
    else:
        with Session(engine) as session, session.begin():
            yield session


def test_what_is_shared_counts_when_the_host_commits(world, transaction, tables):
    sharing = joined(transaction, directory=world.directory, tables=tables)
    sharing.share(share_request(ANNA, CT, BEN))
    assert sharing.can(BEN, VIEW, CT)
    transaction.commit()
    assert world.sharing.can(BEN, VIEW, CT)


def test_what_is_shared_is_gone_when_the_host_rolls_back(world, transaction, tables):
    sharing = joined(transaction, directory=world.directory, tables=tables)
    sharing.share(share_request(ANNA, CT, BEN, message="hello"))
    transaction.rollback()
    assert not world.sharing.can(BEN, VIEW, CT)
    assert world.store.outbox.waiting() == ()
    assert world.store.events() == ()


def test_a_refusal_leaves_the_host_its_transaction(world, transaction, tables):
    sharing = joined(transaction, directory=world.directory, tables=tables)
    with pytest.raises(Refused):
        sharing.share(share_request(BEN, CT, DAN))
    sharing.share(share_request(ANNA, CT, BEN))
    transaction.commit()
    assert world.sharing.can(BEN, VIEW, CT)


def test_a_transaction_that_has_not_begun_cannot_be_joined(engine, tables, world):
    with engine.connect() as connection, pytest.raises(InvalidValue, match="transaction"):
        joined(connection, directory=world.directory, tables=tables)


def test_the_hosts_own_rows_and_a_share_are_one_transaction(world, engine, tables):
    own = sqlalchemy.Table("letters", sqlalchemy.MetaData(), sqlalchemy.Column("text"))
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE IF EXISTS letters")
        connection.exec_driver_sql("CREATE TABLE letters (text VARCHAR(20))")

    with engine.connect() as connection, connection.begin() as transaction:
        connection.execute(own.insert(), {"text": "dear Ben"})
        sharing = joined(connection, directory=world.directory, tables=tables)
        sharing.share(share_request(ANNA, CT, BEN))
        transaction.rollback()
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.select(own)).all() == []
    assert not world.sharing.can(BEN, VIEW, CT)
