"""Unsharing, narrowing, and what the host ends: who may, and what happens.

Specification: `#unsharing-and-narrowing`, `#by-the-host`.
"""

from collections.abc import Mapping
from typing import TypeAlias

import attrs

from exam_sharing.identifiers import ExamId, GroupId, PrincipalId, UserId
from exam_sharing.policy.requests import NarrowRequest, Reshares, RevokeRequest, UnshareRequest
from exam_sharing.testing.model.access import (
    consequences,
    has_access,
    is_active,
    is_found,
    knowledge,
    owns,
    shown_basis,
    sight,
    standing,
    stands,
)
from exam_sharing.testing.model.support import (
    Bound,
    Piece,
    left_by_cascade,
    left_by_keep,
    rests_directly_on,
    whole,
)
from exam_sharing.testing.model.world import (
    Ended,
    Ending,
    Grant,
    How,
    Refused,
    World,
    first_receipt,
    memoized,
    remember,
    shown_behind,
    until_of,
)

EndingRequest: TypeAlias = UnshareRequest | NarrowRequest | RevokeRequest


@attrs.frozen(kw_only=True)
class EndingAct:
    """An allowed ending on one exam: the named grants, the bound if it narrows, and who acts."""

    exam: ExamId
    named: frozenset[Grant]
    bound: Bound | None = None
    how: How
    by: UserId | None = None
    reshares: Reshares


def unshare(world: World, request: EndingRequest) -> Ended | Refused:
    """End or narrow the grants that a request names: to a principal, or one by its id."""
    first = first_receipt(world, request)
    if first is not None:
        assert isinstance(first, Ended)
        return first
    act = _decided(world, request)
    receipt = act if isinstance(act, Refused) else _carried_out(world, act)
    if isinstance(receipt, Ended):
        remember(world, request, receipt)
    return receipt


def may_end(world: World, request: UnshareRequest | RevokeRequest) -> bool:
    """Return whether an ending would be allowed."""
    act = _decided(world, request)
    return isinstance(act, EndingAct) and _refused_for_reshares(world, act) is None


def _decided(world: World, request: EndingRequest) -> EndingAct | Refused:
    """Decide a request, before the question of re-shares."""
    if isinstance(request, RevokeRequest):
        return _one_grant(world, request)
    bound = None
    if isinstance(request, NarrowRequest):
        bound = Bound(request.permission, request.until)
    reasons = _why_not(world, request, bound)
    if reasons:
        return Refused(reasons)
    theirs = _endable(world, request.actor, request.exam, request.recipient)
    return EndingAct(
        exam=request.exam,
        named=frozenset(grant for grant in theirs if bound is None or bound.exceeded_by(grant)),
        bound=bound,
        how=How.UNSHARED if bound is None else How.NARROWED,
        by=request.actor,
        reshares=request.reshares or world.policy.reshares,
    )


def _one_grant(world: World, request: RevokeRequest) -> EndingAct | Refused:
    """A grant that is unknown, ended or not visible is one answer: the id and nothing else."""
    nothing = Refused({"NO_SUCH_GRANT": frozenset({request.grant})})
    written = request.grant.value
    grant = world.grants.get(int(written)) if written.isdecimal() else None
    if grant is None or not is_found(world, grant.exam) or not stands(world, grant):
        return nothing
    if not sight(world, request.actor, grant.exam)(grant):
        return nothing
    if grant not in _endable(world, request.actor, grant.exam, grant.recipient):
        return Refused({"NOT_GRANTOR_OR_OWNER": frozenset()})
    return EndingAct(
        exam=grant.exam,
        named=frozenset({grant}),
        how=How.UNSHARED,
        by=request.actor,
        reshares=request.reshares or world.policy.reshares,
    )


def _why_not(
    world: World, request: UnshareRequest | NarrowRequest, bound: Bound | None
) -> Mapping[str, frozenset[object]]:
    """Return the codes that apply before the question of re-shares.

    Without access and without a grant of their own, an actor does not find the exam. Without access
    but with such grants, an actor sees only those.
    """
    actor, exam = request.actor, request.exam
    access = has_access(world, actor, exam)
    ever_granted = any(g.exam == exam and g.grantor == actor for g in world.grants.values())
    if not (is_found(world, exam) and is_active(world, actor) and (access or ever_granted)):
        return {"EXAM_NOT_FOUND": frozenset()}
    reasons: dict[str, frozenset[object]] = {}
    if bound is not None and bound.until is not None and bound.until <= world.now:
        reasons["EXPIRY_IN_PAST"] = frozenset()
    theirs = _endable(world, actor, exam, request.recipient)
    sees = sight(world, actor, exam)
    to_it = {grant for grant in standing(world, exam) if grant.recipient == request.recipient}
    if not theirs and any(map(sees, to_it)):
        reasons["NOT_GRANTOR_OR_OWNER"] = frozenset()
    elif not any(bound is None or bound.exceeded_by(grant) for grant in theirs):
        reasons["NO_SUCH_GRANT"] = (
            _groups_through(world, actor, exam, request.recipient) if access else frozenset()
        )
    return reasons


def _endable(world: World, actor: UserId, exam: ExamId, principal: PrincipalId) -> frozenset[Grant]:
    """Return the standing grants to a principal that the actor may end.

    The owner and the principal may end all of them, anyone else only their own.
    """
    everything = owns(world, actor, exam) or principal == actor
    return frozenset(
        grant
        for grant in standing(world, exam)
        if grant.recipient == principal and (everything or grant.grantor == actor)
    )


def _groups_through(
    world: World, actor: UserId, exam: ExamId, principal: PrincipalId
) -> frozenset[object]:
    """Return the groups on the actor's access list through which the principal has access.

    An owner needs no group, an inactive user has no access, and a group counts only if the actor
    may see the principal in it.
    """
    if isinstance(principal, UserId) and (
        not is_active(world, principal) or owns(world, principal, exam)
    ):
        return frozenset()
    sees = sight(world, actor, exam)
    return frozenset(
        grant.recipient
        for grant in standing(world, exam)
        if sees(grant)
        and grant.grantor != principal
        and isinstance(grant.recipient, GroupId)
        and principal in shown_behind(world, actor, grant.recipient)
    )


def _refused_for_reshares(world: World, act: EndingAct) -> Refused | None:
    """Refuse under `RESTRICT` if a cascade would do more; without access, show no re-shares."""
    more = _more_by_cascade(world, act)
    if not more:
        return None
    knows = knowledge(world, act.by, act.exam)
    shown = {grant.id for grant in more if knows.access and knows.sees(grant)}
    return Refused({"HAS_RESHARES": frozenset(shown)})


def _more_by_cascade(world: World, act: EndingAct) -> frozenset[Grant]:
    """Return what a cascade would end or narrow beyond the act itself; asked of `RESTRICT` only."""
    if act.reshares is not Reshares.RESTRICT:
        return frozenset()
    return _cascaded(world, act.exam, act.named, act.bound)


@memoized
def _cascaded(
    world: World, exam: ExamId, named: frozenset[Grant], bound: Bound | None
) -> frozenset[Grant]:
    before = standing(world, exam)
    kept = left_by_keep(before, named, bound)
    cascaded = left_by_cascade(world, before, named, bound)
    return frozenset(grant for grant in before if kept[grant] != cascaded[grant])


def _carried_out(world: World, act: EndingAct) -> Ended | Refused:
    """End the named grants, treat re-shares as asked, and show the actor what they may know."""
    refused = _refused_for_reshares(world, act)
    if refused is not None:
        return refused
    before, knows = standing(world, act.exam), knowledge(world, act.by, act.exam)
    if act.reshares is Reshares.CASCADE:
        left = left_by_cascade(world, before, act.named, act.bound)
    else:
        left = left_by_keep(before, act.named, act.bound)
    named = {grant.id for grant in act.named}
    passed_on = [each for each in before - act.named if named & rests_directly_on(world, each)]
    bases = {
        grant.id: grant.basis if act.by is None else shown_basis(world, grant, knows.sees)
        for grant in before
    }
    done = _written(world, act, left, world.next_version(act.exam) if act.named else 0)
    shown_ended = frozenset(grant for grant in done.ended if knows.sees(world.grants[grant]))
    became = {new: old for old in shown_ended for new in done.replacements.get(old, frozenset())}
    left_standing = frozenset(
        grant.id for grant in passed_on if grant.id not in done.ended and knows.sees(grant)
    )
    changes = consequences(
        world,
        knows,
        before=before,
        ended=frozenset(world.grants[grant] for grant in done.ended),
        made=frozenset(world.grants[new] for each in done.replacements.values() for new in each),
        bound=act.bound,
    )
    return attrs.evolve(
        done,
        shown_ended=shown_ended,
        shown_replacements=frozenset(became),
        left_standing=left_standing,
        bases={grant: bases[grant] for grant in shown_ended | left_standing}
        | {new: bases[old] for new, old in became.items()},
        still_have_access=frozenset(
            each.principal for each in changes if each.kept and act.by is not None
        ),
    )


def _written(
    world: World, act: EndingAct, left: Mapping[Grant, frozenset[Piece]], version: int
) -> Ended:
    """End each grant of which not all is left, and make what replaces it.

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
        ending = Ending(
            how=ended[grant.id], by=act.by, as_owner=as_owner, version=version, replaced_by=new
        )
        world.end(grant, ending)
    return Ended(ended=ended, replacements=replacements)


def _replace(world: World, grant: Grant, piece: Piece) -> int:
    new = world.next_grant_id()
    world.make(
        attrs.evolve(grant, id=new, permission=piece.permission, until=until_of(piece.horizon))
    )
    return new


def end_by_host(
    world: World, recipient: PrincipalId, exam: ExamId | None, reshares: Reshares | None
) -> Ended | Refused:
    """End a principal's grants on an exam or everywhere, without an actor's rights."""
    if exam is not None and not _known_to_host(world, exam):
        return Refused({"EXAM_NOT_FOUND": frozenset()})
    acts = [
        EndingAct(
            exam=one,
            named=frozenset(
                grant for grant in standing(world, one) if grant.recipient == recipient
            ),
            how=How.BY_HOST,
            reshares=reshares or world.policy.reshares,
        )
        for one in sorted(world.exams)
        if exam in {None, one}
    ]
    in_the_way = frozenset(grant.id for act in acts for grant in _more_by_cascade(world, act))
    if in_the_way:
        return Refused({"HAS_RESHARES": in_the_way})
    parts = [part for act in acts if isinstance(part := _carried_out(world, act), Ended)]
    return Ended(
        ended={grant: how for part in parts for grant, how in part.ended.items()},
        replacements={old: new for part in parts for old, new in part.replacements.items()},
        shown_ended=frozenset().union(*(part.shown_ended for part in parts)),
        shown_replacements=frozenset().union(*(part.shown_replacements for part in parts)),
        left_standing=frozenset().union(*(part.left_standing for part in parts)),
        bases={grant: basis for part in parts for grant, basis in part.bases.items()},
    )


def withdraw(world: World, exam: ExamId) -> Ended | Refused:
    """End all grants on an exam as `WITHDRAWN`, so that nobody finds it; again, do nothing."""
    if not _known_to_host(world, exam):
        return Refused({"EXAM_NOT_FOUND": frozenset()})
    if exam in world.withdrawn:
        return Ended(ended={})
    named = standing(world, exam)
    act = EndingAct(exam=exam, named=named, how=How.WITHDRAWN, reshares=Reshares.KEEP)
    done = _written(world, act, left_by_keep(named, named, None), world.next_version(exam))
    world.withdraw(exam)
    return attrs.evolve(
        done,
        shown_ended=frozenset(done.ended),
        bases={grant.id: grant.basis for grant in named},
    )


def _known_to_host(world: World, exam: ExamId) -> bool:
    """The host may act on every exam of which sharing is kept, also on a deleted one."""
    return is_found(world, exam) or world.versions.get(exam, 0) > 0
