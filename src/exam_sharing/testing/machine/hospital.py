"""One small hospital, kept twice: by the package over the store, and by the model."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from itertools import count
from typing import Any, Final, TypeAlias

import attrs
from typing_extensions import override

from exam_sharing.events import ShareNotice
from exam_sharing.exams import Exam, UploadBatch
from exam_sharing.grants import OWNER, EndedGrant, Grant
from exam_sharing.identifiers import BatchId, ExamId, GrantId, GroupId, PrincipalId, UserId
from exam_sharing.memory import MemoryDirectory, MemoryNotifier
from exam_sharing.policy.facts import ExamGrants
from exam_sharing.policy.plans import ShareReceipt, UnshareReceipt
from exam_sharing.policy.requests import (
    NarrowRequest,
    Request,
    RevokeRequest,
    ShareRequest,
    UnshareRequest,
)
from exam_sharing.policy.retries import Retries
from exam_sharing.policy.settings import Policy
from exam_sharing.principals import Group, User
from exam_sharing.sharing import Sharing
from exam_sharing.testing import model
from exam_sharing.testing.machine.words import START, GrantNumber, Words, clock_time, told_policy
from exam_sharing.testing.opening import StorePorts

__all__ = ["EXAMS", "GROUPS", "USERS", "Hospital", "Post", "Transfer", "Upload"]

USERS: Final = tuple(map(UserId, ("Alice", "Bob", "Carol", "Dave", "Erin", "Frank")))
GROUPS: Final = tuple(map(GroupId, ("Radiology", "Surgery", "Alice")))
"""The last one has the id of a user, who is somebody else."""
EXAMS: Final = tuple(map(ExamId, ("CT", "MR", "X-ray", "ultrasound", "PET", "mammogram")))

AT_EVERY_DELIVERY: Final = Retries(at_once=1_000_000, limit=None)
"""A notice that failed is tried at every delivery, however often: waits are another test's."""


Upload: TypeAlias = Callable[[Any, UploadBatch, tuple[Exam, ...]], None]
Transfer: TypeAlias = Callable[[Any, ExamId, UserId, datetime], None]


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
        numbers: the model's number of each grant of the store.
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
        self.numbers: dict[GrantId, int] = {}
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
        self._acts = count(1)
        self._kept: dict[ExamId, tuple[Exam | None, ExamGrants]] = {}
        self._expected: dict[ExamId, tuple[Exam, int]] = {}
        self._uploads: dict[BatchId, UploadBatch] = {}
        self.sharing: Sharing = Sharing(
            policy=self.policy,
            ports=ports.with_people(self.directory, notifier=self.post),
            clock=lambda: self.now,
            new_id=lambda: f"act{next(self._acts)}",
            sends_at_once=False,
        )
        for user in self.users:
            self._know(user, model.Account())
        self._begin()

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
        """The exams that have arrived, withdrawn ones among them."""
        return tuple(self.world.exams)

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
        self.directory.add(
            User(id=user, name=str(user), active=account.active),
            sharing_in_plan=account.sharing_in_plan,
            notices=account.notices,
        )
        self.world.add_user(
            user,
            active=account.active,
            sharing_in_plan=account.sharing_in_plan,
            notices=account.notices,
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
        self.tell(f"In {self.words.value(group)}: {self.words.value(fit)}.")
        self.directory.add(Group(id=group, name=f"the group {group}", members=fit))
        world.add_group(group, fit)

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

    def do(self, request: Request) -> ShareReceipt | UnshareReceipt:
        """Do by the package what somebody asks for."""
        match request:
            case ShareRequest():
                return self.sharing.share(request)
            case UnshareRequest():
                return self.sharing.unshare(request)
            case NarrowRequest():
                return self.sharing.narrow(request)
            case RevokeRequest():
                return self.sharing.revoke(
                    actor=request.actor, grant=request.grant, reshares=request.reshares
                )

    def as_in_model(self, request: Request) -> Request:
        """Return the request as it is put to the model, which has ids of grants of its own."""
        if not isinstance(request, RevokeRequest):
            return request
        number = self.numbers.get(request.grant)
        return request if number is None else attrs.evolve(request, grant=GrantId(str(number)))

    def deliver(self, unreachable: frozenset[UserId]) -> tuple[ShareNotice, ...]:
        """Deliver the notices that wait, except to those, and return what was sent."""
        self.post.unreachable = unreachable
        self.post.sent.clear()
        self.sharing.deliver_notices()
        return tuple(self.post.sent)

    def wait(self, moment: datetime) -> None:
        """Let time pass until then."""
        self.now = max(self.now, moment)
        self.tell("Time has passed.")

    def boundaries(self) -> list[datetime]:
        """Return when something expires that has not yet, soonest first."""
        ends = {grant.until for grant in self.world.grants.values() if grant.until is not None}
        return sorted(end for end in ends if end > self.now)

    def changed(self) -> frozenset[ExamId]:
        """Return the exams of which the store or the model keeps something else than before.

        Grants that are new since then are matched with those of the model that say the same.
        """
        exams = self.exams
        read = self.ports.grants.read(exams, ended=True)
        found = {exam.id: exam for exam in self.ports.exams.find(exams)}
        world = self.world
        kept = {exam: (found.get(exam), read[exam]) for exam in exams}
        expected = {exam: (world.exams[exam], world.versions.get(exam, 0)) for exam in exams}
        changed = frozenset(
            exam
            for exam in exams
            if kept[exam] != self._kept.get(exam) or expected[exam] != self._expected.get(exam)
        )
        self._kept, self._expected = kept, expected
        for exam in changed:
            self._match(exam, read[exam])
        return changed

    def _match(self, exam: ExamId, sharing: ExamGrants) -> None:
        """Give each new grant the number of one in the model: of the same words and the same past.

        Two grants may say the same when two others were narrowed to one bound; they then differ in
        what they replaced.
        """
        grants = [*sharing.grants, *(past.grant for past in sharing.ended)]
        new = [grant for grant in grants if grant.id not in self.numbers]
        if not new:
            return
        replaced = {
            new_id: self.numbers.get(past.grant.id)
            for past in sharing.ended
            for new_id in past.ending.replaced_by
        }
        taken = set(self.numbers.values())
        free: dict[object, list[int]] = {}
        for number, expected in self.world.grants.items():
            if expected.exam == exam and number not in taken:
                origin = self._replaced_in_model(number)
                free.setdefault((_content(expected), origin), []).append(number)
        for grant in new:
            same = free.get((_content(grant), replaced.get(grant.id)))
            if same:
                self.numbers[grant.id] = same.pop(0)

    def _replaced_in_model(self, number: int) -> int | None:
        endings = self.world.endings.items()
        return next((old for old, ending in endings if number in ending.replaced_by), None)

    def number(self, grant: Grant) -> object:
        """Return the model's number of a grant, or what it says where the model has none such."""
        number = self.numbers.get(grant.id)
        if number is None or self._says(grant) != _says_in_model(self.world.grants[number]):
            until = f" until {clock_time(grant.until)}" if grant.until else ""
            return (
                f"a grant of {grant.exam} by {grant.grantor} to "
                f"{self.words.value(grant.recipient)}: {grant.permission.name}{until}, "
                f"of version {grant.version}, that should not be"
            )
        return GrantNumber(number)

    def _says(self, grant: Grant) -> tuple[object, ...]:
        if grant.basis is OWNER:
            return _content(grant), "OWNER"
        return _content(grant), frozenset(self.numbers.get(each) for each in grant.basis)

    def kept(self, exam: ExamId) -> Mapping[str, object]:
        """Return what the store keeps of an exam."""
        found, sharing = self._kept[exam]
        return {
            "owner": found.owner if found is not None and not sharing.withdrawn else "nobody",
            "version": f"{sharing.version}",
            "standing or expired": frozenset(map(self.number, sharing.grants)),
            "ended": {self.number(past.grant): self._ending(past) for past in sharing.ended},
        }

    def _ending(self, past: EndedGrant) -> tuple[object, ...]:
        ending = past.ending
        replaced_by = frozenset(self.numbers.get(each) for each in ending.replaced_by)
        return ending.how.value, f"version {ending.version}", _grants(replaced_by)

    def kept_in_model(self, exam: ExamId) -> Mapping[str, object]:
        """Return what the model keeps of an exam."""
        world = self.world
        numbers = frozenset(n for n, grant in world.grants.items() if grant.exam == exam)
        return {
            "owner": "nobody" if exam in world.withdrawn else world.exams[exam].owner,
            "version": f"{world.versions.get(exam, 0)}",
            "standing or expired": _grants(numbers - world.endings.keys()),
            "ended": {
                GrantNumber(number): _ending_in_model(world.endings[number])
                for number in numbers & world.endings.keys()
            },
        }


def _ending_in_model(ending: model.Ending) -> tuple[object, ...]:
    return ending.how.value, f"version {ending.version}", _grants(ending.replaced_by)


def _grants(numbers: Iterable[int | None]) -> frozenset[object]:
    return frozenset(
        "a grant that should not be" if number is None else GrantNumber(number)
        for number in numbers
    )


def _content(grant: Grant | model.Grant) -> tuple[object, ...]:
    """Return what a grant says by itself, apart from those that it rests on."""
    return (
        grant.exam,
        grant.grantor,
        grant.recipient,
        grant.permission,
        grant.until,
        grant.version,
    )


def _says_in_model(grant: model.Grant) -> tuple[object, ...]:
    return _content(grant), grant.basis


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
    )
