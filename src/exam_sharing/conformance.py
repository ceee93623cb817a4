"""Whether a value implements a port: it has every method of the protocol, none asynchronous."""

import inspect
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from typing_extensions import get_protocol_members

from exam_sharing.errors import InvalidArgument

_MAY_BE_INHERITED: Final = frozenset({"locked", "step_aside"})
"""Methods with a sensible default in the protocol."""


def require_conforming(field: str, value: object, *protocols: type) -> None:
    """Raise `InvalidArgument` unless the value implements the protocols, synchronously."""
    if isinstance(value, type):
        problem = f"must be an instance, not the class {value.__name__}: call it"
        raise InvalidArgument(field, problem)
    kind: type = type(value)
    if all(_conforms(kind, protocol) for protocol in protocols):
        return
    for protocol in protocols:
        for found in asynchronous_methods(value, protocol):
            raise InvalidArgument(field, f"must be synchronous; its {found}")
        lacks = lacking(value, protocol)
        if lacks:
            given = f"{type(value).__name__} lacks {', '.join(lacks)}"
            raise InvalidArgument(field, f"must have every method of its port; {given}")


@lru_cache(maxsize=256)
def _conforms(kind: type, protocol: type) -> bool:
    return not lacking(kind, protocol)


def lacking(candidate: object, protocol: type) -> tuple[str, ...]:
    """Return the methods of a protocol that an object or class lacks or has asynchronous."""
    members = sorted(get_protocol_members(protocol))
    return tuple(each for each in members if not _has(candidate, protocol, each))


def answers_at_once(port: object, protocol: type, instead_of: frozenset[str]) -> bool:
    """Return whether a port may answer by the methods that a protocol adds, instead of by others.

    It may not where it only forwards calls, nor where a subclass or the object itself replaces one
    of the others: an inherited method would not ask the new one. Whoever wrote the first class that
    has both, such as one with a mixin, knows of both.
    """
    kind: type = type(port)
    replaced = instead_of.intersection(getattr(port, "__dict__", ()))
    return not replaced and _answers_at_once(kind, protocol, instead_of)


@lru_cache(maxsize=256)
def _answers_at_once(kind: type, protocol: type, instead_of: frozenset[str]) -> bool:
    if lacking(kind, protocol):
        return False

    def distance(method: str) -> int:
        defining = (n for n, each in enumerate(kind.__mro__) if method in vars(each))
        return next(defining, len(kind.__mro__))

    added = get_protocol_members(protocol).intersection(vars(protocol))
    both = added | instead_of
    having = (n for n, each in enumerate(kind.__mro__) if all(hasattr(each, m) for m in both))
    first = max(having, default=0)
    return min(first, max(map(distance, added))) <= min(map(distance, instead_of))


def asynchronous_methods(candidate: object, protocol: type) -> Iterator[str]:
    """Yield the name and the kind of each asynchronous method of an object."""
    for name in sorted(get_protocol_members(protocol)):
        kind = _asynchronous_kind(getattr(candidate, name, None))
        if kind is not None:
            yield f"{name} is {kind}"


def _asynchronous_kind(method: object) -> str | None:
    """Return the kind of an asynchronous function; `None` for anything else."""
    if inspect.iscoroutinefunction(method):
        return "a coroutine function"
    return "an asynchronous generator" if inspect.isasyncgenfunction(method) else None


def _has(candidate: object, protocol: type, method: str) -> bool:
    """Return whether the method is implemented, and synchronous."""
    kind = candidate if isinstance(candidate, type) else type(candidate)
    if getattr(kind, method, None) is getattr(protocol, method):
        return method in _MAY_BE_INHERITED
    found = getattr(candidate, method, None)
    return callable(found) and _asynchronous_kind(found) is None
