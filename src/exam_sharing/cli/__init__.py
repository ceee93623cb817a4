"""The command `exam-sharing`: each family of subcommands is a module.

A subcommand raises every failure as an error of ours; here that becomes a line and an exit code.
"""

import sys
from argparse import RawDescriptionHelpFormatter
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from traceback import extract_tb
from typing import TYPE_CHECKING, Final

from exam_sharing.cli import (
    access,
    accesses,
    check_histories,
    check_store,
    grants,
    graph,
    media,
    notices,
    past,
    people,
    release_standby,
    seals,
    tour,
)
from exam_sharing.cli.commands import Command, ExitCode, NotPrinted, Unread
from exam_sharing.cli.parsing import JSON, Parser
from exam_sharing.cli.printing import PROGRAM, document, flush, let_go, spell_out
from exam_sharing.errors import Conflict, ExamSharingError, InvalidValue, StoreBusy, StoreFailed

if TYPE_CHECKING:
    from argparse import _SubParsersAction

__all__ = ["main"]

_EPILOG: Final = """\
examples:
  exam-sharing tour
  exam-sharing tour /media/cdrom
  exam-sharing rules
  exam-sharing init
  exam-sharing add-user anna --name "Anna Kovács"
  exam-sharing share cd-1 --as anna --with ben --confirm-hipaa
"""

COMMANDS: Final[tuple[Command, ...]] = (
    *(tour.tour, grants.rules),
    *(people.init, people.upgrade),
    *(people.add_user, people.add_group, people.people, media.add_media),
    *(grants.share, grants.unshare),
    *(access.access, access.who_can, access.can, access.shared_with),
    *(seals.seal, seals.verify),
    *(past.who_could, past.history, past.replace_name, graph.graph),
    *(accesses.accesses, accesses.disclosures),
    *(notices.notices, check_store.check_store, check_histories.check_histories),
    release_standby.release_standby,
)

_CODES: Final[Mapping[type[ExamSharingError], ExitCode]] = {
    NotPrinted: ExitCode.DONE_NOT_PRINTED,
    StoreBusy: ExitCode.BUSY,
    InvalidValue: ExitCode.MISUSED,
    StoreFailed: ExitCode.DATABASE_FAILED,
    Conflict: ExitCode.BUSY,
}
"""The exit code of an error is that of the first kind that fits; of any other error, 1."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with arguments, by default those of the process; return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        spell_out(stream)
    try:
        code = _run(argv)
        if code != ExitCode.DONE_NOT_PRINTED:
            flush()
    except BrokenPipeError:
        # The reader has seen enough.
        let_go(sys.stdout)
        return ExitCode.DONE
    except OSError as error:
        let_go(sys.stdout)
        return _failed(error.strerror or type(error).__name__)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001  a traceback may quote what was typed or stored
        let_go(sys.stdout)
        *_, place = extract_tb(error.__traceback__)
        what = f"{type(error).__name__} in {Path(place.filename).name}, line {place.lineno}"
        return _failed(f"a bug in the program, please report it: {what}")
    return code


def _run(argv: Sequence[str] | None) -> int:
    parser = Parser(
        prog=PROGRAM,
        description="Who may see, download and pass on which imaging exam, and why.",
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {version(PROGRAM)}")
    parser.set_defaults(run=None, db=None, json=False)
    _add(parser.add_subparsers(title="commands", metavar="COMMAND"), COMMANDS)
    try:
        arguments = parser.parse_args(argv)
    except SystemExit as stopped:
        return stopped.code if isinstance(stopped.code, int) else ExitCode.MISUSED
    if arguments.run is None:
        parser.print_help(sys.stderr)
        return ExitCode.MISUSED
    try:
        code: ExitCode = arguments.run(arguments)
    except ExamSharingError as error:
        if isinstance(error, Unread) and arguments.json:
            print(document(kind="unread", **error.facts))
            return ExitCode.FAILED
        kinds = (code for kind, code in _CODES.items() if isinstance(error, kind))
        return _failed(str(error), next(kinds, ExitCode.FAILED))
    return code


def _failed(why: str, code: ExitCode = ExitCode.FAILED) -> ExitCode:
    try:
        print(f"{PROGRAM}: {why}", file=sys.stderr, flush=True)
    except OSError:
        # Nobody can read it; the exit code still reports it.
        let_go(sys.stderr)
    return code


def _add(subparsers: "_SubParsersAction[Parser]", commands: Iterable[Command]) -> None:
    for command in commands:
        parser = subparsers.add_parser(
            command.name,
            help=command.help,
            description=f"{command.help[0].upper()}{command.help[1:]}.",
            epilog=command.epilog,
            formatter_class=RawDescriptionHelpFormatter,
        )
        for add in (*command.arguments, JSON):
            add(parser)
        parser.set_defaults(run=command.run)
        if command.actions:
            _add(parser.add_subparsers(title="actions", metavar="ACTION"), command.actions)
