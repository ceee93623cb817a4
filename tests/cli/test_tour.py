"""The tour, on the CD that pydicom ships and on other media."""

import json
import shutil

import pytest

pydicom = pytest.importorskip("pydicom")
pytest.importorskip("rich")

from exam_sharing import BatchId  # noqa: E402
from exam_sharing.adapters.pydicom import read_media, shipped_media  # noqa: E402
from exam_sharing.cli import main, media  # noqa: E402
from exam_sharing.cli.printing import FORMAT, plain  # noqa: E402
from exam_sharing.cli.tour.story import (  # noqa: E402
    ANNA,
    BEGINNING,
    SCENES,
)
from exam_sharing.validation import PrivateText  # noqa: E402

CT_SMALL = pydicom.data.get_testdata_file("CT_small.dcm", download=False)

CHAPTERS = {
    "upload": ["6 exams of anna"],
    "concealment": ["refused: EXAM_NOT_FOUND"] * 2,
    "share-form": ["form of anna: tab, download, 6 exams"],
    "recipients": [
        *("jose n: jose", "LEFE: maelle", "tomasz.l: tomasz"),
        *("ra: radiology priya", "board: tumour-board", "list: 5 and more"),
    ],
    "share-exam": [
        "preview: 2 gains, 0 losses, ATTESTATION_MISSING",
        "shared: GRANTED GRANTED",
        "notices: jose samuel, but not",
    ],
    "share-batch": [
        "preview: 60 gains, 0 losses,",
        "shared: " + " ".join(["GRANTED"] * 12),
        "notices: chloe maelle tomasz, but not priya",
    ],
    "tabs": [
        "tabs: anna 3, jose 2, samuel 1, maelle 3, tomasz 3, chloe 3, emil 0",
        "jose may not DOWNLOAD",
        "form of samuel: no tab",
    ],
    "re-shares": [
        "form of jose: tab, no download, 1 exams",
        "refused: ATTESTATION_MISSING DOWNLOAD_NOT_HELD RECIPIENT_IS_OWNER",
        *["shared: GRANTED"] * 3,
        "shared: GRANTED GRANTED",
        "refused: SHARING_NOT_IN_PLAN",
    ],
    "access-list": ["anna unshares 8 of 8, jose 2 of 8, tomasz 2 of 8", "9 grants"],
    "narrowing": [
        "refused: HAS_RESHARES",
        "preview: 0 gains, 8 losses,",
        "ended: radiology; replaced: radiology; left: students samuel; still:",
        "tomasz may not DOWNLOAD",
        "shared: GRANTED until 2024-05-10T18:00:00+00:00 by OWN_HOLD",
    ],
    "unshare-grantor": [
        "refused: NOT_GRANTOR_OR_OWNER",
        "preview: 0 gains, 0 losses,",
        "ended: samuel; replaced:; left:; still: samuel",
        "samuel may VIEW",
    ],
    "unshare-owner": ["ended: students; replaced:; left:; still:", "emil may not VIEW"],
    "cascade": [
        "8 grants",
        "preview: 0 gains, 3 losses,",
        "ended: maelle bao ingrid; replaced: bao ingrid; left:; still: bao ingrid maelle",
        "bao may not DOWNLOAD",
        "bao may VIEW",
    ],
    "last-support": [
        "7 grants",
        "preview: 0 gains, 5 losses,",
        "ended: jose tumour-board bao ingrid; replaced:; left:; still:",
        "ingrid may not VIEW",
    ],
    "what-remains": [
        "tomasz may not VIEW",
        "anna unshares 1 of 1",
        (
            "visible: anna 6, maelle 5, tomasz 5, priya 5, chloe 5, samuel 1, "
            "jose 0, bao 0, ingrid 0, emil 0, aylin 0"
        ),
    ],
}
"""What the facts of each chapter come to, but for narration."""


def names(principals):
    return " ".join(("", *(next(iter(each.values())) for each in principals)))


def summary(fact):  # noqa: C901, PLR0911, PLR0912  one line for each kind of fact
    match fact:
        case {"kind": "uploaded", "exams": exams, "by": by}:
            return f"{len(exams)} exams of{names([by])}"
        case {"kind": "refused", "reasons": reasons}:
            return f"refused: {' '.join(sorted(reason['code'] for reason in reasons))}"
        case {"kind": "share-form", "actor": actor, "form": form}:
            download = "download" if form["offers_download"] else "no download"
            offered = f"tab, {download}, {len(form['exams'])} exams"
            return f"form of{names([actor])}: {offered if form['has_share_tab'] else 'no tab'}"
        case {"kind": "suggestions", "typed": typed, "choices": choices}:
            return f"{typed}:{names(choice['principal'] for choice in choices)}"
        case {"kind": "list", "page": page}:
            return f"list: {len(page['items'])}{' and more' if page['next'] else ''}"
        case {"kind": "preview", "preview": {"reasons": reasons, "gains": gains, "losses": losses}}:
            codes = "".join(f" {reason['code']}" for reason in reasons)
            return f"preview: {len(gains)} gains, {len(losses)} losses,{codes}"
        case {"kind": "shared", "receipt": {"outcomes": outcomes}}:
            until = {f" until {one['until']} by {one['limited_by']}" for one in outcomes}
            limit = "".join(each for each in until if "None" not in each)
            return f"shared: {' '.join(each['outcome'] for each in outcomes)}{limit}"
        case {"kind": "ended", "receipt": receipt}:
            ended, replaced, left = (
                names(grant["recipient"] for grant in receipt[key])
                for key in ("ended", "replacements", "left_standing")
            )
            still = names(receipt["still_have_access"])
            return f"ended:{ended}; replaced:{replaced}; left:{left}; still:{still}"
        case {"kind": "notices", "notices": notices, "untold": untold}:
            return f"notices:{names(each['to'] for each in notices)}, but not{names(untold)}"
        case {"kind": "tabs", "people": people}:
            tabs = (f"{each['user']['user']} {len(each['tabs'])}" for each in people)
            return f"tabs: {', '.join(tabs)}"
        case {"kind": "explanation", "user": user, "permission": permission, "answer": answer}:
            may = "may" if answer["permitted"] else "may not"
            return f"{user['user']} {may} {permission}"
        case {"kind": "access-list", "seen": seen}:
            lists = {each["viewer"]["user"]: each["access_list"]["entries"] for each in seen}
            marks = {who: sum(one["can_unshare"] for one in each) for who, each in lists.items()}
            return ", ".join(f"{who} {marks[who]} of {len(lists[who])}" for who in lists).replace(
                " ", " unshares ", 1
            )
        case {"kind": "hand-to-hand", "steps": steps}:
            return f"{len(steps)} grants"
        case {"kind": "visible-exams", "shelves": shelves}:
            seen = (f"{each['user']['user']} {len(each['visible'])}" for each in shelves)
            return f"visible: {', '.join(seen)}"


@pytest.fixture
def tell(capsys, monkeypatch):
    """Run the tour in a terminal of a given width, and return its output."""

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


def facts(document, name, kind):
    (found,) = (each["facts"] for each in document["chapters"] if each["id"] == name)
    return [fact for fact in found if fact["kind"] == kind]


def test_every_fact_is_what_its_chapter_needs(document):
    told = {
        chapter["id"]: [summary(fact) for fact in chapter["facts"] if fact["kind"] != "said"]
        for chapter in document["chapters"]
    }
    assert told == CHAPTERS


def test_chapters_are_printed_in_order_and_time_goes_forward(tell, document):
    printed = tell()
    places = [printed.index(f"{n}  {scene[1]}") for n, scene in enumerate(SCENES, start=1)]
    assert places == sorted(places)
    times = [each["at"] for each in document["chapters"]]
    assert times == sorted(set(times))


def test_the_exams_are_the_six_studies_of_the_shipped_cd(document):
    assert [exam["patient"] for exam in document["exams"]] == [1, 1, 2, 2, 2, 2]
    assert document["exams"][3]["description"] == "Carotids"


def test_an_exam_that_is_hidden_and_one_that_does_not_exist_get_the_same_answer(document):
    hidden, absent = facts(document, "concealment", "refused")
    named = [fact["request"]["exam"] for fact in (hidden, absent)]
    assert [fact["reasons"][0].pop("exams") for fact in (hidden, absent)] == [[e] for e in named]
    assert hidden["reasons"] == absent["reasons"]


def test_the_made_up_message_is_printed_in_its_notices(document, tell):
    (shared,) = facts(document, "share-exam", "shared")
    (noticed,) = facts(document, "share-exam", "notices")
    message = shared["request"]["message"]
    assert {notice["message"] for notice in noticed["notices"]} == {message}
    assert message.split("\n")[0] in tell()


def test_no_name_and_no_number_of_a_patient_is_printed(tell):
    medium = read_media(shipped_media(), batch=BatchId("cd"), uploader=ANNA, received_at=BEGINNING)
    everything = tell() + tell("--json")
    for exam in medium.exams:
        study = medium.studies[exam.id]
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


def test_the_document_is_plain_and_has_its_format(tell):
    written = tell("--json")
    assert written.isascii()
    document = json.loads(written)
    assert document["format"] == FORMAT
    assert [*document] == ["format", "version", "people", "groups", "exams", "left_out", "chapters"]


@pytest.mark.parametrize("value", [PrivateText("Doe^Jane"), object(), 1.5])
def test_documents_hold_nothing_unknown_and_nothing_private(value):
    with pytest.raises(TypeError):
        plain(value)


def test_a_medium_of_one_study_gives_the_whole_story(tell, tmp_path):
    document = json.loads(tell("--json", one_study_medium(tmp_path)))
    assert [exam["files"] for exam in document["exams"]] == [2]
    assert [each["id"] for each in document["chapters"]] == list(CHAPTERS)
    refused = [f for c in document["chapters"] for f in c["facts"] if f["kind"] == "refused"]
    assert len(refused) == 6
    printed = tell(tmp_path)
    assert "1 exam of 1 patient" in printed
    assert "patient 2" not in printed


def test_a_medium_of_many_studies_is_cut(tell, tmp_path):
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


def test_text_of_a_medium_is_shown_and_not_interpreted(tell, tmp_path):
    printed = tell(medium_of(tmp_path, studies=1, description="[red]x[/red] :smile:"))
    assert "[red]x[/red] :smile:" in printed


def test_files_without_an_exam_are_counted_with_the_reason(tell, tmp_path):
    one_study_medium(tmp_path)
    (tmp_path / "notes.txt").write_text("no image")
    assert "1 file left out: not a DICOM file." in tell(tmp_path)
    assert json.loads(tell("--json", tmp_path))["left_out"] == {"not a DICOM file": 1}


def test_every_file_can_be_read_whatever_a_dicomdir_lists(tell):
    assert len(json.loads(tell("--json", "--loose", shipped_media()))["exams"]) == 7


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_no_line_is_longer_than_the_terminal_or_100_letters(tell, columns):
    printed = tell(columns=columns)
    assert max(map(len, printed.splitlines())) <= min(columns, 100)
    assert "2003-05-05" in printed


def test_reading_a_large_medium_shows_its_progress(capsys, monkeypatch):
    monkeypatch.setattr(media, "_LARGE", 30)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert main(["tour", "--json"]) == 0
    shown = capsys.readouterr().err
    assert "\rreading 31 files: 3 %" in shown
    assert shown.endswith(" \r")


@pytest.mark.parametrize("what", ["nothing", "empty", "text"])
def test_a_path_that_is_no_medium_is_reported_in_one_line(capsys, tmp_path, what):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").write_text("no medium")
    assert main(["tour", str(tmp_path / what)]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("exam-sharing: ")
    assert told.err.count("\n") == 1
    assert str(tmp_path) not in told.err


def test_a_damaged_dicomdir_is_reported_with_the_option_that_helps(capsys, tmp_path):
    (tmp_path / "DICOMDIR").write_bytes(b"damaged")
    assert main(["tour", str(tmp_path)]) == 1
    assert "with --loose" in capsys.readouterr().err
