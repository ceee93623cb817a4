"""Privacy: exams, users, members and grants that an actor may not know of.

Specification: `#disclosure`, `#exam_not_found`.
"""

from typing import Final

from exam_sharing.testing.cases.builders import (
    can,
    cannot,
    case,
    choices,
    end_grant,
    ended,
    exam,
    grant,
    narrow,
    no_access_list,
    no_form,
    not_found,
    nothing_previewed,
    nothing_shown,
    passed_on,
    preview,
    reason,
    refused,
    share,
    share_download,
    shared_with,
    suggestions,
    tabs,
    unshare,
    upload,
    visible_to,
)

__all__ = ["CASES"]

LOST: Final = [*passed_on("anna", "ben", "carla", "dan"), unshare("anna", "ben")]
"""Ben shared with Carla, who shared with Dan; then Ben lost access."""

CASES: Final = {
    "EXAM_NOT_FOUND: an unknown exam and one without access are one answer.": {
        "an unknown exam cannot be shared": case(
            when=share("ben", "carla", exam="no-exam", attested=False), outcome=not_found("no-exam")
        ),
        "an exam without access is reported as unknown": case(
            when=share("ben", "nobody", attested=False),
            outcome=not_found(),
            then=[
                tabs("ben"),
                no_form("ben"),
                suggestions("ben", "car"),
                choices("ben"),
                no_access_list("ben"),
            ],
        ),
        "nothing is shown of an unknown exam": case(
            given=share_download("anna", "carla"), then=nothing_shown("ben", "no-exam")
        ),
        "nothing is shown of an exam without access": case(
            given=share_download("anna", "carla"), then=nothing_shown("ben")
        ),
        "previews report nothing about an unknown exam": case(
            given=share_download("anna", "carla"), then=nothing_previewed("ben", "no-exam")
        ),
        "previews report nothing about an exam without access": case(
            given=share_download("anna", "carla"), then=nothing_previewed("ben")
        ),
        "an unknown exam cannot be unshared": case(
            given=share_download("anna", "carla"),
            when=unshare("ben", "carla", "no-exam"),
            outcome=not_found("no-exam"),
        ),
        "an unknown exam cannot be narrowed": case(
            given=share_download("anna", "carla"),
            when=narrow("ben", "carla", "no-exam", permission="VIEW"),
            outcome=not_found("no-exam"),
            then=can("carla", "DOWNLOAD"),
        ),
        "an exam without access cannot be narrowed": case(
            given=share_download("anna", "carla"),
            when=narrow("ben", "carla", permission="VIEW"),
            outcome=not_found(),
            then=can("carla", "DOWNLOAD"),
        ),
    },
    "An unknown user holds nothing, ownership included, and may not act.": {
        "nothing is shown to an unknown user": case(
            given=share_download("anna", "carla", "group:nurses"),
            then=[
                *nothing_shown("nobody"),
                *nothing_previewed("nobody"),
                shared_with("nobody"),
                visible_to("nobody"),
            ],
        ),
        "an unknown user cannot share": case(
            given=share_download("anna", "carla", "group:nurses"),
            when=share("nobody", "ben"),
            outcome=not_found(),
            then=[cannot("ben", "VIEW"), can("carla", "DOWNLOAD")],
        ),
        "an unknown user cannot unshare": case(
            given=share_download("anna", "carla", "group:nurses"),
            when=unshare("nobody", "carla"),
            outcome=not_found(),
            then=[cannot("ben", "VIEW"), can("carla", "DOWNLOAD")],
        ),
        "an unknown user cannot narrow": case(
            given=share_download("anna", "carla", "group:nurses"),
            when=narrow("nobody", "carla", permission="VIEW"),
            outcome=not_found(),
            then=[cannot("ben", "VIEW"), can("carla", "DOWNLOAD")],
        ),
        "an unknown user cannot end a grant": case(
            given=share_download("anna", "carla", "group:nurses"),
            when=end_grant("nobody", "anna", "carla"),
            outcome=refused(reason("NO_SUCH_GRANT", grants=[grant("anna", "carla", "DOWNLOAD")])),
            then=can("carla", "DOWNLOAD"),
        ),
        "an unknown user does not hold even their own exams": case(
            uploads=[upload("cd", exam("ct", owner="nobody"))],
            when=share("nobody", "ben"),
            outcome=not_found(),
            then=[cannot("nobody", "VIEW"), visible_to("nobody")],
        ),
    },
    "NO_SUCH_GRANT carries the groups that give access, as far as the actor may know.": {
        "a group that gives access through a subgroup is named": case(
            given=share("anna", "group:clinic"),
            when=unshare("anna", "dan"),
            outcome=refused(reason("NO_SUCH_GRANT", principals=["group:clinic"])),
        ),
        "every group that gives access is named": case(
            given=share("anna", "group:nurses", "group:clinic"),
            when=unshare("anna", "dan"),
            outcome=refused(reason("NO_SUCH_GRANT", principals=["group:clinic", "group:nurses"])),
        ),
        "a group with hidden members is not named": case(
            unseen_members=[("anna", "group:nurses")],
            given=share("anna", "group:nurses"),
            when=unshare("anna", "dan"),
            outcome=refused("NO_SUCH_GRANT"),
            then=can("dan", "VIEW"),
        ),
        "no group of a hidden user is named": case(
            unseen=[("anna", "user:dan")],
            given=share("anna", "group:nurses"),
            when=unshare("anna", "dan"),
            outcome=refused("NO_SUCH_GRANT"),
            then=can("dan", "VIEW"),
        ),
        "a group is not named for a grant that the actor may not see": case(
            policy={"access_list": "OWN_GRANTS"},
            given=share("anna", "ben", "group:nurses"),
            when=unshare("ben", "dan"),
            outcome=refused("NO_SUCH_GRANT"),
            then=can("dan", "VIEW"),
        ),
        "under OWN_GRANTS, the owner sees the groups that give access": case(
            policy={"access_list": "OWN_GRANTS"},
            given=[share("anna", "ben"), share("ben", "group:nurses")],
            when=unshare("anna", "dan"),
            outcome=refused(reason("NO_SUCH_GRANT", principals=["group:nurses"])),
        ),
    },
    "Receipts and previews name members of a group as far as the actor may know.": {
        "a preview names no hidden member of a group": case(
            unseen_members=[("anna", "group:nurses")],
            then=preview(share("anna", "group:nurses"), gains=[("group:nurses", "VIEW")]),
        ),
        "a preview names no member who is hidden in the directory": case(
            unseen=[("anna", "user:dan")],
            then=preview(
                share("anna", "group:nurses"), gains=[("group:nurses", "VIEW"), ("eva", "VIEW")]
            ),
        ),
        "a receipt names nobody with access through a group with hidden members": case(
            unseen_members=[("anna", "group:nurses")],
            given=share("anna", "dan", "group:nurses"),
            when=unshare("anna", "dan"),
            outcome=ended(grant("anna", "dan")),
            then=can("dan", "VIEW"),
        ),
        "a preview reports a loss although a group with hidden members keeps the access": case(
            unseen_members=[("anna", "group:nurses")],
            given=share("anna", "dan", "group:nurses"),
            then=preview(unshare("anna", "dan"), losses=[("dan", "VIEW")]),
        ),
        "after a group is unshared, visible members who still have access are named": case(
            given=share("anna", "dan", "group:nurses"),
            when=unshare("anna", "group:nurses"),
            outcome=ended(grant("anna", "group:nurses"), still_have_access=["dan"]),
            then=[can("dan", "VIEW"), cannot("eva", "VIEW")],
        ),
        "after a group is unshared, hidden members are not named": case(
            unseen_members=[("anna", "group:nurses")],
            given=share("anna", "dan", "group:nurses"),
            when=unshare("anna", "group:nurses"),
            outcome=ended(grant("anna", "group:nurses")),
            then=[can("dan", "VIEW"), cannot("eva", "VIEW")],
        ),
        "a preview reports a gain if the actor may not know that the member has access": case(
            policy={"access_list": "OWN_GRANTS"},
            given=share("anna", "ben", "dan"),
            then=preview(
                share("ben", "group:nurses"),
                gains=[("group:nurses", "VIEW"), ("dan", "VIEW"), ("eva", "VIEW")],
            ),
        ),
        "a preview leaves out a member whose access the actor may know": case(
            given=share("anna", "ben", "dan"),
            then=preview(
                share("ben", "group:nurses"), gains=[("group:nurses", "VIEW"), ("eva", "VIEW")]
            ),
        ),
    },
    "Receipts and refusals report grants of others as far as the actor may know.": {
        "an actor who sees the access list sees what was left standing": case(
            policy={"access_list": "EVERYONE"},
            given=[share("anna", "ben", "carla"), *passed_on("ben", "carla", "dan")],
            when=unshare("ben", "carla"),
            outcome=ended(
                grant("ben", "carla"),
                left_standing=[grant("carla", "dan")],
                still_have_access=["carla"],
            ),
            then=[can("carla", "VIEW"), can("dan", "VIEW")],
        ),
        "under OWN_GRANTS, an actor does not see what was left standing": case(
            policy={"access_list": "OWN_GRANTS"},
            given=[share("anna", "ben", "carla"), *passed_on("ben", "carla", "dan")],
            when=unshare("ben", "carla"),
            outcome=ended(grant("ben", "carla")),
            then=[can("carla", "VIEW"), can("dan", "VIEW")],
        ),
        "under OWN_GRANTS, the owner sees what was left standing": case(
            policy={"access_list": "OWN_GRANTS"},
            given=[share("anna", "ben"), share("ben", "carla")],
            when=unshare("anna", "ben"),
            outcome=ended(grant("anna", "ben"), left_standing=[grant("ben", "carla")]),
        ),
        "an actor who sees the access list sees everything that a cascade ends": case(
            given=passed_on("anna", "ben", "carla", "dan"),
            when=unshare("ben", "carla", reshares="CASCADE"),
            outcome=ended(grant("ben", "carla"), grant("carla", "dan")),
        ),
        "under OWN_GRANTS, a receipt of a cascade has only the actor's own grants": case(
            policy={"access_list": "OWN_GRANTS"},
            given=passed_on("anna", "ben", "carla", "dan"),
            when=unshare("ben", "carla", reshares="CASCADE"),
            outcome=ended(grant("ben", "carla")),
            then=cannot("dan", "VIEW"),
        ),
        "under OWN_GRANTS, HAS_RESHARES names no grants of others": case(
            policy={"access_list": "OWN_GRANTS"},
            given=passed_on("anna", "ben", "carla", "dan"),
            when=unshare("ben", "carla", reshares="RESTRICT"),
            outcome=refused("HAS_RESHARES"),
            then=[can("carla", "VIEW"), can("dan", "VIEW")],
        ),
    },
    "Without access, an actor sees only the grants that they made.": {
        "an actor who lost access does not see what was left standing": case(
            given=[*LOST, share("anna", "carla")],
            when=unshare("ben", "carla"),
            outcome=ended(grant("ben", "carla")),
            then=[can("carla", "VIEW"), can("dan", "VIEW")],
        ),
        "an actor who lost access sees only their own grants in a cascade": case(
            given=LOST,
            when=unshare("ben", "carla", reshares="CASCADE"),
            outcome=ended(grant("ben", "carla")),
            then=[cannot("carla", "VIEW"), cannot("dan", "VIEW")],
        ),
        "a preview for an actor who lost access has only their own grants": case(
            given=LOST,
            then=preview(unshare("ben", "carla", reshares="CASCADE"), losses=[("carla", "VIEW")]),
        ),
        "an actor who lost access finds no grant after ending their own": case(
            given=[*LOST, unshare("ben", "carla")],
            when=unshare("ben", "carla"),
            outcome=refused("NO_SUCH_GRANT"),
        ),
        "an actor who lost access sees no group, not even for their own grant to it": case(
            given=[*passed_on("anna", "ben", "group:nurses"), unshare("anna", "ben")],
            when=unshare("ben", "dan"),
            outcome=refused("NO_SUCH_GRANT"),
            then=can("dan", "VIEW"),
        ),
        "an actor who lost access cannot end grants of others to the same principal": case(
            given=[*LOST, share("anna", "carla")],
            when=end_grant("ben", "anna", "carla"),
            outcome=refused(reason("NO_SUCH_GRANT", grants=[grant("anna", "carla")])),
            then=can("carla", "VIEW"),
        ),
    },
}
