"""Registering strategies for `hypothesis.strategies.from_type`."""

from collections.abc import Callable, Mapping
from datetime import datetime
from types import ModuleType
from typing import Any, Final, TypeVar, get_type_hints

import attrs
from hypothesis import strategies as st

from exam_sharing import errors, events, ports
from exam_sharing.grants import Permission, ShownGrant
from exam_sharing.identifiers import ExamId
from exam_sharing.policy import ending, facts, plans, retries, share, views
from exam_sharing.testing.strategies import values

KindT = TypeVar("KindT")

_RESULTS: Final = (ending, errors, events, facts, plans, retries, share, views)
"""Modules with values that the package makes and others only read."""

_UNTIL: Final = st.none() | values.times()
_FIELDS: Final[Mapping[Any, st.SearchStrategy[Any]]] = {
    datetime: values.times(),
    datetime | None: _UNTIL,
    int: st.integers(1, 100),
    Mapping[ExamId, int]: st.dictionaries(values.exam_ids(), st.integers(1, 100), max_size=2),
    Mapping[Permission, datetime | None]: st.dictionaries(values.permissions(), _UNTIL),
}
"""Fields of these types need more than their type says: aware times, versions from 1."""


def register(strategies: Mapping[type, Callable[[], st.SearchStrategy[Any]]]) -> None:
    """Register these strategies, and one for each type of value that only the package makes."""
    made = [kind for module in _RESULTS for kind in _values_of(module)]
    for kind in (*made, ports.Changes, ShownGrant):
        st.register_type_strategy(kind, _built)
    for kind, strategy in strategies.items():
        st.register_type_strategy(kind, strategy())


def _values_of(module: ModuleType) -> list[type]:
    """Return the types of values that a module defines for others."""
    return [
        kind
        for name, kind in vars(module).items()
        if isinstance(kind, type) and attrs.has(kind) and kind.__module__ == module.__name__
        if not name.startswith("_")
    ]


def _built(kind: type[KindT]) -> st.SearchStrategy[KindT]:
    hints = get_type_hints(kind.__init__)
    return st.builds(kind, **{name: _FIELDS[of] for name, of in hints.items() if of in _FIELDS})
