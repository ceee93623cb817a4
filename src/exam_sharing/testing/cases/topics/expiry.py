"""Expiry: until when a share lasts, and what happens at that time.

Specification: `#until-when`.
"""

from typing import Final

from exam_sharing.testing.cases.builders import DAY, HOUR, NOW, WEEK, case, clock, exam, upload
from exam_sharing.testing.cases.people import anna, ben, carla, dan, reason

__all__ = ["CASES"]


CASES: Final = {
    "Without a time, each exam is shared for as long as the actor's hold and the policy allow.": {
        "without a time, a share lasts for good if nothing limits it": case(
            when=anna.share(ben).granted()
        ),
        "without a time, a share lasts as long as the actor's own hold": case(
            policy={"max_duration": 604800},
            given=anna.share(ben, until=DAY),
            when=ben.share(carla).granted(until=DAY, limited_by="OWN_HOLD"),
        ),
        "without a time, a share lasts as long as the policy allows": case(
            policy={"max_duration": 86400},
            when=anna.share(ben).granted(until=DAY, limited_by="POLICY"),
        ),
        "without a time, each exam is shared for as long as the actor holds it": case(
            policy={"max_duration": 86400},
            uploads=[upload("cd", exam("ct", owner=ben), exam("mr"))],
            given=anna.share(ben, exam="mr", until=HOUR),
            when=ben.share(carla, scope="BATCH").shared(
                carla.granted(until=DAY, limited_by="POLICY"),
                carla.granted(exam="mr", until=HOUR, limited_by="OWN_HOLD"),
            ),
        ),
    },
    "The time asked for applies to every exam covered.": {
        "a time asked for holds for every exam of a batch": case(
            when=anna.share(ben, scope="BATCH", until=DAY).granted(
                "ct", "mr", "xray", until=DAY, limited_by="ASKED"
            )
        ),
    },
    "EXPIRY_IN_PAST: the time asked for is not in the future.": {
        "a time that has passed is refused": case(
            when=anna.share(ben, until=NOW).refused("EXPIRY_IN_PAST")
        ),
        "a time one microsecond ahead is allowed": case(
            when=anna.share(ben, until="2030-01-01T12:00:00.000001Z").granted(
                until="2030-01-01T12:00:00.000001Z", limited_by="ASKED"
            ),
            then=ben.can_view(),
        ),
    },
    "EXPIRY_BEYOND_OWN: the time is later than the actor's own hold on that permission.": {
        "a time up to the actor's own hold is allowed": case(
            given=anna.share(ben, until=DAY),
            when=ben.share(carla, until=DAY).granted(until=DAY, limited_by="ASKED"),
        ),
        "a time beyond the actor's own hold is refused": case(
            given=anna.share(ben, until=DAY),
            when=ben.share(carla, until=WEEK).refused("EXPIRY_BEYOND_OWN", exams=["ct"], until=DAY),
        ),
        "the refusal reports the earliest of several holds that are too short": case(
            given=[anna.share(ben, until=DAY), anna.share(ben, exam="mr", until=HOUR)],
            when=ben.share(carla, scope="BATCH", until=WEEK).refused(
                "EXPIRY_BEYOND_OWN", exams=["ct", "mr"], until=HOUR
            ),
        ),
        "the hold on download counts apart from the hold on view": case(
            given=[anna.share_download(ben, until=DAY), anna.share(ben)],
            when=ben.share_download(carla, until=WEEK).refused(
                "EXPIRY_BEYOND_OWN", exams=["ct"], until=DAY
            ),
        ),
        "an actor can share for as long as the longest of their holds": case(
            given=[anna.share(ben, until=HOUR), anna.share(carla, until=DAY), carla.share(ben)],
            when=ben.share(dan).granted(until=DAY, limited_by="OWN_HOLD"),
        ),
        "view held for good is shared for good although download ends sooner": case(
            given=[anna.share_download(ben, until=DAY), anna.share(ben)],
            when=ben.share(carla).granted(),
        ),
    },
    "EXPIRY_BEYOND_POLICY: the time is beyond the longest duration.": {
        "a time up to the longest duration is allowed": case(
            policy={"max_duration": 86400},
            when=anna.share(ben, until=DAY).granted(until=DAY, limited_by="ASKED"),
        ),
        "a time beyond the longest duration is refused": case(
            policy={"max_duration": 86400},
            when=anna.share(ben, until=WEEK).refused("EXPIRY_BEYOND_POLICY", until=DAY),
        ),
        "a time beyond the actor's hold and the longest duration is refused for both": case(
            policy={"max_duration": 86400},
            given=anna.share(ben, until=HOUR),
            when=ben.share(carla, until=WEEK).refused(
                reason("EXPIRY_BEYOND_OWN", exams=["ct"], until=HOUR),
                reason("EXPIRY_BEYOND_POLICY", until=DAY),
            ),
        ),
    },
    "A grant stands until it is ended or its time has come.": {
        "expired download can no longer be shared": case(
            given=[anna.share_download(ben, until=HOUR), anna.share(ben), clock(HOUR)],
            when=ben.share_download(carla).refused("DOWNLOAD_NOT_HELD", exams=["ct"]),
        ),
        "a share for a time gives access until just before that time": case(
            given=[anna.share(ben, until=HOUR), clock("2030-01-01T12:59:59.999999Z")],
            then=ben.can_view(),
        ),
        "a share for a time gives no access at that time": case(
            given=[anna.share(ben, until=HOUR), clock(HOUR)],
            then=[ben.cannot_view(), ben.tabs(), ben.shared_with()],
        ),
        "a share for a time shows everywhere until just before that time": case(
            given=[anna.share_download(ben, until=HOUR), clock("2030-01-01T12:59:59.999999Z")],
            then=[
                ben.can_download(),
                ben.tabs("DOWNLOAD", "SHARE", "VIEW"),
                ben.form("ct", download=True, latest_until=HOUR),
                ben.shared_with(("ct", "DOWNLOAD")),
                ben.visible_to(("ct", "DOWNLOAD")),
                anna.access_list(
                    ben.entry(
                        anna.gave(permission="DOWNLOAD", until=HOUR),
                        held={"VIEW": HOUR, "DOWNLOAD": HOUR},
                    )
                ),
            ],
        ),
        "a share for a time shows nowhere at that time": case(
            given=[anna.share_download(ben, until=HOUR), clock(HOUR)],
            then=[ben.cannot_download(), ben.no_form(), ben.visible_to(), anna.access_list()],
        ),
        "an entry of the access list has a time for each permission": case(
            given=[anna.share_download(ben, until=HOUR), anna.share(ben)],
            then=[
                anna.access_list(
                    ben.entry(
                        anna.gave(permission="DOWNLOAD", until=HOUR),
                        anna.gave(),
                        held={"VIEW": None, "DOWNLOAD": HOUR},
                    )
                ),
                ben.form("ct", download=True),
            ],
        ),
        "view shared for good remains when download expires": case(
            given=[anna.share_download(ben, until=HOUR), anna.share(ben), clock(HOUR)],
            then=[
                ben.can_view(),
                ben.cannot_download(),
                ben.tabs("SHARE", "VIEW"),
                ben.form("ct"),
                ben.shared_with(("ct", "VIEW")),
                ben.visible_to(("ct", "VIEW")),
                anna.access_list(ben.entry(anna.gave())),
            ],
        ),
        "a re-share expires at its own time": case(
            given=[anna.share(ben, until=HOUR), ben.share(carla), clock(HOUR)],
            then=[ben.cannot_view(), carla.cannot_view()],
        ),
        "an actor whose access has expired finds no exam to share": case(
            given=[anna.share(ben, until=HOUR), clock(HOUR)], when=ben.share(carla).not_found()
        ),
    },
}
