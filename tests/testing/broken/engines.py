"""Engines with one realistic bug each, which the decision cases or the machine must find.

A variant yields what it replaces in the engine: where, by which name, and with what. Its docstring
describes the bug.
"""

from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial, wraps
from unittest.mock import Mock, patch

import attrs

import exam_sharing as es
from exam_sharing import recording
from exam_sharing.acts import accesses, changing, delivering, drawing, gathering, showing
from exam_sharing.grants import FOREVER, NOTHING, Holding
from exam_sharing.policy import access, ending, requests, share, views
from exam_sharing.policy.decisions import reasons_against
from exam_sharing.policy.facts import Profile
from exam_sharing.policy.support import Support
from exam_sharing.ports import AuditTrail

BROKEN_ENGINES = []


def engine(replaced):
    """Register a variant as a context in which the engine has its bug."""

    @contextmanager
    @wraps(replaced)
    def broken():
        with ExitStack() as patches:
            for where, name, instead in replaced():
                patches.enter_context(patch.object(where, name, instead))
            yield

    BROKEN_ENGINES.append(broken)
    return broken


def around(where, name, instead):
    """Return what replaces a function by one that takes the original first."""
    return where, name, partial(instead, getattr(where, name))


def without(code):
    """Return what removes the rule of a reason code."""
    return share, "SHARE_RULES", tuple(r for r in share.SHARE_RULES if r.code is not code)


def lenient(code, lets):
    """Return what keeps the rules of a reason code from cases that a function lets pass."""

    def letting(rule):
        return attrs.evolve(rule, check=lambda case: () if lets(case) else rule.check(case))

    return (
        share,
        "SHARE_RULES",
        tuple(letting(r) if r.code is code else r for r in share.SHARE_RULES),
    )


@engine
def believes_without_attestation():
    """Nobody verifies that HIPAA was confirmed."""
    yield without(es.ReasonCode.ATTESTATION_MISSING)


@engine
def ignores_plans():
    """Everybody who sees an exam may share it, whatever their service plan."""

    def with_plan(profile_of, *asked):
        return attrs.evolve(profile_of(*asked), sharing_in_plan=True)

    yield around(gathering, "profile_of", with_plan)


@engine
def passes_on_download():
    """A user who can only view passes download on."""
    yield without(es.ReasonCode.DOWNLOAD_NOT_HELD)


@engine
def passes_on_download_to_groups():
    """A user who can only view passes download on to groups."""

    def to_groups(case):
        return all(isinstance(each, es.GroupId) for each in case.request.recipients)

    yield lenient(es.ReasonCode.DOWNLOAD_NOT_HELD, to_groups)


@engine
def passes_on_download_as_member():
    """A user who can only view, through a group, passes download on."""

    def as_member(case):
        (named,) = (each for each in case.facts.exams if each.exam.id == case.request.exam)
        actor = case.facts.actor
        reaching = access.grants_reaching(actor.user, actor.acting, named.sharing.grants)
        return any(isinstance(grant.recipient, es.GroupId) for grant in reaching)

    yield lenient(es.ReasonCode.DOWNLOAD_NOT_HELD, as_member)


@engine
def outlives_its_source():
    """A re-share may last longer than its grantor holds the exam."""
    yield without(es.ReasonCode.EXPIRY_BEYOND_OWN)


class ShowsEverybody:
    """A directory in which an actor sees everybody."""

    def __init__(self, directory):
        self._directory = directory

    def __getattr__(self, name):
        return getattr(self._directory, name)

    def seen_by(self, _actor, principals):
        return frozenset(self._directory.names(principals))


@engine
def shares_with_the_unseen():
    """Hidden recipients are accepted, so that the directory can be probed."""

    def facts(share_facts, ports, *asked):
        return share_facts(attrs.evolve(ports, directory=ShowsEverybody(ports.directory)), *asked)

    yield around(gathering, "share_facts", facts)


@engine
def brings_back_whom_the_owner_removed():
    """A re-share readmits a recipient although the policy lets only the owner readmit."""
    yield without(es.ReasonCode.REMOVED_BY_OWNER)


@engine
def shares_what_was_not_shown():
    """The exams that the actor was shown are not compared with the shared ones."""
    yield without(es.ReasonCode.CHANGED_SINCE_SHOWN)


@engine
def drops_download():
    """Download that the actor does not hold is dropped silently, and the rest is shared."""

    def decide(policy, request, facts, now, act):
        case = share.ShareCase(policy=policy, request=request, facts=facts, now=now)
        if request.permission is es.Permission.DOWNLOAD and any(
            not holding.holds(es.Permission.DOWNLOAD, now) for holding in case.held.values()
        ):
            request = attrs.evolve(request, permission=es.Permission.VIEW)
        return share.decide_share(policy, request, facts, now, act)

    yield changing, "decide_share", decide


@engine
def tells_the_first_reason():
    """A refusal carries only the first reason."""
    yield share, "reasons_against", lambda rules, case: reasons_against(rules, case)[:1]


@engine
def leaks_existence():
    """An actor without access learns from the reason of a refusal that the exam exists."""
    visible = property(lambda scene: scene.facts.exam is not None)
    yield ending.Scene, "visible", visible
    yield ending, "grants_seen", lambda _policy, _actor, _exam, grants, _now: grants


@engine
def shares_unseen_exams():
    """A batch is shared with the exams that the actor cannot see."""

    def covered(case):
        named = [exam for exam in case.facts.exams if exam.id == case.request.exam]
        others = [exam for exam in case.facts.exams if exam.id != case.request.exam]
        whole = case.request.scope is share.Scope.BATCH
        return (*named, *others) if whole else tuple(named)

    def held(case):
        found = {e.id: share.holding_on(case.facts.actor, e) for e in case.facts.exams}
        if not found[case.request.exam].holds(es.Permission.VIEW, case.now):
            return {}
        everything = Holding.of(case.request.permission, FOREVER)
        return {id_: own if own != NOTHING else everything for id_, own in found.items()}

    yield share.ShareCase, "covered", property(covered)
    yield share.ShareCase, "held", property(held)


@engine
def owner_ends_own_alone():
    """The owner cannot end the grants of others."""

    def theirs(case):
        actor = case.request.actor
        return tuple(g for g in case.named if actor in (g.recipient, g.grantor))

    yield ending.EndingCase, "theirs", property(theirs)


@engine
def anybody_ends():
    """Everybody who sees a grant may end it."""
    yield ending.EndingCase, "theirs", property(lambda case: case.named)


@engine
def recipients_cannot_leave():
    """No recipient can give up a grant."""

    def theirs(case):
        return tuple(
            grant
            for grant in case.named
            if case.scene.is_owner or grant.grantor == case.request.actor
        )

    yield ending.EndingCase, "theirs", property(theirs)


@engine
def cascades_unasked():
    """Re-shares always end with their source."""
    left_by = Support.left_by
    always = {es.Reshares.KEEP: es.Reshares.CASCADE}
    yield Support, "left_by", lambda it, cut, asked: left_by(it, cut, always.get(asked, asked))


@engine
def cascades_through_other_support():
    """A cascade ends a re-share although its grantor has another source."""

    def left(support, cut, reshares):
        if reshares is es.Reshares.KEEP:
            return cut
        gone = support.resting_on(cut) & {grant.id for grant in support.standing}
        return {**cut, **dict.fromkeys(gone, NOTHING)}

    yield Support, "left_by", left


@engine
def cascades_one_step():
    """A cascade ends the re-shares of the ended grants, and not the re-shares of those."""
    left_by = Support.left_by

    def left(support, cut, reshares):
        near = cut.keys() | support.passed_on_from(cut)
        return {id_: h for id_, h in left_by(support, cut, reshares).items() if id_ in near}

    yield Support, "left_by", left


@engine
def gives_to_its_grantor():
    """A user keeps access by sharing with their own group."""

    def reaching(_user, principals, grants):
        return (grant for grant in grants if grant.recipient.key in principals)

    yield access, "grants_reaching", reaching
    yield share, "grants_reaching", reaching


@engine
def forgets_expiry():
    """Decisions count expired grants; checks do not."""
    yield es.Grant, "expired", lambda _grant, _now: False


@engine
def inactive_still_own():
    """A user who is no longer active still holds and shares their exams."""

    def holding(profile, exam):
        return access.holding_on(attrs.evolve(profile, active=True), exam)

    for where in (share, ending):
        yield where, "holding_on", holding
    yield Profile, "acting", property(lambda profile: profile.principals)


@engine
def tells_everybody():
    """Everybody whom a share reaches gets a notice, also without any gain."""

    def gaining(case, exam, new):
        reached = frozenset().union(*(case.facts.people.behind[g.recipient] for g in new))
        yield from reached & case.reached

    yield share, "_gaining", gaining


@engine
def tells_what_is_no_longer_true():
    """A waiting notice is sent although its reader has lost the exam."""

    def as_promised(waiting, reader, _exams, _grants, _now):
        return es.ShareNotice(
            id=waiting.id,
            to=waiting.to,
            address=reader.address,
            actor=waiting.actor,
            exams=len(waiting.exam_ids),
            permission=es.Permission.VIEW,
            until=None,
            message=waiting.message,
        )

    yield delivering, "notice_now", as_promised


@engine
def shows_every_tab():
    """The download tab is shown to everybody who can view."""
    tabs = views.tabs
    yield views, "tabs", lambda profile, *, downloads: tabs(profile, downloads=True)


@engine
def makes_grants_anew():
    """Sharing again makes a grant that adds nothing."""
    yield around(share, "_terms", lambda terms, *asked: attrs.evolve(terms(*asked), given={}))


@engine
def limits_nothing():
    """The longest duration of the policy is ignored if the request has no time."""

    def horizon(case, exam):
        if case.request.until is not None:
            return case.request.until, share.UntilLimit.ASKED
        own = case.held[exam.id].until(case.request.permission)
        return own, share.UntilLimit.NOTHING if own == FOREVER else share.UntilLimit.OWN_HOLD

    yield share, "_horizon", horizon


@engine
def fails_for_what_is_not_there():
    """The share form fails for an unknown exam, and shows no tab for one without access."""

    def form(shown, ports, policy, actor, exam, now):
        if not ports.exams.find((exam,)):
            raise es.StoreFailed("no row")
        return shown(ports, policy, actor, exam, now)

    yield around(showing, "share_form", form)


@engine
def narrows_again():
    """A repeated narrowing with one request id is decided again."""

    def receipt(earlier_receipt, ports, request, kind):
        narrows = isinstance(request, es.NarrowRequest)
        return None if narrows else earlier_receipt(ports, request, kind)

    yield around(changing, "earlier_receipt", receipt)


@engine
def records_who_performed():
    """The record of a share names the performer as the one who attested."""

    def decide(policy, request, facts, now, act):
        plan = share.decide_share(policy, request, facts, now, act)
        if isinstance(plan, es.Denied) or request.performed_by is None:
            return plan
        attestation = attrs.evolve(plan.share.attestation, by=request.performed_by)
        return attrs.evolve(plan, share=attrs.evolve(plan.share, attestation=attestation))

    yield changing, "decide_share", decide


@engine
def keeps_messages_in_the_trail():
    """The audit trail keeps the personal message of a share."""
    yield requests, "without_message", lambda request: request


@engine
def hides_refusals():
    """A refused act is not recorded in the audit trail."""

    def carried(carry_through, ports, *asked):
        return carry_through(attrs.evolve(ports, audit=Mock(AuditTrail)), *asked)

    yield around(changing, "carry_through", carried)


@engine
def draws_bases_alone():
    """A chain of sharing leaves out what replaced a narrowed grant that another rests on."""

    def seen(chain_seen, scene, exam, lineage, due, names):
        graph = chain_seen(scene, exam, lineage, due, names)
        bases = {grant.id: grant.basis for grant in scene.seen if grant.basis is not es.OWNER}

        def cut(drawn):
            basis = drawn.grant.basis
            kept = basis if basis is es.OWNER else basis & bases[drawn.grant.id]
            return attrs.evolve(drawn, grant=attrs.evolve(drawn.grant, basis=kept))

        return attrs.evolve(graph, grants=tuple(map(cut, graph.grants)))

    yield around(drawing, "chain_seen", seen)


@engine
def draws_what_was_withdrawn():
    """A chain of sharing shows grants on a withdrawn exam as standing."""

    def whole(whole_chain, exam_id, exam, sharing, due, now):
        graph = whole_chain(exam_id, exam, sharing, due, now)
        grants = (attrs.evolve(each, stands=each.ending is None) for each in graph.grants)
        return attrs.evolve(graph, grants=tuple(grants))

    yield around(drawing, "whole_chain", whole)


@engine
def tells_the_owner_of_everybody():
    """An owner is told of the accesses of people whom the owner may not know."""

    def known(_known_users, ports, scene, mentioned):
        return None, _known_users(ports, scene, mentioned)[1]

    yield around(accesses, "_known_users", known)


@engine
def counts_in_the_window_before():
    """A repeated access is counted in the row of its purpose, however long ago that began."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    yield recording, "window_around", lambda at, length: (epoch, FOREVER)
