"""A relay: sends notices as they become due, until it is stopped.

Run it in one process of its own or in several: no two of them send the same notice at a time.

>>> from threading import Event, Thread
>>> from exam_sharing.memory import open_sharing
>>> sharing, stop = open_sharing(), Event()
>>> relay = Thread(target=watch, args=(sharing,), kwargs={"stop": stop})
>>> relay.start()
>>> stop.set()
>>> relay.join()
"""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType
from typing import Final, Protocol

from typing_extensions import override

from exam_sharing.errors import InvalidArgument, StoreFailed
from exam_sharing.sharing import Sharing
from exam_sharing.validation import duration, of_kind

__all__ = ["Stop", "until_signalled", "watch"]

PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(days=366)


class Stop(Protocol):
    """Ends a relay and lets it pause: a `threading.Event` does."""

    def is_set(self) -> bool:
        """Return whether the relay must end."""

    def wait(self, timeout: float) -> object:
        """Return after `timeout` seconds, or as soon as the relay must end."""


class _Signalled(Stop):
    """Stops a relay after a signal to end the process.

    It is no `Event`: a signal handler that runs during `Event.wait` cannot set that event.
    """

    TICK: Final = 0.2

    def __init__(self) -> None:
        self._came = False

    def note(self, _signal: int, _frame: FrameType | None) -> None:
        # A second interrupt ends the process at once.
        self._came = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    @override
    def is_set(self) -> bool:
        return self._came

    @override
    def wait(self, timeout: float) -> None:
        end = time.monotonic() + timeout
        while not self._came and time.monotonic() < end:
            time.sleep(self.TICK)


@contextmanager
def until_signalled() -> Iterator[Stop]:
    """Yield what stops a relay once the process gets an interrupt or is told to end.

    A second interrupt ends the process at once. Only the main thread may call this.
    """
    stop = _Signalled()
    before = {each: signal.signal(each, stop.note) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def ignore(_result: object) -> None:
    """Do nothing with a result."""


def watch(
    sharing: Sharing,
    *,
    stop: Stop,
    pause: timedelta = PAUSE,
    delivered: Callable[[int], None] = ignore,
    failed: Callable[[StoreFailed], None] = ignore,
) -> None:
    """Send what is due, pause, and repeat, until stopped.

    When stopped while sending, it first sends the few notices that it has claimed. A failure of the
    store does not end it: the next try follows after the pause.

    Args:
        sharing: with the notifier that sends.
        stop: ends the relay.
        pause: how long to wait once nothing more is due; positive, and at most 366 days.
        delivered: called after each round with the number of sent notices.
        failed: called with each failure of the store.
    """
    of_kind("sharing", sharing, Sharing)
    pause = duration("pause", pause)
    if pause > LONGEST_PAUSE:
        raise InvalidArgument("pause", f"must not be longer than {LONGEST_PAUSE.days} days")
    if pause <= timedelta(0):
        raise InvalidArgument("pause", "must be positive")
    while not stop.is_set():
        try:
            sent = sharing.admin.deliver_notices(stop.is_set)
        except StoreFailed as error:
            failed(error)
        else:
            delivered(sent)
        stop.wait(pause.total_seconds())
