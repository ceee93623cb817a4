"""The product page on a screen: each of its sentences is a test that clicks.

Specification: `#the-product-page`.
"""

from portal_browsers import require_browser

require_browser()

from playwright.sync_api import expect  # noqa: E402

from exam_sharing import Policy  # noqa: E402
from exam_sharing.adapters.pydicom import shipped_media  # noqa: E402
from portal_browsers import (  # noqa: E402
    PATIENCE,
    access_list,
    choose,
    open_exam,
    share,
    tabs,
    wait_until,
)
from product_page import sentences  # noqa: E402

expect.set_options(timeout=PATIENCE * 1000)

EXAM = "Carotids"
ITS_SHARE_TAB = "/exams/4/share"
SAID = {}


def says(sentence):
    """Mark the test of a sentence."""

    def mark(test):
        SAID.setdefault(sentence, []).append(test.__name__)
        return test

    return mark


def test_every_sentence_of_the_product_page_has_a_test_that_clicks():
    assert list(SAID) == sentences()


@says("sharing gives other users access without sending to PACS")
def test_a_share_gives_another_user_the_pictures(people):
    anna, jose = people("Anna"), people("José", "/shared")
    expect(jose.get_by_text("Nobody shares an exam with you")).to_be_visible()
    open_exam(anna, EXAM, "Share")
    share(anna, "José Núñez")
    expect(anna.get_by_role("status").filter(has_text="The exam is shared")).to_be_visible()
    jose.reload()
    open_exam(jose, EXAM)
    picture = jose.get_by_role("img", name="Image 1 of 2")
    assert picture.evaluate("each => each.decode().then(() => each.naturalWidth)") == 16


@says("no Share tab: upgrade the service")
def test_without_sharing_in_the_plan_there_is_no_share_tab(people):
    anna, samuel = people("Anna", ITS_SHARE_TAB), people("Samuel")
    share(anna, "Samuel Okafor")
    samuel.get_by_role("link", name="Shared with me").click()
    open_exam(samuel, EXAM)
    assert tabs(samuel) == ["View"]
    expect(samuel.get_by_text("Upgrade your service")).to_be_visible()


@says("share with another user or a group")
def test_a_share_with_a_group_gives_its_members_access(people):
    anna, chloe = people("Anna", ITS_SHARE_TAB), people("Chloé")
    share(anna, "Radiology")
    chloe.get_by_role("link", name="Shared with me").click()
    open_exam(chloe, EXAM)
    assert tabs(chloe) == ["View", "Share"]


@says("type a name, address or group name and choose a suggestion")
def test_typing_a_name_an_address_or_a_group_suggests_recipients(people):
    anna = people("Anna", ITS_SHARE_TAB)
    for text, name in (("nun", "José Núñez"), ("m.lef", "Maëlle Lefèvre"), ("radi", "Radiology")):
        choose(anna, text, name)
        expect(anna.get_by_role("checkbox", name=name)).to_be_checked()
    choose(anna, "jos", "José Núñez")
    expect(anna.get_by_role("checkbox", name="José Núñez")).to_have_count(1)
    anna.get_by_role("combobox").press_sequentially("qqq")
    expect(anna.get_by_text("No suggestions.")).to_be_visible()


@says("Select from list")
def test_select_from_list_offers_people_and_groups_page_by_page(people):
    anna = people("Anna", ITS_SHARE_TAB)
    choose(anna, "jos", "José Núñez")
    anna.get_by_role("checkbox", name="HIPAA").check()
    anna.get_by_role("button", name="Select from list").click()
    anna.get_by_role("checkbox", name="Chloé Dubois").check()
    expect(anna.get_by_role("checkbox", name="José Núñez")).to_be_checked()
    expect(anna.get_by_role("checkbox", name="Anna Kovács")).to_have_count(0)
    anna.get_by_role("button", name="Next page").click()
    anna.get_by_role("checkbox", name="Tumour board").check()
    anna.get_by_role("button", name="Use these").click()
    for name in ("José Núñez", "Chloé Dubois", "Tumour board"):
        expect(anna.get_by_role("checkbox", name=name)).to_be_checked()
    expect(anna.get_by_role("checkbox", name="HIPAA")).to_be_checked()
    anna.get_by_role("button", name="Share", exact=True).click()
    expect(access_list(anna).get_by_role("listitem")).to_have_count(3)


@says("several recipients, a mix of users and groups")
def test_one_share_can_name_users_and_groups(people):
    anna = people("Anna", ITS_SHARE_TAB)
    share(anna, "José Núñez", "Maëlle Lefèvre", "Radiology")
    for name in ("José Núñez", "Maëlle Lefèvre", "Radiology"):
        expect(access_list(anna).get_by_text(name)).to_be_visible()


@says("allow download; else no Download tab for the recipients")
def test_only_recipients_who_may_download_have_a_download_tab(people):
    anna, jose, maelle = people("Anna", ITS_SHARE_TAB), people("José"), people("Maëlle")
    anna.get_by_role("checkbox", name="download a copy").check()
    share(anna, "José Núñez")
    share(anna, "Maëlle Lefèvre")
    for page in (jose, maelle):
        page.get_by_role("link", name="Shared with me").click()
        open_exam(page, EXAM)
    assert tabs(maelle) == ["View", "Share"]
    assert tabs(jose) == ["View", "Download", "Share"]
    jose.get_by_role("link", name="Download").click()
    with jose.expect_download() as download:
        jose.get_by_role("link", name="Download a copy").click()
    assert download.value.suggested_filename == "exam-4.zip"


@says("shared without download: no such checkbox when sharing on")
def test_who_may_not_download_sees_no_checkbox_for_it(people):
    anna, jose = people("Anna", ITS_SHARE_TAB), people("José")
    expect(anna.get_by_role("checkbox", name="download a copy")).to_be_visible()
    share(anna, "José Núñez")
    jose.get_by_role("link", name="Shared with me").click()
    open_exam(jose, EXAM, "Share")
    expect(jose.get_by_role("checkbox", name="HIPAA")).to_be_visible()
    expect(jose.get_by_role("checkbox", name="download a copy")).to_have_count(0)


@says("confirm abiding by HIPAA")
def test_a_share_without_the_confirmation_is_refused_with_every_reason(people):
    anna = people("Anna", ITS_SHARE_TAB)
    anna.get_by_role("button", name="Share", exact=True).click()
    alert = anna.get_by_role("alert")
    expect(alert.get_by_role("listitem")).to_have_count(2)
    expect(alert).to_be_focused()
    alert.get_by_role("link", name="HIPAA").click()
    box = anna.get_by_role("checkbox", name="HIPAA")
    expect(box).to_be_focused()
    expect(box).to_have_accessible_description(
        "Read the current statement about HIPAA and confirm it."
    )
    expect(anna.get_by_text("Nobody else has access.")).to_be_visible()


@says("only this exam, or all uploaded along with it (a CD with 2 others: 3 shared)")
def test_a_share_covers_one_exam_or_all_that_came_along(people_with):
    _, people = people_with(medium=shipped_media() / "98892003")
    anna, jose, maelle = people("Anna"), people("José"), people("Maëlle")
    open_exam(anna, EXAM, "Share")
    share(anna, "José Núñez")
    choose(anna, "lefe", "Maëlle Lefèvre")
    anna.get_by_role("checkbox", name="Share all 3 exams").check()
    share(anna)
    for page, number in ((jose, 1), (maelle, 3)):
        page.get_by_role("link", name="Shared with me").click()
        expect(page.get_by_text("You may view")).to_have_count(number)


@says("Share, or Share with a personal message, included in the e-mail")
def test_a_personal_message_is_part_of_the_mail(people, portal):
    anna, jose = people("Anna", ITS_SHARE_TAB), people("José")
    share(anna, "José Núñez", button="Share w/ Personal Message")
    expect(anna.get_by_text("José Núñez can then view: Carotids")).to_be_visible()
    anna.get_by_role("textbox", name="Personal message").fill("Please look at\nslice 2. <3")
    anna.get_by_role("button", name="Share", exact=True).click()
    expect(access_list(anna).get_by_text("José Núñez")).to_be_visible()
    wait_until(lambda: portal.mailbox.of("jose.nunez@clinic.example"))
    jose.get_by_role("link", name="Mailbox").click()
    expect(jose.get_by_role("heading", name="Anna Kovács shared 1 imaging exam")).to_be_visible()
    mail = jose.get_by_role("article").locator("pre").first
    expect(mail).to_contain_text("> Please look at\n> slice 2. <3")
    jose.get_by_text("As it was sent").click()
    expect(jose.get_by_text("Message-ID:")).to_be_visible()


@says("notifications off: no personal message either")
def test_without_notifications_there_is_no_personal_message(people_with):
    portal, people = people_with(policy=Policy(sends_notices=False))
    anna = people("Anna", ITS_SHARE_TAB)
    expect(anna.get_by_role("button", name="Share w/ Personal Message")).to_have_count(0)
    share(anna, "José Núñez")
    expect(access_list(anna).get_by_text("José Núñez")).to_be_visible()
    assert portal.sharing.admin.list_notices().items == ()


@says("the access list, and the owner under its own heading")
def test_the_access_list_names_people_and_groups_and_the_owner_apart(people):
    anna, jose = people("Anna", ITS_SHARE_TAB), people("José")
    share(anna, "José Núñez", "Tumour board")
    jose.get_by_role("link", name="Shared with me").click()
    open_exam(jose, EXAM, "Share")
    expect(access_list(jose).get_by_role("listitem")).to_contain_text(
        ["José Núñez May view; shared by Anna Kovács", "Tumour board May view; shared by Anna"],
        use_inner_text=True,
    )
    owner = jose.get_by_role("heading", name="Exam owner").locator("xpath=following-sibling::p[1]")
    expect(owner).to_have_text("Anna Kovács")


@says("unshare from anyone you shared with (X)")
def test_the_x_unshares_from_whom_one_has_shared_with(people):
    anna, jose, maelle = people("Anna", ITS_SHARE_TAB), people("José"), people("Maëlle")
    share(anna, "José Núñez", "Radiology")
    jose.get_by_role("link", name="Shared with me").click()
    open_exam(jose, EXAM, "Share")
    share(jose, "Maëlle Lefèvre")
    expect(jose.get_by_role("button", name="Unshare from Radiology")).to_have_count(0)
    jose.get_by_role("button", name="Unshare from Maëlle Lefèvre").click()
    expect(jose.get_by_text("Maëlle Lefèvre can then no longer view: Carotids")).to_be_visible()
    jose.get_by_role("button", name="Unshare").click()
    expect(jose.get_by_role("status").filter(has_text="The exam is unshared")).to_be_visible()
    expect(access_list(jose).get_by_text("Maëlle Lefèvre")).to_have_count(0)
    maelle.get_by_role("link", name="Shared with me").click()
    expect(maelle.get_by_text("Nobody shares an exam with you")).to_be_visible()


@says("the owner can unshare anyone")
def test_the_owner_unshares_what_others_have_shared(people):
    anna, jose = people("Anna", ITS_SHARE_TAB), people("José")
    share(anna, "José Núñez")
    jose.get_by_role("link", name="Shared with me").click()
    open_exam(jose, EXAM, "Share")
    share(jose, "Maëlle Lefèvre")
    anna.reload()
    expect(access_list(anna)).to_contain_text("shared by José Núñez")
    anna.get_by_role("button", name="Unshare from José Núñez").click()
    expect(anna.get_by_text("Maëlle Lefèvre could then no longer view")).to_be_visible()
    anna.get_by_role("radio", name="End it too").check()
    anna.get_by_role("button", name="Unshare").click()
    expect(anna.get_by_text("Nobody else has access.")).to_be_visible()
