"""The rows of the tables that benchmarks print: what was measured, its budget, and the verdict."""

import json
import sys
from collections.abc import Sequence

import attrs

__all__ = ["Row", "at_most", "printed", "progress"]


@attrs.frozen
class Row:
    """One line of the table.

    Attributes:
        what: what was measured.
        grants: in a world of how many.
        measured: the ratio, or how many.
        unit: what stands behind the number.
        budget: what it is held to, in words.
        holds: whether it does; `None` where there is no budget.
    """

    what: str
    grants: int
    measured: float | None
    unit: str = "x"
    budget: str = ""
    holds: bool | None = None

    def cells(self) -> tuple[str, ...]:
        """Return the texts of the row."""
        verdict = {True: "holds", False: "FAILS", None: ""}[self.holds]
        if self.measured is None:
            return self.what, f"{self.grants:,}", "skipped", self.budget, "not installed"
        whole = isinstance(self.measured, int) or self.measured >= 100
        number = f"{self.measured:,.0f}" if whole else f"{self.measured:.2f}"
        return self.what, f"{self.grants:,}", f"{number} {self.unit}", self.budget, verdict


def at_most(what: str, grants: int, measured: float, budget: float, words: str = "") -> Row:
    """Return the row of something that must not be more."""
    return Row(what, grants, measured, "x", words or f"at most {budget:g} x", measured <= budget)


def progress(text: str) -> None:
    """Say on standard error what is being done."""
    print(f"... {text}", file=sys.stderr, flush=True)


def _table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    heads = ("what", "grants", "measured", "budget", "verdict")
    lines = [heads, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    right = (False, True, True, False, False)

    def written(cells: Sequence[str]) -> str:
        padded = (
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(cells, widths, right, strict=True)
        )
        return f"| {' | '.join(padded)} |"

    rule = " | ".join(
        "-" * (width - 1) + (":" if to_right else "-")
        for width, to_right in zip(widths, right, strict=True)
    )
    return "\n".join([written(heads), f"| {rule} |", *map(written, lines[1:])])


def printed(rows: Sequence[Row], *, as_json: bool) -> str:
    """Return the rows as a Markdown table, or as JSON for machines."""
    if as_json:
        return json.dumps([attrs.asdict(row) for row in rows], indent=2)
    return _table(rows)
