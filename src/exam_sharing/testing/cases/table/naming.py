"""Ids that look alike, and mistakes of the caller: ids, times, groups and uploads."""

from exam_sharing.testing.cases.schema import Case, Data
from exam_sharing.testing.cases.table.phrases import (
    answers,
    case,
    exam,
    form,
    group,
    made,
    narrow,
    no,
    portal,
    reason,
    refused,
    share,
    shared,
    unshare,
    upload,
    user,
    yes,
)

__all__ = ["naming"]

COMPOSED, DECOMPOSED = "ren\u00e9e", "rene\u0301e"


def naming() -> list[Case]:
    """Return cases of ids that are nearly the same, and of what is no id, time, group or upload."""
    return [*_alike(), *_malformed(), *_directories(), *_uploads()]


def _alike() -> list[Case]:
    rule = "Ids are compared code point by code point."
    users = [user("Ben", name="Ben Adler"), user(COMPOSED), user(DECOMPOSED)]
    return [
        case(
            "users whose ids differ in case are two users",
            rule,
            portal(users=users),
            when=share("anna", "ct", "user:Ben"),
            outcome=shared(made("ct", "user:Ben")),
            then=[
                yes("Ben", "VIEW", "ct"),
                no("ben", "VIEW", "ct"),
                answers([], "visible_to", user="ben"),
                answers([], "tabs", user="ben", exam="ct"),
            ],
        ),
        case(
            "users whose ids differ in their Unicode form are two users",
            rule,
            portal(users=users),
            when=share("anna", "ct", f"user:{COMPOSED}"),
            outcome=shared(made("ct", f"user:{COMPOSED}")),
            then=[
                yes(COMPOSED, "VIEW", "ct"),
                no(DECOMPOSED, "VIEW", "ct"),
                answers([], "visible_to", user=DECOMPOSED),
            ],
        ),
        case(
            "what is shared with a user is not unshared from one whose id looks alike",
            rule,
            portal(share("anna", "ct", "user:ben", f"user:{COMPOSED}"), users=users),
            when=unshare("anna", "ct", f"user:{DECOMPOSED}"),
            outcome=refused("NO_SUCH_GRANT"),
            then=[yes(COMPOSED, "VIEW", "ct")],
        ),
        case(
            "exams whose ids differ in case are two exams",
            rule,
            portal(uploads=[upload("cd", exam("ct")), upload("CD", exam("CT"))]),
            when=share("anna", "CT", "user:ben", scope="BATCH"),
            outcome=shared(made("CT", "user:ben")),
            then=[
                yes("ben", "VIEW", "CT"),
                no("ben", "VIEW", "ct"),
                form("ben", "CT", "CT", offers_download=False),
            ],
        ),
        case(
            "an exam of an id that is nearly there is not there",
            rule,
            when=share("anna", "Ct", "user:ben"),
            outcome=refused(reason("EXAM_NOT_FOUND", exams=["Ct"])),
        ),
    ]


def _malformed() -> list[Case]:
    ids = "A wrong kind of id, or a malformed one, is a caller's error."
    naive = "A naive datetime is a caller's error."
    mistake: Data = {"error": "InvalidValue"}
    return [
        *(
            case(
                f"{what} is a mistake of the caller",
                ids,
                when=share("anna", "ct", "user:ben", f"user:{id_}"),
                outcome=mistake,
                then=[no("ben", "VIEW", "ct")],
            )
            for what, id_ in (
                ("an empty id", ""),
                ("an id of 256 code points", "x" * 256),
                ("an id that ends in a space", "carla "),
                ("an id with a control", "car\u0007la"),
                ("an id with a bidirectional control", "car\u202ela"),
            )
        ),
        case(
            "an id of 255 code points is one that may be unknown",
            "Ids are opaque strings, 1 to 255 code points; an unknown one is not an error.",
            when=share("anna", "ct", f"user:{'x' * 255}"),
            outcome=refused(reason("RECIPIENT_NOT_FOUND", principals=[f"user:{'x' * 255}"])),
        ),
        case(
            "a share until a time without a zone is a mistake of the caller",
            naive,
            when=share("anna", "ct", "user:ben", until="2030-01-02T12:00:00"),
            outcome=mistake,
            then=[no("ben", "VIEW", "ct")],
        ),
        case(
            "a narrowing to a time without a zone is a mistake of the caller",
            naive,
            portal(share("anna", "ct", "user:ben")),
            when=narrow("anna", "ct", "user:ben", until="2030-01-02T12:00:00"),
            outcome=mistake,
            then=[yes("ben", "VIEW", "ct")],
        ),
        case(
            "a time in another zone is the same time",
            "A naive datetime is a caller's error; one of any zone is a moment.",
            when=share("anna", "ct", "user:ben", until="2030-01-02T14:00:00+02:00"),
            outcome=shared(
                made("ct", "user:ben", until="2030-01-02T12:00:00Z", limited_by="ASKED")
            ),
        ),
    ]


def _directories() -> list[Case]:
    rule = "A cycle is an error when it would be made."
    cycle: Data = {"error": "MembershipCycle"}
    return [
        case(
            "a group cannot be made to hold itself by way of another",
            rule,
            portal(share("anna", "ct", "group:nurses")),
            when={"act": "group", **group("nurses", "Night nurses", "user:dan", "group:clinic")},
            outcome=cycle,
            then=[yes("dan", "VIEW", "ct"), yes("eva", "VIEW", "ct"), no("carla", "VIEW", "ct")],
        ),
        case(
            "a group cannot be made to hold itself",
            rule,
            when={"act": "group", **group("nurses", "Night nurses", "group:nurses")},
            outcome=cycle,
        ),
    ]


def _uploads() -> list[Case]:
    rule = "It may grow while the upload runs; it is then sealed."
    late = exam("us", uploaded_at="2030-01-01T11:30:00Z")
    return [
        case(
            "a batch grows until it is sealed",
            rule,
            when={"act": "upload", **upload("cd", late)},
            outcome={},
            then=[
                form("anna", "us", "us", "ct", "mr", "xray", offers_download=True),
                yes("anna", "DOWNLOAD", "us"),
            ],
        ),
        case(
            "a sealed batch takes no more exams",
            rule,
            portal(uploads=[{**upload("cd", exam("ct")), "sealed": True}]),
            when={"act": "upload", **upload("cd", exam("us"))},
            outcome={"error": "BatchSealed"},
            then=[
                form("anna", "ct", "ct", offers_download=True),
                no("anna", "VIEW", "us"),
            ],
        ),
        case(
            "an exam does not arrive twice",
            "The same study uploaded twice is two exams, each with an id of its own.",
            when={"act": "upload", **upload("dvd", exam("ct", "ben"))},
            outcome={"error": "AlreadyExists"},
            then=[yes("anna", "VIEW", "ct"), no("ben", "VIEW", "ct")],
        ),
    ]
