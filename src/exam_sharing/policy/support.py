"""Which grants are supported, and what a cascade ends: SPEC section 3, *what becomes of re-shares*.

The supported grants are the smallest set such that a grant is in it if its basis is `OWNER`, or if
supported standing grants on the exam, made to its grantor or to groups that the grantor is in now,
give at least that permission for at least that long. A circle therefore supports nothing, and the
order in which grants were made does not matter.

An act that ends or cuts grants touches a standing grant that had support before it, or that rests,
directly or through others, on a grant that the act ends. A touched grant keeps what is still
supported of it; what the act does not touch stays as it is.

Membership counts here whether or not the grantor is active: grants that an inactive user made stay,
also as support.
"""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from exam_sharing.grants import NOTHING, OWNER, EndedGrant, Grant, Holding
from exam_sharing.identifiers import GrantId, PrincipalKey, UserId
from exam_sharing.policy.requests import Reshares

__all__ = ["Memberships", "passed_on_from", "remaining_after", "resting_on", "supported"]

Memberships: TypeAlias = Mapping[UserId, frozenset[PrincipalKey]]
"""For each grantor, the grantor and every group that they are in now."""


def supported(grants: Iterable[Grant], memberships: Memberships) -> frozenset[GrantId]:
    """Return the supported ones among the standing grants of one exam."""
    standing = tuple(grants)
    whole = {grant.id: grant.holding for grant in standing}
    kept = _least_support(standing, whole, frozenset(), memberships)
    return frozenset(id_ for id_, holding in kept.items() if holding != NOTHING)


def resting_on(
    ended: Iterable[GrantId], grants: Iterable[Grant], past: Iterable[EndedGrant]
) -> frozenset[GrantId]:
    """Return every grant, ended or not, that rests on those, directly or through others.

    Args:
        ended: the grants that an act ends.
        grants: the grants of the exam that have not been ended before.
        past: those that have; a grant that rests on one of them rests on what replaced it, too.
    """
    built_on = _built_on(grants, past)
    resting: set[GrantId] = set()
    ahead = list(ended)
    while ahead:
        new = built_on.get(ahead.pop(), set()) - resting
        resting |= new
        ahead += new
    return frozenset(resting)


def passed_on_from(
    ended: Iterable[GrantId], grants: Iterable[Grant], past: Iterable[EndedGrant]
) -> frozenset[GrantId]:
    """Return every grant that rests directly on those, with the arguments of `resting_on`."""
    built_on = _built_on(grants, past)
    return frozenset().union(*(built_on.get(grant_id, set()) for grant_id in ended))


def _built_on(
    grants: Iterable[Grant], past: Iterable[EndedGrant]
) -> Mapping[GrantId, set[GrantId]]:
    """Return, for each grant, those that rest directly on it."""
    history = tuple(past)
    replaced_by = {each.grant.id: each.ending.replaced_by for each in history}
    built_on: dict[GrantId, set[GrantId]] = {}
    for grant in (*grants, *(each.grant for each in history)):
        if grant.basis is not OWNER:
            for source in _with_replacements(grant.basis, replaced_by):
                built_on.setdefault(source, set()).add(grant.id)
    return built_on


def _with_replacements(
    basis: frozenset[GrantId], replaced_by: Mapping[GrantId, tuple[GrantId, ...]]
) -> set[GrantId]:
    found: set[GrantId] = set()
    ahead = set(basis)
    while ahead:
        found |= ahead
        ahead = {new for grant_id in ahead for new in replaced_by.get(grant_id, ())} - found
    return found


def remaining_after(
    standing: Iterable[Grant],
    past: Iterable[EndedGrant],
    cut: Mapping[GrantId, Holding],
    memberships: Memberships,
    reshares: Reshares,
) -> dict[GrantId, Holding]:
    """Return what remains of each standing grant of an exam after an act.

    Args:
        standing: the grants that stand before the act.
        past: the ended grants of the exam.
        cut: what the act itself leaves of the grants that it ends; `NOTHING` for no replacement.
        memberships: of every grantor of a standing grant.
        reshares: `KEEP` for the act alone; otherwise with its cascade.
    """
    before = tuple(standing)
    caps = {grant.id: cut.get(grant.id, grant.holding) for grant in before}
    if reshares is Reshares.KEEP:
        return caps
    touched = supported(before, memberships) | resting_on(cut, before, past)
    still = _least_support(before, caps, touched, memberships)
    return {id_: still[id_] if id_ in touched else cap for id_, cap in caps.items()}


def _least_support(
    standing: tuple[Grant, ...],
    caps: Mapping[GrantId, Holding],
    divisible: frozenset[GrantId],
    memberships: Memberships,
) -> dict[GrantId, Holding]:
    """Return the least fixed point of support, each grant giving at most its cap.

    A divisible grant is supported as far as its sources reach; any other in whole or not at all.
    """
    support = {g.id: caps[g.id] if g.basis is OWNER else NOTHING for g in standing}
    passed_on: dict[UserId, list[Grant]] = {}
    for grant in standing:
        if grant.basis is not OWNER:
            passed_on.setdefault(grant.grantor, []).append(grant)
    sources = _sources(passed_on.keys(), standing, memberships)
    feeds: dict[GrantId, list[UserId]] = {}
    for grantor, grants in sources.items():
        for source in grants:
            feeds.setdefault(source.id, []).append(grantor)
    ahead = list(passed_on)
    while ahead:
        grantor = ahead.pop()
        held = Holding.all_of(support[source.id] for source in sources[grantor])
        for grant in passed_on[grantor]:
            reach = held & caps[grant.id]
            if grant.id not in divisible and reach != caps[grant.id]:
                continue
            if reach != support[grant.id]:
                support[grant.id] = reach
                ahead += feeds.get(grant.id, ())
    return support


def _sources(
    grantors: Iterable[UserId], standing: tuple[Grant, ...], memberships: Memberships
) -> dict[UserId, tuple[Grant, ...]]:
    """Return, for each grantor, the grants that they hold the exam by."""
    made_to: dict[PrincipalKey, list[Grant]] = {}
    for grant in standing:
        made_to.setdefault(grant.recipient.key, []).append(grant)
    return {
        grantor: tuple(
            grant
            for key in memberships[grantor]
            for grant in made_to.get(key, ())
            if grant.grantor != grantor
        )
        for grantor in grantors
    }
