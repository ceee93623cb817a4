"""Ask the judges about many random worlds: `PYTHONPATH=tests python -m judges --worlds 5000`.

Ends with 1 if any judge differs. The same seed makes the same world again.
"""

import argparse
import sys
from collections import Counter

from judges.random_worlds import trial
from judges.verdicts import differences, reached


def main():
    parser = argparse.ArgumentParser(prog="judges", description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=2_000, help="how many (default: 2000)")
    parser.add_argument("--seed", type=int, default=0, help="of the first world (default: 0)")
    asked = parser.parse_args()
    counted, different = Counter(), 0
    for done, seed in enumerate(range(asked.seed, asked.seed + asked.worlds), 1):
        tried = trial(seed)
        counted += reached(tried)
        for each in differences(tried):
            different += 1
            print(each, flush=True)
        if sys.stderr.isatty() or done % 100 == 0 or done == asked.worlds:
            print(f"\r{done:,} of {asked.worlds:,} worlds", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    for what, number in counted.items():
        print(f"{number:>9,} {what}")
    print(f"{different:>9,} differences")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
