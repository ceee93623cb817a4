"""A second implementation of the rules, as sets: slow, plain, and independent of the engine.

The machine compares the engine with this model. Of the package the model imports only the values
that people pass in (identifiers, exams, permissions, requests, policies) and nothing that decides.
`World` holds all facts. An act that is refused changes none of them.
"""

from exam_sharing.testing.model.access import held_until, holds, is_found, stands
from exam_sharing.testing.model.choosing import Choice, recipients, suggestions
from exam_sharing.testing.model.ending import end_by_host, unshare, withdraw
from exam_sharing.testing.model.sharing import covered, deliver_notices, share
from exam_sharing.testing.model.views import (
    AccessList,
    Effects,
    Explained,
    Form,
    Preview,
    access_list,
    explain,
    perform,
    preview,
    share_form,
    shared_with,
    shortest_ways,
    tabs,
    visible_to,
    who_can,
)
from exam_sharing.testing.model.world import (
    FOREVER,
    NEVER,
    Account,
    Basis,
    Ended,
    Ending,
    Grant,
    How,
    Notice,
    Receipt,
    Refused,
    RequestIdReused,
    Shared,
    World,
    behind,
)

__all__ = [
    "FOREVER",
    "NEVER",
    "AccessList",
    "Account",
    "Basis",
    "Choice",
    "Effects",
    "Ended",
    "Ending",
    "Explained",
    "Form",
    "Grant",
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
    "held_until",
    "holds",
    "is_found",
    "perform",
    "preview",
    "recipients",
    "share",
    "share_form",
    "shared_with",
    "shortest_ways",
    "stands",
    "suggestions",
    "tabs",
    "unshare",
    "visible_to",
    "who_can",
    "withdraw",
]
