"""A relay sends what is due, pauses, and goes on until it is told to stop."""

import threading
from datetime import timedelta

import pytest

from exam_sharing import InvalidValue, StoreFailed, WrongKind
from exam_sharing.relay import watch
from world import ANNA, BEN, CARLA, CT, FailingNotifier, World

MINUTE = timedelta(minutes=1)


class StopAfter:
    """Lets a relay pause some times, in which the world's time passes, and then ends it."""

    def __init__(self, world, pauses, then=lambda _pause: None):
        self.world, self.left, self.then, self.waited = world, pauses, then, []

    def is_set(self):
        return self.left == 0

    def wait(self, timeout):
        self.waited.append(timeout)
        self.world.wait(timedelta(seconds=timeout))
        self.left -= 1
        self.then(len(self.waited))


def test_a_relay_sends_waiting_and_new_notices():
    world = World(notifier=FailingNotifier())
    world.share(ANNA, CT, BEN)
    world.notifier.broken = False
    delivered = []

    def share_more(pause):
        if pause == 1:
            world.notifier.broken = True
            world.share(ANNA, CT, CARLA)
            world.notifier.broken = False

    stop = StopAfter(world, 3, share_more)
    watch(world.sharing, stop=stop, delivered=delivered.append)

    assert delivered == [1, 1, 0]
    assert set(world.told()) == {BEN, CARLA}


def test_a_relay_pauses_for_the_given_time():
    world = World()
    stop = StopAfter(world, 3)
    watch(world.sharing, stop=stop, pause=timedelta(milliseconds=1500))
    assert stop.waited == [1.5, 1.5, 1.5]
    watch(world.sharing, stop=(stop := StopAfter(world, 1)))
    assert stop.waited == [5]


def test_a_relay_retries_notices_after_their_delay():
    world = World(notifier=FailingNotifier())
    world.share(ANNA, CT, BEN)

    def mend(pause):
        world.notifier.broken = pause < 4

    watch(world.sharing, stop=StopAfter(world, 12, mend), pause=MINUTE)
    assert set(world.told()) == {BEN}


def test_a_relay_that_is_stopped_before_it_begins_sends_nothing():
    world = World(notifier=FailingNotifier())
    world.share(ANNA, CT, BEN)
    world.notifier.broken = False
    watch(world.sharing, stop=StopAfter(world, 0))
    assert world.told() == {}


def test_a_store_that_fails_does_not_end_a_relay():
    world = World(notifier=FailingNotifier())
    world.share(ANNA, CT, BEN)
    world.notifier.broken = False
    claim, failures = world.store.outbox.claim, [StoreFailed("the database is away")] * 2

    def claim_later(*asked):
        if failures:
            raise failures.pop()
        return claim(*asked)

    world.store.outbox.claim = claim_later
    failed, delivered = [], []
    watch(world.sharing, stop=StopAfter(world, 3), failed=failed.append, delivered=delivered.append)
    assert [str(error) for error in failed] == ["the database is away"] * 2
    assert delivered == [1]


def test_a_failure_without_a_callback_does_not_end_a_relay():
    world = World()

    def fail(*_asked):
        raise StoreFailed("the database is away")

    world.store.outbox.claim = fail
    watch(world.sharing, stop=(stop := StopAfter(world, 2)))
    assert len(stop.waited) == 2


def test_other_errors_than_store_failures_end_a_relay():
    world = World()

    def fail(*_asked):
        raise ZeroDivisionError

    world.store.outbox.claim = fail
    with pytest.raises(ZeroDivisionError):
        watch(world.sharing, stop=StopAfter(world, 2))


def test_an_event_of_threading_stops_a_relay_in_the_middle_of_its_pause():
    world, stop, delivered = World(), threading.Event(), threading.Event()
    relay = threading.Thread(
        target=watch,
        args=(world.sharing,),
        kwargs={
            "stop": stop,
            "pause": timedelta(hours=1),
            "delivered": lambda _sent: delivered.set(),
        },
    )
    relay.start()
    assert delivered.wait(10)
    stop.set()
    relay.join(10)
    assert not relay.is_alive()


def test_a_relay_cannot_be_busy_or_without_sharing():
    with pytest.raises(InvalidValue, match="pause must be positive"):
        watch(World().sharing, stop=threading.Event(), pause=timedelta(0))
    with pytest.raises(WrongKind):
        watch(World().sharing, stop=threading.Event(), pause=5)
    with pytest.raises(WrongKind):
        watch(World(), stop=threading.Event())
