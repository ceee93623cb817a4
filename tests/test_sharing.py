"""Sharing, sharing again, its records, and previews. Specification: `#sharing`, `#previews`."""

import pytest
from attrs import evolve

import exam_sharing as es
from exam_sharing.events import ExamShared
from world import (
    ANNA,
    BEN,
    CARLA,
    CLINIC,
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


def test_the_basis_of_a_reshare_is_every_sufficient_grant():
    world = World()
    ward = es.GroupId("ward")
    world.group(ward, BEN)
    world.share(ANNA, CT, BEN, until=START + 2 * DAY)
    world.share(ANNA, CT, ward, until=START + 3 * DAY)
    world.share(ANNA, CT, CLINIC, until=START + 3 * DAY)
    world.share(CARLA, CT, BEN, until=START + DAY)
    by_anna, by_carla = world.grant_to(BEN, by=ANNA), world.grant_to(BEN, by=CARLA)
    to_ward = world.grant_to(ward)

    world.share(BEN, CT, DAN, until=START + 2 * DAY)
    world.share(BEN, CT, EVA, until=START + DAY)

    assert world.grant_to(DAN).basis == {by_anna.id, to_ward.id}
    assert world.grant_to(EVA).basis == {by_anna.id, to_ward.id, by_carla.id}


def test_the_basis_of_a_view_can_be_a_download():
    world = shared_with(BEN, permission=DOWNLOAD)

    world.share(BEN, CT, CARLA)

    assert world.grant_to(CARLA).basis == {world.grant_to(BEN).id}


def test_each_act_on_an_exam_counts_its_version_up_by_one():
    world = shared_with(BEN, NURSES)
    world.share(ANNA, CT, CARLA, scope=es.Scope.BATCH)
    world.unshare(ANNA, CT, NURSES)
    world.narrow(ANNA, CT, BEN, until=START + DAY)
    world.share(ANNA, CT, DAN)

    versions = {grant.recipient: grant.version for grant in world.grants(CT)}

    assert versions == {BEN: 1, CARLA: 2, DAN: 5}
    assert world.grant_to(CARLA, MR).version == 1


def test_the_record_of_a_share_is_complete():
    world = World()

    receipt = world.share(
        ANNA,
        CT,
        BEN,
        NURSES,
        permission=DOWNLOAD,
        scope=es.Scope.BATCH,
        until=START + DAY,
        performed_by="secretary",
    )

    record = world.store.share_record(receipt.share)
    assert record.actor == ANNA
    assert record.performed_by == es.UserId("secretary")
    assert record.exam == CT
    assert record.exams == (CT, MR, XRAY)
    assert record.recipients == (BEN, NURSES)
    assert (record.permission, record.scope) == (DOWNLOAD, es.Scope.BATCH)
    assert (record.at, record.until) == (START, START + DAY)
    grant = world.grant_to(BEN)
    assert (grant.share, grant.made_at, receipt.at) == (receipt.share, START, START)


def test_the_named_exam_comes_first_then_the_newest_and_recipients_as_they_were_named():
    world = World()

    receipt = world.share(ANNA, XRAY, NURSES, BEN, scope=es.Scope.BATCH)

    assert world.sharing.share_form(ANNA, XRAY).exams == (XRAY, CT, MR)
    pairs = [(exam, to) for exam in (XRAY, CT, MR) for to in (NURSES, BEN)]
    assert [(each.exam, each.recipient) for each in receipt.outcomes] == pairs
    with pytest.raises(es.Refused) as refused:
        world.share(ANNA, CT, NOBODY, BEN, es.GroupId("none"))
    assert refused.value.reasons[0].principals == (NOBODY, es.GroupId("none"))


def test_a_share_is_audited_with_its_grants():
    world = shared_with(BEN, message="hello")

    (event,) = world.store.events()

    assert isinstance(event, ExamShared)
    assert event.made == world.grants(CT)
    assert event.versions == {CT: 1}
    assert event.request == evolve(share_request(ANNA, CT, BEN), message=None)


def test_the_policy_can_be_read():
    world = World(max_recipients=3)
    assert world.sharing.policy == es.Policy(max_recipients=3)


SOON, LATER = START + DAY, START + 2 * DAY


def outcome_of(receipt, exam=CT):
    (outcome,) = (each for each in receipt.outcomes if each.exam == exam)
    return outcome.outcome, outcome.until


def test_several_grants_of_one_grantor_are_counted_together():
    world = shared_with(BEN)
    world.share(ANNA, CT, BEN, permission=DOWNLOAD, until=SOON)

    assert outcome_of(world.share(ANNA, CT, BEN, permission=DOWNLOAD, until=SOON)) == (
        es.Outcome.UNCHANGED,
        SOON,
    )
    assert outcome_of(world.share(ANNA, CT, BEN, permission=DOWNLOAD, until=LATER)) == (
        es.Outcome.EXTENDED,
        LATER,
    )
    assert outcome_of(world.share(ANNA, CT, BEN)) == (es.Outcome.UNCHANGED, None)


def test_a_share_that_adds_nothing_is_audited_and_changes_no_version():
    world = shared_with(BEN)

    receipt = world.share(ANNA, CT, BEN)

    assert world.store.share_record(receipt.share) is not None
    assert world.store.events()[-1].made == ()
    world.share(ANNA, CT, CARLA)
    assert world.grant_to(CARLA).version == 2


def test_a_shorter_hold_leaves_an_earlier_grant_unchanged():
    world = shared_with(BEN, until=LATER)
    world.share(BEN, CT, CARLA)
    world.unshare(ANNA, CT, BEN)
    world.share(ANNA, CT, BEN, until=SOON)

    receipt = world.share(BEN, CT, CARLA)

    assert outcome_of(receipt) == (es.Outcome.UNCHANGED, LATER)
    assert receipt.outcomes[0].limited_by is es.UntilLimit.OWN_HOLD


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


def test_a_preview_says_who_holds_a_permission_before_and_after():
    world = shared_with(BEN, DAN, NURSES)

    (gain,) = world.sharing.preview(share_request(ANNA, CT, CARLA)).gains
    (loss,) = world.sharing.preview(unshare(ANNA, BEN)).losses
    (keep,) = world.sharing.preview(unshare(ANNA, DAN)).keeps

    held = [(each.held_before, each.held_after) for each in (gain, loss, keep)]
    assert held == [(False, True), (True, False), (True, True)]


@pytest.mark.parametrize("soonest", [ANNA, DAN])
def test_in_a_preview_the_longest_of_several_peoples_grants_counts(soonest):
    world = shared_with(DAN)
    for grantor in (ANNA, DAN):
        world.share(grantor, CT, BEN, until=SOON if grantor == soonest else LATER)

    grant = world.grant_to(BEN, by=soonest).id
    (keep,) = world.sharing.preview(es.RevokeRequest(actor=ANNA, grant=grant)).keeps

    assert (keep.until_before, keep.until_after) == (LATER, LATER)


def test_in_a_preview_nobody_holds_by_their_own_gift_to_a_group():
    world = shared_with(DAN, permission=DOWNLOAD)
    world.share(DAN, CT, NURSES, permission=DOWNLOAD)

    assert (DAN, VIEW) in told(world.sharing.preview(unshare(ANNA, DAN)).losses)
    world.unshare(ANNA, CT, DAN)
    assert (DAN, VIEW) in told(world.sharing.preview(share_request(ANNA, CT, DAN)).gains)


@pytest.mark.parametrize("already", [CT, MR, XRAY])
def test_a_preview_of_a_batch_passes_over_an_exam_that_does_not_change(already):
    world = World()
    world.share(ANNA, already, BEN)

    gains = world.sharing.preview(share_request(ANNA, CT, BEN, scope=es.Scope.BATCH)).gains

    assert {each.exam for each in gains} == {CT, MR, XRAY} - {already}


def test_a_permission_that_is_not_held_has_no_time():
    world = shared_with(BEN, until=START + DAY)

    (gain,) = world.sharing.preview(share_request(ANNA, CT, CARLA, until=START + DAY)).gains
    (loss,) = world.sharing.preview(es.UnshareRequest(actor=ANNA, exam=CT, recipient=BEN)).losses

    assert (gain.until_before, gain.until_after) == (None, START + DAY)
    assert (loss.until_before, loss.until_after) == (START + DAY, None)


def test_inactive_members_and_the_actor_gain_nothing_by_a_group():
    world = shared_with(DAN, until=SOON)
    world.group(NURSES, BEN, DAN, EVA)
    world.person(EVA, active=False)

    preview = world.sharing.preview(share_request(DAN, CT, NURSES))

    assert told(preview.gains) == {(NURSES, VIEW), (BEN, VIEW)}


def test_a_preview_with_an_outdated_wording_still_reports_the_effects():
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
