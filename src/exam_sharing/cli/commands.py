"""What a subcommand consists of, and with which code it ends."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from enum import IntEnum

import attrs

__all__ = ["Command", "ExitCode"]


class ExitCode(IntEnum):
    """How a command ends, for whoever started it."""

    DONE = 0
    FAILED = 1
    MISUSED = 2
    DATABASE_FAILED = 3
    BUSY = 4
    DONE_UNTOLD = 5
    INTERRUPTED = 130


@attrs.frozen(kw_only=True)
class Command:
    """A subcommand.

    Attributes:
        name: how it is called.
        help: a line for the list of commands.
        epilog: what else its own help says, with examples.
        add_arguments: says what it takes.
        run: does it, given the arguments and the version of the package. What goes wrong, it raises
            as an error of ours.
    """

    name: str
    help: str
    epilog: str
    add_arguments: Callable[[ArgumentParser], None]
    run: Callable[[Namespace, str], ExitCode]
