"""Gathering facts: which questions an act asks, and in which order.

An exam that is not there and one that may not be seen ask the same questions, so that neither the
answer nor the way to it tells them apart. Whatever could tell more is asked only after that.
"""

from collections.abc import Iterable
from datetime import datetime

import attrs

from exam_sharing.acts.questions import (
    AboutShare,
    Act,
    BatchOf,
    ExamOfGrant,
    FindExams,
    MembersSeenBy,
    PeopleBehind,
    Profiles,
    ReadGrants,
    SeenBy,
    ask,
)
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
from exam_sharing.policy.requests import RevokeRequest, Scope, ShareRequest
from exam_sharing.policy.settings import Policy
from exam_sharing.policy.share_rules import ShareCase

__all__ = [
    "ending_facts",
    "exam_facts",
    "groups_on",
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


def exam_facts(exam: ExamId | None, *, ended: bool) -> Act[ExamFacts | None]:
    """Ask for one exam and its sharing; `None` when there is none, or it was withdrawn."""
    facts = yield from _each_with_grants(() if exam is None else (exam,), ended=ended)
    return facts[0] if facts else None


def _each_with_grants(wanted: tuple[ExamId, ...], *, ended: bool) -> Act[tuple[ExamFacts, ...]]:
    # Versions first: an exam that changes hands after its version was read makes a conflict.
    sharing = yield from ask(ReadGrants(tuple(sorted(wanted)), ended))
    exams = {exam.id: exam for exam in (yield from ask(FindExams(wanted)))}
    return tuple(
        ExamFacts(exam=exams[each], sharing=sharing[each])
        for each in wanted
        if each in exams and not sharing[each].withdrawn
    )


def visible_part_of_share(policy: Policy, request: ShareRequest) -> Act[ShareFacts]:
    """Ask for the actor and the exams: enough to tell whether the named one can be seen."""
    actor = yield from profile_of(request.actor)
    wanted: tuple[ExamId, ...] = ()
    if request.scope is Scope.BATCH:
        wanted = tuple(exam.id for exam in (yield from ask(BatchOf(request.exam))))
    ended = policy.only_owner_readmits
    exams = yield from _each_with_grants(wanted or (request.exam,), ended=ended)
    return ShareFacts(actor=actor, exams=exams)


def share_facts(policy: Policy, request: ShareRequest, now: datetime) -> Act[ShareFacts]:
    """Ask for everything that deciding a share takes."""
    facts = yield from visible_part_of_share(policy, request)
    case = ShareCase(policy=policy, request=request, facts=facts, now=now)
    if not (case.visible and case.may_share):
        return facts
    seen = yield from ask(SeenBy(request.actor, request.recipients))
    behind = yield from ask(
        PeopleBehind(tuple(each for each in request.recipients if each in seen))
    )
    groups = tuple(each for each in behind if isinstance(each, GroupId))
    members_seen: MembersSeen = {}
    if groups and policy.max_people is not None:
        members_seen = yield from _members_seen(request.actor, groups)
    people = People(behind=behind, seen=seen, members_seen=members_seen)
    case = attrs.evolve(case, facts=attrs.evolve(facts, people=people))
    if not case.reaches_too_many:
        profiles = yield from ask(Profiles(tuple(sorted(case.reached))))
        people = attrs.evolve(people, profiles=profiles)
    host = None
    if policy.host_rules:
        host = yield from ask(AboutShare(request, tuple(exam.id for exam in case.covered)))
    return attrs.evolve(facts, people=people, host=host)


def ending_facts(policy: Policy, request: EndingRequest, now: datetime) -> Act[EndingFacts]:
    """Ask for everything that deciding the end of grants takes."""
    actor = yield from profile_of(request.actor)
    if isinstance(request, RevokeRequest):
        exam_id = yield from ask(ExamOfGrant(request.grant))
    else:
        exam_id = request.exam
    exam = yield from exam_facts(exam_id, ended=True)
    facts = EndingFacts(actor=actor, exam=exam)
    case = EndingCase(scene=Scene(policy=policy, facts=facts, now=now), request=request)
    if exam is None or not case.scene.visible:
        return facts
    if isinstance(request, RevokeRequest):
        if not case.named:
            return facts
        return (yield from _with_grantors(facts, exam))
    members_seen = yield from _members_seen(request.actor, groups_on((exam,)))
    facts = attrs.evolve(facts, members_seen=members_seen)
    return (yield from _with_grantors(facts, exam))


def _with_grantors(facts: EndingFacts, exam: ExamFacts) -> Act[EndingFacts]:
    grantors = sorted({grant.grantor for grant in exam.sharing.grants})
    profiles = yield from ask(Profiles(tuple(grantors)))
    return attrs.evolve(facts, grantors=profiles)


def scene_of(policy: Policy, viewer: UserId, exam: ExamId, now: datetime) -> Act[Scene]:
    """Ask for what a viewer may know of an exam, with all that ending its grants takes."""
    actor = yield from profile_of(viewer)
    found = yield from exam_facts(exam, ended=True)
    facts = EndingFacts(actor=actor, exam=found)
    scene = Scene(policy=policy, facts=facts, now=now)
    if found is None or not scene.has_access:
        return scene
    facts = yield from _with_grantors(facts, found)
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
