"""Ports with somebody in between, who sees each question and says what becomes of it.

A watcher is given the name of the question, as `"grants.read"`, and a function that puts it to the
port; whatever the watcher returns or raises is what the asker gets.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import attrs

from exam_sharing.ports import Ports

Watcher = Callable[[str, Callable[[], Any]], Any]


@contextmanager
def _watched_turn(turn: Any, watcher: Watcher) -> Iterator[Any]:
    with turn as writer:
        yield None if writer is None else _Watched("writer", writer, watcher)


class _Watched:
    def __init__(self, name: str, port: Any, watcher: Watcher) -> None:
        self._name = name
        self._port = port
        self._watcher = watcher

    def __getattr__(self, method: str) -> Callable[..., Any]:
        question = f"{self._name}.{method}"
        put = getattr(self._port, method)

        def ask(*args: Any, **kwargs: Any) -> Any:
            answer = self._watcher(question, partial(put, *args, **kwargs))
            return _watched_turn(answer, self._watcher) if method == "locked" else answer

        return ask


def watched(ports: Ports, watcher: Watcher) -> Ports:
    """Return the ports with the watcher before each."""
    return Ports(
        **{
            field.name: _Watched(field.name, port, watcher)
            for field in attrs.fields(Ports)
            if (port := getattr(ports, field.name)) is not None
        }
    )


class Counting:
    """A watcher that counts the questions, by kind."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    def __call__(self, question: str, put: Callable[[], Any]) -> Any:
        self.asked[question] += 1
        return put()


class FailingOnce:
    """A watcher that raises at one question, counted from 1, and passes all others on.

    Args:
        at: which question.
        error: what to raise.
        after: whether the port does its work before, so that only the answer is lost.
    """

    def __init__(self, at: int, error: BaseException, *, after: bool = False) -> None:
        self._at = at
        self._error = error
        self._after = after
        self._count = 0
        self.failed: str | None = None

    def __call__(self, question: str, put: Callable[[], Any]) -> Any:
        self._count += 1
        if self._count != self._at:
            return put()
        self.failed = question
        if self._after:
            put()
        raise self._error
