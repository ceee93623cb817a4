"""Forms, tabs, lists and previews, further: what each says where a policy or a grant is special."""

from exam_sharing.testing.cases.schema import Case
from exam_sharing.testing.cases.table.phrases import (
    DAY,
    HOUR,
    PAST,
    WEEK,
    access_list,
    answers,
    case,
    entry,
    exam,
    form,
    no_form,
    portal,
    preview,
    share,
    unshare,
    upload,
    user,
)

__all__ = ["presenting"]


def presenting() -> list[Case]:
    """Return further cases of what is shown to whom."""
    return [*_forms(), *_access_lists(), *_lists(), *_batches()]


def _forms() -> list[Case]:
    rule = "The share form: the current wording, will messages be sent, the latest time allowed."
    return [
        case(
            "the form shows the wording of the policy",
            rule,
            portal(attestation_wording="I abide by HIPAA."),
            then=[
                form(
                    "anna",
                    "ct",
                    "ct",
                    "mr",
                    "xray",
                    offers_download=True,
                    wording="I abide by HIPAA.",
                )
            ],
        ),
        case(
            "the form says that no message would be sent",
            rule,
            portal(sends_notices=False),
            then=[
                form("anna", "ct", "ct", "mr", "xray", offers_download=True, sends_messages=False)
            ],
        ),
        case(
            "the form says until when the policy allows sharing",
            rule,
            portal(max_duration=86400),
            then=[form("anna", "ct", "ct", "mr", "xray", offers_download=True, latest_until=DAY)],
        ),
        case(
            "the form says the earlier of the policy's time and the actor's own",
            rule,
            portal(share("anna", "ct", "user:ben", until=HOUR), max_duration=86400),
            then=[form("ben", "ct", "ct", offers_download=False, latest_until=HOUR)],
        ),
        case(
            "the latest time in the form is that of the named exam, whatever the others have",
            "The latest time in the share form is that for viewing the named exam.",
            portal(
                share("anna", "ct", "user:ben", until=WEEK),
                share("anna", "mr", "user:ben", until=HOUR),
            ),
            then=[
                form("ben", "ct", "ct", "mr", offers_download=False, latest_until=WEEK),
                form("ben", "mr", "mr", "ct", offers_download=False, latest_until=HOUR),
            ],
        ),
        case(
            "a downloader without the plan has a Download tab and no form",
            "Without DOWNLOAD there is no download tab; without the plan, no share tab.",
            portal(
                share("anna", "ct", "user:ben", permission="DOWNLOAD"),
                users=[user("ben", sharing_in_plan=False)],
            ),
            then=[
                answers(["DOWNLOAD", "VIEW"], "tabs", user="ben", exam="ct"),
                no_form("ben", "ct"),
            ],
        ),
        case(
            "a member has the tabs that their group gives",
            "Tabs of an exam for a user: view, download, share.",
            portal(share("anna", "ct", "group:clinic", permission="DOWNLOAD", until=DAY)),
            then=[
                answers(["DOWNLOAD", "SHARE", "VIEW"], "tabs", user="eva", exam="ct"),
                form("eva", "ct", "ct", offers_download=True, latest_until=DAY),
            ],
        ),
    ]


def _access_lists() -> list[Case]:
    rule = "Can I unshare this: true exactly when unsharing it would be allowed."
    ben = entry("user:ben", ("anna", "VIEW", None, False), can_unshare=False)
    return [
        case(
            "a member sees no X beside their group",
            rule,
            portal(share("anna", "ct", "user:ben", "group:nurses")),
            then=[
                access_list(
                    "dan",
                    "ct",
                    ben,
                    entry("group:nurses", ("anna", "VIEW", None, False), can_unshare=False),
                ),
            ],
        ),
        case(
            "a principal who was removed is on the access list no more",
            "The access list: the owner and the principals with standing grants.",
            portal(
                share("anna", "ct", "user:ben", "user:carla"),
                unshare("anna", "ct", "user:carla"),
            ),
            then=[
                access_list(
                    "anna", "ct", entry("user:ben", ("anna", "VIEW", None, True), can_unshare=True)
                ),
            ],
        ),
        case(
            "the access list of an exam that is not shared names its owner alone",
            "The access list: the owner under its own heading.",
            then=[access_list("anna", "ct")],
        ),
        case(
            "an inactive recipient stays on the access list",
            "Grants made to them count again when they are active again.",
            portal(share("anna", "ct", "user:ben"), {"act": "user", **user("ben", active=False)}),
            then=[
                access_list(
                    "anna", "ct", entry("user:ben", ("anna", "VIEW", None, True), can_unshare=True)
                ),
            ],
        ),
        case(
            "where re-shares restrict there is an X for what nothing rests on",
            rule,
            portal(
                share("anna", "ct", "user:ben"),
                share("ben", "ct", "user:carla"),
                reshares="RESTRICT",
            ),
            then=[
                access_list(
                    "anna",
                    "ct",
                    entry("user:ben", ("anna", "VIEW", None, False), can_unshare=False),
                    entry("user:carla", ("ben", "VIEW", None, True), can_unshare=True),
                ),
            ],
        ),
    ]


def _lists() -> list[Case]:
    view, download = ({"exam": "ct", "permission": what} for what in ("VIEW", "DOWNLOAD"))
    return [
        case(
            "an exam that is shared by several ways is listed once, with the most that is held",
            "With the permission held. An exam is among the visible exactly when a check says yes.",
            portal(
                share("anna", "ct", "user:dan", "group:nurses"),
                share("anna", "ct", "group:clinic", permission="DOWNLOAD"),
            ),
            then=[
                answers([download], "shared_with", user="dan"),
                answers([download], "visible_to", user="eva"),
            ],
        ),
        case(
            "one's own exam is visible and not shared with oneself by way of one's group",
            "Shared with me: exams of others that a user can see.",
            portal(
                share("carla", "ct", "group:clinic"),
                uploads=[upload("cd", exam("ct", "carla"))],
            ),
            then=[
                answers([], "shared_with", user="carla"),
                answers([download], "visible_to", user="carla"),
                answers([view], "shared_with", user="dan"),
            ],
        ),
        case(
            "an inactive user lists nothing, what they own neither",
            "A user who is inactive holds nothing, ownership included.",
            portal(
                share("anna", "ct", "user:ben"),
                {"act": "user", **user("anna", active=False)},
                {"act": "user", **user("ben", active=False)},
            ),
            then=[
                answers([], "visible_to", user="anna"),
                answers([], "shared_with", user="ben"),
                answers([], "tabs", user="anna", exam="ct"),
                no_form("anna", "ct"),
            ],
        ),
    ]


def _batches() -> list[Case]:
    rule = "Exams that a recipient owns are left out for that recipient."
    of_two = [upload("cd", exam("ct"), exam("mr", "ben", uploaded_at=PAST))]
    return [
        case(
            "a preview of a share of a batch leaves out what the recipient owns",
            rule,
            portal(share("ben", "mr", "user:anna"), uploads=of_two),
            then=[
                preview(
                    share("anna", "ct", "user:ben", "user:carla", scope="BATCH"),
                    gains=[
                        ("user:ben", "ct", "VIEW"),
                        ("user:carla", "ct", "VIEW"),
                        ("user:carla", "mr", "VIEW"),
                    ],
                ),
            ],
        ),
        case(
            "a preview of a share of a batch leaves out what the actor cannot see",
            "Those that they cannot see are left out, and their existence is not told.",
            portal(share("anna", "ct", "user:ben"), share("anna", "mr", "user:ben")),
            then=[
                preview(
                    share("ben", "ct", "user:carla", scope="BATCH"),
                    gains=[("user:carla", "ct", "VIEW"), ("user:carla", "mr", "VIEW")],
                ),
            ],
        ),
        case(
            "who owns a part of a batch that was shared with them is not on its access list",
            rule,
            portal(
                share("ben", "mr", "user:anna"),
                share("anna", "ct", "user:ben", scope="BATCH"),
                uploads=of_two,
            ),
            then=[
                answers(
                    {
                        "owner": "ben",
                        "entries": [
                            entry("user:anna", ("ben", "VIEW", None, True), can_unshare=True)
                        ],
                    },
                    "access_list",
                    user="ben",
                    exam="mr",
                ),
            ],
        ),
    ]
