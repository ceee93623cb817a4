"""Every error of this package, in families that say who must act.

* `InputError`: the person or the program that sent the input must send something else.
* `CallerError`: the calling code must change; the same call fails again.
* `Refused` (in `exam_sharing.policy.decisions`): the acting person must request something else.
* `Conflict`: nobody must change anything; the same call may be made again.
* `StoreFailed`: the operator of the store must act.

Errors carry facts as attributes and make their sentence in `__str__`. They name fields, types and
identifiers, never a raw value, since a raw value may be patient data. All of them pickle.
"""

from typing import Final, TypeVar, dataclass_transform

import attrs

__all__ = [
    "MAYBE_SENT",
    "AlreadyExists",
    "BatchSealed",
    "CallerError",
    "Conflict",
    "ExamSharingError",
    "InputError",
    "InvalidArgument",
    "InvalidInput",
    "InvalidValue",
    "MembershipCycle",
    "NotifierFailed",
    "RequestIdReused",
    "StoreBusy",
    "StoreFailed",
    "WrongBatch",
    "WrongKind",
]

MAX_CODE_LENGTH: Final = 64

MAYBE_SENT: Final = "MAYBE_SENT"
"""The problem of a notice that was handed over, without an answer. It is sent once more at most."""


ErrorT = TypeVar("ErrorT", bound=Exception)


@dataclass_transform(field_specifiers=(attrs.field,))
def _error(cls: type[ErrorT]) -> type[ErrorT]:
    """Make the annotations of an error its arguments, kept in `args` and as attributes."""
    return attrs.define(cls, slots=False, repr=False, on_setattr=attrs.setters.NO_OP)


class ExamSharingError(Exception):
    """The base of every error of this package."""


class InputError(ExamSharingError):
    """The input cannot be used; its sender must send something else."""


class CallerError(ExamSharingError):
    """The calling code made a mistake and must change."""


@_error
class InvalidValue(ExamSharingError, ValueError):
    """A value of the right type cannot be used: an `InvalidInput` or an `InvalidArgument`.

    Attributes:
        field: the name of the value, as `"UserId"` or `"until"`.
        problem: what is wrong with the value, without quoting it.
    """

    field: str
    problem: str

    def __str__(self) -> str:
        return f"{self.field} {self.problem}"


class InvalidInput(InputError, InvalidValue):
    """A text, a number or a list that people send cannot be used.

    Raised for identifiers, request ids, names, addresses, wordings, messages, cursors, limits of
    pages, and times outside the calendar.
    """


class InvalidArgument(CallerError, InvalidValue):
    """A value that only the calling code can choose cannot be used.

    Raised for settings, clocks, engines, times without a zone, and missing bounds.
    """


@_error
class WrongKind(CallerError, TypeError):
    """A value has another type than the one that is needed."""

    field: str
    needed: str
    given: str

    def __str__(self) -> str:
        return f"{self.field} must be {self.needed}, not {self.given}"


@_error
class AlreadyExists(CallerError):
    """Something was added under an identifier that is or was in use.

    Specification: `#ids`.
    """

    kind: str
    identifier: str

    def __str__(self) -> str:
        return f"the id {self.identifier!r} is taken; give each {self.kind} an id never used before"


@_error
class BatchSealed(CallerError):
    """An exam was added to a sealed upload batch."""

    batch: str

    def __str__(self) -> str:
        return f"upload batch {self.batch!r} is sealed; add later exams to a new batch"


@_error
class WrongBatch(CallerError):
    """An exam was added to a batch other than its own, or a batch was added with other details."""

    batch: str
    problem: str

    def __str__(self) -> str:
        return f"upload batch {self.batch!r}: {self.problem}"


@_error
class MembershipCycle(CallerError):
    """A group would contain itself, directly or through other groups."""

    group: str

    def __str__(self) -> str:
        return f"group {self.group!r} would contain itself through its members"


@_error
class RequestIdReused(InputError):
    """A request id was sent again with another request."""

    request_id: str

    def __str__(self) -> str:
        return f"request id {self.request_id!r} was used for another request; use a new one"


@_error
class Conflict(ExamSharingError):
    """Other acts kept changing or locking the same exams; nothing was done, try again."""

    attempts: int

    def __str__(self) -> str:
        attempts = f"attempts: {self.attempts}"
        return f"other acts kept the same exams busy ({attempts}); nothing was done, try again"


@_error
class StoreFailed(ExamSharingError):
    """A store, a directory or another port did not answer according to its contract."""

    problem: str

    def __str__(self) -> str:
        return self.problem


class StoreBusy(StoreFailed):
    """Another process kept the store locked longer than a call may wait; nothing was done.

    The same call may be made again. If it fails again, the operator of the store must find the
    process that holds the lock.
    """


def _code(problem: str) -> str:
    # Checked here, since `validation` is on a floor above.
    if not issubclass(type(problem), str):
        raise WrongKind("problem", "str", type(problem).__name__)
    code = str.__str__(problem)
    if not (code.isascii() and code.isidentifier() and len(code) <= MAX_CODE_LENGTH):
        raise InvalidArgument("problem", "must be a code of ASCII letters, digits and underscores")
    return code


@_error
class NotifierFailed(StoreFailed):
    """A notifier could not send a notice.

    The problem is stored with the notice and shown to operators, so it must be a code: a sentence
    could quote an address or a message.

    Attributes:
        problem: a code of the notifier, as `"NO_ADDRESS"`: ASCII letters, digits and underscores,
            at most 64. `MAYBE_SENT` if the notifier cannot know whether it sent the notice.
        permanent: whether this notice can never be sent.

    Raises:
        InvalidValue: the problem is no such code.
    """

    problem: str = attrs.field(converter=_code)
    permanent: bool = False

    def __str__(self) -> str:
        return f"the notice {'can never be' if self.permanent else 'was not'} sent: {self.problem}"
