"""An event loop in a thread of its own, for tests whose threads call what runs on it.

Each thread of a test has one task on the loop, so that what holds for threads must hold for tasks.
"""

import asyncio
import inspect
import threading
from concurrent.futures import Future
from contextlib import contextmanager

PATIENCE = 60
"""Seconds that a call may take."""


class Loop:
    """A running event loop; its `run` may be called by any other thread."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self._own = threading.local()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def run(self, coroutine):
        """Run a coroutine in the task of this thread, and return its answer."""
        if not hasattr(self._own, "asked"):
            self._own.asked = asyncio.Queue()
            asyncio.run_coroutine_threadsafe(self._serve(self._own.asked), self.loop)
        answer = Future()
        self.loop.call_soon_threadsafe(self._own.asked.put_nowait, (coroutine, answer))
        return answer.result(PATIENCE)

    async def _serve(self, asked):
        while True:
            coroutine, answer = await asked.get()
            try:
                answer.set_result(await coroutine)
            except Exception as error:  # noqa: BLE001  the thread raises it
                answer.set_exception(error)

    async def _end(self):
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def close(self):
        asyncio.run_coroutine_threadsafe(self._end(), self.loop).result(PATIENCE)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


class Synchronous:
    """An asynchronous object, as an `AsyncSharing`, whose methods are called by threads."""

    def __init__(self, loop, given):
        self._loop, self._given = loop, given

    def __getattr__(self, name):
        found = getattr(self._given, name)
        if not callable(found):
            return Synchronous(self._loop, found) if name == "admin" else found

        def call(*args, **kwargs):
            answer = self._loop.run(found(*args, **kwargs))
            return Synchronous(self._loop, answer) if name == "viewer" else answer

        return call


class InGreenlets:
    """A synchronous object over an asynchronous engine, as a store, called by threads."""

    def __init__(self, loop, spawn, given):
        self._loop, self._spawn, self._given = loop, spawn, given

    def __getattr__(self, name):
        found = getattr(self._given, name)
        if not callable(found):
            return InGreenlets(self._loop, self._spawn, found)

        def call(*args, **kwargs):
            return self._loop.run(self._spawn(found, *args, **kwargs))

        return self._entered(call) if name == "locked" else call

    def _entered(self, call):
        @contextmanager
        def locked(*args):
            turn = InGreenlets(self._loop, self._spawn, call(*args))
            writer = turn._call("__enter__")
            try:
                yield None if writer is None else InGreenlets(self._loop, self._spawn, writer)
            except BaseException as error:
                if not turn._call("__exit__", type(error), error, error.__traceback__):
                    raise
            else:
                turn._call("__exit__", None, None, None)

        return locked

    def _call(self, name, *args):
        return self._loop.run(self._spawn(getattr(self._given, name), *args))


def with_coroutines(port, seen):
    """Return a port with a coroutine function for each method, which notes its thread."""

    def later(method):
        async def answer(*args, **kwargs):
            seen.add(threading.current_thread())
            await asyncio.sleep(0)
            return method(*args, **kwargs)

        return staticmethod(answer)

    return type("Later", (), {name: later(each) for name, each in methods_of(port).items()})()


def methods_of(port):
    found = inspect.getmembers(port, callable)
    return {name: each for name, each in found if not name.startswith("_")}
