"""`exam-sharing release-standby` lets a standby go, and nobody gets a stale answer from it."""

import json
import threading

import pytest
import sqlalchemy as sa

from clinic_on_a_pair import CT, give, take, with_receiver_stopped
from exam_sharing import Permission
from exam_sharing.adapters.sqlalchemy import standby_guard
from exam_sharing.adapters.sqlalchemy.cluster_settings import Waiting
from exam_sharing.cli import main, release_standby
from exam_sharing.testing.worlds import BEN


@pytest.fixture
def release(pair, monkeypatch):
    monkeypatch.setattr(release_standby, "_LOADED", 0.2)
    monkeypatch.setattr(standby_guard, "_RENEWED", 0.3)
    monkeypatch.setattr(standby_guard, "_COUNTS", 0.6)
    monkeypatch.setattr(release_standby, "WAIT", standby_guard._COUNTS + 0.4)

    def release(*options, name="standby"):
        return main(["release-standby", name, "--primary", pair.primary.url, *options])

    yield release
    engine = sa.create_engine(pair.primary.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("ALTER SYSTEM RESET synchronous_standby_names")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
    engine.dispose()


@pytest.fixture
def portal(pair, shared_clinic):
    shared_clinic.fill()
    shared_clinic.settle()
    return shared_clinic


def setting_at(pair):
    engine = sa.create_engine(pair.primary.url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return connection.exec_driver_sql("SHOW synchronous_standby_names").scalar_one()


def test_while_a_standby_is_released_and_afterwards_no_check_is_stale(pair, portal, release):
    sharing, codes = portal.open(), []
    releasing = threading.Thread(target=lambda: codes.append(release()))
    releasing.start()
    while releasing.is_alive():
        give(sharing)
        assert sharing.can(BEN, Permission.VIEW, CT)
        take(sharing)
        assert not sharing.can(BEN, Permission.VIEW, CT)
    assert codes == [0]
    assert setting_at(pair) == ""
    pair.standby.configure(recovery_min_apply_delay="2s")
    for _ in range(5):
        give(sharing)
        assert sharing.can(BEN, Permission.VIEW, CT)
        take(sharing)
        assert not sharing.can(BEN, Permission.VIEW, CT)


def test_a_standby_that_is_cut_off_is_released_too(portal, release, monkeypatch, capsys):
    monkeypatch.setattr(release_standby, "WAIT", 0.1)
    with with_receiver_stopped(portal):
        assert release("--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["released"], found["synchronous_standby_names"]) == ("standby", "")


def test_the_address_of_a_standby_is_refused(pair, release, capsys):
    # The last address counts.
    assert release("--primary", pair.standby.url) == 2
    assert "is the address of a standby: give that of the primary" in capsys.readouterr().err
    assert setting_at(pair) == "FIRST 1 (standby)"


def test_a_name_that_commits_do_not_wait_for_is_refused(pair, release, capsys):
    assert release(name="other") == 2
    assert """not in synchronous_standby_names = 'FIRST 1 ("standby")'""" in capsys.readouterr().err
    assert setting_at(pair) == "FIRST 1 (standby)"


def test_an_interrupt_leaves_commits_waiting(pair, release, monkeypatch, capsys):
    def interrupted(seconds):
        if seconds == release_standby.WAIT:
            raise KeyboardInterrupt

    monkeypatch.setattr(release_standby, "sleep", interrupted)
    monkeypatch.setattr(release_standby, "_setting", lambda _: settings.pop(0))
    settings = ["FIRST 1 (standby)", 'FIRST 1 ("standby", "exam_sharing_leaving")']
    assert release() == 130
    assert "commits still wait" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("setting", "letting_go", "left"),
    [
        ("a", 'FIRST 1 ("a", "exam_sharing_leaving")', ""),
        ("FIRST 2 (a, b)", 'FIRST 2 ("a", "b", "exam_sharing_leaving")', 'FIRST 1 ("b")'),
        ('ANY 2 (B, "A")', 'ANY 2 ("b", "A", "exam_sharing_leaving")', 'ANY 1 ("b")'),
        ('2 (a, "x, ""y""")', 'FIRST 2 ("a", "x, ""y""", "exam_sharing_leaving")', None),
        ("FIRST 1 (a, exam_sharing_leaving)", None, ""),
    ],
)
def test_commits_wait_as_before_until_nobody_reads_the_standby(setting, letting_go, left):
    waiting = Waiting.of(setting)
    if letting_go is not None:
        assert str(waiting.letting_go()) == letting_go
        assert not waiting.letting_go().for_all("a")
    if left is not None:
        assert str(waiting.without("a")) == left
