"""What users test with: their stores, their rules and their endpoints held against the rules.

Needs the extra `testing`. Each part is imported when it is first asked for: the parts that are data
need neither Hypothesis nor pytest, and Hypothesis itself looks into this package as it starts.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from exam_sharing.testing.explaining import Answer, explained
    from exam_sharing.testing.histories import Histories, check_histories
    from exam_sharing.testing.machine import run_portal_machine, run_sharing_machine
    from exam_sharing.testing.opening import OpenStore, StoreNotUsable, StorePorts
    from exam_sharing.testing.story import RulesBroken
    from exam_sharing.testing.worlds import FrozenClock, World, empty_world, ready_world

__all__ = ["Answer", "FrozenClock", "Histories", "OpenStore", "RulesBroken", "StoreNotUsable"]
__all__ += ["StorePorts", "World", "check_histories", "empty_world", "explained", "ready_world"]
__all__ += ["run_portal_machine", "run_sharing_machine"]

_HOMES: Final = {
    "explaining": ("Answer", "explained"),
    "histories": ("Histories", "check_histories"),
    "machine": ("run_portal_machine", "run_sharing_machine"),
    "opening": ("OpenStore", "StoreNotUsable", "StorePorts"),
    "story": ("RulesBroken",),
    "worlds": ("FrozenClock", "World", "empty_world", "ready_world"),
}
"""The public names of each module."""


def __getattr__(name: str) -> object:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
