"""The kit finds bugs: it catches every broken variant, and the docs say what did."""

import re

import pytest
from broken.table import PAGE, RACES, SECTIONS, SOON, UNTOLD, first_cells, told_by_machine

VARIANTS = [
    pytest.param(broken, catch, id=broken.__name__)
    for variants, catch in SECTIONS.values()
    for broken in variants
]
ROWS = {
    row.split("`")[1]: row
    for row in PAGE.read_text(encoding="utf-8").splitlines()
    if row[:3] == "| `"
}


RACES_TRIED = 3


def cells(row):
    return [cell.strip() for cell in row.strip("| ").split(" |")]


def told_soon(broken):
    """Say whether the docs say that the machine catches a variant soon."""
    told = re.search(r"\| story (\d+), step \d+ \|$", ROWS[broken.__name__])
    return told is not None and int(told[1]) <= SOON


@pytest.mark.parametrize(("broken", "catch"), VARIANTS)
def test_the_kit_catches_the_variant_by_what_the_docs_name(broken, catch):
    row = cells(ROWS[broken.__name__])
    name, bug, law, examples = cells(first_cells(broken, catch(broken)))
    for _ in range(RACES_TRIED if broken.__name__ in RACES else 0):
        # A law about a race may pass over a bug in one run, and finds it in the next.
        if law != row[2]:
            name, bug, law, examples = cells(first_cells(broken, catch(broken)))
    assert row[:3] == [name, bug, law]
    assert row[3] == examples or broken.__name__ in RACES


@pytest.mark.parametrize(
    "broken", [each for variants, _ in SECTIONS.values() for each in variants if told_soon(each)]
)
def test_the_machine_catches_what_the_docs_say_that_it_catches_soon(broken):
    assert told_by_machine(broken) is not None


def test_nothing_is_caught_by_nothing():
    for name, row in ROWS.items():
        _, _, law, _, machine = cells(row)
        assert machine.startswith("no: " if name in UNTOLD else "story ")
        assert law != "the machine" or name not in UNTOLD


def test_the_docs_name_no_other_variants():
    assert ROWS.keys() == {each.id for each in VARIANTS}
