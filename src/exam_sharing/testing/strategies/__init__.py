"""Hypothesis strategies for everything public; each draws valid values.

>>> from hypothesis import given, strategies as st
>>> from exam_sharing import Grant
>>> from exam_sharing.testing import strategies as sharing

Importing this package registers a strategy for each type, so that `st.from_type(Grant)` draws
grants. Hypothesis does so if it is imported after `exam_sharing`, and the pytest plugin does so if
a `conftest.py` imports Hypothesis. What has no type of its own has a function here. Options take
strategies.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, TypeVar, get_type_hints

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

import exam_sharing as es
from exam_sharing import accesses, errors, events, history, ports
from exam_sharing.memory import MemoryDirectory
from exam_sharing.policy import ending, facts, past, plans, share, views
from exam_sharing.policy import retries as attempts
from exam_sharing.testing.strategies.values import (
    BY_TYPE,
    addresses,
    directories,
    durations,
    identifiers,
    messages,
    names,
    nested_groups,
    times,
    times_around,
    uploads,
)
from exam_sharing.testing.strategies.worlds import worlds
from exam_sharing.testing.worlds import World

__all__ = ["addresses", "directories", "durations", "identifiers", "messages", "names"]
__all__ += ["nested_groups", "times", "times_around", "uploads", "worlds"]

KindT = TypeVar("KindT")

_RESULTS: Final = (
    *(accesses, attempts, ending, errors, events, facts, history, past, plans, share, views),
)
"""Modules with values that the package makes and others only read."""

_FIELDS: Final[Mapping[Any, SearchStrategy[Any]]] = {
    datetime: times(),
    datetime | None: st.none() | times(),
    int: st.integers(1, 100),
    Mapping[es.ExamId, int]: st.dictionaries(BY_TYPE[es.ExamId], st.integers(1, 100), max_size=2),
    Mapping[es.Permission, datetime | None]: st.dictionaries(
        st.sampled_from(es.Permission), st.none() | times()
    ),
}
"""Fields of these types need more than their type says: aware times, versions from 1."""


def _built(kind: type[KindT]) -> SearchStrategy[KindT]:
    hints = get_type_hints(kind.__init__)
    return st.builds(kind, **{name: _FIELDS[of] for name, of in hints.items() if of in _FIELDS})


def _register() -> None:
    """Register each strategy for the type that it draws, and one for each type of result."""
    results = [
        kind
        for module in _RESULTS
        for name, kind in vars(module).items()
        if isinstance(kind, type) and attrs.has(kind) and kind.__module__ == module.__name__
        if not name.startswith("_")
    ]
    for kind in (*results, ports.Changes, es.Ending, es.ShownGrant):
        st.register_type_strategy(kind, _built)
    own = {**BY_TYPE, MemoryDirectory: directories(), World: worlds()}
    for kind, strategy in own.items():
        st.register_type_strategy(kind, strategy)


_register()
