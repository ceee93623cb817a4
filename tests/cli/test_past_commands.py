"""The commands about the past: `history`, `who-could` and `graph`."""

import pytest

from mermaid_texts import read

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


def test_graph_prints_a_flowchart_that_can_be_piped_into_a_file(clinic):
    clinic(f"share cd-1 --as anna --with ben {CONFIRMED}")
    clinic(f"share cd-1 --as ben --with carla {CONFIRMED}")
    drawn = clinic("graph cd-1").out
    nodes, links = read(drawn)
    assert [label for _, label in nodes.values()] == [
        "exam cd-1\nowner Anna Kovács (anna)",
        "from Anna Kovács (anna)\nto user Ben (ben)\nVIEW without end",
        "from Ben (ben)\nto user Carla (carla)\nVIEW without end",
    ]
    assert links == [("n0", "-->", "n1"), ("n1", "-->", "n2")]
    assert "more" in read(clinic("graph cd-1 --limit 1").out)[0]

    document = clinic("graph cd-1 --ids --json").document
    assert document["kind"] == "graph"
    assert document["graph"]["names"] == {}
    assert [each["grant"]["recipient"] for each in document["graph"]["grants"]] == [
        {"user": "ben"},
        {"user": "carla"},
    ]
    assert "Kov" not in document["mermaid"]


def test_graph_marks_what_an_unshare_would_end(clinic):
    clinic(f"share cd-1 --as anna --with ben {CONFIRMED}")
    clinic(f"share cd-1 --as ben --with carla {CONFIRMED}")
    marked = read(clinic("graph cd-1 --as anna --from ben --cascade").out)[0]
    assert [style for style, _ in marked.values()] == ["owned", "due", "due"]
    marked = read(clinic("graph cd-1 --as anna --from ben --keep").out)[0]
    assert [style for style, _ in marked.values()] == ["owned", "due", "given"]
    assert "NO_SUCH_GRANT" in clinic("graph cd-1 --as anna --from group:nobody", code=1).err
    for misused in ("--as anna", "--from ben", "--cascade"):
        told = clinic(f"graph cd-1 {misused}", code=2).err
        assert "--as and --from must be given together" in told


def test_replace_name_replaces_former_names_and_the_history_says_so(clinic):
    asked = ["--name", "Closed 17", "--performed-by", "anna", "--why", "request 17"]
    refused = clinic("replace-name ben", *asked, code=2)
    assert "has another name in the directory" in refused.err
    clinic("add-user ben --inactive --name", "Closed 17")

    assert "replaced in 1 name" in clinic("replace-name ben", *asked).text
    document = clinic("replace-name ben --json", *asked).document
    assert (document["kind"], document["entries"]) == ("name-replaced", 0)

    told = clinic("history --user ben")
    assert "Anna Kovács (anna) replaced the names kept of Closed 17 (ben)" in told.text
    page = clinic("history --user ben --json").document["page"]
    assert page["items"][0]["kind"] == "NameReplaced"
    assert "Ben" not in str(page)
