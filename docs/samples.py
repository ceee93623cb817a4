"""A pytest plugin that runs every code sample: of these pages, the README and the docstrings.

It needs Sybil, which the tests do not need, so it is a plugin to load by name:
`python -m pytest -p docs.samples docs README.md src`.

- In a page, every `python` block runs, in order, in one namespace for the page, with or without
  prompts. Pages may import from `docs/examples`.
- In a docstring, only code with prompts runs.
- In a page, every `shell-session` block runs in bash, in a temporary folder for the page. The
  output must equal the lines below each `$` command; `...` matches anything. `$CD` is the CD that
  pydicom ships.
- A `console` block is only shown.
"""

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sybil import Example, Sybil
from sybil.evaluators.doctest import OutputChecker
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser, SkipParser
from sybil.parsers.rest import DocTestParser

from exam_sharing.adapters.pydicom import shipped_media

ROOT = str(Path(__file__).resolve().parent.parent)

sys.path[:0] = [str(Path(ROOT, "docs", "examples")), str(Path(ROOT, "tests"))]

pytest_plugins = ["profiles"]

COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n?)*)", re.MULTILINE)
PROGRAM = f'exam-sharing() {{ "{sys.executable}" -m exam_sharing "$@"; }}'


FOLDER = "shell_session_folder"


def open_folder(namespace: dict[str, Any]) -> None:
    """Make a folder for the commands of a page."""
    namespace[FOLDER] = TemporaryDirectory()


def close_folder(namespace: dict[str, Any]) -> None:
    """Remove the folder and its contents."""
    namespace[FOLDER].cleanup()


def run_shell_session(example: Example) -> str | None:
    """Run the commands of a block, and report the first output that differs."""
    environment = {name: value for name, value in os.environ.items() if name != "EXAM_SHARING_DB"}
    environment |= {"CD": str(shipped_media()), "COLUMNS": "90", "TZ": "UTC"}
    environment["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, sys.path))
    environment["PYTHONIOENCODING"] = "utf-8"
    checker = OutputChecker()
    for command, wanted in COMMAND.findall(example.parsed):
        ran = subprocess.run(  # noqa: S603  the pages are ours
            ["bash", "-c", f"{PROGRAM}\n{command}"],  # noqa: S607  whichever bash there is
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            cwd=example.namespace[FOLDER].name,
            env=environment,
        )
        if not checker.check_output(wanted.rstrip(), ran.stdout.rstrip(), doctest.ELLIPSIS):
            return f"$ {command}\n{ran.stdout}\ninstead of\n\n{wanted}"
    return None


pytest_collect_file = (
    Sybil(
        name="page",
        path=ROOT,
        parsers=[
            PythonCodeBlockParser(),
            CodeBlockParser("shell-session", run_shell_session),
            SkipParser(),
        ],
        patterns=["*.md"],
        excludes=["docs/_build/*"],
        setup=open_folder,
        teardown=close_folder,
    )
    + Sybil(name="docstring", path=ROOT, parsers=[DocTestParser()], patterns=["src/**/*.py"])
).pytest()
