"""Unsharing, narrowing, and what the host ends: who may, and what that names."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias

from exam_sharing.identifiers import ExamId, GroupId, PrincipalId, UserId
from exam_sharing.policy.requests import NarrowRequest, Reshares, RevokeRequest, UnshareRequest
from exam_sharing.testing.model.access import (
    has_access,
    is_active,
    is_found,
    owns,
    sharing_is_kept,
    sight,
    standing,
    stands,
)
from exam_sharing.testing.model.carrying_out import (
    Act,
    carried_out,
    more_by_cascade,
    refused_for_reshares,
    together,
    written,
)
from exam_sharing.testing.model.records import Ended, Grant, How, Refused
from exam_sharing.testing.model.support import Bound, left_by_keep
from exam_sharing.testing.model.world import World, first_receipt, remember, shown_behind

EndingRequest: TypeAlias = UnshareRequest | NarrowRequest | RevokeRequest


def unshare(world: World, request: UnshareRequest, now: datetime) -> Ended | Refused:
    """End every standing grant to a principal that the actor may end."""
    return _once(world, request, now)


def narrow(world: World, request: NarrowRequest, now: datetime) -> Ended | Refused:
    """Cut the grants to a principal that the actor may end down to a bound."""
    return _once(world, request, now)


def revoke(world: World, request: RevokeRequest, now: datetime) -> Ended | Refused:
    """End one grant by its id."""
    return _once(world, request, now)


def may_end(world: World, request: UnshareRequest | RevokeRequest, now: datetime) -> bool:
    """Say whether ending this would be allowed, and end nothing."""
    act = _decided(world, request, now)
    return isinstance(act, Act) and refused_for_reshares(world, act, now) is None


def _once(world: World, request: EndingRequest, now: datetime) -> Ended | Refused:
    first = first_receipt(world, request)
    if first is not None:
        assert isinstance(first, Ended)
        return first
    receipt = _end(world, request, now)
    if isinstance(receipt, Ended):
        remember(world, request, receipt)
    return receipt


def _end(world: World, request: EndingRequest, now: datetime) -> Ended | Refused:
    act = _decided(world, request, now)
    return act if isinstance(act, Refused) else carried_out(world, act, now)


def _decided(world: World, request: EndingRequest, now: datetime) -> Act | Refused:
    """Return what there is to do, before it is asked what becomes of re-shares."""
    if isinstance(request, RevokeRequest):
        return _one_grant(world, request, now)
    bound = None
    if isinstance(request, NarrowRequest):
        bound = Bound(request.permission, request.until)
    reasons = _why_not(world, request, bound, now)
    if reasons:
        return Refused(reasons)
    theirs = endable(world, request.actor, request.exam, request.recipient, now)
    return Act(
        exam=request.exam,
        named=frozenset(grant for grant in theirs if bound is None or bound.exceeded_by(grant)),
        bound=bound,
        how=How.UNSHARED if bound is None else How.NARROWED,
        by=request.actor,
        reshares=request.reshares or world.settings.reshares,
    )


def _one_grant(world: World, request: RevokeRequest, now: datetime) -> Act | Refused:
    """Unknown, ended, and not the actor's to see are one answer, with the id and nothing else."""
    nothing = Refused({"NO_SUCH_GRANT": frozenset({request.grant})})
    written = request.grant.value
    grant = world.grants.get(int(written)) if written.isdecimal() else None
    if grant is None or not is_found(world, grant.exam) or not stands(world, grant, now):
        return nothing
    if not sight(world, request.actor, grant.exam, now)(grant):
        return nothing
    if grant not in endable(world, request.actor, grant.exam, grant.recipient, now):
        return Refused({"NOT_GRANTOR_OR_OWNER": frozenset()})
    return Act(
        exam=grant.exam,
        named=frozenset({grant}),
        how=How.UNSHARED,
        by=request.actor,
        reshares=request.reshares or world.settings.reshares,
    )


def end_by_host(
    world: World,
    recipient: PrincipalId,
    exam: ExamId | None,
    reshares: Reshares | None,
    now: datetime,
) -> Ended | Refused:
    """End a principal's grants on an exam or everywhere, without an actor's rights."""
    if exam is not None and not _known_to_host(world, exam):
        return Refused({"EXAM_NOT_FOUND": frozenset()})
    acts = [
        Act(
            exam=one,
            named=frozenset(
                grant for grant in standing(world, one, now) if grant.recipient == recipient
            ),
            how=How.BY_HOST,
            reshares=reshares or world.settings.reshares,
        )
        for one in sorted(world.exams)
        if exam in {None, one}
    ]
    in_the_way = frozenset(
        grant.id
        for act in acts
        if act.reshares is Reshares.RESTRICT
        for grant in more_by_cascade(world, act, now)
    )
    if in_the_way:
        return Refused({"HAS_RESHARES": in_the_way})
    parts = [carried_out(world, act, now) for act in acts]
    return together([part for part in parts if isinstance(part, Ended)])


def withdraw(world: World, exam: ExamId, now: datetime) -> Ended | Refused:
    """End all grants on an exam as `WITHDRAWN`; it is no longer found by anybody.

    Withdrawing what was withdrawn does nothing.
    """
    if not _known_to_host(world, exam):
        return Refused({"EXAM_NOT_FOUND": frozenset()})
    ended: dict[int, How] = {}
    named = frozenset[Grant]()
    if exam not in world.withdrawn:
        named = standing(world, exam, now)
        act = Act(exam=exam, named=named, how=How.WITHDRAWN, reshares=Reshares.KEEP)
        version = world.next_version(exam)
        ended, _ = written(world, act, left_by_keep(named, named, None), version)
        world.withdraw(exam)
    return Ended(
        ended=ended,
        replacements={},
        told_ended=frozenset(ended),
        told_replacements=frozenset(),
        left_standing=frozenset(),
        bases={grant.id: grant.basis for grant in named},
        still_have_access=frozenset(),
    )


def _known_to_host(world: World, exam: ExamId) -> bool:
    """The host ends what it likes on every exam of which sharing is kept, also on a deleted one."""
    return is_found(world, exam) or sharing_is_kept(world, exam)


def endable(
    world: World, actor: UserId, exam: ExamId, principal: PrincipalId, now: datetime
) -> frozenset[Grant]:
    """Return the standing grants to a principal that the actor may end.

    For the owner, and for the principal themselves, every one; for anyone else their own.
    """
    to_it = {grant for grant in standing(world, exam, now) if grant.recipient == principal}
    if owns(world, actor, exam) or principal == actor:
        return frozenset(to_it)
    return frozenset(grant for grant in to_it if grant.grantor == actor)


def ever_granted(world: World, actor: UserId, exam: ExamId) -> bool:
    """Say whether there ever was a grant of the actor's making on the exam."""
    return any(grant.exam == exam and grant.grantor == actor for grant in world.grants.values())


def _why_not(
    world: World, request: UnshareRequest | NarrowRequest, bound: Bound | None, now: datetime
) -> Mapping[str, frozenset[object]]:
    """Return the codes that apply before it is asked what becomes of re-shares.

    Without access and without a grant of one's making, the exam is not found; without access but
    with such grants, those are all that there is.
    """
    actor, exam = request.actor, request.exam
    if not is_found(world, exam) or not is_active(world, actor):
        return {"EXAM_NOT_FOUND": frozenset()}
    access = has_access(world, actor, exam, now)
    if not access and not ever_granted(world, actor, exam):
        return {"EXAM_NOT_FOUND": frozenset()}
    reasons: dict[str, frozenset[object]] = {}
    if bound is not None and bound.until is not None and bound.until <= now:
        reasons["EXPIRY_IN_PAST"] = frozenset()
    theirs = endable(world, actor, exam, request.recipient, now)
    sees = sight(world, actor, exam, now)
    others = {
        grant
        for grant in standing(world, exam, now)
        if grant.recipient == request.recipient and sees(grant)
    }
    if not theirs and others:
        reasons["NOT_GRANTOR_OR_OWNER"] = frozenset()
    elif not any(bound is None or bound.exceeded_by(grant) for grant in theirs):
        reasons["NO_SUCH_GRANT"] = (
            groups_through(world, actor, exam, request.recipient, now) if access else frozenset()
        )
    return reasons


def groups_through(
    world: World, actor: UserId, exam: ExamId, principal: PrincipalId, now: datetime
) -> frozenset[object]:
    """Return the groups on the actor's access list through which the principal has access.

    An owner has theirs through no group, someone inactive has none, and who is behind a group is
    told only where the actor may see its members.
    """
    if isinstance(principal, UserId) and (
        not is_active(world, principal) or owns(world, principal, exam)
    ):
        return frozenset()
    sees = sight(world, actor, exam, now)
    return frozenset(
        grant.recipient
        for grant in standing(world, exam, now)
        if sees(grant)
        and grant.grantor != principal
        and isinstance(grant.recipient, GroupId)
        and principal in shown_behind(world, actor, grant.recipient)
    )
