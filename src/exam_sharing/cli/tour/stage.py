"""The stage of the tour: the library at work on one medium, and the facts that it answers."""

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import count
from typing import Any, assert_never

import attrs

import exam_sharing as es
from exam_sharing.cli.access import Explained, Listed, ListSeen
from exam_sharing.cli.grants import Ended, Previewed, Shared
from exam_sharing.cli.media import Medium
from exam_sharing.cli.notices import Noticed
from exam_sharing.cli.portal import OpenSharing
from exam_sharing.cli.tour.cast import introduce
from exam_sharing.cli.tour.facts import (
    FormShown,
    Shelf,
    Shelves,
    TabsOf,
    TabsShown,
    Travelled,
    TurnedDown,
)
from exam_sharing.cli.words import Asked
from exam_sharing.directories import KeptDirectory
from exam_sharing.memory import MemoryDirectory, MemoryNotifier, open_sharing
from exam_sharing.policy.access import in_order


@attrs.define
class Clock:
    """A clock that is set by hand."""

    now: datetime

    def __call__(self) -> datetime:
        """Return the time that was set."""
        return self.now


@attrs.frozen(kw_only=True)
class Stage:
    """The library at work on one medium.

    Attributes:
        medium: what was read.
        sharing: the library.
        directory: its people and groups.
        notifier: where its notices go.
        clock: the clock that it reads.
    """

    medium: Medium
    sharing: es.Sharing
    directory: KeptDirectory
    notifier: MemoryNotifier
    clock: Clock

    @property
    def exam(self) -> es.ExamId:
        """The exam that the story is about: the first of the medium."""
        return self.medium.exams[0].id

    def act(self, request: Asked) -> Shared | Ended | TurnedDown:
        """Act, and return the receipt or the refusal."""
        try:
            match request:
                case es.ShareRequest():
                    receipt = self.sharing.share(request)
                    # Over a database, notices wait for a relay; the tour delivers its own.
                    self.sharing.admin.deliver_notices()
                    return Shared(request=request, receipt=receipt)
                case es.UnshareRequest():
                    return Ended(request=request, receipt=self.sharing.unshare(request))
                case es.NarrowRequest():
                    return Ended(request=request, receipt=self.sharing.narrow(request))
                case other:
                    assert_never(other)
        except es.Refused as refused:
            return TurnedDown(request=request, reasons=refused.reasons)

    def preview(self, request: Asked) -> Previewed:
        """Return what a request would do."""
        return Previewed(request=request, preview=self.sharing.preview(request))

    def explain(self, user: es.UserId, permission: es.Permission) -> Explained:
        """Return why a user holds a permission on the exam, or why not."""
        answer = self.sharing.admin.explain(user, permission, self.exam)
        return Explained(user=user, permission=permission, exam=self.exam, answer=answer)

    def form(self, actor: es.UserId) -> FormShown:
        """Return the share form of the exam for an actor."""
        form = self.sharing.share_form(actor, self.exam)
        return FormShown(actor=actor, exam=self.exam, form=form)

    def notices(self, preview: es.Preview) -> Noticed:
        """Return the notices sent since, and who gained by the preview without getting one."""
        notices = tuple(self.notifier.sent)
        self.notifier.sent.clear()
        told = {notice.to for notice in notices}
        gained = {effect.principal for effect in preview.gains}
        untold = (each for each in gained if isinstance(each, es.UserId) and each not in told)
        return Noticed(notices=notices, untold=tuple(sorted(untold)))

    def tabs(self, *users: es.UserId) -> TabsShown:
        """Return the tabs of the exam for some users."""
        people = tuple(
            TabsOf(
                user=user,
                tabs=self.sharing.tabs(user, self.exam),
                why=self.sharing.admin.explain(user, es.Permission.VIEW, self.exam),
            )
            for user in users
        )
        return TabsShown(exam=self.exam, people=people)

    def listed(self, *viewers: es.UserId) -> Listed:
        """Return the access list of the exam for some viewers."""
        seen = tuple(
            ListSeen(viewer=viewer, access_list=self.sharing.access_list(viewer, self.exam))
            for viewer in viewers
        )
        return Listed(exam=self.exam, seen=seen)

    def travelled(self) -> Travelled:
        """Return the grants that reach somebody, each with how its grantor holds it."""
        owner = self.medium.exams[0].owner
        holders = self.sharing.admin.who_can(es.Permission.VIEW, self.exam)
        steps = tuple(
            (grant, self.sharing.admin.explain(grant.grantor, grant.permission, self.exam))
            for grant in in_order({grant for holder in holders for grant in holder.grants})
        )
        return Travelled(exam=self.exam, owner=owner, steps=steps)

    def shelves(self, *users: es.UserId) -> Shelves:
        """Return all exams that some users can see."""
        return Shelves(shelves=tuple(_shelf(self.sharing.viewer(user)) for user in users))


def _shelf(viewer: es.Viewer) -> Shelf:
    visible = tuple(_all_pages(viewer.visible_to))
    shared = sum(1 for _ in _all_pages(viewer.shared_with))
    return Shelf(user=viewer.user, visible=visible, shared=shared)


def _all_pages(query: Callable[..., es.Page[es.VisibleExam]]) -> Iterator[es.VisibleExam]:
    page = query()
    yield from page.items
    while page.next is not None:
        page = query(page.next)
        yield from page.items


def open_in_memory(**settings: Any) -> tuple[es.Sharing, KeptDirectory]:
    """Open sharing that keeps everything in memory."""
    directory = MemoryDirectory()
    return open_sharing(directory=directory, **settings), directory


def open_stage(medium: Medium, begins: datetime, open_empty: OpenSharing = open_in_memory) -> Stage:
    """Return a stage on which nothing has happened yet; its ids are counted, so they repeat."""
    notifier, clock, numbers = MemoryNotifier(), Clock(begins), count(1)
    sharing, directory = open_empty(
        # A medium may hold more exams than a deployment lets people share at once.
        policy=es.Policy(max_exams=None),
        notifier=notifier,
        clock=clock,
        new_id=lambda: f"act-{next(numbers)}",
    )
    introduce(directory)
    return Stage(
        medium=medium, sharing=sharing, directory=directory, notifier=notifier, clock=clock
    )
