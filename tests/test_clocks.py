"""Clocks that tell no usable time, and times near the ends of the calendar.

Never a raw exception, never a yes: a clock that tells a naive time, or nothing, is an error of
ours. Times are compared with the clock of the host alone. Specification: `#grant`.
"""

from datetime import UTC, date, datetime, timedelta, timezone
from unittest.mock import Mock

import pytest

from calls import CALLS, portal
from exam_sharing import InvalidArgument, Policy, ReasonCode, Retries, UserId
from exam_sharing.errors import ExamSharingError
from exam_sharing.memory import open_sharing
from exam_sharing.relay import watch
from world import ANNA, BEN, CARLA, CT, DAY, START, VIEW, World, refusal, share_request

NAIVE = datetime(2030, 1, 2, 12)
FIRST = datetime.min.replace(tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC)
WRONG = [
    *(NAIVE, None, 1_900_000_000, "2030-01-01T12:00:00Z", date(2030, 1, 1), Mock(spec=START)),
    datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))),
    datetime.min.replace(tzinfo=timezone(timedelta(hours=1))),
    LAST,
]
every_wrong_time = pytest.mark.parametrize("told", WRONG, ids=lambda told: type(told).__name__)
TIMELESS = {"accesses", "add an upload", "requeue notices", "list notices"}
"""They ask for no time."""


@every_wrong_time
@pytest.mark.parametrize("call", sorted(CALLS.keys() - TIMELESS))
def test_a_broken_clock_is_an_error_of_ours_in_every_call(call, told):
    world = portal()
    before = world.state()
    world.clock.now = told
    if told is LAST and call in {"can", "cannot"}:  # A no needs no look at how late it is.
        assert CALLS[call](world.sharing) is False
        return

    with pytest.raises(InvalidArgument) as caught:
        CALLS[call](world.sharing)

    assert caught.value.field == "clock"
    assert world.state() == before


@every_wrong_time
def test_a_broken_clock_is_refused_on_opening_and_in_every_call_of_a_viewer(told):
    with pytest.raises(InvalidArgument):
        open_sharing(clock=lambda: told)
    world = World()
    viewer = world.sharing.viewer(ANNA)
    world.clock.now = told

    for ask in (
        lambda: viewer.can(VIEW, CT),
        lambda: viewer.can_many(VIEW, [CT]),
        viewer.visible_to,
        viewer.shared_with,
    ):
        with pytest.raises(InvalidArgument):
            ask()


@pytest.mark.every_store
@every_wrong_time
def test_a_broken_clock_is_never_a_yes(told):
    world = World()
    world.share(ANNA, CT, BEN)
    world.clock.now = told

    with pytest.raises(ExamSharingError):
        world.can_view(BEN, CT)


TICK = timedelta(microseconds=1)


@pytest.mark.every_store
@pytest.mark.parametrize(
    "now",
    [FIRST, FIRST + TICK, LAST - TICK, LAST - timedelta(minutes=1), LAST - 300 * DAY],
    ids=str,
)
def test_near_the_ends_of_the_calendar_everything_is_answered(now):
    longest = timedelta.max
    world = World(max_duration=longest, retries=Retries(at_once=0, limit=None))
    world.clock.now = now

    world.share(ANNA, CT, BEN, message="hello")
    assert world.can_view(BEN, CT)
    assert not world.can_view(CARLA, CT)
    world.notifier.send = Mock(side_effect=OSError)
    world.share(ANNA, CT, CARLA, message="hello")
    world.sharing.admin.deliver_notices()
    world.sharing.admin.deliver_notices()
    assert world.sharing.share_form(ANNA, CT).has_share_tab
    world.unshare(ANNA, CT, BEN)
    assert not world.can_view(BEN, CT)


@pytest.mark.every_store
def test_a_grant_that_expired_stands_again_while_the_clock_is_set_back():
    world = World()
    world.share(ANNA, CT, BEN, until=START + DAY)
    world.wait(2 * DAY)
    assert not world.can_view(BEN, CT)

    world.wait(-2 * DAY)

    assert world.can_view(BEN, CT)
    assert world.sharing.can_many(BEN, VIEW, [CT]) == {CT}
    assert [each.exam for each in world.sharing.shared_with(BEN).items] == [CT]


@pytest.mark.every_store
def test_a_grant_that_was_ended_stays_ended_wherever_the_clock_is_set():
    world = World()
    world.share(ANNA, CT, BEN)
    world.wait(DAY)
    world.unshare(ANNA, CT, BEN)

    for distance in (-30 * DAY, 60 * DAY):
        world.wait(distance)
        assert not world.can_view(BEN, CT)


def test_a_clock_that_was_set_back_orders_nothing():
    world = World()
    world.share(ANNA, CT, BEN)
    world.wait(-DAY)
    world.share(ANNA, CT, CARLA)

    assert [grant.version for grant in world.grants(CT)] == [1, 2]
    reasons = refusal(world.share, ANNA, CT, CARLA, until=START - 2 * DAY)
    assert [reason.code for reason in reasons] == [ReasonCode.EXPIRY_IN_PAST]


@pytest.mark.parametrize("now", [NAIVE, None, "now"], ids=repr)
def test_a_policy_and_a_schedule_require_an_aware_time(now):
    for ask in (
        lambda: Policy(max_duration=DAY).latest(now),
        lambda: Retries(at_once=0).after(1, "UNREACHABLE", now),
    ):
        with pytest.raises(ExamSharingError):
            ask()


def test_a_pause_that_no_machine_can_make_is_a_callers_error():
    with pytest.raises(InvalidArgument):
        watch(World().sharing, stop=Mock(), pause=timedelta.max)


def test_a_time_until_the_end_of_the_calendar_is_for_good():
    world = World()

    receipt = world.sharing.share(share_request(ANNA, CT, BEN, until=LAST))

    assert receipt.outcomes[0].until is None
    assert world.sharing.can(UserId("ben"), VIEW, CT)
