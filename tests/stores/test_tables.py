"""The tables in a host's database: names, creation by many processes, schemas, migrations."""

import re
import shutil
import string
import subprocess
import sys
from pathlib import Path

import attrs
import pytest
import sqlalchemy
from alembic import command
from alembic.config import Config
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.schema import CreateTable

from databases import address_of
from exam_sharing import InvalidArgument, StoreFailed, UnshareRequest, User, WrongKind
from exam_sharing.adapters import sqlalchemy as sql
from exam_sharing.adapters.sqlalchemy.joined import joined_store
from exam_sharing.errors import InvalidValue
from world import ANNA, BEN, CARLA, CT, DAN, DAY, VIEW, World, share_request

MOST = 63
"""How many bytes of a name PostgreSQL keeps."""


DEFINING = pytest.mark.parametrize("define", [sql.define_tables, sql.define_directory_tables])


def names_of(tables):
    return [each.name for table in tables.all() for each in (table, *table.indexes)]


def longest_of(define):
    """Return how many bytes of the longest name are no prefix."""
    return max(len(name) for name in names_of(define(sqlalchemy.MetaData(), prefix="")))


UNFIT = [*"%\"'`?", "50%_", "%(a)s", "a\x00", "a\n", "\ud800", "a b", "a-", "a.", ":a"]


@DEFINING
@pytest.mark.parametrize("prefix", [*UNFIT, "sqlite_", "SQLite_x"], ids=ascii)
def test_unfit_prefixes_are_rejected(define, prefix):
    metadata = sqlalchemy.MetaData()
    with pytest.raises(InvalidArgument) as refused:
        define(metadata, prefix=prefix)
    assert refused.value.field == "prefix"
    assert not metadata.tables


@DEFINING
@pytest.mark.parametrize(
    "schema", ["", "%", "a\x00", "\udfff", '"', "'", "\\", "é" * 32], ids=ascii
)
def test_unfit_schemas_are_rejected(define, schema):
    with pytest.raises(InvalidArgument) as refused:
        define(sqlalchemy.MetaData(), schema=schema)
    assert refused.value.field == "schema"
    if schema:
        with pytest.raises(InvalidArgument):
            define(sqlalchemy.MetaData(schema=schema))


@DEFINING
def test_prefixes_and_schemas_must_be_texts(define):
    for wrong in ({"prefix": None}, {"prefix": b"a_"}, {"schema": 1}):
        with pytest.raises(WrongKind):
            define(sqlalchemy.MetaData(), **wrong)


@DEFINING
@given(prefix=st.text(max_size=MOST))
@example(prefix="é" * 16)
@example(prefix="a" * 40)
def test_no_name_is_longer_than_postgresql_keeps(define, prefix):
    try:
        tables = define(sqlalchemy.MetaData(), prefix=prefix)
    except InvalidArgument:
        return
    assert all(len(name.encode()) <= MOST for name in names_of(tables))
    assert "%" not in "".join(names_of(tables))


@DEFINING
def test_the_longest_prefix_is_counted_in_bytes(define):
    room = MOST - longest_of(define)
    for fits, does_not in (("a" * room, "a" * (room + 1)), ("é" * (room // 2), "é" * room)):
        define(sqlalchemy.MetaData(), prefix=fits)
        with pytest.raises(InvalidArgument, match=f"at most {room} bytes"):
            define(sqlalchemy.MetaData(), prefix=does_not)


def require_sharing(engine, tables):
    """Require that an exam can be shared in the tables, and return the world of it."""
    world = World(store=sql.SqlStore.over(engine, tables=tables))
    world.share(ANNA, CT, BEN, message="hello")
    assert world.can_view(BEN, CT)
    return world


LETTERS = st.sampled_from(f"{string.ascii_letters}{string.digits}_éßſKİ名前पа²")


@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.text(LETTERS, max_size=6))
@example(start="Größe_")
@example(start="")
def test_sharing_works_under_every_accepted_prefix(engine, start):
    room = MOST - longest_of(sql.define_tables)
    prefix = start + "a" * (room - len(start.encode()))
    metadata = sqlalchemy.MetaData()
    tables = sql.create_all(engine, sql.define_tables(metadata, prefix=prefix))
    try:
        require_sharing(engine, tables)
        assert sql.SqlDirectory(engine, tables.directory).user(BEN) is None
    finally:
        metadata.drop_all(engine)


def test_sharing_works_in_a_schema_with_an_odd_name(postgresql):
    with postgresql.begin() as connection:
        connection.exec_driver_sql('CREATE SCHEMA "our-portal.2 é"')
    tables = sql.define_tables(sqlalchemy.MetaData(), schema="our-portal.2 é")
    require_sharing(postgresql, sql.create_all(postgresql, tables))


PROCESSES = 4
ROUNDS = 5
CREATE = """
import sys
from sqlalchemy import MetaData, create_engine
from exam_sharing.adapters.sqlalchemy import create_all, define_tables, open_sharing, sqlite_engine
url, level, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
path = url.removeprefix("sqlite:///")
engine = create_engine(url, isolation_level=level) if path == url else sqlite_engine(path)
print("ready", flush=True)
for number in range(rounds):
    sys.stdin.readline()
    tables = create_all(engine, define_tables(MetaData(), prefix=f"round{number}_"))
    open_sharing(engine, tables=tables)
    print("done", flush=True)
"""


def test_many_processes_create_the_same_tables_at_once(empty_engine):
    """And others after these."""
    url = address_of(empty_engine)
    levels = ["READ COMMITTED", "SERIALIZABLE"] * (PROCESSES // 2)
    commands = [[sys.executable, "-c", CREATE, url, level, str(ROUNDS)] for level in levels]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    processes = [subprocess.Popen(each, text=True, **pipes) for each in commands]
    try:
        said = [process.stdout.readline() for process in processes]
        assert said == ["ready\n"] * PROCESSES
        for _ in range(ROUNDS):
            for process in processes:
                process.stdin.write("go\n")
                process.stdin.flush()
            said = [process.stdout.readline() for process in processes]
            if said != ["done\n"] * PROCESSES:
                break
        errors = [process.communicate(timeout=60)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert errors == [""] * PROCESSES


def test_the_shape_is_recorded_once(engine):
    metadata = sqlalchemy.MetaData()
    tables = sql.define_tables(metadata, prefix="migrated_")
    with engine.begin() as connection:
        metadata.create_all(connection)
        for _ in range(2):
            sql.record_schema(connection, tables)
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.select(tables.schema)).all() == [(1,)]
    require_sharing(engine, tables)


def test_recording_the_shape_of_missing_tables_fails(engine):
    tables = sql.define_tables(sqlalchemy.MetaData(), prefix="nowhere_")
    with engine.connect() as connection, connection.begin(), pytest.raises(StoreFailed):
        sql.record_schema(connection, tables)


def test_a_missing_table_is_created_beside_the_others(engine):
    metadata = sqlalchemy.MetaData()
    tables = sql.create_all(engine, sql.define_tables(metadata, prefix="partly_"))
    tables.notices.drop(engine)
    sql.create_all(engine, tables)
    require_sharing(engine, tables)


def test_creating_existing_tables_writes_nothing(tmp_path):
    engine = sql.sqlite_engine(tmp_path / "sharing.db")
    sql.create_all(engine)
    engine.dispose()
    reading = sql.sqlite_engine(tmp_path / "sharing.db")
    sqlalchemy.event.listen(
        reading, "connect", lambda each, _: each.execute("PRAGMA query_only = ON").close()
    )
    sql.create_all(reading)
    reading.dispose()


def test_tables_follow_the_hosts_prefix_and_naming_convention(engine):
    names = {
        "ix": "idx_%(table_name)s_%(column_0_N_name)s",
        "pk": "key_%(table_name)s",
        "uq": "one_%(table_name)s_%(column_0_N_name)s",
    }
    metadata = sqlalchemy.MetaData(naming_convention=names)
    tables = sql.define_tables(metadata, prefix="portal_")
    assert {table.name for table in tables.all()} == set(metadata.tables)
    assert all(name.startswith("portal_") for name in metadata.tables)
    assert sql.create_all(engine, tables) is tables
    sql.create_all(engine, tables)
    world = require_sharing(engine, tables)
    with pytest.raises(StoreFailed, match="is taken"):
        sql.open_sharing(engine, new_id=lambda: "act1", tables=tables, **world.people).share(
            share_request(ANNA, CT, DAN)
        )
    metadata.drop_all(engine)
    with pytest.raises(StoreFailed, match="create them with create_all or a migration"):
        sql.open_sharing(engine, tables=tables)


def test_every_compared_text_has_the_collation_c_on_postgresql(tables, postgresql):
    made = [str(CreateTable(table).compile(postgresql)) for table in tables.all()]
    assert not [
        line
        for ddl in made
        for line in ddl.splitlines()
        if "VARCHAR(" in line and '"C"' not in line
    ]


@pytest.mark.parametrize("shape", [0, 2])
def test_tables_of_another_shape_are_reported(sqlite, shape):
    tables = sql.define_tables(sqlalchemy.MetaData(), prefix=f"shape_{shape}_")
    sql.create_all(sqlite, tables)
    with sqlite.begin() as connection:
        connection.execute(tables.schema.update().values(number=shape))
    for ask in (sql.open_sharing, sql.create_all):
        with pytest.raises(
            StoreFailed, match=f"of shape {shape}, {'older' if shape == 0 else 'newer'}"
        ):
            ask(sqlite, tables=tables)


def test_an_engine_for_mysql_is_rejected():
    engine = sqlalchemy.create_mock_engine("mysql+pymysql://", lambda *_: None)
    with pytest.raises(InvalidValue, match="PostgreSQL or SQLite"):
        sql.open_sharing(engine)


def test_notices_without_a_notifier_wait_for_a_relay(engine, tables, world):
    sharing = sql.open_sharing(engine, tables=tables, **world.people)
    sharing.share(share_request(ANNA, CT, BEN, message="hello"))
    for _ in range(sharing.policy.retries.limit + 1):
        world.wait(DAY)
        assert sharing.admin.deliver_notices() == 0
    (waiting,) = world.store.outbox.waiting()
    assert waiting.attempts == 0
    assert world.sharing.admin.deliver_notices() == 1
    assert world.told()[BEN].message == "hello"
    assert world.store.outbox.waiting() == ()


def test_users_and_groups_are_in_the_same_database_by_default(engine, tables, world):
    sharing = sql.open_sharing(engine, clock=world.clock, tables=tables)
    directory = sql.SqlDirectory(engine, tables.directory)
    for user in (ANNA, BEN):
        directory.add(User(id=user, name=str(user)))
    sharing.share(share_request(ANNA, CT, BEN))
    assert sql.open_sharing(engine, clock=world.clock, tables=tables).can(BEN, VIEW, CT)
    assert not sharing.can(CARLA, VIEW, CT)
    with engine.begin() as connection:
        inside = sql.joined(connection, directory=directory, tables=tables, clock=world.clock)
        inside.unshare(UnshareRequest(actor=ANNA, exam=CT, recipient=BEN))
    assert not sharing.can(BEN, VIEW, CT)


PORTAL = Path(__file__).parent / "alembic_host"
NAMES = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


@attrs.frozen(kw_only=True)
class Portal:
    """A portal with tables of its own and a folder of migrations."""

    engine: sqlalchemy.Engine
    config: Config
    how: dict
    tables: sql.Tables
    migration: Path

    def write_the_number(self):
        """Add to the migration what no tool can know: of what shape the tables are."""
        table = self.tables.schema.fullname
        line = f"op.execute('INSERT INTO {table} (number) VALUES ({sql.SCHEMA})')"  # noqa: S608  its own
        text = self.migration.read_text()
        end = "    # ### end Alembic commands ###\n"
        self.migration.write_text(text.replace(end, f"{end}    {line}\n", 1))

    def add_the_upgrade(self):
        """Add a migration that upgrades the tables, as a host would write it."""
        names, prefix, schema = (self.how.get(each) for each in ("names", "prefix", "schema"))
        options = f"prefix={prefix or 'exam_sharing_'!r}, schema={schema!r}"
        metadata = f"sa.MetaData(naming_convention={names!r})"
        body = f"""from exam_sharing.adapters import sqlalchemy as sharing
    tables = sharing.define_tables({metadata}, {options})
    sharing.upgrade(op.get_bind(), tables=tables)"""
        path = Path(command.revision(self.config, "tables of sharing, shape 2").path)
        path.write_text(path.read_text().replace("pass", body, 1))

    def found_tables(self):
        inspector = sqlalchemy.inspect(self.engine)
        return set(inspector.get_table_names(schema=self.tables.schema.schema))


def tables_of_portal(*, names=None, prefix="exam_sharing_", schema=None):
    """Return our tables in the metadata of a portal, beside a table of its own."""
    metadata = sqlalchemy.MetaData(naming_convention=names)
    sqlalchemy.Table(
        "letters",
        metadata,
        sqlalchemy.Column("id", sqlalchemy.Integer, primary_key=True),
        sqlalchemy.Column("text", sqlalchemy.String(80), server_default="none", unique=True),
    )
    return sql.define_tables(metadata, prefix=prefix, schema=schema)


def portal_on(engine, folder, **how):
    """Return a portal whose first migration was written by autogenerate."""
    shutil.copytree(PORTAL, folder)
    (folder / "versions").mkdir()
    tables, schema = tables_of_portal(**how), how.get("schema")
    config = Config()
    config.set_main_option("script_location", str(folder))
    config.attributes.update(
        engine=engine, metadata=tables.metadata, include_schemas=schema is not None
    )
    if schema is not None:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"CREATE SCHEMA {schema}")
    revision = command.revision(config, "our tables", autogenerate=True)
    path = Path(revision.path)
    return Portal(engine=engine, config=config, how=how, tables=tables, migration=path)


NAMED = {"names": NAMES, "prefix": "sharing_"}


@pytest.fixture(params=[{}, NAMED], ids=["", "named, in a schema if there are any"])
def portal(request, empty_engine, tmp_path):
    how = dict(request.param)
    if how and empty_engine.dialect.name == "postgresql":
        how["schema"] = "exams"
    return portal_on(empty_engine, tmp_path / "migrations", **how)


def test_alembic_finds_a_difference_only_if_there_is_one(portal):
    command.upgrade(portal.config, "head")
    assert {table.name for table in portal.tables.all()} <= portal.found_tables()
    command.check(portal.config)
    with pytest.raises(StoreFailed, match="the shape of the tables was not recorded"):
        sql.SqlStore.over(portal.engine, tables=portal.tables)
    with portal.engine.begin() as connection:
        table = portal.tables.exams.fullname
        connection.exec_driver_sql(f"ALTER TABLE {table} DROP COLUMN subject")
    with pytest.raises(Exception, match=re.escape("'add_column'")):
        command.check(portal.config)


def test_sharing_works_in_migrated_tables_until_the_downgrade(portal):
    portal.write_the_number()
    command.upgrade(portal.config, "head")
    world = require_sharing(portal.engine, portal.tables)
    assert set(world.told()) == {BEN}
    command.downgrade(portal.config, "base")
    assert portal.found_tables() <= {"alembic_version"}
    with pytest.raises(StoreFailed, match="are not there"):
        sql.SqlStore.over(portal.engine, tables=portal.tables)


def test_a_second_migration_upgrades_the_tables(portal, request):
    portal.write_the_number()
    command.upgrade(portal.config, "head")
    require_sharing(portal.engine, portal.tables)
    request.getfixturevalue("next_release")
    tables = tables_of_portal(**portal.how)
    portal.config.attributes["metadata"] = tables.metadata
    with pytest.raises(Exception, match=re.escape("'add_table'")):
        command.check(portal.config)
    portal.add_the_upgrade()
    command.upgrade(portal.config, "head")
    command.check(portal.config)
    assert World(store=sql.SqlStore.over(portal.engine, tables=tables)).can_view(BEN, CT)


@pytest.fixture
def clinics(postgresql):
    """The engines and tables of two clinics, which differ in nothing but the schema."""
    translated, engines = sql.define_tables(sqlalchemy.MetaData()), []
    for name in ("north", "south"):
        engine = postgresql.execution_options(schema_translate_map={None: name})
        with engine.begin() as connection:
            connection.execute(sqlalchemy.schema.CreateSchema(name))
            translated.metadata.create_all(connection)
            sql.record_schema(connection, translated)
        engines.append((engine, translated))
    return engines


def test_translated_schemas_are_separate_inside_transactions(clinics):
    for (engine, tables), shares in zip(clinics, (True, False), strict=True):
        with engine.connect() as connection, connection.begin():
            world = World(store=joined_store(connection, tables=tables))
            if shares:
                world.share(ANNA, CT, BEN)
            expected = [CT] if shares else []
            assert world.can_view(BEN, CT) is shares
            assert list(world.sharing.can_many(BEN, VIEW, [CT])) == expected
            assert [each.exam for each in world.sharing.shared_with(BEN).items] == expected
