"""Who may know what: receipts, refusals and previews where an actor may not see everything.

Two things limit what an actor may know: the policy shows everybody but the owner their own grants
alone (`OWN_GRANTS`), or the directory does not say who is in a group.
"""

from collections.abc import Iterable

from exam_sharing.testing.cases.schema import Case
from exam_sharing.testing.cases.table.phrases import (
    access_list,
    case,
    end_grant,
    ended,
    entry,
    grant,
    made,
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

__all__ = ["knowing"]

HIDDEN = (("anna", "group:nurses"),)
"""Anna does not see who the nurses are."""


def knowing() -> list[Case]:
    """Return cases in which an actor is told less than there is."""
    return [
        *_groups_told(),
        *_still_have_access(),
        *_own_grants(),
        *_without_access(),
        *_reshares_told(),
        *_previews(),
        *_lists(),
        *_counted(),
    ]


def _groups_told() -> list[Case]:
    rule = "With the groups through which the principal has access, if the actor may see the list."
    behind = "Users behind a group are named only where the actor may see its members."
    return [
        case(
            "a group is told that gives access by a group in it",
            rule,
            portal(share("anna", "ct", "group:clinic")),
            when=unshare("anna", "ct", "user:dan"),
            outcome=refused(reason("NO_SUCH_GRANT", principals=["group:clinic"])),
        ),
        case(
            "every group is told that gives access",
            rule,
            portal(share("anna", "ct", "group:nurses", "group:clinic")),
            when=unshare("anna", "ct", "user:dan"),
            outcome=refused(reason("NO_SUCH_GRANT", principals=["group:clinic", "group:nurses"])),
        ),
        case(
            "no group is told whose members the actor may not see",
            behind,
            portal(share("anna", "ct", "group:nurses"), unseen_members=HIDDEN),
            when=unshare("anna", "ct", "user:dan"),
            outcome=refused("NO_SUCH_GRANT"),
            then=[yes("dan", "VIEW", "ct")],
        ),
        case(
            "no group is told of a member whom the actor may not see",
            "What one may not see does not exist.",
            portal(share("anna", "ct", "group:nurses"), unseen=[("anna", "user:dan")]),
            when=unshare("anna", "ct", "user:dan"),
            outcome=refused("NO_SUCH_GRANT"),
            then=[yes("dan", "VIEW", "ct")],
        ),
        case(
            "no group is told by a grant that the actor may not see",
            rule,
            portal(
                share("anna", "ct", "user:ben", "group:nurses"),
                access_list="OWN_GRANTS",
            ),
            when=unshare("ben", "ct", "user:dan"),
            outcome=refused("NO_SUCH_GRANT"),
            then=[yes("dan", "VIEW", "ct")],
        ),
        case(
            "the owner is told of groups where others see their own grants alone",
            "OWN_GRANTS: the owner sees all.",
            portal(
                share("anna", "ct", "user:ben"),
                share("ben", "ct", "group:nurses"),
                access_list="OWN_GRANTS",
            ),
            when=unshare("anna", "ct", "user:dan"),
            outcome=refused(reason("NO_SUCH_GRANT", principals=["group:nurses"])),
        ),
    ]


def _still_have_access() -> list[Case]:
    rule = "Who still has access, as far as the actor may know."
    both = share("anna", "ct", "user:dan", "group:nurses")
    return [
        case(
            "nobody is said to have access by a group whose members the actor may not see",
            rule,
            portal(both, unseen_members=HIDDEN),
            when=unshare("anna", "ct", "user:dan"),
            outcome=ended(grant("ct", "anna", "user:dan")),
            then=[yes("dan", "VIEW", "ct")],
        ),
        case(
            "a preview lets somebody lose what they keep by a group that the actor cannot see into",
            "Who would keep access by another path, as far as the actor may know.",
            portal(both, unseen_members=HIDDEN),
            then=[preview(unshare("anna", "ct", "user:dan"), losses=[("user:dan", "ct", "VIEW")])],
        ),
        case(
            "of a group that loses access those are told who keep it, where they may be seen",
            rule,
            portal(both),
            when=unshare("anna", "ct", "group:nurses"),
            outcome=ended(grant("ct", "anna", "group:nurses"), still_have_access=["user:dan"]),
            then=[yes("dan", "VIEW", "ct"), no("eva", "VIEW", "ct")],
        ),
        case(
            "of a group that loses access nobody is told whom the actor may not see in it",
            rule,
            portal(both, unseen_members=HIDDEN),
            when=unshare("anna", "ct", "group:nurses"),
            outcome=ended(grant("ct", "anna", "group:nurses")),
            then=[yes("dan", "VIEW", "ct"), no("eva", "VIEW", "ct")],
        ),
    ]


def _own_grants() -> list[Case]:
    rule = "The receipt says what was left standing and who still has access, as far as known."
    shares = (
        share("anna", "ct", "user:ben", "user:carla"),
        share("ben", "ct", "user:carla"),
        share("carla", "ct", "user:dan"),
    )
    bens, passed_on = grant("ct", "ben", "user:carla"), grant("ct", "carla", "user:dan")

    def told(name: str, policy: str, still_have_access: Iterable[str]) -> Case:
        everything = policy == "EVERYONE"
        return case(
            name,
            rule,
            portal(*shares, access_list=policy),
            when=unshare("ben", "ct", "user:carla"),
            outcome=ended(
                bens,
                left_standing=[passed_on] if everything else [],
                still_have_access=still_have_access,
            ),
            then=[yes("carla", "VIEW", "ct"), yes("dan", "VIEW", "ct")],
        )

    return [
        told("who sees the access list is told what was left standing", "EVERYONE", ["user:carla"]),
        told("who sees their own grants alone is told nothing of what was left", "OWN_GRANTS", []),
        case(
            "the owner is told what was left standing where others see their own grants alone",
            "OWN_GRANTS: the owner sees all.",
            portal(
                share("anna", "ct", "user:ben"),
                share("ben", "ct", "user:carla"),
                access_list="OWN_GRANTS",
            ),
            when=unshare("anna", "ct", "user:ben"),
            outcome=ended(
                grant("ct", "anna", "user:ben"), left_standing=[grant("ct", "ben", "user:carla")]
            ),
        ),
    ]


PASSED_ON = (
    share("anna", "ct", "user:ben"),
    share("ben", "ct", "user:carla"),
    share("carla", "ct", "user:dan"),
)
"""From Anna to Ben, from him to Carla, from her to Dan."""


def _without_access() -> list[Case]:
    lost = (*PASSED_ON, unshare("anna", "ct", "user:ben"))
    bens = grant("ct", "ben", "user:carla")
    return [
        case(
            "who lost access is told of their own grants alone in a cascade",
            "They may thereby end others' grants that rest on it; they are told of their own only.",
            portal(*lost),
            when=unshare("ben", "ct", "user:carla", reshares="CASCADE"),
            outcome=ended(bens),
            then=[no("carla", "VIEW", "ct"), no("dan", "VIEW", "ct")],
        ),
        case(
            "who lost access is told nothing of what was left standing",
            "Someone without access who did make grants sees those and nothing else.",
            portal(*lost, share("anna", "ct", "user:carla")),
            when=unshare("ben", "ct", "user:carla"),
            outcome=ended(bens),
            then=[yes("carla", "VIEW", "ct"), yes("dan", "VIEW", "ct")],
        ),
        case(
            "who lost access and ended what they had made finds no such grant",
            "Someone without access who did make grants: anything but their own is NO_SUCH_GRANT.",
            portal(*lost, unshare("ben", "ct", "user:carla")),
            when=unshare("ben", "ct", "user:carla"),
            outcome=refused("NO_SUCH_GRANT"),
        ),
        case(
            "who lost access is told of no group that gives access, their own grant to it included",
            "If the actor may see the access list.",
            portal(
                share("anna", "ct", "user:ben"),
                share("ben", "ct", "group:nurses"),
                unshare("anna", "ct", "user:ben"),
            ),
            when=unshare("ben", "ct", "user:dan"),
            outcome=refused("NO_SUCH_GRANT"),
            then=[yes("dan", "VIEW", "ct")],
        ),
        case(
            "who lost access cannot end what others made to the same principal",
            "Someone without access who did make grants: anything but their own is NO_SUCH_GRANT.",
            portal(*lost, share("anna", "ct", "user:carla")),
            when=end_grant("ben", "ct", "anna", "user:carla"),
            outcome=refused(reason("NO_SUCH_GRANT", grants=[grant("ct", "anna", "user:carla")])),
            then=[yes("carla", "VIEW", "ct")],
        ),
        case(
            "a preview for who lost access tells of their own grants alone",
            "They are told of their own only.",
            portal(*lost),
            then=[
                preview(
                    unshare("ben", "ct", "user:carla", reshares="CASCADE"),
                    losses=[("user:carla", "ct", "VIEW")],
                ),
            ],
        ),
    ]


def _reshares_told() -> list[Case]:
    rule = "The receipt says what ended, as far as the actor may know."
    return [
        case(
            "who sees the access list is told all that a cascade ends",
            rule,
            portal(*PASSED_ON),
            when=unshare("ben", "ct", "user:carla", reshares="CASCADE"),
            outcome=ended(grant("ct", "ben", "user:carla"), grant("ct", "carla", "user:dan")),
        ),
        case(
            "who sees their own grants alone is told of no other that a cascade ends",
            rule,
            portal(*PASSED_ON, access_list="OWN_GRANTS"),
            when=unshare("ben", "ct", "user:carla", reshares="CASCADE"),
            outcome=ended(grant("ct", "ben", "user:carla")),
            then=[no("dan", "VIEW", "ct")],
        ),
        case(
            "who sees their own grants alone is not told which re-shares restrict",
            "Results shown to an actor speak of principals on the access list they may see.",
            portal(*PASSED_ON, access_list="OWN_GRANTS"),
            when=unshare("ben", "ct", "user:carla", reshares="RESTRICT"),
            outcome=refused("HAS_RESHARES"),
            then=[yes("carla", "VIEW", "ct"), yes("dan", "VIEW", "ct")],
        ),
    ]


def _previews() -> list[Case]:
    shares = (share("anna", "ct", "user:ben", "user:dan"),)
    return [
        case(
            "a preview lets those gain of whom the actor may not know that they hold it",
            "Who would gain what, as far as the actor may know.",
            portal(*shares, access_list="OWN_GRANTS"),
            then=[
                preview(
                    share("ben", "ct", "group:nurses"),
                    gains=[
                        ("group:nurses", "ct", "VIEW"),
                        ("user:dan", "ct", "VIEW"),
                        ("user:eva", "ct", "VIEW"),
                    ],
                ),
            ],
        ),
        case(
            "a preview leaves out the member of whom the actor knows that they hold it",
            "Who would gain what, as far as the actor may know.",
            portal(*shares),
            then=[
                preview(
                    share("ben", "ct", "group:nurses"),
                    gains=[("group:nurses", "ct", "VIEW"), ("user:eva", "ct", "VIEW")],
                ),
            ],
        ),
        case(
            "a preview names no member whom the actor may not see",
            "What one may not see does not exist.",
            portal(unseen=[("anna", "user:dan")]),
            then=[
                preview(
                    share("anna", "ct", "group:nurses"),
                    gains=[("group:nurses", "ct", "VIEW"), ("user:eva", "ct", "VIEW")],
                ),
            ],
        ),
    ]


def _lists() -> list[Case]:
    rule = "OWN_GRANTS: others see the owner, the entries they made, and those made to them."
    shares = (
        share("anna", "ct", "user:ben", "group:nurses"),
        share("anna", "ct", "user:carla", permission="DOWNLOAD"),
        share("ben", "ct", "user:carla"),
    )
    return [
        case(
            "an entry has one's own grants alone where the policy limits the access list to those",
            rule,
            portal(*shares, access_list="OWN_GRANTS"),
            then=[
                access_list(
                    "ben",
                    "ct",
                    entry("user:ben", ("anna", "VIEW", None, True), can_unshare=True),
                    entry("user:carla", ("ben", "VIEW", None, True), can_unshare=True),
                ),
                access_list("dan", "ct"),
            ],
        ),
        case(
            "the owner sees every entry where the policy limits the access list to one's own",
            "OWN_GRANTS: the owner sees all.",
            portal(*shares, access_list="OWN_GRANTS"),
            then=[
                access_list(
                    "anna",
                    "ct",
                    entry("user:ben", ("anna", "VIEW", None, True), can_unshare=True),
                    entry(
                        "user:carla",
                        ("anna", "DOWNLOAD", None, True),
                        ("ben", "VIEW", None, True),
                        held={"VIEW": None, "DOWNLOAD": None},
                        can_unshare=True,
                    ),
                    entry("group:nurses", ("anna", "VIEW", None, True), can_unshare=True),
                ),
            ],
        ),
    ]


def _counted() -> list[Case]:
    rule = "Members of a group whom the actor may not see are held against the limit alone."
    to_both = share("anna", "ct", "group:nurses", "user:ben", "user:carla")
    all_made = shared(*(made("ct", each) for each in ("group:nurses", "user:ben", "user:carla")))
    return [
        case(
            "members whom the actor may not see are not added to the other people",
            rule,
            portal(unseen_members=HIDDEN, max_people=2),
            when=to_both,
            outcome=all_made,
            then=[yes("dan", "VIEW", "ct"), yes("eva", "VIEW", "ct")],
        ),
        case(
            "a person named may be in a group whose members the actor may not see",
            rule,
            portal(unseen_members=HIDDEN, max_people=2),
            when=share("anna", "ct", "group:nurses", "user:dan", "user:carla"),
            outcome=shared(
                made("ct", "group:nurses"), made("ct", "user:dan"), made("ct", "user:carla")
            ),
        ),
        case(
            "a group of more members than the limit is too many though the actor may see none",
            rule,
            portal(unseen_members=HIDDEN, max_people=1),
            when=share("anna", "ct", "group:nurses"),
            outcome=refused(reason("TOO_MANY", limit=1, limited="people")),
        ),
        case(
            "members whom the actor may see count together with the other people",
            "People whom the actor may see are counted once.",
            portal(max_people=2),
            when=to_both,
            outcome=refused(reason("TOO_MANY", limit=2, limited="people")),
        ),
    ]
