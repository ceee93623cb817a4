"""A mail server, and one delivery to it: a connection, a mail, an end.

Nothing of a delivery outlives it, so any number of threads may deliver at once. `smtplib` quotes
addresses and replies of the server in its errors, so none of them leaves this module, not even as
the context of an error of ours: its failure becomes ours where it is caught, and is raised later.

A connection ends by one deadline, however slowly the server answers. The timeout of a socket bounds
one operation, and a server that sends one byte a second never exceeds it, so the remaining time is
set anew before each operation. The length of the replies is bounded too.
"""

import enum
import re
import smtplib
import socket
import ssl
from concurrent.futures import Future
from contextlib import suppress
from io import BufferedReader, RawIOBase
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Self

import attrs
from typing_extensions import override

from exam_sharing import validation
from exam_sharing.adapters.smtp.mail import Mail, MailAddress
from exam_sharing.errors import MAYBE_SENT, ExamSharingError, InvalidArgument, NotifierFailed

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer


class MailProblem(enum.StrEnum):
    """Why a notice was not sent: a code with a `statement` in words.

    A notice with a `permanent` problem can never be sent, and is given up at once. A problem of the
    settings or of the server is not permanent: the notice can be sent after a repair.
    """

    statement: str
    permanent: bool

    def __new__(cls, code: str, statement: str, permanent: bool) -> Self:  # noqa: FBT001, D102
        member = str.__new__(cls, code)
        member._value_ = code
        member.statement = statement
        member.permanent = permanent
        return member

    NO_ADDRESS = "NO_ADDRESS", "the notice has no address", True
    MALFORMED_ADDRESS = "MALFORMED_ADDRESS", "the address is not one plain e-mail address", True
    ADDRESS_NOT_TAKEN = "ADDRESS_NOT_TAKEN", "the address needs a server with SMTPUTF8", True
    REFUSED = "REFUSED", "the mail server refused the address or the mail permanently", True
    REFUSED_FOR_NOW = "REFUSED_FOR_NOW", "the mail server refused address or mail for now", False
    SENDER_REFUSED = "SENDER_REFUSED", "the mail server refused the address of the sender", False
    LOGIN_REFUSED = "LOGIN_REFUSED", "the mail server refused the login, or requires one", False
    NOT_ENCRYPTED = "NOT_ENCRYPTED", "no trusted encryption was possible; nothing was sent", False
    UNREACHABLE = "UNREACHABLE", "the mail server cannot be reached", False
    TIMED_OUT = "TIMED_OUT", "the mail server did not answer in time", False
    LINE_LOST = "LINE_LOST", "the connection to the mail server was lost", False
    MAYBE_SENT = MAYBE_SENT, "the mail server received the whole mail and did not reply", False
    NOT_SERVED = "NOT_SERVED", "the mail server does not serve us, or violates SMTP", False
    NO_LETTER = "NO_LETTER", "the template failed to make a letter", False


class NoticeNotSent(NotifierFailed):
    """A notice was not sent, with the reply code of the server or the type of the exception.

    Neither it nor its cause or context contains an address, a name or a message, or any text of the
    server, which may quote them.
    """

    problem: MailProblem

    def __init__(
        self, problem: MailProblem, code: int | None = None, cause: str | None = None
    ) -> None:
        super().__init__(problem, problem.permanent)
        # The base keeps the code as an exact `str`.
        self.problem = problem
        # Errors are copied and pickled by the arguments that the base got last.
        ExamSharingError.__init__(self, problem, code, cause)
        self.code = code
        self.cause = cause

    @override
    def __str__(self) -> str:
        known = self.cause if self.code is None else self.code
        return self.problem.statement + ("" if known is None else f" ({known})")


MAX_RECEIVED: Final = 65_536
"""The most bytes of replies that one connection reads."""
MAX_PORT: Final = 65_535
MAX_LOGIN_LENGTH: Final = 1_000
MAX_SECONDS: Final = 120

_SHORTEST: Final = 0.001
_LOGIN_NEEDED: Final = 530
_ACCEPTED: Final = range(200, 300)
_TEMPORARY: Final = range(400, 500)
_PERMANENT: Final = range(500, 600)


def _refused(code: int, permanently: MailProblem = MailProblem.REFUSED) -> NoticeNotSent:
    """Return the meaning of a negative reply, given that of a permanent refusal."""
    if code == _LOGIN_NEEDED:
        return NoticeNotSent(MailProblem.LOGIN_REFUSED, code)
    if code in _PERMANENT:
        return NoticeNotSent(permanently, code)
    if code in _TEMPORARY:
        return NoticeNotSent(MailProblem.REFUSED_FOR_NOW, code)
    # SMTP knows no such code: a fault of the server.
    return NoticeNotSent(MailProblem.NOT_SERVED, code if code > 0 else None)


class Connection(smtplib.SMTP):
    """One connection, opened when it is made, which ends `seconds` later.

    Raises `OSError` for a server that does not answer, and `ValueError` for replies too long.
    """

    sock: socket.socket | None

    def __init__(
        self, host: str, port: int, *, greeting: str, seconds: float, tls: ssl.SSLContext | None
    ) -> None:
        self._ends = monotonic() + seconds
        self._tls = tls
        self._received = 0
        try:
            super().__init__(host, port, local_hostname=greeting, timeout=seconds)
        except (OSError, ValueError):
            self.close()
            raise

    def left(self) -> float:
        """Return the seconds until the deadline; raise `TimeoutError` if it has passed."""
        left = self._ends - monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def receive(self, data: "WriteableBuffer") -> int:
        """Read some bytes into a buffer and return their number; `ValueError` if too many came."""
        if self.sock is None:
            return 0
        self.sock.settimeout(self.left())
        size = self.sock.recv_into(data)
        self._received += size
        if self._received > MAX_RECEIVED:
            raise ValueError
        return size

    @override
    def connect(
        self, host: str = "", port: int = 0, source_address: Any = None
    ) -> tuple[int, bytes]:
        self.sock = self._opened(host, port)
        self.file = None
        if self._tls is not None:
            self._set_timeout()
            self.sock = self._tls.wrap_socket(self.sock, server_hostname=host)
        return self.getreply()

    def _opened(self, host: str, port: int) -> socket.socket:
        """Connect to the first address that answers; each one gets its part of the time."""
        problem = OSError()
        addresses = [found[4] for found in self._looked_up(host, port)]
        for tried, address in enumerate(addresses):
            share = self.left() / (len(addresses) - tried)
            try:
                return socket.create_connection((str(address[0]), port), share)
            except OSError as error:
                problem = error
        raise problem

    def _looked_up(self, host: str, port: int) -> list[tuple[Any, ...]]:
        """Look up the host in a thread, since nothing else bounds the time of a look-up."""
        found: Future[list[tuple[Any, ...]]] = Future()

        def look_up() -> None:
            try:
                found.set_result(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
            except Exception as error:  # noqa: BLE001  raised in the waiting thread
                found.set_exception(error)

        Thread(target=look_up, daemon=True).start()
        return found.result(self.left())

    @override
    def send(self, s: "ReadableBuffer | str") -> None:
        data = memoryview(s.encode(self.command_encoding) if isinstance(s, str) else s)
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected
        try:
            while data:
                self.sock.settimeout(self.left())
                data = data[self.sock.send(data) :]
        except OSError as error:
            self.close()
            raise smtplib.SMTPServerDisconnected from error

    @override
    def getreply(self) -> tuple[int, bytes]:
        if self.file is None:
            self.file = BufferedReader(_Replies(self))
        reply = super().getreply()
        # A TLS handshake may follow, which uses the timeout of the socket.
        self._set_timeout()
        return reply

    def _set_timeout(self) -> None:
        if self.sock is not None:
            self.sock.settimeout(max(_SHORTEST, self._ends - monotonic()))


class _Replies(RawIOBase):
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        return self._connection.receive(buffer)


class Security(enum.Enum):
    """How the connection to the server is encrypted."""

    STARTTLS = "STARTTLS"
    """After the server has offered it, usually on port 587; without the offer, nothing is sent."""
    TLS = "TLS"
    """From the first byte, usually on port 465."""
    NONE = "NONE"
    """Never: for a server on the same machine only, without login."""


def _ascii_text(field: str, text: str) -> validation.PrivateText:
    if not validation.plain_text(field, text, max_length=MAX_LOGIN_LENGTH).isascii() or not text:
        raise InvalidArgument(field, "must be ASCII and not empty")
    return validation.PrivateText(text)


def _username(text: str) -> validation.PrivateText:
    return _ascii_text("username", text)


def _password(text: str) -> validation.PrivateText:
    return _ascii_text("password", text)


@attrs.frozen(kw_only=True)
class Login:
    """The login at a server, in ASCII; no `repr` shows it."""

    username: str = attrs.field(converter=_username)
    password: str = attrs.field(converter=_password)


def _check_host(_instance: object, attribute: validation.Attribute, value: str) -> None:
    with suppress(UnicodeError):
        validation.identifier_text(attribute.name, value).encode("idna")
        return
    raise InvalidArgument(attribute.name, "must be the name or the IP address of a host")


def _check_port(_instance: object, attribute: validation.Attribute, value: int) -> None:
    validation.require_kind(attribute.name, value, int)
    if not 1 <= value <= MAX_PORT:
        raise InvalidArgument(attribute.name, f"must be from 1 to {MAX_PORT}")


def _check_context(_instance: object, attribute: validation.Attribute, value: object) -> None:
    validation.require_instance(attribute.name, value, ssl.SSLContext)


def _seconds(value: float) -> float:
    validation.require_kind("timeout", value, int, float)
    seconds = float(value)
    if not 0 < seconds <= MAX_SECONDS:
        raise InvalidArgument("timeout", f"must be positive, and at most {MAX_SECONDS} seconds")
    return seconds


def _check_login(instance: "MailServer", _attribute: validation.Attribute, value: object) -> None:
    validation.require_kind("login", value, Login, type(None))
    if value is not None and instance.security is Security.NONE:
        raise InvalidArgument("login", "needs an encrypted connection: choose STARTTLS or TLS")


@attrs.frozen(kw_only=True)
class MailServer:
    """The server that takes our mail, and how to connect to it.

    Attributes:
        host: its name, which its certificate must contain.
        context: the trusted certificates; by default those of the machine.
        login: for a server that requires one.
        timeout: seconds for one mail, from the look-up of the host to the last reply; at most 120,
            since a relay sends a notice within half of its claim.
    """

    host: str = attrs.field(validator=_check_host)
    port: int = attrs.field(validator=_check_port)
    security: Security = attrs.field(default=Security.STARTTLS, validator=validation.is_a(Security))
    context: ssl.SSLContext = attrs.field(
        factory=ssl.create_default_context, validator=_check_context, repr=False
    )
    login: Login | None = attrs.field(default=None, validator=_check_login)
    timeout: float = attrs.field(default=30.0, converter=_seconds)

    def deliver(self, mail: Mail, to: MailAddress) -> None:
        """Send the mail; raise `NoticeNotSent` unless the server has accepted it."""
        try:
            self._deliver(mail, to)
        except (OSError, ValueError) as error:
            failure = _failure(error)
        else:
            return
        raise failure

    def _deliver(self, mail: Mail, to: MailAddress) -> None:
        connection = Connection(
            self.host,
            self.port,
            greeting=mail.sender.domain,
            seconds=self.timeout,
            tls=self.context if self.security is Security.TLS else None,
        )
        try:
            self._log_in(connection)
            if to.ascii is not None:
                _transmit(connection, mail, to.ascii, ())
            elif connection.has_extn("smtputf8"):
                _transmit(connection, mail, to.unicode, ("SMTPUTF8", "BODY=8BITMIME"))
            else:
                raise NoticeNotSent(MailProblem.ADDRESS_NOT_TAKEN)
        finally:
            with suppress(OSError):
                connection.close()

    def _log_in(self, connection: Connection) -> None:
        connection.ehlo_or_helo_if_needed()
        if self.security is Security.STARTTLS:
            if not connection.has_extn("starttls"):
                raise NoticeNotSent(MailProblem.NOT_ENCRYPTED)
            connection.starttls(context=self.context)
            connection.ehlo_or_helo_if_needed()
        if self.login is not None:
            connection.login(self.login.username, self.login.password)


def _transmit(connection: Connection, mail: Mail, to: str, options: tuple[str, ...]) -> None:
    content = mail.as_bytes(to)
    if connection.has_extn("size"):
        options = (*options, f"size={len(content)}")
    mail_from = connection.mail(mail.sender.address, options)
    _require(mail_from, 250, permanently=MailProblem.SENDER_REFUSED)
    _require(connection.rcpt(to), 250, 251)
    _require(connection.docmd("data"), 354)
    connection.send(_LEADING_DOT.sub(b"..", content) + b".\r\n")
    failure = _final_failure(connection)
    # From here on, nothing changes whether the mail was accepted.
    with suppress(OSError, ValueError):
        connection.quit()
    if failure is not None:
        raise failure


def _require(
    reply: tuple[int, bytes], *accepted: int, permanently: MailProblem = MailProblem.REFUSED
) -> None:
    if reply[0] not in accepted:
        raise _refused(reply[0], permanently)


def _final_failure(connection: Connection) -> NoticeNotSent | None:
    """Read the reply of the server to a complete mail; return `None` if it accepted the mail."""
    try:
        code, _ = connection.getreply()
    except (OSError, ValueError) as error:
        return NoticeNotSent(MailProblem.MAYBE_SENT, cause=type(error).__name__)
    if code in _ACCEPTED:
        return None
    failure = _refused(code)
    if failure.problem is MailProblem.NOT_SERVED:
        return NoticeNotSent(MailProblem.MAYBE_SENT, failure.code)
    return failure


_LEADING_DOT: Final = re.compile(rb"^\.", re.MULTILINE)

_PROBLEMS: Final[tuple[tuple[type[Exception], MailProblem], ...]] = (
    (smtplib.SMTPAuthenticationError, MailProblem.LOGIN_REFUSED),
    (smtplib.SMTPResponseException, MailProblem.NOT_SERVED),
    (smtplib.SMTPServerDisconnected, MailProblem.LINE_LOST),
    # `smtplib` raises this base class if no way to log in is possible.
    (smtplib.SMTPException, MailProblem.LOGIN_REFUSED),
    (ssl.SSLError, MailProblem.NOT_ENCRYPTED),
    (TimeoutError, MailProblem.TIMED_OUT),
    (OSError, MailProblem.UNREACHABLE),
    (ValueError, MailProblem.NOT_SERVED),
)
"""The meaning of an error: the first entry that matches."""


def _failure(error: Exception) -> NoticeNotSent:
    code: int | None = None
    if isinstance(error, smtplib.SMTPResponseException):
        code = error.smtp_code if error.smtp_code > 0 else None
    if isinstance(error, smtplib.SMTPServerDisconnected) and isinstance(
        error.__context__, TimeoutError
    ):
        error = error.__context__
    problem = next(problem for kind, problem in _PROBLEMS if isinstance(error, kind))
    return NoticeNotSent(problem, code, type(error).__name__ if code is None else None)
