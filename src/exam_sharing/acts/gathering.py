"""Gathering facts: which ports an act queries, and in which order.

An exam that is not there and one that the actor may not see cause the same queries, so that neither
the answer nor the way to it tells them apart. Queries that could show a difference come after that.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TypeVar, cast

import attrs

from exam_sharing.conformance import answers_at_once
from exam_sharing.errors import StoreFailed
from exam_sharing.exams import Exam
from exam_sharing.grants import Grant, Permission
from exam_sharing.identifiers import ExamId, GrantId, GroupId, Keys, PrincipalId, UserId
from exam_sharing.policy.disclosure import principals_affected
from exam_sharing.policy.ending import EndingCase, Scene
from exam_sharing.policy.facts import (
    EndingFacts,
    ExamFacts,
    Involvement,
    Memberships,
    MembersSeen,
    People,
    PeopleBehind,
    Profile,
    ShareFacts,
)
from exam_sharing.policy.plans import Names, Plan
from exam_sharing.policy.requests import EndingRequest, Reshares, RevokeRequest, Scope, ShareRequest
from exam_sharing.policy.settings import AccessListScope, Policy
from exam_sharing.policy.share import ShareCase
from exam_sharing.policy.support import unread_sources
from exam_sharing.ports import (
    READ_AT_ONCE,
    SEEN_AT_ONCE,
    Directory,
    FactReader,
    PeopleReader,
    Ports,
)

AnswerT = TypeVar("AnswerT")


def from_directory(answer: AnswerT, kind: type, port: str = "the directory") -> AnswerT:
    """Return an answer of a host's port; raise `StoreFailed` if its type breaks the contract."""
    if not issubclass(type(answer), kind):
        raise StoreFailed(f"{port} gave {type(answer).__name__} instead of {kind.__name__}")
    return answer


def exams_from(answer: tuple[Exam, ...]) -> tuple[Exam, ...]:
    """Return an answer of a host's `ExamReader`; raise `StoreFailed` if it holds other values."""
    for exam in from_directory(answer, tuple, "the exams"):
        # A subclass could name another owner on every access.
        if type(exam) is not Exam:
            raise StoreFailed(f"the exams gave {type(exam).__name__} instead of Exam itself")
    return answer


def principals_of(directory: Directory, user: UserId) -> Keys:
    """Query the keys of a user and of all their groups; none for an inactive user."""
    found = directory.principals_of(user)
    if type(found) is not frozenset:
        raise StoreFailed("the directory gave no frozenset of the keys of a user's principals")
    return found


def profiles_of(ports: Ports, users: tuple[UserId, ...]) -> Mapping[UserId, Profile]:
    """Query the profiles of users; raise `StoreFailed` where the directory leaves one out."""
    found = from_directory(ports.directory.profiles(users), Mapping)
    for user in users:
        profile = found.get(user)
        if type(profile) is not Profile or profile.user != user:
            raise StoreFailed("the directory gave no profile of its own for every user")
    return found


def profile_of(ports: Ports, user: UserId) -> Profile:
    """Query the profile of one user."""
    return profiles_of(ports, (user,))[user]


def people_behind(ports: Ports, principals: tuple[PrincipalId, ...]) -> PeopleBehind:
    """Query the active users whom each principal reaches."""
    return from_directory(ports.directory.people_behind(principals), Mapping)


def names_of(ports: Ports, principals: Iterable[PrincipalId]) -> Names:
    """Query the names of principals; those that the directory does not know have none."""
    wanted = tuple(sorted(principals, key=lambda each: each.key))
    if not wanted:
        return {}
    found = from_directory(ports.directory.names(wanted), Mapping)
    return {each: found[each] for each in wanted if each in found}


def names_seen(ports: Ports, user: UserId, principals: Iterable[PrincipalId]) -> Names:
    """Query the names of those of the principals whom an active user may see in the directory."""
    wanted = tuple(principals)
    if not wanted or not profile_of(ports, user).active:
        return {}
    seen = ports.directory.seen_by(user, wanted)
    return names_of(ports, from_directory(seen, frozenset))


def can_see(ports: Ports, profile: Profile, exam: ExamId, now: datetime) -> bool:
    """Query whether a user can see an exam, before anything else of it is read."""
    view = Permission.VIEW
    return ports.access.holds(profile.user, profile.acting, view, exam, now) is True


def permission_held(
    ports: Ports, profile: Profile, exam: ExamId, now: datetime
) -> Permission | None:
    """Query the highest permission that a user holds on an exam; `None` without access."""
    at_once = _fact_reader(ports)
    if at_once is not None:
        held = at_once.permission_held(profile.user, profile.acting, exam, now)
        return held if type(held) is Permission else None
    if not can_see(ports, profile, exam, now):
        return None
    download = Permission.DOWNLOAD
    downloads = ports.access.holds(profile.user, profile.acting, download, exam, now) is True
    return download if downloads else Permission.VIEW


def exams_seen(
    ports: Ports, profile: Profile, exam: ExamId, now: datetime, *, batch: bool = False
) -> tuple[ExamFacts, ...]:
    """Query an exam, or its whole batch, with its sharing; nothing if the user cannot see it."""
    at_once = _fact_reader(ports)
    if at_once is not None:
        found = at_once.facts_seen(profile.user, profile.acting, exam, now, batch=batch)
        exams_from(tuple(each.exam for each in from_directory(found, tuple, "the facts")))
        return found
    if not can_see(ports, profile, exam, now):
        return ()
    wanted: tuple[ExamId, ...] = ()
    if batch:
        wanted = tuple(each.id for each in exams_from(ports.exams.batch_of(exam)))
    return _each_with_grants(ports, wanted or (exam,))


def exam_involving(
    ports: Ports,
    actor: Profile,
    named: ExamId | GrantId,
    now: datetime,
    *,
    own: bool,
) -> tuple[Involvement, ExamFacts] | None:
    """Query an exam with its sharing, and how the actor is involved with it, if they are.

    If `own`, only where the involvement is the actor's own.
    """
    at_once = _fact_reader(ports)
    if at_once is not None:
        found = at_once.facts_involved(actor.user, actor.acting, named, now, own=own)
        exams_from(() if found is None else (found[1].exam,))
        return found
    involvement = ports.access.involved(actor.user, actor.acting, named, now)
    if involvement is None or (own and not involvement.own):
        return None
    exam = exam_facts(ports, involvement.exam)
    return None if exam is None else (involvement, exam)


def _fact_reader(ports: Ports) -> FactReader | None:
    """Return the port of access if it answers at once what views and acts ask of three ports."""
    access = ports.access
    others: tuple[object, ...] = ports.exams, ports.grants
    one = all(each is access for each in others)
    at_once = one and answers_at_once(access, FactReader, READ_AT_ONCE)
    return cast("FactReader", access) if at_once else None


def exam_facts(ports: Ports, exam: ExamId, *, ended: bool = False) -> ExamFacts | None:
    """Query one exam and its sharing; `None` when there is none, or it was withdrawn."""
    facts = _each_with_grants(ports, (exam,), ended=ended)
    return facts[0] if facts else None


def _each_with_grants(
    ports: Ports, wanted: tuple[ExamId, ...], *, ended: bool = False
) -> tuple[ExamFacts, ...]:
    # Versions first: an exam that changes hands after its version was read causes a conflict, and
    # a former owner is shown no grant that was made later.
    sharing = ports.grants.read(tuple(sorted(wanted)), ended=ended)
    exams = {exam.id: exam for exam in exams_from(ports.exams.find(wanted))}
    return tuple(
        ExamFacts(exam=exams[each], sharing=sharing[each])
        for each in wanted
        if each in exams and not sharing[each].withdrawn
    )


def visible_part_of_share(ports: Ports, request: ShareRequest, now: datetime) -> ShareFacts:
    """Query the actor and, where they can see the named exam, the exams of the share."""
    actor, whole = profile_of(ports, request.actor), request.scope is Scope.BATCH
    exams = exams_seen(ports, actor, request.exam, now, batch=whole)
    return ShareFacts(actor=actor, exams=exams)


def share_facts(ports: Ports, policy: Policy, request: ShareRequest, now: datetime) -> ShareFacts:
    """Query all facts that the decision on a share needs."""
    facts = visible_part_of_share(ports, request, now)
    case = ShareCase(policy=policy, request=request, facts=facts, now=now)
    if not (case.visible and facts.actor.sharing_in_plan):
        return facts
    counted = policy.max_people is not None
    people, names = _people_seen(ports, request.actor, request.recipients, counted=counted)
    facts = attrs.evolve(facts, names=names)
    case = attrs.evolve(case, facts=attrs.evolve(facts, people=people))
    if not case.reaches_too_many:
        people = attrs.evolve(people, profiles=profiles_of(ports, tuple(sorted(case.reached))))
    covered = tuple(exam.id for exam in case.covered)
    if policy.only_owner_readmits:
        found = tuple(each for each in request.recipients if each in people.seen)
        facts = attrs.evolve(facts, removed=ports.grants.removed(covered, found))
    host = ports.host_facts.about(request, covered) if policy.host_rules else None
    return attrs.evolve(facts, people=people, host=host)


def _people_seen(
    ports: Ports, actor: UserId, recipients: tuple[PrincipalId, ...], *, counted: bool
) -> tuple[People, Names]:
    """Query whom of the recipients the actor sees and who is behind those; and names, if at once.

    If `counted`, also which members of the groups the actor sees.
    """
    directory = ports.directory
    if answers_at_once(directory, PeopleReader, SEEN_AT_ONCE):
        people, names = cast("PeopleReader", directory).people_seen(actor, recipients)
        return from_directory(people, People), from_directory(names, Mapping)
    seen = from_directory(directory.seen_by(actor, recipients), frozenset)
    behind = people_behind(ports, tuple(each for each in recipients if each in seen))
    groups = tuple(each for each in behind if counted and isinstance(each, GroupId))
    members_seen = seen_members(ports, actor, groups) if groups else {}
    return People(behind=behind, seen=seen, members_seen=members_seen), {}


def ending_facts(
    ports: Ports, policy: Policy, request: EndingRequest, now: datetime
) -> EndingFacts:
    """Query all facts that the decision to end grants needs."""
    actor = profile_of(ports, request.actor)
    named = request.grant if isinstance(request, RevokeRequest) else request.exam
    own = policy.access_list is not AccessListScope.EVERYONE
    found = exam_involving(ports, actor, named, now, own=own)
    if found is None:
        return EndingFacts(actor=actor)
    involvement, exam = found
    facts = EndingFacts(actor=actor, exam=exam, once_granted=involvement.granted)
    case = EndingCase(scene=Scene(policy=policy, facts=facts, now=now), request=request)
    if not case.scene.visible:
        return facts
    if isinstance(request, RevokeRequest) and not case.named:
        return facts
    members_seen = seen_members(ports, request.actor, groups_on((exam,)))
    facts = attrs.evolve(facts, members_seen=members_seen)
    return _with_support(ports, facts, exam, case.reshares)


def _with_support(
    ports: Ports, facts: EndingFacts, exam: ExamFacts, reshares: Reshares
) -> EndingFacts:
    lineage, memberships = support_of(ports, exam.sharing.grants, reshares)
    return attrs.evolve(facts, lineage=lineage, memberships=memberships)


def support_of(
    ports: Ports, grants: tuple[Grant, ...], reshares: Reshares
) -> tuple[tuple[Grant, ...], Memberships]:
    """Query what `Support` needs beside some grants: those that they rested on, and memberships."""
    lineage: tuple[Grant, ...] = ()
    unread = unread_sources(grants, grants)
    # Queried also for nothing: what an act costs must not show whether a hidden source was ended.
    while True:
        found = ports.grants.find_grants(unread)
        lineage += found
        unread = unread_sources(found, (*grants, *lineage))
        if reshares is Reshares.KEEP or not unread:
            break
    if reshares is Reshares.KEEP:
        return lineage, {}
    # A cascade depends on the groups of those who made the grants.
    profiles = profiles_of(ports, tuple(sorted({grant.grantor for grant in grants})))
    return lineage, {user: profile.principals for user, profile in profiles.items()}


def scene_of(ports: Ports, policy: Policy, viewer: UserId, exam: ExamId, now: datetime) -> Scene:
    """Query what a viewer may know of an exam, and what ending its grants would need."""
    actor = profile_of(ports, viewer)
    found = exams_seen(ports, actor, exam, now)
    return scene_with(ports, policy, actor, found[0] if found else None, now)


def scene_with(
    ports: Ports, policy: Policy, viewer: Profile, exam: ExamFacts | None, now: datetime
) -> Scene:
    """Return the scene of an exam that was read, with what ending its grants would need."""
    facts = EndingFacts(actor=viewer, exam=exam)
    if exam is not None and policy.reshares is Reshares.RESTRICT:
        facts = _with_support(ports, facts, exam, policy.reshares)
    return Scene(policy=policy, facts=facts, now=now)


def people_affected(ports: Ports, plan: Plan, facts: ShareFacts | EndingFacts) -> People:
    """Query who is behind the principals that a plan affects, and whom of them the actor sees.

    Whatever `facts` has of them already is not queried again.
    """
    principals = principals_affected(plan)
    if isinstance(facts, ShareFacts):
        # A share affects recipients only: their profiles, and who is behind them, are known.
        groups = {each for each in principals if isinstance(each, GroupId)}
        groups.update(groups_on(facts.exams))
        members_seen = seen_members(ports, facts.actor.user, tuple(sorted(groups)))
        return attrs.evolve(facts.people, members_seen=members_seen)
    # Whose grants end had a grant on the exam: the members of these groups are known.
    behind = people_behind(ports, principals)
    users = {each for each in principals if isinstance(each, UserId)}.union(*behind.values())
    profiles = profiles_of(ports, tuple(sorted(users)))
    return People(behind=behind, profiles=profiles, members_seen=facts.members_seen)


def seen_members(ports: Ports, actor: UserId, groups: tuple[GroupId, ...]) -> MembersSeen:
    """Query the members that the actor sees in each group; none where the directory is silent."""
    seen = from_directory(ports.directory.members_seen_by(actor, groups), Mapping)
    return {group: seen.get(group, frozenset()) for group in groups}


def groups_on(exams: Iterable[ExamFacts]) -> tuple[GroupId, ...]:
    """Return the groups with grants on the exams, in a fixed order."""
    recipients = {grant.recipient for exam in exams for grant in exam.sharing.grants}
    return tuple(sorted(each for each in recipients if isinstance(each, GroupId)))
