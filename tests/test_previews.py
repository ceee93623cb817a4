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
    NOBODY,
    NURSES,
    START,
    VIEW,
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


def test_a_permission_that_is_not_held_has_no_time():
    world = shared_with(BEN, until=START + DAY)

    (gain,) = world.sharing.preview(share_request(ANNA, CT, CARLA, until=START + DAY)).gains
    (loss,) = world.sharing.preview(es.UnshareRequest(actor=ANNA, exam=CT, recipient=BEN)).losses

    assert (gain.until_before, gain.until_after) == (None, START + DAY)
    assert (loss.until_before, loss.until_after) == (START + DAY, None)


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
