"""The header of one DICOM file, or the records of a DICOMDIR, read from hostile bytes.

pydicom reads the elements and decodes the texts. This module decides where pydicom may go: it skips
sequences without reading them, so that a header needs little memory however large it is, and it
distinguishes a file that ends early from one whose header is damaged.

Data elements come in the order of their tags. What an exam needs is in the first of them, up to the
Study Instance UID. So a file with damage behind these is read, and a file that announces more data
than it has is not.
"""

import io
import logging
import os
import re
import struct
import threading
import unicodedata
import warnings
import zlib
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from functools import lru_cache
from typing import BinaryIO, Final, NamedTuple
from zipfile import BadZipFile

import attrs
from pydicom.charset import convert_encodings, decode_bytes
from pydicom.datadict import dictionary_has_tag
from pydicom.dataelem import RawDataElement
from pydicom.filereader import data_element_generator
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    MediaStorageDirectoryStorage,
)
from pydicom.valuerep import VR

from exam_sharing.adapters.pydicom.media import LeftOutReason
from exam_sharing.adapters.pydicom.studies import Header, Patient
from exam_sharing.validation import BIDI_CONTROLS

__all__ = ["Source", "begins_like_dicom", "read_directory", "read_header"]

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
WANTED: Final = (
    *DETAILS.values(),
    SOP_CLASS,
    MODALITY,
    PATIENT_ID,
    ISSUER_OF_PATIENT_ID,
    STUDY_UID,
)

DIRECTORY_CLASS: Final = 0x00020002
TRANSFER_SYNTAX: Final = 0x00020010
RECORDS: Final = 0x00041220
IN_USE: Final = 0x00041410
FILE_ID: Final = 0x00041500

PREFIX: Final = b"DICM"
PREFIX_AT: Final = 128
FIRST_BYTES: Final = PREFIX_AT + len(PREFIX)
PIXEL_DATA: Final = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
PIXEL_GROUP: Final = b"\xe0\x7f"
ITEM: Final = 0xFFFEE000
ITEM_END: Final = 0xFFFEE00D
SEQUENCE_END: Final = 0xFFFEE0DD
UNDEFINED: Final = 0xFFFFFFFF
HEAD: Final = 8
WIDE: Final = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
"""After these VRs, two bytes are reserved and the length has four."""

NARROW: Final = frozenset(vr.encode() for vr in VR.__members__) - WIDE
"""After these VRs, the length has two bytes."""

STOPS: Final = PIXEL_DATA | {CHARACTER_SET}
RECORD: Final = (IN_USE, FILE_ID)
RETIRED: Final = b"\0\0"
META_GROUP: Final = 2
LITTLE_HEAD: Final = struct.Struct("<HHL")
BIG_HEAD: Final = struct.Struct(">HHL")
ITEM_BYTES: Final = b"\xfe\xff\x00\xe0"
ESCAPE: Final = b"\x1b"
NO_TEXT: Final = frozenset({"SQ", "OB", "OW"})
MAX_BYTES: Final = 4096
MAX_UID_LENGTH: Final = 64
UID: Final = re.compile(r"[0-9]+(\.[0-9]+)*")
DICOM_CLASS: Final = b"1.2.840.10008."

READ_ERRORS: Final = (OSError, EOFError, OverflowError, zlib.error, BadZipFile)
INFLATED_AT_ONCE: Final = 1024 * 1024
MAX_HEADER: Final = 16 * INFLATED_AT_ONCE
MAX_INFLATED: Final = 256 * INFLATED_AT_ONCE


class _Damaged(Exception):
    """An element is impossible."""


class _EndsEarly(Exception):
    """The file announces more data than it has."""


class _TooFar(Exception):
    """The rest of the header is further away than it may be read."""


@attrs.frozen
class Source:
    """An open file of the medium.

    Attributes:
        stream: positioned at its beginning.
        size: in bytes.
        reach: how many of these may be read; the rest of a compressed file costs too much.
    """

    stream: BinaryIO
    size: int
    reach: int


class _Syntax(NamedTuple):
    """How data elements are encoded."""

    implicit: bool
    little: bool

    def head(self, data: bytes) -> tuple[int, int]:
        """Return the tag and the length of four bytes that an element begins with."""
        group, number, length = (LITTLE_HEAD if self.little else BIG_HEAD).unpack(data)
        return group << 16 | number, length

    def number(self, data: bytes) -> int:
        return int.from_bytes(data, "little" if self.little else "big")


class _Element(NamedTuple):
    """A data element whose value begins at a position; the value is empty unless it was wanted."""

    tag: int
    vr: str | None
    length: int
    at: int
    value: bytes = b""

    @property
    def is_open(self) -> bool:
        """Whether a delimiter ends it."""
        return self.length == UNDEFINED

    @property
    def behind(self) -> int:
        return self.at + self.length


class _Elements:
    """The data elements of one data set, read in bounded memory."""

    def __init__(self, source: Source, syntax: _Syntax) -> None:
        self._stream = source.stream
        self._size = source.size
        self._reach = source.reach
        self._syntax = syntax
        self._behind = source.size

    def read(self, wanted: Sequence[int], stops: AbstractSet[int], end: int) -> Iterator[_Element]:
        """Yield the wanted elements before the end, and each element of the stops.

        At a stop, the stream is at its value. Afterwards reading continues behind the value, or,
        if its length is undefined, where the stream is then.

        Raises:
            _Damaged: there is an impossible element.
            _EndsEarly: an element ends behind the file.
            _TooFar: an element ends behind what may be read.
        """
        stream, implicit, little = self._stream, self._syntax.implicit, self._syntax.little
        tell, readable, special = stream.tell, min(end, self._reach), {0, *stops}
        last, behind = 0, tell()
        halts: list[_Element] = []

        # pydicom calls this for each element, with the stream at its value.
        def stop(tag: int, vr: str | None, length: int) -> bool:
            nonlocal last, behind
            at = tell()
            if tag in special or length == UNDEFINED or at + length > readable:
                halts.append(_Element(int(tag), vr, length, at))
                return True
            last, behind = tag, at + length
            return False

        while True:
            for raw in data_element_generator(
                stream, implicit, little, stop, MAX_BYTES, specific_tags=[*wanted]
            ):
                if isinstance(raw, RawDataElement):
                    yield _Element(raw.tag, raw.VR, raw.length, raw.value_tell, raw.value or b"")
            halt = halts.pop() if halts else None
            if halt is None or halt.at > end or halt.tag == 0:  # Zeros pad the end of a file.
                self._behind = behind if halt is None else self._size
                return
            self._require_possible(halt, int(last))
            stream.seek(halt.at)
            if halt.tag in stops:
                yield halt
            elif halt.is_open:
                self._skip_items(implicit=implicit or halt.vr == VR.UN)
            last, behind = halt.tag, tell() if halt.is_open else halt.behind
            self._skip_to(behind)

    def _require_possible(self, element: _Element, last: int) -> None:
        if not element.is_open and element.behind <= self._size:
            return
        tag = element.tag
        is_known = bool(tag >> 16 & 1) or dictionary_has_tag(tag)  # Private tags have odd groups.
        has_vr = self._syntax.implicit or element.vr in VR.__members__
        if not (is_known and has_vr and tag > last):
            raise _Damaged
        if not element.is_open:
            raise _EndsEarly

    def require_end(self) -> None:
        """Raise unless the file ends behind its last element; a few bytes more do no harm."""
        behind = self._behind
        if behind >= self._reach < self._size:
            raise _TooFar
        self._stream.seek(behind)
        group = self._stream.read(HEAD)[: len(PIXEL_GROUP)]
        if group == (PIXEL_GROUP if self._syntax.little else PIXEL_GROUP[::-1]):
            raise _EndsEarly

    def items(self, end: int, *, is_open: bool) -> Iterator[int]:
        """Yield the end of each item of a sequence, with the stream at its first element.

        Args:
            end: of the sequence, or of the file.
            is_open: a delimiter ends the sequence.
        """
        while is_open or self._stream.tell() < end:
            tag, length = self._syntax.head(self._exactly(HEAD))
            if tag == SEQUENCE_END:
                return
            if tag != ITEM:
                raise _Damaged
            if length == UNDEFINED:
                yield end
                continue
            behind = self._stream.tell() + length
            # Some writers count the padding of the file as part of its last record.
            behind = behind if is_open else min(behind, end)
            yield behind
            self._skip_to(behind)

    def _skip_items(self, *, implicit: bool) -> None:
        """Skip a value of undefined length; the stream is at its first item."""
        # A sequence, in it an item, in it a sequence and so on: whether each has implicit VRs.
        levels = bytearray([implicit])
        while levels:
            in_item = len(levels) % 2 == 0
            data = self._exactly(HEAD)
            tag, length = self._syntax.head(data)
            if tag == (ITEM_END if in_item else SEQUENCE_END):
                levels.pop()
                continue
            implicit = bool(levels[-1])
            if in_item and not implicit:
                vr = data[4:6]
                if vr in WIDE:
                    length = self._syntax.number(self._exactly(4))
                elif vr in NARROW:  # Some writers switch to implicit VRs within an item.
                    length = self._syntax.number(data[6:])
                implicit = vr == b"UN"
            elif not in_item and tag != ITEM:
                raise _Damaged
            if length == UNDEFINED:
                levels.append(implicit)
            else:
                self._skip_to(self._stream.tell() + length)

    def _exactly(self, size: int) -> bytes:
        data = self._stream.read(size)
        if len(data) < size:
            raise _TooFar if self._reach < self._size else _EndsEarly
        return data

    def _skip_to(self, position: int) -> None:
        if position > self._size:
            raise _EndsEarly
        if position > self._reach:
            raise _TooFar
        self._stream.seek(position)

    def require_fragments(self) -> None:
        """Raise `_EndsEarly` unless all fragments of the pixels are there; the stream is at them.

        A file may end without the delimiter behind them.
        """
        while True:
            head = self._stream.read(HEAD)
            if len(head) < HEAD and head.strip(b"\0") and self._reach == self._size:
                raise _EndsEarly
            if not head.startswith(ITEM_BYTES) or len(head) < HEAD:
                return
            try:
                self._skip_to(self._stream.tell() + int.from_bytes(head[4:], "little"))
            except _TooFar:
                return


def begins_like_dicom(first: bytes) -> bool:
    """Return whether the first bytes of a file are those of a DICOM file, with a preamble or not.

    Without one, a file begins with its meta information, or with a data set in any encoding.
    """
    if first[PREFIX_AT:FIRST_BYTES] == PREFIX:
        return True
    vr = first[4:6]
    if vr in WIDE or vr in NARROW:
        return first[:2] in {b"\2\0", b"\x08\0", b"\0\x08"}
    return first[:2] == b"\x08\0" and 0 < int.from_bytes(first[4:8], "little") <= MAX_BYTES


def _data_set(source: Source) -> tuple[Source, _Syntax, bool]:
    """Return the data set of a file at its beginning, its encoding, and if it is a DICOMDIR."""
    stream = source.stream
    has_preamble = stream.read(FIRST_BYTES)[PREFIX_AT:] == PREFIX
    stream.seek(FIRST_BYTES if has_preamble else 0)
    meta = {
        int(element.tag): element.value or b""
        for element in data_element_generator(
            stream,
            not _has_vr(_peek(stream)),
            is_little_endian=True,
            stop_when=lambda tag, _vr, length: tag >> 16 != META_GROUP or length == UNDEFINED,
            defer_size=MAX_BYTES,
            specific_tags=[DIRECTORY_CLASS, TRANSFER_SYNTAX],
        )
    }
    if stream.tell() > source.size:
        raise _EndsEarly
    syntax = _uid(meta.get(TRANSFER_SYNTAX, b""))
    if syntax == DeflatedExplicitVRLittleEndian:
        source = _inflated(source)
    first = _peek(source.stream)
    explicit = _has_vr(first)
    # Groups begin with small numbers.
    is_big = int.from_bytes(first[:2], "little") > int.from_bytes(first[:2], "big")
    little = not is_big if explicit and not syntax else syntax != ExplicitVRBigEndian
    is_directory = _uid(meta.get(DIRECTORY_CLASS, b"")) == MediaStorageDirectoryStorage
    return source, _Syntax(implicit=not explicit, little=little), is_directory


def _peek(stream: BinaryIO, size: int = HEAD) -> bytes:
    at = stream.tell()
    first = stream.read(size)
    stream.seek(at)
    return first


def _has_vr(first: bytes) -> bool:
    """Return whether an element begins with a tag and a VR; its letters are no likely length."""
    return len(first) < HEAD or (first[4:6].isalpha() and first[4:6].isupper())


def _uid(value: bytes) -> str:
    return value.decode("ascii", "replace").strip(" \0")


def _inflated(source: Source) -> Source:
    """Return deflated data with as much of them inflated as a header may need.

    Raises:
        OverflowError: inflated, they are larger than an image with its header can be.
        zlib.error: they are damaged.
    """
    inflating = zlib.decompressobj(-zlib.MAX_WBITS)
    begin, size, data = bytearray(), 0, b""
    while not inflating.eof:
        data = data or source.stream.read(INFLATED_AT_ONCE)
        inflated = inflating.decompress(data, INFLATED_AT_ONCE)
        if not (inflated or data):
            raise _EndsEarly
        data = inflating.unconsumed_tail
        begin += inflated[: MAX_HEADER - len(begin)]
        size += len(inflated)
        if size > MAX_INFLATED:
            raise OverflowError
    return Source(io.BytesIO(begin), size=size, reach=len(begin))


def read_header(source: Source) -> Header | LeftOutReason:
    """Return the header of a file, or why it is left out."""
    try:
        first = _peek(source.stream, FIRST_BYTES)
    except READ_ERRORS:
        return LeftOutReason.UNREADABLE
    if not begins_like_dicom(first):
        return LeftOutReason.NOT_DICOM
    found: dict[int, _Element] = {}
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
    if isinstance(error, _EndsEarly | struct.error):
        return LeftOutReason.TRUNCATED
    return LeftOutReason.DAMAGED


def _gather(source: Source, found: dict[int, _Element]) -> bool:
    """Read the elements that an exam needs, and return whether the file is a DICOMDIR."""
    data_set, syntax, is_directory = _data_set(source)
    if is_directory:
        return True
    elements = _Elements(data_set, syntax)
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
    if not begins_like_dicom(_peek(source.stream, FIRST_BYTES)):
        return LeftOutReason.NOT_DICOM
    is_directory = False
    try:
        with _quiet():
            data_set, syntax, is_directory = _data_set(source)
            if is_directory:
                return list(_file_ids(data_set, _Elements(data_set, syntax)))
    except Exception:  # noqa: BLE001, S110
        # pydicom raises anything for a damaged file, and may quote patient data.
        pass
    return LeftOutReason.DAMAGED if is_directory else LeftOutReason.NOT_DICOM


def _file_ids(source: Source, elements: _Elements) -> Iterator[list[str]]:
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


def _header(found: Mapping[int, _Element]) -> Header | LeftOutReason:
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
