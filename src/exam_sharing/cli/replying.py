"""How a command over a database runs: open it, ask, and print the reply."""

from argparse import Namespace
from collections.abc import Callable, Iterable
from typing import TypeAlias

from exam_sharing import Denied, Refused
from exam_sharing.cli.chapters import Explained, Previewed
from exam_sharing.cli.commands import ExitCode
from exam_sharing.cli.documents import reply_document, written
from exam_sharing.cli.extras import need
from exam_sharing.cli.portal import Portal
from exam_sharing.cli.refusals import print_refusal
from exam_sharing.cli.replies import NoticesRequeued, Reply
from exam_sharing.cli.words import Words

__all__ = ["over_portal", "print_reply", "require_extras"]

Ask: TypeAlias = Callable[[Namespace, Portal], Reply]


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
    """Print a reply, for machines or for people."""
    if arguments.json:
        print(written(reply_document(reply, version)))
        return
    from exam_sharing.cli.printing import open_console
    from exam_sharing.cli.reply_pictures import picture_reply

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
