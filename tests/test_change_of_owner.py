"""A change of owner between two queries of an act is noticed. Specification: `#serial-order`."""

import pytest

from exam_sharing import Refused, Scope, Sharing, UnshareRequest
from exam_sharing.memory import memory_ports
from watching import watched
from world import ANNA, BEN, CARLA, CT, DAN, DOWNLOAD, START, VIEW, World, share_request

pytestmark = pytest.mark.every_store


def interrupted(world, at_question):
    """Return a sharing during whose act Carla becomes the owner, before the n-th question."""
    asked = 0

    def watcher(_name, put):
        nonlocal asked
        asked += 1
        if asked == at_question:
            world.store.transfer(CT, CARLA, at=START)
        return put()

    ports = memory_ports(store=world.store, directory=world.directory, notifier=world.notifier)
    return Sharing(
        policy=world.policy,
        ports=watched(ports, watcher),
        clock=world.clock,
        new_id=lambda: f"interrupted{asked}",
        sends_at_once=False,
    )


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("question", range(1, 12))
def test_no_former_owner_shares_as_the_owner_after_the_change(question, scope):
    world = World()
    try:
        interrupted(world, question).share(
            share_request(ANNA, CT, DAN, permission=DOWNLOAD, scope=scope)
        )
    except Refused:
        return
    events = [type(event).__name__ for event in world.store.events()]
    assert events != ["ExamTransferred", "ExamShared"]


@pytest.mark.parametrize("question", range(1, 12))
def test_a_former_owner_ends_no_grant_of_others(question):
    world = World()
    world.share(ANNA, CT, BEN)
    world.share(BEN, CT, DAN)
    before = len(world.store.events())
    try:
        interrupted(world, question).unshare(UnshareRequest(actor=ANNA, exam=CT, recipient=DAN))
    except Refused:
        return
    events = [type(event).__name__ for event in world.store.events()[before:]]
    assert events != ["ExamTransferred", "GrantsEnded"]


def test_a_grantor_without_access_does_not_learn_the_new_owner():
    world = World()
    world.share(ANNA, CT, BEN)
    world.share(BEN, CT, CARLA)
    world.sharing.unshare(UnshareRequest(actor=ANNA, exam=CT, recipient=BEN))
    unshare = UnshareRequest(actor=BEN, exam=CT, recipient=CARLA)
    told_before = world.sharing.preview(unshare)
    world.store.transfer(CT, CARLA, at=START)
    assert world.sharing.preview(unshare) == told_before
    assert world.sharing.unshare(unshare).still_have_access == ()


def test_a_withdrawn_exam_is_not_there_even_for_a_clock_that_goes_back():
    from datetime import timedelta

    world = World()
    world.share(ANNA, CT, BEN, until=START + timedelta(days=1))
    world.clock.now = START + timedelta(days=2)
    world.sharing.admin.withdraw(CT, performed_by="ops", why="wrong patient")
    world.clock.now = START
    assert not world.sharing.can(BEN, VIEW, CT)
    assert world.sharing.shared_with(BEN).items == ()
    assert not hasattr(world.sharing.admin.explain(BEN, VIEW, CT), "grounds")
