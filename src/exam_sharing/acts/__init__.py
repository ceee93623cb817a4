"""Acts: query the ports in a fixed order, decide by the policy, and write what was decided.

An act is a function over `Ports`. Time and the id of the act are arguments.
"""

from exam_sharing.acts.changing import end_by_host, end_grants, preview, share, withdraw
from exam_sharing.acts.delivering import BATCH, MOST, deliver_due
from exam_sharing.acts.gathering import names_seen, principals_of
from exam_sharing.acts.showing import (
    explain,
    list_recipients,
    show_access_list,
    show_share_form,
    show_tabs,
    suggest_recipients,
    who_can,
)

__all__ = [
    "BATCH",
    "MOST",
    "deliver_due",
    "end_by_host",
    "end_grants",
    "explain",
    "list_recipients",
    "names_seen",
    "preview",
    "principals_of",
    "share",
    "show_access_list",
    "show_share_form",
    "show_tabs",
    "suggest_recipients",
    "who_can",
    "withdraw",
]
