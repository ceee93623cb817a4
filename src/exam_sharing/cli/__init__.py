"""The command `exam-sharing`.

Each family of subcommands is a module. A subcommand raises what goes wrong as an error of ours;
here that becomes a line and an exit code.
"""

import sys
from argparse import RawDescriptionHelpFormatter
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from traceback import extract_tb
from typing import Final

from exam_sharing.cli.access import ACCESS, CAN, SHARED_WITH, WHO_CAN
from exam_sharing.cli.arguments import add_json
from exam_sharing.cli.check_store import CHECK_STORE
from exam_sharing.cli.commands import Command, ExitCode
from exam_sharing.cli.grants import SHARE, UNSHARE
from exam_sharing.cli.init import INIT
from exam_sharing.cli.notices import NOTICES
from exam_sharing.cli.parsing import Parser
from exam_sharing.cli.people import ADD_GROUP, ADD_USER, PEOPLE
from exam_sharing.cli.replying import DoneUntold
from exam_sharing.cli.rules import RULES
from exam_sharing.cli.streams import flush, let_go, spell_out
from exam_sharing.cli.tour.command import TOUR
from exam_sharing.cli.uploads import ADD_MEDIA
from exam_sharing.errors import (
    Conflict,
    ExamSharingError,
    InvalidValue,
    StoreBusy,
    StoreFailed,
)

__all__ = ["main"]

PROGRAM: Final = "exam-sharing"
DESCRIPTION: Final = "Who may see, download and pass on which imaging exam, and why."
EPILOG: Final = """\
examples:
  exam-sharing tour
  exam-sharing tour /media/cdrom
  exam-sharing rules
  exam-sharing init
  exam-sharing add-user anna --name "Anna Kovács"
  exam-sharing share cd-1 --as anna --with ben --confirm-hipaa
"""

COMMANDS: Final[tuple[Command, ...]] = (
    TOUR,
    RULES,
    INIT,
    ADD_USER,
    ADD_GROUP,
    PEOPLE,
    ADD_MEDIA,
    SHARE,
    UNSHARE,
    ACCESS,
    WHO_CAN,
    CAN,
    SHARED_WITH,
    NOTICES,
    CHECK_STORE,
)


_CODES: Final[Mapping[type[ExamSharingError], ExitCode]] = {
    DoneUntold: ExitCode.DONE_UNTOLD,
    StoreBusy: ExitCode.BUSY,
    InvalidValue: ExitCode.MISUSED,
    StoreFailed: ExitCode.DATABASE_FAILED,
    Conflict: ExitCode.BUSY,
}
"""How the command ends by errors that do not merely mean that it failed: by the first that fits."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit code.

    Args:
        argv: the arguments without the name of the program; by default those of the process.
    """
    for stream in (sys.stdout, sys.stderr):
        spell_out(stream)
    try:
        code = _run(argv)
        if code != ExitCode.DONE_UNTOLD:
            flush()
    except BrokenPipeError:
        # Whoever reads has seen enough.
        let_go(sys.stdout)
        return ExitCode.DONE
    except OSError as error:
        let_go(sys.stdout)
        return _failed(error.strerror or type(error).__name__)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001  a traceback quotes what was typed and what is kept
        let_go(sys.stdout)
        *_, place = extract_tb(error.__traceback__)
        what = f"{type(error).__name__} in {Path(place.filename).name}, line {place.lineno}"
        return _failed(f"a mistake of the program, please report it: {what}")
    return code


def _run(argv: Sequence[str] | None) -> int:
    parser = _parser()
    try:
        arguments = parser.parse_args(argv)
    except SystemExit as stopped:
        return stopped.code if isinstance(stopped.code, int) else ExitCode.MISUSED
    if arguments.command is None:
        parser.print_help(sys.stderr)
        return ExitCode.MISUSED
    try:
        code: ExitCode = arguments.run(arguments, version(PROGRAM))
    except ExamSharingError as error:
        kinds = (code for kind, code in _CODES.items() if isinstance(error, kind))
        # What the library calls an argument is here an option.
        return _failed(str(error).replace("loose=True", "--loose"), next(kinds, ExitCode.FAILED))
    return code


def _failed(why: str, code: ExitCode = ExitCode.FAILED) -> ExitCode:
    try:
        print(f"{PROGRAM}: {why}", file=sys.stderr, flush=True)
    except OSError:
        # Nobody can be told; the exit code still says it.
        let_go(sys.stderr)
    return code


def _parser() -> Parser:
    parser = Parser(
        prog=PROGRAM,
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {version(PROGRAM)}")
    parser.set_defaults(command=None)
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    for command in COMMANDS:
        subparser = subparsers.add_parser(
            command.name,
            help=command.help,
            description=f"{command.help[0].upper()}{command.help[1:]}.",
            epilog=command.epilog,
            formatter_class=RawDescriptionHelpFormatter,
        )
        command.add_arguments(subparser)
        add_json(subparser)
        subparser.set_defaults(command=command.name, run=command.run)
    return parser
