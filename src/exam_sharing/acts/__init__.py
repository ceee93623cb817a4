"""Acts: what to ask, in which order, and then to decide. Written once, free of I/O.

An act is a generator. It yields questions, is sent their answers, and returns what the act comes
to. Whoever drives it answers from ports, at once or with `await`, and repeats no rule, no order of
loading and no conflict loop. An error of a port is thrown into the act where it asked.
"""

from exam_sharing.acts.changing import end_by_host, end_grants, share, withdraw
from exam_sharing.acts.delivering import BATCH, MOST, claim_notices, deliver
from exam_sharing.acts.previewing import preview
from exam_sharing.acts.questions import Act, Question
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
    "Act",
    "Question",
    "claim_notices",
    "deliver",
    "end_by_host",
    "end_grants",
    "explain",
    "list_recipients",
    "preview",
    "share",
    "show_access_list",
    "show_share_form",
    "show_tabs",
    "suggest_recipients",
    "who_can",
    "withdraw",
]
