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
from exam_sharing.testing.model.ending import unshare
from exam_sharing.testing.model.sharing import share
from exam_sharing.testing.model.support import Bound, Consequence, consequences, knowledge
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
    them. Kept is what an ended grant gave, and what is held beyond the bound all the same.
    """

    refused: Refused = NOT_REFUSED
    gains: Effects = attrs.field(factory=dict)
    losses: Effects = attrs.field(factory=dict)
    keeps: Effects = attrs.field(factory=dict)
    names: Names = attrs.field(factory=dict)
    repeated: bool = False


def preview(world: World, request: Request) -> Preview:
    """Return what an act would do, by doing it in a copy of the world.

    The effects stand beside the reason if only the attestation is missing.
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
    all_ended = result.all_ended if isinstance(result, Ended) else {}
    ended = frozenset(world.grants[each] for each in all_ended)
    made = frozenset(other.grants[each] for each in result.made)
    bound = Bound(request.permission, request.until) if isinstance(request, NarrowRequest) else None
    return [
        change
        for exam in {grant.exam for grant in ended | made}
        for change in consequences(
            knowledge(world, request.actor, exam),
            before=world.standing(exam),
            ended=ended,
            made=made,
            bound=bound,
        )
    ]


def _effects(changes: Iterable[Consequence]) -> Effects:
    return {
        (each.principal, each.exam, each.permission): Effect(each.before, each.after)
        for each in changes
    }
