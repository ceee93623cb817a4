"""Who looked: accesses are counted and written, and shown to operators and owners.

INVARIANT: the first access of a row is in the store before `record` returns. Repeats in the same
window are counted in memory and written later. So what a process that is killed can lose is how
often, and until when, somebody looked in that window; never that they looked.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from logging import getLogger
from threading import Lock
from typing import Final, TypeAlias

import attrs

from exam_sharing.accesses import (
    Access,
    AccessQuery,
    Disclosure,
    ShownAccess,
    disclosures_among,
    origin_text,
    purpose_code,
    window_around,
)
from exam_sharing.acts import gathering
from exam_sharing.acts.cursors import access_cursor_after, access_position, page_of
from exam_sharing.errors import StoreFailed
from exam_sharing.events import AccessesPurged
from exam_sharing.grants import FOREVER, Permission
from exam_sharing.identifiers import ExamId, GroupId, PrincipalId, UserId
from exam_sharing.policy import views
from exam_sharing.policy.decisions import Refused, not_found
from exam_sharing.policy.ending import Scene
from exam_sharing.policy.facts import EndingFacts
from exam_sharing.policy.plans import Names
from exam_sharing.policy.requests import AccessPurge
from exam_sharing.policy.settings import Policy
from exam_sharing.policy.views import Page
from exam_sharing.ports import AccessLog, Ports
from exam_sharing.validation import clock_time

LONGEST_WAIT: Final = timedelta(minutes=1)
"""How long a repeat waits in memory, if further accesses are recorded."""

_MOST_WAITING: Final = 500
_MOST_KNOWN: Final = 10_000

_LOG: Final = getLogger("exam_sharing")
_VIEW: Final = Permission.VIEW

_Key: TypeAlias = tuple[str, str, str | None, bool]


@attrs.define(kw_only=True, eq=False)
class _Row:
    """A row that is in the store, with the repeats that wait to be written."""

    of: Access
    ends: datetime
    first: datetime
    last: datetime
    count: int = 0

    def taken(self) -> Access:
        """Return the repeats that wait, and count anew."""
        count, self.count = self.count, 0
        return attrs.evolve(self.of, first=self.first, last=self.last, count=count)


class Recorder:
    """Records the accesses of one process; safe for threads.

    The lock is never held while the store is asked.
    """

    def __init__(self, log: AccessLog | None, window: timedelta) -> None:
        self._log = log
        self._window = window
        self._lock = Lock()
        self._rows: dict[_Key, _Row] = {}
        self._origins: set[str] = set()
        self._waiting: list[_Row] = []
        self._due = FOREVER

    @property
    def log(self) -> AccessLog:
        """Where accesses are kept.

        Raises:
            StoreFailed: nowhere.
        """
        if self._log is None:
            raise StoreFailed("the store keeps no accesses; use one of ours, or add an AccessLog")
        return self._log

    def record(
        self,
        user: UserId,
        exam: ExamId,
        permission: Permission,
        purpose: str | None,
        origin: str | None,
        now: datetime,
    ) -> None:
        """Record one access; the first of a row is in the store when this returns."""
        # A code of a known row, and an origin that came before, were checked then.
        if purpose is not None and type(purpose) is not str:
            purpose = purpose_code(purpose)
        if origin is not None and (type(origin) is not str or origin not in self._origins):
            origin = origin_text(origin)
        key = user.value, exam.value, purpose, permission is _VIEW
        with self._lock:
            row = self._rows.get(key)
            is_first = row is None or not row.of.window <= now < row.ends
            if row is not None and not is_first:
                if row.count and row.last <= now:
                    row.count += 1
                    row.last = now
                else:
                    self._add(row, now, now, 1)
                if now < self._due and len(self._waiting) < _MOST_WAITING:
                    return
        if is_first:
            begins, ends = window_around(clock_time(now), self._window)
            first = Access(
                user=user,
                exam=exam,
                permission=permission,
                purpose=purpose_code(purpose),
                origin=origin,
                window=begins,
                first=now,
                last=now,
            )
            self._write_first(key, first, ends)
        else:
            self._write_repeats(now)

    def _add(self, row: _Row, first: datetime, last: datetime, count: int) -> None:
        if row.count:
            row.first, row.last = min(first, row.first), max(last, row.last)
        else:
            row.first, row.last = first, last
            if not self._waiting:
                self._due = _soon(last)
            self._waiting.append(row)
        row.count += count

    def _write_first(self, key: _Key, first: Access, ends: datetime) -> None:
        if not self._put((first,)):
            return  # A transaction may still roll it back: the next access does not rely on it.
        with self._lock:
            if len(self._rows) >= _MOST_KNOWN:
                # What waits is kept; the next accesses are written as the first ones are.
                self._rows.clear()
                self._origins.clear()
            self._rows[key] = _Row(of=first, ends=ends, first=first.first, last=first.last)
            if first.origin is not None:
                self._origins.add(first.origin)

    def _write_repeats(self, now: datetime) -> None:
        try:
            self.flush()
        except Exception as error:  # noqa: BLE001  the access was counted, and is written later
            _LOG.error("repeated accesses could not be written: %s", type(error).__name__)
            with self._lock:
                self._due = _soon(now)

    def flush(self) -> int:
        """Write the repeats that wait, and return the number of their rows."""
        rows = len(self._waiting)
        for _ in range(0, rows, _MOST_WAITING):
            self._put(())
        return rows

    def _put(self, new: tuple[Access, ...]) -> bool:
        """Write new rows with all repeats that wait; return whether they are there for good."""
        log = self.log
        with self._lock:
            waiting, self._waiting = self._waiting[:_MOST_WAITING], self._waiting[_MOST_WAITING:]
            if not self._waiting:
                self._due = FOREVER
            taken = tuple([row.taken() for row in waiting])
        try:
            return log.put((*new, *taken)) is True
        except BaseException:
            with self._lock:
                for row, repeats in zip(waiting, taken, strict=True):
                    self._add(row, repeats.first, repeats.last, repeats.count)
            raise


def _soon(now: datetime) -> datetime:
    return now + min(LONGEST_WAIT, FOREVER - now)


def page(recorder: Recorder, wanted: AccessQuery, after: str | None) -> Page[Access]:
    """Return a page of accesses, newest first; for operators."""
    found = _find(recorder, attrs.evolve(wanted, after=access_position(after)))
    return page_of(found, wanted.limit, access_cursor_after)


def _find(recorder: Recorder, wanted: AccessQuery) -> tuple[Access, ...]:
    """Return one access more than is wanted, if there is."""
    log = recorder.log
    # What this process has counted is among the answers, unless the store cannot be written now.
    with suppress(Exception):
        recorder.flush()
    return log.find(attrs.evolve(wanted, limit=wanted.limit + 1))


def disclosures(
    recorder: Recorder, wanted: AccessQuery, counts: Callable[[Access], bool]
) -> tuple[Disclosure, ...]:
    """Return the accesses that the host counts as disclosures, by first time; for operators."""
    return disclosures_among(_each(recorder, wanted), counts)


def _each(recorder: Recorder, wanted: AccessQuery) -> Iterator[Access]:
    found = _find(recorder, wanted)
    yield from found[: wanted.limit]
    while len(found) > wanted.limit:
        wanted = attrs.evolve(wanted, after=found[wanted.limit - 1].place)
        found = _find(recorder, wanted)
        yield from found[: wanted.limit]


def purge(recorder: Recorder, request: AccessPurge, now: datetime) -> int:
    """Delete the accesses that were over before a time, and return the number of their rows."""
    log = recorder.log
    recorder.flush()
    return log.purge(AccessesPurged(at=now, request=request, rows=0))


def shown_to_owner(
    ports: Ports,
    policy: Policy,
    recorder: Recorder,
    viewer: UserId,
    exam: ExamId,
    wanted: AccessQuery,
    after: str | None,
    now: datetime,
) -> Page[ShownAccess]:
    """Return who looked at an exam, as far as its owner may know them, newest first.

    The owner may know the users on the access list, and the members of the groups on it whom the
    directory shows to the owner. Accesses of others influence no part of the answer.

    Raises:
        Refused: the viewer does not own the exam, or has no access to it.
    """
    behind = access_position(after)
    profile = gathering.profile_of(ports, viewer)
    found = gathering.exams_seen(ports, profile, exam, now)
    facts = EndingFacts(actor=profile, exam=found[0] if found else None)
    scene = Scene(policy=policy, facts=facts, now=now)
    if facts.exam is None or not (scene.is_owner and scene.has_access):
        raise Refused((not_found(exam),))
    users, names = _known_users(ports, scene, views.principals_on(scene, facts.exam))
    asked = attrs.evolve(wanted, exams=frozenset((exam,)), users=users, after=behind)
    shown = page_of(_find(recorder, asked), wanted.limit, access_cursor_after)
    unnamed = {each.user for each in shown.items} - names.keys()
    named = {**names, **gathering.names_of(ports, unnamed)}
    items = tuple(
        ShownAccess(
            user=each.user,
            name=named.get(each.user, ""),
            permission=each.permission,
            purpose=each.purpose,
            first=each.first,
            last=each.last,
            count=each.count,
        )
        for each in shown.items
    )
    return Page(items=items, next=shown.next)


def _known_users(
    ports: Ports, scene: Scene, mentioned: Iterable[PrincipalId]
) -> tuple[frozenset[UserId], Names]:
    """Return the users whom the owner of an exam may know, with some of their names."""
    groups = tuple(sorted(each for each in mentioned if isinstance(each, GroupId)))
    names = gathering.names_of(ports, (each for each in mentioned if isinstance(each, UserId)))
    members = gathering.seen_members(ports, scene.facts.actor.user, groups) if groups else {}
    known = {*names, *(each for group in members.values() for each in group)}
    return frozenset(each for each in known if isinstance(each, UserId)), names
