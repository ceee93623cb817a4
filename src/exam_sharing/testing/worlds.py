"""A small world for tests: a `Sharing` in memory, its people, its exams, and a clock.

Its people and exams are those of all examples. Nothing here needs pytest or Hypothesis.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import count
from typing import Final, assert_never

import attrs

import exam_sharing as es
from exam_sharing.memory import MemoryDirectory, MemoryNotifier, MemoryStore, open_sharing
from exam_sharing.policy import requests
from exam_sharing.policy.access import in_order
from exam_sharing.testing.edges import START
from exam_sharing.testing.explaining import Answer, explained

__all__ = ["EXAMS", "GROUPS", "USERS", "FrozenClock", "World", "empty_world", "perform"]
__all__ += ["ready_world"]

ANNA: Final = es.UserId("anna")
BEN: Final = es.UserId("ben")
CARLA: Final = es.UserId("carla")
DAN: Final = es.UserId("dan")
EVA: Final = es.UserId("eva")
NURSES: Final = es.GroupId("nurses")
CLINIC: Final = es.GroupId("clinic")
CD: Final = es.BatchId("cd")
CT: Final = es.ExamId("ct")
MR: Final = es.ExamId("mr")
XRAY: Final = es.ExamId("xray")
VIEW: Final = es.Permission.VIEW
DOWNLOAD: Final = es.Permission.DOWNLOAD

USERS: Final[Mapping[es.UserId, str]] = {
    ANNA: "Anna Lindqvist",
    BEN: "Ben Okoye",
    CARLA: "Carla Reyes",
    DAN: "Dan Ng",
    EVA: "Éva Nagy",
}
"""The users of the example world, with their names; the first one owns the exams."""

GROUPS: Final[Mapping[es.GroupId, tuple[str, tuple[es.PrincipalId, ...]]]] = {
    NURSES: ("Night nurses", (DAN, EVA)),
    CLINIC: ("Clinic", (CARLA, NURSES)),
}
"""The groups of the example world, with their names and members."""

EXAMS: Final[Mapping[es.ExamId, timedelta]] = {
    CT: timedelta(minutes=30),
    MR: timedelta(minutes=40),
    XRAY: timedelta(minutes=50),
}
"""The exams on the CD of the example world, with their ages."""


class FrozenClock:
    """A clock that stands still until the test moves it, or sets `now`, an aware time."""

    def __init__(self, now: datetime = START) -> None:
        self.now: datetime = now

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now

    def __repr__(self) -> str:
        return f"FrozenClock({self.now.isoformat()})"

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        self.now += by


@attrs.frozen(kw_only=True)
class World:
    """A `Sharing` in memory, with its parts and its past.

    Attributes:
        story: everything that has happened so far, in words. A failing property shows it first.
        notifier: keeps the notices that were sent.
        users: the first one owns exams.
        acts: the requests so far, including refused ones.
    """

    story: tuple[str, ...] = ()
    sharing: es.Sharing = attrs.field(repr=False)
    directory: MemoryDirectory = attrs.field(repr=False)
    notifier: MemoryNotifier = attrs.field(repr=False)
    clock: FrozenClock
    store: MemoryStore = attrs.field(repr=False)
    users: tuple[es.UserId, ...] = ()
    groups: tuple[es.GroupId, ...] = ()
    exams: tuple[es.ExamId, ...] = ()
    acts: tuple[requests.Request, ...] = attrs.field(default=(), repr=False)

    @property
    def principals(self) -> tuple[es.PrincipalId, ...]:
        """The users, then the groups."""
        return (*self.users, *self.groups)

    def standing(self, exam: es.ExamId) -> tuple[es.Grant, ...]:
        """Return the grants that stand on an exam now, in the order of their making."""
        kept = self.store.read((exam,), ended=False)[exam].grants
        found = (grant for grant in kept if not grant.expired(self.clock.now))
        return tuple(in_order(found))

    def explained(self, user: es.UserId, permission: es.Permission, exam: es.ExamId) -> Answer:
        """Return whether the user holds the permission, with a `repr` that explains it."""
        return explained(self.sharing, user, permission, exam)


def empty_world(
    *,
    policy: es.Policy | None = None,
    clock: FrozenClock | None = None,
    notifier: MemoryNotifier | None = None,
) -> World:
    """Return a world without people and exams, whose acts have the ids act1, act2 and so on.

    The clock stands at noon by default.
    """
    time = FrozenClock() if clock is None else clock
    directory, store, numbers = MemoryDirectory(), MemoryStore(), count(1)
    outlet = MemoryNotifier() if notifier is None else notifier
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
    policy: es.Policy | None = None,
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
        world.directory.add(es.User(id=user, name=name, email=f"{user}@example.org"))
    for group, (name, members) in GROUPS.items():
        world.directory.add(es.Group(id=group, name=name, members=frozenset(members)))
    now = world.clock.now
    world.sharing.add_upload(
        es.UploadBatch(id=CD, uploader=ANNA, source="CD", received_at=now),
        [
            es.Exam(id=exam, owner=ANNA, batch=CD, uploaded_at=now - age, subject="P-1")
            for exam, age in EXAMS.items()
        ],
    )
    return attrs.evolve(world, users=tuple(USERS), groups=tuple(GROUPS), exams=tuple(EXAMS))


def perform(sharing: es.Sharing, request: requests.Request) -> es.ShareReceipt | es.UnshareReceipt:
    """Perform a request by the method for it."""
    match request:
        case requests.ShareRequest():
            return sharing.share(request)
        case requests.UnshareRequest():
            return sharing.unshare(request)
        case requests.NarrowRequest():
            return sharing.narrow(request)
        case requests.RevokeRequest():
            return sharing.revoke(request)
        case other:
            assert_never(other)
