"""Accesses in memory: one row for each that counts, found by exam and by user."""

from collections import defaultdict
from collections.abc import Callable
from threading import RLock

import attrs
from typing_extensions import override

from exam_sharing.accesses import Access, AccessQuery, together
from exam_sharing.events import AccessesPurged, Event
from exam_sharing.identifiers import ExamId, UserId
from exam_sharing.ports import AccessLog
from exam_sharing.validation import checks_arguments


@checks_arguments
class MemoryAccesses(AccessLog):
    """The accesses of one store; safe for threads."""

    def __init__(self, record: Callable[[Event], None]) -> None:
        """Keep what records an event in the audit trail of the store."""
        self._record = record
        self._lock = RLock()
        self._rows: dict[str, Access] = {}
        self._about: defaultdict[ExamId | UserId, set[str]] = defaultdict(set)

    @override
    def put(self, accesses: tuple[Access, ...]) -> bool:
        rows = [(each.id, each) for each in accesses]
        with self._lock:
            for row, each in rows:
                known = self._rows.get(row)
                self._rows[row] = each if known is None else together(known, each)
                self._about[each.exam].add(row)
                self._about[each.user].add(row)
        return True

    @override
    def find(self, wanted: AccessQuery) -> tuple[Access, ...]:
        named = wanted.users if wanted.exams is None else wanted.exams
        with self._lock:
            rows = {row for each in named or () for row in self._about.get(each, ())}
            found = [self._rows[row] for row in rows]
        inside = [each for each in found if wanted.holds(each)]
        return tuple(sorted(inside, key=lambda each: each.place, reverse=True)[: wanted.limit])

    @override
    def purge(self, purged: AccessesPurged) -> int:
        with self._lock:
            over = [row for row in self._rows.values() if row.last < purged.request.before]
            if over:
                self._record(attrs.evolve(purged, rows=len(over)))
            for each in over:
                del self._rows[each.id]
                self._about[each.exam].discard(each.id)
                self._about[each.user].discard(each.id)
        return len(over)
