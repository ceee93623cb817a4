"""A small hospital that exists twice: in the tested store or portal, and in the model."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from itertools import count
from typing import Any, Final, TypeAlias

import attrs
from typing_extensions import override

import exam_sharing as es
from exam_sharing.events import Event
from exam_sharing.memory import MemoryDirectory, MemoryNotifier
from exam_sharing.ports import AuditTrail, Changes, GrantWriter
from exam_sharing.testing import model
from exam_sharing.testing.edges import START
from exam_sharing.testing.machine.answers import Answers
from exam_sharing.testing.opening import StorePorts, Upload
from exam_sharing.testing.story import Words, clock_time, policy_in_words

NAMES: Final[Mapping[es.UserId | es.GroupId, str]] = {
    es.UserId("Alice"): "Alice Marín",
    es.UserId("Bob"): "Bob Ålander",
    es.UserId("Carol"): "Carol Alison Reyes",
    es.UserId("Dave"): "dave ALAMI",
    es.UserId("Erin"): "Erin Smith-Alba",
    es.UserId("Frank"): "Alan Frank",
    es.GroupId("Radiology"): "Team of Radiology",
    es.GroupId("Surgery"): "Surgery",
    es.GroupId("Alice"): "Álice's team",
}
"""The names by which people find recipients. A story shows ids only."""
USERS: Final = tuple(each for each in NAMES if isinstance(each, es.UserId))
GROUPS: Final = tuple(each for each in NAMES if isinstance(each, es.GroupId))
"""The last group has the id of a user."""
STRANGER: Final = es.UserId("Stranger")
"""A user who is unknown to the directory."""
EXAMS: Final = tuple(map(es.ExamId, ("CT", "MR", "X-ray", "ultrasound", "PET", "mammogram")))

AT_EVERY_DELIVERY: Final = es.Retries(at_once=1_000_000, limit=None)
"""Every delivery retries every notice that failed: other tests cover the waits."""

Transfer: TypeAlias = Callable[[Any, es.ExamId, es.UserId, datetime], None]
Sweep: TypeAlias = Callable[[Any, datetime], object]
Hide: TypeAlias = Callable[[Any, es.ExamId, bool], object]


@attrs.frozen(kw_only=True)
class Capabilities:
    """What a store can do beyond its ports; see `run_sharing_machine`."""

    upload: Upload | None = None
    transfer: Transfer | None = None
    sweep: Sweep | None = None
    hide: Hide | None = None


@attrs.define
class Recorder:
    """Stands in front of a store's writer and audit trail, and keeps what they are given."""

    writer: GrantWriter
    audit: AuditTrail
    _given: list[Changes | Event] = attrs.field(factory=list, init=False)

    def commit(self, changes: Changes) -> bool:
        """Commit the changes, and keep them if they were written."""
        written = self.writer.commit(changes)
        if written:
            self._given.append(changes)
        return written

    def step_aside(self, lost: int) -> None:
        """Delay an act as the store does."""
        self.writer.step_aside(lost)

    def locked(self, exams: tuple[es.ExamId, ...]) -> AbstractContextManager[None]:  # noqa: ARG002
        """Lock nothing: of acts one after another, none loses a race."""
        return nullcontext()

    def record(self, event: Event) -> None:
        """Record an event, and keep it."""
        self.audit.record(event)
        self._given.append(event)

    def take(self) -> tuple[Changes | Event, ...]:
        """Return what was given since the last call."""
        given, self._given = tuple(self._given), []
        return given


class UnreliableNotifier(MemoryNotifier):
    """Sends notices to everybody except `unreachable` readers, for whom sending fails."""

    unreachable: frozenset[es.UserId] = frozenset()

    @override
    def send(self, notice: es.ShareNotice) -> None:
        if notice.to in self.unreachable:
            raise ConnectionError
        super().send(notice)


class Hospital:
    """Users, groups, exams and a clock in the model, and a story with one line for each step.

    Of each pair in `hidden`, the actor cannot see the principal in the directory, and of a group
    not its members either.
    """

    def __init__(
        self,
        world: model.world.World,
        *,
        users: tuple[es.UserId, ...],
        hidden: frozenset[tuple[es.UserId, es.PrincipalId]],
    ) -> None:
        self.world = world
        self.users: tuple[es.UserId, ...] = users
        self.story: list[str] = []
        self.words: Words = Words(world)
        self.add_line(f"The users are {self.words.people(users)}.")
        changed = policy_in_words(world.policy)
        if changed and world.policy != es.Policy():
            self.add_line(f"The policy: {changed}.")
        for actor, principal in sorted(hidden, key=str):
            members = ", nor its members" if isinstance(principal, es.GroupId) else ""
            hidden_one = f"{self.words.value(principal)} in the directory{members}"
            self.add_line(f"{actor} cannot see {hidden_one}.")

    @abstractmethod
    def _put_user(self, user: es.UserId, account: model.world.Account) -> None: ...
    @abstractmethod
    def _put_group(self, group: es.GroupId, members: frozenset[es.PrincipalId]) -> None: ...

    def add_line(self, sentence: str) -> None:
        """Add a line to the story."""
        self.story.append(f"{clock_time(self.now)}  {sentence}")

    @property
    def now(self) -> datetime:
        """The time."""
        return self.world.now

    @property
    def principals(self) -> tuple[es.PrincipalId, ...]:
        """Everybody in the directory."""
        return (*self.users, *self.world.groups)

    @property
    def exams(self) -> tuple[es.ExamId, ...]:
        """The exams that have arrived, including withdrawn and deleted ones."""
        return tuple(self.world.exams)

    @property
    def grants(self) -> Mapping[es.GrantId, model.world.GrantNumber]:
        """The grants that a request can name, each with its number in the model."""
        return {es.GrantId(f"{number}"): number for number in self.world.grants}

    def held(self) -> list[tuple[es.UserId, es.ExamId]]:
        """Return who has access to which exam, by the model."""
        pairs = [(user, exam) for user in self.users for exam in self.exams]
        return [each for each in pairs if self.world.has_access(*each)]

    def not_found(self) -> list[tuple[es.UserId, es.ExamId]]:
        """Return pairs of a user and an exam that the user cannot find, whatever was shared."""
        pairs = [(user, exam) for exam in EXAMS if exam not in self.exams for user in self.users]
        return [*((STRANGER, exam) for exam in EXAMS), *pairs]

    def put_user(self, user: es.UserId, account: model.world.Account) -> None:
        """Replace what the directory knows of a user."""
        state = [
            "active" if account.active else "inactive",
            "has sharing in the plan" if account.sharing_in_plan else "has no sharing in the plan",
            "wants notices" if account.notices else "wants no notices",
        ]
        self.add_line(f"{user} is {state[0]}, {state[1]} and {state[2]}.")
        self._put_user(user, account)

    def put_group(self, group: es.GroupId, members: Iterable[es.PrincipalId]) -> None:
        """Add or replace a group, without the members that would close a cycle."""
        world = self.world
        fit = frozenset(
            each
            for each in members
            if isinstance(each, es.UserId)
            or (each in world.groups and each != group and group not in world.behind(each))
        )
        self.add_line(f"The members of {self.words.value(group)}: {self.words.people(fit)}.")
        self._put_group(group, fit)

    def wait(self, moment: datetime) -> None:
        """Let time pass until then."""
        self.world.now = max(self.now, moment)
        self.add_line("Time passes.")

    def expiries(self) -> list[datetime]:
        """Return the times at which something will expire, soonest first."""
        ends = {grant.until for grant in self.world.grants.values() if grant.until is not None}
        return sorted(end for end in ends if end > self.now)


class StoreHospital(Hospital):
    """A hospital with a `Sharing` over a store."""

    def __init__(
        self,
        ports: StorePorts,
        policy: es.Policy,
        *,
        users: tuple[es.UserId, ...],
        hidden: frozenset[tuple[es.UserId, es.PrincipalId]],
    ) -> None:
        def visible(actor: es.UserId, principal: es.PrincipalId) -> bool:
            return (actor, principal) not in hidden

        world = model.world.World(
            now=START, policy=policy, visible=visible, members_visible=visible
        )
        self.ports = ports
        self.policy: es.Policy = attrs.evolve(policy, retries=AT_EVERY_DELIVERY)
        self.notifier: UnreliableNotifier = UnreliableNotifier()
        self.directory: MemoryDirectory = MemoryDirectory(visible=visible, members_visible=visible)
        self.answers: Answers = Answers(world, ports)
        self.recorder: Recorder = Recorder(ports.writer, ports.audit)
        self._acts = count(1)
        super().__init__(world, users=users, hidden=hidden)
        self.sharing: es.Sharing = self._open()
        for user in users:
            self._put_user(user, model.world.Account())

    def _open(self) -> es.Sharing:
        recorded = attrs.evolve(self.ports, writer=self.recorder, audit=self.recorder)
        return es.Sharing(
            policy=self.policy,
            ports=recorded.with_people(self.directory, notifier=self.notifier),
            clock=lambda: self.now,
            new_id=lambda: f"act{next(self._acts)}",
            sends_at_once=False,
        )

    @property
    @override
    def grants(self) -> Mapping[es.GrantId, model.world.GrantNumber]:
        """The grants in the store."""
        return self.answers.numbers

    def turn_notices(self, *, on: bool) -> None:
        """Open the sharing again, with notices of shares or without."""
        self.add_line(f"The deployment turns notices of shares {'on' if on else 'off'}.")
        self.policy = attrs.evolve(self.policy, sends_notices=on)
        self.world.policy = self.policy
        self.sharing = self._open()

    @override
    def _put_user(self, user: es.UserId, account: model.world.Account) -> None:
        name, address = NAMES[user], f"{user}@clinic.example"
        self.directory.add(
            es.User(id=user, name=name, email=address, active=account.active),
            sharing_in_plan=account.sharing_in_plan,
            notices=account.notices,
        )
        self.world.add_user(user, account, name=name, address=address)

    @override
    def _put_group(self, group: es.GroupId, members: frozenset[es.PrincipalId]) -> None:
        self.directory.add(es.Group(id=group, name=NAMES[group], members=members))
        self.world.add_group(group, members, name=NAMES[group])

    def upload(
        self, batch: es.BatchId, exams: tuple[es.Exam, ...], *, sealed: bool, upload: Upload | None
    ) -> None:
        """Add exams through the package, or as the host of the store does it."""
        added = es.UploadBatch(id=batch, uploader=self.users[0], received_at=START, sealed=sealed)
        if upload is None:
            self.sharing.add_upload(added, exams)
        else:
            upload(self.ports.store, added, exams)

    def deliver(self, unreachable: frozenset[es.UserId]) -> tuple[es.ShareNotice, ...]:
        """Deliver the waiting notices, and return what was sent."""
        self.notifier.unreachable = unreachable
        self.notifier.sent.clear()
        self.sharing.admin.deliver_notices()
        return tuple(self.notifier.sent)
