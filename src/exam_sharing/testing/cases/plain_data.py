"""Requests and settings from plain data, and answers as plain data."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import attrs

from exam_sharing import documents
from exam_sharing.documents import Forms, with_kind
from exam_sharing.grants import Grant, Permission, ShownGrant
from exam_sharing.identifiers import ExamId, GroupId, PrincipalId, UserId
from exam_sharing.policy.facts import ShareFacts
from exam_sharing.policy.plans import Preview, ShareReceipt, UnshareReceipt
from exam_sharing.policy.requests import Reshares, Scope, ShareRequest
from exam_sharing.policy.settings import AccessListScope, HostRule, Policy
from exam_sharing.testing.cases.schema import Data

__all__ = [
    "fields_from",
    "grant_as_data",
    "grants_as_data",
    "in_order",
    "plain",
    "policy_defaults",
    "principal_from",
    "receipt_as_data",
    "repeated_as_data",
    "time_from",
]


def time_from(text: str) -> datetime:
    """Return the time that a text stands for."""
    return datetime.fromisoformat(text)


def principal_from(text: str) -> PrincipalId:
    """Return the principal that a text such as `user:anna` names."""
    kind, _, name = text.partition(":")
    return UserId(name) if kind == "user" else GroupId(name)


def _host_rule(*, code: str, refuses_shares_by: str) -> HostRule:
    def refuses(request: ShareRequest, _facts: ShareFacts, _host: object) -> bool:
        return str(request.actor) == refuses_shares_by

    return HostRule(
        code=code, statement=f"Shares by {refuses_shares_by} are refused.", refuses=refuses
    )


_FROM: Final[Mapping[str, Callable[[Any], Any]]] = {
    "access_list": AccessListScope,
    "actor": UserId,
    "exam": ExamId,
    "expect": lambda texts: [ExamId(text) for text in texts],
    "host_rules": lambda rules: [_host_rule(**rule) for rule in rules],
    "max_duration": lambda seconds: timedelta(seconds=seconds),
    "permission": lambda text: Permission[text],
    "recipient": principal_from,
    "recipients": lambda texts: [principal_from(text) for text in texts],
    "reshares": Reshares,
    "scope": Scope,
    "until": time_from,
}


def fields_from(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a request or of a policy."""
    return {
        name: _FROM[name](value) if name in _FROM and value is not None else value
        for name, value in data.items()
    }


_FORMS: Final[Forms] = {
    datetime: lambda time: time.isoformat().replace("+00:00", "Z"),
    "principal": with_kind,
    "principals": lambda principals: [with_kind(each) for each in principals],
    "recipient": with_kind,
    "message": lambda message: None if message is None else str(message),
}
_UNUSED: Final = frozenset({"retries"})
"""Settings that no case has: in cases no delivery fails."""


def plain(value: object, *names: str) -> Any:
    """Return a value as plain data, or some of its fields."""
    return documents.fields_of(value, _FORMS, *names) if names else documents.plain(value, _FORMS)


def policy_defaults() -> Data:
    """Return every setting that a case can have, with the value for cases without it."""
    names = [field.name for field in attrs.fields(Policy) if field.name not in _UNUSED]
    data: Data = plain(Policy(), *names)
    return data


def in_order(values: Iterable[Data]) -> list[Data]:
    """Return data sorted by the first part that differs; `None` comes after everything else."""
    return sorted(
        values,
        key=lambda each: [(part is None, "" if part is None else part) for part in each.values()],
    )


def grant_as_data(grant: Grant | ShownGrant) -> Data:
    """Return a grant as data."""
    data: Data = plain(grant, "exam", "grantor", "recipient", "permission", "until")
    return data


def grants_as_data(grants: Iterable[Grant | ShownGrant]) -> list[Data]:
    """Return grants as data, sorted."""
    return in_order(map(grant_as_data, grants))


def repeated_as_data(answer: ShareReceipt | UnshareReceipt | Preview) -> Data:
    """Return the mark of a repeat; nothing without one."""
    return {"repeated": True} if answer.repeated else {}


def receipt_as_data(receipt: ShareReceipt | UnshareReceipt) -> Data:
    """Return a receipt as data."""
    if isinstance(receipt, ShareReceipt):
        return {"shared": plain(receipt.outcomes), **repeated_as_data(receipt)}
    return {
        "ended": grants_as_data(receipt.ended),
        "replaced_by": grants_as_data(receipt.replacements),
        "left_standing": grants_as_data(receipt.left_standing),
        "still_have_access": sorted(map(with_kind, receipt.still_have_access)),
        **repeated_as_data(receipt),
    }
