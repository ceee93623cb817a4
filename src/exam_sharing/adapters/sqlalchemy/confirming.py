"""Commits that wait for standbys of PostgreSQL, and not for ever.

While a standby is gone for which commits wait, a commit is durable on the primary, and its session
waits. No time limit of a statement or of a transaction ends this wait. A cancel request ends it:
the commit stays, and PostgreSQL warns that no standby has confirmed it. An operator's request does
the same, so the warning is heard whoever sent the request.

Needs psycopg. With another driver, a commit waits until the standby is back.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, Timer
from typing import Any, Final

from sqlalchemy.engine import Connection

from exam_sharing.errors import Unconfirmed

LONGEST: Final = 10.0
"""The longest wait for standbys, in seconds."""

# PostgreSQL's code of a warning without a code of its own: during a commit, only the one above.
_WARNING: Final = ("WARNING", "01000")


class _Wait:
    """One wait, which another thread may end."""

    def __init__(self, cancel: Any) -> None:  # noqa: ANN401  of psycopg
        self.was_ended, self.is_warned, self._is_over = False, False, False
        self._cancel = cancel
        self._ending = Lock()

    def hear(self, notice: Any) -> None:  # noqa: ANN401  of psycopg
        """Note the warning of a commit that nobody has confirmed."""
        self.is_warned |= (notice.severity_nonlocalized, notice.sqlstate) == _WARNING

    def end(self) -> None:
        """End the wait, unless it is over."""
        with self._ending:
            if not self._is_over:
                self.was_ended = True
                self._cancel.cancel()

    def over(self) -> None:
        """Let nothing end it any more."""
        with self._ending:
            self._is_over = True


@contextmanager
def bounded(connection: Connection) -> Iterator[None]:
    """Let a commit inside wait for standbys only for some seconds.

    Raises:
        Unconfirmed: it is committed, and no standby has confirmed it.
    """
    driver: Any = connection.connection.driver_connection
    if not hasattr(driver, "add_notice_handler"):
        yield
        return
    wait = _Wait(driver.pgconn.get_cancel())
    driver.add_notice_handler(wait.hear)
    timer = Timer(LONGEST, wait.end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        wait.over()
        driver.remove_notice_handler(wait.hear)
        if wait.was_ended:
            # The request may reach the session late, and would end its next statement.
            connection.invalidate()
    if wait.is_warned:
        raise Unconfirmed(
            "the change is done, but no standby has confirmed it in time: bring the standbys "
            "back, and let none take over that has not received it"
        )
