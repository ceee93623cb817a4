"""`Sharing` and `Viewer`: what people may do and see.

A `Sharing` checks the kinds of its arguments, takes the time and an id, and calls an act. It
decides nothing. What operators may do and see is in `exam_sharing.admin`.
"""

import contextlib
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from logging import getLogger
from typing import Any, Final, Protocol, TypeVar, final, get_args, get_type_hints

import attrs
from typing_extensions import override

from exam_sharing import validation
from exam_sharing.accesses import ShownAccess
from exam_sharing.acts import accesses, changing, delivering, drawing, gathering, showing
from exam_sharing.acts.cursors import exam_cursor_after, exam_position, page_limit, page_of
from exam_sharing.admin import Admin, access_query, require_fitting_preview, require_question
from exam_sharing.conformance import require_conforming
from exam_sharing.errors import InvalidArgument, InvalidInput, StoreFailed
from exam_sharing.events import Event
from exam_sharing.exams import Exam, UploadBatch, require_fitting
from exam_sharing.grants import FOREVER, Permission
from exam_sharing.graph import SharingGraph
from exam_sharing.identifiers import (
    LONGEST_ACT,
    ExamId,
    GroupId,
    PrincipalId,
    PrincipalKey,
    ShareId,
    UserId,
)
from exam_sharing.policy import requests
from exam_sharing.policy.plans import Names, Preview, ShareReceipt, UnshareReceipt
from exam_sharing.policy.settings import Policy
from exam_sharing.policy.views import (
    AccessList,
    Choice,
    Page,
    ShareForm,
    SharePage,
    Tab,
    VisibleExam,
)
from exam_sharing.ports import AccessReader, AuditTrail, Directory, Ports, Readers, Reading
from exam_sharing.recording import Recorder

__all__ = ["Sharing", "Viewer"]

ReceiptT = TypeVar("ReceiptT", ShareReceipt, UnshareReceipt)

_LOG: Final = getLogger("exam_sharing")

_PROTOCOLS: Final = {
    name: next(iter(get_args(hint)), hint) for name, hint in get_type_hints(Ports).items()
}
"""The protocol of each port, by its name."""

_OPTIONAL: Final = frozenset({"history", "accesses"})
"""Ports that a store can lack."""

_VIEW: Final = Permission.VIEW
_DOWNLOAD: Final = Permission.DOWNLOAD


class _LoggedTrail(AuditTrail):
    """Records refusals, and logs those that cannot be recorded, as over a read-only database.

    A refused actor is refused all the same.
    """

    def __init__(self, trail: AuditTrail) -> None:
        self._trail = trail

    @override
    def record(self, event: Event) -> None:
        try:
            self._trail.record(event)
        except Exception as error:  # noqa: BLE001  a no needs nothing to be written
            _LOG.error("a refusal could not be recorded: %s", type(error).__name__)


def _principals_of(directory: Directory) -> Callable[[UserId], frozenset[PrincipalKey]]:
    """Return the directory's method, with a check of its answers unless it needs none."""
    if validation.is_checking_itself(directory.principals_of):
        return directory.principals_of
    return partial(gathering.principals_of, directory)


class _Holders(Protocol):
    """Who holds an exam that a store of ours keeps in memory, from `since` until `until`."""

    @property
    def view(self) -> frozenset[PrincipalKey]: ...
    @property
    def download(self) -> frozenset[PrincipalKey]: ...
    @property
    def group_grantors(self) -> frozenset[PrincipalKey]: ...
    @property
    def expires(self) -> bool: ...
    @property
    def since(self) -> datetime: ...
    @property
    def until(self) -> datetime: ...


def _kept(method: Callable[..., object], name: str) -> Mapping[Any, Any]:
    """Return what a port of ours keeps in memory; to call it costs as much as a whole check."""
    if not validation.is_checking_itself(method):
        return {}
    # Of the port that would be called, which may be another one than was given.
    kept: Mapping[Any, Any] = getattr(getattr(method, "__self__", None), name, {})
    return kept


def _call(function: Callable[[], None]) -> None:
    function()


@final
class Sharing:
    """What people may do and see: every act, check and list.

    Safe for threads where its ports are. All times are aware. Every method raises `WrongKind` for
    an argument of another type, and `InvalidValue` for a cursor or limit that cannot be used.
    """

    def __init__(
        self,
        *,
        policy: Policy,
        ports: Ports,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        sends_at_once: bool,
        after_commit: Callable[[Callable[[], None]], object] = _call,
        reading: Reading | None = None,
    ) -> None:
        """Take what a host supplies.

        `new_id` makes an identifier that was never used before, of at most 234 code points, for
        each act. Where `sends_at_once` is true, a share tries to send its own notices before it
        returns; otherwise they wait for `Admin.deliver_notices`. Where a share is part of a
        transaction of the host, `after_commit` calls what it is given once that has committed.
        `reading` answers checks and lists; by default the ports do.

        Raises:
            InvalidValue: the clock returns a naive time, or the end of time; it or `new_id` cannot
                be called; or a port lacks methods or is asynchronous.
            WrongKind: the policy or the ports are of another type.
        """
        self._policy = validation.of_kind("policy", policy, Policy)
        validation.of_kind("ports", ports, Ports)
        for name, protocol in _PROTOCOLS.items():
            port = getattr(ports, name)
            if port is not None or name not in _OPTIONAL:
                require_conforming(name, port, protocol)
        validation.require_callable("clock", clock)
        validation.require_callable("new_id", new_id)
        self._ports = attrs.evolve(ports, audit=_LoggedTrail(ports.audit))
        self._clock = clock
        self._new_id = new_id
        self._sends_at_once = sends_at_once
        validation.require_callable("after_commit", after_commit)
        self._after_commit = after_commit
        if reading is not None:
            require_conforming("reading", reading, Reading)
        self._reading = reading
        readers = Readers(access=ports.access) if reading is None else reading.readers(None)
        self._access, self._holds = readers.access, readers.access.holds
        self._principals_of = readers.principals_of or _principals_of(ports.directory)
        self._kept_principals: Mapping[PrincipalKey, frozenset[PrincipalKey]] = _kept(
            ports.directory.principals_of, "kept_principals"
        )
        self._ready_exams: Mapping[str, _Holders] = _kept(self._holds, "ready_exams")
        self._recorder = Recorder(ports.accesses, policy.access_window)
        self._repeated = self._recorder.repeated
        self._acquire, self._release = self._recorder.acquire, self._recorder.release
        self._now()
        self._admin = Admin(
            _policy=policy,
            _ports=self._ports,
            _recorder=self._recorder,
            _now=self._now,
            _new_act=self._new_act,
        )

    @property
    def admin(self) -> Admin:
        """What operators may do and see, with nothing held back."""
        return self._admin

    @property
    def policy(self) -> Policy:
        """The deployment's settings."""
        return self._policy

    def _now(self) -> datetime:
        return validation.clock_time(self._clock())

    def _new_act(self) -> str:
        act = validation.identifier_text("new_id", self._new_id(), InvalidArgument)
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
        arrived = validation.tuple_of("exams", exams, Exam)
        require_fitting(validation.of_kind("batch", batch, UploadBatch), arrived)
        self._ports.uploads.add(batch, arrived)

    def share(self, request: requests.ShareRequest) -> ShareReceipt:
        """Share exams. Specification: `#sharing`.

        Notices leave after the share is committed. Nothing that happens to them undoes it.
        `unshare`, `narrow` and `revoke` raise the same errors.

        Raises:
            Refused: a rule says no; the error has every reason, and nothing was done.
            RequestIdReused: the request id was used for another request.
            Conflict: other acts kept changing the same exams; try again.
        """
        validation.require_kind("request", request, requests.ShareRequest)
        act = self._new_act()
        receipt = changing.share(self._ports, self._policy, request, self._now(), act)
        if self._sends_at_once:
            self._after_commit(partial(self._send_notices_of, ShareId(act)))
        return self._with_token(receipt)

    def _with_token(self, receipt: ReceiptT) -> ReceiptT:
        if self._reading is None:
            return receipt
        try:
            return attrs.evolve(receipt, token=self._reading.token())
        except StoreFailed:  # The act is done: only the token is missing.
            return receipt

    def _send_notices_of(self, share: ShareId) -> None:
        # The share is done: a failure from here on must not make it look undone. The notices wait
        # in the outbox for `Admin.deliver_notices`.
        with contextlib.suppress(Exception):
            delivering.deliver_due(self._ports, self._policy, self._now, delivering.MOST, share)

    def unshare(self, request: requests.UnshareRequest) -> UnshareReceipt:
        """End the grants to one principal on one exam. Specification: `#unsharing`."""
        return self._end(request, requests.UnshareRequest)

    def narrow(self, request: requests.NarrowRequest) -> UnshareReceipt:
        """Cut one principal's grants on an exam down to a bound. Specification: `#narrowing`."""
        return self._end(request, requests.NarrowRequest)

    def revoke(self, request: requests.RevokeRequest) -> UnshareReceipt:
        """End one grant. Specification: `#one-grant-by-its-id`."""
        return self._end(request, requests.RevokeRequest)

    def _end(self, request: requests.EndingRequest, kind: type) -> UnshareReceipt:
        validation.require_kind("request", request, kind)
        act = self._new_act()
        receipt = changing.end_grants(self._ports, self._policy, request, self._now(), act)
        return self._with_token(receipt)

    def preview(self, request: requests.Request) -> Preview:
        """Return what a request would do, and do nothing. Specification: `#previews`.

        Raises:
            RequestIdReused: the request id was used for another request.
        """
        validation.require_kind("request", request, *get_args(requests.Request))
        return changing.preview(self._ports, self._policy, request, self._now())

    def can(self, user: UserId, permission: Permission, exam: ExamId) -> bool:
        """Return whether the user holds the permission on the exam; unknown ids are a no.

        Raises:
            InvalidValue: the clock returns a naive time, or the end of time for a yes.
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
            now = validation.clock_time(now)
        try:
            principals: frozenset[PrincipalKey] | None = self._kept_principals[user.key]
        except KeyError:
            principals = None
        # Outside of the handler, so that the user's key is not the context of an error.
        if principals is None:
            principals = self._principals_of(user)
        kept = self._ready_exams.get(exam.value)
        if (
            kept is None
            or (kept.expires and (now >= kept.until or now < kept.since))
            or user.key in kept.group_grantors
        ):
            if self._holds(user, principals, permission, exam, now) is not True:
                return False
        elif (kept.view if permission is _VIEW else kept.download).isdisjoint(principals):
            return False
        if now >= FOREVER:  # It is wrong for a yes alone.
            validation.clock_time(now)
        return True

    def can_many(
        self, user: UserId, permission: Permission, exams: Iterable[ExamId]
    ) -> frozenset[ExamId]:
        """Return those of the exams on which the user holds the permission, at one moment."""
        return self.viewer(user).can_many(permission, exams)

    def viewer(self, user: UserId, token: str | None = None) -> "Viewer":
        """Return the user with the groups that they are in now, for one request of the host.

        With the token of a receipt, the viewer sees at least that act, even if copies of the store
        that may be stale answer.
        """
        validation.require_kind("user", user, UserId)
        access, principals_of = self._access, self._principals_of
        if token is not None:
            readers = self._readers_after(token)
            access, principals_of = readers.access, readers.principals_of or principals_of
        return Viewer(user=user, principals=principals_of(user), _access=access, _now=self._now)

    def _readers_after(self, token: str) -> Readers:
        text = validation.exact_text("token", token)
        if self._reading is None:
            raise InvalidInput("token", "must be of a `Sharing` that was opened with `reading`")
        return self._reading.readers(text)

    def record_access(
        self,
        user: UserId,
        exam: ExamId,
        permission: Permission,
        purpose: str | None = None,
        origin: str | None = None,
    ) -> None:
        """Record that the host serves an exam to a user now. Specification: `#who-looked`.

        It decides nothing: record also what was allowed by other means than sharing. Call it for
        every request, before the first byte leaves. The first access with one purpose in a window
        of `Policy.access_window` is in the store when the call returns; in a transaction of SQLite
        that the host has open, once that commits. Repeats are counted in memory, and written with
        the next first access, after a minute, or by `Admin.flush_accesses`. A process that is
        killed can lose how often, and until when, somebody looked in a window, never that they did.

        Args:
            user: who looks; nobody checks whether there is such a user or exam.
            exam: what they look at.
            permission: what is served: to view, or to download.
            purpose: a code of at most 64 ASCII letters, digits, dots, colons, hyphens and
                underscores, such as `"TREATMENT"`.
            origin: which application or address, on one line; of each window, the first is kept.

        Raises:
            StoreFailed: the store keeps no accesses, or the first one could not be written; nothing
                was recorded.
        """
        if not (
            type(user) is UserId
            and type(exam) is ExamId
            and (permission is _VIEW or permission is _DOWNLOAD)
        ):
            require_question(user, permission, exam)
        now = self._clock()
        if type(now) is not datetime or now.tzinfo is not UTC:
            now = validation.clock_time(now)
        if (purpose is None or type(purpose) is str) and (origin is None or type(origin) is str):
            row = self._repeated.get((user.value, exam.value, permission, purpose, origin))
            if row is not None:
                self._acquire()
                try:
                    # It waits already, so only the count and the time change.
                    if row.count and row.last <= now < row.waits_until:
                        row.count += 1
                        row.last = now
                        return
                finally:
                    self._release()
        self._recorder.record(user, exam, permission, purpose, origin, now)

    def accesses(
        self,
        user: UserId,
        exam: ExamId,
        *,
        since: datetime | None = None,
        before: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[ShownAccess]:
        """Return a page of who looked at an exam that the user owns, newest first.

        Only the users on the access list are named, and the active members of its groups whom the
        directory shows to the owner; the rest is left out. See `Admin.accesses`.

        Raises:
            Refused: the user does not own the exam, or has no access to it.
            StoreFailed: the store keeps no accesses.
        """
        _require_user_and_exam("user", user, exam)
        wanted = access_query(since=since, before=before, limit=limit)
        now = self._now()
        ports, policy, recorder = self._ports, self._policy, self._recorder
        return accesses.shown_to_owner(ports, policy, recorder, user, exam, wanted, after, now)

    def share_form(self, actor: UserId, exam: ExamId) -> ShareForm:
        """Return what the form for sharing the exam offers. Specification: `#share-form`."""
        _require_user_and_exam("actor", actor, exam)
        return showing.share_form(self._ports, self._policy, actor, exam, self._now())

    def tabs(self, user: UserId, exam: ExamId) -> frozenset[Tab]:
        """Return the tabs that the exam has for the user; none without access."""
        _require_user_and_exam("user", user, exam)
        return showing.tabs(self._ports, user, exam, self._now())

    def access_list(self, user: UserId, exam: ExamId) -> AccessList:
        """Return who has access, as far as the user may see it. Specification: `#access-list`.

        Raises:
            Refused: there is no such exam, or the user has no access to it.
        """
        _require_user_and_exam("user", user, exam)
        return showing.access_list(self._ports, self._policy, user, exam, self._now())

    def graph(
        self, user: UserId, exam: ExamId, *, preview: requests.EndingRequest | None = None
    ) -> SharingGraph:
        """Return how the grants on the access list rest on each other, as far as the user may see.

        `preview` marks the grants that a request of the user would end. Specification:
        `#chain-of-sharing`.

        Raises:
            Refused: there is no such exam, the user has no access to it, or a rule forbids the act.
            RequestIdReused: the request id was used for another request.
        """
        _require_user_and_exam("user", user, exam)
        require_fitting_preview(exam, preview)
        if preview is not None and preview.actor != user:
            raise InvalidArgument("preview", "must be a request of the user")
        return drawing.graph_seen(self._ports, self._policy, user, exam, preview, self._now())

    def share_page(self, user: UserId, exam: ExamId) -> SharePage:
        """Return the tabs, the share form and the access list, with each fact queried once.

        Raises:
            Refused: there is no such exam, or the user has no access to it.
        """
        _require_user_and_exam("user", user, exam)
        request_id = self._new_act()
        return showing.share_page(self._ports, self._policy, user, exam, self._now(), request_id)

    def names(self, user: UserId, principals: Iterable[PrincipalId]) -> Names:
        """Return the names of those of the principals whom the user may see in the directory.

        Errors and reasons carry ids alone; a page shows these names beside them. Receipts, previews
        and access lists carry the names of everybody whom they mention.
        """
        validation.require_kind("user", user, UserId)
        named = validation.tuple_of("principals", principals, UserId, GroupId)
        return gathering.names_seen(self._ports, user, named)

    def suggest(
        self, actor: UserId, exam: ExamId, text: str, limit: int = 10
    ) -> tuple[Choice, ...]:
        """Return the recipients that a text suggests, best first. Specification: `#suggestions`."""
        _require_user_and_exam("actor", actor, exam)
        text = validation.exact_text("text", text)
        now = self._now()
        return showing.suggest_recipients(self._ports, self._policy, actor, exam, text, limit, now)

    def recipients(
        self, actor: UserId, exam: ExamId, after: str | None = None, limit: int = 50
    ) -> Page[Choice]:
        """Return a page of all possible recipients, by name. Specification: `#select-from-list`."""
        _require_user_and_exam("actor", actor, exam)
        now = self._now()
        return showing.list_recipients(self._ports, self._policy, actor, exam, after, limit, now)

    def shared_with(
        self, user: UserId, after: str | None = None, limit: int = 50
    ) -> Page[VisibleExam]:
        """Return a page of the exams of others that the user can see, newest upload first."""
        return self.viewer(user).shared_with(after, limit)

    def visible_to(
        self, user: UserId, after: str | None = None, limit: int = 50
    ) -> Page[VisibleExam]:
        """Return a page of all exams that the user can see, newest upload first."""
        return self.viewer(user).visible_to(after, limit)


def _require_user_and_exam(argument: str, user: UserId, exam: ExamId) -> None:
    validation.require_kind(argument, user, UserId)
    validation.require_kind("exam", exam, ExamId)


@final
@attrs.frozen(kw_only=True)
class Viewer:
    """A user with their groups looked up once, for one request of the host.

    Its methods answer and raise as those of `Sharing` with the same names.

    Attributes:
        principals: the user and every group that they were in when this was made; empty for a user
            who was unknown or inactive.
    """

    user: UserId = attrs.field(validator=validation.is_a(UserId))
    principals: frozenset[PrincipalKey] = attrs.field(validator=validation.is_a(frozenset))
    _access: AccessReader = attrs.field(alias="_access", repr=False, eq=False)
    _now: Callable[[], datetime] = attrs.field(alias="_now", repr=False, eq=False)

    def can(self, permission: Permission, exam: ExamId) -> bool:
        """Return whether the user holds the permission on the exam."""
        if type(permission) is not Permission or type(exam) is not ExamId:
            require_question(self.user, permission, exam)
        holds = self._access.holds
        return holds(self.user, self.principals, permission, exam, self._now()) is True

    def can_many(self, permission: Permission, exams: Iterable[ExamId]) -> frozenset[ExamId]:
        """Return those of the exams on which the user holds the permission, at one moment."""
        validation.require_kind("permission", permission, Permission)
        asked = validation.tuple_of("exams", exams, ExamId)
        return self._access.holding(self.user, self.principals, permission, asked, self._now())

    def shared_with(self, after: str | None = None, limit: int = 50) -> Page[VisibleExam]:
        """Return a page of the exams of others that the user can see, newest upload first."""
        return self._page(after, limit, own=False)

    def visible_to(self, after: str | None = None, limit: int = 50) -> Page[VisibleExam]:
        """Return a page of all exams that the user can see, newest upload first."""
        return self._page(after, limit, own=True)

    def _page(self, after: str | None, limit: int, *, own: bool) -> Page[VisibleExam]:
        behind, most = exam_position(after), page_limit(limit)
        found = self._access.visible(
            self.user, self.principals, behind, most + 1, self._now(), own=own
        )
        return page_of(found, most, exam_cursor_after)
