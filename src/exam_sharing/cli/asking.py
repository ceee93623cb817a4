"""Laws asked one after the other in a thread that can be left behind, since a store may hang.

Everything that touches the store happens in that one thread, as some stores can only be used in the
thread that opened them.
"""

import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic
from types import FrameType
from typing import TYPE_CHECKING, Final, TypeAlias

import attrs
from typing_extensions import override

import exam_sharing

if TYPE_CHECKING:
    from exam_sharing.testing.laws import Law, LawBroken

__all__ = ["Answer", "Asking", "NeverEnded"]

_GLANCE: Final = 0.5
"""Seconds that are waited at a time, so that an interruption is met on every system."""

_OURS: Final = str(Path(exam_sharing.__file__).parent)
_STANDARD: Final = (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), "<")
_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})
_BETWEEN: Final = "hypothesis"
"""What our laws call, and what calls them back."""


@attrs.frozen
class Answer:
    """What became of one law; `broken` is `None` where it was kept."""

    law: "Law"
    broken: "LawBroken | None"
    seconds: float


class NeverEnded(Exception):
    """A law had not ended when it should have.

    Args:
        law: its name.
        seconds: how long it was waited for.
        place: where the store stands, as `stores.py, line 7`; `None` where it cannot be seen.
    """

    def __init__(self, law: str, seconds: float, place: str | None) -> None:
        """Keep what is known of it."""
        super().__init__(law, seconds, place)
        self.law = law
        self.seconds = seconds
        self.place = place

    @override
    def __str__(self) -> str:
        where = "" if self.place is None else f"; the store stands in {self.place}"
        return f"{self.law} had not ended after {self.seconds:g} seconds{where}"


@attrs.frozen
class _Begun:
    """That a law is being asked, the `number`th of so many."""

    law: "Law"
    number: int
    total: int


@attrs.frozen
class _Over:
    """That no law is asked any more, and what was raised, if that is why."""

    error: BaseException | None


_Told: TypeAlias = _Begun | Answer | _Over


class Asking:
    """The laws of a store, each waited for only so long.

    Args:
        make: makes the laws.
        timeout: how many seconds each law may take.
        say: is told which law is asked.

    Attributes:
        law: the name of the law that is asked; `None` before the first.
    """

    def __init__(
        self, make: Callable[[], "Sequence[Law]"], timeout: float, say: Callable[[str], None]
    ) -> None:
        """Ask nothing yet."""
        self.law: str | None = None
        self._make = make
        self._timeout = timeout
        self._say = say
        self._told: SimpleQueue[_Told] = SimpleQueue()

    def __iter__(self) -> Iterator[Answer]:
        """Ask the laws, and yield what becomes of each.

        Raises:
            NeverEnded: a law takes too long; it is left behind, and what it keeps busy is, too.
        """
        before = frozenset(thread.ident for thread in threading.enumerate())
        asking = threading.Thread(target=self._ask, daemon=True)
        asking.start()
        deadline: float | None = None
        while True:
            match self._next(deadline):
                case _Begun(law=law, number=number, total=total):
                    self.law, deadline = law.name, monotonic() + self._timeout
                    self._say(f"{number} of {total}: {law.name}")
                case Answer() as answer:
                    yield answer
                case _Over(error=None):
                    return
                case _Over(error=BaseException() as error):
                    raise error
                case _:
                    place = _place_in_store(asking, before)
                    raise NeverEnded(str(self.law), self._timeout, place)

    def _next(self, deadline: float | None) -> _Told | None:
        """Return what is told next; `None` where nothing is until the deadline."""
        while deadline is None or monotonic() < deadline:
            left = _GLANCE if deadline is None else min(_GLANCE, deadline - monotonic())
            try:
                return self._told.get(timeout=max(0, left))
            except Empty:
                continue
        return None

    def _ask(self) -> None:
        from exam_sharing.testing.laws import LawBroken

        try:
            laws = self._make()
            for number, law in enumerate(laws, start=1):
                self._told.put(_Begun(law, number, len(laws)))
                begun, broken = monotonic(), None
                try:
                    law.check()
                except LawBroken as error:
                    broken = error
                self._told.put(Answer(law, broken, monotonic() - begun))
        except BaseException as error:  # noqa: BLE001  it is raised again where it is seen
            self._told.put(_Over(error))
        else:
            self._told.put(_Over(None))


def _place_in_store(asking: threading.Thread, before: frozenset[int | None]) -> str | None:
    """Return where the store stands: in the thread that asks, or else in one that it started."""
    frames: Mapping[int, FrameType] = sys._current_frames()  # noqa: SLF001  as it is documented
    started = (each for each in frames if each not in before and each != asking.ident)
    for thread in (asking.ident, *started):
        frame = frames.get(thread or 0)
        while frame is not None and not _is_theirs(frame.f_code.co_filename):
            frame = frame.f_back
        if frame is not None:
            return f"{Path(frame.f_code.co_filename).name}, line {frame.f_lineno}"
    return None


def _is_theirs(filename: str) -> bool:
    """Say whether a file is neither ours nor of the standard library."""
    parts = Path(filename).parts
    if filename.startswith(_OURS):
        return False
    if _INSTALLED.isdisjoint(parts):
        return not filename.startswith(_STANDARD)
    return _BETWEEN not in parts
