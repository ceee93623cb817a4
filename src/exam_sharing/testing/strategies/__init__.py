"""Hypothesis strategies for everything public; by default, each draws valid values.

>>> from hypothesis import given
>>> from exam_sharing.testing import strategies as sharing

Options take strategies. Importing this package also registers the strategies, so that
`hypothesis.strategies.from_type` finds them. Hypothesis does so if it is imported after
`exam_sharing`, and the pytest plugin does so if a `conftest.py` imports Hypothesis.
"""

from collections.abc import Mapping
from datetime import datetime
from inspect import signature
from typing import Any, Final, TypeVar, get_args, get_type_hints

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

import exam_sharing as es
from exam_sharing import errors, events, ports
from exam_sharing.policy import ending, facts, plans, share, views
from exam_sharing.policy import retries as attempts
from exam_sharing.testing.strategies.grants import (
    denials,
    endings,
    grants,
    holdings,
    host_endings,
    illegal_reshare_chains,
    narrow_requests,
    reasons,
    requests,
    reshare_chains,
    revoke_requests,
    share_requests,
    unshare_requests,
    withdrawals,
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
    notifier_failures,
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
from exam_sharing.testing.strategies.worlds import admins, sharings, viewers, worlds

__all__ = ["addresses", "admins", "batch_ids", "denials", "directories", "durations", "endings"]
__all__ += ["exam_ids", "exams", "grant_ids", "grants", "group_ids", "groups", "holdings"]
__all__ += ["host_endings", "host_rules", "identifiers", "illegal_reshare_chains", "messages"]
__all__ += ["names", "narrow_requests", "nested_groups", "notice_ids", "notifier_failures"]
__all__ += ["permissions", "policies", "principal_ids", "reasons", "requests", "reshare_chains"]
__all__ += ["retries", "revoke_requests", "share_ids", "share_requests", "sharings", "studies"]
__all__ += ["times", "times_around", "unshare_requests", "upload_batches", "uploads", "user_ids"]
__all__ += ["users", "viewers", "withdrawals", "worlds"]

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
    for kind in (*results, ports.Changes, es.ShownGrant):
        st.register_type_strategy(kind, _built)
    for name in __all__:
        strategy = globals()[name]
        (kind,) = get_args(signature(strategy).return_annotation)
        if isinstance(kind, type) and kind.__module__.startswith("exam_sharing."):
            st.register_type_strategy(kind, strategy())


_register()
