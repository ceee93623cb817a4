"""A notifier that takes nothing until somebody looks, so that notices wait until then."""

from collections.abc import Iterator
from contextlib import contextmanager

from typing_extensions import override

from exam_sharing.errors import NotifierFailed
from exam_sharing.events import ShareNotice
from exam_sharing.memory import MemoryNotifier

__all__ = ["Letterbox"]


class Letterbox(MemoryNotifier):
    """Keeps what is sent to it while it is open; whatever comes before has to come again."""

    def __init__(self) -> None:
        """Begin closed."""
        super().__init__()
        self._open = False

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Take what comes until the end of the context."""
        self._open = True
        try:
            yield
        finally:
            self._open = False

    @override
    def send(self, notice: ShareNotice) -> None:
        if not self._open:
            raise NotifierFailed("closed")
        super().send(notice)
