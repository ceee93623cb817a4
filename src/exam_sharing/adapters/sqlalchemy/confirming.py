"""Commits that wait for standbys of PostgreSQL, and not for ever.

While a standby is gone for which commits wait, a commit is durable on the primary, and its session
waits. No time limit of a statement or of a transaction ends this wait. A cancel request ends it:
the commit stays, and PostgreSQL warns that no standby has confirmed it. An operator's request does
the same, so the warning is heard whoever sent the request.

Needs psycopg or asyncpg.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Lock, Timer
from time import monotonic
from typing import Any, Final

from sqlalchemy import Engine, text
from sqlalchemy.engine import Connection
from sqlalchemy.util import greenlet_spawn
from typing_extensions import override

from exam_sharing.adapters.sqlalchemy import engines
from exam_sharing.errors import Unconfirmed

LONGEST: Final = 10.0
"""The longest wait for standbys, in seconds."""

GONE: Final = 60.0
"""For so many seconds after a commit that nobody confirmed, standbys count as gone."""

# PostgreSQL's code of a warning without a code of its own: during a commit, only the one above.
_WARNING: Final = ("WARNING", "01000")
# Only that wait: a process with the same number may already do something else.
_END: Final = text(
    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity "
    "WHERE pid = :process AND wait_event = 'SyncRep'"
)
# Seconds between two tries to end a wait.
_AGAIN: Final = 1.0


class _Wait(ABC):
    """One wait, which ends after some seconds."""

    def __init__(self) -> None:
        self.was_ended, self.is_warned, self._is_over = False, False, False

    @abstractmethod
    def over(self) -> None:
        """Let nothing end it any more; a second call does nothing."""

    def _note(self, severity: object, code: object) -> None:
        """Note the warning of a commit that nobody has confirmed."""
        self.is_warned |= (severity, code) == _WARNING


class _PsycopgWait(_Wait):
    """A wait that another thread ends."""

    def __init__(self, driver: Any) -> None:  # noqa: ANN401  of psycopg
        super().__init__()
        self._driver, self._cancel = driver, driver.pgconn.get_cancel()
        self._ending = Lock()
        driver.add_notice_handler(self._hear)
        self._timer = Timer(LONGEST, self._end)
        self._timer.daemon = True
        self._timer.start()

    def _hear(self, notice: Any) -> None:  # noqa: ANN401  of psycopg
        self._note(notice.severity_nonlocalized, notice.sqlstate)

    def _end(self) -> None:
        self._ask_to_end()
        while not self._timer.finished.wait(_AGAIN):
            self._ask_to_end()

    def _ask_to_end(self) -> None:
        # A request that does not arrive is sent again.
        with self._ending, suppress(Exception):
            if not self._is_over:
                self.was_ended = True
                self._cancel.cancel()

    @override
    def over(self) -> None:
        self._timer.cancel()
        with self._ending:
            if not self._is_over:
                self._driver.remove_notice_handler(self._hear)
            self._is_over = True


class _AsyncpgWait(_Wait):
    """A wait that a task ends over another connection; asyncpg has no cancel request of its own."""

    def __init__(self, driver: Any, engine: Engine) -> None:  # noqa: ANN401  of asyncpg
        super().__init__()
        self._driver, self._engine = driver, engine
        driver.add_log_listener(self._hear)
        # The loop itself keeps a task only weakly.
        self._ending: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(LONGEST, self._begin_to_end)

    def _hear(self, _driver: object, message: Any) -> None:  # noqa: ANN401  of asyncpg
        self._note(message.severity_en or message.severity, message.sqlstate)

    def _begin_to_end(self) -> None:
        self._ending = asyncio.ensure_future(self._end())

    async def _end(self) -> None:
        self.was_ended = True
        process = self._driver.get_server_pid()
        while not self._is_over:
            await greenlet_spawn(_end_wait, self._engine, process)
            await asyncio.sleep(_AGAIN)

    @override
    def over(self) -> None:
        self._timer.cancel()
        self._is_over = True
        self._driver.remove_log_listener(self._hear)


def _end_wait(engine: Engine, process: int) -> None:
    """End the wait of a process of the server, if it waits for standbys."""
    # Outside of the pool, all of whose connections may wait.
    beside = engines.engine_beside(engine)
    try:
        with beside.connect() as connection:
            connection.execute(_END, {"process": process})
    except engines.FAILURES:
        pass  # It is tried again.
    finally:
        beside.dispose()


@contextmanager
def bounded(
    connection: Connection, close: Callable[[], object] | None = None
) -> Iterator[Callable[[], None]]:
    """Let a commit inside wait for standbys only for some seconds.

    It yields what ends this, once the commit is done. `close` closes the session; by default, the
    connection is invalidated.

    Raises:
        Unconfirmed: it is committed, and no standby has confirmed it.
    """
    driver: Any = connection.connection.driver_connection
    wait: _Wait
    if hasattr(driver, "add_notice_handler"):
        wait = _PsycopgWait(driver)
    elif hasattr(driver, "add_log_listener"):
        wait = _AsyncpgWait(driver, connection.engine)
    else:
        yield lambda: None
        return
    try:
        yield wait.over
    finally:
        wait.over()
        if wait.was_ended:
            # The request may reach the session late, and would end its next statement.
            (close or connection.invalidate)()
    if wait.is_warned:
        raise Unconfirmed(
            "the change is done, but no standby has confirmed it in time: bring the standbys "
            "back, and let none take over that has not received it"
        )


class Standbys:
    """What a process knows of the standbys for which its commits wait.

    Attributes:
        awaited: whether commits waited for a standby when this was last asked.
    """

    def __init__(self, *, awaited: bool) -> None:
        self.awaited = awaited
        self._gone_until = 0.0

    def are_gone(self) -> bool:
        """Return whether a commit of this process has lately waited in vain."""
        return monotonic() < self._gone_until

    @contextmanager
    def bounded(
        self, connection: Connection, close: Callable[[], object] | None = None
    ) -> Iterator[Callable[[], None]]:
        """Do the same as `bounded` where commits wait, and remember whether it was in vain."""
        if not self.awaited:
            yield lambda: None
            return
        try:
            with bounded(connection, close) as over:
                yield over
        except Unconfirmed:
            self._gone_until = monotonic() + GONE
            raise
        self._gone_until = 0.0
