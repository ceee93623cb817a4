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
from exam_sharing.identifiers import BatchId, ExamId, GroupId, PrincipalId, UserId
from exam_sharing.policy.requests import Request
from exam_sharing.policy.settings import Policy

FOREVER: Final = datetime.max.replace(tzinfo=UTC)
NEVER: Final = datetime.min.replace(tzinfo=UTC)

How: TypeAlias = Literal["UNSHARED", "NARROWED", "CASCADED", "WITHDRAWN", "BY_HOST"]
"""How a grant ended. Expiry is not recorded: it follows from the time of the grant."""
Outcome: TypeAlias = Literal["GRANTED", "WIDENED", "EXTENDED", "UNCHANGED", "OWNS_IT"]

HOST: Final = "the host"

ParamsT = ParamSpec("ParamsT")
AnswerT = TypeVar("AnswerT")


def horizon_of(until: datetime | None) -> datetime:
    """Return the horizon of a time: `FOREVER` for `None`."""
    return FOREVER if until is None else until


def until_of(horizon: datetime) -> datetime | None:
    """Return the time of a horizon: `None` for `FOREVER`."""
    return None if horizon == FOREVER else horizon


class GrantNumber(int):
    """The number of a grant in the model: the first one made is 1."""


Basis: TypeAlias = Literal["OWNER"] | frozenset[GrantNumber]
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
        return FOREVER if self.until is None else self.until


@attrs.frozen(kw_only=True)
class Ending:
    """The end of a grant; `as_owner` is true if the owner at that time ended it."""

    how: How
    by: UserId | Literal["the host"]
    as_owner: bool
    version: int
    replaced_by: frozenset[GrantNumber]


@attrs.frozen(kw_only=True)
class Notice:
    """A notice to one user after one share: what they gained on all of the exams, until when."""

    to: UserId
    actor: UserId
    exams: frozenset[ExamId]
    permission: Permission
    until: datetime | None
    message: str | None = attrs.field(repr=False)
    made: frozenset[GrantNumber] = attrs.field(default=frozenset(), eq=False)


@attrs.frozen
class Refused:
    """All codes that apply, with their parameters; the act changed nothing.

    Parameters are recipients for the `RECIPIENT_…` codes and `REMOVED_BY_OWNER`; exams for
    `DOWNLOAD_NOT_HELD` and `EXPIRY_BEYOND_OWN`; any of "recipients", "exams", "people" for
    `TOO_MANY`; groups for `NO_SUCH_GRANT` (the id, when one grant was named); grants for
    `HAS_RESHARES`. The other codes have none.
    """

    reasons: Mapping[str, frozenset[object]]


NOT_REFUSED: Final = Refused({})

Names: TypeAlias = Mapping[PrincipalId, str]
"""The names of those principals that an answer mentions and the directory knows."""


@attrs.frozen(kw_only=True)
class Shared:
    """The receipt of a share. People are not shown the new grants and the notices."""

    outcomes: Mapping[tuple[ExamId, PrincipalId], tuple[Outcome, datetime | None]]
    names: Names = attrs.field(factory=dict)
    repeated: bool = False
    made: frozenset[GrantNumber] = attrs.field(default=frozenset(), eq=False)
    notices: Mapping[UserId, Notice] = attrs.field(factory=dict, eq=False)


@attrs.frozen(kw_only=True)
class Ended:
    """The receipt of an ending: all that it did, and which part of that the actor is shown.

    Attributes:
        all_ended: every grant that ended, and how; not shown.
        all_replacements: for every grant that was narrowed, what replaced it; not shown.
        ended: those of the ended grants that the actor is shown.
        replacements: what replaced those.
        left_standing: the grants that rest directly on the ended ones and still stand, as shown.
        bases: what each shown grant rests on, as far as the actor may know.
        still_have_access: those whom the ended grants reached and who still have access (after
            narrowing: more than the bound), as shown. Empty for the host.
        names: of those who are shown.
        repeated: whether this was done before, under the same request id, and nothing is done now.
    """

    all_ended: Mapping[GrantNumber, How] = attrs.field(factory=dict, eq=False)
    all_replacements: Mapping[GrantNumber, frozenset[GrantNumber]] = attrs.field(
        factory=dict, eq=False
    )
    ended: frozenset[GrantNumber] = frozenset()
    replacements: frozenset[GrantNumber] = frozenset()
    left_standing: frozenset[GrantNumber] = frozenset()
    bases: Mapping[GrantNumber, Basis] = attrs.field(factory=dict)
    still_have_access: frozenset[PrincipalId] = frozenset()
    names: Names = attrs.field(factory=dict)
    repeated: bool = False


Receipt: TypeAlias = Shared | Ended


class RequestIdReused(ValueError):
    """An actor used a request id again for a different request."""


def _everybody(_actor: UserId, _principal: object) -> bool:
    return True


@attrs.define(kw_only=True)
class World:
    """All facts at one time. They change only by the methods of this class.

    Attributes:
        now: the time.
        policy: the settings of the deployment; the model knows no rules of the host.
        versions: for each exam, the number of acts that changed its sharing.
        memo: answers worked out from the current facts. Every change of a fact empties it.
    """

    now: datetime
    policy: Policy = attrs.field(factory=Policy)
    users: dict[UserId, Account] = attrs.field(factory=dict)
    groups: dict[GroupId, frozenset[PrincipalId]] = attrs.field(factory=dict)
    names: dict[PrincipalId, str] = attrs.field(factory=dict)
    addresses: dict[PrincipalId, str] = attrs.field(factory=dict)
    visible: Callable[[UserId, PrincipalId], bool] = _everybody
    members_visible: Callable[[UserId, GroupId], bool] = _everybody
    exams: dict[ExamId, Exam] = attrs.field(factory=dict)
    sealed: set[BatchId] = attrs.field(factory=set)
    withdrawn: set[ExamId] = attrs.field(factory=set)
    hidden: set[ExamId] = attrs.field(factory=set)
    grants: dict[GrantNumber, Grant] = attrs.field(factory=dict)
    endings: dict[GrantNumber, Ending] = attrs.field(factory=dict)
    versions: dict[ExamId, int] = attrs.field(factory=dict)
    waiting: list[Notice] = attrs.field(factory=list)
    receipts: dict[tuple[UserId, str | None], tuple[Request, Receipt]] = attrs.field(factory=dict)
    memo: dict[tuple[object, ...], Any] = attrs.field(factory=dict, eq=False, repr=False)

    def copy(self) -> "World":
        """Return another world with the same facts, in which a preview can act."""
        facts = {each.name: getattr(self, each.name) for each in attrs.fields(World)}
        own = {
            name: fact.copy() for name, fact in facts.items() if isinstance(fact, dict | list | set)
        }
        return World(**{**facts, **own, "memo": {}})

    def set_time(self, now: datetime) -> None:
        """Change the time."""
        self.memo.clear()
        self.now = now

    def set_policy(self, policy: Policy) -> None:
        """Change the settings."""
        self.memo.clear()
        self.policy = policy

    def add_user(
        self,
        user: UserId,
        account: Account | None = None,
        *,
        name: str | None = None,
        address: str = "",
    ) -> None:
        """Add or replace a user; without a name, the id is the name."""
        self.memo.clear()
        self.names[user] = name or user.value
        self.addresses[user] = address
        self.users[user] = account or Account()

    def add_group(
        self, group: GroupId, members: Iterable[PrincipalId], *, name: str | None = None
    ) -> None:
        """Add or replace a group; a cycle is an error."""
        members = frozenset(members)
        if group in members or any(
            group in behind(self, member) for member in members if isinstance(member, GroupId)
        ):
            raise ValueError(group)
        self.memo.clear()
        self.groups[group] = members
        self.names[group] = name or group.value

    def add_exams(self, *exams: Exam) -> None:
        """Add exams."""
        self.memo.clear()
        self.exams.update({exam.id: exam for exam in exams})

    def add_upload(self, batch: BatchId, exams: Iterable[Exam], *, sealed: bool = False) -> bool:
        """Add exams to a batch, and seal it if asked.

        Return false, and add nothing, if the batch was sealed before. Sealing again is allowed.
        """
        arriving = tuple(exams)
        if batch in self.sealed and (arriving or not sealed):
            return False
        self.add_exams(*arriving)
        if sealed:
            self.sealed.add(batch)
        return True

    def transfer(self, exam: ExamId, owner: UserId) -> None:
        """Give an exam to another owner; its grants stay as they are."""
        self.add_exams(attrs.evolve(self.exams[exam], owner=owner))

    def make(self, grant: Grant) -> None:
        """Add a grant."""
        self.memo.clear()
        self.grants[grant.id] = grant

    def end(self, grant: Grant, ending: Ending) -> None:
        """Record the ending of a grant."""
        self.memo.clear()
        self.endings[grant.id] = ending

    def withdraw(self, exam: ExamId) -> None:
        """Withdraw an exam, so that nobody finds it."""
        self.memo.clear()
        self.withdrawn.add(exam)

    def hide(self, exam: ExamId, *, hidden: bool) -> None:
        """Let the host delete an exam, or restore it; its grants stay as they are."""
        self.memo.clear()
        (self.hidden.add if hidden else self.hidden.discard)(exam)

    def next_version(self, exam: ExamId) -> int:
        """Count one more act on the sharing of an exam."""
        self.versions[exam] = self.versions.get(exam, 0) + 1
        return self.versions[exam]

    def next_grant(self) -> GrantNumber:
        """Return an unused number of a grant."""
        return GrantNumber(len(self.grants) + 1)

    def names_of(self, principals: Iterable[PrincipalId]) -> Names:
        """Return the names of those principals that the directory knows."""
        return {each: self.names[each] for each in principals if each in self.names}


def memoized(
    answer: "Callable[Concatenate[World, ParamsT], AnswerT]",
) -> "Callable[Concatenate[World, ParamsT], AnswerT]":
    """Keep an answer until a fact of the world changes; the answer must depend on nothing else."""

    def ask(world: World, /, *args: ParamsT.args, **kwargs: ParamsT.kwargs) -> AnswerT:
        key = (answer, *args)
        if key not in world.memo:
            world.memo[key] = answer(world, *args, **kwargs)
        found: AnswerT = world.memo[key]
        return found

    return ask


@memoized
def behind(world: World, group: GroupId) -> frozenset[PrincipalId]:
    """Return all members of a group: users and groups, to any depth."""
    return _members(world, group, lambda _group: True)


def shown_behind(world: World, actor: UserId, group: GroupId) -> frozenset[PrincipalId]:
    """Return the members that an actor may see, of groups whose members the actor may see."""
    found = _members(world, group, lambda each: world.members_visible(actor, each))
    return frozenset(one for one in found if world.visible(actor, one))


def _members(
    world: World, group: GroupId, opens: Callable[[GroupId], bool]
) -> frozenset[PrincipalId]:
    found: set[PrincipalId] = set()
    waiting: list[PrincipalId] = [group]
    while waiting:
        principal = waiting.pop()
        if isinstance(principal, GroupId) and opens(principal):
            new = world.groups.get(principal, frozenset()) - found
            found |= new
            waiting.extend(new)
    return frozenset(found)


@memoized
def principals_of(world: World, user: UserId) -> frozenset[PrincipalId]:
    """Return the user and every group that holds the user now."""
    return frozenset({user}) | {group for group in world.groups if user in behind(world, group)}
