"""What pytest loads when it starts: fixtures, a marker, and messages that explain decisions.

This lies beside the package for the reason that `_exam_sharing_hypothesis` does. Nothing of the
package is imported before a test asks for something of it.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from exam_sharing import Policy
    from exam_sharing.memory import MemoryNotifier
    from exam_sharing.testing import FrozenClock, World

__all__ = [
    "pytest_assertrepr_compare",
    "pytest_collection",
    "pytest_configure",
    "pytest_generate_tests",
    "sharing_case",
    "sharing_clock",
    "sharing_notifier",
    "sharing_policy",
    "sharing_world",
]


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        "sharing_cases(cases=None, /, *, acts=None, questions=None, details=True): run this test "
        "with each decision case of exam_sharing, which it takes as sharing_case",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a marked test every case."""
    marker = metafunc.definition.get_closest_marker("sharing_cases")
    if marker is not None:
        from exam_sharing.testing.plugin import give_cases  # noqa: PLC0415  only if it is used

        give_cases(metafunc, marker)


def pytest_collection() -> None:
    """Register the strategies for `from_type` if a `conftest.py` has imported Hypothesis."""
    if "hypothesis" in sys.modules:
        import_module("exam_sharing.testing.strategies")


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Explain what is compared, if it is a decision."""
    if "exam_sharing" not in sys.modules:
        return None
    from exam_sharing.testing.plugin import explanation  # noqa: PLC0415  only if it is used

    return explanation(op, left, right)


@pytest.fixture
def sharing_case() -> None:
    """Stand where a marked test is given its case."""
    raise pytest.UsageError("sharing_case is for tests marked @pytest.mark.sharing_cases")


@pytest.fixture
def sharing_policy() -> "Policy":
    """Return the policy of `sharing_world`; override it for another one."""
    from exam_sharing import Policy  # noqa: PLC0415  only if it is used

    return Policy()


@pytest.fixture
def sharing_clock() -> "FrozenClock":
    """Return the clock of `sharing_world`, which stands still until the test moves it."""
    from exam_sharing.testing import FrozenClock  # noqa: PLC0415  only if it is used

    return FrozenClock()


@pytest.fixture
def sharing_notifier() -> "MemoryNotifier":
    """Return the notifier of `sharing_world`, which keeps every notice in `sent`."""
    from exam_sharing.memory import MemoryNotifier  # noqa: PLC0415  only if it is used

    return MemoryNotifier()


@pytest.fixture
def sharing_world(
    sharing_policy: "Policy", sharing_clock: "FrozenClock", sharing_notifier: "MemoryNotifier"
) -> "World":
    """Return a world of five users and two groups, in which Anna owns a CD with three exams."""
    from exam_sharing.testing import ready_world  # noqa: PLC0415  only if it is used

    return ready_world(policy=sharing_policy, clock=sharing_clock, notifier=sharing_notifier)
