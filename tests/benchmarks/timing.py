"""Timing: the best of several rounds, taken in turns, with the garbage collector off."""

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import perf_counter_ns
from typing import Any, Final, TypeAlias, TypeVar

__all__ = ["Batch", "asking", "best_of", "chunks", "uncollected"]

CHUNK: Final = 500

ItemT = TypeVar("ItemT")

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
