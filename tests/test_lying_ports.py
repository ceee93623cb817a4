"""Ports that answer wrongly, are wrapped or replaced, or change between two questions of an act."""

from functools import wraps

import pytest

from exam_sharing import GrantId, ReasonCode, RevokeRequest, StoreFailed, UnshareRequest, User
from exam_sharing.memory import MemoryDirectory, MemoryStore, open_sharing
from exam_sharing.policy.facts import Profile
from sample_values import LyingSet
from world import ANNA, BEN, CARLA, CT, VIEW, World, codes, refusal, share_request


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
