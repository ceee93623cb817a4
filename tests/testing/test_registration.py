"""The public names of the kit, and what Hypothesis loads: nothing of an unused package.

Some tests start a Python of their own, in which the entry points are those of `pyproject.toml`.
"""

import json
import subprocess
import sys

import pytest

from exam_sharing import testing

HYPOTHESIS = "from hypothesis import given, settings, strategies as st"
GRANT = "from exam_sharing import Grant"
STRATEGIES = "from exam_sharing.testing import strategies"
DRAW = """
@settings(max_examples=5, database=None)
@given(st.from_type(Grant))
def draw(grant):
    assert isinstance(grant, Grant) and grant.made_at.tzinfo

draw()
"""
LOADED = """
import json, sys
print(json.dumps(sorted(name for name in sys.modules if 'exam_sharing' in name)))
"""


@pytest.fixture
def run(installed):
    """Run a program where the package is installed; return what it prints."""

    def run(*program, **environment):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", "\n".join(program)],
            check=False,
            capture_output=True,
            text=True,
            env={**installed, **environment},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize(
    "imports",
    [(GRANT, HYPOTHESIS), (STRATEGIES, HYPOTHESIS, GRANT), (HYPOTHESIS, GRANT, STRATEGIES)],
    ids=["the package first", "the strategies first", "Hypothesis first"],
)
def test_types_are_drawn_without_pytest(run, imports):
    run("import sys; sys.modules['pytest'] = None", *imports, DRAW)


def test_importing_hypothesis_imports_nothing_of_the_package(run):
    assert json.loads(run("import hypothesis", LOADED)) == ["_exam_sharing_hypothesis"]


def test_importing_the_package_after_hypothesis_imports_no_strategy(run):
    loaded = json.loads(run("import hypothesis, exam_sharing", LOADED))
    assert not [name for name in loaded if name.startswith("exam_sharing.testing")]


def test_importing_the_kit_imports_neither_hypothesis_nor_pytest(run):
    loaded = "import exam_sharing.testing.opening; print({'hypothesis', 'pytest'} & {*sys.modules})"
    assert run("import sys", loaded, HYPOTHESIS_NO_PLUGINS="1").strip() == "set()"


def test_every_public_name_of_the_kit_is_there():
    assert dir(testing) == sorted(testing.__all__)
    assert all(getattr(testing, name) is not None for name in testing.__all__)
    with pytest.raises(AttributeError, match="run_nothing"):
        _ = testing.run_nothing
