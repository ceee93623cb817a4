"""The stage of the tour: the library at work on one medium, and the facts that it answers.

A fact is a reply; only `said` is narration. Some facts are replies of other commands.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, assert_never

import attrs

import exam_sharing as es
from exam_sharing.cli import printing as out
from exam_sharing.cli.access import explained, listed
from exam_sharing.cli.commands import all_items
from exam_sharing.cli.grants import ended, previewed, reasons_grid, shared
from exam_sharing.cli.media import Medium
from exam_sharing.cli.notices import noticed
from exam_sharing.cli.printing import Reply, Shown
from exam_sharing.cli.words import Asked, Words, count
from exam_sharing.directories import KeptDirectory
from exam_sharing.memory import MemoryNotifier
from exam_sharing.policy.access import in_order

_Step = tuple[es.Grant, es.Permitted | es.Denied]
"""A standing grant, and how its grantor holds what it gives."""


@attrs.define
class Clock:
    """A clock that is set by hand."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


def said(text: str) -> Reply:
    return Reply("said", {"text": text}, lambda _words: text)


@attrs.frozen(kw_only=True)
class Stage:
    """The library at work on one medium."""

    medium: Medium
    sharing: es.Sharing
    directory: KeptDirectory
    notifier: MemoryNotifier
    clock: Clock

    @property
    def exam(self) -> es.ExamId:
        """The exam that the story is about: the first of the medium."""
        return self.medium.exams[0].id

    def share_request(
        self, actor: es.UserId, *recipients: es.PrincipalId, **fields: Any
    ) -> es.ShareRequest:
        fields = {"attested": True, **fields}
        return es.ShareRequest(actor=actor, exam=self.exam, recipients=recipients, **fields)

    def unshare_request(
        self, actor: es.UserId, recipient: es.PrincipalId, reshares: es.Reshares | None = None
    ) -> es.UnshareRequest:
        return es.UnshareRequest(
            actor=actor, exam=self.exam, recipient=recipient, reshares=reshares
        )

    def act(self, request: Asked) -> Reply:
        try:
            match request:
                case es.ShareRequest():
                    receipt = self.sharing.share(request)
                    # Over a database, notices wait for a relay; the tour delivers its own.
                    self.sharing.admin.deliver_notices()
                    return shared(request, receipt)
                case es.UnshareRequest():
                    return ended(request, self.sharing.unshare(request))
                case es.NarrowRequest():
                    return ended(request, self.sharing.narrow(request))
                case other:
                    assert_never(other)
        except es.Refused as refused:
            reasons = refused.reasons

        def show(words: Words) -> Shown:
            return out.answered(words.asked(request), reasons_grid(reasons, words))

        return Reply("refused", {"request": request, "reasons": reasons}, show)

    def preview_and_act(self, request: Asked) -> Iterator[Reply]:
        yield previewed(request, self.sharing.preview(request))
        yield self.act(request)

    def explain(self, user: es.UserId, permission: es.Permission) -> Reply:
        return explained(self.sharing, user, permission, self.exam)

    def form(self, actor: es.UserId) -> Reply:
        form = self.sharing.share_form(actor, self.exam)

        def show(words: Words) -> Shown:
            who, exam = words.who(actor), words.exam(self.exam)
            if not form.has_share_tab:
                return out.answered(f"{who} opens {exam}", out.no("no Share tab"))
            batch = f"{count(len(form.exams), 'exam')} of {count(form.subjects, 'patient')}"
            can_see = f"all exams of its batch that {words.first_name(actor)} can see"
            lines = [
                ("Download", "a checkbox" if form.offers_download else "not offered"),
                ("Exams", f"this one, or {can_see}: {batch}"),
                ("Longest", words.until(form.latest_until)),
                ("Message", "will be sent" if form.sends_messages else "not sent"),
                ("To confirm", f"“{form.wording}”"),
            ]
            labels = out.column(style="dim", no_wrap=True)
            grid = out.grid(labels, out.column(), rows=lines, gap=2)
            return out.boxed(grid, title=f"Share {exam} as {who}")

        return Reply("share-form", {"actor": actor, "exam": self.exam, "form": form}, show)

    def suggest(self, actor: es.UserId, typed: str) -> Reply:
        choices = self.sharing.suggest(actor, self.exam, typed)

        def show(_words: Words) -> Shown:
            row = (f"{typed}▏", ", ".join(map(_choice, choices)) or "nobody")
            return out.grid(out.column(style="cyan", width=12), out.column(), rows=[row], gap=0)

        facts = {"actor": actor, "exam": self.exam, "typed": typed, "choices": choices}
        return Reply("suggestions", facts, show)

    def offer(self, actor: es.UserId) -> Reply:
        page = self.sharing.recipients(actor, self.exam, limit=5)
        names = ", ".join(map(_choice, page.items))
        facts = {"actor": actor, "exam": self.exam, "page": page}
        return Reply("list", facts, lambda _words: f"{names}, …" if page.next else names)

    def notices(self, preview: es.Preview) -> Reply:
        """Return the notices sent since, and who gained by the preview without getting one."""
        notices = tuple(self.notifier.sent)
        self.notifier.sent.clear()
        told = {notice.to for notice in notices}
        gained = {effect.principal for effect in preview.gains}
        untold = (each for each in gained if isinstance(each, es.UserId) and each not in told)
        return noticed(notices, sorted(untold))

    def tabs(self, *users: es.UserId) -> Reply:
        seen = []
        for user in users:
            why = self.sharing.admin.explain(user, es.Permission.VIEW, self.exam)
            seen.append((user, self.sharing.tabs(user, self.exam), why))

        def show(words: Words) -> Shown:
            names = (tab.name.capitalize() for tab in es.Tab)
            heads = [out.column(name, justify="center", no_wrap=True) for name in names]
            yes, no = out.text("✓", style="green"), out.text("·")
            rows = [
                (words.who(user), *(yes if tab in tabs else no for tab in es.Tab), words.why(why))
                for user, tabs, why in seen
            ]
            return out.table(out.column("", no_wrap=True), *heads, "why", rows=rows)

        people = [{"user": user, "tabs": tabs, "why": why} for user, tabs, why in seen]
        return Reply("tabs", {"exam": self.exam, "people": people}, show)

    def listed(self, *viewers: es.UserId) -> Reply:
        seen = {viewer: self.sharing.access_list(viewer, self.exam) for viewer in viewers}
        return listed(self.exam, seen)

    def travelled(self) -> Reply:
        """Return how access to the exam was passed on: the grants that reach somebody."""
        owner = self.medium.exams[0].owner
        holders = self.sharing.admin.who_can(es.Permission.VIEW, self.exam)
        steps: list[_Step] = [
            (grant, self.sharing.admin.explain(grant.grantor, grant.permission, self.exam))
            for grant in in_order({grant for holder in holders for grant in holder.grants})
        ]
        facts = {"exam": self.exam, "owner": owner, "steps": steps}
        return Reply("hand-to-hand", facts, lambda words: _trees(self.exam, owner, steps, words))

    def shelves(self, *users: es.UserId) -> Reply:
        """Return the exams that some users can see, and how many of them are owned by others."""
        seen = []
        for user in users:
            viewer = self.sharing.viewer(user)
            shared = sum(1 for _ in all_items(viewer.shared_with))
            seen.append((user, tuple(all_items(viewer.visible_to)), shared))

        def show(words: Words) -> Shown:
            rows = []
            for user, visible, shared in seen:
                download = sum(one.permission is es.Permission.DOWNLOAD for one in visible)
                numbers = (len(visible), shared, download)
                rows.append((words.who(user), *(f"{each:,}" if each else "·" for each in numbers)))
            heads = ("sees", "shared", "may download")
            columns = (out.column(head, justify="right") for head in heads)
            return out.table(out.column("", no_wrap=True), *columns, rows=rows)

        shelves = [{"user": user, "visible": seen, "shared": shared} for user, seen, shared in seen]
        return Reply("visible-exams", {"shelves": shelves}, show)


def _choice(choice: es.Choice) -> str:
    return f"{choice.name} (group)" if isinstance(choice.principal, es.GroupId) else choice.name


def _trees(exam: es.ExamId, owner: es.UserId, steps: list[_Step], words: Words) -> Shown:
    """Return the grants as a tree of who passed it on to whom, and the unsupported ones apart."""
    from rich.tree import Tree

    def label(grant: es.Grant) -> out.Styled:
        by = "" if grant.grantor == owner else f", by {words.who(grant.grantor)}"
        held = words.held(grant.permission, grant.until)
        return out.text(words.who(grant.recipient), (f": {held}{by}", "dim"))

    root = Tree(f"{words.who(owner)} owns {words.exam(exam)}", guide_style="dim")
    branches: dict[es.GrantId, Tree] = {}
    waiting = steps
    # Each round places the grants whose grantors hold by one that was placed before.
    for _round in steps:
        for grant, answer in waiting:
            if isinstance(answer, es.Denied):
                continue
            grounds = (each.grant.id for each in answer.grounds)
            placed = [branches[ground] for ground in grounds if ground in branches]
            for under in [root] if answer.as_owner else placed[:1]:
                branches[grant.id] = under.add(label(grant))
        waiting = [step for step in waiting if step[0].id not in branches]
    if not waiting:
        return root
    loose = Tree("no longer supported", guide_style="dim")
    for grant, _answer in waiting:
        loose.add(label(grant))
    return out.stacked(root, loose)
