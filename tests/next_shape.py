"""A made-up next release: its tables have a column, an index and a table more.

Run as a program, with the URL of a database and the prefix of the tables, it upgrades them once it
gets a line. With one more argument, it waits before the step is committed until it gets another.
"""

import subprocess
import sys
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from databases import address_of, engine_at
from exam_sharing.adapters import sqlalchemy as sql
from exam_sharing.adapters.sqlalchemy import database, tables, upgrading

TODAY = sql.SCHEMA
DEFINE, ALL = tables._define, tables.Tables.all
CHANNEL = "shares_by_channel"


def visits_of(given):
    """Return the new table, which has no field in the class of today."""
    name = f"{prefix_of(given)}visits"
    return given.metadata.tables[f"{given.schema.schema}.{name}" if given.schema.schema else name]


def prefix_of(given):
    return given.schema.name.removesuffix("schema")


def define(names):
    """Define the tables of the next release."""
    defined = DEFINE(names)
    defined.shares.append_column(sa.Column("channel", tables._text(32), comment="by what"))
    names.index(CHANNEL, defined.shares.c.channel)
    names.table("visits", tables._key("exam"), sa.Column("at", tables.Instant(), nullable=False))
    return defined


def step(connection, given):
    """Make the next shape of that of today, as a step of the package would."""
    kind = "VARCHAR(32)"
    if connection.dialect.name == "postgresql":
        kind += ' COLLATE "C"'
    add = sa.DDL(f"ALTER TABLE %(fullname)s ADD COLUMN channel {kind}")
    connection.execute(add.against(given.shares))
    if connection.dialect.name == "postgresql":
        note = sa.DDL("COMMENT ON COLUMN %(fullname)s.channel IS 'by what'")
        connection.execute(note.against(given.shares))
    (index,) = (each for each in given.shares.indexes if each.name.endswith(CHANNEL))
    index.create(connection)
    visits_of(given).create(connection)
    connection.execute(given.shares.update().values(channel="portal"))


def stopping_step(connection, given):
    """Do the step, and stop before its transaction is committed."""
    step(connection, given)
    print("in the step", flush=True)
    sys.stdin.readline()


@contextmanager
def of_the_next_release(*steps):
    """Let this process be one of the next release; each step leads to one shape more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "_define", define)
        patch.setattr(tables.Tables, "all", lambda given: (*ALL(given), visits_of(given)))
        numbered = dict(enumerate(steps or [step], TODAY))
        patch.setattr(upgrading, "STEPS", numbered)
        for module in (tables, database, upgrading, sql):
            patch.setattr(module, "SCHEMA", TODAY + len(numbered))
        tables._default_tables.cache_clear()
        yield patch
    tables._default_tables.cache_clear()


@pytest.fixture
def next_release():
    """This process is one of the next release."""
    with of_the_next_release():
        yield


@contextmanager
def upgrading_process(engine, given, *where):
    """Yield a process of the next release, which upgrades the tables once it gets a line."""
    arguments = [sys.executable, __file__, address_of(engine), prefix_of(given), *where]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(arguments, text=True, **pipes)
    try:
        assert process.stdout.readline() == "ready\n", process.stderr.read()
        yield process
    finally:
        process.kill()
        process.communicate()


def go_on(process):
    """Send a line."""
    process.stdin.write("\n")
    process.stdin.flush()


def heard(process):
    """Return the next line of a process, or all that it wrote before it failed."""
    return process.stdout.readline().strip() or process.stderr.read()


if __name__ == "__main__":
    url, prefix, *stops = sys.argv[1:]
    with of_the_next_release(*([stopping_step] if stops else [])):
        print("ready", flush=True)
        sys.stdin.readline()
        sql.upgrade(engine_at(url), tables=sql.define_tables(sa.MetaData(), prefix=prefix))
        print("upgraded", flush=True)
