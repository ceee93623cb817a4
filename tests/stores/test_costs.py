"""What questions cost in a database: how many statements, and in PostgreSQL what they read."""

from datetime import timedelta

import pytest
import sqlalchemy

from benchmarks.sql_plans import cost_of, noted, the_one
from exam_sharing import ExamId, GroupId
from exam_sharing.adapters.sqlalchemy import create_all
from exam_sharing.adapters.sqlalchemy.joined import joined_store
from world import ANNA, BEN, CARLA, CT, DOWNLOAD, EVA, MR, NURSES, START, VIEW, World

EXAMS = 3_000
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


def test_questions_of_a_portal_take_one_statement_and_access_lists_three(new_store, asked_in):
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
        pytest.param((EXAMS, "VACUUM ANALYZE"), id="nearly one owner, after it"),
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
        for number in range(EXAMS)
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
def test_a_page_reads_no_more_than_it_shows_however_much_there_is(crowd, cost, own):
    groups = frozenset(GroupId(str(number)).key for number in range(9))
    after = START - timedelta(minutes=2_000), "e02000"

    def page(user, principals, after):
        return lambda: crowd.visible(user, principals, after, PAGE + 1, START, own=own)

    for principals in ({BEN.key}, {BEN.key, *groups}):
        first = cost(page(BEN, frozenset(principals), None))
        # One row more tells that the last exam of the page has no further grant.
        assert PAGE < first.rows <= len(principals) * (PAGE + 2)
        later = cost(page(BEN, frozenset(principals), after))
        assert later.rows <= first.rows
        assert later.buffers <= 1.2 * first.buffers


def test_a_check_reads_no_more_for_those_who_own_much(crowd, cost):
    def check(user):
        return lambda: crowd.holds(user, frozenset({user.key}), DOWNLOAD, ExamId("e00007"), START)

    def many(user):
        exams = [ExamId(f"e{number:05}") for number in range(0, EXAMS, EXAMS // 10)]
        return lambda: crowd.holding(user, frozenset({user.key}), DOWNLOAD, exams, START)

    assert check(ANNA)() is True
    assert check(CARLA)() is False
    for ask in (check, many):
        owner, stranger = cost(ask(ANNA)), cost(ask(CARLA))
        assert owner.rows == stranger.rows == 0
        # More than the stranger's: whether the exam was withdrawn.
        assert owner.buffers <= 3 * stranger.buffers


def test_a_check_is_not_planned_anew_each_time(postgresql, crowd):
    kept = "SELECT sum(generic_plans), sum(custom_plans) FROM pg_prepared_statements"
    with postgresql.begin() as connection:
        store = joined_store(connection)
        for number in range(30):
            store.holds(BEN, frozenset({BEN.key}), VIEW, ExamId(f"e{number:05}"), START)
        by_one_plan, planned = connection.exec_driver_sql(kept).one()
    assert by_one_plan > planned
