"""What the portal shows: share form, tabs, access list, lists of exams, explanations.

Specification: `#what-the-portal-shows`, `#access`.
"""

from typing import Final

from exam_sharing.testing.cases.builders import DAY, HOUR, WEEK, case, clock, exam, upload
from exam_sharing.testing.cases.people import (
    User,
    anna,
    ben,
    carla,
    clinic,
    dan,
    eva,
    nobody,
    nurses,
    passed_on,
)

__all__ = ["CASES"]


CASES: Final = {
    "Without the plan there is no Share tab, and without download no Download tab.": {
        "with sharing in the plan there is a Share tab": case(
            then=[
                anna.tabs("DOWNLOAD", "SHARE", "VIEW"),
                anna.form("ct", "mr", "xray", download=True),
            ]
        ),
        "without sharing in the plan there is no Share tab": case(
            users=[anna.fields(sharing_in_plan=False)],
            when=anna.share(ben).refused("SHARING_NOT_IN_PLAN"),
            then=[anna.tabs("DOWNLOAD", "VIEW"), anna.no_form(), ben.cannot_view()],
        ),
        "a recipient without the plan views and cannot share": case(
            users=[ben.fields(sharing_in_plan=False)],
            given=anna.share(ben),
            then=[ben.tabs("VIEW"), ben.no_form()],
        ),
        "a downloader without the plan has a Download tab and no share form": case(
            users=[ben.fields(sharing_in_plan=False)],
            given=anna.share_download(ben),
            then=[ben.tabs("DOWNLOAD", "VIEW"), ben.no_form()],
        ),
        "a member has the tabs that the group's grant gives": case(
            given=anna.share_download(clinic, until=DAY),
            then=[
                eva.tabs("DOWNLOAD", "SHARE", "VIEW"),
                eva.form("ct", download=True, latest_until=DAY),
            ],
        ),
    },
    "The share form has the exams of the batch, the wording and the latest time allowed.": {
        "the share form lists the named exam first": case(
            then=anna.form("xray", "ct", "mr", download=True)
        ),
        "the share form of a view-only recipient has no download box and has a latest time": case(
            given=anna.share(ben, until=DAY), then=ben.form("ct", latest_until=DAY)
        ),
        "the share form reports the latest time that the policy allows": case(
            policy={"max_duration": 86400},
            then=anna.form("ct", "mr", "xray", download=True, latest_until=DAY),
        ),
        "the share form reports the earlier of the policy's time and the actor's hold": case(
            policy={"max_duration": 86400},
            given=anna.share(ben, until=HOUR),
            then=ben.form("ct", latest_until=HOUR),
        ),
        "the latest time in the share form is that of the named exam": case(
            given=[anna.share(ben, until=WEEK), anna.share(ben, exam="mr", until=HOUR)],
            then=[ben.form("ct", "mr", latest_until=WEEK), ben.form("mr", "ct", latest_until=HOUR)],
        ),
        "the share form has the wording of the policy": case(
            policy={"attestation_wording": "I abide by HIPAA."},
            then=anna.form("ct", "mr", "xray", download=True, wording="I abide by HIPAA."),
        ),
        "the share form reports that messages are not sent": case(
            policy={"sends_notices": False},
            then=anna.form("ct", "mr", "xray", download=True, sends_messages=False),
        ),
    },
    "The access list has the owner, then one entry for each principal with standing grants.": {
        "the access list has users and groups, and the owner apart": case(
            given=anna.share(ben, nurses),
            then=anna.access_list(ben.entry(anna.gave()), nurses.entry(anna.gave())),
        ),
        "the access list of an unshared exam has only the owner": case(then=anna.access_list()),
        "an unshared principal is not on the access list": case(
            given=[anna.share(ben, carla), anna.unshare(carla)],
            then=anna.access_list(ben.entry(anna.gave())),
        ),
        "an inactive recipient stays on the access list": case(
            given=[anna.share(ben), ben.becomes(active=False)],
            then=anna.access_list(ben.entry(anna.gave())),
        ),
        "an entry has the grants of every grantor": case(
            given=[anna.share_download(ben, until=DAY), *passed_on(anna, carla, ben)],
            then=anna.access_list(
                ben.entry(
                    anna.gave(permission="DOWNLOAD", until=DAY),
                    carla.gave(),
                    held={"VIEW": None, "DOWNLOAD": DAY},
                ),
                carla.entry(anna.gave()),
            ),
        ),
    },
    "can_unshare is true exactly when unsharing would be allowed.": {
        "an entry has an X exactly where unsharing is allowed": case(
            given=[anna.share(ben, carla), ben.share(carla)],
            then=ben.access_list(
                ben.entry(anna.gave()), carla.entry(anna.gave(can_unshare=False), ben.gave())
            ),
        ),
        "a member has no X beside the group's entry": case(
            given=anna.share(ben, nurses),
            then=dan.access_list(
                ben.entry(anna.gave(can_unshare=False)), nurses.entry(anna.gave(can_unshare=False))
            ),
        ),
        "under RESTRICT, an entry has an X only if no re-share rests on it": case(
            policy={"reshares": "RESTRICT"},
            given=[anna.share(ben), ben.share(carla)],
            then=anna.access_list(ben.entry(anna.gave(can_unshare=False)), carla.entry(ben.gave())),
        ),
    },
    "OWN_GRANTS: the owner sees everything, others the grants that they made or received.": {
        "a policy can limit the access list to one's own grants": case(
            policy={"access_list": "OWN_GRANTS"},
            given=[anna.share(ben, carla), ben.share(dan)],
            then=ben.access_list(ben.entry(anna.gave()), dan.entry(ben.gave())),
        ),
        "under OWN_GRANTS, an entry has only the grants that the viewer made or received": case(
            policy={"access_list": "OWN_GRANTS"},
            given=[anna.share(ben, nurses), anna.share_download(carla), ben.share(carla)],
            then=[
                ben.access_list(ben.entry(anna.gave()), carla.entry(ben.gave())),
                dan.access_list(),
            ],
        ),
        "under OWN_GRANTS, the owner sees every entry": case(
            policy={"access_list": "OWN_GRANTS"},
            given=[anna.share(ben, nurses), anna.share_download(carla), ben.share(carla)],
            then=anna.access_list(
                ben.entry(anna.gave()),
                carla.entry(
                    anna.gave(permission="DOWNLOAD"),
                    ben.gave(),
                    held={"VIEW": None, "DOWNLOAD": None},
                ),
                nurses.entry(anna.gave()),
            ),
        ),
    },
    "The active owner holds everything. An unknown id is never a yes.": {
        "an owner holds everything on their own exams": case(
            then=anna.explained("DOWNLOAD", as_owner=True)
        ),
        "a check of unknown ids answers no": case(
            given=anna.share(nurses),
            then=[
                nobody.cannot_view(),
                anna.cannot_view("no-exam"),
                User("nurses").cannot_view(),
                dan.can_view(),
            ],
        ),
    },
    "An inactive user holds nothing, ownership included. Grants by and to them stay.": {
        "an inactive user holds nothing until they are active again": case(
            given=[anna.share(ben), ben.becomes(active=False)],
            when=ben.becomes().done(),
            then=ben.can_view(),
        ),
        "an inactive owner holds nothing, and their shares stand": case(
            given=[anna.share(ben), anna.becomes(active=False)],
            then=[anna.cannot_view(), ben.can_view()],
        ),
        "an inactive user lists nothing, not even their own exams": case(
            given=[anna.share(ben), anna.becomes(active=False), ben.becomes(active=False)],
            then=[anna.visible_to(), ben.shared_with(), anna.tabs(), anna.no_form()],
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
                upload("own", exam("us", owner=ben, uploaded_at="2030-01-01T11:00:00Z")),
            ],
            given=[anna.share_download(ben, exam="mr"), anna.share(clinic), anna.share(ben)],
            then=[
                ben.shared_with(("mr", "DOWNLOAD"), ("ct", "VIEW")),
                ben.visible_to(("us", "DOWNLOAD"), ("mr", "DOWNLOAD"), ("ct", "VIEW")),
            ],
        ),
        "an exam shared in several ways is listed once with the highest permission": case(
            given=[anna.share(dan, nurses), anna.share_download(clinic)],
            then=[dan.shared_with(("ct", "DOWNLOAD")), eva.visible_to(("ct", "DOWNLOAD"))],
        ),
        "one's own exam is not shared with oneself through a group": case(
            uploads=[upload("cd", exam("ct", owner=carla))],
            given=carla.share(clinic),
            then=[
                carla.shared_with(),
                carla.visible_to(("ct", "DOWNLOAD")),
                dan.shared_with(("ct", "VIEW")),
            ],
        ),
    },
    "A denied explanation reports what comes nearest to a yes.": {
        "an explanation names a grant of view where download was asked for": case(
            given=anna.share(ben),
            then=[
                ben.cannot_download(),
                ben.denied("DOWNLOAD", "DOWNLOAD_NOT_HELD", ("ONLY_VIEW", anna.grant(ben))),
            ],
        ),
        "an explanation names expired and ended grants": case(
            given=[
                anna.share(ben, until=HOUR),
                anna.share(ben, exam="mr"),
                anna.unshare(ben, "mr"),
                clock(HOUR),
            ],
            then=[
                ben.denied("VIEW", "EXAM_NOT_FOUND", ("EXPIRED", anna.grant(ben, until=HOUR))),
                ben.denied(
                    "VIEW", "EXAM_NOT_FOUND", ("ENDED", anna.grant(ben, exam="mr")), exam="mr"
                ),
            ],
        ),
        "an explanation reports inactive owners and recipients": case(
            given=[anna.share(ben), anna.becomes(active=False), ben.becomes(active=False)],
            then=[
                anna.denied("VIEW", "EXAM_NOT_FOUND", ("USER_NOT_ACTIVE", None)),
                ben.denied("VIEW", "EXAM_NOT_FOUND", ("USER_NOT_ACTIVE", anna.grant(ben))),
            ],
        ),
        "an explanation reports that a grant gives nothing to its own grantor": case(
            given=[*passed_on(anna, dan, nurses, until=HOUR), anna.unshare(dan)],
            then=dan.denied(
                "VIEW",
                "EXAM_NOT_FOUND",
                ("OWN_GRANT", dan.grant(nurses, until=HOUR)),
                ("ENDED", anna.grant(dan, until=HOUR)),
            ),
        ),
    },
}
