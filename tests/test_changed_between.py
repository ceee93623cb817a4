"""What changes between two questions of one act is seen by the second."""

import pytest

from exam_sharing import ReasonCode, UnshareRequest
from exam_sharing.memory import MemoryStore
from world import ANNA, BEN, CARLA, CT, World, codes, refusal


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
