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

UNSHARED: Final = {
    "a grantor can unshare": case(
        "A grantor may end the grants that they made.",
        given=[share("anna", "ben"), share("ben", "carla")],
        when=unshare("ben", "carla"),
        outcome=ended(grant("ben", "carla")),
        then=[cannot("carla", "VIEW"), can("ben", "VIEW")],
    ),
    "the owner can unshare what others shared": case(
        "The owner may end any grant on the exam.",
        given=[share("anna", "ben"), share("ben", "group:nurses")],
        when=unshare("anna", "group:nurses"),
        outcome=ended(grant("ben", "group:nurses")),
        then=[cannot("dan", "VIEW"), cannot("eva", "VIEW"), can("ben", "VIEW")],
    ),
    "a recipient can give up their access": case(
        "A user may give up a grant made to themselves.",
        given=share("anna", "ben"),
        when=unshare("ben", "ben"),
        outcome=ended(grant("anna", "ben")),
        then=cannot("ben", "VIEW"),
    ),
    "giving up access ends every grant to oneself": case(
        "Unsharing by the principal ends every standing grant to them.",
        given=FROM_TWO,
        when=unshare("carla", "carla"),
        outcome=ended(grant("anna", "carla", "DOWNLOAD"), grant("ben", "carla")),
        then=cannot("carla", "VIEW"),
    ),
    "a member who gives up their own grant keeps what the group has": case(
        "A user may give up a grant made to themselves.",
        given=share("anna", "dan", "group:nurses"),
        when=unshare("dan", "dan"),
        outcome=ended(grant("anna", "dan"), still_have_access=["dan"]),
        then=can("dan", "VIEW"),
    ),
    "unsharing by the owner ends every grant to the principal": case(
        "Unsharing by the owner ends every standing grant to the principal.",
        given=[share("anna", "ben", "carla"), share("ben", "carla")],
        when=unshare("anna", "carla"),
        outcome=ended(grant("anna", "carla"), grant("ben", "carla")),
        then=cannot("carla", "VIEW"),
    ),
    "unsharing by a grantor ends only their own grants": case(
        "Unsharing by anyone else ends their own grants to the principal.",
        given=[share("anna", "ben", "carla"), share("ben", "carla")],
        when=unshare("ben", "carla"),
        outcome=ended(grant("ben", "carla"), still_have_access=["carla"]),
        then=can("carla", "VIEW"),
    ),
    "unsharing ends both of two grants of one grantor": case(
        "Unsharing ends every standing grant of the actor's to the principal.",
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
        "Unsharing names an exam and a principal.",
        given=share("anna", "ben", scope="BATCH"),
        when=unshare("anna", "ben"),
        outcome=ended(grant("anna", "ben")),
        then=[cannot("ben", "VIEW"), can("ben", "VIEW", "mr"), can("ben", "VIEW", "xray")],
    ),
    "unsharing a group leaves a user with the same id alone": case(
        "A user and a group of the same string are two principals.",
        given=[set_group("ben", "carla", name="Ben's team"), share("anna", "ben", "group:ben")],
        when=unshare("anna", "group:ben"),
        outcome=ended(grant("anna", "group:ben")),
        then=[can("ben", "VIEW"), cannot("carla", "VIEW")],
    ),
    "after unsharing, the same share can be made again": case(
        "After unsharing, the same share can be made again.",
        given=[share("anna", "ben"), unshare("anna", "ben")],
        when=share("anna", "ben"),
        outcome=shared(made("ben")),
        then=can("ben", "VIEW"),
    ),
    "a grantor can unshare after losing access": case(
        "A grantor may end the grants that they made, even after losing access.",
        given=[*passed_on("anna", "ben", "carla"), unshare("anna", "ben")],
        when=unshare("ben", "carla"),
        outcome=ended(grant("ben", "carla")),
        then=cannot("carla", "VIEW"),
    ),
    "a grantor can unshare after losing the plan": case(
        "Losing the plan stops new grants. It never stops unsharing.",
        given=[share("anna", "ben"), set_user("anna", sharing_in_plan=False)],
        when=unshare("anna", "ben"),
        outcome=ended(grant("anna", "ben")),
        then=cannot("ben", "VIEW"),
    ),
    "another recipient cannot unshare": case(
        "NOT_GRANTOR_OR_OWNER: anyone else with access is refused.",
        given=share("anna", "ben", "carla"),
        when=unshare("carla", "ben"),
        outcome=refused("NOT_GRANTOR_OR_OWNER"),
        then=can("ben", "VIEW"),
    ),
    "a member cannot end a grant to the group": case(
        "Being in a recipient group gives no right to end its grants.",
        given=share("anna", "group:nurses"),
        when=unshare("dan", "group:nurses"),
        outcome=refused("NOT_GRANTOR_OR_OWNER"),
        then=can("eva", "VIEW"),
    ),
    "a user without access cannot unshare": case(
        "EXAM_NOT_FOUND: the actor has no access and made no grant on the exam.",
        given=share("anna", "ben"),
        when=unshare("carla", "ben"),
        outcome=not_found(),
    ),
    "a grantor without access finds only their own grants": case(
        "NO_SUCH_GRANT: without access, an actor sees only the grants that they made.",
        given=[share("anna", "ben", "dan"), share("ben", "carla"), unshare("anna", "ben")],
        when=unshare("ben", "dan"),
        outcome=refused("NO_SUCH_GRANT"),
        then=can("dan", "VIEW"),
    ),
    "the owner cannot be unshared": case(
        "NO_SUCH_GRANT: there is no grant to end.",
        given=share("anna", "ben"),
        when=unshare("anna", "anna"),
        outcome=refused("NO_SUCH_GRANT"),
        then=can("anna", "DOWNLOAD"),
    ),
    "the owner cannot be unshared through a group of theirs": case(
        "NO_SUCH_GRANT: there is no grant to end.",
        given=[set_group("board", "anna", name="Board"), *passed_on("anna", "ben", "group:board")],
        when=unshare("ben", "anna"),
        outcome=refused("NO_SUCH_GRANT"),
    ),
    "an expired grant cannot be ended": case(
        "NO_SUCH_GRANT: there is no grant to end.",
        given=[share("anna", "ben", until=HOUR), clock(HOUR)],
        when=unshare("anna", "ben"),
        outcome=refused("NO_SUCH_GRANT"),
    ),
    "unsharing a member names the groups that give access": case(
        "NO_SUCH_GRANT carries the groups through which the principal has access.",
        given=share("anna", "group:nurses"),
        when=unshare("anna", "dan"),
        outcome=refused(reason("NO_SUCH_GRANT", principals=["group:nurses"])),
        then=can("dan", "VIEW"),
    ),
    "the receipt names a principal who still has access through a group": case(
        "The receipt reports who still has access.",
        given=share("anna", "dan", "group:nurses"),
        when=unshare("anna", "dan"),
        outcome=ended(grant("anna", "dan"), still_have_access=["dan"]),
        then=can("dan", "VIEW"),
    ),
    "a preview of an unshare reports who would lose and who would keep access": case(
        "A preview reports losses, and who would keep access another way.",
        given=share("anna", "dan", "ben", "group:nurses"),
        then=[
            preview(unshare("anna", "ben"), losses=[("ben", "VIEW")]),
            preview(unshare("anna", "dan"), keeps=[("dan", "VIEW")]),
            can("ben", "VIEW"),
        ],
    ),
    "in a preview, the owner keeps access that their group loses": case(
        "The active owner holds everything.",
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
        "A preview does not raise for a rule: it returns the reasons.",
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
}

ONE_GRANT: Final = {
    "the owner can end one of several grants": case(
        "Unsharing can name one grant.",
        given=[share("anna", "ben", "carla"), share("ben", "carla")],
        when=end_grant("anna", "ben", "carla"),
        outcome=ended(grant("ben", "carla"), still_have_access=["carla"]),
    ),
    "a recipient can end one grant to themselves": case(
        "A user may give up a grant made to themselves.",
        given=share("anna", "ben"),
        when=end_grant("ben", "anna", "ben"),
        outcome=ended(grant("anna", "ben")),
    ),
    "another recipient cannot end a grant by its id": case(
        "NOT_GRANTOR_OR_OWNER: anyone else with access is refused.",
        given=share("anna", "ben", "carla"),
        when=end_grant("carla", "anna", "ben"),
        outcome=refused("NOT_GRANTOR_OR_OWNER"),
    ),
    "a member cannot end a grant to the group by its id": case(
        "Being in a recipient group gives no right to end its grants.",
        given=share("anna", "group:nurses"),
        when=end_grant("dan", "anna", "group:nurses"),
        outcome=refused("NOT_GRANTOR_OR_OWNER"),
        then=can("eva", "VIEW"),
    ),
    "a grant on an exam without access is not found": case(
        "NO_SUCH_GRANT: unknown, on a hidden exam or hidden from the actor is one answer.",
        given=share("anna", "ben"),
        when=end_grant("carla", "anna", "ben"),
        outcome=refused(reason("NO_SUCH_GRANT", grants=[grant("anna", "ben")])),
        then=can("ben", "VIEW"),
    ),
    "an unknown grant is not found": case(
        "NO_SUCH_GRANT: unknown, on a hidden exam or hidden from the actor is one answer.",
        when=end_grant("anna", "anna", "ben"),
        outcome=refused("NO_SUCH_GRANT"),
    ),
    "a grant on an unknown exam is not found": case(
        "NO_SUCH_GRANT: unknown, on a hidden exam or hidden from the actor is one answer.",
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
    "a preview of the end of one grant reports what would be lost and kept": case(
        "A preview reports losses, and who would keep access another way.",
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
}

NARROWED: Final = {
    "narrowing to view removes the Download tab": case(
        "NARROWED: a grant beyond the bound is replaced by one cut to the bound.",
        given=share_download("anna", "ben"),
        when=narrow("anna", "ben", permission="VIEW"),
        outcome=ended(grant("anna", "ben", "DOWNLOAD"), replaced_by=[grant("anna", "ben")]),
        then=[can("ben", "VIEW"), cannot("ben", "DOWNLOAD")],
    ),
    "narrowing to a time ends access at that time": case(
        "A bound is a highest permission, a latest time, or both.",
        given=[share_download("anna", "ben"), narrow("anna", "ben", until=DAY), clock(DAY)],
        then=cannot("ben", "VIEW"),
    ),
    "narrowing to a permission and a time does both": case(
        "A bound is a highest permission, a latest time, or both.",
        given=share_download("anna", "ben"),
        when=narrow("anna", "ben", permission="VIEW", until=DAY),
        outcome=ended(
            grant("anna", "ben", "DOWNLOAD"), replaced_by=[grant("anna", "ben", until=DAY)]
        ),
    ),
    "narrowing to a time keeps the permission until then": case(
        "NARROWED: a grant beyond the bound is replaced by one cut to the bound.",
        given=[share_download("anna", "ben"), narrow("anna", "ben", until=DAY), clock(HOUR)],
        then=can("ben", "DOWNLOAD"),
    ),
    "narrowing to view keeps the time of the grant": case(
        "NARROWED: a grant beyond the bound is replaced by one cut to the bound.",
        given=share_download("anna", "ben", until=DAY),
        when=narrow("anna", "ben", permission="VIEW"),
        outcome=ended(
            grant("anna", "ben", "DOWNLOAD", DAY), replaced_by=[grant("anna", "ben", until=DAY)]
        ),
    ),
    "narrowing leaves grants within the bound alone": case(
        "NARROWED: only grants beyond the bound end.",
        given=FROM_TWO,
        when=narrow("anna", "carla", permission="VIEW"),
        outcome=ended(grant("anna", "carla", "DOWNLOAD"), replaced_by=[grant("anna", "carla")]),
        then=[can("carla", "VIEW"), cannot("carla", "DOWNLOAD")],
    ),
    "narrowing to exactly what is held finds no grant": case(
        "NO_SUCH_GRANT: nothing is beyond the bound.",
        given=share("anna", "ben", until=DAY),
        when=narrow("anna", "ben", permission="VIEW", until=DAY),
        outcome=refused("NO_SUCH_GRANT"),
    ),
    "narrowing never raises": case(
        "NO_SUCH_GRANT: nothing is beyond the bound. Narrowing never raises.",
        given=share("anna", "ben", until=DAY),
        when=narrow("anna", "ben", permission="DOWNLOAD", until=WEEK),
        outcome=refused("NO_SUCH_GRANT"),
        then=cannot("ben", "DOWNLOAD"),
    ),
    "a bound in the past is refused": case(
        "EXPIRY_IN_PAST: the bound lies in the past.",
        given=share_download("anna", "ben"),
        when=narrow("anna", "ben", until=NOW),
        outcome=refused("EXPIRY_IN_PAST"),
        then=can("ben", "DOWNLOAD"),
    ),
    "narrowing without a bound is an error of the caller": case(
        "Narrowing needs a bound.",
        given=share_download("anna", "ben"),
        when=narrow("anna", "ben"),
        outcome=error("InvalidValue"),
        then=can("ben", "DOWNLOAD"),
    ),
    "narrowing a group narrows every member": case(
        "Narrowing names an exam, a principal and a bound.",
        given=share_download("anna", "group:nurses"),
        when=narrow("anna", "group:nurses", permission="VIEW"),
        outcome=ended(
            grant("anna", "group:nurses", "DOWNLOAD"), replaced_by=[grant("anna", "group:nurses")]
        ),
        then=[cannot("dan", "DOWNLOAD"), can("eva", "VIEW")],
    ),
    "after narrowing, the same share can be made again": case(
        "After narrowing, the same share can be made again.",
        given=[share_download("anna", "ben"), narrow("anna", "ben", permission="VIEW")],
        when=share_download("anna", "ben"),
        outcome=shared(made("ben", "WIDENED")),
        then=can("ben", "DOWNLOAD"),
    ),
    "a grantor can narrow what they shared": case(
        "Who may unshare may narrow.",
        given=DOWNLOADS,
        when=narrow("ben", "carla", permission="VIEW"),
        outcome=ended(grant("ben", "carla", "DOWNLOAD"), replaced_by=[grant("ben", "carla")]),
        then=[can("carla", "VIEW"), cannot("carla", "DOWNLOAD")],
    ),
    "the owner can narrow what others shared": case(
        "Who may unshare may narrow.",
        given=DOWNLOADS,
        when=narrow("anna", "carla", permission="VIEW"),
        outcome=ended(grant("ben", "carla", "DOWNLOAD"), replaced_by=[grant("ben", "carla")]),
        then=cannot("carla", "DOWNLOAD"),
    ),
    "a recipient can narrow their own access": case(
        "Who may unshare may narrow.",
        given=FROM_TWO,
        when=narrow("carla", "carla", permission="VIEW"),
        outcome=ended(grant("anna", "carla", "DOWNLOAD"), replaced_by=[grant("anna", "carla")]),
        then=[can("carla", "VIEW"), cannot("carla", "DOWNLOAD")],
    ),
    "a grantor can narrow after losing access": case(
        "A grantor may end the grants that they made, even after losing access.",
        given=[*DOWNLOADS, unshare("anna", "ben")],
        when=narrow("ben", "carla", permission="VIEW"),
        outcome=ended(grant("ben", "carla", "DOWNLOAD"), replaced_by=[grant("ben", "carla")]),
        then=cannot("carla", "DOWNLOAD"),
    ),
    "another recipient cannot narrow": case(
        "NOT_GRANTOR_OR_OWNER: who may unshare may narrow.",
        given=[share_download("anna", "ben"), share("anna", "carla")],
        when=narrow("carla", "ben", permission="VIEW"),
        outcome=refused("NOT_GRANTOR_OR_OWNER"),
    ),
    "a grantor cannot narrow grants of others to the same principal": case(
        "NO_SUCH_GRANT: none of the actor's own grants is beyond the bound.",
        given=FROM_TWO,
        when=narrow("ben", "carla", permission="VIEW"),
        outcome=refused("NO_SUCH_GRANT"),
        then=can("carla", "DOWNLOAD"),
    ),
    "the receipt names a principal who holds more than the bound another way": case(
        "The receipt of a narrowing reports who still holds more than the bound.",
        given=share_download("anna", "dan", "group:nurses"),
        when=narrow("anna", "dan", permission="VIEW"),
        outcome=ended(
            grant("anna", "dan", "DOWNLOAD"),
            replaced_by=[grant("anna", "dan")],
            still_have_access=["dan"],
        ),
        then=can("dan", "DOWNLOAD"),
    ),
    "a preview of a narrowing reports losses and changes nothing": case(
        "A preview reports what the act would do and changes nothing.",
        given=share_download("anna", "ben"),
        then=[
            preview(narrow("anna", "ben", permission="VIEW"), losses=[("ben", "DOWNLOAD")]),
            can("ben", "DOWNLOAD"),
        ],
    ),
    "a preview of narrowing to a time reports both permissions as lost": case(
        "A preview reports what the act would do.",
        given=share_download("anna", "ben"),
        then=preview(
            narrow("anna", "ben", until=DAY), losses=[("ben", "DOWNLOAD"), ("ben", "VIEW")]
        ),
    ),
    "a preview of a narrowing reports who would hold more than the bound another way": case(
        "A preview reports who would keep access another way.",
        given=share_download("anna", "dan", "group:nurses"),
        then=preview(narrow("anna", "dan", permission="VIEW"), keeps=[("dan", "DOWNLOAD")]),
    ),
}

BY_HOST: Final = {
    "the host can end all grants to a principal": case(
        "The host may end a principal's grants on one exam or everywhere.",
        given=[share("anna", "ben", "carla"), share("anna", "ben", exam="mr")],
        when=host_ends("ben"),
        outcome=ended(grant("anna", "ben"), grant("anna", "ben", exam="mr")),
        then=[cannot("ben", "VIEW"), cannot("ben", "VIEW", "mr"), can("carla", "VIEW")],
    ),
    "the host can end the grants to a principal on one exam": case(
        "The host may end a principal's grants on one exam or everywhere.",
        given=[share("anna", "ben"), share("anna", "ben", exam="mr"), share("ben", "carla")],
        when=host_ends("ben", "ct"),
        outcome=ended(grant("anna", "ben"), left_standing=[grant("ben", "carla")]),
        then=[cannot("ben", "VIEW"), can("ben", "VIEW", "mr"), can("carla", "VIEW")],
    ),
    "the host can end the grants to a group": case(
        "The host may end a principal's grants on one exam or everywhere.",
        given=share("anna", "group:nurses", "dan"),
        when=host_ends("group:nurses"),
        outcome=ended(grant("anna", "group:nurses")),
        then=[cannot("eva", "VIEW"), can("dan", "VIEW")],
    ),
    "the host can end grants where there are none": case(
        "The host may end a principal's grants on one exam or everywhere.",
        when=host_ends("ben"),
        outcome=ended(),
    ),
    "the host cannot end grants on an unknown exam": case(
        "EXAM_NOT_FOUND: there is no such exam.",
        given=[share("anna", "ben"), share("anna", "ben", exam="mr")],
        when=host_ends("ben", "no-exam"),
        outcome=not_found("no-exam"),
        then=can("ben", "VIEW", "mr"),
    ),
    "ending by the host on a withdrawn exam ends nothing": case(
        "The host may end grants on every exam of which sharing is kept.",
        given=[share("anna", "ben"), share("anna", "ben", exam="mr"), withdraw("ct")],
        when=host_ends("ben", "ct"),
        outcome=ended(),
        then=can("ben", "VIEW", "mr"),
    ),
    "ending by the host everywhere skips withdrawn exams": case(
        "The grants of a withdrawn exam have ended.",
        given=[share("anna", "ben"), share("anna", "ben", exam="mr"), withdraw("ct")],
        when=host_ends("ben"),
        outcome=ended(grant("anna", "ben", exam="mr")),
    ),
    "the host cannot withdraw an unknown exam": case(
        "EXAM_NOT_FOUND: there is no such exam.",
        given=[share("anna", "ben"), share("anna", "ben", exam="mr")],
        when=withdraw("no-exam"),
        outcome=not_found("no-exam"),
    ),
    "withdrawing an exam again does nothing": case(
        "Withdrawing a withdrawn exam does nothing.",
        given=[share("anna", "ben"), share("anna", "ben", exam="mr"), withdraw("ct")],
        when=withdraw("ct"),
        outcome=ended(),
    ),
    "a withdrawn exam is not found": case(
        "WITHDRAWN: all grants on the exam end, and it is no longer found.",
        given=share("anna", "ben"),
        when=withdraw("ct"),
        outcome=ended(grant("anna", "ben")),
        then=[cannot("ben", "VIEW"), cannot("anna", "VIEW"), can("anna", "VIEW", "mr")],
    ),
    "a withdrawn exam is not found by its owner": case(
        "WITHDRAWN: all grants on the exam end, and it is no longer found.",
        given=WITHDRAWN,
        when=share("anna", "ben"),
        outcome=not_found(),
        then=[*nothing_shown("anna"), *nothing_previewed("anna")],
    ),
    "a withdrawn exam cannot be unshared": case(
        "WITHDRAWN: all grants on the exam end, and it is no longer found.",
        given=WITHDRAWN,
        when=unshare("anna", "ben"),
        outcome=not_found(),
    ),
    "a grantor finds no grant to end on a withdrawn exam": case(
        "WITHDRAWN: all grants on the exam end, and it is no longer found.",
        given=WITHDRAWN,
        when=unshare("ben", "carla"),
        outcome=not_found(),
        then=nothing_shown("ben"),
    ),
    "a withdrawn exam is on no list": case(
        "WITHDRAWN: all grants on the exam end, and it is no longer found.",
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
        "WITHDRAWN: all grants on the exam end, and it is no longer found.",
        given=WITHDRAWN,
        then=[
            form("anna", "mr", "xray", download=True),
            preview(
                share("anna", "eva", exam="mr", scope="BATCH"),
                gains=[("eva", "VIEW", "mr"), ("eva", "VIEW", "xray")],
            ),
        ],
    ),
}

CASES: Final = {**UNSHARED, **ONE_GRANT, **NARROWED, **BY_HOST}
