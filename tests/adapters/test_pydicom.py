"""Reading DICOM media: real ones, damaged ones, and hostile files."""

import logging
import os
import pickle
import re
import shutil
import socket
import stat
import struct
import subprocess
import threading
import tracemalloc
import warnings
import zipfile
import zlib
from datetime import UTC, date, datetime
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

pydicom = pytest.importorskip("pydicom")

from exam_sharing.adapters.pydicom import (  # noqa: E402
    LeftOut,
    LeftOutReason,
    MediaError,
    MediaProblem,
    headers,
    read_media,
    shipped_media,
)
from exam_sharing.errors import AlreadyExists, InputError, InvalidValue, WrongKind  # noqa: E402
from exam_sharing.identifiers import BatchId, ExamId, UserId  # noqa: E402
from exam_sharing.validation import PrivateText  # noqa: E402

NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)
CD = shipped_media()
LOOSE = CD.parent
FILE_OF_STUDY_1 = "77654033/CR1/6154"

STUDY_UID = 0x0020000D
CHARACTER_SET = 0x00080005
SOP_CLASS = 0x00080016
STUDY_DATE = 0x00080020
ACCESSION_NUMBER = 0x00080050
MODALITY = 0x00080060
DESCRIPTION = 0x00081030
PATIENT_NAME = 0x00100010
PATIENT_ID = 0x00100020
ISSUER = 0x00100021
TRANSFER_SYNTAX = 0x00020010
PIXEL_DATA = 0x7FE00010
IMPLICIT, EXPLICIT = b"1.2.840.10008.1.2", b"1.2.840.10008.1.2.1"
DEFLATED, JPEG = b"1.2.840.10008.1.2.1.99", b"1.2.840.10008.1.2.4.50"

VRS = {
    STUDY_UID: b"UI",
    CHARACTER_SET: b"CS",
    STUDY_DATE: b"DA",
    ACCESSION_NUMBER: b"SH",
    MODALITY: b"CS",
    PATIENT_NAME: b"PN",
    TRANSFER_SYNTAX: b"UI",
    PIXEL_DATA: b"OW",
}


def element(tag, value, *, vr=None, length=None):
    vr = vr or VRS.get(tag, b"LO")
    value += b" " * (len(value) % 2)
    length = len(value) if length is None else length
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr
    wide = vr in {b"OB", b"OW", b"SQ", b"UN"}
    return head + (struct.pack("<HL", 0, length) if wide else struct.pack("<H", length)) + value


def dicom_file(elements, *, syntax=EXPLICIT, tail=b""):
    """A DICOM file made by hand, so that it can hold what pydicom refuses to write."""
    data = b"".join(element(tag, value) for tag, value in sorted(elements.items())) + tail
    if syntax == DEFLATED:
        deflating = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        data = deflating.compress(data) + deflating.flush()
    return bytes(128) + b"DICM" + element(TRANSFER_SYNTAX, syntax) + data


def read(path, **changes):
    return read_media(
        path, **{"batch": BatchId("B1"), "uploader": UserId("alice"), "received_at": NOW} | changes
    )


def read_files(folder, *files, **changes):
    for number, content in enumerate(files, start=1):
        (folder / f"IM{number}").write_bytes(content)
    return read(folder, **changes)


def the_study(media):
    (study,) = media.studies.values()
    return study


def study_of(folder, elements):
    return the_study(read_files(folder, dicom_file({STUDY_UID: b"1.2"} | elements)))


def subjects(media):
    return [exam.subject for exam in media.exams]


def left_out(media):
    return [(str(item.file), item.reason) for item in media.left_out]


def missed(media):
    """What is left out, without the files that the shipped CD has beside those that it lists."""
    beside = left_out(read(CD))
    return [pair for pair in left_out(media) if pair not in beside]


def problem_of(path, **changes):
    with pytest.raises(MediaError) as caught:
        read(path, **changes)
    return caught.value.problem


@pytest.fixture
def cd(tmp_path):
    """A copy of the CD that may be broken."""
    return shutil.copytree(CD, tmp_path / "cd", ignore=shutil.ignore_patterns("TINY_ALPHA"))


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "loose"
    made.mkdir()
    return made


class TestACd:
    def test_gives_its_six_studies_of_two_patients_as_one_sealed_batch(self):
        media = read(CD)
        assert [str(exam.id) for exam in media.exams] == [f"B1-{n}" for n in range(1, 7)]
        assert subjects(media) == ["B1-patient-1"] * 2 + ["B1-patient-2"] * 4
        assert {exam.batch for exam in media.exams} == {media.batch.id} == {BatchId("B1")}
        assert media.batch.sealed
        assert missed(media) == []

    def test_gives_the_study_details_beside_the_exams(self):
        media = read(CD)
        study = media.studies[ExamId("B1-4")]
        assert study.study_instance_uid == "1.3.6.1.4.1.5962.1.1.0.0.0.1196533885.18148.0.427"
        assert study.description == "Carotids"
        assert study.modality == "MR"
        assert study.study_date == date(2003, 5, 5)
        assert study.accession_number == "428"
        assert study.patient_id == "98890234"
        assert study.patient_name == "Doe^Peter"
        assert list(media.studies) == [exam.id for exam in media.exams]
        assert media.studies[ExamId("B1-3")].description is None

    def test_lists_the_files_of_each_exam(self):
        media = read(CD)
        assert [len(files) for files in media.files.values()] == [3, 4, 7, 2, 4, 11]
        assert media.files[ExamId("B1-1")][0] == FILE_OF_STUDY_1
        assert all((CD / file).is_file() for files in media.files.values() for file in files)

    def test_can_be_given_by_its_dicomdir_file_as_a_text_and_by_a_relative_path(self, monkeypatch):
        whole = read(CD)
        monkeypatch.chdir(CD)
        for path in (CD / "DICOMDIR", "DICOMDIR", ".", str(CD)):
            assert read(path) == whole

    @pytest.mark.parametrize(
        "variant", ["bigEnd", "implicit", "nooffset", "nopatient", "reordered"]
    )
    def test_is_read_with_every_encoding_of_its_dicomdir(self, variant):
        media = read(CD / f"DICOMDIR-{variant}")
        assert attrs.evolve(media, left_out=()) == attrs.evolve(read(CD), left_out=())

    def test_consists_of_the_files_that_its_dicomdir_lists(self, cd):
        shutil.copy(LOOSE / "CT_small.dcm", cd / "77654033")
        (cd / "viewer.exe").write_bytes(b"MZ other software")
        media = read(cd)
        assert media.exams == read(CD).exams
        assert missed(media) == [
            ("77654033/CT_small.dcm", LeftOutReason.NOT_LISTED),
            ("viewer.exe", LeftOutReason.NOT_DICOM),
        ]

    def test_is_read_with_names_in_lower_case(self, cd):
        for place in sorted(cd.rglob("*"), key=lambda path: -len(path.parts)):
            place.rename(place.with_name(place.name.lower()))
        assert len(read(cd).exams) == 6

    def test_reports_missing_files(self, cd):
        (cd / FILE_OF_STUDY_1).unlink()
        media = read(cd)
        assert missed(media) == [(FILE_OF_STUDY_1, LeftOutReason.MISSING)]
        assert media.left_out_counts()[LeftOutReason.MISSING] == 1
        assert len(media.exams) == 6
        assert len(media.files[ExamId("B1-1")]) == 2

    def test_without_all_files_of_a_study_has_no_exam_for_it(self, cd):
        shutil.rmtree(cd / "77654033")
        media = read(cd)
        assert len(media.exams) == 4
        assert media.left_out_counts()[LeftOutReason.MISSING] == 7

    def test_without_any_of_its_files_is_an_error_that_counts_them(self, tmp_path):
        shutil.copy(CD / "DICOMDIR", tmp_path)
        with pytest.raises(MediaError) as caught:
            read(tmp_path)
        assert caught.value.problem is MediaProblem.NOTHING_LISTED_USABLE
        assert caught.value.left_out == {LeftOutReason.MISSING: 31}
        assert str(caught.value) == (
            "no exam could be read from the files that the DICOMDIR lists; read the files without "
            "it: give their folder, with loose=True. 31 files: listed by the DICOMDIR, but not on "
            "the medium"
        )

    @pytest.mark.parametrize(
        ("spoil", "reason"),
        [
            (lambda file: file.write_bytes(file.read_bytes()[:-100]), LeftOutReason.TRUNCATED),
            (lambda file: replaced(file).symlink_to(LOOSE / "CT_small.dcm"), LeftOutReason.LINK),
            (lambda file: replaced(file).mkdir(), LeftOutReason.MISSING),
            (lambda file: replaced(file.parent).write_bytes(b""), LeftOutReason.MISSING),
        ],
        ids=["cut", "a link", "a folder", "a file for its folder"],
    )
    def test_leaves_out_a_file_that_is_spoiled(self, cd, spoil, reason):
        spoil(cd / FILE_OF_STUDY_1)
        assert (FILE_OF_STUDY_1, reason) in left_out(read(cd))

    def test_with_a_link_for_a_folder_does_not_follow_it(self, cd):
        replaced(cd / "77654033").symlink_to(CD / "77654033")
        assert read(cd).left_out_counts()[LeftOutReason.LINK] == 8

    def test_with_a_folder_that_cannot_be_opened_leaves_out_its_files(self, cd, monkeypatch):
        close(monkeypatch, cd / "77654033" / "CR1")
        assert (FILE_OF_STUDY_1, LeftOutReason.UNREADABLE) in left_out(read(cd))


def replaced(path):
    """Remove a file or a folder, and return its path."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    return path


def close(monkeypatch, folder):
    """Let nobody open the folder; its mode would not stop a test that runs as root."""
    scandir = os.scandir

    def refuse(path):
        if Path(path) == folder:
            raise PermissionError
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)


def item(content):
    return struct.pack("<HHL", 0xFFFE, 0xE000, len(content)) + content


def record(file_id, *, in_use=b"\xff\xff"):
    return item(
        element(0x00041410, in_use, vr=b"US") + element(0x00041500, file_id.encode(), vr=b"CS")
    )


def dicomdir(*records, length=None):
    media_class = element(0x00020002, b"1.2.840.10008.1.3.10", vr=b"UI")
    begin = bytes(128) + b"DICM" + media_class + element(TRANSFER_SYNTAX, EXPLICIT)
    return begin + element(0x00041220, b"".join(records), vr=b"SQ", length=length)


class TestADicomdir:
    def test_that_lists_a_file_twice_gives_it_once(self, folder):
        (folder / "DICOMDIR").write_bytes(dicomdir(record("IM1"), record("IM1")))
        media = read_files(folder, dicom_file({STUDY_UID: b"1.2"}))
        assert list(media.files.values()) == [("IM1",)]

    def test_does_not_give_the_files_of_records_that_were_retired(self, folder):
        (folder / "DICOMDIR").write_bytes(dicomdir(record("IM1", in_use=b"\0\0"), record("IM2")))
        media = read_files(folder, dicom_file({STUDY_UID: b"1.1"}), dicom_file({STUDY_UID: b"1.2"}))
        assert the_study(media).study_instance_uid == "1.2"

    @pytest.mark.parametrize(
        "file_id", ["..\\SECRET", "../SECRET", "{}\\SECRET", ".\\..\\SECRET", "A\0\\SECRET"]
    )
    def test_does_not_lead_out_of_the_medium(self, folder, file_id):
        (folder.parent / "SECRET").write_bytes(dicom_file({STUDY_UID: b"1.3"}))
        listed = dicomdir(record("IM1"), record(file_id.format(folder.parent)))
        (folder / "DICOMDIR").write_bytes(listed)
        media = read_files(folder, dicom_file({STUDY_UID: b"1.2"}))
        assert len(media.exams) == 1
        (reason,) = media.left_out_counts()
        assert reason is (LeftOutReason.UNSAFE_NAME if ".." in file_id else LeftOutReason.MISSING)

    def test_that_lists_nothing_is_an_error_that_says_what_to_do(self):
        with pytest.raises(MediaError, match="loose=True") as caught:
            read(CD / "DICOMDIR-empty.dcm")
        assert caught.value.problem is MediaProblem.DIRECTORY_EMPTY

    def test_without_a_list_is_an_error(self, folder):
        whole = dicomdir(record("IM1"))
        (folder / "DICOMDIR").write_bytes(whole[: whole.index(b"\x04\x00\x20\x12")])
        assert problem_of(folder) is MediaProblem.DIRECTORY_EMPTY

    @pytest.mark.parametrize(
        "content",
        [
            *((CD / "DICOMDIR").read_bytes()[:cut] for cut in (0, 100, 140, 400, 4000)),
            dicomdir(record("IM1"), length=0xFFFFFFFF),
            bytes(128) + b"DICM" + bytes(range(256)) * 9,
        ],
        ids=["0", "100", "140", "400", "4000", "endless records", "noise"],
    )
    def test_that_is_damaged_is_an_error_and_no_part_of_it_is_read(self, cd, content):
        (cd / "DICOMDIR").write_bytes(content)
        assert problem_of(cd) is MediaProblem.DIRECTORY_UNREADABLE

    def test_that_is_damaged_can_be_ignored(self, cd):
        (cd / "DICOMDIR").write_bytes(b"DOE^JOHN")
        media = read(cd, loose=True)
        assert len(media.exams) == 6
        assert media.left_out_counts()[LeftOutReason.NOT_DICOM] == 2

    def test_that_is_a_link_is_not_followed(self, cd):
        (cd / "DICOMDIR").unlink()
        (cd / "DICOMDIR").symlink_to(CD / "DICOMDIR")
        assert problem_of(cd) is MediaProblem.DIRECTORY_IS_NO_FILE

    def test_that_is_no_file_does_not_hang(self, cd):
        (cd / "DICOMDIR").unlink()
        os.mkfifo(cd / "DICOMDIR")
        assert problem_of(cd) is MediaProblem.DIRECTORY_IS_NO_FILE
        assert len(read(cd, loose=True).exams) == 6


class TestAPath:
    @pytest.mark.parametrize(
        ("path", "problem"),
        [
            ("nothing", MediaProblem.NOT_FOUND),
            ("no\0thing", MediaProblem.NOT_FOUND),
            ("no\ud800thing", MediaProblem.NOT_FOUND),
            ("", MediaProblem.NOT_FOUND),
            (LOOSE / "README.txt", MediaProblem.NOT_A_MEDIUM),
        ],
    )
    def test_to_no_medium_is_an_error(self, path, problem):
        assert problem_of(path) is problem

    def test_to_a_dicomdir_that_is_ignored_is_its_folder(self, cd):
        assert read(cd / "DICOMDIR", loose=True) == read(cd, loose=True)

    def test_to_one_file_is_a_medium_of_one_file(self):
        media = read(LOOSE / "CT_small.dcm")
        assert list(media.files.values()) == [("CT_small.dcm",)]
        assert media.left_out == ()

    def test_in_a_circle_of_links_is_an_error(self, folder):
        (folder / "A").symlink_to(folder / "B")
        (folder / "B").symlink_to(folder / "A")
        assert problem_of(folder / "A") is MediaProblem.LINK_LOOP

    def test_to_a_socket_is_an_error(self, monkeypatch, folder):
        monkeypatch.chdir(folder)
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind("IM1")
            assert problem_of("IM1") is MediaProblem.NOT_A_MEDIUM

    def test_to_a_special_file_is_an_error_and_does_not_hang(self, tmp_path):
        os.mkfifo(tmp_path / "DICOMDIR")
        assert problem_of(tmp_path / "DICOMDIR") is MediaProblem.NOT_A_MEDIUM

    def test_to_an_empty_or_closed_folder_is_an_error(self, folder, monkeypatch):
        assert problem_of(folder) is MediaProblem.EMPTY
        close(monkeypatch, folder)
        assert problem_of(folder) is MediaProblem.NOT_READABLE

    @pytest.mark.parametrize("path", [None, 7, b"media"])
    def test_of_another_type_is_an_error_of_the_caller(self, path):
        with pytest.raises(WrongKind, match="path must be str or PathLike"):
            read(path)

    def test_to_a_folder_may_be_a_link(self, tmp_path):
        (tmp_path / "drive").symlink_to(CD)
        assert read(tmp_path / "drive") == read(CD)


class TestAFolderOfFiles:
    def test_gives_each_study_in_the_order_of_the_names(self):
        media = read(LOOSE)
        firsts = [files[0].split("/") for files in media.files.values()]
        assert firsts == sorted(firsts)
        assert len(media.exams) > 20

    def test_accounts_for_every_file(self):
        media = read(LOOSE)
        named = [str(item.file) for item in media.left_out]
        named += [str(file) for files in media.files.values() for file in files]
        there = [str(p.relative_to(LOOSE)) for p in LOOSE.rglob("*") if p.is_file()]
        assert sorted(named) == sorted(there)

    def test_reports_the_truncated_files_in_the_wheel(self):
        reasons = dict(left_out(read(LOOSE)))
        assert reasons["MR_truncated.dcm"] is LeftOutReason.TRUNCATED
        assert reasons["rtplan_truncated.dcm"] is LeftOutReason.TRUNCATED
        assert list(reasons.values()).count(LeftOutReason.TRUNCATED) == 2

    def test_reports_files_that_are_no_dicom(self):
        reasons = dict(left_out(read(LOOSE)))
        assert reasons["README.txt"] is LeftOutReason.NOT_DICOM
        assert reasons["zipMR.gz"] is LeftOutReason.NOT_DICOM
        assert reasons["dicomdirtests/DICOMDIR"] is LeftOutReason.DIRECTORY
        assert reasons["priv_SQ.dcm"] is LeftOutReason.NO_STUDY_UID

    def test_reads_names_in_every_script(self):
        names = {
            study.patient_name for study in read(LOOSE.parent / "charset_files").studies.values()
        }
        assert {
            "Buc^Jérôme",
            "Yamada^Tarou=山田^太郎=やまだ^たろう",
            "Hong^Gildong=洪^吉洞=홍^길동",
            "Διονυσιος",
        } <= names

    def test_does_not_hang_in_a_circle_of_links(self, folder):
        (folder / "circle").symlink_to(folder)
        (folder / "self").symlink_to(folder / "self")
        media = read_files(folder, dicom_file({STUDY_UID: b"1.2"}))
        assert left_out(media) == [
            ("circle", LeftOutReason.LINK),
            ("self", LeftOutReason.LINK),
        ]

    def test_does_not_hang_on_special_files(self, folder, monkeypatch):
        monkeypatch.chdir(folder)
        os.mkfifo("pipe")
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind("socket")
            media = read_files(folder, dicom_file({STUDY_UID: b"1.2"}))
        assert left_out(media) == [
            ("pipe", LeftOutReason.SPECIAL_FILE),
            ("socket", LeftOutReason.SPECIAL_FILE),
        ]

    def test_is_read_to_any_depth(self, folder):
        deep = folder.joinpath(*["d"] * 300)
        deep.mkdir(parents=True)
        media = read_files(deep, dicom_file({STUDY_UID: b"1.2"}))
        assert read(folder).studies == media.studies

    def test_reports_a_folder_that_cannot_be_opened(self, folder, monkeypatch):
        (folder / "closed").mkdir()
        close(monkeypatch, folder / "closed")
        media = read_files(folder, dicom_file({STUDY_UID: b"1.2"}))
        assert left_out(media) == [("closed", LeftOutReason.UNREADABLE)]

    def test_may_lose_files_while_it_is_read(self, folder):
        media = read_files(
            folder,
            dicom_file({STUDY_UID: b"1.2"}),
            dicom_file({STUDY_UID: b"1.3"}),
            on_progress=lambda *_: (folder / "IM2").unlink(missing_ok=True),
        )
        assert left_out(media) == [("IM2", LeftOutReason.UNREADABLE)]

    def test_may_hold_names_that_are_no_text(self, folder):
        (folder / os.fsdecode(b"DOE\xff\n")).write_bytes(b"")
        media = read_files(folder, dicom_file({STUDY_UID: b"1.2"}))
        assert left_out(media) == [("DOE\udcff\n", LeftOutReason.NOT_DICOM)]

    def test_without_any_study_is_an_error_that_counts_the_files(self, folder):
        with pytest.raises(MediaError) as caught:
            read_files(folder, b"", b"noise", dicom_file({}))
        assert caught.value.problem is MediaProblem.NOTHING_USABLE
        assert caught.value.left_out == {
            LeftOutReason.NOT_DICOM: 2,
            LeftOutReason.NO_STUDY_UID: 1,
        }


DUMPED = re.compile(r"^\((0020,000d|0010,0020)\) (?!UN)\w\w (?:\[(.*?)\])?", re.MULTILINE)


@pytest.mark.skipif(shutil.which("dcmdump") is None, reason="no dcmdump: install dcmtk")
def test_studies_and_patients_are_those_that_dcmtk_reads():
    media = read(LOOSE, loose=True)
    read_as = {
        str(file): (study.study_instance_uid, str(study.patient_id or ""))
        for exam, study in media.studies.items()
        for file in media.files[exam]
    }
    compared = 0
    for path in filter(Path.is_file, LOOSE.rglob("*")):
        command = ["dcmdump", "-q", "+p", "+P", "0020,000d", "+P", "0010,0020", path]
        dumped = subprocess.run(command, check=False, capture_output=True)
        found = dict(DUMPED.findall(dumped.stdout.decode("latin-1")))
        if found.get("0020,000d"):
            compared += 1
            expected = found["0020,000d"], found.get("0010,0020", "")
            assert read_as[str(path.relative_to(LOOSE))] == expected
    assert compared > 140


def whole_file(pixels=b"\1\2" * 50, **kwargs):
    return dicom_file({STUDY_UID: b"1.2", PIXEL_DATA: pixels}, **kwargs)


def encapsulated(*fragments, end=b"\xfe\xff\xdd\xe0\0\0\0\0"):
    pixels = element(PIXEL_DATA, b"", vr=b"OB", length=0xFFFFFFFF)
    return dicom_file(
        {STUDY_UID: b"1.2"}, syntax=JPEG, tail=pixels + b"".join(map(item, fragments)) + end
    )


# Real files, and where in each the pixels, or the last fragment of them, begin and end.
PIXELS = [
    ("CT_small.dcm", 6300, 39068),
    ("MR_small_bigendian.dcm", 1516, 9708),
    ("MR_small_implicit.dcm", 1510, 9702),
    ("JPEG2000.dcm", 3050, 3300),
    ("SC_rgb_rle_2frame.dcm", 2024, 2688),
]


def reason_for(folder, content):
    with pytest.raises(MediaError) as caught:
        read_files(folder, content)
    (reason,) = caught.value.left_out
    return reason


class TestATruncatedFile:
    @pytest.mark.parametrize(
        "content",
        [
            *(whole_file()[:-missing] for missing in (1, 50, 99)),
            dicom_file({STUDY_UID: b"1.2"}, tail=element(0x00420011, b"pdf", length=900)),
            dicom_file({STUDY_UID: b"1.2.3.4"})[:-3],
            dicom_file(
                {STUDY_UID: b"1.2"},
                tail=element(0x00400260, item(b""), vr=b"SQ", length=0xFFFFFFFF),
            ),
        ],
        ids=["pixels", "pixels", "pixels", "a skipped value", "a read value", "a sequence"],
    )
    def test_is_recognized(self, folder, content):
        assert reason_for(folder, content) is LeftOutReason.TRUNCATED

    @pytest.mark.parametrize("missing", [1, 9, 10, 11, 14, 30])
    def test_is_recognized_by_its_fragments(self, folder, missing):
        content = encapsulated(b"", b"\1" * 20, b"\1" * 6, end=b"")
        reason = LeftOutReason.TRUNCATED
        if missing == 14:  # as if it had one fragment less, and no end of fragments
            assert len(read_files(folder, content[:-missing]).exams) == 1
        else:
            assert reason_for(folder, content[:-missing]) is reason

    def test_is_not_a_file_with_all_fragments(self, folder):
        content = encapsulated(b"", b"\xfe\xff\xdd\xe0\0\0\0\0", b"\1" * 6)
        assert len(read_files(folder, content).exams) == 1

    def test_is_not_a_file_with_zeros_behind_its_data(self, folder):
        content = dicom_file({STUDY_UID: b"1.2"})
        for zeros in (3, 8, 5000):
            assert len(read_files(folder, content + bytes(zeros)).exams) == 1

    def test_is_recognized_when_deflated(self, folder):
        content = whole_file(os.urandom(3000), syntax=DEFLATED)
        assert len(read_files(folder, content).exams) == 1
        assert reason_for(folder, content[:-1000]) is LeftOutReason.TRUNCATED

    @pytest.mark.parametrize("more", range(-40, 40, 8))
    def test_is_not_a_file_that_inflates_to_about_a_mebibyte(self, folder, more):
        content = whole_file(bytes(1024 * 1024 + more), syntax=DEFLATED)
        assert len(read_files(folder, content).exams) == 1

    @given(data=st.data())
    def test_is_recognized_wherever_its_pixels_are_cut(self, data, tmp_path_factory):
        name, begin, end = data.draw(st.sampled_from(PIXELS))
        cut = data.draw(st.integers(begin, end - 1))
        made = tmp_path_factory.mktemp("cut")
        assert reason_for(made, (LOOSE / name).read_bytes()[:cut]) is LeftOutReason.TRUNCATED


class TestAHostileFile:
    def test_cannot_inflate_without_end(self, folder, monkeypatch):
        content = whole_file(bytes(3_000_000), syntax=DEFLATED)
        assert len(read_files(folder, content).exams) == 1
        monkeypatch.setattr("exam_sharing.adapters.pydicom.elements.MAX_INFLATED", 2_000_000)
        assert reason_for(folder, content) is LeftOutReason.UNREADABLE

    def test_cannot_nest_without_end(self, folder):
        sequence = element(0x00400260, b"", vr=b"SQ", length=0xFFFFFFFF)
        deep = (sequence + struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)) * 5000
        content = dicom_file({STUDY_UID: b"1.2"}, tail=deep)
        assert reason_for(folder, content) is LeftOutReason.TRUNCATED

    @pytest.mark.parametrize(
        "uid",
        [b"DOE^JOHN", b"1.2\\1.3", b"1..2", b".1", b"1.2/../..", b"1" * 65, b"1\x002", b"\xb9.2"],
    )
    def test_cannot_have_a_malformed_study_uid(self, folder, uid):
        content = dicom_file({STUDY_UID: uid})
        assert reason_for(folder, content) is LeftOutReason.MALFORMED_STUDY_UID

    @pytest.mark.parametrize("uid", [b"", b"\0\0", b"  ", b"1" * 5000])
    def test_without_a_study_uid_is_left_out(self, folder, uid):
        assert reason_for(folder, dicom_file({STUDY_UID: uid})) is LeftOutReason.NO_STUDY_UID

    def test_with_a_sequence_in_place_of_a_text_lacks_the_text(self, folder):
        sequence = element(PATIENT_ID, item(b""), vr=b"SQ", length=0xFFFFFFFF)
        end = b"\xfe\xff\xdd\xe0\0\0\0\0"
        content = dicom_file({}, tail=sequence + end + element(STUDY_UID, b"1.2"))
        assert the_study(read_files(folder, content)).patient_id is None

    @pytest.mark.parametrize("harm", ["\0", "\x1b[2J", "\n", "\u202e", "\u2028", "\u200f"])
    def test_cannot_put_controls_into_a_text(self, folder, harm):
        text = f"head{harm}CT".encode()
        description = study_of(
            folder, {CHARACTER_SET: b"ISO_IR 192", DESCRIPTION: text}
        ).description
        assert description == "head" + harm.replace(harm[0], "\ufffd") + "CT"

    def test_cannot_put_lone_surrogates_into_a_text(self, folder):
        elements = {CHARACTER_SET: b"unicode_escape", PATIENT_NAME: b"Do\xe9\\ud800"}
        assert study_of(folder, elements).patient_name == "Doé\ufffd"

    @pytest.mark.parametrize(
        "charset", [b"NONSENSE", b"\xff\xfe", b"\\\\", b"idna", b"hex", b"utf-7", b"x" * 300]
    )
    def test_with_any_character_set_is_read(self, folder, charset):
        elements = {CHARACTER_SET: charset, PATIENT_NAME: b"Doe\x1b$)C^\xb0\xa1\xff"}
        assert study_of(folder, elements).patient_name

    def test_with_an_overlong_text_lacks_the_text(self, folder):
        assert study_of(folder, {DESCRIPTION: b"x" * 5000}).description is None

    @pytest.mark.parametrize(
        "text", [b"20011399", b"00000000", b"99999999", b"yesterday", b"2001", b"-2001010", b""]
    )
    def test_with_an_invalid_date_has_no_date(self, folder, text):
        assert study_of(folder, {STUDY_DATE: text}).study_date is None

    @pytest.mark.parametrize("text", [b"20010203", b"2001.02.03"])
    def test_may_have_a_date_in_the_old_or_the_new_format(self, folder, text):
        assert study_of(folder, {STUDY_DATE: text}).study_date == date(2001, 2, 3)

    @given(data=st.data())
    def test_with_any_content_is_read_or_left_out(self, data, tmp_path_factory):
        name = data.draw(st.sampled_from(["CT_small.dcm", "JPEG2000.dcm", "image_dfl.dcm"]))
        content = bytearray((LOOSE / name).read_bytes())
        for place in data.draw(st.lists(st.integers(0, 2000), max_size=20)):
            content[place] = data.draw(st.integers(0, 255))
        made = tmp_path_factory.mktemp("noise")
        try:
            media = read_files(made, bytes(content))
        except MediaError as error:
            assert sum(error.left_out.values()) == 1  # noqa: PT017
        else:
            assert len(media.exams) == 1


def of(patient=b"", issuer=b"", **details):
    tags = {
        "uid": STUDY_UID,
        "modality": MODALITY,
        "description": DESCRIPTION,
        "name": PATIENT_NAME,
    }
    return dicom_file(
        {STUDY_UID: b"1.2", PATIENT_ID: patient, ISSUER: issuer}
        | {tags[name]: value for name, value in details.items()}
    )


class TestNamesOnDisc:
    @pytest.mark.parametrize("name", ["IM1.dcm", "im1.DCM", "IM1.;1", "IM1;1", "im1.", "IM1.dcm;2"])
    def test_may_have_an_extension_or_a_version_that_the_dicomdir_lacks(self, folder, name):
        (folder / "DICOMDIR").write_bytes(dicomdir(record("IM1")))
        (folder / name).write_bytes(dicom_file({STUDY_UID: b"1.2"}))
        media = read(folder)
        assert list(media.files.values()) == [(name,)]
        assert media.left_out == ()

    def test_with_an_extension_count_only_if_nothing_else_is_as_near(self, folder):
        (folder / "DICOMDIR").write_bytes(dicomdir(record("IM1")))
        for name in ("IM1.dcm", "IM1.jpg"):
            (folder / name).write_bytes(dicom_file({STUDY_UID: b"1.2"}))
        with pytest.raises(MediaError, match="with loose=True") as caught:
            read(folder)
        assert caught.value.left_out == {LeftOutReason.MISSING: 1, LeftOutReason.NOT_LISTED: 2}
        (folder / "im1").write_bytes(dicom_file({STUDY_UID: b"1.2"}))
        assert list(read(folder).files.values()) == [("im1",)]

    @pytest.mark.parametrize("file_id", ["A/IM1", ".\\A\\IM1", "./A/./IM1", "\\A\\IM1"])
    def test_may_be_written_with_other_delimiters(self, folder, file_id):
        (folder / "DICOMDIR").write_bytes(dicomdir(record(file_id)))
        (folder / "A").mkdir()
        (folder / "A" / "IM1").write_bytes(dicom_file({STUDY_UID: b"1.2"}))
        assert list(read(folder).files.values()) == [("A/IM1",)]


HEADER = {STUDY_UID: b"1.2", PATIENT_ID: b"7"}
IMPOSSIBLE = struct.pack("<HH", 0x0028, 0x0120) + b"\x9a\x01\xff\xff"
OPEN_SEQUENCE = element(0x00081140, b"", vr=b"SQ", length=0xFFFFFFFF)
EMPTY_ITEM = struct.pack("<HHL", 0xFFFE, 0xE000, 0)
SEQUENCE_END = b"\xfe\xff\xdd\xe0\0\0\0\0"


class TestADamagedFile:
    @pytest.mark.parametrize("damage", [IMPOSSIBLE, b"\0\x01 of another program", b"\x12\x34\x56"])
    def test_is_read_if_study_and_patient_come_before_the_damage(self, folder, damage):
        assert subjects(read_files(folder, dicom_file(HEADER, tail=damage))) == ["B1-patient-1"]

    @pytest.mark.parametrize("lost", [STUDY_UID, PATIENT_ID])
    def test_is_damaged_without_study_or_patient(self, folder, lost):
        known = {tag: value for tag, value in HEADER.items() if tag != lost}
        content = dicom_file(known, tail=IMPOSSIBLE)
        assert reason_for(folder, content) is LeftOutReason.DAMAGED

    def test_is_damaged_in_a_sequence_that_has_no_items(self, folder):
        content = dicom_file({}, tail=OPEN_SEQUENCE + bytes(64) + element(STUDY_UID, b"1.2"))
        assert reason_for(folder, content) is LeftOutReason.DAMAGED

    def test_needs_little_memory_for_many_items(self, folder):
        texts = {CHARACTER_SET: b"ISO_IR 192"}
        items = OPEN_SEQUENCE + EMPTY_ITEM * 200_000 + SEQUENCE_END
        study = element(PATIENT_ID, b"7") + element(STUDY_UID, b"1.2")
        (folder / "IM1").write_bytes(dicom_file(texts, tail=items + study))
        (folder / "IM2").write_bytes(dicom_file(texts, tail=items + study))
        tracemalloc.start()
        try:
            assert len(read(folder).exams) == 1
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert most < 1_600_000

    def test_passes_over_nested_sequences_in_every_encoding(self, folder):
        inner = element(0x00081150, b"1.2.3", vr=b"UI") + element(0x00081155, b"9", vr=b"UI")
        open_item = struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
        item_end = b"\xfe\xff\x0d\xe0\0\0\0\0"
        deep = OPEN_SEQUENCE + open_item + inner + item_end + item(inner) + SEQUENCE_END
        implicit = struct.pack("<HHL", 0x0008, 0x1155, 2) + b"9 "
        unknown = element(0x00091001, b"", vr=b"UN", length=0xFFFFFFFF)
        unknown += open_item + implicit + item_end + SEQUENCE_END
        outer = OPEN_SEQUENCE + open_item + deep + item_end + SEQUENCE_END + unknown
        content = dicom_file(
            {}, tail=outer + element(PATIENT_ID, b"7") + element(STUDY_UID, b"1.2")
        )
        assert the_study(read_files(folder, content)).patient_id == "7"


class TestAFileWithoutPreamble:
    def test_is_read_in_every_encoding(self, folder):
        shutil.copy(LOOSE / "rtstruct.dcm", folder / "RT")
        explicit = b"".join(element(tag, value) for tag, value in sorted(HEADER.items()))
        begin = element(SOP_CLASS, b"1.2.840.10008.5.1.4.1.1.2", vr=b"UI")
        meta = element(TRANSFER_SYNTAX, EXPLICIT)
        media = read_files(folder, begin + explicit, meta + begin + explicit)
        assert sum(len(files) for files in media.files.values()) == 3
        assert media.left_out == ()

    def test_gets_its_own_reason(self, folder):
        begin = element(SOP_CLASS, b"1.2.840.10008.5.1.4.1.1.2", vr=b"UI")
        assert reason_for(folder, begin) is LeftOutReason.NO_STUDY_UID

    @pytest.mark.parametrize("content", [b"\x08\0\5\0\4\0\0\0text", b"\2\0\1\0UI\x04\0text" * 9])
    def test_is_no_dicom_file_if_it_only_begins_like_one(self, folder, content):
        assert reason_for(folder, content) is LeftOutReason.NOT_DICOM


def zipped(path, *files, **kwargs):
    with zipfile.ZipFile(path, "w", **kwargs) as made:
        for name, content in files:
            made.writestr(name, content)
    return path


ONE_FILE = dicom_file(HEADER)


class TestAZip:
    @pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    def test_is_read_like_its_folder_and_leaves_nothing_behind(
        self, cd, tmp_path, compression, monkeypatch
    ):
        files = [(f"{path.relative_to(cd)}", path) for path in sorted(cd.rglob("*"))]
        contents = [(name, path.read_bytes()) for name, path in files if path.is_file()]
        made = zipped(tmp_path / "cd.zip", *contents, compression=compression)
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
        assert read(made) == read(cd)
        assert read(made, loose=True) == read(cd, loose=True)
        assert sorted(each.name for each in tmp_path.iterdir()) == ["cd", "cd.zip"]

    def test_may_be_made_on_any_system(self, tmp_path):
        files = [("CD\\DATA\\IM1", ONE_FILE), ("CD/EMPTY/", b"")]
        media = read(zipped(tmp_path / "cd.zip", *files))
        assert list(media.files.values()) == [("CD/DATA/IM1",)]

    @pytest.mark.parametrize(
        "name", ["../IM2", "/etc/IM2", "A/../../IM2", "C:/IM2", "C:IM2", "A//B"]
    )
    def test_leaves_out_a_name_that_leads_out_of_it(self, tmp_path, name):
        made = zipped(tmp_path / "cd.zip", ("IM1", ONE_FILE), (name, ONE_FILE))
        media = read(made)
        assert list(media.files.values()) == [("IM1",)]
        assert media.left_out_counts() == {LeftOutReason.UNSAFE_NAME: 1}

    def test_leaves_out_names_that_it_holds_twice_and_links(self, tmp_path):
        link = zipfile.ZipInfo("IM3")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        files = [("IM1", ONE_FILE), ("IM1", b"other"), ("IM1/IM2", b"other"), (link, "IM1")]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = zipped(tmp_path / "cd.zip", *files)
        media = read(made)
        assert media.left_out_counts() == {LeftOutReason.AMBIGUOUS: 2, LeftOutReason.LINK: 1}

    def test_leaves_out_what_is_encrypted_and_says_so(self, tmp_path):
        made = zipped(tmp_path / "cd.zip", ("IM1", ONE_FILE))
        content = bytearray(made.read_bytes())
        content[6] |= 1
        content[content.index(b"PK\1\2") + 8] |= 1
        made.write_bytes(content)
        with pytest.raises(MediaError, match="encrypted in the ZIP file") as caught:
            read(made)
        assert caught.value.left_out == {LeftOutReason.ENCRYPTED: 1}

    @pytest.mark.parametrize("keep", [4, 30, 200, -1, -30])
    def test_that_is_truncated_is_an_error(self, tmp_path, keep):
        made = zipped(tmp_path / "cd.zip", ("IM1", ONE_FILE))
        made.write_bytes(made.read_bytes()[:keep])
        assert problem_of(made) is MediaProblem.ZIP_UNREADABLE

    def test_with_a_damaged_file_leaves_out_the_file(self, tmp_path):
        made = zipped(
            tmp_path / "cd.zip",
            ("IM1", ONE_FILE),
            ("IM2", ONE_FILE),
            compression=zipfile.ZIP_DEFLATED,
        )
        content = bytearray(made.read_bytes())
        second = content.index(b"IM2") + 3
        content[second : second + 20] = b"\xff" * 20
        made.write_bytes(content)
        assert read(made).left_out_counts() == {LeftOutReason.UNREADABLE: 1}

    def test_with_too_many_files_is_an_error(self, tmp_path, monkeypatch):
        made = zipped(tmp_path / "cd.zip", *((f"{number}", b"") for number in range(100)))
        monkeypatch.setattr("exam_sharing.adapters.pydicom.files.MAX_ENTRIES", 99)
        assert problem_of(made) is MediaProblem.ZIP_TOO_LARGE

    def test_with_an_endless_table_of_contents_is_an_error(self, tmp_path, monkeypatch):
        made = zipped(tmp_path / "cd.zip", *((f"{number}", b"") for number in range(100)))
        monkeypatch.setattr("exam_sharing.adapters.pydicom.files.MAX_CONTENTS", 2000)
        assert problem_of(made) is MediaProblem.ZIP_TOO_LARGE

    def test_that_is_a_bomb_is_an_error(self, tmp_path):
        made = zipped(tmp_path / "cd.zip", ("IM1", ONE_FILE))
        content = bytearray(made.read_bytes())
        entry = content.index(b"PK\1\2")
        content[entry + 24 : entry + 28] = struct.pack("<L", 0xFFFFFFF0)
        made.write_bytes(content)
        assert problem_of(made) is MediaProblem.ZIP_TOO_LARGE

    def test_that_is_empty_is_an_error(self, tmp_path):
        assert problem_of(zipped(tmp_path / "cd.zip")) is MediaProblem.EMPTY

    def test_with_a_header_that_is_far_away_is_read_as_far_as_needed(self, tmp_path, monkeypatch):
        monkeypatch.setattr("exam_sharing.adapters.pydicom.files.REACH", 4000)
        far = element(0x00420011, bytes(9000), vr=b"OB")
        files = [
            ("IM1", dicom_file(HEADER, tail=far)),
            ("IM2", dicom_file({}, tail=element(0x00080001, bytes(9000), vr=b"OB"))),
        ]
        media = read(zipped(tmp_path / "cd.zip", *files))
        assert list(media.files.values()) == [("IM1",)]
        assert media.left_out_counts() == {LeftOutReason.DAMAGED: 1}


class TestAStudy:
    def test_of_no_known_patient_has_no_subject(self, folder):
        media = read_files(folder, of(b"", b"HOSPITAL"))
        assert subjects(media) == [None]
        assert the_study(media).patient_id is None

    def test_leaves_its_exam_without_patient_data(self, folder):
        media = read_files(folder, of(b"7", b"HOSPITAL"))
        assert subjects(media) == ["B1-patient-1"]
        assert "HOSPITAL" not in str(attrs.asdict(media.exams[0]))

    def test_has_the_subject_that_the_host_returns_for_patient_id_and_issuer(self, folder):
        asked = []
        media = read_files(
            folder,
            of(b"7", b"HOSPITAL"),
            of(b"7", b"HOSPITAL", uid=b"1.3"),
            of(uid=b"1.4"),
            subject=lambda patient: asked.append(patient) or "P-1",
        )
        assert subjects(media) == ["P-1", "P-1", None]
        assert asked == ["7^^^HOSPITAL"]

    def test_may_get_no_subject_from_the_host(self, folder):
        assert subjects(read_files(folder, of(b"7"), subject=lambda _: None)) == [None]

    def test_escapes_the_patient_id_so_that_no_two_references_are_equal(self, folder):
        media = read_files(folder, of(b"7^^^HOSPITAL"), subject=str)
        assert subjects(media) == ["7\\S\\\\S\\\\S\\HOSPITAL"]

    def test_of_two_patients_becomes_one_exam_for_each(self, folder):
        media = read_files(folder, of(b"7"), of(b"8"), of(b"7"), subject=str)
        assert subjects(media) == ["7", "8"]
        assert list(media.files.values()) == [("IM1", "IM3"), ("IM2",)]

    def test_keeps_files_with_less_patient_data(self, folder):
        media = read_files(folder, of(), of(b"7"), of(b"7", b"HOSPITAL"), subject=str)
        assert subjects(media) == ["7^^^HOSPITAL"]
        assert list(media.files.values()) == [("IM1", "IM2", "IM3")]

    def test_assigns_a_file_that_fits_several_patients_to_none_of_them(self, folder):
        media = read_files(folder, of(b"7", b"A"), of(b"7"), of(b"7", b"B"), of(), subject=str)
        assert subjects(media) == ["7^^^A", "7", "7^^^B", None]

    def test_names_all_its_modalities(self, folder):
        media = read_files(
            folder, of(modality=b"PT"), of(modality=b"CT"), of(modality=b"PT"), of(modality=b"")
        )
        assert the_study(media).modality == "CT/PT"

    def test_takes_each_detail_from_the_first_file_that_has_it(self, folder):
        media = read_files(
            folder, of(description=b""), of(description=b"Head", name=b"Doe"), of(description=b"X")
        )
        assert the_study(media).description == "Head"
        assert the_study(media).patient_name == "Doe"

    def test_takes_details_from_files_with_less_patient_data(self, folder):
        media = read_files(
            folder, of(b"7", modality=b"CT"), of(modality=b"SR", description=b"Report")
        )
        assert the_study(media).description == "Report"
        assert the_study(media).modality == "CT/SR"

    def test_uploaded_twice_is_two_exams(self):
        first, second = read(CD), read(CD, batch=BatchId("B2"))
        assert list(first.studies.values()) == list(second.studies.values())
        assert not set(first.studies) & set(second.studies)


class TestAReading:
    def test_gives_the_same_for_the_same_medium(self):
        assert read(LOOSE) == read(LOOSE)

    @pytest.mark.parametrize(("given", "owner"), [({}, "alice"), ({"owner": UserId("bob")}, "bob")])
    def test_sets_uploader_owner_and_time(self, given, owner):
        media = read(CD, **given)
        assert media.batch.uploader == UserId("alice")
        assert {exam.owner for exam in media.exams} == {UserId(owner)}
        assert {exam.uploaded_at for exam in media.exams} == {media.batch.received_at} == {NOW}

    def test_uses_exam_ids_of_the_caller(self):
        media = read(CD, exam_id=lambda number, study: ExamId(f"{study.modality}-{number}"))
        assert [str(exam.id) for exam in media.exams] == [
            "CR-1", "CT-2", "CT-3", "MR-4", "MR-5", "MR-6",
        ]  # fmt: skip

    def test_refuses_a_repeated_exam_id(self):
        with pytest.raises(AlreadyExists, match="the id 'E1' is taken"):
            read(CD, exam_id=lambda _number, _study: ExamId("E1"))

    @pytest.mark.parametrize(
        ("changes", "error"),
        [
            ({"received_at": datetime(2024, 5, 1)}, InvalidValue),
            ({"received_at": "today"}, WrongKind),
            ({"batch": "B1"}, WrongKind),
            ({"uploader": "alice"}, WrongKind),
            ({"owner": "alice"}, WrongKind),
            ({"exam_id": lambda _number, _study: "E1"}, WrongKind),
        ],
    )
    def test_refuses_wrong_arguments(self, changes, error):
        with pytest.raises(error):
            read(CD, **changes)

    def test_refuses_wrong_arguments_before_it_reads_the_medium(self):
        with pytest.raises(WrongKind):
            read("nothing", owner="alice")

    def test_reports_its_progress(self):
        calls = []
        read(LOOSE / "dicomdirtests" / "77654033", on_progress=lambda *call: calls.append(call))
        assert calls == [(number, 7) for number in range(1, 8)]

    def test_can_be_ended_from_outside(self):
        with pytest.raises(KeyboardInterrupt):
            read(CD, on_progress=raise_interrupt)
        assert len(read(CD).exams) == 6


def raise_interrupt(*_):
    raise KeyboardInterrupt


PATIENT = {PATIENT_NAME: b"DOE^JOHN", PATIENT_ID: b"DOE7", DESCRIPTION: b"DOE's head"}


class TestPatientData:
    def test_is_in_no_repr(self, folder):
        (folder / "DOE_JOHN.txt").write_bytes(b"DOE")
        media = read_files(folder, dicom_file(PATIENT | {STUDY_UID: b"1.2"}))
        shown = repr(media) + repr(media.exams) + repr(media.studies)
        shown += repr(media.files) + repr(media.left_out)
        assert "DOE" not in shown
        assert "exams=1" in repr(media)
        assert "left_out=1" in repr(media)

    def test_is_in_no_error_warning_or_log_line(self, folder, caplog, capfd):
        caplog.set_level(logging.DEBUG)
        inner = folder / "DOE_JOHN"
        inner.mkdir()
        (inner / "DOE.txt").write_bytes(b"DOE")
        sequence = element(0x00400260, item(b""), vr=b"SQ", length=0xFFFFFFFF)
        with pytest.raises(MediaError) as caught:
            read_files(
                inner,
                dicom_file(PATIENT | {STUDY_UID: b"DOE", CHARACTER_SET: b"DOE"}),
                dicom_file(PATIENT | {STUDY_UID: b"1.2"}, tail=sequence),
                dicom_file(PATIENT | {STUDY_UID: b"1.2", CHARACTER_SET: b"DOE"}, syntax=IMPLICIT)[
                    :-3
                ],
                dicom_file(PATIENT, syntax=IMPLICIT),
            )
        assert "DOE" not in f"{caught.value} {caught.value!r}"
        assert caught.value.__context__ is None
        assert caplog.records == []
        assert capfd.readouterr() == ("", "")

    def test_does_not_leave_a_damaged_dicomdir(self, folder):
        damaged = dicomdir(record("DOE_JOHN"))[:-3]
        (folder / "DICOMDIR").write_bytes(damaged)
        with pytest.raises(MediaError) as caught:
            read(folder)
        assert caught.value.__context__ is None
        assert "DOE" not in f"{caught.value!r}"

    def test_is_hidden_also_when_pydicom_is_strict(self, folder, monkeypatch):
        monkeypatch.setattr(
            pydicom.config.settings, "reading_validation_mode", pydicom.config.RAISE
        )
        elements = {PATIENT_NAME: b"DOE\xff", CHARACTER_SET: b"ISO_IR 192"}
        strict = dicom_file({STUDY_UID: b"1.2"} | elements)
        assert the_study(read_files(folder, strict)).patient_name == "DOE\ufffd"


class TestSilence:
    def test_ends_with_the_reading(self):
        before = list(warnings.filters), list(logging.getLogger("pydicom").filters)
        read(LOOSE)
        assert (list(warnings.filters), list(logging.getLogger("pydicom").filters)) == before

    def test_is_not_for_others_who_use_pydicom_meanwhile(self, caplog):
        def log_from_elsewhere():
            logging.getLogger("pydicom").warning("elsewhere")

        with headers._quiet():
            thread = threading.Thread(target=log_from_elsewhere)
            thread.start()
            thread.join()
            logging.getLogger("pydicom").warning("here")
        assert caplog.messages == ["elsewhere"]

    def test_lets_many_read_at_once(self):
        results = []
        threads = [
            threading.Thread(target=lambda: results.append(read(CD) == read(CD))) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == [True] * 8


def test_a_missing_example_cd_is_a_clear_error(monkeypatch, tmp_path):
    monkeypatch.setattr(pydicom, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(MediaError, match="has no example CD") as caught:
        shipped_media()
    assert caught.value.problem is MediaProblem.NOT_SHIPPED


class TestTheCodes:
    @pytest.mark.parametrize("code", [*LeftOutReason, *MediaProblem])
    def test_are_their_own_names_and_have_a_statement(self, code):
        assert code == code.name == str(code)
        assert code.statement
        assert type(code)(code.name) is code

    def test_come_back_from_a_pickled_error(self):
        link = LeftOut(reason=LeftOutReason.LINK, file=PrivateText("DOE^JOHN"))
        error = MediaError(MediaProblem.NOTHING_USABLE, (link, link))
        again = pickle.loads(pickle.dumps(error))  # noqa: S301
        assert (str(again), again.left_out) == (str(error), {LeftOutReason.LINK: 2})
        assert "DOE" not in str(error) + repr(error)
        assert isinstance(again, InputError)

    def test_come_back_from_a_pickled_medium(self):
        media = read(CD)
        assert pickle.loads(pickle.dumps(media)) == media  # noqa: S301
