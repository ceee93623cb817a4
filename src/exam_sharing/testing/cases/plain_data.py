"""Requests and settings from plain data, and answers as plain data."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final

import attrs

from exam_sharing.grants import Grant, Permission, ShownGrant
from exam_sharing.identifiers import (
    ExamId,
    GroupId,
    PrincipalId,
    UserId,
)
from exam_sharing.policy.facts import ShareFacts
from exam_sharing.policy.plans import Effect, Preview, ShareReceipt, UnshareReceipt
from exam_sharing.policy.requests import (
    Reshares,
    Scope,
    ShareRequest,
)
from exam_sharing.policy.settings import AccessListScope, HostRule, Policy
from exam_sharing.policy.views import AccessEntry, Choice, Page, VisibleExam
from exam_sharing.testing.cases.schema import Data

__all__ = [
    "choice_told",
    "effects_told",
    "end_told",
    "entry_told",
    "exams_told",
    "fields_of",
    "grant_told",
    "in_order",
    "moment_of",
    "named",
    "policy_defaults",
    "repeated_told",
    "share_told",
    "who",
    "written",
]


def moment_of(text: str) -> datetime:
    """Return the time that a text says."""
    return datetime.fromisoformat(text)


def who(text: str) -> PrincipalId:
    """Return the principal that a text such as `user:anna` names."""
    kind, _, name = text.partition(":")
    return UserId(name) if kind == "user" else GroupId(name)


def _host_rule(*, code: str, refuses_shares_by: str) -> HostRule:
    def refuses(request: ShareRequest, _facts: ShareFacts, _host: object) -> bool:
        return str(request.actor) == refuses_shares_by

    return HostRule(
        code=code, statement=f"Shares by {refuses_shares_by} are refused.", refuses=refuses
    )


_PARSED: Final[Mapping[str, Callable[[Any], Any]]] = {
    "access_list": AccessListScope,
    "actor": UserId,
    "exam": ExamId,
    "expect": lambda texts: [ExamId(text) for text in texts],
    "host_rules": lambda rules: [_host_rule(**rule) for rule in rules],
    "max_duration": lambda seconds: timedelta(seconds=seconds),
    "permission": lambda text: Permission[text],
    "recipient": who,
    "recipients": lambda texts: [who(text) for text in texts],
    "reshares": Reshares,
    "scope": Scope,
    "until": moment_of,
}


def fields_of(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a request or of a policy as the package takes them."""
    return {
        name: _PARSED[name](value) if name in _PARSED and value is not None else value
        for name, value in said.items()
    }


_NOT_SAID: Final = frozenset({"retries"})
"""Settings that no case has: in cases nothing that is sent fails."""


def policy_defaults() -> Data:
    """Return every setting that a case can have, with its value where a case has none."""
    values = {
        field.name: getattr(Policy(), field.name)
        for field in attrs.fields(Policy)
        if field.name not in _NOT_SAID
    }
    return {
        name: value.value if isinstance(value, Enum) else value for name, value in values.items()
    }


def written(moment: datetime | None) -> str | None:
    """Return a time as text; `None` stays `None`."""
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def named(principal: PrincipalId) -> str:
    """Return the text that names a principal."""
    return f"{'user' if isinstance(principal, UserId) else 'group'}:{principal}"


def in_order(values: Iterable[Data]) -> list[Data]:
    """Return data sorted by the first part that differs; `None` comes after everything else."""
    return sorted(
        values,
        key=lambda each: [(part is None, "" if part is None else part) for part in each.values()],
    )


def grant_told(grant: Grant | ShownGrant) -> Data:
    """Return a grant as data."""
    return {
        "exam": str(grant.exam),
        "grantor": str(grant.grantor),
        "recipient": named(grant.recipient),
        "permission": grant.permission.name,
        "until": written(grant.until),
    }


def share_told(receipt: ShareReceipt) -> Data:
    """Return the receipt of a share as data."""
    return {
        "shared": [
            {
                "exam": str(each.exam),
                "recipient": named(each.recipient),
                "outcome": each.outcome.value,
                "until": written(each.until),
                "limited_by": each.limited_by.value,
            }
            for each in receipt.outcomes
        ],
        **repeated_told(receipt),
    }


def end_told(receipt: UnshareReceipt) -> Data:
    """Return the receipt of an end as data."""
    return {
        "ended": in_order(map(grant_told, receipt.ended)),
        "replaced_by": in_order(map(grant_told, receipt.replacements)),
        "left_standing": in_order(map(grant_told, receipt.left_standing)),
        "still_have_access": sorted(map(named, receipt.still_have_access)),
        **repeated_told(receipt),
    }


def repeated_told(answer: ShareReceipt | UnshareReceipt | Preview) -> Data:
    """Return as data that an act was done before; nothing where it was not."""
    return {"repeated": True} if answer.repeated else {}


def _held_told(held: Mapping[Permission, datetime | None]) -> Data:
    return {permission.name: written(until) for permission, until in held.items()}


def choice_told(choice: Choice) -> Data:
    """Return whom an actor can choose, and what they hold already, as data."""
    return {"principal": named(choice.principal), "held": _held_told(choice.held)}


def entry_told(entry: AccessEntry) -> Data:
    """Return an entry of an access list as data."""
    return {
        "principal": named(entry.principal),
        "permission": entry.permission.name,
        "until": written(entry.until),
        "held": _held_told(entry.held),
        "can_unshare": entry.can_unshare,
        "grants": [
            {
                "grantor": str(listed.grant.grantor),
                "permission": listed.grant.permission.name,
                "until": written(listed.grant.until),
                "can_unshare": listed.can_unshare,
            }
            for listed in entry.grants
        ],
    }


def exams_told(page: Page[VisibleExam]) -> list[Data]:
    """Return a page of exams as data."""
    return [{"exam": str(e.exam), "permission": e.permission.name} for e in page.items]


def effects_told(effects: Iterable[Effect]) -> list[Data]:
    """Return who gains, loses or keeps what, as data."""
    return in_order(
        {
            "principal": named(each.principal),
            "exam": str(each.exam),
            "permission": each.permission.name,
        }
        for each in effects
    )
