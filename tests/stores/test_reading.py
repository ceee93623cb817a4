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
from benchmarks.sql_plans import cost_of, noted, second_time, sqlite_plan, the_one
from django_databases import django_connection
from exam_sharing.adapters import sqlalchemy as sql
from exam_sharing.adapters.sqlalchemy.joined import joined_store
from exam_sharing.history import Stretch
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
    with suppress(es.StoreFailed):
        assert not world.store.holds(BEN, forged, VIEW, CT, START)
    with suppress(es.StoreFailed):
        assert not world.store.holding(BEN, forged, VIEW, (CT,), START)
    with suppress(es.StoreFailed):
        assert not world.store.visible(BEN, forged, None, 9, START, own=True)


def test_checks_and_pages_read_no_table_of_the_past(engine, tables):
    directory = sql.SqlDirectory(engine, tables.directory)
    sharing = sql.open_sharing(engine, tables=tables, directory=directory)
    with noted(engine) as statements:
        sharing.can(BEN, VIEW, CT)
        sharing.can_many(BEN, VIEW, (CT, MR))
        sharing.visible_to(BEN)
        sharing.shared_with(BEN)
    of_people = tables.directory
    past = (tables.events, tables.subjects, tables.seals, tables.accesses, of_people.changes)
    names = {each.name for each in (*past, of_people.change_keys, of_people.past_members)}
    assert len(statements) >= 4
    assert [each for each in statements for name in names if name in each.text] == []


def test_the_history_of_an_exam_reads_no_table_as_a_whole(tmp_path):
    engine = sql.sqlite_engine(f"{tmp_path / 'history.db'}")
    sql.create_all(engine)
    store = sql.SqlStore.over(engine)
    with noted(engine) as statements:
        for exam, user in ((CT, None), (CT, BEN), (None, BEN)):
            store.happened(exam, user, Stretch(limit=PAGE))
    asked = [each for each in statements if each.text.startswith("SELECT")]
    steps = [step for each in asked for step in sqlite_plan(engine, each)]
    engine.dispose()
    assert [step for step in steps if step.startswith("SCAN exam_sharing_")] == []
    assert any("exam_sharing_grants USING" in step for step in steps)
    assert len(asked) == 3


CROWD = 3_000
PAGE = 50


def test_checks_lists_and_pages_of_an_exam_take_one_statement(engine, new_store):
    world = World(store=new_store())
    world.share(ANNA, CT, NURSES)
    world.share(EVA, CT, BEN)
    viewer = world.sharing.viewer(EVA)

    def asked_by(ask):
        return [each for each in second_time(engine, ask) if not each.text.startswith("PRAGMA")]

    assert len(asked_by(lambda: viewer.can(DOWNLOAD, CT))) == 1
    assert len(asked_by(lambda: viewer.can_many(VIEW, (CT, MR)))) == 1
    assert len(asked_by(viewer.shared_with)) == 1
    assert len(asked_by(viewer.visible_to)) == 1
    assert len(asked_by(lambda: world.sharing.access_list(EVA, CT))) == 1
    assert len(asked_by(lambda: world.sharing.tabs(EVA, CT))) == 1
    assert len(asked_by(lambda: world.sharing.share_form(EVA, CT))) == 1
    assert len(asked_by(lambda: world.sharing.share_page(EVA, CT))) == 1


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
    tables = sql.create_all(postgresql)
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
        yield Driver(engine, {"dialect": dialect, "paramstyle": paramstyle}, rows_of)


class Driver:
    def __init__(self, engine, style, rows_of):
        self.engine, self.style, self.rows_of = engine, style, rows_of
        self.tables = sql.create_all(engine)
        self.statements = sql.Statements(self.tables, **style)

    def ask(self, question, *asked, **more):
        """Return the answer to a question of `Statements`, executed by the driver itself."""
        statement = getattr(self.statements, question)(*asked, **more)
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
    for user in USERS:
        who = user, world.sharing.viewer(user).principals
        for permission in (VIEW, DOWNLOAD):
            for exam in EXAMS:
                held = driver.ask("holds", *who, permission, exam, world.now)
                assert held is world.sharing.can(user, permission, exam)
            holding = driver.ask("holding", *who, permission, EXAMS, world.now)
            assert holding == world.sharing.can_many(user, permission, EXAMS)


@pytest.mark.parametrize("own", [True, False])
def test_pages_by_other_drivers_agree_with_the_store(driver, world, own):
    for user in USERS:
        who = user, world.sharing.viewer(user).principals
        after, page = None, True
        while page:
            asked = (*who, after, 1, world.now)
            page = driver.ask("visible", *asked, own=own)
            assert page == world.store.visible(*asked, own=own)
            after = page and (page[0].uploaded_at, str(page[0].exam))


def test_pages_agree_for_users_in_many_groups(driver, world):
    principals = frozenset({DAN.key, NURSES.key, *(es.GroupId(f"g{n}").key for n in range(300))})
    asked = (DAN, principals, None, 9, world.now)
    page = driver.ask("visible", *asked, own=True)
    assert page == world.store.visible(*asked, own=True) != ()


def test_statements_give_nothing_to_users_without_principals(driver, world):
    """A host may ask about an inactive user. Specification: `#silence-denies`."""
    who = ANNA, frozenset()
    assert driver.ask("holds", *who, VIEW, CT, world.now) is False
    assert driver.ask("holding", *who, VIEW, (CT, MR), world.now) == frozenset()
    for own in (True, False):
        assert driver.ask("visible", *who, None, 9, world.now, own=own) == ()


@pytest.mark.parametrize("ended", [True, False])
def test_versions_and_grants_by_other_drivers_agree_with_the_store(driver, world, ended):
    def compared(read):
        return {
            exam: (each.version, each.withdrawn, frozenset(each.grants), frozenset(each.ended))
            for exam, each in read.items()
        }

    read = driver.ask("read", EXAMS, ended=ended)
    assert compared(read) == compared(world.store.read(EXAMS, ended=ended))


def test_look_ups_by_other_drivers_agree_with_the_store(driver, world):
    assert set(driver.ask("find", EXAMS)) == set(world.store.find(EXAMS))
    assert driver.ask("batch_of", CT) == world.store.batch_of(CT)
    assert [exam.batch for exam in driver.ask("batch_of", MR)] == [CD] * 3


def test_a_hosts_own_select_with_may_is_rendered(driver, world):
    exams = driver.tables.exams
    for user in USERS:
        principals = world.sharing.viewer(user).principals
        who = {"principals": principals, "now": world.now, "tables": driver.tables}
        columns = exams.c.id, exams.c.owner
        held = sql.permission_held(*columns, user=user, **who).label("held")
        mine = (
            select(exams.c.id, exams.c.uploaded_at, held)
            .where(sql.may(*columns, user=user, permission=VIEW, **who))
            .where(exams.c.id.in_(["ct", "50% 'off':x"]))
            .order_by(exams.c.id)
            .limit(5)
        )
        with driver.engine.connect() as connection:
            expected = connection.execute(mine).all()
        assert driver.ask("of", mine) == tuple(map(tuple, expected))


def test_the_text_does_not_depend_on_the_arguments(driver, world):
    texts = {
        driver.statements.holding(user, principals, VIEW, exams, world.now).text
        for user, principals, exams in (
            (ANNA, {ANNA.key}, (CT,)),
            (DAN, {DAN.key, NURSES.key}, EXAMS),
            (es.UserId("nobody"), frozenset(), ()),
        )
    }
    assert len(texts) == 1


def test_the_store_executes_the_same_statements(engine, tables, new_store):
    store, dialect = new_store(), engine.dialect
    statements = sql.Statements(tables, dialect=dialect.name, paramstyle=dialect.paramstyle)
    who = DAN, frozenset({DAN.key, NURSES.key})
    for question, asked, more in (
        ("holds", (*who, VIEW, CT, START), {}),
        ("holding", (*who, VIEW, EXAMS, START), {}),
        ("visible", (*who, None, 5, START), {"own": True}),
        ("read", (EXAMS,), {"ended": True}),
    ):
        with noted(engine) as executed:
            getattr(store, question)(*asked, **more)
        statement = getattr(statements, question)(*asked, **more)
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
        sql.Statements(**asked)


def test_only_a_select_is_rendered(tables):
    statements = sql.Statements(tables, dialect="sqlite", paramstyle="qmark")
    with pytest.raises(es.WrongKind, match="select"):
        statements.of("SELECT 1")


def test_the_repr_of_a_statement_hides_its_parameters(tables):
    statements = sql.Statements(tables, dialect="sqlite", paramstyle="qmark")
    shown = repr(statements.find((es.ExamId("secret"),)))
    assert "secret" not in shown
    assert "SELECT" in shown
