"""What people type and what it means; none of it is repeated, and whatever was done is told."""

import io
import sqlite3
import subprocess
import sys
import time as clock
from argparse import ArgumentTypeError
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_sharing import GroupId, InvalidValue, StoreFailed, UserId
from exam_sharing.cli import COMMANDS, main
from exam_sharing.cli.parsing import principal, spelled, time
from exam_sharing.cli.words import local_time

MESSAGE = "Mrs. Doe, slice 40"
SHARE = ("share", "cd-1", "--as", "anna", "--with", "ben", "--confirm-hipaa")
RELAY = ("notices", "relay", "--smtp", "h:25", "--from", "a@x.example")
URLS = ("postgresql://a:Doe@h/d", "postgresql://a:a/Doe@h/d", "postgresql://h/d?password=Doe")
LINES = [
    (*SHARE, "--mesage", MESSAGE),
    (*SHARE, f"--mesage={MESSAGE}"),
    (*SHARE, "--batch", MESSAGE, "--until", MESSAGE),
    (*SHARE, f"--batch={MESSAGE}"),
    (*SHARE, "--message", f"--{MESSAGE}".replace(" ", "")),
    (*SHARE, "-m", MESSAGE),
    (*SHARE, f"-m{MESSAGE}"),
    (*SHARE, "--", MESSAGE),
    (*SHARE, "--with", f"{MESSAGE}\n"),
    ("share", MESSAGE, "--as", MESSAGE, "--with", "ben", "--confirm-hipaa"),
    (MESSAGE, *SHARE),
    (f"--{MESSAGE}", *SHARE),
    (f"--help={MESSAGE}", *SHARE),
    ("share", f"--help={MESSAGE}"),
    ("unshare", "cd-1", "--as", "anna", "--from", "ben", "--keep", "--restrict", MESSAGE),
    ("unshare", "cd-1", "--as", "anna", "--from", "ben", f"--keep={MESSAGE}"),
    ("can", "ben", MESSAGE, "cd-1"),
    ("can", MESSAGE, "view", "cd-1"),
    ("who-can", "cd-1", MESSAGE),
    ("who-can", "cd-1", "view", MESSAGE),
    ("shared-with", "ben", "--limit", MESSAGE),
    ("shared-with", "ben", "--after", MESSAGE),
    ("shared-with", MESSAGE),
    ("access", "cd-1", "--as", MESSAGE),
    ("add-user", "ben", MESSAGE, "--name", "Ben"),
    ("add-user", "ben", "--name", f"{MESSAGE}\0"),
    ("add-user", "ben", "--name", "Ben", "--email", MESSAGE),
    ("add-group", "ward", "--name", "Ward", "--member", MESSAGE),
    ("add-media", f"nowhere/{MESSAGE}", "--owner", "anna"),
    ("add-media", ".", "--owner", MESSAGE),
    ("tour", f"nowhere/{MESSAGE}"),
    ("tour", f"\0{MESSAGE}"),
    ("people", "--db", f"mysql://{MESSAGE}"),
    ("people", "--db", "mysql://portal:Doe@db.example/sharing"),
    ("people", "--db", "postgresql+pg8000://portal:Doe@db.example/sharing"),
    ("people", "--db", "postgresql://portal:Doe@db.example:port/sharing"),
    ("people", "--db", "sqlite:///clinic.db?password=Doe"),
    ("people", "--db", "://portal:Doe@db.example"),
    *((*place, url) for place in ((), ("people",), RELAY[:2]) for url in URLS),
    ("people", "--db", f"\0{MESSAGE}"),
    ("notices", MESSAGE),
    ("notices", "--after", MESSAGE),
    ("notices", "retry", "--all", MESSAGE),
    ("notices", "relay", "--smtp", MESSAGE, "--from", MESSAGE),
    ("notices", "relay", "--smtp", "h:25", "--from", MESSAGE),
    (*RELAY, "--security", MESSAGE),
    (*RELAY, "--login", "a", "--password-file", MESSAGE),
    (*RELAY, "--login", f"{MESSAGE}\n"),
    (*RELAY, "--login", "a", "--password-file", f"\0{MESSAGE}"),
    (*RELAY, "--ca-file", MESSAGE),
    (*RELAY, "--ca-file", f"\0{MESSAGE}"),
    ("notices", "relay", "--smtp", f"h:{'9' * 5_000}", "--from", "a@x.example"),
    (*RELAY, "--from-name", f"{MESSAGE}\n"),
    ("check-store", MESSAGE),
    ("check-store", f"json:{MESSAGE}"),
    ("check-store", "exam_sharing.memory:MemoryStore", "--law", MESSAGE),
    ("check-store", "exam_sharing.memory:MemoryStore", "--examples", MESSAGE),
    ("check-store", "exam_sharing.memory:MemoryStore", "--timeout", MESSAGE),
    ("check-store", "exam_sharing.memory:MemoryStore", MESSAGE),
]


@pytest.mark.parametrize("line", LINES, ids=range(len(LINES)))
def test_no_typed_text_is_repeated(clinic, line):
    told = clinic("", *line, code=None)
    assert told.code in {1, 2}
    assert told.err
    assert "a bug in the program" not in told.err
    for part in ("Doe", "slice", MESSAGE):
        assert part not in told.out + told.err


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ((*SHARE, "--mesage", "x"), "an option is unknown; did you mean --message?"),
        ((*SHARE, "--mess", "x"), "an option is unknown"),
        (("share", "cd-1", "x", *SHARE[2:]), "there are too many arguments"),
        (("shrae",), "must be one of tour, rules, init, "),
        (("shared-with", "ben", "--limit", "x"), "argument --limit: must be a whole number"),
        (("can", "ben", "x", "cd-1"), "argument PERMISSION: must be view or download"),
        (("access", "cd-1", "--as", "group:ward"), "argument --as: must be a user; a group cannot"),
        (("share", "cd-1"), "the following arguments are required: --as, --with"),
        ((*SHARE, "--until"), "argument --until: expected one argument"),
        ((*SHARE, "--batch=x"), "argument --batch: has a value that cannot be used"),
        (
            ("unshare", "cd-1", "--as", "anna", "--from", "ben", "--keep", "--cascade"),
            "argument --cascade: not allowed with argument --keep",
        ),
        (("notices", "relay", "--security", "x"), "must be one of starttls, tls, none"),
    ],
)
def test_usage_errors_explain_the_problem(shell, line, told):
    said = " ".join(shell("", *line, code=2).err.split())
    assert told in said
    assert said.startswith(f"usage: exam-sharing {line[0] if line[0] != 'shrae' else '[-h]'}")


def test_a_bug_is_reported_without_its_message(monkeypatch, capsys):
    rules = next(command for command in COMMANDS if command.name == "rules")
    monkeypatch.setattr(type(rules), "run", property(lambda _rules: fails), raising=False)

    def fails(arguments):
        raise LookupError(MESSAGE)

    assert main(["rules"]) == 1
    said = capsys.readouterr().err
    assert "LookupError in test_parsing.py, line " in said
    assert MESSAGE not in said


ACTS = [
    (SHARE, "the share was done"),
    ((*SHARE, "--json"), "the share was done"),
    (("add-user", "zoe", "--name", "Zoe"), "the directory was changed"),
    (("add-group", "all", "--name", "All", "--member", "ben"), "the directory was changed"),
    (("init",), "the tables are there"),
    (("notices", "retry", "--all"), "the notices wait again"),
    (("notices", "relay", "--smtp", "127.0.0.1:1", "--security", "none", "--from", "a@x.example"),
     "what was due was sent"),
]  # fmt: skip


class Full(io.StringIO):
    """A standard output on a disk that is full."""

    def flush(self):
        raise OSError(28, "No space left on device")


@pytest.fixture
def on_a_full_disk(clinic, monkeypatch):
    """Runs a command line in the clinic, whose output cannot be written."""

    def run(*line, code):
        with monkeypatch.context() as full:
            full.setattr(sys, "stdout", Full())
            return clinic("", *line, code=code).err

    return run


@pytest.mark.parametrize(("line", "done"), ACTS)
def test_an_act_that_cannot_be_printed_is_reported_as_done(on_a_full_disk, line, done):
    why = "but the result could not be printed: No space left on device"
    assert on_a_full_disk(*line, code=5) == f"exam-sharing: {done}, {why}\n"


def test_an_act_that_cannot_be_printed_is_done_once(clinic, on_a_full_disk):
    on_a_full_disk(*SHARE, code=5)
    told = on_a_full_disk("unshare", "cd-1", "--as", "anna", "--from", "ben", code=5)
    assert told.startswith("exam-sharing: the unsharing was done, but")
    assert "given by Anna Kovács (anna), but it ended" in clinic("can ben view cd-1", code=1).text


@pytest.mark.parametrize(
    "line", [(*SHARE, "--preview"), ("people",), ("access", "cd-1", "--as", "anna")]
)
def test_a_query_that_cannot_be_printed_reports_only_the_problem(on_a_full_disk, line):
    assert on_a_full_disk(*line, code=1) == "exam-sharing: No space left on device\n"


@pytest.mark.parametrize("raised", [KeyboardInterrupt, UnicodeError, RuntimeError])
def test_any_error_during_printing_reports_the_act_as_done(clinic, monkeypatch, raised):
    def fails(*_arguments):
        raise raised

    monkeypatch.setattr("exam_sharing.cli.words.Words.asked", fails)
    assert "the share was done, but" in clinic("", *SHARE, code=5).err


def test_a_database_that_fails_after_the_act_does_not_hide_the_act(clinic, monkeypatch):
    def fails(*_arguments):
        raise StoreFailed("the database failed")

    monkeypatch.setattr("exam_sharing.cli.commands._Names.__missing__", fails)
    told = clinic("", *SHARE, code=5)
    assert told.err.endswith("could not be printed: the database failed\n")


FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("errors_too", [False, True])
def test_a_share_printed_to_a_full_device_is_done(clinic, tmp_path, errors_too):
    with FULL.open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "exam_sharing", *SHARE],
            check=False,
            stdout=full,
            stderr=full if errors_too else subprocess.PIPE,
            cwd=tmp_path,
            timeout=120,
        )
    assert done.returncode == 5
    assert errors_too or done.stderr.startswith(b"exam-sharing: the share was done, but")
    assert "yes: given by Anna" in clinic("can ben view cd-1").text


@pytest.mark.parametrize("line", [SHARE, ("add-user", "zoe", "--name", "Zoe")])
def test_a_busy_database_is_reported_as_busy(clinic, tmp_path, monkeypatch, line):
    monkeypatch.setattr("exam_sharing.adapters.sqlalchemy.engines._PATIENCE", 0.1)
    other = sqlite3.connect(tmp_path / "exam-sharing.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        told = clinic("", *line, code=4)
    finally:
        other.close()
    assert "has kept the database locked" in told.err
    assert "is it there" not in told.err


@pytest.fixture
def berlin(monkeypatch):
    """The clock of this machine is one of Berlin."""
    if not hasattr(clock, "tzset"):
        pytest.skip("needs a time zone that can be set")
    monkeypatch.setenv("TZ", "Europe/Berlin")
    clock.tzset()
    yield
    monkeypatch.undo()
    clock.tzset()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("anna", UserId("anna")),
        ("user:anna", UserId("anna")),
        ("group:ward", GroupId("ward")),
        ("user:group:ward", UserId("group:ward")),
    ],
)
def test_a_bare_id_is_a_user(text, meant):
    assert principal(text) == meant


IDS = st.text(min_size=1, max_size=20) | st.sampled_from(["user:", "group:a", "user:group:b"])


@given(text=IDS, kind=st.sampled_from([UserId, GroupId]))
def test_printed_principals_can_be_typed_again(text, kind):
    try:
        somebody = kind(text)
    except InvalidValue:
        return
    assert principal(spelled(somebody)) == somebody


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("90m", timedelta(minutes=90)),
        ("12h", timedelta(hours=12)),
        ("30d", timedelta(days=30)),
        ("4w", timedelta(weeks=4)),
    ],
)
def test_a_duration_counts_from_the_next_minute(text, length):
    before = datetime.now(UTC)
    until = time(text)
    assert before + length < until <= datetime.now(UTC) + length + timedelta(minutes=1)
    assert until.second == until.microsecond == 0


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(
    ("text", "month", "hour"),
    [
        ("2030-06-01T18:00+02:00", 6, 16),
        ("2030-06-01 18:00Z", 6, 18),
        ("2030-06-01T18:00", 6, 16),
        ("2030-01-01T18:00", 1, 17),
    ],
)
def test_a_time_without_an_offset_is_local(text, month, hour):
    assert time(text) == datetime(2030, month, 1, hour, tzinfo=UTC)


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize("text", ["2030-03-31T02:30", "2030-10-27T02:30"])
def test_a_local_time_that_is_skipped_or_repeated_needs_an_offset(text):
    with pytest.raises(ArgumentTypeError, match="add the offset"):
        time(text)
    assert time(f"{text}+01:00").astimezone(UTC).hour == 1


@pytest.mark.usefixtures("berlin")
def test_printed_times_can_be_typed_again():
    told = datetime(2030, 6, 1, 16, 0, tzinfo=UTC)
    assert local_time(told) == "2030-06-01 18:00+02:00"
    assert time(local_time(told)) == told
    assert local_time(told + timedelta(seconds=1)) == "2030-06-01 18:00:01+02:00"
    # The last moment of the calendar has no local time here.
    assert local_time(datetime.max.replace(tzinfo=UTC)) == "9999-12-31 23:59:59+00:00"


INVALID_TIMES = (
    *("2030-06-01", "20300601", "2030-W10-1", "tomorrow", "", "30", "30y", "-1d", "1.5h", "0m"),
    *("0h", "0d", "000w", "9999999d", "99999999999999999999w", "9" * 5_000 + "d"),
    *("0001-01-01T00:00", "9999-12-31T23:59-14:00", "0001-01-01T00:00+14:00"),
)


@pytest.mark.parametrize("text", INVALID_TIMES, ids=range(len(INVALID_TIMES)))
def test_an_invalid_time_is_refused(text):
    with pytest.raises(ArgumentTypeError):
        time(text)
