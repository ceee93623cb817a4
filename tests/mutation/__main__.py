"""Ask if the fast tests notice every mistake in the policy: `PYTHONPATH=tests python -m mutation`.

Ends with 0 exactly when every mutant is killed, or listed with a reason in `equivalent.toml`, and
nothing is listed that is not there.
"""

import argparse
import os
import shutil
import sys
import tempfile
import tomllib
from collections import Counter
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[2]
LISTED = Path(__file__).with_name("equivalent.toml")

MUTATED = ("policy/*.py", "grants.py", "principals.py", "memory/ready.py")
FAST_TESTS = (
    "tests/test_accesses.py",
    "tests/test_all_reasons_at_once.py",
    "tests/test_reasons_against_endings.py",
    "tests/test_reasons_against_shares.py",
    "tests/test_reasons_of_policies.py",
    "tests/test_bad_input.py",
    "tests/test_clocks.py",
    "tests/test_concealment.py",
    "tests/test_errors.py",
    "tests/test_giving_up.py",
    "tests/test_graph.py",
    "tests/test_history.py",
    "tests/test_lying_ports.py",
    "tests/test_narrowing_and_host_acts.py",
    "tests/test_notices.py",
    "tests/test_privacy.py",
    "tests/test_readers.py",
    "tests/test_request_ids.py",
    "tests/test_share_page.py",
    "tests/test_sharing.py",
    "tests/test_shown_grants.py",
    "tests/test_unsharing.py",
    "tests/test_values.py",
    "tests/test_views.py",
    "tests/test_wrong_values.py",
    "tests/laws/test_chain.py",
    "tests/memory/test_store.py",
    "tests/test_serial_order.py::test_delays_after_lost_races_double_up_to_half_a_second",
    "tests/testing/test_cases.py::test_the_engine_passes_the_case",
)
"""Those that run in memory, and are not about threads, processes or chance."""


def main():
    parser = argparse.ArgumentParser(prog="mutation", description=__doc__.splitlines()[0])
    parser.add_argument(
        "functions", nargs="*", help="of which to ask only, as 'policy/support.py:*' (default: all)"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="default: all cores")
    asked = parser.parse_args()
    os.chdir(ROOT)
    os.environ["HYPOTHESIS_PROFILE"] = "few"
    with tempfile.TemporaryDirectory() as folder:
        mutants = [each for each in made(Path(folder)) if chosen(each, asked.functions)]
        sys.path.insert(0, folder)
        asking = ask(mutants, asked.workers)
    return report(asking, whole=not asked.functions)


def made(folder):
    """Copy the package into a folder, with mutants, and return these."""
    from mutation.making import with_mutants

    shutil.copytree(ROOT / "src", folder, dirs_exist_ok=True)
    package = folder / "exam_sharing"
    mutants = []
    for path in sorted(path for pattern in MUTATED for path in package.glob(pattern)):
        module = ".".join(path.relative_to(folder).with_suffix("").parts)
        file = str(path.relative_to(package))
        code, of_file = with_mutants(file, module, path.read_text(encoding="utf-8"))
        path.write_text(code, encoding="utf-8")
        mutants += of_file
    return mutants


def chosen(mutant, functions):
    """Say whether a mutant is of one of the functions, if any are given."""
    return not functions or any(
        fnmatch(f"{mutant.file}:{mutant.function}", each) for each in functions
    )


def ask(mutants, workers):
    """Return the answers of the tests."""
    import pytest

    from mutation.asking import Asking

    asking = Asking(mutants, workers)
    options = ["-q", "-s", "-p", "no:cacheprovider", "-k", "not sqlite and not postgresql"]
    code = pytest.main([*options, *FAST_TESTS], plugins=[asking])
    if asking.counted.total() != len(mutants):
        sys.exit(f"the tests could not be asked: pytest ended with {code}")
    return asking


def report(asking, *, whole):
    """Print what was found, and return 0 exactly when it is as it should be."""
    survived, known = Counter(asking.survivors), Counter(listed())
    unlisted, stale = survived - known, known - survived if whole else Counter()
    for mutant in unlisted.elements():
        print(f"\nsurvived, and is not listed:\n{mutant}")
    for mutant in stale.elements():
        print(f"\nlisted, but killed or gone:\n{mutant}")
    print()
    for verdict, number in sorted(asking.counted.items()):
        print(f"{number:>6,} {verdict}")
    print(f"{(survived & known).total():>6,} of those that survived are listed as equivalent")
    return 1 if unlisted or stale else 0


def listed():
    """Return the mutants that are listed, each of which has its reason."""
    from mutation.making import Mutant

    entries = tomllib.loads(LISTED.read_text(encoding="utf-8"))["mutant"]
    if not all(entry.pop("reason").strip() for entry in entries):
        sys.exit(f"{LISTED.name} lists a mutant without a reason")
    return [Mutant(**entry) for entry in entries]


if __name__ == "__main__":
    sys.exit(main())
