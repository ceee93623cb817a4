"""Who gets a notice of a share, and what it reports. Specification: `#notices`."""

import pytest
from attrs import evolve

from exam_sharing import Scope
from exam_sharing.memory import MemoryNotifier, MemoryStore
from world import (
    ANNA,
    BEN,
    CARLA,
    CT,
    DAN,
    DAY,
    DOWNLOAD,
    EVA,
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


def told_after(world, actor, exam, *recipients, **more):
    """Share, and return the notices of that share alone."""
    world.notifier.sent.clear()
    world.share(actor, exam, *recipients, **more)
    return world.told()


def test_a_longer_hold_gets_no_notice():
    world = World()
    world.share(ANNA, CT, BEN, CARLA, until=LATER)

    assert told_after(world, BEN, CT, CARLA, until=SOON) == {}


def test_a_removed_and_readmitted_user_gets_a_new_notice():
    world = World()
    world.share(ANNA, CT, BEN)
    world.unshare(ANNA, CT, BEN)

    assert set(told_after(world, ANNA, CT, BEN)) == {BEN}


def test_a_notice_has_actor_reader_and_extent():
    world = World()
    world.share(ANNA, CT, BEN, permission=DOWNLOAD, until=SOON, message=MESSAGE)

    notice = world.told()[BEN]

    assert (notice.actor, notice.to, notice.address) == (ANNA, BEN, "ben@example.org")
    assert (notice.exams, notice.permission, notice.until) == (1, DOWNLOAD, SOON)
    assert notice.message == MESSAGE


def test_a_notice_without_a_time_is_for_good():
    world = World()
    world.share(ANNA, CT, BEN)

    assert world.told()[BEN].until is None


def test_every_notice_has_an_id_of_its_own():
    world = World()
    world.share(ANNA, CT, BEN, NURSES)
    world.share(ANNA, MR, BEN, NURSES)

    assert len({notice.id for notice in world.notifier.sent}) == 6


def test_a_user_without_an_address_gets_a_notice_without_one():
    world = World()
    world.directory.add(evolve(world.directory.user(BEN), email=None))
    world.share(ANNA, CT, BEN)

    assert world.told()[BEN].address is None


def test_a_deployment_without_notices_sends_none():
    world = World(sends_notices=False)
    world.share(ANNA, CT, BEN, message=MESSAGE)

    assert world.sharing.admin.deliver_notices() == 0
    assert world.told() == {}


class Watched(MemoryStore):
    """Tells what was committed last."""

    def commit(self, changes):
        self.last = changes
        return super().commit(changes)


def test_a_deployment_without_notices_keeps_none():
    world = World(sends_notices=False, store=Watched())
    world.share(ANNA, CT, BEN, message=MESSAGE)

    assert [grant.recipient for grant in world.store.last.made] == [BEN]
    assert world.store.last.notices == ()


def test_one_user_without_notices_silences_no_other():
    colleagues = {BEN, CARLA, DAN, EVA}
    for silent in colleagues:
        world = World()
        world.person(silent, notices=False)
        world.share(ANNA, CT, *colleagues)

        assert set(world.told()) == colleagues - {silent}


def test_a_notifier_that_fails_undoes_nothing():
    world = World(notifier=FailingNotifier())

    receipt = world.share(ANNA, CT, BEN)

    assert receipt.outcomes
    assert world.can_view(BEN, CT)
    assert world.told() == {}


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


def test_one_notice_that_fails_does_not_hold_up_the_others():
    class FailsForBen(MemoryNotifier):
        def send(self, notice):
            if notice.to == BEN:
                raise OSError
            super().send(notice)

    world = World(notifier=FailsForBen())
    world.share(ANNA, CT, BEN, CARLA)

    assert set(world.told()) == {CARLA}
    assert [each.to for each in world.store.outbox.waiting()] == [BEN]


def waiting_world():
    """Return a world where the notice of a share with Ben waits, the notifier being mended."""
    world = World(notifier=FailingNotifier())
    world.share(ANNA, CT, BEN, permission=DOWNLOAD, scope=Scope.BATCH, message=MESSAGE)
    world.notifier.broken = False
    return world


@pytest.mark.parametrize(
    "change",
    [
        lambda world: [world.unshare(ANNA, exam, BEN) for exam in (CT, MR, XRAY)],
        lambda world: world.person(BEN, active=False),
        lambda world: world.person(BEN, notices=False),
        lambda world: world.directory.remove(BEN),
        lambda world: [
            world.sharing.admin.withdraw(exam, performed_by="admin", why="wrong")
            for exam in (CT, MR, XRAY)
        ],
    ],
    ids=["no access", "inactive", "notices off", "unknown", "withdrawn"],
)
def test_a_useless_notice_is_dropped_with_its_message(change):
    world = waiting_world()

    change(world)

    assert world.sharing.admin.deliver_notices() == 0
    assert world.told() == {}
    assert world.store.outbox.waiting() == ()


def test_an_expired_notice_is_dropped():
    world = World(notifier=FailingNotifier())
    world.share(ANNA, CT, BEN, until=SOON)
    world.notifier.broken = False
    world.wait(DAY)

    assert world.sharing.admin.deliver_notices() == 0
    assert world.store.outbox.waiting() == ()


def test_a_delayed_notice_reports_what_is_still_held():
    world = waiting_world()
    world.unshare(ANNA, MR, BEN)
    world.narrow(ANNA, CT, BEN, permission=VIEW, until=SOON)

    assert world.sharing.admin.deliver_notices() == 1
    notice = world.told()[BEN]
    assert (notice.exams, notice.permission, notice.until) == (2, VIEW, SOON)


@pytest.mark.parametrize("ended", ["expired", "unshared"])
def test_a_notice_stays_true_for_the_other_exams(ended):
    world = World(notifier=FailingNotifier())
    world.share(ANNA, CT, BEN, until=SOON)
    world.share(ANNA, MR, BEN, until=LATER)
    world.share(BEN, CT, CARLA, scope=Scope.BATCH, message=MESSAGE)
    if ended == "expired":
        world.wait(DAY)
    else:
        world.unshare(BEN, CT, CARLA)
    world.notifier.broken = False
    world.sharing.admin.deliver_notices()

    (notice,) = (notice for notice in world.notifier.sent if notice.to == CARLA)
    assert (notice.exams, notice.until, notice.message) == (1, LATER, MESSAGE)


def test_an_exam_that_the_reader_owns_keeps_no_notice_alive():
    world = World(notifier=FailingNotifier())
    world.share(ANNA, CT, BEN)
    world.transfer(CT, BEN)
    world.notifier.broken = False

    assert world.sharing.admin.deliver_notices() == 0
    assert world.store.outbox.waiting() == ()


def test_a_delayed_notice_reports_no_more_than_the_share_gave():
    world = World(notifier=FailingNotifier())
    world.share(ANNA, CT, BEN, until=SOON)
    world.share(ANNA, CT, CARLA, permission=DOWNLOAD)
    world.share(CARLA, CT, BEN, permission=DOWNLOAD)
    world.notifier.broken = False
    world.sharing.admin.deliver_notices()

    first = next(notice for notice in world.notifier.sent if notice.to == BEN)
    assert (first.permission, first.until) == (VIEW, SOON)


def test_a_delayed_notice_has_the_earliest_end_of_the_share():
    world = World(notifier=FailingNotifier())
    world.share(ANNA, CT, BEN, until=SOON)
    world.share(ANNA, MR, BEN, until=LATER)
    world.share(BEN, CT, CARLA, scope=Scope.BATCH)
    world.share(ANNA, CT, CARLA, scope=Scope.BATCH)
    world.notifier.broken = False
    world.sharing.admin.deliver_notices()

    from_ben = next(notice for notice in world.notifier.sent if notice.actor == BEN)
    assert (from_ben.exams, from_ben.until) == (2, SOON)


def test_the_earliest_end_does_not_depend_on_the_named_exam():
    world = World(notifier=FailingNotifier())
    world.share(ANNA, CT, BEN, until=LATER)
    world.share(ANNA, MR, BEN, until=SOON)
    world.share(BEN, CT, CARLA, scope=Scope.BATCH)
    world.share(ANNA, MR, CARLA)
    world.notifier.broken = False
    world.sharing.admin.deliver_notices()

    from_ben = next(notice for notice in world.notifier.sent if notice.actor == BEN)
    assert (from_ben.exams, from_ben.until) == (2, SOON)


def test_a_notice_of_a_withdrawn_exam_is_dropped_for_its_new_owner():
    world = World(notifier=FailingNotifier())
    world.share(ANNA, CT, BEN)
    world.transfer(CT, BEN)
    world.sharing.admin.withdraw(CT, performed_by="ops", why="wrong patient")
    world.notifier.broken = False

    assert world.sharing.admin.deliver_notices() == 0
    assert world.store.outbox.waiting() == ()


def test_a_notice_goes_to_the_current_address():
    world = waiting_world()
    world.person(BEN, email="new@example.org")

    world.sharing.admin.deliver_notices()

    assert world.told()[BEN].address == "new@example.org"


def test_a_refused_share_sends_no_notice():
    world = World()
    world.reasons(share_request(ANNA, CT, BEN, NOBODY, message=MESSAGE))

    assert world.told() == {}
    assert world.store.outbox.waiting() == ()


def test_a_share_sends_its_own_notices_only():
    world = World(notifier=FailingNotifier())
    world.share(ANNA, CT, BEN)
    world.notifier.broken = False

    world.share(ANNA, CT, CARLA)

    assert set(world.told()) == {CARLA}
    assert world.sharing.admin.deliver_notices() == 1


def test_a_clock_that_went_back_does_not_stop_notices():
    world = World(notifier=FailingNotifier())
    world.share(ANNA, CT, BEN)
    world.notifier.broken = False
    world.wait(-DAY)

    assert world.sharing.admin.deliver_notices() == 1
