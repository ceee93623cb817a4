"""Ports: what a host supplies for the world outside, or takes from `exam_sharing.memory`.

Every port may raise any error; an error never permits anything. A port over a library turns the
library's errors into `StoreFailed`.

Each answer of a *reading* port is from one moment. No method is called once per
grant or once per user: each takes many identifiers. Times are aware, in UTC; limits are 1 or more.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Final, Protocol, TypeAlias

import attrs
from typing_extensions import override

from exam_sharing.accesses import Access, AccessQuery
from exam_sharing.events import (
    AccessesPurged,
    Claim,
    Event,
    ListedNotice,
    ShareNotice,
    WaitingNotice,
)
from exam_sharing.exams import Exam, UploadBatch
from exam_sharing.grants import EndedGrant, Grant, Permission
from exam_sharing.history import Happening, NameReplaced, Stretch
from exam_sharing.identifiers import (
    ExamId,
    GrantId,
    GroupId,
    Keys,
    NoticeId,
    PrincipalId,
    PrincipalKey,
    ShareId,
    UserId,
)
from exam_sharing.policy.facts import (
    ExamFacts,
    ExamGrants,
    Involvement,
    MembersSeen,
    People,
    PeopleBehind,
    Profile,
)
from exam_sharing.policy.past import ExamPast, Moment, PeopleThen, Span
from exam_sharing.policy.plans import Share, ShareReceipt, UnshareReceipt, moved
from exam_sharing.policy.requests import ShareRequest
from exam_sharing.policy.retries import Settlement
from exam_sharing.policy.views import VisibleExam

Principals: TypeAlias = frozenset[PrincipalId]
Receipt: TypeAlias = ShareReceipt | UnshareReceipt
"""What an act returns to its actor."""


@attrs.frozen(kw_only=True)
class StoredReceipt:
    """The receipt of an act that had a request id.

    The fingerprint, at most 80 characters of ASCII, stands for the request without its message: the
    same id with another fingerprint is another request.
    """

    actor: UserId
    request_id: str
    fingerprint: str
    receipt: Receipt


@attrs.frozen(kw_only=True)
class Changes:
    """What one act writes, as a whole or not at all.

    Attributes:
        versions: of every exam that was read; if one has changed, the commit is a conflict.
        withdrawn: the exam that is no longer found.
    """

    versions: Mapping[ExamId, int]
    made: tuple[Grant, ...] = ()
    ended: tuple[EndedGrant, ...] = ()
    withdrawn: ExamId | None = None
    share: Share | None = None
    receipt: StoredReceipt | None = None
    notices: tuple[WaitingNotice, ...] = ()
    event: Event

    @property
    def moved(self) -> frozenset[ExamId]:
        """The exams whose sharing changes, so that their versions go up by one."""
        return moved(self.made, self.ended, self.withdrawn)


class ExamReader(Protocol):
    """The host's exams.

    A withdrawn exam may be among the answers or not: `GrantReader` reports that it was withdrawn.
    An exam that the host no longer has is not among them, so nobody has access to it; if the exam
    comes back, its grants are valid again. An id is never used again for another exam.

    Acts read versions before owners. If a change of owner also raises the version, it conflicts
    with every act that read the former owner.
    """

    def find(self, exams: tuple[ExamId, ...]) -> tuple[Exam, ...]:
        """Return those of the exams that there are, in any order; leave unknown ones out.

        Each comes as it was uploaded. An exam that is named twice may come once or twice.
        """

    def batch_of(self, exam: ExamId) -> tuple[Exam, ...]:
        """Return the exam's whole batch, newest upload first, then by id downward.

        Empty when there is no such exam.
        """


class ExamWriter(Protocol):
    """Where uploads are recorded, for hosts that keep no exams of their own."""

    def add(self, batch: UploadBatch, exams: tuple[Exam, ...]) -> None:
        """Record a batch, or further exams of one batch, as a whole or not at all.

        An upload of no exams can seal a batch. A sealed batch may be sealed once more, and is never
        opened again.

        Raises:
            AlreadyExists: an exam of that id is there.
            BatchSealed: the batch takes no more exams.
            WrongBatch: the batch is there with other details.
        """


class GrantReader(Protocol):
    """The stored grants and receipts."""

    def read(self, exams: tuple[ExamId, ...], *, ended: bool) -> Mapping[ExamId, ExamGrants]:
        """Return the version and the grants of each exam at one moment, ended grants on request.

        Every exam is in the answer, at version 0 where nothing was ever shared.
        """

    def find_grants(self, ids: Iterable[GrantId]) -> tuple[Grant, ...]:
        """Return those of the grants that there are, ended or not, in any order.

        Grants never change, so they can be read at any time. A grant that is named twice may come
        once or twice.
        """

    def removed(
        self, exams: tuple[ExamId, ...], recipients: tuple[PrincipalId, ...]
    ) -> Mapping[ExamId, Principals]:
        """Return those of the recipients whom an owner removed from each exam, at one moment.

        An owner removes a principal by ending a grant to them. The ending is `UNSHARED`, as
        `OWNER`. The next share that makes a grant to them with the basis `OWNER` readmits them. The
        replacement of a narrowed grant readmits nobody. Every exam is in the answer.
        """

    def grants_of_share(
        self, share: ShareId, exams: Iterable[ExamId], recipients: Iterable[PrincipalKey]
    ) -> tuple[Grant, ...]:
        """Return the grants of a share on some exams to some principals, in any order.

        Ended grants are left out, and grants on a withdrawn exam. Some may have expired. The
        replacement of a narrowed grant belongs to the same share.
        """

    def exams_granted_to(self, recipient: PrincipalId) -> tuple[ExamId, ...]:
        """Return the exams with grants to the principal that have not been ended, in id order."""

    def receipt(self, actor: UserId, request_id: str) -> StoredReceipt | None:
        """Return the receipt that is kept under a request id of the actor, if any."""


class GrantWriter(Protocol):
    """Where acts are written."""

    def commit(self, changes: Changes) -> bool:
        """Write all of the changes, or none.

        Returns false, with nothing written, when the version of an exam has moved since it was
        read, or when the request id of the receipt is taken by now. An exam at version 0 in `read`
        is at 0 here too, whether it was ever uploaded or not. If an exam that
        is written to no longer exists, the store may return false as well.

        Raises:
            Unconfirmed: all is written, but no standby has confirmed it in time.
            StoreFailed: an id is taken, or comes twice, or the store cannot be written. An id is
                taken by a grant on the same exam, ended or not, a share, or a notice that waits or
                was given up. Acts never give one id to grants on two exams.
        """

    def step_aside(self, lost: int) -> None:
        """Back off before an act is decided again; it has lost `lost` races, at least one.

        Where many write at once, a long act would otherwise lose to short ones for ever. A wait of
        random length that grows with each lost race gives every act its turn. A store without races
        does nothing.
        """

    def locked(
        self,
        exams: tuple[ExamId, ...],  # noqa: ARG002  there is nothing to lock
    ) -> "AbstractContextManager[GrantWriter | None]":
        """Open a context in which nobody else changes the sharing of the exams, sorted by id.

        An act that lost a few races decides inside it, from fresh facts, and commits by the writer
        that the context returns. That commit, or else the end of the context, releases the lock.
        Inside, other calls of the same thread must not wait for what other threads hold. A store
        without such a lock returns `None`, as the protocol does; the act then races as before.

        Raises:
            Conflict: others held the lock for longer than the store waits (seconds). At the end of
                the context: the act held the lock for too long, and has written nothing.
            Unconfirmed: the end of the context has written all, as a commit does.
        """
        return nullcontext()


class AccessReader(Protocol):
    """The queries that a portal makes on every request: keep them fast, one read each.

    A grant gives nothing to the user who made it. An exam that was withdrawn, or that `ExamReader`
    does not find, is treated as missing.
    """

    def involved(
        self, user: UserId, principals: Keys, named: ExamId | GrantId, now: datetime
    ) -> Involvement | None:
        """Return how the user is involved with an exam: they can see it, or granted something.

        Acts call this before any other query on the exam, so that a hidden exam costs as little as
        a missing one.

        The exam is named by its own id, or by that of a grant on it, ended or not. The answer is
        `None` if there is no such exam or grant. It is also `None` if the user cannot see the exam
        and made no grant on it, or, where a grant is named, did not make that grant.
        """

    def holds(
        self, user: UserId, principals: Keys, permission: Permission, exam: ExamId, now: datetime
    ) -> bool:
        """Return whether the user holds the permission: as the owner, or by a standing grant."""

    def holding(
        self,
        user: UserId,
        principals: Keys,
        permission: Permission,
        exams: Iterable[ExamId],
        now: datetime,
    ) -> frozenset[ExamId]:
        """Return those of the exams on which the user holds the permission, at one moment."""

    def visible(
        self,
        user: UserId,
        principals: Keys,
        after: tuple[datetime, str] | None,
        limit: int,
        now: datetime,
        *,
        own: bool,
    ) -> tuple[VisibleExam, ...]:
        """Return the first exams that the user can see, newest upload first, then by id downward.

        The list begins after the time of upload and the id in `after`; no visible exam need have
        them. The exams that the user owns are among them if `own` is true.
        """


READ_AT_ONCE: Final = frozenset({"find", "batch_of", "read", "holds", "involved"})
"""The methods of three ports that a `FactReader` answers for."""


class FactReader(AccessReader, Protocol):
    """An `AccessReader` that also answers at once what views and acts ask of several ports.

    Most stores need none of this: views and acts query the other ports one after another, and get
    the same answers. Before anything else of an exam or of its batch is read, the same query finds
    out whether the user may know of it, so that a hidden exam costs as little as a missing one.

    These methods are used where one object is the port of exams, of grants and of access, and no
    subclass overrides one of `READ_AT_ONCE` alone.
    """

    def permission_held(
        self, user: UserId, principals: Keys, exam: ExamId, now: datetime
    ) -> Permission | None:
        """Return the highest permission that the user holds by `holds`; `None` for none."""

    def facts_seen(
        self, user: UserId, principals: Keys, exam: ExamId, now: datetime, *, batch: bool
    ) -> tuple[ExamFacts, ...]:
        """Return the exam, or its whole batch in the order of `batch_of`, with standing grants.

        Empty where the user cannot see the exam. Without the withdrawn exams of the batch.
        """

    def facts_involved(
        self,
        user: UserId,
        principals: Keys,
        named: ExamId | GrantId,
        now: datetime,
        *,
        own: bool,
    ) -> tuple[Involvement, ExamFacts] | None:
        """Return the answer of `involved`, and the exam with its standing grants.

        If `own`, only where `Involvement.own` is true; otherwise `None`, and no grant is read.
        """


class Outbox(Protocol):
    """Notices that wait to be sent, and those that were given up.

    A notice is *due* if it is new, if its claim has lapsed, or if the time of its next attempt has
    come. A claimed notice is not due, nor is one that was given up.
    """

    def claim(
        self, now: datetime, until: datetime, limit: int, share: ShareId | None
    ) -> tuple[Claim, ...]:
        """Return notices that are due, and keep them from everybody else until they are settled.

        Up to `limit` are chosen: the longest due first, new before tried ones; then those with the
        fewest failures; then the oldest. Of these, the fewest failures come first, then the oldest.
        A claim that is not settled by `until` lapses. If `share` is given, only its notices are
        claimed.
        """

    def settle(self, claim: Claim, settlement: Settlement) -> None:
        """Record the outcome of a delivery attempt, and end the claim.

        A notice that is `Done` is forgotten. Otherwise its number of attempts goes up by one. If it
        is given up, its message is erased. Nothing is done if somebody else has claimed the notice
        since, or the claim was settled before.
        """

    def listed(
        self, after: int | None, limit: int, *, given_up: bool | None
    ) -> tuple[ListedNotice, ...]:
        """Return the first notices behind the number `after`, in the order in which they came.

        If `given_up` is true, only those given up; if false, only those that wait; `None` for both.
        """

    def requeue(self, notices: tuple[NoticeId, ...] | None) -> int:
        """Let given-up notices wait again like new ones, all for `None`; return how many now do.

        Their messages stay erased.
        """


class Directory(Protocol):
    """Users and groups, and who may see whom."""

    def principals_of(self, user: UserId) -> Keys:
        """Return the keys of the user and of every group that they are in, to any depth.

        Empty for a user who is unknown or inactive. Called on every check: keep it fast.
        """

    def profiles(self, users: Iterable[UserId]) -> Mapping[UserId, Profile]:
        """Return the profile of each user; `Profile.unknown` for an unknown one."""

    def people_behind(self, principals: Iterable[PrincipalId]) -> PeopleBehind:
        """Return, for each principal, the active users that it reaches, to any depth."""

    def seen_by(self, actor: UserId, principals: Iterable[PrincipalId]) -> Principals:
        """Return the principals that exist, are active, and that the actor may see."""

    def members_seen_by(self, actor: UserId, groups: Iterable[GroupId]) -> MembersSeen:
        """Return, for each group, the members that the actor may know of, to any depth.

        These are active users and groups. The actor may see each of them, and the members of every
        group on the path to it. A group has no such members if it is unknown, or if the actor may
        not see its members.
        """

    def names(self, principals: Iterable[PrincipalId]) -> Mapping[PrincipalId, str]:
        """Return the names of the known principals; access lists leave out the others."""

    def path(self, user: UserId, principal: PrincipalId) -> tuple[PrincipalId, ...]:
        """Return a shortest chain of memberships from the user to the principal, both included.

        Empty when the user is not in the principal.
        """

    def suggest(
        self, actor: UserId, text: str, limit: int, leave_out: Principals, *, whole: bool = False
    ) -> tuple[tuple[PrincipalId, str], ...]:
        """Return the principals that a typed text suggests, with their names, best first.

        Case, accents and Unicode form do not matter. Whole names (words in any order) and whole
        addresses come first; then names and addresses that begin with the text; then names in which
        every typed word begins a word. Ties are ordered by name, then by key. `Typed.fit` of
        `exam_sharing.names` computes this for one name. Never suggest principals that are inactive,
        unseen by the actor, or in `leave_out`. If `whole`, suggest whole names and addresses only.
        """

    def listed(
        self, actor: UserId, after: tuple[str, str] | None, limit: int, leave_out: Principals
    ) -> tuple[tuple[PrincipalId, str], ...]:
        """Return the first principals by name, then by key, with the exclusions of `suggest`.

        The list begins behind the name and the key of `after`.
        """


SEEN_AT_ONCE: Final = frozenset({"seen_by", "people_behind", "members_seen_by", "names"})
"""The methods of a directory that a `PeopleReader` answers for."""


class PeopleReader(Directory, Protocol):
    """A `Directory` that also answers at once what a share asks of its recipients.

    Most directories need none of this: a share asks their other methods one after another. It does
    so too where a subclass overrides one of `SEEN_AT_ONCE` alone.
    """

    def people_seen(
        self, actor: UserId, principals: Iterable[PrincipalId]
    ) -> tuple[People, Mapping[PrincipalId, str]]:
        """Return those of the principals that `seen_by` returns, and their names.

        With them come the answers of `people_behind`, and of `members_seen_by` for the groups among
        them; nothing of the other principals, and no profiles.
        """


class Notifier(Protocol):
    """How notices reach people."""

    def send(self, notice: ShareNotice) -> None:
        """Send the notice.

        Any error means that the notice was not sent. It is tried again until `Policy.retries` gives
        it up. Operators see the name of the error's type and nothing else. A notice without
        an address arrives in another way, or is not sent. The message arrives as it was written.
        Keep the message and the address out of log lines, errors and the causes of errors.

        Raises:
            NotifierFailed: it was not sent. Operators see its `problem`; where it is `permanent`,
                the notice is given up at once.
        """


class AuditTrail(Protocol):
    """Where refusals are recorded; the commit of an act records the act."""

    def record(self, event: Event) -> None:
        """Keep an event for good."""


class SharingHistory(Protocol):
    """What a store keeps of the past, for operators; most custom stores need none of this.

    Each answer reads by index, never the whole trail.
    """

    def past(self, exam: ExamId, moment: Moment) -> ExamPast:
        """Return what is kept of an exam, and its version at the moment.

        By time, that is the last version whose time is not later; 0 if there is none.
        """

    def happened(
        self, exam: ExamId | None, user: UserId | None, wanted: Stretch
    ) -> tuple[Happening, ...]:
        """Return acts and refusals that name the exam, or the user, or both; newest first.

        Entries are sorted by time, then by number, both downward. A refusal that named a grant on
        the exam is among them. At least one of exam and user is given.
        """


class PeopleHistory(Protocol):
    """What a directory keeps of its own past, for operators; without it, nobody knows it.

    It is used where no subclass overrides one of `PEOPLE_NOW` alone. Changes are numbered from 1 in
    an order in which those of one user or group were made; their times never go back.
    """

    def remembers(self, at: datetime) -> bool:
        """Return whether it knows the state of that time; if not, that of today is used."""

    def members_then(self, principals: Iterable[PrincipalId], moment: Moment) -> PeopleThen:
        """Return the memberships below the principals at the moment, and the active users."""

    def groups_then(self, user: UserId, moment: Moment) -> PeopleThen:
        """Return the memberships above a user at the moment, and whether the user was active."""

    def changes(
        self, spans: Iterable[Span] | None, user: UserId | None, wanted: Stretch
    ) -> tuple[Happening, ...]:
        """Return changes of users and groups; newest first, by time and then by number.

        A change is found by each principal that it changed or that held the changed one, to any
        depth; its time must be in a span of that principal. If a user is given, only changes of
        that user, and of groups that the user joined or left; for `None` spans, all of these.
        """

    def last_change(self) -> int:
        """Return the number of the last change; 0 if there is none."""

    def replace_name(self, replaced: NameReplaced) -> int:
        """Replace every name that is kept of a user or group; return in how many changes.

        The replacement is recorded as a change, in the same transaction and not before the time of
        the last change of that principal. Where every name was replaced before, nothing is written.

        Raises:
            InvalidArgument: the principal has another name in the directory now, or nothing was
                ever recorded of it.
        """


PEOPLE_NOW: Final = frozenset({"principals_of", "profiles", "people_behind", "path"})
"""The methods of a directory for which a `PeopleHistory` answers about the past."""


class AccessLog(Protocol):
    """Where accesses are kept that the host reports; many custom stores need none of this."""

    def put(self, accesses: tuple[Access, ...]) -> bool:
        """Add accesses to their rows, all or none; return whether they are there for good.

        A row is made by the first access with its `Access.id`. To a row that is there, the count is
        added, and its first and last time are moved; several processes may do so at once. The
        answer is false where the host's transaction may still roll back.
        """

    def find(self, wanted: AccessQuery) -> tuple[Access, ...]:
        """Return wanted rows, newest first: by `Access.place` downward.

        At least one of exams and users is given. Reads by index, by exam or by user.
        """

    def purge(self, purged: AccessesPurged) -> int:
        """Delete the rows of which the last time is before `purged.request.before`.

        In the same transaction, `purged` is recorded in the audit trail, with the number of rows
        that were deleted, which is returned. If there are none, nothing is recorded.
        """


class HostFacts(Protocol):
    """Facts of the host's own, for its own rules."""

    def about(self, request: ShareRequest, exams: tuple[ExamId, ...]) -> object:
        """Return whatever the host's rules need to decide the share of these exams."""


class NoHostFacts(HostFacts):
    """For hosts whose rules need no facts of their own."""

    @override
    def about(self, request: ShareRequest, exams: tuple[ExamId, ...]) -> None:
        """Return nothing."""


@attrs.frozen(kw_only=True)
class Readers:
    """What answers checks and lists.

    Attributes:
        access: what users hold.
        principals_of: as in `Directory`; without it, the directory answers.
    """

    access: AccessReader
    principals_of: Callable[[UserId], Keys] | None = None


class Reading(Protocol):
    """Copies of a store that answer checks and lists in its place, and no older than is accepted.

    Acts, and whatever an act reads, do not use them.
    """

    def readers(self, token: str | None) -> Readers:
        """Return what answers, with a token no older than the write that it belongs to.

        Raises:
            InvalidInput: the token is none of this store, or of no write until now.
        """

    def token(self) -> str:
        """Return a token of everything that was written until now."""


@attrs.frozen(kw_only=True)
class Ports:
    """Everything that a host supplies, or takes ready-made."""

    exams: ExamReader
    uploads: ExamWriter
    grants: GrantReader
    writer: GrantWriter
    access: AccessReader
    outbox: Outbox
    directory: Directory
    notifier: Notifier
    audit: AuditTrail
    host_facts: HostFacts
    history: SharingHistory | None = None
    accesses: AccessLog | None = None
