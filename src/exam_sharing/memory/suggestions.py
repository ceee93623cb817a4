"""Names and addresses in order, so that a keystroke looks only at what it suggests.

A `NameIndex` never changes; a change makes another one, which shares nearly everything with it.
It is made of segments, each sorted once and at least twice as long as the next: what is new becomes
a short segment, and short ones are merged, so that a single addition costs a few small sorts and
the addition of everybody one big one. What is gone is struck out where it stands.
"""

import heapq
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import takewhile
from operator import itemgetter
from typing import Final, NamedTuple

import attrs

from exam_sharing.identifiers import PrincipalId, PrincipalKey
from exam_sharing.names import folded, later_words

__all__ = ["Entry", "NameIndex"]

_SHORT: Final = 64
"""Segments up to this length are sorted again with whatever is new: it takes no time."""


class Entry(NamedTuple):
    """A principal as it is found; entries sort by folded name, then by key."""

    name: str
    key: PrincipalKey
    principal: PrincipalId
    shown: str
    address: str | None

    def __repr__(self) -> str:
        """Return a text without name and address."""
        return f"Entry({self.principal!r})"

    @classmethod
    def of(cls, principal: PrincipalId, name: str, email: str | None = None) -> "Entry":
        """Return the entry of a principal with this name and address, as they were stored."""
        address = None if email is None else folded(email)
        return cls(folded(name), principal.key, principal, name, address)


class _Row:
    """Numbers in a row; those of any stretch of it can be read in ascending order.

    Beside the row are kept copies of it of which every block of 256, 4,096 and 65,536 numbers is
    sorted. A stretch is a few such blocks and, at its ends, some single numbers: merging them costs
    by what is read, not by how long the stretch is.
    """

    __slots__ = ("_levels", "_numbers")

    _SIZES: Final = (256, 4096, 65536)

    def __init__(self, numbers: "array[int]") -> None:
        self._numbers = numbers
        self._levels: list[tuple[int, array[int]]] = []
        below = numbers
        for size in self._SIZES:
            if size > len(numbers):
                break
            level = array(numbers.typecode)
            for start in range(0, len(numbers), size):
                level.extend(sorted(below[start : start + size]))
            self._levels.insert(0, (size, level))
            below = level

    def ascending(self, start: int, stop: int) -> Iterator[int]:
        """Yield the numbers between two places of the row, the smallest first."""
        parts: list[Iterable[int]] = []
        stretches = [(start, stop)]
        for size, level in self._levels:
            rest: list[tuple[int, int]] = []
            for left, right in stretches:
                first, last = -(-left // size) * size, right // size * size
                if first < last:
                    blocks = range(first, last, size)
                    parts += (map(level.__getitem__, range(b, b + size)) for b in blocks)
                    rest += ((left, first), (last, right))
                else:
                    rest.append((left, right))
            stretches = [(left, right) for left, right in rest if left < right]
        parts += (sorted(self._numbers[left:right]) for left, right in stretches)
        return heapq.merge(*parts)


class _Texts:
    """Texts in order, each with the place of the entry that it belongs to."""

    __slots__ = ("_places", "_texts")

    def __init__(self, texts: list[tuple[str, int]]) -> None:
        texts.sort(key=itemgetter(0))
        self._texts = [text for text, _ in texts]
        self._places = _Row(array("I", [place for _, place in texts]))

    def equal_to(self, text: str) -> Iterator[int]:
        """Yield the places of entries with this very text, in order."""
        start = bisect_left(self._texts, text)
        return self._places.ascending(start, bisect_right(self._texts, text, start))

    def beginning_with(self, text: str) -> Iterator[int]:
        """Yield the places of entries with a text that begins so, in order; some twice."""
        start = bisect_left(self._texts, text)
        stop = bisect_left(
            self._texts, x=True, lo=start, key=lambda other: not other.startswith(text)
        )
        return self._places.ascending(start, stop)


@attrs.frozen
class _Segment:
    """Some entries, each of which is found by its name, its address and its later words."""

    _entries: list[Entry]
    _addresses: _Texts
    _words: _Texts
    _gone: bytes
    alive: int

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> "_Segment":
        """Return a segment of these entries."""
        row = sorted(entries)
        addresses = [(e.address, i) for i, e in enumerate(row) if e.address is not None]
        words = [(word, i) for i, e in enumerate(row) for word in later_words(e.name)]
        return cls(
            entries=row,
            addresses=_Texts(addresses),
            words=_Texts(words),
            gone=bytes(len(row)),
            alive=len(row),
        )

    def __len__(self) -> int:
        return len(self._entries)

    def without(self, gone: Iterable[Entry]) -> "_Segment":
        """Return a segment in which these entries, where they are in it, are struck out."""
        marks = bytearray(self._gone)
        for entry in gone:
            place = bisect_left(self._entries, entry[:2])
            if place < len(marks) and self._entries[place] == entry:
                marks[place] = 1
        return attrs.evolve(self, gone=bytes(marks), alive=marks.count(0))

    def entries(self, start: int = 0) -> Iterator[Entry]:
        """Yield the entries from a place on, without those struck out."""
        return self._at(range(start, len(self._entries)))

    def behind(self, name: str, key: str) -> Iterator[Entry]:
        """Yield the entries that sort behind a folded name and a key."""
        return self.entries(bisect_right(self._entries, (name, key), key=lambda e: e[:2]))

    def named(self, text: str) -> Iterator[Entry]:
        """Yield those of which the name is this text."""
        return takewhile(lambda e: e.name == text, self._from(text))

    def addressed(self, text: str) -> Iterator[Entry]:
        """Yield those of which the address is this text."""
        return self._at(self._addresses.equal_to(text))

    def name_begins(self, text: str) -> Iterator[Entry]:
        """Yield those of which the name begins so."""
        return takewhile(lambda e: e.name.startswith(text), self._from(text))

    def address_begins(self, text: str) -> Iterator[Entry]:
        """Yield those of which the address begins so."""
        return self._at(self._addresses.beginning_with(text))

    def later_word_begins(self, text: str) -> Iterator[Entry]:
        """Yield those of which a later word, and what follows it, begins so; some twice."""
        return self._at(self._words.beginning_with(text))

    def _from(self, text: str) -> Iterator[Entry]:
        return self.entries(bisect_left(self._entries, (text,)))

    def _at(self, places: Iterable[int]) -> Iterator[Entry]:
        return (self._entries[place] for place in places if not self._gone[place])


@attrs.frozen
class NameIndex:
    """The principals that can be chosen, by name, address and word.

    What it yields is in the order asked for, so that reading the first few costs little.
    """

    # INVARIANT: of one key, at most one entry over all segments is not struck out. Merging thus
    # never compares two entries beyond name and key, unless they are the same object.
    _segments: tuple[_Segment, ...] = ()

    def changed(self, *, gone: Iterable[Entry], come: Iterable[Entry]) -> "NameIndex":
        """Return the index without some of its entries, and with new ones."""
        gone = tuple(gone)
        kept: list[_Segment] = []
        fresh = list(come)
        for segment in self._segments:
            left = segment.without(gone) if gone else segment
            if 2 * left.alive > len(left):
                kept.append(left)
            else:
                fresh += left.entries()
        while kept and len(kept[-1]) <= max(2 * len(fresh), _SHORT):
            fresh += kept.pop().entries()
        if fresh:
            kept.append(_Segment.of(fresh))
        return NameIndex(tuple(kept))

    def behind(self, name: str, key: str) -> Iterator[Entry]:
        """Yield every entry that sorts behind a folded name and a key."""
        return heapq.merge(*(each.behind(name, key) for each in self._segments))

    def suggested(self, text: str) -> Iterator[Entry]:
        """Yield what a folded text suggests, best first; some more than once.

        First those whose name or address it is, then those whose name or address begins with it,
        then those of whose name a later word begins with it; each of these in order.
        """
        segments = self._segments
        yield from heapq.merge(
            *(each.named(text) for each in segments),
            *(each.addressed(text) for each in segments),
        )
        yield from heapq.merge(
            *(each.name_begins(text) for each in segments),
            *(each.address_begins(text) for each in segments),
        )
        yield from heapq.merge(*(each.later_word_begins(text) for each in segments))
