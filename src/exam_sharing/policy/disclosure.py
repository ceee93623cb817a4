"""What an actor may know. Specification: `#disclosure`.

Actors are told only what follows from the facts that they may know: the grants that they see on
the access list, and the members of groups that the directory shows them. No other fact
influences the answer, so the answer discloses none.
"""

from collections.abc import Container, Iterable, Iterator, Mapping
from datetime import datetime
from typing import TypeAlias

import attrs

from exam_sharing.grants import NOTHING, OWNER, Grant, Holding, Permission, ShownGrant, until_of
from exam_sharing.identifiers import GrantId, GroupId, PrincipalId, PrincipalKey, UserId
from exam_sharing.policy.access import EVERYTHING, Given, grouped, holding_on, standing
from exam_sharing.policy.facts import EndingFacts, ExamFacts, People, Profile
from exam_sharing.policy.plans import Effect, EndingPlan, Plan, Preview, UnshareReceipt
from exam_sharing.policy.settings import AccessListScope, Policy


def grants_seen(
    policy: Policy, viewer: Profile, exam: ExamFacts, grants: Iterable[Grant], now: datetime
) -> tuple[Grant, ...]:
    """Return those of the exam's grants that the viewer may know.

    The owner sees all. Others with access see all, too, unless the policy limits the access list to
    the grants by them and to them. Someone without access sees the grants that they made.
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


def consequences(
    policy: Policy,
    actor: Profile,
    exams: Iterable[ExamFacts],
    plan: Plan,
    people: People,
    now: datetime,
) -> Preview:
    """Return the effects of a plan on `exams` and `people`, as far as the actor may know."""
    gains: list[Effect] = []
    losses: list[Effect] = []
    keeps: list[Effect] = []
    bound = plan.bound if isinstance(plan, EndingPlan) else EVERYTHING
    groups_of = _known_groups(people)
    for change in _changes(policy, actor, exams, plan, now):
        for principal in change.affected(people):
            before, after, taken = change.holdings(principal, people, groups_of)
            for permission in Permission:
                was, is_, at_most = (h.until(permission) for h in (before, after, bound))
                gained, lost = is_ > max(was, now), was > max(is_, now)
                kept = taken.holds(permission, now) and is_ > max(at_most, now)
                if not (gained or lost or kept):
                    continue
                held_before, held_after = was > now, is_ > now
                effect = Effect(
                    principal=principal,
                    exam=change.exam.id,
                    permission=permission,
                    held_before=held_before,
                    until_before=until_of(was) if held_before else None,
                    held_after=held_after,
                    until_after=until_of(is_) if held_after else None,
                )
                gains += [effect] * gained
                losses += [effect] * lost
                keeps += [effect] * kept
    return Preview(gains=tuple(gains), losses=tuple(losses), keeps=tuple(keeps))


def unshare_receipt(
    policy: Policy, facts: EndingFacts, plan: EndingPlan, people: People, now: datetime
) -> UnshareReceipt:
    """Return the receipt of an end of grants on one exam, as far as its actor may know."""
    (exam,) = facts.exams

    def seen(grants: Iterable[Grant]) -> tuple[Grant, ...]:
        return grants_seen(policy, facts.actor, exam, grants, now)

    seen_before = {grant.id for grant in seen(standing(exam.sharing.grants, now))}

    def shown_of(grants: Iterable[Grant]) -> tuple[ShownGrant, ...]:
        return tuple(shown(grant, seen_before) for grant in seen(grants))

    keeps = consequences(policy, facts.actor, facts.exams, plan, people, now).keeps
    return UnshareReceipt(
        at=now,
        ended=shown_of(each.grant for each in plan.ended),
        replacements=shown_of(plan.made),
        left_standing=shown_of(plan.left_standing),
        still_have_access=tuple(dict.fromkeys(effect.principal for effect in keeps)),
    )


_GroupsOf: TypeAlias = Mapping[PrincipalId, set[PrincipalKey]]
"""For each member whom the actor may know, the groups that they are in."""


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

    def holdings(
        self, principal: PrincipalId, people: People, groups_of: _GroupsOf
    ) -> tuple[Holding, Holding, Holding]:
        """Return what a principal holds before the act, after it, and by the grants that it ends.

        For a user, this counts ownership, and grants to the user and to their groups. For a group,
        it counts only grants to the group itself.
        """
        if isinstance(principal, GroupId):
            keys = {principal.key}
            return self.before.to(keys, None), self.after.to(keys, None), self.taken.to(keys, None)
        keys = {principal.key, *groups_of.get(principal, ())}
        taken = self.taken.to(keys, principal)
        if not people.profiles[principal].active:
            return NOTHING, NOTHING, taken
        if principal == self.known_owner:
            return EVERYTHING, EVERYTHING, taken
        return self.before.to(keys, principal), self.after.to(keys, principal), taken


def _known_groups(people: People) -> _GroupsOf:
    found: dict[PrincipalId, set[PrincipalKey]] = {}
    for group, members in people.members_seen.items():
        for member in members:
            found.setdefault(member, set()).add(group.key)
    return found


def _changes(
    policy: Policy, actor: Profile, exams: Iterable[ExamFacts], plan: Plan, now: datetime
) -> Iterator[_Change]:
    ended = grouped((each.grant for each in plan.ended), lambda grant: grant.exam)
    made = grouped(plan.made, lambda grant: grant.exam)
    for exam in exams:
        if exam.id not in ended and exam.id not in made:
            continue
        grants = standing(exam.sharing.grants, now), ended.get(exam.id, ()), made.get(exam.id, ())
        before, gone, new = (grants_seen(policy, actor, exam, each, now) for each in grants)
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
