"""What goes with a request: the id under which it comes again, and who performs it."""

from exam_sharing.testing.cases.schema import Case
from exam_sharing.testing.cases.table.phrases import (
    answers,
    case,
    end_grant,
    ended,
    grant,
    made,
    narrow,
    no,
    notice,
    portal,
    preview,
    reason,
    refused,
    repeated,
    share,
    shared,
    unshare,
    yes,
)

__all__ = ["requests"]


def requests() -> list[Case]:
    """Return cases of requests that come again, and of requests on somebody's behalf."""
    return [*_performed(), *_again(), *_under_used_ids()]


def _performed() -> list[Case]:
    rule = "Who performed it on the actor's behalf (kept, never a right)."
    return [
        case(
            "somebody without access may perform a share for whoever has it",
            rule,
            when=share("anna", "ct", "user:ben", performed_by="carla"),
            outcome=shared(made("ct", "user:ben")),
            then=[
                yes("ben", "VIEW", "ct"),
                no("carla", "VIEW", "ct"),
                answers([notice("ben", "anna")], "notices"),
            ],
        ),
        case(
            "somebody with access performs nothing for whoever has none",
            rule,
            portal(share("anna", "ct", "user:ben")),
            when=share("carla", "ct", "user:dan", performed_by="ben"),
            outcome=refused(reason("EXAM_NOT_FOUND", exams=["ct"])),
            then=[no("dan", "VIEW", "ct")],
        ),
        case(
            "download of whoever performs a share counts for nobody else",
            rule,
            portal(share("anna", "ct", "user:ben")),
            when=share("ben", "ct", "user:carla", permission="DOWNLOAD", performed_by="anna"),
            outcome=refused(reason("DOWNLOAD_NOT_HELD", exams=["ct"])),
            then=[no("carla", "VIEW", "ct")],
        ),
        case(
            "the owner performs no unshare for whoever may not",
            rule,
            portal(share("anna", "ct", "user:ben", "user:carla")),
            when=unshare("carla", "ct", "user:ben", performed_by="anna"),
            outcome=refused("NOT_GRANTOR_OR_OWNER"),
            then=[yes("ben", "VIEW", "ct")],
        ),
    ]


def _again() -> list[Case]:
    rule = "With the same request id and actor, the first receipt is returned and nothing is done."
    downloads = share("anna", "ct", "user:ben", permission="DOWNLOAD")
    unshares = unshare("anna", "ct", "user:ben", request_id="form-1")
    narrows = narrow("anna", "ct", "user:ben", permission="VIEW", request_id="form-1")
    ends = end_grant("anna", "ct", "anna", "user:ben", request_id="form-1")
    cut = ended(
        grant("ct", "anna", "user:ben", "DOWNLOAD"),
        replaced_by=[grant("ct", "anna", "user:ben")],
    )
    return [
        case(
            "the same unshare again returns the first receipt",
            rule,
            portal(share("anna", "ct", "user:ben"), unshares),
            when=unshares,
            outcome=repeated(ended(grant("ct", "anna", "user:ben"))),
            then=[no("ben", "VIEW", "ct")],
        ),
        case(
            "the same unshare again ends nothing that was shared since",
            rule,
            portal(share("anna", "ct", "user:ben"), unshares, share("anna", "ct", "user:ben")),
            when=unshares,
            outcome=repeated(ended(grant("ct", "anna", "user:ben"))),
            then=[yes("ben", "VIEW", "ct")],
        ),
        case(
            "the same narrowing again returns the first receipt",
            rule,
            portal(downloads, narrows),
            when=narrows,
            outcome=repeated(cut),
            then=[yes("ben", "VIEW", "ct"), no("ben", "DOWNLOAD", "ct")],
        ),
        case(
            "the same narrowing again cuts nothing that was shared since",
            rule,
            portal(downloads, narrows, downloads),
            when=narrows,
            outcome=repeated(cut),
            then=[yes("ben", "DOWNLOAD", "ct")],
        ),
        case(
            "a preview of the same unshare has no effects, and says that it was done before",
            "A preview of the same request has no effects and is marked as repeated.",
            portal(share("anna", "ct", "user:ben"), unshares, share("anna", "ct", "user:ben")),
            then=[preview(unshares, repeated=True), yes("ben", "VIEW", "ct")],
        ),
        case(
            "the end of another grant under a used id is a mistake of the caller",
            "A different request under a used id is a caller's error.",
            portal(share("anna", "ct", "user:ben", "user:carla"), ends),
            when=end_grant("anna", "ct", "anna", "user:carla", request_id="form-1"),
            outcome={"error": "RequestIdReused"},
            then=[yes("carla", "VIEW", "ct")],
        ),
        case(
            "the same request id of another actor is another request",
            rule,
            portal(
                share("anna", "ct", "user:ben", request_id="form-1"),
            ),
            when=share("ben", "ct", "user:carla", request_id="form-1"),
            outcome=shared(made("ct", "user:carla")),
            then=[yes("carla", "VIEW", "ct")],
        ),
    ]


def _under_used_ids() -> list[Case]:
    rule = "A different request under a used id is a caller's error."
    shares = share("anna", "ct", "user:ben", "user:carla", permission="DOWNLOAD")
    return [
        case(
            f"{what} under a used id is a mistake of the caller",
            rule,
            portal(shares, first),
            when=second,
            outcome={"error": "RequestIdReused"},
            then=[yes("carla", "DOWNLOAD", "ct")],
        )
        for what, first, second in (
            (
                "another unshare",
                unshare("anna", "ct", "user:ben", request_id="form-1"),
                unshare("anna", "ct", "user:carla", request_id="form-1"),
            ),
            (
                "another narrowing",
                narrow("anna", "ct", "user:ben", permission="VIEW", request_id="form-1"),
                narrow("anna", "ct", "user:carla", permission="VIEW", request_id="form-1"),
            ),
            (
                "an unshare with another wish for re-shares",
                unshare("anna", "ct", "user:ben", request_id="form-1"),
                unshare("anna", "ct", "user:ben", request_id="form-1", reshares="CASCADE"),
            ),
            (
                "an unshare after a share",
                share("anna", "mr", "user:carla", request_id="form-1"),
                unshare("anna", "ct", "user:carla", request_id="form-1"),
            ),
            (
                "a narrowing after an unshare",
                unshare("anna", "ct", "user:ben", request_id="form-1"),
                narrow("anna", "ct", "user:carla", permission="VIEW", request_id="form-1"),
            ),
        )
    ]
