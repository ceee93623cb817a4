"""The product page that started the project, sentence by sentence: SPEC section 10."""

import pytest

from exam_sharing import BatchId, ExamId, GroupId, ReasonCode, Scope, Tab
from world import (
    ANNA,
    BEN,
    CARLA,
    CD,
    CT,
    DAN,
    DOWNLOAD,
    EVA,
    MR,
    NURSES,
    XRAY,
    World,
    codes,
    refusal,
    share_request,
)

pytestmark = pytest.mark.every_store


def test_sharing_gives_other_users_access_without_having_to_send_exams_to_pacs():
    world = World()
    exams_before = world.store.find((CT, MR, XRAY))

    world.share(ANNA, CT, BEN)

    assert world.can_view(BEN, CT)
    assert world.store.find((CT, MR, XRAY)) == exams_before


def test_if_there_is_no_share_tab_the_service_needs_an_upgrade():
    world = World()
    world.person(ANNA, sharing_in_plan=False)

    assert Tab.SHARE not in world.sharing.tabs(ANNA, CT)
    assert not world.sharing.share_form(ANNA, CT).has_share_tab
    (reason,) = world.reasons(share_request(ANNA, CT, BEN))
    assert reason.code is ReasonCode.SHARING_NOT_IN_PLAN
    assert "upgrade" in str(reason)


def test_after_the_upgrade_the_share_tab_shows():
    world = World()
    world.person(ANNA, sharing_in_plan=False)
    world.person(ANNA, sharing_in_plan=True)

    assert Tab.SHARE in world.sharing.tabs(ANNA, CT)


@pytest.mark.parametrize("recipient", [BEN, NURSES], ids=["another user", "a group"])
def test_an_exam_is_shared_with_another_user_or_a_group(recipient):
    world = World()

    world.share(ANNA, CT, recipient)

    assert list(world.entries(ANNA)) == [recipient]


@pytest.mark.parametrize(
    ("typed", "suggested"),
    [("Car", CARLA), ("carla@example.org", CARLA), ("Night nur", GroupId("night"))],
    ids=["name", "e-mail address", "group name"],
)
def test_typing_a_name_an_email_address_or_a_group_name_offers_suggested_choices(typed, suggested):
    world = World()
    world.group(GroupId("night"), DAN, name="Night nurses")

    (choice,) = world.sharing.suggest(ANNA, CT, typed)
    world.share(ANNA, CT, choice.principal)

    assert choice.principal == suggested
    assert list(world.entries(ANNA)) == [suggested]


def test_select_from_list_shows_the_available_people_and_groups():
    world = World()

    offered = [each.principal for each in world.sharing.recipients(ANNA, CT).items]

    assert set(offered) == {BEN, CARLA, DAN, EVA, NURSES, GroupId("clinic")}


def test_more_than_one_recipient_can_be_specified_a_mix_of_users_and_groups():
    world = World()

    world.share(ANNA, CT, BEN, CARLA, NURSES)

    assert all(world.can_view(user, CT) for user in (BEN, CARLA, DAN, EVA))


def test_recipients_who_are_allowed_to_download_a_copy_have_the_download_tab():
    world = World()

    world.share(ANNA, CT, BEN, permission=DOWNLOAD)

    assert Tab.DOWNLOAD in world.sharing.tabs(BEN, CT)


def test_with_the_download_box_unchecked_the_download_tab_will_not_show_for_the_recipients():
    world = World()

    world.share(ANNA, CT, BEN, NURSES)

    for user in (BEN, DAN, EVA):
        assert world.sharing.tabs(user, CT) == {Tab.VIEW, Tab.SHARE}
        assert not world.can_download(user, CT)


def test_who_got_the_exam_without_download_does_not_see_the_checkbox_when_sharing_on():
    world = World()
    world.share(ANNA, CT, BEN)

    form = world.sharing.share_form(BEN, CT)

    assert form.has_share_tab
    assert not form.offers_download
    request = share_request(BEN, CT, CARLA, permission=DOWNLOAD)
    assert codes(world.reasons(request)) == [ReasonCode.DOWNLOAD_NOT_HELD]


def test_who_got_the_exam_with_download_sees_the_checkbox_when_sharing_on():
    world = World()
    world.share(ANNA, CT, BEN, permission=DOWNLOAD)

    assert world.sharing.share_form(BEN, CT).offers_download
    world.share(BEN, CT, CARLA, permission=DOWNLOAD)
    assert world.can_download(CARLA, CT)


def test_the_actor_confirms_abiding_by_hipaa_regulations_in_sharing_this_exam():
    world = World()
    wording = world.sharing.share_form(ANNA, CT).wording

    reasons = world.reasons(share_request(ANNA, CT, BEN, attested=False))

    assert "HIPAA" in wording
    assert codes(reasons) == [ReasonCode.ATTESTATION_MISSING]
    assert world.reasons(share_request(ANNA, CT, BEN, wording=wording)) == ()


def test_all_required_fields_have_to_be_filled_in_before_clicking_share():
    reasons = World().reasons(share_request(ANNA, CT, attested=False))

    assert codes(reasons) == [ReasonCode.ATTESTATION_MISSING, ReasonCode.NO_RECIPIENTS]


def test_the_actor_chooses_to_share_only_this_exam():
    world = World()

    world.share(ANNA, CT, BEN, scope=Scope.EXAM)

    assert [exam for exam in (CT, MR, XRAY) if world.can_view(BEN, exam)] == [CT]


def test_the_actor_chooses_to_share_all_exams_that_were_uploaded_along_with_this_one():
    world = World()
    elsewhere = ExamId("elsewhere")
    world.upload(BatchId("another cd"), ANNA, elsewhere)

    world.share(ANNA, MR, BEN, scope=Scope.BATCH)

    assert all(world.can_view(BEN, exam) for exam in (CT, MR, XRAY))
    assert not world.can_view(BEN, elsewhere)


def test_an_exam_from_a_cd_containing_2_other_exams_will_share_all_3_with_the_recipient():
    world = World()

    form = world.sharing.share_form(ANNA, CT)
    receipt = world.share(ANNA, CT, BEN, scope=Scope.BATCH)

    assert form.exams == (CT, MR, XRAY)
    assert [each.exam for each in receipt.outcomes] == [CT, MR, XRAY]
    assert [each.exam for each in world.sharing.shared_with(BEN).items] == [CT, MR, XRAY]


def test_clicking_share_shares_without_a_message():
    world = World()

    world.share(ANNA, CT, BEN)

    assert world.told()[BEN].message is None


def test_share_with_personal_message_includes_the_note_in_the_email_sent_to_the_recipients():
    world = World()

    world.share(ANNA, CT, BEN, NURSES, message="Please look at the left lung.")

    told = world.told()
    assert set(told) == {BEN, DAN, EVA}
    assert {notice.message for notice in told.values()} == {"Please look at the left lung."}
    assert told[BEN].address == "ben@example.org"


def test_if_email_notifications_are_off_for_sharing_personal_messages_are_not_sent_either():
    world = World(sends_notices=False)

    world.share(ANNA, CT, BEN, message="Please look at the left lung.")

    assert not world.sharing.share_form(ANNA, CT).sends_messages
    assert world.sharing.admin.deliver_notices() == 0
    assert world.told() == {}
    assert world.store.outbox.waiting() == ()
    assert world.can_view(BEN, CT)


def test_if_one_recipient_turned_email_notifications_off_they_get_no_message_and_others_do():
    world = World()
    world.person(BEN, notices=False)

    world.share(ANNA, CT, BEN, CARLA, message="Please look at the left lung.")

    assert set(world.told()) == {CARLA}


def test_the_people_and_groups_with_whom_the_exam_is_shared_appear_in_the_access_list():
    world = World()

    world.share(ANNA, CT, BEN, NURSES)

    listed = world.sharing.access_list(ANNA, CT)
    assert [(each.principal, each.name) for each in listed.entries] == [
        (BEN, "Ben"),
        (NURSES, "Nurses"),
    ]


def test_the_owner_of_the_exam_appears_under_a_heading_of_their_own():
    world = World()
    world.share(ANNA, CT, BEN)

    listed = world.sharing.access_list(BEN, CT)

    assert listed.owner == ANNA
    assert ANNA not in [each.principal for each in listed.entries]


def test_you_can_unshare_the_exam_from_anyone_you_shared_it_with_by_clicking_the_x_button():
    world = World()
    world.share(ANNA, CT, BEN)
    world.share(BEN, CT, CARLA)

    assert world.entries(BEN)[CARLA].can_unshare
    world.unshare(BEN, CT, CARLA)

    assert not world.can_view(CARLA, CT)


def test_there_is_no_x_button_for_whom_somebody_else_shared_it_with():
    world = World()
    world.share(ANNA, CT, BEN, CARLA)

    assert not world.entries(BEN)[CARLA].can_unshare
    assert codes(refusal(world.unshare, BEN, CT, CARLA)) == [ReasonCode.NOT_GRANTOR_OR_OWNER]


def test_the_owner_can_unshare_from_anyone_even_if_they_did_not_share_it_with_them():
    world = World()
    world.share(ANNA, CT, BEN)
    world.share(BEN, CT, CARLA, NURSES)

    for principal in (CARLA, NURSES):
        assert world.entries(ANNA)[principal].can_unshare
        world.unshare(ANNA, CT, principal)

    assert not any(world.can_view(user, CT) for user in (CARLA, DAN, EVA))


def test_unsharing_from_one_leaves_what_they_passed_on_until_somebody_unshares_it():
    world = World()
    world.share(ANNA, CT, BEN)
    world.share(BEN, CT, CARLA)

    world.unshare(ANNA, CT, BEN)

    assert world.can_view(CARLA, CT)


def test_exams_uploaded_later_are_not_shared_by_an_earlier_share_of_the_batch():
    world = World()
    world.share(ANNA, CT, BEN, scope=Scope.BATCH)
    late = ExamId("late")

    world.upload(CD, ANNA, late)

    assert not world.can_view(BEN, late)
