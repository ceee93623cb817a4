"""Hypothesis strategies for everything public; by default, each draws valid values.

>>> from hypothesis import given
>>> from exam_sharing.testing import strategies as sharing

Options take strategies. Importing this package also registers the strategies, so that
`hypothesis.strategies.from_type` finds them. Hypothesis does so if it is imported after
`exam_sharing`, and the pytest plugin does so if a `conftest.py` imports Hypothesis.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from hypothesis.strategies import SearchStrategy

from exam_sharing.admin import Admin
from exam_sharing.errors import NotifierFailed
from exam_sharing.exams import Exam, Study, UploadBatch
from exam_sharing.grants import Ending, Grant, Holding
from exam_sharing.identifiers import BatchId, ExamId, GrantId, GroupId, NoticeId, ShareId, UserId
from exam_sharing.memory import MemoryDirectory
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
from exam_sharing.testing.strategies.grants import (
    endings,
    grants,
    holdings,
    illegal_reshare_chains,
    reshare_chains,
)
from exam_sharing.testing.strategies.hosts import (
    directories,
    exams,
    groups,
    nested_groups,
    studies,
    upload_batches,
    uploads,
    users,
)
from exam_sharing.testing.strategies.requests import (
    denials,
    host_endings,
    host_rules,
    narrow_requests,
    notifier_failures,
    policies,
    reasons,
    requests,
    retries,
    revoke_requests,
    share_requests,
    unshare_requests,
    withdrawals,
)
from exam_sharing.testing.strategies.types import register
from exam_sharing.testing.strategies.values import (
    addresses,
    batch_ids,
    durations,
    exam_ids,
    grant_ids,
    group_ids,
    identifiers,
    messages,
    names,
    notice_ids,
    permissions,
    principal_ids,
    share_ids,
    times,
    times_around,
    user_ids,
)
from exam_sharing.testing.strategies.worlds import admins, sharings, viewers, worlds
from exam_sharing.testing.worlds import World

__all__ = [
    "addresses",
    "admins",
    "batch_ids",
    "denials",
    "directories",
    "durations",
    "endings",
    "exam_ids",
    "exams",
    "grant_ids",
    "grants",
    "group_ids",
    "groups",
    "holdings",
    "host_endings",
    "host_rules",
    "identifiers",
    "illegal_reshare_chains",
    "messages",
    "names",
    "narrow_requests",
    "nested_groups",
    "notice_ids",
    "notifier_failures",
    "permissions",
    "policies",
    "principal_ids",
    "reasons",
    "requests",
    "reshare_chains",
    "retries",
    "revoke_requests",
    "share_ids",
    "share_requests",
    "sharings",
    "studies",
    "times",
    "times_around",
    "unshare_requests",
    "upload_batches",
    "uploads",
    "user_ids",
    "users",
    "viewers",
    "withdrawals",
    "worlds",
]

STRATEGIES: Final[Mapping[type, Callable[[], SearchStrategy[Any]]]] = MappingProxyType(
    {
        UserId: user_ids,
        GroupId: group_ids,
        ExamId: exam_ids,
        BatchId: batch_ids,
        GrantId: grant_ids,
        ShareId: share_ids,
        NoticeId: notice_ids,
        User: users,
        Group: groups,
        MemoryDirectory: directories,
        Exam: exams,
        UploadBatch: upload_batches,
        Study: studies,
        Grant: grants,
        Ending: endings,
        Holding: holdings,
        ShareRequest: share_requests,
        UnshareRequest: unshare_requests,
        NarrowRequest: narrow_requests,
        RevokeRequest: revoke_requests,
        HostEnding: host_endings,
        Withdrawal: withdrawals,
        Reason: reasons,
        Denied: denials,
        Policy: policies,
        HostRule: host_rules,
        Retries: retries,
        NotifierFailed: notifier_failures,
        World: worlds,
        Sharing: sharings,
        Admin: admins,
        Viewer: viewers,
    }
)
"""The strategy for each type that `from_type` could not draw well by itself."""

register(STRATEGIES)
