"""How far a share may go: recipients, limits, times, and what the actor holds."""

from exam_sharing.testing.cases.schema import Case
from exam_sharing.testing.cases.table.phrases import (
    DAY,
    HOUR,
    PAST,
    WEEK,
    case,
    exam,
    group,
    made,
    no,
    portal,
    reason,
    refused,
    share,
    shared,
    upload,
    user,
    yes,
)

__all__ = ["bounding"]


def bounding() -> list[Case]:
    """Return cases just within and just beyond what is allowed."""
    return [*_recipients(), *_limits(), *_times(), *_holds()]


def _recipients() -> list[Case]:
    one = "The three are one answer, and win over the two below."
    return [
        case(
            "all recipients who are not found are told at once, as they were named",
            one,
            portal(users=[user("ben", active=False)], unseen=[("anna", "group:nurses")]),
            when=share(
                "anna", "ct", "group:nurses", "user:nobody", "user:carla", "group:none", "user:ben"
            ),
            outcome=refused(
                reason(
                    "RECIPIENT_NOT_FOUND",
                    principals=["group:nurses", "user:nobody", "group:none", "user:ben"],
                )
            ),
            then=[no("carla", "VIEW", "ct")],
        ),
        case(
            "an owner whom the actor may not see is not found",
            one,
            portal(share("anna", "ct", "user:ben"), unseen=[("ben", "user:anna")]),
            when=share("ben", "ct", "user:anna"),
            outcome=refused(reason("RECIPIENT_NOT_FOUND", principals=["user:anna"])),
        ),
        case(
            "an inactive owner is not found",
            one,
            portal(share("anna", "ct", "user:ben"), {"act": "user", **user("anna", active=False)}),
            when=share("ben", "ct", "user:anna"),
            outcome=refused(reason("RECIPIENT_NOT_FOUND", principals=["user:anna"])),
        ),
        case(
            "an actor who may not see themselves is not found",
            one,
            portal(unseen=[("anna", "user:anna")]),
            when=share("anna", "ct", "user:anna"),
            outcome=refused(reason("RECIPIENT_NOT_FOUND", principals=["user:anna"])),
        ),
        case(
            "sharing with a group that the owner is in is fine",
            "A group that the owner is in is fine.",
            portal(
                {"act": "group", **group("board", "Board", "user:anna", "user:carla")},
                share("anna", "ct", "user:ben"),
            ),
            when=share("ben", "ct", "group:board"),
            outcome=shared(made("ct", "group:board")),
            then=[yes("carla", "VIEW", "ct")],
        ),
        case(
            "without the plan the reasons that tell nothing of recipients are told",
            "A refusal carries all the codes that apply; none about a recipient.",
            portal(share("anna", "ct", "user:ben"), users=[user("ben", sharing_in_plan=False)]),
            when=share(
                "ben", "ct", "user:nobody", permission="DOWNLOAD", attested=False, until=PAST
            ),
            outcome=refused(
                "SHARING_NOT_IN_PLAN",
                "ATTESTATION_MISSING",
                reason("DOWNLOAD_NOT_HELD", exams=["ct"]),
                "EXPIRY_IN_PAST",
            ),
        ),
        case(
            "the current wording may be confirmed by its words",
            "The attestation with the wording that was shown.",
            portal(attestation_wording="I abide by HIPAA."),
            when=share("anna", "ct", "user:ben", wording="I abide by HIPAA."),
            outcome=shared(made("ct", "user:ben")),
        ),
    ]


def _limits() -> list[Case]:
    rule = "TOO_MANY: more than the policy's limits."
    long = "The message is longer than the policy's limit."
    return [
        case(
            "as many recipients as the limit are not too many, and one named twice is one",
            rule,
            portal(max_recipients=2),
            when=share("anna", "ct", "user:ben", "user:carla", "user:ben"),
            outcome=shared(made("ct", "user:ben"), made("ct", "user:carla")),
        ),
        case(
            "exams that the actor cannot see do not count for the limit",
            "More exams (those that the actor can see).",
            portal(share("anna", "ct", "user:ben"), share("anna", "mr", "user:ben"), max_exams=2),
            when=share("ben", "ct", "user:carla", scope="BATCH"),
            outcome=shared(made("ct", "user:carla"), made("mr", "user:carla")),
        ),
        case(
            "people who are reached by two ways count once, and the actor does not count",
            "More people reached than the policy's limit.",
            portal(share("anna", "ct", "user:dan"), max_people=2),
            when=share("dan", "ct", "group:clinic", "group:nurses", "user:carla"),
            outcome=shared(
                made("ct", "group:clinic"), made("ct", "group:nurses"), made("ct", "user:carla")
            ),
            then=[yes("eva", "VIEW", "ct")],
        ),
        case(
            "every limit that is passed is told",
            "A refusal carries all the codes that apply.",
            portal(max_recipients=1, max_exams=2, max_people=1),
            when=share("anna", "ct", "user:ben", "user:carla", scope="BATCH"),
            outcome=refused(
                reason("TOO_MANY", limit=1, limited="recipients"),
                reason("TOO_MANY", limit=2, limited="exams"),
                reason("TOO_MANY", limit=1, limited="people"),
            ),
        ),
        case(
            "a message as long as the limit is fine, counted in code points",
            long,
            portal(message_limit=3),
            when=share("anna", "ct", "user:ben", message="\U0001f600\U0001f600\t"),
            outcome=shared(made("ct", "user:ben")),
        ),
        case(
            "a message of one code point more than the limit is too long",
            long,
            when=share("anna", "ct", "user:ben", message="x" * 2001),
            outcome=refused(reason("MESSAGE_NOT_ALLOWED", limit=2000)),
        ),
    ]


def _times() -> list[Case]:
    return [
        case(
            "a time may be asked for up to the longest duration",
            "A time was asked for that is beyond the policy's longest duration.",
            portal(max_duration=86400),
            when=share("anna", "ct", "user:ben", until=DAY),
            outcome=shared(made("ct", "user:ben", until=DAY, limited_by="ASKED")),
        ),
        case(
            "a time beyond both the actor's own and the policy's is told for both",
            "A refusal carries all the codes that apply.",
            portal(share("anna", "ct", "user:ben", until=HOUR), max_duration=86400),
            when=share("ben", "ct", "user:carla", until=WEEK),
            outcome=refused(
                reason("EXPIRY_BEYOND_OWN", exams=["ct"], until=HOUR),
                reason("EXPIRY_BEYOND_POLICY", until=DAY),
            ),
        ),
        case(
            "a time may be asked for that comes the next moment",
            "The time asked for is not in the future.",
            when=share("anna", "ct", "user:ben", until="2030-01-01T12:00:00.000001Z"),
            outcome=shared(
                made("ct", "user:ben", until="2030-01-01T12:00:00.000001Z", limited_by="ASKED")
            ),
            then=[yes("ben", "VIEW", "ct")],
        ),
        case(
            "no time asked for means for each exam as long as it is held",
            "As long as allowed, for each exam.",
            portal(
                share("anna", "mr", "user:ben", until=HOUR),
                uploads=[upload("cd", exam("ct", "ben"), exam("mr"))],
                max_duration=86400,
            ),
            when=share("ben", "ct", "user:carla", scope="BATCH"),
            outcome=shared(
                made("ct", "user:carla", until=DAY, limited_by="POLICY"),
                made("mr", "user:carla", until=HOUR, limited_by="OWN_HOLD"),
            ),
        ),
        case(
            "a time that is asked for holds for every exam of a batch",
            "Until when: a time was asked for.",
            when=share("anna", "ct", "user:ben", scope="BATCH", until=DAY),
            outcome=shared(
                *(
                    made(exam, "user:ben", until=DAY, limited_by="ASKED")
                    for exam in ("ct", "mr", "xray")
                )
            ),
        ),
    ]


def _holds() -> list[Case]:
    rule = "Who may share: any user with access, and no more than they hold. Grants add up."
    return [
        case(
            "the longest of several holds is what may be passed on",
            rule,
            portal(
                share("anna", "ct", "user:ben", until=HOUR),
                share("anna", "ct", "user:carla", until=DAY),
                share("carla", "ct", "user:ben"),
            ),
            when=share("ben", "ct", "user:dan"),
            outcome=shared(made("ct", "user:dan", until=DAY, limited_by="OWN_HOLD")),
        ),
        case(
            "what is held through a group may be passed on",
            rule,
            portal(share("anna", "ct", "group:clinic", permission="DOWNLOAD", until=DAY)),
            when=share("dan", "ct", "user:ben", permission="DOWNLOAD"),
            outcome=shared(made("ct", "user:ben", until=DAY, limited_by="OWN_HOLD")),
            then=[yes("ben", "DOWNLOAD", "ct")],
        ),
        case(
            "view held for good is passed on for good where download ends sooner",
            "The actor's own hold on that permission.",
            portal(
                share("anna", "ct", "user:ben", permission="DOWNLOAD", until=DAY),
                share("anna", "ct", "user:ben"),
            ),
            when=share("ben", "ct", "user:carla"),
            outcome=shared(made("ct", "user:carla")),
        ),
        case(
            "download that has expired can no longer be passed on",
            "DOWNLOAD_NOT_HELD: the actor does not hold it.",
            portal(
                share("anna", "ct", "user:ben", permission="DOWNLOAD", until=HOUR),
                share("anna", "ct", "user:ben"),
                {"act": "clock", "now": HOUR},
            ),
            when=share("ben", "ct", "user:carla", permission="DOWNLOAD"),
            outcome=refused(reason("DOWNLOAD_NOT_HELD", exams=["ct"])),
        ),
    ]
