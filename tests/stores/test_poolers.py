"""Behind a pooler, prepared statements of one client may be executed by another.

The pooler is a real PgBouncer; where it is not installed, these tests are skipped.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest
import sqlalchemy

from databases import created_database, pooled
from exam_sharing import InvalidValue
from exam_sharing.adapters.sqlalchemy import (
    SqlDirectory,
    SqlStore,
    Statements,
    create_all,
    define_tables,
    joined,
    open_sharing,
    over_driver_connection,
    sweep_expired,
)
from exam_sharing.cli.database import opened, prepared
from world import ANNA, BEN, CARLA, CT, MR, VIEW, World, share_request

CLIENTS = 8
SESSIONS = 2
QUESTIONS = 50
PREPARE_NONE = {"connect_args": {"prepare_threshold": None}}


@pytest.fixture(scope="module")
def database(postgresql_server):
    with created_database(postgresql_server) as url:
        yield url


@pytest.fixture(scope="module", params=["transaction", "session"])
def pooler(request, database):
    """The URL of the database by way of a pooler."""
    with pooled(database, request.param, sessions=SESSIONS) as url:
        yield url


@pytest.fixture(scope="module")
def transaction_pooler(database):
    with pooled(database, "transaction", sessions=SESSIONS) as url:
        yield url


@pytest.fixture(scope="module")
def tables(database):
    """The tables, created by a client that reaches the server itself."""
    engine = sqlalchemy.create_engine(database)
    yield create_all(engine)
    engine.dispose()


@pytest.fixture
def careless(pooler):
    """An engine as SQLAlchemy makes it by default."""
    engine = sqlalchemy.create_engine(pooler)
    yield engine
    engine.dispose()


OPENINGS = {
    "open_sharing": lambda engine, tables: open_sharing(engine, tables=tables),
    "over": lambda engine, tables: SqlStore.over(engine, tables=tables),
    "SqlDirectory": lambda engine, tables: SqlDirectory(engine, tables.directory),
    "sweep_expired": lambda engine, tables: sweep_expired(engine, tables=tables),
    "create_all": create_all,
}


@pytest.mark.parametrize("opening", OPENINGS.values(), ids=OPENINGS)
def test_an_engine_over_a_pooler_that_prepares_statements_is_refused(careless, tables, opening):
    with pytest.raises(InvalidValue, match='"prepare_threshold": None') as refused:
        opening(careless, tables)
    assert refused.value.field == "engine"


def test_a_transaction_over_a_pooler_that_prepares_statements_is_not_joined(careless, tables):
    refusal = pytest.raises(InvalidValue, match="prepare_threshold")
    with careless.begin() as connection, refusal as refused:
        joined(connection, directory=World().directory, tables=tables)
    assert refused.value.field == "transaction"


def test_a_connection_of_the_driver_over_a_pooler_is_not_lent_while_it_prepares(pooler, tables):
    engine = sqlalchemy.create_engine(pooler, **PREPARE_NONE)
    address = sqlalchemy.make_url(pooler).set(drivername="postgresql").render_as_string()
    with psycopg.connect(address) as connection:
        connection.execute("SELECT 1")
        with pytest.raises(InvalidValue, match="prepare_threshold") as refused:
            over_driver_connection(connection, engine)
        assert refused.value.field == "driver_connection"
        connection.prepare_threshold = None
        lent = over_driver_connection(connection, engine)
        assert not joined(lent, directory=World().directory, tables=tables).can(BEN, VIEW, CT)
    engine.dispose()


def test_the_command_prepares_no_statement_and_works_over_a_pooler(pooler):
    place, _ = prepared(pooler)
    assert place
    with opened(pooler) as portal:
        assert not portal.sharing.can(BEN, VIEW, CT)


@pytest.fixture(scope="module")
def two_portals(transaction_pooler):
    """Two portals behind one pooler, each with tables under a prefix of its own: Ben is in one."""
    engine = sqlalchemy.create_engine(transaction_pooler, pool_size=CLIENTS, **PREPARE_NONE)
    worlds = {}
    for prefix in ("yes_", "no_"):
        tables = create_all(engine, define_tables(sqlalchemy.MetaData(), prefix=prefix))
        worlds[prefix] = World(store=SqlStore.over(engine, tables=tables)), tables
    worlds["yes_"][0].share(ANNA, CT, BEN)
    yield worlds
    engine.dispose()


def test_over_a_pooler_nobody_gets_the_answer_of_another_portal(transaction_pooler, two_portals):
    def client(number):
        prefix = ("yes_", "no_")[number % 2]
        world, tables = two_portals[prefix]
        statements = Statements(tables, dialect="postgresql", paramstyle="pyformat")
        principals = world.directory.principals_of(BEN)
        engine = sqlalchemy.create_engine(transaction_pooler, **PREPARE_NONE)
        sharing = open_sharing(engine, tables=tables, directory=world.directory, clock=world.clock)
        statement = statements.holds(BEN, principals, VIEW, CT, world.clock())
        answers = set()
        address = sqlalchemy.make_url(transaction_pooler).set(drivername="postgresql")
        with closing(
            psycopg.connect(address.render_as_string(), autocommit=True, prepare_threshold=None)
        ) as own:
            for _ in range(QUESTIONS):
                rows = own.execute(statement.text, statement.parameters).fetchall()
                answers |= {sharing.can(BEN, VIEW, CT), statement.answer(rows)}
        engine.dispose()
        return prefix, answers

    with ThreadPoolExecutor(CLIENTS) as pool:
        for prefix, answers in pool.map(client, range(CLIENTS)):
            assert answers == {prefix == "yes_"}


def test_over_a_pooler_acts_are_done_one_after_the_other(transaction_pooler, two_portals):
    world, tables = two_portals["no_"]

    def client(number):
        engine = sqlalchemy.create_engine(transaction_pooler, **PREPARE_NONE)
        sharing = open_sharing(engine, tables=tables, directory=world.directory, clock=world.clock)
        sharing.share(share_request(ANNA, MR, CARLA if number % 2 else BEN))
        engine.dispose()

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(client, range(CLIENTS)))
    assert {grant.recipient for grant in world.grants(MR)} == {BEN, CARLA}
    assert len(world.grants(MR)) == 2
