"""What a host gives by mistake when it opens something: each is told when it is given."""

from functools import partial

import pytest
import sqlalchemy
from sqlalchemy import MetaData, create_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from exam_sharing import BatchId, CallerError, InvalidValue, Policy, UploadBatch, WrongKind
from exam_sharing.adapters.sqlalchemy import (
    HostExams,
    SqlDirectory,
    SqlStore,
    create_all,
    define_tables,
    engines,
    joined,
    open_sharing,
    over_driver_connection,
    owner_changed,
    record_schema,
    set_up_sqlite,
    sqlite_engine,
    sweep_deleted,
    sweep_expired,
)
from exam_sharing.memory import MemoryDirectory, MemoryNotifier, MemoryStore
from exam_sharing.memory import open_sharing as open_in_memory
from exam_sharing.ports import NoHostFacts
from world import ANNA, BEN, CT, NURSES, START


class NoExams(HostExams):
    """A host that has none."""

    def find(self, exams):
        return ()

    def batch_of(self, exam):
        return ()

    def owned_by(self, user, after, limit):
        return ()


def asynchronous(name):
    """Return what looks as a class of SQLAlchemy's extension, which needs greenlet."""
    module = "sqlalchemy.ext.asyncio.engine"
    return type(name, (), {"__module__": module, "dialect": create_engine("sqlite://").dialect})()


@pytest.fixture(scope="module")
def engine(sqlite):
    create_all(sqlite)
    return sqlite


TAKING_ENGINES = {
    "open_sharing": open_sharing,
    "SqlStore.over": SqlStore.over,
    "create_all": create_all,
    "SqlDirectory": lambda engine: SqlDirectory(engine, define_tables(MetaData()).directory),
    "set_up_sqlite": set_up_sqlite,
    "sweep_expired": sweep_expired,
    "sweep_deleted": lambda engine: sweep_deleted(
        engine, deleted=lambda exams: exams, performed_by="ops", why="deleted"
    ),
    "over_driver_connection": lambda engine: over_driver_connection(None, engine),
}
NO_ENGINES = {
    "AsyncEngine": (lambda _: asynchronous("AsyncEngine"), "sync_engine"),
    "AsyncSession": (lambda _: asynchronous("AsyncSession"), "sync_engine"),
    "a subclass": (lambda _: type("Mine", (type(asynchronous("A")),), {})(), "sync_engine"),
    "address": (lambda engine: str(engine.url), "is an address"),
    "URL": (lambda engine: engine.url, "is an address"),
    "Connection": (lambda engine: engine.connect(), "is a Connection: give its engine"),
    "Session": (Session, "is a Session: give its engine"),
    "the class": (lambda _: sqlalchemy.Engine, "is the class Engine"),
    "sessionmaker": (sessionmaker, "is a sessionmaker: call it"),
    "None": (lambda _: None, "must be an engine"),
    "a number": (lambda _: 7, "must be an engine"),
}


@pytest.mark.parametrize("take", TAKING_ENGINES.values(), ids=TAKING_ENGINES)
@pytest.mark.parametrize(("give", "told"), NO_ENGINES.values(), ids=NO_ENGINES)
def test_what_is_no_engine_is_told_with_what_to_give(engine, take, give, told):
    given = give(engine)
    try:
        with pytest.raises(InvalidValue, match=f"^engine.*{told}"):
            take(given)
    finally:
        getattr(given, "close", lambda: None)() if not isinstance(given, type) else None


@pytest.mark.parametrize(
    ("url", "inside", "told"),
    [
        ("sqlite://", True, "of SQLite must not be asynchronous: make it by `sqlite_engine`"),
        ("postgresql+psycopg://", False, "call this inside of `run_sync`"),
        ("postgresql+psycopg://", None, "install greenlet"),
    ],
)
def test_an_engine_over_an_asynchronous_driver_is_used_inside_of_run_sync(
    monkeypatch, url, inside, told
):
    def in_greenlet():
        if inside is None:
            raise ImportError("greenlet")
        return inside

    monkeypatch.setattr(engines, "in_greenlet", in_greenlet)
    engine = create_engine(url)
    engine.dialect.is_async = True
    with pytest.raises(InvalidValue, match=f"^engine .*{told}"):
        create_all(engine)


def test_an_engine_over_an_asynchronous_driver_is_taken_inside_of_run_sync(monkeypatch):
    monkeypatch.setattr(engines, "in_greenlet", lambda: True)
    engine = create_engine("postgresql+psycopg://")
    engine.dialect.is_async = True
    engines.require_engine(engine)


TAKING_TRANSACTIONS = {
    "joined": lambda given: joined(given, directory=MemoryDirectory()),
    "owner_changed": lambda given: owner_changed(given, exam=CT, before=ANNA, after=BEN, at=START),
}
NO_TRANSACTIONS = {
    "AsyncConnection": (lambda _: asynchronous("AsyncConnection"), InvalidValue, "run_sync"),
    "AsyncSession": (lambda _: asynchronous("AsyncSession"), InvalidValue, "run_sync"),
    "Engine": (lambda engine: engine, InvalidValue, "begin()"),
    "the class": (lambda _: Session, InvalidValue, "is the class Session"),
    "sessionmaker": (sessionmaker, InvalidValue, "is a sessionmaker: call it"),
    "scoped_session": (
        lambda engine: scoped_session(sessionmaker(engine)),
        InvalidValue,
        "is a scoped_session: call it",
    ),
    "address": (lambda engine: str(engine.url), WrongKind, "must be Connection"),
    "None": (lambda _: None, WrongKind, "must be Connection"),
}


@pytest.mark.parametrize("take", TAKING_TRANSACTIONS.values(), ids=TAKING_TRANSACTIONS)
@pytest.mark.parametrize(("give", "error", "told"), NO_TRANSACTIONS.values(), ids=NO_TRANSACTIONS)
def test_what_is_no_transaction_is_told_with_what_to_give(engine, take, give, error, told):
    with pytest.raises(error, match=f"^transaction.*{told.replace('(', '.').replace(')', '.')}"):
        take(give(engine))


@pytest.mark.parametrize(
    ("given", "error"), [(asynchronous("AsyncConnection"), InvalidValue), (None, WrongKind)]
)
def test_the_shape_is_recorded_over_a_connection_alone(given, error):
    with pytest.raises(error, match="connection"):
        record_schema(given, define_tables(MetaData()))


TAKING_TABLES = {
    "open_sharing": lambda engine, tables: open_sharing(engine, tables=tables),
    "SqlStore.over": lambda engine, tables: SqlStore.over(engine, tables=tables),
    "create_all": create_all,
    "SqlDirectory": SqlDirectory,
    "sweep_expired": lambda engine, tables: sweep_expired(engine, tables=tables),
}


@pytest.mark.parametrize("take", TAKING_TABLES.values(), ids=TAKING_TABLES)
@pytest.mark.parametrize("of", [lambda _: "tables", lambda tables: tables.metadata, vars])
def test_what_are_no_tables_is_told(engine, take, of):
    tables = define_tables(MetaData())
    with pytest.raises(WrongKind, match="tables"):
        take(engine, {} if of is vars else of(tables))
    with pytest.raises(WrongKind, match="tables"):
        take(engine, tables if take is SqlDirectory else tables.directory)


@pytest.mark.parametrize("path", ["sqlite:///portal.db", "sqlite://"])
def test_an_address_is_no_path_of_a_file(path):
    with pytest.raises(InvalidValue, match="path"):
        sqlite_engine(path)


@pytest.mark.parametrize("path", [None, 7, b"portal.db"])
def test_a_path_is_a_text_or_a_path(path):
    with pytest.raises(WrongKind, match="path"):
        sqlite_engine(path)


def test_a_host_with_exams_of_its_own_gives_a_directory_too(engine):
    with pytest.raises(InvalidValue, match=r"^directory must be given"):
        open_sharing(engine, exams=NoExams())
    open_sharing(engine, exams=NoExams(), directory=MemoryDirectory())


def test_an_upload_over_the_hosts_own_exams_is_the_callers_mistake(engine):
    sharing = open_sharing(engine, exams=NoExams(), directory=MemoryDirectory())
    with pytest.raises(CallerError, match="record the upload there"):
        sharing.add_upload(UploadBatch(id=BatchId("b"), uploader=ANNA, received_at=START), [])


class Later:
    """Answers nothing at once."""

    async def find(self, exams):
        """Answer later."""

    async def batch_of(self, exam):
        """Answer later."""

    async def owned_by(self, user, after, limit):
        """Answer later."""

    async def send(self, notice):
        """Send it later."""

    async def about(self, request, exams):
        """Answer later."""


MISTAKES = {
    "policy: the class": ({"policy": Policy}, WrongKind, "policy"),
    "policy: a mapping": ({"policy": {"max_people": 3}}, WrongKind, "policy"),
    "policy: empty": ({"policy": 0}, WrongKind, "policy"),
    "clock: a time": ({"clock": START}, InvalidValue, "clock must be callable"),
    "clock: empty": ({"clock": 0}, InvalidValue, "clock must be callable"),
    "clock: of no time": ({"clock": lambda: None}, InvalidValue, "clock"),
    "new_id: a text": ({"new_id": "id"}, InvalidValue, "new_id must be callable"),
    "new_id: empty": ({"new_id": ""}, InvalidValue, "new_id must be callable"),
    "directory: the class": (
        {"directory": MemoryDirectory},
        InvalidValue,
        "directory must be an instance, not the class MemoryDirectory",
    ),
    "directory: of users": (
        {"directory": {ANNA: NURSES}},
        InvalidValue,
        "directory must have every method of its port; dict lacks .*principals_of",
    ),
    "notifier: the class": ({"notifier": MemoryNotifier}, InvalidValue, "notifier must be an inst"),
    "notifier: a function": ({"notifier": print}, InvalidValue, "lacks send"),
    "notifier: asynchronous": ({"notifier": Later()}, InvalidValue, "at once; its send is a corou"),
    "host_facts: the class": ({"host_facts": NoHostFacts}, InvalidValue, "host_facts must be an"),
    "host_facts: a function": ({"host_facts": print}, InvalidValue, "host_facts .*lacks about"),
    "host_facts: asynchronous": ({"host_facts": Later()}, InvalidValue, "at once; its about is"),
}


@pytest.mark.parametrize(("given", "error", "told"), MISTAKES.values(), ids=MISTAKES)
@pytest.mark.parametrize("where", ["memory", "sql"])
def test_a_mistake_in_what_a_host_brings_is_told_when_it_opens(engine, given, error, told, where):
    with pytest.raises(error, match=told):
        {"memory": open_in_memory, "sql": partial(open_sharing, engine)}[where](**given)


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [each for each in MISTAKES.values() if "notifier" not in each[0]],
    ids=[name for name in MISTAKES if "notifier" not in name],
)
def test_a_mistake_in_what_a_host_brings_is_told_when_it_joins(engine, given, error, told):
    brought = {"directory": MemoryDirectory()} | given
    with engine.begin() as connection, pytest.raises(error, match=told):
        joined(connection, **brought)


@pytest.mark.parametrize(
    ("exams", "told"),
    [
        (NoExams, "exams must be an instance"),
        (MemoryStore(), "exams must have every method of its port; MemoryStore lacks owned_by"),
        (type("Half", (HostExams,), {"find": lambda *_: ()})(), "lacks batch_of, owned_by"),
        (Later(), "exams must answer at once; its batch_of is a coroutine function"),
        ({}, "dict lacks"),
    ],
)
def test_exams_that_answer_nothing_are_told_when_a_host_opens(engine, exams, told):
    with pytest.raises(InvalidValue, match=told):
        open_sharing(engine, exams=exams, directory=MemoryDirectory())
    with engine.begin() as connection, pytest.raises(InvalidValue, match=told):
        joined(connection, exams=exams, directory=MemoryDirectory())


@pytest.mark.parametrize("store", [MemoryStore, {}, MemoryDirectory()])
def test_what_is_no_store_is_told_when_a_host_opens(store):
    with pytest.raises(InvalidValue, match="store"):
        open_in_memory(store=store)


def test_an_empty_store_of_a_hosts_own_is_taken_as_it_is():
    class Counting(MemoryStore):
        def __len__(self):
            return 0

    store = Counting()
    batch = UploadBatch(id=BatchId("b"), uploader=ANNA, received_at=START)
    open_in_memory(store=store).add_upload(batch, [])
    assert store.batch(batch.id) == batch


@pytest.mark.parametrize("rule", ["visible", "members_visible"])
def test_what_says_who_sees_whom_can_be_called(engine, rule):
    with pytest.raises(InvalidValue, match=f"^{rule} must be callable"):
        MemoryDirectory(**{rule: True})
    with pytest.raises(InvalidValue, match=f"^{rule} must be callable"):
        SqlDirectory(engine, define_tables(MetaData()).directory, **{rule: True})
