"""Where the worlds of the tests are kept: in memory, in a file of SQLite, in PostgreSQL.

A test marked `every_store` runs once over each of them, and any other in memory; `memory_only`,
with its reason, takes a test or a parameter out of that. Worlds begin with what `empty_store`
returns, or with what `store_with` does.

In a database, a test of Hypothesis looks at a twentieth of the examples: an act takes a hundred
times as long there, and what differs is not what is decided but how it is kept.
"""

from collections.abc import Callable
from copy import copy
from functools import wraps
from typing import Any, Final
from weakref import finalize

import pytest
import sqlalchemy
from hypothesis import is_hypothesis_test, settings
from hypothesis.errors import UnsatisfiedAssumption
from sqlalchemy import Connection, Engine, MetaData, Table, func

from databases import created_database, engine_of_tokyo, quick_sqlite_engine
from exam_sharing.adapters.sqlalchemy import SqlStore, Tables, create_all, define_tables
from exam_sharing.memory import MemoryStore

STORES: Final = ("memory", "sqlite", "postgresql")

FEWEST: Final = 3
"""How many examples of a property are looked at in a database at least."""

Fill = Callable[[Any], object]
"""Puts something into an empty store, and the same each time."""


class Memory:
    """Keeps every world in a store of its own."""

    def empty_store(self) -> MemoryStore:
        return MemoryStore()

    def store_with(self, fill: Fill) -> MemoryStore:
        store = MemoryStore()
        fill(store)
        return store


class Database:
    """Keeps worlds in one database, each in tables of its own for as long as its store lives."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._free: list[SqlStore] = []
        self._made = 0
        self._filled: dict[Fill, tuple[SqlStore, Tables]] = {}

    def empty_store(self) -> SqlStore:
        return self._lent(self._unused())

    def store_with(self, fill: Fill) -> SqlStore:
        """Return a store that has been filled; only the first is, and the others are its copies."""
        if fill not in self._filled:
            first = self._unused()
            fill(first)
            self._filled[fill] = first, tables_of(first)
        _, filled = self._filled[fill]
        store = self._unused()
        copy_rows(self._engine, filled, tables_of(store))
        return self._lent(store)

    def _unused(self) -> SqlStore:
        if not self._free:
            self._made += 1
            prefix = f"world{self._made}_"
            tables = create_all(self._engine, define_tables(MetaData(), prefix=prefix))
            return SqlStore.over(self._engine, tables=tables)
        store = self._free.pop()
        delete_rows(self._engine, tables_of(store))
        return store

    def _lent(self, store: SqlStore) -> SqlStore:
        # A world lets go of the copy, and the tables, with statements prepared, serve another one.
        lent = copy(store)
        finalize(lent, self._free.append, store)
        return lent


def tables_of(store: SqlStore) -> Tables:
    return store._tables


def delete_rows(engine: Engine, tables: Tables) -> None:
    """Leave nothing in the tables but the number of their shape."""
    with engine.begin() as connection:
        for table in tables.all():
            if table is not tables.schema:
                connection.execute(table.delete())


def stored_rows(store: SqlStore) -> dict[str, list[tuple[Any, ...]]]:
    """Return all that the tables of a store hold, as it stands there."""
    with store._transactions.reading() as connection:
        return {
            table.name: [
                tuple(row)
                for row in connection.exec_driver_sql(f"SELECT * FROM {table.fullname}")  # noqa: S608
            ]
            for table in tables_of(store).all()
        }


def copy_rows(engine: Engine, filled: Tables, empty: Tables) -> None:
    """Put into empty tables what others hold; what counts its rows up goes on behind them."""
    with engine.begin() as connection:
        for source, target in zip(filled.all(), empty.all(), strict=True):
            if target is not empty.schema:
                rows = sqlalchemy.select(source).order_by(*source.primary_key)
                connection.execute(target.insert().from_select([*source.c.keys()], rows))
                count_on(connection, target)


def count_on(connection: Connection, table: Table) -> None:
    """Let PostgreSQL count on behind the rows of a table; SQLite does so by itself."""
    number = table.autoincrement_column
    if number is None or connection.dialect.name != "postgresql":
        return
    sequence = func.pg_get_serial_sequence(table.fullname, number.name)
    last = func.greatest(func.nextval(sequence), func.max(number))
    connection.execute(sqlalchemy.select(func.setval(sequence, last)).select_from(table))


_kept: list[Memory | Database] = [Memory()]


def empty_store() -> Any:
    return _kept[-1].empty_store()


def store_with(fill: Fill) -> Any:
    """Return a store with what a function puts into it, the same each time."""
    return _kept[-1].store_with(fill)


@pytest.fixture(scope="module", autouse=True)
def where_kept(request):
    """Where the tests of a module keep their worlds.

    Fixtures of a module that make worlds ask for it, so that they are made anew for each store.
    """
    name = getattr(request, "param", "memory")
    if name == "memory":
        yield
        return
    _kept.append(request.getfixturevalue(f"{name}_for_worlds"))
    yield
    _kept.pop()


@pytest.fixture(scope="session")
def sqlite_for_worlds(tmp_path_factory):
    engine = quick_sqlite_engine(tmp_path_factory.mktemp("worlds") / "worlds.db")
    yield Database(engine)
    engine.dispose()


@pytest.fixture(scope="session")
def postgresql_for_worlds(postgresql_server):
    with created_database(postgresql_server) as url:
        engine = engine_of_tokyo(url)
        yield Database(engine)
        engine.dispose()


def pytest_generate_tests(metafunc):
    if metafunc.definition.get_closest_marker("every_store"):
        metafunc.parametrize("where_kept", STORES, indirect=True, scope="module")


def pytest_collection_modifyitems(config, items):
    def left_out(item):
        return kept_in(item) != "memory" and item.get_closest_marker("memory_only")

    config.hook.pytest_deselected(items=[item for item in items if left_out(item)])
    items[:] = [item for item in items if not left_out(item)]


def kept_in(item: pytest.Item) -> str:
    callspec = getattr(item, "callspec", None)
    return "memory" if callspec is None else callspec.params.get("where_kept", "memory")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    if kept_in(item) == "memory" or not is_hypothesis_test(item.obj):
        return (yield)
    handle = item.obj.hypothesis
    whole = handle.inner_test
    handle.inner_test = first_examples_of(whole)
    try:
        return (yield)
    except Enough:
        return None
    finally:
        handle.inner_test = whole


class Enough(BaseException):
    """The test ends, since so many examples passed. Hypothesis passes on what is no `Exception`."""


def first_examples_of(test: Callable[..., object]) -> Callable[..., object]:
    """Return a test that ends before one example more than a database shall see."""
    left = max(FEWEST, settings().max_examples // 20)
    failed = False

    @wraps(test)
    def first_examples(*args: Any, **kwargs: Any) -> None:
        nonlocal left, failed
        if left == 0 and not failed:
            raise Enough
        try:
            test(*args, **kwargs)
        except UnsatisfiedAssumption:
            raise
        except (Exception, pytest.fail.Exception):
            # Hypothesis repeats the failure, and tries smaller examples. Where it merely stops an
            # example, since that draws too much, it raises what is no `Exception`.
            failed = True
            raise
        finally:
            left = max(0, left - 1)

    return first_examples
