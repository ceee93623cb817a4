"""E-mail addresses, read so strictly that one never becomes two or another one.

An address is a local part of plain characters, one `@`, and a domain. Quoted local parts, comments
and domains in brackets, which RFC 5322 allows, are refused: they are rare, and programs read them
in different ways.

A domain beyond ASCII is written in IDNA if that stands for the same domain. Python's codec knows
IDNA 2003, which turns `straße.example` into `strasse.example`, another domain. Such a domain, like
a local part beyond ASCII, needs a server with SMTPUTF8.
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
    """Return whether this is an unambiguous domain beyond ASCII."""
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
        raise InvalidArgument(
            "address", "must be one plain e-mail address that can be written in ASCII"
        )
    return str(address.ascii)


def _sender_name(text: str) -> str:
    return plain_text("name", text, max_length=MAX_NAME_LENGTH)


@attrs.frozen(kw_only=True)
class Sender:
    """The sender of the mail, who gets the reports of mail that cannot be delivered.

    Attributes:
        address: one plain address. It is kept in ASCII, with the domain in IDNA.
        name: shown instead by mail programs; at most 100 code points, no controls.
    """

    address: str = attrs.field(converter=_sender_address)
    name: str = attrs.field(default="", converter=_sender_name)

    @property
    def domain(self) -> str:
        """The part behind the `@`."""
        return self.address.rpartition("@")[2]
