"""Deciding and planning the end of grants. Specification: `#unsharing-and-narrowing`.

A person unshares, narrows or ends one grant, by the rules of `ending_rules`. The host ends grants
and withdraws exams for administration, and needs no rights of an actor.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

import attrs

from exam_sharing.grants import (
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
from exam_sharing.identifiers import ExamId, GrantId, UserId, id_within
from exam_sharing.policy.access import standing
from exam_sharing.policy.decisions import Denied, Reason, ReasonCode, reasons_against
from exam_sharing.policy.ending_rules import ENDING_RULES, EndingCase, EndingRequest, Scene
from exam_sharing.policy.facts import EndingFacts, ExamGrants
from exam_sharing.policy.plans import EndingPlan
from exam_sharing.policy.requests import HostEnding, NarrowRequest, Reshares, Withdrawal
from exam_sharing.policy.settings import Policy
from exam_sharing.policy.support import Memberships, Support

__all__ = ["decide_ending", "decide_ending_by_host", "plan_withdrawal"]


def decide_ending(
    policy: Policy, request: EndingRequest, facts: EndingFacts, now: datetime, act: str
) -> EndingPlan | Denied:
    """Return the plan of a permitted end of grants, or every reason against it.

    The ids of replacements are made from `act`, a new id.
    """
    case = EndingCase(scene=Scene(policy=policy, facts=facts, now=now), request=request)
    reasons = reasons_against(ENDING_RULES, case)
    if reasons or facts.exam is None:
        return Denied(reasons)
    writer = _Writer(
        how=HowEnded.NARROWED if isinstance(request, NarrowRequest) else HowEnded.UNSHARED,
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

    It is denied only under `RESTRICT`, and empty where there is no grant. `lineage` and
    `memberships` are those of `Support`, for all of the exams.
    """
    reshares = request.reshares or policy.reshares
    past: dict[ExamId, list[Grant]] = {}
    for grant in lineage:
        past.setdefault(grant.exam, []).append(grant)
    plans: list[EndingPlan] = []
    further: list[Grant] = []
    for exam, grants in sorted(sharing.items()):
        support = Support(
            standing=standing(grants.grants, now),
            lineage=tuple(past.get(exam, ())),
            memberships=memberships,
        )
        cut = {
            grant.id: NOTHING for grant in support.standing if grant.recipient == request.recipient
        }
        left = support.left_by(cut, reshares)
        writer = _Writer(
            how=HowEnded.BY_HOST,
            by=request.performed_by,
            acting_as=EndedAs.HOST,
            at=now,
            act=act,
        )
        plans.append(writer.plan(exam, grants.version, support, cut, left))
        further += support.further(cut, left)
    if further and reshares is Reshares.RESTRICT:
        grant_ids = tuple(grant.id for grant in further)
        return Denied((Reason(code=ReasonCode.HAS_RESHARES, grants=grant_ids),))
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
    return writer.plan(request.exam, sharing.version, support, cut, cut)


@attrs.frozen(kw_only=True)
class _Writer:
    """Turns what an act leaves of grants into endings and replacements."""

    how: HowEnded
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
        """Return the plan that ends each grant in `left`, and replaces it by what remains of it.

        `cut`, `left` and `bound` are as in `EndingCase`; `version` is that before the act.
        """
        ended: list[EndedGrant] = []
        made: list[Grant] = []
        for grant in support.standing:
            if grant.id not in left:
                continue
            parts = list(self._replacements(grant, left[grant.id]))
            ending = Ending(
                grant=grant.id,
                how=self._how(named=grant.id in cut, replaced=bool(parts)),
                by=self.by,
                acting_as=self.acting_as,
                at=self.at,
                version=version + 1,
                replaced_by=tuple(part.id for part in parts),
            )
            ended.append(EndedGrant(grant=grant, ending=ending))
            made.extend(parts)
        return EndingPlan(
            versions={exam: version},
            ended=tuple(ended),
            made=tuple(made),
            left_standing=_left_standing(support, cut, left),
            bound=bound,
        )

    def _how(self, *, named: bool, replaced: bool) -> HowEnded:
        if replaced:
            return HowEnded.NARROWED
        if named and self.how is not HowEnded.NARROWED:
            return self.how
        return HowEnded.CASCADED

    def _replacements(self, grant: Grant, remaining: Holding) -> Iterator[Grant]:
        parts = tuple(_parts(remaining))
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


def _parts(holding: Holding) -> Iterator[tuple[Permission, datetime]]:
    """Yield the fewest permissions with horizons that together give the holding."""
    if holding.download > NEVER:
        yield Permission.DOWNLOAD, holding.download
    if holding.view > holding.download:
        yield Permission.VIEW, holding.view


def _left_standing(
    support: Support, cut: Mapping[GrantId, Holding], left: Mapping[GrantId, Holding]
) -> tuple[Grant, ...]:
    """Return the grants that rest directly on named ones and stand all the same."""
    resting = support.passed_on_from(cut)
    return tuple(g for g in support.standing if g.id in resting and g.id not in left)
