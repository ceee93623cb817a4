"""A small hospital that exists twice: in the tested store or portal, and in the model."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from itertools import product
from typing import Any, Final, TypeAlias

import attrs
from typing_extensions import override

import exam_sharing as es
from exam_sharing.acts import history
from exam_sharing.documents import with_kind
from exam_sharing.events import Event
from exam_sharing.policy.past import Moment
from exam_sharing.ports import AuditTrail, Changes, GrantWriter
from exam_sharing.testing import model
from exam_sharing.testing.cases.portals import SharingPortal, plain, sharing_over
from exam_sharing.testing.cases.schema import Data
from exam_sharing.testing.edges import START
from exam_sharing.testing.laws.law import capability
from exam_sharing.testing.machine.answers import Answers
from exam_sharing.testing.machine.model_portal import ModelPortal
from exam_sharing.testing.machine.recorded import Entry
from exam_sharing.testing.opening import Hide, StorePorts, Transfer, Upload
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

Hidden: TypeAlias = frozenset[tuple[es.UserId, es.PrincipalId]]
Sweep: TypeAlias = Callable[[Any, datetime], object]


@attrs.frozen(kw_only=True)
class Capabilities:
    """What a store can do beyond its ports; see `run_sharing_machine`."""

    upload: Upload | None = capability()
    transfer: Transfer | None = capability()
    sweep: Sweep | None = capability()
    hide: Hide | None = capability()


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
        self.audit.record(event)
        self._given.append(event)

    def take(self) -> tuple[Changes | Event, ...]:
        """Return what was given since the last call."""
        given, self._given = tuple(self._given), []
        return given


def given_of(
    users: tuple[es.UserId, ...], hidden: Hidden, policy: Mapping[str, object]
) -> dict[str, Any]:
    """Return a portal with these users."""
    pairs = [[f"{actor}", with_kind(principal)] for actor, principal in sorted(hidden, key=str)]
    return {
        "now": plain(START),
        "policy": policy,
        "users": [user_fields(user, model.world.Account()) for user in users],
        "groups": [],
        "uploads": [],
        "unseen": pairs,
        "unseen_members": [pair for pair in pairs if pair[1].startswith("group:")],
        "acts": [],
    }


def user_fields(user: es.UserId, account: model.world.Account) -> Data:
    named = {"id": user.value, "name": NAMES[user], "email": f"{user}@clinic.example"}
    return {**named, **attrs.asdict(account)}


class Hospital:
    """Users, groups, exams and a clock, and a story with one line for each step.

    `do` does an act in what is tested and in the model. Of each pair in `hidden`, the actor cannot
    see the principal in the directory, and of a group not its members either.
    """

    def __init__(
        self,
        world: model.world.World,
        do: Callable[[Data], object],
        *,
        users: tuple[es.UserId, ...],
        hidden: Hidden,
    ) -> None:
        self.world = world
        self.do = do
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

    def add_line(self, sentence: str) -> None:
        self.story.append(f"{clock_time(self.now)}  {sentence}")

    @property
    def now(self) -> datetime:
        return self.world.now

    @property
    def principals(self) -> tuple[es.PrincipalId, ...]:
        return (*self.users, *self.world.groups)

    @property
    def exams(self) -> tuple[es.ExamId, ...]:
        """The exams that have arrived, including withdrawn and deleted ones."""
        return tuple(self.world.exams)

    @property
    def grants(self) -> Mapping[es.GrantId, model.world.GrantNumber]:
        """The grants that a request can name, each with its number in the model."""
        return {es.GrantId(f"{number}"): number for number in self.world.grants}

    def pairs(self) -> list[tuple[es.UserId, es.ExamId]]:
        return list(product(self.users, self.exams))

    def held(self) -> list[tuple[es.UserId, es.ExamId]]:
        """Return who has access to which exam, by the model."""
        return [each for each in self.pairs() if self.world.has_access(*each)]

    def not_found(self) -> list[tuple[es.UserId, es.ExamId]]:
        """Return pairs of a user and an exam that the user cannot find, whatever was shared."""
        pairs = [(user, exam) for exam in EXAMS if exam not in self.exams for user in self.users]
        return [*((STRANGER, exam) for exam in EXAMS), *pairs]

    def put_user(self, user: es.UserId, account: model.world.Account) -> None:
        state = [
            "active" if account.active else "inactive",
            "has sharing in the plan" if account.sharing_in_plan else "has no sharing in the plan",
            "wants notices" if account.notices else "wants no notices",
        ]
        self.add_line(f"{user} is {state[0]}, {state[1]} and {state[2]}.")
        self.do({"act": "user", **user_fields(user, account)})

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
        within = sorted(map(with_kind, fit))
        self.do({"act": "group", "id": group.value, "name": NAMES[group], "members": within})

    def wait(self, moment: datetime) -> None:
        self.world.now = max(self.now, moment)
        self.add_line("Time passes.")
        self.do({"act": "clock", "now": plain(self.now)})

    def expiries(self) -> list[datetime]:
        """Return the times at which something will expire, soonest first."""
        ends = {grant.until for grant in self.world.grants.values() if grant.until is not None}
        return sorted(end for end in ends if end > self.now)


class StoreHospital(Hospital):
    """A hospital with a `Sharing` over a store."""

    def __init__(
        self, ports: StorePorts, policy: es.Policy, *, users: tuple[es.UserId, ...], hidden: Hidden
    ) -> None:
        self.ports = ports
        self.policy: es.Policy = attrs.evolve(policy, retries=AT_EVERY_DELIVERY)
        self.past: list[tuple[model.world.World, int]] = []
        self.log: list[tuple[datetime, Entry]] = []
        self.recorder: Recorder = Recorder(ports.writer, ports.audit)
        given: Any = given_of(users, hidden, policy={})
        self._portal = SharingPortal(given, self._open)
        both = in_model, _ = ModelPortal(given), self._portal
        self.sharing: es.Sharing = self._portal.sharing
        in_model.world.policy = policy
        self.answers: Answers = Answers(in_model.world, ports, self.sharing)

        def do(act: Data) -> None:
            for each in both:
                each.do(act)

        super().__init__(in_model.world, do, users=users, hidden=hidden)

    def _open(self, **parts: Any) -> es.Sharing:  # noqa: ANN401  the parts of a portal
        self._parts = {**parts, "policy": self.policy}
        recorded = attrs.evolve(self.ports, writer=self.recorder, audit=self.recorder)
        return sharing_over(recorded, **self._parts)

    @property
    @override
    def grants(self) -> Mapping[es.GrantId, model.world.GrantNumber]:
        return self.answers.numbers

    def remember(self) -> None:
        """Keep the facts of this moment, with the number of the last change of the directory."""
        then = self.world.copy()
        # What the host has deleted for a time was there all the time.
        then.hidden = set()
        self.past.append((then, self._parts["directory"].last_change()))

    def access_at(self, exam: es.ExamId, moment: Moment) -> es.AccessAt:
        people = {name: self._parts[name] for name in ("directory", "notifier")}
        return history.access_at(self.ports.with_people(**people), exam, moment)

    def turn_notices(self, *, on: bool) -> None:
        """Open the sharing again, with notices of shares or without."""
        self.add_line(f"The deployment turns notices of shares {'on' if on else 'off'}.")
        if self.ports.accesses is not None:
            self.sharing.admin.flush_accesses()
        self.policy = attrs.evolve(self.policy, sends_notices=on)
        self.world.policy = self.policy
        self.sharing = self.answers.sharing = self._portal.sharing = self._open(**self._parts)

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
        notifier = self._parts["notifier"]
        notifier.unreachable = unreachable
        notifier.sent.clear()
        self.sharing.admin.deliver_notices()
        return tuple(notifier.sent)
