"""`exam-sharing notices`: list what waits or was given up, retry it, and send what is due.

The password of a mail server comes from the environment or from a file; others on the machine could
see an argument.
"""

import os
import re
import ssl
import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from typing_extensions import override

import exam_sharing as es
from exam_sharing.adapters import smtp
from exam_sharing.cli import printing as out
from exam_sharing.cli.commands import ExitCode, Portal, all_items, command, names_in
from exam_sharing.cli.parsing import DATABASE, PAGING, argument, flag, one_of, read_as
from exam_sharing.cli.printing import Reply, Shown, flush, portal_command
from exam_sharing.cli.words import MAY, Words, count
from exam_sharing.directories import KeptDirectory
from exam_sharing.ports import Notifier
from exam_sharing.relay import until_signalled, watch

_MOST: Final = 1_000
"""The largest page of notices."""
_PORT: Final = re.compile("[0-9]{1,5}")
_PASSWORD: Final = "EXAM_SHARING_SMTP_PASSWORD"  # noqa: S105  where it is, not what it is


def _notifier(arguments: Namespace, directory: KeptDirectory) -> Notifier:
    if arguments.print:
        if arguments.json or arguments.smtp:
            raise es.InvalidInput("--print", "cannot be given with --json or --smtp")
        return _Printer(directory)
    if not (arguments.smtp and arguments.sender):
        raise es.InvalidInput(
            "notices relay", "needs --smtp HOST:PORT and --from ADDRESS, or else --print"
        )
    host, _, port = arguments.smtp.rpartition(":")
    if not host or not _PORT.fullmatch(port):
        raise es.InvalidInput("--smtp", "must be HOST:PORT, as mail.example:587")
    server = smtp.MailServer(
        host=host.removeprefix("[").removesuffix("]"),
        port=int(port),
        security=smtp.Security[arguments.security.upper()],
        context=_context(arguments.ca_file),
        login=_login(arguments),
    )
    return smtp.SmtpNotifier(
        server=server,
        sender=smtp.Sender(address=arguments.sender, name=arguments.from_name),
        template=smtp.Invitation(name_of=lambda user: directory.names((user,)).get(user)),
    )


def _context(file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=file)
    except (OSError, ValueError):
        raise es.InvalidInput("--ca-file", "cannot be read as certificates") from None


def _login(arguments: Namespace) -> smtp.Login | None:
    if arguments.login is None:
        return None
    password = os.environ.get(_PASSWORD)
    if arguments.password_file is not None:
        password = _first_line(arguments.password_file)
    if not password:
        raise es.InvalidInput("--login", f"needs a password, in {_PASSWORD} or in --password-file")
    return smtp.Login(username=arguments.login, password=password)


def _first_line(file: Path) -> str:
    # What cannot be read may be the password, and the error would quote it.
    with suppress(OSError, ValueError):
        return file.read_text(encoding="utf-8").partition("\n")[0]
    raise es.InvalidInput("--password-file", "cannot be read as text")


def noticed(notices: Sequence[es.ShareNotice], untold: Sequence[es.UserId] = ()) -> Reply:
    """Return notices that were sent, and who gained by the share but was sent none."""

    def show(words: Words) -> Shown:
        letters: dict[tuple[object, ...], list[es.ShareNotice]] = {}
        for notice in notices:
            alike = (notice.actor, notice.exams, notice.permission, notice.until, notice.message)
            letters.setdefault(alike, []).append(notice)
        gains = "gains by it and wants no notice"
        return out.stacked(
            *(_letter(alike, words) for alike in letters.values()),
            *(out.note(f"{words.who(user)} {gains}") for user in untold),
        )

    return Reply("notices", {"notices": notices, "untold": untold}, show)


def _letter(alike: Sequence[es.ShareNotice], words: Words) -> Shown:
    first = alike[0]
    body = out.text(
        f"{words.who(first.actor)} has shared {count(first.exams, 'exam')} with you: "
        f"{MAY[first.permission]}, {words.until(first.until)}."
    )
    if first.message is not None:
        body.append(f"\n\n{first.message}", style="italic")
    addressees, more = out.cut([_addressed(each, words) for each in alike])
    to = out.text("\n".join([*addressees, *more]), style="dim")
    return out.boxed(out.stacked(to, "", body), title=f"{count(len(alike), 'notice')} sent")


def _addressed(notice: es.ShareNotice, words: Words) -> str:
    who = words.who(notice.to)
    return who if notice.address is None else f"{who} <{notice.address}>"


class _Printer(Notifier):
    """Prints notices; one counts as sent once it is printed."""

    def __init__(self, directory: KeptDirectory) -> None:
        self._console = out.open_console()
        self._words = names_in(directory)

    @override
    def send(self, notice: es.ShareNotice) -> None:
        self._console.print(noticed((notice,)).show(self._words))
        flush()


@command(
    "relay",
    "send what is due",
    DATABASE,
    flag("--watch", "continue until interrupted"),
    argument("--smtp HOST:PORT", "the mail server"),
    argument("--from ADDRESS", "the sender's address", dest="sender"),
    argument("--from-name NAME", "the sender's name", default=""),
    argument(
        "--security HOW",
        "how the line is encrypted: starttls, the default, tls, or none on this machine only",
        choices=[each.value.lower() for each in smtp.Security],
        default=smtp.Security.STARTTLS.value.lower(),
    ),
    argument("--login NAME", f"log in; the password is in {_PASSWORD}, or in a file"),
    argument("--password-file PATH", "a file whose first line is the password", Path),
    argument("--ca-file PATH", "certificates to trust, of your own authority", Path),
    flag("--print", "print notices, with their messages; they then count as sent"),
    epilog="""\
What is due is sent once; with --watch, the relay continues until it is interrupted or its process
is ended. Several relays may run at once.

examples:
  exam-sharing notices relay --smtp mail.example:587 --from portal@clinic.example --login portal
  exam-sharing notices relay --watch --smtp localhost:25 --security none --from me@clinic.example
  exam-sharing notices relay --print
""",
)
def _relay(arguments: Namespace) -> ExitCode:
    out.require_extras(arguments)
    from exam_sharing.cli.database import opened

    with opened(arguments.db, partial(_notifier, arguments)) as portal:

        def report(sent: int) -> ExitCode:
            return out.print_reply(_relayed(portal, sent), arguments, names_in(portal.directory))

        if arguments.watch:
            _watch(portal, report)
            return ExitCode.DONE
        sent = portal.sharing.admin.deliver_notices()
        with out.reporting(f"{sent} notices were sent"):
            return report(sent)


def _relayed(portal: Portal, sent: int) -> Reply:
    """Return what was sent, and the problems of notices that wait again or were ever given up."""
    left = tuple(all_items(partial(portal.sharing.admin.list_notices, limit=_MOST)))
    failing = (each for each in left if each.given_up_at is None and each.problem is not None)
    given_up = (each for each in left if each.given_up_at is not None)
    problems = {
        "failing": Counter(str(each.problem) for each in failing),
        "given_up": Counter(str(each.problem) for each in given_up),
    }

    def show(_words: Words) -> Shown:
        lines = [out.yes(f"{count(sent, 'notice')} sent")]
        for key, what in (("failing", "to be sent again"), ("given_up", "given up")):
            numbers = problems[key].items()
            lines += [out.no(f"{count(each, 'notice')} {what}: {why}") for why, each in numbers]
        return out.stacked(*lines)

    facts, is_yes = {"sent": sent, **problems}, not problems["failing"]
    return Reply("relayed-notices", facts, show, done="what was due was sent", is_yes=is_yes)


def _watch(portal: Portal, report: Callable[[int], object]) -> None:
    def failed(error: es.StoreFailed) -> None:
        line = f"{out.PROGRAM}: {portal.place}: {error}; trying again"
        print(line, file=sys.stderr, flush=True)

    def delivered(sent: int) -> None:
        if not sent:
            return
        try:
            report(sent)
        except es.StoreFailed as error:
            failed(error)
        flush()

    with until_signalled() as stop:
        watch(portal.sharing, stop=stop, delivered=delivered, failed=failed)


@portal_command(
    "retry",
    "try again to send what was given up",
    argument("notices ID", "which ones", read_as(es.NoticeId), nargs="*"),
    flag("--all", "all that were given up"),
    epilog="""\
A notice that was given up waits again as if it were new, without its message, which was erased.

examples:
  exam-sharing notices retry --all
  exam-sharing notices retry 5f0c-1 5f0c-2
""",
)
def _retry(arguments: Namespace, portal: Portal) -> Reply:
    if arguments.all == bool(arguments.notices):
        raise es.InvalidInput("notices retry", "needs the ids of notices, or else --all")
    named = None if arguments.all else tuple(dict.fromkeys(arguments.notices))
    requeued = portal.sharing.admin.requeue_notices(named)
    missed = 0 if named is None else len(named) - requeued

    def show(_words: Words) -> Shown:
        lines = [out.yes(f"{count(requeued, 'notice')} to be sent again")]
        if missed:
            lines.append(out.no(f"{count(missed, 'notice')} not given up, or unknown"))
        return out.stacked(*lines)

    facts = {"requeued": requeued, "named": None if named is None else len(named)}
    return Reply("requeued-notices", facts, show, done="the notices wait again", is_yes=not missed)


@portal_command(
    "notices",
    "list the notices that wait or were given up; retry them; send them",
    *PAGING,
    one_of(flag("--waiting", "those that wait"), flag("--given-up", "those that were given up")),
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
    actions=(_retry, _relay),
)
def notices(arguments: Namespace, portal: Portal) -> Reply:
    given_up = arguments.given_up or (False if arguments.waiting else None)
    page = portal.sharing.admin.list_notices(arguments.after, arguments.limit, given_up=given_up)

    def show(words: Words) -> Shown:
        if not page.items:
            return "No notices wait, and none were given up."
        rows = [
            (
                str(each.id),
                words.who(each.to),
                _standing(each, words),
                str(each.attempts),
                each.problem or "",
            )
            for each in page.items
        ]
        return out.paged(page, out.ids_table("notice", "to", "", "attempts", "problem", rows=rows))

    listed = [_as_data(each) for each in page.items]
    return Reply("listed-notices", {"notices": listed, "next": page.next}, show)


def _as_data(notice: es.ListedNotice) -> dict[str, Any]:
    state = "SENDING" if notice.claimed else "WAITING"
    return {
        "id": notice.id,
        "share": notice.share,
        "to": notice.to,
        "state": state if notice.given_up_at is None else "GIVEN_UP",
        "attempts": notice.attempts,
        "next_attempt": notice.next_attempt,
        "given_up_at": notice.given_up_at,
        "problem": notice.problem,
    }


def _standing(notice: es.ListedNotice, words: Words) -> str:
    if notice.given_up_at is not None:
        return f"given up {words.when(notice.given_up_at)}"
    if notice.next_attempt is not None:
        return f"waits until {words.when(notice.next_attempt)}"
    return "is being sent" if notice.claimed else "waits"
