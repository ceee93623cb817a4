"""The parts of the pytest plugin that need the package: cases and explanations of decisions.

pytest loads `_exam_sharing_pytest`, which imports this on first use.
"""

import inspect
from collections.abc import Collection, Iterable

import pytest

from exam_sharing.errors import CallerError
from exam_sharing.testing.cases import Case, cases
from exam_sharing.testing.explaining import explanation_of

__all__ = ["explanation", "give_cases"]


def give_cases(metafunc: pytest.Metafunc, marker: pytest.Mark) -> None:
    """Run a test once with each case that its marker asks for.

    Raises:
        UsageError: the test does not take `sharing_case`, the arguments of the marker are neither
            cases nor those of `cases`, or they select no case.
    """
    name = metafunc.definition.nodeid
    if "sharing_case" not in metafunc.fixturenames:
        raise pytest.UsageError(f"{name} is marked sharing_cases and must take sharing_case")
    try:
        inspect.signature(_chosen).bind(*marker.args, **marker.kwargs)
    except TypeError as error:
        raise pytest.UsageError(
            f"{name}: {error}; sharing_cases takes some cases, or acts, questions and details"
        ) from error
    try:
        chosen = _chosen(*marker.args, **marker.kwargs)
    except CallerError as error:
        raise pytest.UsageError(f"{name}: {error}") from error
    if marker.args and marker.kwargs:
        raise pytest.UsageError(f"{name}: sharing_cases takes cases or what to choose, not both")
    if not chosen:
        raise pytest.UsageError(f"{name} is marked sharing_cases, but no case is left to run")
    metafunc.parametrize("sharing_case", chosen, ids=[case["name"] for case in chosen])


def _chosen(
    given: Iterable[Case] | None = None,
    /,
    *,
    acts: Collection[str] | None = None,
    questions: Collection[str] | None = None,
    details: bool = True,
) -> tuple[Case, ...]:
    if given is None:
        return cases(acts=acts, questions=questions, details=details)
    return tuple(given)


def explanation(op: str, left: object, right: object) -> list[str] | None:
    """Return a comparison and the reasons of its decisions; `None` without a decision."""
    lines = [*explanation_of(left), *explanation_of(right)]
    return [f"{left!r} {op} {right!r}", *lines] if lines else None
