"""What the portal shows: forms, tabs, lists and explanations, each from facts of one moment."""

from collections.abc import Mapping
from datetime import datetime

from exam_sharing.acts.cursors import cursor_after, page_limit, position
from exam_sharing.acts.gathering import (
    can_see,
    exam_facts,
    profile_of,
    scene_of,
    visible_part_of_share,
)
from exam_sharing.acts.questions import (
    Act,
    FindExams,
    Holds,
    Listed,
    Names,
    Path,
    PeopleBehind,
    PrincipalsOf,
    ReadGrants,
    Suggest,
    ask,
)
from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, PrincipalId, UserId
from exam_sharing.names import Typed
from exam_sharing.policy.access import holding_on
from exam_sharing.policy.decisions import Denied, Ground, Permitted, Reason, ReasonCode, Refused
from exam_sharing.policy.explain import explain_no, explain_yes, grants_giving
from exam_sharing.policy.facts import ExamFacts, ExamGrants, Profile
from exam_sharing.policy.holders import Holder, grants_of, holders
from exam_sharing.policy.requests import Scope, ShareRequest
from exam_sharing.policy.settings import Policy
from exam_sharing.policy.share_rules import ShareCase
from exam_sharing.policy.views import (
    AccessList,
    Choice,
    Page,
    ShareForm,
    Tab,
    access_list,
    choices,
    share_form,
    tabs,
)

__all__ = [
    "explain",
    "list_recipients",
    "show_access_list",
    "show_share_form",
    "show_tabs",
    "suggest_recipients",
    "who_can",
]


def show_share_form(policy: Policy, actor: UserId, exam: ExamId, now: datetime) -> Act[ShareForm]:
    """Return what the form for sharing the exam offers; nothing to an actor who may not share."""
    request = ShareRequest(actor=actor, exam=exam, recipients=(), scope=Scope.BATCH)
    facts = yield from visible_part_of_share(request, now)
    return share_form(ShareCase(policy=policy, request=request, facts=facts, now=now))


def show_tabs(user: UserId, exam: ExamId, now: datetime) -> Act[frozenset[Tab]]:
    """Return the tabs that the exam has for the user; none without access."""
    profile = yield from profile_of(user)
    if not (yield from can_see(profile, exam, now)):
        return frozenset()
    downloads = yield from ask(Holds(user, profile.acting, Permission.DOWNLOAD, exam, now))
    return tabs(profile, downloads=downloads is True)


def show_access_list(
    policy: Policy, viewer: UserId, exam: ExamId, now: datetime
) -> Act[AccessList]:
    """Return the access list of the exam, as far as the viewer may see it.

    Raises:
        Refused: there is no such exam, or the viewer has no access to it.
    """
    scene = yield from scene_of(policy, viewer, exam, now)
    if scene.facts.exam is None or not scene.has_access:
        raise Refused((Reason(code=ReasonCode.EXAM_NOT_FOUND, exams=(exam,)),))
    listed = sorted(scene.seen_by_recipient, key=lambda each: each.key)
    names = yield from ask(Names(tuple(listed)))
    return access_list(scene, scene.facts.exam, names)


def explain(
    user: UserId, permission: Permission, exam: ExamId, now: datetime
) -> Act[Permitted | Denied]:
    """Return why the user holds the permission on the exam, or why not; for operators."""
    # A yes takes no more questions than it needs, and not the detours by which a no is explained.
    wanted = (exam,)
    principals = yield from ask(PrincipalsOf(user))
    found = yield from ask(FindExams(wanted))
    read: Mapping[ExamId, ExamGrants] = yield ReadGrants(wanted)
    sharing = read[exam]
    if principals and found:
        grounds: list[Ground] = []
        for grant in grants_giving(user, principals, permission, sharing, now):
            direct = grant.recipient == user
            path = (user,) if direct else (yield from ask(Path(user, grant.recipient)))
            grounds.append(Ground(grant=grant, path=path))
        permitted = explain_yes(user, found[0], sharing, grounds)
        if permitted is not None:
            return permitted
    profile = yield from profile_of(user)
    facts = yield from exam_facts(exam, ended=True)
    ever = () if facts is None else facts.ever_granted()
    paths: dict[PrincipalId, tuple[PrincipalId, ...]] = {user: (user,)}
    for recipient in (grant.recipient for grant in ever):
        if recipient not in paths and recipient.key in profile.principals:
            paths[recipient] = yield from ask(Path(user, recipient))
    return explain_no(profile, exam, facts, paths.__getitem__, now)


def who_can(permission: Permission, exam: ExamId, now: datetime) -> Act[tuple[Holder, ...]]:
    """Return every user who holds the permission on the exam, by their ids; for operators.

    Raises:
        Refused: there is no such exam.
    """
    facts = yield from exam_facts(exam)
    if facts is None:
        raise Refused((Reason(code=ReasonCode.EXAM_NOT_FOUND, exams=(exam,)),))
    giving = grants_of(permission, facts.sharing, now)
    reached = {facts.exam.owner, *(grant.recipient for grant in giving)}
    behind = yield from ask(PeopleBehind(tuple(sorted(reached, key=lambda each: each.key))))
    return holders(facts.exam, giving, behind)


def suggest_recipients(
    policy: Policy, actor: UserId, exam: ExamId, text: str, limit: int, now: datetime
) -> Act[tuple[Choice, ...]]:
    """Return whom a typed text suggests, best first; nothing to an actor who may not share.

    Raises:
        InvalidValue: the limit cannot be used.
    """
    most = min(page_limit(limit), policy.suggestion_limit)
    typed = Typed.of(text)
    if typed is None:
        return ()
    whole = policy.whole_names_only or typed.length < policy.suggestion_min_length
    may = yield from _who_may_choose(actor, exam, now)
    if may is None:
        return ()
    profile, facts = may
    left_out = _left_out(actor, facts)
    offered = yield from ask(Suggest(actor, text, most, left_out, whole))
    return choices(policy, profile, facts, offered, now)


def list_recipients(
    policy: Policy, actor: UserId, exam: ExamId, after: str | None, limit: int, now: datetime
) -> Act[Page[Choice]]:
    """Return a page of all whom the actor may choose, by name; nothing where they may not share.

    There is no list where the policy allows whole names alone: it would show everybody.

    Raises:
        InvalidValue: the cursor or the limit cannot be used.
    """
    behind, most = position(after), page_limit(limit)
    if policy.whole_names_only:
        return Page()
    may = yield from _who_may_choose(actor, exam, now)
    if may is None:
        return Page()
    profile, facts = may
    left_out = _left_out(actor, facts)
    offered = yield from ask(Listed(actor, behind, most + 1, left_out))
    found = choices(policy, profile, facts, offered[:most], now)
    if len(offered) <= most:
        return Page(items=found)
    return Page(items=found, next=cursor_after(found[-1].name, found[-1].principal.key))


def _who_may_choose(
    actor: UserId, exam: ExamId, now: datetime
) -> Act[tuple[Profile, ExamFacts] | None]:
    """Return the actor and the exam if the actor may share it."""
    profile = yield from profile_of(actor)
    if not (yield from can_see(profile, exam, now)) or not profile.sharing_in_plan:
        return None
    facts = yield from exam_facts(exam)
    if facts is None or not holding_on(profile, facts).holds(Permission.VIEW, now):
        return None
    return profile, facts


def _left_out(actor: UserId, exam: ExamFacts) -> frozenset[PrincipalId]:
    return frozenset({actor, exam.exam.owner})
