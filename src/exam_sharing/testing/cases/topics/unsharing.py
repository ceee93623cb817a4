"""Unsharing, ending one grant, narrowing, and ends by the host.

Specification: `#unsharing-and-narrowing`, `#by-the-host`.
"""

from functools import partial
from typing import Final

from exam_sharing.testing.cases.builders import case, clock, host_ends, left_open, withdraw
from exam_sharing.testing.cases.people import DAY, HOUR, NOW, WEEK, Group, board, passed_on, reason
from exam_sharing.testing.cases.topics import After, anna, ben, carla, dan, eva, nurses

TWO_EXAMS: Final = [anna.share(ben), anna.share(ben, exam="mr")]
THREE_SHARES: Final = [anna.share(ben, nurses), ben.share(carla), anna.share(ben, exam="mr")]

NOTHING_TO_DO: Final = "what the host is answered where there is nothing to do"
"""A choice."""

ct_withdrawn: Final = partial(case, *TWO_EXAMS, withdraw("ct"))
withdrawn: Final = partial(case, *THREE_SHARES, withdraw("ct"))
carla_from_two: Final = partial(case, anna.share(ben, carla), ben.share(carla))
from_two: Final = partial(case, anna.share(ben), anna.share_download(carla), ben.share(carla))
"""Carla has download from Anna, and view from Ben."""

CASES: Final = {
    "A grantor may end the grants that they made, even without access or the plan.": {
        "a grantor can unshare": After.reshare(
            ben.unshare(carla).ended(), carla.cannot_view(), ben.can_view()
        ),
        "a grantor can unshare after losing access": After.reshare(
            anna.unshare(ben), ben.unshare(carla).ended(), carla.cannot_view()
        ),
        "a grantor can unshare after losing the plan": After.share(
            anna.becomes(sharing_in_plan=False), anna.unshare(ben).ended(), ben.cannot_view()
        ),
        "a grantor can narrow after losing access": After.downloads(
            anna.unshare(ben), ben.narrow_to_view(carla).cut_to_view(), carla.cannot_download()
        ),
    },
    "The owner may end any grant on the exam.": {
        "the owner can unshare what others shared": case(
            [anna.share(ben), ben.share(nurses)],
            anna.unshare(nurses).ended(ben.grant(nurses)),
            [dan.cannot_view(), eva.cannot_view(), ben.can_view()],
        ),
        "unsharing by the owner ends every grant to the principal": carla_from_two(
            anna.unshare(carla).ended(anna.grant(carla), ben.grant(carla)), carla.cannot_view()
        ),
    },
    "A user may give up grants made to themselves, but not those made to their groups.": {
        "a recipient can give up their access": After.share(
            ben.unshare(ben).ended(anna.grant(ben)), ben.cannot_view()
        ),
        "giving up access ends every grant to oneself": from_two(
            carla.unshare(carla).ended(anna.grant(carla, "DOWNLOAD"), ben.grant(carla)),
            carla.cannot_view(),
        ),
        "a member who gives up their own grant keeps what the group has": case(
            anna.share(dan, nurses),
            dan.unshare(dan).ended(anna.grant(dan), still_have_access=[dan]),
            dan.can_view(),
        ),
        "a member cannot end a grant to the group": After.group_share(
            dan.unshare(nurses).not_grantor_or_owner(), eva.can_view()
        ),
        "a recipient can end one grant to themselves": After.share(
            ben.end(anna.grant(ben)).ended()
        ),
        "a member cannot end a grant to the group by its id": After.group_share(
            dan.end(anna.grant(nurses)).not_grantor_or_owner(), eva.can_view()
        ),
    },
    "Unsharing names an exam and a principal, and ends the grants that the actor may end.": {
        "unsharing by a grantor ends only their own grants": carla_from_two(
            ben.unshare(carla).ended(still_have_access=[carla]), carla.can_view()
        ),
        "unsharing ends both of two grants of one grantor": case(
            [anna.share(ben), ben.share(carla, until=DAY), ben.share(carla, until=WEEK)],
            ben.unshare(carla).ended(ben.grant(carla, until=DAY), ben.grant(carla, until=WEEK)),
            carla.cannot_view(),
        ),
        "unsharing one exam ends nothing on the rest of the batch": case(
            anna.share_batch(ben),
            anna.unshare(ben).ended(),
            [ben.cannot_view(), ben.can_view("mr"), ben.can_view("xray")],
        ),
        "unsharing a group leaves a user with the same id alone": case(
            [Group("ben").becomes(carla, name="Ben's team"), anna.share(ben, Group("ben"))],
            anna.unshare(Group("ben")).ended(anna.grant(Group("ben"))),
            [ben.can_view(), carla.cannot_view()],
        ),
        "after unsharing, the same share can be made again": case(
            anna.share(ben), anna.unshare(ben), anna.share(ben).granted(), ben.can_view()
        ),
    },
    "NOT_GRANTOR_OR_OWNER: anyone else with access is refused.": {
        "another recipient cannot unshare": case(
            anna.share(ben, carla), carla.unshare(ben).not_grantor_or_owner(), ben.can_view()
        ),
        "another recipient cannot end a grant by its id": case(
            anna.share(ben, carla), carla.end(anna.grant(ben)).not_grantor_or_owner()
        ),
        "another recipient cannot narrow": After.download(
            anna.share(carla), carla.narrow_to_view(ben).not_grantor_or_owner()
        ),
    },
    "Without access, an actor finds only the grants that they made.": {
        "a user without access cannot unshare": After.share(carla.unshare(ben).not_found()),
        "a grantor without access finds only their own grants": case(
            [anna.share(ben, dan), ben.share(carla), anna.unshare(ben)],
            ben.unshare(dan).no_such_grant(),
            dan.can_view(),
        ),
    },
    "NO_SUCH_GRANT: there is no grant to end. It carries the groups that give access.": {
        "the owner cannot be unshared": After.share(
            anna.unshare(anna).no_such_grant(), anna.can_download()
        ),
        "the owner cannot be unshared through a group of theirs": case(
            board.becomes(anna), *passed_on(anna, ben, board), ben.unshare(anna).no_such_grant()
        ),
        "an expired grant cannot be ended": case(
            anna.share(ben, until=HOUR), clock(HOUR), anna.unshare(ben).no_such_grant()
        ),
        "unsharing a member names the groups that give access": After.group_share(
            anna.unshare(dan).no_such_grant(principals=[nurses]), dan.can_view()
        ),
    },
    "Unsharing can name one grant. Unknown and hidden grants are one answer.": {
        "the owner can end one of several grants": carla_from_two(
            anna.end(ben.grant(carla)).ended(still_have_access=[carla])
        ),
        "a grant on an exam without access is not found": After.share(
            carla.end(anna.grant(ben)).no_such_grant(grants=[anna.grant(ben)]), ben.can_view()
        ),
        "an unknown grant is not found": case(anna.end(anna.grant(ben)).no_such_grant()),
        "a grant on an unknown exam is not found": case(
            anna.share_download(carla),
            ben.end(anna.grant(carla, exam="no-exam")).no_such_grant(),
            ben.end(anna.grant(carla, exam="no-exam")).previewed("NO_SUCH_GRANT"),
            ben.end(anna.grant(carla)).previewed(
                reason("NO_SUCH_GRANT", grants=[anna.grant(carla, "DOWNLOAD")])
            ),
        ),
    },
    "The receipt reports who still has access, or still holds more than the bound.": {
        "the receipt names a principal who still has access through a group": case(
            anna.share(dan, nurses),
            anna.unshare(dan).ended(still_have_access=[dan]),
            dan.can_view(),
        ),
        "the receipt names a principal who holds more than the bound another way": case(
            anna.share_download(dan, nurses),
            anna.narrow_to_view(dan).cut_to_view(still_have_access=[dan]),
            dan.can_download(),
        ),
    },
    "A preview reports the reasons or the losses, and who would keep access another way.": {
        "a preview of an unshare reports who would lose and who would keep access": case(
            anna.share(dan, ben, nurses),
            anna.unshare(ben).previewed(losses=[ben]),
            anna.unshare(dan).previewed(keeps=[dan]),
            ben.can_view(),
        ),
        "in a preview, the owner keeps access that their group loses": case(
            [board.becomes(anna, carla), *passed_on(anna, ben, board)],
            ben.unshare(board).previewed(losses=[board, carla], keeps=[anna]),
        ),
        "a preview of a refused end reports the reasons": case(
            anna.share(ben, carla, nurses),
            carla.unshare(ben).previewed("NOT_GRANTOR_OR_OWNER"),
            anna.unshare(dan).previewed(reason("NO_SUCH_GRANT", principals=[nurses])),
            anna.narrow_to_view(ben).previewed("NO_SUCH_GRANT"),
        ),
        "a preview of the end of one grant reports what would be lost and kept": from_two(
            anna.end(anna.grant(carla)).previewed(losses=[(carla, "DOWNLOAD")], keeps=[carla]),
            carla.can_download(),
        ),
        "a preview of a narrowing reports losses and changes nothing": After.download(
            anna.narrow_to_view(ben).previewed(losses=[(ben, "DOWNLOAD")]), ben.can_download()
        ),
        "a preview of narrowing to a time reports both permissions as lost": After.download(
            left_open(
                "how a preview reports less time",
                anna.narrow(ben, until=DAY).previewed(losses=[(ben, "DOWNLOAD"), ben]),
            )
        ),
        "a preview of a narrowing reports who would hold more than the bound another way": case(
            anna.share_download(dan, nurses),
            left_open(
                "whether a preview reports who holds more than the bound another way",
                anna.narrow_to_view(dan).previewed(keeps=[(dan, "DOWNLOAD")]),
            ),
        ),
    },
    "NARROWED: a grant beyond the bound is replaced by one cut to the bound.": {
        "narrowing to view removes the Download tab": After.download(
            anna.narrow_to_view(ben).cut_to_view(), ben.can_only_view()
        ),
        "narrowing to a time ends access at that time": case(
            anna.share_download(ben), anna.narrow(ben, until=DAY), clock(DAY), ben.cannot_view()
        ),
        "narrowing to a permission and a time does both": After.download(
            anna.narrow_to_view(ben, until=DAY).ended(
                anna.grant(ben, "DOWNLOAD"), replaced_by=[anna.grant(ben, until=DAY)]
            )
        ),
        "narrowing to a time keeps the permission until then": case(
            anna.share_download(ben), anna.narrow(ben, until=DAY), clock(HOUR), ben.can_download()
        ),
        "narrowing to view keeps the time of the grant": case(
            anna.share_download(ben, until=DAY),
            anna.narrow_to_view(ben).cut_to_view(anna.grant(ben, until=DAY)),
        ),
        "narrowing leaves grants within the bound alone": from_two(
            anna.narrow_to_view(carla).cut_to_view(), carla.can_only_view()
        ),
        "narrowing a group narrows every member": case(
            anna.share_download(nurses),
            anna.narrow_to_view(nurses).cut_to_view(),
            [dan.cannot_download(), eva.can_view()],
        ),
        "after narrowing, the same share can be made again": case(
            [anna.share_download(ben), anna.narrow_to_view(ben)],
            anna.share_download(ben).shared(ben.widened()),
            ben.can_download(),
        ),
    },
    "NO_SUCH_GRANT: no grant that the actor may end is beyond the bound.": {
        "narrowing to exactly what is held finds no grant": case(
            anna.share(ben, until=DAY), anna.narrow_to_view(ben, until=DAY).no_such_grant()
        ),
        "narrowing never raises": case(
            anna.share(ben, until=DAY),
            anna.narrow(ben, permission="DOWNLOAD", until=WEEK).no_such_grant(),
            ben.cannot_download(),
        ),
        "a grantor cannot narrow grants of others to the same principal": from_two(
            ben.narrow_to_view(carla).no_such_grant(), carla.can_download()
        ),
    },
    "A bound is a permission, a time in the future, or both.": {
        "a bound in the past is refused": After.download(
            anna.narrow(ben, until=NOW).refused("EXPIRY_IN_PAST"), ben.can_download()
        ),
        "narrowing without a bound is an error of the caller": After.download(
            anna.narrow(ben).invalid(), ben.can_download()
        ),
    },
    "Who may unshare may narrow.": {
        "a grantor can narrow what they shared": After.downloads(
            ben.narrow_to_view(carla).cut_to_view(), carla.can_only_view()
        ),
        "the owner can narrow what others shared": After.downloads(
            anna.narrow_to_view(carla).cut_to_view(ben.grant(carla)), carla.cannot_download()
        ),
        "a recipient can narrow their own access": from_two(
            carla.narrow_to_view(carla).cut_to_view(anna.grant(carla)), carla.can_only_view()
        ),
    },
    "The host may end a principal's grants on one exam or everywhere.": {
        "the host can end all grants to a principal": case(
            [anna.share(ben, carla), anna.share(ben, exam="mr")],
            host_ends(ben).ended(anna.grant(ben), anna.grant(ben, exam="mr")),
            [ben.cannot_view(), ben.cannot_view("mr"), carla.can_view()],
        ),
        "the host can end the grants to a principal on one exam": case(
            [anna.share(ben), anna.share(ben, exam="mr"), ben.share(carla)],
            host_ends(ben, "ct").ended(anna.grant(ben), left_standing=[ben.grant(carla)]),
            [ben.cannot_view(), ben.can_view("mr"), carla.can_view()],
        ),
        "the host can end the grants to a group": case(
            anna.share(nurses, dan),
            host_ends(nurses).ended(anna.grant(nurses)),
            [eva.cannot_view(), dan.can_view()],
            choice="whether the host learns who still has access",
        ),
        "the host can end grants where there are none": case(
            host_ends(ben).ended(), choice=NOTHING_TO_DO
        ),
        "the host cannot end grants on an unknown exam": case(
            *TWO_EXAMS,
            host_ends(ben, "no-exam").not_found(),
            ben.can_view("mr"),
            choice=NOTHING_TO_DO,
        ),
        "ending by the host on a withdrawn exam ends nothing": ct_withdrawn(
            host_ends(ben, "ct").ended(), ben.can_view("mr"), choice=NOTHING_TO_DO
        ),
        "the host cannot withdraw an unknown exam": case(
            *TWO_EXAMS, withdraw("no-exam").not_found(), ben.can_view(), choice=NOTHING_TO_DO
        ),
    },
    "WITHDRAWN: all grants on the exam end, and it is no longer found.": {
        "ending by the host everywhere skips withdrawn exams": ct_withdrawn(
            host_ends(ben).ended(anna.grant(ben, exam="mr"))
        ),
        "withdrawing an exam again does nothing": ct_withdrawn(
            withdraw("ct").ended(), ben.cannot_view(), choice=NOTHING_TO_DO
        ),
        "a withdrawn exam is not found": After.share(
            withdraw("ct").ended(anna.grant(ben)),
            [ben.cannot_view(), anna.cannot_view(), anna.can_view("mr")],
        ),
        "a withdrawn exam is not found by its owner": withdrawn(
            anna.share(ben).not_found(), *anna.nothing_shown(), *anna.nothing_previewed()
        ),
        "a withdrawn exam cannot be unshared": withdrawn(anna.unshare(ben).not_found()),
        "a grantor finds no grant to end on a withdrawn exam": withdrawn(
            ben.unshare(carla).not_found(), *ben.nothing_shown()
        ),
        "a withdrawn exam is on no list": withdrawn(
            anna.visible_to(("mr", "DOWNLOAD"), ("xray", "DOWNLOAD")),
            ben.shared_with(("mr", "VIEW")),
            ben.visible_to(("mr", "VIEW")),
            carla.shared_with(),
            dan.visible_to(),
        ),
        "a withdrawn exam is not part of its batch": withdrawn(
            anna.form("mr", "xray", download=True),
            anna.share_batch(eva, exam="mr").previewed(
                gains=[(eva, "VIEW", "mr"), (eva, "VIEW", "xray")]
            ),
        ),
    },
}
