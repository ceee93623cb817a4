"""The laws of `AccessLog`, for stores that keep accesses. Specification: `#who-looked`."""

from collections.abc import Iterator
from functools import partial
from itertools import product
from typing import Any, Final, TypeAlias

import attrs
from hypothesis import strategies as st

import exam_sharing as es
from exam_sharing.accesses import AccessQuery
from exam_sharing.events import AccessesPurged
from exam_sharing.history import Stretch
from exam_sharing.policy.requests import AccessPurge
from exam_sharing.ports import AccessLog
from exam_sharing.testing.edges import DAY, START, TICK
from exam_sharing.testing.laws.bench import Bench, laws_of_port
from exam_sharing.testing.laws.law import in_pages, insist, same
from exam_sharing.testing.laws.races import at_once

law: Final = laws_of_port()

_USERS: Final = tuple(map(es.UserId, "aA"))
_EXAMS: Final = tuple(map(es.ExamId, ("exam", "Exam")))
_REPORTS: Final = 6

_Reports: TypeAlias = list[tuple[es.Access, ...]]


def _access(window: int, since: int, until: int, **about: Any) -> es.Access:  # noqa: ANN401  fields
    began = START + window * DAY
    return es.Access(
        **about,
        origin=f"{since} to {until}",
        window=began,
        first=began + min(since, until) * TICK,
        last=began + max(since, until) * TICK,
        count=until + 1,
    )


_ACCESSES: Final = st.builds(
    _access,
    window=st.integers(0, 1),
    since=st.integers(0, 2),
    until=st.integers(0, 2),
    user=st.sampled_from(_USERS),
    exam=st.sampled_from(_EXAMS),
    permission=st.sampled_from(es.Permission),
    purpose=st.sampled_from((None, "TREATMENT")),
)
_STORIES: Final = st.lists(st.lists(_ACCESSES, max_size=3).map(tuple), max_size=_REPORTS)


def _rows(reports: _Reports) -> list[es.Access]:
    """Return what the reports add up to, newest first."""
    rows: dict[tuple[object, ...], es.Access] = {}
    for each in (access for report in reports for access in report):
        key = each.user, each.exam, each.permission, each.purpose, each.window
        row = rows.get(key, attrs.evolve(each, count=0))
        first, last = min(row.first, each.first), max(row.last, each.last)
        rows[key] = attrs.evolve(row, first=first, last=last, count=row.count + each.count)
    return sorted(rows.values(), key=lambda row: row.place, reverse=True)


def _story(reports: _Reports) -> Iterator[str]:
    for report in reports:
        yield "Reported together:"
        for each in report:
            yield (
                f"  user {each.user}, {each.exam!r}, {each.permission.name}, {each.purpose}, "
                f"window of {each.window}: {each.count} times, from {each.first} to {each.last}."
            )


@law.of_examples(_STORIES, _story)
def reported_accesses_add_up(bench: Bench, reports: _Reports) -> None:
    """Accesses are found by exam, user and time, newest first; reports for one row add up."""
    log = bench.ports.accesses
    if log is not None:
        for each in reports:
            insist(log.put(each) is True, "a report of accesses was not kept for good")
        rows = _rows(reports)
        _require_found(log, rows, exams=_EXAMS)
        _require_found(log, rows, exams=_EXAMS[:1])
        _require_found(log, rows, users=_USERS[:1])
        _require_found(log, rows, exams=_EXAMS, users=_USERS)


def _require_found(
    log: AccessLog,
    rows: list[es.Access],
    exams: tuple[es.ExamId, ...] | None = None,
    users: tuple[es.UserId, ...] | None = None,
) -> None:
    about = [row for row in rows if exams is None or row.exam in exams]
    about = [row for row in about if users is None or row.user in users]
    asked = partial(
        AccessQuery,
        exams=frozenset(exams) if exams else None,
        users=frozenset(users) if users else None,
    )
    for limit in (1, 2, 99):
        found = in_pages(
            "an access",
            limit,
            lambda after, most: log.find(asked(after=after, limit=most)),
            lambda each: each.place,
        )
        same(f"accesses to {exams!r} by {users!r}, in pages of {limit}", found, about)
    for since in (START, START + TICK, START + DAY):
        part = log.find(asked(since=since, before=since + DAY, limit=99))
        inside = [row for row in about if since <= row.last and row.first < since + DAY]
        same(f"accesses to {exams!r} by {users!r} in the day from {since}", [*part], inside)


@law.of_examples(_STORIES, _story)
def a_purge_deletes_what_was_over(bench: Bench, reports: _Reports) -> None:
    """A purge deletes the accesses that were over before a time, and is in every exam's history."""
    log = bench.ports.accesses
    if log is None:
        return
    for each in reports:
        log.put(each)
    rows, before = _rows(reports), START + DAY + TICK
    request = AccessPurge(before=before, performed_by="host", why="a law is tried")
    purge = AccessesPurged(at=START, request=request, rows=0)
    left = [row for row in rows if row.last >= before]
    gone = len(rows) - len(left)
    same("the number of purged rows", log.purge(purge), gone)
    same("the number of rows that are purged again", log.purge(purge), 0)
    found = log.find(AccessQuery(exams=frozenset(_EXAMS), limit=99))
    same(f"accesses after a purge of what was over before {before}", [*found], left)
    if bench.ports.history is not None:
        entries = bench.ports.history.happened(_EXAMS[0], None, Stretch(limit=9))
        recorded = [attrs.evolve(purge, rows=gone)] if gone else []
        same("the purges in a history", [each.what for each in entries], recorded)


@law.needing("threads")
def concurrent_reports_add_up(bench: Bench) -> None:
    """Reports of accesses that come at once, in any order of their rows, are all counted."""
    log = bench.ports.accesses
    if log is None:
        return
    accesses = [
        _access(0, 0, 0, user=user, exam=exam, permission=es.Permission.VIEW)
        for user, exam in product(_USERS, _EXAMS)
    ]
    reports = [tuple(accesses), tuple(reversed(accesses))] * (_REPORTS // 2)
    at_once([partial(log.put, each) for each in reports])
    found = log.find(AccessQuery(exams=frozenset(_EXAMS), limit=99))
    same("accesses that were reported at once", [*found], _rows(reports))
