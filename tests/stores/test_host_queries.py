"""A host's own statements say what checks say: for every user, in every world, at every moment."""

from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, String, Table, cast, func, select
from sqlalchemy.orm import Session, aliased, declarative_base

import exam_sharing as es
from exam_sharing.adapters import sqlalchemy as sql
from exam_sharing.testing.worlds import ANNA, BEN, CARLA, CT, DAN, EVA, MR, NURSES
from laws.stories import EXAMS, USERS, stories, tell
from world import DOWNLOAD, START, VIEW, World, codes, share_request

ASKED = (*EXAMS, es.ExamId("nowhere"))
NOBODY = es.UserId("nobody")


def portal_exams(metadata, name="portal_exams", collation=None):
    """Return a table of a host's own exams, with columns of its own."""
    return Table(
        name,
        metadata,
        Column("number", Integer, primary_key=True),
        Column("accession", String(255, collation=collation), unique=True),
        Column("belongs_to", String(255, collation=collation)),
        Column("modality", String(2)),
    )


@pytest.fixture(scope="module")
def portal(engine):
    table = portal_exams(MetaData())
    table.metadata.create_all(engine)
    return table


def fill(engine, portal, store, exams):
    """Give the host the same exams, with the same owners, as the store has."""
    found = store.find(tuple(exams))
    with engine.begin() as connection:
        connection.execute(portal.delete())
        connection.execute(
            portal.insert(),
            [
                {"accession": str(exam.id), "belongs_to": str(exam.owner), "modality": "CT"}
                for exam in found
            ],
        )


class Answers:
    """What each form of question says of one user, from one moment."""

    def __init__(self, engine, portal, tables, sharing, user, now):
        self.engine, self.portal, self.tables, self.sharing = engine, portal, tables, sharing
        self.columns = (portal.c.accession, portal.c.belongs_to)
        self.asker = {"user": user, "now": now, "tables": tables}
        self.asker["principals"] = sharing.viewer(user).principals

    def rows(self, statement):
        with self.engine.connect() as connection:
            return connection.execute(statement).all()

    def visible(self, permission):
        rows = self.rows(sql.visible_exams(permission=permission, **self.asker))
        held = {es.ExamId(row.exam): es.Permission(row.permission) for row in rows}
        assert len(held) == len(rows)
        return held, {es.ExamId(row.exam): row.uploaded_at for row in rows}

    def permitted(self, permission):
        condition = sql.may(*self.columns, permission=permission, **self.asker)
        return {es.ExamId(exam) for (exam,) in self.rows(select(self.columns[0]).where(condition))}

    def of_each_row(self):
        conditions = (sql.may(*self.columns, permission=p, **self.asker) for p in es.Permission)
        held = sql.permission_held(*self.columns, **self.asker)
        rows = self.rows(select(self.columns[0], held, *conditions))
        return {es.ExamId(exam): tuple(said) for exam, *said in rows}


@given(data=st.data())
@settings(
    max_examples=12,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.function_scoped_fixture,
    ],
)
def test_conditions_pages_and_checks_agree(engine, tables, portal, new_store, data):
    """Specification: `#list-and-check-agree`."""
    story = data.draw(stories(new_store=new_store))

    tell(data, story, story.do, steps=8)
    for exam in data.draw(st.sets(st.sampled_from(EXAMS), max_size=1)):
        story.sharing.admin.withdraw(exam, performed_by="ops", why="wrong patient")
    fill(engine, portal, story.store, EXAMS)
    ends = {grant.until for exam in EXAMS for grant in story.facts(exam).grants} - {None}
    tick = timedelta(microseconds=1)
    moments = sorted({story.now, *(end - tick * n for end in ends for n in (0, 1))})
    for story.now in data.draw(st.permutations(moments))[:2]:
        for user in (*USERS, NOBODY):
            assert_same_answers(engine, portal, tables, story, user)


def assert_same_answers(engine, portal, tables, story, user):
    sharing = story.sharing
    answers = Answers(engine, portal, tables, sharing, user, story.now)
    checked = {p: {e for e in ASKED if sharing.can(user, p, e)} for p in es.Permission}
    highest = {exam: max(p for p in es.Permission if exam in checked[p]) for exam in checked[VIEW]}
    for permission in es.Permission:
        assert sharing.can_many(user, permission, ASKED) == checked[permission]
        assert answers.permitted(permission) == checked[permission]
        held, uploaded = answers.visible(permission)
        assert held == {exam: highest[exam] for exam in checked[permission]}
        assert uploaded == {e.id: e.uploaded_at for e in story.store.find(tuple(held))}
    assert answers.of_each_row() == {
        exam: (highest.get(exam, 0), exam in checked[VIEW], exam in checked[DOWNLOAD])
        for exam in EXAMS
    }
    listed = sharing.visible_to(user).items
    assert {item.exam: item.permission for item in listed} == highest


@pytest.fixture
def world(engine, portal, new_store):
    world = World(store=new_store())
    world.upload(es.BatchId("bens"), BEN, es.ExamId("own"))
    world.share(ANNA, CT, BEN)
    world.share(ANNA, CT, NURSES, permission=DOWNLOAD)
    world.share(ANNA, MR, NURSES)
    fill(engine, portal, world.store, world.uploaded)
    return world


def asker(world, user, tables):
    return {
        "user": user,
        "principals": world.sharing.viewer(user).principals,
        "now": world.now,
        "tables": tables,
    }


@pytest.fixture
def scalars(engine):
    """Return the first column of what a statement gives."""

    def execute(statement):
        with engine.connect() as connection:
            return connection.scalars(statement).all()

    return execute


@pytest.fixture
def mine(world, portal, tables):
    """Return the select of what a user may do something with, by the host's own columns."""
    columns = portal.c.accession, portal.c.belongs_to

    def select_of(user, permission=VIEW):
        condition = sql.may(*columns, permission=permission, **asker(world, user, tables))
        return select(portal.c.accession).where(condition)

    return select_of


def test_a_host_may_sort_filter_and_limit(scalars, portal, mine):
    assert scalars(mine(DAN).order_by(portal.c.accession).limit(1)) == ["ct"]
    assert scalars(mine(DAN).where(portal.c.modality == "MR")) == []
    assert scalars(select(func.count()).select_from(mine(DAN).subquery())) == [2]


def test_a_host_joins_the_visible_exams_to_its_own(world, engine, portal, tables):
    visible = sql.visible_exams(permission=VIEW, **asker(world, DAN, tables)).subquery()
    joined = (
        select(portal.c.accession, visible.c.permission)
        .join(visible, visible.c.exam == portal.c.accession)
        .order_by(portal.c.accession.desc())
    )
    with engine.connect() as connection:
        assert connection.execute(joined).all() == [("mr", VIEW), ("ct", DOWNLOAD)]


def test_one_statement_may_ask_about_two_users(scalars, mine):
    assert scalars(mine(ANNA).where(mine(BEN).whereclause)) == ["ct"]


def test_mapped_classes_and_aliases_are_accepted(world, engine, tables):
    base = declarative_base()

    class PortalExam(base):
        __table__ = portal_exams(base.metadata)

    for entity in (PortalExam, aliased(PortalExam)):
        columns, who = (entity.accession, entity.belongs_to), asker(world, DAN, tables)
        statement = (
            select(entity.accession, sql.permission_held(*columns, **who))
            .where(sql.may(*columns, permission=VIEW, **who))
            .order_by(entity.accession)
        )
        with Session(engine) as session:
            assert session.execute(statement).all() == [("ct", DOWNLOAD), ("mr", VIEW)]


def test_an_update_with_may_changes_only_permitted_rows(engine, portal, scalars, mine):
    permitted = mine(EVA, DOWNLOAD).whereclause
    with engine.begin() as connection:
        connection.execute(portal.update().where(permitted).values(modality="XX"))
    assert scalars(select(portal.c.accession).where(portal.c.modality == "XX")) == ["ct"]


def test_an_inactive_owner_sees_nothing(world, portal, tables, scalars, mine):
    world.person(ANNA, active=False)
    who, columns = asker(world, ANNA, tables), (portal.c.accession, portal.c.belongs_to)
    assert who["principals"] == frozenset()
    assert scalars(sql.visible_exams(permission=VIEW, **who)) == []
    assert scalars(mine(ANNA)) == []
    assert set(scalars(select(sql.permission_held(*columns, **who)))) == {0}


def test_an_exam_missing_from_the_table_is_there_for_nobody(world, engine, tables, scalars):
    """It is there for nobody, whatever its grants. Specification: `#by-the-host`."""
    with engine.begin() as connection:
        connection.execute(tables.exams.delete().where(tables.exams.c.id == "ct"))
    style = {"postgresql": "pyformat", "sqlite": "named"}[engine.dialect.name]
    statements = sql.Statements(tables, dialect=engine.dialect.name, paramstyle=style)

    def answer(statement):
        with engine.connect() as connection:
            rows = connection.exec_driver_sql(statement.text, statement.parameters)
            return statement.answer(rows.all())

    for user in (ANNA, BEN, DAN):
        sharing, who = world.sharing, asker(world, user, tables)
        asks = user, who["principals"]
        for permission in es.Permission:
            assert not sharing.can(user, permission, CT)
            assert CT not in sharing.can_many(user, permission, (CT, MR))
            assert answer(statements.holds(*asks, permission, CT, world.now)) is False
            assert CT not in answer(statements.holding(*asks, permission, (CT, MR), world.now))
            assert "ct" not in scalars(sql.visible_exams(permission=permission, **who))
        for own, listed in ((True, sharing.visible_to), (False, sharing.shared_with)):
            page = answer(statements.visible(*asks, None, 9, world.now, own=own))
            assert CT not in {item.exam for item in (*listed(user).items, *page)}
        for asked in (
            share_request(user, CT, CARLA),
            es.UnshareRequest(actor=user, exam=CT, recipient=BEN),
        ):
            assert codes(sharing.preview(asked).reasons) == [es.ReasonCode.EXAM_NOT_FOUND]
    assert {item.exam for item in world.sharing.visible_to(DAN, limit=1).items} == {MR}


def test_numeric_ids_of_a_host_can_be_cast(world, engine, tables, scalars):
    numbered = Table(
        "numbered", MetaData(), Column("id", Integer, primary_key=True), Column("owner", Integer)
    )
    for user in ("7", "8"):
        world.person(es.UserId(user))
    world.upload(es.BatchId("numbers"), es.UserId("7"), es.ExamId("11"), es.ExamId("12"))
    world.share(es.UserId("7"), es.ExamId("12"), BEN)
    with engine.begin() as connection:
        numbered.create(connection)
        rows = [{"id": 11, "owner": 7}, {"id": 12, "owner": 7}, {"id": 13, "owner": 8}]
        connection.execute(numbered.insert(), rows)
    columns = cast(numbered.c.id, String), cast(numbered.c.owner, String)
    for user, expected in ((es.UserId("7"), [11, 12]), (BEN, [12]), (CARLA, [])):
        who = asker(world, user, tables)
        order = numbered.c.id
        seen = select(order).where(sql.may(*columns, permission=VIEW, **who)).order_by(order)
        held = select(order).where(sql.permission_held(*columns, **who) >= VIEW).order_by(order)
        assert scalars(seen) == scalars(held) == expected


COLLATIONS = {"sqlite": ("NOCASE", "RTRIM"), "postgresql": ("C", "POSIX")}


def test_ids_are_compared_by_code_point_under_every_collation(world, engine, tables, scalars):
    for name in ("CT", "Anna"):
        world.person(es.UserId(name))
    world.upload(es.BatchId("shouted"), DAN, es.ExamId("CT"))
    world.share(DAN, es.ExamId("CT"), CARLA)
    for number, collation in enumerate(COLLATIONS[engine.dialect.name]):
        portal = portal_exams(MetaData(), f"collated_{number}", collation)
        with engine.begin() as connection:
            portal.create(connection)
            for accession in ("ct",) if collation == "NOCASE" else ("ct", "CT"):
                row = {"accession": accession, "belongs_to": "anna"}
                connection.execute(portal.insert(), row)
        columns = portal.c.accession, portal.c.belongs_to
        for user, expected in ((CARLA, {"CT"}), (es.UserId("Anna"), set()), (BEN, {"ct"})):
            who = asker(world, user, tables)
            seen = select(portal.c.accession).where(sql.may(*columns, permission=VIEW, **who))
            held = select(portal.c.accession).where(sql.permission_held(*columns, **who) >= VIEW)
            there = set(scalars(select(portal.c.accession)))
            assert set(scalars(seen)) == set(scalars(held)) == expected & there


def test_columns_of_two_tables_are_rejected(world, portal, tables):
    other = portal.alias()
    with pytest.raises(es.InvalidValue, match="owner_column"):
        sql.may(
            portal.c.accession, other.c.belongs_to, permission=VIEW, **asker(world, BEN, tables)
        )


@pytest.mark.parametrize(
    ("wrong", "error", "field"),
    [
        ({"user": "ben"}, es.WrongKind, "user"),
        ({"user": es.GroupId("ben")}, es.WrongKind, "user"),
        ({"user": CARLA}, es.InvalidValue, "principals"),
        ({"principals": "u:ben"}, es.WrongKind, "principals"),
        ({"principals": ["u:ben"]}, es.WrongKind, "principals"),
        ({"permission": 1}, es.WrongKind, "permission"),
        ({"now": datetime(2030, 1, 1)}, es.InvalidValue, "now"),
        ({"now": "2030-01-01"}, es.WrongKind, "now"),
        ({"tables": None}, es.WrongKind, "tables"),
    ],
)
def test_wrong_arguments_of_conditions_are_errors(world, portal, tables, wrong, error, field):
    asked = {"permission": VIEW, **asker(world, BEN, tables), **wrong}
    columns = portal.c.accession, portal.c.belongs_to
    with pytest.raises(error, match=field):
        sql.may(*columns, **asked)
    with pytest.raises(error, match=field):
        sql.visible_exams(**asked)
    if "permission" not in wrong:
        del asked["permission"]
        with pytest.raises(error, match=field):
            sql.permission_held(*columns, **asked)


def test_many_exams_and_groups_fit_one_statement(engine, tables, portal, new_store, scalars):
    store = new_store()
    batch = es.BatchId("many")
    exams = tuple(
        es.Exam(id=es.ExamId(f"e{n}"), owner=ANNA, batch=batch, uploaded_at=START)
        for n in range(300)
    )
    store.add(es.UploadBatch(id=batch, uploader=ANNA, received_at=START), exams)
    fill(engine, portal, store, [exam.id for exam in exams])
    principals = frozenset({ANNA.key, *(es.GroupId(f"g{n}").key for n in range(2_000))})
    who = {"user": ANNA, "principals": principals, "now": START, "tables": tables}
    columns = portal.c.accession, portal.c.belongs_to
    mine = select(columns[0]).where(sql.may(*columns, permission=DOWNLOAD, **who))
    assert len(scalars(mine)) == 300


def test_sqlite_finds_the_hosts_rows_by_their_index(sqlite):
    tables, portal = sql.create_all(sqlite), portal_exams(MetaData())
    portal.create(sqlite, checkfirst=True)
    who = {"user": BEN, "principals": {BEN.key}, "now": START, "tables": tables}
    condition = sql.may(portal.c.accession, portal.c.belongs_to, permission=VIEW, **who)
    statement = select(portal.c.number).where(condition)
    text = statement.compile(sqlite, compile_kwargs={"literal_binds": True})
    with sqlite.connect() as connection:
        plan = [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")]
    assert any(step.startswith("SEARCH portal_exams USING") for step in plan), plan
