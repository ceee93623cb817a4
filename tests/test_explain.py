"""The answers for operators: `explain` and `who_can`, with nothing held back.

That they agree with `can` for every user is held by `laws/test_always.py`.
"""

import pytest

from exam_sharing import Holder, Reason, ReasonCode, WhyNot
from exam_sharing.events import ActRefused
from exam_sharing.grants import EndedAs, EndedGrant, Ending, HowEnded
from exam_sharing.ports import Changes
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
    share_request,
    shared_with,
)

pytestmark = pytest.mark.every_store


def why_not(denied):
    return {(miss.why_not, miss.grant and miss.grant.recipient) for miss in denied.nearest}


def test_an_owner_with_a_grant_is_reported_with_both():
    world = shared_with(BEN)
    world.transfer(CT, BEN)

    permitted = world.sharing.admin.explain(BEN, VIEW, CT)

    assert permitted.as_owner
    assert [ground.grant for ground in permitted.grounds] == [world.grant_to(BEN)]
    (ben,) = world.sharing.admin.who_can(VIEW, CT)
    assert ben.as_owner
    assert recipients(ben) == [BEN]


def test_every_standing_grant_that_gives_it_is_named_with_its_path():
    world = shared_with(BEN, DAN, CLINIC)
    world.share(BEN, CT, NURSES)

    permitted = world.sharing.admin.explain(DAN, VIEW, CT)

    assert not permitted.as_owner
    assert {(ground.grant.grantor, ground.path) for ground in permitted.grounds} == {
        (ANNA, (DAN,)),
        (BEN, (DAN, NURSES)),
        (ANNA, (DAN, NURSES, CLINIC)),
    }


def test_grounds_keep_their_order_after_a_narrowing():
    world = shared_with(DAN, permission=DOWNLOAD)
    world.share(ANNA, CT, NURSES)
    world.narrow(ANNA, CT, DAN, permission=VIEW)

    permitted = world.sharing.admin.explain(DAN, VIEW, CT)

    assert [ground.grant.recipient for ground in permitted.grounds] == [DAN, NURSES]


def test_only_grants_that_give_that_permission_are_named():
    world = shared_with(DAN, permission=DOWNLOAD)
    world.share(ANNA, CT, NURSES)

    permitted = world.sharing.admin.explain(DAN, DOWNLOAD, CT)

    assert [ground.grant.recipient for ground in permitted.grounds] == [DAN]


def test_a_download_is_a_ground_for_viewing():
    world = shared_with(BEN, permission=DOWNLOAD)

    (ground,) = world.sharing.admin.explain(BEN, VIEW, CT).grounds

    assert ground.grant == world.grant_to(BEN)


def test_view_through_a_group_is_a_near_miss_with_its_path():
    world = shared_with(CLINIC)

    (miss,) = world.sharing.admin.explain(DAN, DOWNLOAD, CT).nearest

    assert (miss.why_not, miss.path) == (WhyNot.ONLY_VIEW, (DAN, NURSES, CLINIC))


def test_a_swept_grant_is_a_near_miss_as_expired():
    world = shared_with(BEN, until=START + DAY)
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
    world = shared_with(CLINIC)
    world.unshare(ANNA, CT, CLINIC)

    (miss,) = world.sharing.admin.explain(DAN, VIEW, CT).nearest

    assert (miss.why_not, miss.path) == (WhyNot.ENDED, (DAN, NURSES, CLINIC))


def recipients(holder):
    return [grant.recipient for grant in holder.grants]


def test_the_owner_alone_holds_an_unshared_exam():
    assert World().sharing.admin.who_can(VIEW, CT) == (Holder(user=ANNA, as_owner=True),)


def test_holders_come_by_id_with_their_grants():
    world = shared_with(BEN, DAN)
    world.share(BEN, CT, NURSES, permission=VIEW)

    found = world.sharing.admin.who_can(VIEW, CT)

    assert [each.user for each in found] == [ANNA, BEN, DAN, EVA]
    assert [recipients(each) for each in found] == [[], [BEN], [DAN, NURSES], [NURSES]]


@pytest.mark.parametrize("withdrawn", [False, True])
def test_an_exam_that_is_not_there_is_refused(withdrawn):
    world = World()
    exam = CT if withdrawn else NO_EXAM
    if withdrawn:
        world.sharing.admin.withdraw(CT, performed_by="admin", why="wrong patient")

    reasons = refusal(world.sharing.admin.who_can, VIEW, exam)

    assert reasons == (Reason(code=ReasonCode.EXAM_NOT_FOUND, exams=(exam,)),)
