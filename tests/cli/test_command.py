"""The command's manners: help, exit codes, errors in one line, and output of every kind."""

import io
import json
import os
import subprocess
import sys
from contextlib import suppress

import pytest

from exam_sharing import ReasonCode
from exam_sharing.cli import main
from exam_sharing.cli.printing import Line, let_go, spell_out
from exam_sharing.policy.ending import ENDING_RULES
from exam_sharing.policy.share import SHARE_RULES

PROGRAM = (sys.executable, "-m", "exam_sharing")


def run(*arguments, encoding="utf-8"):
    return subprocess.run(
        [*PROGRAM, *arguments],
        check=False,
        capture_output=True,
        encoding=encoding,
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
        timeout=120,
    )


def test_the_help_of_the_tour_states_what_it_shows_of_patients(capsys):
    assert main(["tour", "--help"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "never the name or the id of a patient" in told
    assert "--no-details leaves them out" in told


def test_the_version_is_printed(capsys):
    assert main(["--version"]) == 0
    name, version = capsys.readouterr().out.split()
    assert name == "exam-sharing"
    assert version[0].isdigit()


def test_no_command_is_a_usage_error_with_the_help(capsys):
    assert main([]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "exam-sharing rules" in told.err


def test_python_m_runs_it():
    done = run("rules", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert run("nothing").returncode == 2


@pytest.mark.parametrize(
    ("gone", "line", "told"),
    [
        ("rich", "tour", 'rich is not installed; run: python -m pip install "exam-sharing[cli'),
        ("rich", "rules", "rich is not installed"),
        ("rich", "people", "rich is not installed"),
        ("sqlalchemy", "people --json", "sqlalchemy is not installed"),
        ("pydicom", "tour --json", 'pydicom is not installed; run: python -m pip install "'),
        ("pydicom rich", "tour", "pydicom and rich are not installed"),
        ("pydicom rich", "tour", '"exam-sharing[cli,dicom]"'),
        ("hypothesis", "check-store a:b", 'python -m pip install "exam-sharing[testing]"'),
        ("psycopg", "people --db postgresql://h/d", 'python -m pip install "psycopg[binary]"'),
    ],
)
def test_a_missing_extra_is_reported_with_the_command_to_install_it(
    monkeypatch, capsys, gone, line, told
):
    for package in gone.split():
        monkeypatch.setitem(sys.modules, package, None)
    assert main(line.split()) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("exam-sharing: ")
    assert captured.err.count("\n") == 1
    assert told in captured.err


def test_the_document_of_rules_needs_no_extra(monkeypatch, capsys):
    for package in ("rich", "pydicom"):
        monkeypatch.setitem(sys.modules, package, None)
    assert main(["rules", "--json"]) == 0
    assert capsys.readouterr().err == ""


def test_a_pipe_gets_no_colour():
    pytest.importorskip("rich")
    assert "\x1b" not in run("rules").stdout


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("no_colour", [True, False])
def test_a_terminal_gets_colour_unless_no_color_is_set(monkeypatch, no_colour):
    pytest.importorskip("rich")
    import pty

    ours, theirs = pty.openpty()
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_colour:
        monkeypatch.setenv("NO_COLOR", "1")
    with subprocess.Popen([*PROGRAM, "rules"], stdout=theirs) as process:
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # it means that the pseudo-terminal was closed
            while part := os.read(ours, 65_536):
                shown += part
    os.close(ours)
    assert process.returncode == 0
    assert (b"\x1b[1;36m" in shown) is not no_colour


class Failing(io.StringIO):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def write(self, _):
        raise self.error


@pytest.mark.parametrize(
    ("error", "line", "code", "told"),
    [
        (BrokenPipeError(), "rules --json", 0, ""),
        (BrokenPipeError(), "rules", 0, ""),
        (OSError(28, "Disk full"), "rules --json", 1, "exam-sharing: Disk full\n"),
        (KeyboardInterrupt(), "rules --json", 130, ""),
    ],
    ids=["a reader that left", "and rich", "a full disk", "an interrupt"],
)
def test_output_that_cannot_be_written_is_no_bug(monkeypatch, capsys, error, line, code, told):
    pytest.importorskip("rich")
    monkeypatch.setattr(sys, "stdout", Failing(error))
    assert main(line.split()) == code
    assert capsys.readouterr().err == told


@pytest.mark.parametrize("arguments", [("rules",), ("tour",), ("tour", "--json")])
def test_a_reader_of_the_first_lines_gets_no_error(arguments):
    pytest.importorskip("rich")
    pytest.importorskip("pydicom")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([*PROGRAM, *arguments], **pipes) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_standard_output_may_be_missing(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["rules", "--json"]) == 0


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_letters_that_the_encoding_lacks_are_replaced(encoding):
    pytest.importorskip("rich")
    pytest.importorskip("pydicom")
    done = run("tour", encoding=encoding)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Tomasz Lukasik" in done.stdout
    assert "?" not in done.stdout.replace("? Preview", "").replace("exam 1?", "").replace(
        "clinic?", ""
    )


def test_a_letter_without_a_similar_one_becomes_a_question_mark():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    spell_out(stream)
    stream.write("Łódź → 医")
    stream.flush()
    assert raw.getvalue() == b"Lodz > ?"


def test_replacement_is_only_for_writing():
    spell_out(io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("ascii", "exam_sharing.spelled")


def test_a_stream_that_needs_no_replacement_is_left_alone():
    for stream in (None, io.StringIO(), io.TextIOWrapper(io.BytesIO(), encoding="utf-8")):
        spell_out(stream)
        let_go(stream)


def test_buffered_output_can_be_dropped(tmp_path):
    with (tmp_path / "file").open("w") as stream:
        stream.write("held")
        let_go(stream)
    assert (tmp_path / "file").read_text() == ""


def test_progress_overwrites_one_line_and_wipes_it_at_the_end(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    line = Line(sys.stderr)
    for shown in ("50 %", "50 %", "100 %", ""):
        line.show(shown)
    assert capsys.readouterr().err == "\r50 %\r100 %\r     \r"


@pytest.mark.parametrize("stream", [io.StringIO(), None])
def test_progress_is_shown_only_on_a_terminal(stream):
    Line(stream).show("50 %")
    assert not stream or stream.getvalue() == ""


def test_the_document_has_the_rules_of_the_table_in_its_order(capsys):
    assert main(["rules", "--json"]) == 0
    rules = json.loads(capsys.readouterr().out)["rules"]
    table = (*SHARE_RULES, *ENDING_RULES)
    assert [rule["code"] for rule in rules] == [rule.code.value for rule in table]
    assert [rule["statement"] for rule in rules] == [rule.statement for rule in table]
    assert all(rule["remedy"] for rule in rules)
    unshare = [rule["code"] for rule in rules if rule["act"] == "unshare"]
    assert unshare == [rule.code.value for rule in ENDING_RULES]


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_every_rule_is_printed(capsys, monkeypatch, columns):
    pytest.importorskip("rich")
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["rules"]) == 0
    printed = capsys.readouterr().out
    for code in ReasonCode:
        assert code.value in printed
    assert "Sharing is refused when" in printed
    assert "Unsharing and narrowing are refused when" in printed
    assert max(map(len, printed.splitlines())) <= min(columns, 100)
