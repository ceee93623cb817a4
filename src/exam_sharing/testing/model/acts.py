"""What requests and the host do: unsharing, narrowing, withdrawing, request ids and previews.

Specification: `#unsharing-and-narrowing`, `#by-the-host`, `#request-ids`, `#previews`.
"""

from collections.abc import Iterator
from functools import reduce
from operator import or_
from typing import TypeAlias

import attrs

from exam_sharing.identifiers import ExamId, GrantId, GroupId, PrincipalId, UserId
from exam_sharing.policy.requests import (
    NarrowRequest,
    Request,
    Reshares,
    RevokeRequest,
    ShareRequest,
    UnshareRequest,
    without_message,
)
from exam_sharing.testing.model import support
from exam_sharing.testing.model.sharing import share
from exam_sharing.testing.model.support import Bound, Effect, Left, Piece
from exam_sharing.testing.model.world import (
    HOST,
    Ending,
    Grant,
    GrantNumber,
    How,
    Names,
    Reason,
    Reasons,
    Receipt,
    Refused,
    RequestIdReused,
    Shown,
    UnshareReceipt,
    World,
    memoized,
    until_of,
)

EndingRequest: TypeAlias = UnshareRequest | NarrowRequest | RevokeRequest


@attrs.frozen(kw_only=True)
class EndingAct:
    """An allowed ending on one exam: the named grants, the bound if it narrows, and who acts."""

    exam: ExamId
    named: frozenset[Grant]
    bound: Bound | None = None
    how: How = "UNSHARED"
    by: UserId | None = None
    reshares: Reshares


def unshare(world: World, request: EndingRequest) -> UnshareReceipt | Refused:
    """End or narrow the grants that a request names: to a principal, or one by its id."""
    act = _decided(world, request)
    return act if isinstance(act, Refused) else _carried_out(world, act)


def may_end(world: World, request: UnshareRequest | RevokeRequest) -> bool:
    act = _decided(world, request)
    return isinstance(act, EndingAct) and _refused_for_reshares(world, act) is None


def _decided(world: World, request: EndingRequest) -> EndingAct | Refused:
    """Decide a request, before the question of re-shares."""
    if isinstance(request, RevokeRequest):
        return _one_grant(world, request)
    bound = _bound_of(request)
    reasons = frozenset(_why_not(world, request, bound))
    if reasons:
        return Refused(reasons)
    theirs = _endable(world, request.actor, request.exam, request.recipient)
    return EndingAct(
        exam=request.exam,
        named=frozenset(grant for grant in theirs if bound is None or bound.exceeded_by(grant)),
        bound=bound,
        by=request.actor,
        reshares=request.reshares or world.policy.reshares,
    )


def _bound_of(request: Request) -> Bound | None:
    return Bound(request.permission, request.until) if isinstance(request, NarrowRequest) else None


def _one_grant(world: World, request: RevokeRequest) -> EndingAct | Refused:
    """A grant that is unknown, ended or not visible is one answer: the id and nothing else."""
    written = request.grant.value
    grant = world.grants.get(GrantNumber(written)) if written.isdecimal() else None
    stands = grant is not None and world.is_found(grant.exam) and world.stands(grant)
    if grant is None or not stands or not world.sight(request.actor, grant.exam)(grant):
        return Refused.by(Reason("NO_SUCH_GRANT", grants=frozenset({request.grant})))
    if grant not in _endable(world, request.actor, grant.exam, grant.recipient):
        return Refused.by(Reason("NOT_GRANTOR_OR_OWNER"))
    return EndingAct(
        exam=grant.exam,
        named=frozenset({grant}),
        by=request.actor,
        reshares=request.reshares or world.policy.reshares,
    )


def _why_not(
    world: World, request: UnshareRequest | NarrowRequest, bound: Bound | None
) -> Iterator[Reason]:
    """Yield the codes that apply before the question of re-shares.

    Without access, an actor who ever made a grant sees their own; others do not find the exam.
    """
    actor, exam = request.actor, request.exam
    access = world.has_access(actor, exam)
    ever_granted = any(g.exam == exam and g.grantor == actor for g in world.grants.values())
    if not (world.is_found(exam) and world.is_active(actor) and (access or ever_granted)):
        yield Reason("EXAM_NOT_FOUND", exams=frozenset({exam}))
        return
    if bound is not None and bound.until is not None and bound.until <= world.now:
        yield Reason("EXPIRY_IN_PAST")
    theirs = _endable(world, actor, exam, request.recipient)
    sees = world.sight(actor, exam)
    to_it = {grant for grant in world.standing(exam) if grant.recipient == request.recipient}
    if not theirs and any(map(sees, to_it)):
        yield Reason("NOT_GRANTOR_OR_OWNER")
    elif not any(bound is None or bound.exceeded_by(grant) for grant in theirs):
        groups = _groups_through(world, actor, exam, request.recipient)
        yield Reason("NO_SUCH_GRANT", principals=groups if access else frozenset())


def _endable(world: World, actor: UserId, exam: ExamId, principal: PrincipalId) -> frozenset[Grant]:
    """Return the standing grants to a principal that the actor may end: all, or their own."""
    everything = world.owns(actor, exam) or principal == actor
    return frozenset(
        grant
        for grant in world.standing(exam)
        if grant.recipient == principal and (everything or grant.grantor == actor)
    )


def _groups_through(
    world: World, actor: UserId, exam: ExamId, principal: PrincipalId
) -> frozenset[PrincipalId]:
    """Return the groups through which a principal has access, as far as the actor may know."""
    if isinstance(principal, UserId) and (
        not world.is_active(principal) or world.owns(principal, exam)
    ):
        return frozenset()
    sees = world.sight(actor, exam)
    return frozenset(
        grant.recipient
        for grant in world.standing(exam)
        if sees(grant)
        and grant.grantor != principal
        and isinstance(grant.recipient, GroupId)
        and principal in world.shown_behind(actor, grant.recipient)
    )


def _refused_for_reshares(world: World, act: EndingAct) -> Refused | None:
    """Refuse under `RESTRICT` if a cascade would do more; without access, show no re-shares."""
    if act.reshares is not Reshares.RESTRICT:
        return None
    more = _more_by_cascade(world, act.exam, act.named, act.bound)
    if not more:
        return None
    knows = support.knowledge(world, act.by, act.exam)
    seen = filter(knows.sees, more) if knows.access else ()
    return Refused.by(Reason("HAS_RESHARES", grants=frozenset(GrantId(f"{g.id}") for g in seen)))


@memoized
def _more_by_cascade(
    world: World, exam: ExamId, named: frozenset[Grant], bound: Bound | None
) -> frozenset[Grant]:
    """Return what a cascade would end or narrow beyond the act itself."""
    before = world.standing(exam)
    kept = support.left_by_keep(before, named, bound)
    cascaded = support.left_by_cascade(world, before, named, bound)
    return frozenset(grant for grant in before if kept[grant] != cascaded[grant])


def _carried_out(world: World, act: EndingAct) -> UnshareReceipt | Refused:
    """End the named grants, treat re-shares as asked, and show the actor what they may know."""
    refused = _refused_for_reshares(world, act)
    if refused is not None:
        return refused
    before, knows = world.standing(act.exam), support.knowledge(world, act.by, act.exam)
    if act.reshares is Reshares.CASCADE:
        left = support.left_by_cascade(world, before, act.named, act.bound)
    else:
        left = support.left_by_keep(before, act.named, act.bound)
    named = {grant.id for grant in act.named}
    passed_on = [one for one in before - act.named if named & support.rests_directly_on(world, one)]
    bases = {
        grant.id: grant.basis if act.by is None else world.shown_basis(grant, knows.sees)
        for grant in before
    }
    counts = act.named or act.how == "WITHDRAWN"
    done = _written(world, act, left, world.next_version(act.exam) if counts else 0)
    ended = frozenset(each for each in done.all_ended if knows.sees(world.grants[each]))
    became = {new: old for old in ended for new in done.all_replacements.get(old, frozenset())}
    left_standing = frozenset(
        each.id for each in passed_on if each.id not in done.all_ended and knows.sees(each)
    )
    changes = support.effects(
        knows,
        before=before,
        ended=frozenset(world.grants[each] for each in done.all_ended),
        made=frozenset(world.grants[each] for each in done.made),
        bound=act.bound,
    )
    kept = frozenset(each.principal for each in changes if each.kept and act.by is not None)
    shown = [world.grants[each] for each in (*ended, *left_standing)]
    people = {one for grant in shown for one in (grant.grantor, grant.recipient)}
    return attrs.evolve(
        done,
        ended=frozenset(Shown(each, bases[each]) for each in ended),
        replacements=frozenset(Shown(new, bases[old]) for new, old in became.items()),
        left_standing=frozenset(Shown(each, bases[each]) for each in left_standing),
        still_have_access=kept,
        names=world.names_of(people | kept),
    )


def _written(world: World, act: EndingAct, left: Left, version: int) -> UnshareReceipt:
    """End each grant of which not all is left; what replaces it keeps its version and basis."""
    owns = act.by is not None and world.owns(act.by, act.exam)
    ended: dict[GrantNumber, How] = {}
    replacements: dict[GrantNumber, frozenset[GrantNumber]] = {}
    for grant in sorted(left, key=lambda grant: grant.id):
        if left[grant] == {support.whole(grant)}:
            continue
        new = frozenset(_replace(world, grant, piece) for piece in left[grant])
        how: How = act.how if grant in act.named and act.bound is None else "CASCADED"
        if new:
            how, replacements[grant.id] = "NARROWED", new
        ended[grant.id] = how
        ending = Ending(how=how, by=act.by or HOST, as_owner=owns, version=version, replaced_by=new)
        world.endings |= {grant.id: ending}
    return UnshareReceipt(all_ended=ended, all_replacements=replacements)


def _replace(world: World, grant: Grant, piece: Piece) -> GrantNumber:
    new, until = world.next_grant(), until_of(piece.horizon)
    world.grants |= {new: attrs.evolve(grant, id=new, permission=piece.permission, until=until)}
    return new


def end_by_host(
    world: World,
    recipient: PrincipalId,
    exam: ExamId | None = None,
    reshares: Reshares | None = None,
) -> UnshareReceipt | Refused:
    """End a principal's grants on an exam or everywhere, without an actor's rights."""
    if exam is not None and not _known_to_host(world, exam):
        return Refused.not_found(exam)
    acts = [
        EndingAct(
            exam=one,
            named=frozenset(grant for grant in world.standing(one) if grant.recipient == recipient),
            how="BY_HOST",
            reshares=reshares or world.policy.reshares,
        )
        for one in sorted(world.exams)
        if exam in {None, one}
    ]
    refused = [_refused_for_reshares(world, act) for act in acts]
    in_the_way = {one for each in refused if each for why in each.reasons for one in why.grants}
    if in_the_way:
        return Refused.by(Reason("HAS_RESHARES", grants=frozenset(in_the_way)))
    parts = [part for act in acts if isinstance(part := _carried_out(world, act), UnshareReceipt)]
    return reduce(_together, parts, UnshareReceipt())


def _together(first: UnshareReceipt, second: UnshareReceipt) -> UnshareReceipt:
    fields = [field.name for field in attrs.fields(UnshareReceipt) if field.name != "repeated"]
    return UnshareReceipt(
        **{name: or_(getattr(first, name), getattr(second, name)) for name in fields}
    )


def withdraw(world: World, exam: ExamId) -> UnshareReceipt | Refused:
    """End all grants on an exam as `WITHDRAWN`, so that nobody finds it; again, do nothing."""
    if not _known_to_host(world, exam):
        return Refused.not_found(exam)
    if exam in world.withdrawn:
        return UnshareReceipt()
    act = EndingAct(exam=exam, named=world.standing(exam), how="WITHDRAWN", reshares=Reshares.KEEP)
    done = _carried_out(world, act)
    world.withdrawn |= {exam}
    return done


def _known_to_host(world: World, exam: ExamId) -> bool:
    """The host may act on every exam of which sharing is kept, also on a deleted one."""
    return world.is_found(exam) or world.versions.get(exam, 0) > 0


def perform(world: World, request: Request) -> Receipt | Refused:
    """Do what a request asks for, unless it was done before under its request id."""
    first = first_receipt(world, request)
    if first is not None:
        return first
    done = share(world, request) if isinstance(request, ShareRequest) else unshare(world, request)
    if request.request_id is not None and not isinstance(done, Refused):
        world.receipts[request.actor, request.request_id] = request, done
    return done


def first_receipt(world: World, request: Request) -> Receipt | None:
    """Return the receipt of the same request, marked as repeated, if it was done before.

    Raises:
        RequestIdReused: the actor used the request id for a different request.
    """
    kept = world.receipts.get((request.actor, request.request_id))
    if kept is None:
        return None
    first, receipt = kept
    if without_message(first) != without_message(request):
        raise RequestIdReused(request.request_id)
    return attrs.evolve(receipt, repeated=True, names=world.names_of(receipt.names))


Effects: TypeAlias = frozenset[Effect]


@attrs.frozen(kw_only=True)
class Preview:
    """What an act would do, as far as its actor may know.

    A group is listed with what grants to itself give, and its members as far as the actor may see
    them. Kept is what an ended grant gave, and what is held beyond the bound all the same.
    """

    reasons: Reasons = frozenset()
    gains: Effects = frozenset()
    losses: Effects = frozenset()
    keeps: Effects = frozenset()
    names: Names = attrs.field(factory=dict)
    repeated: bool = False


def preview(world: World, request: Request) -> Preview:
    """Return what an act would do, by doing it in a copy of the world.

    The effects stand beside the reason if only the attestation is missing.
    """
    if first_receipt(world, request) is not None:
        return Preview(repeated=True)
    other, reasons = world.copy(), Reasons()
    result = perform(other, attrs.evolve(request, request_id=None))
    if isinstance(result, Refused):
        reasons = result.reasons
        if isinstance(request, ShareRequest) and reasons == {Reason("ATTESTATION_MISSING")}:
            result = share(other, attrs.evolve(request, attested=True, wording=None))
    if isinstance(result, Refused):
        return Preview(reasons=reasons)
    changes = _changes(world, request, other, result)
    gains = frozenset(each for each in changes if each.after > each.before)
    losses = frozenset(each for each in changes if each.after < each.before)
    keeps = frozenset(each for each in changes if each.kept)
    names = world.names_of(each.principal for each in gains | losses | keeps)
    return Preview(reasons=reasons, gains=gains, losses=losses, keeps=keeps, names=names)


def _changes(world: World, request: Request, other: World, result: Receipt) -> list[Effect]:
    all_ended = result.all_ended if isinstance(result, UnshareReceipt) else {}
    ended = frozenset(world.grants[each] for each in all_ended)
    made = frozenset(other.grants[each] for each in result.made)
    return [
        change
        for exam in {grant.exam for grant in ended | made}
        for change in support.effects(
            support.knowledge(world, request.actor, exam),
            before=world.standing(exam),
            ended=ended,
            made=made,
            bound=_bound_of(request),
        )
    ]
