"""Ends of grants, further: several grants at once, who may narrow, and previews of both."""

from exam_sharing.testing.cases.schema import Case
from exam_sharing.testing.cases.table.phrases import (
    DAY,
    HOUR,
    WEEK,
    case,
    clock,
    end_grant,
    ended,
    grant,
    group,
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
    yes,
)

__all__ = ["closing"]

FROM_TWO = (
    share("anna", "ct", "user:ben"),
    share("anna", "ct", "user:carla", permission="DOWNLOAD"),
    share("ben", "ct", "user:carla"),
)
"""Carla has download from Anna, and view from Ben."""


def closing() -> list[Case]:
    """Return further cases of grants that end, and of grants that do not."""
    return [*_unsharing(), *_who_narrows(), *_narrowed_alone(), *_previews()]


def _unsharing() -> list[Case]:
    return [
        case(
            "whoever gives up what they were given gives all of it up",
            "By the principal themselves, it ends every standing grant to that principal.",
            portal(*FROM_TWO),
            when=unshare("carla", "ct", "user:carla"),
            outcome=ended(
                grant("ct", "anna", "user:carla", "DOWNLOAD"), grant("ct", "ben", "user:carla")
            ),
            then=[no("carla", "VIEW", "ct")],
        ),
        case(
            "an unshare ends both of two grants of one grantor",
            "It ends every standing grant to that principal.",
            portal(
                share("anna", "ct", "user:ben"),
                share("ben", "ct", "user:carla", until=DAY),
                share("ben", "ct", "user:carla", until=WEEK),
            ),
            when=unshare("ben", "ct", "user:carla"),
            outcome=ended(
                grant("ct", "ben", "user:carla", until=DAY),
                grant("ct", "ben", "user:carla", until=WEEK),
            ),
            then=[no("carla", "VIEW", "ct")],
        ),
        case(
            "an unshare of one exam ends nothing on the others of its batch",
            "Unsharing names an exam and a principal.",
            portal(share("anna", "ct", "user:ben", scope="BATCH")),
            when=unshare("anna", "ct", "user:ben"),
            outcome=ended(grant("ct", "anna", "user:ben")),
            then=[no("ben", "VIEW", "ct"), yes("ben", "VIEW", "mr"), yes("ben", "VIEW", "xray")],
        ),
        case(
            "the owner cannot be unshared",
            "Where there is none to end: NO_SUCH_GRANT.",
            portal(share("anna", "ct", "user:ben")),
            when=unshare("anna", "ct", "user:anna"),
            outcome=refused("NO_SUCH_GRANT"),
            then=[yes("anna", "DOWNLOAD", "ct")],
        ),
        case(
            "nobody unshares the owner by way of a group that the owner is in",
            "Where there is none to end: NO_SUCH_GRANT, with the groups that give access.",
            portal(
                {"act": "group", **group("board", "Board", "user:anna")},
                share("anna", "ct", "user:ben"),
                share("ben", "ct", "group:board"),
            ),
            when=unshare("ben", "ct", "user:anna"),
            outcome=refused("NO_SUCH_GRANT"),
        ),
        case(
            "the owner keeps access that a group loses in which they are",
            "The active owner holds everything.",
            portal(
                {"act": "group", **group("board", "Board", "user:anna", "user:carla")},
                share("anna", "ct", "user:ben"),
                share("ben", "ct", "group:board"),
            ),
            then=[
                preview(
                    unshare("ben", "ct", "group:board"),
                    losses=[("group:board", "ct", "VIEW"), ("user:carla", "ct", "VIEW")],
                    keeps=[("user:anna", "ct", "VIEW")],
                ),
            ],
        ),
        case(
            "a user is unshared and a group of the same string is not",
            "A user and a group of the same string are two principals, everywhere.",
            portal(
                {"act": "group", **group("ben", "Ben's team", "user:carla")},
                share("anna", "ct", "user:ben", "group:ben"),
            ),
            when=unshare("anna", "ct", "group:ben"),
            outcome=ended(grant("ct", "anna", "group:ben")),
            then=[yes("ben", "VIEW", "ct"), no("carla", "VIEW", "ct")],
        ),
        case(
            "a member gives up what was made to themselves and keeps what the group has",
            "A user may give up a grant made to themselves.",
            portal(share("anna", "ct", "user:dan", "group:nurses")),
            when=unshare("dan", "ct", "user:dan"),
            outcome=ended(grant("ct", "anna", "user:dan"), still_have_access=["user:dan"]),
            then=[yes("dan", "VIEW", "ct")],
        ),
        case(
            "a member may not end a grant to their group by its id",
            "Being in a recipient group gives no right to end a grant for its others.",
            portal(share("anna", "ct", "group:nurses")),
            when=end_grant("dan", "ct", "anna", "group:nurses"),
            outcome=refused("NOT_GRANTOR_OR_OWNER"),
            then=[yes("eva", "VIEW", "ct")],
        ),
        case(
            "after narrowing the same share can be made again",
            "Afterwards the same share can be made again.",
            portal(
                share("anna", "ct", "user:ben", permission="DOWNLOAD"),
                narrow("anna", "ct", "user:ben", permission="VIEW"),
            ),
            when=share("anna", "ct", "user:ben", permission="DOWNLOAD"),
            outcome=shared(made("ct", "user:ben", "WIDENED")),
            then=[yes("ben", "DOWNLOAD", "ct")],
        ),
    ]


def _who_narrows() -> list[Case]:
    rule = "Narrowing: the same people may."
    downloads = share("anna", "ct", "user:ben", permission="DOWNLOAD")
    on = share("ben", "ct", "user:carla", permission="DOWNLOAD")
    cut = ended(
        grant("ct", "ben", "user:carla", "DOWNLOAD"), replaced_by=[grant("ct", "ben", "user:carla")]
    )
    by_all = ended(
        grant("ct", "anna", "user:carla", "DOWNLOAD"),
        replaced_by=[grant("ct", "anna", "user:carla")],
    )
    views = narrow("anna", "ct", "user:carla", permission="VIEW")
    return [
        case(
            "a grantor narrows what they made",
            rule,
            portal(downloads, on),
            when={**views, "actor": "ben"},
            outcome=cut,
            then=[yes("carla", "VIEW", "ct"), no("carla", "DOWNLOAD", "ct")],
        ),
        case(
            "the owner narrows what others made",
            rule,
            portal(downloads, on),
            when=views,
            outcome=cut,
            then=[no("carla", "DOWNLOAD", "ct")],
        ),
        case(
            "a grantor narrows after losing their own access",
            "A grantor may end the grants that they made, even after losing their own access.",
            portal(downloads, on, unshare("anna", "ct", "user:ben")),
            when={**views, "actor": "ben"},
            outcome=cut,
            then=[no("carla", "DOWNLOAD", "ct")],
        ),
        case(
            "a user narrows what they were given",
            rule,
            portal(*FROM_TWO),
            when={**views, "actor": "carla"},
            outcome=by_all,
            then=[yes("carla", "VIEW", "ct"), no("carla", "DOWNLOAD", "ct")],
        ),
        case(
            "a grantor narrows no grant of others to the same principal",
            "By anyone else, their own to it; nothing beyond the bound is NO_SUCH_GRANT.",
            portal(*FROM_TWO),
            when={**views, "actor": "ben"},
            outcome=refused("NO_SUCH_GRANT"),
            then=[yes("carla", "DOWNLOAD", "ct")],
        ),
    ]


def _narrowed_alone() -> list[Case]:
    return [
        case(
            "narrowing leaves alone what lies within the bound",
            "Grants beyond the bound end as NARROWED.",
            portal(*FROM_TWO),
            when=narrow("anna", "ct", "user:carla", permission="VIEW"),
            outcome=ended(
                grant("ct", "anna", "user:carla", "DOWNLOAD"),
                replaced_by=[grant("ct", "anna", "user:carla")],
            ),
            then=[yes("carla", "VIEW", "ct"), no("carla", "DOWNLOAD", "ct")],
        ),
        case(
            "narrowing to a time keeps the permission until then",
            "Each replaced by one cut to the bound.",
            portal(
                share("anna", "ct", "user:ben", permission="DOWNLOAD"),
                narrow("anna", "ct", "user:ben", until=DAY),
                clock(HOUR),
            ),
            then=[yes("ben", "DOWNLOAD", "ct")],
        ),
        case(
            "narrowing to view keeps the time that was shared",
            "Each replaced by one cut to the bound.",
            portal(share("anna", "ct", "user:ben", permission="DOWNLOAD", until=DAY)),
            when=narrow("anna", "ct", "user:ben", permission="VIEW"),
            outcome=ended(
                grant("ct", "anna", "user:ben", "DOWNLOAD", DAY),
                replaced_by=[grant("ct", "anna", "user:ben", until=DAY)],
            ),
        ),
        case(
            "narrowing to the very bound that is held finds nothing to cut",
            "Nothing beyond it is NO_SUCH_GRANT.",
            portal(share("anna", "ct", "user:ben", until=DAY)),
            when=narrow("anna", "ct", "user:ben", permission="VIEW", until=DAY),
            outcome=refused("NO_SUCH_GRANT"),
        ),
        case(
            "a group is narrowed for all who are in it",
            "Narrowing names an exam and a principal and a bound.",
            portal(share("anna", "ct", "group:nurses", permission="DOWNLOAD")),
            when=narrow("anna", "ct", "group:nurses", permission="VIEW"),
            outcome=ended(
                grant("ct", "anna", "group:nurses", "DOWNLOAD"),
                replaced_by=[grant("ct", "anna", "group:nurses")],
            ),
            then=[no("dan", "DOWNLOAD", "ct"), yes("eva", "VIEW", "ct")],
        ),
    ]


def _previews() -> list[Case]:
    rule = "Narrowing has a preview; it changes nothing, and says what the act would do."
    return [
        case(
            "a preview of a narrowing says who would lose what",
            rule,
            portal(share("anna", "ct", "user:ben", permission="DOWNLOAD")),
            then=[
                preview(
                    narrow("anna", "ct", "user:ben", permission="VIEW"),
                    losses=[("user:ben", "ct", "DOWNLOAD")],
                ),
                yes("ben", "DOWNLOAD", "ct"),
            ],
        ),
        case(
            "a preview of a narrowing to a time says that both permissions would be lost then",
            rule,
            portal(share("anna", "ct", "user:ben", permission="DOWNLOAD")),
            then=[
                preview(
                    narrow("anna", "ct", "user:ben", until=DAY),
                    losses=[("user:ben", "ct", "DOWNLOAD"), ("user:ben", "ct", "VIEW")],
                ),
            ],
        ),
        case(
            "a preview of a narrowing says who would hold more than the bound another way",
            "Who would keep access by another path.",
            portal(share("anna", "ct", "user:dan", "group:nurses", permission="DOWNLOAD")),
            then=[
                preview(
                    narrow("anna", "ct", "user:dan", permission="VIEW"),
                    keeps=[("user:dan", "ct", "DOWNLOAD")],
                ),
            ],
        ),
        case(
            "a preview of the end of one grant says what would be lost and what kept",
            "Who would gain or lose what on which exam, and who would keep access.",
            portal(*FROM_TWO),
            then=[
                preview(
                    end_grant("anna", "ct", "anna", "user:carla"),
                    losses=[("user:carla", "ct", "DOWNLOAD")],
                    keeps=[("user:carla", "ct", "VIEW")],
                ),
                yes("carla", "DOWNLOAD", "ct"),
            ],
        ),
        case(
            "previews tell who may not unshare and what is not there to end",
            "It does not raise for a rule: it returns the reasons.",
            portal(share("anna", "ct", "user:ben", "user:carla", "group:nurses")),
            then=[
                preview(
                    unshare("carla", "ct", "user:ben"), reasons=[reason("NOT_GRANTOR_OR_OWNER")]
                ),
                preview(
                    unshare("anna", "ct", "user:dan"),
                    reasons=[reason("NO_SUCH_GRANT", principals=["group:nurses"])],
                ),
                preview(
                    narrow("anna", "ct", "user:ben", permission="VIEW"),
                    reasons=[reason("NO_SUCH_GRANT")],
                ),
            ],
        ),
    ]
