"""Hypothesis strategies for everything that is public, each drawing valid values by default.

>>> from hypothesis import given
>>> from exam_sharing.testing import strategies as sharing

Options take strategies, and what is left out is drawn. Where Hypothesis finds its plugins,
`hypothesis.strategies.from_type` knows these without an import.
"""

from exam_sharing.testing.strategies.asking import (
    denials,
    host_endings,
    narrow_requests,
    reasons,
    requests,
    revoke_requests,
    share_requests,
    unshare_requests,
    withdrawals,
)
from exam_sharing.testing.strategies.granting import (
    endings,
    grants,
    holdings,
    illegal_reshare_chains,
    permissions,
    reshare_chains,
)
from exam_sharing.testing.strategies.people import (
    directories,
    group_ids,
    groups,
    nested_groups,
    principal_ids,
    user_ids,
    users,
)
from exam_sharing.testing.strategies.settings import (
    host_rules,
    notifier_failures,
    policies,
    retries,
)
from exam_sharing.testing.strategies.texts import addresses, identifiers, messages, names
from exam_sharing.testing.strategies.times import durations, times, times_around
from exam_sharing.testing.strategies.uploading import (
    batch_ids,
    exam_ids,
    exams,
    grant_ids,
    notice_ids,
    share_ids,
    studies,
    upload_batches,
    uploads,
)
from exam_sharing.testing.strategies.worlds import sharings, viewers, worlds

__all__ = [
    "addresses",
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
