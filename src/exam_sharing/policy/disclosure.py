"""What an actor may know. Specification: `#disclosure`.

Actors are told only what follows from the facts that they may know: the grants that they see on
the access list, and the members of groups that the directory shows them. Other facts have no part
in the answer, so that the answer cannot give them away.
"""

from collections.abc import Container, Iterable, Iterator, Mapping
from datetime import datetime

import attrs

from exam_sharing.grants import NOTHING, OWNER, Grant, Holding, Permission, ShownGrant, until_of
from exam_sharing.identifiers import ExamId, GrantId, GroupId, PrincipalId, UserId
from exam_sharing.policy.access import EVERYTHING, Given, grouped, holding_on, standing
from exam_sharing.policy.facts import EndingFacts, ExamFacts, People, Profile
from exam_sharing.policy.plans import Effect, EndingPlan, Plan, UnshareReceipt
from exam_sharing.policy.settings import AccessListScope, Policy


def grants_seen(
    policy: Policy, viewer: Profile, exam: ExamFacts, grants: Iterable[Grant], now: datetime
) -> tuple[Grant, ...]:
    """Return those of the exam's grants that the viewer may know.

    The owner sees all. Anyone else with access sees all, or, where the policy limits the access
    list, those that they made and those made to them. Someone without access sees those they made.
    """
    user = viewer.user
    if not holding_on(viewer, exam).holds(Permission.VIEW, now):
        return tuple(grant for grant in grants if grant.grantor == user)
    if exam.exam.owner == user or policy.access_list is AccessListScope.EVERYONE:
        return tuple(grants)
    return tuple(grant for grant in grants if user in (grant.grantor, grant.recipient))


def shown(grant: Grant, seen: Container[GrantId]) -> ShownGrant:
    """Return a grant as it is shown to a person who may know the standing grants `seen`."""
    if grant.basis is OWNER:
        return ShownGrant.of(grant, OWNER)
    return ShownGrant.of(grant, frozenset(each for each in grant.basis if each in seen))


def principals_affected(plan: Plan) -> tuple[PrincipalId, ...]:
    """Return the recipients of the plan's grants, in a fixed order."""
    grants = (*plan.made, *(each.grant for each in plan.ended))
    return tuple(sorted({grant.recipient for grant in grants}, key=lambda each: each.key))


@attrs.frozen(kw_only=True)
class Consequences:
    """The effects of an act on people, as far as the actor may know."""

    gains: tuple[Effect, ...] = ()
    losses: tuple[Effect, ...] = ()
    keeps: tuple[Effect, ...] = ()


def consequences(
    policy: Policy,
    actor: Profile,
    exams: Iterable[ExamFacts],
    plan: Plan,
    people: People,
    now: datetime,
) -> Consequences:
    """Return the effects of a plan on `exams` and `people` that the actor may know."""
    gains: list[Effect] = []
    losses: list[Effect] = []
    keeps: list[Effect] = []
    bound = plan.bound if isinstance(plan, EndingPlan) else EVERYTHING
    groups_of = _known_groups(people)
    for change in _changes(policy, actor, exams, plan, now):
        for principal in change.affected(people):
            ways = (principal, *groups_of.get(principal, ()))
            before = change.holding(principal, people, change.before, ways)
            after = change.holding(principal, people, change.after, ways)
            taken = _given_to(principal, change.taken, ways)
            for permission in Permission:
                was, is_, at_most = (h.until(permission) for h in (before, after, bound))
                gained, lost = is_ > max(was, now), was > max(is_, now)
                kept = taken.holds(permission, now) and is_ > max(at_most, now)
                if gained or lost or kept:
                    effect = _effect(principal, change.exam.id, permission, was, is_, now)
                    gains += [effect] * gained
                    losses += [effect] * lost
                    keeps += [effect] * kept
    return Consequences(gains=tuple(gains), losses=tuple(losses), keeps=tuple(keeps))


def unshare_receipt(
    policy: Policy,
    facts: EndingFacts,
    plan: EndingPlan,
    people: People,
    now: datetime,
) -> UnshareReceipt:
    """Return the receipt of an end of grants on one exam, as far as its actor may know."""
    known = consequences(policy, facts.actor, facts.exams, plan, people, now)

    def seen_of(grants: Iterable[Grant]) -> tuple[Grant, ...]:
        every = tuple(grants)
        return tuple(
            grant
            for exam in facts.exams
            for grant in grants_seen(policy, facts.actor, exam, every, now)
        )

    before = (grant for exam in facts.exams for grant in standing(exam.sharing.grants, now))
    seen_before = {grant.id for grant in seen_of(before)}

    def seen(grants: Iterable[Grant]) -> tuple[ShownGrant, ...]:
        return tuple(shown(grant, seen_before) for grant in seen_of(grants))

    return UnshareReceipt(
        at=now,
        ended=seen(each.grant for each in plan.ended),
        replacements=seen(plan.made),
        left_standing=seen(plan.left_standing),
        still_have_access=tuple(dict.fromkeys(effect.principal for effect in known.keeps)),
    )


@attrs.frozen(kw_only=True)
class _Change:
    """The grants of one exam before and after an act, as far as the actor may know."""

    exam: ExamFacts
    known_owner: UserId | None
    before: Given
    after: Given
    taken: Given
    recipients: frozenset[PrincipalId]

    def affected(self, people: People) -> list[PrincipalId]:
        """Return the principals whom the ended and the new grants reach, in a fixed order."""
        found = set(self.recipients)
        for recipient in self.recipients:
            if isinstance(recipient, GroupId):
                found |= people.members_seen[recipient] & people.profiles.keys()
        return sorted(found, key=lambda each: each.key)

    def holding(
        self, principal: PrincipalId, people: People, given: Given, ways: Iterable[PrincipalId]
    ) -> Holding:
        """Return what the principal holds by the grants or as the owner.

        Grants reach a user by `ways`: themselves and their groups. A group holds only by grants
        made to itself.
        """
        if isinstance(principal, UserId):
            if not people.profiles[principal].active:
                return NOTHING
            if principal == self.known_owner:
                return EVERYTHING
        return _given_to(principal, given, ways)


def _given_to(principal: PrincipalId, given: Given, ways: Iterable[PrincipalId]) -> Holding:
    """Return what the grants alone give the principal."""
    if isinstance(principal, GroupId):
        return given.to((principal.key,), None)
    return given.to(frozenset(way.key for way in ways), principal)


def _known_groups(people: People) -> Mapping[PrincipalId, list[GroupId]]:
    """Return, for each member whom the actor may know, the groups that they are in."""
    found: dict[PrincipalId, list[GroupId]] = {}
    for group, members in people.members_seen.items():
        for member in members:
            found.setdefault(member, []).append(group)
    return found


def _changes(
    policy: Policy, actor: Profile, exams: Iterable[ExamFacts], plan: Plan, now: datetime
) -> Iterator[_Change]:
    ended = grouped((each.grant for each in plan.ended), lambda grant: grant.exam)
    made = grouped(plan.made, lambda grant: grant.exam)
    for exam in exams:
        if exam.id not in ended and exam.id not in made:
            continue
        before, gone, new = (
            grants_seen(policy, actor, exam, grants, now)
            for grants in (
                standing(exam.sharing.grants, now),
                ended.get(exam.id, ()),
                made.get(exam.id, ()),
            )
        )
        ids = {grant.id for grant in gone}
        kept = (grant for grant in before if grant.id not in ids)
        has_access = holding_on(actor, exam).holds(Permission.VIEW, now)
        yield _Change(
            exam=exam,
            known_owner=exam.exam.owner if has_access else None,
            before=Given(before),
            after=Given((*kept, *new)),
            taken=Given(gone),
            recipients=frozenset(grant.recipient for grant in (*gone, *new)),
        )


def _effect(
    principal: PrincipalId,
    exam: ExamId,
    permission: Permission,
    before: datetime,
    after: datetime,
    now: datetime,
) -> Effect:
    held_before, held_after = before > now, after > now
    return Effect(
        principal=principal,
        exam=exam,
        permission=permission,
        held_before=held_before,
        until_before=until_of(before) if held_before else None,
        held_after=held_after,
        until_after=until_of(after) if held_after else None,
    )
