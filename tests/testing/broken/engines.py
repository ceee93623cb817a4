"""Engines with one realistic bug each, to show that the decision cases find it.

An entry is a class that replaces something of the engine while it is entered, and a sentence, its
docstring, in the tuple at the end.
"""

from abc import abstractmethod
from contextlib import ExitStack
from unittest.mock import Mock, patch

import attrs

from exam_sharing import acts
from exam_sharing.acts import changing, delivering, gathering, showing
from exam_sharing.errors import StoreFailed
from exam_sharing.events import ShareNotice
from exam_sharing.grants import FOREVER, NOTHING, Grant, Holding, Permission
from exam_sharing.policy import access, ending_rules, share, share_rules, views
from exam_sharing.policy.decisions import Denied, ReasonCode, reasons_against
from exam_sharing.policy.facts import Profile
from exam_sharing.policy.requests import NarrowRequest, Reshares
from exam_sharing.policy.support import Support
from exam_sharing.ports import AuditTrail


class BrokenEngine(ExitStack):
    """The engine as it is, but for what a variant replaces while it is entered."""

    def __enter__(self):
        for where, name, instead in self.replaced():
            self.enter_context(patch.object(where, name, instead))
        return super().__enter__()

    @abstractmethod
    def replaced(self):
        """Yield where something is replaced, its name, and what stands there instead."""


def without(rules, *codes):
    return tuple(rule for rule in rules if rule.code not in codes)


class WithoutRule(BrokenEngine):
    """One rule against sharing is missing; a variant says which."""

    def replaced(self):
        yield share, "SHARE_RULES", without(share_rules.SHARE_RULES, self.code)


class BelievesWithoutAttestation(WithoutRule):
    """Nobody looks whether HIPAA was confirmed."""

    code = ReasonCode.ATTESTATION_MISSING


class IgnoresPlans(BrokenEngine):
    """Whoever sees an exam may share it, whatever their service plan."""

    def replaced(self):
        def with_plan(ports, user):
            return attrs.evolve(profile_of(ports, user), sharing_in_plan=True)

        profile_of = gathering.profile_of
        yield gathering, "profile_of", with_plan
        yield showing, "profile_of", with_plan


class PassesOnDownload(WithoutRule):
    """Who can only view passes download on."""

    code = ReasonCode.DOWNLOAD_NOT_HELD


class OutlivesItsSource(WithoutRule):
    """A re-share may be asked to last longer than its grantor holds the exam."""

    code = ReasonCode.EXPIRY_BEYOND_OWN


class ShowsEverybody:
    """A directory in which an actor sees everybody."""

    def __init__(self, directory):
        self._directory = directory

    def __getattr__(self, name):
        return getattr(self._directory, name)

    def seen_by(self, _actor, principals):
        return frozenset(self._directory.names(principals))


class SharesWithTheUnseen(BrokenEngine):
    """Recipients whom the actor may not see are accepted, so that the directory can be probed."""

    def replaced(self):
        def facts(ports, *asked):
            ports = attrs.evolve(ports, directory=ShowsEverybody(ports.directory))
            return share_facts(ports, *asked)

        share_facts = changing.share_facts
        yield changing, "share_facts", facts


class BringsBackWhomTheOwnerRemoved(WithoutRule):
    """Where the policy lets only the owner readmit, a re-share readmits as well."""

    code = ReasonCode.REMOVED_BY_OWNER


class SharesWhatWasNotShown(WithoutRule):
    """The exams that the actor was shown are not compared with those that are shared."""

    code = ReasonCode.CHANGED_SINCE_SHOWN


class DropsDownload(BrokenEngine):
    """Download that the actor does not hold is dropped quietly, and the rest is shared."""

    def replaced(self):
        def decide(policy, request, facts, now, act):
            case = share_rules.ShareCase(policy=policy, request=request, facts=facts, now=now)
            if request.permission is Permission.DOWNLOAD and any(
                not holding.holds(Permission.DOWNLOAD, now) for holding in case.held.values()
            ):
                request = attrs.evolve(request, permission=Permission.VIEW)
            return share.decide_share(policy, request, facts, now, act)

        yield changing, "decide_share", decide


class TellsTheFirstReason(BrokenEngine):
    """A refusal carries the first reason alone."""

    def replaced(self):
        def first(rules, case):
            return reasons_against(rules, case)[:1]

        yield share, "reasons_against", first


class LeaksExistence(BrokenEngine):
    """Who cannot see an exam is told that a grant on it is not theirs to end: it is there, then."""

    def replaced(self):
        def visible(scene):
            return scene.facts.exam is not None

        yield ending_rules.Scene, "visible", property(visible)
        yield ending_rules, "grants_seen", lambda _policy, _actor, _exam, grants, _now: grants


class SharesUnseenExams(BrokenEngine):
    """The batch is shared with the exams that the actor cannot see."""

    def replaced(self):
        def covered(case):
            named = [exam for exam in case.facts.exams if exam.id == case.request.exam]
            others = [exam for exam in case.facts.exams if exam.id != case.request.exam]
            whole = case.request.scope is share_rules.Scope.BATCH
            return (*named, *others) if whole else tuple(named)

        def held(case):
            found = {e.id: share_rules.holding_on(case.facts.actor, e) for e in case.facts.exams}
            if not found[case.request.exam].holds(Permission.VIEW, case.now):
                return {}
            everything = Holding.of(case.request.permission, FOREVER)
            return {id_: own if own != NOTHING else everything for id_, own in found.items()}

        yield share_rules.ShareCase, "covered", property(covered)
        yield share_rules.ShareCase, "held", property(held)


class OwnerEndsOwnAlone(BrokenEngine):
    """The owner cannot end what others granted."""

    def replaced(self):
        def theirs(case):
            actor = case.request.actor
            return tuple(g for g in case.named if actor in (g.recipient, g.grantor))

        yield ending_rules.EndingCase, "theirs", property(theirs)


class AnybodyEnds(BrokenEngine):
    """Whoever sees a grant may end it."""

    def replaced(self):
        yield ending_rules.EndingCase, "theirs", property(lambda case: case.named)


class RecipientsCannotLeave(BrokenEngine):
    """Nobody can give up what they were given."""

    def replaced(self):
        def theirs(case):
            return tuple(
                grant
                for grant in case.named
                if case.scene.is_owner or grant.grantor == case.request.actor
            )

        yield ending_rules.EndingCase, "theirs", property(theirs)


class CascadesUnasked(BrokenEngine):
    """What was passed on always ends with its source."""

    def replaced(self):
        left_by = Support.left_by

        def left(support, cut, reshares):
            reshares = Reshares.CASCADE if reshares is Reshares.KEEP else reshares
            return left_by(support, cut, reshares)

        yield Support, "left_by", left


class CascadesThroughOtherSupport(BrokenEngine):
    """A cascade ends what rests on what ended, though its grantor holds it another way too."""

    def replaced(self):
        def left(support, cut, reshares):
            if reshares is Reshares.KEEP:
                return cut
            gone = support.resting_on(cut) & {grant.id for grant in support.standing}
            return {**cut, **dict.fromkeys(gone, NOTHING)}

        yield Support, "left_by", left


class CascadesOneStep(BrokenEngine):
    """A cascade ends what rests directly on what ended, and nothing that rests on that."""

    def replaced(self):
        left_by = Support.left_by

        def left(support, cut, reshares):
            near = cut.keys() | support.passed_on_from(cut)
            return {id_: h for id_, h in left_by(support, cut, reshares).items() if id_ in near}

        yield Support, "left_by", left


class GivesToItsGrantor(BrokenEngine):
    """Sharing with one's own group is a way to keep access."""

    def replaced(self):
        def reaching(_user, principals, grants):
            return (grant for grant in grants if grant.recipient.key in principals)

        yield access, "grants_reaching", reaching
        yield share, "grants_reaching", reaching


class ForgetsExpiry(BrokenEngine):
    """What expired still stands for everybody who decides, though checks say no."""

    def replaced(self):
        yield Grant, "expired", lambda _grant, _now: False


class InactiveStillOwn(BrokenEngine):
    """A user who is no longer active still holds what they held, and still shares it."""

    def replaced(self):
        def holding(profile, exam):
            return access.holding_on(attrs.evolve(profile, active=True), exam)

        for where in (share_rules, ending_rules):
            yield where, "holding_on", holding
        yield Profile, "acting", property(lambda profile: profile.principals)


class TellsEverybody(BrokenEngine):
    """A notice goes to everybody whom a share reaches, whether they gain by it or not."""

    def replaced(self):
        def gaining(case, exam, new):
            reached = frozenset().union(*(case.facts.people.behind[g.recipient] for g in new))
            yield from reached & case.reached

        yield share, "_gaining", gaining


class TellsWhatIsNoLongerTrue(BrokenEngine):
    """A notice that waits is sent though its reader has lost the exam meanwhile."""

    def replaced(self):
        def as_promised(waiting, reader, _exams, _grants, _now):
            return ShareNotice(
                id=waiting.id,
                to=waiting.to,
                address=reader.address,
                actor=waiting.actor,
                exams=len(waiting.exam_ids),
                permission=Permission.VIEW,
                until=None,
                message=waiting.message,
            )

        yield delivering, "notice_now", as_promised


class ShowsEveryTab(BrokenEngine):
    """The download tab is shown to whoever can view."""

    def replaced(self):
        def every_tab(profile, *, downloads):
            return views.tabs(profile, downloads=True)

        yield showing, "tabs", every_tab


class MakesGrantsAnew(BrokenEngine):
    """Sharing again makes a grant that gives nothing new."""

    def replaced(self):
        def nothing_given(case, exam):
            return attrs.evolve(terms(case, exam), given={})

        terms = share._terms
        yield share, "_terms", nothing_given


class LimitsNothing(BrokenEngine):
    """The longest duration of the policy is forgotten where no time is asked for."""

    def replaced(self):
        def horizon(case, exam):
            if case.request.until is not None:
                return case.request.until, share.UntilLimit.ASKED
            own = case.held[exam.id].until(case.request.permission)
            return own, share.UntilLimit.NOTHING if own == FOREVER else share.UntilLimit.OWN_HOLD

        yield share, "_horizon", horizon


class FailsForWhatIsNotThere(BrokenEngine):
    """A form fails for an exam that is not there, and shows no tab for one without access."""

    def replaced(self):
        def form(ports, policy, actor, exam, now):
            if not ports.exams.find((exam,)):
                raise StoreFailed("no row")
            return shown(ports, policy, actor, exam, now)

        shown = acts.show_share_form
        yield acts, "show_share_form", form


class NarrowsAgain(BrokenEngine):
    """A narrowing that comes again under its request id is decided again."""

    def replaced(self):
        def receipt(ports, request, kind):
            if isinstance(request, NarrowRequest):
                return None
            return earlier_receipt(ports, request, kind)

        earlier_receipt = changing.earlier_receipt
        yield changing, "earlier_receipt", receipt


class RecordsWhoPerformed(BrokenEngine):
    """The record of a share says that whoever performed it attested."""

    def replaced(self):
        def decide(policy, request, facts, now, act):
            plan = share.decide_share(policy, request, facts, now, act)
            if isinstance(plan, Denied) or request.performed_by is None:
                return plan
            attestation = attrs.evolve(plan.share.attestation, by=request.performed_by)
            return attrs.evolve(plan, share=attrs.evolve(plan.share, attestation=attestation))

        yield changing, "decide_share", decide


class KeepsMessagesInTheTrail(BrokenEngine):
    """The audit trail is told the personal message of a share."""

    def replaced(self):
        yield changing, "without_message", lambda request: request


class HidesRefusals(BrokenEngine):
    """A refused act is not audited."""

    def replaced(self):
        def carried(ports, *asked):
            return carry_through(attrs.evolve(ports, audit=Mock(AuditTrail)), *asked)

        carry_through = changing.carry_through
        yield changing, "carry_through", carried


BROKEN_ENGINES = (
    BelievesWithoutAttestation,
    IgnoresPlans,
    PassesOnDownload,
    DropsDownload,
    OutlivesItsSource,
    LimitsNothing,
    SharesWithTheUnseen,
    BringsBackWhomTheOwnerRemoved,
    SharesWhatWasNotShown,
    TellsTheFirstReason,
    LeaksExistence,
    SharesUnseenExams,
    MakesGrantsAnew,
    OwnerEndsOwnAlone,
    AnybodyEnds,
    RecipientsCannotLeave,
    CascadesUnasked,
    CascadesThroughOtherSupport,
    CascadesOneStep,
    GivesToItsGrantor,
    ForgetsExpiry,
    InactiveStillOwn,
    TellsEverybody,
    TellsWhatIsNoLongerTrue,
    ShowsEveryTab,
    FailsForWhatIsNotThere,
    NarrowsAgain,
    RecordsWhoPerformed,
    KeepsMessagesInTheTrail,
    HidesRefusals,
)
