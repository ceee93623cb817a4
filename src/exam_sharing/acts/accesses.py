"""Who looked: accesses are shown to operators and to owners, and purged."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

import attrs

from exam_sharing.accesses import (
    Access,
    AccessQuery,
    Disclosure,
    ShownAccess,
    disclosures_among,
)
from exam_sharing.acts import gathering
from exam_sharing.acts.cursors import access_cursor_after, access_position, page_of
from exam_sharing.events import AccessesPurged
from exam_sharing.identifiers import ExamId, GroupId, PrincipalId, UserId
from exam_sharing.policy import views
from exam_sharing.policy.decisions import Refused, not_found
from exam_sharing.policy.ending import Scene
from exam_sharing.policy.facts import EndingFacts
from exam_sharing.policy.plans import Names
from exam_sharing.policy.requests import AccessPurge
from exam_sharing.policy.settings import Policy
from exam_sharing.policy.views import Page
from exam_sharing.ports import Ports
from exam_sharing.recording import Recorder


def page(recorder: Recorder, wanted: AccessQuery, after: str | None) -> Page[Access]:
    """Return a page of accesses, newest first; for operators."""
    found = _find(recorder, attrs.evolve(wanted, after=access_position(after)))
    return page_of(found, wanted.limit, access_cursor_after)


def _find(recorder: Recorder, wanted: AccessQuery) -> tuple[Access, ...]:
    """Return one access more than is wanted, if there is."""
    log = recorder.log
    # What this process has counted is among the answers, unless the store cannot be written now.
    recorder.flush_if_possible(wanted)
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
    """Delete the accesses that were over before a time, and return the number of their rows.

    Those of the running window stay: processes count repeats of rows that they know to be there.
    """
    log = recorder.log
    recorder.flush()
    before = min(request.before, recorder.window_begins(now))
    request = attrs.evolve(request, before=before)
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

    The owner may know the users on the access list, and the active members of the groups on it
    whom the directory shows to the owner. Accesses of others influence no part of the answer.

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
