"""The directories that every test here runs over."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import pytest
import sqlalchemy

from exam_sharing.adapters.sqlalchemy.directory import SqlDirectory
from exam_sharing.adapters.sqlalchemy.tables import define_directory_tables
from exam_sharing.identifiers import GroupId, UserId
from exam_sharing.memory.directory import MemoryDirectory
from exam_sharing.principals import Group, User

ACTOR = UserId("actor")
NOBODY = frozenset()


def user(name, email=None, *, as_id=None, active=True):
    return User(id=UserId(as_id or name), name=name, email=email, active=active)


def group(name, *members):
    return Group(id=GroupId(name), name=name, members=frozenset(members))


def suggested(directory, text, limit=10, leave_out=NOBODY):
    return [name for _, name in directory.suggest(ACTOR, text, limit, leave_out)]


@pytest.fixture(scope="module", params=["memory", "sqlite", "postgresql"])
def new_directory(request):
    """Makes an empty directory with these settings; the one before is no longer to be used."""
    if request.param == "memory":
        return MemoryDirectory
    engine = request.getfixturevalue(request.param)
    tables = define_directory_tables(sqlalchemy.MetaData())
    tables.metadata.create_all(engine)

    def make(**settings):
        with engine.begin() as connection:
            for table in tables.all():
                connection.execute(sqlalchemy.delete(table))
        return SqlDirectory(engine, tables, **settings)

    return make


@pytest.fixture
def open_directory(new_directory):
    """Makes a directory with these principals in it, and these settings."""

    def make(*principals, **settings):
        directory = new_directory(**settings)
        for each in principals:
            directory.add(each)
        return directory

    return make


@contextmanager
def asked_all_the_time(ask) -> Iterator[None]:
    """Call a function again and again in four threads; raise what one of them raises."""
    stop = Event()

    def go_on_asking():
        while not stop.is_set():
            ask()

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(go_on_asking) for _ in range(4)]
        try:
            yield
        finally:
            stop.set()
        for each in readers:
            each.result()
