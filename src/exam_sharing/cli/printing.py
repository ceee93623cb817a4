"""How replies are laid out on a terminal by rich, which is imported only when something is printed.

Everything is handed to rich as text, never as markup: what a stranger burnt on a CD is shown as it
is and interpreted by nobody.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from typing_extensions import override

if TYPE_CHECKING:
    from rich.console import Console, Group, RenderableType
    from rich.panel import Panel
    from rich.table import Column, Table
    from rich.text import Text


ItemT = TypeVar("ItemT")

Shown: TypeAlias = "RenderableType"
"""Whatever rich can show."""

Rows: TypeAlias = Iterable[Sequence[Any]]
"""Texts and whatever else rich can show."""

WIDEST: Final = 100
LONG: Final = 45
"""An id with more letters than this may be broken, so that other columns have room."""

ROWS: Final = 8
"""So many rows of a long list are shown."""


def open_console() -> "Console":
    """Return standard output, no wider than is good to read."""
    from rich.console import Console

    class Unmarked(Console):
        @override
        def on_broken_pipe(self) -> None:
            """Leave it to the command to handle a pipe that nobody reads any more."""
            raise BrokenPipeError

    console = Unmarked(highlight=False, emoji=False, markup=False)
    console.width = min(console.width, WIDEST)
    return console


def text(*parts: str | tuple[str, str], style: str = "", whole: bool = False) -> "Text":
    """Return a text of parts, each with or without a style; a whole one stays in one line."""
    from rich.text import Text

    ellipsis = {"no_wrap": True, "overflow": "ellipsis"} if whole else {}
    return Text.assemble(*parts, style=style, **ellipsis)  # type: ignore[arg-type]


def stacked(*parts: Shown) -> "Group":
    """Put parts below each other."""
    from rich.console import Group

    return Group(*parts)


def indented(part: Shown) -> Shown:
    """Put a part a little to the right."""
    from rich.padding import Padding

    return Padding(part, (0, 0, 0, 2), expand=False)


def column(head: str = "", **settings: Any) -> "Column":
    """Return a column of a table or a grid."""
    from rich.table import Column

    return Column(head, **settings)


def grid(*columns: "Column | str", rows: Rows, gap: int) -> "Table":
    """Return columns without lines and heads."""
    from rich.table import Table

    found = Table.grid(*columns, padding=(0, gap))
    for row in rows:
        found.add_row(*row)
    return found


def table(*columns: "Column | str", rows: Rows) -> "Table":
    """Return a table whose heads are underlined."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    found = Table(*columns, box=SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    for row in rows:
        found.add_row(*row)
    return found


def ids_table(first: str, *further: str, rows: Sequence[Sequence[Any]]) -> "Table":
    """Return a table with a first column for ids, which are broken only if they are long."""
    is_short = max((len(str(row[0])) for row in rows), default=0) <= LONG
    return table(column(first, overflow="fold", no_wrap=is_short), *further, rows=rows)


def boxed(part: Shown, title: str) -> "Panel":
    """Put a part into a box with a title."""
    from rich.box import ROUNDED
    from rich.panel import Panel

    return Panel(part, title=title, title_align="left", box=ROUNDED, expand=False)


def marked(mark: str, style: str, body: Shown) -> "Table":
    """Put a mark before a body that may have several lines, all of them indented alike."""
    return grid(column(no_wrap=True), column(), rows=[(text(mark, style=style), body)], gap=1)


def yes(line: str) -> "Table":
    """Put a text after the mark of a yes."""
    return marked("✓", "bold green", line)


def no(line: str) -> "Table":
    """Put a text after the mark of a no."""
    return marked("✗", "bold red", line)


def note(line: str) -> "Table":
    """Put a text after the mark of something that holds as well."""
    return marked("·", "", line)


def answered(question: str, *answers: Shown, mark: str = "▸", style: str = "bold") -> "Group":
    """Put what was asked for above what came of it."""
    return stacked(marked(mark, style, text(question, style="bold")), *map(indented, answers))


def cut(items: Sequence[ItemT]) -> tuple[Sequence[ItemT], list[str]]:
    """Return the items to show, and a line that counts the rest if there are more."""
    # One row is not worth a line that counts it.
    if len(items) <= ROWS + 1:
        return items, []
    return items[:ROWS], [f"… and {len(items) - ROWS:,} more"]
