"""The rules of ending grants, and the plan. Specification: `#unsharing-and-narrowing`.

Unsharing, narrowing and ending one grant all cut grants down to a bound. Only narrowing leaves a
part of them. Who may end what:

* the owner, any grant on the exam;
* a user, a grant made to themselves;
* a grantor, the grants that they made, whether or not they still have access or a plan.

A member of a recipient group may not end a grant for the other members. The host may end any grant
and withdraw any exam, for administration.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cached_property
from typing import Final

import attrs

from exam_sharing.grants import (
    FOREVER,
    NEVER,
    NOTHING,
    EndedAs,
    EndedGrant,
    Ending,
    Grant,
    Holding,
    HowEnded,
    Permission,
    until_of,
)
from exam_sharing.identifiers import ExamId, GrantId, GroupId, PrincipalId, UserId, id_within
from exam_sharing.policy.access import grouped, holding_on, standing
from exam_sharing.policy.decisions import Denied, Reason, ReasonCode, Rule, reasons_against
from exam_sharing.policy.disclosure import grants_seen
from exam_sharing.policy.facts import EndingFacts, ExamGrants, Memberships
from exam_sharing.policy.plans import EndingPlan
from exam_sharing.policy.requests import (
    EndingRequest,
    HostEnding,
    NarrowRequest,
    Reshares,
    RevokeRequest,
    Withdrawal,
)
from exam_sharing.policy.settings import Policy
from exam_sharing.policy.support import Support


@attrs.frozen(kw_only=True, slots=False)
class Scene:
    """What an actor may know of an exam; the same for every request to end grants on it."""

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
        """How the grants on the exam depend on each other."""
        return Support(
            standing=self.standing, lineage=self.facts.lineage, memberships=self.facts.memberships
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
        """The seen grants by recipient."""
        return grouped(self.seen, lambda grant: grant.recipient)

    @cached_property
    def seen_by_id(self) -> Mapping[GrantId, Grant]:
        """The seen grants by id."""
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
        if isinstance(self.request, NarrowRequest):
            permission, until = self.request.permission, self.request.until
            return Holding.of(permission or Permission.DOWNLOAD, until or FOREVER)
        return NOTHING

    @property
    def bound_is_past(self) -> bool:
        """Whether a narrowing has a bound in the past."""
        return isinstance(self.request, NarrowRequest) and self.bound.view <= self.scene.now

    @cached_property
    def named(self) -> tuple[Grant, ...]:
        """The standing grants that the request names and the actor may know."""
        if isinstance(self.request, RevokeRequest):
            grant = self.scene.seen_by_id.get(self.request.grant)
            return () if grant is None else (grant,)
        return self.scene.seen_by_recipient.get(self.request.recipient, ())

    @cached_property
    def theirs(self) -> tuple[Grant, ...]:
        """The named grants that the actor may end."""
        if self.scene.is_owner:
            return self.named
        actor = self.request.actor
        return tuple(grant for grant in self.named if actor in (grant.recipient, grant.grantor))

    @cached_property
    def cut(self) -> Mapping[GrantId, Holding]:
        """What remains of each named grant that ends or is narrowed, before any cascade."""
        return {
            grant.id: grant.holding & self.bound
            for grant in self.theirs
            if not self.bound.covers(grant.holding)
        }

    @cached_property
    def left(self) -> Mapping[GrantId, Holding]:
        """What remains of each grant that ends or is narrowed, after any cascade."""
        return self.scene.support.left_by(self.cut, self.reshares)

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
    # Where nothing ends, there is no cascade, and the facts for one were not gathered.
    if case.reshares is not Reshares.RESTRICT or case.bound_is_past or not case.cut:
        return
    further = case.scene.support.further(case.cut, case.left)
    if further:
        known = case.scene.seen_by_id if case.scene.has_access else {}
        grants = tuple(grant.id for grant in further if grant.id in known)
        yield Reason(code=ReasonCode.HAS_RESHARES, grants=grants)


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
        statement="The actor may know of no grant to end, or every such grant is within the bound.",
        check=_no_such_grant,
    ),
    Rule(
        code=ReasonCode.NOT_GRANTOR_OR_OWNER,
        statement="The actor neither made the grants, nor received them, nor owns the exam.",
        check=_not_grantor_or_owner,
    ),
    Rule(
        code=ReasonCode.HAS_RESHARES,
        statement="Re-shares would end or be narrowed too, and `RESTRICT` forbids that.",
        check=_has_reshares,
    ),
)


def decide_ending(
    policy: Policy, request: EndingRequest, facts: EndingFacts, now: datetime, act: str
) -> EndingPlan | Denied:
    """Return the plan, with ids made from `act`, or every reason against the request."""
    case = EndingCase(scene=Scene(policy=policy, facts=facts, now=now), request=request)
    reasons = reasons_against(ENDING_RULES, case)
    if reasons or facts.exam is None:
        return Denied(reasons)
    writer = _Writer(
        how=HowEnded.CASCADED if isinstance(request, NarrowRequest) else HowEnded.UNSHARED,
        by=request.actor,
        acting_as=case.acting_as,
        at=now,
        act=act,
    )
    exam = facts.exam
    return writer.plan(
        exam.id, exam.sharing.version, case.scene.support, case.cut, case.left, case.bound
    )


def decide_ending_by_host(
    policy: Policy,
    request: HostEnding,
    sharing: Mapping[ExamId, ExamGrants],
    lineage: Iterable[Grant],
    memberships: Memberships,
    now: datetime,
    act: str,
) -> EndingPlan | Denied:
    """Return the plan that ends every standing grant to a principal, for the host.

    `lineage` and `memberships` are as in `Support`, for all of the exams.
    """
    reshares = request.reshares or policy.reshares
    past = grouped(lineage, lambda grant: grant.exam)
    by = request.performed_by
    writer = _Writer(how=HowEnded.BY_HOST, by=by, acting_as=EndedAs.HOST, at=now, act=act)
    plans: list[EndingPlan] = []
    further: list[Grant] = []
    for exam, grants in sorted(sharing.items()):
        before = standing(grants.grants, now)
        support = Support(standing=before, lineage=past.get(exam, ()), memberships=memberships)
        named = (grant for grant in support.standing if grant.recipient == request.recipient)
        cut = {grant.id: NOTHING for grant in named}
        left = support.left_by(cut, reshares)
        plans.append(writer.plan(exam, grants.version, support, cut, left))
        further += support.further(cut, left)
    if further and reshares is Reshares.RESTRICT:
        rest = tuple(grant.id for grant in further)
        return Denied((Reason(code=ReasonCode.HAS_RESHARES, grants=rest),))
    return EndingPlan(
        versions={exam: version for plan in plans for exam, version in plan.versions.items()},
        ended=tuple(each for plan in plans for each in plan.ended),
        made=tuple(each for plan in plans for each in plan.made),
        left_standing=tuple(each for plan in plans for each in plan.left_standing),
    )


def plan_withdrawal(request: Withdrawal, sharing: ExamGrants, now: datetime) -> EndingPlan:
    """Return the plan that ends every standing grant on an exam that the host withdraws."""
    before = standing(sharing.grants, now)
    support = Support(standing=before)
    cut = {grant.id: NOTHING for grant in before}
    writer = _Writer(
        how=HowEnded.WITHDRAWN, by=request.performed_by, acting_as=EndedAs.HOST, at=now
    )
    plan = writer.plan(request.exam, sharing.version, support, cut, cut)
    return attrs.evolve(plan, withdrawn=request.exam)


@attrs.frozen(kw_only=True)
class _Writer:
    """Makes endings and replacements from what remains of each grant."""

    how: HowEnded
    """How a named grant ends if nothing remains of it."""
    by: UserId | None
    acting_as: EndedAs
    at: datetime
    act: str = ""  # Only the ids of replacements are made from it.

    def plan(
        self,
        exam: ExamId,
        version: int,
        support: Support,
        cut: Mapping[GrantId, Holding],
        left: Mapping[GrantId, Holding],
        bound: Holding = NOTHING,
    ) -> EndingPlan:
        """Return the plan that ends each grant in `left` and makes its replacements, if any."""
        ended: list[EndedGrant] = []
        made: list[Grant] = []
        for grant in (each for each in support.standing if each.id in left):
            parts = list(self._replacements(grant, left[grant.id]))
            how = self.how if grant.id in cut else HowEnded.CASCADED
            ending = Ending(
                grant=grant.id,
                how=HowEnded.NARROWED if parts else how,
                by=self.by,
                acting_as=self.acting_as,
                at=self.at,
                version=version + 1,
                replaced_by=tuple(part.id for part in parts),
            )
            ended.append(EndedGrant(grant=grant, ending=ending))
            made.extend(parts)
        resting = support.passed_on_from(cut)
        return EndingPlan(
            versions={exam: version},
            ended=tuple(ended),
            made=tuple(made),
            left_standing=tuple(
                grant for grant in support.standing if grant.id in resting and grant.id not in left
            ),
            bound=bound,
        )

    def _replacements(self, grant: Grant, remaining: Holding) -> Iterator[Grant]:
        """Yield the fewest grants that together give what remains of one."""
        parts: list[tuple[Permission, datetime]] = []
        if remaining.download > NEVER:
            parts.append((Permission.DOWNLOAD, remaining.download))
        if remaining.view > remaining.download:
            parts.append((Permission.VIEW, remaining.view))
        for permission, horizon in parts:
            id_ = GrantId(id_within(self.act, grant.id, permission.name))
            yield attrs.evolve(
                grant,
                id=id_,
                lines=grant.in_lines if len(parts) == 1 else (*grant.in_lines, id_),
                permission=permission,
                until=until_of(horizon),
                made_at=self.at,
            )
