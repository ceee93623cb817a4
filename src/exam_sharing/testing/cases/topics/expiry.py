"""Expiry: until when a share lasts, and what happens at that time.

Specification: `#until-when`.
"""

from typing import Final

from exam_sharing.testing.cases.builders import (
    DAY,
    HOUR,
    NOW,
    WEEK,
    access_list,
    can,
    cannot,
    case,
    clock,
    entry,
    exam,
    form,
    given_by,
    made,
    no_form,
    not_found,
    reason,
    refused,
    share,
    share_download,
    shared,
    shared_with,
    tabs,
    upload,
    visible_to,
)

__all__ = ["CASES"]

CASES: Final = {
    "Without a time, each exam is shared for as long as the actor's hold and the policy allow.": {
        "without a time, a share lasts for good if nothing limits it": case(
            when=share("anna", "ben"), outcome=shared(made("ben"))
        ),
        "without a time, a share lasts as long as the actor's own hold": case(
            policy={"max_duration": 604800},
            given=share("anna", "ben", until=DAY),
            when=share("ben", "carla"),
            outcome=shared(made("carla", until=DAY, limited_by="OWN_HOLD")),
        ),
        "without a time, a share lasts as long as the policy allows": case(
            policy={"max_duration": 86400},
            when=share("anna", "ben"),
            outcome=shared(made("ben", until=DAY, limited_by="POLICY")),
        ),
        "without a time, each exam is shared for as long as the actor holds it": case(
            policy={"max_duration": 86400},
            uploads=[upload("cd", exam("ct", owner="ben"), exam("mr"))],
            given=share("anna", "ben", exam="mr", until=HOUR),
            when=share("ben", "carla", scope="BATCH"),
            outcome=shared(
                made("carla", until=DAY, limited_by="POLICY"),
                made("carla", exam="mr", until=HOUR, limited_by="OWN_HOLD"),
            ),
        ),
    },
    "The time asked for applies to every exam covered.": {
        "a time asked for holds for every exam of a batch": case(
            when=share("anna", "ben", scope="BATCH", until=DAY),
            outcome=shared(
                made("ben", until=DAY, limited_by="ASKED"),
                made("ben", exam="mr", until=DAY, limited_by="ASKED"),
                made("ben", exam="xray", until=DAY, limited_by="ASKED"),
            ),
        ),
    },
    "EXPIRY_IN_PAST: the time asked for is not in the future.": {
        "a time that has passed is refused": case(
            when=share("anna", "ben", until=NOW), outcome=refused("EXPIRY_IN_PAST")
        ),
        "a time one microsecond ahead is allowed": case(
            when=share("anna", "ben", until="2030-01-01T12:00:00.000001Z"),
            outcome=shared(made("ben", until="2030-01-01T12:00:00.000001Z", limited_by="ASKED")),
            then=can("ben", "VIEW"),
        ),
    },
    "EXPIRY_BEYOND_OWN: the time is later than the actor's own hold on that permission.": {
        "a time up to the actor's own hold is allowed": case(
            given=share("anna", "ben", until=DAY),
            when=share("ben", "carla", until=DAY),
            outcome=shared(made("carla", until=DAY, limited_by="ASKED")),
        ),
        "a time beyond the actor's own hold is refused": case(
            given=share("anna", "ben", until=DAY),
            when=share("ben", "carla", until=WEEK),
            outcome=refused(reason("EXPIRY_BEYOND_OWN", exams=["ct"], until=DAY)),
        ),
        "the refusal reports the earliest of several holds that are too short": case(
            given=[share("anna", "ben", until=DAY), share("anna", "ben", exam="mr", until=HOUR)],
            when=share("ben", "carla", scope="BATCH", until=WEEK),
            outcome=refused(reason("EXPIRY_BEYOND_OWN", exams=["ct", "mr"], until=HOUR)),
        ),
        "the hold on download counts apart from the hold on view": case(
            given=[share_download("anna", "ben", until=DAY), share("anna", "ben")],
            when=share_download("ben", "carla", until=WEEK),
            outcome=refused(reason("EXPIRY_BEYOND_OWN", exams=["ct"], until=DAY)),
        ),
        "an actor can share for as long as the longest of their holds": case(
            given=[
                share("anna", "ben", until=HOUR),
                share("anna", "carla", until=DAY),
                share("carla", "ben"),
            ],
            when=share("ben", "dan"),
            outcome=shared(made("dan", until=DAY, limited_by="OWN_HOLD")),
        ),
        "view held for good is shared for good although download ends sooner": case(
            given=[share_download("anna", "ben", until=DAY), share("anna", "ben")],
            when=share("ben", "carla"),
            outcome=shared(made("carla")),
        ),
    },
    "EXPIRY_BEYOND_POLICY: the time is beyond the longest duration.": {
        "a time up to the longest duration is allowed": case(
            policy={"max_duration": 86400},
            when=share("anna", "ben", until=DAY),
            outcome=shared(made("ben", until=DAY, limited_by="ASKED")),
        ),
        "a time beyond the longest duration is refused": case(
            policy={"max_duration": 86400},
            when=share("anna", "ben", until=WEEK),
            outcome=refused(reason("EXPIRY_BEYOND_POLICY", until=DAY)),
        ),
        "a time beyond the actor's hold and the longest duration is refused for both": case(
            policy={"max_duration": 86400},
            given=share("anna", "ben", until=HOUR),
            when=share("ben", "carla", until=WEEK),
            outcome=refused(
                reason("EXPIRY_BEYOND_OWN", exams=["ct"], until=HOUR),
                reason("EXPIRY_BEYOND_POLICY", until=DAY),
            ),
        ),
    },
    "A grant stands until it is ended or its time has come.": {
        "expired download can no longer be shared": case(
            given=[share_download("anna", "ben", until=HOUR), share("anna", "ben"), clock(HOUR)],
            when=share_download("ben", "carla"),
            outcome=refused(reason("DOWNLOAD_NOT_HELD", exams=["ct"])),
        ),
        "a share for a time gives access until just before that time": case(
            given=[share("anna", "ben", until=HOUR), clock("2030-01-01T12:59:59.999999Z")],
            then=can("ben", "VIEW"),
        ),
        "a share for a time gives no access at that time": case(
            given=[share("anna", "ben", until=HOUR), clock(HOUR)],
            then=[cannot("ben", "VIEW"), tabs("ben"), shared_with("ben")],
        ),
        "a share for a time shows everywhere until just before that time": case(
            given=[share_download("anna", "ben", until=HOUR), clock("2030-01-01T12:59:59.999999Z")],
            then=[
                can("ben", "DOWNLOAD"),
                tabs("ben", "DOWNLOAD", "SHARE", "VIEW"),
                form("ben", "ct", download=True, latest_until=HOUR),
                shared_with("ben", ("ct", "DOWNLOAD")),
                visible_to("ben", ("ct", "DOWNLOAD")),
                access_list(
                    "anna",
                    entry(
                        "ben",
                        given_by("anna", permission="DOWNLOAD", until=HOUR),
                        held={"VIEW": HOUR, "DOWNLOAD": HOUR},
                    ),
                ),
            ],
        ),
        "a share for a time shows nowhere at that time": case(
            given=[share_download("anna", "ben", until=HOUR), clock(HOUR)],
            then=[
                cannot("ben", "DOWNLOAD"),
                no_form("ben"),
                visible_to("ben"),
                access_list("anna"),
            ],
        ),
        "an entry of the access list has a time for each permission": case(
            given=[share_download("anna", "ben", until=HOUR), share("anna", "ben")],
            then=[
                access_list(
                    "anna",
                    entry(
                        "ben",
                        given_by("anna", permission="DOWNLOAD", until=HOUR),
                        given_by("anna"),
                        held={"VIEW": None, "DOWNLOAD": HOUR},
                    ),
                ),
                form("ben", "ct", download=True),
            ],
        ),
        "view shared for good remains when download expires": case(
            given=[share_download("anna", "ben", until=HOUR), share("anna", "ben"), clock(HOUR)],
            then=[
                can("ben", "VIEW"),
                cannot("ben", "DOWNLOAD"),
                tabs("ben", "SHARE", "VIEW"),
                form("ben", "ct"),
                shared_with("ben", ("ct", "VIEW")),
                visible_to("ben", ("ct", "VIEW")),
                access_list("anna", entry("ben", given_by("anna"))),
            ],
        ),
        "a re-share expires at its own time": case(
            given=[share("anna", "ben", until=HOUR), share("ben", "carla"), clock(HOUR)],
            then=[cannot("ben", "VIEW"), cannot("carla", "VIEW")],
        ),
        "an actor whose access has expired finds no exam to share": case(
            given=[share("anna", "ben", until=HOUR), clock(HOUR)],
            when=share("ben", "carla"),
            outcome=not_found(),
        ),
    },
}
