"""The names by which principals are found: sorted, and by every short start of a word.

A `NameIndex` never changes: a change makes another one, so that readers need no lock.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Collection, Iterator, Mapping, Sequence
from heapq import merge
from itertools import takewhile
from typing import Final, NamedTuple

import attrs

from exam_sharing.identifiers import PrincipalId, PrincipalKey
from exam_sharing.names import SHORT, Findable, KeyKind, SearchKey, Typed

__all__ = ["Entry", "NameIndex"]

_FEW: Final = 100
"""Up to this many changed entries are inserted one by one; for more, all are sorted again."""


class Entry(NamedTuple):
    """A principal that can be found; entries sort by folded name, then by key."""

    name: str
    key: PrincipalKey
    principal: PrincipalId
    shown: str
    found: Findable

    def __repr__(self) -> str:
        """Return a text without name and address."""
        return f"Entry({self.principal!r})"

    @classmethod
    def of(cls, principal: PrincipalId, name: str, email: str | None = None) -> "Entry":
        """Return the entry of a principal with this stored name and address."""
        found = Findable.of(name, email)
        return cls(found.name, principal.key, principal, name, found)


@attrs.frozen
class NameIndex:
    """Finds principals by name, by address and by word, and yields them in the needed order."""

    # INVARIANT: every list is sorted, with one entry for each key, so that no comparison goes
    # beyond the key.
    _names: Sequence[Entry] = ()
    _found_by: Mapping[SearchKey, Sequence[Entry]] = attrs.field(factory=dict)

    @classmethod
    def of(cls, entries: Collection[Entry]) -> "NameIndex":
        """Return the index of these entries."""
        names = sorted(entries)
        found_by: dict[SearchKey, list[Entry]] = {}
        for entry in names:
            for key in entry.found.search_keys():
                found_by.setdefault(key, []).append(entry)
        return cls(names, found_by)

    def changed(self, *, gone: Collection[Entry], come: Collection[Entry]) -> "NameIndex":
        """Return the index without some of its entries, and with new ones."""
        if len(gone) + len(come) > _FEW:
            out = {entry.key for entry in gone}
            return self.of([*(each for each in self._names if each.key not in out), *come])
        names, found_by = list(self._names), dict(self._found_by)
        for entry in gone:
            del names[bisect_left(names, entry)]
            for key in entry.found.search_keys():
                left = [each for each in found_by[key] if each.key != entry.key]
                found_by[key] = left
                if not left:
                    del found_by[key]
        for entry in come:
            insort(names, entry)
            for key in entry.found.search_keys():
                more = [*found_by.get(key, ())]
                insort(more, entry)
                found_by[key] = more
        return NameIndex(names, found_by)

    def behind(self, name: str, key: str) -> Iterator[Entry]:
        """Yield every entry that sorts behind a folded name and a key."""
        return self._from(bisect_right(self._names, (name, key), key=lambda each: each[:2]))

    def suggested(self, typed: Typed, *, whole: bool) -> Iterator[Entry]:
        """Yield the entries that a typed text fits, best first; some more than once.

        Args:
            typed: the text.
            whole: yield whole names and addresses only.
        """
        text = typed.text
        addresses = self._by(KeyKind.ADDRESS, text[:SHORT])
        same_address = (each for each in addresses if each.found.address == text)
        yield from merge(self._by(KeyKind.WHOLE, typed.whole), same_address if "@" in text else ())
        if whole:
            return
        names = self._from(bisect_left(self._names, (text,)))
        yield from merge(
            takewhile(lambda each: each.name.startswith(text), names),
            (each for each in addresses if (each.found.address or "").startswith(text)),
        )
        if typed.words:
            rarest = min((self._by(KeyKind.WORD, word[:SHORT]) for word in typed.words), key=len)
            yield from filter(lambda each: typed.begins_words_of(each.found), rarest)

    def _by(self, kind: KeyKind, text: str) -> Sequence[Entry]:
        return self._found_by.get((kind, text), ())

    def _from(self, start: int) -> Iterator[Entry]:
        return map(self._names.__getitem__, range(start, len(self._names)))
