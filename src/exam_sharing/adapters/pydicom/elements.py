"""The data elements of one DICOM file, read from hostile bytes in bounded memory.

pydicom reads the elements. This module stops it where a value has no length: it skips sequences
without reading them, however large they are. It also distinguishes a file that ends early from one
with an impossible element.
"""

import io
import struct
import zlib
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import BinaryIO, Final, NamedTuple

import attrs
from pydicom.datadict import dictionary_has_tag
from pydicom.dataelem import RawDataElement
from pydicom.filereader import data_element_generator
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    MediaStorageDirectoryStorage,
)
from pydicom.valuerep import VR

DIRECTORY_CLASS: Final = 0x00020002
TRANSFER_SYNTAX: Final = 0x00020010
PREFIX: Final = b"DICM"
PREFIX_AT: Final = 128
FIRST_BYTES: Final = PREFIX_AT + len(PREFIX)
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

META_GROUP: Final = 2
LITTLE_HEAD: Final = struct.Struct("<HHL")
BIG_HEAD: Final = struct.Struct(">HHL")
ITEM_BYTES: Final = b"\xfe\xff\x00\xe0"
MAX_BYTES: Final = 4096
INFLATED_AT_ONCE: Final = 1024 * 1024
MAX_HEADER: Final = 16 * INFLATED_AT_ONCE
MAX_INFLATED: Final = 256 * INFLATED_AT_ONCE


class Damaged(Exception):
    """An element is impossible."""


class EndsEarly(Exception):
    """The file announces more data than it has."""


class TooFar(Exception):
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


class Syntax(NamedTuple):
    """How data elements are encoded."""

    implicit: bool
    little: bool

    def head(self, data: bytes) -> tuple[int, int]:
        """Return the tag and the length of four bytes that an element begins with."""
        group, number, length = (LITTLE_HEAD if self.little else BIG_HEAD).unpack(data)
        return group << 16 | number, length

    def number(self, data: bytes) -> int:
        """Return a number in the byte order of the elements."""
        return int.from_bytes(data, "little" if self.little else "big")


class Element(NamedTuple):
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
        """Where the next element begins."""
        return self.at + self.length


class Elements:
    """The data elements of one data set, read in bounded memory."""

    def __init__(self, source: Source, syntax: Syntax) -> None:
        self._stream = source.stream
        self._size = source.size
        self._reach = source.reach
        self._syntax = syntax
        self._behind = source.size

    def read(self, wanted: Sequence[int], stops: AbstractSet[int], end: int) -> Iterator[Element]:
        """Yield the wanted elements before the end, and each element of the stops.

        At a stop, the stream is at its value. Afterwards reading continues behind the value, or,
        if its length is undefined, where the stream is then.

        Raises:
            Damaged: there is an impossible element.
            EndsEarly: an element ends behind the file.
            TooFar: an element ends behind what may be read.
        """
        stream, implicit, little = self._stream, self._syntax.implicit, self._syntax.little
        tell, readable, special = stream.tell, min(end, self._reach), {0, *stops}
        last, behind = 0, tell()
        halts: list[Element] = []

        # pydicom calls this for each element, with the stream at its value.
        def stop(tag: int, vr: str | None, length: int) -> bool:
            nonlocal last, behind
            at = tell()
            if tag in special or length == UNDEFINED or at + length > readable:
                halts.append(Element(int(tag), vr, length, at))
                return True
            last, behind = tag, at + length
            return False

        while True:
            for raw in data_element_generator(
                stream, implicit, little, stop, MAX_BYTES, specific_tags=[*wanted]
            ):
                if isinstance(raw, RawDataElement):
                    yield Element(raw.tag, raw.VR, raw.length, raw.value_tell, raw.value or b"")
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

    def _require_possible(self, element: Element, last: int) -> None:
        if not element.is_open and element.behind <= self._size:
            return
        tag = element.tag
        is_known = bool(tag >> 16 & 1) or dictionary_has_tag(tag)  # Private tags have odd groups.
        has_vr = self._syntax.implicit or element.vr in VR.__members__
        if not (is_known and has_vr and tag > last):
            raise Damaged
        if not element.is_open:
            raise EndsEarly

    def require_end(self) -> None:
        """Raise unless the file ends behind its last element; a few bytes more do no harm."""
        behind = self._behind
        if behind >= self._reach < self._size:
            raise TooFar
        self._stream.seek(behind)
        group = self._stream.read(HEAD)[: len(PIXEL_GROUP)]
        if group == (PIXEL_GROUP if self._syntax.little else PIXEL_GROUP[::-1]):
            raise EndsEarly

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
                raise Damaged
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
                raise Damaged
            if length == UNDEFINED:
                levels.append(implicit)
            else:
                self._skip_to(self._stream.tell() + length)

    def _exactly(self, size: int) -> bytes:
        data = self._stream.read(size)
        if len(data) < size:
            raise TooFar if self._reach < self._size else EndsEarly
        return data

    def _skip_to(self, position: int) -> None:
        if position > self._size:
            raise EndsEarly
        if position > self._reach:
            raise TooFar
        self._stream.seek(position)

    def require_fragments(self) -> None:
        """Raise `EndsEarly` unless all fragments of the pixels are there; the stream is at them.

        A file may end without the delimiter behind them.
        """
        while True:
            head = self._stream.read(HEAD)
            if len(head) < HEAD and head.strip(b"\0") and self._reach == self._size:
                raise EndsEarly
            if not head.startswith(ITEM_BYTES) or len(head) < HEAD:
                return
            try:
                self._skip_to(self._stream.tell() + int.from_bytes(head[4:], "little"))
            except TooFar:
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


def open_data_set(source: Source) -> tuple[Source, Syntax, bool]:
    """Return the data set of a file at its beginning, its encoding, and if it is a DICOMDIR."""
    stream = source.stream
    has_preamble = stream.read(FIRST_BYTES)[PREFIX_AT:] == PREFIX
    stream.seek(FIRST_BYTES if has_preamble else 0)
    meta = {
        int(element.tag): element.value or b""
        for element in data_element_generator(
            stream,
            not _has_vr(peek(stream)),
            is_little_endian=True,
            stop_when=lambda tag, _vr, length: tag >> 16 != META_GROUP or length == UNDEFINED,
            defer_size=MAX_BYTES,
            specific_tags=[DIRECTORY_CLASS, TRANSFER_SYNTAX],
        )
    }
    if stream.tell() > source.size:
        raise EndsEarly
    syntax = _uid(meta.get(TRANSFER_SYNTAX, b""))
    if syntax == DeflatedExplicitVRLittleEndian:
        source = _inflated(source)
    first = peek(source.stream)
    explicit = _has_vr(first)
    # Groups begin with small numbers.
    is_big = int.from_bytes(first[:2], "little") > int.from_bytes(first[:2], "big")
    little = not is_big if explicit and not syntax else syntax != ExplicitVRBigEndian
    is_directory = _uid(meta.get(DIRECTORY_CLASS, b"")) == MediaStorageDirectoryStorage
    return source, Syntax(implicit=not explicit, little=little), is_directory


def peek(stream: BinaryIO, size: int = HEAD) -> bytes:
    """Return the next bytes without moving the stream."""
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
            raise EndsEarly
        data = inflating.unconsumed_tail
        begin += inflated[: MAX_HEADER - len(begin)]
        size += len(inflated)
        if size > MAX_INFLATED:
            raise OverflowError
    return Source(io.BytesIO(begin), size=size, reach=len(begin))
