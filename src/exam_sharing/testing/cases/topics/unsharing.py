"""Unsharing, ending one grant, narrowing, and ends by the host.

Specification: `#unsharing-and-narrowing`, `#by-the-host`.
"""

from typing import Final

from exam_sharing.testing.cases.builders import (
    DAY,
    HOUR,
    NOW,
    WEEK,
    can,
    cannot,
    case,
    clock,
    end_grant,
    ended,
    error,
    form,
    grant,
    host_ends,
    made,
    narrow,
    not_found,
    nothing_previewed,
    nothing_shown,
    passed_on,
    preview,
    reason,
    refused,
    set_group,
    set_user,
    share,
    share_download,
    shared,
    shared_with,
    unshare,
    visible_to,
    withdraw,
)

__all__ = ["CASES"]

FROM_TWO: Final = [share("anna", "ben"), share_download("anna", "carla"), share("ben", "carla")]
"""Carla has download from Anna, and view from Ben."""
DOWNLOADS: Final = [share_download("anna", "ben"), share_download("ben", "carla")]
WITHDRAWN: Final = [
    share("anna", "ben", "group:nurses"),
    share("ben", "carla"),
    share("anna", "ben", exam="mr"),
    withdraw("ct"),
]

CASES: Final = {
    "A grantor may end the grants that they made, even without access or the plan.": {
        "a grantor can unshare": case(
            given=[share("anna", "ben"), share("ben", "carla")],
            when=unshare("ben", "carla"),
            outcome=ended(grant("ben", "carla")),
            then=[cannot("carla", "VIEW"), can("ben", "VIEW")],
        ),
        "a grantor can unshare after losing access": case(
            given=[*passed_on("anna", "ben", "carla"), unshare("anna", "ben")],
            when=unshare("ben", "carla"),
            outcome=ended(grant("ben", "carla")),
            then=cannot("carla", "VIEW"),
        ),
        "a grantor can unshare after losing the plan": case(
            given=[share("anna", "ben"), set_user("anna", sharing_in_plan=False)],
            when=unshare("anna", "ben"),
            outcome=ended(grant("anna", "ben")),
            then=cannot("ben", "VIEW"),
        ),
        "a grantor can narrow after losing access": case(
            given=[*DOWNLOADS, unshare("anna", "ben")],
            when=narrow("ben", "carla", permission="VIEW"),
            outcome=ended(grant("ben", "carla", "DOWNLOAD"), replaced_by=[grant("ben", "carla")]),
            then=cannot("carla", "DOWNLOAD"),
        ),
    },
    "The owner may end any grant on the exam.": {
        "the owner can unshare what others shared": case(
            given=[share("anna", "ben"), share("ben", "group:nurses")],
            when=unshare("anna", "group:nurses"),
            outcome=ended(grant("ben", "group:nurses")),
            then=[cannot("dan", "VIEW"), cannot("eva", "VIEW"), can("ben", "VIEW")],
        ),
        "unsharing by the owner ends every grant to the principal": case(
            given=[share("anna", "ben", "carla"), share("ben", "carla")],
            when=unshare("anna", "carla"),
            outcome=ended(grant("anna", "carla"), grant("ben", "carla")),
            then=cannot("carla", "VIEW"),
        ),
    },
    "A user may give up grants made to themselves, but not those made to their groups.": {
        "a recipient can give up their access": case(
            given=share("anna", "ben"),
            when=unshare("ben", "ben"),
            outcome=ended(grant("anna", "ben")),
            then=cannot("ben", "VIEW"),
        ),
        "giving up access ends every grant to oneself": case(
            given=FROM_TWO,
            when=unshare("carla", "carla"),
            outcome=ended(grant("anna", "carla", "DOWNLOAD"), grant("ben", "carla")),
            then=cannot("carla", "VIEW"),
        ),
        "a member who gives up their own grant keeps what the group has": case(
            given=share("anna", "dan", "group:nurses"),
            when=unshare("dan", "dan"),
            outcome=ended(grant("anna", "dan"), still_have_access=["dan"]),
            then=can("dan", "VIEW"),
        ),
        "a member cannot end a grant to the group": case(
            given=share("anna", "group:nurses"),
            when=unshare("dan", "group:nurses"),
            outcome=refused("NOT_GRANTOR_OR_OWNER"),
            then=can("eva", "VIEW"),
        ),
        "a recipient can end one grant to themselves": case(
            given=share("anna", "ben"),
            when=end_grant("ben", "anna", "ben"),
            outcome=ended(grant("anna", "ben")),
        ),
        "a member cannot end a grant to the group by its id": case(
            given=share("anna", "group:nurses"),
            when=end_grant("dan", "anna", "group:nurses"),
            outcome=refused("NOT_GRANTOR_OR_OWNER"),
            then=can("eva", "VIEW"),
        ),
    },
    "Unsharing names an exam and a principal, and ends the grants that the actor may end.": {
        "unsharing by a grantor ends only their own grants": case(
            given=[share("anna", "ben", "carla"), share("ben", "carla")],
            when=unshare("ben", "carla"),
            outcome=ended(grant("ben", "carla"), still_have_access=["carla"]),
            then=can("carla", "VIEW"),
        ),
        "unsharing ends both of two grants of one grantor": case(
            given=[
                share("anna", "ben"),
                share("ben", "carla", until=DAY),
                share("ben", "carla", until=WEEK),
            ],
            when=unshare("ben", "carla"),
            outcome=ended(grant("ben", "carla", until=DAY), grant("ben", "carla", until=WEEK)),
            then=cannot("carla", "VIEW"),
        ),
        "unsharing one exam ends nothing on the rest of the batch": case(
            given=share("anna", "ben", scope="BATCH"),
            when=unshare("anna", "ben"),
            outcome=ended(grant("anna", "ben")),
            then=[cannot("ben", "VIEW"), can("ben", "VIEW", "mr"), can("ben", "VIEW", "xray")],
        ),
        "unsharing a group leaves a user with the same id alone": case(
            given=[set_group("ben", "carla", name="Ben's team"), share("anna", "ben", "group:ben")],
            when=unshare("anna", "group:ben"),
            outcome=ended(grant("anna", "group:ben")),
            then=[can("ben", "VIEW"), cannot("carla", "VIEW")],
        ),
        "after unsharing, the same share can be made again": case(
            given=[share("anna", "ben"), unshare("anna", "ben")],
            when=share("anna", "ben"),
            outcome=shared(made("ben")),
            then=can("ben", "VIEW"),
        ),
    },
    "NOT_GRANTOR_OR_OWNER: anyone else with access is refused.": {
        "another recipient cannot unshare": case(
            given=share("anna", "ben", "carla"),
            when=unshare("carla", "ben"),
            outcome=refused("NOT_GRANTOR_OR_OWNER"),
            then=can("ben", "VIEW"),
        ),
        "another recipient cannot end a grant by its id": case(
            given=share("anna", "ben", "carla"),
            when=end_grant("carla", "anna", "ben"),
            outcome=refused("NOT_GRANTOR_OR_OWNER"),
        ),
        "another recipient cannot narrow": case(
            given=[share_download("anna", "ben"), share("anna", "carla")],
            when=narrow("carla", "ben", permission="VIEW"),
            outcome=refused("NOT_GRANTOR_OR_OWNER"),
        ),
    },
    "Without access, an actor finds only the grants that they made.": {
        "a user without access cannot unshare": case(
            given=share("anna", "ben"), when=unshare("carla", "ben"), outcome=not_found()
        ),
        "a grantor without access finds only their own grants": case(
            given=[share("anna", "ben", "dan"), share("ben", "carla"), unshare("anna", "ben")],
            when=unshare("ben", "dan"),
            outcome=refused("NO_SUCH_GRANT"),
            then=can("dan", "VIEW"),
        ),
    },
    "NO_SUCH_GRANT: there is no grant to end. It carries the groups that give access.": {
        "the owner cannot be unshared": case(
            given=share("anna", "ben"),
            when=unshare("anna", "anna"),
            outcome=refused("NO_SUCH_GRANT"),
            then=can("anna", "DOWNLOAD"),
        ),
        "the owner cannot be unshared through a group of theirs": case(
            given=[
                set_group("board", "anna", name="Board"),
                *passed_on("anna", "ben", "group:board"),
            ],
            when=unshare("ben", "anna"),
            outcome=refused("NO_SUCH_GRANT"),
        ),
        "an expired grant cannot be ended": case(
            given=[share("anna", "ben", until=HOUR), clock(HOUR)],
            when=unshare("anna", "ben"),
            outcome=refused("NO_SUCH_GRANT"),
        ),
        "unsharing a member names the groups that give access": case(
            given=share("anna", "group:nurses"),
            when=unshare("anna", "dan"),
            outcome=refused(reason("NO_SUCH_GRANT", principals=["group:nurses"])),
            then=can("dan", "VIEW"),
        ),
    },
    "Unsharing can name one grant. Unknown and hidden grants are one answer.": {
        "the owner can end one of several grants": case(
            given=[share("anna", "ben", "carla"), share("ben", "carla")],
            when=end_grant("anna", "ben", "carla"),
            outcome=ended(grant("ben", "carla"), still_have_access=["carla"]),
        ),
        "a grant on an exam without access is not found": case(
            given=share("anna", "ben"),
            when=end_grant("carla", "anna", "ben"),
            outcome=refused(reason("NO_SUCH_GRANT", grants=[grant("anna", "ben")])),
            then=can("ben", "VIEW"),
        ),
        "an unknown grant is not found": case(
            when=end_grant("anna", "anna", "ben"), outcome=refused("NO_SUCH_GRANT")
        ),
        "a grant on an unknown exam is not found": case(
            given=share_download("anna", "carla"),
            when=end_grant("ben", "anna", "carla", "no-exam"),
            outcome=refused("NO_SUCH_GRANT"),
            then=[
                preview(end_grant("ben", "anna", "carla", "no-exam"), reasons=["NO_SUCH_GRANT"]),
                preview(
                    end_grant("ben", "anna", "carla"),
                    reasons=[reason("NO_SUCH_GRANT", grants=[grant("anna", "carla", "DOWNLOAD")])],
                ),
            ],
        ),
    },
    "The receipt reports who still has access, or still holds more than the bound.": {
        "the receipt names a principal who still has access through a group": case(
            given=share("anna", "dan", "group:nurses"),
            when=unshare("anna", "dan"),
            outcome=ended(grant("anna", "dan"), still_have_access=["dan"]),
            then=can("dan", "VIEW"),
        ),
        "the receipt names a principal who holds more than the bound another way": case(
            given=share_download("anna", "dan", "group:nurses"),
            when=narrow("anna", "dan", permission="VIEW"),
            outcome=ended(
                grant("anna", "dan", "DOWNLOAD"),
                replaced_by=[grant("anna", "dan")],
                still_have_access=["dan"],
            ),
            then=can("dan", "DOWNLOAD"),
        ),
    },
    "A preview reports the reasons or the losses, and who would keep access another way.": {
        "a preview of an unshare reports who would lose and who would keep access": case(
            given=share("anna", "dan", "ben", "group:nurses"),
            then=[
                preview(unshare("anna", "ben"), losses=[("ben", "VIEW")]),
                preview(unshare("anna", "dan"), keeps=[("dan", "VIEW")]),
                can("ben", "VIEW"),
            ],
        ),
        "in a preview, the owner keeps access that their group loses": case(
            given=[
                set_group("board", "anna", "carla", name="Board"),
                *passed_on("anna", "ben", "group:board"),
            ],
            then=preview(
                unshare("ben", "group:board"),
                losses=[("group:board", "VIEW"), ("carla", "VIEW")],
                keeps=[("anna", "VIEW")],
            ),
        ),
        "a preview of a refused end reports the reasons": case(
            given=share("anna", "ben", "carla", "group:nurses"),
            then=[
                preview(unshare("carla", "ben"), reasons=["NOT_GRANTOR_OR_OWNER"]),
                preview(
                    unshare("anna", "dan"),
                    reasons=[reason("NO_SUCH_GRANT", principals=["group:nurses"])],
                ),
                preview(narrow("anna", "ben", permission="VIEW"), reasons=["NO_SUCH_GRANT"]),
            ],
        ),
        "a preview of the end of one grant reports what would be lost and kept": case(
            given=FROM_TWO,
            then=[
                preview(
                    end_grant("anna", "anna", "carla"),
                    losses=[("carla", "DOWNLOAD")],
                    keeps=[("carla", "VIEW")],
                ),
                can("carla", "DOWNLOAD"),
            ],
        ),
        "a preview of a narrowing reports losses and changes nothing": case(
            given=share_download("anna", "ben"),
            then=[
                preview(narrow("anna", "ben", permission="VIEW"), losses=[("ben", "DOWNLOAD")]),
                can("ben", "DOWNLOAD"),
            ],
        ),
        "a preview of narrowing to a time reports both permissions as lost": case(
            given=share_download("anna", "ben"),
            then=preview(
                narrow("anna", "ben", until=DAY), losses=[("ben", "DOWNLOAD"), ("ben", "VIEW")]
            ),
        ),
        "a preview of a narrowing reports who would hold more than the bound another way": case(
            given=share_download("anna", "dan", "group:nurses"),
            then=preview(narrow("anna", "dan", permission="VIEW"), keeps=[("dan", "DOWNLOAD")]),
        ),
    },
    "NARROWED: a grant beyond the bound is replaced by one cut to the bound.": {
        "narrowing to view removes the Download tab": case(
            given=share_download("anna", "ben"),
            when=narrow("anna", "ben", permission="VIEW"),
            outcome=ended(grant("anna", "ben", "DOWNLOAD"), replaced_by=[grant("anna", "ben")]),
            then=[can("ben", "VIEW"), cannot("ben", "DOWNLOAD")],
        ),
        "narrowing to a time ends access at that time": case(
            given=[share_download("anna", "ben"), narrow("anna", "ben", until=DAY), clock(DAY)],
            then=cannot("ben", "VIEW"),
        ),
        "narrowing to a permission and a time does both": case(
            given=share_download("anna", "ben"),
            when=narrow("anna", "ben", permission="VIEW", until=DAY),
            outcome=ended(
                grant("anna", "ben", "DOWNLOAD"), replaced_by=[grant("anna", "ben", until=DAY)]
            ),
        ),
        "narrowing to a time keeps the permission until then": case(
            given=[share_download("anna", "ben"), narrow("anna", "ben", until=DAY), clock(HOUR)],
            then=can("ben", "DOWNLOAD"),
        ),
        "narrowing to view keeps the time of the grant": case(
            given=share_download("anna", "ben", until=DAY),
            when=narrow("anna", "ben", permission="VIEW"),
            outcome=ended(
                grant("anna", "ben", "DOWNLOAD", DAY), replaced_by=[grant("anna", "ben", until=DAY)]
            ),
        ),
        "narrowing leaves grants within the bound alone": case(
            given=FROM_TWO,
            when=narrow("anna", "carla", permission="VIEW"),
            outcome=ended(grant("anna", "carla", "DOWNLOAD"), replaced_by=[grant("anna", "carla")]),
            then=[can("carla", "VIEW"), cannot("carla", "DOWNLOAD")],
        ),
        "narrowing a group narrows every member": case(
            given=share_download("anna", "group:nurses"),
            when=narrow("anna", "group:nurses", permission="VIEW"),
            outcome=ended(
                grant("anna", "group:nurses", "DOWNLOAD"),
                replaced_by=[grant("anna", "group:nurses")],
            ),
            then=[cannot("dan", "DOWNLOAD"), can("eva", "VIEW")],
        ),
        "after narrowing, the same share can be made again": case(
            given=[share_download("anna", "ben"), narrow("anna", "ben", permission="VIEW")],
            when=share_download("anna", "ben"),
            outcome=shared(made("ben", "WIDENED")),
            then=can("ben", "DOWNLOAD"),
        ),
    },
    "NO_SUCH_GRANT: no grant that the actor may end is beyond the bound.": {
        "narrowing to exactly what is held finds no grant": case(
            given=share("anna", "ben", until=DAY),
            when=narrow("anna", "ben", permission="VIEW", until=DAY),
            outcome=refused("NO_SUCH_GRANT"),
        ),
        "narrowing never raises": case(
            given=share("anna", "ben", until=DAY),
            when=narrow("anna", "ben", permission="DOWNLOAD", until=WEEK),
            outcome=refused("NO_SUCH_GRANT"),
            then=cannot("ben", "DOWNLOAD"),
        ),
        "a grantor cannot narrow grants of others to the same principal": case(
            given=FROM_TWO,
            when=narrow("ben", "carla", permission="VIEW"),
            outcome=refused("NO_SUCH_GRANT"),
            then=can("carla", "DOWNLOAD"),
        ),
    },
    "A bound is a permission, a time in the future, or both.": {
        "a bound in the past is refused": case(
            given=share_download("anna", "ben"),
            when=narrow("anna", "ben", until=NOW),
            outcome=refused("EXPIRY_IN_PAST"),
            then=can("ben", "DOWNLOAD"),
        ),
        "narrowing without a bound is an error of the caller": case(
            given=share_download("anna", "ben"),
            when=narrow("anna", "ben"),
            outcome=error("InvalidValue"),
            then=can("ben", "DOWNLOAD"),
        ),
    },
    "Who may unshare may narrow.": {
        "a grantor can narrow what they shared": case(
            given=DOWNLOADS,
            when=narrow("ben", "carla", permission="VIEW"),
            outcome=ended(grant("ben", "carla", "DOWNLOAD"), replaced_by=[grant("ben", "carla")]),
            then=[can("carla", "VIEW"), cannot("carla", "DOWNLOAD")],
        ),
        "the owner can narrow what others shared": case(
            given=DOWNLOADS,
            when=narrow("anna", "carla", permission="VIEW"),
            outcome=ended(grant("ben", "carla", "DOWNLOAD"), replaced_by=[grant("ben", "carla")]),
            then=cannot("carla", "DOWNLOAD"),
        ),
        "a recipient can narrow their own access": case(
            given=FROM_TWO,
            when=narrow("carla", "carla", permission="VIEW"),
            outcome=ended(grant("anna", "carla", "DOWNLOAD"), replaced_by=[grant("anna", "carla")]),
            then=[can("carla", "VIEW"), cannot("carla", "DOWNLOAD")],
        ),
    },
    "The host may end a principal's grants on one exam or everywhere.": {
        "the host can end all grants to a principal": case(
            given=[share("anna", "ben", "carla"), share("anna", "ben", exam="mr")],
            when=host_ends("ben"),
            outcome=ended(grant("anna", "ben"), grant("anna", "ben", exam="mr")),
            then=[cannot("ben", "VIEW"), cannot("ben", "VIEW", "mr"), can("carla", "VIEW")],
        ),
        "the host can end the grants to a principal on one exam": case(
            given=[share("anna", "ben"), share("anna", "ben", exam="mr"), share("ben", "carla")],
            when=host_ends("ben", "ct"),
            outcome=ended(grant("anna", "ben"), left_standing=[grant("ben", "carla")]),
            then=[cannot("ben", "VIEW"), can("ben", "VIEW", "mr"), can("carla", "VIEW")],
        ),
        "the host can end the grants to a group": case(
            given=share("anna", "group:nurses", "dan"),
            when=host_ends("group:nurses"),
            outcome=ended(grant("anna", "group:nurses")),
            then=[cannot("eva", "VIEW"), can("dan", "VIEW")],
        ),
        "the host can end grants where there are none": case(
            when=host_ends("ben"), outcome=ended()
        ),
        "the host cannot end grants on an unknown exam": case(
            given=[share("anna", "ben"), share("anna", "ben", exam="mr")],
            when=host_ends("ben", "no-exam"),
            outcome=not_found("no-exam"),
            then=can("ben", "VIEW", "mr"),
        ),
        "ending by the host on a withdrawn exam ends nothing": case(
            given=[share("anna", "ben"), share("anna", "ben", exam="mr"), withdraw("ct")],
            when=host_ends("ben", "ct"),
            outcome=ended(),
            then=can("ben", "VIEW", "mr"),
        ),
        "the host cannot withdraw an unknown exam": case(
            given=[share("anna", "ben"), share("anna", "ben", exam="mr")],
            when=withdraw("no-exam"),
            outcome=not_found("no-exam"),
        ),
    },
    "WITHDRAWN: all grants on the exam end, and it is no longer found.": {
        "ending by the host everywhere skips withdrawn exams": case(
            given=[share("anna", "ben"), share("anna", "ben", exam="mr"), withdraw("ct")],
            when=host_ends("ben"),
            outcome=ended(grant("anna", "ben", exam="mr")),
        ),
        "withdrawing an exam again does nothing": case(
            given=[share("anna", "ben"), share("anna", "ben", exam="mr"), withdraw("ct")],
            when=withdraw("ct"),
            outcome=ended(),
        ),
        "a withdrawn exam is not found": case(
            given=share("anna", "ben"),
            when=withdraw("ct"),
            outcome=ended(grant("anna", "ben")),
            then=[cannot("ben", "VIEW"), cannot("anna", "VIEW"), can("anna", "VIEW", "mr")],
        ),
        "a withdrawn exam is not found by its owner": case(
            given=WITHDRAWN,
            when=share("anna", "ben"),
            outcome=not_found(),
            then=[*nothing_shown("anna"), *nothing_previewed("anna")],
        ),
        "a withdrawn exam cannot be unshared": case(
            given=WITHDRAWN, when=unshare("anna", "ben"), outcome=not_found()
        ),
        "a grantor finds no grant to end on a withdrawn exam": case(
            given=WITHDRAWN,
            when=unshare("ben", "carla"),
            outcome=not_found(),
            then=nothing_shown("ben"),
        ),
        "a withdrawn exam is on no list": case(
            given=WITHDRAWN,
            then=[
                visible_to("anna", ("mr", "DOWNLOAD"), ("xray", "DOWNLOAD")),
                shared_with("ben", ("mr", "VIEW")),
                visible_to("ben", ("mr", "VIEW")),
                shared_with("carla"),
                visible_to("dan"),
            ],
        ),
        "a withdrawn exam is not part of its batch": case(
            given=WITHDRAWN,
            then=[
                form("anna", "mr", "xray", download=True),
                preview(
                    share("anna", "eva", exam="mr", scope="BATCH"),
                    gains=[("eva", "VIEW", "mr"), ("eva", "VIEW", "xray")],
                ),
            ],
        ),
    },
}
