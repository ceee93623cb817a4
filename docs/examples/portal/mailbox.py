"""A mail server on this machine, which keeps the mails for the page of the mailbox.

The portal sends its mails to it over SMTP, as to any other mail server.
"""

import asyncio
import socket
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import attrs
from aiosmtpd.smtp import SMTP, Envelope, Session

KEPT = 1_000
"""The number of mails that are kept, the newest."""


@attrs.frozen(kw_only=True)
class Received:
    """A mail as it came: its recipient and its content."""

    to: str
    content: bytes = attrs.field(repr=False)

    @property
    def mail(self) -> "EmailMessage[Any, Any]":
        """The mail, parsed."""
        return message_from_bytes(self.content, policy=policy.default)

    @property
    def subject(self) -> str:
        """The subject."""
        return str(self.mail["Subject"])

    @property
    def text(self) -> str:
        """The part of the mail that is plain text."""
        part = self.mail.get_body(("plain",))
        return "" if part is None else str(part.get_content())


class Mailbox:
    """The mails of everybody, and the server that receives them."""

    def __init__(self) -> None:
        """Take a free port; `serving` begins to listen."""
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._kept: deque[Received] = deque(maxlen=KEPT)
        self.port: int = self._socket.getsockname()[1]

    async def handle_DATA(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Keep a mail; aiosmtpd calls it."""
        for to in envelope.rcpt_tos:
            self._kept.append(Received(to=to, content=envelope.original_content or b""))
        return "250 OK"

    def of(self, address: str) -> list[Received]:
        """Return the mails to an address, the newest first."""
        return [each for each in reversed(self._kept) if each.to == address]

    def close(self) -> None:
        """Give the port back."""
        self._socket.close()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Receive mails in the running event loop."""
        loop = asyncio.get_running_loop()

        def session() -> SMTP:
            return SMTP(self, hostname="mail.clinic.example", loop=loop)

        server = await loop.create_server(session, sock=self._socket)
        try:
            yield
        finally:
            server.close()
