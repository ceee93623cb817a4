"""What a subcommand consists of, its exit codes and errors, and the portal that it works on."""

from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import IntEnum
from importlib.util import find_spec
from typing import Final, TypeAlias, TypeVar

import attrs

from exam_sharing import Page, PrincipalId, Sharing
from exam_sharing.cli.parsing import Argument, spelled
from exam_sharing.cli.words import Words, series
from exam_sharing.directories import KeptDirectory
from exam_sharing.errors import ExamSharingError

ItemT = TypeVar("ItemT")


class ExitCode(IntEnum):
    """How a command ended, for the caller."""

    DONE = 0
    FAILED = 1
    MISUSED = 2
    DATABASE_FAILED = 3
    BUSY = 4
    DONE_NOT_PRINTED = 5
    INTERRUPTED = 130


OpenSharing: TypeAlias = Callable[..., tuple[Sharing, KeptDirectory]]
"""Takes the settings of a `Sharing` over an empty directory, and returns both."""

Run: TypeAlias = Callable[[Namespace], ExitCode]


@attrs.frozen
class Command:
    """A subcommand; one with actions, its own subcommands, runs only without one of them."""

    name: str
    help: str
    arguments: tuple[Argument, ...]
    epilog: str
    run: Run
    actions: tuple["Command", ...]


def command(
    name: str, meaning: str, *arguments: Argument, epilog: str, actions: tuple[Command, ...] = ()
) -> Callable[[Run], Command]:
    return lambda run: Command(name, meaning, arguments, epilog, run, actions)


class CommandFailed(ExamSharingError):
    """A command cannot do its work; the one argument is the message, with what to do."""


class Unread(CommandFailed):
    """Nothing could be read, and a document for `--json` says why."""

    def __init__(self, message: str, facts: Mapping[str, object]) -> None:
        super().__init__(message)
        self.facts = facts


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


def all_items(query: Callable[[str | None], Page[ItemT]]) -> Iterator[ItemT]:
    page = query(None)
    yield from page.items
    while page.next is not None:
        page = query(page.next)
        yield from page.items


class _Names(dict[PrincipalId, str]):
    """Names with the ids to type; each is looked up once."""

    def __init__(self, directory: KeptDirectory) -> None:
        super().__init__()
        self._directory = directory

    def __missing__(self, who: PrincipalId) -> str:
        name = self._directory.names((who,)).get(who, "").strip()
        self[who] = f"{name} ({spelled(who)})" if name else spelled(who)
        return self[who]


def names_in(directory: KeptDirectory) -> Words:
    return Words(names=_Names(directory))


@attrs.frozen(kw_only=True)
class Portal:
    """Sharing, and the people and groups, of one database; its place contains no password."""

    place: str
    sharing: Sharing
    directory: KeptDirectory

    def require_known(self, argument: str, *named: PrincipalId) -> None:
        """Raise `CommandFailed` if somebody who was typed for an argument is not in the directory.

        What was typed is not repeated: it may be a message whose option was left out.
        """
        known = self.directory.names(named)
        unknown = [str(place) for place, each in enumerate(named, 1) if each not in known]
        if unknown:
            where = f" in place {' and '.join(unknown)}" if len(named) > 1 else ""
            raise CommandFailed(
                f"{argument} names nobody in the directory{where}; see: exam-sharing people"
            )
