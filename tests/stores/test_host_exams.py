"""A host keeps its exams itself: in its own table of the same database, or somewhere else."""

from contextlib import nullcontext
from copy import copy
from datetime import UTC, datetime
from threading import Lock

import pytest
from hypothesis import settings
from sqlalchemy import Column, DateTime, Index, Integer, MetaData, String, Table, select
from sqlalchemy.orm import Session

from exam_sharing import (
    BatchId,
    Exam,
    ExamId,
    InvalidValue,
    ReasonCode,
    Reshares,
    StoreFailed,
    UploadBatch,
    UserId,
    WrongKind,
)
from exam_sharing.adapters.sqlalchemy import (
    HostExams,
    SqlSharingStore,
    create_all,
    define_tables,
    joined,
    open_sharing,
    owner_changed,
)
from exam_sharing.adapters.sqlalchemy.store import own_database
from exam_sharing.events import ExamTransferred
from exam_sharing.memory import MemoryStore
from exam_sharing.testing import run_sharing_machine
from exam_sharing.testing.laws import store_laws
from world import (
    ANNA,
    BEN,
    CARLA,
    CLINIC,
    CT,
    DOWNLOAD,
    MR,
    NO_EXAM,
    NURSES,
    START,
    VIEW,
    World,
    share_request,
)


class Archive(HostExams):
    """Exams in a dictionary."""

    def __init__(self):
        self.exams = {}
        self.lock = Lock()

    def find(self, exams):
        return tuple(self.exams[each] for each in exams if each in self.exams)

    def batch_of(self, exam):
        if exam not in self.exams:
            return ()
        batch = self.exams[exam].batch
        return in_order(each for each in self.exams.values() if each.batch == batch)

    def owned_by(self, user, after, limit):
        own = in_order(each for each in self.exams.values() if each.owner == user)
        return tuple(e for e in own if after is None or place(e) < after)[:limit]

    def inside(self, connection):
        return self

    def keep(self, exams):
        with self.lock:
            if any(exam.id in self.exams for exam in exams):
                raise StoreFailed("an exam of this id was kept before")
            self.exams |= {exam.id: exam for exam in exams}

    def give(self, connection, exam, owner):
        kept = self.exams[exam]
        self.exams[exam] = Exam(
            id=kept.id,
            owner=owner,
            batch=kept.batch,
            uploaded_at=kept.uploaded_at,
            subject=kept.subject,
        )


def place(exam):
    return exam.uploaded_at, str(exam.id)


def in_order(exams):
    return tuple(sorted(exams, key=place, reverse=True))


class PortalTable(HostExams):
    """Exams in a table with columns and types of the host's own."""

    def __init__(self, engine):
        self.connect = engine.begin
        self.table = Table(
            "studies",
            MetaData(),
            Column("number", Integer, primary_key=True),
            Column("accession", String(255), unique=True),
            Column("doctor", String(255)),
            Column("disc", String(255)),
            Column("arrived", DateTime),
            Column("patient", String(255)),
            Index("ix_studies_of_doctor", "doctor", "arrived"),
        )
        self.table.drop(engine, checkfirst=True)
        self.table.create(engine)

    def inside(self, connection):
        """Return the same table as a transaction sees it."""
        inside = copy(self)
        inside.connect = lambda: nullcontext(connection)
        return inside

    def _read(self, statement):
        with self.connect() as connection:
            return in_order(
                Exam(
                    id=ExamId(row.accession),
                    owner=UserId(row.doctor),
                    batch=BatchId(row.disc),
                    uploaded_at=row.arrived.replace(tzinfo=UTC),
                    subject=row.patient,
                )
                for row in connection.execute(statement)
            )

    def find(self, exams):
        ids = [str(exam) for exam in exams]
        return self._read(select(self.table).where(self.table.c.accession.in_(ids)))

    def batch_of(self, exam):
        columns = self.table.c
        disc = select(columns.disc).where(columns.accession == str(exam)).scalar_subquery()
        return self._read(select(self.table).where(columns.disc == disc))

    def owned_by(self, user, after, limit):
        own = self._read(select(self.table).where(self.table.c.doctor == str(user)))
        return tuple(each for each in own if after is None or place(each) < after)[:limit]

    def keep(self, exams):
        with self.connect() as connection:
            for exam in exams:
                connection.execute(
                    self.table.insert(),
                    {
                        "accession": str(exam.id),
                        "doctor": str(exam.owner),
                        "disc": str(exam.batch),
                        "arrived": exam.uploaded_at.replace(tzinfo=None),
                        "patient": None if exam.subject is None else str(exam.subject),
                    },
                )

    def give(self, connection, exam, owner):
        mine = self.table.c.accession == str(exam)
        connection.execute(self.table.update().where(mine).values(doctor=str(owner)))


class HostedStore(SqlSharingStore):
    """The store, with what the host does about its exams beside it."""

    def __init__(self, database, exams, engine):
        super().__init__(database, exams)
        self.engine, self.tables, self.host = engine, database.tables, exams

    def add(self, batch, exams):
        self.host.keep(exams)

    def transfer(self, exam, owner, *, at):
        (before,) = self.host.find((exam,))
        with self.engine.begin() as connection:
            self.host.give(connection, exam, owner)
            owner_changed(
                connection,
                exam=exam,
                before=before.owner,
                after=owner,
                at=at,
                tables=self.tables,
            )


@pytest.fixture(scope="module")
def tables(engine):
    """Our tables, without those of exams and batches."""
    tables = create_all(engine, define_tables(MetaData(), prefix="beside_"))
    for unneeded in (tables.exams, tables.batches):
        unneeded.drop(engine)
    return tables


@pytest.fixture(scope="module", params=["elsewhere", "in a table"])
def new_store(request, engine, tables):
    def empty():
        with engine.begin() as connection:
            for table in tables.all():
                if table not in (tables.schema, tables.exams, tables.batches):
                    connection.execute(table.delete())
        host = Archive() if request.param == "elsewhere" else PortalTable(engine)
        return HostedStore(own_database(engine, tables), host, engine)

    return empty


def test_whole_stories_are_kept_and_told_as_the_model_says(new_store):
    """SPEC sections 1 to 3, 6, 9.3 and 11, where our tables hold no exams."""
    run_sharing_machine(
        new_store,
        upload=lambda store, batch, exams: store.add(batch, exams),
        transfer=lambda store, exam, owner, at: store.transfer(exam, owner, at=at),
        settings=settings(max_examples=4, stateful_step_count=15),
    )


def laws_where_exams_are_the_hosts(open_store):
    laws = store_laws(
        open_store,
        upload=lambda store, batch, exams: store.add(batch, exams),
        transfer=lambda store, exam, owner, at: store.transfer(exam, owner, at=at),
        events=lambda store: store.events(),
        share_record=lambda store, share: store.share_record(share),
        examples=2,
    )
    return {law.name: law for law in laws}


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True, scope="module")
@pytest.mark.parametrize("new_store", ["in a table"], indirect=True, scope="module")
@pytest.mark.parametrize("name", laws_where_exams_are_the_hosts(MemoryStore))
def test_the_store_keeps_the_law_where_our_tables_hold_no_exams(name, new_store):
    laws_where_exams_are_the_hosts(new_store)[name].check()


def read_all(pages, user, limit):
    listed, after = (), None
    while True:
        page = pages(user, after, limit)
        listed += page.items
        if page.next is None:
            return listed
        after = page.next


@pytest.fixture
def world(new_store):
    return World(store=new_store())


def test_a_portal_opens_sharing_over_its_own_exams(world, engine, tables):
    store = world.store
    sharing = open_sharing(
        engine,
        directory=world.directory,
        tables=tables,
        exams=store.host,
        clock=world.clock,
    )
    sharing.share(share_request(ANNA, CT, BEN))
    assert sharing.can(BEN, VIEW, CT)
    assert sharing.can(ANNA, DOWNLOAD, MR)
    assert not sharing.can(BEN, VIEW, MR)
    assert [item.exam for item in sharing.visible_to(BEN).items] == [CT]
    with pytest.raises(StoreFailed, match="host"):
        sharing.add_upload(
            UploadBatch(id=BatchId("b"), uploader=ANNA, received_at=START),
            [Exam(id=NO_EXAM, owner=ANNA, batch=BatchId("b"), uploaded_at=START)],
        )


@pytest.mark.parametrize("kept", [True, False])
def test_an_exam_and_its_share_commit_together_or_not_at_all(world, engine, tables, kept):
    exam = Exam(id=ExamId("new"), owner=ANNA, batch=BatchId("new"), uploaded_at=START)
    with engine.connect() as connection, connection.begin() as transaction:
        host = world.store.host.inside(connection)
        host.keep([exam])
        sharing = joined(connection, directory=world.directory, tables=tables, exams=host)
        sharing.share(share_request(ANNA, exam.id, BEN))
        assert sharing.can(BEN, VIEW, exam.id)
        assert [item.exam for item in sharing.visible_to(BEN).items] == [exam.id]
        if not kept:
            transaction.rollback()
    assert world.can_view(BEN, exam.id) is kept


def test_the_new_owner_holds_everything_and_the_old_one_nothing(world):
    world.share(ANNA, CT, BEN)
    world.transfer(CT, CARLA)
    assert world.can_download(CARLA, CT)
    assert not world.can_view(ANNA, CT)
    assert world.can_view(BEN, CT)
    assert [item.exam for item in world.sharing.shared_with(CARLA).items] == []
    (event,) = (each for each in world.store.events() if isinstance(each, ExamTransferred))
    assert (event.before, event.after, event.versions) == (ANNA, CARLA, {CT: 2})


def test_an_act_that_read_the_former_owner_is_decided_again(world):
    host, find = world.store.host, world.store.host.find

    def given_away_meanwhile(exams):
        found, host.find = find(exams), find
        world.transfer(CT, CARLA)
        return found

    host.find = given_away_meanwhile
    reasons = world.reasons(share_request(ANNA, CT, BEN))
    assert [reason.code for reason in reasons] == [ReasonCode.EXAM_NOT_FOUND]
    assert world.grants(CT) == ()


def test_a_change_of_owner_is_told_in_a_session_too_and_can_be_undone(world, engine, tables):
    told = {"exam": CT, "before": ANNA, "after": BEN, "at": START, "tables": tables}
    with Session(engine) as session, session.begin() as transaction:
        owner_changed(session, **told)
        transaction.rollback()
    assert world.store.read((CT,), ended=False)[CT].version == 0


@pytest.mark.parametrize(
    ("wrong", "error", "field"),
    [
        ({"exam": "ct"}, WrongKind, "exam"),
        ({"before": "anna"}, WrongKind, "before"),
        ({"after": NURSES}, WrongKind, "after"),
        ({"at": datetime(2030, 1, 1)}, InvalidValue, "at"),
    ],
)
def test_a_change_of_owner_that_says_nothing_is_an_error(engine, tables, wrong, error, field):
    told = {"exam": CT, "before": ANNA, "after": BEN, "at": START, "tables": tables, **wrong}
    with engine.begin() as connection, pytest.raises(error, match=field):
        owner_changed(connection, **told)


def test_an_exam_that_was_withdrawn_changes_no_hands(world):
    world.sharing.withdraw(CT, performed_by="ops", why="wrong patient")
    with pytest.raises(StoreFailed, match="transfer"):
        world.transfer(CT, BEN)


def test_an_exam_that_was_withdrawn_is_gone_for_its_owner_though_the_host_has_it(world):
    world.share(ANNA, CT, BEN)
    world.sharing.withdraw(CT, performed_by="ops", why="wrong patient")
    assert world.store.find((CT,)) != ()
    for user in (ANNA, BEN):
        assert not world.can_view(user, CT)
        assert world.sharing.can_many(user, VIEW, (CT,)) == frozenset()
        assert CT not in {each.exam for each in world.sharing.visible_to(user).items}


def test_an_exam_that_the_host_forgets_while_it_is_shared_is_not_shared(world):
    """The act is decided again, and finds none."""
    host, find = world.store.host, world.store.host.find
    asked = []

    def forgetful(exams):
        asked.append(exams)
        return find(exams) if len(asked) == 1 else ()

    host.find = forgetful
    reasons = world.reasons(share_request(ANNA, CT, BEN))
    assert [reason.code for reason in reasons] == [ReasonCode.EXAM_NOT_FOUND]
    host.find = find
    assert world.grants(CT) == ()


def test_grants_on_an_exam_that_the_host_forgot_can_still_be_ended_by_it(world):
    world.share(ANNA, CT, CLINIC)
    world.share(ANNA, CT, CARLA, permission=DOWNLOAD)
    world.share(CARLA, CT, BEN, permission=DOWNLOAD)
    world.store.host.find = lambda exams: ()
    world.sharing.end_by_host(
        recipient=CARLA, reshares=Reshares.CASCADE, performed_by="ops", why="left"
    )
    assert {(each.recipient, each.permission) for each in world.grants(CT)} == {
        (CLINIC, VIEW),
        (BEN, VIEW),
    }


def test_pages_are_full_however_many_of_the_shared_are_ones_own(world):
    batch = BatchId("many")
    exams = [ExamId(f"e{n:02}") for n in range(30)]
    world.upload(batch, ANNA, *exams)
    for exam in exams:
        world.share(ANNA, exam, BEN)
    for exam in exams[::2]:
        world.transfer(exam, BEN)
    for exam in exams[::10]:
        world.sharing.withdraw(exam, performed_by="ops", why="twice")
    mine = [exam for exam in exams[::2] if exam not in exams[::10]]
    for limit in (1, 4, 50):
        shared = read_all(world.sharing.shared_with, BEN, limit)
        assert [item.exam for item in shared] == exams[1::2]
        visible = read_all(world.sharing.visible_to, BEN, limit)
        assert [item.exam for item in visible] == sorted([*exams[1::2], *mine])
        assert {item.exam for item in visible if item.permission is DOWNLOAD} == set(mine)


def test_a_host_that_fails_is_never_a_yes(world):
    class ArchiveIsDown(Exception):
        """What the host's own code raises."""

    def failing(*_):
        raise ArchiveIsDown

    world.share(ANNA, CT, BEN)
    world.store.host.find = failing
    assert world.can_view(BEN, CT)  # A grant says so, and the host is not asked.
    for ask in (
        lambda: world.can_view(ANNA, CT),
        lambda: world.can_download(BEN, CT),
        lambda: world.sharing.shared_with(BEN),
    ):
        with pytest.raises(ArchiveIsDown):
            ask()
