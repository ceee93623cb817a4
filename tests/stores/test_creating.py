"""Any number of processes may create the tables at once, and each comes through."""

import subprocess
import sys

import pytest
import sqlalchemy

from databases import created_database
from exam_sharing import StoreFailed
from exam_sharing.adapters.sqlalchemy import (
    SqlStore,
    create_all,
    define_tables,
    record_schema,
    sqlite_engine,
)
from world import ANNA, BEN, CT, World

PROCESSES = 4
ROUNDS = 5
CREATE = """
import sys
from sqlalchemy import MetaData, create_engine
from exam_sharing.adapters.sqlalchemy import create_all, define_tables, open_sharing, sqlite_engine
url, level, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
if "://" in url:
    engine = create_engine(url, isolation_level=level)
else:
    engine = sqlite_engine(url)
print("ready", flush=True)
for number in range(rounds):
    sys.stdin.readline()
    tables = create_all(engine, define_tables(MetaData(), prefix=f"round{number}_"))
    open_sharing(engine, tables=tables)
    print("done", flush=True)
"""


def create_together(url):
    """Let processes create the same tables at the same time, and others after these."""
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


def test_many_processes_create_the_tables_of_postgresql_at_once(postgresql_server):
    with created_database(postgresql_server) as url:
        create_together(url)


def test_many_processes_create_a_file_of_sqlite_at_once(tmp_path):
    create_together(str(tmp_path / "sharing.db"))


def test_the_shape_is_recorded_once_however_often_that_is_asked(engine):
    metadata = sqlalchemy.MetaData()
    tables = define_tables(metadata, prefix="migrated_")
    with engine.begin() as connection:
        metadata.create_all(connection)
        for _ in range(2):
            record_schema(connection, tables)
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.select(tables.schema)).all() == [(1,)]
    world = World(store=SqlStore.over(engine, tables=tables))
    world.share(ANNA, CT, BEN)
    assert world.can_view(BEN, CT)


def test_recording_the_shape_of_tables_that_are_not_there_is_an_error_of_ours(engine):
    tables = define_tables(sqlalchemy.MetaData(), prefix="nowhere_")
    with engine.connect() as connection, connection.begin(), pytest.raises(StoreFailed):
        record_schema(connection, tables)


def test_a_table_that_is_missing_is_created_beside_the_others(engine):
    metadata = sqlalchemy.MetaData()
    tables = create_all(engine, define_tables(metadata, prefix="partly_"))
    tables.notices.drop(engine)
    create_all(engine, tables)
    World(store=SqlStore.over(engine, tables=tables)).share(ANNA, CT, BEN)


def test_tables_that_are_there_are_found_without_writing(tmp_path):
    engine = sqlite_engine(tmp_path / "sharing.db")
    create_all(engine)
    engine.dispose()
    reading = sqlite_engine(tmp_path / "sharing.db")
    sqlalchemy.event.listen(
        reading, "connect", lambda each, _: each.execute("PRAGMA query_only = ON").close()
    )
    create_all(reading)
    reading.dispose()
