"""What questions cost in a database, and the same statements executed by other drivers."""

import asyncio
import sqlite3
from contextlib import closing, contextmanager, suppress
from datetime import timedelta

import asyncpg
import psycopg
import pytest
import sqlalchemy
from sqlalchemy import select

import exam_sharing as es
from benchmarks.sql_plans import cost_of, noted, the_one
from django_databases import django_connection
from exam_sharing.adapters.sqlalchemy import Statements, create_all, may, permission_held
from exam_sharing.adapters.sqlalchemy.joined import joined_store
from exam_sharing.identifiers import PrincipalKey
from exam_sharing.testing.worlds import ANNA, BEN, CARLA, CD, CT, DAN, EVA, MR, NURSES
from world import DAY, DOWNLOAD, NO_EXAM, START, VIEW, World


def test_users_without_principals_cost_no_statement(engine, new_store):
    store, nobody = new_store(), frozenset()
    with noted(engine) as statements:
        assert store.holds(BEN, nobody, VIEW, CT, START) is False
        assert store.holding(BEN, nobody, VIEW, (CT,), START) == frozenset()
        assert store.visible(BEN, nobody, None, 9, START, own=True) == ()
    assert statements == []


def test_a_forged_key_of_two_lines_reaches_nobody(new_store):
    """Such a key is an error, and never a yes. Specification: `#silence-denies`."""
    world = World(store=new_store())
    world.share(ANNA, CT, NURSES)
    forged = frozenset({BEN.key, PrincipalKey(f"g:x\n{NURSES.key}")})
    for ask in (
        lambda: world.store.holds(BEN, forged, VIEW, CT, START),
        lambda: bool(world.store.holding(BEN, forged, VIEW, (CT,), START)),
        lambda: bool(world.store.visible(BEN, forged, None, 9, START, own=True)),
    ):
        with suppress(es.StoreFailed):
            assert ask() is False


CROWD = 3_000
PAGE = 50


@pytest.fixture
def asked_in(engine):
    """Return how many statements something takes the second time."""

    def count(ask):
        ask()
        with noted(engine) as statements:
            ask()
        return len([each for each in statements if not each.text.startswith("PRAGMA")])

    return count


def test_checks_and_pages_take_one_statement_and_access_lists_three(new_store, asked_in):
    world = World(store=new_store())
    world.share(ANNA, CT, NURSES)
    world.share(EVA, CT, BEN)
    viewer = world.sharing.viewer(EVA)
    assert asked_in(lambda: viewer.can(DOWNLOAD, CT)) == 1
    assert asked_in(lambda: viewer.can_many(VIEW, (CT, MR))) == 1
    assert asked_in(viewer.shared_with) == 1
    assert asked_in(viewer.visible_to) == 1
    assert asked_in(lambda: world.sharing.access_list(EVA, CT)) <= 3


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((3, "ANALYZE"), id="many owners, before the first VACUUM"),
        pytest.param((CROWD, "VACUUM ANALYZE"), id="nearly one owner, after it"),
    ],
)
def crowd(request, postgresql, open_store_on):
    """A store in PostgreSQL where Anna shared thousands of exams with Ben, and others a few."""
    every, tidy = request.param
    tables = create_all(postgresql)
    store = open_store_on(postgresql, tables)()
    exams = [
        {
            "id": f"e{number:05}",
            "owner": "anna" if number % every else f"owner {number}",
            "batch": "b",
            "uploaded_at": START - timedelta(minutes=number),
        }
        for number in range(CROWD)
    ]
    with postgresql.begin() as connection:
        connection.execute(sqlalchemy.insert(tables.exams), exams)
        connection.execute(
            sqlalchemy.insert(tables.versions),
            [{"exam": exam["id"], "version": 1, "withdrawn": False} for exam in exams],
        )
        connection.execute(sqlalchemy.insert(tables.grants), [*_grants(exams)])
    with postgresql.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(tidy)
    return store


def _grants(exams):
    for number, exam in enumerate(exams):
        for recipient in ("u:ben", f"u:{number}", f"g:{number % 500}"):
            yield {
                "id": f"{exam['id']} to {recipient}",
                "exam": exam["id"],
                "grantor": exam["owner"],
                "recipient": recipient,
                "permission": 1,
                "version": 1,
                "share": "s",
                "made_at": START,
                "uploaded_at": exam["uploaded_at"],
            }


@pytest.fixture
def cost(postgresql, crowd):
    """Return what PostgreSQL reads for a question, whichever plan it makes."""

    def measure(ask):
        return cost_of(postgresql, the_one(postgresql, ask), "exam_sharing_grants")

    return measure


@pytest.mark.parametrize("own", [True, False])
def test_a_page_reads_no_more_rows_than_it_shows(crowd, cost, own):
    groups = frozenset(es.GroupId(str(number)).key for number in range(9))
    after = START - timedelta(minutes=2_000), "e02000"

    def page(user, principals, after):
        return lambda: crowd.visible(user, principals, after, PAGE + 1, START, own=own)

    for principals in ({BEN.key}, {BEN.key, *groups}):
        first = cost(page(BEN, frozenset(principals), None))
        # One row more shows that the last exam of the page has no further grant.
        assert PAGE < first.rows <= len(principals) * (PAGE + 2)
        later = cost(page(BEN, frozenset(principals), after))
        assert later.rows <= first.rows
        assert later.buffers <= 1.2 * first.buffers


def test_a_check_reads_no_more_for_owners_of_many_exams(crowd, cost):
    def check(user):
        return lambda: crowd.holds(
            user, frozenset({user.key}), DOWNLOAD, es.ExamId("e00007"), START
        )

    def many(user):
        exams = [es.ExamId(f"e{number:05}") for number in range(0, CROWD, CROWD // 10)]
        return lambda: crowd.holding(user, frozenset({user.key}), DOWNLOAD, exams, START)

    assert check(ANNA)() is True
    assert check(CARLA)() is False
    for ask in (check, many):
        owner, stranger = cost(ask(ANNA)), cost(ask(CARLA))
        assert owner.rows == stranger.rows == 0
        # The owner's check also looks up whether the exam was withdrawn.
        assert owner.buffers <= 3 * stranger.buffers


def test_the_plan_of_a_check_is_reused(postgresql, crowd):
    kept = "SELECT sum(generic_plans), sum(custom_plans) FROM pg_prepared_statements"
    with postgresql.begin() as connection:
        store = joined_store(connection)
        for number in range(30):
            store.holds(BEN, frozenset({BEN.key}), VIEW, es.ExamId(f"e{number:05}"), START)
        by_one_plan, planned = connection.exec_driver_sql(kept).one()
    assert by_one_plan > planned


DRIVERS = [
    ("sqlite", "qmark", "sqlite3"),
    ("sqlite", "named", "sqlite3"),
    ("sqlite", "numeric", "sqlite3"),
    ("sqlite", "format", "django"),
    ("postgresql", "format", "psycopg"),
    ("postgresql", "pyformat", "psycopg"),
    ("postgresql", "numeric_dollar", "psycopg"),
    ("postgresql", "numeric_dollar", "asyncpg"),
    ("postgresql", "format", "django"),
]


@pytest.fixture(params=DRIVERS, ids="-".join)
def driver(request):
    """The dialect and the paramstyle, and how the driver itself executes a statement."""
    dialect, paramstyle, name = request.param
    engine = request.getfixturevalue(dialect)
    with OPENED[name](engine.url, paramstyle) as rows_of:
        yield Driver(engine, dialect, paramstyle, rows_of)


class Driver:
    def __init__(self, engine, dialect, paramstyle, rows_of):
        self.engine, self.rows_of = engine, rows_of
        self.tables = None
        self.style = {"dialect": dialect, "paramstyle": paramstyle}

    def answer(self, statement):
        return statement.answer(self.rows_of(statement.text, statement.parameters))


@contextmanager
def sqlite3_opened(url, paramstyle):
    def rows_of(text, parameters):
        if paramstyle == "numeric":  # sqlite3 takes no sequence for these.
            parameters = {str(n): value for n, value in enumerate(parameters, start=1)}
        return connection.execute(text, parameters).fetchall()

    with closing(sqlite3.connect(url.database)) as connection:
        yield rows_of


@contextmanager
def psycopg_opened(url, paramstyle):
    address = url.set(drivername="postgresql").render_as_string(hide_password=False)
    cursors = psycopg.RawCursor if paramstyle == "numeric_dollar" else psycopg.Cursor
    with psycopg.connect(address, options=f"-c {TOKYO}", cursor_factory=cursors) as connection:
        yield lambda text, parameters: connection.execute(text, parameters).fetchall()


@contextmanager
def asyncpg_opened(url, paramstyle):
    where = {"host": url.query.get("host") or url.host, "port": url.port}
    who = {"user": url.username, "password": url.password, "database": url.database}
    settings = dict([TOKYO.split("=")])
    with asyncio.Runner() as runner:
        connecting = asyncpg.connect(**where, **who, server_settings=settings)
        connection = runner.run(connecting)
        yield lambda text, parameters: runner.run(connection.fetch(text, *parameters))
        runner.run(connection.close())


@contextmanager
def django_opened(url, paramstyle):
    def rows_of(text, parameters):
        with connection.cursor() as cursor:
            cursor.execute(text, parameters)
            return cursor.fetchall()

    with closing(django_connection(url)) as connection:
        yield rows_of


TOKYO = "timezone=Asia/Tokyo"
OPENED = {
    "sqlite3": sqlite3_opened,
    "psycopg": psycopg_opened,
    "asyncpg": asyncpg_opened,
    "django": django_opened,
}


@pytest.fixture
def world(driver, open_store_on):
    driver.tables = create_all(driver.engine)
    world = World(store=open_store_on(driver.engine, driver.tables)())
    world.upload(es.BatchId("bens"), BEN, es.ExamId("50% 'off':x"), subject=None)
    world.share(ANNA, CT, BEN, until=world.now + DAY)
    world.share(ANNA, CT, NURSES, permission=DOWNLOAD)
    world.share(ANNA, MR, NURSES)
    world.share(BEN, es.ExamId("50% 'off':x"), CARLA, EVA)
    world.sharing.unshare(es.UnshareRequest(actor=ANNA, exam=MR, recipient=NURSES))
    return world


EXAMS = (CT, MR, es.ExamId("50% 'off':x"), NO_EXAM)
USERS = (ANNA, BEN, CARLA, DAN, es.UserId("nobody"))


def test_checks_by_other_drivers_agree_with_the_store(driver, world):
    statements = Statements(driver.tables, **driver.style)
    for user in USERS:
        who = user, world.sharing.viewer(user).principals
        for permission in (VIEW, DOWNLOAD):
            for exam in EXAMS:
                held = statements.holds(*who, permission, exam, world.now)
                assert driver.answer(held) is world.sharing.can(user, permission, exam)
            holding = statements.holding(*who, permission, EXAMS, world.now)
            assert driver.answer(holding) == world.sharing.can_many(user, permission, EXAMS)


@pytest.mark.parametrize("own", [True, False])
def test_pages_by_other_drivers_agree_with_the_store(driver, world, own):
    statements = Statements(driver.tables, **driver.style)
    for user in USERS:
        who = user, world.sharing.viewer(user).principals
        after = None
        while True:
            asked = (*who, after, 1, world.now)
            page = driver.answer(statements.visible(*asked, own=own))
            assert page == world.store.visible(*asked, own=own)
            if not page:
                break
            after = page[0].uploaded_at, str(page[0].exam)


def test_pages_agree_for_users_in_many_groups(driver, world):
    statements = Statements(driver.tables, **driver.style)
    principals = frozenset({DAN.key, NURSES.key, *(es.GroupId(f"g{n}").key for n in range(300))})
    asked = (DAN, principals, None, 9, world.now)
    page = driver.answer(statements.visible(*asked, own=True))
    assert page == world.store.visible(*asked, own=True) != ()


def test_statements_give_nothing_to_users_without_principals(driver, world):
    """A host may ask about an inactive user. Specification: `#silence-denies`."""
    statements, nobody = Statements(driver.tables, **driver.style), frozenset()
    assert driver.answer(statements.holds(ANNA, nobody, VIEW, CT, world.now)) is False
    held = statements.holding(ANNA, nobody, VIEW, (CT, MR), world.now)
    assert driver.answer(held) == frozenset()
    for own in (True, False):
        page = statements.visible(ANNA, nobody, None, 9, world.now, own=own)
        assert driver.answer(page) == ()


@pytest.mark.parametrize("ended", [True, False])
def test_versions_and_grants_by_other_drivers_agree_with_the_store(driver, world, ended):
    statements = Statements(driver.tables, **driver.style)
    read = driver.answer(statements.read(EXAMS, ended=ended))
    expected = world.store.read(EXAMS, ended=ended)
    assert read.keys() == expected.keys()
    for exam, sharing in expected.items():
        assert read[exam].version == sharing.version
        assert read[exam].withdrawn is sharing.withdrawn
        assert set(read[exam].grants) == set(sharing.grants)
        assert set(read[exam].ended) == set(sharing.ended)


def test_look_ups_by_other_drivers_agree_with_the_store(driver, world):
    statements = Statements(driver.tables, **driver.style)
    assert set(driver.answer(statements.find(EXAMS))) == set(world.store.find(EXAMS))
    assert driver.answer(statements.batch_of(CT)) == world.store.batch_of(CT)
    assert [exam.batch for exam in driver.answer(statements.batch_of(MR))] == [CD] * 3


def test_a_hosts_own_select_with_may_is_rendered(driver, world):
    statements = Statements(driver.tables, **driver.style)
    exams = driver.tables.exams
    for user in USERS:
        who = {
            "user": user,
            "principals": world.sharing.viewer(user).principals,
            "now": world.now,
            "tables": driver.tables,
        }
        columns = exams.c.id, exams.c.owner
        mine = (
            select(exams.c.id, exams.c.uploaded_at, permission_held(*columns, **who).label("held"))
            .where(may(*columns, permission=VIEW, **who), exams.c.id.in_(["ct", "50% 'off':x"]))
            .order_by(exams.c.id)
            .limit(5)
        )
        with driver.engine.connect() as connection:
            expected = connection.execute(mine).all()
        assert driver.answer(statements.of(mine)) == tuple(map(tuple, expected))


def test_the_text_does_not_depend_on_the_arguments(driver, world):
    statements = Statements(driver.tables, **driver.style)
    texts = {
        statements.holding(user, world.sharing.viewer(user).principals, VIEW, exams, now).text
        for user, exams, now in (
            (ANNA, (CT,), world.now),
            (DAN, EXAMS, world.now + DAY),
            (es.UserId("nobody"), (), world.now),
        )
    }
    assert len(texts) == 1


def test_the_store_executes_the_same_statements(driver, world):
    if (
        driver.style["paramstyle"]
        != {"sqlite": "qmark", "postgresql": "pyformat"}[driver.style["dialect"]]
    ):
        return
    same_driver = {"dialect": driver.engine.dialect.name}
    statements = Statements(
        driver.tables, paramstyle=driver.engine.dialect.paramstyle, **same_driver
    )
    who = DAN, world.sharing.viewer(DAN).principals
    asked = [
        (world.store.holds, statements.holds, (*who, VIEW, CT, world.now), {}),
        (world.store.holding, statements.holding, (*who, VIEW, EXAMS, world.now), {}),
        (world.store.visible, statements.visible, (*who, None, 5, world.now), {"own": True}),
        (world.store.read, statements.read, (EXAMS,), {"ended": True}),
    ]
    for ask, render, arguments, more in asked:
        with noted(driver.engine) as executed:
            ask(*arguments, **more)
        statement = render(*arguments, **more)
        written = [(each.text, each.parameters) for each in executed]
        assert (statement.text, statement.parameters) in written


@pytest.mark.parametrize(
    ("wrong", "error", "field"),
    [
        ({"dialect": "mysql"}, es.InvalidValue, "dialect"),
        ({"paramstyle": "dollars"}, es.InvalidValue, "paramstyle"),
        ({"tables": None}, es.WrongKind, "tables"),
    ],
)
def test_wrong_arguments_of_statements_are_errors(wrong, error, field, tables):
    asked = {"tables": tables, "dialect": "sqlite", "paramstyle": "qmark", **wrong}
    with pytest.raises(error, match=field):
        Statements(**asked)


def test_only_a_select_is_rendered(tables):
    statements = Statements(tables, dialect="sqlite", paramstyle="qmark")
    with pytest.raises(es.WrongKind, match="select"):
        statements.of("SELECT 1")


def test_the_repr_of_a_statement_hides_its_parameters(tables):
    statements = Statements(tables, dialect="sqlite", paramstyle="qmark")
    shown = repr(statements.find((es.ExamId("secret"),)))
    assert "secret" not in shown
    assert "SELECT" in shown
