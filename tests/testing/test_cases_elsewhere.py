"""The JavaScript runner in the reference passes all cases; needs Node.js."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from exam_sharing.testing.cases import as_json, cases

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "testing.md"
RUNNER = re.search(r"^```javascript\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)

PORTAL = """
import json, sys
from exam_sharing.testing.cases import in_memory

for line in sys.stdin:
    method, asked = json.loads(line)
    if method == "open":
        portal, came = in_memory(asked), None
    else:
        came = getattr(portal, method)(asked)
    if method == "ask" and asked["question"] == sys.argv[1]:
        came = None
    print(json.dumps(came), flush=True)
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


@pytest.fixture
def failed_elsewhere(tmp_path):
    """Run every case in JavaScript against a portal that does not answer one question."""
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

    def run(silent):
        done = subprocess.run(
            [node, "main.mjs", sys.executable, silent],
            check=True,
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
        return json.loads(done.stdout)

    return run


def test_the_javascript_runner_passes_every_case(failed_elsewhere):
    assert failed_elsewhere("") == []


def test_the_javascript_runner_reports_missing_answers(failed_elsewhere):
    asked = [
        case["name"]
        for case in cases()
        if any(each["question"]["question"] == "notices" for each in case["then"])
    ]
    assert failed_elsewhere("notices") == asked
