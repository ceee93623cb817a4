"""Re-shares: kept, restricting an end, or ended by a cascade.

Specification: `#re-shares`.
"""

from functools import partial
from typing import Final

from exam_sharing.testing.cases.builders import case, host_ends
from exam_sharing.testing.cases.people import DAY, passed_on, reason
from exam_sharing.testing.cases.topics import After, anna, ben, carla, dan, eva, nurses

DOWNLOADS: Final = [anna.share_download(ben), ben.share_download(carla)]

download_and_view: Final = partial(
    case,
    given=[
        anna.share(dan),
        *passed_on(anna, eva, ben, permission="DOWNLOAD"),
        dan.share(ben),
        ben.share_download(carla),
    ],
)
"""Ben has download from Éva and view from Dan, and passes download on to Carla."""

CASES: Final = {
    "KEEP (the default): a re-share stands until somebody unshares it.": {
        "a re-share stands after its source is unshared": After.reshare(
            when=anna.unshare(ben).ended(anna.grant(ben), left_standing=[ben.grant(carla)]),
            then=[ben.cannot_view(), carla.can_view()],
        ),
        "a re-share stands after the one grant under it ends": After.reshare(
            when=anna.end(anna.grant(ben)).ended(anna.grant(ben), left_standing=[ben.grant(carla)]),
            then=[ben.cannot_view(), carla.can_view()],
        ),
        "the receipt of a narrowing reports re-shares that were left standing": case(
            given=DOWNLOADS,
            when=anna.narrow_to_view(ben).cut_to_view(
                anna.grant(ben), left_standing=[ben.grant(carla, "DOWNLOAD")]
            ),
            then=[ben.cannot_download(), carla.can_download()],
        ),
    },
    "The request decides what becomes of re-shares, or else the policy.": {
        "an unshare can keep re-shares against the policy's default": After.reshare(
            policy={"reshares": "CASCADE"},
            when=anna.unshare(ben, reshares="KEEP").ended(
                anna.grant(ben), left_standing=[ben.grant(carla)]
            ),
            then=carla.can_view(),
        ),
        "the policy can make RESTRICT the default": After.reshare(
            policy={"reshares": "RESTRICT"},
            when=anna.unshare(ben).refused("HAS_RESHARES", grants=[ben.grant(carla)]),
        ),
        "the policy can make CASCADE the default": After.reshare(
            policy={"reshares": "CASCADE"},
            when=anna.unshare(ben).ended(anna.grant(ben), ben.grant(carla)),
            then=carla.cannot_view(),
        ),
        "an end by the host cascades if that is the policy's default": After.reshare(
            policy={"reshares": "CASCADE"},
            when=host_ends(ben, "ct").ended(anna.grant(ben), ben.grant(carla)),
        ),
    },
    "RESTRICT: HAS_RESHARES if a cascade would end or narrow anything more.": {
        "a re-share can restrict an unshare": After.reshare(
            when=anna.unshare(ben, reshares="RESTRICT").refused(
                "HAS_RESHARES", grants=[ben.grant(carla)]
            ),
            then=[ben.can_view(), carla.can_view()],
        ),
        "an unshare without re-shares is not restricted": After.share(
            when=anna.unshare(ben, reshares="RESTRICT").ended(anna.grant(ben))
        ),
        "a re-share can restrict the end of one grant": After.reshare(
            when=anna.end(anna.grant(ben), reshares="RESTRICT").refused(
                "HAS_RESHARES", grants=[ben.grant(carla)]
            ),
            then=[ben.can_view(), carla.can_view()],
        ),
        "a re-share with another support does not restrict the end of one grant": case(
            given=[anna.share(ben, dan), *passed_on(dan, ben, carla)],
            when=anna.end(dan.grant(ben), reshares="RESTRICT").ended(
                dan.grant(ben), left_standing=[ben.grant(carla)], still_have_access=[ben]
            ),
            then=carla.can_view(),
        ),
        "a re-share can restrict a narrowing": case(
            given=DOWNLOADS,
            when=anna.narrow_to_view(ben, reshares="RESTRICT").refused(
                "HAS_RESHARES", grants=[ben.grant(carla, "DOWNLOAD")]
            ),
            then=[ben.can_download(), carla.can_download()],
        ),
        "a re-share within the bound does not restrict a narrowing": case(
            given=[anna.share_download(ben), ben.share(carla)],
            when=anna.narrow_to_view(ben, reshares="RESTRICT").cut_to_view(
                anna.grant(ben), left_standing=[ben.grant(carla)]
            ),
            then=carla.can_view(),
        ),
        "a re-share on any exam restricts an end by the host everywhere": case(
            given=[anna.share(ben), anna.share(ben, exam="mr"), ben.share(carla)],
            when=host_ends(ben, reshares="RESTRICT").refused(
                "HAS_RESHARES", grants=[ben.grant(carla)]
            ),
            then=[ben.can_view(), ben.can_view("mr")],
        ),
        "HAS_RESHARES names no grants to an actor without access": case(
            given=[*passed_on(anna, ben, carla, dan), anna.unshare(ben)],
            when=ben.unshare(carla, reshares="RESTRICT").refused("HAS_RESHARES"),
        ),
        "a preview reports which re-shares restrict": After.reshare(
            then=anna.unshare(ben, reshares="RESTRICT").previewed(
                reason("HAS_RESHARES", grants=[ben.grant(carla)])
            )
        ),
    },
    "CASCADE: a touched grant keeps what is still supported, and otherwise ends.": {
        "a cascade ends re-shares however far they go": case(
            given=passed_on(anna, ben, carla, dan),
            when=anna.unshare(ben, reshares="CASCADE").ended(
                anna.grant(ben), ben.grant(carla), carla.grant(dan)
            ),
            then=[ben.cannot_view(), carla.cannot_view(), dan.cannot_view()],
        ),
        "a cascade spares a re-share whose grantor holds the exam another way": case(
            given=[anna.share(dan, nurses), dan.share(ben)],
            when=anna.unshare(dan, reshares="CASCADE").ended(
                anna.grant(dan), left_standing=[dan.grant(ben)], still_have_access=[dan]
            ),
            then=ben.can_view(),
        ),
        "a circle of re-shares supports nothing": case(
            given=passed_on(anna, ben, carla, ben),
            when=anna.unshare(ben, reshares="CASCADE").ended(
                anna.grant(ben), ben.grant(carla), carla.grant(ben)
            ),
            then=[ben.cannot_view(), carla.cannot_view()],
        ),
        "a cascade narrows a re-share that is supported in part": case(
            given=DOWNLOADS,
            when=anna.narrow_to_view(ben, reshares="CASCADE").cut_to_view(
                anna.grant(ben), ben.grant(carla)
            ),
            then=[carla.can_view(), carla.cannot_download()],
        ),
        "a cascade cuts a re-share to the time of its source": After.reshare(
            when=anna.narrow(ben, until=DAY, reshares="CASCADE").ended(
                anna.grant(ben),
                ben.grant(carla),
                replaced_by=[anna.grant(ben, until=DAY), ben.grant(carla, until=DAY)],
            )
        ),
        "a cascade from one grant ends the re-shares that rest on it": After.reshare(
            when=anna.end(anna.grant(ben), reshares="CASCADE").ended(
                anna.grant(ben), ben.grant(carla)
            ),
            then=[ben.cannot_view(), carla.cannot_view()],
        ),
        "a cascade from one of two grants spares re-shares that rest on both": case(
            given=[anna.share(ben, dan), *passed_on(dan, ben, carla)],
            when=anna.end(dan.grant(ben), reshares="CASCADE").ended(
                dan.grant(ben), left_standing=[ben.grant(carla)], still_have_access=[ben]
            ),
            then=[ben.can_view(), carla.can_view()],
        ),
        "giving up access can cascade": After.reshare(
            when=ben.unshare(ben, reshares="CASCADE").ended(anna.grant(ben), ben.grant(carla)),
            then=carla.cannot_view(),
        ),
        "an end by the host can cascade": case(
            given=[anna.share(ben), anna.share(ben, exam="mr"), ben.share(carla)],
            when=host_ends(ben, reshares="CASCADE").ended(
                anna.grant(ben), ben.grant(carla), anna.grant(ben, exam="mr")
            ),
            then=carla.cannot_view(),
        ),
        "a preview of a cascade reports who else would lose access": After.reshare(
            then=anna.unshare(ben, reshares="CASCADE").previewed(losses=[ben, carla])
        ),
        "a cascade can leave view for good and download for a time": download_and_view(
            when=eva.narrow(ben, until=DAY, reshares="CASCADE").ended(
                ben.grant(carla, "DOWNLOAD"),
                eva.grant(ben, "DOWNLOAD"),
                replaced_by=[
                    ben.grant(carla, "DOWNLOAD", DAY),
                    ben.grant(carla),
                    eva.grant(ben, "DOWNLOAD", DAY),
                ],
                still_have_access=[ben, carla],
            ),
            then=carla.can_download(),
        ),
        "a cascade leaves view if only download lost its source": download_and_view(
            when=eva.unshare(ben, reshares="CASCADE").ended(
                ben.grant(carla, "DOWNLOAD"),
                eva.grant(ben, "DOWNLOAD"),
                replaced_by=[ben.grant(carla)],
                still_have_access=[ben, carla],
            ),
            then=[carla.can_view(), carla.cannot_download()],
        ),
        "a cascade ends re-shares by an inactive user": case(
            given=[*passed_on(anna, ben, carla), ben.becomes(active=False)],
            when=anna.unshare(ben, reshares="CASCADE").ended(anna.grant(ben), ben.grant(carla)),
            then=carla.cannot_view(),
        ),
        "a re-share for a shorter time stands while its grantor holds as much another way": case(
            given=[
                anna.share(ben),
                anna.share(dan, until=DAY),
                dan.share(ben),
                ben.share(carla, until=DAY),
            ],
            when=anna.narrow(ben, until=DAY, reshares="CASCADE").ended(
                anna.grant(ben),
                replaced_by=[anna.grant(ben, until=DAY)],
                left_standing=[ben.grant(carla, until=DAY)],
            ),
        ),
    },
    "Support comes from grants to the grantor, or to groups that they are in now.": {
        "a new member of a group has support from the group's grant": case(
            given=[*passed_on(anna, ben, carla), anna.share(nurses), nurses.becomes(dan, eva, ben)],
            when=anna.unshare(ben, reshares="CASCADE").ended(
                anna.grant(ben), left_standing=[ben.grant(carla)], still_have_access=[ben]
            ),
            then=carla.can_view(),
        ),
        "grants by an inactive user give support": case(
            given=[
                anna.share(ben, dan),
                ben.share(carla),
                *passed_on(dan, carla, eva),
                ben.becomes(active=False),
            ],
            when=anna.unshare(dan, reshares="CASCADE").ended(
                anna.grant(dan), dan.grant(carla), still_have_access=[carla]
            ),
            then=[carla.can_view(), eva.can_view()],
        ),
    },
    "A grant that rests on a narrowed grant rests also on its replacement.": {
        "a re-share rests on the narrowed replacement of its source": case(
            given=[anna.share_download(ben), ben.share(carla), anna.narrow_to_view(ben)],
            when=anna.unshare(ben, reshares="CASCADE").ended(anna.grant(ben), ben.grant(carla)),
            then=carla.cannot_view(),
        ),
        "a re-share beyond a narrowed source rests on the replacement of that source": case(
            given=[*DOWNLOADS, anna.narrow_to_view(ben)],
            when=anna.unshare(ben, reshares="CASCADE").ended(
                anna.grant(ben), ben.grant(carla, "DOWNLOAD")
            ),
            then=carla.cannot_view(),
        ),
        "a narrowed re-share still rests on its source": case(
            given=[*DOWNLOADS, ben.narrow_to_view(carla)],
            when=anna.unshare(ben, reshares="CASCADE").ended(
                anna.grant(ben, "DOWNLOAD"), ben.grant(carla)
            ),
            then=carla.cannot_view(),
        ),
    },
    "A grant is touched if it had support, or rests on a grant that the act ends.": {
        "a cascade leaves alone a re-share that outlived its own source": case(
            given=[*passed_on(anna, ben, carla), anna.unshare(ben), *passed_on(anna, eva, dan)],
            when=anna.unshare(eva, reshares="CASCADE").ended(anna.grant(eva), eva.grant(dan)),
            then=[carla.can_view(), dan.cannot_view()],
        ),
        "a cascade from a re-share that outlived its source ends what rests on it": case(
            given=[*passed_on(anna, ben, carla, dan, eva), anna.unshare(ben)],
            when=anna.unshare(carla, reshares="CASCADE").ended(
                ben.grant(carla), carla.grant(dan), dan.grant(eva)
            ),
            then=[dan.cannot_view(), eva.cannot_view()],
        ),
        "a cascade leaves alone a re-share that exceeded its grantor before": case(
            given=[
                anna.share_download(ben),
                anna.share(eva),
                ben.share_download(carla),
                anna.unshare(ben),
                eva.share(ben),
            ],
            when=anna.unshare(eva, reshares="CASCADE").ended(anna.grant(eva), eva.grant(ben)),
            then=[ben.cannot_view(), carla.can_download()],
        ),
        "a re-share that found another support ends with it": case(
            given=[
                anna.share(ben),
                anna.share(eva),
                ben.share(carla),
                eva.share(ben),
                anna.end(anna.grant(ben)),
            ],
            when=eva.unshare(ben, reshares="CASCADE").ended(ben.grant(carla), eva.grant(ben)),
            then=carla.cannot_view(),
        ),
        "a re-share by a former member of a group rests on the group's grant": case(
            given=[anna.share(nurses), dan.share(ben), nurses.becomes(eva)],
            when=anna.unshare(nurses, reshares="CASCADE").ended(anna.grant(nurses), dan.grant(ben)),
            then=ben.cannot_view(),
        ),
    },
}
