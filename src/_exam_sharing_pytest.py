"""What pytest loads when it starts: fixtures, a marker, and messages that explain decisions.

This lies beside the package for the reason that `_exam_sharing_hypothesis` does. Nothing of the
package is imported before a test asks for something of it.
"""

import logging
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from typing import Any

    from exam_sharing import Policy
    from exam_sharing.memory import MemoryNotifier
    from exam_sharing.testing import FrozenClock, World
    from exam_sharing.testing.cases import Case


_NOT_USABLE = pytest.StashKey[set[str]]()
"""The problems of stores that cannot be tested, each of which has failed a test."""


class _OnTerminal(logging.Handler):
    """Shows at once, beside the name of the test, what the testing kit logs during a long test."""

    def __init__(self, plugins: pytest.PytestPluginManager) -> None:
        super().__init__()
        self._plugins = plugins

    def emit(self, record: logging.LogRecord) -> None:
        """Write the message to the terminal, unless it is that of a worker of pytest-xdist."""
        terminal = self._plugins.get_plugin("terminalreporter")
        capture = self._plugins.get_plugin("capturemanager")
        if terminal is not None and capture is not None:
            test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
            streams = sys.stdout, sys.stderr
            with capture.global_and_fixture_disabled():
                terminal.ensure_newline()
                terminal.write_line(f"{test}: {record.getMessage()}")
            # Capturing replaces the streams when it goes on; a test may have redirected them.
            sys.stdout, sys.stderr = streams


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, and show the progress of long laws and machines."""
    handler, logger = _OnTerminal(config.pluginmanager), logging.getLogger("exam_sharing.testing")
    logger.addHandler(handler)
    config.add_cleanup(lambda: logger.removeHandler(handler))
    config.stash[_NOT_USABLE] = set()
    config.addinivalue_line(
        "markers",
        "sharing_cases(cases=None, /, **choose): run this test with each decision case of "
        "exam_sharing, or with those that cases(**choose) has; it takes each as sharing_case",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a marked test once with each case that its marker selects."""
    marker = metafunc.definition.get_closest_marker("sharing_cases")
    if marker is None:
        return
    from exam_sharing.errors import CallerError

    name = metafunc.definition.nodeid
    if "sharing_case" not in metafunc.fixturenames:
        raise pytest.UsageError(f"{name} is marked sharing_cases and must take sharing_case")
    try:
        chosen = _sharing_cases(*marker.args, **marker.kwargs)
    except CallerError as error:
        raise pytest.UsageError(f"{name}: {error}") from error
    except TypeError as error:
        raise pytest.UsageError(
            f"{name}: {error}; sharing_cases takes some cases, or what cases() takes"
        ) from error
    if marker.args and marker.kwargs:
        raise pytest.UsageError(f"{name}: sharing_cases takes cases or what to choose, not both")
    if not chosen:
        raise pytest.UsageError(f"{name} is marked sharing_cases, but no case is left to run")
    metafunc.parametrize("sharing_case", chosen, ids=[case["name"] for case in chosen])


def _sharing_cases(
    given: "Iterable[Case] | None" = None,
    /,
    **choose: "Any",  # noqa: ANN401  the arguments of cases()
) -> "tuple[Case, ...]":
    from exam_sharing.testing.cases import cases

    return cases(**choose) if given is None else tuple(given)


def pytest_collection() -> None:
    """Register the strategies for `from_type` if a `conftest.py` has imported Hypothesis."""
    if "hypothesis" in sys.modules:
        import_module("exam_sharing.testing.strategies")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> "Generator[None]":
    """Report a store that cannot be tested by one failed test, and skip the others."""
    try:
        yield
    except Exception as error:
        opening = sys.modules.get("exam_sharing.testing.opening")
        if opening is None or not isinstance(error, opening.StoreNotUsable):
            raise
        reported = item.config.stash[_NOT_USABLE]
        if str(error) in reported:
            pytest.skip(f"a test before has failed since {error}")
        reported.add(str(error))
        raise


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Explain what is compared, if it is a decision."""
    if "exam_sharing" not in sys.modules:
        return None
    from exam_sharing.testing.explaining import explanation_of

    lines = [*explanation_of(left), *explanation_of(right)]
    return [f"{left!r} {op} {right!r}", *lines] if lines else None


@pytest.fixture
def sharing_case() -> None:
    """Stand where a marked test is given its case."""
    raise pytest.UsageError("sharing_case is for tests marked @pytest.mark.sharing_cases")


@pytest.fixture
def sharing_policy() -> "Policy":
    """Return the policy of `sharing_world`; override it for another one."""
    from exam_sharing import Policy

    return Policy()


@pytest.fixture
def sharing_clock() -> "FrozenClock":
    """Return the clock of `sharing_world`, which stands still until the test moves it."""
    from exam_sharing.testing import FrozenClock

    return FrozenClock()


@pytest.fixture
def sharing_notifier() -> "MemoryNotifier":
    """Return the notifier of `sharing_world`, which keeps every notice in `sent`."""
    from exam_sharing.memory import MemoryNotifier

    return MemoryNotifier()


@pytest.fixture
def sharing_world(
    sharing_policy: "Policy", sharing_clock: "FrozenClock", sharing_notifier: "MemoryNotifier"
) -> "World":
    """Return a world of five users and two groups, in which Anna owns a CD with three exams."""
    from exam_sharing.testing import ready_world

    return ready_world(policy=sharing_policy, clock=sharing_clock, notifier=sharing_notifier)
