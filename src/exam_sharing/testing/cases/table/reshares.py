"""What becomes of re-shares: kept, cascaded, or a reason to refuse."""

from exam_sharing.testing.cases.schema import Case
from exam_sharing.testing.cases.table.phrases import (
    DAY,
    HOUR,
    case,
    end_grant,
    ended,
    grant,
    narrow,
    no,
    portal,
    preview,
    reason,
    refused,
    share,
    unshare,
    yes,
)

__all__ = ["reshares"]


def reshares() -> list[Case]:
    """Return cases in which something was passed on."""
    passed_on = (share("anna", "ct", "user:ben"), share("ben", "ct", "user:carla"))
    return [
        case(
            "a re-share stands after its source was unshared",
            "KEEP (the default): each grant stands until somebody unshares it.",
            portal(*passed_on),
            when=unshare("anna", "ct", "user:ben"),
            outcome=ended(
                grant("ct", "anna", "user:ben"),
                left_standing=[grant("ct", "ben", "user:carla")],
            ),
            then=[no("ben", "VIEW", "ct"), yes("carla", "VIEW", "ct")],
        ),
        case(
            "a cascade ends what was passed on, however far",
            "CASCADE: a touched grant that is no longer supported ends.",
            portal(*passed_on, share("carla", "ct", "user:dan")),
            when=unshare("anna", "ct", "user:ben", reshares="CASCADE"),
            outcome=ended(
                grant("ct", "anna", "user:ben"),
                grant("ct", "ben", "user:carla"),
                grant("ct", "carla", "user:dan"),
            ),
            then=[
                no("ben", "VIEW", "ct"),
                no("carla", "VIEW", "ct"),
                no("dan", "VIEW", "ct"),
            ],
        ),
        case(
            "the policy can make cascades the default",
            "None: the policy's default.",
            portal(*passed_on, reshares="CASCADE"),
            when=unshare("anna", "ct", "user:ben"),
            outcome=ended(grant("ct", "anna", "user:ben"), grant("ct", "ben", "user:carla")),
            then=[no("carla", "VIEW", "ct")],
        ),
        case(
            "a cascade spares what its grantor still holds another way",
            "A re-share stands as long as its grantor still has another way to hold it.",
            portal(
                share("anna", "ct", "user:dan", "group:nurses"),
                share("dan", "ct", "user:ben"),
            ),
            when=unshare("anna", "ct", "user:dan", reshares="CASCADE"),
            outcome=ended(
                grant("ct", "anna", "user:dan"),
                left_standing=[grant("ct", "dan", "user:ben")],
                still_have_access=["user:dan"],
            ),
            then=[yes("ben", "VIEW", "ct")],
        ),
        case(
            "a circle supports nothing",
            "A circle supports nothing, and order does not matter.",
            portal(*passed_on, share("carla", "ct", "user:ben")),
            when=unshare("anna", "ct", "user:ben", reshares="CASCADE"),
            outcome=ended(
                grant("ct", "anna", "user:ben"),
                grant("ct", "ben", "user:carla"),
                grant("ct", "carla", "user:ben"),
            ),
            then=[no("ben", "VIEW", "ct"), no("carla", "VIEW", "ct")],
        ),
        case(
            "a cascade narrows what is supported in part",
            "A touched grant keeps what is still supported of it.",
            portal(
                share("anna", "ct", "user:ben", permission="DOWNLOAD"),
                share("ben", "ct", "user:carla", permission="DOWNLOAD"),
            ),
            when=narrow("anna", "ct", "user:ben", permission="VIEW", reshares="CASCADE"),
            outcome=ended(
                grant("ct", "anna", "user:ben", "DOWNLOAD"),
                grant("ct", "ben", "user:carla", "DOWNLOAD"),
                replaced_by=[
                    grant("ct", "anna", "user:ben"),
                    grant("ct", "ben", "user:carla"),
                ],
            ),
            then=[yes("carla", "VIEW", "ct"), no("carla", "DOWNLOAD", "ct")],
        ),
        case(
            "a cascade cuts what was passed on to the time of its source",
            "For at least that long.",
            portal(*passed_on),
            when=narrow("anna", "ct", "user:ben", until=DAY, reshares="CASCADE"),
            outcome=ended(
                grant("ct", "anna", "user:ben"),
                grant("ct", "ben", "user:carla"),
                replaced_by=[
                    grant("ct", "anna", "user:ben", until=DAY),
                    grant("ct", "ben", "user:carla", until=DAY),
                ],
            ),
        ),
        case(
            "re-shares can restrict an unshare",
            "RESTRICT: refused with HAS_RESHARES if a cascade would end or narrow anything more.",
            portal(*passed_on),
            when=unshare("anna", "ct", "user:ben", reshares="RESTRICT"),
            outcome=refused(reason("HAS_RESHARES", grants=[grant("ct", "ben", "user:carla")])),
            then=[yes("ben", "VIEW", "ct"), yes("carla", "VIEW", "ct")],
        ),
        case(
            "where nothing rests on it an unshare is not restricted",
            "RESTRICT: refused if a cascade would end or narrow anything more.",
            portal(share("anna", "ct", "user:ben")),
            when=unshare("anna", "ct", "user:ben", reshares="RESTRICT"),
            outcome=ended(grant("ct", "anna", "user:ben")),
        ),
        case(
            "without access one is not told which re-shares restrict",
            "They are told of their own only, and HAS_RESHARES then carries no parameters.",
            portal(
                *passed_on,
                share("carla", "ct", "user:dan"),
                unshare("anna", "ct", "user:ben"),
            ),
            when=unshare("ben", "ct", "user:carla", reshares="RESTRICT"),
            outcome=refused("HAS_RESHARES"),
        ),
        case(
            "a preview of a cascade says who else would lose",
            "Who would gain or lose what on which exam.",
            portal(*passed_on),
            then=[
                preview(
                    unshare("anna", "ct", "user:ben", reshares="CASCADE"),
                    losses=[("user:ben", "ct", "VIEW"), ("user:carla", "ct", "VIEW")],
                ),
            ],
        ),
        case(
            "a re-share ends with its own time whatever becomes of its source",
            "No one exceeds their source, when a grant is made.",
            portal(
                share("anna", "ct", "user:ben", until=HOUR),
                share("ben", "ct", "user:carla"),
                {"act": "clock", "now": HOUR},
            ),
            then=[no("ben", "VIEW", "ct"), no("carla", "VIEW", "ct")],
        ),
        *_ending_one_grant(),
    ]


def _ending_one_grant() -> list[Case]:
    both_ways = (
        share("anna", "ct", "user:ben", "user:dan"),
        share("dan", "ct", "user:ben"),
        share("ben", "ct", "user:carla"),
    )
    one_way = (share("anna", "ct", "user:ben"), share("ben", "ct", "user:carla"))
    passed_on = grant("ct", "ben", "user:carla")
    return [
        case(
            "a cascade from one grant ends what rests on it",
            "What becomes of re-shares, for both: CASCADE.",
            portal(*one_way),
            when=end_grant("anna", "ct", "anna", "user:ben", reshares="CASCADE"),
            outcome=ended(grant("ct", "anna", "user:ben"), passed_on),
            then=[no("ben", "VIEW", "ct"), no("carla", "VIEW", "ct")],
        ),
        case(
            "a cascade from one of two grants spares what rests on the other too",
            "A re-share stands as long as its grantor still has another way to hold it.",
            portal(*both_ways),
            when=end_grant("anna", "ct", "dan", "user:ben", reshares="CASCADE"),
            outcome=ended(
                grant("ct", "dan", "user:ben"),
                left_standing=[passed_on],
                still_have_access=["user:ben"],
            ),
            then=[yes("ben", "VIEW", "ct"), yes("carla", "VIEW", "ct")],
        ),
        case(
            "what rests on one grant alone restricts its end",
            "RESTRICT: refused with HAS_RESHARES if a cascade would end or narrow anything more.",
            portal(*one_way),
            when=end_grant("anna", "ct", "anna", "user:ben", reshares="RESTRICT"),
            outcome=refused(reason("HAS_RESHARES", grants=[passed_on])),
            then=[yes("ben", "VIEW", "ct"), yes("carla", "VIEW", "ct")],
        ),
        case(
            "what rests on another grant too does not restrict the end of one",
            "RESTRICT: refused with HAS_RESHARES if a cascade would end or narrow anything more.",
            portal(*both_ways),
            when=end_grant("anna", "ct", "dan", "user:ben", reshares="RESTRICT"),
            outcome=ended(
                grant("ct", "dan", "user:ben"),
                left_standing=[passed_on],
                still_have_access=["user:ben"],
            ),
            then=[yes("carla", "VIEW", "ct")],
        ),
        case(
            "what rests on one grant stands after its end where nothing else is asked for",
            "KEEP (the default): each grant stands until somebody unshares it.",
            portal(*one_way),
            when=end_grant("anna", "ct", "anna", "user:ben"),
            outcome=ended(grant("ct", "anna", "user:ben"), left_standing=[passed_on]),
            then=[no("ben", "VIEW", "ct"), yes("carla", "VIEW", "ct")],
        ),
    ]
