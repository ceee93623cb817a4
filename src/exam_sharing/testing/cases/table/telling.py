"""Notices: who is told of a share, of what, and who is not told any more."""

from exam_sharing.testing.cases.schema import Answered, Case, Data
from exam_sharing.testing.cases.table.phrases import (
    DAY,
    HOUR,
    WEEK,
    answers,
    case,
    clock,
    exam,
    group,
    made,
    no,
    notice,
    portal,
    share,
    shared,
    unshare,
    upload,
    user,
    withdraw,
    yes,
)

__all__ = ["telling"]


def telling() -> list[Case]:
    """Return cases of notices that are sent, and of notices that are not."""
    return [*_gained(), *_not_gained(), *_messages(), *_turned_off(), *_dropped()]


def _notices(*notices: Data) -> Answered:
    return answers(list(notices), "notices")


def _gained() -> list[Case]:
    more = "Each user who gained access, more permission, or more time gets one notice."
    return [
        case(
            "there is one notice a user however many groups and exams",
            "One notice, however many of the groups they are in and however many exams it covers.",
            when=share("anna", "ct", "group:clinic", "group:nurses", "user:dan", scope="BATCH"),
            outcome=shared(
                *(
                    made(exam, recipient)
                    for exam in ("ct", "mr", "xray")
                    for recipient in ("group:clinic", "group:nurses", "user:dan")
                )
            ),
            then=[
                _notices(
                    notice("carla", "anna", exams=3),
                    notice("dan", "anna", exams=3),
                    notice("eva", "anna", exams=3),
                ),
            ],
        ),
        case(
            "who gains download is told",
            more,
            portal(share("anna", "ct", "user:ben")),
            when=share("anna", "ct", "user:ben", permission="DOWNLOAD"),
            outcome=shared(made("ct", "user:ben", "WIDENED")),
            then=[_notices(notice("ben", "anna", permission="DOWNLOAD"), notice("ben", "anna"))],
        ),
        case(
            "who gains time is told",
            more,
            portal(share("anna", "ct", "user:ben", until=DAY)),
            when=share("anna", "ct", "user:ben", until=WEEK),
            outcome=shared(made("ct", "user:ben", "EXTENDED", WEEK, "ASKED")),
            then=[_notices(notice("ben", "anna", until=DAY), notice("ben", "anna", until=WEEK))],
        ),
        case(
            "a notice counts the exams on which something was gained",
            "A notice tells how many exams.",
            portal(share("anna", "mr", "user:ben")),
            when=share("anna", "ct", "user:ben", scope="BATCH"),
            outcome=shared(
                made("ct", "user:ben"),
                made("mr", "user:ben", "UNCHANGED"),
                made("xray", "user:ben"),
            ),
            then=[_notices(notice("ben", "anna", exams=1), notice("ben", "anna", exams=2))],
        ),
        case(
            "the time of a notice leaves out what was held for longer before",
            "The time in a notice is the earliest of what was gained in it.",
            portal(
                share("anna", "ct", "user:ben", until=WEEK),
                share("anna", "mr", "user:ben", until=DAY),
                share("anna", "mr", "user:carla"),
            ),
            when=share("ben", "ct", "user:carla", scope="BATCH"),
            outcome=shared(
                made("ct", "user:carla", until=WEEK, limited_by="OWN_HOLD"),
                made("mr", "user:carla", until=DAY, limited_by="OWN_HOLD"),
            ),
            then=[
                _notices(
                    notice("ben", "anna", until=DAY),
                    notice("ben", "anna", until=WEEK),
                    notice("carla", "anna"),
                    notice("carla", "ben", until=WEEK),
                ),
            ],
        ),
    ]


def _not_gained() -> list[Case]:
    nothing = "Those who gained nothing get none."
    return [
        case(
            "the actor is told nothing of a share with their own group",
            "The actor gets none.",
            portal(share("anna", "ct", "user:dan")),
            when=share("dan", "ct", "group:nurses"),
            outcome=shared(made("ct", "group:nurses")),
            then=[_notices(notice("dan", "anna"), notice("eva", "dan"))],
        ),
        case(
            "the owner is told nothing of a share with a group that they are in",
            nothing,
            portal(
                {"act": "group", **group("board", "Board", "user:anna", "user:carla")},
                share("anna", "ct", "user:ben"),
            ),
            when=share("ben", "ct", "group:board"),
            outcome=shared(made("ct", "group:board")),
            then=[_notices(notice("ben", "anna"), notice("carla", "ben"))],
        ),
        case(
            "who owns a part of the batch is told of the rest alone",
            nothing,
            portal(
                share("ben", "mr", "user:anna"),
                uploads=[upload("cd", exam("ct"), exam("mr", "ben"))],
            ),
            when=share("anna", "ct", "user:ben", scope="BATCH"),
            outcome=shared(made("ct", "user:ben"), made("mr", "user:ben", "OWNS_IT")),
            then=[_notices(notice("anna", "ben"), notice("ben", "anna", exams=1))],
        ),
        case(
            "a member who had access already is told nothing of a share with the group",
            nothing,
            portal(share("anna", "ct", "user:dan")),
            when=share("anna", "ct", "group:nurses"),
            outcome=shared(made("ct", "group:nurses")),
            then=[_notices(notice("dan", "anna"), notice("eva", "anna"))],
        ),
        case(
            "a downloader is told nothing of a share for viewing",
            nothing,
            portal(share("anna", "ct", "user:ben", "user:carla", permission="DOWNLOAD")),
            when=share("ben", "ct", "user:carla"),
            outcome=shared(made("ct", "user:carla")),
            then=[
                _notices(
                    notice("ben", "anna", permission="DOWNLOAD"),
                    notice("carla", "anna", permission="DOWNLOAD"),
                ),
            ],
        ),
        case(
            "an inactive member is told nothing, later neither",
            "A user who is inactive holds nothing; those who gained nothing get none.",
            portal(
                {"act": "user", **user("dan", active=False)},
                share("anna", "ct", "group:nurses"),
                {"act": "user", **user("dan")},
            ),
            then=[yes("dan", "VIEW", "ct"), _notices(notice("eva", "anna"))],
        ),
    ]


def _messages() -> list[Case]:
    return [
        case(
            "everybody who is told reads the message",
            "The personal message travels in the notice.",
            when=share("anna", "ct", "user:ben", "group:nurses", message="For tonight's shift."),
            outcome=shared(made("ct", "user:ben"), made("ct", "group:nurses")),
            then=[
                _notices(
                    *(
                        notice(to, "anna", message="For tonight's shift.")
                        for to in ("ben", "dan", "eva")
                    )
                ),
            ],
        ),
        case(
            "the line ends of a message arrive normalised, and its tabs as they are",
            "Line ends are normalised first.",
            when=share("anna", "ct", "user:ben", message="one\r\ntwo\rthree\n\tfour"),
            outcome=shared(made("ct", "user:ben")),
            then=[_notices(notice("ben", "anna", message="one\ntwo\nthree\n\tfour"))],
        ),
        case(
            "a message arrives as the text that was written, whatever looks like markup",
            "A message is plain text, never markup.",
            when=share("anna", "ct", "user:ben", message="<b>Now</b> & soon"),
            outcome=shared(made("ct", "user:ben")),
            then=[_notices(notice("ben", "anna", message="<b>Now</b> & soon"))],
        ),
    ]


def _turned_off() -> list[Case]:
    return [
        case(
            "who turns notices on again is not told of what was shared before",
            "If notices are off for that user, neither notice nor message is sent.",
            portal(
                {"act": "user", **user("ben", notices=False)},
                share("anna", "ct", "user:ben", message="Please have a look."),
                {"act": "user", **user("ben")},
            ),
            then=[yes("ben", "VIEW", "ct"), _notices()],
        ),
    ]


def _dropped() -> list[Case]:
    rule = (
        "Dropped if by then no grant of its share reaches its reader, or the reader is inactive or "
        "has turned notices off."
    )
    shares = share("anna", "ct", "user:ben", "user:carla", message="Please have a look.")
    told = notice("carla", "anna", message="Please have a look.")
    return [
        *(
            case(
                f"a notice that waits is dropped where its reader {what} before it leaves",
                rule,
                portal(shares, before),
                then=[
                    no("ben", "VIEW", "ct") if loses else yes("ben", "VIEW", "ct"),
                    _notices(told),
                ],
            )
            for what, loses, before in (
                ("was unshared", True, unshare("anna", "ct", "user:ben")),
                ("became inactive", True, {"act": "user", **user("ben", active=False)}),
                ("turned notices off", False, {"act": "user", **user("ben", notices=False)}),
            )
        ),
        case(
            "a notice that waits is dropped where access has expired before it leaves",
            rule,
            portal(share("anna", "ct", "user:ben", until=HOUR), clock(HOUR)),
            then=[no("ben", "VIEW", "ct"), _notices()],
        ),
        case(
            "a notice that waits is dropped where the exam was withdrawn before it leaves",
            rule,
            portal(shares, withdraw("ct")),
            then=[_notices()],
        ),
        case(
            "a notice that waits is dropped where its reader left the group before it leaves",
            rule,
            portal(
                share("anna", "ct", "group:nurses"),
                {"act": "group", **group("nurses", "Night nurses", "user:eva")},
            ),
            then=[no("dan", "VIEW", "ct"), _notices(notice("eva", "anna"))],
        ),
        case(
            "access by another share does not keep a notice alive",
            rule,
            portal(
                share("anna", "ct", "user:ben"),
                share("ben", "ct", "user:dan"),
                share("anna", "ct", "user:dan"),
                unshare("ben", "ct", "user:dan"),
            ),
            then=[
                yes("dan", "VIEW", "ct"),
                _notices(notice("ben", "anna")),
            ],
        ),
    ]
