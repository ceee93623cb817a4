"""Notices are tried again, and their messages erased at the end. Specification: `#delivery`.

How long a notice waits after each failure, when it is given up, and what operators can do then.
"""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

import exam_sharing as es
from calls import ports_of, sharing_over
from exam_sharing.errors import MAYBE_SENT
from exam_sharing.memory import MemoryNotifier
from exam_sharing.policy.retries import AT_ONCE, GivenUp
from world import (
    ANNA,
    BEN,
    CARLA,
    CT,
    DAN,
    DAY,
    EVA,
    NURSES,
    START,
    FailingNotifier,
    World,
    share_request,
)

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
MESSAGE = "Please look at the left lung."
STEADY = es.Retries(at_once=0, first_wait=MINUTE, longest_wait=MINUTE, limit=3)


class Refusing(MemoryNotifier):
    """Sends nothing to some, for a reason of its own, and counts how often it was asked."""

    def __init__(self, error, *to):
        super().__init__()
        self.error, self.to, self.asked = error, to, 0

    def send(self, notice):
        self.asked += 1
        if notice.to in self.to:
            raise self.error
        super().send(notice)


def status(world):
    (only,) = world.sharing.admin.list_notices().items
    return only


def test_a_claim_that_lapsed_settles_nothing():
    world = World(notifier=Refusing(OSError(), BEN), retries=STEADY)
    world.share(ANNA, CT, BEN)
    outbox, at = world.store.outbox, START + DAY
    (lapsed,) = outbox.claim(at, at + HOUR, 1, None)
    outbox.claim(at + HOUR, at + 2 * HOUR, 1, None)

    outbox.settle(lapsed, GivenUp(at=at, problem="OSError"))

    assert (status(world).claimed, status(world).given_up_at) == (True, None)
    assert (status(world).next_attempt, status(world).claimed_until) == (None, at + 2 * HOUR)


def test_the_default_schedule_of_retries():
    waits = [es.Retries().after(failures, "OSError", START) for failures in range(1, 121)]
    minutes = [(each.at - START) / MINUTE for each in waits[2:-1]]
    assert [each.at for each in waits[:2]] == [AT_ONCE, AT_ONCE]
    assert minutes[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert set(minutes[8:]) == {60}
    assert waits[-1] == GivenUp(at=START, problem="OSError")
    assert {each.problem for each in waits} == {"OSError"}
    assert 4 < sum(minutes) / 60 / 24 < 5


durations = st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=366))


@given(
    waits=st.tuples(durations, durations).map(sorted),
    at_once=st.integers(0, 5),
    limit=st.none() | st.integers(1, 100),
    failures=st.integers(1, 10**6),
)
def test_waits_never_shorten_and_keep_to_their_bounds(waits, at_once, limit, failures):
    retries = es.Retries(at_once=at_once, first_wait=waits[0], longest_wait=waits[1], limit=limit)
    now, after = (retries.after(count, "OSError", START) for count in (failures, failures + 1))
    assert isinstance(now, GivenUp) == (limit is not None and failures >= limit)
    if isinstance(after, GivenUp):
        return
    if failures <= at_once:
        assert now.at == AT_ONCE
    else:
        assert waits[0] <= now.at - START <= waits[1]
        assert now.at <= after.at <= START + 2 * (now.at - START)
    if failures == at_once + 1:
        assert now.at == START + waits[0]


@given(problems=st.lists(st.sampled_from([MAYBE_SENT, "OSError", "TIMED_OUT"]), max_size=20))
def test_two_tries_at_most_may_have_sent_a_notice(problems):
    """Notices leave at least once; the second copy is the last. Specification: `#delivery`."""
    kept, maybe = None, 0
    for failures, problem in enumerate(problems, start=1):
        after = es.Retries(limit=None).after(failures, problem, START, before=kept)
        maybe += problem == MAYBE_SENT
        assert after.problem == (MAYBE_SENT if maybe else problem)
        assert isinstance(after, GivenUp) == (maybe == 2)
        if maybe == 2:
            return
        kept = after.problem


@pytest.mark.every_store
def test_a_notice_that_may_have_been_sent_is_given_up_after_the_second():
    notifier = Refusing(es.NotifierFailed(MAYBE_SENT), BEN)
    world = World(notifier=notifier, retries=es.Retries(at_once=9))
    world.share(ANNA, CT, BEN)
    assert (status(world).problem, status(world).attempts) == (MAYBE_SENT, 1)
    notifier.error = OSError()
    world.sharing.admin.deliver_notices()
    world.sharing.admin.deliver_notices()
    assert (status(world).problem, status(world).given_up_at) == (MAYBE_SENT, None)
    notifier.error = es.NotifierFailed(MAYBE_SENT)
    for _ in range(3):
        world.sharing.admin.deliver_notices()
    assert (status(world).problem, status(world).attempts) == (MAYBE_SENT, 4)
    assert status(world).given_up_at == world.now


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"at_once": -1}, "at_once must be a whole number from 0"),
        ({"at_once": True}, "at_once must be a whole number from 0"),
        ({"at_once": None}, "at_once must be int, not NoneType"),
        ({"first_wait": timedelta(0)}, "first_wait must be positive"),
        ({"first_wait": 60}, "first_wait must be timedelta, not int"),
        ({"longest_wait": SECOND}, "longest_wait must be from first_wait to 366 days"),
        ({"longest_wait": 367 * DAY}, "longest_wait must be from first_wait to 366 days"),
        ({"longest_wait": None}, "longest_wait must be timedelta, not NoneType"),
        ({"limit": 0}, "limit must be a whole number from 1"),
        ({"limit": 1.5}, "limit must be int, not float"),
    ],
)
def test_invalid_retries_are_refused(settings, problem):
    with pytest.raises((es.InvalidValue, es.WrongKind)) as caught:
        es.Retries(**settings)
    assert str(caught.value) == problem
    with pytest.raises(es.WrongKind):
        es.Policy(retries=HOUR)


def test_a_notice_that_backs_off_is_left_alone_until_its_time():
    world = World(notifier=FailingNotifier(), retries=STEADY)
    world.share(ANNA, CT, BEN)
    world.notifier.broken = False

    world.wait(MINUTE - SECOND)
    assert world.sharing.admin.deliver_notices() == 0
    assert status(world).next_attempt == START + MINUTE

    world.wait(SECOND)
    assert world.sharing.admin.deliver_notices() == 1


def test_a_notice_is_given_up_after_its_last_try_and_tried_no_more():
    world = World(notifier=Refusing(OSError(), BEN), retries=STEADY)
    world.share(ANNA, CT, BEN)
    for _ in range(5):
        world.wait(MINUTE)
        world.sharing.admin.deliver_notices()

    given_up = status(world)
    assert world.notifier.asked == given_up.attempts == 3
    assert given_up.given_up_at == START + 2 * MINUTE
    assert given_up.problem == "OSError"
    assert world.store.outbox.waiting() == ()


def test_a_failure_that_is_permanent_gives_a_notice_up_at_once():
    world = World(notifier=Refusing(es.NotifierFailed("NO_ADDRESS", permanent=True), BEN))
    world.share(ANNA, CT, BEN, CARLA)

    assert set(world.told()) == {CARLA}
    given_up = status(world)
    assert (given_up.to, given_up.attempts) == (BEN, 1)
    assert (given_up.given_up_at, given_up.problem) == (START, "NO_ADDRESS")


def test_a_temporary_failure_is_listed_and_retried():
    world = World(notifier=Refusing(es.NotifierFailed("UNREACHABLE"), BEN))
    world.share(ANNA, CT, BEN)
    assert (status(world).problem, status(world).given_up_at) == ("UNREACHABLE", None)
    assert (status(world).next_attempt, status(world).claimed_until) == (None, None)
    world.notifier.to = ()
    assert world.sharing.admin.deliver_notices() == 1


def test_the_text_of_an_error_is_kept_nowhere():
    world = World(notifier=Refusing(OSError(f"to ben@example.org: {MESSAGE}"), BEN))
    world.share(ANNA, CT, BEN)
    kept = repr(world.sharing.admin.list_notices()) + repr(world.store.outbox.waiting())
    assert "example.org" not in kept
    assert "lung" not in kept


def given_up_world():
    """Return a world in which three notices were given up and the notifier is mended."""
    refusing = Refusing(es.NotifierFailed("NO_ADDRESS", permanent=True), BEN, DAN, EVA)
    world = World(notifier=refusing)
    world.share(ANNA, CT, BEN, NURSES, CARLA, message=MESSAGE)
    world.told()
    refusing.to = ()
    return world


def test_notices_are_listed_page_by_page_oldest_first():
    world = given_up_world()
    page = world.sharing.admin.list_notices(limit=2)
    rest = world.sharing.admin.list_notices(page.next, limit=2)
    assert [len(page.items), len(rest.items), rest.next] == [2, 1, None]
    assert {each.to for each in (*page.items, *rest.items)} == {BEN, DAN, EVA}
    numbers = [each.number for each in (*page.items, *rest.items)]
    assert numbers == sorted(numbers)


@pytest.mark.parametrize("after", ["nonsense", "WyJhIiwiYiJd", "WyJub3RpY2UiLCJ4Il0="])
def test_an_invalid_cursor_of_notices_is_refused(after):
    with pytest.raises(es.InvalidValue, match="is not a cursor that a page gave"):
        World().sharing.admin.list_notices(after)


def test_invalid_arguments_of_list_notices_are_refused():
    with pytest.raises(es.WrongKind):
        World().sharing.admin.list_notices(given_up="yes")
    with pytest.raises(es.InvalidValue):
        World().sharing.admin.list_notices(limit=0)


def test_a_requeued_notice_is_sent_with_its_id_without_message():
    world = given_up_world()
    bens = next(each for each in world.sharing.admin.list_notices().items if each.to == BEN)

    assert world.sharing.admin.requeue_notices([bens.id, es.NoticeId("no such notice")]) == 1
    assert world.sharing.admin.deliver_notices() == 1

    (sent,) = world.notifier.sent
    assert (sent.id, sent.to, sent.message) == (bens.id, BEN, None)


def test_a_requeued_notice_is_dropped_if_no_longer_true():
    world = given_up_world()
    world.unshare(ANNA, CT, NURSES)
    assert world.sharing.admin.requeue_notices() == 3
    assert world.sharing.admin.deliver_notices() == 1
    assert set(world.told()) == {BEN}
    assert world.sharing.admin.list_notices().items == ()


def test_only_ids_of_notices_can_be_named():
    with pytest.raises(es.WrongKind):
        World().sharing.admin.requeue_notices(["n1"])


def test_a_relay_starts_no_send_after_half_of_its_claim():
    class Slow(MemoryNotifier):
        def send(self, notice):
            super().send(notice)
            world.wait(2 * MINUTE)

    world = World(notifier=FailingNotifier())
    world.share(ANNA, CT, BEN, CARLA, DAN, EVA)
    world.notifier = Slow()
    sharing = sharing_over(ports_of(world), world, sends=False)

    assert sharing.admin.deliver_notices() == 2
    assert sharing.admin.deliver_notices() == 0
    world.wait(MINUTE)
    assert sharing.admin.deliver_notices() == 2
    assert len(world.told()) == 4


def test_where_no_notices_are_sent_a_share_leaves_none_to_a_relay():
    world = World(sends_notices=False)
    sharing = sharing_over(ports_of(world), world, sends=False)

    sharing.share(share_request(ANNA, CT, BEN, message=MESSAGE))

    assert world.store.outbox.waiting() == ()


def crowd(count):
    world = World(notifier=FailingNotifier())
    readers = [es.UserId(f"reader{number}") for number in range(count)]
    for reader in readers:
        world.person(reader)
    world.share(ANNA, CT, *readers)
    return world


def test_a_share_and_a_delivery_try_each_of_many_notices():
    world = crowd(100)

    def attempts():
        return {each.attempts for each in world.sharing.admin.list_notices(limit=100).items}

    assert attempts() == {1}
    assert world.sharing.admin.deliver_notices() == 0
    assert min(attempts()) == 2


def test_deliver_notices_sends_more_than_one_batch():
    world = crowd(100)
    world.notifier.broken = False
    assert world.sharing.admin.deliver_notices() == 100
    assert len(world.told()) == 100


def test_a_stopped_delivery_ends_after_the_claimed_notices():
    world = crowd(60)
    world.notifier.broken = False
    answers = iter([False, True])
    assert world.sharing.admin.deliver_notices(lambda: next(answers)) == 50
    assert world.sharing.admin.deliver_notices() == 10


def test_a_failing_outbox_raises_in_deliver_notices():
    world = World()

    def fail(*_):
        raise es.StoreFailed("the outbox is away")

    world.store.outbox.claim = fail
    with pytest.raises(es.StoreFailed, match="the outbox is away"):
        world.sharing.admin.deliver_notices()
    assert world.share(ANNA, CT, BEN).outcomes
