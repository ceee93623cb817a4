"""Shares that the policy allows or refuses: limits, readmission, and rules of the host."""

from exam_sharing.testing.cases.schema import Case
from exam_sharing.testing.cases.table.phrases import (
    DAY,
    WEEK,
    case,
    exam,
    made,
    narrow,
    portal,
    reason,
    refused,
    share,
    shared,
    unshare,
    upload,
    yes,
)

__all__ = ["policy"]


def policy() -> list[Case]:
    """Return cases of what a policy limits, and what rules of the host refuse."""
    return [
        case(
            "a time beyond the longest duration cannot be asked for",
            "A time was asked for that is beyond the policy's longest duration.",
            portal(max_duration=86400),
            when=share("anna", "ct", "user:ben", until=WEEK),
            outcome=refused(reason("EXPIRY_BEYOND_POLICY", until=DAY)),
        ),
        case(
            "more recipients than the limit are too many",
            "TOO_MANY: more recipients than the policy's limit.",
            portal(max_recipients=1),
            when=share("anna", "ct", "user:ben", "user:carla"),
            outcome=refused(reason("TOO_MANY", limit=1, limited="recipients")),
        ),
        case(
            "more exams than the limit are too many",
            "TOO_MANY: more exams than the policy's limit.",
            portal(max_exams=2),
            when=share("anna", "ct", "user:ben", scope="BATCH"),
            outcome=refused(reason("TOO_MANY", limit=2, limited="exams")),
        ),
        case(
            "more people reached than the limit are too many",
            "TOO_MANY: more people reached than the policy's limit; the number is not told.",
            portal(max_people=2),
            when=share("anna", "ct", "group:clinic"),
            outcome=refused(reason("TOO_MANY", limit=2, limited="people")),
        ),
        case(
            "exams of two patients are not shared in one act where that is forbidden",
            "The policy forbids sharing exams of several subjects in one act.",
            portal(
                uploads=[upload("cd", exam("ct"), exam("mr", subject="P-2"))],
                batches_across_subjects=False,
            ),
            when=share("anna", "ct", "user:ben", scope="BATCH"),
            outcome=refused("BATCH_SPANS_SUBJECTS"),
        ),
        case(
            "an exam without a subject counts as a subject of its own",
            "An exam without a subject counts as a subject of its own.",
            portal(
                uploads=[upload("cd", exam("ct", subject=None), exam("mr", subject=None))],
                batches_across_subjects=False,
            ),
            when=share("anna", "ct", "user:ben", scope="BATCH"),
            outcome=refused("BATCH_SPANS_SUBJECTS"),
        ),
        case(
            "whom the owner removed only the owner readmits",
            "The policy lets only the owner readmit whom the owner removed.",
            portal(
                share("anna", "ct", "user:ben", "user:carla"),
                unshare("anna", "ct", "user:carla"),
                only_owner_readmits=True,
            ),
            when=share("ben", "ct", "user:carla"),
            outcome=refused(reason("REMOVED_BY_OWNER", principals=["user:carla"])),
        ),
        case(
            "whom the owner narrowed is not removed",
            "The policy lets only the owner readmit whom the owner removed.",
            portal(
                share("anna", "ct", "user:ben", "user:carla", permission="DOWNLOAD"),
                narrow("anna", "ct", "user:carla", permission="VIEW"),
                only_owner_readmits=True,
            ),
            when=share("ben", "ct", "user:carla", permission="DOWNLOAD"),
            outcome=shared(made("ct", "user:carla")),
            then=[yes("carla", "DOWNLOAD", "ct")],
        ),
        case(
            "who gave it up themselves is not removed by the owner",
            "The policy lets only the owner readmit whom the owner removed.",
            portal(
                share("anna", "ct", "user:ben", "user:carla"),
                unshare("carla", "ct", "user:carla"),
                only_owner_readmits=True,
            ),
            when=share("ben", "ct", "user:carla"),
            outcome=shared(made("ct", "user:carla")),
        ),
        case(
            "once the owner readmitted them others may share with them too",
            "… and the owner has made no grant to it since.",
            portal(
                share("anna", "ct", "user:ben", "user:carla"),
                unshare("anna", "ct", "user:carla"),
                share("anna", "ct", "user:carla"),
                only_owner_readmits=True,
            ),
            when=share("ben", "ct", "user:carla"),
            outcome=shared(made("ct", "user:carla")),
        ),
        case(
            "a rule of the host refuses with a code of its own",
            "HOST_RULE: a rule that the host added says no, with the host's own code.",
            portal(host_rules=[{"code": "NO_STUDENTS", "refuses_shares_by": "anna"}]),
            when=share("anna", "ct", "user:ben"),
            outcome=refused(reason("HOST_RULE", host_code="NO_STUDENTS")),
        ),
        case(
            "every rule of the host is asked, and told beside all other reasons",
            "A refusal carries all the codes that apply.",
            portal(
                host_rules=[
                    {"code": "NO_STUDENTS", "refuses_shares_by": "ben"},
                    {"code": "NOT_ON_CALL", "refuses_shares_by": "anna"},
                    {"code": "NO_LOCUMS", "refuses_shares_by": "anna"},
                ],
            ),
            when=share("anna", "ct", "user:ben", attested=False),
            outcome=refused(
                "ATTESTATION_MISSING",
                reason("HOST_RULE", host_code="NOT_ON_CALL"),
                reason("HOST_RULE", host_code="NO_LOCUMS"),
            ),
        ),
        case(
            "a rule of the host is not asked about an exam that is not to be seen",
            "Host rules run only once the exam is known to be visible.",
            portal(host_rules=[{"code": "NO_STUDENTS", "refuses_shares_by": "ben"}]),
            when=share("ben", "ct", "user:carla"),
            outcome=refused(reason("EXAM_NOT_FOUND", exams=["ct"])),
        ),
    ]
