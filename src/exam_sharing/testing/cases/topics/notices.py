"""Notices: who gets one, personal messages, and notices that are dropped.

Specification: `#notices`.
"""

from typing import Final

from exam_sharing.testing.cases.builders import (
    case,
    clock,
    exam,
    left_open,
    notices,
    upload,
    withdraw,
)
from exam_sharing.testing.cases.people import DAY, HOUR, WEEK, board, passed_on
from exam_sharing.testing.cases.topics import After, anna, ben, carla, clinic, dan, eva, nurses

LOOK: Final = "Please have a look."
CONTROLS: Final = {
    "a control character": "ring\u0007",
    "the control DEL": "one\u007ftwo",
    "a C1 control": "one\u009btwo",
}
SHARE: Final = anna.share(ben, carla, message=LOOK)

CASES: Final = {
    "Each user who gained access, permission or time gets one notice.": {
        "a share sends a notice to its recipients": case(
            anna.share(ben, nurses).granted(), notices(ben.notice(), dan.notice(), eva.notice())
        ),
        "a user who gains download gets a notice": After.share(
            anna.share_download(ben).shared(ben.widened()),
            ben.can_download(),
            notices(ben.notice(permission="DOWNLOAD"), ben.notice()),
        ),
        "a user who gains time gets a notice": case(
            anna.share(ben, until=DAY),
            anna.share(ben, until=WEEK).shared(ben.extended(until=WEEK)),
            notices(ben.notice(until=DAY), ben.notice(until=WEEK)),
        ),
        "a user gets one notice for several groups and exams": case(
            anna.share_batch(clinic, nurses, dan).granted("ct", "mr", "xray"),
            notices(carla.notice(exams=3), dan.notice(exams=3), eva.notice(exams=3)),
        ),
    },
    "A notice has the number of exams and the earliest end of the permission.": {
        "a notice counts the exams on which the reader gained something": case(
            anna.share(ben, exam="mr"),
            anna.share_batch(ben).shared(
                ben.granted(), ben.unchanged(exam="mr"), ben.granted(exam="xray")
            ),
            notices(ben.notice(), ben.notice(exams=2)),
        ),
        "a notice has the earliest time of what was gained": case(
            [anna.share(ben, until=DAY), anna.share(ben, exam="mr", until=HOUR)],
            ben.share_batch(carla).shared(
                carla.granted(until=DAY, limited_by="OWN_HOLD"),
                carla.granted(exam="mr", until=HOUR, limited_by="OWN_HOLD"),
            ),
            notices(
                ben.notice(until=HOUR),
                ben.notice(until=DAY),
                carla.notice(actor=ben, exams=2, until=HOUR),
            ),
        ),
        "a notice ignores the time of exams on which the reader gained nothing": case(
            anna.share(ben, until=WEEK),
            anna.share(ben, exam="mr", until=DAY),
            anna.share(carla, exam="mr"),
            ben.share_batch(carla).shared(
                carla.granted(until=WEEK, limited_by="OWN_HOLD"),
                carla.granted(exam="mr", until=DAY, limited_by="OWN_HOLD"),
            ),
            notices(
                ben.notice(until=DAY),
                ben.notice(until=WEEK),
                carla.notice(),
                carla.notice(actor=ben, until=WEEK),
            ),
        ),
    },
    "Users who gained nothing, the actor, and later members of a group get no notice.": {
        "a user who joins a group later has access and gets no notice": After.group_share(
            nurses.becomes(dan, eva, ben), [ben.can_view(), notices(dan.notice(), eva.notice())]
        ),
        "the actor gets no notice of a share with their own group": case(
            anna.share(dan),
            dan.share(nurses).granted(),
            notices(dan.notice(), eva.notice(actor=dan)),
        ),
        "the owner gets no notice of a share with a group of theirs": case(
            [board.becomes(anna, carla), anna.share(ben)],
            ben.share(board).granted(),
            [carla.can_view(), notices(ben.notice(), carla.notice(actor=ben))],
        ),
        "a part-owner of a batch gets a notice of the rest": case(
            ben.share(anna, exam="mr"),
            anna.share_batch(ben).shared(ben.granted(), ben.owns_it(exam="mr")),
            notices(anna.notice(actor=ben), ben.notice()),
            uploads=[upload("cd", exam("ct"), exam("mr", owner=ben))],
        ),
        "a member who had access already gets no notice of a share with the group": case(
            anna.share(dan), anna.share(nurses).granted(), notices(dan.notice(), eva.notice())
        ),
        "a downloader gets no notice of a share for viewing": case(
            anna.share_download(ben, carla),
            ben.share(carla).granted(),
            notices(ben.notice(permission="DOWNLOAD"), carla.notice(permission="DOWNLOAD")),
        ),
        "an inactive member gets no notice, not even later": case(
            [dan.becomes(active=False), anna.share(nurses), dan.becomes()],
            [dan.can_view(), notices(eva.notice())],
        ),
    },
    "The personal message travels in the notice, as plain text.": {
        "a personal message is part of the notice": case(
            anna.share(ben, message=LOOK).granted(), notices(ben.notice(message=LOOK))
        ),
        "every reader of a notice gets the message": case(
            anna.share(ben, nurses, message="For tonight's shift.").granted(),
            notices(
                ben.notice(message="For tonight's shift."),
                dan.notice(message="For tonight's shift."),
                eva.notice(message="For tonight's shift."),
            ),
        ),
        "the line ends of a message are normalised, and its tabs stay": case(
            anna.share(ben, message="one\r\ntwo\rthree\n\tfour").granted(),
            left_open(
                "to which character line ends are normalised",
                notices(ben.notice(message="one\ntwo\nthree\n\tfour")),
            ),
        ),
        "a message may have several lines": case(
            anna.share(ben, message="a\r\nb").granted(), message_limit=3
        ),
        "a message with markup stays plain text": case(
            anna.share(ben, message="<b>Now</b> & soon").granted(),
            notices(ben.notice(message="<b>Now</b> & soon")),
        ),
    },
    "Without notices, for the deployment or for a user, no message is sent.": {
        "without notices in the deployment, no message is sent": case(
            anna.share(ben, message=LOOK).granted(), ben.can_view(), notices(), sends_notices=False
        ),
        "a user who turned notices off gets no message": case(
            SHARE.granted(), notices(carla.notice(message=LOOK)), users=[ben.fields(notices=False)]
        ),
        "a user who turns notices on gets no notice of earlier shares": case(
            [ben.becomes(notices=False), anna.share(ben, message=LOOK), ben.becomes()],
            [ben.can_view(), notices()],
        ),
    },
    "MESSAGE_NOT_ALLOWED: the message is too long or has a control character.": {
        "a message as long as the limit is allowed, counted in code points": case(
            anna.share(ben, message="\U0001f600\U0001f600\t").granted(), message_limit=3
        ),
        "a message of one code point more than the limit is refused": case(
            anna.share(ben, message="x" * 2001).refused("MESSAGE_NOT_ALLOWED", limit=2000)
        ),
        **{
            f"a message with {what} is refused": case(
                anna.share(ben, message=message).refused("MESSAGE_NOT_ALLOWED", limit=2000)
            )
            for what, message in CONTROLS.items()
        },
    },
    "A notice is dropped if no grant of its share reaches its reader any more.": {
        "a waiting notice is dropped if its reader was unshared": case(
            SHARE, anna.unshare(ben), ben.cannot_view(), notices(carla.notice(message=LOOK))
        ),
        "a waiting notice is dropped if access has expired": case(
            anna.share(ben, until=HOUR), clock(HOUR), ben.cannot_view(), notices()
        ),
        "a waiting notice is dropped if the exam was withdrawn": case(
            SHARE, withdraw("ct"), notices()
        ),
        "a waiting notice is dropped if its reader left the group": case(
            anna.share(nurses), nurses.becomes(eva), dan.cannot_view(), notices(eva.notice())
        ),
        "access by another share does not keep a notice alive": case(
            [*passed_on(anna, ben, dan), anna.share(dan), ben.unshare(dan)],
            [dan.can_view(), notices(ben.notice())],
        ),
    },
    "A notice is dropped if its reader is inactive or has turned notices off.": {
        "a waiting notice is dropped if its reader became inactive": case(
            SHARE, ben.becomes(active=False), ben.cannot_view(), notices(carla.notice(message=LOOK))
        ),
        "a waiting notice is dropped if its reader turned notices off": case(
            SHARE, ben.becomes(notices=False), ben.can_view(), notices(carla.notice(message=LOOK))
        ),
    },
}
