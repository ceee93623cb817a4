"""`exam-sharing check-store` checks a store against its laws, and reports which are broken."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import exam_sharing
from exam_sharing.cli import main
from exam_sharing.memory import MemoryStore
from exam_sharing.testing.laws import store_laws

MINE = """
import threading
import time
from pathlib import Path
from exam_sharing.memory import MemoryDirectory, MemoryStore
from exam_sharing.testing.laws import directory_laws, store_laws

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

class HangsInAPackage(MemoryStore):
    def batch_of(self, exam):
        import installed_driver
        return installed_driver.fetch(retries=9)

class Slow(MemoryStore):
    def holds(self, *asked):
        time.sleep(0.02)
        return super().holds(*asked)

def shows(self, text):
    return text in repr(self.__dict__)

def down(*asked, **options):
    raise ConnectionRefusedError("port 6379 of 10.0.0.7")

class Down(MemoryStore):
    is_down = True

    def __init__(self):
        super().__init__()
        if self.is_down:
            self.exams = self.uploads = self.grants = self.writer = self.access = self.audit = self
            self.outbox = self

    def __getattribute__(self, name):
        is_port = name != "is_down" and self.is_down and callable(getattr(MemoryStore, name, None))
        return down if is_port and not name.startswith("_") else super().__getattribute__(name)

    settle = claim = listed = requeue = down

class GoesDown(Down):
    is_down = False

    def batch_of(self, exam):
        GoesDown.is_down = True
        down()

class HangsInThreads(MemoryStore):
    def commit(self, changes):
        with self._lock:
            if threading.current_thread().name.endswith("(run)"):
                threading.Event().wait()
            return super().commit(changes)

def opened_directory(population):
    directory = MemoryDirectory(
        visible=population.visible, members_visible=population.members_visible
    )
    population.fill(directory)
    return directory

CONNECTED = threading.get_ident()

class OfOneThread(MemoryStore):
    def find(self, exams):
        if threading.get_ident() != CONNECTED:
            raise RuntimeError("this was connected in another thread")
        return super().find(exams)

LAWS = store_laws(MemoryStore, keeps_text=shows)[:3]
OF_DIRECTORIES = directory_laws(opened_directory)
NUMBER = 7
"""
HANGS_AT = MINE[: MINE.index("time.sleep(600)")].count("\n") + 1
FIND = "exams-are-read-back-unchanged"
BATCH = "a-batch-is-read-whole-and-newest-first"
GROWS = "a-batch-may-grow-until-it-is-sealed"
TIMES = "upload-times-keep-their-microseconds"
THREADS = "concurrent-acts-are-all-written"


@pytest.fixture(autouse=True)
def mine(tmp_path, monkeypatch):
    """A module that is not installed, in the folder in which the command is run."""
    (tmp_path / "my_portal_stores.py").write_text(MINE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    sys.modules.pop("my_portal_stores", None)


@pytest.fixture
def check(capsys):
    """Run the command on a store, and return the exit code, the output and the errors."""

    def run(store, *options):
        named = store if ":" in store else f"my_portal_stores:{store}"
        return main(["check-store", named, *options]), *capsys.readouterr()

    return run


def test_a_store_that_keeps_every_law_passes(check):
    code, out, _ = check("exam_sharing.memory:MemoryStore", "--examples", "2")
    laws = len(store_laws(MemoryStore))
    assert code == 0
    assert out.startswith(f"{laws} laws in ")
    assert f" seconds: {laws} kept, 0 broken\n" in out


@pytest.mark.parametrize(
    ("options", "needs", "law"),
    [
        ((), "transfer and events", "a-change-of-owner-is-recorded-also-of-an-unshared-exam"),
        ((), "share_record", "records-of-shares-are-read-back-unchanged"),
        (("--one-thread",), "several threads, so no --one-thread", THREADS),
    ],
)
def test_the_laws_that_were_not_asked_are_listed_with_what_they_need(check, options, needs, law):
    _, out, _ = check("MemoryStore", "--examples=2", *options)
    asked, _, others = out.partition("\n\nNOT ASKED: ")
    assert law not in asked
    number = int(others.partition(" laws, for which the store needs\n")[0])
    listed = re.search(rf"^  {needs}:\n((?:    .+\n)+)", others, re.MULTILINE)[1]
    assert f"    {law}\n" in listed
    _, out, _ = check("MemoryStore", "--examples=2", "--json", *options)
    not_asked = json.loads(out)["not_asked"]
    assert len(not_asked) == number == others.count("\n    ")
    if not options:
        assert {"law": law, "needs": needs.split(" and ")} in not_asked


def test_laws_chosen_by_name_or_of_a_directory_leave_no_law_of_a_store_unasked(check):
    _, out, _ = check("MemoryStore", "--law", FIND, "--json")
    assert json.loads(out)["not_asked"] == []
    _, out, _ = check("OF_DIRECTORIES", "--json")
    needs = {each["law"]: each["needs"] for each in json.loads(out)["not_asked"]}
    assert needs == {
        "every-answer-sees-every-change": ["change"],
        "every-answer-of-the-past-is-given-again": ["change"],
    }


def test_a_broken_law_is_reported_with_its_promise_and_problem(check):
    laws = ("--law", FIND, "--law", GROWS)
    code, out, _ = check("Forgets", *laws)
    assert code == 1
    assert ": 1 kept, 1 broken\n" in out
    assert f"BROKEN {FIND}\n  `find` returns the known exams as they were uploaded," in out
    assert "missing: [Exam(id=ExamId('first')" in out
    code, out, _ = check("Forgets", *laws, "--json")
    document = json.loads(out)
    assert (code, document["store"]) == (1, "my_portal_stores:Forgets")
    results = [(law["law"], law["kept"], law["problem"] is None) for law in document["laws"]]
    assert results == [(FIND, False, False), (GROWS, True, True)]
    assert all(law["promise"] and law["seconds"] >= 0 for law in document["laws"])


NOT_CHECKED = [
    ("open_nothing", "open_nothing cannot be checked: open_store returned NoneType"),
    ("open_badly", "checked: open_store raised OSError in my_portal_stores.py, line"),
    (
        "Down",
        "a store that answers nothing: it raised ConnectionRefusedError in my_portal_stores.py, l",
    ),
    ("takes", "cannot be checked: open_store must take no argument"),
    ("open_same", "cannot be checked: open_store must return a new, empty store on each call"),
    ("NUMBER", "my_portal_stores:NUMBER is neither a callable that opens a store, nor laws"),
    ("missing", "cannot be imported: module 'my_portal_stores' has no attribute 'missing'"),
    ("no_such_module_anywhere:x", "No module named 'no_such_module_anywhere'"),
    (":x", "STORE must be package.module:name\n"),
    ("x:", "STORE must be package.module:name\n"),
    ("./my_portal_stores:LAWS", "did you mean my_portal_stores:LAWS?\n"),
    ("my_portal_stores.py:LAWS", "did you mean my_portal_stores:LAWS?\n"),
    ("./portal/stores.py:LAWS", "did you mean portal.stores:LAWS?\n"),
    ("portal\\stores.py:LAWS", "did you mean portal.stores:LAWS?\n"),
    ("../my-stores.py:LAWS", "STORE must be package.module:name\n"),
    ("MemoryStore --examples=0", "examples must be a whole number from 1"),
    ("MemoryStore --timeout=0", "--timeout must be more than 0 seconds"),
    ("MemoryStore --timeout=-1", "--timeout must be more than 0 seconds"),
    ("MemoryStore --timeout=nan", "--timeout must be more than 0 seconds"),
    ("Forgets --law=no-such-law", "--law names no law of this store"),
    (f"MemoryStore --one-thread --law={THREADS}", "--law names no law of this store"),
    ("LAWS --one-thread", "--one-thread cannot be given, because my_portal_stores:LAWS is a"),
    ("LAWS --examples=25", "--examples cannot be given, because my_portal_stores:LAWS is a"),
    ("LAWS --examples=0 --one-thread", ": --one-thread and --examples cannot be given, because"),
]


@pytest.mark.parametrize(("line", "problem"), NOT_CHECKED, ids=[line for line, _ in NOT_CHECKED])
def test_what_cannot_be_checked_is_reported_in_one_line(check, line, problem):
    code, out, err = check(*line.split())
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert problem in err


BROKEN_MODULES = {
    "raise RuntimeError": "RuntimeError in my_broken_stores.py, line 1",
    "\n\ndef open(": "SyntaxError in my_broken_stores.py, line 3",
    "from exam_sharing.testing.laws import store_laws\nLAWS = store_laws(5)\n": (
        "StoreNotUsable in my_broken_stores.py, line 2"
    ),
}


@pytest.mark.parametrize("text", BROKEN_MODULES)
def test_a_module_that_cannot_be_imported_is_reported_with_its_line(check, text, tmp_path):
    (tmp_path / "my_broken_stores.py").write_text(text, encoding="utf-8")
    code, _, err = check("my_broken_stores:LAWS")
    assert code == 2
    assert f"cannot be imported: {BROKEN_MODULES[text]}" in err


def test_results_are_printed_before_a_store_that_can_no_longer_be_opened(check):
    code, out, err = check("Late")
    assert code == 2
    assert " laws in " in out
    assert "0 broken" in out
    assert "my_portal_stores:Late cannot be checked: open_store raised OSError" in err


def test_a_store_that_goes_down_is_not_usable_and_breaks_no_law(check):
    code, out, err = check("GoesDown")
    assert code == 2
    assert ": 1 kept, 0 broken\n" in out
    assert "GoesDown cannot be checked: open_store returned a store that answers nothing" in err
    assert err.count("\n") == 1


def test_a_slow_store_is_reported_as_slow(check):
    code, _, err = check("Slow", "--timeout=0.6", "--law=checks-and-lists-agree-after-random-acts")
    assert code == 2
    assert err.endswith(
        "checks-and-lists-agree-after-random-acts had not ended after 0.6 seconds; the store is "
        "slow and does not hang: allow more seconds with --timeout\n"
    )


def test_a_store_that_hangs_in_an_installed_package_is_reported_with_its_own_line(check, tmp_path):
    package = tmp_path / "site-packages" / "installed_driver.py"
    package.parent.mkdir()
    package.write_text("import time\n\ndef fetch(retries):\n    time.sleep(600)\n")
    sys.path.append(str(package.parent))
    code, _, err = check("HangsInAPackage", "--timeout=2", "--law", BATCH)
    assert code == 2
    line = MINE[: MINE.index("installed_driver.fetch")].count("\n") + 1
    assert err.endswith(f"seconds; the store stands in my_portal_stores.py, line {line}\n")


def test_a_store_that_hangs_is_reported_with_the_law_and_the_line_after_the_results(check):
    code, out, err = check("Hangs", "--timeout", "2")
    assert code == 2
    assert "1 law in " in out
    assert ": 1 kept, 0 broken\n" in out
    assert err == (
        f"exam-sharing: my_portal_stores:Hangs cannot be checked: {BATCH} had not ended after "
        f"2 seconds; the store stands in my_portal_stores.py, line {HANGS_AT}\n"
    )
    code, out, err = check("Hangs", "--timeout=2", "--law", BATCH, "--json")
    assert (code, out, err.count("\n")) == (2, "", 1)


def test_a_store_that_hangs_in_a_thread_of_a_law_is_reported_with_its_line(check):
    code, _, err = check("HangsInThreads", "--law", THREADS, "--timeout=2")
    assert code == 2
    assert "seconds; the store stands in my_portal_stores.py, line " in err


def test_a_store_is_imported_opened_and_checked_in_one_thread(check):
    code, out, _ = check("OfOneThread", "--law", FIND, "--law", TIMES)
    assert code == 0
    assert ": 2 kept, 0 broken\n" in out


def as_a_program(*options):
    command = [sys.executable, "-m", "exam_sharing", "check-store", *options]
    env = {**os.environ, "PYTHONPATH": str(Path(exam_sharing.__file__).parents[1])}
    return {"args": command, "text": True, "env": env}


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot interrupt another there")
def test_after_an_interrupt_the_results_and_the_law_are_printed(tmp_path):
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


def test_laws_with_the_same_problem_are_reported_together(check):
    _, out, _ = check("Refuses", "--one-thread", "--examples", "2", "--json")
    laws = json.loads(out)["laws"]
    broken = [law["law"] for law in laws if law["problem"] == "raised NotImplementedError"]
    assert len(broken) > 20
    code, out, _ = check("Refuses", "--one-thread", "--examples", "2")
    assert code == 1
    alike = "\n".join(f"BROKEN {name}" for name in broken)
    assert f"\n\n{alike}\n  raised NotImplementedError\n" in out
    blocks = out.partition("\n\nNOT ASKED")[0].split("\n\n")[1:]
    causes = {law["problem"] for law in laws if not law["kept"]}
    assert len(blocks) == len(causes) < 10


def test_the_progress_is_shown_at_a_terminal(check, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    code, out, shown = check("LAWS")
    assert code == 0
    assert out.startswith("3 laws in ")
    assert f"1 of 3: {FIND}" in shown
    assert "3 of 3: " in shown
    assert shown.endswith("\r")


def test_a_program_finds_a_module_in_its_folder():
    run = subprocess.run(**as_a_program("my_portal_stores:LAWS"), capture_output=True, check=True)
    assert run.stdout.startswith("3 laws in ")
    assert run.stderr == ""
