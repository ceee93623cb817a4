"""A relay sends what is due, pauses, and goes on until it is told to stop."""

import signal
import threading
from contextlib import nullcontext
from datetime import timedelta

import pytest

from exam_sharing import InvalidValue, StoreFailed, WrongKind
from exam_sharing.relay import until_signalled, watch
from world import ANNA, BEN, CARLA, CT, DAN, FailingNotifier, World

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


def test_a_relay_sends_waiting_new_and_failed_notices():
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
    watch(world.sharing, stop=StopAfter(world, 0))
    assert world.told() == {}
    watch(world.sharing, stop=stop, delivered=delivered.append)

    assert delivered == [1, 1, 0]
    assert set(world.told()) == {BEN, CARLA}

    world.notifier.broken = True
    world.share(ANNA, CT, DAN)

    def mend(pause):
        world.notifier.broken = pause < 4

    watch(world.sharing, stop=StopAfter(world, 12, mend), pause=MINUTE)
    assert DAN in world.told()


def test_a_relay_pauses_for_the_given_time():
    world = World()
    stop = StopAfter(world, 3)
    watch(world.sharing, stop=stop, pause=timedelta(milliseconds=1500))
    assert stop.waited == [1.5, 1.5, 1.5]
    watch(world.sharing, stop=(stop := StopAfter(world, 1)))
    assert stop.waited == [5]


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


@pytest.mark.parametrize("error", [StoreFailed("the database is away"), ZeroDivisionError()])
def test_a_failing_store_without_a_callback_does_not_end_a_relay_and_other_errors_do(error):
    world = World()

    def fail(*_asked):
        raise error

    world.store.outbox.claim = fail
    stop = StopAfter(world, 2)
    with nullcontext() if isinstance(error, StoreFailed) else pytest.raises(ZeroDivisionError):
        watch(world.sharing, stop=stop)
    assert len(stop.waited) == (2 if isinstance(error, StoreFailed) else 0)


def test_an_event_of_threading_stops_a_relay_in_the_middle_of_its_pause():
    world, stop, delivered = World(), threading.Event(), threading.Event()
    options = {"stop": stop, "pause": timedelta(hours=1)}
    options["delivered"] = lambda _sent: delivered.set()
    relay = threading.Thread(target=watch, args=(world.sharing,), kwargs=options)
    relay.start()
    assert delivered.wait(10)
    stop.set()
    relay.join(10)
    assert not relay.is_alive()


def test_a_relay_cannot_be_busy_or_without_sharing():
    stop = threading.Event()
    with pytest.raises(InvalidValue, match="pause must be positive"):
        watch(World().sharing, stop=stop, pause=timedelta(0))
    for sharing, pause in ((World().sharing, 5), (World(), timedelta(1))):
        with pytest.raises(WrongKind):
            watch(sharing, stop=stop, pause=pause)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_end_the_process_stops_a_relay(number):
    world = World(notifier=FailingNotifier())
    before = signal.getsignal(number)
    rounds = []

    def delivered(sent):
        rounds.append(sent)
        signal.raise_signal(number)

    with until_signalled() as stop:
        assert not stop.is_set()
        stop.wait(0.01)
        watch(world.sharing, stop=stop, pause=MINUTE, delivered=delivered)
        assert stop.is_set()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert rounds == [0]
    assert signal.getsignal(number) is before
