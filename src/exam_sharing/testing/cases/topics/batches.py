"""Batches: which exams a share covers, expected exams, subjects and uploads.

Specification: `#sharing-a-batch`, `#upload-batch`.
"""

from typing import Final

from exam_sharing.testing.cases.builders import PAST, add_upload, case, exam, upload, withdraw
from exam_sharing.testing.cases.people import anna, ben, carla

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
            when=anna.share(ben, scope="EXAM").granted(), then=ben.shared_with(("ct", "VIEW"))
        ),
        "a share of a batch covers all exams of a CD": case(
            when=anna.share(ben, scope="BATCH").granted("ct", "mr", "xray"),
            then=ben.shared_with(("ct", "VIEW"), ("mr", "VIEW"), ("xray", "VIEW")),
        ),
        "a share of a batch covers the exams that the actor can see": case(
            given=[anna.share(ben), anna.share(ben, exam="mr")],
            when=ben.share(carla, scope="BATCH").granted("ct", "mr"),
            then=carla.cannot_view("xray"),
        ),
        "a share of a batch does not cover exams that arrive later": case(
            given=[
                anna.share(ben, scope="BATCH"),
                add_upload("cd", exam("us", uploaded_at="2030-01-01T11:30:00Z")),
            ],
            then=[ben.can_view("xray"), ben.cannot_view("us")],
        ),
        "a share of a batch does not cover another batch": case(
            uploads=[upload("cd", exam("ct")), upload("dvd", exam("us"))],
            when=anna.share(ben, scope="BATCH").granted(),
            then=ben.cannot_view("us"),
        ),
        "a sealed batch can be shared": case(
            uploads=[upload("cd", exam("ct"), exam("mr", uploaded_at=PAST), sealed=True)],
            when=anna.share(ben, scope="BATCH").granted("ct", "mr"),
        ),
        "a preview of a batch leaves out exams that the actor cannot see": case(
            given=[anna.share(ben), anna.share(ben, exam="mr")],
            then=ben.share(carla, scope="BATCH").previewed(gains=[carla, (carla, "VIEW", "mr")]),
        ),
    },
    "Exams of the batch that a recipient owns are left out for that recipient.": {
        "exams of the batch that a recipient owns are left out for that recipient": case(
            uploads=[upload("cd", exam("ct"), exam("mr", owner=ben))],
            when=anna.share(carla, scope="BATCH").granted(),
            then=carla.cannot_view("mr"),
        ),
        "sharing a batch with a part-owner reports OWNS_IT": case(
            uploads=[upload("cd", exam("ct"), exam("mr", owner=ben))],
            given=ben.share(anna, exam="mr"),
            when=anna.share(ben, scope="BATCH").shared(ben.granted(), ben.owns_it(exam="mr")),
        ),
        "a part-owner who received a batch is not on the access list of their own exam": case(
            uploads=[upload("cd", exam("ct"), exam("mr", owner=ben, uploaded_at=PAST))],
            given=[ben.share(anna, exam="mr"), anna.share(ben, scope="BATCH")],
            then=ben.access_list(anna.entry(ben.gave()), owner=ben, exam="mr"),
        ),
        "a preview of a batch leaves out exams that the recipient owns": case(
            uploads=[upload("cd", exam("ct"), exam("mr", owner=ben, uploaded_at=PAST))],
            given=ben.share(anna, exam="mr"),
            then=anna.share(ben, carla, scope="BATCH").previewed(
                gains=[ben, carla, (carla, "VIEW", "mr")]
            ),
        ),
    },
    "CHANGED_SINCE_SHOWN: a share of the batch would cover other exams than expected.": {
        "a share that covers the expected exams is made": case(
            when=anna.share(ben, scope="BATCH", expect=["xray", "ct", "mr"]).granted(
                "ct", "mr", "xray"
            )
        ),
        "a share that would cover other exams than expected is refused": case(
            when=anna.share(ben, scope="BATCH", expect=["ct", "mr"]).refused("CHANGED_SINCE_SHOWN")
        ),
        "an expected exam that was withdrawn changes what a share covers": case(
            given=withdraw("xray"),
            when=anna.share(ben, scope="BATCH", expect=["ct", "mr", "xray"]).refused(
                "CHANGED_SINCE_SHOWN"
            ),
        ),
        "expected exams do not bind a share of one exam": case(
            when=anna.share(ben, expect=["ct", "mr"]).granted()
        ),
        "exams that the actor cannot see are not expected": case(
            given=[anna.share(ben), anna.share(ben, exam="mr")],
            when=ben.share(carla, scope="BATCH", expect=["ct", "mr"]).granted("ct", "mr"),
        ),
    },
    "BATCH_SPANS_SUBJECTS: the policy forbids sharing several subjects in one act.": {
        "exams of several subjects are shared in one act by default": case(
            uploads=[upload("cd", exam("ct"), exam("mr", uploaded_at=PAST, subject="P-2"))],
            when=anna.share(ben, scope="BATCH").granted("ct", "mr"),
            then=anna.form("ct", "mr", download=True, subjects=2),
        ),
        "a policy can forbid sharing exams of two subjects in one act": case(
            policy={"batches_across_subjects": False},
            uploads=[upload("cd", exam("ct"), exam("mr", subject="P-2"))],
            when=anna.share(ben, scope="BATCH").refused("BATCH_SPANS_SUBJECTS"),
        ),
        "one exam of a batch of several subjects can always be shared": case(
            policy={"batches_across_subjects": False},
            uploads=[upload("cd", *ALIKE)],
            when=anna.share(ben, scope="EXAM").granted(),
        ),
        "subjects of exams that the actor cannot see do not count": case(
            policy={"batches_across_subjects": False},
            uploads=[upload("cd", exam("ct"), exam("mr", uploaded_at=PAST, subject="P-2"))],
            given=anna.share(ben),
            when=ben.share(carla, scope="BATCH").granted(),
            then=ben.form("ct"),
        ),
    },
    "A subject is compared, never shown. An exam without one counts as a subject of its own.": {
        "exams without a subject count as different subjects": case(
            policy={"batches_across_subjects": False},
            uploads=[upload("cd", exam("ct", subject=None), exam("mr", subject=None))],
            when=anna.share(ben, scope="BATCH").refused("BATCH_SPANS_SUBJECTS"),
        ),
        "the share form counts exams without a subject one by one": case(
            uploads=[
                upload("cd", exam("ct", subject=None), exam("mr", uploaded_at=PAST, subject=None))
            ],
            then=anna.form("ct", "mr", download=True, subjects=2),
        ),
        "subjects that look alike are different subjects": case(
            uploads=[upload("cd", *ALIKE)],
            then=anna.form("ct", "mr", "us", "xray", download=True, subjects=4),
        ),
        "subjects that differ only in case are different subjects": case(
            policy={"batches_across_subjects": False},
            uploads=[upload("cd", *ALIKE[:2])],
            when=anna.share(ben, scope="BATCH").refused("BATCH_SPANS_SUBJECTS"),
            then=ben.cannot_view(),
        ),
        "subjects that differ only in Unicode form are different subjects": case(
            policy={"batches_across_subjects": False},
            uploads=[upload("cd", *ALIKE[2:])],
            when=anna.share(ben, exam="us", scope="BATCH").refused("BATCH_SPANS_SUBJECTS"),
            then=ben.cannot_view("us"),
        ),
    },
    "A batch may grow while the upload runs; then it is sealed.": {
        "a batch grows until it is sealed": case(
            when=add_upload("cd", exam("us", uploaded_at="2030-01-01T11:30:00Z")).done(),
            then=[anna.form("us", "ct", "mr", "xray", download=True), anna.can_download("us")],
        ),
        "a sealed batch takes no more exams": case(
            uploads=[upload("cd", exam("ct"), sealed=True)],
            when=add_upload("cd", exam("us")).error("BatchSealed"),
            then=[anna.form("ct", download=True), anna.cannot_view("us")],
        ),
        "an exam id cannot be uploaded twice": case(
            when=add_upload("dvd", exam("ct", owner=ben)).error("AlreadyExists"),
            then=[anna.can_view(), ben.cannot_view()],
        ),
    },
}
