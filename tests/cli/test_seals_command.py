"""Seals from a shell: closing records, exporting a seal, and naming what was edited."""

import json
import sqlite3

import pytest

pytest.importorskip("rich")
pytest.importorskip("sqlalchemy")
pytest.importorskip("pydicom")

SHARE = "share cd-1 --as anna --confirm-hipaa --with"


def edit(statement):
    with sqlite3.connect("exam-sharing.db") as connection:
        connection.execute(statement)
    connection.close()


def test_an_untouched_trail_is_whole(clinic):
    clinic("seal")
    clinic(f"{SHARE} ben")
    assert "1 record not sealed yet" in clinic("verify").text
    sealed = clinic("seal --export seal.json")
    assert "seal 2 of " in sealed.text
    assert "events up to 1" in sealed.text
    told = clinic("verify --trusted seal.json").text
    assert told.endswith("records and the 2 rows that they name are as they were written")
    assert "without --trusted" in clinic("verify").text


def test_documents_hold_the_seal_and_the_verification(clinic):
    clinic(f"{SHARE} ben")
    sealed = clinic("seal --json").document
    assert sealed["kind"] == "sealed"
    assert sealed["seal"]["number"] == 1
    found = clinic("verify --json").document
    assert found["kind"] == "verified"
    assert found["last"] == sealed["seal"]
    kept = "whole", "first", "rows", "unsealed", "trusted"
    assert [found[each] for each in kept] == [True, None, 2, 0, None]
    assert found["records"] == found["sealed"] == sum(e["count"] for e in sealed["seal"]["logs"])


def test_an_edited_record_is_named(clinic):
    clinic(f"{SHARE} ben")
    clinic("seal --export seal.json")
    edit("UPDATE exam_sharing_grants SET recipient = 'u:carla'")
    told = clinic("verify --trusted seal.json", code=1).text
    assert told.startswith("✗ record of events 1: share '")
    assert told.endswith("was changed")
    first = clinic("verify --json", code=1).document["first"]
    assert (first["log"], first["number"], first["edit"]) == ("events", 1, "CHANGED")


def test_a_cut_tail_shows_against_an_exported_seal(clinic, tmp_path):
    folder = tmp_path / "seals"
    folder.mkdir()
    for _ in range(2):
        clinic(f"{SHARE} sam")
        clinic("unshare cd-1 --as anna --from sam")
        clinic("seal --export seals")
        clinic("seal --export seals")
    assert [each.name for each in sorted(folder.iterdir())] == ["seal-1.json", "seal-2.json"]
    for table in ("events", "seals"):
        edit(f"DELETE FROM exam_sharing_{table} WHERE number >= 2")  # noqa: S608  its own
    assert clinic("verify --trusted seals/seal-2.json", code=1).text == "✗ seal 2 was removed"


def test_a_seal_is_never_written_over_another_file(clinic, tmp_path):
    clinic(f"{SHARE} ben")
    (tmp_path / "seal.json").write_text("something else")
    told = clinic("seal --export seal.json", code=1)
    assert "not exported: there is another file at --export" in told.err
    assert (tmp_path / "seal.json").read_text() == "something else"
    assert "not exported" in clinic("seal --export nowhere/seal.json", code=1).err


@pytest.mark.parametrize("content", [None, "SECRET", "[]", "edited"])
def test_a_file_that_is_no_seal_is_refused_and_not_quoted(clinic, tmp_path, content):
    clinic(f"{SHARE} ben")
    if content == "edited":
        clinic("seal --export seal.json")
        seal = json.loads((tmp_path / "seal.json").read_text())
        content = json.dumps(seal | {"number": 7})
    if content is not None:
        (tmp_path / "trusted.json").write_text(content)
    told = clinic("verify --trusted trusted.json", code=2)
    assert "SECRET" not in told.err
    assert told.out == ""
