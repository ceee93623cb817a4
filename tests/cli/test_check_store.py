"""`exam-sharing check-store` asks the laws of a store, and tells which are broken."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

import exam_sharing
from exam_sharing.cli import commands, main
from exam_sharing.memory import MemoryStore
from exam_sharing.testing.laws import store_laws

MINE = """
import threading
import time
from pathlib import Path
from exam_sharing.memory import MemoryStore
from exam_sharing.testing.laws import store_laws

SAME = MemoryStore()

class Forgets(MemoryStore):
    def find(self, exams):
        return ()

class Refuses(MemoryStore):
    def commit(self, changes):
        raise NotImplementedError

def open_nothing():
    return None

def open_badly():
    raise OSError("the server is down")

def open_same():
    return SAME

class Late:
    opened = 0

    def __new__(cls):
        Late.opened += 1
        if Late.opened > 6:
            raise OSError("the server is down")
        return MemoryStore()

def takes(url):
    return MemoryStore()

class Hangs(MemoryStore):
    def batch_of(self, exam):
        Path("hangs").touch()
        return self.wait(lambda: time.sleep(600))

    def wait(self, how):
        return how()

class HangsInThreads(MemoryStore):
    def commit(self, changes):
        with self._lock:
            if threading.current_thread().name.endswith("(run)"):
                threading.Event().wait()
            return super().commit(changes)

CONNECTED = threading.get_ident()

class OfOneThread(MemoryStore):
    def find(self, exams):
        if threading.get_ident() != CONNECTED:
            raise RuntimeError("this was connected in another thread")
        return super().find(exams)

LAWS = store_laws(MemoryStore)[:3]
NUMBER = 7
"""
HANGS_AT = MINE[: MINE.index("time.sleep(600)")].count("\n") + 1
FIND = "exams-are-read-back-unchanged"
BATCH = "a-batch-is-read-whole-and-newest-first"
ONCE = "one-concurrent-upload-of-an-exam-is-recorded"
TIMES = "upload-times-keep-their-microseconds"


@pytest.fixture(autouse=True)
def mine(tmp_path, monkeypatch):
    """A module that is not installed, in the folder in which the command is run."""
    (tmp_path / "my_portal_stores.py").write_text(MINE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    sys.modules.pop("my_portal_stores", None)


def check(store, *options):
    return main(["check-store", f"my_portal_stores:{store}", *options])


def test_a_store_that_keeps_every_law_ends_the_command_well(capsys):
    assert main(["check-store", "exam_sharing.memory:MemoryStore", "--examples", "2"]) == 0
    printed = capsys.readouterr().out
    laws = len(store_laws(MemoryStore))
    assert printed.startswith(f"{laws} laws in ")
    assert printed.endswith(f" seconds: {laws} kept, 0 broken\n")


def test_stores_in_databases_are_checked_as_any_other(new_store, monkeypatch, capsys):
    """All laws are asked of them in `testing/test_laws.py`."""
    monkeypatch.setitem(sys.modules, "clinic", SimpleNamespace(open_store=new_store))
    some = [f"--law={name}" for name in (FIND, TIMES, ONCE)]
    assert main(["check-store", "clinic:open_store", "--examples=2", *some]) == 0
    assert ": 3 kept, 0 broken\n" in capsys.readouterr().out


def test_a_broken_law_is_told_with_its_promise_and_what_came(capsys):
    assert check("Forgets", "--law", FIND, "--law", "a-batch-may-grow-until-it-is-sealed") == 1
    printed = capsys.readouterr().out
    assert ": 1 kept, 1 broken\n" in printed
    assert f"BROKEN {FIND}\n  `find` returns the known exams as they were uploaded," in printed
    assert "missing: [Exam(id=ExamId('first')" in printed


def test_for_machines_every_law_says_whether_it_was_kept(capsys):
    assert (
        check("Forgets", "--law", FIND, "--law", "a-batch-may-grow-until-it-is-sealed", "--json")
        == 1
    )
    document = json.loads(capsys.readouterr().out)
    assert document["store"] == "my_portal_stores:Forgets"
    assert [(law["law"], law["kept"]) for law in document["laws"]] == [
        (FIND, False),
        ("a-batch-may-grow-until-it-is-sealed", True),
    ]
    assert [law["problem"] is None for law in document["laws"]] == [False, True]
    assert all(law["promise"] and law["seconds"] >= 0 for law in document["laws"])


@pytest.mark.parametrize(
    ("store", "said"),
    [
        ("open_nothing", "cannot be checked: open_store gave NoneType"),
        ("open_badly", "cannot be checked: open_store raised OSError in my_portal_stores.py, line"),
        ("takes", "cannot be checked: open_store must take no argument"),
        ("open_same", "cannot be checked: open_store must give an empty store each time"),
        ("NUMBER", "is neither a callable that opens a store, nor laws"),
        ("missing", "cannot be imported: module 'my_portal_stores' has no attribute 'missing'"),
    ],
)
def test_what_cannot_be_checked_is_told_apart_from_a_broken_law(store, said, capsys):
    assert check(store) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert f"my_portal_stores:{store} {said}" in told.err
    assert told.err.count("\n") == 1


def test_examples_are_at_least_one(capsys):
    assert check("MemoryStore", "--examples", "0") == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "examples must be a whole number from 1" in told.err


def test_what_was_asked_before_a_store_could_no_longer_be_opened_is_told(capsys):
    assert check("Late") == 2
    told = capsys.readouterr()
    assert " laws in " in told.out
    assert "0 broken" in told.out
    assert "my_portal_stores:Late cannot be checked: open_store raised OSError" in told.err


def test_a_store_that_hangs_is_told_with_the_law_and_its_line_after_what_was_asked_before(capsys):
    assert check("Hangs", "--timeout", "0.5") == 2
    told = capsys.readouterr()
    assert "1 law in " in told.out
    assert ": 1 kept, 0 broken\n" in told.out
    assert told.err == (
        f"exam-sharing: my_portal_stores:Hangs cannot be checked: {BATCH} had not ended after "
        f"0.5 seconds; the store stands in my_portal_stores.py, line {HANGS_AT}\n"
    )


def test_a_store_that_hangs_at_the_first_law_tells_of_no_law_before(capsys):
    assert check("Hangs", "--timeout=0.5", "--law", BATCH, "--json") == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1


def test_a_store_that_hangs_in_a_thread_that_a_law_started_is_told_with_its_line(capsys):
    assert (
        check(
            "HangsInThreads",
            "--law",
            "concurrent-acts-are-all-written",
            "--timeout=0.5",
        )
        == 2
    )
    assert "seconds; the store stands in my_portal_stores.py, line " in capsys.readouterr().err


def test_a_store_is_imported_opened_and_asked_in_one_thread(capsys):
    assert check("OfOneThread", "--law", FIND, "--law", TIMES) == 0
    assert ": 2 kept, 0 broken\n" in capsys.readouterr().out


@pytest.mark.parametrize("seconds", ["0", "-1", "nan"])
def test_a_law_is_given_some_time(seconds, capsys):
    assert check("MemoryStore", f"--timeout={seconds}") == 2
    assert "--timeout must be more than 0 seconds" in capsys.readouterr().err


def as_a_program(*options):
    command = [sys.executable, "-m", "exam_sharing", "check-store", *options]
    env = {**os.environ, "PYTHONPATH": str(Path(exam_sharing.__file__).parents[1])}
    return {"args": command, "text": True, "env": env}


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot interrupt another there")
def test_who_interrupts_is_told_what_is_known_so_far_and_in_which_law(tmp_path):
    with subprocess.Popen(
        **as_a_program("my_portal_stores:Hangs"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as run:
        while not (tmp_path / "hangs").exists():
            time.sleep(0.01)
        time.sleep(0.5)
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=30)
    assert run.returncode == 130
    assert ": 1 kept, 0 broken\n" in out
    assert err == f"exam-sharing: interrupted in {BATCH}\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("raise RuntimeError", "cannot be imported: RuntimeError in my_broken_stores.py, line 1"),
        ("\n\ndef open(", "cannot be imported: SyntaxError in my_broken_stores.py, line 3"),
    ],
)
def test_a_module_that_cannot_be_imported_is_told_with_its_line(text, told, tmp_path, capsys):
    (tmp_path / "my_broken_stores.py").write_text(text, encoding="utf-8")
    assert main(["check-store", "my_broken_stores:open_store"]) == 2
    assert told in capsys.readouterr().err


def test_laws_that_fail_alike_are_told_together(capsys):
    assert check("Refuses", "--one-thread", "--examples", "2", "--json") == 1
    laws = json.loads(capsys.readouterr().out)["laws"]
    broken = [law["law"] for law in laws if law["problem"] == "raised NotImplementedError"]
    assert len(broken) > 20
    assert check("Refuses", "--one-thread", "--examples", "2") == 1
    printed = capsys.readouterr().out
    alike = "\n".join(f"BROKEN {name}" for name in broken)
    assert f"\n\n{alike}\n  raised NotImplementedError\n" in printed
    blocks = printed.split("\n\n")[1:]
    causes = {law["problem"] for law in laws if not law["kept"]}
    assert len(blocks) == len(causes) < 10


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--one-thread"], "--one-thread"),
        (["--examples", "25"], "--examples"),
        (["--examples", "0", "--one-thread"], "--one-thread and --examples"),
    ],
)
def test_what_says_how_laws_are_made_is_refused_where_they_are_made_already(options, said, capsys):
    assert check("LAWS", *options) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert f"{said} cannot be given, because my_portal_stores:LAWS is a sequence" in told.err
    assert told.err.count("\n") == 1


def test_laws_that_cannot_be_made_are_no_laws_to_import(tmp_path, capsys):
    text = "from exam_sharing.testing.laws import store_laws\nLAWS = store_laws(5)\n"
    (tmp_path / "my_broken_stores.py").write_text(text, encoding="utf-8")
    assert main(["check-store", "my_broken_stores:LAWS"]) == 2
    assert "cannot be imported: StoreNotUsable in my_broken_stores.py, line 2" in (
        capsys.readouterr().err
    )


def test_one_law_is_no_laws(capsys):
    assert check("MemoryStore", "--law", FIND) == 0
    assert capsys.readouterr().out.startswith("1 law in ")


@pytest.mark.parametrize("named", ["no_such_module_anywhere:x", "my_portal_stores", ":x", "x:"])
def test_a_store_that_is_not_there_is_told_in_a_line(named, capsys):
    assert main(["check-store", named]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("named", "meant"),
    [
        ("./my_portal_stores:LAWS", "my_portal_stores:LAWS"),
        ("my_portal_stores.py:LAWS", "my_portal_stores:LAWS"),
        ("./portal/stores.py:LAWS", "portal.stores:LAWS"),
        ("portal\\stores.py:LAWS", "portal.stores:LAWS"),
    ],
)
def test_a_path_in_place_of_a_module_is_told_which_module_may_be_meant(named, meant, capsys):
    assert main(["check-store", named]) == 2
    told = capsys.readouterr().err
    assert told.endswith(f"; did you mean {meant}?\n")
    assert told.count("\n") == 1


def test_a_path_that_leads_to_no_module_is_told_what_is_needed(capsys):
    assert main(["check-store", "../my-stores.py:LAWS"]) == 2
    assert capsys.readouterr().err.endswith("STORE must be package.module:name\n")


def test_laws_that_are_made_already_can_be_named(capsys):
    assert check("LAWS") == 0
    assert capsys.readouterr().out.startswith("3 laws in ")


def test_a_law_that_does_not_exist_is_told(capsys):
    assert check("Forgets", "--law", "no-such-law") == 2
    assert "--law names no law of this store" in capsys.readouterr().err


def test_laws_about_several_threads_can_be_left_out(capsys):
    assert check("MemoryStore", "--one-thread", "--law", "concurrent-acts-are-all-written") == 2
    assert check("MemoryStore", "--law", "concurrent-acts-are-all-written") == 0


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_person_at_a_terminal_sees_how_far_it_has_come(monkeypatch, capsys):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert check("LAWS") == 0
    shown = terminal.getvalue()
    assert f"1 of 3: {FIND}" in shown
    assert "3 of 3: " in shown
    assert shown.endswith("\r")


def test_without_the_extra_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(commands, "find_spec", lambda package: None)
    assert check("LAWS") == 1
    assert 'hypothesis is not installed; run: python -m pip install "exam-sharing[testing]"' in (
        capsys.readouterr().err
    )


def test_it_finds_a_module_beside_it_when_run_as_a_program():
    run = subprocess.run(**as_a_program("my_portal_stores:LAWS"), capture_output=True, check=True)
    assert run.stdout.startswith("3 laws in ")
    assert run.stderr == ""
