"""The rules, as the command prints them."""

import json

import pytest

from exam_sharing import ReasonCode
from exam_sharing.cli import main
from exam_sharing.policy.ending_rules import ENDING_RULES
from exam_sharing.policy.rules import RULES


def test_the_document_has_the_rules_of_the_table_in_its_order(capsys):
    assert main(["rules", "--json"]) == 0
    rules = json.loads(capsys.readouterr().out)["rules"]
    assert [rule["code"] for rule in rules] == [rule.code.value for rule in RULES]
    assert [rule["statement"] for rule in rules] == [rule.statement for rule in RULES]
    assert all(rule["remedy"] for rule in rules)


def test_each_rule_names_its_kind_of_act(capsys):
    main(["rules", "--json"])
    rules = json.loads(capsys.readouterr().out)["rules"]
    unshare = [rule["code"] for rule in rules if rule["act"] == "unshare"]
    assert unshare == [rule.code.value for rule in ENDING_RULES]


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_every_rule_is_printed(capsys, monkeypatch, columns):
    pytest.importorskip("rich")
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["rules"]) == 0
    printed = capsys.readouterr().out
    for code in ReasonCode:
        assert code.value in printed
    assert "Sharing is refused when" in printed
    assert "Unsharing and narrowing are refused when" in printed
    assert max(map(len, printed.splitlines())) <= min(columns, 100)
