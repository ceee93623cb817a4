"""A pytest plugin that runs every code sample: of these pages, the README and the docstrings.

It needs Sybil, which the tests do not, so it is asked for by name and is no `conftest.py`:
`python -m pytest -p docs.samples docs README.md src`.

In a page, every block marked `python` runs, in order, in one namespace a page, with or without
prompts. In a docstring, what runs is what has prompts. Pages may import from `docs/examples`.
"""

import sys
from pathlib import Path

from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser
from sybil.parsers.rest import DocTestParser

ROOT = str(Path(__file__).resolve().parent.parent)

sys.path.insert(0, str(Path(ROOT, "docs", "examples")))

pytest_collect_file = (
    Sybil(
        name="page",
        path=ROOT,
        parsers=[PythonCodeBlockParser(), SkipParser()],
        patterns=["*.md"],
        excludes=["docs/_build/*"],
    )
    + Sybil(name="docstring", path=ROOT, parsers=[DocTestParser()], patterns=["src/**/*.py"])
).pytest()
