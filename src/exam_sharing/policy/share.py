"""Deciding and planning a share. Specification: `#sharing`.

A share gives each recipient the permission on each exam covered, for no longer than the actor holds
it. It makes a grant only where that adds to the actor's standing grants.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import groupby

import attrs

from exam_sharing.grants import (
    FOREVER,
    NOTHING,
    OWNER,
    Basis,
    Grant,
    Holding,
    Permission,
    until_of,
)
from exam_sharing.identifiers import ExamId, GrantId, PrincipalId, ShareId, UserId, id_within
from exam_sharing.policy.access import Given, grants_reaching, standing
from exam_sharing.policy.decisions import Denied, reasons_against
from exam_sharing.policy.facts import ExamFacts, ShareFacts
from exam_sharing.policy.plans import (
    Attestation,
    Outcome,
    Share,
    ShareOutcome,
    SharePlan,
    UntilLimit,
)
from exam_sharing.policy.requests import ShareRequest
from exam_sharing.policy.settings import Policy
from exam_sharing.policy.share_rules import SHARE_RULES, ShareCase

__all__ = ["decide_share"]


def decide_share(
    policy: Policy, request: ShareRequest, facts: ShareFacts, now: datetime, act: str
) -> SharePlan | Denied:
    """Return the plan of a permitted share, or every reason against it.

    The ids of its grants are made from `act`, a new id.
    """
    case = ShareCase(policy=policy, request=request, facts=facts, now=now)
    reasons = reasons_against(SHARE_RULES, case)
    return Denied(reasons) if reasons else _plan(case, act)


def _plan(case: ShareCase, act: str) -> SharePlan:
    share = _record(case, ShareId(act))
    made: list[Grant] = []
    outcomes: list[ShareOutcome] = []
    for exam in case.covered:
        terms = _terms(case, exam)
        for recipient in case.request.recipients:
            outcome = _outcome(case, exam, terms, recipient)
            outcomes.append(outcome)
            if outcome.outcome in _MAKES_A_GRANT:
                grant_id = GrantId(id_within(act, exam.id, recipient.key))
                made.append(_grant(share, exam, terms, recipient, grant_id))
    return SharePlan(
        versions={exam.id: exam.sharing.version for exam in case.facts.exams},
        share=share,
        made=tuple(made),
        outcomes=tuple(outcomes),
        notices=_notices(case, made) if case.policy.sends_notices else {},
    )


_MAKES_A_GRANT = frozenset({Outcome.GRANTED, Outcome.WIDENED, Outcome.EXTENDED})


def _record(case: ShareCase, share: ShareId) -> Share:
    request = case.request
    return Share(
        id=share,
        at=case.now,
        actor=request.actor,
        performed_by=request.performed_by,
        exam=request.exam,
        exams=tuple(exam.id for exam in case.covered),
        recipients=request.recipients,
        permission=request.permission,
        scope=request.scope,
        until=request.until,
        attestation=Attestation(
            by=request.actor, at=case.now, wording=case.policy.attestation_wording
        ),
    )


@attrs.frozen(kw_only=True)
class _Terms:
    """What the share gives on one exam, to any recipient.

    Attributes:
        horizon: until when.
        limited_by: what limits that time.
        basis: what entitles the actor to give that much.
        given: what each recipient already holds by the actor's standing grants.
    """

    horizon: datetime
    limited_by: UntilLimit
    basis: Basis
    given: Mapping[PrincipalId, Holding]


def _terms(case: ShareCase, exam: ExamFacts) -> _Terms:
    actor = case.request.actor
    horizon, limited_by = _horizon(case, exam)
    given: dict[PrincipalId, Holding] = {}
    for grant in standing(exam.sharing.grants, case.now):
        if grant.grantor == actor:
            given[grant.recipient] = given.get(grant.recipient, NOTHING) | grant.holding
    return _Terms(
        horizon=horizon, limited_by=limited_by, basis=_basis(case, exam, horizon), given=given
    )


def _horizon(case: ShareCase, exam: ExamFacts) -> tuple[datetime, UntilLimit]:
    """Return the requested time, or else the latest that is allowed on this exam."""
    if case.request.until is not None:
        return case.request.until, UntilLimit.ASKED
    own = case.held[exam.id].until(case.request.permission)
    longest = case.policy.latest(case.now)
    if own <= longest:
        return own, UntilLimit.NOTHING if own == FOREVER else UntilLimit.OWN_HOLD
    return longest, UntilLimit.POLICY


def _basis(case: ShareCase, exam: ExamFacts, horizon: datetime) -> Basis:
    """Return `OWNER`, or every standing grant that by itself entitles the actor to this much."""
    actor = case.facts.actor
    if exam.exam.owner == actor.user:
        return OWNER
    needed = Holding.of(case.request.permission, horizon)
    return frozenset(
        grant.id
        for grant in grants_reaching(actor.user, actor.principals, exam.sharing.grants)
        if grant.holding.covers(needed)
    )


def _outcome(
    case: ShareCase, exam: ExamFacts, terms: _Terms, recipient: PrincipalId
) -> ShareOutcome:
    horizon = terms.horizon
    given = terms.given.get(recipient, NOTHING)
    held_until = given.until(case.request.permission)
    if recipient == exam.exam.owner:
        outcome, horizon = Outcome.OWNS_IT, FOREVER
    elif held_until >= horizon:
        outcome, horizon = Outcome.UNCHANGED, held_until
    elif held_until > case.now:
        outcome = Outcome.EXTENDED
    elif given.holds(Permission.VIEW, case.now):
        outcome = Outcome.WIDENED
    else:
        outcome = Outcome.GRANTED
    return ShareOutcome(
        exam=exam.id,
        recipient=recipient,
        outcome=outcome,
        until=until_of(horizon),
        limited_by=terms.limited_by,
    )


def _grant(
    share: Share, exam: ExamFacts, terms: _Terms, recipient: PrincipalId, grant_id: GrantId
) -> Grant:
    return Grant(
        id=grant_id,
        exam=exam.id,
        grantor=share.actor,
        recipient=recipient,
        permission=share.permission,
        until=until_of(terms.horizon),
        version=exam.sharing.version + 1,
        basis=terms.basis,
        share=share.id,
        made_at=share.at,
    )


def _notices(case: ShareCase, made: Iterable[Grant]) -> Mapping[UserId, tuple[ExamId, ...]]:
    """Return the exams on which each user gains who wants notices, in the order of the users."""
    gains: dict[UserId, list[ExamId]] = {}
    exams = {exam.id: exam for exam in case.covered}
    for exam_id, grants in groupby(made, key=lambda grant: grant.exam):
        new = tuple(grants)
        for user in _gaining(case, exams[exam_id], new):
            gains.setdefault(user, []).append(exam_id)
    return {user: tuple(exam_ids) for user, exam_ids in sorted(gains.items())}


def _gaining(case: ShareCase, exam: ExamFacts, new: tuple[Grant, ...]) -> Iterator[UserId]:
    """Yield the users who want notices and held less on the exam than the new grants give."""
    people = case.facts.people
    permission, horizon = new[0].permission, new[0].horizon
    before = Given(exam.sharing.grants)
    reached = frozenset().union(*(people.behind[grant.recipient] for grant in new))
    for user in (reached & case.reached) - {exam.exam.owner}:
        profile = people.profiles[user]
        if not profile.wants_notices:
            continue
        if before.to(profile.principals, user).until(permission) < horizon:
            yield user
