"""What a tour consists of: chapters of facts, and the stage on which the library answers them.

Only `Said` is narration. Some facts are replies of other commands.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, assert_never

import attrs
from typing_extensions import override

import exam_sharing as es
from exam_sharing.cli.access import Explained, Listed, ListSeen
from exam_sharing.cli.grants import Ended, Previewed, Shared, show_reasons
from exam_sharing.cli.media import Medium, Uploaded, exams_table
from exam_sharing.cli.notices import Noticed
from exam_sharing.cli.printing import (
    Reply,
    Shown,
    answered,
    boxed,
    column,
    cut,
    grid,
    no,
    stacked,
    table,
    text,
)
from exam_sharing.cli.words import Asked, Words, count
from exam_sharing.directories import KeptDirectory
from exam_sharing.memory import MemoryNotifier
from exam_sharing.policy.access import in_order

if TYPE_CHECKING:
    from rich.text import Text
    from rich.tree import Tree


@attrs.frozen(kw_only=True)
class Said(Reply):
    """Narration."""

    kind = "said"
    text: str

    @override
    def show(self, words: Words) -> Shown:
        return self.text


@attrs.frozen(kw_only=True)
class UploadedCd(Uploaded):
    """The exams of a medium were added; a long list is cut."""

    @override
    def show(self, words: Words) -> Shown:
        shown, more = cut(self.exams)
        return stacked(exams_table(shown, words), *more, *self.summary(words))


@attrs.frozen(kw_only=True)
class FormShown(Reply):
    """The share form of an exam for an actor."""

    kind = "share-form"
    actor: es.UserId
    exam: es.ExamId
    form: es.ShareForm

    @override
    def show(self, words: Words) -> Shown:
        form, who, exam = self.form, words.who(self.actor), words.exam(self.exam)
        if not form.has_share_tab:
            return answered(f"{who} opens {exam}", no("no Share tab"))
        batch = f"{count(len(form.exams), 'exam')} of {count(form.subjects, 'patient')}"
        can_see = f"all exams of its batch that {words.first_name(self.actor)} can see"
        lines = [
            ("Download", "a checkbox" if form.offers_download else "not offered"),
            ("Exams", f"this one, or {can_see}: {batch}"),
            ("Longest", words.until(form.latest_until)),
            ("Message", "will be sent" if form.sends_messages else "not sent"),
            ("To confirm", f"“{form.wording}”"),
        ]
        labels = column(style="dim", no_wrap=True)
        return boxed(grid(labels, column(), rows=lines, gap=2), title=f"Share {exam} as {who}")


def _choice(choice: es.Choice) -> str:
    return f"{choice.name} (group)" if isinstance(choice.principal, es.GroupId) else choice.name


@attrs.frozen(kw_only=True)
class Suggested(Reply):
    """The suggestions for a typed text."""

    kind = "suggestions"
    actor: es.UserId
    exam: es.ExamId
    typed: str
    choices: tuple[es.Choice, ...]

    @override
    def show(self, words: Words) -> Shown:
        found = ", ".join(map(_choice, self.choices)) or "nobody"
        return grid(
            column(style="cyan", width=12), column(), rows=[(f"{self.typed}▏", found)], gap=0
        )


@attrs.frozen(kw_only=True)
class Offered(Reply):
    """The first page of the recipients to select from."""

    kind = "list"
    actor: es.UserId
    exam: es.ExamId
    page: es.Page[es.Choice]

    @override
    def show(self, words: Words) -> Shown:
        names = ", ".join(map(_choice, self.page.items))
        return f"{names}, …" if self.page.next else names


@attrs.frozen(kw_only=True)
class TurnedDown(Reply):
    """An act was refused."""

    kind = "refused"
    request: Asked
    reasons: tuple[es.Reason, ...]

    @override
    def show(self, words: Words) -> Shown:
        return answered(words.asked(self.request), show_reasons(self.reasons, words))


@attrs.frozen(kw_only=True)
class TabsOf:
    """The tabs of an exam for a user, and why."""

    user: es.UserId
    tabs: frozenset[es.Tab]
    why: es.Permitted | es.Denied


@attrs.frozen(kw_only=True)
class TabsShown(Reply):
    """The tabs of an exam for some users."""

    kind = "tabs"
    exam: es.ExamId
    people: tuple[TabsOf, ...]

    @override
    def show(self, words: Words) -> Shown:
        heads = [column(tab.name.capitalize(), justify="center", no_wrap=True) for tab in es.Tab]
        yes, no = text("✓", style="green"), text("·")
        rows = [
            (
                words.who(each.user),
                *(yes if tab in each.tabs else no for tab in es.Tab),
                words.why(each.why),
            )
            for each in self.people
        ]
        return table(column("", no_wrap=True), *heads, "why", rows=rows)


@attrs.frozen(kw_only=True)
class Travelled(Reply):
    """How access to an exam was passed on.

    Attributes:
        exam: which exam.
        owner: where it began.
        steps: the standing grants that reach somebody, each with how its grantor holds it.
    """

    kind = "hand-to-hand"
    exam: es.ExamId
    owner: es.UserId
    steps: tuple[tuple[es.Grant, es.Permitted | es.Denied], ...]

    @override
    def show(self, words: Words) -> Shown:
        from rich.tree import Tree

        tree = Tree(f"{words.who(self.owner)} owns {words.exam(self.exam)}", guide_style="dim")
        branches: dict[es.GrantId, Tree] = {}
        waiting = list(self.steps)
        before = len(waiting) + 1
        while len(waiting) < before:
            before, later = len(waiting), []
            for grant, answer in waiting:
                under = _branch(answer, tree, branches)
                if under is None:
                    later.append((grant, answer))
                else:
                    branches[grant.id] = under.add(self._step(grant, words))
            waiting = later
        if not waiting:
            return tree
        loose = Tree("no longer supported", guide_style="dim")
        for grant, _ in waiting:
            loose.add(self._step(grant, words))
        return stacked(tree, loose)

    def _step(self, grant: es.Grant, words: Words) -> "Text":
        by = "" if grant.grantor == self.owner else f", by {words.who(grant.grantor)}"
        held = words.held(grant.permission, grant.until)
        return text(words.who(grant.recipient), (f": {held}{by}", "dim"))


def _branch(
    answer: es.Permitted | es.Denied, root: "Tree", branches: "Mapping[es.GrantId, Tree]"
) -> "Tree | None":
    """Return the branch of a grant whose grantor holds it so; `None` if it does not exist yet."""
    if isinstance(answer, es.Denied):
        return None
    if answer.as_owner:
        return root
    found = (branches[each.grant.id] for each in answer.grounds if each.grant.id in branches)
    return next(found, None)


@attrs.frozen(kw_only=True)
class Shelf:
    """The exams that a user can see, and how many of them are owned by others."""

    user: es.UserId
    visible: tuple[es.VisibleExam, ...]
    shared: int


@attrs.frozen(kw_only=True)
class Shelves(Reply):
    """The exams that some users can see."""

    kind = "visible-exams"
    shelves: tuple[Shelf, ...]

    @override
    def show(self, words: Words) -> Shown:
        rows = []
        for shelf in self.shelves:
            download = sum(one.permission is es.Permission.DOWNLOAD for one in shelf.visible)
            numbers = (len(shelf.visible), shelf.shared, download)
            cells = (f"{number:,}" if number else "·" for number in numbers)
            rows.append((words.who(shelf.user), *cells))
        heads = [column(head, justify="right") for head in ("sees", "shared", "may download")]
        return table(column("", no_wrap=True), *heads, rows=rows)


@attrs.frozen(kw_only=True)
class Chapter:
    """One step of the story.

    Attributes:
        id: its name in documents, which stays.
        title: for people.
        at: when it takes place, by the clock of the tour.
        facts: what happened, in order.
    """

    id: str
    title: str
    at: datetime
    facts: tuple[Reply, ...]


@attrs.frozen(kw_only=True)
class Story:
    """The whole tour of one medium."""

    medium: Medium
    chapters: tuple[Chapter, ...]


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
