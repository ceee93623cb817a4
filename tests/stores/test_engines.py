"""The engines and other objects that hosts hand in: mistakes are reported when they are handed in.

An act over an accepted engine is done as a whole or not at all. Behind a pooler, statements that
one client prepared may be executed for another. The pooler is a real PgBouncer; without one, its
tests are skipped.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial

import psycopg
import pytest
import sqlalchemy
from sqlalchemy import MetaData, create_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from databases import pooled
from exam_sharing import BatchId, InvalidValue, Policy, StoreFailed, UploadBatch, WrongKind
from exam_sharing.adapters import sqlalchemy as sql
from exam_sharing.adapters.sqlalchemy import engines
from exam_sharing.cli.database import opened, prepared
from exam_sharing.memory import MemoryDirectory, MemoryNotifier, MemoryStore
from exam_sharing.memory import open_sharing as open_in_memory
from exam_sharing.ports import NoHostFacts
from world import ANNA, BEN, CARLA, CT, MR, NURSES, START, VIEW, World, share_request


class NoExams(sql.HostExams):
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
    sql.create_all(sqlite)
    return sqlite


TAKING_ENGINES = {
    "open_sharing": sql.open_sharing,
    "SqlStore.over": sql.SqlStore.over,
    "create_all": sql.create_all,
    "SqlDirectory": lambda engine: sql.SqlDirectory(
        engine, sql.define_tables(MetaData()).directory
    ),
    "set_up_sqlite": sql.set_up_sqlite,
    "sweep_expired": sql.sweep_expired,
    "sweep_deleted": lambda engine: sql.sweep_deleted(
        engine, deleted=lambda exams: exams, performed_by="ops", why="deleted"
    ),
    "over_driver_connection": lambda engine: sql.over_driver_connection(None, engine),
}
NO_ENGINES = {
    "AsyncEngine": (lambda _: asynchronous("AsyncEngine"), "open_async_sharing"),
    "AsyncSession": (lambda _: asynchronous("AsyncSession"), "open_async_sharing"),
    "a subclass": (lambda _: type("Mine", (type(asynchronous("A")),), {})(), "open_async_sharing"),
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
@pytest.mark.parametrize(("give", "message"), NO_ENGINES.values(), ids=NO_ENGINES)
def test_wrong_engines_are_reported_with_the_remedy(engine, take, give, message):
    given = give(engine)
    try:
        with pytest.raises(InvalidValue, match=f"^engine.*{message}"):
            take(given)
    finally:
        getattr(given, "close", lambda: None)() if not isinstance(given, type) else None


@pytest.mark.parametrize(
    ("url", "inside", "message"),
    [
        ("sqlite://", True, "of SQLite must not be asynchronous: make it by `sqlite_engine`"),
        ("postgresql+psycopg://", False, "open it with `open_async_sharing`"),
        ("postgresql+psycopg://", None, "open it with `open_async_sharing`"),
        ("postgresql+psycopg://", True, None),
    ],
)
def test_an_asynchronous_engine_is_accepted_inside_of_run_sync_alone(
    monkeypatch, url, inside, message
):
    def in_greenlet():
        if inside is None:
            raise ImportError("greenlet")
        return inside

    monkeypatch.setattr(engines, "in_greenlet", in_greenlet)
    engine = create_engine(url)
    engine.dialect.is_async = True
    if message is None:
        engines.require_engine(engine)
        return
    with pytest.raises(InvalidValue, match=f"^engine .*{message}"):
        sql.create_all(engine)


TAKING_TRANSACTIONS = {
    "joined": lambda given: sql.joined(given, directory=MemoryDirectory()),
    "owner_changed": lambda given: sql.owner_changed(
        given, exam=CT, before=ANNA, after=BEN, at=START
    ),
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
@pytest.mark.parametrize(
    ("give", "error", "message"), NO_TRANSACTIONS.values(), ids=NO_TRANSACTIONS
)
def test_wrong_transactions_are_reported_with_the_remedy(engine, take, give, error, message):
    with pytest.raises(error, match=f"^transaction.*{message.replace('(', '.').replace(')', '.')}"):
        take(give(engine))


@pytest.mark.parametrize(
    ("given", "error"), [(asynchronous("AsyncConnection"), InvalidValue), (None, WrongKind)]
)
def test_recording_the_shape_needs_a_connection(given, error):
    with pytest.raises(error, match="connection"):
        sql.record_schema(given, sql.define_tables(MetaData()))


OPENINGS = {
    "open_sharing": lambda engine, tables: sql.open_sharing(engine, tables=tables),
    "SqlStore.over": lambda engine, tables: sql.SqlStore.over(engine, tables=tables),
    "create_all": sql.create_all,
    "SqlDirectory": lambda engine, tables: sql.SqlDirectory(engine, tables.directory),
    "sweep_expired": lambda engine, tables: sql.sweep_expired(engine, tables=tables),
}
TAKING_TABLES = OPENINGS | {"SqlDirectory": sql.SqlDirectory}


@pytest.mark.parametrize("take", TAKING_TABLES.values(), ids=TAKING_TABLES)
@pytest.mark.parametrize("of", [lambda _: "tables", lambda tables: tables.metadata, lambda _: {}])
def test_wrong_tables_are_reported(engine, take, of):
    tables = sql.define_tables(MetaData())
    with pytest.raises(WrongKind, match="tables"):
        take(engine, of(tables))
    with pytest.raises(WrongKind, match="tables"):
        take(engine, tables if take is sql.SqlDirectory else tables.directory)


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("sqlite:///portal.db", InvalidValue),
        ("sqlite://", InvalidValue),
        (None, WrongKind),
        (7, WrongKind),
        (b"portal.db", WrongKind),
    ],
)
def test_a_path_must_be_text_or_a_path_and_no_address(path, error):
    with pytest.raises(error, match="path"):
        sql.sqlite_engine(path)


def test_a_host_with_its_own_exams_must_give_a_directory(engine):
    with pytest.raises(InvalidValue, match=r"^directory must be given"):
        sql.open_sharing(engine, exams=NoExams())
    sql.open_sharing(engine, exams=NoExams(), directory=MemoryDirectory())


async def later(*_):
    """Answer nothing at once."""


LATER = type("Later", (), dict.fromkeys(("find", "batch_of", "owned_by", "send", "about"), later))()


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
    "notifier: asynchronous": ({"notifier": LATER}, InvalidValue, "its send is a coroutine"),
    "host_facts: the class": ({"host_facts": NoHostFacts}, InvalidValue, "host_facts must be an"),
    "host_facts: a function": ({"host_facts": print}, InvalidValue, "host_facts .*lacks about"),
    "host_facts: asynchronous": ({"host_facts": LATER}, InvalidValue, "its about is"),
}


@pytest.mark.parametrize(("given", "error", "message"), MISTAKES.values(), ids=MISTAKES)
@pytest.mark.parametrize("where", ["memory", "sql"])
def test_mistakes_in_ports_are_reported_on_opening(engine, given, error, message, where):
    with pytest.raises(error, match=message):
        {"memory": open_in_memory, "sql": partial(sql.open_sharing, engine)}[where](**given)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [each for each in MISTAKES.values() if "notifier" not in each[0]],
    ids=[name for name in MISTAKES if "notifier" not in name],
)
def test_mistakes_in_ports_are_reported_on_joining(engine, given, error, message):
    brought = {"directory": MemoryDirectory()} | given
    with engine.begin() as connection, pytest.raises(error, match=message):
        sql.joined(connection, **brought)


@pytest.mark.parametrize(
    ("exams", "message"),
    [
        (NoExams, "exams must be an instance"),
        (MemoryStore(), "exams must have every method of its port; MemoryStore lacks owned_by"),
        (type("Half", (sql.HostExams,), {"find": lambda *_: ()})(), "lacks batch_of, owned_by"),
        (LATER, "exams must be synchronous; its batch_of is a coroutine function"),
        ({}, "dict lacks"),
    ],
)
def test_mistakes_in_host_exams_are_reported_on_opening_and_joining(engine, exams, message):
    with pytest.raises(InvalidValue, match=message):
        sql.open_sharing(engine, exams=exams, directory=MemoryDirectory())
    with engine.begin() as connection, pytest.raises(InvalidValue, match=message):
        sql.joined(connection, exams=exams, directory=MemoryDirectory())


@pytest.mark.parametrize("store", [MemoryStore, {}, MemoryDirectory()])
def test_a_wrong_store_is_reported_on_opening(store):
    with pytest.raises(InvalidValue, match="store"):
        open_in_memory(store=store)


def test_a_store_of_length_zero_is_used():
    class Counting(MemoryStore):
        def __len__(self):
            return 0

    store = Counting()
    batch = UploadBatch(id=BatchId("b"), uploader=ANNA, received_at=START)
    open_in_memory(store=store).add_upload(batch, [])
    assert store.batch(batch.id) == batch


@pytest.mark.parametrize("rule", ["visible", "members_visible"])
def test_rules_of_visibility_must_be_callable(engine, rule):
    with pytest.raises(InvalidValue, match=f"^{rule} must be callable"):
        MemoryDirectory(**{rule: True})
    with pytest.raises(InvalidValue, match=f"^{rule} must be callable"):
        sql.SqlDirectory(engine, sql.define_tables(MetaData()).directory, **{rule: True})


def by_an_event(name, url):
    engine = create_engine(url)

    def set_autocommit(driver_connection, *_):
        driver_connection.autocommit = True

    sqlalchemy.event.listen(engine, name, set_autocommit)
    return engine


LEVEL = {"isolation_level": "AUTOCOMMIT"}
AUTOCOMMIT = {
    "create_engine": lambda url: create_engine(url, **LEVEL),
    "execution_options": lambda url: create_engine(url, execution_options=LEVEL),
    "options_of_the_engine": lambda url: create_engine(url).execution_options(**LEVEL),
    "arguments_of_the_driver": lambda url: create_engine(url, connect_args={"autocommit": True}),
    "event_connect": partial(by_an_event, "connect"),
    "event_checkout": partial(by_an_event, "checkout"),
}


@pytest.fixture(scope="module")
def tables_there(postgresql):
    return sql.create_all(postgresql)


@pytest.fixture(params=AUTOCOMMIT.values(), ids=AUTOCOMMIT)
def autocommitting(request, postgresql_url):
    engine = request.param(postgresql_url)
    yield engine
    engine.dispose()


@pytest.mark.parametrize("opening", OPENINGS.values(), ids=OPENINGS)
def test_a_postgresql_engine_in_autocommit_mode_is_rejected(autocommitting, tables_there, opening):
    with pytest.raises(InvalidValue, match="AUTOCOMMIT") as refused:
        opening(autocommitting, tables_there)
    assert refused.value.field == "engine"


def test_an_engine_over_the_same_pool_in_another_mode_is_accepted(
    postgresql_url, tables_there, open_store_on
):
    engine = create_engine(postgresql_url, **LEVEL)
    other = engine.execution_options(isolation_level="READ COMMITTED")
    assert_shares_are_whole(other, tables_there, open_store_on)
    engine.dispose()


def assert_shares_are_whole(engine, tables, open_store_on):
    """Let a share fail at its last table, and see that nothing of it is kept."""
    world = World(store=open_store_on(engine, tables)())
    events = tables.events.name
    with engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE {events} RENAME TO hidden")
    try:
        with pytest.raises(StoreFailed):
            world.share(ANNA, CT, BEN, message="hello")
        assert world.grants(CT) == ()
        assert world.store.outbox.waiting() == ()
    finally:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"ALTER TABLE hidden RENAME TO {events}")
    world.share(ANNA, CT, BEN)
    assert len(world.grants(CT)) == 1


def test_an_engine_that_begins_no_transaction_later_writes_nothing(
    postgresql_url, tables_there, open_store_on
):
    engine = create_engine(postgresql_url)
    world = World(store=open_store_on(engine, tables_there)())

    @sqlalchemy.event.listens_for(engine, "begin")
    def set_autocommit(connection):
        connection.connection.dbapi_connection.autocommit = True

    with pytest.raises(StoreFailed, match="begins no transaction"):
        world.share(ANNA, CT, BEN)
    assert world.grants(CT) == ()
    engine.dispose()


@pytest.mark.parametrize("kind", [sqlalchemy.Engine.connect, Session])
def test_joining_in_autocommit_mode_is_an_error(autocommitting, tables_there, kind):
    transaction = kind(autocommitting)
    with transaction, transaction.begin(), pytest.raises(InvalidValue, match="must have begun"):
        sql.joined(transaction, directory=World().directory, tables=tables_there)


def test_a_host_that_begins_by_a_statement_is_in_a_transaction(postgresql, tables_there):
    address = postgresql.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as connection:
        with pytest.raises(InvalidValue, match="must be in a transaction"):
            sql.over_driver_connection(connection, postgresql)
        connection.execute("BEGIN")
        lent = sql.over_driver_connection(connection, postgresql)
        sql.joined(lent, directory=World().directory, tables=tables_there)
        connection.execute("ROLLBACK")


def sqlite_at(path, **options):
    engine = create_engine(f"sqlite:///{path}", **options)
    sql.set_up_sqlite(engine)
    return engine


TRANSACTIONAL = {
    "isolation_level": LEVEL,
    "execution_options": {"execution_options": LEVEL},
    "serializable": {"isolation_level": "SERIALIZABLE"},
}


@pytest.mark.parametrize("options", TRANSACTIONAL.values(), ids=TRANSACTIONAL)
def test_acts_in_sqlite_are_whole_at_every_isolation_level(tmp_path, open_store_on, options):
    engine = sqlite_at(tmp_path / "own.db", **options)
    assert_shares_are_whole(engine, sql.create_all(engine), open_store_on)
    engine.dispose()


def without_a_journal(path):
    engine = sqlite_at(path)
    sqlalchemy.event.listen(
        engine, "connect", lambda each, _: each.execute("PRAGMA journal_mode = OFF").close()
    )
    return engine


def beginning_nothing(path):
    engine = create_engine(f"sqlite:///{path}", **LEVEL)
    sqlalchemy.event.listen(engine, "begin", lambda connection: None)
    return engine


TEARING = {
    "skip_autocommit_rollback": (
        lambda path: sqlite_at(path, skip_autocommit_rollback=True),
        "must roll transactions back",
    ),
    "journal_mode_off": (without_a_journal, "must roll transactions back"),
    "autocommit": (beginning_nothing, "must begin transactions itself"),
}


@pytest.mark.parametrize(("engine_of", "problem"), TEARING.values(), ids=TEARING)
@pytest.mark.parametrize("opening", OPENINGS.values(), ids=OPENINGS)
def test_a_sqlite_engine_without_real_transactions_is_rejected(
    tmp_path, engine_of, problem, opening
):
    sound = sqlite_at(tmp_path / "own.db")
    tables = sql.create_all(sound)
    sound.dispose()
    engine = engine_of(tmp_path / "own.db")
    with pytest.raises(InvalidValue, match=problem):
        opening(engine, tables)
    engine.dispose()


def test_joining_is_an_error_if_sqlite_has_begun_no_transaction(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path / 'own.db'}")
    with engine.begin() as connection, pytest.raises(InvalidValue, match="must have begun"):
        sql.joined(connection, directory=World().directory)
    engine.dispose()


CLIENTS = 8
SESSIONS = 2
QUESTIONS = 50
PREPARE_NONE = {"connect_args": {"prepare_threshold": None}}


@pytest.fixture(scope="module", params=["transaction", "session"])
def pooler(request, postgresql_url):
    with pooled(postgresql_url, request.param, sessions=SESSIONS) as url:
        yield url


@pytest.fixture
def careless(pooler):
    engine = create_engine(pooler)
    yield engine
    engine.dispose()


@pytest.mark.parametrize("opening", OPENINGS.values(), ids=OPENINGS)
def test_an_engine_that_prepares_statements_over_a_pooler_is_rejected(
    careless, tables_there, opening
):
    with pytest.raises(InvalidValue, match='"prepare_threshold": None') as refused:
        opening(careless, tables_there)
    assert refused.value.field == "engine"


def test_a_transaction_that_prepares_statements_over_a_pooler_is_not_joined(careless, tables_there):
    refusal = pytest.raises(InvalidValue, match="prepare_threshold")
    with careless.begin() as connection, refusal as refused:
        sql.joined(connection, directory=World().directory, tables=tables_there)
    assert refused.value.field == "transaction"


def test_a_driver_connection_that_prepares_statements_over_a_pooler_is_rejected(
    pooler, tables_there
):
    engine = create_engine(pooler, **PREPARE_NONE)
    address = sqlalchemy.make_url(pooler).set(drivername="postgresql").render_as_string()
    with psycopg.connect(address) as connection:
        connection.execute("SELECT 1")
        with pytest.raises(InvalidValue, match="prepare_threshold") as refused:
            sql.over_driver_connection(connection, engine)
        assert refused.value.field == "driver_connection"
        connection.prepare_threshold = None
        lent = sql.over_driver_connection(connection, engine)
        assert not sql.joined(lent, directory=World().directory, tables=tables_there).can(
            BEN, VIEW, CT
        )
    engine.dispose()


def test_the_command_prepares_no_statement_and_works_over_a_pooler(pooler):
    place, _ = prepared(pooler)
    assert place
    with opened(pooler) as portal:
        assert not portal.sharing.can(BEN, VIEW, CT)


@pytest.fixture(scope="module")
def transaction_pooler(postgresql_url):
    with pooled(postgresql_url, "transaction", sessions=SESSIONS) as url:
        yield url


@pytest.fixture(scope="module")
def two_portals(transaction_pooler):
    """Two portals behind one pooler, each with a prefix of its own: Ben is in one."""
    engine, worlds = create_engine(transaction_pooler, pool_size=CLIENTS, **PREPARE_NONE), {}
    for prefix in ("yes_", "no_"):
        tables = sql.create_all(engine, sql.define_tables(MetaData(), prefix=prefix))
        worlds[prefix] = World(store=sql.SqlStore.over(engine, tables=tables)), tables
    worlds["yes_"][0].share(ANNA, CT, BEN)
    yield worlds
    engine.dispose()


@contextmanager
def client_of(pooler, world, tables):
    engine = create_engine(pooler, **PREPARE_NONE)
    yield sql.open_sharing(engine, tables=tables, **world.people)
    engine.dispose()


def test_over_a_pooler_portals_never_mix_answers(transaction_pooler, two_portals):
    address = sqlalchemy.make_url(transaction_pooler).set(drivername="postgresql")
    by_hand = {"autocommit": True, "prepare_threshold": None}

    def client(number):
        prefix = ("yes_", "no_")[number % 2]
        world, tables = two_portals[prefix]
        statements = sql.Statements(tables, dialect="postgresql", paramstyle="pyformat")
        principals = world.directory.principals_of(BEN)
        statement = statements.holds(BEN, principals, VIEW, CT, world.clock())
        with (
            client_of(transaction_pooler, world, tables) as sharing,
            closing(psycopg.connect(address.render_as_string(), **by_hand)) as own,
        ):
            answers = set()
            for _ in range(QUESTIONS):
                rows = own.execute(statement.text, statement.parameters).fetchall()
                answers |= {sharing.can(BEN, VIEW, CT), statement.answer(rows)}
            return answers == {prefix == "yes_"}

    with ThreadPoolExecutor(CLIENTS) as pool:
        assert all(pool.map(client, range(CLIENTS)))


def test_over_a_pooler_acts_are_serial(transaction_pooler, two_portals):
    world, tables = two_portals["no_"]

    def client(number):
        with client_of(transaction_pooler, world, tables) as sharing:
            sharing.share(share_request(ANNA, MR, CARLA if number % 2 else BEN))

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(client, range(CLIENTS)))
    assert sorted(grant.recipient for grant in world.grants(MR)) == [BEN, CARLA]
