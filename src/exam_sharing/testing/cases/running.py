"""Run cases against a portal, and report differences."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any, Final, TypeAlias

import attrs

from exam_sharing.testing.cases.portals import in_memory
from exam_sharing.testing.cases.schema import Case, Data, Given, OpenPortal, Portal
from exam_sharing.testing.opening import StoreNotUsable, entered

__all__ = ["CaseFailed", "Difference", "check", "run"]


@attrs.frozen(kw_only=True)
class Difference:
    """A result of a portal that is not the one in the case.

    Attributes:
        asked: the act or the question; a short form of `given` if the portal could not be opened.
        expected: the result in the case.
        got: the result of the portal. For an exception it is `{"raised": …}` with the name of its
            type: the message may hold patient data.
    """

    asked: Data
    expected: Any
    got: Any

    def __str__(self) -> str:
        """Return three lines: the act or question, the expected result and the result."""
        expected, got = _line(self.expected), _line(self.got)
        return f"{_line(self.asked)}\n  expected: {expected}\n  got:      {got}"


class CaseFailed(AssertionError):
    """A portal failed a case.

    Args:
        name: the name of the case.
        rule: the rule that is broken.
        differences: never empty.
    """

    def __init__(self, name: str, rule: str, differences: tuple[Difference, ...]) -> None:
        """Keep the name, the rule and the differences."""
        super().__init__(name, rule, differences)
        self.name = name
        self.rule = rule
        self.differences = differences

    def __str__(self) -> str:
        """Return the name, the rule and every difference."""
        return "\n".join((self.name, f"rule: {self.rule}", *map(str, self.differences)))


_Found: TypeAlias = tuple[Difference, Exception | None]
"""A difference, and the exception behind it, if there is one."""

_NOT_DONE: Final = frozenset({"refused", "error", "raised"})


def check(case: Case, open_portal: OpenPortal = in_memory) -> None:
    """Run a case, and raise if the portal fails it.

    Raises:
        CaseFailed: the portal failed the case. It has every difference; the first exception of the
            portal, if there is one, is its cause.
        StoreNotUsable: the store under the portal cannot be tested.
    """
    found = _found(case, open_portal)
    if found:
        differences = tuple(difference for difference, _ in found)
        first = next((error for _, error in found if error is not None), None)
        raise CaseFailed(case["name"], case["rule"], differences) from first


def run(case: Case, open_portal: OpenPortal = in_memory) -> tuple[Difference, ...]:
    """Run a case against a portal of its own, and return every difference; none if it passes.

    The run ends if the portal cannot be opened, or if an act under `given` fails.

    Raises:
        StoreNotUsable: the store under the portal cannot be tested.
    """
    return tuple(difference for difference, _ in _found(case, open_portal))


def _found(case: Case, open_portal: OpenPortal) -> tuple[_Found, ...]:
    with ExitStack() as closing:
        given = case["given"]
        portal, error = _tried(lambda: closing.enter_context(entered(open_portal(given))))
        if error is not None:
            return ((Difference(asked=_in_short(given), expected="opened", got=portal), error),)
        for act in given["acts"]:
            got, error = _tried(partial(portal.do, act))
            if not _NOT_DONE.isdisjoint(got):
                return ((Difference(asked=act, expected="done", got=got), error),)
        return tuple(_differences(case, portal))


def _differences(case: Case, portal: Portal) -> Iterator[_Found]:
    if case["when"] is not None:
        got, error = _tried(partial(portal.do, case["when"]))
        if got != case["outcome"]:
            yield Difference(asked=case["when"], expected=case["outcome"], got=got), error
    for each in case["then"]:
        got, error = _tried(partial(portal.ask, each["question"]))
        if got != each["answer"] or isinstance(got, bool) != isinstance(each["answer"], bool):
            yield Difference(asked=each["question"], expected=each["answer"], got=got), error


def _in_short(given: Given) -> Data:
    """Return the ids and the policy of a portal."""
    ids = {
        "users": [each["id"] for each in given["users"]],
        "groups": [each["id"] for each in given["groups"]],
        "exams": [exam["id"] for each in given["uploads"] for exam in each["exams"]],
    }
    return {"given": {**ids, "policy": given["policy"]}}


def _tried(answer: Callable[[], Any]) -> tuple[Any, Exception | None]:
    """Return the result, and the exception if there was one."""
    try:
        return answer(), None
    except StoreNotUsable:
        raise
    except Exception as error:  # noqa: BLE001  any exception is a result
        return {"raised": type(error).__name__}, error


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=repr)
