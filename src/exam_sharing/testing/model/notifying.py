"""Notices: who is told of a share, and what of it is still true when it leaves."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias

import attrs

from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, UserId
from exam_sharing.policy.requests import ShareRequest
from exam_sharing.testing.model.access import held_until, holds
from exam_sharing.testing.model.records import FOREVER, Notice, horizon_of, until_of
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
    world: World, request: ShareRequest, before: Held, now: datetime
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
        )
        for user, times in gained.items()
        if world.settings.sends_notices and world.users[user].notices
    }


def deliver_notices(
    world: World, now: datetime, unreachable: frozenset[UserId] = frozenset()
) -> list[Notice]:
    """Send what waits, as far as it is still true, and keep what does not reach its reader.

    It is dropped for those who lost access, are inactive, or want none any more.
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
    """Return what is left of a notice: the exams still seen, and what is held on all of them."""
    wanted = world.settings.sends_notices and world.users[notice.to].notices
    if not wanted or horizon_of(notice.until) <= now:
        return None
    seen = frozenset(
        exam for exam in notice.exams if holds(world, notice.to, Permission.VIEW, exam, now)
    )
    if not seen:
        return None
    as_shared = all(holds(world, notice.to, notice.permission, exam, now) for exam in seen)
    permission = notice.permission if as_shared else Permission.VIEW
    held = {held_until(world, notice.to, permission, exam, now) for exam in seen}
    return attrs.evolve(
        notice,
        exams=seen,
        permission=permission,
        until=until_of(min(horizon_of(notice.until), *held)),
    )
