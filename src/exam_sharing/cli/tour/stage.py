"""What the tour is played on: the library, and facts drawn from what it answers."""

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import count
from typing import Any, TypeAlias, assert_never

import attrs

from exam_sharing import (
    ExamId,
    NarrowRequest,
    Permission,
    Policy,
    Preview,
    Refused,
    ShareRequest,
    Sharing,
    UnshareRequest,
    UserId,
    Viewer,
    VisibleExam,
)
from exam_sharing.cli.tour.cast import introduce
from exam_sharing.cli.tour.facts import (
    Asked,
    Ended,
    Explained,
    FormShown,
    Listed,
    ListSeen,
    Medium,
    Noticed,
    Previewed,
    Shared,
    Shelf,
    Shelves,
    TabsOf,
    TabsShown,
    Travelled,
    TurnedDown,
)
from exam_sharing.directories import KeptDirectory
from exam_sharing.memory import MemoryDirectory, MemoryNotifier, open_sharing
from exam_sharing.policy.access import in_order

__all__ = ["Clock", "OpenSharing", "Stage", "open_in_memory", "open_stage"]

OpenSharing: TypeAlias = Callable[..., tuple[Sharing, KeptDirectory]]
"""Takes a policy, a notifier, a clock and new ids; returns a `Sharing` and its directory."""


def open_in_memory(**settings: Any) -> tuple[Sharing, KeptDirectory]:  # noqa: ANN401  passed on
    """Open a `Sharing` that keeps everything in memory."""
    directory = MemoryDirectory()
    return open_sharing(directory=directory, **settings), directory


@attrs.define
class Clock:
    """A clock that is set by hand."""

    now: datetime

    def __call__(self) -> datetime:
        """Tell the time that it was set to."""
        return self.now


@attrs.frozen(kw_only=True)
class Stage:
    """The library at work on one medium, and how to ask it for facts.

    Attributes:
        medium: what was read.
        sharing: the library.
        directory: its people and groups.
        notifier: where its notices go.
        clock: the clock that it reads.
    """

    medium: Medium
    sharing: Sharing
    directory: KeptDirectory
    notifier: MemoryNotifier
    clock: Clock

    @property
    def exam(self) -> ExamId:
        """The exam that the story turns on: the first of the medium."""
        return self.medium.exams[0].id

    def act(self, request: Asked) -> Shared | Ended | TurnedDown:
        """Do what is asked for, and return what came of it."""
        try:
            match request:
                case ShareRequest():
                    receipt = self.sharing.share(request)
                    # Where sending is left to a relay, the tour is its own.
                    self.sharing.admin.deliver_notices()
                    return Shared(request=request, receipt=receipt)
                case UnshareRequest():
                    return Ended(request=request, receipt=self.sharing.unshare(request))
                case NarrowRequest():
                    return Ended(request=request, receipt=self.sharing.narrow(request))
                case other:
                    assert_never(other)
        except Refused as refused:
            return TurnedDown(request=request, reasons=refused.reasons)

    def preview(self, request: Asked) -> Previewed:
        """Return what the request would do."""
        return Previewed(request=request, preview=self.sharing.preview(request))

    def explain(self, user: UserId, permission: Permission) -> Explained:
        """Return why the user may do this with the exam, or why not."""
        answer = self.sharing.admin.explain(user, permission, self.exam)
        return Explained(user=user, permission=permission, exam=self.exam, answer=answer)

    def form(self, actor: UserId) -> FormShown:
        """Return the share form of the exam for an actor."""
        form = self.sharing.share_form(actor, self.exam)
        return FormShown(actor=actor, exam=self.exam, form=form)

    def notices(self, preview: Preview) -> Noticed:
        """Return the notices sent since, and who gained by the preview without getting one."""
        notices = tuple(self.notifier.sent)
        self.notifier.sent.clear()
        told = {notice.to for notice in notices}
        gained = {effect.principal for effect in preview.gains}
        untold = (each for each in gained if isinstance(each, UserId) and each not in told)
        return Noticed(notices=notices, untold=tuple(sorted(untold)))

    def tabs(self, *users: UserId) -> TabsShown:
        """Return the tabs of the exam for some users."""
        people = tuple(
            TabsOf(
                user=user,
                tabs=self.sharing.tabs(user, self.exam),
                why=self.sharing.admin.explain(user, Permission.VIEW, self.exam),
            )
            for user in users
        )
        return TabsShown(exam=self.exam, people=people)

    def listed(self, *viewers: UserId) -> Listed:
        """Return the access list of the exam for some viewers."""
        seen = tuple(
            ListSeen(viewer=viewer, access_list=self.sharing.access_list(viewer, self.exam))
            for viewer in viewers
        )
        return Listed(exam=self.exam, seen=seen)

    def travelled(self) -> Travelled:
        """Return the grants that reach somebody, each with how its grantor holds what it gives."""
        owner = self.medium.exams[0].owner
        holders = self.sharing.admin.who_can(Permission.VIEW, self.exam)
        steps = tuple(
            (grant, self.sharing.admin.explain(grant.grantor, grant.permission, self.exam))
            for grant in in_order({grant for holder in holders for grant in holder.grants})
        )
        return Travelled(exam=self.exam, owner=owner, steps=steps)

    def shelves(self, *users: UserId) -> Shelves:
        """Return the exams that some users can see, all pages of them."""
        return Shelves(shelves=tuple(_shelf(self.sharing.viewer(user)) for user in users))


def _shelf(viewer: Viewer) -> Shelf:
    visible = tuple(_every_page(viewer, own=True))
    shared = sum(1 for _ in _every_page(viewer, own=False))
    return Shelf(user=viewer.user, visible=visible, shared=shared)


def _every_page(viewer: Viewer, *, own: bool) -> Iterator[VisibleExam]:
    ask = viewer.visible_to if own else viewer.shared_with
    page = ask()
    yield from page.items
    while page.next is not None:
        page = ask(page.next)
        yield from page.items


def open_stage(medium: Medium, begins: datetime, open_kept: OpenSharing = open_in_memory) -> Stage:
    """Return a stage on which nothing has happened yet; ids are counted, so that they repeat.

    Args:
        medium: what the story is about.
        begins: when the clock begins.
        open_kept: opens sharing where nothing is kept yet; by default in memory.
    """
    notifier, clock, numbers = MemoryNotifier(), Clock(begins), count(1)
    sharing, directory = open_kept(
        # A medium may hold more exams than a deployment lets people share at once.
        policy=Policy(max_exams=None),
        notifier=notifier,
        clock=clock,
        new_id=lambda: f"act-{next(numbers)}",
    )
    introduce(directory)
    return Stage(
        medium=medium, sharing=sharing, directory=directory, notifier=notifier, clock=clock
    )
