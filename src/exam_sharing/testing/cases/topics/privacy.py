"""Privacy: exams, users, members and grants that an actor may not know of.

Specification: `#disclosure`, `#exam_not_found`.
"""

from typing import Final

from exam_sharing.testing.cases.builders import case, exam, upload
from exam_sharing.testing.cases.people import (
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

LOST: Final = [*passed_on(anna, ben, carla, dan), anna.unshare(ben)]
"""Ben shared with Carla, who shared with Dan; then Ben lost access."""

CASES: Final = {
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
        "nothing is shown of an unknown exam": case(
            given=anna.share_download(carla), then=ben.nothing_shown("no-exam")
        ),
        "nothing is shown of an exam without access": case(
            given=anna.share_download(carla), then=ben.nothing_shown()
        ),
        "previews report nothing about an unknown exam": case(
            given=anna.share_download(carla), then=ben.nothing_previewed("no-exam")
        ),
        "previews report nothing about an exam without access": case(
            given=anna.share_download(carla), then=ben.nothing_previewed()
        ),
        "an unknown exam cannot be unshared": case(
            given=anna.share_download(carla), when=ben.unshare(carla, "no-exam").not_found()
        ),
        "an unknown exam cannot be narrowed": case(
            given=anna.share_download(carla),
            when=ben.narrow(carla, "no-exam", permission="VIEW").not_found(),
            then=carla.can_download(),
        ),
        "an exam without access cannot be narrowed": case(
            given=anna.share_download(carla),
            when=ben.narrow_to_view(carla).not_found(),
            then=carla.can_download(),
        ),
    },
    "An unknown user holds nothing, ownership included, and may not act.": {
        "nothing is shown to an unknown user": case(
            given=anna.share_download(carla, nurses),
            then=[
                *nobody.nothing_shown(),
                *nobody.nothing_previewed(),
                nobody.shared_with(),
                nobody.visible_to(),
            ],
        ),
        "an unknown user cannot share": case(
            given=anna.share_download(carla, nurses),
            when=nobody.share(ben).not_found(),
            then=[ben.cannot_view(), carla.can_download()],
        ),
        "an unknown user cannot unshare": case(
            given=anna.share_download(carla, nurses),
            when=nobody.unshare(carla).not_found(),
            then=[ben.cannot_view(), carla.can_download()],
        ),
        "an unknown user cannot narrow": case(
            given=anna.share_download(carla, nurses),
            when=nobody.narrow_to_view(carla).not_found(),
            then=[ben.cannot_view(), carla.can_download()],
        ),
        "an unknown user cannot end a grant": case(
            given=anna.share_download(carla, nurses),
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
        "a group with hidden members is not named": case(
            unseen_members=[(anna, nurses)],
            given=anna.share(nurses),
            when=anna.unshare(dan).refused("NO_SUCH_GRANT"),
            then=dan.can_view(),
        ),
        "no group of a hidden user is named": case(
            unseen=[(anna, dan)],
            given=anna.share(nurses),
            when=anna.unshare(dan).refused("NO_SUCH_GRANT"),
            then=dan.can_view(),
        ),
        "a group is not named for a grant that the actor may not see": case(
            policy={"access_list": "OWN_GRANTS"},
            given=anna.share(ben, nurses),
            when=ben.unshare(dan).refused("NO_SUCH_GRANT"),
            then=dan.can_view(),
        ),
        "under OWN_GRANTS, the owner sees the groups that give access": case(
            policy={"access_list": "OWN_GRANTS"},
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
        "a receipt names nobody with access through a group with hidden members": case(
            unseen_members=[(anna, nurses)],
            given=anna.share(dan, nurses),
            when=anna.unshare(dan).ended(anna.grant(dan)),
            then=dan.can_view(),
        ),
        "a preview reports a loss although a group with hidden members keeps the access": case(
            unseen_members=[(anna, nurses)],
            given=anna.share(dan, nurses),
            then=anna.unshare(dan).previewed(losses=[dan]),
        ),
        "after a group is unshared, visible members who still have access are named": case(
            given=anna.share(dan, nurses),
            when=anna.unshare(nurses).ended(anna.grant(nurses), still_have_access=[dan]),
            then=[dan.can_view(), eva.cannot_view()],
        ),
        "after a group is unshared, hidden members are not named": case(
            unseen_members=[(anna, nurses)],
            given=anna.share(dan, nurses),
            when=anna.unshare(nurses).ended(anna.grant(nurses)),
            then=[dan.can_view(), eva.cannot_view()],
        ),
        "a preview reports a gain if the actor may not know that the member has access": case(
            policy={"access_list": "OWN_GRANTS"},
            given=anna.share(ben, dan),
            then=ben.share(nurses).previewed(gains=[nurses, dan, eva]),
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
        "under OWN_GRANTS, an actor does not see what was left standing": case(
            policy={"access_list": "OWN_GRANTS"},
            given=[anna.share(ben, carla), *passed_on(ben, carla, dan)],
            when=ben.unshare(carla).ended(ben.grant(carla)),
            then=[carla.can_view(), dan.can_view()],
        ),
        "under OWN_GRANTS, the owner sees what was left standing": case(
            policy={"access_list": "OWN_GRANTS"},
            given=[anna.share(ben), ben.share(carla)],
            when=anna.unshare(ben).ended(anna.grant(ben), left_standing=[ben.grant(carla)]),
        ),
        "an actor who sees the access list sees everything that a cascade ends": case(
            given=passed_on(anna, ben, carla, dan),
            when=ben.unshare(carla, reshares="CASCADE").ended(ben.grant(carla), carla.grant(dan)),
        ),
        "under OWN_GRANTS, a receipt of a cascade has only the actor's own grants": case(
            policy={"access_list": "OWN_GRANTS"},
            given=passed_on(anna, ben, carla, dan),
            when=ben.unshare(carla, reshares="CASCADE").ended(ben.grant(carla)),
            then=dan.cannot_view(),
        ),
        "under OWN_GRANTS, HAS_RESHARES names no grants of others": case(
            policy={"access_list": "OWN_GRANTS"},
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
