"""What the portal shows, and which exams, users and grants it hides.

Specification: `#what-the-portal-shows`, `#access`, `#disclosure`, `#exam_not_found`.
"""

from functools import partial
from typing import Final

from exam_sharing.testing.cases.builders import MAY_NOT_ACT, case, clock, exam, left_open, upload
from exam_sharing.testing.cases.people import DAY, HOUR, WEEK, User, nobody, passed_on
from exam_sharing.testing.cases.topics import After, anna, ben, carla, clinic, dan, eva, nurses

LOST: Final = [*passed_on(anna, ben, carla, dan), anna.unshare(ben)]
"""Ben shared with Carla, who shared with Dan; then Ben lost access."""

own_grants: Final = partial(case, access_list="OWN_GRANTS")
download_for_carla: Final = partial(case, anna.share_download(carla))
two_downloads: Final = partial(case, anna.share_download(carla, nurses))
dan_twice: Final = partial(case, anna.share(dan, nurses))
"""Dan has a grant of his own, and one through the nurses."""

CASES: Final = {
    "Without the plan there is no Share tab, and without download no Download tab.": {
        "with sharing in the plan there is a Share tab": case(
            anna.tabs("DOWNLOAD", "SHARE", "VIEW"), anna.form("ct", "mr", "xray", download=True)
        ),
        "without sharing in the plan there is no Share tab": case(
            anna.share(ben).refused("SHARING_NOT_IN_PLAN"),
            [anna.tabs("DOWNLOAD", "VIEW"), anna.no_form(), ben.cannot_view()],
            users=[anna.without_plan()],
        ),
        "a recipient without the plan views and cannot share": After.share(
            ben.tabs("VIEW"), ben.no_form(), users=[ben.without_plan()]
        ),
        "a downloader without the plan has a Download tab and no share form": After.download(
            ben.tabs("DOWNLOAD", "VIEW"), ben.no_form(), users=[ben.without_plan()]
        ),
        "a member has the tabs that the group's grant gives": case(
            anna.share_download(clinic, until=DAY),
            eva.tabs("DOWNLOAD", "SHARE", "VIEW"),
            eva.form("ct", download=True, latest_until=DAY),
        ),
    },
    "The share form has the exams of the batch, the wording and the latest time allowed.": {
        "the share form of any exam has all exams of its batch": case(
            anna.form("xray", "ct", "mr", download=True)
        ),
        "the share form of a view-only recipient has no download box and has a latest time": case(
            anna.share(ben, until=DAY), ben.form("ct", latest_until=DAY)
        ),
        "the share form reports the latest time that the policy allows": case(
            anna.form("ct", "mr", "xray", download=True, latest_until=DAY), max_duration=86400
        ),
        "the share form reports the earlier of the policy's time and the actor's hold": case(
            anna.share(ben, until=HOUR), ben.form("ct", latest_until=HOUR), max_duration=86400
        ),
        "the latest time in the share form is that of the named exam": case(
            [anna.share(ben, until=WEEK), anna.share(ben, exam="mr", until=HOUR)],
            [ben.form("ct", "mr", latest_until=WEEK), ben.form("mr", "ct", latest_until=HOUR)],
        ),
        "the share form has the wording of the policy": case(
            anna.form("ct", "mr", "xray", download=True, wording="I abide by HIPAA."),
            attestation_wording="I abide by HIPAA.",
        ),
        "the share form reports that messages are not sent": case(
            anna.form("ct", "mr", "xray", download=True, sends_messages=False), sends_notices=False
        ),
    },
    "The access list has the owner, then one entry for each principal with standing grants.": {
        "the access list has users and groups, and the owner apart": case(
            anna.share(ben, nurses),
            anna.access_list(ben.entry(anna.gave()), nurses.entry(anna.gave())),
        ),
        "the access list of an unshared exam has only the owner": case(anna.access_list()),
        "an unshared principal is not on the access list": case(
            anna.share(ben, carla), anna.unshare(carla), anna.access_list(ben.entry(anna.gave()))
        ),
        "an inactive recipient stays on the access list": case(
            anna.share(ben), ben.becomes(active=False), anna.access_list(ben.entry(anna.gave()))
        ),
        "an entry has the grants of every grantor": case(
            [anna.share_download(ben, until=DAY), *passed_on(anna, carla, ben)],
            anna.access_list(
                ben.entry(anna.gave_download(until=DAY), carla.gave(), VIEW=None, DOWNLOAD=DAY),
                carla.entry(anna.gave()),
            ),
        ),
    },
    "can_unshare is true exactly when unsharing would be allowed.": {
        "an entry has an X exactly where unsharing is allowed": case(
            [anna.share(ben, carla), ben.share(carla)],
            ben.access_list(
                ben.entry(anna.gave()), carla.entry(anna.gave(can_unshare=False), ben.gave())
            ),
        ),
        "a member has no X beside the group's entry": case(
            anna.share(ben, nurses),
            dan.access_list(
                ben.entry(anna.gave(can_unshare=False)), nurses.entry(anna.gave(can_unshare=False))
            ),
        ),
        "under RESTRICT, an entry has an X only if no re-share rests on it": After.reshare(
            anna.access_list(ben.entry(anna.gave(can_unshare=False)), carla.entry(ben.gave())),
            reshares="RESTRICT",
        ),
    },
    "OWN_GRANTS: the owner sees everything, others the grants that they made or received.": {
        "a policy can limit the access list to one's own grants": own_grants(
            [anna.share(ben, carla), ben.share(dan)],
            ben.access_list(ben.entry(anna.gave()), dan.entry(ben.gave())),
        ),
        "under OWN_GRANTS, an entry has only grants that the viewer made or received": own_grants(
            [anna.share(ben, nurses), anna.share_download(carla), ben.share(carla)],
            [ben.access_list(ben.entry(anna.gave()), carla.entry(ben.gave())), dan.access_list()],
        ),
        "under OWN_GRANTS, the owner sees every entry": own_grants(
            [anna.share(ben, nurses), anna.share_download(carla), ben.share(carla)],
            anna.access_list(
                ben.entry(anna.gave()),
                carla.entry(anna.gave_download(), ben.gave(), VIEW=None, DOWNLOAD=None),
                nurses.entry(anna.gave()),
            ),
        ),
    },
    "The active owner holds everything. An unknown id is never a yes.": {
        "an owner holds everything on their own exams": case(
            anna.explained("DOWNLOAD", as_owner=True)
        ),
        "a check of unknown ids answers no": After.group_share(
            nobody.cannot_view(),
            anna.cannot_view("no-exam"),
            User("nurses").cannot_view(),
            dan.can_view(),
        ),
    },
    "An inactive user holds nothing, ownership included. Grants by and to them stay.": {
        "an inactive user holds nothing until they are active again": case(
            anna.share(ben), ben.becomes(active=False), ben.becomes().done(), ben.can_view()
        ),
        "an inactive owner holds nothing, and their shares stand": case(
            anna.share(ben), anna.becomes(active=False), anna.cannot_view(), ben.can_view()
        ),
        "an inactive user lists nothing, not even their own exams": case(
            [anna.share(ben), anna.becomes(active=False), ben.becomes(active=False)],
            [anna.visible_to(), ben.shared_with(), anna.tabs(), anna.no_form()],
        ),
    },
    "An exam is visible exactly when a check answers yes. Shared are only exams of others.": {
        "the lists have the exams of others, or all visible exams, newest first": case(
            [anna.share_download(ben, exam="mr"), anna.share(clinic), anna.share(ben)],
            ben.shared_with(("mr", "DOWNLOAD"), ("ct", "VIEW")),
            ben.visible_to(("us", "DOWNLOAD"), ("mr", "DOWNLOAD"), ("ct", "VIEW")),
            uploads=[
                upload(
                    "cd",
                    exam("ct", uploaded_at="2030-01-01T09:00:00Z"),
                    exam("mr", uploaded_at="2030-01-01T10:00:00Z"),
                ),
                upload("own", exam("us", owner=ben, uploaded_at="2030-01-01T11:00:00Z")),
            ],
        ),
        "an exam shared in several ways is listed once with the highest permission": case(
            [anna.share(dan, nurses), anna.share_download(clinic)],
            [dan.shared_with(("ct", "DOWNLOAD")), eva.visible_to(("ct", "DOWNLOAD"))],
        ),
        "one's own exam is not shared with oneself through a group": case(
            carla.share(clinic),
            carla.shared_with(),
            carla.visible_to(("ct", "DOWNLOAD")),
            dan.shared_with(("ct", "VIEW")),
            uploads=[upload("cd", exam("ct", owner=carla))],
        ),
    },
    "A denied explanation reports what comes nearest to a yes.": {
        "an explanation names a grant of view where download was asked for": After.share(
            ben.cannot_download(),
            ben.denied(
                ("ONLY_VIEW", anna.grant(ben)), permission="DOWNLOAD", code="DOWNLOAD_NOT_HELD"
            ),
        ),
        "an explanation names expired and ended grants": case(
            anna.share(ben, until=HOUR),
            anna.share(ben, exam="mr"),
            anna.unshare(ben, "mr"),
            clock(HOUR),
            ben.denied(("EXPIRED", anna.grant(ben, until=HOUR))),
            ben.denied(("ENDED", anna.grant(ben, exam="mr")), exam="mr"),
        ),
        "an explanation reports inactive owners and recipients": case(
            [anna.share(ben), anna.becomes(active=False), ben.becomes(active=False)],
            anna.denied(("USER_NOT_ACTIVE", None)),
            ben.denied(("USER_NOT_ACTIVE", anna.grant(ben))),
        ),
        "an explanation reports that a grant gives nothing to its own grantor": case(
            [*passed_on(anna, dan, nurses, until=HOUR), anna.unshare(dan)],
            dan.denied(
                ("OWN_GRANT", dan.grant(nurses, until=HOUR)), ("ENDED", anna.grant(dan, until=HOUR))
            ),
        ),
    },
    "EXAM_NOT_FOUND: an unknown exam and one without access are one answer.": {
        "an unknown exam cannot be shared": case(
            ben.share(carla, exam="no-exam", attested=False).not_found()
        ),
        "an exam without access is reported as unknown": case(
            ben.share(nobody, attested=False).not_found(),
            ben.tabs(),
            ben.no_form(),
            ben.suggestions("car"),
            ben.choices(),
            ben.no_access_list(),
        ),
        "nothing is shown of an unknown exam": download_for_carla(*ben.nothing_shown("no-exam")),
        "nothing is shown of an exam without access": download_for_carla(*ben.nothing_shown()),
        "previews report nothing about an unknown exam": download_for_carla(
            *ben.nothing_previewed("no-exam")
        ),
        "previews report nothing about an exam without access": download_for_carla(
            *ben.nothing_previewed()
        ),
        "an unknown exam cannot be unshared": download_for_carla(
            ben.unshare(carla, "no-exam").not_found()
        ),
        "an unknown exam cannot be narrowed": download_for_carla(
            ben.narrow(carla, "no-exam", permission="VIEW").not_found(), carla.can_download()
        ),
        "an exam without access cannot be narrowed": download_for_carla(
            ben.narrow_to_view(carla).not_found(), carla.can_download()
        ),
    },
    "An unknown user holds nothing, ownership included, and may not act.": {
        "nothing is shown to an unknown user": two_downloads(
            left_open(MAY_NOT_ACT, *nobody.nothing_shown(), *nobody.nothing_previewed()),
            [nobody.cannot_view(), nobody.cannot_download(), nobody.tabs(), nobody.no_form()],
            nobody.shared_with(),
            nobody.visible_to(),
        ),
        "an unknown user cannot share": two_downloads(
            nobody.share(ben).not_found(),
            [ben.cannot_view(), carla.can_download()],
            choice=MAY_NOT_ACT,
        ),
        "an unknown user cannot unshare": two_downloads(
            nobody.unshare(carla).not_found(), carla.can_download(), choice=MAY_NOT_ACT
        ),
        "an unknown user cannot narrow": two_downloads(
            nobody.narrow_to_view(carla).not_found(), carla.can_download(), choice=MAY_NOT_ACT
        ),
        "an unknown user cannot end a grant": two_downloads(
            nobody.end(anna.grant(carla)).no_such_grant(grants=[anna.grant(carla, "DOWNLOAD")]),
            carla.can_download(),
            choice=MAY_NOT_ACT,
        ),
        "an unknown user does not hold even their own exams": case(
            nobody.share(ben).not_found(),
            [ben.cannot_view(), nobody.cannot_view(), nobody.visible_to()],
            choice=MAY_NOT_ACT,
            uploads=[upload("cd", exam("ct", owner=nobody))],
        ),
    },
    "NO_SUCH_GRANT carries the groups that give access, as far as the actor may know.": {
        "a group that gives access through a subgroup is named": case(
            anna.share(clinic), anna.unshare(dan).no_such_grant(principals=[clinic])
        ),
        "every group that gives access is named": case(
            anna.share(nurses, clinic), anna.unshare(dan).no_such_grant(principals=[clinic, nurses])
        ),
        "a group with hidden members is not named": After.group_share(
            anna.unshare(dan).no_such_grant(), dan.can_view(), unseen_members=[(anna, nurses)]
        ),
        "no group of a hidden user is named": After.group_share(
            anna.unshare(dan).no_such_grant(), dan.can_view(), unseen=[(anna, dan)]
        ),
        "a group is not named for a grant that the actor may not see": own_grants(
            anna.share(ben, nurses), ben.unshare(dan).no_such_grant(), dan.can_view()
        ),
        "under OWN_GRANTS, the owner sees the groups that give access": own_grants(
            anna.share(ben), ben.share(nurses), anna.unshare(dan).no_such_grant(principals=[nurses])
        ),
    },
    "Receipts and previews name members of a group as far as the actor may know.": {
        "a preview names no hidden member of a group": case(
            anna.share(nurses).previewed(gains=[nurses]), unseen_members=[(anna, nurses)]
        ),
        "a preview names no member who is hidden in the directory": case(
            anna.share(nurses).previewed(gains=[nurses, eva]), unseen=[(anna, dan)]
        ),
        "a receipt names nobody with access through a group with hidden members": dan_twice(
            anna.unshare(dan).ended(), dan.can_view(), unseen_members=[(anna, nurses)]
        ),
        "a preview reports a loss although a group with hidden members keeps the access": dan_twice(
            anna.unshare(dan).previewed(losses=[dan]), unseen_members=[(anna, nurses)]
        ),
        "after a group is unshared, visible members who still have access are named": dan_twice(
            anna.unshare(nurses).ended(still_have_access=[dan]), dan.can_view(), eva.cannot_view()
        ),
        "after a group is unshared, hidden members are not named": dan_twice(
            anna.unshare(nurses).ended(),
            [dan.can_view(), eva.cannot_view()],
            unseen_members=[(anna, nurses)],
        ),
        "a preview reports a gain if the actor may not know that the member has access": own_grants(
            anna.share(ben, dan), ben.share(nurses).previewed(gains=[nurses, dan, eva])
        ),
        "a preview leaves out a member whose access the actor may know": case(
            anna.share(ben, dan), ben.share(nurses).previewed(gains=[nurses, eva])
        ),
    },
    "Receipts and refusals report grants of others as far as the actor may know.": {
        "an actor who sees the access list sees what was left standing": case(
            [anna.share(ben, carla), *passed_on(ben, carla, dan)],
            ben.unshare(carla).ended(left_standing=[carla.grant(dan)], still_have_access=[carla]),
            [carla.can_view(), dan.can_view()],
            access_list="EVERYONE",
        ),
        "under OWN_GRANTS, an actor does not see what was left standing": own_grants(
            [anna.share(ben, carla), *passed_on(ben, carla, dan)],
            ben.unshare(carla).ended(),
            [carla.can_view(), dan.can_view()],
        ),
        "under OWN_GRANTS, the owner sees what was left standing": After.reshare(
            anna.unshare(ben).ended(left_standing=[ben.grant(carla)]), access_list="OWN_GRANTS"
        ),
        "an actor who sees the access list sees everything that a cascade ends": case(
            *passed_on(anna, ben, carla, dan),
            ben.unshare(carla).cascades(ben.grant(carla), carla.grant(dan)),
        ),
        "under OWN_GRANTS, a receipt of a cascade has only the actor's own grants": own_grants(
            *passed_on(anna, ben, carla, dan), ben.unshare(carla).cascades(), dan.cannot_view()
        ),
        "under OWN_GRANTS, HAS_RESHARES names no grants of others": own_grants(
            passed_on(anna, ben, carla, dan),
            ben.unshare(carla).restricting().refused("HAS_RESHARES"),
            [carla.can_view(), dan.can_view()],
        ),
    },
    "Without access, an actor sees only the grants that they made.": {
        "an actor who lost access does not see what was left standing": case(
            *LOST, anna.share(carla), ben.unshare(carla).ended(), carla.can_view(), dan.can_view()
        ),
        "an actor who lost access sees only their own grants in a cascade": case(
            *LOST, ben.unshare(carla).cascades(), carla.cannot_view(), dan.cannot_view()
        ),
        "a preview for an actor who lost access has only their own grants": case(
            *LOST, ben.unshare(carla).cascading().previewed(losses=[carla])
        ),
        "an actor who lost access finds no grant after ending their own": case(
            *LOST, ben.unshare(carla), ben.unshare(carla).no_such_grant()
        ),
        "an actor who lost access sees no group, not even for their own grant to it": case(
            [*passed_on(anna, ben, nurses), anna.unshare(ben)],
            ben.unshare(dan).no_such_grant(),
            dan.can_view(),
        ),
        "an actor who lost access cannot end grants of others to the same principal": case(
            [*LOST, anna.share(carla)],
            ben.end(anna.grant(carla)).no_such_grant(grants=[anna.grant(carla)]),
            carla.can_view(),
        ),
    },
}
