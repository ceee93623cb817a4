"""Steps of the machine in one second, in memory, with every answer compared.

Run from the root of a checkout: `python tests/benchmarks/machine.py`. It prints the steps of one
process, those of two processes side by side, and the time of a dictionary look-up, as a measure of
the machine. Each is the median of several runs. A step is one thing that happens, performed by the
package and by the model, with every answer compared after it. The time of Hypothesis counts too.
Processor time shows the cost of a step where other work keeps the processors busy.
"""

import sys
import time
import timeit
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from statistics import median

from hypothesis import settings

from exam_sharing.memory import MemoryStore
from exam_sharing.testing import run_sharing_machine
from exam_sharing.testing.machine.comparing import Comparison

STEPS = 50
LOOK_UPS = 1_000_000


def steps_made(stories: int) -> tuple[int, float]:
    """Run some stories; return the number of steps and the seconds of processor time."""
    before, began = Comparison.steps, time.process_time()
    told = settings(max_examples=stories, stateful_step_count=STEPS, database=None)
    run_sharing_machine(
        MemoryStore,
        transfer=lambda store, exam, owner, at: store.transfer(exam, owner, at=at),
        settings=told,
    )
    return Comparison.steps - before, time.process_time() - began


def steps_a_second(processes: int, stories: int) -> tuple[float, float]:
    """Return the steps in one second of processes side by side, by clock and processor time."""
    # Forked processes would draw the same stories.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        list(pool.map(steps_made, [3] * processes))
        began = time.perf_counter()
        made = list(pool.map(steps_made, [stories // processes] * processes))
        took = time.perf_counter() - began
    steps, busy = sum(n for n, _ in made), sum(seconds for _, seconds in made) / processes
    return steps / took, steps / busy


def main(stories: int = 200, rounds: int = 3) -> None:
    """Print the steps in one second, of one process and of two."""
    for processes in (1, 2):
        rates = [steps_a_second(processes, stories) for _ in range(rounds)]
        clock, busy = (median(each) for each in zip(*rates, strict=True))
        told = ", ".join(f"{rate:,.0f}" for rate, _ in rates)
        print(
            f"{processes} process(es): {clock:,.0f} steps a second ({told}; "
            f"{busy:,.0f} by processor time)"
        )
    look_up = min(timeit.repeat("d.get('a')", "d = {'a': 1}", number=LOOK_UPS, repeat=3))
    print(f"a look-up in a dictionary: {look_up / LOOK_UPS * 1e9:.0f} ns")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
