"""A shown grant discloses no grant that its reader may not see. Specification: `#disclosure`.

> Results shown to an actor speak of principals that the request names or that are on the access
> list they may see.
"""

from collections.abc import Callable
from typing import Any, Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_sharing import (
    OWNER,
    AccessListScope,
    GroupId,
    Permission,
    PrincipalId,
    Reshares,
    ShownGrant,
    UnshareRequest,
    UserId,
)
from world import ANNA, BEN, CARLA, CT, DAN, DAY, DOWNLOAD, EVA, NURSES, START, VIEW, World

pytestmark = pytest.mark.every_store

FRED: Final = UserId("fred")
TEAM: Final = GroupId("team")


def shown(world: World, viewer: UserId) -> dict[tuple[UserId, str], ShownGrant]:
    """Return the grants on the access list of a viewer, by who made them to whom."""
    return {
        (listed.grant.grantor, str(principal)): listed.grant
        for principal, entry in world.entries(viewer).items()
        for listed in entry.grants
    }


def passed_on_by_ben(**settings: object) -> World:
    """Return a world in which Ben has the CT from Anna and Carla, and passed it on to Dan."""
    world = World(**settings)
    world.share(ANNA, CT, BEN, CARLA)
    world.share(CARLA, CT, BEN)
    world.share(BEN, CT, DAN)
    return world


def test_a_shown_grant_has_no_version():
    assert "version" not in attrs.fields_dict(ShownGrant)


def test_it_has_every_other_field_of_the_grant():
    world = World()
    world.share(ANNA, CT, BEN, permission=DOWNLOAD, until=START + DAY)

    grant, kept = shown(world, BEN)[ANNA, "ben"], world.grant_to(BEN)

    assert grant == ShownGrant.of(kept, OWNER)
    assert {name: getattr(kept, name) for name in attrs.fields_dict(ShownGrant)} == attrs.asdict(
        grant, recurse=False
    )


def test_who_is_shown_every_grant_is_shown_every_basis():
    world = passed_on_by_ben()
    list_of_anna = shown(world, ANNA)

    assert list_of_anna[ANNA, "ben"].basis is OWNER
    assert list_of_anna[BEN, "dan"].basis == {
        list_of_anna[ANNA, "ben"].id,
        list_of_anna[CARLA, "ben"].id,
    }


def test_a_basis_shows_only_grants_on_the_viewers_list():
    world = passed_on_by_ben(access_list=AccessListScope.OWN_GRANTS)
    world.share(CARLA, CT, NURSES)
    world.share(DAN, CT, EVA)
    list_of_ben = shown(world, BEN)

    assert list_of_ben[BEN, "dan"].basis == {
        list_of_ben[ANNA, "ben"].id,
        list_of_ben[CARLA, "ben"].id,
    }
    assert shown(world, DAN)[BEN, "dan"].basis == frozenset()
    assert shown(world, DAN)[DAN, "eva"].basis == {shown(world, DAN)[BEN, "dan"].id}
    assert shown(world, EVA)[DAN, "eva"].basis == frozenset()


def test_a_grant_of_a_basis_that_ended_is_shown_no_more():
    world = passed_on_by_ben()
    world.unshare(CARLA, CT, BEN)

    assert shown(world, ANNA)[BEN, "dan"].basis == {shown(world, ANNA)[ANNA, "ben"].id}


def test_receipts_and_access_lists_show_the_same_basis():
    world = passed_on_by_ben(access_list=AccessListScope.OWN_GRANTS)
    before = shown(world, BEN)[BEN, "dan"]

    (ended,) = world.unshare(BEN, CT, DAN).ended
    world.share(BEN, CT, DAN)
    (given_up,) = world.unshare(DAN, CT, DAN).ended

    assert ended == before
    assert given_up.basis == frozenset()


def test_a_receipt_of_the_hosts_shows_every_basis():
    world = passed_on_by_ben()
    world.unshare(CARLA, CT, BEN)
    kept = world.grant_to(DAN)

    receipt = world.sharing.admin.end_by_host(recipient=DAN, performed_by="ops", why="left")

    assert receipt.ended == (ShownGrant.of(kept, kept.basis),)
    assert len(receipt.ended[0].basis) == 2


@pytest.mark.parametrize("reshares", Reshares)
def test_a_repeated_receipt_shows_the_same_basis(reshares):
    world = passed_on_by_ben(access_list=AccessListScope.OWN_GRANTS)
    world.share(ANNA, CT, EVA, permission=Permission.DOWNLOAD)
    request = {"until": START + DAY, "reshares": reshares, "request_id": "once"}
    first = world.narrow(BEN, CT, DAN, **request)
    world.share(BEN, CT, DAN)
    world.unshare(ANNA, CT, BEN, reshares=Reshares.CASCADE)

    again = world.narrow(BEN, CT, DAN, **request)

    assert [each.basis for each in first.ended] == [each.basis for each in again.ended]
    assert (again.ended, again.replacements) == (first.ended, first.replacements)
    assert (again.at, again.left_standing) == (first.at, first.left_standing)


def test_who_cannot_see_the_exam_any_more_is_shown_no_basis():
    world = passed_on_by_ben()
    world.unshare(ANNA, CT, BEN)

    (ended,) = world.unshare(BEN, CT, DAN).ended

    assert ended.permission is VIEW
    assert ended.basis == frozenset()


SECRET_SHARES = st.lists(
    st.tuples(
        st.sampled_from((ANNA, CARLA)),
        st.lists(st.sampled_from((BEN, EVA, TEAM)), min_size=1, unique=True),
        st.sampled_from(Permission),
    ),
    max_size=3,
)


def shared_in_secret(
    between: list[tuple[UserId, list[PrincipalId], Permission]], beside: list[PrincipalId]
) -> World:
    """Return a world in which Dan may see two of the grants, and share.

    Args:
        between: shares of others before Dan gets anything: by whom, with whom, and what.
        beside: with whom Ben shares beside Dan.
    """
    world = World(access_list=AccessListScope.OWN_GRANTS)
    world.person(FRED)
    world.group(TEAM, EVA, BEN)

    def act(name: str, actor: UserId, *recipients: PrincipalId, **more: Any) -> None:
        world.sharing._new_id = lambda: name
        world.share(actor, CT, *recipients, **more)

    act("to ben and carla", ANNA, BEN, CARLA, permission=DOWNLOAD)
    for number, (actor, recipients, permission) in enumerate(between):
        act(f"secret {number}", actor, *recipients, permission=permission)
    act("to dan", BEN, *beside, DAN)
    act("by dan", DAN, FRED)
    world.sharing._new_id = lambda: "now"
    return world


LOOKS: Final[tuple[Callable[[World], Any], ...]] = (
    lambda world: world.sharing.access_list(DAN, CT),
    lambda world: world.sharing.preview(UnshareRequest(actor=DAN, exam=CT, recipient=FRED)),
    lambda world: world.narrow(DAN, CT, FRED, until=START + DAY),
    lambda world: world.sharing.access_list(DAN, CT),
    lambda world: world.unshare(DAN, CT, FRED),
    lambda world: world.unshare(DAN, CT, DAN),
)


@given(between=SECRET_SHARES, beside=st.lists(st.sampled_from((EVA, TEAM)), unique=True))
def test_unseen_grants_change_nothing_that_is_shown(between, beside):
    """Specification: `#disclosure`; ids included."""
    secret, plain = shared_in_secret(between, beside), shared_in_secret([], [])

    for look in LOOKS:
        assert look(secret) == look(plain)
    assert [each.id for each in secret.notifier.sent if each.to == DAN] == [
        each.id for each in plain.notifier.sent if each.to == DAN
    ]
