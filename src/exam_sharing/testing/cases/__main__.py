"""Write every decision case as JSON: `python -m exam_sharing.testing.cases > cases.json`."""

import sys

from exam_sharing.testing.cases import as_json

if __name__ == "__main__":
    sys.stdout.write(as_json())
