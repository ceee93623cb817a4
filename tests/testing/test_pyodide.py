"""Every decision case passes on CPython 3.14 as the npm package pyodide brings it, under Node.js.

That tries the core and the cases: there are no threads and no databases.
"""

import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import attr
import attrs
import pytest
import typing_extensions

import exam_sharing
from exam_sharing.testing.cases import cases

SCRIPT = Path(__file__).parent / "cases_in_pyodide.mjs"


def test_every_case_passes_on_the_python_of_pyodide(pytestconfig, tmp_path):
    installed = pytestconfig.rootpath / ".ci" / "node" / "node_modules" / "pyodide"
    folder = Path(os.environ.get("EXAM_SHARING_TEST_PYODIDE", installed))
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no Node.js")
    if not (folder / "pyodide.mjs").is_file():
        pytest.skip("there is no npm package pyodide: name its folder in EXAM_SHARING_TEST_PYODIDE")
    packages = tmp_path / "packages.zip"
    with zipfile.ZipFile(packages, "w") as archive:
        archive.write(typing_extensions.__file__, "typing_extensions.py")
        for package in (attr, attrs, exam_sharing):
            root = Path(package.__file__).parent
            for each in root.rglob("*.py"):
                archive.write(each, each.relative_to(root.parent))
    run = subprocess.run(
        [node, SCRIPT, folder, packages],
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )
    if "could not allocate memory" in run.stderr:
        pytest.skip("Node.js gets too little address space")
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout)
    assert result["python"] == [3, 14]
    assert result["failed"] == []
    assert result["passed"] == [case["name"] for case in cases()]
