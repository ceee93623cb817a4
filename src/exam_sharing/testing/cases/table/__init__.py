"""The cases, in the order in which the rules are told."""

import json
from collections.abc import Callable, Collection, Iterable
from typing import Final

from exam_sharing.errors import InvalidArgument
from exam_sharing.testing.cases.plain_data import policy_defaults
from exam_sharing.testing.cases.schema import Case, Data
from exam_sharing.testing.cases.table.batching import batching
from exam_sharing.testing.cases.table.bounding import bounding
from exam_sharing.testing.cases.table.choosing import choosing
from exam_sharing.testing.cases.table.closing import closing
from exam_sharing.testing.cases.table.concealing import concealing
from exam_sharing.testing.cases.table.ending import ending
from exam_sharing.testing.cases.table.expiring import expiring
from exam_sharing.testing.cases.table.knowing import knowing
from exam_sharing.testing.cases.table.naming import naming
from exam_sharing.testing.cases.table.policy import policy
from exam_sharing.testing.cases.table.presenting import presenting
from exam_sharing.testing.cases.table.product_page import product_page
from exam_sharing.testing.cases.table.refusing import refusing
from exam_sharing.testing.cases.table.repeating import repeating
from exam_sharing.testing.cases.table.requests import requests
from exam_sharing.testing.cases.table.reshares import reshares
from exam_sharing.testing.cases.table.resting import resting
from exam_sharing.testing.cases.table.sharing import sharing
from exam_sharing.testing.cases.table.showing import showing
from exam_sharing.testing.cases.table.telling import telling
from exam_sharing.validation import tuple_of

__all__ = ["as_json", "cases"]

SCHEMA: Final = 1
"""Raised when the meaning of the data changes, so that whoever runs them elsewhere notices."""


def cases(
    *,
    acts: Collection[str] | None = None,
    questions: Collection[str] | None = None,
    details: bool = True,
) -> tuple[Case, ...]:
    """Return every case, as data of your own; nothing that you change in it is kept.

    Args:
        acts: what the portal to be tested can do, as `{"share", "unshare"}`: cases in which
            anything else is done are left out. By default everything.
        questions: what it can be asked, as `{"can", "tabs"}`: other questions are left out, and so
            are cases of which then nothing is left. By default everything.
        details: whether refusals say what they are about. Without, each reason is a code alone,
            for endpoints that tell no more.

    Raises:
        InvalidValue: no case has such an act or such a question.
        WrongKind: acts or questions are no collection of strings.
    """
    written = (
        *product_page(),
        *sharing(),
        *refusing(),
        *policy(),
        *ending(),
        *reshares(),
        *showing(),
        *expiring(),
        *concealing(),
        *requests(),
        *choosing(),
        *telling(),
        *knowing(),
        *closing(),
        *resting(),
        *bounding(),
        *batching(),
        *repeating(),
        *presenting(),
        *naming(),
    )
    # The cases share what they have in common; text and back makes each of its own.
    everything: list[Case] = json.loads(json.dumps(written))
    done = _known("acts", acts, everything, _acts)
    asked = _known("questions", questions, everything, _questions)
    chosen = [each for each in everything if _acts(each) <= done]
    for case in chosen:
        case["then"] = [each for each in case["then"] if each["question"]["question"] in asked]
        if not details:
            _leave_codes(case)
    return tuple(case for case in chosen if case["when"] is not None or case["then"])


def _known(
    field: str,
    named: Collection[str] | None,
    everything: Iterable[Case],
    names_in: Callable[[Case], set[str]],
) -> set[str]:
    """Return the names, each of which some case has; all that there are, where none are given."""
    known = set().union(*map(names_in, everything))
    if named is None:
        return known
    wanted = set(tuple_of(field, named, str))
    if unknown := wanted - known:
        raise InvalidArgument(
            field, f"has {_listed(unknown)}, which no case has; there are {_listed(known)}"
        )
    return wanted


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, sorted(names)))


def _leave_codes(case: Case) -> None:
    for told in (case["outcome"], *(each["answer"] for each in case["then"])):
        if isinstance(told, dict):
            for name in ("refused", "reasons"):
                if name in told:
                    told[name] = [{"code": reason["code"]} for reason in told[name]]


def _acts(case: Case) -> set[str]:
    done = [*case["given"]["acts"], *([] if case["when"] is None else [case["when"]])]
    return {act["act"] for act in done}


def _questions(case: Case) -> set[str]:
    return {each["question"]["question"] for each in case["then"]}


def as_json() -> str:
    """Return every case as JSON, the same text every time; YAML can be read from it as well.

    The settings of a policy that a case does not say stand beside the cases.
    """
    document: Data = {
        "schema": SCHEMA,
        "policy_defaults": policy_defaults(),
        "cases": list(cases()),
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"
