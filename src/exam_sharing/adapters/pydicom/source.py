"""One file of a medium, which notices while its header is read that its data are not all there."""

import io
import os
import zlib
from typing import Final

from typing_extensions import override

__all__ = ["Source"]

PREFIX: Final = b"DICM"
PREFIX_AT: Final = 128
PIXEL_DATA: Final = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
UNDEFINED_LENGTH: Final = 0xFFFFFFFF
ITEM: Final = b"\xfe\xff\x00\xe0"
ITEM_HEADER: Final = 8
LONG_READ: Final = 4096
INFLATED_AT_ONCE: Final = 1024 * 1024
MAX_INFLATED: Final = 256 * INFLATED_AT_ONCE


class Source(io.BufferedReader):
    """A file that pydicom reads the header of.

    Args:
        path: where it is.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, path: str) -> None:
        super().__init__(io.FileIO(path))
        self._size = os.fstat(self.fileno()).st_size
        self._fragments: int | None = None
        self._deflated = False
        self._truncated = False

    def is_dicom(self) -> bool:
        """Tell whether the file begins as DICOM PS3.10 asks, and go back to its begin."""
        begin = super().read(PREFIX_AT + len(PREFIX))
        self.seek(0)
        return begin[PREFIX_AT:] == PREFIX

    @override
    def read(self, size: int | None = -1, /) -> bytes:
        """Read as ever, and notice an end that comes too early."""
        data = super().read(size)
        if size is None or size < 0:
            # pydicom asks for the rest of a file only to inflate it, in one go, however large.
            self._deflated = True
            self._truncated = not _inflates(data)
        elif len(data) < size < LONG_READ and data.strip(b"\0"):
            # Longer reads are pydicom's search for a delimiter, and zeros pad the end of a file.
            self._truncated = True
        return data

    def stop(self, tag: int, _vr: str | None, length: int) -> bool:
        """Tell pydicom to stop at the pixels, or where zeros pad the end of the data."""
        if tag == 0:
            return True
        is_fragmented = length == UNDEFINED_LENGTH
        if not (is_fragmented or self._deflated) and self.tell() + length > self._size:
            self._truncated = True
        if tag in PIXEL_DATA and is_fragmented:
            self._fragments = self.tell()
        return tag in PIXEL_DATA

    def is_whole(self) -> bool:
        """Tell, once the header is read, whether all that it announces is there."""
        if self._truncated or self._fragments is None:
            return not self._truncated
        self.seek(self._fragments)
        while True:
            item = super().read(ITEM_HEADER)
            if len(item) < ITEM_HEADER:
                return not item.strip(b"\0")
            if not item.startswith(ITEM):
                return True
            end = self.tell() + int.from_bytes(item[len(ITEM) :], "little")
            if end > self._size:
                return False
            self.seek(end)

    def ends_early(self) -> bool:
        """Tell, once reading the header has failed, whether that was for want of data."""
        return self._truncated or (not self._deflated and self.tell() >= self._size)


def _inflates(data: bytes) -> bool:
    """Tell whether deflated data are whole.

    Raises:
        OverflowError: inflated, they would be larger than an image with its header should be.
        zlib.error: they are damaged.
    """
    inflating = zlib.decompressobj(-zlib.MAX_WBITS)
    size = 0
    while not inflating.eof:
        inflated = inflating.decompress(data, INFLATED_AT_ONCE)
        data = inflating.unconsumed_tail
        if not (inflated or data):
            return False
        size += len(inflated)
        if size > MAX_INFLATED:
            raise OverflowError
    return True
