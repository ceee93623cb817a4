"""Groups as recipients and as sources, for every reason that a share or an ending can be refused.

Specification: `#sharing`, `#refusals`, `#unsharing-and-narrowing`, `#re-shares`.
"""

from functools import partial
from typing import Final

from exam_sharing.testing.cases.builders import case, clock, exam, host_ends, upload
from exam_sharing.testing.cases.people import (
    DAY,
    HOUR,
    NOW,
    PAST,
    WEEK,
    Group,
    User,
    board,
    passed_on,
    reason,
)
from exam_sharing.testing.cases.topics import After, anna, ben, carla, clinic, dan, eva, nurses

CALLED_BEN: Final = Group("ben")
NO_RESIDENTS: Final = {"code": "NO_RESIDENTS", "refuses_shares_by": "dan"}
DAN_LEFT: Final = [anna.share(nurses), dan.share(ben), nurses.becomes(eva)]
"""Dan passed on what he held through the nurses, and left them."""

two_exams: Final = partial(case, anna.share(dan), anna.share(nurses, exam="mr"))
"""Dan has the CT himself, and the MR through the nurses."""
downloads: Final = partial(case, anna.share_download(nurses))
reshare: Final = partial(case, anna.share(nurses), dan.share(ben))
download_reshare: Final = partial(case, anna.share_download(nurses), dan.share_download(ben))
removed: Final = partial(
    case, anna.share(ben, nurses), anna.unshare(nurses), only_owner_readmits=True
)
two_subjects: Final = partial(
    two_exams,
    batches_across_subjects=False,
    uploads=[upload("cd", exam("ct"), exam("mr", uploaded_at=PAST, subject="P-2"))],
)

CASES: Final = {
    "DOWNLOAD_NOT_HELD: the actor does not hold download, by a grant to them or to their groups.": {
        "a recipient who may only view cannot let a group download": After.share(
            ben.share_download(nurses).download_not_held("ct"), dan.cannot_view()
        ),
        "a member of a group that may only view cannot let others download": After.group_share(
            dan.share_download(ben).download_not_held("ct"),
            [dan.form("ct"), dan.tabs("SHARE", "VIEW"), ben.cannot_view()],
        ),
        "a member of a group that may only view cannot let a group download": After.group_share(
            dan.share_download(nurses, clinic).download_not_held("ct"),
            [eva.cannot_download(), carla.cannot_view()],
        ),
        "a group within a group cannot let others download what the larger one views": case(
            [anna.share(clinic), anna.share_download(carla)],
            dan.share_download(ben).download_not_held("ct"),
        ),
        "download held by a smaller group does not count for the larger one": downloads(
            anna.share(clinic), carla.share_download(ben).download_not_held("ct")
        ),
        "download held by a group does not count for a former member": downloads(
            [anna.share(dan), nurses.becomes(eva)], dan.share_download(ben).download_not_held("ct")
        ),
        "download that an actor gave to their own group does not count for them": case(
            [*passed_on(anna, dan, nurses, permission="DOWNLOAD"), anna.narrow_to_view(dan)],
            dan.share_download(ben).download_not_held("ct"),
            eva.can_download(),
        ),
        "download held through a group on one exam does not count on another": downloads(
            anna.share(nurses, exam="mr"),
            dan.share_batch(ben, permission="DOWNLOAD").download_not_held("mr"),
            ben.cannot_view(),
        ),
        "a member of a group with download can let a group download": downloads(
            dan.share_download(clinic).granted(), carla.can_download()
        ),
        "view of one's own and download through a group add up": downloads(
            [anna.share(dan)], dan.share_download(ben).granted(), ben.can_download()
        ),
        "download of one's own and view through a group add up": After.group_share(
            [anna.share_download(dan)], dan.share_download(ben).granted(), eva.cannot_download()
        ),
    },
    "EXAM_NOT_FOUND: no grant reaches the actor, not through a group either.": {
        "a former member of a group finds no exam to share": After.group_share(
            nurses.becomes(eva), dan.share(ben).not_found(), dan.no_form()
        ),
        "a former member of a group finds no exam to unshare": case(
            [anna.share(nurses, ben), nurses.becomes(eva)],
            dan.unshare(ben).not_found(),
            ben.can_view(),
        ),
        "a member of only the larger group finds no exam to share": After.group_share(
            carla.share(ben).not_found(), carla.tabs()
        ),
        "a member of a group whose access has expired finds no exam to share": case(
            [anna.share(nurses, until=HOUR), clock(HOUR)], dan.share(ben).not_found()
        ),
        "an actor finds no exam by their own grant to their group": case(
            [*passed_on(anna, dan, nurses), anna.unshare(dan)],
            dan.share(ben).not_found(),
            [dan.no_form(), ben.cannot_view(), eva.can_view()],
        ),
        "a user with the id of a group finds no exam to share": After.group_share(
            User("nurses").share(ben).not_found(), users=[User("nurses").fields()]
        ),
        "without access, unknown groups are not reported": case(
            ben.share(Group("none"), attested=False).not_found()
        ),
    },
    "Refusals about the actor or the request, where groups share or are shared with.": {
        "the plan of other members of a group does not count": After.group_share(
            dan.share(ben).refused("SHARING_NOT_IN_PLAN"),
            [dan.tabs("VIEW"), eva.tabs("SHARE", "VIEW"), ben.cannot_view()],
            users=[dan.without_plan()],
        ),
        "without the plan, no refusal is about a group": case(
            anna.share(Group("none"), nurses).refused("SHARING_NOT_IN_PLAN"),
            users=[anna.without_plan()],
            unseen=[(anna, nurses)],
        ),
        "a member cannot share with a group without the attestation": After.group_share(
            dan.share(clinic, attested=False).refused("ATTESTATION_MISSING"), carla.cannot_view()
        ),
        "a share with an empty group reaches whoever joins it": case(
            [board.becomes(), anna.share(board), board.becomes(ben)], ben.can_view()
        ),
        "a member cannot send a control character to a group": After.group_share(
            dan.share(clinic, message="ring\u0007").refused("MESSAGE_NOT_ALLOWED", limit=2000),
            carla.cannot_view(),
        ),
        "a host rule is checked for a member who shares with a group": After.group_share(
            dan.share(clinic).refused("HOST_RULE", host_code="NO_RESIDENTS"),
            carla.cannot_view(),
            host_rules=[NO_RESIDENTS],
        ),
        "a group counts as one recipient": case(anna.share(clinic).granted(), max_recipients=1),
        "more groups than the limit on recipients are refused": case(
            anna.share(clinic, nurses).refused("TOO_MANY", limit=1, limited="recipients"),
            max_recipients=1,
        ),
    },
    "RECIPIENT_NOT_FOUND, RECIPIENT_IS_SELF, RECIPIENT_IS_OWNER: kinds are never confused.": {
        "an id of a user names no group, and an id of a group names no user": case(
            anna.share(CALLED_BEN, User("nurses"), carla).recipients_not_found(
                CALLED_BEN, User("nurses")
            ),
            carla.cannot_view(),
        ),
        "an actor's own group that is hidden from them is not found": After.group_share(
            dan.share(nurses).recipients_not_found(nurses), unseen=[(dan, nurses)]
        ),
        "a group of inactive users is found": case(
            anna.share(nurses).granted(), users=[dan.fields(active=False), eva.fields(active=False)]
        ),
        "a member cannot share with themselves or the owner": After.group_share(
            dan.share(dan, anna).refused(
                reason("RECIPIENT_IS_SELF", principals=[dan]),
                reason("RECIPIENT_IS_OWNER", principals=[anna]),
            )
        ),
        "an actor can share with groups of their own id and of the owner's id": After.share(
            [CALLED_BEN.becomes(carla, name="Team"), Group("anna").becomes(dan, name="Team")],
            ben.share(CALLED_BEN, Group("anna")).granted(),
            [carla.can_view(), dan.can_view()],
        ),
    },
    "EXPIRY_IN_PAST, EXPIRY_BEYOND_OWN, EXPIRY_BEYOND_POLICY: also for groups.": {
        "a member cannot share with a group until a time that has passed": After.group_share(
            dan.share(clinic, until=NOW).refused("EXPIRY_IN_PAST"), carla.cannot_view()
        ),
        "a member cannot share with a group beyond the longest duration": After.group_share(
            dan.share(clinic, until=WEEK).refused(
                reason("EXPIRY_BEYOND_OWN", exams=["ct"], until=DAY),
                reason("EXPIRY_BEYOND_POLICY", until=DAY),
            ),
            max_duration=86400,
        ),
        "a time beyond the actor's own hold is refused for a group": case(
            anna.share(ben, until=DAY),
            ben.share(nurses, until=WEEK).refused("EXPIRY_BEYOND_OWN", exams=["ct"], until=DAY),
            dan.cannot_view(),
        ),
        "a time beyond the hold of the actor's group is refused": case(
            anna.share(nurses, until=DAY),
            dan.share(ben, until=WEEK).refused("EXPIRY_BEYOND_OWN", exams=["ct"], until=DAY),
            dan.form("ct", latest_until=DAY),
        ),
        "the longer of one's own hold and that of one's group counts": case(
            [anna.share(dan, until=HOUR), anna.share(nurses, until=DAY)],
            dan.share(clinic, until=WEEK).refused("EXPIRY_BEYOND_OWN", exams=["ct"], until=DAY),
        ),
        "what an actor gave to their own group does not lengthen their hold": case(
            [*passed_on(anna, dan, nurses), anna.narrow(dan, until=HOUR)],
            dan.share(ben, until=DAY).refused("EXPIRY_BEYOND_OWN", exams=["ct"], until=HOUR),
        ),
        "without a time, a share with a group lasts as long as the actor's own hold": case(
            anna.share(ben, until=DAY), ben.share(nurses).granted(until=DAY, limited_by="OWN_HOLD")
        ),
    },
    "A share of a batch covers what the actor sees, also through groups.": {
        "a member shares the exams that they see themselves and through a group": two_exams(
            dan.share_batch(clinic).granted("ct", "mr"), carla.cannot_view("xray")
        ),
        "a group of a part-owner is granted every exam of a batch": case(
            [board.becomes(ben, carla), ben.share(anna, exam="mr")],
            anna.share_batch(board).granted("ct", "mr"),
            uploads=[upload("cd", exam("ct"), exam("mr", owner=ben))],
        ),
        "exams seen through a group count towards the limit": two_exams(
            dan.share_batch(clinic).refused("TOO_MANY", limit=1, limited="exams"), max_exams=1
        ),
        "exams seen through a group are expected": two_exams(
            dan.share_batch(clinic, expect=["ct"]).refused("CHANGED_SINCE_SHOWN")
        ),
        "subjects of exams seen through a group count": two_subjects(
            dan.share_batch(clinic).refused("BATCH_SPANS_SUBJECTS"), carla.cannot_view()
        ),
        "subjects of exams seen through a group do not count for others": two_subjects(
            [anna.share(carla)], carla.share_batch(ben).granted()
        ),
    },
    "REMOVED_BY_OWNER: a group that the owner unshared, and nobody else.": {
        "only the owner readmits a group that the owner removed": removed(
            ben.share(nurses).removed_by_owner(nurses), dan.cannot_view()
        ),
        "others can share with members and larger groups of a removed group": removed(
            ben.share(dan, clinic).granted(), eva.can_view()
        ),
        "a member cannot readmit a user whom the owner removed": After.group_share(
            [anna.share(carla), anna.unshare(carla)],
            dan.share(carla).removed_by_owner(carla),
            only_owner_readmits=True,
        ),
        "removing a user does not remove a group of the same id": case(
            [CALLED_BEN.becomes(dan, name="Team"), anna.share(ben, carla), anna.unshare(ben)],
            carla.share(CALLED_BEN).granted(),
            only_owner_readmits=True,
        ),
        "the end of a grant by a cascade removes no group": case(
            [*passed_on(anna, ben, nurses), anna.unshare(ben).cascading(), anna.share(ben)],
            ben.share(nurses).granted(),
            only_owner_readmits=True,
        ),
    },
    "Ending and narrowing: membership of a group is no right to end grants.": {
        "a recipient cannot unshare a group": case(
            anna.share(ben, nurses), ben.unshare(nurses).not_grantor_or_owner(), dan.can_view()
        ),
        "a member cannot unshare another recipient": case(
            anna.share(ben, nurses), dan.unshare(ben).not_grantor_or_owner(), ben.can_view()
        ),
        "a member cannot narrow a grant to the group": downloads(
            dan.narrow_to_view(nurses).not_grantor_or_owner(), eva.can_download()
        ),
        "a user cannot end a grant to a group of the same id": case(
            [CALLED_BEN.becomes(carla, name="Team"), anna.share(ben, CALLED_BEN)],
            ben.unshare(CALLED_BEN).not_grantor_or_owner(),
            carla.can_view(),
        ),
        "a member can unshare the group that they shared with": case(
            passed_on(anna, dan, nurses), dan.unshare(nurses).ended(), eva.cannot_view()
        ),
        "a former member can unshare what they shared": case(
            DAN_LEFT, dan.unshare(ben).ended(), ben.cannot_view()
        ),
        "a member has no grant of their own to give up": After.group_share(
            dan.unshare(dan).no_such_grant(principals=[nurses]), dan.can_view()
        ),
        "a group with access through a larger group has no grant to end": case(
            anna.share(clinic), anna.unshare(nurses).no_such_grant(principals=[clinic])
        ),
        "a member has no grant of their own to narrow": downloads(
            anna.narrow_to_view(dan).no_such_grant(principals=[nurses]),
            dan.can_download(),
            choice="whether a refused narrowing names the groups that give access",
        ),
        "narrowing a group to what it holds finds no grant": After.group_share(
            anna.narrow_to_view(nurses).no_such_grant()
        ),
        "a bound in the past is refused for a group": downloads(
            anna.narrow(nurses, until=NOW).refused("EXPIRY_IN_PAST"), dan.can_download()
        ),
    },
    "HAS_RESHARES: re-shares by members of a group and to a group.": {
        "a re-share by a member can restrict an unshare of the group": reshare(
            anna.unshare(nurses).restricted(dan.grant(ben)), [dan.can_view(), ben.can_view()]
        ),
        "a re-share to a group can restrict an unshare by a member": reshare(
            [ben.share(clinic)],
            dan.unshare(ben).restricted(ben.grant(clinic)),
            carla.can_view(),
        ),
        "a re-share by a member can restrict a narrowing of the group": download_reshare(
            anna.narrow_to_view(nurses).restricted(dan.grant(ben, "DOWNLOAD")),
            [dan.can_download(), ben.can_download()],
        ),
        "a re-share by a member can restrict an end by the host": reshare(
            host_ends(nurses).restricted(dan.grant(ben)), dan.can_view()
        ),
        "a re-share by a member who has access another way does not restrict": reshare(
            [anna.share(dan)],
            anna.unshare(nurses)
            .restricting()
            .ended(left_standing=[dan.grant(ben)], still_have_access=[dan]),
            [eva.cannot_view(), ben.can_view()],
        ),
    },
    "CASCADE and KEEP: re-shares by members of a group and to a group.": {
        "a re-share by a member stands after the group is unshared": reshare(
            anna.unshare(nurses).ended(left_standing=[dan.grant(ben)]),
            [dan.cannot_view(), ben.can_view()],
        ),
        "a cascade from a group ends the re-shares of every member": reshare(
            [eva.share(carla)],
            anna.unshare(nurses).cascades(anna.grant(nurses), dan.grant(ben), eva.grant(carla)),
            [ben.cannot_view(), carla.cannot_view()],
        ),
        "a cascade from a group spares a member who has access another way": reshare(
            [anna.share(dan), eva.share(carla)],
            anna.unshare(nurses).cascades(
                anna.grant(nurses),
                eva.grant(carla),
                left_standing=[dan.grant(ben)],
                still_have_access=[dan],
            ),
            [ben.can_view(), carla.cannot_view()],
        ),
        "a cascade from one grant to a larger group ends re-shares of the smaller one": case(
            [anna.share(clinic), dan.share(ben)],
            anna.end(anna.grant(clinic)).cascades(anna.grant(clinic), dan.grant(ben)),
            ben.cannot_view(),
        ),
        "a cascade ends a re-share to a group and the re-shares of its members": case(
            [*passed_on(anna, ben, nurses), eva.share(carla)],
            anna.unshare(ben).cascades(anna.grant(ben), ben.grant(nurses), eva.grant(carla)),
            [dan.cannot_view(), carla.cannot_view()],
        ),
        "a cascade from a narrowed group narrows the re-shares of its members": download_reshare(
            anna.narrow_to_view(nurses).cascading().cut_to_view(anna.grant(nurses), dan.grant(ben)),
            [*dan.can_only_view(), *ben.can_only_view()],
        ),
        "a re-share to one's own group supports nothing": case(
            [*passed_on(anna, dan, nurses), dan.share(ben)],
            anna.unshare(dan).cascades(anna.grant(dan), dan.grant(nurses), dan.grant(ben)),
            [eva.cannot_view(), ben.cannot_view()],
        ),
        "a circle through a group supports nothing": case(
            passed_on(anna, dan, ben, nurses),
            anna.unshare(dan).cascades(anna.grant(dan), dan.grant(ben), ben.grant(nurses)),
            [dan.cannot_view(), ben.cannot_view(), eva.cannot_view()],
        ),
        "a cascade leaves alone a re-share by a former member": case(
            [*DAN_LEFT, anna.share(carla)], anna.unshare(carla).cascades(), ben.can_view()
        ),
        "an end of a group's grants by the host can cascade": reshare(
            host_ends(nurses).cascades(anna.grant(nurses), dan.grant(ben)), ben.cannot_view()
        ),
        "a preview of a cascade from a group reports its members and their recipients": reshare(
            anna.unshare(nurses).cascading().previewed(losses=[ben, dan, eva, nurses])
        ),
    },
}
