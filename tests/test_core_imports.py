"""The core needs `attrs` and `typing-extensions`, and nothing else."""

import json
import subprocess
import sys
import venv
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src"
NO_CORE = ("adapters", "cli", "testing", "__main__")

LOOK = """
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
before = set(sys.modules)
for name in json.loads(sys.argv[2]):
    importlib.import_module(name)
print(json.dumps(sorted({name.partition(".")[0] for name in set(sys.modules) - before})))
"""


def core_modules():
    package = SOURCE / "exam_sharing"
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        if parts[-1] == "__init__":
            parts = parts[:-1]
        if not set(parts[1:2]) & set(NO_CORE):
            yield ".".join(parts)


def imported(python, modules):
    """Return the top names of all that importing the modules imports."""
    done = subprocess.run(
        [python, "-I", "-c", LOOK, str(SOURCE), json.dumps(modules)],
        check=True,
        capture_output=True,
        text=True,
    )
    return set(json.loads(done.stdout))


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory):
    """An environment with the two dependencies of the core alone."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "attrs", "typing-extensions"], check=True)
    return python


def test_every_core_module_imports_with_the_two_dependencies_alone(bare_python):
    modules = list(core_modules())
    assert len(modules) > 30
    third_parties = imported(bare_python, modules) - set(sys.stdlib_module_names)
    assert third_parties == {"attr", "attrs", "exam_sharing", "typing_extensions"}


def test_the_public_names_import_no_extra_even_where_extras_are_installed():
    extras = {"hypothesis", "pydicom", "pytest", "rich", "sqlalchemy"}
    assert not imported(sys.executable, ["exam_sharing"]) & extras
