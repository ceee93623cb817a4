"""Saying in words what was asked, what was answered, and who did what."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from enum import Enum
from typing import Any, Final

import attrs

from exam_sharing.identifiers import GroupId
from exam_sharing.policy.requests import (
    NarrowRequest,
    Request,
    RevokeRequest,
    Scope,
    ShareRequest,
    UnshareRequest,
)
from exam_sharing.policy.settings import Policy
from exam_sharing.testing import model
from exam_sharing.testing.moments import START

__all__ = [
    "START",
    "GrantNumber",
    "No",
    "Raised",
    "Words",
    "clock_time",
    "differing",
    "plain_policy",
    "told_policy",
]


MOST_TOLD: Final = 9
"""So many of several things are told, and how many more there are."""


class GrantNumber(int):
    """The model's number of a grant; a number among the answers counts nothing else."""


@attrs.frozen
class No:
    """A refusal: the codes, each with what it is about."""

    reasons: Mapping[str, frozenset[object]]


@attrs.frozen
class Raised:
    """Something was raised that is no refusal."""

    error: str


def clock_time(moment: datetime) -> str:
    """Return the time of the day, with the day where it is not the first."""
    time = f"{moment:%H:%M}" if not (moment.second or moment.microsecond) else f"{moment:%H:%M:%S}"
    if moment.microsecond:
        time += f".{moment.microsecond:06}".rstrip("0")
    days = (moment.date() - START.date()).days
    return time if days == 0 else f"{time} {abs(days)} days {'later' if days > 0 else 'before'}"


def plain_policy() -> Policy:
    """Return the policy from which stories tell how theirs differs."""
    return Policy(attestation_wording="I abide by HIPAA.", message_limit=20)


def told_policy(policy: Policy) -> str:
    """Say how a policy differs from the plain one; empty where it does not."""
    plain = plain_policy()
    changed = {
        field.name: getattr(policy, field.name)
        for field in attrs.fields(Policy)
        if getattr(policy, field.name) != getattr(plain, field.name) and field.name != "retries"
    }
    return ", ".join(f"{name.replace('_', ' ')}: {_setting(v)}" for name, v in changed.items())


def _setting(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value.value if isinstance(value, Enum) else str(value)


@attrs.frozen
class Words:
    """Words for the values of one world; its grants are known by what they say."""

    world: model.World

    def value(self, value: object) -> str:
        """Return an answer in words."""
        if value is None:
            return "for good"
        for kind, told in self._kinds.items():
            if isinstance(value, kind):
                return told(value)
        return str(value)

    @property
    def _kinds(self) -> Mapping[type, Callable[[Any], str]]:
        """How values of a kind are told; the first kind that fits counts."""
        return {
            bool: lambda truth: "yes" if truth else "no",
            Enum: lambda one: str(one.name),
            datetime: clock_time,
            GrantNumber: self._grant,
            GroupId: lambda group: f"the group {group}",
            No: lambda refused: f"refused: {self._reasons(refused.reasons)}",
            Raised: lambda raised: f"an error: {raised.error}",
            dict: self._mapping,
            tuple: self._several,
            frozenset: self._several,
        }

    def request(self, request: Request) -> str:
        """Return what somebody asks for as a sentence without its end."""
        text = ""
        match request:
            case ShareRequest():
                text = self._share(request)
            case UnshareRequest():
                text = f"{request.actor} unshares {request.exam} from {self._whom(request)}"
            case NarrowRequest():
                text = f"{request.actor} narrows {request.exam} for {self._whom(request)}"
                text += f" to at most {request.permission.name}" if request.permission else ""
                text += f" until {clock_time(request.until)} at most" if request.until else ""
            case RevokeRequest():
                text = f"{request.actor} ends {self._asked_grant(request)}"
        return text + _how(request)

    def _whom(self, request: UnshareRequest | NarrowRequest) -> str:
        return "themselves" if request.recipient == request.actor else self.value(request.recipient)

    def _share(self, request: ShareRequest) -> str:
        text = f"{request.actor} shares {request.exam}"
        text += " and what came with it" if request.scope is Scope.BATCH else ""
        text += f" with {self.value(request.recipients)}: {request.permission.name}"
        text += f" until {clock_time(request.until)}" if request.until else ""
        text += "" if request.attested else ", without the attestation"
        text += ", attesting an older wording" if request.wording is not None else ""
        text += f", with a message of {len(request.message)} characters" if request.message else ""
        if request.expect is not None:
            text += f", expecting {self.value(request.expect)}"
        return text

    def _asked_grant(self, request: RevokeRequest) -> str:
        written = str(request.grant)
        if written.isdecimal() and int(written) in self.world.grants:
            return self._grant(int(written))
        return "a grant that there is not"

    def _grant(self, number: int) -> str:
        grant = self.world.grants.get(number)
        if grant is None:
            return "a grant that should not be"
        until = f" until {clock_time(grant.until)}" if grant.until else ""
        to = self.value(grant.recipient)
        return f"{grant.grantor}'s grant of {grant.exam} to {to}: {grant.permission.name}{until}"

    def _reasons(self, reasons: Mapping[str, frozenset[object]]) -> str:
        return ", ".join(
            f"{code} ({self.value(about)})" if about else code
            for code, about in sorted(reasons.items())
        )

    def _mapping(self, value: Mapping[object, object]) -> str:
        if not value:
            return "nothing"
        return "; ".join(f"{self.value(key)}: {self.value(each)}" for key, each in value.items())

    def _several(self, values: Collection[object]) -> str:
        words = [self._one_of_several(each) for each in values if each != frozenset()]
        if isinstance(values, frozenset):
            words.sort()
        if len(words) > MOST_TOLD:
            words[MOST_TOLD:] = [f"{len(words) - MOST_TOLD} more"]
        return _joined(words) if words else "nothing"

    def _one_of_several(self, value: object) -> str:
        """Return a value in words; of what belongs together, the first with the rest behind it."""
        if isinstance(value, tuple) and len(value) > 1:
            first, *rest = map(self.value, value)
            return f"{first} ({', '.join(rest)})"
        return self.value(value)


def _joined(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _how(request: Request) -> str:
    text = ""
    if request.performed_by is not None:
        text += f", at the hand of {request.performed_by}"
    if not isinstance(request, ShareRequest) and request.reshares is not None:
        text += f", re-shares: {request.reshares.value}"
    if request.request_id is not None:
        text += f" (request id {request.request_id})"
    return text


def differing(expected: object, came: object) -> tuple[object, object]:
    """Return both answers without the parts in which they agree."""
    if not (isinstance(expected, Mapping) and isinstance(came, Mapping)):
        return expected, came
    keys = [key for key in expected if key not in came or came[key] != expected[key]]
    more = [key for key in came if key not in expected]
    return (
        {key: expected[key] for key in keys},
        {key: came[key] for key in (*keys, *more) if key in came},
    )
