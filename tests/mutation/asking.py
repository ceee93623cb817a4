"""Asking the tests about every mutant, within one run of pytest.

pytest takes seconds to find the tests, so they are found once. Then a process is forked for each
mutant, which runs the tests that reach its function until one fails: first those that noticed an
earlier mutant of the function, then the quickest.
"""

import gc
import mmap
import os
import resource
import signal
import sys
from collections import Counter, defaultdict
from time import perf_counter

import pytest
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state

NOTICED, SURVIVED = 0, 1
MEMORY = 4 << 30
"""More than any test takes: a mutant may never stop filling a list."""
PATIENCE = 20
"""Seconds that a test has beside ten times what it takes without a mutant."""


class Asking:
    """A plugin of pytest that runs no test for its own sake, but several mutants at once."""

    def __init__(self, mutants, workers):
        self.mutants, self.workers = mutants, workers
        self.survivors = []
        self.counted = Counter()
        self._running = {}
        self._failed = False

    def pytest_runtest_logreport(self, report):
        self._failed = self._failed or report.failed

    def pytest_runtestloop(self, session):
        if session.testsfailed:
            return True
        reaching = self._reaching_tests(session.items)
        for tests in reaching.values():
            tests.sort(key=lambda test: test[0])
        gc.freeze()
        for mutant in self.mutants:
            if len(self._running) == self.workers:
                self._wait()
            self._start(mutant, reaching[mutant.reached_as])
        while self._running:
            self._wait()
        print(file=sys.stderr)
        return True

    def _wait(self):
        pid, status = os.wait()
        code = os.waitstatus_to_exitcode(status)
        mutant, tests, asked, place = self._running.pop(pid)
        if code == NOTICED and asked:
            noticing = asked[int.from_bytes(place)]
            tests.remove(noticing)
            tests.insert(0, noticing)
        if code == SURVIVED:
            self.survivors.append(mutant)
            print(f"\nsurvived:\n{mutant}", flush=True)
        self.counted[verdict(code)] += 1
        print(f"\r{self.counted.total():,} of {len(self.mutants):,}", end="", file=sys.stderr)

    def _reaching_tests(self, tests):
        """Return, for each function, the tests that reach it, run without a mutant, timed."""
        reaching = defaultdict(list)
        set_mutant_under_test("stats")
        for test in tests:
            state()._stats.clear()
            began = perf_counter()
            if not self._passes(test):
                pytest.exit(f"{test.nodeid} fails without a mutant", returncode=2)
            for function in state()._stats:
                reaching[function].append((perf_counter() - began, test))
        set_mutant_under_test("")
        return reaching

    def _passes(self, test):
        """Run a test, and all that it needs, and say whether it passes."""
        self._failed = False
        test.ihook.pytest_runtest_protocol(item=test, nextitem=None)
        return not self._failed

    def _start(self, mutant, tests):
        """Start a process that asks the tests about the mutant, and says which one noticed it."""
        asked, place = tuple(tests), mmap.mmap(-1, 4)
        if pid := os.fork():
            self._running[pid] = mutant, tests, asked, place
            return
        code = NOTICED
        try:
            silence = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silence, 1)
            os.dup2(silence, 2)
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            set_mutant_under_test(mutant.name)
            for number, (took, test) in enumerate(asked):
                place[:] = number.to_bytes(4)
                signal.alarm(PATIENCE + int(10 * took))
                if not self._passes(test):
                    break
            else:
                code = SURVIVED
        finally:
            os._exit(code)


def verdict(code):
    """Return what became of a mutant, by the exit code of the process that had it."""
    if code == -signal.SIGALRM:
        return "killed: a test came to no end"
    return {NOTICED: "killed", SURVIVED: "survived"}.get(code, "killed: the process crashed")
