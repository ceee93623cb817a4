"""The examples of the docs, as modules that tests import."""

import sys
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
PORTAL_NEEDS = ("aiosmtpd", "fastapi", "httpx2", "itsdangerous", "jinja2", "numpy", "pydicom")


@contextmanager
def examples():
    """Let the modules of the docs' examples be imported."""
    sys.path.insert(0, str(EXAMPLES))
    try:
        yield
    finally:
        sys.path.remove(str(EXAMPLES))


def require_portal(*others):
    """Skip a test module where the extra `portal`, or something else, is missing."""
    missing = [name for name in (*PORTAL_NEEDS, *others) if find_spec(name) is None]
    if missing:
        pytest.skip(f"the extra portal is missing: {', '.join(missing)}", allow_module_level=True)
