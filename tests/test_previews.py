"""Previews report the effects of an act, and change nothing. Specification: `#previews`."""

import pytest

import exam_sharing as es
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
    World,
    codes,
    share_request,
    shared_with,
)

pytestmark = pytest.mark.every_store

SOON, LATER = START + DAY, START + 2 * DAY


def unshare(actor, recipient, **more):
    return es.UnshareRequest(actor=actor, exam=CT, recipient=recipient, **more)


def told(effects):
    return {(each.principal, each.permission) for each in effects}


def test_a_preview_changes_nothing_and_is_not_audited():
    world = shared_with(BEN, permission=DOWNLOAD)
    grant = world.grant_to(BEN).id
    before, events = world.state(), world.store.events()

    for request in (
        share_request(ANNA, CT, CARLA, message="hello", request_id="r"),
        share_request(ANNA, CT, NOBODY),
        unshare(ANNA, BEN, request_id="r2"),
        es.NarrowRequest(actor=ANNA, exam=CT, recipient=BEN, permission=VIEW),
        es.RevokeRequest(actor=ANNA, grant=grant),
    ):
        world.sharing.preview(request)

    assert world.state() == before
    assert world.store.events() == events


def test_exams_on_which_nothing_is_gained_hide_no_gain_on_the_others():
    world = shared_with(BEN)

    preview = world.sharing.preview(share_request(ANNA, CT, BEN, scope=es.Scope.BATCH))

    assert [effect.exam for effect in preview.gains] == [MR, XRAY]


def test_a_permission_that_is_not_held_has_no_time():
    world = shared_with(BEN, until=START + DAY)

    (gain,) = world.sharing.preview(share_request(ANNA, CT, CARLA, until=START + DAY)).gains
    (loss,) = world.sharing.preview(es.UnshareRequest(actor=ANNA, exam=CT, recipient=BEN)).losses

    assert (gain.until_before, gain.until_after) == (None, START + DAY)
    assert (loss.until_before, loss.until_after) == (START + DAY, None)


def test_a_group_is_listed_with_its_members():
    world = World()

    preview = world.sharing.preview(share_request(ANNA, CT, NURSES))

    assert told(preview.gains) == {(NURSES, VIEW), (DAN, VIEW), (EVA, VIEW)}


def test_inactive_members_are_not_listed():
    world = World()
    world.person(EVA, active=False)

    preview = world.sharing.preview(share_request(ANNA, CT, NURSES))

    assert told(preview.gains) == {(NURSES, VIEW), (DAN, VIEW)}


def test_the_actor_in_a_recipient_group_gains_nothing():
    world = shared_with(DAN, until=SOON)

    preview = world.sharing.preview(share_request(DAN, CT, NURSES))

    assert told(preview.gains) == {(NURSES, VIEW), (EVA, VIEW)}


def test_the_same_goes_for_an_outdated_wording():
    request = share_request(ANNA, CT, BEN, wording="an old one")

    preview = World().sharing.preview(request)

    assert codes(preview.reasons) == [es.ReasonCode.ATTESTATION_MISSING]
    assert told(preview.gains) == {(BEN, VIEW)}


def test_keeps_lists_only_permissions_that_the_act_takes():
    world = World()
    world.group(NURSES, ANNA, DAN)
    world.share(ANNA, CT, CARLA, NURSES)
    world.share(CARLA, CT, NURSES)

    carlas = world.sharing.preview(unshare(CARLA, NURSES))
    annas = world.sharing.preview(
        es.NarrowRequest(
            actor=ANNA, exam=CT, recipient=NURSES, until=SOON, reshares=es.Reshares.KEEP
        )
    )

    assert told(carlas.keeps) == {(NURSES, VIEW), (DAN, VIEW), (ANNA, VIEW)}
    assert told(annas.keeps) == {(ANNA, VIEW)}


def test_an_unseen_path_is_not_in_keeps():
    world = World(access_list=es.AccessListScope.OWN_GRANTS)
    world.share(ANNA, CT, BEN, CARLA)
    world.share(BEN, CT, CARLA)

    preview = world.sharing.preview(unshare(BEN, CARLA))

    assert told(preview.losses) == {(CARLA, VIEW)}
    assert preview.keeps == ()


def test_the_receipt_agrees_with_the_preview():
    world = shared_with(DAN, NURSES)
    request = unshare(ANNA, NURSES)

    preview = world.sharing.preview(request)
    receipt = world.sharing.unshare(request)

    assert receipt.still_have_access == tuple(each.principal for each in preview.keeps)


def test_a_preview_agrees_with_the_checks_before_and_after():
    world = shared_with(DAN)
    request = share_request(ANNA, CT, BEN, NURSES, permission=DOWNLOAD)
    preview = world.sharing.preview(request)
    people = [each for each in preview.gains if each.principal != NURSES]

    before = {e: world.sharing.can(e.principal, e.permission, e.exam) for e in people}
    world.sharing.share(request)
    after = {e: world.sharing.can(e.principal, e.permission, e.exam) for e in people}

    assert all(each.held_before == before[each] for each in people)
    assert all(each.held_after == after[each] for each in people)
