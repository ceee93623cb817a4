"""Sharing: what a share covers, why it is refused, what it makes, and the notices of it.

Specification: `#sharing`, `#refusals`, `#notices`.
"""

import unicodedata
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TypeAlias

import attrs

from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, GroupId, PrincipalId, UserId
from exam_sharing.policy.requests import Scope, ShareRequest
from exam_sharing.testing.model.support import with_replacements
from exam_sharing.testing.model.world import (
    FOREVER,
    Basis,
    Grant,
    GrantNumber,
    Limit,
    Notice,
    Outcome,
    Reason,
    Refused,
    ShareOutcome,
    ShareReceipt,
    World,
    given_until,
    until_of,
)

Held: TypeAlias = Mapping[tuple[UserId, ExamId, Permission], datetime]
"""Until when each user holds each permission on some exams."""


def share(world: World, request: ShareRequest) -> ShareReceipt | Refused:
    """Do one act of sharing: all of it or nothing."""
    reasons = frozenset(why_not(world, request))
    if reasons:
        return Refused(reasons)
    before = {
        (user, exam, permission): world.held_until(user, permission, exam)
        for user in world.users
        for exam in _exams_of(world, request)
        for permission in Permission
    }
    outcomes, made = _make_grants(world, request)
    notices = _notices_of(world, request, made, before)
    world.waiting.extend(notices.values())
    names = world.names_of(request.recipients)
    return ShareReceipt(outcomes=outcomes, names=names, made=made, notices=notices)


def covered(world: World, actor: UserId, exam: ExamId, scope: Scope) -> set[ExamId]:
    """Return the named exam, or the exams of its batch to which the actor has access now."""
    if scope is Scope.EXAM:
        return {exam}
    batch = world.exams[exam].batch
    return {
        other.id
        for other in world.exams.values()
        if other.batch == batch and world.has_access(actor, other.id)
    }


def _exams_of(world: World, request: ShareRequest) -> set[ExamId]:
    return covered(world, request.actor, request.exam, request.scope)


def subjects(world: World, exams: set[ExamId]) -> set[object]:
    """Return the subjects of exams; an exam without one is a subject of its own."""
    return {
        exam if world.exams[exam].subject is None else world.exams[exam].subject for exam in exams
    }


def longest(world: World, actor: UserId, permission: Permission, exam: ExamId) -> datetime:
    """Return the earlier of the actor's own hold and the policy's longest duration."""
    return min(world.held_until(actor, permission, exam), _policy_horizon(world))


def _policy_horizon(world: World) -> datetime:
    try:
        return world.now + world.policy.max_duration if world.policy.max_duration else FOREVER
    except OverflowError:
        return FOREVER


def why_not(world: World, request: ShareRequest) -> Iterator[Reason]:
    """Yield all codes that apply, with their parameters; that an exam is not found comes alone."""
    if not world.is_found(request.exam) or not world.has_access(request.actor, request.exam):
        yield Reason("EXAM_NOT_FOUND", exams=frozenset({request.exam}))
        return
    in_plan = world.users[request.actor].sharing_in_plan
    yield from _about_the_form(world, request)
    yield from _about_exams(world, request)
    yield from _about_time(world, request)
    yield from _about_recipients(world, request) if in_plan else [Reason("SHARING_NOT_IN_PLAN")]
    yield from _too_many(world, request, in_plan=in_plan)


def _about_the_form(world: World, request: ShareRequest) -> Iterator[Reason]:
    if not request.attested or request.wording not in {None, world.policy.attestation_wording}:
        yield Reason("ATTESTATION_MISSING")
    if not request.recipients:
        yield Reason("NO_RECIPIENTS")
    message = request.message or ""
    controls = {char for char in message if unicodedata.category(char) == "Cc"}
    if len(message) > world.policy.message_limit or not controls <= {"\n", "\t"}:
        yield Reason("MESSAGE_NOT_ALLOWED", limit=world.policy.message_limit)


def _about_exams(world: World, request: ShareRequest) -> Iterator[Reason]:
    exams = _exams_of(world, request)
    not_held = {each for each in exams if not world.holds(request.actor, request.permission, each)}
    if not_held:
        yield Reason("DOWNLOAD_NOT_HELD", exams=frozenset(not_held))
    if request.scope is Scope.BATCH and request.expect not in {None, frozenset(exams)}:
        yield Reason("CHANGED_SINCE_SHOWN")
    if not world.policy.batches_across_subjects and len(subjects(world, exams)) > 1:
        yield Reason("BATCH_SPANS_SUBJECTS")


def _about_time(world: World, request: ShareRequest) -> Iterator[Reason]:
    """An actor who does not hold the permission at all has no hold to exceed."""
    if request.until is None:
        return
    if request.until <= world.now:
        yield Reason("EXPIRY_IN_PAST")
    exams = _exams_of(world, request)
    held = {exam: world.held_until(request.actor, request.permission, exam) for exam in exams}
    beyond = {exam: time for exam, time in held.items() if world.now < time < request.until}
    if beyond:
        yield Reason("EXPIRY_BEYOND_OWN", exams=frozenset(beyond), until=min(beyond.values()))
    if request.until > _policy_horizon(world):
        yield Reason("EXPIRY_BEYOND_POLICY", until=_policy_horizon(world))


def is_found_recipient(world: World, actor: UserId, principal: PrincipalId) -> bool:
    """Return whether a principal exists, is active, and is visible to the actor."""
    if isinstance(principal, GroupId):
        known = principal in world.groups
    else:
        known = world.is_active(principal)
    return known and world.visible(actor, principal)


def _about_recipients(world: World, request: ShareRequest) -> Iterator[Reason]:
    """A recipient that is not found gets no other code."""
    found = {one for one in request.recipients if is_found_recipient(world, request.actor, one)}
    not_found = frozenset(request.recipients) - found
    if not_found:
        yield Reason("RECIPIENT_NOT_FOUND", principals=not_found)
    if request.actor in found:
        yield Reason("RECIPIENT_IS_SELF", principals=frozenset({request.actor}))
    owner = world.exams[request.exam].owner
    if owner in found:
        yield Reason("RECIPIENT_IS_OWNER", principals=frozenset({owner}))
    others = {e for e in _exams_of(world, request) if not world.owns(request.actor, e)}
    removed = {
        one
        for one in found
        for exam in others
        if one != world.exams[exam].owner and _removed_by_owner(world, one, exam)
    }
    if world.policy.only_owner_readmits and removed:
        yield Reason("REMOVED_BY_OWNER", principals=frozenset(removed))


def _removed_by_owner(world: World, principal: PrincipalId, exam: ExamId) -> bool:
    """Return whether the owner unshared a grant to the principal and made none to it since."""
    on_exam = [grant for grant in world.grants.values() if grant.exam == exam]
    to_it = [grant for grant in on_exam if grant.recipient == principal]
    endings = [world.endings[grant.id] for grant in to_it if grant.id in world.endings]
    removals = [each.version for each in endings if each.how == "UNSHARED" and each.as_owner]
    readmitted = max((grant.version for grant in to_it if grant.basis == "OWNER"), default=0)
    return max(removals, default=0) > readmitted


def _too_many(world: World, request: ShareRequest, *, in_plan: bool) -> Iterator[Reason]:
    """Yield the exceeded limits; without the plan, the directory is not queried."""
    counts = {
        "recipients": (len(request.recipients), world.policy.max_recipients),
        "exams": (len(_exams_of(world, request)), world.policy.max_exams),
        "people": (_people_counted(world, request) if in_plan else 0, world.policy.max_people),
    }
    for what, (count, most) in counts.items():
        if most and count > most:
            yield Reason("TOO_MANY", limit=most, limited=what)


def _people_counted(world: World, request: ShareRequest) -> int:
    """Count the others whom the actor sees, or the unseen ones of one group if they are more."""
    actor = request.actor
    named = {one for one in request.recipients if is_found_recipient(world, actor, one)}
    groups = {one for one in named if isinstance(one, GroupId)}
    seen = named.union(*(world.shown_behind(actor, group) for group in groups))
    unseen = [world.behind(group) - world.shown_behind(actor, group) for group in groups]
    return max(
        sum(isinstance(one, UserId) and world.is_active(one) and one != actor for one in principals)
        for principals in (seen, *unseen)
    )


def _make_grants(
    world: World, request: ShareRequest
) -> tuple[frozenset[ShareOutcome], frozenset[GrantNumber]]:
    """Make a grant only where it adds permission or time to what this grantor already gives."""
    outcomes: set[ShareOutcome] = set()
    made: set[GrantNumber] = set()
    terms = {exam: _terms(world, request, exam) for exam in _exams_of(world, request)}
    for exam, (horizon, basis) in terms.items():
        to_make: list[PrincipalId] = []
        for recipient in request.recipients:
            outcome, end = _outcome(world, request, exam, recipient, horizon)
            until, limit = until_of(end), _limit(world, request, exam)
            outcomes.add(ShareOutcome(exam, recipient, outcome, until, limit))
            if outcome in {"GRANTED", "WIDENED", "EXTENDED"}:
                to_make.append(recipient)
        version = world.next_version(exam) if to_make else 0
        for recipient in to_make:
            grant = Grant(
                id=world.next_grant(),
                exam=exam,
                grantor=request.actor,
                recipient=recipient,
                permission=request.permission,
                until=until_of(horizon),
                version=version,
                basis=basis,
            )
            world.grants |= {grant.id: grant}
            made.add(grant.id)
    return frozenset(outcomes), frozenset(made)


def _terms(world: World, request: ShareRequest, exam: ExamId) -> tuple[datetime, Basis]:
    """Return the horizon and the basis: `OWNER`, or each grant that entitles by itself."""
    permission = request.permission
    horizon = request.until or longest(world, request.actor, permission, exam)
    if world.owns(request.actor, exam):
        return horizon, "OWNER"
    return horizon, frozenset(
        grant.id
        for grant in world.entitling(request.actor, exam)
        if grant.permission >= permission and grant.horizon >= horizon
    )


def _limit(world: World, request: ShareRequest, exam: ExamId) -> Limit:
    if request.until is not None:
        return "ASKED"
    own = world.held_until(request.actor, request.permission, exam)
    if _policy_horizon(world) < own:
        return "POLICY"
    return "NOTHING" if own == FOREVER else "OWN_HOLD"


def _outcome(
    world: World, request: ShareRequest, exam: ExamId, recipient: PrincipalId, horizon: datetime
) -> tuple[Outcome, datetime]:
    """Return the outcome, and until when this grantor then gives the recipient the permission."""
    if world.exams[exam].owner == recipient:
        return "OWNS_IT", FOREVER
    already = {
        grant
        for grant in world.standing(exam)
        if grant.grantor == request.actor and grant.recipient == recipient
    }
    given = given_until(already, request.permission)
    if not already:
        return "GRANTED", horizon
    if request.permission > max(grant.permission for grant in already):
        return "WIDENED", horizon
    return ("EXTENDED", horizon) if horizon > given else ("UNCHANGED", given)


def _notices_of(
    world: World, request: ShareRequest, made: frozenset[GrantNumber], before: Held
) -> dict[UserId, Notice]:
    """Return one notice for each user who gained access, permission or time, except the actor."""
    gained: dict[UserId, dict[ExamId, datetime]] = {}
    for (user, exam, permission), earlier in before.items():
        later = world.held_until(user, permission, exam)
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
        if _wants_notices(world, user)
    }


def _wants_notices(world: World, user: UserId) -> bool:
    return world.policy.sends_notices and world.users[user].notices


def deliver_notices(world: World, unreachable: frozenset[UserId] = frozenset()) -> list[Notice]:
    """Send each waiting notice as far as it is still true; keep those for unreachable readers."""
    waiting, world.waiting = world.waiting, []
    sent: list[Notice] = []
    for notice in waiting:
        true = _still_true(world, notice)
        if true is not None and notice.to in unreachable:
            world.waiting.append(notice)
        elif true is not None:
            sent.append(true)
    return sent


def _still_true(world: World, notice: Notice) -> Notice | None:
    """Return what the grants of the notice's own share still give its reader, if anything."""
    reader = notice.to
    if not (_wants_notices(world, reader) and world.is_active(reader)):
        return None
    given = {
        exam: {
            grant
            for grant in map(world.grants.__getitem__, with_replacements(world, notice.made))
            if grant.exam == exam and world.stands(grant) and world.reaches(grant, reader)
        }
        for exam in notice.exams
        if world.is_found(exam) and not world.owns(reader, exam)
    }
    seen = frozenset(exam for exam, grants in given.items() if grants)
    if not seen:
        return None
    until = {each: min(given_until(given[exam], each) for exam in seen) for each in Permission}
    most = max(each for each in Permission if until[each] > world.now)
    return attrs.evolve(notice, exams=seen, permission=most, until=until_of(until[most]))
