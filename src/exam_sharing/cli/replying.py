"""How a command over a database runs: open it, ask, and print the reply.

What was done stays done when it cannot be printed, so whoever typed the command must learn both.
"""

import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, TypeAlias

from exam_sharing import Denied, Refused
from exam_sharing.cli.commands import ExitCode
from exam_sharing.cli.documents import reply_document, written
from exam_sharing.cli.extras import need
from exam_sharing.cli.portal import Portal
from exam_sharing.cli.refusals import print_refusal
from exam_sharing.cli.replies import (
    NoticesRelayed,
    NoticesRequeued,
    PrincipalKept,
    Reply,
    TablesReady,
)
from exam_sharing.cli.streams import flush, let_go
from exam_sharing.cli.tour.facts import Ended, Explained, Previewed, Shared, Uploaded
from exam_sharing.cli.words import Words
from exam_sharing.errors import ExamSharingError

__all__ = ["DoneUntold", "over_portal", "print_reply", "require_extras", "telling"]

Ask: TypeAlias = Callable[[Namespace, Portal], Reply]

_DONE: Final[Mapping[type, str]] = {
    Shared: "the share was done",
    Ended: "the unsharing was done",
    PrincipalKept: "the directory was changed",
    Uploaded: "the exams were added",
    TablesReady: "the tables are there",
    NoticesRequeued: "the notices wait again",
    NoticesRelayed: "what was due was sent",
}
"""What was done, where a reply tells of something that was."""


class DoneUntold(ExamSharingError):
    """Something was done, and what it came to could not be printed.

    Args:
        done: what was done, as `the share was done`.
        why: why it could not be printed.
    """

    def __init__(self, done: str, why: str) -> None:
        """Keep both."""
        super().__init__(done, why)
        self.done = done
        self.why = why

    def __str__(self) -> str:
        """Say both."""
        return f"{self.done}, but what it came to could not be printed: {self.why}"


@contextmanager
def telling(done: str | None) -> Iterator[None]:
    """Have whatever goes wrong while something is printed say what was done before.

    Args:
        done: what was done; `None` for nothing.

    Raises:
        DoneUntold: it could not be printed, for another reason than a reader who went away.
    """
    try:
        yield
        flush()
    except (BrokenPipeError, DoneUntold):
        raise
    except (Exception, KeyboardInterrupt) as error:
        if done is None:
            raise
        let_go(sys.stdout)
        raise DoneUntold(done, _why(error)) from None


def _why(error: BaseException) -> str:
    match error:
        case KeyboardInterrupt():
            return "interrupted"
        case ExamSharingError():
            return str(error)
        case OSError(strerror=str(why)):
            return why
        case _:
            return type(error).__name__


def over_portal(ask: Ask, *, needs: Iterable[str] = ()) -> Callable[[Namespace, str], ExitCode]:
    """Return how to run a command that asks the portal and prints what it replies.

    Args:
        ask: gets the arguments and the portal.
        needs: packages beyond those that every such command needs.
    """

    def run(arguments: Namespace, version: str) -> ExitCode:
        require_extras(arguments, needs)
        from exam_sharing.cli.database import opened

        with opened(arguments.db) as portal:
            try:
                reply = ask(arguments, portal)
            except Refused as refused:
                print_refusal(refused.reasons, arguments, version, portal.words())
                return ExitCode.FAILED
            print_reply(reply, arguments, version, portal.words())
        return _exit_code(reply)

    return run


def require_extras(arguments: Namespace, further: Iterable[str] = ()) -> None:
    """Make sure of what a command over a database needs.

    Raises:
        MissingExtra: it is not installed.
    """
    need([*further, *([] if arguments.json else ["rich"]), "sqlalchemy"])


def print_reply(reply: Reply, arguments: Namespace, version: str, words: Words) -> None:
    """Print a reply, for machines or for people.

    Raises:
        DoneUntold: it could not be printed, and tells of something that was done.
    """
    with telling(_DONE.get(type(reply))):
        if arguments.json:
            print(written(reply_document(reply, version)))
            return
        from exam_sharing.cli.reply_pictures import picture_reply
        from exam_sharing.cli.tour.printing import open_console

        open_console().print(picture_reply(reply, words))


def _exit_code(reply: Reply) -> ExitCode:
    """Return whether the answer is yes, where a command asks whether something may be."""
    match reply:
        case Explained(answer=Denied()):
            return ExitCode.FAILED
        case Previewed(preview=preview) if preview.reasons:
            return ExitCode.FAILED
        case NoticesRequeued(requeued=requeued, named=int(named)) if requeued < named:
            return ExitCode.FAILED
        case _:
            return ExitCode.DONE
