"""Reads of a standby that hangs: after some seconds their connection ends.

A server that is frozen answers nothing and closes nothing, so that a read would wait for ever. One
thread for all reads, which runs only while there are any, shuts the sockets of those that wait too
long. They then fail as if the server had closed the connection. Over asyncpg, the event loop does
the same.

Needs psycopg or asyncpg.
"""

import asyncio
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock, Thread
from typing import Any, Final

_TICK: Final = 0.2


class _Read:
    """One read, which another thread may end."""

    def __init__(self, driver: Any, deadline: float) -> None:  # noqa: ANN401  of psycopg
        self._driver, self.deadline = driver, deadline
        self._process = os.getpid()
        self._ending, self._is_over = Lock(), False

    def end(self) -> None:
        """Shut its socket, unless it is over."""
        if self._process != os.getpid():
            return  # A fork has a copy, and shares the socket.
        # Once it is over, the number of the socket may be that of another.
        with self._ending, suppress(Exception):
            if not self._is_over:
                with socket.socket(fileno=os.dup(self._driver.pgconn.socket)) as shared:
                    shared.shutdown(socket.SHUT_RDWR)

    def over(self) -> None:
        """Let nothing end it any more."""
        with self._ending:
            self._is_over = True


# No lock guards them: a fork could copy it while it is held.
_READS: Final[dict[int, _Read]] = {}
_WATCHING: Final[list[Thread]] = []


@contextmanager
def ended_after(seconds: float, driver: Any) -> Iterator[None]:  # noqa: ANN401  a driver's
    """Let what is read inside, over a connection of the driver, fail after some seconds."""
    if hasattr(driver, "terminate"):
        ending = asyncio.get_running_loop().call_later(seconds, driver.terminate)
        try:
            yield
        finally:
            ending.cancel()
        return
    if not hasattr(driver, "pgconn"):
        yield
        return
    read = _Read(driver, time.monotonic() + seconds)
    _READS[id(read)] = read
    if not (_WATCHING and _WATCHING[-1].is_alive()):
        thread = Thread(target=_watch, name="exam_sharing reads of standbys", daemon=True)
        _WATCHING[:] = [thread]
        thread.start()
    try:
        yield
    finally:
        read.over()
        _READS.pop(id(read), None)


def _watch() -> None:
    while True:
        time.sleep(_TICK)
        now = time.monotonic()
        for key, read in tuple(_READS.items()):
            if read.deadline < now:
                read.end()
                _READS.pop(key, None)
        if not _READS:
            _WATCHING.clear()
            # A read that began before that has seen this thread.
            if not _READS:
                return
