"""What the command needs beyond the core, and what to say where it is missing."""

from collections.abc import Iterable
from importlib.util import find_spec
from typing import Final

from exam_sharing.errors import ExamSharingError

__all__ = ["MissingExtra", "need"]

_EXTRA_OF: Final = {"rich": "cli", "pydicom": "dicom"}


class MissingExtra(ExamSharingError):
    """Packages are not installed that a command cannot do without.

    Args:
        packages: their names.
    """

    def __init__(self, packages: tuple[str, ...]) -> None:
        """Keep the names."""
        super().__init__(packages)
        self.packages = packages

    def __str__(self) -> str:
        """Say what is missing and how to get it."""
        named = " and ".join(self.packages)
        extras = ",".join(sorted(_EXTRA_OF[package] for package in self.packages))
        verb = "is" if len(self.packages) == 1 else "are"
        return f'{named} {verb} not installed; run: python -m pip install "exam-sharing[{extras}]"'


def need(packages: Iterable[str]) -> None:
    """Raise `MissingExtra` unless all of these can be imported."""
    missing = tuple(package for package in packages if find_spec(package) is None)
    if missing:
        raise MissingExtra(missing)
