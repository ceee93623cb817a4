"""A story: what happened in a hospital, and what went wrong, in words."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from enum import Enum
from inspect import getmembers, isclass
from typing import Any, Final

import attrs

from exam_sharing.identifiers import GrantId, GroupId, PrincipalId
from exam_sharing.policy import requests
from exam_sharing.policy.settings import Policy
from exam_sharing.testing import model
from exam_sharing.testing.edges import START

MOST_LISTED: Final = 9
"""The number of items that are listed before the rest is only counted."""

OUTSIDE: Final = {model.world.NEVER: "not held", model.world.FOREVER: "without end"}

PLAIN_POLICY: Final = Policy(attestation_wording="I abide by HIPAA.", message_limit=20)
"""A story lists only the settings that differ from these."""

_VIEWS: Final = dict(getmembers(model.views, isclass))
ANSWERS: Final[tuple[type[Any], ...]] = (
    *(model.support.Effect, model.acts.Preview, model.world.Ending, model.world.ShareOutcome),
    *(model.world.ShareReceipt, model.world.UnshareReceipt),
    *(model.world.Shown, model.world.ShownAccess),
    *(kind for kind in _VIEWS.values() if kind.__module__ == model.views.__name__),
)
"""Values that consist of named parts."""


class RulesBroken(AssertionError):
    """The tested store or portal breaks the rules; the message is the story that shows it.

    `story` has one line for each step. `question` was asked then; in words, `expected` is the
    answer by the rules, and `got` the answer that was given.
    """

    def __init__(self, story: tuple[str, ...], question: str, expected: str, got: str) -> None:
        super().__init__(story, question, expected, got)
        self.story = story
        self.question = question
        self.expected = expected
        self.got = got

    def __str__(self) -> str:
        answers = [f"  expected: {self.expected}", f"  got:      {self.got}"]
        told = ["the rules of sharing are broken", "", *self.story, "", self.question]
        return "\n".join([*told, *answers])


@attrs.frozen
class Raised:
    """The name of an error that is not a refusal."""

    error: str


def clock_time(moment: datetime) -> str:
    """Return the time of day, with the day if it is not the first one."""
    if moment in OUTSIDE:
        return OUTSIDE[moment]
    time = f"{moment:%H:%M}" if not (moment.second or moment.microsecond) else f"{moment:%H:%M:%S}"
    if moment.microsecond:
        time += f".{moment.microsecond:06}".rstrip("0")
    days = (moment.date() - START.date()).days
    return time if days == 0 else f"{time} {abs(days)} days {'later' if days > 0 else 'before'}"


def policy_in_words(policy: Policy) -> str:
    """List the settings that differ from the plain policy; empty if there are none."""
    changed = {
        name: value
        for name, value in attrs.asdict(policy, recurse=False).items()
        if name not in {"access_window", "retries"} and value != getattr(PLAIN_POLICY, name)
    }
    return ", ".join(f"{name.replace('_', ' ')}: {_setting(v)}" for name, v in changed.items())


def _setting(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value.value if isinstance(value, Enum) else str(value)


@attrs.frozen
class Words:
    """Puts the values of one world into words."""

    world: model.world.World

    def value(self, value: object) -> str:
        """Return an answer in words."""
        if value is None:
            return "without end"
        for kind, in_words in self._kinds.items():
            if isinstance(value, kind):
                return in_words(value)
        parts = _parts(value)
        return str(value) if parts is None else self._mapping(parts)

    @property
    def _kinds(self) -> Mapping[type, Callable[[Any], str]]:
        """The words for each kind of value; the first kind that fits counts."""
        return {
            bool: lambda truth: "yes" if truth else "no",
            Enum: lambda one: str(one.name),
            datetime: clock_time,
            model.world.GrantNumber: self._grant,
            model.world.Shown: self._shown,
            GrantId: self._requested_grant,
            GroupId: lambda group: f"the group {group}",
            model.world.Refused: self._refusal,
            model.world.Reason: self._reason,
            Raised: lambda raised: f"an error: {raised.error}",
            dict: self._mapping,
            tuple: self._several,
            list: self._several,
            frozenset: self._several,
        }

    def people(self, principals: Collection[PrincipalId]) -> str:
        """Return principals in words."""
        return self._several(principals) if principals else "nobody"

    def request(self, request: requests.Request) -> str:
        """Return a request as a sentence without its full stop."""
        text = ""
        match request:
            case requests.ShareRequest():
                text = self._share(request)
            case requests.UnshareRequest():
                text = f"{request.actor} unshares {request.exam} from {self._whom(request)}"
            case requests.NarrowRequest():
                text = f"{request.actor} narrows {request.exam} for {self._whom(request)}"
                text += f" to {request.permission.name} at most" if request.permission else ""
                text += f" until {clock_time(request.until)} at the latest" if request.until else ""
            case requests.RevokeRequest():
                text = f"{request.actor} revokes {self._requested_grant(request.grant)}"
        if request.performed_by is not None:
            text += f", performed by {request.performed_by}"
        if not isinstance(request, requests.ShareRequest) and request.reshares is not None:
            text += f", re-shares: {request.reshares.value}"
        if request.request_id is not None:
            text += f" (request id {request.request_id})"
        return text

    def _whom(self, request: requests.UnshareRequest | requests.NarrowRequest) -> str:
        return "themselves" if request.recipient == request.actor else self.value(request.recipient)

    def _share(self, request: requests.ShareRequest) -> str:
        text = f"{request.actor} shares {request.exam}"
        text += " and its batch" if request.scope is requests.Scope.BATCH else ""
        text += f" with {self.people(request.recipients)} for {request.permission.name}"
        text += f" until {clock_time(request.until)}" if request.until else ""
        text += "" if request.attested else ", without the attestation"
        text += ", with an outdated attestation" if request.wording is not None else ""
        text += f", with a message of {len(request.message)} characters" if request.message else ""
        if request.expect is not None:
            text += f", expecting {self.value(request.expect)}"
        return text

    def _requested_grant(self, grant: GrantId) -> str:
        written = str(grant)
        known = written.isdecimal() and int(written) in self.world.grants
        return self._grant(model.world.GrantNumber(written)) if known else "an unknown grant"

    def _grant(self, number: model.world.GrantNumber) -> str:
        grant = self.world.grants[number]
        until = f" until {clock_time(grant.until)}" if grant.until else ""
        to = self.value(grant.recipient)
        return f"{grant.grantor}'s grant of {grant.exam} to {to} for {grant.permission.name}{until}"

    def _shown(self, shown: model.world.Shown) -> str:
        return f"{self.value(shown.grant)}, which rests on {self.value(shown.basis)}"

    def _refusal(self, refused: model.world.Refused) -> str:
        codes = sorted(map(self._reason, refused.reasons))
        return f"refused: {', '.join(codes)}" if codes else "not refused"

    def _reason(self, reason: model.world.Reason) -> str:
        several = reason.exams | reason.principals | reason.grants
        about: list[object] = [several] if several else []
        about += [each for each in (reason.until, reason.limit) if each is not None]
        about += [reason.limited] if reason.limited else []
        told = ", ".join(map(self.value, about))
        return f"{reason.code} ({told})" if told else reason.code

    def _mapping(self, value: Mapping[object, object]) -> str:
        if not value:
            return "nothing"
        parts = [(self._one_of_several(key), each) for key, each in value.items()]
        return "; ".join(f"{key}: {self._one_of_several(each)}" for key, each in parts)

    def _several(self, values: Collection[object]) -> str:
        words = [self._one_of_several(each) for each in values if each != frozenset()]
        if isinstance(values, frozenset):
            words.sort()
        if len(words) > MOST_LISTED:
            words[MOST_LISTED:] = [f"{len(words) - MOST_LISTED} more"]
        if len(words) < 2:  # noqa: PLR2004  one item needs no "and"
            return words[0] if words else "nothing"
        return f"{', '.join(words[:-1])} and {words[-1]}"

    def _one_of_several(self, value: object) -> str:
        """Return a value in words; of a tuple, the first item with the others in brackets."""
        if isinstance(value, tuple) and len(value) > 1:
            first, *rest = [self.value(each) for each in value if each != frozenset()]
            return f"{first} ({', '.join(rest)})"
        return self.value(value)


WORDS: Final = Words(model.world.World(now=START))
"""Of a world without grants, for requests and principals."""


def differing(expected: object, got: object) -> tuple[object, object]:
    """Return both answers without the parts in which they agree."""
    if isinstance(expected, frozenset) and isinstance(got, frozenset):
        several = all(isinstance(each, ANSWERS) for each in expected | got)
        return (expected - got, got - expected) if several else (expected, got)
    if isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        pairs = [(one, other) for one, other in zip(expected, got, strict=True) if one != other]
        return [one for one, _ in pairs], [other for _, other in pairs]
    one, other = _parts(expected), _parts(got)
    if one is None or other is None:
        return expected, got
    same = {key for key in one if key in other and one[key] == other[key]}
    both = {key: differing(one[key], other[key]) for key in one if key in other}
    return (
        {key: both[key][0] if key in both else one[key] for key in one if key not in same},
        {key: both[key][1] if key in both else other[key] for key in other if key not in same},
    )


def _parts(value: object) -> Mapping[object, object] | None:
    """Return the parts of a mapping, or of an answer of the model; `None` for any other value."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, ANSWERS):
        fields = [field.name for field in attrs.fields(type(value)) if field.eq]
        return {name.replace("_", " "): getattr(value, name) for name in fields}
    return None
