"""Tables of an earlier release are upgraded, at once or not at all, and nobody writes meanwhile.

The next release is made up: `next_shape`.
"""

import threading
from contextlib import ExitStack

import pytest
import sqlalchemy

import exam_sharing as es
from exam_sharing.adapters import sqlalchemy as sql
from exam_sharing.adapters.sqlalchemy import upgrading
from exam_sharing.adapters.sqlalchemy.joined import joined_store
from exam_sharing.errors import StoreBusy
from exam_sharing.history import NameReplaced
from next_shape import (
    go_on,
    heard,
    of_the_next_release,
    step,
    upgrading_process,
    visits_of,
)
from shapes import create_from, found_shape
from world import ANNA, BEN, CARLA, CT, DAN, EVA, MR, START, VIEW, World, share_request

NEWER = "of shape 2, newer than the 1 needed here; upgrade the package exam-sharing"
OLDER = "of shape 1, older than the 2 needed here; upgrade them with `exam-sharing upgrade`"


@pytest.fixture
def tables(empty_engine):
    """Tables of today, in which Anna has shared an exam with Ben."""
    made = sql.create_all(empty_engine)
    world = World(store=sql.SqlStore.over(empty_engine, tables=made))
    world.share(ANNA, CT, BEN, message="hello")
    return made


@pytest.fixture
def old(empty_engine, tables):
    """A sharing of this release, which stays open while another process upgrades the tables."""
    return World(store=sql.SqlStore.over(empty_engine, tables=tables))


def shape_and_number(engine, tables):
    with engine.connect() as connection:
        return found_shape(engine), connection.scalar(sqlalchemy.select(tables.schema.c.number))


def rows_in(engine):
    """Return the rows of all tables of the next release."""
    found = sqlalchemy.MetaData()
    found.reflect(engine)
    with engine.connect() as connection:
        return {
            name: connection.execute(sqlalchemy.select(table)).all()
            for name, table in found.tables.items()
        }


def upgrade_elsewhere(engine):
    """Upgrade the tables, as another process would."""
    with of_the_next_release():
        sql.upgrade(engine)


def test_tables_of_this_release_are_left_as_they_are(empty_engine, tables):
    def fail(*_):
        raise AssertionError("written")

    sqlalchemy.event.listen(empty_engine, "commit", fail)
    sql.upgrade(empty_engine, tables=tables)


def test_missing_tables_are_reported(empty_engine):
    with pytest.raises(es.StoreFailed, match="create them with create_all or a migration"):
        sql.upgrade(empty_engine)
    with empty_engine.begin() as connection, pytest.raises(es.StoreFailed, match="not there"):
        sql.upgrade(connection)


def test_tables_of_a_later_release_are_left_as_they_are(empty_engine, tables):
    upgrade_elsewhere(empty_engine)
    before = rows_in(empty_engine)
    with pytest.raises(es.StoreFailed, match=NEWER):
        sql.upgrade(empty_engine)
    with pytest.raises(es.StoreFailed, match=NEWER):
        sql.create_all(empty_engine)
    assert rows_in(empty_engine) == before


def test_nothing_is_created_beside_tables_of_an_earlier_release(empty_engine, tables, next_release):
    before = shape_and_number(empty_engine, tables)
    with pytest.raises(es.StoreFailed, match=OLDER):
        sql.create_all(empty_engine)
    with pytest.raises(es.StoreFailed, match=OLDER):
        sql.open_sharing(empty_engine)
    assert shape_and_number(empty_engine, tables) == before


def test_upgraded_tables_are_those_that_the_release_creates(
    empty_engine, another_empty_engine, next_release
):
    create_from(empty_engine, 1)
    sql.upgrade(empty_engine)
    sql.create_all(another_empty_engine)
    assert found_shape(empty_engine) == found_shape(another_empty_engine)
    sql.open_sharing(empty_engine)


def of_today(**names):
    """Return the tables as this process knows them."""
    return sql.define_tables(sqlalchemy.MetaData(), **names)


def later_world(engine, tables):
    return World(store=sql.SqlStore.over(engine, tables=tables), first_act=100)


def channels_in(engine, tables):
    with engine.connect() as connection:
        return set(connection.scalars(sqlalchemy.select(tables.shares.c.channel)))


def require_upgraded(engine, tables):
    """Require what was shared before, and what the step has filled; then share more."""
    world = later_world(engine, tables)
    assert world.can_view(BEN, CT)
    assert channels_in(engine, tables) == {"portal"}
    world.share(BEN, CT, CARLA)
    assert world.can_view(CARLA, CT)
    sql.seal(engine, tables=tables)
    assert sql.verify(engine, tables=tables).whole


def test_what_was_shared_before_an_upgrade_is_shared_after_it(empty_engine, tables, next_release):
    sql.upgrade(empty_engine)
    require_upgraded(empty_engine, of_today())


NAMES = {"ix": "i_%(column_0_label)s", "pk": "key_%(table_name)s"}


@pytest.mark.parametrize("names", [None, NAMES], ids=["", "with a naming convention"])
def test_tables_with_another_prefix_in_another_schema_are_upgraded(empty_engine, names, request):
    how = {"prefix": "portal_"}
    if empty_engine.dialect.name == "postgresql":
        how["schema"] = "our exams"
        with empty_engine.begin() as connection:
            connection.execute(sqlalchemy.schema.CreateSchema(how["schema"]))
    others = sql.create_all(empty_engine)
    mine = sql.define_tables(sqlalchemy.MetaData(naming_convention=names), **how)
    later_world(empty_engine, sql.create_all(empty_engine, mine)).share(ANNA, CT, BEN)
    before = shape_and_number(empty_engine, others)
    request.getfixturevalue("next_release")
    mine = sql.define_tables(sqlalchemy.MetaData(naming_convention=names), **how)
    sql.upgrade(empty_engine, tables=mine)
    with empty_engine.connect() as connection:
        number = connection.scalar(sqlalchemy.select(mine.schema.c.number))
        assert connection.scalars(sqlalchemy.select(visits_of(mine))).all() == []
    assert number == 2
    assert channels_in(empty_engine, mine) == {"portal"}
    assert shape_and_number(empty_engine, others) == before


PROCESSES = 2


def test_many_processes_upgrade_the_same_tables_at_once(empty_engine, tables):
    with ExitStack() as ending:
        upgrading_now = [
            ending.enter_context(upgrading_process(empty_engine, tables)) for _ in range(PROCESSES)
        ]
        for process in upgrading_now:
            go_on(process)
        assert [heard(process) for process in upgrading_now] == ["upgraded"] * PROCESSES
    assert shape_and_number(empty_engine, tables)[1] == 2


def test_a_killed_upgrade_changes_nothing_and_the_next_one_does_all(empty_engine, tables):
    before = shape_and_number(empty_engine, tables), rows_in(empty_engine)
    with upgrading_process(empty_engine, tables, "stops") as process:
        go_on(process)
        assert heard(process) == "in the step"
        process.kill()
        process.wait()
    assert (shape_and_number(empty_engine, tables), rows_in(empty_engine)) == before
    later_world(empty_engine, tables).share(ANNA, MR, BEN)
    upgrade_elsewhere(empty_engine)
    assert shape_and_number(empty_engine, tables)[1] == 2


def broken(connection, given):
    step(connection, given)
    connection.exec_driver_sql("INSERT INTO nowhere VALUES (1)")


def test_a_step_that_fails_is_undone(empty_engine, tables):
    before = shape_and_number(empty_engine, tables), rows_in(empty_engine)
    with of_the_next_release(broken), pytest.raises(es.StoreFailed, match="the database failed"):
        sql.upgrade(empty_engine)
    assert (shape_and_number(empty_engine, tables), rows_in(empty_engine)) == before


def test_steps_that_were_done_stay_done_where_a_later_one_fails(empty_engine, tables):
    def also_broken(connection, given):
        connection.exec_driver_sql("DROP TABLE exam_sharing_visits")
        connection.exec_driver_sql("INSERT INTO nowhere VALUES (1)")

    with (
        of_the_next_release(step, also_broken),
        pytest.raises(es.StoreFailed, match="the database failed"),
    ):
        sql.upgrade(empty_engine)
    assert shape_and_number(empty_engine, tables)[1] == 2
    assert "exam_sharing_visits" in rows_in(empty_engine)


def test_a_migration_upgrades_in_its_own_transaction(empty_engine, tables, next_release):
    before = shape_and_number(empty_engine, tables)
    with empty_engine.connect() as connection, connection.begin() as transaction:
        sql.upgrade(connection)
        transaction.rollback()
    assert shape_and_number(empty_engine, tables) == before
    with empty_engine.begin() as connection:
        sql.upgrade(connection)
    require_upgraded(empty_engine, of_today())


def test_a_connection_that_is_in_no_transaction_is_refused(empty_engine, tables, next_release):
    engine = empty_engine
    if engine.dialect.name == "postgresql":
        engine = engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection, pytest.raises(es.InvalidValue, match="in a transaction"):
        sql.upgrade(connection)
    for wrong in ("portal.db", None):
        with pytest.raises(es.InvalidValue):
            sql.upgrade(wrong)
    plain = sqlalchemy.create_engine("sqlite://")
    with plain.begin() as connection, pytest.raises(es.InvalidValue, match="set_up_sqlite"):
        sql.upgrade(connection)


def old_acts(engine, tables, world):
    """Return everything by which a process of this release writes, by name."""
    people = sql.SqlDirectory(engine, tables.directory)
    sharing = sql.open_sharing(engine, tables=tables, **world.people)
    notices = world.store.outbox
    unshare = es.UnshareRequest(actor=ANNA, exam=CT, recipient=BEN)
    batch = es.UploadBatch(id=es.BatchId("late"), uploader=ANNA, received_at=world.now)

    def inside():
        with engine.begin() as connection:
            sql.joined(connection, tables=tables, **world.people).unshare(unshare)

    def owner_changed():
        with engine.begin() as connection:
            sql.owner_changed(
                connection, exam=CT, before=ANNA, after=BEN, at=world.now, tables=tables
            )

    return {
        "a share": lambda: sharing.share(share_request(ANNA, CT, DAN)),
        "an unsharing": lambda: sharing.unshare(unshare),
        "an upload": lambda: sharing.add_upload(batch, []),
        "a relay": lambda: notices.claim(world.now, world.now, 9, None),
        "requeued notices": sharing.admin.requeue_notices,
        "a user": lambda: people.add(es.User(id=EVA, name="Eva")),
        "a replaced name": lambda: people.replace_name(
            NameReplaced(at=world.now, principal=EVA, performed_by="ops", why="request 17")
        ),
        "a transfer": lambda: world.store.transfer(CT, BEN, at=world.now),
        "an act of a host's transaction": inside,
        "a change of owner": owner_changed,
        "a seal": lambda: sql.seal(engine, tables=tables),
        "an access": lambda: sharing.record_access(BEN, CT, VIEW),
        "a purge": lambda: sharing.admin.purge_accesses(
            before=world.now, performed_by="ops", why="over"
        ),
        "a sweep": lambda: sql.sweep_expired(engine, tables=tables),
    }


def test_a_directory_of_the_hosts_keeps_nothing_in_upgraded_tables(empty_engine, tables):
    people = sqlalchemy.Table(
        "people", sqlalchemy.MetaData(), sqlalchemy.Column("id", sqlalchemy.String)
    )
    people.create(empty_engine)
    columns = sql.UserColumns(id=people.c.id, name=people.c.id)
    ours = {"search": tables.directory, "history": tables.directory}
    directory = sql.TableDirectory(empty_engine, users=columns, **ours)
    upgrade_elsewhere(empty_engine)
    before = rows_in(empty_engine)
    for keep in (
        directory.rebuild_search,
        lambda inside: directory.update_search(inside, ANNA),
        lambda inside: directory.record_changes(inside, ANNA, at=START),
    ):
        with empty_engine.begin() as inside:
            inside.execute(people.insert().values(id="anna"))
            with pytest.raises(es.StoreFailed, match=NEWER):
                keep(inside)
            inside.rollback()
    assert rows_in(empty_engine) == before


def test_processes_of_the_earlier_release_write_nothing_any_more(empty_engine, tables, old, caplog):
    acts = old_acts(empty_engine, tables, old)
    upgrade_elsewhere(empty_engine)
    before = rows_in(empty_engine)
    for name, act in acts.items():
        with pytest.raises(es.StoreFailed, match=NEWER):
            pytest.fail(f"{name} was done: {act()}")
    with pytest.raises(es.Refused):
        old.share(CARLA, CT, DAN)
    assert "a refusal could not be recorded: StoreFailed" in caplog.text
    assert rows_in(empty_engine) == before
    assert old.can_view(BEN, CT)


def test_an_act_waits_for_a_step_and_then_does_nothing(empty_engine, tables, old):
    told = []

    def act():
        with pytest.raises(es.StoreFailed) as failed:
            old.share(ANNA, CT, DAN)
        told.append(str(failed.value))

    with upgrading_process(empty_engine, tables, "stops") as process:
        go_on(process)
        assert heard(process) == "in the step"
        thread = threading.Thread(target=act)
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
        go_on(process)
        assert heard(process) == "upgraded"
        thread.join(60)
    assert NEWER in told[0]
    assert not old.can_view(DAN, CT)


@pytest.fixture
def begun(empty_postgresql):
    """A transaction of a host that reads one moment, and has read something."""
    tables = sql.create_all(empty_postgresql)
    later_world(empty_postgresql, tables)
    strict = empty_postgresql.execution_options(isolation_level="REPEATABLE READ")
    with strict.connect() as connection:
        connection.exec_driver_sql("SELECT 1")
        yield connection, tables


def test_an_upgrade_does_not_let_acts_wait_behind_a_host_for_long(begun, empty_postgresql):
    connection, tables = begun
    later_world_in(connection, tables).share(ANNA, CT, BEN)
    with of_the_next_release() as patch:
        briefly = sqlalchemy.text("SELECT set_config('lock_timeout', '100ms', true)")
        patch.setattr(upgrading, "_BRIEFLY", briefly)
        with pytest.raises(StoreBusy, match="nothing was done"):
            sql.upgrade(empty_postgresql)
    assert shape_and_number(empty_postgresql, tables)[1] == 1


def later_world_in(connection, tables):
    return World(store=joined_store(connection, tables=tables), first_act=200)


def test_a_host_that_reads_an_older_moment_writes_nothing_after_an_upgrade(begun, empty_postgresql):
    connection, tables = begun
    world = later_world_in(connection, tables)
    connection.rollback()
    connection.exec_driver_sql("SELECT 1")
    upgrade_elsewhere(empty_postgresql)
    with pytest.raises(es.StoreFailed, match="shape of the tables"):
        world.share(ANNA, CT, BEN)
