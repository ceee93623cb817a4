"""Why a notice was not sent: a code, and whether trying again can help."""

import enum
from typing import Final, Self

from typing_extensions import override

from exam_sharing.errors import MAYBE_SENT, ExamSharingError, NotifierFailed

__all__ = ["MailProblem", "NoticeNotSent", "refused"]


class MailProblem(enum.StrEnum):
    """What kept a notice from being sent: a code, and a `statement` in words.

    Attributes:
        statement: the problem in words.
        permanent: this notice will never be sent, whatever is repaired, and is given up at once. A
            problem of the settings or of the server is not permanent, since its notices can be sent
            later.
    """

    statement: str
    permanent: bool

    def __new__(cls, code: str, statement: str, permanent: bool) -> Self:  # noqa: FBT001
        """Make a member of a code, a statement and whether trying again is in vain."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.statement = statement
        member.permanent = permanent
        return member

    NO_ADDRESS = "NO_ADDRESS", "the notice has no address to be sent to", True
    MALFORMED_ADDRESS = (
        "MALFORMED_ADDRESS",
        "the address of the notice is not one plain e-mail address",
        True,
    )
    ADDRESS_NOT_TAKEN = (
        "ADDRESS_NOT_TAKEN",
        "the address of the notice cannot be written in ASCII, and the mail server takes no other",
        True,
    )
    REFUSED = "REFUSED", "the mail server refused the address or the mail for good", True
    REFUSED_FOR_NOW = (
        "REFUSED_FOR_NOW",
        "the mail server refused the address or the mail for now",
        False,
    )
    SENDER_REFUSED = "SENDER_REFUSED", "the mail server refused the sender of the settings", False
    LOGIN_REFUSED = "LOGIN_REFUSED", "the mail server refused the login, or asks for one", False
    NOT_ENCRYPTED = (
        "NOT_ENCRYPTED",
        "no encrypted line to the mail server that its certificate vouches for; nothing was told",
        False,
    )
    UNREACHABLE = "UNREACHABLE", "the mail server cannot be reached", False
    TIMED_OUT = "TIMED_OUT", "the mail server did not answer in time", False
    LINE_LOST = "LINE_LOST", "the line to the mail server was lost", False
    MAYBE_SENT = (
        MAYBE_SENT,
        "the mail server was given the whole mail, and did not answer for it",
        False,
    )
    NOT_SERVED = "NOT_SERVED", "the mail server does not serve us, or not as SMTP says", False
    NO_LETTER = "NO_LETTER", "the template made no letter of the notice", False


class NoticeNotSent(NotifierFailed):
    """A notice was not sent; it waits and is tried again, or is given up if that is in vain.

    It tells no address, name or message, and not what the server said, which may quote them. Nor
    does it have a cause or a context that would.

    Args:
        problem: what is wrong.
        code: the reply code of the server, if that was it.
        cause: the name of the type of what was raised, if that was it.
    """

    problem: MailProblem

    def __init__(
        self, problem: MailProblem, code: int | None = None, cause: str | None = None
    ) -> None:
        """Keep the problem and what is known of it."""
        super().__init__(problem, problem.permanent)
        # The base keeps the code alone.
        self.problem = problem
        # What an error is copied and pickled by is what its base was given last.
        ExamSharingError.__init__(self, problem, code, cause)
        self.code = code
        self.cause = cause

    @override
    def __str__(self) -> str:
        """Say what is wrong, with the reply code or the type of what was raised."""
        known = self.cause if self.code is None else self.code
        return self.problem.statement + ("" if known is None else f" ({known})")


LOGIN_NEEDED: Final = 530
FOR_NOW: Final = range(400, 500)
FOR_GOOD: Final = range(500, 600)


def refused(code: int, *, for_good: MailProblem = MailProblem.REFUSED) -> NoticeNotSent:
    """Return what a reply that is no consent means.

    Args:
        code: of the reply; what is no code of SMTP is a fault of the server.
        for_good: what a refusal for good means.
    """
    if code == LOGIN_NEEDED:
        return NoticeNotSent(MailProblem.LOGIN_REFUSED, code)
    if code in FOR_GOOD:
        return NoticeNotSent(for_good, code)
    if code in FOR_NOW:
        return NoticeNotSent(MailProblem.REFUSED_FOR_NOW, code)
    return NoticeNotSent(MailProblem.NOT_SERVED, code if code > 0 else None)
