"""The picture that Mermaid draws in a browser shows each name as it is, and does nothing else."""

from portal_browsers import require_browser

require_browser()

import pytest  # noqa: E402

from exam_sharing.graph import SharingGraph  # noqa: E402
from mermaid_texts import HOSTILE, graph_of, shown_as  # noqa: E402
from test_mermaid import mermaid_folder  # noqa: E402

LABELS = """async text => {
    mermaid.initialize({startOnLoad: false});
    const {svg} = await mermaid.render("chain", text);
    document.body.innerHTML = svg;
    return Array.from(document.querySelectorAll(".node"), node => {
        for (const line of node.querySelectorAll("br")) line.replaceWith("\\n");
        return node.textContent.replaceAll("\u2060", "").trim();
    });
}"""


@pytest.fixture
def drawn(browser, pytestconfig):
    """Draw a flowchart, and return the labels of its nodes and what the page did besides."""
    folder = mermaid_folder(pytestconfig)
    page = browser.new_page()
    did = []
    page.on("request", lambda request: did.append(request.url))
    page.on("dialog", lambda dialog: (did.append(dialog.message), dialog.dismiss()))
    page.on("pageerror", lambda error: did.append(str(error)))
    page.set_content("<!DOCTYPE html><body></body>")
    page.add_script_tag(path=folder / "mermaid" / "dist" / "mermaid.min.js")

    def draw(text):
        labels = page.evaluate(LABELS, text)
        assert page.locator("svg a, svg img, svg script, svg b, svg em, svg strong").count() == 0
        return labels, did

    yield draw
    page.close()


def test_a_picture_shows_hostile_names_as_they_are(drawn):
    graph = graph_of(HOSTILE)
    labels, did = drawn(graph.mermaid(name=graph.names.__getitem__))
    assert did == []
    shown = [label.split("\n")[1] for label in labels if label.startswith("from")]
    assert shown == [f"to user {shown_as(name)}" for name in HOSTILE]


def test_the_largest_picture_is_drawn_by_default(drawn):
    graph = graph_of(["x" * 60] * 300)
    labels, did = drawn(graph.mermaid(name=SharingGraph.name_of.__get__(graph)))
    assert did == []
    assert len(labels) == 202
    assert labels[-1] == "Left out\n100 grants\n100 links"
