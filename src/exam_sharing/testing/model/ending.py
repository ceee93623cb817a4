"""Unsharing, narrowing, and what the host ends: who may, what ends, and what the actor is told."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeAlias

import attrs

from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, GroupId, PrincipalId, UserId
from exam_sharing.policy.requests import NarrowRequest, Reshares, RevokeRequest, UnshareRequest
from exam_sharing.testing.model.access import (
    entitling,
    given_until,
    has_access,
    is_active,
    is_found,
    owns,
    sight,
    standing,
    stands,
)
from exam_sharing.testing.model.records import (
    FOREVER,
    NEVER,
    Ended,
    Ending,
    Grant,
    How,
    Refused,
    horizon_of,
    until_of,
)
from exam_sharing.testing.model.support import (
    Bound,
    Piece,
    left_by_cascade,
    left_by_keep,
    rests_directly_on,
    whole,
)
from exam_sharing.testing.model.world import World, behind, first_receipt, remember, shown_behind

EndingRequest: TypeAlias = UnshareRequest | NarrowRequest | RevokeRequest


@attrs.frozen(kw_only=True)
class _Act:
    """One ending on one exam: which grants it names, the bound if it narrows, and who did it."""

    exam: ExamId
    recipient: PrincipalId | None = None
    named: frozenset[Grant]
    bound: Bound | None = None
    how: How
    by: UserId | None = None
    reshares: Reshares


def unshare(world: World, request: UnshareRequest, now: datetime) -> Ended | Refused:
    """End every standing grant to a principal that the actor may end."""
    return _once(world, request, now)


def narrow(world: World, request: NarrowRequest, now: datetime) -> Ended | Refused:
    """Cut the grants to a principal that the actor may end down to a bound."""
    return _once(world, request, now)


def revoke(world: World, request: RevokeRequest, now: datetime) -> Ended | Refused:
    """End one grant by its id."""
    return _end(world, request, now)


def may_end(world: World, request: UnshareRequest | RevokeRequest, now: datetime) -> bool:
    """Say whether ending this would be allowed, and end nothing."""
    act = _decided(world, request, now)
    return isinstance(act, _Act) and _refused_for_reshares(world, act, now) is None


def _once(world: World, request: UnshareRequest | NarrowRequest, now: datetime) -> Ended | Refused:
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
    return act if isinstance(act, Refused) else _perform(world, act, now)


def _decided(world: World, request: EndingRequest, now: datetime) -> _Act | Refused:
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
    return _Act(
        exam=request.exam,
        recipient=request.recipient,
        named=frozenset(grant for grant in theirs if bound is None or bound.exceeded_by(grant)),
        bound=bound,
        how=How.UNSHARED if bound is None else How.NARROWED,
        by=request.actor,
        reshares=request.reshares or world.settings.reshares,
    )


def _one_grant(world: World, request: RevokeRequest, now: datetime) -> _Act | Refused:
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
    return _Act(
        exam=grant.exam,
        recipient=grant.recipient,
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
    if exam is not None and not is_found(world, exam):
        return Refused({"EXAM_NOT_FOUND": frozenset()})
    acts = [
        _Act(
            exam=one,
            recipient=recipient,
            named=frozenset(
                grant for grant in standing(world, one, now) if grant.recipient == recipient
            ),
            how=How.BY_HOST,
            reshares=reshares or world.settings.reshares,
        )
        for one in sorted(world.exams)
        if is_found(world, one) and exam in {None, one}
    ]
    in_the_way = frozenset(
        grant.id
        for act in acts
        if act.reshares is Reshares.RESTRICT
        for grant in _more_by_cascade(world, act, now)
    )
    if in_the_way:
        return Refused({"HAS_RESHARES": in_the_way})
    parts = [_perform(world, act, now) for act in acts]
    return _together([part for part in parts if isinstance(part, Ended)])


def withdraw(world: World, exam: ExamId, now: datetime) -> Ended | Refused:
    """End all grants on an exam as `WITHDRAWN`; it is no longer found by anybody."""
    if not is_found(world, exam):
        return Refused({"EXAM_NOT_FOUND": frozenset()})
    named = standing(world, exam, now)
    act = _Act(exam=exam, named=named, how=How.WITHDRAWN, reshares=Reshares.KEEP)
    version = world.next_version(exam)
    ended, _ = _write(world, act, left_by_keep(named, named, None), version)
    world.withdraw(exam)
    return Ended(
        ended=ended,
        replacements={},
        told_ended=frozenset(ended),
        told_replacements=frozenset(),
        left_standing=frozenset(),
        still_have_access=frozenset(),
    )


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


def _more_by_cascade(world: World, act: _Act, now: datetime) -> frozenset[Grant]:
    """Return what a cascade would end or narrow beyond what the act itself does."""
    before = standing(world, act.exam, now)
    kept = left_by_keep(before, act.named, act.bound)
    cascaded = left_by_cascade(world, before, act.named, act.bound)
    return frozenset(grant for grant in before if kept[grant] != cascaded[grant])


@attrs.frozen(kw_only=True)
class _Knowledge:
    """What an actor may know, as things were when they acted; the host (`None`) knows all."""

    actor: UserId | None
    access: bool
    sees: Callable[[Grant], bool]

    def behind(self, world: World, group: GroupId) -> frozenset[PrincipalId]:
        """Return who is behind a group, as far as the actor may see."""
        return (
            behind(world, group) if self.actor is None else shown_behind(world, self.actor, group)
        )


def _knowledge(world: World, actor: UserId | None, exam: ExamId, now: datetime) -> _Knowledge:
    if actor is None:
        return _Knowledge(actor=None, access=True, sees=lambda _grant: True)
    return _Knowledge(
        actor=actor,
        access=has_access(world, actor, exam, now),
        sees=sight(world, actor, exam, now),
    )


def _refused_for_reshares(world: World, act: _Act, now: datetime) -> Refused | None:
    """Refuse where a cascade would end or narrow anything more, if that is to restrict the act.

    Someone without access is not told which re-shares there are.
    """
    if act.reshares is not Reshares.RESTRICT:
        return None
    more = _more_by_cascade(world, act, now)
    if not more:
        return None
    knows = _knowledge(world, act.by, act.exam, now)
    told = {grant.id for grant in more if knows.access and knows.sees(grant)}
    return Refused({"HAS_RESHARES": frozenset(told)})


def _perform(world: World, act: _Act, now: datetime) -> Ended | Refused:
    """End what is named, do with re-shares as asked, and tell the actor what they may know.

    Someone without access is told of grants of their own only.
    """
    refused = _refused_for_reshares(world, act, now)
    if refused is not None:
        return refused
    before = standing(world, act.exam, now)
    knows = _knowledge(world, act.by, act.exam, now)
    if act.reshares is Reshares.CASCADE:
        left = left_by_cascade(world, before, act.named, act.bound)
    else:
        left = left_by_keep(before, act.named, act.bound)
    passed_on = _passed_on(world, act, before)
    version = world.next_version(act.exam) if act.named else 0
    ended, replacements = _write(world, act, left, version)
    told_ended = frozenset(grant for grant in ended if knows.sees(world.grants[grant]))
    return Ended(
        ended=ended,
        replacements=replacements,
        told_ended=told_ended,
        told_replacements=frozenset(
            new for old in told_ended for new in replacements.get(old, frozenset())
        ),
        left_standing=frozenset(
            grant.id for grant in passed_on if grant.id not in ended and knows.sees(grant)
        ),
        still_have_access=_still(world, act, knows, now),
    )


def _passed_on(world: World, act: _Act, before: frozenset[Grant]) -> frozenset[Grant]:
    """Return what the principal passed on of the grants that are named."""
    ids = {grant.id for grant in act.named}
    return frozenset(grant for grant in before - act.named if ids & rests_directly_on(world, grant))


def _write(
    world: World, act: _Act, left: Mapping[Grant, frozenset[Piece]], version: int
) -> tuple[dict[int, How], dict[int, frozenset[int]]]:
    """Record an ending for each grant of which not all is left, and make what replaces it.

    A replacement takes over the version and the basis of the grant that it replaces.
    """
    as_owner = act.by is not None and owns(world, act.by, act.exam)
    ended: dict[int, How] = {}
    replacements: dict[int, frozenset[int]] = {}
    for grant in sorted(left, key=lambda grant: grant.id):
        if left[grant] == {whole(grant)}:
            continue
        new = frozenset(_replace(world, grant, piece) for piece in left[grant])
        if new:
            ended[grant.id], replacements[grant.id] = How.NARROWED, new
        elif grant in act.named and act.bound is None:
            ended[grant.id] = act.how
        else:
            ended[grant.id] = How.CASCADED
        world.end(
            grant,
            Ending(
                how=ended[grant.id], by=act.by, as_owner=as_owner, version=version, replaced_by=new
            ),
        )
    return ended, replacements


def _replace(world: World, grant: Grant, piece: Piece) -> int:
    new = world.next_grant_id()
    world.make(
        attrs.evolve(grant, id=new, permission=piece.permission, until=until_of(piece.horizon))
    )
    return new


def _still(world: World, act: _Act, knows: _Knowledge, now: datetime) -> frozenset[UserId]:
    """Return who of the principal still has access, or more than the bound, as far as is known.

    What is known are the grants and the memberships that the actor may see, and with access also
    the owner.
    """
    people: frozenset[PrincipalId] = frozenset()
    if isinstance(act.recipient, UserId):
        people = frozenset({act.recipient})
    elif act.recipient is not None:
        people = knows.behind(world, act.recipient)
    return frozenset(
        user
        for user in people
        if isinstance(user, UserId)
        and is_active(world, user)
        and _holds_more(world, act, user, knows, now)
    )


def _holds_more(world: World, act: _Act, user: UserId, knows: _Knowledge, now: datetime) -> bool:
    if owns(world, user, act.exam):
        view = download = FOREVER if knows.access else NEVER
    else:
        known = {
            grant
            for grant in entitling(world, user, act.exam, now)
            if knows.sees(grant)
            and (
                isinstance(grant.recipient, UserId) or user in knows.behind(world, grant.recipient)
            )
        }
        view = given_until(known, Permission.VIEW)
        download = given_until(known, Permission.DOWNLOAD)
    if act.bound is None:
        return view > now
    return (act.bound.permission is Permission.VIEW and download > now) or (
        view > horizon_of(act.bound.until)
    )


def _together(parts: list[Ended]) -> Ended:
    """Return what one act did on several exams as one."""
    return Ended(
        ended={grant: how for part in parts for grant, how in part.ended.items()},
        replacements={old: new for part in parts for old, new in part.replacements.items()},
        told_ended=frozenset().union(*(part.told_ended for part in parts)),
        told_replacements=frozenset().union(*(part.told_replacements for part in parts)),
        left_standing=frozenset().union(*(part.left_standing for part in parts)),
        still_have_access=frozenset().union(*(part.still_have_access for part in parts)),
    )
