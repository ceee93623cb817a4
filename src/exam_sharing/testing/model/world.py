"""What the model remembers: people, exams, grants and how they ended. Nothing is deleted."""

from collections.abc import Callable, Iterable
from typing import Any, Concatenate, ParamSpec, TypeVar

import attrs

from exam_sharing.exams import Exam
from exam_sharing.identifiers import BatchId, ExamId, GroupId, PrincipalId, UserId
from exam_sharing.policy.requests import Request, without_message
from exam_sharing.testing.model.records import (
    Account,
    Ending,
    Grant,
    Notice,
    Receipt,
    RequestIdReused,
    Settings,
)

ParamsT = ParamSpec("ParamsT")
AnswerT = TypeVar("AnswerT")


def _everybody(_actor: UserId, _principal: object) -> bool:
    return True


@attrs.define(kw_only=True)
class World:
    """All facts; `versions` counts, exam by exam, the acts that changed its sharing.

    Facts change by the methods below and not otherwise. `inside`, `unended` and `known` follow from
    the rest: all that is in each group, to any depth; the grants on each exam that have not been
    ended; and what was worked out of the facts, forgotten whenever one changes.
    """

    settings: Settings = attrs.field(factory=Settings)
    users: dict[UserId, Account] = attrs.field(factory=dict)
    groups: dict[GroupId, frozenset[PrincipalId]] = attrs.field(factory=dict)
    names: dict[PrincipalId, str] = attrs.field(factory=dict)
    addresses: dict[PrincipalId, str] = attrs.field(factory=dict)
    inside: dict[GroupId, frozenset[PrincipalId]] = attrs.field(factory=dict)
    visible: Callable[[UserId, PrincipalId], bool] = _everybody
    members_visible: Callable[[UserId, GroupId], bool] = _everybody
    exams: dict[ExamId, Exam] = attrs.field(factory=dict)
    sealed: set[BatchId] = attrs.field(factory=set)
    withdrawn: set[ExamId] = attrs.field(factory=set)
    hidden: set[ExamId] = attrs.field(factory=set)
    grants: dict[int, Grant] = attrs.field(factory=dict)
    endings: dict[int, Ending] = attrs.field(factory=dict)
    unended: dict[ExamId, frozenset[Grant]] = attrs.field(factory=dict)
    known: dict[tuple[object, ...], Any] = attrs.field(factory=dict, eq=False, repr=False)
    versions: dict[ExamId, int] = attrs.field(factory=dict)
    waiting: list[Notice] = attrs.field(factory=list)
    receipts: dict[tuple[UserId, str], tuple[Request, Receipt]] = attrs.field(factory=dict)

    def copy(self) -> "World":
        """Return a world of its own with the same facts: for asking what an act would do."""
        facts = {each.name: getattr(self, each.name) for each in attrs.fields(World)}
        own = {
            name: fact.copy() for name, fact in facts.items() if isinstance(fact, dict | list | set)
        }
        return World(**{**facts, **own, "known": {}})

    def settle(self, settings: Settings) -> None:
        """Let other settings hold from now on."""
        self.known.clear()
        self.settings = settings

    def add_user(
        self,
        user: UserId,
        *,
        active: bool = True,
        sharing_in_plan: bool = True,
        notices: bool = True,
        name: str | None = None,
        address: str | None = None,
    ) -> None:
        """Make a user known, or say anew what is known of them; without a name, by their id."""
        self.known.clear()
        self.names[user] = name or user.value
        self.addresses[user] = address or ""
        self.users[user] = Account(active=active, sharing_in_plan=sharing_in_plan, notices=notices)

    def add_group(
        self, group: GroupId, members: Iterable[PrincipalId], *, name: str | None = None
    ) -> None:
        """Make a group known, or say anew who is in it; a cycle is an error when it is made."""
        members = frozenset(members)
        if group in members or any(
            group in behind(self, member) for member in members if isinstance(member, GroupId)
        ):
            raise ValueError(group)
        self.known.clear()
        self.groups[group] = members
        self.names[group] = name or group.value
        self.inside = {group: _inside(self, group) for group in self.groups}

    def add_exams(self, *exams: Exam) -> None:
        """Let exams arrive."""
        self.known.clear()
        for exam in exams:
            self.exams[exam.id] = exam

    def add_upload(self, batch: BatchId, exams: Iterable[Exam], *, sealed: bool = False) -> bool:
        """Let the exams of one upload arrive, more of a batch or the last ones.

        False, and nothing arrives, where the batch is sealed; only to be sealed once more is fine.
        """
        arriving = tuple(exams)
        if batch in self.sealed and (arriving or not sealed):
            return False
        self.add_exams(*arriving)
        if sealed:
            self.sealed.add(batch)
        return True

    def change_hands(self, exam: ExamId, owner: UserId) -> None:
        """Give an exam to another owner; its grants stay as they are."""
        self.known.clear()
        self.exams[exam] = attrs.evolve(self.exams[exam], owner=owner)

    def make(self, grant: Grant) -> None:
        """Add a grant."""
        self.known.clear()
        self.grants[grant.id] = grant
        self.unended[grant.exam] = self.unended.get(grant.exam, frozenset()) | {grant}

    def end(self, grant: Grant, ending: Ending) -> None:
        """Record the end of a grant beside it."""
        self.known.clear()
        self.endings[grant.id] = ending
        self.unended[grant.exam] -= {grant}

    def withdraw(self, exam: ExamId) -> None:
        """Let an exam be found no longer."""
        self.known.clear()
        self.withdrawn.add(exam)

    def hide(self, exam: ExamId, *, hidden: bool) -> None:
        """Let the host have an exam no longer, or again; its grants stay as they are."""
        self.known.clear()
        (self.hidden.add if hidden else self.hidden.discard)(exam)

    def next_version(self, exam: ExamId) -> int:
        """Count one more act that changes the sharing of this exam."""
        self.versions[exam] = self.versions.get(exam, 0) + 1
        return self.versions[exam]

    def next_grant_id(self) -> int:
        """Return an id that no grant has had."""
        return len(self.grants) + 1


def worked_out_once(
    answer: "Callable[Concatenate[World, ParamsT], AnswerT]",
) -> "Callable[Concatenate[World, ParamsT], AnswerT]":
    """Work an answer out anew only when a fact has changed since: the facts alone make it."""
    name = answer.__name__

    def known(world: World, /, *args: ParamsT.args, **kwargs: ParamsT.kwargs) -> AnswerT:
        key = (name, *args)
        if key not in world.known:
            world.known[key] = answer(world, *args, **kwargs)
        found: AnswerT = world.known[key]
        return found

    return known


def behind(world: World, group: GroupId) -> frozenset[PrincipalId]:
    """Groups hold users and groups, to any depth: return all of them."""
    return world.inside.get(group, frozenset())


def _inside(world: World, group: GroupId) -> frozenset[PrincipalId]:
    found: set[PrincipalId] = set()
    waiting: list[PrincipalId] = [group]
    while waiting:
        principal = waiting.pop()
        if isinstance(principal, GroupId):
            new = world.groups.get(principal, frozenset()) - found
            found |= new
            waiting.extend(new)
    return frozenset(found)


@worked_out_once
def principals_of(world: World, user: UserId) -> frozenset[PrincipalId]:
    """Return the user and every group that they are in, now."""
    return frozenset({user}) | {group for group in world.groups if user in behind(world, group)}


def shown_behind(world: World, actor: UserId, group: GroupId) -> frozenset[PrincipalId]:
    """Who is behind a group is told only where the actor may see its members, and see them."""
    found: set[PrincipalId] = set()
    waiting: list[PrincipalId] = [group]
    while waiting:
        principal = waiting.pop()
        if isinstance(principal, GroupId) and world.members_visible(actor, principal):
            new = world.groups.get(principal, frozenset()) - found
            found |= new
            waiting.extend(new)
    return frozenset(one for one in found if world.visible(actor, one))


def first_receipt(world: World, request: Request) -> Receipt | None:
    """The same request again gets the first receipt, marked; another under its id is an error."""
    if request.request_id is None:
        return None
    kept = world.receipts.get((request.actor, request.request_id))
    if kept is None:
        return None
    first, receipt = kept
    if without_message(first) != without_message(request):
        raise RequestIdReused(request.request_id)
    return attrs.evolve(receipt, repeated=True)


def remember(world: World, request: Request, receipt: Receipt) -> None:
    """Keep a receipt under its request id; a refusal is never kept."""
    if request.request_id is not None:
        world.receipts[request.actor, request.request_id] = request, receipt
