"""The public names of the kit, and what they cost who does not use them."""

import subprocess
import sys

import pytest

from exam_sharing import testing


def test_every_public_name_is_there():
    assert dir(testing) == sorted(testing.__all__)
    assert all(getattr(testing, name) is not None for name in testing.__all__)


def test_a_name_that_is_not_there_is_told():
    with pytest.raises(AttributeError, match="run_nothing"):
        _ = testing.run_nothing


def test_importing_the_kit_imports_neither_hypothesis_nor_pytest():
    told = (
        "import sys, exam_sharing.testing.opening; print({'hypothesis', 'pytest'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", told], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"
