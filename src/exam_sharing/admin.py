"""`Admin`: what operators may do and see, with nothing held back.

Its answers name grants, groups and people that a user of the portal may not know of. What people
may do and see is in `exam_sharing.sharing`.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import final, get_args

import attrs

from exam_sharing.accesses import Access, AccessQuery, Disclosure
from exam_sharing.acts import accesses, changing, delivering, drawing, showing
from exam_sharing.acts import history as past
from exam_sharing.acts.cursors import (
    MAX_PAGE,
    notice_cursor_after,
    notice_position,
    page_limit,
    page_of,
)
from exam_sharing.errors import InvalidArgument
from exam_sharing.events import ListedNotice
from exam_sharing.grants import Permission
from exam_sharing.graph import SharingGraph
from exam_sharing.history import Happening, NameReplaced, Stretch
from exam_sharing.identifiers import ExamId, NoticeId, PrincipalId, UserId
from exam_sharing.policy.access import Holder
from exam_sharing.policy.decisions import Denied, Permitted
from exam_sharing.policy.past import AccessAt, Moment
from exam_sharing.policy.plans import UnshareReceipt
from exam_sharing.policy.requests import (
    AccessPurge,
    EndingRequest,
    HostEnding,
    Reshares,
    Withdrawal,
)
from exam_sharing.policy.settings import Policy
from exam_sharing.policy.views import Page
from exam_sharing.ports import Ports
from exam_sharing.recording import Recorder
from exam_sharing.validation import (
    instant,
    optional_instant,
    require_callable,
    require_kind,
    set_of,
    tuple_of,
)

__all__ = ["Admin", "require_fitting_preview", "require_question"]


def require_question(user: object, permission: object, exam: object) -> None:
    """Raise `WrongKind` unless these are a user, a permission and an exam."""
    if type(user) is UserId and type(permission) is Permission and type(exam) is ExamId:
        return
    require_kind("user", user, UserId)
    require_kind("permission", permission, Permission)
    require_kind("exam", exam, ExamId)


def access_query(
    *,
    exams: Iterable[ExamId] | None = None,
    user: UserId | None = None,
    since: datetime | None = None,
    before: datetime | None = None,
    limit: int = MAX_PAGE,
) -> AccessQuery:
    """Return which accesses are wanted; raise an error of ours for what cannot be asked."""
    require_kind("user", user, UserId, type(None))
    return AccessQuery(
        exams=None if exams is None else set_of("exams", exams, ExamId),
        users=None if user is None else frozenset((user,)),
        since=optional_instant("since", since),
        before=optional_instant("before", before),
        limit=page_limit(limit),
    )


def require_fitting_preview(exam: ExamId, preview: EndingRequest | None) -> None:
    """Raise an error of ours unless this is a request to end grants on the exam, or `None`."""
    require_kind("preview", preview, *get_args(EndingRequest), type(None))
    if getattr(preview, "exam", exam) != exam:
        raise InvalidArgument("preview", "must name the exam of the graph")


def _never() -> bool:
    return False


@final
@attrs.frozen(kw_only=True, eq=False)
class Admin:
    """The door of the host's operators: `Sharing.admin`. All times are aware.

    Every method raises `WrongKind` for an argument of another type, and `InvalidValue` for a cursor
    or limit that cannot be used.
    """

    _policy: Policy = attrs.field(alias="_policy", repr=False)
    _ports: Ports = attrs.field(alias="_ports", repr=False)
    _recorder: Recorder = attrs.field(alias="_recorder", repr=False)
    _now: Callable[[], datetime] = attrs.field(alias="_now", repr=False)
    _new_act: Callable[[], str] = attrs.field(alias="_new_act", repr=False)

    def explain(
        self, user: UserId, permission: Permission, exam: ExamId, *, at: datetime | None = None
    ) -> Permitted | Denied:
        """Return why the user holds the permission on the exam, or why not.

        With `at`, an aware time of the past: why they held it then, as `access_at` knows it.
        """
        require_question(user, permission, exam)
        if at is not None:
            moment = Moment(at=instant("at", at))
            return past.explain_at(self._ports, user, permission, exam, moment)
        return showing.explain(self._ports, user, permission, exam, self._now())

    def who_can(
        self, permission: Permission, exam: ExamId, *, at: datetime | None = None
    ) -> tuple[Holder, ...]:
        """Return every user who holds the permission on the exam, in the order of their ids.

        A user is among them exactly when `Sharing.can` says yes. `explain` returns the groups by
        which a grant reaches one of them. With `at`, an aware time of the past: everybody who held
        it then, as `access_at` knows it.

        Raises:
            Refused: there is no such exam.
        """
        require_kind("permission", permission, Permission)
        require_kind("exam", exam, ExamId)
        if at is not None:
            return past.who_could(self._ports, permission, exam, Moment(at=instant("at", at)))
        return showing.who_can(self._ports, permission, exam, self._now())

    def graph(self, exam: ExamId, *, preview: EndingRequest | None = None) -> SharingGraph:
        """Return the whole chain of sharing of the exam. Specification: `#chain-of-sharing`.

        It has every grant that was ever made, with its end, also on an exam that was withdrawn or
        that the host no longer has. `preview` marks the grants that a request would end.

        Raises:
            Refused: there is no such exam and no sharing of one is kept, or a rule forbids the act.
            RequestIdReused: the request id was used for another request.
        """
        require_kind("exam", exam, ExamId)
        require_fitting_preview(exam, preview)
        return drawing.whole_graph(self._ports, self._policy, exam, preview, self._now())

    def access_at(self, exam: ExamId, at: datetime) -> AccessAt:
        """Return who could see the exam at a time of the past, with all that gave it to them.

        At a time is: after the last version of the exam, and after the last change of each user and
        group, whose time is not later. `certain` is false for a time that has not come, and
        where the directory keeps no history: the groups of today were asked.

        Raises:
            Refused: there was no such exam.
            StoreFailed: the store keeps no history.
        """
        require_kind("exam", exam, ExamId)
        moment = Moment(at=instant("at", at))
        seen = past.access_at(self._ports, exam, moment)
        return attrs.evolve(seen, certain=False) if moment.at > self._now() else seen

    def history(
        self,
        *,
        exam: ExamId | None = None,
        user: UserId | None = None,
        since: datetime | None = None,
        before: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[Happening]:
        """Return a page of what happened to an exam, or by or to a user, newest first.

        Of an exam: acts, refusals, changes of owner, and changes of users and groups while they or
        a group around them had a grant on it. Of a user: acts and refusals that name them, changes
        of them, and of groups that they joined or left. Of both: the part of the exam's history
        that names the user. Entries from `since` on and before `before`, both aware.

        Raises:
            InvalidArgument: neither an exam nor a user was given.
            StoreFailed: the store keeps no history.
        """
        require_kind("exam", exam, ExamId, type(None))
        require_kind("user", user, UserId, type(None))
        wanted = Stretch(
            since=optional_instant("since", since),
            before=optional_instant("before", before),
            limit=page_limit(limit),
        )
        return past.history(self._ports, exam, user, wanted, after)

    def accesses(
        self,
        *,
        exams: Iterable[ExamId] | None = None,
        user: UserId | None = None,
        since: datetime | None = None,
        before: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[Access]:
        """Return a page of who looked at some exams, or at what a user looked, newest first.

        Of those that were not over before `since`, and began before `before`, both aware. Repeats
        that other processes have not written yet are missing from counts and last times.

        Raises:
            InvalidArgument: neither exams nor a user were given.
            StoreFailed: the store keeps no accesses.
        """
        if exams is None and user is None:
            raise InvalidArgument("exams or user", "must be given, or both")
        wanted = access_query(exams=exams, user=user, since=since, before=before, limit=limit)
        return accesses.page(self._recorder, wanted, after)

    def disclosures(
        self,
        exams: Iterable[ExamId],
        since: datetime,
        until: datetime,
        *,
        counts: Callable[[Access], bool],
    ) -> tuple[Disclosure, ...]:
        """Return the accesses that the host counts as disclosures, by first time.

        A patient may ask for these of the last six years. An access counts if `counts` returns
        true: 45 CFR 164.528 leaves out treatment, payment and operations, among others, so most
        accesses do not count. Those of one user to one exam for one purpose are one disclosure.
        Accesses from `since` on and before `until`, both aware, as in `accesses`.

        Raises:
            WrongKind: `counts` returned something else than a bool.
            StoreFailed: the store keeps no accesses.
        """
        require_callable("counts", counts)
        began, ended = instant("since", since), instant("until", until)
        wanted = access_query(exams=exams, since=began, before=ended)
        return accesses.disclosures(self._recorder, wanted, counts)

    def purge_accesses(self, *, before: datetime, performed_by: UserId | str, why: str) -> int:
        """Delete the accesses that were over before an aware time; return the number of rows.

        Rows of the running window of `Policy.access_window` stay: processes still count in them.
        The history of every exam keeps who did so, why, and the number of rows. Where there is
        nothing to delete, nothing is recorded.

        Raises:
            StoreFailed: the store keeps no accesses, or cannot be written.
        """
        request = AccessPurge(before=before, performed_by=performed_by, why=why)
        return accesses.purge(self._recorder, request, self._now())

    def flush_accesses(self) -> int:
        """Write the repeats that this process has counted; return the number of rows.

        Call it before the process ends, and in a process that is idle for long.

        Raises:
            StoreFailed: they could not be written, and still wait.
        """
        return self._recorder.flush()

    def end_by_host(
        self,
        *,
        recipient: PrincipalId,
        exam: ExamId | None = None,
        reshares: Reshares | None = None,
        performed_by: UserId | str,
        why: str,
    ) -> UnshareReceipt:
        """End a principal's grants on an exam, or everywhere.

        Raises:
            Refused: there is no such exam and no sharing of one is kept, or re-shares restrict it.
            Conflict: other acts kept changing the same exams; try again.
        """
        request = HostEnding(
            recipient=recipient, exam=exam, reshares=reshares, performed_by=performed_by, why=why
        )
        return changing.end_by_host(
            self._ports, self._policy, request, self._now(), self._new_act()
        )

    def withdraw(self, exam: ExamId, *, performed_by: UserId | str, why: str) -> UnshareReceipt:
        """Withdraw an exam: all its grants end, and it is no longer found.

        Withdrawing what was withdrawn does nothing.

        Raises:
            Refused: there is no such exam, and no sharing of one is kept.
            Conflict: other acts kept changing it; try again.
        """
        request = Withdrawal(exam=exam, performed_by=performed_by, why=why)
        return changing.withdraw(self._ports, request, self._now())

    def replace_name(
        self, principal: PrincipalId, pseudonym: str, *, performed_by: UserId | str, why: str
    ) -> int:
        """Replace every name that the history keeps of a user or group; return how many.

        The former names are gone for good, and `verify` finds nothing edited. The history says who
        did it and why; `why` is kept for good, so it must not hold a name. A second call with the
        same pseudonym does nothing.

        Raises:
            InvalidArgument: the directory still has another name of the principal: remove it, or
                rename it there, before. Or the history knows no such principal.
            StoreFailed: the directory keeps no history, or cannot be written.
        """
        replaced = NameReplaced(
            at=self._now(), principal=principal, name=pseudonym, performed_by=performed_by, why=why
        )
        return past.replace_name(self._ports, replaced)

    def deliver_notices(self, stopped: Callable[[], bool] = _never) -> int:
        """Send the notices that are due, and return how many were sent.

        `Policy.retries` decides whether a notice that failed is tried again later or given up. A
        notice that is no longer true is dropped. Any number of processes and threads may deliver
        at once.

        `stopped` is called before each few notices; where it returns true, the rest waits.

        Accesses that this process has counted are written before, as by `flush_accesses`.

        Raises:
            StoreFailed: the outbox cannot be read or written; nothing is lost, but a notice that
                was just sent may be sent again.
        """
        require_callable("stopped", stopped)
        self._recorder.flush_if_possible()  # Notices do not wait for accesses.
        sent, tried = 0, set[NoticeId]()
        while not stopped():
            outcomes = delivering.deliver_due(self._ports, self._policy, self._now)
            sent += sum(outcomes.values())
            # A notice that failed may be due again at once: leave it to the next delivery.
            if len(outcomes) < delivering.BATCH or not tried.isdisjoint(outcomes):
                break
            tried |= outcomes.keys()
        return sent

    def list_notices(
        self, after: str | None = None, limit: int = 50, *, given_up: bool | None = None
    ) -> Page[ListedNotice]:
        """Return a page of the notices that wait or were given up, oldest first, without messages.

        `given_up` chooses those that were given up, or those that wait; by default both.
        """
        require_kind("given_up", given_up, bool, type(None))
        behind, most = notice_position(after), page_limit(limit)
        found = self._ports.outbox.listed(behind, most + 1, given_up=given_up)
        return page_of(found, most, notice_cursor_after)

    def requeue_notices(self, notices: Iterable[NoticeId] | None = None) -> int:
        """Try notices that were given up once more, and return how many will be.

        They wait like new ones, but without the personal message, which was erased. Those that were
        not given up are left alone.
        """
        named = None if notices is None else tuple_of("notices", notices, NoticeId)
        return self._ports.outbox.requeue(named)
