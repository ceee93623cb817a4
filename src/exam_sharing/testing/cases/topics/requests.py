"""Requests: repeats, used request ids, performers, and malformed ids and times.

Specification: `#request-ids`, `#ids`.
"""

from functools import partial
from typing import Final

from exam_sharing.testing.cases.builders import add_upload, case, exam, notices, upload
from exam_sharing.testing.cases.people import DAY, User, again
from exam_sharing.testing.cases.topics import After, anna, ben, carla, dan

FORM: Final = {"request_id": "form-1"}
SHARE: Final = anna.share(ben, **FORM)
UNSHARE: Final = anna.unshare(ben, **FORM)
NARROW: Final = anna.narrow_to_view(ben, **FORM)

MALFORMED: Final = {
    "an empty id": "",
    "an id of 256 code points": "x" * 256,
    "an id that ends in a space": "carla ",
    "an id with a control character": "car\u0007la",
    "an id with a bidirectional control": "car\u202ela",
}
BIG_BEN: Final = User("Ben")
RENEE: Final = User("renée")
OTHER_RENEE: Final = User("rene\u0301e")

after_share: Final = partial(case, SHARE)
after_unshare: Final = partial(case, anna.share_download(ben, carla), UNSHARE)
look_alikes: Final = partial(
    case, users=[BIG_BEN.fields(name="Ben Adler"), RENEE.fields(), OTHER_RENEE.fields()]
)

CASES: Final = {
    "A repeat of a request, whatever its message, returns the first receipt and does nothing.": {
        "repeating a share returns the first receipt and does nothing": after_share(
            again(SHARE.granted()), notices(ben.notice())
        ),
        "repeating a share with another message does not send that message": case(
            anna.share(ben, **FORM, message="Have a look."),
            again(anna.share(ben, **FORM, message="At once, please.").granted()),
            notices(ben.notice(message="Have a look.")),
        ),
        "repeating a share does not restore what was unshared since": case(
            SHARE, anna.unshare(ben), again(SHARE.granted()), ben.cannot_view()
        ),
        "repeating a share returns the first receipt even without the plan": case(
            SHARE, anna.becomes(sharing_in_plan=False), again(SHARE.granted())
        ),
        "repeating a share returns the first receipt even if the recipient is inactive": case(
            SHARE, ben.becomes(active=False), again(SHARE.granted()), ben.cannot_view()
        ),
        "repeating a share of a batch does not cover exams that arrived since": case(
            anna.share(ben, **FORM, scope="BATCH"),
            add_upload("cd", exam("us", uploaded_at="2030-01-01T11:30:00Z")),
            again(anna.share(ben, **FORM, scope="BATCH").granted("ct", "mr", "xray")),
            ben.cannot_view("us"),
        ),
        "repeating an unshare returns the first receipt": case(
            anna.share(ben), UNSHARE, again(UNSHARE.ended()), ben.cannot_view()
        ),
        "repeating an unshare does not end what was shared since": case(
            anna.share(ben), UNSHARE, anna.share(ben), again(UNSHARE.ended()), ben.can_view()
        ),
        "repeating a narrowing returns the first receipt": case(
            anna.share_download(ben), NARROW, again(NARROW.cut_to_view()), ben.can_only_view()
        ),
        "repeating a narrowing does not cut what was shared since": After.download(
            [NARROW, anna.share_download(ben)], again(NARROW.cut_to_view()), ben.can_download()
        ),
        "the same request id of another actor is another request": after_share(
            ben.share(carla, **FORM).granted(), carla.can_view()
        ),
    },
    "A preview of a repeat has no effects and is marked as repeated.": {
        "a preview of a repeated share has no effects and is marked as repeated": case(
            SHARE, anna.unshare(ben), SHARE.previewed(repeated=True)
        ),
        "a preview of a repeated unshare has no effects and is marked as repeated": After.share(
            [UNSHARE, anna.share(ben)], [UNSHARE.previewed(repeated=True), ben.can_view()]
        ),
    },
    "RequestIdReused: a different request or preview under a used id.": {
        "another recipient under a used request id is an error": after_share(
            anna.share(carla, **FORM).reused(), carla.cannot_view()
        ),
        "another time under a used request id is an error": after_share(
            anna.share(ben, **FORM, until=DAY).reused()
        ),
        "another permission under a used request id is an error": after_share(
            anna.share_download(ben, **FORM).reused()
        ),
        "a preview of another share under a used request id is an error": after_share(
            anna.share(carla, **FORM).preview_is_error("RequestIdReused")
        ),
        "ending another grant under a used request id is an error": case(
            [anna.share(ben, carla), anna.end(anna.grant(ben), **FORM)],
            anna.end(anna.grant(carla), **FORM).reused(),
            carla.can_view(),
        ),
        "another unshare under a used request id is an error": after_unshare(
            anna.unshare(carla, **FORM).reused(), carla.can_download()
        ),
        "another narrowing under a used request id is an error": case(
            [anna.share_download(ben, carla), NARROW],
            anna.narrow_to_view(carla, **FORM).reused(),
            carla.can_download(),
        ),
        "another choice for re-shares under a used request id is an error": after_unshare(
            anna.unshare(ben, **FORM).cascading().error("RequestIdReused"), carla.can_download()
        ),
        "an unshare under the request id of a share is an error": case(
            [anna.share_download(ben, carla), anna.share(carla, exam="mr", **FORM)],
            anna.unshare(carla, **FORM).reused(),
            carla.can_download(),
        ),
        "a narrowing under the request id of an unshare is an error": after_unshare(
            anna.narrow_to_view(carla, **FORM).reused(), carla.can_download()
        ),
    },
    "performed_by is recorded. It is never a right.": {
        "a user without access can perform a share for an actor who has it": case(
            anna.share(ben, performed_by="carla").granted(),
            [ben.can_view(), carla.cannot_view(), notices(ben.notice())],
        ),
        "a user with access cannot share through an actor who has none": After.share(
            carla.share(dan, performed_by="ben").not_found(), dan.cannot_view()
        ),
        "download held by the performer does not count for the actor": After.share(
            ben.share_download(carla, performed_by="anna").download_not_held("ct"),
            carla.cannot_view(),
        ),
        "the owner cannot unshare through an actor who may not": case(
            anna.share(ben, carla),
            carla.unshare(ben, performed_by="anna").not_grantor_or_owner(),
            ben.can_view(),
        ),
    },
    "Ids are strings of 1 to 255 code points, compared code point by code point.": {
        "users whose ids differ only in case are different users": look_alikes(
            anna.share(BIG_BEN).granted(),
            [BIG_BEN.can_view(), ben.cannot_view(), ben.visible_to(), ben.tabs()],
        ),
        "users whose ids differ only in Unicode form are different users": look_alikes(
            anna.share(RENEE).granted(),
            [RENEE.can_view(), OTHER_RENEE.cannot_view(), OTHER_RENEE.visible_to()],
        ),
        "unsharing an id that looks alike finds no grant": look_alikes(
            anna.share(ben, RENEE), anna.unshare(OTHER_RENEE).no_such_grant(), RENEE.can_view()
        ),
        "exams whose ids differ only in case are different exams": case(
            anna.share_batch(ben, exam="CT").granted(),
            [ben.can_view("CT"), ben.cannot_view(), ben.form("CT")],
            uploads=[upload("cd", exam("ct")), upload("CD", exam("CT"))],
        ),
        "an exam id in another case is not found": case(anna.share(ben, exam="Ct").not_found()),
        "an id of 255 code points is valid": case(
            anna.share(User("x" * 255)).recipients_not_found(User("x" * 255))
        ),
    },
    "InvalidValue: a malformed id or a naive datetime is an error of the caller.": {
        **{
            f"{what} is an error of the caller": case(
                anna.share(ben, User(malformed)).invalid(), ben.cannot_view()
            )
            for what, malformed in MALFORMED.items()
        },
        "a share until a time without a zone is an error of the caller": case(
            anna.share(ben, until="2030-01-02T12:00:00").invalid(), ben.cannot_view()
        ),
        "a narrowing to a time without a zone is an error of the caller": After.share(
            anna.narrow(ben, until="2030-01-02T12:00:00").invalid(), ben.can_view()
        ),
    },
    "A time in any zone is the same moment.": {
        "a time in another zone is the same time": case(
            anna.share(ben, until="2030-01-02T14:00:00+02:00").granted(until=DAY)
        )
    },
}
