"""The kit catches every broken variant, by the law, the case or the machine that the docs name."""

import re

import pytest
from broken.clinics import BROKEN_CLINICS
from broken.table import (
    IN_TESTS,
    RACES,
    UNSEEN,
    VARIANTS,
    checks_of,
    machine_catches,
    rows,
    stories_until_found,
)

EVERY = {each.__name__: each for variants in VARIANTS.values() for each in variants}
ROWS = rows()
RACES_TRIED = 3


@pytest.mark.parametrize("name", [name for name, cells in ROWS.items() if cells[1] != "–"])
def test_the_law_or_case_catches_the_variant(name):
    catches = checks_of(EVERY[name])[ROWS[name][1]]
    # A race may pass in one run, and fail in the next.
    assert any(catches() for _ in range(RACES_TRIED if name in RACES else 1))


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, (_, caught, machine) in ROWS.items()
        if machine == "soon" or (caught, machine) == ("–", "late")
    ],
)
def test_the_machine_catches_a_variant_that_it_finds_soon_or_that_no_case_catches(name):
    assert machine_catches(EVERY[name], IN_TESTS)


@pytest.mark.parametrize("portal", BROKEN_CLINICS, ids=lambda portal: portal.__name__)
def test_the_portal_machine_finds_the_mistake_in_about_as_many_stories_as_the_docs_state(portal):
    stated = int(ROWS[portal.__name__][2].removesuffix(" stories"))
    assert stories_until_found(portal, most=3 * stated) <= 3 * stated


def test_the_docs_describe_every_variant():
    assert {name: cells[0] for name, cells in ROWS.items()} == {
        name: " ".join(variant.__doc__.split()) for name, variant in EVERY.items()
    }
    for name, (_, caught, machine) in ROWS.items():
        found = re.fullmatch(r"soon|late|\d+ stories", machine) is not None
        assert machine.startswith("no: ") if name in UNSEEN else found
        assert caught != "–" or found
