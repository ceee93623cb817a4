"""How what was asked for, and what came of it, looks on a terminal; this module needs rich."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, TypeAlias

from rich.box import ROUNDED
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Column, Table
from rich.text import Text

from exam_sharing import (
    Effect,
    Outcome,
    Permitted,
    Preview,
    PrincipalId,
    Reason,
    ShareNotice,
    ShareRequest,
    ShownGrant,
    UnshareRequest,
    UntilLimit,
)
from exam_sharing.cli.layout import and_more, asked, beside, cut, hanging, no, yes
from exam_sharing.cli.tour.facts import Ended, Explained, Noticed, Previewed, Shared, TurnedDown
from exam_sharing.cli.words import Words, count, may, series

__all__ = [
    "picture_ending",
    "picture_explanation",
    "picture_notices",
    "picture_preview",
    "picture_refusal",
    "picture_share",
]


def picture_refusal(fact: TurnedDown, words: Words) -> RenderableType:
    """Show what was asked for, and every reason against it."""
    return asked(words.asked(fact.request), _reasons(fact.reasons, words))


def _reasons(reasons: Iterable[Reason], words: Words) -> RenderableType:
    grid = Table.grid(Column(no_wrap=True), Column(style="red"), Column(), padding=(0, 1))
    for reason in reasons:
        grid.add_row(Text("✗", style="bold red"), reason.code.value, words.remedy(reason))
    return grid


def picture_preview(fact: Previewed, words: Words) -> RenderableType:
    """Show what an act would do, a line for each who gains, loses or keeps something."""
    question = hanging(
        Text("?", style="bold yellow"), Text(f"Preview: {words.asked(fact.request)}", style="bold")
    )
    rows, further = cut(list(_by_principal(fact.preview, words).items()))
    grid = Table.grid(Column(no_wrap=True), Column(), padding=(0, 2))
    for principal, effects in rows:
        grid.add_row(words.who(principal), _effects(effects, words))
    answers = [
        *([_reasons(fact.preview.reasons, words)] if fact.preview.reasons else []),
        grid,
        *([Text(and_more(further))] if further else []),
    ]
    return Group(question, *(Padding(answer, (0, 0, 0, 2)) for answer in answers))


_Effects: TypeAlias = dict[tuple[str, str], list[Effect]]
"""The effects on one principal, by what becomes of their hold, and until when."""


def _by_principal(preview: Preview, words: Words) -> dict[PrincipalId, _Effects]:
    # Whoever loses time and keeps the rest is among both; once is enough.
    shortened = frozenset(preview.losses)
    found: dict[PrincipalId, _Effects] = {}
    for becomes, effects in (
        ("loses", preview.losses),
        ("gains", preview.gains),
        ("keeps", [effect for effect in preview.keeps if effect not in shortened]),
    ):
        for effect in effects:
            kind = (becomes, _time(becomes, effect, words))
            found.setdefault(effect.principal, {}).setdefault(kind, []).append(effect)
    return found


def _time(becomes: str, effect: Effect, words: Words) -> str:
    if effect.until_after is None:
        return ""
    when = words.when(effect.until_after)
    return f" after {when}" if becomes == "loses" else f" until {when}"


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


def picture_share(fact: Shared, words: Words) -> RenderableType:
    """Show what a share gave each recipient."""
    exams = Counter(
        (each.recipient, each.outcome, each.until, each.limited_by)
        for each in fact.receipt.outcomes
    )
    lines = [
        yes(
            f"{words.who(recipient)}: {_OUTCOMES[outcome]} on {count(number, 'exam')}, "
            f"{words.until(time)}{_limit(time, limited_by, fact.request, words)}"
        )
        for (recipient, outcome, time, limited_by), number in exams.items()
    ]
    return asked(words.asked(fact.request), *lines)


def _limit(
    time: datetime | None, limited_by: UntilLimit, request: ShareRequest, words: Words
) -> str:
    limited = time is not None and limited_by is UntilLimit.OWN_HOLD
    return f", as long as {words.first_name(request.actor)} holds it" if limited else ""


def _grant(grant: ShownGrant, words: Words) -> str:
    by = words.who(grant.grantor)
    return f"{words.who(grant.recipient)}: {words.held(grant.permission, grant.until)}, by {by}"


def _origin(grant: ShownGrant) -> tuple[object, ...]:
    """Return what a narrowed grant takes over from the one that it replaces."""
    return grant.exam, grant.grantor, grant.recipient, grant.share


def picture_ending(fact: Ended, words: Words) -> RenderableType:
    """Show which grants ended or were narrowed, and what was left."""
    receipt = fact.receipt
    became: dict[tuple[object, ...], list[str]] = {}
    for new in receipt.replacements:
        became.setdefault(_origin(new), []).append(words.held(new.permission, new.until))
    lines = [
        yes(
            f"{_grant(grant, words)}; now {series(became[_origin(grant)])}"
            if _origin(grant) in became
            else f"{_grant(grant, words)}; ended"
        )
        for grant in receipt.ended
    ]
    lines += [beside(f"{_grant(grant, words)}; left standing") for grant in receipt.left_standing]
    if receipt.still_have_access:
        holds = "with access" if isinstance(fact.request, UnshareRequest) else "holding more"
        lines.append(beside(f"still {holds}: {words.everyone(receipt.still_have_access)}"))
    return asked(words.asked(fact.request), *lines)


def picture_notices(fact: Noticed, words: Words) -> RenderableType:
    """Show notices as they were sent, each text once, and who was sent none."""
    letters: dict[tuple[object, ...], list[ShareNotice]] = {}
    for notice in fact.notices:
        alike = (notice.actor, notice.exams, notice.permission, notice.until, notice.message)
        letters.setdefault(alike, []).append(notice)
    untold = [beside(f"{words.who(user)} gains by it and wants no notice") for user in fact.untold]
    return Group(*(_letter(alike, words) for alike in letters.values()), *untold)


def _letter(alike: Sequence[ShareNotice], words: Words) -> RenderableType:
    first = alike[0]
    text = Text(
        f"{words.who(first.actor)} has shared {count(first.exams, 'exam')} with you: "
        f"{may(first.permission)}, {words.until(first.until)}."
    )
    if first.message is not None:
        text.append(f"\n\n{first.message}", style="italic")
    shown, further = cut([_addressed(each, words) for each in alike])
    to = Text("\n".join([*shown, *([and_more(further)] if further else [])]), style="dim")
    title = f"{count(len(alike), 'notice')} sent"
    return Panel(
        Group(to, Text(), text), title=title, title_align="left", box=ROUNDED, expand=False
    )


def _addressed(notice: ShareNotice, words: Words) -> str:
    who = words.who(notice.to)
    return who if notice.address is None else f"{who} <{notice.address}>"


def picture_explanation(fact: Explained, words: Words) -> RenderableType:
    """Show why somebody may do something, or what comes nearest to it."""
    permitted = isinstance(fact.answer, Permitted)
    what = fact.permission.name.lower()
    question = f"May {words.who(fact.user)} {what} {words.exam(fact.exam)}?"
    answer = words.why(fact.answer)
    return asked(question, yes(f"yes: {answer}") if permitted else no(f"no: {answer}"))
