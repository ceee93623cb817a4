"""Requests: repeats, used request ids, performers, and malformed ids and times.

Specification: `#request-ids`, `#ids`.
"""

from typing import Final

from exam_sharing.testing.cases.builders import (
    DAY,
    add_upload,
    can,
    cannot,
    case,
    end_grant,
    ended,
    error,
    exam,
    form,
    grant,
    made,
    narrow,
    not_found,
    notice,
    notices,
    preview,
    preview_error,
    reason,
    refused,
    repeated,
    set_user,
    share,
    share_download,
    shared,
    tabs,
    unshare,
    upload,
    user,
    visible_to,
)

__all__ = ["CASES"]

SHARE: Final = share("anna", "ben", request_id="form-1")
UNSHARE: Final = unshare("anna", "ben", request_id="form-1")
NARROW: Final = narrow("anna", "ben", permission="VIEW", request_id="form-1")

CASES: Final = {
    "A repeat of a request, whatever its message, returns the first receipt and does nothing.": {
        "repeating a share returns the first receipt and does nothing": case(
            given=SHARE,
            when=SHARE,
            outcome=repeated(shared(made("ben"))),
            then=notices(notice("ben")),
        ),
        "repeating a share with another message does not send that message": case(
            given=share("anna", "ben", request_id="form-1", message="Have a look."),
            when=share("anna", "ben", request_id="form-1", message="At once, please."),
            outcome=repeated(shared(made("ben"))),
            then=notices(notice("ben", message="Have a look.")),
        ),
        "repeating a share does not restore what was unshared since": case(
            given=[SHARE, unshare("anna", "ben")],
            when=SHARE,
            outcome=repeated(shared(made("ben"))),
            then=cannot("ben", "VIEW"),
        ),
        "repeating a share returns the first receipt even without the plan": case(
            given=[SHARE, set_user("anna", sharing_in_plan=False)],
            when=SHARE,
            outcome=repeated(shared(made("ben"))),
        ),
        "repeating a share returns the first receipt even if the recipient is inactive": case(
            given=[SHARE, set_user("ben", active=False)],
            when=SHARE,
            outcome=repeated(shared(made("ben"))),
            then=cannot("ben", "VIEW"),
        ),
        "repeating a share of a batch does not cover exams that arrived since": case(
            given=[
                share("anna", "ben", request_id="form-1", scope="BATCH"),
                add_upload("cd", exam("us", uploaded_at="2030-01-01T11:30:00Z")),
            ],
            when=share("anna", "ben", request_id="form-1", scope="BATCH"),
            outcome=repeated(shared(made("ben"), made("ben", exam="mr"), made("ben", exam="xray"))),
            then=cannot("ben", "VIEW", "us"),
        ),
        "repeating an unshare returns the first receipt": case(
            given=[share("anna", "ben"), UNSHARE],
            when=UNSHARE,
            outcome=repeated(ended(grant("anna", "ben"))),
            then=cannot("ben", "VIEW"),
        ),
        "repeating an unshare does not end what was shared since": case(
            given=[share("anna", "ben"), UNSHARE, share("anna", "ben")],
            when=UNSHARE,
            outcome=repeated(ended(grant("anna", "ben"))),
            then=can("ben", "VIEW"),
        ),
        "repeating a narrowing returns the first receipt": case(
            given=[share_download("anna", "ben"), NARROW],
            when=NARROW,
            outcome=repeated(
                ended(grant("anna", "ben", "DOWNLOAD"), replaced_by=[grant("anna", "ben")])
            ),
            then=[can("ben", "VIEW"), cannot("ben", "DOWNLOAD")],
        ),
        "repeating a narrowing does not cut what was shared since": case(
            given=[share_download("anna", "ben"), NARROW, share_download("anna", "ben")],
            when=NARROW,
            outcome=repeated(
                ended(grant("anna", "ben", "DOWNLOAD"), replaced_by=[grant("anna", "ben")])
            ),
            then=can("ben", "DOWNLOAD"),
        ),
        "the same request id of another actor is another request": case(
            given=SHARE,
            when=share("ben", "carla", request_id="form-1"),
            outcome=shared(made("carla")),
            then=can("carla", "VIEW"),
        ),
    },
    "A preview of a repeat has no effects and is marked as repeated.": {
        "a preview of a repeated share has no effects and is marked as repeated": case(
            given=[SHARE, unshare("anna", "ben")], then=preview(SHARE, repeated=True)
        ),
        "a preview of a repeated unshare has no effects and is marked as repeated": case(
            given=[share("anna", "ben"), UNSHARE, share("anna", "ben")],
            then=[preview(UNSHARE, repeated=True), can("ben", "VIEW")],
        ),
    },
    "RequestIdReused: a different request or preview under a used id.": {
        "another recipient under a used request id is an error": case(
            given=SHARE,
            when=share("anna", "carla", request_id="form-1"),
            outcome=error("RequestIdReused"),
            then=cannot("carla", "VIEW"),
        ),
        "another time under a used request id is an error": case(
            given=SHARE,
            when=share("anna", "ben", request_id="form-1", until=DAY),
            outcome=error("RequestIdReused"),
        ),
        "another permission under a used request id is an error": case(
            given=SHARE,
            when=share_download("anna", "ben", request_id="form-1"),
            outcome=error("RequestIdReused"),
        ),
        "a preview of another share under a used request id is an error": case(
            given=SHARE,
            then=preview_error(share("anna", "carla", request_id="form-1"), "RequestIdReused"),
        ),
        "ending another grant under a used request id is an error": case(
            given=[
                share("anna", "ben", "carla"),
                end_grant("anna", "anna", "ben", request_id="form-1"),
            ],
            when=end_grant("anna", "anna", "carla", request_id="form-1"),
            outcome=error("RequestIdReused"),
            then=can("carla", "VIEW"),
        ),
        "another unshare under a used request id is an error": case(
            given=[share_download("anna", "ben", "carla"), UNSHARE],
            when=unshare("anna", "carla", request_id="form-1"),
            outcome=error("RequestIdReused"),
            then=can("carla", "DOWNLOAD"),
        ),
        "another narrowing under a used request id is an error": case(
            given=[share_download("anna", "ben", "carla"), NARROW],
            when=narrow("anna", "carla", permission="VIEW", request_id="form-1"),
            outcome=error("RequestIdReused"),
            then=can("carla", "DOWNLOAD"),
        ),
        "another choice for re-shares under a used request id is an error": case(
            given=[share_download("anna", "ben", "carla"), UNSHARE],
            when=unshare("anna", "ben", request_id="form-1", reshares="CASCADE"),
            outcome=error("RequestIdReused"),
            then=can("carla", "DOWNLOAD"),
        ),
        "an unshare under the request id of a share is an error": case(
            given=[
                share_download("anna", "ben", "carla"),
                share("anna", "carla", exam="mr", request_id="form-1"),
            ],
            when=unshare("anna", "carla", request_id="form-1"),
            outcome=error("RequestIdReused"),
            then=can("carla", "DOWNLOAD"),
        ),
        "a narrowing under the request id of an unshare is an error": case(
            given=[share_download("anna", "ben", "carla"), UNSHARE],
            when=narrow("anna", "carla", permission="VIEW", request_id="form-1"),
            outcome=error("RequestIdReused"),
            then=can("carla", "DOWNLOAD"),
        ),
    },
    "performed_by is recorded. It is never a right.": {
        "a user without access can perform a share for an actor who has it": case(
            when=share("anna", "ben", performed_by="carla"),
            outcome=shared(made("ben")),
            then=[can("ben", "VIEW"), cannot("carla", "VIEW"), notices(notice("ben"))],
        ),
        "a user with access cannot share through an actor who has none": case(
            given=share("anna", "ben"),
            when=share("carla", "dan", performed_by="ben"),
            outcome=not_found(),
            then=cannot("dan", "VIEW"),
        ),
        "download held by the performer does not count for the actor": case(
            given=share("anna", "ben"),
            when=share_download("ben", "carla", performed_by="anna"),
            outcome=refused(reason("DOWNLOAD_NOT_HELD", exams=["ct"])),
            then=cannot("carla", "VIEW"),
        ),
        "the owner cannot unshare through an actor who may not": case(
            given=share("anna", "ben", "carla"),
            when=unshare("carla", "ben", performed_by="anna"),
            outcome=refused("NOT_GRANTOR_OR_OWNER"),
            then=can("ben", "VIEW"),
        ),
    },
    "Ids are strings of 1 to 255 code points, compared code point by code point.": {
        "users whose ids differ only in case are different users": case(
            users=[user("Ben", name="Ben Adler"), user("renée"), user("rene\u0301e")],
            when=share("anna", "Ben"),
            outcome=shared(made("Ben")),
            then=[can("Ben", "VIEW"), cannot("ben", "VIEW"), visible_to("ben"), tabs("ben")],
        ),
        "users whose ids differ only in Unicode form are different users": case(
            users=[user("Ben", name="Ben Adler"), user("renée"), user("rene\u0301e")],
            when=share("anna", "renée"),
            outcome=shared(made("renée")),
            then=[can("renée", "VIEW"), cannot("rene\u0301e", "VIEW"), visible_to("rene\u0301e")],
        ),
        "unsharing an id that looks alike finds no grant": case(
            users=[user("Ben", name="Ben Adler"), user("renée"), user("rene\u0301e")],
            given=share("anna", "ben", "renée"),
            when=unshare("anna", "rene\u0301e"),
            outcome=refused("NO_SUCH_GRANT"),
            then=can("renée", "VIEW"),
        ),
        "exams whose ids differ only in case are different exams": case(
            uploads=[upload("cd", exam("ct")), upload("CD", exam("CT"))],
            when=share("anna", "ben", exam="CT", scope="BATCH"),
            outcome=shared(made("ben", exam="CT")),
            then=[can("ben", "VIEW", "CT"), cannot("ben", "VIEW"), form("ben", "CT")],
        ),
        "an exam id in another case is not found": case(
            when=share("anna", "ben", exam="Ct"), outcome=not_found("Ct")
        ),
        "an id of 255 code points is valid": case(
            when=share("anna", "x" * 255),
            outcome=refused(reason("RECIPIENT_NOT_FOUND", principals=["x" * 255])),
        ),
    },
    "InvalidValue: a malformed id or a naive datetime is an error of the caller.": {
        "an empty id is an error of the caller": case(
            when=share("anna", "ben", ""), outcome=error("InvalidValue"), then=cannot("ben", "VIEW")
        ),
        "an id of 256 code points is an error of the caller": case(
            when=share("anna", "ben", "x" * 256),
            outcome=error("InvalidValue"),
            then=cannot("ben", "VIEW"),
        ),
        "an id that ends in a space is an error of the caller": case(
            when=share("anna", "ben", "carla "),
            outcome=error("InvalidValue"),
            then=cannot("ben", "VIEW"),
        ),
        "an id with a control character is an error of the caller": case(
            when=share("anna", "ben", "car\u0007la"),
            outcome=error("InvalidValue"),
            then=cannot("ben", "VIEW"),
        ),
        "an id with a bidirectional control is an error of the caller": case(
            when=share("anna", "ben", "car\u202ela"),
            outcome=error("InvalidValue"),
            then=cannot("ben", "VIEW"),
        ),
        "a share until a time without a zone is an error of the caller": case(
            when=share("anna", "ben", until="2030-01-02T12:00:00"),
            outcome=error("InvalidValue"),
            then=cannot("ben", "VIEW"),
        ),
        "a narrowing to a time without a zone is an error of the caller": case(
            given=share("anna", "ben"),
            when=narrow("anna", "ben", until="2030-01-02T12:00:00"),
            outcome=error("InvalidValue"),
            then=can("ben", "VIEW"),
        ),
    },
    "A time in any zone is the same moment.": {
        "a time in another zone is the same time": case(
            when=share("anna", "ben", until="2030-01-02T14:00:00+02:00"),
            outcome=shared(made("ben", until=DAY, limited_by="ASKED")),
        ),
    },
}
