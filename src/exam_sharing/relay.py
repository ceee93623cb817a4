"""A relay: sends notices as they become due, until it is told to stop.

Run it in a process of its own, or in several: no two send the same notice at a time.

>>> from threading import Event, Thread
>>> from exam_sharing.memory import open_sharing
>>> sharing, stop = open_sharing(), Event()
>>> relay = Thread(target=watch, args=(sharing,), kwargs={"stop": stop})
>>> relay.start()
>>> stop.set()
>>> relay.join()
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Final, Protocol

from exam_sharing.errors import InvalidArgument, StoreFailed
from exam_sharing.sharing import Sharing
from exam_sharing.validation import duration, of_kind

__all__ = ["Stop", "watch"]

PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(days=366)


class Stop(Protocol):
    """Says when a relay is to end, and lets it pause: a `threading.Event` does."""

    def is_set(self) -> bool:
        """Say whether the relay is to end."""

    def wait(self, timeout: float) -> object:
        """Return after so many seconds, or as soon as the relay is to end."""


def _ignore(_told: object) -> None:
    pass


def watch(
    sharing: Sharing,
    *,
    stop: Stop,
    pause: timedelta = PAUSE,
    delivered: Callable[[int], None] = _ignore,
    failed: Callable[[StoreFailed], None] = _ignore,
) -> None:
    """Send what is due, pause, and begin again, until told to stop.

    Told to stop while it sends, it ends after the few notices that it has claimed. A store that
    fails ends nothing: it is asked again after the pause.

    Args:
        sharing: with the notifier that sends.
        stop: ends the relay.
        pause: how long to wait once nothing more is due.
        delivered: told each time how many notices were sent.
        failed: told what went wrong with the store.

    Raises:
        InvalidArgument: the pause is no time, or longer than a year.
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
