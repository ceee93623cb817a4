"""Re-shares: kept, restricting an end, or ended by a cascade.

Specification: `#re-shares`.
"""

from functools import partial
from typing import Final

from exam_sharing.testing.cases.builders import case, host_ends
from exam_sharing.testing.cases.people import DAY, passed_on, reason
from exam_sharing.testing.cases.topics import After, anna, ben, carla, dan, eva, nurses

download_and_view: Final = partial(
    case,
    anna.share(dan),
    *passed_on(anna, eva, ben, permission="DOWNLOAD"),
    dan.share(ben),
    ben.share_download(carla),
)
"""Ben has download from Éva and view from Dan, and passes download on to Carla."""

CASES: Final = {
    "KEEP (the default): a re-share stands until somebody unshares it.": {
        "a re-share stands after its source is unshared": After.reshare(
            anna.unshare(ben).ended(left_standing=[ben.grant(carla)]),
            [ben.cannot_view(), carla.can_view()],
        ),
        "a re-share stands after the one grant under it ends": After.reshare(
            anna.end(anna.grant(ben)).ended(left_standing=[ben.grant(carla)]),
            [ben.cannot_view(), carla.can_view()],
        ),
        "the receipt of a narrowing reports re-shares that were left standing": After.downloads(
            anna.narrow_to_view(ben).cut_to_view(left_standing=[ben.grant(carla, "DOWNLOAD")]),
            [ben.cannot_download(), carla.can_download()],
        ),
    },
    "The request decides what becomes of re-shares, or else the policy.": {
        "an unshare can keep re-shares against the policy's default": After.reshare(
            anna.unshare(ben, reshares="KEEP").ended(
                anna.grant(ben), left_standing=[ben.grant(carla)]
            ),
            carla.can_view(),
            reshares="CASCADE",
        ),
        "the policy can make RESTRICT the default": After.reshare(
            anna.unshare(ben).has_reshares(ben.grant(carla)), reshares="RESTRICT"
        ),
        "the policy can make CASCADE the default": After.reshare(
            anna.unshare(ben).ended(anna.grant(ben), ben.grant(carla)),
            carla.cannot_view(),
            reshares="CASCADE",
        ),
        "an end by the host cascades if that is the policy's default": After.reshare(
            host_ends(ben, "ct").ended(anna.grant(ben), ben.grant(carla)), reshares="CASCADE"
        ),
    },
    "RESTRICT: HAS_RESHARES if a cascade would end or narrow anything more.": {
        "a re-share can restrict an unshare": After.reshare(
            anna.unshare(ben).restricted(ben.grant(carla)), [ben.can_view(), carla.can_view()]
        ),
        "an unshare without re-shares is not restricted": After.share(
            anna.unshare(ben).restricting().ended()
        ),
        "a re-share can restrict the end of one grant": After.reshare(
            anna.end(anna.grant(ben)).restricted(ben.grant(carla)),
            [ben.can_view(), carla.can_view()],
        ),
        "a re-share with another support does not restrict the end of one grant": case(
            [anna.share(ben, dan), *passed_on(dan, ben, carla)],
            anna.end(dan.grant(ben))
            .restricting()
            .ended(left_standing=[ben.grant(carla)], still_have_access=[ben]),
            carla.can_view(),
        ),
        "a re-share can restrict a narrowing": After.downloads(
            anna.narrow_to_view(ben).restricted(ben.grant(carla, "DOWNLOAD")),
            [ben.can_download(), carla.can_download()],
        ),
        "a re-share within the bound does not restrict a narrowing": case(
            [anna.share_download(ben), ben.share(carla)],
            anna.narrow_to_view(ben).restricting().cut_to_view(left_standing=[ben.grant(carla)]),
            carla.can_view(),
        ),
        "a re-share on any exam restricts an end by the host everywhere": case(
            [anna.share(ben), anna.share(ben, exam="mr"), ben.share(carla)],
            host_ends(ben).restricted(ben.grant(carla)),
            [ben.can_view(), ben.can_view("mr")],
        ),
        "HAS_RESHARES names no grants to an actor without access": case(
            [*passed_on(anna, ben, carla, dan), anna.unshare(ben)],
            ben.unshare(carla).restricting().refused("HAS_RESHARES"),
        ),
        "a preview reports which re-shares restrict": After.reshare(
            anna.unshare(ben)
            .restricting()
            .previewed(reason("HAS_RESHARES", grants=[ben.grant(carla)]))
        ),
    },
    "CASCADE: a touched grant keeps what is still supported, and otherwise ends.": {
        "a cascade ends re-shares however far they go": case(
            passed_on(anna, ben, carla, dan),
            anna.unshare(ben).cascades(anna.grant(ben), ben.grant(carla), carla.grant(dan)),
            [ben.cannot_view(), carla.cannot_view(), dan.cannot_view()],
        ),
        "a cascade spares a re-share whose grantor holds the exam another way": case(
            [anna.share(dan, nurses), dan.share(ben)],
            anna.unshare(dan).cascades(left_standing=[dan.grant(ben)], still_have_access=[dan]),
            ben.can_view(),
        ),
        "a circle of re-shares supports nothing": case(
            passed_on(anna, ben, carla, ben),
            anna.unshare(ben).cascades(anna.grant(ben), ben.grant(carla), carla.grant(ben)),
            [ben.cannot_view(), carla.cannot_view()],
        ),
        "a cascade narrows a re-share that is supported in part": After.downloads(
            anna.narrow_to_view(ben).cascading().cut_to_view(anna.grant(ben), ben.grant(carla)),
            carla.can_only_view(),
        ),
        "a cascade cuts a re-share to the time of its source": After.reshare(
            anna.narrow(ben, until=DAY).cascades(
                anna.grant(ben),
                ben.grant(carla),
                replaced_by=[anna.grant(ben, until=DAY), ben.grant(carla, until=DAY)],
            )
        ),
        "a cascade from one grant ends the re-shares that rest on it": After.reshare(
            anna.end(anna.grant(ben)).cascades(anna.grant(ben), ben.grant(carla)),
            [ben.cannot_view(), carla.cannot_view()],
        ),
        "a cascade from one of two grants spares re-shares that rest on both": case(
            [anna.share(ben, dan), *passed_on(dan, ben, carla)],
            anna.end(dan.grant(ben)).cascades(
                left_standing=[ben.grant(carla)], still_have_access=[ben]
            ),
            [ben.can_view(), carla.can_view()],
        ),
        "giving up access can cascade": After.reshare(
            ben.unshare(ben).cascades(anna.grant(ben), ben.grant(carla)), carla.cannot_view()
        ),
        "an end by the host can cascade": case(
            [anna.share(ben), anna.share(ben, exam="mr"), ben.share(carla)],
            host_ends(ben).cascades(anna.grant(ben), ben.grant(carla), anna.grant(ben, exam="mr")),
            carla.cannot_view(),
        ),
        "a preview of a cascade reports who else would lose access": After.reshare(
            anna.unshare(ben).cascading().previewed(losses=[ben, carla])
        ),
        "a cascade can leave view for good and download for a time": download_and_view(
            eva.narrow(ben, until=DAY).cascades(
                ben.grant(carla, "DOWNLOAD"),
                eva.grant(ben, "DOWNLOAD"),
                replaced_by=[
                    ben.grant(carla, "DOWNLOAD", DAY),
                    ben.grant(carla),
                    eva.grant(ben, "DOWNLOAD", DAY),
                ],
                still_have_access=[ben, carla],
            ),
            carla.can_download(),
        ),
        "a cascade leaves view if only download lost its source": download_and_view(
            eva.unshare(ben).cascades(
                ben.grant(carla, "DOWNLOAD"),
                eva.grant(ben, "DOWNLOAD"),
                replaced_by=[ben.grant(carla)],
                still_have_access=[ben, carla],
            ),
            carla.can_only_view(),
        ),
        "a cascade ends re-shares by an inactive user": case(
            [*passed_on(anna, ben, carla), ben.becomes(active=False)],
            anna.unshare(ben).cascades(anna.grant(ben), ben.grant(carla)),
            carla.cannot_view(),
        ),
        "a re-share for a shorter time stands while its grantor holds as much another way": case(
            anna.share(ben),
            anna.share(dan, until=DAY),
            dan.share(ben),
            ben.share(carla, until=DAY),
            anna.narrow(ben, until=DAY).cascades(
                anna.grant(ben),
                replaced_by=[anna.grant(ben, until=DAY)],
                left_standing=[ben.grant(carla, until=DAY)],
            ),
        ),
    },
    "Support comes from grants to the grantor, or to groups that they are in now.": {
        "a new member of a group has support from the group's grant": case(
            [*passed_on(anna, ben, carla), anna.share(nurses), nurses.becomes(dan, eva, ben)],
            anna.unshare(ben).cascades(left_standing=[ben.grant(carla)], still_have_access=[ben]),
            carla.can_view(),
        ),
        "grants by an inactive user give support": case(
            anna.share(ben, dan),
            ben.share(carla),
            *passed_on(dan, carla, eva),
            ben.becomes(active=False),
            anna.unshare(dan).cascades(
                anna.grant(dan), dan.grant(carla), still_have_access=[carla]
            ),
            carla.can_view(),
            eva.can_view(),
        ),
    },
    "A grant that rests on a narrowed grant rests also on its replacement.": {
        "a re-share rests on the narrowed replacement of its source": case(
            [anna.share_download(ben), ben.share(carla), anna.narrow_to_view(ben)],
            anna.unshare(ben).cascades(anna.grant(ben), ben.grant(carla)),
            carla.cannot_view(),
        ),
        "a re-share beyond a narrowed source rests on the replacement of that source": case(
            [anna.share_download(ben), ben.share_download(carla), anna.narrow_to_view(ben)],
            anna.unshare(ben).cascades(anna.grant(ben), ben.grant(carla, "DOWNLOAD")),
            carla.cannot_view(),
        ),
        "a narrowed re-share still rests on its source": After.downloads(
            ben.narrow_to_view(carla),
            anna.unshare(ben).cascades(anna.grant(ben, "DOWNLOAD"), ben.grant(carla)),
            carla.cannot_view(),
        ),
    },
    "A grant is touched if it had support, or rests on a grant that the act ends.": {
        "a cascade leaves alone a re-share that outlived its own source": case(
            [*passed_on(anna, ben, carla), anna.unshare(ben), *passed_on(anna, eva, dan)],
            anna.unshare(eva).cascades(anna.grant(eva), eva.grant(dan)),
            [carla.can_view(), dan.cannot_view()],
        ),
        "a cascade from a re-share that outlived its source ends what rests on it": case(
            [*passed_on(anna, ben, carla, dan, eva), anna.unshare(ben)],
            anna.unshare(carla).cascades(ben.grant(carla), carla.grant(dan), dan.grant(eva)),
            [dan.cannot_view(), eva.cannot_view()],
        ),
        "a cascade leaves alone a re-share that exceeded its grantor before": After.download(
            anna.share(eva),
            ben.share_download(carla),
            anna.unshare(ben),
            eva.share(ben),
            anna.unshare(eva).cascades(anna.grant(eva), eva.grant(ben)),
            ben.cannot_view(),
            carla.can_download(),
        ),
        "a re-share that found another support ends with it": After.share(
            anna.share(eva),
            ben.share(carla),
            eva.share(ben),
            anna.end(anna.grant(ben)),
            eva.unshare(ben).cascades(ben.grant(carla), eva.grant(ben)),
            carla.cannot_view(),
        ),
        "a re-share by a former member of a group rests on the group's grant": case(
            [anna.share(nurses), dan.share(ben), nurses.becomes(eva)],
            anna.unshare(nurses).cascades(anna.grant(nurses), dan.grant(ben)),
            ben.cannot_view(),
        ),
    },
}
