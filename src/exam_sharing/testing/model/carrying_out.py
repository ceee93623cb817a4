"""Ending grants on one exam, once it is decided: what it leaves, writes and tells."""

from collections.abc import Mapping
from datetime import datetime

import attrs

from exam_sharing.identifiers import ExamId, PrincipalId, UserId
from exam_sharing.policy.requests import Reshares
from exam_sharing.testing.model.access import owns, shown_basis, standing
from exam_sharing.testing.model.consequences import consequences
from exam_sharing.testing.model.knowledge import Knowledge, knowledge
from exam_sharing.testing.model.records import (
    Ended,
    Ending,
    Grant,
    How,
    Refused,
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
from exam_sharing.testing.model.world import World, worked_out_once


@attrs.frozen(kw_only=True)
class Act:
    """One ending on one exam: which grants it names, the bound if it narrows, and who did it."""

    exam: ExamId
    named: frozenset[Grant]
    bound: Bound | None = None
    how: How
    by: UserId | None = None
    reshares: Reshares


def more_by_cascade(world: World, act: Act, now: datetime) -> frozenset[Grant]:
    """Return what a cascade would end or narrow beyond what the act itself does."""
    return _cascaded(world, act.exam, act.named, act.bound, now)


@worked_out_once
def _cascaded(
    world: World, exam: ExamId, named: frozenset[Grant], bound: Bound | None, now: datetime
) -> frozenset[Grant]:
    before = standing(world, exam, now)
    kept = left_by_keep(before, named, bound)
    cascaded = left_by_cascade(world, before, named, bound)
    return frozenset(grant for grant in before if kept[grant] != cascaded[grant])


def refused_for_reshares(world: World, act: Act, now: datetime) -> Refused | None:
    """Refuse where a cascade would end or narrow anything more, if that is to restrict the act.

    Someone without access is not told which re-shares there are.
    """
    if act.reshares is not Reshares.RESTRICT:
        return None
    more = more_by_cascade(world, act, now)
    if not more:
        return None
    knows = knowledge(world, act.by, act.exam, now)
    told = {grant.id for grant in more if knows.access and knows.sees(grant)}
    return Refused({"HAS_RESHARES": frozenset(told)})


def carried_out(world: World, act: Act, now: datetime) -> Ended | Refused:
    """End what is named, do with re-shares as asked, and tell the actor what they may know.

    Someone without access is told of grants of their own only.
    """
    refused = refused_for_reshares(world, act, now)
    if refused is not None:
        return refused
    before = standing(world, act.exam, now)
    knows = knowledge(world, act.by, act.exam, now)
    if act.reshares is Reshares.CASCADE:
        left = left_by_cascade(world, before, act.named, act.bound)
    else:
        left = left_by_keep(before, act.named, act.bound)
    passed_on = _passed_on(world, act, before)
    bases = {
        grant.id: grant.basis if act.by is None else shown_basis(world, grant, knows.sees, now)
        for grant in before
    }
    version = world.next_version(act.exam) if act.named else 0
    ended, replacements = written(world, act, left, version)
    told_ended = frozenset(grant for grant in ended if knows.sees(world.grants[grant]))
    became = {new: old for old in told_ended for new in replacements.get(old, frozenset())}
    left_standing = frozenset(
        grant.id for grant in passed_on if grant.id not in ended and knows.sees(grant)
    )
    return Ended(
        ended=ended,
        replacements=replacements,
        told_ended=told_ended,
        told_replacements=frozenset(became),
        left_standing=left_standing,
        bases={grant: bases[grant] for grant in told_ended | left_standing}
        | {new: bases[old] for new, old in became.items()},
        still_have_access=_still(world, act, knows, before, replacements, now),
    )


def _passed_on(world: World, act: Act, before: frozenset[Grant]) -> frozenset[Grant]:
    """Return what the principal passed on of the grants that are named."""
    ids = {grant.id for grant in act.named}
    return frozenset(grant for grant in before - act.named if ids & rests_directly_on(world, grant))


def written(
    world: World, act: Act, left: Mapping[Grant, frozenset[Piece]], version: int
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


def _still(
    world: World,
    act: Act,
    knows: Knowledge,
    before: frozenset[Grant],
    replacements: Mapping[int, frozenset[int]],
    now: datetime,
) -> frozenset[PrincipalId]:
    """Return whom a grant that ended reached, and who hold what it gave them all the same.

    The host is told of nobody.
    """
    if act.by is None:
        return frozenset()
    told = consequences(
        world,
        knows,
        before=before,
        ended=frozenset(grant for grant in before if grant.id in world.endings),
        made=frozenset(world.grants[new] for each in replacements.values() for new in each),
        bound=act.bound,
        now=now,
    )
    return frozenset(each.principal for each in told if each.kept)


def together(parts: list[Ended]) -> Ended:
    """Return what one act did on several exams as one."""
    return Ended(
        ended={grant: how for part in parts for grant, how in part.ended.items()},
        replacements={old: new for part in parts for old, new in part.replacements.items()},
        told_ended=frozenset().union(*(part.told_ended for part in parts)),
        told_replacements=frozenset().union(*(part.told_replacements for part in parts)),
        left_standing=frozenset().union(*(part.left_standing for part in parts)),
        bases={grant: basis for part in parts for grant, basis in part.bases.items()},
        still_have_access=frozenset().union(*(part.still_have_access for part in parts)),
    )
