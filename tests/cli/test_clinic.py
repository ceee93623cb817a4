"""A small clinic, run from a shell on the database that is there by default."""

import re
import sys
from datetime import UTC, datetime

import pytest

pytest.importorskip("rich")
sqlalchemy = pytest.importorskip("sqlalchemy")
pydicom = pytest.importorskip("exam_sharing.adapters.pydicom")

from exam_sharing import BatchId, ExamId, Sharing, UserId  # noqa: E402
from exam_sharing.cli.database import opened  # noqa: E402
from exam_sharing.errors import Conflict  # noqa: E402

CONFIRMED = "--confirm-hipaa"


def codes(ran):
    return re.findall(r"^  ([A-Z_]+):", ran.err, re.MULTILINE)


def holders(clinic, exam, permission="view"):
    found = clinic(f"who-can {exam} {permission} --json").document["holders"]
    return [each["user"]["user"] for each in found]


def test_a_clinic_without_people_prints_how_to_add_them(shell):
    shell("init")
    assert "add-user" in shell("people").out


def test_the_same_id_again_replaces_everything(clinic):
    assert "added" in clinic("add-user eva --name Eva --no-sharing").out
    told = clinic("add-user eva --name Eve --inactive")
    assert told.text == "✓ replaced: Eve (eva), no e-mail, inactive"
    eva = clinic("people --json").document["users"][-2]
    assert (eva["user"]["id"]["user"], eva["user"]["active"]) == ("eva", False)
    assert eva["sharing_in_plan"]
    assert "sam Sam sam@clinic.example no sharing in the plan" in clinic("people").text


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "add-group board --name Board --member anna zoe group:zoe",
            "--member names nobody in the directory in place 2 and 3",
        ),
        ("add-group nurses --name Nurses --member group:ward", "would contain itself"),
        ("add-media MEDIUM --owner anna --batch cd", "upload batch 'cd'"),
        (
            "add-media MEDIUM --owner zoe",
            "--owner names nobody in the directory; see: exam-sharing people\n",
        ),
        (f"share cd-1 --as zoe --with ben {CONFIRMED}", "--as names nobody in the directory"),
        ("can zoe view cd-1", "USER names nobody in the directory"),
    ],
)
def test_what_is_unknown_or_taken_is_reported_and_nothing_is_done(clinic, line, told):
    before = clinic("people").out
    ran = clinic(line.replace("MEDIUM", str(pydicom.shipped_media())), code=1)
    assert ran.out == ""
    assert ran.err.startswith("exam-sharing: ")
    assert told in ran.err
    assert clinic("people").out == before


def test_each_study_of_a_medium_becomes_an_exam_with_a_short_id(shell):
    shell("init")
    shell("add-user anna --name Anna")
    medium = str(pydicom.shipped_media())
    shell("add-media --owner anna --batch cd", medium)
    by_chance = shell("add-media --owner anna --json", medium).document
    assert [each["id"] for each in by_chance["exams"]] == [
        f"{by_chance['batch']}-{number}" for number in range(1, 7)
    ]
    bare = shell("add-media --owner anna --json --no-details", medium).document
    assert {each["description"] for each in bare["exams"]} == {None}
    assert holders(shell, "cd-6") == ["anna"]


def test_no_detail_of_patients_or_studies_is_stored(clinic, tmp_path):
    medium = pydicom.read_media(
        pydicom.shipped_media(),
        batch=BatchId("cd"),
        uploader=UserId("anna"),
        received_at=datetime.now(UTC),
    )
    kept = (tmp_path / "exam-sharing.db").read_bytes()
    for exam in medium.exams:
        study = medium.studies[exam.id]
        details = [study.patient_name, *study.patient_name.split("^"), study.patient_id]
        for text in (*details, study.study_instance_uid, study.description):
            assert len(text or "") < 4 or str(text).encode() not in kept


def test_exams_of_different_patients_stay_distinguishable(clinic):
    with opened(None) as portal:
        form = portal.sharing.share_form(UserId("anna"), ExamId("cd-1"))
    assert (len(form.exams), form.subjects) == (6, 2)


def test_a_refusal_names_the_exceeded_limit(clinic):
    clinic(f"share cd-1 --as anna --with ben {CONFIRMED} --until 2090-01-01T12:00+00:00")
    told = clinic(f"share cd-1 --as ben --with dan {CONFIRMED} --until 2099-01-01T12:00Z", code=1)
    assert codes(told) == ["EXPIRY_BEYOND_OWN"]
    assert re.search(r"\(exam “cd-1”, until 20(90-01-01|89-12-31).* at the latest\)", told.err)


def test_a_refusal_can_be_a_document_and_changes_nothing(clinic):
    told = clinic("share cd-1 --as anna --with zoe --json", code=1)
    assert told.err == ""
    assert told.document["kind"] == "refused"
    reasons = [each["code"] for each in told.document["reasons"]]
    assert reasons == ["ATTESTATION_MISSING", "RECIPIENT_NOT_FOUND"]
    assert holders(clinic, "cd-1") == ["anna"]


@pytest.mark.parametrize("option", ["--preview", "--dry-run"])
def test_a_preview_reports_the_effects_and_does_nothing(clinic, option):
    told = clinic(f"share cd-1 --as anna --with group:ward {CONFIRMED} {option}")
    assert "Carla (carla) gains view" in told.text
    assert holders(clinic, "cd-1") == ["anna"]
    assert clinic("notices --json").document["notices"] == []


def test_a_preview_of_a_refused_act_ends_with_1_and_the_reasons(clinic):
    told = clinic(f"share cd-1 --as anna --with anna {CONFIRMED} --preview", code=1)
    assert "RECIPIENT_IS_SELF" in told.out
    unshared = clinic("unshare cd-1 --as anna --from ben --preview --json", code=1).document
    assert [each["code"] for each in unshared["preview"]["reasons"]] == ["NO_SUCH_GRANT"]


def test_a_message_from_standard_input_is_shown_only_in_its_notice(clinic):
    line = f"share cd-1 --as anna --with ben {CONFIRMED} --message -"
    shared = clinic(line, stdin="Mrs Doe, slice 40\n")
    for told in (shared, clinic("notices"), clinic("notices --json")):
        assert "Mrs Doe" not in told.out + told.err
    printed = clinic("notices relay --print")
    assert "Mrs Doe, slice 40" in printed.out
    assert "Ben (ben) <ben@clinic.example>" in printed.out


def test_documents_leave_messages_out(clinic):
    line = f"share cd-1 --as anna --with ben {CONFIRMED} --message secret --json"
    assert "secret" not in clinic(line).out
    assert "secret" not in clinic(f"{line} --preview").out


def test_who_acted_on_behalf_of_somebody_is_recorded(clinic):
    clinic(f"share cd-1 --as anna --with ben {CONFIRMED} --performed-by sam")
    with sqlalchemy.create_engine("sqlite:///exam-sharing.db").connect() as connection:
        shares = connection.exec_driver_sql("SELECT actor, performed_by FROM exam_sharing_shares")
        assert shares.all() == [("anna", "sam")]
    document = clinic("unshare cd-1 --as anna --from ben --performed-by sam --json").document
    assert document["request"]["performed_by"] == {"user": "sam"}


def test_the_access_list_marks_what_the_viewer_may_unshare(clinic):
    clinic(f"share cd-1 --as anna --with ben sam {CONFIRMED}")
    clinic(f"share cd-1 --as ben --with dan {CONFIRMED}")
    anna, ben = clinic("access cd-1 --as anna"), clinic("access cd-1 --as ben")
    assert anna.text.startswith("Owner of exam “cd-1”: Anna Kovács (anna)")
    assert anna.out.count("  X") == 3
    assert ben.out.count("  X") == 2
    assert "X: Ben (ben) may unshare this." in ben.text
    assert "X" not in clinic("access cd-2 --as anna").out


def test_the_access_list_is_hidden_with_its_exam(clinic):
    assert codes(clinic("access cd-1 --as ben", code=1)) == ["EXAM_NOT_FOUND"]
    assert codes(clinic("access nowhere --as ben", code=1)) == ["EXAM_NOT_FOUND"]


def test_unsharing_reports_what_ended_and_what_remains(clinic):
    clinic(f"share cd-1 --as anna --with ben group:ward {CONFIRMED}")
    clinic(f"share cd-1 --as ben --with sam {CONFIRMED}")
    told = clinic("unshare cd-1 --as anna --from ben")
    assert "✓ Ben (ben): view, by Anna Kovács (anna); ended" in told.text
    assert "· Sam (sam): view, by Ben (ben); remains" in told.text
    assert holders(clinic, "cd-1") == ["anna", "carla", "dan", "sam"]


def test_re_shares_can_end_too_or_prevent_the_act(clinic):
    clinic(f"share cd-1 --as anna --with ben {CONFIRMED}")
    clinic(f"share cd-1 --as ben --with sam {CONFIRMED}")
    restricted = clinic("unshare cd-1 --as anna --from ben --restrict", code=1)
    assert codes(restricted) == ["HAS_RESHARES"]
    assert "--cascade or --keep" in restricted.err
    assert "Sam (sam) loses" in clinic("unshare cd-1 --as anna --from ben --cascade --preview").text
    assert holders(clinic, "cd-1") == ["anna", "ben", "sam"]
    clinic("unshare cd-1 --as anna --from ben --cascade")
    assert holders(clinic, "cd-1") == ["anna"]


def test_a_removed_user_can_be_unshared_from(clinic):
    clinic(f"share cd-1 --as anna --with ben {CONFIRMED}")
    with opened(None) as portal:
        portal.directory.remove(UserId("ben"))
    told = clinic("unshare cd-1 --as anna --from ben")
    assert "✓ ben: view, by Anna Kovács (anna); ended" in told.text
    again = clinic("unshare cd-1 --as anna --from ben", code=1)
    assert "--from names nobody in the directory" in again.err


def test_remaining_access_through_a_group_is_reported(clinic):
    clinic(f"share cd-1 --as anna --with dan group:ward {CONFIRMED}")
    assert "still with access: Dan (dan)" in clinic("unshare cd-1 --as anna --from dan").text
    assert "(Ward (group:ward))" in clinic("unshare cd-1 --as anna --from dan", code=1).err


def test_nobody_can_view_an_exam_of_an_inactive_owner(clinic):
    clinic("add-user anna --name Anna --inactive")
    assert clinic("who-can cd-1 download").text == "Nobody may view and download exam “cd-1”."


def test_visible_exams_come_in_pages(clinic):
    assert clinic("shared-with ben").text == "Ben (ben) can see no exam of others."
    assert clinic("shared-with ben --own").text == "Ben (ben) can see no exam."
    clinic(f"share cd-1 --as anna --with ben --batch {CONFIRMED}")
    seen, after = [], ""
    for expected in (4, 2):
        page = clinic(f"shared-with ben --limit 4 {after} --json").document["page"]
        assert len(page["items"]) == expected
        seen += [item["exam"] for item in page["items"]]
        after = f"--after {page['next']}"
    assert sorted(seen) == [f"cd-{number}" for number in range(1, 7)]
    assert "There are more: --after " in clinic("shared-with ben --limit 4").out
    for option in ("--limit 0", "--limit many", "--after nothing"):
        assert clinic(f"shared-with ben {option}", code=2).out == ""
    assert clinic("shared-with anna").text == "Anna Kovács (anna) can see no exam of others."
    assert len(clinic("shared-with anna --own --json").document["page"]["items"]) == 6


def test_an_act_that_loses_every_race_may_be_tried_again(clinic, monkeypatch):
    def lose(*_):
        raise Conflict(5)

    monkeypatch.setattr(Sharing, "share", lose)
    told = clinic(f"share cd-1 --as anna --with ben {CONFIRMED}", code=4)
    assert "nothing was done, try again" in told.err


SHARED = f"share cd-1 --as anna --with ben --until 30d {CONFIRMED}"

DOCUMENTS = {
    "init": ("tables", "place created shape"),
    "upgrade": ("upgraded", "place found shape"),
    "add-user eva --name Eva": ("kept", "kept replaced"),
    "add-group all --name All": ("kept", "kept replaced"),
    "people": ("people", "users groups"),
    "add-media MEDIUM --owner anna": ("uploaded", "batch by exams left_out"),
    SHARED: ("shared", "request receipt"),
    f"{SHARED} --preview": ("preview", "request preview"),
    "unshare cd-2 --as anna --from ben": ("ended", "request receipt"),
    "access cd-2 --as ben": ("access-list", "exam seen"),
    "who-can cd-2": ("holders", "exam permission holders"),
    "can ben view cd-2": ("explanation", "user permission exam answer"),
    "shared-with ben": ("exams", "user own page"),
    "notices": ("listed-notices", "notices next"),
    "notices retry --all": ("requeued-notices", "requeued named"),
    "notices relay --smtp 127.0.0.1:1 --security none --from a@b.example": (
        "relayed-notices",
        "sent failing given_up",
    ),
}


@pytest.mark.parametrize("line", DOCUMENTS)
def test_every_command_writes_one_document_with_keys_that_stay(clinic, line):
    clinic(f"share cd-2 --as anna --with ben {CONFIRMED}")
    kind, keys = DOCUMENTS[line]
    code = 1 if "relay" in line else 0
    told = clinic(line.replace("MEDIUM", str(pydicom.shipped_media())) + " --json", code=code)
    assert told.out.isascii()
    assert list(told.document) == ["format", "version", "kind", *keys.split()]
    assert told.document["kind"] == kind


def test_the_help_of_every_command_has_examples(shell):
    commands = {line.split()[0] for line in DOCUMENTS}
    for command in (*commands, "notices retry", "notices relay"):
        told = shell(f"{command} --help")
        assert "--db URL" in told.out
        assert "--json" in told.out
        assert f"  exam-sharing {command}" in told.out.partition("examples:")[2]


def test_documents_need_no_rich(clinic, monkeypatch):
    monkeypatch.setitem(sys.modules, "rich", None)
    assert clinic("people --json").document["users"]
