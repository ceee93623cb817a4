"""The acts of the host. Specification: `#by-the-host`."""

import pytest

import exam_sharing as es
from exam_sharing.events import GrantsEnded
from world import ANNA, BEN, CARLA, CT, DAN, DAY, DOWNLOAD, MR, START, XRAY, World, shared_with

pytestmark = pytest.mark.every_store

ADMIN = es.UserId("admin")


def ended(world, exam=CT):
    return {
        each.grant.recipient: each.ending
        for each in world.store.read((exam,), ended=True)[exam].ended
    }


def end(world, recipient, **more):
    return world.sharing.admin.end_by_host(
        **{"recipient": recipient, "performed_by": "admin", "why": "left the clinic", **more}
    )


def withdraw(world, exam):
    return world.sharing.admin.withdraw(exam, performed_by=ADMIN, why="wrong patient")


def test_operator_and_reason_are_recorded():
    world = shared_with(BEN)
    world.wait(DAY)

    end(world, BEN)

    ending, event = ended(world)[BEN], world.store.events()[-1]
    assert (ending.how, ending.by) == (es.HowEnded.BY_HOST, ADMIN)
    assert (ending.acting_as, ending.at) == (es.EndedAs.HOST, START + DAY)
    assert isinstance(event, GrantsEnded)
    assert (event.request.performed_by, event.request.why) == (ADMIN, "left the clinic")


def test_a_cascade_of_the_host_ends_unsupported_grants_that_rest_on_a_replaced_one():
    world = shared_with(BEN)
    world.share(BEN, CT, CARLA)
    world.narrow(ANNA, CT, BEN, until=START + DAY)

    end(world, BEN, reshares=es.Reshares.CASCADE)

    assert not world.can_view(CARLA, CT)
    assert ended(world)[CARLA].how is es.HowEnded.CASCADED


def test_a_cascade_of_the_host_keeps_supported_grants():
    world = shared_with(BEN, CARLA, permission=DOWNLOAD)
    world.share(ANNA, CT, DAN)
    world.share(BEN, CT, DAN, permission=DOWNLOAD)
    world.share(DAN, CT, es.UserId("eva"), permission=DOWNLOAD)

    receipt = end(world, BEN, exam=CT, reshares=es.Reshares.CASCADE)

    assert [(each.grantor, each.permission.name) for each in receipt.replacements] == [
        (DAN, "VIEW")
    ]


def test_replacements_on_several_exams_have_ids_of_their_own():
    world = World()
    for exam in (CT, MR):
        world.share(ANNA, exam, BEN, permission=DOWNLOAD)
        world.share(ANNA, exam, DAN)
        world.share(BEN, exam, DAN, permission=DOWNLOAD)
        world.share(DAN, exam, CARLA, permission=DOWNLOAD)

    receipt = end(world, BEN, reshares=es.Reshares.CASCADE)

    assert [each.exam for each in receipt.replacements] == [CT, MR]
    assert len({each.id for each in receipt.replacements}) == 2


def test_restricted_it_is_done_where_nothing_was_passed_on():
    world = shared_with(BEN)

    end(world, BEN, reshares=es.Reshares.RESTRICT)

    assert not world.can_view(BEN, CT)


def test_a_grant_that_expired_is_not_ended_again():
    world = shared_with(BEN, until=START + DAY)
    world.wait(DAY)

    assert end(world, BEN).ended == ()


def test_the_receipt_of_the_host_holds_nothing_back():
    world = World(
        access_list=es.AccessListScope.OWN_GRANTS,
        visible=lambda *_: True,
        members_visible=lambda *_: False,
    )
    world.share(ANNA, CT, BEN)
    world.share(BEN, CT, CARLA)

    receipt = end(world, BEN, reshares=es.Reshares.CASCADE)

    assert [grant.recipient for grant in receipt.ended] == [BEN, CARLA]


def test_all_grants_on_a_withdrawn_exam_end_as_withdrawn():
    world = shared_with(BEN)
    world.share(BEN, CT, CARLA)

    withdraw(world, CT)

    assert {ending.how for ending in ended(world).values()} == {es.HowEnded.WITHDRAWN}
    assert {ending.acting_as for ending in ended(world).values()} == {es.EndedAs.HOST}
    assert {ending.by for ending in ended(world).values()} == {ADMIN}
    event = world.store.events()[-1]
    assert (event.request.performed_by, event.request.why) == (ADMIN, "wrong patient")


def test_an_exam_that_was_never_shared_can_be_withdrawn():
    world = World()

    assert withdraw(world, CT).ended == ()
    assert not world.can_view(ANNA, CT)
    assert dict(world.store.events()[-1].versions) == {CT: 1}


def test_withdrawing_twice_does_nothing():
    world = shared_with(BEN)
    withdraw(world, CT)
    before, events = world.state(), world.store.events()

    assert withdraw(world, CT).ended == ()
    assert world.state() == before
    assert world.store.events() == events


def test_a_withdrawn_exam_cannot_be_transferred():
    world = World()
    withdraw(world, CT)

    with pytest.raises(es.StoreFailed):
        world.transfer(CT, BEN)

    assert [each.exam for each in world.sharing.visible_to(ANNA).items] == [MR, XRAY]


def test_the_id_of_an_exam_that_was_withdrawn_is_never_used_again():
    """Specification: `#exam`, `#ids`."""
    world = World()
    withdraw(world, CT)

    with pytest.raises(es.AlreadyExists):
        world.upload(es.BatchId("another"), BEN, CT)
    assert not world.can_view(BEN, CT)
