"""Unsharing, narrowing, and ending one grant: who may, and what comes of it."""

from exam_sharing.testing.cases.schema import Case
from exam_sharing.testing.cases.table.phrases import (
    DAY,
    HOUR,
    NOW,
    WEEK,
    case,
    clock,
    end_grant,
    ended,
    grant,
    host_ends,
    made,
    narrow,
    no,
    portal,
    preview,
    reason,
    refused,
    share,
    shared,
    unshare,
    user,
    withdraw,
    yes,
)

__all__ = ["ending"]


def ending() -> list[Case]:
    """Return cases of grants that end, and of grants that do not."""
    return [*_unsharing(), *_one_grant(), *_narrowing(), *_by_host()]


def _unsharing() -> list[Case]:
    return [
        case(
            "others than grantor and owner may not unshare",
            "Anyone else with access is refused with NOT_GRANTOR_OR_OWNER.",
            portal(share("anna", "ct", "user:ben", "user:carla")),
            when=unshare("carla", "ct", "user:ben"),
            outcome=refused("NOT_GRANTOR_OR_OWNER"),
            then=[yes("ben", "VIEW", "ct")],
        ),
        case(
            "without access there is nothing to unshare",
            "Someone without access and without a grant of their own making gets EXAM_NOT_FOUND.",
            portal(share("anna", "ct", "user:ben")),
            when=unshare("carla", "ct", "user:ben"),
            outcome=refused(reason("EXAM_NOT_FOUND", exams=["ct"])),
        ),
        case(
            "a grantor ends only what they made",
            "By anyone else than the owner or the principal, it ends their own grants to it.",
            portal(share("anna", "ct", "user:ben", "user:carla"), share("ben", "ct", "user:carla")),
            when=unshare("ben", "ct", "user:carla"),
            outcome=ended(grant("ct", "ben", "user:carla"), still_have_access=["user:carla"]),
            then=[yes("carla", "VIEW", "ct")],
        ),
        case(
            "the owner ends every grant to a principal",
            "By the owner, it ends every standing grant to that principal.",
            portal(share("anna", "ct", "user:ben", "user:carla"), share("ben", "ct", "user:carla")),
            when=unshare("anna", "ct", "user:carla"),
            outcome=ended(grant("ct", "anna", "user:carla"), grant("ct", "ben", "user:carla")),
            then=[no("carla", "VIEW", "ct")],
        ),
        case(
            "a user may give up what was shared with them",
            "A user may give up a grant made to themselves.",
            portal(share("anna", "ct", "user:ben")),
            when=unshare("ben", "ct", "user:ben"),
            outcome=ended(grant("ct", "anna", "user:ben")),
            then=[no("ben", "VIEW", "ct")],
        ),
        case(
            "a member may not end a grant for a whole group",
            "Being in a recipient group gives no right to end a grant for its others.",
            portal(share("anna", "ct", "group:nurses")),
            when=unshare("dan", "ct", "group:nurses"),
            outcome=refused("NOT_GRANTOR_OR_OWNER"),
            then=[yes("eva", "VIEW", "ct")],
        ),
        case(
            "a grantor may unshare after losing their own access",
            "A grantor may end the grants that they made, even after losing their own access.",
            portal(
                share("anna", "ct", "user:ben"),
                share("ben", "ct", "user:carla"),
                unshare("anna", "ct", "user:ben"),
            ),
            when=unshare("ben", "ct", "user:carla"),
            outcome=ended(grant("ct", "ben", "user:carla")),
            then=[no("carla", "VIEW", "ct")],
        ),
        case(
            "a grantor may unshare after losing their plan",
            "Losing the plan stops new grants. It never stops unsharing.",
            portal(
                share("anna", "ct", "user:ben"),
                {"act": "user", **user("anna", sharing_in_plan=False)},
            ),
            when=unshare("anna", "ct", "user:ben"),
            outcome=ended(grant("ct", "anna", "user:ben")),
            then=[no("ben", "VIEW", "ct")],
        ),
        case(
            "without access one knows of nothing but one's own grants",
            "Someone without access who did make grants: anything but their own is NO_SUCH_GRANT.",
            portal(
                share("anna", "ct", "user:ben", "user:dan"),
                share("ben", "ct", "user:carla"),
                unshare("anna", "ct", "user:ben"),
            ),
            when=unshare("ben", "ct", "user:dan"),
            outcome=refused("NO_SUCH_GRANT"),
            then=[yes("dan", "VIEW", "ct")],
        ),
        case(
            "where there is nothing to end the groups are told that give access",
            "NO_SUCH_GRANT, with the groups through which the principal has access.",
            portal(share("anna", "ct", "group:nurses")),
            when=unshare("anna", "ct", "user:dan"),
            outcome=refused(reason("NO_SUCH_GRANT", principals=["group:nurses"])),
            then=[yes("dan", "VIEW", "ct")],
        ),
        case(
            "who has access through a group still has it",
            "The receipt says who still has access.",
            portal(share("anna", "ct", "user:dan", "group:nurses")),
            when=unshare("anna", "ct", "user:dan"),
            outcome=ended(grant("ct", "anna", "user:dan"), still_have_access=["user:dan"]),
            then=[yes("dan", "VIEW", "ct")],
        ),
        case(
            "what has expired cannot be ended any more",
            "Where there is none to end: NO_SUCH_GRANT.",
            portal(share("anna", "ct", "user:ben", until=HOUR), clock(HOUR)),
            when=unshare("anna", "ct", "user:ben"),
            outcome=refused("NO_SUCH_GRANT"),
        ),
        case(
            "after unsharing the same share can be made again",
            "Afterwards the same share can be made again.",
            portal(share("anna", "ct", "user:ben"), unshare("anna", "ct", "user:ben")),
            when=share("anna", "ct", "user:ben"),
            outcome=shared(made("ct", "user:ben")),
            then=[yes("ben", "VIEW", "ct")],
        ),
        case(
            "a preview of an unshare says who would lose and who would keep access",
            "Who would gain or lose what, and who would keep access by another path.",
            portal(share("anna", "ct", "user:dan", "user:ben", "group:nurses")),
            then=[
                preview(unshare("anna", "ct", "user:ben"), losses=[("user:ben", "ct", "VIEW")]),
                preview(unshare("anna", "ct", "user:dan"), keeps=[("user:dan", "ct", "VIEW")]),
                yes("ben", "VIEW", "ct"),
            ],
        ),
    ]


def _one_grant() -> list[Case]:
    return [
        case(
            "the owner ends one of several grants",
            "Unsharing names one grant.",
            portal(share("anna", "ct", "user:ben", "user:carla"), share("ben", "ct", "user:carla")),
            when=end_grant("anna", "ct", "ben", "user:carla"),
            outcome=ended(grant("ct", "ben", "user:carla"), still_have_access=["user:carla"]),
        ),
        case(
            "one's own grant is ended by its id",
            "A user may give up a grant made to themselves.",
            portal(share("anna", "ct", "user:ben")),
            when=end_grant("ben", "ct", "anna", "user:ben"),
            outcome=ended(grant("ct", "anna", "user:ben")),
        ),
        case(
            "a grant of others is not ended by its id",
            "Anyone else with access is refused with NOT_GRANTOR_OR_OWNER.",
            portal(share("anna", "ct", "user:ben", "user:carla")),
            when=end_grant("carla", "ct", "anna", "user:ben"),
            outcome=refused("NOT_GRANTOR_OR_OWNER"),
        ),
        case(
            "a grant on an exam that one cannot see is no such grant",
            "Unknown, on an exam that the actor cannot see, or not the actor's to see: one answer.",
            portal(share("anna", "ct", "user:ben")),
            when=end_grant("carla", "ct", "anna", "user:ben"),
            outcome=refused(reason("NO_SUCH_GRANT", grants=[grant("ct", "anna", "user:ben")])),
            then=[yes("ben", "VIEW", "ct")],
        ),
        case(
            "a grant that is not there is no such grant",
            "Unknown: NO_SUCH_GRANT.",
            when=end_grant("anna", "ct", "anna", "user:ben"),
            outcome=refused("NO_SUCH_GRANT"),
        ),
    ]


def _narrowing() -> list[Case]:
    downloads = share("anna", "ct", "user:ben", permission="DOWNLOAD")
    return [
        case(
            "narrowing to view takes the download tab",
            "Grants beyond the bound end as NARROWED, each replaced by one cut to the bound.",
            portal(downloads),
            when=narrow("anna", "ct", "user:ben", permission="VIEW"),
            outcome=ended(
                grant("ct", "anna", "user:ben", "DOWNLOAD"),
                replaced_by=[grant("ct", "anna", "user:ben")],
            ),
            then=[yes("ben", "VIEW", "ct"), no("ben", "DOWNLOAD", "ct")],
        ),
        case(
            "narrowing to a time lets access end then",
            "At most until then.",
            portal(downloads, narrow("anna", "ct", "user:ben", until=DAY), clock(DAY)),
            then=[no("ben", "VIEW", "ct")],
        ),
        case(
            "narrowing to a permission and a time does both",
            "A bound: at most this permission, or at most until then, or both.",
            portal(downloads),
            when=narrow("anna", "ct", "user:ben", permission="VIEW", until=DAY),
            outcome=ended(
                grant("ct", "anna", "user:ben", "DOWNLOAD"),
                replaced_by=[grant("ct", "anna", "user:ben", "VIEW", DAY)],
            ),
        ),
        case(
            "narrowing never raises",
            "Nothing beyond the bound is NO_SUCH_GRANT. Narrowing never raises.",
            portal(share("anna", "ct", "user:ben", until=DAY)),
            when=narrow("anna", "ct", "user:ben", permission="DOWNLOAD", until=WEEK),
            outcome=refused("NO_SUCH_GRANT"),
            then=[no("ben", "DOWNLOAD", "ct")],
        ),
        case(
            "a bound that lies in the past is refused",
            "A bound that lies in the past is EXPIRY_IN_PAST.",
            portal(downloads),
            when=narrow("anna", "ct", "user:ben", until=NOW),
            outcome=refused("EXPIRY_IN_PAST"),
            then=[yes("ben", "DOWNLOAD", "ct")],
        ),
        case(
            "narrowing without a bound is a mistake of the caller",
            "None at all is a caller's error.",
            portal(downloads),
            when=narrow("anna", "ct", "user:ben"),
            outcome={"error": "InvalidValue"},
            then=[yes("ben", "DOWNLOAD", "ct")],
        ),
        case(
            "others than grantor and owner may not narrow",
            "The same people may.",
            portal(downloads, share("anna", "ct", "user:carla")),
            when=narrow("carla", "ct", "user:ben", permission="VIEW"),
            outcome=refused("NOT_GRANTOR_OR_OWNER"),
        ),
        case(
            "who holds more than the bound by another way is told",
            "After narrowing: who still holds more than the bound.",
            portal(
                share("anna", "ct", "user:dan", "group:nurses", permission="DOWNLOAD"),
            ),
            when=narrow("anna", "ct", "user:dan", permission="VIEW"),
            outcome=ended(
                grant("ct", "anna", "user:dan", "DOWNLOAD"),
                replaced_by=[grant("ct", "anna", "user:dan")],
                still_have_access=["user:dan"],
            ),
            then=[yes("dan", "DOWNLOAD", "ct")],
        ),
    ]


def _by_host() -> list[Case]:
    return [
        case(
            "the host ends a principal's grants everywhere",
            "By the host: ending a principal's grants on an exam or everywhere.",
            portal(share("anna", "ct", "user:ben", "user:carla"), share("anna", "mr", "user:ben")),
            when=host_ends("user:ben"),
            outcome=ended(grant("ct", "anna", "user:ben"), grant("mr", "anna", "user:ben")),
            then=[
                no("ben", "VIEW", "ct"),
                no("ben", "VIEW", "mr"),
                yes("carla", "VIEW", "ct"),
            ],
        ),
        case(
            "re-shares on any exam hold up what the host ends everywhere",
            "RESTRICT: refused where anything more would end.",
            portal(
                share("anna", "ct", "user:ben"),
                share("anna", "mr", "user:ben"),
                share("ben", "ct", "user:carla"),
            ),
            when=host_ends("user:ben", reshares="RESTRICT"),
            outcome=refused(reason("HAS_RESHARES", grants=[grant("ct", "ben", "user:carla")])),
            then=[yes("ben", "VIEW", "ct"), yes("ben", "VIEW", "mr")],
        ),
        case(
            "a withdrawn exam is no longer found",
            "Withdrawing an exam: all its grants end, and it is no longer found.",
            portal(share("anna", "ct", "user:ben")),
            when=withdraw("ct"),
            outcome=ended(grant("ct", "anna", "user:ben")),
            then=[no("ben", "VIEW", "ct"), no("anna", "VIEW", "ct"), yes("anna", "VIEW", "mr")],
        ),
    ]
