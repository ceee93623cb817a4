"""Shelves: for each principal, the exams in order of upload, ready to be paged through."""

from bisect import bisect_left, insort
from collections.abc import Hashable, Iterable, Iterator
from datetime import datetime
from typing import Generic, TypeAlias, TypeVar

__all__ = ["Place", "Shelves", "newest_first"]

Place: TypeAlias = tuple[datetime, str]
"""Where an exam stands on a shelf: its time of upload, then its id."""

KeyT = TypeVar("KeyT", bound=Hashable)


class Shelves(Generic[KeyT]):
    """Sorted places under keys. Not safe for threads by itself."""

    def __init__(self) -> None:
        """Begin with nothing on any shelf."""
        self._shelves: dict[KeyT, list[Place]] = {}

    def put(self, key: KeyT, place: Place) -> None:
        """Put an exam on a shelf that it is not on."""
        insort(self._shelves.setdefault(key, []), place)

    def take(self, key: KeyT, place: Place) -> None:
        """Take an exam from a shelf that it is on."""
        shelf = self._shelves[key]
        del shelf[bisect_left(shelf, place)]
        if not shelf:
            del self._shelves[key]

    def on(self, key: KeyT) -> list[Place]:
        """Return what is on a shelf, oldest first; not to be changed."""
        return self._shelves.get(key, [])


def newest_first(shelves: Iterable[list[Place]], after: Place | None, step: int) -> Iterator[Place]:
    """Yield the places on several shelves, each once, newest first.

    Args:
        shelves: each sorted, oldest first.
        after: the place behind which to begin.
        step: how many places are looked at together; the newest of that many of each shelf hold
            the newest of that many of all.
    """
    full = [shelf for shelf in shelves if shelf]
    while full:
        near: list[Place] = []
        for shelf in full:
            end = len(shelf) if after is None else bisect_left(shelf, after)
            near += shelf[max(0, end - step) : end]
        if len(full) > 1:
            near.sort()
        newest = near[-step:]
        last = None
        for place in reversed(newest):
            if place != last:
                yield place
            last = place
        if len(near) < step:
            return  # No shelf had as many as were looked for: they are all at their ends.
        after = newest[0]
