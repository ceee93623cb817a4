"""Notices: who is told of a share, and what of it is still true when it leaves."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias

import attrs

from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, UserId
from exam_sharing.policy.requests import ShareRequest
from exam_sharing.testing.model.access import (
    given_until,
    held_until,
    is_active,
    is_found,
    owns,
    reaches,
    stands,
)
from exam_sharing.testing.model.records import FOREVER, Notice, until_of
from exam_sharing.testing.model.world import World

Held: TypeAlias = Mapping[tuple[UserId, ExamId, Permission], datetime]
"""Until when each user holds each permission on some exams."""


def held_by_all(world: World, exams: set[ExamId], now: datetime) -> Held:
    """Return what everybody holds on some exams."""
    return {
        (user, exam, permission): held_until(world, user, permission, exam, now)
        for user in world.users
        for exam in exams
        for permission in Permission
    }


def notices_of(
    world: World, request: ShareRequest, made: frozenset[int], before: Held, now: datetime
) -> dict[UserId, Notice]:
    """Each user who gained access, permission or time gets one notice; the actor gets none.

    The time in a notice is the earliest of what was gained in it.
    """
    gained: dict[UserId, dict[ExamId, datetime]] = {}
    for (user, exam, permission), earlier in before.items():
        later = held_until(world, user, permission, exam, now)
        if user != request.actor and later > earlier:
            times = gained.setdefault(user, {})
            times[exam] = min(later, times.get(exam, FOREVER))
    return {
        user: Notice(
            to=user,
            actor=request.actor,
            exams=frozenset(times),
            permission=request.permission,
            until=until_of(min(times.values())),
            message=request.message,
            made=made,
        )
        for user, times in gained.items()
        if world.settings.sends_notices and world.users[user].notices
    }


def deliver_notices(
    world: World, now: datetime, unreachable: frozenset[UserId] = frozenset()
) -> list[Notice]:
    """Send what waits, as far as it is still true, and keep what does not reach its reader.

    It is dropped for those whom no grant of its share reaches, who are inactive, or want none.
    """
    waiting, world.waiting = world.waiting, []
    sent: list[Notice] = []
    for notice in waiting:
        true = _still_true(world, notice, now)
        if true is not None and notice.to in unreachable:
            world.waiting.append(notice)
        elif true is not None:
            sent.append(true)
    return sent


def _still_true(world: World, notice: Notice, now: datetime) -> Notice | None:
    """Return what remains of a notice: what the grants of its own share still give its reader."""
    reader = notice.to
    wanted = world.settings.sends_notices and world.users[reader].notices
    if not (wanted and is_active(world, reader)):
        return None
    given = {
        exam: {
            grant
            for grant in map(world.grants.__getitem__, _with_replacements(world, notice.made))
            if grant.exam == exam and stands(world, grant, now) and reaches(world, grant, reader)
        }
        for exam in notice.exams
        if is_found(world, exam) and not owns(world, reader, exam)
    }
    seen = frozenset(exam for exam, grants in given.items() if grants)
    if not seen:
        return None
    until = {
        permission: min(given_until(given[exam], permission) for exam in seen)
        for permission in Permission
    }
    permission = max(each for each in Permission if until[each] > now)
    return attrs.evolve(
        notice, exams=seen, permission=permission, until=until_of(until[permission])
    )


def _with_replacements(world: World, grants: frozenset[int]) -> frozenset[int]:
    """Return some grants and whatever replaced them when they were narrowed."""
    new = {new for id_ in grants if id_ in world.endings for new in world.endings[id_].replaced_by}
    return grants if new <= grants else _with_replacements(world, grants | new)
