"""How far a share goes: until when it lasts, and which exams of a batch it covers.

Specification: `#until-when`, `#sharing-a-batch`, `#upload-batch`.
"""

from functools import partial
from typing import Final

from exam_sharing.testing.cases.builders import add_upload, case, clock, exam, upload, withdraw
from exam_sharing.testing.cases.people import DAY, HOUR, NOW, PAST, WEEK, reason
from exam_sharing.testing.cases.topics import After, anna, ben, carla, dan

one_day: Final = partial(case, max_duration=86400)
two_exams: Final = partial(case, anna.share(ben), anna.share(ben, exam="mr"))
part_owner: Final = partial(case, uploads=[upload("cd", exam("ct"), exam("mr", owner=ben))])
one_subject: Final = partial(case, batches_across_subjects=False)
ALIKE: Final = (
    exam("ct", uploaded_at="2030-01-01T11:40:00Z"),
    exam("mr", uploaded_at="2030-01-01T11:30:00Z", subject="p-1"),
    exam("us", uploaded_at="2030-01-01T11:20:00Z", subject="René"),
    exam("xray", uploaded_at="2030-01-01T11:10:00Z", subject="Rene\u0301"),
)
"""Exams of four subjects that look alike: by case, and by Unicode form."""

CASES: Final = {
    "Without a time, each exam is shared for as long as the actor's hold and the policy allow.": {
        "without a time, a share lasts as long as the actor's own hold": case(
            anna.share(ben, until=DAY),
            ben.share(carla).granted(until=DAY, limited_by="OWN_HOLD"),
            max_duration=604800,
        ),
        "without a time, a share lasts as long as the policy allows": one_day(
            anna.share(ben).granted(until=DAY, limited_by="POLICY")
        ),
        "without a time, each exam is shared for as long as the actor holds it": one_day(
            anna.share(ben, exam="mr", until=HOUR),
            ben.share_batch(carla).shared(
                carla.granted(until=DAY, limited_by="POLICY"),
                carla.granted(exam="mr", until=HOUR, limited_by="OWN_HOLD"),
            ),
            uploads=[upload("cd", exam("ct", owner=ben), exam("mr"))],
        ),
    },
    "The time asked for applies to every exam covered.": {
        "a time asked for holds for every exam of a batch": case(
            anna.share_batch(ben, until=DAY).granted("ct", "mr", "xray", until=DAY)
        )
    },
    "EXPIRY_IN_PAST: the time asked for is not in the future.": {
        "a time that has passed is refused": case(
            anna.share(ben, until=NOW).refused("EXPIRY_IN_PAST")
        ),
        "a time one microsecond ahead is allowed": case(
            anna.share(ben, until="2030-01-01T12:00:00.000001Z").granted(
                until="2030-01-01T12:00:00.000001Z"
            ),
            ben.can_view(),
        ),
    },
    "EXPIRY_BEYOND_OWN: the time is later than the actor's own hold on that permission.": {
        "a time up to the actor's own hold is allowed": case(
            anna.share(ben, until=DAY), ben.share(carla, until=DAY).granted(until=DAY)
        ),
        "a time beyond the actor's own hold is refused": case(
            anna.share(ben, until=DAY),
            ben.share(carla, until=WEEK).refused("EXPIRY_BEYOND_OWN", exams=["ct"], until=DAY),
        ),
        "the refusal reports the earliest of several holds that are too short": case(
            [anna.share(ben, until=DAY), anna.share(ben, exam="mr", until=HOUR)],
            ben.share_batch(carla, until=WEEK).refused(
                "EXPIRY_BEYOND_OWN", exams=["ct", "mr"], until=HOUR
            ),
        ),
        "the hold on download counts apart from the hold on view": case(
            [anna.share_download(ben, until=DAY), anna.share(ben)],
            ben.share_download(carla, until=WEEK).refused(
                "EXPIRY_BEYOND_OWN", exams=["ct"], until=DAY
            ),
        ),
        "an actor can share for as long as the longest of their holds": case(
            [anna.share(ben, until=HOUR), anna.share(carla, until=DAY), carla.share(ben)],
            ben.share(dan).granted(until=DAY, limited_by="OWN_HOLD"),
        ),
        "view held for good is shared for good although download ends sooner": case(
            anna.share_download(ben, until=DAY), anna.share(ben), ben.share(carla).granted()
        ),
    },
    "EXPIRY_BEYOND_POLICY: the time is beyond the longest duration.": {
        "a time up to the longest duration is allowed": one_day(
            anna.share(ben, until=DAY).granted(until=DAY)
        ),
        "a time beyond the longest duration is refused": one_day(
            anna.share(ben, until=WEEK).refused("EXPIRY_BEYOND_POLICY", until=DAY)
        ),
        "a time beyond the actor's hold and the longest duration is refused for both": one_day(
            anna.share(ben, until=HOUR),
            ben.share(carla, until=WEEK).refused(
                reason("EXPIRY_BEYOND_OWN", exams=["ct"], until=HOUR),
                reason("EXPIRY_BEYOND_POLICY", until=DAY),
            ),
        ),
    },
    "A grant stands until it is ended or its time has come.": {
        "expired download can no longer be shared": case(
            [anna.share_download(ben, until=HOUR), anna.share(ben), clock(HOUR)],
            ben.share_download(carla).download_not_held("ct"),
        ),
        "a share for a time gives access until just before that time": case(
            anna.share(ben, until=HOUR), clock("2030-01-01T12:59:59.999999Z"), ben.can_view()
        ),
        "a share for a time gives no access at that time": case(
            [anna.share(ben, until=HOUR), clock(HOUR)],
            [ben.cannot_view(), ben.tabs(), ben.shared_with()],
        ),
        "a share for a time shows everywhere until just before that time": case(
            [anna.share_download(ben, until=HOUR), clock("2030-01-01T12:59:59.999999Z")],
            ben.can_download(),
            ben.tabs("DOWNLOAD", "SHARE", "VIEW"),
            ben.form("ct", download=True, latest_until=HOUR),
            ben.shared_with(("ct", "DOWNLOAD")),
            ben.visible_to(("ct", "DOWNLOAD")),
            anna.access_list(ben.entry(anna.gave_download(until=HOUR), VIEW=HOUR, DOWNLOAD=HOUR)),
        ),
        "a share for a time shows nowhere at that time": case(
            [anna.share_download(ben, until=HOUR), clock(HOUR)],
            [ben.cannot_download(), ben.no_form(), ben.visible_to(), anna.access_list()],
        ),
        "an entry of the access list has a time for each permission": case(
            [anna.share_download(ben, until=HOUR), anna.share(ben)],
            anna.access_list(
                ben.entry(anna.gave_download(until=HOUR), anna.gave(), VIEW=None, DOWNLOAD=HOUR)
            ),
            ben.form("ct", download=True),
        ),
        "view shared for good remains when download expires": case(
            [anna.share_download(ben, until=HOUR), anna.share(ben), clock(HOUR)],
            ben.can_view(),
            ben.cannot_download(),
            ben.tabs("SHARE", "VIEW"),
            ben.form("ct"),
            ben.shared_with(("ct", "VIEW")),
            ben.visible_to(("ct", "VIEW")),
            anna.access_list(ben.entry(anna.gave())),
        ),
        "a re-share expires at its own time": case(
            [anna.share(ben, until=HOUR), ben.share(carla), clock(HOUR)],
            [ben.cannot_view(), carla.cannot_view()],
        ),
        "an actor whose access has expired finds no exam to share": case(
            anna.share(ben, until=HOUR), clock(HOUR), ben.share(carla).not_found()
        ),
    },
    "EXAM covers the named exam, and BATCH the exams of its batch that the actor can see.": {
        "a share of one exam covers that exam alone": case(
            anna.share(ben, scope="EXAM").granted(), ben.shared_with(("ct", "VIEW"))
        ),
        "a share of a batch covers all exams of a CD": case(
            anna.share_batch(ben).granted("ct", "mr", "xray"),
            ben.shared_with(("ct", "VIEW"), ("mr", "VIEW"), ("xray", "VIEW")),
        ),
        "a share of a batch covers the exams that the actor can see": two_exams(
            ben.share_batch(carla).granted("ct", "mr"), carla.cannot_view("xray")
        ),
        "a share of a batch does not cover exams that arrive later": case(
            anna.share_batch(ben),
            add_upload("cd", exam("us", uploaded_at="2030-01-01T11:30:00Z")),
            ben.can_view("xray"),
            ben.cannot_view("us"),
        ),
        "a share of a batch does not cover another batch": case(
            anna.share_batch(ben).granted(),
            ben.cannot_view("us"),
            uploads=[upload("cd", exam("ct")), upload("dvd", exam("us"))],
        ),
        "a sealed batch can be shared": case(
            anna.share_batch(ben).granted("ct", "mr"),
            uploads=[upload("cd", exam("ct"), exam("mr", uploaded_at=PAST), sealed=True)],
        ),
        "a preview of a batch leaves out exams that the actor cannot see": two_exams(
            ben.share_batch(carla).previewed(gains=[carla, (carla, "VIEW", "mr")])
        ),
    },
    "Exams of the batch that a recipient owns are left out for that recipient.": {
        "exams of the batch that a recipient owns are left out for that recipient": part_owner(
            anna.share_batch(carla).granted(), carla.cannot_view("mr")
        ),
        "a part-owner who received a batch is not on the access list of their own exam": case(
            [ben.share(anna, exam="mr"), anna.share_batch(ben)],
            ben.access_list(anna.entry(ben.gave()), owner=ben, exam="mr"),
            uploads=[upload("cd", exam("ct"), exam("mr", owner=ben, uploaded_at=PAST))],
        ),
        "a preview of a batch leaves out exams that the recipient owns": case(
            ben.share(anna, exam="mr"),
            anna.share_batch(ben, carla).previewed(gains=[ben, carla, (carla, "VIEW", "mr")]),
            uploads=[upload("cd", exam("ct"), exam("mr", owner=ben, uploaded_at=PAST))],
        ),
    },
    "CHANGED_SINCE_SHOWN: a share of the batch would cover other exams than expected.": {
        "a share that covers the expected exams is made": case(
            anna.share_batch(ben, expect=["xray", "ct", "mr"]).granted("ct", "mr", "xray")
        ),
        "a share that would cover other exams than expected is refused": case(
            anna.share_batch(ben, expect=["ct", "mr"]).refused("CHANGED_SINCE_SHOWN")
        ),
        "an expected exam that was withdrawn changes what a share covers": case(
            withdraw("xray"),
            anna.share_batch(ben, expect=["ct", "mr", "xray"]).refused("CHANGED_SINCE_SHOWN"),
        ),
        "expected exams do not bind a share of one exam": case(
            anna.share(ben, expect=["ct", "mr"]).granted()
        ),
        "exams that the actor cannot see are not expected": two_exams(
            ben.share_batch(carla, expect=["ct", "mr"]).granted("ct", "mr")
        ),
    },
    "BATCH_SPANS_SUBJECTS: the policy forbids sharing several subjects in one act.": {
        "exams of several subjects are shared in one act by default": case(
            anna.share_batch(ben).granted("ct", "mr"),
            anna.form("ct", "mr", download=True, subjects=2),
            uploads=[upload("cd", exam("ct"), exam("mr", uploaded_at=PAST, subject="P-2"))],
        ),
        "a policy can forbid sharing exams of two subjects in one act": one_subject(
            anna.share_batch(ben).refused("BATCH_SPANS_SUBJECTS"),
            uploads=[upload("cd", exam("ct"), exam("mr", subject="P-2"))],
        ),
        "one exam of a batch of several subjects can always be shared": one_subject(
            anna.share(ben, scope="EXAM").granted(), uploads=[upload("cd", *ALIKE)]
        ),
        "subjects of exams that the actor cannot see do not count": After.share(
            ben.share_batch(carla).granted(),
            ben.form("ct"),
            batches_across_subjects=False,
            uploads=[upload("cd", exam("ct"), exam("mr", uploaded_at=PAST, subject="P-2"))],
        ),
    },
    "A subject is compared, never shown. An exam without one counts as a subject of its own.": {
        "exams without a subject count as different subjects": one_subject(
            anna.share_batch(ben).refused("BATCH_SPANS_SUBJECTS"),
            uploads=[upload("cd", exam("ct", subject=None), exam("mr", subject=None))],
        ),
        "the share form counts exams without a subject one by one": case(
            anna.form("ct", "mr", download=True, subjects=2),
            uploads=[
                upload("cd", exam("ct", subject=None), exam("mr", uploaded_at=PAST, subject=None))
            ],
        ),
        "subjects that look alike are different subjects": case(
            anna.form("ct", "mr", "us", "xray", download=True, subjects=4),
            uploads=[upload("cd", *ALIKE)],
        ),
        "subjects that differ only in case are different subjects": one_subject(
            anna.share_batch(ben).refused("BATCH_SPANS_SUBJECTS"),
            ben.cannot_view(),
            uploads=[upload("cd", *ALIKE[:2])],
        ),
        "subjects that differ only in Unicode form are different subjects": one_subject(
            anna.share_batch(ben, exam="us").refused("BATCH_SPANS_SUBJECTS"),
            ben.cannot_view("us"),
            uploads=[upload("cd", *ALIKE[2:])],
        ),
    },
    "A batch may grow while the upload runs; then it is sealed.": {
        "a batch grows until it is sealed": case(
            add_upload("cd", exam("us", uploaded_at="2030-01-01T11:30:00Z")).done(),
            [anna.form("us", "ct", "mr", "xray", download=True), anna.can_download("us")],
        ),
        "a sealed batch takes no more exams": case(
            add_upload("cd", exam("us")).error("BatchSealed"),
            [anna.form("ct", download=True), anna.cannot_view("us")],
            choice="what becomes of an exam for a sealed batch",
            uploads=[upload("cd", exam("ct"), sealed=True)],
        ),
        "an exam id cannot be uploaded twice": case(
            add_upload("dvd", exam("ct", owner=ben)).error("AlreadyExists"),
            [anna.can_view(), ben.cannot_view()],
            choice="what becomes of an exam whose id is taken",
        ),
    },
}
