"""The reference documents every key of a case in its row, and its JavaScript runner works."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

from exam_sharing import Policy, ReasonCode
from exam_sharing.testing.cases import as_json, cases, check

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "testing.md"
SECTION = PAGE.read_text("utf-8").partition("\n## Decision cases\n")[2].partition("\n## ")[0]
RUNNER = re.search(r"^```javascript\n(.*?)^```", SECTION, re.DOTALL | re.MULTILINE)
DOCUMENT = json.loads(as_json())
CASES = DOCUMENT["cases"]


def words(text):
    """Return the words in code style."""
    return {word for code in re.findall(r"`([^`]+)`", text) for word in re.findall(r"\w+", code)}


def tables():
    """Return the tables by the head of their first column; each has its rows by first cell."""
    found = {}
    for text in re.findall(r"(?:^\|.*\n)+", SECTION, re.MULTILINE):
        head, _, *rows = text.splitlines()
        table = found.setdefault(head.split("|")[1].strip(), {})
        for row in rows:
            table |= dict.fromkeys(words(row.split("|")[1]), row)
    return found


TABLES = tables()
ROWS = {
    name: words(row)
    for head in ("key", "everywhere", "given", "act", "outcome", "code", "question")
    for name, row in TABLES[head].items()
}
ROWS["given"] = set(TABLES["given"])
ROWS["policy"] = set(TABLES["setting"])
ROWS["host_rules"] = words(TABLES["setting"]["host_rules"])

WITH_CHOICES = {"outcome", "limited_by", "limited", "why_not"}
"""Keys of which the page lists every value."""


def undocumented(row, data):
    """Yield undocumented keys and values of data, each with the row that should have it."""
    if isinstance(data, list):
        for each in data:
            yield from undocumented(row, each)
    if isinstance(data, dict):
        own = {k: data[k] for k in ("act", "question", "code") if str(data.get(k)) in ROWS}
        row = next(iter(own.values()), row)
        documented = ROWS[row] | own.keys()
        if {"grantor", "recipient"} <= data.keys():
            documented |= ROWS["grant"]
        for key, value in data.items():
            if key not in documented:
                yield row, key
            if key in WITH_CHOICES and isinstance(value, str) and value not in documented:
                yield row, value
            yield from undocumented(key if key in ROWS else row, value)


def undocumented_in(case):
    """Yield undocumented keys and values of a case."""
    yield from (("case", key) for key in case.keys() - TABLES["key"].keys())
    yield from undocumented("given", case["given"])
    if case["when"] is not None:
        yield from undocumented("when", case["when"])
        documented = ROWS[case["when"]["act"]]
        documented = documented.union(
            *(ROWS[each] for each in ("shared", "ended") if each in documented)
        )
        for key, value in case["outcome"].items():
            if key not in documented:
                yield case["when"]["act"], key
            if key == "error" and value not in ROWS["error"]:
                yield "error", value
            yield from undocumented(key if key in ROWS else "ended", value)
    for each in case["then"]:
        yield from (("then", key) for key in each.keys() - ROWS["then"])
        yield from undocumented("then", each["question"])
        yield from undocumented(each["question"]["question"], each["answer"])


def test_every_key_of_a_case_is_documented():
    assert [each for case in CASES for each in undocumented_in(case)] == []


def test_the_keys_of_the_document_are_documented():
    shown = re.search(r"The document is `([^`]+)`", SECTION)[1]
    assert re.findall(r'"(\w+)": ', shown) == list(DOCUMENT)
    assert f'"schema": {DOCUMENT["schema"]},' in shown


def test_exactly_the_acts_codes_and_questions_have_rows():
    dos = [act for case in CASES for act in (*case["given"]["acts"], case["when"]) if act]
    assert TABLES["act"].keys() == {act["act"] for act in dos}
    assert TABLES["code"].keys() == {code.value for code in ReasonCode}
    questions = {each["question"]["question"] for case in CASES for each in case["then"]}
    assert TABLES["question"].keys() == questions


def test_every_row_has_its_own_head():
    heads = [name for head, table in TABLES.items() if head != "setting" for name in table]
    assert len(heads) == len(set(heads))


def test_every_setting_is_documented_with_its_default():
    documented = {
        name: json.loads(re.search(r"`([^`]+)`", row.split("|")[2])[1])
        for name, row in TABLES["setting"].items()
    }
    assert documented == DOCUMENT["policy_defaults"]
    assert documented.keys() == {field.name for field in attrs.fields(Policy)} - {"retries"}


def test_a_case_with_all_default_settings_decides_the_same():
    for case in cases():
        case["given"]["policy"] = {**DOCUMENT["policy_defaults"], **case["given"]["policy"]}
        check(case)


def test_undocumented_keys_and_values_are_found():
    for case in CASES:
        text = json.dumps(case)
        painted = json.loads(text, object_hook=lambda part: {**part, "colour": None})
        assert [key for _, key in undocumented_in(painted)] == ["colour"] * text.count("{")
        changed = json.loads(re.sub('"(outcome|limited_by|why_not)": "', r"\g<0>NOT_", text))
        assert len([*undocumented_in(changed)]) == json.dumps(changed).count(
            ': "NOT_'
        ) - text.count(': "NOT_')


PORTAL = """
import json, sys
from exam_sharing.testing.cases import in_memory

for line in sys.stdin:
    method, asked = json.loads(line)
    if method == "open":
        portal, got = in_memory(asked), None
    elif asked.get("question") == sys.argv[1]:
        got = None
    else:
        got = getattr(portal, method)(asked)
    print(json.dumps(got), flush=True)
"""

MAIN = """
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { run } from "./runner.mjs";

const [python, silent] = process.argv.slice(2);
const portal = spawn(python, ["portal.py", silent], { stdio: ["pipe", "pipe", "inherit"] });
const lines = createInterface({ input: portal.stdout })[Symbol.asyncIterator]();
const call = async (method, asked) => {
  portal.stdin.write(JSON.stringify([method, asked]) + "\\n");
  return JSON.parse((await lines.next()).value);
};
const open = async (given) => {
  await call("open", given);
  return { do: (act) => call("do", act), ask: (question) => call("ask", question) };
};
const failed = [];
for (const each of JSON.parse(readFileSync("cases.json", "utf8")).cases) {
  if ((await run(each, open)).length > 0) failed.push(each.name);
}
portal.stdin.end();
console.log(JSON.stringify(failed));
"""


@pytest.mark.parametrize("silent", ["", "notices"])
def test_the_javascript_runner_passes_every_case_but_those_with_missing_answers(tmp_path, silent):
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node.js")
    for name, text in (
        ("runner.mjs", RUNNER[1]),
        ("main.mjs", MAIN),
        ("portal.py", PORTAL),
        ("cases.json", as_json()),
    ):
        tmp_path.joinpath(name).write_text(text, encoding="utf-8")
    command = [node, "main.mjs", sys.executable, silent]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path)
    asked = [
        case["name"]
        for case in cases()
        if any(each["question"]["question"] == silent for each in case["then"])
    ]
    assert json.loads(done.stdout) == asked
