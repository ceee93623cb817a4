"""The facts of the model: people, exams, grants, endings, notices, receipts. Nothing is deleted.

Times are `datetime`s, with `None` for *without end*. To compare times, the model turns them into
horizons: the horizon of a permission is the moment from which it is no longer held.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Concatenate, Final, Literal, ParamSpec, TypeAlias, TypeVar

import attrs

from exam_sharing.exams import Exam
from exam_sharing.grants import Permission
from exam_sharing.identifiers import BatchId, ExamId, GrantId, GroupId, PrincipalId, UserId
from exam_sharing.policy.requests import Request
from exam_sharing.policy.settings import AccessListScope, Policy

FOREVER: Final = datetime.max.replace(tzinfo=UTC)
NEVER: Final = datetime.min.replace(tzinfo=UTC)

How: TypeAlias = Literal["UNSHARED", "NARROWED", "CASCADED", "WITHDRAWN", "BY_HOST"]
"""How a grant ended. Expiry is not recorded: it follows from the time of the grant."""
Outcome: TypeAlias = Literal["GRANTED", "WIDENED", "EXTENDED", "UNCHANGED", "OWNS_IT"]
Limit: TypeAlias = Literal["ASKED", "OWN_HOLD", "POLICY", "NOTHING"]
"""What limits the time of a share."""

HOST: Final = "the host"

ParamsT = ParamSpec("ParamsT")
AnswerT = TypeVar("AnswerT")


def until_of(horizon: datetime) -> datetime | None:
    """Return the time of a horizon: `None` for `FOREVER`."""
    return None if horizon == FOREVER else horizon


class GrantNumber(int):
    """The number of a grant in the model: the first one made is 1."""


Grants: TypeAlias = frozenset[GrantNumber]
Basis: TypeAlias = Literal["OWNER"] | Grants
"""`"OWNER"`, or the grants that each entitled the grantor by itself."""


@attrs.frozen(kw_only=True)
class Account:
    """What the directory knows of a user."""

    active: bool = True
    sharing_in_plan: bool = True
    notices: bool = True


@attrs.frozen(kw_only=True, cache_hash=True)
class Grant:
    """A grant, which never changes."""

    id: GrantNumber
    exam: ExamId
    grantor: UserId
    recipient: PrincipalId
    permission: Permission
    until: datetime | None
    version: int
    basis: Basis

    @property
    def horizon(self) -> datetime:
        """The moment from which it gives nothing."""
        return self.until or FOREVER


@attrs.frozen(kw_only=True)
class Ending:
    """The end of a grant; `as_owner` is true if the owner at that time ended it."""

    how: How
    by: UserId | Literal["the host"]
    as_owner: bool
    version: int
    replaced_by: Grants


@attrs.frozen(kw_only=True)
class Notice:
    """A notice to one user after one share: what they gained on all of the exams, until when."""

    to: UserId
    actor: UserId
    exams: frozenset[ExamId]
    permission: Permission
    until: datetime | None
    message: str | None = attrs.field(repr=False)
    made: Grants = attrs.field(default=frozenset(), eq=False)


@attrs.frozen
class Reason:
    """A code that applies, and what it is about; each limit of `TOO_MANY` has its name."""

    code: str
    principals: frozenset[PrincipalId] = frozenset()
    exams: frozenset[ExamId] = frozenset()
    grants: frozenset[GrantId] = frozenset()
    until: datetime | None = None
    limit: int | None = None
    limited: str | None = None


Reasons: TypeAlias = frozenset[Reason]


@attrs.frozen
class Refused:
    """All codes that apply."""

    reasons: Reasons

    @classmethod
    def by(cls, reason: Reason) -> "Refused":
        """Return a refusal for one reason."""
        return cls(frozenset({reason}))

    @classmethod
    def not_found(cls, exam: ExamId) -> "Refused":
        return cls.by(Reason("EXAM_NOT_FOUND", exams=frozenset({exam})))


@attrs.frozen(kw_only=True)
class ShownAccess:
    """How often a user looked at an exam for one purpose, in one window of time."""

    user: UserId
    permission: Permission
    purpose: str | None
    first: datetime
    last: datetime
    count: int
    name: str = ""


Names: TypeAlias = Mapping[PrincipalId, str]
"""The names of those principals that an answer mentions and the directory knows."""


@attrs.frozen
class ShareOutcome:
    """What a share did for one recipient on one exam."""

    exam: ExamId
    recipient: PrincipalId
    outcome: Outcome
    until: datetime | None
    limited_by: Limit


@attrs.frozen(kw_only=True)
class ShareReceipt:
    """The receipt of a share. People are not shown the new grants and the notices."""

    outcomes: frozenset[ShareOutcome]
    names: Names = attrs.field(factory=dict)
    repeated: bool = False
    made: Grants = attrs.field(default=frozenset(), eq=False)
    notices: Mapping[UserId, Notice] = attrs.field(factory=dict, eq=False)


@attrs.frozen
class Shown:
    """A grant that a person is shown, and as much of its basis as they may know."""

    grant: GrantNumber
    basis: Basis


@attrs.frozen(kw_only=True)
class UnshareReceipt:
    """The receipt of an ending: all that it did, and which part of that the actor is shown.

    `all_ended` and `all_replacements` are not shown. `still_have_access` has those whom the ended
    grants reached and who still have access (after narrowing: more than the bound); for the host,
    nobody.
    """

    all_ended: Mapping[GrantNumber, How] = attrs.field(factory=dict, eq=False)
    all_replacements: Mapping[GrantNumber, Grants] = attrs.field(factory=dict, eq=False)
    ended: frozenset[Shown] = frozenset()
    replacements: frozenset[Shown] = frozenset()
    left_standing: frozenset[Shown] = frozenset()
    still_have_access: frozenset[PrincipalId] = frozenset()
    names: Names = attrs.field(factory=dict)
    repeated: bool = False

    @property
    def made(self) -> Grants:
        return frozenset(new for each in self.all_replacements.values() for new in each)


Receipt: TypeAlias = ShareReceipt | UnshareReceipt


class RequestIdReused(ValueError):
    """An actor used a request id again for a different request."""


def memoized(
    answer: "Callable[Concatenate[World, ParamsT], AnswerT]",
) -> "Callable[Concatenate[World, ParamsT], AnswerT]":
    """Keep an answer, which depends on facts of the world alone, until one of them changes."""

    def ask(world: "World", /, *args: ParamsT.args, **kwargs: ParamsT.kwargs) -> AnswerT:
        key = (answer, *args)
        found: AnswerT | None = world.memo.get(key)
        if found is None:
            found = world.memo[key] = answer(world, *args, **kwargs)
        return found

    return ask


def given_until(grants: Iterable[Grant], permission: Permission) -> datetime:
    """Return until when standing grants together give a permission; `NEVER` if they do not."""
    return max((grant.horizon for grant in grants if grant.permission >= permission), default=NEVER)


def held_by(grants: Iterable[Grant], now: datetime) -> Mapping[Permission, datetime | None]:
    """Return until when standing grants together give each permission that they give."""
    horizons = {permission: given_until(grants, permission) for permission in Permission}
    return {each: until_of(horizon) for each, horizon in horizons.items() if horizon > now}


def _forget(world: "World", _attribute: object, fact: AnswerT) -> AnswerT:
    """Empty the memo, before a fact is replaced."""
    world.memo.clear()
    return fact


@attrs.define(kw_only=True, on_setattr=_forget)
class World:
    """All facts at one time, and who may do what by them.

    A fact changes by a method or by being set, also with `|=`: both empty the memo. Versions count
    the acts that changed the sharing of an exam. Of the policy, the rules of a host are not known.
    """

    now: datetime
    policy: Policy = attrs.field(factory=Policy)
    users: dict[UserId, Account] = attrs.field(factory=dict)
    groups: dict[GroupId, frozenset[PrincipalId]] = attrs.field(factory=dict)
    names: dict[PrincipalId, str] = attrs.field(factory=dict)
    addresses: dict[PrincipalId, str] = attrs.field(factory=dict)
    visible: Callable[[UserId, PrincipalId], bool] = lambda _actor, _principal: True
    members_visible: Callable[[UserId, GroupId], bool] = lambda _actor, _group: True
    exams: dict[ExamId, Exam] = attrs.field(factory=dict)
    sealed: set[BatchId] = attrs.field(factory=set)
    withdrawn: set[ExamId] = attrs.field(factory=set)
    hidden: set[ExamId] = attrs.field(factory=set)
    grants: dict[GrantNumber, Grant] = attrs.field(factory=dict)
    endings: dict[GrantNumber, Ending] = attrs.field(factory=dict)
    versions: dict[ExamId, int] = attrs.field(factory=dict)
    waiting: list[Notice] = attrs.field(factory=list)
    accesses: dict[tuple[ExamId, object], ShownAccess] = attrs.field(factory=dict)
    receipts: dict[tuple[UserId, str | None], tuple[Request, Receipt]] = attrs.field(factory=dict)
    memo: dict[tuple[object, ...], Any] = attrs.field(factory=dict, eq=False, repr=False)

    def copy(self) -> "World":
        """Return another world with the same facts, in which a preview can act."""
        facts = {each.name: getattr(self, each.name) for each in attrs.fields(World)}
        own = {
            name: fact.copy() for name, fact in facts.items() if isinstance(fact, dict | list | set)
        }
        return World(**{**facts, **own, "memo": {}})

    def add_user(
        self, user: UserId, account: Account | None = None, *, name: str = "", address: str = ""
    ) -> None:
        """Add or replace a user; without a name, the id is the name."""
        self.memo.clear()
        self.names[user] = name or user.value
        self.addresses[user] = address
        self.users[user] = account or Account()

    def add_group(self, group: GroupId, members: Iterable[PrincipalId], *, name: str = "") -> None:
        """Add or replace a group; a cycle is an error."""
        members = frozenset(members)
        if group in members or any(
            group in self.behind(member) for member in members if isinstance(member, GroupId)
        ):
            raise ValueError(group)
        self.memo.clear()
        self.groups[group] = members
        self.names[group] = name or group.value

    def add_exams(self, *exams: Exam) -> None:
        """Add exams, or replace them by those with another owner."""
        self.memo.clear()
        self.exams.update({exam.id: exam for exam in exams})

    def add_upload(self, batch: BatchId, exams: tuple[Exam, ...], *, sealed: bool = False) -> bool:
        """Add exams to a batch, and seal it if asked; false if it was sealed before this."""
        if batch in self.sealed and (exams or not sealed):
            return False
        self.add_exams(*exams)
        if sealed:
            self.sealed.add(batch)
        return True

    def hide(self, exam: ExamId, *, hidden: bool) -> None:
        """Let the host delete an exam, or restore it; its grants stay as they are."""
        self.hidden = self.hidden | {exam} if hidden else self.hidden - {exam}

    def look(
        self, user: UserId, exam: ExamId, permission: Permission, purpose: str | None = None
    ) -> None:
        """Count an access in the running window."""
        row = exam, (user, permission, purpose, self._window())
        before = self.accesses.get(row)
        self.accesses[row] = ShownAccess(
            user=user,
            permission=permission,
            purpose=purpose,
            first=before.first if before else self.now,
            last=self.now,
            count=before.count + 1 if before else 1,
        )

    def _window(self) -> datetime:
        """Return when the running window began; they follow each other from 1970 on."""
        return self.now - (self.now - datetime(1970, 1, 1, tzinfo=UTC)) % self.policy.access_window

    def purge(self, before: datetime) -> int:
        """Delete what was over before a time and before the running window; return how many."""
        first_kept = min(before, self._window())
        over = [row for row, looked in self.accesses.items() if looked.last < first_kept]
        for row in over:
            del self.accesses[row]
        return len(over)

    def next_version(self, exam: ExamId) -> int:
        self.versions[exam] = self.versions.get(exam, 0) + 1
        return self.versions[exam]

    def next_grant(self) -> GrantNumber:
        return GrantNumber(len(self.grants) + 1)

    def names_of(self, principals: Iterable[PrincipalId]) -> Names:
        return {each: self.names[each] for each in principals if each in self.names}

    @memoized
    def behind(self, group: GroupId) -> frozenset[PrincipalId]:
        """Return all members of a group: users and groups, to any depth."""
        return self._members(group, lambda _group: True)

    def shown_behind(self, actor: UserId, group: GroupId) -> frozenset[PrincipalId]:
        """Return the members that an actor may see, of groups whose members the actor may see."""
        found = self._members(group, lambda each: self.members_visible(actor, each))
        return frozenset(one for one in found if self.visible(actor, one))

    def _members(self, group: GroupId, opens: Callable[[GroupId], bool]) -> frozenset[PrincipalId]:
        found: set[PrincipalId] = set()
        waiting: list[PrincipalId] = [group]
        while waiting:
            principal = waiting.pop()
            if isinstance(principal, GroupId) and opens(principal):
                new = self.groups.get(principal, frozenset()) - found
                found |= new
                waiting.extend(new)
        return frozenset(found)

    @memoized
    def principals_of(self, user: UserId) -> frozenset[PrincipalId]:
        return frozenset({user}) | {group for group in self.groups if user in self.behind(group)}

    def is_active(self, user: UserId) -> bool:
        """An unknown or inactive user holds nothing and may not act."""
        return user in self.users and self.users[user].active

    def is_found(self, exam: ExamId) -> bool:
        """An exam that was withdrawn, or that the host has deleted, is not found."""
        gone = exam in self.withdrawn or exam in self.hidden
        return exam in self.exams and not gone

    def owns(self, user: UserId, exam: ExamId) -> bool:
        """Only an active owner owns."""
        return self.is_found(exam) and self.is_active(user) and self.exams[exam].owner == user

    def stands(self, grant: Grant) -> bool:
        """A grant stands until it is ended or expires; at its horizon it has expired."""
        return grant.id not in self.endings and self.now < grant.horizon

    @memoized
    def standing(self, exam: ExamId) -> frozenset[Grant]:
        return frozenset(
            grant for grant in self.grants.values() if grant.exam == exam and self.stands(grant)
        )

    def reaches(self, grant: Grant, user: UserId) -> bool:
        """A grant is for its recipient or the users in it, never for its own grantor."""
        return user != grant.grantor and grant.recipient in self.principals_of(user)

    @memoized
    def entitling(self, user: UserId, exam: ExamId) -> frozenset[Grant]:
        """Return the standing grants to a user and to every group that holds the user."""
        return frozenset(grant for grant in self.standing(exam) if self.reaches(grant, user))

    @memoized
    def held_until(self, user: UserId, permission: Permission, exam: ExamId) -> datetime:
        """Return the horizon of a permission: the owner holds all, others what grants give them."""
        if not self.is_found(exam) or not self.is_active(user):
            return NEVER
        if self.owns(user, exam):
            return FOREVER
        return given_until(self.entitling(user, exam), permission)

    def holds(self, user: UserId, permission: Permission, exam: ExamId) -> bool:
        return self.held_until(user, permission, exam) > self.now

    def has_access(self, user: UserId, exam: ExamId) -> bool:
        """Every permission includes `VIEW`, so access is holding that."""
        return self.holds(user, Permission.VIEW, exam)

    def may_share(self, user: UserId, exam: ExamId) -> bool:
        """Sharing takes access and the plan."""
        return self.has_access(user, exam) and self.users[user].sharing_in_plan

    def shown_basis(self, grant: Grant, sees: Callable[[Grant], bool]) -> Basis:
        """Return those grants of a basis that stand and that a viewer sees."""
        if grant.basis == "OWNER":
            return "OWNER"
        sources = (self.grants[each] for each in grant.basis)
        return frozenset(each.id for each in sources if self.stands(each) and sees(each))

    def sight(self, viewer: UserId, exam: ExamId) -> Callable[[Grant], bool]:
        """Return which grants on the exam a viewer may see, as things are now.

        Without access: those that the viewer made. With access: all; or, if the policy limits the
        list to `OWN_GRANTS`, all for the owner, and for others those made by and to themselves.
        """
        active, access = self.is_active(viewer), self.has_access(viewer, exam)
        unlimited = self.policy.access_list is AccessListScope.EVERYONE
        everything = self.owns(viewer, exam) or (access and unlimited)

        def sees(grant: Grant) -> bool:
            own = grant.grantor == viewer or (access and grant.recipient == viewer)
            return active and grant.exam == exam and (everything or own)

        return sees
