"""A small portal for examples: the people and exams of the testing kit, over any store.

A test adds what else its example needs.
"""

import pickle
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import exam_sharing as es
from exam_sharing.identifiers import id_within
from exam_sharing.memory import MemoryDirectory, MemoryNotifier, open_sharing
from exam_sharing.policy.access import in_order
from exam_sharing.testing.edges import START
from exam_sharing.testing.worlds import (
    ANNA,
    BEN,
    CARLA,
    CD,
    CLINIC,
    CT,
    DAN,
    EVA,
    MR,
    NURSES,
    XRAY,
    FrozenClock,
    perform,
)
from where_kept import empty_store

VIEW, DOWNLOAD = es.Permission
NOBODY = es.UserId("nobody")
"""A user who is unknown to the directory."""
NO_EXAM = es.ExamId("no-exam")
"""An exam that was never uploaded."""
DAY = timedelta(days=1)
WEEK = timedelta(weeks=1)


class FailingNotifier(MemoryNotifier):
    """Fails for as long as it is broken."""

    broken = True

    def send(self, notice: es.ShareNotice) -> None:
        if self.broken:
            raise OSError
        super().send(notice)


class World:
    """A portal with shorthands.

    Args:
        store: by default an empty store of the kind that the running test uses. A store that holds
            the CD already is used as it is.
        first_act: the number of the first act; the store has used the numbers below.
        settings: settings of the policy.
    """

    def __init__(
        self,
        *,
        visible: Callable[[es.UserId, es.PrincipalId], bool] = lambda *_: True,
        members_visible: Callable[[es.UserId, es.GroupId], bool] = lambda *_: True,
        notifier: MemoryNotifier | None = None,
        host_facts: Any = None,
        store: Any = None,
        first_act: int = 1,
        **settings: Any,
    ) -> None:
        self.policy = es.Policy(**settings)
        self.clock = FrozenClock()
        self.store = empty_store() if store is None else store
        self.notifier = MemoryNotifier() if notifier is None else notifier
        self.directory = MemoryDirectory(visible=visible, members_visible=members_visible)
        self.uploaded: list[es.ExamId] = []
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
        return self.clock.now

    @property
    def people(self) -> dict[str, Any]:
        return {"directory": self.directory, "clock": self.clock}

    def wait(self, duration: timedelta) -> None:
        self.clock.now += duration

    def person(
        self,
        user: es.UserId,
        *,
        name: str | None = None,
        email: str | None = None,
        active: bool = True,
        sharing_in_plan: bool = True,
        notices: bool = True,
    ) -> None:
        self.directory.add(
            es.User(
                id=user,
                name=str(user).title() if name is None else name,
                email=f"{user}@example.org" if email is None else email,
                active=active,
            ),
            sharing_in_plan=sharing_in_plan,
            notices=notices,
        )

    def group(self, group: es.GroupId, *members: es.PrincipalId, name: str | None = None) -> None:
        shown = str(group).title() if name is None else name
        self.directory.add(es.Group(id=group, name=shown, members=frozenset(members)))

    def upload(
        self,
        batch: es.BatchId,
        owner: es.UserId,
        *exams: es.ExamId,
        subject: str | None = "subject",
        sealed: bool = False,
    ) -> None:
        """Add exams to a batch, the first one newest, all of one subject."""
        self.sharing.add_upload(
            es.UploadBatch(id=batch, uploader=owner, received_at=START, sealed=sealed),
            [
                es.Exam(
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

    def transfer(self, exam: es.ExamId, owner: es.UserId) -> None:
        self.store.transfer(exam, owner, at=self.now)

    def reasons(
        self, request: es.ShareRequest | es.UnshareRequest | es.NarrowRequest
    ) -> tuple[es.Reason, ...]:
        """Perform a request, and return why it was refused; nothing if it was done."""
        try:
            perform(self.sharing, request)
        except es.Refused as refused:
            return refused.reasons
        return ()

    def share(
        self, actor: es.UserId, exam: es.ExamId, *recipients: es.PrincipalId, **more: Any
    ) -> es.ShareReceipt:
        return self.sharing.share(share_request(actor, exam, *recipients, **more))

    def unshare(
        self, actor: es.UserId, exam: es.ExamId, recipient: es.PrincipalId, **more: Any
    ) -> es.UnshareReceipt:
        return self.sharing.unshare(
            es.UnshareRequest(actor=actor, exam=exam, recipient=recipient, **more)
        )

    def narrow(
        self, actor: es.UserId, exam: es.ExamId, recipient: es.PrincipalId, **more: Any
    ) -> es.UnshareReceipt:
        return self.sharing.narrow(
            es.NarrowRequest(actor=actor, exam=exam, recipient=recipient, **more)
        )

    def can_view(self, user: es.UserId, exam: es.ExamId) -> bool:
        return self.sharing.can(user, VIEW, exam)

    def can_download(self, user: es.UserId, exam: es.ExamId) -> bool:
        return self.sharing.can(user, DOWNLOAD, exam)

    def grants(self, exam: es.ExamId) -> tuple[es.Grant, ...]:
        kept = self.store.read((exam,), ended=False)[exam].grants
        return tuple(in_order(kept))

    def grant_to(
        self, recipient: es.PrincipalId, exam: es.ExamId = CT, by: es.UserId | None = None
    ) -> es.Grant:
        """Return the one grant to a principal, by anybody or by one grantor, that was not ended."""
        (grant,) = (
            each
            for each in self.grants(exam)
            if each.recipient == recipient and by in (None, each.grantor)
        )
        return grant

    def end_grant(self, actor: es.UserId, grant: es.Grant, **more: Any) -> es.UnshareReceipt:
        return self.sharing.revoke(es.RevokeRequest(actor=actor, grant=grant.id, **more))

    def entries(
        self, viewer: es.UserId, exam: es.ExamId = CT
    ) -> dict[es.PrincipalId, es.AccessEntry]:
        """Return the entries of the access list by principal."""
        return {each.principal: each for each in self.sharing.access_list(viewer, exam).entries}

    def told(self) -> dict[es.UserId, es.ShareNotice]:
        """Return the notices sent since the last call, at most one for each reader."""
        by_reader = {notice.to: notice for notice in self.notifier.sent}
        assert len(by_reader) == len(self.notifier.sent)
        self.notifier.sent.clear()
        return by_reader

    def state(self) -> tuple[Any, ...]:
        """Return everything that an act could change, except the audit trail."""
        kept = self.store.read(tuple(self.uploaded), ended=True)
        return (
            {
                exam: (each.version, frozenset(each.grants), frozenset(each.ended), each.withdrawn)
                for exam, each in kept.items()
            },
            self.store.outbox.waiting(),
            tuple(self.notifier.sent),
        )


def shared_with(*recipients: es.PrincipalId, **more: Any) -> World:
    """Return a world in which Anna has shared the CT."""
    world = World()
    world.share(ANNA, CT, *recipients, **more)
    return world


def share_request(
    actor: es.UserId, exam: es.ExamId, *recipients: es.PrincipalId, **more: Any
) -> es.ShareRequest:
    """Return a request to share, by default attested."""
    return es.ShareRequest(
        **{"actor": actor, "exam": exam, "recipients": recipients, "attested": True, **more}
    )


def grant_id(act: str, exam: es.ExamId, recipient: es.PrincipalId) -> es.GrantId:
    """Return the id of the grant that a share with that id makes for a recipient."""
    return es.GrantId(id_within(act, exam, recipient.key))


def refusal(act: Callable[..., object], *args: Any, **kwargs: Any) -> tuple[es.Reason, ...]:
    """Return the reasons of a refusal; fail if the act is not refused."""
    try:
        act(*args, **kwargs)
    except es.Refused as refused:
        return refused.reasons
    raise AssertionError("the act was not refused")


def codes(reasons: Iterable[es.Reason]) -> list[es.ReasonCode]:
    return [reason.code for reason in reasons]


def pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))  # noqa: S301  it was pickled right here
