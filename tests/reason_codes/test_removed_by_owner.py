"""`REMOVED_BY_OWNER`: only the owner readmits whom the owner removed, where the policy says so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_sharing import Permission, Reason, ReasonCode, Reshares, Scope
from world import (
    ANNA,
    BEN,
    CARLA,
    CT,
    DAN,
    DAY,
    EVA,
    MR,
    NURSES,
    START,
    World,
    codes,
    share_request,
)

pytestmark = pytest.mark.every_store

REMOVED = (Reason(code=ReasonCode.REMOVED_BY_OWNER, principals=(CARLA,)),)


def world_after(acts, **settings):
    """Return a world where Ben can see the exam and this was done with Carla, if it could be."""
    world = World(**settings)
    world.share(ANNA, CT, BEN)
    for act in acts:
        act(world)
    return world


def owner_shares(world):
    world.share(ANNA, CT, CARLA, until=world.now + 9 * DAY)


def owner_unshares(world):
    if CARLA in world.entries(ANNA):
        world.unshare(ANNA, CT, CARLA)


def owner_narrows(world):
    entry = world.entries(ANNA).get(CARLA)
    if entry is not None and entry.until != START + DAY:
        world.narrow(ANNA, CT, CARLA, until=START + DAY)


def ben_shares(world):
    world.reasons(share_request(BEN, CT, CARLA))


def ben_unshares(world):
    entry = world.entries(ANNA).get(CARLA)
    if entry is not None and any(each.grant.grantor == BEN for each in entry.grants):
        world.unshare(BEN, CT, CARLA)


def carla_leaves(world):
    if CARLA in world.entries(ANNA):
        world.unshare(CARLA, CT, CARLA)


ACTS = [owner_shares, owner_unshares, owner_narrows, ben_shares, ben_unshares, carla_leaves]


def removed_after(acts):
    """Say whether the owner removed Carla last, from what each act is known to do."""
    grantors, removed = set(), False
    for act in acts:
        if act is owner_shares:
            grantors, removed = grantors | {ANNA}, False
        elif act is owner_unshares:
            grantors, removed = set(), removed or bool(grantors)
        elif act is ben_shares and not removed:
            grantors = grantors | {BEN}
        elif act is ben_unshares:
            grantors = grantors - {BEN}
        elif act is carla_leaves:
            grantors = set()
    return removed


@pytest.mark.reason_code(ReasonCode.REMOVED_BY_OWNER)
@given(acts=st.lists(st.sampled_from(ACTS), max_size=6), only_owner=st.booleans())
def test_others_are_refused_exactly_when_the_owner_removed_last(acts, only_owner):
    """Hold the rule of SPEC 2.

    "the policy lets only the owner readmit whom the owner removed (a grant to that
    principal was ended by the owner's unsharing, and the owner has made none to it since), and the
    actor is not the owner."
    """
    world = world_after(acts, only_owner_readmits=only_owner)

    reasons = world.reasons(share_request(BEN, CT, CARLA))

    assert reasons == (REMOVED if only_owner and removed_after(acts) else ())


def test_whom_the_owner_readmitted_others_readmit_after_that_grant_ended():
    world = world_after([owner_shares, owner_unshares, owner_shares], only_owner_readmits=True)
    world.unshare(CARLA, CT, CARLA)

    assert world.reasons(share_request(BEN, CT, CARLA)) == ()


def test_whom_the_owner_readmitted_others_readmit_after_the_exam_changed_hands():
    world = world_after([owner_shares, owner_unshares, owner_shares], only_owner_readmits=True)
    world.transfer(CT, EVA)

    assert world.reasons(share_request(BEN, CT, CARLA)) == ()


def test_it_is_about_that_principal_only():
    world = world_after([], only_owner_readmits=True)
    world.share(ANNA, CT, DAN, NURSES)
    world.unshare(ANNA, CT, NURSES)

    assert world.reasons(share_request(BEN, CT, DAN, EVA)) == ()
    assert world.reasons(share_request(BEN, CT, NURSES, CARLA)) == (
        Reason(code=ReasonCode.REMOVED_BY_OWNER, principals=(NURSES,)),
    )


def test_whom_a_cascade_removed_the_owner_did_not_remove():
    world = world_after([ben_shares], only_owner_readmits=True)
    world.share(ANNA, CT, DAN)
    world.unshare(ANNA, CT, BEN, reshares=Reshares.CASCADE)

    assert not world.can_view(CARLA, CT)
    assert world.reasons(share_request(DAN, CT, CARLA)) == ()


def test_one_exam_of_the_batch_is_enough():
    world = World(only_owner_readmits=True)
    world.share(ANNA, CT, BEN, scope=Scope.BATCH)
    world.share(ANNA, MR, CARLA)
    world.unshare(ANNA, MR, CARLA)

    assert world.reasons(share_request(BEN, CT, CARLA)) == ()
    assert world.reasons(share_request(BEN, CT, DAN, CARLA, scope=Scope.BATCH)) == REMOVED


def test_it_is_told_with_the_other_reasons():
    world = world_after([owner_shares, owner_unshares], only_owner_readmits=True)
    request = share_request(BEN, CT, CARLA, permission=Permission.DOWNLOAD)

    assert codes(world.reasons(request)) == [
        ReasonCode.DOWNLOAD_NOT_HELD,
        ReasonCode.REMOVED_BY_OWNER,
    ]


def test_readmitting_somebody_else_readmits_nobody():
    world = world_after([owner_shares, owner_unshares], only_owner_readmits=True)
    world.share(ANNA, CT, DAN)

    assert world.reasons(share_request(BEN, CT, CARLA)) == REMOVED


def test_whom_the_owner_removed_readmitted_and_removed_again_is_removed():
    world = world_after([owner_shares, owner_unshares] * 2, only_owner_readmits=True)

    assert world.reasons(share_request(BEN, CT, CARLA)) == REMOVED
