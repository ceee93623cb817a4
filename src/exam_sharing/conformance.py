"""Whether a value answers a port: it has every method of the protocol, and answers at once."""

import inspect
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from typing_extensions import get_protocol_members

from exam_sharing.errors import InvalidArgument

__all__ = ["answering_later", "lacking", "require_conforming"]

_MAY_BE_INHERITED: Final = frozenset({"locked", "step_aside"})
"""Methods that do something sensible as the protocols have them."""


def require_conforming(field: str, value: object, *protocols: type) -> None:
    """Raise `InvalidArgument` unless the value answers every method of the protocols at once."""
    if isinstance(value, type):
        raise InvalidArgument(
            field, f"must be an instance, not the class {value.__name__}: call it"
        )
    kind: type = type(value)
    if all(_conforms(kind, protocol) for protocol in protocols):
        return
    for protocol in protocols:
        for later in answering_later(value, protocol):
            raise InvalidArgument(field, f"must answer at once; its {later}")
        lacks = lacking(value, protocol)
        if lacks:
            given = f"{type(value).__name__} lacks {', '.join(lacks)}"
            raise InvalidArgument(field, f"must have every method of its port; {given}")


@lru_cache(maxsize=256)
def _conforms(kind: type, protocol: type) -> bool:
    """Say whether every instance of a class answers a protocol: asked whenever something opens."""
    return not lacking(kind, protocol)


def lacking(candidate: object, protocol: type) -> tuple[str, ...]:
    """Return the methods of a protocol that an object, or a class, has not, or answers later."""
    members = sorted(get_protocol_members(protocol))
    return tuple(each for each in members if not _has(candidate, protocol, each))


def answering_later(candidate: object, protocol: type) -> Iterator[str]:
    """Yield what the asynchronous methods of an object are, each with its name."""
    for name in sorted(get_protocol_members(protocol)):
        kind = _is_later(getattr(candidate, name, None))
        if kind is not None:
            yield f"{name} is {kind}"


def _is_later(method: object) -> str | None:
    """Return what an asynchronous function is called; `None` for anything else."""
    if inspect.iscoroutinefunction(method):
        return "a coroutine function"
    return "an asynchronous generator" if inspect.isasyncgenfunction(method) else None


def _has(candidate: object, protocol: type, method: str) -> bool:
    """Say whether the method is there and answers at once; what a protocol leaves empty is not."""
    kind = candidate if isinstance(candidate, type) else type(candidate)
    if getattr(kind, method, None) is getattr(protocol, method):
        return method in _MAY_BE_INHERITED
    found = getattr(candidate, method, None)
    return callable(found) and _is_later(found) is None
