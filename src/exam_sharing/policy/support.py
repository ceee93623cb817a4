"""Which grants are supported, and what a cascade ends. Specification: `#re-shares`.

A grant whose basis is `OWNER` is supported. Any other needs supported standing grants on the exam,
made to its grantor or to groups that the grantor is in now, for at least that permission and time.
The supported grants are the smallest such set: grants that support only each other are not in it.

An act can touch two kinds of standing grants: those that had support before it, and those that rest
on a grant that it ends, directly or through others. A touched grant keeps its part that still has
support. Other grants stay as they are. Grants by inactive users stay, and support others.
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


def _rest_of(grant: Grant, cut: _Cut) -> Holding:
    return cut.get(grant.id, grant.holding)


def unread_sources(grants: Iterable[Grant], known: Iterable[Grant]) -> frozenset[GrantId]:
    """Return the ids that the bases of the grants name, without those of known grants."""
    named: set[GrantId] = set()
    for grant in grants:
        if grant.basis is not OWNER:
            named |= grant.basis
    return frozenset(named.difference(grant.id for grant in known))


@attrs.frozen(kw_only=True, slots=False)
class Support:
    """How the grants on one exam rest on each other.

    A grant rests directly on the grants that its basis names, and on all others in their lines: a
    narrowed grant and its replacements form one line.

    Attributes:
        standing: the grants that stand, in their order.
        lineage: grants that no longer stand, but are named by the bases of standing grants or, for
            a cascade, by the bases of other grants in the lineage.
        memberships: for a cascade, those of every grantor of a standing grant.
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
        """Return the grants that the cascade cuts further than the act itself, oldest first."""
        return in_order(self.by_id[id_] for id_, held in left.items() if cut.get(id_) != held)

    def loses_directly(self, cut: _Cut) -> bool:
        """Return whether a direct re-share is sure to lose support, so that a cascade takes more.

        A cheap test: it assumes that all other grants to the grantor are supported. A false result
        proves nothing; then only `left_by` decides.
        """
        ended_to = {self.by_id[id_].recipient.key for id_ in cut}
        lessened = ended_to & self.grantors_in.keys()
        reached = {grantor for key in lessened for grantor in self.grantors_in[key]}
        return any(self._loses_directly(grantor, cut) for grantor in reached)

    def _loses_directly(self, grantor: UserId, cut: _Cut) -> bool:
        at_most = Holding.all_of(
            _rest_of(source, cut)
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
        held = _Spread(support=self).over(self.by_id.keys())
        return frozenset(id_ for id_, holding in held.items() if holding != NOTHING)

    def resting_on(self, named: Iterable[GrantId]) -> frozenset[GrantId]:
        """Return the standing grants that rest on the named ones, directly or through others."""
        resting: set[GrantId] = set()
        ahead = [self.by_id[id_] for id_ in named]
        while ahead:
            for grant in self._resting_directly_on(ahead.pop()):
                if grant.id not in resting:
                    resting.add(grant.id)
                    ahead.append(grant)
        return frozenset(resting & self.by_id.keys())

    def passed_on_from(self, named: Iterable[GrantId]) -> frozenset[GrantId]:
        """Return the standing grants that rest directly on the named ones."""
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
        """For each line, the grants whose bases name a grant of that line."""
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
        """For each grantor, their standing re-shares: the grants not made as the owner."""
        reshares = (grant for grant in self.standing if grant.basis is not OWNER)
        return grouped(reshares, lambda grant: grant.grantor)

    @cached_property
    def _held_by(self) -> Mapping[UserId, list[PrincipalKey]]:
        """For each grantor of re-shares, the principals with grants that they are in."""
        made_to = self._made_to.keys()
        return {each: [*(self.memberships[each] & made_to)] for each in self._passed_on}

    @cached_property
    def grantors_in(self) -> Mapping[PrincipalKey, list[UserId]]:
        """For each principal with grants, the grantors of re-shares who are in it."""
        found: dict[PrincipalKey, list[UserId]] = {}
        for grantor, principals in self._held_by.items():
            for principal in principals:
                found.setdefault(principal, []).append(grantor)
        return found

    def sources_of(self, grantors: Iterable[UserId]) -> Iterator[Grant]:
        """Yield, once each, the standing grants to principals that the grantors are in."""
        for principal in {key for grantor in grantors for key in self._held_by[grantor]}:
            yield from self._made_to[principal]

    def _reached_from(self, named: Iterable[GrantId]) -> set[GrantId]:
        """Return the named grants, and all grants whose support can depend on theirs."""
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

    INVARIANT: support is taken up in the order of its time, the longest first. So the first support
    that reaches a grantor is their longest. A principal passes support on at most twice for each
    permission: its first grant gives nothing to the grantor of that grant, who needs a second grant
    by somebody else.
    """

    support: Support
    cut: _Cut = attrs.field(factory=dict)
    divisible: Callable[[GrantId], bool] = lambda _: False
    _found: dict[GrantId, Holding] = attrs.field(factory=dict, init=False)
    _passed_on: dict[UserId, list[Grant]] = attrs.field(factory=dict, init=False)
    _held: dict[tuple[UserId, Permission], datetime] = attrs.field(factory=dict, init=False)
    _without: dict[_Place, Sequence[UserId]] = attrs.field(factory=dict, init=False)
    _waiting: dict[datetime, list[tuple[Permission, Grant]]] = attrs.field(factory=dict, init=False)
    _gaps: list[tuple[timedelta, datetime]] = attrs.field(factory=list, init=False)

    def over(self, concerned: Collection[GrantId]) -> Mapping[GrantId, Holding]:
        """Return the least fixed point of support of these grants; the others keep their support.

        A divisible grant can have support for a part; any other, for the whole or not at all. No
        grant has support for more than remains of it after the cut.
        """
        by_id = self.support.by_id
        for id_ in concerned:
            grant = by_id[id_]
            self._found[id_] = NOTHING
            if grant.basis is OWNER:
                self._raise(grant, _rest_of(grant, self.cut))
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

    def _raise(self, grant: Grant, to: Holding) -> None:
        before = self._found[grant.id]
        if to != before:
            self._found[grant.id] = to
            self._offer(grant, before, to)

    def _offer(self, grant: Grant, before: Holding, now: Holding) -> None:
        for permission in Permission:
            horizon = now.until(permission)
            if horizon != before.until(permission):
                if horizon not in self._waiting:
                    self._waiting[horizon] = []
                    heappush(self._gaps, (FOREVER - horizon, horizon))
                self._waiting[horizon].append((permission, grant))

    def _take_up(self, permission: Permission, source: Grant, horizon: datetime) -> None:
        for grantor in self._still_without(permission, source):
            self._held[grantor, permission] = horizon
            held = self._holding(grantor)
            for grant in self._passed_on.get(grantor, ()):
                cap = _rest_of(grant, self.cut)
                reach = held & cap
                if reach == cap or self.divisible(grant.id):
                    self._raise(grant, reach)

    def _still_without(self, permission: Permission, source: Grant) -> list[UserId]:
        """Return the grantors to whom this source is the first to give the permission."""
        place = source.recipient.key, permission
        if place not in self._without:
            self._without[place] = self.support.grantors_in.get(source.recipient.key, ())
        without = self._without[place]
        self._without[place] = [each for each in without if each == source.grantor]
        return [
            each
            for each in without
            if each != source.grantor and (each, permission) not in self._held
        ]

    def _holding(self, grantor: UserId) -> Holding:
        # Support for download is support for viewing too, which is taken up before it.
        return Holding(
            view=self._held[grantor, Permission.VIEW],
            download=self._held.get((grantor, Permission.DOWNLOAD), NEVER),
        )
