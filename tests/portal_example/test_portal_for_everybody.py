"""The portal for everybody: two people at once, by keyboard, on a phone, without scripts."""

import os
from pathlib import Path

import pytest

from portal_browsers import require_browser

require_browser()

from playwright.sync_api import expect  # noqa: E402

from mermaid_texts import read  # noqa: E402
from portal_browsers import (  # noqa: E402
    PATIENCE,
    access_list,
    choose,
    open_exam,
    share,
    tabs,
)

expect.set_options(timeout=PATIENCE * 1000)

EXAM = "Carotids"
ITS_SHARE_TAB = "/exams/4/share"
PHONE = {"width": 360, "height": 640}
PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
SMALL = 60_000

UNNAMED = """() => [...document.querySelectorAll("a, button, input, textarea, img")]
    .filter((each) => each.type !== "hidden" && each.checkVisibility())
    .filter((each) => each.tagName !== "IMG" || !each.hasAttribute("alt"))
    .filter((each) => !(each.labels?.length || each.ariaLabel || each.textContent.trim()))
    .map((each) => each.outerHTML)"""
WIDER = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
TOO_SMALL = """() => [...document.querySelectorAll("main button, main label:has(input)")]
    .filter((each) => each.checkVisibility() && each.getBoundingClientRect().height < 24)
    .map((each) => each.outerHTML)"""

TWICE = """() => [...document.querySelectorAll("[id]")].map((each) => each.id)
    .filter((each, at, all) => all.indexOf(each) !== at)"""


def test_the_share_tab_shows_how_an_exam_was_passed_on(people):
    anna, jose = people("Anna", ITS_SHARE_TAB, viewport=PHONE), people("José")
    share(anna, "José Núñez")
    jose.get_by_role("link", name="Shared with me").click()
    open_exam(jose, EXAM, "Share")
    share(jose, "Maëlle Lefèvre")
    share(anna, "Radiology")

    anna.get_by_text("How it was passed on").click()
    steps = anna.get_by_role("list", name="How it was passed on").get_by_role("listitem")
    expect(steps).to_have_text(
        [
            "Anna Kovács shared with José Núñez: view",
            "José Núñez shared with Maëlle Lefèvre: view",
            "Anna Kovács shared with Radiology: view",
        ],
        use_inner_text=True,
    )
    left = [each.evaluate("each => each.getBoundingClientRect().left") for each in steps.all()]
    assert left[0] == left[2] < left[1]
    assert anna.evaluate(WIDER) <= 0
    nodes, links = read(anna.locator("details pre").inner_text())
    assert nodes["n3"] == ("given", "from Anna Kovács\nto group Radiology\nVIEW without end")
    assert len(links) == 3


def test_unsharing_ends_what_another_person_is_looking_at(people):
    anna, jose = people("Anna", ITS_SHARE_TAB), people("José")
    anna.get_by_role("checkbox", name="download a copy").check()
    share(anna, "José Núñez")
    expect(access_list(anna)).to_be_visible()
    jose.get_by_role("link", name="Shared with me").click()
    open_exam(jose, EXAM, "Share")
    choose(jose, "maë", "Maëlle Lefèvre")
    jose.get_by_role("checkbox", name="HIPAA").check()

    anna.get_by_role("button", name="Unshare from José Núñez").click()
    anna.get_by_role("button", name="Unshare").click()
    expect(anna.get_by_text("Nobody else has access.")).to_be_visible()

    jose.get_by_role("button", name="Share", exact=True).click()
    expect(jose.get_by_role("heading", name="Not found")).to_be_visible()
    for address in ("", "/images/1.png", "/download", "/files.zip", "/share"):
        assert jose.request.get(f"/exams/4{address}").status == 404
    jose.goto("/shared")
    expect(jose.get_by_text("Nobody shares an exam with you")).to_be_visible()
    anna.reload()
    expect(anna.get_by_text("Nobody else has access.")).to_be_visible()


def test_shared_with_me_comes_page_by_page(people_with):
    _, people = people_with(page_size=4)
    anna, jose = people("Anna", ITS_SHARE_TAB), people("José")
    anna.get_by_role("checkbox", name="Share all 6 exams").check()
    share(anna, "José Núñez")
    jose.get_by_role("link", name="Shared with me").click()
    expect(jose.get_by_text("You may view")).to_have_count(4)
    jose.get_by_role("link", name="Older exams").click()
    expect(jose.get_by_text("You may view")).to_have_count(2)
    expect(jose.get_by_role("link", name="Older exams")).to_have_count(0)


def test_an_exam_is_shared_and_unshared_by_keyboard_alone(people):
    anna = people("Anna", ITS_SHARE_TAB)
    keys = anna.keyboard
    keys.press("Tab")
    expect(anna.get_by_role("link", name="Skip to the content")).to_be_focused()
    keys.press("Enter")

    def tab_to(named):
        for _ in range(20):
            if named.evaluate("each => each === document.activeElement"):
                return
            keys.press("Tab")
        pytest.fail(f"no focus: {named}")

    field = anna.get_by_role("combobox")
    tab_to(field)
    keys.type("dub")
    expect(anna.get_by_role("status").filter(has_text="1 suggestion. ")).to_be_visible()
    expect(field).to_have_attribute("aria-expanded", "true")
    keys.press("ArrowDown")
    option = anna.get_by_role("option", name="Chloé Dubois")
    expect(option).to_have_attribute("aria-selected", "true")
    expect(field).to_have_attribute("aria-activedescendant", option.get_attribute("id"))
    keys.press("Escape")
    expect(option).to_have_count(0)
    keys.type("o")
    keys.press("Backspace")
    expect(anna.get_by_role("option")).to_have_count(1)
    keys.press("Enter")
    expect(anna.get_by_text("Chloé Dubois is chosen.")).to_be_visible()
    expect(anna.get_by_role("checkbox", name="Chloé Dubois")).to_be_checked()
    tab_to(anna.get_by_role("checkbox", name="HIPAA"))
    keys.press("Space")
    tab_to(anna.get_by_role("button", name="Share", exact=True))
    keys.press("Enter")
    expect(access_list(anna)).to_be_visible()
    tab_to(anna.get_by_role("button", name="Unshare from Chloé Dubois"))
    keys.press("Enter")
    expect(anna.get_by_role("heading", name="Unshare Carotids from Chloé Dubois?")).to_be_visible()
    tab_to(anna.get_by_role("button", name="Unshare"))
    keys.press("Enter")
    expect(anna.get_by_text("Nobody else has access.")).to_be_visible()


def test_nothing_moves_under_a_click_while_suggestions_are_shown(people):
    anna = people("Anna", ITS_SHARE_TAB)
    box = anna.get_by_role("checkbox", name="HIPAA")

    def height():
        return round(box.bounding_box()["y"])

    before = height()
    anna.get_by_role("combobox").fill("jos")
    expect(anna.get_by_role("option", name="José Núñez")).to_be_visible()
    assert height() == before
    box.check()
    expect(anna.get_by_role("option")).to_have_count(0)
    assert height() == before


def test_without_scripts_everything_but_suggestions_works(people):
    anna = people("Anna", java_script_enabled=False)
    jose = people("José", java_script_enabled=False)
    open_exam(anna, EXAM, "Share")
    expect(anna.get_by_role("combobox")).to_have_count(0)
    anna.get_by_role("button", name="Select from list").click()
    anna.get_by_role("checkbox", name="José Núñez").check()
    anna.get_by_role("button", name="Use these").click()
    anna.get_by_role("checkbox", name="HIPAA").check()
    anna.get_by_role("button", name="Preview").click()
    expect(anna.get_by_text("José Núñez can then view: Carotids")).to_be_visible()
    anna.get_by_role("button", name="Share", exact=True).click()
    expect(access_list(anna).get_by_text("José Núñez")).to_be_visible()
    jose.get_by_role("link", name="Shared with me").click()
    open_exam(jose, EXAM)
    assert tabs(jose) == ["View", "Share"]


def pages_of(anna):
    """Show every kind of page, each with as much on it as there can be; yield the headings."""
    for address, heading in (
        ("/sign-in", "Sign in"),
        ("/", "My exams"),
        ("/shared", "Shared with me"),
        ("/exams/4", "Carotids"),
        ("/exams/4/download", "Carotids"),
        ("/mail", "Mailbox"),
        ("/exams/99", "Not found"),
        (ITS_SHARE_TAB, "Carotids"),
    ):
        anna.goto(address)
        yield heading
    share(anna, "José Núñez", button="Share w/ Personal Message")
    yield "Share Carotids?"
    anna.get_by_role("textbox").fill("w" * 3_000)
    anna.get_by_role("button", name="Share", exact=True).click()
    expect(anna.get_by_role("alert")).to_be_focused()
    yield "Carotids"
    anna.get_by_role("button", name="Select from list").click()
    yield "Select from list"
    anna.goto(ITS_SHARE_TAB)
    share(anna, "José Núñez")
    anna.get_by_role("button", name="Unshare from José Núñez").click()
    yield "Unshare Carotids from José Núñez?"


def test_every_page_has_names_headings_and_no_sideways_scrolling_on_a_phone(people):
    anna = people("Anna", viewport=PHONE)
    for heading in pages_of(anna):
        expect(anna.get_by_role("heading", level=1)).to_have_text(heading)
        anna.wait_for_load_state()
        assert anna.evaluate(UNNAMED) == [], heading
        assert anna.evaluate(WIDER) <= 0, heading
        assert anna.evaluate(TOO_SMALL) == [], heading
        assert anna.evaluate(TWICE) == [], heading
        assert anna.locator("html").get_attribute("lang") == "en"
        assert anna.title().endswith(" – Clinic portal"), heading


def test_the_pictures_of_the_readme_are_of_this_portal_and_small(people, tmp_path):
    """With `EXAM_SHARING_PICTURES` set, they become those of the README."""
    folder = PICTURES if os.environ.get("EXAM_SHARING_PICTURES") else tmp_path
    anna = people("Anna", ITS_SHARE_TAB, viewport={"width": 480, "height": 740})
    anna.get_by_role("checkbox", name="Share all 6 exams").check()
    share(anna, "Radiology")
    anna.goto(ITS_SHARE_TAB)
    choose(anna, "jos", "José Núñez")
    anna.get_by_role("combobox").press_sequentially("tu")
    expect(anna.get_by_role("option")).to_have_count(1)
    anna.get_by_role("heading", level=1).evaluate("each => each.scrollIntoView()")
    anna.screenshot(path=folder / "portal-share.png")
    chloe = people("Chloé", "/exams/5", viewport=PHONE)
    chloe.screenshot(path=folder / "portal-phone.png")
    for name in ("portal-share.png", "portal-phone.png"):
        for path in (folder / name, PICTURES / name):
            assert 2_000 < path.stat().st_size < SMALL, path
