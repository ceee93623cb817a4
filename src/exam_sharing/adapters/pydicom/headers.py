"""What an exam needs of the header of one DICOM file, and the records of a DICOMDIR.

Data elements come in the order of their tags. An exam needs some of the first, up to the Study
Instance UID. A file with damage behind these is therefore read. A file that announces more data
than it has is not.
"""

import logging
import os
import re
import struct
import threading
import unicodedata
import warnings
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Final
from zipfile import BadZipFile

from pydicom.charset import convert_encodings, decode_bytes

from exam_sharing.adapters.pydicom.elements import (
    FIRST_BYTES,
    MAX_BYTES,
    PREFIX,
    PREFIX_AT,
    Element,
    Elements,
    EndsEarly,
    Source,
    begins_like_dicom,
    open_data_set,
    peek,
)
from exam_sharing.adapters.pydicom.media import LeftOutReason
from exam_sharing.adapters.pydicom.studies import Header, Patient
from exam_sharing.validation import BIDI_CONTROLS

__all__ = ["read_directory", "read_header"]

CHARACTER_SET: Final = 0x00080005
SOP_CLASS: Final = 0x00080016
STUDY_DATE: Final = 0x00080020
ACCESSION_NUMBER: Final = 0x00080050
MODALITY: Final = 0x00080060
DESCRIPTION: Final = 0x00081030
PATIENT_NAME: Final = 0x00100010
PATIENT_ID: Final = 0x00100020
ISSUER_OF_PATIENT_ID: Final = 0x00100021
STUDY_UID: Final = 0x0020000D
DETAILS: Final[Mapping[str, int]] = {
    "description": DESCRIPTION,
    "study_date": STUDY_DATE,
    "accession_number": ACCESSION_NUMBER,
    "patient_name": PATIENT_NAME,
}
PATIENT: Final = (PATIENT_ID, ISSUER_OF_PATIENT_ID)
WANTED: Final = (SOP_CLASS, MODALITY, *PATIENT, STUDY_UID, *DETAILS.values())

RECORDS: Final = 0x00041220
IN_USE: Final = 0x00041410
FILE_ID: Final = 0x00041500

PIXEL_DATA: Final = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
STOPS: Final = PIXEL_DATA | {CHARACTER_SET}
RECORD: Final = (IN_USE, FILE_ID)
RETIRED: Final = b"\0\0"
ESCAPE: Final = b"\x1b"
NO_TEXT: Final = frozenset({"SQ", "OB", "OW"})
MAX_UID_LENGTH: Final = 64
UID: Final = re.compile(r"[0-9]+(\.[0-9]+)*")
DICOM_CLASS: Final = b"1.2.840.10008."

READ_ERRORS: Final = (OSError, EOFError, OverflowError, zlib.error, BadZipFile)


def read_header(source: Source) -> Header | LeftOutReason:
    """Return the header of a file, or why it is left out."""
    try:
        first = peek(source.stream, FIRST_BYTES)
    except READ_ERRORS:
        return LeftOutReason.UNREADABLE
    if not begins_like_dicom(first):
        return LeftOutReason.NOT_DICOM
    found: dict[int, Element] = {}
    reason: LeftOutReason | None
    with _quiet():
        try:
            reason = LeftOutReason.DIRECTORY if _gather(source, found) else None
        except Exception as error:  # noqa: BLE001
            # pydicom raises anything for a damaged file, and may quote patient data.
            reason = _why(error)
        if reason is LeftOutReason.DAMAGED and {PATIENT_ID, STUDY_UID} <= found.keys():
            reason = None
        header = _header(found) if reason is None else reason
    if isinstance(header, LeftOutReason) and first[PREFIX_AT:] != PREFIX:
        is_dicom = SOP_CLASS in found and found[SOP_CLASS].value.startswith(DICOM_CLASS)
        return header if is_dicom else LeftOutReason.NOT_DICOM
    return header


def _why(error: Exception) -> LeftOutReason:
    if isinstance(error, READ_ERRORS):
        return LeftOutReason.UNREADABLE
    if isinstance(error, EndsEarly | struct.error):
        return LeftOutReason.TRUNCATED
    return LeftOutReason.DAMAGED


def _gather(source: Source, found: dict[int, Element]) -> bool:
    """Read the elements that an exam needs, and return whether the file is a DICOMDIR."""
    data_set, syntax, is_directory = open_data_set(source)
    if is_directory:
        return True
    elements = Elements(data_set, syntax)
    for element in elements.read(WANTED, STOPS, data_set.size):
        if element.tag in PIXEL_DATA:
            if element.is_open:
                elements.require_fragments()
            return False
        is_stop = element.tag == CHARACTER_SET and element.length <= MAX_BYTES
        value = data_set.stream.read(element.length) if is_stop else element.value
        found[element.tag] = element._replace(value=value)
    elements.require_end()
    return False


def read_directory(source: Source) -> list[list[str]] | LeftOutReason:
    """Return the file ids of a DICOMDIR in its order, or why there are none.

    The records are read one after another. Their tree of offsets is ignored: each file names its
    own patient, and a wrong offset can hide files or form a circle.
    """
    if not begins_like_dicom(peek(source.stream, FIRST_BYTES)):
        return LeftOutReason.NOT_DICOM
    is_directory = False
    try:
        with _quiet():
            data_set, syntax, is_directory = open_data_set(source)
            if is_directory:
                return list(_file_ids(data_set, Elements(data_set, syntax)))
    except Exception:  # noqa: BLE001, S110
        # pydicom raises anything for a damaged file, and may quote patient data.
        pass
    return LeftOutReason.DAMAGED if is_directory else LeftOutReason.NOT_DICOM


def _file_ids(source: Source, elements: Elements) -> Iterator[list[str]]:
    for records in elements.read((RECORDS,), {RECORDS}, source.size):
        end = source.size if records.is_open else records.behind
        for item_end in elements.items(end, is_open=records.is_open):
            record = {each.tag: each for each in elements.read(RECORD, frozenset(), item_end)}
            if IN_USE not in record or record[IN_USE].value != RETIRED:
                file_id = record[FILE_ID].value if FILE_ID in record else b""
                if parts := _parts(file_id):
                    yield parts
    elements.require_end()


def _parts(file_id: bytes) -> list[str]:
    """Return the names of the folders and the file; `/` is no delimiter of DICOM, but in use."""
    parts = [part.strip(" \0") for part in os.fsdecode(file_id).replace("/", "\\").split("\\")]
    return [part for part in parts if part not in {"", "."}]


def _header(found: Mapping[int, Element]) -> Header | LeftOutReason:
    encodings = _encodings(found[CHARACTER_SET].value if CHARACTER_SET in found else b"")

    def text(tag: int) -> str:
        element = found.get(tag)
        if element is None or element.vr in NO_TEXT:
            return ""
        return _text(element.value, encodings, is_name=tag == PATIENT_NAME)

    study_uid = text(STUDY_UID)
    if not study_uid:
        return LeftOutReason.NO_STUDY_UID
    if len(study_uid) > MAX_UID_LENGTH or not UID.fullmatch(study_uid):
        return LeftOutReason.MALFORMED_STUDY_UID
    patient_id = text(PATIENT_ID)
    return Header(
        study_uid=study_uid,
        # An issuer without an id has no meaning.
        patient=Patient(patient_id, text(ISSUER_OF_PATIENT_ID) if patient_id else ""),
        modality=text(MODALITY),
        details={name: text(tag) for name, tag in DETAILS.items()},
    )


def _text(value: bytes, encodings: Sequence[str], *, is_name: bool) -> str:
    """Return a text without characters that could harm its reader.

    Controls, bidirectional controls, line separators and lone surrogates become U+FFFD.
    """
    if value.isascii() and ESCAPE not in value:
        text = value.decode("ascii")
    else:
        text = _decoded(value, encodings, is_name=is_name)
    text = text.strip(" \0")
    if not text.isprintable():
        text = "".join("\ufffd" if _is_harmful(each) else each for each in text)
    return text.strip()


def _decoded(value: bytes, encodings: Sequence[str], *, is_name: bool) -> str:
    # Each part of a name is encoded separately: an escape sequence ends with its part.
    parts = value.split(b"=") if is_name else [value]
    delimiters = set(b"^" if is_name else b"\r\n\t\f")
    try:
        with _unwarned():
            return "=".join(decode_bytes(part, encodings, delimiters) for part in parts)
    except (LookupError, ValueError):
        return "=".join(part.decode("ascii", "replace") for part in parts)


@lru_cache(maxsize=64)
def _encodings(character_set: bytes) -> Sequence[str]:
    """Return the encodings that Python has for a Specific Character Set."""
    terms = [term.strip(" \0") for term in character_set.decode("latin-1").split("\\")]
    try:
        with _unwarned():
            return tuple(convert_encodings(terms))
    except Exception:  # noqa: BLE001  pydicom raises several for an unknown one
        return tuple(convert_encodings(None))


def _is_harmful(character: str) -> bool:
    category = unicodedata.category(character)
    return category in {"Cc", "Cs", "Zl", "Zp"} or character in BIDI_CONTROLS


_UNWARNED: Final = threading.Lock()


@contextmanager
def _unwarned() -> Iterator[None]:
    """Suppress warnings; their filters belong to the whole process, so one thread at a time."""
    with _UNWARNED, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the log lines that pydicom writes for this thread."""
    reader = threading.get_ident()

    def is_not_ours(record: logging.LogRecord) -> bool:
        return record.thread != reader

    logger = logging.getLogger("pydicom")
    logger.addFilter(is_not_ours)
    try:
        yield
    finally:
        logger.removeFilter(is_not_ours)
