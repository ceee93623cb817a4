"""Timing: the best of several rounds, taken in turns, with the garbage collector off."""

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter_ns
from typing import Any, TypeAlias

__all__ = ["Batch", "asking", "best_of", "uncollected"]

Batch: TypeAlias = Callable[[], object]
"""Many calls in one loop, so that taking the time costs nothing beside them."""


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


def _bare_loop(calls: int) -> Batch:
    triples = tuple((number, number, number) for number in range(calls))

    def batch() -> None:
        for _first, _second, _third in triples:
            pass

    return batch


def best_of(rounds: int, batches: Mapping[str, Batch], calls: int) -> dict[str, float]:
    """Return the nanoseconds of one call in each batch, without those of the loop around it.

    Args:
        rounds: how many times each batch is run; in turns, so that a busy moment of the machine
            meets all of them alike.
        batches: what to time, by name.
        calls: how many calls are in each batch.
    """
    runs = {**batches, "": _bare_loop(calls)}
    best = dict.fromkeys(runs, float("inf"))
    with uncollected():
        for _ in range(rounds):
            for name, run in runs.items():
                start = perf_counter_ns()
                run()
                best[name] = min(best[name], perf_counter_ns() - start)
    loop = best.pop("")
    return {name: (time - loop) / calls for name, time in best.items()}
