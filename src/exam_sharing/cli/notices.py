"""`exam-sharing notices`: list what waits or was given up, retry it, and send what is due.

A password of a mail server comes from the environment or from a file; others on the machine could
see an argument.
"""

import os
import re
import signal
import ssl
import sys
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar, Final

import attrs
from typing_extensions import override

from exam_sharing import NoticeId, Page, ShareNotice, StoreFailed, UserId
from exam_sharing.adapters.smtp import (
    Invitation,
    Login,
    MailServer,
    Security,
    Sender,
    SmtpNotifier,
)
from exam_sharing.cli.commands import Command, ExitCode, Portal, names_in
from exam_sharing.cli.parsing import DATABASE, PAGING, argument, flag, one_of, read_as
from exam_sharing.cli.printing import (
    Reply,
    Shown,
    boxed,
    cut,
    flush,
    ids_table,
    no,
    note,
    open_console,
    over_portal,
    plain,
    print_reply,
    reporting,
    require_extras,
    stacked,
    text,
    yes,
)
from exam_sharing.cli.words import Words, count, may
from exam_sharing.directories import KeptDirectory
from exam_sharing.errors import InvalidInput
from exam_sharing.events import ListedNotice
from exam_sharing.ports import Notifier
from exam_sharing.relay import Stop, watch

_PORT: Final = re.compile("[0-9]{1,5}")
_PASSWORD: Final = "EXAM_SHARING_SMTP_PASSWORD"  # noqa: S105  where it is, not what it is

MAIL: Final = (
    argument("--smtp HOST:PORT", "the mail server"),
    argument("--from ADDRESS", "the sender's address", dest="sender"),
    argument("--from-name NAME", "the sender's name", default=""),
    argument(
        "--security HOW",
        "how the line is encrypted: starttls, the default, tls, or none on this machine only",
        choices=[each.value.lower() for each in Security],
        default=Security.STARTTLS.value.lower(),
    ),
    argument("--login NAME", f"log in; the password is in {_PASSWORD}, or in a file"),
    argument("--password-file PATH", "a file whose first line is the password", Path),
    argument("--ca-file PATH", "certificates to trust, of your own authority", Path),
)


def mail_notifier(arguments: Namespace, directory: KeptDirectory) -> Notifier:
    """Return a notifier that sends by mail, with names from the directory."""
    if not (arguments.smtp and arguments.sender):
        raise InvalidInput(
            "notices relay", "needs --smtp HOST:PORT and --from ADDRESS, or else --print"
        )
    host, port = _host_and_port(arguments.smtp)
    server = MailServer(
        host=host,
        port=port,
        security=Security[arguments.security.upper()],
        context=_context(arguments.ca_file),
        login=_login(arguments),
    )

    def name_of(user: UserId) -> str | None:
        return directory.names((user,)).get(user)

    return SmtpNotifier(
        server=server,
        sender=Sender(address=arguments.sender, name=arguments.from_name),
        template=Invitation(name_of=name_of),
    )


def _host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not _PORT.fullmatch(port):
        raise InvalidInput("--smtp", "must be HOST:PORT, as mail.example:587")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _context(file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=file)
    except (OSError, ValueError):
        raise InvalidInput("--ca-file", "cannot be read as certificates") from None


def _login(arguments: Namespace) -> Login | None:
    if arguments.login is None:
        return None
    password = os.environ.get(_PASSWORD)
    if arguments.password_file is not None:
        password = _first_line(arguments.password_file)
    if not password:
        raise InvalidInput("--login", f"needs a password, in {_PASSWORD} or in --password-file")
    return Login(username=arguments.login, password=password)


def _first_line(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").partition("\n")[0]
    except (OSError, ValueError):
        # What cannot be read may be the password, and the error would quote it.
        unreadable = InvalidInput("--password-file", "cannot be read as text")
    raise unreadable


_MOST: Final = 1_000
"""The largest page of notices."""


@attrs.frozen(kw_only=True)
class NoticesShown(Reply):
    """A page of notices as operators see them, the oldest first and without their messages."""

    kind = "listed-notices"
    page: Page[ListedNotice]

    @override
    def as_data(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "notices": [
                {
                    "id": str(each.id),
                    "share": str(each.share),
                    "to": plain(each.to),
                    "state": _state(each),
                    "attempts": each.attempts,
                    "next_attempt": plain(each.next_attempt),
                    "given_up_at": plain(each.given_up_at),
                    "problem": each.problem,
                }
                for each in self.page.items
            ],
            "next": self.page.next,
        }

    @override
    def show(self, words: Words) -> Shown:
        if not self.page.items:
            return "No notices wait, and none were given up."
        rows = [
            (
                str(each.id),
                words.who(each.to),
                _standing(each, words),
                str(each.attempts),
                each.problem or "",
            )
            for each in self.page.items
        ]
        more = [f"There are more: --after {self.page.next}"] if self.page.next else []
        return stacked(ids_table("notice", "to", "", "attempts", "problem", rows=rows), *more)


def _state(notice: ListedNotice) -> str:
    if notice.given_up_at is not None:
        return "GIVEN_UP"
    return "SENDING" if notice.claimed else "WAITING"


def _standing(notice: ListedNotice, words: Words) -> str:
    if notice.given_up_at is not None:
        return f"given up {words.when(notice.given_up_at)}"
    if notice.next_attempt is not None:
        return f"waits until {words.when(notice.next_attempt)}"
    return "is being sent" if notice.claimed else "waits"


def _list(arguments: Namespace, portal: Portal) -> NoticesShown:
    given_up = arguments.given_up or (False if arguments.waiting else None)
    page = portal.sharing.admin.list_notices(arguments.after, arguments.limit, given_up=given_up)
    return NoticesShown(page=page)


@attrs.frozen(kw_only=True)
class NoticesRequeued(Reply):
    """Notices that were given up wait again; `named` is `None` if all were requested."""

    kind = "requeued-notices"
    done: ClassVar[str | None] = "the notices wait again"
    requeued: int
    named: int | None

    @property
    @override
    def is_yes(self) -> bool:
        return not self._missed

    @property
    def _missed(self) -> int:
        return 0 if self.named is None else self.named - self.requeued

    @override
    def show(self, words: Words) -> Shown:
        lines = [yes(f"{count(self.requeued, 'notice')} to be sent again")]
        if self._missed:
            lines.append(no(f"{count(self._missed, 'notice')} not given up, or unknown"))
        return stacked(*lines)


def _retry(arguments: Namespace, portal: Portal) -> NoticesRequeued:
    if arguments.all == bool(arguments.notices):
        raise InvalidInput("notices retry", "needs the ids of notices, or else --all")
    named = None if arguments.all else tuple(dict.fromkeys(arguments.notices))
    requeued = portal.sharing.admin.requeue_notices(named)
    return NoticesRequeued(requeued=requeued, named=None if named is None else len(named))


@attrs.frozen(kw_only=True)
class NoticesRelayed(Reply):
    """What was due was sent.

    By problem, `failing` counts what waits for another attempt, and `given_up` what was given up,
    now or before.
    """

    kind = "relayed-notices"
    done: ClassVar[str | None] = "what was due was sent"
    sent: int
    failing: Mapping[str, int]
    given_up: Mapping[str, int]

    @property
    @override
    def is_yes(self) -> bool:
        return not self.failing

    @override
    def show(self, words: Words) -> Shown:
        lines = [yes(f"{count(self.sent, 'notice')} sent")]
        for what, problems in (("to be sent again", self.failing), ("given up", self.given_up)):
            lines += [
                no(f"{count(each, 'notice')} {what}: {why}") for why, each in problems.items()
            ]
        return stacked(*lines)


def _relay(arguments: Namespace, version: str) -> ExitCode:
    require_extras(arguments)
    from exam_sharing.cli.database import opened

    with opened(arguments.db, lambda directory: _notifier(arguments, directory)) as portal:

        def report(sent: int) -> NoticesRelayed:
            relayed = _relayed(portal, sent)
            print_reply(relayed, arguments, version, names_in(portal.directory))
            return relayed

        if not arguments.watch:
            sent = portal.sharing.admin.deliver_notices()
            with reporting(f"{sent} notices were sent"):
                relayed = report(sent)
            return ExitCode.DONE if relayed.is_yes else ExitCode.FAILED
        _watch(portal, report)
    return ExitCode.DONE


def _notifier(arguments: Namespace, directory: KeptDirectory) -> Notifier:
    if not arguments.print:
        return mail_notifier(arguments, directory)
    if arguments.json or arguments.smtp:
        raise InvalidInput("--print", "cannot be given with --json or --smtp")
    return _Printer(directory)


def _watch(portal: Portal, report: Callable[[int], object]) -> None:
    def failed(error: StoreFailed) -> None:
        print(f"exam-sharing: {portal.place}: {error}; trying again", file=sys.stderr, flush=True)

    def delivered(sent: int) -> None:
        if not sent:
            return
        try:
            report(sent)
        except StoreFailed as error:
            failed(error)
        flush()

    with _stopped_by_signals() as stop:
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
    page = portal.sharing.admin.list_notices(limit=_MOST)
    yield from page.items
    while page.next is not None:
        page = portal.sharing.admin.list_notices(page.next, _MOST)
        yield from page.items


class _Signalled(Stop):
    """Stops a relay after a signal to end the process.

    It is no `Event`: a signal handler that runs during `Event.wait` cannot set that event.
    """

    TICK: Final = 0.2

    def __init__(self) -> None:
        self._came = False

    def note(self, _signal: int, _frame: FrameType | None) -> None:
        """Note a signal; a second interrupt ends the process at once."""
        self._came = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def is_set(self) -> bool:
        return self._came

    def wait(self, timeout: float) -> None:
        end = time.monotonic() + timeout
        while not self._came and time.monotonic() < end:
            time.sleep(self.TICK)


@contextmanager
def _stopped_by_signals() -> Iterator[Stop]:
    """Yield what stops on an interrupt, and when a supervisor ends the process."""
    stop = _Signalled()
    before = {each: signal.signal(each, stop.note) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@attrs.frozen(kw_only=True)
class Noticed(Reply):
    """Notices that were sent, and who gained by the share but was sent none."""

    kind = "notices"
    notices: tuple[ShareNotice, ...]
    untold: tuple[UserId, ...] = ()

    @override
    def show(self, words: Words) -> Shown:
        letters: dict[tuple[object, ...], list[ShareNotice]] = {}
        for notice in self.notices:
            alike = (notice.actor, notice.exams, notice.permission, notice.until, notice.message)
            letters.setdefault(alike, []).append(notice)
        return stacked(
            *(_letter(alike, words) for alike in letters.values()),
            *(note(f"{words.who(user)} gains by it and wants no notice") for user in self.untold),
        )


def _letter(alike: Sequence[ShareNotice], words: Words) -> Shown:
    first = alike[0]
    body = text(
        f"{words.who(first.actor)} has shared {count(first.exams, 'exam')} with you: "
        f"{may(first.permission)}, {words.until(first.until)}."
    )
    if first.message is not None:
        body.append(f"\n\n{first.message}", style="italic")
    addressees, more = cut([_addressed(each, words) for each in alike])
    to = text("\n".join([*addressees, *more]), style="dim")
    return boxed(stacked(to, "", body), title=f"{count(len(alike), 'notice')} sent")


def _addressed(notice: ShareNotice, words: Words) -> str:
    who = words.who(notice.to)
    return who if notice.address is None else f"{who} <{notice.address}>"


class _Printer(Notifier):
    """Prints notices; one counts as sent once it is printed."""

    def __init__(self, directory: KeptDirectory) -> None:
        self._console = open_console()
        self._words = names_in(directory)

    @override
    def send(self, notice: ShareNotice) -> None:
        self._console.print(Noticed(notices=(notice,)).show(self._words))
        flush()


NOTICES: Final = Command(
    name="notices",
    help="list the notices that wait or were given up; retry them; send them",
    epilog="""\
Notices wait in the database until a relay sends them. One that fails is tried again, less and less
often. It is given up after some days, or at once if no retry can help; its message is then erased.
The list shows no messages.

examples:
  exam-sharing notices
  exam-sharing notices --given-up
  exam-sharing notices retry --all
  exam-sharing notices relay --smtp mail.example:587 --from portal@clinic.example
""",
    arguments=(
        DATABASE,
        *PAGING,
        one_of(
            flag("--waiting", "those that wait"), flag("--given-up", "those that were given up")
        ),
    ),
    run=over_portal(_list),
    actions=(
        Command(
            name="retry",
            help="try again to send what was given up",
            epilog="""\
A notice that was given up waits again as if it were new, without its message, which was erased.

examples:
  exam-sharing notices retry --all
  exam-sharing notices retry 5f0c-1 5f0c-2
""",
            arguments=(
                DATABASE,
                argument("notices ID", "which ones", read_as(NoticeId), nargs="*"),
                flag("--all", "all that were given up"),
            ),
            run=over_portal(_retry),
        ),
        Command(
            name="relay",
            help="send what is due",
            epilog="""\
What is due is sent once; with --watch, the relay continues until it is interrupted or its process
is ended. Several relays may run at once.

examples:
  exam-sharing notices relay --smtp mail.example:587 --from portal@clinic.example --login portal
  exam-sharing notices relay --watch --smtp localhost:25 --security none --from me@clinic.example
  exam-sharing notices relay --print
""",
            arguments=(
                DATABASE,
                flag("--watch", "continue until interrupted"),
                *MAIL,
                flag("--print", "print notices, with their messages; they then count as sent"),
            ),
            run=_relay,
        ),
    ),
)
