"""Every case, some cases, and all of them as JSON."""

import json
from collections.abc import Callable, Collection, Iterable
from typing import Final

from exam_sharing.errors import InvalidArgument
from exam_sharing.testing.cases.plain_data import policy_defaults
from exam_sharing.testing.cases.schema import Case
from exam_sharing.testing.cases.topics import TOPICS
from exam_sharing.validation import tuple_of

__all__ = ["as_json", "cases"]

SCHEMA: Final = 1
"""Rises when the meaning of the data changes, for runners in other languages."""


def cases(
    *,
    acts: Collection[str] | None = None,
    questions: Collection[str] | None = None,
    details: bool = True,
) -> tuple[Case, ...]:
    """Return every case, or those that a portal can run; each call returns new data.

    Args:
        acts: the acts that the portal can do, as `{"share", "unshare"}`. Cases with another act
            are left out. By default all acts.
        questions: the questions that the portal can answer, as `{"can", "tabs"}`. Other questions
            are left out, and so are cases that then verify nothing. By default all questions.
        details: whether reasons of refusals have their parameters. Without, each reason is a code
            alone, for endpoints that report only codes.

    Raises:
        InvalidValue: no case has such an act or such a question.
        WrongKind: acts or questions are not a collection of strings.
    """
    everything: list[Case] = [
        # The cases share their common parts. JSON makes a copy of each.
        json.loads(json.dumps({**case, "name": name, "rule": rule}))
        for topic in TOPICS
        for rule, examples in topic.items()
        for name, case in examples.items()
    ]
    done = _known("acts", acts, everything, _acts)
    asked = _known("questions", questions, everything, _questions)
    chosen = [each for each in everything if _acts(each) <= done]
    for case in chosen:
        case["then"] = [each for each in case["then"] if each["question"]["question"] in asked]
        if not details:
            _keep_codes(case)
    return tuple(case for case in chosen if case["when"] is not None or case["then"])


def as_json() -> str:
    """Return every case and the default settings as JSON, always the same text."""
    document = {"schema": SCHEMA, "policy_defaults": policy_defaults(), "cases": cases()}
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _known(
    field: str,
    named: Collection[str] | None,
    everything: Iterable[Case],
    names_in: Callable[[Case], set[str]],
) -> set[str]:
    """Return the names; all that the cases have, if none are given."""
    known = set().union(*map(names_in, everything))
    if named is None:
        return known
    wanted = set(tuple_of(field, named, str))
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
                answer[name] = [{"code": reason["code"]} for reason in answer[name]]


def _acts(case: Case) -> set[str]:
    return {act["act"] for act in (*case["given"]["acts"], case["when"]) if act is not None}


def _questions(case: Case) -> set[str]:
    return {each["question"]["question"] for each in case["then"]}
