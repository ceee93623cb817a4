"""Commits, lost races and turns: an act is written as a whole or not at all, whoever races it."""

import pickle
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from contextvars import copy_context
from functools import partial
from multiprocessing import get_context
from time import monotonic

import psycopg
import pytest
import sqlalchemy
from failing import failing
from sqlalchemy.exc import OperationalError

import calls
import exam_sharing as es
from exam_sharing.acts import changing
from exam_sharing.adapters import sqlalchemy as sql
from exam_sharing.adapters.sqlalchemy import database as transactions
from exam_sharing.adapters.sqlalchemy.database import held_connection, holding
from exam_sharing.events import ActRefused, WaitingNotice
from exam_sharing.ports import Changes
from exam_sharing.testing.worlds import perform
from watching import watched
from world import ANNA, BEN, CARLA, CD, CT, DAN, MR, START, XRAY, World, codes, share_request

PATIENT = "the patient is called Miller"


@pytest.mark.parametrize(
    "error", [psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected]
)
@pytest.mark.parametrize("statement", range(7))
def test_only_errors_of_lost_races_are_tried_again(engine, new_store, error, statement):
    kept = World(store=new_store())

    def share():
        return kept.share(ANNA, CT, BEN, CARLA, message="hello")

    with failing(
        engine, OperationalError("INSERT", {"m": PATIENT}, error(PATIENT)), at=statement
    ) as seen:
        if statement < 1:  # Reading comes first, and is not tried again.
            with pytest.raises(es.StoreFailed):
                share()
            assert kept.state()[0][CT][0] == 0
            return
        share()
    assert len(seen) > statement
    assert kept.state()[0][CT][0] == 1
    assert len(kept.notifier.sent) == 2


def test_a_failure_reveals_nothing_of_the_written_values(engine, new_store):
    kept = World(store=new_store())
    error = OperationalError("INSERT …", {"message": PATIENT}, Exception(PATIENT))
    for at in range(7):
        with failing(engine, error, at=at), pytest.raises(es.StoreFailed) as caught:
            kept.share(ANNA, CT, BEN, message=PATIENT)
        assert_tells_nothing(caught.value)


def test_a_taken_id_reveals_nothing_of_the_written_values(new_store):
    waiting = WaitingNotice(
        id=es.NoticeId("n"),
        share=es.ShareId("s"),
        to=BEN,
        actor=ANNA,
        exam_ids=(CT,),
        message=PATIENT,
    )
    event = ActRefused(at=START, request=share_request(ANNA, CT, BEN), reasons=())
    store, changes = new_store(), Changes(versions={}, notices=(waiting,), event=event)
    assert store.commit(changes)
    with pytest.raises(es.StoreFailed, match="the id of a notice is taken") as caught:
        store.commit(changes)
    assert_tells_nothing(caught.value)


def assert_tells_nothing(error):
    assert "Miller" not in "".join(traceback.format_exception(error))
    assert "Miller" not in repr(pickle.loads(pickle.dumps(error)))  # noqa: S301
    seen = set()
    while error is not None and error not in seen:
        seen.add(error)
        assert "Miller" not in repr(error)
        error = error.__cause__ or error.__context__


BLOCKED = 0.3
"""For how many seconds an act is watched until it is said to wait."""


@pytest.fixture
def world(open_store):
    return World(store=open_store())


def sharing_over(world, watcher, ports=None):
    """Return another `Sharing` over the store of a world, with a watcher before its ports."""
    return calls.sharing_over(watched(ports or calls.ports_of(world), watcher), world, sends=False)


def ports_over(engine, tables, directory):
    return sql.sql_ports(sql.SqlStore.over(engine, tables=tables), directory=directory)


class Noting:
    """A watcher that notes the questions, and lets the first so many commits lose."""

    def __init__(self, lost=0):
        self.asked, self.lost = [], lost

    def __call__(self, question, put):
        self.asked.append(question)
        lost = question == "writer.commit" and self.asked.count(question) <= self.lost
        return False if lost else put()


class AlwaysFaster(Noting):
    """Performs short acts on the exam while a longer one is decided, where it can, and counts."""

    def __init__(self, world):
        super().__init__()
        self.world, self.short = world, 0
        self._others = ThreadPoolExecutor(1)
        self._waits = None

    def __call__(self, question, put):
        if question == "directory.people_behind":
            if self._waits is None or self._waits.done():
                self._waits = self._others.submit(self._share, f"short-{len(self.asked)}")
            # The long act does not wait longer than the short one takes alone.
            wait([self._waits], BLOCKED)
        return super().__call__(question, put)

    def _share(self, name):
        self.world.person(es.UserId(name))
        self.world.share(ANNA, CT, es.UserId(name))
        self.short += 1

    def done(self):
        self._others.shutdown()
        self._waits.result()


def test_an_act_gets_its_turn_although_another_is_always_faster(world):
    faster = AlwaysFaster(world)
    receipt = sharing_over(world, faster).share(share_request(ANNA, CT, BEN, scope=es.Scope.BATCH))
    faster.done()
    assert {outcome.exam for outcome in receipt.outcomes} == {CT, MR, XRAY}
    assert faster.asked.count("writer.locked") == 1
    assert faster.asked.count("writer.commit") == changing.RACES + 1
    versions = sorted(grant.version for grant in world.grants(CT))
    assert versions == list(range(1, faster.short + 2))
    assert world.can_view(BEN, CT)


def test_an_unsharing_gets_its_turn_too(world):
    world.share(ANNA, CT, BEN)
    world.share(BEN, CT, CARLA)
    faster = AlwaysFaster(world)
    sharing = sharing_over(world, faster)
    sharing.unshare(
        es.UnshareRequest(actor=ANNA, exam=CT, recipient=BEN, reshares=es.Reshares.CASCADE)
    )
    faster.done()
    assert faster.asked.count("writer.locked") == 1
    assert not world.can_view(CARLA, CT)


def test_a_stranger_locks_nothing(world):
    noting = Noting()
    for request in (
        share_request(DAN, CT, BEN, scope=es.Scope.BATCH),
        es.UnshareRequest(actor=DAN, exam=CT, recipient=BEN),
    ):
        with pytest.raises(es.Refused):
            perform(sharing_over(world, noting), request)
    assert "writer.locked" not in noting.asked


class BeforeTheTurn(Noting):
    """Makes the act lose every race, and does something just before it locks."""

    def __init__(self, act):
        super().__init__(lost=changing.RACES)
        self.act = act

    def __call__(self, question, put):
        if question == "writer.locked" and question not in self.asked:
            self.act()
        return super().__call__(question, put)


def test_an_actor_who_lost_access_meanwhile_is_refused_in_their_turn(world):
    world.share(ANNA, CT, BEN)
    before = BeforeTheTurn(lambda: world.unshare(ANNA, CT, BEN))
    with pytest.raises(es.Refused) as refused:
        sharing_over(world, before).share(share_request(BEN, CT, DAN))
    assert codes(refused.value.reasons) == [es.ReasonCode.EXAM_NOT_FOUND]
    assert isinstance(world.store.events()[-1], ActRefused)
    assert not world.can_view(DAN, CT)


def test_a_batch_that_has_grown_is_shared_as_a_whole_in_its_turn(world):
    late = es.ExamId("late")
    before = BeforeTheTurn(lambda: world.upload(CD, ANNA, late))
    request = share_request(ANNA, CT, BEN, scope=es.Scope.BATCH)
    receipt = sharing_over(world, before).share(request)
    assert {outcome.exam for outcome in receipt.outcomes} == {CT, MR, XRAY, late}


def test_leaving_a_turn_writes_nothing_and_releases_the_locks(world):
    with world.store.locked((CT, MR)) as writer:
        assert writer is not None
    world.share(ANNA, CT, BEN)
    with pytest.raises(ZeroDivisionError), world.store.locked((CT,)):
        raise ZeroDivisionError
    world.share(ANNA, CT, CARLA)
    assert [grant.version for grant in world.grants(CT)] == [1, 2]


class SmallPools:
    """A world in a database with many people, and engines for it with few connections."""

    def __init__(self, make, open_store_on):
        self._make = make
        self.engines = [make()]
        (others,) = self.engines
        self.tables = sql.create_all(others)
        self.world = World(store=open_store_on(others, self.tables)())
        people = sql.SqlDirectory(others, self.tables.directory)
        for user in (ANNA, BEN, CARLA, DAN, *(es.UserId(f"short-{n}") for n in range(400))):
            people.add(es.User(id=user, name=str(user)))
        people.add(es.Group(id=es.GroupId("ward"), name="Ward", members=frozenset({DAN})))

    def engine(self, size):
        self.engines.append(self._make(pool_size=size, max_overflow=0, pool_timeout=3))
        return self.engines[-1]


@pytest.fixture(params=["sqlite", "postgresql"])
def pools(request, tmp_path, open_store_on):
    if request.param == "sqlite":
        make = partial(sql.sqlite_engine, tmp_path / "sharing.db")
    else:
        make = partial(sqlalchemy.create_engine, request.getfixturevalue("postgresql_url"))
    pools = SmallPools(make, open_store_on)
    yield pools
    for each in pools.engines:
        each.dispose()


def test_an_act_in_its_turn_needs_one_connection(pools, asking_back):
    engine, tables, world = pools.engine(1), pools.tables, pools.world
    faster, directory = AlwaysFaster(world), asking_back(engine, tables)
    ports = ports_over(engine, tables, directory)
    request = share_request(ANNA, CT, BEN, es.GroupId("ward"), scope=es.Scope.BATCH)
    sharing_over(world, faster, ports).share(request)
    faster.done()
    assert faster.asked.count("writer.locked") == 1
    assert world.can_view(BEN, XRAY)


def test_a_thread_started_by_the_host_has_no_part_in_the_transaction(sqlite):
    with sqlite.connect() as connection, holding(connection, sqlite):
        meanwhile = copy_context()
        assert held_connection(sqlite) is connection
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(meanwhile.run, held_connection, sqlite).result() is None
    assert meanwhile.run(held_connection, sqlite) is None


class AddsPeople:
    """A directory that adds people when it is asked for them, as a copy of another would."""

    def __init__(self, kept):
        self.kept, self.added = kept, 0

    def __getattr__(self, name):
        return getattr(self.kept, name)

    def profiles(self, users):
        self.added += 1
        self.kept.add(es.User(id=es.UserId(f"added-{self.added}"), name="Added"))
        return self.kept.profiles(users)


def test_a_directory_may_be_written_while_an_act_has_its_turn(pools):
    """On SQLite the act leaves its turn for that; on PostgreSQL there is room for both."""
    engine, tables, world = pools.engine(2), pools.tables, pools.world
    directory = AddsPeople(sql.SqlDirectory(engine, tables.directory))
    lose, began = Noting(lost=changing.RACES), monotonic()
    ports = ports_over(engine, tables, directory)
    sharing_over(world, lose, ports).share(share_request(ANNA, CT, BEN))
    assert monotonic() - began < 10
    assert lose.asked.count("writer.locked") == 1
    assert world.can_view(BEN, CT)
    assert directory.user(es.UserId(f"added-{directory.added}")) is not None


def test_acts_that_wait_for_their_turn_hold_no_connection(pools):
    """A directory of the host's own takes connections from the same pool."""
    engine, tables, world = pools.engine(4), pools.tables, pools.world
    foreign = sql.SqlDirectory(engine.execution_options(schema_translate_map={}), tables.directory)
    sharing = sql.open_sharing(engine, tables=tables, directory=foreign, clock=world.clock)
    users = [es.UserId(f"short-{number}") for number in range(12)]

    def share(user):
        return sharing.share(share_request(ANNA, CT, user, scope=es.Scope.BATCH))

    with ThreadPoolExecutor(len(users)) as pool:
        receipts = list(pool.map(share, users))
    assert len(receipts) == len(users)
    assert len(world.grants(XRAY)) == len(users)


@pytest.fixture
def impatient(monkeypatch):
    short = "set_config('lock_timeout', '50ms', true)"
    idle = "set_config('idle_in_transaction_session_timeout', '100ms', true)"
    monkeypatch.setattr(transactions, "_BRIEFLY", (short,))
    monkeypatch.setattr(transactions, "_IN_TURN", (short, idle))


@contextmanager
def held_by_somebody(engine, tables, exam):
    locked = tables.versions.select().where(tables.versions.c.exam == str(exam)).with_for_update()
    with engine.connect() as connection, connection.begin():
        connection.execute(locked).one()
        yield


@pytest.mark.usefixtures("impatient")
def test_a_lock_that_another_holds_becomes_a_conflict(postgresql, pg_world, pg_tables):
    world, tables = pg_world, pg_tables
    with held_by_somebody(postgresql, tables, CT):
        with pytest.raises(es.Conflict) as caught:
            world.share(ANNA, CT, BEN)
        assert caught.value.attempts == changing.ATTEMPTS
        world.share(ANNA, MR, BEN)
    world.share(ANNA, CT, BEN)


@pytest.mark.usefixtures("impatient")
def test_the_database_ends_a_turn_that_hangs(pg_world):
    world = pg_world
    waited = []

    def share_at_last():
        with suppress(es.Conflict):
            return world.share(ANNA, CT, CARLA)
        return share_at_last()

    def hang(question, put):
        if question == "writer.commit" and not waited:
            return False
        if question == "writer.locked":
            waited.append(question)
        elif waited == ["writer.locked"] and question == "directory.seen_by":
            # This is far longer than a turn may be idle, so another act gets through.
            with ThreadPoolExecutor(1) as pool:
                waited.append(pool.submit(share_at_last).result())
        return put()

    sharing_over(world, hang).share(share_request(ANNA, CT, BEN))
    assert len(waited) > 1
    assert world.can_view(BEN, CT)
    assert world.can_view(CARLA, CT)


def die_in_turn(url, exam):
    store = sql.SqlStore.over(sqlalchemy.create_engine(url))
    with store.locked((exam,)) as writer:
        assert writer is not None
        print("locked", flush=True)
        threading.Event().wait()


def test_a_process_killed_in_its_turn_blocks_nobody(postgresql, pg_world, pg_tables):
    world, tables = pg_world, pg_tables
    url = postgresql.url.render_as_string(hide_password=False)
    process = get_context("spawn").Process(target=die_in_turn, args=(url, CT), daemon=True)
    process.start()
    versions = tables.versions
    waiting = versions.select().where(versions.c.exam == "ct").with_for_update(nowait=True)
    deadline = monotonic() + 60
    while monotonic() < deadline:
        try:
            with postgresql.begin() as connection:
                connection.execute(waiting).one()
        except sqlalchemy.exc.OperationalError:
            break
    process.kill()
    process.join(10)
    start = monotonic()
    world.share(ANNA, CT, BEN)
    assert monotonic() < start + 10
    assert world.can_view(BEN, CT)


@pytest.fixture(params=["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def isolated(request, postgresql):
    """An engine that isolates as the host wants it."""
    return postgresql.execution_options(isolation_level=request.param)


@pytest.fixture
def after(postgresql):
    """A function that does something while somebody else writes, who then commits."""

    def do(call, statement):
        with ThreadPoolExecutor(1) as pool:
            with postgresql.connect() as connection, connection.begin():
                connection.execute(statement)
                doing = pool.submit(call)
                assert not wait([doing], BLOCKED).done
            doing.result(30)

    return do


def counted(pg_tables):
    versions = pg_tables.versions
    of_ct = versions.update().where(versions.c.exam == "ct")
    return of_ct.values(version=versions.c.version + 1)


def test_a_change_of_owner_waits_for_a_share(isolated, pg_tables, pg_world, after):
    store = sql.SqlStore.over(isolated, tables=pg_tables)
    after(lambda: store.transfer(CT, BEN, at=START), counted(pg_tables))
    assert pg_world.can_view(BEN, CT)
    assert pg_world.store.read((CT,), ended=False)[CT].version == 2


def test_an_act_that_waits_is_decided_again(isolated, pg_tables, pg_world, after):
    inside = World(store=sql.SqlStore.over(isolated, tables=pg_tables))
    after(lambda: inside.share(ANNA, CT, CARLA), counted(pg_tables))
    assert pg_world.can_view(CARLA, CT)


def test_an_upload_waits_for_a_change_of_its_batch(isolated, pg_tables, pg_world, after):
    store = sql.SqlStore.over(isolated, tables=pg_tables)
    batch = es.UploadBatch(id=es.BatchId("late"), uploader=ANNA, received_at=START)
    store.add(batch, ())
    batches = pg_tables.batches
    touched = batches.update().where(batches.c.id == "late").values(sealed=False)
    late = es.Exam(id=es.ExamId("late"), owner=ANNA, batch=batch.id, uploaded_at=START)
    after(lambda: store.add(batch, (late,)), touched)
    assert pg_world.can_view(ANNA, late.id)


def test_a_change_of_a_user_waits_for_another(isolated, pg_tables, after):
    people = sql.SqlDirectory(isolated, pg_tables.directory)
    level = isolated.get_execution_options()["isolation_level"]
    user, ward = es.UserId(f"user under {level}"), es.GroupId(f"ward under {level}")
    people.add(es.User(id=user, name="Ben"))
    people.add(es.Group(id=ward, name="Ward", members=frozenset({user})))
    principals = pg_tables.directory.principals
    touched = principals.update().values(active=True)
    after(lambda: people.add(es.User(id=user, name="Benjamin")), touched)
    after(lambda: people.add(es.Group(id=ward, name="W")), touched)
    after(lambda: people.remove(user), touched)
    assert people.user(user) is None


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_owner_changed_at_an_older_moment_is_a_conflict(postgresql, pg_tables, pg_world, level):
    earlier = postgresql.execution_options(isolation_level=level)
    with earlier.connect() as connection, connection.begin():
        connection.execute(sqlalchemy.select(pg_tables.versions))
        pg_world.share(ANNA, CT, BEN)
        with pytest.raises(es.Conflict) as caught:
            sql.owner_changed(
                connection, exam=CT, before=ANNA, after=BEN, at=START, tables=pg_tables
            )
    assert caught.value.attempts == 1
    assert pg_world.store.batch(CD) is not None
