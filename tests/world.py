"""A small portal to tell examples in.

Five people and two groups, a CD with three exams that Anna owns, a clock that stands still until
the test moves it, and numbered ids. A test adds what else its example needs.
"""

import pickle
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final

from exam_sharing import (
    AccessEntry,
    BatchId,
    Exam,
    ExamId,
    Grant,
    GrantId,
    Group,
    GroupId,
    NarrowRequest,
    Permission,
    Policy,
    PrincipalId,
    Reason,
    ReasonCode,
    Refused,
    ShareNotice,
    ShareReceipt,
    ShareRequest,
    UnshareReceipt,
    UnshareRequest,
    UploadBatch,
    User,
    UserId,
)
from exam_sharing.identifiers import id_within
from exam_sharing.memory import MemoryDirectory, MemoryNotifier, open_sharing
from exam_sharing.policy.access import in_order
from exam_sharing.testing.performing import perform
from where_kept import empty_store

VIEW: Final = Permission.VIEW
DOWNLOAD: Final = Permission.DOWNLOAD

ANNA: Final = UserId("anna")
BEN: Final = UserId("ben")
CARLA: Final = UserId("carla")
DAN: Final = UserId("dan")
EVA: Final = UserId("eva")
NOBODY: Final = UserId("nobody")
"""A user whom no directory knows."""

NURSES: Final = GroupId("nurses")
"""Holds Dan and Eva."""
CLINIC: Final = GroupId("clinic")
"""Holds Carla and the nurses."""

CT: Final = ExamId("ct")
MR: Final = ExamId("mr")
XRAY: Final = ExamId("xray")
NO_EXAM: Final = ExamId("no-exam")
"""An exam that was never uploaded."""

CD: Final = BatchId("cd")

START: Final = datetime(2030, 1, 1, 12, tzinfo=UTC)
DAY: Final = timedelta(days=1)
WEEK: Final = timedelta(weeks=1)


class Clock:
    """Tells the time that the test set."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


class FailingNotifier(MemoryNotifier):
    """Sends nothing for as long as it is broken."""

    def __init__(self) -> None:
        super().__init__()
        self.broken = True

    def send(self, notice: ShareNotice) -> None:
        if self.broken:
            raise OSError
        super().send(notice)


class World:
    """A portal, with shorthands for what examples do most.

    Args:
        visible: whether an actor may see a principal in the directory.
        members_visible: whether an actor may see who is in a group.
        notifier: by default one that keeps what it is given.
        host_facts: facts for the host's own rules.
        store: what keeps everything; by default an empty one where the running test keeps it. One
            that holds the CD already is taken as it is.
        first_act: the number of the first act; those below have been given to acts in the store.
        settings: of the policy, by the names of `Policy`.
    """

    def __init__(
        self,
        *,
        visible: Callable[[UserId, PrincipalId], bool] = lambda *_: True,
        members_visible: Callable[[UserId, GroupId], bool] = lambda *_: True,
        notifier: MemoryNotifier | None = None,
        host_facts: Any = None,
        store: Any = None,
        first_act: int = 1,
        **settings: Any,
    ) -> None:
        self.policy = Policy(**settings)
        self.clock = Clock()
        self.store = empty_store() if store is None else store
        self.notifier = MemoryNotifier() if notifier is None else notifier
        self.directory = MemoryDirectory(visible=visible, members_visible=members_visible)
        self.uploaded: list[ExamId] = []
        numbers = count(first_act)
        self.sharing = open_sharing(
            policy=self.policy,
            directory=self.directory,
            notifier=self.notifier,
            clock=self.clock,
            new_id=lambda: f"act{next(numbers)}",
            store=self.store,
            host_facts=host_facts,
        )
        for user in (ANNA, BEN, CARLA, DAN, EVA):
            self.person(user)
        self.group(NURSES, DAN, EVA)
        self.group(CLINIC, CARLA, NURSES)
        if not self.store.find((CT,)):
            self.upload(CD, ANNA, CT, MR, XRAY)
        else:
            self.uploaded += (CT, MR, XRAY)

    @property
    def now(self) -> datetime:
        """What the clock tells."""
        return self.clock.now

    def wait(self, duration: timedelta) -> None:
        """Let time pass."""
        self.clock.now += duration

    def person(
        self,
        user: UserId,
        *,
        name: str | None = None,
        email: str | None = None,
        active: bool = True,
        sharing_in_plan: bool = True,
        notices: bool = True,
    ) -> None:
        """Add or replace a user, called after their id."""
        self.directory.add(
            User(
                id=user,
                name=str(user).title() if name is None else name,
                email=f"{user}@example.org" if email is None else email,
                active=active,
            ),
            sharing_in_plan=sharing_in_plan,
            notices=notices,
        )

    def group(self, group: GroupId, *members: PrincipalId, name: str | None = None) -> None:
        """Add or replace a group, called after its id."""
        shown = str(group).title() if name is None else name
        self.directory.add(Group(id=group, name=shown, members=frozenset(members)))

    def upload(
        self,
        batch: BatchId,
        owner: UserId,
        *exams: ExamId,
        subject: str | None = "subject",
        sealed: bool = False,
    ) -> None:
        """Add exams to a batch, the first one newest, all of one subject."""
        self.sharing.add_upload(
            UploadBatch(id=batch, uploader=owner, received_at=START, sealed=sealed),
            [
                Exam(
                    id=exam,
                    owner=owner,
                    batch=batch,
                    uploaded_at=START - timedelta(minutes=place),
                    subject=subject,
                )
                for place, exam in enumerate(exams)
            ],
        )
        self.uploaded += exams

    def transfer(self, exam: ExamId, owner: UserId) -> None:
        """Give an exam to another owner."""
        self.store.transfer(exam, owner, at=self.now)

    def reasons(self, request: ShareRequest | UnshareRequest | NarrowRequest) -> tuple[Reason, ...]:
        """Ask for an act and return why it is refused; nothing when it was done."""
        try:
            perform(self.sharing, request)
        except Refused as refused:
            return refused.reasons
        return ()

    def share(
        self, actor: UserId, exam: ExamId, *recipients: PrincipalId, **more: Any
    ) -> ShareReceipt:
        """Share, with the attestation given."""
        return self.sharing.share(share_request(actor, exam, *recipients, **more))

    def unshare(
        self, actor: UserId, exam: ExamId, recipient: PrincipalId, **more: Any
    ) -> UnshareReceipt:
        """Unshare an exam from a principal."""
        return self.sharing.unshare(
            UnshareRequest(actor=actor, exam=exam, recipient=recipient, **more)
        )

    def narrow(
        self, actor: UserId, exam: ExamId, recipient: PrincipalId, **more: Any
    ) -> UnshareReceipt:
        """Narrow what a principal was given on an exam."""
        return self.sharing.narrow(
            NarrowRequest(actor=actor, exam=exam, recipient=recipient, **more)
        )

    def can_view(self, user: UserId, exam: ExamId) -> bool:
        """Ask the check for viewing."""
        return self.sharing.can(user, VIEW, exam)

    def can_download(self, user: UserId, exam: ExamId) -> bool:
        """Ask the check for downloading."""
        return self.sharing.can(user, DOWNLOAD, exam)

    def grants(self, exam: ExamId) -> tuple[Grant, ...]:
        """Return the grants on an exam that have not been ended, in the order of acts."""
        kept = self.store.read((exam,), ended=False)[exam].grants
        return tuple(in_order(kept))

    def grant_to(self, recipient: PrincipalId, exam: ExamId = CT) -> Grant:
        """Return the one grant to a principal that has not been ended."""
        (grant,) = (each for each in self.grants(exam) if each.recipient == recipient)
        return grant

    def entries(self, viewer: UserId, exam: ExamId = CT) -> dict[PrincipalId, AccessEntry]:
        """Return the entries of the access list by principal."""
        return {each.principal: each for each in self.sharing.access_list(viewer, exam).entries}

    def told(self) -> dict[UserId, ShareNotice]:
        """Return the notices sent so far, at most one a reader, and forget them."""
        by_reader = {notice.to: notice for notice in self.notifier.sent}
        assert len(by_reader) == len(self.notifier.sent)
        self.notifier.sent.clear()
        return by_reader

    def state(self) -> tuple[Any, ...]:
        """Return everything that an act could change, but for the audit trail."""
        kept = self.store.read(tuple(self.uploaded), ended=True)
        return (
            {
                exam: (each.version, frozenset(each.grants), frozenset(each.ended), each.withdrawn)
                for exam, each in kept.items()
            },
            self.store.outbox.waiting(),
            tuple(self.notifier.sent),
        )


def share_request(
    actor: UserId, exam: ExamId, *recipients: PrincipalId, **more: Any
) -> ShareRequest:
    """Return a request to share, with the attestation given."""
    return ShareRequest(
        **{"actor": actor, "exam": exam, "recipients": recipients, "attested": True, **more}
    )


def grant_id(act: str, exam: ExamId, recipient: PrincipalId) -> GrantId:
    """Return the id of the grant that a share of that id makes for a recipient."""
    return GrantId(id_within(act, exam, recipient.key))


def refusal(act: Callable[..., object], *args: Any, **kwargs: Any) -> tuple[Reason, ...]:
    """Return the reasons for which an act is refused; fail when it is not."""
    try:
        act(*args, **kwargs)
    except Refused as refused:
        return refused.reasons
    raise AssertionError("the act was not refused")


def codes(reasons: Iterable[Reason]) -> list[ReasonCode]:
    """Return the codes of some reasons, in their order."""
    return [reason.code for reason in reasons]


def pickled(value: Any) -> Any:
    """Return the value as it comes out of a pickle."""
    return pickle.loads(pickle.dumps(value))  # noqa: S301  it was pickled right here
