"""How answers and lists are laid out on a terminal; this module needs rich."""

from collections.abc import Sequence
from typing import Any, Final, TypeVar

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

__all__ = ["PLAIN", "ROWS", "and_more", "asked", "beside", "cut", "hanging", "no", "yes"]

ROWS: Final = 8
"""So many rows of a long list are shown."""


PLAIN: Final[dict[str, Any]] = {
    "box": SIMPLE_HEAD,
    "show_edge": False,
    "pad_edge": False,
    "collapse_padding": True,
}


ItemT = TypeVar("ItemT")


def yes(text: str) -> Table:
    """Put a text after the sign of a yes."""
    return hanging(Text("✓", style="bold green"), Text(text))


def no(text: str) -> Table:
    """Put a text after the sign of a no."""
    return hanging(Text("✗", style="bold red"), Text(text))


def beside(text: str) -> Table:
    """Put a text after the sign of something that is so besides."""
    return hanging(Text("·"), Text(text))


def hanging(mark: Text, body: RenderableType) -> Table:
    """Put a mark before a body that may be of several lines, all of them indented alike."""
    grid = Table.grid(Column(no_wrap=True), Column(), padding=(0, 1))
    grid.add_row(mark, body)
    return grid


def asked(text: str, *answers: RenderableType) -> Group:
    """Put what was asked for above what came of it."""
    question = hanging(Text("▸", style="bold"), Text(text, style="bold"))
    return Group(question, *(Padding(answer, (0, 0, 0, 2)) for answer in answers))


def cut(items: Sequence[ItemT]) -> tuple[Sequence[ItemT], int]:
    """Return as many as are shown, and how many are not; one is not worth a line saying so."""
    return (items, 0) if len(items) <= ROWS + 1 else (items[:ROWS], len(items) - ROWS)


def and_more(further: int) -> str:
    """Say how many are not shown."""
    return f"… and {further:,} more"
