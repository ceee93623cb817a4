"""The kit finds bugs: it catches every broken variant, and the docs say which law did."""

import pytest
from broken.table import PAGE, SECTIONS, row

VARIANTS = [
    pytest.param(broken, catch, id=broken.__name__)
    for variants, catch in SECTIONS.values()
    for broken in variants
]


@pytest.mark.parametrize(("broken", "catch"), VARIANTS)
def test_the_kit_catches_the_variant_by_the_law_that_the_docs_name(broken, catch):
    caught = catch(broken)
    assert caught is not None
    assert row(broken, caught) in PAGE.read_text(encoding="utf-8").splitlines()


def test_the_docs_name_no_other_variants():
    rows = [each for each in PAGE.read_text(encoding="utf-8").splitlines() if each[:3] == "| `"]
    assert len(rows) == len(VARIANTS)
