"""A notifier that keeps what it is given, for tests and for programs that show it themselves."""

from typing_extensions import override

from exam_sharing.events import ShareNotice
from exam_sharing.ports import Notifier

__all__ = ["MemoryNotifier"]


class MemoryNotifier(Notifier):
    """Keeps every notice, with its message, until the program takes it out of `sent`.

    Attributes:
        sent: the notices in the order in which they were sent; empty it as you please.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.sent: list[ShareNotice] = []

    @override
    def send(self, notice: ShareNotice) -> None:
        self.sent.append(notice)
