"""Every error of this package, in families that say who must act.

* `InputError`: the person or the program that sent the input must send something else.
* `CallerError`: the calling code must change; the same call fails again.
* `Refused` (in `exam_sharing.policy.decisions`): the acting person must request something else.
* `Conflict`: nobody must change anything; the same call may be made again.
* `StoreFailed`: the operator of the store must act.

Errors carry facts as attributes and make their sentence of them. They name fields, types and
identifiers, never a raw value, since a raw value may be patient data. All of them pickle.
"""

from collections.abc import Callable
from typing import ClassVar, Final, TypeVar, dataclass_transform

import attrs

MAYBE_SENT: Final = "MAYBE_SENT"
"""The problem of a notice that was handed over, without an answer. It is sent once more at most."""

_MAX_CODE_LENGTH: Final = 64

ErrorT = TypeVar("ErrorT", bound="ExamSharingError")


@dataclass_transform(field_specifiers=(attrs.field,))
def _error(sentence: str) -> Callable[[type[ErrorT]], type[ErrorT]]:
    """Make the annotations of an error its arguments, kept in `args` and as attributes."""

    def made(cls: type[ErrorT]) -> type[ErrorT]:
        cls._sentence = sentence
        return attrs.define(cls, slots=False, repr=False, on_setattr=attrs.setters.NO_OP)

    return made


class ExamSharingError(Exception):
    """The base of every error of this package."""

    _sentence: ClassVar[str] = ""

    def __str__(self) -> str:
        return self._sentence.format(**vars(self)) or super().__str__()


class InputError(ExamSharingError):
    """The input cannot be used; its sender must send something else."""


class CallerError(ExamSharingError):
    """The calling code made a mistake and must change."""


@_error("{field} {problem}")
class InvalidValue(ExamSharingError, ValueError):
    """A value of the right type cannot be used: an `InvalidInput` or an `InvalidArgument`.

    `field` names the value, as `"UserId"` or `"until"`; `problem` does not quote it.
    """

    field: str
    problem: str


class InvalidInput(InputError, InvalidValue):
    """A value that people send cannot be used: an id, a text, a list, a cursor, a limit, a time."""


class InvalidArgument(CallerError, InvalidValue):
    """A value that only the calling code can choose cannot be used, as a setting or a clock."""


@_error("{field} must be {needed}, not {given}")
class WrongKind(CallerError, TypeError):
    """A value has another type than the one that is needed."""

    field: str
    needed: str
    given: str


@_error("the id {identifier!r} is taken; give each {kind} an id never used before")
class AlreadyExists(CallerError):
    """Something was added under an identifier that is or was in use. Specification: `#ids`."""

    kind: str
    identifier: str


@_error("upload batch {batch!r} is sealed; add later exams to a new batch")
class BatchSealed(CallerError):
    """An exam was added to a sealed upload batch."""

    batch: str


@_error("upload batch {batch!r}: {problem}")
class WrongBatch(CallerError):
    """An exam was added to a batch other than its own, or a batch was added with other details."""

    batch: str
    problem: str


@_error("group {group!r} would contain itself through its members")
class MembershipCycle(CallerError):
    """A group would contain itself, directly or through other groups."""

    group: str


@_error("request id {request_id!r} was used for another request; use a new one")
class RequestIdReused(InputError):
    """A request id was sent again with another request."""

    request_id: str


@_error("other acts kept the same exams busy (attempts: {attempts}); nothing was done, try again")
class Conflict(ExamSharingError):
    """Other acts kept changing or locking the same exams; nothing was done, try again."""

    attempts: int


@_error("{problem}")
class StoreFailed(ExamSharingError):
    """A store, a directory or another port did not answer according to its contract."""

    problem: str


class StoreBusy(StoreFailed):
    """Another process kept the store locked longer than a call may wait; nothing was done.

    The same call may be made again. If it fails again, find the process that holds the lock.
    """


class Unconfirmed(StoreFailed):
    """The change is done, but no standby has confirmed it in time.

    The primary keeps it. Where a standby takes over before it has received the change, the change
    is lost. Do not repeat it; bring the standbys back.
    """


def _code(problem: str) -> str:
    # Checked here, since `validation` is on a floor above.
    if not issubclass(type(problem), str):
        raise WrongKind("problem", "str", type(problem).__name__)
    code = str.__str__(problem)
    if not (code.isascii() and code.isidentifier() and len(code) <= _MAX_CODE_LENGTH):
        raise InvalidArgument("problem", "must be a code of ASCII letters, digits and underscores")
    return code


@_error("{problem}")
class NotifierFailed(StoreFailed):
    """A notifier could not send a notice; it never can where `permanent`.

    The problem is stored and shown to operators. A sentence could quote an address or a message, so
    it must be a code, as `"NO_ADDRESS"`: at most 64 ASCII letters, digits and underscores. It is
    `MAYBE_SENT` if the notifier cannot know whether it sent the notice.

    Raises:
        InvalidValue: the problem is no such code.
    """

    problem: str = attrs.field(converter=_code)
    permanent: bool = False

    def __str__(self) -> str:
        return f"the notice {'can never be' if self.permanent else 'was not'} sent: {self.problem}"
