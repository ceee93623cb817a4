"""Recipients: refused ones, readmission, groups, suggestions and the list to select from.

Specification: `#choosing-recipients`, `#principal`, `#removed_by_owner`.
"""

from functools import partial
from typing import Any, Final

from exam_sharing.testing.cases.builders import (
    case,
    clock,
    exam,
    host_ends,
    left_open,
    notices,
    upload,
)
from exam_sharing.testing.cases.people import DAY, HOUR, Group, User, nobody, passed_on
from exam_sharing.testing.cases.topics import After, anna, ben, carla, clinic, dan, eva, nurses

readmission: Final = partial(case, only_owner_readmits=True)
OTHERS: Final = {each: dict[str, Any]() for each in (ben, carla, clinic, dan, eva, nurses)}
"""The choices of Anna, who hold nothing."""

bo: Final = User("bo")
zoe: Final = User("zoe")

CASES: Final = {
    "NO_RECIPIENTS: a share names at least one recipient. Repeated ones count once.": {
        "a share without recipients is refused": case(anna.share().refused("NO_RECIPIENTS")),
        "a recipient who is named twice counts once": case(
            anna.share(ben, ben).shared(ben.granted()), notices(ben.notice())
        ),
    },
    "RECIPIENT_NOT_FOUND: a recipient is unknown, inactive or hidden from the actor.": {
        "an unknown recipient is not found": case(
            anna.share(ben, nobody).recipients_not_found(nobody), ben.cannot_view()
        ),
        "an inactive recipient is not found": case(
            anna.share(ben).recipients_not_found(ben), users=[ben.fields(active=False)]
        ),
        "a hidden recipient is not found": case(
            anna.share(nurses).recipients_not_found(nurses), unseen=[(anna, nurses)]
        ),
        "all recipients that are not found are reported": case(
            anna.share(nurses, nobody, carla, Group("none"), ben).recipients_not_found(
                nurses, nobody, Group("none"), ben
            ),
            carla.cannot_view(),
            users=[ben.fields(active=False)],
            unseen=[(anna, nurses)],
        ),
        "a hidden owner is not found": After.share(
            ben.share(anna).recipients_not_found(anna), unseen=[(ben, anna)]
        ),
        "an inactive owner is not found": case(
            anna.share(ben), anna.becomes(active=False), ben.share(anna).recipients_not_found(anna)
        ),
        "an actor who is hidden from themselves is not found": case(
            anna.share(anna).recipients_not_found(anna), unseen=[(anna, anna)]
        ),
    },
    "RECIPIENT_IS_SELF, RECIPIENT_IS_OWNER: their groups are allowed.": {
        "an actor cannot share with themselves": After.share(
            ben.share(ben).refused("RECIPIENT_IS_SELF", principals=[ben])
        ),
        "an actor cannot share with the owner": After.share(
            ben.share(anna).refused("RECIPIENT_IS_OWNER", principals=[anna])
        ),
    },
    "REMOVED_BY_OWNER: only the owner may share again with a principal whom they unshared.": {
        "by default, others can share with a principal whom the owner removed": case(
            [anna.share(ben, carla), anna.unshare(carla)],
            ben.share(carla).granted(),
            carla.can_view(),
        ),
        "a policy can let only the owner readmit a principal whom the owner removed": readmission(
            anna.share(ben, carla), anna.unshare(carla), ben.share(carla).removed_by_owner(carla)
        ),
        "ending one grant as the owner removes its recipient": readmission(
            [anna.share(ben, carla), anna.end(anna.grant(carla))],
            ben.share(carla).removed_by_owner(carla),
        ),
        "unsharing a grant that somebody else made removes its recipient too": readmission(
            [*passed_on(anna, ben, carla), anna.unshare(carla)],
            ben.share(carla).removed_by_owner(carla),
        ),
        "narrowing as the owner does not remove the recipient": readmission(
            [anna.share_download(ben, carla), anna.narrow_to_view(carla)],
            ben.share_download(carla).granted(),
            carla.can_download(),
        ),
        "giving up access does not count as removal by the owner": readmission(
            anna.share(ben, carla), carla.unshare(carla), ben.share(carla).granted()
        ),
        "ending by the host does not count as removal by the owner": readmission(
            anna.share(ben, carla), host_ends(carla, "ct"), ben.share(carla).granted()
        ),
        "unsharing by another grantor does not count as removal by the owner": readmission(
            *passed_on(anna, ben, carla), ben.unshare(carla), ben.share(carla).granted()
        ),
        "a share with a group reaches a member whom the owner removed": readmission(
            [anna.share(ben, dan), anna.unshare(dan)],
            ben.share(nurses).granted(),
            [dan.can_view(), carla.shared_with()],
        ),
        "once the owner has readmitted a principal, others can share with them": readmission(
            [anna.share(ben, carla), anna.unshare(carla), anna.share(carla)],
            ben.share(carla).granted(),
        ),
    },
    "Groups hold users and groups, to any depth, without a cycle.": {
        "groups hold groups to any depth": case(
            anna.share(clinic).granted(),
            carla.can_view(),
            dan.can_view(),
            dan.explained(
                "VIEW", {**anna.grant(clinic), "through": ["group:nurses", "group:clinic"]}
            ),
        ),
        "a group cannot hold itself through another group": After.group_share(
            nurses.becomes(dan, clinic).error("MembershipCycle"),
            [dan.can_view(), eva.can_view(), carla.cannot_view()],
        ),
        "a group cannot hold itself": case(nurses.becomes(nurses).error("MembershipCycle")),
    },
    "A grant gives nothing to its own grantor.": {
        "sharing with one's own group does not keep access": case(
            [*passed_on(anna, dan, nurses), anna.unshare(dan)],
            [dan.cannot_view(), dan.tabs(), eva.can_view()],
        )
    },
    "A user and a group of the same string are two principals.": {
        "a user and a group with the same id are two principals": case(
            Group("ben").becomes(carla, name="Ben's team"),
            anna.share(Group("ben")).granted(),
            [carla.can_view(), ben.cannot_view()],
        )
    },
    "Suggestions match the starts of words of a name, or the start of an address.": {
        "the start of a name, an address or a group name finds recipients": case(
            anna.suggestions("car", carla),
            anna.suggestions("reyes", carla),
            anna.suggestions("EVA", eva),
            anna.suggestions("ben@exam", ben),
            anna.suggestions("night", nurses),
            anna.suggestions("anna"),
        ),
        "a name is found by the start of a word but not from within one": case(
            anna.suggestions("agy"), anna.suggestions("nurse", nurses)
        ),
        "several words match in any order": case(
            left_open(
                "which characters divide the words of a name",
                anna.suggestions("zoe lind", zoe),
                anna.suggestions("lindqvist zoe o'brien", zoe),
                anna.suggestions("obrien z", zoe),
                anna.suggestions("zoe qvist"),
            ),
            users=[zoe.fields(name="O\u2019Brien-Lindqvist, Zoe", email=None)],
        ),
        "a name written without spaces matches from any character": case(
            anna.suggestions("明", User("li")),
            left_open(
                "whether Hangul is among these scripts", anna.suggestions("민수", User("kim"))
            ),
            anna.suggestions("はなこ", User("hana")),
            users=[
                User("li").fields(name="李小明", email=None),
                User("kim").fields(name="김민수", email=None),
                User("hana").fields(name="山田はなこ", email=None),
            ],
        ),
    },
    "Order: exact match, start of the name, start of any word of it. Ties are sorted by name.": {
        "an exact name comes before names that start with the text": case(
            anna.suggestions("dan", User("dora"), dan, User("dana"), User("abe")),
            users=[
                User("dana").fields(name="Dana Abel"),
                User("dora").fields(name="Dan"),
                User("abe").fields(name="Abe Dan"),
            ],
        ),
        "names that start with the text come before names with such a word": case(
            anna.suggestions("n", nurses, dan, eva), suggestion_min_length=1
        ),
        "equal matches are sorted by name, users and groups together": case(
            Group("a-team").becomes(dan, name="Carl's team"),
            anna.suggestions("car", Group("a-team"), carla),
        ),
        "an address is found exactly, or from its start, but not from within": case(
            anna.suggestions("BEN@example.org", ben, User("abel")),
            anna.suggestions("ben@", User("abel"), ben),
            anna.suggestions("example.org"),
            users=[User("abel").fields(name="Abel", email="ben@example.org.uk")],
        ),
    },
    "Case, accents and Unicode form do not matter.": {
        "a name is found in any Unicode form": case(
            anna.suggestions("Éva", eva), anna.suggestions("E\u0301VA", eva)
        ),
        "a name is found without its accents": case(
            [anna.suggestions("zoe", zoe), anna.suggestions("ANGSTROM", zoe)],
            users=[zoe.fields(name="Zoë Ångström", email=None)],
        ),
    },
    "The policy sets a minimum length and a limit, and whether whole names alone are found.": {
        "text below the policy's minimum length finds nobody": case(
            anna.suggestions("car"), anna.suggestions("carl", carla), suggestion_min_length=4
        ),
        "by default, one character finds nobody": case(
            anna.suggestions("c"), anna.suggestions("ca", carla)
        ),
        "a whole name or address is found below the minimum length": case(
            anna.suggestions("bo li", bo),
            anna.suggestions("B@x.dk", bo),
            anna.suggestions("bo l"),
            anna.suggestions("b@x"),
            suggestion_min_length=10,
            users=[bo.fields(name="Li, Bo", email="b@x.dk")],
        ),
        "a policy can restrict suggestions to whole names and addresses": case(
            anna.suggestions("bo li", bo),
            anna.suggestions("b@x.dk", bo),
            anna.suggestions("night nurse"),
            left_open("whether there is a list if nobody can be found by guessing", anna.choices()),
            whole_names_only=True,
            users=[bo.fields(name="Li, Bo", email="b@x.dk")],
        ),
        "suggestions stop at the policy's limit, best matches first": case(
            anna.suggestions("n", nurses, dan), suggestion_min_length=1, suggestion_limit=2
        ),
    },
    "Not offered: the actor, inactive users, the owner, and anyone hidden from the actor.": {
        "the list offers users and groups by name": case(
            anna.choices(ben, carla, clinic, dan, eva, nurses)
        ),
        "inactive and hidden principals are not offered": case(
            [anna.choices(ben, clinic, eva), anna.suggestions("carla"), anna.suggestions("night")],
            users=[carla.fields(active=False)],
            unseen=[(anna, dan), (anna, nurses)],
        ),
        "a recipient who shares on is offered neither themselves nor the owner": After.share(
            ben.choices(carla, clinic, dan, eva, nurses),
            ben.suggestions("anna"),
            ben.suggestions("ben"),
        ),
        "the owner of another exam of the batch is offered": case(
            anna.suggestions("ben", ben), uploads=[upload("cd", exam("ct"), exam("mr", owner=ben))]
        ),
    },
    "An actor who may not share is offered nobody.": {
        "an actor without the plan is offered nobody": After.share(
            ben.choices(), ben.suggestions("carla"), users=[ben.without_plan()]
        ),
        "an actor whose access has expired is offered nobody": case(
            anna.share(ben, until=HOUR), clock(HOUR), ben.choices(), ben.suggestions("carla")
        ),
    },
    "Choices report what grants to the principal itself give, as far as the actor may know.": {
        "without grants on the exam, choices hold nothing": case(
            anna.share(ben, nurses, exam="mr"),
            [anna.choices_held(OTHERS), anna.suggestions_held("ben", {ben: {}})],
        ),
        "view given for good is held by the choice": case(
            anna.share(ben, nurses),
            anna.choices_held({**OTHERS, ben: {"VIEW": None}, nurses: {"VIEW": None}}),
            anna.suggestions_held("night", {nurses: {"VIEW": None}}),
        ),
        "a choice has a time for each permission": case(
            [anna.share(ben, carla), carla.share(ben), anna.share_download(ben, until=HOUR)],
            anna.suggestions_held("ben", {ben: {"VIEW": None, "DOWNLOAD": HOUR}}),
        ),
        "a choice does not hold expired or ended grants": case(
            anna.share(ben, until=DAY),
            anna.share_download(ben, until=HOUR),
            anna.share(carla),
            anna.unshare(carla),
            clock(HOUR),
            anna.suggestions_held("ben", {ben: {"VIEW": DAY}}),
            anna.suggestions_held("carla", {carla: {}}),
        ),
        "an actor who sees the access list sees what choices hold": case(
            [anna.share_download(ben, carla), ben.share(carla, dan)],
            ben.suggestions_held("carla", {carla: {"VIEW": None, "DOWNLOAD": None}}),
            ben.suggestions_held("dan", {dan: {"VIEW": None}}),
            carla.suggestions_held("dan", {dan: {"VIEW": None}}),
        ),
        "under OWN_GRANTS, choices do not report what others gave": case(
            [anna.share_download(ben, carla), ben.share(carla, dan)],
            ben.suggestions_held("carla", {carla: {"VIEW": None}}),
            ben.suggestions_held("dan", {dan: {"VIEW": None}}),
            carla.suggestions_held("dan", {dan: {}}),
            anna.suggestions_held("carla", {carla: {"VIEW": None, "DOWNLOAD": None}}),
            access_list="OWN_GRANTS",
        ),
    },
}
