"""The commands about who looked: `accesses` and `disclosures`."""

import csv
from datetime import UTC, datetime, timedelta

import pytest

pytest.importorskip("rich")
pytest.importorskip("sqlalchemy")

import exam_sharing as es
from exam_sharing.adapters.sqlalchemy import open_sharing, sqlite_engine

CD = es.ExamId("cd-1")
BEN = es.UserId("ben")


@pytest.fixture
def looked(clinic):
    sharing = open_sharing(sqlite_engine("exam-sharing.db"))
    for purpose in ("LEGAL", "TREATMENT", "TREATMENT"):
        sharing.record_access(BEN, CD, es.Permission.VIEW, purpose, "viewer")
    sharing.admin.flush_accesses()
    return clinic


def test_accesses_lists_who_looked_and_how_often(looked):
    told = looked("accesses --exam cd-1").out
    assert "TREATMENT" in told
    page = looked("accesses --user ben --json").document["page"]
    assert {each["purpose"]: each["count"] for each in page["items"]} == {
        "LEGAL": 1,
        "TREATMENT": 2,
    }
    assert "Nobody looked." in looked("accesses --exam cd-2").out
    assert "--exam or --user must be given" in looked("accesses", code=2).err


def test_disclosures_lists_the_purposes_that_count(looked):
    told = looked("disclosures cd-1 --purpose LEGAL")
    assert "LEGAL" in told.out
    assert "TREATMENT" not in told.out
    (found,) = looked("disclosures cd-1 --purpose LEGAL --json").document["disclosures"]
    assert (found["user"], found["count"]) == ({"user": "ben"}, 1)
    assert "Nobody looked." in looked("disclosures cd-1 --purpose RESEARCH").out
    assert "--purpose" in looked("disclosures cd-1", code=2).err


def test_a_purge_in_the_history_has_no_words_of_the_host(looked):
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    sharing = open_sharing(sqlite_engine("exam-sharing.db"), clock=lambda: tomorrow)
    sharing.admin.purge_accesses(before=tomorrow, performed_by="archive", why="SECRET")
    assert "the host deletes accesses from before" in looked("history --exam cd-1").text
    document = looked("history --exam cd-1 --json")
    assert "AccessesPurged" in document.out
    assert "SECRET" not in document.out


def test_accesses_as_csv_has_all_pages_and_no_formulas(looked):
    sharing = open_sharing(sqlite_engine("exam-sharing.db"))
    sharing.record_access(es.UserId("=SUM(A1)"), CD, es.Permission.DOWNLOAD, origin='a, "b"')
    heads, *rows = csv.reader(looked("accesses --exam cd-1 --csv --limit 1").out.splitlines())
    assert heads[2:] == ["user", "exam", "permission", "purpose", "origin", "count"]
    assert sorted(row[2:] for row in rows) == [
        ["'=SUM(A1)", "cd-1", "DOWNLOAD", "", 'a, "b"', "1"],
        ["ben", "cd-1", "VIEW", "LEGAL", "viewer", "1"],
        ["ben", "cd-1", "VIEW", "TREATMENT", "viewer", "2"],
    ]
    (_, found) = looked("disclosures cd-1 --purpose LEGAL --csv").out.splitlines()
    assert found.endswith("+00:00,ben,cd-1,VIEW,LEGAL,,1")
    assert "--csv" in looked("accesses --exam cd-1 --csv --json", code=2).err


@pytest.mark.parametrize(
    ("origin", "cell"),
    [
        *((f"{sign}1+1", f"'{sign}1+1") for sign in "=+-@\uff1d\uff0b\uff0d\uff20"),
        ("a;=1+1;b;-2", "a;'=1+1;b;'-2"),
        ("a-1=0; =2", "a-1=0; =2"),
    ],
)
def test_no_cell_of_a_csv_begins_a_formula_whatever_separates_cells(looked, origin, cell):
    sharing = open_sharing(sqlite_engine("exam-sharing.db"))
    sharing.record_access(BEN, es.ExamId("cd-2"), es.Permission.VIEW, origin=origin)
    (_, row) = csv.reader(looked("accesses --exam cd-2 --csv").out.splitlines())
    assert row[-2] == cell
