"""A host keeps its exams in a table of the same database, and names the columns."""

from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from uuid import UUID

import pytest
import sqlalchemy as sa
from hypothesis import settings
from sqlalchemy import Boolean, Column, DateTime, MetaData, String, Table, event, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from test_host_exams import HOST, ActsOfHost, PortalTable, created_without_exams, empty

import exam_sharing as es
from every_store import laws_by_name
from exam_sharing.adapters import sqlalchemy as sql
from exam_sharing.adapters.sqlalchemy.database import own_database
from exam_sharing.adapters.sqlalchemy.host import SqlTableStore
from exam_sharing.memory import MemoryDirectory, MemoryStore
from exam_sharing.memory import open_sharing as open_in_memory
from exam_sharing.testing import run_sharing_machine
from exam_sharing.testing.laws import access, exams
from exam_sharing.testing.worlds import ANNA, BEN, CT, DAN, EVA, MR
from world import DOWNLOAD, START, VIEW, codes, refusal, share_request


class NamedColumns(ActsOfHost, SqlTableStore):
    """The store over the columns of a portal, with what the host does about its exams."""

    def __init__(self, database, host, engine):
        columns = host.table.c
        exams = sql.TableExams(
            id=columns.accession,
            owner=columns.doctor,
            batch=columns.disc,
            uploaded_at=columns.arrived,
            subject=columns.patient,
            where=~columns.hidden,
        )
        super().__init__(database, exams)
        self.engine, self.tables, self.host, self.exams = engine, database.tables, host, exams


@pytest.fixture(scope="module")
def tables(engine):
    return created_without_exams(engine, "named_")


@pytest.fixture(scope="module")
def new_store(engine, tables):
    host = PortalTable(engine)

    def new():
        empty(engine, tables)
        with engine.begin() as connection:
            connection.execute(host.table.delete())
        return NamedColumns(own_database(engine, tables), host, engine)

    return new


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True, scope="module")
def test_a_store_over_named_columns_agrees_with_the_model(new_store):
    """Specification: `#list-and-check-agree`, `#by-the-host`."""
    few = settings(max_examples=3, stateful_step_count=15)
    run_sharing_machine(new_store, **HOST, settings=few)


def laws_over_named_columns(open_store):
    laws = laws_by_name(open_store, examples=2, host=HOST)
    # All else is the same as over our own table of exams.
    of_exams = {name.replace("_", "-") for module in (access, exams) for name in vars(module)}
    return {name: law for name, law in laws.items() if name in of_exams}


@pytest.mark.parametrize("name", laws_over_named_columns(MemoryStore))
def test_a_store_over_named_columns_keeps_the_law(name, new_store):
    laws_over_named_columns(new_store)[name].check()


def test_an_exam_that_the_host_deleted_is_there_for_nobody(world):
    world.share(ANNA, CT, BEN, DAN, permission=DOWNLOAD)
    world.share(BEN, CT, EVA)
    (given,) = [grant for grant in world.grants(CT) if grant.recipient == BEN]
    world.store.host.hide(CT, gone=True)
    for user in (ANNA, BEN, EVA, DAN):
        assert not world.can_view(user, CT)
        assert CT not in {item.exam for item in world.sharing.visible_to(user).items}
        assert codes(refusal(world.share, user, CT, DAN)) == [es.ReasonCode.EXAM_NOT_FOUND]
        with pytest.raises(es.Refused):
            world.sharing.revoke(es.RevokeRequest(actor=user, grant=given.id))
    ended = world.sharing.admin.end_by_host(
        recipient=BEN, exam=CT, reshares=es.Reshares.CASCADE, performed_by="ops", why="left"
    )
    assert {grant.recipient for grant in ended.ended} == {BEN, EVA}
    world.store.host.hide(CT, gone=False)
    assert world.can_view(DAN, CT)
    assert not world.can_view(BEN, CT)


def test_an_exam_and_its_share_commit_together_without_a_second_connection(world, engine, tables):
    exam = es.Exam(id=es.ExamId("new"), owner=ANNA, batch=es.BatchId("new"), uploaded_at=START)
    taken = []
    with engine.connect() as connection, connection.begin() as transaction:
        event.listen(engine, "checkout", lambda *_: taken.append(1))
        world.store.host.inside(connection).keep([exam])
        exams = world.store.exams
        sharing = sql.joined(connection, directory=world.directory, tables=tables, exams=exams)
        sharing.share(share_request(ANNA, exam.id, BEN))
        assert sharing.can(BEN, VIEW, exam.id)
        assert [item.exam for item in sharing.visible_to(BEN).items] == [exam.id]
        assert taken == []
        transaction.rollback()
    assert not world.can_view(BEN, exam.id)


def test_uploads_are_recorded_by_the_host(world, engine, tables):
    exams = world.store.exams
    sharing = sql.open_sharing(engine, tables=tables, exams=exams, directory=world.directory)
    batch = es.UploadBatch(id=es.BatchId("b"), uploader=ANNA, received_at=START)
    with pytest.raises(es.CallerError, match="kept by the host"):
        sharing.add_upload(batch, [])


@pytest.mark.parametrize("what", ["check", "page", "list"])
def test_a_check_and_a_page_are_one_statement(world, engine, tables, what):
    exams = world.store.exams
    world.share(ANNA, CT, BEN)
    sharing = sql.open_sharing(engine, tables=tables, exams=exams, directory=world.directory)
    viewer = sharing.viewer(BEN)
    asked = []
    listener = "before_cursor_execute"

    def note(connection, cursor, statement, *_):
        asked.append(statement)

    event.listen(engine, listener, note)
    ask = {
        "check": lambda: viewer.can(VIEW, CT),
        "page": lambda: viewer.visible_to(limit=2).items,
        "list": lambda: viewer.can_many(VIEW, (CT, MR)),
    }
    try:
        assert ask[what]()
    finally:
        event.remove(engine, listener, note)
    assert len([statement for statement in asked if "BEGIN" not in statement]) == 1


KEYS = {
    "text": (String(255), str, DateTime(timezone=True)),
    "number": (sa.BigInteger(), int, DateTime()),
    "uuid": (sa.Uuid(), UUID, DateTime(timezone=True)),
}


def key_of(keys, number):
    return str(UUID(int=number)) if keys == "uuid" else str(number)


class Keyed:
    """A portal with keys of one type, and the same sharing in memory beside it."""

    def __init__(self, engine, keys):
        kind, self.key, times = KEYS[keys]
        metadata = MetaData()
        self.engine, self.keys = engine, keys
        self.table = Table(
            f"keyed_{keys}",
            metadata,
            Column("id", kind, primary_key=True),
            Column("owner", kind, index=True),
            Column("disc", kind),
            Column("arrived", times),
            Column("deleted", Boolean, default=False),
        )
        columns = self.table.c
        self.exams = sql.TableExams(
            id=columns.id,
            owner=columns.owner,
            batch=columns.disc,
            uploaded_at=columns.arrived,
            where=~columns.deleted,
        )
        self.indexes = self.exams.define_indexes()
        metadata.drop_all(engine)
        metadata.create_all(engine)
        self.tables = sql.define_tables(MetaData(), prefix=f"k_{keys}_")
        self.tables.metadata.drop_all(engine)
        sql.create_all(engine, self.tables)
        self.users = [es.UserId(key_of(keys, n)) for n in (1, 2, 9, 10, 100)]
        self.teams = [es.GroupId(key_of(keys, n)) for n in (1, 10)]
        directory = MemoryDirectory()
        for user in self.users:
            directory.add(es.User(id=user, name=f"user {user}"))
        for team, members in zip(self.teams, (self.users[:3], self.users[2:]), strict=True):
            directory.add(es.Group(id=team, name="team", members=frozenset(members)))
        ids = (count(), count())
        about = [
            {"directory": directory, "clock": lambda: START, "new_id": lambda n=n: f"a{next(n)}"}
            for n in ids
        ]
        self.sharing = sql.open_sharing(engine, tables=self.tables, exams=self.exams, **about[0])
        self.reference = open_in_memory(**about[1])
        self.exam_ids = [es.ExamId(key_of(keys, n)) for n in (9, 10, 11, 99, 100, 101, 2**62)]
        for place, exam in enumerate(self.exam_ids):
            self.upload(exam, self.users[place % 3], START + timedelta(microseconds=place // 3))

    def upload(self, exam, owner, at):
        batch = es.BatchId(key_of(self.keys, 7))
        found = es.Exam(id=exam, owner=owner, batch=batch, uploaded_at=at)
        uploaded = es.UploadBatch(id=batch, uploader=self.users[0], received_at=START)
        self.reference.add_upload(uploaded, [found])
        zone = self.table.c.arrived.type.timezone
        row = {
            "id": self.key(str(exam)),
            "owner": self.key(str(owner)),
            "disc": self.key(str(batch)),
            "arrived": at if zone else at.replace(tzinfo=None),
        }
        with self.engine.begin() as connection:
            connection.execute(self.table.insert(), row)

    def do(self, chance):
        """Do the same in both, whatever the chance gives."""
        actor, exam = chance.choice(self.users), chance.choice(self.exam_ids)
        recipient = chance.choice([*self.users, *self.teams])
        if chance.random() < 0.7:
            act, request = (
                "share",
                es.ShareRequest(
                    actor=actor,
                    exam=exam,
                    recipients=[recipient],
                    permission=chance.choice([VIEW, DOWNLOAD]),
                    scope=chance.choice(list(es.Scope)),
                    attested=True,
                ),
            )
        else:
            act = "unshare"
            request = es.UnshareRequest(actor=actor, exam=exam, recipient=recipient)
        told = []
        for sharing in (self.sharing, self.reference):
            try:
                told.append(getattr(sharing, act)(request))
            except es.Refused as refused:
                told.append(refused.reasons)
        assert told[0] == told[1]

    def require_same_answers(self, gone=frozenset()):
        """Compare checks, lists and conditions with those in memory."""
        columns, there = self.table.c, [exam for exam in self.exam_ids if exam not in gone]
        text = {self.key(str(exam)): exam for exam in self.exam_ids}
        for user in self.users:
            viewer = self.reference.viewer(user)
            held = {
                each: max(p for p in es.Permission if viewer.can(p, each))
                for each in viewer.can_many(VIEW, there)
            }
            for permission in es.Permission:
                expected = viewer.can_many(permission, there)
                assert self.sharing.can_many(user, permission, self.exam_ids) == expected
                checked = {e for e in self.exam_ids if self.sharing.can(user, permission, e)}
                assert checked == expected
            for name in ("visible_to", "shared_with"):
                whole = getattr(self.reference, name)(user).items
                expected = [item for item in whole if item.exam not in gone]
                found, page = [], getattr(self.sharing, name)(user, limit=2)
                found += page.items
                while page.next is not None:
                    page = getattr(self.sharing, name)(user, after=page.next, limit=2)
                    found += page.items
                assert found == expected
            asker = {"user": user, "principals": viewer.principals, "now": START}
            asker["tables"] = self.tables
            may = sql.may(columns.id, columns.owner, permission=DOWNLOAD, **asker)
            rank = sql.permission_held(columns.id, columns.owner, **asker)
            seen = sql.visible_exams(permission=VIEW, exams=self.exams, **asker)
            with self.engine.connect() as connection:
                mine = select(columns.id, rank, may).where(~columns.deleted)
                rows = {text[row[0]]: tuple(row[1:]) for row in connection.execute(mine)}
                visible = {es.ExamId(row.exam): row.permission for row in connection.execute(seen)}
            assert rows == {e: (held.get(e, 0), held.get(e) is DOWNLOAD) for e in there}
            assert visible == held


@pytest.fixture(scope="module", params=KEYS)
def keyed(request, engine):
    return Keyed(engine, request.param)


@pytest.mark.parametrize("seed", range(2))
def test_sharing_by_any_key_agrees_with_sharing_in_memory(keyed, seed):
    """Specification: `#list-and-check-agree`."""
    chance = Random(seed)
    for _ in range(25):
        keyed.do(chance)
    keyed.require_same_answers()
    gone = frozenset(chance.sample(keyed.exam_ids, 2))
    is_gone = keyed.table.c.id.in_([keyed.key(str(exam)) for exam in gone])
    try:
        with keyed.engine.begin() as connection:
            connection.execute(keyed.table.update().where(is_gone).values(deleted=True))
        keyed.require_same_answers(gone)
    finally:
        with keyed.engine.begin() as connection:
            connection.execute(keyed.table.update().values(deleted=False))


def test_no_other_text_names_an_exam(keyed):
    owner, exam = keyed.users[0], str(keyed.exam_ids[0])
    for text in (f"0{exam}", f"+{exam}", f"{exam}.0", exam.upper() + "0", "9" * 30, "x"):
        for user in (owner, es.UserId(f"0{owner}")):
            assert not keyed.sharing.can(user, VIEW, es.ExamId(text))
            reasons = refusal(keyed.sharing.share, share_request(user, es.ExamId(text), BEN))
            assert codes(reasons) == [es.ReasonCode.EXAM_NOT_FOUND]
    assert not keyed.sharing.can(es.UserId(f"0{owner}"), VIEW, keyed.exam_ids[0])


def test_checks_and_pages_use_the_indexes_of_the_helper(keyed):
    postgresql = keyed.engine.dialect.name == "postgresql"
    style = "pyformat" if postgresql else "named"
    statements = sql.Statements(
        keyed.tables, dialect=keyed.engine.dialect.name, paramstyle=style, exams=keyed.exams
    )
    user, exam, place = keyed.users[0], keyed.exam_ids[0], (START, "1")
    asks = user, frozenset({user.key})
    asker = {"user": user, "principals": asks[1], "now": START, "tables": keyed.tables}
    columns = keyed.table.c
    mine = select(columns.id).where(sql.may(columns.id, columns.owner, permission=VIEW, **asker))
    asked = [
        statements.holds(*asks, VIEW, exam, START),
        statements.holding(*asks, VIEW, keyed.exam_ids, START),
        statements.involved(*asks, exam, START),
        statements.find((exam,)),
        statements.batch_of(exam),
        statements.visible(*asks, None, 9, START, own=True),
        statements.visible(*asks, place, 9, START, own=True),
        statements.of(mine),
    ]
    explain = "EXPLAIN " if postgresql else "EXPLAIN QUERY PLAN "
    with keyed.engine.connect() as connection:
        if postgresql:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            connection.exec_driver_sql("SET LOCAL enable_indexscan = on")
        for each in asked:
            rows = connection.exec_driver_sql(explain + each.text, each.parameters).all()
            plan = "\n".join(str(row[-1]) for row in rows)
            scanned = (
                f"Seq Scan on {keyed.table.name}" if postgresql else f"SCAN {keyed.table.name}"
            )
            assert scanned not in plan, plan


def test_the_helper_defines_each_index_once(keyed):
    assert keyed.exams.define_indexes() == keyed.indexes
    names = [index.name for index in keyed.table.indexes]
    assert len(names) == len(set(names))


def test_mapped_classes_are_accepted(engine):
    class Base(DeclarativeBase):
        """The tables of a host."""

    class Study(Base):
        __tablename__ = "mapped_studies"
        id: Mapped[int] = mapped_column(primary_key=True)
        doctor_id: Mapped[int]
        upload_id: Mapped[int]
        arrived: Mapped[datetime]

    exams = sql.TableExams(
        id=Study.id, owner=Study.doctor_id, batch=Study.upload_id, uploaded_at=Study.arrived
    )
    exams.define_indexes()
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    tables = sql.create_all(engine)
    people = MemoryDirectory()
    one, two = es.UserId("1"), es.UserId("2")
    for user in (one, two):
        people.add(es.User(id=user, name="n"))
    times = [datetime(2030, 1, 1, 12, second, 5 * second) for second in range(3)]
    with sa.orm.Session(engine) as session, session.begin():
        for number, at in enumerate(times):
            session.add(Study(id=number, doctor_id=1, upload_id=5, arrived=at))
    sharing = sql.open_sharing(engine, tables=tables, exams=exams, directory=people)
    sharing.share(share_request(one, es.ExamId("1"), two))
    (item,) = sharing.visible_to(two).items
    assert item.uploaded_at == times[1].replace(tzinfo=UTC)
    assert [item.exam.value for item in sharing.visible_to(one).items] == ["2", "1", "0"]
    assert [
        item.uploaded_at.replace(tzinfo=None) for item in sharing.visible_to(one).items
    ] == times[::-1]


TEXTS = [Column(name, String) for name in "abc"]
HALF = Table("half_studies", MetaData(), *TEXTS, Column("d", DateTime))


@pytest.mark.parametrize(
    ("wrong", "error", "field"),
    [
        ({"id": "id"}, es.WrongKind, "exams.id"),
        ({"id": HALF.c.a.is_(None)}, es.InvalidValue, "exams.id"),
        ({"uploaded_at": HALF.c.b}, es.InvalidValue, "exams.uploaded_at"),
        ({"where": HALF.c.b}, es.InvalidValue, "exams.where"),
        ({"owner": HALF.alias().c.a}, es.InvalidValue, "exams must have the columns of one"),
    ],
)
def test_columns_that_do_not_fit_are_errors(wrong, error, field):
    columns = HALF.c
    given = {"id": columns.a, "owner": columns.b, "batch": columns.c, "uploaded_at": columns.d}
    with pytest.raises(error, match=field):
        sql.TableExams(**{**given, **wrong})


def test_indexes_are_defined_on_tables_alone():
    columns = HALF.alias().c
    exams = sql.TableExams(id=columns.a, owner=columns.b, batch=columns.c, uploaded_at=columns.d)
    with pytest.raises(es.InvalidValue, match="must have the columns of a table"):
        exams.define_indexes()
