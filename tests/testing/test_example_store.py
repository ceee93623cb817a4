"""The store of the docs, over plain `sqlite3`, keeps every law, and is as short as is said."""

import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def laws():
    sys.path.insert(0, str(EXAMPLES))
    try:
        from sqlite3_checks import LAWS
    finally:
        sys.path.remove(str(EXAMPLES))
    return LAWS


@pytest.mark.parametrize("law", laws(), ids=lambda law: law.name)
def test_the_store_of_the_docs_keeps_the_law(law):
    law.check()


def test_it_has_less_than_200_lines():
    text = (EXAMPLES / "sqlite3_store.py").read_text(encoding="utf-8")
    assert 150 < len(text.splitlines()) < 200
