"""The questions that acts ask of the outside, as values.

Each knows the one port that answers it. Being values, questions can be counted and compared: an
exam that is not there and one that may not be seen ask the same.
"""

from collections.abc import Callable, Generator, Mapping
from datetime import datetime
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar

import attrs

from exam_sharing.errors import StoreFailed
from exam_sharing.events import Claim, Event, ShareNotice
from exam_sharing.exams import Exam
from exam_sharing.grants import Grant, Permission
from exam_sharing.identifiers import (
    ExamId,
    GrantId,
    GroupId,
    PrincipalId,
    PrincipalKey,
    ShareId,
    UserId,
)
from exam_sharing.policy.facts import ExamGrants, Involvement, Profile
from exam_sharing.policy.requests import ShareRequest
from exam_sharing.policy.retries import Settlement
from exam_sharing.ports import Changes, Ports, StoredReceipt

__all__ = [
    "NO_PRINCIPALS",
    "AboutShare",
    "Act",
    "BatchOf",
    "ClaimNotices",
    "Commit",
    "ExamsGrantedTo",
    "FindExams",
    "FindGrants",
    "FindReceipt",
    "GrantsOfShare",
    "Holds",
    "InTurn",
    "Involved",
    "Listed",
    "MembersSeenBy",
    "Names",
    "Path",
    "PeopleBehind",
    "PrincipalsOf",
    "Profiles",
    "Question",
    "ReadGrants",
    "Record",
    "Removed",
    "SeenBy",
    "SendNotice",
    "SettleNotice",
    "StepAside",
    "Suggest",
    "ask",
    "drive",
]

NO_PRINCIPALS: Final = "the directory gave no frozenset of the keys of a user's principals"

AnswerT = TypeVar("AnswerT")
AnswerT_co = TypeVar("AnswerT_co", covariant=True)
ResultT = TypeVar("ResultT")


class Question(Protocol[AnswerT_co]):
    """Something that an act must know, or must have done, before it can go on."""

    def put_to(self, ports: Ports) -> AnswerT_co:
        """Return the answer of the port that the question is for.

        Ports that answer with awaitables make this return one.
        """


Act: TypeAlias = Generator[Question[Any], Any, ResultT]
"""An act: yields questions, is sent answers, returns a result."""


def ask(question: Question[AnswerT]) -> Generator[Question[Any], Any, AnswerT]:
    """Yield the question and return its answer, with the answer's type.

    Raises:
        StoreFailed: the answer is not of the type that the contract of the port says.
    """
    answer: AnswerT = yield question
    check = _CHECKS.get(type(question))
    if check is not None:
        check(question, answer)
    return answer


def drive(act: Act[ResultT], ports: Ports) -> ResultT:
    """Carry an act through, each question answered by its port, and return its result.

    An error of a port is raised inside the act, where it asked; an act that has no use for it lets
    it through.
    """
    try:
        question = next(act)
        while True:
            try:
                answer: Any = question.put_to(ports)
            except Exception as error:  # noqa: BLE001  the act says what becomes of it
                question = act.throw(error)
            else:
                question = act.send(answer)
    except StopIteration as finished:
        result: ResultT = finished.value
        return result


@attrs.frozen
class FindExams:
    """Which of these exams are there?"""

    exams: tuple[ExamId, ...]

    def put_to(self, ports: Ports) -> tuple[Exam, ...]:
        """Ask the host's exams."""
        return ports.exams.find(self.exams)


@attrs.frozen
class BatchOf:
    """Which exams were uploaded together with this one?"""

    exam: ExamId

    def put_to(self, ports: Ports) -> tuple[Exam, ...]:
        """Ask the host's exams."""
        return ports.exams.batch_of(self.exam)


@attrs.frozen
class ReadGrants:
    """What are the versions and the grants of these exams, at one moment?"""

    exams: tuple[ExamId, ...]
    ended: bool = False

    def put_to(self, ports: Ports) -> Mapping[ExamId, ExamGrants]:
        """Ask the store."""
        return ports.grants.read(self.exams, ended=self.ended)


@attrs.frozen
class FindGrants:
    """What are these grants, ended or not?"""

    ids: frozenset[GrantId]

    def put_to(self, ports: Ports) -> tuple[Grant, ...]:
        """Ask the store."""
        return ports.grants.find_grants(self.ids)


@attrs.frozen
class GrantsOfShare:
    """Which grants of this share are there on these exams, to these principals?"""

    share: ShareId
    exams: tuple[ExamId, ...]
    recipients: frozenset[PrincipalKey]

    def put_to(self, ports: Ports) -> tuple[Grant, ...]:
        """Ask the store."""
        return ports.grants.grants_of_share(self.share, self.exams, self.recipients)


@attrs.frozen
class Removed:
    """Which of these recipients did the owners of these exams remove?"""

    exams: tuple[ExamId, ...]
    recipients: tuple[PrincipalId, ...]

    def put_to(self, ports: Ports) -> Mapping[ExamId, frozenset[PrincipalId]]:
        """Ask the store."""
        return ports.grants.removed(self.exams, self.recipients)


@attrs.frozen
class Holds:
    """Does this user hold the permission on this exam?"""

    user: UserId
    principals: frozenset[PrincipalKey]
    permission: Permission
    exam: ExamId
    now: datetime

    def put_to(self, ports: Ports) -> bool:
        """Ask the store."""
        asked = self.user, self.principals, self.permission, self.exam, self.now
        return ports.access.holds(*asked)


@attrs.frozen
class Involved:
    """Can this user see the exam, or did they ever make a grant on it?"""

    user: UserId
    principals: frozenset[PrincipalKey]
    named: ExamId | GrantId
    now: datetime

    def put_to(self, ports: Ports) -> Involvement | None:
        """Ask the store."""
        return ports.access.involved(self.user, self.principals, self.named, self.now)


@attrs.frozen
class ExamsGrantedTo:
    """On which exams are there grants to this principal?"""

    recipient: PrincipalId

    def put_to(self, ports: Ports) -> tuple[ExamId, ...]:
        """Ask the store."""
        return ports.grants.exams_granted_to(self.recipient)


@attrs.frozen
class FindReceipt:
    """What was answered to this request id?"""

    actor: UserId
    request_id: str

    def put_to(self, ports: Ports) -> StoredReceipt | None:
        """Ask the store."""
        return ports.grants.receipt(self.actor, self.request_id)


@attrs.frozen
class Commit:
    """Can these changes be written?"""

    changes: Changes

    def put_to(self, ports: Ports) -> bool:
        """Ask the store to write them, as a whole or not at all."""
        return ports.writer.commit(self.changes)


@attrs.frozen
class StepAside:
    """May this act be decided again, now that it has lost so many races?"""

    lost: int

    def put_to(self, ports: Ports) -> None:
        """Let the store hold it back for a moment."""
        return ports.writer.step_aside(self.lost)


@attrs.frozen
class InTurn(Generic[ResultT]):
    """What does this act come to while nobody else changes these exams?"""

    exams: tuple[ExamId, ...]
    act: Callable[[], Act[ResultT]]

    def put_to(self, ports: Ports) -> ResultT | None:
        """Carry the act through inside the lock of the store; `None` where it has no such lock."""
        with ports.writer.locked(self.exams) as writer:
            if writer is None:
                return None
            return drive(self.act(), attrs.evolve(ports, writer=writer))


@attrs.frozen
class Record:
    """Keep this refusal."""

    event: Event

    def put_to(self, ports: Ports) -> None:
        """Ask the audit trail."""
        return ports.audit.record(self.event)


@attrs.frozen
class Profiles:
    """What does the directory say of these users?"""

    users: tuple[UserId, ...]

    def put_to(self, ports: Ports) -> Mapping[UserId, Profile]:
        """Ask the directory."""
        return ports.directory.profiles(self.users)


@attrs.frozen
class PrincipalsOf:
    """Who is this user, with all their groups, if they are active?"""

    user: UserId

    def put_to(self, ports: Ports) -> frozenset[PrincipalKey]:
        """Ask the directory."""
        return ports.directory.principals_of(self.user)


@attrs.frozen
class PeopleBehind:
    """Which active users do these principals reach?"""

    principals: tuple[PrincipalId, ...]

    def put_to(self, ports: Ports) -> Mapping[PrincipalId, frozenset[UserId]]:
        """Ask the directory."""
        return ports.directory.people_behind(self.principals)


@attrs.frozen
class SeenBy:
    """Which of these may the actor see in the directory?"""

    actor: UserId
    principals: tuple[PrincipalId, ...]

    def put_to(self, ports: Ports) -> frozenset[PrincipalId]:
        """Ask the directory."""
        return ports.directory.seen_by(self.actor, self.principals)


@attrs.frozen
class MembersSeenBy:
    """Who is in these groups, as far as the actor may know?"""

    actor: UserId
    groups: tuple[GroupId, ...]

    def put_to(self, ports: Ports) -> Mapping[GroupId, frozenset[PrincipalId]]:
        """Ask the directory."""
        return ports.directory.members_seen_by(self.actor, self.groups)


@attrs.frozen
class Names:
    """What are these called?"""

    principals: tuple[PrincipalId, ...]

    def put_to(self, ports: Ports) -> Mapping[PrincipalId, str]:
        """Ask the directory."""
        return ports.directory.names(self.principals)


@attrs.frozen
class Path:
    """By which memberships is this user in that principal?"""

    user: UserId
    principal: PrincipalId

    def put_to(self, ports: Ports) -> tuple[PrincipalId, ...]:
        """Ask the directory."""
        return ports.directory.path(self.user, self.principal)


@attrs.frozen
class Suggest:
    """Whom does this text suggest?"""

    actor: UserId
    text: str
    limit: int
    leave_out: frozenset[PrincipalId]
    whole: bool

    def put_to(self, ports: Ports) -> tuple[tuple[PrincipalId, str], ...]:
        """Ask the directory."""
        return ports.directory.suggest(
            self.actor, self.text, self.limit, self.leave_out, whole=self.whole
        )


@attrs.frozen
class Listed:
    """Who comes next in the list of recipients?"""

    actor: UserId
    after: tuple[str, str] | None
    limit: int
    leave_out: frozenset[PrincipalId]

    def put_to(self, ports: Ports) -> tuple[tuple[PrincipalId, str], ...]:
        """Ask the directory."""
        return ports.directory.listed(self.actor, self.after, self.limit, self.leave_out)


@attrs.frozen
class AboutShare:
    """What does the host know that its own rules need?"""

    request: ShareRequest
    exams: tuple[ExamId, ...]

    def put_to(self, ports: Ports) -> object:
        """Ask the host."""
        return ports.host_facts.about(self.request, self.exams)


@attrs.frozen
class ClaimNotices:
    """Which notices are to be sent now?"""

    now: datetime
    until: datetime
    limit: int
    share: ShareId | None

    def put_to(self, ports: Ports) -> tuple[Claim, ...]:
        """Ask the outbox."""
        return ports.outbox.claim(self.now, self.until, self.limit, self.share)


@attrs.frozen
class SendNotice:
    """Send this notice."""

    notice: ShareNotice

    def put_to(self, ports: Ports) -> None:
        """Ask the notifier."""
        return ports.notifier.send(self.notice)


@attrs.frozen
class SettleNotice:
    """Do with this notice what the try came to."""

    claim: Claim
    settlement: Settlement

    def put_to(self, ports: Ports) -> None:
        """Ask the outbox."""
        return ports.outbox.settle(self.claim, self.settlement)


def _require(port: str, answer: object, kind: type) -> None:
    if not issubclass(type(answer), kind):
        raise StoreFailed(f"{port} gave {type(answer).__name__} instead of {kind.__name__}")


def _from_directory(kind: type) -> Callable[[Any, Any], None]:
    return lambda _question, answer: _require("the directory", answer, kind)


def _check_exams(_question: object, answer: tuple[Exam, ...]) -> None:
    _require("the exams", answer, tuple)
    for exam in answer:
        # A subclass could name another owner each time that it is asked.
        if type(exam) is not Exam:
            raise StoreFailed(f"the exams gave {type(exam).__name__} instead of Exam itself")


def _check_profiles(question: Profiles, answer: Mapping[UserId, Profile]) -> None:
    _require("the directory", answer, Mapping)
    for user in question.users:
        profile = answer.get(user)
        if type(profile) is not Profile or profile.user != user:
            raise StoreFailed("the directory gave no profile of its own for every user")


def _check_principals(_question: object, answer: frozenset[PrincipalKey]) -> None:
    if type(answer) is not frozenset:
        raise StoreFailed(NO_PRINCIPALS)


_CHECKS: Final[Mapping[type, Callable[[Any, Any], None]]] = {
    FindExams: _check_exams,
    BatchOf: _check_exams,
    Profiles: _check_profiles,
    PrincipalsOf: _check_principals,
    PeopleBehind: _from_directory(Mapping),
    SeenBy: _from_directory(frozenset),
    MembersSeenBy: _from_directory(Mapping),
    Names: _from_directory(Mapping),
    Path: _from_directory(tuple),
    Suggest: _from_directory(tuple),
    Listed: _from_directory(tuple),
}
"""What the host answers may come from anywhere; stores have laws of their own."""
