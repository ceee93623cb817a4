"""What becomes of re-shares: which grants are supported, and what a cascade leaves of the rest.

Everything here is a smallest set, found by adding to the empty set what the rule lets in until
nothing more comes. A circle of grants that support only each other is never let in.
"""

from collections.abc import Mapping
from datetime import datetime

import attrs

from exam_sharing.grants import Permission
from exam_sharing.testing.model.records import NEVER, Grant, horizon_of
from exam_sharing.testing.model.world import World, principals_of


@attrs.frozen
class Piece:
    """A part of a grant: some permission of it, for some of its time."""

    grant: Grant
    permission: Permission
    horizon: datetime


@attrs.frozen
class Bound:
    """At most this permission, at most until then; `None` leaves the one or the other alone."""

    permission: Permission | None = None
    until: datetime | None = None

    def cut(self, grant: Grant) -> Piece:
        """Return the part of a grant that keeps to the bound."""
        permission = grant.permission
        if self.permission is not None:
            permission = min(permission, self.permission)
        return Piece(grant, permission, min(grant.horizon, horizon_of(self.until)))

    def leaves(self, permission: Permission) -> datetime:
        """Return until when at most it leaves a permission."""
        beyond = self.permission is not None and permission > self.permission
        return NEVER if beyond else horizon_of(self.until)

    def exceeded_by(self, grant: Grant) -> bool:
        """Say whether a grant is beyond the bound."""
        return self.cut(grant) != whole(grant)


def whole(grant: Grant) -> Piece:
    """Return all of a grant as a piece."""
    return Piece(grant, grant.permission, grant.horizon)


def is_made_to_grantor(world: World, source: Grant, grant: Grant) -> bool:
    """Made to the grant's grantor or a group they are in now, and not by that grantor.

    Whether the grantor is active makes no difference.
    """
    return source.grantor != grant.grantor and source.recipient in principals_of(
        world, grant.grantor
    )


def supported(world: World, pieces: frozenset[Piece]) -> frozenset[Piece]:
    """Return the smallest set that holds every piece that is entitled.

    That is one of a grant whose basis is `OWNER`, and one whose grantor is given at least that
    permission for at least that long by another in the set.
    """
    grants = {piece.grant for piece in pieces}
    sources = {
        grant: {source for source in grants if is_made_to_grantor(world, source, grant)}
        for grant in grants
        if grant.basis != "OWNER"
    }
    found: frozenset[Piece] = frozenset()
    while True:
        entitled = frozenset(
            piece
            for piece in pieces
            if piece.grant.basis == "OWNER"
            or any(
                other.grant in sources[piece.grant]
                and other.permission >= piece.permission
                and other.horizon >= piece.horizon
                for other in found
            )
        )
        if entitled == found:
            return found
        found = entitled


def supported_grants(world: World, grants: frozenset[Grant]) -> frozenset[Grant]:
    """Return the grants that are supported; a grant is so as a whole or not at all."""
    return frozenset(
        piece.grant for piece in supported(world, frozenset(whole(grant) for grant in grants))
    )


def rests_directly_on(world: World, grant: Grant) -> frozenset[int]:
    """Return its basis and, by whatever act they were narrowed, what replaced those."""
    found: set[int] = set()
    waiting = set() if grant.basis == "OWNER" else set(grant.basis)
    while waiting:
        source = waiting.pop()
        found.add(source)
        if source in world.endings:
            waiting |= world.endings[source].replaced_by - found
    return frozenset(found)


def rests_on(world: World, grant: Grant) -> frozenset[int]:
    """Return all that a grant rests on, directly or through others, standing or ended."""
    found: set[int] = set()
    waiting = set(rests_directly_on(world, grant))
    while waiting:
        source = waiting.pop()
        found.add(source)
        waiting |= rests_directly_on(world, world.grants[source]) - found
    return frozenset(found)


def touched(
    world: World, standing_before: frozenset[Grant], ended: frozenset[Grant]
) -> frozenset[Grant]:
    """Return the standing grants that had support before, or rest on one that the act ends."""
    ids = {grant.id for grant in ended}
    return supported_grants(world, standing_before) | {
        grant for grant in standing_before if ids & rests_on(world, grant)
    }


def left_by_keep(
    standing_before: frozenset[Grant], ended: frozenset[Grant], bound: Bound | None
) -> Mapping[Grant, frozenset[Piece]]:
    """Return what is left of every grant when re-shares stay: all, or what the bound leaves."""
    left: dict[Grant, frozenset[Piece]] = {}
    for grant in standing_before:
        if grant not in ended:
            left[grant] = frozenset({whole(grant)})
        elif bound is None:
            left[grant] = frozenset()
        else:
            left[grant] = frozenset({bound.cut(grant)})
    return left


def left_by_cascade(
    world: World, standing_before: frozenset[Grant], ended: frozenset[Grant], bound: Bound | None
) -> Mapping[Grant, frozenset[Piece]]:
    """Return what is left of every grant when each touched one keeps only what is supported of it.

    What is not touched stays as it is, and supports as a whole or not at all.
    """
    named = left_by_keep(standing_before, ended, bound)
    touched_grants = touched(world, standing_before, ended)
    times = {piece.horizon for pieces in named.values() for piece in pieces}
    candidates = {
        grant: frozenset(
            part
            for piece in pieces
            for part in (_parts(piece, times) if grant in touched_grants else {piece})
        )
        for grant, pieces in named.items()
    }
    still = supported(world, frozenset(part for parts in candidates.values() for part in parts))
    return {
        grant: _kept(candidates[grant] & still) if grant in touched_grants else named[grant]
        for grant in named
    }


def _parts(piece: Piece, times: set[datetime]) -> frozenset[Piece]:
    """Return every part of a piece that could be supported by itself."""
    return frozenset(
        Piece(piece.grant, permission, time)
        for permission in Permission
        for time in times
        if permission <= piece.permission and time <= piece.horizon
    )


def _kept(parts: frozenset[Piece]) -> frozenset[Piece]:
    """Return one piece for each permission, for as long as it is supported.

    A piece that a higher one outlasts or equals would say nothing and is not made.
    """
    return frozenset(
        part
        for part in parts
        if not any(
            other != part and other.permission >= part.permission and other.horizon >= part.horizon
            for other in parts
        )
    )
