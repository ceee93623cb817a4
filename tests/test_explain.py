"""`explain` tells operators why a user holds a permission, by every path, or why not."""

import pytest

from exam_sharing import Permission, Permitted, ReasonCode, WhyNot
from exam_sharing.events import ActRefused
from exam_sharing.grants import EndedAs, EndedGrant, Ending, HowEnded
from exam_sharing.ports import Changes
from world import (
    ANNA,
    BEN,
    CARLA,
    CLINIC,
    CT,
    DAN,
    DAY,
    DOWNLOAD,
    NOBODY,
    NURSES,
    START,
    VIEW,
    World,
    codes,
    share_request,
)

pytestmark = pytest.mark.every_store


def why_not(denied):
    return {(miss.why_not, miss.grant and miss.grant.recipient) for miss in denied.nearest}


def test_the_owner_holds_it_as_the_owner():
    assert World().sharing.admin.explain(ANNA, DOWNLOAD, CT) == Permitted(as_owner=True, grounds=())


def test_an_owner_with_a_grant_is_reported_with_both():
    world = World()
    world.share(ANNA, CT, BEN)
    world.transfer(CT, BEN)

    permitted = world.sharing.admin.explain(BEN, VIEW, CT)

    assert permitted.as_owner
    assert [ground.grant for ground in permitted.grounds] == [world.grant_to(BEN)]


def test_every_standing_grant_that_gives_it_is_named_with_its_path():
    world = World()
    world.share(ANNA, CT, BEN, DAN, CLINIC)
    world.share(BEN, CT, NURSES)

    permitted = world.sharing.admin.explain(DAN, VIEW, CT)

    assert not permitted.as_owner
    assert {(ground.grant.grantor, ground.path) for ground in permitted.grounds} == {
        (ANNA, (DAN,)),
        (BEN, (DAN, NURSES)),
        (ANNA, (DAN, NURSES, CLINIC)),
    }


def test_grounds_come_in_the_order_in_which_they_were_given_though_one_was_narrowed_since():
    world = World()
    world.share(ANNA, CT, DAN, permission=DOWNLOAD)
    world.share(ANNA, CT, NURSES)
    world.narrow(ANNA, CT, DAN, permission=VIEW)

    permitted = world.sharing.admin.explain(DAN, VIEW, CT)

    assert [ground.grant.recipient for ground in permitted.grounds] == [DAN, NURSES]


def test_only_grants_that_give_that_permission_are_named():
    world = World()
    world.share(ANNA, CT, DAN, permission=DOWNLOAD)
    world.share(ANNA, CT, NURSES)

    permitted = world.sharing.admin.explain(DAN, DOWNLOAD, CT)

    assert [ground.grant.recipient for ground in permitted.grounds] == [DAN]


def test_a_download_is_a_ground_for_viewing():
    world = World()
    world.share(ANNA, CT, BEN, permission=DOWNLOAD)

    (ground,) = world.sharing.admin.explain(BEN, VIEW, CT).grounds

    assert ground.grant == world.grant_to(BEN)


def test_a_user_with_nothing_is_denied_with_nothing_near():
    denied = World().sharing.admin.explain(BEN, VIEW, CT)

    assert codes(denied.reasons) == [ReasonCode.EXAM_NOT_FOUND]
    assert denied.nearest == ()


def test_view_through_a_group_is_a_near_miss_with_its_path():
    world = World()
    world.share(ANNA, CT, CLINIC)

    (miss,) = world.sharing.admin.explain(DAN, DOWNLOAD, CT).nearest

    assert (miss.why_not, miss.path) == (WhyNot.ONLY_VIEW, (DAN, NURSES, CLINIC))


def test_a_swept_grant_is_a_near_miss_as_expired():
    world = World()
    world.share(ANNA, CT, BEN, until=START + DAY)
    grant = world.grant_to(BEN)
    world.wait(DAY)
    ending = Ending(
        grant=grant.id,
        how=HowEnded.EXPIRED,
        by=None,
        acting_as=EndedAs.HOST,
        at=START + DAY,
        version=2,
    )
    event = ActRefused(at=START, request=share_request(ANNA, CT, BEN), reasons=())
    ended = (EndedGrant(grant=grant, ending=ending),)
    assert world.store.commit(Changes(versions={CT: 1}, ended=ended, event=event))

    assert why_not(world.sharing.admin.explain(BEN, VIEW, CT)) == {(WhyNot.EXPIRED, BEN)}


def test_an_ended_grant_to_a_group_is_a_near_miss_with_its_path():
    world = World()
    world.share(ANNA, CT, CLINIC)
    world.unshare(ANNA, CT, CLINIC)

    (miss,) = world.sharing.admin.explain(DAN, VIEW, CT).nearest

    assert (miss.why_not, miss.path) == (WhyNot.ENDED, (DAN, NURSES, CLINIC))


def test_an_exam_that_was_withdrawn_is_not_found():
    world = World()
    world.share(ANNA, CT, BEN)
    world.sharing.admin.withdraw(CT, performed_by="admin", why="wrong patient")

    denied = world.sharing.admin.explain(BEN, VIEW, CT)

    assert (codes(denied.reasons), denied.nearest) == ([ReasonCode.EXAM_NOT_FOUND], ())


@pytest.mark.parametrize("permission", Permission)
def test_explain_and_can_agree(permission):
    world = World()
    world.share(ANNA, CT, BEN, permission=DOWNLOAD)
    world.share(BEN, CT, CLINIC, until=START + DAY)
    for _ in range(2):
        for user in (ANNA, BEN, CARLA, DAN, NOBODY):
            permitted = isinstance(world.sharing.admin.explain(user, permission, CT), Permitted)
            assert permitted == world.sharing.can(user, permission, CT)
        world.wait(DAY)
