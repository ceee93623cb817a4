"""Every reason code has its rule, its property test and its example in the docs.

A property test is marked `@pytest.mark.reason_code(ReasonCode.…)`, draws values by Hypothesis, and
refers to the specification of its code.
"""

import re
from importlib import import_module
from inspect import getdoc
from pathlib import Path

import pytest
from hypothesis import is_hypothesis_test

from exam_sharing import ReasonCode
from exam_sharing.policy.decisions import REMEDIES
from exam_sharing.policy.ending import ENDING_RULES
from exam_sharing.policy.share import SHARE_RULES

EXAMPLES = Path(__file__).parents[1] / "docs" / "reference" / "reason-codes.md"
RULES = (*SHARE_RULES, *ENDING_RULES)
CODES = {code.name for code in ReasonCode}
MODULES = (
    "test_all_reasons_at_once",
    "test_reasons_against_endings",
    "test_reasons_against_shares",
    "test_reasons_of_policies",
)


def property_tests():
    """Yield the code and the function of each marked test."""
    for module in MODULES:
        for test in vars(import_module(module)).values():
            for mark in getattr(test, "pytestmark", ()) if callable(test) else ():
                if mark.name == "reason_code":
                    yield from ((code.name, test) for code in mark.args)


def examples():
    page = EXAMPLES.read_text(encoding="utf-8")
    parts = re.split(r"^#+ (.+)$", page, flags=re.MULTILINE)
    return {
        title.strip("`"): re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
        for title, text in zip(parts[1::2], parts[2::2], strict=True)
    }


def test_every_code_is_called_by_its_value():
    assert all(code.name == code.value for code in ReasonCode)


def test_every_code_has_a_rule_in_the_table():
    assert {rule.code.name for rule in RULES} == CODES


def test_every_code_has_a_property_test():
    assert {code for code, _ in property_tests()} == CODES


@pytest.mark.parametrize(
    ("code", "test"), [pytest.param(*each, id=each[1].__name__) for each in property_tests()]
)
def test_every_property_test_of_a_rule_draws_values_and_refers_to_the_rule(code, test):
    assert is_hypothesis_test(test)
    assert getdoc(test) == f"Specification: `#{code.lower()}`."


def test_every_code_has_an_example_in_the_docs_that_ends_in_it():
    shown = {
        title
        for title, blocks in examples().items()
        if re.search(rf"^{title}: ", "".join(blocks), re.MULTILINE)
    }
    assert shown == CODES


def test_every_code_has_a_remedy():
    assert {code.name for code in REMEDIES} == CODES


def test_every_statement_is_one_sentence():
    assert all(re.fullmatch(r"[A-Z][^.]+\.", rule.statement) for rule in RULES)


def test_statements_of_rules_are_different():
    assert len({rule.statement for rule in RULES}) == len(RULES)
