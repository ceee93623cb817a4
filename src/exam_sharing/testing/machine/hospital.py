"""One small hospital, kept twice: by the package over the store, and by the model."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from itertools import count
from typing import Any, Final, TypeAlias

import attrs
from typing_extensions import override

from exam_sharing.events import ShareNotice
from exam_sharing.exams import Exam, UploadBatch
from exam_sharing.identifiers import BatchId, ExamId, GrantId, GroupId, PrincipalId, UserId
from exam_sharing.memory import MemoryDirectory, MemoryNotifier
from exam_sharing.policy.requests import Request, RevokeRequest
from exam_sharing.policy.retries import Retries
from exam_sharing.policy.settings import Policy
from exam_sharing.principals import Group, User
from exam_sharing.sharing import Sharing
from exam_sharing.testing import model
from exam_sharing.testing.machine.kept import Kept
from exam_sharing.testing.machine.recording import Recorder
from exam_sharing.testing.machine.words import START, Words, clock_time, told_policy
from exam_sharing.testing.opening import StorePorts, Upload

__all__ = [
    "EXAMS",
    "GROUPS",
    "STRANGER",
    "USERS",
    "Hide",
    "Hospital",
    "Post",
    "Sweep",
    "Transfer",
]

USERS: Final = tuple(map(UserId, ("Alice", "Bob", "Carol", "Dave", "Erin", "Frank")))
STRANGER: Final = UserId("Stranger")
"""A user whom no directory knows."""
GROUPS: Final = tuple(map(GroupId, ("Radiology", "Surgery", "Alice")))
"""The last one has the id of a user, who is somebody else."""
NAMES: Final[Mapping[PrincipalId, str]] = dict(
    zip(
        (*USERS, *GROUPS),
        (
            "Alice Marín",
            "Bob Ålander",
            "Carol Alison Reyes",
            "dave ALAMI",
            "Erin Smith-Alba",
            "Alan Frank",
            "Team of Radiology",
            "Surgery",
            "Álice's team",
        ),
        strict=True,
    )
)
"""By which people find them; a story tells ids."""
EXAMS: Final = tuple(map(ExamId, ("CT", "MR", "X-ray", "ultrasound", "PET", "mammogram")))

AT_EVERY_DELIVERY: Final = Retries(at_once=1_000_000, limit=None)
"""A notice that failed is tried at every delivery, however often: waits are another test's."""


Transfer: TypeAlias = Callable[[Any, ExamId, UserId, datetime], None]
Sweep: TypeAlias = Callable[[Any, datetime], object]
Hide: TypeAlias = Callable[[Any, ExamId, bool], object]


class Post(MemoryNotifier):
    """Sends notices to everybody except those who cannot be reached.

    Attributes:
        unreachable: for whom sending fails.
    """

    def __init__(self) -> None:
        """Reach everybody."""
        super().__init__()
        self.unreachable: frozenset[UserId] = frozenset()

    @override
    def send(self, notice: ShareNotice) -> None:
        if notice.to in self.unreachable:
            raise ConnectionError
        super().send(notice)


class Hospital:
    """Users, groups, exams and a clock, with a `Sharing` over a store beside the model.

    Args:
        ports: of the store.
        policy: of both.
        users: how many users there are.
        hidden: which principals an actor does not see in the directory.
        hidden_members: of which groups an actor does not see the members.

    Attributes:
        now: what the clock tells.
        story: what has happened, a line each.
        kept: what the store and the model keep of the exams.
        recorder: what the package hands to the store to be recorded.
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
        """Begin without groups and exams, with everybody active."""
        self.ports = ports
        self.policy: Policy = attrs.evolve(policy, retries=AT_EVERY_DELIVERY)
        self.users: tuple[UserId, ...] = USERS[:users]
        self.hidden: frozenset[tuple[UserId, PrincipalId]] = hidden
        self.hidden_members: frozenset[tuple[UserId, GroupId]] = hidden_members
        self.now: datetime = START
        self.story: list[str] = []
        self.post: Post = Post()
        self.directory: MemoryDirectory = MemoryDirectory(
            visible=lambda actor, principal: (actor, principal) not in hidden,
            members_visible=lambda actor, group: (actor, group) not in hidden_members,
        )
        self.world: model.World = model.World(
            settings=_settings(policy),
            visible=lambda actor, principal: (actor, principal) not in hidden,
            members_visible=lambda actor, group: (actor, group) not in hidden_members,
        )
        self.words: Words = Words(self.world)
        self.kept: Kept = Kept(ports, self.world)
        self.recorder: Recorder = Recorder(ports.writer, ports.audit)
        self._acts = count(1)
        self._uploads: dict[BatchId, UploadBatch] = {}
        self.sharing: Sharing = self._open()
        for user in self.users:
            self._know(user, model.Account())
        self._begin()

    def _open(self) -> Sharing:
        recorded = attrs.evolve(self.ports, writer=self.recorder, audit=self.recorder)
        return Sharing(
            policy=self.policy,
            ports=recorded.with_people(self.directory, notifier=self.post),
            clock=lambda: self.now,
            new_id=lambda: f"act{next(self._acts)}",
            sends_at_once=False,
        )

    def _begin(self) -> None:
        self.tell(f"{self.words.value(self.users)} use the portal.")
        changed = told_policy(self.policy)
        if changed:
            self.tell(f"The policy: {changed}.")
        for actor, principal in sorted(self.hidden, key=str):
            self.tell(f"{actor} does not see {self.words.value(principal)} in the directory.")
        for actor, group in sorted(self.hidden_members, key=str):
            self.tell(f"{actor} does not see who is in {self.words.value(group)}.")

    def tell(self, sentence: str) -> None:
        """Add a line to the story."""
        self.story.append(f"{clock_time(self.now)}  {sentence}")

    @property
    def principals(self) -> tuple[PrincipalId, ...]:
        """Everybody whom the directory knows."""
        return (*self.users, *self.world.groups)

    @property
    def exams(self) -> tuple[ExamId, ...]:
        """The exams that have arrived, withdrawn and hidden ones among them."""
        return tuple(self.world.exams)

    def turn_notices(self, *, on: bool) -> None:
        """Let the deployment open its sharing anew, with notices of shares or without."""
        self.tell(f"From now on {'notices' if on else 'no notices'} of shares are sent.")
        self.policy = attrs.evolve(self.policy, sends_notices=on)
        self.world.settle(_settings(self.policy))
        self.sharing = self._open()

    def say_of_user(self, user: UserId, account: model.Account) -> None:
        """Say anew what is known of a user."""
        said = [
            "is active" if account.active else "is not active",
            "has sharing in the plan" if account.sharing_in_plan else "has no sharing in the plan",
            "wants notices" if account.notices else "wants no notices",
        ]
        self.tell(f"{user} {said[0]}, {said[1]} and {said[2]}.")
        self._know(user, account)

    def _know(self, user: UserId, account: model.Account) -> None:
        name, address = NAMES[user], f"{user}@clinic.example"
        self.directory.add(
            User(id=user, name=name, email=address, active=account.active),
            sharing_in_plan=account.sharing_in_plan,
            notices=account.notices,
        )
        self.world.add_user(
            user,
            active=account.active,
            sharing_in_plan=account.sharing_in_plan,
            notices=account.notices,
            name=name,
            address=address,
        )

    def say_of_group(self, group: GroupId, members: Iterable[PrincipalId]) -> None:
        """Say who is in a group, leaving out what would make it hold itself."""
        world = self.world
        fit = frozenset(
            each
            for each in members
            if isinstance(each, UserId)
            or (each in world.groups and each != group and group not in model.behind(world, each))
        )
        self.tell(f"In {self.words.value(group)}: {self.words.value(fit) if fit else 'nobody'}.")
        self.directory.add(Group(id=group, name=NAMES[group], members=fit))
        world.add_group(group, fit, name=NAMES[group])

    def upload(
        self, batch: BatchId, exams: tuple[Exam, ...], *, sealed: bool, upload: Upload | None
    ) -> None:
        """Let exams arrive by the package, or as the host of the store lets them."""
        first = self._uploads.setdefault(
            batch, UploadBatch(id=batch, uploader=self.users[0], received_at=START)
        )
        arriving = attrs.evolve(first, sealed=sealed)
        if upload is None:
            self.sharing.add_upload(arriving, exams)
        else:
            upload(self.ports.store, arriving, exams)

    def as_in_model(self, request: Request) -> Request:
        """Return the request as it is put to the model, which has ids of grants of its own."""
        if not isinstance(request, RevokeRequest):
            return request
        number = self.kept.numbers.get(request.grant)
        return request if number is None else attrs.evolve(request, grant=GrantId(str(number)))

    def was_answered(self, request: Request) -> bool:
        """Say whether the actor has had a receipt under the request's id."""
        return (request.actor, request.request_id) in self.world.receipts

    def deliver(self, unreachable: frozenset[UserId]) -> tuple[ShareNotice, ...]:
        """Deliver the notices that wait, except to those, and return what was sent."""
        self.post.unreachable = unreachable
        self.post.sent.clear()
        self.sharing.admin.deliver_notices()
        return tuple(self.post.sent)

    def wait(self, moment: datetime) -> None:
        """Let time pass until then."""
        self.now = max(self.now, moment)
        self.tell("Time has passed.")

    def boundaries(self) -> list[datetime]:
        """Return when something expires that has not yet, soonest first."""
        ends = {grant.until for grant in self.world.grants.values() if grant.until is not None}
        return sorted(end for end in ends if end > self.now)


def _settings(policy: Policy) -> model.Settings:
    return model.Settings(
        attestation_wording=policy.attestation_wording,
        max_recipients=policy.max_recipients,
        max_exams=policy.max_exams,
        max_people=policy.max_people,
        max_duration=policy.max_duration,
        message_limit=policy.message_limit,
        reshares=policy.reshares,
        only_owner_readmits=policy.only_owner_readmits,
        batches_across_subjects=policy.batches_across_subjects,
        access_list=policy.access_list.value,
        sends_notices=policy.sends_notices,
        suggestion_min_length=policy.suggestion_min_length,
        suggestion_limit=policy.suggestion_limit,
        whole_names_only=policy.whole_names_only,
    )
