"""The tour, on the CD that pydicom ships and on other media: every claim is from the run."""

import json
import shutil

import pytest

pydicom = pytest.importorskip("pydicom")
pytest.importorskip("rich")

from exam_sharing import BatchId  # noqa: E402
from exam_sharing.adapters.pydicom import read_media, shipped_media  # noqa: E402
from exam_sharing.cli import main  # noqa: E402
from exam_sharing.cli.replies import FORMAT, plain  # noqa: E402
from exam_sharing.cli.tour.cast import ANNA  # noqa: E402
from exam_sharing.cli.tour.story import BEGINNING, SCENES  # noqa: E402
from exam_sharing.validation import PrivateText  # noqa: E402

CT_SMALL = pydicom.data.get_testdata_file("CT_small.dcm", download=False)


@pytest.fixture
def tell(capsys, monkeypatch):
    """Run the tour in a terminal of a given width, and return what it printed."""

    def run(*arguments, columns=80):
        monkeypatch.setenv("COLUMNS", str(columns))
        assert main(["tour", *map(str, arguments)]) == 0
        told = capsys.readouterr()
        assert told.err == ""
        return told.out

    return run


@pytest.fixture
def document(tell):
    """The tour of the shipped CD, for machines."""
    return json.loads(tell("--json"))


def one_study_medium(folder):
    for number in range(2):
        shutil.copy(CT_SMALL, folder / f"{number}.dcm")
    return folder


def medium_of(folder, studies, description="Chest"):
    dataset = pydicom.dcmread(CT_SMALL)
    dataset.StudyDescription = description
    for number in range(1, studies + 1):
        dataset.StudyInstanceUID = f"1.2.3.{number}"
        dataset.PatientName = f"Secret^{number}"
        dataset.PatientID = f"HIDDEN-{number // 2}"
        dataset.save_as(folder / f"{number}.dcm")
    return folder


def chapter(document, name):
    (found,) = (each for each in document["chapters"] if each["id"] == name)
    return found["facts"]


def facts(document, name, kind):
    return [fact for fact in chapter(document, name) if fact["kind"] == kind]


def codes(fact):
    return {reason["code"] for reason in fact["reasons"]}


def users(*names):
    return [{"user": name} for name in names]


def in_one_line(text):
    return " ".join(text.split())


def test_the_tour_tells_all_its_chapters_in_order(tell, document):
    printed = tell()
    places = [printed.index(f"{n}  {scene[1]}") for n, scene in enumerate(SCENES, start=1)]
    assert places == sorted(places)
    assert [each["id"] for each in document["chapters"]] == [scene[0] for scene in SCENES]


def test_time_goes_forward_from_chapter_to_chapter(document):
    times = [each["at"] for each in document["chapters"]]
    assert times == sorted(set(times))


def test_the_upload_is_the_six_studies_of_the_shipped_cd(document):
    (uploaded,) = facts(document, "upload", "uploaded")
    assert uploaded["exams"] == document["exams"]
    assert [exam["patient"] for exam in document["exams"]] == [1, 1, 2, 2, 2, 2]
    assert document["exams"][3]["description"] == "Carotids"
    assert uploaded["by"] == {"user": "anna"}


def test_what_one_may_not_see_and_what_is_not_there_get_the_same_answer(document):
    unseen, absent = facts(document, "concealment", "refused")
    assert codes(unseen) == codes(absent) == {"EXAM_NOT_FOUND"}
    named = [fact["request"]["exam"] for fact in (unseen, absent)]
    assert [fact["reasons"][0].pop("exams") for fact in (unseen, absent)] == [[e] for e in named]
    assert unseen["reasons"] == absent["reasons"]


def test_the_share_form_offers_what_the_owner_may_do(document):
    (shown,) = facts(document, "share-form", "share-form")
    assert shown["form"]["offers_download"]
    assert len(shown["form"]["exams"]) == 6
    assert shown["form"]["subjects"] == 2


def test_typing_suggests_people_and_groups_whatever_the_accents(document):
    suggested = {
        fact["typed"]: [choice["principal"] for choice in fact["choices"]]
        for fact in facts(document, "recipients", "suggestions")
    }
    assert suggested == {
        "jose n": users("jose"),
        "LEFE": users("maelle"),
        "tomasz.l": users("tomasz"),
        "ra": [{"group": "radiology"}, {"user": "priya"}],
        "board": [{"group": "tumour-board"}],
    }
    (listed,) = facts(document, "recipients", "list")
    assert len(listed["page"]["items"]) == 5
    assert listed["page"]["next"]


def test_the_preview_has_the_effects_beside_the_missing_confirmation(document):
    (previewed,) = facts(document, "share-exam", "preview")
    assert codes(previewed["preview"]) == {"ATTESTATION_MISSING"}
    assert {gain["principal"]["user"] for gain in previewed["preview"]["gains"]} == {
        "jose",
        "samuel",
    }


def test_one_exam_is_shared_with_a_notice_and_the_personal_message(document, tell):
    (shared,) = facts(document, "share-exam", "shared")
    assert [each["outcome"] for each in shared["receipt"]["outcomes"]] == ["GRANTED", "GRANTED"]
    (noticed,) = facts(document, "share-exam", "notices")
    assert [notice["to"]["user"] for notice in noticed["notices"]] == ["jose", "samuel"]
    for notice in noticed["notices"]:
        assert notice["message"] == shared["request"]["message"]
        assert notice["message"].split("\n")[0] in tell()


def test_the_batch_is_shared_with_a_user_and_a_group_for_download(document):
    (shared,) = facts(document, "share-batch", "shared")
    assert shared["request"]["recipients"] == [{"user": "maelle"}, {"group": "radiology"}]
    assert shared["request"]["permission"] == "DOWNLOAD"
    assert len(shared["receipt"]["outcomes"]) == 12
    (noticed,) = facts(document, "share-batch", "notices")
    assert [(n["to"]["user"], n["exams"]) for n in noticed["notices"]] == [
        ("chloe", 6),
        ("maelle", 6),
        ("tomasz", 6),
    ]
    assert noticed["untold"] == users("priya")


def test_tabs_follow_from_permission_and_plan(document):
    (shown,) = facts(document, "tabs", "tabs")
    tabs = {each["user"]["user"]: set(each["tabs"]) for each in shown["people"]}
    assert tabs == {
        "anna": {"VIEW", "DOWNLOAD", "SHARE"},
        "jose": {"VIEW", "SHARE"},
        "samuel": {"VIEW"},
        "maelle": {"VIEW", "DOWNLOAD", "SHARE"},
        "tomasz": {"VIEW", "DOWNLOAD", "SHARE"},
        "chloe": {"VIEW", "DOWNLOAD", "SHARE"},
        "emil": set(),
    }
    assert all(each["why"]["permitted"] is bool(each["tabs"]) for each in shown["people"])
    (form,) = facts(document, "tabs", "share-form")
    assert form["actor"] == {"user": "samuel"}
    assert not form["form"]["has_share_tab"]


def test_a_view_only_recipient_is_refused_when_passing_download_on(document, tell):
    (form,) = facts(document, "re-shares", "share-form")
    assert form["form"]["has_share_tab"]
    assert not form["form"]["offers_download"]
    jose, samuel = facts(document, "re-shares", "refused")
    assert codes(jose) == {"DOWNLOAD_NOT_HELD", "ATTESTATION_MISSING", "RECIPIENT_IS_OWNER"}
    assert codes(samuel) == {"SHARING_NOT_IN_PLAN"}
    assert "✗ DOWNLOAD_NOT_HELD you may view but not download" in in_one_line(tell())


def test_the_access_list_says_who_may_unshare_what(document):
    (listed,) = facts(document, "access-list", "access-list")
    may = {
        seen["viewer"]["user"]: {
            entry["name"] for entry in seen["access_list"]["entries"] if entry["can_unshare"]
        }
        for seen in listed["seen"]
    }
    everybody = {entry["name"] for entry in listed["seen"][0]["access_list"]["entries"]}
    assert may == {
        "anna": everybody,
        "jose": {"José Núñez", "Tumour board"},
        "tomasz": {"Samuel Okafor", "Visiting students"},
    }
    (travelled,) = facts(document, "access-list", "hand-to-hand")
    assert len(travelled["steps"]) == len(everybody) + 1


def test_narrowing_is_restricted_previewed_and_done(document):
    (refused,) = facts(document, "narrowing", "refused")
    assert codes(refused) == {"HAS_RESHARES"}
    (previewed,) = facts(document, "narrowing", "preview")
    assert {loss["principal"].get("group") for loss in previewed["preview"]["losses"]} == {
        "radiology",
        None,
    }
    (ended,) = facts(document, "narrowing", "ended")
    assert len(ended["receipt"]["ended"]) == len(ended["receipt"]["replacements"]) == 1
    assert len(ended["receipt"]["left_standing"]) == 2
    (explained,) = facts(document, "narrowing", "explanation")
    assert not explained["answer"]["permitted"]


def test_nobody_gives_more_time_than_they_hold(document):
    (shared,) = facts(document, "narrowing", "shared")
    (outcome,) = shared["receipt"]["outcomes"]
    (narrowed,) = facts(document, "narrowing", "ended")
    assert outcome["limited_by"] == "OWN_HOLD"
    assert outcome["until"] == narrowed["request"]["until"]


def test_a_grantor_unshares_what_they_shared_and_nothing_else(document):
    (refused,) = facts(document, "unshare-grantor", "refused")
    assert codes(refused) == {"NOT_GRANTOR_OR_OWNER"}
    (ended,) = facts(document, "unshare-grantor", "ended")
    assert [grant["grantor"] for grant in ended["receipt"]["ended"]] == users("tomasz")
    assert ended["receipt"]["still_have_access"] == users("samuel")
    (explained,) = facts(document, "unshare-grantor", "explanation")
    assert explained["answer"]["permitted"]


def test_the_owner_unshares_what_somebody_else_shared(document):
    (ended,) = facts(document, "unshare-owner", "ended")
    assert ended["request"]["actor"] == {"user": "anna"}
    assert [grant["grantor"] for grant in ended["receipt"]["ended"]] == users("tomasz")
    (explained,) = facts(document, "unshare-owner", "explanation")
    assert not explained["answer"]["permitted"]


def test_a_cascade_leaves_what_still_has_support(document):
    (previewed,) = facts(document, "cascade", "preview")
    lost = {
        (loss["principal"]["user"], loss["permission"]) for loss in previewed["preview"]["losses"]
    }
    assert lost == {("maelle", "DOWNLOAD"), ("bao", "DOWNLOAD"), ("ingrid", "DOWNLOAD")}
    (ended,) = facts(document, "cascade", "ended")
    replaced = [(g["recipient"]["user"], g["permission"]) for g in ended["receipt"]["replacements"]]
    assert replaced == [("bao", "VIEW"), ("ingrid", "VIEW")]
    download, view = facts(document, "cascade", "explanation")
    assert not download["answer"]["permitted"]
    assert view["answer"]["permitted"]


def test_a_cascade_ends_all_that_hung_on_the_last_support(document):
    (ended,) = facts(document, "last-support", "ended")
    recipients = [grant["recipient"] for grant in ended["receipt"]["ended"]]
    assert recipients == [{"user": "jose"}, {"group": "tumour-board"}, *users("bao", "ingrid")]
    assert ended["receipt"]["still_have_access"] == []


def test_at_the_end_only_what_was_not_taken_back_remains(document):
    (shelves,) = facts(document, "what-remains", "visible-exams")
    seen = {each["user"]["user"]: len(each["visible"]) for each in shelves["shelves"]}
    assert seen == {
        "anna": 6,
        **dict.fromkeys(("maelle", "tomasz", "priya", "chloe"), 5),
        "samuel": 1,
        **dict.fromkeys(("jose", "bao", "ingrid", "emil", "aylin"), 0),
    }
    (listed,) = facts(document, "what-remains", "access-list")
    assert [e["name"] for e in listed["seen"][0]["access_list"]["entries"]] == ["Samuel Okafor"]


def test_nobody_passes_on_what_the_tour_did_not_foresee(document):
    refused = [f for c in document["chapters"] for f in c["facts"] if f["kind"] == "refused"]
    assert len(refused) == 6


def test_no_name_and_no_number_of_a_patient_is_printed(tell):
    media = read_media(shipped_media(), batch=BatchId("cd"), uploader=ANNA, received_at=BEGINNING)
    everything = tell() + tell("--json")
    for exam in media.exams:
        study = media.studies[exam.id]
        name = study.patient_name
        private = [name, *name.split("^"), study.patient_id, study.study_instance_uid]
        assert not [text for text in private if str(text) in everything]


def test_details_of_studies_can_be_left_out(tell):
    assert "Carotids" in tell()
    assert "Carotids" not in tell("--no-details")
    for exam in json.loads(tell("--no-details", "--json"))["exams"]:
        assert exam["modality"] is exam["date"] is exam["description"] is None


def test_the_same_medium_gives_the_same_tour_twice(tell):
    assert tell() == tell()
    assert tell("--json") == tell("--json")


def test_json_is_one_plain_document_that_says_its_format(tell):
    written = tell("--json")
    assert written.isascii()
    document = json.loads(written)
    assert document["format"] == FORMAT
    assert list(document) == [
        "format",
        "version",
        "people",
        "groups",
        "exams",
        "left_out",
        "chapters",
    ]
    kinds = {fact["kind"] for each in document["chapters"] for fact in each["facts"]}
    assert kinds == {
        *("said", "uploaded", "share-form", "suggestions", "list", "preview", "shared", "ended"),
        *("refused", "notices", "tabs", "explanation", "access-list", "hand-to-hand"),
        "visible-exams",
    }


def test_json_writes_nothing_that_it_does_not_know_and_nothing_private():
    for value in (PrivateText("Doe^Jane"), object(), 1.5):
        with pytest.raises(TypeError):
            plain(value)


def test_a_medium_of_one_study_gives_the_whole_story(tell, tmp_path):
    document = json.loads(tell("--json", one_study_medium(tmp_path)))
    assert len(document["exams"]) == 1
    assert document["exams"][0]["files"] == 2
    assert [each["id"] for each in document["chapters"]] == [scene[0] for scene in SCENES]
    refused = [f for c in document["chapters"] for f in c["facts"] if f["kind"] == "refused"]
    assert len(refused) == 6
    printed = tell(tmp_path)
    assert "1 exam of 1 patient" in printed
    assert "patient 2" not in printed


def test_a_medium_of_many_studies_is_cut_and_says_so(tell, tmp_path):
    printed = tell(medium_of(tmp_path, studies=60))
    assert "… and 52 more" in printed
    assert "60 exams of 31 patients" in printed
    assert len(printed.splitlines()) < 450
    assert "Secret" not in printed
    assert "HIDDEN" not in printed


def test_a_medium_beyond_the_usual_limit_of_one_share_is_shared_as_a_whole(tell, tmp_path):
    document = json.loads(tell("--json", medium_of(tmp_path, studies=1_001)))
    (shared,) = facts(document, "share-batch", "shared")
    assert len(shared["receipt"]["outcomes"]) == 2_002
    (shelves,) = facts(document, "what-remains", "visible-exams")
    assert len(shelves["shelves"][0]["visible"]) == 1_001


def test_studies_without_a_patient_id_are_each_of_a_patient_of_their_own(tell, tmp_path):
    dataset = pydicom.dcmread(CT_SMALL)
    dataset.PatientID = ""
    for number in (1, 2):
        dataset.StudyInstanceUID = f"1.2.3.{number}"
        dataset.save_as(tmp_path / f"{number}.dcm")
    document = json.loads(tell("--json", tmp_path))
    assert [exam["patient"] for exam in document["exams"]] == [1, 2]


def test_what_a_stranger_burnt_on_a_cd_is_shown_and_not_interpreted(tell, tmp_path):
    printed = tell(medium_of(tmp_path, studies=1, description="[red]x[/red] :smile:"))
    assert "[red]x[/red] :smile:" in printed


def test_files_that_are_behind_no_exam_are_counted_with_the_reason(tell, tmp_path):
    one_study_medium(tmp_path)
    (tmp_path / "notes.txt").write_text("no image")
    assert "1 file left out: not a DICOM file." in tell(tmp_path)
    assert json.loads(tell("--json", tmp_path))["left_out"] == {"not a DICOM file": 1}


def test_every_file_can_be_read_whatever_a_dicomdir_says(tell):
    assert len(json.loads(tell("--json", "--loose", shipped_media()))["exams"]) == 7


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_no_line_is_longer_than_the_terminal_or_than_is_good_to_read(tell, columns):
    assert max(map(len, tell(columns=columns).splitlines())) <= min(columns, 100)


def test_dates_and_numbers_of_exams_are_whole_at_eighty_columns(tell):
    printed = tell(columns=80)
    assert "2003-05-05" in printed
    assert "XR C Spine Comp Min 4 Views" in printed


@pytest.mark.parametrize("what", ["nothing", "empty", "text"])
def test_a_path_that_is_no_medium_is_told_in_one_line(capsys, tmp_path, what):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").write_text("no medium")
    assert main(["tour", str(tmp_path / what)]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("exam-sharing: ")
    assert told.err.count("\n") == 1
    assert str(tmp_path) not in told.err


def test_a_damaged_dicomdir_is_told_with_the_option_that_helps(capsys, tmp_path):
    (tmp_path / "DICOMDIR").write_bytes(b"damaged")
    assert main(["tour", str(tmp_path)]) == 1
    assert "with --loose" in capsys.readouterr().err
