"""Fields of a form to a request, with each error at its field.

The fields have the names of the request's attributes:

* `recipients`, or `recipient`: keys of principals, as `"u:ben"` and `"g:ward"`; see `principal_of`;
* `permission`, `scope`, `reshares`: the name of a member, or nothing for the default;
* `until`: a date, through whose end it lasts, or a time in ISO 8601, or nothing;
* `attested`: a checkbox: `on`, `true` or `1`, or not sent at all;
* `message`: plain text, or nothing;
* `wording`, `expect`, `request_id`: what the page showed, as `hidden_fields` returned it.

Other fields, such as a token against forged requests, are ignored. Browsers send anything: whatever
cannot be used is an `InvalidForm`, and no error quotes what was sent.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta, tzinfo
from enum import Enum
from functools import partial
from itertools import islice
from typing import Any, Final, TypeAlias

import attrs

from exam_sharing.errors import InputError, InvalidInput
from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, GrantId, PrincipalId, UserId, principal_of
from exam_sharing.policy.requests import (
    MAX_EXPECTED,
    MAX_RECIPIENTS,
    NarrowRequest,
    Reshares,
    RevokeRequest,
    Scope,
    ShareRequest,
    UnshareRequest,
)
from exam_sharing.policy.settings import Policy
from exam_sharing.policy.views import ShareForm

Fields: TypeAlias = Mapping[str, Any]
"""What a form sent: one value or a list of values for each field.

The forms of Django, Starlette and Werkzeug return a list by their method `getlist`, which is used.
A value is a text. JSON may also hold `true`, `false` and `null`.
"""

_CHECKED: Final = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}
_LONGEST_TIME: Final = 64
_DATE_LENGTH: Final = len("2030-01-31")


class InvalidForm(InputError):
    """Some fields of a form cannot be used; their sender must send something else.

    Attributes:
        errors: one for each such field, never empty; `InvalidInput.field` is the name of the field.
    """

    def __init__(self, errors: tuple[InvalidInput, ...]) -> None:
        super().__init__(errors)
        self.errors = errors

    def __str__(self) -> str:
        return "; ".join(map(str, self.errors))


def hidden_fields(form: ShareForm, request_id: str) -> dict[str, str]:
    """Return the hidden fields of a share form: what it shows, and a request id.

    With a request id of its own, a rendered form that is sent twice is one share. `expect` has one
    id on each line.
    """
    return {
        "wording": form.wording,
        "expect": "\n".join(exam.value for exam in form.exams),
        "request_id": request_id,
    }


def share_request(
    fields: Fields,
    *,
    actor: UserId,
    exam: ExamId,
    policy: Policy,
    zone: tzinfo | None = None,
    performed_by: UserId | None = None,
) -> ShareRequest:
    """Return the request of a share form.

    The wording is required where the box is ticked. `expect` is required for a batch, and left out
    for one exam. `zone` is the time zone of dates, and of times without an offset.

    Raises:
        InvalidForm: some fields cannot be used.
    """
    form = _Form(fields)
    form.several("recipients", _principals)
    form.one("permission", partial(_member, Permission))
    form.one("until", partial(_time, zone))
    form.one("message", str)
    form.one("request_id", str)
    attested = form.one("attested", _checkbox)
    form.one("wording", partial(_wording, policy), required=attested is True)
    if form.one("scope", partial(_member, Scope)) is Scope.BATCH:
        form.several("expect", _expected, required=True)
    given = {"recipients": (), **form.usable()}
    return ShareRequest(actor=actor, exam=exam, performed_by=performed_by, **given)


def unshare_request(
    fields: Fields, *, actor: UserId, exam: ExamId, performed_by: UserId | None = None
) -> UnshareRequest:
    """Return the request of a form that unshares an exam from its `recipient`.

    Raises:
        InvalidForm: some fields cannot be used.
    """
    form = _Form(fields)
    form.one("recipient", principal_of, required=True)
    form.ending()
    return UnshareRequest(actor=actor, exam=exam, performed_by=performed_by, **form.usable())


def narrow_request(
    fields: Fields,
    *,
    actor: UserId,
    exam: ExamId,
    zone: tzinfo | None = None,
    performed_by: UserId | None = None,
) -> NarrowRequest:
    """Return the request of a form that narrows what its `recipient` has; see `share_request`.

    Raises:
        InvalidForm: some fields cannot be used, or neither a permission nor a time was sent.
    """
    form = _Form(fields)
    form.one("recipient", principal_of, required=True)
    form.one("until", partial(_time, zone))
    form.one("permission", partial(_member, Permission), required=not form.is_sent("until"))
    form.ending()
    return NarrowRequest(actor=actor, exam=exam, performed_by=performed_by, **form.usable())


def revoke_request(
    fields: Fields, *, actor: UserId, grant: GrantId, performed_by: UserId | None = None
) -> RevokeRequest:
    """Return the request of a form that ends one grant.

    Raises:
        InvalidForm: some fields cannot be used.
    """
    form = _Form(fields)
    form.ending()
    return RevokeRequest(actor=actor, grant=grant, performed_by=performed_by, **form.usable())


class _Form:
    """Reads fields, and collects the arguments of a request and the errors."""

    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self._given: dict[str, Any] = {}
        self._errors: list[InvalidInput] = []

    def usable(self) -> dict[str, Any]:
        """Return the arguments that were sent; raise if a field cannot be used."""
        if self._errors:
            raise InvalidForm(tuple(self._errors))
        return self._given

    def one(self, name: str, read: Callable[[str], object], *, required: bool = False) -> object:
        """Read a field that is sent once at most."""

        def read_one(texts: tuple[str, ...]) -> object:
            if len(texts) > 1:
                raise InvalidInput(name, "must be sent once")
            return read(texts[0])

        return self.several(name, read_one, required=required)

    def several(
        self, name: str, read: Callable[[tuple[str, ...]], object], *, required: bool = False
    ) -> object:
        """Read a field with any number of values; it is as if not sent where all are empty."""
        try:
            texts = self._texts(name)
            if texts or required:
                # The converter of the request checks lengths and characters.
                convert = _CONVERTERS.get(name, _unchanged)
                self._given[name] = convert(read(_at_least_one(texts)))
        except InvalidInput as error:
            self._errors.append(InvalidInput(name, error.problem))
        return self._given.get(name)

    def is_sent(self, name: str) -> bool:
        """Return whether a field is sent, whether or not it can be used."""
        try:
            return bool(self._texts(name))
        except InvalidInput:
            return True

    def ending(self) -> None:
        """Read the fields of every form that ends grants."""
        self.one("reshares", partial(_member, Reshares))
        self.one("request_id", str)

    def _texts(self, name: str) -> tuple[str, ...]:
        """Return the values that are not empty; one too many if there are too many."""
        getlist = getattr(self._fields, "getlist", None)
        sent = self._fields.get(name) if getlist is None else getlist(name)
        values = sent if isinstance(sent, list | tuple) else [sent]
        return tuple(islice(filter(None, map(_text, values)), MAX_RECIPIENTS + 1))


def _at_least_one(texts: tuple[str, ...]) -> tuple[str, ...]:
    if not texts:
        raise InvalidInput("", "must be sent")
    return texts


def _unchanged(value: object) -> object:
    return value


_CONVERTERS: Final[Mapping[str, Any]] = {
    field.name: field.converter for field in attrs.fields(ShareRequest) if field.converter
}


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case str():
            return value
        case _:  # A file that was uploaded, or a part of JSON.
            raise InvalidInput("", "must be text")


def _principals(keys: tuple[str, ...]) -> tuple[PrincipalId, ...]:
    return tuple(map(principal_of, keys))


def _member(kind: type[Enum], name: str) -> Enum:
    if name not in kind.__members__:
        raise InvalidInput("", f"must be one of {', '.join(kind.__members__)}")
    return kind[name]


def _checkbox(text: str) -> bool:
    if text not in _CHECKED:
        raise InvalidInput("", "must be a checkbox: on, or not sent")
    return _CHECKED[text]


def _wording(policy: Policy, text: str) -> str:
    """Return the current wording where the text equals it but for the line ends of browsers."""
    current = policy.attestation_wording
    return current if _lines(text) == _lines(current) else text


def _expected(texts: tuple[str, ...]) -> tuple[ExamId, ...]:
    each = (line for text in texts for line in _lines(text).split("\n"))
    return tuple(map(ExamId, islice(each, MAX_EXPECTED + 1)))


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n")


def _time(zone: tzinfo | None, text: str) -> datetime:
    """Return the end of a date, or a time, in the zone unless the text has an offset."""
    try:
        if len(text) > _LONGEST_TIME:
            raise ValueError  # noqa: TRY301  as for any other text that is no time
        if len(text) == _DATE_LENGTH:
            day = date.fromisoformat(text) + timedelta(days=1)
            found = datetime.combine(day, time())
        else:
            found = datetime.fromisoformat(text)
    except (OverflowError, ValueError):
        raise InvalidInput("", "must be a date or a time in ISO 8601") from None
    if found.tzinfo is None and zone is None:
        raise InvalidInput("", "must have an offset, as +00:00, since no zone is given for dates")
    return found if found.tzinfo else found.replace(tzinfo=zone)
