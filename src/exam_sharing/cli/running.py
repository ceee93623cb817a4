"""How a command over a database runs: open the database, act, print the reply.

What was done stays done even when its result cannot be printed; the error then reports both.
"""

import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias

from exam_sharing import Policy, Reason, ReasonCode, Refused
from exam_sharing.cli.commands import ExitCode, NotPrinted, need
from exam_sharing.cli.portal import Portal, names_in
from exam_sharing.cli.printing import open_console
from exam_sharing.cli.replies import Reply, document, plain
from exam_sharing.cli.streams import flush, let_go
from exam_sharing.cli.words import Words
from exam_sharing.errors import ExamSharingError

Work: TypeAlias = Callable[[Namespace, Portal], Reply]


def over_portal(work: Work, *, needs: Iterable[str] = ()) -> Callable[[Namespace, str], ExitCode]:
    """Return how to run a command over a database, which may need further packages."""

    def run(arguments: Namespace, version: str) -> ExitCode:
        require_extras(arguments, needs)
        from exam_sharing.cli.database import opened

        with opened(arguments.db) as portal:
            words = names_in(portal.directory)
            try:
                reply = work(arguments, portal)
            except Refused as refused:
                _print_refusal(refused.reasons, arguments, version, words)
                return ExitCode.FAILED
            print_reply(reply, arguments, version, words)
        return ExitCode.DONE if reply.is_yes else ExitCode.FAILED

    return run


def require_extras(arguments: Namespace, further: Iterable[str] = ()) -> None:
    """Raise `CommandFailed` if a command over a database lacks a package."""
    need([*further, *([] if arguments.json else ["rich"]), "sqlalchemy"])


def print_reply(reply: Reply, arguments: Namespace, version: str, words: Words) -> None:
    """Print a reply, for machines or for people."""
    with reporting(reply.done):
        if arguments.json:
            print(document(version, **reply.as_data()))
        else:
            open_console().print(reply.show(words))


@contextmanager
def reporting(done: str | None) -> Iterator[None]:
    """Report what was done, if anything, when it cannot be printed."""
    try:
        yield
        flush()
    except (BrokenPipeError, NotPrinted):
        raise
    except (Exception, KeyboardInterrupt) as error:
        if done is None:
            raise
        let_go(sys.stdout)
        raise NotPrinted(f"{done}, but the result could not be printed: {_why(error)}") from None


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


_REMEDIES: Final = {
    ReasonCode.ATTESTATION_MISSING: f"--confirm-hipaa confirms: {Policy().attestation_wording}",
    ReasonCode.DOWNLOAD_NOT_HELD: "leave out --download",
    ReasonCode.HAS_RESHARES: "--cascade or --keep",
}
"""The options that help, beside what every portal prints."""


def _print_refusal(
    reasons: tuple[Reason, ...], arguments: Namespace, version: str, words: Words
) -> None:
    """Print a refusal: for machines on standard output, for people on standard error."""
    if arguments.json:
        print(document(version, kind="refused", reasons=plain(reasons)))
        return
    print("exam-sharing: refused, and nothing was done", file=sys.stderr)
    for reason in reasons:
        print(f"  {reason.code.value}: {words.remedy(reason)}", file=sys.stderr)
        if reason.code in _REMEDIES:
            print(f"    {_REMEDIES[reason.code]}", file=sys.stderr)
