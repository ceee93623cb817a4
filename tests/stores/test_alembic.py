"""A portal's migrations, made by Alembic, see our tables beside its own and leave nothing to do."""

import re
import shutil
from pathlib import Path

import attrs
import pytest
import sqlalchemy
from alembic import command
from alembic.config import Config

from databases import created_database
from exam_sharing import StoreFailed
from exam_sharing.adapters.sqlalchemy import SCHEMA, SqlStore, Tables, define_tables, sqlite_engine
from world import ANNA, BEN, CT, World

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
    tables: Tables
    migration: Path

    def upgrade(self):
        command.upgrade(self.config, "head")

    def write_the_number(self):
        """Add to the migration what no tool can know: of what shape the tables are."""
        table = self.tables.schema.fullname
        line = f"op.execute('INSERT INTO {table} (number) VALUES ({SCHEMA})')"  # noqa: S608  its own
        text = self.migration.read_text()
        end = "    # ### end Alembic commands ###\n"
        self.migration.write_text(text.replace(end, f"{end}    {line}\n", 1))

    def found_tables(self):
        inspector = sqlalchemy.inspect(self.engine)
        return set(inspector.get_table_names(schema=self.tables.schema.schema))


def portal_on(engine, folder, *, names=None, prefix="exam_sharing_", schema=None):
    """Return a portal whose first migration was written by autogenerate."""
    shutil.copytree(PORTAL, folder)
    (folder / "versions").mkdir()
    metadata = sqlalchemy.MetaData(naming_convention=names)
    sqlalchemy.Table(
        "letters",
        metadata,
        sqlalchemy.Column("id", sqlalchemy.Integer, primary_key=True),
        sqlalchemy.Column("text", sqlalchemy.String(80), server_default="none", unique=True),
    )
    tables = define_tables(metadata, prefix=prefix, schema=schema)
    config = Config()
    config.set_main_option("script_location", str(folder))
    config.attributes.update(engine=engine, metadata=metadata, include_schemas=schema is not None)
    if schema is not None:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"CREATE SCHEMA {schema}")
    revision = command.revision(config, "our tables", autogenerate=True)
    return Portal(engine=engine, config=config, tables=tables, migration=Path(revision.path))


@pytest.fixture(
    params=[
        ("sqlite", {}),
        ("sqlite", {"names": NAMES, "prefix": "sharing_"}),
        ("postgresql", {}),
        ("postgresql", {"names": NAMES, "prefix": "sharing_", "schema": "exams"}),
    ],
    ids=["sqlite", "sqlite, named", "postgresql", "postgresql, named and in a schema"],
)
def portal(request, tmp_path):
    name, how = request.param
    if name == "sqlite":
        engine = sqlite_engine(tmp_path / "portal.db")
        yield portal_on(engine, tmp_path / "migrations", **how)
        engine.dispose()
        return
    with created_database(request.getfixturevalue("postgresql_server")) as url:
        engine = sqlalchemy.create_engine(url)
        yield portal_on(engine, tmp_path / "migrations", **how)
        engine.dispose()


def test_after_the_upgrade_there_is_no_difference_left(portal):
    portal.upgrade()
    assert {table.name for table in portal.tables.all()} <= portal.found_tables()
    command.check(portal.config)


def test_a_difference_would_be_seen(portal):
    portal.upgrade()
    with portal.engine.begin() as connection:
        table = portal.tables.exams.fullname
        connection.exec_driver_sql(f"ALTER TABLE {table} DROP COLUMN subject")
    with pytest.raises(Exception, match=re.escape("'add_column'")):
        command.check(portal.config)


def test_what_was_migrated_can_be_opened_and_shared_in(portal):
    portal.write_the_number()
    portal.upgrade()
    world = World(store=SqlStore.over(portal.engine, tables=portal.tables))
    world.share(ANNA, CT, BEN, message="hello")
    assert world.can_view(BEN, CT)
    assert set(world.told()) == {BEN}


def test_a_migration_that_does_not_say_the_shape_is_found_out(portal):
    portal.upgrade()
    with pytest.raises(StoreFailed, match="do not say of what shape they are"):
        SqlStore.over(portal.engine, tables=portal.tables)


def test_the_downgrade_takes_every_table_away(portal):
    portal.write_the_number()
    portal.upgrade()
    command.downgrade(portal.config, "base")
    assert portal.found_tables() <= {"alembic_version"}
    with pytest.raises(StoreFailed, match="are not there"):
        SqlStore.over(portal.engine, tables=portal.tables)
