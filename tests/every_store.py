"""The stores that tests run over: empty ones in memory, in SQLite and in PostgreSQL."""

import pytest

from exam_sharing.adapters.sqlalchemy import SqlStore, create_all
from exam_sharing.memory import MemoryStore
from where_kept import delete_rows


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(request):
    """An engine of a real database that the tests of one module share."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def tables(engine):
    return create_all(engine)


@pytest.fixture(scope="module")
def new_store(engine, tables):
    """Return an empty store each time."""
    return emptied(engine, tables)


@pytest.fixture(scope="module", params=["memory", "sqlite", "postgresql"])
def open_store(request):
    """Return an empty store each time, in memory as well as in a database."""
    if request.param == "memory":
        return MemoryStore
    engine = request.getfixturevalue(request.param)
    return emptied(engine, create_all(engine))


@pytest.fixture(scope="session")
def open_store_on():
    """Return how to have an empty store in one database."""
    return emptied


def emptied(engine, tables):
    def empty():
        delete_rows(engine, tables)
        return SqlStore.over(engine, tables=tables)

    return empty
