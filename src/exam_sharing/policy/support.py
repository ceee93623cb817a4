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
from functools import cached_property
from typing import TypeAlias

import attrs

from exam_sharing.grants import NOTHING, OWNER, EndedGrant, Grant, Holding
from exam_sharing.identifiers import GrantId, PrincipalKey, UserId
from exam_sharing.policy.access import in_order
from exam_sharing.policy.requests import Reshares

__all__ = ["Memberships", "Support"]

Memberships: TypeAlias = Mapping[UserId, frozenset[PrincipalKey]]
"""For each grantor, the grantor and every group that they are in now."""

_Cut: TypeAlias = Mapping[GrantId, Holding]
"""What is left of grants of which not all is left."""


@attrs.frozen(kw_only=True, slots=False)
class Support:
    """How the grants on one exam rest on each other.

    Attributes:
        standing: the grants that stand, in their order.
        past: the ended ones; a grant that rests on one of them rests on what replaced it, too.
        memberships: of every grantor of a standing grant, where it is asked what a cascade leaves.
    """

    standing: tuple[Grant, ...]
    past: tuple[EndedGrant, ...]
    memberships: Memberships = attrs.field(factory=dict)

    def left_by(self, cut: _Cut, reshares: Reshares) -> _Cut:
        """Return what an act leaves of each standing grant of which it does not leave all.

        Args:
            cut: what the act itself leaves of the grants that it ends; `NOTHING` for no
                replacement.
            reshares: `KEEP` for the act alone; otherwise with its cascade.
        """
        if reshares is Reshares.KEEP:
            return cut
        resting = self.resting_on(cut)
        touched = self.supported | resting
        concerned = self._reached_from(cut.keys() | (resting & self._by_id.keys()))
        still = self._least_support(concerned, cut, touched)
        less = {
            id_: held
            for id_, held in still.items()
            if id_ in touched and held != self._by_id[id_].holding
        }
        return {**cut, **less}

    def further(self, cut: _Cut, left: _Cut) -> list[Grant]:
        """Return the grants of which a cascade leaves less than the act itself, in their order."""
        return in_order(self._by_id[id_] for id_, held in left.items() if cut.get(id_) != held)

    @cached_property
    def supported(self) -> frozenset[GrantId]:
        """The supported grants."""
        held = self._least_support(self._by_id, {}, frozenset())
        return frozenset(id_ for id_, holding in held.items() if holding != NOTHING)

    def resting_on(self, ended: Iterable[GrantId]) -> frozenset[GrantId]:
        """Return every grant, ended or not, that rests on those, directly or through others."""
        resting: set[GrantId] = set()
        ahead = list(ended)
        while ahead:
            new = self._built_on.get(ahead.pop(), set()) - resting
            resting |= new
            ahead += new
        return frozenset(resting)

    def passed_on_from(self, ended: Iterable[GrantId]) -> frozenset[GrantId]:
        """Return every grant, ended or not, that rests directly on those."""
        return frozenset().union(*(self._built_on.get(id_, ()) for id_ in ended))

    @cached_property
    def _by_id(self) -> Mapping[GrantId, Grant]:
        return {grant.id: grant for grant in self.standing}

    @cached_property
    def _built_on(self) -> Mapping[GrantId, set[GrantId]]:
        """For each grant, those that rest directly on it."""
        replaced_by = {each.grant.id: each.ending.replaced_by for each in self.past}
        built_on: dict[GrantId, set[GrantId]] = {}
        for grant in (*self.standing, *(each.grant for each in self.past)):
            if grant.basis is not OWNER:
                for source in _with_replacements(grant.basis, replaced_by):
                    built_on.setdefault(source, set()).add(grant.id)
        return built_on

    @cached_property
    def _passed_on(self) -> Mapping[UserId, list[Grant]]:
        """For each grantor who is not entitled as the owner, the standing grants that they made."""
        found: dict[UserId, list[Grant]] = {}
        for grant in self.standing:
            if grant.basis is not OWNER:
                found.setdefault(grant.grantor, []).append(grant)
        return found

    @cached_property
    def _sources(self) -> Mapping[UserId, list[Grant]]:
        """For each of those grantors, the standing grants that they hold the exam by."""
        made_to: dict[PrincipalKey, list[Grant]] = {}
        for grant in self.standing:
            made_to.setdefault(grant.recipient.key, []).append(grant)
        return {
            grantor: [
                grant
                for key in self.memberships[grantor]
                for grant in made_to.get(key, ())
                if grant.grantor != grantor
            ]
            for grantor in self._passed_on
        }

    @cached_property
    def _feeds(self) -> Mapping[GrantId, list[UserId]]:
        """For each standing grant, those of the grantors who hold the exam by it."""
        found: dict[GrantId, list[UserId]] = {}
        for grantor, sources in self._sources.items():
            for source in sources:
                found.setdefault(source.id, []).append(grantor)
        return found

    def _reached_from(self, grants: Iterable[GrantId]) -> set[GrantId]:
        """Return those standing grants, and all whose support may be another when theirs is."""
        found = set(grants)
        ahead = list(found)
        while ahead:
            for grantor in self._feeds.get(ahead.pop(), ()):
                new = {grant.id for grant in self._passed_on[grantor]} - found
                found |= new
                ahead += new
        return found

    def _least_support(
        self, concerned: Iterable[GrantId], cut: _Cut, divisible: frozenset[GrantId]
    ) -> dict[GrantId, Holding]:
        """Return the least fixed point of support of some grants, the others being as they are.

        A divisible grant is supported as far as its sources reach; any other in whole or not at
        all; none by more than is left of it.
        """
        caps = {id_: cut.get(id_, self._by_id[id_].holding) for id_ in concerned}
        support: dict[GrantId, Holding] = {}
        passed_on: dict[UserId, list[GrantId]] = {}
        for id_, cap in caps.items():
            grant = self._by_id[id_]
            support[id_] = cap if grant.basis is OWNER else NOTHING
            if grant.basis is not OWNER:
                passed_on.setdefault(grant.grantor, []).append(id_)
        ahead = list(passed_on)
        while ahead:
            grantor = ahead.pop()
            held = Holding.all_of(
                support[source.id] if source.id in support else self._whole_if_supported(source)
                for source in self._sources[grantor]
            )
            for id_ in passed_on[grantor]:
                reach = held & caps[id_]
                if id_ not in divisible and reach != caps[id_]:
                    continue
                if reach != support[id_]:
                    support[id_] = reach
                    ahead += self._feeds.get(id_, ())
        return support

    def _whole_if_supported(self, grant: Grant) -> Holding:
        return grant.holding if grant.id in self.supported else NOTHING


def _with_replacements(
    basis: frozenset[GrantId], replaced_by: Mapping[GrantId, tuple[GrantId, ...]]
) -> set[GrantId]:
    found: set[GrantId] = set()
    ahead = set(basis)
    while ahead:
        found |= ahead
        ahead = {new for grant_id in ahead for new in replaced_by.get(grant_id, ())} - found
    return found
