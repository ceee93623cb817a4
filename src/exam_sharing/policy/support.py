"""Which grants are supported, and what a cascade ends. Specification: `#re-shares`.

The supported grants are the smallest set such that a grant is in it if its basis is `OWNER`, or if
supported standing grants on the exam, made to its grantor or to groups that the grantor is in now,
give at least that permission for at least that long. A circle therefore supports nothing.

An act touches a standing grant that had support before it, or that rests, directly or through
others, on a grant that the act ends. A touched grant keeps what is still supported of it. Other
grants stay as they are. Grants that an inactive user made stay, also as support.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from heapq import heappop, heappush
from typing import TypeAlias

import attrs

from exam_sharing.grants import FOREVER, NEVER, NOTHING, OWNER, Grant, Holding, Permission
from exam_sharing.identifiers import GrantId, PrincipalKey, UserId
from exam_sharing.policy.access import grouped, in_order
from exam_sharing.policy.facts import Memberships
from exam_sharing.policy.requests import Reshares

_Cut: TypeAlias = Mapping[GrantId, Holding]
"""What remains of each grant that an act ends or narrows."""


def unread_sources(grants: Iterable[Grant], known: Iterable[Grant]) -> frozenset[GrantId]:
    """Return the grants that the bases of some grants name, without those that are known."""
    named: set[GrantId] = set()
    for grant in grants:
        if grant.basis is not OWNER:
            named |= grant.basis
    return frozenset(named.difference(grant.id for grant in known))


@attrs.frozen(kw_only=True, slots=False)
class Support:
    """How the grants on one exam rest on each other.

    A grant rests directly on every grant in the line of one that its basis names: what replaced a
    narrowed grant stands where that stood.

    Attributes:
        standing: the grants that stand, in their order.
        lineage: grants that no longer stand: those that the bases of standing grants name and,
            where a cascade is examined, those that their bases name in turn.
        memberships: of every grantor of a standing grant, where a cascade is examined.
    """

    standing: tuple[Grant, ...]
    lineage: tuple[Grant, ...] = ()
    memberships: Memberships = attrs.field(factory=dict)

    def left_by(self, cut: _Cut, reshares: Reshares) -> _Cut:
        """Return what remains of each standing grant that an act ends or narrows.

        `cut` is what remains of the grants that the act names. There is no cascade under `KEEP`.
        """
        if reshares is Reshares.KEEP:
            return cut
        resting = self.resting_on(cut)

        def touched(id_: GrantId) -> bool:
            return id_ in resting or id_ in self.supported

        concerned = self._reached_from(cut.keys() | resting)
        still = _Spread(support=self, cut=cut, divisible=touched).over(concerned)
        less = {
            id_: held
            for id_, held in still.items()
            if held != self.by_id[id_].holding and touched(id_)
        }
        return {**cut, **less}

    def further(self, cut: _Cut, left: _Cut) -> list[Grant]:
        """Return the grants of which a cascade leaves less than the act itself, in their order."""
        return in_order(self.by_id[id_] for id_, held in left.items() if cut.get(id_) != held)

    def loses_directly(self, cut: _Cut) -> bool:
        """Return whether a cascade is sure to take more, since a direct re-share loses its source.

        A cheap sufficient test: it counts every other grant to the grantor as support. Where it is
        false, only `left_by` has the answer.
        """
        ended_to = {self.by_id[id_].recipient.key for id_ in cut}
        reached = {grantor for key in ended_to for grantor in self.grantors_in.get(key, ())}
        return any(self._loses_directly(grantor, cut) for grantor in reached)

    def _loses_directly(self, grantor: UserId, cut: _Cut) -> bool:
        at_most = Holding.all_of(
            cut.get(source.id, source.holding)
            for source in self.sources_of([grantor])
            if source.grantor != grantor
        )
        return any(
            not at_most.covers(grant.holding) and grant.id in self.supported
            for grant in self._passed_on[grantor]
            if grant.id not in cut
        )

    @cached_property
    def supported(self) -> frozenset[GrantId]:
        """The supported grants."""
        held = _Spread(support=self, cut={}, divisible=lambda _: False).over(self.by_id.keys())
        return frozenset(id_ for id_, holding in held.items() if holding != NOTHING)

    def resting_on(self, named: Iterable[GrantId]) -> frozenset[GrantId]:
        """Return the standing grants that rest on some, directly or through others."""
        resting: set[GrantId] = set()
        ahead = [self.by_id[id_] for id_ in named]
        while ahead:
            for grant in self._resting_directly_on(ahead.pop()):
                if grant.id not in resting:
                    resting.add(grant.id)
                    ahead.append(grant)
        return frozenset(resting & self.by_id.keys())

    def passed_on_from(self, named: Iterable[GrantId]) -> frozenset[GrantId]:
        """Return the standing grants that rest directly on some."""
        resting = {g.id for id_ in named for g in self._resting_directly_on(self.by_id[id_])}
        return frozenset(resting & self.by_id.keys())

    def _resting_directly_on(self, grant: Grant) -> Iterator[Grant]:
        for line in grant.in_lines:
            yield from self._built_on.get(line, ())

    @cached_property
    def by_id(self) -> Mapping[GrantId, Grant]:
        """The standing grants by id."""
        return {grant.id: grant for grant in self.standing}

    @cached_property
    def _built_on(self) -> Mapping[GrantId, list[Grant]]:
        """For each line, the grants whose bases name a grant of it."""
        known = (*self.standing, *self.lineage)
        line_of = {grant.id: grant.line for grant in known}
        built_on: dict[GrantId, list[Grant]] = {}
        for grant in known:
            if grant.basis is not OWNER:
                for line in {line_of[source] for source in grant.basis & line_of.keys()}:
                    built_on.setdefault(line, []).append(grant)
        return built_on

    @cached_property
    def _made_to(self) -> Mapping[PrincipalKey, tuple[Grant, ...]]:
        """For each principal, the standing grants made to it."""
        return grouped(self.standing, lambda grant: grant.recipient.key)

    @cached_property
    def _passed_on(self) -> Mapping[UserId, tuple[Grant, ...]]:
        """For each grantor who is not entitled as the owner, the standing grants that they made."""
        reshares = (grant for grant in self.standing if grant.basis is not OWNER)
        return grouped(reshares, lambda grant: grant.grantor)

    @cached_property
    def _held_by(self) -> Mapping[UserId, list[PrincipalKey]]:
        """For each of those grantors, the principals with grants by which they hold the exam."""
        made_to = self._made_to.keys()
        return {each: [*(self.memberships[each] & made_to)] for each in self._passed_on}

    @cached_property
    def grantors_in(self) -> Mapping[PrincipalKey, list[UserId]]:
        """For each principal with grants, those of the grantors who hold the exam by it."""
        found: dict[PrincipalKey, list[UserId]] = {}
        for grantor, principals in self._held_by.items():
            for principal in principals:
                found.setdefault(principal, []).append(grantor)
        return found

    def sources_of(self, grantors: Iterable[UserId]) -> Iterator[Grant]:
        """Yield the standing grants by which some of those grantors hold the exam, once each."""
        for principal in {key for grantor in grantors for key in self._held_by[grantor]}:
            yield from self._made_to[principal]

    def _reached_from(self, named: Iterable[GrantId]) -> set[GrantId]:
        """Return some standing grants, and all whose support can change with theirs."""
        found = set(named)
        ahead = {self.by_id[id_].recipient.key for id_ in found}
        seen = set(ahead)
        grantors: set[UserId] = set()
        while ahead:
            for grantor in self.grantors_in.get(ahead.pop(), ()):
                if grantor not in grantors:
                    grantors.add(grantor)
                    for grant in self._passed_on[grantor]:
                        found.add(grant.id)
                        if grant.recipient.key not in seen:
                            seen.add(grant.recipient.key)
                            ahead.add(grant.recipient.key)
        return found


_Place: TypeAlias = tuple[PrincipalKey, Permission]


@attrs.define(kw_only=True)
class _Spread:
    """How support spreads from the owner's grants, the longest first, as in Dijkstra's algorithm.

    INVARIANT: support that is taken up lasts no longer than any that was taken up before. So what
    reaches somebody first is the longest that they have, and a principal passes support on at most
    twice for each permission: a grant gives nothing to its own grantor, so that the grantor of the
    first waits for a second of somebody else.
    """

    support: Support
    cut: _Cut
    divisible: Callable[[GrantId], bool]
    _found: dict[GrantId, Holding] = attrs.field(factory=dict, init=False)
    _passed_on: dict[UserId, list[Grant]] = attrs.field(factory=dict, init=False)
    _held: dict[tuple[UserId, Permission], datetime] = attrs.field(factory=dict, init=False)
    _first: dict[_Place, UserId | None] = attrs.field(factory=dict, init=False)
    _waiting: dict[datetime, list[tuple[Permission, Grant]]] = attrs.field(factory=dict, init=False)
    _gaps: list[tuple[timedelta, datetime]] = attrs.field(factory=list, init=False)

    def over(self, concerned: Collection[GrantId]) -> Mapping[GrantId, Holding]:
        """Return the least fixed point of support of some grants; the others keep theirs.

        A divisible grant is supported as far as its sources reach; any other in whole or not at
        all; none by more than remains of it.
        """
        by_id = self.support.by_id
        for id_ in concerned:
            grant = by_id[id_]
            self._found[id_] = NOTHING
            if grant.basis is OWNER:
                self._raise(grant, self._cap(grant))
            else:
                self._passed_on.setdefault(grant.grantor, []).append(grant)
        for grant in self.support.sources_of(self._passed_on):
            if grant.id not in concerned and grant.id in self.support.supported:
                self._offer(grant, NOTHING, grant.holding)
        while self._gaps:
            _, horizon = heappop(self._gaps)
            for permission, grant in self._waiting.pop(horizon):
                self._take_up(permission, grant, horizon)
        return self._found

    def _cap(self, grant: Grant) -> Holding:
        return self.cut.get(grant.id, grant.holding)

    def _raise(self, grant: Grant, to: Holding) -> None:
        before = self._found[grant.id]
        if to != before:
            self._found[grant.id] = to
            self._offer(grant, before, to)

    def _offer(self, grant: Grant, before: Holding, now: Holding) -> None:
        for permission in Permission:
            horizon = now.until(permission)
            if horizon > before.until(permission):
                if horizon not in self._waiting:
                    self._waiting[horizon] = []
                    heappush(self._gaps, (FOREVER - horizon, horizon))
                self._waiting[horizon].append((permission, grant))

    def _take_up(self, permission: Permission, source: Grant, horizon: datetime) -> None:
        for grantor in self._still_without(permission, source):
            self._held[grantor, permission] = horizon
            held = self._holding(grantor)
            for grant in self._passed_on.get(grantor, ()):
                cap = self._cap(grant)
                reach = held & cap
                if reach == cap or self.divisible(grant.id):
                    self._raise(grant, reach)

    def _still_without(self, permission: Permission, source: Grant) -> list[UserId]:
        """Return the grantors who hold the permission by this source, and by none before it."""
        place = source.recipient.key, permission
        reached: Sequence[UserId] = self.support.grantors_in.get(source.recipient.key, ())
        if place not in self._first:
            self._first[place] = source.grantor
            reached = [each for each in reached if each != source.grantor]
        else:
            first = self._first[place]
            if first is None or first == source.grantor:
                return []
            self._first[place] = None
            reached = [first] if first in reached else []
        return [each for each in reached if (each, permission) not in self._held]

    def _holding(self, grantor: UserId) -> Holding:
        download = self._held.get((grantor, Permission.DOWNLOAD), NEVER)
        view = self._held.get((grantor, Permission.VIEW), NEVER)
        return Holding(view=max(view, download), download=download)
