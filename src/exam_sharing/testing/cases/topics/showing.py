"""What the portal shows: share form, tabs, access list, lists of exams, explanations.

Specification: `#what-the-portal-shows`, `#access`.
"""

from typing import Final

from exam_sharing.testing.cases.builders import (
    DAY,
    HOUR,
    WEEK,
    access_list,
    can,
    cannot,
    case,
    clock,
    denied,
    entry,
    exam,
    explained,
    form,
    given_by,
    grant,
    no_form,
    passed_on,
    refused,
    set_user,
    share,
    share_download,
    shared_with,
    tabs,
    unshare,
    upload,
    user,
    visible_to,
)

__all__ = ["CASES"]

CASES: Final = {
    "Without the plan there is no Share tab, and without download no Download tab.": {
        "with sharing in the plan there is a Share tab": case(
            then=[
                tabs("anna", "DOWNLOAD", "SHARE", "VIEW"),
                form("anna", "ct", "mr", "xray", download=True),
            ]
        ),
        "without sharing in the plan there is no Share tab": case(
            users=[user("anna", sharing_in_plan=False)],
            when=share("anna", "ben"),
            outcome=refused("SHARING_NOT_IN_PLAN"),
            then=[tabs("anna", "DOWNLOAD", "VIEW"), no_form("anna"), cannot("ben", "VIEW")],
        ),
        "a recipient without the plan views and cannot share": case(
            users=[user("ben", sharing_in_plan=False)],
            given=share("anna", "ben"),
            then=[tabs("ben", "VIEW"), no_form("ben")],
        ),
        "a downloader without the plan has a Download tab and no share form": case(
            users=[user("ben", sharing_in_plan=False)],
            given=share_download("anna", "ben"),
            then=[tabs("ben", "DOWNLOAD", "VIEW"), no_form("ben")],
        ),
        "a member has the tabs that the group's grant gives": case(
            given=share_download("anna", "group:clinic", until=DAY),
            then=[
                tabs("eva", "DOWNLOAD", "SHARE", "VIEW"),
                form("eva", "ct", download=True, latest_until=DAY),
            ],
        ),
    },
    "The share form has the exams of the batch, the wording and the latest time allowed.": {
        "the share form lists the named exam first": case(
            then=form("anna", "xray", "ct", "mr", download=True)
        ),
        "the share form of a view-only recipient has no download box and has a latest time": case(
            given=share("anna", "ben", until=DAY), then=form("ben", "ct", latest_until=DAY)
        ),
        "the share form reports the latest time that the policy allows": case(
            policy={"max_duration": 86400},
            then=form("anna", "ct", "mr", "xray", download=True, latest_until=DAY),
        ),
        "the share form reports the earlier of the policy's time and the actor's hold": case(
            policy={"max_duration": 86400},
            given=share("anna", "ben", until=HOUR),
            then=form("ben", "ct", latest_until=HOUR),
        ),
        "the latest time in the share form is that of the named exam": case(
            given=[share("anna", "ben", until=WEEK), share("anna", "ben", exam="mr", until=HOUR)],
            then=[
                form("ben", "ct", "mr", latest_until=WEEK),
                form("ben", "mr", "ct", latest_until=HOUR),
            ],
        ),
        "the share form has the wording of the policy": case(
            policy={"attestation_wording": "I abide by HIPAA."},
            then=form("anna", "ct", "mr", "xray", download=True, wording="I abide by HIPAA."),
        ),
        "the share form reports that messages are not sent": case(
            policy={"sends_notices": False},
            then=form("anna", "ct", "mr", "xray", download=True, sends_messages=False),
        ),
    },
    "The access list has the owner, then one entry for each principal with standing grants.": {
        "the access list has users and groups, and the owner apart": case(
            given=share("anna", "ben", "group:nurses"),
            then=access_list(
                "anna", entry("ben", given_by("anna")), entry("group:nurses", given_by("anna"))
            ),
        ),
        "the access list of an unshared exam has only the owner": case(then=access_list("anna")),
        "an unshared principal is not on the access list": case(
            given=[share("anna", "ben", "carla"), unshare("anna", "carla")],
            then=access_list("anna", entry("ben", given_by("anna"))),
        ),
        "an inactive recipient stays on the access list": case(
            given=[share("anna", "ben"), set_user("ben", active=False)],
            then=access_list("anna", entry("ben", given_by("anna"))),
        ),
        "an entry has the grants of every grantor": case(
            given=[share_download("anna", "ben", until=DAY), *passed_on("anna", "carla", "ben")],
            then=access_list(
                "anna",
                entry(
                    "ben",
                    given_by("anna", permission="DOWNLOAD", until=DAY),
                    given_by("carla"),
                    held={"VIEW": None, "DOWNLOAD": DAY},
                ),
                entry("carla", given_by("anna")),
            ),
        ),
    },
    "can_unshare is true exactly when unsharing would be allowed.": {
        "an entry has an X exactly where unsharing is allowed": case(
            given=[share("anna", "ben", "carla"), share("ben", "carla")],
            then=access_list(
                "ben",
                entry("ben", given_by("anna")),
                entry("carla", given_by("anna", can_unshare=False), given_by("ben")),
            ),
        ),
        "a member has no X beside the group's entry": case(
            given=share("anna", "ben", "group:nurses"),
            then=access_list(
                "dan",
                entry("ben", given_by("anna", can_unshare=False)),
                entry("group:nurses", given_by("anna", can_unshare=False)),
            ),
        ),
        "under RESTRICT, an entry has an X only if no re-share rests on it": case(
            policy={"reshares": "RESTRICT"},
            given=[share("anna", "ben"), share("ben", "carla")],
            then=access_list(
                "anna",
                entry("ben", given_by("anna", can_unshare=False)),
                entry("carla", given_by("ben")),
            ),
        ),
    },
    "OWN_GRANTS: the owner sees everything, others the grants that they made or received.": {
        "a policy can limit the access list to one's own grants": case(
            policy={"access_list": "OWN_GRANTS"},
            given=[share("anna", "ben", "carla"), share("ben", "dan")],
            then=access_list("ben", entry("ben", given_by("anna")), entry("dan", given_by("ben"))),
        ),
        "under OWN_GRANTS, an entry has only the grants that the viewer made or received": case(
            policy={"access_list": "OWN_GRANTS"},
            given=[
                share("anna", "ben", "group:nurses"),
                share_download("anna", "carla"),
                share("ben", "carla"),
            ],
            then=[
                access_list("ben", entry("ben", given_by("anna")), entry("carla", given_by("ben"))),
                access_list("dan"),
            ],
        ),
        "under OWN_GRANTS, the owner sees every entry": case(
            policy={"access_list": "OWN_GRANTS"},
            given=[
                share("anna", "ben", "group:nurses"),
                share_download("anna", "carla"),
                share("ben", "carla"),
            ],
            then=access_list(
                "anna",
                entry("ben", given_by("anna")),
                entry(
                    "carla",
                    given_by("anna", permission="DOWNLOAD"),
                    given_by("ben"),
                    held={"VIEW": None, "DOWNLOAD": None},
                ),
                entry("group:nurses", given_by("anna")),
            ),
        ),
    },
    "The active owner holds everything. An unknown id is never a yes.": {
        "an owner holds everything on their own exams": case(
            then=explained("anna", "DOWNLOAD", as_owner=True)
        ),
        "a check of unknown ids answers no": case(
            given=share("anna", "group:nurses"),
            then=[
                cannot("nobody", "VIEW"),
                cannot("anna", "VIEW", "no-exam"),
                cannot("nurses", "VIEW"),
                can("dan", "VIEW"),
            ],
        ),
    },
    "An inactive user holds nothing, ownership included. Grants by and to them stay.": {
        "an inactive user holds nothing until they are active again": case(
            given=[share("anna", "ben"), set_user("ben", active=False)],
            when=set_user("ben"),
            outcome={},
            then=can("ben", "VIEW"),
        ),
        "an inactive owner holds nothing, and their shares stand": case(
            given=[share("anna", "ben"), set_user("anna", active=False)],
            then=[cannot("anna", "VIEW"), can("ben", "VIEW")],
        ),
        "an inactive user lists nothing, not even their own exams": case(
            given=[
                share("anna", "ben"),
                set_user("anna", active=False),
                set_user("ben", active=False),
            ],
            then=[visible_to("anna"), shared_with("ben"), tabs("anna"), no_form("anna")],
        ),
    },
    "An exam is visible exactly when a check answers yes. Shared are only exams of others.": {
        "the lists have the exams of others, or all visible exams, newest first": case(
            uploads=[
                upload(
                    "cd",
                    exam("ct", uploaded_at="2030-01-01T09:00:00Z"),
                    exam("mr", uploaded_at="2030-01-01T10:00:00Z"),
                ),
                upload("own", exam("us", owner="ben", uploaded_at="2030-01-01T11:00:00Z")),
            ],
            given=[
                share_download("anna", "ben", exam="mr"),
                share("anna", "group:clinic"),
                share("anna", "ben"),
            ],
            then=[
                shared_with("ben", ("mr", "DOWNLOAD"), ("ct", "VIEW")),
                visible_to("ben", ("us", "DOWNLOAD"), ("mr", "DOWNLOAD"), ("ct", "VIEW")),
            ],
        ),
        "an exam shared in several ways is listed once with the highest permission": case(
            given=[share("anna", "dan", "group:nurses"), share_download("anna", "group:clinic")],
            then=[shared_with("dan", ("ct", "DOWNLOAD")), visible_to("eva", ("ct", "DOWNLOAD"))],
        ),
        "one's own exam is not shared with oneself through a group": case(
            uploads=[upload("cd", exam("ct", owner="carla"))],
            given=share("carla", "group:clinic"),
            then=[
                shared_with("carla"),
                visible_to("carla", ("ct", "DOWNLOAD")),
                shared_with("dan", ("ct", "VIEW")),
            ],
        ),
    },
    "A denied explanation reports what comes nearest to a yes.": {
        "an explanation names a grant of view where download was asked for": case(
            given=share("anna", "ben"),
            then=[
                cannot("ben", "DOWNLOAD"),
                denied("ben", "DOWNLOAD", "DOWNLOAD_NOT_HELD", ("ONLY_VIEW", grant("anna", "ben"))),
            ],
        ),
        "an explanation names expired and ended grants": case(
            given=[
                share("anna", "ben", until=HOUR),
                share("anna", "ben", exam="mr"),
                unshare("anna", "ben", "mr"),
                clock(HOUR),
            ],
            then=[
                denied(
                    "ben", "VIEW", "EXAM_NOT_FOUND", ("EXPIRED", grant("anna", "ben", until=HOUR))
                ),
                denied(
                    "ben",
                    "VIEW",
                    "EXAM_NOT_FOUND",
                    ("ENDED", grant("anna", "ben", exam="mr")),
                    exam="mr",
                ),
            ],
        ),
        "an explanation reports inactive owners and recipients": case(
            given=[
                share("anna", "ben"),
                set_user("anna", active=False),
                set_user("ben", active=False),
            ],
            then=[
                denied("anna", "VIEW", "EXAM_NOT_FOUND", ("USER_NOT_ACTIVE", None)),
                denied("ben", "VIEW", "EXAM_NOT_FOUND", ("USER_NOT_ACTIVE", grant("anna", "ben"))),
            ],
        ),
        "an explanation reports that a grant gives nothing to its own grantor": case(
            given=[*passed_on("anna", "dan", "group:nurses", until=HOUR), unshare("anna", "dan")],
            then=denied(
                "dan",
                "VIEW",
                "EXAM_NOT_FOUND",
                ("OWN_GRANT", grant("dan", "group:nurses", until=HOUR)),
                ("ENDED", grant("anna", "dan", until=HOUR)),
            ),
        ),
    },
}
