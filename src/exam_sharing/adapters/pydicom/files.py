"""Where the files of a medium are, and reading one of them.

Links are never followed, so nothing on a medium leads out of it or in a circle.
"""

import enum
import io
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import attrs
from typing_extensions import override

from exam_sharing.adapters.pydicom.media import LeftOutReason

__all__ = ["Folder", "Found", "Source", "listed", "walk"]


@attrs.frozen
class Found:
    """A file of the medium.

    Attributes:
        place: its path on the medium, with `/` between the parts.
        obstacle: why it cannot be read, if so.
    """

    place: str
    obstacle: LeftOutReason | None = None


class _Kind(enum.Enum):
    FOLDER = enum.auto()
    FILE = enum.auto()
    LINK = enum.auto()
    SPECIAL = enum.auto()


_OBSTACLES: Final[Mapping[_Kind, LeftOutReason | None]] = {
    _Kind.FOLDER: LeftOutReason.MISSING,
    _Kind.FILE: None,
    _Kind.LINK: LeftOutReason.LINK,
    _Kind.SPECIAL: LeftOutReason.SPECIAL_FILE,
}
"""Why an entry cannot be read as a file; a folder in the place of a file is no file."""


@attrs.frozen
class Folder:
    """The entries of one folder, by name, in the order of code points."""

    kinds: dict[str, _Kind]
    folded: dict[str, str]

    @classmethod
    def at(cls, path: str) -> "Folder | None":
        """List the folder; `None` if it cannot be opened."""
        try:
            with os.scandir(path) as entries:
                kinds = {entry.name: _kind(entry) for entry in entries}
        except OSError:
            return None
        names = sorted(kinds)
        folded = {name.casefold(): name for name in reversed(names)}
        return cls({name: kinds[name] for name in names}, folded)

    def spelling(self, name: str) -> str | None:
        """Return the name as this folder spells it, or `None`.

        File ids are in capitals, and many systems show the names on a CD in lower case.
        """
        return name if name in self.kinds else self.folded.get(name.casefold())

    def has_file(self, name: str) -> bool:
        """Return whether the name is that of a plain file."""
        return self.kinds[name] is _Kind.FILE


def _kind(entry: os.DirEntry[str]) -> _Kind:
    if entry.is_symlink():
        return _Kind.LINK
    if entry.is_dir(follow_symlinks=False):
        return _Kind.FOLDER
    return _Kind.FILE if entry.is_file(follow_symlinks=False) else _Kind.SPECIAL


def walk(root: str) -> Iterator[Found]:
    """Yield every file in the folder and below, in the order of their names."""
    ahead = [("", _Kind.FOLDER)]
    while ahead:
        place, kind = ahead.pop()
        if kind is not _Kind.FOLDER:
            yield Found(place, _OBSTACLES[kind])
            continue
        folder = Folder.at(f"{root}/{place}")
        if folder is None:
            yield Found(place, LeftOutReason.UNREADABLE)
            continue
        inside = f"{place}/" if place else ""
        ahead.extend((inside + name, folder.kinds[name]) for name in reversed(folder.kinds))


def listed(root: str, file_ids: Iterable[Sequence[str]]) -> Iterator[Found]:
    """Yield every file of the ids once, in their order."""
    folders: dict[str, Folder | None] = {}
    seen = set()
    for file_id in file_ids:
        found = _locate(root, file_id, folders)
        if found.place not in seen:
            seen.add(found.place)
            yield found


def _locate(root: str, file_id: Sequence[str], folders: dict[str, Folder | None]) -> Found:
    """Return the file of an id.

    Each part of the id is looked up among the names in its folder, so no id leads out of the
    medium.
    """
    place, kind = "", _Kind.FOLDER
    for part in file_id:
        if kind is not _Kind.FOLDER:
            return Found("/".join(file_id), _OBSTACLES[kind] or LeftOutReason.MISSING)
        if place not in folders:
            folders[place] = Folder.at(f"{root}/{place}")
        folder = folders[place]
        if folder is None:
            return Found("/".join(file_id), LeftOutReason.UNREADABLE)
        name = folder.spelling(part)
        if name is None:
            return Found("/".join(file_id), LeftOutReason.MISSING)
        place, kind = f"{place}/{name}" if place else name, folder.kinds[name]
    return Found(place, _OBSTACLES[kind])


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
    """A file whose header pydicom reads, and which notices that data are missing.

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
        """Return whether the file begins as DICOM PS3.10 requires, and rewind."""
        begin = super().read(PREFIX_AT + len(PREFIX))
        self.seek(0)
        return begin[PREFIX_AT:] == PREFIX

    @override
    def read(self, size: int | None = -1, /) -> bytes:
        """Read, and notice an early end."""
        data = super().read(size)
        if size is None or size < 0:
            # pydicom reads the rest of a file only to inflate it, all at once, of any size.
            self._deflated = True
            self._truncated = not _inflates(data)
        elif len(data) < size < LONG_READ and data.strip(b"\0"):
            # In longer reads pydicom searches for a delimiter; zeros pad the end of a file.
            self._truncated = True
        return data

    def stop(self, tag: int, _vr: str | None, length: int) -> bool:
        """Return whether pydicom must stop: at the pixels, or at zeros that pad the end."""
        if tag == 0:
            return True
        is_fragmented = length == UNDEFINED_LENGTH
        if not (is_fragmented or self._deflated) and self.tell() + length > self._size:
            self._truncated = True
        if tag in PIXEL_DATA and is_fragmented:
            self._fragments = self.tell()
        return tag in PIXEL_DATA

    def is_whole(self) -> bool:
        """After the header was read, return whether all data that it announces are there."""
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
        """After reading the header failed, return whether data were missing."""
        return self._truncated or (not self._deflated and self.tell() >= self._size)


def _inflates(data: bytes) -> bool:
    """Return whether deflated data are complete.

    Raises:
        OverflowError: inflated, they are larger than an image with its header can be.
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
