"""Steps of the machine in one second, in memory, with every answer compared.

Run from the root of a checkout: `python tests/benchmarks/machine.py`, or with `--portals` for the
portal machine, over functions and over HTTP. It prints the steps of one
process, those of two processes side by side, and the time of a dictionary look-up, as a measure of
the machine. Each is the median of several runs. A step is one thing that happens, performed by the
package and by the model, with every answer compared after it. The time of Hypothesis counts too.
Processor time shows the cost of a step where other work keeps the processors busy.
"""

import sys
import time
import timeit
from argparse import ArgumentParser
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

from hypothesis import settings

from exam_sharing.memory import MemoryStore
from exam_sharing.testing import run_portal_machine, run_sharing_machine
from exam_sharing.testing.machine.portal_machine import PortalMachine
from exam_sharing.testing.machine.store_machine import SharingMachine

STEPS = 50
LOOK_UPS = 1_000_000


def steps_made(stories: int) -> tuple[int, float]:
    """Run some stories; return the number of steps and the seconds of processor time."""
    before, began = SharingMachine.steps, time.process_time()
    told = settings(max_examples=stories, stateful_step_count=STEPS, database=None)
    run_sharing_machine(
        MemoryStore,
        transfer=lambda store, exam, owner, at: store.transfer(exam, owner, at=at),
        settings=told,
    )
    return SharingMachine.steps - before, time.process_time() - began


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


def portal_steps(open_portal: Any, stories: int) -> str:
    """Return the steps in one second of the portal machine, on a portal with rules of its own."""
    before, began, busy = PortalMachine.steps, time.perf_counter(), time.process_time()
    told = settings(max_examples=stories, stateful_step_count=20, derandomize=True, database=None)
    run_portal_machine(open_portal, **HAS, settings=told)
    steps = PortalMachine.steps - before
    clock, used = time.perf_counter() - began, time.process_time() - busy
    return f"{steps / clock:,.0f} steps a second ({steps / used:,.0f} by processor time)"


def portals(stories: int = 60) -> None:
    """Print the steps in one second over functions and over HTTP."""
    print(f"over functions: {portal_steps(over_functions(), stories)}")
    with over_http() as open_portal:
        print(f"over HTTP: {portal_steps(open_portal, stories // 4)}")


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
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--portals", action="store_true", help="measure the portal machine")
    parser.add_argument("--stories", type=int, help="how many (default: 200, or 60 for portals)")
    asked = parser.parse_args()
    how_many = {} if asked.stories is None else {"stories": asked.stories}
    if asked.portals:
        sys.path.append(str(Path(__file__).parents[1] / "testing"))
        from clinic_portal import HAS, over_functions, over_http

        portals(**how_many)
    else:
        main(**how_many)
