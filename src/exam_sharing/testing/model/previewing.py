"""What an act would do, as far as its actor may know."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TypeAlias

import attrs

from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, PrincipalId
from exam_sharing.policy.requests import NarrowRequest, Request, ShareRequest
from exam_sharing.testing.model.access import standing
from exam_sharing.testing.model.consequences import Consequence, consequences
from exam_sharing.testing.model.knowledge import knowledge
from exam_sharing.testing.model.portal import perform
from exam_sharing.testing.model.records import Ended, Grant, Receipt, Refused
from exam_sharing.testing.model.support import Bound
from exam_sharing.testing.model.world import World, first_receipt

Effects: TypeAlias = Mapping[tuple[PrincipalId, ExamId, Permission], tuple[datetime, datetime]]
"""Until when somebody holds something before and after; `NEVER` for not at all."""


@attrs.frozen(kw_only=True)
class Preview:
    """What an act would do, as far as its actor may know.

    A group is among those affected with what grants to itself give; of the users behind it, those
    are named whom the actor may see in it.

    Attributes:
        refused: why it would be refused, or `None`.
        gains: who would hold what longer than now.
        losses: who would hold what less long than now.
        keeps: who is given something by a grant that would end, and would hold it all the same,
            beyond what the act leaves of that grant.
        repeated: the act would do nothing, as it was done before under the same request id.
    """

    refused: Refused | None = None
    gains: Effects = attrs.field(factory=dict)
    losses: Effects = attrs.field(factory=dict)
    keeps: Effects = attrs.field(factory=dict)
    repeated: bool = False


def preview(world: World, request: Request, now: datetime) -> Preview:
    """Say what an act would do, by doing it in another world.

    Where the attestation is all that is missing the effects stand beside it; with any other
    reason there are none.
    """
    if first_receipt(world, request) is not None:
        return Preview(repeated=True)
    request = attrs.evolve(request, request_id=None)
    other = world.copy()
    result = perform(other, request, now)
    refused = result if isinstance(result, Refused) else None
    if refused and isinstance(request, ShareRequest) and refused.codes == {"ATTESTATION_MISSING"}:
        attested = attrs.evolve(request, attested=True, wording=None)
        result = perform(other, attested, now)
    if isinstance(result, Refused):
        return Preview(refused=refused)
    ended, made = _ended(world, result), _made(other, result)
    exams = {grant.exam for grant in ended | made}
    told = [each for exam in exams for each in _told(world, request, exam, ended, made, now)]
    return Preview(
        refused=refused,
        gains=_times(each for each in told if each.after > each.before),
        losses=_times(each for each in told if each.after < each.before),
        keeps=_times(each for each in told if each.kept),
    )


def _ended(world: World, result: Receipt) -> frozenset[Grant]:
    ended = result.ended if isinstance(result, Ended) else ()
    return frozenset(world.grants[old] for old in ended)


def _made(other: World, result: Receipt) -> frozenset[Grant]:
    if isinstance(result, Ended):
        made = frozenset[int]().union(*result.replacements.values())
    else:
        made = result.made
    return frozenset(other.grants[new] for new in made)


def _told(
    world: World,
    request: Request,
    exam: ExamId,
    ended: frozenset[Grant],
    made: frozenset[Grant],
    now: datetime,
) -> Iterator[Consequence]:
    bound = Bound(request.permission, request.until) if isinstance(request, NarrowRequest) else None
    return consequences(
        world,
        knowledge(world, request.actor, exam, now),
        before=standing(world, exam, now),
        ended=ended,
        made=made,
        bound=bound,
        now=now,
    )


def _times(told: Iterable[Consequence]) -> Effects:
    return {
        (each.principal, each.exam, each.permission): (each.before, each.after) for each in told
    }
