"""Whom somebody can choose as a recipient, in which order, and what a choice holds already."""

from exam_sharing.testing.cases.schema import Answered, Case, Data
from exam_sharing.testing.cases.table.phrases import (
    DAY,
    HOUR,
    answers,
    case,
    clock,
    exam,
    group,
    portal,
    share,
    unshare,
    upload,
    user,
)

__all__ = ["choosing"]


def choosing() -> list[Case]:
    """Return cases of suggestions and of the list to select from."""
    return [*_held(), *_held_unseen(), *_matches(), *_whole(), *_left_out()]


def _suggested(text: str, *principals: str, user: str = "anna") -> Answered:
    return answers(list(principals), "suggestions", user=user, exam="ct", text=text)


def _choice(principal: str, **held: str | None) -> Data:
    return {"principal": principal, "held": held}


def _choices_held(user: str, *choices: Data) -> Answered:
    return answers(list(choices), "choices_held", user=user, exam="ct")


def _suggestions_held(user: str, text: str, *choices: Data) -> Answered:
    return answers(list(choices), "suggestions_held", user=user, exam="ct", text=text)


def _held() -> list[Case]:
    rule = "Each choice says what grants to that principal itself already give."
    return [
        case(
            "who was given nothing holds nothing as a choice",
            rule,
            portal(share("anna", "mr", "user:ben", "group:nurses")),
            then=[
                _choices_held(
                    "anna",
                    _choice("user:ben"),
                    _choice("user:carla"),
                    _choice("group:clinic"),
                    _choice("user:dan"),
                    _choice("user:eva"),
                    _choice("group:nurses"),
                ),
                _suggestions_held("anna", "ben", _choice("user:ben")),
            ],
        ),
        case(
            "who was given view for good holds that as a choice",
            rule,
            portal(share("anna", "ct", "user:ben", "group:nurses")),
            then=[
                _choices_held(
                    "anna",
                    _choice("user:ben", VIEW=None),
                    _choice("user:carla"),
                    _choice("group:clinic"),
                    _choice("user:dan"),
                    _choice("user:eva"),
                    _choice("group:nurses", VIEW=None),
                ),
                _suggestions_held("anna", "night", _choice("group:nurses", VIEW=None)),
            ],
        ),
        case(
            "a choice says of each permission until when it is held",
            "A choice says for each permission held until when.",
            portal(
                share("anna", "ct", "user:ben", "user:carla"),
                share("carla", "ct", "user:ben"),
                share("anna", "ct", "user:ben", permission="DOWNLOAD", until=HOUR),
            ),
            then=[_suggestions_held("anna", "ben", _choice("user:ben", VIEW=None, DOWNLOAD=HOUR))],
        ),
        case(
            "what has expired or was ended is no longer held by a choice",
            "A grant stands until it is ended or it expires.",
            portal(
                share("anna", "ct", "user:ben", until=DAY),
                share("anna", "ct", "user:ben", permission="DOWNLOAD", until=HOUR),
                share("anna", "ct", "user:carla"),
                unshare("anna", "ct", "user:carla"),
                clock(HOUR),
            ),
            then=[
                _suggestions_held("anna", "ben", _choice("user:ben", VIEW=DAY)),
                _suggestions_held("anna", "carla", _choice("user:carla")),
            ],
        ),
    ]


def _held_unseen() -> list[Case]:
    rule = "Each choice says what is held if the actor may see the access list."
    shares = (
        share("anna", "ct", "user:ben", "user:carla", permission="DOWNLOAD"),
        share("ben", "ct", "user:carla", "user:dan"),
    )
    return [
        case(
            "whoever sees the access list sees what choices hold",
            rule,
            portal(*shares),
            then=[
                _suggestions_held("ben", "carla", _choice("user:carla", VIEW=None, DOWNLOAD=None)),
                _suggestions_held("ben", "dan", _choice("user:dan", VIEW=None)),
                _suggestions_held("carla", "dan", _choice("user:dan", VIEW=None)),
            ],
        ),
        case(
            "what others gave shows in no choice where everybody sees their own grants alone",
            rule,
            portal(*shares, access_list="OWN_GRANTS"),
            then=[
                _suggestions_held("ben", "carla", _choice("user:carla", VIEW=None)),
                _suggestions_held("ben", "dan", _choice("user:dan", VIEW=None)),
                _suggestions_held("carla", "dan", _choice("user:dan")),
                _suggestions_held("anna", "carla", _choice("user:carla", VIEW=None, DOWNLOAD=None)),
            ],
        ),
    ]


def _matches() -> list[Case]:
    composed, decomposed = "\u00c9va", "E\u0301VA"
    return [
        case(
            "whose name it is comes before those whose name begins with it",
            "Exact match first, then the start of the name, then the start of any word of it.",
            portal(
                users=[
                    user("dana", name="Dana Abel"),
                    user("dora", name="Dan"),
                    user("abe", name="Abe Dan"),
                ]
            ),
            then=[_suggested("dan", "user:dora", "user:dan", "user:dana", "user:abe")],
        ),
        case(
            "those who match alike are suggested by name, users and groups together",
            "Ties by name.",
            portal({"act": "group", **group("a-team", "Carl's team", "user:dan")}),
            then=[_suggested("car", "group:a-team", "user:carla")],
        ),
        case(
            "an address is found as a whole, first, or from its start, and not from within",
            "Exact match first. Addresses match exactly or from their start.",
            portal(users=[user("abel", name="Abel", email="ben@example.org.uk")]),
            then=[
                _suggested("BEN@example.org", "user:ben", "user:abel"),
                _suggested("ben@", "user:abel", "user:ben"),
                _suggested("example.org"),
            ],
        ),
        case(
            "a name is found in whichever Unicode form it is typed",
            "Case, accents and Unicode form do not matter.",
            then=[_suggested(composed, "user:eva"), _suggested(decomposed, "user:eva")],
        ),
        case(
            "a name is found as people type it who leave its accents out",
            "Case, accents and Unicode form do not matter.",
            portal(users=[user("zoe", name="Zo\u00eb \u00c5ngstr\u00f6m", email=None)]),
            then=[_suggested("zoe", "user:zoe"), _suggested("ANGSTROM", "user:zoe")],
        ),
        case(
            "a name is found by the start of a word and not by what stands within one",
            "Then the start of any word of it.",
            then=[_suggested("agy"), _suggested("nurse", "group:nurses")],
        ),
        case(
            "several words are found in any order, each by its start",
            "Several words match in any order, each the start of a word of the name.",
            portal(users=[user("zoe", name="O\u2019Brien-Lindqvist, Zoe", email=None)]),
            then=[
                _suggested("zoe lind", "user:zoe"),
                _suggested("lindqvist zoe o'brien", "user:zoe"),
                _suggested("obrien z", "user:zoe"),
                _suggested("zoe qvist"),
            ],
        ),
        case(
            "a name written without spaces is found from any character, and by one",
            "In scripts that write without spaces a match may begin at any character.",
            portal(
                users=[
                    user("li", name="\u674e\u5c0f\u660e", email=None),
                    user("kim", name="\uae40\ubbfc\uc218", email=None),
                    user("hana", name="\u5c71\u7530\u306f\u306a\u3053", email=None),
                ]
            ),
            then=[
                _suggested("\u660e", "user:li"),
                _suggested("\ubbfc\uc218", "user:kim"),
                _suggested("\u306f\u306a\u3053", "user:hana"),
            ],
        ),
    ]


def _whole() -> list[Case]:
    return [
        case(
            "a whole name or address is found below the minimum length",
            "A whole name or address is found below the minimum too.",
            portal(users=[user("bo", name="Li, Bo", email="b@x.dk")], suggestion_min_length=10),
            then=[
                _suggested("bo li", "user:bo"),
                _suggested("B@x.dk", "user:bo"),
                _suggested("bo l"),
                _suggested("b@x"),
            ],
        ),
        case(
            "where whole names alone are allowed nobody is found by a part or from a list",
            "A policy can allow whole names and addresses alone.",
            portal(users=[user("bo", name="Li, Bo", email="b@x.dk")], whole_names_only=True),
            then=[
                _suggested("bo li", "user:bo"),
                _suggested("b@x.dk", "user:bo"),
                _suggested("night nurse"),
                answers([], "choices", user="anna", exam="ct"),
            ],
        ),
    ]


def _left_out() -> list[Case]:
    rule = "Neither shows the actor, inactive users, the owner, or anyone the actor may not see."
    nothing = "Neither works for an actor who may not share (no plan, no access)."
    return [
        case(
            "who passes an exam on is offered neither themselves nor its owner",
            rule,
            portal(share("anna", "ct", "user:ben")),
            then=[
                answers(
                    ["user:carla", "group:clinic", "user:dan", "user:eva", "group:nurses"],
                    "choices",
                    user="ben",
                    exam="ct",
                ),
                _suggested("anna", user="ben"),
                _suggested("ben", user="ben"),
            ],
        ),
        case(
            "who owns another exam of the batch is offered",
            "Neither shows the owner of the exam.",
            portal(uploads=[upload("cd", exam("ct"), exam("mr", "ben"))]),
            then=[_suggested("ben", "user:ben")],
        ),
        case(
            "without the plan there is nobody to choose",
            nothing,
            portal(share("anna", "ct", "user:ben"), users=[user("ben", sharing_in_plan=False)]),
            then=[
                answers([], "choices", user="ben", exam="ct"),
                _suggested("carla", user="ben"),
            ],
        ),
        case(
            "whose access has expired has nobody to choose",
            nothing,
            portal(share("anna", "ct", "user:ben", until=HOUR), clock(HOUR)),
            then=[
                answers([], "choices", user="ben", exam="ct"),
                _suggested("carla", user="ben"),
            ],
        ),
    ]
