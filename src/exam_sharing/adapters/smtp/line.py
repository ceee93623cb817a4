"""A connection to a mail server that ends by one deadline, however slowly the server answers.

The timeout of a socket bounds one operation. A server that sends one byte a second never exceeds
it, so the time that is left is set anew before each operation. What a server says is bounded too.
"""

import smtplib
import socket
import ssl
from concurrent.futures import Future
from io import BufferedReader, RawIOBase
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

__all__ = ["Line"]

MAX_HEARD: Final = 65_536
"""How many bytes of replies one connection reads."""

_SHORTEST: Final = 0.001


class Line(smtplib.SMTP):
    """One connection, opened when it is made.

    Args:
        host: the server.
        port: its port.
        greeting: the name by which the server is greeted.
        seconds: how long everything may take, from the look-up of the name to the last reply.
        tls: encrypts the connection from its first byte; `None` if it does not begin encrypted.

    Raises:
        OSError: the server cannot be reached, or does not answer in time.
        ValueError: the server says too much.
    """

    sock: socket.socket | None

    def __init__(
        self, host: str, port: int, *, greeting: str, seconds: float, tls: ssl.SSLContext | None
    ) -> None:
        """Open the connection, and read the first reply."""
        self._ends = monotonic() + seconds
        self._tls = tls
        self._heard = 0
        try:
            super().__init__(host, port, local_hostname=greeting, timeout=seconds)
        except (OSError, ValueError):
            self.close()
            raise

    def left(self) -> float:
        """Return how many seconds are left.

        Raises:
            TimeoutError: none are.
        """
        left = self._ends - monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def hear(self, data: "WriteableBuffer") -> int:
        """Read some bytes into a buffer, and return how many came.

        Raises:
            ValueError: the server has said too much.
        """
        if self.sock is None:
            return 0
        self.sock.settimeout(self.left())
        came = self.sock.recv_into(data)
        self._heard += came
        if self._heard > MAX_HEARD:
            raise ValueError
        return came

    @override
    def connect(
        self, host: str = "", port: int = 0, source_address: Any = None
    ) -> tuple[int, bytes]:
        self.sock = self._opened(host, port)
        self.file = None
        if self._tls is not None:
            self._bound()
            self.sock = self._tls.wrap_socket(self.sock, server_hostname=host)
        return self.getreply()

    def _opened(self, host: str, port: int) -> socket.socket:
        """Connect to the first address that answers, each given its part of the time."""
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
        """Look the name up in a thread, since nothing else can bound how long that takes."""
        found: Future[list[tuple[Any, ...]]] = Future()

        def look_up() -> None:
            try:
                found.set_result(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
            except Exception as error:  # noqa: BLE001  the thread that waits raises it
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
            self.file = BufferedReader(_Heard(self))
        reply = super().getreply()
        # A handshake may be next, which takes the timeout that it finds.
        self._bound()
        return reply

    def _bound(self) -> None:
        if self.sock is not None:
            self.sock.settimeout(max(_SHORTEST, self._ends - monotonic()))


class _Heard(RawIOBase):
    """What a line hears, as a file."""

    def __init__(self, line: Line) -> None:
        self._line = line

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        return self._line.hear(buffer)
