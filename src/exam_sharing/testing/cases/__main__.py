"""Write every decision case as JSON: `python -m exam_sharing.testing.cases > cases.json`."""

import sys
from argparse import ArgumentParser

from exam_sharing.testing.cases import as_json


def main() -> None:
    """Write the cases; the one option is `--help`."""
    ArgumentParser(
        prog="python -m exam_sharing.testing.cases",
        description="Write every decision case as JSON, which is YAML 1.2 as well.",
    ).parse_args()
    sys.stdout.write(as_json())


if __name__ == "__main__":
    main()
