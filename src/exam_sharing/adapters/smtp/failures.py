"""The reasons why a notice was not sent."""

import enum
from typing import Final, Self

from typing_extensions import override

from exam_sharing.errors import MAYBE_SENT, ExamSharingError, NotifierFailed

__all__ = ["MailProblem", "NoticeNotSent", "refused"]


class MailProblem(enum.StrEnum):
    """Why a notice was not sent: a code with a `statement`.

    Attributes:
        statement: the problem in words.
        permanent: this notice can never be sent, and is given up at once. A problem of the settings
            or of the server is not permanent: the notice can be sent after a repair.
    """

    statement: str
    permanent: bool

    def __new__(cls, code: str, statement: str, permanent: bool) -> Self:  # noqa: FBT001, D102
        member = str.__new__(cls, code)
        member._value_ = code
        member.statement = statement
        member.permanent = permanent
        return member

    NO_ADDRESS = "NO_ADDRESS", "the notice has no address", True
    MALFORMED_ADDRESS = "MALFORMED_ADDRESS", "the address is not one plain e-mail address", True
    ADDRESS_NOT_TAKEN = "ADDRESS_NOT_TAKEN", "the address needs a server with SMTPUTF8", True
    REFUSED = "REFUSED", "the mail server refused the address or the mail permanently", True
    REFUSED_FOR_NOW = "REFUSED_FOR_NOW", "the mail server refused address or mail for now", False
    SENDER_REFUSED = "SENDER_REFUSED", "the mail server refused the address of the sender", False
    LOGIN_REFUSED = "LOGIN_REFUSED", "the mail server refused the login, or requires one", False
    NOT_ENCRYPTED = "NOT_ENCRYPTED", "no trusted encryption was possible; nothing was sent", False
    UNREACHABLE = "UNREACHABLE", "the mail server cannot be reached", False
    TIMED_OUT = "TIMED_OUT", "the mail server did not answer in time", False
    LINE_LOST = "LINE_LOST", "the connection to the mail server was lost", False
    MAYBE_SENT = MAYBE_SENT, "the mail server received the whole mail and did not reply", False
    NOT_SERVED = "NOT_SERVED", "the mail server does not serve us, or violates SMTP", False
    NO_LETTER = "NO_LETTER", "the template failed to make a letter", False


class NoticeNotSent(NotifierFailed):
    """A notice was not sent.

    It contains no address, name or message, and no text of the server, which may quote them. It has
    no cause or context that contains them either.

    Args:
        problem: what is wrong.
        code: the reply code of the server, if there was one.
        cause: the name of the type of the exception, if there was one.
    """

    problem: MailProblem

    def __init__(
        self, problem: MailProblem, code: int | None = None, cause: str | None = None
    ) -> None:
        super().__init__(problem, problem.permanent)
        # The base keeps the code as an exact `str`.
        self.problem = problem
        # Errors are copied and pickled by the arguments that the base got last.
        ExamSharingError.__init__(self, problem, code, cause)
        self.code = code
        self.cause = cause

    @override
    def __str__(self) -> str:
        known = self.cause if self.code is None else self.code
        return self.problem.statement + ("" if known is None else f" ({known})")


LOGIN_NEEDED: Final = 530
TEMPORARY: Final = range(400, 500)
PERMANENT: Final = range(500, 600)


def refused(code: int, *, permanently: MailProblem = MailProblem.REFUSED) -> NoticeNotSent:
    """Return the meaning of a negative reply.

    Args:
        code: the code of the reply; one that SMTP does not know is a fault of the server.
        permanently: the meaning of a permanent refusal.
    """
    if code == LOGIN_NEEDED:
        return NoticeNotSent(MailProblem.LOGIN_REFUSED, code)
    if code in PERMANENT:
        return NoticeNotSent(permanently, code)
    if code in TEMPORARY:
        return NoticeNotSent(MailProblem.REFUSED_FOR_NOW, code)
    return NoticeNotSent(MailProblem.NOT_SERVED, code if code > 0 else None)
