"""What rests on what: cascades and restrictions where grants were narrowed, kept or rest on two."""

from exam_sharing.testing.cases.schema import Case
from exam_sharing.testing.cases.table.phrases import (
    DAY,
    case,
    end_grant,
    ended,
    grant,
    group,
    host_ends,
    narrow,
    no,
    portal,
    preview,
    reason,
    refused,
    share,
    unshare,
    user,
    yes,
)

__all__ = ["resting"]

TO_BEN = share("anna", "ct", "user:ben")
ON_TO_CARLA = share("ben", "ct", "user:carla")
ON_TO_DAN = share("carla", "ct", "user:dan")

BENS = grant("ct", "ben", "user:carla")
CARLAS = grant("ct", "carla", "user:dan")

RESTS = "A grant that rests on a grant rests also on what replaced it when it was narrowed."


def resting() -> list[Case]:
    """Return further cases in which something was passed on."""
    return [*_narrowed(), *_unsupported(), *_parts(), *_still_held(), *_chosen(), *_by_host()]


def _narrowed() -> list[Case]:
    downloads = share("anna", "ct", "user:ben", permission="DOWNLOAD")
    on = share("ben", "ct", "user:carla", permission="DOWNLOAD")
    return [
        case(
            "what rests on a grant rests on what it was narrowed to",
            RESTS,
            portal(downloads, ON_TO_CARLA, narrow("anna", "ct", "user:ben", permission="VIEW")),
            when=unshare("anna", "ct", "user:ben", reshares="CASCADE"),
            outcome=ended(grant("ct", "anna", "user:ben"), BENS),
            then=[no("carla", "VIEW", "ct")],
        ),
        case(
            "what a narrowing left beyond its source rests on what replaced the source",
            RESTS,
            portal(downloads, on, narrow("anna", "ct", "user:ben", permission="VIEW")),
            when=unshare("anna", "ct", "user:ben", reshares="CASCADE"),
            outcome=ended(
                grant("ct", "anna", "user:ben"), grant("ct", "ben", "user:carla", "DOWNLOAD")
            ),
            then=[no("carla", "VIEW", "ct")],
        ),
        case(
            "what was narrowed rests on what it rested on before",
            "A replacement takes over the version and basis of the grant that it replaces.",
            portal(downloads, on, narrow("ben", "ct", "user:carla", permission="VIEW")),
            when=unshare("anna", "ct", "user:ben", reshares="CASCADE"),
            outcome=ended(grant("ct", "anna", "user:ben", "DOWNLOAD"), BENS),
            then=[no("carla", "VIEW", "ct")],
        ),
        case(
            "what a narrowing leaves standing is told",
            "The receipt says what was left standing that the principal had passed on.",
            portal(downloads, on),
            when=narrow("anna", "ct", "user:ben", permission="VIEW"),
            outcome=ended(
                grant("ct", "anna", "user:ben", "DOWNLOAD"),
                replaced_by=[grant("ct", "anna", "user:ben")],
                left_standing=[grant("ct", "ben", "user:carla", "DOWNLOAD")],
            ),
            then=[no("ben", "DOWNLOAD", "ct"), yes("carla", "DOWNLOAD", "ct")],
        ),
    ]


def _unsupported() -> list[Case]:
    rule = "A standing grant is touched if it had support, or rests on a grant that the act ends."
    outlived = (TO_BEN, ON_TO_CARLA, unshare("anna", "ct", "user:ben"))
    return [
        case(
            "a cascade leaves alone what has outlived its own source",
            rule,
            portal(*outlived, share("anna", "ct", "user:eva"), share("eva", "ct", "user:dan")),
            when=unshare("anna", "ct", "user:eva", reshares="CASCADE"),
            outcome=ended(grant("ct", "anna", "user:eva"), grant("ct", "eva", "user:dan")),
            then=[yes("carla", "VIEW", "ct"), no("dan", "VIEW", "ct")],
        ),
        case(
            "a cascade from what has outlived its source ends what rests on it",
            rule,
            portal(
                TO_BEN,
                ON_TO_CARLA,
                ON_TO_DAN,
                share("dan", "ct", "user:eva"),
                unshare("anna", "ct", "user:ben"),
            ),
            when=unshare("anna", "ct", "user:carla", reshares="CASCADE"),
            outcome=ended(BENS, CARLAS, grant("ct", "dan", "user:eva")),
            then=[no("dan", "VIEW", "ct"), no("eva", "VIEW", "ct")],
        ),
        case(
            "a cascade leaves alone what was too much for its grantor already",
            rule,
            portal(
                share("anna", "ct", "user:ben", permission="DOWNLOAD"),
                share("anna", "ct", "user:eva"),
                share("ben", "ct", "user:carla", permission="DOWNLOAD"),
                unshare("anna", "ct", "user:ben"),
                share("eva", "ct", "user:ben"),
            ),
            when=unshare("anna", "ct", "user:eva", reshares="CASCADE"),
            outcome=ended(grant("ct", "anna", "user:eva"), grant("ct", "eva", "user:ben")),
            then=[no("ben", "VIEW", "ct"), yes("carla", "DOWNLOAD", "ct")],
        ),
        case(
            "what has found another support ends with that",
            rule,
            portal(
                TO_BEN,
                share("anna", "ct", "user:eva"),
                ON_TO_CARLA,
                share("eva", "ct", "user:ben"),
                end_grant("anna", "ct", "anna", "user:ben"),
            ),
            when=unshare("eva", "ct", "user:ben", reshares="CASCADE"),
            outcome=ended(BENS, grant("ct", "eva", "user:ben")),
            then=[no("carla", "VIEW", "ct")],
        ),
        case(
            "who has left a group passed on what rests on it all the same",
            rule,
            portal(
                share("anna", "ct", "group:nurses"),
                share("dan", "ct", "user:ben"),
                {"act": "group", **group("nurses", "Night nurses", "user:eva")},
            ),
            when=unshare("anna", "ct", "group:nurses", reshares="CASCADE"),
            outcome=ended(grant("ct", "anna", "group:nurses"), grant("ct", "dan", "user:ben")),
            then=[no("ben", "VIEW", "ct")],
        ),
        case(
            "who joined a group holds by it what they had passed on before",
            "Grants made to its grantor or to groups that the grantor is in now.",
            portal(
                TO_BEN,
                ON_TO_CARLA,
                share("anna", "ct", "group:nurses"),
                {
                    "act": "group",
                    **group("nurses", "Night nurses", "user:dan", "user:eva", "user:ben"),
                },
            ),
            when=unshare("anna", "ct", "user:ben", reshares="CASCADE"),
            outcome=ended(
                grant("ct", "anna", "user:ben"),
                left_standing=[BENS],
                still_have_access=["user:ben"],
            ),
            then=[yes("carla", "VIEW", "ct")],
        ),
    ]


def _parts() -> list[Case]:
    rule = "One grant for each permission still supported, each for as long as it is."
    return [
        case(
            "a cascade leaves of one grant view for good and download for a time",
            rule,
            portal(
                share("anna", "ct", "user:dan"),
                share("anna", "ct", "user:eva", permission="DOWNLOAD"),
                share("eva", "ct", "user:ben", permission="DOWNLOAD"),
                share("dan", "ct", "user:ben"),
                share("ben", "ct", "user:carla", permission="DOWNLOAD"),
            ),
            when=narrow("eva", "ct", "user:ben", until=DAY, reshares="CASCADE"),
            outcome=ended(
                grant("ct", "ben", "user:carla", "DOWNLOAD"),
                grant("ct", "eva", "user:ben", "DOWNLOAD"),
                replaced_by=[
                    grant("ct", "ben", "user:carla", "DOWNLOAD", DAY),
                    grant("ct", "ben", "user:carla"),
                    grant("ct", "eva", "user:ben", "DOWNLOAD", DAY),
                ],
                still_have_access=["user:ben", "user:carla"],
            ),
            then=[yes("carla", "DOWNLOAD", "ct")],
        ),
        case(
            "a cascade leaves view where download alone has lost its source",
            "A touched grant keeps what is still supported of it; it has then been narrowed.",
            portal(
                share("anna", "ct", "user:dan"),
                share("anna", "ct", "user:eva", permission="DOWNLOAD"),
                share("eva", "ct", "user:ben", permission="DOWNLOAD"),
                share("dan", "ct", "user:ben"),
                share("ben", "ct", "user:carla", permission="DOWNLOAD"),
            ),
            when=unshare("eva", "ct", "user:ben", reshares="CASCADE"),
            outcome=ended(
                grant("ct", "ben", "user:carla", "DOWNLOAD"),
                grant("ct", "eva", "user:ben", "DOWNLOAD"),
                replaced_by=[grant("ct", "ben", "user:carla")],
                still_have_access=["user:ben", "user:carla"],
            ),
            then=[yes("carla", "VIEW", "ct"), no("carla", "DOWNLOAD", "ct")],
        ),
    ]


def _still_held() -> list[Case]:
    rule = "Grants that an inactive user made stay and count throughout, also as support."
    return [
        case(
            "what an inactive user shared counts as support",
            rule,
            portal(
                share("anna", "ct", "user:ben", "user:dan"),
                ON_TO_CARLA,
                share("dan", "ct", "user:carla"),
                share("carla", "ct", "user:eva"),
                {"act": "user", **user("ben", active=False)},
            ),
            when=unshare("anna", "ct", "user:dan", reshares="CASCADE"),
            outcome=ended(
                grant("ct", "anna", "user:dan"),
                grant("ct", "dan", "user:carla"),
                still_have_access=["user:carla"],
            ),
            then=[yes("carla", "VIEW", "ct"), yes("eva", "VIEW", "ct")],
        ),
        case(
            "a cascade ends what an inactive user passed on",
            "A touched grant that is no longer supported ends.",
            portal(TO_BEN, ON_TO_CARLA, {"act": "user", **user("ben", active=False)}),
            when=unshare("anna", "ct", "user:ben", reshares="CASCADE"),
            outcome=ended(grant("ct", "anna", "user:ben"), BENS),
            then=[no("carla", "VIEW", "ct")],
        ),
        case(
            "a re-share for a shorter time stands while its grantor holds as much another way",
            "At least that permission for at least that long.",
            portal(
                TO_BEN,
                share("anna", "ct", "user:dan", until=DAY),
                share("dan", "ct", "user:ben"),
                share("ben", "ct", "user:carla", until=DAY),
            ),
            when=narrow("anna", "ct", "user:ben", until=DAY, reshares="CASCADE"),
            outcome=ended(
                grant("ct", "anna", "user:ben"),
                replaced_by=[grant("ct", "anna", "user:ben", until=DAY)],
                left_standing=[grant("ct", "ben", "user:carla", until=DAY)],
            ),
        ),
    ]


def _chosen() -> list[Case]:
    restrict = "RESTRICT: refused with HAS_RESHARES if a cascade would end or narrow anything more."
    downloads = share("anna", "ct", "user:ben", permission="DOWNLOAD")
    return [
        case(
            "re-shares can restrict a narrowing",
            restrict,
            portal(downloads, share("ben", "ct", "user:carla", permission="DOWNLOAD")),
            when=narrow("anna", "ct", "user:ben", permission="VIEW", reshares="RESTRICT"),
            outcome=refused(
                reason("HAS_RESHARES", grants=[grant("ct", "ben", "user:carla", "DOWNLOAD")])
            ),
            then=[yes("ben", "DOWNLOAD", "ct"), yes("carla", "DOWNLOAD", "ct")],
        ),
        case(
            "what was passed on within the bound does not restrict a narrowing",
            restrict,
            portal(downloads, ON_TO_CARLA),
            when=narrow("anna", "ct", "user:ben", permission="VIEW", reshares="RESTRICT"),
            outcome=ended(
                grant("ct", "anna", "user:ben", "DOWNLOAD"),
                replaced_by=[grant("ct", "anna", "user:ben")],
                left_standing=[BENS],
            ),
            then=[yes("carla", "VIEW", "ct")],
        ),
        case(
            "the policy can make re-shares restrict where nothing else is asked for",
            "None: the policy's default.",
            portal(TO_BEN, ON_TO_CARLA, reshares="RESTRICT"),
            when=unshare("anna", "ct", "user:ben"),
            outcome=refused(reason("HAS_RESHARES", grants=[BENS])),
        ),
        case(
            "an unshare can keep re-shares where the policy lets them cascade",
            "What becomes of re-shares is said with the act, or else by the policy.",
            portal(TO_BEN, ON_TO_CARLA, reshares="CASCADE"),
            when=unshare("anna", "ct", "user:ben", reshares="KEEP"),
            outcome=ended(grant("ct", "anna", "user:ben"), left_standing=[BENS]),
            then=[yes("carla", "VIEW", "ct")],
        ),
        case(
            "a preview tells which re-shares restrict",
            "It does not raise for a rule: it returns the reasons.",
            portal(TO_BEN, ON_TO_CARLA),
            then=[
                preview(
                    unshare("anna", "ct", "user:ben", reshares="RESTRICT"),
                    reasons=[reason("HAS_RESHARES", grants=[BENS])],
                ),
            ],
        ),
        case(
            "whoever gives up what they passed on may let it cascade",
            "What becomes of re-shares: CASCADE.",
            portal(TO_BEN, ON_TO_CARLA),
            when=unshare("ben", "ct", "user:ben", reshares="CASCADE"),
            outcome=ended(grant("ct", "anna", "user:ben"), BENS),
            then=[no("carla", "VIEW", "ct")],
        ),
    ]


def _by_host() -> list[Case]:
    rule = "By the host: ending a principal's grants on an exam or everywhere (with re-shares)."
    given = portal(TO_BEN, share("anna", "mr", "user:ben"), ON_TO_CARLA)
    return [
        case(
            "the host ends a principal's grants on one exam",
            rule,
            given,
            when=host_ends("user:ben", "ct"),
            outcome=ended(grant("ct", "anna", "user:ben"), left_standing=[BENS]),
            then=[no("ben", "VIEW", "ct"), yes("ben", "VIEW", "mr"), yes("carla", "VIEW", "ct")],
        ),
        case(
            "what the host ends may cascade",
            rule,
            given,
            when=host_ends("user:ben", reshares="CASCADE"),
            outcome=ended(grant("ct", "anna", "user:ben"), BENS, grant("mr", "anna", "user:ben")),
            then=[no("carla", "VIEW", "ct")],
        ),
        case(
            "what the host ends cascades where the policy says so",
            rule,
            portal(TO_BEN, ON_TO_CARLA, reshares="CASCADE"),
            when=host_ends("user:ben", "ct"),
            outcome=ended(grant("ct", "anna", "user:ben"), BENS),
        ),
        case(
            "the host ends what was made to a group",
            rule,
            portal(share("anna", "ct", "group:nurses", "user:dan")),
            when=host_ends("group:nurses"),
            outcome=ended(grant("ct", "anna", "group:nurses")),
            then=[no("eva", "VIEW", "ct"), yes("dan", "VIEW", "ct")],
        ),
    ]
