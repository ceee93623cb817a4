"""The rules of sharing as sets: slow, plain, and written without a look at the engine.

What the engine answers is held against what this model answers. Of the package it knows the
values that people pass in (identifiers, exams, permissions, requests) and nothing that decides.

Facts are kept in a `World`, which only `share`, `unshare`, `narrow`, `revoke`, `end_by_host`,
`withdraw` and the methods of the world itself change; an act that is refused changes nothing.
"""

from exam_sharing.testing.model.access import (
    has_access,
    held_until,
    holds,
    is_found,
    sight,
    standing,
    stands,
)
from exam_sharing.testing.model.choosing import Choice, recipients, suggestions
from exam_sharing.testing.model.ending import end_by_host, narrow, revoke, unshare, withdraw
from exam_sharing.testing.model.explaining import Explained, explain, shortest_ways, who_can
from exam_sharing.testing.model.notifying import deliver_notices
from exam_sharing.testing.model.portal import (
    AccessList,
    Entry,
    Form,
    access_list,
    perform,
    share_form,
    shared_with,
    tabs,
    visible_to,
)
from exam_sharing.testing.model.previewing import Effects, Preview, preview
from exam_sharing.testing.model.records import (
    FOREVER,
    NEVER,
    Account,
    Basis,
    Ended,
    Ending,
    Grant,
    How,
    Notice,
    Outcome,
    Receipt,
    Refused,
    RequestIdReused,
    Settings,
    Shared,
)
from exam_sharing.testing.model.sharing import covered, share
from exam_sharing.testing.model.world import World, behind

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
    "Entry",
    "Explained",
    "Form",
    "Grant",
    "How",
    "Notice",
    "Outcome",
    "Preview",
    "Receipt",
    "Refused",
    "RequestIdReused",
    "Settings",
    "Shared",
    "World",
    "access_list",
    "behind",
    "covered",
    "deliver_notices",
    "end_by_host",
    "explain",
    "has_access",
    "held_until",
    "holds",
    "is_found",
    "narrow",
    "perform",
    "preview",
    "recipients",
    "revoke",
    "share",
    "share_form",
    "shared_with",
    "shortest_ways",
    "sight",
    "standing",
    "stands",
    "suggestions",
    "tabs",
    "unshare",
    "visible_to",
    "who_can",
    "withdraw",
]
