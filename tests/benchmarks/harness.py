"""What all benchmarks share: the command line, tables with budgets, timing, and databases."""

import argparse
import gc
import json
import sys
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter_ns
from typing import Any, Final, TypeAlias, TypeVar

import attrs
import sqlalchemy
from sqlalchemy import Engine
from tests.databases import NO_SERVER, created_database, found_server

import exam_sharing as es
from exam_sharing.adapters.sqlalchemy import sqlite_engine

CHUNK: Final = 500

ItemT = TypeVar("ItemT")

Batch: TypeAlias = Callable[[], object]
"""Many calls in one loop, so that taking the time costs nothing beside them."""


@attrs.frozen
class Row:
    """One line of a table of budgets.

    Attributes:
        measured: the ratio, or how many; `None` if a library is not installed.
        budget: in words.
        holds: whether the budget does; `None` where there is none.
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


def options(module: str, doc: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options that all tables of budgets have."""
    parser = argparse.ArgumentParser(prog=f"python -m tests.benchmarks{module}", description=doc)
    parser.add_argument("--quick", action="store_true", help="smaller sizes, fewer rounds")
    parser.add_argument("--json", action="store_true", help="rows for machines")
    return parser


def report(rows: Iterable[Row], *, as_json: bool, judges: bool = True) -> None:
    """Measure and print all rows, and exit with 1 if a budget does not hold."""
    rows = list(rows)
    if as_json:
        print(json.dumps([attrs.asdict(row) for row in rows], indent=2))
    else:
        heads = ("what", "grants", "measured", "budget", "verdict")
        print(table(heads, [row.cells() for row in rows], right={1, 2}))
    sys.exit(judges and any(row.holds is False for row in rows))


def table(heads: Sequence[str], lines: Iterable[Sequence[str]], *, right: Container[int]) -> str:
    """Return a table in Markdown; the cells of the columns in `right` stand to the right."""
    lines = [heads, *lines]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]

    def written(cells: Iterable[str]) -> str:
        return f"| {' | '.join(cells)} |"

    padded = [
        written(
            f"{cell:{'>' if column in right else '<'}{widths[column]}}"
            for column, cell in enumerate(line)
        )
        for line in lines
    ]
    rule = ("-" * (w - 1) + (":" if n in right else "-") for n, w in enumerate(widths))
    return "\n".join([padded[0], written(rule), *padded[1:]])


def progress(text: str) -> None:
    print(f"... {text}", file=sys.stderr, flush=True)


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep the garbage collector out."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def asking(ask: Callable[..., object], calls: Iterable[tuple[Any, Any, Any]]) -> Batch:
    """Return a batch that calls with each triple of arguments."""
    calls = tuple(calls)

    def batch() -> None:
        for first, second, third in calls:
            ask(first, second, third)

    return batch


def chunks(items: Sequence[ItemT]) -> list[Sequence[ItemT]]:
    """Return the items in parts that take well under a time slice of the machine."""
    return [items[start : start + CHUNK] for start in range(0, len(items), CHUNK)]


def _bare_loop(calls: int) -> Batch:
    triples = tuple((number, number, number) for number in range(calls))

    def batch() -> None:
        for _first, _second, _third in triples:
            pass

    return batch


def best_of(
    rounds: int, contestants: Mapping[str, Sequence[Batch]], calls: int
) -> dict[str, float]:
    """Return the nanoseconds of one call for each contestant, without those of the loop around it.

    The best time of each batch is taken, and these are added up. They take turns, so that a busy
    moment of the machine meets all alike. In each turn they go through all of their batches twice:
    what fits into the caches of the machine is then there, and what does not is fetched again.

    Args:
        rounds: how many turns each has.
        contestants: the batches of each, by name.
        calls: how many calls are in all batches of one contestant together.
    """
    runs = {**contestants, "": [_bare_loop(len(part)) for part in chunks(range(calls))]}
    best = {name: [float("inf")] * len(batches) for name, batches in runs.items()}
    with uncollected():
        for _ in range(rounds):
            for name, batches in runs.items():
                times = best[name]
                for number, run in (*enumerate(batches), *enumerate(batches)):
                    start = perf_counter_ns()
                    run()
                    times[number] = min(times[number], perf_counter_ns() - start)
    total = {name: sum(times) for name, times in best.items()}
    loop = total.pop("")
    return {name: (time - loop) / calls for name, time in total.items()}


@contextmanager
def server() -> Iterator[str]:
    """Yield the URL of the server that the tests use, too."""
    with found_server() as url:
        if url is None:
            sys.exit(NO_SERVER)
        yield url


@contextmanager
def fresh(url: str) -> Iterator[Engine]:
    with created_database(url) as database:
        engine = sqlalchemy.create_engine(database)
        yield engine
        engine.dispose()


@contextmanager
def databases() -> Iterator[Mapping[str, Engine]]:
    """Yield the engines of an empty database of each kind."""
    with TemporaryDirectory() as folder, server() as url, fresh(url) as postgresql:
        sqlite = sqlite_engine(Path(folder, "sharing.db"))
        yield {"PostgreSQL": postgresql, "SQLite": sqlite}
        sqlite.dispose()


def uploaded(
    sharing: es.Sharing, name: str, owner: es.UserId, exams: Iterable[str], at: Any
) -> tuple[es.ExamId, ...]:
    """Upload a batch of that name, and return the ids of its exams."""
    batch = es.UploadBatch(id=es.BatchId(name), uploader=owner, received_at=at)
    made = [
        es.Exam(id=es.ExamId(exam), owner=owner, batch=batch.id, uploaded_at=at) for exam in exams
    ]
    sharing.add_upload(batch, made)
    return tuple(exam.id for exam in made)
