"""A database keeps what memory keeps: whole stories, act by act, beside the naive model."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exam_sharing import ExamId, Permission, UnshareRequest, UserId
from laws.stories import EXAMS, USERS, stories, tell
from laws.test_engine_and_model import (
    assert_same_answer,
    assert_same_facts,
    assert_same_lists,
    assert_same_views,
)
from world import ANNA, BEN, CARLA, CT, World, share_request

unhurried = settings(
    max_examples=25,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.function_scoped_fixture,
    ],
)


@given(data=st.data())
@unhurried
def test_every_act_is_answered_and_written_as_the_model_says(new_store, data):
    """SPEC sections 2, 3 and 11, over a database."""
    story = data.draw(stories(new_store=new_store))

    def each(request):
        got, expected = story.do(request), story.do_in_model(request)
        assert_same_answer(story, request.actor, got, expected)
        assert_same_facts(story)

    tell(data, story, each)


@given(data=st.data())
@unhurried
def test_every_user_is_shown_what_the_model_says(new_store, data):
    """SPEC sections 1 and 6, and 9.3: list and check agree."""
    story = data.draw(stories(new_store=new_store))

    def each(request):
        story.do(request)
        story.do_in_model(request)
        for user in USERS:
            assert_same_lists(story, user)
            for exam in EXAMS:
                assert_same_views(story, user, exam)

    tell(data, story, each, steps=4)


@given(data=st.data())
@unhurried
def test_a_list_read_page_by_page_is_what_checks_allow_with_no_exam_twice(new_store, data):
    """SPEC 9.3, with pages of every size."""
    story = data.draw(stories(new_store=new_store))

    def each(request):
        story.do(request)

    tell(data, story, each, steps=4)
    limit = data.draw(st.integers(1, 3))
    asked = (*EXAMS, ExamId("nowhere"))
    for user in (*USERS, UserId("nobody")):
        for pages, own in ((story.sharing.visible_to, True), (story.sharing.shared_with, False)):
            listed = read_all(pages, user, limit)
            held = {
                permission: story.sharing.can_many(user, permission, asked)
                for permission in Permission
            }
            assert {
                permission: frozenset(
                    exam for exam in asked if story.sharing.can(user, permission, exam)
                )
                for permission in Permission
            } == held
            for exam in EXAMS:
                for permission, exams in held.items():
                    holders = story.sharing.who_can(permission, exam)
                    assert (user in {each.user for each in holders}) == (exam in exams)
            owned = {exam.id for exam in story.store.find(EXAMS) if exam.owner == user}
            expected = held[Permission.VIEW] if own else held[Permission.VIEW] - owned
            assert sorted(each.exam for each in listed) == sorted(expected)
            for each in listed:
                assert each.permission == max(p for p in Permission if each.exam in held[p])
            places = [(each.uploaded_at, each.exam) for each in listed]
            assert places == sorted(places, reverse=True)


def read_all(pages, user, limit):
    listed, after = [], None
    while True:
        page = pages(user, after, limit)
        listed += page.items
        if page.next is None:
            return listed
        after = page.next


def test_receipts_and_the_audit_trail_come_back_as_they_were_written(new_store):
    remembered, kept = World(), World(store=new_store())
    for world in (remembered, kept):
        request = share_request(ANNA, CT, BEN, CARLA, request_id="once")
        receipt = world.sharing.share(request)
        assert world.sharing.share(request) == receipt
        world.sharing.unshare(UnshareRequest(actor=ANNA, exam=CT, recipient=BEN, request_id="end"))
        world.sharing.withdraw(CT, performed_by="ops", why="wrong patient")
    for request_id in ("once", "end"):
        found = kept.store.receipt(ANNA, request_id)
        assert found == remembered.store.receipt(ANNA, request_id) is not None
    assert kept.store.events() == remembered.store.events()
