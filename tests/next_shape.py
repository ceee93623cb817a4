"""A made-up next release: its tables have a column, an index and a table more.

Run as a program, it upgrades a database: `python tests/next_shape.py URL PREFIX [WHERE]`. Asked to
stop `before` or `after` a step has changed the tables, it says so, and goes on after a line of
input.
"""

import subprocess
import sys
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from databases import address_of, engine_at
from exam_sharing.adapters import sqlalchemy as sql
from exam_sharing.adapters.sqlalchemy import database, tables, upgrading

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


def stopping(where):
    """Return the step, with a stop before or after it has changed the tables."""

    def stopped(connection, given):
        if where == "before":
            stop()
        step(connection, given)
        if where == "after":
            stop()

    return stopped


def stop():
    print("in the step", flush=True)
    sys.stdin.readline()


def plant(put=setattr, step=step):
    """Make this process one of the next release."""
    put(tables, "_define", define)
    put(tables.Tables, "all", lambda given: (*ALL(given), visits_of(given)))
    for module in (sql, tables, database, upgrading):
        put(module, "SCHEMA", 2)
    put(upgrading, "STEPS", {1: step})
    tables._default_tables.cache_clear()


@pytest.fixture
def next_release(monkeypatch):
    """This process is one of the next release."""
    plant(monkeypatch.setattr)
    yield
    monkeypatch.undo()
    tables._default_tables.cache_clear()


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
    url, prefix, *where = sys.argv[1:]
    plant(step=stopping(*where) if where else step)
    print("ready", flush=True)
    sys.stdin.readline()
    sql.upgrade(engine_at(url), tables=sql.define_tables(sa.MetaData(), prefix=prefix))
    print("upgraded", flush=True)
