"""E-mail addresses, read so strictly that one never becomes two, nor another one.

An address is a local part of plain characters, one `@`, and a domain. What RFC 5322 also allows
(quoted local parts, comments, domains in brackets) is refused: it is rare, and every program that
handles the mail would have to read it alike.

A domain beyond ASCII is written in IDNA, if that reads as the same domain. Python's codec knows
IDNA 2003, by which `straße.example` would be `strasse.example`, which may be somebody else's: such
a domain, like a local part beyond ASCII, needs a server with SMTPUTF8.
"""

import re
import unicodedata
from typing import Final

import attrs

from exam_sharing.errors import InvalidArgument
from exam_sharing.validation import PrivateText, exact_text, plain_text

__all__ = ["MailAddress", "Sender", "read_address"]

MAX_BYTES: Final = 254
MAX_LOCAL_BYTES: Final = 64
MAX_NAME_LENGTH: Final = 100

_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\U0010ffff]+"
_LOCAL: Final = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LABEL: Final = r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
_ASCII_DOMAIN: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")


@attrs.frozen(kw_only=True)
class MailAddress:
    """One address, in the ways in which it can be written.

    Attributes:
        ascii: as every server takes it; `None` if there is no such way.
        unicode: as it was given, for servers with SMTPUTF8.
    """

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
    # A full-width comma or at sign must not turn into a real one on the way.
    spellings = (local, unicodedata.normalize("NFKC", local[: MAX_LOCAL_BYTES + 1]))
    return (
        _bytes(local) <= MAX_LOCAL_BYTES
        and all(_LOCAL.fullmatch(spelling) for spelling in spellings)
        and not any(unicodedata.category(c)[0] in "CZ" for c in local)
    )


def _in_ascii(domain: str) -> str | None:
    """Return the domain in ASCII, if it says there what it says here."""
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
    """Return whether this can be a domain beyond ASCII that means one thing only."""
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
        raise InvalidArgument("address", "must be one plain e-mail address that ASCII can write")
    return str(address.ascii)


def _sender_name(text: str) -> str:
    return plain_text("name", text, max_length=MAX_NAME_LENGTH)


@attrs.frozen(kw_only=True)
class Sender:
    """Whom the mail is from, and who is told when it cannot be delivered.

    Attributes:
        address: one plain address. It ends up in ASCII: a domain beyond it, in IDNA.
        name: what mail programs show instead; at most 100 code points, no controls.
    """

    address: str = attrs.field(converter=_sender_address)
    name: str = attrs.field(default="", converter=_sender_name)

    @property
    def domain(self) -> str:
        """What stands behind the `@`."""
        return self.address.rpartition("@")[2]
