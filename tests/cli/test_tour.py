"""The tour, on the CD that pydicom ships and on other media."""

import json
import os
import re
import shutil

import pytest

pydicom = pytest.importorskip("pydicom")
pytest.importorskip("rich")

from exam_sharing import BatchId  # noqa: E402
from exam_sharing.adapters.pydicom import read_media, shipped_media  # noqa: E402
from exam_sharing.cli import main, media  # noqa: E402
from exam_sharing.cli.printing import FORMAT  # noqa: E402
from exam_sharing.cli.tour.story import (  # noqa: E402
    ANNA,
    BEGINNING,
    SCENES,
)

CT_SMALL = pydicom.data.get_testdata_file("CT_small.dcm", download=False)

TOLD = """
1 A CD arrives … exam 6 patient 2 MR 2003-05-05 Brain-MRA 11 Batch cd: 6 exams, owned by Anna
2 Nobody else knows … ✗ EXAM_NOT_FOUND … ✗ EXAM_NOT_FOUND
3 The share form … Download a checkbox … Anna can see: 6 exams of 2 patients
4 Choosing recipients … jose n▏ José Núñez LEFE▏ Maëlle Lefèvre tomasz.l▏ Tomasz Łukasik
ra▏ Radiology (group), Priya Raman board▏ Tumour board (group) Or … Ingrid Sørensen, …
5 Sharing one exam … ✗ ATTESTATION_MISSING … José Núñez gains view on exam 1 Samuel Okafor gains
✓ José Núñez: granted on 1 exam … ✓ Samuel Okafor: granted on 1 exam … 2 notices sent
6 Sharing the whole CD … Radiology gains … Chloé Dubois gains view and download on 6 exams Maëlle
✓ Maëlle Lefèvre: granted on 6 exams … ✓ Radiology: granted on 6 exams … 3 notices sent
Chloé Dubois <chloe.dubois@clinic.example> … Priya Raman gains by it and wants no notice
7 The tabs of each user … Anna Kovács ✓ ✓ ✓ owns it José Núñez ✓ · ✓ … Samuel Okafor ✓ · ·
Chloé Dubois ✓ ✓ ✓ given to Radiology (through Night shift) by Anna Kovács Emil Novák · · ·
✗ no: DOWNLOAD_NOT_HELD … ✗ no Share tab
8 Re-shares … Download not offered … José can see: 1 exam
✗ ATTESTATION_MISSING … ✗ RECIPIENT_IS_OWNER … ✗ DOWNLOAD_NOT_HELD
✓ Tumour board: granted … ✓ Bảo Trần: granted … ✓ Ingrid Sørensen: granted
✓ Samuel Okafor: granted … ✓ Visiting students: granted … ✗ SHARING_NOT_IN_PLAN
9 The access list … Bảo Trần view and download Maëlle Lefèvre X · · … José Núñez view Anna Kovács
Samuel Okafor view Anna Kovács X · X … Tumour board view José Núñez X X · Visiting students view
├ Radiology: view and download │ ├ Visiting students: view, by Tomasz … └ Maëlle Lefèvre: view
10 Narrowing … ✗ HAS_RESHARES … Radiology loses view on exam 1 after Friday 18:00, download on
✓ Radiology: view and download, by Anna Kovács; now view until Friday 18:00 · Visiting students
· Samuel Okafor: view, by Tomasz Łukasik; remains … ✗ no: DOWNLOAD_NOT_HELD
✓ Aylin Demir: granted on 1 exam, until Friday 18:00, as long as Chloé holds it
11 Unsharing by the grantor … ✗ NOT_GRANTOR_OR_OWNER … Samuel Okafor keeps view on exam 1
✓ Samuel Okafor: view, by Tomasz Łukasik; ended · still with access: Samuel Okafor … ✓ yes: given by
12 Unsharing by the owner … ✓ Visiting students: view, by Tomasz Łukasik; ended
✗ no: EXAM_NOT_FOUND
13 Unsharing with re-shares … └ Bảo Trần: view and download, by Maëlle Lefèvre └ Ingrid Sørensen
Bảo Trần loses download on exam 1, keeps view on exam 1 Ingrid Sørensen loses download
✓ Maëlle Lefèvre: view and download, by Anna Kovács; ended ✓ Bảo Trần: view and download
✓ Ingrid Sørensen: view and download, by Bảo Trần; now view · still with access: Bảo Trần, Ingrid
✗ no: DOWNLOAD_NOT_HELD … ✓ yes: given by Maëlle Lefèvre
14 When the last support ends … └ Bảo Trần: view, by Maëlle Lefèvre │ └ Ingrid Sørensen: view
Maëlle Lefèvre loses view … ✓ José Núñez: view, by Anna Kovács; ended ✓ Tumour board: view
✓ Bảo Trần: view, by Maëlle Lefèvre; ended ✓ Ingrid Sørensen: view, by Bảo Trần; ended
✗ no: EXAM_NOT_FOUND
15 What remains … ✗ no: EXAM_NOT_FOUND … Samuel Okafor view Anna Kovács X X: Anna Kovács may
Anna Kovács 6 · 6 Maëlle Lefèvre 5 5 5 … Samuel Okafor 1 1 · José Núñez · · · … Aylin Demir · · ·
That was 15 chapters and 75 steps.
"""
"""What the tour prints, in this order; each line and each … may leave something out."""

# Of facts that are no replies of other commands.
KEYS = {
    "said": "text",
    "refused": "request reasons",
    "share-form": "actor exam form",
    "suggestions": "actor exam typed choices",
    "list": "actor exam page",
    "notices": "notices untold",
    "tabs": "exam people",
    "hand-to-hand": "exam owner steps",
    "visible-exams": "shelves",
}


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


def medium_of(folder, studies, description="Chest", patient="HIDDEN-{}"):
    dataset = pydicom.dcmread(CT_SMALL)
    dataset.StudyDescription = description
    for number in range(1, studies + 1):
        dataset.StudyInstanceUID = f"1.2.3.{number}"
        dataset.PatientName = f"Secret^{number}"
        dataset.PatientID = patient.format(number // 2)
        dataset.save_as(folder / f"{number}.dcm")
    return folder


def facts(document, name, kind):
    (found,) = (each["facts"] for each in document["chapters"] if each["id"] == name)
    return [fact for fact in found if fact["kind"] == kind]


def test_every_chapter_is_printed_in_order_with_what_it_came_to(tell):
    printed = " ".join(tell(columns=100).replace("─", " ").split())
    place = 0
    for part in re.split(" … |\n", TOLD.strip()):
        assert part in printed[place:]
        place = printed.index(part, place) + len(part)


def test_the_document_has_keys_that_stay(tell):
    written = tell("--json")
    assert written.isascii()
    document = json.loads(written)
    assert document["format"] == FORMAT
    assert [*document] == ["format", "version", "people", "groups", "exams", "left_out", "chapters"]
    chapters = document["chapters"]
    found = {fact["kind"]: " ".join(fact) for each in chapters for fact in each["facts"]}
    assert {kind: f"kind {keys}" for kind, keys in KEYS.items()}.items() <= found.items()
    times = [each["at"] for each in chapters]
    assert times == sorted(set(times))
    assert [exam["patient"] for exam in document["exams"]] == [1, 1, 2, 2, 2, 2]


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


def test_a_medium_of_one_study_gives_the_whole_story(tell, tmp_path):
    document = json.loads(tell("--json", one_study_medium(tmp_path)))
    assert [exam["files"] for exam in document["exams"]] == [2]
    assert [each["id"] for each in document["chapters"]] == [scene[0] for scene in SCENES]
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
    document = json.loads(tell("--json", medium_of(tmp_path, studies=2, patient="")))
    assert [exam["patient"] for exam in document["exams"]] == [1, 2]


def test_text_of_a_medium_is_shown_and_not_interpreted(tell, tmp_path):
    printed = tell(medium_of(tmp_path, studies=1, description="[red]x[/red] :smile:"))
    assert "[red]x[/red] :smile:" in printed


def test_files_without_an_exam_are_counted_with_the_reason(tell, tmp_path):
    one_study_medium(tmp_path)
    (tmp_path / "notes.txt").write_text("no image")
    assert "1 file left out: not a DICOM file, but other software" in tell(tmp_path)
    assert "notes.txt" not in tell(tmp_path)
    assert re.search(r"notes\.txt +not a DICOM file", tell("--verbose", tmp_path))
    (left_out,) = json.loads(tell("--json", tmp_path))["left_out"]
    assert (left_out["file"], left_out["reason"]) == ("notes.txt", "NOT_DICOM")


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
    assert re.search(r"\rreading 90 files: 10 %, \d+ s left", shown)
    assert shown.endswith(" \r")


@pytest.mark.parametrize(
    ("place", "told"),
    [("nothing", ""), ("empty", ""), ("text", ""), ("damaged", "with --loose")],
)
def test_a_path_that_is_no_medium_is_reported_in_one_line(capsys, tmp_path, place, told):
    for folder in ("empty", "damaged"):
        (tmp_path / folder).mkdir()
    (tmp_path / "text").write_text("no medium")
    (tmp_path / "damaged" / "DICOMDIR").write_bytes(b"damaged")
    assert main(["tour", str(tmp_path / place)]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("exam-sharing: ")
    assert told in err
    assert str(tmp_path) not in err


def test_a_medium_without_exams_is_reported_in_sentences_and_as_a_document(capsys, tmp_path):
    (tmp_path / "viewer.exe").write_bytes(b"MZ")
    assert main(["tour", str(tmp_path)]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == (
        "exam-sharing: no exam could be read from the medium. "
        "1 file: not a DICOM file, but other software or a document\n"
    )
    assert main(["tour", "--json", str(tmp_path)]) == 1
    told = capsys.readouterr()
    document = json.loads(told.out)
    assert (document["kind"], document["problem"]) == ("unread", "NOTHING_USABLE")
    assert [file["file"] for file in document["left_out"]] == ["viewer.exe"]
    assert told.err == ""


def test_names_of_files_that_were_left_out_cannot_harm_a_terminal(tell, capsys, tmp_path):
    name = os.fsdecode(b"\x1b]0;DOE\xff\x07\n\xe2\x80\xae.txt")
    (tmp_path / name).write_bytes(b"")
    legible = "\ufffd]0;DOE\ufffd\ufffd\ufffd\ufffd.txt"
    assert main(["tour", "--verbose", str(tmp_path)]) == 1
    told = capsys.readouterr().err.splitlines()
    assert told[0] == f"{legible}: not a DICOM file, but other software or a document"
    one_study_medium(tmp_path)
    assert f"{legible} " in tell("--verbose", tmp_path)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (41, "41 s"), (99, "99 s"), (100, "2 min"), (600, "10 min")],
)
def test_the_time_left_is_rounded_up(seconds, words):
    assert media.time_left(seconds) == words
