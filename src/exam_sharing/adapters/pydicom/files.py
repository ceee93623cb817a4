"""Where the files of a medium are: in a folder, or in a ZIP file, which is never unpacked.

Links are not followed, so nothing on a medium leads out of it or in a circle.
"""

import enum
import io
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PureWindowsPath
from typing import BinaryIO, Final, Protocol, cast
from zipfile import BadZipFile, ZipFile, ZipInfo

import attrs
from typing_extensions import override

from exam_sharing.adapters.pydicom.elements import Source
from exam_sharing.adapters.pydicom.media import LeftOutReason, MediaError, MediaProblem

__all__ = ["Folder", "Found", "InFolder", "InZip", "Tree", "is_directory", "listed", "walk"]


@attrs.frozen
class Found:
    """A file of the medium.

    Attributes:
        place: its path on the medium, with `/` between the parts.
        obstacle: why it cannot be read, if so.
        is_listed: whether the DICOMDIR lists it; without one, every file counts as listed.
    """

    place: str
    obstacle: LeftOutReason | None = None
    is_listed: bool = True


class _Kind(enum.Enum):
    FOLDER = enum.auto()
    FILE = enum.auto()
    LINK = enum.auto()
    SPECIAL = enum.auto()
    ENCRYPTED = enum.auto()


_OBSTACLES: Final[Mapping[_Kind, LeftOutReason | None]] = {
    _Kind.FOLDER: LeftOutReason.MISSING,
    _Kind.FILE: None,
    _Kind.LINK: LeftOutReason.LINK,
    _Kind.SPECIAL: LeftOutReason.SPECIAL_FILE,
    _Kind.ENCRYPTED: LeftOutReason.ENCRYPTED,
}
"""Why an entry cannot be read as a file; a folder in the place of a file is no file."""

_ADDED: Final = re.compile(r"(\.[^.]*)?(;[0-9]*)?$")
"""What some systems add to the name of a file: an extension, and a version behind it."""


class Folder:
    """The entries of one folder, by name, in the order of code points."""

    def __init__(self, kinds: Mapping[str, _Kind]) -> None:
        self.kinds: dict[str, _Kind] = {name: kinds[name] for name in sorted(kinds)}
        self._like: dict[str, list[str]] = {}
        for name in self.kinds:
            folded = name.casefold()
            for form in {folded, _ADDED.sub("", folded, count=1)}:
                self._like.setdefault(form, []).append(name)

    def spelling(self, name: str) -> str | None:
        """Return the name as this folder spells it, or `None`.

        File IDs are in capitals and have no extension. Many systems show the names on a CD in lower
        case, and some copy a file `IM1` to `IM1.dcm` or `IM1;1`: such a name counts if no other
        entry has one that is as near.
        """
        if name in self.kinds:
            return name
        folded = name.casefold()
        near = self._like.get(folded, [])
        same = [each for each in near if each.casefold() == folded]
        if same:
            return same[0]
        return near[0] if len(near) == 1 else None

    def directory(self) -> str | None:
        """Return the name of the DICOMDIR, or `None`.

        Raises:
            MediaError: something else has that name.
        """
        name = next(filter(is_directory, self.kinds), None)
        if name is not None and self.kinds[name] is not _Kind.FILE:
            raise MediaError(MediaProblem.DIRECTORY_IS_NO_FILE)
        return name


_DIRECTORY: Final = re.compile(r"DICOMDIR\.?(;[0-9]*)?", re.IGNORECASE)


def is_directory(name: str) -> bool:
    """Return whether a name is that of a DICOMDIR, in any spelling."""
    return _DIRECTORY.fullmatch(name) is not None


class Tree(Protocol):
    """The folders and files of a medium."""

    unusable: Sequence[Found] = ()
    """What is in no folder, with the reason."""

    def folder(self, place: str) -> Folder | None:
        """Return a folder, `""` for the outermost; `None` if it cannot be opened."""

    def open(self, place: str) -> Source:
        """Open a file.

        Raises:
            OSError: it cannot be opened.
        """


@attrs.frozen
class InFolder(Tree):
    """A folder of the file system."""

    root: str

    @override
    def folder(self, place: str) -> Folder | None:
        try:
            with os.scandir(f"{self.root}/{place}") as entries:
                return Folder({entry.name: _kind(entry) for entry in entries})
        except OSError:
            return None

    @override
    def open(self, place: str) -> Source:
        stream = open(f"{self.root}/{place}", "rb", opener=_opener)  # noqa: SIM115
        size = os.fstat(stream.fileno()).st_size
        return Source(stream, size, size)


def _opener(path: str, flags: int) -> int:
    # What was a file a moment ago may be a pipe now, and opening a pipe waits for its writer.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _kind(entry: os.DirEntry[str]) -> _Kind:
    if entry.is_symlink():
        return _Kind.LINK
    if entry.is_dir(follow_symlinks=False):
        return _Kind.FOLDER
    return _Kind.FILE if entry.is_file(follow_symlinks=False) else _Kind.SPECIAL


MAX_ENTRIES: Final = 50_000
MAX_CONTENTS: Final = 8 * 1024 * 1024
MAX_ZIPPED: Final = 64 * 1024 * 1024 * 1024
MAX_RATIO: Final = 100
ALWAYS_ALLOWED: Final = 1024 * 1024 * 1024
REACH: Final = 64 * 1024 * 1024


class _Bounded(io.FileIO):
    """The file of a ZIP; `zipfile` reads its table of contents in one piece, of any size."""

    @override
    def read(self, size: int | None = -1, /) -> bytes:
        rest = os.fstat(self.fileno()).st_size - self.tell()
        if (rest if size is None or size < 0 else size) > MAX_CONTENTS:
            raise MediaError(MediaProblem.ZIP_TOO_LARGE)
        return super().read(size)


class InZip(Tree):
    """A ZIP file, read where it is: nothing of it is written anywhere.

    Raises:
        MediaError: it is damaged, or holds more than media hold.
    """

    def __init__(self, path: str) -> None:
        self._stream = _Bounded(path)
        try:
            self._zip = ZipFile(self._stream)
        except (BadZipFile, OSError, ValueError, NotImplementedError):
            self._stream.close()
            raise MediaError(MediaProblem.ZIP_UNREADABLE) from None
        except MediaError:
            self._stream.close()
            raise
        self._entries: dict[str, ZipInfo] = {}
        self._folders: dict[str, dict[str, _Kind]] = {"": {}}
        self._in_no_folder: list[Found] = []
        self._require_bounds(os.fstat(self._stream.fileno()).st_size)
        for entry in self._zip.infolist():
            self._add(entry)
        self.unusable: Sequence[Found] = self._in_no_folder

    def _require_bounds(self, size: int) -> None:
        entries = self._zip.infolist()
        inflated = sum(entry.file_size for entry in entries)
        allowed = min(MAX_ZIPPED, max(ALWAYS_ALLOWED, MAX_RATIO * size))
        if len(entries) > MAX_ENTRIES or inflated > allowed:
            self.close()
            raise MediaError(MediaProblem.ZIP_TOO_LARGE)

    def _add(self, entry: ZipInfo) -> None:
        name = entry.filename.replace("\\", "/")
        *folders, last = name.removesuffix("/").split("/")
        if PureWindowsPath(name).drive or {"", ".", ".."} & {*folders, last}:
            self._in_no_folder.append(Found(entry.filename, LeftOutReason.UNSAFE_NAME))
            return
        place = ""
        for part in folders:
            place = self._made(place, part, entry)
            if place not in self._folders:
                return
        if entry.is_dir() or name.endswith("/"):
            self._made(place, last, entry)
        elif last in self._folders[place]:
            self._in_no_folder.append(Found(name, LeftOutReason.AMBIGUOUS))
        else:
            self._folders[place][last] = _kind_in_zip(entry)
            self._entries[f"{place}/{last}" if place else last] = entry

    def _made(self, place: str, part: str, entry: ZipInfo) -> str:
        """Make a folder within another, unless it is there, and return its place."""
        kind = self._folders[place].setdefault(part, _Kind.FOLDER)
        inside = f"{place}/{part}" if place else part
        if kind is _Kind.FOLDER:
            self._folders.setdefault(inside, {})
        else:
            self._in_no_folder.append(Found(entry.filename, LeftOutReason.AMBIGUOUS))
        return inside

    def close(self) -> None:
        """Close the file."""
        self._zip.close()
        self._stream.close()

    @override
    def folder(self, place: str) -> Folder | None:
        return Folder(self._folders[place])

    @override
    def open(self, place: str) -> Source:
        entry = self._entries[place]
        try:
            stream = cast("BinaryIO", self._zip.open(entry))
        except (BadZipFile, NotImplementedError, RuntimeError) as error:
            raise OSError from error
        return Source(stream, entry.file_size, min(entry.file_size, REACH))


def _kind_in_zip(entry: ZipInfo) -> _Kind:
    mode = entry.external_attr >> 16
    if stat.S_ISLNK(mode):
        return _Kind.LINK
    return _Kind.ENCRYPTED if entry.flag_bits & 1 else _Kind.FILE


def walk(tree: Tree) -> Iterator[Found]:
    """Yield every file of the medium, in the order of their names."""
    ahead = [("", _Kind.FOLDER)]
    while ahead:
        place, kind = ahead.pop()
        if kind is not _Kind.FOLDER:
            yield Found(place, _OBSTACLES[kind])
            continue
        folder = tree.folder(place)
        if folder is None:
            yield Found(place, LeftOutReason.UNREADABLE)
            continue
        inside = f"{place}/" if place else ""
        ahead.extend((inside + name, folder.kinds[name]) for name in reversed(folder.kinds))
    yield from tree.unusable


def listed(tree: Tree, file_ids: Iterable[Sequence[str]], directory: str) -> Iterator[Found]:
    """Yield every file of the ids once, in their order; then every other file but the DICOMDIR."""
    folders: dict[str, Folder | None] = {}
    seen = {directory}
    for file_id in file_ids:
        found = _locate(tree, file_id, folders)
        if found.place not in seen:
            seen.add(found.place)
            yield found
    for found in walk(tree):
        if found.place not in seen:
            yield attrs.evolve(found, is_listed=False)


def _locate(tree: Tree, file_id: Sequence[str], folders: dict[str, Folder | None]) -> Found:
    """Return the file of an id.

    Each part of the id is looked up among the names in its folder, so no id leads out of the
    medium.
    """
    place, kind = "", _Kind.FOLDER
    if ".." in file_id:
        return Found("/".join(file_id), LeftOutReason.UNSAFE_NAME)
    for part in file_id:
        if kind is not _Kind.FOLDER:
            return Found("/".join(file_id), _OBSTACLES[kind] or LeftOutReason.MISSING)
        if place not in folders:
            folders[place] = tree.folder(place)
        folder = folders[place]
        if folder is None:
            return Found("/".join(file_id), LeftOutReason.UNREADABLE)
        name = folder.spelling(part)
        if name is None:
            return Found("/".join(file_id), LeftOutReason.MISSING)
        place, kind = f"{place}/{name}" if place else name, folder.kinds[name]
    return Found(place, _OBSTACLES[kind])
