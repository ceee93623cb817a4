"""The store of the docs, over plain `sqlite3`, keeps every law, and is short."""

import pytest
from hypothesis import settings

from docs_examples import EXAMPLES, examples
from exam_sharing.testing import run_sharing_machine
from exam_sharing.testing.cases import check, over_store

with examples():
    from sqlite3_checks import LAWS, open_store


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_the_store_of_the_docs_keeps_the_law(law):
    law.check()


def test_the_store_of_the_docs_agrees_with_the_model():
    run_sharing_machine(open_store, settings=settings(max_examples=4, stateful_step_count=25))


@pytest.mark.sharing_cases
def test_the_store_of_the_docs_passes_every_case(sharing_case):
    check(sharing_case, over_store(open_store))


def test_the_store_of_the_docs_has_less_than_240_lines():
    text = (EXAMPLES / "sqlite3_store.py").read_text(encoding="utf-8")
    assert 150 < len(text.splitlines()) < 240
