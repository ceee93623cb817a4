"""The settings of a deployment, all with defaults, and the rules that a host adds."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

import attrs

from exam_sharing.errors import InvalidArgument
from exam_sharing.grants import FOREVER
from exam_sharing.policy.facts import ShareFacts
from exam_sharing.policy.requests import MAX_WORDING_LENGTH, Reshares, ShareRequest
from exam_sharing.policy.retries import Retries
from exam_sharing.validation import (
    clean_text,
    duration,
    identifier_text,
    instant,
    is_a,
    is_callable,
    is_positive_time,
    is_whole_from,
    tuple_of,
)

LONGEST_WINDOW: Final = timedelta(days=1)
"""The longest `Policy.access_window`."""


class AccessListScope(Enum):
    """How much of an access list people see; the owner always sees all of it."""

    EVERYONE = "EVERYONE"
    OWN_GRANTS = "OWN_GRANTS"


def _code(value: str) -> str:
    return identifier_text("code", value, InvalidArgument)


def _statement(value: str) -> str:
    return clean_text("statement", value, error=InvalidArgument)


def _attestation_wording(value: str) -> str:
    return clean_text(
        "attestation_wording", value, max_length=MAX_WORDING_LENGTH, error=InvalidArgument
    )


def _access_window(value: timedelta) -> timedelta:
    window = duration("access_window", value)
    if not timedelta(0) < window <= LONGEST_WINDOW:
        raise InvalidArgument("access_window", "must be positive, and at most a day")
    return window


def _max_duration(value: timedelta | None) -> timedelta | None:
    return None if value is None else duration("max_duration", value)


@attrs.frozen(kw_only=True)
class HostRule:
    """A rule of the host's own: it can refuse a share, never allow one.

    Attributes:
        code: comes back in `Reason.host_code`.
        statement: when a share is refused, in one sentence.
        refuses: called with the request, the facts, and the host's own facts; it must depend on
            nothing else. Only `False` lets the share pass this rule.
    """

    code: str = attrs.field(converter=_code)
    statement: str = attrs.field(converter=_statement)
    refuses: Callable[[ShareRequest, ShareFacts, object], bool] = attrs.field(validator=is_callable)


def _host_rules(value: Iterable[HostRule]) -> tuple[HostRule, ...]:
    return tuple_of("host_rules", value, HostRule)


@attrs.frozen(kw_only=True)
class Policy:
    """What a deployment allows, beyond the rules that always hold.

    Attributes:
        attestation_wording: the text to confirm; a change makes older confirmations void.
        max_recipients: principals in one share; `None` for no limit.
        max_exams: exams in one share, of those that the actor can see; `None` for no limit.
        max_people: active users reached by one share: all whom the actor may see, and separately
            the unseen members of each recipient group; `None` for no limit.
        max_duration: the longest that a grant may last; `None` for good.
        message_limit: code points in a personal message.
        sends_notices: whether this deployment sends notices of shares at all.
        retries: when a notice that could not be sent is tried again, and when it is given up.
        reshares: what happens to re-shares where a request leaves it open.
        only_owner_readmits: only the owner may share again with a principal whom the owner removed.
        batches_across_subjects: one share may cover exams of several subjects.
        access_list: how much of an access list people other than the owner see.
        suggestion_min_length: code points to type; shorter texts match whole names and addresses
            only. Each Han, kana or Hangul character counts as two.
        suggestion_limit: choices in one answer, at most.
        access_window: how long repeated accesses count for one row; see `Sharing.record_access`.
        whole_names_only: only whole names and addresses find recipients, and there is no list of
            them, so that nobody is found by guessing.
        host_rules: rules of the host's own.
    """

    attestation_wording: str = attrs.field(
        default="I confirm that HIPAA permits this sharing.", converter=_attestation_wording
    )
    max_recipients: int | None = attrs.field(default=100, validator=is_whole_from(1, optional=True))
    max_exams: int | None = attrs.field(default=1_000, validator=is_whole_from(1, optional=True))
    max_people: int | None = attrs.field(default=10_000, validator=is_whole_from(1, optional=True))
    max_duration: timedelta | None = attrs.field(
        default=None, converter=_max_duration, validator=is_positive_time
    )
    message_limit: int = attrs.field(default=2_000, validator=is_whole_from(1))
    sends_notices: bool = attrs.field(default=True, validator=is_a(bool))
    retries: Retries = attrs.field(factory=Retries, validator=is_a(Retries))
    reshares: Reshares = attrs.field(default=Reshares.KEEP, validator=is_a(Reshares))
    only_owner_readmits: bool = attrs.field(default=False, validator=is_a(bool))
    batches_across_subjects: bool = attrs.field(default=True, validator=is_a(bool))
    access_list: AccessListScope = attrs.field(
        default=AccessListScope.EVERYONE, validator=is_a(AccessListScope)
    )
    suggestion_min_length: int = attrs.field(default=2, validator=is_whole_from(1))
    suggestion_limit: int = attrs.field(default=50, validator=is_whole_from(1))
    whole_names_only: bool = attrs.field(default=False, validator=is_a(bool))
    access_window: timedelta = attrs.field(default=timedelta(minutes=15), converter=_access_window)
    host_rules: tuple[HostRule, ...] = attrs.field(default=(), converter=_host_rules)

    def latest(self, now: datetime) -> datetime:
        """Return the latest time until which a grant made now, an aware time, may last."""
        now = instant("now", now)
        if self.max_duration is None or self.max_duration >= FOREVER - now:
            return FOREVER
        return now + self.max_duration
