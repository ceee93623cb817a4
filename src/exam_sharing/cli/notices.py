"""`exam-sharing notices`: what waits to be sent and what was given up, and sending it."""

import signal
import sys
import time
from argparse import SUPPRESS, ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from exam_sharing import StoreFailed
from exam_sharing.cli import arguments as typed
from exam_sharing.cli.commands import Command, ExitCode
from exam_sharing.cli.mail import add_mail, notifier_for
from exam_sharing.cli.portal import Portal
from exam_sharing.cli.replies import (
    NoticeShown,
    NoticesRelayed,
    NoticesRequeued,
    NoticesShown,
    NoticeState,
)
from exam_sharing.cli.replying import over_portal, print_reply, require_extras, telling
from exam_sharing.cli.streams import flush
from exam_sharing.errors import InvalidInput
from exam_sharing.events import ListedNotice
from exam_sharing.relay import Stop, watch

__all__ = ["NOTICES"]

EPILOG: Final = """\
Notices wait in the database until a relay sends them. One that fails is tried again, less and less
often; after some days, or where no repeat can help, it is given up and its message is erased. What
a notice says is not shown.

examples:
  exam-sharing notices
  exam-sharing notices --given-up
  exam-sharing notices retry --all
  exam-sharing notices relay --smtp mail.example:587 --from portal@clinic.example
"""

RETRY_EPILOG: Final = """\
A notice that was given up waits again as if it were new, without its message, which was erased.

examples:
  exam-sharing notices retry --all
  exam-sharing notices retry 5f0c-1 5f0c-2
"""

RELAY_EPILOG: Final = """\
What is due is sent, once; with --watch, for ever, until it is interrupted or told to end. Several
relays may run at once.

examples:
  exam-sharing notices relay --smtp mail.example:587 --from portal@clinic.example --login portal
  exam-sharing notices relay --watch --smtp localhost:25 --security none --from me@clinic.example
  exam-sharing notices relay --print
"""


def _add_arguments(parser: ArgumentParser) -> None:
    typed.add_database(parser)
    typed.add_paging(parser)
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--waiting", dest="given_up", action="store_const", const=False, help="those that wait"
    )
    which.add_argument(
        "--given-up", action="store_const", const=True, help="those that were given up"
    )
    actions = parser.add_subparsers(title="what to do with them", metavar="ACTION")
    for name, what, epilog, add_arguments, run in (
        ("retry", "try again what was given up", RETRY_EPILOG, _add_retry, over_portal(_retry)),
        ("relay", "send what is due", RELAY_EPILOG, _add_relay, _relay),
    ):
        action = actions.add_parser(
            name,
            help=what,
            description=f"{what[0].upper()}{what[1:]}.",
            epilog=epilog,
            formatter_class=RawDescriptionHelpFormatter,
        )
        # Where nothing is said here, what was said before the action holds.
        typed.add_database(action, default=SUPPRESS)
        typed.add_json(action, default=SUPPRESS)
        add_arguments(action)
        action.set_defaults(run=run)


def _list(arguments: Namespace, portal: Portal) -> NoticesShown:
    page = portal.sharing.admin.list_notices(
        arguments.after, arguments.limit, given_up=arguments.given_up
    )
    return NoticesShown(notices=tuple(map(_shown, page.items)), next=page.next)


def _shown(notice: ListedNotice) -> NoticeShown:
    state = NoticeState.SENDING if notice.claimed else NoticeState.WAITING
    return NoticeShown(
        id=notice.id,
        share=notice.share,
        to=notice.to,
        state=state if notice.given_up_at is None else NoticeState.GIVEN_UP,
        attempts=notice.attempts,
        next_attempt=notice.next_attempt,
        given_up_at=notice.given_up_at,
        problem=notice.problem,
    )


def _add_retry(parser: ArgumentParser) -> None:
    parser.add_argument("notices", metavar="ID", nargs="*", type=typed.notice, help="which ones")
    parser.add_argument("--all", action="store_true", help="all that were given up")


def _retry(arguments: Namespace, portal: Portal) -> NoticesRequeued:
    if arguments.all == bool(arguments.notices):
        raise InvalidInput("notices retry", "needs the ids of notices, or else --all")
    named = None if arguments.all else tuple(dict.fromkeys(arguments.notices))
    requeued = portal.sharing.admin.requeue_notices(named)
    return NoticesRequeued(requeued=requeued, named=None if named is None else len(named))


def _add_relay(parser: ArgumentParser) -> None:
    parser.add_argument("--watch", action="store_true", help="go on sending until interrupted")
    add_mail(parser)


def _relay(arguments: Namespace, version: str) -> ExitCode:
    require_extras(arguments)
    from exam_sharing.cli.database import opened

    with opened(arguments.db, lambda directory: notifier_for(arguments, directory)) as portal:

        def tell(sent: int) -> NoticesRelayed:
            relayed = _relayed(portal, sent)
            print_reply(relayed, arguments, version, portal.words())
            return relayed

        if not arguments.watch:
            sent = portal.sharing.admin.deliver_notices()
            with telling(f"{sent} notices were sent"):
                relayed = tell(sent)
            return ExitCode.FAILED if relayed.failing else ExitCode.DONE
        _watch(portal, tell)
    return ExitCode.DONE


def _watch(portal: Portal, tell: Callable[[int], object]) -> None:
    def failed(error: StoreFailed) -> None:
        print(f"exam-sharing: {portal.place}: {error}; trying again", file=sys.stderr, flush=True)

    def delivered(sent: int) -> None:
        if not sent:
            return
        try:
            tell(sent)
        except StoreFailed as error:
            failed(error)
        flush()

    with _until_told() as stop:
        watch(portal.sharing, stop=stop, delivered=delivered, failed=failed)


def _relayed(portal: Portal, sent: int) -> NoticesRelayed:
    left = list(_all_notices(portal))
    failing = (each for each in left if each.given_up_at is None and each.problem is not None)
    given_up = (each for each in left if each.given_up_at is not None)
    return NoticesRelayed(
        sent=sent,
        failing=Counter(str(each.problem) for each in failing),
        given_up=Counter(str(each.problem) for each in given_up),
    )


def _all_notices(portal: Portal) -> Iterator[ListedNotice]:
    page = portal.sharing.admin.list_notices(limit=typed.MOST)
    yield from page.items
    while page.next is not None:
        page = portal.sharing.admin.list_notices(page.next, typed.MOST)
        yield from page.items


class _Told(Stop):
    """Says stop once the process was told to end.

    It is no `Event`: a signal that comes while one is waited for could not be noted in it.
    """

    TICK: Final = 0.2

    def __init__(self) -> None:
        self._told = False

    def note(self, _signal: int, _frame: FrameType | None) -> None:
        """Note it; whoever says it again means at once."""
        self._told = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def is_set(self) -> bool:
        return self._told

    def wait(self, timeout: float) -> None:
        end = time.monotonic() + timeout
        while not self._told and time.monotonic() < end:
            time.sleep(self.TICK)


@contextmanager
def _until_told() -> Iterator[Stop]:
    """Yield what says stop on an interrupt, and when a supervisor ends the process."""
    told = _Told()
    before = {each: signal.signal(each, told.note) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield told
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


NOTICES: Final = Command(
    name="notices",
    help="list the notices that wait or were given up; try them again; send them",
    epilog=EPILOG,
    add_arguments=_add_arguments,
    run=over_portal(_list),
)
