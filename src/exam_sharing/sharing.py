"""`Sharing`: the shell that a host calls.

It takes the time, makes an id for each act, answers the act's questions from ports, and hands
notices on. It decides nothing.
"""

import contextlib
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from logging import getLogger
from typing import Final, TypeAlias, final, get_type_hints

import attrs
from typing_extensions import override

from exam_sharing import acts
from exam_sharing.acts.cursors import (
    notice_cursor_after,
    notice_position,
    page_limit,
)
from exam_sharing.acts.questions import NO_PRINCIPALS, drive
from exam_sharing.conformance import require_conforming
from exam_sharing.errors import InvalidArgument, StoreFailed
from exam_sharing.events import Event, ListedNotice
from exam_sharing.exams import Exam, UploadBatch, require_fitting
from exam_sharing.grants import FOREVER, Permission
from exam_sharing.identifiers import (
    LONGEST_ACT,
    ExamId,
    NoticeId,
    PrincipalId,
    PrincipalKey,
    ShareId,
    UserId,
)
from exam_sharing.policy.decisions import Denied, Permitted
from exam_sharing.policy.holders import Holder
from exam_sharing.policy.plans import Preview, ShareReceipt, UnshareReceipt
from exam_sharing.policy.requests import (
    HostEnding,
    NarrowRequest,
    Request,
    Reshares,
    RevokeRequest,
    ShareRequest,
    UnshareRequest,
    Withdrawal,
)
from exam_sharing.policy.settings import Policy
from exam_sharing.policy.views import AccessList, Choice, Page, ShareForm, Tab, VisibleExam
from exam_sharing.ports import AuditTrail, Directory, Notifier, Ports
from exam_sharing.validation import (
    exact_text,
    identifier_text,
    is_checking_itself,
    of_kind,
    require_callable,
    require_kind,
    told_time,
    tuple_of,
)
from exam_sharing.viewer import Viewer, require_question

__all__ = ["Sharing", "drive"]

_LOG: Final = getLogger("exam_sharing")

_PROTOCOLS: Final = get_type_hints(Ports)
"""Of each port, by its name."""


def _never() -> bool:
    return False


class _Told(AuditTrail):
    """Records refusals, and tells the host's log of those that cannot be recorded.

    Whoever is refused is refused all the same, as by a read-only copy of the database.
    """

    def __init__(self, trail: AuditTrail) -> None:
        self._trail = trail

    @override
    def record(self, event: Event) -> None:
        try:
            self._trail.record(event)
        except Exception as error:  # noqa: BLE001  a no needs nothing to be written
            _LOG.error("a refusal could not be recorded: %s", type(error).__name__)


_PrincipalsOf: TypeAlias = Callable[[UserId], frozenset[PrincipalKey]]

_VIEW: Final = Permission.VIEW
_DOWNLOAD: Final = Permission.DOWNLOAD


def _exact(principals_of: _PrincipalsOf) -> _PrincipalsOf:
    """Return the method of a directory, with a check of its answers unless it needs none."""
    if is_checking_itself(principals_of):
        return principals_of

    def checked(user: UserId) -> frozenset[PrincipalKey]:
        found = principals_of(user)
        if type(found) is not frozenset:
            raise StoreFailed(NO_PRINCIPALS)
        return found

    return checked


def _kept(directory: Directory) -> Mapping[PrincipalKey, frozenset[PrincipalKey]]:
    """Return what a directory of ours has looked up: asking it costs as much as the whole check."""
    if is_checking_itself(directory.principals_of):
        # Of the one that would be asked, which may be another one than was given.
        asked = getattr(directory.principals_of, "__self__", None)
        kept: Mapping[PrincipalKey, frozenset[PrincipalKey]] = getattr(asked, "kept_principals", {})
        return kept
    return {}


@final
class Sharing:
    """Who may see, download and pass on which exam: every question and every act.

    Safe for threads where its ports are. All times are aware.
    """

    def __init__(
        self,
        *,
        policy: Policy,
        ports: Ports,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        sends_at_once: bool,
    ) -> None:
        """Take what a host supplies.

        Args:
            policy: the deployment's settings.
            ports: where facts come from, and where acts are written.
            clock: tells the time, as an aware datetime.
            new_id: makes an identifier that was never used before, for each act, of at most 234
                code points.
            sends_at_once: whether a share tries to send its own notices before it returns;
                otherwise they wait for `deliver_notices`.

        Raises:
            InvalidValue: the clock tells a naive time, or the end of time; it or `new_id` cannot
                be called; or a port lacks methods or is asynchronous.
            WrongKind: the policy or the ports are of another type.
        """
        self._policy = of_kind("policy", policy, Policy)
        of_kind("ports", ports, Ports)
        for name, protocol in _PROTOCOLS.items():
            require_conforming(name, getattr(ports, name), protocol)
        require_callable("clock", clock)
        require_callable("new_id", new_id)
        self._ports = attrs.evolve(ports, audit=_Told(ports.audit))
        self._clock = clock
        self._new_id = new_id
        self._sends_at_once = sends_at_once
        self._holds = ports.access.holds
        self._principals_of = _exact(ports.directory.principals_of)
        self._kept_principals = _kept(ports.directory).get
        self._now()

    @property
    def policy(self) -> Policy:
        """The deployment's settings."""
        return self._policy

    @property
    def directory(self) -> Directory:
        """The directory that was given."""
        return self._ports.directory

    @property
    def notifier(self) -> Notifier:
        """The notifier that was given."""
        return self._ports.notifier

    def _now(self) -> datetime:
        return told_time(self._clock())

    def _new_act(self) -> str:
        act = identifier_text("new_id", self._new_id(), InvalidArgument)
        if len(act) > LONGEST_ACT:
            raise InvalidArgument("new_id", f"must not be longer than {LONGEST_ACT} code points")
        return act

    def add_upload(self, batch: UploadBatch, exams: Iterable[Exam]) -> None:
        """Record an upload, or more exams of one that is not sealed; all of them or none.

        Raises:
            WrongBatch: an exam names another batch, or the batch is there with other details.
            AlreadyExists: an exam comes twice, or is there already.
            BatchSealed: the batch takes no more exams.
        """
        arrived = tuple_of("exams", exams, Exam)
        require_fitting(of_kind("batch", batch, UploadBatch), arrived)
        self._ports.uploads.add(batch, arrived)

    def share(self, request: ShareRequest) -> ShareReceipt:
        """Share exams: SPEC section 2.

        Notices leave after the share is committed, and nothing that happens to them undoes it.

        Raises:
            Refused: a rule says no; every reason is told, and nothing was done.
            RequestIdReused: the request id was used for another request.
            Conflict: other acts kept changing the same exams; try again.
        """
        require_kind("request", request, ShareRequest)
        act = self._new_act()
        receipt = drive(acts.share(self._policy, request, self._now(), act), self._ports)
        if self._sends_at_once:
            # The share is done: a failure from here on must not make it look undone. The notices
            # wait in the outbox for `deliver_notices`.
            with contextlib.suppress(Exception):
                self._send(acts.MOST, ShareId(act))
        return receipt

    def unshare(self, request: UnshareRequest) -> UnshareReceipt:
        """End the grants to one principal on one exam: SPEC section 3.

        Raises:
            Refused: a rule says no; every reason is told, and nothing was done.
            RequestIdReused: the request id was used for another request.
            Conflict: other acts kept changing the same exam; try again.
        """
        require_kind("request", request, UnshareRequest)
        return self._end(request)

    def narrow(self, request: NarrowRequest) -> UnshareReceipt:
        """Cut the grants to one principal on one exam down to a bound: SPEC section 3.

        Raises:
            Refused: a rule says no; every reason is told, and nothing was done.
            RequestIdReused: the request id was used for another request.
            Conflict: other acts kept changing the same exam; try again.
        """
        require_kind("request", request, NarrowRequest)
        return self._end(request)

    def revoke(self, request: RevokeRequest) -> UnshareReceipt:
        """End one grant: SPEC section 3.

        Raises:
            Refused: a rule says no; every reason is told, and nothing was done.
            RequestIdReused: the request id was used for another request.
            Conflict: other acts kept changing the same exam; try again.
        """
        require_kind("request", request, RevokeRequest)
        return self._end(request)

    def _end(self, request: UnshareRequest | NarrowRequest | RevokeRequest) -> UnshareReceipt:
        act = acts.end_grants(self._policy, request, self._now(), self._new_act())
        return drive(act, self._ports)

    def preview(self, request: Request) -> Preview:
        """Say what a request would do, and do nothing: SPEC section 4.

        Raises:
            RequestIdReused: the request id was used for another request.
        """
        require_kind("request", request, ShareRequest, UnshareRequest, NarrowRequest, RevokeRequest)
        return drive(acts.preview(self._policy, request, self._now()), self._ports)

    def end_by_host(
        self,
        *,
        recipient: PrincipalId,
        exam: ExamId | None = None,
        reshares: Reshares | None = None,
        performed_by: UserId | str,
        why: str,
    ) -> UnshareReceipt:
        """End a principal's grants on an exam, or everywhere, for administration.

        The receipt holds nothing back: it is for the host's operators. An exam that the host no
        longer has will do, as long as sharing of it is kept.

        Raises:
            Refused: there is no such exam and no sharing of one is kept, or re-shares restrict it.
            Conflict: other acts kept changing the same exams; try again.
        """
        request = HostEnding(
            recipient=recipient, exam=exam, reshares=reshares, performed_by=performed_by, why=why
        )
        act = acts.end_by_host(self._policy, request, self._now(), self._new_act())
        return drive(act, self._ports)

    def withdraw(self, exam: ExamId, *, performed_by: UserId | str, why: str) -> UnshareReceipt:
        """Withdraw an exam: all its grants end, and it is no longer found, for administration.

        An exam that the host no longer has will do, as long as sharing of it is kept. Withdrawing
        what was withdrawn does nothing.

        Raises:
            Refused: there is no such exam, and no sharing of one is kept.
            Conflict: other acts kept changing it; try again.
        """
        request = Withdrawal(exam=exam, performed_by=performed_by, why=why)
        return drive(acts.withdraw(request, self._now()), self._ports)

    def deliver_notices(self, stopped: Callable[[], bool] = _never) -> int:
        """Send the notices that are due, and return how many were sent.

        What cannot be sent is tried again later, or given up, as `Policy.retries` says. What is no
        longer true is dropped. Any number of processes and threads may do this at once.

        Args:
            stopped: asked before each few notices; where it says yes, the rest is left waiting.

        Raises:
            StoreFailed: the outbox cannot be read or written; nothing is lost, but what was being
                sent may be sent again.
        """
        require_callable("stopped", stopped)
        sent, tried = 0, set[NoticeId]()
        while not stopped():
            outcomes = self._send(acts.BATCH)
            sent += sum(outcomes.values())
            # What failed may be due again at once: that is for the next delivery.
            if len(outcomes) < acts.BATCH or not tried.isdisjoint(outcomes):
                break
            tried |= outcomes.keys()
        return sent

    def _send(self, limit: int, share: ShareId | None = None) -> dict[NoticeId, bool]:
        """Claim notices, try each of them, and say of each whether it was sent."""
        claims = drive(acts.claim_notices(self._now(), limit, share), self._ports)
        return {
            claim.notice.id: drive(acts.deliver(self._policy, claim, self._now()), self._ports)
            for claim in claims
        }

    def list_notices(
        self, after: str | None = None, limit: int = 50, *, given_up: bool | None = None
    ) -> Page[ListedNotice]:
        """Return a page of the notices that wait or were given up, in the order they came.

        For the host's operators: it tells who is to be told of which share, and no message.

        Args:
            after: the cursor of the page before.
            limit: how many at most.
            given_up: those that were given up, or those that wait; by default both.

        Raises:
            InvalidValue: the cursor or the limit cannot be used.
        """
        require_kind("given_up", given_up, bool, type(None))
        behind, most = notice_position(after), page_limit(limit)
        found = self._ports.outbox.listed(behind, most + 1, given_up=given_up)
        if len(found) <= most:
            return Page(items=found)
        return Page(items=found[:most], next=notice_cursor_after(found[most - 1]))

    def requeue_notices(self, notices: Iterable[NoticeId] | None = None) -> int:
        """Let notices that were given up be tried again, and return how many will be.

        They wait as if they were new, but without the personal message, which was erased. What is
        no longer true by then is dropped as ever.

        Args:
            notices: which ones; those that were not given up are left alone. By default all.
        """
        named = None if notices is None else tuple_of("notices", notices, NoticeId)
        return self._ports.outbox.requeue(named)

    def can(self, user: UserId, permission: Permission, exam: ExamId) -> bool:
        """Say whether the user holds the permission on the exam; no for whatever is unknown.

        Raises:
            WrongKind: an argument is of another type.
            InvalidValue: the clock tells a naive time, or the end of time where the answer is yes.
        """
        # The hottest path of all: the comparisons cost less here than in a call.
        if not (
            type(user) is UserId
            and type(exam) is ExamId
            and (permission is _VIEW or permission is _DOWNLOAD)
        ):
            require_question(user, permission, exam)
        now = self._clock()
        if type(now) is not datetime or now.tzinfo is not UTC:
            now = told_time(now)
        principals = self._kept_principals(user.key)
        if principals is None:
            principals = self._principals_of(user)
        if self._holds(user, principals, permission, exam, now) is not True:
            return False
        if now >= FOREVER:  # It is wrong for a yes alone.
            told_time(now)
        return True

    def can_many(
        self, user: UserId, permission: Permission, exams: Iterable[ExamId]
    ) -> frozenset[ExamId]:
        """Return those of the exams on which the user holds the permission, at one moment.

        Raises:
            WrongKind: an argument is of another type.
        """
        return self.viewer(user).can_many(permission, exams)

    def explain(self, user: UserId, permission: Permission, exam: ExamId) -> Permitted | Denied:
        """Say why the user holds the permission on the exam, or why not.

        For the host's operators: it names grants and groups that the user may know nothing of.

        Raises:
            WrongKind: an argument is of another type.
        """
        require_question(user, permission, exam)
        return drive(acts.explain(user, permission, exam, self._now()), self._ports)

    def who_can(self, permission: Permission, exam: ExamId) -> tuple[Holder, ...]:
        """Return every user who holds the permission on the exam, by their ids.

        For the host's operators: it holds nothing back.
        A user is among them exactly when `can` says yes; `explain` tells their way through groups.

        Raises:
            Refused: there is no such exam.
            WrongKind: an argument is of another type.
        """
        require_kind("permission", permission, Permission)
        require_kind("exam", exam, ExamId)
        return drive(acts.who_can(permission, exam, self._now()), self._ports)

    def viewer(self, user: UserId) -> Viewer:
        """Return the user with the groups that they are in now, for one request of the host.

        Raises:
            WrongKind: it is no `UserId`.
        """
        require_kind("user", user, UserId)
        principals = self._principals_of(user)
        return Viewer(
            user=user,
            principals=principals,
            _ports=self._ports,
            _now=self._now,
        )

    def share_form(self, actor: UserId, exam: ExamId) -> ShareForm:
        """Return what the form for sharing the exam offers: SPEC section 6."""
        require_kind("actor", actor, UserId)
        require_kind("exam", exam, ExamId)
        act = acts.show_share_form(self._policy, actor, exam, self._now())
        return drive(act, self._ports)

    def tabs(self, user: UserId, exam: ExamId) -> frozenset[Tab]:
        """Return the tabs that the exam has for the user; none without access."""
        require_kind("user", user, UserId)
        require_kind("exam", exam, ExamId)
        return drive(acts.show_tabs(user, exam, self._now()), self._ports)

    def access_list(self, viewer: UserId, exam: ExamId) -> AccessList:
        """Return who has access to the exam, as far as the viewer may see it: SPEC section 6.

        Raises:
            Refused: there is no such exam, or the viewer has no access to it.
        """
        require_kind("viewer", viewer, UserId)
        require_kind("exam", exam, ExamId)
        act = acts.show_access_list(self._policy, viewer, exam, self._now())
        return drive(act, self._ports)

    def suggest(
        self, actor: UserId, exam: ExamId, text: str, limit: int = 10
    ) -> tuple[Choice, ...]:
        """Return whom a typed text suggests as recipients, best first: SPEC section 5.

        Raises:
            InvalidValue: the limit cannot be used.
        """
        require_kind("actor", actor, UserId)
        require_kind("exam", exam, ExamId)
        text = exact_text("text", text)
        act = acts.suggest_recipients(self._policy, actor, exam, text, limit, self._now())
        return drive(act, self._ports)

    def recipients(
        self, actor: UserId, exam: ExamId, after: str | None = None, limit: int = 50
    ) -> Page[Choice]:
        """Return a page of all whom the actor may choose, by name: SPEC section 5.

        Raises:
            InvalidValue: the cursor or the limit cannot be used.
        """
        require_kind("actor", actor, UserId)
        require_kind("exam", exam, ExamId)
        act = acts.list_recipients(self._policy, actor, exam, after, limit, self._now())
        return drive(act, self._ports)

    def shared_with(
        self, user: UserId, after: str | None = None, limit: int = 50
    ) -> Page[VisibleExam]:
        """Return a page of the exams of others that the user can see, newest upload first.

        Raises:
            InvalidValue: the cursor or the limit cannot be used.
        """
        return self.viewer(user).shared_with(after, limit)

    def visible_to(
        self, user: UserId, after: str | None = None, limit: int = 50
    ) -> Page[VisibleExam]:
        """Return a page of all exams that the user can see, newest upload first.

        Raises:
            InvalidValue: the cursor or the limit cannot be used.
        """
        return self.viewer(user).visible(after, limit)
