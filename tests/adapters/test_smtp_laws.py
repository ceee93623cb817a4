"""Mail keeps the laws of notifiers, through a real mail server."""

from contextlib import contextmanager
from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest

from exam_sharing.adapters.smtp import MailServer, Security, Sender, SmtpNotifier
from exam_sharing.testing.laws import notifier_laws
from mail_servers import Inbox, mail_server

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
INBOX = Inbox()
NOWHERE = 1
"""A port on which no mail server listens."""


def to_port(port):
    return SmtpNotifier(
        server=MailServer(host="127.0.0.1", port=port, security=Security.NONE, timeout=5),
        sender=Sender(address="portal@clinic.example"),
        clock=lambda: NOON,
    )


@contextmanager
def opened():
    INBOX.envelopes.clear()
    with mail_server(INBOX, enable_SMTPUTF8=True) as port:
        yield to_port(port)


def received(_notifier):
    """Return for each mail its id, and its text with the message as it was before it was quoted."""
    for envelope in INBOX.envelopes:
        mail = message_from_bytes(envelope.content, policy=policy.default)
        text = mail.get_body(("plain",)).get_content().replace("\r\n", "\n")
        yield mail["Message-ID"], "\n".join(line.removeprefix("> ") for line in text.split("\n"))


class Quotes:
    """Takes no mail, and says of each what was in it and to whom it was."""

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802
        said = message_from_bytes(envelope.content, policy=policy.default)
        text = " ".join(said.get_body(("plain",)).get_content().split())
        return f"554 {envelope.rcpt_tos} {text}"[:400].encode("ascii", "replace").decode()


class QuotesAddresses:
    """Takes no recipient, and says which."""

    async def handle_RCPT(self, _server, _session, _envelope, address, _options):  # noqa: N802
        return f"550 {address} is not here"


@contextmanager
def refused_by(server):
    with mail_server(server) as port:
        yield to_port(port)


@pytest.mark.parametrize("server", [Quotes(), QuotesAddresses()])
def test_mail_that_is_refused_with_what_was_in_it_keeps_the_laws(server):
    for law in notifier_laws(opened, open_broken=lambda: refused_by(server)):
        law.check()


@pytest.mark.parametrize(
    "law",
    notifier_laws(opened, received=received, open_broken=lambda: to_port(NOWHERE)),
    ids=lambda law: law.name,
)
def test_mail_keeps_the_law(law):
    law.check()
