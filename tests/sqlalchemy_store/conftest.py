"""Both databases, each with our tables, and stores over them that hold nothing."""

import pytest
import sqlalchemy

from exam_sharing.adapters.sqlalchemy import SqlStore, create_all, sqlite_engine


@pytest.fixture(scope="module", params=["SQLite", "PostgreSQL"])
def engine(request, tmp_path_factory):
    """An engine of a real database that the tests of one module share."""
    if request.param == "SQLite":
        engine = sqlite_engine(tmp_path_factory.mktemp("database") / "sharing.db")
    else:
        engine = sqlalchemy.create_engine(request.getfixturevalue("postgresql_url"))
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def tables(engine):
    return create_all(engine)


@pytest.fixture(scope="module")
def new_store(engine, tables):
    """Return an empty store each time."""

    def empty():
        metadata = tables.grants.metadata
        with engine.begin() as connection:
            for table in reversed(metadata.sorted_tables):
                if table is not tables.schema:
                    connection.execute(table.delete())
        return SqlStore.over(engine, tables=tables)

    return empty
