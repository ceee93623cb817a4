"""A Sphinx extension that draws chains of sharing with the real code, whenever the docs are built.

A page contains `{sharing-graph} NAME`, with the name of a chain below. Mermaid draws it in the
reader's browser; without that, the reader sees the text of the flowchart.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

if TYPE_CHECKING:
    from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).resolve().parent / "examples"))

from clinic import ANNA, BEN, CARLA, CT, DAN, open_clinic, share
from exam_sharing import Reshares, UnshareRequest

CHAINS: Final = {
    "cascade": [(ANNA, BEN), (BEN, CARLA)],
    "circle": [(ANNA, BEN), (BEN, CARLA), (CARLA, DAN), (DAN, CARLA)],
}
"""Who shares with whom, before Anna previews to unshare from Ben with a cascade."""


def drawn(name: str) -> str:
    """Return the flowchart of a chain."""
    clinic = open_clinic()
    for grantor, recipient in CHAINS[name]:
        share(clinic, grantor, CT, recipient)
    preview = UnshareRequest(actor=ANNA, exam=CT, recipient=BEN, reshares=Reshares.CASCADE)
    graph = clinic.graph(ANNA, CT, preview=preview)
    return graph.mermaid(name=graph.name_of)


class SharingGraph(SphinxDirective):
    """Draws one of the chains."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        """Return the drawing of the chain in the argument."""
        text = drawn(directives.choice(self.arguments[0], tuple(CHAINS)))
        return self.parse_text_to_nodes(f"```{{mermaid}}\n{text}\n```\n")


def setup(app: "Sphinx") -> ExtensionMetadata:
    """Register the directive."""
    app.setup_extension("sphinxcontrib.mermaid")
    app.add_directive("sharing-graph", SharingGraph)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
