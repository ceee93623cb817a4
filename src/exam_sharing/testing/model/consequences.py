"""What the end and the making of grants change for everybody, as far as somebody may know."""

from collections.abc import Iterator
from datetime import datetime

import attrs

from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, PrincipalId
from exam_sharing.testing.model.knowledge import Knowledge
from exam_sharing.testing.model.records import NEVER, Grant
from exam_sharing.testing.model.support import Bound
from exam_sharing.testing.model.world import World


@attrs.frozen(kw_only=True)
class Consequence:
    """Until when somebody holds a permission before and after; whether they keep what is taken."""

    principal: PrincipalId
    exam: ExamId
    permission: Permission
    before: datetime
    after: datetime
    kept: bool


def consequences(
    world: World,
    knows: Knowledge,
    *,
    before: frozenset[Grant],
    ended: frozenset[Grant],
    made: frozenset[Grant],
    bound: Bound | None,
    now: datetime,
) -> Iterator[Consequence]:
    """Yield what happens on one exam to everybody whom the grants that end or come are made to.

    They keep what a grant that ends gave them where they would hold it all the same, beyond what
    the act leaves of that grant.

    Args:
        world: the people.
        knows: what is known of the exam; what is not known has no part in this.
        before: the grants that stand before.
        ended: those of them that end.
        made: the grants that are made.
        bound: what is left of grants that are narrowed.
        now: the time of the act.
    """
    standing, gone, new = (
        frozenset(grant for grant in grants if knows.sees(grant))
        for grants in (before, ended, made)
    )
    after = standing - gone | new
    affected = {one for grant in gone | new for one in knows.reached_by(world, grant.recipient)}
    for principal in affected:
        for permission in Permission:
            then = knows.holds_until(world, principal, permission, after)
            taken = knows.given_until(world, principal, permission, gone) > now
            yield Consequence(
                principal=principal,
                exam=knows.exam,
                permission=permission,
                before=knows.holds_until(world, principal, permission, standing),
                after=then,
                kept=taken and then > (NEVER if bound is None else bound.leaves(permission)),
            )
