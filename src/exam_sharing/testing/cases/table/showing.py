"""What the portal shows: tabs, form, lists, and why."""

from exam_sharing.testing.cases.schema import Answered, Case, Data
from exam_sharing.testing.cases.table.phrases import (
    DAY,
    HOUR,
    access_list,
    answers,
    case,
    clock,
    entry,
    exam,
    form,
    grant,
    no,
    no_form,
    portal,
    share,
    unshare,
    upload,
    user,
    yes,
)

__all__ = ["showing"]


def showing() -> list[Case]:
    """Return cases of what is shown to whom."""
    return [
        *_access_lists(),
        *_lists_and_forms(),
        *_explanations(),
        *_choices(),
        *_nearest(),
    ]


def _access_lists() -> list[Case]:
    return [
        case(
            "the X shows exactly where unsharing would be allowed",
            "Can I unshare this: true exactly when unsharing it would be allowed.",
            portal(share("anna", "ct", "user:ben", "user:carla"), share("ben", "ct", "user:carla")),
            then=[
                access_list(
                    "ben",
                    "ct",
                    entry("user:ben", ("anna", "VIEW", None, True), can_unshare=True),
                    entry(
                        "user:carla",
                        ("anna", "VIEW", None, False),
                        ("ben", "VIEW", None, True),
                        can_unshare=True,
                    ),
                ),
            ],
        ),
        case(
            "an entry gathers the grants of several people",
            "One entry a principal: permission, until, and behind it every grant.",
            portal(
                share("anna", "ct", "user:ben", permission="DOWNLOAD", until=DAY),
                share("anna", "ct", "user:carla"),
                share("carla", "ct", "user:ben"),
            ),
            then=[
                access_list(
                    "anna",
                    "ct",
                    entry(
                        "user:ben",
                        ("anna", "DOWNLOAD", DAY, True),
                        ("carla", "VIEW", None, True),
                        held={"VIEW": None, "DOWNLOAD": DAY},
                        can_unshare=True,
                    ),
                    entry("user:carla", ("anna", "VIEW", None, True), can_unshare=True),
                ),
            ],
        ),
        case(
            "a policy can limit the access list to one's own grants",
            "OWN_GRANTS: others see the owner, the entries they made, and those made to them.",
            portal(
                share("anna", "ct", "user:ben", "user:carla"),
                share("ben", "ct", "user:dan"),
                access_list="OWN_GRANTS",
            ),
            then=[
                access_list(
                    "ben",
                    "ct",
                    entry("user:ben", ("anna", "VIEW", None, True), can_unshare=True),
                    entry("user:dan", ("ben", "VIEW", None, True), can_unshare=True),
                ),
            ],
        ),
    ]


def _lists_and_forms() -> list[Case]:
    return [
        case(
            "what is shared with me are the exams of others, newest first",
            "Shared with me: exams of others that a user can see. Visible: those and their own.",
            portal(
                share("anna", "mr", "user:ben", permission="DOWNLOAD"),
                share("anna", "ct", "group:clinic"),
                share("anna", "ct", "user:ben"),
                uploads=[
                    upload(
                        "cd",
                        exam("ct", uploaded_at="2030-01-01T09:00:00Z"),
                        exam("mr", uploaded_at="2030-01-01T10:00:00Z"),
                    ),
                    upload("own", exam("us", "ben", uploaded_at="2030-01-01T11:00:00Z")),
                ],
            ),
            then=[
                answers(
                    [
                        {"exam": "mr", "permission": "DOWNLOAD"},
                        {"exam": "ct", "permission": "VIEW"},
                    ],
                    "shared_with",
                    user="ben",
                ),
                answers(
                    [
                        {"exam": "us", "permission": "DOWNLOAD"},
                        {"exam": "mr", "permission": "DOWNLOAD"},
                        {"exam": "ct", "permission": "VIEW"},
                    ],
                    "visible_to",
                    user="ben",
                ),
            ],
        ),
        case(
            "the form of a view-only recipient for a time says until when they may share",
            "The latest time allowed is that for viewing the named exam.",
            portal(share("anna", "ct", "user:ben", until=DAY)),
            then=[
                form("ben", "ct", "ct", offers_download=False, latest_until=DAY),
            ],
        ),
        case(
            "the form names the exam that was chosen first",
            "The exams that would be shared with it, the named one first.",
            then=[
                form("anna", "xray", "xray", "ct", "mr", offers_download=True),
            ],
        ),
        case(
            "a recipient without the plan views but does not share",
            "Without the plan, no share tab.",
            portal(share("anna", "ct", "user:ben"), users=[user("ben", sharing_in_plan=False)]),
            then=[
                answers(["VIEW"], "tabs", user="ben", exam="ct"),
                no_form("ben", "ct"),
            ],
        ),
        case(
            "inactive users and those whom the actor may not see are not suggested",
            "Neither shows the actor, inactive users, the owner, or anyone the actor may not see.",
            portal(
                users=[user("carla", active=False)],
                unseen=[("anna", "user:dan"), ("anna", "group:nurses")],
            ),
            then=[
                answers(
                    ["user:ben", "group:clinic", "user:eva"], "choices", user="anna", exam="ct"
                ),
                answers([], "suggestions", user="anna", exam="ct", text="carla"),
                answers([], "suggestions", user="anna", exam="ct", text="night"),
            ],
        ),
    ]


def _explanations() -> list[Case]:
    return [
        case(
            "an owner holds everything on their own exams",
            "The active owner holds everything.",
            then=[
                answers(
                    {"holds": True, "as_owner": True, "grants": []},
                    "explain",
                    user="anna",
                    permission="DOWNLOAD",
                    exam="ct",
                ),
            ],
        ),
        case(
            "whoever may only view is told to come near to download",
            "Explain says what comes nearest to a yes.",
            portal(share("anna", "ct", "user:ben")),
            then=[
                no("ben", "DOWNLOAD", "ct"),
                answers(
                    {
                        "holds": False,
                        "codes": ["DOWNLOAD_NOT_HELD"],
                        "nearest": [
                            {"why_not": "ONLY_VIEW", "grant": grant("ct", "anna", "user:ben")}
                        ],
                    },
                    "explain",
                    user="ben",
                    permission="DOWNLOAD",
                    exam="ct",
                ),
            ],
        ),
        case(
            "what has expired or was ended comes near",
            "Explain says what comes nearest to a yes.",
            portal(
                share("anna", "ct", "user:ben", until=HOUR),
                share("anna", "mr", "user:ben"),
                unshare("anna", "mr", "user:ben"),
                clock(HOUR),
            ),
            then=[
                answers(
                    {
                        "holds": False,
                        "codes": ["EXAM_NOT_FOUND"],
                        "nearest": [
                            {
                                "why_not": "EXPIRED",
                                "grant": grant("ct", "anna", "user:ben", until=HOUR),
                            }
                        ],
                    },
                    "explain",
                    user="ben",
                    permission="VIEW",
                    exam="ct",
                ),
                answers(
                    {
                        "holds": False,
                        "codes": ["EXAM_NOT_FOUND"],
                        "nearest": [{"why_not": "ENDED", "grant": grant("mr", "anna", "user:ben")}],
                    },
                    "explain",
                    user="ben",
                    permission="VIEW",
                    exam="mr",
                ),
            ],
        ),
        case(
            "whoever and whatever is unknown is a no",
            "Silence denies: an unknown id is never a yes.",
            portal(share("anna", "ct", "group:nurses")),
            then=[
                no("nobody", "VIEW", "ct"),
                no("anna", "VIEW", "no-exam"),
                no("nurses", "VIEW", "ct"),
                yes("dan", "VIEW", "ct"),
            ],
        ),
    ]


def _choices() -> list[Case]:
    return [
        case(
            "nothing is suggested before as much was typed as the policy wants",
            "A minimum length and a limit, both policy.",
            portal(suggestion_min_length=4),
            then=[
                answers([], "suggestions", user="anna", exam="ct", text="car"),
                answers(["user:carla"], "suggestions", user="anna", exam="ct", text="carl"),
            ],
        ),
        case(
            "one character suggests nothing where the policy says nothing",
            "A minimum length and a limit, both policy.",
            then=[
                answers([], "suggestions", user="anna", exam="ct", text="c"),
                answers(["user:carla"], "suggestions", user="anna", exam="ct", text="ca"),
            ],
        ),
        case(
            "what starts with the text is suggested before names with such a word",
            "Exact match first, then the start of the name, then the start of any word of it.",
            portal(suggestion_min_length=1),
            then=[
                answers(
                    ["group:nurses", "user:dan", "user:eva"],
                    "suggestions",
                    user="anna",
                    exam="ct",
                    text="n",
                ),
            ],
        ),
        case(
            "no more is suggested than the policy allows, and the best of it",
            "A minimum length and a limit, both policy.",
            portal(suggestion_min_length=1, suggestion_limit=2),
            then=[
                answers(
                    ["group:nurses", "user:dan"], "suggestions", user="anna", exam="ct", text="n"
                ),
            ],
        ),
    ]


def _nearest() -> list[Case]:
    def nearest(user: str, *near: Data) -> Answered:
        return answers(
            {"holds": False, "codes": ["EXAM_NOT_FOUND"], "nearest": list(near)},
            "explain",
            user=user,
            permission="VIEW",
            exam="ct",
        )

    return [
        case(
            "an inactive owner and an inactive recipient come near",
            "Explain says what comes nearest to a yes.",
            portal(
                share("anna", "ct", "user:ben"),
                {"act": "user", **user("anna", active=False)},
                {"act": "user", **user("ben", active=False)},
            ),
            then=[
                nearest("anna", {"why_not": "USER_NOT_ACTIVE", "grant": None}),
                nearest(
                    "ben", {"why_not": "USER_NOT_ACTIVE", "grant": grant("ct", "anna", "user:ben")}
                ),
            ],
        ),
        case(
            "a grant to one's own group comes near and gives its grantor nothing",
            "A grant gives nothing to its own grantor.",
            portal(
                share("anna", "ct", "user:dan", until=HOUR),
                share("dan", "ct", "group:nurses", until=HOUR),
                unshare("anna", "ct", "user:dan"),
            ),
            then=[
                nearest(
                    "dan",
                    {
                        "why_not": "OWN_GRANT",
                        "grant": grant("ct", "dan", "group:nurses", until=HOUR),
                    },
                    {"why_not": "ENDED", "grant": grant("ct", "anna", "user:dan", until=HOUR)},
                ),
            ],
        ),
    ]
