"""Unsharing, ending one grant, narrowing, and ends by the host.

Specification: `#unsharing-and-narrowing`, `#by-the-host`.
"""

from functools import partial
from typing import Final

from exam_sharing.testing.cases.builders import case, clock, host_ends, withdraw
from exam_sharing.testing.cases.people import DAY, HOUR, NOW, WEEK, Group, board, passed_on, reason
from exam_sharing.testing.cases.topics import After, anna, ben, carla, dan, eva, nurses

DOWNLOADS: Final = [anna.share_download(ben), ben.share_download(carla)]
TWO_EXAMS: Final = [anna.share(ben), anna.share(ben, exam="mr")]
THREE_SHARES: Final = [anna.share(ben, nurses), ben.share(carla), anna.share(ben, exam="mr")]

ct_withdrawn: Final = partial(case, given=[*TWO_EXAMS, withdraw("ct")])
withdrawn: Final = partial(case, given=[*THREE_SHARES, withdraw("ct")])
carla_from_two: Final = partial(case, given=[anna.share(ben, carla), ben.share(carla)])
from_two: Final = partial(
    case, given=[anna.share(ben), anna.share_download(carla), ben.share(carla)]
)
"""Carla has download from Anna, and view from Ben."""

CASES: Final = {
    "A grantor may end the grants that they made, even without access or the plan.": {
        "a grantor can unshare": After.reshare(
            when=ben.unshare(carla).ended(ben.grant(carla)),
            then=[carla.cannot_view(), ben.can_view()],
        ),
        "a grantor can unshare after losing access": case(
            given=[*passed_on(anna, ben, carla), anna.unshare(ben)],
            when=ben.unshare(carla).ended(ben.grant(carla)),
            then=carla.cannot_view(),
        ),
        "a grantor can unshare after losing the plan": case(
            given=[anna.share(ben), anna.becomes(sharing_in_plan=False)],
            when=anna.unshare(ben).ended(anna.grant(ben)),
            then=ben.cannot_view(),
        ),
        "a grantor can narrow after losing access": case(
            given=[*DOWNLOADS, anna.unshare(ben)],
            when=ben.narrow_to_view(carla).cut_to_view(ben.grant(carla)),
            then=carla.cannot_download(),
        ),
    },
    "The owner may end any grant on the exam.": {
        "the owner can unshare what others shared": case(
            given=[anna.share(ben), ben.share(nurses)],
            when=anna.unshare(nurses).ended(ben.grant(nurses)),
            then=[dan.cannot_view(), eva.cannot_view(), ben.can_view()],
        ),
        "unsharing by the owner ends every grant to the principal": carla_from_two(
            when=anna.unshare(carla).ended(anna.grant(carla), ben.grant(carla)),
            then=carla.cannot_view(),
        ),
    },
    "A user may give up grants made to themselves, but not those made to their groups.": {
        "a recipient can give up their access": After.share(
            when=ben.unshare(ben).ended(anna.grant(ben)), then=ben.cannot_view()
        ),
        "giving up access ends every grant to oneself": from_two(
            when=carla.unshare(carla).ended(anna.grant(carla, "DOWNLOAD"), ben.grant(carla)),
            then=carla.cannot_view(),
        ),
        "a member who gives up their own grant keeps what the group has": case(
            given=anna.share(dan, nurses),
            when=dan.unshare(dan).ended(anna.grant(dan), still_have_access=[dan]),
            then=dan.can_view(),
        ),
        "a member cannot end a grant to the group": After.group_share(
            when=dan.unshare(nurses).refused("NOT_GRANTOR_OR_OWNER"), then=eva.can_view()
        ),
        "a recipient can end one grant to themselves": After.share(
            when=ben.end(anna.grant(ben)).ended(anna.grant(ben))
        ),
        "a member cannot end a grant to the group by its id": After.group_share(
            when=dan.end(anna.grant(nurses)).refused("NOT_GRANTOR_OR_OWNER"), then=eva.can_view()
        ),
    },
    "Unsharing names an exam and a principal, and ends the grants that the actor may end.": {
        "unsharing by a grantor ends only their own grants": carla_from_two(
            when=ben.unshare(carla).ended(ben.grant(carla), still_have_access=[carla]),
            then=carla.can_view(),
        ),
        "unsharing ends both of two grants of one grantor": case(
            given=[anna.share(ben), ben.share(carla, until=DAY), ben.share(carla, until=WEEK)],
            when=ben.unshare(carla).ended(
                ben.grant(carla, until=DAY), ben.grant(carla, until=WEEK)
            ),
            then=carla.cannot_view(),
        ),
        "unsharing one exam ends nothing on the rest of the batch": case(
            given=anna.share_batch(ben),
            when=anna.unshare(ben).ended(anna.grant(ben)),
            then=[ben.cannot_view(), ben.can_view("mr"), ben.can_view("xray")],
        ),
        "unsharing a group leaves a user with the same id alone": case(
            given=[Group("ben").becomes(carla, name="Ben's team"), anna.share(ben, Group("ben"))],
            when=anna.unshare(Group("ben")).ended(anna.grant(Group("ben"))),
            then=[ben.can_view(), carla.cannot_view()],
        ),
        "after unsharing, the same share can be made again": case(
            given=[anna.share(ben), anna.unshare(ben)],
            when=anna.share(ben).granted(),
            then=ben.can_view(),
        ),
    },
    "NOT_GRANTOR_OR_OWNER: anyone else with access is refused.": {
        "another recipient cannot unshare": case(
            given=anna.share(ben, carla),
            when=carla.unshare(ben).refused("NOT_GRANTOR_OR_OWNER"),
            then=ben.can_view(),
        ),
        "another recipient cannot end a grant by its id": case(
            given=anna.share(ben, carla),
            when=carla.end(anna.grant(ben)).refused("NOT_GRANTOR_OR_OWNER"),
        ),
        "another recipient cannot narrow": case(
            given=[anna.share_download(ben), anna.share(carla)],
            when=carla.narrow_to_view(ben).refused("NOT_GRANTOR_OR_OWNER"),
        ),
    },
    "Without access, an actor finds only the grants that they made.": {
        "a user without access cannot unshare": After.share(when=carla.unshare(ben).not_found()),
        "a grantor without access finds only their own grants": case(
            given=[anna.share(ben, dan), ben.share(carla), anna.unshare(ben)],
            when=ben.unshare(dan).refused("NO_SUCH_GRANT"),
            then=dan.can_view(),
        ),
    },
    "NO_SUCH_GRANT: there is no grant to end. It carries the groups that give access.": {
        "the owner cannot be unshared": After.share(
            when=anna.unshare(anna).refused("NO_SUCH_GRANT"), then=anna.can_download()
        ),
        "the owner cannot be unshared through a group of theirs": case(
            given=[board.becomes(anna), *passed_on(anna, ben, board)],
            when=ben.unshare(anna).refused("NO_SUCH_GRANT"),
        ),
        "an expired grant cannot be ended": case(
            given=[anna.share(ben, until=HOUR), clock(HOUR)],
            when=anna.unshare(ben).refused("NO_SUCH_GRANT"),
        ),
        "unsharing a member names the groups that give access": After.group_share(
            when=anna.unshare(dan).refused("NO_SUCH_GRANT", principals=[nurses]),
            then=dan.can_view(),
        ),
    },
    "Unsharing can name one grant. Unknown and hidden grants are one answer.": {
        "the owner can end one of several grants": carla_from_two(
            when=anna.end(ben.grant(carla)).ended(ben.grant(carla), still_have_access=[carla])
        ),
        "a grant on an exam without access is not found": After.share(
            when=carla.end(anna.grant(ben)).refused("NO_SUCH_GRANT", grants=[anna.grant(ben)]),
            then=ben.can_view(),
        ),
        "an unknown grant is not found": case(
            when=anna.end(anna.grant(ben)).refused("NO_SUCH_GRANT")
        ),
        "a grant on an unknown exam is not found": case(
            given=anna.share_download(carla),
            when=ben.end(anna.grant(carla, exam="no-exam")).refused("NO_SUCH_GRANT"),
            then=[
                ben.end(anna.grant(carla, exam="no-exam")).previewed("NO_SUCH_GRANT"),
                ben.end(anna.grant(carla)).previewed(
                    reason("NO_SUCH_GRANT", grants=[anna.grant(carla, "DOWNLOAD")])
                ),
            ],
        ),
    },
    "The receipt reports who still has access, or still holds more than the bound.": {
        "the receipt names a principal who still has access through a group": case(
            given=anna.share(dan, nurses),
            when=anna.unshare(dan).ended(anna.grant(dan), still_have_access=[dan]),
            then=dan.can_view(),
        ),
        "the receipt names a principal who holds more than the bound another way": case(
            given=anna.share_download(dan, nurses),
            when=anna.narrow_to_view(dan).cut_to_view(anna.grant(dan), still_have_access=[dan]),
            then=dan.can_download(),
        ),
    },
    "A preview reports the reasons or the losses, and who would keep access another way.": {
        "a preview of an unshare reports who would lose and who would keep access": case(
            given=anna.share(dan, ben, nurses),
            then=[
                anna.unshare(ben).previewed(losses=[ben]),
                anna.unshare(dan).previewed(keeps=[dan]),
                ben.can_view(),
            ],
        ),
        "in a preview, the owner keeps access that their group loses": case(
            given=[board.becomes(anna, carla), *passed_on(anna, ben, board)],
            then=ben.unshare(board).previewed(losses=[board, carla], keeps=[anna]),
        ),
        "a preview of a refused end reports the reasons": case(
            given=anna.share(ben, carla, nurses),
            then=[
                carla.unshare(ben).previewed("NOT_GRANTOR_OR_OWNER"),
                anna.unshare(dan).previewed(reason("NO_SUCH_GRANT", principals=[nurses])),
                anna.narrow_to_view(ben).previewed("NO_SUCH_GRANT"),
            ],
        ),
        "a preview of the end of one grant reports what would be lost and kept": from_two(
            then=[
                anna.end(anna.grant(carla)).previewed(losses=[(carla, "DOWNLOAD")], keeps=[carla]),
                carla.can_download(),
            ]
        ),
        "a preview of a narrowing reports losses and changes nothing": After.download(
            then=[
                anna.narrow_to_view(ben).previewed(losses=[(ben, "DOWNLOAD")]),
                ben.can_download(),
            ]
        ),
        "a preview of narrowing to a time reports both permissions as lost": After.download(
            then=anna.narrow(ben, until=DAY).previewed(losses=[(ben, "DOWNLOAD"), ben])
        ),
        "a preview of a narrowing reports who would hold more than the bound another way": case(
            given=anna.share_download(dan, nurses),
            then=anna.narrow_to_view(dan).previewed(keeps=[(dan, "DOWNLOAD")]),
        ),
    },
    "NARROWED: a grant beyond the bound is replaced by one cut to the bound.": {
        "narrowing to view removes the Download tab": After.download(
            when=anna.narrow_to_view(ben).cut_to_view(anna.grant(ben)),
            then=[ben.can_view(), ben.cannot_download()],
        ),
        "narrowing to a time ends access at that time": case(
            given=[anna.share_download(ben), anna.narrow(ben, until=DAY), clock(DAY)],
            then=ben.cannot_view(),
        ),
        "narrowing to a permission and a time does both": After.download(
            when=anna.narrow_to_view(ben, until=DAY).ended(
                anna.grant(ben, "DOWNLOAD"), replaced_by=[anna.grant(ben, until=DAY)]
            )
        ),
        "narrowing to a time keeps the permission until then": case(
            given=[anna.share_download(ben), anna.narrow(ben, until=DAY), clock(HOUR)],
            then=ben.can_download(),
        ),
        "narrowing to view keeps the time of the grant": case(
            given=anna.share_download(ben, until=DAY),
            when=anna.narrow_to_view(ben).cut_to_view(anna.grant(ben, until=DAY)),
        ),
        "narrowing leaves grants within the bound alone": from_two(
            when=anna.narrow_to_view(carla).cut_to_view(anna.grant(carla)),
            then=[carla.can_view(), carla.cannot_download()],
        ),
        "narrowing a group narrows every member": case(
            given=anna.share_download(nurses),
            when=anna.narrow_to_view(nurses).cut_to_view(anna.grant(nurses)),
            then=[dan.cannot_download(), eva.can_view()],
        ),
        "after narrowing, the same share can be made again": case(
            given=[anna.share_download(ben), anna.narrow_to_view(ben)],
            when=anna.share_download(ben).shared(ben.widened()),
            then=ben.can_download(),
        ),
    },
    "NO_SUCH_GRANT: no grant that the actor may end is beyond the bound.": {
        "narrowing to exactly what is held finds no grant": case(
            given=anna.share(ben, until=DAY),
            when=anna.narrow_to_view(ben, until=DAY).refused("NO_SUCH_GRANT"),
        ),
        "narrowing never raises": case(
            given=anna.share(ben, until=DAY),
            when=anna.narrow(ben, permission="DOWNLOAD", until=WEEK).refused("NO_SUCH_GRANT"),
            then=ben.cannot_download(),
        ),
        "a grantor cannot narrow grants of others to the same principal": from_two(
            when=ben.narrow_to_view(carla).refused("NO_SUCH_GRANT"), then=carla.can_download()
        ),
    },
    "A bound is a permission, a time in the future, or both.": {
        "a bound in the past is refused": After.download(
            when=anna.narrow(ben, until=NOW).refused("EXPIRY_IN_PAST"), then=ben.can_download()
        ),
        "narrowing without a bound is an error of the caller": After.download(
            when=anna.narrow(ben).error("InvalidValue"), then=ben.can_download()
        ),
    },
    "Who may unshare may narrow.": {
        "a grantor can narrow what they shared": case(
            given=DOWNLOADS,
            when=ben.narrow_to_view(carla).cut_to_view(ben.grant(carla)),
            then=[carla.can_view(), carla.cannot_download()],
        ),
        "the owner can narrow what others shared": case(
            given=DOWNLOADS,
            when=anna.narrow_to_view(carla).cut_to_view(ben.grant(carla)),
            then=carla.cannot_download(),
        ),
        "a recipient can narrow their own access": from_two(
            when=carla.narrow_to_view(carla).cut_to_view(anna.grant(carla)),
            then=[carla.can_view(), carla.cannot_download()],
        ),
    },
    "The host may end a principal's grants on one exam or everywhere.": {
        "the host can end all grants to a principal": case(
            given=[anna.share(ben, carla), anna.share(ben, exam="mr")],
            when=host_ends(ben).ended(anna.grant(ben), anna.grant(ben, exam="mr")),
            then=[ben.cannot_view(), ben.cannot_view("mr"), carla.can_view()],
        ),
        "the host can end the grants to a principal on one exam": case(
            given=[anna.share(ben), anna.share(ben, exam="mr"), ben.share(carla)],
            when=host_ends(ben, "ct").ended(anna.grant(ben), left_standing=[ben.grant(carla)]),
            then=[ben.cannot_view(), ben.can_view("mr"), carla.can_view()],
        ),
        "the host can end the grants to a group": case(
            given=anna.share(nurses, dan),
            when=host_ends(nurses).ended(anna.grant(nurses)),
            then=[eva.cannot_view(), dan.can_view()],
        ),
        "the host can end grants where there are none": case(when=host_ends(ben).ended()),
        "the host cannot end grants on an unknown exam": case(
            given=TWO_EXAMS, when=host_ends(ben, "no-exam").not_found(), then=ben.can_view("mr")
        ),
        "ending by the host on a withdrawn exam ends nothing": ct_withdrawn(
            when=host_ends(ben, "ct").ended(), then=ben.can_view("mr")
        ),
        "the host cannot withdraw an unknown exam": case(
            given=TWO_EXAMS, when=withdraw("no-exam").not_found()
        ),
    },
    "WITHDRAWN: all grants on the exam end, and it is no longer found.": {
        "ending by the host everywhere skips withdrawn exams": ct_withdrawn(
            when=host_ends(ben).ended(anna.grant(ben, exam="mr"))
        ),
        "withdrawing an exam again does nothing": ct_withdrawn(when=withdraw("ct").ended()),
        "a withdrawn exam is not found": After.share(
            when=withdraw("ct").ended(anna.grant(ben)),
            then=[ben.cannot_view(), anna.cannot_view(), anna.can_view("mr")],
        ),
        "a withdrawn exam is not found by its owner": withdrawn(
            when=anna.share(ben).not_found(),
            then=[*anna.nothing_shown(), *anna.nothing_previewed()],
        ),
        "a withdrawn exam cannot be unshared": withdrawn(when=anna.unshare(ben).not_found()),
        "a grantor finds no grant to end on a withdrawn exam": withdrawn(
            when=ben.unshare(carla).not_found(), then=ben.nothing_shown()
        ),
        "a withdrawn exam is on no list": withdrawn(
            then=[
                anna.visible_to(("mr", "DOWNLOAD"), ("xray", "DOWNLOAD")),
                ben.shared_with(("mr", "VIEW")),
                ben.visible_to(("mr", "VIEW")),
                carla.shared_with(),
                dan.visible_to(),
            ]
        ),
        "a withdrawn exam is not part of its batch": withdrawn(
            then=[
                anna.form("mr", "xray", download=True),
                anna.share_batch(eva, exam="mr").previewed(
                    gains=[(eva, "VIEW", "mr"), (eva, "VIEW", "xray")]
                ),
            ]
        ),
    },
}
