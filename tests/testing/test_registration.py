"""What Hypothesis and pytest load by themselves: as little as can be, and only once it is used.

Each test starts a Python of its own, in which the entry points are those of `pyproject.toml`.
"""

import json
import os
import subprocess
import sys

import pytest


@pytest.fixture
def run(installed):
    """Run a program where the package is installed; return what it prints."""

    def run(program, *, first=(), **environment):
        path = os.pathsep.join((*map(str, first), installed["PYTHONPATH"]))
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            check=False,
            capture_output=True,
            text=True,
            env={**installed, "PYTHONPATH": path, **environment},
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


DRAW = """
found = []

@settings(max_examples=5, database=None)
@given(st.from_type(Grant))
def draw(grant):
    found.append(grant)

draw()
print(json.dumps(all(isinstance(grant, Grant) for grant in found) and len(found) == 5))
"""


HYPOTHESIS = "from hypothesis import given, settings, strategies as st"
GRANT = "from exam_sharing import Grant"
STRATEGIES = "from exam_sharing.testing import strategies"


@pytest.mark.parametrize(
    "imports",
    [(HYPOTHESIS, GRANT), (GRANT, HYPOTHESIS), (STRATEGIES, HYPOTHESIS, GRANT)],
    ids=["Hypothesis first", "the package first", "the strategies first"],
)
def test_types_are_drawn_whatever_is_imported_first(run, imports):
    assert run("\n".join(("import json", *imports, DRAW))) is True


def test_importing_hypothesis_imports_nothing_of_the_package(run):
    loaded = run(
        "import hypothesis, json, sys;"
        "print(json.dumps(sorted(m for m in sys.modules if 'exam_sharing' in m)))"
    )
    assert loaded == ["_exam_sharing_hypothesis"]


def test_importing_the_package_after_hypothesis_makes_no_strategy(run):
    made = run(
        "import hypothesis, exam_sharing, json, sys;"
        "print(json.dumps([m for m in sys.modules if m.startswith('exam_sharing.testing.strat')]))"
    )
    assert made == []


def test_once_registered_nothing_waits_any_more(run):
    assert run(
        "import hypothesis, json, sys; before = len(sys.meta_path); import exam_sharing;"
        "print(json.dumps([before - len(sys.meta_path), type(exam_sharing.__loader__).__name__]))"
    ) == [1, "SourceFileLoader"]


def test_looking_for_the_package_is_not_importing_it(run):
    assert (
        run(
            "import hypothesis, importlib.util, json, sys\n"
            "spec = importlib.util.find_spec('exam_sharing')\n"
            "there = spec.origin is not None and 'exam_sharing' not in sys.modules\n"
            f"{HYPOTHESIS}\n{GRANT}\nassert there\n{DRAW}"
        )
        is True
    )


def test_hypothesis_can_be_told_to_run_no_plugins(run):
    loaded = run(
        "import hypothesis, exam_sharing, json, sys;"
        "print(json.dumps([m for m in sys.modules if m.startswith('_exam_sharing')]))",
        HYPOTHESIS_NO_PLUGINS="1",
    )
    assert loaded == []


def test_hypothesis_does_not_fail_where_the_package_cannot_be_imported(run, tmp_path):
    broken = tmp_path / "broken" / "exam_sharing"
    broken.mkdir(parents=True)
    broken.joinpath("__init__.py").write_text("raise ImportError('no attrs here')")
    said = run(
        "import hypothesis, json\n"
        "try:\n    import exam_sharing\n"
        "except ImportError as error:\n    print(json.dumps(str(error)))",
        first=[broken.parent],
    )
    assert said == "no attrs here"


def test_strategies_need_no_pytest(run):
    assert run(
        f"import sys; sys.modules['pytest'] = None\nimport json\n{HYPOTHESIS}\n{GRANT}\n{DRAW}"
    )
