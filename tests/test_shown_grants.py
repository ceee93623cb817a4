"""A shown grant discloses no grant that its reader may not see. Specification: `#disclosure`.

> Results shown to an actor speak of principals that the request names or that are on the access
> list they may see.
"""

import attrs
import pytest

import exam_sharing as es
from world import ANNA, BEN, CARLA, CT, DAN, DAY, DOWNLOAD, EVA, NURSES, START, VIEW, World

pytestmark = pytest.mark.every_store


def shown(world: World, viewer: es.UserId) -> dict[tuple[es.UserId, str], es.ShownGrant]:
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


def test_a_shown_grant_has_every_field_of_the_grant_but_the_version():
    world = World()
    world.share(ANNA, CT, BEN, permission=DOWNLOAD, until=START + DAY)

    grant, kept = shown(world, BEN)[ANNA, "ben"], world.grant_to(BEN)

    assert grant == es.ShownGrant.of(kept, es.OWNER)
    assert "version" not in attrs.fields_dict(es.ShownGrant)
    assert {name: getattr(kept, name) for name in attrs.fields_dict(es.ShownGrant)} == attrs.asdict(
        grant, recurse=False
    )


def test_a_basis_shows_what_stands_and_all_of_it_to_the_host():
    world = passed_on_by_ben()
    kept, seen = world.grant_to(DAN), shown(world, ANNA)
    assert seen[ANNA, "ben"].basis is es.OWNER
    assert seen[BEN, "dan"].basis == {seen[ANNA, "ben"].id, seen[CARLA, "ben"].id} == kept.basis

    world.unshare(CARLA, CT, BEN)
    assert shown(world, ANNA)[BEN, "dan"].basis == {seen[ANNA, "ben"].id}

    receipt = world.sharing.admin.end_by_host(recipient=DAN, performed_by="ops", why="left")
    assert receipt.ended == (es.ShownGrant.of(kept, kept.basis),)


def test_a_basis_shows_only_grants_on_the_viewers_list():
    world = passed_on_by_ben(access_list=es.AccessListScope.OWN_GRANTS)
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


@pytest.mark.parametrize("reshares", es.Reshares)
def test_a_repeated_receipt_shows_the_same_basis(reshares):
    world = passed_on_by_ben(access_list=es.AccessListScope.OWN_GRANTS)
    world.share(ANNA, CT, EVA, permission=es.Permission.DOWNLOAD)
    request = {"until": START + DAY, "reshares": reshares, "request_id": "once"}
    first = world.narrow(BEN, CT, DAN, **request)
    world.share(BEN, CT, DAN)
    world.unshare(ANNA, CT, BEN, reshares=es.Reshares.CASCADE)

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
