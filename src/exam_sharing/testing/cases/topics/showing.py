"""What the portal shows, and which exams, users and grants it hides.

Specification: `#what-the-portal-shows`, `#access`, `#disclosure`, `#exam_not_found`.
"""

from functools import partial
from typing import Final

from exam_sharing.testing.cases.builders import case, clock, exam, upload
from exam_sharing.testing.cases.people import DAY, HOUR, WEEK, User, nobody, passed_on
from exam_sharing.testing.cases.topics import After, anna, ben, carla, clinic, dan, eva, nurses

LOST: Final = [*passed_on(anna, ben, carla, dan), anna.unshare(ben)]
"""Ben shared with Carla, who shared with Dan; then Ben lost access."""

own_grants: Final = partial(case, policy={"access_list": "OWN_GRANTS"})
download_for_carla: Final = partial(case, given=anna.share_download(carla))
two_downloads: Final = partial(case, given=anna.share_download(carla, nurses))
dan_twice: Final = partial(case, given=anna.share(dan, nurses))
"""Dan has a grant of his own, and one through the nurses."""

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
        "a recipient without the plan views and cannot share": After.share(
            users=[ben.fields(sharing_in_plan=False)], then=[ben.tabs("VIEW"), ben.no_form()]
        ),
        "a downloader without the plan has a Download tab and no share form": After.download(
            users=[ben.fields(sharing_in_plan=False)],
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
                ben.entry(anna.gave_download(until=DAY), carla.gave(), VIEW=None, DOWNLOAD=DAY),
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
        "under RESTRICT, an entry has an X only if no re-share rests on it": After.reshare(
            policy={"reshares": "RESTRICT"},
            then=anna.access_list(ben.entry(anna.gave(can_unshare=False)), carla.entry(ben.gave())),
        ),
    },
    "OWN_GRANTS: the owner sees everything, others the grants that they made or received.": {
        "a policy can limit the access list to one's own grants": own_grants(
            given=[anna.share(ben, carla), ben.share(dan)],
            then=ben.access_list(ben.entry(anna.gave()), dan.entry(ben.gave())),
        ),
        "under OWN_GRANTS, an entry has only grants that the viewer made or received": own_grants(
            given=[anna.share(ben, nurses), anna.share_download(carla), ben.share(carla)],
            then=[
                ben.access_list(ben.entry(anna.gave()), carla.entry(ben.gave())),
                dan.access_list(),
            ],
        ),
        "under OWN_GRANTS, the owner sees every entry": own_grants(
            given=[anna.share(ben, nurses), anna.share_download(carla), ben.share(carla)],
            then=anna.access_list(
                ben.entry(anna.gave()),
                carla.entry(anna.gave_download(), ben.gave(), VIEW=None, DOWNLOAD=None),
                nurses.entry(anna.gave()),
            ),
        ),
    },
    "The active owner holds everything. An unknown id is never a yes.": {
        "an owner holds everything on their own exams": case(
            then=anna.explained("DOWNLOAD", as_owner=True)
        ),
        "a check of unknown ids answers no": After.group_share(
            then=[
                nobody.cannot_view(),
                anna.cannot_view("no-exam"),
                User("nurses").cannot_view(),
                dan.can_view(),
            ]
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
        "an explanation names a grant of view where download was asked for": After.share(
            then=[
                ben.cannot_download(),
                ben.denied(
                    ("ONLY_VIEW", anna.grant(ben)), permission="DOWNLOAD", code="DOWNLOAD_NOT_HELD"
                ),
            ]
        ),
        "an explanation names expired and ended grants": case(
            given=[
                anna.share(ben, until=HOUR),
                anna.share(ben, exam="mr"),
                anna.unshare(ben, "mr"),
                clock(HOUR),
            ],
            then=[
                ben.denied(("EXPIRED", anna.grant(ben, until=HOUR))),
                ben.denied(("ENDED", anna.grant(ben, exam="mr")), exam="mr"),
            ],
        ),
        "an explanation reports inactive owners and recipients": case(
            given=[anna.share(ben), anna.becomes(active=False), ben.becomes(active=False)],
            then=[
                anna.denied(("USER_NOT_ACTIVE", None)),
                ben.denied(("USER_NOT_ACTIVE", anna.grant(ben))),
            ],
        ),
        "an explanation reports that a grant gives nothing to its own grantor": case(
            given=[*passed_on(anna, dan, nurses, until=HOUR), anna.unshare(dan)],
            then=dan.denied(
                ("OWN_GRANT", dan.grant(nurses, until=HOUR)), ("ENDED", anna.grant(dan, until=HOUR))
            ),
        ),
    },
    "EXAM_NOT_FOUND: an unknown exam and one without access are one answer.": {
        "an unknown exam cannot be shared": case(
            when=ben.share(carla, exam="no-exam", attested=False).not_found()
        ),
        "an exam without access is reported as unknown": case(
            when=ben.share(nobody, attested=False).not_found(),
            then=[
                ben.tabs(),
                ben.no_form(),
                ben.suggestions("car"),
                ben.choices(),
                ben.no_access_list(),
            ],
        ),
        "nothing is shown of an unknown exam": download_for_carla(
            then=ben.nothing_shown("no-exam")
        ),
        "nothing is shown of an exam without access": download_for_carla(then=ben.nothing_shown()),
        "previews report nothing about an unknown exam": download_for_carla(
            then=ben.nothing_previewed("no-exam")
        ),
        "previews report nothing about an exam without access": download_for_carla(
            then=ben.nothing_previewed()
        ),
        "an unknown exam cannot be unshared": download_for_carla(
            when=ben.unshare(carla, "no-exam").not_found()
        ),
        "an unknown exam cannot be narrowed": download_for_carla(
            when=ben.narrow(carla, "no-exam", permission="VIEW").not_found(),
            then=carla.can_download(),
        ),
        "an exam without access cannot be narrowed": download_for_carla(
            when=ben.narrow_to_view(carla).not_found(), then=carla.can_download()
        ),
    },
    "An unknown user holds nothing, ownership included, and may not act.": {
        "nothing is shown to an unknown user": two_downloads(
            then=[
                *nobody.nothing_shown(),
                *nobody.nothing_previewed(),
                nobody.shared_with(),
                nobody.visible_to(),
            ]
        ),
        "an unknown user cannot share": two_downloads(
            when=nobody.share(ben).not_found(), then=[ben.cannot_view(), carla.can_download()]
        ),
        "an unknown user cannot unshare": two_downloads(
            when=nobody.unshare(carla).not_found(), then=[ben.cannot_view(), carla.can_download()]
        ),
        "an unknown user cannot narrow": two_downloads(
            when=nobody.narrow_to_view(carla).not_found(),
            then=[ben.cannot_view(), carla.can_download()],
        ),
        "an unknown user cannot end a grant": two_downloads(
            when=nobody.end(anna.grant(carla)).refused(
                "NO_SUCH_GRANT", grants=[anna.grant(carla, "DOWNLOAD")]
            ),
            then=carla.can_download(),
        ),
        "an unknown user does not hold even their own exams": case(
            uploads=[upload("cd", exam("ct", owner=nobody))],
            when=nobody.share(ben).not_found(),
            then=[nobody.cannot_view(), nobody.visible_to()],
        ),
    },
    "NO_SUCH_GRANT carries the groups that give access, as far as the actor may know.": {
        "a group that gives access through a subgroup is named": case(
            given=anna.share(clinic),
            when=anna.unshare(dan).refused("NO_SUCH_GRANT", principals=[clinic]),
        ),
        "every group that gives access is named": case(
            given=anna.share(nurses, clinic),
            when=anna.unshare(dan).refused("NO_SUCH_GRANT", principals=[clinic, nurses]),
        ),
        "a group with hidden members is not named": After.group_share(
            unseen_members=[(anna, nurses)],
            when=anna.unshare(dan).refused("NO_SUCH_GRANT"),
            then=dan.can_view(),
        ),
        "no group of a hidden user is named": After.group_share(
            unseen=[(anna, dan)],
            when=anna.unshare(dan).refused("NO_SUCH_GRANT"),
            then=dan.can_view(),
        ),
        "a group is not named for a grant that the actor may not see": own_grants(
            given=anna.share(ben, nurses),
            when=ben.unshare(dan).refused("NO_SUCH_GRANT"),
            then=dan.can_view(),
        ),
        "under OWN_GRANTS, the owner sees the groups that give access": own_grants(
            given=[anna.share(ben), ben.share(nurses)],
            when=anna.unshare(dan).refused("NO_SUCH_GRANT", principals=[nurses]),
        ),
    },
    "Receipts and previews name members of a group as far as the actor may know.": {
        "a preview names no hidden member of a group": case(
            unseen_members=[(anna, nurses)], then=anna.share(nurses).previewed(gains=[nurses])
        ),
        "a preview names no member who is hidden in the directory": case(
            unseen=[(anna, dan)], then=anna.share(nurses).previewed(gains=[nurses, eva])
        ),
        "a receipt names nobody with access through a group with hidden members": dan_twice(
            unseen_members=[(anna, nurses)],
            when=anna.unshare(dan).ended(anna.grant(dan)),
            then=dan.can_view(),
        ),
        "a preview reports a loss although a group with hidden members keeps the access": dan_twice(
            unseen_members=[(anna, nurses)], then=anna.unshare(dan).previewed(losses=[dan])
        ),
        "after a group is unshared, visible members who still have access are named": dan_twice(
            when=anna.unshare(nurses).ended(anna.grant(nurses), still_have_access=[dan]),
            then=[dan.can_view(), eva.cannot_view()],
        ),
        "after a group is unshared, hidden members are not named": dan_twice(
            unseen_members=[(anna, nurses)],
            when=anna.unshare(nurses).ended(anna.grant(nurses)),
            then=[dan.can_view(), eva.cannot_view()],
        ),
        "a preview reports a gain if the actor may not know that the member has access": own_grants(
            given=anna.share(ben, dan), then=ben.share(nurses).previewed(gains=[nurses, dan, eva])
        ),
        "a preview leaves out a member whose access the actor may know": case(
            given=anna.share(ben, dan), then=ben.share(nurses).previewed(gains=[nurses, eva])
        ),
    },
    "Receipts and refusals report grants of others as far as the actor may know.": {
        "an actor who sees the access list sees what was left standing": case(
            policy={"access_list": "EVERYONE"},
            given=[anna.share(ben, carla), *passed_on(ben, carla, dan)],
            when=ben.unshare(carla).ended(
                ben.grant(carla), left_standing=[carla.grant(dan)], still_have_access=[carla]
            ),
            then=[carla.can_view(), dan.can_view()],
        ),
        "under OWN_GRANTS, an actor does not see what was left standing": own_grants(
            given=[anna.share(ben, carla), *passed_on(ben, carla, dan)],
            when=ben.unshare(carla).ended(ben.grant(carla)),
            then=[carla.can_view(), dan.can_view()],
        ),
        "under OWN_GRANTS, the owner sees what was left standing": After.reshare(
            policy={"access_list": "OWN_GRANTS"},
            when=anna.unshare(ben).ended(anna.grant(ben), left_standing=[ben.grant(carla)]),
        ),
        "an actor who sees the access list sees everything that a cascade ends": case(
            given=passed_on(anna, ben, carla, dan),
            when=ben.unshare(carla, reshares="CASCADE").ended(ben.grant(carla), carla.grant(dan)),
        ),
        "under OWN_GRANTS, a receipt of a cascade has only the actor's own grants": own_grants(
            given=passed_on(anna, ben, carla, dan),
            when=ben.unshare(carla, reshares="CASCADE").ended(ben.grant(carla)),
            then=dan.cannot_view(),
        ),
        "under OWN_GRANTS, HAS_RESHARES names no grants of others": own_grants(
            given=passed_on(anna, ben, carla, dan),
            when=ben.unshare(carla, reshares="RESTRICT").refused("HAS_RESHARES"),
            then=[carla.can_view(), dan.can_view()],
        ),
    },
    "Without access, an actor sees only the grants that they made.": {
        "an actor who lost access does not see what was left standing": case(
            given=[*LOST, anna.share(carla)],
            when=ben.unshare(carla).ended(ben.grant(carla)),
            then=[carla.can_view(), dan.can_view()],
        ),
        "an actor who lost access sees only their own grants in a cascade": case(
            given=LOST,
            when=ben.unshare(carla, reshares="CASCADE").ended(ben.grant(carla)),
            then=[carla.cannot_view(), dan.cannot_view()],
        ),
        "a preview for an actor who lost access has only their own grants": case(
            given=LOST, then=ben.unshare(carla, reshares="CASCADE").previewed(losses=[carla])
        ),
        "an actor who lost access finds no grant after ending their own": case(
            given=[*LOST, ben.unshare(carla)], when=ben.unshare(carla).refused("NO_SUCH_GRANT")
        ),
        "an actor who lost access sees no group, not even for their own grant to it": case(
            given=[*passed_on(anna, ben, nurses), anna.unshare(ben)],
            when=ben.unshare(dan).refused("NO_SUCH_GRANT"),
            then=dan.can_view(),
        ),
        "an actor who lost access cannot end grants of others to the same principal": case(
            given=[*LOST, anna.share(carla)],
            when=ben.end(anna.grant(carla)).refused("NO_SUCH_GRANT", grants=[anna.grant(carla)]),
            then=carla.can_view(),
        ),
    },
}
