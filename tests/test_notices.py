"""Who gets a notice of a share, and what it reports. Specification: `#notices`."""

import pytest
from attrs import evolve

from exam_sharing import Scope
from exam_sharing.memory import MemoryNotifier
from world import (
    ANNA,
    BEN,
    CARLA,
    CT,
    DAN,
    DAY,
    DOWNLOAD,
    MR,
    NOBODY,
    NURSES,
    START,
    VIEW,
    XRAY,
    FailingNotifier,
    World,
    share_request,
)

pytestmark = pytest.mark.every_store

SOON, LATER = START + DAY, START + 2 * DAY
MESSAGE = "Please look at the left lung."


def test_a_notice_has_actor_reader_and_extent():
    world = World()
    world.share(ANNA, CT, BEN, permission=DOWNLOAD, until=SOON, message=MESSAGE)

    notice = world.told()[BEN]

    assert (notice.actor, notice.to, notice.address) == (ANNA, BEN, "ben@example.org")
    assert (notice.exams, notice.permission, notice.until) == (1, DOWNLOAD, SOON)
    assert notice.message == MESSAGE

    world.directory.add(evolve(world.directory.user(BEN), email=None))
    world.share(ANNA, MR, BEN)
    assert world.notifier.sent[-1].address is None


def test_every_notice_has_an_id_of_its_own():
    world = World()
    world.share(ANNA, CT, BEN, NURSES)
    world.share(ANNA, MR, BEN, NURSES)

    assert len({notice.id for notice in world.notifier.sent}) == 6


def test_a_failed_notice_is_retried_with_its_message_and_id():
    world = World(notifier=FailingNotifier())
    world.share(ANNA, CT, BEN, message=MESSAGE)
    (waiting,) = world.store.outbox.waiting()
    assert world.sharing.admin.deliver_notices() == 0

    world.notifier.broken = False

    assert world.sharing.admin.deliver_notices() == 1
    notice = world.told()[BEN]
    assert (notice.id, notice.message) == (waiting.id, MESSAGE)
    assert world.sharing.admin.deliver_notices() == 0


def test_a_repeated_notice_has_the_same_id():
    class SendsAndFails(MemoryNotifier):
        def send(self, notice):
            super().send(notice)
            raise OSError

    world = World(notifier=SendsAndFails())
    world.share(ANNA, CT, BEN)
    world.sharing.admin.deliver_notices()

    first, second = world.notifier.sent
    assert first == second


def waiting_world():
    """Return a world where the notice of a share with Ben waits."""
    world = World(notifier=FailingNotifier())
    world.share(ANNA, CT, BEN, permission=DOWNLOAD, scope=Scope.BATCH, message=MESSAGE)
    return world


def delivered(world):
    """Mend the notifier, and return the notices that are sent."""
    world.notifier.broken = False
    world.notifier.sent.clear()
    assert world.sharing.admin.deliver_notices() == len(world.notifier.sent)
    return world.notifier.sent


def withdraw(world, *exams):
    for exam in exams:
        world.sharing.admin.withdraw(exam, performed_by="ops", why="wrong patient")


def transfer(world, *exams):
    for exam in exams:
        world.transfer(exam, BEN)


def test_waiting_notices_undo_nothing_and_leave_when_they_can():
    class FailsForBen(FailingNotifier):
        def send(self, notice):
            if notice.to == BEN or not self.broken:
                super().send(notice)
            else:
                MemoryNotifier.send(self, notice)

    world = World(notifier=FailsForBen())
    assert world.share(ANNA, CT, BEN, CARLA).outcomes
    assert world.can_view(BEN, CT)
    assert set(world.told()) == {CARLA}

    world.reasons(share_request(ANNA, CT, BEN, NOBODY, message=MESSAGE))
    world.person(BEN, email="new@example.org")
    world.wait(-DAY)

    assert {notice.to: notice.address for notice in delivered(world)}[BEN] == "new@example.org"


@pytest.mark.parametrize(
    "change",
    [
        lambda world: [world.unshare(ANNA, exam, BEN) for exam in (CT, MR, XRAY)],
        lambda world: world.person(BEN, active=False),
        lambda world: world.person(BEN, notices=False),
        lambda world: world.directory.remove(BEN),
        lambda world: withdraw(world, CT, MR, XRAY),
        lambda world: transfer(world, CT, MR, XRAY),
        lambda world: [transfer(world, CT, MR, XRAY), withdraw(world, CT, MR, XRAY)],
    ],
    ids=["no access", "inactive", "notices off", "unknown", "withdrawn", "owned", "withdrawn too"],
)
def test_a_useless_notice_is_dropped_with_its_message(change):
    world = waiting_world()

    change(world)

    assert delivered(world) == []
    assert world.store.outbox.waiting() == ()


def test_a_delayed_notice_reports_what_is_still_held():
    world = waiting_world()
    world.unshare(ANNA, MR, BEN)
    world.narrow(ANNA, CT, BEN, permission=VIEW, until=SOON)

    (notice,) = delivered(world)
    assert (notice.exams, notice.permission, notice.until) == (2, VIEW, SOON)


@pytest.mark.parametrize(
    ("ends", "change", "exams", "until"),
    [
        ((SOON, LATER), lambda world: world.wait(DAY), 1, LATER),
        ((SOON, LATER), lambda world: world.unshare(BEN, CT, CARLA), 1, LATER),
        ((SOON, LATER), lambda world: world.share(ANNA, CT, CARLA, scope=Scope.BATCH), 2, SOON),
        ((LATER, SOON), lambda world: world.share(ANNA, MR, CARLA), 2, SOON),
        ((SOON, LATER), lambda world: world.share(ANNA, CT, CARLA, permission=DOWNLOAD), 2, SOON),
    ],
    ids=["expired", "unshared", "shared again", "the other exam ends first", "download by another"],
)
def test_a_delayed_notice_has_the_extent_of_its_share(ends, change, exams, until):
    world = World(notifier=FailingNotifier())
    for exam, end in zip((CT, MR), ends, strict=True):
        world.share(ANNA, exam, BEN, until=end)
    world.share(BEN, CT, CARLA, scope=Scope.BATCH, message=MESSAGE)
    change(world)

    (notice,) = (each for each in delivered(world) if (each.to, each.actor) == (CARLA, BEN))
    assert (notice.exams, notice.permission, notice.until) == (exams, VIEW, until)
    assert notice.message == MESSAGE


def test_a_share_sends_its_own_notices_only():
    world = World(notifier=FailingNotifier())
    world.share(ANNA, CT, BEN)
    world.notifier.broken = False

    world.share(ANNA, CT, CARLA)

    assert set(world.told()) == {CARLA}
    assert world.sharing.admin.deliver_notices() == 1


def test_who_holds_by_their_own_gift_to_a_group_alone_is_told_of_a_grant():
    world = World()
    world.share(ANNA, CT, DAN, permission=DOWNLOAD)
    world.share(DAN, CT, NURSES, permission=DOWNLOAD)
    world.unshare(ANNA, CT, DAN)
    told = len(world.notifier.sent)

    world.share(ANNA, CT, DAN, permission=DOWNLOAD)

    assert [notice.to for notice in world.notifier.sent[told:]] == [DAN]


@pytest.mark.parametrize("first", [ANNA, DAN])
def test_a_grant_that_lasts_longer_than_what_others_gave_to_a_group_is_told(first):
    world = World()
    world.share(ANNA, CT, DAN, until=LATER)
    until = {ANNA: SOON, DAN: LATER}
    for grantor in (first, *({ANNA, DAN} - {first})):
        world.share(grantor, CT, NURSES, until=until[grantor])
    world.unshare(ANNA, CT, DAN)
    told = len(world.notifier.sent)

    world.share(ANNA, CT, DAN, until=SOON)
    assert len(world.notifier.sent) == told
    world.share(ANNA, CT, DAN, until=SOON + DAY / 2)
    assert [notice.to for notice in world.notifier.sent[told:]] == [DAN]


def test_a_notice_of_a_withdrawn_exam_is_not_sent_wherever_the_clock_is_set():
    world = World(notifier=FailingNotifier())
    world.share(ANNA, CT, BEN, until=SOON)
    world.wait(2 * DAY)
    world.sharing.admin.withdraw(CT, performed_by="root", why="wrong patient")
    world.wait(-2 * DAY)
    world.notifier.broken = False

    world.sharing.admin.deliver_notices()

    assert world.told() == {}
