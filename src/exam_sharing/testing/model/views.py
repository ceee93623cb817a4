"""What people and operators are shown: lists, forms, explanations, and whom to choose.

Specification: `#what-the-portal-shows`, `#choosing-recipients`, `#disclosure`.
"""

import unicodedata
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Final, Literal, TypeAlias

import attrs

from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, GrantId, GroupId, PrincipalId, UserId
from exam_sharing.policy.requests import RevokeRequest, Scope, UnshareRequest
from exam_sharing.testing.model.acts import may_end
from exam_sharing.testing.model.sharing import covered, is_found_recipient, longest, subjects
from exam_sharing.testing.model.support import rests_directly_on
from exam_sharing.testing.model.world import (
    Basis,
    Grant,
    GrantNumber,
    Names,
    Refused,
    Shown,
    ShownAccess,
    World,
    held_by,
    memoized,
    until_of,
)

Tab: TypeAlias = Literal["VIEW", "DOWNLOAD", "SHARE"]
WhyNot: TypeAlias = Literal["USER_NOT_ACTIVE", "ONLY_VIEW", "EXPIRED", "ENDED", "OWN_GRANT"]
OWNERSHIP: Final = "ownership"


@attrs.frozen
class VisibleExam:
    """An exam that a user can see, with the highest permission that they hold."""

    exam: ExamId
    permission: Permission


def visible_to(world: World, user: UserId) -> list[VisibleExam]:
    """Return what a user can see: newest upload first, then by falling id."""
    seen = [exam for exam in world.exams.values() if world.has_access(user, exam.id)]
    seen.sort(key=lambda exam: (exam.uploaded_at, exam.id.value), reverse=True)
    held = {exam.id: [p for p in Permission if world.holds(user, p, exam.id)] for exam in seen}
    return [VisibleExam(exam, max(permissions)) for exam, permissions in held.items()]


def shared_with(world: World, user: UserId) -> list[VisibleExam]:
    return [each for each in visible_to(world, user) if world.exams[each.exam].owner != user]


def tabs(world: World, user: UserId, exam: ExamId) -> frozenset[Tab]:
    found: dict[Tab, bool] = {
        "VIEW": world.has_access(user, exam),
        "DOWNLOAD": world.holds(user, Permission.DOWNLOAD, exam),
        "SHARE": world.may_share(user, exam),
    }
    return frozenset(tab for tab, is_there in found.items() if is_there)


@attrs.frozen(kw_only=True)
class ShareForm:
    """The share form; without a Share tab the rest is empty."""

    has_share_tab: bool = False
    offers_download: bool = False
    exams: frozenset[ExamId] = frozenset()
    subjects: int = 0
    wording: str = ""
    sends_messages: bool = False
    latest_until: datetime | None = None


def share_form(world: World, actor: UserId, exam: ExamId) -> ShareForm:
    """Return the form, with the latest time for viewing."""
    if not world.may_share(actor, exam):
        return ShareForm()
    exams = covered(world, actor, exam, Scope.BATCH)
    return ShareForm(
        has_share_tab=True,
        offers_download=world.holds(actor, Permission.DOWNLOAD, exam),
        exams=frozenset(exams),
        subjects=len(subjects(world, exams)),
        wording=world.policy.attestation_wording,
        sends_messages=world.policy.sends_notices,
        latest_until=until_of(longest(world, actor, Permission.VIEW, exam)),
    )


@attrs.frozen
class ListedGrant:
    """A grant behind an entry of an access list, and whether it can be unshared."""

    grant: Shown
    can_unshare: bool


@attrs.frozen(kw_only=True)
class AccessEntry:
    """One principal on an access list; `until` is the end of the highest permission."""

    principal: PrincipalId
    name: str
    permission: Permission
    until: datetime | None
    held: Mapping[Permission, datetime | None]
    can_unshare: bool
    grants: frozenset[ListedGrant]


@attrs.frozen(kw_only=True)
class AccessList:
    """The owner, and the principals with standing grants, by name."""

    owner: UserId
    entries: list[AccessEntry]
    names: Names


def access_list(world: World, viewer: UserId, exam: ExamId) -> AccessList | Refused:
    """Return what a viewer with access may see of the list, without unknown principals."""
    if not world.has_access(viewer, exam):
        return Refused.not_found(exam)
    sees, owner = world.sight(viewer, exam), world.exams[exam].owner
    grants = {each for each in world.standing(exam) if sees(each) and each.recipient in world.names}
    people = {one for grant in grants for one in (grant.grantor, grant.recipient)}
    return AccessList(
        owner=owner,
        entries=[
            _entry(world, viewer, exam, principal, grants)
            for principal in _by_name(world)
            if principal in {grant.recipient for grant in grants}
        ],
        names=world.names_of({owner, *people}),
    )


def _entry(
    world: World, viewer: UserId, exam: ExamId, principal: PrincipalId, seen: set[Grant]
) -> AccessEntry:
    """Whether something can be unshared is decided by unsharing, with the policy's default."""
    grants = {grant for grant in seen if grant.recipient == principal}
    sees = world.sight(viewer, exam)
    whole = UnshareRequest(actor=viewer, exam=exam, recipient=principal)
    held, listed = held_by(grants, world.now), set[ListedGrant]()
    for grant in grants:
        single = RevokeRequest(actor=viewer, grant=GrantId(str(grant.id)))
        shown = Shown(grant.id, world.shown_basis(grant, sees))
        listed.add(ListedGrant(shown, may_end(world, single)))
    return AccessEntry(
        principal=principal,
        name=world.names[principal],
        permission=max(held),
        until=held[max(held)],
        held=held,
        can_unshare=may_end(world, whole),
        grants=frozenset(listed),
    )


@attrs.frozen
class DrawnGrant:
    """A grant in a chain of sharing, with the grants that it rests on."""

    grant: Shown
    stands: bool


@attrs.frozen(kw_only=True)
class SharingGraph:
    """The chain of sharing of an exam."""

    grants: frozenset[DrawnGrant]
    withdrawn: bool = False


def graph(world: World, viewer: UserId, exam: ExamId) -> SharingGraph | Refused:
    """Return the grants of the viewer's access list, with those of them that they rest on."""
    if not world.has_access(viewer, exam):
        return Refused.not_found(exam)
    sees = world.sight(viewer, exam)
    listed = {each for each in world.standing(exam) if sees(each) and each.recipient in world.names}
    ids = frozenset(grant.id for grant in listed)

    def basis(grant: Grant) -> Basis:
        return "OWNER" if grant.basis == "OWNER" else ids & rests_directly_on(world, grant)

    return SharingGraph(
        grants=frozenset(DrawnGrant(Shown(each.id, basis(each)), stands=True) for each in listed)
    )


def whole_graph(world: World, exam: ExamId) -> SharingGraph | Refused:
    """Return every grant that was ever made, for operators."""
    if (exam not in world.exams or exam in world.hidden) and not world.versions.get(exam):
        return Refused.not_found(exam)
    withdrawn = exam in world.withdrawn
    return SharingGraph(
        grants=frozenset(
            DrawnGrant(Shown(grant.id, grant.basis), stands=world.stands(grant) and not withdrawn)
            for grant in world.grants.values()
            if grant.exam == exam
        ),
        withdrawn=withdrawn,
    )


def accesses(world: World, viewer: UserId, exam: ExamId) -> frozenset[ShownAccess] | Refused:
    """Return who looked at an exam, as far as its owner may know them."""
    listed = access_list(world, viewer, exam)
    if isinstance(listed, Refused) or not world.owns(viewer, exam):
        return Refused.not_found(exam)
    known = set(listed.names)
    for entry in listed.entries:
        if isinstance(entry.principal, GroupId):
            members = world.shown_behind(viewer, entry.principal)
            known |= {one for one in members if isinstance(one, UserId) and world.is_active(one)}
    return frozenset(
        attrs.evolve(looked, name=world.names[looked.user])
        for (looked_at, _), looked in world.accesses.items()
        if looked_at == exam and looked.user in known
    )


@attrs.frozen(kw_only=True)
class Explained:
    """Why a permission is held: as the owner, or by every grant that gives it.

    If it is not held: by which code, and what each grant to the user and their groups lacks;
    `OWNERSHIP` if the user owns the exam but is not active.
    """

    codes: frozenset[str] = frozenset()
    as_owner: bool = False
    grants: frozenset[GrantNumber] = frozenset()
    nearest: Mapping[GrantNumber | str, WhyNot] = attrs.field(factory=dict)


@memoized
def explain(world: World, user: UserId, permission: Permission, exam: ExamId) -> Explained:
    if world.holds(user, permission, exam):
        giving = world.entitling(user, exam)
        return Explained(
            as_owner=world.owns(user, exam),
            grants=frozenset(grant.id for grant in giving if grant.permission >= permission),
        )
    nearest: dict[GrantNumber | str, WhyNot] = {}
    if world.is_found(exam):
        principals = world.principals_of(user)
        for grant in world.grants.values():
            if grant.exam == exam and grant.recipient in principals:
                nearest[grant.id] = _why_not(world, user, grant)
        if world.exams[exam].owner == user:
            nearest[OWNERSHIP] = "USER_NOT_ACTIVE"
    code = "DOWNLOAD_NOT_HELD" if "ONLY_VIEW" in nearest.values() else "EXAM_NOT_FOUND"
    return Explained(codes=frozenset({code}), nearest=nearest)


def _why_not(world: World, user: UserId, grant: Grant) -> WhyNot:
    """Report first that a grant has ended or expired, whatever else it lacks."""
    if grant.id in world.endings:
        return "ENDED"
    if world.now >= grant.horizon:
        return "EXPIRED"
    if grant.grantor == user:
        return "OWN_GRANT"
    return "ONLY_VIEW" if world.is_active(user) else "USER_NOT_ACTIVE"


@attrs.frozen(kw_only=True)
class Holder:
    """A user who holds a permission: as the owner, or by grants."""

    user: UserId
    as_owner: bool
    grants: frozenset[GrantNumber]


def who_can(world: World, permission: Permission, exam: ExamId) -> frozenset[Holder] | Refused:
    if not world.is_found(exam):
        return Refused.not_found(exam)
    answers = {user: explain(world, user, permission, exam) for user in world.users}
    return frozenset(
        Holder(user=user, as_owner=why.as_owner, grants=why.grants)
        for user, why in answers.items()
        if not why.codes
    )


@attrs.frozen(kw_only=True)
class HolderAt:
    """A user who could see an exam: what they held at most, and all grants that let them see it."""

    user: UserId
    permission: Permission
    as_owner: bool
    grounds: frozenset[GrantNumber]


@attrs.frozen(kw_only=True)
class AccessAt:
    """Who could see an exam at the time of a world."""

    owner: UserId
    version: int
    holders: frozenset[HolderAt]
    certain: bool = True


def access_at(world: World, exam: ExamId) -> AccessAt | Refused:
    found = who_can(world, Permission.VIEW, exam)
    if isinstance(found, Refused):
        return found
    holders = (
        HolderAt(
            user=each.user,
            permission=max(p for p in Permission if world.holds(each.user, p, exam)),
            as_owner=each.as_owner,
            grounds=each.grants,
        )
        for each in found
    )
    owner, version = world.exams[exam].owner, world.versions.get(exam, 0)
    return AccessAt(owner=owner, version=version, holders=frozenset(holders))


@memoized
def shortest_ways(
    world: World, user: PrincipalId, principal: PrincipalId
) -> frozenset[tuple[PrincipalId, ...]]:
    """Return every shortest chain of memberships from a user to a principal, both included."""
    ways: frozenset[tuple[PrincipalId, ...]] = frozenset({(user,)})
    while ways and not any(way[-1] == principal for way in ways):
        ways = frozenset(
            (*way, group)
            for way in ways
            for group, members in world.groups.items()
            if way[-1] in members
        )
    return frozenset(way for way in ways if way[-1] == principal)


@attrs.frozen
class Choice:
    """A principal, and until when grants to itself give what, as far as the actor may know."""

    principal: PrincipalId
    name: str
    held: Mapping[Permission, datetime | None]


_WITHOUT_SPACES = (
    *("CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "HANGUL CHOSEONG"),
    *("THAI", "LAO", "KHMER", "MYANMAR"),
)


def recipients(world: World, actor: UserId, exam: ExamId) -> list[Choice]:
    """Return all whom the actor may choose, by name; nobody if only whole names are allowed."""
    return [] if world.policy.whole_names_only else _choosable(world, actor, exam)


def suggest(world: World, actor: UserId, exam: ExamId, typed: str, limit: int = 10) -> list[Choice]:
    """Return the choices that fit a typed text: whole names, then starts of names, then words."""
    text = folded(typed)
    short = _length(text) < world.policy.suggestion_min_length
    worst = 1 if short or world.policy.whole_names_only else 3
    ranks = {principal: _rank(world, principal, text) for principal in _by_name(world)}
    fitting = [one for one in _choosable(world, actor, exam) if 0 < ranks[one.principal] <= worst]
    fitting.sort(key=lambda one: ranks[one.principal])
    return fitting[: min(limit, world.policy.suggestion_limit)]


@memoized
def _choosable(world: World, actor: UserId, exam: ExamId) -> list[Choice]:
    """Return all whom the actor may choose, by name; nobody if the actor may not share."""
    if not world.may_share(actor, exam):
        return []
    sees = world.sight(actor, exam)
    known = {grant for grant in world.standing(exam) if sees(grant)}
    return [
        Choice(
            principal,
            world.names[principal],
            held_by({grant for grant in known if grant.recipient == principal}, world.now),
        )
        for principal in _by_name(world)
        if principal not in {actor, world.exams[exam].owner}
        and is_found_recipient(world, actor, principal)
    ]


@memoized
def _by_name(world: World) -> list[PrincipalId]:
    everybody: tuple[PrincipalId, ...] = (*world.users, *world.groups)
    return sorted(everybody, key=lambda one: (folded(world.names[one]), one.value))


@memoized
def _rank(world: World, principal: PrincipalId, text: str) -> int:
    name, address = folded(world.names[principal]), folded(world.addresses.get(principal, ""))
    return rank(name, address, text)


def rank(name: str, address: str, text: str) -> int:
    """Return how well a folded text fits a name and an address.

    1 is a whole name or address, 2 the start of one, 3 the starts of words of the name, 0 no fit.
    """
    words = _words(text)
    if not text:
        return 0
    if text in {name, address} or (words and sorted(words) == sorted(_words(name))):
        return 1
    if name.startswith(text) or address.startswith(text):
        return 2
    rests = [name[at:] for at in range(len(name)) if _begins_a_word(name, at)]
    starts = ["".join(_words(rest.split(" ")[0])) for rest in rests]
    found = all(any(start.startswith(word) for start in starts) for word in words)
    return 3 if words and found else 0


def _words(text: str) -> list[str]:
    return "".join(each if _is_letter(each) else " " for each in text).split()


def _is_letter(character: str) -> bool:
    return unicodedata.category(character)[0] in "LMNC"


def _begins_a_word(name: str, at: int) -> bool:
    if not _is_letter(name[at]):
        return False
    is_mark = unicodedata.category(name[at])[0] == "M"
    anywhere = unicodedata.name(name[at], "").startswith(_WITHOUT_SPACES) and not is_mark
    return at == 0 or not _is_letter(name[at - 1]) or anywhere


def _length(text: str) -> int:
    """Return the length of a text; a Han, kana or Hangul character counts as two letters."""
    written = unicodedata.normalize("NFC", text)
    wide = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL")
    return sum(1 + unicodedata.name(each, "").startswith(wide) for each in written)


@cache
def folded(text: str) -> str:
    """Return a text without case, accents and Unicode form."""
    apart = unicodedata.normalize("NFKD", text).casefold()
    return "".join(each for each in apart if not unicodedata.combining(each))
