"""Which law catches which broken variant, as a page of the docs.

`python -m broken.table`, with `src`, `tests` and `tests/testing` on the path, writes the page anew.
"""

from pathlib import Path

import attrs
from broken.engines import BROKEN_ENGINES
from broken.stores import BROKEN_STORES
from hypothesis import Phase, settings

from exam_sharing.memory import MemoryStore
from exam_sharing.testing import RulesBroken, run_sharing_machine
from exam_sharing.testing.cases import cases, run
from exam_sharing.testing.laws import LawBroken, store_laws

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "broken-variants.md"

HEAD = """\
# Broken variants

The testing kit is worth what it finds. Each variant below has one realistic bug; a test holds that
the kit catches every one, and that this table tells the truth. It names the first law, or the first
decision case, that does, in the order in which they are checked, and after how many examples, where
examples are looked for. Many are caught by others as well.
"""


@attrs.frozen
class Caught:
    """Who caught a variant.

    Attributes:
        law: the name of the first law or case that was broken.
        examples: after how many examples, where the law looks for examples.
    """

    law: str
    examples: int | str | None = None


def caught_by_store_law(broken):
    """Return the first law of stores that a broken one breaks; `None` if it keeps them all."""
    for law in store_laws(broken, events=broken.events):
        try:
            law.check()
        except LawBroken as error:
            return Caught(error.law, error.examples)
    return None


STORIES = settings(
    max_examples=150,
    stateful_step_count=20,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
)


def caught_by_case_or_story(broken):
    """Return the first decision case that a broken engine fails, or else the machine."""
    with broken():
        for case in cases():
            if run(case):
                return Caught(case["name"])
        try:
            run_sharing_machine(MemoryStore, settings=STORIES)
        except RulesBroken:
            # At which story exactly is up to Hypothesis, and may change with it.
            return Caught("the machine", f"at most {STORIES.max_examples} stories")
    return None


SECTIONS = {
    "Stores": (BROKEN_STORES, caught_by_store_law),
    "Engines": (BROKEN_ENGINES, caught_by_case_or_story),
}
"""For each kind of variant, those that there are and what catches them."""


def row(broken, caught):
    bug = " ".join(broken.__doc__.split())
    examples = "" if caught.examples is None else str(caught.examples)
    return f"| `{broken.__name__}` | {bug} | `{caught.law}` | {examples} |"


def section(title, rows):
    head = ["| variant | its bug | caught by | examples |", "|---|---|---|---|"]
    return "\n".join([f"\n## {title}\n", *head, *rows, ""])


def page():
    """Return the page as it must be now."""
    sections = (
        section(title, [row(broken, catch(broken)) for broken in variants])
        for title, (variants, catch) in SECTIONS.items()
    )
    return HEAD + "".join(sections)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
