"""Exams from a DICOM CD, or from a folder of DICOM files, read with pydicom 3 (extra `dicom`).

`read_media` stores nothing. It returns a whole upload for `Sharing.add_upload`, or raises a
`MediaError`, so no upload is half made.

Media are hostile input, and everything on them may be patient data, names of files included (many
are exported as `DOE_JOHN/IM1`). Therefore:

* Every file is part of an exam, or in `Media.left_out` with a reason.
* Names of files are `PrivateText`: people may read them, and no `repr` and no error shows them.
* No error, warning or log line of pydicom leaves this package, since they quote values and names.
* Links are not followed, since a link on an uploaded medium can point at images of somebody else.
* Only headers are read. The lengths that they announce show whether a file is complete.
"""

import logging
import os
import re
import stat
import threading
import unicodedata
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

import pydicom
from pydicom.charset import decode_bytes
from pydicom.dataset import Dataset, FileDataset
from pydicom.filereader import read_partial
from pydicom.uid import MediaStorageDirectoryStorage

from exam_sharing.adapters.pydicom.files import Folder, Found, Source, listed, walk
from exam_sharing.adapters.pydicom.media import (
    LeftOut,
    LeftOutReason,
    Media,
    MediaError,
    MediaProblem,
)
from exam_sharing.adapters.pydicom.studies import Gathering, Header, Patient
from exam_sharing.errors import AlreadyExists, WrongKind
from exam_sharing.exams import Exam, Study, UploadBatch
from exam_sharing.identifiers import BatchId, ExamId, UserId
from exam_sharing.validation import BIDI_CONTROLS, PrivateText, require_kind

__all__ = [
    "LeftOut",
    "LeftOutReason",
    "Media",
    "MediaError",
    "MediaProblem",
    "read_media",
    "shipped_media",
]


def shipped_media() -> Path:
    """Return the folder of the CD that pydicom's wheel ships: two patients, six studies.

    Raises:
        MediaError: this installation of pydicom lacks it.
    """
    folder = Path(pydicom.__file__).parent / "data" / "test_files" / "dicomdirtests"
    if not (folder / "DICOMDIR").is_file():
        raise MediaError(MediaProblem.NOT_SHIPPED)
    return folder


def read_media(  # noqa: PLR0913  named choices of the caller
    path: str | os.PathLike[str],
    *,
    batch: BatchId,
    uploader: UserId,
    received_at: datetime,
    owner: UserId | None = None,
    exam_id: Callable[[int, Study], ExamId] | None = None,
    subject: Callable[[str], str | None] | None = None,
    loose: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> Media:
    """Read a medium into an upload batch, its exams and their study details.

    With a DICOMDIR, only the files that it lists are read. Without one, every file in the folder
    and below is read. The header of a file takes precedence over its DICOMDIR. The same medium
    gives the same result.

    Args:
        path: a folder, or a DICOMDIR file.
        batch: the id of the upload batch.
        uploader: who uploads the medium.
        received_at: when; aware. It is also the time of upload of each exam.
        owner: the owner of the exams; by default the uploader.
        exam_id: makes the id of an exam from its number, counted from 1, and its study details; by
            default the exams of batch `B1` are `B1-1`, `B1-2` and so on.
        subject: returns the host's reference to a patient for the Patient ID on the medium, which
            has its issuer, if any, behind it (`7^^^HOSPITAL`); called once for each patient. By
            default the patients of batch `B1` are `B1-patient-1`, `B1-patient-2` and so on, so no
            exam holds data of a patient.
        loose: ignore a DICOMDIR and read every file of the folder.
        on_progress: called after each file with the number of read files and of all files. Its
            exceptions end the reading and are raised.

    Raises:
        MediaError: the medium contains no readable exam.
        CallerError: an argument has a wrong type or is malformed, or `exam_id` returned an id
            twice.
    """
    require_kind("owner", owner, UserId, type(None))
    upload = UploadBatch(
        id=batch, uploader=uploader, source="DICOM media", received_at=received_at, sealed=True
    )
    root, found = _files_on(path, loose=loose)
    gathering = Gathering()
    for number, file in enumerate(found, start=1):
        header = file.obstacle or _read_header(f"{root}/{file.place}")
        gathering.add(number, file.place, header)
        if on_progress is not None:
            on_progress(number, len(found))
    subject_of = _subjects(upload.id, subject)
    return _media(upload, uploader if owner is None else owner, gathering, exam_id, subject_of)


def _media(
    upload: UploadBatch,
    owner: UserId,
    gathering: Gathering,
    exam_id: Callable[[int, Study], ExamId] | None,
    subject_of: Callable[[Patient], str | None],
) -> Media:
    exams: dict[ExamId, Exam] = {}
    studies: dict[ExamId, Study] = {}
    files: dict[ExamId, tuple[PrivateText, ...]] = {}
    for number, gathered in enumerate(gathering.studies(), start=1):
        study = gathered.study()
        name = ExamId(f"{upload.id}-{number}") if exam_id is None else exam_id(number, study)
        if name in exams:
            raise AlreadyExists(kind="exam", identifier=str(name))
        exams[name] = Exam(
            id=name,
            owner=owner,
            batch=upload.id,
            uploaded_at=upload.received_at,
            subject=subject_of(gathered.patient),
        )
        studies[name] = study
        files[name] = tuple(PrivateText(place) for _, place in gathered.places)
    if not exams:
        counts = Counter(item.reason for item in gathering.left_out)
        raise MediaError(MediaProblem.NOTHING_USABLE, counts)
    return Media(
        batch=upload,
        exams=tuple(exams.values()),
        studies=studies,
        files=files,
        left_out=tuple(gathering.left_out),
    )


def _subjects(
    batch: BatchId, name: Callable[[str], str | None] | None
) -> Callable[[Patient], str | None]:
    """Return a function that names the patients of a batch; without Patient ID there is no name."""
    named: dict[str, str | None] = {}

    def subject_of(patient: Patient) -> str | None:
        known_as = patient.reference()
        if known_as is None:
            return None
        if known_as not in named:
            numbered = f"{batch}-patient-{len(named) + 1}"
            named[known_as] = numbered if name is None else name(known_as)
        return named[known_as]

    return subject_of


def _files_on(path: object, *, loose: bool) -> tuple[str, list[Found]]:
    """Return the folder of the medium and its files."""
    if not isinstance(path, str | os.PathLike) or not isinstance(where := os.fspath(path), str):
        raise WrongKind(field="path", needed="str or PathLike", given=type(path).__name__)
    mode = _mode(where)
    if mode is None:
        raise MediaError(MediaProblem.NOT_FOUND)
    directory: str | None = None
    if stat.S_ISDIR(mode):
        root, folder = where, Folder.at(where)
        if folder is None:
            raise MediaError(MediaProblem.NOT_READABLE)
        directory = None if loose else folder.spelling(DIRECTORY)
        if directory is not None and not folder.has_file(directory):
            raise MediaError(MediaProblem.DIRECTORY_UNREADABLE)
    elif stat.S_ISREG(mode) and not loose:
        root, directory = os.path.split(os.path.abspath(where))  # noqa: PTH100
    else:
        raise MediaError(MediaProblem.NOT_A_MEDIUM)
    if directory is None:
        found, problem = list(walk(root)), MediaProblem.EMPTY
    else:
        file_ids = _read_directory(f"{root}/{directory}")
        found, problem = list(listed(root, file_ids)), MediaProblem.DIRECTORY_EMPTY
    if not found:
        raise MediaError(problem)
    return root, found


def _mode(path: str) -> int | None:
    try:
        return os.stat(path).st_mode  # noqa: PTH116
    except (OSError, ValueError):
        return None


_SILENCING: Final = threading.Lock()


@contextmanager
def _silence() -> Iterator[None]:
    """Suppress warnings and log lines of pydicom.

    Filters of warnings belong to the whole process, so one file is read at a time.
    """
    reader = threading.get_ident()

    def is_not_ours(record: logging.LogRecord) -> bool:
        return record.thread != reader

    logger = logging.getLogger("pydicom")
    with _SILENCING, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger.addFilter(is_not_ours)
        try:
            yield
        finally:
            logger.removeFilter(is_not_ours)


DIRECTORY: Final = "DICOMDIR"
RECORDS: Final = 0x00041220
IN_USE: Final = 0x00041410
FILE_ID: Final = 0x00041500


def _read_directory(path: str) -> list[list[str]]:
    """Return the file ids that a DICOMDIR lists, in its order.

    The records are read one after another. Their tree of offsets is ignored: each file names its
    own patient, and a wrong offset can hide files or form a circle.

    Raises:
        MediaError: it is damaged, or it is no DICOMDIR.
    """
    is_one = Path(path).name.casefold() == DIRECTORY.casefold()
    try:
        with Source(path) as source, _silence():
            if source.is_dicom():
                dataset = read_partial(source, source.stop, specific_tags=[RECORDS])
                is_one = is_one or _is_directory(dataset)
                if _is_directory(dataset) and source.is_whole():
                    records = dataset[RECORDS].value if RECORDS in dataset else ()
                    return [file_id for record in records if (file_id := _file_id(record))]
    except Exception:  # noqa: BLE001, S110
        # pydicom raises anything for a damaged file, and may quote patient data.
        pass
    raise MediaError(MediaProblem.DIRECTORY_UNREADABLE if is_one else MediaProblem.NOT_A_MEDIUM)


def _file_id(record: Dataset) -> list[str]:
    """Return the parts of the file id of a record; none if it has no file or is retired."""
    if _bytes(record, IN_USE) == b"\0\0":
        return []
    parts = os.fsdecode(_bytes(record, FILE_ID)).split("\\")
    return [text for part in parts if (text := part.strip(" \0"))]


def _is_directory(dataset: FileDataset) -> bool:
    return bool(dataset.file_meta.get("MediaStorageSOPClassUID") == MediaStorageDirectoryStorage)


STUDY_UID: Final = 0x0020000D
MODALITY: Final = 0x00080060
PATIENT_ID: Final = 0x00100020
ISSUER_OF_PATIENT_ID: Final = 0x00100021
PATIENT_NAME: Final = 0x00100010
DETAILS: Final[Mapping[str, int]] = {
    "description": 0x00081030,
    "study_date": 0x00080020,
    "accession_number": 0x00080050,
    "patient_name": PATIENT_NAME,
}
TAGS: Final = (STUDY_UID, MODALITY, PATIENT_ID, ISSUER_OF_PATIENT_ID, *DETAILS.values())
MAX_BYTES: Final = 4096
MAX_UID_LENGTH: Final = 64
UID: Final = re.compile(r"[0-9]+(\.[0-9]+)*")


def _read_header(path: str) -> Header | LeftOutReason:
    """Return the header of a file, or why it has none."""
    try:
        with Source(path) as source, _silence():
            return _parse(source) if source.is_dicom() else LeftOutReason.NOT_DICOM
    except OSError:
        return LeftOutReason.UNREADABLE


def _parse(source: Source) -> Header | LeftOutReason:
    try:
        dataset = read_partial(source, source.stop, defer_size=MAX_BYTES, specific_tags=[*TAGS])
        if not source.is_whole():
            return LeftOutReason.TRUNCATED
        return LeftOutReason.DIRECTORY if _is_directory(dataset) else _header(dataset)
    except Exception:  # noqa: BLE001
        # pydicom raises anything for a damaged file, and may quote patient data.
        return LeftOutReason.TRUNCATED if source.ends_early() else LeftOutReason.UNREADABLE


def _header(dataset: FileDataset) -> Header | LeftOutReason:
    study_uid = _text(dataset, STUDY_UID)
    if not study_uid:
        return LeftOutReason.NO_STUDY_UID
    if len(study_uid) > MAX_UID_LENGTH or not UID.fullmatch(study_uid):
        return LeftOutReason.MALFORMED_STUDY_UID
    patient_id = _text(dataset, PATIENT_ID)
    issuer = _text(dataset, ISSUER_OF_PATIENT_ID)
    return Header(
        study_uid=study_uid,
        # An issuer without an id has no meaning.
        patient=Patient(patient_id, issuer if patient_id else ""),
        modality=_text(dataset, MODALITY),
        details={name: _text(dataset, tag) for name, tag in DETAILS.items()},
    )


def _bytes(dataset: Dataset, tag: int) -> bytes:
    """Return a value as it is in the file, unparsed; empty if it is too long."""
    element = dataset.get_item(tag, keep_deferred=True) if tag in dataset else None
    value = getattr(element, "value", None)
    return value if isinstance(value, bytes) else b""


def _text(dataset: FileDataset, tag: int) -> str:
    """Return a text without characters that could harm its reader.

    Controls, bidirectional controls, line separators and lone surrogates become U+FFFD.
    """
    encodings = dataset.original_character_set
    encodings = [encodings] if isinstance(encodings, str) else list(encodings)
    # Each part of a name is encoded separately: an escape sequence ends with its part.
    is_name = tag == PATIENT_NAME
    parts = _bytes(dataset, tag).split(b"=") if is_name else [_bytes(dataset, tag)]
    delimiters = set(b"^" if is_name else b"\r\n\t\f")
    try:
        text = "=".join(decode_bytes(part, encodings, delimiters) for part in parts)
    except (LookupError, ValueError):
        text = "=".join(part.decode("ascii", "replace") for part in parts)
    return "".join("\ufffd" if _is_harmful(c) else c for c in text.strip(" \0")).strip()


def _is_harmful(character: str) -> bool:
    category = unicodedata.category(character)
    return category in {"Cc", "Cs", "Zl", "Zp"} or character in BIDI_CONTROLS
