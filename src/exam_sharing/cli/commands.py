"""What a subcommand consists of, its exit codes, and its errors."""

from argparse import Namespace
from collections.abc import Callable, Iterable
from enum import IntEnum
from importlib.util import find_spec
from typing import Final

import attrs

from exam_sharing.cli.parsing import Argument
from exam_sharing.cli.words import series
from exam_sharing.errors import ExamSharingError


class ExitCode(IntEnum):
    """How a command ended, for the caller."""

    DONE = 0
    FAILED = 1
    MISUSED = 2
    DATABASE_FAILED = 3
    BUSY = 4
    DONE_NOT_PRINTED = 5
    INTERRUPTED = 130


@attrs.frozen(kw_only=True)
class Command:
    """A subcommand.

    Attributes:
        name: how it is called.
        help: a line for the list of commands.
        epilog: the rest of its own help, with examples.
        arguments: what it takes.
        run: runs it, given the arguments and the version of the package.
        actions: subcommands of its own; without one of them, `run` runs.
    """

    name: str
    help: str
    epilog: str
    arguments: tuple[Argument, ...]
    run: Callable[[Namespace, str], ExitCode]
    actions: tuple["Command", ...] = ()


class CommandFailed(ExamSharingError):
    """A command cannot do its work; the one argument is the message, with what to do."""


class NotPrinted(CommandFailed):
    """Something was done, and its result could not be printed."""


_EXTRA_OF: Final = {"hypothesis": "testing", "rich": "cli", "pydicom": "dicom", "sqlalchemy": "sql"}
_WITHOUT_EXTRA: Final = {"psycopg": "psycopg[binary]"}
"""Hosts choose how these are built, so no extra installs them."""


def need(packages: Iterable[str]) -> None:
    """Raise `CommandFailed` with the command to run if one of these packages is not installed."""
    missing = [package for package in packages if find_spec(package) is None]
    if not missing:
        return
    extras = ",".join(sorted(_EXTRA_OF[each] for each in missing if each in _EXTRA_OF))
    wanted = [f"exam-sharing[{extras}]"] if extras else []
    wanted += [_WITHOUT_EXTRA[each] for each in missing if each in _WITHOUT_EXTRA]
    are = "are" if len(missing) > 1 else "is"
    quoted = " ".join(f'"{each}"' for each in wanted)
    raise CommandFailed(
        f"{series(missing)} {are} not installed; run: python -m pip install {quoted}"
    )
