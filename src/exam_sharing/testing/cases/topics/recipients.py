"""Recipients: refused ones, readmission, groups, suggestions and the list to select from.

Specification: `#choosing-recipients`, `#principal`, `#removed_by_owner`.
"""

from collections.abc import Mapping
from typing import Final

from exam_sharing.testing.cases.builders import (
    DAY,
    HOUR,
    can,
    cannot,
    case,
    choices,
    choices_held,
    clock,
    end_grant,
    error,
    exam,
    explained,
    grant,
    host_ends,
    made,
    narrow,
    notice,
    notices,
    passed_on,
    reason,
    refused,
    set_group,
    set_user,
    share,
    share_download,
    shared,
    shared_with,
    suggestions,
    suggestions_held,
    tabs,
    unshare,
    upload,
    user,
)
from exam_sharing.testing.cases.schema import Data

__all__ = ["CASES"]

OTHERS: Final[Mapping[str, Data]] = {
    name: {} for name in ("ben", "carla", "group:clinic", "dan", "eva", "group:nurses")
}
"""The choices of Anna, who hold nothing."""

CASES: Final = {
    "NO_RECIPIENTS: a share names at least one recipient. Repeated ones count once.": {
        "a share without recipients is refused": case(
            when=share("anna"), outcome=refused("NO_RECIPIENTS")
        ),
        "a recipient who is named twice counts once": case(
            when=share("anna", "ben", "ben"),
            outcome=shared(made("ben")),
            then=notices(notice("ben")),
        ),
    },
    "RECIPIENT_NOT_FOUND: a recipient is unknown, inactive or hidden from the actor.": {
        "an unknown recipient is not found": case(
            when=share("anna", "ben", "nobody"),
            outcome=refused(reason("RECIPIENT_NOT_FOUND", principals=["nobody"])),
            then=cannot("ben", "VIEW"),
        ),
        "an inactive recipient is not found": case(
            users=[user("ben", active=False)],
            when=share("anna", "ben"),
            outcome=refused(reason("RECIPIENT_NOT_FOUND", principals=["ben"])),
        ),
        "a hidden recipient is not found": case(
            unseen=[("anna", "group:nurses")],
            when=share("anna", "group:nurses"),
            outcome=refused(reason("RECIPIENT_NOT_FOUND", principals=["group:nurses"])),
        ),
        "all recipients that are not found are reported in the order given": case(
            users=[user("ben", active=False)],
            unseen=[("anna", "group:nurses")],
            when=share("anna", "group:nurses", "nobody", "carla", "group:none", "ben"),
            outcome=refused(
                reason(
                    "RECIPIENT_NOT_FOUND",
                    principals=["group:nurses", "nobody", "group:none", "ben"],
                )
            ),
            then=cannot("carla", "VIEW"),
        ),
        "a hidden owner is not found": case(
            unseen=[("ben", "user:anna")],
            given=share("anna", "ben"),
            when=share("ben", "anna"),
            outcome=refused(reason("RECIPIENT_NOT_FOUND", principals=["anna"])),
        ),
        "an inactive owner is not found": case(
            given=[share("anna", "ben"), set_user("anna", active=False)],
            when=share("ben", "anna"),
            outcome=refused(reason("RECIPIENT_NOT_FOUND", principals=["anna"])),
        ),
        "an actor who is hidden from themselves is not found": case(
            unseen=[("anna", "user:anna")],
            when=share("anna", "anna"),
            outcome=refused(reason("RECIPIENT_NOT_FOUND", principals=["anna"])),
        ),
    },
    "RECIPIENT_IS_SELF, RECIPIENT_IS_OWNER: their groups are allowed.": {
        "an actor cannot share with themselves": case(
            given=share("anna", "ben"),
            when=share("ben", "ben"),
            outcome=refused(reason("RECIPIENT_IS_SELF", principals=["ben"])),
        ),
        "an actor can share with their own group": case(
            given=share("anna", "dan"),
            when=share("dan", "group:nurses"),
            outcome=shared(made("group:nurses")),
        ),
        "an actor cannot share with the owner": case(
            given=share("anna", "ben"),
            when=share("ben", "anna"),
            outcome=refused(reason("RECIPIENT_IS_OWNER", principals=["anna"])),
        ),
        "an actor can share with a group of the owner": case(
            given=[set_group("board", "anna", "carla", name="Board"), share("anna", "ben")],
            when=share("ben", "group:board"),
            outcome=shared(made("group:board")),
            then=can("carla", "VIEW"),
        ),
    },
    "REMOVED_BY_OWNER: only the owner may share again with a principal whom they unshared.": {
        "by default, others can share with a principal whom the owner removed": case(
            given=[share("anna", "ben", "carla"), unshare("anna", "carla")],
            when=share("ben", "carla"),
            outcome=shared(made("carla")),
            then=can("carla", "VIEW"),
        ),
        "a policy can let only the owner readmit a principal whom the owner removed": case(
            policy={"only_owner_readmits": True},
            given=[share("anna", "ben", "carla"), unshare("anna", "carla")],
            when=share("ben", "carla"),
            outcome=refused(reason("REMOVED_BY_OWNER", principals=["carla"])),
        ),
        "ending one grant as the owner removes its recipient": case(
            policy={"only_owner_readmits": True},
            given=[share("anna", "ben", "carla"), end_grant("anna", "anna", "carla")],
            when=share("ben", "carla"),
            outcome=refused(reason("REMOVED_BY_OWNER", principals=["carla"])),
        ),
        "unsharing a grant that somebody else made removes its recipient too": case(
            policy={"only_owner_readmits": True},
            given=[*passed_on("anna", "ben", "carla"), unshare("anna", "carla")],
            when=share("ben", "carla"),
            outcome=refused(reason("REMOVED_BY_OWNER", principals=["carla"])),
        ),
        "narrowing as the owner does not remove the recipient": case(
            policy={"only_owner_readmits": True},
            given=[
                share_download("anna", "ben", "carla"),
                narrow("anna", "carla", permission="VIEW"),
            ],
            when=share_download("ben", "carla"),
            outcome=shared(made("carla")),
            then=can("carla", "DOWNLOAD"),
        ),
        "giving up access does not count as removal by the owner": case(
            policy={"only_owner_readmits": True},
            given=[share("anna", "ben", "carla"), unshare("carla", "carla")],
            when=share("ben", "carla"),
            outcome=shared(made("carla")),
        ),
        "ending by the host does not count as removal by the owner": case(
            policy={"only_owner_readmits": True},
            given=[share("anna", "ben", "carla"), host_ends("carla", "ct")],
            when=share("ben", "carla"),
            outcome=shared(made("carla")),
        ),
        "unsharing by another grantor does not count as removal by the owner": case(
            policy={"only_owner_readmits": True},
            given=[*passed_on("anna", "ben", "carla"), unshare("ben", "carla")],
            when=share("ben", "carla"),
            outcome=shared(made("carla")),
        ),
        "a share with a group reaches a member whom the owner removed": case(
            policy={"only_owner_readmits": True},
            given=[share("anna", "ben", "dan"), unshare("anna", "dan")],
            when=share("ben", "group:nurses"),
            outcome=shared(made("group:nurses")),
            then=[can("dan", "VIEW"), shared_with("carla")],
        ),
        "once the owner has readmitted a principal, others can share with them": case(
            policy={"only_owner_readmits": True},
            given=[share("anna", "ben", "carla"), unshare("anna", "carla"), share("anna", "carla")],
            when=share("ben", "carla"),
            outcome=shared(made("carla")),
        ),
    },
    "Groups hold users and groups, to any depth, without a cycle.": {
        "groups hold groups to any depth": case(
            when=share("anna", "group:clinic"),
            outcome=shared(made("group:clinic")),
            then=[
                can("carla", "VIEW"),
                can("dan", "VIEW"),
                explained(
                    "dan",
                    "VIEW",
                    {**grant("anna", "group:clinic"), "through": ["group:nurses", "group:clinic"]},
                ),
            ],
        ),
        "a group cannot hold itself through another group": case(
            given=share("anna", "group:nurses"),
            when=set_group("nurses", "dan", "group:clinic"),
            outcome=error("MembershipCycle"),
            then=[can("dan", "VIEW"), can("eva", "VIEW"), cannot("carla", "VIEW")],
        ),
        "a group cannot hold itself": case(
            when=set_group("nurses", "group:nurses"), outcome=error("MembershipCycle")
        ),
    },
    "A user holds the grants made to every group that they are in now.": {
        "a user who leaves a group loses what was shared with it": case(
            given=[share("anna", "group:nurses"), set_group("nurses", "eva")],
            then=[cannot("dan", "VIEW"), can("eva", "VIEW")],
        ),
    },
    "A grant gives nothing to its own grantor.": {
        "sharing with one's own group does not keep access": case(
            given=[*passed_on("anna", "dan", "group:nurses"), unshare("anna", "dan")],
            then=[cannot("dan", "VIEW"), tabs("dan"), can("eva", "VIEW")],
        ),
    },
    "A user and a group of the same string are two principals.": {
        "a user and a group with the same id are two principals": case(
            given=set_group("ben", "carla", name="Ben's team"),
            when=share("anna", "group:ben"),
            outcome=shared(made("group:ben")),
            then=[can("carla", "VIEW"), cannot("ben", "VIEW")],
        ),
    },
    "Suggestions match the starts of words of a name, or the start of an address.": {
        "the start of a name, an address or a group name finds recipients": case(
            then=[
                suggestions("anna", "car", "carla"),
                suggestions("anna", "reyes", "carla"),
                suggestions("anna", "EVA", "eva"),
                suggestions("anna", "ben@exam", "ben"),
                suggestions("anna", "night", "group:nurses"),
                suggestions("anna", "anna"),
            ]
        ),
        "a name is found by the start of a word but not from within one": case(
            then=[suggestions("anna", "agy"), suggestions("anna", "nurse", "group:nurses")]
        ),
        "several words match in any order": case(
            users=[user("zoe", name="O\u2019Brien-Lindqvist, Zoe", email=None)],
            then=[
                suggestions("anna", "zoe lind", "zoe"),
                suggestions("anna", "lindqvist zoe o'brien", "zoe"),
                suggestions("anna", "obrien z", "zoe"),
                suggestions("anna", "zoe qvist"),
            ],
        ),
        "a name written without spaces matches from any character": case(
            users=[
                user("li", name="李小明", email=None),
                user("kim", name="김민수", email=None),
                user("hana", name="山田はなこ", email=None),
            ],
            then=[
                suggestions("anna", "明", "li"),
                suggestions("anna", "민수", "kim"),
                suggestions("anna", "はなこ", "hana"),
            ],
        ),
    },
    "Order: exact match, start of the name, start of any word of it. Ties are sorted by name.": {
        "an exact name comes before names that start with the text": case(
            users=[
                user("dana", name="Dana Abel"),
                user("dora", name="Dan"),
                user("abe", name="Abe Dan"),
            ],
            then=suggestions("anna", "dan", "dora", "dan", "dana", "abe"),
        ),
        "names that start with the text come before names with such a word": case(
            policy={"suggestion_min_length": 1},
            then=suggestions("anna", "n", "group:nurses", "dan", "eva"),
        ),
        "equal matches are sorted by name, users and groups together": case(
            given=set_group("a-team", "dan", name="Carl's team"),
            then=suggestions("anna", "car", "group:a-team", "carla"),
        ),
        "an address is found exactly, or from its start, but not from within": case(
            users=[user("abel", name="Abel", email="ben@example.org.uk")],
            then=[
                suggestions("anna", "BEN@example.org", "ben", "abel"),
                suggestions("anna", "ben@", "abel", "ben"),
                suggestions("anna", "example.org"),
            ],
        ),
    },
    "Case, accents and Unicode form do not matter.": {
        "a name is found in any Unicode form": case(
            then=[suggestions("anna", "Éva", "eva"), suggestions("anna", "E\u0301VA", "eva")]
        ),
        "a name is found without its accents": case(
            users=[user("zoe", name="Zoë Ångström", email=None)],
            then=[suggestions("anna", "zoe", "zoe"), suggestions("anna", "ANGSTROM", "zoe")],
        ),
    },
    "The policy sets a minimum length and a limit, and whether whole names alone are found.": {
        "text below the policy's minimum length finds nobody": case(
            policy={"suggestion_min_length": 4},
            then=[suggestions("anna", "car"), suggestions("anna", "carl", "carla")],
        ),
        "by default, one character finds nobody": case(
            then=[suggestions("anna", "c"), suggestions("anna", "ca", "carla")]
        ),
        "a whole name or address is found below the minimum length": case(
            policy={"suggestion_min_length": 10},
            users=[user("bo", name="Li, Bo", email="b@x.dk")],
            then=[
                suggestions("anna", "bo li", "bo"),
                suggestions("anna", "B@x.dk", "bo"),
                suggestions("anna", "bo l"),
                suggestions("anna", "b@x"),
            ],
        ),
        "a policy can restrict suggestions to whole names and addresses": case(
            policy={"whole_names_only": True},
            users=[user("bo", name="Li, Bo", email="b@x.dk")],
            then=[
                suggestions("anna", "bo li", "bo"),
                suggestions("anna", "b@x.dk", "bo"),
                suggestions("anna", "night nurse"),
                choices("anna"),
            ],
        ),
        "suggestions stop at the policy's limit, best matches first": case(
            policy={"suggestion_min_length": 1, "suggestion_limit": 2},
            then=suggestions("anna", "n", "group:nurses", "dan"),
        ),
    },
    "Not offered: the actor, inactive users, the owner, and anyone hidden from the actor.": {
        "the list offers users and groups by name": case(
            then=choices("anna", "ben", "carla", "group:clinic", "dan", "eva", "group:nurses")
        ),
        "inactive and hidden principals are not offered": case(
            users=[user("carla", active=False)],
            unseen=[("anna", "user:dan"), ("anna", "group:nurses")],
            then=[
                choices("anna", "ben", "group:clinic", "eva"),
                suggestions("anna", "carla"),
                suggestions("anna", "night"),
            ],
        ),
        "a recipient who shares on is offered neither themselves nor the owner": case(
            given=share("anna", "ben"),
            then=[
                choices("ben", "carla", "group:clinic", "dan", "eva", "group:nurses"),
                suggestions("ben", "anna"),
                suggestions("ben", "ben"),
            ],
        ),
        "the owner of another exam of the batch is offered": case(
            uploads=[upload("cd", exam("ct"), exam("mr", owner="ben"))],
            then=suggestions("anna", "ben", "ben"),
        ),
    },
    "An actor who may not share is offered nobody.": {
        "an actor without the plan is offered nobody": case(
            users=[user("ben", sharing_in_plan=False)],
            given=share("anna", "ben"),
            then=[choices("ben"), suggestions("ben", "carla")],
        ),
        "an actor whose access has expired is offered nobody": case(
            given=[share("anna", "ben", until=HOUR), clock(HOUR)],
            then=[choices("ben"), suggestions("ben", "carla")],
        ),
    },
    "Choices report what grants to the principal itself give, as far as the actor may know.": {
        "without grants on the exam, choices hold nothing": case(
            given=share("anna", "ben", "group:nurses", exam="mr"),
            then=[choices_held("anna", OTHERS), suggestions_held("anna", "ben", {"ben": {}})],
        ),
        "view given for good is held by the choice": case(
            given=share("anna", "ben", "group:nurses"),
            then=[
                choices_held(
                    "anna", {**OTHERS, "ben": {"VIEW": None}, "group:nurses": {"VIEW": None}}
                ),
                suggestions_held("anna", "night", {"group:nurses": {"VIEW": None}}),
            ],
        ),
        "a choice has a time for each permission": case(
            given=[
                share("anna", "ben", "carla"),
                share("carla", "ben"),
                share_download("anna", "ben", until=HOUR),
            ],
            then=suggestions_held("anna", "ben", {"ben": {"VIEW": None, "DOWNLOAD": HOUR}}),
        ),
        "a choice does not hold expired or ended grants": case(
            given=[
                share("anna", "ben", until=DAY),
                share_download("anna", "ben", until=HOUR),
                share("anna", "carla"),
                unshare("anna", "carla"),
                clock(HOUR),
            ],
            then=[
                suggestions_held("anna", "ben", {"ben": {"VIEW": DAY}}),
                suggestions_held("anna", "carla", {"carla": {}}),
            ],
        ),
        "an actor who sees the access list sees what choices hold": case(
            given=[share_download("anna", "ben", "carla"), share("ben", "carla", "dan")],
            then=[
                suggestions_held("ben", "carla", {"carla": {"VIEW": None, "DOWNLOAD": None}}),
                suggestions_held("ben", "dan", {"dan": {"VIEW": None}}),
                suggestions_held("carla", "dan", {"dan": {"VIEW": None}}),
            ],
        ),
        "under OWN_GRANTS, choices do not report what others gave": case(
            policy={"access_list": "OWN_GRANTS"},
            given=[share_download("anna", "ben", "carla"), share("ben", "carla", "dan")],
            then=[
                suggestions_held("ben", "carla", {"carla": {"VIEW": None}}),
                suggestions_held("ben", "dan", {"dan": {"VIEW": None}}),
                suggestions_held("carla", "dan", {"dan": {}}),
                suggestions_held("anna", "carla", {"carla": {"VIEW": None, "DOWNLOAD": None}}),
            ],
        ),
    },
}
