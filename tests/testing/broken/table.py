"""What catches which broken variant, and after how many examples, as a page of the docs.

`python -m broken.table`, with `src`, `tests` and `tests/testing` on the path, writes the page anew.
It takes some minutes.
"""

import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import attrs
from broken.engines import BROKEN_ENGINES, BrokenEngine
from broken.stores import BROKEN_STORES
from hypothesis import Phase, settings

from exam_sharing.memory import MemoryStore
from exam_sharing.testing import RulesBroken, run_sharing_machine
from exam_sharing.testing.cases import cases, run
from exam_sharing.testing.laws import LawBroken, store_laws
from exam_sharing.testing.machine.acting import BothSides

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "broken-variants.md"

HEAD = """\
# Broken variants

The testing kit is worth what it finds. Each variant below has one realistic bug, and the kit
catches every one. The table says what does: for a store the first law, for an engine the first
decision case, in the order in which they are checked. Many are caught by others as well. Beside it
stands what the machine makes of the variant by itself, without those laws and cases.

**Examples.** Where laws are asked, an example is a new store in which something was tried: most
laws open one, some several, and those that look for examples one for each. Where cases are asked,
an example is a case. The number counts all that was tried until the variant was caught, laws and
cases before that included. Threads take turns as they like, so of a race the number is that of one
run.

**The machine** tells up to {stories} stories of up to {steps} steps, the same ones each time, and
stops at the first that goes wrong. The numbers are the story and the step in which that was, steps
counted from the first story on; that Hypothesis then shrinks the story is not counted, and that it
gave a story up before its end is. Where the machine cannot catch a variant, the table says why;
{few} stories of each of those were told, and nothing in them went wrong.

Laws of stores are asked with the capabilities `events` and `share_record`, without which
`AuditsWhatNeverHappened`, `OrdersEventsByClock` and `ForgetsAttestations` would keep all that they
are asked.

**What holds this page.** Each run of the tests asks the laws and the cases of every variant anew
and compares names and numbers with the page (of a race, the name alone). It runs the machine on the
variants that it catches within {soon} stories by this page, and holds that it does catch them; at
which story exactly is up to Hypothesis, and changes with it. The rest of the machine's column is as
true as when somebody last wrote the page, by `python -m broken.table` with `src`, `tests` and
`tests/testing` on the path.
"""

SOON = 5
STORIES = settings(
    max_examples=300,
    stateful_step_count=50,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
)

FEW = settings(STORIES, max_examples=20)
"""For variants of which it is known why the machine does not catch them."""

AT_ONCE = "it takes two at once, and the machine does one thing after another"
LOOK_ALIKES = "no two ids in its stories look alike"
RELAYS = "there is one relay in its stories, which tries everything each time"

UNTOLD = {
    "TellsBeforeItCommits": AT_ONCE,
    "NeverComparesVersions": AT_ONCE,
    "ComparesWhatItWrites": AT_ONCE,
    "ComparesThenWrites": AT_ONCE,
    "LocksNothing": AT_ONCE,
    "SwallowsConflicts": AT_ONCE,
    "ReadsExamByExam": AT_ONCE,
    "LooksThenClaims": AT_ONCE,
    "AuditsWhatNeverHappened": AT_ONCE,
    "ForgetsAttestations": "nothing that it compares tells the record of a share",
    "OldestFirst": "it compares which exams are in a batch, and not in which order",
    "UploadsOneByOne": "no exam in its stories arrives twice",
    "IgnoresCase": LOOK_ALIKES,
    "NormalisesIds": LOOK_ALIKES,
    "KeepsMessages": "no notice in its stories is given up",
    "TrustsLateRelays": RELAYS,
    "TriesAtOnce": RELAYS,
    "SendsNewestFirst": "it compares which notices are sent, and not in which order",
    "TruncatesClaims": RELAYS,
    "NumbersAnew": "nobody in its stories looks at the notices that wait",
    "OverwritesReceipts": AT_ONCE,
    "CutsBatches": "no batch in its stories is that large",
    "OrdersEventsByClock": "it compares what a store is told to record, and not what it then tells",
    "LosesItsPlace": "nothing happens in its stories while somebody turns pages",
}
"""Why the machine does not catch a variant."""

RACES = {"ComparesThenWrites", "LocksNothing", "ReadsExamByExam", "LooksThenClaims"}
"""Variants that are caught by letting threads race."""


@attrs.frozen
class Caught:
    """Who caught a variant.

    Attributes:
        law: the name of the first law or case that was broken.
        examples: after how many examples.
    """

    law: str
    examples: int


@attrs.frozen
class Told:
    """Where the machine caught a variant."""

    stories: int
    steps: int


@attrs.define
class Opening:
    """Opens stores, and counts them."""

    store: type
    opened: int = 0

    def __call__(self):
        self.opened += 1
        return self.store()


def caught_by_law(broken):
    """Return the first law of stores that a broken one breaks; `None` if it keeps them all."""
    opening = Opening(broken)
    laws = store_laws(opening, events=broken.events, share_record=broken.share_record)
    for law in laws:
        before = opening.opened
        try:
            law.check()
        except LawBroken as error:
            # A law that looks for examples goes on to look for a smaller one.
            tried = opening.opened if error.examples is None else before + error.examples
            return Caught(error.law, tried)
    return None


def caught_by_case(broken):
    """Return the first decision case that a broken engine fails; `None` if it passes them all."""
    with broken():
        for number, case in enumerate(cases(), start=1):
            if run(case):
                return Caught(case["name"], number)
    return None


def transfer(store, exam, owner, at):
    store.transfer(exam, owner, at=at)


def told_by_machine(broken):
    """Return at which story and step the machine catches a variant; `None` if it does not."""
    stories = FEW if broken.__name__ in UNTOLD else STORIES
    if issubclass(broken, BrokenEngine):
        with broken():
            return _told(MemoryStore, stories)
    return _told(broken, stories)


def _told(store, stories):
    opening, before = Opening(store), BothSides.steps
    try:
        run_sharing_machine(opening, transfer=transfer, settings=stories)
    except RulesBroken:
        # Two stores are opened before the first story, to see that they are isolated.
        return Told(opening.opened - 2, BothSides.steps - before)
    return None


SECTIONS = {
    "Stores": (BROKEN_STORES, caught_by_law),
    "Engines": (BROKEN_ENGINES, caught_by_case),
}
"""For each kind of variant, those that there are and what catches them first."""


def first_cells(broken, caught):
    """Return what a row says of the laws or cases."""
    bug = " ".join(broken.__doc__.split())
    if caught is None:
        return f"| `{broken.__name__}` | {bug} | the machine | – |"
    return f"| `{broken.__name__}` | {bug} | `{caught.law}` | {caught.examples} |"


def last_cell(broken, told):
    """Return what a row says of the machine."""
    if told is None:
        return f" no: {UNTOLD.get(broken.__name__, 'nobody knows why not')} |"
    return f" story {told.stories}, step {told.steps} |"


def section(title, variants, catch, told):
    head = [
        "| variant | its bug | caught by | examples | the machine |",
        "|---|---|---|---|---|",
    ]
    rows = (first_cells(each, catch(each)) + last_cell(each, told[each]) for each in variants)
    return "\n".join([f"\n## {title}\n", *head, *rows, ""])


def told_by_all():
    """Return what the machine makes of every variant, on as many processors as there are."""
    variants = [each for variants, _ in SECTIONS.values() for each in variants]
    found = {}
    with ProcessPoolExecutor() as pool:
        for broken, told in zip(variants, pool.map(told_by_machine, variants), strict=True):
            found[broken] = told
            print(f"{len(found)} of {len(variants)}: {broken.__name__}: {told}", file=sys.stderr)
    return found


def page(told):
    """Return the page, given what the machine makes of each variant."""
    head = HEAD.format(
        stories=STORIES.max_examples,
        steps=STORIES.stateful_step_count,
        few=FEW.max_examples,
        soon=SOON,
    )
    sections = (section(title, *how, told) for title, how in SECTIONS.items())
    return head + "".join(sections)


if __name__ == "__main__":
    PAGE.write_text(page(told_by_all()), encoding="utf-8")
