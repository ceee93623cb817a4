"""The commands about the past: `history` and `who-could`."""

import pytest

pytest.importorskip("rich")
pytest.importorskip("sqlalchemy")

CONFIRMED = "--confirm-hipaa"


def test_history_and_who_could_answer_with_groups_as_they_were(clinic):
    clinic(f"share cd-1 --as anna --with group:nurses {CONFIRMED}")
    clinic("add-group nurses --name Nurses --member ben")

    told = clinic("history --exam cd-1 --json").document["page"]
    kinds = [each["kind"] for each in told["items"]]
    assert kinds[:2] == ["GroupChanged", "ExamShared"]
    shared = told["items"][1]["at"]

    then = clinic(f"who-could cd-1 {shared} --json").document["access"]
    assert [each["user"]["user"] for each in then["holders"]] == ["anna", "carla"]
    assert then["certain"]
    told = clinic(f"who-could cd-1 {shared}").text
    assert "given to Nurses (group:nurses) by Anna Kovács (anna)" in told
    assert "Ben (ben) joined" in clinic("history --exam cd-1").text
    assert "carla" in clinic("history --user carla --limit 1").text


def test_history_needs_an_exam_or_a_user(clinic):
    assert "--exam or --user must be given" in clinic("history", code=2).err


def test_a_page_of_history_ends_with_how_to_get_the_next(clinic):
    clinic(f"share cd-1 --as anna --with ben {CONFIRMED}")
    clinic("unshare cd-1 --as anna --from ben")
    first = clinic("history --exam cd-1 --limit 1")
    assert "--after " in first.out
    page = clinic("history --exam cd-1 --limit 1 --json").document["page"]
    rest = clinic(f"history --exam cd-1 --after {page['next']} --json").document["page"]
    assert page["items"][0]["kind"] == "GrantsEnded"
    assert rest["items"][0]["kind"] == "ExamShared"
