"""Requests: a share, an unshare, a narrowing, the end of one grant, and those of the host.

A request is a value. Building a malformed request raises an error, since the calling code is wrong.
A rule may refuse a well-formed one. Fields that several requests have:

* `reshares`: what happens to re-shares; `None` for the policy's default;
* `performed_by`: who did it on the actor's behalf; recorded, but gives no right;
* `request_id`: the same id again returns the first receipt and does nothing;
* `why`: the host's words, one line; they may hold anything, so no `repr` shows them.
"""

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime
from enum import Enum
from typing import Final, TypeAlias, TypeVar

import attrs

from exam_sharing.errors import InvalidArgument, InvalidInput
from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, GrantId, GroupId, PrincipalId, UserId
from exam_sharing.validation import (
    PrivateText,
    clean_text,
    exact_text,
    identifier_text,
    instant,
    is_a,
    of_kind,
    optional_instant,
    plain_text,
    require_kind,
    set_of,
    tuple_of,
)

MAX_RECIPIENTS: Final = 10_000
MAX_EXPECTED: Final = 10_000
MAX_WORDING_LENGTH: Final = 10_000
MAX_MESSAGE_LENGTH: Final = 1_000_000
MAX_WHY_LENGTH: Final = 2_000
"""Limits that no hospital reaches: a request beyond them cannot be built.

Lengths are in code points. A policy sets far lower limits, and refuses more.
"""


class Scope(Enum):
    """Which exams a share covers."""

    EXAM = "EXAM"
    BATCH = "BATCH"


class Reshares(Enum):
    """What happens to re-shares when their source grants end."""

    KEEP = "KEEP"
    CASCADE = "CASCADE"
    RESTRICT = "RESTRICT"


def _recipients(value: Iterable[PrincipalId]) -> tuple[PrincipalId, ...]:
    named = tuple_of("recipients", value, UserId, GroupId, at_most=MAX_RECIPIENTS)
    return tuple(dict.fromkeys(named))


def _until(value: datetime | None) -> datetime | None:
    return optional_instant("until", value)


def _expect(value: Iterable[ExamId] | None) -> frozenset[ExamId] | None:
    return None if value is None else set_of("expect", value, ExamId, at_most=MAX_EXPECTED)


def _wording(value: str | None) -> str | None:
    return None if value is None else clean_text("wording", value, max_length=MAX_WORDING_LENGTH)


def _message(value: str | None) -> PrivateText | None:
    """Normalise line ends; an empty message becomes `None`.

    Forbidden content raises no error here: a rule refuses them, so that the author gets a reason.
    """
    text = "" if value is None else exact_text("message", value)
    if not text:
        return None
    if len(text) > MAX_MESSAGE_LENGTH:
        raise InvalidInput("message", f"must not be longer than {MAX_MESSAGE_LENGTH} code points")
    return PrivateText(text.replace("\r\n", "\n").replace("\r", "\n"))


def _performer(value: UserId | str | None) -> UserId | None:
    named = UserId(value) if isinstance(value, str) else value
    require_kind("performed_by", named, UserId, type(None))
    return named


def operator(value: UserId | str) -> UserId:
    """Return who acts for the host; a text is an id."""
    return UserId(value) if isinstance(value, str) else of_kind("performed_by", value, UserId)


def _request_id(value: str | None) -> str | None:
    return None if value is None else identifier_text("request_id", value)


_actor = is_a(UserId)
_exam = is_a(ExamId)
_principal = is_a(UserId, GroupId)
_optional_reshares = is_a(Reshares, type(None))


@attrs.frozen(kw_only=True)
class ShareRequest:
    """A request to share. Specification: `#sharing`.

    Attributes:
        recipients: users and groups; duplicates are dropped.
        scope: the named exam, or every exam of its batch that the actor has access to.
        until: aware, kept in UTC; `None` for as long as allowed.
        attested: whether the actor confirmed that HIPAA permits the sharing.
        wording: the wording that was confirmed; `None` for the current one.
        message: plain text for the notices; may hold patient data, so no `repr` shows it.
        expect: the exams that the actor was shown. A share of a batch is refused if it would cover
            other exams. A share of one exam ignores this field.
    """

    actor: UserId = attrs.field(validator=_actor)
    exam: ExamId = attrs.field(validator=_exam)
    recipients: tuple[PrincipalId, ...] = attrs.field(converter=_recipients)
    permission: Permission = attrs.field(default=Permission.VIEW, validator=is_a(Permission))
    scope: Scope = attrs.field(default=Scope.EXAM, validator=is_a(Scope))
    until: datetime | None = attrs.field(default=None, converter=_until)
    attested: bool = attrs.field(default=False, validator=is_a(bool))
    wording: str | None = attrs.field(default=None, converter=_wording)
    message: PrivateText | None = attrs.field(default=None, converter=_message)
    expect: frozenset[ExamId] | None = attrs.field(default=None, converter=_expect)
    performed_by: UserId | None = attrs.field(default=None, converter=_performer)
    request_id: str | None = attrs.field(default=None, converter=_request_id)


@attrs.frozen(kw_only=True)
class UnshareRequest:
    """A request to end the grants to one principal on one exam. Specification: `#unsharing`."""

    actor: UserId = attrs.field(validator=_actor)
    exam: ExamId = attrs.field(validator=_exam)
    recipient: PrincipalId = attrs.field(validator=_principal)
    reshares: Reshares | None = attrs.field(default=None, validator=_optional_reshares)
    performed_by: UserId | None = attrs.field(default=None, converter=_performer)
    request_id: str | None = attrs.field(default=None, converter=_request_id)


@attrs.frozen(kw_only=True)
class NarrowRequest:
    """A request to cut the grants to one principal on one exam. Specification: `#narrowing`.

    Attributes:
        permission: at most this permission; `None` leaves permissions alone.
        until: at most until then, aware, kept in UTC; `None` leaves times alone.

    Raises:
        InvalidValue: neither a permission nor a time was given.
    """

    actor: UserId = attrs.field(validator=_actor)
    exam: ExamId = attrs.field(validator=_exam)
    recipient: PrincipalId = attrs.field(validator=_principal)
    permission: Permission | None = attrs.field(
        default=None, validator=is_a(Permission, type(None))
    )
    until: datetime | None = attrs.field(default=None, converter=_until)
    reshares: Reshares | None = attrs.field(default=None, validator=_optional_reshares)
    performed_by: UserId | None = attrs.field(default=None, converter=_performer)
    request_id: str | None = attrs.field(default=None, converter=_request_id)

    def __attrs_post_init__(self) -> None:
        """Require a bound."""
        if self.permission is None and self.until is None:
            raise InvalidArgument("bound", "must be given: a permission, a time, or both")


@attrs.frozen(kw_only=True)
class RevokeRequest:
    """A request to end one grant. Specification: `#one-grant-by-its-id`."""

    actor: UserId = attrs.field(validator=_actor)
    grant: GrantId = attrs.field(validator=is_a(GrantId))
    reshares: Reshares | None = attrs.field(default=None, validator=_optional_reshares)
    performed_by: UserId | None = attrs.field(default=None, converter=_performer)
    request_id: str | None = attrs.field(default=None, converter=_request_id)


EndingRequest: TypeAlias = UnshareRequest | NarrowRequest | RevokeRequest
"""The three ways in which a person ends grants."""

Request: TypeAlias = ShareRequest | EndingRequest
"""The requests of people; each has a preview."""


def why_text(value: str) -> PrivateText:
    """Return the host's reason for an act, which must be one line."""
    return PrivateText(plain_text("why", value, max_length=MAX_WHY_LENGTH))


def _before(value: datetime) -> datetime:
    return instant("before", value)


@attrs.frozen(kw_only=True)
class HostEnding:
    """The host ends a principal's grants. Specification: `#by-the-host`.

    Attributes:
        exam: `None` for everywhere.
    """

    recipient: PrincipalId = attrs.field(validator=_principal)
    exam: ExamId | None = attrs.field(default=None, validator=is_a(ExamId, type(None)))
    reshares: Reshares | None = attrs.field(default=None, validator=_optional_reshares)
    performed_by: UserId = attrs.field(converter=operator)
    why: PrivateText = attrs.field(converter=why_text)


@attrs.frozen(kw_only=True)
class Withdrawal:
    """The host withdraws an exam: all its grants end, and it is no longer found."""

    exam: ExamId = attrs.field(validator=_exam)
    performed_by: UserId = attrs.field(converter=operator)
    why: PrivateText = attrs.field(converter=why_text)


@attrs.frozen(kw_only=True)
class AccessPurge:
    """The host deletes all accesses that were over before a time, aware, in UTC."""

    before: datetime = attrs.field(converter=_before)
    performed_by: UserId = attrs.field(converter=operator)
    why: PrivateText = attrs.field(converter=why_text)


Asked: TypeAlias = Request | HostEnding | Withdrawal
"""The requests of people and of the host."""

AskedT = TypeVar("AskedT", bound=Asked)


def without_message(request: AskedT) -> AskedT:
    """Return the request without its message, which only notices may keep."""
    return attrs.evolve(request, message=None) if isinstance(request, ShareRequest) else request


FINGERPRINT_FORM: Final = 1
"""The version of the canonical form from which `fingerprint` makes its digests."""


def fingerprint(request: Request) -> str:
    """Return a text that stands for the request without its message.

    Two requests have the same text if and only if all other fields are equal. The text is kept for
    good, so later versions of the package must make the same text. It is the digest of a canonical
    form: JSON of the request's kind and of those fields that differ from their defaults. A new
    field with a default leaves every earlier text as it is. A digest of the message would let
    anybody check guesses of the message.
    """
    asked = {
        field.name: _plain(value)
        for field in attrs.fields(type(request))
        if field.name != "message" and (value := getattr(request, field.name)) != field.default
    }
    form = json.dumps([type(request).__name__, asked], default=_plain, sort_keys=True)
    return f"{FINGERPRINT_FORM}:{hashlib.sha256(form.encode()).hexdigest()}"


def _plain(value: object) -> object:
    match value:
        case UserId() | GroupId():
            return value.key
        case ExamId() | GrantId():
            return value.value
        case Enum():
            return value.name
        case datetime():
            return value.isoformat()
        case frozenset():
            return sorted(each.value for each in value)
        case _:
            return value
