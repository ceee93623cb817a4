"""Ports that answer wrongly, are wrapped or replaced, or change between two questions of an act."""

from functools import wraps

import attrs
import pytest

from exam_sharing import (
    GrantId,
    InvalidArgument,
    Policy,
    ReasonCode,
    RevokeRequest,
    Sharing,
    StoreFailed,
    UnshareRequest,
    User,
    WrongKind,
)
from exam_sharing.memory import MemoryDirectory, MemoryStore, memory_ports, open_sharing
from exam_sharing.policy.facts import Profile
from sample_values import LyingSet
from world import ANNA, BEN, CARLA, CT, START, VIEW, World, codes, refusal, share_request

PORTS = memory_ports(directory=MemoryDirectory())


class ChangedBetween(MemoryStore):
    """Lets something happen once it has said whether the exam may be seen."""

    happens = None

    def involved(self, *asked):
        return self._said(super().involved(*asked))

    def holds(self, *asked):
        return self._said(super().holds(*asked))

    def _said(self, answer):
        happens, self.happens = self.happens, None
        if happens is not None:
            happens()
        return answer


@pytest.fixture
def world():
    world = World(store=ChangedBetween())
    world.share(ANNA, CT, BEN)
    return world


def withdrawn(world):
    world.sharing.admin.withdraw(CT, performed_by="host", why="wrong patient")


def unshared(world):
    world.sharing.unshare(UnshareRequest(actor=ANNA, exam=CT, recipient=BEN))


@pytest.mark.parametrize("happens", [withdrawn, unshared])
def test_an_exam_that_goes_after_the_first_question_is_not_found(world, happens):
    world.store.happens = lambda: happens(world)
    request = UnshareRequest(actor=BEN, exam=CT, recipient=CARLA)
    reasons = refusal(world.sharing.unshare, request)
    assert codes(reasons) == [ReasonCode.EXAM_NOT_FOUND]


@pytest.mark.parametrize("happens", [withdrawn, unshared])
def test_nobody_is_suggested_for_an_exam_that_disappears(world, happens):
    assert world.sharing.suggest(BEN, CT, "car")
    world.store.happens = lambda: happens(world)
    assert world.sharing.suggest(BEN, CT, "car") == ()


class MyProfile(Profile):
    pass


OF_BEN = MyProfile(user=BEN, active=True, principals=frozenset({"u:ben"}))
WRONG = {
    "principals_of": [None, ["u:ben"], {"u:ben"}, LyingSet({"u:anna"}), "u:anna", 7],
    "profiles": [None, {}, {BEN: None}, {BEN: OF_BEN}, {BEN: Profile.unknown(CARLA)}, [], 7],
}
QUERIES = {
    "principals_of": [
        lambda s: s.can(BEN, VIEW, CT),
        lambda s: s.viewer(BEN),
        lambda s: s.can_many(BEN, VIEW, [CT]),
        lambda s: s.visible_to(BEN),
        lambda s: s.admin.explain(BEN, VIEW, CT),
    ],
    "profiles": [
        lambda s: s.tabs(BEN, CT),
        lambda s: s.share_form(BEN, CT),
        lambda s: s.share_page(BEN, CT),
        lambda s: s.share(share_request(BEN, CT, CARLA)),
        lambda s: s.unshare(UnshareRequest(actor=BEN, exam=CT, recipient=BEN)),
        lambda s: s.revoke(RevokeRequest(actor=BEN, grant=GrantId("act1-1"))),
    ],
}


@pytest.mark.parametrize(
    ("method", "answer"), [(method, answer) for method in WRONG for answer in WRONG[method]]
)
def test_a_wrong_answer_is_a_failure_of_the_directory(method, answer):
    world = World()
    world.share(ANNA, CT, BEN)
    object.__setattr__(world.directory, method, lambda *_: answer)
    sharing = open_sharing(directory=world.directory, store=world.store, clock=world.clock)
    for query in QUERIES[method]:
        with pytest.raises(StoreFailed):
            query(sharing)


class Locking(MemoryDirectory):
    """Lets nobody in who is locked out, in a method made as wrappers are made."""

    def __init__(self):
        super().__init__()
        self.locked_out = set()

    @wraps(MemoryDirectory.principals_of)
    def principals_of(self, user):
        return frozenset() if user in self.locked_out else super().principals_of(user)


def test_a_check_queries_a_directory_that_wraps_ours():
    world, directory = World(), Locking()
    world.share(ANNA, CT, BEN)
    directory.add(User(id=BEN, name="Ben"))
    sharing = open_sharing(directory=directory, store=world.store, clock=world.clock)
    assert sharing.can(BEN, VIEW, CT)
    directory.locked_out.add(BEN)
    assert not sharing.can(BEN, VIEW, CT)


def test_a_check_reads_the_cache_of_the_given_method():
    world, one, other = World(), MemoryDirectory(), MemoryDirectory()
    world.share(ANNA, CT, BEN)
    for directory in (one, other):
        directory.add(User(id=BEN, name="Ben"))
        directory.principals_of(BEN)
    one.principals_of = other.principals_of
    sharing = open_sharing(directory=one, store=world.store, clock=world.clock)
    assert sharing.can(BEN, VIEW, CT)
    other.remove(BEN)
    assert not sharing.can(BEN, VIEW, CT)


class LockingStore(MemoryStore):
    """Denies everything to whoever is locked out."""

    locked_out = frozenset()

    def holds(self, user, *asked):
        return user not in self.locked_out and super().holds(user, *asked)


def test_a_check_asks_a_store_that_changes_the_check_of_ours():
    world = World(store=LockingStore())
    world.share(ANNA, CT, BEN)
    assert world.can_view(BEN, CT)
    world.store.locked_out = {BEN}
    assert not world.can_view(BEN, CT)


@pytest.mark.parametrize(
    ("wrong", "error", "problem"),
    [
        ({"policy": None}, WrongKind, "policy must be Policy"),
        ({"ports": None}, WrongKind, "ports must be Ports"),
        ({"clock": START}, InvalidArgument, "clock must be"),
        ({"new_id": "id"}, InvalidArgument, "new_id must be"),
        ({"after_commit": None}, InvalidArgument, "after_commit must be"),
        ({"reading": {}}, InvalidArgument, "reading must have every method"),
        *(
            ({"ports": attrs.evolve(PORTS, **{port: {}})}, InvalidArgument, f"{port} must have")
            for port in attrs.asdict(PORTS, recurse=False)
        ),
        ({"ports": attrs.evolve(PORTS, exams=None)}, InvalidArgument, "exams must have"),
    ],
)
def test_what_a_host_supplies_is_checked_on_opening_and_named(wrong, error, problem):
    fitting = {"policy": Policy(), "ports": PORTS, "clock": lambda: START, "new_id": lambda: "id"}
    with pytest.raises(error, match=f"^{problem}"):
        Sharing(**fitting | {"sends_at_once": False} | wrong)
