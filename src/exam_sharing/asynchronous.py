"""`AsyncSharing`: `Sharing` and `Admin` for asyncio, each method to be awaited.

It decides nothing, and repeats nothing: each method calls the one of the same name over a bridge,
beside the event loop. In memory, and over a synchronous engine, that is a thread; over an
`AsyncEngine` it is a greenlet.

>>> import asyncio
>>> from exam_sharing import ExamId, Permission, UserId
>>> from exam_sharing.memory import open_sharing
>>> sharing = AsyncSharing(open_sharing())
>>> asyncio.run(sharing.can(UserId("ben"), Permission.VIEW, ExamId("CT")))
False
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Concatenate, ParamSpec, TypeVar, final

import attrs

from exam_sharing.accesses import Access, Disclosure, ShownAccess
from exam_sharing.admin import Admin
from exam_sharing.bridge import Bridge, ThreadBridge
from exam_sharing.errors import StoreFailed
from exam_sharing.events import ListedNotice
from exam_sharing.exams import Exam, UploadBatch
from exam_sharing.grants import Permission
from exam_sharing.graph import SharingGraph
from exam_sharing.history import Happening
from exam_sharing.identifiers import ExamId, NoticeId, PrincipalId, PrincipalKey, UserId
from exam_sharing.policy import requests
from exam_sharing.policy.access import Holder
from exam_sharing.policy.decisions import Denied, Permitted
from exam_sharing.policy.past import AccessAt
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
from exam_sharing.relay import PAUSE, ignore, watch
from exam_sharing.sharing import Sharing, Viewer
from exam_sharing.validation import is_a, of_kind, require_instance

__all__ = ["AsyncAdmin", "AsyncSharing", "AsyncViewer"]

ParamsT = ParamSpec("ParamsT")
ResultT = TypeVar("ResultT")


@final
class AsyncSharing:
    """What people may do and see: every act, check and list, for an event loop.

    Each method answers and raises as the one of `Sharing` with the same name, which documents it.
    Tasks may call it side by side. A task that is cancelled during an act does not know whether the
    act was done: send the same request again, with its request id.
    """

    def __init__(self, sharing: Sharing, bridge: Bridge | None = None) -> None:
        """Take the `Sharing` to call, by default in threads.

        Raises:
            WrongKind: an argument is of another type.
        """
        self._sharing = of_kind("sharing", sharing, Sharing)
        self._bridge = ThreadBridge() if bridge is None else bridge
        require_instance("bridge", self._bridge, Bridge)
        self._admin = AsyncAdmin(_admin=sharing.admin, _bridge=self._bridge)
        self._run = self._bridge.run

    @property
    def admin(self) -> "AsyncAdmin":
        """What operators may do and see, with nothing held back."""
        return self._admin

    @property
    def policy(self) -> Policy:
        """The deployment's settings."""
        return self._sharing.policy

    async def run(
        self,
        call: Callable[Concatenate[Sharing, ParamsT], ResultT],
        *args: ParamsT.args,
        **kwargs: ParamsT.kwargs,
    ) -> ResultT:
        """Call synchronous code with the `Sharing` of this object, beside the event loop."""
        return await self._run(call, self._sharing, *args, **kwargs)

    async def relay(
        self,
        *,
        pause: timedelta = PAUSE,
        delivered: Callable[[int], None] = ignore,
        failed: Callable[[StoreFailed], None] = ignore,
    ) -> None:
        """Send notices as they become due, until the task is cancelled: `exam_sharing.relay`.

        A relay that is cancelled while it sends first sends the few notices that it has claimed.
        The arguments are as for `watch`. Over a synchronous store, another thread calls `delivered`
        and `failed`.
        """
        stop = _Stop(self._bridge)
        watching = asyncio.ensure_future(
            self.run(watch, stop=stop, pause=pause, delivered=delivered, failed=failed)
        )
        try:
            await asyncio.shield(watching)
        except asyncio.CancelledError:
            stop.set()
            await watching
            raise

    async def add_upload(self, batch: UploadBatch, exams: Iterable[Exam]) -> None:
        """Record an upload, or more exams of one that is not sealed; all of them or none."""
        await self._run(self._sharing.add_upload, batch, exams)

    async def share(self, request: requests.ShareRequest) -> ShareReceipt:
        """Share exams. Specification: `#sharing`."""
        return await self._run(self._sharing.share, request)

    async def unshare(self, request: requests.UnshareRequest) -> UnshareReceipt:
        """End the grants to one principal on one exam. Specification: `#unsharing`."""
        return await self._run(self._sharing.unshare, request)

    async def narrow(self, request: requests.NarrowRequest) -> UnshareReceipt:
        """Cut one principal's grants on an exam down to a bound. Specification: `#narrowing`."""
        return await self._run(self._sharing.narrow, request)

    async def revoke(self, request: requests.RevokeRequest) -> UnshareReceipt:
        """End one grant. Specification: `#one-grant-by-its-id`."""
        return await self._run(self._sharing.revoke, request)

    async def preview(self, request: requests.Request) -> Preview:
        """Return what a request would do, and do nothing. Specification: `#previews`."""
        return await self._run(self._sharing.preview, request)

    async def can(self, user: UserId, permission: Permission, exam: ExamId) -> bool:
        """Return whether the user holds the permission on the exam; unknown ids are a no."""
        return await self._run(self._sharing.can, user, permission, exam)

    async def can_many(
        self, user: UserId, permission: Permission, exams: Iterable[ExamId]
    ) -> frozenset[ExamId]:
        """Return those of the exams on which the user holds the permission, at one moment."""
        return await self._run(self._sharing.can_many, user, permission, exams)

    async def viewer(self, user: UserId, token: str | None = None) -> "AsyncViewer":
        """Return the user with the groups that they are in now, for one request of the host."""
        viewer = await self._run(self._sharing.viewer, user, token)
        return AsyncViewer(_viewer=viewer, _bridge=self._bridge)

    async def record_access(
        self,
        user: UserId,
        exam: ExamId,
        permission: Permission,
        purpose: str | None = None,
        origin: str | None = None,
    ) -> None:
        """Record that the host serves an exam to a user now. Specification: `#who-looked`."""
        record = self._sharing.record_access
        await self._run(record, user, exam, permission, purpose, origin)

    async def accesses(
        self,
        user: UserId,
        exam: ExamId,
        *,
        since: datetime | None = None,
        before: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[ShownAccess]:
        """Return a page of who looked at an exam that the user owns, newest first."""
        return await self._run(
            self._sharing.accesses,
            user,
            exam,
            since=since,
            before=before,
            after=after,
            limit=limit,
        )

    async def share_form(self, actor: UserId, exam: ExamId) -> ShareForm:
        """Return what the form for sharing the exam offers. Specification: `#share-form`."""
        return await self._run(self._sharing.share_form, actor, exam)

    async def tabs(self, user: UserId, exam: ExamId) -> frozenset[Tab]:
        """Return the tabs that the exam has for the user; none without access."""
        return await self._run(self._sharing.tabs, user, exam)

    async def access_list(self, user: UserId, exam: ExamId) -> AccessList:
        """Return who has access, as far as the user may see it. Specification: `#access-list`."""
        return await self._run(self._sharing.access_list, user, exam)

    async def graph(
        self, user: UserId, exam: ExamId, *, preview: requests.EndingRequest | None = None
    ) -> SharingGraph:
        """Return how the grants on the access list rest on each other, as far as the user may see.

        Specification: `#chain-of-sharing`.
        """
        return await self._run(self._sharing.graph, user, exam, preview=preview)

    async def share_page(self, user: UserId, exam: ExamId) -> SharePage:
        """Return the tabs, the share form and the access list, with each fact queried once."""
        return await self._run(self._sharing.share_page, user, exam)

    async def names(self, user: UserId, principals: Iterable[PrincipalId]) -> Names:
        """Return the names of those of the principals whom the user may see in the directory."""
        return await self._run(self._sharing.names, user, principals)

    async def suggest(
        self, actor: UserId, exam: ExamId, text: str, limit: int = 10
    ) -> tuple[Choice, ...]:
        """Return the recipients that a text suggests, best first. Specification: `#suggestions`."""
        return await self._run(self._sharing.suggest, actor, exam, text, limit)

    async def recipients(
        self, actor: UserId, exam: ExamId, after: str | None = None, limit: int = 50
    ) -> Page[Choice]:
        """Return a page of all possible recipients, by name. Specification: `#select-from-list`."""
        return await self._run(self._sharing.recipients, actor, exam, after, limit)

    async def shared_with(
        self, user: UserId, after: str | None = None, limit: int = 50
    ) -> Page[VisibleExam]:
        """Return a page of the exams of others that the user can see, newest upload first."""
        return await self._run(self._sharing.shared_with, user, after, limit)

    async def visible_to(
        self, user: UserId, after: str | None = None, limit: int = 50
    ) -> Page[VisibleExam]:
        """Return a page of all exams that the user can see, newest upload first."""
        return await self._run(self._sharing.visible_to, user, after, limit)


@final
@attrs.frozen(kw_only=True, eq=False)
class AsyncViewer:
    """A user with their groups looked up once: a `Viewer`, each method to be awaited."""

    _viewer: Viewer = attrs.field(alias="_viewer", validator=is_a(Viewer))
    _bridge: Bridge = attrs.field(alias="_bridge", repr=False)

    @property
    def user(self) -> UserId:
        """The user."""
        return self._viewer.user

    @property
    def principals(self) -> frozenset[PrincipalKey]:
        """The user and every group that they were in; empty for an unknown or inactive user."""
        return self._viewer.principals

    async def can(self, permission: Permission, exam: ExamId) -> bool:
        """Return whether the user holds the permission on the exam."""
        return await self._bridge.run(self._viewer.can, permission, exam)

    async def can_many(self, permission: Permission, exams: Iterable[ExamId]) -> frozenset[ExamId]:
        """Return those of the exams on which the user holds the permission, at one moment."""
        return await self._bridge.run(self._viewer.can_many, permission, exams)

    async def shared_with(self, after: str | None = None, limit: int = 50) -> Page[VisibleExam]:
        """Return a page of the exams of others that the user can see, newest upload first."""
        return await self._bridge.run(self._viewer.shared_with, after, limit)

    async def visible_to(self, after: str | None = None, limit: int = 50) -> Page[VisibleExam]:
        """Return a page of all exams that the user can see, newest upload first."""
        return await self._bridge.run(self._viewer.visible_to, after, limit)


def _never() -> bool:
    return False


@final
@attrs.frozen(kw_only=True, eq=False)
class AsyncAdmin:
    """The door of the host's operators, for an event loop: `AsyncSharing.admin`.

    Each method answers and raises as the one of `Admin` with the same name, which documents it.
    """

    _admin: Admin = attrs.field(alias="_admin", repr=False)
    _bridge: Bridge = attrs.field(alias="_bridge", repr=False)

    async def explain(
        self, user: UserId, permission: Permission, exam: ExamId, *, at: datetime | None = None
    ) -> Permitted | Denied:
        """Return why the user holds the permission on the exam, or why not."""
        return await self._bridge.run(self._admin.explain, user, permission, exam, at=at)

    async def who_can(
        self, permission: Permission, exam: ExamId, *, at: datetime | None = None
    ) -> tuple[Holder, ...]:
        """Return every user who holds the permission on the exam, in the order of their ids."""
        return await self._bridge.run(self._admin.who_can, permission, exam, at=at)

    async def graph(
        self, exam: ExamId, *, preview: requests.EndingRequest | None = None
    ) -> SharingGraph:
        """Return the whole chain of sharing of the exam. Specification: `#chain-of-sharing`."""
        return await self._bridge.run(self._admin.graph, exam, preview=preview)

    async def access_at(self, exam: ExamId, at: datetime) -> AccessAt:
        """Return who could see the exam at a time of the past, with all that gave it to them."""
        return await self._bridge.run(self._admin.access_at, exam, at)

    async def history(
        self,
        *,
        exam: ExamId | None = None,
        user: UserId | None = None,
        since: datetime | None = None,
        before: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[Happening]:
        """Return a page of what happened to an exam, or by or to a user, newest first."""
        return await self._bridge.run(
            self._admin.history,
            exam=exam,
            user=user,
            since=since,
            before=before,
            after=after,
            limit=limit,
        )

    async def accesses(
        self,
        *,
        exams: Iterable[ExamId] | None = None,
        user: UserId | None = None,
        since: datetime | None = None,
        before: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[Access]:
        """Return a page of who looked at some exams, or at what a user looked, newest first."""
        return await self._bridge.run(
            self._admin.accesses,
            exams=exams,
            user=user,
            since=since,
            before=before,
            after=after,
            limit=limit,
        )

    async def disclosures(
        self,
        exams: Iterable[ExamId],
        since: datetime,
        until: datetime,
        *,
        counts: Callable[[Access], bool],
    ) -> tuple[Disclosure, ...]:
        """Return the accesses that the host counts as disclosures, by first time."""
        ask = self._admin.disclosures
        return await self._bridge.run(ask, exams, since, until, counts=counts)

    async def purge_accesses(
        self, *, before: datetime, performed_by: UserId | str, why: str
    ) -> int:
        """Delete the accesses that were over before an aware time; return the number of rows."""
        purge = self._admin.purge_accesses
        return await self._bridge.run(purge, before=before, performed_by=performed_by, why=why)

    async def flush_accesses(self) -> int:
        """Write the repeats that this process has counted; return the number of rows."""
        return await self._bridge.run(self._admin.flush_accesses)

    async def end_by_host(
        self,
        *,
        recipient: PrincipalId,
        exam: ExamId | None = None,
        reshares: requests.Reshares | None = None,
        performed_by: UserId | str,
        why: str,
    ) -> UnshareReceipt:
        """End a principal's grants on an exam, or everywhere."""
        return await self._bridge.run(
            self._admin.end_by_host,
            recipient=recipient,
            exam=exam,
            reshares=reshares,
            performed_by=performed_by,
            why=why,
        )

    async def withdraw(
        self, exam: ExamId, *, performed_by: UserId | str, why: str
    ) -> UnshareReceipt:
        """Withdraw an exam: all its grants end, and it is no longer found."""
        return await self._bridge.run(
            self._admin.withdraw, exam, performed_by=performed_by, why=why
        )

    async def replace_name(
        self, principal: PrincipalId, pseudonym: str, *, performed_by: UserId | str, why: str
    ) -> int:
        """Replace every name that the history keeps of a user or group; return how many."""
        return await self._bridge.run(
            self._admin.replace_name, principal, pseudonym, performed_by=performed_by, why=why
        )

    async def deliver_notices(self, stopped: Callable[[], bool] = _never) -> int:
        """Send the notices that are due, and return how many were sent.

        A task that is cancelled meanwhile may leave a notice sent that is sent once more.
        `AsyncSharing.relay` does not.
        """
        return await self._bridge.run(self._admin.deliver_notices, stopped)

    async def list_notices(
        self, after: str | None = None, limit: int = 50, *, given_up: bool | None = None
    ) -> Page[ListedNotice]:
        """Return a page of the notices that wait or were given up, oldest first, without messages.

        `given_up` chooses those that were given up, or those that wait; by default both.
        """
        return await self._bridge.run(self._admin.list_notices, after, limit, given_up=given_up)

    async def requeue_notices(self, notices: Iterable[NoticeId] | None = None) -> int:
        """Try notices that were given up once more, and return how many will be."""
        return await self._bridge.run(self._admin.requeue_notices, notices)


class _Stop:
    """Ends a relay from the event loop, and lets it pause beside the loop."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._stopped = asyncio.Event()

    def set(self) -> None:
        self._stopped.set()

    def is_set(self) -> bool:
        return self._stopped.is_set()

    def wait(self, timeout: float) -> None:
        self._bridge.wait_for(self._wait(timeout))

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
