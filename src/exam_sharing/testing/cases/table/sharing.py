"""Sharing where it is allowed: how long, how much, and sharing again."""

from exam_sharing.testing.cases.schema import Case
from exam_sharing.testing.cases.table.phrases import (
    DAY,
    HOUR,
    WEEK,
    answers,
    case,
    clock,
    exam,
    grant,
    group,
    made,
    no,
    notice,
    portal,
    preview,
    repeated,
    share,
    shared,
    unshare,
    upload,
    user,
    yes,
)

__all__ = ["sharing"]


def sharing() -> list[Case]:
    """Return cases of shares that are made."""
    return [*_times(), *_again(), *_batches(), *_people()]


def _times() -> list[Case]:
    return [
        case(
            "a share for a time is held until just before it",
            "A grant stands from when it is made until it is ended or it expires.",
            portal(
                share("anna", "ct", "user:ben", until=HOUR), clock("2030-01-01T12:59:59.999999Z")
            ),
            then=[yes("ben", "VIEW", "ct")],
        ),
        case(
            "a share for a time is over at that time",
            "A grant has expired from the moment of its time on.",
            portal(share("anna", "ct", "user:ben", until=HOUR), clock(HOUR)),
            then=[
                no("ben", "VIEW", "ct"),
                answers([], "tabs", user="ben", exam="ct"),
                answers([], "shared_with", user="ben"),
            ],
        ),
        case(
            "no time asked for means for good where nothing limits it",
            "No time asked for means as long as allowed.",
            when=share("anna", "ct", "user:ben"),
            outcome=shared(made("ct", "user:ben", until=None, limited_by="NOTHING")),
        ),
        case(
            "no time asked for means as long as the actor holds it",
            "No time asked for means the earlier of the actor's own hold and the longest duration.",
            portal(share("anna", "ct", "user:ben", until=DAY), max_duration=604800),
            when=share("ben", "ct", "user:carla"),
            outcome=shared(made("ct", "user:carla", until=DAY, limited_by="OWN_HOLD")),
        ),
        case(
            "no time asked for means as long as the policy allows",
            "No time asked for means the earlier of the actor's own hold and the longest duration.",
            portal(max_duration=86400),
            when=share("anna", "ct", "user:ben"),
            outcome=shared(made("ct", "user:ben", until=DAY, limited_by="POLICY")),
        ),
        case(
            "a time may be asked for up to the actor's own",
            "A re-share lasts no longer than what it rests on.",
            portal(share("anna", "ct", "user:ben", until=DAY)),
            when=share("ben", "ct", "user:carla", until=DAY),
            outcome=shared(made("ct", "user:carla", until=DAY, limited_by="ASKED")),
        ),
    ]


def _again() -> list[Case]:
    return [
        case(
            "sharing the same again changes nothing and tells nobody",
            "A grant is made only where it adds permission or time.",
            portal(share("anna", "ct", "user:ben")),
            when=share("anna", "ct", "user:ben"),
            outcome=shared(made("ct", "user:ben", "UNCHANGED")),
            then=[answers([notice("ben", "anna")], "notices")],
        ),
        case(
            "sharing download with a viewer widens",
            "WIDENED: more permission.",
            portal(share("anna", "ct", "user:ben")),
            when=share("anna", "ct", "user:ben", permission="DOWNLOAD"),
            outcome=shared(made("ct", "user:ben", "WIDENED")),
            then=[yes("ben", "DOWNLOAD", "ct")],
        ),
        case(
            "sharing for longer extends",
            "EXTENDED: more time.",
            portal(share("anna", "ct", "user:ben", until=DAY)),
            when=share("anna", "ct", "user:ben", until=WEEK),
            outcome=shared(made("ct", "user:ben", "EXTENDED", WEEK, "ASKED")),
        ),
        case(
            "sharing view with a downloader narrows nothing",
            "Nothing is ever narrowed by sharing.",
            portal(share("anna", "ct", "user:ben", permission="DOWNLOAD")),
            when=share("anna", "ct", "user:ben"),
            outcome=shared(made("ct", "user:ben", "UNCHANGED")),
            then=[yes("ben", "DOWNLOAD", "ct")],
        ),
        case(
            "grants of different grantors stand side by side",
            "Grants of different grantors stand side by side.",
            portal(share("anna", "ct", "user:ben", "user:carla")),
            when=share("ben", "ct", "user:carla"),
            outcome=shared(made("ct", "user:carla")),
            then=[answers([notice("ben", "anna"), notice("carla", "anna")], "notices")],
        ),
        case(
            "the same request again returns the first receipt and does nothing",
            "With the same request id and actor, the first receipt is returned.",
            portal(share("anna", "ct", "user:ben", request_id="form-1")),
            when=share("anna", "ct", "user:ben", request_id="form-1"),
            outcome=repeated(shared(made("ct", "user:ben"))),
            then=[answers([notice("ben", "anna")], "notices")],
        ),
        case(
            "the same request with another message is a repeat, and its message is not sent",
            "The same request with another message is a repeat, and that message is not sent.",
            portal(share("anna", "ct", "user:ben", request_id="form-1", message="Have a look.")),
            when=share("anna", "ct", "user:ben", request_id="form-1", message="At once, please."),
            outcome=repeated(shared(made("ct", "user:ben"))),
            then=[answers([notice("ben", "anna", message="Have a look.")], "notices")],
        ),
        *(
            case(
                f"a request with another {part} under a used id is a mistake of the caller",
                "A different request under a used id is a caller's error.",
                portal(share("anna", "ct", "user:ben", request_id="form-1")),
                when=share("anna", "ct", "user:ben", request_id="form-1", **other),
                outcome={"error": "RequestIdReused"},
            )
            for part, other in (
                ("time", {"until": DAY}),
                ("permission", {"permission": "DOWNLOAD"}),
            )
        ),
        case(
            "a recipient named twice is one recipient",
            "A recipient who is named twice is named once.",
            when=share("anna", "ct", "user:ben", "user:ben"),
            outcome=shared(made("ct", "user:ben")),
            then=[answers([notice("ben", "anna")], "notices")],
        ),
        case(
            "another request under a used id is a mistake of the caller",
            "A different request under a used id is a caller's error.",
            portal(share("anna", "ct", "user:ben", request_id="form-1")),
            when=share("anna", "ct", "user:carla", request_id="form-1"),
            outcome={"error": "RequestIdReused"},
            then=[no("carla", "VIEW", "ct")],
        ),
    ]


def _batches() -> list[Case]:
    return [
        case(
            "a batch covers what the actor can see of it",
            "BATCH covers the exams of the batch that the actor has access to at that moment.",
            portal(share("anna", "ct", "user:ben"), share("anna", "mr", "user:ben")),
            when=share("ben", "ct", "user:carla", scope="BATCH"),
            outcome=shared(made("ct", "user:carla"), made("mr", "user:carla")),
            then=[no("carla", "VIEW", "xray")],
        ),
        case(
            "exams that arrive later are not shared",
            "Exams that arrive later are not included.",
            portal(
                share("anna", "ct", "user:ben", scope="BATCH"),
                {"act": "upload", **upload("cd", exam("us", uploaded_at="2030-01-01T11:30:00Z"))},
            ),
            then=[yes("ben", "VIEW", "xray"), no("ben", "VIEW", "us")],
        ),
        case(
            "exams of a batch that a recipient owns are left out for them",
            "Exams that a recipient owns are left out for that recipient.",
            portal(uploads=[upload("cd", exam("ct"), exam("mr", "ben"))]),
            when=share("anna", "ct", "user:carla", scope="BATCH"),
            outcome=shared(made("ct", "user:carla")),
            then=[no("carla", "VIEW", "mr")],
        ),
        case(
            "sharing a batch with who owns a part of it says so",
            "OWNS_IT.",
            portal(
                share("ben", "mr", "user:anna"),
                uploads=[upload("cd", exam("ct"), exam("mr", "ben"))],
            ),
            when=share("anna", "ct", "user:ben", scope="BATCH"),
            outcome=shared(made("ct", "user:ben"), made("mr", "user:ben", "OWNS_IT")),
        ),
        case(
            "a share that covers what was shown is made",
            "expect: the exams that the actor was shown.",
            when=share("anna", "ct", "user:ben", scope="BATCH", expect=["xray", "ct", "mr"]),
            outcome=shared(
                made("ct", "user:ben"), made("mr", "user:ben"), made("xray", "user:ben")
            ),
        ),
    ]


def _people() -> list[Case]:
    return [
        case(
            "groups hold groups to any depth",
            "Groups hold users and groups, to any depth.",
            when=share("anna", "ct", "group:clinic"),
            outcome=shared(made("ct", "group:clinic")),
            then=[
                yes("carla", "VIEW", "ct"),
                yes("dan", "VIEW", "ct"),
                answers(
                    {
                        "holds": True,
                        "as_owner": False,
                        "grants": [
                            {
                                **grant("ct", "anna", "group:clinic"),
                                "through": ["group:nurses", "group:clinic"],
                            }
                        ],
                    },
                    "explain",
                    user="dan",
                    permission="VIEW",
                    exam="ct",
                ),
            ],
        ),
        case(
            "who leaves a group loses what was shared with it",
            "The union of the standing grants made to them and to every group that they are in, "
            "now.",
            portal(
                share("anna", "ct", "group:nurses"),
                {"act": "group", **group("nurses", "Night nurses", "user:eva")},
            ),
            then=[no("dan", "VIEW", "ct"), yes("eva", "VIEW", "ct")],
        ),
        case(
            "a notice tells the earliest time of what was gained",
            "The time in a notice is the earliest of what was gained in it.",
            portal(
                share("anna", "ct", "user:ben", until=DAY),
                share("anna", "mr", "user:ben", until=HOUR),
            ),
            when=share("ben", "ct", "user:carla", scope="BATCH"),
            outcome=shared(
                made("ct", "user:carla", until=DAY, limited_by="OWN_HOLD"),
                made("mr", "user:carla", until=HOUR, limited_by="OWN_HOLD"),
            ),
            then=[
                answers(
                    [
                        notice("ben", "anna", until=HOUR),
                        notice("ben", "anna", until=DAY),
                        notice("carla", "ben", exams=2, until=HOUR),
                    ],
                    "notices",
                ),
            ],
        ),
        case(
            "who joins a group later has access and is told nothing",
            "Users who join a group later get none.",
            portal(
                share("anna", "ct", "group:nurses"),
                {
                    "act": "group",
                    **group("nurses", "Night nurses", "user:dan", "user:eva", "user:ben"),
                },
            ),
            then=[
                yes("ben", "VIEW", "ct"),
                answers([notice("dan", "anna"), notice("eva", "anna")], "notices"),
            ],
        ),
        case(
            "a user and a group of one string are two principals",
            "A user and a group of the same string are two principals, everywhere.",
            portal({"act": "group", **group("ben", "Ben's team", "user:carla")}),
            when=share("anna", "ct", "group:ben"),
            outcome=shared(made("ct", "group:ben")),
            then=[yes("carla", "VIEW", "ct"), no("ben", "VIEW", "ct")],
        ),
        case(
            "an inactive user holds nothing, and holds it again later",
            "A user who is inactive holds nothing; grants made to them count again when they are "
            "active again.",
            portal(
                share("anna", "ct", "user:ben"),
                {"act": "user", **user("ben", active=False)},
            ),
            when={"act": "user", **user("ben")},
            outcome={},
            then=[yes("ben", "VIEW", "ct")],
        ),
        case(
            "an inactive owner holds nothing, and what they shared stays",
            "Ownership included; grants they made stay and count throughout.",
            portal(
                share("anna", "ct", "user:ben"),
                {"act": "user", **user("anna", active=False)},
            ),
            then=[no("anna", "VIEW", "ct"), yes("ben", "VIEW", "ct")],
        ),
        case(
            "sharing with one's own group is no way to keep access",
            "A grant gives nothing to its own grantor.",
            portal(
                share("anna", "ct", "user:dan"),
                share("dan", "ct", "group:nurses"),
                unshare("anna", "ct", "user:dan"),
            ),
            then=[
                no("dan", "VIEW", "ct"),
                answers([], "tabs", user="dan", exam="ct"),
                yes("eva", "VIEW", "ct"),
            ],
        ),
        case(
            "the grants of several people add up",
            "Several grants add up.",
            portal(
                share("anna", "ct", "user:ben", until=HOUR, permission="DOWNLOAD"),
                share("anna", "ct", "user:carla"),
                share("carla", "ct", "user:ben"),
                clock(HOUR),
            ),
            then=[yes("ben", "VIEW", "ct"), no("ben", "DOWNLOAD", "ct")],
        ),
        case(
            "a preview of a share says who would gain, and changes nothing",
            "Each has a preview. It changes nothing.",
            then=[
                preview(
                    share("anna", "ct", "group:nurses"),
                    gains=[
                        ("group:nurses", "ct", "VIEW"),
                        ("user:dan", "ct", "VIEW"),
                        ("user:eva", "ct", "VIEW"),
                    ],
                ),
                no("dan", "VIEW", "ct"),
            ],
        ),
        case(
            "a preview names nobody behind a group whose members are not to be seen",
            "Users behind a group are named only where the actor may see its members.",
            portal(unseen_members=[("anna", "group:nurses")]),
            then=[
                preview(
                    share("anna", "ct", "group:nurses"), gains=[("group:nurses", "ct", "VIEW")]
                ),
            ],
        ),
    ]
