"""Gathering facts: which questions an act asks, and in which order.

An exam that is not there and one that may not be seen ask the same questions, so that neither the
answer nor the way to it tells them apart. Whatever could tell more is asked only after that.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

import attrs

from exam_sharing.acts.questions import (
    AboutShare,
    Act,
    BatchOf,
    FindExams,
    FindGrants,
    Holds,
    Involved,
    MembersSeenBy,
    PeopleBehind,
    Profiles,
    ReadGrants,
    Removed,
    SeenBy,
    ask,
)
from exam_sharing.grants import Grant, Permission
from exam_sharing.identifiers import ExamId, GroupId, PrincipalId, UserId
from exam_sharing.policy.disclosure import principals_affected
from exam_sharing.policy.ending_rules import EndingCase, EndingRequest, Scene
from exam_sharing.policy.facts import (
    EndingFacts,
    ExamFacts,
    MembersSeen,
    People,
    Profile,
    ShareFacts,
)
from exam_sharing.policy.plans import Plan
from exam_sharing.policy.requests import Reshares, RevokeRequest, Scope, ShareRequest
from exam_sharing.policy.settings import Policy
from exam_sharing.policy.share_rules import ShareCase
from exam_sharing.policy.support import unread_sources

__all__ = [
    "can_see",
    "ending_facts",
    "exam_facts",
    "grantors_of",
    "groups_on",
    "lineage_of",
    "people_affected",
    "profile_of",
    "scene_of",
    "share_facts",
    "visible_part_of_share",
]


def profile_of(user: UserId) -> Act[Profile]:
    """Ask what the directory says of one user."""
    profiles = yield from ask(Profiles((user,)))
    return profiles[user]


def can_see(profile: Profile, exam: ExamId, now: datetime) -> Act[bool]:
    """Ask whether a user can see an exam, before anything else of it is asked."""
    asked = Holds(profile.user, profile.acting, Permission.VIEW, exam, now)
    return (yield from ask(asked)) is True


def exam_facts(exam: ExamId, *, ended: bool = False) -> Act[ExamFacts | None]:
    """Ask for one exam and its sharing; `None` when there is none, or it was withdrawn."""
    facts = yield from _each_with_grants((exam,), ended=ended)
    return facts[0] if facts else None


def _each_with_grants(
    wanted: tuple[ExamId, ...], *, ended: bool = False
) -> Act[tuple[ExamFacts, ...]]:
    # Versions first: an exam that changes hands after its version was read makes a conflict.
    sharing = yield from ask(ReadGrants(tuple(sorted(wanted)), ended))
    exams = {exam.id: exam for exam in (yield from ask(FindExams(wanted)))}
    return tuple(
        ExamFacts(exam=exams[each], sharing=sharing[each])
        for each in wanted
        if each in exams and not sharing[each].withdrawn
    )


def visible_part_of_share(request: ShareRequest, now: datetime) -> Act[ShareFacts]:
    """Ask for the actor and, where they can see the named exam, for the exams of the share."""
    actor = yield from profile_of(request.actor)
    if not (yield from can_see(actor, request.exam, now)):
        return ShareFacts(actor=actor)
    wanted: tuple[ExamId, ...] = ()
    if request.scope is Scope.BATCH:
        wanted = tuple(exam.id for exam in (yield from ask(BatchOf(request.exam))))
    exams = yield from _each_with_grants(wanted or (request.exam,))
    return ShareFacts(actor=actor, exams=exams)


def share_facts(policy: Policy, request: ShareRequest, now: datetime) -> Act[ShareFacts]:
    """Ask for everything that deciding a share takes."""
    facts = yield from visible_part_of_share(request, now)
    case = ShareCase(policy=policy, request=request, facts=facts, now=now)
    if not (case.visible and case.may_share):
        return facts
    seen = yield from ask(SeenBy(request.actor, request.recipients))
    found = tuple(each for each in request.recipients if each in seen)
    behind = yield from ask(PeopleBehind(found))
    groups = tuple(each for each in behind if isinstance(each, GroupId))
    members_seen: MembersSeen = {}
    if groups and policy.max_people is not None:
        members_seen = yield from _members_seen(request.actor, groups)
    people = People(behind=behind, seen=seen, members_seen=members_seen)
    case = attrs.evolve(case, facts=attrs.evolve(facts, people=people))
    if not case.reaches_too_many:
        profiles = yield from ask(Profiles(tuple(sorted(case.reached))))
        people = attrs.evolve(people, profiles=profiles)
    covered = tuple(exam.id for exam in case.covered)
    if policy.only_owner_readmits:
        removed = yield from ask(Removed(covered, found))
        facts = attrs.evolve(facts, removed=removed)
    host = None
    if policy.host_rules:
        host = yield from ask(AboutShare(request, covered))
    return attrs.evolve(facts, people=people, host=host)


def ending_facts(policy: Policy, request: EndingRequest, now: datetime) -> Act[EndingFacts]:
    """Ask for everything that deciding the end of grants takes."""
    actor = yield from profile_of(request.actor)
    named = request.grant if isinstance(request, RevokeRequest) else request.exam
    involvement = yield from ask(Involved(actor.user, actor.acting, named, now))
    if involvement is None or not (involvement.own or policy.access_list.shows_all):
        return EndingFacts(actor=actor)
    exam = yield from exam_facts(involvement.exam)
    if exam is None:
        return EndingFacts(actor=actor)
    facts = EndingFacts(actor=actor, exam=exam, once_granted=involvement.granted)
    case = EndingCase(scene=Scene(policy=policy, facts=facts, now=now), request=request)
    if not case.scene.visible:
        return facts
    if isinstance(request, RevokeRequest):
        if not case.named:
            return facts
    else:
        members_seen = yield from _members_seen(request.actor, groups_on((exam,)))
        facts = attrs.evolve(facts, members_seen=members_seen)
    return (yield from _with_lineage(facts, exam, case.reshares))


def _with_lineage(facts: EndingFacts, exam: ExamFacts, reshares: Reshares) -> Act[EndingFacts]:
    lineage = yield from lineage_of(exam.sharing.grants, reshares)
    grantors = yield from grantors_of(exam.sharing.grants, reshares)
    return attrs.evolve(facts, lineage=lineage, grantors=grantors)


def lineage_of(grants: tuple[Grant, ...], reshares: Reshares) -> Act[tuple[Grant, ...]]:
    """Ask for the grants that some rested on and that no longer stand, as `Support` needs them."""
    lineage: tuple[Grant, ...] = ()
    unread = unread_sources(grants, grants)
    while unread:
        found = yield from ask(FindGrants(unread))
        lineage += found
        if reshares is Reshares.KEEP:
            break
        unread = unread_sources(found, (*grants, *lineage))
    return lineage


def grantors_of(grants: tuple[Grant, ...], reshares: Reshares) -> Act[Mapping[UserId, Profile]]:
    """Ask for those who made some grants, where a cascade has to know their groups."""
    if reshares is Reshares.KEEP:
        return {}
    return (yield from ask(Profiles(tuple(sorted({grant.grantor for grant in grants})))))


def scene_of(policy: Policy, viewer: UserId, exam: ExamId, now: datetime) -> Act[Scene]:
    """Ask for what a viewer may know of an exam, with all that ending its grants takes."""
    actor = yield from profile_of(viewer)
    facts = EndingFacts(actor=actor)
    found = None
    if (yield from can_see(actor, exam, now)):
        found = yield from exam_facts(exam)
    if found is not None:
        facts = attrs.evolve(facts, exam=found)
        if policy.reshares is Reshares.RESTRICT:
            facts = yield from _with_lineage(facts, found, policy.reshares)
    return Scene(policy=policy, facts=facts, now=now)


def people_affected(actor: UserId, plan: Plan, exams: Iterable[ExamFacts]) -> Act[People]:
    """Ask who is behind the principals that a plan affects, and what of it the actor may know."""
    principals = principals_affected(plan)
    behind = yield from ask(PeopleBehind(principals))
    users = {each for each in principals if isinstance(each, UserId)}.union(*behind.values())
    in_order = tuple(sorted(users))
    profiles = yield from ask(Profiles(in_order))
    groups = {each for each in principals if isinstance(each, GroupId)}.union(groups_on(exams))
    members_seen = yield from _members_seen(actor, tuple(sorted(groups)))
    return People(behind=behind, profiles=profiles, members_seen=members_seen)


def _members_seen(actor: UserId, groups: tuple[GroupId, ...]) -> Act[MembersSeen]:
    """Ask whom the actor may know to be in each group: nobody, where the directory is silent."""
    told = yield from ask(MembersSeenBy(actor, groups))
    return {group: told.get(group, frozenset()) for group in groups}


def groups_on(exams: Iterable[ExamFacts]) -> tuple[GroupId, ...]:
    """Return the groups with grants on the exams, in a fixed order."""
    recipients: set[PrincipalId] = {
        grant.recipient for exam in exams for grant in exam.sharing.grants
    }
    return tuple(sorted(each for each in recipients if isinstance(each, GroupId)))
