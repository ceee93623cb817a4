"""A small hospital that exists twice: in the package over the tested store, and in the model."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from itertools import count
from typing import Any, Final, TypeAlias

import attrs
from typing_extensions import override

from exam_sharing.events import ShareNotice
from exam_sharing.exams import Exam, UploadBatch
from exam_sharing.identifiers import BatchId, ExamId, GroupId, PrincipalId, UserId
from exam_sharing.memory import MemoryDirectory, MemoryNotifier
from exam_sharing.policy.retries import Retries
from exam_sharing.policy.settings import Policy
from exam_sharing.principals import Group, User
from exam_sharing.sharing import Sharing
from exam_sharing.testing import model
from exam_sharing.testing.edges import START
from exam_sharing.testing.machine.answers import Answers
from exam_sharing.testing.machine.stored import Recorder, Stored
from exam_sharing.testing.opening import StorePorts, Upload
from exam_sharing.testing.story import Words, clock_time, policy_in_words

NAMES: Final[Mapping[UserId | GroupId, str]] = {
    UserId("Alice"): "Alice Marín",
    UserId("Bob"): "Bob Ålander",
    UserId("Carol"): "Carol Alison Reyes",
    UserId("Dave"): "dave ALAMI",
    UserId("Erin"): "Erin Smith-Alba",
    UserId("Frank"): "Alan Frank",
    GroupId("Radiology"): "Team of Radiology",
    GroupId("Surgery"): "Surgery",
    GroupId("Alice"): "Álice's team",
}
"""The names by which people find recipients. A story shows ids only."""
USERS: Final = tuple(each for each in NAMES if isinstance(each, UserId))
GROUPS: Final = tuple(each for each in NAMES if isinstance(each, GroupId))
"""The last group has the id of a user."""
STRANGER: Final = UserId("Stranger")
"""A user who is unknown to the directory."""
EXAMS: Final = tuple(map(ExamId, ("CT", "MR", "X-ray", "ultrasound", "PET", "mammogram")))

AT_EVERY_DELIVERY: Final = Retries(at_once=1_000_000, limit=None)
"""Every delivery retries every notice that failed: other tests cover the waits."""

Transfer: TypeAlias = Callable[[Any, ExamId, UserId, datetime], None]
Sweep: TypeAlias = Callable[[Any, datetime], object]
Hide: TypeAlias = Callable[[Any, ExamId, bool], object]


class UnreliableNotifier(MemoryNotifier):
    """Sends notices to everybody except `unreachable` readers, for whom sending fails."""

    unreachable: frozenset[UserId] = frozenset()

    @override
    def send(self, notice: ShareNotice) -> None:
        if notice.to in self.unreachable:
            raise ConnectionError
        super().send(notice)


class Hospital:
    """Users, groups, exams and a clock, with a `Sharing` over a store, and the model beside it.

    Args:
        ports: the ports of the store.
        policy: the policy of both.
        users: the number of users.
        hidden: for each pair, the actor cannot see the principal in the directory.
        hidden_members: for each pair, the actor cannot see the members of the group.

    Attributes:
        world: the facts of the model, with the time of both.
        story: what has happened, one line for each step.
        answers: turns answers of the package into values of the model.
        stored: what the store keeps, and the model beside it.
        recorder: keeps what the package gives the store to record.
    """

    def __init__(
        self,
        ports: StorePorts,
        policy: Policy,
        *,
        users: int = len(USERS),
        hidden: frozenset[tuple[UserId, PrincipalId]] = frozenset(),
        hidden_members: frozenset[tuple[UserId, GroupId]] = frozenset(),
    ) -> None:
        """Start without groups and exams, with every user active."""

        def visible(actor: UserId, principal: PrincipalId) -> bool:
            return (actor, principal) not in hidden

        def members_visible(actor: UserId, group: GroupId) -> bool:
            return (actor, group) not in hidden_members

        self.ports = ports
        self.policy: Policy = attrs.evolve(policy, retries=AT_EVERY_DELIVERY)
        self.users: tuple[UserId, ...] = USERS[:users]
        self.story: list[str] = []
        self.notifier: UnreliableNotifier = UnreliableNotifier()
        self.directory: MemoryDirectory = MemoryDirectory(
            visible=visible, members_visible=members_visible
        )
        self.world: model.World = model.World(
            now=START, policy=policy, visible=visible, members_visible=members_visible
        )
        self.words: Words = Words(self.world)
        self.answers: Answers = Answers(self.world)
        self.stored: Stored = Stored(ports, self.answers)
        self.recorder: Recorder = Recorder(ports.writer, ports.audit)
        self._acts = count(1)
        self._uploads: dict[BatchId, UploadBatch] = {}
        self.sharing: Sharing = self._open()
        for user in self.users:
            self._put_user(user, model.Account())
        self.add_line(f"The users are {self.words.people(self.users)}.")
        if changed := policy_in_words(self.policy):
            self.add_line(f"The policy: {changed}.")
        for actor, principal in sorted(hidden, key=str):
            self.add_line(f"{actor} cannot see {self.words.value(principal)} in the directory.")
        for actor, group in sorted(hidden_members, key=str):
            self.add_line(f"{actor} cannot see the members of {self.words.value(group)}.")

    def _open(self) -> Sharing:
        recorded = attrs.evolve(self.ports, writer=self.recorder, audit=self.recorder)
        return Sharing(
            policy=self.policy,
            ports=recorded.with_people(self.directory, notifier=self.notifier),
            clock=lambda: self.now,
            new_id=lambda: f"act{next(self._acts)}",
            sends_at_once=False,
        )

    def add_line(self, sentence: str) -> None:
        """Add a line to the story."""
        self.story.append(f"{clock_time(self.now)}  {sentence}")

    @property
    def now(self) -> datetime:
        """The time."""
        return self.world.now

    @property
    def principals(self) -> tuple[PrincipalId, ...]:
        """Everybody in the directory."""
        return (*self.users, *self.world.groups)

    @property
    def exams(self) -> tuple[ExamId, ...]:
        """The exams that have arrived, including withdrawn and deleted ones."""
        return tuple(self.world.exams)

    def held(self) -> list[tuple[UserId, ExamId]]:
        """Return who has access to which exam, by the model."""
        pairs = [(user, exam) for user in self.users for exam in self.exams]
        return [each for each in pairs if model.has_access(self.world, *each)]

    def not_found(self) -> list[tuple[UserId, ExamId]]:
        """Return pairs of a user and an exam that the user cannot find, whatever was shared."""
        pairs = [(user, exam) for exam in EXAMS if exam not in self.exams for user in self.users]
        return [*((STRANGER, exam) for exam in EXAMS), *pairs]

    def turn_notices(self, *, on: bool) -> None:
        """Open the sharing again, with notices of shares or without."""
        self.add_line(f"The deployment turns notices of shares {'on' if on else 'off'}.")
        self.policy = attrs.evolve(self.policy, sends_notices=on)
        self.world.set_policy(self.policy)
        self.sharing = self._open()

    def put_user(self, user: UserId, account: model.Account) -> None:
        """Replace what the directory knows of a user."""
        state = [
            "active" if account.active else "inactive",
            "has sharing in the plan" if account.sharing_in_plan else "has no sharing in the plan",
            "wants notices" if account.notices else "wants no notices",
        ]
        self.add_line(f"{user} is {state[0]}, {state[1]} and {state[2]}.")
        self._put_user(user, account)

    def _put_user(self, user: UserId, account: model.Account) -> None:
        name, address = NAMES[user], f"{user}@clinic.example"
        self.directory.add(
            User(id=user, name=name, email=address, active=account.active),
            sharing_in_plan=account.sharing_in_plan,
            notices=account.notices,
        )
        self.world.add_user(user, account, name=name, address=address)

    def put_group(self, group: GroupId, members: Iterable[PrincipalId]) -> None:
        """Add or replace a group, without the members that would close a cycle."""
        world = self.world
        fit = frozenset(
            each
            for each in members
            if isinstance(each, UserId)
            or (each in world.groups and each != group and group not in model.behind(world, each))
        )
        self.add_line(f"The members of {self.words.value(group)}: {self.words.people(fit)}.")
        self.directory.add(Group(id=group, name=NAMES[group], members=fit))
        world.add_group(group, fit, name=NAMES[group])

    def upload(
        self, batch: BatchId, exams: tuple[Exam, ...], *, sealed: bool, upload: Upload | None
    ) -> None:
        """Add exams through the package, or as the host of the store does it."""
        first = self._uploads.setdefault(
            batch, UploadBatch(id=batch, uploader=self.users[0], received_at=START)
        )
        arriving = attrs.evolve(first, sealed=sealed)
        if upload is None:
            self.sharing.add_upload(arriving, exams)
        else:
            upload(self.ports.store, arriving, exams)

    def deliver(self, unreachable: frozenset[UserId]) -> tuple[ShareNotice, ...]:
        """Deliver the waiting notices, and return what was sent."""
        self.notifier.unreachable = unreachable
        self.notifier.sent.clear()
        self.sharing.admin.deliver_notices()
        return tuple(self.notifier.sent)

    def wait(self, moment: datetime) -> None:
        """Let time pass until then."""
        self.world.set_time(max(self.now, moment))
        self.add_line("Time passes.")

    def expiries(self) -> list[datetime]:
        """Return the times at which something will expire, soonest first."""
        ends = {grant.until for grant in self.world.grants.values() if grant.until is not None}
        return sorted(end for end in ends if end > self.now)
