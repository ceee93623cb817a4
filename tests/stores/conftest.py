"""Worlds that the store tests share."""

from contextlib import contextmanager

import pytest

from databases import created_database, engine_at
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


@contextmanager
def empty_engine_of(kind, request, file):
    """Yield an engine for a database of one test alone, without tables."""
    if kind == "sqlite":
        engine = engine_at(f"sqlite:///{file}")
        yield engine
        engine.dispose()
        return
    with created_database(request.getfixturevalue("postgresql_server")) as url:
        engine = engine_at(url)
        yield engine
        engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_engine(request, tmp_path):
    with empty_engine_of(request.param, request, tmp_path / "portal.db") as engine:
        yield engine


@pytest.fixture
def another_empty_engine(empty_engine, request, tmp_path):
    """The same for another database of that kind."""
    with empty_engine_of(empty_engine.dialect.name, request, tmp_path / "another.db") as engine:
        yield engine


@pytest.fixture
def empty_postgresql(request, tmp_path):
    with empty_engine_of("postgresql", request, tmp_path) as engine:
        yield engine
