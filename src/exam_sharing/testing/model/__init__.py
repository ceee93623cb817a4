"""A second implementation of the rules, as sets: slow, plain, and independent of the engine.

The machine compares the engine with this model. Of the package the model imports only the values
that people pass in (identifiers, exams, permissions, requests, policies) and nothing that decides.
`World` holds all facts. An act that is refused changes none of them.
"""

from typing import TypeAlias

from exam_sharing.testing.model.access import has_access, holds, is_found, stands
from exam_sharing.testing.model.ending import end_by_host, withdraw
from exam_sharing.testing.model.preview import Effect, Effects, Preview, perform, preview
from exam_sharing.testing.model.sharing import covered, deliver_notices
from exam_sharing.testing.model.views import (
    OWNERSHIP,
    AccessList,
    Choice,
    Entry,
    Explained,
    Form,
    access_list,
    explain,
    recipients,
    share_form,
    shared_with,
    shortest_ways,
    suggestions,
    tabs,
    visible_to,
    who_can,
)
from exam_sharing.testing.model.world import (
    FOREVER,
    HOST,
    NEVER,
    Account,
    Ended,
    Ending,
    Grant,
    GrantNumber,
    How,
    Notice,
    Receipt,
    Refused,
    RequestIdReused,
    Shared,
    World,
    behind,
    horizon_of,
)

Answer: TypeAlias = (
    Shared | Ended | Ending | Preview | Effect | Form | AccessList | Entry | Explained | Choice
)
"""Values that consist of named parts."""

__all__ = [
    "FOREVER",
    "HOST",
    "NEVER",
    "OWNERSHIP",
    "AccessList",
    "Account",
    "Answer",
    "Choice",
    "Effect",
    "Effects",
    "Ended",
    "Ending",
    "Entry",
    "Explained",
    "Form",
    "Grant",
    "GrantNumber",
    "How",
    "Notice",
    "Preview",
    "Receipt",
    "Refused",
    "RequestIdReused",
    "Shared",
    "World",
    "access_list",
    "behind",
    "covered",
    "deliver_notices",
    "end_by_host",
    "explain",
    "has_access",
    "holds",
    "horizon_of",
    "is_found",
    "perform",
    "preview",
    "recipients",
    "share_form",
    "shared_with",
    "shortest_ways",
    "stands",
    "suggestions",
    "tabs",
    "visible_to",
    "who_can",
    "withdraw",
]
