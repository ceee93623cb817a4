"""Notices: who gets one, personal messages, and notices that are dropped.

Specification: `#notices`.
"""

from typing import Final

from exam_sharing.testing.cases.builders import (
    DAY,
    HOUR,
    WEEK,
    can,
    cannot,
    case,
    clock,
    exam,
    made,
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
    unshare,
    upload,
    user,
    withdraw,
)

__all__ = ["CASES"]

SHARE: Final = share("anna", "ben", "carla", message="Please have a look.")

CASES: Final = {
    "Each user who gained access, permission or time gets one notice.": {
        "a share sends a notice to its recipients": case(
            when=share("anna", "ben", "group:nurses"),
            outcome=shared(made("ben"), made("group:nurses")),
            then=notices(notice("ben"), notice("dan"), notice("eva")),
        ),
        "a user who gains download gets a notice": case(
            given=share("anna", "ben"),
            when=share_download("anna", "ben"),
            outcome=shared(made("ben", "WIDENED")),
            then=notices(notice("ben", permission="DOWNLOAD"), notice("ben")),
        ),
        "a user who gains time gets a notice": case(
            given=share("anna", "ben", until=DAY),
            when=share("anna", "ben", until=WEEK),
            outcome=shared(made("ben", "EXTENDED", until=WEEK, limited_by="ASKED")),
            then=notices(notice("ben", until=DAY), notice("ben", until=WEEK)),
        ),
        "a user gets one notice for several groups and exams": case(
            when=share("anna", "group:clinic", "group:nurses", "dan", scope="BATCH"),
            outcome=shared(
                made("group:clinic"),
                made("group:nurses"),
                made("dan"),
                made("group:clinic", exam="mr"),
                made("group:nurses", exam="mr"),
                made("dan", exam="mr"),
                made("group:clinic", exam="xray"),
                made("group:nurses", exam="xray"),
                made("dan", exam="xray"),
            ),
            then=notices(notice("carla", exams=3), notice("dan", exams=3), notice("eva", exams=3)),
        ),
    },
    "A notice has the number of exams and the earliest end of the permission.": {
        "a notice counts the exams on which the reader gained something": case(
            given=share("anna", "ben", exam="mr"),
            when=share("anna", "ben", scope="BATCH"),
            outcome=shared(
                made("ben"), made("ben", "UNCHANGED", exam="mr"), made("ben", exam="xray")
            ),
            then=notices(notice("ben"), notice("ben", exams=2)),
        ),
        "a notice has the earliest time of what was gained": case(
            given=[share("anna", "ben", until=DAY), share("anna", "ben", exam="mr", until=HOUR)],
            when=share("ben", "carla", scope="BATCH"),
            outcome=shared(
                made("carla", until=DAY, limited_by="OWN_HOLD"),
                made("carla", exam="mr", until=HOUR, limited_by="OWN_HOLD"),
            ),
            then=notices(
                notice("ben", until=HOUR),
                notice("ben", until=DAY),
                notice("carla", actor="ben", exams=2, until=HOUR),
            ),
        ),
        "a notice ignores the time of exams on which the reader gained nothing": case(
            given=[
                share("anna", "ben", until=WEEK),
                share("anna", "ben", exam="mr", until=DAY),
                share("anna", "carla", exam="mr"),
            ],
            when=share("ben", "carla", scope="BATCH"),
            outcome=shared(
                made("carla", until=WEEK, limited_by="OWN_HOLD"),
                made("carla", exam="mr", until=DAY, limited_by="OWN_HOLD"),
            ),
            then=notices(
                notice("ben", until=DAY),
                notice("ben", until=WEEK),
                notice("carla"),
                notice("carla", actor="ben", until=WEEK),
            ),
        ),
    },
    "Users who gained nothing, the actor, and later members of a group get no notice.": {
        "a user who joins a group later has access and gets no notice": case(
            given=[share("anna", "group:nurses"), set_group("nurses", "dan", "eva", "ben")],
            then=[can("ben", "VIEW"), notices(notice("dan"), notice("eva"))],
        ),
        "the actor gets no notice of a share with their own group": case(
            given=share("anna", "dan"),
            when=share("dan", "group:nurses"),
            outcome=shared(made("group:nurses")),
            then=notices(notice("dan"), notice("eva", actor="dan")),
        ),
        "the owner gets no notice of a share with a group of theirs": case(
            given=[set_group("board", "anna", "carla", name="Board"), share("anna", "ben")],
            when=share("ben", "group:board"),
            outcome=shared(made("group:board")),
            then=notices(notice("ben"), notice("carla", actor="ben")),
        ),
        "a part-owner of a batch gets a notice of the rest": case(
            uploads=[upload("cd", exam("ct"), exam("mr", owner="ben"))],
            given=share("ben", "anna", exam="mr"),
            when=share("anna", "ben", scope="BATCH"),
            outcome=shared(made("ben"), made("ben", "OWNS_IT", exam="mr")),
            then=notices(notice("anna", actor="ben"), notice("ben")),
        ),
        "a member who had access already gets no notice of a share with the group": case(
            given=share("anna", "dan"),
            when=share("anna", "group:nurses"),
            outcome=shared(made("group:nurses")),
            then=notices(notice("dan"), notice("eva")),
        ),
        "a downloader gets no notice of a share for viewing": case(
            given=share_download("anna", "ben", "carla"),
            when=share("ben", "carla"),
            outcome=shared(made("carla")),
            then=notices(
                notice("ben", permission="DOWNLOAD"), notice("carla", permission="DOWNLOAD")
            ),
        ),
        "an inactive member gets no notice, not even later": case(
            given=[set_user("dan", active=False), share("anna", "group:nurses"), set_user("dan")],
            then=[can("dan", "VIEW"), notices(notice("eva"))],
        ),
    },
    "The personal message travels in the notice, as plain text.": {
        "a personal message is part of the notice": case(
            when=share("anna", "ben", message="Please have a look."),
            outcome=shared(made("ben")),
            then=notices(notice("ben", message="Please have a look.")),
        ),
        "every reader of a notice gets the message": case(
            when=share("anna", "ben", "group:nurses", message="For tonight's shift."),
            outcome=shared(made("ben"), made("group:nurses")),
            then=notices(
                notice("ben", message="For tonight's shift."),
                notice("dan", message="For tonight's shift."),
                notice("eva", message="For tonight's shift."),
            ),
        ),
        "the line ends of a message are normalised, and its tabs stay": case(
            when=share("anna", "ben", message="one\r\ntwo\rthree\n\tfour"),
            outcome=shared(made("ben")),
            then=notices(notice("ben", message="one\ntwo\nthree\n\tfour")),
        ),
        "a message may have several lines": case(
            policy={"message_limit": 3},
            when=share("anna", "ben", message="a\r\nb"),
            outcome=shared(made("ben")),
        ),
        "a message with markup stays plain text": case(
            when=share("anna", "ben", message="<b>Now</b> & soon"),
            outcome=shared(made("ben")),
            then=notices(notice("ben", message="<b>Now</b> & soon")),
        ),
    },
    "Without notices, for the deployment or for a user, no message is sent.": {
        "without notices in the deployment, no message is sent": case(
            policy={"sends_notices": False},
            when=share("anna", "ben", message="Please have a look."),
            outcome=shared(made("ben")),
            then=[can("ben", "VIEW"), notices()],
        ),
        "a user who turned notices off gets no message": case(
            users=[user("ben", notices=False)],
            when=SHARE,
            outcome=shared(made("ben"), made("carla")),
            then=notices(notice("carla", message="Please have a look.")),
        ),
        "a user who turns notices on gets no notice of earlier shares": case(
            given=[
                set_user("ben", notices=False),
                share("anna", "ben", message="Please have a look."),
                set_user("ben"),
            ],
            then=[can("ben", "VIEW"), notices()],
        ),
    },
    "MESSAGE_NOT_ALLOWED: the message is too long or has a control character.": {
        "a message as long as the limit is allowed, counted in code points": case(
            policy={"message_limit": 3},
            when=share("anna", "ben", message="\U0001f600\U0001f600\t"),
            outcome=shared(made("ben")),
        ),
        "a message of one code point more than the limit is refused": case(
            when=share("anna", "ben", message="x" * 2001),
            outcome=refused(reason("MESSAGE_NOT_ALLOWED", limit=2000)),
        ),
        "a message with a control character is refused": case(
            when=share("anna", "ben", message="ring\u0007"),
            outcome=refused(reason("MESSAGE_NOT_ALLOWED", limit=2000)),
        ),
        "a message with the control DEL is refused": case(
            when=share("anna", "ben", message="one\u007ftwo"),
            outcome=refused(reason("MESSAGE_NOT_ALLOWED", limit=2000)),
        ),
        "a message with a C1 control is refused": case(
            when=share("anna", "ben", message="one\u009btwo"),
            outcome=refused(reason("MESSAGE_NOT_ALLOWED", limit=2000)),
        ),
    },
    "A notice is dropped if no grant of its share reaches its reader any more.": {
        "a waiting notice is dropped if its reader was unshared": case(
            given=[SHARE, unshare("anna", "ben")],
            then=[cannot("ben", "VIEW"), notices(notice("carla", message="Please have a look."))],
        ),
        "a waiting notice is dropped if access has expired": case(
            given=[share("anna", "ben", until=HOUR), clock(HOUR)],
            then=[cannot("ben", "VIEW"), notices()],
        ),
        "a waiting notice is dropped if the exam was withdrawn": case(
            given=[SHARE, withdraw("ct")], then=notices()
        ),
        "a waiting notice is dropped if its reader left the group": case(
            given=[share("anna", "group:nurses"), set_group("nurses", "eva")],
            then=[cannot("dan", "VIEW"), notices(notice("eva"))],
        ),
        "access by another share does not keep a notice alive": case(
            given=[*passed_on("anna", "ben", "dan"), share("anna", "dan"), unshare("ben", "dan")],
            then=[can("dan", "VIEW"), notices(notice("ben"))],
        ),
    },
    "A notice is dropped if its reader is inactive or has turned notices off.": {
        "a waiting notice is dropped if its reader became inactive": case(
            given=[SHARE, set_user("ben", active=False)],
            then=[cannot("ben", "VIEW"), notices(notice("carla", message="Please have a look."))],
        ),
        "a waiting notice is dropped if its reader turned notices off": case(
            given=[SHARE, set_user("ben", notices=False)],
            then=[can("ben", "VIEW"), notices(notice("carla", message="Please have a look."))],
        ),
    },
}
