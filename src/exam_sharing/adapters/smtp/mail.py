"""A letter as the bytes that go over the line.

The header is written here. The `email` package folds a long display name without its quotes, so
that one mailbox with commas in its name is read as several (seen in Python 3.11), and it takes a
name such as `=?utf-8?q?a=2C?=` for an encoded one. The MIME parts are its work.

Two mails of one notice at one time are alike to the byte: the id and the boundary are made of the
notice's id, and nothing comes from chance.
"""

import re
from datetime import datetime
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from hashlib import sha256
from typing import Final

import attrs

from exam_sharing.adapters.smtp.addresses import Sender
from exam_sharing.adapters.smtp.letters import Letter
from exam_sharing.identifiers import NoticeId

__all__ = ["Mail"]

_SPEAKS_FOR_ITSELF: Final = re.compile(r"[A-Za-z0-9]+(?: [A-Za-z0-9]+)*")
MAX_UNFOLDED: Final = 60


@attrs.frozen(kw_only=True)
class Mail:
    """A letter about one notice, from one sender.

    Attributes:
        notice: which notice.
        sender: whom it is from.
        letter: what it says.
        date: when it is sent, aware, in UTC.
    """

    notice: NoticeId
    sender: Sender
    letter: Letter
    date: datetime

    def as_bytes(self, to: str) -> bytes:
        """Return the mail to this address, which is one plain address and nothing else."""
        fields = {
            "From": self._from(),
            "To": to,
            "Subject": _encoded(self.letter.subject, "Subject"),
            "Date": format_datetime(self.date),
            "Message-ID": self._message_id(),
            "Auto-Submitted": "auto-generated",
        }
        # INVARIANT: no value holds a line end but those that fold it, each before a space.
        header = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return header.encode() + self._parts()

    def _from(self) -> str:
        if not self.sender.name:
            return self.sender.address
        return f"{_encoded(self.sender.name, 'From')} <{self.sender.address}>"

    def _message_id(self) -> str:
        return f"<{self._digest()}@{self.sender.domain}>"

    def _digest(self) -> str:
        # Hashed, since an id of a notice may hold any character, and `<`, `>` or `@` among them.
        return sha256(str(self.notice).encode()).hexdigest()[:40]

    def _parts(self) -> bytes:
        """Return the MIME fields, the empty line and the body."""
        parts = EmailMessage(policy=SMTP)
        parts.set_content(str(self.letter.text), cte="quoted-printable")
        if self.letter.html is not None:
            parts.add_alternative(str(self.letter.html), subtype="html", cte="quoted-printable")
            # INVARIANT: what is written as quoted-printable never holds `=_`.
            parts.set_boundary(f"=_{self._digest()}")
        return parts.as_bytes()


def _encoded(text: str, field: str) -> str:
    """Return a text as a header tells it: as it is if it is plain and short, or else encoded."""
    if len(text) <= MAX_UNFOLDED and _SPEAKS_FOR_ITSELF.fullmatch(text):
        return text
    return Header(text, "utf-8", header_name=field).encode(linesep="\r\n")
