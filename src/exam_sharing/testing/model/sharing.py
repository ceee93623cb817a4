"""Sharing: what a share covers, why it is refused, and what it makes."""

import unicodedata
from collections.abc import Iterator, Mapping
from datetime import datetime

from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, GroupId, PrincipalId, UserId
from exam_sharing.policy.requests import Scope, ShareRequest
from exam_sharing.testing.model.access import (
    entitling,
    given_until,
    has_access,
    held_until,
    holds,
    is_active,
    is_found,
    owns,
    standing,
)
from exam_sharing.testing.model.notifying import held_by_all, notices_of
from exam_sharing.testing.model.records import (
    FOREVER,
    Basis,
    Grant,
    How,
    Outcome,
    Refused,
    Shared,
    horizon_of,
    until_of,
)
from exam_sharing.testing.model.world import (
    World,
    behind,
    first_receipt,
    remember,
    shown_behind,
)


def share(world: World, request: ShareRequest, now: datetime) -> Shared | Refused:
    """Do one act of sharing: all of it happens or none."""
    first = first_receipt(world, request)
    if first is not None:
        assert isinstance(first, Shared)
        return first
    reasons = why_not(world, request, now)
    if reasons:
        return Refused(reasons)
    before = held_by_all(world, _exams_of(world, request, now), now)
    outcomes, made = _make_grants(world, request, now)
    notices = notices_of(world, request, made, before, now)
    world.waiting.extend(notices.values())
    receipt = Shared(outcomes=outcomes, made=made, notices=notices)
    remember(world, request, receipt)
    return receipt


def covered(world: World, actor: UserId, exam: ExamId, scope: Scope, now: datetime) -> set[ExamId]:
    """Return the named exam, or those of its batch that the actor has access to at this moment."""
    if scope is Scope.EXAM:
        return {exam}
    batch = world.exams[exam].batch
    return {
        other.id
        for other in world.exams.values()
        if other.batch == batch and has_access(world, actor, other.id, now)
    }


def _exams_of(world: World, request: ShareRequest, now: datetime) -> set[ExamId]:
    return covered(world, request.actor, request.exam, request.scope, now)


def subjects(world: World, exams: set[ExamId]) -> set[object]:
    """Return the subjects of exams; an exam without one is a subject of its own."""
    return {
        exam if world.exams[exam].subject is None else world.exams[exam].subject for exam in exams
    }


def longest(
    world: World, actor: UserId, permission: Permission, exam: ExamId, now: datetime
) -> datetime:
    """Return the earlier of the actor's own hold and the policy's longest duration."""
    return min(held_until(world, actor, permission, exam, now), _policy_horizon(world, now))


def _policy_horizon(world: World, now: datetime) -> datetime:
    if world.settings.max_duration is None:
        return FOREVER
    try:
        return now + world.settings.max_duration
    except OverflowError:
        return FOREVER


def why_not(world: World, request: ShareRequest, now: datetime) -> Mapping[str, frozenset[object]]:
    """Return all the codes that apply, with their parameters; none when the share may be done.

    An exam that is not there and one without access are one answer, reported alone.
    """
    if not is_found(world, request.exam) or not has_access(world, request.actor, request.exam, now):
        return {"EXAM_NOT_FOUND": frozenset()}
    reasons = {
        **dict(_about_the_form(world, request)),
        **dict(_about_exams(world, request, now)),
        **dict(_about_time(world, request, now)),
    }
    too_many = _too_many(world, request, now)
    if not world.users[request.actor].sharing_in_plan:
        reasons["SHARING_NOT_IN_PLAN"] = frozenset()
        too_many -= {"people"}  # Of the limits, this one alone asks the directory.
    else:
        reasons.update(_about_recipients(world, request, now))
    if too_many:
        reasons["TOO_MANY"] = too_many
    return reasons


def _about_the_form(world: World, request: ShareRequest) -> Iterator[tuple[str, frozenset[object]]]:
    if not request.attested or request.wording not in {None, world.settings.attestation_wording}:
        yield "ATTESTATION_MISSING", frozenset()
    if not request.recipients:
        yield "NO_RECIPIENTS", frozenset()
    if request.message is not None and not message_allowed(world, request.message):
        yield "MESSAGE_NOT_ALLOWED", frozenset()


def _about_exams(
    world: World, request: ShareRequest, now: datetime
) -> Iterator[tuple[str, frozenset[object]]]:
    exams = _exams_of(world, request, now)
    not_held = frozenset(
        exam for exam in exams if not holds(world, request.actor, request.permission, exam, now)
    )
    if not_held:
        yield "DOWNLOAD_NOT_HELD", not_held
    if request.scope is Scope.BATCH and request.expect not in {None, frozenset(exams)}:
        yield "CHANGED_SINCE_SHOWN", frozenset()
    if not world.settings.batches_across_subjects and len(subjects(world, exams)) > 1:
        yield "BATCH_SPANS_SUBJECTS", frozenset()


def _about_time(
    world: World, request: ShareRequest, now: datetime
) -> Iterator[tuple[str, frozenset[object]]]:
    """Where the actor does not hold the permission at all, there is no hold to be beyond."""
    if request.until is None:
        return
    if request.until <= now:
        yield "EXPIRY_IN_PAST", frozenset()
    exams = _exams_of(world, request, now)
    held = {exam: held_until(world, request.actor, request.permission, exam, now) for exam in exams}
    beyond = frozenset(exam for exam in exams if now < held[exam] < request.until)
    if beyond:
        yield "EXPIRY_BEYOND_OWN", beyond
    if request.until > _policy_horizon(world, now):
        yield "EXPIRY_BEYOND_POLICY", frozenset()


def message_allowed(world: World, message: str) -> bool:
    """A message keeps to the limit and has no controls but newline and tab."""
    controls = {char for char in message if unicodedata.category(char) == "Cc"}
    return len(message) <= world.settings.message_limit and controls <= {"\n", "\t"}


def is_found_recipient(world: World, actor: UserId, principal: PrincipalId) -> bool:
    """One that exists, is active, and that the actor may see in the directory."""
    if isinstance(principal, GroupId):
        known = principal in world.groups
    else:
        known = is_active(world, principal)
    return known and world.visible(actor, principal)


def _about_recipients(
    world: World, request: ShareRequest, now: datetime
) -> Iterator[tuple[str, frozenset[object]]]:
    """Of a recipient that is not found, nothing else is said."""
    found = {one for one in request.recipients if is_found_recipient(world, request.actor, one)}
    not_found = frozenset(request.recipients) - found
    if not_found:
        yield "RECIPIENT_NOT_FOUND", frozenset(not_found)
    if request.actor in found:
        yield "RECIPIENT_IS_SELF", frozenset({request.actor})
    owner = world.exams[request.exam].owner
    if owner in found:
        yield "RECIPIENT_IS_OWNER", frozenset({owner})
    exams = _exams_of(world, request, now)
    removed = frozenset(
        one
        for one in found
        for exam in exams
        if one != world.exams[exam].owner
        and not owns(world, request.actor, exam)
        and removed_by_owner(world, one, exam)
    )
    if world.settings.only_owner_readmits and removed:
        yield "REMOVED_BY_OWNER", removed


def removed_by_owner(world: World, principal: PrincipalId, exam: ExamId) -> bool:
    """The owner unshared a grant to that principal and has made none to it since."""
    to_it = [
        grant
        for grant in world.grants.values()
        if grant.exam == exam and grant.recipient == principal
    ]
    removals = [
        world.endings[grant.id].version
        for grant in to_it
        if grant.id in world.endings
        and world.endings[grant.id].how is How.UNSHARED
        and world.endings[grant.id].as_owner
    ]
    return any(
        not any(grant.basis == "OWNER" and grant.version > removal for grant in to_it)
        for removal in removals
    )


def people_counted(world: World, request: ShareRequest) -> int:
    """Return the most people that are held against the limit at once, without the actor.

    Whom the actor may see is counted once; the others in each group are counted by themselves.
    """
    actor = request.actor
    named = {one for one in request.recipients if is_found_recipient(world, actor, one)}
    groups = {one for one in named if isinstance(one, GroupId)}
    seen = named.union(*(shown_behind(world, actor, group) for group in groups))
    unseen = [behind(world, group) - shown_behind(world, actor, group) for group in groups]
    return max(
        sum(
            isinstance(one, UserId) and is_active(world, one) and one != actor for one in principals
        )
        for principals in (seen, *unseen)
    )


def _too_many(world: World, request: ShareRequest, now: datetime) -> frozenset[object]:
    """Return which limits are exceeded, and no numbers."""
    exams = _exams_of(world, request, now)
    counts = {
        "recipients": (len(request.recipients), world.settings.max_recipients),
        "exams": (len(exams), world.settings.max_exams),
        "people": (people_counted(world, request), world.settings.max_people),
    }
    return frozenset(
        what for what, (count, limit) in counts.items() if limit is not None and count > limit
    )


def _make_grants(
    world: World, request: ShareRequest, now: datetime
) -> tuple[dict[tuple[ExamId, PrincipalId], tuple[Outcome, datetime | None]], frozenset[int]]:
    """Make a grant only where it adds permission or time to what this grantor already gives."""
    outcomes: dict[tuple[ExamId, PrincipalId], tuple[Outcome, datetime | None]] = {}
    made: set[int] = set()
    exams = _exams_of(world, request, now)
    plan = {exam: _terms(world, request, exam, now) for exam in exams}
    for exam, (horizon, basis) in plan.items():
        to_make: list[PrincipalId] = []
        for recipient in request.recipients:
            outcome, until = _outcome(world, request, exam, recipient, horizon, now)
            outcomes[exam, recipient] = outcome, until_of(until)
            if outcome in {"GRANTED", "WIDENED", "EXTENDED"}:
                to_make.append(recipient)
        version = world.next_version(exam) if to_make else 0
        for recipient in to_make:
            grant = Grant(
                id=world.next_grant_id(),
                exam=exam,
                grantor=request.actor,
                recipient=recipient,
                permission=request.permission,
                until=until_of(horizon),
                version=version,
                basis=basis,
            )
            world.make(grant)
            made.add(grant.id)
    return outcomes, frozenset(made)


def _terms(
    world: World, request: ShareRequest, exam: ExamId, now: datetime
) -> tuple[datetime, Basis]:
    """Return until when, and what entitles: the owner, or each grant that would do by itself."""
    permission = request.permission
    horizon = (
        longest(world, request.actor, permission, exam, now)
        if request.until is None
        else horizon_of(request.until)
    )
    if owns(world, request.actor, exam):
        return horizon, "OWNER"
    return horizon, frozenset(
        grant.id
        for grant in entitling(world, request.actor, exam, now)
        if grant.gives(permission, horizon)
    )


def _outcome(
    world: World,
    request: ShareRequest,
    exam: ExamId,
    recipient: PrincipalId,
    horizon: datetime,
    now: datetime,
) -> tuple[Outcome, datetime]:
    """Return the outcome, and until when the recipient then has the permission from this grantor.

    Exams that a recipient owns are left out for that recipient.
    """
    if world.exams[exam].owner == recipient:
        return "OWNS_IT", FOREVER
    already = {
        grant
        for grant in standing(world, exam, now)
        if grant.grantor == request.actor and grant.recipient == recipient
    }
    given = given_until(already, request.permission)
    if not already:
        return "GRANTED", horizon
    if request.permission > max(grant.permission for grant in already):
        return "WIDENED", horizon
    if horizon > given:
        return "EXTENDED", horizon
    return "UNCHANGED", given
