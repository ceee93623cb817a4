"""Mermaid's own parser reads in our flowcharts what we wrote. Specification: `#chain-of-sharing`.

It is the npm package mermaid under Node.js. `test_graph` reads the same texts by our own rules.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mermaid_texts import HOSTILE, graph_of, read

SCRIPT = Path(__file__).with_name("mermaid_read.mjs")


def mermaid_folder(pytestconfig):
    """Return where npm has installed Mermaid, or skip the test."""
    installed = pytestconfig.rootpath / ".ci" / "node" / "node_modules"
    folder = Path(os.environ.get("EXAM_SHARING_TEST_MERMAID", installed))
    if not (folder / "mermaid" / "dist" / "mermaid.min.js").is_file():
        pytest.skip("no npm package mermaid: name its node_modules in EXAM_SHARING_TEST_MERMAID")
    return folder


@pytest.fixture(scope="module")
def parsed(pytestconfig):
    """One process of Node.js, which parses a text at each call."""
    folder, node = mermaid_folder(pytestconfig), shutil.which("node")
    if node is None:
        pytest.skip("there is no Node.js")
    with subprocess.Popen(
        [node, SCRIPT, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as process:

        def parse(text):
            process.stdin.write(json.dumps(text) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
            assert answer, "Mermaid cannot parse the text"
            return json.loads(answer)

        yield parse
        process.stdin.close()


FRAGMENTS = st.sampled_from([*HOSTILE, '"', "]", "\n", "#", ";", "%%", "`", "<br/>", "-", "end "])


@given(names=st.lists(st.text() | st.lists(FRAGMENTS | st.text(), max_size=4).map("".join)))
@example(names=HOSTILE)
def test_mermaid_reads_the_nodes_and_links_that_we_wrote_and_no_more(parsed, names):
    graph = graph_of(names)
    text = graph.mermaid(name=graph.names.__getitem__)
    ours, links = read(text)

    found = parsed(text)

    assert found["type"] == "flowchart-v2"
    assert found["parts"] == 0
    assert found["links"] == [[source, "", target] for source, _, target in links]
    assert [node for node, *_ in found["nodes"]] == list(ours)
    for node, classes, label, acts in found["nodes"]:
        style, written = ours[node]
        assert (classes, label, acts) == ([style], written.split("\n"), None)
