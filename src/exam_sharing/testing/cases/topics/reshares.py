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

CASES: Final = {
    "KEEP (the default): a re-share stands until somebody unshares it.": {
        "a re-share stands after its source is unshared": case(
            given=[share("anna", "ben"), share("ben", "carla")],
            when=unshare("anna", "ben"),
            outcome=ended(grant("anna", "ben"), left_standing=[grant("ben", "carla")]),
            then=[cannot("ben", "VIEW"), can("carla", "VIEW")],
        ),
        "a re-share stands after the one grant under it ends": case(
            given=[share("anna", "ben"), share("ben", "carla")],
            when=end_grant("anna", "anna", "ben"),
            outcome=ended(grant("anna", "ben"), left_standing=[grant("ben", "carla")]),
            then=[cannot("ben", "VIEW"), can("carla", "VIEW")],
        ),
        "the receipt of a narrowing reports re-shares that were left standing": case(
            given=DOWNLOADS,
            when=narrow("anna", "ben", permission="VIEW"),
            outcome=ended(
                grant("anna", "ben", "DOWNLOAD"),
                replaced_by=[grant("anna", "ben")],
                left_standing=[grant("ben", "carla", "DOWNLOAD")],
            ),
            then=[cannot("ben", "DOWNLOAD"), can("carla", "DOWNLOAD")],
        ),
    },
    "The request decides what becomes of re-shares, or else the policy.": {
        "an unshare can keep re-shares against the policy's default": case(
            policy={"reshares": "CASCADE"},
            given=[share("anna", "ben"), share("ben", "carla")],
            when=unshare("anna", "ben", reshares="KEEP"),
            outcome=ended(grant("anna", "ben"), left_standing=[grant("ben", "carla")]),
            then=can("carla", "VIEW"),
        ),
        "the policy can make RESTRICT the default": case(
            policy={"reshares": "RESTRICT"},
            given=[share("anna", "ben"), share("ben", "carla")],
            when=unshare("anna", "ben"),
            outcome=refused(reason("HAS_RESHARES", grants=[grant("ben", "carla")])),
        ),
        "the policy can make CASCADE the default": case(
            policy={"reshares": "CASCADE"},
            given=[share("anna", "ben"), share("ben", "carla")],
            when=unshare("anna", "ben"),
            outcome=ended(grant("anna", "ben"), grant("ben", "carla")),
            then=cannot("carla", "VIEW"),
        ),
        "an end by the host cascades if that is the policy's default": case(
            policy={"reshares": "CASCADE"},
            given=[share("anna", "ben"), share("ben", "carla")],
            when=host_ends("ben", "ct"),
            outcome=ended(grant("anna", "ben"), grant("ben", "carla")),
        ),
    },
    "RESTRICT: HAS_RESHARES if a cascade would end or narrow anything more.": {
        "a re-share can restrict an unshare": case(
            given=[share("anna", "ben"), share("ben", "carla")],
            when=unshare("anna", "ben", reshares="RESTRICT"),
            outcome=refused(reason("HAS_RESHARES", grants=[grant("ben", "carla")])),
            then=[can("ben", "VIEW"), can("carla", "VIEW")],
        ),
        "an unshare without re-shares is not restricted": case(
            given=share("anna", "ben"),
            when=unshare("anna", "ben", reshares="RESTRICT"),
            outcome=ended(grant("anna", "ben")),
        ),
        "a re-share can restrict the end of one grant": case(
            given=[share("anna", "ben"), share("ben", "carla")],
            when=end_grant("anna", "anna", "ben", reshares="RESTRICT"),
            outcome=refused(reason("HAS_RESHARES", grants=[grant("ben", "carla")])),
            then=[can("ben", "VIEW"), can("carla", "VIEW")],
        ),
        "a re-share with another support does not restrict the end of one grant": case(
            given=[share("anna", "ben", "dan"), *passed_on("dan", "ben", "carla")],
            when=end_grant("anna", "dan", "ben", reshares="RESTRICT"),
            outcome=ended(
                grant("dan", "ben"),
                left_standing=[grant("ben", "carla")],
                still_have_access=["ben"],
            ),
            then=can("carla", "VIEW"),
        ),
        "a re-share can restrict a narrowing": case(
            given=DOWNLOADS,
            when=narrow("anna", "ben", permission="VIEW", reshares="RESTRICT"),
            outcome=refused(reason("HAS_RESHARES", grants=[grant("ben", "carla", "DOWNLOAD")])),
            then=[can("ben", "DOWNLOAD"), can("carla", "DOWNLOAD")],
        ),
        "a re-share within the bound does not restrict a narrowing": case(
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
            given=[share("anna", "ben"), share("anna", "ben", exam="mr"), share("ben", "carla")],
            when=host_ends("ben", reshares="RESTRICT"),
            outcome=refused(reason("HAS_RESHARES", grants=[grant("ben", "carla")])),
            then=[can("ben", "VIEW"), can("ben", "VIEW", "mr")],
        ),
        "HAS_RESHARES names no grants to an actor without access": case(
            given=[*passed_on("anna", "ben", "carla", "dan"), unshare("anna", "ben")],
            when=unshare("ben", "carla", reshares="RESTRICT"),
            outcome=refused("HAS_RESHARES"),
        ),
        "a preview reports which re-shares restrict": case(
            given=[share("anna", "ben"), share("ben", "carla")],
            then=preview(
                unshare("anna", "ben", reshares="RESTRICT"),
                reasons=[reason("HAS_RESHARES", grants=[grant("ben", "carla")])],
            ),
        ),
    },
    "CASCADE: a touched grant keeps what is still supported, and otherwise ends.": {
        "a cascade ends re-shares however far they go": case(
            given=passed_on("anna", "ben", "carla", "dan"),
            when=unshare("anna", "ben", reshares="CASCADE"),
            outcome=ended(grant("anna", "ben"), grant("ben", "carla"), grant("carla", "dan")),
            then=[cannot("ben", "VIEW"), cannot("carla", "VIEW"), cannot("dan", "VIEW")],
        ),
        "a cascade spares a re-share whose grantor holds the exam another way": case(
            given=[share("anna", "dan", "group:nurses"), share("dan", "ben")],
            when=unshare("anna", "dan", reshares="CASCADE"),
            outcome=ended(
                grant("anna", "dan"), left_standing=[grant("dan", "ben")], still_have_access=["dan"]
            ),
            then=can("ben", "VIEW"),
        ),
        "a circle of re-shares supports nothing": case(
            given=passed_on("anna", "ben", "carla", "ben"),
            when=unshare("anna", "ben", reshares="CASCADE"),
            outcome=ended(grant("anna", "ben"), grant("ben", "carla"), grant("carla", "ben")),
            then=[cannot("ben", "VIEW"), cannot("carla", "VIEW")],
        ),
        "a cascade narrows a re-share that is supported in part": case(
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
            given=[share("anna", "ben"), share("ben", "carla")],
            when=narrow("anna", "ben", until=DAY, reshares="CASCADE"),
            outcome=ended(
                grant("anna", "ben"),
                grant("ben", "carla"),
                replaced_by=[grant("anna", "ben", until=DAY), grant("ben", "carla", until=DAY)],
            ),
        ),
        "a cascade from one grant ends the re-shares that rest on it": case(
            given=[share("anna", "ben"), share("ben", "carla")],
            when=end_grant("anna", "anna", "ben", reshares="CASCADE"),
            outcome=ended(grant("anna", "ben"), grant("ben", "carla")),
            then=[cannot("ben", "VIEW"), cannot("carla", "VIEW")],
        ),
        "a cascade from one of two grants spares re-shares that rest on both": case(
            given=[share("anna", "ben", "dan"), *passed_on("dan", "ben", "carla")],
            when=end_grant("anna", "dan", "ben", reshares="CASCADE"),
            outcome=ended(
                grant("dan", "ben"),
                left_standing=[grant("ben", "carla")],
                still_have_access=["ben"],
            ),
            then=[can("ben", "VIEW"), can("carla", "VIEW")],
        ),
        "giving up access can cascade": case(
            given=[share("anna", "ben"), share("ben", "carla")],
            when=unshare("ben", "ben", reshares="CASCADE"),
            outcome=ended(grant("anna", "ben"), grant("ben", "carla")),
            then=cannot("carla", "VIEW"),
        ),
        "an end by the host can cascade": case(
            given=[share("anna", "ben"), share("anna", "ben", exam="mr"), share("ben", "carla")],
            when=host_ends("ben", reshares="CASCADE"),
            outcome=ended(
                grant("anna", "ben"), grant("ben", "carla"), grant("anna", "ben", exam="mr")
            ),
            then=cannot("carla", "VIEW"),
        ),
        "a preview of a cascade reports who else would lose access": case(
            given=[share("anna", "ben"), share("ben", "carla")],
            then=preview(
                unshare("anna", "ben", reshares="CASCADE"),
                losses=[("ben", "VIEW"), ("carla", "VIEW")],
            ),
        ),
        "a cascade can leave view for good and download for a time": case(
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
        "a cascade ends re-shares by an inactive user": case(
            given=[*passed_on("anna", "ben", "carla"), set_user("ben", active=False)],
            when=unshare("anna", "ben", reshares="CASCADE"),
            outcome=ended(grant("anna", "ben"), grant("ben", "carla")),
            then=cannot("carla", "VIEW"),
        ),
        "a re-share for a shorter time stands while its grantor holds as much another way": case(
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
    },
    "Support comes from grants to the grantor, or to groups that they are in now.": {
        "a new member of a group has support from the group's grant": case(
            given=[
                *passed_on("anna", "ben", "carla"),
                share("anna", "group:nurses"),
                set_group("nurses", "dan", "eva", "ben"),
            ],
            when=unshare("anna", "ben", reshares="CASCADE"),
            outcome=ended(
                grant("anna", "ben"),
                left_standing=[grant("ben", "carla")],
                still_have_access=["ben"],
            ),
            then=can("carla", "VIEW"),
        ),
        "grants by an inactive user give support": case(
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
    },
    "A grant that rests on a narrowed grant rests also on its replacement.": {
        "a re-share rests on the narrowed replacement of its source": case(
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
            given=[*DOWNLOADS, narrow("anna", "ben", permission="VIEW")],
            when=unshare("anna", "ben", reshares="CASCADE"),
            outcome=ended(grant("anna", "ben"), grant("ben", "carla", "DOWNLOAD")),
            then=cannot("carla", "VIEW"),
        ),
        "a narrowed re-share still rests on its source": case(
            given=[*DOWNLOADS, narrow("ben", "carla", permission="VIEW")],
            when=unshare("anna", "ben", reshares="CASCADE"),
            outcome=ended(grant("anna", "ben", "DOWNLOAD"), grant("ben", "carla")),
            then=cannot("carla", "VIEW"),
        ),
    },
    "A grant is touched if it had support, or rests on a grant that the act ends.": {
        "a cascade leaves alone a re-share that outlived its own source": case(
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
            given=[*passed_on("anna", "ben", "carla", "dan", "eva"), unshare("anna", "ben")],
            when=unshare("anna", "carla", reshares="CASCADE"),
            outcome=ended(grant("ben", "carla"), grant("carla", "dan"), grant("dan", "eva")),
            then=[cannot("dan", "VIEW"), cannot("eva", "VIEW")],
        ),
        "a cascade leaves alone a re-share that exceeded its grantor before": case(
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
            given=[share("anna", "group:nurses"), share("dan", "ben"), set_group("nurses", "eva")],
            when=unshare("anna", "group:nurses", reshares="CASCADE"),
            outcome=ended(grant("anna", "group:nurses"), grant("dan", "ben")),
            then=cannot("ben", "VIEW"),
        ),
    },
}
