"""What the command needs beyond the core, and what to say where it is missing."""

from collections.abc import Iterable
from importlib.util import find_spec
from typing import Final

from exam_sharing.errors import ExamSharingError

__all__ = ["MissingExtra", "need"]

_EXTRA_OF: Final = {"hypothesis": "testing", "rich": "cli", "pydicom": "dicom", "sqlalchemy": "sql"}
_BESIDE: Final = {"psycopg": "psycopg[binary]"}
"""What no extra brings, since hosts choose how it is built."""


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
        *front, last = self.packages
        named = f"{', '.join(front)} and {last} are" if front else f"{last} is"
        extras = ",".join(sorted(_EXTRA_OF[each] for each in self.packages if each in _EXTRA_OF))
        wanted = [f"exam-sharing[{extras}]"] if extras else []
        wanted += [_BESIDE[each] for each in self.packages if each in _BESIDE]
        quoted = " ".join(f'"{each}"' for each in wanted)
        return f"{named} not installed; run: python -m pip install {quoted}"


def need(packages: Iterable[str]) -> None:
    """Raise `MissingExtra` unless all of these can be imported."""
    missing = tuple(package for package in packages if find_spec(package) is None)
    if missing:
        raise MissingExtra(missing)
