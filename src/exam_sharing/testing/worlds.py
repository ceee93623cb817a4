"""A whole small world to test in: a `Sharing` in memory, its people, its exams, and a clock.

Nothing here needs pytest or Hypothesis.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import count
from typing import Final

import attrs

from exam_sharing.directories import everybody
from exam_sharing.exams import Exam, UploadBatch
from exam_sharing.grants import Grant, Permission
from exam_sharing.identifiers import BatchId, ExamId, GroupId, PrincipalId, UserId
from exam_sharing.memory import MemoryDirectory, MemoryNotifier, MemoryStore, open_sharing
from exam_sharing.policy.access import in_order
from exam_sharing.policy.requests import Request
from exam_sharing.policy.settings import Policy
from exam_sharing.principals import Group, User
from exam_sharing.sharing import Sharing
from exam_sharing.testing.explaining import Answer, explained
from exam_sharing.testing.moments import START

__all__ = ["EXAMS", "GROUPS", "USERS", "FrozenClock", "World", "empty_world", "ready_world"]

USERS: Final[Mapping[UserId, str]] = {
    UserId("anna"): "Anna Lindqvist",
    UserId("ben"): "Ben Okoye",
    UserId("carla"): "Carla Reyes",
    UserId("dan"): "Dan Ng",
    UserId("eva"): "Éva Nagy",
}
"""The users of the example world, with their names; the first one owns the exams."""

GROUPS: Final[Mapping[GroupId, tuple[str, tuple[PrincipalId, ...]]]] = {
    GroupId("nurses"): ("Night nurses", (UserId("dan"), UserId("eva"))),
    GroupId("clinic"): ("Clinic", (UserId("carla"), GroupId("nurses"))),
}
"""The groups of the example world, with their names and members."""

EXAMS: Final[Mapping[ExamId, timedelta]] = {
    ExamId("ct"): timedelta(minutes=30),
    ExamId("mr"): timedelta(minutes=40),
    ExamId("xray"): timedelta(minutes=50),
}
"""The exams on the CD of the example world, with their ages."""


class FrozenClock:
    """Tells the time that the test set.

    Attributes:
        now: what it tells, aware; set it as you please.
    """

    def __init__(self, now: datetime = START) -> None:
        """Stand still at a time; by default noon of the first day of 2030, in UTC."""
        self.now: datetime = now

    def __call__(self) -> datetime:
        """Tell the time."""
        return self.now

    def __repr__(self) -> str:
        """Say what it tells."""
        return f"FrozenClock({self.now.isoformat()})"

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        self.now += by


@attrs.frozen(kw_only=True)
class World:
    """A `Sharing` in memory, with what it was made of and what has happened in it.

    Attributes:
        sharing: ask it, and act on it.
        directory: its users and groups.
        notifier: keeps the notices that were sent.
        clock: tells its time.
        store: its exams and grants.
        users: who can act in it; the first one owns exams.
        groups: whom else exams can be shared with.
        exams: what has been uploaded.
        acts: what has been asked for in it until now, whether or not it was granted.
        story: all that has happened in it until now, in words; where it was drawn, a failing
            property shows it.
    """

    sharing: Sharing = attrs.field(repr=False)
    directory: MemoryDirectory = attrs.field(repr=False)
    notifier: MemoryNotifier = attrs.field(repr=False)
    clock: FrozenClock
    store: MemoryStore = attrs.field(repr=False)
    users: tuple[UserId, ...] = ()
    groups: tuple[GroupId, ...] = ()
    exams: tuple[ExamId, ...] = ()
    acts: tuple[Request, ...] = attrs.field(default=(), repr=False)
    story: tuple[str, ...] = ()

    @property
    def principals(self) -> tuple[PrincipalId, ...]:
        """Its users, then its groups."""
        return (*self.users, *self.groups)

    def standing(self, exam: ExamId) -> tuple[Grant, ...]:
        """Return the grants that stand on an exam now, in the order in which they were made."""
        kept = self.store.read((exam,), ended=False)[exam].grants
        found = (grant for grant in kept if not grant.expired(self.clock.now))
        return tuple(in_order(found))

    def explained(self, user: UserId, permission: Permission, exam: ExamId) -> Answer:
        """Return whether the user holds the permission: a truth whose `repr` says why."""
        return explained(self.sharing, user, permission, exam)


def empty_world(
    *,
    policy: Policy | None = None,
    clock: FrozenClock | None = None,
    notifier: MemoryNotifier | None = None,
    visible: Callable[[UserId, PrincipalId], bool] = everybody,
    members_visible: Callable[[UserId, GroupId], bool] = everybody,
) -> World:
    """Return a world without people and exams; its acts have the ids act1, act2 and so on.

    Args:
        policy: by default `Policy()`.
        clock: by default one at noon.
        notifier: by default one that keeps what it is given.
        visible: as for `MemoryDirectory`.
        members_visible: as for `MemoryDirectory`.
    """
    time = FrozenClock() if clock is None else clock
    directory = MemoryDirectory(visible=visible, members_visible=members_visible)
    outlet = MemoryNotifier() if notifier is None else notifier
    store, numbers = MemoryStore(), count(1)
    sharing = open_sharing(
        policy=policy,
        directory=directory,
        notifier=outlet,
        clock=time,
        new_id=lambda: f"act{next(numbers)}",
        store=store,
    )
    return World(sharing=sharing, directory=directory, notifier=outlet, clock=time, store=store)


def ready_world(
    *,
    policy: Policy | None = None,
    clock: FrozenClock | None = None,
    notifier: MemoryNotifier | None = None,
) -> World:
    """Return the example world: five users, two groups, and a CD with three exams of Anna's.

    The users are anna, ben, carla, dan and eva. The group nurses holds dan and eva; the group
    clinic holds carla and the nurses. The exams are ct, mr and xray, the newest first; nothing has
    been shared. The arguments are those of `empty_world`. Decision cases start from it as well.
    """
    world = empty_world(policy=policy, clock=clock, notifier=notifier)
    for user, name in USERS.items():
        world.directory.add(User(id=user, name=name, email=f"{user}@example.org"))
    for group, (name, members) in GROUPS.items():
        world.directory.add(Group(id=group, name=name, members=frozenset(members)))
    now, owner, batch = world.clock.now, next(iter(USERS)), BatchId("cd")
    world.sharing.add_upload(
        UploadBatch(id=batch, uploader=owner, source="CD", received_at=now),
        [
            Exam(id=exam, owner=owner, batch=batch, uploaded_at=now - age, subject="P-1")
            for exam, age in EXAMS.items()
        ],
    )
    return attrs.evolve(world, users=tuple(USERS), groups=tuple(GROUPS), exams=tuple(EXAMS))
