"""What the portal shows: forms, tabs, lists and explanations, each from facts of one moment."""

from datetime import datetime

from exam_sharing.acts import gathering
from exam_sharing.acts.cursors import cursor_after, page_limit, page_of, position
from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, PrincipalId, UserId
from exam_sharing.names import Typed
from exam_sharing.policy import access, views
from exam_sharing.policy.decisions import Denied, Ground, Permitted, Refused, not_found
from exam_sharing.policy.facts import ExamFacts, Profile
from exam_sharing.policy.requests import Scope, ShareRequest
from exam_sharing.policy.settings import Policy
from exam_sharing.policy.share import ShareCase
from exam_sharing.policy.views import AccessList, Choice, Page, ShareForm, SharePage, Tab
from exam_sharing.ports import Ports


def share_form(
    ports: Ports, policy: Policy, actor: UserId, exam: ExamId, now: datetime
) -> ShareForm:
    """Return what the form for sharing the exam offers; nothing to an actor who may not share."""
    return views.share_form(_batch_case(ports, policy, actor, exam, now))


def _batch_case(
    ports: Ports, policy: Policy, actor: UserId, exam: ExamId, now: datetime
) -> ShareCase:
    request = ShareRequest(actor=actor, exam=exam, recipients=(), scope=Scope.BATCH)
    facts = gathering.visible_part_of_share(ports, request, now)
    return ShareCase(policy=policy, request=request, facts=facts, now=now)


def share_page(
    ports: Ports, policy: Policy, user: UserId, exam: ExamId, now: datetime, request_id: str
) -> SharePage:
    """Return the tabs, the share form and the access list of the exam, from the same facts.

    Raises:
        Refused: there is no such exam, or the user has no access to it.
    """
    case = _batch_case(ports, policy, user, exam, now)
    if not case.visible:
        raise Refused((not_found(exam),))
    named, profile = case.covered[0], case.facts.actor
    scene = gathering.scene_with(ports, policy, profile, named, now)
    names = gathering.names_of(ports, views.principals_on(scene, named))
    return SharePage(
        tabs=views.tabs(profile, downloads=case.held[exam].holds(Permission.DOWNLOAD, now)),
        form=views.share_form(case),
        access_list=views.access_list(scene, named, names),
        request_id=request_id,
    )


def tabs(ports: Ports, user: UserId, exam: ExamId, now: datetime) -> frozenset[Tab]:
    """Return the tabs that the exam has for the user; none without access."""
    profile = gathering.profile_of(ports, user)
    held = gathering.permission_held(ports, profile, exam, now)
    if held is None:
        return frozenset()
    return views.tabs(profile, downloads=held is Permission.DOWNLOAD)


def access_list(
    ports: Ports, policy: Policy, viewer: UserId, exam: ExamId, now: datetime
) -> AccessList:
    """Return the access list of the exam, as far as the viewer may see it.

    Raises:
        Refused: there is no such exam, or the viewer has no access to it.
    """
    scene = gathering.scene_of(ports, policy, viewer, exam, now)
    if scene.facts.exam is None or not scene.has_access:
        raise Refused((not_found(exam),))
    names = gathering.names_of(ports, views.principals_on(scene, scene.facts.exam))
    return views.access_list(scene, scene.facts.exam, names)


def explain(
    ports: Ports, user: UserId, permission: Permission, exam: ExamId, now: datetime
) -> Permitted | Denied:
    """Return why the user holds the permission on the exam, or why not; for operators."""
    # A yes reads no more than it needs: not what explains a no.
    wanted = (exam,)
    principals = gathering.principals_of(ports.directory, user)
    found = gathering.exams_from(ports.exams.find(wanted))
    sharing = ports.grants.read(wanted, ended=False)[exam]
    if principals and found:
        grounds = [
            Ground(grant=grant, path=_path(ports, user, grant.recipient))
            for grant in access.grants_giving(user, principals, permission, sharing, now)
        ]
        as_owner = found[0].owner == user and not sharing.withdrawn
        if as_owner or grounds:
            return Permitted(as_owner=as_owner, grounds=tuple(grounds))
    profile = gathering.profile_of(ports, user)
    facts = gathering.exam_facts(ports, exam, ended=True)
    ever = () if facts is None else facts.ever_granted()
    reached = {each.recipient for each in ever if each.recipient.key in profile.principals}
    paths = {each: _path(ports, user, each) for each in sorted(reached, key=lambda each: each.key)}
    return access.explain_no(profile, exam, facts, paths, now)


def _path(ports: Ports, user: UserId, principal: PrincipalId) -> tuple[PrincipalId, ...]:
    if principal == user:
        return (user,)
    return gathering.from_directory(ports.directory.path(user, principal), tuple)


def who_can(
    ports: Ports, permission: Permission, exam: ExamId, now: datetime
) -> tuple[access.Holder, ...]:
    """Return every user who holds the permission on the exam, by their ids; for operators."""
    facts = gathering.exam_facts(ports, exam)
    if facts is None:
        raise Refused((not_found(exam),))
    grants = access.standing(facts.sharing.grants, now)
    giving = tuple(grant for grant in grants if grant.permission >= permission)
    reached = {facts.exam.owner, *(grant.recipient for grant in giving)}
    behind = gathering.people_behind(ports, tuple(sorted(reached, key=lambda each: each.key)))
    return access.holders(facts.exam, giving, behind)


def suggest_recipients(
    ports: Ports, policy: Policy, actor: UserId, exam: ExamId, text: str, limit: int, now: datetime
) -> tuple[Choice, ...]:
    """Return whom a typed text suggests, best first; nothing to an actor who may not share."""
    most = min(page_limit(limit), policy.suggestion_limit)
    typed = Typed.of(text)
    if typed is None:
        return ()
    whole = policy.whole_names_only or typed.length < policy.suggestion_min_length
    may = _who_may_choose(ports, actor, exam, now)
    if may is None:
        return ()
    profile, facts = may
    left_out = frozenset({actor, facts.exam.owner})
    offered = ports.directory.suggest(actor, text, most, left_out, whole=whole)
    return views.choices(policy, profile, facts, gathering.from_directory(offered, tuple), now)


def list_recipients(
    ports: Ports,
    policy: Policy,
    actor: UserId,
    exam: ExamId,
    after: str | None,
    limit: int,
    now: datetime,
) -> Page[Choice]:
    """Return a page of all whom the actor may choose, by name; nothing where they may not share.

    There is no list where the policy allows whole names alone: it would show everybody.
    """
    behind, most = position(after), page_limit(limit)
    if policy.whole_names_only:
        return Page()
    may = _who_may_choose(ports, actor, exam, now)
    if may is None:
        return Page()
    profile, facts = may
    left_out = frozenset({actor, facts.exam.owner})
    offered = ports.directory.listed(actor, behind, most + 1, left_out)
    found = views.choices(policy, profile, facts, gathering.from_directory(offered, tuple), now)
    return page_of(found, most, lambda one: cursor_after(one.name, one.principal.key))


def _who_may_choose(
    ports: Ports, actor: UserId, exam: ExamId, now: datetime
) -> tuple[Profile, ExamFacts] | None:
    """Return the actor and the exam if the actor may share it."""
    profile = gathering.profile_of(ports, actor)
    for facts in gathering.exams_seen(ports, profile, exam, now):
        holds = access.holding_on(profile, facts).holds(Permission.VIEW, now)
        return (profile, facts) if holds and profile.sharing_in_plan else None
    return None
