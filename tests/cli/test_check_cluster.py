"""`exam-sharing check-store --primary URL --standby URL`: whether a cluster is safe."""

import json

import pytest
import sqlalchemy as sa

from exam_sharing.cli import check_cluster, main

LAW = ["--law", "the-next-question-sees-a-commit"]


@pytest.fixture
def run(pair, capsys, monkeypatch):
    monkeypatch.setattr(check_cluster, "_ROUNDS", 10)

    def run(*options, swapped=False):
        urls = [pair.primary.url, pair.standby.url]
        primary, standby = reversed(urls) if swapped else urls
        code = main(["check-store", "--primary", primary, "--standby", standby, *options])
        return code, capsys.readouterr().out

    return run


def test_a_safe_cluster_keeps_the_laws_over_both_servers(pair, run):
    code, out = run(*LAW)
    assert code == 0
    assert out.startswith("SAFE: the standby may answer checks\n")
    assert "NOT" not in out
    assert "  0 of 20 first checks after an act were stale; the standby answered" in out
    assert "1 law in" in out
    assert "1 kept, 0 broken" in out
    engine = sa.create_engine(pair.primary.url)
    assert sa.inspect(engine).get_table_names() == []
    engine.dispose()


def test_the_document_says_the_same(run):
    code, out = run(*LAW, "--json")
    found = json.loads(out)
    assert code == 0
    assert found["cluster"]["safe"] is True
    assert found["cluster"]["first"]["stale"] == 0
    assert found["cluster"]["first"]["on_standby"] >= 16
    assert [each["kept"] for each in found["laws"]] == [True]


def test_a_setting_that_is_not_safe_is_named(pair, run):
    pair.wait_for("FIRST 1 (standby, other)")
    code, out = run()
    assert code == 1
    assert out.startswith("NOT SAFE: the standby must not answer checks\n")
    assert [line.split()[1] for line in out.splitlines() if line.startswith("  NOT ")] == [
        "synchronous_standby_names"
    ]
    assert json.loads(run("--json")[1])["cluster"]["safe"] is False


def test_writers_that_do_not_wait_by_default_are_mentioned(pair, run):
    pair.primary.configure(synchronous_commit="on")
    assert "What your own tables hold is read on the primary" in run(*LAW)[1]


def test_swapped_servers_are_reported(run):
    code, out = run(swapped=True)
    assert code == 1
    assert "the two are swapped" in out
    assert "synchronous_standby_names" not in out


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ([], "STORE must be given, or --primary and --standby instead"),
        (["--primary", "postgresql://a/b"], "--primary and --standby must be given together"),
        (["my:store", "--primary", "a", "--standby", "b"], "STORE cannot be given with --primary"),
        (["--primary", "secret", "--standby", "b"], "--primary must be postgresql+psycopg://"),
        (["--primary", "sqlite:///secret", "--standby", "b"], "--primary must be postgresql"),
    ],
)
def test_what_cannot_be_a_cluster_is_refused(options, problem, capsys):
    assert main(["check-store", *options]) == 2
    shown = capsys.readouterr().err
    assert problem in shown
    assert "secret" not in shown


def test_a_server_that_does_not_answer_is_named_without_its_password(capsys):
    nowhere = "postgresql://me:secret@/portal?host=/nowhere"
    assert main(["check-store", "--primary", nowhere, "--standby", nowhere]) == 3
    shown = capsys.readouterr().err
    assert "the database 'portal' on /nowhere" in shown
    assert "secret" not in shown
