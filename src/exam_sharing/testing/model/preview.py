"""What a request does, and the preview of it.

Specification: `#request-ids`, `#previews`.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TypeAlias

import attrs

from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, PrincipalId
from exam_sharing.policy.requests import NarrowRequest, Request, ShareRequest, without_message
from exam_sharing.testing.model.access import (
    Bound,
    Consequence,
    consequences,
    knowledge,
    standing,
)
from exam_sharing.testing.model.ending import unshare
from exam_sharing.testing.model.sharing import share
from exam_sharing.testing.model.world import (
    NOT_REFUSED,
    Ended,
    Names,
    Receipt,
    Refused,
    RequestIdReused,
    World,
)


def perform(world: World, request: Request) -> Receipt | Refused:
    """Do what a request asks for, unless it was done before under its request id.

    Raises:
        RequestIdReused: the actor used the request id for a different request.
    """
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


@attrs.frozen
class Effect:
    """Until when a permission is held before and after an act; `NEVER` if not at all."""

    before: datetime
    after: datetime


Effects: TypeAlias = Mapping[tuple[PrincipalId, ExamId, Permission], Effect]


@attrs.frozen(kw_only=True)
class Preview:
    """What an act would do, as far as its actor may know.

    A group is listed with what grants to itself give, and its members as far as the actor may see
    them.

    Attributes:
        refused: why it would be refused, if so.
        gains: who would hold what for longer.
        losses: who would hold what for less long.
        keeps: who would hold all the same what an ended grant gave them, beyond the bound.
        names: of those principals.
        repeated: whether the act was done before under the same request id, and would do nothing.
    """

    refused: Refused = NOT_REFUSED
    gains: Effects = attrs.field(factory=dict)
    losses: Effects = attrs.field(factory=dict)
    keeps: Effects = attrs.field(factory=dict)
    names: Names = attrs.field(factory=dict)
    repeated: bool = False


def preview(world: World, request: Request) -> Preview:
    """Return what an act would do, by doing it in a copy of the world.

    The effects stand beside the reason if only the attestation is missing. With any other reason
    there are no effects.

    Raises:
        RequestIdReused: the actor used the request id for a different request.
    """
    if first_receipt(world, request) is not None:
        return Preview(repeated=True)
    other, refused = world.copy(), NOT_REFUSED
    result = perform(other, attrs.evolve(request, request_id=None))
    if isinstance(result, Refused):
        refused = result
        if isinstance(request, ShareRequest) and {*refused.reasons} == {"ATTESTATION_MISSING"}:
            result = share(other, attrs.evolve(request, attested=True, wording=None))
    if isinstance(result, Refused):
        return Preview(refused=refused)
    changes = _changes(world, request, other, result)
    gains = _effects(each for each in changes if each.after > each.before)
    losses = _effects(each for each in changes if each.after < each.before)
    keeps = _effects(each for each in changes if each.kept)
    names = world.names_of(principal for principal, _, _ in (*gains, *losses, *keeps))
    return Preview(refused=refused, gains=gains, losses=losses, keeps=keeps, names=names)


def _changes(world: World, request: Request, other: World, result: Receipt) -> list[Consequence]:
    if isinstance(result, Ended):
        ended = frozenset(world.grants[old] for old in result.all_ended)
        made = frozenset(new for each in result.all_replacements.values() for new in each)
    else:
        ended, made = frozenset(), result.made
    grants = frozenset(other.grants[each] for each in made)
    bound = Bound(request.permission, request.until) if isinstance(request, NarrowRequest) else None
    return [
        change
        for exam in {grant.exam for grant in ended | grants}
        for change in consequences(
            world,
            knowledge(world, request.actor, exam),
            before=standing(world, exam),
            ended=ended,
            made=grants,
            bound=bound,
        )
    ]


def _effects(changes: Iterable[Consequence]) -> Effects:
    return {
        (each.principal, each.exam, each.permission): Effect(each.before, each.after)
        for each in changes
    }
