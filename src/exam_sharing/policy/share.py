"""The rules of sharing, and the plan of a share. Specification: `#sharing`.

A rule yields its reasons against an act. All rules are applied, so that a refusal carries every
reason at once, with two exceptions: where the exam is not found, nothing else is reported; where
sharing is not in the actor's plan, nothing that the directory knows is reported.

A share gives each recipient the permission on each exam covered, for no longer than the actor holds
it. It makes a grant only where the actor's standing grants give the recipient less.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cached_property
from itertools import groupby
from typing import Final

import attrs

from exam_sharing.grants import FOREVER, NOTHING, OWNER, Basis, Grant, Holding, Permission, until_of
from exam_sharing.identifiers import (
    ExamId,
    GrantId,
    GroupId,
    PrincipalId,
    ShareId,
    UserId,
    id_within,
)
from exam_sharing.policy.access import Given, grants_reaching, holding_on, standing
from exam_sharing.policy.decisions import Denied, Reason, ReasonCode, Rule, reasons_against
from exam_sharing.policy.facts import ExamFacts, ShareFacts
from exam_sharing.policy.plans import (
    Attestation,
    Outcome,
    Share,
    ShareOutcome,
    SharePlan,
    UntilLimit,
)
from exam_sharing.policy.requests import Scope, ShareRequest
from exam_sharing.policy.settings import Policy


@attrs.frozen(kw_only=True, slots=False)
class ShareCase:
    """A share to be decided: the request, the facts, and what follows from both."""

    policy: Policy
    request: ShareRequest
    facts: ShareFacts
    now: datetime

    @cached_property
    def held(self) -> dict[ExamId, Holding]:
        """The actor's holding on each exam that they can see."""
        holdings = {exam.id: holding_on(self.facts.actor, exam) for exam in self.facts.exams}
        return {id_: own for id_, own in holdings.items() if own.holds(Permission.VIEW, self.now)}

    @cached_property
    def covered(self) -> tuple[ExamFacts, ...]:
        """The exams that the share covers, the named one first."""
        named = [exam for exam in self.facts.exams if exam.id == self.request.exam]
        others = [exam for exam in self.facts.exams if exam.id != self.request.exam]
        whole = [*named, *others] if self.request.scope is Scope.BATCH else named
        return tuple(exam for exam in whole if exam.id in self.held)

    @cached_property
    def found(self) -> tuple[PrincipalId, ...]:
        """The recipients that exist, are active, and that the actor may see."""
        return tuple(each for each in self.request.recipients if each in self.facts.people.seen)

    @property
    def subjects(self) -> frozenset[str]:
        """The subjects of the exams covered; an exam without one counts as a subject of its own."""
        return frozenset(
            f"exam {exam.id}" if exam.exam.subject is None else f"subject {exam.exam.subject}"
            for exam in self.covered
        )

    @cached_property
    def reached(self) -> frozenset[UserId]:
        """The active users whom the share reaches, without the actor."""
        return self.facts.people.reached() - {self.request.actor}

    @property
    def reaches_too_many(self) -> bool:
        """Whether the share reaches more people than the policy allows.

        The people whom the actor may see are counted together. The unseen members of each group are
        counted per group, since a joint count would disclose who is in the group.
        """
        limit, people = self.policy.max_people, self.facts.people
        if limit is None:
            return False
        known: set[UserId] = set()
        for recipient, users in people.behind.items():
            if isinstance(recipient, GroupId):
                seen = users & people.members_seen[recipient]
                if len(users - seen - {self.request.actor}) > limit:
                    return True
                known |= seen
            else:
                known |= users
        return len(known - {self.request.actor}) > limit

    @property
    def visible(self) -> bool:
        """Whether the actor can see the exam that the share names."""
        return self.request.exam in self.held


def _exam_not_found(case: ShareCase) -> Iterator[Reason]:
    if not case.visible:
        yield Reason(code=ReasonCode.EXAM_NOT_FOUND, exams=(case.request.exam,))


def _sharing_not_in_plan(case: ShareCase) -> Iterator[Reason]:
    if not case.facts.actor.sharing_in_plan:
        yield Reason(code=ReasonCode.SHARING_NOT_IN_PLAN)


def _attestation_missing(case: ShareCase) -> Iterator[Reason]:
    wording = case.request.wording
    current = wording is None or wording == case.policy.attestation_wording
    if not (case.request.attested and current):
        yield Reason(code=ReasonCode.ATTESTATION_MISSING)


def _no_recipients(case: ShareCase) -> Iterator[Reason]:
    if not case.request.recipients:
        yield Reason(code=ReasonCode.NO_RECIPIENTS)


def _recipient_not_found(case: ShareCase) -> Iterator[Reason]:
    seen = case.facts.people.seen
    missing = tuple(each for each in case.request.recipients if each not in seen)
    if missing:
        yield Reason(code=ReasonCode.RECIPIENT_NOT_FOUND, principals=missing)


def _recipient_is_self(case: ShareCase) -> Iterator[Reason]:
    if case.request.actor in case.found:
        yield Reason(code=ReasonCode.RECIPIENT_IS_SELF, principals=(case.request.actor,))


def _recipient_is_owner(case: ShareCase) -> Iterator[Reason]:
    owner = case.covered[0].exam.owner
    if owner in case.found:
        yield Reason(code=ReasonCode.RECIPIENT_IS_OWNER, principals=(owner,))


def _download_not_held(case: ShareCase) -> Iterator[Reason]:
    permission, now = case.request.permission, case.now
    held = {exam.id: case.held[exam.id].holds(permission, now) for exam in case.covered}
    if not all(held.values()):
        lacking = tuple(exam for exam, holds in held.items() if not holds)
        yield Reason(code=ReasonCode.DOWNLOAD_NOT_HELD, exams=lacking)


def _expiry_in_past(case: ShareCase) -> Iterator[Reason]:
    if case.request.until is not None and case.request.until <= case.now:
        yield Reason(code=ReasonCode.EXPIRY_IN_PAST)


def _expiry_beyond_own(case: ShareCase) -> Iterator[Reason]:
    asked, permission = case.request.until, case.request.permission
    if asked is None:
        return
    holds = {exam.id: case.held[exam.id].until(permission) for exam in case.covered}
    short = {exam: until for exam, until in holds.items() if case.now < until < asked}
    if short:
        latest = min(short.values())
        yield Reason(code=ReasonCode.EXPIRY_BEYOND_OWN, exams=tuple(short), until=latest)


def _expiry_beyond_policy(case: ShareCase) -> Iterator[Reason]:
    latest = case.policy.latest(case.now)
    if case.request.until is not None and case.request.until > latest:
        yield Reason(code=ReasonCode.EXPIRY_BEYOND_POLICY, until=latest)


def _message_not_allowed(case: ShareCase) -> Iterator[Reason]:
    message, limit = case.request.message or "", case.policy.message_limit
    if len(message) > limit or not all(map(_allowed_in_message, message)):
        yield Reason(code=ReasonCode.MESSAGE_NOT_ALLOWED, limit=limit)


def _allowed_in_message(character: str) -> bool:
    return character in {"\n", "\t"} or unicodedata.category(character) not in {"Cc", "Cs"}


def _too_many(case: ShareCase) -> Iterator[Reason]:
    counted = (
        ("recipients", len(case.request.recipients), case.policy.max_recipients),
        ("exams", len(case.covered), case.policy.max_exams),
    )
    for limited, count, limit in counted:
        if limit is not None and count > limit:
            yield Reason(code=ReasonCode.TOO_MANY, limit=limit, limited=limited)


def _too_many_people(case: ShareCase) -> Iterator[Reason]:
    if case.reaches_too_many:
        yield Reason(code=ReasonCode.TOO_MANY, limit=case.policy.max_people, limited="people")


def _changed_since_shown(case: ShareCase) -> Iterator[Reason]:
    shown = case.request.expect if case.request.scope is Scope.BATCH else None
    if shown is not None and shown != {exam.id for exam in case.covered}:
        yield Reason(code=ReasonCode.CHANGED_SINCE_SHOWN)


def _batch_spans_subjects(case: ShareCase) -> Iterator[Reason]:
    if not case.policy.batches_across_subjects and len(case.subjects) > 1:
        yield Reason(code=ReasonCode.BATCH_SPANS_SUBJECTS)


def _removed_by_owner(case: ShareCase) -> Iterator[Reason]:
    if not case.policy.only_owner_readmits:
        return
    removed = {
        recipient
        for exam in case.covered
        if exam.exam.owner != case.request.actor
        for recipient in case.facts.removed[exam.id]
        if recipient != exam.exam.owner
    }
    if removed:
        named = tuple(each for each in case.found if each in removed)
        yield Reason(code=ReasonCode.REMOVED_BY_OWNER, principals=named)


def _host_rule(case: ShareCase) -> Iterator[Reason]:
    for rule in case.policy.host_rules:
        if rule.refuses(case.request, case.facts, case.facts.host) is not False:
            yield Reason(code=ReasonCode.HOST_RULE, host_code=rule.code)


SHARE_RULES: Final[tuple[Rule[ShareCase], ...]] = (
    Rule(
        code=ReasonCode.EXAM_NOT_FOUND,
        statement="There is no such exam, or the actor has no access to it.",
        check=_exam_not_found,
        conceals=True,
    ),
    Rule(
        code=ReasonCode.SHARING_NOT_IN_PLAN,
        statement="The service plan of the actor does not include sharing.",
        check=_sharing_not_in_plan,
    ),
    Rule(
        code=ReasonCode.ATTESTATION_MISSING,
        statement="The actor did not confirm the current wording on abiding by HIPAA.",
        check=_attestation_missing,
    ),
    Rule(code=ReasonCode.NO_RECIPIENTS, statement="No recipient is named.", check=_no_recipients),
    Rule(
        code=ReasonCode.RECIPIENT_NOT_FOUND,
        statement="A recipient is unknown, inactive, or not one whom the actor may see.",
        check=_recipient_not_found,
        needs_plan=True,
    ),
    Rule(
        code=ReasonCode.RECIPIENT_IS_SELF,
        statement="The actor is among the recipients.",
        check=_recipient_is_self,
        needs_plan=True,
    ),
    Rule(
        code=ReasonCode.RECIPIENT_IS_OWNER,
        statement="The owner of the named exam is among the recipients.",
        check=_recipient_is_owner,
        needs_plan=True,
    ),
    Rule(
        code=ReasonCode.DOWNLOAD_NOT_HELD,
        statement="Download is asked for, and the actor lacks it on an exam that is covered.",
        check=_download_not_held,
    ),
    Rule(
        code=ReasonCode.EXPIRY_IN_PAST,
        statement="The time asked for does not lie in the future.",
        check=_expiry_in_past,
    ),
    Rule(
        code=ReasonCode.EXPIRY_BEYOND_OWN,
        statement="The time asked for is later than the end of the actor's own permission.",
        check=_expiry_beyond_own,
    ),
    Rule(
        code=ReasonCode.EXPIRY_BEYOND_POLICY,
        statement="The time asked for is beyond the longest duration that the policy allows.",
        check=_expiry_beyond_policy,
    ),
    Rule(
        code=ReasonCode.MESSAGE_NOT_ALLOWED,
        statement="The message is too long, or has control characters other than newline and tab.",
        check=_message_not_allowed,
    ),
    Rule(
        code=ReasonCode.TOO_MANY,
        statement="More recipients or exams are involved than the policy allows.",
        check=_too_many,
    ),
    Rule(
        code=ReasonCode.TOO_MANY,
        statement="More people would be reached than the policy allows.",
        check=_too_many_people,
        needs_plan=True,
    ),
    Rule(
        code=ReasonCode.CHANGED_SINCE_SHOWN,
        statement="The batch would cover other exams than those that the actor was shown.",
        check=_changed_since_shown,
    ),
    Rule(
        code=ReasonCode.BATCH_SPANS_SUBJECTS,
        statement="The exams belong to several subjects, and the policy forbids that in one share.",
        check=_batch_spans_subjects,
    ),
    Rule(
        code=ReasonCode.REMOVED_BY_OWNER,
        statement="The owner removed a recipient, and the policy lets only the owner readmit them.",
        check=_removed_by_owner,
        needs_plan=True,
    ),
    Rule(
        code=ReasonCode.HOST_RULE,
        statement="A rule that the host added says no.",
        check=_host_rule,
        needs_plan=True,
    ),
)


def decide_share(
    policy: Policy, request: ShareRequest, facts: ShareFacts, now: datetime, act: str
) -> SharePlan | Denied:
    """Return the plan, with ids made from `act`, or every reason against the share."""
    case = ShareCase(policy=policy, request=request, facts=facts, now=now)
    in_plan = facts.actor.sharing_in_plan
    rules = (rule for rule in SHARE_RULES if in_plan or not rule.needs_plan)
    reasons = reasons_against(rules, case)
    return Denied(reasons) if reasons else _plan(case, act)


_MAKES_A_GRANT = frozenset({Outcome.GRANTED, Outcome.WIDENED, Outcome.EXTENDED})


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
                grant = Grant(
                    id=GrantId(id_within(act, exam.id, recipient.key)),
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
                made.append(grant)
    return SharePlan(
        versions={exam.id: exam.sharing.version for exam in case.facts.exams},
        share=share,
        made=tuple(made),
        outcomes=tuple(outcomes),
        notices=_notices(case, made) if case.policy.sends_notices else {},
    )


def _record(case: ShareCase, share: ShareId) -> Share:
    request, now, wording = case.request, case.now, case.policy.attestation_wording
    return Share(
        id=share,
        at=now,
        actor=request.actor,
        performed_by=request.performed_by,
        exam=request.exam,
        exams=tuple(exam.id for exam in case.covered),
        recipients=request.recipients,
        permission=request.permission,
        scope=request.scope,
        until=request.until,
        attestation=Attestation(by=request.actor, at=now, wording=wording),
    )


@attrs.frozen
class _Terms:
    """What the share gives on one exam, to any recipient."""

    horizon: datetime
    limited_by: UntilLimit
    basis: Basis
    given: Mapping[PrincipalId, Holding]
    """What each recipient already holds by the actor's standing grants."""


def _terms(case: ShareCase, exam: ExamFacts) -> _Terms:
    horizon, limited_by = _horizon(case, exam)
    given: dict[PrincipalId, Holding] = {}
    for grant in standing(exam.sharing.grants, case.now):
        if grant.grantor == case.request.actor:
            given[grant.recipient] = given.get(grant.recipient, NOTHING) | grant.holding
    return _Terms(horizon, limited_by, _basis(case, exam, horizon), given)


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
    """Return `OWNER`, or each standing grant that alone entitles the actor to share until then."""
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


def _notices(case: ShareCase, made: Iterable[Grant]) -> Mapping[UserId, tuple[ExamId, ...]]:
    """Return, for each user who wants notices, the exams on which they gain, sorted by user."""
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
        held = before.to(profile.principals, user)
        if profile.wants_notices and held.until(permission) < horizon:
            yield user
