"""Judge many drawn worlds: `PYTHONPATH=tests python -m judges --worlds 5000`.

A disagreement is shrunk to a short story and raised. The same seed draws the same worlds.
"""

import argparse
from collections import Counter

from hypothesis import HealthCheck, given, seed, settings

from judges.trials import trials
from judges.verdicts import differences, reached


def main():
    parser = argparse.ArgumentParser(prog="judges", description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=2_000, help="how many (default: 2000)")
    parser.add_argument("--seed", type=int, default=0, help="of the drawing (default: 0)")
    asked = parser.parse_args()
    counted = Counter()

    many = settings(max_examples=asked.worlds, database=None, deadline=None)

    @seed(asked.seed)
    @settings(many, suppress_health_check=list(HealthCheck))
    @given(trials())
    def judge(trial):
        counted.update(reached(trial))
        assert differences(trial) == []

    judge()
    for what, number in counted.items():
        print(f"{number:>9,} {what}")


if __name__ == "__main__":
    main()
