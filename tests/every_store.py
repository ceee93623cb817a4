"""The stores that tests run over: empty ones in memory, in SQLite and in PostgreSQL."""

import pytest
import sqlalchemy

from exam_sharing.adapters.sqlalchemy import SqlStore, create_all, sqlite_engine
from exam_sharing.memory import MemoryStore


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory):
    """An engine for a file of SQLite that the tests of one module share."""
    engine = sqlite_engine(tmp_path_factory.mktemp("database") / "sharing.db")
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def postgresql(postgresql_url):
    """An engine for a database of PostgreSQL that the tests of one module share.

    Its sessions keep the time of Tokyo, where the end of all times lies in the year 10000.
    """
    zone = {"options": "-c timezone=Asia/Tokyo"}
    engine = sqlalchemy.create_engine(postgresql_url, connect_args=zone)
    yield engine
    engine.dispose()


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
        with engine.begin() as connection:
            for table in tables.all():
                if table is not tables.schema:
                    connection.execute(table.delete())
        return SqlStore.over(engine, tables=tables)

    return empty
