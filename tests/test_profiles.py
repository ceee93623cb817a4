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

@given(st.integers())
def draw(number):
    drawn.append(number)

draw()
print(drawn)
"""


def drawn(**environment):
    kept = {name: value for name, value in os.environ.items() if name != "CI"}
    ran = subprocess.run(
        [sys.executable, "-c", DRAW],
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


def test_an_exploring_run_tries_new_examples_on_a_ci_server_too():
    assert drawn(HYPOTHESIS_PROFILE="explore", CI="true") != drawn(HYPOTHESIS_PROFILE="explore")
