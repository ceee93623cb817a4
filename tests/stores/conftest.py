"""Worlds that the store tests share."""

import pytest

from exam_sharing.adapters.sqlalchemy import SqlDirectory, create_all
from world import World


@pytest.fixture
def world(new_store):
    return World(store=new_store())


@pytest.fixture
def pg_tables(postgresql):
    return create_all(postgresql)


@pytest.fixture
def pg_world(postgresql, pg_tables, open_store_on):
    return World(store=open_store_on(postgresql, pg_tables)())


@pytest.fixture(scope="session")
def asking_back():
    """Return users in a database, with a rule of visibility that asks for a user again."""

    def over(engine, tables):
        def seen(actor, _):
            return people.user(actor) is not None

        people = SqlDirectory(engine, tables.directory, visible=seen, members_visible=seen)
        return people

    return over
