"""What the portal shows. Specification: `#what-the-portal-shows`.

Each view is made of facts, and discloses no more than its viewer may know. Times are aware, in UTC;
`None` is for good.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Enum
from typing import Generic, TypeVar

import attrs

from exam_sharing.grants import Grant, Holding, Permission, ShownGrant, until_of
from exam_sharing.identifiers import ExamId, PrincipalId, UserId
from exam_sharing.names import folded
from exam_sharing.policy.access import grouped, standing
from exam_sharing.policy.decisions import reasons_against
from exam_sharing.policy.disclosure import grants_seen, shown
from exam_sharing.policy.ending import ENDING_RULES, EndingCase, Scene
from exam_sharing.policy.facts import ExamFacts, Profile
from exam_sharing.policy.plans import Names
from exam_sharing.policy.requests import EndingRequest, RevokeRequest, UnshareRequest
from exam_sharing.policy.settings import Policy
from exam_sharing.policy.share import ShareCase

ItemT = TypeVar("ItemT")


class Tab(Enum):
    """A tab of an exam in the portal."""

    VIEW = "VIEW"
    DOWNLOAD = "DOWNLOAD"
    SHARE = "SHARE"


@attrs.frozen(kw_only=True)
class Page(Generic[ItemT]):
    """Some items of a list; `next` is a cursor to give as `after`, or `None` at its end."""

    items: tuple[ItemT, ...] = ()
    next: str | None = None


@attrs.frozen(kw_only=True)
class VisibleExam:
    """An exam that a user can see, with the highest permission that they hold."""

    exam: ExamId
    permission: Permission
    uploaded_at: datetime


@attrs.frozen(kw_only=True)
class ShareForm:
    """What the form for sharing an exam offers to one actor.

    Attributes:
        has_share_tab: whether the actor may share the exam at all; without it the rest is empty.
        offers_download: whether the actor may pass download on.
        exams: the exams that a share of the whole batch would cover, the named one first.
        subjects: the number of their subjects; an exam without one counts as its own subject.
        wording: the attestation to show.
        sends_messages: whether a personal message would be sent.
        latest_until: the latest time until which the named exam can be shared for viewing.
    """

    has_share_tab: bool = False
    offers_download: bool = False
    exams: tuple[ExamId, ...] = ()
    subjects: int = 0
    wording: str = ""
    sends_messages: bool = False
    latest_until: datetime | None = None


@attrs.frozen(kw_only=True)
class ListedGrant:
    """A grant behind an entry of the access list, and whether the viewer may end it."""

    grant: ShownGrant
    can_unshare: bool


@attrs.frozen(kw_only=True)
class AccessEntry:
    """One principal on the access list.

    Attributes:
        name: as the directory names them.
        permission: the highest permission that the grants give.
        until: the end of that permission.
        held: the end of each permission that the grants give.
        grants: the grants behind the entry, in the order in which they were made.
        can_unshare: whether the viewer may unshare this principal.
    """

    principal: PrincipalId
    name: str = attrs.field(repr=False)
    permission: Permission
    until: datetime | None
    held: Mapping[Permission, datetime | None]
    grants: tuple[ListedGrant, ...]
    can_unshare: bool


@attrs.frozen(kw_only=True)
class AccessList:
    """Who has access to an exam: the owner under its own heading, then everybody else by name.

    Attributes:
        entries: one for each principal with standing grants, as far as the viewer may see them.
        names: of the owner, of those principals and of the grantors of their grants, as far as the
            directory knows them.
    """

    owner: UserId
    entries: tuple[AccessEntry, ...] = ()
    names: Names = attrs.field(factory=dict, repr=False)


@attrs.frozen(kw_only=True)
class SharePage:
    """The page of the Share tab: each part as the method of its name returns it.

    Attributes:
        form: without a Share tab if sharing is not in the user's plan.
        access_list: its `names` are of everybody whom the page mentions.
        request_id: a new one for the form; see `exam_sharing.web.hidden_fields`.
    """

    tabs: frozenset[Tab]
    form: ShareForm
    access_list: AccessList
    request_id: str


@attrs.frozen(kw_only=True)
class Choice:
    """A principal that an actor can choose as a recipient.

    Attributes:
        name: as the directory names them.
        held: the end of each permission that grants to this principal itself give; empty if there
            are none, or the actor may not know them.
    """

    principal: PrincipalId
    name: str = attrs.field(repr=False)
    held: Mapping[Permission, datetime | None] = attrs.field(factory=dict)


def tabs(profile: Profile, *, downloads: bool) -> frozenset[Tab]:
    """Return the tabs that an exam has for a user who can see it."""
    found = {Tab.VIEW}
    if profile.sharing_in_plan:
        found.add(Tab.SHARE)
    if downloads:
        found.add(Tab.DOWNLOAD)
    return frozenset(found)


def share_form(case: ShareCase) -> ShareForm:
    """Return the form for sharing the whole batch of an exam."""
    if not case.visible or not case.facts.actor.sharing_in_plan:
        return ShareForm()
    holding = case.held[case.request.exam]
    return ShareForm(
        has_share_tab=True,
        offers_download=holding.holds(Permission.DOWNLOAD, case.now),
        exams=tuple(exam.id for exam in case.covered),
        subjects=len(case.subjects),
        wording=case.policy.attestation_wording,
        sends_messages=case.policy.sends_notices,
        latest_until=until_of(min(holding.view, case.policy.latest(case.now))),
    )


def principals_on(scene: Scene, exam: ExamFacts) -> frozenset[PrincipalId]:
    """Return everybody whom the access list of an exam mentions."""
    grants = (grant for grants in scene.seen_by_recipient.values() for grant in grants)
    mentioned = {each for grant in grants for each in (grant.grantor, grant.recipient)}
    return frozenset({exam.exam.owner, *mentioned})


def access_list(scene: Scene, exam: ExamFacts, names: Names) -> AccessList:
    """Return the access list of an exam, for a viewer who has access to it.

    Principals that the directory does not know hold nothing, and are not on it. `names` are the
    names of its `principals_on`.
    """
    entries = [
        _entry(scene, exam, recipient, names[recipient])
        for recipient in scene.seen_by_recipient
        if recipient in names
    ]
    entries.sort(key=lambda entry: (folded(entry.name), entry.principal.key))
    return AccessList(owner=exam.exam.owner, entries=tuple(entries), names=names)


def _entry(scene: Scene, exam: ExamFacts, recipient: PrincipalId, name: str) -> AccessEntry:
    viewer = scene.facts.actor.user
    grants = scene.seen_by_recipient[recipient]
    held = _held_by(grants, scene.now)
    highest = max(held)

    def may(request: EndingRequest) -> bool:
        case = EndingCase(scene=scene, request=request)
        return not case.loses_reshares and not reasons_against(ENDING_RULES, case)

    return AccessEntry(
        principal=recipient,
        name=name,
        permission=highest,
        until=held[highest],
        held=held,
        grants=tuple(
            ListedGrant(
                grant=shown(grant, scene.seen_by_id),
                can_unshare=may(RevokeRequest(actor=viewer, grant=grant.id)),
            )
            for grant in grants
        ),
        can_unshare=may(UnshareRequest(actor=viewer, exam=exam.id, recipient=recipient)),
    )


def _held_by(grants: Iterable[Grant], now: datetime) -> dict[Permission, datetime | None]:
    """Return the end of each permission that the grants give."""
    holding = Holding.all_of(grant.holding for grant in grants)
    return {
        permission: until_of(holding.until(permission))
        for permission in Permission
        if holding.holds(permission, now)
    }


def choices(
    policy: Policy,
    actor: Profile,
    exam: ExamFacts,
    offered: Iterable[tuple[PrincipalId, str]],
    now: datetime,
) -> tuple[Choice, ...]:
    """Return the offered principals, each with the permissions that grants to it already give."""
    seen = grants_seen(policy, actor, exam, standing(exam.sharing.grants, now), now)
    made_to = grouped(seen, lambda grant: grant.recipient)
    return tuple(
        Choice(principal=principal, name=name, held=_held_by(made_to.get(principal, ()), now))
        for principal, name in offered
    )
