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
