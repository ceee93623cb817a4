"""What the portal shows, and what operators see with nothing held back: `explain`, `who_can`.

Specification: `#what-the-portal-shows`, `#choosing-recipients`. That `explain` and `who_can` agree
with `can` for every user is held by `laws/test_always.py`.
"""

import unicodedata
from datetime import timedelta

import pytest

import exam_sharing as es
from exam_sharing.events import ActRefused
from exam_sharing.grants import EndedGrant
from exam_sharing.ports import Changes
from world import (
    ANNA,
    BEN,
    CARLA,
    CD,
    CLINIC,
    CT,
    DAN,
    DAY,
    DOWNLOAD,
    EVA,
    MR,
    NO_EXAM,
    NURSES,
    START,
    VIEW,
    XRAY,
    World,
    refusal,
    share_request,
    shared_with,
)

pytestmark = pytest.mark.every_store

SOON, LATER = START + DAY, START + 2 * DAY


def test_everything_that_the_form_offers_can_be_shared():
    world = World(max_duration=3 * DAY)
    world.share(ANNA, CT, BEN, until=SOON)
    form = world.sharing.share_form(BEN, CT)

    world.share(
        BEN,
        CT,
        CARLA,
        until=form.latest_until,
        wording=form.wording,
        expect=form.exams,
        scope=es.Scope.BATCH,
    )

    assert world.can_view(CARLA, CT)


@pytest.mark.parametrize("recipient", [BEN, CARLA])
def test_after_a_transfer_the_owner_is_apart_and_listed_with_a_grant_of_theirs(recipient):
    world = shared_with(recipient)
    world.transfer(CT, CARLA)

    listed = world.sharing.access_list(recipient, CT)

    assert listed.owner == CARLA
    assert [each.principal for each in listed.entries] == [recipient]


def exams_of(page):
    return [str(each.exam) for each in page.items]


def test_a_list_leaves_out_what_expired_before_anybody_asked():
    world = shared_with(BEN, until=START + DAY)
    world.wait(DAY)
    assert world.sharing.shared_with(BEN).items == ()


def test_an_exam_is_not_listed_for_whom_only_their_own_grant_to_a_group_reaches():
    world = shared_with(BEN)
    world.group(NURSES, BEN)
    world.share(BEN, CT, NURSES)
    world.unshare(ANNA, CT, BEN, reshares=es.Reshares.KEEP)
    assert world.sharing.shared_with(BEN).items == ()


def test_an_inactive_user_learns_no_names():
    world = World()
    assert world.sharing.names(BEN, [ANNA]) == {ANNA: world.directory.names([ANNA])[ANNA]}
    world.person(BEN, active=False)
    assert world.sharing.names(BEN, [ANNA]) == {}


def test_a_list_shows_what_others_gave_to_a_group_whose_member_gave_more():
    world = World()
    world.share(ANNA, CT, DAN, permission=DOWNLOAD, until=SOON)
    world.share(DAN, CT, NURSES, permission=DOWNLOAD)
    world.share(ANNA, CT, NURSES, until=LATER)
    world.unshare(ANNA, CT, DAN, reshares=es.Reshares.KEEP)

    assert world.can_view(DAN, CT)
    assert not world.can_download(DAN, CT)
    assert world.can_download(EVA, CT)
    assert [each.permission for each in world.sharing.shared_with(DAN).items] == [VIEW]
    assert [each.permission for each in world.sharing.shared_with(EVA).items] == [DOWNLOAD]
    world.share(ANNA, CT, DAN, permission=DOWNLOAD)
    assert [each.permission for each in world.sharing.shared_with(DAN).items] == [DOWNLOAD]


def test_a_list_of_exams_given_in_two_ways_is_newest_first():
    world = World()
    world.share(ANNA, CT, DAN)
    world.share(ANNA, XRAY, DAN)
    world.share(ANNA, MR, NURSES)

    assert [each.exam for each in world.sharing.shared_with(DAN).items] == [CT, MR, XRAY]


def test_a_page_reads_on_behind_exams_whose_grants_have_expired():
    world = World()
    world.share(ANNA, CT, BEN, until=SOON)
    world.share(ANNA, MR, BEN, until=SOON)
    world.share(ANNA, XRAY, BEN)
    world.wait(DAY)

    page = world.sharing.shared_with(BEN, limit=1)

    assert [each.exam for each in page.items] == [XRAY]
    assert page.next is None


def test_a_cursor_holds_its_place_when_newer_exams_arrive():
    world = shared_with(BEN, scope=es.Scope.BATCH)
    first = world.sharing.shared_with(BEN, limit=1)
    world.upload(CD, ANNA, es.ExamId("zz"))
    world.share(ANNA, es.ExamId("zz"), BEN)

    second = world.sharing.shared_with(BEN, after=first.next, limit=2)

    assert exams_of(first) == ["ct"]
    assert exams_of(second) == ["mr", "xray"]


def test_a_cursor_stands_between_uploads_of_one_microsecond_and_the_next():
    world = World()
    for place in range(3):
        upload = es.UploadBatch(id=es.BatchId(f"b{place}"), uploader=BEN, received_at=START)
        at = START + place * timedelta(microseconds=1)
        exam = es.Exam(id=es.ExamId(f"e{place}"), owner=BEN, batch=upload.id, uploaded_at=at)
        world.sharing.add_upload(upload, [exam])
    first = world.sharing.visible_to(BEN, limit=1)

    assert exams_of(first) == ["e2"]
    assert exams_of(world.sharing.visible_to(BEN, after=first.next)) == ["e1", "e0"]


def test_a_cursor_fits_into_an_address():
    world = World()
    strange = es.ExamId("ü/&?=#%+ x")
    world.upload(es.BatchId("s1"), BEN, strange)
    world.upload(es.BatchId("s2"), BEN, es.ExamId("zzz"), es.ExamId("older"))

    cursor = world.sharing.visible_to(BEN, limit=2).next

    assert cursor.isascii()
    assert not set(cursor) & set("/+&?# %")
    assert exams_of(world.sharing.visible_to(BEN, after=cursor)) == ["older"]


def test_there_is_no_cursor_at_the_end_of_a_list():
    world = shared_with(BEN, scope=es.Scope.BATCH)

    assert world.sharing.shared_with(BEN, limit=3).next is None
    assert world.sharing.shared_with(BEN, limit=2).next is not None
    assert world.sharing.shared_with(EVA).next is None


def test_a_viewer_looks_up_groups_once_and_grants_each_time():
    world = World()
    viewer = world.sharing.viewer(BEN)
    world.group(es.GroupId("late"), BEN)
    world.share(ANNA, CT, es.GroupId("late"))
    world.share(ANNA, MR, BEN)

    assert not viewer.can(VIEW, CT)
    assert viewer.can(VIEW, MR)
    assert exams_of(viewer.shared_with()) == exams_of(viewer.visible_to()) == ["mr"]
    assert viewer.can_many(VIEW, [CT, MR, NO_EXAM]) == {MR}
    assert world.sharing.viewer(BEN).can(VIEW, CT)


def test_a_viewer_looks_at_the_clock_each_time():
    world = shared_with(BEN, until=SOON)
    viewer = world.sharing.viewer(BEN)
    world.wait(DAY)

    assert not viewer.can(VIEW, CT)
    assert viewer.can_many(VIEW, [CT]) == frozenset()
    assert viewer.shared_with().items == ()


def principals(choices):
    return [each.principal for each in choices]


def test_suggestions_keep_to_the_limit():
    world = World()
    world.person(BEN, name="Carl")

    assert principals(world.sharing.suggest(ANNA, CT, "car")) == [BEN, CARLA]
    assert principals(world.sharing.suggest(ANNA, CT, "car", limit=1)) == [BEN]
    assert world.sharing.suggest(ANNA, CT, " ") == ()


def test_the_list_is_sorted_by_name_a_page_at_a_time():
    world = World()

    found, after = [], None
    for _ in range(3):
        page = world.sharing.recipients(ANNA, CT, after=after, limit=2)
        found += [each.name for each in page.items]
        after = page.next

    assert found == ["Ben", "Carla", "Clinic", "Dan", "Eva", "Nurses"]
    assert after is None


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_the_minimum_length_counts_alike_in_every_unicode_form(form):
    world = World(suggestion_min_length=2)
    world.person(EVA, name="Éva")

    assert world.sharing.suggest(ANNA, CT, unicodedata.normalize(form, "é")) == ()
    assert principals(world.sharing.suggest(ANNA, CT, unicodedata.normalize(form, "év"))) == [EVA]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_the_longest_name_is_found_when_it_is_typed_in_full(form):
    world = World()
    world.person(BEN, name="ở" * 500)

    typed = unicodedata.normalize(form, "ở" * 500)

    assert principals(world.sharing.suggest(ANNA, CT, typed)) == [BEN]


def test_a_cursor_stands_behind_the_longest_name_and_id():
    world = World()
    longest = es.UserId("\N{GRINNING FACE}" * 255)
    world.person(longest, name="\N{GRINNING FACE}" * 500, email="x@example.org")
    world.person(es.UserId("last"), name="\N{GRINNING FACE}" * 499 + "\N{NERD FACE}")

    page = world.sharing.recipients(ANNA, CT, limit=7)

    assert page.items[-1].principal == longest
    assert principals(world.sharing.recipients(ANNA, CT, after=page.next).items) == [
        es.UserId("last")
    ]


def test_an_owner_with_a_grant_is_reported_with_both():
    world = shared_with(BEN)
    world.transfer(CT, BEN)

    permitted = world.sharing.admin.explain(BEN, VIEW, CT)

    assert permitted.as_owner
    assert [ground.grant for ground in permitted.grounds] == [world.grant_to(BEN)]
    (ben,) = world.sharing.admin.who_can(VIEW, CT)
    assert ben.as_owner
    assert recipients(ben) == [BEN]


def test_every_standing_grant_that_gives_it_is_named_with_its_path():
    world = shared_with(BEN, DAN, CLINIC)
    world.share(BEN, CT, NURSES)

    permitted = world.sharing.admin.explain(DAN, VIEW, CT)

    assert not permitted.as_owner
    assert {(ground.grant.grantor, ground.path) for ground in permitted.grounds} == {
        (ANNA, (DAN,)),
        (BEN, (DAN, NURSES)),
        (ANNA, (DAN, NURSES, CLINIC)),
    }


def test_grounds_keep_their_order_after_a_narrowing():
    world = shared_with(DAN, permission=DOWNLOAD)
    world.share(ANNA, CT, NURSES)
    world.narrow(ANNA, CT, DAN, permission=VIEW)

    permitted = world.sharing.admin.explain(DAN, VIEW, CT)

    assert [ground.grant.recipient for ground in permitted.grounds] == [DAN, NURSES]


def test_what_a_group_gives_or_gave_is_a_near_miss_with_its_path():
    world = shared_with(CLINIC)
    path = (DAN, NURSES, CLINIC)

    (miss,) = world.sharing.admin.explain(DAN, DOWNLOAD, CT).nearest
    assert (miss.why_not, miss.path) == (es.WhyNot.ONLY_VIEW, path)

    world.unshare(ANNA, CT, CLINIC)
    (miss,) = world.sharing.admin.explain(DAN, VIEW, CT).nearest
    assert (miss.why_not, miss.path) == (es.WhyNot.ENDED, path)


def test_a_swept_grant_is_a_near_miss_as_expired():
    world = shared_with(BEN, until=START + DAY)
    grant = world.grant_to(BEN)
    world.wait(DAY)
    ending = es.Ending(
        grant=grant.id,
        how=es.HowEnded.EXPIRED,
        by=None,
        acting_as=es.EndedAs.HOST,
        at=START + DAY,
        version=2,
    )
    event = ActRefused(at=START, request=share_request(ANNA, CT, BEN), reasons=())
    ended = (EndedGrant(grant=grant, ending=ending),)
    assert world.store.commit(Changes(versions={CT: 1}, ended=ended, event=event))

    (miss,) = world.sharing.admin.explain(BEN, VIEW, CT).nearest
    assert (miss.why_not, miss.grant) == (es.WhyNot.EXPIRED, grant)


def recipients(holder):
    return [grant.recipient for grant in holder.grants]


def test_the_owner_alone_holds_an_unshared_exam():
    assert World().sharing.admin.who_can(VIEW, CT) == (es.Holder(user=ANNA, as_owner=True),)


def test_holders_come_by_id_with_their_grants():
    world = shared_with(BEN, DAN)
    world.share(BEN, CT, NURSES, permission=VIEW)

    found = world.sharing.admin.who_can(VIEW, CT)

    assert [each.user for each in found] == [ANNA, BEN, DAN, EVA]
    assert [recipients(each) for each in found] == [[], [BEN], [DAN, NURSES], [NURSES]]


@pytest.mark.parametrize("inactive", [None, ANNA, EVA])
def test_holders_are_exactly_those_whom_a_check_allows(inactive):
    world = shared_with(BEN)
    world.share(ANNA, CT, DAN, permission=DOWNLOAD)
    world.share(DAN, CT, NURSES, permission=DOWNLOAD, until=START + DAY)
    world.unshare(ANNA, CT, DAN)
    if inactive is not None:
        world.person(inactive, active=False)
    for _ in range(2):
        for permission in es.Permission:
            users = (ANNA, BEN, CARLA, DAN, EVA)
            allowed = {user for user in users if world.sharing.can(user, permission, CT)}
            found = world.sharing.admin.who_can(permission, CT)
            assert {each.user for each in found} == allowed
        world.wait(DAY)


@pytest.mark.parametrize("withdrawn", [False, True])
def test_an_exam_that_is_not_there_is_refused(withdrawn):
    world = World()
    exam = CT if withdrawn else NO_EXAM
    if withdrawn:
        world.sharing.admin.withdraw(CT, performed_by="admin", why="wrong patient")

    reasons = refusal(world.sharing.admin.who_can, VIEW, exam)

    assert reasons == (es.Reason(code=es.ReasonCode.EXAM_NOT_FOUND, exams=(exam,)),)


def test_a_no_names_the_exam_whatever_its_reason():
    world = World()
    world.share(ANNA, CT, BEN)

    for user, permission, exam in ((EVA, VIEW, CT), (BEN, DOWNLOAD, CT), (BEN, VIEW, NO_EXAM)):
        (reason,) = world.sharing.admin.explain(user, permission, exam).reasons
        assert reason.exams == (exam,)
