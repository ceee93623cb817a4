"""Statements apart from their execution: another driver gets the same answers by them."""

import asyncio
import sqlite3
from contextlib import closing, contextmanager

import asyncpg
import psycopg
import pytest
import sqlalchemy
from sqlalchemy import select

from django_databases import django_connection
from exam_sharing import BatchId, ExamId, GroupId, InvalidValue, UnshareRequest, UserId, WrongKind
from exam_sharing.adapters.sqlalchemy import Statements, create_all, may, permission_held
from world import (
    ANNA,
    BEN,
    CARLA,
    CD,
    CT,
    DAN,
    DAY,
    DOWNLOAD,
    EVA,
    MR,
    NO_EXAM,
    NURSES,
    VIEW,
    World,
)

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
    world.upload(BatchId("bens"), BEN, ExamId("50% 'off':x"), subject=None)
    world.share(ANNA, CT, BEN, until=world.now + DAY)
    world.share(ANNA, CT, NURSES, permission=DOWNLOAD)
    world.share(ANNA, MR, NURSES)
    world.share(BEN, ExamId("50% 'off':x"), CARLA, EVA)
    world.sharing.unshare(UnshareRequest(actor=ANNA, exam=MR, recipient=NURSES))
    return world


EXAMS = (CT, MR, ExamId("50% 'off':x"), NO_EXAM)
USERS = (ANNA, BEN, CARLA, DAN, UserId("nobody"))


def test_checks_say_what_the_store_says(driver, world):
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
def test_pages_say_what_the_store_says(driver, world, own):
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


def test_users_in_very_many_groups_see_the_same(driver, world):
    statements = Statements(driver.tables, **driver.style)
    principals = frozenset({DAN.key, NURSES.key, *(GroupId(f"g{n}").key for n in range(300))})
    asked = (DAN, principals, None, 9, world.now)
    page = driver.answer(statements.visible(*asked, own=True))
    assert page == world.store.visible(*asked, own=True) != ()


def test_who_holds_nothing_is_answered_so_by_the_statements_themselves(driver, world):
    """SPEC 9.1, also where a host forgets that nobody need be asked about an inactive user."""
    statements, nobody = Statements(driver.tables, **driver.style), frozenset()
    assert driver.answer(statements.holds(ANNA, nobody, VIEW, CT, world.now)) is False
    held = statements.holding(ANNA, nobody, VIEW, (CT, MR), world.now)
    assert driver.answer(held) == frozenset()
    for own in (True, False):
        page = statements.visible(ANNA, nobody, None, 9, world.now, own=own)
        assert driver.answer(page) == ()


@pytest.mark.parametrize("ended", [True, False])
def test_an_access_list_can_be_read_with_its_versions_and_history(driver, world, ended):
    statements = Statements(driver.tables, **driver.style)
    read = driver.answer(statements.read(EXAMS, ended=ended))
    expected = world.store.read(EXAMS, ended=ended)
    assert read.keys() == expected.keys()
    for exam, sharing in expected.items():
        assert read[exam].version == sharing.version
        assert read[exam].withdrawn is sharing.withdrawn
        assert set(read[exam].grants) == set(sharing.grants)
        assert set(read[exam].ended) == set(sharing.ended)


def test_exams_can_be_looked_up(driver, world):
    statements = Statements(driver.tables, **driver.style)
    assert set(driver.answer(statements.find(EXAMS))) == set(world.store.find(EXAMS))
    assert driver.answer(statements.batch_of(CT)) == world.store.batch_of(CT)
    assert [exam.batch for exam in driver.answer(statements.batch_of(MR))] == [CD] * 3


def test_a_hosts_own_select_is_rendered_with_the_condition_in_it(driver, world):
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


def test_the_text_is_the_same_whatever_is_asked(driver, world):
    statements = Statements(driver.tables, **driver.style)
    texts = {
        statements.holding(user, world.sharing.viewer(user).principals, VIEW, exams, now).text
        for user, exams, now in (
            (ANNA, (CT,), world.now),
            (DAN, EXAMS, world.now + DAY),
            (UserId("nobody"), (), world.now),
        )
    }
    assert len(texts) == 1


def test_it_is_what_the_store_executes(driver, world):
    if (
        driver.style["paramstyle"]
        != {"sqlite": "qmark", "postgresql": "pyformat"}[driver.style["dialect"]]
    ):
        return
    executed = []

    def note(connection, cursor, text, parameters, *others):
        executed.append((text, parameters))

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
    sqlalchemy.event.listen(driver.engine, "before_cursor_execute", note)
    try:
        for ask, render, arguments, more in asked:
            executed.clear()
            ask(*arguments, **more)
            statement = render(*arguments, **more)
            assert (statement.text, statement.parameters) in executed
    finally:
        sqlalchemy.event.remove(driver.engine, "before_cursor_execute", note)


@pytest.mark.parametrize(
    ("wrong", "error", "field"),
    [
        ({"dialect": "mysql"}, InvalidValue, "dialect"),
        ({"paramstyle": "dollars"}, InvalidValue, "paramstyle"),
        ({"tables": None}, WrongKind, "tables"),
    ],
)
def test_what_cannot_be_rendered_is_an_error(wrong, error, field, tables):
    asked = {"tables": tables, "dialect": "sqlite", "paramstyle": "qmark", **wrong}
    with pytest.raises(error, match=field):
        Statements(**asked)


def test_only_a_select_is_rendered(tables):
    statements = Statements(tables, dialect="sqlite", paramstyle="qmark")
    with pytest.raises(WrongKind, match="select"):
        statements.of("SELECT 1")


def test_a_statement_does_not_show_what_it_was_asked_with(tables):
    statements = Statements(tables, dialect="sqlite", paramstyle="qmark")
    shown = repr(statements.find((ExamId("secret"),)))
    assert "secret" not in shown
    assert "SELECT" in shown
