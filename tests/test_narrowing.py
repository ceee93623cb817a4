"""Narrowing cuts grants to a bound, and never raises. Specification: `#narrowing`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_sharing import HowEnded, NarrowRequest, Permission, ReasonCode, Reshares
from world import (
    ANNA,
    BEN,
    CARLA,
    CT,
    DAN,
    DAY,
    DOWNLOAD,
    EVA,
    NURSES,
    START,
    VIEW,
    World,
    codes,
    shared_with,
)

pytestmark = pytest.mark.every_store

SOON, LATER = START + DAY, START + 2 * DAY


def given_to(world, recipient, exam=CT):
    return {
        (grant.grantor, grant.permission, grant.until)
        for grant in world.grants(exam)
        if grant.recipient == recipient
    }


def test_a_narrowed_grant_is_replaced_by_one_with_a_new_id():
    world = shared_with(BEN, permission=DOWNLOAD)
    before = world.grant_to(BEN)

    receipt = world.narrow(ANNA, CT, BEN, permission=VIEW)

    (after,) = receipt.replacements
    (past,) = world.store.read((CT,), ended=True)[CT].ended
    assert [each.id for each in receipt.ended] == [before.id]
    assert after.id == world.grant_to(BEN).id
    assert after.id != before.id
    assert (past.grant, past.ending.how) == (before, HowEnded.NARROWED)
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
        st.tuples(st.sampled_from(Permission), st.none() | st.integers(1, 4)), max_size=4
    ),
    bound=st.tuples(st.none() | st.sampled_from(Permission), st.none() | st.integers(1, 4)).filter(
        any
    ),
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
            found |= {(p, half_days) for p in Permission if world.sharing.can(BEN, p, CT)}
        world.clock.now = START
        return found

    before = held()
    permission, days = bound
    request = NarrowRequest(
        actor=ANNA,
        exam=CT,
        recipient=BEN,
        permission=permission,
        until=None if days is None else START + days * DAY,
    )
    assert codes(world.reasons(request)) in ([], [ReasonCode.NO_SUCH_GRANT])

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

    world.narrow(ANNA, CT, BEN, permission=VIEW, reshares=Reshares.CASCADE)

    ended = {
        past.grant.grantor: past.ending.how
        for past in world.store.read((CT,), ended=True)[CT].ended
    }
    assert ended[ANNA] is HowEnded.NARROWED
    assert ended[CARLA] is HowEnded.CASCADED


def test_unsupported_grants_rest_on_replacements_too():
    world = shared_with(BEN)
    world.share(BEN, CT, CARLA)
    world.share(CARLA, CT, EVA)
    world.unshare(ANNA, CT, BEN)
    world.narrow(BEN, CT, CARLA, until=SOON)

    world.unshare(ANNA, CT, CARLA, reshares=Reshares.CASCADE)

    assert not world.can_view(EVA, CT)


def test_a_grant_narrowed_twice_stays_in_its_line():
    world = shared_with(BEN)
    first = world.grant_to(BEN)

    world.narrow(ANNA, CT, BEN, until=LATER)
    world.narrow(ANNA, CT, BEN, until=SOON)

    assert world.grant_to(BEN).lines == (first.id,)


def test_each_of_two_replacements_begins_a_line():
    world = shared_with(BEN, DAN)
    world.share(ANNA, CT, CARLA, permission=DOWNLOAD)
    world.share(CARLA, CT, DAN, permission=DOWNLOAD)
    world.share(DAN, CT, EVA, permission=DOWNLOAD)
    first = world.grant_to(EVA)

    world.narrow(ANNA, CT, CARLA, until=SOON, reshares=Reshares.CASCADE)

    parts = [grant for grant in world.grants(CT) if grant.recipient == EVA]
    assert {(part.permission, part.until) for part in parts} == {(DOWNLOAD, SOON), (VIEW, None)}
    assert all(part.lines == (first.id, part.id) for part in parts)
