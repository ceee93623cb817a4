"""Running a case against a portal, and saying what differed."""

import json
from collections.abc import Iterator
from typing import Any

import attrs

from exam_sharing.testing.cases.portals import in_memory
from exam_sharing.testing.cases.schema import Case, Data, OpenPortal, Portal
from exam_sharing.testing.opening import entered

__all__ = ["CaseFailed", "Difference", "check", "run"]


@attrs.frozen(kw_only=True)
class Difference:
    """Where a portal answered something else than a case says.

    Attributes:
        asked: the act or the question.
        expected: what had to come of it.
        came: what came.
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


def check(case: Case, open_portal: OpenPortal = in_memory) -> None:
    """Run a case, and raise unless the portal decides as it says.

    Raises:
        CaseFailed: it does not; every difference is told.
    """
    differences = run(case, open_portal)
    if differences:
        raise CaseFailed(case["name"], case["rule"], differences)


def run(case: Case, open_portal: OpenPortal = in_memory) -> tuple[Difference, ...]:
    """Run a case against a portal of its own, and return every difference; none if it passes.

    Where an act that the case begins with does not succeed, nothing more is asked.
    """
    with entered(open_portal(case["given"])) as portal:
        for act in case["given"]["acts"]:
            came = portal.do(act)
            if "refused" in came or "error" in came:
                return (Difference(asked=act, expected="done", came=came),)
        return tuple(_differences(case, portal))


def _differences(case: Case, portal: Portal) -> Iterator[Difference]:
    if case["when"] is not None:
        came = portal.do(case["when"])
        if came != case["outcome"]:
            yield Difference(asked=case["when"], expected=case["outcome"], came=came)
    for each in case["then"]:
        answer = portal.ask(each["question"])
        if answer != each["answer"] or isinstance(answer, bool) != isinstance(each["answer"], bool):
            yield Difference(asked=each["question"], expected=each["answer"], came=answer)


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=repr)
