"""How each kind of fact of a tour looks on a terminal; this module needs rich."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from rich.box import ROUNDED
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Column, Table
from rich.text import Text
from rich.tree import Tree

from exam_sharing import (
    AccessEntry,
    Choice,
    Denied,
    Grant,
    GrantId,
    Permission,
    Permitted,
    PrincipalId,
    Tab,
    UserId,
)
from exam_sharing.cli.answers import (
    picture_ending,
    picture_explanation,
    picture_notices,
    picture_preview,
    picture_refusal,
    picture_share,
)
from exam_sharing.cli.layout import PLAIN, and_more, asked, cut, no
from exam_sharing.cli.tour.facts import (
    Ended,
    ExamShown,
    Explained,
    Fact,
    FormShown,
    Listed,
    Noticed,
    Offered,
    Previewed,
    Said,
    Shared,
    Shelves,
    Suggested,
    TabsShown,
    Travelled,
    TurnedDown,
    Uploaded,
)
from exam_sharing.cli.words import Words, count

__all__ = ["PICTURES", "exams_table", "picture"]


def picture(fact: Fact, words: Words) -> RenderableType:
    """Return what a fact looks like."""
    return PICTURES[type(fact)](fact, words)


def _said(fact: Said, _words: Words) -> RenderableType:
    return Text(fact.text)


def _uploaded(fact: Uploaded, words: Words) -> RenderableType:
    shown, further = cut(fact.exams)
    table = exams_table(shown, words)
    under = [
        *([and_more(further)] if further else []),
        f"{count(len(fact.exams), 'exam')}, all owned by {words.who(fact.by)}.",
        *(f"{count(number, 'file')} left out: {why}." for why, number in fact.left_out.items()),
    ]
    return Group(table, *map(Text, under))


def exams_table(exams: Iterable[ExamShown], words: Words) -> Table:
    """Return what a medium says of exams, a line each; no patient has a name there."""
    table = Table(
        Column("exam", no_wrap=True),
        Column("patient", no_wrap=True),
        Column("modality", no_wrap=True, max_width=12),
        Column("date", no_wrap=True, min_width=10),
        Column("description"),
        Column("files", no_wrap=True, min_width=5, justify="right"),
        **PLAIN,
    )
    for exam in exams:
        table.add_row(
            words.label(exam.id),
            f"patient {exam.patient}",
            Text(exam.modality or ""),
            exam.date.isoformat() if exam.date else "",
            Text(exam.description or "", no_wrap=True, overflow="ellipsis"),
            f"{exam.files:,}",
        )
    return table


def _form(fact: FormShown, words: Words) -> RenderableType:
    form = fact.form
    who = words.who(fact.actor)
    if not form.has_share_tab:
        return asked(f"{who} opens {words.exam(fact.exam)}", no("no Share tab"))
    seen = f"{count(len(form.exams), 'exam')} of {count(form.subjects, 'patient')}"
    along = f"this one, or all that came along and {words.first_name(fact.actor)} can see: {seen}"
    lines = [
        ("Download", "a box to tick" if form.offers_download else "not offered"),
        ("Exams", along),
        ("At most", words.until(form.latest_until)),
        ("Message", "will be sent" if form.sends_messages else "not sent"),
        ("To confirm", f"“{form.wording}”"),
    ]
    grid = Table.grid(Column(style="dim", no_wrap=True), Column(), padding=(0, 2))
    for label, text in lines:
        grid.add_row(label, text)
    title = f"Share {words.exam(fact.exam)} as {who}"
    return Panel(grid, title=title, title_align="left", box=ROUNDED, expand=False, style="none")


def _choice(choice: Choice) -> str:
    kind = " (group)" if choice.principal.key.startswith("g:") else ""
    return choice.name + kind


def _suggested(fact: Suggested, _words: Words) -> RenderableType:
    found = [_choice(choice) for choice in fact.choices]
    grid = Table.grid(Column(style="cyan", width=12), Column())
    grid.add_row(f"{fact.typed}▏", ", ".join(found) if found else "nobody")
    return grid


def _offered(fact: Offered, _words: Words) -> RenderableType:
    names = ", ".join(_choice(choice) for choice in fact.page.items)
    return Text(names + (", …" if fact.page.next else ""))


def _tabs(fact: TabsShown, words: Words) -> RenderableType:
    heads = [Column(tab.name.capitalize(), justify="center", no_wrap=True) for tab in Tab]
    table = Table(Column("", no_wrap=True), *heads, Column("why"), **PLAIN)
    for each in fact.people:
        marks = [Text("✓", style="green") if tab in each.tabs else Text("·") for tab in Tab]
        table.add_row(words.who(each.user), *marks, words.why(each.why))
    return table


def _listed(fact: Listed, words: Words) -> RenderableType:
    owner = fact.seen[0].access_list.owner
    marks: dict[PrincipalId, list[Text]] = {}
    entries: dict[PrincipalId, AccessEntry] = {}
    for place, seen in enumerate(fact.seen):
        for entry in seen.access_list.entries:
            entries.setdefault(entry.principal, entry)
            row = marks.setdefault(entry.principal, [Text()] * len(fact.seen))
            row[place] = Text("X", style="bold red") if entry.can_unshare else Text("·")
    heads = [
        Column(words.first_name(seen.viewer), justify="center", no_wrap=True) for seen in fact.seen
    ]
    table = Table(
        Column("has access", no_wrap=True), Column("may"), Column("given by"), *heads, **PLAIN
    )
    for principal, entry in entries.items():
        by = "\n".join(dict.fromkeys(words.who(listed.grant.grantor) for listed in entry.grants))
        what = words.held(entry.permission, entry.until)
        table.add_row(words.who(principal), what, by, *marks[principal])
    heading = Text.assemble(f"Exam owner of {words.exam(fact.exam)}: ", (words.who(owner), "bold"))
    return Group(heading, Text(), table if entries else Text("Nobody else has access."))


def _travelled(fact: Travelled, words: Words) -> RenderableType:
    tree = Tree(f"{words.who(fact.owner)} owns {words.exam(fact.exam)}", guide_style="dim")
    branches: dict[GrantId, Tree] = {}
    waiting = list(fact.steps)
    while waiting:
        later: list[tuple[Grant, Permitted | Denied]] = []
        for grant, answer in waiting:
            under = _branch(answer, tree, branches)
            if under is None:
                later.append((grant, answer))
            else:
                branches[grant.id] = under.add(_step(grant, fact.owner, words))
        if len(later) == len(waiting):
            break
        waiting = later
    if waiting:
        loose = Tree("resting on nothing any more", guide_style="dim")
        for grant, _ in waiting:
            loose.add(_step(grant, fact.owner, words))
        return Group(tree, loose)
    return tree


def _branch(
    answer: Permitted | Denied, root: Tree, branches: Mapping[GrantId, Tree]
) -> Tree | None:
    """Return where a grant hangs whose grantor holds it so; `None` where that is not there yet."""
    if isinstance(answer, Denied):
        return None
    if answer.as_owner:
        return root
    return next(
        (branches[ground.grant.id] for ground in answer.grounds if ground.grant.id in branches),
        None,
    )


def _step(grant: Grant, owner: UserId, words: Words) -> Text:
    by = "" if grant.grantor == owner else f", by {words.who(grant.grantor)}"
    text = Text(words.who(grant.recipient))
    return text.append(f": {words.held(grant.permission, grant.until)}{by}", style="dim")


def _shelves(fact: Shelves, words: Words) -> RenderableType:
    table = Table(
        Column("", no_wrap=True),
        Column("sees", justify="right"),
        Column("of these shared", justify="right"),
        Column("of these to download", justify="right"),
        **PLAIN,
    )
    for shelf in fact.shelves:
        download = sum(1 for each in shelf.visible if each.permission is Permission.DOWNLOAD)
        numbers = (len(shelf.visible), shelf.shared, download)
        cells = (f"{number:,}" if number else "·" for number in numbers)
        table.add_row(words.who(shelf.user), *cells)
    return table


PICTURES: Final[Mapping[type[Any], Callable[[Any, Words], RenderableType]]] = {
    Said: _said,
    Uploaded: _uploaded,
    FormShown: _form,
    Suggested: _suggested,
    Offered: _offered,
    Previewed: picture_preview,
    Shared: picture_share,
    Ended: picture_ending,
    TurnedDown: picture_refusal,
    Noticed: picture_notices,
    TabsShown: _tabs,
    Explained: picture_explanation,
    Listed: _listed,
    Travelled: _travelled,
    Shelves: _shelves,
}
"""How to picture each kind of fact."""
