"""Every run of the tests tries the same examples, unless new ones are asked for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

DRAW = """
import profiles
from hypothesis import given, strategies as st

drawn = []

@given(st.integers(), st.text())
def draw(number, text):
    drawn.append((number, text))

draw()
print(drawn)
"""


def drawn(more="", **environment):
    kept = {name: value for name, value in os.environ.items() if name != "CI"}
    ran = subprocess.run(
        [sys.executable, "-c", more + DRAW],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
        env={**kept, "HYPOTHESIS_PROFILE": "", **environment},
    )
    return ran.stdout


@pytest.mark.parametrize("profile", ["", "quick", "few"])
def test_every_run_tries_the_same_examples_on_a_ci_server_too(profile):
    assert drawn(HYPOTHESIS_PROFILE=profile) == drawn(HYPOTHESIS_PROFILE=profile, CI="true")


def test_the_examples_are_the_same_whatever_was_imported_before():
    assert drawn() == drawn("import sample_values, exam_sharing.policy\n")


def test_an_exploring_run_tries_new_examples_on_a_ci_server_too():
    assert drawn(HYPOTHESIS_PROFILE="explore", CI="true") != drawn(HYPOTHESIS_PROFILE="explore")
