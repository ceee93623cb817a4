"""What is as if it were not there: exams that one may not see, withdrawn exams, unknown users."""

from exam_sharing.testing.cases.schema import Answered, Case, Data
from exam_sharing.testing.cases.table.phrases import (
    answers,
    case,
    end_grant,
    ended,
    exam,
    form,
    grant,
    host_ends,
    narrow,
    no,
    no_form,
    portal,
    preview,
    reason,
    refused,
    share,
    unshare,
    upload,
    withdraw,
    yes,
)

__all__ = ["concealing"]

ONE_ANSWER = "There is no such exam, or the actor has no access to it. The two are one answer."


def concealing() -> list[Case]:
    """Return cases in which nothing is told, each the same whatever there is."""
    return [*_exams(), *_users(), *_withdrawn(), *_by_host()]


def _not_found(exam: str) -> Data:
    return reason("EXAM_NOT_FOUND", exams=[exam])


def _nothing_shown(user: str, exam: str) -> list[Answered]:
    """Return what every view answers to a user without access."""
    return [
        no(user, "VIEW", exam),
        no(user, "DOWNLOAD", exam),
        answers([], "tabs", user=user, exam=exam),
        no_form(user, exam),
        answers(refused(_not_found(exam)), "access_list", user=user, exam=exam),
        answers([], "suggestions", user=user, exam=exam, text="car"),
        answers([], "choices", user=user, exam=exam),
        answers(
            {"holds": False, "codes": ["EXAM_NOT_FOUND"], "nearest": []},
            "explain",
            user=user,
            permission="VIEW",
            exam=exam,
        ),
    ]


def _nothing_previewed(user: str, exam: str) -> list[Answered]:
    """Return what every preview answers to a user without access."""
    return [
        preview(act, reasons=[_not_found(exam)])
        for act in (
            share(user, exam, "user:dan", "user:nobody", attested=False),
            unshare(user, exam, "user:carla"),
            narrow(user, exam, "user:carla", permission="VIEW"),
        )
    ]


def _exams() -> list[Case]:
    given = portal(share("anna", "ct", "user:carla", permission="DOWNLOAD"))
    kinds = (("that is not there", "no-exam"), ("without access", "ct"))
    no_such_grant = reason("NO_SUCH_GRANT")
    standing = reason("NO_SUCH_GRANT", grants=[grant("ct", "anna", "user:carla", "DOWNLOAD")])
    return [
        *(
            case(
                f"nothing is shown of an exam {kind}",
                ONE_ANSWER,
                given,
                then=_nothing_shown("ben", which),
            )
            for kind, which in kinds
        ),
        *(
            case(
                f"no preview tells anything of an exam {kind}",
                ONE_ANSWER,
                given,
                then=_nothing_previewed("ben", which),
            )
            for kind, which in kinds
        ),
        case(
            "an exam that is not there cannot be unshared",
            ONE_ANSWER,
            given,
            when=unshare("ben", "no-exam", "user:carla"),
            outcome=refused(_not_found("no-exam")),
        ),
        *(
            case(
                f"an exam {kind} cannot be narrowed",
                ONE_ANSWER,
                given,
                when=narrow("ben", which, "user:carla", permission="VIEW"),
                outcome=refused(_not_found(which)),
                then=[yes("carla", "DOWNLOAD", "ct")],
            )
            for kind, which in kinds
        ),
        case(
            "a grant on an exam that is not there is no such grant",
            "Unknown, on an exam that the actor cannot see, or not the actor's to see: one answer.",
            given,
            when=end_grant("ben", "no-exam", "anna", "user:carla"),
            outcome=refused(no_such_grant),
            then=[
                preview(end_grant("ben", "no-exam", "anna", "user:carla"), reasons=[no_such_grant]),
                preview(end_grant("ben", "ct", "anna", "user:carla"), reasons=[standing]),
            ],
        ),
    ]


def _users() -> list[Case]:
    unknown = "A user who is unknown or inactive holds nothing, and may not act."
    given = portal(share("anna", "ct", "user:carla", "group:nurses", permission="DOWNLOAD"))
    return [
        case(
            "an unknown user is shown nothing",
            unknown,
            given,
            then=[
                *_nothing_shown("nobody", "ct"),
                *_nothing_previewed("nobody", "ct"),
                answers([], "shared_with", user="nobody"),
                answers([], "visible_to", user="nobody"),
            ],
        ),
        *(
            case(
                f"an unknown user cannot {act['act']}",
                unknown,
                given,
                when=act,
                outcome=refused(_not_found("ct")),
                then=[no("ben", "VIEW", "ct"), yes("carla", "DOWNLOAD", "ct")],
            )
            for act in (
                share("nobody", "ct", "user:ben"),
                unshare("nobody", "ct", "user:carla"),
                narrow("nobody", "ct", "user:carla", permission="VIEW"),
            )
        ),
        case(
            "an unknown user cannot end a grant",
            unknown,
            given,
            when=end_grant("nobody", "ct", "anna", "user:carla"),
            outcome=refused(
                reason("NO_SUCH_GRANT", grants=[grant("ct", "anna", "user:carla", "DOWNLOAD")])
            ),
            then=[yes("carla", "DOWNLOAD", "ct")],
        ),
        case(
            "an unknown user does not hold even what they own",
            "A user who is unknown or inactive holds nothing, ownership included.",
            portal(uploads=[upload("cd", exam("ct", "nobody"))]),
            when=share("nobody", "ct", "user:ben"),
            outcome=refused(_not_found("ct")),
            then=[no("nobody", "VIEW", "ct"), answers([], "visible_to", user="nobody")],
        ),
    ]


def _withdrawn() -> list[Case]:
    rule = "Withdrawing an exam: all its grants end, and it is no longer found."
    given = portal(
        share("anna", "ct", "user:ben", "group:nurses"),
        share("ben", "ct", "user:carla"),
        share("anna", "mr", "user:ben"),
        withdraw("ct"),
    )
    rest = [{"exam": "mr", "permission": "DOWNLOAD"}, {"exam": "xray", "permission": "DOWNLOAD"}]
    seen = [{"exam": "mr", "permission": "VIEW"}]
    return [
        case(
            "a withdrawn exam is not there for its owner either",
            rule,
            given,
            when=share("anna", "ct", "user:ben"),
            outcome=refused(_not_found("ct")),
            then=[*_nothing_shown("anna", "ct"), *_nothing_previewed("anna", "ct")],
        ),
        case(
            "nothing of a withdrawn exam can be unshared",
            rule,
            given,
            when=unshare("anna", "ct", "user:ben"),
            outcome=refused(_not_found("ct")),
        ),
        case(
            "who shared a withdrawn exam has nothing left to end on it",
            rule,
            given,
            when=unshare("ben", "ct", "user:carla"),
            outcome=refused(_not_found("ct")),
            then=_nothing_shown("ben", "ct"),
        ),
        case(
            "a withdrawn exam is on nobody's list",
            rule,
            given,
            then=[
                answers(rest, "visible_to", user="anna"),
                answers(seen, "shared_with", user="ben"),
                answers(seen, "visible_to", user="ben"),
                answers([], "shared_with", user="carla"),
                answers([], "visible_to", user="dan"),
            ],
        ),
        case(
            "a withdrawn exam is no part of its batch any more",
            rule,
            given,
            then=[
                form("anna", "mr", "mr", "xray", offers_download=True),
                preview(
                    share("anna", "mr", "user:eva", scope="BATCH"),
                    gains=[("user:eva", "mr", "VIEW"), ("user:eva", "xray", "VIEW")],
                ),
            ],
        ),
    ]


def _by_host() -> list[Case]:
    shares = (share("anna", "ct", "user:ben"), share("anna", "mr", "user:ben"))
    kinds = (
        ("that is not there", "no-exam", portal(*shares), refused(_not_found("no-exam"))),
        ("that was withdrawn", "ct", portal(*shares, withdraw("ct")), ended()),
    )
    return [
        *(
            case(
                f"the host ends nothing on an exam {kind}",
                "Both work on every exam of which sharing is kept.",
                given,
                when=host_ends("user:ben", which),
                outcome=outcome,
                then=[yes("ben", "VIEW", "mr")],
            )
            for kind, which, given, outcome in kinds
        ),
        *(
            case(
                f"the host withdraws nothing where it names an exam {kind}",
                "Withdrawing what was withdrawn does nothing.",
                given,
                when=withdraw(which),
                outcome=outcome,
            )
            for kind, which, given, outcome in kinds
        ),
        case(
            "what the host ends everywhere leaves withdrawn exams out",
            "Withdrawing an exam: all its grants end.",
            portal(*shares, withdraw("ct")),
            when=host_ends("user:ben"),
            outcome=ended(grant("mr", "anna", "user:ben")),
        ),
        case(
            "the host may end what there is not",
            "By the host: ending a principal's grants on an exam or everywhere.",
            when=host_ends("user:ben"),
            outcome=ended(),
        ),
    ]
