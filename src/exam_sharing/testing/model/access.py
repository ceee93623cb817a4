"""Who holds what, and who may see which grants. Silence denies."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, UserId
from exam_sharing.testing.model.records import FOREVER, NEVER, Basis, Grant, until_of
from exam_sharing.testing.model.world import World, principals_of, worked_out_once


def is_active(world: World, user: UserId) -> bool:
    """A user who is unknown or inactive holds nothing and may not act."""
    return user in world.users and world.users[user].active


def is_found(world: World, exam: ExamId) -> bool:
    """An exam that was withdrawn, or that the host no longer has, is not found."""
    return exam in world.exams and exam not in world.withdrawn | world.hidden


def sharing_is_kept(world: World, exam: ExamId) -> bool:
    """An exam that was shared, changed hands or was withdrawn is known for good."""
    return world.versions.get(exam, 0) > 0


def owns(world: World, user: UserId, exam: ExamId) -> bool:
    """Only an active owner owns."""
    return is_found(world, exam) and is_active(world, user) and world.exams[exam].owner == user


def stands(world: World, grant: Grant, now: datetime) -> bool:
    """A grant stands until it is ended or it expires, which it has at its very time."""
    return grant.id not in world.endings and not now >= grant.horizon


@worked_out_once
def standing(world: World, exam: ExamId, now: datetime) -> frozenset[Grant]:
    """Return the grants on an exam that stand."""
    unended = world.unended.get(exam, frozenset())
    return frozenset(grant for grant in unended if not now >= grant.horizon)


def reaches(world: World, grant: Grant, user: UserId) -> bool:
    """A grant is for its recipient or the users in it, never for its own grantor."""
    return user != grant.grantor and grant.recipient in principals_of(world, user)


@worked_out_once
def entitling(world: World, user: UserId, exam: ExamId, now: datetime) -> frozenset[Grant]:
    """Return the standing grants made to a user and to every group that they are in."""
    return frozenset(grant for grant in standing(world, exam, now) if reaches(world, grant, user))


def given_until(grants: Iterable[Grant], permission: Permission) -> datetime:
    """Return until when some standing grants together give a permission; `NEVER` if they do not."""
    return max((grant.horizon for grant in grants if grant.permission >= permission), default=NEVER)


def held_by(grants: Iterable[Grant], now: datetime) -> Mapping[Permission, datetime | None]:
    """Return until when some standing grants together give each permission that they give."""
    horizons = {permission: given_until(grants, permission) for permission in Permission}
    return {each: until_of(horizon) for each, horizon in horizons.items() if horizon > now}


@worked_out_once
def held_until(
    world: World, user: UserId, permission: Permission, exam: ExamId, now: datetime
) -> datetime:
    """Return the horizon of a permission: `FOREVER` for good, `NEVER` where it is not held.

    The active owner holds everything; any other active user the union of what they are given.
    """
    if not is_found(world, exam) or not is_active(world, user):
        return NEVER
    if owns(world, user, exam):
        return FOREVER
    return given_until(entitling(world, user, exam, now), permission)


def holds(world: World, user: UserId, permission: Permission, exam: ExamId, now: datetime) -> bool:
    """Say whether a user holds a permission on an exam."""
    return held_until(world, user, permission, exam, now) > now


def has_access(world: World, user: UserId, exam: ExamId, now: datetime) -> bool:
    """Every permission includes `VIEW`, so access is holding that."""
    return holds(world, user, Permission.VIEW, exam, now)


def may_share(world: World, user: UserId, exam: ExamId, now: datetime) -> bool:
    """Sharing takes access and the plan."""
    return has_access(world, user, exam, now) and world.users[user].sharing_in_plan


def shown_basis(world: World, grant: Grant, sees: Callable[[Grant], bool], now: datetime) -> Basis:
    """Return what a viewer is shown of a basis: of its grants, those that stand and are seen."""
    if grant.basis == "OWNER":
        return "OWNER"
    sources = (world.grants[each] for each in grant.basis)
    return frozenset(each.id for each in sources if stands(world, each, now) and sees(each))


def sight(world: World, viewer: UserId, exam: ExamId, now: datetime) -> Callable[[Grant], bool]:
    """Return which grants on the exam a viewer may see, as things are now.

    Without access: those of their own making. With it: all; or, where the policy limits the list
    to `OWN_GRANTS`, all for the owner and for others those they made and those made to them.
    """
    active = is_active(world, viewer)
    everything = owns(world, viewer, exam) or (
        has_access(world, viewer, exam, now) and world.settings.access_list == "EVERYONE"
    )
    recipients = {viewer} if has_access(world, viewer, exam, now) else set()

    def sees(grant: Grant) -> bool:
        own = grant.grantor == viewer or grant.recipient in recipients
        return active and grant.exam == exam and (everything or own)

    return sees
