"""How a tour and the rules look on a terminal; this module needs rich.

Everything is handed to rich as text, never as markup: what a stranger burnt on a CD is shown as it
is and interpreted by nobody.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Column, Table
from rich.text import Text
from typing_extensions import override

from exam_sharing.cli.layout import PLAIN
from exam_sharing.cli.tour.cast import GROUPS, NAMES, PEOPLE
from exam_sharing.cli.tour.facts import Chapter, Fact, Story, Suggested
from exam_sharing.cli.tour.pictures import picture
from exam_sharing.cli.words import Words, count, series, weekday

__all__ = ["open_console", "print_rules", "print_story"]

WIDEST: Final = 100


class _Console(Console):
    @override
    def on_broken_pipe(self) -> None:
        """Leave it to the command what becomes of a pipe that nobody reads any more.

        Raises:
            BrokenPipeError: always.
        """
        raise BrokenPipeError


def open_console() -> Console:
    """Return standard output, no wider than is good to read."""
    console = _Console(highlight=False, emoji=False, markup=False)
    console.width = min(console.width, WIDEST)
    return console


def print_story(story: Story, console: Console, place: str | None) -> None:
    """Print a tour from its first chapter to its last, and where it stays, if anywhere."""
    numbers = {exam.id: exam.number for exam in story.medium.shown}
    words = Words(names=NAMES, numbers=numbers)
    console.print(_opening(story))
    for number, chapter in enumerate(story.chapters, start=1):
        console.print(_chapter(chapter, number, words))
    console.print()
    console.print(_closing(story))
    if place is not None:
        console.print(_staying(story, place))


def _opening(story: Story) -> RenderableType:
    exams = len(story.medium.shown)
    patients = len({exam.patient for exam in story.medium.shown})
    cast = Table.grid(Column(no_wrap=True), Column(style="dim"), padding=(0, 2))
    for person in PEOPLE:
        cast.add_row(person.user.name, person.role)
    for group in GROUPS:
        members = series(NAMES[member] for member in sorted(group.members, key=lambda m: m.key))
        cast.add_row(group.name, f"group: {members}")
    title = Text("The tour: one week of a CD", style="bold")
    about = Text(
        f"{count(exams, 'exam')} of {count(patients, 'patient')}, shared, passed on and taken back "
        "by people who do not exist. What they ask for is made up; every answer is the library's."
    )
    return Group(title, Text(), about, Text(), _indented(cast))


def _chapter(chapter: Chapter, number: int, words: Words) -> RenderableType:
    head = Table.grid(Column(), Column(ratio=1), Column(style="dim"), padding=(0, 1), expand=True)
    title = Text(f"{number}  {chapter.title}", style="bold cyan", no_wrap=True)
    head.add_row(title, Rule(style="dim cyan"), Text(weekday(chapter.at), no_wrap=True))
    parts: list[RenderableType] = [Text(), head]
    before: Fact | None = None
    for fact in chapter.facts:
        is_listed = isinstance(before, Suggested) and isinstance(fact, Suggested)
        parts += [*([] if is_listed else [Text()]), _indented(picture(fact, words))]
        before = fact
    return Group(*parts)


def _closing(story: Story) -> RenderableType:
    facts = sum(len(chapter.facts) for chapter in story.chapters)
    text = Text(f"That was {count(len(story.chapters), 'chapter')} and {count(facts, 'step')}. ")
    text.append("exam-sharing rules", style="bold")
    text.append(" prints every rule behind them, ")
    text.append("exam-sharing tour --json", style="bold")
    text.append(" the same tour for machines.")
    return text


def _staying(story: Story, place: str) -> RenderableType:
    text = Text(f"It stays in {place}. Name that with --db, and look at it with ")
    text.append("exam-sharing people", style="bold")
    text.append(" or ")
    return text.append(f"exam-sharing access {story.medium.exams[0].id} --as anna", style="bold")


def _indented(what: RenderableType) -> Padding:
    return Padding(what, (0, 0, 0, 2), expand=False)


def print_rules(rules: Sequence[Mapping[str, object]], console: Console) -> None:
    """Print rules, for each kind of act those against it."""
    for act, title in (
        ("share", "Sharing is refused when"),
        ("unshare", "Unsharing and narrowing are refused when"),
    ):
        console.print(Group(Text(title, style="bold cyan"), Text()))
        table = Table(
            Column("code", no_wrap=True, style="bold"),
            Column("the rule"),
            Column("what to do"),
            **PLAIN,
        )
        for rule in rules:
            if rule["act"] == act:
                table.add_row(*(Text(str(rule[key])) for key in ("code", "statement", "remedy")))
        console.print(Group(_indented(table), Text()))
