"""Re-shares: kept, restricting an end, or ended by a cascade.

Specification: `#re-shares`.
"""

from typing import Final

from exam_sharing.testing.cases.builders import (
    DAY,
    can,
    cannot,
    case,
    end_grant,
    ended,
    grant,
    host_ends,
    narrow,
    passed_on,
    preview,
    reason,
    refused,
    set_group,
    set_user,
    share,
    share_download,
    unshare,
)

__all__ = ["CASES"]

DOWNLOADS: Final = [share_download("anna", "ben"), share_download("ben", "carla")]
DOWNLOAD_AND_VIEW: Final = [
    share("anna", "dan"),
    share_download("anna", "eva"),
    share_download("eva", "ben"),
    share("dan", "ben"),
    share_download("ben", "carla"),
]
"""Ben has download from Éva and view from Dan, and passes download on to Carla."""

KEPT: Final = {
    "a re-share stands after its source is unshared": case(
        "KEEP (the default): a re-share stands until somebody unshares it.",
        given=[share("anna", "ben"), share("ben", "carla")],
        when=unshare("anna", "ben"),
        outcome=ended(grant("anna", "ben"), left_standing=[grant("ben", "carla")]),
        then=[cannot("ben", "VIEW"), can("carla", "VIEW")],
    ),
    "a re-share stands after the one grant under it ends": case(
        "KEEP (the default): a re-share stands until somebody unshares it.",
        given=[share("anna", "ben"), share("ben", "carla")],
        when=end_grant("anna", "anna", "ben"),
        outcome=ended(grant("anna", "ben"), left_standing=[grant("ben", "carla")]),
        then=[cannot("ben", "VIEW"), can("carla", "VIEW")],
    ),
    "an unshare can keep re-shares against the policy's default": case(
        "The act says what becomes of re-shares, or else the policy.",
        policy={"reshares": "CASCADE"},
        given=[share("anna", "ben"), share("ben", "carla")],
        when=unshare("anna", "ben", reshares="KEEP"),
        outcome=ended(grant("anna", "ben"), left_standing=[grant("ben", "carla")]),
        then=can("carla", "VIEW"),
    ),
    "the receipt of a narrowing reports re-shares that were left standing": case(
        "The receipt reports grants left standing that rest directly on what ended.",
        given=DOWNLOADS,
        when=narrow("anna", "ben", permission="VIEW"),
        outcome=ended(
            grant("anna", "ben", "DOWNLOAD"),
            replaced_by=[grant("anna", "ben")],
            left_standing=[grant("ben", "carla", "DOWNLOAD")],
        ),
        then=[cannot("ben", "DOWNLOAD"), can("carla", "DOWNLOAD")],
    ),
}

RESTRICTED: Final = {
    "a re-share can restrict an unshare": case(
        "RESTRICT: HAS_RESHARES if a cascade would end or narrow anything more.",
        given=[share("anna", "ben"), share("ben", "carla")],
        when=unshare("anna", "ben", reshares="RESTRICT"),
        outcome=refused(reason("HAS_RESHARES", grants=[grant("ben", "carla")])),
        then=[can("ben", "VIEW"), can("carla", "VIEW")],
    ),
    "an unshare without re-shares is not restricted": case(
        "RESTRICT: HAS_RESHARES if a cascade would end or narrow anything more.",
        given=share("anna", "ben"),
        when=unshare("anna", "ben", reshares="RESTRICT"),
        outcome=ended(grant("anna", "ben")),
    ),
    "a re-share can restrict the end of one grant": case(
        "RESTRICT: HAS_RESHARES if a cascade would end or narrow anything more.",
        given=[share("anna", "ben"), share("ben", "carla")],
        when=end_grant("anna", "anna", "ben", reshares="RESTRICT"),
        outcome=refused(reason("HAS_RESHARES", grants=[grant("ben", "carla")])),
        then=[can("ben", "VIEW"), can("carla", "VIEW")],
    ),
    "a re-share with another support does not restrict the end of one grant": case(
        "RESTRICT: HAS_RESHARES if a cascade would end or narrow anything more.",
        given=[share("anna", "ben", "dan"), *passed_on("dan", "ben", "carla")],
        when=end_grant("anna", "dan", "ben", reshares="RESTRICT"),
        outcome=ended(
            grant("dan", "ben"), left_standing=[grant("ben", "carla")], still_have_access=["ben"]
        ),
        then=can("carla", "VIEW"),
    ),
    "a re-share can restrict a narrowing": case(
        "RESTRICT: HAS_RESHARES if a cascade would end or narrow anything more.",
        given=DOWNLOADS,
        when=narrow("anna", "ben", permission="VIEW", reshares="RESTRICT"),
        outcome=refused(reason("HAS_RESHARES", grants=[grant("ben", "carla", "DOWNLOAD")])),
        then=[can("ben", "DOWNLOAD"), can("carla", "DOWNLOAD")],
    ),
    "a re-share within the bound does not restrict a narrowing": case(
        "RESTRICT: HAS_RESHARES if a cascade would end or narrow anything more.",
        given=[share_download("anna", "ben"), share("ben", "carla")],
        when=narrow("anna", "ben", permission="VIEW", reshares="RESTRICT"),
        outcome=ended(
            grant("anna", "ben", "DOWNLOAD"),
            replaced_by=[grant("anna", "ben")],
            left_standing=[grant("ben", "carla")],
        ),
        then=can("carla", "VIEW"),
    ),
    "a re-share on any exam restricts an end by the host everywhere": case(
        "RESTRICT: HAS_RESHARES if a cascade would end or narrow anything more.",
        given=[share("anna", "ben"), share("anna", "ben", exam="mr"), share("ben", "carla")],
        when=host_ends("ben", reshares="RESTRICT"),
        outcome=refused(reason("HAS_RESHARES", grants=[grant("ben", "carla")])),
        then=[can("ben", "VIEW"), can("ben", "VIEW", "mr")],
    ),
    "the policy can make RESTRICT the default": case(
        "Without reshares in the request, the policy's default applies.",
        policy={"reshares": "RESTRICT"},
        given=[share("anna", "ben"), share("ben", "carla")],
        when=unshare("anna", "ben"),
        outcome=refused(reason("HAS_RESHARES", grants=[grant("ben", "carla")])),
    ),
    "HAS_RESHARES names no grants to an actor without access": case(
        "HAS_RESHARES carries no parameters for an actor without access.",
        given=[*passed_on("anna", "ben", "carla", "dan"), unshare("anna", "ben")],
        when=unshare("ben", "carla", reshares="RESTRICT"),
        outcome=refused("HAS_RESHARES"),
    ),
    "a preview reports which re-shares restrict": case(
        "A preview does not raise for a rule: it returns the reasons.",
        given=[share("anna", "ben"), share("ben", "carla")],
        then=preview(
            unshare("anna", "ben", reshares="RESTRICT"),
            reasons=[reason("HAS_RESHARES", grants=[grant("ben", "carla")])],
        ),
    ),
}

CASCADED: Final = {
    "a cascade ends re-shares however far they go": case(
        "CASCADE: a touched grant without support ends.",
        given=passed_on("anna", "ben", "carla", "dan"),
        when=unshare("anna", "ben", reshares="CASCADE"),
        outcome=ended(grant("anna", "ben"), grant("ben", "carla"), grant("carla", "dan")),
        then=[cannot("ben", "VIEW"), cannot("carla", "VIEW"), cannot("dan", "VIEW")],
    ),
    "the policy can make CASCADE the default": case(
        "Without reshares in the request, the policy's default applies.",
        policy={"reshares": "CASCADE"},
        given=[share("anna", "ben"), share("ben", "carla")],
        when=unshare("anna", "ben"),
        outcome=ended(grant("anna", "ben"), grant("ben", "carla")),
        then=cannot("carla", "VIEW"),
    ),
    "a cascade spares a re-share whose grantor holds the exam another way": case(
        "CASCADE: a re-share stands while its grantor holds as much another way.",
        given=[share("anna", "dan", "group:nurses"), share("dan", "ben")],
        when=unshare("anna", "dan", reshares="CASCADE"),
        outcome=ended(
            grant("anna", "dan"), left_standing=[grant("dan", "ben")], still_have_access=["dan"]
        ),
        then=can("ben", "VIEW"),
    ),
    "a circle of re-shares supports nothing": case(
        "CASCADE: a circle supports nothing, and order does not matter.",
        given=passed_on("anna", "ben", "carla", "ben"),
        when=unshare("anna", "ben", reshares="CASCADE"),
        outcome=ended(grant("anna", "ben"), grant("ben", "carla"), grant("carla", "ben")),
        then=[cannot("ben", "VIEW"), cannot("carla", "VIEW")],
    ),
    "a cascade narrows a re-share that is supported in part": case(
        "CASCADE: a touched grant keeps the part that is still supported.",
        given=DOWNLOADS,
        when=narrow("anna", "ben", permission="VIEW", reshares="CASCADE"),
        outcome=ended(
            grant("anna", "ben", "DOWNLOAD"),
            grant("ben", "carla", "DOWNLOAD"),
            replaced_by=[grant("anna", "ben"), grant("ben", "carla")],
        ),
        then=[can("carla", "VIEW"), cannot("carla", "DOWNLOAD")],
    ),
    "a cascade cuts a re-share to the time of its source": case(
        "CASCADE: support gives at least that permission for at least that long.",
        given=[share("anna", "ben"), share("ben", "carla")],
        when=narrow("anna", "ben", until=DAY, reshares="CASCADE"),
        outcome=ended(
            grant("anna", "ben"),
            grant("ben", "carla"),
            replaced_by=[grant("anna", "ben", until=DAY), grant("ben", "carla", until=DAY)],
        ),
    ),
    "a cascade from one grant ends the re-shares that rest on it": case(
        "CASCADE: a touched grant without support ends.",
        given=[share("anna", "ben"), share("ben", "carla")],
        when=end_grant("anna", "anna", "ben", reshares="CASCADE"),
        outcome=ended(grant("anna", "ben"), grant("ben", "carla")),
        then=[cannot("ben", "VIEW"), cannot("carla", "VIEW")],
    ),
    "a cascade from one of two grants spares re-shares that rest on both": case(
        "CASCADE: a re-share stands while its grantor holds as much another way.",
        given=[share("anna", "ben", "dan"), *passed_on("dan", "ben", "carla")],
        when=end_grant("anna", "dan", "ben", reshares="CASCADE"),
        outcome=ended(
            grant("dan", "ben"), left_standing=[grant("ben", "carla")], still_have_access=["ben"]
        ),
        then=[can("ben", "VIEW"), can("carla", "VIEW")],
    ),
    "giving up access can cascade": case(
        "CASCADE: whoever may end a grant may let its end cascade.",
        given=[share("anna", "ben"), share("ben", "carla")],
        when=unshare("ben", "ben", reshares="CASCADE"),
        outcome=ended(grant("anna", "ben"), grant("ben", "carla")),
        then=cannot("carla", "VIEW"),
    ),
    "an end by the host can cascade": case(
        "CASCADE: the host may let an end cascade.",
        given=[share("anna", "ben"), share("anna", "ben", exam="mr"), share("ben", "carla")],
        when=host_ends("ben", reshares="CASCADE"),
        outcome=ended(grant("anna", "ben"), grant("ben", "carla"), grant("anna", "ben", exam="mr")),
        then=cannot("carla", "VIEW"),
    ),
    "an end by the host cascades if the policy says so": case(
        "Without reshares, the policy's default applies to the host too.",
        policy={"reshares": "CASCADE"},
        given=[share("anna", "ben"), share("ben", "carla")],
        when=host_ends("ben", "ct"),
        outcome=ended(grant("anna", "ben"), grant("ben", "carla")),
    ),
    "a preview of a cascade reports who else would lose access": case(
        "A preview reports who would lose what on which exam.",
        given=[share("anna", "ben"), share("ben", "carla")],
        then=preview(
            unshare("anna", "ben", reshares="CASCADE"), losses=[("ben", "VIEW"), ("carla", "VIEW")]
        ),
    ),
}

SUPPORT: Final = {
    "a re-share rests on the narrowed replacement of its source": case(
        "A grant that rests on a narrowed grant rests also on its replacement.",
        given=[
            share_download("anna", "ben"),
            share("ben", "carla"),
            narrow("anna", "ben", permission="VIEW"),
        ],
        when=unshare("anna", "ben", reshares="CASCADE"),
        outcome=ended(grant("anna", "ben"), grant("ben", "carla")),
        then=cannot("carla", "VIEW"),
    ),
    "a re-share beyond a narrowed source rests on the replacement of that source": case(
        "A grant that rests on a narrowed grant rests also on its replacement.",
        given=[*DOWNLOADS, narrow("anna", "ben", permission="VIEW")],
        when=unshare("anna", "ben", reshares="CASCADE"),
        outcome=ended(grant("anna", "ben"), grant("ben", "carla", "DOWNLOAD")),
        then=cannot("carla", "VIEW"),
    ),
    "a narrowed re-share still rests on its source": case(
        "A replacement takes over the version and basis of the grant that it replaces.",
        given=[*DOWNLOADS, narrow("ben", "carla", permission="VIEW")],
        when=unshare("anna", "ben", reshares="CASCADE"),
        outcome=ended(grant("anna", "ben", "DOWNLOAD"), grant("ben", "carla")),
        then=cannot("carla", "VIEW"),
    ),
    "a cascade leaves alone a re-share that outlived its own source": case(
        "A grant is touched if it had support, or rests on a grant that the act ends.",
        given=[
            *passed_on("anna", "ben", "carla"),
            unshare("anna", "ben"),
            *passed_on("anna", "eva", "dan"),
        ],
        when=unshare("anna", "eva", reshares="CASCADE"),
        outcome=ended(grant("anna", "eva"), grant("eva", "dan")),
        then=[can("carla", "VIEW"), cannot("dan", "VIEW")],
    ),
    "a cascade from a re-share that outlived its source ends what rests on it": case(
        "A grant is touched if it had support, or rests on a grant that the act ends.",
        given=[*passed_on("anna", "ben", "carla", "dan", "eva"), unshare("anna", "ben")],
        when=unshare("anna", "carla", reshares="CASCADE"),
        outcome=ended(grant("ben", "carla"), grant("carla", "dan"), grant("dan", "eva")),
        then=[cannot("dan", "VIEW"), cannot("eva", "VIEW")],
    ),
    "a cascade leaves alone a re-share that exceeded its grantor before": case(
        "A grant is touched if it had support, or rests on a grant that the act ends.",
        given=[
            share_download("anna", "ben"),
            share("anna", "eva"),
            share_download("ben", "carla"),
            unshare("anna", "ben"),
            share("eva", "ben"),
        ],
        when=unshare("anna", "eva", reshares="CASCADE"),
        outcome=ended(grant("anna", "eva"), grant("eva", "ben")),
        then=[cannot("ben", "VIEW"), can("carla", "DOWNLOAD")],
    ),
    "a re-share that found another support ends with it": case(
        "A grant is touched if it had support, or rests on a grant that the act ends.",
        given=[
            share("anna", "ben"),
            share("anna", "eva"),
            share("ben", "carla"),
            share("eva", "ben"),
            end_grant("anna", "anna", "ben"),
        ],
        when=unshare("eva", "ben", reshares="CASCADE"),
        outcome=ended(grant("ben", "carla"), grant("eva", "ben")),
        then=cannot("carla", "VIEW"),
    ),
    "a re-share by a former member of a group rests on the group's grant": case(
        "A grant is touched if it had support, or rests on a grant that the act ends.",
        given=[share("anna", "group:nurses"), share("dan", "ben"), set_group("nurses", "eva")],
        when=unshare("anna", "group:nurses", reshares="CASCADE"),
        outcome=ended(grant("anna", "group:nurses"), grant("dan", "ben")),
        then=cannot("ben", "VIEW"),
    ),
    "a new member of a group has support from the group's grant": case(
        "Support comes from grants to the grantor or to groups they are in now.",
        given=[
            *passed_on("anna", "ben", "carla"),
            share("anna", "group:nurses"),
            set_group("nurses", "dan", "eva", "ben"),
        ],
        when=unshare("anna", "ben", reshares="CASCADE"),
        outcome=ended(
            grant("anna", "ben"), left_standing=[grant("ben", "carla")], still_have_access=["ben"]
        ),
        then=can("carla", "VIEW"),
    ),
    "a cascade can leave view for good and download for a time": case(
        "One grant remains for each permission still supported, for as long as it is.",
        given=DOWNLOAD_AND_VIEW,
        when=narrow("eva", "ben", until=DAY, reshares="CASCADE"),
        outcome=ended(
            grant("ben", "carla", "DOWNLOAD"),
            grant("eva", "ben", "DOWNLOAD"),
            replaced_by=[
                grant("ben", "carla", "DOWNLOAD", DAY),
                grant("ben", "carla"),
                grant("eva", "ben", "DOWNLOAD", DAY),
            ],
            still_have_access=["ben", "carla"],
        ),
        then=can("carla", "DOWNLOAD"),
    ),
    "a cascade leaves view if only download lost its source": case(
        "CASCADE: a touched grant keeps the part that is still supported.",
        given=DOWNLOAD_AND_VIEW,
        when=unshare("eva", "ben", reshares="CASCADE"),
        outcome=ended(
            grant("ben", "carla", "DOWNLOAD"),
            grant("eva", "ben", "DOWNLOAD"),
            replaced_by=[grant("ben", "carla")],
            still_have_access=["ben", "carla"],
        ),
        then=[can("carla", "VIEW"), cannot("carla", "DOWNLOAD")],
    ),
    "grants by an inactive user give support": case(
        "Grants that an inactive user made count as support.",
        given=[
            share("anna", "ben", "dan"),
            share("ben", "carla"),
            *passed_on("dan", "carla", "eva"),
            set_user("ben", active=False),
        ],
        when=unshare("anna", "dan", reshares="CASCADE"),
        outcome=ended(grant("anna", "dan"), grant("dan", "carla"), still_have_access=["carla"]),
        then=[can("carla", "VIEW"), can("eva", "VIEW")],
    ),
    "a cascade ends re-shares by an inactive user": case(
        "CASCADE: a touched grant without support ends.",
        given=[*passed_on("anna", "ben", "carla"), set_user("ben", active=False)],
        when=unshare("anna", "ben", reshares="CASCADE"),
        outcome=ended(grant("anna", "ben"), grant("ben", "carla")),
        then=cannot("carla", "VIEW"),
    ),
    "a re-share for a shorter time stands while its grantor holds as much another way": case(
        "CASCADE: support gives at least that permission for at least that long.",
        given=[
            share("anna", "ben"),
            share("anna", "dan", until=DAY),
            share("dan", "ben"),
            share("ben", "carla", until=DAY),
        ],
        when=narrow("anna", "ben", until=DAY, reshares="CASCADE"),
        outcome=ended(
            grant("anna", "ben"),
            replaced_by=[grant("anna", "ben", until=DAY)],
            left_standing=[grant("ben", "carla", until=DAY)],
        ),
    ),
}

CASES: Final = {**KEPT, **RESTRICTED, **CASCADED, **SUPPORT}
