"""What users test with: their stores, their rules and their endpoints held against the rules.

Needs the extra `testing`. Each part is imported when it is first asked for: the parts that are data
need neither Hypothesis nor pytest, and Hypothesis itself looks into this package as it starts.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from exam_sharing.testing.explaining import Answer, explained
    from exam_sharing.testing.machine import run_sharing_machine
    from exam_sharing.testing.opening import OpenStore, StoreNotUsable, StorePorts
    from exam_sharing.testing.story import RulesBroken
    from exam_sharing.testing.worlds import FrozenClock, World, empty_world, ready_world

__all__ = [
    "Answer",
    "FrozenClock",
    "OpenStore",
    "RulesBroken",
    "StoreNotUsable",
    "StorePorts",
    "World",
    "empty_world",
    "explained",
    "ready_world",
    "run_sharing_machine",
]

_HOMES: Final = {
    "Answer": "explaining",
    "FrozenClock": "worlds",
    "OpenStore": "opening",
    "RulesBroken": "story",
    "StoreNotUsable": "opening",
    "StorePorts": "opening",
    "World": "worlds",
    "empty_world": "worlds",
    "explained": "explaining",
    "ready_world": "worlds",
    "run_sharing_machine": "machine",
}
"""The module in which each public name lives."""


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
