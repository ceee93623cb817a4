"""Where the files of a medium are.

Links are never followed, so nothing on a medium leads out of it or in a circle.
"""

import enum
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import attrs

from exam_sharing.adapters.pydicom.media import LeftOutReason

__all__ = ["Folder", "Found", "listed", "walk"]


@attrs.frozen
class Found:
    """A file of the medium.

    Attributes:
        place: where it is on the medium, with `/` between the parts.
        obstacle: why there is no reading it, if so.
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
"""What keeps one from reading a thing as a file: where a file should be, a folder is none."""


@attrs.frozen
class Folder:
    """What one folder holds, by name, in the order of code points."""

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
        """Return the name as this folder spells it.

        File ids are in capitals, and many systems show the names on a CD in small letters.
        """
        return name if name in self.kinds else self.folded.get(name.casefold())

    def has_file(self, name: str) -> bool:
        """Tell whether the name is that of a plain file."""
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
    """Yield every file that the ids name, once, in their order."""
    folders: dict[str, Folder | None] = {}
    seen = set()
    for file_id in file_ids:
        found = _locate(root, file_id, folders)
        if found.place not in seen:
            seen.add(found.place)
            yield found


def _locate(root: str, file_id: Sequence[str], folders: dict[str, Folder | None]) -> Found:
    """Return where the medium has the file.

    Each part of the id is looked up among the names that its folder holds, so no id leads out of
    the medium, whatever it says.
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
