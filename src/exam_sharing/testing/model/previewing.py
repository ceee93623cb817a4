"""What an act would do, as far as its actor may know."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TypeAlias

import attrs

from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, PrincipalId
from exam_sharing.policy.requests import NarrowRequest, Request, RevokeRequest, ShareRequest
from exam_sharing.testing.model.access import standing
from exam_sharing.testing.model.knowledge import knowledge
from exam_sharing.testing.model.portal import perform
from exam_sharing.testing.model.records import NEVER, Ended, Grant, Receipt, Refused
from exam_sharing.testing.model.support import Bound
from exam_sharing.testing.model.world import World

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
    """

    refused: Refused | None
    gains: Effects = attrs.field(factory=dict)
    losses: Effects = attrs.field(factory=dict)
    keeps: Effects = attrs.field(factory=dict)


def preview(world: World, request: Request, now: datetime) -> Preview:
    """Say what an act would do, by doing it in another world.

    Where the attestation is all that is missing the effects stand beside it; with any other
    reason there are none.
    """
    if not isinstance(request, RevokeRequest):
        request = attrs.evolve(request, request_id=None)
    other = world.copy()
    result = perform(other, request, now)
    refused = result if isinstance(result, Refused) else None
    if refused and isinstance(request, ShareRequest) and refused.codes == {"ATTESTATION_MISSING"}:
        attested = attrs.evolve(request, attested=True, wording=None)
        result = perform(other, attested, now)
    if isinstance(result, Refused):
        return Preview(refused=refused)
    told = [
        change
        for exam in world.exams
        for change in _changes(
            world, request, exam, _ended(world, result), _made(other, result), now
        )
    ]
    return Preview(
        refused=refused,
        gains={each.what: each.times for each in told if each.after > each.before},
        losses={each.what: each.times for each in told if each.after < each.before},
        keeps={each.what: each.times for each in told if each.kept},
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


@attrs.frozen(kw_only=True)
class _Change:
    """Until when somebody holds a permission before and after; whether they keep what is taken."""

    what: tuple[PrincipalId, ExamId, Permission]
    before: datetime
    after: datetime
    kept: bool

    @property
    def times(self) -> tuple[datetime, datetime]:
        """Until when, before and after."""
        return self.before, self.after


def _changes(
    world: World,
    request: Request,
    exam: ExamId,
    ended: frozenset[Grant],
    made: frozenset[Grant],
    now: datetime,
) -> Iterator[_Change]:
    """Yield what happens on one exam to everybody whom the grants that end or come are made to."""
    knows = knowledge(world, request.actor, exam, now)
    before = frozenset(grant for grant in standing(world, exam, now) if knows.sees(grant))
    gone = before & ended
    new = frozenset(grant for grant in made if knows.sees(grant))
    after = before - gone | new
    bound = Bound(request.permission, request.until) if isinstance(request, NarrowRequest) else None
    affected = {one for grant in gone | new for one in knows.reached_by(world, grant.recipient)}
    for principal in affected:
        for permission in Permission:
            then = knows.holds_until(world, principal, permission, after)
            taken = knows.given_until(world, principal, permission, gone) > now
            yield _Change(
                what=(principal, exam, permission),
                before=knows.holds_until(world, principal, permission, before),
                after=then,
                kept=taken and then > (NEVER if bound is None else bound.leaves(permission)),
            )
