"""Batches: which exams a share covers, expected exams, subjects and uploads.

Specification: `#sharing-a-batch`, `#upload-batch`.
"""

from typing import Final

from exam_sharing.testing.cases.builders import (
    PAST,
    access_list,
    add_upload,
    can,
    cannot,
    case,
    entry,
    error,
    exam,
    form,
    given_by,
    made,
    preview,
    refused,
    share,
    shared,
    shared_with,
    upload,
    withdraw,
)

__all__ = ["CASES"]

ALIKE: Final = (
    exam("ct", uploaded_at="2030-01-01T11:40:00Z"),
    exam("mr", uploaded_at="2030-01-01T11:30:00Z", subject="p-1"),
    exam("us", uploaded_at="2030-01-01T11:20:00Z", subject="René"),
    exam("xray", uploaded_at="2030-01-01T11:10:00Z", subject="Rene\u0301"),
)
"""Exams of four subjects that look alike: by case, and by Unicode form."""

CASES: Final = {
    "EXAM covers the named exam, and BATCH the exams of its batch that the actor can see.": {
        "a share of one exam covers that exam alone": case(
            when=share("anna", "ben", scope="EXAM"),
            outcome=shared(made("ben")),
            then=shared_with("ben", ("ct", "VIEW")),
        ),
        "a share of a batch covers all exams of a CD": case(
            when=share("anna", "ben", scope="BATCH"),
            outcome=shared(made("ben"), made("ben", exam="mr"), made("ben", exam="xray")),
            then=shared_with("ben", ("ct", "VIEW"), ("mr", "VIEW"), ("xray", "VIEW")),
        ),
        "a share of a batch covers the exams that the actor can see": case(
            given=[share("anna", "ben"), share("anna", "ben", exam="mr")],
            when=share("ben", "carla", scope="BATCH"),
            outcome=shared(made("carla"), made("carla", exam="mr")),
            then=cannot("carla", "VIEW", "xray"),
        ),
        "a share of a batch does not cover exams that arrive later": case(
            given=[
                share("anna", "ben", scope="BATCH"),
                add_upload("cd", exam("us", uploaded_at="2030-01-01T11:30:00Z")),
            ],
            then=[can("ben", "VIEW", "xray"), cannot("ben", "VIEW", "us")],
        ),
        "a share of a batch does not cover another batch": case(
            uploads=[upload("cd", exam("ct")), upload("dvd", exam("us"))],
            when=share("anna", "ben", scope="BATCH"),
            outcome=shared(made("ben")),
            then=cannot("ben", "VIEW", "us"),
        ),
        "a sealed batch can be shared": case(
            uploads=[upload("cd", exam("ct"), exam("mr", uploaded_at=PAST), sealed=True)],
            when=share("anna", "ben", scope="BATCH"),
            outcome=shared(made("ben"), made("ben", exam="mr")),
        ),
        "a preview of a batch leaves out exams that the actor cannot see": case(
            given=[share("anna", "ben"), share("anna", "ben", exam="mr")],
            then=preview(
                share("ben", "carla", scope="BATCH"),
                gains=[("carla", "VIEW"), ("carla", "VIEW", "mr")],
            ),
        ),
    },
    "Exams of the batch that a recipient owns are left out for that recipient.": {
        "exams of the batch that a recipient owns are left out for that recipient": case(
            uploads=[upload("cd", exam("ct"), exam("mr", owner="ben"))],
            when=share("anna", "carla", scope="BATCH"),
            outcome=shared(made("carla")),
            then=cannot("carla", "VIEW", "mr"),
        ),
        "sharing a batch with a part-owner reports OWNS_IT": case(
            uploads=[upload("cd", exam("ct"), exam("mr", owner="ben"))],
            given=share("ben", "anna", exam="mr"),
            when=share("anna", "ben", scope="BATCH"),
            outcome=shared(made("ben"), made("ben", "OWNS_IT", exam="mr")),
        ),
        "a part-owner who received a batch is not on the access list of their own exam": case(
            uploads=[upload("cd", exam("ct"), exam("mr", owner="ben", uploaded_at=PAST))],
            given=[share("ben", "anna", exam="mr"), share("anna", "ben", scope="BATCH")],
            then=access_list("ben", entry("anna", given_by("ben")), owner="ben", exam="mr"),
        ),
        "a preview of a batch leaves out exams that the recipient owns": case(
            uploads=[upload("cd", exam("ct"), exam("mr", owner="ben", uploaded_at=PAST))],
            given=share("ben", "anna", exam="mr"),
            then=preview(
                share("anna", "ben", "carla", scope="BATCH"),
                gains=[("ben", "VIEW"), ("carla", "VIEW"), ("carla", "VIEW", "mr")],
            ),
        ),
    },
    "CHANGED_SINCE_SHOWN: a share of the batch would cover other exams than expected.": {
        "a share that covers the expected exams is made": case(
            when=share("anna", "ben", scope="BATCH", expect=["xray", "ct", "mr"]),
            outcome=shared(made("ben"), made("ben", exam="mr"), made("ben", exam="xray")),
        ),
        "a share that would cover other exams than expected is refused": case(
            when=share("anna", "ben", scope="BATCH", expect=["ct", "mr"]),
            outcome=refused("CHANGED_SINCE_SHOWN"),
        ),
        "an expected exam that was withdrawn changes what a share covers": case(
            given=withdraw("xray"),
            when=share("anna", "ben", scope="BATCH", expect=["ct", "mr", "xray"]),
            outcome=refused("CHANGED_SINCE_SHOWN"),
        ),
        "expected exams do not bind a share of one exam": case(
            when=share("anna", "ben", expect=["ct", "mr"]), outcome=shared(made("ben"))
        ),
        "exams that the actor cannot see are not expected": case(
            given=[share("anna", "ben"), share("anna", "ben", exam="mr")],
            when=share("ben", "carla", scope="BATCH", expect=["ct", "mr"]),
            outcome=shared(made("carla"), made("carla", exam="mr")),
        ),
    },
    "BATCH_SPANS_SUBJECTS: the policy forbids sharing several subjects in one act.": {
        "exams of several subjects are shared in one act by default": case(
            uploads=[upload("cd", exam("ct"), exam("mr", uploaded_at=PAST, subject="P-2"))],
            when=share("anna", "ben", scope="BATCH"),
            outcome=shared(made("ben"), made("ben", exam="mr")),
            then=form("anna", "ct", "mr", download=True, subjects=2),
        ),
        "a policy can forbid sharing exams of two subjects in one act": case(
            policy={"batches_across_subjects": False},
            uploads=[upload("cd", exam("ct"), exam("mr", subject="P-2"))],
            when=share("anna", "ben", scope="BATCH"),
            outcome=refused("BATCH_SPANS_SUBJECTS"),
        ),
        "one exam of a batch of several subjects can always be shared": case(
            policy={"batches_across_subjects": False},
            uploads=[upload("cd", *ALIKE)],
            when=share("anna", "ben", scope="EXAM"),
            outcome=shared(made("ben")),
        ),
        "subjects of exams that the actor cannot see do not count": case(
            policy={"batches_across_subjects": False},
            uploads=[upload("cd", exam("ct"), exam("mr", uploaded_at=PAST, subject="P-2"))],
            given=share("anna", "ben"),
            when=share("ben", "carla", scope="BATCH"),
            outcome=shared(made("carla")),
            then=form("ben", "ct"),
        ),
    },
    "A subject is compared, never shown. An exam without one counts as a subject of its own.": {
        "exams without a subject count as different subjects": case(
            policy={"batches_across_subjects": False},
            uploads=[upload("cd", exam("ct", subject=None), exam("mr", subject=None))],
            when=share("anna", "ben", scope="BATCH"),
            outcome=refused("BATCH_SPANS_SUBJECTS"),
        ),
        "the share form counts exams without a subject one by one": case(
            uploads=[
                upload("cd", exam("ct", subject=None), exam("mr", uploaded_at=PAST, subject=None))
            ],
            then=form("anna", "ct", "mr", download=True, subjects=2),
        ),
        "subjects that look alike are different subjects": case(
            uploads=[upload("cd", *ALIKE)],
            then=form("anna", "ct", "mr", "us", "xray", download=True, subjects=4),
        ),
        "subjects that differ only in case are different subjects": case(
            policy={"batches_across_subjects": False},
            uploads=[upload("cd", *ALIKE[:2])],
            when=share("anna", "ben", scope="BATCH"),
            outcome=refused("BATCH_SPANS_SUBJECTS"),
            then=cannot("ben", "VIEW"),
        ),
        "subjects that differ only in Unicode form are different subjects": case(
            policy={"batches_across_subjects": False},
            uploads=[upload("cd", *ALIKE[2:])],
            when=share("anna", "ben", exam="us", scope="BATCH"),
            outcome=refused("BATCH_SPANS_SUBJECTS"),
            then=cannot("ben", "VIEW", "us"),
        ),
    },
    "A batch may grow while the upload runs; then it is sealed.": {
        "a batch grows until it is sealed": case(
            when=add_upload("cd", exam("us", uploaded_at="2030-01-01T11:30:00Z")),
            outcome={},
            then=[
                form("anna", "us", "ct", "mr", "xray", download=True),
                can("anna", "DOWNLOAD", "us"),
            ],
        ),
        "a sealed batch takes no more exams": case(
            uploads=[upload("cd", exam("ct"), sealed=True)],
            when=add_upload("cd", exam("us")),
            outcome=error("BatchSealed"),
            then=[form("anna", "ct", download=True), cannot("anna", "VIEW", "us")],
        ),
        "an exam id cannot be uploaded twice": case(
            when=add_upload("dvd", exam("ct", owner="ben")),
            outcome=error("AlreadyExists"),
            then=[can("anna", "VIEW"), cannot("ben", "VIEW")],
        ),
    },
}
