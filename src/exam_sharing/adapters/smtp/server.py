"""A mail server, and one delivery to it: a connection, a mail, an end.

Nothing of a delivery outlives it, so any number of threads may deliver at once.

What `smtplib` raises quotes addresses and what the server said, so none of it gets out, not even as
the context of an error of ours: a failure is returned from where it is caught, and raised later.
"""

import enum
import math
import smtplib
import ssl
from contextlib import suppress
from typing import Final, assert_never

import attrs

from exam_sharing.adapters.smtp.addresses import MailAddress
from exam_sharing.adapters.smtp.failures import (
    LOGIN_NEEDED,
    PERMANENT,
    MailProblem,
    NoticeNotSent,
    refused,
)
from exam_sharing.adapters.smtp.mail import Mail
from exam_sharing.errors import InvalidValue
from exam_sharing.validation import (
    PrivateText,
    identifier_text,
    is_a,
    plain_text,
    require_kind,
)

__all__ = ["Login", "MailServer", "Security"]

MAX_PORT: Final = 65_535
MAX_LOGIN_LENGTH: Final = 1_000


class Security(enum.Enum):
    """How the line to the server is encrypted."""

    STARTTLS = "STARTTLS"
    """Once the server offers it, usually at port 587; without the offer, nothing is sent."""

    TLS = "TLS"
    """From the first byte, usually at port 465."""

    NONE = "NONE"
    """Never. It is for a server on the same machine, and allows no login."""


def _ascii_text(field: str, text: str) -> PrivateText:
    if not plain_text(field, text, max_length=MAX_LOGIN_LENGTH).isascii() or not text:
        raise InvalidValue(field, "must be ASCII and not empty")
    return PrivateText(text)


def _username(text: str) -> PrivateText:
    return _ascii_text("username", text)


def _password(text: str) -> PrivateText:
    return _ascii_text("password", text)


@attrs.frozen(kw_only=True)
class Login:
    """What the server asks of its clients; no `repr` shows either part.

    Attributes:
        username: in ASCII.
        password: in ASCII.
    """

    username: str = attrs.field(converter=_username)
    password: str = attrs.field(converter=_password)


def _check_host(_instance: object, attribute: "attrs.Attribute[str]", value: str) -> None:
    host = identifier_text(attribute.name, value)
    try:
        host.encode("idna")
    except UnicodeError:
        malformed = True
    else:
        malformed = False
    if malformed:
        raise InvalidValue(attribute.name, "must be the name or the IP address of a host")


def _check_port(_instance: object, attribute: "attrs.Attribute[int]", value: int) -> None:
    require_kind(attribute.name, value, int)
    if not 1 <= value <= MAX_PORT:
        raise InvalidValue(attribute.name, f"must be from 1 to {MAX_PORT}")


def _seconds(value: float) -> float:
    require_kind("timeout", value, int, float)
    seconds = float(value)
    if not (math.isfinite(seconds) and seconds > 0):
        raise InvalidValue("timeout", "must be longer than nothing, and must end")
    return seconds


def _check_login(
    instance: "MailServer", _attribute: "attrs.Attribute[Login]", value: object
) -> None:
    require_kind("login", value, Login, type(None))
    if value is not None and instance.security is Security.NONE:
        raise InvalidValue("login", "needs an encrypted line: choose STARTTLS or TLS")


@attrs.frozen(kw_only=True)
class MailServer:
    """Where mail is handed in, and how.

    Attributes:
        host: its name, which its certificate must bear.
        port: usually 587 for `STARTTLS` and 465 for `TLS`.
        security: how the line is encrypted.
        context: which certificates are trusted; by default those that the machine trusts.
        login: the login, if the server asks for one.
        timeout: how long each answer may take, in seconds. A server that keeps answering can take
            several times as long for one mail.
    """

    host: str = attrs.field(validator=_check_host)
    port: int = attrs.field(validator=_check_port)
    security: Security = attrs.field(default=Security.STARTTLS, validator=is_a(Security))
    context: ssl.SSLContext = attrs.field(
        factory=ssl.create_default_context, validator=is_a(ssl.SSLContext), repr=False
    )
    login: Login | None = attrs.field(default=None, validator=_check_login)
    timeout: float = attrs.field(default=10.0, converter=_seconds)

    def deliver(self, mail: Mail, to: MailAddress) -> None:
        """Hand the mail to the server.

        Raises:
            NoticeNotSent: the server did not take it, as far as we know.
        """
        failure = self._attempt(mail, to)
        if failure is not None:
            raise failure

    def _attempt(self, mail: Mail, to: MailAddress) -> NoticeNotSent | None:
        try:
            line = self._connect(mail.sender.domain)
        except (OSError, ValueError) as error:
            return _failure(error)
        try:
            return self._converse(line, mail, to)
        except (OSError, ValueError) as error:
            return _failure(error)
        finally:
            with suppress(OSError):
                line.close()

    def _connect(self, greeting: str) -> smtplib.SMTP:
        match self.security:
            case Security.TLS:
                return smtplib.SMTP_SSL(
                    self.host,
                    self.port,
                    local_hostname=greeting,
                    timeout=self.timeout,
                    context=self.context,
                )
            case Security.STARTTLS | Security.NONE:
                return smtplib.SMTP(
                    self.host, self.port, local_hostname=greeting, timeout=self.timeout
                )
            case other:
                assert_never(other)

    def _converse(self, line: smtplib.SMTP, mail: Mail, to: MailAddress) -> NoticeNotSent | None:
        line.ehlo_or_helo_if_needed()
        if self.security is Security.STARTTLS:
            if not line.has_extn("starttls"):
                return NoticeNotSent(MailProblem.NOT_ENCRYPTED)
            line.starttls(context=self.context)
            line.ehlo_or_helo_if_needed()
        if self.login is not None:
            line.login(self.login.username, self.login.password)
        if to.ascii is not None:
            line.sendmail(mail.sender.address, [to.ascii], mail.as_bytes(to.ascii))
        elif line.has_extn("smtputf8"):
            line.sendmail(
                mail.sender.address,
                [to.unicode],
                mail.as_bytes(to.unicode),
                ["SMTPUTF8", "BODY=8BITMIME"],
            )
        else:
            return NoticeNotSent(MailProblem.ADDRESS_NOT_TAKEN)
        # The server has the mail: nothing from here on may make it look unsent.
        with suppress(OSError):
            line.quit()
        return None


_PROBLEMS: Final[tuple[tuple[type[Exception], MailProblem], ...]] = (
    (smtplib.SMTPSenderRefused, MailProblem.SENDER_REFUSED),
    (smtplib.SMTPAuthenticationError, MailProblem.LOGIN_REFUSED),
    (smtplib.SMTPResponseException, MailProblem.NOT_SERVED),
    (smtplib.SMTPServerDisconnected, MailProblem.LINE_LOST),
    # That there is no way to log in is told by the base of them all.
    (smtplib.SMTPException, MailProblem.LOGIN_REFUSED),
    (ssl.SSLError, MailProblem.NOT_ENCRYPTED),
    (TimeoutError, MailProblem.TIMED_OUT),
    (OSError, MailProblem.UNREACHABLE),
    (ValueError, MailProblem.NOT_SERVED),
)
"""What each kind of error means: the first that fits."""


def _failure(error: Exception) -> NoticeNotSent:
    code: int | None = None
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        ((code, _said),) = error.recipients.values()
        return refused(code)
    if isinstance(error, smtplib.SMTPResponseException):
        code = error.smtp_code if error.smtp_code > 0 else None
        if isinstance(error, smtplib.SMTPDataError) or _is_passing(error):
            return refused(error.smtp_code)
    if isinstance(error, smtplib.SMTPServerDisconnected) and isinstance(
        error.__context__, TimeoutError
    ):
        error = error.__context__
    problem = next(problem for kind, problem in _PROBLEMS if isinstance(error, kind))
    return NoticeNotSent(problem, code, type(error).__name__ if code is None else None)


def _is_passing(error: smtplib.SMTPResponseException) -> bool:
    """Return whether a refusal of the sender says nothing of the sender."""
    return isinstance(error, smtplib.SMTPSenderRefused) and (
        error.smtp_code < PERMANENT or error.smtp_code == LOGIN_NEEDED
    )
