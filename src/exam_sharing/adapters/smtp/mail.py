"""A mail: its address, its letter, and its bytes.

An address is a local part of plain characters, one `@`, and a domain. Quoted local parts, comments
and domains in brackets, which RFC 5322 allows, are refused: they are rare, and programs read them
in different ways. A domain beyond ASCII is written in IDNA if that stands for the same domain.
Python's codec knows IDNA 2003, which turns `straße.example` into `strasse.example`, another domain.
Such a domain, like a local part beyond ASCII, needs a server with SMTPUTF8.

The header is written here. The `email` package folds a long display name without its quotes, so
that one mailbox with commas in its name is read as several (seen in Python 3.11), and it takes a
name such as `=?utf-8?q?a=2C?=` for an encoded one. The MIME parts are its work.

Two mails of one notice at one time are equal byte for byte; nothing is random.
"""

import re
import unicodedata
from collections.abc import Callable
from datetime import datetime
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from hashlib import sha256
from html import escape
from typing import Final, Protocol

import attrs
from typing_extensions import override

from exam_sharing.errors import InvalidArgument
from exam_sharing.events import ShareNotice
from exam_sharing.grants import Permission
from exam_sharing.identifiers import NoticeId, UserId
from exam_sharing.validation import BIDI_CONTROLS, PrivateText, exact_text, instant, plain_text

MAX_BYTES: Final = 254
MAX_LOCAL_BYTES: Final = 64
MAX_NAME_LENGTH: Final = 100
MAX_UNFOLDED: Final = 60

_PLAIN: Final = re.compile(r"[A-Za-z0-9]+(?: [A-Za-z0-9]+)*")
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\U0010ffff]+"
_LOCAL: Final = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LABEL: Final = r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
_ASCII_DOMAIN: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")


@attrs.frozen(kw_only=True)
class MailAddress:
    """One address: in ASCII if that is possible, and as it was given, for SMTPUTF8."""

    ascii: PrivateText | None
    unicode: PrivateText


def read_address(text: str) -> MailAddress | None:
    """Return the address, or `None` if the text is not one plain address."""
    local, at, domain = text.partition("@")
    if not at or not _is_local_part(local) or _bytes(domain) > MAX_BYTES:
        return None
    in_ascii = _in_ascii(domain)
    if in_ascii is None and not _is_domain(domain):
        return None
    if _bytes(text) > MAX_BYTES or len(f"{local}@{in_ascii or ''}") > MAX_BYTES:
        return None
    for_all = local.isascii() and in_ascii is not None
    return MailAddress(
        ascii=PrivateText(f"{local}@{in_ascii}") if for_all else None, unicode=PrivateText(text)
    )


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _is_local_part(local: str) -> bool:
    # A full-width comma or at sign must not become a real one on the way.
    spellings = (local, unicodedata.normalize("NFKC", local[: MAX_LOCAL_BYTES + 1]))
    return (
        _bytes(local) <= MAX_LOCAL_BYTES
        and all(_LOCAL.fullmatch(spelling) for spelling in spellings)
        and not any(unicodedata.category(c)[0] in "CZ" for c in local)
    )


def _in_ascii(domain: str) -> str | None:
    """Return the domain in ASCII, if it stands for the same domain there."""
    if domain.isascii():
        return domain if _ASCII_DOMAIN.fullmatch(domain) else None
    try:
        encoded = domain.encode("idna")
        decoded = encoded.decode("idna")
    except UnicodeError:
        return None
    if decoded != unicodedata.normalize("NFC", domain.lower()):
        return None
    in_ascii = encoded.decode("ascii")
    return in_ascii if _ASCII_DOMAIN.fullmatch(in_ascii) else None


def _is_domain(domain: str) -> bool:
    lowered = domain.lower()
    return (
        not domain.isascii()
        and unicodedata.normalize("NFKC", lowered) == unicodedata.normalize("NFC", lowered)
        and all(c in "-." or unicodedata.category(c)[0] in "LMN" for c in domain)
        and all(label.strip("-") == label != "" for label in domain.split("."))
    )


def _sender_address(text: str) -> str:
    address = read_address(exact_text("address", text))
    if address is None or address.ascii is None:
        problem = "must be one plain e-mail address that can be written in ASCII"
        raise InvalidArgument("address", problem)
    return str(address.ascii)


def _sender_name(text: str) -> str:
    return plain_text("name", text, max_length=MAX_NAME_LENGTH)


@attrs.frozen(kw_only=True)
class Sender:
    """The sender of the mail, who gets the reports of mail that cannot be delivered.

    The address is one plain address, kept in ASCII, with the domain in IDNA. Mail programs show the
    name instead: at most 100 code points, no controls.
    """

    address: str = attrs.field(converter=_sender_address)
    name: str = attrs.field(default="", converter=_sender_name)

    @property
    def domain(self) -> str:
        """The part behind the `@`."""
        return self.address.rpartition("@")[2]


_LINE_ENDS: Final = re.compile("\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]")


def _clean_text(text: str) -> PrivateText:
    """Return a text with one kind of line end, and without characters that mail cannot carry."""
    lines = _LINE_ENDS.sub("\n", exact_text("text", text))
    return PrivateText("".join("\ufffd" if _is_unfit(c) else c for c in lines))


def _is_unfit(character: str) -> bool:
    return character not in "\n\t" and unicodedata.category(character) in {"Cc", "Cs"}


def _clean_line(text: str) -> PrivateText:
    """Return a text as one line, without characters that change its direction."""
    line = _clean_text(" ".join(exact_text("subject", text).split()))
    return PrivateText("".join("\ufffd" if c in BIDI_CONTROLS else c for c in line))


def _clean_html(text: str | None) -> PrivateText | None:
    return None if text is None else _clean_text(exact_text("html", text))


@attrs.frozen(kw_only=True)
class Letter:
    """The text of a mail. It may contain patient data: no `repr` shows it.

    Controls and lone surrogates, which mail cannot carry, become U+FFFD, and every kind of line
    end becomes a newline. The subject becomes one line, without bidirectional controls.

    Attributes:
        subject: screens and logs of mail show it to others: put no message in it.
        html: the text as HTML, with all texts of people escaped; `None` for none.
    """

    subject: str = attrs.field(converter=_clean_line)
    text: str = attrs.field(converter=_clean_text)
    html: str | None = attrs.field(default=None, converter=_clean_html)


class Template(Protocol):
    """Any function that makes letters of notices."""

    def __call__(self, notice: ShareNotice, /) -> Letter:
        """Return the letter about this notice. If it raises, the notice is tried again later."""


@attrs.frozen(kw_only=True)
class Invitation(Template):
    """The default template: in English, without details of a study.

    It states who shared, how many exams, with which permission and until when, and quotes the
    personal message. The subject contains no part of the message. `name_of` returns the name of the
    person who shared, or `None` if the reader may not know it; without it no letter names anybody.
    """

    name_of: Callable[[UserId], str | None] | None = None

    @override
    def __call__(self, notice: ShareNotice, /) -> Letter:
        name = self.name_of(notice.actor) if self.name_of is not None else None
        name = _clean_line(name) if name is not None else ""
        shared, allowed = _shared(notice, name), _allowed(notice)
        sign_in = "Sign in to your portal as usual to find what was shared."
        text = [shared, allowed, sign_in]
        shared_html = _shared(notice, f"<bdi>{escape(name)}</bdi>" if name else "")
        html = [f"<p>{each}</p>" for each in (shared_html, allowed, sign_in)]
        if notice.message:
            message = _clean_text(notice.message)
            intro = "This personal message came with it:"
            text[2:2] = [intro, "\n".join(f"> {line}" for line in message.split("\n"))]
            html[2:2] = [f"<p>{intro}</p>", _quotation(message)]
        body = "\n".join(html)
        return Letter(
            subject=shared.removesuffix("."),
            text="\n\n".join(text) + "\n",
            html=f'<!DOCTYPE html>\n<html lang="en"><body>\n{body}\n</body></html>\n',
        )


def _shared(notice: ShareNotice, name: str) -> str:
    exams, were = f"{notice.exams} imaging exams", "were"
    if notice.exams == 1:
        exams, were = "1 imaging exam", "was"
    return f"{name} shared {exams} with you." if name else f"{exams} {were} shared with you."


def _allowed(notice: ShareNotice) -> str:
    until = notice.until
    ends = "" if until is None else f" until {instant('until', until):%Y-%m-%d %H:%M} UTC"
    may = "view and download" if notice.permission is Permission.DOWNLOAD else "view"
    return f"You may {may} {'it' if notice.exams == 1 else 'them'}{ends}."


def _quotation(message: str) -> str:
    # Not every mail program respects `pre-wrap`, so each line end is a `<br>`.
    lines = escape(message).replace("\n", "<br>")
    return f'<blockquote dir="auto" style="white-space: pre-wrap">{lines}</blockquote>'


@attrs.frozen(kw_only=True)
class Mail:
    """A letter about one notice, from one sender; the date is in UTC."""

    notice: NoticeId
    sender: Sender
    letter: Letter
    date: datetime

    def as_bytes(self, to: str) -> bytes:
        """Return the mail to one plain address."""
        fields = {
            "From": self._from(),
            "To": to,
            "Subject": _encoded(self.letter.subject, "Subject"),
            "Date": format_datetime(self.date),
            "Message-ID": f"<{self._digest()}@{self.sender.domain}>",
            "Auto-Submitted": "auto-generated",
        }
        # INVARIANT: line ends in a value only fold it, each before a space.
        header = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return header.encode() + self._parts()

    def _from(self) -> str:
        if not self.sender.name:
            return self.sender.address
        return f"{_encoded(self.sender.name, 'From')} <{self.sender.address}>"

    def _digest(self) -> str:
        # Hashed, since the id of a notice may contain any character, also `<`, `>` or `@`.
        return sha256(str(self.notice).encode()).hexdigest()[:40]

    def _parts(self) -> bytes:
        parts = EmailMessage(policy=SMTP)
        parts.set_content(str(self.letter.text), cte="quoted-printable")
        if self.letter.html is not None:
            parts.add_alternative(str(self.letter.html), subtype="html", cte="quoted-printable")
            # INVARIANT: text in quoted-printable never contains `=_`.
            parts.set_boundary(f"=_{self._digest()}")
        return parts.as_bytes()


def _encoded(text: str, field: str) -> str:
    """Return a text for a header: as it is if it is plain and short, otherwise encoded."""
    if len(text) <= MAX_UNFOLDED and _PLAIN.fullmatch(text):
        return text
    return Header(text, "utf-8", header_name=field).encode(linesep="\r\n")
