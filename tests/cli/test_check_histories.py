"""`exam-sharing check-histories` tries every small history of a store or of a portal."""

import json
import sys

import pytest

from exam_sharing.cli import main

MINE = """
from exam_sharing.memory import MemoryStore
from exam_sharing.testing.cases import in_memory

class LetsViewersDownload(MemoryStore):
    def holds(self, user, principals, permission, exam, now):
        return super().holds(user, principals, type(permission).VIEW, exam, now)

def open_portal(given):
    return in_memory(given)

def open_nothing():
    return None

NUMBER = 7
"""


@pytest.fixture
def check(tmp_path, monkeypatch, capsys):
    """Run the command on something of a module in the folder; return exit code, output, errors."""
    (tmp_path / "my_portal_histories.py").write_text(MINE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield lambda name, *options: (
        main(["check-histories", f"my_portal_histories:{name}", "--acts", "1", *options]),
        *capsys.readouterr(),
    )
    sys.modules.pop("my_portal_histories", None)


@pytest.mark.parametrize("given", [("MemoryStore",), ("open_portal", "--portal")])
def test_what_keeps_the_rules_passes(check, given):
    code, out, err = check(*given)
    assert (code, err) == (0, "")
    assert out.startswith("30 histories in ")
    assert out.endswith(
        ", and 210 acts that were refused or did nothing; "
        "all histories of up to 1 act keep the rules\n"
    )


def test_what_breaks_the_rules_is_told_as_a_story(check):
    code, out, _ = check("LetsViewersDownload")
    assert code == 1
    assert "anna shares ct with ben for VIEW.\n\nChecks" in out
    code, out, _ = check("LetsViewersDownload", "--json")
    assert code == 1
    assert "anna shares ct" in json.loads(out)["broken"]


def test_the_result_can_be_a_document(check):
    code, out, _ = check("MemoryStore", "--json", "--seconds", "600")
    found = json.loads(out)
    assert code == 0
    assert (found["acts"], found["histories"], found["ended"]) == (1, 30, 210)
    assert found["broken"] is None


def test_processes_share_the_work(check):
    code, out, _ = check("MemoryStore", "--processes", "2")
    assert code == 0
    assert out.startswith("30 histories in ")


@pytest.mark.parametrize(
    ("named", "problem"),
    [
        ("open_nothing", "cannot be checked: open_store returned NoneType"),
        ("NUMBER", "cannot be called"),
        ("missing", "cannot be imported"),
    ],
)
def test_what_cannot_be_checked_is_reported(check, named, problem):
    code, out, err = check(named)
    assert (code, out) == (2, "")
    assert problem in err


@pytest.mark.parametrize("wrong", [("--acts", "0"), ("--processes", "0"), ("--seconds", "0")])
def test_wrong_numbers_are_reported(check, wrong):
    code, _, err = check("MemoryStore", *wrong)
    assert code == 2
    assert wrong[0].strip("-") in err


def test_the_progress_and_the_time_left_are_shown_at_a_terminal(check, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    code, _, shown = check("MemoryStore", "--acts", "2", "--seconds", "600")
    assert code == 0
    assert "act 1: 5 of 5 histories tried with one more act, about 0:0" in shown
    assert "act 2: 30 of 30 histories tried with one more act, about 0:00:00 left" in shown
    assert shown.endswith("\r")
