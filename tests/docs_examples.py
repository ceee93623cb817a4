"""The examples of the docs, as modules that tests import."""

import sys
from contextlib import contextmanager
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"


@contextmanager
def examples():
    """Let the modules of the docs' examples be imported."""
    sys.path.insert(0, str(EXAMPLES))
    try:
        yield
    finally:
        sys.path.remove(str(EXAMPLES))
