"""A Sphinx extension that draws tables from the code, whenever the docs are built.

A page contains `{rule-table} sharing` or `{rule-table} ending`, or `{answer-table}`. No generated
file can be stale.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Final

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from exam_sharing.policy.decisions import REMEDIES, Rule
from exam_sharing.policy.ending import ENDING_RULES
from exam_sharing.policy.share import SHARE_RULES
from exam_sharing.web import ENGLISH
from exam_sharing.web.answers import STATUSES

if TYPE_CHECKING:
    from sphinx.application import Sphinx

TABLES: Final[dict[str, tuple[Rule[Any], ...]]] = {"sharing": SHARE_RULES, "ending": ENDING_RULES}


def table_of(rules: Iterable[Rule[Any]]) -> str:
    """Return the rules as a Markdown table, each code linked to its example."""
    rows = [
        f"| [`{rule.code.value}`](reason-codes.md#{rule.code.value.lower()})"
        f" | {rule.statement} | {REMEDIES[rule.code]} |"
        for rule in rules
    ]
    return "\n".join(["| code | refused when | what the person can do |", "|---|---|---|", *rows])


class RuleTable(SphinxDirective):
    """Draws one of the tables."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        """Return the table of the act in the argument."""
        rules = TABLES[directives.choice(self.arguments[0], tuple(TABLES))]
        return self.parse_text_to_nodes(table_of(rules))


def answers() -> str:
    """Return the answers to errors as a Markdown table."""
    rows = []
    for code, sentence in ENGLISH.items():
        status, field = STATUSES.get(code) or STATUSES.get(code.partition(".")[0]) or ("", "")
        if code.startswith("INVALID_INPUT."):
            field = code.partition(".")[2]
        rows.append(f"| `{code}` | {status} | {f'`{field}`' if field else ''} | {sentence} |")
    return "\n".join(["| code | status | field | sentence |", "|---|---|---|---|", *rows])


class AnswerTable(SphinxDirective):
    """Draws the table of answers."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        return self.parse_text_to_nodes(answers())


def setup(app: "Sphinx") -> ExtensionMetadata:
    """Register the directives."""
    app.add_directive("rule-table", RuleTable)
    app.add_directive("answer-table", AnswerTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
