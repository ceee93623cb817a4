"""Which strategy `hypothesis.strategies.from_type` draws a type of this package from.

Each is made when it is first asked for, so that registering imports no strategy.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final

import attrs
from hypothesis import strategies as st

from exam_sharing import events, ports
from exam_sharing.errors import NotifierFailed
from exam_sharing.exams import Exam, Study, UploadBatch
from exam_sharing.grants import Ending, Grant, Holding, ShownGrant
from exam_sharing.identifiers import (
    BatchId,
    ExamId,
    GrantId,
    GroupId,
    NoticeId,
    ShareId,
    UserId,
)
from exam_sharing.memory import MemoryDirectory
from exam_sharing.policy import ending_rules, facts, plans, share_rules, views
from exam_sharing.policy import retries as schedules
from exam_sharing.policy.decisions import Denied, Reason
from exam_sharing.policy.requests import (
    HostEnding,
    NarrowRequest,
    RevokeRequest,
    ShareRequest,
    UnshareRequest,
    Withdrawal,
)
from exam_sharing.policy.retries import Retries
from exam_sharing.policy.settings import HostRule, Policy
from exam_sharing.principals import Group, User
from exam_sharing.sharing import Sharing, Viewer
from exam_sharing.testing.worlds import World

__all__ = ["STRATEGIES", "register"]

STRATEGIES: Final[Mapping[type, str]] = MappingProxyType(
    {
        UserId: "user_ids",
        GroupId: "group_ids",
        ExamId: "exam_ids",
        BatchId: "batch_ids",
        GrantId: "grant_ids",
        ShareId: "share_ids",
        NoticeId: "notice_ids",
        User: "users",
        Group: "groups",
        MemoryDirectory: "directories",
        Exam: "exams",
        UploadBatch: "upload_batches",
        Study: "studies",
        Grant: "grants",
        Ending: "endings",
        Holding: "holdings",
        ShareRequest: "share_requests",
        UnshareRequest: "unshare_requests",
        NarrowRequest: "narrow_requests",
        RevokeRequest: "revoke_requests",
        HostEnding: "host_endings",
        Withdrawal: "withdrawals",
        Reason: "reasons",
        Denied: "denials",
        Policy: "policies",
        HostRule: "host_rules",
        Retries: "retries",
        NotifierFailed: "notifier_failures",
        World: "worlds",
        Sharing: "sharings",
        Viewer: "viewers",
    }
)
"""The name of the strategy of each type, in `exam_sharing.testing.strategies`."""

_OURS: Final = (ending_rules, events, facts, plans, schedules, share_rules, views)
"""Where there are values that the package makes, and others only read."""


def _made_by_us() -> Iterator[type]:
    named = (getattr(module, name) for module in _OURS for name in module.__all__)
    for each in (*named, ports.Changes, ShownGrant):
        if isinstance(each, type) and attrs.has(each) and each not in STRATEGIES:
            yield each


def register() -> None:
    """Register the strategy of every type of this package that needs one of its own."""
    for kind, name in STRATEGIES.items():
        st.register_type_strategy(kind, _drawing(name))
    for kind in _made_by_us():
        st.register_type_strategy(kind, _built)


def _built(kind: type) -> st.SearchStrategy[Any]:
    # What Hypothesis finds by itself has naive times and versions below 1.
    built: st.SearchStrategy[Any] = import_module("exam_sharing.testing.strategies.answers").built(
        kind
    )
    return built


def _drawing(name: str) -> Any:  # noqa: ANN401  as Hypothesis has it
    def strategy(_kind: type) -> st.SearchStrategy[Any]:
        found: st.SearchStrategy[Any] = getattr(
            import_module("exam_sharing.testing.strategies"), name
        )()
        return found

    return strategy
