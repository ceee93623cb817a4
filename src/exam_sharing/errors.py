"""Every error of this package, in families that say who must act.

* `InputError`: the person who typed, or whatever sent it, must send something else.
* `CallerError`: the calling code must change; the same call fails again.
* `Refused` (in `exam_sharing.policy.decisions`): the person who acts must ask for something else.
* `Conflict`: nobody must change anything; the same call may be made again.
* `StoreFailed`: whoever runs the store must look after it.

Errors carry facts as attributes and make their sentence in `__str__`. They name fields, kinds and
identifiers, never a raw value, since a raw value may be patient data. All of them pickle.

`InvalidValue` is raised as one of its two kinds, `InvalidInput` and `InvalidArgument`, each of
which is in one family. Which of them a field raises depends on where its values come from.
"""

from typing import Final

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
"""The problem of a notice that was handed over and never answered for.

It may have been sent, so it is tried once more and no more.
"""


class ExamSharingError(Exception):
    """The base of every error of this package."""


class InputError(ExamSharingError):
    """Somebody's input cannot be used; whoever sent it must send something else."""


class CallerError(ExamSharingError):
    """The calling code made a mistake and must change."""


class InvalidValue(ExamSharingError, ValueError):
    """A value of the right kind cannot be used: an `InvalidInput` or an `InvalidArgument`.

    Args:
        field: what was being given, as `"UserId"` or `"until"`.
        problem: what is wrong with it, without the value.
    """

    def __init__(self, field: str, problem: str) -> None:
        """Keep the field and the problem."""
        super().__init__(field, problem)
        self.field = field
        self.problem = problem

    def __str__(self) -> str:
        """Say what is wrong with which field."""
        return f"{self.field} {self.problem}"


class InvalidInput(InputError, InvalidValue):
    """A text, a number or a list that people send cannot be used.

    Raised for identifiers, request ids, names, addresses, wordings, messages, cursors, limits of
    pages, and times outside the calendar.
    """


class InvalidArgument(CallerError, InvalidValue):
    """A value that only the calling code can have chosen cannot be used.

    Raised for settings, clocks, engines, times without a zone, and bounds that were left out.
    """


class WrongKind(CallerError, TypeError):
    """A value of another type was given than the one that is needed.

    Args:
        field: what was being given.
        needed: the names of the types that would do.
        given: the name of the type that came.
    """

    def __init__(self, field: str, needed: str, given: str) -> None:
        """Keep the field and the names of both types."""
        super().__init__(field, needed, given)
        self.field = field
        self.needed = needed
        self.given = given

    def __str__(self) -> str:
        """Say what is needed and what came."""
        return f"{self.field} must be {self.needed}, not {self.given}"


class AlreadyExists(CallerError):
    """Something was added under an identifier that is taken, or was: SPEC section 1.

    Args:
        kind: what was being added, as `"exam"`.
        identifier: the identifier that is taken.
    """

    def __init__(self, kind: str, identifier: str) -> None:
        """Keep the kind and the identifier."""
        super().__init__(kind, identifier)
        self.kind = kind
        self.identifier = identifier

    def __str__(self) -> str:
        """Say which identifier is taken."""
        return (
            f"the id {self.identifier!r} is taken, and never used again; "
            f"give each {self.kind} its own"
        )


class BatchSealed(CallerError):
    """An exam was added to an upload batch that is sealed.

    Args:
        batch: the identifier of the batch.
    """

    def __init__(self, batch: str) -> None:
        """Keep the batch."""
        super().__init__(batch)
        self.batch = batch

    def __str__(self) -> str:
        """Say which batch is sealed and what to do."""
        return f"upload batch {self.batch!r} is sealed; later exams need a batch of their own"


class WrongBatch(CallerError):
    """An exam was added to a batch other than its own, or a batch came again as another one.

    Args:
        batch: the identifier of the batch.
        problem: what does not fit.
    """

    def __init__(self, batch: str, problem: str) -> None:
        """Keep the batch and the problem."""
        super().__init__(batch, problem)
        self.batch = batch
        self.problem = problem

    def __str__(self) -> str:
        """Say what does not fit the batch."""
        return f"upload batch {self.batch!r}: {self.problem}"


class MembershipCycle(CallerError):
    """A group would come to hold itself, directly or through other groups.

    Args:
        group: the identifier of the group that was being added.
    """

    def __init__(self, group: str) -> None:
        """Keep the group."""
        super().__init__(group)
        self.group = group

    def __str__(self) -> str:
        """Say which group would hold itself."""
        return f"group {self.group!r} would hold itself through its members"


class RequestIdReused(InputError):
    """A request id came again with another request.

    Args:
        request_id: the id that is taken.
    """

    def __init__(self, request_id: str) -> None:
        """Keep the request id."""
        super().__init__(request_id)
        self.request_id = request_id

    def __str__(self) -> str:
        """Say which request id was used for another request."""
        return f"request id {self.request_id!r} was used for another request; make a new one"


class Conflict(ExamSharingError):
    """Other acts kept changing the same exams, or kept them locked; nothing was done, try again.

    Args:
        attempts: how many times the act was decided before giving up.
    """

    def __init__(self, attempts: int) -> None:
        """Keep the number of attempts."""
        super().__init__(attempts)
        self.attempts = attempts

    def __str__(self) -> str:
        """Say that nothing happened and that trying again is right."""
        return f"others were in the way of {self.attempts} attempts; nothing was done, try again"


class StoreFailed(ExamSharingError):
    """A store, a directory or another port did not answer as its contract says.

    Args:
        problem: what happened, in words that hold no data.
    """

    def __init__(self, problem: str) -> None:
        """Keep the problem."""
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        """Say what happened."""
        return self.problem


class StoreBusy(StoreFailed):
    """Another process kept the store locked for as long as a call may wait; nothing was done.

    The same call may be made again. If it fails again, whoever runs the store must find the process
    that holds the lock.
    """


class NotifierFailed(StoreFailed):
    """A notifier could not send a notice.

    The problem is kept with the notice and shown to operators, so it is a code and no sentence: a
    sentence could quote an address or a message.

    Args:
        problem: a code of the notifier's, as `"NO_ADDRESS"`: ASCII letters, digits and underscores,
            at most 64. `MAYBE_SENT` where it cannot know whether it sent the notice.
        permanent: whether trying this notice again is in vain.

    Raises:
        InvalidValue: the problem is no such code.
    """

    def __init__(self, problem: str, permanent: bool = False) -> None:  # noqa: FBT001, FBT002  pickles by position
        """Keep the code and whether it is for good."""
        # By hand, since `validation` is on a floor above.
        if not issubclass(type(problem), str):
            raise WrongKind("problem", "str", type(problem).__name__)
        problem = str.__str__(problem)
        if not (problem.isascii() and problem.isidentifier() and len(problem) <= MAX_CODE_LENGTH):
            raise InvalidArgument(
                "problem", "must be a code of ASCII letters, digits and underscores"
            )
        super().__init__(problem)
        ExamSharingError.__init__(self, problem, permanent)
        self.permanent = permanent

    def __str__(self) -> str:
        """Say what failed and whether it is for good."""
        until = "and never can be" if self.permanent else "for now"
        return f"the notice was not sent, {until}: {self.problem}"
