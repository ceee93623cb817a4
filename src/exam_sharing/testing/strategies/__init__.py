"""Hypothesis strategies for everything public; by default, each draws valid values.

>>> from hypothesis import given
>>> from exam_sharing.testing import strategies as sharing

Options take strategies. Importing this package also registers the strategies, so that
`hypothesis.strategies.from_type` finds them. Hypothesis does so if it is imported after
`exam_sharing`, and the pytest plugin does so if a `conftest.py` imports Hypothesis.
"""

from collections.abc import Mapping
from datetime import datetime
from inspect import Parameter, signature
from typing import Any, Final, TypeVar, get_args, get_type_hints

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from typing_extensions import override

import exam_sharing as es
from exam_sharing import errors, events, ports
from exam_sharing.grants import Holding
from exam_sharing.policy import ending, facts, plans, share, views
from exam_sharing.policy import retries as attempts
from exam_sharing.policy.requests import HostEnding, Withdrawal
from exam_sharing.testing.strategies.grants import (
    grants,
    narrow_requests,
    reasons,
    requests,
    revoke_requests,
    share_requests,
    unshare_requests,
)
from exam_sharing.testing.strategies.values import (
    addresses,
    batch_ids,
    directories,
    durations,
    exam_ids,
    exams,
    grant_ids,
    group_ids,
    groups,
    host_rules,
    identifiers,
    messages,
    names,
    nested_groups,
    notice_ids,
    permissions,
    policies,
    principal_ids,
    retries,
    share_ids,
    studies,
    times,
    times_around,
    upload_batches,
    uploads,
    user_ids,
    users,
)
from exam_sharing.testing.strategies.worlds import worlds

__all__ = ["addresses", "batch_ids", "directories", "durations", "exam_ids", "exams", "grant_ids"]
__all__ += ["grants", "group_ids", "groups", "host_rules", "identifiers", "messages", "names"]
__all__ += ["narrow_requests", "nested_groups", "notice_ids", "permissions", "policies"]
__all__ += ["principal_ids", "reasons", "requests", "retries", "revoke_requests", "share_ids"]
__all__ += ["share_requests", "studies", "times", "times_around", "unshare_requests"]
__all__ += ["upload_batches", "uploads", "user_ids", "users", "worlds"]

KindT = TypeVar("KindT")

_RESULTS: Final = (attempts, ending, errors, events, facts, plans, share, views)
"""Modules with values that the package makes and others only read."""

_UNTIL: Final = st.none() | times()
_FIELDS: Final[Mapping[Any, SearchStrategy[Any]]] = {
    datetime: times(),
    datetime | None: _UNTIL,
    int: st.integers(1, 100),
    Mapping[es.ExamId, int]: st.dictionaries(exam_ids(), st.integers(1, 100), max_size=2),
    Mapping[es.Permission, datetime | None]: st.dictionaries(permissions(), _UNTIL),
}
"""Fields of these types need more than their type says: aware times, versions from 1."""

_BY_THE_HOST: Final = {"performed_by": user_ids(), "why": names()}
_PLAIN: Final[Mapping[type, SearchStrategy[Any]]] = {
    es.Denied: st.builds(es.Denied, st.lists(reasons(), min_size=1, max_size=3).map(tuple)),
    es.NotifierFailed: st.builds(es.NotifierFailed, st.just("REFUSED"), permanent=st.booleans()),
    Holding: st.builds(Holding.of, permissions(), times()),
    HostEnding: st.builds(HostEnding, **_BY_THE_HOST),
    Withdrawal: st.builds(Withdrawal, **_BY_THE_HOST),
}
"""Values that are drawn by their type alone."""


def _built(kind: type[KindT]) -> SearchStrategy[KindT]:
    hints = get_type_hints(kind.__init__)
    return st.builds(kind, **{name: _FIELDS[of] for name, of in hints.items() if of in _FIELDS})


class _Valid:
    """What `help` shows instead of a default strategy, whose own text fills pages."""

    @override
    def __repr__(self) -> str:
        return "..."


def _shortened(parameter: Parameter) -> Parameter:
    long = isinstance(parameter.default, SearchStrategy)
    return parameter.replace(default=_Valid()) if long else parameter


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
    for kind, strategy in _PLAIN.items():
        st.register_type_strategy(kind, strategy)
    for name in __all__:
        draw = globals()[name]
        shown = signature(draw)
        draw.__signature__ = shown.replace(parameters=[*map(_shortened, shown.parameters.values())])
        (kind,) = get_args(shown.return_annotation)
        if isinstance(kind, type) and kind.__module__.startswith("exam_sharing."):
            st.register_type_strategy(kind, draw())


_register()
