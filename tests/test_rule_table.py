"""Every reason code has its rule, its property test and its example in the docs.

The property tests are found by reading the test files: a test counts when it is marked
`@pytest.mark.reason_code(ReasonCode.…)`, is given values by Hypothesis, and quotes its rule.
"""

import ast
import re
from pathlib import Path

import pytest

from exam_sharing import ReasonCode
from exam_sharing.policy.decisions import REMEDIES
from exam_sharing.policy.rules import RULES

TESTS = Path(__file__).parent
EXAMPLES = TESTS.parent / "docs" / "reference" / "reason-codes.md"
CODES = {code.name for code in ReasonCode}


def functions(tree):
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def marked_codes(test):
    for decorator in test.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == (
            "pytest.mark.reason_code"
        ):
            yield from (ast.unparse(each).removeprefix("ReasonCode.") for each in decorator.args)


def is_a_property(test):
    return any(
        isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "given"
        for decorator in test.decorator_list
    )


def property_tests():
    for path in sorted(TESTS.rglob("test_*.py")):
        for test in functions(ast.parse(path.read_text(encoding="utf-8"))):
            for code in marked_codes(test):
                yield code, test


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
    "test", [pytest.param(test, id=f"{code}-{test.name}") for code, test in property_tests()]
)
def test_every_property_test_of_a_rule_draws_values_and_quotes_the_rule(test):
    assert test.name.startswith("test_")
    assert is_a_property(test)
    quoted = " ".join(ast.get_docstring(test).split())
    assert re.search(r'SPEC \d\. ".+"', quoted)


def test_every_code_has_an_example_in_the_docs_that_ends_in_it():
    shown = {
        title
        for title, blocks in examples().items()
        if re.search(rf"^{title}: ", "".join(blocks), re.MULTILINE)
    }
    assert shown == CODES


def test_every_code_says_what_the_person_can_do():
    assert {code.name for code in REMEDIES} == CODES


def test_every_statement_is_one_sentence():
    assert all(re.fullmatch(r"[A-Z][^.]+\.", rule.statement) for rule in RULES)


def test_no_two_rules_say_the_same():
    assert len({rule.statement for rule in RULES}) == len(RULES)
