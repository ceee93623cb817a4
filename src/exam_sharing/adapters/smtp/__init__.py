"""Notices as e-mail, handed to a mail server over SMTP. It needs the standard library only.

What people wrote can change nothing of a mail but the words in it:

* one notice goes to one address; what is not one plain address is refused, and nothing is sent;
* no text becomes a header, a second recipient or markup, whatever is in it;
* without the encryption and the certificate that were asked for, nothing is told to the server;
* neither a `repr` nor an error shows an address, a name, a message or a password, and errors have
  no context that does.

A notice that is sent again, as after a crash, has the same `Message-ID`, so that mail programs can
drop the repeat.
"""

from collections.abc import Callable
from datetime import UTC, datetime

import attrs
from typing_extensions import override

from exam_sharing.adapters.smtp.addresses import Sender, read_address
from exam_sharing.adapters.smtp.failures import MailProblem, NoticeNotSent
from exam_sharing.adapters.smtp.mail import Invitation, Letter, Mail, Template
from exam_sharing.adapters.smtp.server import Login, MailServer, Security
from exam_sharing.events import ShareNotice
from exam_sharing.ports import Notifier
from exam_sharing.validation import instant, is_a, of_kind

__all__ = [
    "Invitation",
    "Letter",
    "Login",
    "MailProblem",
    "MailServer",
    "NoticeNotSent",
    "Security",
    "Sender",
    "SmtpNotifier",
    "Template",
]


def _now() -> datetime:
    return datetime.now(UTC)


@attrs.frozen(kw_only=True)
class SmtpNotifier(Notifier):
    """Sends each notice as one mail, each over a connection of its own.

    It may be used by several threads. `send` returns once the server has taken the mail; whether
    it reaches its reader is then the server's affair, which writes to the sender if it cannot.

    Attributes:
        server: where mail is handed in. It is greeted with the sender's domain.
        sender: whom the mail is from.
        template: what it says.
        clock: tells the time, aware, for the date of the mail; by default the machine's.
    """

    server: MailServer = attrs.field(validator=is_a(MailServer))
    sender: Sender = attrs.field(validator=is_a(Sender))
    template: Template = attrs.field(factory=Invitation, repr=False)
    clock: Callable[[], datetime] = attrs.field(default=_now, repr=False)

    @override
    def send(self, notice: ShareNotice) -> None:
        """Hand the notice to the mail server.

        Raises:
            NoticeNotSent: it was not sent; `permanent` says whether trying again is in vain.
        """
        if notice.address is None:
            raise NoticeNotSent(MailProblem.NO_ADDRESS)
        to = read_address(notice.address)
        if to is None:
            raise NoticeNotSent(MailProblem.MALFORMED_ADDRESS)
        letter = self._letter(notice)
        if isinstance(letter, NoticeNotSent):
            raise letter
        date = instant("clock", self.clock())
        mail = Mail(notice=notice.id, sender=self.sender, letter=letter, date=date)
        self.server.deliver(mail, to)

    def _letter(self, notice: ShareNotice) -> Letter | NoticeNotSent:
        try:
            return of_kind("letter", self.template(notice), Letter)
        except Exception as error:  # noqa: BLE001
            # Whatever it is, it may quote the message, so it must not become a context either.
            return NoticeNotSent(MailProblem.NO_LETTER, cause=type(error).__name__)
