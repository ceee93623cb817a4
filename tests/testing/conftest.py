"""A Python of its own for tests of what Hypothesis and pytest load by themselves."""

import os
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def installed(tmp_path):
    """Return the environment of a Python in which the package is installed as it is here."""
    project = tomllib.loads(Path(ROOT, "pyproject.toml").read_text())["project"]
    about = tmp_path / "installed" / "exam_sharing-0.dist-info"
    about.mkdir(parents=True)
    about.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: exam-sharing\nVersion: 0\n")
    about.joinpath("entry_points.txt").write_text(
        "".join(
            f"[{group}]\n" + "".join(f"{name} = {what}\n" for name, what in entries.items())
            for group, entries in project["entry-points"].items()
        )
    )
    path = os.pathsep.join(map(str, (about.parent, ROOT / "src")))
    return {**os.environ, "PYTHONPATH": path}
