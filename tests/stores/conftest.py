"""Worlds that the store tests share."""

import pytest

from exam_sharing.adapters.sqlalchemy import create_all
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
