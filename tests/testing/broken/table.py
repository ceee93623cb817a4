"""What catches each broken variant, as a page of the docs.

`python -m broken.table`, with `src`, `tests` and `tests/testing` on the path, writes the page. It
copies what the page says of the machine; `--machine` runs the machine anew, which takes minutes.
"""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from unittest.mock import patch

from broken.clinics import BROKEN_CLINICS
from broken.directories import BROKEN_DIRECTORIES
from broken.directories import laws_of as laws_of_directory
from broken.engines import BROKEN_ENGINES
from broken.stores import BROKEN_STORES
from clinic_portal import HAS, for_clinic, over_functions
from hypothesis import Phase, settings

import profiles  # noqa: F401  the stories of the tests
from exam_sharing.memory import MemoryStore
from exam_sharing.testing import RulesBroken, run_portal_machine, run_sharing_machine
from exam_sharing.testing.cases import ACTS, QUESTIONS, cases, portals, run
from exam_sharing.testing.laws import LawBroken, store_laws

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "broken-variants.md"

SOON, LATE = 10, 300
"""Within how many stories the machine catches a variant."""
TRIES = 5
"""Runs with new stories each, since one run says little."""
IN_TESTS = 1_000
"""So many that the tests do not depend on what one version of Hypothesis draws."""

HEAD = f"""\
# Broken variants

Each variant has one realistic bug, and the testing kit catches every variant.

- **law** and **case**: the first law that the store or directory breaks, and the first decision
  case that the engine fails. Most variants break several.
- **machine**: whether the machine catches the variant by itself, and if not, why. *Soon* is within
  {SOON} stories in each of {TRIES} runs with new stories; *late* is within {LATE} in one run. For
  portals with rules of their own: in how many stories of 20 steps `run_portal_machine` finds it,
  the most of {TRIES} runs.

The laws have the capabilities `events` and `share_record`; a bug in the audit trail or in the
records of shares is invisible without them.

Each run of the tests verifies the law or the case of every variant, and the machine where it is
soon or nothing else catches the variant. `python -m broken.table` writes this page.
"""

EVERY_CASE = cases(acts=ACTS, questions=QUESTIONS)
VARIANTS = {
    "Stores": BROKEN_STORES,
    "Directories": BROKEN_DIRECTORIES,
    "Engines": BROKEN_ENGINES,
    "Portals": BROKEN_CLINICS,
}
KINDS = {"Stores": "law", "Directories": "law", "Engines": "case", "Portals": "case"}

ALONE = "its acts never run at once"
LOOK_ALIKES = "no two ids in its stories look alike"
ONE_PAGE = "it reads one page of a history"
RELAYS = "one relay tries every notice each time"

UNSEEN = {
    "CountsAside": ALONE,
    "TellsBeforeItCommits": ALONE,
    "NeverComparesVersions": ALONE,
    "ComparesWhatItWrites": ALONE,
    "ComparesThenWrites": ALONE,
    "LocksNothing": ALONE,
    "SwallowsConflicts": ALONE,
    "ReadsExamByExam": ALONE,
    "LooksThenClaims": ALONE,
    "ForgetsAttestations": "it does not compare the records of shares",
    "OldestFirst": "it does not compare the order of a batch",
    "UploadsOneByOne": "no exam is uploaded twice",
    "IgnoresCase": LOOK_ALIKES,
    "NormalisesIds": LOOK_ALIKES,
    "KeepsMessages": "no notice is given up",
    "TrustsLateRelays": RELAYS,
    "TriesAtOnce": RELAYS,
    "SendsNewestFirst": "it does not compare the order of notices",
    "TruncatesClaims": RELAYS,
    "NumbersAnew": "nobody lists the waiting notices",
    "OverwritesReceipts": ALONE,
    "CutsBatches": "no batch is that large",
    "OrdersEventsByClock": "it does not read the audit trail",
    "LosesItsPlace": "nothing happens between two pages",
    "LapsesOnce": RELAYS,
    "RequeuesForNoShare": RELAYS,
    "NumbersBeforehand": ALONE,
    "ReadsHiddenBatches": "acts look again at what they are given",
    "OpensGrantsOfOthers": "acts look again at what they are given",
    "LosesEntriesOfOneTime": ONE_PAGE,
    "UploadsOverGrants": "no act in its stories is on an exam that is not there",
}
"""Why the machine does not catch a variant."""

RACES = {
    *("ComparesThenWrites", "LocksNothing", "ReadsExamByExam", "LooksThenClaims"),
    "NumbersBeforehand",
}
"""Variants that only concurrent acts reveal."""


def laws_of(store):
    """Return the laws of stores, with the capabilities of the page."""
    return store_laws(store, events=store.events, share_record=store.share_record)


def breaks(law):
    try:
        law.check()
    except LawBroken:
        return True
    return False


def checks_of(variant):
    """Return, by name, the laws or cases, each as a function that says if it catches a variant."""
    if variant in BROKEN_ENGINES:
        return {case["name"]: lambda case=case: fails(variant, case) for case in EVERY_CASE}
    if variant in BROKEN_CLINICS:
        open_portal = over_functions(variant)
        return {
            case["name"]: lambda case=case: bool(run(case, open_portal)) for case in for_clinic()
        }
    of = laws_of_directory if variant in BROKEN_DIRECTORIES else laws_of
    return {law.name: lambda law=law: breaks(law) for law in of(variant)}


def fails(engine, case):
    with engine():
        return bool(run(case))


def first_that_catches(variant):
    """Return the name of the first law or case that catches a variant; `None` without one."""
    return next((name for name, catches in checks_of(variant).items() if catches()), None)


def transfer(store, exam, owner, at):
    store.transfer(exam, owner, at=at)


def machine_catches(variant, stories, *, anew=False):
    """Return whether the machine catches a variant within so many stories, new ones if asked."""
    many = settings(
        max_examples=stories,
        stateful_step_count=50,
        derandomize=not anew,
        database=None,
        phases=[Phase.generate],
    )
    try:
        if variant in BROKEN_ENGINES:
            with variant():
                run_sharing_machine(MemoryStore, transfer=transfer, settings=many)
        elif variant in BROKEN_DIRECTORIES:
            with patch.object(portals, "MemoryDirectory", variant):
                run_sharing_machine(MemoryStore, transfer=transfer, settings=many)
        else:
            run_sharing_machine(variant, transfer=transfer, settings=many)
    except RulesBroken:
        return True
    return False


def stories_until_found(portal, most=1_000, *, anew=False):
    """Return after how many stories the machine finds a broken portal, or that it does not."""
    opened = []

    def new_rules():
        opened.append(portal)
        return portal()

    told = {"derandomize": not anew, "database": None, "phases": [Phase.generate]}
    many = settings(max_examples=most, stateful_step_count=20, **told)
    try:
        run_portal_machine(over_functions(new_rules), **HAS, settings=many)
    except RulesBroken:
        return len(opened)
    return most + 1


def what_the_machine_does(variant):
    """Return what the page says of the machine and a variant."""
    if variant in BROKEN_CLINICS:
        return f"{max(stories_until_found(variant, anew=True) for _ in range(TRIES))} stories"
    if all(machine_catches(variant, SOON, anew=True) for _ in range(TRIES)):
        return "soon"
    if variant.__name__ not in UNSEEN and machine_catches(variant, LATE):
        return "late"
    return f"no: {UNSEEN.get(variant.__name__, 'unknown reason')}"


def rows():
    """Return the cells of each row of the page, by the name of the variant."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    found = ([cell.strip() for cell in line.split("|")] for line in lines if line[:3] == "| `")
    return {
        name.strip("`"): (bug, caught.strip("`"), machine)
        for _, name, bug, caught, machine, _ in found
    }


def page(machine):
    """Return the page, given what it says of the machine for each variant."""
    parts = [HEAD]
    for title, variants in VARIANTS.items():
        kind = KINDS[title]
        parts += [
            f"## {title}\n",
            f"| variant | its bug | {kind} | machine |",
            "|---|---|---|---|",
        ]
        for variant in variants:
            name, bug = variant.__name__, " ".join(variant.__doc__.split())
            first = first_that_catches(variant)
            caught = "–" if first is None else f"`{first}`"
            parts.append(f"| `{name}` | {bug} | {caught} | {machine[name]} |")
        parts.append("")
    return "\n".join(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--machine", action="store_true", help="run the machine, too")
    if not parser.parse_args().machine:
        machine = {name: cells[-1] for name, cells in rows().items()}
    else:
        variants = [each for group in VARIANTS.values() for each in group]
        with ProcessPoolExecutor() as pool:
            words = pool.map(what_the_machine_does, variants)
            machine = dict(zip((each.__name__ for each in variants), words, strict=True))
    PAGE.write_text(page(machine), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
