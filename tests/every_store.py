"""The stores that tests run over: empty ones in memory, in SQLite and in PostgreSQL."""

import pytest

from exam_sharing.adapters.sqlalchemy import SqlStore, create_all
from exam_sharing.memory import MemoryStore
from exam_sharing.testing.laws import store_laws
from where_kept import delete_rows

OURS = {"transfer": lambda store, exam, owner, at: store.transfer(exam, owner, at=at)}
"""What the host does with exams that our store keeps, for the kit."""


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


def laws_by_name(open_store, *, examples, host=OURS):
    """Return the laws of a store by name; `host` says how the host uploads, transfers and hides."""
    laws = store_laws(
        open_store,
        **host,
        events=lambda store: store.events(),
        share_record=lambda store, share: store.share_record(share),
        examples=examples,
    )
    return {law.name: law for law in laws}
