"""How notices leave when a command relays them: to a mail server, or onto the screen.

A password comes from the environment or from a file; an argument could be seen by others.
"""

import os
import re
import ssl
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Final

from typing_extensions import override

from exam_sharing import ShareNotice, UserId
from exam_sharing.adapters.smtp import (
    Invitation,
    Login,
    MailServer,
    Security,
    Sender,
    SmtpNotifier,
)
from exam_sharing.cli.portal import words_for
from exam_sharing.cli.streams import flush
from exam_sharing.cli.tour.facts import Noticed
from exam_sharing.directories import KeptDirectory
from exam_sharing.errors import InvalidInput
from exam_sharing.ports import Notifier

__all__ = ["add_mail", "notifier_for"]

_PORT: Final = re.compile("[0-9]{1,5}")
PASSWORD: Final = "EXAM_SHARING_SMTP_PASSWORD"  # noqa: S105  where it is, not what it is


def add_mail(parser: ArgumentParser) -> None:
    """Let a command take by which way notices leave."""
    parser.add_argument("--smtp", metavar="HOST:PORT", help="the mail server")
    parser.add_argument("--from", dest="sender", metavar="ADDRESS", help="whom mail is from")
    parser.add_argument(
        "--from-name", metavar="NAME", default="", help="what mail programs show instead"
    )
    parser.add_argument(
        "--security",
        choices=[each.value.lower() for each in Security],
        default=Security.STARTTLS.value.lower(),
        help="how the line is encrypted; by default starttls, and none only on this machine",
    )
    parser.add_argument(
        "--login",
        metavar="NAME",
        help=f"log in; the password is in {PASSWORD}, or in a file",
    )
    parser.add_argument(
        "--password-file", metavar="PATH", type=Path, help="a file whose first line is the password"
    )
    parser.add_argument(
        "--ca-file", metavar="PATH", type=Path, help="certificates to trust, of one's own authority"
    )
    parser.add_argument(
        "--print",
        dest="printed",
        action="store_true",
        help="print notices, messages too, in place of mail; they then count as sent",
    )


def notifier_for(arguments: Namespace, directory: KeptDirectory) -> Notifier:
    """Return what sends notices as the arguments say.

    Raises:
        InvalidValue: the arguments say nothing that can be done.
    """
    if arguments.printed:
        if arguments.json or arguments.smtp:
            raise InvalidInput("--print", "goes neither with --json nor with --smtp")
        return _Printer(directory)
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
    password = os.environ.get(PASSWORD)
    if arguments.password_file is not None:
        password = _first_line(arguments.password_file)
    if not password:
        raise InvalidInput("--login", f"needs a password, in {PASSWORD} or in --password-file")
    return Login(username=arguments.login, password=password)


def _first_line(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").partition("\n")[0]
    except (OSError, ValueError):
        # What cannot be read may be the password, and the error would quote it.
        unreadable = InvalidInput("--password-file", "cannot be read as text")
    raise unreadable


class _Printer(Notifier):
    """Prints notices; one is sent once it is printed."""

    def __init__(self, directory: KeptDirectory) -> None:
        from exam_sharing.cli.tour.printing import open_console

        self._console = open_console()
        self._words = words_for(directory)

    @override
    def send(self, notice: ShareNotice) -> None:
        from exam_sharing.cli.answers import picture_notices

        self._console.print(picture_notices(Noticed(notices=(notice,), untold=()), self._words))
        flush()
