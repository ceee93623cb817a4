"""What becomes of re-shares: which grants are supported, and what a cascade leaves of the rest.

Specification: `#re-shares`. Each set here is a smallest set: it starts empty and grows by what the
rule admits until nothing more comes. So grants that support only each other are never admitted.
"""

from collections.abc import Mapping
from datetime import datetime

import attrs

from exam_sharing.grants import Permission
from exam_sharing.testing.model.world import NEVER, Grant, World, horizon_of, principals_of


@attrs.frozen
class Piece:
    """A part of a grant: some permission of it, for some of its time."""

    grant: Grant
    permission: Permission
    horizon: datetime

    def within(self, other: "Piece") -> bool:
        """Return whether another piece gives at least this permission for at least this long."""
        return self.permission <= other.permission and self.horizon <= other.horizon


@attrs.frozen
class Bound:
    """At most this permission, at most until then; `None` does not limit."""

    permission: Permission | None = None
    until: datetime | None = None

    def cut(self, grant: Grant) -> Piece:
        """Return the part of a grant within the bound."""
        permission = grant.permission
        if self.permission is not None:
            permission = min(permission, self.permission)
        return Piece(grant, permission, min(grant.horizon, horizon_of(self.until)))

    def leaves(self, permission: Permission) -> datetime:
        """Return the latest horizon that the bound leaves to a permission."""
        beyond = self.permission is not None and permission > self.permission
        return NEVER if beyond else horizon_of(self.until)

    def exceeded_by(self, grant: Grant) -> bool:
        """Return whether a grant goes beyond the bound."""
        return self.cut(grant) != whole(grant)


def whole(grant: Grant) -> Piece:
    """Return all of a grant as a piece."""
    return Piece(grant, grant.permission, grant.horizon)


def supported(world: World, pieces: frozenset[Piece]) -> frozenset[Piece]:
    """Return the smallest set that holds every supported piece.

    A piece is supported if the basis of its grant is `OWNER`, or if it is within a supported piece
    that reaches its grantor. Whether the grantor is active makes no difference.
    """
    grants = {piece.grant for piece in pieces}
    sources = {
        grant: {
            source
            for source in grants
            if source.grantor != grant.grantor
            and source.recipient in principals_of(world, grant.grantor)
        }
        for grant in grants
        if grant.basis != "OWNER"
    }
    found: frozenset[Piece] = frozenset()
    while True:
        more = frozenset(
            piece
            for piece in pieces
            if piece.grant.basis == "OWNER"
            or any(other.grant in sources[piece.grant] and piece.within(other) for other in found)
        )
        if more == found:
            return found
        found = more


def rests_directly_on(world: World, grant: Grant) -> frozenset[int]:
    """Return the basis of a grant, and what replaced the grants in it when they were narrowed."""
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
    world: World, standing_before: frozenset[Grant], named: frozenset[Grant]
) -> frozenset[Grant]:
    """Return the standing grants that had support before, or that rest on a named grant."""
    ids = {grant.id for grant in named}
    stood = supported(world, frozenset(map(whole, standing_before)))
    resting = {grant for grant in standing_before if ids & rests_on(world, grant)}
    return frozenset(piece.grant for piece in stood) | resting


def left_by_keep(
    standing_before: frozenset[Grant], named: frozenset[Grant], bound: Bound | None
) -> Mapping[Grant, frozenset[Piece]]:
    """Return what is left of every grant if re-shares stay: all, or what the bound leaves."""
    left: dict[Grant, frozenset[Piece]] = {}
    for grant in standing_before:
        if grant not in named:
            left[grant] = frozenset({whole(grant)})
        else:
            left[grant] = frozenset() if bound is None else frozenset({bound.cut(grant)})
    return left


def left_by_cascade(
    world: World, standing_before: frozenset[Grant], named: frozenset[Grant], bound: Bound | None
) -> Mapping[Grant, frozenset[Piece]]:
    """Return what is left of every grant if each touched one keeps only its supported parts.

    An untouched grant stays as it is, and supports others as a whole or not at all.
    """
    kept = left_by_keep(standing_before, named, bound)
    affected = touched(world, standing_before, named)
    times = {piece.horizon for pieces in kept.values() for piece in pieces}
    candidates = {
        grant: frozenset(
            part
            for piece in pieces
            for part in (_parts(piece, times) if grant in affected else {piece})
        )
        for grant, pieces in kept.items()
    }
    still = supported(world, frozenset(part for parts in candidates.values() for part in parts))
    return {
        grant: _largest(candidates[grant] & still) if grant in affected else kept[grant]
        for grant in kept
    }


def _parts(piece: Piece, times: set[datetime]) -> frozenset[Piece]:
    """Return every part of a piece that could be supported by itself."""
    parts = (Piece(piece.grant, permission, time) for permission in Permission for time in times)
    return frozenset(part for part in parts if part.within(piece))


def _largest(parts: frozenset[Piece]) -> frozenset[Piece]:
    """Return the parts that are not within another one: at most one for each permission."""
    return frozenset(
        part for part in parts if not any(other != part and part.within(other) for other in parts)
    )
