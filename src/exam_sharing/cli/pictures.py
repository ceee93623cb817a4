"""How each kind of fact of a tour looks on a terminal; this module needs rich."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias, TypeVar

from rich.box import ROUNDED, SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Column, Table
from rich.text import Text
from rich.tree import Tree

from exam_sharing import (
    AccessEntry,
    Choice,
    Denied,
    Effect,
    Grant,
    GrantId,
    Outcome,
    Permission,
    Permitted,
    Preview,
    PrincipalId,
    Reason,
    ShareNotice,
    ShareRequest,
    Tab,
    UnshareRequest,
    UntilLimit,
    UserId,
)
from exam_sharing.cli.chapters import (
    Ended,
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
from exam_sharing.cli.words import Words, count, may, moment, series, until

__all__ = ["PICTURES", "PLAIN", "ROWS", "picture"]

ROWS: Final = 8
"""So many rows of a long list are shown."""

PLAIN: Final[dict[str, Any]] = {
    "box": SIMPLE_HEAD,
    "show_edge": False,
    "pad_edge": False,
    "collapse_padding": True,
}

ItemT = TypeVar("ItemT")


def picture(fact: Fact, words: Words) -> RenderableType:
    """Return what a fact looks like."""
    return PICTURES[type(fact)](fact, words)


def _said(fact: Said, _words: Words) -> RenderableType:
    return Text(fact.text)


def _yes(text: str) -> "Table":
    return _hanging(Text("✓", style="bold green"), Text(text))


def _beside(text: str) -> Table:
    return _hanging(Text("·"), Text(text))


def _no(text: str) -> "Table":
    return _hanging(Text("✗", style="bold red"), Text(text))


def _hanging(mark: Text, body: RenderableType) -> Table:
    """Put a mark before a body that may be of several lines, all of them indented alike."""
    grid = Table.grid(Column(no_wrap=True), Column(), padding=(0, 1))
    grid.add_row(mark, body)
    return grid


def _asked(text: str, *answers: RenderableType) -> Group:
    question = _hanging(Text("▸", style="bold"), Text(text, style="bold"))
    return Group(question, *(Padding(answer, (0, 0, 0, 2)) for answer in answers))


def _cut(items: Sequence[ItemT]) -> tuple[Sequence[ItemT], int]:
    """Return as many as are shown, and how many are not; one is not worth a line saying so."""
    return (items, 0) if len(items) <= ROWS + 1 else (items[:ROWS], len(items) - ROWS)


def _and_more(further: int) -> str:
    return f"… and {further:,} more"


def _uploaded(fact: Uploaded, words: Words) -> RenderableType:
    shown, further = _cut(fact.exams)
    table = Table(
        Column("exam", no_wrap=True),
        Column("patient", no_wrap=True),
        Column("modality", no_wrap=True, max_width=12),
        Column("date", no_wrap=True, min_width=10),
        Column("description"),
        Column("files", no_wrap=True, min_width=5, justify="right"),
        **PLAIN,
    )
    for exam in shown:
        table.add_row(
            f"exam {exam.number}",
            f"patient {exam.patient}",
            Text(exam.modality or ""),
            exam.date.isoformat() if exam.date else "",
            Text(exam.description or "", no_wrap=True, overflow="ellipsis"),
            f"{exam.files:,}",
        )
    under = [
        *([_and_more(further)] if further else []),
        f"{count(len(fact.exams), 'exam')}, all owned by {words.who(fact.by)}.",
        *(f"{count(number, 'file')} left out: {why}." for why, number in fact.left_out.items()),
    ]
    return Group(table, *map(Text, under))


def _form(fact: FormShown, words: Words) -> RenderableType:
    form = fact.form
    who = words.who(fact.actor)
    if not form.has_share_tab:
        return _asked(f"{who} opens {words.exam(fact.exam)}", _no("no Share tab"))
    seen = f"{count(len(form.exams), 'exam')} of {count(form.subjects, 'patient')}"
    along = f"this one, or all that came along and {words.first_name(fact.actor)} can see: {seen}"
    lines = [
        ("Download", "a box to tick" if form.offers_download else "not offered"),
        ("Exams", along),
        ("At most", until(form.latest_until)),
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


def _reasons(reasons: Iterable[Reason], words: Words) -> RenderableType:
    grid = Table.grid(Column(no_wrap=True), Column(style="red"), Column(), padding=(0, 1))
    for reason in reasons:
        grid.add_row(Text("✗", style="bold red"), reason.code.value, words.remedy(reason))
    return grid


def _turned_down(fact: TurnedDown, words: Words) -> RenderableType:
    return _asked(words.asked(fact.request), _reasons(fact.reasons, words))


def _previewed(fact: Previewed, words: Words) -> RenderableType:
    question = _hanging(
        Text("?", style="bold yellow"), Text(f"Preview: {words.asked(fact.request)}", style="bold")
    )
    rows, further = _cut(list(_by_principal(fact.preview).items()))
    grid = Table.grid(Column(no_wrap=True), Column(), padding=(0, 2))
    for principal, effects in rows:
        grid.add_row(words.who(principal), _effects(effects, words))
    answers = [
        *([_reasons(fact.preview.reasons, words)] if fact.preview.reasons else []),
        grid,
        *([Text(_and_more(further))] if further else []),
    ]
    return Group(question, *(Padding(answer, (0, 0, 0, 2)) for answer in answers))


_Effects: TypeAlias = dict[tuple[str, str], list[Effect]]
"""The effects on one principal, by what becomes of their hold, and until when."""


def _by_principal(preview: Preview) -> dict[PrincipalId, _Effects]:
    found: dict[PrincipalId, _Effects] = {}
    for becomes, effects in (
        ("loses", preview.losses),
        ("gains", preview.gains),
        ("keeps", preview.keeps),
    ):
        for effect in effects:
            kind = (becomes, _time(becomes, effect))
            found.setdefault(effect.principal, {}).setdefault(kind, []).append(effect)
    return found


def _time(becomes: str, effect: Effect) -> str:
    if becomes == "loses":
        return f" after {moment(effect.until_after)}" if effect.until_after else ""
    return f" {until(effect.until_after)}" if effect.until_after else ""


_STYLES: Final = {"loses": "red", "gains": "green", "keeps": "yellow"}


def _effects(effects: _Effects, words: Words) -> Text:
    parts: list[Text] = []
    said = ""
    for (becomes, time), alike in effects.items():
        exams = dict.fromkeys(effect.exam for effect in alike)
        what = series(each.name.lower() for each in sorted({one.permission for one in alike}))
        on = words.exam(alike[0].exam) if len(exams) == 1 else count(len(exams), "exam")
        verb = "" if becomes == said else f"{becomes} "
        parts.append(Text.assemble((verb, _STYLES[becomes]), f"{what} on {on}{time}"))
        said = becomes
    return Text(", ").join(parts)


_OUTCOMES: Final = {
    Outcome.GRANTED: "granted",
    Outcome.WIDENED: "widened",
    Outcome.EXTENDED: "extended",
    Outcome.UNCHANGED: "unchanged",
    Outcome.OWNS_IT: "owns it",
}


def _shared(fact: Shared, words: Words) -> RenderableType:
    exams = Counter(
        (each.recipient, each.outcome, each.until, each.limited_by)
        for each in fact.receipt.outcomes
    )
    lines = [
        _yes(
            f"{words.who(recipient)}: {_OUTCOMES[outcome]} on {count(number, 'exam')}, "
            f"{until(time)}{_limit(time, limited_by, fact.request, words)}"
        )
        for (recipient, outcome, time, limited_by), number in exams.items()
    ]
    return _asked(words.asked(fact.request), *lines)


def _limit(
    time: datetime | None, limited_by: UntilLimit, request: ShareRequest, words: Words
) -> str:
    limited = time is not None and limited_by is UntilLimit.OWN_HOLD
    return f", as long as {words.first_name(request.actor)} holds it" if limited else ""


def _grant(grant: Grant, words: Words) -> str:
    by = words.who(grant.grantor)
    return f"{words.who(grant.recipient)}: {_held(grant.permission, grant.until)}, by {by}"


def _held(permission: Permission, time: datetime | None) -> str:
    return may(permission) if time is None else f"{may(permission)} {until(time)}"


def _origin(grant: Grant) -> tuple[object, ...]:
    """Return what a narrowed grant takes over from the one that it replaces."""
    return grant.exam, grant.grantor, grant.recipient, grant.version, grant.share


def _ended(fact: Ended, words: Words) -> RenderableType:
    receipt = fact.receipt
    became: dict[tuple[object, ...], list[str]] = {}
    for new in receipt.replacements:
        became.setdefault(_origin(new), []).append(_held(new.permission, new.until))
    lines = [
        _yes(
            f"{_grant(grant, words)}; now {series(became[_origin(grant)])}"
            if _origin(grant) in became
            else f"{_grant(grant, words)}; ended"
        )
        for grant in receipt.ended
    ]
    lines += [_beside(f"{_grant(grant, words)}; left standing") for grant in receipt.left_standing]
    if receipt.still_have_access:
        holds = "with access" if isinstance(fact.request, UnshareRequest) else "holding more"
        lines.append(_beside(f"still {holds}: {words.everyone(receipt.still_have_access)}"))
    return _asked(words.asked(fact.request), *lines)


def _noticed(fact: Noticed, words: Words) -> RenderableType:
    letters: dict[tuple[object, ...], list[ShareNotice]] = {}
    for notice in fact.notices:
        alike = (notice.actor, notice.exams, notice.permission, notice.until, notice.message)
        letters.setdefault(alike, []).append(notice)
    untold = [_beside(f"{words.who(user)} gains by it and wants no notice") for user in fact.untold]
    return Group(*(_letter(alike, words) for alike in letters.values()), *untold)


def _letter(alike: Sequence[ShareNotice], words: Words) -> RenderableType:
    first = alike[0]
    text = Text(
        f"{words.who(first.actor)} has shared {count(first.exams, 'exam')} with you: "
        f"{may(first.permission)}, {until(first.until)}."
    )
    if first.message is not None:
        text.append(f"\n\n{first.message}", style="italic")
    shown, further = _cut([f"{words.who(each.to)} <{each.address}>" for each in alike])
    to = Text("\n".join([*shown, *([_and_more(further)] if further else [])]), style="dim")
    title = f"{count(len(alike), 'notice')} sent"
    return Panel(
        Group(to, Text(), text), title=title, title_align="left", box=ROUNDED, expand=False
    )


def _tabs(fact: TabsShown, words: Words) -> RenderableType:
    heads = [Column(tab.name.capitalize(), justify="center", no_wrap=True) for tab in Tab]
    table = Table(Column("", no_wrap=True), *heads, Column("why"), **PLAIN)
    for each in fact.people:
        marks = [Text("✓", style="green") if tab in each.tabs else Text("·") for tab in Tab]
        table.add_row(words.who(each.user), *marks, words.why(each.why))
    return table


def _explained(fact: Explained, words: Words) -> RenderableType:
    permitted = isinstance(fact.answer, Permitted)
    what = fact.permission.name.lower()
    question = f"May {words.who(fact.user)} {what} {words.exam(fact.exam)}?"
    answer = words.why(fact.answer)
    return _asked(question, _yes(f"yes: {answer}") if permitted else _no(f"no: {answer}"))


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
        table.add_row(entry.name, _held(entry.permission, entry.until), by, *marks[principal])
    heading = Text.assemble(f"Exam owner of {words.exam(fact.exam)}: ", (words.who(owner), "bold"))
    return Group(heading, Text(), table if entries else Text("Nobody else has access."))


def _travelled(fact: Travelled, words: Words) -> RenderableType:
    tree = Tree(f"{words.who(fact.owner)} owns {words.exam(fact.exam)}", guide_style="dim")
    branches: dict[GrantId, Tree] = {}
    waiting = list(fact.steps)
    while waiting:
        later: list[tuple[Grant, Permitted | Denied]] = []
        for grant, held in waiting:
            under = _branch(held, tree, branches)
            if under is None:
                later.append((grant, held))
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


def _branch(held: Permitted | Denied, root: Tree, branches: Mapping[GrantId, Tree]) -> Tree | None:
    """Return where a grant hangs whose grantor holds it so; `None` where that is not there yet."""
    if isinstance(held, Denied):
        return None
    if held.as_owner:
        return root
    return next(
        (branches[ground.grant.id] for ground in held.grounds if ground.grant.id in branches), None
    )


def _step(grant: Grant, owner: UserId, words: Words) -> Text:
    by = "" if grant.grantor == owner else f", by {words.who(grant.grantor)}"
    text = Text(words.who(grant.recipient))
    return text.append(f": {_held(grant.permission, grant.until)}{by}", style="dim")


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
    Previewed: _previewed,
    Shared: _shared,
    Ended: _ended,
    TurnedDown: _turned_down,
    Noticed: _noticed,
    TabsShown: _tabs,
    Explained: _explained,
    Listed: _listed,
    Travelled: _travelled,
    Shelves: _shelves,
}
"""How to picture each kind of fact."""
