"""A host keeps its exams itself, in a table of its own beside ours."""

from contextlib import nullcontext
from copy import copy
from datetime import UTC, datetime
from functools import partial
from itertools import product

import attrs
import pytest
from hypothesis import settings
from sqlalchemy import Boolean, Column, DateTime, Index, Integer, MetaData, String, Table, select
from sqlalchemy.orm import Session

import exam_sharing as es
from every_store import laws_by_name
from exam_sharing.adapters import sqlalchemy as sql
from exam_sharing.adapters.sqlalchemy.database import own_database
from exam_sharing.memory import MemoryStore
from exam_sharing.testing import run_sharing_machine
from exam_sharing.testing.worlds import ANNA, BEN, CARLA, CLINIC, CT, DAN, EVA, MR, NURSES
from world import DOWNLOAD, NO_EXAM, START, VIEW, codes, refusal, share_request


def place(exam):
    return exam.uploaded_at, str(exam.id)


def in_order(exams):
    return tuple(sorted(exams, key=place, reverse=True))


class PortalTable(sql.HostExams):
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
            Column("hidden", Boolean, default=False),
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
        statement = statement.where(~self.table.c.hidden)
        with self.connect() as connection:
            return in_order(
                es.Exam(
                    id=es.ExamId(row.accession),
                    owner=es.UserId(row.doctor),
                    batch=es.BatchId(row.disc),
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

    def set(self, exam, **values):
        mine = self.table.c.accession == str(exam)
        with self.connect() as connection:
            connection.execute(self.table.update().where(mine).values(values))

    def hide(self, exam, gone):
        self.set(exam, hidden=gone)


class ActsOfHost:
    """What a host does about its exams, for a store with `engine`, `tables` and `host`."""

    def add(self, batch, exams):
        self.host.keep(exams)

    def transfer(self, exam, owner, *, at):
        (before,) = self.host.find((exam,))
        with self.engine.begin() as connection:
            self.host.inside(connection).set(exam, doctor=str(owner))
            change = {"before": before.owner, "after": owner, "at": at, "tables": self.tables}
            sql.owner_changed(connection, exam=exam, **change)


class HostedStore(ActsOfHost, sql.SqlSharingStore):
    """The store, with what the host does about its exams beside it."""

    def __init__(self, database, exams, engine):
        super().__init__(database, exams)
        self.engine, self.tables, self.host = engine, database.tables, exams


def created_without_exams(engine, prefix):
    """Return our tables, without those of exams and batches."""
    tables = sql.create_all(engine, sql.define_tables(MetaData(), prefix=prefix))
    for unneeded in (tables.exams, tables.batches):
        unneeded.drop(engine)
    return tables


def empty(engine, tables):
    with engine.begin() as connection:
        for table in tables.all():
            if table not in (tables.schema, tables.exams, tables.batches):
                connection.execute(table.delete())


@pytest.fixture(scope="module")
def tables(engine):
    return created_without_exams(engine, "beside_")


@pytest.fixture(scope="module")
def new_store(engine, tables):
    def new():
        empty(engine, tables)
        host = PortalTable(engine)
        return HostedStore(own_database(engine, tables), host, engine)

    return new


HOST = {
    "upload": lambda store, batch, exams: store.add(batch, exams),
    "transfer": lambda store, exam, owner, at: store.transfer(exam, owner, at=at),
    "hide": lambda store, exam, gone: store.host.hide(exam, gone),
}
"""What the host does, for the kit."""


def test_a_store_over_host_exams_agrees_with_the_model(new_store):
    """Our tables hold no exams here. Specification: `#list-and-check-agree`, `#by-the-host`."""
    few = settings(max_examples=2, stateful_step_count=20)
    run_sharing_machine(new_store, **HOST, settings=few)


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True, scope="module")
@pytest.mark.parametrize("name", laws_by_name(MemoryStore, examples=2, host=HOST))
def test_a_store_over_host_exams_keeps_the_laws(name, new_store):
    laws_by_name(new_store, examples=2, host=HOST)[name].check()


def read_all(pages, user, limit):
    listed, after = (), None
    while True:
        page = pages(user, after, limit)
        listed += page.items
        if page.next is None:
            return listed
        after = page.next


def test_a_portal_opens_sharing_over_its_own_exams(world, engine, tables):
    store = world.store
    sharing = sql.open_sharing(engine, tables=tables, exams=store.host, **world.people)
    sharing.share(share_request(ANNA, CT, BEN))
    assert sharing.can(BEN, VIEW, CT)
    assert sharing.can(ANNA, DOWNLOAD, MR)
    assert not sharing.can(BEN, VIEW, MR)
    assert [item.exam for item in sharing.visible_to(BEN).items] == [CT]
    with pytest.raises(es.CallerError, match="kept by the host"):
        sharing.add_upload(
            es.UploadBatch(id=es.BatchId("b"), uploader=ANNA, received_at=START),
            [es.Exam(id=NO_EXAM, owner=ANNA, batch=es.BatchId("b"), uploaded_at=START)],
        )


@pytest.mark.parametrize("kept", [True, False])
def test_an_exam_and_its_share_commit_together_or_not_at_all(world, engine, tables, kept):
    exam = es.Exam(id=es.ExamId("new"), owner=ANNA, batch=es.BatchId("new"), uploaded_at=START)
    with engine.connect() as connection, connection.begin() as transaction:
        host = world.store.host.inside(connection)
        host.keep([exam])
        sharing = sql.joined(connection, directory=world.directory, tables=tables, exams=host)
        sharing.share(share_request(ANNA, exam.id, BEN))
        assert sharing.can(BEN, VIEW, exam.id)
        assert [item.exam for item in sharing.visible_to(BEN).items] == [exam.id]
        if not kept:
            transaction.rollback()
    assert world.can_view(BEN, exam.id) is kept


@pytest.mark.parametrize("meanwhile", ["given away", "deleted"])
def test_an_act_during_a_change_of_the_host_is_decided_again(world, meanwhile):
    host, find = world.store.host, world.store.host.find

    def change_after(exams):
        found, host.find = find(exams), find
        if meanwhile == "given away":
            world.transfer(CT, CARLA)
        else:
            host.find = lambda _: ()
        return found

    host.find = change_after
    assert codes(world.reasons(share_request(ANNA, CT, BEN))) == [es.ReasonCode.EXAM_NOT_FOUND]
    host.find = find
    assert world.grants(CT) == ()


def test_a_change_of_owner_in_a_session_can_be_rolled_back(world, engine, tables):
    change = {"exam": CT, "before": ANNA, "after": BEN, "at": START, "tables": tables}
    with Session(engine) as session, session.begin() as transaction:
        sql.owner_changed(session, **change)
        transaction.rollback()
    assert world.store.read((CT,), ended=False)[CT].version == 0


@pytest.mark.parametrize(
    ("wrong", "error", "field"),
    [
        ({"exam": "ct"}, es.WrongKind, "exam"),
        ({"before": "anna"}, es.WrongKind, "before"),
        ({"after": NURSES}, es.WrongKind, "after"),
        ({"at": datetime(2030, 1, 1)}, es.InvalidValue, "at"),
    ],
)
def test_wrong_arguments_of_owner_changed_are_errors(engine, tables, wrong, error, field):
    change = {"exam": CT, "before": ANNA, "after": BEN, "at": START, "tables": tables, **wrong}
    with engine.begin() as connection, pytest.raises(error, match=field):
        sql.owner_changed(connection, **change)


def test_a_withdrawn_exam_does_not_change_owners(world):
    world.sharing.admin.withdraw(CT, performed_by="ops", why="wrong patient")
    with pytest.raises(es.StoreFailed, match="was withdrawn"):
        world.transfer(CT, BEN)


def test_pages_are_full_even_if_the_user_owns_many_of_the_shared_exams(world):
    batch = es.BatchId("many")
    exams = [es.ExamId(f"e{n:02}") for n in range(30)]
    world.upload(batch, ANNA, *exams)
    for exam in exams:
        world.share(ANNA, exam, BEN)
    for exam in exams[::2]:
        world.transfer(exam, BEN)
    for exam in exams[::10]:
        world.sharing.admin.withdraw(exam, performed_by="ops", why="twice")
    mine = [exam for exam in exams[::2] if exam not in exams[::10]]
    for limit in (1, 4, 50):
        shared = read_all(world.sharing.shared_with, BEN, limit)
        assert [item.exam for item in shared] == exams[1::2]
        visible = read_all(world.sharing.visible_to, BEN, limit)
        assert [item.exam for item in visible] == sorted([*exams[1::2], *mine])
        assert {item.exam for item in visible if item.permission is DOWNLOAD} == set(mine)


def test_an_error_of_the_host_is_never_a_yes(world):
    class HostIsDown(Exception):
        """What the host's own code raises."""

    def failing(*_):
        raise HostIsDown

    world.share(ANNA, CT, BEN)
    world.store.host.find = failing
    for ask, user in product((world.can_view, world.can_download), (ANNA, BEN)):
        with pytest.raises(HostIsDown):
            ask(user, CT)
    with pytest.raises(HostIsDown):
        world.sharing.shared_with(BEN)


class AnybodysExam(es.Exam):
    """An exam that has another owner each time that it is asked."""


def test_a_subclass_of_exam_is_never_a_yes(world):
    kept = world.store.host.find((CT,))[0]
    fake = AnybodysExam(**attrs.asdict(kept, recurse=False))
    for name in ("find", "batch_of", "owned_by"):
        setattr(world.store.host, name, lambda *_: (fake,))

    for ask in (
        lambda: world.can_view(ANNA, CT),
        lambda: world.sharing.visible_to(ANNA),
        lambda: world.sharing.tabs(ANNA, CT),
        lambda: world.share(ANNA, CT, BEN),
    ):
        with pytest.raises(es.StoreFailed):
            ask()


def hide(world, exam=CT, *, gone=True):
    world.store.host.hide(exam, gone)


@pytest.fixture
def gone(world):
    """Return a world in which the host has deleted the CT, which Anna owns and many have."""
    world.share(ANNA, CT, BEN, CLINIC, permission=DOWNLOAD)
    world.share(BEN, CT, EVA)
    world.share(ANNA, MR, BEN, CLINIC)
    hide(world)
    return world


@pytest.mark.parametrize("user", [ANNA, BEN, EVA, DAN])
def test_acts_on_a_deleted_exam_are_refused_as_not_found(gone, user):
    """Also for its owner, recipients and grantors. Specification: `#exam_not_found`."""
    not_found = [es.ReasonCode.EXAM_NOT_FOUND]
    grants = gone.grants(CT)
    assert codes(refusal(gone.share, user, CT, CARLA)) == not_found
    assert codes(refusal(gone.unshare, user, CT, EVA)) == not_found
    assert codes(refusal(gone.narrow, user, CT, EVA, permission=VIEW)) == not_found
    assert codes(refusal(gone.sharing.access_list, user, CT)) == not_found
    assert codes(gone.sharing.preview(share_request(user, CT, CARLA)).reasons) == not_found
    for grant in grants:
        reasons = refusal(gone.sharing.revoke, es.RevokeRequest(actor=user, grant=grant.id))
        assert codes(reasons) == [es.ReasonCode.NO_SUCH_GRANT]
    assert codes(refusal(gone.sharing.admin.who_can, VIEW, CT)) == not_found
    assert codes(refusal(gone.sharing.graph, user, CT)) == not_found
    assert gone.grants(CT) == grants


def test_operators_see_the_chain_of_a_deleted_exam_without_its_owner(gone):
    graph = gone.sharing.admin.graph(CT)
    assert graph.owner is None
    assert [each.grant.id for each in graph.grants] == [grant.id for grant in gone.grants(CT)]


def test_unseen_unknown_and_withdrawn_exams_cost_the_host_the_same_questions(world, monkeypatch):
    """Specification: `#disclosure`."""
    world.share(ANNA, CT, CARLA)
    world.share(ANNA, MR, BEN)
    (unseen,) = world.grants(CT)
    withdraw(world, MR)
    asked = []
    find = world.store.host.find
    monkeypatch.setattr(world.store.host, "find", lambda exams: asked.append(exams) or find(exams))

    def questions(ask):
        asked.clear()
        ask()
        return [len(exams) for exams in asked]

    for look in (
        lambda exam: world.sharing.can(BEN, VIEW, exam),
        lambda exam: world.sharing.tabs(BEN, exam),
        lambda exam: refusal(world.unshare, BEN, exam, CARLA),
    ):
        counted = [questions(partial(look, exam)) for exam in (NO_EXAM, CT, MR)]
        assert counted == [[1], [1], [1]]
    for grant in (unseen.id, es.GrantId("unknown")):
        request = es.RevokeRequest(actor=BEN, grant=grant)
        assert questions(partial(refusal, world.sharing.revoke, request)) == [1]


def test_no_notice_mentions_a_deleted_exam(world, engine, tables):
    sharing = sql.open_sharing(
        engine, tables=tables, exams=world.store.host, notifier=world.notifier, **world.people
    )
    sharing.share(share_request(ANNA, CT, BEN, CARLA, scope=es.Scope.BATCH))
    sharing.share(share_request(ANNA, CT, DAN, scope=es.Scope.EXAM))
    hide(world)
    sharing.admin.deliver_notices()
    assert {user: notice.exams for user, notice in world.told().items()} == {BEN: 2, CARLA: 2}


def test_the_host_ends_grants_on_a_deleted_exam(gone):
    receipt = gone.sharing.admin.end_by_host(
        recipient=BEN, exam=CT, reshares=es.Reshares.CASCADE, performed_by="ops", why="left"
    )
    assert {grant.recipient for grant in receipt.ended} == {BEN, EVA}
    hide(gone, gone=False)
    assert not gone.can_view(BEN, CT)
    assert gone.can_view(DAN, CT)


def test_a_cascade_on_a_deleted_exam_keeps_the_narrowed_grants(world):
    world.share(ANNA, CT, CLINIC)
    world.share(ANNA, CT, CARLA, permission=DOWNLOAD)
    world.share(CARLA, CT, BEN, permission=DOWNLOAD)
    hide(world)
    receipt = world.sharing.admin.end_by_host(
        recipient=CARLA, exam=CT, reshares=es.Reshares.CASCADE, performed_by="ops", why="left"
    )
    assert [(each.recipient, each.permission) for each in receipt.replacements] == [(BEN, VIEW)]


def withdraw(world, exam):
    return world.sharing.admin.withdraw(exam, performed_by="ops", why="deleted")


def test_a_second_withdrawal_does_nothing(gone):
    withdraw(gone, CT)
    before, events = gone.state(), len(gone.store.events())
    assert withdraw(gone, CT).ended == ()
    again = gone.sharing.admin.end_by_host(recipient=BEN, exam=CT, performed_by="ops", why="left")
    assert again.ended == ()
    assert gone.state() == before
    assert len(gone.store.events()) == events + 1  # The event of the ending.


def test_the_host_does_not_find_a_deleted_exam_without_sharing(world):
    hide(world, MR)
    for exam in (MR, NO_EXAM):
        assert codes(refusal(withdraw, world, exam)) == [es.ReasonCode.EXAM_NOT_FOUND]
        end = {"recipient": BEN, "exam": exam, "performed_by": "ops", "why": "left"}
        assert codes(refusal(world.sharing.admin.end_by_host, **end)) == [
            es.ReasonCode.EXAM_NOT_FOUND
        ]


@pytest.fixture
def sweep(engine, tables):
    return partial(sql.sweep_deleted, engine, tables=tables, performed_by="ops", why="deleted")


def test_a_sweep_withdraws_the_exams_that_the_host_reports_as_deleted(world, sweep):
    exams = [es.ExamId(f"e{n}") for n in range(7)]
    world.upload(es.BatchId("many"), ANNA, *exams)
    for exam in (CT, *exams):
        world.share(ANNA, exam, BEN, CLINIC)
    world.unshare(ANNA, exams[6], BEN)
    world.unshare(ANNA, exams[6], CLINIC)
    withdraw(world, exams[5])
    for exam in (CT, *exams):
        hide(world, exam)
    asked = []

    def deleted(among):
        asked.append(among)
        return {*exams[1:4], MR} & {*among, MR}

    assert sweep(deleted=deleted, limit=2) == 3
    assert sorted(sum(asked, ())) == [CT, *exams[:5]]
    assert max(map(len, asked)) == 2
    assert sweep(deleted=deleted) == 0
    for exam in (CT, *exams):
        if exam != exams[5]:
            hide(world, exam, gone=False)
    # A hidden exam has its grants again; a swept exam has neither grants nor an owner.
    for user in (BEN, DAN):
        assert world.sharing.can_many(user, VIEW, (CT, *exams)) == {CT, exams[0], exams[4]}
    assert world.sharing.can_many(ANNA, VIEW, exams) == {exams[0], exams[4], exams[6]}
    assert world.can_view(ANNA, MR)
    ending = world.store.read((exams[1],), ended=True)[exams[1]].ended[0].ending
    assert (ending.how, ending.by) == (es.HowEnded.WITHDRAWN, es.UserId("ops"))


def test_a_sweep_leaves_contested_exams_to_the_next_sweep(world, sweep, monkeypatch):
    world.share(ANNA, CT, BEN)
    with monkeypatch.context() as patched:
        patched.setattr(sql.SqlStore, "commit", lambda *_: False)
        patched.setattr(sql.SqlStore, "locked", lambda *_: nullcontext())
        patched.setattr(sql.SqlStore, "step_aside", lambda *_: None)
        assert sweep(deleted=lambda among: among) == 0
    assert sweep(deleted=lambda among: among) == 1


@pytest.mark.parametrize(
    ("wrong", "error", "field"),
    [
        ({"deleted": [CT]}, es.InvalidValue, "deleted"),
        ({"deleted": lambda _: "ct"}, es.WrongKind, "deleted"),
        ({"deleted": lambda _: ["ct"]}, es.WrongKind, "deleted"),
        ({"limit": 0}, es.InvalidValue, "limit"),
        ({"limit": "many"}, es.InvalidValue, "limit"),
        ({"limit": True}, es.InvalidValue, "limit"),
        ({"now": datetime(2030, 1, 1)}, es.InvalidValue, "now"),
        ({"why": 7}, es.WrongKind, "why"),
        ({"tables": "tables"}, es.WrongKind, "tables"),
    ],
)
def test_wrong_arguments_of_a_sweep_are_errors(world, sweep, wrong, error, field):
    world.share(ANNA, CT, BEN)
    with pytest.raises(error, match=field):
        sweep(**{"deleted": lambda among: among, **wrong})
    assert world.can_view(BEN, CT)
