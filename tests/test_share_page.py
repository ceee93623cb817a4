"""The page of the Share tab in one call. Specification: `#what-the-portal-shows`.

That it is what its parts are is held by `laws/test_always.py`; that it conceals what they conceal,
by `test_concealment.py`.
"""

import pytest

import exam_sharing as es
from calls import ports_of, sharing_over
from exam_sharing import web
from watching import Counting, watched
from world import ANNA, BEN, CARLA, CD, CT, MR, NURSES, VIEW, XRAY, World, shared_with

pytestmark = pytest.mark.every_store


def asked_for(call, world):
    """Return how often each method of the ports was called."""
    counting = Counting()
    call(sharing_over(watched(ports_of(world), counting), world, sends=False))
    return counting.asked


@pytest.mark.parametrize("reshares", es.Reshares)
def test_a_page_asks_nothing_twice(reshares):
    world = World(reshares=reshares)
    world.share(ANNA, CT, BEN, NURSES)
    world.share(BEN, CT, CARLA)

    asked = asked_for(lambda sharing: sharing.share_page(BEN, CT), world)

    of_people = 2 if reshares is es.Reshares.RESTRICT else 1  # those who granted, too
    assert asked["directory.profiles"] == of_people
    assert asked["directory.names"] == 1
    if asked["access.facts_seen"]:
        one_by_one, at_once = 0, 1
    else:
        one_by_one, at_once = 1, 0
    assert asked["access.facts_seen"] == at_once
    assert asked["access.holds"] == one_by_one
    assert asked["exams.batch_of"] == one_by_one
    assert asked["exams.find"] == one_by_one  # owners, after the versions
    assert asked["grants.read"] == one_by_one


def test_a_page_shows_who_has_access_and_what_can_be_shared():
    world = shared_with(BEN, permission=es.Permission.DOWNLOAD)

    page = world.sharing.share_page(BEN, CT)

    assert page.tabs == set(es.Tab)
    assert (page.form.exams, page.form.offers_download) == ((CT,), True)
    assert [entry.name for entry in page.access_list.entries] == ["Ben"]
    assert page.access_list.names == {ANNA: "Anna", BEN: "Ben"}


def test_a_page_without_the_plan_has_an_access_list_and_no_form():
    world = shared_with(BEN)
    world.person(BEN, sharing_in_plan=False)

    page = world.sharing.share_page(BEN, CT)

    assert page.tabs == {es.Tab.VIEW}
    assert page.form == es.ShareForm()
    assert page.access_list.entries


def test_each_rendered_page_has_a_request_id_of_its_own_for_its_form():
    world = World()
    pages = [world.sharing.share_page(ANNA, CT) for _ in range(2)]
    for page in pages:
        fields = web.hidden_fields(page.form, page.request_id)
        fields |= {"recipients": "u:ben", "attested": "on", "scope": "BATCH"}
        for repeated in (False, True):
            request = web.share_request(fields, actor=ANNA, exam=CT, policy=world.policy)
            assert world.sharing.share(request).repeated is repeated

    assert len({page.request_id for page in pages}) == 2
    assert all(world.sharing.can(BEN, VIEW, exam) for exam in (CT, MR, XRAY))


def test_an_exam_that_arrives_while_the_form_is_filled_in_is_not_shared_unseen():
    world = World()
    page = world.sharing.share_page(ANNA, CT)
    world.upload(CD, ANNA, es.ExamId("late"))
    fields = web.hidden_fields(page.form, page.request_id)
    fields |= {"recipients": "u:ben", "attested": "on", "scope": "BATCH"}

    with pytest.raises(es.Refused) as caught:
        world.sharing.share(web.share_request(fields, actor=ANNA, exam=CT, policy=world.policy))

    assert web.answer_to(caught.value).status == 409
