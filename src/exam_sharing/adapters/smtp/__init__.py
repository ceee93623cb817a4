"""Notices as e-mail over SMTP. It needs only the standard library.

Texts of people can change the words in a mail, and nothing else:

* One notice goes to one address. Anything but one plain address is refused, and nothing is sent.
* No text becomes a header, a second recipient or markup.
* Without the required encryption and certificate, nothing is sent to the server.
* No `repr` and no error shows an address, a name, a message or a password, and no error has a
  context that does.

A notice that is sent again, as after a crash, has the same `Message-ID`, so that mail programs can
drop the repeat.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import attrs
from typing_extensions import override

from exam_sharing.adapters.smtp.mail import Invitation, Letter, Mail, Sender, Template, read_address
from exam_sharing.adapters.smtp.server import (
    Login,
    MailProblem,
    MailServer,
    NoticeNotSent,
    Security,
)
from exam_sharing.events import ShareNotice
from exam_sharing.ports import Notifier
from exam_sharing.validation import instant, is_a, of_kind

__all__ = ["Invitation", "Letter", "Login", "MailProblem", "MailServer", "NoticeNotSent"]
__all__ += ["Security", "Sender", "SmtpNotifier", "Template"]


@attrs.frozen(kw_only=True)
class SmtpNotifier(Notifier):
    """Sends each notice as one mail, each over a connection of its own.

    It is safe for threads. `send` returns once the server has accepted the mail. A server that then
    cannot deliver the mail writes to the sender. The server is greeted with the sender's domain.
    The clock returns the time, aware, for the date of the mail; by default that of the machine.
    """

    server: MailServer = attrs.field(validator=is_a(MailServer))
    sender: Sender = attrs.field(validator=is_a(Sender))
    template: Template = attrs.field(factory=Invitation, repr=False)
    clock: Callable[[], datetime] = attrs.field(default=partial(datetime.now, UTC), repr=False)

    @override
    def send(self, notice: ShareNotice) -> None:
        """Send the notice to the mail server.

        Raises:
            NoticeNotSent: it was not sent; `permanent` if it never can be.
        """
        if notice.address is None:
            raise NoticeNotSent(MailProblem.NO_ADDRESS)
        to = read_address(notice.address)
        if to is None:
            raise NoticeNotSent(MailProblem.MALFORMED_ADDRESS)
        try:
            letter = of_kind("letter", self.template(notice), Letter)
        except Exception as error:  # noqa: BLE001
            failure = NoticeNotSent(MailProblem.NO_LETTER, cause=type(error).__name__)
        else:
            date = instant("clock", self.clock())
            mail = Mail(notice=notice.id, sender=self.sender, letter=letter, date=date)
            self.server.deliver(mail, to)
            return
        # Raised out here: the error may quote the message, so it must not become the context.
        raise failure
