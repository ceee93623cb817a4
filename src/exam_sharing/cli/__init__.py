"""The command `exam-sharing`.

Each subcommand is a module: its name, a line of help, what it takes, and how it runs. It raises
what goes wrong as an error of ours; here that becomes one line and an exit code: 0 for done, 1 for
not, 2 for a command line that nobody understands.
"""

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from importlib.metadata import version
from typing import Final

from exam_sharing.cli import rules, tour
from exam_sharing.cli.streams import flush, let_go, spell_out
from exam_sharing.errors import ExamSharingError

__all__ = ["main"]

PROGRAM: Final = "exam-sharing"
DESCRIPTION: Final = "Who may see, download and pass on which imaging exam, and why."
EPILOG: Final = """\
examples:
  exam-sharing tour
  exam-sharing tour /media/cdrom
  exam-sharing rules
"""

COMMANDS: Final = (tour, rules)

DONE, FAILED, MISUSED = 0, 1, 2
INTERRUPTED: Final = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit code.

    Args:
        argv: the arguments without the name of the program; by default those of the process.
    """
    for stream in (sys.stdout, sys.stderr):
        spell_out(stream)
    try:
        code = _run(argv)
        flush()
    except BrokenPipeError:
        # Whoever reads has seen enough.
        let_go(sys.stdout)
        return DONE
    except OSError as error:
        let_go(sys.stdout)
        return _failed(error.strerror or type(error).__name__)
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def _run(argv: Sequence[str] | None) -> int:
    parser = _parser()
    try:
        arguments = parser.parse_args(argv)
    except SystemExit as stopped:
        return stopped.code if isinstance(stopped.code, int) else MISUSED
    if arguments.command is None:
        parser.print_help(sys.stderr)
        return MISUSED
    try:
        return int(arguments.run(arguments, version(PROGRAM)))
    except ExamSharingError as error:
        # What the library calls an argument is here an option.
        return _failed(str(error).replace("loose=True", "--loose"))


def _failed(why: str) -> int:
    print(f"{PROGRAM}: {why}", file=sys.stderr)
    return FAILED


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
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
            command.NAME,
            help=command.HELP,
            description=f"{command.HELP[0].upper()}{command.HELP[1:]}.",
            formatter_class=RawDescriptionHelpFormatter,
        )
        command.add_arguments(subparser)
        subparser.set_defaults(command=command.NAME, run=command.run)
    return parser
