"""Narrowing cuts grants to a bound and never raises; the host ends and withdraws.

Specification: `#narrowing`, `#by-the-host`.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import exam_sharing as es
from exam_sharing.events import GrantsEnded
from exam_sharing.identifiers import id_within
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
    NURSES,
    START,
    VIEW,
    XRAY,
    World,
    codes,
    shared_with,
)

pytestmark = pytest.mark.every_store

SOON, LATER = START + DAY, START + 2 * DAY


def test_a_narrowed_grant_is_replaced_by_one_with_a_new_id():
    world = shared_with(BEN, permission=DOWNLOAD)
    before = world.grant_to(BEN)

    receipt = world.narrow(ANNA, CT, BEN, permission=VIEW)

    (after,) = receipt.replacements
    (past,) = world.store.read((CT,), ended=True)[CT].ended
    assert [each.id for each in receipt.ended] == [before.id]
    assert after.id == world.grant_to(BEN).id
    assert after.id == es.GrantId(id_within("act2", before.id, "VIEW"))
    assert after.id != before.id
    assert (past.grant, past.ending.how) == (before, es.HowEnded.NARROWED)
    assert past.ending.replaced_by == (after.id,)


def test_the_replacement_takes_over_version_basis_grantor_and_share():
    world = shared_with(BEN, permission=DOWNLOAD)
    world.share(BEN, CT, CARLA, permission=DOWNLOAD)
    before = world.grant_to(CARLA)
    world.wait(DAY)

    world.narrow(ANNA, CT, CARLA, permission=VIEW)

    after = world.grant_to(CARLA)
    assert (after.version, after.basis) == (before.version, before.basis)
    assert (after.grantor, after.share) == (BEN, before.share)
    assert after.made_at == START + DAY


@given(
    shares=st.lists(
        st.tuples(st.sampled_from(es.Permission), st.none() | st.integers(1, 4)), max_size=4
    ),
    bound=st.tuples(
        st.none() | st.sampled_from(es.Permission), st.none() | st.integers(1, 4)
    ).filter(any),
)
def test_narrowing_never_raises_and_leaves_all_that_is_within_the_bound(shares, bound):
    world = World()
    for permission, days in shares:
        until = None if days is None else START + days * DAY
        world.share(ANNA, CT, BEN, permission=permission, until=until)

    def held():
        found = set()
        for half_days in range(1, 10, 2):
            world.clock.now = START + half_days * DAY / 2
            found |= {(p, half_days) for p in es.Permission if world.sharing.can(BEN, p, CT)}
        world.clock.now = START
        return found

    before = held()
    permission, days = bound
    request = es.NarrowRequest(
        actor=ANNA,
        exam=CT,
        recipient=BEN,
        permission=permission,
        until=None if days is None else START + days * DAY,
    )
    assert codes(world.reasons(request)) in ([], [es.ReasonCode.NO_SUCH_GRANT])

    assert held() == {
        (each, half_days)
        for each, half_days in before
        if (permission is None or each <= permission) and (days is None or half_days < 2 * days)
    }


def test_holding_as_much_as_the_bound_is_not_more():
    world = shared_with(DAN, permission=DOWNLOAD)
    world.share(ANNA, CT, NURSES)

    assert world.narrow(ANNA, CT, DAN, permission=VIEW).still_have_access == ()


def test_a_named_grant_of_which_a_cascade_leaves_nothing_ends_as_cascaded():
    world = World()
    for actor, recipient in ((ANNA, BEN), (BEN, CARLA), (CARLA, BEN)):
        world.share(actor, CT, recipient, permission=DOWNLOAD)
    world.unshare(ANNA, CT, CARLA)

    world.narrow(ANNA, CT, BEN, permission=VIEW, reshares=es.Reshares.CASCADE)

    ended = {
        past.grant.grantor: past.ending.how
        for past in world.store.read((CT,), ended=True)[CT].ended
    }
    assert ended[ANNA] is es.HowEnded.NARROWED
    assert ended[CARLA] is es.HowEnded.CASCADED


def test_unsupported_grants_rest_on_replacements_too():
    world = shared_with(BEN)
    world.share(BEN, CT, CARLA)
    world.share(CARLA, CT, EVA)
    world.unshare(ANNA, CT, BEN)
    world.narrow(BEN, CT, CARLA, until=SOON)

    world.unshare(ANNA, CT, CARLA, reshares=es.Reshares.CASCADE)

    assert not world.can_view(EVA, CT)


def test_a_grant_narrowed_twice_stays_in_its_line():
    world = shared_with(BEN)
    first = world.grant_to(BEN)

    world.narrow(ANNA, CT, BEN, until=LATER)
    world.narrow(ANNA, CT, BEN, until=SOON)

    assert world.grant_to(BEN).lines == (first.id,)


def test_what_is_passed_on_from_a_narrowed_grant_rests_on_it():
    world = shared_with(BEN)
    world.narrow(ANNA, CT, BEN, until=LATER)
    world.share(BEN, CT, CARLA, until=SOON)

    world.unshare(ANNA, CT, BEN, reshares=es.Reshares.CASCADE)

    assert not world.can_view(CARLA, CT)


def test_what_is_passed_on_from_a_narrowed_grant_rests_on_what_a_further_narrowing_leaves():
    world = shared_with(BEN)
    world.narrow(ANNA, CT, BEN, until=LATER)
    world.share(BEN, CT, CARLA, until=LATER)
    world.narrow(ANNA, CT, BEN, until=SOON, reshares=es.Reshares.KEEP)

    world.unshare(ANNA, CT, BEN, reshares=es.Reshares.CASCADE)

    assert not world.can_view(CARLA, CT)


def test_a_narrowing_leaves_the_reshares_of_other_members_of_a_group():
    world = shared_with(NURSES)
    world.share(DAN, CT, BEN)
    world.share(EVA, CT, CARLA)

    world.narrow(ANNA, CT, BEN, until=SOON, reshares=es.Reshares.CASCADE)

    assert (world.grant_to(BEN).until, world.grant_to(CARLA).until) == (SOON, None)


def test_each_of_two_replacements_begins_a_line():
    world = shared_with(BEN, DAN)
    world.share(ANNA, CT, CARLA, permission=DOWNLOAD)
    world.share(CARLA, CT, DAN, permission=DOWNLOAD)
    world.share(DAN, CT, EVA, permission=DOWNLOAD)
    first = world.grant_to(EVA)

    world.narrow(ANNA, CT, CARLA, until=SOON, reshares=es.Reshares.CASCADE)

    parts = [grant for grant in world.grants(CT) if grant.recipient == EVA]
    assert {(part.permission, part.until) for part in parts} == {(DOWNLOAD, SOON), (VIEW, None)}
    assert all(part.lines == (first.id, part.id) for part in parts)
    grounds = world.sharing.admin.explain(EVA, VIEW, CT).grounds
    assert [ground.grant.permission for ground in grounds] == [DOWNLOAD, VIEW]


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

    before = world.grant_to(EVA)

    receipt = end(world, BEN, exam=CT, reshares=es.Reshares.CASCADE)

    (after,) = receipt.replacements
    assert (after.grantor, after.permission) == (DAN, VIEW)
    assert after.id == es.GrantId(id_within("act5", before.id, "VIEW"))


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
