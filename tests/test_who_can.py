"""`who_can` tells operators everybody who holds a permission on an exam, and by what.

Specification: `#disclosure`.

That it agrees with `can` for every user is held by `laws/test_always.py`.
"""

import pytest

from exam_sharing import Holder, Reason, ReasonCode
from world import (
    ANNA,
    BEN,
    CLINIC,
    CT,
    DAN,
    DAY,
    DOWNLOAD,
    EVA,
    NO_EXAM,
    NURSES,
    START,
    VIEW,
    World,
    refusal,
)


def holders(world, permission=VIEW):
    return {each.user: each for each in world.sharing.admin.who_can(permission, CT)}


def recipients(holder):
    return [grant.recipient for grant in holder.grants]


def test_the_owner_alone_holds_an_unshared_exam():
    assert World().sharing.admin.who_can(VIEW, CT) == (Holder(user=ANNA, as_owner=True),)


def test_users_come_in_the_order_of_their_ids_each_with_the_grants_that_help_them():
    world = World()
    world.share(ANNA, CT, BEN, DAN)
    world.share(BEN, CT, NURSES, permission=VIEW)

    found = world.sharing.admin.who_can(VIEW, CT)

    assert [each.user for each in found] == [ANNA, BEN, DAN, EVA]
    assert [recipients(each) for each in found] == [[], [BEN], [DAN, NURSES], [NURSES]]


def test_members_of_groups_in_groups_are_among_them():
    world = World()
    world.share(ANNA, CT, CLINIC)

    assert recipients(holders(world)[EVA]) == [CLINIC]


def test_to_download_is_more_than_to_view():
    world = World()
    world.share(ANNA, CT, BEN)
    world.share(ANNA, CT, DAN, permission=DOWNLOAD)

    assert set(holders(world, DOWNLOAD)) == {ANNA, DAN}
    assert set(holders(world, VIEW)) == {ANNA, BEN, DAN}


def test_ended_and_expired_grants_and_inactive_users_count_for_nothing():
    world = World()
    world.share(ANNA, CT, BEN)
    world.unshare(ANNA, CT, BEN)
    world.share(ANNA, CT, DAN, until=START + DAY)
    world.share(ANNA, CT, EVA)
    world.person(EVA, active=False)
    world.wait(DAY)

    assert set(holders(world)) == {ANNA}


def test_an_inactive_owner_holds_nothing():
    world = World()
    world.share(ANNA, CT, BEN)
    world.person(ANNA, active=False)

    assert set(holders(world)) == {BEN}


def test_a_grant_to_ones_own_group_gives_its_grantor_nothing():
    world = World()
    world.share(ANNA, CT, DAN)
    world.share(DAN, CT, NURSES)
    world.unshare(ANNA, CT, DAN)

    assert set(holders(world)) == {ANNA, EVA}


def test_an_owner_with_a_grant_is_reported_with_both():
    world = World()
    world.share(ANNA, CT, BEN)
    world.transfer(CT, BEN)

    (ben,) = world.sharing.admin.who_can(VIEW, CT)

    assert ben.as_owner
    assert recipients(ben) == [BEN]


@pytest.mark.parametrize("withdrawn", [False, True])
def test_an_exam_that_is_not_there_is_refused(withdrawn):
    world = World()
    exam = CT if withdrawn else NO_EXAM
    if withdrawn:
        world.sharing.admin.withdraw(CT, performed_by="admin", why="wrong patient")

    reasons = refusal(world.sharing.admin.who_can, VIEW, exam)

    assert reasons == (Reason(code=ReasonCode.EXAM_NOT_FOUND, exams=(exam,)),)
