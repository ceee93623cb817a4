"""Every case, some cases, and all of them as JSON; cases run against a portal."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any, Final, TypeAlias

import attrs

from exam_sharing.errors import InvalidArgument
from exam_sharing.policy.settings import Policy
from exam_sharing.testing.cases.portals import ACCOUNT, ACTS, QUESTIONS, in_memory, plain
from exam_sharing.testing.cases.schema import Case, Data, Given, OpenPortal
from exam_sharing.testing.cases.topics import (
    account,
    extent,
    groups,
    notices,
    recipients,
    requests,
    reshares,
    sharing,
    showing,
    unsharing,
)
from exam_sharing.testing.opening import StoreNotUsable, entered
from exam_sharing.validation import tuple_of

__all__ = ["CaseFailed", "Difference", "as_json", "cases", "check", "run"]

_TOPICS: Final = (
    *(sharing, extent, recipients, unsharing, reshares),
    *(groups, showing, notices, requests, account),
)

SCHEMA: Final = 1
"""Rises when the meaning of the data changes, for runners in other languages."""


def cases(
    *,
    acts: Collection[str] | None = None,
    questions: Collection[str] | None = None,
    details: bool = True,
    choices: bool = True,
) -> tuple[Case, ...]:
    """Return every case, or those that a portal can run; each call returns new data.

    Args:
        acts: the acts that the portal can do, as `{"share", "unshare"}`. Cases with another act
            are left out. By default all acts but `look`; `ACTS` has all.
        questions: the questions that the portal can answer, as `{"can", "tabs"}`. Other questions
            are left out, and so are cases that then verify nothing. By default all questions but
            those of the past, of accesses and of graphs; `QUESTIONS` has all.
        details: whether reasons of refusals have their parameters. Without, a refusal has each code
            once and alone, for endpoints that report only codes.
        choices: whether cases verify what the specification leaves open. Without, questions marked
            as `choice` are left out, an outcome marked so may be any, and cases that then verify
            nothing are left out.

    Raises:
        InvalidValue: no case has such an act or such a question.
        WrongKind: acts or questions are not a collection of strings.
    """
    everything: list[Case] = [
        # The cases share their common parts. JSON makes a copy of each.
        json.loads(json.dumps({**case, "name": name, "rule": rule}))
        for topic in _TOPICS
        for rule, examples in topic.CASES.items()
        for name, case in examples.items()
    ]
    done, asked = chosen("acts", acts, ACTS), chosen("questions", questions, QUESTIONS)
    possible = [each for each in everything if _acts(each) <= done]
    for case in possible:
        case["then"] = [
            each
            for each in case["then"]
            if each["question"]["question"] in asked and (choices or "choice" not in each)
        ]
        if "choice" in case and not choices:
            case["outcome"] = None
        if not details:
            _keep_codes(case)
    return tuple(case for case in possible if case["outcome"] is not None or case["then"])


def as_json() -> str:
    """Return every case and the default settings as JSON, always the same text."""
    settings = [field.name for field in attrs.fields(Policy) if field.name not in _UNUSED]
    defaults = plain(Policy(), *settings)
    every = cases(acts=ACTS, questions=QUESTIONS)
    document = {"schema": SCHEMA, "policy_defaults": defaults, "cases": every}
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


_UNUSED: Final = frozenset({"retries"})
"""A setting that no case has: in cases no delivery fails."""


def chosen(field: str, named: Collection[str] | None, known: frozenset[str]) -> frozenset[str]:
    """Return the names; if none are given, all that every portal has."""
    if named is None:
        return known - ACCOUNT
    wanted = frozenset(tuple_of(field, named, str))
    if unknown := wanted - known:
        raise InvalidArgument(
            field, f"has {_listed(unknown)}, which no case has; choose from {_listed(known)}"
        )
    return wanted


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, sorted(names)))


def _keep_codes(case: Case) -> None:
    for answer in (case["outcome"], *(each["answer"] for each in case["then"])):
        if isinstance(answer, dict):
            for name in answer.keys() & {"refused", "reasons"}:
                codes = {reason["code"] for reason in answer[name]}
                answer[name] = [{"code": code} for code in sorted(codes)]


def _acts(case: Case) -> set[str]:
    return {act["act"] for act in (*case["given"]["acts"], case["when"]) if act is not None}


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
        super().__init__(name, rule, differences)
        self.name = name
        self.rule = rule
        self.differences = differences

    def __str__(self) -> str:
        return "\n".join((self.name, f"rule: {self.rule}", *map(str, self.differences)))


_Found: TypeAlias = tuple[Difference, Exception | None]
"""A difference, and the exception behind it, if there is one."""

NOT_DONE: Final = frozenset({"refused", "error", "raised"})
"""The outcomes of an act that was not done."""


def check(case: Case, open_portal: OpenPortal = in_memory) -> None:
    """Run a case, and raise if the portal fails it.

    Raises:
        CaseFailed: the portal failed the case. It has every difference; the first exception of the
            portal, if there is one, is its cause.
        StoreNotUsable: the store under the portal cannot be tested.
    """
    found = list(_found(case, open_portal))
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


def _found(case: Case, open_portal: OpenPortal) -> Iterator[_Found]:
    with ExitStack() as closing:
        given = case["given"]
        portal, error = tried(lambda: closing.enter_context(entered(open_portal(given))))
        if error is not None:
            yield Difference(asked=_in_short(given), expected="opened", got=portal), error
            return
        for act in given["acts"]:
            got, error = tried(partial(portal.do, act))
            if not NOT_DONE.isdisjoint(got):
                yield Difference(asked=act, expected="done", got=got), error
                return
        if case["when"] is not None:
            yield from _compared(portal.do, case["when"], case["outcome"])
        for each in case["then"]:
            yield from _compared(portal.ask, each["question"], each["answer"])


def _compared(call: Callable[[Data], Any], asked: Data, expected: Any) -> Iterator[_Found]:
    got, error = tried(partial(call, asked))
    same = got == expected and isinstance(got, bool) == isinstance(expected, bool)
    if error is not None or not (same or expected is None):
        yield Difference(asked=asked, expected=expected, got=got), error


def _in_short(given: Given) -> Data:
    ids = {
        "users": [each["id"] for each in given["users"]],
        "groups": [each["id"] for each in given["groups"]],
        "exams": [exam["id"] for each in given["uploads"] for exam in each["exams"]],
    }
    return {"given": {**ids, "policy": given["policy"]}}


def tried(answer: Callable[[], Any]) -> tuple[Any, Exception | None]:
    """Return the result of a portal, and the exception behind it, if there is one."""
    try:
        return answer(), None
    except StoreNotUsable:
        raise
    except Exception as error:  # noqa: BLE001  any exception is a result
        return {"raised": type(error).__name__}, error


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=repr)
