"""Who looked at an exam, what rests on what, and who could see it before.

Specification: `#who-looked`, `#chain-of-sharing`, `#who-could-see-it`.
"""

from functools import partial
from typing import Final

from exam_sharing.testing.cases.builders import access_at, case, clock
from exam_sharing.testing.cases.people import DAY, HOUR, NOW, passed_on
from exam_sharing.testing.cases.topics import After, anna, ben, carla, clinic, dan, eva, nurses

SOON: Final = "2030-01-01T12:14:59Z"
LATER: Final = "2030-01-01T12:15:00Z"
"""When the next window of accesses begins."""
TREATMENT: Final = {"permission": "DOWNLOAD", "purpose": "TREATMENT"}

own_grants: Final = partial(case, access_list="OWN_GRANTS")

CASES: Final = {
    "The owner lists who looked, of those on the access list.": {
        "the owner sees accesses of recipients, of members, and of the owner": case(
            [anna.share(ben, nurses), anna.looks(), ben.looks(), dan.looks(**TREATMENT)],
            anna.accesses(anna.looked(), ben.looked(), dan.looked(**TREATMENT)),
        ),
        "the owner sees no accesses of people who are not on the access list": After.share(
            [carla.looks(), ben.looks(exam="mr")], anna.accesses()
        ),
        "whoever is unshared leaves the list of accesses": After.share(
            [ben.looks(), anna.unshare(ben)], anna.accesses()
        ),
        "members whom the directory hides are not on the list of accesses": case(
            [anna.share(nurses), dan.looks()], anna.accesses(), unseen=[(anna, dan)]
        ),
        "members of a group whose members are hidden are not on the list of accesses": case(
            [anna.share(clinic), carla.looks(), eva.looks()],
            anna.accesses(carla.looked()),
            unseen_members=[(anna, nurses)],
        ),
        "nobody but the owner lists accesses": After.download(
            ben.looks(), [ben.no_accesses(), carla.no_accesses()]
        ),
        "an access that is recorded gives no access": case(
            carla.looks("DOWNLOAD"), [carla.cannot_view(), carla.cannot_download()]
        ),
    },
    "One row counts the accesses with one permission and one purpose in one window.": {
        "accesses in one window are one row": After.share(
            [ben.looks(), clock(SOON), ben.looks()], anna.accesses(ben.looked(last=SOON, count=2))
        ),
        "accesses in two windows are two rows": After.share(
            [ben.looks(), clock(LATER), ben.looks()],
            anna.accesses(ben.looked(), ben.looked(first=LATER, last=LATER)),
        ),
        "each permission and each purpose has a row of its own": After.share(
            [ben.looks(), ben.looks("DOWNLOAD"), ben.looks(**TREATMENT)],
            anna.accesses(ben.looked(), ben.looked(permission="DOWNLOAD"), ben.looked(**TREATMENT)),
        ),
    },
    "The chain of sharing has the grants of the access list, each with what it rests on.": {
        "a re-share rests on the grants of its grantor": case(
            [*passed_on(anna, ben, carla), anna.share(nurses)],
            anna.graph(
                (anna.grant(ben),), (ben.grant(carla), anna.grant(ben)), (anna.grant(nurses),)
            ),
        ),
        "a re-share rests on what replaced the narrowed grant of its grantor": After.download(
            [ben.share(carla), anna.narrow(ben, until=DAY, reshares="KEEP")],
            anna.graph(
                (anna.grant(ben, "DOWNLOAD", DAY),),
                (ben.grant(carla), anna.grant(ben, "DOWNLOAD", DAY)),
            ),
        ),
        "a re-share whose source was unshared rests on nothing": After.reshare(
            anna.unshare(ben, reshares="KEEP"), anna.graph((ben.grant(carla),))
        ),
        "under OWN_GRANTS, a graph has only grants that the viewer made or received": own_grants(
            passed_on(anna, ben, carla, dan),
            [
                carla.graph((ben.grant(carla),), (carla.grant(dan), ben.grant(carla))),
                dan.graph((carla.grant(dan),)),
            ],
        ),
        "without access there is no graph": After.share(carla.no_graph()),
    },
    "Who could see an exam at a time is answered as it was then.": {
        "who was unshared later could see the exam before": After.share(
            [clock(HOUR), anna.unshare(ben)], [access_at(NOW, ben.holder()), access_at(HOUR)]
        ),
        "who left the group later could see the exam before": After.group_share(
            [clock(HOUR), nurses.becomes(eva)],
            [
                access_at(NOW, dan.holder(), eva.holder()),
                access_at(HOUR, eva.holder()),
                dan.explained("VIEW", {**anna.grant(nurses), "through": [nurses]}, at=NOW),
            ],
        ),
        "who became inactive later could see the exam before": After.download(
            [clock(HOUR), ben.becomes(active=False)],
            [access_at(NOW, ben.holder("DOWNLOAD")), access_at(HOUR)],
        ),
        "a grant had expired at its time": case(
            [anna.share(ben, until=HOUR), clock(DAY)],
            [access_at(NOW, ben.holder()), access_at(HOUR)],
        ),
    },
}
