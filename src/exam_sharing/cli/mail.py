"""The mail server of `exam-sharing notices relay`.

A password comes from the environment or from a file; others on the machine could see an argument.
"""

import os
import re
import ssl
from argparse import Namespace
from pathlib import Path
from typing import Final

from exam_sharing import UserId
from exam_sharing.adapters.smtp import (
    Invitation,
    Login,
    MailServer,
    Security,
    Sender,
    SmtpNotifier,
)
from exam_sharing.cli.parsing import argument
from exam_sharing.directories import KeptDirectory
from exam_sharing.errors import InvalidInput
from exam_sharing.ports import Notifier

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
