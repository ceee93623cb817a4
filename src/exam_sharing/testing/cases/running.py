"""Running a case against a portal, and saying what differed."""

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
    """Where a portal answered something else than a case says.

    Attributes:
        asked: the act or the question; where the portal could not even be opened, what is given, in
            short.
        expected: what had to come of it.
        came: what came; `{"raised": …}` with the name of its type for an error that the portal
            raised. What the error says may hold patient data, and is not told.
    """

    asked: Data
    expected: Any
    came: Any

    def __str__(self) -> str:
        """Say what was asked, what was expected, and what came."""
        return "\n".join(
            (
                _line(self.asked),
                f"  expected: {_line(self.expected)}",
                f"  came:     {_line(self.came)}",
            )
        )


class CaseFailed(AssertionError):
    """A portal does not decide as a case says.

    Args:
        name: the name of the case.
        rule: what it is an example of.
        differences: never empty.
    """

    def __init__(self, name: str, rule: str, differences: tuple[Difference, ...]) -> None:
        """Keep the case and the differences."""
        super().__init__(name, rule, differences)
        self.name = name
        self.rule = rule
        self.differences = differences

    def __str__(self) -> str:
        """Say which rule is broken, and every difference."""
        return "\n".join((f"{self.name}", f"rule: {self.rule}", *map(str, self.differences)))


_Found: TypeAlias = tuple[Difference, Exception | None]
"""A difference, and the error that it comes of, if the portal raised one."""

_NOT_DONE: Final = frozenset({"refused", "error", "raised"})


def check(case: Case, open_portal: OpenPortal = in_memory) -> None:
    """Run a case, and raise unless the portal decides as it says.

    Raises:
        CaseFailed: it does not; every difference is told. The first error that the portal raised,
            if it did, is the cause.
        StoreNotUsable: the store under the portal cannot be tested.
    """
    found = _found(case, open_portal)
    if found:
        differences = tuple(difference for difference, _ in found)
        first = next((error for _, error in found if error is not None), None)
        raise CaseFailed(case["name"], case["rule"], differences) from first


def run(case: Case, open_portal: OpenPortal = in_memory) -> tuple[Difference, ...]:
    """Run a case against a portal of its own, and return every difference; none if it passes.

    Where the portal cannot be opened, or an act that the case begins with does not succeed, nothing
    more is asked.

    Raises:
        StoreNotUsable: the store under the portal cannot be tested.
    """
    return tuple(difference for difference, _ in _found(case, open_portal))


def _found(case: Case, open_portal: OpenPortal) -> tuple[_Found, ...]:
    with ExitStack() as closing:
        given = case["given"]
        portal, error = _tried(lambda: closing.enter_context(entered(open_portal(given))))
        if error is not None:
            return ((Difference(asked=_in_short(given), expected="opened", came=portal), error),)
        for act in given["acts"]:
            came, error = _tried(partial(portal.do, act))
            if not _NOT_DONE.isdisjoint(came):
                return ((Difference(asked=act, expected="done", came=came), error),)
        return tuple(_differences(case, portal))


def _differences(case: Case, portal: Portal) -> Iterator[_Found]:
    if case["when"] is not None:
        came, error = _tried(partial(portal.do, case["when"]))
        if came != case["outcome"]:
            yield Difference(asked=case["when"], expected=case["outcome"], came=came), error
    for each in case["then"]:
        came, error = _tried(partial(portal.ask, each["question"]))
        if came != each["answer"] or isinstance(came, bool) != isinstance(each["answer"], bool):
            yield Difference(asked=each["question"], expected=each["answer"], came=came), error


def _in_short(given: Given) -> Data:
    """Return what is given by its ids alone."""
    return {
        "given": {
            "users": [each["id"] for each in given["users"]],
            "groups": [each["id"] for each in given["groups"]],
            "exams": [exam["id"] for each in given["uploads"] for exam in each["exams"]],
            "policy": given["policy"],
        }
    }


def _tried(answer: Callable[[], Any]) -> tuple[Any, Exception | None]:
    """Return what comes, and the error that came instead of an answer."""
    try:
        return answer(), None
    except StoreNotUsable:
        raise
    except Exception as error:  # noqa: BLE001  an error of whatever kind is another answer
        return {"raised": type(error).__name__}, error


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=repr)
