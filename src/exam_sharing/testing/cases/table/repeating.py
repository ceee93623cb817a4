"""Sharing again: what was given already, what has expired, and requests that come again."""

from exam_sharing.testing.cases.schema import Case
from exam_sharing.testing.cases.table.phrases import (
    DAY,
    HOUR,
    WEEK,
    answers,
    case,
    clock,
    made,
    no,
    notice,
    portal,
    preview,
    repeated,
    share,
    shared,
    unshare,
    user,
    yes,
)

__all__ = ["repeating"]


def repeating() -> list[Case]:
    """Return further cases of shares that were made before, in part or as a whole."""
    return [*_outcomes(), *_previews(), *_under_one_id()]


def _outcomes() -> list[Case]:
    adds = "A grant is made only where it adds permission or time."
    longest = share("anna", "ct", "user:ben", until=WEEK)
    for_a_day = share("anna", "ct", "user:ben", permission="DOWNLOAD", until=DAY)
    return [
        case(
            "sharing for a shorter time narrows nothing, and tells how long it is held",
            "Nothing is ever narrowed by sharing. UNCHANGED.",
            portal(longest),
            when=share("anna", "ct", "user:ben", until=DAY),
            outcome=shared(made("ct", "user:ben", "UNCHANGED", WEEK, "ASKED")),
            then=[answers([notice("ben", "anna", until=WEEK)], "notices")],
        ),
        case(
            "sharing view for longer with a downloader extends view",
            "EXTENDED: more time.",
            portal(for_a_day),
            when=longest,
            outcome=shared(made("ct", "user:ben", "EXTENDED", WEEK, "ASKED")),
            then=[yes("ben", "DOWNLOAD", "ct")],
        ),
        case(
            "sharing download for a time with a viewer for good widens",
            "WIDENED: more permission.",
            portal(share("anna", "ct", "user:ben")),
            when=for_a_day,
            outcome=shared(made("ct", "user:ben", "WIDENED", DAY, "ASKED")),
            then=[yes("ben", "DOWNLOAD", "ct")],
        ),
        case(
            "sharing download for longer with a downloader extends",
            "EXTENDED: more time.",
            portal(for_a_day),
            when=share("anna", "ct", "user:ben", permission="DOWNLOAD"),
            outcome=shared(made("ct", "user:ben", "EXTENDED")),
        ),
        case(
            "what has expired is granted anew",
            "GRANTED: held nothing from this grantor.",
            portal(share("anna", "ct", "user:ben", until=HOUR), clock(HOUR)),
            when=share("anna", "ct", "user:ben"),
            outcome=shared(made("ct", "user:ben")),
            then=[yes("ben", "VIEW", "ct")],
        ),
        case(
            "what is given by a group is granted to its member all the same",
            "What this grantor's standing grants already give this recipient.",
            portal(share("anna", "ct", "group:nurses")),
            when=share("anna", "ct", "user:dan"),
            outcome=shared(made("ct", "user:dan")),
        ),
        case(
            "the receipt says for every exam and recipient what came of it",
            "The receipt says for every exam and recipient: GRANTED, WIDENED, EXTENDED, UNCHANGED.",
            portal(
                share("anna", "ct", "user:ben", permission="DOWNLOAD"),
                share("anna", "ct", "user:carla"),
                share("anna", "mr", "user:ben", permission="DOWNLOAD", until=DAY),
            ),
            when=share(
                "anna", "ct", "user:carla", "user:ben", permission="DOWNLOAD", scope="BATCH"
            ),
            outcome=shared(
                made("ct", "user:carla", "WIDENED"),
                made("ct", "user:ben", "UNCHANGED"),
                made("mr", "user:carla"),
                made("mr", "user:ben", "EXTENDED"),
                made("xray", "user:carla"),
                made("xray", "user:ben"),
            ),
        ),
        case(
            "what adds nothing leaves one grant to unshare",
            adds,
            portal(share("anna", "ct", "user:ben"), share("anna", "ct", "user:ben")),
            then=[
                answers(
                    {
                        "owner": "anna",
                        "entries": [
                            {
                                "principal": "user:ben",
                                "permission": "VIEW",
                                "until": None,
                                "held": {"VIEW": None},
                                "can_unshare": True,
                                "grants": [
                                    {
                                        "grantor": "anna",
                                        "permission": "VIEW",
                                        "until": None,
                                        "can_unshare": True,
                                    }
                                ],
                            }
                        ],
                    },
                    "access_list",
                    user="anna",
                    exam="ct",
                )
            ],
        ),
    ]


def _previews() -> list[Case]:
    rule = "Who would gain what on which exam."
    return [
        case(
            "a preview of what adds nothing tells no effects",
            rule,
            portal(share("anna", "ct", "user:ben")),
            then=[preview(share("anna", "ct", "user:ben"))],
        ),
        case(
            "a preview of more permission tells the permission that would be gained",
            rule,
            portal(share("anna", "ct", "user:ben")),
            then=[
                preview(
                    share("anna", "ct", "user:ben", permission="DOWNLOAD"),
                    gains=[("user:ben", "ct", "DOWNLOAD")],
                ),
                no("ben", "DOWNLOAD", "ct"),
            ],
        ),
        case(
            "a preview of more time tells of a gain",
            rule,
            portal(share("anna", "ct", "user:ben", until=DAY)),
            then=[
                preview(
                    share("anna", "ct", "user:ben", until=WEEK),
                    gains=[("user:ben", "ct", "VIEW")],
                ),
            ],
        ),
        case(
            "a preview of a share with a viewer by somebody else tells no effects",
            rule,
            portal(share("anna", "ct", "user:ben", "user:carla")),
            then=[preview(share("ben", "ct", "user:carla"))],
        ),
    ]


def _under_one_id() -> list[Case]:
    rule = "With the same request id and actor, the first receipt is returned and nothing is done."
    first = share("anna", "ct", "user:ben", request_id="form-1")
    receipt = repeated(shared(made("ct", "user:ben")))
    used = "A different request under a used id is RequestIdReused, for an act and for a preview."
    return [
        case(
            "the same share again does not share what was unshared since",
            rule,
            portal(first, unshare("anna", "ct", "user:ben")),
            when=first,
            outcome=receipt,
            then=[no("ben", "VIEW", "ct")],
        ),
        case(
            "the same share again returns the first receipt though the plan has been lost since",
            rule,
            portal(first, {"act": "user", **user("anna", sharing_in_plan=False)}),
            when=first,
            outcome=receipt,
        ),
        case(
            "the same share again returns the first receipt though its recipient is inactive",
            rule,
            portal(first, {"act": "user", **user("ben", active=False)}),
            when=first,
            outcome=receipt,
            then=[no("ben", "VIEW", "ct")],
        ),
        case(
            "the same share again covers no exam that arrived since",
            rule,
            portal(
                {**first, "scope": "BATCH"},
                {
                    "act": "upload",
                    "batch": "cd",
                    "sealed": False,
                    "exams": [
                        {
                            "id": "us",
                            "owner": "anna",
                            "uploaded_at": "2030-01-01T11:30:00Z",
                            "subject": "P-1",
                        }
                    ],
                },
            ),
            when={**first, "scope": "BATCH"},
            outcome=repeated(
                shared(made("ct", "user:ben"), made("mr", "user:ben"), made("xray", "user:ben"))
            ),
            then=[no("ben", "VIEW", "us")],
        ),
        case(
            "a preview of the same share has no effects, and says that it was done before",
            "A preview of the same request has no effects and is marked as repeated.",
            portal(first, unshare("anna", "ct", "user:ben")),
            then=[preview(first, repeated=True)],
        ),
        case(
            "a preview of another share under a used id is a mistake of the caller",
            used,
            portal(first),
            then=[
                answers(
                    {"error": "RequestIdReused"},
                    "preview",
                    act=share("anna", "ct", "user:carla", request_id="form-1"),
                )
            ],
        ),
    ]
