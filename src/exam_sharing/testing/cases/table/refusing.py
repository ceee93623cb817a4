"""Shares that are refused: a case or more for each code."""

from exam_sharing.testing.cases.schema import Case
from exam_sharing.testing.cases.table.phrases import (
    DAY,
    HOUR,
    NOW,
    PAST,
    WEEK,
    answers,
    case,
    clock,
    made,
    no,
    no_form,
    portal,
    preview,
    reason,
    refused,
    share,
    shared,
    user,
)

__all__ = ["refusing"]


def refusing() -> list[Case]:
    """Return cases of shares that are refused."""
    return [*_concealed(), *_form(), *_recipients(), *_beyond_own()]


def _concealed() -> list[Case]:
    unknown = "There is no such exam, or the actor has no access to it. The two are one answer."
    return [
        case(
            "an exam that is not there cannot be shared",
            unknown,
            when=share("ben", "no-exam", "user:carla", attested=False),
            outcome=refused(reason("EXAM_NOT_FOUND", exams=["no-exam"])),
        ),
        case(
            "an exam without access is as if it were not there",
            unknown,
            when=share("ben", "ct", "user:nobody", attested=False),
            outcome=refused(reason("EXAM_NOT_FOUND", exams=["ct"])),
            then=[
                answers([], "tabs", user="ben", exam="ct"),
                no_form("ben", "ct"),
                answers([], "suggestions", user="ben", exam="ct", text="car"),
                answers([], "choices", user="ben", exam="ct"),
                answers(
                    refused(reason("EXAM_NOT_FOUND", exams=["ct"])),
                    "access_list",
                    user="ben",
                    exam="ct",
                ),
            ],
        ),
        case(
            "what has expired cannot be shared any more",
            unknown,
            portal(share("anna", "ct", "user:ben", until=HOUR), clock(HOUR)),
            when=share("ben", "ct", "user:carla"),
            outcome=refused(reason("EXAM_NOT_FOUND", exams=["ct"])),
        ),
        case(
            "an inactive user may not act",
            "A user who is unknown or inactive holds nothing, and may not act.",
            portal(users=[user("anna", active=False)]),
            when=share("anna", "ct", "user:ben"),
            outcome=refused(reason("EXAM_NOT_FOUND", exams=["ct"])),
        ),
        case(
            "without the plan nothing is told of recipients",
            "No code about a recipient is reported beside SHARING_NOT_IN_PLAN.",
            portal(users=[user("anna", sharing_in_plan=False)]),
            when=share("anna", "ct", "user:nobody", "user:anna"),
            outcome=refused("SHARING_NOT_IN_PLAN"),
            then=[answers([], "suggestions", user="anna", exam="ct", text="car")],
        ),
    ]


def _form() -> list[Case]:
    return [
        case(
            "an older wording of the attestation does not do",
            "The actor confirmed a wording that is no longer the current one.",
            portal(attestation_wording="I abide by HIPAA, in its new wording."),
            when=share("anna", "ct", "user:ben", wording="I abide by HIPAA."),
            outcome=refused("ATTESTATION_MISSING"),
        ),
        case(
            "a share without recipients is refused",
            "The list of recipients is empty.",
            when=share("anna", "ct"),
            outcome=refused("NO_RECIPIENTS"),
        ),
        case(
            "every reason is told at once",
            "A refusal carries all the codes that apply, and changes nothing.",
            portal(message_limit=10),
            when=share(
                "anna", "ct", "user:ben", "user:anna", attested=False, until=PAST, message="x" * 11
            ),
            outcome=refused(
                "ATTESTATION_MISSING",
                reason("RECIPIENT_IS_SELF", principals=["user:anna"]),
                reason("RECIPIENT_IS_OWNER", principals=["user:anna"]),
                "EXPIRY_IN_PAST",
                reason("MESSAGE_NOT_ALLOWED", limit=10),
            ),
            then=[no("ben", "VIEW", "ct"), answers([], "notices")],
        ),
        case(
            "a message with a control character is refused",
            "The message holds control characters other than newline and tab.",
            when=share("anna", "ct", "user:ben", message="ring\u0007"),
            outcome=refused(reason("MESSAGE_NOT_ALLOWED", limit=2000)),
        ),
        *(
            case(
                f"a message with {name} is refused",
                "The message holds control characters other than newline and tab.",
                when=share("anna", "ct", "user:ben", message=f"one{control}two"),
                outcome=refused(reason("MESSAGE_NOT_ALLOWED", limit=2000)),
            )
            for name, control in (("the control DEL", "\u007f"), ("a C1 control", "\u009b"))
        ),
        case(
            "a message of several lines is fine",
            "Line ends are normalised first.",
            portal(message_limit=3),
            when=share("anna", "ct", "user:ben", message="a\r\nb"),
            outcome=shared(made("ct", "user:ben")),
        ),
        case(
            "a share that would cover other exams than were shown is refused",
            "expect was given and is not the set of exams that the share would now cover.",
            when=share("anna", "ct", "user:ben", scope="BATCH", expect=["ct", "mr"]),
            outcome=refused("CHANGED_SINCE_SHOWN"),
        ),
        case(
            "a preview tells the reasons, and no effects",
            "It does not raise for a rule: it returns the reasons.",
            then=[preview(share("anna", "ct"), reasons=[reason("NO_RECIPIENTS")])],
        ),
        case(
            "a preview without the attestation and with another reason tells no effects",
            "Where the attestation is all that is missing, the effects stand beside it.",
            then=[
                preview(
                    share("anna", "ct", "user:ben", attested=False, until=PAST),
                    reasons=[reason("ATTESTATION_MISSING"), reason("EXPIRY_IN_PAST")],
                ),
            ],
        ),
        case(
            "a preview without the attestation tells the effects beside it",
            "Where the attestation is all that is missing, the effects stand beside it.",
            then=[
                preview(
                    share("anna", "ct", "user:ben", attested=False),
                    reasons=[reason("ATTESTATION_MISSING")],
                    gains=[("user:ben", "ct", "VIEW")],
                ),
            ],
        ),
    ]


def _recipients() -> list[Case]:
    unknown = "A recipient does not exist, is inactive, or is not one that the actor may see."
    return [
        case(
            "a recipient who does not exist is not found",
            unknown,
            when=share("anna", "ct", "user:ben", "user:nobody"),
            outcome=refused(reason("RECIPIENT_NOT_FOUND", principals=["user:nobody"])),
            then=[no("ben", "VIEW", "ct")],
        ),
        case(
            "an inactive recipient is not found",
            unknown,
            portal(users=[user("ben", active=False)]),
            when=share("anna", "ct", "user:ben"),
            outcome=refused(reason("RECIPIENT_NOT_FOUND", principals=["user:ben"])),
        ),
        case(
            "a recipient whom the actor may not see is not found",
            unknown,
            portal(unseen=[("anna", "group:nurses")]),
            when=share("anna", "ct", "group:nurses"),
            outcome=refused(reason("RECIPIENT_NOT_FOUND", principals=["group:nurses"])),
        ),
        case(
            "nobody shares with themselves",
            "The actor names themselves.",
            portal(share("anna", "ct", "user:ben")),
            when=share("ben", "ct", "user:ben"),
            outcome=refused(reason("RECIPIENT_IS_SELF", principals=["user:ben"])),
        ),
        case(
            "sharing with a group that one is in is fine",
            "A group that they are in is fine.",
            portal(share("anna", "ct", "user:dan")),
            when=share("dan", "ct", "group:nurses"),
            outcome=shared(made("ct", "group:nurses")),
        ),
        case(
            "nobody shares with the owner",
            "A recipient owns the exam that the share names.",
            portal(share("anna", "ct", "user:ben")),
            when=share("ben", "ct", "user:anna"),
            outcome=refused(reason("RECIPIENT_IS_OWNER", principals=["user:anna"])),
        ),
    ]


def _beyond_own() -> list[Case]:
    return [
        case(
            "download held on one exam does not count for another",
            "DOWNLOAD_NOT_HELD: the actor does not hold it on every exam covered.",
            portal(
                share("anna", "ct", "user:ben", permission="DOWNLOAD"),
                share("anna", "mr", "user:ben"),
            ),
            when=share("ben", "ct", "user:carla", permission="DOWNLOAD", scope="BATCH"),
            outcome=refused(reason("DOWNLOAD_NOT_HELD", exams=["mr"])),
            then=[no("carla", "VIEW", "ct")],
        ),
        case(
            "a time that is over cannot be asked for",
            "The time asked for is not in the future.",
            when=share("anna", "ct", "user:ben", until=NOW),
            outcome=refused("EXPIRY_IN_PAST"),
        ),
        case(
            "a time beyond the actor's own cannot be asked for",
            "A time was asked for that is later than the actor's own hold on that permission.",
            portal(share("anna", "ct", "user:ben", until=DAY)),
            when=share("ben", "ct", "user:carla", until=WEEK),
            outcome=refused(reason("EXPIRY_BEYOND_OWN", exams=["ct"], until=DAY)),
        ),
        case(
            "of several holds that are too short the earliest is told",
            "A time was asked for that is later than the actor's own hold on that permission.",
            portal(
                share("anna", "ct", "user:ben", until=DAY),
                share("anna", "mr", "user:ben", until=HOUR),
            ),
            when=share("ben", "ct", "user:carla", scope="BATCH", until=WEEK),
            outcome=refused(reason("EXPIRY_BEYOND_OWN", exams=["ct", "mr"], until=HOUR)),
        ),
        case(
            "the hold on download counts apart from that on view",
            "The actor's own hold on that permission.",
            portal(
                share("anna", "ct", "user:ben", until=DAY, permission="DOWNLOAD"),
                share("anna", "ct", "user:ben"),
            ),
            when=share("ben", "ct", "user:carla", until=WEEK, permission="DOWNLOAD"),
            outcome=refused(reason("EXPIRY_BEYOND_OWN", exams=["ct"], until=DAY)),
        ),
    ]
