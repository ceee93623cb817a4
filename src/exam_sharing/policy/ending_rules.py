"""The rules of unsharing, narrowing and ending one grant: codes, statements and functions.

The three are one act, which cuts grants down to a bound; unsharing leaves nothing. Who may end
what:

* the owner, any grant on the exam;
* a user, a grant made to themselves;
* a grantor, the grants that they made, whether or not they still have access or a plan.

Being in a recipient group gives no right to end a grant for its others.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property
from typing import Final, TypeAlias

import attrs

from exam_sharing.grants import FOREVER, NOTHING, EndedAs, Grant, Holding, Permission
from exam_sharing.identifiers import GrantId, GroupId, PrincipalId
from exam_sharing.policy.access import holding_on, standing
from exam_sharing.policy.decisions import Reason, ReasonCode, Rule
from exam_sharing.policy.disclosure import grants_seen
from exam_sharing.policy.facts import EndingFacts
from exam_sharing.policy.requests import NarrowRequest, Reshares, RevokeRequest, UnshareRequest
from exam_sharing.policy.settings import Policy
from exam_sharing.policy.support import Support

__all__ = ["ENDING_RULES", "EndingCase", "EndingRequest", "Scene"]

EndingRequest: TypeAlias = UnshareRequest | NarrowRequest | RevokeRequest
"""The three ways in which a person ends grants."""


@attrs.frozen(kw_only=True, slots=False)
class Scene:
    """What an actor may know of an exam, whatever they are about to end."""

    policy: Policy
    facts: EndingFacts
    now: datetime

    @cached_property
    def has_access(self) -> bool:
        """Whether the actor can see the exam."""
        exam, actor = self.facts.exam, self.facts.actor
        return exam is not None and holding_on(actor, exam).holds(Permission.VIEW, self.now)

    @cached_property
    def visible(self) -> bool:
        """Whether the exam exists for the actor: they have access, or once made a grant on it."""
        return self.has_access or (self.facts.exam is not None and self.facts.once_granted)

    @cached_property
    def is_owner(self) -> bool:
        """Whether the actor owns the exam."""
        exam, actor = self.facts.exam, self.facts.actor
        return exam is not None and actor.active and exam.exam.owner == actor.user

    @cached_property
    def standing(self) -> tuple[Grant, ...]:
        """The grants that stand on the exam."""
        exam = self.facts.exam
        return () if exam is None else standing(exam.sharing.grants, self.now)

    @cached_property
    def support(self) -> Support:
        """How the grants on the exam rest on each other."""
        return Support(
            standing=self.standing,
            lineage=self.facts.lineage,
            memberships={user: each.principals for user, each in self.facts.grantors.items()},
        )

    @cached_property
    def seen(self) -> tuple[Grant, ...]:
        """The standing grants on the exam that the actor may know."""
        exam = self.facts.exam
        if exam is None or not self.visible:
            return ()
        return grants_seen(self.policy, self.facts.actor, exam, self.standing, self.now)

    @cached_property
    def seen_by_recipient(self) -> Mapping[PrincipalId, tuple[Grant, ...]]:
        """The same, by the principal that each was made to."""
        found: dict[PrincipalId, list[Grant]] = {}
        for grant in self.seen:
            found.setdefault(grant.recipient, []).append(grant)
        return {recipient: tuple(grants) for recipient, grants in found.items()}

    @cached_property
    def seen_by_id(self) -> Mapping[GrantId, Grant]:
        """The same, by id."""
        return {grant.id: grant for grant in self.seen}


@attrs.frozen(kw_only=True, slots=False)
class EndingCase:
    """An end of grants to be decided: the scene, the request, and what follows from both."""

    scene: Scene
    request: EndingRequest

    @property
    def reshares(self) -> Reshares:
        """What becomes of re-shares."""
        return self.request.reshares or self.scene.policy.reshares

    @cached_property
    def bound(self) -> Holding:
        """The most that may remain of the grants that the act names."""
        if not isinstance(self.request, NarrowRequest):
            return NOTHING
        permission, until = self.request.permission, self.request.until
        return Holding.of(
            Permission.DOWNLOAD if permission is None else permission,
            FOREVER if until is None else until,
        )

    @property
    def bound_is_past(self) -> bool:
        """Whether the request bounds grants to a time that is over."""
        until = self.request.until if isinstance(self.request, NarrowRequest) else None
        return until is not None and until <= self.scene.now

    @cached_property
    def named(self) -> tuple[Grant, ...]:
        """The standing grants that the request names and the actor may know."""
        if isinstance(self.request, RevokeRequest):
            grant = self.scene.seen_by_id.get(self.request.grant)
            return () if grant is None else (grant,)
        return self.scene.seen_by_recipient.get(self.request.recipient, ())

    @cached_property
    def theirs(self) -> tuple[Grant, ...]:
        """Those of them that the actor may end."""
        if self.scene.is_owner:
            return self.named
        actor = self.request.actor
        return tuple(grant for grant in self.named if actor in (grant.recipient, grant.grantor))

    @cached_property
    def cut(self) -> Mapping[GrantId, Holding]:
        """What remains of each grant that the act itself ends or narrows."""
        return {
            grant.id: grant.holding & self.bound
            for grant in self.theirs
            if not self.bound.covers(grant.holding)
        }

    @cached_property
    def left(self) -> Mapping[GrantId, Holding]:
        """What remains of each grant that the act ends or narrows, re-shares included."""
        return self.scene.support.left_by(self.cut, self.reshares)

    @cached_property
    def further(self) -> list[Grant]:
        """The standing grants of which a cascade leaves less than the act itself."""
        return self.scene.support.further(self.cut, self.left)

    @property
    def loses_reshares(self) -> bool:
        """Whether `HAS_RESHARES` is sure to apply, without computing the cascade."""
        return self.reshares is Reshares.RESTRICT and self.scene.support.loses_directly(self.cut)

    @property
    def acting_as(self) -> EndedAs:
        """In which capacity the actor ends the grants."""
        if self.scene.is_owner:
            return EndedAs.OWNER
        if any(grant.recipient == self.request.actor for grant in self.named):
            return EndedAs.RECIPIENT
        return EndedAs.GRANTOR

    def groups_giving_access(self) -> tuple[PrincipalId, ...]:
        """Return the groups that give the named principal access, as far as the actor may know."""
        if isinstance(self.request, RevokeRequest) or not self.scene.has_access:
            return ()
        named, facts = self.request.recipient, self.scene.facts
        if any(exam.exam.owner == named for exam in facts.exams):
            return ()
        groups = {
            grant.recipient
            for grant in self.scene.seen
            if isinstance(grant.recipient, GroupId)
            and grant.grantor != named
            and named in facts.members_seen[grant.recipient]
        }
        return tuple(sorted(groups))


def _exam_not_found(case: EndingCase) -> Iterator[Reason]:
    if not case.scene.visible and not isinstance(case.request, RevokeRequest):
        yield Reason(code=ReasonCode.EXAM_NOT_FOUND, exams=(case.request.exam,))


def _expiry_in_past(case: EndingCase) -> Iterator[Reason]:
    if case.bound_is_past:
        yield Reason(code=ReasonCode.EXPIRY_IN_PAST)


def _no_such_grant(case: EndingCase) -> Iterator[Reason]:
    if case.named and (not case.theirs or case.cut):
        return
    if isinstance(case.request, RevokeRequest):
        yield Reason(code=ReasonCode.NO_SUCH_GRANT, grants=(case.request.grant,))
    else:
        yield Reason(code=ReasonCode.NO_SUCH_GRANT, principals=case.groups_giving_access())


def _not_grantor_or_owner(case: EndingCase) -> Iterator[Reason]:
    if case.named and not case.theirs:
        yield Reason(code=ReasonCode.NOT_GRANTOR_OR_OWNER)


def _has_reshares(case: EndingCase) -> Iterator[Reason]:
    # Where nothing ends, nothing rests on it, and the facts for a cascade were not gathered.
    if case.reshares is not Reshares.RESTRICT or case.bound_is_past or not case.cut:
        return
    if not case.further:
        return
    known = case.scene.seen_by_id if case.scene.has_access else {}
    yield Reason(
        code=ReasonCode.HAS_RESHARES,
        grants=tuple(grant.id for grant in case.further if grant.id in known),
    )


ENDING_RULES: Final[tuple[Rule[EndingCase], ...]] = (
    Rule(
        code=ReasonCode.EXAM_NOT_FOUND,
        statement="There is no such exam, or the actor has no access and never shared it.",
        check=_exam_not_found,
        conceals=True,
    ),
    Rule(
        code=ReasonCode.EXPIRY_IN_PAST,
        statement="The bound of a narrowing does not lie in the future.",
        check=_expiry_in_past,
    ),
    Rule(
        code=ReasonCode.NO_SUCH_GRANT,
        statement="There is no grant to end that the actor may know of, or none beyond the bound.",
        check=_no_such_grant,
    ),
    Rule(
        code=ReasonCode.NOT_GRANTOR_OR_OWNER,
        statement="The actor neither made the grants, nor received them, nor owns the exam.",
        check=_not_grantor_or_owner,
    ),
    Rule(
        code=ReasonCode.HAS_RESHARES,
        statement="Re-shares would end or be narrowed with it, and the act was told not to.",
        check=_has_reshares,
    ),
)
