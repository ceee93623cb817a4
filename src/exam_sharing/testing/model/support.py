"""Who holds what, which grants support which, and what a change of grants means for people.

Specification: `#access`, `#re-shares`. Each set of supported grants is a smallest set: it starts
empty and grows by what the rule admits until nothing more comes. So grants that support only each
other are never admitted.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

import attrs

from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, PrincipalId, UserId
from exam_sharing.testing.model.world import (
    FOREVER,
    NEVER,
    Grant,
    GrantNumber,
    World,
    given_until,
    until_of,
)


@attrs.frozen
class Piece:
    """A part of a grant: some permission of it, for some of its time."""

    grant: Grant
    permission: Permission
    horizon: datetime

    def within(self, other: "Piece") -> bool:
        """Return whether another piece gives at least this permission for at least this long."""
        return self.permission <= other.permission and self.horizon <= other.horizon


Left = Mapping[Grant, frozenset[Piece]]
"""What an act leaves of each grant that stood before."""


@attrs.frozen
class Bound:
    """At most this permission, at most until then; `None` does not limit."""

    permission: Permission | None = None
    until: datetime | None = None

    def cut(self, grant: Grant) -> Piece:
        permission = min(grant.permission, self.permission or grant.permission)
        return Piece(grant, permission, min(grant.horizon, self.until or FOREVER))

    def leaves(self, permission: Permission) -> datetime:
        """Return the latest horizon that the bound leaves to a permission."""
        beyond = self.permission is not None and permission > self.permission
        return NEVER if beyond else self.until or FOREVER

    def exceeded_by(self, grant: Grant) -> bool:
        return self.cut(grant) != whole(grant)


def whole(grant: Grant) -> Piece:
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
            and source.recipient in world.principals_of(grant.grantor)
        }
        for grant in grants
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


def rests_directly_on(world: World, grant: Grant) -> frozenset[GrantNumber]:
    """Return the basis of a grant, and what replaced the grants in it when they were narrowed."""
    return frozenset() if grant.basis == "OWNER" else with_replacements(world, grant.basis)


def with_replacements(world: World, grants: frozenset[GrantNumber]) -> frozenset[GrantNumber]:
    """Return some grants and whatever replaced them when they were narrowed."""
    ended = grants & world.endings.keys()
    found = grants.union(*(world.endings[each].replaced_by for each in ended))
    return grants if found == grants else with_replacements(world, found)


def rests_on(world: World, grant: Grant) -> frozenset[GrantNumber]:
    """Return all that a grant rests on, directly or through others, standing or ended."""
    found: set[GrantNumber] = set()
    waiting = set(rests_directly_on(world, grant))
    while waiting:
        source = waiting.pop()
        found.add(source)
        waiting |= rests_directly_on(world, world.grants[source]) - found
    return frozenset(found)


def left_by_keep(before: frozenset[Grant], named: frozenset[Grant], bound: Bound | None) -> Left:
    """Return what is left of every grant if re-shares stay: all, or what the bound leaves."""
    left = {grant: frozenset({whole(grant)}) for grant in before}
    for grant in named:
        left[grant] = frozenset() if bound is None else frozenset({bound.cut(grant)})
    return left


def left_by_cascade(
    world: World, before: frozenset[Grant], named: frozenset[Grant], bound: Bound | None
) -> Left:
    """Return what is left of every grant if touched ones keep only their supported parts.

    Touched are those that had support before, or that rest on a named grant. Any other grant stays
    as it is, and supports others as a whole or not at all.
    """
    kept, ids = left_by_keep(before, named, bound), {grant.id for grant in named}
    stood = {piece.grant for piece in supported(world, frozenset(map(whole, before)))}
    affected = stood | {grant for grant in before if ids & rests_on(world, grant)}
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
    return {**kept, **{grant: _largest(candidates[grant] & still) for grant in affected}}


def _parts(piece: Piece, times: set[datetime]) -> frozenset[Piece]:
    """Return every part of a piece that could be supported by itself."""
    parts = (Piece(piece.grant, permission, time) for permission in Permission for time in times)
    return frozenset(part for part in parts if part.within(piece))


def _largest(parts: frozenset[Piece]) -> frozenset[Piece]:
    """Return the parts that are not within another one: at most one for each permission."""
    return frozenset(
        part for part in parts if not any(other != part and part.within(other) for other in parts)
    )


@attrs.frozen(kw_only=True)
class Knowledge:
    """What an actor may know of one exam, as it was before the act.

    Those with access know the owner. The host is `None`, and knows everything.
    """

    world: World
    actor: UserId | None
    exam: ExamId
    access: bool = True
    sees: Callable[[Grant], bool] = lambda _grant: True

    def reached_by(self, principal: PrincipalId) -> frozenset[PrincipalId]:
        """Return the principal and, of a group, the active members that the actor may see."""
        if isinstance(principal, UserId):
            return frozenset({principal})
        known = self.world.behind(principal)
        if self.actor is not None:
            known = self.world.shown_behind(self.actor, principal)
        users = {one for one in known if isinstance(one, UserId) and self.world.is_active(one)}
        return frozenset({principal, *users})

    def holds_until(
        self, principal: PrincipalId, permission: Permission, grants: Iterable[Grant]
    ) -> datetime:
        """Return until when a principal holds a permission if exactly those grants stand."""
        if isinstance(principal, UserId):
            if not self.world.is_active(principal):
                return NEVER
            if self.access and self.world.owns(principal, self.exam):
                return FOREVER
        return self.given_until(principal, permission, grants)

    def given_until(
        self, principal: PrincipalId, permission: Permission, grants: Iterable[Grant]
    ) -> datetime:
        """Return until when the grants that reach a principal, as is known, give a permission."""
        reaching = (
            grant
            for grant in grants
            if grant.grantor != principal and principal in self.reached_by(grant.recipient)
        )
        return given_until(reaching, permission)


def knowledge(world: World, actor: UserId | None, exam: ExamId) -> Knowledge:
    if actor is None:
        return Knowledge(world=world, actor=None, exam=exam)
    access, sees = world.has_access(actor, exam), world.sight(actor, exam)
    return Knowledge(world=world, actor=actor, exam=exam, access=access, sees=sees)


@attrs.frozen(kw_only=True)
class Effect:
    """Whether and until when a principal holds a permission before and after an act.

    `kept` is true if an ended grant gave the permission and the principal holds it all the same.
    """

    principal: PrincipalId
    exam: ExamId
    permission: Permission
    held_before: bool
    until_before: datetime | None
    held_after: bool
    until_after: datetime | None
    before: datetime = attrs.field(default=NEVER, eq=False)
    after: datetime = attrs.field(default=NEVER, eq=False)
    kept: bool = attrs.field(default=False, eq=False)


def effects(
    knows: Knowledge,
    *,
    ended: frozenset[Grant],
    made: frozenset[Grant],
    bound: Bound | None,
    before: frozenset[Grant],
) -> Iterator[Effect]:
    """Yield what changes on one exam for everybody whom the ended and the new grants reach.

    Grants and people who are not known are left out. After a narrowing, a principal keeps a
    permission only beyond the bound.
    """
    stood, gone, new = (frozenset(filter(knows.sees, each)) for each in (before, ended, made))
    now, after = knows.world.now, stood - gone | new
    for principal in {one for grant in gone | new for one in knows.reached_by(grant.recipient)}:
        for permission in Permission:
            first = knows.holds_until(principal, permission, stood)
            then = knows.holds_until(principal, permission, after)
            taken = knows.given_until(principal, permission, gone) > now
            yield Effect(
                principal=principal,
                exam=knows.exam,
                permission=permission,
                held_before=first > now,
                until_before=until_of(first) if first > now else None,
                held_after=then > now,
                until_after=until_of(then) if then > now else None,
                before=first,
                after=then,
                kept=taken and then > (NEVER if bound is None else bound.leaves(permission)),
            )
