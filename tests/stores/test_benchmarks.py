"""The benchmarks of databases begin, reach their servers, and find the worlds that acts make."""

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from databases import SERVER_VARIABLE

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize(
    "command",
    [
        ["sql", "--quick", "--grants", "--sqlite"],
        ["growth", "--quick"],
        ["accesses", "--quick"],
        ["statements"],
        ["sizes", "20"],
        ["grant_keys", "--quick"],
        ["host_queries", "--quick"],
        ["media", "--files", "20"],
        ["seals", "--quick"],
        ["host_exams", "--grants", "1000", "--rounds", "1"],
        ["host_directory", "--people", "300", "--names", "1"],
    ],
)
def test_a_benchmark_ends_with_its_table(command, postgresql_server):
    module, *options = command
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src"), SERVER_VARIABLE: postgresql_server}
    run = subprocess.run(
        [sys.executable, "-m", f"tests.benchmarks.{module}", *options],
        cwd=ROOT,
        env=env,
        check=False,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip().endswith("|")


def test_the_benchmark_of_a_cluster_measures_checks_and_acts(pair, monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    cluster = import_module("tests.benchmarks.cluster")
    rows = {row.what: row for row in cluster.measured(pair, cluster.QUICK)}
    for who in ("threads: 1", "processes: 1"):
        assert rows[f"a check, {who}"].measured > 0
        assert rows[f"a check on the standby, {who}"].measured > 0
        assert rows[f"a check / the text of a check, sent by psycopg alone, {who}"].budget
    assert rows["an act, remote_apply, processes: 1"].measured > 0
